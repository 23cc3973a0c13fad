/* Language models: GPT-2, BERT and LLaMA with the names of their Hugging Face implementations.
 * (Their configuration files are read by formats/hf.c, which knows many more families.) */
#include "zoo/zoo.h"

static int tokens(struct fw_zoo *z)
{
    int64_t dims[2] = {fw_zoo_size(z, "batch"), fw_zoo_size(z, "seq")};
    return fw_input(z->b, "input_ids", "int64", 2, dims);
}

/* Places 0, 1, 2 ... of a sequence: (1, seq). */
static int places(struct fw_zoo *z, int64_t most)
{
    int64_t dims[2] = {1, fw_zoo_size(z, "seq")};
    if (fw_builder_ok(z->b) && fw_dim_is_const((fw_dim){dims[1]}) && dims[1] > most)
        (void)fw_build_fail(z->b, FW_SHAPE, "seq: at most %d places are wanted, found %d",
                            (int)most, (int)dims[1]);
    return fw_build_constant(z->b, "position_ids", FW_I64, 2, dims);
}

/* x times the transpose of an embedding table that is used as the last layer too. */
static int tied_head(struct fw_builder *b, int x, const char *name, int table)
{
    int in[2] = {x, table};
    return fw_node(b, "com.microsoft", "FusedMatMul", name, "transB=1", in, 2, 1);
}

static int table(struct fw_builder *b, const char *name, int64_t entries, int64_t width)
{
    int64_t dims[2] = {entries, width};
    fw_enter(b, name);
    int t = fw_parameter(b, "weight", 2, dims);
    fw_leave(b);
    return t;
}

/* ---- GPT-2 ---- */

static int gpt2_layer(struct fw_builder *b, int x, int64_t heads)
{
    int64_t width = fw_size_of(b, x, -1);
    int y = fw_layer_norm(b, x, "ln_1", 1);
    fw_enter(b, "attn");
    int q = fw_split(b, fw_linear(b, y, "c_attn", fw_size_times(b, width, 3), 1), 2, 3, NULL);
    y = fw_linear(b, fw_attention(b, q, q + 1, q + 2, heads, heads, 1, 0), "c_proj", width, 1);
    y = fw_dropout(b, y, 0.1);
    fw_leave(b);
    x = fw_add(b, x, y);
    y = fw_layer_norm(b, x, "ln_2", 1);
    fw_enter(b, "mlp");
    y = fw_activation(b, fw_linear(b, y, "c_fc", fw_size_times(b, width, 4), 1), "gelu_tanh");
    y = fw_dropout(b, fw_linear(b, y, "c_proj", width, 1), 0.1);
    fw_leave(b);
    return fw_add(b, x, y);
}

static void gpt2(struct fw_zoo *z)
{
    enum { PLACES = 1024 };
    struct fw_builder *b = z->b;
    int64_t width = fw_zoo_size(z, "width");
    int64_t heads = fw_zoo_number(z, "heads", 1);
    int64_t layers = fw_zoo_number(z, "layers", 1);
    int ids = tokens(z);
    fw_enter(b, "transformer");
    int words = table(b, "wte", fw_zoo_size(z, "vocab"), width);
    int x = fw_add(b, fw_embedding_with(b, ids, "wte", words),
                   fw_embedding(b, places(z, PLACES), "wpe", PLACES, width));
    x = fw_dropout(b, x, 0.1);
    for (int64_t i = 0; i < layers && fw_builder_ok(b); i++) {
        fw_enter_number(b, "h.", i);
        x = gpt2_layer(b, x, heads);
        fw_leave(b);
    }
    x = fw_layer_norm(b, x, "ln_f", 1);
    fw_leave(b);
    fw_output(b, tied_head(b, x, "lm_head", words));
}

/* ---- BERT ---- */

