/* Moments position by position; see moments.h and pairs.h. */
#include "ops/moments.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- functions of a base ---- */

double fw_moments_scale(const struct fw_moments *base, double second)
{
    return sqrt(fmax(second - (base->shape == NULL ? base->mean * base->mean : 0), 0));
}

double fw_moments_value(const struct fw_moment_cx *m, const struct fw_moments *base, double scale,
                        int i, double step)
{
    return base->shape != NULL ? scale * (base->shape[i] + step)
                               : base->mean + scale * (m->normal->z[i] + step);
}

static double scale_at(const struct fw_moments *base, size_t position)
{
    const struct fw_pairs *p = base->pairs;
    return fw_moments_scale(base,
                            p != NULL ? (double)p->at[0][fw_pair_same(p, position)] : base->second);
}

void fw_moments_levels(const struct fw_moments *base, double *ret)
{
    size_t n = base->pairs != NULL ? base->pairs->positions : 1;
    double least = scale_at(base, 0), most = least;
    for (size_t i = 1; i < n; i++) {
        least = fmin(least, scale_at(base, i));
        most = fmax(most, scale_at(base, i));
    }
    if (most - least < 1e-5 * most)
        least = most;
    ret[0] = least;
    ret[1] = (least + most) / 2;
    ret[2] = most;
}

/* Weights of the levels at deviation s: the parabola through them. */
static void level_weights(const double *level, double s, double *ret)
{
    double half = level[2] - level[1], x = half > 0 ? (s - level[1]) / half : 0;
    ret[0] = x * (x - 1) / 2;
    ret[1] = 1 - x * x;
    ret[2] = x * (x + 1) / 2;
}

/* One section's values, or slopes. */
static void read_section(const struct fw_moments *x, enum fw_moment_of what, unsigned level,
                         double deviation, double *ret)
{
    const double *at = x->curve + (size_t)level * FW_CURVE_KINDS * FW_NORMAL_POINTS;
    double by = deviation > 0 ? 1 / (2 * FW_CURVE_STEP * deviation) : 0;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        double slope = by * (at[FW_CURVE_UP * FW_NORMAL_POINTS + i] -
                             at[FW_CURVE_DOWN * FW_NORMAL_POINTS + i]);
        ret[i] = what == FW_OF_VALUE ? at[i] : slope;
    }
}

void fw_moments_curve_at(const struct fw_moment_cx *m, const struct fw_moments *x,
                         enum fw_moment_of what, double s, double *ret)
{
    const struct fw_moments *base = &m->all[x->base];
    double level[FW_CURVE_LEVELS], weight[FW_CURVE_LEVELS], f[FW_NORMAL_POINTS];
    if (x->curve == NULL) {
        for (int i = 0; i < FW_NORMAL_POINTS; i++)
            ret[i] = what == FW_OF_VALUE ? fw_moments_value(m, base, s, i, 0) : 1;
        return;
    }
    fw_moments_levels(base, level);
    level_weights(level, s, weight);
    memset(ret, 0, FW_NORMAL_POINTS * sizeof *ret);
    for (unsigned l = 0; l < FW_CURVE_LEVELS; l++) {
        read_section(x, what, l, level[l], f);
        for (int i = 0; i < FW_NORMAL_POINTS; i++)
            ret[i] += weight[l] * f[i];
    }
}

/* Coefficients of the slope's own slope, from interval to interval, so that a step counts too. */
static void bend(const struct fw_moment_cx *m, const struct fw_moments *base, double scale,
                 const double *slope, double *ret)
{
    const double *z = m->normal->z;
    memset(ret, 0, FW_HERMITE_VALUES * sizeof *ret);
    for (int i = 0; i + 1 < FW_NORMAL_POINTS; i++) {
        double middle = (z[i] + z[i + 1]) / 2, density = exp(-middle * middle / 2) / sqrt(2 * PI);
        double step =
            fw_moments_value(m, base, scale, i + 1, 0) - fw_moments_value(m, base, scale, i, 0);
        if (step > 0 && density > 1e-12)
            fw_hermite_add(m->normal, middle,
                           density * (z[i + 1] - z[i]) * (slope[i + 1] - slope[i]) / step, ret);
    }
}

