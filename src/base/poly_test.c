/* Polynomials: constants, canonical form, text, errors, limits, failing allocators. */
#include "base/poly.h"
#include "base/alloc_test.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static fw_count parse(struct fw_symbols *s, const char *text)
{
    fw_count word;
    struct fw_error err = {0};
    if (fw_count_parse(s, text, strlen(text), &word, &err) != FW_OK)
        fail_msg("%s: %s", text, err.message);
    return word;
}

static void check_print(struct fw_symbols *s, fw_count word, const char *expected)
{
    struct fw_str out;
    fw_str_init(&out, &fw_alloc_default);
    fw_count_print(s, word, 0, &out);
    assert_string_equal(fw_str_text(&out), expected);
    fw_str_free(&out);
}

struct row {
    const char *text, *expected;
};

static void check_rows(const struct row *rows, size_t n)
{
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    for (size_t i = 0; i < n; i++) {
        check_print(s, parse(s, rows[i].text), rows[i].expected);
        assert_true(fw_count_eq(parse(s, rows[i].text), parse(s, rows[i].expected)));
    }
    fw_symbols_free(s);
}

#define ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

void test_poly__order_of_terms(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"n*L*K*2*K", "2*K^2*L*n"},
        {"1+a+A+_x+a*b+b^2+a2", "a*b+b^2+A+_x+a+a2+1"},
        {"3-2*x", "-2*x+3"},
        {"-(x+1)", "-x-1"},
        {"(x+1)*(x-1)-x*x+1", "0"},
        {"floor(b/2)*a + a^2", "a^2+a*floor(b/2)"},
        {"longname_b + longname_a", "longname_a+longname_b"},
        {"x^0", "1"},
        {"-x^2", "-x^2"},
        {"2 * - 3", "-6"},
    };
    ROWS(rows);
}

void test_poly__fractions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"H^2/2 + 1.5", "(H^2+3)/2"},
        {"3*K^2*n/2", "(3*K^2*n)/2"},
        {"x/2", "x/2"},
        {"0.75", "3/4"},
        {"-3/6", "-1/2"},
        {"x/2+x/2", "x"},
        {"x/6+y/4", "(2*x+3*y)/12"},
        {"(x/2)*(4*y/3)", "(2*x*y)/3"},
        {"(B*S*768)/(B*S)", "768"},
        {"(a+b)*(a-b)/(2*b+2*a)", "(a-b)/2"},
        {"(x*y-y)/(1-x)", "-y"},
        {"floor(n/2)*6/(4*floor(n/2))", "3/2"},
    };
    ROWS(rows);
}

void test_poly__common_factors(void **state)
{
    static const char *const rows[][3] = {{"4*a^2*b+6*a*b^2", "2*a*b", "2*a*b"},
                                          {"4*a^2*b+6*a*b^2", "10*a^3", "2*a"},
                                          {"3*a+3", "6*b", "3"},
                                          {"a+1", "a", "1"},
                                          {"a*floor(b/2)", "2*floor(b/2)", "floor(b/2)"},
                                          {"a*(a+1)/2", "a", "a"},
                                          {"12", "18*a", "6"}};
    (void)state;
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fw_count common = fw_count_common(s, parse(s, rows[i][0]), parse(s, rows[i][1]));
        check_print(s, common, rows[i][2]);
    }
    fw_symbols_free(s);
}

void test_poly__floor_and_ceil(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"floor((H-1)/2)+1", "floor((H+1)/2)"},
        {"ceil(H/2)", "floor((H+1)/2)"},
        {"floor((floor((H-1)/2)+1-1)/2)+1", "floor((H+3)/4)"},
        {"floor((2*H+1)/4)", "floor(H/2)"},
        {"floor(3*H/2)", "H+floor(H/2)"},
        {"floor(-7/2)", "-4"},
        {"ceil(-7/2)", "-3"},
        {"ceil(7/2)", "4"},
        {"floor(S*(S+1)/2)", "(S^2+S)/2"},
        {"floor(S*(S+1)*(S+2)/6)", "(S^3+3*S^2+2*S)/6"},
        {"floor((S^2+S+1)/2)", "(S^2+S)/2"},
        {"floor((S+W-1)/W)", "floor((S-1)/W)+1"},
        {"ceil(S/W)", "floor((S-1)/W)+1"},
        {"floor((W-1)/W)", "0"},
        {"floor(-1/W)", "-1"},
        {"floor((W-1)/W/2)", "0"},
        {"floor(B*S/(B*W))", "floor(S/W)"},
        {"floor((2*S+1)/(2*W))", "floor(S/W)"},
        {"floor(S/(0-W))", "floor((-S)/W)"},
        {"floor(floor(S/W)/V)", "floor(S/(V*W))"},
        {"floor(x^2/(x+1))", "x-1"},
    };
    ROWS(rows);
}

