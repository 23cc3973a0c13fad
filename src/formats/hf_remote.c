/* Language models whose classes come with their weights instead of with transformers: ChatGLM, the
 * first Qwen, InternLM, Baichuan, the first DeepSeek with experts, OpenELM, Yi.
 *
 * Sources: their configuration and modelling files; tests/hf/published.tsv has the parameters that
 * their releases state. No key has a default but where the file says so itself. */
#include "formats/hf_llama.h"

#include <string.h>

static const struct hf_names chatglm = {.embed = "transformer.embedding.word_embeddings",
                                        .layers = "transformer.encoder.layers.",
                                        .final = "transformer.encoder.final_layernorm",
                                        .norm1 = "input_layernorm",
                                        .norm2 = "post_attention_layernorm",
                                        .qkv = "self_attention.query_key_value",
                                        .o = "self_attention.dense",
                                        .gate_up = "mlp.dense_h_to_4h",
                                        .down = "mlp.dense_4h_to_h"};
static const struct hf_names qwen = {.embed = "transformer.wte",
                                     .layers = "transformer.h.",
                                     .final = "transformer.ln_f",
                                     .norm1 = "ln_1",
                                     .norm2 = "ln_2",
                                     .qkv = "attn.c_attn",
                                     .o = "attn.c_proj",
                                     .gate = "mlp.w2",
                                     .up = "mlp.w1",
                                     .down = "mlp.c_proj"};
static const struct hf_names internlm2 = {.embed = "model.tok_embeddings",
                                          .layers = "model.layers.",
                                          .final = "model.norm",
                                          .norm1 = "attention_norm",
                                          .norm2 = "ffn_norm",
                                          .qkv = "attention.wqkv",
                                          .o = "attention.wo",
                                          .gate = "feed_forward.w1",
                                          .up = "feed_forward.w3",
                                          .down = "feed_forward.w2"};
static const struct hf_names llama = {LLAMA};
static const struct hf_names baichuan = {LLAMA_BASE, .qkv = "self_attn.W_pack",
                                         .o = "self_attn.o_proj", LLAMA_FEED};
static const struct hf_names deepseek = {LLAMA, SHARED("mlp.shared_experts")};
static const struct hf_names yi = {.embed = "model.embed_tokens",
                                   .final = "model.norm",
                                   .layers = "model.layers.",
                                   .norm1 = "ln1",
                                   .norm2 = "ln2",
                                   LLAMA_ATTENTION,
                                   LLAMA_FEED};
static const struct hf_names openelm = {.embed = "transformer.token_embeddings",
                                        .layers = "transformer.layers.",
                                        .final = "transformer.norm",
                                        .norm1 = "attn_norm",
                                        .norm2 = "ffn_norm",
                                        .qkv = "attn.qkv_proj",
                                        .q_norm = "attn.q_norm",
                                        .k_norm = "attn.k_norm",
                                        .o = "attn.out_proj",
                                        .gate_up = "ffn.proj_1",
                                        .down = "ffn.proj_2"};

/* As Llama, under keys of one's own for whether tables are tied and which layers have biases. */
static void fill_plain(const struct hf_config *c, struct hf_arch *a, const char *bias)
{
    hf_fill_llama(c, a);
    a->act = "silu";
    a->tied = hf_flag(c, "tie_word_embeddings", false);
    a->feed_bias = false;
    a->qkv_bias = a->o_bias = bias != NULL && hf_flag(c, bias, false);
}

static void fill_chatglm(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, "add_bias_linear");
    a->feed_bias = a->o_bias;
    a->qkv_bias = a->o_bias || hf_flag(c, "add_qkv_bias", false);
    a->norm = hf_flag(c, "rmsnorm", true) ? HF_RMS_NORM : HF_LAYER_NORM;
    a->head = hf_int(c, "kv_channels", a->head);
    a->kv_heads =
        hf_flag(c, "multi_query_attention", false) ? hf_size(c, "multi_query_group_num") : a->heads;
    a->rotary = a->head / 2;
    a->width = hf_size(c, "ffn_hidden_size");
    a->vocab = hf_size(c, "padded_vocab_size");
    if (!hf_flag(c, "post_layer_norm", true) ||
        hf_flag(c, "apply_residual_connection_post_layernorm", false))
        hf_complain(c, "post_layer_norm",
                    "a norm behind the layers, and sums of what stands before them, are wanted");
    hf_arch_spread(a);
}

