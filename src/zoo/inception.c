/* The Inception family: modules of parallel branches, written down as text.
 *
 * A module is one or more branches, separated by '|'; a branch is a chain of steps:
 *     64:3x3       convolution of 64 filters with batch normalisation and relu
 *     96:1x7/2v    with stride 2, "valid" (no padding); else padded to keep the size
 *     max3/2v      maximum over 3x3, stride 2, valid; avg3: mean, padding not part of it;
 *                  avg3p: padding part of it
 *     a&b          both from the same input, both to the output
 *     name=step    named as torchvision names it, else as TF-Slim does (Branch_0/Conv2d_0a_1x1)
 * A module that begins with ">0.17 " is a residual one: branches, a 1x1 convolution back to the
 * input's channels, times 0.17, added to the input, relu (">>": none). What a module ends in has
 * the module's name, the end point of TF-Slim. Padding is TF's "same", which at stride 2 differs
 * from torch's, unless the network is torchvision's. */
#include "zoo/vision.h"

#include "base/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct module {
    const char *name;
    const char *steps;
};

struct style {
    struct fw_builder *b;
    bool slim;      // names and padding of TF-Slim, else of torchvision
    bool separable; // the next convolution is a depthwise one and a 1x1
    bool same;      // every window is padded, "valid" ones too: centres of branches meet
};

enum { MAX_BRANCHES = 8 };

struct step {
    char name[24];
    char pool; // 'a', 'm', or 0 for a convolution
    int64_t filters, kernel[2], stride;
    bool valid, count_pad;
};

/* ---- reading ---- */

static struct step read_step(const char *s, const char *end)
{
    struct step t = {.stride = 1};
    const char *equals = memchr(s, '=', (size_t)(end - s));
    char *p;
    if (equals != NULL) {
        size_t len = (size_t)(equals - s);
        memcpy(t.name, s, len < sizeof t.name ? len : sizeof t.name - 1);
        s = equals + 1;
    }
    if (*s == 'a' || *s == 'm') {
        t.pool = *s;
        t.kernel[0] = t.kernel[1] = strtol(s + 3, &p, 10);
    } else {
        t.filters = strtol(s, &p, 10);
        t.kernel[0] = strtol(p + 1, &p, 10);
        t.kernel[1] = strtol(p + 1, &p, 10);
    }
    if (*p == '/')
        t.stride = strtol(p + 1, &p, 10);
    t.valid = *p == 'v';
    t.count_pad = *p == 'p';
    return t;
}

/* The end of a step or branch: the next of the stops, or end. */
static const char *until(const char *s, const char *end, const char *stops)
{
    while (s < end && strchr(stops, *s) == NULL)
        s++;
    return s;
}

/* ---- building ---- */

static struct fw_window_spec window_of(const struct style *style, const struct step *t)
{
    struct fw_window_spec w = {.axes = 2, .no_bias = 1, .count_pad = t->count_pad};
    bool valid = t->valid && !style->same;
    for (int k = 0; k < 2; k++) {
        w.kernel[k] = t->kernel[k];
        w.stride[k] = t->stride;
        if (!valid && !style->slim)
            w.pad[k] = w.pad_end[k] = (t->kernel[k] - 1) / 2;
    }
    w.same = !valid && style->slim;
    return w;
}

/* Inside a scope that names it. */
static int conv(struct style *style, int x, const struct step *t)
{
    struct fw_builder *b = style->b;
    struct fw_window_spec w = window_of(style, t);
    if (style->separable) { // 8 filters for each channel, then 1x1
        style->separable = false;
        w.groups = fw_size_of(b, x, 1);
        x = fw_conv(b, x, "depthwise", 8 * w.groups, &w);
        w = fw_window_of(2, 1, 1, 0);
        w.no_bias = 1;
    }
    return fw_zoo_conv_bn(b, x, style->slim ? "" : "conv", style->slim ? "BatchNorm" : "bn",
                          t->filters, &w, "relu");
}

static int one_step(struct style *style, int x, const struct step *t, int index)
{
    char name[48];
    struct fw_builder *b = style->b;
    struct fw_window_spec w = window_of(style, t);
    if (t->pool != 0)
        return t->pool == 'm' ? fw_max_pool(b, x, &w) : fw_average_pool(b, x, &w);
    (void)snprintf(name, sizeof name, "Conv2d_0%c_%dx%d", 'a' + index, (int)t->kernel[0],
                   (int)t->kernel[1]);
    fw_enter(b, t->name[0] != '\0' ? t->name : name);
    x = conv(style, x, t);
    fw_leave(b);
    return x;
}

