/* The gradient of attention, from the probabilities P that the training form kept.
 *
 * With S scores in rows of T: dP = dY V^T (S * Dv fma), dS = P * (dP - sum(dP * P)) (2 mul, 2 add,
 * one add less per row) and the scale (1 mul); then dV = P^T dY (S * Dv), dQ = dS K and
 * dK = dS^T Q (S * D each). A softcap's derivative is written in the capped score, which is
 * computed again: S * D fma, with its scale 1 mul, cap 1 mul and 1 special, derivative 2 mul and 1
 * add. Keys shared by a group of heads collect in the product. Where query, key and value come in
 * one tensor the three products are one node. Gradients of keys of earlier calls are not built.
 *
 * The scores' gradient stands before scale and cap where a mask wants it (a learned position bias).
 */
#include "ops/attention.h"

#include "ops/ops.h"

#include <math.h>
#include <string.h>

enum { SCORES, OPERAND, PACKED, BIASED, BIAS, WEIGHT, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* ---- dS ---- */

enum { S_SCALED, S_SOFTCAP, S_SCALE, S_GROUPS, S_PAIRS, S_N };
static const struct fw_attr_spec scores_attrs[S_N] = {
    {"scaled", FW_ATTR_INT, true, {.i = 0}},
    {"softcap", FW_ATTR_FLOAT, true, {.f = 0}},
    {"scale", FW_ATTR_FLOAT, true, {.f = 1}},
    {"groups", FW_ATTR_INT, true, {.i = 0}}, // heads of the keys
    {"pairs", FW_ATTR_INT, true, {.i = 0}},  // neighbours turn together
};
enum { S_DY, S_V, S_P, S_Q, S_K, S_COS, S_SIN, S_N_IN };

/* dS and, where a mask wants it, the same before scale and cap. */
static enum fw_status infer_scores(struct fw_cx *c)
{
    FW_TRY(fw_set_out_like(c, 0, fw_in(c, S_P)));
    return fw_has_out(c, 1) ? fw_set_out_like(c, 1, fw_in(c, S_P)) : FW_OK;
}

/* Rows of the probabilities at input i: all but the last dimension. */
static fw_count rows_of(struct fw_cx *c, unsigned i)
{
    return fw_product(c, fw_in(c, i)->dims, 0, fw_in(c, i)->rank - 1u);
}

static void cost_scores(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    fw_count s = fw_elements(c, fw_in(c, S_P));
    fw_count t = fw_count_of(fw_in(c, S_P)->dims[3]);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, fw_elements(c, fw_in(c, S_DY)), t), 1);
    fw_cost_add(c, cost, FW_MUL, s, 2 + (attr[S_SCALED].i != 0 ? 1 : 0));
    fw_cost_add(c, cost, FW_ADD, s, 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, s, rows_of(c, S_P)), 1);
    if (attr[S_SOFTCAP].f == 0)
        return;
    const struct fw_tensor *q = fw_in(c, fw_has_in(c, S_Q) ? S_Q : S_DY); // packed: the same width
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, fw_elements(c, q), t), 1);
    fw_cost_add(c, cost, FW_MUL, s, 3 + (attr[S_SCALED].i != 0 ? 1 : 0));
    fw_cost_add(c, cost, FW_TANH, s, 1);
    fw_cost_add(c, cost, FW_ADD, s, 1);
    if (!fw_has_in(c, S_COS)) // else the query again, and keys that are packed with it
        return;
    fw_count turned = fw_elements(c, q);
    fw_count heads = fw_count_of(fw_in(c, S_P)->dims[1]);
    fw_dim head = fw_dim_of(fw_count_div(c->sym, turned, rows_of(c, S_P)));
    if (!fw_has_in(c, S_Q)) {
        fw_count k = fw_count_mul(c->sym, turned, fw_count_int(attr[S_GROUPS].i));
        turned = fw_count_add(c->sym, turned, fw_count_div(c->sym, k, heads));
    }
    fw_cost_rotation(c, cost, fw_rotated(c, turned, head, fw_in(c, S_COS)));
}

/* ---- dQ, dK, dV ---- */

/* (dS or P, other factor, like, a tensor of S/T rows whose width is the inner one, cos, sin) */
enum { O_SCORES, O_OTHER, O_LIKE, O_SIZED, O_COS, O_SIN, O_N_IN };
static const struct fw_attr_spec operand_attrs[] = {
    {"turn_again", FW_ATTR_INT, true, {.i = 0}}, // the other factor is turned here as well
    {"of", FW_ATTR_INT, true, {.i = 0}},         // 0 query, 1 key, 2 value
    {"groups", FW_ATTR_INT, true, {.i = 0}},
    {"pairs", FW_ATTR_INT, true, {.i = 0}},
};

