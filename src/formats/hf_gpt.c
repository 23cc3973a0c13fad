/* GPT-2 and what stands near it: a table of what differs; see hf_llama.c. */
#include "formats/hf.h"

#include <string.h>

/* ---- names ---- */

#define GPT2_FEED .up = "mlp.c_fc", .down = "mlp.c_proj"
#define NEOX_FEED .up = "mlp.dense_h_to_4h", .down = "mlp.dense_4h_to_h"
static const struct hf_names gpt2 = {.embed = "transformer.wte",
                                     .positions = "transformer.wpe",
                                     .layers = "transformer.h.",
                                     .final = "transformer.ln_f",
                                     .norm1 = "ln_1",
                                     .norm2 = "ln_2",
                                     .qkv = "attn.c_attn",
                                     .o = "attn.c_proj",
                                     .cross_norm = "ln_cross_attn",
                                     .cross_q = "crossattention.q_attn",
                                     .cross_kv = "crossattention.c_attn",
                                     .cross_o = "crossattention.c_proj",
                                     GPT2_FEED};
static const struct hf_names gpt_neo = {.embed = "transformer.wte",
                                        .positions = "transformer.wpe",
                                        .layers = "transformer.h.",
                                        .final = "transformer.ln_f",
                                        .norm1 = "ln_1",
                                        .norm2 = "ln_2",
                                        .q = "attn.attention.q_proj",
                                        .k = "attn.attention.k_proj",
                                        .v = "attn.attention.v_proj",
                                        .o = "attn.attention.out_proj",
                                        GPT2_FEED};
static const struct hf_names gptj = {.embed = "transformer.wte",
                                     .layers = "transformer.h.",
                                     .final = "transformer.ln_f",
                                     .norm1 = "ln_1",
                                     .q = "attn.q_proj",
                                     .k = "attn.k_proj",
                                     .v = "attn.v_proj",
                                     .o = "attn.out_proj",
                                     .up = "mlp.fc_in",
                                     .down = "mlp.fc_out"};
static const struct hf_names codegen = {.embed = "transformer.wte",
                                        .layers = "transformer.h.",
                                        .final = "transformer.ln_f",
                                        .norm1 = "ln_1",
                                        .qkv = "attn.qkv_proj",
                                        .o = "attn.out_proj",
                                        .up = "mlp.fc_in",
                                        .down = "mlp.fc_out"};
static const struct hf_names gpt_neox = {.embed = "gpt_neox.embed_in",
                                         .layers = "gpt_neox.layers.",
                                         .final = "gpt_neox.final_layer_norm",
                                         .norm1 = "input_layernorm",
                                         .norm2 = "post_attention_layernorm",
                                         .qkv = "attention.query_key_value",
                                         .o = "attention.dense",
                                         NEOX_FEED};
static const struct hf_names bloom = {.embed = "transformer.word_embeddings",
                                      .embed_norm = "transformer.word_embeddings_layernorm",
                                      .layers = "transformer.h.",
                                      .final = "transformer.ln_f",
                                      .norm1 = "input_layernorm",
                                      .norm2 = "post_attention_layernorm",
                                      .qkv = "self_attention.query_key_value",
                                      .o = "self_attention.dense",
                                      NEOX_FEED};
#define FALCON                                                            \
    .embed = "transformer.word_embeddings", .layers = "transformer.h.",   \
    .final = "transformer.ln_f", .qkv = "self_attention.query_key_value", \
    .o = "self_attention.dense", NEOX_FEED
static const struct hf_names falcon = {FALCON, .norm1 = "input_layernorm"};
static const struct hf_names falcon_two = {FALCON, .norm1 = "ln_attn", .norm2 = "ln_mlp"};
static const struct hf_names falcon_serial = {FALCON, .norm1 = "input_layernorm",
                                              .norm2 = "post_attention_layernorm"};
static const struct hf_names mpt = {.embed = "transformer.wte",
                                    .layers = "transformer.blocks.",
                                    .final = "transformer.norm_f",
                                    .norm1 = "norm_1",
                                    .norm2 = "norm_2",
                                    .qkv = "attn.Wqkv",
                                    .o = "attn.out_proj",
                                    .up = "ffn.up_proj",
                                    .down = "ffn.down_proj"};
static const struct hf_names dbrx = {.embed = "transformer.wte",
                                     .layers = "transformer.blocks.",
                                     .final = "transformer.norm_f",
                                     .norm1 = "norm_attn_norm.norm_1",
                                     .norm2 = "norm_attn_norm.norm_2",
                                     .qkv = "norm_attn_norm.attn.Wqkv",
                                     .o = "norm_attn_norm.attn.out_proj",
                                     .router = "ffn.router.layer",
                                     .expert_gate = "ffn.experts.mlp.w1",
                                     .expert_up = "ffn.experts.mlp.v1",
                                     .expert_down = "ffn.experts.mlp.w2"};
