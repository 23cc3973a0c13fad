/* Matrix products: what matmul.c lends to fused (fused.c) and quantised (qlinear.c) rows. */
#ifndef FW_OPS_MATMUL_H
#define FW_OPS_MATMUL_H

#include "ops/op.h"
#include "ops/reach.h"

/* Attributes of a product start with these five, in this order. */
enum {
    FW_MATMUL_ALPHA,
    FW_MATMUL_TRANS_A,
    FW_MATMUL_TRANS_B,
    FW_MATMUL_TRANS_BATCH_A,
    FW_MATMUL_TRANS_BATCH_B,
    FW_N_MATMUL_ATTRS
};
#define FW_MATMUL_ATTRS                                                                          \
    {"alpha", FW_ATTR_FLOAT, false, {.f = 1}}, {"transA", FW_ATTR_INT, false, {.i = 0}},         \
        {"transB", FW_ATTR_INT, false, {.i = 0}}, {"transBatchA", FW_ATTR_INT, false, {.i = 0}}, \
    {                                                                                            \
        "transBatchB", FW_ATTR_INT, false,                                                       \
        {                                                                                        \
            .i = 0                                                                               \
        }                                                                                        \
    }
/* Those of Gemm with these four. */
enum { FW_GEMM_BETA = 3, FW_N_GEMM_ATTRS };
#define FW_GEMM_ATTRS                                                                    \
    {"alpha", FW_ATTR_FLOAT, false, {.f = 1}}, {"transA", FW_ATTR_INT, false, {.i = 0}}, \
        {"transB", FW_ATTR_INT, false, {.i = 0}},                                        \
    {                                                                                    \
        "beta", FW_ATTR_FLOAT, false,                                                    \
        {                                                                                \
            .f = 1                                                                       \
        }                                                                                \
    }

/* The shape of A * B under the standard's rules, with the row's transpositions. A and B stand at
 * inputs ia and ib; attributes are looked at where with_flags. */
enum fw_status fw_matmul_shape(struct fw_cx *c, unsigned ia, unsigned ib, bool with_flags,
                               unsigned *ret_rank, fw_dim *ret);
enum fw_status fw_matmul_infer(struct fw_cx *c);
void fw_matmul_cost(struct fw_cx *c, struct fw_cost *cost);
/* The first operand, or the second, of a product at input `in`: all along the inner dimension. */
void fw_matmul_reach(struct fw_cx *c, bool second, unsigned in, bool trans, unsigned out,
                     struct fw_reach *ret);
fw_field_slot fw_field_matmul, fw_field_gemm;
/* The gradients of A and B from the gradient of the product itself. */
enum fw_status fw_matmul_grad_from(struct fw_grad *gr, uint32_t dy);
/* Y = alpha * A * B + beta * C. */
enum fw_status fw_gemm_infer(struct fw_cx *c);
void fw_gemm_cost(struct fw_cx *c, struct fw_cost *cost);
enum fw_status fw_gemm_grad_from(struct fw_grad *gr, uint32_t dy);

#endif