static enum fw_status infer_operand(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, O_LIKE));
}

/* Elements of the sized tensor times T are S * width. */
static void cost_operand(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count t = fw_count_of(fw_in(c, O_SCORES)->dims[3]);
    fw_count sized = fw_elements(c, fw_in(c, O_SIZED));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, sized, t), 1);
    if (!fw_has_in(c, O_COS))
        return;
    fw_dim head = fw_dim_of(fw_count_div(c->sym, sized, rows_of(c, O_SCORES)));
    fw_count n = fw_elements(c, fw_in(c, O_LIKE));
    if (c->node->attr[0].i != 0)
        n = fw_count_add(c->sym, n, fw_elements(c, fw_in(c, O_OTHER)));
    fw_cost_rotation(c, cost, fw_rotated(c, n, head, fw_in(c, O_COS)));
}

/* ---- packed query, key and value, or packed key and value ---- */

enum { P_SCORES, P_PROBS, P_LIKE, P_DY, P_Q, P_COS, P_SIN, P_N_IN };
enum { P_PRODUCTS, P_UNEVEN, P_GROUPS, P_PAIRS, P_N };
static const struct fw_attr_spec packed_attrs[P_N] = {
    {"products", FW_ATTR_INT, true, {.i = 3}}, // 3: dQ, dK, dV; 2: dK, dV
    {"uneven", FW_ATTR_INT, true, {.i = 0}},   // values are not as wide as keys
    {"groups", FW_ATTR_INT, true, {.i = 0}},
    {"pairs", FW_ATTR_INT, true, {.i = 0}},
};

/* dV has the width of dY; query and key share what else is in the packed tensor, or have the
 * same. Turning: query and key again, and both gradients back. */
static void cost_packed(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    fw_count t = fw_count_of(fw_in(c, P_SCORES)->dims[3]);
    fw_count v = fw_elements(c, fw_in(c, P_DY));
    fw_count all = fw_elements(c, fw_in(c, P_LIKE));
    fw_count q = v;
    if (attr[P_UNEVEN].i != 0)
        q = fw_count_div(c->sym, fw_count_sub(c->sym, all, v), fw_count_int(2));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, v, t), 1);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, q, t), attr[P_PRODUCTS].i - 1);
    if (!fw_has_in(c, P_COS))
        return;
    fw_count k = fw_count_div(c->sym, fw_count_sub(c->sym, all, q), fw_count_int(2));
    fw_dim head = fw_dim_of(fw_count_div(c->sym, v, rows_of(c, P_SCORES)));
    fw_count n = fw_rotated(c, fw_count_add(c->sym, q, k), head, fw_in(c, P_COS));
    fw_cost_rotation(c, cost, fw_count_mul(c->sym, n, fw_count_int(2)));
}

/* ---- biases and the projection ---- */

/* (x, bias): query 0, key 1 or value 2, or several in one, with their part of the bias again. */
static const struct fw_attr_spec biased_attrs[] = {{"of", FW_ATTR_INT, true, {.i = 0}}};

static void cost_biased(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

/* (nothing, dq and dk and dv or one packed, like at input 2): sums over the batch and the length */
enum { B_FIRST, B_SECOND, B_LIKE, B_THIRD, B_N_IN };

static void cost_bias(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_count_int(0);
    for (unsigned i = 0; i < B_N_IN; i++)
        if (i != B_LIKE)
            n = fw_count_add(c->sym, n, fw_elements(c, fw_in(c, i)));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_elements(c, fw_in(c, B_LIKE))), 1);
}

/* dW = X^T dQKV from (dQKV, X, W): one fma per token and weight. */
static void cost_weight(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count x = fw_elements(c, fw_in(c, 1));
    fw_count out = fw_count_of(fw_in(c, 2)->dims[1]);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, x, out), 1);
}

/* ---- building ---- */

static uint32_t in_at(const struct fw_grad *gr, unsigned i)
{
    return i < gr->cx.node->n_in ? gr->cx.node->in[i] : FW_NONE;
}

static const struct fw_attention_ports *ports_of(const struct fw_grad *gr)
{
    return gr->cx.node->op->family;
}

static bool needs_mask(const struct fw_grad *gr, unsigned i)
{
    return i != FW_NO_PORT && fw_grad_needs(gr, i) &&
           fw_dtype_is_float((enum fw_dtype)fw_in(&gr->cx, i)->dtype);
}