double *fw_moments_coefficients(struct fw_moment_cx *m, const struct fw_moments *x,
                                enum fw_moment_of what)
{
    const struct fw_moments *base = &m->all[x->base];
    size_t n = base->pairs != NULL ? base->pairs->positions : 1;
    double level[FW_CURVE_LEVELS], f[FW_NORMAL_POINTS], at[FW_CURVE_LEVELS][FW_HERMITE_VALUES];
    double *ret = fw_arena_array(m->scratch, n * FW_HERMITE_VALUES, sizeof *ret);
    double along[FW_NORMAL_POINTS];
    fw_moments_along_bend(x, along);
    fw_moments_levels(base, level);
    bool even = level[0] == level[FW_CURVE_LEVELS - 1]; // the middle one has all the weight
    memset(at, 0, sizeof at);
    for (unsigned l = even ? 1 : 0; l < (even ? 2 : FW_CURVE_LEVELS); l++) {
        read_section(x, what == FW_OF_VALUE ? what : FW_OF_SLOPE, l, level[l], f);
        if (what == FW_OF_BEND) {
            for (int i = 0; i < FW_NORMAL_POINTS; i++)
                f[i] *= along[i];
            bend(m, base, level[l], f, at[l]);
        } else {
            fw_normal_hermite(m->normal, f, at[l]);
        }
    }
    for (size_t i = 0; ret != NULL && i < n; i++) {
        double weight[FW_CURVE_LEVELS], *a = ret + i * FW_HERMITE_VALUES;
        level_weights(level, scale_at(base, i), weight);
        for (unsigned k = 0; k < FW_HERMITE_VALUES; k++) {
            a[k] = 0;
            for (unsigned l = 0; l < FW_CURVE_LEVELS; l++)
                a[k] += weight[l] * at[l][k];
        }
    }
    return ret;
}

/* Correlations of the base's normal variables at all its pairs, of one example and of two. */
static double *correlations(struct fw_moment_cx *m, const struct fw_moments *base, unsigned set)
{
    const struct fw_pairs *p = base->pairs;
    double *c = fw_arena_array(m->scratch, p->size, sizeof *c);
    double *scale = fw_arena_array(m->scratch, p->positions, sizeof *scale);
    if (c == NULL || scale == NULL)
        return NULL;
    for (size_t i = 0; i < p->positions; i++)
        scale[i] = scale_at(base, i);
    for (size_t i = 0; i < p->size; i++) {
        size_t a, b, turned = fw_pair_turned(p, i);
        fw_pair_ends(p, i, &a, &b);
        c[i] = turned < i ? c[turned]
                          : fw_moments_tie(base, (double)p->at[set][i], scale[a] * scale[b]);
    }
    return c;
}

/* E f(p) f(q) of what x's base makes of f, at all its pairs of these correlations. */
static struct fw_pairs *joined(struct fw_moment_cx *m, const struct fw_moments *x,
                               enum fw_moment_of what, const double *const *c, unsigned sets)
{
    const struct fw_pairs *from = m->all[x->base].pairs;
    struct fw_pairs *ret = fw_pairs_new(m->scratch, from->n, from->axis, from->dim, sets);
    double *a = fw_moments_coefficients(m, x, what);
    if (ret == NULL || a == NULL)
        return NULL;
    for (size_t i = 0; i < from->size; i++) {
        size_t p, q, turned = fw_pair_turned(from, i);
        fw_pair_ends(from, i, &p, &q);
        for (unsigned s = 0; s < sets; s++)
            ret->at[s][i] = turned < i ? ret->at[s][turned]
                                       : (float)fw_normal_join(a + p * FW_HERMITE_VALUES,
                                                               a + q * FW_HERMITE_VALUES, c[s][i]);
    }
    for (size_t p = 0; p < from->positions; p++) { // exactly, with what the coefficients leave out
        const double *f = a + p * FW_HERMITE_VALUES;
        ret->at[0][fw_pair_same(from, p)] = (float)fw_normal_join(f, f, 1);
    }
    return ret;
}

