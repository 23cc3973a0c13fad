/* Gradients of LinearAttention and CausalConvWithState; what decoding keeps of them.
 *
 * LinearAttention: the states are computed again, then walked backward. Per token and key head of a
 * (K, V) state the forward pass adds an outer product (K*V fma), under a delta rule looks up what
 * the state holds (K*V) and reads once for each query head (K*V each). Again: all but the reading.
 * Backward: two products for each of them. Decays: K*V mul again and 2 K*V mul, K*V add for their
 * own gradient, 1 special each again. The delta rule's V add and V mul come again and twice
 * backward; the scale of the queries 1 mul per value.
 *
 * CausalConvWithState: dX and dW have the products of the forward pass. What goes into the
 * activation is not kept: the convolution is computed again, and the activation's gradient is that
 * of Swish. */
#include "ops/mixers.h"

enum { LINEAR, CONV_INPUT, CONV_WEIGHT, CONV_BIAS, N_ROWS };
static const struct fw_op rows[N_ROWS];

static uint32_t in_at(const struct fw_grad *gr, unsigned i)
{
    return i < gr->cx.node->n_in ? gr->cx.node->in[i] : FW_NONE;
}

static bool is_gated(struct fw_cx *c)
{
    return fw_attr_is(c, FW_LINEAR_RULE, "gated") || fw_attr_is(c, FW_LINEAR_RULE, "gated_delta");
}

static bool is_delta(struct fw_cx *c)
{
    return fw_attr_is(c, FW_LINEAR_RULE, "delta") || fw_attr_is(c, FW_LINEAR_RULE, "gated_delta");
}

/* ---- LinearAttention: (dY, Q, K, V, decay, beta) to the gradients of the last five ---- */

enum { L_DY, L_Q, L_K, L_V, L_DECAY, L_BETA, L_N_IN };

static const struct fw_attr_spec linear_attrs[] = {
    {"kv_num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"q_num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"update_rule", FW_ATTR_STRING, false, {.s = "gated_delta"}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"chunk_size", FW_ATTR_INT, false, {.i = 64}},
};

static enum fw_status infer_linear(struct fw_cx *c)
{
    static const fw_dim none = {0};
    for (unsigned i = L_Q; i < L_N_IN; i++)
        FW_TRY(fw_has_in(c, i) ? fw_set_out_like(c, i - L_Q, fw_in(c, i))
                               : fw_set_out(c, i - L_Q, FW_F32, 1, &none));
    return FW_OK;
}

static void cost_linear(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_symbols *s = c->sym;
    int64_t delta = is_delta(c) ? 1 : 0;
    int64_t kv = c->node->attr[FW_LINEAR_KEY_HEADS].i;
    int64_t queries = c->node->attr[FW_LINEAR_QUERY_HEADS].i / kv;
    fw_count values = fw_elements(c, fw_in(c, L_V));
    fw_count key = fw_count_of(fw_dim_div(s, fw_in(c, L_K)->dims[2], fw_dim_int(kv)));
    fw_count states = fw_count_mul(s, values, key);
    fw_cost_add(c, cost, FW_FMA, states, 3 * (1 + delta) + 2 * queries);
    if (is_gated(c)) {
        fw_cost_add(c, cost, FW_MUL, states, 3);
        fw_cost_add(c, cost, FW_ADD, states, 1);
        fw_cost_add(c, cost, FW_EXP, fw_elements(c, fw_in(c, L_DECAY)), 1);
    }
    fw_cost_add(c, cost, FW_ADD, values, 3 * delta);
    fw_cost_add(c, cost, FW_MUL, values, 3 * delta + queries);
}

enum fw_status fw_grad_linear_attention(struct fw_grad *gr)
{
    static const unsigned from[] = {FW_LINEAR_Q, FW_LINEAR_K, FW_LINEAR_V, FW_LINEAR_DECAY,
                                    FW_LINEAR_BETA};
    const struct fw_node *n = gr->cx.node;
    if (in_at(gr, FW_LINEAR_PAST) != FW_NONE || (n->n_out > 1 && gr->dy[1] != FW_NONE))
        return fw_grad_gap(gr);
    uint32_t in[L_N_IN] = {gr->dy[0]};
    for (unsigned i = L_Q; i < L_N_IN; i++)
        in[i] = in_at(gr, from[i - L_Q]);
    uint32_t first;
    FW_TRY(fw_emit_n(gr, -1, &rows[LINEAR], in, L_N_IN, n->attr, L_N_IN - L_Q, &first));
    for (unsigned i = L_Q; i < L_N_IN; i++)
        if (fw_grad_needs(gr, from[i - L_Q]))
            gr->dx[from[i - L_Q]] = first + i - L_Q;
    return FW_OK;
}

