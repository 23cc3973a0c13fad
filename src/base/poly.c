/* The operations on words: constants answered at once, the rest through one small cache, since a
 * model asks the same few questions for layer after layer. */
#include "base/poly_impl.h"

#include <math.h>
#include <string.h>

#define CACHE_SLOTS 1024u

static fw_count (*const ops[])(struct fw_symbols *s, fw_count a, fw_count b) = {
    [FW_OP_ADD] = fw_poly_add,         [FW_OP_SUB] = fw_poly_sub,   [FW_OP_MUL] = fw_poly_mul,
    [FW_OP_DIV] = fw_poly_div,         [FW_OP_MIN] = fw_poly_min,   [FW_OP_MAX] = fw_poly_max,
    [FW_OP_FLOOR] = fw_poly_floor_div, [FW_OP_SIGN] = fw_poly_sign,
};

static struct fw_op_cached *cache_slot(struct fw_symbols *s, enum fw_op op, fw_count a, fw_count b)
{
    if (!s->cache)
        s->cache = fw_arena_zalloc(&s->arena, CACHE_SLOTS * sizeof *s->cache);
    if (!s->cache)
        return NULL;
    uint64_t h = (uint64_t)a.word * 0x9e3779b97f4a7c15u + (uint64_t)op;
    h = (h ^ h >> 32 ^ (uint64_t)b.word) * 0xd1b54a32d192ed03u;
    return &s->cache[h >> 54];
}

fw_count fw_op(struct fw_symbols *s, enum fw_op op, fw_count a, fw_count b)
{
    if (fw_count_is_bad(a) || fw_count_is_bad(b) || !s)
        return fw_count_bad();
    struct fw_op_cached *slot = cache_slot(s, op, a, b);
    uint64_t tag = (uint64_t)op + 1;
    if (slot && slot->op_plus_1 == tag && slot->a == a.word && slot->b == b.word)
        return (fw_count){slot->result};
    struct fw_arena_mark mark = fw_arena_mark(&s->scratch);
    fw_count result = ops[op](s, a, b);
    fw_arena_release(&s->scratch, mark);
    if (slot && !fw_count_is_bad(result))
        *slot = (struct fw_op_cached){a.word, b.word, result.word, tag, 0};
    return result;
}

fw_count fw_count_slow(struct fw_symbols *s, enum fw_poly_op op, fw_count a, fw_count b)
{
    static const enum fw_op slow[] = {
        [FW_POLY_ADD] = FW_OP_ADD, [FW_POLY_SUB] = FW_OP_SUB, [FW_POLY_MUL] = FW_OP_MUL};
    if (fw_count_is_const(a) && fw_count_is_const(b)) {
        fw_i128 v = 0;
        fw_i128 added = op == FW_POLY_ADD ? b.word : -b.word;
        bool fits =
            op == FW_POLY_MUL ? fw_coef_mul(a.word, b.word, &v) : fw_coef_add(a.word, added, &v);
        if (!fits)
            return fw_count_bad();
        return (fw_count){v};
    }
    if (op == FW_POLY_MUL && (fw_count_is(a, 1) || fw_count_is(b, 1)))
        return fw_count_is(a, 1) ? b : a;
    if (op != FW_POLY_SUB && a.word > b.word) // one order, so that the cache answers both
        return fw_op(s, slow[op], b, a);
    return fw_op(s, slow[op], a, b);
}

fw_count fw_count_div(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is(b, 0))
        return fw_count_bad();
    if (fw_count_is(b, 1))
        return a;
    if (fw_count_is_const(a) && fw_count_is_const(b) && a.word % b.word == 0)
        return (fw_count){a.word / b.word};
    return fw_op(s, FW_OP_DIV, a, b);
}

fw_count fw_count_floor_div(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is(b, 0))
        return fw_count_bad();
    if (fw_count_is_const(a) && fw_count_is_const(b)) {
        bool flip = b.word < 0;
        return (fw_count){fw_floor_quotient(flip ? -a.word : a.word, flip ? -b.word : b.word)};
    }
    return fw_op(s, FW_OP_FLOOR, a, b);
}

static fw_i128 denominator(const struct fw_symbols *s, fw_count a)
{
    return fw_count_is_const(a) || fw_count_is_bad(a) ? 1 : fw_poly_at(s, a)->den;
}