const struct fw_pairs *fw_moments_pairs(struct fw_moment_cx *m, const struct fw_moments *x)
{
    if (x->pairs != NULL || x->curve == NULL || m->all[x->base].pairs == NULL)
        return x->pairs;
    const struct fw_moments *base = &m->all[x->base];
    const double *c[2] = {correlations(m, base, 0), correlations(m, base, 1)};
    return c[0] != NULL && c[1] != NULL ? joined(m, x, FW_OF_VALUE, c, 2) : NULL;
}

void fw_moments_through(struct fw_moment_cx *m, const struct fw_moments *y)
{
    struct fw_moments *base = &m->all[y->base];
    struct fw_along a;
    const double had[2] = {base->grad, base->grad_shared};
    fw_moments_along_slope(m, y, &a);
    if (y->curve == NULL) { // the base itself under another name
        fw_moments_give_bend(m, base, y->grad_bend);
        fw_moments_give_pairs(m, base, fw_moments_grad_pairs(m, y, base->pairs));
        fw_moments_tilt(m, base, had, a.by);
        return;
    }
    const struct fw_pairs *g = fw_moments_grad_pairs(m, y, base->pairs);
    const double *c = correlations(m, base, 0);
    struct fw_pairs *slope = c != NULL ? joined(m, y, FW_OF_SLOPE, &c, 1) : NULL;
    struct fw_pairs *bend = c != NULL ? joined(m, y, FW_OF_BEND, &c, 1) : NULL;
    if (slope == NULL || bend == NULL || g == NULL)
        return;
    for (size_t i = 0; i < g->size; i++) {
        slope->at[0][i] *= g->at[0][i] * (float)fw_moments_along_pair(&a, c[i]);
        bend->at[0][i] *= g->at[0][i];
    }
    for (size_t p = 0; p < g->positions; p++)
        bend->at[0][fw_pair_same(g, p)] = 0;
    fw_moments_give_bend(m, base, bend);
    fw_moments_give_pairs(m, base, slope);
    fw_moments_tilt(m, base, had, a.by);
}

/* ---- layouts ---- */

struct fw_pairs *fw_moments_layout(struct fw_moment_cx *m, struct fw_arena *arena, unsigned n,
                                   const fw_dim *sizes, unsigned first, unsigned sets)
{
    const struct fw_pair_axis *axis[FW_PAIR_AXES];
    unsigned dim[FW_PAIR_AXES];
    if (n > FW_PAIR_AXES)
        return NULL;
    for (unsigned k = 0; k < n; k++) {
        axis[k] = sizes[k].word > 0 ? fw_pair_axis(&m->axes, m->arena, sizes[k].word, n, m->coarse)
                                    : NULL;
        dim[k] = first + k;
        if (axis[k] == NULL)
            return NULL;
    }
    return fw_pairs_new(arena, n, axis, dim, sets);
}

static void fill_even(struct fw_pairs *p, double same, double far, double shared)
{
    for (size_t i = 0; i < p->size; i++) {
        p->at[0][i] = (float)far;
        if (p->at[1] != NULL)
            p->at[1][i] = (float)shared;
    }
    for (size_t i = 0; i < p->positions; i++)
        p->at[0][fw_pair_same(p, i)] = (float)same;
}

const struct fw_pairs *fw_moments_in_layout(struct fw_moment_cx *m, const struct fw_moments *x,
                                            const struct fw_pairs *layout)
{
    const struct fw_pairs *own = fw_moments_pairs(m, x);
    if (own != NULL && fw_pairs_alike(own, layout))
        return own;
    struct fw_pairs *p = fw_pairs_new(m->scratch, layout->n, layout->axis, layout->dim, 2);
    if (p != NULL)
        fill_even(p, x->second, x->far, x->shared);
    return p;
}

