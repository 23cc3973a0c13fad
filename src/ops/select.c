/* Choosing elements by what they hold: NonZero, Unique, TopK, NonMaxSuppression. How many there are
 * depends on the data, so sizes become fresh symbols with their upper bound.
 *
 * Counts are those of an implementation whose work does not depend on the data:
 *   TopK: k passes over what is left of each row of n, n-1 + n-2 + ... comparisons.
 *   NonMaxSuppression: one comparison of every score with the threshold; for each box that is kept
 *     a search for the best of its N candidates (N-1 comparisons) and its overlap with the N-1
 *     others: areas are computed once per box (2 subtractions, 1 product), each overlap takes 4
 *     minmax for the corners, 2 subtractions, 2 minmax with 0, 1 product, 1 add and 1 subtraction
 *     for the union, 1 division, 1 comparison. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

static const struct fw_attr_spec unique_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 0}},
    {"sorted", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec top_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = -1}},
    {"largest", FW_ATTR_INT, false, {.i = 1}},
    {"sorted", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec nms_attrs[] = {{"center_point_box", FW_ATTR_INT, false, {.i = 0}}};

enum { NON_ZERO, UNIQUE, TOP_K, TOP_K_GRAD, NMS, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* The places of known contents that are not zero; *ret_n < 0 when one cannot be decided. */
static void find_non_zero(struct fw_cx *c, uint32_t *at, int64_t *ret_n)
{
    uint32_t n = 0;
    const fw_dim *v = fw_follow(c, 0, &n);
    *ret_n = v == NULL ? -1 : 0;
    for (uint32_t k = 0; v != NULL && k < n; k++) {
        int sign = fw_dim_is_const(v[k]) ? (v[k].word != 0) : fw_dim_sign(c->sym, v[k]);
        if (sign != 1 && sign != -1 && sign != 0) {
            *ret_n = -1;
            return;
        }
        if (sign != 0)
            at[(*ret_n)++] = k;
    }
}

static enum fw_status infer_non_zero(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    uint32_t at[FW_MAX_VALUE];
    int64_t found;
    int64_t stride[FW_MAX_RANK + 1] = {1};
    unsigned rank = x->rank == 0 ? 1 : x->rank; // a scalar counts as a list of one
    find_non_zero(c, at, &found);
    fw_dim y[2] = {fw_dim_int(rank), fw_dim_int(found)};
    if (found < 0)
        y[1] = fw_fresh_dim(c, "nonzero", fw_dim_of(fw_elements(c, x)));
    FW_TRY(fw_set_out(c, 0, FW_I64, 2, y));
    if (found < 0 || rank * found > FW_MAX_VALUE || !fw_strides(x, stride))
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    for (unsigned k = 0; k < rank; k++)
        for (int64_t e = 0; e < found; e++) {
            int64_t i = at[e] / stride[k];
            out[k * found + e] = fw_dim_int(k == 0 ? i : i % x->dims[k].word);
        }
    return fw_set_value(c, 0, out, (uint32_t)(rank * found));
}

static void cost_each(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, fw_in(c, 0)), 1);
}

static enum fw_status infer_unique(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    enum fw_dtype dtype = (enum fw_dtype)x->dtype;
    bool flat = !c->node->attr[0].given;
    unsigned axis = 0;
    fw_dim y[FW_MAX_RANK];
    fw_dim all = fw_dim_of(fw_elements(c, x));
    if (!flat) {
        FW_TRY(fw_norm_axis(c, c->node->attr[0].i, x->rank, &axis));
        all = x->dims[axis];
    }
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = x->dims[k];
    fw_dim n = fw_fresh_dim(c, "unique", all);
    y[axis] = n;
    FW_TRY(fw_set_out(c, 0, dtype, flat ? 1 : x->rank, y));
    FW_TRY(fw_set_out(c, 1, FW_I64, 1, &n));
    FW_TRY(fw_set_out(c, 2, FW_I64, 1, &all));
    return fw_set_out(c, 3, FW_I64, 1, &n);
}

static enum fw_status infer_top_k(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    unsigned axis;
    fw_dim y[FW_MAX_RANK];
    unsigned rank = x->rank;
    FW_TRY(fw_norm_axis(c, c->node->attr[0].i, rank, &axis));
    for (unsigned k = 0; k < rank; k++)
        y[k] = x->dims[k];
    if (!fw_scalar_in(c, 1, &y[axis]))
        y[axis] = fw_fresh_dim(c, "topk", x->dims[axis]);
    FW_REQUIRE(!fw_dim_is_const(y[axis]) || !fw_dim_is_const(x->dims[axis]) ||
                   y[axis].word <= x->dims[axis].word,
               c->err, FW_SHAPE, "K of at most %" PRId64 " is wanted, found %" PRId64,
               x->dims[axis].word, y[axis].word);
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, y));
    return fw_set_out(c, 1, FW_I64, rank, y);
}

/* (n-1) + (n-2) + ... k terms = k*n - k*(k+1)/2, for each row. */
static void cost_top_k(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *y = fw_has_out(c, 0) ? fw_out(c, 0) : fw_out(c, 1);
    unsigned axis;
    if (y == NULL || fw_norm_axis(c, c->node->attr[0].i, x->rank, &axis) != FW_OK)
        return;
    fw_count k = fw_count_of(y->dims[axis]);
    fw_count twice = fw_count_sub(c->sym, fw_count_of(x->dims[axis]), fw_count_int(1));
    twice = fw_count_add(c->sym, twice, fw_count_sub(c->sym, fw_count_of(x->dims[axis]), k));
    twice = fw_count_mul(c->sym, fw_elements(c, y), twice);
    fw_cost_add(c, cost, FW_MINMAX, fw_count_div(c->sym, twice, fw_count_int(2)), 1);
}

