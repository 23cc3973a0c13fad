/* The square of a gradient given the value it belongs to.
 *
 * What is added to a rectified value is often not enough to bring it below zero, so that of
 * y = relu(x + h) the gradient reaches a large x more often than a small one, and x = relu(z) has
 * passed on none to a z below zero: the two slopes go together. Of a chain of values that are each
 * the one before and something of its own, E[g^2 | value] is therefore followed backwards: through
 * a function by the square of its slope, through a sum by the mean over what was added. */
#include "ops/moments.h"

#include <math.h>
#include <string.h>

static bool start_along(struct fw_moment_cx *m, struct fw_moments *x)
{
    double *v = x->grad_along[0];
    if (v == NULL)
        v = fw_arena_array(m->arena, 2 * (size_t)FW_NORMAL_POINTS, sizeof *v);
    if (v == NULL || v == x->grad_along[0])
        return v != NULL;
    x->grad_along[0] = v;
    x->grad_along[1] = v + FW_NORMAL_POINTS;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        x->grad_along[0][i] = x->grad;
        x->grad_along[1][i] = x->grad_shared;
    }
    return true;
}

void fw_moments_tilt(struct fw_moment_cx *m, struct fw_moments *x, const double had[2],
                     double by[2][FW_NORMAL_POINTS])
{
    const double given[2] = {x->grad - had[0], x->grad_shared - had[1]};
    if (!(given[0] > 0) || !start_along(m, x))
        return;
    for (unsigned k = 0; k < 2; k++) {
        double mean = fw_normal_mean(m->normal, by[k]);
        for (int i = 0; mean > 0 && i < FW_NORMAL_POINTS; i++)
            x->grad_along[k][i] += given[k] * (by[k][i] / mean - 1);
    }
}

/* Relative. Where what distant values have in common is next to nothing, how it goes along with
 * them is not known from it. */
static void read_along(const struct fw_moments *y, double ret[2][FW_NORMAL_POINTS])
{
    bool known = y->grad_along[0] != NULL && y->grad > 0, apart = y->grad_shared > 0.02 * y->grad;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        ret[0][i] = known ? fmax(y->grad_along[0][i] / y->grad, 0) : 1;
        ret[1][i] = known && apart ? fmax(y->grad_along[1][i] / y->grad_shared, 0) : ret[0][i];
    }
}

void fw_moments_tilt_same(struct fw_moment_cx *m, struct fw_moments *x, const double had[2],
                          const struct fw_moments *y)
{
    double by[2][FW_NORMAL_POINTS];
    read_along(y, by);
    fw_moments_tilt(m, x, had, by);
}

void fw_moments_along_bend(const struct fw_moments *y, double *ret)
{
    double by[2][FW_NORMAL_POINTS];
    read_along(y, by);
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        ret[i] = by[1][i];
}

/* ---- through a function ---- */

/* E of the product of two gradients given both values is taken as the product of a function of
 * each: for values that have nothing in common that of distant ones, for the same value the root of
 * the square, in between the powers of both. */
static void fill_joint(const struct fw_moment_cx *m, const double *slope,
                       double along[2][FW_NORMAL_POINTS], double *ret)
{
    double both[FW_NORMAL_POINTS], part[FW_NORMAL_POINTS];
    double s[FW_HERMITE_VALUES], a[FW_HERMITE_VALUES], b[FW_HERMITE_VALUES];
    fw_normal_hermite(m->normal, slope, s);
    for (int k = 0; k < FW_ALONG_PAIRS; k++) {
        double c = k / (FW_ALONG_PAIRS - 1.0);
        for (int i = 0; i < FW_NORMAL_POINTS; i++) {
            part[i] = pow(along[1][i], 1 - c) * pow(along[0][i], c / 2);
            both[i] = slope[i] * part[i];
        }
        fw_normal_hermite(m->normal, part, a);
        fw_normal_hermite(m->normal, both, b);
        double even = fw_normal_join(a, a, c) * fw_normal_join(s, s, c);
        ret[k] = even > 0 ? fw_normal_join(b, b, c) / even : 1;
    }
}

void fw_moments_along_slope(const struct fw_moment_cx *m, const struct fw_moments *y,
                            struct fw_along *ret)
{
    const struct fw_moments *base = &m->all[y->base];
    double slope[FW_NORMAL_POINTS], along[2][FW_NORMAL_POINTS];
    fw_moments_curve_at(m, y, FW_OF_SLOPE, fw_moments_scale(base, base->second), slope);
    read_along(y, along);
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        ret->by[0][i] = slope[i] * slope[i] * along[0][i];
        ret->by[1][i] = slope[i] * along[1][i];
    }
    for (int k = 0; k < FW_ALONG_PAIRS; k++)
        ret->joint[k] = 1;
    if (y->grad_along[0] != NULL)
        fill_joint(m, slope, along, ret->joint);
}

