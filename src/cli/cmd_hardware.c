/* flopwise hardware: the table of accelerators. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    (void)nets;
    return fw_hardware_report(ret, args->positional[0], args->years, err);
}

enum fw_status cmd_hardware(const struct cli_command *self, struct cli_args *args,
                            struct fw_error *err)
{
    (void)self;
    return cli_answer(args, 0, ask, err);
}
