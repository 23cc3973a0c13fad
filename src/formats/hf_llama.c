/* Llama and what followed it, mixtures of experts included: a table of what differs.
 *
 * Sizes under the usual keys are read by hf_arch_init; a row's function says what is not as there.
 *
 * Sources: the configuration and modelling files of transformers, which tools/hf/expected.py asks
 * for what tests/hf/expected.tsv holds. */
#include "formats/hf_llama.h"

#include <string.h>

/* ---- names ---- */

#define GPT2_FEED .up = "mlp.c_fc", .down = "mlp.c_proj"

static const struct hf_names llama = {LLAMA};
/* The words of a model that sees. */
static const struct hf_names seeing = {.embed = "model.language_model.embed_tokens",
                                       .final = "model.language_model.norm",
                                       .layers = "model.language_model.layers.",
                                       LLAMA_LAYER};
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
static const struct hf_names apertus = {.embed = "model.embed_tokens",
                                        .final = "model.norm",
                                        .layers = "model.layers.",
                                        .norm1 = "attention_layernorm",
                                        .norm2 = "feedforward_layernorm",
                                        LLAMA_ATTENTION,
                                        LLAMA_QK,
                                        .up = "mlp.up_proj",
                                        .down = "mlp.down_proj"};
static const struct hf_names bitnet = {LLAMA, .o_norm = "self_attn.attn_sub_norm",
                                       .down_norm = "mlp.ffn_sub_norm"};
static const struct hf_names exaone = {.embed = "transformer.wte",
                                       .final = "transformer.ln_f",
                                       .layers = "transformer.h.",
                                       .norm1 = "ln_1",
                                       .norm2 = "ln_2",
                                       .q = "attn.attention.q_proj",
                                       .k = "attn.attention.k_proj",
                                       .v = "attn.attention.v_proj",
                                       .o = "attn.attention.out_proj",
                                       .gate = "mlp.c_fc_0",
                                       .up = "mlp.c_fc_1",
                                       .down = "mlp.c_proj"};
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

void hf_fill_llama(const struct hf_config *c, struct hf_arch *a)
{
    a->gated = true;
    a->rotary = a->head;
    a->qkv_bias = a->o_bias = hf_flag(c, "attention_bias", false);
    a->feed_bias = hf_flag(c, "mlp_bias", false);
}

static void fill_mistral(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    hf_windows(c, a, 1);
}

void hf_fill_qwen2(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = true;
    a->o_bias = false;
    late_windows(c, a);
}

void hf_fill_qwen3(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qk_norm = HF_QK_HEAD;
    late_windows(c, a);
}

void hf_fill_smollm3(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    int64_t every = hf_int(c, "no_rope_layer_interval", 4);
    bool listed = hf_length(c, "no_rope_layers") == a->n_layers;
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].rotary = listed ? hf_item(c, "no_rope_layers", i, 1) != 0
                                    : every > 0 && (i + 1) % (uint64_t)every != 0;
    late_windows(c, a);
}

static void fill_gemma(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
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
    hf_fill_llama(c, a);
    a->norm = HF_BARE_NORM;
}

void hf_fill_olmo2(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qk_norm = HF_QK_WIDE;
}

static void fill_olmo3(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_olmo2(c, a);
    hf_windows(c, a, 4);
}

static void fill_exaone4(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = false;
    a->qk_norm = HF_QK_HEAD;
    hf_windows(c, a, hf_int(c, "sliding_window_pattern", 0));
}

static void fill_cohere(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
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
    hf_fill_llama(c, a);
    a->scaled_embed = a->scaled_residual = a->scaled_logits = true;
}

static void fill_phi3(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = false;
    hf_turn_part(c, a, 1);
    hf_windows(c, a, 1);
}

void hf_fill_glm(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->o_bias = a->feed_bias = false;
    hf_turn_part(c, a, 0.5);
}

static void fill_seed(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->o_bias = hf_flag(c, "attention_out_bias", false);
}

static void fill_ernie(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = hf_flag(c, "use_bias", false);
}

static void fill_hunyuan(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qk_norm = HF_QK_HEAD;
    a->feed_bias = false;
}

static void fill_stablelm(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
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
    hf_fill_llama(c, a);
    a->gated = false;
    a->norm = HF_LAYER_NORM;
    hf_turn_part(c, a, 0.5);
}

static void fill_arcee(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->gated = false;
}

static void fill_apertus(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->gated = a->feed_bias = false;
    a->qk_norm = HF_QK_HEAD;
}

static void fill_helium(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->o_bias = false;
    hf_whole_heads(a);
}

static void fill_bitnet(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    hf_whole_heads(a);
    a->feed_bias = false;
}

static void fill_jais2(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->gated = false;
    a->norm = HF_LAYER_NORM;
}

/* Every fourth layer, from the first, looks at all that went before. */
static void fill_cwm(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = false;
    hf_windows(c, a, 0);
    for (uint32_t i = 0; hf_length(c, "layer_types") == 0 && i < a->n_layers; i++)
        a->layer[i].window = i % 4 == 0 ? 0 : hf_int(c, "sliding_window", 0);
}

