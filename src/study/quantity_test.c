/* Uncertain numbers: what is read, and intervals against simulation. */
#include "study/quantity.h"

#include "unit_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void test_quantity__read(void **state);
void test_quantity__refused(void **state);
void test_quantity__exact_cases(void **state);
void test_quantity__monte_carlo(void **state);

static void check(double v, double expected)
{
    assert_true(fabs(v - expected) <= 1e-12 * fabs(expected));
}

void test_quantity__read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fw_dimension dimension;
        double mid, low, high;
    } cases[] = {
        {"7e9", FW_DIM_NUMBER, 7e9, 7e9, 7e9},
        {"70B", FW_DIM_NUMBER, 70e9, 70e9, 70e9},
        {"1.4 T", FW_DIM_NUMBER, 1.4e12, 1.4e12, 1.4e12},
        {"1e23..4e23", FW_DIM_NUMBER, 2e23, 1e23, 4e23},
        {"100B..0.4T", FW_DIM_NUMBER, 2e11, 1e11, 4e11},
        {"1..4T", FW_DIM_NUMBER, 2e12, 1e12, 4e12},
        {"200\xc2\xb1"
         "10%",
         FW_DIM_NUMBER, 200, 180, 220},
        {"2T+-5%", FW_DIM_NUMBER, 2e12, 1.9e12, 2.1e12},
        {"3640 PF-days", FW_DIM_NUMBER, 3640 * 8.64e19, 3640 * 8.64e19, 3640 * 8.64e19},
        {"40%", FW_DIM_SHARE, 0.4, 0.4, 0.4},
        {"0.25..0.36", FW_DIM_SHARE, 0.3, 0.25, 0.36},
        {"90d", FW_DIM_TIME, 7776000, 7776000, 7776000},
        {"12 h", FW_DIM_TIME, 43200, 43200, 43200},
        {"20..30d+-5%", FW_DIM_NUMBER, 0, 0, 0}, // refused
        {"312T", FW_DIM_RATE, 312e12, 312e12, 312e12},
        {"312 TFLOP/s", FW_DIM_RATE, 312e12, 312e12, 312e12},
        {"1.2kW", FW_DIM_POWER, 1200, 1200, 1200},
        {"3M", FW_DIM_MONEY, 3e6, 3e6, 3e6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_quantity q;
        struct fw_error err;
        enum fw_status status = fw_quantity_parse("x", cases[i].text, cases[i].dimension, &q, &err);
        assert_int_equal(status, cases[i].mid > 0 ? FW_OK : FW_USAGE);
        if (status != FW_OK)
            continue;
        check(q.mid, cases[i].mid);
        check(q.low, cases[i].low);
        check(q.high, cases[i].high);
    }
}

void test_quantity__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fw_dimension dimension;
        const char *message;
    } cases[] = {
        {"5e23..3e23", FW_DIM_NUMBER,
         "x '5e23..3e23': a range goes from its lower end to its upper one"},
        {"-3", FW_DIM_TIME, "x '-3': it must be above 0"},
        {"0", FW_DIM_NUMBER, "x '0': it must be above 0"},
        {"-1..2", FW_DIM_NUMBER, "x '-1..2': it must be above 0"},
        {"1.2", FW_DIM_SHARE, "x '1.2': a share is at most 1 (100%)"},
        {"0.9+-20%", FW_DIM_SHARE, "x '0.9+-20%': a share is at most 1 (100%)"},
        {"1e12+-100%", FW_DIM_NUMBER, "x '1e12+-100%': the percentage must be from 0 to below 100"},
        {"1e12+-1e11", FW_DIM_NUMBER,
         "x '1e12+-1e11': a percentage is wanted behind the number, as in 1e12+-10%"},
        {"many", FW_DIM_NUMBER,
         "x 'many': a number such as 7e9, 70B, 3e23..5e23 or 2T+-10% is wanted"},
        {"3 weeks old", FW_DIM_TIME,
         "x '3 weeks old': a number such as 90d, 12h, 20d..30d or 90d+-10% is wanted"},
        {"90x", FW_DIM_TIME, "x '90x': a number such as 90d, 12h, 20d..30d or 90d+-10% is wanted"},
        {"1e999", FW_DIM_NUMBER, "x '1e999': too large"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_quantity q;
        struct fw_error err;
        assert_int_not_equal(fw_quantity_parse("x", cases[i].text, cases[i].dimension, &q, &err),
                             FW_OK);
        assert_string_equal(err.message, cases[i].message);
    }
}

