/* AlexNet, VGG and SqueezeNet with the layers and names of torchvision. */
#include "zoo/vision.h"

FW_ZOO_IMAGE_KEYS(keys, "224");

/* Dropout and three linear layers, named as torchvision's classifiers. */
static void three_linear(struct fw_zoo *z, int x, bool dropout_first)
{
    struct fw_builder *b = z->b;
    x = fw_flatten(b, x);
    fw_enter(b, "classifier");
    if (dropout_first)
        x = fw_dropout(b, x, 0.5);
    x = fw_relu(b, fw_linear(b, x, dropout_first ? "1" : "0", 4096, 1));
    x = fw_dropout(b, x, 0.5);
    x = fw_relu(b, fw_linear(b, x, dropout_first ? "4" : "3", 4096, 1));
    if (!dropout_first)
        x = fw_dropout(b, x, 0.5);
    x = fw_linear(b, x, "6", fw_zoo_size(z, "classes"), 1);
    fw_leave(b);
    fw_output(b, x);
}

static void alexnet(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int x = fw_zoo_image(z);
    fw_enter(b, "features");
    x = fw_max_pool2d(b, fw_relu(b, fw_conv2d(b, x, "0", 64, 11, 4, 2)), 3, 2, 0);
    x = fw_max_pool2d(b, fw_relu(b, fw_conv2d(b, x, "3", 192, 5, 1, 2)), 3, 2, 0);
    x = fw_relu(b, fw_conv2d(b, x, "6", 384, 3, 1, 1));
    x = fw_relu(b, fw_conv2d(b, x, "8", 256, 3, 1, 1));
    x = fw_max_pool2d(b, fw_relu(b, fw_conv2d(b, x, "10", 256, 3, 1, 1)), 3, 2, 0);
    fw_leave(b);
    three_linear(z, fw_zoo_pool_to(b, x, 6), true);
}

/* ---- VGG ---- */

struct vgg {
    int convs[5]; // of the stages, whose widths are 64, 128, 256, 512, 512
    bool norm;
};
static const struct vgg vgg_11 = {{1, 1, 2, 2, 2}, false}, vgg_11_bn = {{1, 1, 2, 2, 2}, true},
                        vgg_13 = {{2, 2, 2, 2, 2}, false}, vgg_13_bn = {{2, 2, 2, 2, 2}, true},
                        vgg_16 = {{2, 2, 3, 3, 3}, false}, vgg_16_bn = {{2, 2, 3, 3, 3}, true},
                        vgg_19 = {{2, 2, 4, 4, 4}, false}, vgg_19_bn = {{2, 2, 4, 4, 4}, true};

static void vgg(struct fw_zoo *z)
{
    static const int64_t widths[5] = {64, 128, 256, 512, 512};
    const struct vgg *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_zoo_image(z);
    int64_t at = 0; // place in torchvision's list of layers
    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < v->convs[stage]; i++) {
            fw_enter_number(b, "features.", at++);
            x = fw_conv2d(b, x, "", widths[stage], 3, 1, 1);
            fw_leave(b);
            if (v->norm) {
                fw_enter_number(b, "features.", at++);
                x = fw_batch_norm(b, x, "");
                fw_leave(b);
            }
            x = fw_relu(b, x);
            at++;
        }
        x = fw_max_pool2d(b, x, 2, 2, 0);
        at++;
    }
    three_linear(z, fw_zoo_pool_to(b, x, 7), false);
}

/* ---- SqueezeNet ---- */

static int pool(struct fw_builder *b, int x)
{
    struct fw_window_spec w = fw_window_of(2, 3, 2, 0);
    w.ceil = 1;
    return fw_max_pool(b, x, &w);
}

static int fire(struct fw_builder *b, int x, int64_t place, int64_t squeezed, int64_t expanded)
{
    fw_enter_number(b, "features.", place);
    x = fw_relu(b, fw_conv2d(b, x, "squeeze", squeezed, 1, 1, 0));
    int parts[2] = {fw_relu(b, fw_conv2d(b, x, "expand1x1", expanded, 1, 1, 0)),
                    fw_relu(b, fw_conv2d(b, x, "expand3x3", expanded, 3, 1, 1))};
    x = fw_concat(b, parts, 2, 1);
    fw_leave(b);
    return x;
}

struct squeezenet {
    int64_t filters, kernel; // of the first convolution
    int pool_after[3];       // fire modules before the first, second, third pooling
};
static const struct squeezenet squeeze_1_0 = {96, 7, {0, 3, 7}}, squeeze_1_1 = {64, 3, {0, 2, 4}};

static void squeezenet(struct fw_zoo *z)
{
    static const int64_t widths[8][2] = {{16, 64},  {16, 64},  {32, 128}, {32, 128},
                                         {48, 192}, {48, 192}, {64, 256}, {64, 256}};
    const struct squeezenet *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_conv2d(b, fw_zoo_image(z), "features.0", v->filters, v->kernel, 2, 0);
    x = fw_relu(b, x);
    int64_t place = 2;
    int pools = 0;
    for (int i = 0; i < 8; i++) {
        for (; pools < 3 && v->pool_after[pools] == i; pools++, place++)
            x = pool(b, x);
        x = fire(b, x, place++, widths[i][0], widths[i][1]);
    }
    x = fw_dropout(b, x, 0.5);
    x = fw_relu(b, fw_conv2d(b, x, "classifier.1", fw_zoo_size(z, "classes"), 1, 1, 0));
    fw_output(b, fw_flatten(b, fw_global_average_pool(b, x)));
}

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("alexnet", "AlexNet as torchvision has it", alexnet, NULL, keys),
    FW_ZOO_NET("vgg11", "VGG of 11 layers", vgg, &vgg_11, keys),
    FW_ZOO_NET("vgg11_bn", "VGG of 11 layers with batch normalisation", vgg, &vgg_11_bn, keys),
    FW_ZOO_NET("vgg13", "VGG of 13 layers", vgg, &vgg_13, keys),
    FW_ZOO_NET("vgg13_bn", "VGG of 13 layers with batch normalisation", vgg, &vgg_13_bn, keys),
    FW_ZOO_NET("vgg16", "VGG of 16 layers", vgg, &vgg_16, keys),
    FW_ZOO_NET("vgg16_bn", "VGG of 16 layers with batch normalisation", vgg, &vgg_16_bn, keys),
    FW_ZOO_NET("vgg19", "VGG of 19 layers", vgg, &vgg_19, keys),
    FW_ZOO_NET("vgg19_bn", "VGG of 19 layers with batch normalisation", vgg, &vgg_19_bn, keys),
    FW_ZOO_NET("squeezenet1_0", "SqueezeNet 1.0", squeezenet, &squeeze_1_0, keys),
    FW_ZOO_NET("squeezenet1_1", "SqueezeNet 1.1", squeezenet, &squeeze_1_1, keys),
};
const struct fw_zoo_family fw_zoo_classic = {nets, sizeof nets / sizeof *nets};
