/* Kernels of reduce.c. A sum of n numbers is n - 1 additions: the first is taken as it is. */
#include "ops/kernel.h"

/* The shape of the reduced tensor with every axis kept, as a value without data. */
static enum fw_status kept_shape(struct fw_run *r, const struct fw_buffer *x, struct fw_buffer *ret)
{
    const struct fw_buffer *axes = fw_run_in(r, 1);
    const struct fw_attr *noop = fw_run_attr(r, "noop_with_empty_axes");
    size_t n = axes != NULL ? axes->n : 0;
    bool all = n == 0 && (noop == NULL || noop->i == 0);
    *ret = (struct fw_buffer){.rank = x->rank, .n = 1};
    for (unsigned k = 0; k < x->rank; k++)
        ret->dims[k] = all ? 1 : x->dims[k];
    for (size_t i = 0; i < n; i++) {
        unsigned axis;
        FW_TRY(fw_run_axis(r, fw_buffer_int(axes, i), x->rank, &axis));
        ret->dims[axis] = 1;
    }
    for (unsigned k = 0; k < x->rank; k++)
        ret->n *= (size_t)ret->dims[k];
    return FW_OK;
}

/* What a reduction does to an element, to two of them, and to the result. */
struct reduction {
    REAL (*element)(REAL x); // NULL: nothing
    REAL (*join)(REAL a, REAL b);
    REAL (*result)(REAL y, REAL count);         // NULL: nothing
    REAL empty;                                 // of no elements
    int64_t (*join_ints)(int64_t a, int64_t b); // NULL: integers go through reals
    int64_t empty_int;
};

static REAL join_add(REAL a, REAL b)
{
    return ADD(a, b);
}
static REAL join_mul(REAL a, REAL b)
{
    return MUL(a, b);
}
static REAL join_max(REAL a, REAL b)
{
    return MAX(a, b);
}
static REAL join_min(REAL a, REAL b)
{
    return MIN(a, b);
}
static int64_t ints_add(int64_t a, int64_t b)
{
    TALLY(FW_ADD);
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t ints_mul(int64_t a, int64_t b)
{
    TALLY(FW_MUL);
    return (int64_t)((uint64_t)a * (uint64_t)b);
}
static int64_t ints_max(int64_t a, int64_t b)
{
    TALLY(FW_MINMAX);
    return a > b ? a : b;
}
static int64_t ints_min(int64_t a, int64_t b)
{
    TALLY(FW_MINMAX);
    return a < b ? a : b;
}
static REAL square(REAL x)
{
    return MUL(x, x);
}
static REAL absolute(REAL x)
{
    return ABS(x);
}
static REAL mean_of(REAL y, REAL count)
{
    return DIV(y, count);
}
static REAL root_of(REAL y, REAL count)
{
    (void)count;
    return SQRT(y);
}
static REAL log_of(REAL y, REAL count)
{
    (void)count;
    return LOG(y);
}

/* Sums over axes that all stand in front of, or all behind, the kept ones. Parts are results.
 * False: it is another case. */
static bool add_lines(struct fw_run *r, const struct fw_buffer *x, const struct fw_buffer *kept)
{
    unsigned first = 0, end = x->rank; // kept axes
    while (first < end && kept->dims[first] == 1)
        first++;
    while (end > first && kept->dims[end - 1] == 1)
        end--;
    size_t front = fw_buffer_span(x, 0, first), behind = fw_buffer_span(x, end, x->rank);
    size_t n = kept->n, from, to;
    if (fw_buffer_span(x, first, end) != n || (front > 1 && behind > 1) || x->n == 0)
        return false;
    REAL *y = reals_out(r, 0);
    fw_run_share(r, n, &from, &to);
    if (behind > 1 || front == 1) {
        for (size_t k = from; k < to; k++)
            y[k] = sum_of(reals_of(x) + k * behind, behind);
        return true;
    }
    memcpy(y + from, reals_of(x) + from, (to - from) * sizeof *y);
    for (size_t i = 1; i < front; i++)
        for (size_t k = from; k < to; k++)
            y[k] = ADD(y[k], reals_of(x)[i * n + k]);
    return true;
}

/* y (kept->n) holds the result; x is walked once. */
static enum fw_status reduce(struct fw_run *r, const struct reduction *f, const struct fw_buffer *x,
                             const struct fw_buffer *kept)
{
    struct fw_buffer *y = r->out[0];
    bool *begun = fw_arena_zalloc(r->scratch, kept->n + 1);
    bool ints = !is_real(x) && f->join_ints != NULL;
    bool sums = f->join == join_add && f->element == NULL && f->result == NULL;
    struct fw_walk w;
    if (sums && is_real(x) && is_real(y) && add_lines(r, x, kept))
        return FW_OK;
    if (r->part > 0) // what cannot be shared is the first part's
        return FW_OK;
    if (begun == NULL)
        return fw_fail_memory(r->cx.err);
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, kept);
    for (size_t i = 0; i < x->n; i++) {
        size_t at = (size_t)w.offset[0];
        if (ints) {
            int64_t v = fw_buffer_int(x, i);
            fw_buffer_put_int(y, at, begun[at] ? f->join_ints(fw_buffer_int(y, at), v) : v);
        } else {
            REAL v = is_real(x) ? ((const REAL *)x->data)[i] : (REAL)fw_buffer_get(x, i);
            v = f->element != NULL ? f->element(v) : v;
            fw_buffer_put(y, at, (double)(begun[at] ? f->join((REAL)fw_buffer_get(y, at), v) : v));
        }
        begun[at] = true;
        fw_walk_next(&w);
    }
    REAL count = real_of(kept->n > 0 ? x->n / kept->n : 0);
    for (size_t k = 0; k < kept->n; k++) {
        if (!begun[k] && ints)
            fw_buffer_put_int(y, k, y->dtype == FW_BOOL ? f->empty_int > 0 : f->empty_int);
        else if (!begun[k])
            fw_buffer_put(y, k, (double)f->empty);
        if (f->result != NULL)
            fw_buffer_put(y, k, (double)f->result((REAL)fw_buffer_get(y, k), count));
    }
    return FW_OK;
}

