/* Attention in its forms: grouped, latent, over another sequence; see hf_arch.h. */
#include "formats/hf_arch.h"

#include <stdio.h>

int hf_attend(struct hf_arch *a, int q, int k, int v, const struct hf_scores *s)
{
    struct fw_build_node n = fw_build_node(a->b, "flopwise", "Attend");
    fw_build_int(&n, "num_heads", s->heads);
    fw_build_int(&n, "kv_num_heads", s->kv_heads);
    fw_build_int(&n, "is_causal", s->causal);
    fw_build_int(&n, "window", s->window);
    fw_build_int(&n, "chunk", s->chunk);
    fw_build_int(&n, "scaled", !a->unscaled);
    fw_build_float(&n, "softcap", a->softcap);
    fw_build_float(&n, "dropout", a->drop_attn);
    fw_build_int(&n, "cache", s->cache);
    int in[7] = {q, k, v, s->bias, -1, -1, s->sinks};
    return fw_build_add(&n, fw_build_name(a->b, "attention", "attention"), in, 7, 1);
}

/* ---- grouped ---- */

/* Query, key and value in qkv[]; gate: what the query's layer gives besides (or -1). */
static void project(struct hf_arch *a, const struct hf_layer *l, int x, int *qkv, int *gate)
{
    const struct hf_names *n = a->names;
    int64_t q = l->heads * l->head;
    int64_t kv = l->kv_heads * l->head;
    *gate = -1;
    if (n->qkv != NULL) {
        int64_t sizes[3] = {q, kv, kv};
        int all = hf_linear(a, x, n->qkv, q + 2 * kv, a->qkv_bias);
        qkv[0] = fw_split(a->b, all, 2, 3, sizes);
        qkv[1] = qkv[0] + 1;
        qkv[2] = qkv[0] + 2;
        return;
    }
    qkv[0] = hf_linear(a, x, n->q, a->gated_output ? 2 * q : q, a->qkv_bias);
    qkv[1] = hf_linear(a, x, n->k, kv, a->qkv_bias && !a->k_bias_absent);
    qkv[2] = hf_linear(a, x, n->v, kv, a->qkv_bias);
    if (!a->gated_output)
        return;
    qkv[0] = fw_split(a->b, qkv[0], 2, 2, NULL);
    *gate = qkv[0] + 1;
}

static int norm_heads(struct hf_arch *a, int x, const char *name, int64_t heads, int64_t head)
{
    if (a->qk_norm == HF_QK_PLAIN)
        return x;
    if (a->qk_norm == HF_QK_WIDE)
        return hf_norm(a, x, name);
    if (a->qk_norm == HF_QK_WIDE_RMS)
        return hf_norm_as(a, x, name, HF_RMS_NORM);
    return hf_head_norm(a, x, name, heads, head);
}

/* Scores added by the distance of query and key: a table looked up for each pair, (1, heads, seq,
 * seq); of the first layer, or of every one. */
static int relative_bias(struct hf_arch *a, uint32_t i)
{
    struct fw_builder *b = a->b;
    static const int64_t perm[3] = {2, 0, 1};
    if (a->buckets <= 0 || (i > 0 && !a->buckets_everywhere))
        return a->slopes;
    int64_t dims[2] = {a->buckets, a->heads};
    int64_t pairs[2] = {a->seq, a->seq};
    int table = hf_param(a, a->names->bias_table, "weight", 2, dims);
    int at = hf_row_numbers(a, a->names->bias_table, 2, pairs);
    a->slopes = fw_transpose(b, fw_embedding_with(b, at, a->names->bias_table, table), perm);
    return a->slopes;
}

