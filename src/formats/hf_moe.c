/* Language models whose feed-forward layers are mixtures of experts: a table of what differs.
 *
 * Sources: as of hf_llama.c. */
#include "formats/hf_llama.h"

#include <string.h>

static const struct hf_names qwen_moe = {LLAMA, SHARED("mlp.shared_expert"),
                                         .shared_switch = "mlp.shared_expert_gate"};
static const struct hf_names seeing = {.embed = "model.language_model.embed_tokens",
                                       .final = "model.language_model.norm",
                                       .layers = "model.language_model.layers.",
                                       LLAMA_LAYER,
                                       .router = "mlp.gate",
                                       .expert_gate_up = "mlp.experts.gate_up_proj",
                                       .expert_down = "mlp.experts.down_proj"};
static const struct hf_names deepseek = {LLAMA, SHARED("mlp.shared_experts")};
static const struct hf_names mixtral = {LLAMA_BASE,
                                        LLAMA_ATTENTION,
                                        LLAMA_QK,
                                        .router = "block_sparse_moe.gate",
                                        .expert_gate = "block_sparse_moe.experts.*.w1",
                                        .expert_up = "block_sparse_moe.experts.*.w3",
                                        .expert_down = "block_sparse_moe.experts.*.w2"};
static const struct hf_names granite_moe = {LLAMA_BASE, LLAMA_ATTENTION,
                                            .router = "block_sparse_moe.router.layer",
                                            .expert_gate_up = "block_sparse_moe.input_linear",
                                            .expert_down = "block_sparse_moe.output_linear"};
static const struct hf_names granite_shared = {LLAMA_BASE,
                                               LLAMA_ATTENTION,
                                               .router = "block_sparse_moe.router.layer",
                                               .expert_gate_up = "block_sparse_moe.input_linear",
                                               .expert_down = "block_sparse_moe.output_linear",
                                               .shared_gate_up = "shared_mlp.input_linear",
                                               .shared_down = "shared_mlp.output_linear"};
static const struct hf_names ernie = {LLAMA, SHARED("mlp.shared_experts"),
                                      .correction = "mlp.moe_statics.e_score_correction_bias"};
static const struct hf_names gpt_oss = {LLAMA_BASE,
                                        LLAMA_ATTENTION,
                                        .sinks = "self_attn.sinks",
                                        .router = "mlp.router",
                                        .router_bias = "mlp.router.bias",
                                        .expert_gate_up = "mlp.experts.gate_up_proj",
                                        .expert_down = "mlp.experts.down_proj"};
static const struct hf_names llama4 = {.q_norm = "self_attn.qk_norm",
                                       .k_norm = "self_attn.qk_norm",
                                       LLAMA_BASE,
                                       LLAMA_ATTENTION,
                                       .gate = "feed_forward.gate_proj",
                                       .up = "feed_forward.up_proj",
                                       .down = "feed_forward.down_proj",
                                       .router = "feed_forward.router",
                                       .expert_gate_up = "feed_forward.experts.gate_up_proj",
                                       .expert_down = "feed_forward.experts.down_proj",
                                       SHARED("feed_forward.shared_expert")};
static const struct hf_names llama = {LLAMA};
static const struct hf_names hunyuan = {LLAMA_BASE,
                                        LLAMA_ATTENTION,
                                        .q_norm = "self_attn.query_layernorm",
                                        .k_norm = "self_attn.key_layernorm",
                                        LLAMA_EXPERTS_BEHIND("mlp.gate.wg"),
                                        SHARED("mlp.shared_mlp")};
static const struct hf_names flex_olmo = {.embed = "model.embed_tokens",
                                          .final = "model.norm",
                                          .layers = "model.layers.",
                                          .post1 = "post_attention_layernorm",
                                          .post2 = "post_feedforward_layernorm",
                                          LLAMA_ATTENTION,
                                          LLAMA_QK,
                                          LLAMA_EXPERTS};
static const struct hf_names afmoe = {.embed = "model.embed_tokens",
                                      .final = "model.norm",
                                      .layers = "model.layers.",
                                      .norm1 = "input_layernorm",
                                      .post1 = "post_attention_layernorm",
                                      .norm2 = "pre_mlp_layernorm",
                                      .post2 = "post_mlp_layernorm",
                                      LLAMA_ATTENTION,
                                      LLAMA_QK,
                                      LLAMA_FEED,
                                      LLAMA_EXPERTS_BEHIND("mlp.router.gate"),
                                      SHARED("mlp.shared_experts"),
                                      .o_gate = "self_attn.gate_proj",
                                      .correction = "mlp.expert_bias"};

