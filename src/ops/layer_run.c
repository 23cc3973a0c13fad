/* Kernels of layer normalisation and its like (norm.c, whose comments have the formulas): over
 * lines of n numbers, or where scales have another shape by a walk over all. */
#include "ops/kernel.h"
#include "ops/norm.h"

/* The sum of the inputs that are added first, in its output or in scratch memory. */
static const REAL *added_inputs(struct fw_run *r, const struct fw_layer_form *f)
{
    const struct fw_buffer *x = r->in[0];
    unsigned inputs[2] = {1, f->skip_bias};
    if (!f->skip)
        return reals_of(x);
    REAL *sum = reals_out(r, FW_LAYER_SUM_OUT);
    sum = sum != NULL ? sum : scratch_reals(r, x->n);
    if (sum == NULL)
        return NULL;
    memcpy(sum, reals_of(x), x->n * sizeof *sum);
    for (unsigned k = 0; k < 2; k++) {
        const struct fw_buffer *v = inputs[k] == 0 ? NULL : fw_run_in(r, inputs[k]);
        struct fw_walk w;
        if (v == NULL)
            continue;
        fw_walk_init(&w, x->rank, x->dims);
        fw_walk_add_broadcast(&w, v);
        for (size_t i = 0; i < x->n; i++) {
            sum[i] = ADD(sum[i], reals_of(v)[w.offset[0]]);
            fw_walk_next(&w);
        }
    }
    return sum;
}

/* y = (x - mean)*inverse of one line; y holds x - mean meanwhile. */
static void layer_line(const REAL *x, REAL *y, size_t n, bool rms, REAL epsilon, REAL *ret_mean,
                       REAL *ret_inverse)
{
    REAL mean = rms ? 0 : DIV(sum_of(x, n), real_of(n));
    for (size_t i = 0; i < n; i++)
        y[i] = rms ? x[i] : SUB(x[i], mean);
    REAL squares = sum_of_products(y, y, n);
    REAL inverse = DIV((REAL)1, SQRT(ADD(DIV(squares, real_of(n)), epsilon)));
    for (size_t i = 0; i < n; i++)
        y[i] = MUL(y[i], inverse);
    *ret_mean = mean;
    *ret_inverse = inverse;
}

/* Whether v, broadcast to the shape of x, is one line of n numbers for all of its lines. */
static bool is_a_line(const struct fw_buffer *v, const struct fw_buffer *x, size_t n)
{
    size_t tail = 1;
    for (unsigned k = 1; k <= v->rank && tail < n; k++) {
        if (k > x->rank || v->dims[v->rank - k] != x->dims[x->rank - k])
            return false;
        tail *= (size_t)v->dims[v->rank - k];
    }
    return tail == n && v->n == n;
}

/* y*scale + shift, which are broadcast to the shape of x, of lines of n numbers. */
static void scale_and_shift(struct fw_run *r, const struct fw_buffer *scale,
                            const struct fw_buffer *shift)
{
    const struct fw_buffer *x = r->in[0];
    REAL *y = reals_out(r, 0);
    struct fw_walk w;
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, scale);
    if (shift != NULL)
        fw_walk_add_broadcast(&w, shift);
    for (size_t i = 0; i < x->n; i++) {
        y[i] = MUL(y[i], reals_of(scale)[w.offset[0]]);
        if (shift != NULL)
            y[i] = ADD(y[i], reals_of(shift)[w.offset[1]]);
        fw_walk_next(&w);
    }
}

static void scale_line(REAL *y, const REAL *scale, const REAL *shift, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = MUL(y[i], scale[i]);
    for (size_t i = 0; i < n && shift != NULL; i++)
        y[i] = ADD(y[i], shift[i]);
}

/* This part's lines of m, all of them in the first part where they cannot be shared. */
static void share_lines(const struct fw_run *r, bool can, size_t m, size_t *from, size_t *to)
{
    fw_run_share(r, m, from, to);
    if (!can) {
        *from = 0;
        *to = r->part == 0 ? m : 0;
    }
}

KERNEL(layer_norm)
{
    const struct fw_layer_form *f = r->cx.node->op->family;
    const struct fw_buffer *x = r->in[0], *scale = r->in[f->scale];
    const struct fw_buffer *shift = f->shift != 0 ? fw_run_in(r, f->shift) : NULL;
    unsigned axis = x->rank - 1u;
    if (fw_run_attr(r, "axis") != NULL)
        FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", -1), x->rank, &axis));
    size_t m = fw_buffer_span(x, 0, axis), n = fw_buffer_span(x, axis, x->rank), from, to;
    bool lines = is_a_line(scale, x, n) && (shift == NULL || is_a_line(shift, x, n));
    share_lines(r, lines && !f->skip, m, &from, &to);
    if (from == to)
        return FW_OK;
    const REAL *sum = added_inputs(r, f);
    if (sum == NULL)
        return fw_fail_memory(r->cx.err);
    REAL *mean_out = f->mean_out ? reals_out(r, 1) : NULL;
    REAL *inverse_out = reals_out(r, f->mean_out ? 2 : 1);
    for (unsigned i = 1; i <= 2 && n == 0; i++) // nothing to average
        zero_out(r, i);
    for (size_t i = from; i < to && n > 0; i++) {
        REAL mean, inverse, *y = reals_out(r, 0) + i * n;
        layer_line(sum + i * n, y, n, f->rms, attr_real(r, "epsilon"), &mean, &inverse);
        if (mean_out != NULL)
            mean_out[i] = mean;
        if (inverse_out != NULL)
            inverse_out[i] = inverse;
        if (lines)
            scale_line(y, reals_of(scale), reals_of(shift), n);
    }
    if (!lines)
        scale_and_shift(r, scale, shift);
    return FW_OK;
}

