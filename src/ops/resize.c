/* Resize and its gradient.
 *
 * Sizes: given, or floor(size * scale) as reference implementations compute it, in single precision
 * where both are numbers; with letters the scale is the simplest fraction that rounds to the stored
 * float, so that 0.7 means 7/10.
 *
 * Work per output element: on each axis that changes, T taps with weights that are tabulated once
 * per axis (positions and weights are not counted): 1 for nearest, 2 for linear, 4 for cubic, and
 * with antialias 2*ceil(r*in/out) where that is more (r = 1, 2). Taps are summed axis by axis, the
 * sums of an inner axis being the terms of the next: for axes with T1, T2, ...
 *     mul = T1 + T1*T2 + ...,  add = (T1-1) + T1*(T2-1) + ...
 * Bilinear: 6 mul, 3 add; bicubic: 20 mul, 15 add. Nearest moves elements.
 * Gradient: each element of dY is multiplied by the same products of weights, and every one of its
 * T1*T2*... contributions is added where it belongs; nearest: each element of dY, once. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>
#include <math.h>

enum {
    ANTIALIAS,
    AXES,
    COORDINATES,
    CUBIC_A,
    EXCLUDE_OUTSIDE,
    EXTRAPOLATION,
    POLICY,
    MODE,
    NEAREST_MODE
};
static const struct fw_attr_spec resize_attrs[] = {
    {"antialias", FW_ATTR_INT, false, {.i = 0}},
    {"axes", FW_ATTR_INTS, false, {.i = 0}},
    {"coordinate_transformation_mode", FW_ATTR_STRING, false, {.s = "half_pixel"}},
    {"cubic_coeff_a", FW_ATTR_FLOAT, false, {.f = -0.75}},
    {"exclude_outside", FW_ATTR_INT, false, {.i = 0}},
    {"extrapolation_value", FW_ATTR_FLOAT, false, {.f = 0}},
    {"keep_aspect_ratio_policy", FW_ATTR_STRING, false, {.s = "stretch"}},
    {"mode", FW_ATTR_STRING, false, {.s = "nearest"}},
    {"nearest_mode", FW_ATTR_STRING, false, {.s = "round_prefer_floor"}},
};

enum { RESIZE, RESIZE_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* The fraction with the smallest denominator up to 1000 that rounds to this float, else the float's
 * exact value. */
static fw_dim fraction_of(struct fw_symbols *s, double v)
{
    for (int q = 1; q <= 1000; q++) {
        double p = round(v * q);
        if (fabs(p) < 1e9 && (float)(p / q) == (float)v)
            return fw_dim_div(s, fw_dim_int((int64_t)p), fw_dim_int(q));
    }
    return fw_dim_from_double(s, v);
}

/* floor(d * scale * length of the region), see above. */
static fw_dim scaled(struct fw_cx *c, fw_dim d, fw_dim scale, double region)
{
    double v = fw_count_to_double(c->sym, fw_count_of(scale));
    if (isnan(v)) // the scale has letters: sizes divided by sizes
        return fw_dim_floor_div(c->sym, fw_dim_mul(c->sym, d, scale), fw_dim_int(1));
    if (fw_dim_is_const(d)) {
        float wide = (float)d.word * (float)region;
        float y = floorf(wide * (float)v);
        return y >= 0 && y < 9e15F ? fw_dim_int((int64_t)y) : fw_dim_bad();
    }
    fw_dim by = fraction_of(c->sym, v);
    if (region != 1)
        by = fw_dim_mul(c->sym, by, fraction_of(c->sym, region));
    return fw_dim_floor_div(c->sym, fw_dim_mul(c->sym, d, by), fw_dim_int(1));
}

