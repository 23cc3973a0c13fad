/* Taking out and padding: Slice, Pad, Crop, CenterCropPad, and their gradients.
 *
 * Slice with symbolic sizes. For a step s > 0 and a start b >= 0 the length is
 * ceil(max(0, min(e, d) - b) / s), where an end e < 0 stands for e + d; a start b < 0 stands for
 * max(b + d, 0). For s < 0 it is ceil(max(0, b - e) / -s) with b <= d - 1 and e >= -1. An index
 * whose sign is not known for all sizes is taken to count from the front. Ends beyond any real
 * size ("to the end") are d itself. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

enum { SLICE, SCATTER_ZERO, PAD, PAD_GRAD, CROP, CENTER_CROP_PAD, CENTER_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

static const struct fw_attr_spec pad_attrs[] = {{"mode", FW_ATTR_STRING, false, {.s = "constant"}}};
enum { BORDER, SCALE };
static const struct fw_attr_spec crop_attrs[] = {
    {"border", FW_ATTR_INTS, false, {.i = 0}},
    {"scale", FW_ATTR_INTS, false, {.i = 0}},
};
static const struct fw_attr_spec center_attrs[] = {{"axes", FW_ATTR_INTS, false, {.i = 0}}};

/* One axis of a Slice: where it starts, how many, for contents and shape. */
struct cut {
    fw_dim start; // first index, not negative
    fw_dim n;     // elements taken
    int64_t step;
};

static bool is_negative(struct fw_cx *c, fw_dim v)
{
    int sign = fw_dim_sign(c->sym, v);
    return sign == -1 || sign == -2;
}

static bool is_far(fw_dim v) // what exporters write for "to the end"
{
    return fw_dim_is_const(v) && (v.word >= INT32_MAX || v.word <= -(int64_t)INT32_MAX);
}

static fw_dim at_least_zero(struct fw_cx *c, fw_dim v)
{
    return fw_dim_max(c->sym, v, fw_dim_int(0));
}

static struct cut cut_forward(struct fw_cx *c, fw_dim d, fw_dim b, fw_dim e, int64_t step)
{
    struct fw_symbols *s = c->sym;
    bool to_end = is_far(e) && e.word > 0;
    if (is_far(b))
        b = b.word > 0 ? d : fw_dim_int(0);
    if (is_far(e))
        e = e.word > 0 ? d : fw_dim_int(0);
    else if (is_negative(c, e))
        e = fw_dim_add(s, e, d);
    else
        e = fw_dim_min(s, e, d);
    fw_dim n;
    if (!is_negative(c, b)) {
        n = at_least_zero(c, fw_dim_sub(s, e, b));
    } else {
        fw_dim back = fw_dim_sub(s, fw_dim_int(0), b);
        b = at_least_zero(c, fw_dim_add(s, b, d));
        n = to_end || fw_dim_eq(e, d) ? fw_dim_min(s, back, d)
                                      : at_least_zero(c, fw_dim_sub(s, e, b));
    }
    return (struct cut){b, fw_dim_ceil_div(s, n, fw_dim_int(step)), step};
}

static struct cut cut_backward(struct fw_cx *c, fw_dim d, fw_dim b, fw_dim e, int64_t step)
{
    struct fw_symbols *s = c->sym;
    fw_dim last = fw_dim_sub(s, d, fw_dim_int(1));
    if (is_far(b))
        b = b.word > 0 ? last : fw_dim_int(0);
    else if (is_negative(c, b))
        b = at_least_zero(c, fw_dim_add(s, b, d));
    else
        b = fw_dim_min(s, b, last);
    if (is_far(e))
        e = e.word > 0 ? last : fw_dim_int(-1);
    else if (is_negative(c, e))
        e = fw_dim_max(s, fw_dim_add(s, e, d), fw_dim_int(-1));
    fw_dim n = at_least_zero(c, fw_dim_sub(s, b, e));
    return (struct cut){b, fw_dim_ceil_div(s, n, fw_dim_int(-step)), step};
}

