/* Writing elements by index: ScatterElements, ScatterND, TensorScatter, OneHot.
 *
 * With a reduction each update is one operation on the element it meets. Gradients: what was
 * replaced gets none, so dX is dY with zeros there; dU is dY gathered at the indices. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>
#include <string.h>

enum { AXIS, REDUCTION };
static const struct fw_attr_spec elements_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 0}},
    {"reduction", FW_ATTR_STRING, false, {.s = "none"}},
};
static const struct fw_attr_spec nd_attrs[] = {
    {"reduction", FW_ATTR_STRING, false, {.s = "none"}},
};
static const struct fw_attr_spec tensor_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = -2}},
    {"mode", FW_ATTR_STRING, false, {.s = "linear"}},
};
static const struct fw_attr_spec one_hot_attrs[] = {{"axis", FW_ATTR_INT, false, {.i = -1}}};

enum {
    ELEMENTS,
    ELEMENTS_GRAD,
    ND,
    ND_GRAD,
    TENSOR,
    TENSOR_GRAD,
    TENSOR_GRAD_UPDATE,
    ONE_HOT,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static unsigned reduction_attr(const struct fw_cx *c)
{
    return c->node->op == &rows[ELEMENTS] ? REDUCTION : 0;
}

static enum fw_status check_reduction(struct fw_cx *c)
{
    static const char *const known[] = {"none", "add", "mul", "min", "max"};
    for (unsigned k = 0; k < 5; k++)
        if (fw_attr_is(c, reduction_attr(c), known[k]))
            return FW_OK;
    return fw_fail(c->err, FW_UNSUPPORTED, -1, "reduction is none of none, add, mul, min, max");
}

/* Contents of a list some elements of which are replaced: how exporters write shape[i] = n. */
static enum fw_status replace_value(struct fw_cx *c)
{
    uint32_t n = 0;
    uint32_t n_at = 0;
    uint32_t n_up = 0;
    const fw_dim *v = fw_follow(c, 0, &n);
    const fw_dim *at = v == NULL ? NULL : fw_in_value(c, 1, &n_at);
    const fw_dim *up = v == NULL ? NULL : fw_follow(c, 2, &n_up);
    if (at == NULL || up == NULL || n_at != n_up || fw_in(c, 0)->rank != 1 ||
        !fw_attr_is(c, reduction_attr(c), "none"))
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    memcpy(out, v, n * sizeof *v);
    for (uint32_t k = 0; k < n_at; k++) {
        if (!fw_dim_is_const(at[k]))
            return FW_OK;
        FW_REQUIRE(at[k].word >= -(int64_t)n && at[k].word < (int64_t)n, c->err, FW_SHAPE,
                   "an index below %" PRIu32 " is wanted, found %" PRId64, n, at[k].word);
        out[at[k].word < 0 ? at[k].word + n : at[k].word] = up[k];
    }
    return fw_set_value(c, 0, out, n);
}

static enum fw_status infer_elements(struct fw_cx *c)
{
    unsigned rank = fw_in(c, 0)->rank;
    unsigned axis;
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, rank, rank));
    FW_TRY(fw_want_rank(c, 2, rank, rank));
    FW_TRY(fw_norm_axis(c, c->node->attr[AXIS].i, rank, &axis));
    FW_TRY(check_reduction(c));
    for (unsigned k = 0; k < rank; k++) {
        fw_dim same;
        FW_TRY(fw_same_dim(c, "indices and updates", fw_in(c, 1)->dims[k], fw_in(c, 2)->dims[k],
                           &same));
    }
    FW_TRY(fw_infer_same(c));
    return replace_value(c);
}

/* Updates: the indices' shape without its last dimension, then what `q` indices leave of x's. */
static enum fw_status want_updates(struct fw_cx *c, unsigned q)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *at = fw_in(c, 1);
    unsigned lines = at->rank - 1u;
    unsigned rank = lines + x->rank - q;
    fw_dim same;
    FW_TRY(fw_want_rank(c, 2, rank, rank));
    for (unsigned k = 0; k < rank; k++)
        FW_TRY(fw_same_dim(c, "places and updates",
                           k < lines ? at->dims[k] : x->dims[q + k - lines], fw_in(c, 2)->dims[k],
                           &same));
    return FW_OK;
}