/* h of n numbers of line i, from number `first` on. */
static void layer_h(const struct fw_run *r, size_t i, size_t first, size_t n, REAL *h)
{
    size_t length = r->in[FW_LAYER_X]->n / r->in[FW_LAYER_INVERSE]->n;
    const REAL *x = reals(r, FW_LAYER_X) + i * length + first;
    const REAL *mean = reals(r, FW_LAYER_MEAN);
    const REAL inverse = reals(r, FW_LAYER_INVERSE)[i];
    const REAL centre = mean != NULL ? mean[i] : 0;
    if (mean != NULL)
        for (size_t k = 0; k < n; k++)
            h[k] = MUL(SUB(x[k], centre), inverse);
    else
        for (size_t k = 0; k < n; k++)
            h[k] = MUL(x[k], inverse);
}

/* inverse*(g - mean(g) - h*mean(g*h)); without a mean inverse*(g - h*mean(g*h)) */
static void layer_grad_line(const REAL *h, REAL *g, REAL inverse, bool centred, REAL *dx, size_t n)
{
    REAL along = DIV(sum_of_products(g, h, n), real_of(n));
    REAL mean = centred ? DIV(sum_of(g, n), real_of(n)) : 0;
    if (centred)
        for (size_t i = 0; i < n; i++)
            g[i] = SUB(g[i], mean);
    for (size_t i = 0; i < n; i++)
        dx[i] = MUL(inverse, SUB(g[i], MUL(h[i], along)));
}

/* g = dY*scale of all elements, where the scale is no line of its own. */
static REAL *scaled_gradient(const struct fw_run *r, const struct fw_buffer *x,
                             const struct fw_buffer *scale)
{
    REAL *g = scratch_reals(r, x->n);
    struct fw_walk w;
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, scale);
    for (size_t i = 0; g != NULL && i < x->n; i++) {
        g[i] = MUL(reals(r, FW_LAYER_DY)[i], reals_of(scale)[w.offset[0]]);
        fw_walk_next(&w);
    }
    return g;
}

KERNEL(layer_grad) // (dy, x, inverse, scale, mean?)
{
    const struct fw_buffer *x = r->in[FW_LAYER_X], *scale = r->in[FW_LAYER_SCALE];
    size_t m = r->in[FW_LAYER_INVERSE]->n, n = m > 0 ? x->n / m : 0, from, to;
    bool lines = is_a_line(scale, x, n);
    share_lines(r, lines, m, &from, &to);
    if (from == to)
        return FW_OK;
    REAL *h = scratch_reals(r, n + 1);
    REAL *g = lines ? scratch_reals(r, n + 1) : scaled_gradient(r, x, scale);
    if (h == NULL || g == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = from; i < to; i++) {
        const REAL *dy = reals(r, FW_LAYER_DY) + i * n;
        REAL *gradient = lines ? g : g + i * n;
        layer_h(r, i, 0, n, h);
        for (size_t k = 0; lines && k < n; k++)
            gradient[k] = MUL(dy[k], reals_of(scale)[k]);
        layer_grad_line(h, gradient, reals(r, FW_LAYER_INVERSE)[i], fw_run_has(r, FW_LAYER_MEAN),
                        reals_out(r, 0) + i * n, n);
    }
    return FW_OK;
}

/* sum of dY*h over what the scale is repeated along */
static enum fw_status scale_grad_by_walk(struct fw_run *r, const struct fw_buffer *x, size_t n)
{
    const struct fw_buffer *y = r->out[0];
    REAL *h = scratch_reals(r, n + 1);
    bool *begun = fw_arena_zalloc(r->scratch, y->n + 1);
    struct fw_walk w;
    if (h == NULL || begun == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    fw_walk_init(&w, x->rank, x->dims);
    fw_walk_add_broadcast(&w, y);
    for (size_t i = 0; i < x->n; i++) {
        size_t at = (size_t)w.offset[0];
        if (i % n == 0)
            layer_h(r, i / n, 0, n, h);
        REAL v = MUL(reals(r, FW_LAYER_DY)[i], h[i % n]);
        reals_out(r, 0)[at] = JOIN(!begun[at], reals_out(r, 0)[at], v);
        begun[at] = true;
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(layer_scale_grad) // parts are columns: each sums its own over all lines
{
    const struct fw_buffer *x = r->in[FW_LAYER_X];
    size_t m = r->in[FW_LAYER_INVERSE]->n, n = m > 0 ? x->n / m : 0, from, to;
    if (!is_a_line(r->out[0], x, n))
        return r->part == 0 ? scale_grad_by_walk(r, x, n) : FW_OK;
    fw_run_share(r, n, &from, &to);
    REAL *sum = reals_out(r, 0) + from;
    REAL *h = scratch_reals(r, to - from + 1);
    if (h == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < m; i++) {
        const REAL *dy = reals(r, FW_LAYER_DY) + i * n + from;
        layer_h(r, i, from, to - from, h);
        for (size_t k = 0; k < to - from; k++)
            h[k] = MUL(dy[k], h[k]);
        if (i == 0)
            memcpy(sum, h, (to - from) * sizeof *h);
        for (size_t k = 0; i > 0 && k < to - from; k++)
            sum[k] = ADD(sum[k], h[k]);
    }
    return FW_OK;
}