int hf_attention(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_layer *l = &a->layer[i];
    const struct hf_names *n = a->names;
    int qkv[3];
    int gate;
    project(a, l, x, qkv, &gate);
    qkv[0] = norm_heads(a, qkv[0], n->q_norm, l->heads, l->head);
    qkv[1] = norm_heads(a, qkv[1], n->k_norm, l->kv_heads, l->head);
    if (l->rotary) {
        qkv[0] = hf_turn(a, qkv[0], l->heads, a->rotary);
        qkv[1] = hf_turn(a, qkv[1], l->kv_heads, a->rotary);
    }
    struct hf_scores s = {.heads = l->heads,
                          .kv_heads = l->kv_heads,
                          .window = l->window,
                          .chunk = l->chunk,
                          .cache = -1,
                          .causal = a->causal,
                          .bias = relative_bias(a, i),
                          .sinks = -1};
    if (n->sinks != NULL)
        s.sinks = hf_param(a, n->sinks, NULL, 1, &l->heads);
    int y = hf_attend(a, qkv[0], qkv[1], qkv[2], &s);
    if (gate >= 0)
        y = fw_mul(b, y, fw_activation(b, gate, "sigmoid"));
    if (n->o_gate != NULL) {
        int open = hf_linear(a, x, n->o_gate, l->heads * l->head, false);
        y = fw_mul(b, y, fw_activation(b, open, "sigmoid"));
    }
    y = hf_norm(a, y, n->o_norm);
    return n->o == NULL ? y : hf_linear(a, y, n->o, a->hidden, a->o_bias);
}

int hf_cross_attention(struct hf_arch *a, int x)
{
    const struct hf_names *n = a->names;
    int64_t width = a->heads * a->head;
    int q = hf_linear(a, x, n->cross_q, width, a->qkv_bias);
    int k;
    int v;
    if (n->cross_kv != NULL) {
        k = fw_split(a->b, hf_linear(a, a->memory, n->cross_kv, 2 * width, a->qkv_bias), 2, 2,
                     NULL);
        v = k + 1;
    } else {
        k = hf_linear(a, a->memory, n->cross_k, width, a->qkv_bias && !a->k_bias_absent);
        v = hf_linear(a, a->memory, n->cross_v, width, a->qkv_bias);
    }
    struct hf_scores s = {
        .heads = a->heads, .kv_heads = a->heads, .cache = -1, .bias = -1, .sinks = -1};
    return hf_linear(a, hf_attend(a, q, k, v, &s), n->cross_o, a->hidden, a->o_bias);
}

/* ---- latent ---- */

/* Keys that small heads of their own choose for every query: 0 where they are, else -infinity, as
 * (batch, 1, seq, seq). narrow: what the query's heads come out of. No gradient reaches it. */
static int chosen_keys(struct hf_arch *a, int x, int narrow)
{
    struct fw_builder *b = a->b;
    const struct hf_latent *t = &a->latent;
    static const int64_t heads_first[4] = {0, 2, 1, 3};
    static const int64_t turned[3] = {0, 2, 1};
    int64_t seq = fw_size_of(b, x, 1);
    int64_t wide = t->index_heads * t->index_head;
    int64_t keys[4] = {a->batch, 1, t->index_head, seq};
    int64_t weights[4] = {a->batch, seq, 1, t->index_heads};
    int64_t all[3] = {a->batch, seq, seq};
    int64_t masks[4] = {a->batch, 1, seq, seq};
    char most[48];
    (void)snprintf(most, sizeof most, "min(seq,%lld)", (long long)t->chosen);
    int64_t k = fw_size(b, most);
    fw_enter(b, "self_attn.indexer");
    int q = hf_linear(a, narrow, "wq_b", wide, false);
    q = hf_unfold(a, hf_turn(a, q, t->index_heads, t->rope), t->index_heads, t->index_head);
    int key = hf_norm_as(a, hf_linear(a, x, "wk", t->index_head, false), "k_norm", HF_LAYER_NORM);
    key = fw_reshape(b, fw_transpose(b, hf_turn(a, key, 1, t->rope), turned), 4, keys);
    int s = fw_relu(b, fw_matmul(b, fw_transpose(b, q, heads_first), key));
    int w = hf_linear(a, x, "weights_proj", t->index_heads, false);
    static const int64_t by_place[4] = {0, 2, 1, 3}; // (batch, seq, heads, seq)
    s = fw_matmul(b, fw_reshape(b, w, 4, weights), fw_transpose(b, s, by_place));
    struct fw_build_node top = fw_build_node(b, "", "TopK");
    int in[2] = {fw_reshape(b, s, 3, all), fw_sizes(b, 1, &k)};
    int best = fw_build_add(&top, fw_build_name(b, "choose", "TopK"), in, 2, 2);
    int64_t chosen[3] = {a->batch, seq, k};
    int none[2] = {fw_number(b, -1e9), fw_sizes(b, 3, all)};
    int some[2] = {fw_number(b, 0), fw_sizes(b, 3, chosen)};
    int parts[3] = {fw_build_plain(b, "Expand", NULL, none, 2), best + 1,
                    fw_build_plain(b, "Expand", NULL, some, 2)};
    struct fw_build_node put = fw_build_node(b, "", "ScatterElements");
    fw_build_int(&put, "axis", 2);
    int mask = fw_build_add(&put, fw_build_name(b, "mask", "mask"), parts, 3, 1);
    fw_leave(b);
    return fw_reshape(b, mask, 4, masks);
}

