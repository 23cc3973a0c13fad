/* The stack of layers that families of transformers share; see hf_arch.h. */
#include "formats/hf_arch.h"

#include <string.h>

enum { MAX_LAYERS = 4096 };

/* ---- sizes ---- */

static void divides(const struct hf_config *c, const char *key, int64_t whole, const char *by,
                    int64_t part)
{
    if (whole % part != 0)
        hf_complain(c, key, "a multiple of '%s' (%lld) is wanted, found %lld", by, (long long)part,
                    (long long)whole);
}

void hf_arch_spread(struct hf_arch *a)
{
    int64_t most = a->heads > a->kv_heads ? a->heads : a->kv_heads;
    if (most * a->head > INT32_MAX) { // products of three such widths have to fit
        hf_complain(a->c, "head_dim", "heads of less than 2^31 together are wanted");
        a->heads = a->kv_heads = a->head = 1;
    }
    if (a->heads % a->kv_heads != 0)
        divides(a->c, "num_attention_heads", a->heads, "num_key_value_heads", a->kv_heads);
    for (uint32_t i = 0; i < a->n_layers; i++) {
        struct hf_layer *l = &a->layer[i];
        l->heads = a->heads;
        l->kv_heads = a->kv_heads;
        l->head = a->head;
        l->width = a->width;
    }
}

void hf_arch_layers(struct hf_arch *a, const char *key)
{
    hf_arch_layers_of(a, hf_size(a->c, key));
}

void hf_arch_layers_of(struct hf_arch *a, int64_t n)
{
    if (n < 1 || n > MAX_LAYERS) {
        hf_complain(a->c, "num_hidden_layers", "1 to %d are built, found %lld", MAX_LAYERS,
                    (long long)n);
        n = 1;
    }
    a->n_layers = (uint32_t)n;
    a->layer = fw_arena_zalloc(&a->b->m->arena, (size_t)n * sizeof *a->layer);
    if (a->layer == NULL) {
        (void)fw_build_fail(a->b, FW_MEMORY, "out of memory");
        a->n_layers = 0;
    }
    for (uint32_t i = 0; i < a->n_layers; i++)
        a->layer[i].rotary = true;
    hf_arch_spread(a);
}

static double drop_of(const struct hf_config *c, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (hf_has(c, *keys))
            return hf_float(c, *keys, 0);
    return 0;
}

static void add_drops(struct hf_arch *a)
{
    static const char *const embed[] = {"embd_pdrop", "emb_pdrop", "embed_dropout",
                                        "embedding_dropout", NULL};
    static const char *const attn[] = {"attn_pdrop", "attention_dropout",
                                       "attention_probs_dropout_prob", NULL};
    static const char *const hidden[] = {
        "resid_pdrop",    "resid_dropout", "residual_dropout", "hidden_dropout_prob",
        "hidden_dropout", "dropout",       "dropout_rate",     NULL};
    static const char *const act[] = {"activation_dropout", NULL};
    a->drop_embed = drop_of(a->c, embed);
    a->drop_attn = drop_of(a->c, attn);
    a->drop_hidden = drop_of(a->c, hidden);
    a->drop_act = drop_of(a->c, act);
}

static const char *act_of(const struct hf_config *c)
{
    static const char *const keys[] = {"hidden_act", "hidden_activation", "activation_function",
                                       "activation", "mlp_hidden_act",    "dense_act_fn",
                                       NULL};
    for (const char *const *k = keys; *k != NULL; k++)
        if (hf_has(c, *k))
            return hf_text(c, *k, "gelu");
    return "gelu";
}

void hf_arch_pieces(struct hf_arch *a, const struct hf_config *c)
{
    *a = (struct hf_arch){.c = c, .b = c->b, .cos = -1, .sin = -1, .slopes = -1};
    a->memory = a->table = a->sines = -1;
    a->batch = fw_size(c->b, "batch");
    a->act = act_of(c);
    add_drops(a);
}