/* The axes that may change, from the attribute or all. */
static enum fw_status axes_of(struct fw_cx *c, unsigned rank, unsigned *ret, uint32_t *ret_n)
{
    const struct fw_attr *axes = &c->node->attr[AXES];
    bool all = !axes->given || axes->n == 0;
    *ret_n = all ? rank : axes->n;
    FW_REQUIRE(*ret_n <= rank, c->err, FW_SHAPE, "at most %u axes are wanted, found %" PRIu32, rank,
               *ret_n);
    for (uint32_t k = 0; k < *ret_n; k++) {
        ret[k] = k;
        if (!all)
            FW_TRY(fw_norm_axis(c, axes->ints[k], rank, &ret[k]));
        for (uint32_t i = 0; i < k; i++)
            FW_REQUIRE(ret[i] != ret[k], c->err, FW_SHAPE, "axes name axis %u twice", ret[k]);
    }
    return FW_OK;
}

/* Sizes that keep the aspect ratio: one scale for all axes, the least or the greatest. */
static fw_dim keep_ratio(struct fw_cx *c, const struct fw_tensor *x, const unsigned *axes,
                         uint32_t n, const fw_dim *sizes, uint32_t which, bool larger)
{
    double scale = 0;
    for (uint32_t k = 0; k < n; k++) {
        fw_dim d = x->dims[axes[k]];
        if (!fw_dim_is_const(d) || !fw_dim_is_const(sizes[k]) || d.word <= 0)
            return fw_fresh_dim(c, "resized", larger ? fw_dim_bad() : sizes[which]);
        double s = (double)sizes[k].word / (double)d.word;
        if (k == 0 || (larger ? s > scale : s < scale))
            scale = s;
    }
    double y = floor(scale * (double)x->dims[axes[which]].word + 0.5);
    return y >= 0 && y < 9e15 ? fw_dim_int((int64_t)y) : fw_dim_bad();
}

/* The length of the region on an axis, for tf_crop_and_resize: end - start of the roi, else 1. */
static double region_of(struct fw_cx *c, uint32_t k, uint32_t n)
{
    uint32_t n_roi = 0;
    const fw_dim *roi = fw_in_value(c, 1, &n_roi);
    if (!fw_attr_is(c, COORDINATES, "tf_crop_and_resize") || roi == NULL || n_roi != 2 * n)
        return 1;
    double from = fw_count_to_double(c->sym, fw_count_of(roi[k]));
    double to = fw_count_to_double(c->sym, fw_count_of(roi[k + n]));
    return isnan(from) || isnan(to) ? 1 : (double)((float)to - (float)from);
}

/* A list input that is there and not empty. */
static bool has_list(const struct fw_cx *c, unsigned i)
{
    return fw_has_in(c, i) && fw_list_length(c, i) != 0;
}