void test_poly__min_and_max(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"min(3,4)", "3"},
        {"max(3,4,5)", "5"},
        {"min(S,S+1)", "S"},
        {"max(S-1,0)", "S-1"},
        {"max(0,1-S)", "0"},
        {"min(2*S,4)", "2*min(S,2)"},
        {"min(4,2*S)", "2*min(S,2)"},
        {"max(a/2,b/3)", "max(3*a,2*b)/6"},
        {"min(floor(S/2),S)", "floor(S/2)"},
        {"max(floor((S+1)/2),floor(S/2))", "floor((S+1)/2)"},
        {"min(min(S,10),10)", "min(S,10)"},
        {"max(min(S,10),0)", "min(S,10)"},
        {"max(min(S,10),S)", "S"},
        {"min(S*N,S)", "S"},
    };
    ROWS(rows);
}

void test_poly__sign(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int sign;
    } rows[] = {{"0", 0},          {"x", 1},          {"-x", -1},           {"x-1", 2},
                {"1-x", -2},       {"x-2", 3},        {"x*y-x", 2},         {"x*y-x+1", 1},
                {"x-y", 3},        {"floor(x/2)", 2}, {"floor(x/2)-x", -1}, {"2*floor(x/2)-x+1", 2},
                {"1/2", 1},        {"-x/3", -1},      {"min(x,y)", 1},      {"min(x,y)-x", -2},
                {"max(x,3)-2", 1}, {"x^2-2*x+1", 2},  {"min(x-y,3)^2", 2}};
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int sign = fw_count_sign(s, parse(s, rows[i].text));
        if (sign != rows[i].sign)
            fail_msg("%s: %d instead of %d", rows[i].text, sign, rows[i].sign);
    }
    assert_int_equal(fw_dim_sign(s, fw_dim_int(-4)), -1);
    assert_int_equal(fw_count_sign(s, fw_count_bad()), 3);
    fw_symbols_free(s);
}

void test_poly__constant_range(void **state)
{
    (void)state;
    fw_dim most = fw_dim_int(FW_DIM_MAX), one = fw_dim_int(1);
    assert_true(fw_dim_is_bad(fw_dim_add(NULL, most, one)));
    assert_true(fw_dim_is_bad(fw_dim_sub(NULL, fw_dim_int(-FW_DIM_MAX), one)));
    assert_true(fw_dim_is_bad(fw_dim_mul(NULL, most, most)));
    assert_true(fw_dim_is_bad(fw_dim_int(FW_DIM_MAX + 1)));
    assert_true(fw_dim_is_bad(fw_dim_int(INT64_MIN)));
    assert_true(fw_dim_is(fw_dim_sub(NULL, most, most), 0));
    fw_count big = fw_count_of(most);
    fw_count huge = fw_count_mul(NULL, big, big); // 2^124
    assert_true(fw_count_is_const(huge));
    assert_true(fw_dim_is_bad(fw_dim_of(huge)));
    assert_true(fw_count_is_bad(fw_count_mul(NULL, huge, big)));
    assert_true(fw_count_is_bad(fw_count_add(NULL, fw_count_int(FW_COUNT_MAX), fw_count_int(1))));
    assert_true(fw_count_is_bad(fw_count_sub(NULL, fw_count_int(-FW_COUNT_MAX), fw_count_int(1))));
    fw_count top = fw_count_int(FW_COUNT_MAX);
    assert_true(fw_count_is(fw_count_sub(NULL, top, top), 0));
    assert_true(fw_count_is_bad(fw_count_add(NULL, fw_count_bad(), fw_count_int(1))));
    assert_true(fw_dim_is_bad(fw_dim_mul(NULL, fw_dim_bad(), one)));
    fw_i128 e18 = 1000000000000000000;
    check_print(NULL, fw_count_int(e18 * e18 + 1), "1000000000000000000000000000000000001");
    check_print(NULL, fw_count_bad(), "overflow");
    struct fw_str out;
    fw_str_init(&out, &fw_alloc_default);
    fw_count_print(NULL, fw_count_int(-1234567), ',', &out);
    fw_dim_print(NULL, fw_dim_int(5), &out);
    assert_string_equal(fw_str_text(&out), "-1,234,5675");
    fw_str_free(&out);
}

