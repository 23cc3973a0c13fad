/* UNet2DConditionModel of diffusers: takes noise away from a picture, told the time and words.
 *
 * Blocks halve the picture and double it again, each looking also at what stood at its size before;
 * lists in the configuration name their kinds. What else there is to know (a class, a guidance
 * factor, a pooled text, another picture) is added to the time. */
#include "formats/hf_diffusion.h"

#include <stdio.h>
#include <string.h>

/* What stands behind a residual block. */
enum sight { BLIND, LAYERS, ADDED };

struct kind {
    const char *name;
    enum sight sight;
    bool residual; // sizes change in a residual block instead of a convolution
};
static const struct kind downs[] = {{"DownBlock2D", BLIND, false},
                                    {"CrossAttnDownBlock2D", LAYERS, false},
                                    {"ResnetDownsampleBlock2D", BLIND, true},
                                    {"SimpleCrossAttnDownBlock2D", ADDED, true},
                                    {NULL, BLIND, false}};
static const struct kind ups[] = {{"UpBlock2D", BLIND, false},
                                  {"CrossAttnUpBlock2D", LAYERS, false},
                                  {"ResnetUpsampleBlock2D", BLIND, true},
                                  {"SimpleCrossAttnUpBlock2D", ADDED, true},
                                  {NULL, BLIND, false}};
static const struct kind middles[] = {{"UNetMidBlock2D", BLIND, false},
                                      {"UNetMidBlock2DCrossAttn", LAYERS, false},
                                      {"UNetMidBlock2DSimpleCrossAttn", ADDED, false},
                                      {NULL, BLIND, false}};

static const struct kind *kind_of(const struct hf_unet *u, const struct kind *kinds,
                                  const char *key, const char *type)
{
    const struct kind *k = kinds;
    while (k->name != NULL && strcmp(k->name, type) != 0)
        k++;
    if (k->name == NULL)
        hf_complain(u->c, key, "no block '%.40s' is known", type);
    if (k->sight != BLIND && u->words < 0)
        hf_complain(u->c, "cross_attention_dim", "a number is wanted, blocks look at words");
    return k;
}

/* ---- blocks ---- */

/* Heads: the key holds their number, under a name that says their width. */
static int64_t heads_at(const struct hf_unet *u, uint32_t level)
{
    int64_t n = hf_unet_at(u, "attention_head_dim", level, 8);
    return n < 1 ? 1 : n;
}

static const struct fw_json *element(const struct fw_json *v, uint32_t i)
{
    const struct fw_json *m = v != NULL && v->kind == FW_JSON_ARRAY ? v->member : NULL;
    while (m != NULL && i-- > 0)
        m = m->next;
    return m;
}

/* Of a number for all, a list of levels, or lists of their blocks. */
static int64_t layers_at(const struct hf_unet *u, const char *key, uint32_t level, uint32_t i)
{
    const struct fw_json *v = hf_value(u->c, key);
    if (v != NULL && v->kind == FW_JSON_ARRAY)
        v = element(v, level);
    if (v != NULL && v->kind == FW_JSON_ARRAY)
        v = element(v, i);
    if (v != NULL && v->kind == FW_JSON_INT && v->i >= 0 && v->i < INT32_MAX)
        return v->i;
    hf_complain(u->c, key, "a number of layers for block %u of level %u is wanted", i, level);
    return 1;
}

/* Attention over the places and the words at once, the words through layers of their own. */
static int added_attention(struct hf_unet *u, int x, const char *name, uint32_t level, bool alone)
{
    struct fw_builder *b = u->b;
    struct hf_arch *a = &u->a;
    static const int64_t last[4] = {0, 2, 3, 1};
    static const int64_t back[3] = {0, 2, 1};
    int64_t c = fw_size_of(b, x, 1);
    int64_t square[4] = {a->batch, c, fw_size_of(b, x, 2), fw_size_of(b, x, 3)};
    int64_t flat[3] = {a->batch, square[2] * square[3], c};
    int64_t heads = c / heads_at(u, level); // here the key is true to its name
    fw_enter(b, name);
    int h = fw_group_norm(b, x, "group_norm", u->groups);
    h = fw_reshape(b, fw_transpose(b, h, last), 3, flat);
    int q = hf_linear(a, h, "to_q", c, true);
    int k = hf_linear(a, u->words, "add_k_proj", c, true);
    int v = hf_linear(a, u->words, "add_v_proj", c, true);
    if (!alone) {
        int keys[2] = {k, hf_linear(a, h, "to_k", c, true)};
        int values[2] = {v, hf_linear(a, h, "to_v", c, true)};
        k = fw_concat(b, keys, 2, 1);
        v = fw_concat(b, values, 2, 1);
    }
    struct hf_scores s = {.heads = heads < 1 ? 1 : heads,
                          .kv_heads = heads < 1 ? 1 : heads,
                          .cache = -1,
                          .bias = -1,
                          .sinks = -1};
    h = hf_linear(a, hf_attend(a, q, k, v, &s), "to_out.0", c, true);
    h = fw_reshape(b, fw_transpose(b, h, back), 4, square);
    fw_leave(b);
    return fw_add(b, x, h);
}