void hf_arch_init(struct hf_arch *a, const struct hf_config *c, const struct hf_names *names)
{
    hf_arch_pieces(a, c);
    a->names = names;
    a->seq = fw_size(c->b, "seq");
    a->hidden = hf_size(c, "hidden_size");
    a->heads = hf_int(c, "num_attention_heads", 1);
    a->heads = a->heads < 1 ? 1 : a->heads;
    a->kv_heads = hf_int(c, "num_key_value_heads", a->heads);
    a->kv_heads = a->kv_heads < 1 ? 1 : a->kv_heads;
    a->head = hf_int(c, "head_dim", 0);
    if (a->head == 0) {
        a->head = a->hidden / a->heads;
        if (hf_has(c, "num_attention_heads") && a->head < 1)
            divides(c, "hidden_size", a->hidden, "num_attention_heads", a->heads);
    }
    a->width = hf_int(c, "intermediate_size", 4 * a->hidden);
    a->vocab = hf_int(c, "vocab_size", 0);
    a->tied = hf_flag(c, "tie_word_embeddings", true);
    a->causal = true;
    a->norm = HF_RMS_NORM;
    a->rotary = 0;
    uint32_t listed = hf_length(c, "layer_types");
    if (hf_has(c, "num_hidden_layers") || listed == 0)
        hf_arch_layers(a, "num_hidden_layers");
    else
        hf_arch_layers_of(a, listed);
}

void hf_whole_heads(const struct hf_arch *a)
{
    if (a->heads * a->head != a->hidden)
        hf_complain(a->c, "num_attention_heads",
                    "heads that are as wide as the layers (%lld) are wanted, found %lld of %lld",
                    (long long)a->hidden, (long long)a->heads, (long long)a->head);
}

void hf_arch_look_at_input(struct hf_arch *a)
{
    int64_t dims[3] = {a->batch, a->seq, a->hidden};
    a->cross = true;
    a->memory = fw_input(a->b, "encoder_hidden_states", "float32", 3, dims);
}

/* ---- pieces ---- */

int hf_param(struct hf_arch *a, const char *name, const char *part, int rank, const int64_t *dims)
{
    struct fw_builder *b = a->b;
    const char *own = part != NULL ? fw_build_part(b, name, part) : name;
    if (a->once == NULL || own == NULL)
        return fw_parameter(b, own, rank, dims);
    const char *full = fw_arena_printf(&b->m->arena, "%s.%s", fw_str_text(&b->path), own);
    if (full == NULL)
        return fw_build_fail(b, FW_MEMORY, "out of memory");
    const uint32_t *there = fw_map_get(a->once, full, strlen(full));
    if (there != NULL)
        return (int)*there;
    int x = fw_parameter(b, own, rank, dims);
    if (x >= 0 && fw_map_put(a->once, full, strlen(full), (uint32_t)x, NULL) == NULL)
        return fw_build_fail(b, FW_MEMORY, "out of memory");
    return x;
}

void hf_freeze(struct hf_arch *a, int param)
{
    if (fw_build_tensor(a->b, param) != NULL)
        a->b->g->tensors[a->b->handle[param].id].flags |= FW_TENSOR_FROZEN;
}

int hf_linear(struct hf_arch *a, int x, const char *name, int64_t out, bool bias)
{
    struct fw_builder *b = a->b;
    bool matrix = fw_rank_of(b, x) == 2;
    int64_t in = fw_size_of(b, x, -1);
    int64_t dims[2] = {matrix ? out : in, matrix ? in : out};
    int weight = hf_param(a, name, "weight", 2, dims);
    return fw_linear_with(b, x, name, weight, bias ? hf_param(a, name, "bias", 1, &out) : -1);
}

int hf_norm_as(struct hf_arch *a, int x, const char *name, enum hf_norm_kind kind)
{
    struct fw_builder *b = a->b;
    int64_t width = fw_size_of(b, x, -1);
    struct fw_build_node n =
        fw_build_node(b, "", kind == HF_RMS_NORM ? "RMSNormalization" : "LayerNormalization");
    int in[3] = {x, -1, -1};
    in[1] = kind == HF_BARE_NORM ? fw_constant(b, fw_build_part(b, name, "ones"), 1, &width)
                                 : hf_param(a, name, "weight", 1, &width);
    if (kind == HF_LAYER_NORM)
        in[2] = hf_param(a, name, "bias", 1, &width);
    return fw_build_add(&n, fw_build_name(b, name, "norm"), in, kind == HF_LAYER_NORM ? 3 : 2, 1);
}

