/* Convolutional families of transformers: ResNet, ConvNeXt and its second version. The picture has
 * the size that the configuration names, or 224. */
#include "formats/hf.h"

#include <stdio.h>
#include <string.h>

struct net {
    const struct hf_config *c;
    struct fw_builder *b;
    struct hf_arch a;
    bool second; // version of ConvNeXt
};

static int picture(struct net *n)
{
    int64_t size = hf_item(n->c, "image_size", 0, 224);
    int64_t dims[4] = {fw_size(n->b, "batch"), hf_int(n->c, "num_channels", 3), size, size};
    return fw_input(n->b, "pixel_values", "float32", 4, dims);
}

/* ---- ResNet ---- */

static int conv_norm(struct net *n, int x, const char *name, int64_t out, int64_t kernel,
                     int64_t stride, bool act)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, kernel / 2);
    w.no_bias = 1;
    fw_enter(n->b, name);
    x = fw_batch_norm(n->b, fw_conv(n->b, x, "convolution", out, &w), "normalization");
    fw_leave(n->b);
    return act ? hf_act(&n->a, x, n->a.act) : x;
}

static int resnet_layer(struct net *n, int x, int64_t out, int64_t stride, bool bottleneck)
{
    struct fw_builder *b = n->b;
    int64_t in = fw_size_of(b, x, 1);
    bool early = hf_flag(n->c, "downsample_in_bottleneck", false);
    int y = x;
    if (bottleneck) {
        y = conv_norm(n, y, "layer.0", out / 4, 1, early ? stride : 1, true);
        y = conv_norm(n, y, "layer.1", out / 4, 3, early ? 1 : stride, true);
        y = conv_norm(n, y, "layer.2", out, 1, 1, false);
    } else {
        y = conv_norm(n, y, "layer.0", out, 3, stride, true);
        y = conv_norm(n, y, "layer.1", out, 3, 1, false);
    }
    if (in != out || stride != 1)
        x = conv_norm(n, x, "shortcut", out, 1, stride, false);
    return hf_act(&n->a, fw_add(b, x, y), n->a.act);
}

static void finish(const struct hf_job *job, struct net *n, int x, const char *label)
{
    if (job->head != HF_HEAD_NONE && hf_ends(job->model, "ForImageClassification"))
        x = hf_linear(&n->a, x, label, hf_labels(job->c), true);
    else if (job->head != HF_HEAD_NONE)
        hf_no_head(job);
    fw_output(job->b, x);
}

static void start(const struct hf_job *job, struct net *n)
{
    *n = (struct net){.c = job->c, .b = job->b};
    hf_arch_pieces(&n->a, job->c);
}

static void build_resnet(const struct hf_job *job)
{
    struct net n;
    struct fw_builder *b = job->b;
    start(job, &n);
    bool bottleneck = hf_is(job->c, "layer_type", "bottleneck");
    struct fw_window_spec pool = fw_window_of(2, 3, 2, 1);
    int x = conv_norm(&n, picture(&n), "resnet.embedder.embedder",
                      hf_size(job->c, "embedding_size"), 7, 2, true);
    x = fw_max_pool(b, x, &pool);
    uint32_t stages = hf_length(job->c, "depths");
    bool first = hf_flag(job->c, "downsample_in_first_stage", false);
    for (uint32_t s = 0; s < stages && fw_build_ok(b); s++) {
        int64_t layers = hf_item(job->c, "depths", s, 1);
        for (int64_t l = 0; l < layers && fw_build_ok(b); l++) {
            char name[64];
            (void)snprintf(name, sizeof name, "resnet.encoder.stages.%u.layers.%lld", s,
                           (long long)l);
            fw_enter(b, name);
            int64_t stride = l == 0 && (s > 0 || first) ? 2 : 1;
            x = resnet_layer(&n, x, hf_item(job->c, "hidden_sizes", s, 1), stride, bottleneck);
            fw_leave(b);
        }
    }
    x = fw_flatten(b, fw_global_average_pool(b, x));
    finish(job, &n, x, "classifier.1");
}

/* ---- ConvNeXt ---- */

static const int64_t to_last[4] = {0, 2, 3, 1};
static const int64_t to_first[4] = {0, 3, 1, 2};