/* layers: of the transformer, where the kind has one. */
static int look(struct hf_unet *u, int x, const struct kind *k, uint32_t level, uint32_t i,
                int64_t layers)
{
    char name[32];
    (void)snprintf(name, sizeof name, "attentions.%u", i);
    if (k->sight == LAYERS)
        return hf_unet_transformer(u, x, name, heads_at(u, level), layers);
    return k->sight == ADDED ? added_attention(u, x, name, level, u->words_alone) : x;
}

static int block(struct hf_unet *u, int x, int64_t out, uint32_t i)
{
    char name[32];
    (void)snprintf(name, sizeof name, "resnets.%u", i);
    return hf_unet_residual(u, x, name, out, HF_UNET_SAME);
}

static bool flag_at(const struct hf_unet *u, const char *key, uint32_t level)
{
    const struct fw_json *v = hf_value(u->c, key);
    v = v != NULL && v->kind == FW_JSON_ARRAY ? element(v, level) : v;
    return v != NULL && v->kind == FW_JSON_BOOL && v->i != 0;
}

static void keep(struct hf_unet *u, int x)
{
    if (u->n_skips == HF_UNET_SKIPS)
        hf_complain(u->c, "layers_per_block", "at most %d skips are built", HF_UNET_SKIPS);
    else
        u->skip[u->n_skips++] = x;
}

/* What the lists in the configuration say of a level, counted from the outermost. */
struct level {
    const struct kind *kind;
    int64_t channels, blocks;
};

/* i: its place in the list of kinds under the key. */
static struct level level_of(struct hf_unet *u, uint32_t at, const struct kind *kinds,
                             const char *key, uint32_t i)
{
    u->words_alone = flag_at(u, "only_cross_attention", at);
    return (struct level){.kind = kind_of(u, kinds, key, hf_text_item(u->c, key, i)),
                          .channels = hf_unet_at(u, "block_out_channels", at, 1),
                          .blocks = hf_unet_at(u, "layers_per_block", at, 1)};
}

static int down(struct hf_unet *u, int x)
{
    for (uint32_t l = 0; l < u->levels && fw_build_ok(u->b); l++) {
        struct level v = level_of(u, l, downs, "down_block_types", l);
        fw_enter_number(u->b, "down_blocks.", l);
        for (uint32_t i = 0; i < v.blocks && fw_build_ok(u->b); i++) {
            int64_t layers =
                v.kind->sight == LAYERS ? layers_at(u, "transformer_layers_per_block", l, i) : 0;
            x = look(u, block(u, x, v.channels, i), v.kind, l, i, layers);
            keep(u, x);
        }
        if (l + 1 < u->levels) {
            x = v.kind->residual
                    ? hf_unet_residual(u, x, "downsamplers.0", v.channels, HF_UNET_HALF)
                    : hf_unet_conv(u, x, "downsamplers.0.conv", v.channels, 3, 2);
            keep(u, x);
        }
        fw_leave(u->b);
    }
    return x;
}

static int middle(struct hf_unet *u, int x)
{
    uint32_t l = u->levels - 1;
    int64_t out = hf_unet_at(u, "block_out_channels", l, 1);
    const char *type = hf_text(u->c, "mid_block_type", NULL);
    if (type == NULL)
        return x;
    const struct kind *k = kind_of(u, middles, "mid_block_type", type);
    int64_t layers = k->sight == LAYERS ? layers_at(u, "transformer_layers_per_block", l, 0) : 0;
    bool said = hf_has(u->c, "mid_block_only_cross_attention");
    bool all = hf_length(u->c, "only_cross_attention") == 0;
    u->words_alone =
        k->sight == ADDED && (said  ? hf_flag(u->c, "mid_block_only_cross_attention", false)
                              : all ? flag_at(u, "only_cross_attention", 0)
                                    : false);
    fw_enter(u->b, "mid_block");
    x = block(u, x, out, 0);
    if (k->sight != BLIND)
        x = block(u, look(u, x, k, l, 0, layers), out, 1);
    fw_leave(u->b);
    return x;
}

