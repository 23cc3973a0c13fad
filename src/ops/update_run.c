/* Kernels of the optimizers (update.c): (parameter, gradient, states...), all overwritten in place.
 *
 * Constants of a step are computed outside of the count, as the table's head says. Sums start from
 * zero. The matrix methods take the parameter as m x n (fw_update_matrix). */
#include "ops/product.h"
#include "ops/update.h"

struct update {
    REAL *w, *g, *s[FW_MAX_STATES];
    size_t n, rows, columns;
    REAL lr, b1, b2, eps, decay;
    REAL rest1, rest2; // 1 - b1, 1 - b2
    REAL shrink;       // 1 - lr*decay
    REAL step, k;      // of Adam: lr/(1 - b1^t), 1/sqrt(1 - b2^t)
    REAL c1, c2;       // 1 - b1^t, 1 - b2^t
};

static struct update update_of(const struct fw_run *r)
{
    const struct fw_hyper *h = fw_update_hyper(r);
    struct update u = {.w = r->in[0]->data,
                       .g = r->in[1]->data,
                       .n = r->in[0]->n,
                       .lr = (REAL)h->lr,
                       .b1 = (REAL)h->beta1,
                       .b2 = (REAL)h->beta2,
                       .eps = (REAL)h->eps,
                       .decay = (REAL)h->decay};
    for (unsigned i = 2; i < r->cx.node->n_in; i++)
        u.s[i - 2] = r->in[i]->data;
    volatile long double lr = h->lr; // what follows is nobody's count: see one_over() in kernel.h
    long double c1 = rest_of_power(h->beta1, (double)r->step);
    long double c2 = rest_of_power(h->beta2, (double)r->step);
    u.rest1 = one_minus(u.b1);
    u.rest2 = one_minus(u.b2);
    u.shrink = (REAL)(1.0L - lr * h->decay);
    u.step = (REAL)(lr / c1);
    u.k = (REAL)(1.0L / sqrtl(c2));
    u.c1 = (REAL)c1;
    u.c2 = (REAL)c2;
    fw_dim m, n;
    (void)fw_update_matrix(r->cx.sym, fw_in(&r->cx, 0), &m, &n);
    u.rows = (size_t)m.word;
    u.columns = (size_t)n.word;
    return u;
}

/* a*x + (1 - a)*y: 2 mul, 1 add */
static inline REAL blend(REAL a, REAL rest, REAL x, REAL y)
{
    return ADD(MUL(a, x), MUL(rest, y));
}

#define ELEMENTWISE(name, ...)                \
    KERNEL(name)                              \
    {                                         \
        const struct update u = update_of(r); \
        size_t from, to;                      \
        fw_run_share(r, u.n, &from, &to);     \
        for (size_t i = from; i < to; i++) {  \
            const REAL g = u.g[i];            \
            __VA_ARGS__                       \
        }                                     \
        return FW_OK;                         \
    }
#define W u.w[i]
#define S0 u.s[0][i]
#define S1 u.s[1][i]
#define S2 u.s[2][i]

ELEMENTWISE(update_SGD, W = SUB(W, MUL(u.lr, g));)
ELEMENTWISE(update_MOMENTUM, S0 = ADD(MUL(u.b1, S0), g); W = SUB(W, MUL(u.lr, S0));)
ELEMENTWISE(update_NESTEROV, S0 = ADD(MUL(u.b1, S0), g);
            W = SUB(W, MUL(u.lr, ADD(g, MUL(u.b1, S0))));)
ELEMENTWISE(update_ADAGRAD, S0 = ADD(S0, MUL(g, g));
            W = SUB(W, DIV(MUL(u.lr, g), ADD(SQRT(S0), u.eps)));)
ELEMENTWISE(update_RMSPROP, S0 = blend(u.b1, u.rest1, S0, MUL(g, g));
            W = SUB(W, DIV(MUL(u.lr, g), ADD(SQRT(S0), u.eps)));)