void test_poly__constant_division(void **state)
{
    (void)state;
    for (int a = -7; a <= 7; a++) {
        for (int b = -3; b <= 3; b++) {
            fw_dim x = fw_dim_int(a), y = fw_dim_int(b);
            if (b == 0) {
                assert_true(fw_dim_is_bad(fw_dim_floor_div(NULL, x, y)));
                assert_true(fw_dim_is_bad(fw_dim_ceil_div(NULL, x, y)));
                assert_true(fw_dim_is_bad(fw_dim_mod(NULL, x, y)));
                assert_true(fw_dim_is_bad(fw_dim_div(NULL, x, y)));
                continue;
            }
            int down = (int)floor((double)a / b);
            assert_true(fw_dim_is(fw_dim_floor_div(NULL, x, y), down));
            assert_true(fw_dim_is(fw_dim_ceil_div(NULL, x, y), (int)ceil((double)a / b)));
            assert_true(fw_dim_is(fw_dim_mod(NULL, x, y), a - b * down));
            assert_true(fw_dim_is(fw_dim_min(NULL, x, y), a < b ? a : b));
            assert_true(fw_dim_is(fw_dim_max(NULL, x, y), a > b ? a : b));
            assert_true(fw_dim_is_bad(fw_dim_div(NULL, x, y)) == (a % b != 0));
        }
    }
}

void test_poly__dims(void **state)
{
    (void)state;
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    fw_dim h = fw_dim_symbol(s, "H", 1), w = fw_dim_symbol(s, "W", 1), two = fw_dim_int(2);
    assert_false(fw_dim_is_const(h) || fw_dim_is_bad(h) || fw_dim_is(h, 0));
    assert_true(fw_dim_eq(fw_dim_of(fw_count_of(h)), h));
    assert_true(fw_dim_eq(fw_dim_div(s, fw_dim_mul(s, h, w), w), h));
    assert_true(fw_dim_is_bad(fw_dim_div(s, h, w)));
    assert_true(
        fw_dim_eq(fw_dim_mod(s, fw_dim_add(s, h, fw_dim_mul(s, two, w)), w), fw_dim_mod(s, h, w)));
    assert_true(fw_dim_eq(fw_dim_ceil_div(s, h, two),
                          fw_dim_floor_div(s, fw_dim_add(s, h, fw_dim_int(1)), two)));
    assert_true(fw_dim_eq(fw_dim_min(s, h, fw_dim_add(s, h, w)), h));
    assert_true(fw_dim_eq(fw_dim_max(s, h, fw_dim_sub(s, h, w)), h));
    check_print(s, fw_count_of(fw_dim_from_double(s, 0.5)), "1/2");
    check_print(s, fw_count_of(fw_dim_from_double(s, -2.75)), "-11/4");
    assert_true(fw_dim_is(fw_dim_from_double(s, 4611686018427387392.0), 4611686018427387392));
    assert_true(fw_dim_is_bad(fw_dim_from_double(s, 4611686018427387904.0)));
    assert_true(fw_dim_is(fw_dim_from_double(s, -0.0), 0));
    assert_true(fw_dim_is_bad(fw_dim_from_double(s, (double)NAN)));
    assert_true(fw_dim_is_bad(fw_dim_from_double(s, -(double)INFINITY)));
    assert_true(fw_dim_is_bad(fw_dim_from_double(s, 1e-300)));
    assert_true(fw_count_to_double(s, parse(s, "3/8")) == 0.375);
    assert_true(fw_count_to_double(s, fw_count_int(7)) == 7);
    assert_true(isnan(fw_count_to_double(s, fw_count_of(h))));
    assert_true(isnan(fw_count_to_double(s, fw_count_bad())));
    fw_symbols_free(s);
    fw_symbols_free(NULL);
}

void test_poly__names_that_are_no_identifiers(void **state)
{
    (void)state;
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    /* two names stay two symbols, each found by what it was called */
    (void)fw_dim_symbol(s, "a_b", 3);
    (void)fw_dim_symbol(s, "a b", 3);
    (void)fw_dim_symbol(s, "a.b", 3);
    (void)fw_dim_symbol(s, "\xe6\x95\xb0", 3);
    assert_string_equal(fw_symbol_name(s, 1), "a_b_2");
    assert_string_equal(fw_symbol_name(s, 2), "a_b_3");
    assert_string_equal(fw_symbol_name(s, 3), "u6570");
    assert_int_equal(fw_symbols_find(s, "a b", 3), 1);
    assert_true(fw_dim_eq(fw_dim_symbol(s, "a b", 3), fw_dim_symbol(s, "a_b_2", 5)));
    assert_int_equal(fw_symbols_count(s), 4);
    fw_symbols_free(s);
}

