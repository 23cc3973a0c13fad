/* Kernels of qlinear.c: operands become real numbers without their zero points, the float row of
 * the same name computes, and the result goes to its scale. Whole numbers go through reals, which
 * hold them up to 2^24 (plain) or 2^53 exactly. */
#include "ops/matmul.h"
#include "ops/ops.h"
#include "ops/product.h"
#include "ops/qlinear.h"
#include "ops/quantize_kernel.h"

static const struct fw_buffer *port(const struct fw_run *r, int i)
{
    return i >= 0 ? fw_run_in(r, (unsigned)i) : NULL;
}

/* Adds scales or zero points v of a tensor of the walk's shape: one for all, one for each place
 * along an axis, or broadcast. */
static unsigned walk_along(struct fw_walk *w, const struct fw_buffer *v, unsigned axis)
{
    ptrdiff_t stride[FW_MAX_RANK] = {0};
    if (v != NULL && v->n > 1 && v->rank > 1)
        return fw_walk_add_broadcast(w, v);
    if (v != NULL && v->n > 1 && axis < w->rank)
        stride[axis] = 1;
    return fw_walk_add(w, stride, 0);
}

static double number_at(const struct fw_buffer *v, const struct fw_walk *w, unsigned i,
                        double otherwise)
{
    return v != NULL ? fw_buffer_get(v, (size_t)w->offset[i]) : otherwise;
}

/* Input i as reals, its zero points taken off where it has any. */
static struct fw_buffer centred(const struct fw_run *r, unsigned i, int zero, unsigned axis)
{
    const struct fw_buffer *x = r->in[i];
    const struct fw_buffer *z = port(r, zero);
    struct fw_buffer y = reals_like(r, x);
    struct fw_walk w;
    fw_walk_init(&w, x->rank, x->dims);
    unsigned at = walk_along(&w, z, axis);
    for (size_t k = 0; y.data != NULL && k < x->n; k++, fw_walk_next(&w)) {
        REAL v = (REAL)fw_buffer_get(x, k);
        reals_of(&y)[k] = z != NULL ? SUB(v, (REAL)number_at(z, &w, at, 0)) : v;
    }
    return y;
}

/* x*factor to the output's type: rounded, moved by its zero point and held in its range. */
static REAL requantised(enum fw_dtype t, REAL x, REAL factor, REAL zero)
{
    REAL low, high;
    range_of(t, &low, &high);
    return MAX(low, MIN(high, ADD(whole(MUL(x, factor)), zero)));
}

/* Sums to the output: at the scales of two operands, each along an axis of Y, and of Y itself. */
struct finish {
    const struct fw_buffer *scale[2], *y_scale, *y_zero;
    unsigned axis[2];
    double factor;
};

static void finish(const struct fw_run *r, const struct finish *f, const REAL *sums)
{
    struct fw_buffer *y = r->out[0];
    struct fw_walk w;
    fw_walk_init(&w, y->rank, y->dims);
    unsigned at[4] = {
        walk_along(&w, f->scale[0], f->axis[0]), walk_along(&w, f->scale[1], f->axis[1]),
        walk_along(&w, f->y_scale, f->axis[0]), walk_along(&w, f->y_zero, f->axis[0])};
    for (size_t i = 0; i < y->n; i++, fw_walk_next(&w)) {
        double factor =
            f->factor * number_at(f->scale[0], &w, at[0], 1) * number_at(f->scale[1], &w, at[1], 1);
        if (f->y_zero == NULL && is_real(y)) { // stays as it is
            fw_buffer_put(y, i, (double)MUL(sums[i], (REAL)factor));
            continue;
        }
        factor /= number_at(f->y_scale, &w, at[2], 1);
        REAL zero = (REAL)number_at(f->y_zero, &w, at[3], 0);
        fw_buffer_put(y, i,
                      (double)requantised((enum fw_dtype)y->dtype, sums[i], (REAL)factor, zero));
    }
}

static void put_all(struct fw_buffer *y, const REAL *x)
{
    for (size_t i = 0; i < y->n; i++)
        fw_buffer_put(y, i, (double)x[i]);
}

/* ---- convolutions ---- */

FW_KERNELS(conv, pool);

