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
#include "ops/pairs.h"

struct fw_moments {
    bool known;
    double mean;
    double second; // E x^2, mean over positions
    /* E x y of one channel: at the same position of two examples, and at two positions drawn at
     * random. */
    double shared, far;
    const struct fw_pairs *pairs; // position by position; NULL: not followed, or see curve
    /* Its value as a function of the standard normal variable that tensor `base` is made from:
     * (FW_CURVE_VALUES), or NULL: it is a normal variable itself. */
    const double *curve;
    uint32_t base;
    /* Of a tensor that is its own base and no normal variable, but a rising function of one: see
     * fw_moments_shape. NULL: normal. */
    const double *shape;
    double terms; // independent products it is the sum of; 0: not such a sum
    /* Its gradient is divided by the deviation of its own values over the positions: the weights
     * that made it large made that gradient small. */
    bool divided;
    /* Of the function since the last layer, at variance 1; 0 and 1 where there was none. */
    double unit_mean, unit_second;
    const char *function; // "Relu"; NULL: none
    /* Of the gradient with respect to it. */
    double grad, grad_shared;    // E g^2 and E g h at two distant positions
    struct fw_pairs *grad_pairs; // NULL: these two say all
    /* Of two positions, E of the gradients' slopes by the value there: how the gradient goes along
     * with the value. NULL: not at all. */
    struct fw_pairs *grad_bend;
    /* E g^2 given its value (FW_NORMAL_POINTS, at the points of its base), its mean is grad; and a
     * function of one value whose product is E g h given two distant ones, its mean is grad_shared.
     * NULL: the same for all. */
    double *grad_along[2];
};

/* A curve has sections of FW_NORMAL_POINTS values: at three deviations of the base, the least, the
 * middle and the greatest of all positions, the function at the points, a step above and a step
 * below; then at mean 0 and variance 1. */
enum {
    FW_CURVE_AT,
    FW_CURVE_UP,
    FW_CURVE_DOWN,
    FW_CURVE_KINDS,
    FW_CURVE_LEVELS = 3,
    FW_CURVE_UNIT = FW_CURVE_LEVELS * FW_CURVE_KINDS,
    FW_CURVE_VALUES = (FW_CURVE_UNIT + 1) * FW_NORMAL_POINTS
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
    struct fw_arena *arena, *scratch; // what lasts, and what does for one node
    struct fw_pair_axis *axes;
    struct fw_pair_map *maps;
    bool coarse; // fewer positions: faster
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
    bool masks;             // pointwise: what no activation had part in hides nothing
    uint32_t ones;          // bit i: a parameter at input i starts at 1, else at `start`
    double start;           // where parameters start: 0 for biases
    bool starts;            // pointwise: parameters of any kind do so; else they are not to be had
    /* Sets all[] of its outputs (on entry: not known). False: not for this node. */
    bool (*forward)(struct fw_moment_cx *m);
    /* Adds to grad of its inputs; that of every output is complete. */
    void (*backward)(struct fw_moment_cx *m);
};

extern const struct fw_moment_rule fw_moments_pointwise, fw_moments_biased, fw_moments_slopes,
    fw_moments_sum, fw_moments_product, fw_moments_same, fw_moments_conv, fw_moments_matmul,
    fw_moments_gemm, fw_moments_pool, fw_moments_mean, fw_moments_batch, fw_moments_layer,
    fw_moments_rms, fw_moments_dropout, fw_moments_concat, fw_moments_softmax, fw_moments_table,
    fw_moments_attention, fw_moments_attend, fw_moments_difference, fw_moments_quotient,
    fw_moments_choice, fw_moments_turned, fw_moments_lrn, fw_moments_group, fw_moments_skip_layer,
    fw_moments_skip_rms;

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
/* The correlation that goes with a pair's moment (shared or far) of a normal variable. */
double fw_moments_correlation(const struct fw_moments *base, double pair);
double fw_moments_gain(const struct fw_moments *x); // of the function it went through
/* E w^2/v of a weight and the variance v that it is a part of, relative to E w^2 E 1/v: 1 - 2/k for
 * k weights in a value. 1 where the gradient of y is not divided by such a variance. */
double fw_moments_less(const struct fw_moments *y, double fan_in);
/* Attribute of the node by its name; NULL: the row has none. */
const struct fw_attr *fw_moments_attr(const struct fw_moment_cx *m, const char *name);
/* Adds to the gradient of x. */
void fw_moments_give(struct fw_moments *x, double square, double pair);

/* ---- position by position (ops/moments_pairs.c); NULL, false: no memory, or none to be had ----
 */

