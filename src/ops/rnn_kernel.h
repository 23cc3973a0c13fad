/* What the forward and the backward kernels of recurrent layers share. For kernels.
 *
 * Step s of example b is time t = s, or counted from the end of the example's own length in the
 * reverse direction. Steps beyond the length are executed as the cost counts them; what they give
 * is thrown away. */
#ifndef FW_OPS_RNN_KERNEL_H
#define FW_OPS_RNN_KERNEL_H

#include "ops/product.h"
#include "ops/rnn.h"

/* ---- activations ---- */

struct curve {
    REAL (*forward)(REAL x, REAL a, REAL b);
    REAL (*backward)(REAL dy, REAL y, REAL a, REAL b); // from the result
    bool has_a, has_b;
    double a, b; // defaults
    const char *name;
};
#define CURVE(name_, result, slope)                                      \
    static inline REAL forward_##name_(REAL x, REAL a, REAL b)           \
    {                                                                    \
        (void)a;                                                         \
        (void)b;                                                         \
        return (result);                                                 \
    }                                                                    \
    static inline REAL backward_##name_(REAL dy, REAL y, REAL a, REAL b) \
    {                                                                    \
        (void)y;                                                         \
        (void)a;                                                         \
        (void)b;                                                         \
        return (slope);                                                  \
    }

static inline REAL pick(bool yes, REAL a, REAL b)
{
    return yes ? a : b;
}
static inline REAL softsign_back(REAL dy, REAL y)
{
    REAL s = SUB((REAL)1, ABS(y));
    return MUL(MUL(dy, s), s);
}

CURVE(relu, MAX(x, 0), pick(LESS(0, y), dy, 0))
CURVE(tanh, TANH(x), MUL(dy, SUB((REAL)1, MUL(y, y))))
CURVE(sigmoid, DIV((REAL)1, ADD((REAL)1, EXP(NEG(x)))), MUL(MUL(dy, y), SUB((REAL)1, y)))
CURVE(affine, ADD(MUL(a, x), b), MUL(a, dy))
/* What a choice may leave aside is hidden: a compiler would put it behind the choice, and what is
 * retired would depend on the numbers. */
CURVE(leaky, pick(LESS(0, x), x, hidden(MUL(a, x))), pick(LESS(0, y), dy, hidden(MUL(a, dy))))
CURVE(thresholded, pick(LESS(a, x), x, 0), pick(EQUAL(y, 0), 0, dy))
CURVE(scaled, MUL(a, TANH(MUL(b, x))),
      MUL(dy, SUB(uncounted_product(a, b), MUL(uncounted_quotient(b, a), MUL(y, y)))))
CURVE(hard, MAX(0, MIN((REAL)1, ADD(MUL(a, x), b))),
      pick(BETWEEN(0, y, (REAL)1), hidden(MUL(a, dy)), 0))
CURVE(elu, pick(LESS(0, x), x, hidden(MUL(a, SUB(EXP(x), (REAL)1)))),
      MUL(dy, pick(LESS(0, y), hidden(1), hidden(ADD(y, a)))))
CURVE(softsign, DIV(x, ADD((REAL)1, ABS(x))), softsign_back(dy, y))
CURVE(softplus, ADD(POSITIVE(x), LOG(ADD((REAL)1, EXP(NEG(ABS(x)))))),
      MUL(dy, SUB((REAL)1, EXP(NEG(y)))))

static const struct curve curves[] = {
    {forward_relu, backward_relu, false, false, 0, 0, "relu"},
    {forward_tanh, backward_tanh, false, false, 0, 0, "tanh"},
    {forward_sigmoid, backward_sigmoid, false, false, 0, 0, "sigmoid"},
    {forward_affine, backward_affine, true, true, 1, 0, "affine"},
    {forward_leaky, backward_leaky, true, false, 0.01, 0, "leakyrelu"},
    {forward_thresholded, backward_thresholded, true, false, 1, 0, "thresholdedrelu"},
    {forward_scaled, backward_scaled, true, true, 1, 1, "scaledtanh"},
    {forward_hard, backward_hard, true, true, 0.2, 0.5, "hardsigmoid"},
    {forward_elu, backward_elu, true, false, 1, 0, "elu"},
    {forward_softsign, backward_softsign, false, false, 0, 0, "softsign"},
    {forward_softplus, backward_softplus, false, false, 0, 0, "softplus"},
};

static inline const struct curve *curve_named(const char *name)
{
    for (unsigned i = 0; i < sizeof curves / sizeof *curves; i++) {
        const char *a = curves[i].name;
        const char *b = name;
        while (*a != '\0' && (*b | 0x20) == *a) {
            a++;
            b++;
        }
        if (*a == '\0' && *b == '\0')
            return &curves[i];
    }
    return NULL;
}

struct activation {
    const struct curve *f;
    REAL a, b;
    bool clipped;
    REAL clip;
    REAL low, high; // results where the argument was cut
};

static inline REAL activate(const struct activation *f, REAL x)
{
    if (f->clipped)
        x = MAX(-f->clip, MIN(f->clip, x));
    return f->f->forward(x, f->a, f->b);
}

