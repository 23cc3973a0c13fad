/* Gains of functions, to six digits. */
#include "passes/variance.h"
#include "unit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <cmocka.h>

void test_variance__gains(void **state);
void test_variance__rules(void **state);

/* 1/sqrt(E f^2) and 1/deviation: relu and leaky relu as in He et al. 2015, the others by the
 * trapezoid rule with a point on every corner, in Python:
 *
 *     from math import *
 *     def gains(f, h=1e-4):
 *         z = [i*h for i in range(-100000, 100001)]
 *         w = [exp(-x*x/2)*h/sqrt(2*pi) for x in z]
 *         m = fsum(f(x)*p for x, p in zip(z, w))
 *         s = fsum(f(x)**2*p for x, p in zip(z, w))
 *         return s**-.5, (s - m*m)**-.5
 *     gains(lambda x: x/(1 + exp(-x))) # Swish
 *
 * The two with a jump have closed forms: E f^2 = phi(1) + 1 - Phi(1), phi(1/2) + 2 - 2*Phi(1/2).
 */
void test_variance__gains(void **state)
{
    (void)state;
    static const struct fw_attr tanh_form[] = {{.s = "tanh", .given = true}};
    static const struct fw_attr tenth[] = {{.f = 0.1}}, fifth[] = {{.f = 0.2}},
                                half[] = {{.f = 0.5}};
    static const struct fw_attr two[] = {{.f = 2}}, one[] = {{.f = 1}},
                                sixth[] = {{.f = 1.0 / 6}, {.f = 0.5}};
    static const struct fw_attr shrink[] = {{.f = 0.5}, {.f = 0}};
    static const struct {
        const char *op;
        const struct fw_attr *attr;
        double gain, centred;
        const char *domain;
    } want[] = {
        {"Relu", NULL, 1.414214, 1.712859, ""},
        {"LeakyRelu", NULL, 1.414143, 1.704832, ""},
        {"LeakyRelu", tenth, 1.407195, 1.630637, ""},
        {"LeakyRelu", fifth, 1.386750, 1.546460, ""},
        {"ThresholdedRelu", one, 1.579903, 1.709774, ""},
        {"Gelu", NULL, 1.533530, 1.700926, ""},
        {"Gelu", tanh_form, 1.533581, 1.700917, ""},
        {"Gelu", NULL, 1.533530, 1.700926, "com.microsoft"},
        {"FastGelu", NULL, 1.533581, 1.700917, "com.microsoft"},
        {"QuickGelu", NULL, 1.539459, 1.709359, "com.microsoft"},
        {"Swish", NULL, 1.676532, 1.787187, ""},
        {"HardSwish", NULL, 1.736657, 1.813871, ""},
        {"Mish", NULL, 1.486848, 1.592025, ""},
        {"Elu", NULL, 1.245198, 1.270843, ""},
        {"Elu", half, 1.365595, 1.477657, ""},
        {"Celu", NULL, 1.245198, 1.270843, ""},
        {"Celu", two, 1.155192, 1.162694, ""},
        {"Selu", NULL, 1, 1, ""},
        {"Tanh", NULL, 1.592537, 1.592537, ""},
        {"Sigmoid", NULL, 1.846229, 4.801313, ""},
        {"HardSigmoid", NULL, 1.859834, 5.057062, ""},
        {"HardSigmoid", sixth, 1.897840, 6.015034, ""},
        {"Softplus", NULL, 1.041867, 1.919126, ""},
        {"Softsign", NULL, 2.337533, 2.337533, ""},
        {"Shrink", shrink, 1.015796, 1.015796, ""},
        {"Erf", NULL, 1.467167, 1.467167, ""},
        {"Sin", NULL, 1.520867, 1.520867, ""},
        {"Abs", NULL, 1, 1.658897, ""},
    };
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        double mean, second;
        assert_true(fw_function_moments(want[i].domain, want[i].op, want[i].attr, &mean, &second));
        double gain = 1 / sqrt(second), centred = 1 / sqrt(second - mean * mean);
        if (fabs(gain - want[i].gain) > 1e-6 || fabs(centred - want[i].centred) > 1e-6)
            fail_msg("%s: %.7f %.7f", want[i].op, gain, centred);
    }
    double ignored;
    assert_false(fw_function_moments("", "Conv", NULL, &ignored, &ignored));
    assert_false(fw_function_moments("", "no such operator", NULL, &ignored, &ignored));
}

/* What has a rule goes both ways; what works value by value has a kernel to find its values by. */
void test_variance__rules(void **state)
{
    (void)state;
    unsigned rules = 0;
    for (uint32_t k = 0; k < fw_n_op_tables; k++)
        for (uint32_t i = 0; i < fw_op_tables[k]->n; i++) {
            const struct fw_op *op = &fw_op_tables[k]->rows[i];
            if (op->moments == NULL)
                continue;
            rules++;
            assert_non_null(op->moments->forward);
            assert_non_null(op->moments->backward);
            assert_true(!op->moments->pointwise || op->run[FW_COUNTED] != NULL);
            assert_false(op->moments->layer && !(op->flags & FW_OP_CONTRACTION));
        }
    assert_true(rules > 50);
}
