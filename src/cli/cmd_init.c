/* flopwise init: variances at initialisation. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_init_report(ret, nets[0], &args->options, &args->init, err);
}

enum fw_status cmd_init(const struct cli_command *self, struct cli_args *args, struct fw_error *err)
{
    return cli_answer(args, self->max, ask, err);
}
