/* Fully connected networks. The defaults, no bias and no activation, are those of the textbook
 * estimate: n*K^2*L multiplications forward, (3L - 1)*n*K^2 in training. */
#include "zoo/zoo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct fw_zoo_key keys[] = {
    {"depth", "3", "layers; may be a letter"},
    {"width", "1024", "units of a layer"},
    {"in", "=width", "inputs"},
    {"out", "=width", "outputs"},
    {"bias", "0", "1: layers have a bias"},
    {"act", "none", "activation behind every layer but the last"},
    FW_ZOO_BATCH,
};

static int layer(struct fw_zoo *z, int x, const char *name, const char *width, bool last)
{
    struct fw_builder *b = z->b;
    fw_enter(b, name);
    x = fw_linear(b, x, "fc", fw_zoo_size(z, width), fw_zoo_flag(z, "bias"));
    x = last ? x : fw_activation(b, x, fw_zoo_text(z, "act"));
    fw_leave(b);
    return x;
}

/* Depth is a letter: the first layer, whose input wants no gradient, then the others in turns; the
 * last one by itself where it differs from them. */
static int in_turns(struct fw_zoo *z, int x, int64_t depth)
{
    struct fw_builder *b = z->b;
    bool differs = fw_zoo_size(z, "out") != fw_zoo_size(z, "width") ||
                   strcmp(fw_zoo_text(z, "act"), "none") != 0;
    x = layer(z, x, "layer1", "width", false);
    x = fw_repeat(b, "layers", fw_size_plus(b, depth, differs ? -2 : -1), x);
    x = fw_repeat_end(b, layer(z, x, "layer", "width", false));
    return differs ? layer(z, x, "last", "out", true) : x;
}

static int in_a_row(struct fw_zoo *z, int x, int64_t depth)
{
    for (int64_t i = 1; i <= depth && fw_builder_ok(z->b); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "layer%" PRId64, i);
        x = layer(z, x, name, i < depth ? "width" : "out", i == depth);
    }
    return x;
}

static void mlp(struct fw_zoo *z)
{
    int64_t depth = fw_zoo_turns(z, "depth", 1);
    int64_t dims[2] = {fw_zoo_size(z, "batch"), fw_zoo_size(z, "in")};
    int x = fw_input(z->b, "input", "float32", 2, dims);
    bool letter = !fw_dim_is_const((fw_dim){depth});
    fw_output(z->b, letter ? in_turns(z, x, depth) : in_a_row(z, x, depth));
}

static const struct fw_zoo_net nets[] = {
    FW_ZOO_NET("mlp", "fully connected layers of one width", mlp, NULL, keys),
};
const struct fw_zoo_family fw_zoo_mlp = {nets, sizeof nets / sizeof *nets};
