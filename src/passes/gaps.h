/* One block of memory in which pieces are taken and given back, one after the other. The smallest
 * gap that holds a piece is found by its size, and what is given back joins the gaps beside it: at
 * most some hundred looks each, however many pieces and gaps there are. */
#ifndef FW_PASSES_GAPS_H
#define FW_PASSES_GAPS_H

#include <stdint.h>

#define FW_GAP_NONE UINT32_MAX

struct fw_gap { // a piece that is taken, or a gap
    uint64_t at, bytes;
    uint32_t below, above; // its neighbours in the block; FW_GAP_NONE: the edge
    /* only of gaps: */
    uint32_t child[2]; // those whose size goes on with a 0 or a 1
    uint32_t alike;    // the next of the same size; of a node that is not used: the next of these
    uint32_t alike_before; // FW_GAP_NONE: this one stands in the tree
};

struct fw_gaps {
    struct fw_gap *nodes; // (2 * n + 1): pieces by their number, then gaps
    uint32_t n, unused;
    uint32_t root; // of a tree over the bits of sizes, the highest first
    uint32_t top;  // the highest piece or gap
    uint64_t bytes;
    uint64_t looks; // at nodes of the tree
};

/* nodes: (2 * n + 1), n: pieces. The block begins with nothing in it. */
void fw_gaps_start(struct fw_gaps *g, struct fw_gap *nodes, uint32_t n);
/* On top of everything. Gives its offset. */
uint64_t fw_gaps_push(struct fw_gaps *g, uint32_t piece, uint64_t bytes, uint32_t align);
/* At the lower end of the smallest gap, on top where none holds it. Gives its offset. */
uint64_t fw_gaps_take(struct fw_gaps *g, uint32_t piece, uint64_t bytes, uint32_t align);
void fw_gaps_give_back(struct fw_gaps *g, uint32_t piece);

#endif
