/* See normal.h. */
#include "ops/normal.h"

#include <assert.h>
#include <math.h>

#define WIDTH 0.25
#define REACH 9.0

void fw_normal_init(struct fw_normal *n)
{
    // nodes and weights of the 6-point rule on -1..1 (Abramowitz and Stegun 1964, table 25.4)
    static const double x[] = {0.238619186083196909, 0.661209386466264514, 0.932469514203152028};
    static const double w[] = {0.467913934572691047, 0.360761573048138608, 0.171324492379170345};
    double sum = 0;
    for (int k = 0; k < FW_N_HERMITE; k++) {
        n->up[k] = 1 / sqrt(k + 1);
        n->down[k] = sqrt(k / (k + 1.0));
    }
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        int k = i % FW_NORMAL_ORDER, interval = i / FW_NORMAL_ORDER;
        double side = k < 3 ? -x[2 - k] : x[k - 3];
        double middle = -REACH + WIDTH * (interval + 0.5);
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

/* Adds w*f to the coefficients, at z. */
void fw_hermite_add(const struct fw_normal *n, double z, double wf, double *a)
{
    double h = 1, before = 0;
    for (int k = 0; k < FW_N_HERMITE; k++) {
        a[k] += wf * h;
        double next = z * h * n->up[k] - before * n->down[k];
        before = h;
        h = next;
    }
}

void fw_hermite_finish(double square, double *a)
{
    double left = square;
    for (int k = 0; k < FW_N_HERMITE; k++)
        left -= a[k] * a[k];
    a[FW_N_HERMITE] = left > 0 ? sqrt(left) : 0;
}

/* Several points at a time, each in a lane of its own, which the compiler makes vectors of. */
void fw_normal_hermite(const struct fw_normal *n, const double *f, double *ret)
{
    enum { LANES = 8 };
    double sum[FW_N_HERMITE][LANES] = {{0}};
    static_assert(FW_NORMAL_POINTS % LANES == 0, "lanes are full");
    for (int i = 0; i < FW_NORMAL_POINTS; i += LANES) {
        double h[LANES], before[LANES] = {0};
        for (int l = 0; l < LANES; l++)
            h[l] = n->w[i + l] * f[i + l];
        for (int k = 0; k < FW_N_HERMITE; k++)
            for (int l = 0; l < LANES; l++) {
                sum[k][l] += h[l];
                double next = n->z[i + l] * h[l] * n->up[k] - before[l] * n->down[k];
                before[l] = h[l];
                h[l] = next;
            }
    }
    for (int k = 0; k < FW_N_HERMITE; k++) {
        ret[k] = 0;
        for (int l = 0; l < LANES; l++)
            ret[k] += sum[k][l];
    }
    fw_hermite_finish(fw_normal_square(n, f), ret);
}

double fw_normal_join(const double *a, const double *b, double c)
{
    double sum[4] = {0}, c2 = c * c, c4 = c2 * c2;
    if (c == 0)
        return a[0] * b[0];
    int terms = c2 < 0.01 ? 8 : c2 < 0.1 ? 16 : c2 < 0.36 ? 32 : FW_N_HERMITE; // what c^k leaves
    for (int k = terms - 4; k >= 0; k -= 4)
        for (int i = 0; i < 4; i++)
            sum[i] = sum[i] * c4 + a[k + i] * b[k + i];
    double all = sum[0] + c * sum[1] + c2 * (sum[2] + c * sum[3]);
    return c > 0 && terms == FW_N_HERMITE
               ? all + a[FW_N_HERMITE] * b[FW_N_HERMITE] * pow(c2, FW_N_HERMITE / 2.0)
               : all;
}

double fw_normal_pair(const struct fw_normal *n, const double *f, double c)
{
    double a[FW_HERMITE_VALUES];
    fw_normal_hermite(n, f, a);
    return fw_normal_join(a, a, c);
}

/* Value at z between the points. */
double fw_normal_at(const struct fw_normal *n, const double *f, double z)
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