static enum fw_status cut_axis(struct fw_cx *c, fw_dim d, fw_dim b, fw_dim e, int64_t step,
                               struct cut *ret)
{
    FW_REQUIRE(step != 0, c->err, FW_SHAPE, "a step of 0 is not allowed");
    if (fw_dim_is(d, 0))
        *ret = (struct cut){d, d, step};
    else if (step > 0)
        *ret = cut_forward(c, d, b, e, step);
    else
        *ret = cut_backward(c, d, b, e, step);
    return FW_OK;
}

static enum fw_status slice_value(struct fw_cx *c, const struct cut *cuts)
{
    uint32_t n = 0;
    int64_t stride[FW_MAX_RANK];
    int64_t offset = 0;
    const fw_dim *v = fw_follow(c, 0, &n);
    if (v == NULL || !fw_strides(fw_in(c, 0), stride))
        return FW_OK;
    for (unsigned k = 0; k < fw_in(c, 0)->rank; k++) {
        if (!fw_dim_is_const(cuts[k].start) || !fw_dim_is_const(cuts[k].n))
            return FW_OK;
        offset += cuts[k].start.word * stride[k];
        if (cuts[k].n.word > 1) // then |step| is less than the size
            stride[k] *= cuts[k].step;
    }
    return fw_set_strided(c, 0, v, offset, stride);
}

/* Starts or ends are not known: sizes on the listed axes are at most the input's. */
static enum fw_status slice_unknown(struct fw_cx *c, const int64_t *axes, uint32_t n, bool known)
{
    unsigned rank = fw_in(c, 0)->rank;
    bool changed[FW_MAX_RANK];
    for (unsigned k = 0; k < rank; k++)
        changed[k] = !known;
    for (uint32_t k = 0; k < n; k++) {
        unsigned axis;
        FW_TRY(fw_norm_axis(c, axes[k], rank, &axis));
        changed[axis] = true;
    }
    return fw_infer_at_most(c, changed);
}

/* What a Slice asks for, axis by axis of a list. */
struct ask {
    int64_t axes[FW_MAX_RANK], steps[FW_MAX_RANK];
    const fw_dim *starts, *ends; // NULL: not known
    uint32_t n;
    bool known_axes, known_steps;
};

static enum fw_status read_slice(struct fw_cx *c, struct ask *ret)
{
    uint32_t n_steps, n_starts = 0, n_ends = 0;
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_int_list(c, 3, -1, ret->axes, FW_MAX_RANK, &ret->n, &ret->known_axes));
    FW_TRY(fw_int_list(c, 4, -1, ret->steps, FW_MAX_RANK, &n_steps, &ret->known_steps));
    int64_t len = fw_list_length(c, 1);
    if (!fw_has_in(c, 3)) // by default the first axes
        for (ret->known_axes = len >= 0; ret->n < len && ret->n < FW_MAX_RANK; ret->n++)
            ret->axes[ret->n] = ret->n;
    if (!fw_has_in(c, 4))
        for (; n_steps < ret->n; n_steps++)
            ret->steps[n_steps] = 1;
    ret->starts = fw_in_value(c, 1, &n_starts);
    ret->ends = fw_in_value(c, 2, &n_ends);
    bool all = ret->known_axes && ret->known_steps && ret->starts != NULL && ret->ends != NULL;
    FW_REQUIRE(!all || (n_starts == n_ends && n_starts == ret->n && n_starts == n_steps), c->err,
               FW_SHAPE,
               "starts, ends, axes and steps must be of one length, found %" PRIu32 ", %" PRIu32
               ", %" PRIu32 ", %" PRIu32,
               n_starts, n_ends, ret->n, n_steps);
    return FW_OK;
}

static bool is_known(const struct ask *a)
{
    return a->known_axes && a->known_steps && a->starts != NULL && a->ends != NULL;
}

