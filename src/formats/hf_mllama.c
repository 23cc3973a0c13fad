/* Llama 3.2 with pictures: some layers look at the picture, through gates, in place of attention
 * among the words. A picture is up to so many tiles, each with all its patches; how the tiles lie
 * is a number that tables are asked with.
 *
 * Source: modeling_mllama.py of transformers. */
#include "formats/hf_llama.h"

#include <string.h>

#define SIGHT                                                                         \
    .norm1 = "input_layernorm", .norm2 = "post_attention_layernorm", LLAMA_ATTENTION, \
    .up = "mlp.fc1", .down = "mlp.fc2"
static const struct hf_names words = {LLAMA};
static const struct hf_names local = {.layers = "transformer.layers.", SIGHT};
static const struct hf_names global = {.layers = "global_transformer.layers.", SIGHT};

/* y through a gate: times tanh of a learned number. */
static int gated(struct hf_arch *a, int y, const char *name)
{
    static const int64_t one = 1;
    int gate = hf_param(a, name, NULL, 1, &one);
    return fw_mul(a->b, y, fw_activation(a->b, gate, "tanh"));
}

/* ---- the picture ---- */

struct sight {
    struct hf_arch v;
    int64_t tiles, patches, padded, kinds; // padded: places of a tile with the empty ones behind
    int kind;                              // how the tiles lie, (batch)
};

/* Rows of a table that the lie of the tiles chooses, (batch, tiles, places, hidden). */
static int of_kind(struct sight *s, const char *name, int64_t places)
{
    struct fw_builder *b = s->v.b;
    int64_t table[2] = {s->kinds, s->tiles * places * s->v.hidden};
    int64_t dims[4] = {s->v.batch, s->tiles, places, s->v.hidden};
    int w = hf_param(&s->v, name, "weight", 2, table);
    return fw_reshape(b, fw_embedding_with(b, s->kind, name, w), 4, dims);
}

static int add_tiles(struct sight *s, int x, const char *name)
{
    fw_enter(s->v.b, name);
    int y = gated(&s->v, of_kind(s, "embedding", 1), "gate");
    fw_leave(s->v.b);
    return fw_add(s->v.b, x, y);
}

/* One table for all tiles and one for each lie, weighed against each other. */
static int add_places(struct sight *s, int x)
{
    struct fw_builder *b = s->v.b;
    static const int64_t one = 1;
    int64_t table[2] = {s->patches + 1, s->v.hidden};
    fw_enter(b, "gated_positional_embedding");
    int open = fw_activation(b, hf_param(&s->v, "gate", NULL, 1, &one), "tanh");
    int rest[2] = {fw_number(b, 1), open};
    int all = hf_param(&s->v, "embedding", NULL, 2, table);
    x = fw_add(b, x, fw_mul(b, all, fw_build_plain(b, "Sub", NULL, rest, 2)));
    x = fw_add(b, x, fw_mul(b, of_kind(s, "tile_embedding", s->patches + 1), open));
    fw_leave(b);
    return x;
}

static int tiles_of(struct sight *s)
{
    struct fw_builder *b = s->v.b;
    struct hf_arch *v = &s->v;
    static const int64_t perm[3] = {0, 2, 1};
    int64_t size = hf_size(v->c, "image_size");
    int64_t patch = hf_size(v->c, "patch_size");
    int64_t many = fw_size_times(b, v->batch, s->tiles);
    int64_t pixels[4] = {many, hf_int(v->c, "num_channels", 3), size, size};
    int64_t flat[3] = {many, v->hidden, s->patches};
    int64_t tiled[4] = {v->batch, s->tiles, s->patches, v->hidden};
    int64_t first[4] = {v->batch, s->tiles, 1, v->hidden};
    int64_t pads[8] = {0, 0, 0, 0, 0, 0, s->padded - s->patches - 1, 0};
    int64_t joined[3] = {v->batch, s->tiles * s->padded, v->hidden};
    struct fw_window_spec w = fw_window_of(2, patch, patch, 0);
    w.no_bias = 1;
    int x = fw_conv(b, fw_input(b, "pixel_values", "float32", 4, pixels), "patch_embedding",
                    v->hidden, &w);
    x = fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 3, flat), perm), 4, tiled);
    x = add_tiles(s, x, "pre_tile_positional_embedding");
    int class[2] = {hf_param(v, "class_embedding", NULL, 1, &v->hidden), fw_sizes(b, 4, first)};
    int both[2] = {fw_build_plain(b, "Expand", NULL, class, 2), x};
    x = hf_norm(v, add_places(s, fw_concat(b, both, 2, 2)), "layernorm_pre");
    int padding[2] = {x, fw_sizes(b, 8, pads)};
    return fw_reshape(b, fw_build_plain(b, "Pad", NULL, padding, 2), 3, joined);
}

