/* Which stored tensors are parameters, which are buffers, which are neither. */
#ifndef FW_PASSES_CLASSIFY_H
#define FW_PASSES_CLASSIFY_H

#include "graph/graph.h"

/* A parameter is a stored float (or quantised) tensor that reaches a weight slot of an operator,
 * directly or through moves (Transpose, Expand, Cast, DequantizeLinear ...); a buffer reaches a
 * slot of running statistics. Scalars and what only feeds shapes are constants. Needs shapes.
 * Errors: FW_MEMORY. */
enum fw_status fw_classify(struct fw_graph *g, struct fw_error *err);

/* Marks the parameters whose name, or whose layer's name, matches a pattern ('*' and '?') as
 * frozen and gives their number. */
uint32_t fw_freeze(struct fw_graph *g, const char *pattern);

/* What stands behind moves and views: a stored tensor or an input; FW_NONE where it is computed. */
uint32_t fw_stored_at(const struct fw_graph *g, uint32_t tensor);

#endif