static enum fw_status slice_cuts(struct fw_cx *c, const struct ask *a, struct cut *cuts)
{
    const struct fw_tensor *x = fw_in(c, 0);
    for (unsigned k = 0; k < x->rank; k++)
        cuts[k] = (struct cut){fw_dim_int(0), x->dims[k], 1};
    for (uint32_t k = 0; k < a->n; k++) {
        unsigned axis;
        FW_TRY(fw_norm_axis(c, a->axes[k], x->rank, &axis));
        FW_TRY(cut_axis(c, x->dims[axis], a->starts[k], a->ends[k], a->steps[k], &cuts[axis]));
    }
    return FW_OK;
}

static enum fw_status infer_slice(struct fw_cx *c)
{
    struct ask a;
    struct cut cuts[FW_MAX_RANK] = {{{0}, {0}, 0}};
    fw_dim y[FW_MAX_RANK];
    FW_TRY(read_slice(c, &a));
    if (!is_known(&a))
        return slice_unknown(c, a.axes, a.n, a.known_axes);
    FW_TRY(slice_cuts(c, &a, cuts));
    const struct fw_tensor *x = fw_in(c, 0);
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = cuts[k].n;
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y));
    return slice_value(c, cuts);
}

/* What says where the part was stands behind dY and X: starts, ends, axes, steps. */
static enum fw_status grad_slice(struct fw_grad *gr)
{
    uint32_t in[6] = {gr->dy[0], gr->cx.node->in[0]};
    unsigned n = gr->cx.node->n_in;
    for (unsigned k = 1; k < n; k++)
        in[k + 1] = gr->cx.node->in[k];
    return fw_grad_node(gr, 0, &rows[SCATTER_ZERO], in, n + 1, NULL);
}

static enum fw_status pad_value(struct fw_cx *c, const fw_dim *before)
{
    const struct fw_tensor *y = fw_out(c, 0);
    uint32_t n = 0;
    const fw_dim *v = fw_follow(c, 0, &n);
    fw_dim fill = fw_dim_int(0);
    if (v == NULL || y == NULL || y->rank != 1 || !fw_attr_is(c, 0, "constant") ||
        !fw_dim_is_const(*before) || (fw_has_in(c, 2) && !fw_scalar_in(c, 2, &fill)))
        return FW_OK;
    fw_count all = fw_elements(c, y);
    if (!fw_count_is_const(all) || all.word > FW_MAX_VALUE)
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    for (int64_t k = 0; k < (int64_t)all.word; k++) {
        int64_t from = k - before->word;
        out[k] = from >= 0 && from < n ? v[from] : fill;
    }
    return fw_set_value(c, 0, out, (uint32_t)all.word);
}

/* The pads of each axis; false when they are not known. */
static enum fw_status pads_of(struct fw_cx *c, unsigned rank, fw_dim *before, fw_dim *after,
                              bool *ret_known)
{
    int64_t axes[FW_MAX_RANK];
    uint32_t n_axes;
    uint32_t n = 0;
    FW_TRY(fw_int_list(c, 3, -1, axes, FW_MAX_RANK, &n_axes, ret_known));
    const fw_dim *v = fw_in_value(c, 1, &n);
    *ret_known = *ret_known && v != NULL;
    if (!*ret_known)
        return FW_OK;
    if (!fw_has_in(c, 3))
        for (; n_axes < rank; n_axes++)
            axes[n_axes] = n_axes;
    FW_REQUIRE(n == 2 * n_axes, c->err, FW_SHAPE,
               "two pads per axis (%" PRIu32 ") are wanted, found %" PRIu32, 2 * n_axes, n);
    for (unsigned k = 0; k < rank; k++)
        before[k] = after[k] = fw_dim_int(0);
    for (uint32_t k = 0; k < n_axes; k++) {
        unsigned axis;
        FW_TRY(fw_norm_axis(c, axes[k], rank, &axis));
        before[axis] = v[k];
        after[axis] = v[n_axes + k];
    }
    return FW_OK;
}

