/* Losses that training attaches to outputs, as rows with their gradients.
 *
 * Cross-entropy over the last axis of logits (rows of `classes`): L = -mean log softmax(x)[label].
 * Per row of C: C-1 max, C subtractions, C exp, C-1 adds, C divisions; then one log; R rows are
 * summed (R-1 adds), negated and divided once. The gradient is (p - onehot(label)) / R: one
 * multiplication an element and one subtraction a row, in the place of the probabilities.
 *
 * Sum of squares: L = 1/2 sum y^2, whose gradient is y itself, so the backward pass starts for
 * free. */
#include "ops/objective.h"

#include "ops/ops.h"

enum { CROSS_ENTROPY, CROSS_ENTROPY_GRAD, SQUARES, N_ROWS };
static const struct fw_op rows[N_ROWS];

static enum fw_status infer_entropy(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_set_out(c, 0, FW_F32, 0, NULL));
    return fw_set_out_like(c, 1, fw_in(c, 0));
}

static void cost_entropy(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count all = fw_elements(c, fw_in(c, 0));
    fw_count n_rows = fw_elements(c, fw_in(c, 1));
    fw_count rest = fw_count_sub(c->sym, all, n_rows); // C-1 of every row
    fw_cost_add(c, cost, FW_MINMAX, rest, 1);
    fw_cost_add(c, cost, FW_ADD, all, 1);
    fw_cost_add(c, cost, FW_EXP, all, 1);
    fw_cost_add(c, cost, FW_ADD, rest, 1);
    fw_cost_add(c, cost, FW_DIV, all, 1);
    fw_cost_add(c, cost, FW_LOG, n_rows, 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n_rows, fw_count_int(1)), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_int(1), 1); // the sign
    fw_cost_add(c, cost, FW_DIV, fw_count_int(1), 1);
}

static enum fw_status grad_entropy(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->cx.node->out[1], gr->cx.node->in[1]};
    return fw_grad_node(gr, 0, &rows[CROSS_ENTROPY_GRAD], in, 2, NULL);
}

static void cost_entropy_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_in(c, 0)), 1);
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 1)), 1);
}

static enum fw_status infer_squares(struct fw_cx *c)
{
    return fw_set_out(c, 0, FW_F32, 0, NULL);
}

static void cost_squares(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 1);
    fw_cost_add(c, cost, FW_MUL, fw_count_int(1), 1); // the half
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_count_int(1)), 1);
}

static enum fw_status grad_squares(struct fw_grad *gr)
{
    return fw_grad_node(gr, 0, fw_op_identity, &gr->cx.node->in[0], 1, NULL);
}

FW_KERNELS(cross_entropy, cross_entropy_grad, sum_of_squares);

static const struct fw_op rows[N_ROWS] = {
    [CROSS_ENTROPY] = {.name = "CrossEntropy",
                       .domain = "flopwise",
                       .formula = "rows of C: minmax C-1, add 2C, special C+1, div C",
                       .doc = "dX = (softmax(X) - onehot(label)) / rows",
                       FW_PORTS(2, 2, 1, 2),
                       .flags = FW_OP_INTERNAL,
                       .infer = infer_entropy,
                       .cost = cost_entropy,
                       .grad = grad_entropy,
                       FW_RUN(cross_entropy)},
    [CROSS_ENTROPY_GRAD] = {.name = "CrossEntropyGrad",
                            .domain = "flopwise",
                            .formula = "mul = elements(P), add = rows",
                            .doc = FW_INTERNAL_DOC,
                            FW_PORTS(2, 2, 1, 1),
                            .flags = FW_OP_INTERNAL,
                            .in_place = 1,
                            .infer = fw_infer_same,
                            .cost = cost_entropy_grad,
                            .grad = fw_grad_none,
                            FW_RUN_SHARED(cross_entropy_grad)},
    [SQUARES] = {.name = "SumOfSquares",
                 .domain = "flopwise",
                 .formula = "mul = elements(Y) + 1, add = elements(Y) - 1",
                 .doc = "dY = Y",
                 FW_PORTS(1, 1, 1, 1),
                 .flags = FW_OP_INTERNAL,
                 .infer = infer_squares,
                 .cost = cost_squares,
                 .grad = grad_squares,
                 FW_RUN(sum_of_squares)},
};
const struct fw_op_table fw_ops_objective = {rows, N_ROWS};
const struct fw_op *const fw_op_loss_cross_entropy = &rows[CROSS_ENTROPY];
const struct fw_op *const fw_op_loss_squares = &rows[SQUARES];