void fw_cache_linear_attention(struct fw_cx *c, struct fw_cache *ret)
{
    struct fw_symbols *s = c->sym;
    const fw_dim *k = fw_in(c, FW_LINEAR_K)->dims;
    const fw_dim *v = fw_in(c, FW_LINEAR_V)->dims;
    fw_dim heads = fw_dim_int(c->node->attr[FW_LINEAR_KEY_HEADS].i);
    ret->fixed = fw_count_of(fw_dim_div(s, fw_dim_mul(s, k[2], v[2]), heads));
}

/* ---- CausalConvWithState: (dY, X, W) ---- */

enum { C_DY, C_X, C_W, C_LIKE, C_N_IN };

static enum fw_status infer_conv(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, C_LIKE));
}

static void cost_conv(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, C_DY));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, n, fw_count_of(fw_in(c, C_W)->dims[2])), 1);
}

static void cost_conv_bias(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, C_DY));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_elements(c, fw_in(c, C_LIKE))), 1);
}

/* dY behind the activation as that in front of it. */
static enum fw_status grad_activation(struct fw_grad *gr, uint32_t *dy)
{
    const struct fw_node *n = gr->cx.node;
    struct fw_attr plain = {.s = "none", .n = 4, .given = true};
    uint32_t in[2] = {*dy};
    FW_TRY(fw_emit(gr, -1, n->op, n->in, n->n_in, &plain, &in[1]));
    return fw_emit(gr, -1, fw_op_find("flopwise", "SwishGrad"), in, 2, NULL, dy);
}

enum fw_status fw_grad_causal_conv(struct fw_grad *gr)
{
    static const unsigned row[] = {CONV_INPUT, CONV_WEIGHT, CONV_BIAS};
    const struct fw_node *n = gr->cx.node;
    uint32_t dy = gr->dy[0];
    if (in_at(gr, 3) != FW_NONE || (n->n_out > 1 && gr->dy[1] != FW_NONE))
        return fw_grad_gap(gr);
    if (!fw_attr_is(&gr->cx, 0, "none") && !fw_attr_is(&gr->cx, 0, ""))
        FW_TRY(grad_activation(gr, &dy));
    for (unsigned i = 0; i < 3; i++) {
        uint32_t in[C_N_IN] = {dy, n->in[0], n->in[1], in_at(gr, i)};
        FW_TRY(fw_grad_node(gr, i, &rows[row[i]], in, C_N_IN, NULL));
    }
    return FW_OK;
}

void fw_cache_causal_conv(struct fw_cx *c, struct fw_cache *ret)
{
    fw_dim behind = fw_dim_sub(c->sym, fw_in(c, 1)->dims[2], fw_dim_int(1));
    ret->fixed = fw_count_of(fw_dim_mul(c->sym, fw_in(c, 0)->dims[1], behind));
}

#define CONV(title, words, unread, count, kernel)                                                 \
    {                                                                                             \
        .name = title, .domain = "flopwise", .formula = words, .doc = FW_INTERNAL_DOC,            \
        FW_NO_ATTRS, FW_PORTS(C_N_IN, C_N_IN, 1, 1), .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL, \
        .shape_only = unread, .infer = infer_conv, .cost = count, .grad = fw_grad_none,           \
        FW_RUN(kernel)                                                                            \
    }

FW_KERNELS(linear_attention_grad, causal_conv_input, causal_conv_weight, causal_conv_bias);

static const struct fw_op rows[N_ROWS] = {
    [LINEAR] = {.name = "LinearAttentionGrad",
                .domain = "flopwise",
                .formula = "per token and key head: fma = K*V*(3*(1 + delta) + 2*queries per key)",
                .doc = FW_INTERNAL_DOC,
                FW_ATTRS(linear_attrs),
                FW_PORTS(L_N_IN, L_N_IN, 5, 5),
                .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
                .infer = infer_linear,
                .cost = cost_linear,
                .grad = fw_grad_none,
                FW_RUN(linear_attention_grad)},
    [CONV_INPUT] = CONV("CausalConvGradInput", "fma = elements(X)*k", 1u << C_LIKE | 1u << C_X,
                        cost_conv, causal_conv_input),
    [CONV_WEIGHT] = CONV("CausalConvGradWeight", "fma = elements(X)*k", 1u << C_LIKE | 1u << C_W,
                         cost_conv, causal_conv_weight),
    [CONV_BIAS] = CONV("CausalConvGradBias", "add = elements(X) - elements(bias)",
                       1u << C_LIKE | 1u << C_W | 1u << C_X, cost_conv_bias, causal_conv_bias),
};
const struct fw_op_table fw_ops_mixers_grad = {rows, N_ROWS};
