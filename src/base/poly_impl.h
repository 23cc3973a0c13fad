/* Inside of the polynomials: included by poly*.c only.
 *
 * A polynomial is (sum of integer coefficient * monomial) / den, monomials in graded
 * lexicographic order (highest total degree first, then variables by name, atoms after symbols),
 * no zero coefficient, den > 0 and coprime to the coefficients. A variable is a symbol or an atom;
 * all of them are integer valued, so a polynomial with den 1 is its own floor. Monomials,
 * polynomials and atoms are interned: their number is their identity.
 *
 * Working polynomials live in the scratch arena of the table; fw_poly_intern turns one into a
 * word. A function that returns NULL, FW_POLY_NONE or a bad word has recorded the reason with
 * fw_poly_fault, unless it says otherwise. */
#ifndef FW_BASE_POLY_IMPL_H
#define FW_BASE_POLY_IMPL_H

#include "base/limits.h"
#include "base/map.h"
#include "base/poly.h"

#define FW_POLY_MAX_DEGREE 64u // what limit degree may be at most
#define FW_POLY_NONE UINT32_MAX
#define FW_POLY_ATOM 0x80000000u // flag in a variable: the rest is an atom's number

struct fw_power {
    uint32_t var;
    uint32_t exp; // >= 1
};

struct fw_mono {
    uint32_t degree; // sum of the exponents
    uint32_t depth;  // deepest atom, 0 = symbols only
    uint32_t n;
    struct fw_power powers[]; // in variable order
};

struct fw_term {
    fw_i128 coef; // never 0
    uint32_t mono;
    uint32_t zero[3]; // no stray bytes: terms are hashed as memory
};

struct fw_poly {
    uint32_t n;
    uint32_t depth; // deepest atom
    fw_i128 den;    // from here on the bytes are the identity
    struct fw_term terms[];
};

enum fw_atom_kind { FW_ATOM_FLOOR, FW_ATOM_MIN, FW_ATOM_MAX };

struct fw_atom_key {
    fw_i128 p; // words of polynomials with integer coefficients: floor(p/q), min(p,q), max(p,q)
    fw_i128 q;
    uint64_t kind;
    uint64_t zero;
};

struct fw_atom {
    struct fw_atom_key key;
    uint32_t depth; // 1 + the deepest atom in p and q
    int lower;      // known lower bound: 0, 1, or -1 for none
    uint32_t epoch; // of the walk that set what follows
    fw_count value;
    double real;
};

struct fw_symbol {
    uint64_t prefix; // first 8 bytes of the name, big-endian
    const char *name;
    size_t len;
    fw_dim upper;
};

enum fw_op {
    FW_OP_ADD,
    FW_OP_SUB,
    FW_OP_MUL,
    FW_OP_DIV,
    FW_OP_FLOOR,
    FW_OP_MIN,
    FW_OP_MAX,
    FW_OP_SIGN
};

struct fw_op_cached {
    fw_i128 a, b, result;
    uint64_t op_plus_1; // 0 = empty
    uint64_t zero;
};

struct fw_symbols {
    const struct fw_alloc *alloc;
    struct fw_arena arena;   // everything interned
    struct fw_arena scratch; // working polynomials of the running operation
    struct fw_map symbol_map, mono_map, poly_map, atom_map;
    struct fw_symbol *symbols;
    struct fw_mono **monos;
    struct fw_poly **polys;
    struct fw_atom **atoms;
    uint32_t n_symbols, n_monos, n_polys, n_atoms;
    uint32_t symbols_cap, monos_cap, polys_cap, atoms_cap;
    struct fw_op_cached *cache; // NULL until the first symbolic operation
    enum fw_status fault;       // FW_OK, or why the last bad word came about
    enum fw_limit over;         // the limit behind it, FW_N_LIMITS: a number does not fit
    uint64_t n_faults;
    uint32_t epoch;
};

/* poly_table.c */
void fw_poly_fault(struct fw_symbols *s, enum fw_status why);
/* poly_name.c: whether a symbol may have this name, and one it may have instead: what has no place
 * in it is '_', a character beyond ASCII its code, as in u6570. NULL when out of memory. */
