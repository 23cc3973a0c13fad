/* Networks in the layout of TF-Slim: padding is "same" as TensorFlow has it (more at the end than
 * at the beginning), a residual network's stride sits in the last unit of a block. Names are the
 * end points of TF-Slim. */
#include "zoo/vision.h"

#include <stdio.h>

static struct fw_window_spec window(int64_t kernel, int64_t stride, bool same)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, 0);
    w.same = same;
    w.no_bias = 1;
    return w;
}

/* Convolution with bias and relu. */
static int plain(struct fw_builder *b, int x, const char *name, int64_t filters, int64_t kernel,
                 int64_t stride, bool same)
{
    struct fw_window_spec w = window(kernel, stride, same);
    w.no_bias = 0;
    fw_enter(b, name);
    x = fw_conv(b, x, "", filters, &w);
    fw_label(b, x, "Conv2D");
    x = fw_relu(b, x);
    fw_leave(b);
    fw_label(b, x, name);
    return x;
}

static int pool(struct fw_builder *b, int x, const char *name, int64_t kernel)
{
    x = fw_max_pool2d(b, x, kernel, 2, 0);
    fw_label(b, x, name);
    return x;
}

/* The fully connected layers are convolutions; images of another size leave several classifiers,
 * of which the mean is taken. */
static void classifier(struct fw_zoo *z, int x, int64_t kernel)
{
    struct fw_builder *b = z->b;
    x = fw_dropout(b, plain(b, x, "fc6", 4096, kernel, 1, false), 0.5);
    x = fw_dropout(b, plain(b, x, "fc7", 4096, 1, 1, false), 0.5);
    x = fw_conv2d(b, x, "fc8", fw_zoo_size(z, "classes"), 1, 1, 0);
    if (fw_builder_ok(b) && fw_size_of(b, x, -1) != 1)
        x = fw_global_average_pool(b, x);
    fw_leave(b);
    fw_output(b, fw_flatten(b, x));
}

static int begin(struct fw_zoo *z)
{
    int x = fw_zoo_image(z);
    fw_separator(z->b, '/');
    fw_enter(z->b, z->net->name);
    return x;
}

static void alexnet(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int x = pool(b, plain(b, begin(z), "conv1", 64, 11, 4, false), "pool1", 3);
    x = pool(b, plain(b, x, "conv2", 192, 5, 1, true), "pool2", 3);
    x = plain(b, x, "conv3", 384, 3, 1, true);
    x = plain(b, x, "conv4", 384, 3, 1, true);
    x = pool(b, plain(b, x, "conv5", 256, 3, 1, true), "pool5", 3);
    classifier(z, x, 5);
}

static const int vgg_a[5] = {1, 1, 2, 2, 2}, vgg_16[5] = {2, 2, 3, 3, 3},
                 vgg_19[5] = {2, 2, 4, 4, 4};

static void vgg(struct fw_zoo *z)
{
    static const int64_t widths[5] = {64, 128, 256, 512, 512};
    const int *convs = z->variant;
    struct fw_builder *b = z->b;
    int x = begin(z);
    for (int stage = 1; stage <= 5; stage++) {
        char name[32];
        for (int i = 1; i <= convs[stage - 1]; i++) {
            (void)snprintf(name, sizeof name, "conv%d/conv%d_%d", stage, stage, i);
            x = plain(b, x, name, widths[stage - 1], 3, 1, true);
        }
        (void)snprintf(name, sizeof name, "pool%d", stage);
        x = pool(b, x, name, 2);
    }
    classifier(z, x, 7);
}

/* ---- MobileNet v1 ---- */

static int normed(struct fw_builder *b, int x, const char *name, int64_t filters,
                  const struct fw_window_spec *w)
{
    fw_enter(b, name);
    x = fw_zoo_conv_bn(b, x, "", "BatchNorm", filters, w, "relu6");
    fw_leave(b);
    fw_label(b, x, name);
    return x;
}

static void mobilenet(struct fw_zoo *z)
{
    static const int64_t widths[13] = {64,  128, 128, 256, 256,  512, 512,
                                       512, 512, 512, 512, 1024, 1024};
    static const int strides[13] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
    struct fw_builder *b = z->b;
    double width = fw_zoo_scale(z, "width");
    struct fw_window_spec one = window(1, 1, true);
    struct fw_window_spec first = window(3, 2, true);
    int x = fw_zoo_image(z);
    fw_separator(b, '/');
    x = normed(b, x, "Conv2d_0", fw_zoo_divisible(32 * width, 8), &first);
    for (int i = 0; i < 13; i++) {
        char name[32];
        struct fw_window_spec deep = window(3, strides[i], true);
        deep.groups = fw_size_of(b, x, 1);
        (void)snprintf(name, sizeof name, "Conv2d_%d_depthwise", i + 1);
        x = normed(b, x, name, deep.groups, &deep);
        (void)snprintf(name, sizeof name, "Conv2d_%d_pointwise", i + 1);
        x = normed(b, x, name, fw_zoo_divisible((double)widths[i] * width, 8), &one);
    }
    fw_zoo_classify(z, x, "Logits", 0.001);
}

/* ---- residual networks ---- */

struct residual {
    int units[4];
    bool preact; // v2: normalisation and relu come before the convolutions
};
static const struct residual v1_50 = {{3, 4, 6, 3}, false}, v1_101 = {{3, 4, 23, 3}, false},
                             v1_152 = {{3, 8, 36, 3}, false}, v1_200 = {{3, 24, 36, 3}, false},
                             v2_50 = {{3, 4, 6, 3}, true}, v2_101 = {{3, 4, 23, 3}, true},
                             v2_152 = {{3, 8, 36, 3}, true}, v2_200 = {{3, 24, 36, 3}, true};

