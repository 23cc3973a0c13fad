/* Losses that training attaches to a network's outputs. */
#ifndef FW_OPS_OBJECTIVE_H
#define FW_OPS_OBJECTIVE_H

#include "ops/op.h"

/* (logits (..., classes), labels (...)) -> mean cross-entropy (scalar), probabilities (...,
 * classes) */
extern const struct fw_op *const fw_op_loss_cross_entropy;
/* (y) -> sum of squares / 2 (scalar) */
extern const struct fw_op *const fw_op_loss_squares;

#endif
