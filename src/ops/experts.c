/* Products of a mixture of experts: every token meets the weights of the few experts it was sent
 * to, and no others.
 *
 *     ExpertMatMul  (X, W, chosen, bias): Y[.., j, :] = X[.., j, :] W[chosen[.., j]]; fma = pairs *
 * K
 *                   * N with one pair for each token and expert chosen; a bias 1 add per element
 *
 * W is stacked: (experts, K, N). Of it as many experts are read as there can be chosen ones, at
 * most all. Both gradients are products of the same size. */
#include "ops/op.h"
#include "ops/reach.h"

enum { X, W, CHOSEN, BIAS, N_IN };
enum { PRODUCT, WEIGHT, BIAS_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

static const struct fw_attr_spec attrs[] = {
    {"turned", FW_ATTR_INT, false, {.i = 0}}, // W is (experts, N, K)
};

static enum fw_status infer(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, W, 3, 3));
    const struct fw_tensor *x = fw_in(c, X);
    const struct fw_tensor *chosen = fw_in(c, CHOSEN);
    const fw_dim *w = fw_in(c, W)->dims;
    bool turned = c->node->attr[0].i != 0;
    FW_TRY(fw_want_rank(c, X, 2, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, CHOSEN, x->rank - 1u, x->rank - 1u));
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k + 1 < x->rank; k++)
        FW_TRY(fw_same_dim(c, "tokens and choices", x->dims[k], chosen->dims[k], &y[k]));
    FW_TRY(fw_same_dim(c, "width of tokens and weights", x->dims[x->rank - 1], w[turned ? 2 : 1],
                       &(fw_dim){0}));
    y[x->rank - 1] = w[turned ? 1 : 2];
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

/* Bytes of the experts that pairs of tokens and experts can touch. */
static void read_weights(struct fw_cx *c, struct fw_cost *cost, fw_count pairs)
{
    const struct fw_tensor *w = fw_in(c, W);
    fw_count all = fw_count_of(w->dims[0]);
    fw_count one = fw_count_div(c->sym, fw_bytes(c, w), all);
    fw_cost_add(c, cost, FW_READ, fw_count_mul(c->sym, one, fw_count_min(c->sym, all, pairs)), 1);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, X);
    fw_count pairs = fw_product(c, x->dims, 0, x->rank - 1u);
    fw_count y = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, y, fw_count_of(x->dims[x->rank - 1])), 1);
    fw_cost_add(c, cost, FW_ADD, y, fw_has_in(c, BIAS) ? 1 : 0);
    fw_cost_bytes(c, cost, FW_READ, x);
    fw_cost_bytes(c, cost, FW_READ, fw_in(c, CHOSEN));
    read_weights(c, cost, pairs);
    if (fw_has_in(c, BIAS))
        fw_cost_bytes(c, cost, FW_READ, fw_in(c, BIAS));
    fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, 0));
}

/* The last dimension of the choices counts the experts of one token. */
static bool met(struct fw_cx *c, unsigned i, struct fw_met *ret)
{
    const struct fw_tensor *t = fw_in(c, i);
    const struct fw_tensor *chosen = fw_in(c, CHOSEN);
    fw_dim top = chosen->dims[chosen->rank - 1];
    if ((i != W && i != BIAS) || !fw_dim_is_const(top) || !fw_dim_is_const(t->dims[0]))
        return false;
    fw_count one = fw_product(c, t->dims, 1, t->rank);
    ret->elements = fw_count_mul(c->sym, one, fw_count_of(top));
    ret->of = t->dims[0].word;
    ret->chosen = top.word;
    return true;
}

/* ---- gradients: (dY, X, chosen, like) ---- */

static enum fw_status infer_weight(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, 3));
}

static void cost_weight(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 1);
    fw_count dy = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, dy, fw_count_of(x->dims[x->rank - 1])), 1);
}

static void cost_bias(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fw_node *n = gr->cx.node;
    struct fw_attr turned[1] = {{.i = n->attr[0].i == 0, .given = true}};
    const uint32_t dx[3] = {gr->dy[0], n->in[W], n->in[CHOSEN]};
    FW_TRY(fw_grad_node(gr, X, &rows[PRODUCT], dx, 3, turned));
    const uint32_t dw[4] = {gr->dy[0], n->in[X], n->in[CHOSEN], n->in[W]};
    FW_TRY(fw_grad_node(gr, W, &rows[WEIGHT], dw, 4, NULL));
    const uint32_t db[4] = {gr->dy[0], FW_NONE, n->in[CHOSEN],
                            n->n_in > BIAS ? n->in[BIAS] : FW_NONE};
    return fw_grad_node(gr, BIAS, &rows[BIAS_GRAD], db, 4, NULL);
}

FW_KERNELS(expert_product, expert_weight, expert_bias);

static const struct fw_op rows[N_ROWS] = {
    [PRODUCT] = {.name = "ExpertMatMul",
                 .domain = "flopwise",
                 .formula = "fma = pairs of token and chosen expert * K * N; bias 1 add",
                 .doc = "dX = dY W^T and dW = X^T dY over the same pairs; dBias = sum of dY",
                 FW_ATTRS(attrs),
                 FW_PORTS(3, N_IN, 1, 1),
                 .flags = FW_OP_CONTRACTION | FW_OP_OWN_BYTES,
                 .weight_slots = 1u << W | 1u << BIAS,
                 .infer = infer,
                 .field = fw_field_last,
                 .cost = cost,
                 .grad = grad,
                 .met = met,
                 FW_RUN(expert_product)},
    [WEIGHT] = {.name = "ExpertMatMulGradWeight",
                .domain = "flopwise",
                .formula = "fma = pairs of token and chosen expert * K * N",
                .doc = FW_INTERNAL_DOC,
                FW_NO_ATTRS,
                FW_PORTS(4, 4, 1, 1),
                .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
                .shape_only = 1u << 3,
                .infer = infer_weight,
                .cost = cost_weight,
                .grad = fw_grad_none,
                FW_RUN(expert_weight)},
    [BIAS_GRAD] = {.name = "ExpertMatMulGradBias",
                   .domain = "flopwise",
                   .formula = "add = elements(dY)",
                   .doc = FW_INTERNAL_DOC,
                   FW_NO_ATTRS,
                   FW_PORTS(4, 4, 1, 1),
                   .flags = FW_OP_INTERNAL,
                   .shape_only = 1u << 3,
                   .infer = infer_weight,
                   .cost = cost_bias,
                   .grad = fw_grad_none,
                   FW_RUN(expert_bias)},
};
const struct fw_op_table fw_ops_experts = {rows, N_ROWS};