ELEMENTWISE(update_ADADELTA, S0 = blend(u.b1, u.rest1, S0, MUL(g, g));
            REAL d = MUL(DIV(SQRT(ADD(S1, u.eps)), SQRT(ADD(S0, u.eps))), g);
            S1 = blend(u.b1, u.rest1, S1, MUL(d, d)); W = SUB(W, MUL(u.lr, d));)
ELEMENTWISE(update_ADAM, S0 = blend(u.b1, u.rest1, S0, g); S1 = blend(u.b2, u.rest2, S1, MUL(g, g));
            W = SUB(W, DIV(MUL(u.step, S0), ADD(MUL(SQRT(S1), u.k), u.eps)));)
ELEMENTWISE(update_ADAMW, S0 = blend(u.b1, u.rest1, S0, g);
            S1 = blend(u.b2, u.rest2, S1, MUL(g, g)); REAL w = MUL(W, u.shrink);
            W = SUB(w, DIV(MUL(u.step, S0), ADD(MUL(SQRT(S1), u.k), u.eps)));)
ELEMENTWISE(update_AMSGRAD, S0 = blend(u.b1, u.rest1, S0, g);
            S1 = blend(u.b2, u.rest2, S1, MUL(g, g)); S2 = MAX(S2, S1);
            W = SUB(W, DIV(MUL(u.step, S0), ADD(MUL(SQRT(S2), u.k), u.eps)));)
ELEMENTWISE(update_ADAM_LITERAL, S0 = blend(u.b1, u.rest1, S0, g);
            S1 = blend(u.b2, u.rest2, S1, MUL(g, g));
            const volatile REAL t = (REAL)r->step; // read anew: literally, for every element
            REAL m = DIV(S0, SUB((REAL)1, POW(u.b1, t)));
            REAL v = DIV(S1, SUB((REAL)1, POW(u.b2, t)));
            W = SUB(W, DIV(MUL(u.lr, m), ADD(SQRT(v), u.eps)));)
ELEMENTWISE(update_LION, REAL direction = SIGN(blend(u.b1, u.rest1, S0, g));
            W = SUB(W, MUL(u.lr, direction)); S0 = blend(u.b2, u.rest2, S0, g);)

/* h, the curvature, is another pass's; rho = 0.04 as in the paper's code. The bounds are lr's
 * rather than 1 times lr: with 1 the compiler knows the product in two of three cases. */
ELEMENTWISE(update_SOPHIA, S0 = blend(u.b1, u.rest1, S0, g);
            REAL ratio = DIV(S0, MAX(MUL((REAL)0.04, S1), u.eps));
            REAL step = MAX(-u.lr, MIN(u.lr, MUL(u.lr, ratio))); W = SUB(MUL(u.shrink, W), step);)

/* ---- methods that need norms of the whole tensor first ---- */

static REAL sum_of_squares(const REAL *x, size_t n)
{
    REAL sum = zero();
    for (size_t i = 0; i < n; i++)
        sum = ADD(sum, MUL(x[i], x[i]));
    return sum;
}

KERNEL(update_LAMB)
{
    const struct update u = update_of(r);
    for (size_t i = 0; i < u.n; i++) {
        REAL g = DIV(u.g[i], (REAL)r->clip);
        S0 = blend(u.b1, u.rest1, S0, g);
        S1 = blend(u.b2, u.rest2, S1, MUL(g, g));
        REAL m = DIV(S0, u.c1);
        REAL v = DIV(S1, u.c2);
        u.g[i] = ADD(DIV(m, ADD(SQRT(v), u.eps)), MUL(u.decay, W));
    }
    REAL norm_w = SQRT(sum_of_squares(u.w, u.n));
    REAL norm_u = SQRT(sum_of_squares(u.g, u.n));
    const REAL ratio = hidden(DIV(norm_w, norm_u)); // also where it is not taken
    const REAL trust = hidden(CHOOSE(norm_w > 0 && norm_u > 0, ratio, 1));
    REAL rate = MUL(u.lr, trust);
    for (size_t i = 0; i < u.n; i++)
        W = SUB(W, MUL(rate, u.g[i]));
    return FW_OK;
}

