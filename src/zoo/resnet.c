/* Residual networks with the layers and names of torchvision, where the stride is that of a block's
 * 3x3 convolution: ResNet, ResNeXt, Wide ResNet; and DenseNet. */
#include "zoo/vision.h"

FW_ZOO_IMAGE_KEYS(keys, "224");

struct resnet {
    int blocks[4];
    bool bottleneck;
    int64_t groups, group_width; // of the 3x3 convolution at the first stage's width of 64
};
static const struct resnet r18 = {{2, 2, 2, 2}, false, 1, 64}, r34 = {{3, 4, 6, 3}, false, 1, 64},
                           r50 = {{3, 4, 6, 3}, true, 1, 64}, r101 = {{3, 4, 23, 3}, true, 1, 64},
                           r152 = {{3, 8, 36, 3}, true, 1, 64},
                           x50_32x4d = {{3, 4, 6, 3}, true, 32, 4},
                           x101_32x8d = {{3, 4, 23, 3}, true, 32, 8},
                           x101_64x4d = {{3, 4, 23, 3}, true, 64, 4},
                           w50_2 = {{3, 4, 6, 3}, true, 1, 128},
                           w101_2 = {{3, 4, 23, 3}, true, 1, 128};

static int conv_bn(struct fw_builder *b, int x, int64_t place, int64_t filters,
                   const struct fw_window_spec *w, const char *act)
{
    static const char *const convs[] = {"conv1", "conv2", "conv3"};
    static const char *const norms[] = {"bn1", "bn2", "bn3"};
    return fw_zoo_conv_bn(b, x, convs[place], norms[place], filters, w, act);
}

static int residual(struct fw_builder *b, int x, const struct resnet *v, int64_t width,
                    int64_t stride)
{
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    struct fw_window_spec first = fw_zoo_window(3, stride, v->bottleneck ? v->groups : 1);
    struct fw_window_spec second = fw_zoo_window(3, 1, 1);
    int64_t out = v->bottleneck ? 4 * width : width;
    int64_t inner = width * v->group_width / 64 * v->groups;
    int y = x;
    if (v->bottleneck) {
        y = conv_bn(b, y, 0, inner, &one, "relu");
        y = conv_bn(b, y, 1, inner, &first, "relu");
        y = conv_bn(b, y, 2, out, &one, "none");
    } else {
        y = conv_bn(b, y, 0, width, &first, "relu");
        y = conv_bn(b, y, 1, width, &second, "none");
    }
    if (stride != 1 || fw_size_of(b, x, 1) != out)
        x = fw_zoo_block(b, x, "downsample", out, 1, stride, 1, "none");
    return fw_relu(b, fw_add(b, y, x));
}

static void resnet(struct fw_zoo *z)
{
    const struct resnet *v = z->variant;
    struct fw_builder *b = z->b;
    struct fw_window_spec stem = fw_zoo_window(7, 2, 1);
    int x = fw_zoo_conv_bn(b, fw_zoo_image(z), "conv1", "bn1", 64, &stem, "relu");
    x = fw_max_pool2d(b, x, 3, 2, 1);
    for (int stage = 0; stage < 4; stage++) {
        fw_enter_number(b, "layer", stage + 1);
        for (int i = 0; i < v->blocks[stage]; i++) {
            fw_enter_number(b, "", i);
            x = residual(b, x, v, (int64_t)64 << stage, stage > 0 && i == 0 ? 2 : 1);
            fw_leave(b);
        }
        fw_leave(b);
    }
    fw_zoo_classify(z, x, "fc", 0);
}

/* ---- DenseNet ---- */

struct densenet {
    int blocks[4];
    int64_t stem, growth;
};
static const struct densenet d121 = {{6, 12, 24, 16}, 64, 32}, d161 = {{6, 12, 36, 24}, 96, 48},
                             d169 = {{6, 12, 32, 32}, 64, 32}, d201 = {{6, 12, 48, 32}, 64, 32};

static int norm_relu(struct fw_builder *b, int x, const char *name)
{
    return fw_relu(b, fw_batch_norm(b, x, name));
}

