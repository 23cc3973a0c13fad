/* Text to polynomial: recursive descent over fractions of polynomials, so that what stands inside
 * floor() and ceil() may be any quotient; a fraction that is left outside must come out even. */
#include "base/poly_impl.h"

#include <string.h>

struct fraction {
    fw_count up, down;
};

struct parser {
    struct fw_symbols *s;
    const char *text;
    size_t len, at; // bytes
    uint32_t depth; // open parentheses, signs and powers
    struct fw_error *err;
};

static enum fw_status parse_sum(struct parser *p, struct fraction *ret);

static enum fw_status fail(struct parser *p, size_t at, const char *what)
{
    return fw_fail(p->err, FW_USAGE, (int64_t)at, "formula: %s", what);
}

/* The status of an operation at that byte which gave a. */
static enum fw_status check(struct parser *p, size_t at, struct fraction a)
{
    if (!fw_count_is_bad(a.up) && !fw_count_is_bad(a.down))
        return FW_OK;
    if (p->s->fault == FW_MEMORY)
        return fw_fail_memory(p->err);
    enum fw_status status = fw_symbols_fail(p->s, "formula", p->err);
    if (p->err != NULL)
        p->err->at = (int64_t)at;
    return status;
}

static char peek(struct parser *p)
{
    while (p->at < p->len && strchr(" \t\r\n", p->text[p->at]) && p->text[p->at])
        p->at++;
    if (p->at == p->len)
        return '\0';
    return p->text[p->at];
}

static bool accept(struct parser *p, char c)
{
    bool is = peek(p) == c && p->at < p->len;
    p->at += is;
    return is;
}

static enum fw_status expect(struct parser *p, char c, const char *what)
{
    return accept(p, c) ? FW_OK : fail(p, p->at, what);
}

