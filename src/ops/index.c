/* Taking elements by index: Gather, GatherElements, GatherND, ArrayFeatureExtractor, Compress, and
 * the scatter-adds that are their gradients.
 *
 * A gather reads what it takes and its indices, not its whole table. Its gradient starts from zeros
 * and adds each element of dY where it came from: one add per element of dY, because indices may
 * repeat; with a single index nothing can repeat and it is a move. */
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

static const struct fw_attr_spec axis_attrs[] = {{"axis", FW_ATTR_INT, false, {.i = 0}}};
static const struct fw_attr_spec nd_attrs[] = {{"batch_dims", FW_ATTR_INT, false, {.i = 0}}};

enum {
    GATHER,
    GATHER_GRAD,
    GATHER_ELEMENTS,
    GATHER_ELEMENTS_GRAD,
    GATHER_ND,
    GATHER_ND_GRAD,
    FEATURES,
    FEATURES_GRAD,
    COMPRESS,
    COMPRESS_GRAD,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

/* A known index in a dimension of known size; false when it cannot be used as a number. */
static enum fw_status index_at(struct fw_cx *c, fw_dim v, fw_dim d, int64_t *ret, bool *ret_known)
{
    *ret_known = fw_dim_is_const(v) && fw_dim_is_const(d);
    if (!*ret_known)
        return FW_OK;
    FW_REQUIRE(v.word >= -d.word && v.word < d.word, c->err, FW_SHAPE,
               "an index from %" PRId64 " to %" PRId64 " is wanted, found %" PRId64, -d.word,
               d.word - 1, v.word);
    *ret = v.word < 0 ? v.word + d.word : v.word;
    return FW_OK;
}

static enum fw_status gather_value(struct fw_cx *c, unsigned axis)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *y = fw_out(c, 0);
    uint32_t n = 0;
    uint32_t n_at = 0;
    int64_t stride[FW_MAX_RANK];
    const fw_dim *v = fw_follow(c, 0, &n);
    const fw_dim *at = v == NULL ? NULL : fw_in_value(c, 1, &n_at);
    if (at == NULL || y == NULL || !fw_strides(x, stride))
        return FW_OK;
    fw_count all = fw_elements(c, y);
    if (!fw_count_is_const(all) || all.word > FW_MAX_VALUE || all.word == 0)
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    int64_t inner = stride[axis];
    for (int64_t e = 0; e < (int64_t)all.word; e++) {
        int64_t k;
        bool known;
        FW_TRY(index_at(c, at[e / inner % n_at], x->dims[axis], &k, &known));
        if (!known)
            return FW_OK;
        out[e] = v[(e / inner / n_at * x->dims[axis].word + k) * inner + e % inner];
    }
    return fw_set_value(c, 0, out, (uint32_t)all.word);
}

static enum fw_status infer_gather(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *at = fw_in(c, 1);
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    unsigned axis;
    fw_dim y[2 * FW_MAX_RANK];
    unsigned r = 0;
    FW_TRY(fw_norm_axis(c, c->node->attr[0].i, x->rank, &axis));
    for (unsigned k = 0; k < axis; k++)
        y[r++] = x->dims[k];
    for (unsigned k = 0; k < at->rank; k++)
        y[r++] = at->dims[k];
    for (unsigned k = axis + 1; k < x->rank; k++)
        y[r++] = x->dims[k];
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, r, y));
    return gather_value(c, axis);
}

/* Contents by a list of as many indices as elements, along the only axis. */
static enum fw_status elements_value(struct fw_cx *c)
{
    uint32_t n = 0;
    uint32_t n_at = 0;
    const fw_dim *v = fw_follow(c, 0, &n);
    const fw_dim *at = v == NULL ? NULL : fw_in_value(c, 1, &n_at);
    fw_dim out[FW_MAX_VALUE];
    if (at == NULL || fw_in(c, 0)->rank != 1)
        return FW_OK;
    for (uint32_t e = 0; e < n_at; e++) {
        int64_t k;
        bool known;
        FW_TRY(index_at(c, at[e], fw_dim_int(n), &k, &known));
        if (!known)
            return FW_OK;
        out[e] = v[k];
    }
    return fw_set_value(c, 0, out, n_at);
}

static enum fw_status infer_gather_elements(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, x->rank, x->rank));
    FW_TRY(fw_norm_axis(c, c->node->attr[0].i, x->rank, &axis));
    FW_TRY(fw_set_out_as(c, 0, x, fw_in(c, 1)));
    return elements_value(c);
}

