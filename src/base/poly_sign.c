/* Sign of a polynomial for all symbols >= 1, as far as simple means decide it.
 *
 * Every variable known to be >= 1 is written as 1 + y, y >= 0; if all coefficients then have one
 * sign, that is the answer. What stays undecided is tried again with an atom replaced by a bound:
 * u/v - (v-1)/v <= floor(u/v) <= u/v for v > 0; min(u,v) and max(u,v) are one of u and v. */
#include "base/poly_impl.h"

#define MAX_SHIFT_TERMS 256u
#define MAX_ROUNDS 24 // replacements tried for one question

enum sign {
    NEGATIVE = -1,
    ZERO = 0,
    POSITIVE = 1,
    NOT_NEGATIVE = 2,
    NOT_POSITIVE = -2,
    UNKNOWN = 3
};

static bool at_least_0(int sign)
{
    return sign >= ZERO && sign <= NOT_NEGATIVE;
}

static bool at_most_0(int sign)
{
    return sign <= ZERO;
}

static int var_lower(const struct fw_symbols *s, uint32_t var)
{
    return var & FW_POLY_ATOM ? fw_poly_atom(s, var)->lower : 1;
}

static bool mono_is_bounded(const struct fw_symbols *s, uint32_t mono)
{
    const struct fw_mono *m = s->monos[mono];
    for (uint32_t i = 0; i < m->n; i++) {
        if (var_lower(s, m->powers[i].var) < 0 && m->powers[i].exp % 2)
            return false;
    }
    return true;
}

/* The sign if all terms agree; shifted: variables start at 0 instead of their lower bound. */
static int sign_of_terms(const struct fw_symbols *s, const struct fw_poly *p, bool shifted)
{
    bool plus = false, minus = false, strict = false;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_mono *m = s->monos[p->terms[i].mono];
        if (!mono_is_bounded(s, p->terms[i].mono))
            return UNKNOWN;
        bool never_0 = m->n == 0 || !shifted;
        for (uint32_t k = 0; k < m->n; k++)
            never_0 = never_0 && var_lower(s, m->powers[k].var) == 1;
        strict = strict || never_0;
        plus = plus || p->terms[i].coef > 0;
        minus = minus || p->terms[i].coef < 0;
    }
    if (plus && minus)
        return UNKNOWN;
    if (!plus && !minus)
        return ZERO;
    if (plus)
        return strict ? POSITIVE : NOT_NEGATIVE;
    return strict ? NEGATIVE : NOT_POSITIVE;
}

/* p with var replaced by var + 1: sum over j of the terms' binomial(exp, j) * mono / var^j. */
static struct fw_poly *shift_var(struct fw_symbols *s, const struct fw_poly *p, uint32_t var)
{
    struct fw_poly *sum = fw_poly_new(s, 0);
    uint32_t highest = fw_poly_degree_in(s, p, var);
    for (uint32_t j = 0; sum && j <= highest; j++) {
        uint32_t power = fw_mono_power(s, var, j);
        struct fw_poly *part = fw_poly_new(s, p->n);
        if (!part || power == FW_POLY_NONE)
            return NULL;
        for (uint32_t i = 0; i < p->n; i++) {
            uint32_t exp = fw_mono_exponent(s, p->terms[i].mono, var);
            fw_i128 coef = p->terms[i].coef;
            if (exp < j)
                continue;
            for (uint32_t k = 1; k <= j; k++) { // stays an integer at each k
                if (!fw_coef_mul(coef, exp - j + k, &coef))
                    return NULL;
                coef /= k;
            }
            uint32_t mono = fw_mono_div(s, p->terms[i].mono, power);
            if (mono == FW_POLY_NONE)
                return NULL;
            fw_poly_push(part, coef, mono);
        }
        uint32_t n = sum->n + part->n;
        if (n > MAX_SHIFT_TERMS)
            return NULL;
        sum =
            fw_terms_combine(s, fw_poly_new(s, n), sum->terms, sum->n, part->terms, part->n, 1, 0);
    }
    return sum;
}

