/* The allocator of one net: counts what is in use and holds the net's limits; see net.h.
 *
 * A report may outlive its net and both may be freed by different threads, so the count is atomic,
 * and the meter goes with the last block that is in use. */
#include "api/net.h"

#include "base/limits.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct fw_meter {
    struct fw_alloc alloc; // what the net uses
    const struct fw_alloc *under;
    struct fw_limits limits;
    bool inner;         // under a net: that one's time runs
    atomic_size_t live; // bytes in use, and one for the net itself
    atomic_bool refused;
};

static void drop(struct fw_meter *m, size_t bytes)
{
    if (atomic_fetch_sub(&m->live, bytes) == bytes)
        (void)fw_mem_resize(m->under, m, sizeof *m, 0);
}

static void *metered(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    struct fw_meter *m = ctx;
    if (bytes > old_bytes) {
        uint64_t live = atomic_load(&m->live) - old_bytes;
        if (live + bytes > m->limits.most[FW_MOST_memory]) {
            atomic_store(&m->refused, true);
            return NULL;
        }
    }
    void *p = fw_mem_resize(m->under, old, old_bytes, bytes);
    if (bytes > 0 && p == NULL)
        return NULL;
    if (bytes >= old_bytes)
        atomic_fetch_add(&m->live, bytes - old_bytes);
    else
        drop(m, old_bytes - bytes);
    return p;
}

enum fw_status fw_meter_new(struct fw_meter **ret, const struct fw_alloc *under,
                            struct fw_error *err)
{
    struct fw_meter *m = fw_mem_resize(under, NULL, 0, sizeof *m);
    if (m == NULL)
        return fw_fail_memory(err);
    memset(m, 0, sizeof *m);
    m->alloc = (struct fw_alloc){metered, m, &m->limits};
    m->under = under;
    m->limits = *fw_limits_of(under);
    m->inner = under->limits != NULL;
    atomic_init(&m->live, 1);
    *ret = m;
    return FW_OK;
}

void fw_meter_leave(struct fw_meter *m)
{
    if (m != NULL)
        drop(m, 1);
}

const struct fw_alloc *fw_meter_alloc(const struct fw_meter *m)
{
    return &m->alloc;
}

enum fw_status fw_meter_set(struct fw_meter *m, const char *const *limits, struct fw_error *err)
{
    for (size_t i = 0; limits != NULL && limits[i] != NULL; i++) {
        const char *equals = strchr(limits[i], '=');
        char name[32];
        size_t len = equals != NULL ? (size_t)(equals - limits[i]) : sizeof name;
        FW_REQUIRE(len < sizeof name, err, FW_USAGE,
                   "limit '%.100s': NAME=VALUE is wanted, as nodes=1000000", limits[i]);
        (void)snprintf(name, sizeof name, "%.*s", (int)len, limits[i]);
        FW_TRY(fw_limits_set(&m->limits, name, equals + 1, err));
    }
    return FW_OK;
}

void fw_meter_start(struct fw_meter *m)
{
    if (!m->inner || m->limits.deadline_ms == 0)
        fw_limits_start(&m->limits);
}

enum fw_status fw_meter_judge(const struct fw_meter *m, enum fw_status status, struct fw_error *err)
{
    if (status != FW_MEMORY || !atomic_load(&m->refused))
        return status;
    return fw_limit_fail(&m->alloc, FW_MOST_memory, -1, err);
}
