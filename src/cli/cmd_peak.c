/* flopwise peak: what this machine can do at most. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    (void)nets;
    return fw_peak_report(ret, args->fresh, err);
}

enum fw_status cmd_peak(const struct cli_command *self, struct cli_args *args, struct fw_error *err)
{
    return cli_answer(args, self->max, ask, err);
}
