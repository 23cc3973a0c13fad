/* LFM2: layers of attention among layers that mix with a short convolution, which two gates open;
 * the second form has experts.
 *
 * Sources: the configuration and modelling files of transformers. */
#include "formats/hf_state.h"

#include <string.h>

static const struct hf_names lfm2 = {.embed = "model.embed_tokens",
                                     .final = "model.embedding_norm",
                                     .layers = "model.layers.",
                                     .norm1 = "operator_norm",
                                     .norm2 = "ffn_norm",
                                     .q = "self_attn.q_proj",
                                     .k = "self_attn.k_proj",
                                     .v = "self_attn.v_proj",
                                     .o = "self_attn.out_proj",
                                     .q_norm = "self_attn.q_layernorm",
                                     .k_norm = "self_attn.k_layernorm",
                                     .gate = "feed_forward.w1",
                                     .up = "feed_forward.w3",
                                     .down = "feed_forward.w2",
                                     .router = "feed_forward.gate",
                                     .expert_gate = "feed_forward.experts.*.w1",
                                     .expert_up = "feed_forward.experts.*.w3",
                                     .expert_down = "feed_forward.experts.*.w2"};

/* out(C * conv(B * x)), where B, C and x come out of one layer. */
static int conv_mixer(struct hf_arch *a, uint32_t i, int x)
{
    struct fw_builder *b = a->b;
    bool bias = a->state.conv_bias;
    (void)i;
    fw_enter(b, "conv");
    int parts = fw_split(b, hf_linear(a, x, "in_proj", 3 * a->hidden, bias), 2, 3, NULL);
    int y = fw_mul(b, parts, parts + 2);
    y = hf_short_conv_as(a, y, "conv", a->state.kernel, bias, "none");
    y = hf_linear(a, fw_mul(b, parts + 1, y), "out_proj", a->hidden, bias);
    fw_leave(b);
    return y;
}

/* Two thirds of what the key says, up to a multiple. */
static int64_t inner_width(const struct hf_config *c, int64_t width)
{
    if (!hf_flag(c, "block_auto_adjust_ff_dim", false))
        return width;
    int64_t of = hf_int(c, "block_multiple_of", 1);
    of = of < 1 ? 1 : of;
    int64_t most = 2 * width / 3;
    width = (int64_t)((double)most * hf_float(c, "block_ffn_dim_multiplier", 1));
    return (width + of - 1) / of * of;
}

static void fill_lfm2(const struct hf_config *c, struct hf_arch *a)
{
    a->gated = true;
    a->rotary = a->head;
    a->qk_norm = HF_QK_HEAD;
    a->act = "silu";
    a->mixer = conv_mixer;
    a->state.kernel = hf_size(c, "conv_L_cache");
    a->state.conv_bias = hf_flag(c, "conv_bias", false);
    a->width = inner_width(c, hf_int(c, "block_ff_dim", a->width));
    hf_arch_spread(a);
    uint32_t listed = hf_length(c, "layer_types");
    if (listed > 0 && listed != a->n_layers)
        hf_complain(c, "layer_types", "%u entries are wanted (num_hidden_layers), found %u",
                    a->n_layers, listed);
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        bool chosen = hf_length(c, "full_attn_idxs") == 0 || hf_holds(c, "full_attn_idxs", i);
        if (listed > 0)
            chosen = strcmp(hf_text_item(c, "layer_types", i), "full_attention") == 0;
        a->layer[i].mixer = chosen ? HF_ATTENTION : HF_OTHER_MIXER;
    }
}

static void fill_lfm2_moe(const struct hf_config *c, struct hf_arch *a)
{
    fill_lfm2(c, a);
    a->experts = (struct hf_experts){.n = hf_size(c, "num_experts"),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = hf_size(c, "moe_intermediate_size"),
                                     .sigmoid = true,
                                     .corrected = hf_flag(c, "use_expert_bias", true),
                                     .normed = hf_flag(c, "norm_topk_prob", true)};
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].feed = i >= hf_int(c, "num_dense_layers", 0) ? HF_EXPERTS : HF_DENSE;
}

const struct hf_family hf_lfms[] = {
    {"lfm2", NULL, "Lfm2ForCausalLM", &lfm2, fill_lfm2, hf_build_decoder, "lm_head"},
    {"lfm2_moe", NULL, "Lfm2MoeForCausalLM", &lfm2, fill_lfm2_moe, hf_build_decoder, "lm_head"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
