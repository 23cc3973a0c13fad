/* Functions of quick.h against the C library's in double. */
#include "ops/quick.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Distance in units in the last place of want as a float. */
static double units_between(float found, double want)
{
    int exponent;
    (void)frexp(want, &exponent);
    double unit = ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
    return fabs((double)found - want) / unit;
}

/* Every 997th float, of both signs, denormal numbers, infinities and NaN among them. */
static void check_all(float (*quick)(float), double (*exact)(double), double units)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 997) {
        float x = fw_float_of((uint32_t)bits);
        float found = quick(x);
        double want = exact((double)x);
        if (isnan(want))
            assert_true(isnan(found));
        else if (isinf((float)want))
            assert_true(found == (float)want);
        else
            assert_true(units_between(found, want) <= units);
    }
}

void test_quick__functions(void **state)
{
    (void)state;
    check_all(fw_quick_exp, exp, 2);
    check_all(fw_quick_log, log, 2);
    check_all(fw_quick_tanh, tanh, 2.1);
    check_all(fw_quick_erf, erf, 2);
    assert_true(isinf(fw_quick_exp(INFINITY)) && fw_quick_exp(-INFINITY) == 0);
    assert_true(fw_quick_tanh(INFINITY) == 1 && fw_quick_tanh(-INFINITY) == -1);
    assert_true(fw_quick_log(0) == -INFINITY && fw_quick_log(INFINITY) == INFINITY);
    assert_true(fw_quick_log(1) == 0 && isnan(fw_quick_log(-1)));
    assert_true(isnan(fw_quick_exp(NAN)) && isnan(fw_quick_tanh(NAN)));
}
