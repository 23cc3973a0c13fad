/* The largest of several correlated normal variables, or of functions of them; see normal.h. */
#include "ops/normal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- all pairs correlated alike: by quadrature ---- */

struct candidate {
    double f, d, w;
};

static int by_value(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->f > y->f) - (x->f < y->f);
}

static bool is_sorted(const struct candidate *list)
{
    for (int i = 1; i < FW_NORMAL_POINTS; i++)
        if (list[i].f < list[i - 1].f)
            return false;
    return true;
}

/* One common part u: what the largest of k independent ones gives. */
struct chosen {
    double mean, square, passed, slope;
};

static struct chosen largest(const struct candidate *list, double k)
{
    double below = 0, sum = 0;
    struct chosen r = {0, 0, 0, 0};
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        sum += list[i].w;
        double up_to = sum < 1e-9 ? 0 : sum > 1 - 1e-15 ? 1 : pow(sum, k), p = up_to - below;
        below = up_to;
        r.mean += p * list[i].f;
        r.square += p * list[i].f * list[i].f;
        r.passed += p * list[i].d;
        r.slope += p * list[i].d * list[i].d;
    }
    return r;
}

/* The points u of the common part, by the trapezoid rule, which is all but exact for what a normal
 * variable smoothes; and the values there. */
enum { STEPS = 20 };

static double weight_of(int s, double *ret_u)
{
    double step = 6.0 / STEPS;
    *ret_u = s * step;
    return step * exp(-*ret_u * *ret_u / 2) / sqrt(2 * acos(-1));
}

static void list_values(const struct fw_normal *n, const double *f, const double *d, double c,
                        double u, struct candidate *list)
{
    double common = sqrt(c > 0 ? c : 0), own = sqrt(c < 1 ? 1 - c : 0);
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        double z = common * u + own * n->z[i];
        list[i] = (struct candidate){fw_normal_at(n, f, z), d != NULL ? fw_normal_at(n, d, z) : 1,
                                     n->w[i]};
    }
    if (!is_sorted(list))
        qsort(list, FW_NORMAL_POINTS, sizeof *list, by_value);
}

/* Products of two maxima for one u, given the largest of the values they share: the others are
 * independent then. */
static double overlapping(const struct candidate *list, double k, double shared)
{
    double up_to[FW_NORMAL_POINTS], sum = 0, above = 0, product = 0;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        sum += list[i].w;
        up_to[i] = sum < 1 ? sum : 1;
    }
    for (int i = FW_NORMAL_POINTS; i-- > 0;) {
        double below = i > 0 ? up_to[i - 1] : 0, rest = pow(up_to[i], k - shared);
        double mean = list[i].f * rest + above;
        product += (pow(up_to[i], shared) - pow(below, shared)) * mean * mean;
        above += list[i].f * (rest - pow(below, k - shared));
    }
    return product;
}

double fw_normal_overlap(const struct fw_normal *n, const double *f, double k, double c,
                         double shared)
{
    struct candidate list[FW_NORMAL_POINTS];
    double product = 0, apart = 0, square = 0, u;
    for (int s = -STEPS; s <= STEPS; s += 2) {
        double w = 2 * weight_of(s, &u);
        list_values(n, f, NULL, c, u, list);
        struct chosen r = largest(list, k);
        product += w * overlapping(list, k, shared);
        apart += w * r.mean * r.mean;
        square += w * r.square;
    }
    return square > apart ? (product - apart) / (square - apart) : 0;
}

void fw_normal_max(const struct fw_normal *n, const double *f, const double *d, double k, double c,
                   struct fw_normal_largest *ret)
{
    struct candidate list[FW_NORMAL_POINTS];
    double square = 0, passed = 0, u;
    memset(ret, 0, sizeof *ret);
    for (int s = -STEPS; s <= STEPS; s++) {
        double w = weight_of(s, &u);
        list_values(n, f, d, c, u, list);
        struct chosen r = largest(list, k);
        ret->square += w * r.square;
        ret->slope += w * r.slope;
        square += w * r.mean * r.mean;
        passed += w * r.passed * r.passed;
        fw_hermite_add(n, u, w * r.mean, ret->mean);
        fw_hermite_add(n, u, w * r.passed, ret->passed);
    }
    fw_hermite_finish(square, ret->mean);
    fw_hermite_finish(passed, ret->passed);
}

/* ---- any correlations: by many points ---- */