#define OPT                                                                              \
    .embed = "model.decoder.embed_tokens", .positions = "model.decoder.embed_positions", \
    .layers = "model.decoder.layers.", .norm1 = "self_attn_layer_norm",                  \
    .norm2 = "final_layer_norm", .q = "self_attn.q_proj", .k = "self_attn.k_proj",       \
    .v = "self_attn.v_proj", .o = "self_attn.out_proj", .up = "fc1", .down = "fc2"
static const struct hf_names opt = {OPT, .final = "model.decoder.final_layer_norm"};
static const struct hf_names opt_after = {OPT};
static const struct hf_names biogpt = {.embed = "biogpt.embed_tokens",
                                       .positions = "biogpt.embed_positions",
                                       .layers = "biogpt.layers.",
                                       .final = "biogpt.layer_norm",
                                       .norm1 = "self_attn_layer_norm",
                                       .norm2 = "final_layer_norm",
                                       .q = "self_attn.q_proj",
                                       .k = "self_attn.k_proj",
                                       .v = "self_attn.v_proj",
                                       .o = "self_attn.out_proj",
                                       .up = "fc1",
                                       .down = "fc2"};

/* ---- gpt2 and its time ---- */

static void fill_gpt2(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->qkv_bias = a->o_bias = a->feed_bias = true;
    a->positions = hf_size(c, "max_position_embeddings");
    a->width = hf_int(c, "n_inner", 4 * a->hidden);
    if (hf_flag(c, "add_cross_attention", false))
        hf_arch_look_at_input(a);
    hf_whole_heads(a);
    hf_arch_spread(a);
}

static void fill_gpt_bigcode(const struct hf_config *c, struct hf_arch *a)
{
    fill_gpt2(c, a);
    bool one_key = hf_flag(c, "multi_query", true);
    if (one_key && a->cross)
        hf_complain(c, "add_cross_attention", "false is wanted beside 'multi_query'");
    if (one_key)
        a->kv_heads = 1;
    hf_arch_spread(a);
}

static void fill_gpt_neo(const struct hf_config *c, struct hf_arch *a)
{
    fill_gpt2(c, a);
    a->qkv_bias = false;
    a->unscaled = true;
    a->width = hf_int(c, "intermediate_size", 4 * a->hidden);
    hf_arch_spread(a);
    bool listed = hf_length(c, "attention_layers") == a->n_layers;
    for (uint32_t i = 0; i < a->n_layers; i++)
        if (listed ? strcmp(hf_text_item(c, "attention_layers", i), "local") == 0 : i % 2 == 1)
            a->layer[i].window = hf_int(c, "window_size", 256);
}

static void fill_gptj(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->layout = HF_PARALLEL;
    a->feed_bias = a->head_bias = true;
    a->width = hf_int(c, "n_inner", 4 * a->hidden);
    a->rotary = hf_int(c, "rotary_dim", a->head);
    hf_arch_spread(a);
}

static void fill_gpt_neox(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->layout = hf_flag(c, "use_parallel_residual", true) ? HF_PARALLEL : HF_BEFORE;
    a->qkv_bias = a->o_bias = hf_flag(c, "attention_bias", true);
    a->feed_bias = true;
    hf_turn_part(c, a, hf_float(c, "rotary_pct", 0.25));
}

static void fill_opt(const struct hf_config *c, struct hf_arch *a)
{
    bool before = hf_flag(c, "do_layer_norm_before", true);
    a->norm = hf_flag(c, "layer_norm_elementwise_affine", true) ? HF_LAYER_NORM : HF_BARE_NORM;
    a->qkv_bias = a->o_bias = a->feed_bias = hf_flag(c, "enable_bias", true);
    a->positions = hf_size(c, "max_position_embeddings") + 2;
    a->width = hf_size(c, "ffn_dim");
    a->embed_width = hf_int(c, "word_embed_proj_dim", a->hidden);
    if (a->embed_width == a->hidden || !hf_given(c, "word_embed_proj_dim"))
        a->embed_width = 0;
    a->positions_wide = true;
    if (a->embed_width != 0)
        a->embed_in = "model.decoder.project_in";
    if (!before)
        a->layout = HF_AFTER;
    if (!before || hf_flag(c, "_remove_final_layer_norm", false))
        a->names = &opt_after;
    hf_arch_spread(a);
}

static void fill_biogpt(const struct hf_config *c, struct hf_arch *a)
{
    a->norm = HF_LAYER_NORM;
    a->qkv_bias = a->o_bias = a->feed_bias = true;
    a->positions = hf_size(c, "max_position_embeddings") + 2;
    a->scaled_embed = hf_flag(c, "scale_embedding", true);
}