int hf_norm(struct hf_arch *a, int x, const char *name)
{
    return name == NULL ? x : hf_norm_as(a, x, name, (enum hf_norm_kind)a->norm);
}

int hf_drop(struct hf_arch *a, int x, double rate)
{
    return rate > 0 ? fw_dropout(a->b, x, rate) : x;
}

int hf_times(struct hf_arch *a, int x, double by)
{
    return fw_mul(a->b, x, fw_number(a->b, by));
}

/* Names in configs, and what the builder calls them. */
static const char *const acts[][2] = {
    {"gelu", "gelu"},
    {"gelu_new", "gelu_tanh"},
    {"gelu_fast", "gelu_tanh"},
    {"gelu_pytorch_tanh", "gelu_tanh"},
    {"gelu_python", "gelu"},
    {"gelu_python_tanh", "gelu_tanh"},
    {"gelu_accurate", "gelu_tanh"},
    {"gelu_10", "gelu"},
    {"silu", "silu"},
    {"swish", "silu"},
    {"relu", "relu"},
    {"relu6", "relu6"},
    {"tanh", "tanh"},
    {"sigmoid", "sigmoid"},
    {"mish", "mish"},
    {"leaky_relu", "leaky_relu"},
    {"linear", "none"},
    {"selu", "selu"},
    {"gated-gelu", "gelu_tanh"},
    {"swiglu", "silu"},
};

int hf_act(struct hf_arch *a, int x, const char *name)
{
    struct fw_builder *b = a->b;
    for (unsigned i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i][0], name) == 0)
            return fw_activation(b, x, acts[i][1]);
    if (strcmp(name, "quick_gelu") == 0)
        return fw_node(b, "com.microsoft", "QuickGelu", "gelu", NULL, &x, 1, 1);
    if (strcmp(name, "relu2") == 0 || strcmp(name, "relu_squared") == 0) {
        int y = fw_relu(b, x);
        return fw_mul(b, y, y);
    }
    hf_complain(a->c, "hidden_act", "no activation '%.40s' is known", name);
    return -1;
}

int hf_unfold(struct hf_arch *a, int x, int64_t heads, int64_t width)
{
    int64_t dims[4] = {fw_size_of(a->b, x, 0), fw_size_of(a->b, x, 1), heads, width};
    return fw_reshape(a->b, x, 4, dims);
}

int hf_fold(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    int64_t dims[3] = {fw_size_of(b, x, 0), fw_size_of(b, x, 1),
                       fw_size_times(b, fw_size_of(b, x, 2), fw_size_of(b, x, 3))};
    return fw_reshape(b, x, 3, dims);
}

int hf_head_norm(struct hf_arch *a, int x, const char *name, int64_t heads, int64_t head)
{
    struct fw_builder *b = a->b;
    int y = hf_unfold(a, x, heads, head);
    if (a->qk_norm == HF_QK_HEADS) {
        int64_t dims[2] = {heads, head};
        y = hf_norm_as(a, y, name, HF_BARE_NORM);
        y = fw_mul(b, y, hf_param(a, name, "weight", 2, dims));
    } else {
        y = hf_norm_as(a, y, name,
                       a->qk_norm == HF_QK_BARE ? HF_BARE_NORM
                       : a->q_norm_shift        ? HF_LAYER_NORM
                                                : HF_RMS_NORM);
    }
    return hf_fold(a, y);
}

int hf_turn(struct hf_arch *a, int x, int64_t heads, int64_t rotary)
{
    struct fw_builder *b = a->b;
    if (rotary <= 0)
        return x;
    int64_t dims[2] = {fw_size_of(b, x, 1), rotary / 2}; // a row for each place
    if (a->cos < 0) {
        a->cos = fw_constant(b, "rotary_cos", 2, dims);
        a->sin = fw_constant(b, "rotary_sin", 2, dims);
    }
    struct fw_build_node n = fw_build_node(b, "", "RotaryEmbedding");
    fw_build_int(&n, "num_heads", heads);
    fw_build_int(&n, "rotary_embedding_dim", rotary);
    int in[3] = {x, a->cos, a->sin};
    return fw_build_add(&n, fw_build_name(b, "rotary", "rotary"), in, 3, 1);
}

