/* Shape inference: one walk that asks every node's row. */
#ifndef FW_PASSES_INFER_H
#define FW_PASSES_INFER_H

#include "graph/graph.h"
#include "ops/op.h"

/* Sets shape, dtype and known contents of every tensor, and marks nodes that only compute shapes
 * (FW_NODE_SHAPE), nodes whose cost cannot be known (FW_NODE_GAP) and tensors that depend on stored
 * tensors only (FW_TENSOR_WEIGHT_SIDE). Errors name the node: FW_SHAPE, FW_FORMAT, FW_LIMIT,
 * FW_MEMORY. */
enum fw_status fw_infer(struct fw_graph *g, struct fw_error *err);

/* One node that was changed or appended. */
enum fw_status fw_infer_node(struct fw_graph *g, uint32_t id, struct fw_error *err);

/* Calls from rows back into the passes: bodies of control flow. */
extern const struct fw_hooks fw_pass_hooks;

/* What a row is asked with. */
static inline struct fw_cx fw_cx_make(struct fw_graph *g, struct fw_node *node,
                                      const struct fw_precision *precision, struct fw_error *err)
{
    return (struct fw_cx){.g = g,
                          .sym = g->sym,
                          .node = node,
                          .precision = precision,
                          .hooks = &fw_pass_hooks,
                          .err = err};
}

#endif
