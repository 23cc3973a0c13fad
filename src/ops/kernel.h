/* What reference kernels are written with: included by src/ops/NAME_run.c only.
 *
 * These files are compiled twice (meson.build): with FW_COUNT 0, where REAL is float and the
 * functions below are the bare operations, and with FW_COUNT 1, where REAL is double and each adds
 * one to the tally of its class:
 *     MAC(s, a, b)                    fma      s + a*b, of contractions
 *     ADD SUB NEG                     add      -a is 0 - a, which the processor adds too
 *     MUL                             mul
 *     DIV MOD                         div
 *     SQRT                            sqrt
 *     MAX MIN ABS SIGN CEIL FLOOR ROUND LESS(a, b) EQUAL(a, b) CHOOSE(c, a, b)  minmax
 *     EXP LOG TANH ERF POW SIN COS and what else goes to libm                            special
 * What is not arithmetic (moves, casts, logic, indices) is written without them. A choice together
 * with the comparison that steers it is one minmax: write `LESS(a, b) ? x : y`, or CHOOSE where the
 * condition is given.
 *
 * KERNEL(name) heads a kernel; the row names it with FW_RUN(name), after FW_KERNELS(name). */
#ifndef FW_OPS_KERNEL_H
#define FW_OPS_KERNEL_H

#include "ops/value.h"

#include <float.h>
#include <math.h>
#include <string.h>

#if FW_COUNT
typedef double REAL;
#define KERNEL_NAME(name) fw_counted_##name
#define TALLY(class) (fw_tally[class]++)
#define TALLY_FUNCTION(of) (TALLY(FW_SPECIAL), TALLY(of))
#define LIBM(name) name
#define FUNCTION(name, ...) name(__VA_ARGS__)
#else
typedef float REAL;
#define KERNEL_NAME(name) fw_plain_##name
#define TALLY(class) ((void)0)
#define TALLY_FUNCTION(of) ((void)0)
#define LIBM(name) name##f
/* See fw_wide in ops/value.h. */
#define FUNCTION(name, ...) (fw_wide ? (REAL)name##l(__VA_ARGS__) : name##f(__VA_ARGS__))
#include "ops/quick.h"
#endif
#define KERNEL(name) enum fw_status KERNEL_NAME(name)(struct fw_run * r)
#define REAL_MAX (sizeof(REAL) == sizeof(float) ? (REAL)3.402823466e+38 : (REAL)DBL_MAX)
#define SCALAR static inline REAL
#define TEST_OF static inline bool

/* A NaN wins, as the standard's Max and Min want it. */
SCALAR fw_larger(REAL a, REAL b)
{
    return ((a > b) | (a != a)) ? a : b;
}
SCALAR fw_smaller(REAL a, REAL b)
{
    return ((a < b) | (a != a)) ? a : b;
}

/* X(head, class, result) */
#define SCALAR_OPERATIONS(X)                                           \
    X(SCALAR MAC(REAL s, REAL a, REAL b), FW_FMA, s + a * b)           \
    X(SCALAR ADD(REAL a, REAL b), FW_ADD, a + b)                       \
    X(SCALAR SUB(REAL a, REAL b), FW_ADD, a - b)                       \
    X(SCALAR NEG(REAL a), FW_ADD, 0 - a)                               \
    X(SCALAR MUL(REAL a, REAL b), FW_MUL, a *b)                        \
    X(SCALAR DIV(REAL a, REAL b), FW_DIV, a / b)                       \
    X(SCALAR SQRT(REAL a), FW_SQRT, LIBM(sqrt)(a))                     \
    X(TEST_OF LESS(REAL a, REAL b), FW_MINMAX, a < b)                  \
    X(TEST_OF EQUAL(REAL a, REAL b), FW_MINMAX, a == b)                \
    X(SCALAR CHOOSE(bool yes, REAL a, REAL b), FW_MINMAX, yes ? a : b) \
    X(SCALAR MAX(REAL a, REAL b), FW_MINMAX, fw_larger(a, b))          \
    X(SCALAR MIN(REAL a, REAL b), FW_MINMAX, fw_smaller(a, b))         \
    X(SCALAR ABS(REAL a), FW_MINMAX, LIBM(fabs)(a))                    \
    X(SCALAR SIGN(REAL a), FW_MINMAX, (REAL)((a > 0) - (a < 0)))       \
    X(SCALAR CEIL(REAL a), FW_MINMAX, LIBM(ceil)(a))                   \
    X(SCALAR FLOOR(REAL a), FW_MINMAX, LIBM(floor)(a))                 \
    X(SCALAR ROUND(REAL a), FW_MINMAX, LIBM(rint)(a))                  \
    X(SCALAR POW(REAL a, REAL b), FW_SPECIAL, FUNCTION(pow, a, b))

#define DEFINE(head, class, result) \
    head                            \
    {                               \
        TALLY(class);               \
        return result;              \
    }
SCALAR_OPERATIONS(DEFINE)
#undef DEFINE

