/* Optimizers as a table: adding one is one line in update.c. */
#ifndef FW_OPS_UPDATE_H
#define FW_OPS_UPDATE_H

#include "ops/op.h"

#define FW_MAX_STATES 4

struct fw_optimizer {
    const char *name;
    const char *formula; // w parameter, g gradient, the other letters states or constants
    const char *source;
    uint8_t states;          // numbers kept per parameter
    uint8_t n[FW_N_CLASSES]; // operations per parameter
    /* (parameter, gradient, state...): parameter and states are overwritten; no output. */
    const struct fw_op *row;
};

extern const struct fw_optimizer fw_optimizers[];
extern const unsigned fw_n_optimizers;
const struct fw_optimizer *fw_optimizer_find(const char *name); // NULL when unknown

#endif
