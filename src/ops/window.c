/* Window geometry: sizes, paddings and the exact number of taps that meet elements; see conv.h. */
#include "ops/conv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum pad_rule { PAD_GIVEN, PAD_VALID, PAD_UPPER, PAD_LOWER };

static enum fw_status read_rule(struct fw_cx *c, enum pad_rule *ret)
{
    static const struct {
        const char *name;
        enum pad_rule rule;
    } rules[] = {{"", PAD_GIVEN},
                 {"NOTSET", PAD_GIVEN},
                 {"VALID", PAD_VALID},
                 {"SAME_UPPER", PAD_UPPER},
                 {"SAME_LOWER", PAD_LOWER}};
    const char *s = fw_attr_at(c, FW_WINDOW_AUTO_PAD)->s;
    for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++)
        if (s == NULL || strcmp(rules[i].name, s) == 0) {
            *ret = rules[i].rule;
            return FW_OK;
        }
    return fw_fail(c->err, FW_FORMAT, -1,
                   "auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER is wanted, found '%.40s'", s);
}

/* An attribute of one number an axis, all at least min; absent ones are preset. */
static enum fw_status read_ints(struct fw_cx *c, unsigned attr, unsigned n, int64_t min,
                                int64_t preset, int64_t *ret)
{
    const struct fw_attr *a = fw_attr_at(c, attr);
    const char *name = c->node->op->attrs[attr].name;
    FW_REQUIRE(a->n == 0 || a->n == n, c->err, FW_SHAPE,
               "attribute '%s': %u numbers are wanted, found %u", name, n, a->n);
    for (unsigned k = 0; k < n; k++) {
        ret[k] = preset;
        if (a->n == 0)
            continue;
        ret[k] = a->ints[k];
        FW_REQUIRE(ret[k] >= min && ret[k] <= FW_DIM_MAX, c->err, FW_SHAPE,
                   "attribute '%s': numbers from %" PRId64 " are wanted, found %" PRId64, name, min,
                   ret[k]);
    }
    return FW_OK;
}

static enum fw_status read_kernel(struct fw_cx *c, const fw_dim *kernel, struct fw_window *w)
{
    int64_t given[FW_MAX_AXES] = {0};
    FW_TRY(read_ints(c, FW_WINDOW_KERNEL, w->n, 1, 0, given));
    bool has = fw_attr_at(c, FW_WINDOW_KERNEL)->n != 0;
    FW_REQUIRE(has || kernel != NULL || w->n == 0, c->err, FW_FORMAT,
               "attribute 'kernel_shape' is wanted, it is missing");
    for (unsigned k = 0; k < w->n; k++) {
        if (has)
            w->kernel[k] = fw_dim_int(given[k]);
        if (kernel != NULL)
            FW_TRY(fw_same_dim(c, "kernel_shape and weight", has ? w->kernel[k] : kernel[k],
                               kernel[k], &w->kernel[k]));
        FW_REQUIRE(!fw_dim_is(w->kernel[k], 0), c->err, FW_SHAPE,
                   "a kernel of at least one tap is wanted, found 0 along axis %u", k);
    }
    return FW_OK;
}

/* Kernel, strides, dilations and explicit pads; the sizes of the input. */
static enum fw_status read_common(struct fw_cx *c, unsigned n, const fw_dim *in,
                                  const fw_dim *kernel, struct fw_window *w,
                                  enum pad_rule *ret_rule)
{
    *w = (struct fw_window){.n = n};
    FW_TRY(read_rule(c, ret_rule));
    FW_TRY(read_kernel(c, kernel, w));
    FW_TRY(read_ints(c, FW_WINDOW_STRIDES, n, 1, 1, w->stride));
    FW_TRY(read_ints(c, FW_WINDOW_DILATIONS, n, 1, 1, w->dilation));
    int64_t pads[2 * FW_MAX_AXES] = {0};
    if (*ret_rule == PAD_GIVEN)
        FW_TRY(read_ints(c, FW_WINDOW_PADS, 2 * n, 0, 0, pads));
    for (unsigned k = 0; k < n; k++) {
        w->in[k] = in[k];
        w->begin[k] = fw_dim_int(pads[k]);
        w->end[k] = fw_dim_int(pads[n + k]);
    }
    return FW_OK;
}

