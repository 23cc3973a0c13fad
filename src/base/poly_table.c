/* The table behind symbolic numbers: symbols, atoms, monomials, polynomials, each interned by a
 * hash of its bytes. */
#include "base/poly_impl.h"

#include <stdio.h>
#include <string.h>

void fw_poly_fault(struct fw_symbols *s, enum fw_status why)
{
    s->n_faults++;
    if (s->fault != FW_MEMORY) // out of memory stays: results after it cannot be trusted
        s->fault = why;
    s->over = FW_N_LIMITS;
}

void fw_poly_over(struct fw_symbols *s, enum fw_limit which)
{
    fw_poly_fault(s, FW_LIMIT);
    s->over = which;
}

fw_count fw_poly_bad(struct fw_symbols *s, enum fw_status why)
{
    fw_poly_fault(s, why);
    return fw_count_bad();
}

enum fw_status fw_symbols_fault(const struct fw_symbols *s)
{
    return s->fault;
}

enum fw_status fw_symbols_fail(const struct fw_symbols *s, const char *what, struct fw_error *err)
{
    if (s->fault == FW_MEMORY)
        return fw_fail_memory(err);
    FW_REQUIRE(s->fault == FW_LIMIT, err, FW_LIMIT, "%s has no value that can be computed", what);
    if (s->over == FW_N_LIMITS)
        return fw_fail(err, FW_LIMIT, -1, "%s is too large: at most 10^37 is kept", what);
    enum fw_status status = fw_limit_fail(s->alloc, s->over, -1, err);
    fw_error_prefix(err, "%s: ", what);
    return status;
}

/* Array with room for one more element, or NULL. */
static void *grow(struct fw_symbols *s, void *array, uint32_t n, uint32_t *cap, size_t elem_bytes)
{
    if (n < *cap)
        return array;
    uint32_t larger = *cap ? *cap * 2 : 32;
    void *grown = fw_mem_resize(s->alloc, array, *cap * elem_bytes, larger * elem_bytes);
    if (grown)
        *cap = larger;
    else
        fw_poly_fault(s, FW_MEMORY);
    return grown;
}

/* --- symbols --- */

static uint64_t name_prefix(const char *name, size_t len)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < len ? (unsigned char)name[i] : 0u);
    return prefix;
}

/* The number of the symbol with this clean name, new or not. */
static uint32_t symbol_intern(struct fw_symbols *s, const char *name, size_t len)
{
    const uint32_t *found = fw_map_get(&s->symbol_map, name, len);
    if (found)
        return *found;
    if (s->n_symbols >= FW_POLY_ATOM - 1) {
        fw_poly_fault(s, FW_LIMIT);
        return FW_POLY_NONE;
    }
    struct fw_symbol *symbols =
        grow(s, s->symbols, s->n_symbols, &s->symbols_cap, sizeof *s->symbols);
    if (!symbols)
        return FW_POLY_NONE;
    s->symbols = symbols;
    char *copy = fw_arena_strndup(&s->arena, name, len);
    if (!copy || !fw_map_put(&s->symbol_map, copy, len, s->n_symbols, NULL)) {
        fw_poly_fault(s, FW_MEMORY);
        return FW_POLY_NONE;
    }
    symbols[s->n_symbols] = (struct fw_symbol){name_prefix(copy, len), copy, len, fw_dim_bad()};
    return s->n_symbols++;
}

uint32_t fw_symbol_of(struct fw_symbols *s, fw_dim d)
{
    if (fw_dim_is_const(d) || fw_dim_is_bad(d))
        return UINT32_MAX;
    for (uint32_t i = 0; i < fw_symbols_count(s); i++)
        if (fw_dim_eq(fw_dim_of(fw_var_word(s, i)), d))
            return i;
    return UINT32_MAX;
}

static fw_dim fresh_symbol(struct fw_symbols *s, const char *stem, size_t len, fw_dim upper)
{
    char *base = fw_poly_name(&s->scratch, stem, len);
    size_t size = base ? strlen(base) + 16 : 0;
    char *name = base ? fw_arena_alloc(&s->scratch, size) : NULL;
    if (!name) {
        fw_poly_fault(s, FW_MEMORY);
        return fw_dim_bad();
    }
    (void)snprintf(name, size, "%s", base);
    /* A stem's next number is at least the symbols that carry it; doubling, then halving back,
     * finds a free one without trying all. */
    uint32_t low = 1, high = 1;
    while (fw_symbols_find(s, name, strlen(name)) != UINT32_MAX) {
        low = high;
        high *= 2;
        (void)snprintf(name, size, "%s_%u", base, high);
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        (void)snprintf(name, size, "%s_%u", base, middle);
        if (fw_symbols_find(s, name, strlen(name)) != UINT32_MAX)
            low = middle;
        else
            high = middle;
    }
    if (high > 1)
        (void)snprintf(name, size, "%s_%u", base, high);
    uint32_t number = symbol_intern(s, name, strlen(name));
    if (number == FW_POLY_NONE)
        return fw_dim_bad();
    s->symbols[number].upper = upper;
    return fw_dim_of(fw_var_word(s, number));
}

