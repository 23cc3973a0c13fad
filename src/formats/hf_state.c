/* Families whose layers keep a state instead of all that was read, beside attention or alone: gated
 * delta rules (Qwen3-Next, Kimi Linear), lightning attention (MiniMax), RWKV; hf_mamba.c has
 * Mamba's. */
#include "formats/hf_state.h"

#include <string.h>

/* ---- names ---- */

#define QWEN(stem)                                                                          \
    .embed = stem ".embed_tokens", .layers = stem ".layers.", .final = stem ".norm",        \
    .norm1 = "input_layernorm", .norm2 = "post_attention_layernorm", HF_QKVO("self_attn."), \
    .q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm", .gate = "mlp.gate_proj",    \
    .up = "mlp.up_proj", .down = "mlp.down_proj", .router = "mlp.gate",                     \
    .shared_gate = "mlp.shared_expert.gate_proj", .shared_up = "mlp.shared_expert.up_proj", \
    .shared_down = "mlp.shared_expert.down_proj", .shared_switch = "mlp.shared_expert_gate"
static const struct hf_names qwen_next = {QWEN("model"), .expert_gate = "mlp.experts.*.gate_proj",
                                          .expert_up = "mlp.experts.*.up_proj",
                                          .expert_down = "mlp.experts.*.down_proj"};
static const struct hf_names qwen35 = {QWEN("model.language_model"),
                                       .expert_gate_up = "mlp.experts.gate_up_proj",
                                       .expert_down = "mlp.experts.down_proj"};
static const struct hf_names kimi = {.embed = "model.embed_tokens",
                                     .layers = "model.layers.",
                                     .final = "model.norm",
                                     .norm1 = "input_layernorm",
                                     .norm2 = "post_attention_layernorm",
                                     .gate = "mlp.gate_proj",
                                     .up = "mlp.up_proj",
                                     .down = "mlp.down_proj",
                                     .router = "block_sparse_moe.gate",
                                     .expert_gate = "block_sparse_moe.experts.*.w1",
                                     .expert_up = "block_sparse_moe.experts.*.w3",
                                     .expert_down = "block_sparse_moe.experts.*.w2",
                                     .shared_gate = "block_sparse_moe.shared_experts.gate_proj",
                                     .shared_up = "block_sparse_moe.shared_experts.up_proj",
                                     .shared_down = "block_sparse_moe.shared_experts.down_proj"};
static const struct hf_names minimax = {.embed = "model.embed_tokens",
                                        .layers = "model.layers.",
                                        .final = "model.norm",
                                        .norm1 = "input_layernorm",
                                        .norm2 = "post_attention_layernorm",
                                        HF_QKVO("self_attn."),
                                        .router = "block_sparse_moe.gate",
                                        .expert_gate = "block_sparse_moe.experts.*.w1",
                                        .expert_up = "block_sparse_moe.experts.*.w3",
                                        .expert_down = "block_sparse_moe.experts.*.w2"};
static const struct hf_names rwkv = {.embed = "rwkv.embeddings",
                                     .layers = "rwkv.blocks.",
                                     .final = "rwkv.ln_out",
                                     .norm1 = "ln1",
                                     .norm2 = "ln2"};

/* ---- pieces ---- */

/* A convolution over what was read last, each channel for itself: (batch, seq, channels). */
int hf_short_conv(struct hf_arch *a, int x, const char *name, int64_t kernel, bool bias)
{
    return hf_short_conv_as(a, x, name, kernel, bias, "silu");
}

int hf_short_conv_as(struct hf_arch *a, int x, const char *name, int64_t kernel, bool bias,
                     const char *act)
{
    struct fw_builder *b = a->b;
    static const int64_t perm[3] = {0, 2, 1};
    int64_t dims[3] = {fw_size_of(b, x, -1), 1, kernel};
    struct fw_build_node n = fw_build_node(b, "", "CausalConvWithState");
    fw_build_text(&n, "activation", act);
    int in[3] = {fw_transpose(b, x, perm), hf_param(a, name, "weight", 3, dims),
                 bias ? hf_param(a, name, "bias", 1, dims) : -1};
    return fw_transpose(b, fw_build_add(&n, fw_build_name(b, name, "conv"), in, 3, 2), perm);
}

/* -exp(A_log) */
int hf_decay_rate(struct hf_arch *a, const char *name, int rank, const int64_t *dims)
{
    int x = hf_param(a, name, NULL, rank, dims);
    x = fw_build_plain(a->b, "Exp", NULL, &x, 1);
    return fw_build_plain(a->b, "Neg", NULL, &x, 1);
}

