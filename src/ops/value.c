/* Tensors in memory; see value.h. */
#include "ops/value.h"

#include "ops/quick.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <string.h>

_Thread_local uint64_t fw_tally[FW_N_TALLIES];
_Thread_local bool fw_wide;

/* ---- calls ---- */

struct call {
    jmp_buf back;
    enum fw_status why;          // it was left, or FW_OK
    enum fw_dtype wanted, found; // wanted FW_UNKNOWN: any real type
    size_t element, n;
    struct call *outer; // the kernel of a body runs inside that of its node
};
static _Thread_local struct call *innermost;

enum fw_status fw_kernel_call(fw_kernel *kernel, struct fw_run *r)
{
    struct call call = {.outer = innermost};
    innermost = &call;
    bool left = setjmp(call.back) != 0;
    enum fw_status status = left ? FW_OK : kernel(r);
    innermost = call.outer;
    if (!left)
        return status;
    FW_REQUIRE(call.why == FW_SHAPE, r->cx.err, FW_UNSUPPORTED, "%s%s are wanted, found %s",
               call.wanted == FW_UNKNOWN ? "real numbers" : "elements of type ",
               call.wanted == FW_UNKNOWN ? "" : fw_dtypes[call.wanted].name,
               fw_dtypes[call.found].name);
    return fw_fail(r->cx.err, FW_SHAPE, -1, "element %zu of a tensor is wanted, which has %zu",
                   call.element, call.n);
}

_Noreturn static void leave(enum fw_status why)
{
    innermost->why = why;
    longjmp(innermost->back, 1);
}

_Noreturn void fw_kernel_wants_reals(const struct fw_buffer *v)
{
    innermost->found = (enum fw_dtype)v->dtype;
    leave(FW_UNSUPPORTED);
}

void fw_kernel_wants_alike(const struct fw_buffer *y, const struct fw_buffer *v)
{
    if (innermost == NULL || fw_element_bytes((enum fw_dtype)y->dtype, y->real) ==
                                 fw_element_bytes((enum fw_dtype)v->dtype, v->real))
        return;
    innermost->wanted = (enum fw_dtype)y->dtype;
    innermost->found = (enum fw_dtype)v->dtype;
    leave(FW_UNSUPPORTED);
}

bool fw_kernel_lacks(const struct fw_buffer *v, size_t i)
{
    if (innermost == NULL)
        return true;
    innermost->element = i;
    innermost->n = v->n;
    leave(FW_SHAPE);
}

size_t fw_element_bytes(enum fw_dtype dtype, size_t real)
{
    unsigned bits = fw_dtypes[dtype].bits;
    switch (fw_dtypes[dtype].class) {
    case 'f':
        return real;
    case 'c':
        return 2 * real;
    case 'i':
    case 'u':
    case 'b':
        return bits < 8 ? 1 : bits / 8;
    default:
        return 0;
    }
}

/* ---- one element ---- */

/* X(dtype, C type) */
#define INTEGERS(X)     \
    X(FW_I64, int64_t)  \
    X(FW_I32, int32_t)  \
    X(FW_I16, int16_t)  \
    X(FW_I8, int8_t)    \
    X(FW_I4, int8_t)    \
    X(FW_I2, int8_t)    \
    X(FW_U64, int64_t)  \
    X(FW_U32, uint32_t) \
    X(FW_U16, uint16_t) \
    X(FW_U8, uint8_t)   \
    X(FW_U4, uint8_t)   \
    X(FW_U2, uint8_t)   \
    X(FW_BOOL, uint8_t)

static double real_at(const struct fw_buffer *v, size_t i)
{
    if (fw_dtypes[v->dtype].class == 'c')
        i *= 2;
    return v->real == sizeof(float) ? (double)((const float *)v->data)[i]
                                    : ((const double *)v->data)[i];
}

double fw_buffer_get(const struct fw_buffer *v, size_t i)
{
    if (!fw_kernel_has(v, i))
        return 0;
    char class = fw_dtypes[v->dtype].class;
    if (class == 'f' || class == 'c')
        return real_at(v, i);
    int64_t x = fw_buffer_int(v, i);
    return v->dtype == FW_U64 ? (double)(uint64_t)x : (double)x;
}

