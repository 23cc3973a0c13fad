/* Kernels of signal.c.
 *
 * The transform splits n = p*m by its least prime factor p: p transforms of length m, then for each
 * of m positions a transform of length p with turned inputs. A factor 2 takes one complex product
 * and two sums a pair; an odd factor p multiplies for p - 1 of its p terms and sums as often. */
#include "ops/kernel.h"

#define TURN 6.283185307179586

struct complex_number {
    REAL re, im;
};

static struct complex_number complex_mul(struct complex_number a, struct complex_number b)
{
    return (struct complex_number){SUB(MUL(a.re, b.re), MUL(a.im, b.im)),
                                   ADD(MUL(a.re, b.im), MUL(a.im, b.re))};
}
static struct complex_number complex_add(struct complex_number a, struct complex_number b)
{
    return (struct complex_number){ADD(a.re, b.re), ADD(a.im, b.im)};
}
static struct complex_number complex_sub(struct complex_number a, struct complex_number b)
{
    return (struct complex_number){SUB(a.re, b.re), SUB(a.im, b.im)};
}

/* e^(sign*2*pi*i*k/n): tabulated, so not counted. */
static struct complex_number root(size_t k, size_t n, int sign)
{
    double angle = sign * TURN * (double)(k % n) / (double)n;
    return (struct complex_number){(REAL)cos(angle), (REAL)sin(angle)};
}

static size_t least_factor(size_t n)
{
    if (n % 2 == 0)
        return 2;
    for (size_t p = 3; p <= 65535 && p * p <= n; p += 2)
        if (n % p == 0)
            return p;
    return n;
}

/* y[k] = sum over j of x[j*step]*e^(sign*2*pi*i*j*k/n); t: room for n numbers. */
static void transform(const struct complex_number *x, size_t step, size_t n, int sign,
                      struct complex_number *y, struct complex_number *t)
{
    if (n <= 1) {
        if (n == 1)
            *y = *x;
        return;
    }
    size_t p = least_factor(n);
    size_t m = n / p;
    for (size_t q = 0; q < p; q++)
        transform(x + q * step, step * p, m, sign, t + q * m, y);
    for (size_t k = 0; k < m; k++) {
        if (p == 2) {
            struct complex_number odd = complex_mul(t[m + k], root(k, n, sign));
            y[k] = complex_add(t[k], odd);
            y[m + k] = complex_sub(t[k], odd);
            continue;
        }
        for (size_t j = 0; j < p; j++) {
            struct complex_number sum = t[k];
            for (size_t q = 1; q < p; q++)
                sum = complex_add(sum, complex_mul(t[q * m + k], root(q * (k + j * m), n, sign)));
            y[k + j * m] = sum;
        }
    }
}

struct line {
    struct complex_number *x, *y, *t;
};