static int channel_norm(struct net *n, int x, const char *name)
{
    x = hf_norm_as(&n->a, fw_transpose(n->b, x, to_last), name, HF_LAYER_NORM);
    return fw_transpose(n->b, x, to_first);
}

/* Each channel by its share of the length over all places; x (batch, rows, columns, channels). */
static int response_norm(struct net *n, int x, const char *name)
{
    struct fw_builder *b = n->b;
    static const int64_t places[2] = {1, 2};
    static const int64_t last = 3;
    int64_t dims[4] = {1, 1, 1, fw_size_of(b, x, -1)};
    int in[2] = {x, fw_sizes(b, 2, places)};
    int length = fw_build_plain(b, "ReduceL2", NULL, in, 2);
    int share[2] = {length, fw_add(b, fw_mean(b, length, 1, &last, 1), fw_number(b, 1e-6))};
    int y = fw_mul(b, x, fw_build_plain(b, "Div", NULL, share, 2));
    y = fw_mul(b, y, hf_param(&n->a, name, "weight", 4, dims));
    return fw_add(b, fw_add(b, y, hf_param(&n->a, name, "bias", 4, dims)), x);
}

static int convnext_layer(struct net *n, int x, int64_t c)
{
    struct fw_builder *b = n->b;
    struct fw_window_spec w = fw_window_of(2, 7, 1, 3);
    w.groups = c;
    int y = fw_transpose(b, fw_conv(b, x, "dwconv", c, &w), to_last);
    y = hf_norm_as(&n->a, y, "layernorm", HF_LAYER_NORM);
    y = hf_act(&n->a, hf_linear(&n->a, y, "pwconv1", 4 * c, true), n->a.act);
    if (n->second)
        y = response_norm(n, y, "grn");
    y = hf_linear(&n->a, y, "pwconv2", c, true);
    if (!n->second && hf_float(n->c, "layer_scale_init_value", 1) > 0)
        y = fw_mul(b, y, hf_param(&n->a, "layer_scale_parameter", NULL, 1, &c));
    return fw_add(b, x, fw_transpose(b, y, to_first));
}

static void build_convnext(const struct hf_job *job)
{
    struct net n;
    struct fw_builder *b = job->b;
    start(job, &n);
    n.second = strcmp(job->family->type, "convnextv2") == 0;
    int64_t patch = hf_int(job->c, "patch_size", 4);
    struct fw_window_spec w = fw_window_of(2, patch, patch, 0);
    fw_enter(b, job->family->type);
    int x = fw_conv(b, picture(&n), "embeddings.patch_embeddings",
                    hf_item(job->c, "hidden_sizes", 0, 96), &w);
    x = channel_norm(&n, x, "embeddings.layernorm");
    int64_t stages = hf_size(job->c, "num_stages");
    for (uint32_t s = 0; s < stages && fw_build_ok(b); s++) {
        int64_t c = hf_item(job->c, "hidden_sizes", s, 1);
        struct fw_window_spec half = fw_window_of(2, 2, 2, 0);
        fw_enter_number(b, "encoder.stages.", s);
        if (s > 0)
            x = fw_conv(b, channel_norm(&n, x, "downsampling_layer.0"), "downsampling_layer.1", c,
                        &half);
        int64_t layers = hf_item(job->c, "depths", s, 1);
        for (int64_t l = 0; l < layers && fw_build_ok(b); l++) {
            fw_enter_number(b, "layers.", l);
            x = convnext_layer(&n, x, c);
            fw_leave(b);
        }
        fw_leave(b);
    }
    x = fw_flatten(b, fw_global_average_pool(b, x));
    x = hf_norm_as(&n.a, x, "layernorm", HF_LAYER_NORM);
    fw_leave(b);
    finish(job, &n, x, "classifier");
}

const struct hf_family hf_convnets[] = {
    {"resnet", NULL, "ResNetModel", NULL, NULL, build_resnet, NULL},
    {"convnext", NULL, "ConvNextModel", NULL, NULL, build_convnext, NULL},
    {"convnextv2", NULL, "ConvNextV2Model", NULL, NULL, build_convnext, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