/* What the released files call the model has the layer for the words inside. */
static void build_chatglm(const struct hf_job *job)
{
    struct hf_job whole = *job;
    if (!job->b->m->bare && strcmp(job->model, "ChatGLMModel") == 0)
        whole.head = HF_HEAD_LM;
    hf_build_decoder(&whole);
}

/* "intermediate_size" is that of gate and up together. */
static void fill_qwen(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, NULL);
    a->qkv_bias = true;
    a->o_bias = a->feed_bias = !hf_flag(c, "no_bias", true);
    a->head = hf_int(c, "kv_channels", a->head);
    a->width = hf_size(c, "intermediate_size") / 2;
    hf_arch_spread(a);
}

static void fill_internlm(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, "bias");
}

/* The larger one has slopes in the place of turned heads, and says no longest text. */
static void fill_baichuan(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, NULL);
    a->alibi = !hf_given(c, "max_position_embeddings");
    a->rotary = a->alibi ? 0 : a->head;
}

static void fill_yi(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, NULL);
}

static void fill_deepseek(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, "attention_bias");
    hf_deepseek_experts(c, a, hf_int(c, "n_routed_experts", 0));
}

/* ---- OpenELM: every layer has its own number of heads and width ---- */

static double share_at(const struct hf_config *c, const char *key, uint32_t i)
{
    const struct fw_json *v = hf_value(c, key);
    const struct fw_json *m = v != NULL && v->kind == FW_JSON_ARRAY ? v->member : NULL;
    for (; m != NULL && i > 0; i--)
        m = m->next;
    bool number = m != NULL && (m->kind == FW_JSON_INT || m->kind == FW_JSON_FLOAT);
    if (number && m->f > 0 && m->f < 1024)
        return m->f;
    hf_complain(c, key, "a list with a positive number for every layer is wanted");
    return 1;
}

/* The nearest multiple, but not much below. */
static int64_t multiple(double x, int64_t of)
{
    int64_t n = (int64_t)(x + (double)of / 2) / of * of;
    n = n < of ? of : n;
    return (double)n < 0.9 * x ? n + of : n;
}

static void fill_openelm(const struct hf_config *c, struct hf_arch *a)
{
    fill_plain(c, a, NULL);
    a->act = hf_text(c, "activation_fn_name", "swish");
    a->tied = hf_flag(c, "share_input_output_layers", true);
    a->gated = hf_flag(c, "ffn_with_glu", true);
    if (hf_flag(c, "normalize_qk_projections", false))
        a->qk_norm = HF_QK_HEAD;
    int64_t of = hf_int(c, "ffn_dim_divisor", 256);
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        struct hf_layer *l = &a->layer[i];
        l->heads = hf_item(c, "num_query_heads", i, 1);
        l->kv_heads = hf_item(c, "num_kv_heads", i, 1);
        l->width = multiple(share_at(c, "ffn_multipliers", i) * (double)a->hidden, of < 1 ? 1 : of);
        if (l->heads < 1 || l->kv_heads < 1 || l->heads % l->kv_heads != 0)
            hf_complain(c, "num_query_heads", "multiples of 'num_kv_heads' are wanted");
    }
}

#define ROW(type, model, names, fill, head)                       \
    {                                                             \
        type, NULL, model, &(names), fill, hf_build_decoder, head \
    }
const struct hf_family hf_remotes[] = {
    {"chatglm", NULL, "ChatGLMForConditionalGeneration", &chatglm, fill_chatglm, build_chatglm,
     "transformer.output_layer"},
    ROW("qwen", "QWenLMHeadModel", qwen, fill_qwen, "lm_head"),
    ROW("internlm", "InternLMForCausalLM", llama, fill_internlm, "lm_head"),
    ROW("internlm2", "InternLM2ForCausalLM", internlm2, fill_internlm, "output"),
    ROW("baichuan", "BaichuanForCausalLM", baichuan, fill_baichuan, "lm_head"),
    ROW("Yi", "YiForCausalLM", yi, fill_yi, "lm_head"),
    ROW("deepseek", "DeepseekForCausalLM", deepseek, fill_deepseek, "lm_head"),
    ROW("openelm", "OpenELMForCausalLM", openelm, fill_openelm, "lm_head"),
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
