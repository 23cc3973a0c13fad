/* Exact numbers that may hold letters: dimensions and counts as multivariate polynomials.
 *
 * A fw_dim is a 64-bit word, a fw_count a 128-bit word. Either is a plain constant (the common
 * case: no table, no allocation, arithmetic inline), or the number of a polynomial interned in a
 * struct fw_symbols, or "bad" (an overflow or a division that has no answer), which every
 * operation passes on, so that a caller tests once at the end. Polynomials have rational
 * coefficients (127-bit numerators over one denominator, every operation checked) over symbols and
 * atoms: floor(p/q), min(p,q), max(p,q), which are opaque, integer valued and interned like
 * symbols (ceil is written with floor). Because polynomials are interned in canonical form, == on
 * the word is equality of polynomials. Limits: 4096 terms, total degree 64, atoms nested 64 deep,
 * 4 Mi polynomials; beyond them results are bad.
 *
 * Symbols stand for positive integers (>= 1): floor() of an integer polynomial is itself, and a
 * difference whose coefficients are all positive is known to be positive.
 *
 * Two symbol tables must never be mixed; a table is not thread-safe. */
#ifndef FW_BASE_POLY_H
#define FW_BASE_POLY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t word;
} fw_dim;

typedef struct {
    fw_i128 word;
} fw_count;

/* Constants fill the middle half of the range (so that two of them add without overflow);
 * polynomial number k is FW_*_POLY + k; bad is the lowest word. */
#define FW_DIM_MAX (((int64_t)1 << 62) - 1)
#define FW_DIM_BAD_WORD INT64_MIN
#define FW_DIM_POLY (INT64_MIN + 1)
#define FW_COUNT_MAX (((fw_i128)1 << 126) - 1)
#define FW_COUNT_BAD_WORD (-((fw_i128)1 << 126) - ((fw_i128)1 << 126))
#define FW_COUNT_POLY (FW_COUNT_BAD_WORD + 1)

struct fw_symbols;

struct fw_symbols *fw_symbols_new(const struct fw_alloc *alloc); // NULL = out of memory
void fw_symbols_free(struct fw_symbols *s);                      // NULL-safe
/* Why the last bad word of this table came about: FW_LIMIT (overflow, too many terms ...) or
 * FW_MEMORY, which stays (all later symbolic results are bad too); FW_OK when no such thing
 * happened, as for a division by zero or one that does not come out even. */
enum fw_status fw_symbols_fault(const struct fw_symbols *s);
/* Fails with FW_LIMIT because of the last bad word: "WHAT: more than 4096 terms in a formula ...",
 * or that it is too large a number. */
enum fw_status fw_symbols_fail(const struct fw_symbols *s, const char *what, struct fw_error *err);
uint32_t fw_symbols_count(const struct fw_symbols *s); // symbols (not atoms) so far
const char *fw_symbol_name(const struct fw_symbols *s, uint32_t i);
/* The number of a symbol by its name or the one it was created by, or UINT32_MAX. */
uint32_t fw_symbols_find(const struct fw_symbols *s, const char *name, size_t len);
/* The number of the symbol that d is, or UINT32_MAX where it is something else. */
uint32_t fw_symbol_of(struct fw_symbols *s, fw_dim d);
/* The symbol of this name, created when new. One whose name is not [A-Za-z_][A-Za-z0-9_]* ("batch
 * size", "B:0") is called alike, and as no other is (batch_size, B_0, B_0_2). */
fw_dim fw_dim_symbol(struct fw_symbols *s, const char *name, size_t len);
/* A new symbol whose name starts with stem and is not taken yet (stem, stem_2, stem_3 ...);
 * upper: a bound that is known for it, or fw_dim_bad() for none. */
fw_dim fw_dim_fresh(struct fw_symbols *s, const char *stem, fw_dim upper);
fw_dim fw_symbol_upper(const struct fw_symbols *s, uint32_t i); // bad when there is none
void fw_symbol_set_upper(struct fw_symbols *s, uint32_t i, fw_dim upper);

