/* The standard's losses, SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss.
 *
 * n = elements of the scores, m = positions (scores without the class dimension). Logarithmic
 * softmax: minmax n - m, add 3n - m, special n + m. Picking the label's entry is a move; negation
 * is an add, a weight a mul, the sum m - 1 add, the mean one div more. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { IGNORE_INDEX, REDUCTION };
static const struct fw_attr_spec loss_attrs[] = {
    {"ignore_index", FW_ATTR_INT, false, {.i = 0}},
    {"reduction", FW_ATTR_STRING, false, {.s = "mean"}},
};

enum reduction { REDUCE_NONE, REDUCE_SUM, REDUCE_MEAN };

static enum reduction reduction(const struct fw_cx *c)
{
    if (fw_attr_is(c, REDUCTION, "none"))
        return REDUCE_NONE;
    return fw_attr_is(c, REDUCTION, "sum") ? REDUCE_SUM : REDUCE_MEAN;
}

static fw_count thrice_minus(struct fw_cx *c, fw_count n, fw_count m)
{
    return fw_joins(c, fw_count_mul(c->sym, n, fw_count_int(3)), m);
}

static void cost_log_softmax(struct fw_cx *c, struct fw_cost *cost, fw_count n, fw_count m)
{
    fw_cost_add(c, cost, FW_MINMAX, fw_joins(c, n, m), 1);
    fw_cost_add(c, cost, FW_ADD, thrice_minus(c, n, m), 1);
    fw_cost_add(c, cost, FW_EXP, n, 1);
    fw_cost_add(c, cost, FW_LOG, m, 1);
}

/* (scores (N, C, d...), labels (N, d...), weights (C)?) -> (loss, logarithms of probabilities?) */
static enum fw_status infer(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 1, x->rank - 1u, x->rank - 1u));
    const struct fw_tensor *labels = fw_in(c, 1);
    fw_dim same;
    for (unsigned k = 0; k < labels->rank; k++)
        FW_TRY(fw_same_dim(c, "scores and labels", x->dims[k == 0 ? 0 : k + 1], labels->dims[k],
                           &same));
    if (fw_has_in(c, 2)) {
        FW_TRY(fw_want_rank(c, 2, 1, 1));
        FW_TRY(fw_same_dim(c, "classes and weights", x->dims[1], fw_in(c, 2)->dims[0], &same));
    }
    unsigned rank = reduction(c) == REDUCE_NONE ? labels->rank : 0;
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, labels->dims));
    return fw_set_out_like(c, 1, x);
}

/* Negated pick, weight, sum; a weighted mean divides by the sum of the weights picked. */
static void cost_pick(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count m = fw_elements(c, fw_in(c, 1));
    bool weighted = fw_has_in(c, 2);
    fw_cost_add(c, cost, FW_ADD, m, 1);
    fw_cost_add(c, cost, FW_MUL, m, weighted);
    if (reduction(c) == REDUCE_NONE)
        return;
    bool mean = reduction(c) == REDUCE_MEAN;
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, m, fw_count_int(1)), mean && weighted ? 2 : 1);
    fw_cost_add(c, cost, FW_DIV, fw_count_int(1), mean);
}

static void cost_softmax_loss(struct fw_cx *c, struct fw_cost *cost)
{
    cost_log_softmax(c, cost, fw_elements(c, fw_in(c, 0)), fw_elements(c, fw_in(c, 1)));
    cost_pick(c, cost);
}

/* ---- gradients: (dloss, scores or log-probabilities, labels, weights?) ---- */

/* One factor a position (dloss, the mean's division, the weight), negated where the label points;
 * the rest of the gradient is zeros. The sum of the weights is taken again for a weighted mean. */
static void cost_pick_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count m = fw_elements(c, fw_in(c, 2));
    bool weighted = fw_has_in(c, 3);
    bool mean = reduction(c) == REDUCE_MEAN;
    fw_cost_add(c, cost, FW_ADD, m, 1);
    fw_cost_add(c, cost, FW_MUL, m, weighted);
    fw_cost_add(c, cost, FW_DIV, fw_count_int(1), mean);
    if (mean && weighted)
        fw_cost_add(c, cost, FW_ADD, fw_joins(c, m, fw_count_int(1)), 1);
}

/* factor*(exp(log p) - 1 at the label): n special, m add, n mul. */
static void cost_softmax_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 1));
    fw_cost_add(c, cost, FW_EXP, n, 1);
    fw_cost_add(c, cost, FW_MUL, n, 1);
    cost_pick_grad(c, cost);
}

enum {
    SOFTMAX_LOSS,
    SOFTMAX_LOSS_TRAIN,
    SOFTMAX_LOSS_GRAD,
    NEGATIVE_LOG,
    NEGATIVE_LOG_GRAD,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static enum fw_status give(struct fw_grad *gr, const struct fw_op *row, uint32_t from)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[4] = {gr->dy[0], from, node->in[1], node->n_in > 2 ? node->in[2] : FW_NONE};
    return fw_emit(gr, 0, row, in, 4, node->attr, &gr->dx[0]);
}

