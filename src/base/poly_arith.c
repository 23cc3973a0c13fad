/* Sums, products and exact quotients of polynomials.
 *
 * Everything rests on one merge, a + k*x^m*b over sorted terms. Multiplying by a monomial keeps
 * the order of terms, so products and long division are repeated merges. */
#include "base/poly_impl.h"

#include <string.h>

static uint64_t gcd64(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

fw_i128 fw_gcd(fw_i128 a, fw_i128 b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b > UINT64_MAX || (b && a > UINT64_MAX)) {
        fw_i128 rest = a % b;
        a = b;
        b = rest;
    }
    return b ? (fw_i128)gcd64((uint64_t)a, (uint64_t)b) : a;
}

bool fw_coef_mul(fw_i128 a, fw_i128 b, fw_i128 *ret)
{
    return !__builtin_mul_overflow(a, b, ret) && *ret <= FW_COUNT_MAX && *ret >= -FW_COUNT_MAX;
}

bool fw_coef_add(fw_i128 a, fw_i128 b, fw_i128 *ret)
{
    *ret = a + b; // both within FW_COUNT_MAX
    return *ret <= FW_COUNT_MAX && *ret >= -FW_COUNT_MAX;
}

fw_i128 fw_floor_quotient(fw_i128 a, fw_i128 b)
{
    if (a >= INT64_MIN && a <= INT64_MAX && b <= INT64_MAX) {
        int64_t x = (int64_t)a, y = (int64_t)b;
        return x / y - (x % y < 0);
    }
    return a / b - (a % b < 0);
}

fw_i128 fw_poly_content(const struct fw_poly *p)
{
    fw_i128 content = 0;
    for (uint32_t i = 0; i < p->n && content != 1; i++)
        content = fw_gcd(content, p->terms[i].coef);
    return content;
}

bool fw_poly_is_number(const struct fw_poly *p)
{
    return p->n == 0 || (p->n == 1 && p->terms[0].mono == 0);
}

/* Working polynomials that are rewritten in turns; grows by doubling. */
struct pair {
    struct fw_poly *now, *next;
    uint32_t next_cap;
};

static bool pair_room(struct fw_symbols *s, struct pair *pair, uint32_t n)
{
    if (pair->now != NULL && n <= pair->next_cap)
        return true;
    if (n > 4 * fw_most(s->alloc, FW_MOST_terms)) {
        fw_poly_over(s, FW_MOST_terms);
        return false;
    }
    pair->now = pair->now ? pair->now : fw_poly_new(s, 0);
    struct fw_poly *now = fw_poly_new(s, 2 * (size_t)n);
    pair->next = fw_poly_new(s, 2 * (size_t)n);
    if (!pair->now || !now || !pair->next)
        return false;
    memcpy(now, pair->now, sizeof *now + pair->now->n * sizeof(struct fw_term));
    pair->now = now;
    pair->next_cap = 2 * n;
    return true;
}

static void pair_swap(struct pair *pair)
{
    struct fw_poly *old = pair->now;
    pair->now = pair->next;
    pair->next = old;
}

struct fw_poly *fw_terms_combine(struct fw_symbols *s, struct fw_poly *into,
                                 const struct fw_term *a, uint32_t na, const struct fw_term *b,
                                 uint32_t nb, fw_i128 kb, uint32_t mono)
{
    if (!into)
        return NULL;
    into->n = 0;
    uint32_t i = 0, j = 0, mono_b = 0;
    fw_i128 coef_b = 0;
    bool loaded = false; // b's term j is in coef_b, mono_b
    while (i < na || j < nb) {
        if (j < nb && !loaded) {
            mono_b = fw_mono_mul(s, b[j].mono, mono);
            if (mono_b == FW_POLY_NONE)
                return NULL;
            if (!fw_coef_mul(b[j].coef, kb, &coef_b)) {
                fw_poly_fault(s, FW_LIMIT);
                return NULL;
            }
            loaded = true;
        }
        int order = i == na ? 1 : j == nb ? -1 : fw_mono_compare(s, a[i].mono, mono_b);
        if (order < 0) {
            into->terms[into->n++] = a[i++];
            continue;
        }
        if (order == 0 && !fw_coef_add(coef_b, a[i++].coef, &coef_b)) {
            fw_poly_fault(s, FW_LIMIT);
            return NULL;
        }
        if (coef_b != 0)
            fw_poly_push(into, coef_b, mono_b);
        j++;
        loaded = false;
    }
    return into;
}