static inline fw_dim fw_dim_bad(void)
{
    return (fw_dim){FW_DIM_BAD_WORD};
}
static inline fw_count fw_count_bad(void)
{
    return (fw_count){FW_COUNT_BAD_WORD};
}
static inline bool fw_dim_is_bad(fw_dim a)
{
    return a.word == FW_DIM_BAD_WORD;
}
static inline bool fw_count_is_bad(fw_count a)
{
    return a.word == FW_COUNT_BAD_WORD;
}
/* An integer constant (not symbolic, not bad, not a fraction). */
static inline bool fw_dim_is_const(fw_dim a)
{
    return a.word >= -FW_DIM_MAX;
}
static inline bool fw_count_is_const(fw_count a)
{
    return a.word >= -FW_COUNT_MAX;
}
static inline fw_dim fw_dim_int(int64_t v)
{
    if (v < -FW_DIM_MAX || v > FW_DIM_MAX)
        return fw_dim_bad();
    return (fw_dim){v};
}
static inline fw_count fw_count_int(fw_i128 v)
{
    if (v < -FW_COUNT_MAX || v > FW_COUNT_MAX)
        return fw_count_bad();
    return (fw_count){v};
}
static inline bool fw_dim_is(fw_dim a, int64_t v) // equals this constant
{
    return a.word == v && fw_dim_is_const(a);
}
static inline bool fw_count_is(fw_count a, fw_i128 v)
{
    return a.word == v && fw_count_is_const(a);
}
static inline bool fw_dim_eq(fw_dim a, fw_dim b)
{
    return a.word == b.word;
}
static inline bool fw_count_eq(fw_count a, fw_count b)
{
    return a.word == b.word;
}
/* dim -> count keeps polynomials; count -> dim is bad where the constant does not fit. */
static inline fw_count fw_count_of(fw_dim a)
{
    if (fw_dim_is_const(a))
        return (fw_count){a.word};
    return (fw_count){FW_COUNT_BAD_WORD + ((fw_i128)a.word - INT64_MIN)};
}
static inline fw_dim fw_dim_of(fw_count a)
{
    if (!fw_count_is_const(a))
        return (fw_dim){(int64_t)(a.word - FW_COUNT_BAD_WORD + INT64_MIN)};
    if (a.word < -FW_DIM_MAX || a.word > FW_DIM_MAX)
        return fw_dim_bad();
    return (fw_dim){(int64_t)a.word};
}

/* The slow halves, for operands that are symbolic, bad, or overflow the constant range. */
enum fw_poly_op { FW_POLY_ADD, FW_POLY_SUB, FW_POLY_MUL };
fw_count fw_count_slow(struct fw_symbols *s, enum fw_poly_op op, fw_count a, fw_count b);

static inline fw_count fw_count_add(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is_const(a) && fw_count_is_const(b))
        return fw_count_int(a.word + b.word);
    return fw_count_slow(s, FW_POLY_ADD, a, b);
}
static inline fw_count fw_count_sub(struct fw_symbols *s, fw_count a, fw_count b)
{
    if (fw_count_is_const(a) && fw_count_is_const(b))
        return fw_count_int(a.word - b.word);
    return fw_count_slow(s, FW_POLY_SUB, a, b);
}
static inline fw_count fw_count_mul(struct fw_symbols *s, fw_count a, fw_count b)
{
    fw_i128 v;
    if (fw_count_is_const(a) && fw_count_is_const(b) && !__builtin_mul_overflow(a.word, b.word, &v))
        return fw_count_int(v);
    return fw_count_slow(s, FW_POLY_MUL, a, b);
}
static inline fw_dim fw_dim_add(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b))
        return fw_dim_int(a.word + b.word);
    return fw_dim_of(fw_count_slow(s, FW_POLY_ADD, fw_count_of(a), fw_count_of(b)));
}
static inline fw_dim fw_dim_sub(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    if (fw_dim_is_const(a) && fw_dim_is_const(b))
        return fw_dim_int(a.word - b.word);
    return fw_dim_of(fw_count_slow(s, FW_POLY_SUB, fw_count_of(a), fw_count_of(b)));
}
static inline fw_dim fw_dim_mul(struct fw_symbols *s, fw_dim a, fw_dim b)
{
    int64_t v;
    if (fw_dim_is_const(a) && fw_dim_is_const(b) && !__builtin_mul_overflow(a.word, b.word, &v))
        return fw_dim_int(v);
    return fw_dim_of(fw_count_slow(s, FW_POLY_MUL, fw_count_of(a), fw_count_of(b)));
}