int64_t fw_buffer_int(const struct fw_buffer *v, size_t i)
{
    if (!fw_kernel_has(v, i))
        return 0;
    switch (v->dtype) {
#define GET(dtype, type) \
    case dtype:          \
        return (int64_t)((const type *)v->data)[i];
        INTEGERS(GET) // NOLINT(bugprone-branch-clone): some types are held alike
#undef GET
    default: {
        double x = real_at(v, i);
        return x >= 9.2e18 ? INT64_MAX : x <= -9.2e18 ? INT64_MIN : x != x ? 0 : (int64_t)x;
    }
    }
}

void fw_buffer_put_int(struct fw_buffer *v, size_t i, int64_t x)
{
    if (!fw_kernel_has(v, i))
        return;
    if (v->dtype == FW_BOOL)
        x = x != 0;
    if (v->dtype == FW_I4 || v->dtype == FW_I2) { // the low bits, with their sign
        unsigned bits = fw_dtypes[v->dtype].bits;
        int64_t low = x & ((1 << bits) - 1);
        x = low >> (bits - 1) ? low - (1 << bits) : low;
    } else if (v->dtype == FW_U4 || v->dtype == FW_U2) {
        x &= (1 << fw_dtypes[v->dtype].bits) - 1;
    }
    switch (v->dtype) {
#define PUT(dtype, type)                \
    case dtype:                         \
        ((type *)v->data)[i] = (type)x; \
        return;
        INTEGERS(PUT) // NOLINT(bugprone-branch-clone): some types are held alike
#undef PUT
    default:
        fw_buffer_put(v, i, (double)x);
    }
}

void fw_buffer_put(struct fw_buffer *v, size_t i, double x)
{
    if (!fw_kernel_has(v, i))
        return;
    char class = fw_dtypes[v->dtype].class;
    if (class == 'b') {
        ((uint8_t *)v->data)[i] = x != 0;
        return;
    }
    if (class == 'i' || class == 'u') {
        bool high = x >= 9223372036854775808.0;
        int64_t y = x != x ? 0
                    : high ? (int64_t)(x < 18446744073709551616.0 ? (uint64_t)x : UINT64_MAX)
                    : x <= -9223372036854775808.0 ? INT64_MIN
                                                  : (int64_t)x;
        fw_buffer_put_int(v, i, y);
        return;
    }
    if (class == 'c')
        i *= 2;
    if (v->real == sizeof(float))
        ((float *)v->data)[i] = (float)x;
    else
        ((double *)v->data)[i] = x;
    if (class == 'c') {
        if (v->real == sizeof(float))
            ((float *)v->data)[i + 1] = 0;
        else
            ((double *)v->data)[i + 1] = 0;
    }
}

/* ---- stored contents ---- */

static uint64_t load_le(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static double float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static double double_of(uint64_t bits)
{
    double f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Small floats: exponent and mantissa bits, the bias where it is not 2^(e-1)-1, what the top code
 * means. */
struct small_float {
    uint8_t exponent, mantissa;
    /* Infinities and NaN; one NaN code; neither; NaN in place of -0, and a bias one larger. */
    enum { IEEE, NO_INFINITY, FINITE, NO_MINUS } top;
};

static bool small_format(enum fw_dtype dtype, struct small_float *ret)
{
    static const struct {
        enum fw_dtype dtype;
        struct small_float format;
    } formats[] = {
        {FW_F16, {5, 10, IEEE}},          {FW_BF16, {8, 7, IEEE}},
        {FW_F8E4M3, {4, 3, NO_INFINITY}}, {FW_F8E5M2, {5, 2, IEEE}},
        {FW_F4E2M1, {2, 1, FINITE}},      {FW_F8E4M3Z, {4, 3, NO_MINUS}},
        {FW_F8E5M2Z, {5, 2, NO_MINUS}},
    };
    for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].dtype == dtype) {
            *ret = formats[i].format;
            return true;
        }
    return false;
}

