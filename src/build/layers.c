/* Layers with parameters, pooling and activations; see builder.h.
 *
 * A linear layer over a matrix is a Gemm, over more axes a MatMul and an Add, as exporters write
 * them; its weight is (out, in) in the one and (in, out) in the other. */
#include "build/builder.h"

#include <string.h>

/* ---- linear ---- */

static int add_bias(struct fw_builder *b, const char *layer, int y, int bias)
{
    struct fw_build_node n = fw_build_node(b, "", "Add");
    int in[2] = {y, bias};
    return bias < 0 ? y : fw_build_add(&n, fw_build_part(b, layer, "add"), in, 2, 1);
}

int fw_linear_with(struct fw_builder *b, int x, const char *name, int weight, int bias)
{
    bool matrix = fw_rank_of(b, x) == 2;
    struct fw_build_node n = fw_build_node(b, "", matrix ? "Gemm" : "MatMul");
    const char *layer = fw_build_name(b, name, "linear");
    int in[3] = {x, weight, bias};
    if (!matrix)
        return add_bias(b, layer, fw_build_add(&n, layer, in, 2, 1), bias);
    fw_build_int(&n, "transB", 1);
    return fw_build_add(&n, layer, in, 3, 1);
}

int fw_linear(struct fw_builder *b, int x, const char *name, int64_t out, int bias)
{
    int rank = fw_rank_of(b, x);
    int64_t in = fw_size_of(b, x, -1);
    int64_t dims[2] = {rank == 2 ? out : in, rank == 2 ? in : out};
    fw_enter(b, name);
    int weight = fw_parameter(b, "weight", 2, dims);
    int shift = bias ? fw_parameter(b, "bias", 1, &out) : -1;
    fw_leave(b);
    return fw_linear_with(b, x, name, weight, shift);
}

/* ---- windows ---- */

struct fw_window_spec fw_window_of(int axes, int64_t kernel, int64_t stride, int64_t pad)
{
    struct fw_window_spec w = {.axes = axes};
    for (int k = 0; k < axes && k < 3; k++) {
        w.kernel[k] = kernel;
        w.stride[k] = stride;
        w.pad[k] = w.pad_end[k] = pad;
    }
    return w;
}

static bool good_window(struct fw_builder *b, int x, const struct fw_window_spec *w)
{
    int rank = fw_rank_of(b, x);
    if (w->axes < 1 || w->axes > 3)
        return fw_build_fail(b, FW_USAGE, "a window over 1 to 3 axes is wanted, found %d",
                             w->axes) == 0;
    if (rank != w->axes + 2)
        return fw_build_fail(b, FW_SHAPE, "a window over %d axes wants %d dimensions, found %d",
                             w->axes, w->axes + 2, rank) == 0;
    return fw_build_ok(b);
}

static void window_attributes(struct fw_build_node *n, const struct fw_window_spec *w, bool dilated)
{
    int64_t strides[3];
    int64_t dilations[3];
    int64_t pads[6];
    for (int k = 0; k < w->axes; k++) {
        strides[k] = w->stride[k] != 0 ? w->stride[k] : 1;
        dilations[k] = w->dilation[k] != 0 ? w->dilation[k] : 1;
        pads[k] = w->pad[k];
        pads[w->axes + k] = w->pad_end[k];
    }
    fw_build_ints(n, "kernel_shape", w->kernel, (unsigned)w->axes);
    fw_build_ints(n, "strides", strides, (unsigned)w->axes);
    if (dilated)
        fw_build_ints(n, "dilations", dilations, (unsigned)w->axes);
    if (w->same)
        fw_build_text(n, "auto_pad", "SAME_UPPER");
    else
        fw_build_ints(n, "pads", pads, 2u * (unsigned)w->axes);
}

/* ---- convolution ---- */