static enum fw_status infer_resize(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axes[FW_MAX_RANK];
    uint32_t n_axes;
    uint32_t n = 0;
    fw_dim y[FW_MAX_RANK];
    FW_REQUIRE(fw_attr_is(c, MODE, "nearest") || fw_attr_is(c, MODE, "linear") ||
                   fw_attr_is(c, MODE, "cubic"),
               c->err, FW_UNSUPPORTED, "mode is none of nearest, linear, cubic");
    FW_TRY(axes_of(c, x->rank, axes, &n_axes));
    bool by_size = has_list(c, 3);
    FW_REQUIRE(by_size || has_list(c, 2), c->err, FW_FORMAT, "scales or sizes are wanted");
    const fw_dim *v = fw_in_value(c, by_size ? 3 : 2, &n);
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = x->dims[k];
    FW_REQUIRE(v == NULL || n == n_axes, c->err, FW_SHAPE,
               "a scale or size for each of %" PRIu32 " axes is wanted, found %" PRIu32, n_axes, n);
    bool stretch = fw_attr_is(c, POLICY, "stretch");
    bool larger = fw_attr_is(c, POLICY, "not_smaller");
    for (uint32_t k = 0; k < n_axes; k++) {
        fw_dim *to = &y[axes[k]];
        if (v == NULL)
            *to = fw_fresh_dim(c, "resized", fw_dim_bad());
        else if (!by_size)
            *to = scaled(c, x->dims[axes[k]], v[k], region_of(c, k, n_axes));
        else
            *to = stretch ? v[k] : keep_ratio(c, x, axes, n_axes, v, k, larger);
    }
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

/* Taps on one axis from size `from` to size `to`. */
static fw_count taps(struct fw_cx *c, fw_dim from, fw_dim to)
{
    int64_t r = fw_attr_is(c, MODE, "cubic") ? 2 : 1;
    fw_count least = fw_count_int(r);
    if (c->node->attr[ANTIALIAS].i != 0) {
        fw_count wide = fw_count_mul(c->sym, fw_count_of(from), least);
        wide = fw_count_ceil_div(c->sym, wide, fw_count_of(to));
        least = fw_count_max(c->sym, wide, least);
    }
    return fw_count_mul(c->sym, least, fw_count_int(2));
}

struct weights {
    fw_count mul, add, all; // per element: products, adds of the nested sums, taps in all
};

static struct weights nested(struct fw_cx *c, const struct fw_tensor *x, const struct fw_tensor *y)
{
    struct weights w = {fw_count_int(0), fw_count_int(0), fw_count_int(1)};
    for (unsigned k = 0; k < x->rank; k++) {
        if (fw_dim_eq(x->dims[k], y->dims[k]))
            continue;
        w.add = fw_count_sub(c->sym, w.add, w.all);
        w.all = fw_count_mul(c->sym, w.all, taps(c, x->dims[k], y->dims[k]));
        w.add = fw_count_add(c->sym, w.add, w.all);
        w.mul = fw_count_add(c->sym, w.mul, w.all);
    }
    return w;
}

static void cost_resize(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *y = fw_out(c, 0);
    if (fw_attr_is(c, MODE, "nearest"))
        return;
    struct weights w = nested(c, fw_in(c, 0), y);
    fw_count n = fw_elements(c, y);
    fw_cost_add(c, cost, FW_MUL, fw_count_mul(c->sym, n, w.mul), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_mul(c->sym, n, w.add), 1);
}

/* Inputs: dY, X for its shape, then roi, scales, sizes as the forward node has them. */
static enum fw_status grad_resize(struct fw_grad *gr)
{
    uint32_t in[5] = {gr->dy[0], gr->cx.node->in[0]};
    unsigned n = gr->cx.node->n_in;
    for (unsigned k = 1; k < n; k++)
        in[k + 1] = gr->cx.node->in[k];
    return fw_grad_node(gr, 0, &rows[RESIZE_GRAD], in, n + 1, gr->cx.node->attr);
}

static void cost_resize_grad(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *dy = fw_in(c, 0);
    const struct fw_tensor *x = fw_in(c, 1);
    fw_count n = fw_elements(c, dy);
    if (fw_attr_is(c, MODE, "nearest")) {
        fw_cost_add(c, cost, FW_ADD, n, 1);
        return;
    }
    struct weights w = nested(c, x, dy);
    fw_cost_add(c, cost, FW_MUL, fw_count_mul(c->sym, n, w.mul), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_mul(c->sym, n, w.all), 1);
}

/* ---- how far an element reaches ---- */

/* in/out of an axis as num/den: from the scale where there is one, else from the sizes. */
static bool step_of(struct fw_cx *c, unsigned k, int64_t *num, int64_t *den)
{
    fw_dim from = fw_in(c, 0)->dims[k], to = fw_out(c, 0)->dims[k];
    if (fw_attr_is(c, COORDINATES, "align_corners")) {
        from = fw_dim_sub(c->sym, from, fw_dim_int(1));
        to = fw_dim_sub(c->sym, to, fw_dim_int(1));
    } else if (!has_list(c, 3) && has_list(c, 2)) {
        uint32_t n = 0, n_axes = 0;
        unsigned axes[FW_MAX_RANK];
        const fw_dim *v = fw_in_value(c, 2, &n);
        if (v == NULL || axes_of(c, fw_in(c, 0)->rank, axes, &n_axes) != FW_OK)
            return false;
        for (uint32_t i = 0; i < n_axes && i < n; i++)
            if (axes[i] == k) {
                double scale = fw_count_to_double(c->sym, fw_count_of(v[i]));
                from = fw_dim_int(1);
                to = isnan(scale) ? fw_dim_bad() : fraction_of(c->sym, scale);
            }
    }
    double ratio = fw_count_to_double(c->sym, fw_count_of(fw_dim_div(c->sym, from, to)));
    for (*den = 1; *den <= 4096; (*den)++) {
        double p = round(ratio * (double)*den);
        if (p > 0 && p < 1e9 && fabs(p / (double)*den - ratio) < ratio * 1e-12) {
            *num = (int64_t)p;
            return true;
        }
    }
    return false;
}

/* Input position of output position o: (o*num + offset)/den, of which taps are taken around. */
static bool position(struct fw_cx *c, struct fw_reach *r, int64_t *offset)
{
    *offset = 0;
    if (fw_attr_is(c, COORDINATES, "asymmetric") || fw_attr_is(c, COORDINATES, "align_corners"))
        return true;
    if (fw_attr_is(c, COORDINATES, "tf_crop_and_resize"))
        return false;
    *offset = r->num - r->den; // (o + 1/2) * num/den - 1/2
    r->num *= 2;
    r->den *= 2;
    return true;
}

static void taps_around(struct fw_cx *c, struct fw_reach *r, int64_t at)
{
    int64_t up = r->den - 1; // floor((p + up)/den) is p/den rounded up
    if (fw_attr_is(c, MODE, "linear")) {
        r->first = at;
        r->last = at + up;
    } else if (fw_attr_is(c, MODE, "cubic")) {
        r->first = at - r->den;
        r->last = at + 2 * r->den;
    } else if (fw_attr_is(c, NEAREST_MODE, "floor")) {
        r->first = r->last = at;
    } else if (fw_attr_is(c, NEAREST_MODE, "ceil")) {
        r->first = r->last = at + up;
    } else { // halves go down, or up; twice the fraction keeps them whole
        bool down = !fw_attr_is(c, NEAREST_MODE, "round_prefer_ceil");
        r->num *= 2;
        r->den *= 2;
        r->first = r->last = 2 * at + r->den / 2 - (down ? 1 : 0);
    }
}

static void field_resize(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, 0), *y = fw_out(c, out);
    for (unsigned k = 0; in == 0 && k < x->rank; k++) {
        int64_t at;
        ret[k] = fw_reach_each(k);
        if (fw_dim_eq(x->dims[k], y->dims[k]))
            continue;
        struct fw_reach r = {.kind = FW_REACH_SCALED, .dim = (uint8_t)k, .slides = true};
        bool known = c->node->attr[ANTIALIAS].i == 0 && step_of(c, k, &r.num, &r.den) &&
                     position(c, &r, &at);
        if (known)
            taps_around(c, &r, at);
        ret[k] = known ? r : fw_reach_all("resizing by an unknown or antialiased scale");
    }
}

