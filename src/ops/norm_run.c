/* Kernels of norm.c, whose comments have the formulas. */
#include "ops/kernel.h"

/* x as lines along an axis: element i of line (o, k) stands at (o*length + i)*inner + k. */
struct lines {
    size_t outer, length, inner;
};

static enum fw_status lines_of(const struct fw_run *r, const struct fw_buffer *x, struct lines *ret)
{
    unsigned axis = 0;
    *ret = (struct lines){1, 1, 1};
    if (x->rank == 0)
        return FW_OK;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", -1), x->rank, &axis));
    ret->outer = fw_buffer_span(x, 0, axis);
    ret->length = (size_t)x->dims[axis];
    ret->inner = fw_buffer_span(x, axis + 1, x->rank);
    return FW_OK;
}

static void hard_row(const REAL *x, REAL *y, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = LESS(x[best], x[i]) ? i : best;
    for (size_t i = 0; i < n; i++)
        y[i] = i == best ? 1 : 0;
}

/* (dY - sum(dY*y))*y, or dY - exp(y)*sum(dY) */
static void soft_grad_row(const REAL *dy, const REAL *y, REAL *dx, size_t n, bool logarithm)
{
    REAL sum = logarithm ? sum_of(dy, n) : sum_of_products(dy, y, n);
    if (logarithm)
        for (size_t i = 0; i < n; i++)
            dx[i] = SUB(dy[i], MUL(EXP(y[i]), sum));
    else
        for (size_t i = 0; i < n; i++)
            dx[i] = MUL(SUB(dy[i], sum), y[i]);
}

enum line_kind { SOFT, LOGARITHM, HARD, SOFT_GRAD, LOGARITHM_GRAD };

static void over_row(enum line_kind kind, const REAL *a, const REAL *b, REAL *y, REAL *e, size_t n)
{
    if (kind == HARD)
        hard_row(a, y, n);
    else if (kind == SOFT)
        softmax_line(a, y, n);
    else if (kind == LOGARITHM)
        log_softmax_line(a, y, e, n);
    else
        soft_grad_row(a, b, y, n, kind == LOGARITHM_GRAD);
}

/* Lines whose numbers are not next to each other are worked on in a copy. */
static enum fw_status over_lines(struct fw_run *r, enum line_kind kind)
{
    struct lines l;
    size_t from, to;
    FW_TRY(lines_of(r, r->in[0], &l));
    const REAL *in[2] = {reals(r, 0), kind >= SOFT_GRAD ? reals(r, 1) : NULL};
    REAL *out = reals_out(r, 0);
    REAL *room = scratch_reals(r, 4 * l.length + 1);
    if (room == NULL)
        return fw_fail_memory(r->cx.err);
    REAL *e = room + 3 * l.length;
    fw_run_share(r, l.outer * l.inner, &from, &to);
    for (size_t i = from; i < to && l.length > 0; i++) {
        size_t at = i / l.inner * l.length * l.inner + i % l.inner;
        if (l.inner == 1) {
            over_row(kind, in[0] + at, in[1] != NULL ? in[1] + at : NULL, out + at, e, l.length);
            continue;
        }
        for (size_t k = 0; k < l.length; k++) {
            room[k] = in[0][at + k * l.inner];
            room[l.length + k] = in[1] != NULL ? in[1][at + k * l.inner] : 0;
        }
        over_row(kind, room, room + l.length, room + 2 * l.length, e, l.length);
        for (size_t k = 0; k < l.length; k++)
            out[at + k * l.inner] = room[2 * l.length + k];
    }
    return FW_OK;
}

KERNEL(softmax)
{
    return over_lines(r, SOFT);
}
KERNEL(log_softmax)
{
    return over_lines(r, LOGARITHM);
}
KERNEL(hardmax)
{
    return over_lines(r, HARD);
}
KERNEL(softmax_grad) // (dy, y)
{
    return over_lines(r, SOFT_GRAD);
}
KERNEL(log_softmax_grad) // (dy, y)
{
    return over_lines(r, LOGARITHM_GRAD);
}

/* ---- LRN ---- */

struct local {
    size_t channels, inner;
    int64_t before, after; // channels of a window on either side
    REAL alpha, beta, bias;
};

static struct local local_of(const struct fw_run *r)
{
    const struct fw_buffer *x = r->in[0];
    int64_t size = fw_run_attr_int(r, "size", 1);
    struct local l = {.channels = (size_t)x->dims[1],
                      .inner = fw_buffer_span(x, 2, x->rank),
                      .before = (size - 1) / 2,
                      .after = size / 2,
                      .alpha = attr_real(r, "alpha") / (REAL)size,
                      .beta = attr_real(r, "beta"),
                      .bias = attr_real(r, "bias")};
    return l;
}