bool fw_poly_is_name(const char *name, size_t len);
char *fw_poly_name(struct fw_arena *arena, const char *name, size_t len);
fw_count fw_poly_bad(struct fw_symbols *s, enum fw_status why); // fault, as a word
void fw_poly_over(struct fw_symbols *s, enum fw_limit which);   // a fault: more than the limit
uint32_t fw_mono_mul(struct fw_symbols *s, uint32_t a, uint32_t b);
/* FW_POLY_NONE (without a fault) when b does not divide a. */
uint32_t fw_mono_div(struct fw_symbols *s, uint32_t a, uint32_t b);
uint32_t fw_mono_power(struct fw_symbols *s, uint32_t var, uint32_t exp);
uint32_t fw_mono_gcd(struct fw_symbols *s, uint32_t a, uint32_t b);
uint32_t fw_mono_exponent(const struct fw_symbols *s, uint32_t mono, uint32_t var);
/* < 0 when a stands before b (is the higher one). */
int fw_mono_compare(const struct fw_symbols *s, uint32_t a, uint32_t b);
int fw_word_compare(const struct fw_symbols *s, fw_count a, fw_count b);
struct fw_atom *fw_poly_atom(const struct fw_symbols *s, uint32_t var);
/* The atom as a polynomial; p and q with integer coefficients. */
fw_count fw_atom_word(struct fw_symbols *s, enum fw_atom_kind kind, fw_count p, fw_count q);
fw_count fw_var_word(struct fw_symbols *s, uint32_t var);
struct fw_poly *fw_poly_new(struct fw_symbols *s, size_t max_terms);
void fw_poly_push(struct fw_poly *p, fw_i128 coef, uint32_t mono);
/* The word of a working polynomial whose terms are in order; changes p. NULL gives bad. */
fw_count fw_poly_intern(struct fw_symbols *s, struct fw_poly *p);
const struct fw_poly *fw_poly_of(struct fw_symbols *s, fw_count a); // NULL when bad
/* The polynomial of a word that is neither constant nor bad. */
const struct fw_poly *fw_poly_at(const struct fw_symbols *s, fw_count a);

/* poly_arith.c */
fw_i128 fw_gcd(fw_i128 a, fw_i128 b); // >= 0
bool fw_coef_mul(fw_i128 a, fw_i128 b, fw_i128 *ret);
bool fw_coef_add(fw_i128 a, fw_i128 b, fw_i128 *ret);
fw_i128 fw_floor_quotient(fw_i128 a, fw_i128 b);  // b > 0
fw_i128 fw_poly_content(const struct fw_poly *p); // gcd of the coefficients, 0 for the zero
bool fw_poly_is_number(const struct fw_poly *p);  // no variables
fw_count fw_poly_add(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_poly_sub(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_poly_mul(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_poly_div(struct fw_symbols *s, fw_count a, fw_count b); // bad without fault: inexact
/* ka*a + kb*x^mono*b over spans of terms. */
struct fw_poly *fw_terms_combine(struct fw_symbols *s, struct fw_poly *into,
                                 const struct fw_term *a, uint32_t na, const struct fw_term *b,
                                 uint32_t nb, fw_i128 kb, uint32_t mono);
/* n = *ret_quotient * d + *ret_rest over the integers, lead coefficient of d positive. Exact:
 * false (without a fault) as soon as a rest shows. Else the rest's terms that the lead of d
 * divides have coefficients from 0 to below d's. */
bool fw_terms_divide(struct fw_symbols *s, const struct fw_poly *n, const struct fw_poly *d,
                     bool exact, struct fw_poly **ret_quotient, struct fw_poly **ret_rest);

/* poly_atom.c */
fw_count fw_poly_floor_div(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_poly_min(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_poly_max(struct fw_symbols *s, fw_count a, fw_count b);

/* poly_sign.c */
fw_count fw_poly_sign(struct fw_symbols *s, fw_count a, fw_count zero);
int fw_atom_lower(struct fw_symbols *s, enum fw_atom_kind kind, fw_count p, fw_count q);

/* poly_eval.c */
fw_count fw_poly_coefficient(struct fw_symbols *s, fw_count a, uint32_t var, uint32_t power);
uint32_t fw_poly_degree_in(const struct fw_symbols *s, const struct fw_poly *p, uint32_t var);

/* poly.c */
fw_count fw_op(struct fw_symbols *s, enum fw_op op, fw_count a, fw_count b);

#endif