static const struct hf_further deepseek_further = {.key = "num_nextn_predict_layers",
                                                   .stem = "model.layers.",
                                                   .words_norm = "enorm",
                                                   .hidden_norm = "hnorm",
                                                   .join = "eh_proj",
                                                   .layer = "",
                                                   .final = "shared_head.norm"};

/* Experts of a width of their own, and as many more that every token meets. */
static struct hf_experts own_experts(const struct hf_config *c, const char *n_shared)
{
    int64_t width = hf_size(c, "moe_intermediate_size");
    return (struct hf_experts){.n = hf_size(c, "num_experts"),
                               .top = hf_size(c, "num_experts_per_tok"),
                               .width = width,
                               .shared = width * hf_int(c, n_shared, 0)};
}

/* The first n layers have none. */
static void dense_first(struct hf_arch *a, int64_t n)
{
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].feed = i < n ? HF_DENSE : HF_EXPERTS;
}

/* Which layers have them, where the file lists them. */
static void listed_experts(const struct hf_config *c, struct hf_arch *a)
{
    if (hf_length(c, "mlp_layer_types") != a->n_layers)
        return;
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].feed =
            strcmp(hf_text_item(c, "mlp_layer_types", i), "sparse") == 0 ? HF_EXPERTS : HF_DENSE;
}

static void fill_mixtral(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    hf_windows(c, a, 1);
    a->experts = (struct hf_experts){.n = hf_size(c, "num_local_experts"),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = a->width,
                                     .normed = true};
    hf_expert_layers(a, 0, 1, 0);
}

static void fill_phimoe(const struct hf_config *c, struct hf_arch *a)
{
    fill_mixtral(c, a);
    a->norm = HF_LAYER_NORM;
    a->experts.normed = false;
    a->head_bias = hf_flag(c, "lm_head_bias", false);
}

static void fill_granitemoe(const struct hf_config *c, struct hf_arch *a)
{
    fill_mixtral(c, a);
    a->scaled_embed = a->scaled_residual = a->scaled_logits = true;
}

static void fill_granite_shared(const struct hf_config *c, struct hf_arch *a)
{
    fill_granitemoe(c, a);
    a->experts.shared = hf_int(c, "shared_intermediate_size", 0);
}

static void fill_ernie_moe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = a->head_bias = hf_flag(c, "use_bias", false);
    int64_t every = hf_int(c, "moe_layer_interval", 1);
    int64_t first = hf_int(c, "moe_layer_start_index", 0);
    const struct fw_json *last = hf_value(c, "moe_layer_end_index"); // -1: none is the last
    a->experts = own_experts(c, "moe_num_shared_experts");
    a->experts.corrected = a->experts.normed = true;
    for (uint32_t i = 0; i < a->n_layers && every > 0; i++) {
        bool within = i >= first && (last == NULL || last->i < 0 || i <= last->i);
        if (within && (i + 1) % (uint64_t)every == 0)
            a->layer[i].feed = HF_EXPERTS;
    }
}

static void fill_minimax_m2(const struct hf_config *c, struct hf_arch *a)
{
    fill_mixtral(c, a);
    a->qk_norm = HF_QK_WIDE;
    a->experts.sigmoid = a->experts.corrected = true;
    a->rotary = hf_int(c, "rotary_dim", a->head);
}

void hf_qwen_experts(const struct hf_config *c, struct hf_arch *a)
{
    int64_t step = hf_int(c, "decoder_sparse_step", 1);
    a->experts = (struct hf_experts){.n = hf_int(c, "num_experts", 0),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = hf_size(c, "moe_intermediate_size"),
                                     .shared = hf_int(c, "shared_expert_intermediate_size", 0),
                                     .normed = hf_flag(c, "norm_topk_prob", false)};
    if (a->experts.n > 0 && step > 0)
        hf_expert_layers(a, 0, step, step - 1);
    for (uint32_t i = 0; i < a->n_layers; i++)
        if (hf_holds(c, "mlp_only_layers", i))
            a->layer[i].feed = HF_DENSE;
}

