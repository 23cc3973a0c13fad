/* Transformers of diffusers that noise is taken away with: DiT, PixArt, Stable Diffusion 3, Flux
 * and the plain Transformer2DModel. The time scales and shifts what their norms give; those of the
 * third and fourth attend over picture and words together, each with weights of its own.
 *
 * Flux gets the picture as `places` places, the others as pixels of the size that the configuration
 * names. Sources: the classes of diffusers that the rows are named after. */
#include "formats/hf_diffusion.h"

#include <string.h>

enum { SINES = 256, MAX_PARTS = 9 };

struct dit {
    struct hf_arch a; // hidden is the width of all heads
    const struct hf_config *c;
    struct fw_builder *b;
    int64_t patch, side; // pixels of a patch, patches of a row
    int time;            // (batch, width)
    int words;           // (batch, seq, width), -1: none
    bool normed;         // query and key
    bool biased;         // attention's layers
    int64_t layers, channels, out;
};

/* ---- pieces ---- */

static int two_layers(struct dit *d, int x, const char *name, const char *act)
{
    fw_enter(d->b, name);
    x = fw_activation(d->b, hf_linear(&d->a, x, "linear_1", d->a.hidden, true), act);
    x = hf_linear(&d->a, x, "linear_2", d->a.hidden, true);
    fw_leave(d->b);
    return x;
}

static int sines(struct dit *d, const char *name)
{
    int64_t dims[2] = {d->a.batch, SINES};
    return fw_input(d->b, name, "float32", 2, dims);
}

/* n vectors for each sequence, (batch, 1, width), out of the time: ret[n]. */
static void vary(struct dit *d, int time, const char *name, int n, int *ret)
{
    struct fw_builder *b = d->b;
    int64_t dims[3] = {d->a.batch, 1, d->a.hidden};
    int x = hf_linear(&d->a, fw_activation(b, time, "silu"), name, n * d->a.hidden, true);
    int parts = fw_split(b, x, 1, n, NULL);
    for (int k = 0; k < n; k++)
        ret[k] = fw_reshape(b, parts + k, 3, dims);
}

/* norm(x) * (1 + scale) + shift */
static int shifted(struct dit *d, int x, const char *name, int shift, int scale)
{
    struct fw_builder *b = d->b;
    x = hf_norm_as(&d->a, x, name, HF_BARE_NORM);
    return fw_add(b, fw_mul(b, x, fw_add(b, scale, fw_number(b, 1))), shift);
}

static int gated(struct dit *d, int x, int gate, int y)
{
    return fw_add(d->b, x, fw_mul(d->b, gate, y));
}

static int feed(struct dit *d, int x, const char *name)
{
    int64_t width = d->a.hidden;
    fw_enter(d->b, name);
    x = fw_activation(d->b, hf_linear(&d->a, x, "net.0.proj", 4 * width, true), "gelu_tanh");
    x = hf_linear(&d->a, x, "net.2", width, true);
    fw_leave(d->b);
    return x;
}

/* ---- attention over one sequence or two ---- */

static void project(struct dit *d, int x, const char *const *name, const char *const *norm,
                    int *qkv)
{
    for (int k = 0; k < 3; k++) {
        qkv[k] = hf_linear(&d->a, x, name[k], d->a.hidden, d->biased);
        if (d->normed && k < 2)
            qkv[k] = hf_head_norm(&d->a, qkv[k], norm[k], d->a.heads, d->a.head);
    }
}

/* Of x, or of other (-1: none) and x together; *ret_other is what falls to other. */
static int attend(struct dit *d, int x, int other, int *ret_other)
{
    static const char *const own[3] = {"to_q", "to_k", "to_v"};
    static const char *const own_norm[2] = {"norm_q", "norm_k"};
    static const char *const added[3] = {"add_q_proj", "add_k_proj", "add_v_proj"};
    static const char *const added_norm[2] = {"norm_added_q", "norm_added_k"};
    struct fw_builder *b = d->b;
    int qkv[3];
    project(d, x, own, own_norm, qkv);
    if (other >= 0) {
        int more[3];
        project(d, other, added, added_norm, more);
        for (int k = 0; k < 3; k++) {
            int both[2] = {more[k], qkv[k]};
            qkv[k] = fw_concat(b, both, 2, 1);
        }
    }
    for (int k = 0; k < 2; k++)
        qkv[k] = hf_turn(&d->a, qkv[k], d->a.heads, d->a.rotary);
    struct hf_scores s = {
        .heads = d->a.heads, .kv_heads = d->a.heads, .cache = -1, .bias = -1, .sinks = -1};
    int y = hf_attend(&d->a, qkv[0], qkv[1], qkv[2], &s);
    if (other < 0)
        return y;
    int64_t sizes[2] = {fw_size_of(b, other, 1), fw_size_of(b, x, 1)};
    *ret_other = fw_split(b, y, 1, 2, sizes);
    return *ret_other + 1;
}

