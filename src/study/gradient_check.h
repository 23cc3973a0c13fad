/* The gradient of one weight, three ways: by the training graph, as dL/dz_i * x_j, and by finite
 * differences of the loss. */
#ifndef FW_STUDY_GRADIENT_CHECK_H
#define FW_STUDY_GRADIENT_CHECK_H

#include "study/analysis.h"

struct fw_weight_check {
    int64_t i, j; // output and input of the layer
    double weight, step;
    double above, below; // loss with the weight a step up and a step down
    double difference;   // (above - below) / (2 step)
    double product;      // sum over the rows of dL/dz_i * x_j
    double graph;        // what the training graph's node computed
    uint32_t rows;       // examples, tokens
    double delta, x;     // of the first row
};

enum { FW_N_WEIGHT_CHECKS = 3 };
struct fw_gradient_check {
    double loss;
    struct fw_weight_check checks[FW_N_WEIGHT_CHECKS];
};

/* layer: a node Y = X*W or its transpose, with W stored; a: trained with one loss. Runs the
 * reference kernels in double precision on drawn values. Errors: FW_UNSUPPORTED where the layer is
 * another, those of the executor. */
enum fw_status fw_gradient_check(struct fw_analysis *a, uint32_t layer,
                                 struct fw_gradient_check *ret, struct fw_error *err);

#endif