/* Layers whose results pass gates. */
static int global_layers(struct sight *s, int x)
{
    struct hf_arch *v = &s->v;
    v->names = &global;
    hf_arch_layers(v, "num_global_layers");
    for (uint32_t i = 0; i < v->n_layers && fw_build_ok(v->b); i++) {
        fw_enter_number(v->b, global.layers, i);
        int y = hf_attention(v, i, hf_norm(v, x, global.norm1));
        x = fw_add(v->b, x, gated(v, y, "gate_attn"));
        y = hf_feed(v, i, hf_norm(v, x, global.norm2));
        x = fw_add(v->b, x, gated(v, y, "gate_ffn"));
        fw_leave(v->b);
    }
    return x;
}

enum { MAX_KEPT = 16, MULTIPLE = 8 };

/* What the last layer gives beside what layers in between gave, (batch, tiles*places, width). */
static int see(struct sight *s, const struct hf_config *c)
{
    struct fw_builder *b = c->b;
    struct hf_arch *v = &s->v;
    int kept[MAX_KEPT + 1];
    uint32_t n = hf_length(c, "intermediate_layers_indices");
    uint32_t at = 1;
    int64_t side = hf_size(c, "image_size") / hf_size(c, "patch_size");
    hf_arch_init(v, c, &local);
    v->norm = HF_LAYER_NORM;
    v->causal = false;
    v->feed_bias = true;
    s->tiles = hf_size(c, "max_num_tiles");
    s->kinds = (int64_t)hf_length(c, "supported_aspect_ratios") + 1;
    s->patches = side * side;
    s->padded = (s->patches + 1 + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
    if (n > MAX_KEPT || side < 1 || side > 4096 || s->tiles > 64)
        hf_complain(c, "intermediate_layers_indices",
                    "at most %d layers, 64 tiles and patches that "
                    "fit are wanted",
                    MAX_KEPT);
    if (!fw_build_ok(b))
        return -1;
    s->kind = fw_input(b, "aspect_ratio_ids", "int64", 1, &v->batch);
    int x = tiles_of(s);
    for (uint32_t i = 0; i < v->n_layers && fw_build_ok(b); i++) {
        if (hf_holds(c, "intermediate_layers_indices", i) && at <= MAX_KEPT)
            kept[at++] = x;
        fw_enter_number(b, local.layers, i);
        x = hf_layer(v, i, x);
        fw_leave(b);
    }
    if (at != n + 1)
        hf_complain(c, "intermediate_layers_indices", "numbers of layers are wanted");
    int64_t tiled[4] = {v->batch, s->tiles, s->padded, v->hidden};
    int64_t joined[3] = {v->batch, s->tiles * s->padded, v->hidden};
    x = fw_reshape(b, hf_norm(v, x, "layernorm_post"), 4, tiled);
    x = add_tiles(s, x, "post_tile_positional_embedding");
    kept[0] = global_layers(s, fw_reshape(b, x, 3, joined));
    x = fw_concat(b, kept, (int)at, 2);
    int64_t wide[4] = {v->batch, s->tiles, s->padded, v->hidden * (int64_t)at};
    int64_t ret[3] = {v->batch, s->tiles * (s->patches + 1), wide[3]};
    x = fw_slice(b, fw_reshape(b, x, 4, wide), 2, 0, s->patches + 1);
    return fw_reshape(b, x, 3, ret);
}

/* ---- the words ---- */

static int look(struct hf_arch *a, uint32_t i, int x)
{
    const struct hf_layer *l = &a->layer[i];
    int64_t kv = l->kv_heads * l->head;
    fw_enter(a->b, "cross_attn");
    int q = hf_linear(a, x, "q_proj", l->heads * l->head, false);
    int k = hf_linear(a, a->memory, "k_proj", kv, false);
    int v = hf_linear(a, a->memory, "v_proj", kv, false);
    q = hf_head_norm(a, q, "q_norm", l->heads, l->head);
    k = hf_head_norm(a, k, "k_norm", l->kv_heads, l->head);
    struct hf_scores s = {
        .heads = l->heads, .kv_heads = l->kv_heads, .cache = -1, .bias = -1, .sinks = -1};
    int y = hf_linear(a, hf_attend(a, q, k, v, &s), "o_proj", a->hidden, false);
    fw_leave(a->b);
    return y;
}

static int looking_layer(struct hf_arch *a, uint32_t i, int x)
{
    int y = look(a, i, hf_norm(a, x, words.norm1));
    x = fw_add(a->b, x, gated(a, y, "cross_attn_attn_gate"));
    y = hf_feed(a, i, hf_norm(a, x, words.norm2));
    return fw_add(a->b, x, gated(a, y, "cross_attn_mlp_gate"));
}

/* The table has some words more than are told. */
static void tell(const struct hf_job *job, const struct hf_config *c, int memory)
{
    enum { MORE_WORDS = 8 };
    struct fw_builder *b = job->b;
    struct hf_arch a;
    hf_arch_init(&a, c, &words);
    hf_fill_llama(c, &a);
    a.qkv_bias = a.o_bias = a.feed_bias = false;
    a.memory = memory;
    a.vocab += MORE_WORDS;
    int64_t dims[2] = {a.batch, a.seq};
    if (memory < 0) { // the words alone look at what another network gives
        hf_arch_look_at_input(&a);
        a.cross = false;
    }
    int x = hf_embed(&a, fw_input(b, "input_ids", "int64", 2, dims));
    for (uint32_t i = 0; i < a.n_layers && fw_build_ok(b); i++) {
        bool looks = hf_holds(c, "cross_attention_layers", i);
        fw_enter_number(b, words.layers, i);
        x = looks ? looking_layer(&a, i, x) : hf_layer(&a, i, x);
        fw_leave(b);
    }
    x = hf_norm(&a, x, words.final);
    a.vocab -= MORE_WORDS;
    a.tied = false; // the table is longer
    if (job->head == HF_HEAD_LM)
        x = hf_logits(&a, x, "lm_head");
    else if (job->head != HF_HEAD_NONE)
        hf_no_head(job);
    fw_output(b, x);
}

static void build_mllama(const struct hf_job *job)
{
    struct hf_config tc = *job->c;
    struct hf_config vc;
    struct sight s;
    if (strcmp(job->family->type, "mllama") != 0) {
        tell(job, &tc, -1);
        return;
    }
    hf_config_part(job->c, "text_config", "mllama_text_model", &tc);
    if (hf_ends(job->model, "ForCausalLM")) {
        tell(job, &tc, -1);
        return;
    }
    hf_config_part(job->c, "vision_config", "mllama_vision_model", &vc);
    fw_enter(job->b, "vision_model");
    int x = see(&s, &vc);
    fw_leave(job->b);
    x = hf_linear(&s.v, x, "multi_modal_projector", hf_size(&tc, "hidden_size"), true);
    if (!fw_build_ok(job->b))
        return;
    fw_enter(job->b, "language_model");
    tell(job, &tc, x);
    fw_leave(job->b);
}

const struct hf_family hf_mllamas[] = {
    {"mllama", NULL, "MllamaForConditionalGeneration", NULL, NULL, build_mllama, NULL},
    {"mllama_text_model", NULL, "MllamaForCausalLM", NULL, NULL, build_mllama, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