fw_dim fw_dim_symbol(struct fw_symbols *s, const char *name, size_t len)
{
    uint32_t number = fw_symbols_find(s, name, len);
    if (number != UINT32_MAX)
        return fw_dim_of(fw_var_word(s, number));
    if (fw_poly_is_name(name, len)) {
        number = symbol_intern(s, name, len);
        return number == FW_POLY_NONE ? fw_dim_bad() : fw_dim_of(fw_var_word(s, number));
    }
    struct fw_arena_mark mark = fw_arena_mark(&s->scratch);
    fw_dim symbol = fresh_symbol(s, name, len, fw_dim_bad());
    fw_arena_release(&s->scratch, mark);
    if (fw_dim_is_bad(symbol))
        return symbol;
    const char *copy = fw_arena_strndup(&s->arena, name, len);
    if (!copy || !fw_map_put(&s->symbol_map, copy, len, s->n_symbols - 1, NULL)) {
        fw_poly_fault(s, FW_MEMORY);
        return fw_dim_bad();
    }
    return symbol;
}

fw_dim fw_dim_fresh(struct fw_symbols *s, const char *stem, fw_dim upper)
{
    struct fw_arena_mark mark = fw_arena_mark(&s->scratch);
    fw_dim symbol = fresh_symbol(s, stem, strlen(stem), upper);
    fw_arena_release(&s->scratch, mark);
    return symbol;
}

uint32_t fw_symbols_count(const struct fw_symbols *s)
{
    return s->n_symbols;
}

const char *fw_symbol_name(const struct fw_symbols *s, uint32_t i)
{
    return s->symbols[i].name;
}

uint32_t fw_symbols_find(const struct fw_symbols *s, const char *name, size_t len)
{
    const uint32_t *found = fw_map_get(&s->symbol_map, name, len);
    return found ? *found : UINT32_MAX;
}

fw_dim fw_symbol_upper(const struct fw_symbols *s, uint32_t i)
{
    return s->symbols[i].upper;
}

void fw_symbol_set_upper(struct fw_symbols *s, uint32_t i, fw_dim upper)
{
    s->symbols[i].upper = upper;
}

/* --- order --- */

static int compare_vars(const struct fw_symbols *s, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    if ((a | b) & FW_POLY_ATOM) {
        if (!(a & b & FW_POLY_ATOM))
            return a & FW_POLY_ATOM ? 1 : -1;
        const struct fw_atom_key *x = &fw_poly_atom(s, a)->key, *y = &fw_poly_atom(s, b)->key;
        if (x->kind != y->kind)
            return x->kind < y->kind ? -1 : 1;
        int order = fw_word_compare(s, (fw_count){x->p}, (fw_count){y->p});
        return order ? order : fw_word_compare(s, (fw_count){x->q}, (fw_count){y->q});
    }
    const struct fw_symbol *x = &s->symbols[a], *y = &s->symbols[b];
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return strcmp(x->name, y->name);
}

int fw_mono_compare(const struct fw_symbols *s, uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    const struct fw_mono *x = s->monos[a], *y = s->monos[b];
    if (x->degree != y->degree)
        return x->degree > y->degree ? -1 : 1;
    for (uint32_t i = 0; i < x->n && i < y->n; i++) {
        int order = compare_vars(s, x->powers[i].var, y->powers[i].var);
        if (order)
            return order;
        if (x->powers[i].exp != y->powers[i].exp)
            return x->powers[i].exp > y->powers[i].exp ? -1 : 1;
    }
    return 0; // not reached: equal degree and equal common part is the same monomial
}

