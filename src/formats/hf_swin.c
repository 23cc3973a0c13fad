/* Swin: attention within windows over the picture, every second layer with the windows moved by
 * half of one; between stages four neighbours become one place of twice the width. The picture has
 * the size that the configuration names. */
#include "formats/hf_vision.h"

#include <string.h>

struct swin {
    struct hf_arch a; // hidden and heads change from stage to stage
    int64_t image[4]; // batch, rows, columns, width
    int64_t window;   // side of a window, as configured
    double ratio;
};

/* ---- moving places about ---- */

static int pad(struct swin *w, int x, int64_t rows, int64_t columns)
{
    struct fw_builder *b = w->a.b;
    int64_t pads[8] = {0, 0, 0, 0, 0, rows - fw_size_of(b, x, 1), columns - fw_size_of(b, x, 2), 0};
    int in[2] = {x, fw_sizes(b, 8, pads)};
    return pads[5] == 0 && pads[6] == 0 ? x : fw_build_plain(b, "Pad", NULL, in, 2);
}

/* Turns an axis by n places: what falls off one end comes in at the other. */
static int roll(struct fw_builder *b, int x, int axis, int64_t n)
{
    int64_t size = fw_size_of(b, x, axis);
    int64_t cut = n < 0 ? -n : size - n;
    int parts[2] = {fw_slice(b, x, axis, cut, size), fw_slice(b, x, axis, 0, cut)};
    return fw_concat(b, parts, 2, axis);
}

static int roll_both(struct fw_builder *b, int x, int64_t n)
{
    return n == 0 ? x : roll(b, roll(b, x, 1, n), 2, n);
}

/* (batch, rows, columns, width) to (batch*windows, side*side, width), or back. */
static int cut(struct fw_builder *b, int x, const int64_t *image, int64_t side, bool back)
{
    static const int64_t perm[6] = {0, 1, 3, 2, 4, 5};
    int64_t rows = image[1] / side;
    int64_t columns = image[2] / side;
    int64_t apart[6] = {image[0], rows, side, columns, side, image[3]};
    int64_t joined[6] = {image[0], rows, columns, side, side, image[3]};
    int64_t flat[3] = {fw_size_times(b, image[0], rows * columns), side * side, image[3]};
    if (back)
        return fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 6, joined), perm), 4, image);
    return fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 6, apart), perm), 3, flat);
}

/* ---- layers ---- */

/* A learnt bias for each head and each distance in a window, (1, heads, places, places); with the
 * mask of windows that were moved, whose places were no neighbours, one for each window. */
static int distances(struct swin *w, int64_t side, int64_t windows, bool moved)
{
    struct hf_arch *a = &w->a;
    static const char *const name = "attention.self.relative_position_bias_table";
    static const int64_t perm[4] = {0, 3, 1, 2};
    int64_t entries[2] = {(2 * w->window - 1) * (2 * w->window - 1), a->heads};
    int64_t pairs[3] = {1, side * side, side * side};
    int64_t mask[4] = {windows, 1, side * side, side * side};
    int table = hf_param(a, name, NULL, 2, entries);
    int x = fw_embedding_with(a->b, hf_row_numbers(a, name, 3, pairs), name, table);
    x = fw_transpose(a->b, x, perm);
    return moved ? fw_add(a->b, x, fw_constant(a->b, fw_build_name(a->b, "mask", ""), 4, mask)) : x;
}

