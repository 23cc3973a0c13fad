/* Limits: what a model may ask for at most. The list with defaults is limits.def.
 *
 * They travel with the allocator (struct fw_alloc), which everything that reads or grows already
 * has: memory and limits are one seam. What fails names the limit and the option that moves it. */
#ifndef FW_BASE_LIMITS_H
#define FW_BASE_LIMITS_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>

enum fw_limit {
#define FW_LIMIT_ROW(name, usual, highest, what) FW_MOST_##name,
#include "base/limits.def"
#undef FW_LIMIT_ROW
    FW_N_LIMITS
};

struct fw_limits {
    uint64_t most[FW_N_LIMITS];
    int64_t deadline_ms; // by fw_clock_ms(), after which an analysis ends with FW_LIMIT; 0: none
};

struct fw_limit_row {
    const char *name;
    uint64_t usual, highest;
    const char *what; // "nodes in a network"
};
extern const struct fw_limit_row fw_limit_rows[]; // (FW_N_LIMITS)
extern const struct fw_limits fw_limits_default;

/* value: a whole number, with K, M, G, T or Ki, Mi, Gi, Ti behind it and B behind those. Errors:
 * FW_USAGE, which names the limits or the highest value. */
enum fw_status fw_limits_set(struct fw_limits *limits, const char *name, const char *value,
                             struct fw_error *err);

static inline const struct fw_limits *fw_limits_of(const struct fw_alloc *alloc)
{
    return alloc->limits != NULL ? alloc->limits : &fw_limits_default;
}
static inline uint64_t fw_most(const struct fw_alloc *alloc, enum fw_limit which)
{
    return fw_limits_of(alloc)->most[which];
}

/* "more than 16 dimensions of a tensor", and how to move that. fw_limit_fail is it as a status. */
void fw_limit_error(const struct fw_alloc *alloc, enum fw_limit which, int64_t at,
                    struct fw_error *err);
#define fw_limit_fail(alloc, which, at, err) \
    (fw_limit_error((alloc), (which), (at), (err)), FW_LIMIT)

#define FW_WITHIN(alloc, which, n, at, err)                      \
    do {                                                         \
        if ((uint64_t)(n) > fw_most((alloc), (which)))           \
            return fw_limit_fail((alloc), (which), (at), (err)); \
    } while (0)

int64_t fw_clock_ms(void); // never goes back where the system has such a clock
/* From now on an analysis has its time. */
void fw_limits_start(struct fw_limits *limits);

/* Another piece of work that the caller asked for, as the next step of a training: where there is a
 * limit of time it begins anew. The value: its seconds, 0 without a limit. */
unsigned fw_limits_renew(const struct fw_alloc *alloc);

/* For loops whose length a file decides: the clock is asked every 256th turn. */
static inline enum fw_status fw_in_time(const struct fw_alloc *alloc, uint64_t turn,
                                        struct fw_error *err)
{
    const struct fw_limits *limits = alloc->limits;
    if (limits == NULL || limits->deadline_ms == 0 || turn % 256 != 0 ||
        fw_clock_ms() < limits->deadline_ms)
        return FW_OK;
    return fw_limit_fail(alloc, FW_MOST_time, -1, err);
}

#endif