static void fill_qwen2_moe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_qwen2(c, a);
    a->qkv_bias = hf_flag(c, "qkv_bias", true);
    hf_qwen_experts(c, a);
}

static void fill_qwen3_moe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_qwen3(c, a);
    if (hf_flag(c, "use_sliding_window", false))
        hf_windows(c, a, 1); // of all layers: this class does not ask from which on
    hf_qwen_experts(c, a);
    a->experts.shared = 0;
}

static void fill_olmoe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_olmo2(c, a);
    hf_whole_heads(a);
    a->experts = (struct hf_experts){.n = hf_size(c, "num_experts"),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = a->width,
                                     .normed = hf_flag(c, "norm_topk_prob", false)};
    hf_expert_layers(a, 0, 1, 0);
}

static void fill_gpt_oss(const struct hf_config *c, struct hf_arch *a)
{
    fill_mixtral(c, a);
    a->qkv_bias = a->o_bias = hf_flag(c, "attention_bias", true);
    a->experts.bias = true;
    hf_windows(c, a, 2);
}

/* Layers before the first are dense. */
void hf_deepseek_experts(const struct hf_config *c, struct hf_arch *a, int64_t n)
{
    int64_t width = hf_size(c, "moe_intermediate_size");
    int64_t first = hf_int(c, "first_k_dense_replace", 0);
    if (n == 0 && hf_given(c, "n_routed_experts"))
        hf_complain(c, "n_routed_experts", "a positive number or null is wanted");
    a->experts = (struct hf_experts){.n = n,
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = width,
                                     .shared = width * hf_int(c, "n_shared_experts", 0),
                                     .normed = hf_flag(c, "norm_topk_prob", false)};
    if (a->experts.n > 0 && first < a->n_layers)
        hf_expert_layers(a, (uint32_t)first, hf_int(c, "moe_layer_freq", 1), 0);
}

static void fill_glm4_moe(const struct hf_config *c, struct hf_arch *a)
{
    a->further = &deepseek_further;
    hf_fill_glm(c, a);
    hf_deepseek_experts(c, a, hf_int(c, "n_routed_experts", 0));
    a->experts.sigmoid = a->experts.corrected = true;
    if (hf_flag(c, "use_qk_norm", false))
        a->qk_norm = HF_QK_HEAD;
}

static void fill_dots1(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_qwen3(c, a);
    hf_windows(c, a, 0);
    hf_deepseek_experts(c, a, hf_int(c, "n_routed_experts", 0));
    a->experts.sigmoid = a->experts.corrected = true;
}

void hf_latent_sizes(const struct hf_config *c, struct hf_arch *a, bool narrow)
{
    a->latent = (struct hf_latent){.q_rank = narrow ? hf_int(c, "q_lora_rank", 0) : 0,
                                   .kv_rank = hf_size(c, "kv_lora_rank"),
                                   .nope = hf_size(c, "qk_nope_head_dim"),
                                   .rope = hf_size(c, "qk_rope_head_dim"),
                                   .value = hf_has(c, "v_head_dim") || a->latent.value == 0
                                                ? hf_size(c, "v_head_dim")
                                                : a->latent.value};
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].mixer = HF_LATENT;
}

static void fill_deepseek_v2(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    /* Released files say null where the query has no narrow projection, and tools that write them
     * anew drop nulls: here an absent key is no default. */
    hf_latent_sizes(c, a, hf_given(c, "q_lora_rank") || strcmp(c->type, "deepseek_v2") != 0);
    hf_deepseek_experts(c, a, hf_int(c, "n_routed_experts", 0));
}

static void fill_deepseek_v3(const struct hf_config *c, struct hf_arch *a)
{
    a->further = &deepseek_further;
    fill_deepseek_v2(c, a);
    a->experts.sigmoid = a->experts.corrected = true;
}