/* Windows of the picture's size are not moved. */
static int attention(struct swin *w, int x, bool moved)
{
    struct hf_arch *a = &w->a;
    struct fw_builder *b = a->b;
    int64_t least = w->image[1] < w->image[2] ? w->image[1] : w->image[2];
    int64_t side = least <= w->window ? least : w->window;
    int64_t shift = moved && least > w->window ? w->window / 2 : 0;
    int64_t whole[4] = {w->image[0], (w->image[1] + side - 1) / side * side,
                        (w->image[2] + side - 1) / side * side, w->image[3]};
    x = cut(b, roll_both(b, pad(w, x, whole[1], whole[2]), -shift), whole, side, false);
    int64_t windows = fw_size_of(b, x, 0);
    int q = hf_linear(a, x, "attention.self.query", a->hidden, a->qkv_bias);
    int k = hf_linear(a, x, "attention.self.key", a->hidden, a->qkv_bias);
    int v = hf_linear(a, x, "attention.self.value", a->hidden, a->qkv_bias);
    struct hf_scores s = {.heads = a->heads,
                          .kv_heads = a->heads,
                          .cache = -1,
                          .bias = distances(w, side, windows, shift > 0),
                          .sinks = -1};
    x = hf_linear(a, hf_attend(a, q, k, v, &s), "attention.output.dense", a->hidden, true);
    x = roll_both(b, cut(b, x, whole, side, true), shift);
    if (whole[1] != w->image[1])
        x = fw_slice(b, x, 1, 0, w->image[1]);
    return whole[2] != w->image[2] ? fw_slice(b, x, 2, 0, w->image[2]) : x;
}

static int layer(struct swin *w, int x, bool moved)
{
    struct hf_arch *a = &w->a;
    int64_t wide = (int64_t)((double)a->hidden * w->ratio);
    int y = hf_drop(a, attention(w, hf_norm(a, x, "layernorm_before"), moved), a->drop_hidden);
    x = fw_add(a->b, x, y);
    y = hf_linear(a, hf_norm(a, x, "layernorm_after"), "intermediate.dense", wide, true);
    y = hf_linear(a, hf_act(a, y, a->act), "output.dense", a->hidden, true);
    return fw_add(a->b, x, hf_drop(a, y, a->drop_hidden));
}

/* Four neighbours become one place of twice the width. */
static int merge(struct swin *w, int x)
{
    struct fw_builder *b = w->a.b;
    static const int64_t axes[2] = {1, 2};
    static const int64_t steps[2] = {2, 2};
    int parts[4];
    w->image[1] += w->image[1] % 2;
    w->image[2] += w->image[2] % 2;
    x = pad(w, x, w->image[1], w->image[2]);
    for (int k = 0; k < 4; k++) {
        int64_t from[2] = {k & 1, k >> 1};
        int in[5] = {x, fw_sizes(b, 2, from), fw_sizes(b, 2, w->image + 1), fw_sizes(b, 2, axes),
                     fw_sizes(b, 2, steps)};
        parts[k] = fw_build_plain(b, "Slice", NULL, in, 5);
    }
    x = hf_norm(&w->a, fw_concat(b, parts, 4, 3), "downsample.norm");
    for (int k = 1; k < 3; k++)
        w->image[k] /= 2;
    w->image[3] *= 2;
    return hf_linear(&w->a, x, "downsample.reduction", w->image[3], false);
}

/* ---- the whole ---- */

/* Patches, their norm and, where there are any, positions. */
static int embed(struct swin *w, const struct hf_config *c)
{
    struct hf_arch *a = &w->a;
    struct fw_builder *b = a->b;
    static const int64_t last[4] = {0, 2, 3, 1};
    struct fw_window_spec spec = fw_window_of(2, 1, 1, 0);
    int64_t picture[4] = {a->batch, hf_int(c, "num_channels", 3), 1, 1};
    w->image[0] = a->batch;
    w->image[3] = a->hidden;
    for (uint32_t k = 0; k < 2; k++) {
        int64_t size = hf_item(c, "image_size", hf_length(c, "image_size") > 1 ? k : 0, 224);
        int64_t patch = hf_item(c, "patch_size", hf_length(c, "patch_size") > 1 ? k : 0, 4);
        patch = patch < 1 ? 1 : patch;
        w->image[k + 1] = size / patch;
        picture[k + 2] = w->image[k + 1] * patch;
        spec.kernel[k] = spec.stride[k] = patch;
    }
    if (w->image[1] < 1 || w->image[2] < 1)
        hf_complain(c, "image_size", "at least one patch is wanted");
    int x = fw_conv(b, fw_input(b, "pixel_values", "float32", 4, picture),
                    "swin.embeddings.patch_embeddings.projection", a->hidden, &spec);
    x = hf_norm(a, fw_transpose(b, x, last), "swin.embeddings.norm");
    int64_t flat[3] = {1, w->image[1] * w->image[2], a->hidden};
    int64_t square[4] = {1, w->image[1], w->image[2], a->hidden};
    if (hf_flag(c, "use_absolute_embeddings", false))
        x = fw_add(b, x,
                   fw_reshape(b, hf_param(a, "swin.embeddings.position_embeddings", NULL, 3, flat),
                              4, square));
    return hf_drop(a, x, a->drop_hidden);
}