KERNEL(q_conv) // scales of x, w, y at inputs 1, 4, 6, zero point of y at 7, unless integer
{
    const struct fw_q_conv *q = r->cx.node->op->family;
    const struct fw_buffer *bias = port(r, q->conv.bias);
    struct fw_buffer x = centred(r, q->conv.x, q->x_zero, 0);
    struct fw_buffer w = centred(r, q->conv.w, q->w_zero, 0);
    struct fw_buffer b = bias != NULL ? centred(r, (unsigned)q->conv.bias, -1, 0) : x;
    struct fw_buffer sums = reals_like(r, r->out[0]);
    struct fw_buffer *in[4] = {&x, &w, bias != NULL ? &b : NULL, NULL};
    struct fw_buffer *out[1] = {&sums};
    if (x.data == NULL || w.data == NULL || b.data == NULL || sums.data == NULL)
        return fw_fail_memory(r->cx.err);
    struct fw_run sub = *r;
    sub.in = in;
    sub.out = out;
    FW_TRY(KERNEL_NAME(conv)(&sub));
    unsigned channel = fw_channel_axis(fw_channels_last(&r->cx, q->conv.last), sums.rank);
    const struct finish f = {{port(r, 4), port(r, 1)}, port(r, 6), port(r, 7), {channel, 0}, 1};
    if (q->integer)
        put_all(r->out[0], sums.data);
    else
        finish(r, &f, sums.data);
    return FW_OK;
}

/* ---- products ---- */

/* A is float: quantised by its own range, to whole numbers without their zero point. */
static struct fw_buffer by_range(const struct fw_run *r, unsigned i, double *ret_scale)
{
    struct fw_buffer a = reals_like(r, r->in[i]);
    REAL scale, zero;
    if (a.data == NULL)
        return a;
    quantize_by_range(reals(r, i), a.n, a.data, &scale, &zero);
    for (size_t k = 0; k < a.n; k++)
        reals_of(&a)[k] = SUB(reals_of(&a)[k], zero);
    *ret_scale = (double)scale;
    return a;
}

/* y += c, which is broadcast. */
static void add_to(const struct fw_run *r, const struct fw_buffer *y, const struct fw_buffer *c)
{
    struct fw_walk w;
    (void)r;
    fw_walk_init(&w, y->rank, y->dims);
    if (c->n == 1)
        (void)walk_along(&w, NULL, 0);
    else
        (void)fw_walk_add_broadcast(&w, c);
    for (size_t i = 0; i < y->n; i++, fw_walk_next(&w)) {
        REAL *to = reals_of(y) + i;
        *to = ADD(*to, (REAL)fw_buffer_get(c, (size_t)w.offset[0]));
    }
}

KERNEL(q_product)
{
    const struct fw_q_product *q = r->cx.node->op->family;
    struct fw_attr attr[FW_N_MATMUL_ATTRS] = {0};
    double scale = 1;
    struct fw_buffer *y = r->out[0];
    bool trans_a = q->flags && fw_attr_at(&r->cx, FW_MATMUL_TRANS_A)->i != 0;
    bool trans_b = q->flags && fw_attr_at(&r->cx, FW_MATMUL_TRANS_B)->i != 0;
    unsigned row = r->in[q->a]->rank - (trans_a ? 1u : 2u);
    unsigned column = r->in[q->b]->rank - (trans_b ? 2u : 1u);
    struct fw_buffer a = q->dynamic ? by_range(r, q->a, &scale) : centred(r, q->a, q->a_zero, row);
    struct fw_buffer b = centred(r, q->b, q->b_zero, column);
    struct fw_buffer sums = reals_like(r, y);
    const struct fw_buffer *c = port(r, q->bias);
    struct fw_buffer *in[2] = {&a, &b};
    if (a.data == NULL || b.data == NULL || sums.data == NULL)
        return fw_fail_memory(r->cx.err);
    for (unsigned k = 0; q->flags && k < FW_N_MATMUL_ATTRS; k++)
        attr[k] = *fw_attr_at(&r->cx, k);
    double alpha = q->flags ? attr[FW_MATMUL_ALPHA].f : 1;
    attr[FW_MATMUL_ALPHA].f = 1;
    FW_TRY(run_as(r, fw_op_matmul, attr, in, 2, &sums));
    if (c != NULL && !q->bias_last)
        add_to(r, &sums, c);
    const struct finish f = {{port(r, q->scales[0]), port(r, q->scales[1])},
                             port(r, q->scales[2]),
                             port(r, q->zero),
                             {y->rank - 2u, y->rank - 1u},
                             alpha * scale};
    if (q->scale < 0)
        put_all(y, sums.data);
    else
        finish(r, &f, sums.data);
    if (c != NULL && q->bias_last)
        add_to(r, y, c);
    return FW_OK;
}

