/* See normal.h. */
#include "ops/normal.h"

#include <math.h>
#include <stdlib.h>

#define WIDTH 0.25
#define REACH 9.0
enum { N_HERMITE = 64 };

void fw_normal_init(struct fw_normal *n)
{
    // nodes and weights of the 6-point rule on -1..1 (Abramowitz and Stegun 1964, table 25.4)
    static const double x[] = {0.238619186083196909, 0.661209386466264514, 0.932469514203152028};
    static const double w[] = {0.467913934572691047, 0.360761573048138608, 0.171324492379170345};
    double sum = 0;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        int k = i % FW_NORMAL_ORDER;
        double side = k < 3 ? -x[2 - k] : x[k - 3];
        double middle = -REACH + WIDTH * (i / FW_NORMAL_ORDER + 0.5);
        n->z[i] = middle + side * WIDTH / 2;
        n->w[i] = (k < 3 ? w[2 - k] : w[k - 3]) * exp(-n->z[i] * n->z[i] / 2);
        sum += n->w[i];
    }
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        n->w[i] /= sum;
}

double fw_normal_mean(const struct fw_normal *n, const double *f)
{
    double sum = 0;
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        sum += n->w[i] * f[i];
    return sum;
}

double fw_normal_square(const struct fw_normal *n, const double *f)
{
    double sum = 0;
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        sum += n->w[i] * f[i] * f[i];
    return sum;
}

double fw_normal_pair(const struct fw_normal *n, const double *f, double c)
{
    double a[N_HERMITE] = {0}, sum = 0, power = 1, left = fw_normal_square(n, f);
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        double h = 1, before = 0;
        for (int k = 0; k < N_HERMITE; k++) {
            a[k] += n->w[i] * f[i] * h;
            double next = (n->z[i] * h - sqrt(k) * before) / sqrt(k + 1);
            before = h;
            h = next;
        }
    }
    for (int k = 0; k < N_HERMITE; k++, power *= c) {
        sum += a[k] * a[k] * power;
        left -= a[k] * a[k];
    }
    return sum + (left > 0 ? left * power : 0);
}

/* Value at z between the points. */
static double between(const struct fw_normal *n, const double *f, double z)
{
    double at = (z + REACH) / WIDTH;
    int i = at < 0 ? 0 : (int)at * FW_NORMAL_ORDER;
    if (i > FW_NORMAL_POINTS - 2)
        i = FW_NORMAL_POINTS - 2;
    while (i > 0 && n->z[i] > z)
        i--;
    while (i < FW_NORMAL_POINTS - 2 && n->z[i + 1] < z)
        i++;
    double share = (z - n->z[i]) / (n->z[i + 1] - n->z[i]);
    return f[i] + share * (f[i + 1] - f[i]);
}

struct candidate {
    double f, d, w;
};

static int by_value(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->f > y->f) - (x->f < y->f);
}

/* One common part u: what the largest of k independent ones gives. */
static void largest(struct candidate *list, double k, double *mean, double *square, double *slope)
{
    double below = 0, sum = 0;
    *mean = *square = *slope = 0;
    qsort(list, FW_NORMAL_POINTS, sizeof *list, by_value);
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        sum += list[i].w;
        double up_to = pow(sum < 1 ? sum : 1, k), p = up_to - below;
        below = up_to;
        *mean += p * list[i].f;
        *square += p * list[i].f * list[i].f;
        *slope += p * list[i].d;
    }
}

void fw_normal_max(const struct fw_normal *n, const double *f, const double *d, double k, double c,
                   struct fw_normal_largest *ret)
{
    struct candidate list[FW_NORMAL_POINTS];
    double common = sqrt(c > 0 ? c : 0), own = sqrt(c < 1 ? 1 - c : 0);
    ret->square = ret->slope = 0;
    for (int u = 0; u < FW_NORMAL_POINTS; u++) {
        double square, slope;
        for (int i = 0; i < FW_NORMAL_POINTS; i++) {
            double z = common * n->z[u] + own * n->z[i];
            double e = d != NULL ? between(n, d, z) : 1;
            list[i] = (struct candidate){between(n, f, z), e * e, n->w[i]};
        }
        largest(list, k, &ret->mean[u], &square, &slope);
        ret->square += n->w[u] * square;
        ret->slope += n->w[u] * slope;
    }
}