/* What scores are multiplied by: given, or 1/sqrt(D); 1 where D has letters. */
static double scale_of(const struct fw_grad *gr, const struct fw_attention *a)
{
    const struct fw_op *op = gr->cx.node->op;
    for (unsigned i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, "scale") == 0 && fw_attr_at(&gr->cx, i)->f != 0)
            return fw_attr_at(&gr->cx, i)->f;
    return fw_dim_is_const(a->head) ? 1 / sqrt((double)a->head.word) : 1;
}

/* Heads of the keys where they are a number, and how a rotation pairs: attributes of every row. */
static struct fw_attr groups_of(const struct fw_attention *a)
{
    return (struct fw_attr){.i = fw_dim_is_const(a->kv_heads) ? a->kv_heads.word : 0,
                            .given = true};
}

static struct fw_attr pairs_of(const struct fw_grad *gr)
{
    const struct fw_op *op = gr->cx.node->op;
    struct fw_attr ret = {.given = true};
    for (unsigned i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, "rotary_interleaved") == 0)
            ret.i = fw_attr_at(&gr->cx, i)->i;
    return ret;
}

/* dS; hands the masks their gradients. */
static enum fw_status emit_scores(struct fw_grad *gr, const struct fw_attention *a, uint32_t q,
                                  uint32_t k, uint32_t v, uint32_t *ret)
{
    const struct fw_attention_ports *p = ports_of(gr);
    uint32_t in[S_N_IN] = {[S_DY] = gr->dy[0],
                           [S_V] = v,
                           [S_P] = gr->cx.node->out[p->probs],
                           [S_Q] = a->softcap != 0 ? q : FW_NONE,
                           [S_K] = a->softcap != 0 ? k : FW_NONE,
                           [S_COS] = FW_NONE,
                           [S_SIN] = FW_NONE};
    struct fw_attr attr[S_N] = {[S_SCALED] = {.i = a->scaled, .given = true},
                                [S_SOFTCAP] = {.f = a->softcap, .given = true},
                                [S_SCALE] = {.f = scale_of(gr, a), .given = true},
                                [S_GROUPS] = groups_of(a),
                                [S_PAIRS] = pairs_of(gr)};
    if (a->softcap != 0 && p->cos != FW_NO_PORT) {
        in[S_COS] = in_at(gr, p->cos);
        in[S_SIN] = in_at(gr, p->sin);
    }
    bool masks = needs_mask(gr, p->mask) || needs_mask(gr, p->more_mask);
    FW_TRY(fw_emit_n(gr, -1, &rows[SCORES], in, S_N_IN, attr, masks ? 2 : 1, ret));
    const unsigned mask[2] = {p->mask, p->more_mask};
    for (unsigned m = 0; m < 2; m++)
        if (needs_mask(gr, mask[m]))
            FW_TRY(fw_grad_give(gr, mask[m], *ret + 1));
    return FW_OK;
}

static enum fw_status emit_packed(struct fw_grad *gr, const struct fw_attention *a, unsigned input,
                                  uint32_t ds, uint32_t like, uint32_t q,
                                  const int64_t *products_uneven, uint32_t *ret)
{
    const struct fw_attention_ports *p = ports_of(gr);
    const struct fw_op *op = &rows[PACKED];
    uint32_t in[P_N_IN] = {
        [P_SCORES] = ds,
        [P_PROBS] = gr->cx.node->out[p->probs],
        [P_LIKE] = like,
        [P_DY] = gr->dy[0],
        [P_Q] = q,
        [P_COS] = p->cos == FW_NO_PORT ? FW_NONE : in_at(gr, p->cos),
        [P_SIN] = p->sin == FW_NO_PORT ? FW_NONE : in_at(gr, p->sin),
    };
    struct fw_attr attr[P_N] = {[P_PRODUCTS] = {.i = products_uneven[0], .given = true},
                                [P_UNEVEN] = {.i = products_uneven[1], .given = true},
                                [P_GROUPS] = groups_of(a),
                                [P_PAIRS] = pairs_of(gr)};
    return fw_emit(gr, (int)input, op, in, P_N_IN, attr, ret);
}