/* Appends what a branch gives to parts. */
static void branch(struct style *style, int x, const char *s, const char *end, int *parts,
                   int *n_parts)
{
    int index = 0;
    while (s < end) {
        const char *stop = until(s, end, " &");
        struct step t = read_step(s, stop);
        bool both = stop < end && *stop == '&';
        int y = one_step(style, x, &t, index++);
        s = stop + 1;
        if (both && *n_parts < MAX_BRANCHES)
            parts[(*n_parts)++] = y; // the next step has the same input
        else
            x = y;
    }
    if (*n_parts < MAX_BRANCHES)
        parts[(*n_parts)++] = x;
}

static int branches(struct style *style, int x, const char *s)
{
    const char *end = s + strlen(s);
    int parts[MAX_BRANCHES];
    int n = 0;
    for (int i = 0; s < end; i++) {
        const char *stop = until(s, end, "|");
        bool named = memchr(s, '=', (size_t)(stop - s)) != NULL || !style->slim;
        if (!named)
            fw_enter_number(style->b, "Branch_", i);
        branch(style, x, s, stop, parts, &n);
        if (!named)
            fw_leave(style->b);
        s = stop + 1;
    }
    return n == 1 ? parts[0] : fw_concat(style->b, parts, n, 1);
}

static int residual(struct style *style, int x, const char *s)
{
    struct fw_builder *b = style->b;
    bool plain = s[1] == '>';
    size_t n;
    s += 1 + plain;
    double scale = fw_real_parse(s, &n);
    int y = branches(style, x, s + n + 1);
    y = fw_conv2d(b, y, "Conv2d_1x1", fw_size_of(b, x, 1), 1, 1, 0);
    y = fw_add(b, x, fw_mul(b, y, fw_number(b, scale)));
    return plain ? y : fw_relu(b, y);
}

static int one_module(struct style *style, int x, const struct module *m)
{
    struct fw_builder *b = style->b;
    bool single = strpbrk(m->steps, " |&=>") == NULL; // a layer of its own
    if (single) {
        struct step t = read_step(m->steps, m->steps + strlen(m->steps));
        fw_enter(b, m->name);
        x = t.pool != 0 ? one_step(style, x, &t, 0) : conv(style, x, &t);
        fw_leave(b);
    } else {
        fw_enter(b, m->name);
        x = m->steps[0] == '>' ? residual(style, x, m->steps) : branches(style, x, m->steps);
        fw_leave(b);
    }
    fw_label(b, x, m->name);
    return x;
}

struct network {
    const struct module *modules;
    int n;
    bool slim, separable;
    double dropout;
    const char *aux_behind; // module that the auxiliary classifier reads, or NULL
    bool same;
};

/* The classifier that torchvision's v3 has beside in training, behind its last module of 17x17. */
static void auxiliary(struct fw_zoo *z, struct style *style, int x)
{
    struct fw_builder *b = z->b;
    struct step small = {.filters = 128, .kernel = {1, 1}, .stride = 1, .valid = true};
    struct step large = {.filters = 768, .kernel = {5, 5}, .stride = 1, .valid = true};
    fw_enter(b, "AuxLogits");
    x = fw_average_pool2d(b, x, 5, 3, 0);
    fw_enter(b, "conv0");
    x = conv(style, x, &small);
    fw_leave(b);
    fw_enter(b, "conv1");
    x = conv(style, x, &large);
    fw_leave(b);
    x = fw_flatten(b, fw_global_average_pool(b, x));
    x = fw_linear(b, x, "fc", fw_zoo_size(z, "classes"), 1);
    fw_leave(b);
    fw_output(b, x);
}

