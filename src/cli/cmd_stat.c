/* flopwise stat: another program under the hardware's counter. */
#include "cli/cli.h"

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    struct fw_program program = args->stat;
    program.net = nets[0];
    program.argv = (const char *const *)args->program; // ends with the NULL of main's argv
    enum fw_status status = fw_stat_report(ret, args->counter, &program, &args->options, err);
    int64_t exit_code = 0;
    if (status == FW_OK)
        status = fw_report_int(*ret, "exit_code", &exit_code, err);
    *args->ret_exit_code = (int)exit_code;
    return status;
}

enum fw_status cmd_stat(const struct cli_command *self, struct cli_args *args, struct fw_error *err)
{
    (void)self;
    int exit_code = 0;
    args->positional[0] = args->model;
    // cppcheck-suppress autoVariables // only until cli_answer returns
    args->ret_exit_code = &exit_code;
    enum fw_status status = cli_answer(args, args->model != NULL ? 1 : 0, ask, err);
    args->exit_code = exit_code;
    return status;
}
