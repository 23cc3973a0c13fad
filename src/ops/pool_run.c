/* Kernels of pool.c. Taps on padding are executed as the cost counts them: a maximum meets the
 * lowest number there, a sum zero, a gradient falls into nothing. */
#include "ops/kernel.h"
#include "ops/pool.h"

struct pool {
    size_t images, channels, n_in, n_out, taps;
    unsigned n; // axes
    int64_t in[FW_MAX_AXES], out[FW_MAX_AXES], kernel[FW_MAX_AXES], begin[FW_MAX_AXES];
    int64_t end[FW_MAX_AXES], stride[FW_MAX_AXES], dilation[FW_MAX_AXES];
    bool last;
};

static enum fw_status read(struct fw_run *r, struct pool *p)
{
    const struct fw_pool_form *form = r->cx.node->op->family;
    const struct fw_buffer *x = r->in[form->x];
    *p = (struct pool){.last = fw_channels_last(&r->cx, form->last), .n = x->rank - 2u};
    p->images = (size_t)x->dims[0];
    p->channels = (size_t)x->dims[fw_channel_axis(p->last, x->rank)];
    p->n_in = p->n_out = p->taps = 1;
    struct fw_window w = {0};
    bool global =
        form->global || r->cx.node->op->n_attrs <= 1 ||
        (r->cx.node->op->flags & FW_OP_INTERNAL && fw_run_attr(r, "kernel_shape")->n == 0);
    if (!global)
        FW_TRY(fw_pool_read(&r->cx, &w));
    for (unsigned k = 0; k < p->n; k++) {
        p->in[k] = x->dims[fw_first_axis(p->last) + k];
        p->out[k] = global ? 1 : w.out[k].word;
        p->kernel[k] = global ? p->in[k] : w.kernel[k].word;
        p->begin[k] = global ? 0 : w.begin[k].word;
        p->end[k] = global ? 0 : w.end[k].word;
        p->stride[k] = global ? 1 : w.stride[k];
        p->dilation[k] = global ? 1 : w.dilation[k];
        p->n_in *= (size_t)p->in[k];
        p->n_out *= (size_t)p->out[k];
        p->taps *= (size_t)p->kernel[k];
    }
    return FW_OK;
}

/* Where element (image, channel, position) stands. */
static size_t place(const struct pool *p, size_t image, size_t channel, size_t position,
                    size_t positions)
{
    return p->last ? (image * positions + position) * p->channels + channel
                   : (image * p->channels + channel) * positions + position;
}

/* Position in the input that a tap of a window meets: -1 on padding, -2 beyond it (a window that
 * hangs over the end). */
static int64_t meets(const struct pool *p, size_t window, size_t tap)
{
    int64_t position = 0;
    int64_t scale = 1;
    int64_t outside = 0;
    for (unsigned k = p->n; k-- > 0;) {
        int64_t o = (int64_t)(window % (size_t)p->out[k]);
        int64_t t = (int64_t)(tap % (size_t)p->kernel[k]);
        int64_t at = o * p->stride[k] + t * p->dilation[k] - p->begin[k];
        window /= (size_t)p->out[k];
        tap /= (size_t)p->kernel[k];
        if (at >= p->in[k] + p->end[k])
            outside = -2;
        else if ((at < 0 || at >= p->in[k]) && outside == 0)
            outside = -1;
        position += at * scale;
        scale *= p->in[k];
    }
    return outside < 0 ? outside : position;
}

/* The places of all windows' taps, (n_out, taps). */
static int64_t *all_places(const struct fw_run *r, const struct pool *p)
{
    int64_t *at = fw_arena_array(r->scratch, p->n_out * p->taps, sizeof *at);
    for (size_t o = 0; at != NULL && o < p->n_out; o++)
        for (size_t t = 0; t < p->taps; t++)
            at[o * p->taps + t] = meets(p, o, t);
    return at;
}