/* Its parameters alone: they are there, and evaluation does not use them. */
static void idle_auxiliary(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int64_t small[4] = {128, 768, 1, 1};
    int64_t large[4] = {768, 128, 5, 5};
    int64_t last[2] = {fw_zoo_size(z, "classes"), 768};
    fw_enter(b, "AuxLogits");
    (void)fw_parameter(b, "conv0.conv.weight", 4, small);
    (void)fw_parameter(b, "conv0.bn.weight", 1, small);
    (void)fw_parameter(b, "conv0.bn.bias", 1, small);
    (void)fw_parameter(b, "conv1.conv.weight", 4, large);
    (void)fw_parameter(b, "conv1.bn.weight", 1, large);
    (void)fw_parameter(b, "conv1.bn.bias", 1, large);
    (void)fw_parameter(b, "fc.weight", 2, last);
    (void)fw_parameter(b, "fc.bias", 1, last);
    fw_leave(b);
}

/* aux: 1 the auxiliary classifier runs, "idle" it only has its parameters, 0 it is not there. */
static void inception(struct fw_zoo *z)
{
    const struct network *v = z->variant;
    struct style style = {.b = z->b, .slim = v->slim, .separable = v->separable, .same = v->same};
    const char *aux = v->aux_behind != NULL ? fw_zoo_text(z, "aux") : "0";
    bool idle = strcmp(aux, "idle") == 0;
    bool runs = v->aux_behind != NULL && !idle && fw_zoo_flag(z, "aux");
    int x = fw_zoo_image(z);
    if (v->slim)
        fw_separator(z->b, '/');
    for (int i = 0; i < v->n && fw_builder_ok(z->b); i++) {
        x = one_module(&style, x, &v->modules[i]);
        if (runs && strcmp(v->modules[i].name, v->aux_behind) == 0)
            auxiliary(z, &style, x);
    }
    if (idle)
        idle_auxiliary(z);
    fw_zoo_classify(z, x, v->slim ? "Logits" : "fc", v->dropout);
}

/* ---- v1 ---- */

static const struct module v1[] = {
    {"Conv2d_1a_7x7", "64:7x7/2"},
    {"MaxPool_2a_3x3", "max3/2"},
    {"Conv2d_2b_1x1", "64:1x1"},
    {"Conv2d_2c_3x3", "192:3x3"},
    {"MaxPool_3a_3x3", "max3/2"},
    {"Mixed_3b", "64:1x1|96:1x1 128:3x3|16:1x1 32:3x3|max3 32:1x1"},
    {"Mixed_3c", "128:1x1|128:1x1 192:3x3|32:1x1 96:3x3|max3 64:1x1"},
    {"MaxPool_4a_3x3", "max3/2"},
    {"Mixed_4b", "192:1x1|96:1x1 208:3x3|16:1x1 48:3x3|max3 64:1x1"},
    {"Mixed_4c", "160:1x1|112:1x1 224:3x3|24:1x1 64:3x3|max3 64:1x1"},
    {"Mixed_4d", "128:1x1|128:1x1 256:3x3|24:1x1 64:3x3|max3 64:1x1"},
    {"Mixed_4e", "112:1x1|144:1x1 288:3x3|32:1x1 64:3x3|max3 64:1x1"},
    {"Mixed_4f", "256:1x1|160:1x1 320:3x3|32:1x1 128:3x3|max3 128:1x1"},
    {"MaxPool_5a_2x2", "max2/2"},
    {"Mixed_5b", "256:1x1|160:1x1 320:3x3|32:1x1 128:3x3|max3 128:1x1"},
    {"Mixed_5c", "384:1x1|192:1x1 384:3x3|48:1x1 128:3x3|max3 128:1x1"},
};

/* ---- v2 ---- */

static const struct module v2[] = {
    {"Conv2d_1a_7x7", "64:7x7/2"},
    {"MaxPool_2a_3x3", "max3/2"},
    {"Conv2d_2b_1x1", "64:1x1"},
    {"Conv2d_2c_3x3", "192:3x3"},
    {"MaxPool_3a_3x3", "max3/2"},
    {"Mixed_3b", "64:1x1|64:1x1 64:3x3|64:1x1 96:3x3 96:3x3|avg3 32:1x1"},
    {"Mixed_3c", "64:1x1|64:1x1 96:3x3|64:1x1 96:3x3 96:3x3|avg3 64:1x1"},
    {"Mixed_4a", "128:1x1 160:3x3/2|64:1x1 96:3x3 96:3x3/2|max3/2"},
    {"Mixed_4b", "224:1x1|64:1x1 96:3x3|96:1x1 128:3x3 128:3x3|avg3 128:1x1"},
    {"Mixed_4c", "192:1x1|96:1x1 128:3x3|96:1x1 128:3x3 128:3x3|avg3 128:1x1"},
    {"Mixed_4d", "160:1x1|128:1x1 160:3x3|128:1x1 160:3x3 160:3x3|avg3 96:1x1"},
    {"Mixed_4e", "96:1x1|128:1x1 192:3x3|160:1x1 192:3x3 192:3x3|avg3 96:1x1"},
    {"Mixed_5a", "128:1x1 192:3x3/2|192:1x1 256:3x3 256:3x3/2|max3/2"},
    {"Mixed_5b", "352:1x1|192:1x1 320:3x3|160:1x1 224:3x3 224:3x3|avg3 128:1x1"},
    {"Mixed_5c", "352:1x1|192:1x1 320:3x3|192:1x1 224:3x3 224:3x3|max3 128:1x1"},
};

