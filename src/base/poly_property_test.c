/* Random expression trees over four symbols, computed twice: as polynomials into which numbers are
 * put afterwards, and directly in rational arithmetic at those numbers. */
#include "base/poly.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define N_SYMBOLS 4
#define N_POINTS 5
#define N_CASES 6000

struct rational {
    fw_i128 up, down; // down > 0; 0: undefined at this point
};

struct tree {
    fw_count word;
    struct rational at[N_POINTS];
};

struct setting {
    struct fw_symbols *s;
    uint64_t random;
    int64_t points[N_POINTS][N_SYMBOLS];
    int n_out_of_range; // points where only the polynomial overflows
};

static uint32_t draw(struct setting *set, uint32_t below)
{
    set->random = set->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(set->random >> 33) % below;
}

static fw_i128 gcd(fw_i128 a, fw_i128 b)
{
    return b ? gcd(b, a % b) : a < 0 ? -a : a;
}

/* Undefined also beyond 2^60, so that nothing here overflows. */
static struct rational ratio(fw_i128 up, fw_i128 down)
{
    const fw_i128 most = (fw_i128)1 << 60;
    if (down == 0)
        return (struct rational){0, 0};
    fw_i128 common = gcd(up, down) * (down < 0 ? -1 : 1);
    up /= common;
    down /= common;
    return up > most || up < -most || down > most ? (struct rational){0, 0}
                                                  : (struct rational){up, down};
}

enum op { ADD, SUB, MUL, FLOOR, CEIL, MIN, MAX, EXACT, HALF, N_OPS };

static struct rational compute(enum op op, struct rational a, struct rational b)
{
    if (a.down == 0 || b.down == 0)
        return (struct rational){0, 0};
    struct rational q = ratio(a.up * b.down, a.down * b.up);
    bool less = a.up * b.down < b.up * a.down;
    switch (op) {
    case ADD:
        return ratio(a.up * b.down + b.up * a.down, a.down * b.down);
    case SUB:
        return ratio(a.up * b.down - b.up * a.down, a.down * b.down);
    case MUL:
        return ratio(a.up * b.up, a.down * b.down);
    case FLOOR:
        return q.down ? ratio(q.up / q.down - (q.up % q.down < 0), 1) : q;
    case CEIL:
        return q.down ? ratio(q.up / q.down + (q.up % q.down > 0), 1) : q;
    case MIN:
        return less ? a : b;
    case MAX:
        return less ? b : a;
    case EXACT: // (a*b)/b
        return b.up == 0 ? (struct rational){0, 0} : a;
    default: // HALF: a / 2
        return ratio(a.up, 2 * a.down);
    }
}

static fw_count combine(struct fw_symbols *s, enum op op, fw_count a, fw_count b)
{
    switch (op) {
    case ADD:
        return fw_count_add(s, a, b);
    case SUB:
        return fw_count_sub(s, a, b);
    case MUL:
        return fw_count_mul(s, a, b);
    case FLOOR:
        return fw_count_floor_div(s, a, b);
    case CEIL:
        return fw_count_ceil_div(s, a, b);
    case MIN:
        return fw_count_min(s, a, b);
    case MAX:
        return fw_count_max(s, a, b);
    case EXACT:
        return fw_count_div(s, fw_count_mul(s, a, b), b);
    default:
        return fw_count_div(s, a, fw_count_int(2));
    }
}

static struct tree grow(struct setting *set, uint32_t depth)
{
    struct tree t;
    if (depth == 0 || draw(set, 8) == 0) {
        uint32_t symbol = draw(set, N_SYMBOLS + 2);
        int64_t number = (int64_t)draw(set, 13) - 4;
        bool is_number = symbol >= N_SYMBOLS;
        char name = (char)('a' + symbol);
        t.word = is_number ? fw_count_int(number) : fw_count_of(fw_dim_symbol(set->s, &name, 1));
        for (int i = 0; i < N_POINTS; i++)
            t.at[i] = ratio(is_number ? number : set->points[i][symbol], 1);
        return t;
    }
    enum op op = (enum op)draw(set, N_OPS);
    struct tree a = grow(set, depth - 1), b = grow(set, depth - 1);
    t.word = combine(set->s, op, a.word, b.word);
    for (int i = 0; i < N_POINTS; i++)
        t.at[i] = compute(op, a.at[i], b.at[i]);
    return t;
}