FW_KERNELS(resize, resize_grad);

static const struct fw_op rows[N_ROWS] = {
    [RESIZE] =
        {.name = "Resize",
         .domain = "",
         .formula =
             "nearest: bytes only; else per output element over the axes that change, with T "
             "taps each (linear 2, cubic 4): mul = T1 + T1*T2 + .., "
             "add = (T1-1) + T1*(T2-1) + ..",
         .doc = "dX = each element of dY spread by the same weights",
         FW_ATTRS(resize_attrs),
         FW_PORTS(1, 4, 1, 1),
         .infer = infer_resize,
         .field = field_resize,
         .cost = cost_resize,
         .grad = grad_resize,
         FW_RUN(resize)},
    [RESIZE_GRAD] =
        {.name = "ResizeGrad",
         .domain = "flopwise",
         .formula = "nearest: add = elements(dY); else per element of dY mul = T1 + T1*T2 + .., "
                    "add = T1*T2*..",
         .doc = FW_INTERNAL_DOC,
         FW_ATTRS(resize_attrs),
         FW_PORTS(2, 5, 1, 1),
         .flags = FW_OP_INTERNAL,
         .shape_only = 2,
         .infer = fw_infer_like1,
         .cost = cost_resize_grad,
         .grad = fw_grad_none,
         FW_RUN(resize_grad)},
};
const struct fw_op_table fw_ops_resize = {rows, N_ROWS};