/* com.microsoft Attention: through the projection that was kept. */
static enum fw_status grad_projected(struct fw_grad *gr, const struct fw_attention *a)
{
    uint32_t qkv = gr->cx.node->out[ports_of(gr)->qkv];
    uint32_t ds;
    uint32_t d;
    FW_TRY(emit_scores(gr, a, FW_NONE, FW_NONE, qkv, &ds));
    const int64_t products[2] = {3, !fw_dim_eq(a->head, a->v_head)};
    FW_TRY(emit_packed(gr, a, 0, ds, qkv, FW_NONE, products, &d));
    if (fw_grad_needs(gr, 0)) {
        const struct fw_attr attr[5] = {{.f = 1}, {.i = 0}, {.i = 1}, {.i = 0}, {.i = 0}};
        const uint32_t in[2] = {d, in_at(gr, 1)};
        FW_TRY(fw_emit(gr, 0, fw_op_matmul, in, 2, attr, &gr->dx[0]));
    }
    if (fw_grad_needs(gr, 1)) {
        const uint32_t in[3] = {d, in_at(gr, 0), in_at(gr, 1)};
        FW_TRY(fw_emit(gr, 1, &rows[WEIGHT], in, 3, NULL, &gr->dx[1]));
    }
    return fw_grad_needs(gr, 2) ? fw_grad_give(gr, 2, d) : FW_OK;
}

/* One of dQ, dK, dV (input i). */
static enum fw_status emit_operand(struct fw_grad *gr, const struct fw_attention *a, unsigned i,
                                   uint32_t scores, uint32_t other, uint32_t sized, uint32_t *ret)
{
    const struct fw_attention_ports *p = ports_of(gr);
    bool turned = p->cos != FW_NO_PORT && i < 2;
    uint32_t in[O_N_IN] = {[O_SCORES] = scores,
                           [O_OTHER] = other,
                           [O_LIKE] = in_at(gr, i),
                           [O_SIZED] = sized,
                           [O_COS] = turned ? in_at(gr, p->cos) : FW_NONE,
                           [O_SIN] = turned ? in_at(gr, p->sin) : FW_NONE};
    struct fw_attr attr[] = {{.i = i == 1 && turned, .given = true},
                             {.i = i, .given = true},
                             groups_of(a),
                             pairs_of(gr)};
    return fw_emit(gr, (int)i, &rows[OPERAND], in, O_N_IN, attr, ret);
}

/* Input i as the products met it. */
static enum fw_status with_bias(struct fw_grad *gr, unsigned i, uint32_t *io)
{
    const struct fw_attention_ports *p = ports_of(gr);
    uint32_t in[2] = {*io, p->bias == FW_NO_PORT ? FW_NONE : in_at(gr, p->bias)};
    const struct fw_attr attr[1] = {{.i = i, .given = true}};
    return in[1] == FW_NONE ? FW_OK : fw_emit(gr, -1, &rows[BIASED], in, 2, attr, io);
}

/* Query, key and value as inputs of their own, or the last two packed in the key. d[] receives the
 * gradients, FW_NONE where there is none. */
static enum fw_status grad_separate(struct fw_grad *gr, const struct fw_attention *a, bool all,
                                    uint32_t *d)
{
    const struct fw_attention_ports *p = ports_of(gr);
    const struct fw_node *n = gr->cx.node;
    uint32_t q = n->in[0];
    bool turned = p->cos != FW_NO_PORT && in_at(gr, p->cos) != FW_NONE;
    uint32_t k = turned ? n->out[1] : in_at(gr, 1); // turned keys are those handed on
    uint32_t v = in_at(gr, 2) != FW_NONE ? n->in[2] : n->in[1];
    bool want[3];
    for (unsigned i = 0; i < 3; i++)
        want[i] = in_at(gr, i) != FW_NONE && (all || fw_grad_needs(gr, i));
    uint32_t ds;
    bool both = in_at(gr, 2) == FW_NONE;
    FW_TRY(with_bias(gr, 0, &q));
    FW_TRY(with_bias(gr, 1, &k));
    v = both ? k : v;
    if (!both)
        FW_TRY(with_bias(gr, 2, &v));
    FW_TRY(emit_scores(gr, a, q, k, v, &ds));
    if (want[0])
        FW_TRY(emit_operand(gr, a, 0, ds, k, q, &d[0]));
    const int64_t two[2] = {2, 0};
    if (want[1] && in_at(gr, 2) == FW_NONE)
        return emit_packed(gr, a, 1, ds, k, q, two, &d[1]);
    if (want[1])
        FW_TRY(emit_operand(gr, a, 1, ds, q, q, &d[1]));
    if (want[2])
        FW_TRY(emit_operand(gr, a, 2, n->out[p->probs], gr->dy[0], gr->dy[0], &d[2]));
    return FW_OK;
}

