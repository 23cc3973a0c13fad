/* Signs of life on a terminal while something takes longer than half a second. A timer's signal
 * writes them, so that the library needs no hook and short work costs nothing. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { FIRST_MS = 500, EVERY_MS = 250, MAX_TEXT = 60 };

static char line[MAX_TEXT + 16]; // "\r| counting resnet50.onnx"
static size_t line_length;
static volatile sig_atomic_t ticks;

static void tick(int signal_number)
{
    static const char turns[] = "|/-\\";
    (void)signal_number;
    line[1] = turns[ticks++ % 4];
    if (write(STDERR_FILENO, line, line_length) < 0)
        return; // a terminal that is gone needs no sign
}

static void set_timer(long first_ms, long every_ms)
{
    struct itimerval timer = {.it_value = {first_ms / 1000, first_ms % 1000 * 1000},
                              .it_interval = {every_ms / 1000, every_ms % 1000 * 1000}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void cli_progress_start(const struct cli_args *args, const char *what)
{
    const char *term = getenv("TERM");
    if (args->quiet || args->program != NULL || !isatty(STDERR_FILENO) || term == NULL ||
        strcmp(term, "dumb") == 0)
        return;
    const char *model = args->n_positional > 0 ? args->positional[0] : "";
    const char *slash = strrchr(model, '/');
    int n = snprintf(line, sizeof line, "\r| %s %.*s", what, MAX_TEXT - 20,
                     slash != NULL ? slash + 1 : model);
    line_length = n > 0 && (size_t)n < sizeof line ? (size_t)n : 0;
    for (size_t i = 1; i < line_length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    ticks = 0;
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    if (line_length > 2 && sigaction(SIGALRM, &action, NULL) == 0)
        set_timer(FIRST_MS, EVERY_MS);
}

void cli_progress_stop(void)
{
    set_timer(0, 0);
    if (ticks > 0 && write(STDERR_FILENO, "\r\033[K", 4) < 0)
        return;
    ticks = 0;
}
