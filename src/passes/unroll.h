/* Loops written out.
 *
 * A Loop that collects a sequence says nothing about the elements it leaves; torch writes
 * tensor_split so. Where its trip count is a small number the body is copied that often into the
 * graph, in place of the node, and the elements, their shapes and their gradients are plain. */
#ifndef FW_PASSES_UNROLL_H
#define FW_PASSES_UNROLL_H

#include "graph/graph.h"

/* Writes out the loops of a graph that carry a sequence, run at most FW_MAX_UNROLL times, stack
 * nothing and hold no bodies, and infers again when there was one. Shapes must have been inferred,
 * and no later pass have run. Errors: those of inference, FW_MEMORY, FW_LIMIT. */
#define FW_MAX_UNROLL 64
enum fw_status fw_unroll(struct fw_graph *g, struct fw_error *err);

#endif
