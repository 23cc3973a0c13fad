/* Networks of diffusers that noise is taken away with: UNet2DConditionModel. Their configuration
 * has _class_name where others have model_type; blocks are named in lists.
 *
 * A block is residual blocks (two convolutions behind group norms, the time added in between), each
 * followed by a transformer over the places that looks at the words where its name says so. */
#include "formats/hf_diffusion.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LEVELS = 8, MAX_SKIPS = 64 };

struct unet {
    struct hf_arch a; // for linear layers, norms and attention: hidden and heads change
    const struct hf_config *c;
    struct fw_builder *b;
    int64_t groups, time_width, height, width;
    uint32_t levels, per_block;
    int time, words;
    int64_t inner; // width of the transformers, 0: of the picture
    bool biased;   // their attention
    int skip[MAX_SKIPS];
    uint32_t n_skips;
};

static int64_t at(const struct unet *u, const char *key, uint32_t level, int64_t absent)
{
    bool list = hf_length(u->c, key) > 0;
    return hf_item(u->c, key, list ? level : 0, absent);
}

static int conv(struct unet *u, int x, const char *name, int64_t filters, int64_t kernel,
                int64_t stride)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, kernel / 2);
    return fw_conv(u->b, x, name, filters, &w);
}

static int normed(struct unet *u, int x, const char *name)
{
    return fw_activation(u->b, fw_group_norm(u->b, x, name, u->groups), "silu");
}

/* ---- blocks ---- */

static int residual(struct unet *u, int x, const char *name, int64_t out)
{
    struct fw_builder *b = u->b;
    fw_enter(b, name);
    int y = conv(u, normed(u, x, "norm1"), "conv1", out, 3, 1);
    int64_t dims[4] = {u->a.batch, out, 1, 1};
    if (u->time >= 0) {
        int t = hf_linear(&u->a, fw_activation(b, u->time, "silu"), "time_emb_proj", out, true);
        y = fw_add(b, y, fw_reshape(b, t, 4, dims));
    }
    y = conv(u, normed(u, y, "norm2"), "conv2", out, 3, 1);
    if (fw_size_of(b, x, 1) != out)
        x = conv(u, x, "conv_shortcut", out, 1, 1);
    x = fw_add(b, x, y);
    fw_leave(b);
    return x;
}

int hf_attend_words(struct hf_arch *a, int x, int other, const char *name, int64_t heads, bool bias)
{
    fw_enter(a->b, name);
    int64_t width = a->hidden;
    int q = hf_linear(a, x, "to_q", width, bias);
    int k = hf_linear(a, other, "to_k", width, bias);
    int v = hf_linear(a, other, "to_v", width, bias);
    struct hf_scores s = {.heads = heads, .kv_heads = heads, .cache = -1, .bias = -1, .sinks = -1};
    int y = hf_linear(a, hf_attend(a, q, k, v, &s), "to_out.0", width, true);
    fw_leave(a->b);
    return y;
}

static int layer_norm(struct unet *u, int x, const char *name)
{
    return hf_norm_as(&u->a, x, name, HF_LAYER_NORM);
}

/* Attention over the places, over the words, and a gated feed-forward layer. */
static int transformer_block(struct unet *u, int x, int64_t heads)
{
    struct fw_builder *b = u->b;
    struct hf_arch *a = &u->a;
    int h = layer_norm(u, x, "norm1");
    x = fw_add(b, x, hf_attend_words(a, h, h, "attn1", heads, u->biased));
    if (u->words >= 0) {
        h = layer_norm(u, x, "norm2");
        x = fw_add(b, x, hf_attend_words(a, h, u->words, "attn2", heads, u->biased));
    }
    h = hf_linear(a, layer_norm(u, x, "norm3"), "ff.net.0.proj", 8 * a->hidden, true);
    h = fw_split(b, h, 2, 2, NULL);
    h = fw_mul(b, h, fw_activation(b, h + 1, "gelu"));
    return fw_add(b, x, hf_linear(a, h, "ff.net.2", a->hidden, true));
}

