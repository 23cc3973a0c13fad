/* Other tools' ways of counting, applied to our graph. */
#ifndef FW_STUDY_CONVENTION_H
#define FW_STUDY_CONVENTION_H

#include "graph/graph.h"

#include <stdbool.h>

struct fw_convention_rule; // operator, basis, weight: a line of data/conventions.tsv

/* A convention of papers on language models: a formula over the whole network. */
enum fw_whole_attention { FW_WHOLE_NONE, FW_WHOLE_FULL, FW_WHOLE_CAUSAL };
enum fw_whole_weights {
    FW_WHOLE_EXACT,    // the products that are computed
    FW_WHOLE_PARAMS,   // 2 for each parameter a token meets
    FW_WHOLE_NO_TABLES // the same without tables that are looked up
};
struct fw_whole_convention {
    const char *name, *formula;
    enum fw_whole_weights weights;
    enum fw_whole_attention attention;
    bool lookups;  // as products with the table
    bool softmax;  // 3 per score
    bool unrouted; // without the products that choose experts
};

struct fw_convention {
    const struct fw_whole_convention *whole; // or NULL: rules by node
    const char *name;                        // "torch"
    const char *unit;                        // "FLOP" or "MAC": what the tool calls its number
    const struct fw_convention_rule *rules;  // (n_rules)
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
