/* The program: finds the command, runs it, prints its error. */
#define _POSIX_C_SOURCE 200809L
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A call that is wrong before its --format was read still fails in that format. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--format=json") == 0 ||
            (strcmp(argv[i], "--format") == 0 && i + 1 < argc && strcmp(argv[i + 1], "json") == 0))
            return true;
    return false;
}

/* A file that is mapped and becomes shorter while it is read. */
static void file_is_gone(int signal_number)
{
    static const char text[] = "flopwise: a file became shorter while it was read\n";
    (void)signal_number;
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
    (void)n;
    _exit(FW_IO);
}

/* A file larger than the system allows: writing fails and is told, nothing else. Not ignored, which
 * programs that are started would inherit. */
static void file_is_full(int signal_number)
{
    (void)signal_number;
}

static enum fw_status run(int argc, char **argv, struct cli_args *args, struct fw_error *err)
{
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    const struct cli_command *command = cli_command_find(name, err);
    if (command == NULL)
        return err->code;
    struct fw_counter *counter = NULL;
    if (command->groups & CLI_COUNTER && fw_counter_open(&counter, err) != FW_OK)
        return err->code;
    enum fw_status status = cli_parse(command, argc - 2, argv + 2, args, err);
    args->counter = counter;
    if (status != FW_OK)
        return status;
    return args->help ? cli_help_command(command, err) : command->run(command, args, err);
}

int main(int argc, char **argv)
{
    static struct cli_args args; // large lists
    struct fw_error err = {.code = FW_OK, .at = -1};
    (void)signal(SIGPIPE, SIG_DFL); // a closed pipe ends the program without a word
    (void)signal(SIGBUS, file_is_gone);
    (void)sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = file_is_full}, NULL);
    if (argc < 2) {
        (void)cli_help_all(2, &err);
        return FW_USAGE;
    }
    enum fw_status status = run(argc, argv, &args, &err);
    fw_counter_close(args.counter);
    if (status == FW_OK)
        return args.exit_code;
    if (args.format == NULL && wants_json(argc, argv))
        args.format = "json";
    cli_print_error(&args, &err);
    fprintf(stderr, "flopwise: %s", err.message);
    if (err.at > 0) // at the first byte: the file as a whole
        fprintf(stderr, " (at byte %lld)", (long long)err.at);
    fputc('\n', stderr);
    return (int)status;
}
