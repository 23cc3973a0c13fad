/* Activation recomputation: forward work done again so that less is kept for the backward pass. */
#ifndef FW_PASSES_RECOMPUTE_H
#define FW_PASSES_RECOMPUTE_H

#include "graph/graph.h"

/* Rewrites a training graph. what: "full" keeps only about sqrt(n) of the n tensors through which
 * all later work passes (Chen et al. 2016, arXiv 1604.06174) and recomputes one segment at a time;
 * any other text is a pattern over node names whose results are not kept. Recomputed nodes get
 * phase recompute. Results of random nodes are always kept. "full" drops
 * nothing where there is no such tensor. Errors: FW_USAGE for a pattern that matches nothing,
 * FW_MEMORY, FW_LIMIT. */
enum fw_status fw_recompute(struct fw_graph *g, const char *what, struct fw_error *err);

#endif