int fw_conv_with(struct fw_builder *b, int x, const char *name, int weight, int bias,
                 const struct fw_window_spec *w)
{
    if (!good_window(b, x, w))
        return -1;
    struct fw_build_node n = fw_build_node(b, "", w->transposed ? "ConvTranspose" : "Conv");
    window_attributes(&n, w, true);
    fw_build_int(&n, "group", w->groups != 0 ? w->groups : 1);
    if (w->transposed)
        fw_build_ints(&n, "output_padding", w->output_pad, (unsigned)w->axes);
    int in[3] = {x, weight, bias};
    return fw_build_add(&n, fw_build_name(b, name, "conv"), in, 3, 1);
}

int fw_conv(struct fw_builder *b, int x, const char *name, int64_t filters,
            const struct fw_window_spec *w)
{
    if (!good_window(b, x, w))
        return -1;
    int64_t groups = w->groups != 0 ? w->groups : 1;
    int64_t in = fw_size_of(b, x, 1);
    int64_t dims[5] = {w->transposed ? in : filters,
                       fw_size_over(b, w->transposed ? filters : in, groups)};
    for (int k = 0; k < w->axes; k++)
        dims[2 + k] = w->kernel[k];
    fw_enter(b, name);
    int weight = fw_parameter(b, "weight", 2 + w->axes, dims);
    int bias = w->no_bias ? -1 : fw_parameter(b, "bias", 1, &filters);
    fw_leave(b);
    return fw_conv_with(b, x, name, weight, bias, w);
}

int fw_conv2d(struct fw_builder *b, int x, const char *name, int64_t filters, int64_t kernel,
              int64_t stride, int64_t pad)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, pad);
    return fw_conv(b, x, name, filters, &w);
}

/* ---- pooling ---- */

static int pool(struct fw_builder *b, const char *op, int x, const struct fw_window_spec *w)
{
    if (!good_window(b, x, w))
        return -1;
    struct fw_build_node n = fw_build_node(b, "", op);
    window_attributes(&n, w, true);
    fw_build_int(&n, "ceil_mode", w->ceil != 0);
    if (w->count_pad)
        fw_build_int(&n, "count_include_pad", 1);
    return fw_build_add(&n, fw_build_name(b, NULL, op), &x, 1, 1);
}

int fw_max_pool(struct fw_builder *b, int x, const struct fw_window_spec *w)
{
    return pool(b, "MaxPool", x, w);
}

int fw_average_pool(struct fw_builder *b, int x, const struct fw_window_spec *w)
{
    return pool(b, "AveragePool", x, w);
}

int fw_max_pool2d(struct fw_builder *b, int x, int64_t kernel, int64_t stride, int64_t pad)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, pad);
    return pool(b, "MaxPool", x, &w);
}

int fw_average_pool2d(struct fw_builder *b, int x, int64_t kernel, int64_t stride, int64_t pad)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, pad);
    return pool(b, "AveragePool", x, &w);
}

int fw_global_average_pool(struct fw_builder *b, int x)
{
    return fw_build_plain(b, "GlobalAveragePool", NULL, &x, 1);
}

/* ---- normalisation ---- */

int fw_batch_norm(struct fw_builder *b, int x, const char *name)
{
    int64_t c = fw_size_of(b, x, 1);
    struct fw_build_node n = fw_build_node(b, "", "BatchNormalization");
    const char *layer = fw_build_name(b, name, "batchnorm");
    if (layer == NULL)
        return -1;
    int in[5] = {x, fw_build_stored(b, fw_build_part(b, layer, "weight"), FW_KIND_PARAM, 1, &c),
                 fw_build_stored(b, fw_build_part(b, layer, "bias"), FW_KIND_PARAM, 1, &c),
                 fw_build_stored(b, fw_build_part(b, layer, "running_mean"), FW_KIND_BUFFER, 1, &c),
                 fw_build_stored(b, fw_build_part(b, layer, "running_var"), FW_KIND_BUFFER, 1, &c)};
    return fw_build_add(&n, layer, in, 5, 1);
}