static void fill_bloom(const struct hf_config *c, struct hf_arch *a)
{
    (void)c;
    a->norm = HF_LAYER_NORM;
    a->qkv_bias = a->o_bias = a->feed_bias = true;
    a->alibi = true;
    hf_whole_heads(a);
    a->act = "gelu_new";
    a->width = 4 * a->hidden;
    hf_arch_spread(a);
}

static void fill_falcon(const struct hf_config *c, struct hf_arch *a)
{
    bool newer = hf_flag(c, "new_decoder_architecture", false);
    bool parallel = newer || hf_flag(c, "parallel_attn", true);
    a->norm = HF_LAYER_NORM;
    a->layout = parallel ? HF_PARALLEL : HF_BEFORE;
    a->qkv_bias = a->o_bias = a->feed_bias = hf_flag(c, "bias", false);
    a->kv_heads =
        newer || !hf_flag(c, "multi_query", true) ? hf_int(c, "num_kv_heads", a->heads) : 1;
    a->width = hf_int(c, "ffn_hidden_size", 4 * a->hidden);
    a->alibi = hf_flag(c, "alibi", false);
    a->rotary = a->alibi ? 0 : a->head;
    if (newer && hf_int(c, "num_ln_in_parallel_attn", 2) == 2)
        a->names = &falcon_two;
    else if (!parallel)
        a->names = &falcon_serial;
    hf_arch_spread(a);
}

/* The form in which it was first released: the larger ones have the later kind of layer. */
static void fill_refined_web(const struct hf_config *c, struct hf_arch *a)
{
    fill_falcon(c, a);
    bool later = hf_given(c, "n_head_kv");
    a->kv_heads = later ? hf_size(c, "n_head_kv") : a->kv_heads;
    if (later)
        a->names = &falcon_two;
    hf_arch_spread(a);
}

static void fill_mpt(const struct hf_config *c, struct hf_arch *a)
{
    struct hf_config attn;
    hf_config_part(c, "attn_config", "", &attn);
    a->norm = HF_LAYER_NORM_PLAIN;
    a->act = "gelu";
    a->alibi = hf_flag(&attn, "alibi", true);
    hf_whole_heads(a);
    a->width = 4 * a->hidden; // the model's class does not look at expansion_ratio
    hf_arch_spread(a);
}

static void fill_dbrx(const struct hf_config *c, struct hf_arch *a)
{
    struct hf_config attn;
    struct hf_config ffn;
    hf_config_part(c, "attn_config", "", &attn);
    hf_config_part(c, "ffn_config", "", &ffn);
    a->norm = HF_LAYER_NORM_PLAIN;
    a->gated = true;
    a->act = "silu";
    a->rotary = a->head;
    a->kv_heads = hf_int(&attn, "kv_n_heads", 1);
    hf_arch_spread(a);
    a->experts = (struct hf_experts){.n = hf_int(&ffn, "moe_num_experts", 4),
                                     .top = hf_int(&ffn, "moe_top_k", 1),
                                     .width = hf_int(&ffn, "ffn_hidden_size", 3584),
                                     .normed = true};
    hf_expert_layers(a, 0, 1, 0);
}

const struct hf_family hf_gpts[] = {
    HF_DECODER_ROW("dbrx", "DbrxForCausalLM", dbrx, fill_dbrx),
    HF_DECODER_ROW("gpt2", "GPT2LMHeadModel", gpt2, fill_gpt2),
    HF_DECODER_ROW("gpt_bigcode", "GPTBigCodeForCausalLM", gpt2, fill_gpt_bigcode),
    HF_DECODER_ROW("gpt_neo", "GPTNeoForCausalLM", gpt_neo, fill_gpt_neo),
    HF_DECODER_ROW("gptj", "GPTJForCausalLM", gptj, fill_gptj),
    HF_DECODER_ROW("codegen", "CodeGenForCausalLM", codegen, fill_gptj),
    {"gpt_neox", NULL, "GPTNeoXForCausalLM", &gpt_neox, fill_gpt_neox, hf_build_decoder,
     "embed_out"},
    HF_DECODER_ROW("opt", "OPTForCausalLM", opt, fill_opt),
    HF_DECODER_ROW("biogpt", "BioGptForCausalLM", biogpt, fill_biogpt),
    HF_DECODER_ROW("bloom", "BloomForCausalLM", bloom, fill_bloom),
    HF_DECODER_ROW("falcon", "FalconForCausalLM", falcon, fill_falcon),
    {"RefinedWeb", "falcon", "RWForCausalLM", &falcon, fill_refined_web, hf_build_decoder,
     "lm_head"},
    {"RefinedWebModel", "falcon", "RWForCausalLM", &falcon, fill_refined_web, hf_build_decoder,
     "lm_head"},
    HF_DECODER_ROW("mpt", "MptForCausalLM", mpt, fill_mpt),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