static int self_attention(struct dit *d, int x, const char *name)
{
    fw_enter(d->b, name);
    x = hf_linear(&d->a, attend(d, x, -1, NULL), "to_out.0", d->a.hidden, true);
    fw_leave(d->b);
    return x;
}

/* ---- blocks ---- */

/* Picture *x and words *y, each with layers of its own, attending together. last: nothing asks for
 * the words behind it. dual: the picture attends to itself as well. */
static void joint_block(struct dit *d, int *x, int *y, bool last, bool dual)
{
    struct fw_builder *b = d->b;
    int m[MAX_PARTS]; // shift, scale, gate of attention, of feed-forward, of the second attention
    int w[6];
    int other = -1;
    vary(d, d->time, "norm1.linear", dual ? 9 : 6, m);
    vary(d, d->time, "norm1_context.linear", last ? 2 : 6, w);
    int h = shifted(d, *x, "norm1.norm", m[0], m[1]);
    int g = shifted(d, *y, "norm1_context.norm", w[0], w[1]);
    fw_enter(b, "attn");
    int own = hf_linear(&d->a, attend(d, h, g, &other), "to_out.0", d->a.hidden, true);
    if (!last)
        other = hf_linear(&d->a, other, "to_add_out", d->a.hidden, true);
    fw_leave(b);
    int z = gated(d, *x, m[2], own);
    if (dual) {
        int t = shifted(d, *x, "norm1.norm2", m[6], m[7]);
        z = gated(d, z, m[8], self_attention(d, t, "attn2"));
    }
    *x = gated(d, z, m[5], feed(d, shifted(d, z, "norm2", m[3], m[4]), "ff"));
    if (last)
        return;
    z = gated(d, *y, w[2], other);
    *y = gated(d, z, w[5], feed(d, shifted(d, z, "norm2_context", w[3], w[4]), "ff_context"));
}

/* Flux's second kind: attention and feed-forward beside each other, one layer behind both. */
static int single_block(struct dit *d, int x)
{
    struct fw_builder *b = d->b;
    int m[3];
    vary(d, d->time, "norm.linear", 3, m);
    int h = shifted(d, x, "norm.norm", m[0], m[1]);
    int z = fw_activation(b, hf_linear(&d->a, h, "proj_mlp", 4 * d->a.hidden, true), "gelu_tanh");
    fw_enter(b, "attn");
    int y = attend(d, h, -1, NULL);
    fw_leave(b);
    int both[2] = {y, z};
    return gated(d, x, m[2],
                 hf_linear(&d->a, fw_concat(b, both, 2, 2), "proj_out", d->a.hidden, true));
}

/* DiT's: each block embeds the time and the label for itself. */
static int labelled_block(struct dit *d, int x, int noise, int label)
{
    struct fw_builder *b = d->b;
    int m[6];
    int64_t table[2] = {hf_int(d->c, "num_embeds_ada_norm", 1000) + 1,
                        d->a.hidden}; // one for no label
    int64_t flat[2] = {d->a.batch, d->a.hidden};
    static const char *const name = "norm1.emb.class_embedder.embedding_table";
    int t = two_layers(d, noise, "norm1.emb.timestep_embedder", "silu");
    int e = fw_embedding_with(b, label, name, hf_param(&d->a, name, "weight", 2, table));
    t = fw_add(b, t, fw_reshape(b, e, 2, flat));
    if (d->time < 0)
        d->time = t; // that of the first block shifts the output
    vary(d, t, "norm1.linear", 6, m);
    x = gated(d, x, m[2], self_attention(d, shifted(d, x, "norm1.norm", m[0], m[1]), "attn1"));
    return gated(d, x, m[5], feed(d, shifted(d, x, "norm3", m[3], m[4]), "ff"));
}