static void check_text(struct fw_symbols *s, fw_count word)
{
    struct fw_str text, again;
    fw_str_init(&text, &fw_alloc_default);
    fw_str_init(&again, &fw_alloc_default);
    fw_count_print(s, word, 0, &text);
    struct fw_error err = {0};
    fw_count back;
    if (fw_count_parse(s, fw_str_text(&text), text.len, &back, &err) != FW_OK)
        fail_msg("%s: %s", fw_str_text(&text), err.message);
    fw_count_print(s, back, 0, &again);
    if (!fw_count_eq(back, word))
        fail_msg("%s parsed to %s", fw_str_text(&text), fw_str_text(&again));
    struct fw_symbols *other = fw_symbols_new(&fw_alloc_default); // order must not depend on age
    (void)fw_dim_symbol(other, "d", 1);
    assert_int_equal(fw_count_parse(other, fw_str_text(&text), text.len, &back, &err), FW_OK);
    fw_str_reset(&again);
    fw_count_print(other, back, 0, &again);
    assert_string_equal(fw_str_text(&again), fw_str_text(&text));
    fw_symbols_free(other);
    fw_str_free(&text);
    fw_str_free(&again);
}

static void check_sign(int sign, fw_i128 value)
{
    switch (sign) {
    case 1:
        assert_true(value > 0);
        break;
    case -1:
        assert_true(value < 0);
        break;
    case 0:
        assert_true(value == 0);
        break;
    case 2:
        assert_true(value >= 0);
        break;
    case -2:
        assert_true(value <= 0);
        break;
    default:
        assert_int_equal(sign, 3);
    }
}

/* 1 when the point was compared, 0 when the direct value is undefined there. */
static int check_point(struct setting *set, const struct tree *t, int point, int sign)
{
    struct rational expected = t->at[point];
    if (expected.down == 0)
        return 0;
    struct fw_symbols *s = set->s;
    fw_dim all[N_SYMBOLS], first[N_SYMBOLS], rest[N_SYMBOLS];
    double reals[N_SYMBOLS];
    for (int i = 0; i < N_SYMBOLS; i++) {
        all[i] = fw_dim_int(set->points[point][i]);
        first[i] = i % 2 ? fw_dim_bad() : all[i];
        rest[i] = i % 2 ? all[i] : fw_dim_bad();
        reals[i] = (double)set->points[point][i];
    }
    fw_count value = fw_count_substitute(s, t->word, all, N_SYMBOLS);
    if (fw_count_is_bad(value)) {
        set->n_out_of_range++;
        return 0;
    }
    fw_count wanted = fw_count_div(s, fw_count_int(expected.up), fw_count_int(expected.down));
    if (!fw_count_eq(value, wanted)) {
        struct fw_str text;
        fw_str_init(&text, &fw_alloc_default);
        fw_count_print(s, t->word, 0, &text);
        fw_str_add(&text, " = ");
        fw_count_print(s, value, 0, &text);
        fw_str_add(&text, " instead of ");
        fw_count_print(s, wanted, 0, &text);
        fail_msg("%s", fw_str_text(&text));
    }
    check_sign(sign, expected.up);
    fw_count half = fw_count_substitute(s, t->word, first, N_SYMBOLS);
    fw_count both = fw_count_substitute(s, half, rest, N_SYMBOLS);
    assert_true(fw_count_is_bad(half) || fw_count_is_bad(both) || fw_count_eq(both, wanted));
    double real = fw_count_eval(s, t->word, reals, N_SYMBOLS);
    double close = 1e-6 * (fabs((double)expected.up) + 1e6);
    assert_true(fabs((double)expected.up) > 1e6 ||
                fabs(real - (double)expected.up / (double)expected.down) < close);
    return 1;
}

static int check_case(struct setting *set)
{
    for (int p = 0; p < N_POINTS; p++) {
        for (int i = 0; i < N_SYMBOLS; i++)
            set->points[p][i] = p == 0 ? 1 : 1 + draw(set, p == 1 ? 3 : 40);
    }
    struct tree t = grow(set, 2 + draw(set, 4));
    if (fw_count_is_bad(t.word))
        return 0;
    int n = 0, sign = fw_count_sign(set->s, t.word);
    for (int p = 0; p < N_POINTS; p++)
        n += check_point(set, &t, p, sign);
    assert_true(fw_count_eq(fw_count_substitute(set->s, t.word, NULL, 0), t.word));
    check_text(set->s, t.word);
    return n;
}

void test_poly_property__trees(void **state)
{
    (void)state;
    struct setting set = {.random = 20240607};
    int compared = 0;
    for (int i = 0; i < N_CASES; i++) {
        if (i % 200 == 0) {
            fw_symbols_free(set.s);
            set.s = fw_symbols_new(&fw_alloc_default);
            for (char c = 'a'; c < 'a' + N_SYMBOLS; c++)
                (void)fw_dim_symbol(set.s, &c, 1);
        }
        compared += check_case(&set);
    }
    fw_symbols_free(set.s);
    print_message("%d points of %d trees compared, %d out of range\n", compared, N_CASES,
                  set.n_out_of_range);
    assert_true(compared > 3 * N_CASES);
    assert_true(set.n_out_of_range < compared / 1000);
}