static enum fw_status infer_pad(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim before[FW_MAX_RANK];
    fw_dim after[FW_MAX_RANK];
    fw_dim y[FW_MAX_RANK];
    bool known;
    bool mode = fw_attr_is(c, 0, "constant") || fw_attr_is(c, 0, "reflect") ||
                fw_attr_is(c, 0, "edge") || fw_attr_is(c, 0, "wrap");
    FW_REQUIRE(mode, c->err, FW_UNSUPPORTED, "mode is none of constant, reflect, edge, wrap");
    FW_TRY(pads_of(c, x->rank, before, after, &known));
    if (!known)
        return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, x->rank);
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = fw_dim_add(c->sym, x->dims[k], fw_dim_add(c->sym, before[k], after[k]));
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y));
    return x->rank == 1 ? pad_value(c, before) : FW_OK;
}

static enum fw_status grad_pad(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[5] = {gr->dy[0], node->in[0], node->in[1], FW_NONE, FW_NONE};
    if (node->n_in > 3)
        in[4] = node->in[3];
    return fw_grad_node(gr, 0, &rows[PAD_GRAD], in, in[4] == FW_NONE ? 3 : 5, node->attr);
}

/* Elements of X that reach the output: the input without what negative pads cut off. Inputs of the
 * gradient: dY, X, pads, -, axes. */
static fw_count kept(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 1);
    const struct fw_tensor *dy = fw_in(c, 0);
    fw_count all = fw_count_int(1);
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, 2, &n);
    for (unsigned k = 0; k < x->rank; k++) {
        fw_dim d = fw_dim_min(c->sym, x->dims[k], dy->dims[k]);
        if (v != NULL && n == 2u * x->rank && !fw_has_in(c, 4)) {
            fw_dim zero = fw_dim_int(0);
            fw_dim cut = fw_dim_add(c->sym, fw_dim_min(c->sym, v[k], zero),
                                    fw_dim_min(c->sym, v[k + x->rank], zero));
            d = fw_dim_add(c->sym, x->dims[k], cut);
        }
        all = fw_count_mul(c->sym, all, fw_count_of(d));
    }
    return all;
}

/* A constant border takes nothing back: a copy. In the other modes each element of X gets the sum
 * of all places it was copied to: elements(dY) minus the elements that were copied at all. */
static void cost_pad_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, 0));
    if (fw_attr_is(c, 0, "constant")) {
        fw_cost_bytes(c, cost, FW_READ, fw_out(c, 0));
        return;
    }
    fw_cost_bytes(c, cost, FW_READ, fw_in(c, 0));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, fw_elements(c, fw_in(c, 0)), kept(c)), 1);
}

static enum fw_status infer_crop(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 4, 4));
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_attr *border = &c->node->attr[BORDER];
    const struct fw_attr *scale = &c->node->attr[SCALE];
    FW_REQUIRE(border->n == 4, c->err, FW_SHAPE, "border must have 4 numbers, found %" PRIu32,
               border->n);
    FW_REQUIRE(scale->n == 0 || scale->n == 2, c->err, FW_SHAPE,
               "scale must have 2 numbers, found %" PRIu32, scale->n);
    fw_dim y[4] = {x->dims[0], x->dims[1], x->dims[2], x->dims[3]};
    for (unsigned k = 0; k < 2; k++) { // border: left, top, right, bottom; scale: height, width
        if (scale->n == 2) {
            y[2 + k] = fw_dim_int(scale->ints[k]);
            continue;
        }
        y[2 + k] = fw_dim_sub(c->sym, y[2 + k], fw_dim_int(border->ints[1 - k]));
        y[2 + k] = fw_dim_sub(c->sym, y[2 + k], fw_dim_int(border->ints[3 - k]));
    }
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, 4, y);
}

