/* Putting together and taking apart along one axis: Concat, Split and their gradients.
 *
 * The gradient of a Concat takes each input's part out of dY; the gradient of a Split puts the
 * parts that have a gradient beside each other, with zeros where there is none. Where a part
 * starts may hold letters, so starts and sizes travel as stored integer tensors. */
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

static const struct fw_attr_spec concat_attrs[] = {{"axis", FW_ATTR_INT, true, {.i = 0}}};
enum { AXIS, NUM_OUTPUTS };
static const struct fw_attr_spec split_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 0}},
    {"num_outputs", FW_ATTR_INT, false, {.i = 0}},
};

enum { CONCAT, CONCAT_GRAD, SPLIT, SPLIT_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* Contents of the parts, block by block: all parts agree in every dimension but the axis. */
static enum fw_status concat_value(struct fw_cx *c, unsigned axis)
{
    const struct fw_tensor *y = fw_out(c, 0);
    fw_count all = fw_elements(c, y);
    if (y == NULL || !fw_count_is_const(all) || all.word > FW_MAX_VALUE || all.word == 0)
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    int64_t outer = 1;
    for (unsigned k = 0; k < axis; k++)
        outer *= y->dims[k].word;
    int64_t row = (int64_t)all.word / outer; // elements of y per block
    int64_t at = 0;
    for (unsigned i = 0; i < c->node->n_in; i++) {
        uint32_t n = 0;
        const fw_dim *v = fw_follow(c, i, &n);
        if (v == NULL)
            return FW_OK;
        int64_t part = n / outer;
        if (at + part > row)
            return FW_OK;
        for (int64_t b = 0; b < outer; b++)
            for (int64_t k = 0; k < part; k++)
                out[b * row + at + k] = v[b * part + k];
        at += part;
    }
    return at == row ? fw_set_value(c, 0, out, (uint32_t)all.word) : FW_OK;
}

/* Files that a tool has rewritten hold sizes of a shape as scalars: among lists each is a list of
 * one. */
static bool single(const struct fw_tensor *t)
{
    return t->rank == 0 && t->producer == FW_NONE && t->kind != FW_KIND_INPUT;
}

/* The first input that has dimensions; input 0 where none has. */
static unsigned concat_like(const struct fw_cx *c)
{
    for (unsigned i = 0; i < c->node->n_in; i++)
        if (!single(fw_in(c, i)))
            return fw_in(c, i)->rank == 1 ? i : 0;
    return 0;
}

static enum fw_status infer_concat(struct fw_cx *c)
{
    static const fw_dim one = {1};
    unsigned like = concat_like(c);
    const struct fw_tensor *x = fw_in(c, like);
    FW_TRY(fw_want_rank(c, like, 1, FW_MAX_RANK));
    unsigned axis;
    fw_dim y[FW_MAX_RANK];
    unsigned rank = x->rank;
    FW_TRY(fw_norm_axis(c, c->node->attr[AXIS].i, rank, &axis));
    for (unsigned k = 0; k < rank; k++)
        y[k] = k == axis ? fw_dim_int(0) : x->dims[k];
    for (unsigned i = 0; i < c->node->n_in; i++) {
        bool scalar = rank == 1 && single(fw_in(c, i));
        if (!scalar)
            FW_TRY(fw_want_rank(c, i, rank, rank));
        const fw_dim *d = scalar ? &one : fw_in(c, i)->dims;
        for (unsigned k = 0; k < rank; k++) {
            if (k == axis)
                y[k] = fw_dim_add(c->sym, y[k], d[k]);
            else
                FW_TRY(fw_same_dim(c, "Concat", y[k], d[k], &y[k]));
        }
    }
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, y));
    return concat_value(c, axis);
}

static enum fw_status grad_concat(struct fw_grad *gr)
{
    unsigned axis;
    fw_dim start = fw_dim_int(0);
    FW_TRY(fw_norm_axis(&gr->cx, gr->cx.node->attr[AXIS].i, fw_out(&gr->cx, 0)->rank, &axis));
    for (unsigned i = 0; i < gr->cx.node->n_in; i++) {
        const struct fw_tensor *x = fw_in(&gr->cx, i);
        fw_dim size = x->rank == 0 ? fw_dim_int(1) : x->dims[axis];
        if (fw_grad_needs(gr, i)) {
            uint32_t in[3] = {gr->dy[0], gr->cx.node->in[i]};
            FW_TRY(fw_grad_ints(gr, &start, 1, &in[2]));
            FW_TRY(fw_grad_node(gr, i, &rows[CONCAT_GRAD], in, 3, gr->cx.node->attr));
        }
        start = fw_dim_add(gr->cx.sym, start, size);
    }
    return FW_OK;
}

