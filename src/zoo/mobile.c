/* Networks of inverted residual blocks (a wide depthwise convolution between two narrow ends) with
 * the layers and names of torchvision: MobileNet v2 and v3, MNASNet, EfficientNet v1 and v2. */
#include "zoo/vision.h"

#include <math.h>
#include <stdio.h>

struct block {
    int64_t hidden, kernel, out, stride;
    int64_t squeezed; // channels of squeeze and excitation, 0: none
    const char *act, *squeeze_act, *gate;
    bool fused; // the first two convolutions are one
};

static int numbered(struct fw_builder *b, int x, const char *stem, int64_t place, int64_t filters,
                    const struct block *k, int64_t kernel, const char *act)
{
    char name[32];
    bool spatial = kernel == k->kernel && (kernel > 1 || k->fused);
    bool depthwise = spatial && !k->fused;
    (void)snprintf(name, sizeof name, "%s.%d", stem, (int)place);
    return fw_zoo_block(b, x, name, filters, kernel, spatial ? k->stride : 1,
                        depthwise ? filters : 1, act);
}

/* Layers "block.0", "block.1" ... as MobileNet v3 and EfficientNet name them. */
static int inverted(struct fw_builder *b, int x, const struct block *k)
{
    int64_t in = fw_size_of(b, x, 1);
    int64_t place = 0;
    int y = x;
    if (k->fused && k->hidden == in) {
        y = numbered(b, y, "block", place, k->out, k, k->kernel, k->act);
    } else {
        if (k->fused)
            y = numbered(b, y, "block", place++, k->hidden, k, k->kernel, k->act);
        else if (k->hidden != in)
            y = numbered(b, y, "block", place++, k->hidden, k, 1, k->act);
        if (!k->fused)
            y = numbered(b, y, "block", place++, k->hidden, k, k->kernel, k->act);
        if (k->squeezed > 0) {
            char name[32];
            (void)snprintf(name, sizeof name, "block.%d", (int)place++);
            y = fw_zoo_squeeze_excite(b, y, name, k->squeezed, k->squeeze_act, k->gate);
        }
        y = numbered(b, y, "block", place, k->out, k, 1, "none");
    }
    return k->stride == 1 && in == k->out ? fw_add(b, y, x) : y;
}

static void classify(struct fw_zoo *z, int x, const char *name, double dropout)
{
    fw_zoo_classify(z, x, name, dropout);
}

/* ---- MobileNet v2 ---- */

/* As inverted, but the last convolution and its norm have places of their own in "conv". */
static int inverted_v2(struct fw_builder *b, int x, const struct block *k)
{
    int64_t in = fw_size_of(b, x, 1);
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    bool expands = k->hidden != in;
    int y = expands ? numbered(b, x, "conv", 0, k->hidden, k, 1, "relu6") : x;
    y = numbered(b, y, "conv", expands, k->hidden, k, k->kernel, "relu6");
    fw_enter(b, "conv");
    y = fw_zoo_conv_bn(b, y, expands ? "2" : "1", expands ? "3" : "2", k->out, &one, "none");
    fw_leave(b);
    return k->stride == 1 && in == k->out ? fw_add(b, x, y) : y;
}

