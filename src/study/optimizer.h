/* What an optimizer costs per parameter: operations, states and bytes, as exact expressions in the
 * sides of the parameter's matrix. */
#ifndef FW_STUDY_OPTIMIZER_H
#define FW_STUDY_OPTIMIZER_H

#include "graph/precision.h"
#include "ops/update.h"

/* sum of at[i][k] * m^(i-1) * n^(k-1), the parameter being a matrix of m x n. */
struct fw_per_param {
    double at[4][4];
};

/* Operations of one class, or with FW_N_CLASSES the FLOP of all. What is done once per tensor is
 * not among them. */
struct fw_per_param fw_optimizer_operations(const struct fw_optimizer *o, unsigned class);
/* Values that are kept, and the bytes they take, of one state (or of all: FW_MAX_STATES). */
struct fw_per_param fw_optimizer_values(const struct fw_optimizer *o, unsigned state);
struct fw_per_param fw_optimizer_bytes(const struct fw_optimizer *o, unsigned state,
                                       const struct fw_precision *precision);
/* FLOP that are done once for a whole tensor. */
unsigned fw_optimizer_once(const struct fw_optimizer *o);

static inline double fw_per_param_plain(const struct fw_per_param *p) // what needs no sides
{
    return p->at[1][1];
}
bool fw_per_param_has_sides(const struct fw_per_param *p);
/* "14 + 20*n + 10*n^2/m" */
void fw_per_param_print(const struct fw_per_param *p, struct fw_str *out);

#endif