/* p * by / of, terms only; of divides every coefficient. */
static struct fw_poly *scaled(struct fw_symbols *s, const struct fw_poly *p, fw_i128 by, fw_i128 of)
{
    struct fw_poly *scaled = fw_poly_new(s, p->n);
    for (uint32_t i = 0; scaled && i < p->n; i++) {
        fw_i128 coef;
        // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a divisor of all terms, which are not 0
        if (!fw_coef_mul(of == 1 ? p->terms[i].coef : p->terms[i].coef / of, by, &coef)) {
            fw_poly_fault(s, FW_LIMIT);
            return NULL;
        }
        fw_poly_push(scaled, coef, p->terms[i].mono);
    }
    return scaled;
}

static fw_count add_scaled(struct fw_symbols *s, fw_count a, fw_count b, int sign)
{
    const struct fw_poly *x = fw_poly_of(s, a), *y = fw_poly_of(s, b);
    if (!x || !y)
        return fw_count_bad();
    fw_i128 common = x->den == y->den ? x->den : fw_gcd(x->den, y->den);
    fw_i128 kx = y->den / common, ky = x->den / common, den;
    if (!fw_coef_mul(x->den, kx, &den))
        return fw_poly_bad(s, FW_LIMIT);
    const struct fw_poly *left = kx == 1 ? x : scaled(s, x, kx, 1);
    if (!left)
        return fw_count_bad();
    struct fw_poly *sum = fw_terms_combine(s, fw_poly_new(s, (size_t)x->n + y->n), left->terms,
                                           left->n, y->terms, y->n, sign * ky, 0);
    if (sum)
        sum->den = den;
    return fw_poly_intern(s, sum);
}

fw_count fw_poly_add(struct fw_symbols *s, fw_count a, fw_count b)
{
    return add_scaled(s, a, b, 1);
}

fw_count fw_poly_sub(struct fw_symbols *s, fw_count a, fw_count b)
{
    return add_scaled(s, a, b, -1);
}

fw_count fw_poly_mul(struct fw_symbols *s, fw_count a, fw_count b)
{
    const struct fw_poly *x = fw_poly_of(s, a), *y = fw_poly_of(s, b);
    if (!x || !y)
        return fw_count_bad();
    if (x->n > y->n) {
        const struct fw_poly *swap = x;
        x = y;
        y = swap;
    }
    fw_i128 common_x = y->den == 1 ? 1 : fw_gcd(fw_poly_content(x), y->den);
    fw_i128 common_y = x->den == 1 ? 1 : fw_gcd(fw_poly_content(y), x->den);
    fw_i128 den;
    if (x->n == 0)
        return fw_count_int(0);
    if (!fw_coef_mul(x->den / common_y, y->den / common_x, &den))
        return fw_poly_bad(s, FW_LIMIT);
    if (common_y != 1 && !(y = scaled(s, y, 1, common_y)))
        return fw_count_bad();
    struct pair sum = {0};
    for (uint32_t i = 0; i < x->n; i++) {
        if (!pair_room(s, &sum, (sum.now ? sum.now->n : 0) + y->n) ||
            !fw_terms_combine(s, sum.next, sum.now->terms, sum.now->n, y->terms, y->n,
                              x->terms[i].coef / common_x, x->terms[i].mono))
            return fw_count_bad();
        pair_swap(&sum);
    }
    sum.now->den = den;
    return fw_poly_intern(s, sum.now);
}

/* One step of long division: what of rest's lead the lead of d takes; 0 for nothing. */
static fw_i128 quotient_term(struct fw_symbols *s, const struct fw_term *rest,
                             const struct fw_term *d, bool exact, uint32_t *ret_mono)
{
    *ret_mono = fw_mono_div(s, rest->mono, d->mono);
    if (*ret_mono == FW_POLY_NONE)
        return 0;
    fw_i128 coef = fw_floor_quotient(rest->coef, d->coef);
    return exact && coef * d->coef != rest->coef ? 0 : coef;
}