static double decode_small(const struct small_float *f, uint32_t bits)
{
    uint32_t m = bits & ((1u << f->mantissa) - 1u);
    uint32_t top = (1u << f->exponent) - 1u;
    uint32_t e = (bits >> f->mantissa) & top;
    int bias = (1 << (f->exponent - 1)) - (f->top == NO_MINUS ? 0 : 1);
    double x;
    if (f->top == NO_MINUS && bits == 1u << (f->exponent + f->mantissa))
        return NAN;
    if (e == top && f->top == IEEE)
        x = m == 0 ? INFINITY : NAN;
    else if (e == top && f->top == NO_INFINITY && m == (1u << f->mantissa) - 1u)
        x = NAN;
    else if (e == 0)
        x = ldexp(m, 1 - bias - f->mantissa);
    else
        x = ldexp((double)(m + (1u << f->mantissa)), (int)e - bias - f->mantissa);
    return (bits >> (f->exponent + f->mantissa)) & 1u ? -x : x;
}

static double decode_real(enum fw_dtype dtype, uint64_t bits)
{
    struct small_float f;
    if (dtype == FW_F64)
        return double_of(bits);
    if (dtype == FW_F32)
        return float_of((uint32_t)bits);
    if (dtype == FW_F8E8M0)
        return bits == 255 ? NAN : ldexp(1, (int)bits - 127);
    return small_format(dtype, &f) ? decode_small(&f, (uint32_t)bits) : NAN;
}

bool fw_buffer_decode(struct fw_buffer *v, const struct fw_data *data)
{
    enum fw_dtype dtype = (enum fw_dtype)v->dtype;
    unsigned bits = fw_dtypes[dtype].bits;
    char class = fw_dtypes[dtype].class;
    if (data == NULL || data->bytes == NULL || bits == 0 || class == 's' ||
        data->n_bytes < (v->n * bits + 7) / 8)
        return false;
    for (size_t i = 0; i < v->n; i++) {
        uint64_t raw =
            bits < 8 ? ((unsigned)data->bytes[i * bits / 8] >> (i * bits % 8)) & ((1u << bits) - 1u)
                     : load_le(data->bytes + i * (bits / 8), bits > 64 ? 8 : bits / 8);
        if (class == 'f') {
            fw_buffer_put(v, i, decode_real(dtype, raw));
        } else if (class == 'c') {
            unsigned half = bits / 16;
            const unsigned char *p = data->bytes + i * (bits / 8);
            for (unsigned k = 0; k < 2; k++) {
                uint64_t word = load_le(p + (size_t)k * half, half);
                double x = half == 4 ? float_of((uint32_t)word) : double_of(word);
                if (v->real == sizeof(float))
                    ((float *)v->data)[2 * i + k] = (float)x;
                else
                    ((double *)v->data)[2 * i + k] = x;
            }
        } else {
            if (class == 'i' && bits < 64 && (raw >> (bits - 1)) & 1u)
                raw |= UINT64_MAX << bits; // the sign
            fw_buffer_put_int(v, i, (int64_t)raw);
        }
    }
    return true;
}

/* To nearest, ties to even, infinities where the type has them, else its largest number. */
double fw_round_to(enum fw_dtype dtype, double x)
{
    struct small_float f;
    if (dtype == FW_F32)
        return (double)(float)x;
    if (!small_format(dtype, &f) || x == 0 || isnan(x) || (isinf(x) && f.top == IEEE))
        return x;
    int bias = (1 << (f.exponent - 1)) - (f.top == NO_MINUS ? 0 : 1);
    int top = (1 << f.exponent) - 1 - (f.top == IEEE);
    double full = (double)(2u << f.mantissa) - 1 - (f.top == NO_INFINITY);
    double largest = ldexp(full, top - bias - f.mantissa);
    int e;
    (void)frexp(x, &e);
    int quantum = (e - 1 < 1 - bias ? 1 - bias : e - 1) - f.mantissa;
    double y = isinf(x) ? x : ldexp(rint(ldexp(x, -quantum)), quantum);
    if (fabs(y) > largest)
        y = f.top == IEEE ? copysign(INFINITY, x) : copysign(largest, x);
    return y == 0 && f.top == NO_MINUS ? 0 : y;
}