/* A variable >= 1 of p that is not in done; FW_POLY_NONE when there is none. */
static uint32_t next_var(const struct fw_symbols *s, const struct fw_poly *p, const uint32_t *done,
                         uint32_t n_done)
{
    for (uint32_t t = 0; t < p->n; t++) {
        const struct fw_mono *m = s->monos[p->terms[t].mono];
        for (uint32_t i = 0; i < m->n; i++) {
            uint32_t k = 0;
            while (k < n_done && done[k] != m->powers[i].var)
                k++;
            if (k == n_done && var_lower(s, m->powers[i].var) == 1)
                return m->powers[i].var;
        }
    }
    return FW_POLY_NONE;
}

static int sign_by_shift(struct fw_symbols *s, const struct fw_poly *p)
{
    uint32_t done[8], n_done = 0;
    enum fw_status fault = s->fault;
    uint64_t n_faults = s->n_faults;
    for (uint32_t var; (var = next_var(s, p, done, n_done)) != FW_POLY_NONE; done[n_done++] = var) {
        const struct fw_poly *shifted = n_done < 8 ? shift_var(s, p, var) : NULL;
        if (!shifted) {
            if (s->fault != FW_MEMORY) { // too big to decide is no error
                s->fault = fault;
                s->n_faults = n_faults;
            }
            return UNKNOWN;
        }
        p = shifted;
    }
    return sign_of_terms(s, p, true);
}

/* The deepest atom of p. */
static uint32_t deepest_atom(const struct fw_symbols *s, const struct fw_poly *p)
{
    uint32_t found = FW_POLY_NONE, depth = 0;
    for (uint32_t t = 0; t < p->n; t++) {
        const struct fw_mono *m = s->monos[p->terms[t].mono];
        for (uint32_t i = 0; i < m->n; i++) {
            uint32_t var = m->powers[i].var;
            if (var & FW_POLY_ATOM && fw_poly_atom(s, var)->depth > depth) {
                found = var;
                depth = fw_poly_atom(s, var)->depth;
            }
        }
    }
    return found;
}

static int sign_in_rounds(struct fw_symbols *s, fw_count a, int *rounds);

/* a with var replaced, by Horner's rule over its coefficients. */
static fw_count replace(struct fw_symbols *s, fw_count a, uint32_t var, uint32_t degree,
                        fw_count value)
{
    fw_count result = fw_count_int(0);
    for (uint32_t k = degree + 1; k-- > 0;)
        result = fw_count_add(s, fw_count_mul(s, result, value), fw_poly_coefficient(s, a, var, k));
    return result;
}

static int sign_with_choice(struct fw_symbols *s, fw_count a, uint32_t var, uint32_t degree,
                            int *rounds)
{
    const struct fw_atom_key *key = &fw_poly_atom(s, var)->key;
    int p = sign_in_rounds(s, replace(s, a, var, degree, (fw_count){key->p}), rounds);
    int q = sign_in_rounds(s, replace(s, a, var, degree, (fw_count){key->q}), rounds);
    if (at_least_0(p) && at_least_0(q))
        return p == POSITIVE && q == POSITIVE ? POSITIVE : p == 0 && q == 0 ? 0 : NOT_NEGATIVE;
    if (at_most_0(p) && at_most_0(q))
        return p == NEGATIVE && q == NEGATIVE ? NEGATIVE : NOT_POSITIVE;
    if (degree > 1)
        return UNKNOWN;
    int cofactor = sign_in_rounds(s, fw_poly_coefficient(s, a, var, 1), rounds);
    if (cofactor == UNKNOWN)
        return UNKNOWN;
    bool is_upper = at_least_0(cofactor) == (key->kind == FW_ATOM_MIN); // a <= either of the two
    int better = is_upper ? (at_most_0(p) ? p : q) : (at_least_0(p) ? p : q);
    if (is_upper)
        return at_most_0(better) ? (better == NEGATIVE ? NEGATIVE : NOT_POSITIVE) : UNKNOWN;
    return at_least_0(better) ? (better == POSITIVE ? POSITIVE : NOT_NEGATIVE) : UNKNOWN;
}