static int bert_layer(struct fw_builder *b, int x, int64_t heads)
{
    int64_t width = fw_size_of(b, x, -1);
    fw_enter(b, "attention");
    fw_enter(b, "self");
    int q = fw_linear(b, x, "query", width, 1);
    int k = fw_linear(b, x, "key", width, 1);
    int y = fw_attention(b, q, k, fw_linear(b, x, "value", width, 1), heads, heads, 0, 0);
    fw_leave(b);
    fw_enter(b, "output");
    y = fw_dropout(b, fw_linear(b, y, "dense", width, 1), 0.1);
    x = fw_layer_norm(b, fw_add(b, y, x), "LayerNorm", 1);
    fw_leave(b);
    fw_leave(b);
    y = fw_linear(b, x, "intermediate.dense", fw_size_times(b, width, 4), 1);
    y = fw_activation(b, y, "gelu");
    fw_enter(b, "output");
    y = fw_dropout(b, fw_linear(b, y, "dense", width, 1), 0.1);
    x = fw_layer_norm(b, fw_add(b, y, x), "LayerNorm", 1);
    fw_leave(b);
    return x;
}

static int bert_embeddings(struct fw_zoo *z, int64_t width)
{
    enum { PLACES = 512 };
    struct fw_builder *b = z->b;
    int ids = tokens(z);
    int64_t dims[2] = {fw_zoo_size(z, "batch"), fw_zoo_size(z, "seq")};
    int types = fw_input(b, "token_type_ids", "int64", 2, dims);
    fw_enter(b, "embeddings");
    int x = fw_add(b, fw_embedding(b, ids, "word_embeddings", fw_zoo_size(z, "vocab"), width),
                   fw_embedding(b, types, "token_type_embeddings", 2, width));
    x = fw_add(b, x, fw_embedding(b, places(z, PLACES), "position_embeddings", PLACES, width));
    x = fw_dropout(b, fw_layer_norm(b, x, "LayerNorm", 1), 0.1);
    fw_leave(b);
    return x;
}

static void bert(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int64_t width = fw_zoo_size(z, "width");
    int64_t heads = fw_zoo_number(z, "heads", 1);
    int64_t layers = fw_zoo_number(z, "layers", 1);
    int x = bert_embeddings(z, width);
    for (int64_t i = 0; i < layers && fw_builder_ok(b); i++) {
        fw_enter_number(b, "encoder.layer.", i);
        x = bert_layer(b, x, heads);
        fw_leave(b);
    }
    fw_output(b, x);
    int64_t first[2] = {fw_zoo_size(z, "batch"), width};
    int pooled = fw_reshape(b, fw_slice(b, x, 1, 0, 1), 2, first);
    fw_enter(b, "pooler");
    pooled = fw_activation(b, fw_linear(b, pooled, "dense", width, 1), "tanh");
    fw_leave(b);
    fw_output(b, pooled);
}

/* ---- LLaMA ---- */

struct llama {
    int64_t layers, width, heads, kv_heads, inner, vocab, places;
};
static const struct llama l2_7b = {32, 4096, 32, 32, 11008, 32000, 4096},
                          l2_13b = {40, 5120, 40, 40, 13824, 32000, 4096},
                          l2_70b = {80, 8192, 64, 8, 28672, 32000, 4096},
                          l3_8b = {32, 4096, 32, 8, 14336, 128256, 8192},
                          l3_70b = {80, 8192, 64, 8, 28672, 128256, 8192};

struct rotary {
    int cos, sin, places;
};

static int turn(struct fw_builder *b, int x, const struct rotary *r, int64_t heads)
{
    struct fw_build_node n = fw_build_node(b, "", "RotaryEmbedding");
    int in[4] = {x, r->cos, r->sin, r->places};
    fw_build_int(&n, "num_heads", heads);
    return fw_build_add(&n, fw_build_name(b, NULL, "rotary"), in, 4, 1);
}

static int llama_layer(struct fw_builder *b, int x, const struct llama *v, const struct rotary *r)
{
    int64_t head = v->width / v->heads;
    int y = fw_rms_norm(b, x, "input_layernorm");
    fw_enter(b, "self_attn");
    int q = turn(b, fw_linear(b, y, "q_proj", v->width, 0), r, v->heads);
    int k = turn(b, fw_linear(b, y, "k_proj", v->kv_heads * head, 0), r, v->kv_heads);
    int values = fw_linear(b, y, "v_proj", v->kv_heads * head, 0);
    y = fw_attention(b, q, k, values, v->heads, v->kv_heads, 1, 0);
    y = fw_linear(b, y, "o_proj", v->width, 0);
    fw_leave(b);
    x = fw_add(b, x, y);
    y = fw_rms_norm(b, x, "post_attention_layernorm");
    fw_enter(b, "mlp");
    int gate = fw_activation(b, fw_linear(b, y, "gate_proj", v->inner, 0), "silu");
    y = fw_mul(b, gate, fw_linear(b, y, "up_proj", v->inner, 0));
    y = fw_linear(b, y, "down_proj", v->width, 0);
    fw_leave(b);
    return fw_add(b, x, y);
}

