/* Transformers of images with the layers and names of torchvision: ViT and Swin; and ConvNeXt,
 * which has their layout without attention. */
#include "zoo/vision.h"

#include <inttypes.h>

/* ---- ViT ---- */

struct vit {
    int64_t patch, layers, heads, width, inner;
};
static const struct vit b_16 = {16, 12, 12, 768, 3072}, b_32 = {32, 12, 12, 768, 3072},
                        l_16 = {16, 24, 16, 1024, 4096}, l_32 = {32, 24, 16, 1024, 4096},
                        h_14 = {14, 32, 16, 1280, 5120};

/* Two linear layers with gelu between, named as torchvision's sequence of five. */
static int feed_forward(struct fw_builder *b, int x, int64_t inner)
{
    int64_t width = fw_size_of(b, x, -1);
    fw_enter(b, "mlp");
    x = fw_activation(b, fw_linear(b, x, "0", inner, 1), "gelu");
    x = fw_linear(b, x, "3", width, 1);
    fw_leave(b);
    return x;
}

static int vit_layer(struct fw_builder *b, int x, const struct vit *v)
{
    int y = fw_layer_norm(b, x, "ln_1", 1);
    fw_enter(b, "self_attention");
    int q = fw_split(b, fw_linear(b, y, "in_proj", 3 * v->width, 1), 2, 3, NULL);
    y = fw_attention(b, q, q + 1, q + 2, v->heads, v->heads, 0, 0);
    y = fw_linear(b, y, "out_proj", v->width, 1);
    fw_leave(b);
    x = fw_add(b, y, x);
    return fw_add(b, x, feed_forward(b, fw_layer_norm(b, x, "ln_2", 1), v->inner));
}

/* (batch, width, h, w) to (batch, h*w, width), behind a learnt token for the class. */
static int patches(struct fw_zoo *z, const struct vit *v)
{
    static const int64_t perm[3] = {0, 2, 1};
    struct fw_builder *b = z->b;
    int x = fw_conv2d(b, fw_zoo_image(z), "conv_proj", v->width, v->patch, v->patch, 0);
    int64_t side = fw_size_of(b, x, 2);
    int64_t dims[3] = {fw_size_of(b, x, 0), v->width, fw_size_times(b, side, side)};
    x = fw_transpose(b, fw_reshape(b, x, 3, dims), perm);
    int64_t one[3] = {1, 1, v->width};
    int64_t all[3] = {dims[0], 1, v->width};
    int in[2] = {fw_parameter(b, "class_token", 3, one), fw_sizes(b, 3, all)};
    int joined[2] = {fw_node(b, "", "Expand", NULL, NULL, in, 2, 1), x};
    return fw_concat(b, joined, 2, 1);
}

static void vit(struct fw_zoo *z)
{
    const struct vit *v = z->variant;
    struct fw_builder *b = z->b;
    int x = patches(z, v);
    int64_t dims[3] = {1, fw_size_of(b, x, 1), v->width};
    int64_t first[2] = {fw_size_of(b, x, 0), v->width};
    fw_enter(b, "encoder");
    x = fw_add(b, x, fw_parameter(b, "pos_embedding", 3, dims));
    for (int64_t i = 0; i < v->layers; i++) {
        fw_enter_number(b, "layers.encoder_layer_", i);
        x = vit_layer(b, x, v);
        fw_leave(b);
    }
    x = fw_layer_norm(b, x, "ln", 1);
    fw_leave(b);
    x = fw_reshape(b, fw_slice(b, x, 1, 0, 1), 2, first);
    fw_output(b, fw_linear(b, x, "heads.head", fw_zoo_size(z, "classes"), 1));
}

/* ---- Swin ---- */

struct swin {
    int64_t width, window; // window: places along a side
    int layers[4], heads[4];
    bool second; // v2: norms behind, cosines of queries and keys, biases computed from distances
};
static const struct swin swin_t = {96, 7, {2, 2, 6, 2}, {3, 6, 12, 24}, false},
                         swin_s = {96, 7, {2, 2, 18, 2}, {3, 6, 12, 24}, false},
                         swin_b = {128, 7, {2, 2, 18, 2}, {4, 8, 16, 32}, false},
                         swin_v2_t = {96, 8, {2, 2, 6, 2}, {3, 6, 12, 24}, true},
                         swin_v2_s = {96, 8, {2, 2, 18, 2}, {3, 6, 12, 24}, true},
                         swin_v2_b = {128, 8, {2, 2, 18, 2}, {4, 8, 16, 32}, true};

static int64_t places_of(const struct swin *v)
{
    return v->window * v->window;
}