int hf_linear_attention(struct hf_arch *a, const struct hf_linear_attention *l)
{
    struct fw_build_node n = fw_build_node(a->b, "", "LinearAttention");
    fw_build_int(&n, "kv_num_heads", l->heads);
    fw_build_int(&n, "q_num_heads", l->heads);
    fw_build_text(&n, "update_rule", l->rule);
    int in[6] = {l->q, l->k, l->v, -1, l->decay, l->beta};
    return fw_build_add(&n, fw_build_name(a->b, "state", "state"), in, 6, 2);
}

/* (batch, seq, groups*width) to (batch, seq, heads*width), each group repeated. */
int hf_repeat(struct hf_arch *a, int x, int64_t groups, int64_t heads, int64_t width)
{
    struct fw_builder *b = a->b;
    int64_t seq = fw_size_of(b, x, 1);
    int64_t one[5] = {a->batch, seq, groups, 1, width};
    int64_t many[5] = {a->batch, seq, groups, heads / groups, width};
    int64_t folded[3] = {a->batch, seq, heads * width};
    if (heads == groups)
        return x;
    int in[2] = {fw_reshape(b, x, 5, one), fw_sizes(b, 5, many)};
    return fw_reshape(b, fw_build_plain(b, "Expand", NULL, in, 2), 3, folded);
}

int hf_silu(struct hf_arch *a, int x)
{
    return fw_activation(a->b, x, "silu");
}

/* ---- the gated delta rule ---- */

static int delta_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_state *s = &a->state;
    int64_t keys = s->groups * s->state;
    int64_t three[3] = {keys, keys, s->inner};
    int64_t two[2] = {2 * keys + s->inner, s->inner};
    int mixed;
    int z;
    int beta;
    int alpha;
    (void)i;
    fw_enter(b, "linear_attn");
    if (s->packed) {
        mixed =
            fw_split(b, hf_linear(a, x, "in_proj_qkvz", 2 * keys + 2 * s->inner, false), 2, 2, two);
        z = mixed + 1;
        beta = fw_split(b, hf_linear(a, x, "in_proj_ba", 2 * s->heads, false), 2, 2, NULL);
        alpha = beta + 1;
    } else {
        mixed = hf_linear(a, x, "in_proj_qkv", 2 * keys + s->inner, false);
        z = hf_linear(a, x, "in_proj_z", s->inner, false);
        beta = hf_linear(a, x, "in_proj_b", s->heads, false);
        alpha = hf_linear(a, x, "in_proj_a", s->heads, false);
    }
    int qkv = fw_split(b, hf_short_conv(a, mixed, "conv1d", s->kernel, false), 2, 3, three);
    alpha =
        fw_activation(b, fw_add(b, alpha, hf_param(a, "dt_bias", NULL, 1, &s->heads)), "softplus");
    struct hf_linear_attention l = {.heads = s->heads,
                                    .rule = "gated_delta",
                                    .q = hf_repeat(a, qkv, s->groups, s->heads, s->state),
                                    .k = hf_repeat(a, qkv + 1, s->groups, s->heads, s->state),
                                    .v = qkv + 2,
                                    .decay =
                                        fw_mul(b, alpha, hf_decay_rate(a, "A_log", 1, &s->heads)),
                                    .beta = fw_activation(b, beta, "sigmoid")};
    int y = hf_unfold(a, hf_linear_attention(a, &l), s->heads, s->inner / s->heads);
    y = fw_mul(b, hf_fold(a, hf_norm(a, y, "norm")), hf_silu(a, z));
    y = hf_linear(a, y, "out_proj", a->hidden, false);
    fw_leave(b);
    return y;
}

static const struct hf_further qwen_further = {.key = "mtp_num_hidden_layers",
                                               .stem = "mtp",
                                               .words_norm = "pre_fc_norm_embedding",
                                               .hidden_norm = "pre_fc_norm_hidden",
                                               .join = "fc",
                                               .layer = "layers.0",
                                               .final = "norm"};