static void llama(struct fw_zoo *z)
{
    const struct llama *v = z->variant;
    struct fw_builder *b = z->b;
    int64_t angles[2] = {v->places, v->width / v->heads / 2};
    int64_t dims[2] = {fw_zoo_size(z, "batch"), fw_zoo_size(z, "seq")};
    int ids = tokens(z);
    fw_enter(b, "model");
    int x = fw_embedding(b, ids, "embed_tokens", v->vocab, v->width);
    (void)places(z, v->places); // of a sequence that is too long says so
    struct rotary r = {fw_constant(b, "rotary_emb.cos", 2, angles),
                       fw_constant(b, "rotary_emb.sin", 2, angles),
                       fw_build_constant(b, "rotary_emb.places", FW_I64, 2, dims)};
    for (int64_t i = 0; i < v->layers && fw_builder_ok(b); i++) {
        fw_enter_number(b, "layers.", i);
        x = llama_layer(b, x, v, &r);
        fw_leave(b);
    }
    x = fw_rms_norm(b, x, "norm");
    fw_leave(b);
    fw_output(b, fw_linear(b, x, "lm_head", v->vocab, 0));
}

/* ---- rows ---- */

#define FW_ZOO_SEQ                           \
    {                                        \
        "seq", "seq", "tokens of a sequence" \
    }
#define KEYS(name, layers, width, heads, vocab)           \
    static const struct fw_zoo_key name[] = {             \
        {"layers", layers, "layers"},                     \
        {"width", width, "width of the residual stream"}, \
        {"heads", heads, "heads of attention"},           \
        {"vocab", vocab, "words of the vocabulary"},      \
        FW_ZOO_BATCH,                                     \
        FW_ZOO_SEQ,                                       \
    }
KEYS(gpt2_keys, "12", "768", "12", "50257");
KEYS(medium_keys, "24", "1024", "16", "50257");
KEYS(large_keys, "36", "1280", "20", "50257");
KEYS(xl_keys, "48", "1600", "25", "50257");
KEYS(base_keys, "12", "768", "12", "30522");
KEYS(bert_large_keys, "24", "1024", "16", "30522");
static const struct fw_zoo_key llama_keys[] = {FW_ZOO_BATCH, FW_ZOO_SEQ};

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("gpt2", "GPT-2 of 124 M parameters, head tied to the embedding", gpt2, NULL,
               gpt2_keys),
    FW_ZOO_NET("gpt2-medium", "GPT-2 of 355 M parameters", gpt2, NULL, medium_keys),
    FW_ZOO_NET("gpt2-large", "GPT-2 of 774 M parameters", gpt2, NULL, large_keys),
    FW_ZOO_NET("gpt2-xl", "GPT-2 of 1.56 G parameters", gpt2, NULL, xl_keys),
    FW_ZOO_NET("bert-base", "BERT base, uncased vocabulary, with pooler", bert, NULL, base_keys),
    FW_ZOO_NET("bert-large", "BERT large, uncased vocabulary, with pooler", bert, NULL,
               bert_large_keys),
    FW_ZOO_NET("llama-2-7b", "LLaMA 2 of 7 G parameters", llama, &l2_7b, llama_keys),
    FW_ZOO_NET("llama-2-13b", "LLaMA 2 of 13 G parameters", llama, &l2_13b, llama_keys),
    FW_ZOO_NET("llama-2-70b", "LLaMA 2 of 70 G parameters, grouped keys and values", llama, &l2_70b,
               llama_keys),
    FW_ZOO_NET("llama-3-8b", "LLaMA 3 of 8 G parameters", llama, &l3_8b, llama_keys),
    FW_ZOO_NET("llama-3-70b", "LLaMA 3 of 70 G parameters", llama, &l3_70b, llama_keys),
};
const struct fw_zoo_family fw_zoo_transformer = {nets, sizeof nets / sizeof *nets};