/* PixArt's: six vectors of all blocks, (batch, 6, width), to which each adds a table of its own. */
static int table_block(struct dit *d, int x, int six)
{
    struct fw_builder *b = d->b;
    int64_t dims[2] = {6, d->a.hidden};
    int m = fw_split(b, fw_add(b, six, hf_param(&d->a, "scale_shift_table", NULL, 2, dims)), 1, 6,
                     NULL);
    x = gated(d, x, m + 2, self_attention(d, shifted(d, x, "norm1", m, m + 1), "attn1"));
    x = fw_add(b, x, hf_attend_words(&d->a, x, d->words, "attn2", d->a.heads, d->biased));
    return gated(d, x, m + 5, feed(d, shifted(d, x, "norm2", m + 3, m + 4), "ff"));
}

/* ---- both ends ---- */

static bool start(struct dit *d, const struct hf_job *job, int64_t heads, int64_t head)
{
    *d = (struct dit){.c = job->c, .b = job->b, .time = -1, .words = -1};
    hf_arch_pieces(&d->a, job->c);
    d->a.heads = hf_int(job->c, "num_attention_heads", heads);
    d->a.head = hf_int(job->c, "attention_head_dim", head);
    d->a.hidden = d->a.heads * d->a.head;
    d->a.qk_norm = HF_QK_HEAD;
    d->layers = hf_int(job->c, "num_layers", 1);
    if (d->a.heads < 1 || d->a.head < 1 || d->a.hidden > INT32_MAX / 16)
        hf_complain(job->c, "attention_head_dim", "a positive width of all heads is wanted");
    return fw_build_ok(job->b);
}

/* A picture of sample_size cut into patches, with positions that are not learned. */
static int patches(struct dit *d, int64_t size, int64_t patch)
{
    struct fw_builder *b = d->b;
    static const int64_t perm[3] = {0, 2, 1};
    d->patch = hf_int(d->c, "patch_size", patch);
    d->patch = d->patch < 1 ? 1 : d->patch;
    d->side = hf_int(d->c, "sample_size", size) / d->patch;
    if (d->side < 1)
        hf_complain(d->c, "patch_size", "at most 'sample_size' is wanted");
    d->out = hf_int(d->c, "out_channels", d->channels);
    int64_t picture[4] = {d->a.batch, d->channels, d->side * d->patch, d->side * d->patch};
    int64_t flat[3] = {d->a.batch, d->a.hidden, d->side * d->side};
    int64_t at[3] = {1, d->side * d->side, d->a.hidden};
    struct fw_window_spec w = fw_window_of(2, d->patch, d->patch, 0);
    int x =
        fw_conv(b, fw_input(b, "sample", "float32", 4, picture), "pos_embed.proj", d->a.hidden, &w);
    x = fw_transpose(b, fw_reshape(b, x, 3, flat), perm);
    return fw_add(b, x, fw_constant(b, "pos_embed.pos_embed", 3, at));
}

/* Places to the pixels of their patches. */
static void unpatch(struct dit *d, int x, const char *name)
{
    struct fw_builder *b = d->b;
    static const int64_t perm[6] = {0, 5, 1, 3, 2, 4};
    int64_t p = d->patch;
    int64_t apart[6] = {d->a.batch, d->side, d->side, p, p, d->out};
    int64_t picture[4] = {d->a.batch, d->out, d->side * p, d->side * p};
    x = hf_linear(&d->a, x, name, p * p * d->out, true);
    fw_output(b, fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 6, apart), perm), 4, picture));
}

static int words(struct dit *d, int64_t width)
{
    int64_t dims[3] = {d->a.batch, fw_size(d->b, "seq"), width};
    return fw_input(d->b, "encoder_hidden_states", "float32", 3, dims);
}

/* Time, guidance where there is one, and one vector of the words. */
static int time_and_words(struct dit *d, int64_t pooled)
{
    struct fw_builder *b = d->b;
    int64_t dims[2] = {d->a.batch, hf_int(d->c, "pooled_projection_dim", pooled)};
    fw_enter(b, "time_text_embed");
    int t = two_layers(d, sines(d, "timestep_sines"), "timestep_embedder", "silu");
    if (hf_flag(d->c, "guidance_embeds", false))
        t = fw_add(b, t, two_layers(d, sines(d, "guidance_sines"), "guidance_embedder", "silu"));
    int w = fw_input(b, "pooled_projections", "float32", 2, dims);
    t = fw_add(b, t, two_layers(d, w, "text_embedder", "silu"));
    fw_leave(b);
    return t;
}

