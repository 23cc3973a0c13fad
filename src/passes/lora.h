/* Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): the weights stay as they are, and beside
 * each of those named a product of two narrow matrices is trained. */
#ifndef FW_PASSES_LORA_H
#define FW_PASSES_LORA_H

#include "graph/graph.h"

/* what: "r=16,targets=q_proj+v_proj"; a target is a pattern over the last part of a layer's name,
 * without targets the layers of query and value. Puts y + (x A) B / scale in the place of every
 * y = x W that matches and freezes all other parameters. The graph must be inferred and classified.
 * Errors: FW_USAGE, FW_MEMORY, FW_LIMIT. */
enum fw_status fw_lora(struct fw_graph *g, const char *what, struct fw_error *err);
/* Switches attention that can do so to computing its probabilities again. Gives how many nodes. */
uint32_t fw_attention_flash(struct fw_graph *g);

#endif