void test_poly__symbols(void **state)
{
    (void)state;
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    fw_dim batch = fw_dim_symbol(s, "batch", 5);
    assert_true(fw_dim_eq(batch, fw_dim_symbol(s, "batch", 5)));
    (void)fw_dim_symbol(s, "3 d.x", 5);
    (void)fw_dim_symbol(s, "", 0);
    assert_string_equal(fw_symbol_name(s, 1), "_3_d_x");
    assert_string_equal(fw_symbol_name(s, 2), "_");
    static const char *const fresh[] = {"nz", "nz_2", "nz_3", "nz_4", "nz_5"};
    for (uint32_t i = 0; i < 5; i++) {
        assert_false(fw_dim_is_bad(fw_dim_fresh(s, "nz", fw_dim_int(i))));
        assert_string_equal(fw_symbol_name(s, 3 + i), fresh[i]);
        assert_true(fw_dim_is(fw_symbol_upper(s, 3 + i), i));
    }
    assert_int_equal(fw_symbols_count(s), 8);
    assert_true(fw_dim_is_bad(fw_symbol_upper(s, 0)));
    fw_symbol_set_upper(s, 0, fw_dim_int(9));
    assert_true(fw_dim_is(fw_symbol_upper(s, 0), 9));
    assert_int_equal(fw_symbols_find(s, "nz_2", 4), 4);
    assert_int_equal(fw_symbols_find(s, "nope", 4), UINT32_MAX);
    bool seen[8] = {false};
    fw_count_symbols(s, parse(s, "floor(nz/nz_3)*2+min(batch,nz_3)"), seen, 8);
    static const bool expected[8] = {true, false, false, true, false, true, false, false};
    assert_memory_equal(seen, expected, sizeof seen);
    fw_symbols_free(s);
}

void test_poly__substitute(void **state)
{
    (void)state;
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    fw_dim a = fw_dim_symbol(s, "a", 1), b = fw_dim_symbol(s, "b", 1);
    fw_count f = parse(s, "a^2*b+floor(a/2)*b+min(a,b)/2");
    fw_dim values[2] = {fw_dim_int(5), fw_dim_int(3)};
    check_print(s, fw_count_substitute(s, f, values, 2), "165/2");
    check_print(s, fw_count_substitute(s, f, values, 1), "(54*b+min(b,5))/2");
    values[0] = b;
    values[1] = a; // both at once, not one after the other
    check_print(s, fw_count_substitute(s, parse(s, "a-2*b"), values, 2), "-2*a+b");
    double reals[2] = {5, 3};
    assert_true(fw_count_eval(s, f, reals, 2) == 82.5);
    assert_true(isnan(fw_count_eval(s, f, reals, 1)));
    assert_true(isnan(fw_count_eval(s, fw_count_bad(), reals, 2)));
    fw_count g = parse(s, "3*a^2*b+a^2+a*floor(b/2)+7");
    check_print(s, fw_count_coefficient(s, g, 0, 2), "3*b+1");
    check_print(s, fw_count_coefficient(s, g, 0, 1), "floor(b/2)");
    check_print(s, fw_count_coefficient(s, g, 0, 0), "7");
    check_print(s, fw_count_coefficient(s, g, 0, 3), "0");
    values[0] = fw_dim_int(1000000000);
    fw_count power = parse(s, "a^4");
    check_print(s, fw_count_substitute(s, power, values, 1),
                "1000000000000000000000000000000000000");
    assert_true(fw_count_is_bad(fw_count_substitute(s, parse(s, "a^5"), values, 1)));
    fw_symbols_free(s);
}

