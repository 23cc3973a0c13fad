/* Blocks of the networks of diffusers that work on pictures: residual blocks (two convolutions
 * behind group norms, the time in between) and transformers over the places that look at words; and
 * two networks made of them alone, Transformer2DModel and AutoencoderKL. hf_unet.c has the UNet. */
#include "formats/hf_diffusion.h"

#include <stdio.h>
#include <string.h>

int64_t hf_unet_at(const struct hf_unet *u, const char *key, uint32_t level, int64_t absent)
{
    bool list = hf_length(u->c, key) > 0;
    return hf_item(u->c, key, list ? level : 0, absent);
}

int hf_unet_conv(struct hf_unet *u, int x, const char *name, int64_t filters, int64_t kernel,
                 int64_t stride)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, kernel / 2);
    return fw_conv(u->b, x, name, filters, &w);
}

int hf_unet_act(struct hf_unet *u, int x)
{
    return hf_act(&u->a, x, hf_text(u->c, "act_fn", "silu"));
}

int hf_unet_normed(struct hf_unet *u, int x, const char *name)
{
    return hf_unet_act(u, fw_group_norm(u->b, x, name, u->groups));
}

/* ---- blocks ---- */

/* Half or twice the height and width. */
static int sampled(struct hf_unet *u, int x, enum hf_unet_sampling how)
{
    struct fw_window_spec w = fw_window_of(2, 2, 2, 0);
    if (how == HF_UNET_HALF)
        return fw_average_pool(u->b, x, &w);
    return how == HF_UNET_TWICE ? hf_unet_twice(u, x) : x;
}

/* The time is added before the second norm, or scales and shifts what it gives. */
static int second_norm(struct hf_unet *u, int y, int64_t out)
{
    struct fw_builder *b = u->b;
    int64_t dims[4] = {u->a.batch, out, 1, 1};
    if (u->time < 0)
        return hf_unet_normed(u, y, "norm2");
    int t = hf_unet_act(u, u->time);
    if (!u->scaled) {
        t = hf_linear(&u->a, t, "time_emb_proj", out, true);
        return hf_unet_normed(u, fw_add(b, y, fw_reshape(b, t, 4, dims)), "norm2");
    }
    t = fw_split(b, hf_linear(&u->a, t, "time_emb_proj", 2 * out, true), 1, 2, NULL);
    int factor = fw_add(b, fw_reshape(b, t, 4, dims), fw_number(b, 1));
    y = fw_mul(b, fw_group_norm(b, y, "norm2", u->groups), factor);
    return hf_unet_act(u, fw_add(b, y, fw_reshape(b, t + 1, 4, dims)));
}

int hf_unet_residual(struct hf_unet *u, int x, const char *name, int64_t out,
                     enum hf_unet_sampling how)
{
    struct fw_builder *b = u->b;
    fw_enter(b, name);
    int y = sampled(u, hf_unet_normed(u, x, "norm1"), how);
    y = second_norm(u, hf_unet_conv(u, y, "conv1", out, 3, 1), out);
    y = hf_unet_conv(u, y, "conv2", out, 3, 1);
    x = sampled(u, x, how);
    if (fw_size_of(b, x, 1) != out)
        x = hf_unet_conv(u, x, "conv_shortcut", out, 1, 1);
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

static int layer_norm(struct hf_unet *u, int x, const char *name)
{
    return hf_norm_as(&u->a, x, name, HF_LAYER_NORM);
}

/* Attention over the places, over the words, and a gated feed-forward layer. */
static int transformer_block(struct hf_unet *u, int x, int64_t heads)
{
    struct fw_builder *b = u->b;
    struct hf_arch *a = &u->a;
    int h = layer_norm(u, x, "norm1");
    int seen = u->words_alone && u->words >= 0 ? u->words : h;
    x = fw_add(b, x, hf_attend_words(a, h, seen, "attn1", heads, u->biased));
    if (u->words >= 0) {
        h = layer_norm(u, x, "norm2");
        x = fw_add(b, x, hf_attend_words(a, h, u->words, "attn2", heads, u->biased));
    }
    h = hf_linear(a, layer_norm(u, x, "norm3"), "ff.net.0.proj", 8 * a->hidden, true);
    h = fw_split(b, h, 2, 2, NULL);
    h = fw_mul(b, h, fw_activation(b, h + 1, "gelu"));
    return fw_add(b, x, hf_linear(a, h, "ff.net.2", a->hidden, true));
}

int hf_unet_transformer(struct hf_unet *u, int x, const char *name, int64_t heads, int64_t layers)
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
        y = hf_unet_conv(u, y, "proj_in", inner, 1, 1);
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
        y = hf_unet_conv(u, y, "proj_out", c, 1, 1);
    fw_leave(b);
    return fw_add(b, x, y);
}

