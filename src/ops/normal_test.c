/* Sums over normal variables against closed forms. */
#include "ops/normal.h"
#include "unit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <cmocka.h>

void test_normal__moments(void **state);
void test_normal__pairs(void **state);
void test_normal__largest(void **state);
void test_normal__any_correlations(void **state);

#define PI 3.14159265358979323846

static void fill(const struct fw_normal *n, double *relu)
{
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        relu[i] = n->z[i] > 0 ? n->z[i] : 0;
}

void test_normal__moments(void **state)
{
    (void)state;
    struct fw_normal n;
    double relu[FW_NORMAL_POINTS], power[FW_NORMAL_POINTS];
    fw_normal_init(&n);
    fill(&n, relu);
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        power[i] = n.z[i] * n.z[i];
    assert_true(fabs(fw_normal_mean(&n, relu) - 1 / sqrt(2 * PI)) < 1e-12);
    assert_true(fabs(fw_normal_square(&n, relu) - 0.5) < 1e-12);
    assert_true(fabs(fw_normal_square(&n, power) - 3) < 1e-10);
}

/* Cho and Saul 2009: E relu(x) relu(y) = (sqrt(1-c^2) + c*(pi - acos c))/(2 pi). */
void test_normal__pairs(void **state)
{
    (void)state;
    struct fw_normal n;
    double relu[FW_NORMAL_POINTS];
    fw_normal_init(&n);
    fill(&n, relu);
    for (double c = 0; c <= 1; c += 0.05) {
        double want = (sqrt(1 - c * c) + c * (PI - acos(c))) / (2 * PI);
        assert_true(fabs(fw_normal_pair(&n, relu, c) - want) < 2e-5);
    }
}

/* The mean of the largest of n standard normal values (Teichroew 1956). */
void test_normal__largest(void **state)
{
    (void)state;
    static const struct {
        double k, mean;
    } want[] = {{2, 0.56419}, {4, 1.02938}, {9, 1.48501}};
    struct fw_normal n;
    struct fw_normal_largest r;
    fw_normal_init(&n);
    for (unsigned i = 0; i < 3; i++) {
        fw_normal_max(&n, n.z, NULL, want[i].k, 0, &r);
        assert_true(fabs(r.mean[0] - want[i].mean) < 5e-4);
        fw_normal_max(&n, n.z, NULL, want[i].k, 0.64, &r); // own parts are 0.6 as wide
        assert_true(fabs(r.mean[0] - 0.6 * want[i].mean) < 5e-4);
        assert_true(r.slope == 1 || fabs(r.slope - 1) < 1e-9);
    }
    fw_normal_max(&n, n.z, NULL, 9, 1, &r); // all the same
    assert_true(fabs(r.square - 1) < 1e-6);
}

/* Alike it agrees with the quadrature; two groups of values that are one each are two values. */
void test_normal__any_correlations(void **state)
{
    (void)state;
    enum { K = 4 };
    struct fw_normal n;
    struct fw_normal_largest r;
    double f[K * FW_NORMAL_POINTS], d[K * FW_NORMAL_POINTS], c[K * K], square, slope;
    fw_normal_init(&n);
    for (int i = 0; i < K * FW_NORMAL_POINTS; i++) {
        f[i] = n.z[i % FW_NORMAL_POINTS] > 0 ? n.z[i % FW_NORMAL_POINTS] : 0;
        d[i] = f[i] > 0;
    }
    for (int i = 0; i < K * K; i++)
        c[i] = i % (K + 1) == 0 ? 1 : 0.9;
    fw_normal_max_of(&n, &(struct fw_normal_several){K, f, d, c}, &square, &slope, NULL);
    fw_normal_max(&n, f, d, K, 0.9, &r);
    assert_true(fabs(square - r.square) < 0.01 * r.square);
    assert_true(fabs(slope - r.slope) < 0.01 * r.slope);
    for (int i = 0; i < K * K; i++)
        c[i] = i / K / 2 == i % K / 2 ? 1 : 0;
    fw_normal_max_of(&n, &(struct fw_normal_several){K, f, d, c}, &square, &slope, NULL);
    fw_normal_max(&n, f, d, 2, 0, &r);
    assert_true(fabs(square - r.square) < 0.02 * r.square);
    // windows apart have nothing in common, the same one everything
    assert_true(fabs(fw_normal_overlap(&n, f, 9, 0, 9) - 1) < 1e-9);
    double shared = fw_normal_overlap(&n, f, 9, 0, 3);
    assert_true(shared > 3.0 / 15 && shared < 0.5);
}