static void fill_qwen_next(const struct hf_config *c, struct hf_arch *a)
{
    struct hf_state *s = &a->state;
    a->mixer = delta_mixer;
    a->further = &qwen_further;
    a->gated = a->gated_output = true;
    a->qk_norm = HF_QK_HEAD;
    a->qkv_bias = a->o_bias = hf_flag(c, "attention_bias", false);
    s->heads = hf_size(c, "linear_num_value_heads");
    s->groups = hf_size(c, "linear_num_key_heads");
    s->state = hf_size(c, "linear_key_head_dim");
    s->inner = s->heads * hf_size(c, "linear_value_head_dim");
    s->kernel = hf_size(c, "linear_conv_kernel_dim");
    s->packed = strcmp(c->type, "qwen3_next") == 0;
    if (s->heads % s->groups != 0)
        hf_complain(c, "linear_num_value_heads", "a multiple of 'linear_num_key_heads' is wanted");
    hf_turn_part(c, a, 0.25);
    int64_t every = hf_int(c, "full_attention_interval", 4);
    bool listed = hf_length(c, "layer_types") > 0;
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        bool full = listed ? strcmp(hf_text_item(c, "layer_types", i), "full_attention") == 0
                           : every > 0 && (i + 1) % (uint64_t)every == 0;
        a->layer[i].mixer = full ? HF_ATTENTION : HF_OTHER_MIXER;
    }
    if (hf_int(c, "num_experts", 0) > 0)
        hf_qwen_experts(c, a);
}

/* ---- Kimi's delta attention: every channel of a head decays for itself ---- */

static int kimi_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_state *s = &a->state;
    static const char *const part[3][2] = {
        {"q_proj", "q_conv1d"}, {"k_proj", "k_conv1d"}, {"v_proj", "v_conv1d"}};
    int64_t head = s->inner / s->heads;
    int64_t each[4] = {1, 1, s->heads, 1};
    int qkv[3];
    (void)i;
    fw_enter(b, "self_attn");
    for (unsigned k = 0; k < 3; k++)
        qkv[k] = hf_short_conv(a, hf_linear(a, x, part[k][0], s->inner, false), part[k][1],
                               s->kernel, false);
    int g = hf_linear(a, hf_linear(a, x, "f_a_proj", head, false), "f_b_proj", s->inner, false);
    g = fw_activation(b, fw_add(b, g, hf_param(a, "dt_bias", NULL, 1, &s->inner)), "softplus");
    g = fw_mul(b, hf_unfold(a, g, s->heads, head), hf_decay_rate(a, "A_log", 4, each));
    struct hf_linear_attention l = {
        .heads = s->heads,
        .rule = "gated_delta",
        .q = qkv[0],
        .k = qkv[1],
        .v = qkv[2],
        .decay = hf_fold(a, g),
        .beta = fw_activation(b, hf_linear(a, x, "b_proj", s->heads, false), "sigmoid")};
    int y = hf_unfold(a, hf_linear_attention(a, &l), s->heads, head);
    int z = hf_linear(a, hf_linear(a, x, "g_a_proj", head, false), "g_b_proj", s->inner, false);
    y = fw_mul(b, hf_fold(a, hf_norm(a, y, "o_norm")), fw_activation(b, z, "sigmoid"));
    y = hf_linear(a, y, "o_proj", a->hidden, false);
    fw_leave(b);
    return y;
}

/* Layers are counted from one in the lists of released files. */
static bool kimi_attends(const struct hf_config *c, const struct hf_config *lists, uint32_t i)
{
    if (hf_length(c, "layer_types") > 0)
        return strcmp(hf_text_item(c, "layer_types", i), "full_attention") == 0;
    if (hf_length(lists, "full_attn_layers") > 0)
        return hf_holds(lists, "full_attn_layers", (int64_t)i + 1);
    return i > 0 && i % 4 == 0;
}

static void fill_kimi_linear(const struct hf_config *c, struct hf_arch *a)
{
    a->tied = false; // whatever the file says
    struct hf_state *s = &a->state;
    struct hf_config own;
    bool inner = hf_config_part(c, "linear_attn_config", "", &own);
    a->mixer = kimi_mixer;
    a->gated = true;
    s->heads = inner ? hf_size(&own, "num_heads") : hf_size(c, "linear_num_heads");
    s->inner = s->heads * (inner ? hf_size(&own, "head_dim") : hf_size(c, "linear_head_dim"));
    s->kernel =
        inner ? hf_size(&own, "short_conv_kernel_size") : hf_size(c, "linear_conv_kernel_dim");
    hf_latent_sizes(c, a, true);
    hf_deepseek_experts(c, a, hf_int(c, "num_local_experts", 0));
    a->experts.sigmoid = a->experts.corrected = true;
    bool listed = hf_length(c, "mlp_layer_types") > 0;
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        struct hf_layer *l = &a->layer[i];
        l->mixer = kimi_attends(c, &own, i) ? HF_LATENT : HF_OTHER_MIXER;
        l->rotary = false;
        if (i == 0 && !hf_has(c, "first_k_dense_replace"))
            l->feed = HF_DENSE;
        if (listed)
            l->feed = strcmp(hf_text_item(c, "mlp_layer_types", i), "sparse") == 0 ? HF_EXPERTS
                                                                                   : HF_DENSE;
    }
}

