/* RegNet and ShuffleNet v2 with the layers and names of torchvision. A RegNet is given by the line
 * that its block widths follow, w0 + wa*i, rounded to powers of wm times w0 and to multiples of 8
 * (Radosavovic et al., 2020). */
#include "zoo/vision.h"

#include <math.h>
#include <stdio.h>

FW_ZOO_IMAGE_KEYS(keys, "224");

struct regnet {
    int depth;
    int64_t w0;
    double wa, wm;
    int64_t group;
    bool squeezes;
};
static const struct regnet y_400mf = {16, 48, 27.89, 2.09, 8, true},
                           y_800mf = {14, 56, 38.84, 2.4, 16, true},
                           y_1_6gf = {27, 48, 20.71, 2.65, 24, true},
                           y_3_2gf = {21, 80, 42.63, 2.66, 24, true},
                           y_8gf = {17, 192, 76.82, 2.19, 56, true},
                           y_16gf = {18, 200, 106.23, 2.48, 112, true},
                           y_32gf = {20, 232, 115.89, 2.53, 232, true},
                           y_128gf = {27, 456, 160.83, 2.52, 264, true},
                           x_400mf = {22, 24, 24.48, 2.54, 16, false},
                           x_800mf = {16, 56, 35.73, 2.28, 16, false},
                           x_1_6gf = {18, 80, 34.01, 2.25, 24, false},
                           x_3_2gf = {25, 88, 26.31, 2.25, 48, false},
                           x_8gf = {23, 80, 49.56, 2.88, 120, false},
                           x_16gf = {22, 216, 55.59, 2.1, 128, false},
                           x_32gf = {23, 320, 69.86, 2.0, 168, false};

/* Width of block i before groups are fitted in. */
static int64_t width_of(const struct regnet *v, int i)
{
    double line = (double)v->w0 + v->wa * i;
    double power = rint(log(line / (double)v->w0) / log(v->wm));
    return (int64_t)(rint((double)v->w0 * pow(v->wm, power) / 8) * 8);
}

static int reg_block(struct fw_builder *b, int x, const struct regnet *v, int64_t out,
                     int64_t stride)
{
    int64_t in = fw_size_of(b, x, 1);
    int64_t group = v->group < out ? v->group : out;
    int skip = x;
    if (in != out || stride != 1)
        skip = fw_zoo_block(b, x, "proj", out, 1, stride, 1, "none");
    fw_enter(b, "f");
    int y = fw_zoo_block(b, x, "a", out, 1, 1, 1, "relu");
    y = fw_zoo_block(b, y, "b", out, 3, stride, out / group, "relu");
    if (v->squeezes)
        y = fw_zoo_squeeze_excite(b, y, "se", (int64_t)rint(0.25 * (double)in), "relu", "sigmoid");
    y = fw_zoo_block(b, y, "c", out, 1, 1, 1, "none");
    fw_leave(b);
    return fw_relu(b, fw_add(b, skip, y));
}

static void regnet(struct fw_zoo *z)
{
    const struct regnet *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_zoo_block(b, fw_zoo_image(z), "stem", 32, 3, 2, 1, "relu");
    int stage = 0;
    int at = 0;
    for (int i = 0; i < v->depth; i++) {
        char name[64];
        int64_t wide = width_of(v, i);
        bool first = i == 0 || width_of(v, i - 1) != wide;
        stage += first;
        at = first ? 0 : at + 1;
        int64_t group = v->group < wide ? v->group : wide;
        (void)snprintf(name, sizeof name, "trunk_output.block%d.block%d-%d", stage, stage, at);
        fw_enter(b, name);
        x = reg_block(b, x, v, fw_zoo_divisible((double)wide, group), first ? 2 : 1);
        fw_leave(b);
    }
    fw_zoo_classify(z, x, "fc", 0);
}

/* ---- ShuffleNet v2 ---- */

struct shufflenet {
    int64_t widths[3], last;
};
static const struct shufflenet s0_5 = {{48, 96, 192}, 1024}, s1_0 = {{116, 232, 464}, 1024},
                               s1_5 = {{176, 352, 704}, 1024}, s2_0 = {{244, 488, 976}, 2048};

/* Channels of two halves, one of each in turn. */
static int shuffle(struct fw_builder *b, int x)
{
    static const int64_t perm[5] = {0, 2, 1, 3, 4};
    int64_t channels = fw_size_of(b, x, 1);
    int64_t dims[5] = {fw_size_of(b, x, 0), 2, fw_size_over(b, channels, 2), fw_size_of(b, x, 2),
                       fw_size_of(b, x, 3)};
    int64_t back[4] = {dims[0], channels, dims[3], dims[4]};
    return fw_reshape(b, fw_transpose(b, fw_reshape(b, x, 5, dims), perm), 4, back);
}