/* Exact rational quotient a/b: a constant when it divides, a polynomial with rational coefficients
 * (also a constant fraction) when b is constant or b divides a exactly as polynomials, else bad. */
fw_count fw_count_div(struct fw_symbols *s, fw_count a, fw_count b);
/* The largest product of letters and an integer (1 where one has fractions) that divides both. */
fw_count fw_count_common(struct fw_symbols *s, fw_count a, fw_count b);
/* floor(a/b), ceil(a/b): constants computed, exact polynomial quotients reduced, integer terms
 * taken out of the atom; else an atom. b = 0 is bad. */
fw_count fw_count_floor_div(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_count_ceil_div(struct fw_symbols *s, fw_count a, fw_count b);
/* min/max: decided where the sign of the difference is known (symbols >= 1), else an atom. */
fw_count fw_count_min(struct fw_symbols *s, fw_count a, fw_count b);
fw_count fw_count_max(struct fw_symbols *s, fw_count a, fw_count b);
/* 1 or -1 or 0 when the sign is known for all symbol values >= 1 (0 = identically zero),
 * 2 = not negative, -2 = not positive, 3 = unknown. Upper bounds of symbols are not used. */
int fw_count_sign(struct fw_symbols *s, fw_count a);

/* The same for dimensions; constants stay inline. */
fw_dim fw_dim_div(struct fw_symbols *s, fw_dim a, fw_dim b);
fw_dim fw_dim_floor_div(struct fw_symbols *s, fw_dim a, fw_dim b);
fw_dim fw_dim_ceil_div(struct fw_symbols *s, fw_dim a, fw_dim b);
fw_dim fw_dim_mod(struct fw_symbols *s, fw_dim a, fw_dim b); // a - b*floor(a/b)
fw_dim fw_dim_min(struct fw_symbols *s, fw_dim a, fw_dim b);
fw_dim fw_dim_max(struct fw_symbols *s, fw_dim a, fw_dim b);
int fw_dim_sign(struct fw_symbols *s, fw_dim a);
/* A float as the exact rational it is; bad for infinities, NaN and fractions that do not fit. */
fw_dim fw_dim_from_double(struct fw_symbols *s, double v);
/* A constant (integer or fraction) as a double; NAN when symbolic or bad. */
double fw_count_to_double(const struct fw_symbols *s, fw_count a);

/* Evaluation: values[i] replaces symbol i (bad = stays a letter); n_values may be less than the
 * number of symbols, the rest stay. The result is canonical again: atoms are recomputed. */
fw_count fw_count_substitute(struct fw_symbols *s, fw_count a, const fw_dim *values,
                             uint32_t n_values);
/* The value as a double with all symbols given (NAN where one is missing); for curves. */
double fw_count_eval(struct fw_symbols *s, fw_count a, const double *values, uint32_t n_values);
/* The coefficient polynomial of sym^power in a (a seen as a polynomial in that symbol). */
fw_count fw_count_coefficient(struct fw_symbols *s, fw_count a, uint32_t symbol, uint32_t power);
/* Which symbols occur (also inside atoms): sets seen[i] for i < n_seen. */
void fw_count_symbols(struct fw_symbols *s, fw_count a, bool *seen, uint32_t n_seen);

/* Text: "2*K^2*L*n", highest total degree first, then by symbol name; coefficients that are
 * fractions print as "(3*K^2*n)/2"-like parseable text; floor((H-1)/2). Constants print as digits;
 * separator ',' groups digits of constants (only when the whole is a constant), 0 for none. A bad
 * word prints "overflow". What is printed parses back to the same word. */
void fw_count_print(const struct fw_symbols *s, fw_count a, char separator, struct fw_str *out);
void fw_dim_print(const struct fw_symbols *s, fw_dim a, struct fw_str *out);
/* Grammar: integers and decimal fractions, names, + - * / ^ ( ), floor() ceil() min() max().
 * Symbols that are not known yet are created. Errors: FW_USAGE with the byte offset in text,
 * FW_LIMIT for nesting over 64 or degree over the limit, FW_MEMORY. */
enum fw_status fw_count_parse(struct fw_symbols *s, const char *text, size_t len, fw_count *ret,
                              struct fw_error *err);

#endif
