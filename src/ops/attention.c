/* Attention as one operator: ai.onnx Attention, and com.microsoft Attention, MultiHeadAttention,
 * GroupQueryAttention, DecoderMaskedMultiHeadAttention, with training forms.
 *
 * With S = batch * heads * q_len * total scores in rows of total, per score
 *     products   fma = D (Q K^T) + Dv (P V)
 *     scale      1 mul (none where it is 1); softcap 2 mul, 1 special; each additive mask 1 add, a
 *                boolean mask 1 minmax
 *     softmax    minmax, add, special, add, div, one each, less one minmax and one add per row
 * A causal attention is counted in full, as plain kernels execute it, and its mask for nothing: it
 * overwrites places known from sizes, as Trilu does; slot `needed` has the pairs that mask and
 * window leave. Grouped keys and values are shared, not copied. Hidden padding is counted.
 *
 * com.microsoft Attention projects first: fma = batch * len * W * (Dq + Dk + Dv). A rotary
 * embedding inside the operator is 2 mul and 1 add per element it turns.
 *
 * The training form writes the probabilities (and the projected input) as an output of its own,
 * which is what a plain attention keeps for its gradient; see attention_grad.c. */
#include "ops/attention.h"

#include "ops/attend.h"
#include "ops/moments.h"
#include "ops/ops.h"
#include "ops/reach.h"

static const struct fw_attention_ports *ports_of(const struct fw_cx *c)
{
    return c->node->op->family;
}

static const struct fw_tensor *port(const struct fw_cx *c, unsigned i)
{
    return i == FW_NO_PORT ? NULL : fw_in(c, i);
}

/* width / heads, which must divide. */
static enum fw_status head_of(struct fw_cx *c, fw_dim width, fw_dim heads, fw_dim *ret)
{
    FW_REQUIRE(!fw_dim_is_const(heads) || heads.word > 0, c->err, FW_FORMAT,
               "a positive number of heads is wanted");
    *ret = fw_dim_div(c->sym, width, heads);
    FW_REQUIRE(!fw_dim_is_bad(*ret) && (!fw_dim_is_const(width) || fw_dim_is_const(*ret)), c->err,
               FW_SHAPE, "the number of heads must divide the width");
    return FW_OK;
}

/* ---- ai.onnx Attention ---- */

enum {
    A_CAUSAL,
    A_KV_HEADS,
    A_Q_HEADS,
    A_QK_MODE,
    A_SCALE,
    A_SOFTCAP,
    A_PRECISION,
    A_LEFT,
    A_RIGHT,
    A_N
};
static const struct fw_attr_spec onnx_attrs[A_N] = {
    {"is_causal", FW_ATTR_INT, false, {.i = 0}},
    {"kv_num_heads", FW_ATTR_INT, false, {.i = 0}},
    {"q_num_heads", FW_ATTR_INT, false, {.i = 0}},
    {"qk_matmul_output_mode", FW_ATTR_INT, false, {.i = 0}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"softcap", FW_ATTR_FLOAT, false, {.f = 0}},
    {"softmax_precision", FW_ATTR_INT, false, {.i = 0}},
    {"left_window_size", FW_ATTR_INT, false, {.i = -1}},
    {"right_window_size", FW_ATTR_INT, false, {.i = -1}},
};

/* (batch, heads, len, width) of one of Q, K, V, or folded to (batch, len, heads*width). */
static enum fw_status unfold(struct fw_cx *c, unsigned i, int64_t heads, fw_dim *ret)
{
    FW_TRY(fw_want_rank(c, i, 3, 4));
    const struct fw_tensor *t = fw_in(c, i);
    if (t->rank == 4) {
        for (unsigned k = 0; k < 4; k++)
            ret[k] = t->dims[k];
        return FW_OK;
    }
    ret[0] = t->dims[0];
    ret[1] = fw_dim_int(heads);
    ret[2] = t->dims[1];
    return head_of(c, t->dims[2], ret[1], &ret[3]);
}