static int transformer(struct unet *u, int x, const char *name, int64_t heads, int64_t layers)
{
    struct fw_builder *b = u->b;
    static const int64_t last[4] = {0, 2, 3, 1};
    static const int64_t back[3] = {0, 2, 1};
    bool linear = hf_flag(u->c, "use_linear_projection", false);
    int64_t c = fw_size_of(b, x, 1);
    int64_t rows = fw_size_of(b, x, 2);
    int64_t columns = fw_size_of(b, x, 3);
    int64_t inner = u->inner > 0 ? u->inner : c;
    int64_t flat[3] = {u->a.batch, rows * columns, linear ? c : inner};
    int64_t square[4] = {u->a.batch, linear ? c : inner, rows, columns};
    fw_enter(b, name);
    u->a.hidden = inner;
    int y = fw_group_norm(b, x, "norm", u->groups);
    if (!linear)
        y = conv(u, y, "proj_in", inner, 1, 1);
    y = fw_reshape(b, fw_transpose(b, y, last), 3, flat);
    if (linear)
        y = hf_linear(&u->a, y, "proj_in", inner, true);
    for (int64_t i = 0; i < layers && fw_build_ok(b); i++) {
        fw_enter_number(b, "transformer_blocks.", i);
        y = transformer_block(u, y, heads);
        fw_leave(b);
    }
    if (linear)
        y = hf_linear(&u->a, y, "proj_out", c, true);
    y = fw_reshape(b, fw_transpose(b, y, back), 4, square);
    if (!linear)
        y = conv(u, y, "proj_out", c, 1, 1);
    fw_leave(b);
    return fw_add(b, x, y);
}

/* ---- the whole ---- */

static void keep(struct unet *u, int x)
{
    if (u->n_skips == MAX_SKIPS)
        hf_complain(u->c, "layers_per_block", "at most %d skips are built", MAX_SKIPS);
    else
        u->skip[u->n_skips++] = x;
}

/* Heads: the key holds their number, under a name that says their width. */
static int64_t heads_at(const struct unet *u, uint32_t level)
{
    const char *key =
        hf_has(u->c, "num_attention_heads") ? "num_attention_heads" : "attention_head_dim";
    int64_t n = at(u, key, level, 8);
    return n < 1 ? 1 : n;
}

static bool looks(const struct unet *u, const char *key, uint32_t level)
{
    const char *type = hf_text_item(u->c, key, level);
    bool known = strcmp(type, "CrossAttnDownBlock2D") == 0 || strcmp(type, "DownBlock2D") == 0 ||
                 strcmp(type, "CrossAttnUpBlock2D") == 0 || strcmp(type, "UpBlock2D") == 0;
    if (!known)
        hf_complain(u->c, key, "no block '%.40s' is known", type);
    return strncmp(type, "CrossAttn", 9) == 0;
}

static int block(struct unet *u, int x, uint32_t level, int64_t out, uint32_t i, bool attends)
{
    char name[32];
    int64_t layers = at(u, "transformer_layers_per_block", level, 1);
    (void)snprintf(name, sizeof name, "resnets.%u", i);
    x = residual(u, x, name, out);
    (void)snprintf(name, sizeof name, "attentions.%u", i);
    return attends ? transformer(u, x, name, heads_at(u, level), layers) : x;
}

static int down(struct unet *u, int x)
{
    for (uint32_t l = 0; l < u->levels && fw_build_ok(u->b); l++) {
        int64_t out = at(u, "block_out_channels", l, 1);
        bool attends = looks(u, "down_block_types", l);
        fw_enter_number(u->b, "down_blocks.", l);
        for (uint32_t i = 0; i < u->per_block && fw_build_ok(u->b); i++) {
            x = block(u, x, l, out, i, attends);
            keep(u, x);
        }
        if (l + 1 < u->levels) {
            x = conv(u, x, "downsamplers.0.conv", out, 3, 2);
            keep(u, x);
        }
        fw_leave(u->b);
    }
    return x;
}