/* Query, key and value come out of narrow projections; a part of each head, shared by all keys, is
 * turned. Decoding keeps the narrow one and the turned key. */
int hf_latent_attention(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_layer *l = &a->layer[i];
    const struct hf_latent *t = &a->latent;
    int64_t key = t->nope + t->rope;
    int q = x;
    if (t->q_rank > 0) {
        q = hf_linear(a, q, "self_attn.q_a_proj", t->q_rank, a->qkv_bias);
        q = hf_norm(a, q, "self_attn.q_a_layernorm");
        if (l->indexes)
            a->slopes = chosen_keys(a, x, q);
        q = hf_linear(a, q, "self_attn.q_b_proj", l->heads * key, false);
    } else {
        q = hf_linear(a, q, "self_attn.q_proj", l->heads * key, false);
    }
    int64_t narrow[2] = {t->kv_rank, t->rope};
    int kv = hf_linear(a, x, "self_attn.kv_a_proj_with_mqa", t->kv_rank + t->rope, a->qkv_bias);
    int latent = fw_split(b, kv, 2, 2, narrow);
    int turned = hf_turn(a, latent + 1, 1, l->rotary ? t->rope : 0);
    latent = hf_norm(a, latent, "self_attn.kv_a_layernorm");
    kv = hf_linear(a, latent, "self_attn.kv_b_proj", l->heads * (t->nope + t->value), false);
    int64_t parts[2] = {t->nope, t->value};
    int64_t halves[2] = {t->nope, t->rope};
    kv = fw_split(b, hf_unfold(a, kv, l->heads, t->nope + t->value), 3, 2, parts);
    int64_t wide[4] = {a->batch, fw_size_of(b, x, 1), l->heads, t->rope};
    int shared[2] = {hf_unfold(a, turned, 1, t->rope), fw_sizes(b, 4, wide)};
    int k[2] = {kv, fw_build_plain(b, "Expand", NULL, shared, 2)};
    q = fw_split(b, hf_unfold(a, q, l->heads, key), 3, 2, halves);
    int both[2] = {q, hf_unfold(a, hf_turn(a, hf_fold(a, q + 1), l->heads, l->rotary ? t->rope : 0),
                                l->heads, t->rope)};
    struct hf_scores s = {.heads = l->heads,
                          .kv_heads = l->heads,
                          .window = t->chosen, // as many of those before it
                          .cache = t->kv_rank + t->rope + (l->indexes ? t->index_head : 0),
                          .causal = a->causal,
                          .bias = t->chosen > 0 ? a->slopes : -1,
                          .sinks = -1};
    int y = hf_attend(a, hf_fold(a, fw_concat(b, both, 2, 3)), hf_fold(a, fw_concat(b, k, 2, 3)),
                      hf_fold(a, kv + 1), &s);
    return hf_linear(a, y, "self_attn.o_proj", a->hidden, a->o_bias);
}
