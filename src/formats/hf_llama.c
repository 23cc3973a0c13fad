/* Llama and what followed it, mixtures of experts included: a table of what differs.
 *
 * Sizes under the usual keys are read by hf_arch_init; a row's function says what is not as there.
 *
 * Sources: the configuration and modelling files of transformers, which tools/hf/expected.py asks
 * for what tests/hf/expected.tsv holds. */
#include "formats/hf.h"

#include <string.h>

/* ---- names ---- */

#define LLAMA_BASE                                                                   \
    .embed = "model.embed_tokens", .final = "model.norm", .layers = "model.layers.", \
    .norm1 = "input_layernorm", .norm2 = "post_attention_layernorm"
#define LLAMA_ATTENTION                                                        \
    .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj", \
    .o = "self_attn.o_proj"
#define LLAMA_QK .q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm"
#define LLAMA_FEED .gate = "mlp.gate_proj", .up = "mlp.up_proj", .down = "mlp.down_proj"
#define LLAMA_EXPERTS                                               \
    .router = "mlp.gate", .expert_gate = "mlp.experts.*.gate_proj", \
    .expert_up = "mlp.experts.*.up_proj", .expert_down = "mlp.experts.*.down_proj"
#define SHARED(stem) \
    .shared_gate = stem ".gate_proj", .shared_up = stem ".up_proj", .shared_down = stem ".down_proj"
#define LLAMA LLAMA_BASE, LLAMA_ATTENTION, LLAMA_QK, LLAMA_FEED, LLAMA_EXPERTS
#define GPT2_FEED .up = "mlp.c_fc", .down = "mlp.c_proj"

static const struct hf_names llama = {LLAMA};
static const struct hf_names qwen_moe = {LLAMA, SHARED("mlp.shared_expert"),
                                         .shared_switch = "mlp.shared_expert_gate"};
static const struct hf_names deepseek = {LLAMA, SHARED("mlp.shared_experts")};
static const struct hf_names gemma2 = {.embed = "model.embed_tokens",
                                       .final = "model.norm",
                                       .layers = "model.layers.",
                                       .norm1 = "input_layernorm",
                                       .post1 = "post_attention_layernorm",
                                       .norm2 = "pre_feedforward_layernorm",
                                       .post2 = "post_feedforward_layernorm",
                                       LLAMA_ATTENTION,
                                       LLAMA_QK,
                                       LLAMA_FEED};
static const struct hf_names olmo2 = {.embed = "model.embed_tokens",
                                      .final = "model.norm",
                                      .layers = "model.layers.",
                                      .post1 = "post_attention_layernorm",
                                      .post2 = "post_feedforward_layernorm",
                                      LLAMA_ATTENTION,
                                      LLAMA_QK,
                                      LLAMA_FEED};
static const struct hf_names one_norm = {.embed = "model.embed_tokens",
                                         .final = "model.norm",
                                         .layers = "model.layers.",
                                         .norm1 = "input_layernorm",
                                         LLAMA_ATTENTION,
                                         LLAMA_QK,
                                         LLAMA_FEED};
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
static const struct hf_names gpt_oss = {LLAMA_BASE,
                                        LLAMA_ATTENTION,
                                        .sinks = "self_attn.sinks",
                                        .router = "mlp.router",
                                        .router_bias = "mlp.router.bias",
                                        .expert_gate_up = "mlp.experts.gate_up_proj",
                                        .expert_down = "mlp.experts.down_proj"};
static const struct hf_names phi3 = {LLAMA_BASE, .qkv = "self_attn.qkv_proj",
                                     .o = "self_attn.o_proj", .gate_up = "mlp.gate_up_proj",
                                     .down = "mlp.down_proj"};
static const struct hf_names glm = {LLAMA_BASE, LLAMA_ATTENTION, .gate_up = "mlp.gate_up_proj",
                                    .down = "mlp.down_proj"};
static const struct hf_names glm4 = {
    LLAMA_BASE,      .post1 = "post_self_attn_layernorm", .post2 = "post_mlp_layernorm",
    LLAMA_ATTENTION, .gate_up = "mlp.gate_up_proj",       .down = "mlp.down_proj"};
static const struct hf_names phi = {.embed = "model.embed_tokens",
                                    .final = "model.final_layernorm",
                                    .layers = "model.layers.",
                                    .norm1 = "input_layernorm",
                                    .q = "self_attn.q_proj",
                                    .k = "self_attn.k_proj",
                                    .v = "self_attn.v_proj",
                                    .o = "self_attn.dense",
                                    .q_norm = "self_attn.q_layernorm",
                                    .k_norm = "self_attn.k_layernorm",
                                    .up = "mlp.fc1",
                                    .down = "mlp.fc2"};