static int middle(struct unet *u, int x)
{
    uint32_t l = u->levels - 1;
    int64_t out = at(u, "block_out_channels", l, 1);
    fw_enter(u->b, "mid_block");
    x = block(u, x, l, out, 0, true);
    x = residual(u, x, "resnets.1", out);
    fw_leave(u->b);
    return x;
}

/* Twice the height and width, each element repeated. */
static int upsample(struct unet *u, int x, int64_t out)
{
    struct fw_builder *b = u->b;
    int64_t sizes[4] = {u->a.batch, fw_size_of(b, x, 1), 2 * fw_size_of(b, x, 2),
                        2 * fw_size_of(b, x, 3)};
    int in[4] = {x, -1, -1, fw_sizes(b, 4, sizes)};
    struct fw_build_node n = fw_build_node(b, "", "Resize");
    fw_build_text(&n, "mode", "nearest");
    x = fw_build_add(&n, fw_build_name(b, "upsample", "upsample"), in, 4, 1);
    return conv(u, x, "upsamplers.0.conv", out, 3, 1);
}

static int up(struct unet *u, int x)
{
    for (uint32_t l = 0; l < u->levels && fw_build_ok(u->b); l++) {
        uint32_t from = u->levels - 1 - l;
        int64_t out = at(u, "block_out_channels", from, 1);
        bool attends = looks(u, "up_block_types", l);
        fw_enter_number(u->b, "up_blocks.", l);
        for (uint32_t i = 0; i <= u->per_block && u->n_skips > 0 && fw_build_ok(u->b); i++) {
            int both[2] = {x, u->skip[--u->n_skips]};
            x = block(u, fw_concat(u->b, both, 2, 1), from, out, i, attends);
        }
        if (from > 0)
            x = upsample(u, x, out);
        fw_leave(u->b);
    }
    return x;
}

static void embed_time(struct unet *u)
{
    struct fw_builder *b = u->b;
    int64_t first = at(u, "block_out_channels", 0, 1);
    int64_t dims[2] = {u->a.batch, first};
    u->time_width = 4 * first;
    int t = fw_input(b, "timestep_sines", "float32", 2, dims);
    t = hf_linear(&u->a, t, "time_embedding.linear_1", u->time_width, true);
    t = hf_linear(&u->a, fw_activation(b, t, "silu"), "time_embedding.linear_2", u->time_width,
                  true);
    u->time = t;
    const char *more = hf_text(u->c, "addition_embed_type", NULL);
    if (more == NULL)
        return;
    if (strcmp(more, "text_time") != 0)
        hf_complain(u->c, "addition_embed_type", "text_time is wanted, found '%.40s'", more);
    int64_t added[2] = {u->a.batch, hf_size(u->c, "projection_class_embeddings_input_dim")};
    int e = fw_input(b, "added_condition", "float32", 2, added);
    e = hf_linear(&u->a, e, "add_embedding.linear_1", u->time_width, true);
    e = hf_linear(&u->a, fw_activation(b, e, "silu"), "add_embedding.linear_2", u->time_width,
                  true);
    u->time = fw_add(b, u->time, e);
}

static void build_unet(const struct hf_job *job)
{
    struct unet u = {.c = job->c, .b = job->b};
    struct fw_builder *b = job->b;
    hf_arch_pieces(&u.a, job->c);
    u.groups = hf_int(job->c, "norm_num_groups", 32);
    u.levels = hf_length(job->c, "block_out_channels");
    u.per_block = (uint32_t)hf_int(job->c, "layers_per_block", 2);
    if (u.levels < 1 || u.levels > MAX_LEVELS ||
        u.levels != hf_length(job->c, "down_block_types") ||
        u.levels != hf_length(job->c, "up_block_types") || u.per_block > MAX_LEVELS) {
        hf_complain(job->c, "block_out_channels",
                    "1 to %d levels, as many down and up block types, "
                    "are wanted",
                    MAX_LEVELS);
        return;
    }
    int64_t size = hf_int(job->c, "sample_size", 64);
    int64_t picture[4] = {u.a.batch, hf_int(job->c, "in_channels", 4), size, size};
    int64_t words[3] = {u.a.batch, fw_size(b, "seq"), hf_int(job->c, "cross_attention_dim", 1280)};
    int x = fw_input(b, "sample", "float32", 4, picture);
    u.words = fw_input(b, "encoder_hidden_states", "float32", 3, words);
    embed_time(&u);
    x = conv(&u, x, "conv_in", at(&u, "block_out_channels", 0, 1), 3, 1);
    keep(&u, x);
    x = up(&u, middle(&u, down(&u, x)));
    x = conv(&u, normed(&u, x, "conv_norm_out"), "conv_out", hf_int(job->c, "out_channels", 4), 3,
             1);
    fw_output(b, x);
}