static enum fw_status infer_nd(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, 1, FW_MAX_RANK));
    FW_TRY(check_reduction(c));
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *at = fw_in(c, 1);
    fw_dim last = at->dims[at->rank - 1];
    FW_REQUIRE(!fw_dim_is_const(last) || (last.word >= 0 && last.word <= x->rank), c->err, FW_SHAPE,
               "the last dimension of the indices must be at most %u, found %" PRId64, x->rank,
               last.word);
    if (fw_dim_is_const(last))
        FW_TRY(want_updates(c, (unsigned)last.word));
    FW_TRY(fw_infer_same(c));
    return replace_value(c);
}

/* One operation of the reduction per update. */
static void cost_scatter(struct fw_cx *c, struct fw_cost *cost)
{
    unsigned attr = reduction_attr(c);
    fw_count n = fw_elements(c, fw_in(c, 2));
    if (fw_attr_is(c, attr, "add"))
        fw_cost_add(c, cost, FW_ADD, n, 1);
    else if (fw_attr_is(c, attr, "mul"))
        fw_cost_add(c, cost, FW_MUL, n, 1);
    else if (!fw_attr_is(c, attr, "none"))
        fw_cost_add(c, cost, FW_MINMAX, n, 1);
}

static enum fw_status grad_scatter(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    bool elements = node->op == &rows[ELEMENTS];
    unsigned attr = reduction_attr(&gr->cx);
    bool add = fw_attr_is(&gr->cx, attr, "add");
    if (!add && !fw_attr_is(&gr->cx, attr, "none"))
        return fw_grad_gap(gr);
    uint32_t in[2] = {gr->dy[0], node->in[1]};
    struct fw_attr none = {.i = 0};
    FW_TRY(fw_grad_node(gr, 2, elements ? fw_op_gather_elements : fw_op_gather_nd, in, 2,
                        elements ? node->attr : &none));
    if (add && fw_grad_needs(gr, 0))
        gr->dx[0] = gr->dy[0];
    if (add)
        return FW_OK;
    return fw_grad_node(gr, 0, &rows[elements ? ELEMENTS_GRAD : ND_GRAD], in, 2, node->attr);
}

static enum fw_status infer_tensor(struct fw_cx *c)
{
    unsigned rank = fw_in(c, 0)->rank;
    unsigned axis;
    FW_TRY(fw_want_rank(c, 1, rank, rank));
    FW_TRY(fw_norm_axis(c, c->node->attr[AXIS].i, rank, &axis));
    for (unsigned k = 0; k < rank; k++) {
        fw_dim same;
        if (k != axis)
            FW_TRY(fw_same_dim(c, "cache and update", fw_in(c, 0)->dims[k], fw_in(c, 1)->dims[k],
                               &same));
    }
    return fw_infer_same(c);
}

/* Inputs of both gradients: dY, the update for its shape, where it was written. */
static enum fw_status grad_tensor(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    bool indexed = node->n_in > 2 && node->in[2] != FW_NONE;
    uint32_t in[3] = {gr->dy[0], node->in[1], indexed ? node->in[2] : FW_NONE};
    unsigned n = indexed ? 3 : 2;
    FW_TRY(fw_grad_node(gr, 0, &rows[TENSOR_GRAD], in, n, node->attr));
    return fw_grad_node(gr, 1, &rows[TENSOR_GRAD_UPDATE], in, n, node->attr);
}

static enum fw_status infer_one_hot(struct fw_cx *c)
{
    const struct fw_tensor *at = fw_in(c, 0);
    unsigned axis;
    fw_dim depth;
    fw_dim y[FW_MAX_RANK + 1];
    unsigned rank = at->rank + 1u;
    FW_TRY(fw_norm_axis(c, c->node->attr[0].i, rank, &axis));
    if (!fw_scalar_in(c, 1, &depth))
        depth = fw_fresh_dim(c, "depth", fw_dim_bad());
    for (unsigned k = 0; k < rank; k++)
        y[k] = k == axis ? depth : at->dims[k < axis ? k : k - 1];
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 2)->dtype, rank, y);
}

#define SCATTER_FORMULA "one add, mul or minmax per update with a reduction, else bytes only"
#define SCATTER_DOC                                                                        \
    "dX = dY with zeros where it was replaced (all of dY for add), dU = dY gathered; for " \
    "mul, min and max it is not built (named as missing)"