#define REDUCTION(name, ...)                             \
    KERNEL(name)                                         \
    {                                                    \
        static const struct reduction f = {__VA_ARGS__}; \
        struct fw_buffer kept;                           \
        FW_TRY(kept_shape(r, r->in[0], &kept));          \
        return reduce(r, &f, r->in[0], &kept);           \
    }
REDUCTION(reduce_SUM, .join = join_add, .join_ints = ints_add)
REDUCTION(reduce_MEAN, .join = join_add, .result = mean_of)
REDUCTION(reduce_MAX, .join = join_max, .empty = -INFINITY, .join_ints = ints_max,
          .empty_int = INT64_MIN)
REDUCTION(reduce_MIN, .join = join_min, .empty = INFINITY, .join_ints = ints_min,
          .empty_int = INT64_MAX)
REDUCTION(reduce_PROD, .join = join_mul, .empty = 1, .join_ints = ints_mul, .empty_int = 1)
REDUCTION(reduce_L1, .element = absolute, .join = join_add)
REDUCTION(reduce_L2, .element = square, .join = join_add, .result = root_of)
REDUCTION(reduce_LOG_SUM, .join = join_add, .result = log_of)
REDUCTION(reduce_SUM_SQUARE, .element = square, .join = join_add)

/* max + log(sum of exp(x - max)) */
KERNEL(reduce_LOG_SUM_EXP)
{
    static const struct reduction largest = {.join = join_max, .empty = -INFINITY};
    struct fw_buffer kept;
    const struct fw_buffer *x = r->in[0];
    FW_TRY(kept_shape(r, x, &kept));
    FW_TRY(reduce(r, &largest, x, &kept));
    REAL *sum = scratch_zeros(r, kept.n);
    bool *begun = fw_arena_zalloc(r->scratch, kept.n + 1);
    struct fw_walk w;
    if (sum == NULL || begun == NULL)
        return fw_fail_memory(r->cx.err);
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, &kept);
    for (size_t i = 0; i < x->n; i++) {
        size_t at = (size_t)w.offset[0];
        REAL most = (REAL)fw_buffer_get(r->out[0], at);
        REAL v = EXP(SUB((REAL)fw_buffer_get(x, i), isfinite(most) ? most : 0));
        sum[at] = JOIN(!begun[at], sum[at], v);
        begun[at] = true;
        fw_walk_next(&w);
    }
    for (size_t k = 0; k < kept.n; k++) {
        REAL most = (REAL)fw_buffer_get(r->out[0], k);
        fw_buffer_put(r->out[0], k, (double)ADD(isfinite(most) ? most : 0, LOG(sum[k])));
    }
    return FW_OK;
}

