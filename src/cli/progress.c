/* Signs of life on a terminal while something takes longer than half a second, and the end of what
 * takes longer than it may. A timer's signal does both, so that the library needs no hook for the
 * first and short work costs nothing. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 500, EVERY_MS = 250, MAX_TEXT = 60 };

static char line[MAX_TEXT + 16]; // "\r| counting resnet50.onnx"
static size_t line_length;       // 0: no signs
static volatile sig_atomic_t ticks;

static struct {
    volatile sig_atomic_t on; // what follows is whole
    int64_t deadline_ms;
    char last_words[600]; // on standard error
    size_t length;
    char report[1200]; // the same as JSON, on standard output
    size_t report_length;
} watch;

static int64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void end_process(void)
{
    static const char clear[] = "\r\033[K";
    ssize_t n = ticks > 0 ? write(STDERR_FILENO, clear, sizeof clear - 1) : 0;
    n += write(STDOUT_FILENO, watch.report, watch.report_length);
    n += write(STDERR_FILENO, watch.last_words, watch.length);
    (void)n;
    _exit(FW_LIMIT);
}

static void tick(int signal_number)
{
    static const char turns[] = "|/-\\";
    (void)signal_number;
    if (watch.on && now_ms() >= watch.deadline_ms)
        end_process();
    if (line_length == 0)
        return;
    line[1] = turns[ticks++ % 4];
    if (write(STDERR_FILENO, line, line_length) < 0)
        return; // a terminal that is gone needs no sign
}

static void set_timer(long first_ms, long every_ms)
{
    struct itimerval timer = {.it_value = {first_ms / 1000, first_ms % 1000 * 1000},
                              .it_interval = {every_ms / 1000, every_ms % 1000 * 1000}};
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    if (first_ms == 0 || sigaction(SIGALRM, &action, NULL) == 0)
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
    line_length = n > 2 && (size_t)n < sizeof line ? (size_t)n : 0;
    cli_clean(line + 1); // behind the carriage return
    ticks = 0;
    if (line_length > 0)
        set_timer(FIRST_MS, EVERY_MS);
}

void cli_progress_stop(void)
{
    set_timer(0, 0);
    watch.on = 0;
    line_length = 0;
    if (ticks > 0 && write(STDERR_FILENO, "\r\033[K", 4) < 0)
        return;
    ticks = 0;
}

static int keep_report(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    if (len > sizeof watch.report - watch.report_length)
        return 1;
    memcpy(watch.report + watch.report_length, text, len);
    watch.report_length += len;
    return 0;
}

void cli_watch(void *ctx, const char *work, unsigned seconds)
{
    const struct cli_args *args = ctx;
    struct fw_error err = {.at = -1};
    watch.on = 0;
    if (work == NULL || seconds == 0)
        return;
    (void)cli_usage(&err, "%.300s: %s: more than %u seconds (raised by --limit time=N)",
                    args->positional[0], work, seconds);
    err.code = FW_LIMIT;
    watch.report_length = 0;
    cli_report_error(args, &err, keep_report, NULL);
    int n = snprintf(watch.last_words, sizeof watch.last_words, "flopwise: %s\n", err.message);
    watch.length = n > 0 && (size_t)n < sizeof watch.last_words ? (size_t)n : 0;
    watch.deadline_ms =
        now_ms() + (int64_t)seconds * 1000 + FIRST_MS; // nodes that end say it first
    watch.on = 1;
    if (line_length == 0) // one signal at the end: none disturbs what is measured
        set_timer((long)seconds * 1000 + FIRST_MS, EVERY_MS);
}