/* A flat position with the first axis fastest, as storage_order = 1 numbers it. */
static int64_t by_columns(const struct pool *p, int64_t position)
{
    int64_t index[FW_MAX_AXES] = {0};
    int64_t ret = 0;
    for (unsigned k = p->n; k-- > 0;) {
        index[k] = position % p->in[k];
        position /= p->in[k];
    }
    for (unsigned k = p->n; k-- > 0;)
        ret = ret * p->in[k] + index[k];
    return ret;
}

static void pool_max(struct fw_run *r, const struct pool *p, const int64_t *at, size_t image,
                     size_t channel)
{
    const struct fw_buffer *x = r->in[0];
    struct fw_buffer *indices = fw_run_out(r, 1);
    bool columns =
        !(r->cx.node->op->flags & FW_OP_INTERNAL) && fw_run_attr_int(r, "storage_order", 0) != 0;
    for (size_t o = 0; o < p->n_out; o++) {
        const int64_t *taps = at + o * p->taps;
        double best = -INFINITY;
        int64_t where = -1;
        for (size_t t = 0; t < p->taps; t++) {
            size_t from = taps[t] < 0 ? 0 : place(p, image, channel, (size_t)taps[t], p->n_in);
            double v = taps[t] < 0 ? -INFINITY : fw_buffer_get(x, from);
            bool first = where < 0 && taps[t] >= 0;
            bool more = t > 0 ? LESS((REAL)best, (REAL)v) : true;
            if (more || first) {
                best = v;
                where = taps[t] < 0 ? where : taps[t];
            }
        }
        size_t to = place(p, image, channel, o, p->n_out);
        fw_buffer_put(r->out[0], to, best);
        if (indices != NULL && columns)
            fw_buffer_put_int(indices, to,
                              (int64_t)((image * p->channels + channel) * p->n_in) +
                                  by_columns(p, where));
        else if (indices != NULL)
            fw_buffer_put_int(indices, to,
                              (int64_t)place(p, image, channel, (size_t)where, p->n_in));
    }
}

/* Elements that a mean divides by. */
static size_t divisor(const int64_t *taps, size_t n, bool with_padding)
{
    size_t count = 0;
    for (size_t t = 0; t < n; t++)
        count += taps[t] >= (with_padding ? -1 : 0);
    return count;
}

static REAL powered(REAL x, int64_t p)
{
    if (p == 2)
        return MUL(x, x);
    return p == 1 ? ABS(x) : POW(ABS(x), (REAL)p);
}

static void pool_sum(struct fw_run *r, const struct pool *p, const int64_t *at, size_t image,
                     size_t channel, bool mean, int64_t power)
{
    const REAL *x = reals(r, 0);
    bool with_padding = fw_run_attr_int(r, "count_include_pad", 0) != 0;
    for (size_t o = 0; o < p->n_out; o++) {
        const int64_t *taps = at + o * p->taps;
        REAL sum = 0;
        if (p->taps == 0) { // of nothing: zero, for nothing
            reals_out(r, 0)[place(p, image, channel, o, p->n_out)] = 0;
            continue;
        }
        for (size_t t = 0; t < p->taps; t++) {
            REAL v = taps[t] < 0 ? 0 : x[place(p, image, channel, (size_t)taps[t], p->n_in)];
            v = mean ? v : powered(v, power);
            sum = JOIN(t == 0, sum, v);
        }
        if (mean)
            sum = DIV(sum, real_of(divisor(taps, p->taps, with_padding)));
        else if (power == 2)
            sum = SQRT(sum);
        else if (power != 1)
            sum = POW(sum, one_over((size_t)power));
        reals_out(r, 0)[place(p, image, channel, o, p->n_out)] = sum;
    }
}

