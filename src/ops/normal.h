/* Sums over a standard normal variable: E f(z), products of two correlated ones, the largest of
 * several. Gauss-Legendre on panels of width 1/4 over -9..9, so that functions with a corner at a
 * multiple of 1/4 are integrated as exactly as smooth ones. */
#ifndef FW_OPS_NORMAL_H
#define FW_OPS_NORMAL_H

enum {
    FW_NORMAL_PANELS = 72,
    FW_NORMAL_ORDER = 6,
    FW_NORMAL_POINTS = FW_NORMAL_PANELS * FW_NORMAL_ORDER
};

struct fw_normal {
    double z[FW_NORMAL_POINTS]; // ascending
    double w[FW_NORMAL_POINTS]; // adds up to 1
};
void fw_normal_init(struct fw_normal *n);

/* E f(z) and E f(z)^2 for values f at the points. */
double fw_normal_mean(const struct fw_normal *n, const double *f);
double fw_normal_square(const struct fw_normal *n, const double *f);
/* E f(x) f(y), x and y standard normal with correlation c (0..1): sum of a_k^2 c^k over the Hermite
 * coefficients a_k of f. */
double fw_normal_pair(const struct fw_normal *n, const double *f, double c);

/* The largest of k values f(z_i), the z_i with correlation c to each other. */
struct fw_normal_largest {
    double square;
    double slope; // E of d^2 at the z that is chosen, d given at the points
    /* Its mean at each point of what the z_i have in common: fw_normal_pair of these with c'/c is
     * the product of two such maxima over z whose correlation is c'. */
    double mean[FW_NORMAL_POINTS];
};
/* d NULL: slope is 1. k need not be whole. */
void fw_normal_max(const struct fw_normal *n, const double *f, const double *d, double k, double c,
                   struct fw_normal_largest *ret);

#endif