/* Elements from the first tap to the last: d*(K-1) + 1. */
static fw_dim extent(struct fw_cx *c, const struct fw_window *w, unsigned k)
{
    fw_dim less = fw_dim_sub(c->sym, w->kernel[k], fw_dim_int(1));
    fw_dim d = fw_dim_mul(c->sym, less, fw_dim_int(w->dilation[k]));
    return fw_dim_add(c->sym, d, fw_dim_int(1));
}

/* Shares out the padding that is needed in all; an odd one goes to the end, or the beginning. */
static void split_pads(struct fw_cx *c, struct fw_window *w, unsigned k, fw_dim total, bool upper)
{
    fw_dim all = fw_dim_max(c->sym, total, fw_dim_int(0));
    fw_dim half = fw_dim_floor_div(c->sym, all, fw_dim_int(2));
    fw_dim rest = fw_dim_sub(c->sym, all, half);
    w->begin[k] = upper ? half : rest;
    w->end[k] = upper ? rest : half;
}

/* SAME_*: ceil(W/S) windows, padded by what they need: (out-1)*S + extent - W. */
static void same_axis(struct fw_cx *c, struct fw_window *w, unsigned k, bool upper)
{
    fw_dim s = fw_dim_int(w->stride[k]);
    w->out[k] = fw_dim_ceil_div(c->sym, w->in[k], s);
    fw_dim last = fw_dim_mul(c->sym, fw_dim_sub(c->sym, w->out[k], fw_dim_int(1)), s);
    fw_dim need = fw_dim_sub(c->sym, fw_dim_add(c->sym, last, extent(c, w, k)), w->in[k]);
    split_pads(c, w, k, need, upper);
}

/* floor((W + P - extent)/S) + 1. With ceil the window may hang over the end but must start before
 * W + begin: the least of ceil((W + P - extent)/S) and ceil((W + begin - S)/S), plus 1. */
static void plain_axis(struct fw_cx *c, struct fw_window *w, unsigned k, bool ceil)
{
    fw_dim s = fw_dim_int(w->stride[k]);
    fw_dim over = fw_dim_sub(c->sym, w->end[k], extent(c, w, k));
    if (ceil)
        over = fw_dim_min(c->sym, over, fw_dim_int(-w->stride[k]));
    fw_dim room = fw_dim_add(c->sym, fw_dim_add(c->sym, w->in[k], w->begin[k]), over);
    fw_dim steps = ceil ? fw_dim_ceil_div(c->sym, room, s) : fw_dim_floor_div(c->sym, room, s);
    w->out[k] = fw_dim_add(c->sym, steps, fw_dim_int(1));
}

static enum fw_status fail_size(const struct fw_cx *c, unsigned axis)
{
    char what[64];
    (void)snprintf(what, sizeof what, "the size of the output along axis %u", axis);
    return fw_symbols_fail(c->sym, what, c->err);
}

enum fw_status fw_window_read(struct fw_cx *c, unsigned n, const fw_dim *in, const fw_dim *kernel,
                              bool ceil, struct fw_window *ret)
{
    enum pad_rule rule;
    FW_TRY(read_common(c, n, in, kernel, ret, &rule));
    for (unsigned k = 0; k < n; k++) {
        if (rule == PAD_UPPER || rule == PAD_LOWER)
            same_axis(c, ret, k, rule == PAD_UPPER);
        else
            plain_axis(c, ret, k, ceil);
        fw_dim out = ret->out[k];
        if (fw_dim_is_bad(out))
            return fail_size(c, k);
        FW_REQUIRE(!fw_dim_is_const(out) || out.word >= 1, c->err, FW_SHAPE,
                   "axis %u: a kernel that fits into the padded input is wanted, it is larger", k);
    }
    return FW_OK;
}