/* ---- v3 as torchvision has it; its modules are the end points of TF-Slim ---- */

#define A(pool)                                                                     \
    "branch1x1=64:1x1|branch5x5_1=48:1x1 branch5x5_2=64:5x5|branch3x3dbl_1=64:1x1 " \
    "branch3x3dbl_2=96:3x3 branch3x3dbl_3=96:3x3|avg3p branch_pool=" pool ":1x1"
#define C(n)                                                                             \
    "branch1x1=192:1x1|branch7x7_1=" n ":1x1 branch7x7_2=" n ":1x7 branch7x7_3=192:7x1|" \
    "branch7x7dbl_1=" n ":1x1 branch7x7dbl_2=" n ":7x1 branch7x7dbl_3=" n ":1x7 "        \
    "branch7x7dbl_4=" n ":7x1 branch7x7dbl_5=192:1x7|avg3p branch_pool=192:1x1"
#define E                                                                              \
    "branch1x1=320:1x1|branch3x3_1=384:1x1 branch3x3_2a=384:1x3&branch3x3_2b=384:3x1|" \
    "branch3x3dbl_1=448:1x1 branch3x3dbl_2=384:3x3 "                                   \
    "branch3x3dbl_3a=384:1x3&branch3x3dbl_3b=384:3x1|avg3p branch_pool=192:1x1"
static const struct module v3[] = {
    {"Conv2d_1a_3x3", "32:3x3/2v"},
    {"Conv2d_2a_3x3", "32:3x3v"},
    {"Conv2d_2b_3x3", "64:3x3"},
    {"MaxPool_3a_3x3", "max3/2v"},
    {"Conv2d_3b_1x1", "80:1x1"},
    {"Conv2d_4a_3x3", "192:3x3v"},
    {"MaxPool_5a_3x3", "max3/2v"},
    {"Mixed_5b", A("32")},
    {"Mixed_5c", A("64")},
    {"Mixed_5d", A("64")},
    {"Mixed_6a", "branch3x3=384:3x3/2v|branch3x3dbl_1=64:1x1 branch3x3dbl_2=96:3x3 "
                 "branch3x3dbl_3=96:3x3/2v|max3/2v"},
    {"Mixed_6b", C("128")},
    {"Mixed_6c", C("160")},
    {"Mixed_6d", C("160")},
    {"Mixed_6e", C("192")},
    {"Mixed_7a", "branch3x3_1=192:1x1 branch3x3_2=320:3x3/2v|branch7x7x3_1=192:1x1 "
                 "branch7x7x3_2=192:1x7 branch7x7x3_3=192:7x1 branch7x7x3_4=192:3x3/2v|max3/2v"},
    {"Mixed_7b", E},
    {"Mixed_7c", E},
};

/* ---- v4 ---- */

