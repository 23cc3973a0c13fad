/* Newer sequence operators: SwiGLU, CausalConvWithState, LinearAttention, FlexAttention, and
 * ImageDecoder. Schemas: ai.onnx 20 to 28, ai.onnx.preview 1.
 *
 *     SwiGLU               a/(1 + exp(-alpha*a))*b
 *     CausalConvWithState  batch*channels*length*k fma, the taps before the start included; bias 1
 *                          add, SiLU 1 add 1 mul 1 div 1 special per element
 *     LinearAttention      per token and key head of (K, V) state: K*V fma to add the outer
 *                          product, K*V more for what the state holds already (delta: and 1 add,
 *                          1 mul per value); K*V mul and one exp per decay to fade (gated); per
 *                          query head K*V fma to read, 1 mul per value for the scale
 *     FlexAttention        scores = pairs*D fma, their scale 1 mul, softmax, pairs*V fma, and the
 *                          bodies that change scores and probabilities
 */
#include "ops/mixers.h"
#include "ops/control.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <string.h>

#define GAP_DOC "not built (named as missing)"

/* ---- SwiGLU ---- */

static const struct fw_attr_spec swiglu_attrs[] = {{"alpha", FW_ATTR_FLOAT, false, {.f = 1}}};

static enum fw_status infer_swiglu(struct fw_cx *c)
{
    const struct fw_tensor *a = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 1, a->rank, a->rank));
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < a->rank; k++)
        FW_TRY(fw_same_dim(c, "gate and value", a->dims[k], fw_in(c, 1)->dims[k], &y[k]));
    return fw_set_out(c, 0, (enum fw_dtype)a->dtype, a->rank, y);
}

static void cost_silu(struct fw_cx *c, struct fw_cost *cost, fw_count n)
{
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_MUL, n, 1);
    fw_cost_add(c, cost, FW_DIV, n, 1);
    fw_cost_add(c, cost, FW_EXP, n, 1);
}

static void cost_swiglu(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    cost_silu(c, cost, n);
    fw_cost_add(c, cost, FW_MUL, n, 1);
}

static enum fw_status grad_swiglu(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    const uint32_t ids[2] = {node->in[0], node->in[1]};
    if (fw_grad_needs(gr, 0)) {
        uint32_t in[2] = {gr->dy[0], ids[1]};
        FW_TRY(fw_emit(gr, 0, fw_op_mul, in, 2, NULL, &in[0]));
        in[1] = ids[0];
        const struct fw_op *row = fw_op_find("flopwise", "SwishGrad");
        FW_TRY(fw_emit(gr, 0, row, in, 2, node->attr, &gr->dx[0]));
    }
    if (!fw_grad_needs(gr, 1))
        return FW_OK;
    uint32_t in[2] = {gr->dy[0], FW_NONE};
    FW_TRY(fw_emit(gr, 1, fw_op_find("", "Swish"), ids, 1, node->attr, &in[1]));
    return fw_emit(gr, 1, fw_op_mul, in, 2, NULL, &gr->dx[1]);
}

/* ---- CausalConvWithState: (x, weight, bias, past) ---- */

static const struct fw_attr_spec causal_attrs[] = {
    {"activation", FW_ATTR_STRING, false, {.s = "none"}},
};

static enum fw_status infer_causal(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 3, 3));
    FW_TRY(fw_want_rank(c, 1, 3, 3));
    const struct fw_tensor *x = fw_in(c, 0);
    const fw_dim *w = fw_in(c, 1)->dims;
    fw_dim state[3] = {x->dims[0], x->dims[1], fw_dim_sub(c->sym, w[2], fw_dim_int(1))};
    FW_TRY(fw_same_dim(c, "channels", x->dims[1], w[0], &state[1]));
    FW_REQUIRE(!fw_dim_is_const(w[2]) || w[2].word > 0, c->err, FW_SHAPE, "a kernel is wanted");
    fw_dim same;
    FW_TRY(fw_same_dim(c, "channels of one group", fw_dim_int(1), w[1], &same));
    if (fw_has_in(c, 2)) {
        FW_TRY(fw_want_rank(c, 2, 1, 1));
        FW_TRY(fw_same_dim(c, "channels", state[1], fw_in(c, 2)->dims[0], &same));
    }
    if (fw_has_in(c, 3)) {
        FW_TRY(fw_want_rank(c, 3, 3, 3));
        for (unsigned k = 0; k < 3; k++)
            FW_TRY(fw_same_dim(c, "what came before", state[k], fw_in(c, 3)->dims[k], &same));
    }
    FW_TRY(fw_set_out_like(c, 0, x));
    return fw_set_out(c, 1, (enum fw_dtype)x->dtype, 3, state);
}