static int up(struct hf_unet *u, int x)
{
    bool own = hf_has(u->c, "reverse_transformer_layers_per_block");
    for (uint32_t l = 0; l < u->levels && fw_build_ok(u->b); l++) {
        uint32_t from = u->levels - 1 - l;
        struct level v = level_of(u, from, ups, "up_block_types", l);
        fw_enter_number(u->b, "up_blocks.", l);
        for (uint32_t i = 0; i <= v.blocks && u->n_skips > 0 && fw_build_ok(u->b); i++) {
            int both[2] = {x, u->skip[--u->n_skips]};
            int64_t layers = v.kind->sight != LAYERS ? 0
                             : own ? layers_at(u, "reverse_transformer_layers_per_block", l, i)
                                   : layers_at(u, "transformer_layers_per_block", from, i);
            x = fw_concat(u->b, both, 2, 1);
            x = look(u, block(u, x, v.channels, i), v.kind, from, i, layers);
        }
        if (from > 0)
            x = v.kind->residual
                    ? hf_unet_residual(u, x, "upsamplers.0", v.channels, HF_UNET_TWICE)
                    : hf_unet_conv(u, hf_unet_twice(u, x), "upsamplers.0.conv", v.channels, 3, 1);
        fw_leave(u->b);
    }
    return x;
}

/* ---- the time, and what is added to it ---- */

static int vector(struct hf_unet *u, const char *name, int64_t width)
{
    int64_t dims[2] = {u->a.batch, width};
    return fw_input(u->b, name, "float32", 2, dims);
}

/* Two layers, an activation between. */
static int two_layers(struct hf_unet *u, int x, const char *name, int64_t width)
{
    fw_enter(u->b, name);
    x = hf_unet_act(u, hf_linear(&u->a, x, "linear_1", width, true));
    x = hf_linear(&u->a, x, "linear_2", width, true);
    fw_leave(u->b);
    return x;
}

static int layer_norm(struct hf_unet *u, int x, const char *name)
{
    return hf_norm_as(&u->a, x, name, HF_LAYER_NORM);
}

/* The mean of the words asks all of them. */
static int pooled_words(struct hf_unet *u, int words, int64_t width)
{
    struct fw_builder *b = u->b;
    struct hf_arch *a = &u->a;
    static const int64_t places = 1;
    int64_t c = fw_size_of(b, words, -1);
    int64_t one[2] = {1, c};
    int64_t flat[2] = {a->batch, c};
    int64_t heads = hf_int(u->c, "addition_embed_type_num_heads", 64);
    int h = layer_norm(u, words, "add_embedding.norm1");
    int mean = fw_add(b, fw_mean(b, h, 1, &places, 1),
                      hf_param(a, "add_embedding.pool.positional_embedding", NULL, 2, one));
    int both[2] = {mean, h};
    h = fw_concat(b, both, 2, 1);
    int q = hf_linear(a, mean, "add_embedding.pool.q_proj", c, true);
    int k = hf_linear(a, h, "add_embedding.pool.k_proj", c, true);
    int v = hf_linear(a, h, "add_embedding.pool.v_proj", c, true);
    struct hf_scores s = {.heads = heads, .kv_heads = heads, .cache = -1, .bias = -1, .sinks = -1};
    h = fw_reshape(b, hf_attend(a, q, k, v, &s), 2, flat);
    return layer_norm(u, hf_linear(a, h, "add_embedding.proj", width, true), "add_embedding.norm2");
}