/* Turns an axis by n places: what falls off one end comes in at the other. */
static int roll(struct fw_builder *b, int x, int axis, int64_t n)
{
    int64_t size = fw_size_of(b, x, axis);
    int64_t cut = n < 0 ? -n : size - n;
    int parts[2] = {fw_slice(b, x, axis, cut, size), fw_slice(b, x, axis, 0, cut)};
    return fw_concat(b, parts, 2, axis);
}

/* (batch, h, w, c) to (batch*windows, places, c), or back. */
static int cut(struct fw_builder *b, int x, const struct swin *v, const int64_t *image, bool back)
{
    static const int64_t perm[6] = {0, 1, 3, 2, 4, 5};
    int64_t side = v->window;
    int64_t rows = fw_size_over(b, image[1], side);
    int64_t columns = fw_size_over(b, image[2], side);
    int64_t windows = fw_size_times(b, image[0], fw_size_times(b, rows, columns));
    int64_t apart[6] = {image[0], rows, side, columns, side, image[3]};
    int64_t joined[6] = {image[0], rows, columns, side, side, image[3]};
    int64_t flat[3] = {windows, places_of(v), image[3]};
    if (back)
        return fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 6, joined), perm), 4, image);
    return fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 6, apart), perm), 3, flat);
}

/* What is learnt for each head and each distance of two places in a window: a table; in v2 two
 * linear layers that compute it from the distances. */
static int distance_table(struct fw_builder *b, const struct swin *v, int64_t heads)
{
    int64_t entries[2] = {(2 * v->window - 1) * (2 * v->window - 1), heads};
    int64_t pairs[2] = {entries[0], 2};
    if (!v->second)
        return fw_parameter(b, "relative_position_bias_table", 2, entries);
    int x = fw_constant(b, "relative_coords_table", 2, pairs);
    fw_enter(b, "cpb_mlp");
    x = fw_linear(b, fw_relu(b, fw_linear(b, x, "0", 512, 1)), "2", heads, 0);
    fw_leave(b);
    return x;
}

/* The entry of that table for two places, of all pairs the i-th. */
static int64_t entry_of(const void *ctx, int64_t i)
{
    const struct swin *v = ctx;
    int64_t side = v->window, from = i / places_of(v), to = i % places_of(v);
    int64_t down = from / side - to / side, right = from % side - to % side;
    return (down + side - 1) * (2 * side - 1) + right + side - 1;
}

/* The bias of each head for each two places in a window: (1, heads, places, places). */
static int distances(struct fw_builder *b, const struct swin *v, int64_t heads)
{
    static const int64_t perm[3] = {2, 0, 1};
    int64_t places = places_of(v);
    int64_t dims[3] = {places, places, heads};
    int64_t four[4] = {1, heads, places, places};
    int in[2] = {distance_table(b, v, heads),
                 fw_build_integers(b, "relative_position_index", places * places, entry_of, v)};
    int x = fw_node(b, "", "Gather", NULL, NULL, in, 2, 1);
    x = fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 3, dims), perm), 4, four);
    return v->second ? fw_mul(b, fw_activation(b, x, "sigmoid"), fw_number(b, 16)) : x;
}

/* (windows, places, width) to (windows, heads, places, head). */
static int heads_of(struct fw_builder *b, int x, int64_t heads, const int64_t *perm)
{
    int64_t width = fw_size_of(b, x, 2);
    int64_t dims[4] = {fw_size_of(b, x, 0), fw_size_of(b, x, 1), heads, width / heads};
    return fw_transpose(b, fw_reshape(b, x, 4, dims), perm);
}

/* Where windows were turned, places that were no neighbours must not meet: a mask per window. */
static int masked(struct fw_builder *b, int scores, const struct swin *v, const int64_t *image,
                  int64_t heads)
{
    int64_t places = places_of(v);
    int64_t windows = fw_size_over(b, image[1], v->window) * fw_size_over(b, image[2], v->window);
    int64_t five[5] = {image[0], windows, heads, places, places};
    int64_t mask[5] = {1, windows, 1, places, places};
    int64_t four[4] = {fw_size_times(b, image[0], windows), heads, five[3], five[4]};
    int x = fw_add(b, fw_reshape(b, scores, 5, five), fw_constant(b, "mask", 5, mask));
    return fw_reshape(b, x, 4, four);
}

/* Products of queries and keys over the root of their length; in v2 the cosine of their angle
 * times a factor that each head learns the logarithm of. */
static int scores(struct fw_builder *b, const struct swin *v, int q, int k, int64_t heads)
{
    int64_t one[3] = {heads, 1, 1};
    if (!v->second) // heads are 32 wide
        return fw_matmul(b, fw_mul(b, q, fw_number(b, 0.1767766952966369)), k);
    q = fw_node(b, "", "LpNormalization", NULL, "axis=-1 p=2", &q, 1, 1);
    k = fw_node(b, "", "LpNormalization", NULL, "axis=-2 p=2", &k, 1, 1);
    int most[2] = {fw_parameter(b, "logit_scale", 3, one), fw_number(b, 4.605170185988092)};
    int scale = fw_node(b, "", "Min", NULL, NULL, most, 2, 1); // log(100)
    scale = fw_node(b, "", "Exp", NULL, NULL, &scale, 1, 1);
    return fw_mul(b, fw_matmul(b, q, k), scale);
}

