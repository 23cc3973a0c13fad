/* Attention that is spelled out: a product of queries and keys, a softmax over it, and the product
 * with values; see scores.c. */
#ifndef FW_PASSES_SCORES_H
#define FW_PASSES_SCORES_H

#include "graph/graph.h"

struct fw_spelled {
    fw_count scores;       // pairs of a query and a key, of all heads
    fw_count left;         // of them, those that a causal mask leaves; all where there is none
    fw_dim total;          // keys that a query meets
    uint32_t mix;          // node of the product with the values, FW_NONE: there is none
    uint32_t keys, values; // tensors, before they are repeated for groups of queries
    bool keeps;            // decoding keeps them: the mask is causal, or they are results
};

struct fw_spelled_list {
    struct fw_spelled *of;
    uint32_t n, cap;
    uint32_t *at; // (n_nodes) of a forward node that is one of the two products: 1 + its place
    uint32_t n_nodes;
};

/* Errors: FW_MEMORY. */
enum fw_status fw_find_spelled(struct fw_graph *g, struct fw_spelled_list *ret,
                               struct fw_error *err);
void fw_spelled_clear(struct fw_graph *g, struct fw_spelled_list *l);

#endif