/* What "addition_embed_type" asks for; words: before they are brought to the blocks' width. */
static int added(struct hf_unet *u, const char *type, int words, int64_t width)
{
    struct hf_arch *a = &u->a;
    if (strcmp(type, "text_time") == 0)
        return two_layers(
            u, vector(u, "added_condition", hf_size(u->c, "projection_class_embeddings_input_dim")),
            "add_embedding", width);
    if (strcmp(type, "text") == 0)
        return pooled_words(u, words, width);
    if (strcmp(type, "image") == 0) {
        int x = vector(u, "image_embeds", hf_size(u->c, "encoder_hid_dim"));
        return layer_norm(u, hf_linear(a, x, "add_embedding.image_proj", width, true),
                          "add_embedding.image_norm");
    }
    if (strcmp(type, "text_image") != 0) {
        hf_complain(u->c, "addition_embed_type", "'%.40s' is not built", type);
        return -1;
    }
    int64_t c = hf_size(u->c, "cross_attention_dim");
    int text = hf_linear(a, vector(u, "text_embeds", c), "add_embedding.text_proj", width, true);
    int image = hf_linear(a, vector(u, "image_embeds", c), "add_embedding.image_proj", width, true);
    return fw_add(u->b, layer_norm(u, text, "add_embedding.text_norm"), image);
}

/* A vector for the class, or -1. */
static int class_of(struct hf_unet *u, int64_t sines, int64_t width)
{
    const char *type = hf_text(u->c, "class_embed_type", NULL);
    int64_t table[2] = {hf_int(u->c, "num_class_embeds", 0), width};
    if (type == NULL && table[0] == 0)
        return -1;
    if (type == NULL) {
        int ids = fw_input(u->b, "class_labels", "int64", 1, &u->a.batch);
        int w = hf_param(&u->a, "class_embedding", "weight", 2, table);
        return fw_embedding_with(u->b, ids, "class_embedding", w);
    }
    if (strcmp(type, "identity") == 0)
        return vector(u, "class_labels", width);
    if (strcmp(type, "timestep") == 0)
        return two_layers(u, vector(u, "class_sines", sines), "class_embedding", width);
    int64_t in = hf_size(u->c, "projection_class_embeddings_input_dim");
    if (strcmp(type, "projection") == 0)
        return two_layers(u, vector(u, "class_labels", in), "class_embedding", width);
    if (strcmp(type, "simple_projection") == 0)
        return hf_linear(&u->a, vector(u, "class_labels", in), "class_embedding", width, true);
    hf_complain(u->c, "class_embed_type", "'%.40s' is not built", type);
    return -1;
}

static void embed_time(struct hf_unet *u, int words)
{
    struct fw_builder *b = u->b;
    const struct hf_config *c = u->c;
    bool waves = hf_is(c, "time_embedding_type", "fourier");
    int64_t first = hf_unet_at(u, "block_out_channels", 0, 1);
    int64_t width = hf_int(c, "time_embedding_dim", waves ? 2 * first : 4 * first);
    int64_t sines = waves ? width : first;
    int t = vector(u, "timestep_sines", sines);
    int64_t waves_drawn = sines / 2;
    if (waves)
        hf_freeze(&u->a, hf_param(&u->a, "time_proj.weight", NULL, 1, &waves_drawn));
    if (hf_has(c, "time_cond_proj_dim")) {
        int guide = vector(u, "timestep_cond", hf_size(c, "time_cond_proj_dim"));
        t = fw_add(b, t, hf_linear(&u->a, guide, "time_embedding.cond_proj", sines, false));
    }
    t = two_layers(u, t, "time_embedding", width);
    if (hf_has(c, "timestep_post_act"))
        t = hf_act(&u->a, t, hf_text(c, "timestep_post_act", "silu"));
    int class = class_of(u, sines, width);
    if (class < 0 && hf_flag(c, "class_embeddings_concat", false))
        hf_complain(c, "class_embeddings_concat", "false is wanted where there are no classes");
    if (class >= 0) {
        int both[2] = {t, class};
        t = hf_flag(c, "class_embeddings_concat", false) ? fw_concat(b, both, 2, 1)
                                                         : fw_add(b, t, class);
    }
    const char *more = hf_text(c, "addition_embed_type", NULL);
    if (more != NULL)
        t = fw_add(b, t, added(u, more, words, width));
    if (hf_has(c, "time_embedding_act_fn"))
        t = hf_act(&u->a, t, hf_text(c, "time_embedding_act_fn", "silu"));
    u->time = t;
}

/* ---- the words ---- */