static enum fw_status read_onnx(struct fw_cx *c, struct fw_attention *ret)
{
    const struct fw_attr *attr = c->node->attr;
    fw_dim q[4];
    fw_dim k[4];
    fw_dim v[4];
    FW_TRY(unfold(c, 0, attr[A_Q_HEADS].i, q));
    FW_TRY(unfold(c, 1, attr[A_KV_HEADS].i, k));
    FW_TRY(unfold(c, 2, attr[A_KV_HEADS].i, v));
    *ret = (struct fw_attention){.batch = q[0], .heads = q[1], .q_len = q[2], .v_head = v[3]};
    FW_TRY(fw_same_dim(c, "width of query and key", q[3], k[3], &ret->head));
    FW_TRY(fw_same_dim(c, "length of key and value", k[2], v[2], &ret->kv_len));
    FW_TRY(fw_same_dim(c, "heads of key and value", k[1], v[1], &ret->kv_heads));
    ret->past = fw_dim_int(0);
    if (fw_has_in(c, 4)) {
        FW_TRY(fw_want_rank(c, 4, 4, 4));
        ret->past = fw_in(c, 4)->dims[2];
    }
    ret->total = fw_dim_add(c->sym, ret->past, ret->kv_len);
    ret->scaled = !(attr[A_SCALE].given && attr[A_SCALE].f == 1);
    ret->softcap = attr[A_SOFTCAP].f;
    ret->causal = attr[A_CAUSAL].i != 0;
    int64_t left = attr[A_LEFT].i; // keys before the query
    ret->window = left >= 0 && left < INT32_MAX ? left + 1 : 0;
    if (fw_has_in(c, 3)) {
        bool choose = fw_in(c, 3)->dtype == FW_BOOL;
        ret->selects = choose ? 1 : 0;
        ret->mask_adds = choose ? 0 : 1;
    }
    return FW_OK;
}

/* ---- com.microsoft Attention ---- */

