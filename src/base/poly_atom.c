/* floor, min and max of polynomials: reduced as far as identities carry, so that equal sizes
 * become the same word, and kept as atoms where they cannot be decided.
 *
 * For integer X and positive integers g, v, d (x any rational):
 *   floor(x + X) = floor(x) + X
 *   floor((g*X + c) / (g*d)) = floor((X + floor(c/g)) / d)
 *   floor((floor(u/v) + X) / d) = floor((u + v*X) / (v*d)) */
#include "base/poly_impl.h"

#include <string.h>

#define MAX_RESIDUES 4096u

/* --- floor of a polynomial with a constant denominator --- */

static fw_i128 mono_residue(const struct fw_symbols *s, uint32_t mono, const uint32_t *vars,
                            const uint32_t *values, uint32_t n_vars, uint32_t modulus)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < n_vars; i++) {
        uint32_t exp = fw_mono_exponent(s, mono, vars[i]);
        for (; exp; exp--)
            product = product * values[i] % modulus;
    }
    return (fw_i128)product;
}

/* The different variables of p, at most max of them; false when there are more. */
static bool collect_vars(const struct fw_symbols *s, const struct fw_poly *p, uint32_t *vars,
                         uint32_t max, uint32_t *ret_n)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < p->n; t++) {
        const struct fw_mono *mono = s->monos[p->terms[t].mono];
        for (uint32_t i = 0; i < mono->n; i++) {
            uint32_t k = 0;
            while (k < n && vars[k] != mono->powers[i].var)
                k++;
            if (k == max)
                return false;
            if (k == n)
                vars[n++] = mono->powers[i].var;
        }
    }
    *ret_n = n;
    return true;
}

/* Whether p is the same modulo d whatever the variables are, as S^2 + S is modulo 2. */
static bool constant_residue(const struct fw_symbols *s, const struct fw_poly *p, fw_i128 d,
                             fw_i128 *ret)
{
    uint32_t vars[4], values[4] = {0}, n_vars;
    if (p->terms[0].mono == 0 || s->monos[p->terms[0].mono]->degree < 2 || d > 64 || p->n > 64 ||
        !collect_vars(s, p, vars, 4, &n_vars))
        return false;
    uint32_t modulus = (uint32_t)d, n_cases = 1;
    for (uint32_t i = 0; i < n_vars; i++) {
        n_cases *= modulus;
        if (n_cases > MAX_RESIDUES)
            return false;
    }
    for (uint32_t k = 0; k < n_cases; k++) {
        uint32_t left = k;
        for (uint32_t i = 0; i < n_vars; i++, left /= modulus)
            values[i] = left % modulus;
        fw_i128 residue = 0;
        for (uint32_t t = 0; t < p->n; t++) {
            const struct fw_term *term = &p->terms[t];
            residue += term->coef * mono_residue(s, term->mono, vars, values, n_vars, modulus);
        }
        if (k > 0 && residue % d != *ret)
            return false;
        *ret = residue % d;
    }
    return true;
}

/* p = whole + rest/den with the rest's coefficients from 0 to below den. */
static bool split_whole(struct fw_symbols *s, const struct fw_poly *p, struct fw_poly **ret_whole,
                        struct fw_poly **ret_rest)
{
    struct fw_poly *whole = fw_poly_new(s, p->n + 1), *rest = fw_poly_new(s, p->n);
    if (!whole || !rest)
        return false;
    for (uint32_t i = 0; i < p->n; i++) {
        fw_i128 coef = p->terms[i].coef, quotient = fw_floor_quotient(coef, p->den);
        if (quotient)
            fw_poly_push(whole, quotient, p->terms[i].mono);
        if (coef != quotient * p->den)
            fw_poly_push(rest, coef - quotient * p->den, p->terms[i].mono);
    }
    rest->den = p->den;
    *ret_whole = whole;
    *ret_rest = rest;
    return true;
}

/* Divides the rest's terms and denominator by what the terms with letters share with it. */
static void cancel_content(struct fw_poly *p, fw_i128 *den)
{
    fw_i128 common = *den;
    for (uint32_t i = 0; i < p->n && common != 1; i++) {
        if (p->terms[i].mono != 0)
            common = fw_gcd(common, p->terms[i].coef);
    }
    if (common == 1)
        return;
    *den /= common;
    for (uint32_t i = 0; i < p->n; i++)
        p->terms[i].coef = fw_floor_quotient(p->terms[i].coef, common);
    if (p->n && p->terms[p->n - 1].coef == 0) // only the constant, the last term, can vanish
        p->n--;
}

/* The first term of p that is a floor atom with coefficient 1 and a divisor known to be positive;
 * p->n when there is none. */