static enum fw_status infer_gather_nd(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *at = fw_in(c, 1);
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, 1, FW_MAX_RANK));
    enum fw_dtype dtype = (enum fw_dtype)x->dtype;
    int64_t batch = c->node->attr[0].i;
    unsigned q = at->rank;
    FW_REQUIRE(batch >= 0 && batch < q && batch < x->rank, c->err, FW_SHAPE,
               "batch_dims from 0 to %u is wanted, found %" PRId64,
               (q < x->rank ? q : x->rank) - 1u, batch);
    fw_dim last = at->dims[q - 1];
    if (!fw_dim_is_const(last))
        return fw_set_out_unknown(c, 0, dtype, FW_RANK_UNKNOWN);
    FW_REQUIRE(last.word >= 1 && last.word <= x->rank - batch, c->err, FW_SHAPE,
               "the last dimension of the indices must be from 1 to %" PRId64 ", found %" PRId64,
               x->rank - batch, last.word);
    fw_dim y[2 * FW_MAX_RANK] = {{0}};
    unsigned r = 0;
    for (; r + 1 < q; r++)
        y[r] = at->dims[r];
    for (unsigned k = 0; k < batch; k++)
        FW_TRY(fw_same_dim(c, "batch of GatherND", x->dims[k], y[k], &y[k]));
    for (unsigned k = (unsigned)(batch + last.word); k < x->rank; k++)
        y[r++] = x->dims[k];
    FW_TRY(fw_set_out(c, 0, dtype, r, y));
    return x->rank == 1 ? elements_value(c) : FW_OK;
}

static enum fw_status infer_features(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    fw_dim y[FW_MAX_RANK] = {fw_dim_int(1)};
    unsigned rank = x->rank == 1 ? 2 : x->rank;
    for (unsigned k = 0; k + 1 < x->rank; k++)
        y[k] = x->dims[k];
    y[rank - 1] = fw_dim_of(fw_elements(c, fw_in(c, 1)));
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, y);
}

static enum fw_status infer_compress(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, 1, 1));
    bool flat = !c->node->attr[0].given;
    unsigned axis = 0;
    fw_dim y[FW_MAX_RANK];
    if (!flat)
        FW_TRY(fw_norm_axis(c, c->node->attr[0].i, x->rank, &axis));
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = x->dims[k];
    fw_dim upper = flat ? fw_dim_of(fw_elements(c, x)) : x->dims[axis];
    uint32_t n = 0;
    int64_t taken = 0;
    const fw_dim *v = fw_in_value(c, 1, &n);
    for (uint32_t k = 0; v != NULL && k < n; k++) {
        if (!fw_dim_is_const(v[k]))
            v = NULL;
        else
            taken += v[k].word != 0;
    }
    y[axis] = v != NULL ? fw_dim_int(taken) : fw_fresh_dim(c, "taken", upper);
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, flat ? 1 : x->rank, y);
}

/* Which row is the gradient of which: stands in .family. Inputs: dY, indices, X for its shape. */
static enum fw_status grad_gather(struct fw_grad *gr)
{
    const unsigned *row = gr->cx.node->op->family;
    const uint32_t *from = gr->cx.node->in;
    uint32_t in[3] = {gr->dy[0], from[1], from[0]};
    return fw_grad_node(gr, 0, &rows[*row], in, 3, gr->cx.node->attr);
}

static void cost_add_back(struct fw_cx *c, struct fw_cost *cost)
{
    if (!fw_count_eq(fw_elements(c, fw_in(c, 1)), fw_count_int(1)))
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

#define GATHER_FORMULA "no arithmetic: reads what it takes and the indices"
#define GATHER_DOC "dX = dY added into zeros where it was taken from; none for the indices"
#define ADD_BACK_FORMULA "add = elements(dY); none with a single index"
#define GRAD_OF(row)            \
    .family = &(const unsigned) \
    {                           \
        row                     \
    }

#define GATHER_ROW                                                                                \
    .formula = GATHER_FORMULA, .doc = GATHER_DOC, FW_PORTS(2, 2, 1, 1), .flags = FW_OP_OWN_BYTES, \
    .cost = fw_cost_copied, .grad = grad_gather
#define GRAD_ROW                                                                                 \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, FW_PORTS(3, 3, 1, 1), .flags = FW_OP_INTERNAL, \
    .shape_only = 4, .infer = fw_infer_like2, .grad = fw_grad_none

/* One index that is known takes one position; indices spread over new dimensions. */
static void field_gather(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, 0), *at = fw_in(c, 1);
    int64_t given = c->node->attr[0].i;
    unsigned axis = (unsigned)(given < 0 ? given + x->rank : given);
    uint32_t n = 0;
    (void)out;
    for (unsigned k = 0; in == 1 && k < at->rank; k++)
        ret[k] = fw_reach_each(axis + k);
    for (unsigned k = 0; in == 0 && k < x->rank; k++)
        ret[k] = fw_reach_each(k < axis ? k : k + at->rank - 1u);
    if (in != 0)
        return;
    const fw_dim *v = fw_in_value(c, 1, &n);
    ret[axis] = fw_reach_all("positions that depend on data");
    if (v != NULL && n == 1 && fw_dim_is_const(v[0]) && v[0].word >= 0)
        ret[axis] = (struct fw_reach){.kind = FW_REACH_POINT, .begin = v[0]};
}

