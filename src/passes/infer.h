/* Shape inference (ops/infer.h) with the hooks of the passes: one walk that asks every row. */
#ifndef FW_PASSES_INFER_H
#define FW_PASSES_INFER_H

#include "ops/infer.h"

/* Calls from rows back into the passes: bodies of control flow. */
extern const struct fw_hooks fw_pass_hooks;

static inline enum fw_status fw_infer(struct fw_graph *g, struct fw_error *err)
{
    return fw_infer_with(g, &fw_pass_hooks, err);
}
static inline enum fw_status fw_infer_node(struct fw_graph *g, uint32_t id, struct fw_error *err)
{
    return fw_infer_node_with(g, id, &fw_pass_hooks, err);
}

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