static double product(const void *ctx, const double *x)
{
    (void)ctx;
    return 6 * x[0] * x[1];
}

static double quotient(const void *ctx, const double *x)
{
    (void)ctx;
    return x[0] * x[1] / (x[2] * x[1] * x[3]); // x[1] drops out
}

static double sum(const void *ctx, const double *x)
{
    (void)ctx;
    return x[0] * x[1] + 3 * x[0] * x[2] + x[3];
}

void test_quantity__exact_cases(void **state)
{
    (void)state;
    double x[4];
    struct fw_quantity one[] = {{2, 1, 4}, {10, 10, 10}};
    struct fw_quantity r = fw_propagate(product, NULL, one, 2, x);
    check(r.mid, 120);
    check(r.low, 60);
    check(r.high, 240);
    struct fw_quantity two[] = {{2, 1, 4}, {10, 5, 20}}; // steps of a factor 2, in quadrature
    r = fw_propagate(product, NULL, two, 2, x);
    check(r.high, 120 * pow(2, sqrt(2)));
    check(r.low, 120 / pow(2, sqrt(2)));
    struct fw_quantity shared[] = {{2, 2, 2}, {10, 1, 100}, {3, 3, 3}, {1, 1, 1}};
    r = fw_propagate(quotient, NULL, shared, 4, x);
    assert_true(fabs(r.high / r.low - 1) < 1e-12);
}

/* ---- simulation ---- */

static uint64_t seed = 88172645463325252u;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return ((double)(seed >> 11) + 0.5) * 0x1p-53;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Largest relative difference of the interval's ends from the quantiles of a simulation. */
static double error_of(fw_formula *f, const struct fw_quantity *in, uint32_t n)
{
    enum { DRAWS = 200000 };
    double x[4];
    struct fw_quantity r = fw_propagate(f, NULL, in, n, x);
    double *draws = malloc(DRAWS * sizeof *draws);
    assert_non_null(draws);
    for (int i = 0; i < DRAWS; i++) {
        for (uint32_t k = 0; k < n; k++)
            x[k] = fw_quantity_at(in[k], normal());
        draws[i] = f(NULL, x);
    }
    qsort(draws, DRAWS, sizeof *draws, compare);
    double low = fabs(r.low / draws[DRAWS / 20] - 1),
           high = fabs(r.high / draws[DRAWS - DRAWS / 20] - 1);
    free(draws);
    return low > high ? low : high;
}

void test_quantity__monte_carlo(void **state)
{
    (void)state;
    const struct fw_quantity narrow = {1e9, 0.9e9, 1.1e9}, wide = {2, 1, 4},
                             skew = {0.3, 0.17, 0.55}, exact = {5, 5, 5};
    struct fw_quantity a[] = {narrow, narrow, narrow, narrow}, b[] = {wide, wide, wide, wide},
                       c[] = {skew, narrow, skew, exact}, d[] = {wide, narrow, exact, narrow};
    assert_true(error_of(product, a, 2) < 0.01);
    assert_true(error_of(product, b, 2) < 0.01);
    assert_true(error_of(product, c, 2) < 0.01);
    assert_true(error_of(quotient, a, 4) < 0.01);
    assert_true(error_of(quotient, c, 4) < 0.02);
    assert_true(error_of(quotient, d, 4) < 0.01);
    assert_true(error_of(sum, a, 4) < 0.01);
    assert_true(error_of(sum, c, 4) < 0.03);
    assert_true(error_of(sum, b, 4) < 0.08); // factors of two either way, added
}