bool fw_terms_divide(struct fw_symbols *s, const struct fw_poly *n, const struct fw_poly *d,
                     bool exact, struct fw_poly **ret_quotient, struct fw_poly **ret_rest)
{
    struct pair rest = {0}, quotient = {0}, left = {0};
    if (!pair_room(s, &rest, n->n + d->n) || !pair_room(s, &quotient, 4) || !pair_room(s, &left, 4))
        return false;
    memcpy(rest.now->terms, n->terms, n->n * sizeof *n->terms);
    rest.now->n = n->n;
    for (uint32_t step = 0, at = 0; at < rest.now->n; step++) {
        struct fw_term lead = rest.now->terms[at++];
        uint32_t mono;
        fw_i128 coef = quotient_term(s, &lead, d->terms, exact, &mono);
        if (exact && coef == 0)
            return false;
        lead.coef -= coef * d->terms[0].coef;
        uint32_t n_left = rest.now->n - at;
        if (!pair_room(s, &quotient, quotient.now->n + 1) ||
            !pair_room(s, &left, left.now->n + 1) || !pair_room(s, &rest, n_left + d->n))
            return false;
        if (lead.coef != 0)
            fw_poly_push(left.now, lead.coef, lead.mono);
        if (coef == 0)
            continue;
        fw_poly_push(quotient.now, coef, mono);
        if (step > fw_most(s->alloc, FW_MOST_terms)) {
            fw_poly_over(s, FW_MOST_terms);
            return false;
        }
        if (d->n == 1)
            continue;
        if (!fw_terms_combine(s, rest.next, rest.now->terms + at, n_left, d->terms + 1, d->n - 1,
                              -coef, mono))
            return false;
        pair_swap(&rest);
        at = 0;
    }
    *ret_quotient = quotient.now;
    *ret_rest = left.now;
    return true;
}

fw_count fw_poly_div(struct fw_symbols *s, fw_count a, fw_count b)
{
    const struct fw_poly *x = fw_poly_of(s, a), *y = fw_poly_of(s, b);
    if (!x || !y || y->n == 0)
        return fw_count_bad();
    if (x->n == 0)
        return fw_count_int(0);
    /* By Gauss's lemma the primitive parts divide over the integers if at all. */
    fw_i128 content_x = fw_poly_content(x), content_y = fw_poly_content(y);
    if (y->terms[0].coef < 0)
        content_y = -content_y;
    struct fw_poly *quotient, *rest;
    const struct fw_poly *whole = scaled(s, x, 1, content_x), *part = scaled(s, y, 1, content_y);
    if (!whole || !part || !fw_terms_divide(s, whole, part, true, &quotient, &rest))
        return fw_count_bad();
    fw_i128 up = content_y < 0 ? -content_x : content_x;
    fw_i128 down = content_y < 0 ? -content_y : content_y;
    fw_i128 common = fw_gcd(up, down), common_den = fw_gcd(x->den, y->den);
    fw_i128 y_den = y->den / common_den, x_den = x->den / common_den;
    up /= common; // NOLINT(clang-analyzer-core.DivideZero): neither content is 0
    down /= common;
    fw_i128 cross = fw_gcd(up, x_den), den;
    fw_i128 cross_down = fw_gcd(y_den, down);
    if (!fw_coef_mul(up / cross, y_den / cross_down, &up) ||
        !fw_coef_mul(x_den / cross, down / cross_down, &den))
        return fw_poly_bad(s, FW_LIMIT);
    struct fw_poly *result = scaled(s, quotient, up, 1);
    if (result)
        result->den = den;
    return fw_poly_intern(s, result);
}

/* ---- common factors ---- */

fw_count fw_count_common(struct fw_symbols *s, fw_count a, fw_count b)
{
    struct fw_arena_mark mark = fw_arena_mark(&s->scratch);
    const struct fw_poly *part[2] = {fw_poly_of(s, a), NULL};
    part[1] = part[0] != NULL ? fw_poly_of(s, b) : NULL;
    fw_i128 content = 0;
    uint32_t mono = FW_POLY_NONE;
    for (unsigned k = 0; k < 2 && part[1] != NULL; k++) {
        content = part[k]->den == 1 ? fw_gcd(content, fw_poly_content(part[k])) : 1;
        for (uint32_t i = 0; i < part[k]->n; i++) {
            uint32_t own = part[k]->terms[i].mono;
            mono = mono == FW_POLY_NONE ? own : fw_mono_gcd(s, mono, own);
        }
    }
    struct fw_poly *common = NULL;
    if (content != 0 && mono != FW_POLY_NONE && (common = fw_poly_new(s, 1)) != NULL)
        fw_poly_push(common, content, mono);
    fw_count word = common != NULL ? fw_poly_intern(s, common) : fw_count_int(1);
    fw_arena_release(&s->scratch, mark);
    return word;
}
