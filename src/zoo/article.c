/* The four small networks of "What's the backward-forward FLOP ratio for neural networks?"
 * (Hobbhahn and Sevilla, 2021, appendix A): a first layer that dominates, a tiny first layer, two
 * convolutions, and one shared convolution applied n times. */
#include "zoo/vision.h"

static const struct fw_zoo_key image_keys[] = {FW_ZOO_BATCH, FW_ZOO_SIZE("224"),
                                               FW_ZOO_CLASSES("10")};
static const struct fw_zoo_key one_keys[] = {FW_ZOO_BATCH, FW_ZOO_CLASSES("10")};
static const struct fw_zoo_key deeper_keys[] = {
    {"n", "100", "applications of the shared convolution; may be a letter"},
    FW_ZOO_BATCH,
    FW_ZOO_SIZE("224"),
    FW_ZOO_CLASSES("10"),
};

static void three_layers(struct fw_zoo *z, int x)
{
    struct fw_builder *b = z->b;
    x = fw_flatten(b, x);
    x = fw_relu(b, fw_linear(b, x, "fc1", 4096, 1));
    x = fw_relu(b, fw_linear(b, x, "fc2", 128, 1));
    fw_output(b, fw_linear(b, x, "fc3", fw_zoo_size(z, "classes"), 1));
}

static void linearnet(struct fw_zoo *z)
{
    three_layers(z, fw_zoo_image(z));
}

static void onenet(struct fw_zoo *z)
{
    int64_t dims[2] = {fw_zoo_size(z, "batch"), 1};
    three_layers(z, fw_input(z->b, "input", "float32", 2, dims));
}

static int plain_conv(struct fw_builder *b, int x, const char *name, int64_t filters)
{
    struct fw_window_spec w = fw_window_of(2, 7, 2, 3);
    w.no_bias = 1;
    return fw_relu(b, fw_conv(b, x, name, filters, &w));
}

static void head(struct fw_zoo *z, int x)
{
    x = fw_flatten(z->b, fw_global_average_pool(z->b, x));
    fw_output(z->b, fw_linear(z->b, x, "fc1", fw_zoo_size(z, "classes"), 1));
}

static void convnet(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int x = fw_max_pool2d(b, plain_conv(b, fw_zoo_image(z), "conv1", 32), 3, 2, 1);
    head(z, fw_max_pool2d(b, plain_conv(b, x, "conv2", 64), 3, 2, 1));
}

static void deeperconvnet(struct fw_zoo *z)
{
    static const int64_t dims[4] = {32, 32, 3, 3};
    struct fw_builder *b = z->b;
    struct fw_window_spec w = fw_window_of(2, 3, 1, 1);
    int64_t n = fw_zoo_turns(z, "n", 0);
    bool letter = !fw_dim_is_const((fw_dim){n});
    int x = fw_max_pool2d(b, plain_conv(b, fw_zoo_image(z), "first_layer", 32), 3, 2, 0);
    int weight = n != 0 ? fw_parameter(b, "conv_layer.weight", 4, dims) : -1;
    for (int64_t i = 0; i < n && fw_builder_ok(b); i++)
        x = fw_relu(b, fw_conv_with(b, x, "conv_layer", weight, -1, &w));
    if (letter) {
        x = fw_repeat(b, "conv_layers", n, x);
        x = fw_repeat_end(b, fw_relu(b, fw_conv_with(b, x, "conv_layer", weight, -1, &w)));
    }
    head(z, plain_conv(b, x, "convN", 64));
}

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("linearnet", "three linear layers, the first one by far the largest", linearnet,
               NULL, image_keys),
    FW_ZOO_NET("onenet", "three linear layers on a single input value", onenet, NULL, one_keys),
    FW_ZOO_NET("convnet", "two convolutions and a classifier", convnet, NULL, image_keys),
    FW_ZOO_NET("deeperconvnet", "one shared convolution applied n times", deeperconvnet, NULL,
               deeper_keys),
};
const struct fw_zoo_family fw_zoo_article = {nets, sizeof nets / sizeof *nets};