/* What follows is computed where it stands and nowhere else: clang would compute every time, and
 * choose. */
#define BRANCH() __asm__ volatile("")

/* sum + v, where the first number of a sum is no addition. */
static inline REAL JOIN(bool first, REAL sum, REAL v)
{
    if (first)
        return v;
    BRANCH();
    return ADD(sum, v);
}

/* Both comparisons are made: 2 minmax. */
static inline bool BETWEEN(REAL low, REAL a, REAL high)
{
    bool above = LESS(low, a);
    bool below = LESS(a, high);
    return above && below;
}

/* Functions of libm; those of quick.h are written so that loops over them become vectors. */
#if FW_COUNT
#define QUICK(name, a) name(a)
#else
#define QUICK(name, a) (fw_wide ? fw_wide_##name(a) : fw_quick_##name(a))
#endif
#define QUICKLY(X) \
    X(EXP, exp)    \
    X(LOG, log)    \
    X(TANH, tanh)  \
    X(ERF, erf)
#define DEFINE(name, f)            \
    SCALAR name(REAL a)            \
    {                              \
        TALLY_FUNCTION(FW_##name); \
        return QUICK(f, a);        \
    }
QUICKLY(DEFINE)
#undef DEFINE

/* MAX(a, 0), where a function's result is added that is NaN where a is. */
SCALAR POSITIVE(REAL a)
{
    TALLY(FW_MINMAX);
#if FW_COUNT
    return a > 0 ? a : 0;
#else
    return fw_quick_positive(a);
#endif
}
#define SPECIALS(X) \
    X(SIN, sin)     \
    X(COS, cos)     \
    X(TAN, tan)     \
    X(SINH, sinh)   \
    X(COSH, cosh)   \
    X(ASIN, asin)   \
    X(ACOS, acos)   \
    X(ATAN, atan)   \
    X(ASINH, asinh) \
    X(ACOSH, acosh) \
    X(ATANH, atanh)
#define DEFINE(name, f)        \
    SCALAR name(REAL a)        \
    {                          \
        TALLY(FW_SPECIAL);     \
        return FUNCTION(f, a); \
    }
SPECIALS(DEFINE)
#undef DEFINE

/* The numbers of a tensor; NULL for none. A model file decides about types, and rows do not ask for
 * them all: a kernel that meets integers here ends with an error (fw_kernel_call). */
static inline REAL *reals_of(const struct fw_buffer *v)
{
    if (v != NULL && fw_dtypes[v->dtype].class != 'f' && fw_dtypes[v->dtype].class != 'c')
        fw_kernel_wants_reals(v);
    return v != NULL ? v->data : NULL;
}
/* Data of an input or output; NULL where it is left out. */
static inline const REAL *reals(const struct fw_run *r, unsigned i)
{
    return reals_of(fw_run_in(r, i));
}
static inline REAL *reals_out(const struct fw_run *r, unsigned i)
{
    return reals_of(fw_run_out(r, i));
}
/* The same of an input from which n numbers are taken: shapes need not say that it has them. */
static inline const REAL *reals_at_least(const struct fw_run *r, unsigned i, size_t n)
{
    const struct fw_buffer *v = fw_run_in(r, i);
    if (v != NULL && n > 0)
        (void)fw_kernel_has(v, n - 1);
    return reals_of(v);
}
static inline REAL attr_real(const struct fw_run *r, const char *name)
{
    return (REAL)fw_run_attr_float(r, name, 0);
}
/* Scratch memory for n numbers; NULL = out of memory. */
static inline REAL *scratch_reals(const struct fw_run *r, size_t n)
{
    return fw_arena_array(r->scratch, n, sizeof(REAL));
}
static inline REAL *scratch_zeros(const struct fw_run *r, size_t n)
{
    REAL *p = scratch_reals(r, n);
    if (p != NULL)
        memset(p, 0, n * sizeof *p);
    return p;
}
static inline void zero_out(const struct fw_run *r, unsigned i)
{
    const struct fw_buffer *v = fw_run_out(r, i);
    if (v != NULL && v->n > 0)
        memset(v->data, 0, v->n * fw_element_bytes((enum fw_dtype)v->dtype, v->real));
}
static inline bool is_real(const struct fw_buffer *v)
{
    return fw_dtypes[v->dtype].class == 'f';
}
/* Scratch memory for real numbers in the shape of v; data NULL = out of memory. */
static inline struct fw_buffer reals_like(const struct fw_run *r, const struct fw_buffer *v)
{
    struct fw_buffer copy = *v;
    copy.dtype = FW_F32;
    copy.real = sizeof(REAL);
    copy.data = scratch_reals(r, v->n + 1);
    return copy;
}

/* Executes a row's kernel on these tensors in the node's place: this build's, with attributes of
 * that row (NULL: its defaults), one output. op NULL: the node's own row and attributes. */
static inline enum fw_status run_as(const struct fw_run *r, const struct fw_op *op,
                                    const struct fw_attr *attr, struct fw_buffer *const *in,
                                    unsigned n_in, struct fw_buffer *out)
{
    struct fw_node node = *r->cx.node;
    struct fw_run sub = *r;
    struct fw_buffer *outs[] = {out};
    node.n_in = (uint16_t)n_in;
    node.n_out = 1;
    if (op != NULL) {
        node.op = op;
        node.attr = attr;
    }
    sub.cx.node = &node;
    sub.in = in;
    sub.out = outs;
    sub.part = 0;
    sub.parts = 1;
    return node.op->run[FW_COUNT ? FW_COUNTED : FW_PLAIN](&sub);
}

/* Constants of a node, which the rules do not count: x87 and the like are not in the hardware's
 * count either. Volatile, or the compiler sees that SSE gives the same number and takes that. */
static inline REAL one_over(size_t n)
{
    volatile long double wide = (long double)(int64_t)n;
    return (REAL)(1.0L / wide);
}
static inline REAL one_minus(REAL a)
{
    volatile long double wide = (long double)a;
    return (REAL)(1.0L - wide);
}
static inline REAL one_over_root(size_t n)
{
    volatile long double wide = (long double)(int64_t)n;
    return (REAL)(1.0L / sqrtl(wide));
}
static inline REAL uncounted_product(REAL a, REAL b)
{
    volatile long double wide = (long double)a;
    return (REAL)(wide * b);
}
static inline REAL uncounted_quotient(REAL a, REAL b)
{
    volatile long double wide = (long double)a;
    return (REAL)(wide / b);
}
/* 1 - b^t, in what nobody counts. */
static inline long double rest_of_power(double b, double t)
{
    volatile long double base = (long double)b;
    return 1.0L - powl(base, (long double)t);
}
/* What dropout multiplies what it keeps by: 1/(1 - ratio). */
static inline REAL keep_scale(double ratio)
{
    volatile long double wide = (long double)ratio;
    return ratio < 1 ? (REAL)(1.0L / (1.0L - wide)) : 0;
}

/* A number that the compiler must not see: where it knows one (a sum starts from 0, a factor is 1
 * in one of two branches), it leaves out operations that the rule counts. */
static inline REAL hidden(REAL a)
{
    const volatile REAL unseen = a;
    return unseen;
}
static inline REAL zero(void)
{
    return hidden(0);
}

/* A count as a number. Of an unsigned one the compiler would make subtractions and additions. */
static inline REAL real_of(size_t n)
{
    return (REAL)(int64_t)n;
}

/* Sums and maxima of n numbers, the first one being no operation: 8 running ones side by side,
 * joined at the end, which are as many operations as one after the other and do not wait for each
 * other. */
enum { LANES = 8 };
#define OVER_LANES(name, arguments, element, join)          \
    SCALAR name(arguments, size_t n)                        \
    {                                                       \
        REAL lane[LANES] = {0};                             \
        size_t wide = n < LANES ? n : LANES;                \
        for (size_t i = 0; i < wide; i++)                   \
            lane[i] = element;                              \
        size_t at = wide;                                   \
        for (; at + LANES <= n; at += LANES)                \
            for (size_t j = 0, i = at; j < LANES; j++, i++) \
                lane[j] = join(lane[j], element);           \
        for (size_t i = at; i < n; i++)                     \
            lane[i - at] = join(lane[i - at], element);     \
        for (size_t j = 1; j < wide; j++)                   \
            lane[0] = join(lane[0], lane[j]);               \
        return lane[0];                                     \
    }
#define ONE_ARRAY const REAL *x
#define TWO_ARRAYS const REAL *x, const REAL *y
OVER_LANES(sum_of, ONE_ARRAY, x[i], ADD)
OVER_LANES(largest_of, ONE_ARRAY, x[i], MAX)
OVER_LANES(sum_of_products, TWO_ARRAYS, MUL(x[i], y[i]), ADD)

/* exp(x - most), and what is left of softmax. */
static inline void exponentials(const REAL *x, REAL most, REAL *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = EXP(SUB(x[i], most));
}
static inline void divide_all(REAL *y, REAL by, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = DIV(y[i], by);
}
static inline void softmax_line(const REAL *x, REAL *y, size_t n)
{
    exponentials(x, largest_of(x, n), y, n);
    divide_all(y, sum_of(y, n), n);
}
/* x - max - log(sum of exp(x - max)); y may be x, e is room for as many numbers. */
static inline void log_softmax_line(const REAL *x, REAL *y, REAL *e, size_t n)
{
    REAL most = largest_of(x, n);
    for (size_t i = 0; i < n; i++)
        y[i] = SUB(x[i], most);
    for (size_t i = 0; i < n; i++)
        e[i] = EXP(y[i]);
    REAL log_sum = LOG(sum_of(e, n));
    for (size_t i = 0; i < n; i++)
        y[i] = SUB(y[i], log_sum);
}

/* y += a*x over n numbers: the form in which products retire exactly 2 operations a term. */
static inline void axpy(REAL *restrict y, REAL a, const REAL *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = MAC(y[i], a, x[i]);
}

#endif
