#include "base/tsv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_tsv__rows(void **state)
{
    const char *text = "# remark\none\t0x10\t\n\n7\tmore\tand\tmore\nlast";
    struct fw_tsv_cell cell[3];
    uint64_t n;
    (void)state;
    assert_int_equal(fw_tsv_row(&text, cell, 3), 3);
    assert_true(fw_tsv_is(&cell[0], "one"));
    assert_true(fw_tsv_number(&cell[1], &n));
    assert_int_equal(n, 16);
    assert_false(fw_tsv_number(&cell[2], &n));
    assert_int_equal(fw_tsv_row(&text, cell, 3), 3); // the fourth is dropped
    assert_true(fw_tsv_number(&cell[0], &n));
    assert_int_equal(n, 7);
    assert_int_equal(fw_tsv_row(&text, cell, 3), 1);
    assert_true(fw_tsv_is(&cell[0], "last"));
    assert_int_equal(fw_tsv_row(&text, cell, 3), 0);
}

void test_tsv__numbers(void **state)
{
    struct fw_tsv_cell most = {"18446744073709551615", 20}, more = {"18446744073709551616", 20};
    struct fw_tsv_cell no = {"12x", 3};
    uint64_t n;
    (void)state;
    assert_true(fw_tsv_number(&most, &n));
    assert_true(n == UINT64_MAX);
    assert_false(fw_tsv_number(&more, &n));
    assert_false(fw_tsv_number(&no, &n));
}