static int window_attention(struct fw_builder *b, int x, const struct swin *v, const int64_t *image,
                            int64_t heads, bool turned)
{
    static const int64_t rows[4] = {0, 2, 1, 3}, columns[4] = {0, 2, 3, 1};
    int64_t width = image[3];
    int qkv = fw_split(b, fw_linear(b, x, "qkv", 3 * width, 1), 2, 3, NULL);
    int s =
        scores(b, v, heads_of(b, qkv, heads, rows), heads_of(b, qkv + 1, heads, columns), heads);
    s = fw_add(b, s, distances(b, v, heads));
    if (turned)
        s = masked(b, s, v, image, heads);
    int64_t flat[3] = {fw_size_of(b, x, 0), places_of(v), width};
    int values = heads_of(b, qkv + 2, heads, rows);
    x = fw_transpose(b, fw_matmul(b, fw_softmax(b, s, -1), values), rows);
    return fw_linear(b, fw_reshape(b, x, 3, flat), "proj", width, 1);
}

static int shifted(struct fw_builder *b, int x, const struct swin *v, int64_t heads, bool turned)
{
    int64_t image[4];
    int64_t half = v->window / 2;
    for (int k = 0; k < 4; k++)
        image[k] = fw_size_of(b, x, k);
    turned = turned && image[1] > v->window;
    fw_enter(b, "attn");
    if (turned)
        x = roll(b, roll(b, x, 1, -half), 2, -half);
    x = window_attention(b, cut(b, x, v, image, false), v, image, heads, turned);
    x = cut(b, x, v, image, true);
    if (turned)
        x = roll(b, roll(b, x, 1, half), 2, half);
    fw_leave(b);
    return x;
}

static int swin_layer(struct fw_builder *b, int x, const struct swin *v, int64_t heads, bool turned)
{
    int64_t inner = 4 * fw_size_of(b, x, -1);
    if (v->second) {
        x = fw_add(b, x, fw_layer_norm(b, shifted(b, x, v, heads, turned), "norm1", 1));
        return fw_add(b, x, fw_layer_norm(b, feed_forward(b, x, inner), "norm2", 1));
    }
    x = fw_add(b, x, shifted(b, fw_layer_norm(b, x, "norm1", 1), v, heads, turned));
    return fw_add(b, x, feed_forward(b, fw_layer_norm(b, x, "norm2", 1), inner));
}

/* Four neighbours become one place of twice the width. */
static int merge(struct fw_builder *b, int x, const struct swin *v)
{
    int64_t width = fw_size_of(b, x, 3);
    int parts[4];
    for (int k = 0; k < 4; k++) {
        int64_t from[2] = {k & 1, k >> 1};
        int64_t to[2] = {fw_size_of(b, x, 1), fw_size_of(b, x, 2)};
        static const int64_t axes[2] = {1, 2}, steps[2] = {2, 2};
        int in[5] = {x, fw_sizes(b, 2, from), fw_sizes(b, 2, to), fw_sizes(b, 2, axes),
                     fw_sizes(b, 2, steps)};
        parts[k] = fw_node(b, "", "Slice", NULL, NULL, in, 5, 1);
    }
    x = fw_concat(b, parts, 4, 3);
    if (v->second)
        return fw_layer_norm(b, fw_linear(b, x, "reduction", 2 * width, 0), "norm", 1);
    return fw_linear(b, fw_layer_norm(b, x, "norm", 1), "reduction", 2 * width, 0);
}

static const int64_t to_last[4] = {0, 2, 3, 1}, to_first[4] = {0, 3, 1, 2};

static void swin(struct fw_zoo *z)
{
    const struct swin *v = z->variant;
    struct fw_builder *b = z->b;
    int64_t side = fw_zoo_number(z, "size", 1);
    int64_t place = 1;
    if (fw_builder_ok(b) && side % (32 * v->window) != 0)
        (void)fw_build_fail(b, FW_SHAPE, "size: a multiple of %" PRId64 " is wanted",
                            32 * v->window);
    int x = fw_conv2d(b, fw_zoo_image(z), "features.0.0", v->width, 4, 4, 0);
    x = fw_layer_norm(b, fw_transpose(b, x, to_last), "features.0.2", 1);
    for (int stage = 0; stage < 4; stage++) {
        fw_enter_number(b, "features.", place++);
        for (int i = 0; i < v->layers[stage] && fw_builder_ok(b); i++) {
            fw_enter_number(b, "", i);
            x = swin_layer(b, x, v, v->heads[stage], i % 2 != 0);
            fw_leave(b);
        }
        fw_leave(b);
        if (stage == 3)
            break;
        fw_enter_number(b, "features.", place++);
        x = merge(b, x, v);
        fw_leave(b);
    }
    x = fw_transpose(b, fw_layer_norm(b, x, "norm", 1), to_first);
    fw_zoo_classify(z, x, "head", 0);
}

