/* Kernels of conv.c: three products over windows serve convolutions of any number of axes, grouped
 * and transposed, forward and backward.
 *
 * The window ties a small side (positions o, channels m) to a big side (positions i = o*stride +
 * tap*dilation - padding, channels c of m's group) through a weight w[m, c, tap]:
 *     gather    small += w*big     Conv; dX of ConvTranspose
 *     scatter   big += w*small     ConvTranspose; dX of Conv
 *     weigh     w += small*big     dW of both
 * The big side is copied with its padding, so that every tap of every window is executed, as the
 * cost counts it. */
#include "ops/conv.h"
#include "ops/product.h"

enum { BLOCK = 1 << 18 }; // elements of a matrix of windows

struct conv {
    size_t batch, groups, m, c; // m, c: channels of a group
    size_t taps, n_small, n_big, n_padded;
    unsigned n; // axes
    size_t small[FW_MAX_AXES], big[FW_MAX_AXES], padded[FW_MAX_AXES], begin[FW_MAX_AXES];
    size_t kernel[FW_MAX_AXES], stride[FW_MAX_AXES], dilation[FW_MAX_AXES];
    bool last;   // channels last, of data
    bool w_last; // and of the weight
    size_t *at;  // (n_small) where the first tap of a window stands in the padded big side
    size_t *tap; // (taps) how far each tap is from it
};

/* Positions of `of` in a grid of sizes `in`, each step `step` apart: row-major. */
static size_t *places(const struct fw_run *r, unsigned n, const size_t *of, const size_t *in,
                      const size_t *step)
{
    size_t total = 1;
    size_t at[FW_MAX_AXES] = {0};
    for (unsigned k = 0; k < n; k++)
        total *= of[k];
    size_t *ret = fw_arena_array(r->scratch, total, sizeof *ret);
    for (size_t i = 0; ret != NULL && i < total; i++) {
        ret[i] = 0;
        for (unsigned k = 0; k < n; k++)
            ret[i] = ret[i] * in[k] + at[k] * step[k];
        for (unsigned k = n; k-- > 0 && ++at[k] == of[k];)
            at[k] = 0;
    }
    return ret;
}

