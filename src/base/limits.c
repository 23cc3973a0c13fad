/* Limits as a table, their values as text, and the clock; see limits.h. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include "base/limits.h"

#include "base/str.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

const struct fw_limit_row fw_limit_rows[FW_N_LIMITS] = {
#define FW_LIMIT_ROW(name, usual, highest, what) {#name, usual, highest, what},
#include "base/limits.def"
#undef FW_LIMIT_ROW
};

const struct fw_limits fw_limits_default = {.most = {
#define FW_LIMIT_ROW(name, usual, highest, what) usual,
#include "base/limits.def"
#undef FW_LIMIT_ROW
                                            }};

static const struct {
    const char *text;
    uint64_t times;
} suffixes[] = {
    {"", 1},
    {"K", 1000},
    {"k", 1000},
    {"M", 1000000},
    {"G", 1000000000},
    {"T", 1000000000000},
    {"Ki", (uint64_t)1 << 10},
    {"Mi", (uint64_t)1 << 20},
    {"Gi", (uint64_t)1 << 30},
    {"Ti", (uint64_t)1 << 40},
};

static bool read_value(const char *text, uint64_t *ret)
{
    const char *p = text;
    for (*ret = 0; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(*ret, (uint64_t)10, ret) ||
            __builtin_add_overflow(*ret, (uint64_t)(*p - '0'), ret))
            return false;
    size_t len = strlen(p);
    if (len > 0 && p[len - 1] == 'B')
        len--;
    for (unsigned i = 0; p > text && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strlen(suffixes[i].text) == len && strncmp(suffixes[i].text, p, len) == 0)
            return !__builtin_mul_overflow(*ret, suffixes[i].times, ret);
    return false;
}

static enum fw_status fail_name(const char *name, struct fw_error *err)
{
    struct fw_str list;
    fw_str_init(&list, &fw_alloc_default);
    for (unsigned i = 0; i < FW_N_LIMITS; i++)
        fw_str_addf(&list, "%s%s", i > 0 ? ", " : "", fw_limit_rows[i].name);
    enum fw_status status = fw_fail(err, FW_USAGE, -1, "there is no limit '%.60s'; there are: %s",
                                    name, fw_str_text(&list));
    fw_str_free(&list);
    return status;
}

enum fw_status fw_limits_set(struct fw_limits *limits, const char *name, const char *value,
                             struct fw_error *err)
{
    unsigned i = 0;
    while (i < FW_N_LIMITS && strcmp(fw_limit_rows[i].name, name) != 0)
        i++;
    if (i == FW_N_LIMITS)
        return fail_name(name, err);
    uint64_t v;
    FW_REQUIRE(read_value(value, &v) && v <= fw_limit_rows[i].highest, err, FW_USAGE,
               "limit %s: a whole number up to %" PRIu64 " is wanted, as 5000, 2M or 1GiB, found "
               "'%.60s'",
               name, fw_limit_rows[i].highest, value);
    limits->most[i] = v;
    return FW_OK;
}

void fw_limit_error(const struct fw_alloc *alloc, enum fw_limit which, int64_t at,
                    struct fw_error *err)
{
    const struct fw_limit_row *row = &fw_limit_rows[which];
    uint64_t most = fw_most(alloc, which);
    if (most >= row->highest)
        fw_error_set(err, FW_LIMIT, at, "more than %" PRIu64 " %s (limit %s, which is fixed)", most,
                     row->what, row->name);
    else
        fw_error_set(err, FW_LIMIT, at, "more than %" PRIu64 " %s (raised by --limit %s=N)", most,
                     row->what, row->name);
}

int64_t fw_clock_ms(void)
{
    struct timespec t;
#if defined(CLOCK_MONOTONIC)
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
#endif
        (void)timespec_get(&t, TIME_UTC);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void fw_limits_start(struct fw_limits *limits)
{
    limits->deadline_ms = fw_clock_ms() + (int64_t)limits->most[FW_MOST_time] * 1000;
}

unsigned fw_limits_renew(const struct fw_alloc *alloc)
{
    if (alloc->limits == NULL || alloc->limits->deadline_ms == 0)
        return 0;
    fw_limits_start(alloc->limits);
    return (unsigned)alloc->limits->most[FW_MOST_time];
}