/* A total order by content, the same in every table: polynomials first, then constants. */
int fw_word_compare(const struct fw_symbols *s, fw_count a, fw_count b)
{
    if (a.word == b.word)
        return 0;
    if (fw_count_is_const(a) || fw_count_is_const(b)) {
        if (fw_count_is_const(a) && fw_count_is_const(b))
            return a.word < b.word ? -1 : 1;
        return fw_count_is_const(a) ? 1 : -1;
    }
    const struct fw_poly *x = fw_poly_at(s, a), *y = fw_poly_at(s, b);
    for (uint32_t i = 0; i < x->n && i < y->n; i++) {
        int order = fw_mono_compare(s, x->terms[i].mono, y->terms[i].mono);
        if (order)
            return order;
        if (x->terms[i].coef != y->terms[i].coef)
            return x->terms[i].coef < y->terms[i].coef ? -1 : 1;
    }
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return x->den < y->den ? -1 : 1;
}

/* --- monomials --- */

static uint32_t mono_intern(struct fw_symbols *s, const struct fw_power *powers, uint32_t n)
{
    size_t bytes = n * sizeof *powers;
    const uint32_t *found = fw_map_get(&s->mono_map, (const char *)powers, bytes);
    if (found)
        return *found;
    struct fw_mono **monos = grow(s, s->monos, s->n_monos, &s->monos_cap, sizeof(struct fw_mono *));
    if (!monos)
        return FW_POLY_NONE;
    s->monos = monos;
    struct fw_mono *mono = fw_arena_alloc(&s->arena, sizeof *mono + bytes);
    if (!mono) {
        fw_poly_fault(s, FW_MEMORY);
        return FW_POLY_NONE;
    }
    *mono = (struct fw_mono){.n = n};
    for (uint32_t i = 0; i < n; i++) {
        mono->powers[i] = powers[i];
        mono->degree += powers[i].exp;
        uint32_t var = powers[i].var;
        if (var & FW_POLY_ATOM && fw_poly_atom(s, var)->depth > mono->depth)
            mono->depth = fw_poly_atom(s, var)->depth;
    }
    if (!fw_map_put(&s->mono_map, (const char *)mono->powers, bytes, s->n_monos, NULL)) {
        fw_poly_fault(s, FW_MEMORY);
        return FW_POLY_NONE;
    }
    monos[s->n_monos] = mono;
    return s->n_monos++;
}

uint32_t fw_mono_mul(struct fw_symbols *s, uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    const struct fw_mono *x = s->monos[a], *y = s->monos[b];
    if (x->degree + y->degree > fw_most(s->alloc, FW_MOST_degree)) {
        fw_poly_over(s, FW_MOST_degree);
        return FW_POLY_NONE;
    }
    struct fw_power powers[FW_POLY_MAX_DEGREE];
    uint32_t i = 0, j = 0, n = 0;
    while (i < x->n || j < y->n) {
        int order = i == x->n   ? 1
                    : j == y->n ? -1
                                : compare_vars(s, x->powers[i].var, y->powers[j].var);
        if (order < 0)
            powers[n++] = x->powers[i++];
        else if (order > 0)
            powers[n++] = y->powers[j++];
        else {
            powers[n] = x->powers[i++];
            powers[n++].exp += y->powers[j++].exp;
        }
    }
    return mono_intern(s, powers, n);
}

uint32_t fw_mono_div(struct fw_symbols *s, uint32_t a, uint32_t b)
{
    if (b == 0)
        return a;
    const struct fw_mono *x = s->monos[a], *y = s->monos[b];
    if (y->degree > x->degree)
        return FW_POLY_NONE;
    struct fw_power powers[FW_POLY_MAX_DEGREE];
    uint32_t j = 0, n = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        struct fw_power power = x->powers[i];
        if (j < y->n && power.var == y->powers[j].var) {
            if (power.exp < y->powers[j].exp)
                return FW_POLY_NONE;
            power.exp -= y->powers[j++].exp;
        }
        if (power.exp)
            powers[n++] = power;
    }
    return j == y->n ? mono_intern(s, powers, n) : FW_POLY_NONE;
}

uint32_t fw_mono_gcd(struct fw_symbols *s, uint32_t a, uint32_t b)
{
    if (a == b)
        return a;
    struct fw_power powers[FW_POLY_MAX_DEGREE];
    const struct fw_mono *x = s->monos[a];
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        struct fw_power power = x->powers[i];
        uint32_t exp = fw_mono_exponent(s, b, power.var);
        power.exp = exp < power.exp ? exp : power.exp;
        if (power.exp)
            powers[n++] = power;
    }
    return mono_intern(s, powers, n);
}