static enum fw_status grad_crop(struct fw_grad *gr)
{
    fw_dim at[2] = {fw_dim_int(gr->cx.node->attr[BORDER].ints[1]),
                    fw_dim_int(gr->cx.node->attr[BORDER].ints[0])};
    fw_dim axes[2] = {fw_dim_int(2), fw_dim_int(3)};
    fw_dim ends[2];
    for (unsigned k = 0; k < 2; k++)
        ends[k] = fw_dim_add(gr->cx.sym, at[k], fw_out(&gr->cx, 0)->dims[2 + k]);
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    uint32_t in[5] = {gr->dy[0], gr->cx.node->in[0]};
    FW_TRY(fw_grad_ints(gr, at, 2, &in[2]));
    FW_TRY(fw_grad_ints(gr, ends, 2, &in[3]));
    FW_TRY(fw_grad_ints(gr, axes, 2, &in[4]));
    return fw_grad_node(gr, 0, &rows[SCATTER_ZERO], in, 5, NULL);
}

static enum fw_status infer_center(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_attr *axes = &c->node->attr[0];
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, 1, &n);
    if (v == NULL && !axes->given)
        return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, x->rank);
    uint32_t n_axes = axes->given ? axes->n : x->rank;
    FW_REQUIRE(v == NULL || n == n_axes, c->err, FW_SHAPE,
               "a size for each of %" PRIu32 " axes is wanted, found %" PRIu32, n_axes, n);
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = x->dims[k];
    for (uint32_t k = 0; k < n_axes; k++) {
        unsigned axis;
        FW_TRY(fw_norm_axis(c, axes->given ? axes->ints[k] : (int64_t)k, x->rank, &axis));
        y[axis] = v != NULL ? v[k] : fw_fresh_dim(c, "crop", fw_dim_bad());
    }
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

static enum fw_status grad_center(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, &rows[CENTER_GRAD], in, 2, NULL);
}

/* Only what both shapes hold is read. */
static void cost_center(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *y = fw_out(c, 0);
    fw_dim both[FW_MAX_RANK];
    for (unsigned k = 0; k < y->rank; k++)
        both[k] = fw_dim_min(c->sym, fw_in(c, 0)->dims[k], y->dims[k]);
    struct fw_tensor part = *fw_in(c, 0);
    part.dims = both;
    fw_cost_bytes(c, cost, FW_READ, &part);
    fw_cost_bytes(c, cost, FW_WRITE, y);
}

/* ---- how far an element reaches: a part begins somewhere, padding before the beginning ---- */

static void field_slice(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    struct ask a;
    struct cut cuts[FW_MAX_RANK] = {{{0}, {0}, 0}};
    (void)out;
    if (in != 0 || read_slice(c, &a) != FW_OK || !is_known(&a) || slice_cuts(c, &a, cuts) != FW_OK)
        return;
    fw_dim zero = fw_dim_int(0);
    for (unsigned k = 0; k < fw_in(c, 0)->rank; k++)
        ret[k] = cuts[k].step < 0 ? fw_reach_all("the axis turned round")
                                  : fw_reach_window(k, cuts[k].step, fw_dim_int(1), 1,
                                                    fw_dim_sub(c->sym, zero, cuts[k].start), zero);
}

static void field_pad(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    fw_dim before[FW_MAX_RANK], after[FW_MAX_RANK];
    bool known;
    unsigned rank = fw_in(c, 0)->rank;
    (void)out;
    if (in != 0 || pads_of(c, rank, before, after, &known) != FW_OK || !known)
        return;
    for (unsigned k = 0; k < rank; k++)
        ret[k] = fw_reach_window(k, 1, fw_dim_int(1), 1, before[k], after[k]);
}

static void field_crop(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const int64_t *border = c->node->attr[BORDER].ints;
    (void)in;
    (void)out;
    for (unsigned k = 0; k < 4; k++)
        ret[k] = fw_reach_each(k);
    for (unsigned k = 0; k < 2; k++)
        ret[2 + k].begin = fw_dim_int(-border[1 - k]);
}

static void field_center(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, 0), *y = fw_out(c, out);
    for (unsigned k = 0; in == 0 && k < x->rank; k++) {
        fw_dim more = fw_dim_sub(c->sym, y->dims[k], x->dims[k]);
        ret[k] = fw_reach_each(k);
        if (fw_dim_is_const(more)) // halves go to the beginning when cut, to the end when padded
            more = fw_dim_int(more.word / 2);
        else
            more = fw_dim_floor_div(c->sym, more, fw_dim_int(2));
        ret[k].begin = more;
    }
}