/* ---- Transformer2DModel over pixels: one of the blocks above alone ---- */

void hf_build_plain_transformer(const struct hf_job *job)
{
    struct unet u = {.c = job->c, .b = job->b, .time = -1, .words = -1};
    struct fw_builder *b = job->b;
    hf_arch_pieces(&u.a, job->c);
    int64_t heads = hf_int(job->c, "num_attention_heads", 16);
    int64_t size = hf_int(job->c, "sample_size", 64);
    u.groups = hf_int(job->c, "norm_num_groups", 32);
    u.biased = hf_flag(job->c, "attention_bias", false);
    u.inner = heads * hf_int(job->c, "attention_head_dim", 88);
    if (heads < 1 || u.inner < 1 || u.inner > INT32_MAX / 16) {
        hf_complain(job->c, "attention_head_dim", "a positive width of all heads is wanted");
        return;
    }
    if (hf_has(job->c, "num_vector_embeds") || hf_given(job->c, "num_embeds_ada_norm"))
        hf_complain(job->c, "norm_type", "pixels and plain norms are built, or patches");
    int64_t picture[4] = {u.a.batch, hf_size(job->c, "in_channels"), size, size};
    if (hf_has(job->c, "cross_attention_dim")) {
        int64_t words[3] = {u.a.batch, fw_size(b, "seq"), hf_size(job->c, "cross_attention_dim")};
        u.words = fw_input(b, "encoder_hidden_states", "float32", 3, words);
    }
    int x = fw_input(b, "hidden_states", "float32", 4, picture);
    fw_output(b, transformer(&u, x, "", heads, hf_int(job->c, "num_layers", 1)));
}

/* ---- AutoencoderKL: a picture to a smaller one of more channels, and back ---- */

/* One head over all places. */
static int place_attention(struct unet *u, int x, const char *name)
{
    struct fw_builder *b = u->b;
    static const int64_t last[4] = {0, 2, 3, 1};
    static const int64_t back[3] = {0, 2, 1};
    int64_t c = fw_size_of(b, x, 1);
    int64_t square[4] = {u->a.batch, c, fw_size_of(b, x, 2), fw_size_of(b, x, 3)};
    int64_t flat[3] = {u->a.batch, square[2] * square[3], c};
    fw_enter(b, name);
    int h = fw_group_norm(b, x, "group_norm", u->groups);
    h = fw_reshape(b, fw_transpose(b, h, last), 3, flat);
    int q = hf_linear(&u->a, h, "to_q", c, true);
    int k = hf_linear(&u->a, h, "to_k", c, true);
    int v = hf_linear(&u->a, h, "to_v", c, true);
    struct hf_scores s = {.heads = 1, .kv_heads = 1, .cache = -1, .bias = -1, .sinks = -1};
    h = hf_linear(&u->a, hf_attend(&u->a, q, k, v, &s), "to_out.0", c, true);
    h = fw_reshape(b, fw_transpose(b, h, back), 4, square);
    fw_leave(b);
    return fw_add(b, x, h);
}