uint32_t fw_mono_power(struct fw_symbols *s, uint32_t var, uint32_t exp)
{
    return mono_intern(s, &(struct fw_power){var, exp}, exp ? 1 : 0);
}

uint32_t fw_mono_exponent(const struct fw_symbols *s, uint32_t mono, uint32_t var)
{
    const struct fw_mono *x = s->monos[mono];
    for (uint32_t i = 0; i < x->n; i++) {
        if (x->powers[i].var == var)
            return x->powers[i].exp;
    }
    return 0;
}

/* --- polynomials --- */

struct fw_poly *fw_poly_new(struct fw_symbols *s, size_t max_terms)
{
    struct fw_poly *p = fw_arena_alloc(&s->scratch, sizeof *p + max_terms * sizeof(struct fw_term));
    if (!p) {
        fw_poly_fault(s, FW_MEMORY);
        return NULL;
    }
    *p = (struct fw_poly){.den = 1};
    return p;
}

void fw_poly_push(struct fw_poly *p, fw_i128 coef, uint32_t mono)
{
    p->terms[p->n++] = (struct fw_term){.coef = coef, .mono = mono};
}

static void reduce(struct fw_poly *p)
{
    if (p->den == 1)
        return;
    fw_i128 common = fw_gcd(fw_poly_content(p), p->den);
    if (common == 1)
        return;
    p->den /= common;
    for (uint32_t i = 0; i < p->n; i++)
        p->terms[i].coef /= common;
}

static fw_count poly_add_new(struct fw_symbols *s, const struct fw_poly *p, size_t key_bytes)
{
    bool many = s->n_polys >= fw_most(s->alloc, FW_MOST_formulas);
    if (many || p->n > fw_most(s->alloc, FW_MOST_terms)) {
        fw_poly_over(s, many ? FW_MOST_formulas : FW_MOST_terms);
        return fw_count_bad();
    }
    struct fw_poly **polys = grow(s, s->polys, s->n_polys, &s->polys_cap, sizeof(struct fw_poly *));
    if (!polys)
        return fw_count_bad();
    s->polys = polys;
    struct fw_poly *copy = fw_arena_copy(&s->arena, p, offsetof(struct fw_poly, den) + key_bytes);
    if (!copy || !fw_map_put(&s->poly_map, (const char *)&copy->den, key_bytes, s->n_polys, NULL))
        return fw_poly_bad(s, FW_MEMORY);
    for (uint32_t i = 0; i < copy->n; i++) {
        uint32_t depth = s->monos[copy->terms[i].mono]->depth;
        copy->depth = depth > copy->depth ? depth : copy->depth;
    }
    polys[s->n_polys] = copy;
    return (fw_count){FW_COUNT_POLY + s->n_polys++};
}

fw_count fw_poly_intern(struct fw_symbols *s, struct fw_poly *p)
{
    if (!p || s->fault == FW_MEMORY)
        return fw_count_bad();
    if (p->n == 0)
        return fw_count_int(0);
    reduce(p);
    if (fw_poly_is_number(p) && p->den == 1)
        return fw_count_int(p->terms[0].coef);
    p->depth = 0;
    size_t key_bytes = sizeof p->den + p->n * sizeof(struct fw_term);
    const uint32_t *found = fw_map_get(&s->poly_map, (const char *)&p->den, key_bytes);
    if (!found)
        return poly_add_new(s, p, key_bytes);
    return (fw_count){FW_COUNT_POLY + *found};
}

const struct fw_poly *fw_poly_at(const struct fw_symbols *s, fw_count a)
{
    return s->polys[(uint32_t)(a.word - FW_COUNT_POLY)];
}

const struct fw_poly *fw_poly_of(struct fw_symbols *s, fw_count a)
{
    if (fw_count_is_bad(a))
        return NULL;
    if (!fw_count_is_const(a))
        return fw_poly_at(s, a);
    struct fw_poly *p = fw_poly_new(s, 1);
    if (p && a.word != 0)
        fw_poly_push(p, a.word, 0);
    return p;
}

/* --- atoms --- */

struct fw_atom *fw_poly_atom(const struct fw_symbols *s, uint32_t var)
{
    return s->atoms[var & ~FW_POLY_ATOM];
}

fw_count fw_var_word(struct fw_symbols *s, uint32_t var)
{
    struct fw_arena_mark mark = fw_arena_mark(&s->scratch);
    fw_count word = fw_count_bad();
    struct fw_poly *p = fw_poly_new(s, 1);
    uint32_t mono = p ? fw_mono_power(s, var, 1) : FW_POLY_NONE;
    if (mono != FW_POLY_NONE) {
        fw_poly_push(p, 1, mono);
        word = fw_poly_intern(s, p);
    }
    fw_arena_release(&s->scratch, mark);
    return word;
}

