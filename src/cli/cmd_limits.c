/* flopwise limits: what a model may ask for at most. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    (void)nets;
    (void)args;
    return fw_limits_report(ret, err);
}

enum fw_status cmd_limits(const struct cli_command *self, struct cli_args *args,
                          struct fw_error *err)
{
    (void)self;
    return cli_answer(args, 0, ask, err);
}
