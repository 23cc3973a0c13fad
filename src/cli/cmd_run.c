/* flopwise run: executes a network. */
#include "cli/cli.h"

#include <string.h>

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_run_report(ret, nets[0], &args->options, &args->running, err);
}

enum fw_status cli_read_running(struct cli_args *args, struct fw_error *err)
{
    const char *mode = args->mode != NULL ? args->mode : "fast";
    args->running.exact = strcmp(mode, "exact") == 0;
    args->running.inputs = args->inputs.item;
    args->running.n_inputs = args->inputs.n;
    args->running.begins = cli_watch;
    args->running.begins_ctx = args;
    if (!args->running.exact && strcmp(mode, "fast") != 0)
        return cli_usage(err, "--mode '%.100s': fast or exact is wanted", mode);
    return FW_OK;
}

enum fw_status cmd_run(const struct cli_command *self, struct cli_args *args, struct fw_error *err)
{
    enum fw_status status = cli_read_running(args, err);
    return status != FW_OK ? status : cli_answer(args, self->max, ask, err);
}
