/* Kernels of binary.c: elementwise functions of tensors that are broadcast together. */
#include "ops/kernel.h"

/* The output taken as rows of n elements; a and b step by step_a, step_b (0 or 1) inside a row. */
struct rows {
    size_t n_rows, n;
    size_t step_a, step_b;
    struct fw_walk walk; // of the rows
};

static struct rows rows_of(const struct fw_buffer *y, const struct fw_buffer *a,
                           const struct fw_buffer *b)
{
    struct rows w = {.n_rows = 1, .n = y->n};
    if ((a->n == y->n || a->n == 1) && (b->n == y->n || b->n == 1)) {
        w.step_a = a->n == y->n;
        w.step_b = b->n == y->n;
        fw_walk_init(&w.walk, 0, NULL);
        fw_walk_add(&w.walk, NULL, 0);
        fw_walk_add(&w.walk, NULL, 0);
        return w;
    }
    unsigned last = y->rank - 1u;
    w.n = (size_t)y->dims[last];
    w.n_rows = w.n > 0 ? y->n / w.n : 0;
    fw_walk_init(&w.walk, y->rank, y->dims);
    fw_walk_add_broadcast(&w.walk, a);
    fw_walk_add_broadcast(&w.walk, b);
    w.step_a = w.walk.stride[0][last] != 0;
    w.step_b = w.walk.stride[1][last] != 0;
    w.walk.rank = last;
    return w;
}

/* One row: y = expression of x and z. The three loops are what compilers vectorise. */
#define ROW_OF(type, out, a, b, w, expression)       \
    do {                                             \
        if ((w)->step_a && (w)->step_b)              \
            for (size_t i = 0; i < (w)->n; i++) {    \
                const type x = (a)[i], z = (b)[i];   \
                (out)[i] = (expression);             \
            }                                        \
        else if ((w)->step_a) {                      \
            const type z = *(b);                     \
            for (size_t i = 0; i < (w)->n; i++) {    \
                const type x = (a)[i];               \
                (out)[i] = (expression);             \
            }                                        \
        } else                                       \
            for (size_t i = 0; i < (w)->n; i++) {    \
                const type x = *(a);                 \
                const type z = (b)[i * (w)->step_b]; \
                (out)[i] = (expression);             \
            }                                        \
    } while (0)

/* The same over integers and bools of any width, element by element. */
typedef int64_t int_function(struct fw_run *r, int64_t x, int64_t z);

static void over_integers(struct fw_run *r, const struct fw_buffer *a, const struct fw_buffer *b,
                          struct fw_buffer *y, int_function *f)
{
    struct rows w = rows_of(y, a, b);
    for (size_t row = 0; row < w.n_rows; row++) {
        for (size_t i = 0; i < w.n; i++) {
            int64_t x = fw_buffer_int(a, (size_t)w.walk.offset[0] + i * w.step_a);
            int64_t z = fw_buffer_int(b, (size_t)w.walk.offset[1] + i * w.step_b);
            fw_buffer_put_int(y, row * w.n + i, f(r, x, z));
        }
        fw_walk_next(&w.walk);
    }
}

/* A function of reals a row at a time, y of type out_type. */
#define OVER_REALS(name, out_type, expression)                                               \
    static void name(struct fw_run *r, const struct fw_buffer *a, const struct fw_buffer *b, \
                     struct fw_buffer *y)                                                    \
    {                                                                                        \
        struct rows w = rows_of(y, a, b);                                                    \
        (void)r;                                                                             \
        for (size_t row = 0; row < w.n_rows; row++) {                                        \
            const REAL *pa = reals_of(a) + w.walk.offset[0];                                 \
            const REAL *pb = reals_of(b) + w.walk.offset[1];                                 \
            out_type *out = (out_type *)y->data + row * w.n;                                 \
            ROW_OF(REAL, out, pa, pb, &w, expression);                                       \
            fw_walk_next(&w.walk);                                                           \
        }                                                                                    \
    }
#define OVER_INTS(name, expression)                             \
    static int64_t name(struct fw_run *r, int64_t x, int64_t z) \
    {                                                           \
        (void)r;                                                \
        return (expression);                                    \
    }