static int shuffle_block(struct fw_builder *b, int x, int64_t out, int64_t stride)
{
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    struct fw_window_spec deep = fw_zoo_window(3, stride, out / 2);
    int parts[2] = {x, x};
    if (stride == 1) {
        parts[0] = fw_split(b, x, 1, 2, NULL);
        parts[1] = parts[0] + 1;
    } else {
        struct fw_window_spec first = fw_zoo_window(3, stride, fw_size_of(b, x, 1));
        fw_enter(b, "branch1");
        parts[0] = fw_zoo_conv_bn(b, x, "0", "1", fw_size_of(b, x, 1), &first, "none");
        parts[0] = fw_zoo_conv_bn(b, parts[0], "2", "3", out / 2, &one, "relu");
        fw_leave(b);
    }
    fw_enter(b, "branch2");
    int y = fw_zoo_conv_bn(b, parts[1], "0", "1", out / 2, &one, "relu");
    y = fw_zoo_conv_bn(b, y, "3", "4", out / 2, &deep, "none");
    parts[1] = fw_zoo_conv_bn(b, y, "5", "6", out / 2, &one, "relu");
    fw_leave(b);
    return shuffle(b, fw_concat(b, parts, 2, 1));
}

static void shufflenet(struct fw_zoo *z)
{
    static const int repeats[3] = {4, 8, 4};
    const struct shufflenet *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_zoo_block(b, fw_zoo_image(z), "conv1", 24, 3, 2, 1, "relu");
    x = fw_max_pool2d(b, x, 3, 2, 1);
    for (int stage = 0; stage < 3; stage++) {
        fw_enter_number(b, "stage", stage + 2);
        for (int i = 0; i < repeats[stage]; i++) {
            fw_enter_number(b, "", i);
            x = shuffle_block(b, x, v->widths[stage], i == 0 ? 2 : 1);
            fw_leave(b);
        }
        fw_leave(b);
    }
    x = fw_zoo_block(b, x, "conv5", v->last, 1, 1, 1, "relu");
    fw_zoo_classify(z, x, "fc", 0);
}

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("regnet_x_400mf", "RegNet X of 400 MMAC", regnet, &x_400mf, keys),
    FW_ZOO_NET("regnet_x_800mf", "RegNet X of 800 MMAC", regnet, &x_800mf, keys),
    FW_ZOO_NET("regnet_x_1_6gf", "RegNet X of 1.6 GMAC", regnet, &x_1_6gf, keys),
    FW_ZOO_NET("regnet_x_3_2gf", "RegNet X of 3.2 GMAC", regnet, &x_3_2gf, keys),
    FW_ZOO_NET("regnet_x_8gf", "RegNet X of 8 GMAC", regnet, &x_8gf, keys),
    FW_ZOO_NET("regnet_x_16gf", "RegNet X of 16 GMAC", regnet, &x_16gf, keys),
    FW_ZOO_NET("regnet_x_32gf", "RegNet X of 32 GMAC", regnet, &x_32gf, keys),
    FW_ZOO_NET("regnet_y_400mf", "RegNet Y (with squeeze and excitation) of 400 MMAC", regnet,
               &y_400mf, keys),
    FW_ZOO_NET("regnet_y_800mf", "RegNet Y of 800 MMAC", regnet, &y_800mf, keys),
    FW_ZOO_NET("regnet_y_1_6gf", "RegNet Y of 1.6 GMAC", regnet, &y_1_6gf, keys),
    FW_ZOO_NET("regnet_y_3_2gf", "RegNet Y of 3.2 GMAC", regnet, &y_3_2gf, keys),
    FW_ZOO_NET("regnet_y_8gf", "RegNet Y of 8 GMAC", regnet, &y_8gf, keys),
    FW_ZOO_NET("regnet_y_16gf", "RegNet Y of 16 GMAC", regnet, &y_16gf, keys),
    FW_ZOO_NET("regnet_y_32gf", "RegNet Y of 32 GMAC", regnet, &y_32gf, keys),
    FW_ZOO_NET("regnet_y_128gf", "RegNet Y of 128 GMAC", regnet, &y_128gf, keys),
    FW_ZOO_NET("shufflenet_v2_x0_5", "ShuffleNet v2, half as wide", shufflenet, &s0_5, keys),
    FW_ZOO_NET("shufflenet_v2_x1_0", "ShuffleNet v2", shufflenet, &s1_0, keys),
    FW_ZOO_NET("shufflenet_v2_x1_5", "ShuffleNet v2, 1.5 times as wide", shufflenet, &s1_5, keys),
    FW_ZOO_NET("shufflenet_v2_x2_0", "ShuffleNet v2, twice as wide", shufflenet, &s2_0, keys),
};
const struct fw_zoo_family fw_zoo_regnet = {nets, sizeof nets / sizeof *nets};
