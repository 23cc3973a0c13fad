/* flopwise check: budgets for continuous integration. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    return fw_check_report(ret, nets[0], &args->options, &args->budget, err);
}

enum fw_status cmd_check(const struct cli_command *self, struct cli_args *args,
                         struct fw_error *err)
{
    const struct fw_budget *b = &args->budget;
    if (!b->max_params && !b->max_mac && !b->max_flop && !b->max_step_flop && !b->max_memory)
        return cli_usage(err, "check wants a budget, such as --max-params 5M");
    if (b->max_step_flop != NULL && args->options.inference)
        return cli_usage(err, "--max-step-flop is about training: it does not go with --infer");
    return cli_answer(args, self->max, ask, err);
}