/* ---- MatMulNBits: (a, packed (N, blocks, bytes), scales, zero points?, group index?, bias?) ----
 */

static unsigned bits_at(const uint8_t *p, size_t bit, unsigned width)
{
    unsigned v = p[bit / 8] >> bit % 8;
    if (bit % 8 + width > 8)
        v |= (unsigned)p[bit / 8 + 1] << (8 - bit % 8);
    return v & ((1u << width) - 1);
}

/* The weights (N, K), 1 add and 1 mul each. */
static enum fw_status unpack(const struct fw_run *r, struct matrix *ret)
{
    size_t k = (size_t)fw_attr_at(&r->cx, FW_BITS_K)->i;
    size_t n = (size_t)fw_attr_at(&r->cx, FW_BITS_N)->i;
    unsigned width = (unsigned)fw_attr_at(&r->cx, FW_BITS_WIDTH)->i;
    size_t block = (size_t)fw_attr_at(&r->cx, FW_BITS_BLOCK)->i;
    FW_REQUIRE(k <= INT32_MAX && n <= INT32_MAX && block <= INT32_MAX, r->cx.err, FW_LIMIT,
               "sizes of at most %d are wanted", INT32_MAX);
    FW_REQUIRE(width >= 1 && width <= 8 && block >= 1 && block * width % 8 == 0, r->cx.err,
               FW_UNSUPPORTED, "weights of 1 to 8 bits in blocks of whole bytes are wanted");
    size_t blocks = (k + block - 1) / block;
    size_t bytes = block * width / 8;
    size_t zero_bytes = (blocks * width + 7) / 8;
    const struct fw_buffer *zero = fw_run_in(r, 3), *group = fw_run_in(r, 4);
    bool packed = zero != NULL && !is_real(zero);
    FW_REQUIRE(r->in[1]->n >= n * blocks * bytes && r->in[2]->n >= n * blocks &&
                   (zero == NULL || zero->n >= n * (packed ? zero_bytes : blocks)) &&
                   (group == NULL || group->n >= k),
               r->cx.err, FW_SHAPE, "%zu columns of %zu blocks are wanted", n, blocks);
    REAL *w = scratch_reals(r, n * k);
    if (w == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n * k; i++) {
        const uint8_t *p = (const uint8_t *)r->in[1]->data + i / k * blocks * bytes;
        size_t b = i % k / block;
        if (group != NULL)
            b = (size_t)fw_buffer_int(group, i % k) % blocks;
        REAL z = (REAL)(1u << (width - 1));
        if (packed)
            z = (REAL)bits_at((const uint8_t *)zero->data + i / k * zero_bytes, b * width, width);
        else if (zero != NULL)
            z = (REAL)fw_buffer_get(zero, i / k * blocks + b);
        REAL v = (REAL)bits_at(p + i % k / block * bytes, i % k % block * width, width);
        w[i] = MUL(SUB(v, z), (REAL)fw_buffer_get(r->in[2], i / k * blocks + b));
    }
    *ret = matrix_of(w, k, 1);
    return FW_OK;
}

KERNEL(matmul_bits)
{
    struct matrix w;
    FW_TRY(unpack(r, &w));
    size_t k = (size_t)w.row;
    size_t n = (size_t)fw_attr_at(&r->cx, FW_BITS_N)->i;
    zero_out(r, 0);
    FW_TRY(product(r, r->out[0]->n / n, n, k, matrix_of(reals_out(r, 0), n, 1),
                   matrix_of(reals(r, 0), k, 1), turned(w)));
    if (fw_run_has(r, 5))
        add_to(r, r->out[0], r->in[5]);
    return FW_OK;
}

KERNEL(matmul_bits_grad) // (dy, packed, scales, zero points?, group index?, a)
{
    struct matrix w;
    FW_TRY(unpack(r, &w));
    size_t k = (size_t)w.row;
    size_t n = (size_t)fw_attr_at(&r->cx, FW_BITS_N)->i;
    zero_out(r, 0);
    return product(r, r->in[0]->n / n, k, n, matrix_of(reals_out(r, 0), k, 1),
                   matrix_of(reals(r, 0), n, 1), w);
}

/* ---- elementwise rows ---- */