KERNEL(update_LARS)
{
    const struct update u = update_of(r);
    REAL norm_w = SQRT(sum_of_squares(u.w, u.n));
    REAL norm_g = SQRT(sum_of_squares(u.g, u.n));
    const volatile long double trust = 0.001L;
    const REAL local =
        hidden(DIV(MUL((REAL)(trust * u.lr), norm_w), ADD(norm_g, MUL(u.decay, norm_w))));
    REAL rate = CHOOSE(norm_w > 0 && norm_g > 0, local, u.lr);
    for (size_t i = 0; i < u.n; i++) {
        S0 = ADD(MUL(u.b1, S0), MUL(rate, ADD(u.g[i], MUL(u.decay, W))));
        W = SUB(W, S0);
    }
    return FW_OK;
}

/* Decay of the second moment and least scale of a parameter, as in the paper. */
static REAL adafactor_decay(const struct fw_run *r)
{
    return (REAL)rest_of_power((double)r->step, -0.8);
}

/* g holds the direction u: w -= lr*max(eps2, rms(w))*u/max(1, rms(u)/d), d = 1. */
static void adafactor_step(const struct update *u)
{
    const REAL least = (REAL)1e-3;
    const REAL d = hidden(1);
    REAL rms_w = SQRT(DIV(sum_of_squares(u->w, u->n), real_of(u->n)));
    REAL rms_u = SQRT(DIV(sum_of_squares(u->g, u->n), real_of(u->n)));
    REAL rate = DIV(MUL(u->lr, MAX(least, rms_w)), MAX((REAL)1, DIV(rms_u, d)));
    for (size_t i = 0; i < u->n; i++)
        u->w[i] = SUB(u->w[i], MUL(rate, u->g[i]));
}

KERNEL(update_ADAFACTOR_PLAIN)
{
    const struct update u = update_of(r);
    REAL b = adafactor_decay(r), rest = one_minus(b);
    for (size_t i = 0; i < u.n; i++) {
        REAL g = u.g[i];
        S0 = blend(b, rest, S0, ADD(MUL(g, g), u.eps));
        u.g[i] = DIV(g, SQRT(S0));
    }
    adafactor_step(&u);
    return FW_OK;
}

/* c is scaled before and after the columns are added to it, so that c = b*c + (1 - b)*columns. */
KERNEL(update_ADAFACTOR)
{
    const struct update u = update_of(r);
    REAL *rows = u.s[0];
    REAL *columns = u.s[1];
    REAL b = adafactor_decay(r), rest = one_minus(b);
    volatile long double wide = (long double)b;
    REAL before = (REAL)(wide / (1.0L - wide));
    REAL total = zero();
    for (size_t j = 0; j < u.columns; j++)
        columns[j] = MUL(before, columns[j]);
    for (size_t i = 0; i < u.rows; i++) {
        REAL sum = zero();
        for (size_t j = 0; j < u.columns; j++) {
            REAL g = u.g[i * u.columns + j];
            REAL q = ADD(MUL(g, g), u.eps);
            sum = ADD(sum, q);
            columns[j] = ADD(columns[j], q);
        }
        rows[i] = blend(b, rest, rows[i], sum);
        total = ADD(total, rows[i]);
    }
    for (size_t j = 0; j < u.columns; j++)
        columns[j] = MUL(rest, columns[j]);
    REAL by = DIV((REAL)1, total);
    for (size_t i = 0; i < u.rows; i++) {
        REAL share = MUL(rows[i], by);
        for (size_t j = 0; j < u.columns; j++) {
            REAL *g = &u.g[i * u.columns + j];
            *g = DIV(*g, SQRT(MUL(share, columns[j])));
        }
    }
    adafactor_step(&u);
    return FW_OK;
}