/* As released: its class never was part of transformers. */
static void fill_exaone(const struct hf_config *c, struct hf_arch *a)
{
    hf_fill_llama(c, a);
    a->qkv_bias = a->o_bias = a->feed_bias = false;
    a->tied = hf_flag(c, "tie_word_embeddings", false);
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

const struct hf_family hf_llamas[] = {
    HF_DECODER_ROW("llama", "LlamaForCausalLM", llama, hf_fill_llama),
    HF_DECODER_ROW("mistral", "MistralForCausalLM", llama, fill_mistral),
    HF_DECODER_ROW("ministral", "MinistralForCausalLM", llama, fill_mistral),
    HF_DECODER_ROW("ministral3", "Ministral3ForCausalLM", llama, fill_mistral),
    HF_DECODER_ROW("qwen2", "Qwen2ForCausalLM", llama, hf_fill_qwen2),
    HF_DECODER_ROW("qwen3", "Qwen3ForCausalLM", llama, hf_fill_qwen3),
    HF_DECODER_ROW("qwen2_vl_text", "Qwen2VLTextModel", llama, hf_fill_qwen2),
    HF_DECODER_ROW("qwen2_5_vl_text", "Qwen2_5_VLTextModel", llama, hf_fill_qwen2),
    HF_DECODER_ROW("qwen3_vl_text", "Qwen3VLTextModel", seeing, hf_fill_qwen3),
    HF_DECODER_ROW("gemma", "GemmaForCausalLM", llama, fill_gemma),
    HF_DECODER_ROW("gemma2", "Gemma2ForCausalLM", gemma2, fill_gemma2),
    HF_DECODER_ROW("gemma3_text", "Gemma3ForCausalLM", gemma2, fill_gemma3),
    HF_DECODER_ROW("vaultgemma", "VaultGemmaForCausalLM", llama, fill_gemma2),
    HF_DECODER_ROW("phi", "PhiForCausalLM", phi, fill_phi),
    {"phi-msft", "phi", "PhiForCausalLM", &phi, fill_phi_msft, hf_build_decoder, "lm_head"},
    HF_DECODER_ROW("phi3", "Phi3ForCausalLM", phi3, fill_phi3),
    HF_DECODER_ROW("stablelm", "StableLmForCausalLM", stablelm, fill_stablelm),
    {"stablelm_epoch", "stablelm", "StableLMEpochForCausalLM", &stablelm, fill_stablelm,
     hf_build_decoder, "lm_head"},
    HF_DECODER_ROW("starcoder2", "Starcoder2ForCausalLM", starcoder2, fill_starcoder2),
    HF_DECODER_ROW("olmo", "OlmoForCausalLM", llama, fill_olmo),
    HF_DECODER_ROW("olmo2", "Olmo2ForCausalLM", olmo2, hf_fill_olmo2),
    HF_DECODER_ROW("olmo3", "Olmo3ForCausalLM", olmo2, fill_olmo3),
    HF_DECODER_ROW("cohere", "CohereForCausalLM", one_norm, fill_cohere),
    HF_DECODER_ROW("cohere2", "Cohere2ForCausalLM", one_norm, fill_cohere2),
    HF_DECODER_ROW("granite", "GraniteForCausalLM", llama, fill_granite),
    HF_DECODER_ROW("glm", "GlmForCausalLM", glm, hf_fill_glm),
    HF_DECODER_ROW("glm4", "Glm4ForCausalLM", glm4, hf_fill_glm),
    HF_DECODER_ROW("nemotron", "NemotronForCausalLM", llama, fill_nemotron),
    HF_DECODER_ROW("arcee", "ArceeForCausalLM", llama, fill_arcee),
    HF_DECODER_ROW("smollm3", "SmolLM3ForCausalLM", llama, hf_fill_smollm3),
    HF_DECODER_ROW("seed_oss", "SeedOssForCausalLM", llama, fill_seed),
    HF_DECODER_ROW("ernie4_5", "Ernie4_5ForCausalLM", llama, fill_ernie),
    HF_DECODER_ROW("exaone4", "Exaone4ForCausalLM", olmo2, fill_exaone4),
    HF_DECODER_ROW("apertus", "ApertusForCausalLM", apertus, fill_apertus),
    HF_DECODER_ROW("helium", "HeliumForCausalLM", llama, fill_helium),
    HF_DECODER_ROW("bitnet", "BitNetForCausalLM", bitnet, fill_bitnet),
    HF_DECODER_ROW("jais2", "Jais2ForCausalLM", llama, fill_jais2),
    HF_DECODER_ROW("cwm", "CwmForCausalLM", llama, fill_cwm),
    HF_DECODER_ROW("exaone", "ExaoneForCausalLM", exaone, fill_exaone),
    HF_DECODER_ROW("hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", hunyuan, fill_hunyuan),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
