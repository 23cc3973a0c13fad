/* What bodies need while they run, found once each: the plans of nested bodies share them, so that
 * one that is in several nodes, or in a schedule that is walked twice, is planned once. */
#ifndef FW_PASSES_BODY_SIZES_H
#define FW_PASSES_BODY_SIZES_H

#include "base/map.h"
#include "graph/graph.h"

struct fw_body_size {
    const struct fw_graph *body;
    fw_count bytes;
    bool complete;
};

struct fw_body_sizes {
    struct fw_map known; // address of the body -> index
    struct fw_body_size **sizes;
    uint32_t n, cap;
};

/* NULL: not known yet. */
const struct fw_body_size *fw_body_size_find(const struct fw_body_sizes *b,
                                             const struct fw_graph *body);
/* NULL = out of memory. */
const struct fw_body_size *fw_body_size_keep(struct fw_body_sizes *b, struct fw_arena *arena,
                                             const struct fw_graph *body, fw_count bytes,
                                             bool complete);

#endif