/* Sizes that the attribute output_shape gives: one for each axis, or for every dimension. */
static enum fw_status read_output_shape(struct fw_cx *c, unsigned attr, unsigned n,
                                        const int64_t **ret)
{
    const struct fw_attr *a = fw_attr_at(c, attr);
    *ret = NULL;
    if (a->n == 0)
        return FW_OK;
    FW_REQUIRE(a->n == n || a->n == n + 2, c->err, FW_SHAPE,
               "attribute 'output_shape': %u numbers are wanted, found %u", n, a->n);
    *ret = a->ints + (a->n - n);
    for (unsigned k = 0; k < n; k++)
        FW_REQUIRE((*ret)[k] >= 1 && (*ret)[k] <= FW_DIM_MAX, c->err, FW_SHAPE,
                   "attribute 'output_shape': sizes from 1 are wanted, found %" PRId64, (*ret)[k]);
    return FW_OK;
}

enum fw_status fw_window_read_transposed(struct fw_cx *c, unsigned n, const fw_dim *in,
                                         const fw_dim *kernel, unsigned extra, unsigned shape,
                                         struct fw_window *ret)
{
    enum pad_rule rule;
    int64_t more[FW_MAX_AXES] = {0};
    const int64_t *sizes = NULL;
    FW_TRY(read_common(c, n, in, kernel, ret, &rule));
    if (extra != FW_NO_ATTR)
        FW_TRY(read_ints(c, extra, n, 0, 0, more));
    if (shape != FW_NO_ATTR)
        FW_TRY(read_output_shape(c, shape, n, &sizes));
    ret->transposed = true;
    for (unsigned k = 0; k < n; k++) {
        fw_dim s = fw_dim_int(ret->stride[k]);
        fw_dim last = fw_dim_mul(c->sym, fw_dim_sub(c->sym, in[k], fw_dim_int(1)), s);
        fw_dim full =
            fw_dim_add(c->sym, fw_dim_add(c->sym, last, extent(c, ret, k)), fw_dim_int(more[k]));
        if (sizes != NULL || rule == PAD_UPPER || rule == PAD_LOWER) {
            ret->out[k] = sizes != NULL ? fw_dim_int(sizes[k]) : fw_dim_mul(c->sym, in[k], s);
            split_pads(c, ret, k, fw_dim_sub(c->sym, full, ret->out[k]), rule == PAD_UPPER);
        } else {
            fw_dim pads = fw_dim_add(c->sym, ret->begin[k], ret->end[k]);
            ret->out[k] = fw_dim_sub(c->sym, full, pads);
        }
        fw_dim out = ret->out[k];
        if (fw_dim_is_bad(out))
            return fail_size(c, k);
        FW_REQUIRE(!fw_dim_is_const(out) || out.word >= 1, c->err, FW_SHAPE,
                   "axis %u: padding smaller than the full output is wanted, it is larger", k);
    }
    return FW_OK;
}

fw_count fw_window_taps(struct fw_cx *c, const struct fw_window *w)
{
    return fw_product(c, w->kernel, 0, w->n);
}

static fw_i128 min128(fw_i128 a, fw_i128 b)
{
    return a < b ? a : b;
}

/* sum over i in [0, n) of floor((a*i + b)/m) for a, b >= 0, m > 0: Euclid's algorithm on the slope,
 * so logarithmic in the numbers. False on overflow. */
static bool floor_sum(fw_i128 n, fw_i128 m, fw_i128 a, fw_i128 b, fw_i128 *ret)
{
    *ret = 0;
    while (n > 0) {
        fw_i128 pairs;
        fw_i128 part;
        if (__builtin_mul_overflow(n, n - 1, &pairs) ||
            __builtin_mul_overflow(pairs / 2, a / m, &part) ||
            __builtin_add_overflow(*ret, part, ret) || __builtin_mul_overflow(n, b / m, &part) ||
            __builtin_add_overflow(*ret, part, ret))
            return false;
        a %= m;
        b %= m;
        fw_i128 top;
        if (__builtin_mul_overflow(a, n, &top) || __builtin_add_overflow(top, b, &top))
            return false;
        /* The same lattice points counted along the other axis. */
        n = top / m;
        b = top % m;
        fw_i128 old = m;
        m = a;
        a = old;
    }
    return true;
}