static struct fw_buffer dequantised(const struct fw_run *r, unsigned x, unsigned scale)
{
    const struct fw_buffer *z = fw_run_in(r, scale + 1);
    struct fw_buffer y = reals_like(r, r->in[x]);
    REAL zero = z != NULL ? (REAL)fw_buffer_get(z, 0) : 0;
    for (size_t i = 0; y.data != NULL && i < y.n; i++)
        reals_of(&y)[i] =
            MUL(SUB((REAL)fw_buffer_get(r->in[x], i), zero), (REAL)fw_buffer_get(r->in[scale], 0));
    return y;
}

static void quantised(const struct fw_run *r, const REAL *x, size_t n, unsigned scale, size_t at)
{
    const struct fw_buffer *z = fw_run_in(r, scale + 1);
    struct fw_buffer *y = r->out[0];
    REAL low, high;
    range_of((enum fw_dtype)y->dtype, &low, &high);
    for (size_t i = 0; i < n; i++) {
        REAL v = whole(DIV(x[i], (REAL)fw_buffer_get(r->in[scale], 0)));
        v = MAX(low, MIN(high, ADD(v, z != NULL ? (REAL)fw_buffer_get(z, 0) : 0)));
        fw_buffer_put(y, at + i, (double)v);
    }
}

KERNEL(q_map) // (x, scale, zero?) once or twice, then scale and zero point of y
{
    const struct fw_q_map *q = r->cx.node->op->family;
    struct fw_buffer x[2] = {{0}, {0}};
    struct fw_buffer *in[2] = {&x[0], &x[1]};
    struct fw_buffer y = reals_like(r, r->out[0]);
    for (unsigned i = 0; i < q->n_x; i++) {
        x[i] = dequantised(r, 3 * i, 3 * i + 1);
        if (x[i].data == NULL)
            return fw_fail_memory(r->cx.err);
    }
    if (y.data == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(run_as(r, fw_op_find("", q->row), r->cx.node->attr, in, q->n_x, &y));
    quantised(r, y.data, y.n, 3u * q->n_x, 0);
    return FW_OK;
}

KERNEL(q_softmax) // (x, scale, zero?, scale, zero?); before opset 13 rows go on to the end
{
    struct fw_buffer x = dequantised(r, 0, 1);
    struct fw_buffer y = reals_like(r, r->out[0]);
    struct fw_buffer *in[1] = {&x};
    struct fw_attr attr[1] = {*fw_attr_at(&r->cx, 0)};
    unsigned axis = 0;
    if (x.data == NULL || y.data == NULL)
        return fw_fail_memory(r->cx.err);
    if (x.rank > 0 && fw_run_attr_int(r, "opset", 13) < 13) {
        FW_TRY(fw_run_axis(r, attr[0].i, x.rank, &axis));
        x.dims[1] = (int64_t)fw_buffer_span(&x, axis, x.rank);
        x.dims[0] = (int64_t)fw_buffer_span(r->in[0], 0, axis);
        x.rank = 2;
        attr[0].i = 1;
    }
    FW_TRY(run_as(r, fw_op_find("", "Softmax"), attr, in, 1, &y));
    quantised(r, y.data, y.n, 3, 0);
    return FW_OK;
}

KERNEL(q_concat) // (scale, zero, then x, scale, zero of every part)
{
    struct fw_buffer *y = r->out[0];
    unsigned axis;
    size_t before = 0;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), y->rank, &axis));
    size_t line = fw_buffer_span(y, axis, y->rank);
    for (unsigned p = 2; p + 1 < r->cx.node->n_in; p += 3) {
        struct fw_buffer x = dequantised(r, p, p + 1);
        size_t n = fw_buffer_span(&x, axis, x.rank);
        if (x.data == NULL)
            return fw_fail_memory(r->cx.err);
        for (size_t i = 0; n > 0 && i < x.n / n; i++)
            quantised(r, reals_of(&x) + i * n, n, 0, i * line + before);
        before += n;
    }
    return FW_OK;
}

