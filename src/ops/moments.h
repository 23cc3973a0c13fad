/* Means and squares of activations and gradients at initialisation: the slot `moments` of a row.
 *
 * Weights are independent with mean 0, biases 0, scales 1; inputs are standard normal, every value
 * on its own. Then what a layer makes is close to normal with mean 0, its second moment is exact,
 * and so is that of two positions (or examples) of one channel, which the same weights tie to each
 * other. Follows He et al. 2015 (arXiv 1502.01852) for second moments, Schoenholz et al. 2017
 * (arXiv 1611.01232) for pairs and for gradients, which are taken as independent of the
 * activations they are multiplied with. */
#ifndef FW_OPS_MOMENTS_H
#define FW_OPS_MOMENTS_H

#include "ops/normal.h"
#include "ops/op.h"

enum { FW_MOMENT_AXES = 3 }; // spatial axes along which moments may differ

/* An even profile has no values. */
struct fw_profile {
    const double *at; // (n) relative second moment along the axis, mean 1; NULL: even
    int64_t n;
};

struct fw_moments {
    bool known;
    double mean;
    double second; // E x^2, mean over positions
    /* E x y of one channel: at the same position of two examples; at two positions so near that a
     * window sees both, which overlapping windows before have made more alike; and at two positions
     * drawn at random, which padding has made less alike. */
    double shared, near, far;
    /* Its value as a function of the standard normal variable that tensor `base` is made from:
     * (FW_CURVE_VALUES), or NULL: it is a normal variable itself. */
    const double *curve;
    uint32_t base;
    struct fw_profile profile[FW_MOMENT_AXES];
    struct fw_profile tie[FW_MOMENT_AXES]; // of E x y with y anywhere; NULL: even
    /* Of the function since the last layer, at variance 1; 0 and 1 where there was none. */
    double unit_mean, unit_second;
    const char *function; // "Relu"; NULL: none
    /* Of the gradient with respect to it. */
    double grad, grad_shared; // E g^2 and E g h at two distant positions
    double grad_cross;        // square of its mean product with the normalised value, by channel
    struct fw_profile grad_profile[FW_MOMENT_AXES];
};

/* Sections of a curve, FW_NORMAL_POINTS each: at the points, a step above, a step below, and of the
 * function at mean 0 and variance 1. */
enum {
    FW_CURVE_AT,
    FW_CURVE_UP,
    FW_CURVE_DOWN,
    FW_CURVE_UNIT,
    FW_N_CURVES,
    FW_CURVE_VALUES = FW_N_CURVES * FW_NORMAL_POINTS
};
#define FW_CURVE_STEP 1e-5 // in standard deviations

/* How a layer's weight is used. */
struct fw_fans {
    double in, out;       // products per output value, and per input value, as frameworks define it
    double rows, columns; // of the weight as a matrix
};

struct fw_moment_cx {
    struct fw_cx cx;
    struct fw_moments *all; // (tensors of the graph)
    const struct fw_normal *normal;
    struct fw_arena *arena;
    /* The variance of the weight of a layer whose input went through a function of this gain. */
    double (*variance)(const struct fw_moment_cx *m, const struct fw_fans *fans, double gain);
    const void *scheme;
    struct fw_fans fans; // set by layers
    double weight;       // the variance it was given
};

struct fw_moment_rule {
    const char *assumption; // what it takes for granted beyond the above, or NULL
    bool pointwise;         // one value of each input makes one of the output
    bool layer;             // sets fans
    uint32_t ones;          // bit i: a parameter at input i starts at 1, else at 0 (biases)
    /* Sets all[] of its outputs (on entry: not known). False: not for this node. */
    bool (*forward)(struct fw_moment_cx *m);
    /* Adds to grad of its inputs; that of every output is complete. */
    void (*backward)(struct fw_moment_cx *m);
};

extern const struct fw_moment_rule fw_moments_pointwise, fw_moments_sum, fw_moments_product,
    fw_moments_same, fw_moments_conv, fw_moments_matmul, fw_moments_gemm, fw_moments_pool,
    fw_moments_mean, fw_moments_batch, fw_moments_layer, fw_moments_rms, fw_moments_dropout,
    fw_moments_concat, fw_moments_softmax, fw_moments_table;

/* ---- for rules ---- */

struct fw_moments *fw_moments_in(const struct fw_moment_cx *m, unsigned i);  // NULL: none
struct fw_moments *fw_moments_out(const struct fw_moment_cx *m, unsigned i); // NULL: none
/* Output i is a normal variable of its own with these moments. */
void fw_moments_set(struct fw_moment_cx *m, unsigned i, double mean, double second, double shared,
                    double far);
/* Size as a number; 0 where it is a letter. */
double fw_moments_elements(const struct fw_moment_cx *m, const struct fw_tensor *t);
/* E d^2 and E d d' of the derivative of x by its base's normal variable, at correlation c. */
void fw_moments_slope(const struct fw_moment_cx *m, const struct fw_moments *x, double *ret_square,
                      double *ret_pair);
/* The correlation that goes with a pair's moment (shared, near or far) of a normal variable. */
double fw_moments_correlation(const struct fw_moments *base, double pair);

#endif