/* Twice the height and width, each element repeated. */
int hf_unet_twice(struct hf_unet *u, int x)
{
    struct fw_builder *b = u->b;
    int64_t sizes[4] = {u->a.batch, fw_size_of(b, x, 1), 2 * fw_size_of(b, x, 2),
                        2 * fw_size_of(b, x, 3)};
    int in[4] = {x, -1, -1, fw_sizes(b, 4, sizes)};
    struct fw_build_node n = fw_build_node(b, "", "Resize");
    fw_build_text(&n, "mode", "nearest");
    return fw_build_add(&n, fw_build_name(b, "upsample", "upsample"), in, 4, 1);
}

/* ---- Transformer2DModel over pixels: one of the blocks above alone ---- */

void hf_build_plain_transformer(const struct hf_job *job)
{
    struct hf_unet u = {.c = job->c, .b = job->b, .time = -1, .words = -1};
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
    fw_output(b, hf_unet_transformer(&u, x, "", heads, hf_int(job->c, "num_layers", 1)));
}

/* ---- AutoencoderKL: a picture to a smaller one of more channels, and back ---- */

/* One head over all places. */
static int place_attention(struct hf_unet *u, int x, const char *name)
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

static int coder_middle(struct hf_unet *u, int x)
{
    int64_t out = hf_unet_at(u, "block_out_channels", u->levels - 1, 1);
    fw_enter(u->b, "mid_block");
    x = hf_unet_residual(u, x, "resnets.0", out, HF_UNET_SAME);
    if (hf_flag(u->c, "mid_block_add_attention", true))
        x = place_attention(u, x, "attentions.0");
    x = hf_unet_residual(u, x, "resnets.1", out, HF_UNET_SAME);
    fw_leave(u->b);
    return x;
}

static int coder_block(struct hf_unet *u, int x, int64_t out, uint32_t i)
{
    char name[32];
    (void)snprintf(name, sizeof name, "resnets.%u", i);
    return hf_unet_residual(u, x, name, out, HF_UNET_SAME);
}

static int encode(struct hf_unet *u, int x, int64_t latent)
{
    struct fw_builder *b = u->b;
    fw_enter(b, "encoder");
    x = hf_unet_conv(u, x, "conv_in", hf_unet_at(u, "block_out_channels", 0, 1), 3, 1);
    for (uint32_t l = 0; l < u->levels && fw_build_ok(b); l++) {
        int64_t out = hf_unet_at(u, "block_out_channels", l, 1);
        fw_enter_number(b, "down_blocks.", l);
        for (uint32_t i = 0; i < u->per_block && fw_build_ok(b); i++)
            x = coder_block(u, x, out, i);
        if (l + 1 < u->levels) { // one row and column are added behind
            struct fw_window_spec w = fw_window_of(2, 3, 2, 0);
            w.pad_end[0] = w.pad_end[1] = 1;
            x = fw_conv(b, x, "downsamplers.0.conv", out, &w);
        }
        fw_leave(b);
    }
    x = coder_middle(u, x);
    x = hf_unet_conv(u, hf_unet_normed(u, x, "conv_norm_out"), "conv_out", 2 * latent, 3, 1);
    fw_leave(b);
    if (hf_flag(u->c, "use_quant_conv", true))
        x = hf_unet_conv(u, x, "quant_conv", 2 * latent, 1, 1);
    return x;
}

static int decode(struct hf_unet *u, int x, int64_t latent)
{
    struct fw_builder *b = u->b;
    if (hf_flag(u->c, "use_post_quant_conv", true))
        x = hf_unet_conv(u, x, "post_quant_conv", latent, 1, 1);
    fw_enter(b, "decoder");
    x = hf_unet_conv(u, x, "conv_in", hf_unet_at(u, "block_out_channels", u->levels - 1, 1), 3, 1);
    x = coder_middle(u, x);
    for (uint32_t l = 0; l < u->levels && fw_build_ok(b); l++) {
        uint32_t from = u->levels - 1 - l;
        int64_t out = hf_unet_at(u, "block_out_channels", from, 1);
        fw_enter_number(b, "up_blocks.", l);
        for (uint32_t i = 0; i <= u->per_block && fw_build_ok(b); i++)
            x = coder_block(u, x, out, i);
        if (from > 0)
            x = hf_unet_conv(u, hf_unet_twice(u, x), "upsamplers.0.conv", out, 3, 1);
        fw_leave(b);
    }
    x = hf_unet_conv(u, hf_unet_normed(u, x, "conv_norm_out"), "conv_out",
                     hf_int(u->c, "out_channels", 3), 3, 1);
    fw_leave(b);
    return x;
}

static void build_coder(const struct hf_job *job)
{
    struct hf_unet u = {.c = job->c, .b = job->b, .time = -1};
    struct fw_builder *b = job->b;
    hf_arch_pieces(&u.a, job->c);
    u.groups = hf_int(job->c, "norm_num_groups", 32);
    u.levels = hf_length(job->c, "block_out_channels");
    u.per_block = (uint32_t)hf_int(job->c, "layers_per_block", 1);
    if (u.levels < 1 || u.levels > HF_UNET_LEVELS || u.per_block > HF_UNET_LEVELS) {
        hf_complain(job->c, "block_out_channels", "1 to %d levels are wanted", HF_UNET_LEVELS);
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
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