static uint32_t word_depth(const struct fw_symbols *s, fw_count a)
{
    return fw_count_is_const(a) ? 0 : fw_poly_at(s, a)->depth;
}

/* The variable of a new atom. */
static uint32_t atom_add_new(struct fw_symbols *s, const struct fw_atom_key *key)
{
    fw_count p = {key->p}, q = {key->q};
    uint32_t depth_p = word_depth(s, p), depth_q = word_depth(s, q);
    uint32_t depth = 1 + (depth_p > depth_q ? depth_p : depth_q);
    bool many = s->n_atoms >= fw_most(s->alloc, FW_MOST_formulas);
    if (many || depth > fw_most(s->alloc, FW_MOST_recursion)) {
        fw_poly_over(s, many ? FW_MOST_formulas : FW_MOST_recursion);
        return FW_POLY_NONE;
    }
    int lower = fw_atom_lower(s, (enum fw_atom_kind)key->kind, p, q);
    struct fw_atom **atoms = grow(s, s->atoms, s->n_atoms, &s->atoms_cap, sizeof(struct fw_atom *));
    if (!atoms)
        return FW_POLY_NONE;
    s->atoms = atoms;
    struct fw_atom *atom = fw_arena_zalloc(&s->arena, sizeof *atom);
    if (!atom) {
        fw_poly_fault(s, FW_MEMORY);
        return FW_POLY_NONE;
    }
    atom->key = *key;
    atom->depth = depth;
    atom->lower = lower;
    if (!fw_map_put(&s->atom_map, (const char *)&atom->key, sizeof *key, s->n_atoms, NULL)) {
        fw_poly_fault(s, FW_MEMORY);
        return FW_POLY_NONE;
    }
    atoms[s->n_atoms] = atom;
    return FW_POLY_ATOM | s->n_atoms++;
}

fw_count fw_atom_word(struct fw_symbols *s, enum fw_atom_kind kind, fw_count p, fw_count q)
{
    if (fw_count_is_bad(p) || fw_count_is_bad(q))
        return fw_count_bad();
    struct fw_atom_key key = {p.word, q.word, kind, 0};
    const uint32_t *found = fw_map_get(&s->atom_map, (const char *)&key, sizeof key);
    uint32_t var = found ? FW_POLY_ATOM | *found : atom_add_new(s, &key);
    return var == FW_POLY_NONE ? fw_count_bad() : fw_var_word(s, var);
}

/* --- life --- */

struct fw_symbols *fw_symbols_new(const struct fw_alloc *alloc)
{
    struct fw_symbols *s = fw_mem_resize(alloc, NULL, 0, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct fw_symbols){.alloc = alloc};
    fw_arena_init(&s->arena, alloc);
    fw_arena_init(&s->scratch, alloc);
    fw_map_init(&s->symbol_map, alloc);
    fw_map_init(&s->mono_map, alloc);
    fw_map_init(&s->poly_map, alloc);
    fw_map_init(&s->atom_map, alloc);
    bool block = fw_arena_alloc(&s->scratch, 1) != NULL; // stays, so that marks free nothing
    struct fw_power none = {0, 0};
    if (!block || mono_intern(s, &none, 0) != 0) { // monomial 0 is 1
        fw_symbols_free(s);
        return NULL;
    }
    return s;
}

void fw_symbols_free(struct fw_symbols *s)
{
    if (!s)
        return;
    (void)fw_mem_resize(s->alloc, s->symbols, s->symbols_cap * sizeof *s->symbols, 0);
    (void)fw_mem_resize(s->alloc, s->monos, s->monos_cap * sizeof(struct fw_mono *), 0);
    (void)fw_mem_resize(s->alloc, s->polys, s->polys_cap * sizeof(struct fw_poly *), 0);
    (void)fw_mem_resize(s->alloc, s->atoms, s->atoms_cap * sizeof(struct fw_atom *), 0);
    fw_map_free(&s->symbol_map);
    fw_map_free(&s->mono_map);
    fw_map_free(&s->poly_map);
    fw_map_free(&s->atom_map);
    fw_arena_clear(&s->arena);
    fw_arena_clear(&s->scratch);
    (void)fw_mem_resize(s->alloc, s, sizeof *s, 0);
}