/* ---- lightning attention ---- */

static int lightning_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    int64_t width = a->heads * a->head;
    (void)i;
    fw_enter(b, "self_attn");
    int qkv = fw_split(b, hf_silu(a, hf_linear(a, x, "qkv_proj", 3 * width, false)), 2, 3, NULL);
    struct hf_linear_attention l = {.heads = a->heads,
                                    .rule = "gated",
                                    .q = qkv,
                                    .k = qkv + 1,
                                    .v = qkv + 2,
                                    .decay = fw_constant(b, "slopes", 1, &a->heads),
                                    .beta = -1};
    int y = hf_norm(a, hf_linear_attention(a, &l), "norm");
    int gate = fw_activation(b, hf_linear(a, x, "output_gate", width, false), "sigmoid");
    y = hf_linear(a, fw_mul(b, gate, y), "out_proj", a->hidden, false);
    fw_leave(b);
    return y;
}

static void fill_minimax(const struct hf_config *c, struct hf_arch *a)
{
    a->mixer = lightning_mixer;
    a->gated = true;
    a->rotary = hf_int(c, "rotary_dim", a->head);
    a->scaled_residual = true;
    a->experts = (struct hf_experts){.n = hf_size(c, "num_local_experts"),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = a->width,
                                     .normed = true};
    uint32_t types = hf_length(c, "layer_types");
    uint32_t kinds = hf_length(c, "attn_type_list");
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        bool full = types > 0   ? strcmp(hf_text_item(c, "layer_types", i), "full_attention") == 0
                    : kinds > 0 ? hf_item(c, "attn_type_list", i, 0) == 1
                                : i % 2 == 0;
        a->layer[i].mixer = full ? HF_ATTENTION : HF_OTHER_MIXER;
        a->layer[i].feed = HF_EXPERTS;
    }
}

/* ---- RWKV ---- */

/* Each place mixed with the one before it: mix * x + (1 - mix) * before. */
static int mixed_with(struct hf_arch *a, int x, int before, const char *name)
{
    struct fw_builder *b = a->b;
    int64_t dims[3] = {1, 1, a->hidden};
    int mix = hf_param(a, name, NULL, 3, dims);
    int rest[2] = {fw_number(b, 1), mix};
    int other = fw_build_plain(b, "Sub", NULL, rest, 2);
    return fw_add(b, fw_mul(b, x, mix), fw_mul(b, before, other));
}

static int shifted(struct hf_arch *a, int x)
{
    static const int64_t pads[6] = {0, 1, 0, 0, -1, 0};
    int in[2] = {x, fw_sizes(a->b, 6, pads)};
    return fw_build_plain(a->b, "Pad", NULL, in, 2);
}

static int wkv(struct hf_arch *a, int k, int v)
{
    struct fw_builder *b = a->b;
    int64_t width = a->state.inner;
    int in[4] = {hf_param(a, "time_decay", NULL, 1, &width),
                 hf_param(a, "time_first", NULL, 1, &width), k, v};
    struct fw_build_node n = fw_build_node(b, "flopwise", "Wkv");
    return fw_build_add(&n, fw_build_name(b, "wkv", "wkv"), in, 4, 1);
}

/* Of version 5: a state for each head, a bonus for the present word, a norm over each head. */
static int heads_wkv(struct hf_arch *a, int r, int k, int v)
{
    struct fw_builder *b = a->b;
    const struct hf_state *s = &a->state;
    int64_t dims[2] = {s->heads, s->inner / s->heads};
    int64_t last = 3;
    int decay = fw_reshape(b, hf_decay_rate(a, "time_decay", 2, dims), 1, &s->inner);
    struct hf_linear_attention l = {
        .heads = s->heads, .rule = "gated", .q = r, .k = k, .v = v, .decay = decay, .beta = -1};
    int y = hf_linear_attention(a, &l);
    int bonus =
        fw_mul(b, hf_unfold(a, k, dims[0], dims[1]), hf_param(a, "time_faaaa", NULL, 2, dims));
    bonus = fw_mul(b, bonus, hf_unfold(a, r, dims[0], dims[1]));
    int sum[2] = {bonus, fw_sizes(b, 1, &last)};
    bonus =
        fw_mul(b, fw_build_plain(b, "ReduceSum", NULL, sum, 2), hf_unfold(a, v, dims[0], dims[1]));
    y = fw_add(b, y, hf_fold(a, bonus));
    int64_t flat[2] = {fw_size_times(b, a->batch, fw_size_of(b, y, 1)), s->inner};
    int64_t back[3] = {a->batch, fw_size_of(b, y, 1), s->inner};
    return fw_reshape(b, fw_group_norm(b, fw_reshape(b, y, 2, flat), "ln_x", s->heads), 3, back);
}