static const struct hf_names stablelm = {LLAMA_BASE, LLAMA_ATTENTION,
                                         .q_norm = "self_attn.q_layernorm",
                                         .k_norm = "self_attn.k_layernorm", LLAMA_FEED};
static const struct hf_names stablelm_parallel = {.embed = "model.embed_tokens",
                                                  .final = "model.norm",
                                                  .layers = "model.layers.",
                                                  .norm1 = "input_layernorm",
                                                  LLAMA_ATTENTION,
                                                  .q_norm = "self_attn.q_layernorm",
                                                  .k_norm = "self_attn.k_layernorm",
                                                  LLAMA_FEED};
static const struct hf_names starcoder2 = {LLAMA_BASE, LLAMA_ATTENTION, GPT2_FEED};
static const struct hf_names hunyuan = {LLAMA_BASE, LLAMA_ATTENTION,
                                        .q_norm = "self_attn.query_layernorm",
                                        .k_norm = "self_attn.key_layernorm", LLAMA_FEED};
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
/* Of layers from max_window_layers on, where use_sliding_window asks for it. */
static void late_windows(const struct hf_config *c, struct hf_arch *a)
{
    if (!hf_flag(c, "use_sliding_window", false))
        return;
    hf_windows(c, a, 0);
    int64_t first = hf_int(c, "max_window_layers", 0);
    for (uint32_t i = 0; hf_length(c, "layer_types") == 0 && i < a->n_layers; i++)
        a->layer[i].window = i >= first ? hf_int(c, "sliding_window", 0) : 0;
}

/* ---- llama and what followed it ---- */

static void fill_llama(const struct hf_config *c, struct hf_arch *a)
{
    a->gated = true;
    a->rotary = a->head;
    a->qkv_bias = a->o_bias = hf_flag(c, "attention_bias", false);
    a->feed_bias = hf_flag(c, "mlp_bias", false);
}

static void fill_mistral(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    hf_windows(c, a, 1);
}

static void fill_qwen2(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qkv_bias = true;
    a->o_bias = false;
    late_windows(c, a);
}

static void fill_qwen3(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qk_norm = HF_QK_HEAD;
    late_windows(c, a);
}

static void fill_smollm3(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    int64_t every = hf_int(c, "no_rope_layer_interval", 4);
    bool listed = hf_length(c, "no_rope_layers") == a->n_layers;
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].rotary = listed ? hf_item(c, "no_rope_layers", i, 1) != 0
                                    : every > 0 && (i + 1) % (uint64_t)every != 0;
    late_windows(c, a);
}

static void fill_gemma(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->scaled_embed = true;
}

static void fill_gemma2(const struct hf_config *c, struct hf_arch *a)
{
    fill_gemma(c, a);
    a->softcap = hf_float(c, "attn_logit_softcapping", 0);
    a->logit_cap = hf_float(c, "final_logit_softcapping", 0);
    hf_windows(c, a, 2);
}

static void fill_gemma3(const struct hf_config *c, struct hf_arch *a)
{
    fill_gemma(c, a);
    a->qk_norm = HF_QK_HEAD;
    a->softcap = hf_float(c, "attn_logit_softcapping", 0);
    a->logit_cap = hf_float(c, "final_logit_softcapping", 0);
    hf_windows(c, a, hf_int(c, "sliding_window_pattern", 6));
}

static void fill_olmo(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->norm = HF_BARE_NORM;
}

static void fill_olmo2(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qk_norm = HF_QK_WIDE;
}

static void fill_olmo3(const struct hf_config *c, struct hf_arch *a)
{
    fill_olmo2(c, a);
    hf_windows(c, a, 4);
}

static void fill_exaone4(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qkv_bias = a->o_bias = false;
    a->qk_norm = HF_QK_HEAD;
    hf_windows(c, a, hf_int(c, "sliding_window_pattern", 0));
}

static void fill_cohere(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->norm = HF_LAYER_NORM_PLAIN;
    a->layout = HF_PARALLEL;
    a->scaled_logits = true;
    if (hf_flag(c, "use_qk_norm", false))
        a->qk_norm = HF_QK_HEADS;
}

static void fill_cohere2(const struct hf_config *c, struct hf_arch *a)
{
    fill_cohere(c, a);
    a->qk_norm = HF_QK_PLAIN;
    hf_windows(c, a, hf_int(c, "sliding_window_pattern", 4));
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].rotary = a->layer[i].window > 0;
}

static void fill_granite(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->scaled_embed = a->scaled_residual = a->scaled_logits = true;
}

static void fill_phi3(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = false;
    hf_turn_part(c, a, 1);
    hf_windows(c, a, 1);
}

static void fill_glm(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->o_bias = a->feed_bias = false;
    hf_turn_part(c, a, 0.5);
}