/* Scale and shift of a norm; dims as its parameters have. */
static int norm(struct fw_build_node *n, int x, const char *name, unsigned rank,
                const int64_t *dims, bool shifted)
{
    struct fw_builder *b = n->b;
    const char *layer = fw_build_name(b, name, "norm");
    if (layer == NULL)
        return -1;
    int in[3] = {
        x, fw_build_stored(b, fw_build_part(b, layer, "weight"), FW_KIND_PARAM, rank, dims),
        shifted ? fw_build_stored(b, fw_build_part(b, layer, "bias"), FW_KIND_PARAM, rank, dims)
                : -1};
    return fw_build_add(n, layer, in, shifted ? 3 : 2, 1);
}

int fw_layer_norm(struct fw_builder *b, int x, const char *name, int bias)
{
    int64_t width = fw_size_of(b, x, -1);
    struct fw_build_node n = fw_build_node(b, "", "LayerNormalization");
    return norm(&n, x, name, 1, &width, bias);
}

int fw_rms_norm(struct fw_builder *b, int x, const char *name)
{
    int64_t width = fw_size_of(b, x, -1);
    struct fw_build_node n = fw_build_node(b, "", "RMSNormalization");
    return norm(&n, x, name, 1, &width, false);
}

int fw_group_norm(struct fw_builder *b, int x, const char *name, int64_t groups)
{
    int64_t channels = fw_size_of(b, x, 1);
    struct fw_build_node n = fw_build_node(b, "", "GroupNormalization");
    fw_build_int(&n, "num_groups", groups);
    return norm(&n, x, name, 1, &channels, true);
}

/* ---- activations ---- */

static const struct activation {
    const char *name, *op, *attributes;
    bool clipped; // to low..high, which Clip takes as inputs
    double low, high;
} activations[] = {
    {"relu", "Relu", NULL, false, 0, 0},
    {"relu6", "Clip", NULL, true, 0, 6},
    {"gelu", "Gelu", NULL, false, 0, 0},
    {"gelu_tanh", "Gelu", "approximate=tanh", false, 0, 0},
    {"silu", "Swish", NULL, false, 0, 0},
    {"sigmoid", "Sigmoid", NULL, false, 0, 0},
    {"tanh", "Tanh", NULL, false, 0, 0},
    {"softmax", "Softmax", NULL, false, 0, 0},
    {"leaky_relu", "LeakyRelu", NULL, false, 0, 0},
    {"elu", "Elu", NULL, false, 0, 0},
    {"selu", "Selu", NULL, false, 0, 0},
    {"softplus", "Softplus", NULL, false, 0, 0},
    {"softsign", "Softsign", NULL, false, 0, 0},
    {"mish", "Mish", NULL, false, 0, 0},
    {"hardswish", "HardSwish", NULL, false, 0, 0},
    {"hardsigmoid", "HardSigmoid", "alpha=0.16666666666666666", false, 0, 0},
    {"hardtanh", "Clip", NULL, true, -1, 1},
};

int fw_activation(struct fw_builder *b, int x, const char *name)
{
    if (strcmp(name, "none") == 0)
        return x;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        const struct activation *a = &activations[i];
        if (strcmp(a->name, name) != 0)
            continue;
        int in[3] = {x, -1, -1};
        if (a->clipped) {
            in[1] = fw_number(b, a->low);
            in[2] = fw_number(b, a->high);
        }
        return fw_node(b, "", a->op, a->name, a->attributes, in, 3, 1);
    }
    return fw_build_fail(b, FW_USAGE, "there is no activation '%.60s'", name);
}

int fw_relu(struct fw_builder *b, int x)
{
    return fw_activation(b, x, "relu");
}

int fw_dropout(struct fw_builder *b, int x, double rate)
{
    int in[2] = {x, fw_number(b, rate)};
    return fw_build_plain(b, "Dropout", NULL, in, 2);
}
