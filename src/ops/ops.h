/* Rows that other files of the project name directly: gradients are built from them. */
#ifndef FW_OPS_OPS_H
#define FW_OPS_OPS_H

#include "ops/op.h"

/* binary.c, unary.c */
extern const struct fw_op *const fw_op_add;      // (a, b): broadcasting sum
extern const struct fw_op *const fw_op_mul;      // (a, b)
extern const struct fw_op *const fw_op_div;      // (a, b)
extern const struct fw_op *const fw_op_neg;      // (x)
extern const struct fw_op *const fw_op_scale;    // (x), attribute 0 "by" (float): x * by
extern const struct fw_op *const fw_op_identity; // (x), a view
/* reduce.c */
extern const struct fw_op *const fw_op_sum_to; // (x, like): x summed down to the shape of like
/* matmul.c */
extern const struct fw_op *const fw_op_matmul; // (a, b): FusedMatMul, attributes in its order
/* move.c */
extern const struct fw_op *const fw_op_transpose;    // (x), attribute 0 "perm"
extern const struct fw_op *const fw_op_reshape_like; // (x, like): a view; only like's shape is used
/* index.c */
extern const struct fw_op *const fw_op_gather_elements; // (x, indices), attribute 0 "axis"
extern const struct fw_op *const fw_op_gather_nd;       // (x, indices), attribute 0 "batch_dims"

#endif