static void fill_llama4(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_smollm3(c, a);
    a->feed_bias = false;
    if (hf_flag(c, "use_qk_norm", false))
        a->qk_norm = HF_QK_BARE;
    hf_windows(c, a, 0);
    int64_t chunk = hf_int(c, "attention_chunk_size", 0);
    int64_t every = hf_int(c, "interleave_moe_layer_step", 1);
    a->experts = (struct hf_experts){.n = hf_size(c, "num_local_experts"),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = a->width,
                                     .shared = a->width,
                                     .sigmoid = true};
    bool listed = hf_length(c, "moe_layers") > 0;
    if (!listed && every > 0)
        hf_expert_layers(a, 0, every, every - 1);
    for (uint32_t i = 0; i < a->n_layers; i++) {
        if (listed && hf_holds(c, "moe_layers", i))
            a->layer[i].feed = HF_EXPERTS;
        a->layer[i].width = hf_int(c, "intermediate_size_mlp", a->width);
        if (hf_length(c, "layer_types") == 0)
            a->layer[i].chunk = a->layer[i].rotary ? chunk : 0;
    }
}

static void fill_glm4_lite(const struct hf_config *c, struct hf_arch *a)
{
    fill_deepseek_v3(c, a);
    dense_first(a, hf_int(c, "first_k_dense_replace", 1));
    listed_experts(c, a);
}

static void fill_mistral4(const struct hf_config *c, struct hf_arch *a)
{
    fill_deepseek_v2(c, a);
    listed_experts(c, a);
}

/* Small heads choose the keys of every layer, or of some for those behind them (GLM). */
static void fill_deepseek_v32(const struct hf_config *c, struct hf_arch *a)
{
    fill_deepseek_v3(c, a);
    a->experts.normed = hf_flag(c, "norm_topk_prob", true);
    listed_experts(c, a);
    a->latent.index_heads = hf_size(c, "index_n_heads");
    a->latent.index_head = hf_size(c, "index_head_dim");
    a->latent.chosen = hf_size(c, "index_topk");
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].indexes = true;
    if (a->latent.q_rank < 1)
        hf_complain(c, "q_lora_rank", "a positive number is wanted");
}

static void fill_glm_moe_dsa(const struct hf_config *c, struct hf_arch *a)
{
    fill_deepseek_v32(c, a);
    const char *pattern = hf_text(c, "index_topk_pattern", NULL);
    int64_t every = hf_int(c, "index_topk_freq", 1);
    int64_t offset = hf_int(c, "index_skip_topk_offset", 2);
    bool listed = hf_length(c, "indexer_types") > 0;
    if (pattern != NULL && strlen(pattern) != a->n_layers)
        hf_complain(c, "index_topk_pattern", "a letter for each layer is wanted");
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        int64_t behind = i + 1 > offset ? i + 1 - offset : 0;
        a->layer[i].indexes = listed ? strcmp(hf_text_item(c, "indexer_types", i), "full") == 0
                              : pattern != NULL ? pattern[i] == 'F'
                                                : behind % (every < 1 ? 1 : every) == 0;
    }
    if (a->n_layers > 0 && !a->layer[0].indexes)
        hf_complain(c, "indexer_types", "a first layer that chooses keys is wanted");
}

/* Latent attention without experts. */
static void fill_youtu(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    hf_latent_sizes(c, a, true);
}

static void fill_minicpm3(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    int64_t value = hf_int(c, "v_head_dim", a->hidden / a->heads);
    a->latent.value = value;
    hf_latent_sizes(c, a, true);
    a->scaled_embed = a->scaled_residual = a->scaled_logits = true;
}

static void fill_solar(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->o_bias = a->feed_bias = false;
    hf_turn_part(c, a, 1);
    hf_deepseek_experts(c, a, hf_int(c, "n_routed_experts", 0));
    hf_expert_layers(a, 0, 1, 0);
    a->experts.sigmoid = a->experts.corrected = true;
}

static void fill_hunyuan_moe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->feed_bias = false;
    a->qk_norm = HF_QK_HEAD;
    int64_t width = hf_item(c, "moe_intermediate_size", 0, a->width);
    a->experts = (struct hf_experts){.n = hf_item(c, "num_experts", 0, 1),
                                     .top = hf_item(c, "moe_topk", 0, 1),
                                     .width = width,
                                     .shared = width * hf_item(c, "num_shared_expert", 0, 1),
                                     .normed = true};
    hf_expert_layers(a, 0, 1, 0);
}

static void fill_exaone_moe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = false;
    a->qk_norm = HF_QK_HEAD;
    hf_windows(c, a, hf_int(c, "sliding_window_pattern", 0));
    a->experts = own_experts(c, "num_shared_experts");
    a->experts.sigmoid = a->experts.corrected = true;
    a->experts.normed = hf_flag(c, "norm_topk_prob", true);
    dense_first(a, hf_int(c, "first_k_dense_replace", 0));
    listed_experts(c, a);
}