FW_KERNELS(slice, scatter_zero, pad, pad_grad, crop, center_crop_pad, center_grad);

static const struct fw_op rows[N_ROWS] = {
    [SLICE] = {.name = "Slice",
               .domain = "",
               .formula = FW_COPY_FORMULA,
               .doc = "dX = dY put into zeros",
               FW_PORTS(3, 5, 1, 1),
               .flags = FW_OP_OWN_BYTES | FW_OP_MOVE,
               .infer = infer_slice,
               .field = field_slice,
               .cost = fw_cost_copied,
               .grad = grad_slice,
               FW_RUN(slice)},
    [SCATTER_ZERO] = {.name = "ScatterZero",
                      .domain = "flopwise",
                      .formula = "no arithmetic: reads dY, writes dX",
                      .doc = FW_INTERNAL_DOC,
                      FW_PORTS(2, 6, 1, 1),
                      .flags = FW_OP_INTERNAL,
                      .shape_only = 2,
                      .infer = fw_infer_like1,
                      .cost = fw_cost_free,
                      .grad = fw_grad_none,
                      FW_RUN(scatter_zero)},
    [PAD] =
        {.name = "Pad",
         .domain = "",
         .formula = FW_MOVE_FORMULA,
         .doc = "dX = its part of dY, with copies summed where the mode repeats elements; none for "
                "the fill value",
         FW_ATTRS(pad_attrs),
         FW_PORTS(2, 4, 1, 1),
         .flags = FW_OP_MOVE,
         .infer = infer_pad,
         .field = field_pad,
         .cost = fw_cost_free,
         .grad = grad_pad,
         FW_RUN(pad)},
    [PAD_GRAD] =
        {.name = "PadGrad",
         .domain = "flopwise",
         .formula =
             "constant: no arithmetic; else add = elements(dY) - elements of X that were copied",
         .doc = FW_INTERNAL_DOC,
         FW_ATTRS(pad_attrs),
         FW_PORTS(3, 5, 1, 1),
         .flags = FW_OP_OWN_BYTES | FW_OP_INTERNAL,
         .shape_only = 2,
         .infer = fw_infer_like1,
         .cost = cost_pad_grad,
         .grad = fw_grad_none,
         FW_RUN(pad_grad)},
    [CROP] = {.name = "Crop",
              .domain = "",
              .formula = FW_COPY_FORMULA,
              .doc = "dX = dY put into zeros",
              FW_ATTRS(crop_attrs),
              FW_PORTS(1, 1, 1, 1),
              .flags = FW_OP_OWN_BYTES | FW_OP_MOVE,
              .infer = infer_crop,
              .field = field_crop,
              .cost = fw_cost_copied,
              .grad = grad_crop,
              FW_RUN(crop)},
    [CENTER_CROP_PAD] = {.name = "CenterCropPad",
                         .domain = "",
                         .formula = "no arithmetic: reads what both shapes hold, writes Y",
                         .doc = "dX = dY cropped or padded back",
                         FW_ATTRS(center_attrs),
                         FW_PORTS(2, 2, 1, 1),
                         .flags = FW_OP_OWN_BYTES | FW_OP_MOVE,
                         .infer = infer_center,
                         .field = field_center,
                         .cost = cost_center,
                         .grad = grad_center,
                         FW_RUN(center_crop_pad)},
    [CENTER_GRAD] = {.name = "CenterCropPadGrad",
                     .domain = "flopwise",
                     .formula = "no arithmetic: reads what both shapes hold, writes dX",
                     .doc = FW_INTERNAL_DOC,
                     FW_PORTS(2, 2, 1, 1),
                     .flags = FW_OP_OWN_BYTES | FW_OP_INTERNAL,
                     .shape_only = 2,
                     .infer = fw_infer_like1,
                     .cost = cost_center,
                     .grad = fw_grad_none,
                     FW_RUN(center_grad)},
};
const struct fw_op_table fw_ops_slice = {rows, N_ROWS};