static int dense_layer(struct fw_builder *b, int x, int64_t growth)
{
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    struct fw_window_spec three = fw_zoo_window(3, 1, 1);
    int y = fw_conv(b, norm_relu(b, x, "norm1"), "conv1", 4 * growth, &one);
    return fw_conv(b, norm_relu(b, y, "norm2"), "conv2", growth, &three);
}

/* Every layer sees the outputs of all before it, joined anew. */
static int dense_block(struct fw_builder *b, int x, int n, int64_t growth)
{
    enum { MOST = 64 };
    int seen[MOST + 1] = {x};
    for (int i = 0; i < n && i < MOST; i++) {
        fw_enter_number(b, "denselayer", i + 1);
        int all = i > 0 ? fw_concat(b, seen, i + 1, 1) : x;
        seen[i + 1] = dense_layer(b, all, growth);
        fw_leave(b);
    }
    return fw_concat(b, seen, n + 1, 1);
}

static int transition(struct fw_builder *b, int x)
{
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    int64_t half = fw_size_over(b, fw_size_of(b, x, 1), 2);
    x = fw_conv(b, norm_relu(b, x, "norm"), "conv", half, &one);
    return fw_average_pool2d(b, x, 2, 2, 0);
}

static void densenet(struct fw_zoo *z)
{
    const struct densenet *v = z->variant;
    struct fw_builder *b = z->b;
    struct fw_window_spec stem = fw_zoo_window(7, 2, 1);
    int x = fw_zoo_image(z);
    fw_enter(b, "features");
    x = fw_zoo_conv_bn(b, x, "conv0", "norm0", v->stem, &stem, "relu");
    x = fw_max_pool2d(b, x, 3, 2, 1);
    for (int stage = 1; stage <= 4; stage++) {
        fw_enter_number(b, "denseblock", stage);
        x = dense_block(b, x, v->blocks[stage - 1], v->growth);
        fw_leave(b);
        if (stage == 4)
            break;
        fw_enter_number(b, "transition", stage);
        x = transition(b, x);
        fw_leave(b);
    }
    x = norm_relu(b, x, "norm5");
    fw_leave(b);
    fw_zoo_classify(z, x, "classifier", 0);
}

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("resnet18", "residual network of 18 layers", resnet, &r18, keys),
    FW_ZOO_NET("resnet34", "residual network of 34 layers", resnet, &r34, keys),
    FW_ZOO_NET("resnet50", "residual network of 50 layers", resnet, &r50, keys),
    FW_ZOO_NET("resnet101", "residual network of 101 layers", resnet, &r101, keys),
    FW_ZOO_NET("resnet152", "residual network of 152 layers", resnet, &r152, keys),
    FW_ZOO_NET("resnext50_32x4d", "ResNeXt of 50 layers, 32 groups of 4", resnet, &x50_32x4d, keys),
    FW_ZOO_NET("resnext101_32x8d", "ResNeXt of 101 layers, 32 groups of 8", resnet, &x101_32x8d,
               keys),
    FW_ZOO_NET("resnext101_64x4d", "ResNeXt of 101 layers, 64 groups of 4", resnet, &x101_64x4d,
               keys),
    FW_ZOO_NET("wide_resnet50_2", "residual network of 50 layers, twice as wide", resnet, &w50_2,
               keys),
    FW_ZOO_NET("wide_resnet101_2", "residual network of 101 layers, twice as wide", resnet, &w101_2,
               keys),
    FW_ZOO_NET("densenet121", "densely connected network of 121 layers", densenet, &d121, keys),
    FW_ZOO_NET("densenet161", "densely connected network of 161 layers", densenet, &d161, keys),
    FW_ZOO_NET("densenet169", "densely connected network of 169 layers", densenet, &d169, keys),
    FW_ZOO_NET("densenet201", "densely connected network of 201 layers", densenet, &d201, keys),
};
const struct fw_zoo_family fw_zoo_resnet = {nets, sizeof nets / sizeof *nets};