/* A convolution whose padding does not depend on the size: the same at both ends. */
static struct fw_window_spec strided(int64_t kernel, int64_t stride)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, (kernel - 1) / 2);
    w.no_bias = 1;
    return w;
}

static int conv_bn(struct fw_builder *b, int x, const char *name, int64_t filters,
                   const struct fw_window_spec *w, const char *act)
{
    fw_enter(b, name);
    x = fw_zoo_conv_bn(b, x, "", "BatchNorm", filters, w, act);
    fw_leave(b);
    return x;
}

/* The input itself, every stride-th place of it, or a 1x1 convolution of `from`. */
static int shortcut(struct fw_builder *b, int x, int from, int64_t out, int64_t stride, bool preact)
{
    struct fw_window_spec w = window(1, stride, true);
    if (fw_size_of(b, x, 1) == out)
        return stride == 1 ? x : fw_max_pool2d(b, x, 1, stride, 0);
    w.no_bias = !preact;
    return preact ? fw_conv(b, from, "shortcut", out, &w)
                  : conv_bn(b, from, "shortcut", out, &w, "none");
}

static int unit(struct fw_builder *b, int x, int64_t width, int64_t stride, bool preact)
{
    struct fw_window_spec one = window(1, 1, true);
    struct fw_window_spec three = strided(3, stride);
    int from = preact ? fw_relu(b, fw_batch_norm(b, x, "preact")) : x;
    int skip = shortcut(b, x, from, 4 * width, stride, preact);
    int y = conv_bn(b, from, "conv1", width, &one, "relu");
    y = conv_bn(b, y, "conv2", width, &three, "relu");
    if (!preact)
        return fw_relu(b, fw_add(b, skip, conv_bn(b, y, "conv3", 4 * width, &one, "none")));
    one.no_bias = 0;
    return fw_add(b, skip, fw_conv(b, y, "conv3", 4 * width, &one));
}

static void resnet(struct fw_zoo *z)
{
    const struct residual *v = z->variant;
    struct fw_builder *b = z->b;
    struct fw_window_spec stem = strided(7, 2);
    struct fw_window_spec pooled = window(3, 2, true);
    stem.no_bias = !v->preact;
    int x = begin(z);
    x = v->preact ? fw_conv(b, x, "conv1", 64, &stem) : conv_bn(b, x, "conv1", 64, &stem, "relu");
    x = fw_max_pool(b, x, &pooled);
    for (int block = 0; block < 4; block++) {
        int n = v->units[block];
        fw_enter_number(b, "block", block + 1);
        for (int i = 1; i <= n; i++) {
            fw_enter_number(b, "unit_", i);
            fw_enter(b, v->preact ? "bottleneck_v2" : "bottleneck_v1");
            x = unit(b, x, (int64_t)64 << block, block < 3 && i == n ? 2 : 1, v->preact);
            fw_leave(b);
            fw_leave(b);
        }
        fw_leave(b);
        char name[16];
        (void)snprintf(name, sizeof name, "block%d", block + 1);
        fw_label(b, x, name);
    }
    if (v->preact)
        x = fw_relu(b, fw_batch_norm(b, x, "postnorm"));
    fw_zoo_classify(z, x, "logits", 0);
}

FW_ZOO_IMAGE_KEYS(keys, "224");
FW_ZOO_WIDTH_KEYS(keys_width, "224", "1");
FW_ZOO_WIDTH_KEYS(keys_075, "224", "0.75");

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("mobilenet_v1", "depthwise separable convolutions", mobilenet, NULL, keys_width),
    FW_ZOO_NET("mobilenet_v1_075", "MobileNet v1, three quarters as wide", mobilenet, NULL,
               keys_075),
    FW_ZOO_NET("alexnet_v2", "AlexNet in TF-Slim's layout", alexnet, NULL, keys),
    FW_ZOO_NET("vgg_a", "VGG of 11 layers in TF-Slim's layout", vgg, vgg_a, keys),
    FW_ZOO_NET("vgg_16", "VGG of 16 layers in TF-Slim's layout", vgg, vgg_16, keys),
    FW_ZOO_NET("vgg_19", "VGG of 19 layers in TF-Slim's layout", vgg, vgg_19, keys),
    FW_ZOO_NET("resnet_v1_50", "ResNet v1 of 50 layers, stride in a block's last unit", resnet,
               &v1_50, keys),
    FW_ZOO_NET("resnet_v1_101", "ResNet v1 of 101 layers, stride in a block's last unit", resnet,
               &v1_101, keys),
    FW_ZOO_NET("resnet_v1_152", "ResNet v1 of 152 layers, stride in a block's last unit", resnet,
               &v1_152, keys),
    FW_ZOO_NET("resnet_v1_200", "ResNet v1 of 200 layers, stride in a block's last unit", resnet,
               &v1_200, keys),
    FW_ZOO_NET("resnet_v2_50", "ResNet v2 of 50 layers, stride in a block's last unit", resnet,
               &v2_50, keys),
    FW_ZOO_NET("resnet_v2_101", "ResNet v2 of 101 layers, stride in a block's last unit", resnet,
               &v2_101, keys),
    FW_ZOO_NET("resnet_v2_152", "ResNet v2 of 152 layers, stride in a block's last unit", resnet,
               &v2_152, keys),
    FW_ZOO_NET("resnet_v2_200", "ResNet v2 of 200 layers, stride in a block's last unit", resnet,
               &v2_200, keys),
};
const struct fw_zoo_family fw_zoo_slim = {nets, sizeof nets / sizeof *nets};