/* The training form has the logarithms as output 1; another node is executed again for them. */
static enum fw_status grad_softmax_loss(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (!fw_grad_needs(gr, 0) || gr->dy[0] == FW_NONE)
        return FW_OK;
    uint32_t logs = node->n_out > 1 ? node->out[1] : FW_NONE;
    if (logs == FW_NONE) {
        FW_TRY(fw_emit_n(gr, -1, &rows[SOFTMAX_LOSS_TRAIN], node->in, node->n_in, node->attr, 2,
                         &logs));
        logs++;
    }
    FW_TRY(give(gr, &rows[SOFTMAX_LOSS_GRAD], logs));
    if (node->n_out < 2 || gr->dy[1] == FW_NONE)
        return FW_OK;
    uint32_t in[2] = {gr->dy[1], logs};
    struct fw_attr axis = {.i = 1, .given = true};
    uint32_t t;
    const struct fw_op *row = fw_op_find("flopwise", "LogSoftmaxGrad");
    FW_TRY(fw_emit(gr, 0, row, in, 2, &axis, &t));
    uint32_t both[2] = {gr->dx[0], t};
    return fw_emit(gr, 0, fw_op_add, both, 2, NULL, &gr->dx[0]);
}

static enum fw_status grad_negative_log(struct fw_grad *gr)
{
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    return give(gr, &rows[NEGATIVE_LOG_GRAD], gr->cx.node->in[0]);
}

#define GRAD_ROW                                                                          \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, .flags = FW_OP_INTERNAL, .in_place = 2, \
    .infer = fw_infer_same1, .grad = fw_grad_none
#define PICK "add = 2*m - 1, div = 1 for the mean; with weights mul = m, add = m - 1 for the mean"
#define SOFTMAX_TEXT                                                                       \
    .formula = "minmax = n - m, add = 3*n - m, special = n + m; then " PICK                \
               "; n = elements(scores), m = positions",                                    \
    .doc = "factor*(exp(log p) - 1 at the label): special = n, mul = n, add = m, div = 1", \
    .infer = infer, .field = fw_field_whole, .cost = cost_softmax_loss, .grad = grad_softmax_loss

FW_KERNELS(softmax_loss, softmax_loss_grad, negative_log, negative_log_grad);

static const struct fw_op rows[N_ROWS] = {
    [SOFTMAX_LOSS] = {.name = "SoftmaxCrossEntropyLoss",
                      .domain = "",
                      SOFTMAX_TEXT,
                      FW_ATTRS(loss_attrs),
                      FW_PORTS(2, 3, 1, 2),
                      .train_form = &rows[SOFTMAX_LOSS_TRAIN],
                      FW_RUN(softmax_loss)},
    [SOFTMAX_LOSS_TRAIN] = {.name = "SoftmaxCrossEntropyLoss",
                            .domain = "flopwise",
                            SOFTMAX_TEXT,
                            FW_ATTRS(loss_attrs),
                            FW_PORTS(2, 3, 2, 2),
                            .flags = FW_OP_INTERNAL,
                            FW_RUN(softmax_loss)},
    [SOFTMAX_LOSS_GRAD] = {.name = "SoftmaxCrossEntropyLossGrad",
                           GRAD_ROW,
                           .formula = "special = n, mul = n, add = m, div = 1 for the mean; with "
                                      "weights mul = m more, add = m - 1 more for the mean",
                           FW_ATTRS(loss_attrs),
                           FW_PORTS(3, 4, 1, 1),
                           .cost = cost_softmax_grad,
                           FW_RUN_SHARED(softmax_loss_grad)},
    [NEGATIVE_LOG] = {.name = "NegativeLogLikelihoodLoss",
                      .domain = "",
                      .formula = PICK,
                      .doc = "-factor at the label: add = m, div = 1 for the mean; zeros elsewhere",
                      FW_ATTRS(loss_attrs),
                      FW_PORTS(2, 3, 1, 1),
                      .infer = infer,
                      .field = fw_field_whole,
                      .cost = cost_pick,
                      .grad = grad_negative_log,
                      FW_RUN(negative_log)},
    [NEGATIVE_LOG_GRAD] = {.name = "NegativeLogLikelihoodLossGrad",
                           GRAD_ROW,
                           .formula = "add = m, div = 1 for the mean; with weights mul = m, add = "
                                      "m - 1 for the mean",
                           FW_ATTRS(loss_attrs),
                           FW_PORTS(3, 4, 1, 1),
                           .shape_only = 2,
                           .cost = cost_pick_grad,
                           FW_RUN(negative_log_grad)},
};
const struct fw_op_table fw_ops_loss = {rows, N_ROWS};