KERNEL(pool)
{
    const struct fw_pool_form *form = r->cx.node->op->family;
    struct pool p;
    FW_TRY(read(r, &p));
    const int64_t *at = all_places(r, &p);
    if (at == NULL)
        return fw_fail_memory(r->cx.err);
    int64_t power = form->p >= 0 ? fw_attr_at(&r->cx, (unsigned)form->p)->i : 2;
    size_t from, to;
    fw_run_share(r, p.images * p.channels, &from, &to);
    for (size_t i = from; i < to; i++) {
        if (form->kind == FW_POOL_MAX)
            pool_max(r, &p, at, i / p.channels, i % p.channels);
        else
            pool_sum(r, &p, at, i / p.channels, i % p.channels, form->kind == FW_POOL_AVERAGE,
                     power);
    }
    return FW_OK;
}

KERNEL(max_pool_grad) // (dy, indices, x)
{
    zero_out(r, 0);
    for (size_t i = 0; i < r->in[0]->n; i++) {
        size_t at = (size_t)fw_buffer_int(r->in[1], i);
        FW_REQUIRE(at < r->out[0]->n, r->cx.err, FW_SHAPE, "an index is outside of the input");
        reals_out(r, 0)[at] = ADD(reals_out(r, 0)[at], reals(r, 0)[i]);
    }
    return FW_OK;
}

/* What one result hands to each of its taps, once and for all of them. */
struct handed {
    REAL value;
    int64_t power;
    bool mean;
};

static struct handed hand(REAL dy, REAL y, REAL count, bool mean, int64_t power)
{
    if (mean)
        return (struct handed){DIV(dy, count), 0, true};
    if (power == 1)
        return (struct handed){dy, 1, false};
    if (power == 2)
        return (struct handed){DIV(dy, y), 2, false};
    return (struct handed){DIV(dy, POW(y, (REAL)power - 1)), power, false};
}

static REAL take(struct handed h, REAL x)
{
    if (h.mean)
        return h.value;
    if (h.power == 1)
        return LESS(x, 0) ? -h.value : h.value;
    if (h.power == 2)
        return MUL(h.value, x);
    REAL v = MUL(h.value, POW(ABS(x), (REAL)h.power - 1));
    return LESS(x, 0) ? -v : v;
}

/* (dy, x, y?): sums where windows may overlap, else each element is met once. */
static enum fw_status sum_grad(struct fw_run *r, bool sums)
{
    const struct fw_pool_form *form = r->cx.node->op->family;
    bool mean = form->kind == FW_POOL_AVERAGE;
    int64_t power = form->p >= 0 ? fw_attr_at(&r->cx, (unsigned)form->p)->i : 2;
    bool with_padding = fw_run_attr_int(r, "count_include_pad", 0) != 0;
    struct pool p;
    FW_TRY(read(r, &p));
    const int64_t *at = all_places(r, &p);
    if (at == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    REAL *dx = reals_out(r, 0);
    for (size_t i = 0; i < p.images * p.channels && p.taps > 0; i++) {
        for (size_t o = 0; o < p.n_out; o++) {
            const int64_t *taps = at + o * p.taps;
            size_t from = place(&p, i / p.channels, i % p.channels, o, p.n_out);
            REAL count = mean ? real_of(divisor(taps, p.taps, with_padding)) : 0;
            struct handed h =
                hand(reals(r, 0)[from], mean ? 0 : reals(r, 2)[from], count, mean, power);
            for (size_t t = 0; t < p.taps; t++) {
                REAL nothing = 0;
                size_t to = taps[t] < 0 ? 0
                                        : place(&p, i / p.channels, i % p.channels, (size_t)taps[t],
                                                p.n_in);
                REAL v = take(h, taps[t] < 0 || mean ? 0 : reals(r, 1)[to]);
                REAL *into = taps[t] < 0 ? &nothing : &dx[to];
                *into = JOIN(!sums, *into, v);
            }
        }
    }
    return FW_OK;
}

KERNEL(pool_grad)
{
    return sum_grad(r, true);
}

KERNEL(global_pool_grad)
{
    return sum_grad(r, false);
}
