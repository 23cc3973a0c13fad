/* Other tools' ways of counting, applied to our graph. */
#ifndef FW_STUDY_CONVENTION_H
#define FW_STUDY_CONVENTION_H

#include "graph/graph.h"

struct fw_convention_rule; // operator, basis, weight: a line of data/conventions.tsv

struct fw_convention {
    const char *name;                       // "torch"
    const char *unit;                       // "FLOP" or "MAC": what the tool calls its number
    const struct fw_convention_rule *rules; // (n_rules)
    unsigned n_rules;
};

/* NULL-terminated list of names, "flopwise" first; static. */
extern const char *const fw_conventions_known[];

/* Reads the rules of one convention into the arena. FW_USAGE for an unknown name (naming those
 * there are), FW_MEMORY. "flopwise" is not read from the table: callers leave it out. */
enum fw_status fw_convention_load(struct fw_arena *arena, const char *name,
                                  struct fw_convention *ret, struct fw_error *err);

/* What the tool counts for one node, in its unit; 0 where it has no rule for the operator. Backward
 * nodes count only where the tool counts contractions of any kind (torch). */
fw_count fw_convention_count(struct fw_graph *g, uint32_t id,
                             const struct fw_convention *convention);

#endif
