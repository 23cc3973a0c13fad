/* flopwise diff: two models side by side. */
#include "cli/cli.h"

#include <string.h>

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_diff_report(ret, nets[0], nets[1], &args->options, err);
}

enum fw_status cmd_diff(const struct cli_command *self, struct cli_args *args, struct fw_error *err)
{
    if (strcmp(args->positional[0], "-") == 0 && strcmp(args->positional[1], "-") == 0)
        return cli_usage(err, "standard input is one model: - may stand once");
    return cli_answer(args, self->max, ask, err);
}