static void cost_causal(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count taps = fw_count_of(fw_in(c, 1)->dims[2]);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, n, taps), 1);
    if (fw_has_in(c, 2))
        fw_cost_add(c, cost, FW_ADD, n, 1);
    if (!fw_attr_is(c, 0, "none") && !fw_attr_is(c, 0, ""))
        cost_silu(c, cost, n);
}

/* ---- LinearAttention: (q, k, v, past, decay, beta) ---- */

enum { L_KEY_HEADS, L_QUERY_HEADS, L_RULE };
enum { L_Q, L_K, L_V, L_PAST, L_DECAY };
static const struct fw_attr_spec linear_attrs[] = {
    {"kv_num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"q_num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"update_rule", FW_ATTR_STRING, false, {.s = "gated_delta"}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"chunk_size", FW_ATTR_INT, false, {.i = 64}},
};

static enum fw_status infer_linear(struct fw_cx *c)
{
    for (unsigned i = L_Q; i <= L_V; i++)
        FW_TRY(fw_want_rank(c, i, 3, 3));
    int64_t kv = c->node->attr[L_KEY_HEADS].i;
    int64_t q = c->node->attr[L_QUERY_HEADS].i;
    FW_REQUIRE(kv > 0 && q > 0 && q <= INT32_MAX && kv <= q && q % kv == 0, c->err, FW_SHAPE,
               "q_num_heads as a multiple of kv_num_heads is wanted");
    FW_REQUIRE(fw_attr_is(c, L_RULE, "linear") || fw_attr_is(c, L_RULE, "gated") ||
                   fw_attr_is(c, L_RULE, "delta") || fw_attr_is(c, L_RULE, "gated_delta"),
               c->err, FW_UNSUPPORTED, "update_rule is none of linear, gated, delta, gated_delta");
    const struct fw_tensor *x = fw_in(c, L_Q);
    fw_dim key = fw_dim_div(c->sym, fw_in(c, L_K)->dims[2], fw_dim_int(kv));
    fw_dim value = fw_dim_div(c->sym, fw_in(c, L_V)->dims[2], fw_dim_int(kv));
    FW_REQUIRE(!fw_dim_is_bad(key) && !fw_dim_is_bad(value), c->err, FW_SHAPE,
               "widths that the heads divide are wanted");
    FW_TRY(fw_same_dim(c, "width of queries", x->dims[2], fw_dim_mul(c->sym, key, fw_dim_int(q)),
                       &(fw_dim){0}));
    const fw_dim y[3] = {x->dims[0], x->dims[1], fw_dim_mul(c->sym, value, fw_dim_int(q))};
    const fw_dim state[4] = {x->dims[0], fw_dim_int(kv), key, value};
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, 3, y));
    return fw_set_out(c, 1, (enum fw_dtype)x->dtype, 4, state);
}

static void cost_linear(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_symbols *s = c->sym;
    bool gated = fw_attr_is(c, L_RULE, "gated") || fw_attr_is(c, L_RULE, "gated_delta");
    bool delta = fw_attr_is(c, L_RULE, "delta") || fw_attr_is(c, L_RULE, "gated_delta");
    int64_t kv = c->node->attr[L_KEY_HEADS].i;
    int64_t q = c->node->attr[L_QUERY_HEADS].i;
    const struct fw_tensor *k = fw_in(c, L_K);
    fw_count values = fw_elements(c, fw_in(c, L_V)); // of all tokens and key heads
    fw_count key = fw_count_of(fw_dim_div(s, k->dims[2], fw_dim_int(kv)));
    fw_count states = fw_count_mul(s, values, key);
    fw_cost_add(c, cost, FW_FMA, states, 1 + delta + q / kv);
    if (gated) {
        fw_cost_add(c, cost, FW_MUL, states, 1);
        fw_cost_add(c, cost, FW_EXP, fw_elements(c, fw_in(c, L_DECAY)), 1);
    }
    fw_cost_add(c, cost, FW_ADD, values, delta);
    fw_cost_add(c, cost, FW_MUL, values, delta + q / kv);
}