enum { M_NUM_HEADS, M_SCALE, M_CAUSAL, M_FILTER, M_SIZES, M_ROTARY, M_ROTARY_DIM, M_SHARE, M_N };
static const struct fw_attr_spec packed_attrs[M_N] = {
    {"num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"unidirectional", FW_ATTR_INT, false, {.i = 0}},
    {"mask_filter_value", FW_ATTR_FLOAT, false, {.f = -10000}},
    {"qkv_hidden_sizes", FW_ATTR_INTS, false, {.n = 0}},
    {"do_rotary", FW_ATTR_INT, false, {.i = 0}},
    {"rotary_embedding_dim", FW_ATTR_INT, false, {.i = 0}},
    {"past_present_share_buffer", FW_ATTR_INT, false, {.i = 0}},
};

static bool is_scaled(const struct fw_attr *scale)
{
    return !(scale->given && scale->f == 1);
}

/* Keys of earlier calls: len of the past; of a buffer that is shared with the future, as much of it
 * as input past_len says, and where that is not known all of it. */
static fw_dim past_length(struct fw_cx *c, fw_dim len, bool shared, fw_dim added)
{
    uint32_t n = 0;
    const struct fw_attention_ports *p = ports_of(c);
    const fw_dim *known = p->past_len == FW_NO_PORT ? NULL : fw_in_value(c, p->past_len, &n);
    if (known != NULL && n == 1)
        return known[0];
    return shared ? fw_dim_sub(c->sym, len, added) : len;
}

static enum fw_status read_packed(struct fw_cx *c, struct fw_attention *ret)
{
    const struct fw_attr *attr = c->node->attr;
    FW_TRY(fw_want_rank(c, 0, 3, 3));
    FW_TRY(fw_want_rank(c, 1, 2, 2));
    const fw_dim *x = fw_in(c, 0)->dims;
    const fw_dim *w = fw_in(c, 1)->dims;
    fw_dim same;
    FW_TRY(fw_same_dim(c, "width of input and weights", x[2], w[0], &same));
    fw_dim heads = fw_dim_int(attr[M_NUM_HEADS].i);
    fw_dim q = fw_dim_div(c->sym, w[1], fw_dim_int(3));
    fw_dim v = q;
    if (attr[M_SIZES].n > 0) {
        FW_REQUIRE(attr[M_SIZES].n == 3, c->err, FW_FORMAT, "3 hidden sizes are wanted, found %u",
                   attr[M_SIZES].n);
        q = fw_dim_int(attr[M_SIZES].ints[0]);
        v = fw_dim_int(attr[M_SIZES].ints[2]);
        fw_dim sum = fw_dim_add(c->sym, fw_dim_add(c->sym, q, q), v);
        FW_TRY(fw_same_dim(c, "hidden sizes and weights", sum, w[1], &same));
    }
    *ret = (struct fw_attention){.batch = x[0],
                                 .heads = heads,
                                 .kv_heads = heads,
                                 .q_len = x[1],
                                 .kv_len = x[1],
                                 .past = fw_dim_int(0)};
    FW_TRY(head_of(c, q, heads, &ret->head));
    FW_TRY(head_of(c, v, heads, &ret->v_head));
    if (fw_has_in(c, 4)) {
        FW_TRY(fw_want_rank(c, 4, 5, 5));
        ret->past = past_length(c, fw_in(c, 4)->dims[3], attr[M_SHARE].i != 0, x[1]);
    }
    ret->total = fw_dim_add(c->sym, ret->past, x[1]);
    ret->scaled = is_scaled(&attr[M_SCALE]);
    ret->causal = attr[M_CAUSAL].i != 0;
    ret->mask_adds = fw_attention_masks(c);
    return FW_OK;
}

/* ---- com.microsoft MultiHeadAttention, DecoderMaskedMultiHeadAttention ---- */

enum { H_OUTPUT_QK = 4, H_SHARE, H_N };
static const struct fw_attr_spec multi_attrs[H_N] = {
    {"num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"unidirectional", FW_ATTR_INT, false, {.i = 0}},
    {"mask_filter_value", FW_ATTR_FLOAT, false, {.f = -10000}},
    {"output_qk", FW_ATTR_INT, false, {.i = 0}},
    {"past_present_share_buffer", FW_ATTR_INT, false, {.i = 0}},
};

/* Key and value: packed (batch, len, heads, 2, head), in heads (batch, heads, len, head), or folded
 * (batch, len, width). */
static enum fw_status read_keys(struct fw_cx *c, struct fw_attention *ret)
{
    const struct fw_tensor *k = fw_in(c, 1);
    const struct fw_tensor *v = fw_in(c, 2);
    FW_TRY(fw_want_rank(c, 1, 3, 5));
    ret->v_head = ret->head;
    ret->kv_len = k->dims[k->rank == 4 ? 2 : 1];
    if (v == NULL)
        return FW_OK;
    FW_TRY(fw_want_rank(c, 2, 3, 4));
    if (v->rank == 4)
        ret->v_head = v->dims[3];
    else
        FW_TRY(head_of(c, v->dims[2], ret->heads, &ret->v_head));
    return FW_OK;
}

static enum fw_status read_multi(struct fw_cx *c, struct fw_attention *ret)
{
    const struct fw_attr *attr = c->node->attr;
    const struct fw_attention_ports *p = ports_of(c);
    FW_TRY(fw_want_rank(c, 0, 3, 5));
    const struct fw_tensor *q = fw_in(c, 0);
    FW_REQUIRE(q->rank != 4, c->err, FW_SHAPE, "a query of 3 or 5 dimensions is wanted, found 4");
    fw_dim heads = fw_dim_int(attr[M_NUM_HEADS].i);
    *ret = (struct fw_attention){.batch = q->dims[0],
                                 .heads = heads,
                                 .kv_heads = heads,
                                 .q_len = q->dims[1],
                                 .kv_len = q->dims[1],
                                 .past = fw_dim_int(0)};
    if (q->rank == 5)
        ret->head = q->dims[4];
    else
        FW_TRY(head_of(c, q->dims[2], heads, &ret->head));
    ret->v_head = ret->head;
    if (fw_has_in(c, 1))
        FW_TRY(read_keys(c, ret));
    const struct fw_tensor *past = port(c, p->past_key);
    if (past != NULL) {
        FW_TRY(fw_want_rank(c, p->past_key, 4, 4));
        ret->past = past_length(c, past->dims[2], attr[H_SHARE].i != 0, ret->kv_len);
    }
    ret->total = fw_dim_add(c->sym, ret->past, ret->kv_len);
    ret->scaled = is_scaled(&attr[M_SCALE]);
    ret->causal = attr[M_CAUSAL].i != 0;
    ret->mask_adds = fw_attention_masks(c);
    return FW_OK;
}

/* ---- com.microsoft GroupQueryAttention ---- */

enum { G_NUM_HEADS, G_SCALE, G_KV_HEADS, G_SOFTCAP, G_ROTARY, G_TOTAL = 6, G_WINDOW = 6, G_N = 9 };
static const struct fw_attr_spec group_attrs[G_N] = {
    {"num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 0}},
    {"kv_num_heads", FW_ATTR_INT, true, {.i = 0}},
    {"softcap", FW_ATTR_FLOAT, false, {.f = 0}},
    {"do_rotary", FW_ATTR_INT, false, {.i = 0}},
    {"rotary_interleaved", FW_ATTR_INT, false, {.i = 0}},
    {"local_window_size", FW_ATTR_INT, false, {.i = -1}},
    {"smooth_softmax", FW_ATTR_INT, false, {.i = 0}},
    {"qk_output", FW_ATTR_INT, false, {.i = 0}},
};

/* Keys met: total_sequence_length (input 6) where its contents are known, else past and new ones.
 */
static enum fw_status read_group(struct fw_cx *c, struct fw_attention *ret)
{
    const struct fw_attr *attr = c->node->attr;
    FW_TRY(fw_want_rank(c, 0, 3, 3));
    const fw_dim *q = fw_in(c, 0)->dims;
    int64_t heads = attr[G_NUM_HEADS].i;
    int64_t groups = attr[G_KV_HEADS].i;
    FW_REQUIRE(heads > 0 && groups > 0 && heads <= FW_MAX_VALUE * (int64_t)64 && groups <= heads,
               c->err, FW_FORMAT, "more heads than groups, and at least one, are wanted");
    *ret = (struct fw_attention){.batch = q[0],
                                 .heads = fw_dim_int(heads),
                                 .kv_heads = fw_dim_int(groups),
                                 .q_len = q[1],
                                 .kv_len = q[1],
                                 .past = fw_dim_int(0)};
    bool packed = !fw_has_in(c, 1);
    FW_TRY(head_of(c, q[2], fw_dim_int(packed ? heads + 2 * groups : heads), &ret->head));
    ret->v_head = ret->head;
    if (!packed) {
        FW_TRY(fw_want_rank(c, 1, 3, 3));
        ret->kv_len = fw_in(c, 1)->dims[1];
    }
    if (fw_has_in(c, 3)) {
        FW_TRY(fw_want_rank(c, 3, 4, 4));
        ret->past = fw_in(c, 3)->dims[2];
    }
    uint32_t n = 0;
    const fw_dim *total = fw_in_value(c, G_TOTAL, &n);
    ret->total = total != NULL && n == 1 ? total[0] : fw_dim_add(c->sym, ret->past, ret->kv_len);
    ret->scaled = is_scaled(&attr[G_SCALE]);
    ret->softcap = attr[G_SOFTCAP].f;
    ret->causal = true;
    ret->window = attr[G_WINDOW].i > 0 ? attr[G_WINDOW].i : 0;
    ret->mask_adds = fw_attention_masks(c);
    return FW_OK;
}

/* ---- infer ---- */

/* The probabilities of a training form, and whether masks fit to them. */
static enum fw_status set_probs(struct fw_cx *c, const struct fw_attention *a)
{
    const struct fw_attention_ports *p = ports_of(c);
    fw_dim s[4] = {a->batch, a->heads, a->q_len, a->total};
    FW_TRY(fw_attention_want_masks(c, s));
    if (c->node->op->reserve_out == 0)
        return FW_OK;
    return fw_set_out(c, p->probs, (enum fw_dtype)fw_in(c, 0)->dtype, 4, s);
}

/* Keys and values for the next call, in outputs 1 and 2; the scores in output 3. */
static enum fw_status set_present(struct fw_cx *c, const struct fw_attention *a, fw_dim len)
{
    enum fw_dtype dtype = (enum fw_dtype)fw_in(c, 0)->dtype;
    unsigned past = ports_of(c)->past_key;
    if (past != FW_NO_PORT && fw_has_in(c, past))
        dtype = (enum fw_dtype)fw_in(c, past)->dtype;
    fw_dim k[4] = {a->batch, a->kv_heads, len, a->head};
    fw_dim v[4] = {a->batch, a->kv_heads, len, a->v_head};
    fw_dim s[4] = {a->batch, a->heads, a->q_len, a->total};
    FW_TRY(fw_set_out(c, 1, dtype, 4, k));
    FW_TRY(fw_set_out(c, 2, dtype, 4, v));
    return fw_set_out(c, 3, (enum fw_dtype)fw_in(c, 0)->dtype, 4, s);
}

/* Output 0 folded: (batch, len, heads * width). */
static enum fw_status set_folded(struct fw_cx *c, const struct fw_attention *a)
{
    fw_dim y[3] = {a->batch, a->q_len, fw_dim_mul(c->sym, a->heads, a->v_head)};
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, 3, y);
}

static enum fw_status infer_onnx(struct fw_cx *c)
{
    struct fw_attention a;
    FW_TRY(read_onnx(c, &a));
    fw_dim y[4] = {a.batch, a.heads, a.q_len, a.v_head};
    if (fw_in(c, 0)->rank == 3)
        FW_TRY(set_folded(c, &a));
    else
        FW_TRY(fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, 4, y));
    FW_TRY(set_present(c, &a, a.total));
    return set_probs(c, &a);
}

static enum fw_status infer_packed(struct fw_cx *c)
{
    struct fw_attention a;
    FW_TRY(read_packed(c, &a));
    FW_TRY(set_folded(c, &a));
    bool shared = c->node->attr[M_SHARE].i != 0 && fw_has_in(c, 4);
    fw_dim len = shared ? fw_in(c, 4)->dims[3] : a.total;
    fw_dim present[5] = {fw_dim_int(2), a.batch, a.heads, len, a.head};
    enum fw_dtype dtype = (enum fw_dtype)fw_in(c, 0)->dtype;
    FW_TRY(fw_set_out(c, 1, dtype, 5, present));
    fw_dim qkv[3] = {a.batch, a.q_len, fw_in(c, 1)->dims[1]};
    if (c->node->op->reserve_out != 0)
        FW_TRY(fw_set_out(c, ports_of(c)->qkv, dtype, 3, qkv));
    return set_probs(c, &a);
}

static enum fw_status infer_multi(struct fw_cx *c)
{
    struct fw_attention a;
    FW_TRY(read_multi(c, &a));
    FW_TRY(set_folded(c, &a));
    const struct fw_tensor *past = port(c, ports_of(c)->past_key);
    bool shared = c->node->attr[H_SHARE].i != 0 && past != NULL;
    FW_TRY(set_present(c, &a, shared ? past->dims[2] : a.total));
    return set_probs(c, &a);
}

static enum fw_status infer_group(struct fw_cx *c)
{
    struct fw_attention a;
    FW_TRY(read_group(c, &a));
    FW_TRY(set_folded(c, &a));
    FW_TRY(set_present(c, &a, fw_dim_max(c->sym, a.past, a.total)));
    return set_probs(c, &a);
}

/* ---- cost ---- */

static fw_count query_rows(struct fw_cx *c, const struct fw_attention *a)
{
    fw_dim dims[3] = {a->batch, a->heads, a->q_len};
    return fw_product(c, dims, 0, 3);
}

fw_count fw_rotated(struct fw_cx *c, fw_count n, fw_dim head, const struct fw_tensor *cache)
{
    if (cache == NULL || cache->rank == 0)
        return n;
    fw_count turned = fw_count_of(fw_dim_mul(c->sym, cache->dims[cache->rank - 1], fw_dim_int(2)));
    return fw_count_div(c->sym, fw_count_mul(c->sym, n, turned), fw_count_of(head));
}

void fw_cost_rotation(struct fw_cx *c, struct fw_cost *cost, fw_count n)
{
    fw_cost_add(c, cost, FW_MUL, n, 2);
    fw_cost_add(c, cost, FW_ADD, n, 1);
}

/* s scores in `rows` rows. */
static void cost_scores(struct fw_cx *c, struct fw_cost *cost, const struct fw_attention *a,
                        fw_count s, fw_count rows)
{
    fw_count width = fw_count_of(fw_dim_add(c->sym, a->head, a->v_head));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, s, width), 1);
    fw_cost_add(c, cost, FW_MUL, s, (a->scaled ? 1 : 0) + (a->softcap != 0 ? 2 : 0));
    fw_cost_add(c, cost, FW_EXP, s, 1);
    fw_cost_add(c, cost, FW_TANH, s, a->softcap != 0 ? 1 : 0);
    fw_cost_add(c, cost, FW_ADD, s, 1 + (int64_t)a->mask_adds);
    fw_cost_add(c, cost, FW_MINMAX, s, (int64_t)a->selects);
    fw_cost_add(c, cost, FW_DIV, s, 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, s, rows), 1);
    fw_cost_add(c, cost, FW_MINMAX, fw_joins(c, s, rows), 1);
}