static enum fw_status read(struct fw_run *r, const struct fw_buffer *w, struct conv *v)
{
    struct fw_conv read_;
    FW_TRY(fw_conv_read(&r->cx, &read_));
    const struct fw_window *win = &read_.window;
    *v = (struct conv){.batch = (size_t)read_.batch.word, .n = win->n, .last = read_.last};
    v->groups = (size_t)fw_attr_at(&r->cx, FW_CONV_GROUP)->i;
    v->m = (size_t)read_.weight_out.word / v->groups;
    v->c = (size_t)read_.weight_in.word;
    v->w_last = v->last && w->rank > 1 && (size_t)w->dims[1] != v->c;
    v->taps = v->n_small = v->n_big = v->n_padded = 1;
    for (unsigned k = 0; k < v->n; k++) {
        v->kernel[k] = (size_t)win->kernel[k].word;
        v->stride[k] = (size_t)win->stride[k];
        v->dilation[k] = (size_t)win->dilation[k];
        v->begin[k] = (size_t)win->begin[k].word;
        v->small[k] = (size_t)(win->transposed ? win->in : win->out)[k].word;
        v->big[k] = (size_t)(win->transposed ? win->out : win->in)[k].word;
        size_t reach = (v->small[k] - 1) * v->stride[k] + (v->kernel[k] - 1) * v->dilation[k] + 1;
        v->padded[k] = v->begin[k] + v->big[k] > reach ? v->begin[k] + v->big[k] : reach;
        v->taps *= v->kernel[k];
        v->n_small *= v->small[k];
        v->n_big *= v->big[k];
        v->n_padded *= v->padded[k];
    }
    v->at = places(r, v->n, v->small, v->padded, v->stride);
    v->tap = places(r, v->n, v->kernel, v->padded, v->dilation);
    return v->at != NULL && v->tap != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

/* Channel 0 of example n as a matrix (channels, positions). */
static struct matrix image(const struct conv *v, const REAL *p, size_t n, size_t channels,
                           size_t positions)
{
    p += n * channels * positions;
    return v->last ? matrix_of(p, 1, channels) : matrix_of(p, positions, 1);
}

/* The weights of channel m = 0 of a group: (m, c*taps + tap), or (m, tap*c + c) channels last. */
static struct matrix weights(const struct conv *v, const REAL *w, size_t group)
{
    size_t each = v->c * v->taps;
    return matrix_of(w + group * v->m * each, each, 1);
}

/* Channel c and tap of column k of that matrix. */
static void column(const struct conv *v, size_t k, size_t *c, size_t *tap)
{
    *c = v->w_last ? k % v->c : k / v->taps;
    *tap = v->w_last ? k / v->c : k % v->taps;
}

/* Copies the channels of a group between the big side and its padded form. */
static void pad_group(const struct conv *v, struct matrix big, size_t group, REAL *padded,
                      bool back)
{
    size_t at[FW_MAX_AXES] = {0};
    for (size_t i = 0; i < v->n_big; i++) {
        size_t to = 0;
        for (unsigned k = 0; k < v->n; k++)
            to = to * v->padded[k] + at[k] + v->begin[k];
        for (size_t c = 0; c < v->c; c++) {
            REAL *p = big.p + (ptrdiff_t)(group * v->c + c) * big.row + (ptrdiff_t)i * big.column;
            if (back)
                *p = padded[c * v->n_padded + to];
            else
                padded[c * v->n_padded + to] = *p;
        }
        for (unsigned k = v->n; k-- > 0 && ++at[k] == v->big[k];)
            at[k] = 0;
    }
}

/* Windows first..first+n-1 as a matrix (c*taps, n), its rows `row` apart. */
static void unfold(const struct conv *v, const REAL *padded, size_t first, size_t n, REAL *windows,
                   size_t row)
{
    for (size_t k = 0; k < v->c * v->taps; k++) {
        size_t c, tap;
        column(v, k, &c, &tap);
        const REAL *from = padded + c * v->n_padded + v->tap[tap];
        for (size_t i = 0; i < n; i++)
            windows[k * row + i] = from[v->at[first + i]];
    }
}

static size_t block_of(size_t rows, size_t windows)
{
    size_t n = BLOCK / (rows > 0 ? rows : 1);
    n = n < 16 ? 16 : n;
    return n < windows ? n : windows;
}

static enum fw_status gather(struct fw_run *r, const struct conv *v, const REAL *w, const REAL *big,
                             REAL *small)
{
    size_t rows = v->c * v->taps;
    size_t block = block_of(rows, v->n_small);
    REAL *padded = scratch_zeros(r, v->c * v->n_padded);
    REAL *windows = scratch_reals(r, rows * block);
    size_t from, to;
    if (padded == NULL || windows == NULL)
        return fw_fail_memory(r->cx.err);
    fw_run_share(r, v->batch * v->groups, &from, &to);
    for (size_t i = from; i < to; i++) {
        size_t n = i / v->groups;
        size_t g = i % v->groups;
        struct matrix y = image(v, small, n, v->groups * v->m, v->n_small);
        pad_group(v, image(v, big, n, v->groups * v->c, v->n_big), g, padded, false);
        for (size_t first = 0; first < v->n_small; first += block) {
            size_t some = v->n_small - first < block ? v->n_small - first : block;
            struct matrix part = {y.p + (ptrdiff_t)(g * v->m) * y.row + (ptrdiff_t)first * y.column,
                                  y.row, y.column};
            unfold(v, padded, first, some, windows, some);
            FW_TRY(
                product(r, v->m, some, rows, part, weights(v, w, g), matrix_of(windows, some, 1)));
        }
    }
    return FW_OK;
}

/* For one tap: the places it meets are loaded, updated and stored again; no two windows meet the
 * same place with one tap. */
static enum fw_status scatter_tap(struct fw_run *r, const struct conv *v, struct matrix w,
                                  struct matrix small, REAL *padded, REAL *buffer, size_t tap)
{
    for (size_t c = 0; c < v->c; c++)
        for (size_t i = 0; i < v->n_small; i++)
            buffer[c * v->n_small + i] = padded[c * v->n_padded + v->tap[tap] + v->at[i]];
    size_t first = v->w_last ? tap * v->c : tap;
    struct matrix wt = {w.p + first, v->w_last ? 1 : (ptrdiff_t)v->taps, w.row}; // (c, m)
    FW_TRY(product(r, v->c, v->n_small, v->m, matrix_of(buffer, v->n_small, 1), wt, small));
    for (size_t c = 0; c < v->c; c++)
        for (size_t i = 0; i < v->n_small; i++)
            padded[c * v->n_padded + v->tap[tap] + v->at[i]] = buffer[c * v->n_small + i];
    return FW_OK;
}

static enum fw_status scatter(struct fw_run *r, const struct conv *v, const REAL *w,
                              const REAL *small, REAL *big)
{
    REAL *padded = scratch_reals(r, v->c * v->n_padded);
    REAL *buffer = scratch_reals(r, v->c * v->n_small);
    size_t from, to;
    if (padded == NULL || buffer == NULL)
        return fw_fail_memory(r->cx.err);
    fw_run_share(r, v->batch * v->groups, &from, &to);
    for (size_t i = from; i < to; i++) {
        size_t n = i / v->groups;
        size_t g = i % v->groups;
        struct matrix x = image(v, small, n, v->groups * v->m, v->n_small);
        x.p += (ptrdiff_t)(g * v->m) * x.row;
        memset(padded, 0, v->c * v->n_padded * sizeof *padded);
        for (size_t tap = 0; tap < v->taps; tap++)
            FW_TRY(scatter_tap(r, v, weights(v, w, g), x, padded, buffer, tap));
        pad_group(v, image(v, big, n, v->groups * v->c, v->n_big), g, padded, true);
    }
    return FW_OK;
}

/* Windows side by side (c*taps, n), of as many images as there is room for, and what the small side
 * has there (m, n). */
struct pile {
    size_t room, n; // columns
    REAL *windows, *small;
};

/* Puts windows of an image on it, from the first one named; how many there was room for. */
static size_t pile_up(const struct conv *v, struct pile *p, const REAL *padded, struct matrix small,
                      size_t first)
{
    size_t left = v->n_small - first, room = p->room - p->n;
    size_t some = left < room ? left : room;
    unfold(v, padded, first, some, p->windows + p->n, p->room);
    for (size_t m = 0; m < v->m; m++)
        for (size_t i = 0; i < some; i++)
            p->small[m * p->room + p->n + i] =
                small.p[(ptrdiff_t)m * small.row + (ptrdiff_t)(first + i) * small.column];
    p->n += some;
    return some;
}

static enum fw_status weigh(struct fw_run *r, const struct conv *v, const REAL *small,
                            const REAL *big, REAL *w)
{
    size_t rows = v->c * v->taps;
    struct pile p = {.room = block_of(rows > v->m ? rows : v->m, v->batch * v->n_small)};
    REAL *padded = scratch_zeros(r, v->c * v->n_padded);
    p.windows = scratch_reals(r, rows * p.room);
    p.small = scratch_reals(r, v->m * p.room);
    size_t from, to;
    if (padded == NULL || p.windows == NULL || p.small == NULL)
        return fw_fail_memory(r->cx.err);
    fw_run_share(r, v->groups, &from, &to);
    for (size_t i = from * v->batch; i < to * v->batch; i++) {
        size_t g = i / v->batch, n = i % v->batch, first = 0;
        struct matrix y = image(v, small, n, v->groups * v->m, v->n_small);
        y.p += (ptrdiff_t)(g * v->m) * y.row;
        pad_group(v, image(v, big, n, v->groups * v->c, v->n_big), g, padded, false);
        while (first < v->n_small) {
            first += pile_up(v, &p, padded, y, first);
            if (p.n < p.room && (n + 1 < v->batch || first < v->n_small))
                continue;
            FW_TRY(product(r, v->m, rows, p.n, weights(v, w, g), matrix_of(p.small, p.room, 1),
                           turned(matrix_of(p.windows, p.room, 1))));
            p.n = 0;
        }
    }
    return FW_OK;
}

/* ---- rows ---- */

/* y += bias of its channel */
static void add_bias(struct fw_run *r, const struct conv *v, size_t positions)
{
    const REAL *bias = reals(r, 2);
    REAL *y = reals_out(r, 0);
    size_t channels = bias != NULL ? r->in[2]->n : 1;
    size_t from, to;
    fw_run_share(r, v->batch * v->groups, &from, &to);
    size_t each = r->out[0]->n / (v->batch * v->groups > 0 ? v->batch * v->groups : 1);
    if (v->last) { // the parts are images then
        fw_run_share(r, r->out[0]->n, &from, &to);
        each = 1;
    }
    for (size_t i = from * each; bias != NULL && i < to * each; i++)
        y[i] = ADD(y[i], bias[v->last ? i % channels : i / positions % channels]);
}

KERNEL(conv) // (x, w, bias?)
{
    struct conv v;
    FW_TRY(read(r, r->in[1], &v));
    zero_out(r, 0);
    FW_TRY(gather(r, &v, reals(r, 1), reals(r, 0), reals_out(r, 0)));
    add_bias(r, &v, v.n_small);
    return FW_OK;
}

KERNEL(conv_transpose)
{
    struct conv v;
    FW_TRY(read(r, r->in[1], &v));
    FW_TRY(scatter(r, &v, reals(r, 1), reals(r, 0), reals_out(r, 0)));
    add_bias(r, &v, v.n_big);
    return FW_OK;
}

KERNEL(conv_dx) // (dy, w, x)
{
    struct conv v;
    FW_TRY(read(r, r->in[1], &v));
    return scatter(r, &v, reals(r, 1), reals(r, 0), reals_out(r, 0));
}

KERNEL(conv_dw) // (dy, x, w)
{
    struct conv v;
    FW_TRY(read(r, r->out[0], &v));
    zero_out(r, 0);
    return weigh(r, &v, reals(r, 0), reals(r, 1), reals_out(r, 0));
}

KERNEL(conv_transpose_dx) // (dy, w, x)
{
    struct conv v;
    FW_TRY(read(r, r->in[1], &v));
    zero_out(r, 0);
    return gather(r, &v, reals(r, 1), reals(r, 0), reals_out(r, 0));
}

KERNEL(conv_transpose_dw) // (dy, x, w)
{
    struct conv v;
    FW_TRY(read(r, r->out[0], &v));
    zero_out(r, 0);
    return weigh(r, &v, reals(r, 1), reals(r, 0), reals_out(r, 0));
}

KERNEL(channel_sum) // all but one axis summed; the first number of a channel is no addition
{
    const struct fw_buffer *x = r->in[0];
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 1), x->rank, &axis));
    size_t channels = (size_t)x->dims[axis];
    size_t inner = fw_buffer_span(x, axis + 1, x->rank);
    size_t outer = fw_buffer_span(x, 0, axis);
    REAL *y = reals_out(r, 0);
    if (x->n == 0)
        zero_out(r, 0);
    for (size_t n = 0; n < outer; n++)
        for (size_t c = 0; c < channels; c++) {
            const REAL *p = reals_of(x) + (n * channels + c) * inner;
            size_t i = 0;
            if (n == 0 && inner > 0)
                y[c] = p[i++];
            for (; i < inner; i++)
                y[c] = ADD(y[c], p[i]);
        }
    return FW_OK;
}