static uint32_t nested_floor(struct fw_symbols *s, const struct fw_poly *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_mono *mono = s->monos[p->terms[i].mono];
        if (p->terms[i].coef != 1 || mono->degree != 1 || !(mono->powers[0].var & FW_POLY_ATOM))
            continue;
        const struct fw_atom *atom = fw_poly_atom(s, mono->powers[0].var);
        if (atom->key.kind == FW_ATOM_FLOOR && fw_count_sign(s, (fw_count){atom->key.q}) == 1)
            return i;
    }
    return p->n;
}

/* floor(p/d) where term i of p is the floor atom floor(u/v): floor((u + v*(p - atom)) / (v*d)). */
static fw_count flatten(struct fw_symbols *s, struct fw_poly *p, uint32_t i, fw_count d)
{
    const struct fw_atom *atom = fw_poly_atom(s, s->monos[p->terms[i].mono]->powers[0].var);
    fw_count u = {atom->key.p}, v = {atom->key.q};
    memmove(&p->terms[i], &p->terms[i + 1], (p->n - i - 1) * sizeof p->terms[0]);
    p->n--;
    p->den = 1;
    fw_count others = fw_poly_intern(s, p);
    fw_count above = fw_count_add(s, u, fw_count_mul(s, v, others));
    return fw_count_floor_div(s, above, fw_count_mul(s, v, d));
}

static fw_count floor_of_rest(struct fw_symbols *s, struct fw_poly *rest)
{
    fw_i128 den = rest->den, residue = 0;
    if (fw_poly_is_number(rest))
        return fw_count_int(0); // a proper fraction
    cancel_content(rest, &den);
    rest->den = 1;
    if (den == 1)
        return fw_poly_intern(s, rest);
    if (constant_residue(s, rest, den, &residue)) {
        fw_count exact = fw_count_sub(s, fw_poly_intern(s, rest), fw_count_int(residue));
        return fw_count_div(s, exact, fw_count_int(den));
    }
    uint32_t i = nested_floor(s, rest);
    if (i < rest->n)
        return flatten(s, rest, i, fw_count_int(den));
    return fw_atom_word(s, FW_ATOM_FLOOR, fw_poly_intern(s, rest), fw_count_int(den));
}

static fw_count floor_of(struct fw_symbols *s, fw_count a)
{
    if (fw_count_is_const(a))
        return a;
    const struct fw_poly *p = fw_poly_at(s, a);
    struct fw_poly *whole, *rest;
    if (p->den == 1)
        return a;
    if (!split_whole(s, p, &whole, &rest))
        return fw_count_bad();
    fw_count outside = fw_poly_intern(s, whole);
    return fw_count_add(s, outside, floor_of_rest(s, rest));
}

/* --- floor of a fraction with letters below --- */

/* p's coefficients times k, its denominator put aside. */
static struct fw_poly *integer_terms(struct fw_symbols *s, const struct fw_poly *p, fw_i128 k)
{
    struct fw_poly *terms = fw_poly_new(s, p->n);
    for (uint32_t i = 0; terms && i < p->n; i++) {
        fw_i128 coef;
        if (!fw_coef_mul(p->terms[i].coef, k, &coef)) {
            fw_poly_fault(s, FW_LIMIT);
            return NULL;
        }
        fw_poly_push(terms, coef, p->terms[i].mono);
    }
    return terms;
}

static bool divide_terms(struct fw_symbols *s, struct fw_poly *p, fw_i128 by, uint32_t mono)
{
    for (uint32_t i = 0; i < p->n; i++) {
        p->terms[i].coef = by == 1 ? p->terms[i].coef : p->terms[i].coef / by;
        p->terms[i].mono = fw_mono_div(s, p->terms[i].mono, mono);
        if (p->terms[i].mono == FW_POLY_NONE)
            return false; // out of memory: mono divides every term
    }
    return true;
}

/* Cancels the numbers and the monomial that n and d share. */
static bool lowest_terms(struct fw_symbols *s, struct fw_poly *n, struct fw_poly *d)
{
    fw_i128 common = fw_gcd(fw_poly_content(n), fw_poly_content(d));
    uint32_t mono = d->terms[0].mono;
    for (uint32_t i = 0; i < n->n && mono != 0 && mono != FW_POLY_NONE; i++)
        mono = fw_mono_gcd(s, mono, n->terms[i].mono);
    for (uint32_t i = 1; i < d->n && mono != 0 && mono != FW_POLY_NONE; i++)
        mono = fw_mono_gcd(s, mono, d->terms[i].mono);
    return mono != FW_POLY_NONE && divide_terms(s, n, common, mono) &&
           divide_terms(s, d, common, mono);
}

/* d positive: cancels the number that all terms but n's constant share with d. */
static void cancel_fraction(struct fw_poly *n, struct fw_poly *d)
{
    fw_i128 content = fw_poly_content(d), den = content;
    cancel_content(n, &den);
    for (uint32_t i = 0; i < d->n; i++)
        d->terms[i].coef /= content / den;
}

