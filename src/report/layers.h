/* Rows of a model: its nodes gathered by layer, operator or module, with their costs by phase.
 *
 * A layer is a forward node; what belongs to it in later phases (its gradients, its update, its
 * recomputation) is found through an index, so a row costs the nodes it has and nothing else. */
#ifndef FW_REPORT_LAYERS_H
#define FW_REPORT_LAYERS_H

#include "report/report.h"
#include "study/analysis.h"

struct fw_layer {
    const char *name;
    const char *op;     // NULL for a module
    uint32_t node;      // the forward node; FW_NONE for a group of several
    uint32_t from, to;  // its nodes of all phases: order[from..to)
    uint32_t n_forward; // forward nodes in it
    fw_count params;    // elements of the parameters it is the first to use
    bool gap;           // a cost or gradient in it is not known
};

struct fw_layers {
    struct fw_analysis *a;
    struct fw_layer *rows; // (n)
    uint32_t n;
    uint32_t *order; // nodes, gathered by row
    struct fw_cost_memo memo;
    uint32_t cached; // row whose costs stand in `cost`, or UINT32_MAX
    struct fw_cost cost[FW_N_PHASES];
};

/* In the arena; errors: FW_MEMORY. */
enum fw_status fw_layers_make(struct fw_layers *ret, struct fw_analysis *a, enum fw_group by,
                              struct fw_arena *arena, struct fw_error *err);
/* Costs by phase of a row; valid until another row is asked for. */
const struct fw_cost *fw_layer_cost(struct fw_layers *l, uint32_t row);
/* Keeps the n rows with the most operations over all phases (letters count as 64), costliest first;
 * 0 keeps all as they are. */
enum fw_status fw_layers_keep_top(struct fw_layers *l, size_t n, struct fw_error *err);

/* partner[i] (of a's rows): the row of b that stands for the same layer, or FW_NONE (match.c).
 * Errors: FW_MEMORY. */
enum fw_status fw_layers_match(const struct fw_layers *a, const struct fw_layers *b,
                               uint32_t *partner, struct fw_error *err);

/* What is counted of a cost: the twelve members of a JSON cost object. */
enum fw_member {
    FW_MEMBER_MAC,
    FW_MEMBER_MATMUL_FLOP,
    FW_MEMBER_FLOP,
    FW_MEMBER_CLASS, // fma, and the other classes in the order of enum fw_cost_class, and bytes
    FW_MEMBER_BYTES = FW_MEMBER_CLASS + FW_N_CLASSES,
    FW_N_MEMBERS = FW_MEMBER_BYTES + FW_N_COSTS - FW_READ
};
extern const char *const fw_member_names[FW_N_MEMBERS]; // "matmul_flop"
fw_count fw_cost_member(struct fw_symbols *sym, const struct fw_cost *cost, unsigned member);
extern const char *const fw_phase_keys[FW_N_PHASES];   // "backward_input"
extern const char *const fw_phase_titles[FW_N_PHASES]; // "backward input"
/* All phases together: a training step. */
struct fw_cost fw_cost_step(struct fw_symbols *sym, const struct fw_cost cost[FW_N_PHASES]);
/* Name of a node for people: its own, its first output's, or operator and number. */
const char *fw_node_label(struct fw_graph *g, uint32_t id, struct fw_arena *arena); // NULL: memory

#endif
