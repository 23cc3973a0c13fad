/* Periodic intervals: composition with a window and hulls; see field_map.h. */
#include "passes/field_map.h"

#include <string.h>

/* Sizes up to which everything stays far inside 64 bits. */
#define MOST_STEP ((int64_t)1 << 30)
#define MOST_SHIFT ((int64_t)1 << 52)
enum { MOST_PERIOD = 1 << 16, MOST_TAPS = 1 << 20 };

struct span {
    int64_t lo, hi; // lo > hi: nothing
};
static const struct span nothing = {INT64_MAX, INT64_MIN};

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static struct span at(const struct fw_field *f, int64_t x)
{
    int64_t q = floor_div(x, f->period);
    int64_t r = x - q * f->period;
    if (f->lo[r] > f->hi[r])
        return nothing;
    return (struct span){f->lo[r] + q * f->shift, f->hi[r] + q * f->shift};
}

bool fw_field_span(const struct fw_field *f, int64_t x, int64_t *ret_lo, int64_t *ret_hi)
{
    if (f->kind != FW_FIELD_ALONG && f->kind != FW_FIELD_FIXED)
        return false;
    struct span s = at(f, x);
    *ret_lo = s.lo;
    *ret_hi = s.hi;
    return s.lo <= s.hi;
}

static struct span hull(struct span a, struct span b)
{
    return (struct span){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

static struct fw_field everything(const struct fw_field *from, const char *why, uint32_t node)
{
    return (struct fw_field){.kind = FW_FIELD_ALL,
                             .aligned = from->aligned,
                             .open = from->open,
                             .why = why,
                             .node = node};
}

/* ---- through one reach ---- */

/* Both ends never move back from one position to the next, and none is without a field: then those
 * of the first and last position are the ends of all. */
static bool is_steady(const struct fw_field *f)
{
    for (uint32_t x = 0; x < f->period; x++) {
        struct span a = at(f, x), b = at(f, (int64_t)x + 1);
        if (a.lo > a.hi || b.lo > b.hi || b.lo < a.lo || b.hi < a.hi)
            return false;
    }
    return true;
}

/* From position first to last in steps. */
static struct span over(const struct fw_field *f, bool steady, int64_t first, int64_t last,
                        int64_t step)
{
    if (first > last)
        return nothing;
    struct span s = hull(at(f, first), at(f, last));
    for (int64_t x = first + step; !steady && x < last; x += step)
        s = hull(s, at(f, x));
    return s;
}

/* Those i with i*stride - begin + t*dilation = o: the first and the last; with a dilation not every
 * one between them has a t. */
static struct span turned(const struct fw_field *f, bool steady, const struct fw_reach *r,
                          int64_t begin, int64_t o)
{
    int64_t length = (r->kernel.word - 1) * r->dilation;
    int64_t first = -floor_div(length - o - begin, r->stride);
    int64_t last = floor_div(o + begin, r->stride);
    if (r->dilation == 1)
        return over(f, steady, first, last, 1);
    struct span s = nothing;
    for (int64_t i = first; i <= last; i++)
        if ((o + begin - i * r->stride) % r->dilation == 0)
            s = hull(s, at(f, i));
    return s;
}

static struct span positions(const struct fw_field *f, bool steady, const struct fw_reach *r,
                             int64_t begin, int64_t o)
{
    if (r->kind == FW_REACH_SCALED)
        return over(f, steady, floor_div(o * r->num + r->first, r->den),
                    floor_div(o * r->num + r->last, r->den), 1);
    if (r->kind == FW_REACH_TRANSPOSED)
        return turned(f, steady, r, begin, o);
    int64_t first = o * r->stride - begin;
    return over(f, steady, first, first + (r->kernel.word - 1) * r->dilation, r->dilation);
}

/* The period behind a reach, and how many positions of the field that is. */
static void period_of(const struct fw_field *f, const struct fw_reach *r, int64_t *ret,
                      int64_t *ret_inner)
{
    int64_t num = r->kind == FW_REACH_SCALED ? r->num : r->stride;
    int64_t den = r->kind == FW_REACH_SCALED ? r->den : 1;
    if (r->kind == FW_REACH_TRANSPOSED) {
        den = num;
        num = 1;
    }
    int64_t whole = den * f->period;
    *ret = whole / gcd(num, whole);
    *ret_inner = *ret * num / den;
}

static bool repeats(const struct fw_field *f, uint32_t period)
{
    if (f->shift * period % f->period != 0)
        return false;
    int64_t shift = f->shift * period / f->period;
    for (uint32_t x = 0; x + period < f->period; x++)
        if (f->lo[x + period] != f->lo[x] + shift || f->hi[x + period] != f->hi[x] + shift)
            return false;
    return true;
}

/* The shortest period. */
static void shorten(struct fw_field *f)
{
    for (uint32_t x = 0; x < f->period; x++)
        if (f->lo[x] > f->hi[x])
            return;
    for (uint32_t p = 1; p <= f->period / 2; p++)
        if (f->period % p == 0 && repeats(f, p)) {
            f->shift = f->shift * p / f->period;
            f->period = p;
            return;
        }
}

/* Moves a field whose place is not known so that its first position lies around 0. */
static void centre(int64_t *lo, int64_t *hi, uint32_t period)
{
    if (lo[0] > hi[0])
        return;
    int64_t by = floor_div(lo[0] + hi[0], 2);
    for (uint32_t x = 0; x < period; x++)
        if (lo[x] <= hi[x]) {
            lo[x] -= by;
            hi[x] -= by;
        }
}

static bool is_followed(const struct fw_reach *r)
{
    if (r->kind == FW_REACH_SCALED)
        return r->num < MOST_STEP && r->den < MOST_STEP;
    bool sizes = fw_dim_is_const(r->kernel) && r->kernel.word <= MOST_TAPS &&
                 r->stride < MOST_STEP && r->dilation < MOST_STEP;
    return sizes && (!fw_dim_is_const(r->begin) ||
                     (r->begin.word < MOST_SHIFT && r->begin.word > -MOST_SHIFT));
}

static enum fw_status moved(const struct fw_field_maps *m, const struct fw_field *from,
                            const struct fw_reach *r, uint32_t node, struct fw_field *ret,
                            struct fw_error *err)
{
    int64_t period, inner, shift;
    *ret = everything(from, "sizes too large to follow", node);
    if (!is_followed(r))
        return FW_OK;
    period_of(from, r, &period, &inner);
    if (period > MOST_PERIOD || __builtin_mul_overflow(from->shift, inner / from->period, &shift) ||
        shift > MOST_SHIFT)
        return FW_OK;
    bool placed = r->kind == FW_REACH_SCALED || fw_dim_is_const(r->begin);
    int64_t begin = placed ? r->begin.word : (r->kernel.word - 1) * r->dilation / 2;
    int64_t *lo = fw_arena_array(m->arena, (size_t)period, sizeof *lo);
    int64_t *hi = fw_arena_array(m->arena, (size_t)period, sizeof *hi);
    if (lo == NULL || hi == NULL)
        return fw_fail_memory(err);
    bool steady = is_steady(from);
    for (int64_t o = 0; o < period; o++) {
        struct span s = positions(from, steady, r, begin, o);
        lo[o] = s.lo;
        hi[o] = s.hi;
    }
    *ret = *from;
    ret->dim = r->dim;
    ret->period = (uint32_t)period;
    ret->shift = shift;
    ret->lo = lo;
    ret->hi = hi;
    ret->floating |= !placed;
    if (ret->floating)
        centre(lo, hi, ret->period);
    bool window = r->kind == FW_REACH_WINDOW && fw_dim_is_const(r->end) && from->period == 1;
    ret->even &= window && placed && r->end.word == r->begin.word;
    if (window && r->end.word < MOST_SHIFT / (from->shift > 0 ? from->shift : 1))
        ret->end += r->end.word * from->shift;
    shorten(ret);
    return FW_OK;
}

enum fw_status fw_field_through(const struct fw_field_maps *m, const struct fw_field *from,
                                const struct fw_reach *reach, uint32_t node, struct fw_field *ret,
                                struct fw_error *err)
{
    *ret = *from;
    if (from->kind != FW_FIELD_ALONG)
        return FW_OK;
    switch ((enum fw_reach_kind)reach->kind) {
    case FW_REACH_NONE:
        *ret = (struct fw_field){.kind = FW_FIELD_NONE};
        return FW_OK;
    case FW_REACH_ALL:
        *ret = everything(from, reach->why, node);
        return FW_OK;
    case FW_REACH_POINT:
        break;
    default:
        return moved(m, from, reach, node, ret, err);
    }
    struct fw_reach one = fw_reach_window(0, 1, fw_dim_int(1), 1, fw_dim_int(0), fw_dim_int(0));
    one.begin = fw_dim_is_const(reach->begin) ? fw_dim_int(-reach->begin.word) : fw_dim_bad();
    FW_TRY(moved(m, from, &one, node, ret, err));
    if (ret->kind == FW_FIELD_ALONG) {
        ret->kind = FW_FIELD_FIXED;
        ret->period = 1;
        ret->shift = 0;
    }
    return FW_OK;
}

/* ---- branches ---- */

/* A copy whose first position lies around 0. */
static enum fw_status loosen(const struct fw_field_maps *m, struct fw_field *f,
                             struct fw_error *err)
{
    int64_t *lo = fw_arena_copy(m->arena, f->lo, f->period * sizeof *lo);
    int64_t *hi = fw_arena_copy(m->arena, f->hi, f->period * sizeof *hi);
    if (lo == NULL || hi == NULL)
        return fw_fail_memory(err);
    centre(lo, hi, f->period);
    f->lo = lo;
    f->hi = hi;
    f->floating = true;
    return FW_OK;
}

static enum fw_status both_along(const struct fw_field_maps *m, struct fw_field *a,
                                 struct fw_field b, struct fw_error *err)
{
    uint32_t period = a->period / (uint32_t)gcd(a->period, b.period) * b.period;
    int64_t *lo = fw_arena_array(m->arena, period, sizeof *lo);
    int64_t *hi = fw_arena_array(m->arena, period, sizeof *hi);
    if (lo == NULL || hi == NULL)
        return fw_fail_memory(err);
    if (a->floating != b.floating)
        FW_TRY(loosen(m, a->floating ? &b : a, err));
    bool same = true, centred = true;
    for (uint32_t x = 0; x < period; x++) {
        struct span s = at(a, x), t = at(&b, x), all = hull(s, t);
        bool some = s.lo <= s.hi && t.lo <= t.hi;
        same &= s.lo == t.lo && s.hi == t.hi;
        centred &= !some || s.lo + s.hi == t.lo + t.hi;
        lo[x] = all.lo;
        hi[x] = all.hi;
    }
    a->aligned &= b.aligned && (centred || a->floating);
    a->open |= b.open || (a->floating && !same);
    a->even &= b.even;
    a->end = a->end > b.end ? a->end : b.end;
    a->shift = a->shift * (period / a->period);
    a->period = period;
    a->lo = lo;
    a->hi = hi;
    shorten(a);
    return FW_OK;
}

enum fw_status fw_field_join(const struct fw_field_maps *m, struct fw_field *all,
                             const struct fw_field *more, uint32_t node, struct fw_error *err)
{
    if (more->kind == FW_FIELD_NONE)
        return FW_OK;
    if (all->kind == FW_FIELD_NONE) {
        *all = *more;
        return FW_OK;
    }
    bool aligned = all->aligned && more->aligned, open = all->open || more->open;
    const char *why = NULL;
    if (all->kind == FW_FIELD_ALL || more->kind == FW_FIELD_ALL) {
        const struct fw_field *first = all->kind == FW_FIELD_ALL ? all : more;
        why = first->why;
        node = first->node;
    } else if (all->kind != more->kind) {
        why = "a part that moves and one that stands still";
    } else if (all->kind == FW_FIELD_ALONG && all->dim != more->dim) {
        why = "every pair of positions";
    } else if (all->shift * more->period != more->shift * all->period) {
        why = "branches of different strides";
        aligned = false;
    } else if ((int64_t)all->period * more->period > MOST_PERIOD) {
        why = "sizes too large to follow";
    } else {
        return both_along(m, all, *more, err);
    }
    *all = everything(all, why, node);
    all->aligned = aligned;
    all->open = open;
    return FW_OK;
}
