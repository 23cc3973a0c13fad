/* Cost: the walk that adds up what the rows say. */
#ifndef FW_PASSES_COST_H
#define FW_PASSES_COST_H

#include "graph/graph.h"
#include "graph/precision.h"
#include "ops/op.h"

/* The cost of one node; adds nothing for nodes that only compute shapes (they are folded before
 * anything runs). False when it is a gap: cost is then zero or a lower bound. */
bool fw_node_cost(struct fw_graph *g, uint32_t id, const struct fw_precision *precision,
                  struct fw_cost *ret);

/* The same for walks over many nodes: large networks repeat a few nodes, and nodes that look alike
 * to their row cost the same. Of one graph, which must not change meanwhile, and one precision. */
struct fw_cost_memo {
    struct fw_graph *g;
    const struct fw_precision *precision;
    struct fw_cost_place *places; // NULL when memory was short: everything is computed
    struct fw_cost one;           // of the last node that is not kept
};
/* places are in the arena, which must live as long as the memo. */
void fw_cost_memo_init(struct fw_cost_memo *m, struct fw_graph *g,
                       const struct fw_precision *precision, struct fw_arena *arena);
/* Valid until the next call; *ret_complete is false for a gap. */
const struct fw_cost *fw_cost_recall(struct fw_cost_memo *m, uint32_t id, bool *ret_complete);

void fw_cost_clear(struct fw_cost *cost);
void fw_cost_accumulate(struct fw_symbols *sym, struct fw_cost *sum, const struct fw_cost *more);
fw_count fw_cost_mac(const struct fw_cost *cost);                              // fma
fw_count fw_cost_matmul_flop(struct fw_symbols *sym, const struct fw_cost *c); // 2 * fma
fw_count fw_cost_flop(struct fw_symbols *sym, const struct fw_cost *cost);     // all classes

/* One entry per (domain, operator) that lacks a rule or a shape. */
struct fw_missing {
    const char *op;
    const char *domain;
    uint32_t nodes;
    const char *first; // name of the first such node
    bool gradient;     // its gradient is missing rather than its cost
};

struct fw_totals {
    struct fw_cost phase[FW_N_PHASES];
    fw_count params;            // elements of learnable tensors, each once
    fw_count trainable_params;  // of them, those of a type that learns that are not frozen
    fw_count buffers;           // elements of running statistics
    uint32_t gap_nodes;         // nodes whose cost is missing, those after another gap included
    struct fw_missing *missing; // (n_missing) in the arena of the graph
    uint32_t n_missing;
};

/* Everything in one walk. Errors: FW_LIMIT naming the node whose count overflows, FW_MEMORY. */
enum fw_status fw_total_cost(struct fw_graph *g, const struct fw_precision *precision,
                             struct fw_totals *ret, struct fw_error *err);

#endif
