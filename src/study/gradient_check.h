/* The gradient of single weights of a layer, three ways: by the training graph, as the sum of
 * dL/dz_k * dz_k/dw over the layer's outputs, and by finite differences of the loss.
 *
 * dz_k/dw is had by running the layer's kernel with the weight moved; of a layer that is a sum of
 * products it is the input that the weight is multiplied by. */
#ifndef FW_STUDY_GRADIENT_CHECK_H
#define FW_STUDY_GRADIENT_CHECK_H

#include "study/analysis.h"

enum { FW_N_WEIGHT_CHECKS = 8 };

struct fw_weight_check {
    uint32_t tensor;
    int64_t place; // element of the tensor
    double weight, step;
    double above, below; // loss with the weight a step up and a step down
    double difference;   // (above - below) / (2 step)
    double product;      // sum over the outputs of dL/dz_k * dz_k/dw
    double terms;        // sum of their absolute values, of which a sum near 0 is left
    double graph;        // what the training graph's node computed; NAN: shared with other layers
    int64_t touched;     // outputs that the weight has a part in
    double delta, slope; // dL/dz_k and dz_k/dw of the one that counts most
};

struct fw_gradient_check {
    bool alone; // only the layer ran, between drawn inputs and a drawn dL/dz
    double loss;
    unsigned n;
    struct fw_weight_check checks[FW_N_WEIGHT_CHECKS];
};

/* layer: a node with weights; a: trained with one loss. Runs the reference kernels in double
 * precision on drawn values: all of the network where a step of it takes at most a quarter of
 * max_work multiply-adds, else the layer alone. Errors: FW_UNSUPPORTED where there is nothing to
 * check, FW_LIMIT where the layer alone is too much, those of the executor. */
enum fw_status fw_gradient_check(struct fw_analysis *a, uint32_t layer, double max_work,
                                 struct fw_gradient_check *ret, struct fw_error *err);
/* Whether this input is made from a stored tensor and has a gradient. */
bool fw_gradient_is_weight(const struct fw_graph *g, const struct fw_node *n, unsigned port);
/* Whether node id is a layer whose weights have gradients. */
bool fw_gradient_has_weights(const struct fw_graph *g, uint32_t id);

#endif
