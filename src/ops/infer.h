/* Shape inference of a node and of a graph, with the hooks that bodies of control flow call. The
 * passes have theirs (passes/infer.h), the builder asks while it builds. */
#ifndef FW_OPS_INFER_H
#define FW_OPS_INFER_H

#include "ops/op.h"

/* Sets shape, dtype and known contents of every tensor, and marks nodes that only compute shapes
 * (FW_NODE_SHAPE), nodes whose cost cannot be known (FW_NODE_GAP) and tensors that depend on stored
 * tensors only (FW_TENSOR_WEIGHT_SIDE). Errors name the node: FW_SHAPE, FW_FORMAT, FW_LIMIT,
 * FW_MEMORY. */
enum fw_status fw_infer_with(struct fw_graph *g, const struct fw_hooks *hooks,
                             struct fw_error *err);
/* One node that was changed or appended. */
enum fw_status fw_infer_node_with(struct fw_graph *g, uint32_t id, const struct fw_hooks *hooks,
                                  struct fw_error *err);

#endif
