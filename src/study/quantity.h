/* Numbers that are known more or less, and what follows from them.
 *
 * A quantity has a central value and an interval of 90 %. It is read as a lognormal whose two
 * halves may differ: with z standard normal and q = 1.6449 (its 95 % point), the value is central *
 * (high / central)^(z/q) for z > 0 and central * (central / low)^(z/q) else.
 *
 * Propagation: each input alone is moved to either end of its interval; the steps of the logarithm
 * that raise the result are added in quadrature, and so are those that lower it. For one uncertain
 * input and for products and quotients of symmetric ones this is exact; for sums it is an
 * approximation (quantity_test.c compares it with simulation). An input that occurs in several
 * places is one input, so what is common to all phases does not average out. */
#ifndef FW_STUDY_QUANTITY_H
#define FW_STUDY_QUANTITY_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define FW_INTERVAL_Z 1.6448536269514722 // 95 % point of the normal distribution

struct fw_quantity {
    double mid, low, high; // low..high: 90 %
};

enum fw_dimension {
    FW_DIM_NUMBER, // 7e9, 70B, 1.5T, 300k
    FW_DIM_SHARE,  // 0.4, 40%
    FW_DIM_TIME,   // seconds; 90d, 12h, 30min
    FW_DIM_RATE,   // FLOP/s; 312T, 312e12
    FW_DIM_POWER,  // watt; 700W, 1.2kW
    FW_DIM_MONEY,  // US$; 2.5, 3M
    FW_N_DIMENSIONS
};

/* A number, `3e23..5e23`, `x±10%` or `x+-10%`, with the dimension's units. name is what errors
 * call it. Everything must be above 0; a range starts with its lower end, its centre is the
 * geometric mean. Errors: FW_USAGE, FW_LIMIT. */
enum fw_status fw_quantity_parse(const char *name, const char *text, enum fw_dimension dimension,
                                 struct fw_quantity *ret, struct fw_error *err);
static inline struct fw_quantity fw_quantity_exact(double v)
{
    return (struct fw_quantity){v, v, v};
}
static inline bool fw_quantity_is_exact(struct fw_quantity q)
{
    return q.low == q.high;
}
/* Where z standard deviations off the centre lie. */
double fw_quantity_at(struct fw_quantity q, double z);

/* A result as a function of n inputs; NAN where it has none. */
typedef double fw_formula(const void *ctx, const double *x);
/* What f is at the central inputs, and its interval. x: (n) scratch. All NAN where f is. */
struct fw_quantity fw_propagate(fw_formula *f, const void *ctx, const struct fw_quantity *inputs,
                                uint32_t n, double *x);

#endif
