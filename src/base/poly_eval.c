/* Values put in for symbols: exact (words) and in doubles; coefficients and occurrence. */
#include "base/poly_impl.h"

#include <math.h>

uint32_t fw_poly_degree_in(const struct fw_symbols *s, const struct fw_poly *p, uint32_t var)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t exp = fw_mono_exponent(s, p->terms[i].mono, var);
        highest = exp > highest ? exp : highest;
    }
    return highest;
}

fw_count fw_poly_coefficient(struct fw_symbols *s, fw_count a, uint32_t var, uint32_t power)
{
    if (fw_count_is_const(a) || fw_count_is_bad(a))
        return power == 0 || fw_count_is_bad(a) ? a : fw_count_int(0);
    struct fw_arena_mark mark = fw_arena_mark(&s->scratch);
    const struct fw_poly *p = fw_poly_at(s, a);
    uint32_t factor = fw_mono_power(s, var, power);
    struct fw_poly *found = factor == FW_POLY_NONE ? NULL : fw_poly_new(s, p->n);
    for (uint32_t i = 0; found && i < p->n; i++) {
        if (fw_mono_exponent(s, p->terms[i].mono, var) != power)
            continue;
        uint32_t mono = fw_mono_div(s, p->terms[i].mono, factor);
        if (mono == FW_POLY_NONE)
            found = NULL;
        else
            fw_poly_push(found, p->terms[i].coef, mono);
    }
    if (found)
        found->den = p->den;
    fw_count word = fw_poly_intern(s, found);
    fw_arena_release(&s->scratch, mark);
    return word;
}

fw_count fw_count_coefficient(struct fw_symbols *s, fw_count a, uint32_t symbol, uint32_t power)
{
    return fw_poly_coefficient(s, a, symbol, power);
}

struct binding {
    const fw_dim *values;
    uint32_t n_values;
};

static fw_count bind(struct fw_symbols *s, fw_count a, const struct binding *binding);

static fw_count bind_var(struct fw_symbols *s, uint32_t var, const struct binding *binding)
{
    if (!(var & FW_POLY_ATOM)) {
        bool given = var < binding->n_values && !fw_dim_is_bad(binding->values[var]);
        return given ? fw_count_of(binding->values[var]) : fw_var_word(s, var);
    }
    struct fw_atom *atom = fw_poly_atom(s, var);
    if (atom->epoch == s->epoch)
        return atom->value;
    fw_count p = bind(s, (fw_count){atom->key.p}, binding);
    fw_count q = bind(s, (fw_count){atom->key.q}, binding);
    switch ((enum fw_atom_kind)atom->key.kind) {
    case FW_ATOM_FLOOR:
        atom->value = fw_count_floor_div(s, p, q);
        break;
    case FW_ATOM_MIN:
        atom->value = fw_count_min(s, p, q);
        break;
    case FW_ATOM_MAX:
        atom->value = fw_count_max(s, p, q);
        break;
    }
    atom->epoch = s->epoch;
    return atom->value;
}

static fw_count bind(struct fw_symbols *s, fw_count a, const struct binding *binding)
{
    if (fw_count_is_const(a) || fw_count_is_bad(a))
        return a;
    const struct fw_poly *p = fw_poly_at(s, a);
    fw_count sum = fw_count_int(0);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_mono *mono = s->monos[p->terms[i].mono];
        fw_count product = fw_count_int(p->terms[i].coef);
        for (uint32_t k = 0; k < mono->n; k++) {
            fw_count value = bind_var(s, mono->powers[k].var, binding);
            for (uint32_t exp = mono->powers[k].exp; exp; exp--)
                product = fw_count_mul(s, product, value);
        }
        sum = fw_count_add(s, sum, product);
    }
    return p->den == 1 ? sum : fw_count_div(s, sum, fw_count_int(p->den));
}