KERNEL(q_pool) // (x, scale, zero?, scale, zero?)
{
    struct fw_buffer x = centred(r, 0, -1, 0);
    struct fw_buffer y = reals_like(r, r->out[0]);
    struct fw_buffer *in[1] = {&x}, *out[1] = {&y};
    struct fw_run sub = *r;
    if (x.data == NULL || y.data == NULL)
        return fw_fail_memory(r->cx.err);
    sub.in = in;
    sub.out = out;
    FW_TRY(KERNEL_NAME(pool)(&sub));
    REAL factor = (REAL)(fw_buffer_get(r->in[1], 0) / fw_buffer_get(r->in[3], 0));
    REAL zero[2] = {0, 0};
    for (unsigned k = 0; k < 2; k++)
        if (fw_run_has(r, 2 + 2 * k))
            zero[k] = (REAL)fw_buffer_get(r->in[2 + 2 * k], 0);
    for (size_t i = 0; i < y.n; i++) {
        REAL v = SUB(reals_of(&y)[i], zero[0]);
        v = requantised((enum fw_dtype)r->out[0]->dtype, v, factor, zero[1]);
        fw_buffer_put(r->out[0], i, (double)v);
    }
    return FW_OK;
}

/* ---- fake quantisation: (x, scale, zero point, bits, ...), all broadcast to x ---- */

static REAL rounded(const struct fw_run *r, REAL x)
{
    const char *mode = fw_run_attr(r, "rounding_mode")->s;
    if (mode != NULL && strcmp(mode, "CEIL") == 0)
        return CEIL(x);
    if (mode != NULL && strcmp(mode, "FLOOR") == 0)
        return FLOOR(x);
    if (mode != NULL && strcmp(mode, "ROUND_TO_ZERO") == 0) {
        TALLY(FW_MINMAX);
        return LIBM(trunc)(x);
    }
    return whole(x);
}

/* The numbers of inputs 1.. at each element of x. */
static void walk_ports(const struct fw_run *r, struct fw_walk *w)
{
    fw_walk_init(w, r->in[0]->rank, r->in[0]->dims);
    for (unsigned i = 1; i < r->cx.node->n_in && i < 5; i++)
        (void)walk_along(w, r->in[i], r->in[0]->rank - 1u);
}

/* 2 to the power of a number that a file stores: beyond what a double holds it is all the same. */
static double power_of_two(double bits)
{
    enum { BEYOND = 4096 };
    bits = bits < BEYOND ? bits : BEYOND;
    return ldexp(1, (int)(bits > -BEYOND ? bits : -BEYOND));
}

KERNEL(fake_quantize)
{
    struct fw_walk w;
    bool sign = fw_run_attr_int(r, "signed", 1) != 0;
    bool narrow = fw_run_attr_int(r, "narrow", 0) != 0;
    walk_ports(r, &w);
    for (size_t i = 0; i < r->in[0]->n; i++, fw_walk_next(&w)) {
        REAL scale = (REAL)number_at(r->in[1], &w, 0, 1);
        REAL zero = (REAL)number_at(r->in[2], &w, 1, 0);
        double values = power_of_two(number_at(r->in[3], &w, 2, 8));
        REAL low = (REAL)(sign ? -values / 2 + narrow : 0);
        REAL high = (REAL)(sign ? values / 2 - 1 : values - 1 - narrow);
        REAL q = rounded(r, MIN(high, MAX(low, ADD(DIV(reals(r, 0)[i], scale), zero))));
        reals_out(r, 0)[i] = MUL(SUB(q, zero), scale);
    }
    return FW_OK;
}

KERNEL(fake_sign) // BipolarQuant
{
    struct fw_walk w;
    walk_ports(r, &w);
    for (size_t i = 0; i < r->in[0]->n; i++, fw_walk_next(&w)) {
        bool less = LESS(reals(r, 0)[i], 0);
        reals_out(r, 0)[i] = MUL(less ? -1 : 1, (REAL)number_at(r->in[1], &w, 0, 1));
    }
    return FW_OK;
}

KERNEL(fake_trunc) // (x, scale, zero point, bits in, bits out)
{
    struct fw_walk w;
    walk_ports(r, &w);
    for (size_t i = 0; i < r->in[0]->n; i++, fw_walk_next(&w)) {
        REAL scale = (REAL)number_at(r->in[1], &w, 0, 1);
        REAL zero = (REAL)number_at(r->in[2], &w, 1, 0);
        double bits = number_at(r->in[3], &w, 2, 8) - number_at(r->in[4], &w, 3, 8);
        REAL q = whole(ADD(DIV(reals(r, 0)[i], scale), zero));
        q = rounded(r, DIV(q, (REAL)power_of_two(bits)));
        reals_out(r, 0)[i] = MUL(SUB(q, zero), scale);
    }
    return FW_OK;
}