/* Sum of v over channels c-before..c+after; those outside are zeros that are added. */
static REAL window_sum(const struct local *l, const REAL *v, size_t image, int64_t c, size_t k,
                       int64_t before, int64_t after)
{
    REAL sum = 0;
    for (int64_t j = c - before; j <= c + after; j++) {
        bool inside = j >= 0 && j < (int64_t)l->channels;
        REAL x = inside ? v[(image * l->channels + (size_t)j) * l->inner + k] : 0;
        sum = JOIN(j == c - before, sum, x);
    }
    return sum;
}

/* s = bias + alpha/size * the window's sum of squares */
static REAL *local_scales(const struct fw_run *r, const struct local *l, const REAL *x, size_t n)
{
    REAL *squares = scratch_reals(r, n);
    REAL *s = scratch_reals(r, n);
    if (squares == NULL || s == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        squares[i] = MUL(x[i], x[i]);
    for (size_t i = 0; i < n; i++) {
        size_t c = i / l->inner % l->channels;
        REAL sum = window_sum(l, squares, i / l->inner / l->channels, (int64_t)c, i % l->inner,
                              l->before, l->after);
        s[i] = ADD(l->bias, MUL(l->alpha, sum));
    }
    return s;
}

KERNEL(lrn)
{
    struct local l = local_of(r);
    size_t n = r->in[0]->n;
    const REAL *s = local_scales(r, &l, reals(r, 0), n);
    if (s == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n; i++)
        reals_out(r, 0)[i] = DIV(reals(r, 0)[i], POW(s[i], l.beta));
    return FW_OK;
}

KERNEL(lrn_grad) // (dy, x, y): dY*s^-beta - k*x*window(dY*y/s)
{
    struct local l = local_of(r);
    size_t n = r->in[0]->n;
    const REAL *s = local_scales(r, &l, reals(r, 1), n);
    REAL *parts = scratch_reals(r, n);
    if (s == NULL || parts == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n; i++)
        parts[i] = DIV(MUL(reals(r, 0)[i], reals(r, 2)[i]), s[i]);
    for (size_t i = 0; i < n; i++) {
        size_t c = i / l.inner % l.channels;
        REAL sum = window_sum(&l, parts, i / l.inner / l.channels, (int64_t)c, i % l.inner, l.after,
                              l.before);
        REAL own = MUL(reals(r, 0)[i], POW(s[i], -l.beta));
        reals_out(r, 0)[i] = SUB(own, MUL(MUL(2 * l.alpha * l.beta, reals(r, 1)[i]), sum));
    }
    return FW_OK;
}

/* ---- LpNormalization ---- */

static REAL line_norm(const REAL *x, const struct lines *l, bool squares)
{
    REAL sum = 0;
    for (size_t i = 0; i < l->length; i++) {
        REAL v = x[i * l->inner];
        v = squares ? MUL(v, v) : ABS(v);
        sum = JOIN(i == 0, sum, v);
    }
    return squares ? SQRT(sum) : sum;
}

KERNEL(lp_norm)
{
    struct lines l;
    bool squares = fw_run_attr_int(r, "p", 2) == 2;
    FW_TRY(lines_of(r, r->in[0], &l));
    for (size_t i = 0; i < l.outer * l.inner && l.length > 0; i++) {
        size_t at = i / l.inner * l.length * l.inner + i % l.inner;
        REAL norm = line_norm(reals(r, 0) + at, &l, squares);
        for (size_t k = 0; k < l.length; k++) {
            REAL y = DIV(reals(r, 0)[at + k * l.inner], norm);
            reals_out(r, 0)[at + k * l.inner] = norm != 0 ? y : 0;
        }
    }
    return FW_OK;
}

KERNEL(lp_norm_grad) // (dy, x, y): (dY - d*sum(dY*y))/norm, d = y or sign(x)
{
    struct lines l;
    bool squares = fw_run_attr_int(r, "p", 2) == 2;
    FW_TRY(lines_of(r, r->in[0], &l));
    for (size_t i = 0; i < l.outer * l.inner && l.length > 0; i++) {
        size_t at = i / l.inner * l.length * l.inner + i % l.inner;
        REAL norm = line_norm(reals(r, 1) + at, &l, squares);
        REAL sum = 0;
        for (size_t k = 0; k < l.length; k++) {
            size_t p = at + k * l.inner;
            REAL v = MUL(reals(r, 0)[p], reals(r, 2)[p]);
            sum = JOIN(k == 0, sum, v);
        }
        for (size_t k = 0; k < l.length; k++) {
            size_t p = at + k * l.inner;
            REAL d = squares ? reals(r, 2)[p] : SIGN(reals(r, 1)[p]);
            reals_out(r, 0)[p] = DIV(SUB(reals(r, 0)[p], MUL(d, sum)), norm);
        }
    }
    return FW_OK;
}

/* ---- MeanVarianceNormalization: statistics over some axes ---- */

struct sets {
    size_t n, m; // elements, sets
    size_t *of;  // (n) the set of each element
    bool *begun; // (m)
    REAL count;
};

static enum fw_status sets_of(struct fw_run *r, const struct fw_buffer *x, struct sets *s)
{
    const struct fw_attr *axes = fw_run_attr(r, "axes");
    int64_t kept[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        kept[k] = x->dims[k];
    for (uint32_t i = 0; i < axes->n; i++) {
        unsigned axis;
        FW_TRY(fw_run_axis(r, axes->ints[i], x->rank, &axis));
        kept[axis] = 1;
    }
    struct fw_buffer shape = {.rank = x->rank, .n = 1};
    for (unsigned k = 0; k < x->rank; k++)
        shape.n *= (size_t)(shape.dims[k] = kept[k]);
    struct fw_walk w;
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, &shape);
    *s = (struct sets){.n = x->n, .m = shape.n};
    s->of = fw_arena_array(r->scratch, x->n + 1, sizeof *s->of);
    s->begun = fw_arena_zalloc(r->scratch, shape.n + 1);
    if (s->of == NULL || s->begun == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < x->n; i++) {
        s->of[i] = (size_t)w.offset[0];
        fw_walk_next(&w);
    }
    s->count = real_of(shape.n > 0 ? x->n / shape.n : 0);
    return FW_OK;
}

/* The mean of v over each set. */
static REAL *set_means(const struct fw_run *r, struct sets *s, const REAL *v)
{
    REAL *mean = scratch_zeros(r, s->m);
    memset(s->begun, 0, s->m);
    for (size_t i = 0; mean != NULL && i < s->n; i++) {
        REAL *p = &mean[s->of[i]];
        *p = JOIN(!s->begun[s->of[i]], *p, v[i]);
        s->begun[s->of[i]] = true;
    }
    for (size_t k = 0; mean != NULL && k < s->m && s->n > 0; k++)
        mean[k] = DIV(mean[k], s->count);
    return mean;
}

/* 1/(deviation + epsilon) of each set, and the centred values. */
static REAL *set_inverses(const struct fw_run *r, struct sets *s, const REAL *x, REAL *centred)
{
    REAL *squares = scratch_reals(r, s->n);
    const REAL *mean = set_means(r, s, x);
    if (squares == NULL || mean == NULL)
        return NULL;
    for (size_t i = 0; i < s->n; i++) {
        centred[i] = SUB(x[i], mean[s->of[i]]);
        squares[i] = MUL(centred[i], centred[i]);
    }
    REAL *inverse = set_means(r, s, squares);
    for (size_t k = 0; inverse != NULL && k < s->m && s->n > 0; k++)
        inverse[k] = DIV((REAL)1, ADD(SQRT(inverse[k]), (REAL)1e-9));
    return inverse;
}

KERNEL(mvn)
{
    struct sets s;
    FW_TRY(sets_of(r, r->in[0], &s));
    REAL *y = reals_out(r, 0);
    const REAL *inverse = set_inverses(r, &s, reals(r, 0), y);
    if (inverse == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < s.n; i++)
        y[i] = MUL(y[i], inverse[s.of[i]]);
    return FW_OK;
}

KERNEL(mvn_grad) // (dy, x, y): inverse*(dY - mean(dY) - y*mean(dY*y))
{
    struct sets s;
    FW_TRY(sets_of(r, r->in[1], &s));
    REAL *dx = reals_out(r, 0);
    REAL *products = scratch_reals(r, s.n);
    const REAL *inverse = set_inverses(r, &s, reals(r, 1), dx);
    const REAL *mean = set_means(r, &s, reals(r, 0));
    if (products == NULL || inverse == NULL || mean == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < s.n; i++)
        products[i] = MUL(reals(r, 0)[i], reals(r, 2)[i]);
    const REAL *along = set_means(r, &s, products);
    if (along == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < s.n; i++) {
        REAL d = SUB(reals(r, 0)[i], mean[s.of[i]]);
        dx[i] = MUL(inverse[s.of[i]], SUB(d, MUL(reals(r, 2)[i], along[s.of[i]])));
    }
    return FW_OK;
}
