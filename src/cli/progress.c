/* Signs of life on a terminal while something takes longer than half a second, and the end of what
 * takes longer than it may. A thread of its own does both, so that the library needs no hook for
 * the first and short work costs nothing. It is no timer's signal: kernels of oneDNN use the
 * stack's register for other things (2.6, products with AVX-512), where a signal's frame overwrites
 * data. */
#define _DEFAULT_SOURCE
#include "cli/cli.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 500, EVERY_MS = 250, MAX_TEXT = 60 };

static char line[MAX_TEXT + 16]; // "\r| counting resnet50.onnx"
static size_t line_length;       // 0: no signs

static struct {
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t changed;
    bool over, idle;
    unsigned ticks;
    int64_t next_ms; // sign
    bool watches;
    int64_t deadline_ms;
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the end says: whole before it is watched for. */
static struct {
    char last_words[600]; // on standard error
    size_t length;
    char report[1200]; // the same as JSON, on standard output
    size_t report_length;
} farewell;

static int64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void end_process(void)
{
    static const char clear[] = "\r\033[K";
    ssize_t n = watch.ticks > 0 ? write(STDERR_FILENO, clear, sizeof clear - 1) : 0;
    n += write(STDOUT_FILENO, farewell.report, farewell.report_length);
    n += write(STDERR_FILENO, farewell.last_words, farewell.length);
    (void)n;
    _exit(FW_LIMIT);
}

static void give_sign(void)
{
    static const char turns[] = "|/-\\";
    line[1] = turns[watch.ticks++ % 4];
    if (write(STDERR_FILENO, line, line_length) < 0)
        return; // a terminal that is gone needs no sign
}

/* Sleeps until there is something to do, or until something changes. A deadline only moves away, so
 * that nobody wakes this thread for each. */
static void *run_watch(void *nothing)
{
    pthread_mutex_lock(&watch.lock);
    while (!watch.over) {
        int64_t now = now_ms(), until = INT64_MAX;
        if (watch.watches && now >= watch.deadline_ms)
            end_process();
        if (line_length > 0 && now >= watch.next_ms) {
            give_sign();
            watch.next_ms = now + EVERY_MS;
        }
        if (line_length > 0)
            until = watch.next_ms;
        if (watch.watches && watch.deadline_ms < until)
            until = watch.deadline_ms;
        struct timespec t = {(time_t)(until / 1000), (long)(until % 1000 * 1000000)};
        watch.idle = until == INT64_MAX;
        if (watch.idle)
            (void)pthread_cond_wait(&watch.changed, &watch.lock);
        else
            (void)pthread_cond_timedwait(&watch.changed, &watch.lock, &t);
    }
    pthread_mutex_unlock(&watch.lock);
    return nothing;
}

/* Signals go on to those who work. Without a thread there are no signs, and only nodes that end see
 * that time is up. */
static void start_watch(void)
{
    pthread_condattr_t how;
    sigset_t all, before;
    if (watch.runs || pthread_condattr_init(&how) != 0)
        return;
    watch.over = watch.idle = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watch.runs = pthread_condattr_setclock(&how, CLOCK_MONOTONIC) == 0 &&
                 pthread_cond_init(&watch.changed, &how) == 0 &&
                 pthread_create(&watch.thread, NULL, run_watch, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_condattr_destroy(&how);
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
    watch.ticks = 0;
    watch.next_ms = now_ms() + FIRST_MS;
    if (line_length > 0)
        start_watch();
}

void cli_progress_stop(void)
{
    if (!watch.runs)
        return;
    pthread_mutex_lock(&watch.lock);
    watch.over = true;
    watch.watches = false;
    pthread_cond_signal(&watch.changed);
    pthread_mutex_unlock(&watch.lock);
    (void)pthread_join(watch.thread, NULL);
    (void)pthread_cond_destroy(&watch.changed);
    watch.runs = false;
    line_length = 0;
    if (watch.ticks > 0 && write(STDERR_FILENO, "\r\033[K", 4) < 0)
        return;
    watch.ticks = 0;
}

static int keep_report(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    if (len > sizeof farewell.report - farewell.report_length)
        return 1;
    memcpy(farewell.report + farewell.report_length, text, len);
    farewell.report_length += len;
    return 0;
}

void cli_watch(void *ctx, const char *work, unsigned seconds)
{
    const struct cli_args *args = ctx;
    struct fw_error err = {.at = -1};
    pthread_mutex_lock(&watch.lock);
    watch.watches = work != NULL && seconds > 0;
    if (watch.watches) {
        (void)cli_usage(&err, "%.300s: %s: more than %u seconds (raised by --limit time=N)",
                        args->positional[0], work, seconds);
        err.code = FW_LIMIT;
        farewell.report_length = 0;
        cli_report_error(args, &err, keep_report, NULL);
        int n = snprintf(farewell.last_words, sizeof farewell.last_words, "flopwise: %s\n",
                         err.message);
        farewell.length = n > 0 && (size_t)n < sizeof farewell.last_words ? (size_t)n : 0;
        // nodes that end say it first
        watch.deadline_ms = now_ms() + (int64_t)seconds * 1000 + FIRST_MS;
    }
    if (watch.idle)
        (void)pthread_cond_signal(&watch.changed);
    pthread_mutex_unlock(&watch.lock);
    if (work != NULL && seconds > 0)
        start_watch();
}