#define GRAD_ROW(in_max)                                                      \
    .domain = "flopwise", .formula = FW_MOVE_FORMULA, .doc = FW_INTERNAL_DOC, \
    FW_PORTS(2, in_max, 1, 1), .cost = fw_cost_free, .grad = fw_grad_none

FW_KERNELS(scatter_elements, scatter_elements_grad, scatter_nd, scatter_nd_grad, tensor_scatter,
           tensor_scatter_grad, tensor_scatter_grad_update, one_hot);

static const struct fw_op rows[N_ROWS] = {
    [ELEMENTS] = {.name = "ScatterElements",
                  .domain = "",
                  .formula = SCATTER_FORMULA,
                  .doc = SCATTER_DOC,
                  FW_ATTRS(elements_attrs),
                  FW_PORTS(3, 3, 1, 1),
                  .in_place = 1,
                  .infer = infer_elements,
                  .field = fw_field_data,
                  .cost = cost_scatter,
                  .grad = grad_scatter,
                  FW_RUN(scatter_elements)},
    [ELEMENTS_GRAD] = {.name = "ScatterElementsGrad",
                       GRAD_ROW(2),
                       FW_ATTRS(elements_attrs),
                       .flags = FW_OP_INTERNAL,
                       .in_place = 1,
                       .infer = fw_infer_same,
                       FW_RUN(scatter_elements_grad)},
    [ND] = {.name = "ScatterND",
            .domain = "",
            .formula = SCATTER_FORMULA,
            .doc = SCATTER_DOC,
            FW_ATTRS(nd_attrs),
            FW_PORTS(3, 3, 1, 1),
            .in_place = 1,
            .infer = infer_nd,
            .field = fw_field_data,
            .cost = cost_scatter,
            .grad = grad_scatter,
            FW_RUN(scatter_nd)},
    [ND_GRAD] = {.name = "ScatterNDGrad",
                 GRAD_ROW(2),
                 FW_ATTRS(nd_attrs),
                 .flags = FW_OP_INTERNAL,
                 .in_place = 1,
                 .infer = fw_infer_same,
                 FW_RUN(scatter_nd_grad)},
    [TENSOR] = {.name = "TensorScatter",
                .domain = "",
                .formula = FW_MOVE_FORMULA,
                .doc = "dX = dY with zeros where it was replaced, dU = what dY holds there",
                FW_ATTRS(tensor_attrs),
                FW_PORTS(2, 3, 1, 1),
                .in_place = 1,
                .infer = infer_tensor,
                .field = fw_field_data,
                .cost = fw_cost_free,
                .grad = grad_tensor,
                FW_RUN(tensor_scatter)},
    [TENSOR_GRAD] = {.name = "TensorScatterGrad",
                     GRAD_ROW(3),
                     FW_ATTRS(tensor_attrs),
                     .flags = FW_OP_INTERNAL,
                     .in_place = 1,
                     .shape_only = 2,
                     .infer = fw_infer_same,
                     FW_RUN(tensor_scatter_grad)},
    [TENSOR_GRAD_UPDATE] = {.name = "TensorScatterGradUpdate",
                            .domain = "flopwise",
                            .formula = FW_COPY_FORMULA,
                            .doc = FW_INTERNAL_DOC,
                            FW_ATTRS(tensor_attrs),
                            FW_PORTS(2, 3, 1, 1),
                            .flags = FW_OP_OWN_BYTES | FW_OP_INTERNAL,
                            .shape_only = 2,
                            .infer = fw_infer_like1,
                            .cost = fw_cost_copied,
                            .grad = fw_grad_none,
                            FW_RUN(tensor_scatter_grad_update)},
    [ONE_HOT] = {.name = "OneHot",
                 .domain = "",
                 .formula = FW_MOVE_FORMULA,
                 .doc = "none: the indices are integers; none for the two values",
                 FW_ATTRS(one_hot_attrs),
                 FW_PORTS(3, 3, 1, 1),
                 .infer = infer_one_hot,
                 .field = fw_field_whole,
                 .cost = fw_cost_free,
                 .grad = fw_grad_none,
                 FW_RUN(one_hot)},
};
const struct fw_op_table fw_ops_scatter = {rows, N_ROWS};
