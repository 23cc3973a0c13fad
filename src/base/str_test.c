/* Text buffer and number texts. */
#include "base/str.h"
#include "base/alloc_test.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

void test_str__builds_text(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    struct fw_str s;
    fw_str_init(&s, &t.alloc);
    assert_string_equal(fw_str_text(&s), "");
    fw_str_add(&s, "ab");
    fw_str_addn(&s, "cdef", 2);
    fw_str_addc(&s, '!');
    fw_str_addf(&s, " %d %s", 12, "x");
    assert_string_equal(fw_str_text(&s), "abcd! 12 x");
    assert_int_equal(s.len, 10);
    fw_str_reset(&s);
    assert_string_equal(fw_str_text(&s), "");
    fw_str_addf(&s, "%0*d", 1000, 5); // longer than the small buffer
    assert_int_equal(s.len, 1000);
    assert_int_equal(fw_str_text(&s)[999], '5');
    for (int i = 0; i < 10000; i++)
        fw_str_addc(&s, 'z');
    assert_int_equal(s.len, 11000);
    assert_true(fw_str_ok(&s));
    fw_str_free(&s);
    assert_int_equal(t.live_bytes, 0);
    assert_int_equal(t.n_live, 0);
}

void test_str__remembers_failure(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, 1);
    struct fw_str s;
    fw_str_init(&s, &t.alloc);
    fw_str_add(&s, "short");
    assert_true(fw_str_ok(&s));
    fw_str_addf(&s, "%500d", 1);
    assert_false(fw_str_ok(&s));
    fw_str_add(&s, "x");
    assert_string_equal(fw_str_text(&s), "short");
    fw_str_free(&s);
    assert_int_equal(t.n_live, 0);
    fw_test_alloc_init(&t, 0);
    fw_str_add(&s, "x");
    assert_string_equal(fw_str_text(&s), "");
    assert_false(fw_str_ok(&s));
    fw_str_free(&s);
}

static void check_i128(fw_i128 v, char separator, const char *expected)
{
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_str_add_i128(&s, v, separator);
    assert_string_equal(fw_str_text(&s), expected);
    if (v >= INT64_MIN && v <= INT64_MAX) {
        fw_str_reset(&s);
        fw_str_add_i64(&s, (int64_t)v, separator);
        assert_string_equal(fw_str_text(&s), expected);
    }
    fw_str_free(&s);
}

void test_str__integers(void **state)
{
    (void)state;
    check_i128(0, 0, "0");
    check_i128(-1, ',', "-1");
    check_i128(999, ',', "999");
    check_i128(1000, ',', "1,000");
    check_i128(-1234567, ',', "-1,234,567");
    check_i128(INT64_MIN, 0, "-9223372036854775808");
    check_i128(INT64_MAX, ',', "9,223,372,036,854,775,807");
    check_i128(1000000000000000000, 0, "1000000000000000000");
    fw_i128 e36 = (fw_i128)1000000000000000000 * 1000000000000000000;
    check_i128(e36, 0, "1000000000000000000000000000000000000");
    check_i128(e36 + 5, ',', "1,000,000,000,000,000,000,000,000,000,000,000,005");
    fw_i128 max = (fw_i128)(~(fw_u128)0 >> 1);
    check_i128(max, 0, "170141183460469231731687303715884105727");
    check_i128(-max - 1, ',', "-170,141,183,460,469,231,731,687,303,715,884,105,728");
}

void test_str__doubles(void **state)
{
    (void)state;
    static const struct {
        double v;
        int significant;
        const char *text;
    } cases[] = {{0.5, 3, "0.5"},
                 {2.0, 6, "2"},
                 {1.0 / 3, 4, "0.3333"},
                 {1e100, 3, "1e+100"},
                 {-12345.678, 7, "-12345.68"},
                 {0.1, 17, "0.10000000000000001"},
                 {3.7, 0, "4"},
                 {(double)INFINITY, 3, "inf"}};
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fw_str_reset(&s);
        fw_str_add_double(&s, cases[i].v, cases[i].significant);
        assert_string_equal(fw_str_text(&s), cases[i].text);
    }
    fw_str_free(&s);
}