static enum fw_status enter(struct parser *p)
{
    FW_WITHIN(p->s->alloc, FW_MOST_recursion, ++p->depth, (int64_t)p->at, p->err);
    return FW_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static struct fraction whole(fw_count a)
{
    return (struct fraction){a, fw_count_int(1)};
}

/* a/b as one polynomial where it comes out even. */
static struct fraction quotient(struct fw_symbols *s, fw_count a, fw_count b)
{
    enum fw_status fault = s->fault;
    fw_count exact = fw_count_div(s, a, b);
    if (!fw_count_is_bad(exact))
        return whole(exact);
    if (s->fault != FW_MEMORY)
        s->fault = fault;
    return (struct fraction){a, b};
}

static enum fw_status parse_number(struct parser *p, struct fraction *ret)
{
    size_t start = p->at;
    fw_i128 up = 0, down = 1;
    bool point = false, fits = true;
    size_t digits = 0;
    for (; p->at < p->len && (is_digit(p->text[p->at]) || p->text[p->at] == '.'); p->at++) {
        char c = p->text[p->at];
        if (c == '.') {
            if (point)
                return fail(p, p->at, "second decimal point");
            point = true;
            continue;
        }
        digits++;
        fits = fits && fw_coef_mul(up, 10, &up) && fw_coef_add(up, c - '0', &up) &&
               (!point || fw_coef_mul(down, 10, &down));
    }
    if (digits == 0)
        return fail(p, start, "number without digits");
    if (p->at < p->len && is_name_byte(p->text[p->at]))
        return fail(p, p->at, "letter inside a number");
    *ret = whole(fits ? fw_count_div(p->s, fw_count_int(up), fw_count_int(down)) : fw_count_bad());
    return check(p, start, *ret);
}

/* One polynomial, not a fraction. */
static enum fw_status parse_polynomial(struct parser *p, fw_count *ret)
{
    peek(p);
    size_t start = p->at;
    struct fraction value;
    FW_TRY(parse_sum(p, &value));
    if (!fw_count_is(value.down, 1))
        return fail(p, start, "division that does not come out even");
    *ret = value.up;
    return FW_OK;
}

enum function { FUNCTION_FLOOR, FUNCTION_CEIL, FUNCTION_MIN, FUNCTION_MAX, FUNCTION_NONE };

static enum function function_of(const char *name, size_t len)
{
    static const char *const names[] = {"floor", "ceil", "min", "max"};
    for (int i = 0; i < FUNCTION_NONE; i++) {
        if (strlen(names[i]) == len && memcmp(name, names[i], len) == 0)
            return (enum function)i;
    }
    return FUNCTION_NONE;
}

static enum fw_status parse_function(struct parser *p, enum function function, struct fraction *ret)
{
    size_t start = p->at;
    FW_TRY(enter(p));
    FW_TRY(expect(p, '(', "'(' missing"));
    if (function == FUNCTION_FLOOR || function == FUNCTION_CEIL) {
        struct fraction inner;
        FW_TRY(parse_sum(p, &inner));
        *ret = whole(function == FUNCTION_FLOOR ? fw_count_floor_div(p->s, inner.up, inner.down)
                                                : fw_count_ceil_div(p->s, inner.up, inner.down));
    } else {
        fw_count best;
        FW_TRY(parse_polynomial(p, &best));
        FW_TRY(expect(p, ',', "',' missing"));
        do {
            fw_count other;
            FW_TRY(parse_polynomial(p, &other));
            best = function == FUNCTION_MIN ? fw_count_min(p->s, best, other)
                                            : fw_count_max(p->s, best, other);
        } while (accept(p, ','));
        *ret = whole(best);
    }
    FW_TRY(expect(p, ')', "')' missing"));
    p->depth--;
    return check(p, start, *ret);
}

static enum fw_status parse_name(struct parser *p, struct fraction *ret)
{
    size_t start = p->at;
    while (p->at < p->len && is_name_byte(p->text[p->at]))
        p->at++;
    size_t len = p->at - start;
    enum function function = function_of(p->text + start, len);
    if (function != FUNCTION_NONE && peek(p) == '(')
        return parse_function(p, function, ret);
    *ret = whole(fw_count_of(fw_dim_symbol(p->s, p->text + start, len)));
    return check(p, start, *ret);
}

static enum fw_status parse_primary(struct parser *p, struct fraction *ret)
{
    char c = peek(p);
    if (is_digit(c) || c == '.')
        return parse_number(p, ret);
    if (is_name_byte(c))
        return parse_name(p, ret);
    if (!accept(p, '('))
        return fail(p, p->at, "number, name or '(' expected");
    FW_TRY(enter(p));
    FW_TRY(parse_sum(p, ret));
    p->depth--;
    return expect(p, ')', "')' missing");
}

static enum fw_status parse_power(struct parser *p, struct fraction *ret)
{
    FW_TRY(parse_primary(p, ret));
    if (!accept(p, '^'))
        return FW_OK;
    peek(p);
    size_t start = p->at;
    uint32_t exp = 0;
    for (; p->at < p->len && is_digit(p->text[p->at]); p->at++)
        exp = exp > 1000 ? exp : exp * 10 + (uint32_t)(p->text[p->at] - '0');
    if (p->at == start || accept(p, '.') || peek(p) == '^')
        return fail(p, p->at, "exponent that is no whole number");
    if (exp > 1000)
        return fw_fail(p->err, FW_LIMIT, (int64_t)start, "formula: exponent too large");
    struct fraction power = whole(fw_count_int(1));
    for (; exp && !fw_count_is_bad(power.up) && !fw_count_is_bad(power.down); exp--) {
        power.up = fw_count_mul(p->s, power.up, ret->up);
        power.down = fw_count_mul(p->s, power.down, ret->down);
    }
    *ret = power;
    return check(p, start, *ret);
}

/* Signs bind weaker than '^': -x^2 is -(x^2). */
static enum fw_status parse_signed(struct parser *p, struct fraction *ret)
{
    bool negative = false;
    for (;;) {
        if (accept(p, '-'))
            negative = !negative;
        else if (!accept(p, '+'))
            break;
    }
    FW_TRY(parse_power(p, ret));
    if (negative)
        ret->up = fw_count_sub(p->s, fw_count_int(0), ret->up);
    return check(p, p->at, *ret);
}

static enum fw_status parse_product(struct parser *p, struct fraction *ret)
{
    FW_TRY(parse_signed(p, ret));
    for (;;) {
        bool divide = peek(p) == '/';
        if (!divide && peek(p) != '*')
            return FW_OK;
        size_t start = p->at++;
        struct fraction other;
        FW_TRY(parse_signed(p, &other));
        if (divide && fw_count_is(other.up, 0))
            return fail(p, start, "division by zero");
        fw_count up = divide ? other.down : other.up, down = divide ? other.up : other.down;
        *ret =
            (struct fraction){fw_count_mul(p->s, ret->up, up), fw_count_mul(p->s, ret->down, down)};
        FW_TRY(check(p, start, *ret));
        *ret = quotient(p->s, ret->up, ret->down);
    }
}

static enum fw_status parse_sum(struct parser *p, struct fraction *ret)
{
    struct fw_symbols *s = p->s;
    FW_TRY(parse_product(p, ret));
    for (;;) {
        bool minus = peek(p) == '-';
        if (!minus && peek(p) != '+')
            return FW_OK;
        size_t start = p->at++;
        struct fraction b;
        FW_TRY(parse_product(p, &b));
        if (!fw_count_eq(ret->down, b.down)) {
            fw_count up = fw_count_mul(s, b.up, ret->down);
            ret->up = fw_count_mul(s, ret->up, b.down);
            ret->down = fw_count_mul(s, ret->down, b.down);
            b.up = up;
        }
        ret->up = minus ? fw_count_sub(s, ret->up, b.up) : fw_count_add(s, ret->up, b.up);
        FW_TRY(check(p, start, *ret));
        *ret = quotient(s, ret->up, ret->down);
    }
}

enum fw_status fw_count_parse(struct fw_symbols *s, const char *text, size_t len, fw_count *ret,
                              struct fw_error *err)
{
    struct parser p = {.s = s, .text = text, .len = len, .err = err};
    *ret = fw_count_bad();
    FW_TRY(parse_polynomial(&p, ret));
    peek(&p);
    if (p.at < p.len) {
        *ret = fw_count_bad();
        return fail(&p, p.at, "operator expected");
    }
    return FW_OK;
}