/* What stands around the scores: projection, biases, rotation. */
static void cost_around(struct fw_cx *c, struct fw_cost *cost, const struct fw_attention *a)
{
    const struct fw_attention_ports *p = ports_of(c);
    fw_dim tokens[2] = {a->batch, a->q_len};
    fw_count q = fw_count_mul(c->sym, query_rows(c, a), fw_count_of(a->head));
    fw_dim kv[4] = {a->batch, a->kv_len, a->kv_heads, a->head};
    fw_count k = fw_product(c, kv, 0, 4);
    kv[3] = a->v_head;
    fw_count sum = fw_count_add(c->sym, fw_count_add(c->sym, q, k), fw_product(c, kv, 0, 4));
    if (p->qkv != FW_NO_PORT) {
        fw_count w = fw_elements(c, fw_in(c, 1));
        fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, fw_product(c, tokens, 0, 2), w), 1);
    }
    if (port(c, p->bias) != NULL)
        fw_cost_add(c, cost, FW_ADD, sum, 1);
    fw_count turned = fw_count_add(c->sym, q, k);
    if (p->cos != FW_NO_PORT && c->node->attr[G_ROTARY].i != 0)
        fw_cost_rotation(c, cost, fw_rotated(c, turned, a->head, port(c, p->cos)));
    if (p->qkv == FW_NO_PORT || c->node->attr[M_ROTARY].i == 0)
        return;
    fw_dim part = fw_dim_int(c->node->attr[M_ROTARY_DIM].i);
    if (!fw_dim_is(part, 0))
        turned = fw_count_div(c->sym, fw_count_mul(c->sym, turned, fw_count_of(part)),
                              fw_count_of(a->head));
    fw_cost_rotation(c, cost, turned);
}