/* ---- ConvNeXt ---- */

struct convnext {
    int64_t width;
    int layers[4];
};
static const struct convnext next_t = {96, {3, 3, 9, 3}}, next_s = {96, {3, 3, 27, 3}},
                             next_b = {128, {3, 3, 27, 3}}, next_l = {192, {3, 3, 27, 3}};

/* Normalisation over the channels of each place of an image. */
static int image_norm(struct fw_builder *b, int x, const char *name)
{
    return fw_transpose(b, fw_layer_norm(b, fw_transpose(b, x, to_last), name, 1), to_first);
}

static int next_block(struct fw_builder *b, int x)
{
    int64_t width = fw_size_of(b, x, 1);
    int64_t scale[3] = {width, 1, 1};
    struct fw_window_spec deep = fw_zoo_window(7, 1, width);
    deep.no_bias = 0;
    fw_enter(b, "block");
    int y = fw_transpose(b, fw_conv(b, x, "0", width, &deep), to_last);
    y = fw_linear(b, fw_layer_norm(b, y, "2", 1), "3", 4 * width, 1);
    y = fw_linear(b, fw_activation(b, y, "gelu"), "5", width, 1);
    y = fw_transpose(b, y, to_first);
    fw_leave(b);
    return fw_add(b, fw_mul(b, fw_parameter(b, "layer_scale", 3, scale), y), x);
}

static void convnext(struct fw_zoo *z)
{
    const struct convnext *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_conv2d(b, fw_zoo_image(z), "features.0.0", v->width, 4, 4, 0);
    x = image_norm(b, x, "features.0.1");
    for (int64_t stage = 0; stage < 4; stage++) {
        if (stage > 0) {
            fw_enter_number(b, "features.", 2 * stage);
            x = fw_conv2d(b, image_norm(b, x, "0"), "1", v->width << stage, 2, 2, 0);
            fw_leave(b);
        }
        fw_enter_number(b, "features.", 2 * stage + 1);
        for (int i = 0; i < v->layers[stage]; i++) {
            fw_enter_number(b, "", i);
            x = next_block(b, x);
            fw_leave(b);
        }
        fw_leave(b);
    }
    x = image_norm(b, fw_global_average_pool(b, x), "classifier.0");
    fw_output(b, fw_linear(b, fw_flatten(b, x), "classifier.2", fw_zoo_size(z, "classes"), 1));
}

FW_ZOO_IMAGE_KEYS(keys, "224");
FW_ZOO_IMAGE_KEYS(keys_256, "256");
static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("vit-b-16", "vision transformer, base, patches of 16", vit, &b_16, keys),
    FW_ZOO_NET("vit-b-32", "vision transformer, base, patches of 32", vit, &b_32, keys),
    FW_ZOO_NET("vit-l-16", "vision transformer, large, patches of 16", vit, &l_16, keys),
    FW_ZOO_NET("vit-l-32", "vision transformer, large, patches of 32", vit, &l_32, keys),
    FW_ZOO_NET("vit-h-14", "vision transformer, huge, patches of 14", vit, &h_14, keys),
    FW_ZOO_NET("swin-t", "Swin transformer, tiny", swin, &swin_t, keys),
    FW_ZOO_NET("swin-s", "Swin transformer, small", swin, &swin_s, keys),
    FW_ZOO_NET("swin-b", "Swin transformer, base", swin, &swin_b, keys),
    FW_ZOO_NET("swin-v2-t", "Swin transformer v2, tiny", swin, &swin_v2_t, keys_256),
    FW_ZOO_NET("swin-v2-s", "Swin transformer v2, small", swin, &swin_v2_s, keys_256),
    FW_ZOO_NET("swin-v2-b", "Swin transformer v2, base", swin, &swin_v2_b, keys_256),
    FW_ZOO_NET("convnext-tiny", "ConvNeXt, tiny", convnext, &next_t, keys),
    FW_ZOO_NET("convnext-small", "ConvNeXt, small", convnext, &next_s, keys),
    FW_ZOO_NET("convnext-base", "ConvNeXt, base", convnext, &next_b, keys),
    FW_ZOO_NET("convnext-large", "ConvNeXt, large", convnext, &next_l, keys),
};
const struct fw_zoo_family fw_zoo_vit = {nets, sizeof nets / sizeof *nets};
