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

/* 1/sqrt(E f^2): relu and leaky relu as in He et al. 2015, the others by independent quadrature. */
void test_variance__gains(void **state)
{
    (void)state;
    static const struct fw_attr tanh_form[] = {{.s = "tanh", .given = true}};
    static const struct {
        const char *op;
        const struct fw_attr *attr;
        double gain, centred;
    } want[] = {
        {"Relu", NULL, 1.414214, 1.712859},
        {"LeakyRelu", NULL, 1.414143, 1.704832},
        {"Gelu", NULL, 1.533530, 1.700926},
        {"Gelu", tanh_form, 1.533581, 1.700917},
        {"Mish", NULL, 1.486848, 1.592025},
        {"Elu", NULL, 1.245198, 1.270843},
        {"Selu", NULL, 1, 1},
        {"Tanh", NULL, 1.592537, 1.592537},
        {"Sigmoid", NULL, 1.846229, 4.801313},
        {"Softplus", NULL, 1.041867, 1.919126},
        {"Softsign", NULL, 2.337533, 2.337533},
        {"HardSwish", NULL, 1.736657, 1.813871},
    };
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        double mean, second;
        assert_true(fw_function_moments("", want[i].op, want[i].attr, &mean, &second));
        assert_true(fabs(1 / sqrt(second) - want[i].gain) < 1e-6);
        assert_true(fabs(1 / sqrt(second - mean * mean) - want[i].centred) < 1e-6);
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