static int coder_middle(struct unet *u, int x)
{
    int64_t out = at(u, "block_out_channels", u->levels - 1, 1);
    fw_enter(u->b, "mid_block");
    x = residual(u, x, "resnets.0", out);
    if (hf_flag(u->c, "mid_block_add_attention", true))
        x = place_attention(u, x, "attentions.0");
    x = residual(u, x, "resnets.1", out);
    fw_leave(u->b);
    return x;
}

static int encode(struct unet *u, int x, int64_t latent)
{
    struct fw_builder *b = u->b;
    fw_enter(b, "encoder");
    x = conv(u, x, "conv_in", at(u, "block_out_channels", 0, 1), 3, 1);
    for (uint32_t l = 0; l < u->levels && fw_build_ok(b); l++) {
        int64_t out = at(u, "block_out_channels", l, 1);
        fw_enter_number(b, "down_blocks.", l);
        for (uint32_t i = 0; i < u->per_block && fw_build_ok(b); i++)
            x = block(u, x, l, out, i, false);
        if (l + 1 < u->levels) { // one row and column are added behind
            struct fw_window_spec w = fw_window_of(2, 3, 2, 0);
            w.pad_end[0] = w.pad_end[1] = 1;
            x = fw_conv(b, x, "downsamplers.0.conv", out, &w);
        }
        fw_leave(b);
    }
    x = coder_middle(u, x);
    x = conv(u, normed(u, x, "conv_norm_out"), "conv_out", 2 * latent, 3, 1);
    fw_leave(b);
    if (hf_flag(u->c, "use_quant_conv", true))
        x = conv(u, x, "quant_conv", 2 * latent, 1, 1);
    return x;
}

static int decode(struct unet *u, int x, int64_t latent)
{
    struct fw_builder *b = u->b;
    if (hf_flag(u->c, "use_post_quant_conv", true))
        x = conv(u, x, "post_quant_conv", latent, 1, 1);
    fw_enter(b, "decoder");
    x = conv(u, x, "conv_in", at(u, "block_out_channels", u->levels - 1, 1), 3, 1);
    x = coder_middle(u, x);
    for (uint32_t l = 0; l < u->levels && fw_build_ok(b); l++) {
        uint32_t from = u->levels - 1 - l;
        int64_t out = at(u, "block_out_channels", from, 1);
        fw_enter_number(b, "up_blocks.", l);
        for (uint32_t i = 0; i <= u->per_block && fw_build_ok(b); i++)
            x = block(u, x, from, out, i, false);
        if (from > 0)
            x = upsample(u, x, out);
        fw_leave(b);
    }
    x = conv(u, normed(u, x, "conv_norm_out"), "conv_out", hf_int(u->c, "out_channels", 3), 3, 1);
    fw_leave(b);
    return x;
}

static void build_coder(const struct hf_job *job)
{
    struct unet u = {.c = job->c, .b = job->b, .time = -1};
    struct fw_builder *b = job->b;
    hf_arch_pieces(&u.a, job->c);
    u.groups = hf_int(job->c, "norm_num_groups", 32);
    u.levels = hf_length(job->c, "block_out_channels");
    u.per_block = (uint32_t)hf_int(job->c, "layers_per_block", 1);
    if (u.levels < 1 || u.levels > MAX_LEVELS || u.per_block > MAX_LEVELS) {
        hf_complain(job->c, "block_out_channels", "1 to %d levels are wanted", MAX_LEVELS);
        return;
    }
    int64_t latent = hf_int(job->c, "latent_channels", 4);
    int64_t size = hf_int(job->c, "sample_size", 32);
    int64_t picture[4] = {u.a.batch, hf_int(job->c, "in_channels", 3), size, size};
    int x = encode(&u, fw_input(b, "sample", "float32", 4, picture), latent);
    x = fw_slice(b, x, 1, 0, latent); // the mean; what is drawn around it is as large
    fw_output(b, decode(&u, x, latent));
}

const struct hf_family hf_diffusions[] = {
    {"AutoencoderKL", NULL, "AutoencoderKL", NULL, NULL, build_coder, NULL},
    {"UNet2DConditionModel", NULL, "UNet2DConditionModel", NULL, NULL, build_unet, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
