/* Recurrent classifiers of sequences, and U-Net. */
#include "zoo/vision.h"

/* ---- recurrent networks ---- */

static const struct fw_zoo_key rnn_keys[] = {
    {"in", "64", "values of a step"},
    {"hidden", "128", "units of a layer"},
    {"layers", "1", "layers"},
    {"both", "0", "1: in both directions"},
    {"classes", "10", "classes told apart"},
    FW_ZOO_BATCH,
    {"seq", "seq", "steps of a sequence"},
};

/* Layers of one kind; a linear layer classifies the last step. */
static void recurrent(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int64_t dims[3] = {fw_zoo_size(z, "batch"), fw_zoo_size(z, "seq"), fw_zoo_size(z, "in")};
    int64_t hidden = fw_zoo_size(z, "hidden");
    int64_t layers = fw_zoo_number(z, "layers", 1);
    int both = fw_zoo_number(z, "both", 0) != 0;
    int x = fw_input(b, "input", "float32", 3, dims);
    for (int64_t i = 0; i < layers && fw_builder_ok(b); i++) {
        fw_enter_number(b, "layer", i + 1);
        x = fw_recurrent(b, z->net->name, x, z->net->name, hidden, both);
        fw_leave(b);
    }
    int64_t last[2] = {dims[0], fw_size_of(b, x, 2)};
    x = fw_reshape(b, fw_slice(b, x, 1, -1, INT64_MAX), 2, last);
    fw_output(b, fw_linear(b, x, "fc", fw_zoo_size(z, "classes"), 1));
}

/* The worked example of "Estimating Training Compute of Deep Learning Models" (Epoch, 2022): a
 * convolution over each frame, a recurrent layer over the frames, a classifier of the last. */
static const struct fw_zoo_key cnn_lstm_keys[] = {
    {"channels", "5", "channels of a frame"},
    {"filters", "16", "filters of the convolution"},
    {"hidden", "256", "units of the recurrent layer"},
    FW_ZOO_BATCH,
    {"seq", "seq", "frames of a sequence"},
    FW_ZOO_SIZE("400"),
    FW_ZOO_CLASSES("10"),
};

static void cnn_lstm(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int64_t batch = fw_zoo_size(z, "batch"), seq = fw_zoo_size(z, "seq");
    int64_t size = fw_zoo_size(z, "size");
    int64_t dims[5] = {batch, seq, fw_zoo_size(z, "channels"), size, size};
    int64_t frames[4] = {fw_size_times(b, batch, seq), dims[2], size, size};
    int x = fw_reshape(b, fw_input(b, "input", "float32", 5, dims), 4, frames);
    x = fw_flatten(b, fw_relu(b, fw_conv2d(b, x, "conv", fw_zoo_size(z, "filters"), 5, 2, 2)));
    int64_t steps[3] = {batch, seq, fw_size_of(b, x, 1)};
    int64_t hidden = fw_zoo_size(z, "hidden"), last[2] = {batch, hidden};
    x = fw_recurrent(b, "lstm", fw_reshape(b, x, 3, steps), "lstm", hidden, 0);
    x = fw_reshape(b, fw_slice(b, x, 1, -1, INT64_MAX), 2, last);
    fw_output(b, fw_linear(b, x, "fc", fw_zoo_size(z, "classes"), 1));
}

/* ---- U-Net ---- */

static const struct fw_zoo_key unet_keys[] = {
    {"depth", "4", "times that the size is halved"},
    {"width", "64", "channels of the first level, twice as many on each one below"},
    FW_ZOO_BATCH,
    FW_ZOO_SIZE("256"),
    FW_ZOO_CLASSES("2"),
};

/* Two 3x3 convolutions with bias, each with batch normalisation and relu. */
static int two_convs(struct fw_builder *b, int x, int64_t filters)
{
    struct fw_window_spec w = fw_window_of(2, 3, 1, 1);
    x = fw_zoo_conv_bn(b, x, "0", "1", filters, &w, "relu");
    return fw_zoo_conv_bn(b, x, "3", "4", filters, &w, "relu");
}

static int up(struct fw_builder *b, int x, int below, int64_t filters, int64_t level)
{
    struct fw_window_spec w = fw_window_of(2, 2, 2, 0);
    w.transposed = 1;
    fw_enter_number(b, "u", level);
    int parts[2] = {fw_conv(b, x, "", filters, &w), below};
    fw_leave(b);
    return fw_concat(b, parts, 2, 1);
}

static void unet(struct fw_zoo *z)
{
    enum { DEEPEST = 10 };
    struct fw_builder *b = z->b;
    int64_t depth = fw_zoo_number(z, "depth", 1);
    int64_t width = fw_zoo_size(z, "width");
    int level[DEEPEST];
    if (depth > DEEPEST) {
        (void)fw_build_fail(b, FW_LIMIT, "depth: at most %d", DEEPEST);
        return;
    }
    int x = fw_zoo_image(z);
    for (int64_t i = 0; i < depth; i++) {
        fw_enter_number(b, "d", i + 1);
        level[i] = two_convs(b, x, fw_size_times(b, width, (int64_t)1 << i));
        fw_leave(b);
        x = fw_max_pool2d(b, level[i], 2, 2, 0);
    }
    fw_enter(b, "mid");
    x = two_convs(b, x, fw_size_times(b, width, (int64_t)1 << depth));
    fw_leave(b);
    for (int64_t i = depth; i-- > 0;) {
        int64_t filters = fw_size_times(b, width, (int64_t)1 << i);
        x = up(b, x, level[i], filters, i + 1);
        fw_enter_number(b, "e", i + 1);
        x = two_convs(b, x, filters);
        fw_leave(b);
    }
    fw_output(b, fw_conv2d(b, x, "out", fw_zoo_size(z, "classes"), 1, 1, 0));
}

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("rnn", "recurrent classifier of sequences", recurrent, NULL, rnn_keys),
    FW_ZOO_NET("gru", "classifier of sequences with gated recurrent units", recurrent, NULL,
               rnn_keys),
    FW_ZOO_NET("lstm", "classifier of sequences with long short-term memory", recurrent, NULL,
               rnn_keys),
    FW_ZOO_NET("cnn_lstm", "convolution over frames, then long short-term memory over time",
               cnn_lstm, NULL, cnn_lstm_keys),
    FW_ZOO_NET("unet", "U-Net with padded convolutions and batch normalisation", unet, NULL,
               unet_keys),
};
const struct fw_zoo_family fw_zoo_small = {nets, sizeof nets / sizeof *nets};