static void mobilenet_v2(struct fw_zoo *z)
{
    static const int rows[7][4] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                   {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    struct fw_builder *b = z->b;
    double width = fw_zoo_scale(z, "width");
    int64_t place = 1;
    int x = fw_zoo_block(b, fw_zoo_image(z), "features.0", fw_zoo_divisible(32 * width, 8), 3, 2, 1,
                         "relu6");
    for (int r = 0; r < 7; r++)
        for (int i = 0; i < rows[r][2]; i++) {
            struct block k = {.kernel = 3,
                              .out = fw_zoo_divisible(rows[r][1] * width, 8),
                              .stride = i == 0 ? rows[r][3] : 1};
            k.hidden = rows[r][0] * fw_size_of(b, x, 1);
            fw_enter_number(b, "features.", place++);
            x = inverted_v2(b, x, &k);
            fw_leave(b);
        }
    fw_enter_number(b, "features.", place);
    x = fw_zoo_block(b, x, "", fw_zoo_divisible(1280 * (width > 1 ? width : 1), 8), 1, 1, 1,
                     "relu6");
    fw_leave(b);
    classify(z, x, "classifier.1", 0.2);
}

/* ---- MobileNet v3 ---- */

struct row_v3 {
    int kernel, hidden, out, squeezes, hard, stride;
};
struct v3 {
    const struct row_v3 *rows;
    int n;
    int64_t last;
};
static const struct row_v3 large[] = {
    {3, 16, 16, 0, 0, 1},   {3, 64, 24, 0, 0, 2},   {3, 72, 24, 0, 0, 1},   {5, 72, 40, 1, 0, 2},
    {5, 120, 40, 1, 0, 1},  {5, 120, 40, 1, 0, 1},  {3, 240, 80, 0, 1, 2},  {3, 200, 80, 0, 1, 1},
    {3, 184, 80, 0, 1, 1},  {3, 184, 80, 0, 1, 1},  {3, 480, 112, 1, 1, 1}, {3, 672, 112, 1, 1, 1},
    {5, 672, 160, 1, 1, 2}, {5, 960, 160, 1, 1, 1}, {5, 960, 160, 1, 1, 1}};
static const struct row_v3 small[] = {
    {3, 16, 16, 1, 0, 2},  {3, 72, 24, 0, 0, 2},  {3, 88, 24, 0, 0, 1},  {5, 96, 40, 1, 1, 2},
    {5, 240, 40, 1, 1, 1}, {5, 240, 40, 1, 1, 1}, {5, 120, 48, 1, 1, 1}, {5, 144, 48, 1, 1, 1},
    {5, 288, 96, 1, 1, 2}, {5, 576, 96, 1, 1, 1}, {5, 576, 96, 1, 1, 1}};
static const struct v3 v3_large = {large, sizeof large / sizeof *large, 1280},
                       v3_small = {small, sizeof small / sizeof *small, 1024};

static void mobilenet_v3(struct fw_zoo *z)
{
    const struct v3 *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_zoo_block(b, fw_zoo_image(z), "features.0", 16, 3, 2, 1, "hardswish");
    for (int i = 0; i < v->n; i++) {
        const struct row_v3 *r = &v->rows[i];
        struct block k = {.hidden = r->hidden,
                          .kernel = r->kernel,
                          .out = r->out,
                          .stride = r->stride,
                          .squeezed = r->squeezes ? fw_zoo_divisible(0.25 * r->hidden, 8) : 0,
                          .act = r->hard ? "hardswish" : "relu",
                          .squeeze_act = "relu",
                          .gate = "hardsigmoid"};
        fw_enter_number(b, "features.", i + 1);
        x = inverted(b, x, &k);
        fw_leave(b);
    }
    fw_enter_number(b, "features.", v->n + 1);
    x = fw_zoo_block(b, x, "", INT64_C(6) * v->rows[v->n - 1].out, 1, 1, 1, "hardswish");
    fw_leave(b);
    x = fw_flatten(b, fw_global_average_pool(b, x));
    x = fw_activation(b, fw_linear(b, x, "classifier.0", v->last, 1), "hardswish");
    x = fw_dropout(b, x, 0.2);
    fw_output(b, fw_linear(b, x, "classifier.3", fw_zoo_size(z, "classes"), 1));
}

/* ---- MNASNet ---- */

static int mnas_conv(struct fw_builder *b, int x, int place, int64_t filters,
                     const struct fw_window_spec *w, const char *act)
{
    char conv[16];
    char norm[16];
    (void)snprintf(conv, sizeof conv, "%d", place);
    (void)snprintf(norm, sizeof norm, "%d", place + 1);
    fw_enter(b, "layers");
    x = fw_zoo_conv_bn(b, x, conv, norm, filters, w, act);
    fw_leave(b);
    return x;
}

static int mnas_block(struct fw_builder *b, int x, const struct block *k)
{
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    struct fw_window_spec depthwise = fw_zoo_window(k->kernel, k->stride, k->hidden);
    int64_t in = fw_size_of(b, x, 1);
    int y = mnas_conv(b, x, 0, k->hidden, &one, "relu");
    y = mnas_conv(b, y, 3, k->hidden, &depthwise, "relu");
    y = mnas_conv(b, y, 6, k->out, &one, "none");
    return k->stride == 1 && in == k->out ? fw_add(b, y, x) : y;
}

/* width * depth to a multiple of 8, unless that loses more than a tenth */
static void mnasnet(struct fw_zoo *z)
{
    static const int rows[6][5] = {// out, kernel, stride, times wider, repeated
                                   {24, 3, 2, 3, 3}, {40, 5, 2, 3, 3},  {80, 5, 2, 6, 3},
                                   {96, 3, 1, 6, 2}, {192, 5, 2, 6, 4}, {320, 3, 1, 6, 1}};
    const double *alpha = z->variant;
    struct fw_builder *b = z->b;
    int64_t stem = fw_zoo_divisible(32 * *alpha, 8);
    struct fw_window_spec first = fw_zoo_window(3, 2, 1);
    struct fw_window_spec depthwise = fw_zoo_window(3, 1, stem);
    struct fw_window_spec one = fw_zoo_window(1, 1, 1);
    int x = mnas_conv(b, fw_zoo_image(z), 0, stem, &first, "relu");
    x = mnas_conv(b, x, 3, stem, &depthwise, "relu");
    x = mnas_conv(b, x, 6, fw_zoo_divisible(16 * *alpha, 8), &one, "none");
    for (int r = 0; r < 6; r++) {
        fw_enter_number(b, "layers.", 8 + r);
        for (int i = 0; i < rows[r][4]; i++) {
            struct block k = {.hidden = rows[r][3] * fw_size_of(b, x, 1),
                              .kernel = rows[r][1],
                              .out = fw_zoo_divisible(rows[r][0] * *alpha, 8),
                              .stride = i == 0 ? rows[r][2] : 1};
            fw_enter_number(b, "", i);
            x = mnas_block(b, x, &k);
            fw_leave(b);
        }
        fw_leave(b);
    }
    x = mnas_conv(b, x, 14, 1280, &one, "relu");
    classify(z, x, "classifier.1", 0.2);
}

/* ---- EfficientNet ---- */

struct stage {
    int expand, kernel, stride, in, out, layers;
    bool fused;
};
struct efficientnet {
    double width, depth, dropout;
    const struct stage *stages;
    int n;
    int64_t last; // channels before the classifier, 0: four times those of the last stage
};
static const struct stage b_stages[] = {{1, 3, 1, 32, 16, 1, false},  {6, 3, 2, 16, 24, 2, false},
                                        {6, 5, 2, 24, 40, 2, false},  {6, 3, 2, 40, 80, 3, false},
                                        {6, 5, 1, 80, 112, 3, false}, {6, 5, 2, 112, 192, 4, false},
                                        {6, 3, 1, 192, 320, 1, false}};
static const struct stage s_stages[] = {
    {1, 3, 1, 24, 24, 2, true},   {4, 3, 2, 24, 48, 4, true},    {4, 3, 2, 48, 64, 4, true},
    {4, 3, 2, 64, 128, 6, false}, {6, 3, 1, 128, 160, 9, false}, {6, 3, 2, 160, 256, 15, false}};
static const struct stage m_stages[] = {
    {1, 3, 1, 24, 24, 3, true},   {4, 3, 2, 24, 48, 5, true},     {4, 3, 2, 48, 80, 5, true},
    {4, 3, 2, 80, 160, 7, false}, {6, 3, 1, 160, 176, 14, false}, {6, 3, 2, 176, 304, 18, false},
    {6, 3, 1, 304, 512, 5, false}};
static const struct stage l_stages[] = {
    {1, 3, 1, 32, 32, 4, true},    {4, 3, 2, 32, 64, 7, true},     {4, 3, 2, 64, 96, 7, true},
    {4, 3, 2, 96, 192, 10, false}, {6, 3, 1, 192, 224, 19, false}, {6, 3, 2, 224, 384, 25, false},
    {6, 3, 1, 384, 640, 7, false}};
#define STAGES(list) (list), sizeof(list) / sizeof *(list)
static const struct efficientnet b0 = {1, 1, 0.2, STAGES(b_stages), 0},
                                 b1 = {1, 1.1, 0.2, STAGES(b_stages), 0},
                                 b2 = {1.1, 1.2, 0.3, STAGES(b_stages), 0},
                                 b3 = {1.2, 1.4, 0.3, STAGES(b_stages), 0},
                                 b4 = {1.4, 1.8, 0.4, STAGES(b_stages), 0},
                                 b5 = {1.6, 2.2, 0.4, STAGES(b_stages), 0},
                                 b6 = {1.8, 2.6, 0.5, STAGES(b_stages), 0},
                                 b7 = {2, 3.1, 0.5, STAGES(b_stages), 0},
                                 v2_s = {1, 1, 0.2, STAGES(s_stages), 1280},
                                 v2_m = {1, 1, 0.3, STAGES(m_stages), 1280},
                                 v2_l = {1, 1, 0.4, STAGES(l_stages), 1280};

static int efficient_stage(struct fw_builder *b, int x, const struct efficientnet *v,
                           const struct stage *s)
{
    int layers = (int)ceil(s->layers * v->depth);
    for (int i = 0; i < layers; i++) {
        int64_t in = fw_size_of(b, x, 1);
        struct block k = {.hidden = fw_zoo_divisible((double)in * s->expand, 8),
                          .kernel = s->kernel,
                          .out = fw_zoo_divisible(s->out * v->width, 8),
                          .stride = i == 0 ? s->stride : 1,
                          .squeezed = s->fused ? 0 : in / 4,
                          .act = "silu",
                          .squeeze_act = "silu",
                          .gate = "sigmoid",
                          .fused = s->fused};
        fw_enter_number(b, "", i);
        x = inverted(b, x, &k);
        fw_leave(b);
    }
    return x;
}

static void efficientnet(struct fw_zoo *z)
{
    const struct efficientnet *v = z->variant;
    struct fw_builder *b = z->b;
    int x = fw_zoo_image(z);
    x = fw_zoo_block(b, x, "features.0", fw_zoo_divisible(v->stages[0].in * v->width, 8), 3, 2, 1,
                     "silu");
    for (int i = 0; i < v->n; i++) {
        fw_enter_number(b, "features.", i + 1);
        x = efficient_stage(b, x, v, &v->stages[i]);
        fw_leave(b);
    }
    fw_enter_number(b, "features.", v->n + 1);
    int64_t last = v->last > 0 ? v->last : 4 * fw_size_of(b, x, 1);
    x = fw_zoo_block(b, x, "", last, 1, 1, 1, "silu");
    fw_leave(b);
    classify(z, x, "classifier.1", v->dropout);
}

/* ---- rows ---- */

FW_ZOO_IMAGE_KEYS(keys, "224");
FW_ZOO_IMAGE_KEYS(keys_240, "240");
FW_ZOO_IMAGE_KEYS(keys_288, "288");
FW_ZOO_IMAGE_KEYS(keys_300, "300");
FW_ZOO_IMAGE_KEYS(keys_380, "380");
FW_ZOO_IMAGE_KEYS(keys_456, "456");
FW_ZOO_IMAGE_KEYS(keys_528, "528");
FW_ZOO_IMAGE_KEYS(keys_600, "600");
FW_ZOO_IMAGE_KEYS(keys_384, "384");
FW_ZOO_IMAGE_KEYS(keys_480, "480");
FW_ZOO_WIDTH_KEYS(keys_width, "224", "1");
static const double mnas_0_5 = 0.5, mnas_0_75 = 0.75, mnas_1_0 = 1, mnas_1_3 = 1.3;

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("mobilenet_v2", "inverted residuals", mobilenet_v2, NULL, keys_width),
    FW_ZOO_NET("mobilenet_v3_large", "MobileNet v3, large", mobilenet_v3, &v3_large, keys),
    FW_ZOO_NET("mobilenet_v3_small", "MobileNet v3, small", mobilenet_v3, &v3_small, keys),
    FW_ZOO_NET("mnasnet0_5", "MNASNet B1, half as wide", mnasnet, &mnas_0_5, keys),
    FW_ZOO_NET("mnasnet0_75", "MNASNet B1, three quarters as wide", mnasnet, &mnas_0_75, keys),
    FW_ZOO_NET("mnasnet1_0", "MNASNet B1", mnasnet, &mnas_1_0, keys),
    FW_ZOO_NET("mnasnet1_3", "MNASNet B1, 1.3 times as wide", mnasnet, &mnas_1_3, keys),
    FW_ZOO_NET("efficientnet_b0", "EfficientNet B0", efficientnet, &b0, keys),
    FW_ZOO_NET("efficientnet_b1", "EfficientNet B1", efficientnet, &b1, keys_240),
    FW_ZOO_NET("efficientnet_b2", "EfficientNet B2", efficientnet, &b2, keys_288),
    FW_ZOO_NET("efficientnet_b3", "EfficientNet B3", efficientnet, &b3, keys_300),
    FW_ZOO_NET("efficientnet_b4", "EfficientNet B4", efficientnet, &b4, keys_380),
    FW_ZOO_NET("efficientnet_b5", "EfficientNet B5", efficientnet, &b5, keys_456),
    FW_ZOO_NET("efficientnet_b6", "EfficientNet B6", efficientnet, &b6, keys_528),
    FW_ZOO_NET("efficientnet_b7", "EfficientNet B7", efficientnet, &b7, keys_600),
    FW_ZOO_NET("efficientnet_v2_s", "EfficientNet v2, small", efficientnet, &v2_s, keys_384),
    FW_ZOO_NET("efficientnet_v2_m", "EfficientNet v2, medium", efficientnet, &v2_m, keys_480),
    FW_ZOO_NET("efficientnet_v2_l", "EfficientNet v2, large", efficientnet, &v2_l, keys_480),
};
const struct fw_zoo_family fw_zoo_mobile = {nets, sizeof nets / sizeof *nets};