enum fw_status fw_grad_attention(struct fw_grad *gr)
{
    const struct fw_attention_ports *p = ports_of(gr);
    const struct fw_node *n = gr->cx.node;
    FW_REQUIRE(n->op->reserve_out != 0 && n->n_out > p->probs && n->out[p->probs] != FW_NONE,
               gr->cx.err, FW_UNSUPPORTED, "%s has a gradient in its training form only",
               n->op->name);
    if (gr->dy[0] == FW_NONE)
        return FW_OK;
    struct fw_attention a;
    FW_TRY(p->read(&gr->cx, &a));
    if (p->qkv != FW_NO_PORT)
        return grad_projected(gr, &a);
    bool bias = p->bias != FW_NO_PORT && fw_grad_needs(gr, p->bias);
    uint32_t d[3] = {FW_NONE, FW_NONE, FW_NONE};
    if (in_at(gr, 1) == FW_NONE) { // packed in the query
        const int64_t three[2] = {3, 0};
        uint32_t ds;
        uint32_t x = n->in[0];
        FW_TRY(with_bias(gr, 0, &x));
        FW_TRY(emit_scores(gr, &a, FW_NONE, FW_NONE, x, &ds));
        if (bias || fw_grad_needs(gr, 0))
            FW_TRY(emit_packed(gr, &a, 0, ds, x, FW_NONE, three, &d[0]));
    } else {
        FW_TRY(grad_separate(gr, &a, bias, d));
    }
    for (unsigned i = 0; i < 3; i++)
        if (fw_grad_needs(gr, i))
            gr->dx[i] = d[i];
    if (!bias)
        return FW_OK;
    const uint32_t in[B_N_IN] = {d[0], d[1], in_at(gr, p->bias), d[2]};
    return fw_emit(gr, (int)p->bias, &rows[BIAS], in, B_N_IN, NULL, &gr->dx[p->bias]);
}

FW_KERNELS(attention_scores, attention_operand, attention_packed, attention_biased, attention_bias,
           attention_weight);

#define ROW(title, words, attrs_, n, outs, fl, unread, slot, count, ...)                       \
    {                                                                                          \
        .name = title, .domain = "flopwise", .formula = words, .doc = FW_INTERNAL_DOC, attrs_, \
        FW_PORTS(n, n, 1, outs), .flags = FW_OP_INTERNAL | (fl), .shape_only = unread,         \
        .infer = slot, .cost = count, .grad = fw_grad_none, __VA_ARGS__                        \
    }

static const struct fw_op rows[N_ROWS] = {
    [SCORES] = ROW("AttentionGradScores",
                   "fma = S*Dv for dP; per score 2 mul, 2 add (softmax), scale 1 mul; softcap "
                   "computes the score again",
                   FW_ATTRS(scores_attrs), S_N_IN, 2, FW_OP_CONTRACTION | FW_OP_PAIRS, 0,
                   infer_scores, cost_scores, FW_RUN_SHARED(attention_scores)),
    [OPERAND] =
        ROW("AttentionGradOperand", "fma = S*D (dQ, dK) or S*Dv (dV)", FW_ATTRS(operand_attrs),
            O_N_IN, 1, FW_OP_CONTRACTION | FW_OP_PAIRS, 1u << O_LIKE | 1u << O_SIZED, infer_operand,
            cost_operand, FW_RUN_SHARED(attention_operand)),
    [PACKED] = ROW("AttentionGradPacked", "fma = S*(2*D+Dv), or S*(D+Dv) without dQ",
                   FW_ATTRS(packed_attrs), P_N_IN, 1, FW_OP_CONTRACTION | FW_OP_PAIRS, 0,
                   infer_operand, cost_packed, FW_RUN_SHARED(attention_packed)),
    [BIASED] = ROW("AttentionBiased", "add = elements(X)", FW_ATTRS(biased_attrs), 2, 1, 0, 0,
                   fw_infer_same, cost_biased, FW_RUN(attention_biased)),
    [BIAS] = ROW("AttentionGradBias", "add = elements(dQ, dK, dV) - elements(bias)", FW_NO_ATTRS,
                 B_N_IN, 1, 0, 1u << B_LIKE, infer_operand, cost_bias, FW_RUN(attention_bias)),
    [WEIGHT] = ROW("AttentionGradWeight", "fma = elements(X) * (Dq+Dk+Dv)", FW_NO_ATTRS, 3, 1,
                   FW_OP_CONTRACTION, 4, infer_operand, cost_weight, FW_RUN(attention_weight)),
};
const struct fw_op_table fw_ops_attention_grad = {rows, N_ROWS};
