/* flopwise help: the commands, or the options of one. */
#include "cli/cli.h"

enum fw_status cmd_help(const struct cli_command *self, struct cli_args *args, struct fw_error *err)
{
    (void)self;
    if (args->n_positional == 0)
        return cli_help_all(1, err);
    const struct cli_command *command = cli_command_find(args->positional[0], err);
    return command != NULL ? cli_help_command(command, err) : err->code;
}