/* Pairs (o, t), 0 <= o < outs, 0 <= t < taps, with o*s + t*d <= limit. */
static bool pairs_up_to(fw_i128 outs, fw_i128 taps, fw_i128 s, fw_i128 d, fw_i128 limit,
                        fw_i128 *ret)
{
    *ret = 0;
    if (limit < 0)
        return true;
    fw_i128 some = min128(taps, limit / d + 1); // taps with any output
    fw_i128 rest = limit - (outs - 1) * s;      // taps that all outputs may use
    fw_i128 all = rest < 0 ? 0 : min128(some, rest / d + 1);
    fw_i128 n = some - all;
    fw_i128 sum;
    /* Taps all..some-1, from the last one back: floor((limit - t*d)/s) + 1 outputs each. */
    if (!floor_sum(n, s, d, n > 0 ? limit - (some - 1) * d : 0, &sum))
        return false;
    *ret = all * outs + n + sum;
    return true;
}

/* One axis of constants: o*S - begin + t*d must lie in [0, W). */
static fw_count valid_constant(fw_dim outs, fw_dim taps, int64_t s, int64_t d, fw_dim begin,
                               fw_dim size)
{
    const int64_t most = (int64_t)1 << 40; // keeps every product inside 128 bits
    if (outs.word > most || taps.word > most || begin.word > most || size.word > most || s > most ||
        d > most)
        return fw_count_bad();
    fw_i128 up;
    fw_i128 below;
    if (!pairs_up_to(outs.word, taps.word, s, d, (fw_i128)begin.word + size.word - 1, &up) ||
        !pairs_up_to(outs.word, taps.word, s, d, (fw_i128)begin.word - 1, &below))
        return fw_count_bad();
    return fw_count_int(up - below);
}

/* Outputs whose position lies below `bound` at one tap: ceil(bound/S) within [0, outs]. */
static fw_dim outputs_below(struct fw_cx *c, fw_dim bound, int64_t s, fw_dim outs)
{
    fw_dim n = fw_dim_ceil_div(c->sym, bound, fw_dim_int(s));
    return fw_dim_max(c->sym, fw_dim_min(c->sym, n, outs), fw_dim_int(0));
}

static fw_count valid_symbolic(struct fw_cx *c, fw_dim outs, fw_dim taps, int64_t s, int64_t d,
                               fw_dim begin, fw_dim size)
{
    if (!fw_dim_is_const(taps) || taps.word > FW_MAX_SYMBOLIC_TAPS)
        return fw_count_bad();
    fw_dim sum = fw_dim_int(0);
    for (int64_t t = 0; t < taps.word; t++) {
        fw_dim offset = fw_dim_mul(c->sym, fw_dim_int(t), fw_dim_int(d));
        fw_dim first = fw_dim_sub(c->sym, begin, offset);
        fw_dim past = fw_dim_add(c->sym, first, size);
        sum = fw_dim_add(c->sym, sum, outputs_below(c, past, s, outs));
        sum = fw_dim_sub(c->sym, sum, outputs_below(c, first, s, outs));
    }
    return fw_count_of(sum);
}

fw_count fw_window_valid(struct fw_cx *c, const struct fw_window *w)
{
    fw_count n = fw_count_int(1);
    for (unsigned k = 0; k < w->n; k++) {
        fw_dim outs = w->transposed ? w->in[k] : w->out[k];
        fw_dim size = w->transposed ? w->out[k] : w->in[k];
        bool known = fw_dim_is_const(outs) && fw_dim_is_const(size) &&
                     fw_dim_is_const(w->kernel[k]) && fw_dim_is_const(w->begin[k]);
        fw_count axis = known ? valid_constant(outs, w->kernel[k], w->stride[k], w->dilation[k],
                                               w->begin[k], size)
                              : valid_symbolic(c, outs, w->kernel[k], w->stride[k], w->dilation[k],
                                               w->begin[k], size);
        n = fw_count_mul(c->sym, n, axis);
    }
    return n;
}

bool fw_padding_cost(struct fw_cx *c, struct fw_cost *ret)
{
    return fw_conv_padding_cost(c, ret) || fw_pool_padding_cost(c, ret);
}