static int last_norm(struct dit *d, int x, const char *name)
{
    int m[2];
    vary(d, d->time, name, 2, m);
    return shifted(d, x, "norm_out.norm", m[1], m[0]);
}

/* ---- networks ---- */

static void build_sd3(const struct hf_job *job)
{
    struct dit d;
    if (!start(&d, job, 18, 64))
        return;
    const char *norm = hf_text(job->c, "qk_norm", NULL);
    d.normed = norm != NULL;
    d.biased = true;
    if (norm != NULL && strcmp(norm, "rms_norm") != 0)
        hf_complain(job->c, "qk_norm", "rms_norm is wanted, found '%.40s'", norm);
    d.layers = hf_int(job->c, "num_layers", 18);
    d.channels = hf_int(job->c, "in_channels", 16);
    int x = patches(&d, 128, 2);
    d.out = hf_int(job->c, "out_channels", 16);
    d.time = time_and_words(&d, 2048);
    int y = hf_linear(&d.a, words(&d, hf_int(job->c, "joint_attention_dim", 4096)),
                      "context_embedder", hf_int(job->c, "caption_projection_dim", 1152), true);
    for (int64_t i = 0; i < d.layers && fw_build_ok(job->b); i++) {
        fw_enter_number(job->b, "transformer_blocks.", i);
        joint_block(&d, &x, &y, i + 1 == d.layers, hf_holds(job->c, "dual_attention_layers", i));
        fw_leave(job->b);
    }
    unpatch(&d, last_norm(&d, x, "norm_out.linear"), "proj_out");
}

static void build_flux(const struct hf_job *job)
{
    struct fw_builder *b = job->b;
    struct dit d;
    if (!start(&d, job, 24, 128))
        return;
    int64_t in = hf_int(job->c, "in_channels", 64);
    int64_t patch = hf_int(job->c, "patch_size", 1);
    int64_t singles = hf_int(job->c, "num_single_layers", 38);
    int64_t dims[3] = {d.a.batch, fw_size(b, "places"), in};
    d.normed = d.biased = true;
    d.layers = hf_int(job->c, "num_layers", 19);
    d.a.rotary = d.a.head;
    int x = hf_linear(&d.a, fw_input(b, "hidden_states", "float32", 3, dims), "x_embedder",
                      d.a.hidden, true);
    d.time = time_and_words(&d, 768);
    int y = hf_linear(&d.a, words(&d, hf_int(job->c, "joint_attention_dim", 4096)),
                      "context_embedder", d.a.hidden, true);
    for (int64_t i = 0; i < d.layers && fw_build_ok(b); i++) {
        fw_enter_number(b, "transformer_blocks.", i);
        joint_block(&d, &x, &y, false, false);
        fw_leave(b);
    }
    int64_t sizes[2] = {fw_size_of(b, y, 1), fw_size_of(b, x, 1)};
    int both[2] = {y, x};
    x = fw_concat(b, both, 2, 1);
    for (int64_t i = 0; i < singles && fw_build_ok(b); i++) {
        fw_enter_number(b, "single_transformer_blocks.", i);
        x = single_block(&d, x);
        fw_leave(b);
    }
    x = last_norm(&d, fw_split(b, x, 1, 2, sizes) + 1, "norm_out.linear");
    fw_output(b, hf_linear(&d.a, x, "proj_out", patch * patch * hf_int(job->c, "out_channels", in),
                           true));
}

static void build_dit(struct dit *d)
{
    int64_t dims[2] = {d->a.batch, 1};
    int x = patches(d, 32, 2);
    int noise = sines(d, "timestep_sines");
    int label = fw_input(d->b, "class_labels", "int64", 2, dims);
    for (int64_t i = 0; i < d->layers && fw_build_ok(d->b); i++) {
        fw_enter_number(d->b, "transformer_blocks.", i);
        x = labelled_block(d, x, noise, label);
        fw_leave(d->b);
    }
    unpatch(d, last_norm(d, x, "proj_out_1"), "proj_out_2");
}