/* Everything is read and written once, but of a rotary cache one row per position. */
static void cost_bytes(struct fw_cx *c, struct fw_cost *cost, const struct fw_attention *a)
{
    const struct fw_attention_ports *p = ports_of(c);
    for (unsigned i = 0; i < c->node->n_in; i++) {
        const struct fw_tensor *t = fw_in(c, i);
        if (t == NULL)
            continue;
        struct fw_tensor taken = *t;
        fw_dim dims[2] = {a->q_len};
        if ((i == p->cos || i == p->sin) && t->rank == 2) {
            dims[1] = t->dims[1];
            taken.dims = dims;
        }
        fw_cost_bytes(c, cost, FW_READ, &taken);
    }
    for (unsigned i = 0; i < c->node->n_out; i++)
        if (fw_has_out(c, i))
            fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, i));
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_attention a;
    if (ports_of(c)->read(c, &a) != FW_OK)
        return; // infer has refused such a node
    fw_count rows = query_rows(c, &a);
    cost_scores(c, cost, &a, fw_count_mul(c->sym, rows, fw_count_of(a.total)), rows);
    cost_around(c, cost, &a);
    cost_bytes(c, cost, &a);
}

/* ---- what masks leave, what decoding keeps ---- */

/* The last query meets all keys, each one before it one less; with too few the first meet none. */
static fw_count pairs_left(struct fw_cx *c, const struct fw_attention *a)
{
    fw_dim earlier = fw_dim_sub(c->sym, a->total, a->q_len);
    if (fw_dim_is_const(earlier) && earlier.word < 0)
        earlier = fw_dim_int(0);
    return fw_count_sub(c->sym, fw_pairs_of(c->sym, fw_count_of(a->total), a->window, 0),
                        fw_pairs_of(c->sym, fw_count_of(earlier), a->window, 0));
}