static void fill_seed(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->o_bias = hf_flag(c, "attention_out_bias", false);
}

static void fill_ernie(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = hf_flag(c, "use_bias", false);
}

static void fill_hunyuan(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qk_norm = HF_QK_HEAD;
    a->feed_bias = false;
}

static void fill_stablelm(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->qkv_bias = hf_flag(c, "use_qkv_bias", false);
    a->o_bias = a->feed_bias = false;
    a->norm = HF_LAYER_NORM;
    hf_turn_part(c, a, 0.25);
    if (hf_flag(c, "qk_layernorm", false))
        a->qk_norm = HF_QK_HEADS;
    if (!hf_flag(c, "use_parallel_residual", false))
        return;
    a->layout = HF_PARALLEL;
    a->names = &stablelm_parallel;
}

static void fill_starcoder2(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->rotary = a->head;
    a->qkv_bias = a->o_bias = a->feed_bias = hf_flag(c, "use_bias", true);
    hf_windows(c, a, 1);
}

static void fill_nemotron(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->gated = false;
    a->norm = HF_LAYER_NORM;
    hf_turn_part(c, a, 0.5);
}

static void fill_arcee(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    a->gated = false;
}

static void fill_phi(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->layout = HF_PARALLEL;
    a->qkv_bias = a->o_bias = a->feed_bias = a->head_bias = true;
    hf_turn_part(c, a, 0.5);
    if (hf_has(c, "rotary_dim"))
        a->rotary = hf_int(c, "rotary_dim", 0);
    if (hf_flag(c, "qk_layernorm", false)) {
        a->qk_norm = HF_QK_HEAD;
        a->q_norm_shift = true;
    }
}

/* The form in which it was first released: widths under GPT-2's names. */
static void fill_phi_msft(const struct hf_config *c, struct hf_arch *a)
{
    a->width = hf_int(c, "n_inner", 4 * a->hidden);
    hf_arch_spread(a);
    fill_phi(c, a);
}

/* ---- mixtures of experts ---- */

static void fill_mixtral(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
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
    fill_qwen2(c, a);
    a->qkv_bias = hf_flag(c, "qkv_bias", true);
    hf_qwen_experts(c, a);
}

static void fill_qwen3_moe(const struct hf_config *c, struct hf_arch *a)
{
    fill_qwen3(c, a);
    hf_qwen_experts(c, a);
    a->experts.shared = 0;
}

static void fill_olmoe(const struct hf_config *c, struct hf_arch *a)
{
    fill_olmo2(c, a);
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

/* Experts as deepseek has them; layers before the first are dense. */
static void fill_deepseek_experts(const struct hf_config *c, struct hf_arch *a)
{
    int64_t width = hf_size(c, "moe_intermediate_size");
    int64_t first = hf_int(c, "first_k_dense_replace", 0);
    a->experts = (struct hf_experts){.n = hf_int(c, "n_routed_experts", 0),
                                     .top = hf_size(c, "num_experts_per_tok"),
                                     .width = width,
                                     .shared = width * hf_int(c, "n_shared_experts", 0),
                                     .normed = hf_flag(c, "norm_topk_prob", false)};
    if (a->experts.n > 0 && first < a->n_layers)
        hf_expert_layers(a, (uint32_t)first, hf_int(c, "moe_layer_freq", 1), 0);
}

static void fill_glm4_moe(const struct hf_config *c, struct hf_arch *a)
{
    fill_glm(c, a);
    fill_deepseek_experts(c, a);
    a->experts.sigmoid = a->experts.corrected = true;
    if (hf_flag(c, "use_qk_norm", false))
        a->qk_norm = HF_QK_HEAD;
}

static void fill_dots1(const struct hf_config *c, struct hf_arch *a)
{
    fill_qwen3(c, a);
    hf_windows(c, a, 0);
    fill_deepseek_experts(c, a);
    a->experts.sigmoid = a->experts.corrected = true;
}

static void fill_deepseek_v2(const struct hf_config *c, struct hf_arch *a)
{
    fill_llama(c, a);
    /* Released files say null where the query has no narrow projection, and tools that write them
     * anew drop nulls: here an absent key is no default. */
    bool narrow = hf_given(c, "q_lora_rank") || strcmp(c->type, "deepseek_v2") != 0;
    a->latent = (struct hf_latent){.q_rank = narrow ? hf_int(c, "q_lora_rank", 0) : 0,
                                   .kv_rank = hf_size(c, "kv_lora_rank"),
                                   .nope = hf_size(c, "qk_nope_head_dim"),
                                   .rope = hf_size(c, "qk_rope_head_dim"),
                                   .value = hf_size(c, "v_head_dim")};
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].mixer = HF_LATENT;
    fill_deepseek_experts(c, a);
}

