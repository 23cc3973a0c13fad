/* Precision policies: how many bits a float32 tensor of the model takes, by its role.
 *
 * A policy never changes a count of operations, only bytes. Tensors that are not float32 in the
 * file keep their own type. Mixed precision after Micikevicius et al. 2018 (arXiv 1710.03740):
 * 16-bit weights, activations and gradients, a 32-bit master copy and 32-bit optimizer state. */
#ifndef FW_GRAPH_PRECISION_H
#define FW_GRAPH_PRECISION_H

#include "graph/graph.h"

struct fw_precision {
    const char *name;
    uint8_t weight_bits;
    uint8_t activation_bits;
    uint8_t gradient_bits; // gradients of parameters
    uint8_t state_bits;    // optimizer state
    uint8_t master_bits;   // a second copy of every parameter for the update; 0 = none
};

extern const struct fw_precision fw_precisions[];
extern const unsigned fw_n_precisions;
const struct fw_precision *fw_precision_find(const char *name); // NULL when unknown

/* Bits of a float32 tensor of the file. */
unsigned fw_float32_bits(const struct fw_precision *p, enum fw_kind kind);
/* Bits of one element of t; 0 for an unknown type. */
static inline unsigned fw_tensor_bits(const struct fw_precision *p, const struct fw_tensor *t)
{
    bool own = t->dtype != FW_F32 || p == NULL;
    return own ? fw_dtypes[t->dtype].bits : fw_float32_bits(p, (enum fw_kind)t->kind);
}
/* Bytes of t, rounded up to whole bytes; of packed elements what the file takes for them. Bad where
 * the rank is unknown. */
fw_count fw_tensor_bytes_slow(const struct fw_precision *p, const struct fw_graph *g,
                              const struct fw_tensor *t);
static inline fw_count fw_tensor_bytes(const struct fw_precision *p, const struct fw_graph *g,
                                       const struct fw_tensor *t)
{
    int64_t n = fw_tensor_bits(p, t); // in bits; a dimension below 0 is no number
    bool plain = t->rank != FW_RANK_UNKNOWN && t->dtype != FW_PACKED;
    for (unsigned i = 0; plain && i < t->rank; i++)
        plain = t->dims[i].word >= 0 && !__builtin_mul_overflow(n, t->dims[i].word, &n);
    if (!plain)
        return fw_tensor_bytes_slow(p, g, t);
    return (fw_count){n / 8 + (n % 8 != 0)};
}

#endif