static void needed(struct fw_cx *c, bool all, struct fw_cost *cost)
{
    struct fw_attention a;
    if (ports_of(c)->read(c, &a) != FW_OK)
        return;
    fw_count rows = query_rows(c, &a);
    fw_count scores = fw_count_mul(c->sym, rows, fw_count_of(a.total));
    fw_dim heads[2] = {a.batch, a.heads};
    if (!all && a.causal)
        scores = fw_count_mul(c->sym, fw_product(c, heads, 0, 2), pairs_left(c, &a));
    cost_scores(c, cost, &a, scores, rows);
}

/* Keys and values, of attention that is causal, or takes earlier ones or gives them to later ones.
 */
static void cache(struct fw_cx *c, struct fw_cache *ret)
{
    const struct fw_attention_ports *p = ports_of(c);
    struct fw_attention a;
    if (p->read(c, &a) != FW_OK)
        return;
    bool before = p->past_key != FW_NO_PORT ? port(c, p->past_key) != NULL : fw_has_in(c, 4);
    if (!a.causal && !before && !(c->node->op->max_out > 1 && fw_has_out(c, 1)))
        return;
    fw_dim width = fw_dim_add(c->sym, a.head, a.v_head);
    ret->per_token = fw_count_of(fw_dim_mul(c->sym, a.kv_heads, width));
    ret->length = fw_count_of(a.total);
    ret->window = a.causal ? a.window : 0;
}