static void fill_deepseek_v3(const struct hf_config *c, struct hf_arch *a)
{
    fill_deepseek_v2(c, a);
    a->experts.sigmoid = a->experts.corrected = true;
}

static void fill_llama4(const struct hf_config *c, struct hf_arch *a)
{
    fill_smollm3(c, a);
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

#define ROW(type, model, names, fill)                                  \
    {                                                                  \
        type, NULL, model, &(names), fill, hf_build_decoder, "lm_head" \
    }
const struct hf_family hf_llamas[] = {
    ROW("llama", "LlamaForCausalLM", llama, fill_llama),
    ROW("mistral", "MistralForCausalLM", llama, fill_mistral),
    ROW("ministral", "MinistralForCausalLM", llama, fill_mistral),
    ROW("ministral3", "Ministral3ForCausalLM", llama, fill_mistral),
    ROW("mixtral", "MixtralForCausalLM", mixtral, fill_mixtral),
    ROW("qwen2", "Qwen2ForCausalLM", llama, fill_qwen2),
    ROW("qwen2_moe", "Qwen2MoeForCausalLM", qwen_moe, fill_qwen2_moe),
    ROW("qwen3", "Qwen3ForCausalLM", llama, fill_qwen3),
    ROW("qwen3_moe", "Qwen3MoeForCausalLM", llama, fill_qwen3_moe),
    ROW("gemma", "GemmaForCausalLM", llama, fill_gemma),
    ROW("gemma2", "Gemma2ForCausalLM", gemma2, fill_gemma2),
    ROW("gemma3_text", "Gemma3ForCausalLM", gemma2, fill_gemma3),
    ROW("vaultgemma", "VaultGemmaForCausalLM", llama, fill_gemma2),
    ROW("phi", "PhiForCausalLM", phi, fill_phi),
    {"phi-msft", "phi", "PhiForCausalLM", &phi, fill_phi_msft, hf_build_decoder, "lm_head"},
    ROW("phi3", "Phi3ForCausalLM", phi3, fill_phi3),
    ROW("phimoe", "PhimoeForCausalLM", mixtral, fill_phimoe),
    ROW("stablelm", "StableLmForCausalLM", stablelm, fill_stablelm),
    ROW("starcoder2", "Starcoder2ForCausalLM", starcoder2, fill_starcoder2),
    ROW("olmo", "OlmoForCausalLM", llama, fill_olmo),
    ROW("olmo2", "Olmo2ForCausalLM", olmo2, fill_olmo2),
    ROW("olmo3", "Olmo3ForCausalLM", olmo2, fill_olmo3),
    ROW("olmoe", "OlmoeForCausalLM", llama, fill_olmoe),
    ROW("cohere", "CohereForCausalLM", one_norm, fill_cohere),
    ROW("cohere2", "Cohere2ForCausalLM", one_norm, fill_cohere2),
    ROW("granite", "GraniteForCausalLM", llama, fill_granite),
    ROW("granitemoe", "GraniteMoeForCausalLM", granite_moe, fill_granitemoe),
    ROW("gpt_oss", "GptOssForCausalLM", gpt_oss, fill_gpt_oss),
    ROW("deepseek_v2", "DeepseekV2ForCausalLM", deepseek, fill_deepseek_v2),
    ROW("deepseek_v3", "DeepseekV3ForCausalLM", deepseek, fill_deepseek_v3),
    {"kimi_k2", "deepseek_v3", "DeepseekV3ForCausalLM", &deepseek, fill_deepseek_v3,
     hf_build_decoder, "lm_head"},
    ROW("glm", "GlmForCausalLM", glm, fill_glm),
    ROW("glm4", "Glm4ForCausalLM", glm4, fill_glm),
    ROW("glm4_moe", "Glm4MoeForCausalLM", deepseek, fill_glm4_moe),
    ROW("dots1", "Dots1ForCausalLM", deepseek, fill_dots1),
    ROW("llama4_text", "Llama4ForCausalLM", llama4, fill_llama4),
    ROW("nemotron", "NemotronForCausalLM", llama, fill_nemotron),
    ROW("arcee", "ArceeForCausalLM", llama, fill_arcee),
    ROW("minimax_m2", "MiniMaxM2ForCausalLM", mixtral, fill_minimax_m2),
    ROW("smollm3", "SmolLM3ForCausalLM", llama, fill_smollm3),
    ROW("seed_oss", "SeedOssForCausalLM", llama, fill_seed),
    ROW("ernie4_5", "Ernie4_5ForCausalLM", llama, fill_ernie),
    ROW("exaone4", "Exaone4ForCausalLM", olmo2, fill_exaone4),
    ROW("hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", hunyuan, fill_hunyuan),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