/* ---- functions of kernels in long double ---- */

#define DEFINE(name)                           \
    float fw_wide_##name(float x)              \
    {                                          \
        return (float)name##l((long double)x); \
    }
DEFINE(exp)
DEFINE(log)
DEFINE(tanh)
DEFINE(erf)
#undef DEFINE

/* ---- random numbers ---- */

double fw_random_normal(uint64_t *state)
{
    double u = 1 - fw_random_unit(state); // (0, 1]
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * fw_random_unit(state));
}

/* ---- asking a node ---- */

const struct fw_attr *fw_run_attr(const struct fw_run *r, const char *name)
{
    const struct fw_op *op = r->cx.node->op;
    for (unsigned i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, name) == 0)
            return fw_attr_at(&r->cx, i);
    return NULL;
}

int64_t fw_run_attr_int(const struct fw_run *r, const char *name, int64_t otherwise)
{
    const struct fw_attr *a = fw_run_attr(r, name);
    return a != NULL ? a->i : otherwise;
}

double fw_run_attr_float(const struct fw_run *r, const char *name, double otherwise)
{
    const struct fw_attr *a = fw_run_attr(r, name);
    return a != NULL ? a->f : otherwise;
}

enum fw_status fw_run_axis(const struct fw_run *r, int64_t axis, unsigned rank, unsigned *ret)
{
    FW_REQUIRE(axis >= -(int64_t)rank && axis < (int64_t)rank, r->cx.err, FW_SHAPE,
               "an axis of %u dimensions is wanted, found %" PRId64, rank, axis);
    *ret = (unsigned)(axis < 0 ? axis + rank : axis);
    return FW_OK;
}

void fw_run_share(const struct fw_run *r, size_t n, size_t *from, size_t *to)
{
    size_t each = n / r->parts;
    size_t more = n % r->parts; // the first parts do one piece more
    *from = r->part * each + (r->part < more ? r->part : more);
    *to = *from + each + (r->part < more);
}

/* Strides of v, in elements, seen from a shape it is broadcast to (0 along what is repeated). */
static void strides_of(const struct fw_buffer *v, unsigned rank, size_t *ret)
{
    size_t n = 1;
    for (unsigned k = 1; k <= rank; k++) {
        bool own = k <= v->rank;
        int64_t d = own ? v->dims[v->rank - k] : 1;
        ret[rank - k] = d == 1 ? 0 : n;
        n *= (size_t)d;
    }
}

void fw_walk_init(struct fw_walk *w, unsigned rank, const int64_t *dims)
{
    memset(w, 0, sizeof *w);
    w->rank = rank;
    for (unsigned k = 0; k < rank; k++)
        w->dims[k] = dims[k];
}

unsigned fw_walk_add(struct fw_walk *w, const ptrdiff_t *stride, ptrdiff_t start)
{
    for (unsigned k = 0; k < w->rank; k++)
        w->stride[w->n][k] = stride[k];
    w->offset[w->n] = start;
    return w->n++;
}

unsigned fw_walk_add_broadcast(struct fw_walk *w, const struct fw_buffer *v)
{
    size_t s[FW_MAX_RANK] = {0};
    ptrdiff_t stride[FW_MAX_RANK];
    strides_of(v, w->rank, s);
    for (unsigned k = 0; k < w->rank; k++)
        stride[k] = (ptrdiff_t)s[k];
    return fw_walk_add(w, stride, 0);
}

void fw_walk_next(struct fw_walk *w)
{
    for (unsigned k = w->rank; k-- > 0;) {
        bool carry = ++w->at[k] == w->dims[k];
        for (unsigned i = 0; i < w->n; i++)
            w->offset[i] += carry ? -w->stride[i][k] * (w->dims[k] - 1) : w->stride[i][k];
        if (!carry)
            return;
        w->at[k] = 0;
    }
}