/* Mean over pairs of two different positions. */
static double apart(const struct fw_pairs *p, const float *at, double same)
{
    double n = 1;
    for (unsigned k = 0; k < p->n; k++)
        n *= (double)p->axis[k]->n;
    return n > 1 ? (n * fw_pairs_mean(p, at) - same) / (n - 1) : same;
}

void fw_moments_set_pairs(struct fw_moment_cx *m, unsigned i, double mean, const struct fw_pairs *p)
{
    double second = fw_pairs_same(p, p->at[0]);
    fw_moments_set(m, i, mean, second, fw_pairs_same(p, p->at[1]), apart(p, p->at[0], second));
    struct fw_moments *y = fw_moments_out(m, i);
    if (y == NULL)
        return;
    y->pairs = p;
    // with its second moment its mean differs from position to position: a shape scales both
    const struct fw_moments normal = *y, *part = &normal;
    if (mean != 0 && y->second - mean * mean > 1e-9 * y->second)
        (void)fw_moments_shape(m, &part, 1, y);
}

/* ---- gradients ---- */

const struct fw_pairs *fw_moments_grad_pairs(struct fw_moment_cx *m, const struct fw_moments *y,
                                             const struct fw_pairs *layout)
{
    if (y->grad_pairs != NULL && fw_pairs_alike(y->grad_pairs, layout))
        return y->grad_pairs;
    struct fw_pairs *p = fw_pairs_new(m->scratch, layout->n, layout->axis, layout->dim, 1);
    if (p != NULL)
        fill_even(p, y->grad, y->grad_shared, 0);
    return p;
}

/* What does not depend on the value. */
static void add_even(struct fw_moments *x, double square, double pair)
{
    for (int i = 0; x->grad_along[0] != NULL && i < FW_NORMAL_POINTS; i++) {
        x->grad_along[0][i] += square;
        x->grad_along[1][i] += pair;
    }
}

void fw_moments_give(struct fw_moments *x, double square, double pair)
{
    if (x == NULL)
        return;
    x->grad += square;
    x->grad_shared += pair;
    add_even(x, square, pair);
    struct fw_pairs *g = x->grad_pairs;
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->size; i++)
        g->at[0][i] += (float)pair;
    for (size_t i = 0; i < g->positions; i++)
        g->at[0][fw_pair_same(g, i)] += (float)(square - pair);
}

void fw_moments_give_pairs(struct fw_moment_cx *m, struct fw_moments *x, const struct fw_pairs *g)
{
    if (x == NULL || g == NULL)
        return;
    double square = fw_pairs_same(g, g->at[0]), pair = apart(g, g->at[0], square);
    if (x->grad_pairs != NULL && !fw_pairs_alike(x->grad_pairs, g)) {
        fw_moments_give(x, square, pair);
        return;
    }
    if (x->grad_pairs == NULL) {
        x->grad_pairs = fw_pairs_new(m->arena, g->n, g->axis, g->dim, 1);
        if (x->grad_pairs == NULL)
            return;
        fill_even(x->grad_pairs, x->grad, x->grad_shared, 0);
    }
    for (size_t i = 0; i < g->size; i++)
        x->grad_pairs->at[0][i] += g->at[0][i];
    x->grad += square;
    x->grad_shared += pair;
    add_even(x, square, pair);
}

void fw_moments_give_bend(struct fw_moment_cx *m, struct fw_moments *x, const struct fw_pairs *g)
{
    if (x == NULL || g == NULL || (x->grad_bend != NULL && !fw_pairs_alike(x->grad_bend, g)))
        return;
    if (x->grad_bend == NULL)
        x->grad_bend = fw_pairs_new(m->arena, g->n, g->axis, g->dim, 1);
    for (size_t i = 0; x->grad_bend != NULL && i < g->size; i++)
        x->grad_bend->at[0][i] += g->at[0][i];
}