void test_poly__parse_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum fw_status status;
        int at;
    } rows[] = {{"", FW_USAGE, 0},
                {"a+", FW_USAGE, 2},
                {"(a", FW_USAGE, 2},
                {"a b", FW_USAGE, 2},
                {"a/b", FW_USAGE, 0},
                {"1/0", FW_USAGE, 1},
                {"1e6", FW_USAGE, 1},
                {"1.2.3", FW_USAGE, 3},
                {".", FW_USAGE, 0},
                {"a^b", FW_USAGE, 2},
                {"a^2^2", FW_USAGE, 3},
                {"min(a)", FW_USAGE, 5},
                {"floor(a", FW_USAGE, 7},
                {"a$", FW_USAGE, 1},
                {"min(a/b,1)", FW_USAGE, 4},
                {"a^65", FW_LIMIT, 2},
                {"a^99999", FW_LIMIT, 2},
                {"10^38", FW_LIMIT, 3},
                {"99999999999999999999999999999999999999", FW_LIMIT, 0}};
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fw_error err = {0};
        fw_count word;
        enum fw_status status = fw_count_parse(s, rows[i].text, strlen(rows[i].text), &word, &err);
        if (status != rows[i].status || err.at != rows[i].at)
            fail_msg("%s: %d at %d", rows[i].text, (int)status, (int)err.at);
        assert_true(fw_count_is_bad(word));
        assert_true(strlen(err.message) > 10);
    }
    char deep[400];
    memset(deep, '(', sizeof deep);
    fw_count word;
    assert_int_equal(fw_count_parse(s, deep, sizeof deep, &word, NULL), FW_LIMIT);
    assert_int_equal(fw_count_parse(s, "a\0b", 3, &word, NULL), FW_USAGE);
    check_print(s, parse(s, "floor + min"), "floor+min"); // only before '(' are they functions
    fw_symbols_free(s);
}

void test_poly__limits(void **state)
{
    (void)state;
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    fw_count x = parse(s, "x"), power = parse(s, "x^64");
    assert_true(fw_count_is_bad(fw_count_mul(s, power, x)));
    assert_int_equal(fw_symbols_fault(s), FW_LIMIT);
    fw_count most = fw_count_mul(s, fw_count_int(FW_COUNT_MAX), x);
    assert_false(fw_count_is_bad(most));
    assert_true(fw_count_is_bad(fw_count_add(s, most, x)));
    assert_true(fw_count_is_bad(fw_count_mul(s, most, fw_count_int(2))));
    check_print(s, fw_count_sub(s, most, most), "0");
    fw_count sum = fw_count_int(0); // 64 * 64 products are the most terms
    for (int i = 0; i < 65; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "s%d", i);
        fw_count symbol = fw_count_of(fw_dim_symbol(s, name, strlen(name)));
        fw_count next = fw_count_add(s, sum, symbol);
        sum = i < 64 ? next : sum;
    }
    fw_count other = fw_count_substitute(s, sum, NULL, 0);
    fw_count squares = fw_count_mul(s, sum, other); // 64 * 65 / 2 terms
    assert_false(fw_count_is_bad(squares));
    assert_true(fw_count_is_bad(fw_count_mul(s, squares, sum)));
    fw_count nested = x;
    int depth = 0;
    for (; !fw_count_is_bad(nested) && depth < 200; depth++)
        nested = fw_count_min(s, fw_count_mul(s, nested, nested), fw_count_int(1000));
    assert_int_equal(depth, 65);
    assert_int_equal(fw_symbols_fault(s), FW_LIMIT);
    fw_symbols_free(s);
}

/* Everything once; the parse's status. */
static enum fw_status scenario(const struct fw_alloc *alloc)
{
    static const char text[] =
        "floor((a*b-1)/(2*c))*max(a-b,c)+(a+b)^3/(a+b)+ceil(a/3)+min(floor(b/5),a)-0.5";
    struct fw_symbols *s = fw_symbols_new(alloc);
    if (!s)
        return FW_MEMORY;
    fw_count word;
    enum fw_status status = fw_count_parse(s, text, sizeof text - 1, &word, NULL);
    fw_dim values[3] = {fw_dim_int(4), fw_dim_bad(), fw_dim_fresh(s, "a", fw_dim_bad())};
    fw_count bound = fw_count_substitute(s, word, values, 3);
    if (status == FW_OK && fw_count_is_bad(bound))
        status = fw_symbols_fault(s);
    fw_symbols_free(s);
    return status;
}

void test_poly__every_allocation_fails(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    assert_int_equal(scenario(&t.alloc), FW_OK);
    assert_int_equal(t.n_live, 0);
    assert_int_equal(t.live_bytes, 0);
    long n = t.n_calls;
    assert_true(n > 10);
    for (long i = 0; i < n; i++) {
        fw_test_alloc_init(&t, i);
        assert_int_equal(scenario(&t.alloc), FW_MEMORY);
        assert_int_equal(t.n_live, 0);
        assert_int_equal(t.live_bytes, 0);
    }
}