KERNEL(sum_to) // (x, like)
{
    static const struct reduction sum = {.join = join_add};
    struct fw_buffer kept = *r->out[0];
    const struct fw_buffer *x = r->in[0];
    for (unsigned k = 1; k <= x->rank; k++)
        kept.dims[x->rank - k] = k <= r->out[0]->rank ? r->out[0]->dims[r->out[0]->rank - k] : 1;
    kept.rank = x->rank;
    return reduce(r, &sum, x, &kept);
}

/* ---- gradients: (dY, axes?, X, Y?) ---- */

/* What is done once for each dY, and for each element. */
struct gradient {
    REAL (*once)(REAL dy, REAL y);
    REAL (*each)(REAL part, REAL x, REAL y);
};

static REAL once_mul(REAL dy, REAL y)
{
    return MUL(dy, y);
}
static REAL once_div(REAL dy, REAL y)
{
    return DIV(dy, y);
}
static REAL once_exp(REAL dy, REAL y)
{
    return DIV(dy, EXP(y));
}
static REAL once_twice(REAL dy, REAL y)
{
    (void)y;
    return MUL((REAL)2, dy);
}
static REAL each_same(REAL part, REAL x, REAL y)
{
    return EQUAL(x, y) ? part : 0;
}
static REAL each_div(REAL part, REAL x, REAL y)
{
    (void)y;
    return DIV(part, x);
}
static REAL each_sign(REAL part, REAL x, REAL y)
{
    (void)y;
    return MUL(part, SIGN(x));
}
static REAL each_mul(REAL part, REAL x, REAL y)
{
    (void)y;
    return MUL(part, x);
}
static REAL each_exp(REAL part, REAL x, REAL y)
{
    return MUL(part, EXP(SUB(x, y)));
}

static enum fw_status spread(struct fw_run *r, const struct gradient *f, bool by_count)
{
    enum { DY, AXES, X, Y };
    const struct fw_buffer *x = r->in[X];
    const struct fw_buffer *dy = r->in[DY];
    const REAL *y = reals(r, Y);
    struct fw_buffer kept;
    FW_TRY(kept_shape(r, x, &kept));
    REAL *part = scratch_reals(r, dy->n);
    struct fw_walk w;
    if (part == NULL)
        return fw_fail_memory(r->cx.err);
    volatile long double share = (long double)(int64_t)kept.n; // in what nobody counts
    REAL inverse = by_count && x->n > 0 ? (REAL)(share / (long double)(int64_t)x->n) : 1;
    for (size_t k = 0; k < dy->n; k++) {
        REAL v = reals_of(dy)[k];
        part[k] = by_count          ? MUL(v, inverse)
                  : f->once != NULL ? f->once(v, y != NULL ? y[k] : 0)
                                    : v;
    }
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, &kept);
    for (size_t i = 0; i < x->n; i++) {
        size_t at = (size_t)w.offset[0];
        reals_out(r, 0)[i] =
            f->each == NULL ? part[at] : f->each(part[at], reals_of(x)[i], y != NULL ? y[at] : 0);
        fw_walk_next(&w);
    }
    return FW_OK;
}

