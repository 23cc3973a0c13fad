/* Rules for what is divided by something that hardly varies (layer normalisation as exporters write
 * it: x over the root of a mean over channels; response normalisation), for rotated pairs and for
 * masks. */
#include "ops/moments.h"

#include <math.h>

/* Output 0 is input 0 times the root of `by`, a variable of its own. */
static bool set_scaled(struct fw_moment_cx *m, double by)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_pairs *from = fw_moments_pairs(m, x);
    double mean = x->mean * sqrt(by);
    struct fw_pairs *p = NULL;
    if (fw_has_positions(fw_out(&m->cx, 0), from))
        p = fw_pairs_new(m->arena, from->n, from->axis, from->dim, 2);
    for (unsigned set = 0; p != NULL && set < 2; set++)
        for (size_t i = 0; i < p->size; i++)
            p->at[set][i] = (float)by * from->at[set][i];
    if (p != NULL)
        fw_moments_set_pairs(m, 0, mean, p);
    else
        fw_moments_set(m, 0, mean, by * x->second, by * x->shared, by * x->far);
    return true;
}

static void give_scaled(struct fw_moment_cx *m, double by)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    struct fw_moments *x = fw_moments_in(m, 0);
    struct fw_pairs *p = NULL;
    if (fw_has_positions(fw_in(&m->cx, 0), y->grad_pairs))
        p = fw_pairs_new(m->scratch, y->grad_pairs->n, y->grad_pairs->axis, y->grad_pairs->dim, 1);
    for (size_t i = 0; p != NULL && i < p->size; i++)
        p->at[0][i] = (float)by * y->grad_pairs->at[0][i];
    if (p != NULL)
        fw_moments_give_pairs(m, x, p);
    else
        fw_moments_give(x, by * y->grad, by * y->grad_shared);
}

/* ---- quotients ---- */

/* E 1/d^2 of the divisor; 0 where it varies by more than a third, or comes near 0. */
static double inverse_square(struct fw_moment_cx *m)
{
    const struct fw_moments *d = fw_moments_in(m, 1), *base = &m->all[d->base];
    double f[FW_NORMAL_POINTS], sum = 0, square = d->mean * d->mean;
    if (!(d->second - square < square / 10))
        return 0;
    fw_moments_curve_at(m, d, FW_OF_VALUE, fw_moments_scale(base, base->second), f);
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        double v = fmax(fabs(f[i]), fabs(d->mean) / 4); // a tail that is none of a positive mean
        sum += m->normal->w[i] / (v * v);
    }
    return sum;
}

/* The square of a value and the mean of these squares over the channels go together, so that E of
 * their quotient is the quotient of their expectations. */
static bool quotient_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *d = fw_moments_in(m, 1);
    return fw_moments_in(m, 0)->known && d->known && inverse_square(m) > 0 &&
           set_scaled(m, 1 / d->second);
}

static void quotient_backward(struct fw_moment_cx *m)
{
    give_scaled(m, inverse_square(m));
}

const struct fw_moment_rule fw_moments_quotient = {
    .pointwise = true,
    .forward = quotient_forward,
    .backward = quotient_backward,
    .assumption = "divisors hardly vary: they are means over channels, and their own gradient is "
                  "left out"};

/* ---- response normalisation ---- */

static double response(struct fw_moment_cx *m)
{
    const struct fw_attr *alpha = fw_moments_attr(m, "alpha"), *beta = fw_moments_attr(m, "beta");
    const struct fw_attr *bias = fw_moments_attr(m, "bias");
    double sum = bias->f + alpha->f * fw_moments_in(m, 0)->second;
    return sum > 0 ? pow(sum, -2 * beta->f) : 0;
}

static bool lrn_forward(struct fw_moment_cx *m)
{
    return response(m) > 0 && set_scaled(m, response(m));
}

static void lrn_backward(struct fw_moment_cx *m)
{
    give_scaled(m, response(m));
}

const struct fw_moment_rule fw_moments_lrn = {
    .forward = lrn_forward,
    .backward = lrn_backward,
    .assumption = "response normalisation divides by its expectation"};

/* ---- rotated pairs ---- */

static bool turned_forward(struct fw_moment_cx *m)
{
    return set_scaled(m, 1);
}

static void turned_backward(struct fw_moment_cx *m)
{
    give_scaled(m, 1);
}

const struct fw_moment_rule fw_moments_turned = {
    .forward = turned_forward,
    .backward = turned_backward,
    .assumption = "rotating positions leaves them as alike as they were"};

/* ---- choices ---- */

static bool no_choice(struct fw_moment_cx *m)
{
    (void)m;
    return false; // between two activations
}

static void no_backward(struct fw_moment_cx *m)
{
    (void)m;
}

const struct fw_moment_rule fw_moments_choice = {.pointwise = true,
                                                 .masks = true,
                                                 .forward = no_choice,
                                                 .backward = no_backward,
                                                 .assumption = "masks hide nothing"};