static enum fw_status open_line(const struct fw_run *r, size_t n, struct line *l)
{
    l->x = fw_arena_array(r->scratch, n + 1, sizeof *l->x);
    l->y = fw_arena_array(r->scratch, n + 1, sizeof *l->y);
    l->t = fw_arena_array(r->scratch, n + 1, sizeof *l->t);
    return l->x != NULL && l->y != NULL && l->t != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

/* ---- DFT: (x (..., 1 or 2), length?, axis?) ---- */

static enum fw_status dft_axis(const struct fw_run *r, const struct fw_buffer *x, unsigned *ret)
{
    int64_t axis = fw_run_has(r, 2) ? fw_buffer_int(r->in[2], 0) : -2;
    return fw_run_axis(r, axis, x->rank, ret);
}

KERNEL(dft)
{
    const struct fw_buffer *x = r->in[0];
    bool inverse = fw_run_attr_int(r, "inverse", 0) != 0;
    bool half = fw_run_attr_int(r, "onesided", 0) != 0;
    struct line l;
    unsigned axis;
    FW_TRY(dft_axis(r, x, &axis));
    size_t width = (size_t)x->dims[x->rank - 1];
    size_t have = (size_t)x->dims[axis];
    size_t n = fw_run_has(r, 1) ? (size_t)fw_buffer_int(r->in[1], 0) : have;
    FW_REQUIRE(!(half && inverse), r->cx.err, FW_UNSUPPORTED, "an inverse of half a spectrum");
    int64_t dims[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        dims[k] = x->dims[k];
    size_t out = half ? n / 2 + 1 : n;
    dims[axis] = (int64_t)out;
    dims[x->rank - 1] = 2;
    FW_TRY(r->shape(r, 0, x->rank, dims));
    FW_TRY(open_line(r, n, &l));
    size_t inner = fw_buffer_span(x, axis + 1, x->rank - 1u);
    for (size_t i = 0; i < fw_buffer_span(x, 0, axis) * inner; i++) {
        for (size_t k = 0; k < n; k++) {
            size_t at = ((i / inner * have + k) * inner + i % inner) * width;
            l.x[k].re = k < have ? reals(r, 0)[at] : 0;
            l.x[k].im = k < have && width > 1 ? reals(r, 0)[at + 1] : 0;
        }
        transform(l.x, 1, n, inverse ? 1 : -1, l.y, l.t);
        for (size_t k = 0; k < n && inverse; k++) {
            l.y[k].re = MUL(l.y[k].re, 1 / real_of(n));
            l.y[k].im = MUL(l.y[k].im, 1 / real_of(n));
        }
        for (size_t k = 0; k < out; k++) {
            REAL *to = reals_out(r, 0) + ((i / inner * out + k) * inner + i % inner) * 2;
            to[0] = l.y[k].re;
            to[1] = l.y[k].im;
        }
    }
    return FW_OK;
}

/* (dy, length?, axis?, x): the adjoint, conj transform of dy, of which x's part is kept. */
KERNEL(dft_grad)
{
    const struct fw_buffer *dy = r->in[0];
    const struct fw_buffer *dx = r->out[0];
    bool inverse = fw_run_attr_int(r, "inverse", 0) != 0;
    struct line l;
    unsigned axis;
    FW_TRY(dft_axis(r, dx, &axis));
    size_t width = (size_t)dx->dims[dx->rank - 1];
    size_t have = (size_t)dx->dims[axis];
    size_t out = (size_t)dy->dims[axis];
    size_t n = fw_run_has(r, 1) ? (size_t)fw_buffer_int(r->in[1], 0) : have;
    size_t inner = fw_buffer_span(dx, axis + 1, dx->rank - 1u);
    FW_TRY(open_line(r, n, &l));
    for (size_t i = 0; i < fw_buffer_span(dx, 0, axis) * inner; i++) {
        for (size_t k = 0; k < n; k++) {
            const REAL *from = reals(r, 0) + ((i / inner * out + k) * inner + i % inner) * 2;
            l.x[k] =
                k < out ? (struct complex_number){from[0], from[1]} : (struct complex_number){0, 0};
        }
        transform(l.x, 1, n, inverse ? -1 : 1, l.y, l.t);
        for (size_t k = 0; k < n && inverse; k++) {
            l.y[k].re = MUL(l.y[k].re, 1 / real_of(n));
            l.y[k].im = MUL(l.y[k].im, 1 / real_of(n));
        }
        for (size_t k = 0; k < have; k++) {
            REAL *to = reals_out(r, 0) + ((i / inner * have + k) * inner + i % inner) * width;
            to[0] = k < n ? l.y[k].re : 0;
            if (width > 1)
                to[1] = k < n ? l.y[k].im : 0;
        }
    }
    return FW_OK;
}

/* ---- windows: a0 - a1*cos(w*k) + a2*cos(2*w*k) ---- */

static enum fw_status window(struct fw_run *r, double a0, double a1, double a2)
{
    int64_t n = fw_buffer_int(r->in[0], 0);
    bool periodic = fw_run_attr_int(r, "periodic", 1) != 0;
    FW_TRY(r->shape(r, 0, 1, &n));
    REAL w = (REAL)(TURN / (double)(periodic ? n : n - 1));
    for (size_t k = 0; k < r->out[0]->n; k++) {
        REAL x = SUB((REAL)a0, MUL((REAL)a1, COS(MUL(w, real_of(k)))));
        if (a2 != 0)
            x = ADD(x, MUL((REAL)a2, COS(MUL(2 * w, real_of(k)))));
        fw_buffer_put(r->out[0], k, (double)x);
    }
    return FW_OK;
}

KERNEL(hann_window)
{
    return window(r, 0.5, 0.5, 0);
}
KERNEL(hamming_window)
{
    return window(r, 25.0 / 46, 21.0 / 46, 0);
}
KERNEL(blackman_window)
{
    return window(r, 0.42, 0.5, 0.08);
}

/* ---- Det: Gauss with pivots ---- */

/* Of a matrix that is destroyed; largest pivots are found by n - k - 1 comparisons. */
static REAL determinant(REAL *a, size_t n)
{
    bool negative = false;
    for (size_t k = 0; k < n; k++) {
        size_t best = k;
        for (size_t i = k + 1; i < n; i++)
            best = LESS(LIBM(fabs)(a[best * n + k]), LIBM(fabs)(a[i * n + k])) ? i : best;
        for (size_t j = 0; j < n && best != k; j++) {
            REAL t = a[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = t;
        }
        negative = best != k ? !negative : negative;
        for (size_t i = k + 1; i < n; i++) {
            REAL f = DIV(a[i * n + k], a[k * n + k] != 0 ? a[k * n + k] : 1);
            for (size_t j = k + 1; j < n; j++)
                a[i * n + j] = SUB(a[i * n + j], MUL(f, a[k * n + j]));
        }
    }
    REAL d = a[0];
    for (size_t k = 1; k < n; k++)
        d = MUL(d, a[k * n + k]);
    return negative ? -d : d;
}

KERNEL(det)
{
    const struct fw_buffer *x = r->in[0];
    size_t n = (size_t)x->dims[x->rank - 1];
    REAL *a = scratch_reals(r, n * n + 1);
    if (a == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < r->out[0]->n; i++) {
        memcpy(a, reals(r, 0) + i * n * n, n * n * sizeof *a);
        reals_out(r, 0)[i] = n > 0 ? determinant(a, n) : 1;
    }
    return FW_OK;
}

/* dy*y*inverse(x)^T; the inverse in place, a row of pivots at a time. */
KERNEL(det_grad) // (dy, y, x)
{
    const struct fw_buffer *x = r->in[2];
    size_t n = (size_t)x->dims[x->rank - 1];
    REAL *a = scratch_reals(r, n * n + 1);
    if (a == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t m = 0; m < r->in[0]->n; m++) {
        memcpy(a, reals(r, 2) + m * n * n, n * n * sizeof *a);
        for (size_t k = 0; k < n; k++) {
            REAL pivot = a[k * n + k];
            a[k * n + k] = 1;
            for (size_t j = 0; j < n; j++)
                a[k * n + j] = DIV(a[k * n + j], pivot);
            for (size_t i = 0; i < n; i++) {
                REAL f = a[i * n + k];
                if (i == k)
                    continue;
                a[i * n + k] = 0;
                for (size_t j = 0; j < n; j++)
                    a[i * n + j] = SUB(a[i * n + j], MUL(f, a[k * n + j]));
            }
        }
        REAL factor = MUL(reals(r, 0)[m], reals(r, 1)[m]);
        for (size_t i = 0; i < n * n; i++)
            reals_out(r, 0)[m * n * n + i] = MUL(factor, a[i % n * n + i / n]);
    }
    return FW_OK;
}

/* ---- STFT: (signal (N, L) or (N, L, 1 or 2), step, window?, length?) ---- */

struct frames {
    size_t n, step, width, length, count, out;
    const REAL *window;
};

static struct frames frames_of(const struct fw_run *r, const struct fw_buffer *x)
{
    struct frames f = {.step = (size_t)fw_buffer_int(r->in[1], 0),
                       .width = x->rank == 3 ? (size_t)x->dims[2] : 1,
                       .length = (size_t)x->dims[1],
                       .window = reals(r, 2)};
    f.n = fw_run_has(r, 3)   ? (size_t)fw_buffer_int(r->in[3], 0)
          : f.window != NULL ? r->in[2]->n
                             : 0;
    f.count = f.length >= f.n && f.step > 0 ? (f.length - f.n) / f.step + 1 : 0;
    f.out = fw_run_attr_int(r, "onesided", 1) != 0 ? f.n / 2 + 1 : f.n;
    return f;
}

KERNEL(stft)
{
    const struct fw_buffer *x = r->in[0];
    struct frames f = frames_of(r, x);
    struct line l;
    FW_REQUIRE(f.window == NULL || r->in[2]->n == f.n, r->cx.err, FW_SHAPE,
               "a window of %zu numbers is wanted, found %zu", f.n, r->in[2]->n);
    int64_t dims[4] = {x->dims[0], (int64_t)f.count, (int64_t)f.out, 2};
    FW_TRY(r->shape(r, 0, 4, dims));
    FW_TRY(open_line(r, f.n, &l));
    for (size_t i = 0; i < (size_t)x->dims[0] * f.count; i++) {
        const REAL *from = reals(r, 0) + (i / f.count * f.length + i % f.count * f.step) * f.width;
        for (size_t k = 0; k < f.n; k++) {
            l.x[k].re = from[k * f.width];
            l.x[k].im = f.width > 1 ? from[k * f.width + 1] : 0;
            if (f.window != NULL)
                l.x[k].re = MUL(l.x[k].re, f.window[k]);
            if (f.window != NULL && f.width > 1)
                l.x[k].im = MUL(l.x[k].im, f.window[k]);
        }
        transform(l.x, 1, f.n, -1, l.y, l.t);
        for (size_t k = 0; k < f.out; k++) {
            reals_out(r, 0)[(i * f.out + k) * 2] = l.y[k].re;
            reals_out(r, 0)[(i * f.out + k) * 2 + 1] = l.y[k].im;
        }
    }
    return FW_OK;
}

KERNEL(stft_grad) // (dy, step, window?, length?, x): each frame's adjoint transform, added up
{
    const struct fw_buffer *x = r->out[0];
    struct frames f = frames_of(r, x);
    struct line l;
    f.out = (size_t)r->in[0]->dims[2];
    if (f.n == 0)
        f.n = fw_run_attr_int(r, "onesided", 1) != 0 ? 2 * (f.out - 1) : f.out;
    f.count = (size_t)r->in[0]->dims[1];
    FW_REQUIRE(f.window == NULL || r->in[2]->n == f.n, r->cx.err, FW_SHAPE,
               "a window of %zu numbers is wanted, found %zu", f.n, r->in[2]->n);
    FW_TRY(open_line(r, f.n, &l));
    zero_out(r, 0);
    for (size_t i = 0; i < (size_t)x->dims[0] * f.count; i++) {
        REAL *to = reals_out(r, 0) + (i / f.count * f.length + i % f.count * f.step) * f.width;
        for (size_t k = 0; k < f.n; k++) {
            const REAL *dy = reals(r, 0) + (i * f.out + k) * 2;
            l.x[k] =
                k < f.out ? (struct complex_number){dy[0], dy[1]} : (struct complex_number){0, 0};
        }
        transform(l.x, 1, f.n, 1, l.y, l.t);
        for (size_t k = 0; k < f.n * f.width; k++) {
            REAL v = k % f.width == 0 ? l.y[k / f.width].re : l.y[k / f.width].im;
            v = f.window != NULL ? MUL(v, f.window[k / f.width]) : v;
            to[k] = ADD(to[k], v);
        }
    }
    return FW_OK;
}

/* ---- MelWeightMatrix: (bins, length of the transform, sample rate, lowest and highest hertz) ----
 */

static REAL mel_of(REAL hertz)
{
    return MUL((REAL)(2595 / 2.302585092994046), LOG(ADD((REAL)1, DIV(hertz, (REAL)700))));
}

/* The bin of the spectrum at each corner of the triangles, (bins + 2). */
static void corners_of(const struct fw_run *r, size_t n, int64_t *corner)
{
    REAL low = mel_of((REAL)fw_buffer_get(r->in[3], 0));
    REAL high = mel_of((REAL)fw_buffer_get(r->in[4], 0));
    REAL step = DIV(SUB(high, low), (REAL)n);
    REAL length = (REAL)fw_buffer_get(r->in[1], 0) + 1;
    for (size_t k = 0; k < n; k++) {
        REAL mel = ADD(low, MUL((REAL)k, step));
        REAL hertz = MUL((REAL)700, SUB(EXP(DIV(mel, (REAL)(2595 / 2.302585092994046))), (REAL)1));
        REAL at = DIV(MUL(length, hertz), (REAL)fw_buffer_get(r->in[2], 0));
        REAL whole = FLOOR((REAL)((double)at + 1e-6)); // a whole number stays one
        corner[k] = (int64_t)fw_within_reach((double)whole);
    }
}

/* (a - b)/(c - b) along a slope; a step where it has no width. */
static REAL along_slope(REAL a, REAL b, REAL width)
{
    REAL x = DIV(SUB(a, b), width != 0 ? width : 1);
    return width != 0 ? x : a >= b ? 1 : 0;
}

KERNEL(mel_weights)
{
    int64_t n = fw_buffer_int(r->in[0], 0);
    int64_t length = fw_buffer_int(r->in[1], 0);
    FW_REQUIRE(n >= 0 && length >= 0, r->cx.err, FW_SHAPE, "bins and a length are wanted");
    const int64_t dims[2] = {length / 2 + 1, n};
    int64_t *corner = fw_arena_array(r->scratch, (size_t)n + 2, sizeof *corner);
    if (corner == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(r->shape(r, 0, 2, dims));
    corners_of(r, (size_t)n + 2, corner);
    for (size_t i = 0; i < r->out[0]->n; i++) {
        const int64_t *c = corner + i % (size_t)n;
        size_t row = i / (size_t)n;
        REAL j = (REAL)row;
        REAL rise = along_slope(j, (REAL)c[0], (REAL)(c[1] - c[0]));
        REAL fall = along_slope((REAL)c[2], j, (REAL)(c[2] - c[1]));
        fw_buffer_put(r->out[0], i, (double)MAX(0, MIN(rise, fall)));
    }
    return FW_OK;
}
