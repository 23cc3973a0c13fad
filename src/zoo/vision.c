/* What image networks have in common; see vision.h. */
#include "zoo/vision.h"

#include <stdio.h>
#include <string.h>

int fw_zoo_image(struct fw_zoo *z)
{
    int64_t size = fw_zoo_size(z, "size");
    int64_t dims[4] = {fw_zoo_size(z, "batch"), 3, size, size};
    return fw_input(z->b, "input", "float32", 4, dims);
}

struct fw_window_spec fw_zoo_window(int64_t kernel, int64_t stride, int64_t groups)
{
    struct fw_window_spec w = fw_window_of(2, kernel, stride, (kernel - 1) / 2);
    w.groups = groups;
    w.no_bias = 1;
    return w;
}

int fw_zoo_conv_bn(struct fw_builder *b, int x, const char *conv, const char *norm, int64_t filters,
                   const struct fw_window_spec *w, const char *act)
{
    x = fw_conv(b, x, conv, filters, w);
    if (conv[0] == '\0') // the scope's name is for what it ends in
        fw_label(b, x, "Conv2D");
    x = fw_batch_norm(b, x, norm);
    return fw_activation(b, x, act);
}

int fw_zoo_block(struct fw_builder *b, int x, const char *name, int64_t filters, int64_t kernel,
                 int64_t stride, int64_t groups, const char *act)
{
    struct fw_window_spec w = fw_zoo_window(kernel, stride, groups);
    fw_enter(b, name);
    x = fw_zoo_conv_bn(b, x, "0", "1", filters, &w, act);
    fw_leave(b);
    return x;
}

int fw_zoo_squeeze_excite(struct fw_builder *b, int x, const char *name, int64_t squeezed,
                          const char *act, const char *gate)
{
    int64_t channels = fw_size_of(b, x, 1);
    fw_enter(b, name);
    int s = fw_conv2d(b, fw_global_average_pool(b, x), "fc1", squeezed, 1, 1, 0);
    s = fw_conv2d(b, fw_activation(b, s, act), "fc2", channels, 1, 1, 0);
    x = fw_mul(b, fw_activation(b, s, gate), x);
    fw_leave(b);
    return x;
}

enum { MAX_PARTS = 8 };

/* Means of n parts of an axis, which may have positions in common: the part i begins at
 * floor(i*in/n) and ends before ceil((i+1)*in/n). */
static int mean_of_parts(struct fw_builder *b, int x, int axis, int64_t n)
{
    int64_t in = fw_size_of(b, x, axis);
    int parts[MAX_PARTS];
    int64_t over = axis;
    for (int64_t i = 0; i < n && i < MAX_PARTS; i++) {
        int64_t from = i * in / n, to = ((i + 1) * in + n - 1) / n;
        int in_part[2] = {fw_slice(b, x, axis, from, to), fw_sizes(b, 1, &over)};
        parts[i] =
            to - from == 1 ? in_part[0] : fw_node(b, "", "ReduceMean", NULL, NULL, in_part, 2, 1);
    }
    return fw_concat(b, parts, (int)n, axis);
}

int fw_zoo_pool_to(struct fw_builder *b, int x, int64_t size)
{
    int64_t in = fw_size_of(b, x, -1);
    if (!fw_builder_ok(b))
        return -1;
    if (size == 1)
        return fw_global_average_pool(b, x);
    if (!fw_dim_is_const((fw_dim){in}))
        return fw_build_fail(b, FW_USAGE, "size: a number is wanted, the classifier has places");
    if (in % size != 0)
        return mean_of_parts(b, mean_of_parts(b, x, 2, size), 3, size);
    return fw_average_pool2d(b, x, in / size, in / size, 0);
}

void fw_zoo_classify(struct fw_zoo *z, int x, const char *name, double dropout)
{
    struct fw_builder *b = z->b;
    x = fw_flatten(b, fw_global_average_pool(b, x));
    if (dropout > 0)
        x = fw_dropout(b, x, dropout);
    fw_output(b, fw_linear(b, x, name, fw_zoo_size(z, "classes"), 1));
}

int64_t fw_zoo_divisible(double v, int64_t divisor)
{
    int64_t n = (int64_t)(v + (double)divisor / 2) / divisor * divisor;
    n = n < divisor ? divisor : n;
    return (double)n < 0.9 * v ? n + divisor : n;
}
