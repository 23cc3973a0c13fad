/* Costs per parameter agree with the update nodes' own cost. */
#include "study/optimizer.h"
#include "unit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_optimizer__operations_of_a_matrix(void **state);
void test_optimizer__texts(void **state);

static double at(const struct fw_per_param *p, double m, double n)
{
    double sum = 0, mi[] = {1 / m, 1, m, m * m}, nk[] = {1 / n, 1, n, n * n};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < 4; k++)
            sum += p->at[i][k] * mi[i] * nk[k];
    return sum;
}

/* Every optimizer, every class, a matrix of 64 x 16: all divisions are exact. */
void test_optimizer__operations_of_a_matrix(void **state)
{
    (void)state;
    enum { M = 64, N = 16 };
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    for (unsigned i = 0; i < fw_n_optimizers; i++) {
        const struct fw_optimizer *o = &fw_optimizers[i];
        struct fw_cost cost = {0};
        double flop = 0;
        fw_update_cost(o, sym, fw_count_int(M * N), fw_count_int(M), fw_count_int(N), &cost);
        for (unsigned k = 0; k < FW_N_CLASSES; k++) {
            struct fw_per_param each = fw_optimizer_operations(o, k);
            double want = (double)cost.n[k].word;
            assert_true(at(&each, M, N) * M * N + o->once[k] == want);
            flop += want * (k == FW_FMA ? 2 : 1);
        }
        struct fw_per_param all = fw_optimizer_operations(o, FW_N_CLASSES);
        assert_true(at(&all, M, N) * M * N + fw_optimizer_once(o) == flop);
    }
    fw_symbols_free(sym);
}

static void check_text(const char *name, const char *flop, const char *values, const char *bytes)
{
    const struct fw_optimizer *o = fw_optimizer_find(name);
    struct fw_per_param p[] = {fw_optimizer_operations(o, FW_N_CLASSES),
                               fw_optimizer_values(o, FW_MAX_STATES),
                               fw_optimizer_bytes(o, FW_MAX_STATES, fw_precision_find("amp-bf16"))};
    const char *want[] = {flop, values, bytes};
    for (unsigned i = 0; i < 3; i++) {
        struct fw_str s;
        fw_str_init(&s, &fw_alloc_default);
        fw_per_param_print(&p[i], &s);
        assert_string_equal(fw_str_text(&s), want[i]);
        fw_str_free(&s);
    }
}

/* The figures of the optimizers' papers; Muon: 5*(4*n + 2*n^2/m) for the products. */
void test_optimizer__texts(void **state)
{
    (void)state;
    check_text("sgd", "2", "0", "0");
    check_text("adam-literal", "18", "2", "8");
    check_text("muon", "14 + 20*n + 10*n^2/m + 10*n/m", "1", "4");
    check_text("adafactor", "13 + 5/n + 2/m", "1/n + 1/m", "4/n + 4/m");
    check_text("shampoo", "2 + 160*m^2/n + 4*m + 23*m/n + 4*n + 21/n + 160*n^2/m + 23*n/m + 21/m",
               "m/n + n/m", "4*m/n + 4*n/m");
    check_text("adam8bit", "36", "2.0078125", "2.03125");
}
