/* What a fast kernel has to know of a node: a description in neutral terms that its row gives (the
 * slot `fast`), so that the engine and the library behind it know no operators.
 *
 * Only nodes over float32 with constant shapes are described, data with channels after the batch.
 */
#ifndef FW_OPS_FAST_H
#define FW_OPS_FAST_H

#include "ops/op.h"

enum fw_fast_kind {
    /* Every element of the outputs depends on the elements at the same place only: any common order
     * of elements will do, and any part can be computed alone. By the reference kernel. */
    FW_FAST_POINTWISE,
    FW_FAST_CONV,        // y of x, w, bias?
    FW_FAST_CONV_DX,     // dx of dy, w
    FW_FAST_CONV_DW,     // dw of dy, x
    FW_FAST_CHANNEL_SUM, // of dy: sums over all but the channels
    FW_FAST_PRODUCT,     // y = a*b, matrices
    FW_FAST_NORM,        // batch normalisation with its own statistics; outputs as the row has them
    FW_FAST_NORM_GIVEN,  // the same with statistics that are given
    FW_FAST_NORM_SUMS,   // gradients of shift and scale
    FW_FAST_NORM_DX,
    FW_FAST_MAX_POOL, // with the places of the maxima as output 1, or without
    FW_FAST_MAX_POOL_DX,
    FW_FAST_MEAN_POOL,
    FW_FAST_MEAN_POOL_DX,
    FW_N_FASTS
};

enum { FW_FAST_AXES = 3, FW_FAST_PORTS = 7, FW_FAST_BATCH = 4 };

/* A matrix seen in a tensor: elements between neighbours. */
struct fw_fast_matrix {
    int64_t batch[FW_FAST_BATCH]; // 0 where it is repeated
    int64_t row, column;
};

struct fw_fast {
    enum fw_fast_kind kind;
    /* Inputs by what they are for, in the order of the kind's remark above; -1 where there is none.
     * Outputs stand in the order of the row. */
    int8_t in[FW_FAST_PORTS];
    /* Windows. */
    unsigned axes;
    int64_t group;
    int64_t kernel[FW_FAST_AXES], stride[FW_FAST_AXES], dilation[FW_FAST_AXES];
    int64_t begin[FW_FAST_AXES], end[FW_FAST_AXES];   // padding
    int64_t x[FW_FAST_AXES + 2], y[FW_FAST_AXES + 2]; // shapes of data: batch, channels, sizes
    bool with_padding;                                // a mean counts the padding
    /* Products: y (m, n) = a (m, k) * b (k, n), for each of the batch. */
    unsigned n_batch;
    int64_t batch[FW_FAST_BATCH];
    int64_t m, n, k;
    struct fw_fast_matrix a, b, c;
    /* Normalisation. */
    double epsilon, momentum;
    /* A pointwise node: it is y = max(0, x), or of (dy, y) its gradient. A normalisation, set by
     * the engine: that comes after it, on the way back before it. */
    bool relu;
};

/* Slots. False: this node has to be left to the reference kernel. */
bool fw_fast_pointwise(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_unary(struct fw_cx *c, struct fw_fast *ret); // pointwise too; says which is relu
bool fw_fast_conv(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_conv_dx(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_conv_dw(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_channel_sum(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_matmul(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_gemm(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_matmul_grad(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_norm(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_norm_given(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_norm_sums(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_norm_dx(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_max_pool(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_max_pool_dx(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_mean_pool(struct fw_cx *c, struct fw_fast *ret);
bool fw_fast_mean_pool_dx(struct fw_cx *c, struct fw_fast *ret);

#endif