/* ---- layers ---- */

static int mix(struct hf_arch *a, uint32_t i, int x)
{
    switch (a->layer[i].mixer) {
    case HF_ATTENTION:
        return hf_attention(a, i, x);
    case HF_LATENT:
        return hf_latent_attention(a, i, x);
    default:
        return a->mixer(a, i, x);
    }
}

static int residual(struct hf_arch *a, int x, int y, const char *scale)
{
    struct fw_builder *b = a->b;
    if (scale != NULL) {
        int64_t width = fw_size_of(b, y, -1);
        y = fw_mul(b, y, hf_param(a, scale, NULL, 1, &width));
    }
    y = hf_drop(a, y, a->drop_hidden);
    if (a->scaled_residual)
        y = hf_times(a, y, 0.5);
    return fw_add(b, x, y);
}

static int parallel(struct hf_arch *a, uint32_t i, int x)
{
    const struct hf_names *n = a->names;
    int h = hf_norm(a, x, n->norm1);
    int g = n->norm2 != NULL ? hf_norm(a, x, n->norm2) : h;
    int y = hf_drop(a, mix(a, i, h), a->drop_hidden);
    int z = hf_drop(a, hf_feed(a, i, g), a->drop_hidden);
    return fw_add(a->b, x, fw_add(a->b, y, z));
}

static int after(struct hf_arch *a, uint32_t i, int x)
{
    const struct hf_names *n = a->names;
    x = hf_norm(a, residual(a, x, mix(a, i, x), n->scale1), n->norm1);
    if (a->cross)
        x = hf_norm(a, residual(a, x, hf_cross_attention(a, x), NULL), n->cross_norm);
    return hf_norm(a, residual(a, x, hf_feed(a, i, x), n->scale2), n->norm2);
}

static int before(struct hf_arch *a, uint32_t i, int x)
{
    const struct hf_names *n = a->names;
    if (a->layer[i].mixer != HF_NO_MIXER) {
        int y = mix(a, i, hf_norm(a, x, n->norm1));
        x = residual(a, x, hf_norm(a, y, n->post1), n->scale1);
    }
    if (a->cross) {
        int y = hf_cross_attention(a, hf_norm(a, x, n->cross_norm));
        x = residual(a, x, y, NULL);
    }
    if (a->layer[i].feed == HF_NO_FEED)
        return x;
    int z = hf_feed(a, i, hf_norm(a, x, n->norm2));
    return residual(a, x, hf_norm(a, z, n->post2), n->scale2);
}

int hf_layer(struct hf_arch *a, uint32_t i, int x)
{
    int (*const layouts[])(struct hf_arch *, uint32_t, int) = {
        [HF_BEFORE] = before, [HF_AFTER] = after, [HF_PARALLEL] = parallel};
    x = layouts[a->layout](a, i, x);
    return a->behind != NULL ? a->behind(a, x) : x;
}

/* y has as many places as there are before the words of x. */
static int add_to_first(struct hf_arch *a, int x, int y)
{
    struct fw_builder *b = a->b;
    int64_t sizes[2] = {fw_size_of(b, y, 1), a->seq};
    int parts = fw_split(b, x, 1, 2, sizes);
    int both[2] = {fw_add(b, parts, y), parts + 1};
    return fw_concat(b, both, 2, 1);
}

int hf_layers(struct hf_arch *a, int x)
{
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(a->b); i++) {
        fw_enter_number(a->b, a->names->layers, i);
        x = hf_layer(a, i, x);
        if (i < a->n_more)
            x = add_to_first(a, x, a->more[i]);
        fw_leave(a->b);
    }
    return hf_norm(a, x, a->names->final);
}