/* Deviations of a normal variable at the levels of curves. */
void fw_moments_levels(const struct fw_moments *base, double *ret);
/* The deviation of a normal variable, the root of the second moment of one with a shape. */
double fw_moments_scale(const struct fw_moments *base, double second);
/* The correlation (-1 to 1) of the normal variables behind two values with E x y = pair; both: the
 * product of their scales. */
double fw_moments_tie(const struct fw_moments *base, double pair, double both);
/* Value of a variable of this scale at point i; with a step above it. */
double fw_moments_value(const struct fw_moment_cx *m, const struct fw_moments *base, double scale,
                        int i, double step);
/* Coefficients at every position of x's base, (positions * FW_HERMITE_VALUES): of x's values, of
 * their slope by the base's value, of that slope's slope. */
enum fw_moment_of { FW_OF_VALUE, FW_OF_SLOPE, FW_OF_BEND };
double *fw_moments_coefficients(struct fw_moment_cx *m, const struct fw_moments *x,
                                enum fw_moment_of what);
/* The curve (values or slope) at deviation s of the base: (FW_NORMAL_POINTS). */
void fw_moments_curve_at(const struct fw_moment_cx *m, const struct fw_moments *x,
                         enum fw_moment_of what, double s, double *ret);
/* Of x: its own, or those of a function of its base's. */
const struct fw_pairs *fw_moments_pairs(struct fw_moment_cx *m, const struct fw_moments *x);
bool fw_has_positions(const struct fw_tensor *t, const struct fw_pairs *p);
/* Positions along `n` dimensions of a tensor from the first on, nothing filled. */
struct fw_pairs *fw_moments_layout(struct fw_moment_cx *m, struct fw_arena *arena, unsigned n,
                                   const fw_dim *sizes, unsigned first, unsigned sets);
/* x in these positions: as it stands, or alike everywhere where it is not followed. */
const struct fw_pairs *fw_moments_in_layout(struct fw_moment_cx *m, const struct fw_moments *x,
                                            const struct fw_pairs *layout);
/* Gives y, a sum of n independent parts of which some are not normal, a distribution like that of
 * the sum: values at the points, of second moment 1 (shape), then what E y y' is, relative to E
 * y^2, at correlations from -1 to 1 of the normal variables behind. */
enum { FW_SHAPE_PAIRS = 201, FW_SHAPE_VALUES = FW_NORMAL_POINTS + FW_SHAPE_PAIRS };
bool fw_moments_shape(struct fw_moment_cx *m, const struct fw_moments *const *parts, unsigned n,
                      struct fw_moments *y);
/* Output i is a normal variable of its own with these moments. */
void fw_moments_set_pairs(struct fw_moment_cx *m, unsigned i, double mean,
                          const struct fw_pairs *p);
/* The gradient of y in these positions. */
const struct fw_pairs *fw_moments_grad_pairs(struct fw_moment_cx *m, const struct fw_moments *y,
                                             const struct fw_pairs *layout);
/* Adds to the gradient of x; g may be in scratch. */
void fw_moments_give_pairs(struct fw_moment_cx *m, struct fw_moments *x, const struct fw_pairs *g);
void fw_moments_give_bend(struct fw_moment_cx *m, struct fw_moments *x, const struct fw_pairs *g);
/* ---- how the square of a gradient goes along with the value (ops/moments_along.c) ---- */

/* What was given to x since grad and grad_shared were `had` goes along with the value like `by`. */
void fw_moments_tilt(struct fw_moment_cx *m, struct fw_moments *x, const double had[2],
                     double by[2][FW_NORMAL_POINTS]);
void fw_moments_tilt_same(struct fw_moment_cx *m, struct fw_moments *x, const double had[2],
                          const struct fw_moments *y); // as y's does
/* How y's base sees it (relative); and of two values with correlation c, what E of the product of
 * both slopes and gradients is, relative to slopes and gradients apart. */
enum { FW_ALONG_PAIRS = 11 };
struct fw_along {
    double by[2][FW_NORMAL_POINTS];
    double joint[FW_ALONG_PAIRS]; // at c from 0 to 1
};
void fw_moments_along_slope(const struct fw_moment_cx *m, const struct fw_moments *y,
                            struct fw_along *ret);
double fw_moments_along_pair(const struct fw_along *a, double c);
void fw_moments_along_bend(const struct fw_moments *y, double *ret); // relative, of distant values
/* How input `part` of a sum sees that of its result, which has grad_along. */
void fw_moments_along_part(struct fw_moment_cx *m, const struct fw_moments *y, unsigned part,
                           double ret[2][FW_NORMAL_POINTS]);

/* What a function's output (base != itself) passes on to its base. */
void fw_moments_through(struct fw_moment_cx *m, const struct fw_moments *y);

#endif