/* The resolution and the aspect ratio are embedded beside the time, in a third of the width each.
 */
static int sizes_of_picture(struct dit *d)
{
    struct fw_builder *b = d->b;
    static const char *const names[2] = {"resolution_embedder", "aspect_ratio_embedder"};
    int64_t third = d->a.hidden / 3;
    int64_t whole = d->a.hidden;
    int64_t dims[2] = {d->a.batch, third * 2};
    int64_t rows[2] = {fw_size_times(b, d->a.batch, 2), SINES};
    int64_t ratio[2] = {d->a.batch, SINES};
    d->a.hidden = third;
    int r = two_layers(d, fw_input(b, "resolution_sines", "float32", 2, rows), names[0], "silu");
    int q = two_layers(d, fw_input(b, "aspect_ratio_sines", "float32", 2, ratio), names[1], "silu");
    d->a.hidden = whole;
    int both[2] = {fw_reshape(b, r, 2, dims), q};
    return fw_concat(b, both, 2, 1);
}

static void build_pixart(struct dit *d)
{
    struct fw_builder *b = d->b;
    int64_t many[3] = {d->a.batch, 6, d->a.hidden};
    int64_t caption = hf_int(d->c, "caption_channels", 0);
    int64_t width = caption > 0 ? caption : hf_int(d->c, "cross_attention_dim", d->a.hidden);
    bool sized =
        hf_flag(d->c, "use_additional_conditions", hf_int(d->c, "sample_size", 128) == 128);
    int x = patches(d, 128, 2);
    if (strcmp(d->c->type, "Transformer2DModel") != 0)
        d->out = hf_int(d->c, "out_channels", 8);
    d->words = words(d, width);
    fw_enter(b, "adaln_single");
    fw_enter(b, "emb");
    d->time = two_layers(d, sines(d, "timestep_sines"), "timestep_embedder", "silu");
    if (sized)
        d->time = fw_add(b, d->time, sizes_of_picture(d));
    fw_leave(b);
    int six = hf_linear(&d->a, fw_activation(b, d->time, "silu"), "linear", 6 * d->a.hidden, true);
    fw_leave(b);
    six = fw_reshape(b, six, 3, many);
    if (caption > 0)
        d->words = two_layers(d, d->words, "caption_projection", "gelu_tanh");
    for (int64_t i = 0; i < d->layers && fw_build_ok(b); i++) {
        fw_enter_number(b, "transformer_blocks.", i);
        x = table_block(d, x, six);
        fw_leave(b);
    }
    int64_t dims[2] = {2, d->a.hidden};
    int64_t one[3] = {d->a.batch, 1, d->a.hidden};
    int table = hf_param(&d->a, "scale_shift_table", NULL, 2, dims);
    int m = fw_split(b, fw_add(b, fw_reshape(b, d->time, 3, one), table), 1, 2, NULL);
    unpatch(d, shifted(d, x, "norm_out", m, m + 1), "proj_out");
}

static void build_either(const struct hf_job *job)
{
    struct dit d;
    bool pixart = hf_is(job->c, "norm_type", "ada_norm_single") ||
                  strcmp(job->family->type, "PixArtTransformer2DModel") == 0;
    bool own = strcmp(job->family->type, "Transformer2DModel") != 0;
    if (!own && !hf_has(job->c, "patch_size")) {
        hf_build_plain_transformer(job);
        return;
    }
    if (!start(&d, job, 16, own ? 72 : 88))
        return;
    d.layers = hf_int(job->c, "num_layers", own ? 28 : 1);
    d.channels = hf_int(job->c, "in_channels", 4);
    d.biased = hf_flag(job->c, "attention_bias", own);
    if (pixart)
        build_pixart(&d);
    else
        build_dit(&d);
}

#define ROW(type, build)                          \
    {                                             \
        type, NULL, type, NULL, NULL, build, NULL \
    }
const struct hf_family hf_dits[] = {
    ROW("FluxTransformer2DModel", build_flux),  ROW("SD3Transformer2DModel", build_sd3),
    ROW("DiTTransformer2DModel", build_either), ROW("PixArtTransformer2DModel", build_either),
    ROW("Transformer2DModel", build_either),    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