#define A4 "96:1x1|64:1x1 96:3x3|64:1x1 96:3x3 96:3x3|avg3 96:1x1"
#define B4 "384:1x1|192:1x1 224:1x7 256:7x1|192:1x1 192:7x1 224:1x7 224:7x1 256:1x7|avg3 128:1x1"
#define C4 "256:1x1|384:1x1 256:1x3&256:3x1|384:1x1 448:3x1 512:1x3 256:1x3&256:3x1|avg3 256:1x1"
static const struct module v4[] = {
    {"Conv2d_1a_3x3", "32:3x3/2v"},
    {"Conv2d_2a_3x3", "32:3x3v"},
    {"Conv2d_2b_3x3", "64:3x3"},
    {"Mixed_3a", "max3/2v|96:3x3/2v"},
    {"Mixed_4a", "64:1x1 96:3x3v|64:1x1 64:1x7 64:7x1 96:3x3v"},
    {"Mixed_5a", "192:3x3/2v|max3/2v"},
    {"Mixed_5b", A4},
    {"Mixed_5c", A4},
    {"Mixed_5d", A4},
    {"Mixed_5e", A4},
    {"Mixed_6a", "384:3x3/2v|192:1x1 224:3x3 256:3x3/2v|max3/2v"},
    {"Mixed_6b", B4},
    {"Mixed_6c", B4},
    {"Mixed_6d", B4},
    {"Mixed_6e", B4},
    {"Mixed_6f", B4},
    {"Mixed_6g", B4},
    {"Mixed_6h", B4},
    {"Mixed_7a", "192:1x1 192:3x3/2v|256:1x1 256:1x7 320:7x1 320:3x3/2v|max3/2v"},
    {"Mixed_7b", C4},
    {"Mixed_7c", C4},
    {"Mixed_7d", C4},
};

/* ---- Inception-ResNet v2 ---- */

#define R35(n)                                                                  \
    {                                                                           \
        "Repeat/block35_" #n, ">0.17 32:1x1|32:1x1 32:3x3|32:1x1 48:3x3 64:3x3" \
    }
#define R17(n)                                                         \
    {                                                                  \
        "Repeat_1/block17_" #n, ">0.1 192:1x1|128:1x1 160:1x7 192:7x1" \
    }
#define R8(n)                                                         \
    {                                                                 \
        "Repeat_2/block8_" #n, ">0.2 192:1x1|192:1x1 224:1x3 256:3x1" \
    }
static const struct module resnet_v2[] = {
    {"Conv2d_1a_3x3", "32:3x3/2v"},
    {"Conv2d_2a_3x3", "32:3x3v"},
    {"Conv2d_2b_3x3", "64:3x3"},
    {"MaxPool_3a_3x3", "max3/2v"},
    {"Conv2d_3b_1x1", "80:1x1v"},
    {"Conv2d_4a_3x3", "192:3x3v"},
    {"MaxPool_5a_3x3", "max3/2v"},
    {"Mixed_5b", "96:1x1|48:1x1 64:5x5|64:1x1 96:3x3 96:3x3|avg3 64:1x1"},
    R35(1),
    R35(2),
    R35(3),
    R35(4),
    R35(5),
    R35(6),
    R35(7),
    R35(8),
    R35(9),
    R35(10),
    {"Mixed_6a", "384:3x3/2v|256:1x1 256:3x3 384:3x3/2v|max3/2v"},
    R17(1),
    R17(2),
    R17(3),
    R17(4),
    R17(5),
    R17(6),
    R17(7),
    R17(8),
    R17(9),
    R17(10),
    R17(11),
    R17(12),
    R17(13),
    R17(14),
    R17(15),
    R17(16),
    R17(17),
    R17(18),
    R17(19),
    {"PreAuxLogits", ">0.1 192:1x1|128:1x1 160:1x7 192:7x1"},
    {"Mixed_7a", "256:1x1 384:3x3/2v|256:1x1 288:3x3/2v|256:1x1 288:3x3 320:3x3/2v|max3/2v"},
    R8(1),
    R8(2),
    R8(3),
    R8(4),
    R8(5),
    R8(6),
    R8(7),
    R8(8),
    R8(9),
    {"Block8", ">>1 192:1x1|192:1x1 224:1x3 256:3x1"},
    {"Conv2d_7b_1x1", "1536:1x1"},
};

#define MODULES(list) (list), sizeof(list) / sizeof *(list)
static const struct network net_v1 = {MODULES(v1), true, false, 0.2, NULL, false},
                            net_v2 = {MODULES(v2), true, true, 0.2, NULL, false},
                            net_v2_plain = {MODULES(v2), true, false, 0.2, NULL, false},
                            net_v3 = {MODULES(v3), false, false, 0.5, "Mixed_6e", false},
                            net_v4 = {MODULES(v4), true, false, 0.2, NULL, false},
                            net_resnet_v2 = {MODULES(resnet_v2), true, false, 0.2, NULL, false},
                            net_resnet_v2_same = {MODULES(resnet_v2), true, false, 0.2, NULL, true};

/* ---- GoogLeNet as torchvision has it ---- */

