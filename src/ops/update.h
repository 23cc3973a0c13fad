/* Optimizers as a table: adding one is one line in update.c.
 *
 * An optimizer works on one parameter at a time. What it does per parameter value is a count by
 * class; what depends on the parameter's shape are terms in m and n, the sides of the matrix that
 * the parameter is taken for (its first side and all the others, sides of 1 left out). Parameters
 * that are no matrices get another row where the method is one for matrices. */
#ifndef FW_OPS_UPDATE_H
#define FW_OPS_UPDATE_H

#include "ops/op.h"

#define FW_MAX_STATES 6
#define FW_STATE_BLOCK 256 // 8-bit states: values that share a scale

enum fw_state_shape {
    FW_STATE_LIKE,   // as the parameter
    FW_STATE_M,      // one value per row
    FW_STATE_N,      // one value per column
    FW_STATE_MM,     // m x m
    FW_STATE_NN,     // n x n
    FW_STATE_CODES,  // as the parameter, one byte each
    FW_STATE_SCALES, // one float32 for every FW_STATE_BLOCK values
    FW_N_STATE_SHAPES
};

struct fw_state_spec {
    const char *name; // as in the formula
    uint8_t shape;    // enum fw_state_shape
    bool read_only;   // another pass writes it (sophia's curvature)
};

/* times * m^m * n^n operations of a class. */
struct fw_update_term {
    uint8_t class; // enum fw_cost_class
    uint8_t m, n;
    uint16_t times;
};

/* What a run needs besides the tensors; every optimizer reads those it has a use for. */
struct fw_hyper {
    double lr;
    double beta1; // momentum, decay of the first moment; rho of rmsprop and adadelta
    double beta2; // decay of the second moment
    double eps;
    double decay; // of the weights
};

struct fw_optimizer {
    const char *name;
    const char *formula; // w parameter, g gradient, the other letters states or constants
    const char *note;    // what the formula leaves open, or NULL
    const char *source;
    const struct fw_state_spec *states; // (n_states)
    uint8_t n_states;
    bool by_side;             // m is the longer side, n the shorter
    bool overwrites_gradient; // its storage holds the step before it is taken
    uint8_t n_terms;
    uint8_t n[FW_N_CLASSES];            // operations per parameter
    uint8_t once[FW_N_CLASSES];         // operations per tensor
    const struct fw_update_term *terms; // (n_terms) operations by shape
    const struct fw_optimizer *plain;   // for parameters that are no matrices; NULL: the same
    struct fw_hyper hyper;              // usual values
    /* (parameter, gradient, state...): parameter and states are overwritten; no output. */
    const struct fw_op *row;
};

extern const struct fw_optimizer fw_optimizers[]; // (fw_n_optimizers); rows for vectors follow
extern const unsigned fw_n_optimizers;
const struct fw_optimizer *fw_optimizer_find(const char *name); // NULL when unknown

/* What a node of an update runs with: the given values where they are for its optimizer. */
const struct fw_hyper *fw_update_hyper(const struct fw_run *r);

/* The sides of the matrix that a parameter is taken for; false when it is none: fewer than two
 * sides differ from 1. */
bool fw_update_matrix(struct fw_symbols *sym, const struct fw_tensor *t, fw_dim *ret_m,
                      fw_dim *ret_n);
/* The row that updates this parameter under optimizer o. */
const struct fw_optimizer *fw_optimizer_for(const struct fw_optimizer *o, struct fw_symbols *sym,
                                            const struct fw_tensor *param);
/* Type and shape of a state; dims: room for the parameter's rank, at least 2. */
enum fw_dtype fw_update_state(const struct fw_optimizer *o, unsigned state, struct fw_symbols *sym,
                              const struct fw_tensor *param, uint8_t *ret_rank, fw_dim *dims);
/* Operations of one update of `values` parameters that are a matrix of m x n (m >= n where
 * by_side), added to cost. */
void fw_update_cost(const struct fw_optimizer *o, struct fw_symbols *sym, fw_count values,
                    fw_count m, fw_count n, struct fw_cost *cost);

#endif