double fw_normal_quantile(double p)
{
    static const double a[] = {-39.69683028665376, 220.9460984245205,  -275.9285104469687,
                               138.357751867269,   -30.66479806614716, 2.506628277459239};
    static const double b[] = {-54.47609879822406, 161.5858368580409, -155.6989798598866,
                               66.80131188771972, -13.28068155288572};
    static const double c[] = {-0.007784894002430293, -0.3223964580411365, -2.400758277161838,
                               -2.549732539343734,    4.374664141464968,   2.938163982698783};
    static const double d[] = {0.007784695709041462, 0.3224671290700398, 2.445134137142996,
                               3.754408661907416};
    double tail = p < 0.5 ? p : 1 - p, sign = p < 0.5 ? 1 : -1;
    if (tail < 0.02425) {
        double q = sqrt(-2 * log(tail));
        return sign * (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    double q = p - 0.5, r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

/* Lower triangle of the root of a correlation matrix, in place. */
static void take_root(double *c, unsigned k)
{
    for (unsigned j = 0; j < k; j++) {
        for (unsigned t = 0; t < j; t++)
            for (unsigned i = j; i < k; i++)
                c[i * k + j] -= c[i * k + t] * c[j * k + t];
        double pivot = c[j * k + j] > 1e-9 ? sqrt(c[j * k + j]) : 0;
        for (unsigned i = j; i < k; i++)
            c[i * k + j] = pivot > 0 ? c[i * k + j] / pivot : 0;
    }
}

/* Point i of a sequence that fills k dimensions evenly: multiples of the roots of primes. */
static void even_point(unsigned i, unsigned k, double *ret)
{
    unsigned prime = 2;
    for (unsigned j = 0; j < k; j++) {
        double at = (i + 0.5) * sqrt(prime);
        at -= floor(at);
        ret[j] = fw_normal_quantile(at < 1e-9 ? 1e-9 : at > 1 - 1e-9 ? 1 - 1e-9 : at);
        bool composite = true;
        while (composite) {
            composite = false;
            prime++;
            for (unsigned t = 2; t * t <= prime; t++)
                composite |= prime % t == 0;
        }
    }
}

/* Sums that correct a mean over points by one whose true value is known. */
struct corrected {
    double x, y, xy, yy;
};

static void add_point(struct corrected *s, double x, double y)
{
    s->x += x;
    s->y += y;
    s->xy += x * y;
    s->yy += y * y;
}

static double correct(const struct corrected *s, double n, double y)
{
    double by = (s->xy - s->x * s->y / n) / fmax(s->yy - s->y * s->y / n, 1e-300);
    return s->x / n + by * (y - s->y / n);
}

/* Both ends of a diameter. */
static void look_at_point(const struct fw_normal *n, const struct fw_normal_several *s,
                          const double *root, const double *g, double sign, struct corrected *sum,
                          double *parts)
{
    double best = -INFINITY, slope = 0, square = 0;
    unsigned chosen = 0;
    for (unsigned i = 0; i < s->k; i++) {
        double z = 0;
        for (unsigned j = 0; j <= i; j++)
            z += root[i * s->k + j] * g[j];
        double v = fw_normal_at(n, s->f + (size_t)i * FW_NORMAL_POINTS, sign * z);
        square += v * v / s->k;
        if (v > best) {
            double d = fw_normal_at(n, s->d + (size_t)i * FW_NORMAL_POINTS, sign * z);
            best = v;
            slope = d * d;
            chosen = i;
        }
    }
    parts[chosen] += slope;
    add_point(&sum[0], best * best, square);
    add_point(&sum[1], slope, square);
}

void fw_normal_max_of(const struct fw_normal *n, const struct fw_normal_several *s,
                      double *ret_square, double *ret_slope, double *ret_parts)
{
    enum { POINTS = 512 };
    double g[FW_MAX_SEVERAL], root[FW_MAX_SEVERAL * FW_MAX_SEVERAL], square = 0;
    double parts[FW_MAX_SEVERAL] = {0}, all = 0;
    struct corrected sum[2] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    memcpy(root, s->c, (size_t)s->k * s->k * sizeof *root);
    take_root(root, s->k);
    for (unsigned i = 0; i < s->k; i++)
        square += fw_normal_square(n, s->f + (size_t)i * FW_NORMAL_POINTS) / s->k;
    for (unsigned i = 0; i < POINTS; i++) {
        even_point(i, s->k, g);
        look_at_point(n, s, root, g, 1, sum, parts);
        look_at_point(n, s, root, g, -1, sum, parts);
    }
    *ret_square = correct(&sum[0], 2 * POINTS, square);
    *ret_slope = correct(&sum[1], 2 * POINTS, square);
    for (unsigned i = 0; i < s->k; i++)
        all += parts[i];
    for (unsigned i = 0; ret_parts != NULL && i < s->k; i++)
        ret_parts[i] = all > 0 ? parts[i] / all : 1.0 / s->k;
}
