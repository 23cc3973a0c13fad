/* Mean and square of every activation, forward, and of its gradient, backward, at initialisation:
 * a walk over the forward graph that asks each row's rule (ops/moments.h). A chain or net of nodes
 * that work value by value on one tensor (x*sigmoid(x) in two nodes) is one function of it, which
 * is found by running the nodes' kernels, whatever they are called. */
#ifndef FW_PASSES_VARIANCE_H
#define FW_PASSES_VARIANCE_H

#include "ops/moments.h"

struct fw_variance_layer {
    uint32_t node;
    struct fw_fans fans;
    double weight; // variance
    double gain;   // of the function before it, and its mean
    double mean;
    const char *function;
};

struct fw_variance {
    const struct fw_moments *tensors;       // (tensors of the graph at the time)
    const struct fw_variance_layer *layers; // (n_layers) in the order of the nodes
    uint32_t n_layers;
    const uint8_t *gap; // (n_nodes) 1: no rule, 2: only because an input is not known
    uint32_t n_nodes;
};

/* variance: see struct fw_moment_cx. Nodes first..n_nodes-1 are not part of the forward pass. What
 * is returned lives in arena. Outputs have a gradient of mean 0 and square 1. coarse: some
 * percent off, and much faster. Errors: FW_MEMORY. */
enum fw_status fw_predict_variance(struct fw_graph *g, uint32_t n_nodes,
                                   double (*variance)(const struct fw_moment_cx *m,
                                                      const struct fw_fans *fans, double gain),
                                   const void *scheme, bool coarse, struct fw_arena *arena,
                                   struct fw_variance *ret, struct fw_error *err);

/* A function by the name of its row at mean 0 and variance 1: E f and E f^2. False when there is no
 * such row, or it is no function of one value. attr: NULL for the row's defaults. */
bool fw_function_moments(const char *domain, const char *op, const struct fw_attr *attr,
                         double *ret_mean, double *ret_second);

#endif
