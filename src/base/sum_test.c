/* Running totals: constants, letters by multiplicity, overflow. */
#include "base/sum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct world {
    struct fw_symbols *sym;
    struct fw_sum sum;
};

static void begin(struct world *w)
{
    w->sym = fw_symbols_new(&fw_alloc_default);
    assert_non_null(w->sym);
    fw_sum_init(&w->sum, &fw_alloc_default, w->sym);
}

static void end(struct world *w)
{
    fw_sum_free(&w->sum);
    fw_symbols_free(w->sym);
}

static void assert_total(struct world *w, const char *want)
{
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_count_print(w->sym, fw_sum_value(&w->sum), 0, &s);
    assert_string_equal(fw_str_text(&s), want);
    fw_str_free(&s);
}

void test_sum__constants_beyond_64_bits(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_total(&w, "0");
    for (int i = 0; i < 3; i++)
        fw_sum_add(&w.sum, fw_count_int((fw_i128)1 << 70), 2);
    fw_sum_add(&w.sum, fw_count_int(5), -1);
    assert_total(&w, "7083549724304467820539"); // 6 * 2^70 - 5
    end(&w);
}

void test_sum__letters_add_up_and_cancel(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    fw_count n = fw_count_of(fw_dim_symbol(w.sym, "n", 1));
    fw_count k = n;
    for (int i = 0; i < 40; i++) { // n, n^2, ... more terms than the first table holds
        fw_sum_add(&w.sum, k, i < 38 ? 1 : 3);
        if (i < 38)
            fw_sum_add(&w.sum, k, -1);
        k = fw_count_mul(w.sym, k, n);
    }
    fw_sum_add(&w.sum, fw_count_int(7), 1);
    assert_int_equal(w.sum.n_live, 2); // the others cancelled
    assert_total(&w, "3*n^40+3*n^39+7");
    end(&w);
}

void test_sum__overflow_is_kept(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    fw_sum_add(&w.sum, fw_count_int(FW_COUNT_MAX), 3);
    fw_sum_add(&w.sum, fw_count_int(1), 1);
    assert_true(w.sum.bad || fw_count_is_bad(fw_sum_value(&w.sum)));
    end(&w);
    begin(&w);
    fw_sum_add(&w.sum, fw_count_bad(), 1);
    assert_true(fw_count_is_bad(fw_sum_value(&w.sum)));
    end(&w);
}

/* Many different formulas, one of them taken out again: the total is what adding one by one gives.
 */
void test_sum__many_letters(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    fw_count want = fw_count_int(7);
    fw_sum_add(&w.sum, fw_count_int(7), 1);
    for (int i = 0; i < 300; i++) {
        char name[8];
        int len = snprintf(name, sizeof name, "s%d", i);
        fw_count one = fw_count_of(fw_dim_symbol(w.sym, name, (size_t)len));
        fw_sum_add(&w.sum, one, i);
        want = fw_count_add(w.sym, want, fw_count_mul(w.sym, one, fw_count_int(i)));
    }
    assert_true(fw_count_eq(fw_sum_value(&w.sum), want));
    end(&w);
}
