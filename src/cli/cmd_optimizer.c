/* flopwise optimizer: the table of optimizers, or one of them. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    (void)nets;
    return fw_optimizer_report(ret, args->positional[0], &args->trial, err);
}

enum fw_status cmd_optimizer(const struct cli_command *self, struct cli_args *args,
                             struct fw_error *err)
{
    (void)self;
    return cli_answer(args, 0, ask, err);
}