double fw_moments_along_pair(const struct fw_along *a, double c)
{
    double at = (c > 1 ? 1 : c > 0 ? c : 0) * (FW_ALONG_PAIRS - 1);
    int k = (int)at;
    if (k > FW_ALONG_PAIRS - 2)
        k = FW_ALONG_PAIRS - 2;
    return a->joint[k] + (at - k) * (a->joint[k + 1] - a->joint[k]);
}

/* ---- through a sum ---- */

/* A function of the sum's value, between its points. */
struct known {
    double at[FW_NORMAL_POINTS], f[FW_NORMAL_POINTS];
};

/* f at t; *i is where the last one was found. */
static double look_up(const struct known *k, double t, int *i)
{
    while (*i > 0 && k->at[*i] > t)
        --*i;
    while (*i < FW_NORMAL_POINTS - 2 && k->at[*i + 1] < t)
        ++*i;
    double step = k->at[*i + 1] - k->at[*i], part = step > 0 ? (t - k->at[*i]) / step : 0;
    part = fmax(fmin(part, 1), 0);
    return k->f[*i] + part * (k->f[*i + 1] - k->f[*i]);
}

/* The function's mean where values are added to its argument. What
 * comes out is smooth: found at a point of each panel, and straight between these. */
static void smoothe(const struct fw_moment_cx *m, struct known *k, const double *value)
{
    double f[FW_NORMAL_POINTS];
    int each = m->coarse ? FW_NORMAL_ORDER : 1, before = -1;
    for (int panel = 0; panel <= FW_NORMAL_PANELS; panel++) {
        int i = panel < FW_NORMAL_PANELS ? panel * FW_NORMAL_ORDER : FW_NORMAL_POINTS - 1;
        double sum = 0, w = 0;
        int at = i;
        for (int j = each / 2; j < FW_NORMAL_POINTS; j += each) {
            if (m->normal->w[j] < 1e-12)
                continue;
            sum += m->normal->w[j] * look_up(k, k->at[i] + value[j], &at);
            w += m->normal->w[j];
        }
        f[i] = sum / w;
        for (int l = before + 1; before >= 0 && l < i; l++)
            f[l] = f[before] + (f[i] - f[before]) * (k->at[l] - k->at[before]) /
                                   fmax(k->at[i] - k->at[before], 1e-300);
        before = i;
    }
    memcpy(k->f, f, sizeof f);
}

static bool is_normal(const struct fw_moment_cx *m, const struct fw_moments *x)
{
    return x->curve == NULL && m->all[x->base].shape == NULL;
}

/* f, a function of the sum, as one of input `part`: its mean over the others. */
static void over_others(struct fw_moment_cx *m, const struct fw_moments *y, unsigned part,
                        const double *f, double *ret)
{
    const struct fw_moments *x = fw_moments_in(m, part), *base = &m->all[x->base];
    double scale = fw_moments_scale(y, y->second), mean = 0, variance = 0;
    double value[FW_NORMAL_POINTS];
    struct known k;
    int at = 0;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        k.at[i] = fw_moments_value(m, y, scale, i, 0);
        k.f[i] = f[i];
    }
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        const struct fw_moments *other = fw_moments_in(m, i);
        if (i == part || other == NULL || !other->known)
            continue;
        if (is_normal(m, other)) {
            mean += other->mean;
            variance += other->second - other->mean * other->mean;
            continue;
        }
        const struct fw_moments *of = &m->all[other->base];
        fw_moments_curve_at(m, other, FW_OF_VALUE, fw_moments_scale(of, of->second), value);
        smoothe(m, &k, value);
    }
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        value[i] = mean + sqrt(fmax(variance, 0)) * m->normal->z[i];
    smoothe(m, &k, value);
    fw_moments_curve_at(m, x, FW_OF_VALUE, fw_moments_scale(base, base->second), value);
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        ret[i] = look_up(&k, value[i], &at);
}

void fw_moments_along_part(struct fw_moment_cx *m, const struct fw_moments *y, unsigned part,
                           double ret[2][FW_NORMAL_POINTS])
{
    double along[2][FW_NORMAL_POINTS];
    read_along(y, along);
    for (unsigned k = 0; k < 2; k++)
        over_others(m, y, part, along[k], ret[k]);
}
