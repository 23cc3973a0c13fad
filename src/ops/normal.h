/* Sums over a standard normal variable: E f(z), products of two correlated ones, the largest of
 * several. Gauss-Legendre on panels of width 1/4 over -9..9, so that functions with a corner at a
 * multiple of 1/4 are integrated as exactly as smooth ones. */
#ifndef FW_OPS_NORMAL_H
#define FW_OPS_NORMAL_H

enum {
    FW_NORMAL_PANELS = 72,
    FW_NORMAL_ORDER = 6,
    FW_NORMAL_POINTS = FW_NORMAL_PANELS * FW_NORMAL_ORDER,
    FW_N_HERMITE = 64,
    FW_HERMITE_VALUES = FW_N_HERMITE + 1
};

struct fw_normal {
    double z[FW_NORMAL_POINTS];                  // ascending
    double w[FW_NORMAL_POINTS];                  // adds up to 1
    double up[FW_N_HERMITE], down[FW_N_HERMITE]; // 1/sqrt(k + 1), sqrt(k/(k + 1))
};
void fw_normal_init(struct fw_normal *n);

/* E f(z) and E f(z)^2 for values f at the points. */
double fw_normal_mean(const struct fw_normal *n, const double *f);
double fw_normal_square(const struct fw_normal *n, const double *f);
/* E f(x) f(y), x and y standard normal with correlation c (0..1): sum of a_k^2 c^k over the Hermite
 * coefficients a_k of f. */
double fw_normal_pair(const struct fw_normal *n, const double *f, double c);
/* The same in two steps: coefficients (FW_HERMITE_VALUES, the last one the root of what is left of
 * E f^2) of two functions, and c from -1 to 1. */
void fw_normal_hermite(const struct fw_normal *n, const double *f, double *ret);
double fw_normal_join(const double *a, const double *b, double c);

/* Coefficients from values at any points: adds w*f at z; square: E f^2. */
void fw_hermite_add(const struct fw_normal *n, double z, double wf, double *a);
void fw_hermite_finish(double square, double *a);
double fw_normal_quantile(double p); // to 1e-9 of its value (Acklam 2003)
/* f at z between the points. */
double fw_normal_at(const struct fw_normal *n, const double *f, double z);

/* The largest of k values f(z_i), the z_i with correlation c to each other. What the z_i have in
 * common is a normal variable u; joined with c'/c, the coefficients of two such maxima over z whose
 * correlation is c' give their product. */
struct fw_normal_largest {
    double square;
    double slope;                     // E of d^2 at the z that is chosen, d given at the points
    double mean[FW_HERMITE_VALUES];   // coefficients of its mean as a function of u
    double passed[FW_HERMITE_VALUES]; // of the mean of d at the z that is chosen
};
/* d NULL: slope is 1. k need not be whole. */
void fw_normal_max(const struct fw_normal *n, const double *f, const double *d, double k, double c,
                   struct fw_normal_largest *ret);
/* Of two such maxima that have `shared` of the k values in common: where their product lies between
 * that of two with none in common (0) and the square of one (1). */
double fw_normal_overlap(const struct fw_normal *n, const double *f, double k, double c,
                         double shared);

/* The largest of k functions of normal variables with any correlations: E of its square, and of the
 * square of the slope there, by 1024 points that fill the space evenly; what part of the latter
 * belongs to each of them (k), or NULL. */
enum { FW_MAX_SEVERAL = 25 };
struct fw_normal_several {
    unsigned k;
    const double *f, *d; // (k * FW_NORMAL_POINTS) values and slopes of each
    const double *c;     // (k * k) correlations
};
void fw_normal_max_of(const struct fw_normal *n, const struct fw_normal_several *s,
                      double *ret_square, double *ret_slope, double *ret_parts);

#endif