#define GRADIENT(name, by_count, ...)                   \
    KERNEL(name)                                        \
    {                                                   \
        static const struct gradient f = {__VA_ARGS__}; \
        return spread(r, &f, by_count);                 \
    }
GRADIENT(reduce_SUM_GRAD, false, .once = NULL)
GRADIENT(reduce_MEAN_GRAD, true, .once = NULL)
GRADIENT(reduce_MAX_GRAD, false, .each = each_same)
GRADIENT(reduce_MIN_GRAD, false, .each = each_same)
GRADIENT(reduce_PROD_GRAD, false, once_mul, each_div)
GRADIENT(reduce_L1_GRAD, false, .each = each_sign)
GRADIENT(reduce_L2_GRAD, false, once_div, each_mul)
GRADIENT(reduce_LOG_SUM_GRAD, false, .once = once_exp)
GRADIENT(reduce_LOG_SUM_EXP_GRAD, false, .each = each_exp)
GRADIENT(reduce_SUM_SQUARE_GRAD, false, once_twice, each_mul)

/* ---- along one axis ---- */

static enum fw_status arg(struct fw_run *r, bool most)
{
    const struct fw_buffer *x = r->in[0];
    bool last = fw_run_attr_int(r, "select_last_index", 0) != 0;
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), x->rank, &axis));
    size_t outer = fw_buffer_span(x, 0, axis);
    size_t n = (size_t)x->dims[axis];
    size_t inner = fw_buffer_span(x, axis + 1, x->rank);
    for (size_t i = 0; i < outer * inner && n > 0; i++) {
        size_t at = i / inner * n * inner + i % inner;
        size_t best = 0;
        for (size_t k = 1; k < n; k++) {
            REAL a = (REAL)fw_buffer_get(x, at + best * inner);
            REAL b = (REAL)fw_buffer_get(x, at + k * inner);
            TALLY(FW_MINMAX);
            bool better = most ? b > a : b < a;
            best = better || (last && a == b) ? k : best;
        }
        fw_buffer_put_int(r->out[0], i, (int64_t)best);
    }
    return FW_OK;
}

KERNEL(arg_max)
{
    return arg(r, true);
}
KERNEL(arg_min)
{
    return arg(r, false);
}

/* Running sums or products: n - 1 of every line; exclusive ones start from nothing: n - 2. */
static enum fw_status running(struct fw_run *r, bool products)
{
    const struct fw_buffer *x = r->in[0];
    bool exclusive = fw_run_attr_int(r, "exclusive", 0) != 0;
    bool reverse = fw_run_attr_int(r, "reverse", 0) != 0;
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_buffer_int(r->in[1], 0), x->rank, &axis));
    size_t outer = fw_buffer_span(x, 0, axis);
    size_t n = (size_t)x->dims[axis];
    size_t inner = fw_buffer_span(x, axis + 1, x->rank);
    for (size_t i = 0; i < outer * inner; i++) {
        size_t at = i / inner * n * inner + i % inner;
        double sum = products;
        bool begun = false;
        for (size_t k = 0; k < n; k++) {
            size_t p = at + (reverse ? n - 1 - k : k) * inner;
            double v = fw_buffer_get(x, p);
            if (exclusive)
                fw_buffer_put(r->out[0], p, sum);
            if (!exclusive || k + 1 < n)
                sum = !begun     ? v
                      : products ? (double)MUL((REAL)sum, (REAL)v)
                                 : (double)ADD((REAL)sum, (REAL)v);
            begun = true;
            if (!exclusive)
                fw_buffer_put(r->out[0], p, sum);
        }
    }
    return FW_OK;
}

KERNEL(cum_sum)
{
    return running(r, false);
}
KERNEL(cum_prod)
{
    return running(r, true);
}