/* ---- rows ---- */

#define NONE FW_NO_PORT
/* In the order of struct fw_attention_ports. */
static const struct fw_attention_ports onnx_ports = {1,    2,    NONE, 3, NONE, 4,        5,
                                                     NONE, NONE, NONE, 4, NONE, read_onnx};
static const struct fw_attention_ports packed_ports = {NONE, NONE, 2,    3, 5, NONE,       NONE,
                                                       6,    NONE, NONE, 2, 3, read_packed};
static const struct fw_attention_ports multi_ports = {1, 2,    3,    4, 5,    6,         7,
                                                      8, NONE, NONE, 4, NONE, read_multi};
static const struct fw_attention_ports masked_ports = {1, 2,    10,   3,    4,    5,         6,
                                                       7, NONE, NONE, NONE, NONE, read_multi};
static const struct fw_attention_ports group_ports = {1,    2, NONE, 10, NONE, 3,         4,
                                                      NONE, 7, 8,    4,  NONE, read_group};

#define WORDS                                                                          \
    "fma = B*H*L*T*(D+Dv); per score: scale 1 mul, masks 1 add each, softmax minmax, " \
    "2 add, special, div; causal in full"
#define DOC "dV = P^T dY, dS from dP = dY V^T by the softmax, dQ = dS K, dK = dS^T Q"
#define ROW(title, dom, list, spec, words, least, most, outs, slots, fl, slot, give)      \
    .name = title, .domain = dom, .formula = words, .doc = DOC, FW_ATTRS(spec),           \
    FW_PORTS(least, most, 1, outs), .flags = FW_OP_CONTRACTION | FW_OP_OWN_BYTES | (fl),  \
    .weight_slots = slots, .family = &(list), .infer = slot, .field = fw_field_attention, \
    .cost = cost, .grad = give, FW_RUN_SHARED(attention), .needed = needed,               \
    .moments = &fw_moments_attention, .cache = cache