/* ceil(n/d) = floor((n + d - 1)/d) for integers n and d >= 1, else -floor(-n/d). */
fw_count fw_count_ceil_div(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is_const(a) && fw_count_is_const(b))
        return fw_count_sub(s, (fw_count){0}, fw_count_floor_div(s, (fw_count){-a.word}, b));
    if (fw_count_is_const(b) && b.word != 0) {
        a = fw_count_div(s, a, b);
        b = fw_count_int(1);
    }
    fw_i128 den_a = denominator(s, a), den_b = denominator(s, b);
    fw_count n = fw_count_mul(s, fw_count_mul(s, a, fw_count_int(den_a)), fw_count_int(den_b));
    fw_count d = fw_count_mul(s, fw_count_mul(s, b, fw_count_int(den_a)), fw_count_int(den_b));
    if (fw_count_sign(s, d) == 1)
        return fw_count_floor_div(s, fw_count_add(s, n, fw_count_sub(s, d, fw_count_int(1))), d);
    fw_count zero = fw_count_int(0);
    return fw_count_sub(s, zero, fw_count_floor_div(s, fw_count_sub(s, zero, n), d));
}

fw_count fw_count_min(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is_const(a) && fw_count_is_const(b))
        return a.word < b.word ? a : b;
    return a.word == b.word ? a : fw_op(s, FW_OP_MIN, a, b);
}

fw_count fw_count_max(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is_const(a) && fw_count_is_const(b))
        return a.word > b.word ? a : b;
    return a.word == b.word ? a : fw_op(s, FW_OP_MAX, a, b);
}

int fw_count_sign(struct fw_symbols *s, fw_count a)
{
    if (fw_count_is_const(a))
        return (a.word > 0) - (a.word < 0);
    fw_count sign = fw_op(s, FW_OP_SIGN, a, fw_count_int(0));
    return fw_count_is_bad(sign) ? 3 : (int)sign.word;
}

fw_dim fw_dim_div(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b) && b.word != 0 && a.word % b.word == 0)
        return (fw_dim){a.word / b.word};
    return fw_dim_of(fw_count_div(s, fw_count_of(a), fw_count_of(b)));
}

fw_dim fw_dim_floor_div(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b) && b.word > 0)
        return (fw_dim){a.word / b.word - (a.word % b.word < 0)};
    return fw_dim_of(fw_count_floor_div(s, fw_count_of(a), fw_count_of(b)));
}

fw_dim fw_dim_ceil_div(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b) && b.word > 0)
        return (fw_dim){a.word / b.word + (a.word % b.word > 0)};
    return fw_dim_of(fw_count_ceil_div(s, fw_count_of(a), fw_count_of(b)));
}

fw_dim fw_dim_mod(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b) && b.word > 0)
        return (fw_dim){a.word % b.word + (a.word % b.word < 0 ? b.word : 0)};
    return fw_dim_sub(s, a, fw_dim_mul(s, b, fw_dim_floor_div(s, a, b)));
}

fw_dim fw_dim_min(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b))
        return a.word < b.word ? a : b;
    return fw_dim_of(fw_count_min(s, fw_count_of(a), fw_count_of(b)));
}

fw_dim fw_dim_max(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b))
        return a.word > b.word ? a : b;
    return fw_dim_of(fw_count_max(s, fw_count_of(a), fw_count_of(b)));
}

int fw_dim_sign(struct fw_symbols *s, fw_dim a)
{
    return fw_count_sign(s, fw_count_of(a));
}

fw_dim fw_dim_from_double(struct fw_symbols *s, double v)
{
    if (!isfinite(v))
        return fw_dim_bad();
    int exp;
    double mantissa = frexp(v, &exp);             // v = mantissa * 2^exp
    int64_t whole = (int64_t)ldexp(mantissa, 53); // exact: a double has 53 bits
    for (exp -= 53; whole && whole % 2 == 0; exp++)
        whole /= 2;
    if (whole == 0)
        return fw_dim_int(0);
    if (exp > 62 || exp < -125)
        return fw_dim_bad();
    fw_count power = fw_count_int((fw_i128)1 << (exp < 0 ? -exp : exp));
    fw_count word = fw_count_int(whole);
    return fw_dim_of(exp < 0 ? fw_count_div(s, word, power) : fw_count_mul(s, word, power));
}