static int rwkv_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_state *s = &a->state;
    (void)i;
    fw_enter(b, "attention");
    int before = shifted(a, x);
    int k = hf_linear(a, mixed_with(a, x, before, "time_mix_key"), "key", s->inner, false);
    int v = hf_linear(a, mixed_with(a, x, before, "time_mix_value"), "value", s->inner, false);
    int r = hf_linear(a, mixed_with(a, x, before, "time_mix_receptance"), "receptance", s->inner,
                      false);
    int y;
    if (s->heads > 0) {
        y = heads_wkv(a, r, k, v);
        int g = hf_linear(a, mixed_with(a, x, before, "time_mix_gate"), "gate", s->inner, false);
        y = fw_mul(b, y, hf_silu(a, g));
    } else {
        y = fw_mul(b, fw_activation(b, r, "sigmoid"), wkv(a, k, v));
    }
    y = hf_linear(a, y, "output", a->hidden, false);
    fw_leave(b);
    return y;
}

static int rwkv_feed(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    fw_enter(b, "feed_forward");
    int before = shifted(a, x);
    int k = hf_linear(a, mixed_with(a, x, before, "time_mix_key"), "key", a->width, false);
    int r = hf_linear(a, mixed_with(a, x, before, "time_mix_receptance"), "receptance", a->hidden,
                      false);
    int v = hf_linear(a, hf_act(a, k, "relu2"), "value", a->hidden, false);
    int y = fw_mul(b, fw_activation(b, r, "sigmoid"), v);
    fw_leave(b);
    return y;
}

static void fill_rwkv(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->mixer = rwkv_mixer;
    a->feed = rwkv_feed;
    a->state.inner = hf_int(c, "attention_hidden_size", a->hidden);
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].mixer = HF_OTHER_MIXER;
}

static void fill_rwkv5(const struct hf_config *c, struct hf_arch *a)
{
    fill_rwkv(c, a);
    a->state.heads = a->state.inner / hf_int(c, "head_size", 64);
    a->width = hf_int(c, "intermediate_size", a->hidden * 7 / 2 / 32 * 32);
    a->layer[0].width = a->width;
}

/* A norm of its own stands in front of the first layer. */
static void build_rwkv(const struct hf_job *job)
{
    struct hf_arch a;
    hf_decoder_arch(job, &a);
    int64_t dims[2] = {a.batch, a.seq};
    int x = hf_embed(&a, fw_input(job->b, "input_ids", "int64", 2, dims));
    x = hf_layers(&a, hf_norm(&a, x, "rwkv.blocks.0.pre_ln"));
    hf_heads(job, &a, x);
}

const struct hf_family hf_states[] = {
    HF_DECODER_ROW("qwen3_next", "Qwen3NextForCausalLM", qwen_next, fill_qwen_next),
    HF_DECODER_ROW("qwen3_5_text", "Qwen3_5ForCausalLM", qwen35, fill_qwen_next),
    HF_DECODER_ROW("qwen3_5_moe_text", "Qwen3_5MoeForCausalLM", qwen35, fill_qwen_next),
    HF_DECODER_ROW("kimi_linear", "KimiLinearForCausalLM", kimi, fill_kimi_linear),
    HF_DECODER_ROW("minimax", "MiniMaxForCausalLM", minimax, fill_minimax),
    {"minimax_text_01", "minimax", "MiniMaxText01ForCausalLM", &minimax, fill_minimax,
     hf_build_decoder, "lm_head"},
    {"minimax_m1", "minimax", "MiniMaxM1ForCausalLM", &minimax, fill_minimax, hf_build_decoder,
     "lm_head"},
    {"rwkv", NULL, "RwkvForCausalLM", &rwkv, fill_rwkv, build_rwkv, "head"},
    {"rwkv5", "rwkv", "RwkvForCausalLM", &rwkv, fill_rwkv5, build_rwkv, "head"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
