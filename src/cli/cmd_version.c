/* flopwise version. */
#include "cli/cli.h"

#include <stdio.h>

enum fw_status cmd_version(const struct cli_command *self, struct cli_args *args,
                           struct fw_error *err)
{
    (void)self;
    (void)args;
    printf("flopwise %s\n", fw_version());
    if (fflush(stdout) == 0)
        return FW_OK;
    (void)cli_usage(err, "the version could not be written");
    return err->code = FW_IO;
}