/* ---- 8-bit states ---- */

struct codes {
    REAL value[256], middle[255]; // sorted, and between neighbours
};

/* The dynamic map: seven decades, each with twice as many codes as the one below it, in the middle
 * of equal pieces of 0.1..1; 0 and 1. */
static void make_codes(bool with_sign, struct codes *ret)
{
    volatile long double value[256]; // as all constants: see one_over() in kernel.h
    long double decade = 1e-6L;
    unsigned n = 0;
    for (unsigned i = 0; i < 7; i++) {
        unsigned pieces = 1u << (with_sign ? i : i + 1);
        for (unsigned k = 0; k < pieces; k++) {
            long double v = decade * (0.1L + 0.9L * (k + 0.5L) / pieces);
            value[n++] = v;
            if (with_sign)
                value[n++] = -v;
        }
        decade *= 10;
    }
    value[n++] = 0;
    value[n++] = 1;
    for (unsigned i = 1; i < n; i++)
        for (unsigned k = i; k > 0 && value[k - 1] > value[k]; k--) {
            long double t = value[k];
            value[k] = value[k - 1];
            value[k - 1] = t;
        }
    for (unsigned i = 0; i < n; i++)
        ret->value[i] = (REAL)value[i];
    for (unsigned i = 0; i + 1 < n; i++)
        ret->middle[i] = (REAL)((value[i] + value[i + 1]) / 2);
}

/* The nearest of 256 codes: 8 comparisons with the middles. */
static uint8_t code_of(const struct codes *table, REAL x)
{
    unsigned low = 0;
    for (unsigned step = 128; step > 0; step /= 2)
        low += LESS(x, table->middle[low + step - 1]) ? 0 : step;
    return (uint8_t)low;
}

/* Encodes a block and gives its scale; |x| of a second moment is x itself. */
static REAL encode(const struct codes *table, const REAL *x, size_t n, bool with_sign,
                   uint8_t *codes)
{
    REAL scale = 0;
    for (size_t i = 0; i < n; i++)
        scale = MAX(scale, with_sign ? ABS(x[i]) : x[i]);
    for (size_t i = 0; i < n; i++)
        codes[i] = code_of(table, DIV(x[i], scale > 0 ? scale : 1));
    return scale;
}

KERNEL(update_ADAM8BIT)
{
    const struct update u = update_of(r);
    uint8_t *code_m = r->in[2]->data;
    uint8_t *code_v = r->in[4]->data;
    REAL *scale_m = r->in[3]->data;
    REAL *scale_v = r->in[5]->data;
    struct codes with_sign, positive;
    REAL m[FW_STATE_BLOCK], v[FW_STATE_BLOCK];
    make_codes(true, &with_sign);
    make_codes(false, &positive);
    for (size_t first = 0; first < u.n; first += FW_STATE_BLOCK) {
        size_t block = first / FW_STATE_BLOCK;
        size_t n = u.n - first < FW_STATE_BLOCK ? u.n - first : FW_STATE_BLOCK;
        for (size_t k = 0; k < n; k++) {
            size_t i = first + k;
            REAL g = u.g[i];
            m[k] = MUL(with_sign.value[code_m[i]], scale_m[block]);
            v[k] = MUL(positive.value[code_v[i]], scale_v[block]);
            m[k] = blend(u.b1, u.rest1, m[k], g);
            v[k] = blend(u.b2, u.rest2, v[k], MUL(g, g));
            W = SUB(W, DIV(MUL(u.step, m[k]), ADD(MUL(SQRT(v[k]), u.k), u.eps)));
        }
        scale_m[block] = encode(&with_sign, m, n, true, code_m + first);
        scale_v[block] = encode(&positive, v, n, false, code_v + first);
    }
    return FW_OK;
}
