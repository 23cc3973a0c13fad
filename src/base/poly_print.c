/* Polynomials as text that parses back to the same word. */
#include "base/poly_impl.h"

static void print_poly(const struct fw_symbols *s, const struct fw_poly *p, struct fw_str *out);

static void print_word(const struct fw_symbols *s, fw_count a, struct fw_str *out)
{
    if (fw_count_is_const(a))
        fw_str_add_i128(out, a.word, 0);
    else
        print_poly(s, fw_poly_at(s, a), out);
}

/* Its terms stand beside '/' without parentheses: a number or a power of one variable. */
static bool is_single(const struct fw_symbols *s, const struct fw_poly *p)
{
    if (p->n != 1)
        return false;
    uint32_t n = s->monos[p->terms[0].mono]->n;
    return n == 0 || (n == 1 && p->terms[0].coef == 1);
}

static void print_grouped(const struct fw_symbols *s, fw_count a, struct fw_str *out)
{
    bool single = fw_count_is_const(a) || is_single(s, fw_poly_at(s, a)); // atoms hold den 1
    fw_str_add(out, single ? "" : "(");
    print_word(s, a, out);
    fw_str_add(out, single ? "" : ")");
}

static void print_atom(const struct fw_symbols *s, const struct fw_atom_key *key,
                       struct fw_str *out)
{
    static const char *const names[] = {
        [FW_ATOM_FLOOR] = "floor(", [FW_ATOM_MIN] = "min(", [FW_ATOM_MAX] = "max("};
    fw_count p = {key->p}, q = {key->q};
    fw_str_add(out, names[key->kind]);
    if (key->kind == FW_ATOM_FLOOR) {
        print_grouped(s, p, out);
        fw_str_addc(out, '/');
        print_grouped(s, q, out);
    } else {
        print_word(s, p, out);
        fw_str_addc(out, ',');
        print_word(s, q, out);
    }
    fw_str_addc(out, ')');
}

static void print_mono(const struct fw_symbols *s, uint32_t mono, struct fw_str *out)
{
    const struct fw_mono *m = s->monos[mono];
    for (uint32_t i = 0; i < m->n; i++) {
        uint32_t var = m->powers[i].var;
        if (i > 0)
            fw_str_addc(out, '*');
        if (var & FW_POLY_ATOM)
            print_atom(s, &fw_poly_atom(s, var)->key, out);
        else
            fw_str_addn(out, s->symbols[var].name, s->symbols[var].len);
        if (m->powers[i].exp > 1) {
            fw_str_addc(out, '^');
            fw_str_add_i64(out, m->powers[i].exp, 0);
        }
    }
}

static void print_terms(const struct fw_symbols *s, const struct fw_poly *p, struct fw_str *out)
{
    for (uint32_t i = 0; i < p->n; i++) {
        fw_i128 coef = p->terms[i].coef;
        if (coef < 0)
            fw_str_addc(out, '-');
        else if (i > 0)
            fw_str_addc(out, '+');
        coef = coef < 0 ? -coef : coef;
        bool number = p->terms[i].mono == 0;
        if (number || coef != 1)
            fw_str_add_i128(out, coef, 0);
        if (!number && coef != 1)
            fw_str_addc(out, '*');
        print_mono(s, p->terms[i].mono, out);
    }
}

static void print_poly(const struct fw_symbols *s, const struct fw_poly *p, struct fw_str *out)
{
    if (p->den == 1) {
        print_terms(s, p, out);
        return;
    }
    bool single = is_single(s, p);
    fw_str_add(out, single ? "" : "(");
    print_terms(s, p, out);
    fw_str_add(out, single ? "/" : ")/");
    fw_str_add_i128(out, p->den, 0);
}

void fw_count_print(const struct fw_symbols *s, fw_count a, char separator, struct fw_str *out)
{
    if (fw_count_is_bad(a))
        fw_str_add(out, "overflow");
    else if (fw_count_is_const(a))
        fw_str_add_i128(out, a.word, separator);
    else
        print_poly(s, fw_poly_at(s, a), out);
}

void fw_dim_print(const struct fw_symbols *s, fw_dim a, struct fw_str *out)
{
    fw_count_print(s, fw_count_of(a), 0, out);
}