/* The sizes of a Split's outputs; *ret_known is false when they depend on data. */
static enum fw_status split_sizes(struct fw_cx *c, fw_dim d, fw_dim *ret, bool *ret_known)
{
    unsigned n = c->node->n_out;
    *ret_known = true;
    if (fw_has_in(c, 1)) {
        uint32_t n_v = 0;
        fw_dim sum = fw_dim_int(0);
        const fw_dim *v = fw_in_value(c, 1, &n_v);
        *ret_known = v != NULL;
        if (v == NULL)
            return FW_OK;
        FW_REQUIRE(n_v == n, c->err, FW_SHAPE,
                   "a size for each of %u outputs is wanted, found "
                   "%" PRIu32,
                   n, n_v);
        for (unsigned i = 0; i < n; i++) {
            ret[i] = v[i];
            sum = fw_dim_add(c->sym, sum, v[i]);
        }
        return fw_same_dim(c, "sum of the sizes", d, sum, &sum);
    }
    const struct fw_attr *parts = &c->node->attr[NUM_OUTPUTS];
    FW_REQUIRE(!parts->given || parts->i == n, c->err, FW_SHAPE,
               "num_outputs is %" PRId64 ", the node has %u outputs", parts->i, n);
    /* Without num_outputs all parts are equal; with it the last one may be smaller. */
    bool even = !parts->given || (fw_dim_is_const(d) && d.word % n == 0);
    FW_REQUIRE(!even || !fw_dim_is_const(d) || d.word % n == 0, c->err, FW_SHAPE,
               "%" PRId64 " elements do not split into %u equal parts", d.word, n);
    fw_dim part =
        even ? fw_dim_div(c->sym, d, fw_dim_int(n)) : fw_dim_ceil_div(c->sym, d, fw_dim_int(n));
    for (unsigned i = 0; i < n; i++)
        ret[i] = part;
    if (even)
        return FW_OK;
    ret[n - 1] = fw_dim_sub(c->sym, d, fw_dim_mul(c->sym, part, fw_dim_int(n - 1)));
    FW_REQUIRE(!fw_dim_is_const(ret[n - 1]) || ret[n - 1].word >= 0, c->err, FW_SHAPE,
               "%" PRId64 " elements do not split into %u parts", d.word, n);
    return FW_OK;
}

static enum fw_status split_value(struct fw_cx *c, unsigned axis, const fw_dim *sizes)
{
    uint32_t n = 0;
    int64_t stride[FW_MAX_RANK];
    const fw_dim *v = fw_follow(c, 0, &n);
    if (v == NULL || !fw_strides(fw_in(c, 0), stride))
        return FW_OK;
    int64_t at = 0;
    for (unsigned i = 0; i < c->node->n_out; i++) {
        if (!fw_dim_is_const(sizes[i]))
            return FW_OK;
        FW_TRY(fw_set_strided(c, i, v, at * stride[axis], stride));
        at += sizes[i].word;
    }
    return FW_OK;
}

static enum fw_status infer_split(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    bool known;
    fw_dim y[FW_MAX_RANK];
    unsigned rank = x->rank;
    unsigned n = c->node->n_out;
    enum fw_dtype dtype = (enum fw_dtype)x->dtype;
    FW_TRY(fw_norm_axis(c, c->node->attr[AXIS].i, rank, &axis));
    fw_dim d = x->dims[axis];
    fw_dim *sizes = fw_arena_array(c->g->arena, n, sizeof *sizes);
    if (sizes == NULL)
        return fw_fail_memory(c->err);
    FW_TRY(split_sizes(c, d, sizes, &known));
    for (unsigned k = 0; k < rank; k++)
        y[k] = x->dims[k];
    for (unsigned i = 0; i < n; i++) {
        y[axis] = known ? sizes[i] : fw_fresh_dim(c, "split", d);
        FW_TRY(fw_set_out(c, i, dtype, rank, y));
    }
    return known ? split_value(c, axis, sizes) : FW_OK;
}

/* Reads what it writes. With outputs of several sizes that is the sum over them. */
static void cost_split(struct fw_cx *c, struct fw_cost *cost)
{
    for (unsigned i = 0; i < c->node->n_out; i++) {
        fw_cost_bytes(c, cost, FW_READ, fw_out(c, i));
        fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, i));
    }
    if (fw_has_in(c, 1))
        fw_cost_bytes(c, cost, FW_READ, fw_in(c, 1));
}

