/* Kernels of quantize.c. */
#include "ops/quantize_kernel.h"

/* A float to a type with fewer bits: nearest; saturate says what is beyond its range. */
static double narrowed(enum fw_dtype to, double x, bool saturate)
{
    double y = fw_round_to(to, x);
    static const struct {
        enum fw_dtype dtype;
        double most, beyond; // what rounds to no number any more
        bool infinite;
    } small[] = {{FW_F8E4M3, 448, 464, false},
                 {FW_F8E5M2, 57344, 61440, true},
                 {FW_F8E4M3Z, 240, 248, false},
                 {FW_F8E5M2Z, 57344, 61440, false}};
    for (unsigned k = 0; k < sizeof small / sizeof *small && !isnan(x); k++) {
        if (small[k].dtype != to)
            continue;
        if (saturate)
            return fabs(y) > small[k].most ? copysign(small[k].most, x) : y;
        if (fabs(x) >= small[k].beyond)
            return small[k].infinite ? copysign(INFINITY, x) : NAN;
    }
    return y;
}

static enum fw_status cast(struct fw_run *r)
{
    const struct fw_buffer *x = r->in[0];
    struct fw_buffer *y = r->out[0];
    bool saturate = fw_run_attr_int(r, "saturate", 1) != 0;
    char from = fw_dtypes[x->dtype].class;
    char to = fw_dtypes[y->dtype].class;
    for (size_t i = 0; i < x->n; i++) {
        if (to == 'f')
            fw_buffer_put(y, i, narrowed((enum fw_dtype)y->dtype, fw_buffer_get(x, i), saturate));
        else if (from == 'f' || from == 'c' || to == 'c')
            fw_buffer_put(y, i, fw_buffer_get(x, i));
        else
            fw_buffer_put_int(y, i, fw_buffer_int(x, i));
    }
    return FW_OK;
}

KERNEL(cast)
{
    return cast(r);
}

/* The bits of element i: of floats only float32 is held in its own width everywhere. */
static uint64_t bits_of(const struct fw_buffer *v, size_t i)
{
    float f = (float)fw_buffer_get(v, i);
    uint32_t bits;
    if (!is_real(v))
        return (uint64_t)fw_buffer_int(v, i);
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

KERNEL(bit_cast)
{
    const struct fw_buffer *ends[2] = {r->in[0], r->out[0]};
    FW_REQUIRE(r->in[0]->n == r->out[0]->n, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel between elements of different widths");
    for (unsigned k = 0; k < 2; k++)
        FW_REQUIRE(!is_real(ends[k]) || ends[k]->dtype == FW_F32, r->cx.err, FW_UNSUPPORTED,
                   "there is no kernel for the bits of %s", fw_dtypes[ends[k]->dtype].name);
    for (size_t i = 0; i < r->in[0]->n; i++) {
        uint64_t raw = bits_of(r->in[0], i);
        uint32_t low = (uint32_t)raw;
        float f;
        memcpy(&f, &low, sizeof f);
        if (is_real(r->out[0]))
            fw_buffer_put(r->out[0], i, (double)f);
        else
            fw_buffer_put_int(r->out[0], i, (int64_t)raw);
    }
    return FW_OK;
}

/* ---- scales along an axis, or for blocks of it ---- */

struct scales {
    const struct fw_buffer *scale, *zero; // zero: NULL
    size_t n, inner;                      // of the axis
    size_t block;                         // 0: none
};

static enum fw_status scales_of(const struct fw_run *r, struct scales *s)
{
    const struct fw_buffer *x = r->in[0];
    unsigned axis = 0;
    *s = (struct scales){.scale = r->in[1], .zero = fw_run_in(r, 2), .n = 1, .inner = 1};
    if (r->in[1]->n == 1 || x->rank == 0)
        return FW_OK;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 1), x->rank, &axis));
    s->n = (size_t)x->dims[axis];
    s->inner = fw_buffer_span(x, axis + 1, x->rank);
    s->block = (size_t)fw_run_attr_int(r, "block_size", 0);
    return FW_OK;
}

static size_t scale_at(const struct scales *s, size_t i)
{
    if (s->scale->n == 1)
        return 0;
    size_t k = i / s->inner % s->n;
    if (s->block == 0)
        return k;
    size_t blocks = (s->n + s->block - 1) / s->block;
    return (i / s->inner / s->n * blocks + k / s->block) * s->inner + i % s->inner;
}

/* Saturated round(x/scale) + zero point; float types round by themselves. */
static void quantize_one(const struct fw_run *r, const struct scales *s, struct fw_buffer *y,
                         size_t i)
{
    REAL low, high;
    size_t at = scale_at(s, i);
    bool real = is_real(y);
    range_of((enum fw_dtype)y->dtype, &low, &high);
    REAL q = DIV((REAL)fw_buffer_get(r->in[0], i), (REAL)fw_buffer_get(s->scale, at));
    if (real)
        TALLY(FW_MINMAX);
    else
        q = whole(q);
    if (s->zero != NULL)
        q = ADD(q, (REAL)fw_buffer_get(s->zero, s->zero->n == 1 ? 0 : at));
    q = MAX(low, MIN(high, q));
    fw_buffer_put(y, i, real ? fw_round_to((enum fw_dtype)y->dtype, (double)q) : (double)q);
}

KERNEL(quantize)
{
    struct scales s;
    FW_TRY(scales_of(r, &s));
    for (size_t i = 0; i < r->in[0]->n; i++)
        quantize_one(r, &s, r->out[0], i);
    return FW_OK;
}

KERNEL(dequantize)
{
    struct scales s;
    FW_TRY(scales_of(r, &s));
    for (size_t i = 0; i < r->in[0]->n; i++) {
        size_t at = scale_at(&s, i);
        REAL x = (REAL)fw_buffer_get(r->in[0], i);
        if (s.zero != NULL)
            x = SUB(x, (REAL)fw_buffer_get(s.zero, s.zero->n == 1 ? 0 : at));
        fw_buffer_put(r->out[0], i, (double)MUL(x, (REAL)fw_buffer_get(s.scale, at)));
    }
    return FW_OK;
}

void quantize_by_range(const REAL *x, size_t n, REAL *q, REAL *ret_scale, REAL *ret_zero)
{
    REAL low = 0;
    REAL high = 0;
    for (size_t i = 0; i < n; i++) { // with zero in the range: n - 1 + 1 of each
        low = MIN(low, x[i]);
        high = MAX(high, x[i]);
    }
    REAL scale = (REAL)(float)DIV(SUB(high, low), (REAL)255); // as the standard stores it
    REAL zero = ROUND(DIV(low, scale > 0 ? scale : 1));
    zero = MAX(0, MIN((REAL)255, NEG(zero)));
    for (size_t i = 0; i < n; i++)
        q[i] = MAX(0, MIN((REAL)255, ADD(whole(DIV(x[i], scale > 0 ? scale : 1)), zero)));
    *ret_scale = scale;
    *ret_zero = zero;
}

KERNEL(dynamic_quantize) // -> y, scale, zero point
{
    struct fw_buffer q = reals_like(r, r->in[0]);
    REAL zero;
    if (q.data == NULL)
        return fw_fail_memory(r->cx.err);
    quantize_by_range(reals(r, 0), q.n, q.data, reals_out(r, 1), &zero);
    fw_buffer_put(r->out[2], 0, (double)zero);
    for (size_t i = 0; i < q.n; i++)
        fw_buffer_put(r->out[0], i, fw_buffer_get(&q, i));
    return FW_OK;
}