int hf_layers_weighed(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    int64_t n = (int64_t)a->n_layers + 1;
    int64_t each[3] = {n, 1, 1};
    int w = fw_softmax(b, hf_param(a, "layer_weights", NULL, 1, &n), 0);
    w = fw_reshape(b, w, 3, each);
    int sum = fw_mul(b, x, fw_slice(b, w, 0, 0, 1));
    for (uint32_t i = 0; i < a->n_layers && fw_build_ok(b); i++) {
        fw_enter_number(b, a->names->layers, i);
        x = hf_layer(a, i, x);
        fw_leave(b);
        sum = fw_add(b, sum, fw_mul(b, x, fw_slice(b, w, 0, i + 1, i + 2)));
    }
    return sum;
}

/* ---- both ends ---- */

int hf_row_numbers(struct hf_arch *a, const char *name, unsigned rank, const int64_t *dims)
{
    struct fw_builder *b = a->b;
    fw_dim d[4];
    uint32_t id;
    for (unsigned k = 0; k < rank && k < 4; k++)
        d[k] = (fw_dim){dims[k]};
    if (!fw_build_ok(b) || fw_graph_tensor(b->g, fw_build_part(b, name, "ids"), FW_KIND_CONSTANT,
                                           FW_I64, (uint8_t)rank, d, &id, &b->err) != FW_OK)
        return -1;
    return fw_build_handle(b, b->g, id);
}

int hf_embed(struct hf_arch *a, int ids)
{
    struct fw_builder *b = a->b;
    const struct hf_names *n = a->names;
    int64_t width = a->embed_width != 0 ? a->embed_width : a->hidden;
    if (a->vocab < 1)
        hf_complain(a->c, "vocab_size", "a positive number is wanted");
    int64_t size[2] = {a->vocab, width};
    if (a->table < 0)
        a->table = hf_param(a, n->embed, "weight", 2, size);
    int x = fw_embedding_with(b, ids, n->embed, a->table);
    if (a->scaled_embed)
        x = hf_times(a, x, 1.5);
    if (a->embed_in != NULL && a->positions_wide)
        x = hf_linear(a, x, a->embed_in, a->hidden, a->embed_in_bias);
    if (a->positions > 0) {
        int64_t dims[2] = {a->positions, fw_size_of(b, x, -1)};
        int64_t len = fw_size_of(b, ids, 1);
        int table = hf_param(a, n->positions, "weight", 2, dims);
        int at = hf_row_numbers(a, n->positions, 1, &len);
        if (a->frozen_positions)
            hf_freeze(a, table);
        x = fw_add(b, x, fw_embedding_with(b, at, n->positions, table));
    }
    if (a->sines >= 0)
        x = fw_add(b, x, a->sines);
    if (a->types > 0) {
        int64_t dims[2] = {a->types, width};
        int table = hf_param(a, n->types, "weight", 2, dims);
        int64_t both[2] = {fw_size_of(b, ids, 0), fw_size_of(b, ids, 1)};
        int at = hf_row_numbers(a, n->types, 2, both);
        x = fw_add(b, x, fw_embedding_with(b, at, n->types, table));
    }
    if (a->embed_in != NULL && !a->positions_wide)
        x = hf_linear(a, x, a->embed_in, a->hidden, a->embed_in_bias);
    x = hf_norm(a, x, n->embed_norm);
    if (a->embed_out != NULL)
        x = hf_linear(a, x, a->embed_out, a->hidden, !a->embed_out_plain);
    return hf_drop(a, x, a->drop_embed > 0 ? a->drop_embed : a->causal ? 0 : a->drop_hidden);
}

int hf_logits(struct hf_arch *a, int x, const char *head)
{
    struct fw_builder *b = a->b;
    int64_t shift = a->vocab;
    int bias = a->head_bias ? hf_param(a, head, "bias", 1, &shift) : -1;
    if (a->tied) {
        static const int64_t perm[2] = {1, 0};
        x = fw_linear_with(b, x, head, fw_transpose(b, a->table, perm), bias);
    } else {
        int64_t dims[2] = {fw_size_of(b, x, -1), a->vocab};
        int w = hf_param(a, head, "weight", 2, dims);
        x = fw_linear_with(b, x, head, w, bias);
    }
    if (a->scaled_logits)
        x = hf_times(a, x, 0.5);
    if (a->logit_cap <= 0)
        return x;
    x = hf_times(a, x, 1 / a->logit_cap);
    return hf_times(a, fw_activation(b, x, "tanh"), a->logit_cap);
}
