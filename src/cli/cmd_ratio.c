/* flopwise ratio: backward to forward, over the batch or another size. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_ratio_report(ret, nets[0], &args->options, args->sweep, err);
}

enum fw_status cmd_ratio(const struct cli_command *self, struct cli_args *args,
                         struct fw_error *err)
{
    return cli_answer(args, self->max, ask, err);
}