/* ---- FlexAttention: (q, k, v) of (batch, heads, length, width) ---- */

enum { F_SCORE, F_PROB };
static const struct fw_attr_spec flex_attrs[] = {
    {"score_mod", FW_ATTR_GRAPH, false, {.graph = NULL}},
    {"prob_mod", FW_ATTR_GRAPH, false, {.graph = NULL}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"softmax_precision", FW_ATTR_INT, false, {.i = 0}},
};

static enum fw_status infer_modifier(struct fw_cx *c, unsigned attr, const fw_dim *scores)
{
    struct fw_graph *body = c->node->attr[attr].graph;
    if (body == NULL)
        return FW_OK;
    FW_REQUIRE(body->n_formal == 1 && body->n_outputs == 1, c->err, FW_FORMAT,
               "a body with one input and one output is wanted");
    FW_TRY(fw_body_take_in(c, body));
    struct fw_tensor t = {.dtype = FW_F32, .rank = 4};
    if (fw_in(c, 0)->dtype == FW_F64)
        t.dtype = FW_F64;
    t.dims = fw_arena_copy(c->g->arena, scores, 4 * sizeof *scores);
    if (t.dims == NULL)
        return fw_fail_memory(c->err);
    fw_body_give(body, 0, &t, false);
    body->trips = fw_dim_int(1);
    return fw_body_infer(c, body);
}

static enum fw_status infer_flex(struct fw_cx *c)
{
    for (unsigned i = 0; i < 3; i++)
        FW_TRY(fw_want_rank(c, i, 4, 4));
    const fw_dim *q = fw_in(c, 0)->dims;
    const fw_dim *k = fw_in(c, 1)->dims;
    const fw_dim *v = fw_in(c, 2)->dims;
    fw_dim same;
    FW_TRY(fw_same_dim(c, "width of queries and keys", q[3], k[3], &same));
    FW_TRY(fw_same_dim(c, "keys and values", k[2], v[2], &same));
    for (unsigned i = 1; i < 3; i++)
        FW_TRY(fw_same_dim(c, "examples of a batch", q[0], fw_in(c, i)->dims[0], &same));
    FW_TRY(fw_same_dim(c, "heads of keys and values", k[1], v[1], &same));
    const fw_dim scores[4] = {q[0], q[1], q[2], k[2]};
    FW_TRY(infer_modifier(c, F_SCORE, scores));
    FW_TRY(infer_modifier(c, F_PROB, scores));
    const fw_dim y[4] = {q[0], q[1], q[2], v[3]};
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, 4, y);
}

static void cost_flex(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_symbols *s = c->sym;
    const struct fw_tensor *q = fw_in(c, 0);
    const struct fw_tensor *v = fw_in(c, 2);
    fw_count lines = fw_product(c, q->dims, 0, 3);
    fw_count pairs = fw_count_mul(s, lines, fw_count_of(v->dims[2]));
    fw_count width = fw_count_add(s, fw_count_of(q->dims[3]), fw_count_of(v->dims[3]));
    for (unsigned a = F_SCORE; a <= F_PROB; a++)
        if (c->node->attr[a].graph != NULL)
            fw_cost_bodies(c, c->node->attr[a].graph, NULL, FW_N_PHASES, cost);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(s, pairs, width), 1);
    fw_cost_add(c, cost, FW_MUL, pairs, 1);
    fw_cost_add(c, cost, FW_MINMAX, fw_count_sub(s, pairs, lines), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_sub(s, fw_count_add(s, pairs, pairs), lines), 1);
    fw_cost_add(c, cost, FW_EXP, pairs, 1);
    fw_cost_add(c, cost, FW_DIV, pairs, 1);
    for (unsigned i = 0; i < 3; i++)
        fw_cost_bytes(c, cost, FW_READ, fw_in(c, i));
    fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, 0));
}