/* Inputs of the gradient: X for its shape, the sizes of the parts, then the gradient of each. */
static enum fw_status grad_split(struct fw_grad *gr)
{
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    const struct fw_node *node = gr->cx.node;
    unsigned n = node->n_out;
    unsigned axis;
    struct fw_arena *arena = gr->cx.g->arena;
    FW_TRY(fw_norm_axis(&gr->cx, node->attr[AXIS].i, fw_in(&gr->cx, 0)->rank, &axis));
    uint32_t *in = fw_arena_array(arena, n + 2u, sizeof *in);
    fw_dim *sizes = fw_arena_array(arena, n, sizeof *sizes);
    if (in == NULL || sizes == NULL)
        return fw_fail_memory(gr->cx.err);
    in[0] = node->in[0];
    for (unsigned i = 0; i < n; i++) {
        in[i + 2] = gr->dy[i];
        sizes[i] = fw_has_out(&gr->cx, i) ? fw_out(&gr->cx, i)->dims[axis] : fw_dim_int(0);
    }
    FW_TRY(fw_grad_ints(gr, sizes, n, &in[1]));
    return fw_grad_node(gr, 0, &rows[SPLIT_GRAD], in, n + 2u, node->attr);
}

/* A part begins where those before it end. */
static void field_split(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, 0);
    int64_t axis = c->node->attr[AXIS].i;
    unsigned at = (unsigned)(axis < 0 ? axis + x->rank : axis);
    fw_dim before = fw_dim_int(0);
    if (in != 0)
        return;
    for (unsigned i = 0; i < out; i++)
        before =
            fw_dim_sub(c->sym, before, fw_has_out(c, i) ? fw_out(c, i)->dims[at] : fw_dim_bad());
    for (unsigned k = 0; k < x->rank; k++)
        ret[k] = fw_reach_each(k);
    if (fw_dim_is_bad(before)) {
        ret[at] = fw_reach_all("a part of unknown place");
        return;
    }
    ret[at].begin = before;
    ret[at].same = true;
}

FW_KERNELS(concat, concat_grad, split, split_grad);

static const struct fw_op rows[N_ROWS] = {
    [CONCAT] = {.name = "Concat",
                .domain = "",
                .formula = FW_MOVE_FORMULA,
                .doc = "dX_i = its part of dY",
                FW_ATTRS(concat_attrs),
                FW_PORTS(1, FW_ANY_NUMBER, 1, 1),
                .flags = FW_OP_MOVE,
                .infer = infer_concat,
                .field = fw_field_joined,
                .cost = fw_cost_free,
                .grad = grad_concat,
                .moments = &fw_moments_concat,
                FW_RUN(concat)},
    [CONCAT_GRAD] = {.name = "ConcatGrad",
                     .domain = "flopwise",
                     .formula = FW_COPY_FORMULA,
                     .doc = FW_INTERNAL_DOC,
                     FW_ATTRS(concat_attrs),
                     FW_PORTS(3, 3, 1, 1),
                     .flags = FW_OP_OWN_BYTES | FW_OP_INTERNAL,
                     .shape_only = 2,
                     .infer = fw_infer_like1,
                     .cost = fw_cost_copied,
                     .grad = fw_grad_none,
                     FW_RUN(concat_grad)},
    [SPLIT] = {.name = "Split",
               .domain = "",
               .formula = FW_COPY_FORMULA,
               .doc =
                   "dX = the gradients of the parts beside each other, zeros where there is none",
               FW_ATTRS(split_attrs),
               FW_PORTS(1, 2, 1, FW_ANY_NUMBER),
               .flags = FW_OP_OWN_BYTES | FW_OP_MOVE,
               .infer = infer_split,
               .field = field_split,
               .cost = cost_split,
               .grad = grad_split,
               FW_RUN(split)},
    [SPLIT_GRAD] = {.name = "SplitGrad",
                    .domain = "flopwise",
                    .formula = FW_MOVE_FORMULA,
                    .doc = FW_INTERNAL_DOC,
                    FW_ATTRS(split_attrs),
                    FW_PORTS(2, FW_ANY_NUMBER, 1, 1), // a part without a gradient is left out
                    .flags = FW_OP_INTERNAL,
                    .shape_only = 1,
                    .infer = fw_infer_same,
                    .cost = fw_cost_free,
                    .grad = fw_grad_none,
                    FW_RUN(split_grad)},
};
const struct fw_op_table fw_ops_concat = {rows, N_ROWS};