static void fill_afmoe(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->feed_bias = false;
    a->qk_norm = HF_QK_HEAD;
    a->scaled_embed = hf_flag(c, "mup_enabled", false);
    hf_windows(c, a, hf_int(c, "global_attn_every_n_layers", 4));
    a->experts = own_experts(c, "num_shared_experts");
    a->experts.sigmoid = a->experts.corrected = a->experts.flat = a->experts.normed = true;
    dense_first(a, hf_int(c, "num_dense_layers", 0));
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].rotary = a->layer[i].window > 0;
}

const struct hf_family hf_moes[] = {
    HF_DECODER_ROW("mixtral", "MixtralForCausalLM", mixtral, fill_mixtral),
    HF_DECODER_ROW("qwen2_moe", "Qwen2MoeForCausalLM", qwen_moe, fill_qwen2_moe),
    HF_DECODER_ROW("qwen3_moe", "Qwen3MoeForCausalLM", llama, fill_qwen3_moe),
    HF_DECODER_ROW("qwen3_vl_moe_text", "Qwen3VLMoeTextModel", seeing, fill_qwen3_moe),
    HF_DECODER_ROW("phimoe", "PhimoeForCausalLM", mixtral, fill_phimoe),
    HF_DECODER_ROW("olmoe", "OlmoeForCausalLM", llama, fill_olmoe),
    HF_DECODER_ROW("granitemoe", "GraniteMoeForCausalLM", granite_moe, fill_granitemoe),
    HF_DECODER_ROW("granitemoeshared", "GraniteMoeSharedForCausalLM", granite_shared,
                   fill_granite_shared),
    HF_DECODER_ROW("ernie4_5_moe", "Ernie4_5_MoeForCausalLM", ernie, fill_ernie_moe),
    HF_DECODER_ROW("gpt_oss", "GptOssForCausalLM", gpt_oss, fill_gpt_oss),
    HF_DECODER_ROW("deepseek_v2", "DeepseekV2ForCausalLM", deepseek, fill_deepseek_v2),
    HF_DECODER_ROW("deepseek_v3", "DeepseekV3ForCausalLM", deepseek, fill_deepseek_v3),
    HF_DECODER_ROW("deepseek_v32", "DeepseekV32ForCausalLM", deepseek, fill_deepseek_v32),
    HF_DECODER_ROW("glm_moe_dsa", "GlmMoeDsaForCausalLM", deepseek, fill_glm_moe_dsa),
    HF_DECODER_ROW("glm4_moe", "Glm4MoeForCausalLM", deepseek, fill_glm4_moe),
    HF_DECODER_ROW("dots1", "Dots1ForCausalLM", deepseek, fill_dots1),
    HF_DECODER_ROW("glm4_moe_lite", "Glm4MoeLiteForCausalLM", deepseek, fill_glm4_lite),
    HF_DECODER_ROW("mistral4", "Mistral4ForCausalLM", deepseek, fill_mistral4),
    HF_DECODER_ROW("youtu", "YoutuForCausalLM", llama, fill_youtu),
    HF_DECODER_ROW("minicpm3", "MiniCPM3ForCausalLM", llama, fill_minicpm3),
    HF_DECODER_ROW("solar_open", "SolarOpenForCausalLM", deepseek, fill_solar),
    HF_DECODER_ROW("hunyuan_v1_moe", "HunYuanMoEV1ForCausalLM", hunyuan, fill_hunyuan_moe),
    HF_DECODER_ROW("flex_olmo", "FlexOlmoForCausalLM", flex_olmo, fill_olmoe),
    HF_DECODER_ROW("exaone_moe", "ExaoneMoeForCausalLM", deepseek, fill_exaone_moe),
    HF_DECODER_ROW("afmoe", "AfmoeForCausalLM", afmoe, fill_afmoe),
    HF_DECODER_ROW("llama4_text", "Llama4ForCausalLM", llama4, fill_llama4),
    HF_DECODER_ROW("minimax_m2", "MiniMaxM2ForCausalLM", mixtral, fill_minimax_m2),
    {"kimi_k2", "deepseek_v3", "DeepseekV3ForCausalLM", &deepseek, fill_deepseek_v3,
     hf_build_decoder, "lm_head"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
