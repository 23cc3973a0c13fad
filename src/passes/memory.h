/* Memory: what is alive when, over the schedule (the nodes in order). */
#ifndef FW_PASSES_MEMORY_H
#define FW_PASSES_MEMORY_H

#include "graph/graph.h"
#include "graph/precision.h"

/* Bytes at the fullest moment of the schedule, and what they are made of (the parts add up to
 * peak_bytes). Weights, gradients and optimizer state are there from begin to end; activations
 * (inputs and results of forward nodes) from the node that makes them to the last that reads them;
 * temporaries are what backward nodes make, and what a body of control flow needs while it runs.
 * Views share their input's storage, and a node writes over an input where its row allows it and
 * nobody reads that input later. */
struct fw_place {
    uint64_t bytes;
    uint64_t offset; // in the block of what is always there, or of what comes and goes
    uint32_t root;   // tensor whose storage it shares (itself); FW_NONE: it has none
    bool fixed;      // there all the time
};

/* Where every tensor stands. Only of graphs without open sizes and bodies, whose storages add up to
 * less than 2^63 bytes. */
struct fw_places {
    /* (tensors of the graph) bytes, offset, fixed of a root hold for what shares it */
    const struct fw_place *at;
    uint64_t fixed_bytes;
    uint64_t moving_bytes;       // size of the block, as packed
    uint64_t moving_bound_bytes; // most bytes of it alive at once: no packing can be smaller
};

struct fw_memory {
    fw_count peak_bytes;
    fw_count weight_bytes;     // parameters, buffers and other stored tensors that are used
    fw_count gradient_bytes;   // of parameters
    fw_count optimizer_bytes;  // optimizer state and master copies
    fw_count master_bytes;     // of these, master copies, which are no tensors: they have no place
    fw_count activation_bytes; // at the peak
    fw_count temporary_bytes;  // at the peak
    uint32_t peak_node;        // FW_NONE for an empty schedule
    bool complete;             // false: tensors of unknown size are missing
    uint32_t unknown_node;     // the first node with such, or FW_NONE
    const fw_count *live;      // (n_nodes) bytes alive while each node runs, or NULL; bad where the
                               // formula would have very many letters
    uint32_t n_nodes;
    const struct fw_places *places; // with the timeline; NULL: sizes are open or too large
};

/* with_timeline: also fills live and places (in the arena of the graph). Errors: FW_MEMORY,
 * FW_LIMIT. */
enum fw_status fw_plan_memory(struct fw_graph *g, const struct fw_precision *precision,
                              bool with_timeline, struct fw_memory *ret, struct fw_error *err);

#endif