static enum fw_status grad_top_k(struct fw_grad *gr)
{
    if (gr->dy[0] == FW_NONE)
        return FW_OK;
    if (!fw_has_out(&gr->cx, 1))
        return fw_grad_gap(gr);
    uint32_t in[3] = {gr->dy[0], gr->cx.node->out[1], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, &rows[TOP_K_GRAD], in, 3, gr->cx.node->attr);
}

static enum fw_status infer_nms(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 3, 3));
    FW_TRY(fw_want_rank(c, 1, 3, 3));
    const fw_dim *scores = fw_in(c, 1)->dims;
    fw_dim same;
    FW_TRY(fw_same_dim(c, "batch of boxes and scores", fw_in(c, 0)->dims[0], scores[0], &same));
    FW_TRY(fw_same_dim(c, "boxes", fw_in(c, 0)->dims[1], scores[2], &same));
    fw_dim each = scores[2];
    fw_dim most;
    if (!fw_has_in(c, 2))
        each = fw_dim_int(0); // the standard's default keeps nothing
    else if (fw_scalar_in(c, 2, &most))
        each = fw_dim_min(c->sym, each, fw_dim_max(c->sym, most, fw_dim_int(0)));
    fw_dim upper = fw_dim_mul(c->sym, fw_dim_mul(c->sym, scores[0], scores[1]), each);
    fw_dim y[2] = {fw_dim_is(upper, 0) ? upper : fw_fresh_dim(c, "selected", upper), fw_dim_int(3)};
    return fw_set_out(c, 0, FW_I64, 2, y);
}

static void cost_nms(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *scores = fw_in(c, 1);
    fw_count boxes =
        fw_count_mul(c->sym, fw_count_of(scores->dims[0]), fw_count_of(scores->dims[2]));
    fw_count others = fw_count_sub(c->sym, fw_count_of(scores->dims[2]), fw_count_int(1));
    fw_count pairs = fw_count_mul(c->sym, fw_count_of(fw_out(c, 0)->dims[0]), others);
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, scores), 1);
    fw_cost_add(c, cost, FW_MINMAX, pairs, 1 + 4 + 2 + 1);
    bool centred = c->node->attr[0].i != 0; // corners from centres: 2 mul, 4 add
    fw_cost_add(c, cost, FW_ADD, boxes, centred ? 4 : 2);
    fw_cost_add(c, cost, FW_MUL, boxes, centred ? 3 : 1);
    fw_cost_add(c, cost, FW_ADD, pairs, 4);
    fw_cost_add(c, cost, FW_MUL, pairs, 1);
    fw_cost_add(c, cost, FW_DIV, pairs, 1);
}

FW_KERNELS(non_zero, unique, top_k, top_k_grad, non_max_suppression);

static const struct fw_op rows[N_ROWS] = {
    [NON_ZERO] = {.name = "NonZero",
                  .domain = "",
                  .formula = "minmax = elements(X)",
                  .doc = "none: indices",
                  FW_PORTS(1, 1, 1, 1),
                  .infer = infer_non_zero,
                  .field = fw_field_data,
                  .cost = cost_each,
                  .grad = fw_grad_none,
                  FW_RUN(non_zero)},
    [UNIQUE] = {.name = "Unique",
                .domain = "",
                .formula = "minmax = elements(X): each is compared with its entry in a hash table",
                .doc = "not built (named as missing)",
                FW_ATTRS(unique_attrs),
                FW_PORTS(1, 1, 1, 4),
                .infer = infer_unique,
                .field = fw_field_data,
                .cost = cost_each,
                .grad = fw_grad_gap,
                FW_RUN(unique)},
    [TOP_K] = {.name = "TopK",
               .domain = "",
               .formula = "minmax = rows * (k*n - k*(k+1)/2)",
               .doc = "dX = dY put into zeros at the indices",
               FW_ATTRS(top_attrs),
               FW_PORTS(2, 2, 1, 2),
               .infer = infer_top_k,
               .field = fw_field_data,
               .cost = cost_top_k,
               .grad = grad_top_k,
               FW_RUN(top_k)},
    [TOP_K_GRAD] = {.name = "TopKGrad",
                    .domain = "flopwise",
                    .formula = "no arithmetic: no index comes twice",
                    .doc = FW_INTERNAL_DOC,
                    FW_ATTRS(top_attrs),
                    FW_PORTS(3, 3, 1, 1),
                    .flags = FW_OP_INTERNAL,
                    .shape_only = 4,
                    .infer = fw_infer_like2,
                    .cost = fw_cost_free,
                    .grad = fw_grad_none,
                    FW_RUN(top_k_grad)},
    [NMS] = {.name = "NonMaxSuppression",
             .domain = "",
             .formula = "minmax = elements(scores) + 8*kept*(N-1), add = 2*B*N + 4*kept*(N-1), "
                        "mul = B*N + kept*(N-1), div = kept*(N-1)",
             .doc = "none: indices",
             FW_ATTRS(nms_attrs),
             FW_PORTS(2, 5, 1, 1),
             .infer = infer_nms,
             .field = fw_field_data,
             .cost = cost_nms,
             .grad = fw_grad_none,
             FW_RUN(non_max_suppression)},
};
const struct fw_op_table fw_ops_select = {rows, N_ROWS};
