/* The table of precision policies; see precision.h. */
#include "graph/precision.h"

#include <string.h>

const struct fw_precision fw_precisions[] = {
    {"fp32", 32, 32, 32, 32, 0},      // as the file has it: 4 bytes for float32
    {"tf32", 32, 32, 32, 32, 0},      // float32 stored, TF32 multiplied: bytes as fp32
    {"bf16", 16, 16, 16, 16, 0},      // everything in bfloat16
    {"fp16", 16, 16, 16, 16, 0},      // everything in float16
    {"amp-bf16", 16, 16, 16, 32, 32}, // bfloat16 with float32 master weights and state
    {"amp-fp16", 16, 16, 16, 32, 32}, // float16 with float32 master weights and state
    {"fp64", 64, 64, 64, 64, 0},      // everything in float64
};
const unsigned fw_n_precisions = sizeof fw_precisions / sizeof *fw_precisions;

const struct fw_precision *fw_precision_find(const char *name)
{
    for (unsigned i = 0; i < fw_n_precisions; i++)
        if (strcmp(fw_precisions[i].name, name) == 0)
            return &fw_precisions[i];
    return NULL;
}

unsigned fw_float32_bits(const struct fw_precision *p, enum fw_kind kind)
{
    switch (kind) {
    case FW_KIND_PARAM:
    case FW_KIND_BUFFER:
    case FW_KIND_CONSTANT:
    case FW_KIND_INITIALIZER:
        return p->weight_bits;
    case FW_KIND_GRADIENT:
        return p->gradient_bits;
    case FW_KIND_STATE:
        return p->state_bits;
    case FW_KIND_INPUT:
    case FW_KIND_ACTIVATION:
        break;
    }
    return p->activation_bits;
}

fw_count fw_tensor_bytes_slow(const struct fw_precision *p, const struct fw_graph *g,
                              const struct fw_tensor *t)
{
    if (t->dtype == FW_PACKED)
        return t->data == NULL ? fw_count_bad() : fw_count_int((int64_t)t->data->n_bytes);
    unsigned bits = fw_tensor_bits(p, t);
    fw_count n = fw_tensor_elements(g, t);
    if (bits % 8 == 0)
        return fw_count_mul(g->sym, n, fw_count_int(bits / 8));
    return fw_count_ceil_div(g->sym, fw_count_mul(g->sym, n, fw_count_int(bits)), fw_count_int(8));
}
