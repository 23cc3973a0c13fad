/* flopwise count: parameters, operations and bytes. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_count_report(ret, nets[0], &args->options, err);
}

enum fw_status cmd_count(const struct cli_command *self, struct cli_args *args,
                         struct fw_error *err)
{
    return cli_answer(args, self->max, ask, err);
}