/* ---- ImageDecoder ---- */

static const struct fw_attr_spec image_attrs[] = {
    {"pixel_format", FW_ATTR_STRING, false, {.s = "RGB"}},
};

static enum fw_status infer_image(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, 1));
    const fw_dim y[3] = {fw_fresh_dim(c, "height", fw_dim_bad()),
                         fw_fresh_dim(c, "width", fw_dim_bad()),
                         fw_dim_int(fw_attr_is(c, 0, "Grayscale") ? 1 : 3)};
    return fw_set_out(c, 0, FW_U8, 3, y);
}

/* ---- rows ---- */

FW_KERNELS(swiglu, causal_conv, linear_attention, flex_attention);

static const struct fw_op rows[] = {
    {.name = "SwiGLU",
     .domain = "",
     .formula = "a/(1 + exp(-alpha*a))*b; per element 1 add 2 mul 1 div 1 special",
     .doc = "dA as Swish from dY*B; dB = dY*Swish(A), which is computed again",
     FW_ATTRS(swiglu_attrs),
     FW_PORTS(2, 2, 1, 1),
     .in_place = 3,
     .infer = infer_swiglu,
     .field = fw_field_same,
     .cost = cost_swiglu,
     .grad = grad_swiglu,
     FW_RUN(swiglu)},
    {.name = "CausalConvWithState",
     .domain = "",
     .formula = "fma = elements(X)*k; bias 1 add, SiLU 1 add 1 mul 1 div 1 special per element",
     .doc = "the convolution again and Swish backward where it has an activation; dX and dW: "
            "products of the same size; dBias = sum of dY; with a past a named gap",
     FW_ATTRS(causal_attrs),
     FW_PORTS(2, 4, 1, 2),
     .flags = FW_OP_CONTRACTION,
     .weight_slots = 6,
     .infer = infer_causal,
     .field = fw_field_whole,
     .cost = cost_causal,
     .grad = fw_grad_causal_conv,
     FW_RUN(causal_conv),
     .cache = fw_cache_causal_conv},
    {.name = "LinearAttention",
     .domain = "",
     .formula = "per token and key head of (K, V) state: fma = K*V*(1 + delta + queries per key); "
                "gated K*V mul, 1 special per decay; delta V add, V mul; scale V mul per query",
     .doc = "states computed again, then walked backward; with a past a named gap",
     FW_ATTRS(linear_attrs),
     FW_PORTS(3, 6, 1, 2),
     .flags = FW_OP_CONTRACTION,
     .infer = infer_linear,
     .field = fw_field_attention,
     .cost = cost_linear,
     .grad = fw_grad_linear_attention,
     FW_RUN(linear_attention),
     .cache = fw_cache_linear_attention},
    {.name = "FlexAttention",
     .domain = "ai.onnx.preview",
     .formula =
         "pairs = batch*heads*L*S: fma = pairs*(D + Dv), scale 1 mul, softmax; and the bodies",
     .doc = GAP_DOC,
     FW_ATTRS(flex_attrs),
     FW_PORTS(3, FW_ANY_NUMBER, 1, 1),
     .flags = FW_OP_CONTRACTION | FW_OP_OWN_BYTES,
     .infer = infer_flex,
     .field = fw_field_attention,
     .cost = cost_flex,
     .grad = fw_grad_gap,
     FW_RUN(flex_attention)},
    {.name = "ImageDecoder",
     .domain = "",
     .formula = FW_MOVE_FORMULA,
     .doc = "none: the input is a file",
     FW_ATTRS(image_attrs),
     FW_PORTS(1, 1, 1, 1),
     .infer = infer_image,
     .field = fw_field_none,
     .cost = fw_cost_free,
     .grad = fw_grad_none},
};
const struct fw_op_table fw_ops_mixers = {rows, sizeof rows / sizeof *rows};
