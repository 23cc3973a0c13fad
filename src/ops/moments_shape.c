/* Sums of parts that are not all normal (what went through a rectifier, and a branch added to it):
 * the sum is taken as a rising function of one normal variable that has the sum's distribution. */
#include "ops/moments.h"

#include <math.h>
#include <stdlib.h>

/* A distribution by values and their shares. */
struct share {
    double value, w;
};
enum { N_SHARES = FW_NORMAL_PANELS };

static int by_value(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* A part's values, one for each panel of the points. */
static unsigned shares_of(struct fw_moment_cx *m, const struct fw_moments *x, struct share *ret)
{
    const struct fw_moments *base = &m->all[x->base];
    double f[FW_NORMAL_POINTS];
    unsigned n = 0;
    fw_moments_curve_at(m, x, FW_OF_VALUE, fw_moments_scale(base, base->second), f);
    for (int i = 0; i < FW_NORMAL_POINTS; i += FW_NORMAL_ORDER) {
        struct share s = {0, 0};
        for (int k = i; k < i + FW_NORMAL_ORDER; k++) {
            s.value += m->normal->w[k] * f[k];
            s.w += m->normal->w[k];
        }
        s.value /= s.w;
        if (s.w > 1e-12)
            ret[n++] = s;
    }
    return n;
}

/* What a sum is made of: the parts that are not normal, and the normal rest. */
struct sum {
    struct share at[N_SHARES];
    unsigned n;
    double mean, variance;
};

/* Adds a part that is not normal: all pairs of values, joined to as few as before. */
static bool add_part(struct fw_moment_cx *m, const struct fw_moments *x, struct sum *sum)
{
    struct share part[N_SHARES];
    struct share *all = fw_arena_array(m->scratch, (size_t)N_SHARES * N_SHARES, sizeof *all);
    unsigned n = shares_of(m, x, part);
    size_t n_all = 0, k = 0;
    if (all == NULL)
        return false;
    for (unsigned i = 0; i < sum->n; i++)
        for (unsigned j = 0; j < n; j++)
            all[n_all++] =
                (struct share){sum->at[i].value + part[j].value, sum->at[i].w * part[j].w};
    qsort(all, n_all, sizeof *all, by_value);
    size_t each = n_all / N_SHARES + 1;
    for (sum->n = 0; k < n_all; sum->n++) {
        struct share s = {0, 0};
        for (size_t end = k + each < n_all ? k + each : n_all; k < end; k++) {
            s.value += all[k].w * all[k].value;
            s.w += all[k].w;
        }
        s.value /= s.w;
        sum->at[sum->n] = s;
    }
    return true;
}

static double below(double z)
{
    return erfc(-z / sqrt(2)) / 2;
}

static double share_below(const struct sum *s, double spread, double t)
{
    double share = 0;
    for (unsigned i = 0; i < s->n; i++)
        share += s->at[i].w * below((t - s->mean - s->at[i].value) / spread);
    return share;
}

/* Values at the points: those below which as much lies as below the points. Parts that are not
 * normal alone are smoothed a little. */
static void find_values(const struct fw_moment_cx *m, const struct sum *s, double *ret)
{
    enum { STEPS = 400 };
    double least = s->at[0].value, most = s->at[s->n - 1].value;
    double spread = fmax(sqrt(s->variance), (most - least) / 200), reach = 7 * spread;
    double step = (most - least + 2 * reach) / STEPS, t = s->mean + least - reach, low = 0;
    double high = share_below(s, spread, t);
    for (int i = 0, k = 0; i < FW_NORMAL_POINTS; i++) {
        double want = below(m->normal->z[i]);
        for (; high < want && k < STEPS; k++) {
            low = high;
            t += step;
            high = share_below(s, spread, t);
        }
        ret[i] = t - (high > low && high >= want ? (high - want) / (high - low) * step : 0);
    }
}

/* Exactly the mean and the second moment (1) that it should have. */
static void put_right(const struct fw_moment_cx *m, double mean, double *value)
{
    double is = fw_normal_mean(m->normal, value);
    double spread = sqrt(fmax(fw_normal_square(m->normal, value) - is * is, 1e-300));
    double by = sqrt(fmax(1 - mean * mean, 0)) / spread;
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        value[i] = mean + by * (value[i] - is);
}

bool fw_moments_shape(struct fw_moment_cx *m, const struct fw_moments *const *parts, unsigned n,
                      struct fw_moments *y)
{
    double *value = fw_arena_array(m->arena, FW_SHAPE_VALUES, sizeof *value);
    double a[FW_HERMITE_VALUES];
    if (value == NULL || !(y->second > 0))
        return value != NULL;
    struct sum sum = {.at = {{0, 1}}, .n = 1};
    for (unsigned i = 0; i < n; i++) {
        const struct fw_moments *x = parts[i];
        if (x->curve == NULL && m->all[x->base].shape == NULL) {
            sum.mean += x->mean;
            sum.variance += x->second - x->mean * x->mean;
        } else if (!add_part(m, x, &sum)) {
            return false;
        }
    }
    find_values(m, &sum, value);
    put_right(m, y->mean / sqrt(y->second), value);
    fw_normal_hermite(m->normal, value, a);
    for (int i = 0; i < FW_SHAPE_PAIRS; i++)
        value[FW_NORMAL_POINTS + i] = fw_normal_join(a, a, -1 + 2.0 * i / (FW_SHAPE_PAIRS - 1));
    y->shape = value;
    return true;
}

static double between(double x, double low, double high)
{
    return x > high ? high : x > low ? x : low;
}

double fw_moments_tie(const struct fw_moments *base, double pair, double both)
{
    if (!(both > 0))
        return 0;
    if (base->shape == NULL)
        return between((pair - base->mean * base->mean) / both, -1, 1);
    const double *t = base->shape + FW_NORMAL_POINTS;
    double step = 2.0 / (FW_SHAPE_PAIRS - 1);
    int low = 0, high = FW_SHAPE_PAIRS - 1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(t[middle] * both > pair ? &high : &low) = middle;
    }
    double part = t[high] > t[low] ? (pair / both - t[low]) / (t[high] - t[low]) : 0;
    return -1 + step * (low + between(part, 0, 1));
}