/* floor(n/d), n and d in lowest terms, n reduced modulo d. */
static fw_count floor_of_fraction(struct fw_symbols *s, struct fw_poly *n, struct fw_poly *d)
{
    fw_count below = fw_poly_intern(s, d);
    if (fw_count_sign(s, below) == 1) {
        cancel_fraction(n, d);
        fw_count above = fw_poly_intern(s, n);
        fw_count smaller = fw_poly_intern(s, d);
        if (!fw_count_eq(smaller, below)) // without its constant n may share more with d
            return fw_poly_floor_div(s, above, smaller);
        int sign = fw_count_sign(s, above);
        if (sign >= 0 && sign <= 2 && fw_count_sign(s, fw_count_sub(s, below, above)) == 1)
            return fw_count_int(0);
        int sum = sign == -1 ? fw_count_sign(s, fw_count_add(s, below, above)) : 3;
        if (sum >= 0 && sum <= 2)
            return fw_count_int(-1);
        if (fw_poly_is_number(d))
            return fw_count_floor_div(s, above, below);
        uint32_t i = nested_floor(s, n);
        if (i < n->n)
            return flatten(s, n, i, below);
    }
    return fw_atom_word(s, FW_ATOM_FLOOR, fw_poly_intern(s, n), below);
}

fw_count fw_poly_floor_div(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is(b, 0))
        return fw_count_bad();
    uint64_t faults = s->n_faults;
    fw_count exact = fw_count_div(s, a, b);
    if (!fw_count_is_bad(exact))
        return floor_of(s, exact);
    if (s->n_faults != faults)
        return exact;
    const struct fw_poly *x = fw_poly_of(s, a), *y = fw_poly_of(s, b);
    if (!x || !y)
        return fw_count_bad();
    fw_i128 common = fw_gcd(x->den, y->den);
    fw_i128 sign = y->terms[0].coef < 0 ? -1 : 1;
    struct fw_poly *n = integer_terms(s, x, sign * (y->den / common));
    struct fw_poly *d = integer_terms(s, y, sign * (x->den / common));
    struct fw_poly *quotient, *rest;
    if (!n || !d || !lowest_terms(s, n, d) || !fw_terms_divide(s, n, d, false, &quotient, &rest) ||
        !lowest_terms(s, rest, d))
        return fw_count_bad();
    fw_count outside = fw_poly_intern(s, quotient);
    return fw_count_add(s, outside, floor_of_fraction(s, rest, d));
}

/* --- min and max --- */

/* Undecided min or max: the common number is taken out, the arguments put in order. */
static fw_count undecided(struct fw_symbols *s, enum fw_atom_kind kind, fw_count a, fw_count b)
{
    const struct fw_poly *x = fw_poly_of(s, a), *y = fw_poly_of(s, b);
    if (!x || !y)
        return fw_count_bad();
    fw_i128 shared = fw_gcd(x->den, y->den);
    fw_i128 up_x, up_y, den;
    if (!fw_coef_mul(fw_poly_content(x), y->den / shared, &up_x) ||
        !fw_coef_mul(fw_poly_content(y), x->den / shared, &up_y) ||
        !fw_coef_mul(x->den / shared, y->den, &den))
        return fw_poly_bad(s, FW_LIMIT);
    fw_count outside = fw_count_div(s, fw_count_int(fw_gcd(up_x, up_y)), fw_count_int(den));
    fw_count p = fw_count_div(s, a, outside), q = fw_count_div(s, b, outside);
    if (fw_count_is_bad(p) || fw_count_is_bad(q))
        return fw_count_bad();
    if (!fw_count_is(outside, 1)) { // smaller numbers may be decided where larger ones were not
        fw_count inner = kind == FW_ATOM_MIN ? fw_poly_min(s, p, q) : fw_poly_max(s, p, q);
        return fw_count_mul(s, outside, inner);
    }
    bool swap = fw_word_compare(s, p, q) > 0;
    return fw_atom_word(s, kind, swap ? q : p, swap ? p : q);
}

fw_count fw_poly_min(struct fw_symbols *s, fw_count a, fw_count b)
{
    fw_count difference = fw_count_sub(s, a, b);
    if (fw_count_is_bad(difference))
        return difference;
    int sign = fw_count_sign(s, difference);
    return sign == 3 ? undecided(s, FW_ATOM_MIN, a, b) : sign < 0 ? a : b;
}

fw_count fw_poly_max(struct fw_symbols *s, fw_count a, fw_count b)
{
    fw_count difference = fw_count_sub(s, a, b);
    if (fw_count_is_bad(difference))
        return difference;
    int sign = fw_count_sign(s, difference);
    return sign == 3 ? undecided(s, FW_ATOM_MAX, a, b) : sign < 0 ? b : a;
}
