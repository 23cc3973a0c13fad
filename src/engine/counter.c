/* See counter.h. */
#define _GNU_SOURCE
#include "engine/counter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOO_MUCH ((uint64_t)1 << 46) // no honest measurement of one process gets there

/* ---- the system's side ---- */

#if defined(__linux__)
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_event(uint64_t code, int *ret_fd)
{
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.type = PERF_TYPE_RAW;
    attr.size = sizeof attr;
    attr.config = code;
    attr.disabled = 1;
    attr.inherit = 1;
    attr.exclude_kernel = 1;
    attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return errno;
    if (ioctl((int)fd, PERF_EVENT_IOC_ENABLE, 0) != 0) {
        int error = errno;
        (void)close((int)fd);
        return error;
    }
    *ret_fd = (int)fd;
    return 0;
}

static int read_event(int fd, struct fw_reading *ret)
{
    uint64_t v[3];
    ssize_t n = read(fd, v, sizeof v);
    if (n != (ssize_t)sizeof v)
        return n < 0 ? errno : EIO;
    *ret = (struct fw_reading){v[0], v[1], v[2]};
    return 0;
}

static void close_event(int fd)
{
    (void)close(fd);
}
#else
static int open_event(uint64_t code, int *ret_fd)
{
    (void)code;
    (void)ret_fd;
    return ENOSYS;
}

static int read_event(int fd, struct fw_reading *ret)
{
    (void)fd;
    (void)ret;
    return ENOSYS;
}

static void close_event(int fd)
{
    (void)fd;
}
#endif

static const struct fw_counter_os counter_linux = {open_event, read_event, close_event,
                                                   fw_canary_sing};

/* ---- in plain words ---- */

static const struct {
    int number;
    const char *text;
} reasons[] = {
    {EACCES, "the system does not let this user count (kernel.perf_event_paranoid must be 2 or "
             "less, or the program needs CAP_PERFMON)"},
    {EPERM, "the system forbids it, as containers often do (seccomp, or CAP_PERFMON is missing)"},
    {ENOENT, "the processor's counters are not visible here, as in most virtual machines"},
    {ENOSYS, "this system has no perf_event_open"},
    {EOPNOTSUPP, "the processor's counting unit does not offer this event here"},
    {EBUSY, "another program holds the counter"},
    {EINVAL, "the system does not take this event"},
    {EMFILE, "too many files are open"},
};

static enum fw_status unavailable(struct fw_error *err, const char *why)
{
    return fw_fail(err, FW_COUNTER, -1, "hardware counter not available: %s", why);
}

static enum fw_status refused(struct fw_error *err, const struct fw_event *event, int number)
{
    const char *text = strerror(number);
    for (unsigned i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].number == number)
            text = reasons[i].text;
    return fw_fail(err, FW_COUNTER, -1, "hardware counter not available: event 0x%04llx: %s",
                   (unsigned long long)event->code, text);
}

/* ---- the counter ---- */

enum fw_status fw_counter_switch(struct fw_counter *c, const struct fw_event *event,
                                 struct fw_error *err)
{
    if (c->fd >= 0)
        c->os->close(c->fd);
    c->fd = -1;
    c->event = *event;
    int number = c->os->open(event->code, &c->fd);
    if (number == 0)
        return FW_OK;
    (void)refused(&c->why, event, number);
    return fw_fail(err, FW_COUNTER, -1, "%s", c->why.message);
}

static void open_first(struct fw_counter *c)
{
    const struct fw_machine *m = &c->machine;
    c->n_events = fw_machine_events(m, FW_FLOP_ALL, c->events);
    if (c->n_events > 0)
        (void)fw_counter_switch(c, &c->events[0], NULL);
    else if (m->vendor[0] == '\0')
        (void)unavailable(&c->why, "the processor is not recognised (/proc/cpuinfo)");
    else
        (void)fw_fail(&c->why, FW_COUNTER, -1,
                      "hardware counter not available: no event is known for %s (%s family 0x%x "
                      "model 0x%x)",
                      m->name, m->vendor, m->family, m->model);
}

enum fw_status fw_counter_open_with(struct fw_counter **ret, const struct fw_alloc *alloc,
                                    const struct fw_counter_os *os,
                                    const struct fw_machine *machine, struct fw_error *err)
{
    struct fw_counter *c = fw_mem_resize(alloc, NULL, 0, sizeof *c);
    if (c == NULL)
        return fw_fail_memory(err);
    memset(c, 0, sizeof *c);
    c->alloc = alloc;
    c->os = os != NULL ? os : &counter_linux;
    c->fd = -1;
    if (machine != NULL)
        c->machine = *machine;
    else
        fw_machine_here(&c->machine);
    open_first(c);
    *ret = c;
    return FW_OK;
}

enum fw_status fw_counter_open(struct fw_counter **ret, struct fw_error *err)
{
    const struct fw_counter_os *os =
        getenv("FLOPWISE_COUNTER_FILE") != NULL ? &fw_counter_file : NULL;
    return fw_counter_open_with(ret, &fw_alloc_default, os, NULL, err);
}

void fw_counter_close(struct fw_counter *c)
{
    if (c == NULL)
        return;
    if (c->fd >= 0)
        c->os->close(c->fd);
    fw_mem_resize(c->alloc, c, sizeof *c, 0);
}

static enum fw_status read_raw(struct fw_counter *c, uint64_t *ret, struct fw_error *err)
{
    struct fw_reading r;
    int number = c->os->read(c->fd, &r);
    if (number != 0)
        return refused(err, &c->event, number);
    FW_REQUIRE(
        r.enabled == r.running, err, FW_COUNTER,
        "hardware counter not available: it ran %llu of %llu ns only: another program counts "
        "as well",
        (unsigned long long)r.running, (unsigned long long)r.enabled);
    FW_REQUIRE(r.value < TOO_MUCH, err, FW_COUNTER,
               "hardware counter not available: it reads %llu, which no run can reach",
               (unsigned long long)r.value);
    *ret = r.value;
    return FW_OK;
}

enum fw_status fw_counter_read(struct fw_counter *c, uint64_t *ret, struct fw_error *err)
{
    FW_TRY(read_raw(c, ret, err));
    *ret *= c->event.weight;
    return FW_OK;
}

enum fw_status fw_counter_check(struct fw_counter *c, struct fw_error *err)
{
    enum { N = 1000 };
    bool pair = c->event.canary == FW_CANARY_FMA || c->event.canary >= FW_CANARY_FMA128D;
    uint64_t before = 0, after = 0, wanted = pair ? 2 * N : N;
    if (c->fd < 0)
        return fw_fail(err, FW_COUNTER, -1, "%s", c->why.message);
    FW_TRY(read_raw(c, &before, err));
    if (c->event.canary == FW_CANARY_NONE)
        return FW_OK;
    c->os->canary((enum fw_canary)c->event.canary);
    FW_TRY(read_raw(c, &after, err));
    FW_REQUIRE(after - before == wanted, err, FW_COUNTER,
               "hardware counter not available: %d known instructions read %llu, not %llu: it "
               "cannot be trusted here",
               N, (unsigned long long)(after - before), (unsigned long long)wanted);
    return FW_OK;
}

enum fw_status fw_counter_alone(struct fw_counter *c, struct fw_error *err)
{
    FW_TRY(fw_counter_check(c, err));
    if (c->n_events == 1)
        return FW_OK;
    return unavailable(err, "this processor spreads the count over several events, which takes as "
                            "many runs: 'flopwise stat -- flopwise run ...' makes them");
}