#define BINARY(name, out_type, reals_, ints_)                             \
    OVER_REALS(name##_reals, out_type, reals_)                            \
    OVER_INTS(name##_ints, ints_)                                         \
    KERNEL(name)                                                          \
    {                                                                     \
        if (is_real(r->in[0]))                                            \
            name##_reals(r, r->in[0], r->in[1], r->out[0]);               \
        else                                                              \
            over_integers(r, r->in[0], r->in[1], r->out[0], name##_ints); \
        return FW_OK;                                                     \
    }
#define INTEGER(name, ints_)                                          \
    OVER_INTS(name##_ints, ints_)                                     \
    KERNEL(name)                                                      \
    {                                                                 \
        over_integers(r, r->in[0], r->in[1], r->out[0], name##_ints); \
        return FW_OK;                                                 \
    }

/* Integer arithmetic wraps; a quotient by zero is 0. */
static int64_t wrapped(uint64_t x)
{
    return (int64_t)x;
}

static int64_t int_div(const struct fw_run *r, int64_t x, int64_t z)
{
    TALLY(FW_DIV);
    if (r->in[0]->dtype == FW_U64)
        return z == 0 ? 0 : wrapped((uint64_t)x / (uint64_t)z);
    return z == 0 ? 0 : z == -1 ? wrapped(0 - (uint64_t)x) : x / z;
}

BINARY(add, REAL, ADD(x, z), (TALLY(FW_ADD), wrapped((uint64_t)x + (uint64_t)z)))
BINARY(sub, REAL, SUB(x, z), (TALLY(FW_ADD), wrapped((uint64_t)x - (uint64_t)z)))
BINARY(mul, REAL, MUL(x, z), (TALLY(FW_MUL), wrapped((uint64_t)x *(uint64_t)z)))
BINARY(div, REAL, DIV(x, z), int_div(r, x, z))

BINARY(equal, uint8_t, EQUAL(x, z), (TALLY(FW_MINMAX), x == z))
BINARY(greater, uint8_t, LESS(z, x), (TALLY(FW_MINMAX), x > z))
BINARY(greater_or_equal, uint8_t, (TALLY(FW_MINMAX), x >= z), (TALLY(FW_MINMAX), x >= z))
BINARY(less, uint8_t, LESS(x, z), (TALLY(FW_MINMAX), x < z))
BINARY(less_or_equal, uint8_t, (TALLY(FW_MINMAX), x <= z), (TALLY(FW_MINMAX), x <= z))

INTEGER(bit_and, x &z)
INTEGER(bit_or, x | z)
INTEGER(bit_xor, x ^ z)

/* To the right a sign stays; all bits are gone where there are not as many. */
static int64_t shifted(const struct fw_run *r, int64_t x, int64_t z)
{
    bool right = strcmp(fw_run_attr(r, "direction")->s, "RIGHT") == 0;
    bool negative = fw_dtypes[r->in[0]->dtype].class == 'i' && x < 0;
    if (z < 0 || z >= fw_dtypes[r->in[0]->dtype].bits)
        return right && negative ? -1 : 0;
    if (!right)
        return wrapped((uint64_t)x << z);
    return negative ? ~wrapped((uint64_t)~x >> z) : wrapped((uint64_t)x >> z);
}
INTEGER(bit_shift, shifted(r, x, z))

/* ---- Mod: a - b*floor(a/b), the sign of b; with fmod the sign of a ---- */

static REAL real_mod(REAL a, REAL b, bool fmod_)
{
    REAL q = DIV(a, b);
    TALLY(FW_MINMAX);
    q = fmod_ ? LIBM(trunc)(q) : LIBM(floor)(q);
    REAL rest = SUB(a, MUL(b, q));
    if (!isinf(b) || !isfinite(a))
        return rest;
    return fmod_ || a == 0 || (a < 0) == (b < 0) ? a : b; // none of b is in it
}

static int64_t int_mod(const struct fw_run *r, int64_t x, int64_t z)
{
    bool by_dividend = fw_run_attr_int(r, "fmod", 0) != 0;
    TALLY(FW_DIV);
    if (z == 0 || z == -1)
        return 0;
    if (r->in[0]->dtype == FW_U64)
        return wrapped((uint64_t)x % (uint64_t)z);
    int64_t m = x % z;
    return !by_dividend && m != 0 && (m < 0) != (z < 0) ? m + z : m;
}
BINARY(mod, REAL, real_mod(x, z, fw_run_attr_int(r, "fmod", 0) != 0), int_mod(r, x, z))

/* ---- Pow: the exponent may be of another type ---- */

static double number_at(const struct fw_buffer *v, size_t i)
{
    return fw_buffer_get(v, i);
}

KERNEL(power)
{
    const struct fw_buffer *a = r->in[0];
    const struct fw_buffer *b = r->in[1];
    struct rows w = rows_of(r->out[0], a, b);
    for (size_t row = 0; row < w.n_rows; row++) {
        for (size_t i = 0; i < w.n; i++) {
            double x = number_at(a, (size_t)w.walk.offset[0] + i * w.step_a);
            double z = number_at(b, (size_t)w.walk.offset[1] + i * w.step_b);
            TALLY(FW_SPECIAL);
            fw_buffer_put(r->out[0], row * w.n + i,
                          is_real(a) ? (double)FUNCTION(pow, (REAL)x, (REAL)z) : pow(x, z));
        }
        fw_walk_next(&w.walk);
    }
    return FW_OK;
}

/* ---- PRelu, Where ---- */

static REAL leak(REAL x, REAL slope)
{
    REAL less = MUL(slope, x);
    return LESS(0, x) ? x : less;
}
OVER_REALS(prelu_reals, REAL, leak(x, z))
KERNEL(prelu)
{
    prelu_reals(r, r->in[0], r->in[1], r->out[0]);
    return FW_OK;
}

/* Element i of y = element j of x, of the same type. */
static void move_element(struct fw_buffer *y, size_t i, const struct fw_buffer *x, size_t j)
{
    size_t each = fw_element_bytes((enum fw_dtype)y->dtype, y->real);
    fw_kernel_wants_alike(y, x);
    memcpy((char *)y->data + i * each, (const char *)x->data + j * each, each);
}

KERNEL(where)
{
    struct fw_buffer *y = r->out[0];
    struct fw_walk w;
    fw_walk_init(&w, y->rank, y->dims);
    for (unsigned i = 0; i < 3; i++)
        fw_walk_add_broadcast(&w, r->in[i]);
    for (size_t i = 0; i < y->n; i++) {
        bool first = CHOOSE(((const uint8_t *)r->in[0]->data)[w.offset[0]] != 0, 1, 0) != 0;
        move_element(y, i, r->in[first ? 1 : 2], (size_t)w.offset[first ? 1 : 2]);
        fw_walk_next(&w);
    }
    return FW_OK;
}

/* ---- Min, Max, Sum, Mean: the first two, then one more at a time ---- */

typedef void pair_function(struct fw_run *r, const struct fw_buffer *a, const struct fw_buffer *b,
                           struct fw_buffer *y);

OVER_REALS(max_reals, REAL, MAX(x, z))
OVER_REALS(min_reals, REAL, MIN(x, z))
OVER_INTS(max_ints, (TALLY(FW_MINMAX),
                     (r->in[0]->dtype == FW_U64 ? (uint64_t)x > (uint64_t)z : x > z) ? x : z))
OVER_INTS(min_ints, (TALLY(FW_MINMAX),
                     (r->in[0]->dtype == FW_U64 ? (uint64_t)x < (uint64_t)z : x < z) ? x : z))

/* The first input repeated over the output. */
static void spread(const struct fw_buffer *x, struct fw_buffer *y)
{
    struct fw_walk w;
    fw_walk_init(&w, y->rank, y->dims);
    fw_walk_add_broadcast(&w, x);
    for (size_t i = 0; i < y->n; i++) {
        move_element(y, i, x, (size_t)w.offset[0]);
        fw_walk_next(&w);
    }
}

static void fold_inputs(struct fw_run *r, pair_function *f, int_function *ints)
{
    struct fw_buffer *y = r->out[0];
    spread(r->in[0], y);
    for (unsigned i = 1; i < r->cx.node->n_in; i++) {
        if (is_real(y))
            f(r, y, r->in[i], y);
        else
            over_integers(r, y, r->in[i], y, ints);
    }
}

KERNEL(max_of)
{
    fold_inputs(r, max_reals, max_ints);
    return FW_OK;
}
KERNEL(min_of)
{
    fold_inputs(r, min_reals, min_ints);
    return FW_OK;
}
KERNEL(sum_of)
{
    fold_inputs(r, add_reals, add_ints);
    return FW_OK;
}
KERNEL(mean_of)
{
    fold_inputs(r, add_reals, add_ints);
    REAL *y = reals_out(r, 0);
    for (size_t i = 0; i < r->out[0]->n; i++)
        y[i] = DIV(y[i], (REAL)r->cx.node->n_in);
    return FW_OK;
}

/* ---- gradients; the output has the shape of dY (input 0) ---- */

KERNEL(mod_grad) // (dy, a, b): -dy*floor(a/b)
{
    struct fw_buffer *y = r->out[0];
    struct fw_walk w;
    fw_walk_init(&w, y->rank, y->dims);
    for (unsigned i = 0; i < 3; i++)
        fw_walk_add_broadcast(&w, r->in[i]);
    for (size_t i = 0; i < y->n; i++) {
        REAL a = reals(r, 1)[w.offset[1]];
        REAL b = reals(r, 2)[w.offset[2]];
        reals_out(r, 0)[i] = MUL(NEG(reals(r, 0)[w.offset[0]]), FLOOR(DIV(a, b)));
        fw_walk_next(&w);
    }
    return FW_OK;
}

/* A tensor's elements through one function of its own, before they are broadcast; other types
 * become reals. */
static REAL *prepare(struct fw_run *r, unsigned input, int how)
{
    const struct fw_buffer *v = r->in[input];
    REAL *p = scratch_reals(r, v->n);
    for (size_t i = 0; p != NULL && i < v->n; i++) {
        REAL x = (REAL)fw_buffer_get(v, i);
        p[i] = how == 0 ? x : how == 1 ? SUB(x, (REAL)1) : LOG(x);
    }
    return p;
}

KERNEL(pow_grad) // of a: (dy, a, b): dy*b*pow(a, b - 1); of b: (dy, a, y): dy*y*log(a)
{
    bool of_a = fw_run_attr_int(r, "of", 0) == 0;
    struct fw_buffer *out = r->out[0];
    REAL *less = of_a ? prepare(r, 2, 1) : NULL;
    REAL *whole = prepare(r, 2, 0);
    REAL *log_a = of_a ? NULL : prepare(r, 1, 2);
    struct fw_walk w;
    if (whole == NULL || (of_a ? less : log_a) == NULL)
        return fw_fail_memory(r->cx.err);
    fw_walk_init(&w, out->rank, out->dims);
    for (unsigned i = 0; i < 3; i++)
        fw_walk_add_broadcast(&w, r->in[i]);
    for (size_t i = 0; i < out->n; i++) {
        REAL dy = reals(r, 0)[w.offset[0]];
        REAL b = whole[w.offset[2]]; // y, for the gradient of b
        REAL f = of_a ? POW((REAL)fw_buffer_get(r->in[1], (size_t)w.offset[1]), less[w.offset[2]])
                      : log_a[w.offset[1]];
        reals_out(r, 0)[i] = MUL(MUL(dy, b), f);
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(prelu_grad) // of x: (dy, x, slope); of slope: (dy, x)
{
    bool of_x = fw_run_attr_int(r, "of", 0) == 0;
    struct fw_buffer *out = r->out[0];
    struct fw_walk w;
    fw_walk_init(&w, out->rank, out->dims);
    for (unsigned i = 0; i < (of_x ? 3u : 2u); i++)
        fw_walk_add_broadcast(&w, r->in[i]);
    for (size_t i = 0; i < out->n; i++) {
        REAL dy = reals(r, 0)[w.offset[0]];
        REAL x = reals(r, 1)[w.offset[1]];
        REAL part = of_x ? MUL(reals(r, 2)[w.offset[2]], dy) : MUL(x, dy);
        bool positive = LESS(0, x);
        reals_out(r, 0)[i] = positive ? (of_x ? dy : 0) : part;
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(where_grad) // (dy, condition)
{
    bool wanted = fw_run_attr_int(r, "of", 0) == 1;
    struct fw_buffer *out = r->out[0];
    struct fw_walk w;
    fw_walk_init(&w, out->rank, out->dims);
    fw_walk_add_broadcast(&w, r->in[0]);
    fw_walk_add_broadcast(&w, r->in[1]);
    for (size_t i = 0; i < out->n; i++) {
        bool c = ((const uint8_t *)r->in[1]->data)[w.offset[1]] != 0;
        reals_out(r, 0)[i] = CHOOSE(c == wanted, reals(r, 0)[w.offset[0]], 0);
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(minmax_grad) // (dy, x, y)
{
    struct fw_buffer *out = r->out[0];
    struct fw_walk w;
    fw_walk_init(&w, out->rank, out->dims);
    for (unsigned i = 0; i < 3; i++)
        fw_walk_add_broadcast(&w, r->in[i]);
    for (size_t i = 0; i < out->n; i++) {
        bool same = EQUAL(reals(r, 1)[w.offset[1]], reals(r, 2)[w.offset[2]]);
        reals_out(r, 0)[i] = same ? reals(r, 0)[w.offset[0]] : 0;
        fw_walk_next(&w);
    }
    return FW_OK;
}