/* 0 where the argument was cut. */
static inline REAL derive(const struct activation *f, REAL dy, REAL y)
{
    REAL dx = f->f->backward(dy, y, f->a, f->b);
    if (f->clipped)
        dx = BETWEEN(f->low, y, f->high) ? dx : 0;
    return dx;
}

/* ---- one node ---- */

struct rnn {
    enum fw_rnn_kind kind;
    bool option, first; // first: batch before time
    size_t gates, dirs, seq, batch, in, hidden;
    bool backward[2]; // directions that walk from the end
    const struct fw_buffer *lens;
    struct activation f[2][3];
};

static inline enum fw_status activations_of(struct fw_run *r, const struct fw_rnn_family *family,
                                            struct rnn *v)
{
    const struct fw_attr *names = fw_run_attr(r, "activations");
    const struct fw_attr *alpha = fw_run_attr(r, "activation_alpha");
    const struct fw_attr *beta = fw_run_attr(r, "activation_beta");
    const struct fw_attr *clip = fw_run_attr(r, "clip");
    uint32_t at_a = 0;
    uint32_t at_b = 0;
    for (unsigned i = 0; i < 6; i++)
        v->f[i / 3][i % 3].f = &curves[0];
    for (unsigned i = 0; i < v->dirs * family->n_acts; i++) {
        struct activation *f = &v->f[i / family->n_acts][i % family->n_acts];
        f->f = curve_named(i < names->n ? names->strings[i] : family->acts[i % family->n_acts]);
        FW_REQUIRE(f->f != NULL, r->cx.err, FW_UNSUPPORTED, "an activation is not known");
        f->a = (REAL)(f->f->has_a && at_a < alpha->n ? alpha->floats[at_a++] : f->f->a);
        f->b = (REAL)(f->f->has_b && at_b < beta->n ? beta->floats[at_b++] : f->f->b);
        f->clipped = clip->given;
        f->clip = (REAL)clip->f;
        if (f->clipped) { // constants of the node: not counted
            uint64_t tally[FW_N_TALLIES];
            memcpy(tally, fw_tally, sizeof tally);
            f->low = f->f->forward(-f->clip, f->a, f->b);
            f->high = f->f->forward(f->clip, f->a, f->b);
            memcpy(fw_tally, tally, sizeof tally);
        }
    }
    return FW_OK;
}

static inline void layout_of(const struct fw_run *r, const struct fw_buffer *x, size_t dirs,
                             struct rnn *v)
{
    const char *direction = fw_run_attr(r, "direction")->s;
    v->first = fw_run_attr_int(r, "layout", 0) != 0;
    v->seq = (size_t)x->dims[v->first ? 1 : 0];
    v->batch = (size_t)x->dims[v->first ? 0 : 1];
    v->in = (size_t)x->dims[2];
    v->dirs = dirs;
    v->backward[0] = direction != NULL && (direction[0] | 0x20) == 'r';
    v->backward[1] = true;
}

static inline enum fw_status rnn_read(struct fw_run *r, const struct fw_buffer *x,
                                      const struct fw_buffer *weight, unsigned lens, struct rnn *v)
{
    const struct fw_rnn_family *family = r->cx.node->op->family;
    *v = (struct rnn){.kind = family->kind, .gates = family->gates};
    v->option = family->kind != RNN && fw_attr_at(&r->cx, OPTION)->i != 0;
    v->lens = fw_run_in(r, lens);
    v->hidden = (size_t)weight->dims[2];
    layout_of(r, x, (size_t)weight->dims[0], v);
    return activations_of(r, family, v);
}

static inline size_t length_of(const struct rnn *v, size_t b)
{
    int64_t n = v->lens != NULL ? fw_buffer_int(v->lens, b) : (int64_t)v->seq;
    return n < 0 ? 0 : (size_t)n > v->seq ? v->seq : (size_t)n;
}

static inline size_t time_of(const struct rnn *v, size_t d, size_t b, size_t s)
{
    size_t n = length_of(v, b);
    return v->backward[d] && s < n ? n - 1 - s : s;
}

static inline size_t x_at(const struct rnn *v, size_t t, size_t b)
{
    return (v->first ? b * v->seq + t : t * v->batch + b) * v->in;
}
static inline size_t y_at(const struct rnn *v, size_t t, size_t d, size_t b)
{
    return (v->first ? (b * v->seq + t) * v->dirs + d : (t * v->dirs + d) * v->batch + b) *
           v->hidden;
}
static inline size_t h_at(const struct rnn *v, size_t d, size_t b)
{
    return (v->first ? b * v->dirs + d : d * v->batch + b) * v->hidden;
}
/* Of the reserve and of dA, which stand time first always. */
static inline size_t a_at(const struct rnn *v, size_t t, size_t d, size_t b, size_t width)
{
    return ((t * v->dirs + d) * v->batch + b) * width;
}

static inline struct matrix block(REAL *p, size_t width, size_t from)
{
    return (struct matrix){p + from, (ptrdiff_t)width, 1};
}

#endif
