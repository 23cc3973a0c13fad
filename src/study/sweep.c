/* Reading sweeps; see sweep.h. */
#include "study/sweep.h"

#include <inttypes.h>
#include <string.h>

struct reader {
    struct fw_sweep *s;
    const char *text; // the whole, for messages
    struct fw_error *err;
};

static enum fw_status fail(const struct reader *r)
{
    return fw_fail(r->err, FW_USAGE, -1,
                   "sweep '%.200s': NAME= and numbers are wanted, as in batch=1,2,4..1024",
                   r->text);
}

static enum fw_status push(const struct reader *r, int64_t v)
{
    FW_REQUIRE(r->s->n < FW_MAX_SWEEP, r->err, FW_LIMIT, "sweep '%.200s': at most %d values",
               r->text, FW_MAX_SWEEP);
    r->s->values[r->s->n++] = v;
    return FW_OK;
}

static enum fw_status number(const struct reader *r, const char **at, int64_t *ret)
{
    const char *p = *at;
    *ret = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(*ret, 10, ret) || __builtin_add_overflow(*ret, *p - '0', ret))
            return fail(r);
    if (p == *at)
        return fail(r);
    *at = p;
    return FW_OK;
}

/* A, 2A, 4A ... below B, then B; after 0 comes 1. */
static enum fw_status range(const struct reader *r, int64_t from, int64_t to)
{
    FW_REQUIRE(from <= to, r->err, FW_USAGE,
               "sweep '%.200s': the range %" PRId64 "..%" PRId64 " runs backward", r->text, from,
               to);
    for (int64_t v = from; v < to;) {
        FW_TRY(push(r, v));
        if (__builtin_mul_overflow(v, 2, &v))
            break;
        v = v == 0 ? 1 : v;
    }
    return push(r, to);
}

enum fw_status fw_sweep_parse(struct fw_sweep *ret, const char *text, struct fw_arena *arena,
                              struct fw_error *err)
{
    struct reader r = {ret, text, err};
    const char *equals = strchr(text, '=');
    *ret = (struct fw_sweep){.values = fw_arena_array(arena, FW_MAX_SWEEP, sizeof *ret->values)};
    if (equals == NULL || equals == text)
        return fail(&r);
    ret->name = fw_arena_strndup(arena, text, (size_t)(equals - text));
    if (ret->name == NULL || ret->values == NULL)
        return fw_fail_memory(err);
    const char *p = equals;
    do {
        int64_t from, to;
        p++;
        FW_TRY(number(&r, &p, &from));
        to = from;
        if (strncmp(p, "..", 2) == 0) {
            p += 2;
            FW_TRY(number(&r, &p, &to));
        }
        FW_TRY(range(&r, from, to));
    } while (*p == ',');
    return *p == '\0' ? FW_OK : fail(&r);
}
