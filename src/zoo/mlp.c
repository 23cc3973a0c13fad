/* Fully connected networks. The defaults, no bias and no activation, are those of the textbook
 * estimate: n*K^2*L multiplications forward, (3L - 1)*n*K^2 in training. */
#include "zoo/zoo.h"

static const struct fw_zoo_key keys[] = {
    {"depth", "3", "layers"},
    {"width", "1024", "units of a layer"},
    {"in", "=width", "inputs"},
    {"out", "=width", "outputs"},
    {"bias", "0", "1: layers have a bias"},
    {"act", "none", "activation behind every layer but the last"},
    FW_ZOO_BATCH,
};

static void mlp(struct fw_zoo *z)
{
    struct fw_builder *b = z->b;
    int64_t depth = fw_zoo_number(z, "depth", 1);
    int bias = fw_zoo_number(z, "bias", 0) != 0;
    int64_t dims[2] = {fw_zoo_size(z, "batch"), fw_zoo_size(z, "in")};
    int x = fw_input(b, "input", "float32", 2, dims);
    for (int64_t i = 1; i <= depth && fw_builder_ok(b); i++) {
        fw_enter_number(b, "layer", i);
        x = fw_linear(b, x, "fc", fw_zoo_size(z, i < depth ? "width" : "out"), bias);
        if (i < depth)
            x = fw_activation(b, x, fw_zoo_text(z, "act"));
        fw_leave(b);
    }
    fw_output(b, x);
}

static const struct fw_zoo_net nets[] = {
    {"mlp", "fully connected layers of one width", mlp, NULL, FW_ZOO_KEYS(keys)},
};
const struct fw_zoo_family fw_zoo_mlp = {nets, sizeof nets / sizeof *nets};