/* a = c * floor(u/v) + r with v > 0, all times v: between c*(u - v + 1) + r*v and c*u + r*v. */
static int sign_with_floor(struct fw_symbols *s, fw_count a, uint32_t var, int *rounds)
{
    const struct fw_atom_key *key = &fw_poly_atom(s, var)->key;
    fw_count u = {key->p}, v = {key->q};
    if (sign_in_rounds(s, v, rounds) != POSITIVE)
        return UNKNOWN;
    fw_count c = fw_poly_coefficient(s, a, var, 1);
    int cofactor = sign_in_rounds(s, c, rounds);
    if (cofactor == UNKNOWN)
        return UNKNOWN;
    fw_count rest = fw_count_mul(s, fw_poly_coefficient(s, a, var, 0), v);
    fw_count above = fw_count_add(s, fw_count_mul(s, c, u), rest);
    fw_count width = fw_count_mul(s, c, fw_count_sub(s, v, fw_count_int(1)));
    fw_count below = fw_count_sub(s, above, width);
    bool rising = at_least_0(cofactor);
    int upper = sign_in_rounds(s, rising ? above : below, rounds);
    if (at_most_0(upper))
        return upper == NEGATIVE ? NEGATIVE : NOT_POSITIVE;
    int lower = sign_in_rounds(s, rising ? below : above, rounds);
    if (at_least_0(lower))
        return lower == POSITIVE ? POSITIVE : NOT_NEGATIVE;
    return UNKNOWN;
}

static int sign_in_rounds(struct fw_symbols *s, fw_count a, int *rounds)
{
    if (fw_count_is_bad(a))
        return UNKNOWN;
    if (fw_count_is_const(a))
        return a.word > 0 ? POSITIVE : a.word < 0 ? NEGATIVE : ZERO;
    const struct fw_poly *p = fw_poly_at(s, a);
    int sign = sign_of_terms(s, p, false);
    if (sign == UNKNOWN)
        sign = sign_by_shift(s, p);
    if (sign == POSITIVE || sign == NEGATIVE || --*rounds < 0)
        return sign;
    uint32_t var = deepest_atom(s, p);
    if (var == FW_POLY_NONE)
        return sign;
    uint32_t degree = fw_poly_degree_in(s, p, var);
    int again = UNKNOWN;
    if (fw_poly_atom(s, var)->key.kind != FW_ATOM_FLOOR)
        again = sign_with_choice(s, a, var, degree, rounds);
    else if (degree == 1)
        again = sign_with_floor(s, a, var, rounds);
    return again == UNKNOWN ? sign : again;
}

/* The second operand only fills the operation's form. */
fw_count fw_poly_sign(struct fw_symbols *s, fw_count a, fw_count zero)
{
    (void)zero;
    int rounds = MAX_ROUNDS;
    enum fw_status fault = s->fault;
    uint64_t n_faults = s->n_faults;
    int sign = sign_in_rounds(s, a, &rounds);
    if (s->fault != FW_MEMORY) { // a bound that overflows only leaves the sign open
        s->fault = fault;
        s->n_faults = n_faults;
    }
    return fw_count_int(sign);
}

int fw_atom_lower(struct fw_symbols *s, enum fw_atom_kind kind, fw_count p, fw_count q)
{
    int sign_p = fw_count_sign(s, p), sign_q = fw_count_sign(s, q);
    if (kind == FW_ATOM_FLOOR) {
        if (sign_q != POSITIVE || !at_least_0(sign_p))
            return -1;
        return at_least_0(fw_count_sign(s, fw_count_sub(s, p, q))) ? 1 : 0;
    }
    int lower_p = sign_p == POSITIVE ? 1 : at_least_0(sign_p) ? 0 : -1;
    int lower_q = sign_q == POSITIVE ? 1 : at_least_0(sign_q) ? 0 : -1;
    if (kind == FW_ATOM_MIN)
        return lower_p < lower_q ? lower_p : lower_q;
    return lower_p > lower_q ? lower_p : lower_q;
}
