/* flopwise audit: predicted, executed and retired operations side by side. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    enum fw_status status =
        fw_audit_report(ret, nets[0], args->counter, &args->options, &args->running, err);
    const char *missing = status == FW_OK ? fw_report_text(*ret, "counter_missing") : NULL;
    if (missing == NULL)
        return status;
    (void)cli_usage(err, "%.300s", missing);
    err->code = FW_COUNTER;
    if (args->strict) {
        fw_report_free(*ret);
        return FW_COUNTER;
    }
    if (!args->quiet && strcmp(args->format, "csv") == 0) // every other one says it itself
        fprintf(stderr, "flopwise: %s\n", err->message);
    return FW_OK;
}

enum fw_status cmd_audit(const struct cli_command *self, struct cli_args *args,
                         struct fw_error *err)
{
    enum fw_status status = cli_read_running(args, err);
    return status != FW_OK ? status : cli_answer(args, self->max, ask, err);
}