/* Marks of earlier walks must not look like this one's. */
static void next_epoch(struct fw_symbols *s)
{
    if (++s->epoch)
        return;
    for (uint32_t i = 0; i < s->n_atoms; i++)
        s->atoms[i]->epoch = 0;
    s->epoch = 1;
}

fw_count fw_count_substitute(struct fw_symbols *s, fw_count a, const fw_dim *values,
                             uint32_t n_values)
{
    if (fw_count_is_const(a) || fw_count_is_bad(a))
        return a;
    next_epoch(s);
    return bind(s, a, &(struct binding){values, n_values});
}

struct reals {
    const double *values;
    uint32_t n_values;
};

static double real_of(struct fw_symbols *s, fw_count a, const struct reals *reals);

static double real_of_var(struct fw_symbols *s, uint32_t var, const struct reals *reals)
{
    if (!(var & FW_POLY_ATOM))
        return var < reals->n_values ? reals->values[var] : NAN;
    struct fw_atom *atom = fw_poly_atom(s, var);
    if (atom->epoch == s->epoch)
        return atom->real;
    double p = real_of(s, (fw_count){atom->key.p}, reals);
    double q = real_of(s, (fw_count){atom->key.q}, reals);
    double value = NAN;
    if (!isnan(p) && !isnan(q)) {
        bool first = (p < q) == (atom->key.kind == FW_ATOM_MIN);
        value = atom->key.kind == FW_ATOM_FLOOR ? floor(p / q) : first ? p : q;
    }
    atom->real = value;
    atom->epoch = s->epoch;
    return value;
}

static double real_of(struct fw_symbols *s, fw_count a, const struct reals *reals)
{
    if (fw_count_is_bad(a))
        return NAN;
    if (fw_count_is_const(a))
        return (double)a.word;
    const struct fw_poly *p = fw_poly_at(s, a);
    double sum = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_mono *mono = s->monos[p->terms[i].mono];
        double product = (double)p->terms[i].coef;
        for (uint32_t k = 0; k < mono->n; k++) {
            double value = real_of_var(s, mono->powers[k].var, reals);
            for (uint32_t exp = mono->powers[k].exp; exp; exp--)
                product *= value;
        }
        sum += product;
    }
    return sum / (double)p->den;
}

double fw_count_eval(struct fw_symbols *s, fw_count a, const double *values, uint32_t n_values)
{
    if (!fw_count_is_const(a) && !fw_count_is_bad(a))
        next_epoch(s);
    return real_of(s, a, &(struct reals){values, n_values});
}

static void mark_symbols(struct fw_symbols *s, fw_count a, bool *seen, uint32_t n_seen)
{
    if (fw_count_is_const(a) || fw_count_is_bad(a))
        return;
    const struct fw_poly *p = fw_poly_at(s, a);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_mono *mono = s->monos[p->terms[i].mono];
        for (uint32_t k = 0; k < mono->n; k++) {
            uint32_t var = mono->powers[k].var;
            if (!(var & FW_POLY_ATOM)) {
                if (var < n_seen)
                    seen[var] = true;
                continue;
            }
            struct fw_atom *atom = fw_poly_atom(s, var);
            if (atom->epoch == s->epoch)
                continue;
            atom->epoch = s->epoch;
            mark_symbols(s, (fw_count){atom->key.p}, seen, n_seen);
            mark_symbols(s, (fw_count){atom->key.q}, seen, n_seen);
        }
    }
}

void fw_count_symbols(struct fw_symbols *s, fw_count a, bool *seen, uint32_t n_seen)
{
    if (fw_count_is_const(a) || fw_count_is_bad(a))
        return;
    next_epoch(s);
    mark_symbols(s, a, seen, n_seen);
}

double fw_count_to_double(const struct fw_symbols *s, fw_count a)
{
    if (fw_count_is_bad(a))
        return NAN;
    if (fw_count_is_const(a))
        return (double)a.word;
    const struct fw_poly *p = fw_poly_at(s, a);
    return fw_poly_is_number(p) ? (double)p->terms[0].coef / (double)p->den : NAN;
}
