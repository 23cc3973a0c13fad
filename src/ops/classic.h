/* What the classical models (classic.c) tell their kernels (classic_run.c). */
#ifndef FW_OPS_CLASSIC_H
#define FW_OPS_CLASSIC_H

#include "ops/op.h"

/* Classes of a classifier, whose labels are numbers or words. */
static inline uint32_t fw_n_labels(const struct fw_attr *numbers, const struct fw_attr *words)
{
    return numbers->n > words->n ? numbers->n : words->n;
}

/* Levels that the cost counts for the tree of nodes from..to, in the older form (nodes of all trees
 * with numbers of their own, leaves among them) and the newer one. */
int64_t fw_tree_levels(const struct fw_cx *c, uint32_t from, uint32_t to);
int64_t fw_ensemble_levels(const struct fw_cx *c, uint32_t from, uint32_t to);
/* Whether a tree of the newer form ends where the next one begins. */
bool fw_ensemble_ordered(const struct fw_cx *c);

#endif