static int stages(struct swin *w, const struct hf_config *c, int x)
{
    struct fw_builder *b = w->a.b;
    uint32_t n = hf_length(c, "depths");
    for (uint32_t s = 0; s < n && fw_build_ok(b); s++) {
        int64_t layers = hf_item(c, "depths", s, 1);
        w->a.hidden = w->image[3];
        w->a.heads = hf_item(c, "num_heads", s, 1);
        if (w->a.heads < 1 || w->a.hidden % w->a.heads != 0)
            hf_complain(c, "num_heads", "a divisor of the width %lld is wanted",
                        (long long)w->a.hidden);
        fw_enter_number(b, "swin.encoder.layers.", s);
        for (int64_t i = 0; i < layers && fw_build_ok(b); i++) {
            fw_enter_number(b, "blocks.", i);
            x = layer(w, x, i % 2 != 0);
            fw_leave(b);
        }
        if (s + 1 < n)
            x = merge(w, x);
        fw_leave(b);
    }
    return x;
}

/* The picture again out of the places, each of them a square of pixels. */
static int decode(struct swin *w, int x)
{
    struct fw_builder *b = w->a.b;
    static const int64_t first[4] = {0, 3, 1, 2};
    int64_t stride = hf_size(w->a.c, "encoder_stride");
    struct fw_window_spec spec = fw_window_of(2, 1, 1, 0);
    int64_t channels = stride * stride * hf_int(w->a.c, "num_channels", 3);
    x = fw_conv(b, fw_transpose(b, x, first), "decoder.0", channels, &spec);
    struct fw_build_node n = fw_build_node(b, "", "DepthToSpace");
    fw_build_int(&n, "blocksize", stride);
    fw_build_text(&n, "mode", "CRD");
    return fw_build_add(&n, fw_build_name(b, "decoder.1", ""), &x, 1, 1);
}

static void build_swin(const struct hf_job *job)
{
    struct fw_builder *b = job->b;
    struct swin w = {.window = hf_size(job->c, "window_size"),
                     .ratio = hf_float(job->c, "mlp_ratio", 4)};
    static const int64_t places[2] = {1, 2};
    bool masked = hf_ends(job->model, "ForMaskedImageModeling");
    int64_t width = hf_size(job->c, "embed_dim");
    int64_t dims[3] = {1, 1, width};
    hf_arch_pieces(&w.a, job->c);
    w.a.norm = HF_LAYER_NORM;
    w.a.hidden = width;
    w.a.qkv_bias = hf_flag(job->c, "qkv_bias", true);
    if (masked) // in the place of masked patches; nothing is masked here
        (void)hf_param(&w.a, "swin.embeddings.mask_token", NULL, 3, dims);
    int x = hf_norm(&w.a, stages(&w, job->c, embed(&w, job->c)), "swin.layernorm");
    if (masked && job->head != HF_HEAD_NONE) {
        fw_output(b, decode(&w, x));
        return;
    }
    x = fw_mean(b, x, 2, places, 0);
    if (job->head != HF_HEAD_NONE && hf_ends(job->model, "ForImageClassification"))
        x = hf_linear(&w.a, x, "classifier", hf_labels(job->c), true);
    else if (job->head != HF_HEAD_NONE)
        hf_no_head(job);
    fw_output(b, x);
}

const struct hf_family hf_swins[] = {
    {"swin", NULL, "SwinModel", NULL, NULL, build_swin, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
