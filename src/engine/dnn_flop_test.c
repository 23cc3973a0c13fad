#include "engine/dnn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct product {
    size_t m, n, k;
    bool a_turned, b_turned, onto;
    uint64_t retired;
};

static void check(const struct product *cases, size_t n_cases, bool avx512)
{
    for (size_t i = 0; i < n_cases; i++) {
        ptrdiff_t m = (ptrdiff_t)cases[i].m, n = (ptrdiff_t)cases[i].n, k = (ptrdiff_t)cases[i].k;
        const struct fw_gemm_matrix rows[3] = {{NULL, k, 1}, {NULL, n, 1}, {NULL, n, 1}};
        const struct fw_gemm_matrix columns[2] = {{NULL, 1, m}, {NULL, 1, k}};
        const struct fw_gemm_matrix *a = cases[i].a_turned ? &columns[0] : &rows[0];
        const struct fw_gemm_matrix *b = cases[i].b_turned ? &columns[1] : &rows[1];
        assert_int_equal(fw_dnn_gemm_flop(avx512, cases[i].m, cases[i].n, cases[i].k, &rows[2], a,
                                          b, cases[i].onto),
                         cases[i].retired);
    }
}

/* As tests/emulated/flops.c counted them in sgemm of oneDNN 2.6.3. */
void test_dnn_flop__as_measured(void **state)
{
    static const struct product cases[] = {
        {16, 64, 64, false, false, false, 132101},
        {16, 64, 64, true, false, true, 133125},
        {37, 91, 300, false, false, true, 2145989},
        {37, 91, 300, true, true, true, 2160773},
        {512, 512, 256, false, true, true, 134743557},
        {16, 65, 64, false, false, true, 149909},
        {2, 300, 200, false, false, false, 244725},
        {3, 72, 385, false, false, true, 167669},
        {5, 9000, 10, false, true, true, 990053},
        {640, 641, 300, false, false, true, 248116485},
        {641, 643, 500, true, false, false, 416194895},
        {600, 642, 700, false, false, true, 542505605},
        {530, 550, 3, false, true, false, 1755365},
        {1, 300, 203, false, true, true, 160800},
        {1, 303, 200, false, false, false, 129600},
        {1, 300, 200, true, false, true, 123200},
        {90, 1, 700, false, false, true, 133740},
        {700, 1, 30, true, false, true, 42480},
        {700, 1, 70, true, true, true, 99120},
        {1, 1, 200, false, false, true, 4800},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases, false);
}

/* As tests/emulated/native.py did. */
void test_dnn_flop__avx512_as_measured(void **state)
{
    static const struct product cases[] = {
        {16, 65, 64, false, false, true, 166405},
        {47, 49, 70, true, false, true, 427141},
        {100, 100, 385, false, false, false, 8657605},
        {100, 500, 1000, false, true, true, 102550002},
        {5, 9, 11, false, true, true, 2960},
        {10, 4, 1000, false, true, false, 82080},
        {12, 576, 108, false, true, true, 1693440},
        {64, 133, 40, false, true, true, 827714},
        {64, 134, 40, false, true, true, 827906},
        {40, 144, 769, false, true, true, 8876162},
        {1, 300, 203, false, false, true, 126672},
        {33, 1, 1025, true, false, true, 114800},
        {90, 1, 700, false, false, true, 133740},
        {1000, 3, 77, false, false, true, 2496003},
        {256, 1024, 512, false, false, true, 268959746},
        {256, 1024, 512, true, false, true, 268959749},
        {1024, 1024, 64, true, true, true, 135266309},
        {28, 2000, 500, false, false, true, 56224005},
        {2000, 28, 500, false, true, true, 64256005},
        {700, 700, 700, false, false, false, 691398405},
        {3, 1000, 77, false, true, true, 543000},
        {520, 1100, 400, false, false, true, 461560325},
        {600, 600, 300, true, true, true, 219609605},
    };
    (void)state;
    check(cases, sizeof cases / sizeof *cases, true);
}