#define PACKED_WORDS "fma = B*L*W*(Dq+Dk+Dv) for the projection, then " WORDS
#define GROUP_WORDS WORDS "; rotary 2 mul, 1 add per element turned"
#define TRAIN(title, list, spec, words, least, most, outs, slots, slot, kept)                     \
    {                                                                                             \
        ROW(title, "flopwise", list, spec, words, least, most, outs, slots, FW_OP_INTERNAL, slot, \
            fw_grad_attention),                                                                   \
            .reserve_out = kept                                                                   \
    }

FW_KERNELS(attention);

enum { ONNX, PACKED, MULTI, GROUP, MASKED, TRAINING, N_ROWS = TRAINING + MASKED };
static const struct fw_op rows[N_ROWS] = {
    [ONNX] = {ROW("Attention", "", onnx_ports, onnx_attrs, WORDS, 3, 7, 4, 0, 0, infer_onnx,
                  fw_grad_attention),
              .train_form = &rows[TRAINING + ONNX]},
    [PACKED] = {ROW("Attention", "com.microsoft", packed_ports, packed_attrs, PACKED_WORDS, 2, 7, 2,
                    6, 0, infer_packed, fw_grad_attention),
                .train_form = &rows[TRAINING + PACKED]},
    [MULTI] = {ROW("MultiHeadAttention", "com.microsoft", multi_ports, multi_attrs, WORDS, 1, 10, 4,
                   8, 0, infer_multi, fw_grad_attention),
               .train_form = &rows[TRAINING + MULTI]},
    [GROUP] = {ROW("GroupQueryAttention", "com.microsoft", group_ports, group_attrs, GROUP_WORDS, 1,
                   14, 4, 0, 0, infer_group, fw_grad_attention),
               .train_form = &rows[TRAINING + GROUP]},
    [MASKED] = {ROW("DecoderMaskedMultiHeadAttention", "com.microsoft", masked_ports, multi_attrs,
                    WORDS, 1, 11, 4, 0, 0, infer_multi, fw_grad_gap)},
    [TRAINING + ONNX] =
        TRAIN("Attention", onnx_ports, onnx_attrs, WORDS, 3, 7, 5, 0, infer_onnx, 1u << 4),
    [TRAINING + PACKED] = TRAIN("PackedAttention", packed_ports, packed_attrs, PACKED_WORDS, 2, 7,
                                4, 6, infer_packed, 1u << 2 | 1u << 3),
    [TRAINING + MULTI] = TRAIN("MultiHeadAttention", multi_ports, multi_attrs, WORDS, 1, 10, 5, 8,
                               infer_multi, 1u << 4),
    [TRAINING + GROUP] = TRAIN("GroupQueryAttention", group_ports, group_attrs, GROUP_WORDS, 1, 14,
                               5, 0, infer_group, 1u << 1 | 1u << 4),
};
const struct fw_op_table fw_ops_attention = {rows, N_ROWS};