static int unit(struct fw_builder *b, int x, const char *name, int64_t filters, int64_t kernel,
                int64_t stride)
{
    struct fw_window_spec w = fw_zoo_window(kernel, stride, 1);
    fw_enter(b, name);
    x = fw_zoo_conv_bn(b, x, "conv", "bn", filters, &w, "relu");
    fw_leave(b);
    return x;
}

static int pool(struct fw_builder *b, int x, int64_t kernel)
{
    struct fw_window_spec w = fw_window_of(2, kernel, 2, 0);
    w.ceil = 1;
    return fw_max_pool(b, x, &w);
}

struct goog {
    const char *name;
    int one, three_in, three, five_in, five, pool;
};

static int goog_module(struct fw_builder *b, int x, const struct goog *g)
{
    struct fw_window_spec w = fw_window_of(2, 3, 1, 1);
    int parts[4];
    w.ceil = 1;
    fw_enter(b, g->name);
    parts[0] = unit(b, x, "branch1", g->one, 1, 1);
    parts[1] = unit(b, unit(b, x, "branch2.0", g->three_in, 1, 1), "branch2.1", g->three, 3, 1);
    parts[2] = unit(b, unit(b, x, "branch3.0", g->five_in, 1, 1), "branch3.1", g->five, 3, 1);
    parts[3] = unit(b, fw_max_pool(b, x, &w), "branch4.1", g->pool, 1, 1);
    x = fw_concat(b, parts, 4, 1);
    fw_leave(b);
    return x;
}

static void googlenet(struct fw_zoo *z)
{
    static const struct goog modules[] = {
        {"inception3a", 64, 96, 128, 16, 32, 32},     {"inception3b", 128, 128, 192, 32, 96, 64},
        {"inception4a", 192, 96, 208, 16, 48, 64},    {"inception4b", 160, 112, 224, 24, 64, 64},
        {"inception4c", 128, 128, 256, 24, 64, 64},   {"inception4d", 112, 144, 288, 32, 64, 64},
        {"inception4e", 256, 160, 320, 32, 128, 128}, {"inception5a", 256, 160, 320, 32, 128, 128},
        {"inception5b", 384, 192, 384, 48, 128, 128}};
    struct fw_builder *b = z->b;
    int x = pool(b, unit(b, fw_zoo_image(z), "conv1", 64, 7, 2), 3);
    x = pool(b, unit(b, unit(b, x, "conv2", 64, 1, 1), "conv3", 192, 3, 1), 3);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        x = goog_module(b, x, &modules[i]);
        if (i == 1 || i == 6)
            x = pool(b, x, i == 1 ? 3 : 2);
    }
    fw_zoo_classify(z, x, "fc", 0.2);
}

FW_ZOO_IMAGE_KEYS(keys, "224");
FW_ZOO_IMAGE_KEYS(keys_299, "299");
static const struct fw_zoo_key keys_v3[] = {
    {"aux", "idle", "auxiliary classifier: 1 runs (training), idle: parameters only, 0: none"},
    FW_ZOO_BATCH,
    FW_ZOO_SIZE("299"),
    FW_ZOO_CLASSES("1000"),
};
static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("googlenet", "Inception v1 as torchvision has it, without auxiliary classifiers",
               googlenet, NULL, keys),
    FW_ZOO_NET("inception_v1", "Inception v1 as TF-Slim has it", inception, &net_v1, keys),
    FW_ZOO_NET("inception_v2", "Inception v2 as TF-Slim has it", inception, &net_v2, keys),
    FW_ZOO_NET("inception_v2_no_separable_conv", "Inception v2, its first convolution a plain one",
               inception, &net_v2_plain, keys),
    FW_ZOO_NET("inception_v3", "Inception v3 as torchvision has it", inception, &net_v3, keys_v3),
    FW_ZOO_NET("inception_v4", "Inception v4 as TF-Slim has it", inception, &net_v4, keys_299),
    FW_ZOO_NET("inception_resnet_v2", "Inception-ResNet v2 as TF-Slim has it", inception,
               &net_resnet_v2, keys_299),
    FW_ZOO_NET("inception_resnet_v2_same", "Inception-ResNet v2 with every window padded",
               inception, &net_resnet_v2_same, keys_299),
};
const struct fw_zoo_family fw_zoo_inception = {nets, sizeof nets / sizeof *nets};
