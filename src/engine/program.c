#define _GNU_SOURCE
#include "engine/program.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t fw_nanoseconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double fw_seconds(void)
{
    return 1e-9 * (double)fw_nanoseconds();
}

unsigned fw_usable_cores(void)
{
    enum { MAX_CORES = 1024 };
    long n = 1;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#else
    n = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return n < 1 ? 1 : n > MAX_CORES ? MAX_CORES : (unsigned)n;
}

/* The terminal's interrupt is for the program: who counts lives on and reports. */
static const int interrupts[2] = {SIGINT, SIGQUIT};

static int spawn(pid_t *ret, const char *const *argv)
{
    posix_spawnattr_t attr;
    sigset_t as_usual;
    int error = posix_spawnattr_init(&attr);
    if (error != 0)
        return error;
    (void)sigemptyset(&as_usual);
    for (unsigned i = 0; i < 2; i++)
        (void)sigaddset(&as_usual, interrupts[i]);
    (void)posix_spawnattr_setsigdefault(&attr, &as_usual);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    char **words;
    memcpy(&words, &argv, sizeof words); // posix_spawn leaves them as they are
    error = posix_spawnp(ret, argv[0], NULL, &attr, words, environ);
    (void)posix_spawnattr_destroy(&attr);
    return error;
}

enum fw_status fw_program_run(const char *const *argv, struct fw_ended *ret, struct fw_error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old[2];
    pid_t pid;
    int how = 0;
    double start = fw_seconds();
    for (unsigned i = 0; i < 2; i++)
        (void)sigaction(interrupts[i], &ignore, &old[i]);
    int error = spawn(&pid, argv);
    while (error == 0 && waitpid(pid, &how, 0) < 0)
        if (errno != EINTR)
            error = errno;
    ret->seconds = fw_seconds() - start;
    for (unsigned i = 0; i < 2; i++)
        (void)sigaction(interrupts[i], &old[i], NULL);
    FW_REQUIRE(error == 0, err, FW_IO, "%s: cannot be run: %s", argv[0], strerror(error));
    ret->exit_code = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
    return FW_OK;
}