/* A table looked up by its rows: a token meets one. */
static bool met_row(struct fw_cx *c, unsigned i, struct fw_met *ret)
{
    const struct fw_tensor *t = fw_in(c, 0);
    if (i != 0 || t->rank != 2 || c->node->attr[0].i != 0)
        return false;
    ret->elements = fw_count_of(t->dims[1]);
    return true;
}

FW_KERNELS(gather, gather_grad, gather_elements, gather_elements_grad, gather_nd, gather_nd_grad,
           features, features_grad);
FW_KERNELS(compress, compress_grad);

static const struct fw_op rows[N_ROWS] = {
    [GATHER] = {.name = "Gather",
                .domain = "",
                GATHER_ROW,
                FW_ATTRS(axis_attrs),
                .weight_slots = 1,
                .moments = &fw_moments_table,
                GRAD_OF(GATHER_GRAD),
                .infer = infer_gather,
                .field = field_gather,
                .met = met_row,
                FW_RUN(gather)},
    [GATHER_GRAD] = {.name = "GatherGrad",
                     GRAD_ROW,
                     .formula = ADD_BACK_FORMULA,
                     FW_ATTRS(axis_attrs),
                     .cost = cost_add_back,
                     FW_RUN(gather_grad)},
    [GATHER_ELEMENTS] = {.name = "GatherElements",
                         .domain = "",
                         GATHER_ROW,
                         FW_ATTRS(axis_attrs),
                         .weight_slots = 1,
                         GRAD_OF(GATHER_ELEMENTS_GRAD),
                         .infer = infer_gather_elements,
                         .field = fw_field_data,
                         FW_RUN(gather_elements)},
    [GATHER_ELEMENTS_GRAD] = {.name = "GatherElementsGrad",
                              GRAD_ROW,
                              .formula = ADD_BACK_FORMULA,
                              FW_ATTRS(axis_attrs),
                              .cost = cost_add_back,
                              FW_RUN(gather_elements_grad)},
    [GATHER_ND] = {.name = "GatherND",
                   .domain = "",
                   GATHER_ROW,
                   FW_ATTRS(nd_attrs),
                   .weight_slots = 1,
                   GRAD_OF(GATHER_ND_GRAD),
                   .infer = infer_gather_nd,
                   .field = fw_field_data,
                   FW_RUN(gather_nd)},
    [GATHER_ND_GRAD] = {.name = "GatherNDGrad",
                        GRAD_ROW,
                        .formula = ADD_BACK_FORMULA,
                        FW_ATTRS(nd_attrs),
                        .cost = cost_add_back,
                        FW_RUN(gather_nd_grad)},
    [FEATURES] = {.name = "ArrayFeatureExtractor",
                  .domain = "ai.onnx.ml",
                  GATHER_ROW,
                  GRAD_OF(FEATURES_GRAD),
                  .infer = infer_features,
                  .field = fw_field_data,
                  FW_RUN(features)},
    [FEATURES_GRAD] = {.name = "ArrayFeatureExtractorGrad",
                       GRAD_ROW,
                       .formula = ADD_BACK_FORMULA,
                       .cost = cost_add_back,
                       FW_RUN(features_grad)},
    [COMPRESS] = {.name = "Compress",
                  .domain = "",
                  GATHER_ROW,
                  FW_ATTRS(axis_attrs),
                  GRAD_OF(COMPRESS_GRAD),
                  .infer = infer_compress,
                  .field = fw_field_data,
                  FW_RUN(compress)},
    [COMPRESS_GRAD] = {.name = "CompressGrad",
                       GRAD_ROW,
                       .formula = "no arithmetic: nothing is taken twice",
                       FW_ATTRS(axis_attrs),
                       .cost = fw_cost_free,
                       FW_RUN(compress_grad)},
};
const struct fw_op_table fw_ops_index = {rows, N_ROWS};
const struct fw_op *const fw_op_gather_elements = &rows[GATHER_ELEMENTS];
const struct fw_op *const fw_op_gather_nd = &rows[GATHER_ND];
