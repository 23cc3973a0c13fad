/* flopwise field: receptive fields. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_field_report(ret, nets[0], args->input, args->at, err);
}

enum fw_status cmd_field(const struct cli_command *self, struct cli_args *args,
                         struct fw_error *err)
{
    return cli_answer(args, self->max, ask, err);
}