/* A vector of a picture as so many words. */
static int picture_words(struct hf_unet *u, int64_t in, int64_t n, int64_t width)
{
    int64_t dims[3] = {u->a.batch, n, width};
    int x = vector(u, "image_prompt", in);
    x = hf_linear(&u->a, x, "encoder_hid_proj.image_embeds", n * width, true);
    return fw_reshape(u->b, x, 3, dims);
}

/* *ret_raw: as they come in. */
static int words_of(struct hf_unet *u, int *ret_raw)
{
    const struct hf_config *c = u->c;
    enum { OF_PICTURE = 32, BESIDE_TEXT = 10 }; // words that stand for a picture
    *ret_raw = -1;
    if (!hf_has(c, "cross_attention_dim"))
        return -1;
    int64_t width = hf_size(c, "cross_attention_dim");
    int64_t in = hf_int(c, "encoder_hid_dim", width);
    const char *type = hf_text(c, "encoder_hid_dim_type", "text_proj");
    if (hf_has(c, "encoder_hid_dim") && strcmp(type, "image_proj") == 0)
        return layer_norm(u, picture_words(u, in, OF_PICTURE, width), "encoder_hid_proj.norm");
    int64_t dims[3] = {u->a.batch, fw_size(u->b, "seq"), in};
    int x = *ret_raw = fw_input(u->b, "encoder_hidden_states", "float32", 3, dims);
    if (!hf_has(c, "encoder_hid_dim"))
        return x;
    if (strcmp(type, "text_proj") == 0)
        return hf_linear(&u->a, x, "encoder_hid_proj", width, true);
    if (strcmp(type, "text_image_proj") != 0)
        hf_complain(c, "encoder_hid_dim_type", "'%.40s' is not built", type);
    int both[2] = {picture_words(u, width, BESIDE_TEXT, width),
                   hf_linear(&u->a, x, "encoder_hid_proj.text_proj", width, true)};
    return fw_concat(u->b, both, 2, 1);
}

/* ---- the whole ---- */

static void check(const struct hf_unet *u)
{
    const struct hf_config *c = u->c;
    if (u->levels < 1 || u->levels > HF_UNET_LEVELS ||
        u->levels != hf_length(c, "down_block_types") ||
        u->levels != hf_length(c, "up_block_types"))
        hf_complain(c, "block_out_channels",
                    "1 to %d levels, as many down and up block types, are wanted", HF_UNET_LEVELS);
    if (hf_flag(c, "dual_cross_attention", false))
        hf_complain(c, "dual_cross_attention", "false is wanted, two transformers are not built");
    if (!hf_is(c, "attention_type", "default"))
        hf_complain(c, "attention_type", "'default' is wanted, places for boxes are not built");
    if (hf_has(c, "cross_attention_norm"))
        hf_complain(c, "cross_attention_norm", "null is wanted, a norm of words is not built");
    if (hf_has(c, "num_attention_heads"))
        hf_complain(c, "num_attention_heads", "null is wanted: 'attention_head_dim' has them");
}

static void build_unet(const struct hf_job *job)
{
    struct hf_unet u = {.c = job->c, .b = job->b};
    struct fw_builder *b = job->b;
    const struct hf_config *c = job->c;
    hf_arch_pieces(&u.a, c);
    u.groups = hf_int(c, "norm_num_groups", 32);
    u.levels = hf_length(c, "block_out_channels");
    u.scaled = hf_is(c, "resnet_time_scale_shift", "scale_shift");
    check(&u);
    if (!fw_build_ok(b))
        return;
    int64_t size = hf_int(c, "sample_size", 64);
    int64_t picture[4] = {u.a.batch, hf_int(c, "in_channels", 4), size, size};
    int x = fw_input(b, "sample", "float32", 4, picture);
    int raw;
    u.words = words_of(&u, &raw);
    embed_time(&u, raw);
    x = hf_unet_conv(&u, x, "conv_in", hf_unet_at(&u, "block_out_channels", 0, 1),
                     hf_size(c, "conv_in_kernel"), 1);
    keep(&u, x);
    x = up(&u, middle(&u, down(&u, x)));
    x = hf_unet_conv(&u, hf_unet_normed(&u, x, "conv_norm_out"), "conv_out",
                     hf_int(c, "out_channels", 4), hf_size(c, "conv_out_kernel"), 1);
    fw_output(b, x);
}

const struct hf_family hf_unets[] = {
    {"UNet2DConditionModel", NULL, "UNet2DConditionModel", NULL, NULL, build_unet, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
