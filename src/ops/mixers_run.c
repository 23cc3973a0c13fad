/* Kernels of mixers.c and mixers_grad.c: short convolutions, linear attention with its state,
 * attention with bodies. */
#include "ops/control_kernel.h"
#include "ops/mixers.h"
#include "ops/product.h"

/* ---- CausalConvWithState: a line of a channel with what came before it ---- */

struct taps {
    size_t lines, channels, length, n; // batch*channels; n taps
    REAL *line;                        // (n - 1 + length)
};

static enum fw_status open_taps(const struct fw_run *r, const struct fw_buffer *x,
                                const struct fw_buffer *w, struct taps *t)
{
    *t = (struct taps){.lines = (size_t)(x->dims[0] * x->dims[1]),
                       .channels = (size_t)x->dims[1],
                       .length = (size_t)x->dims[2],
                       .n = (size_t)w->dims[2]};
    t->line = scratch_zeros(r, t->n + t->length);
    return t->line != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

KERNEL(causal_conv) // (x, weight, bias?, past?) -> y, state?
{
    struct taps t;
    FW_TRY(open_taps(r, r->in[0], r->in[1], &t));
    const char *name = fw_run_attr(r, "activation")->s;
    bool curved = name != NULL && name[0] != '\0' && strcmp(name, "none") != 0;
    size_t before = t.n - 1;
    const REAL minus = hidden(-1); // known, it is no product
    zero_out(r, 0);
    for (size_t i = 0; i < t.lines; i++) {
        size_t c = i % t.channels;
        REAL *y = reals_out(r, 0) + i * t.length;
        if (fw_run_has(r, 3))
            memcpy(t.line, reals(r, 3) + i * before, before * sizeof *t.line);
        memcpy(t.line + before, reals(r, 0) + i * t.length, t.length * sizeof *t.line);
        if (fw_run_out(r, 1) != NULL)
            memcpy(reals_out(r, 1) + i * before, t.line + t.length, before * sizeof *t.line);
        for (size_t k = 0; k < t.n; k++)
            axpy(y, reals(r, 1)[c * t.n + k], t.line + k, t.length);
        for (size_t p = 0; fw_run_has(r, 2) && p < t.length; p++)
            y[p] = ADD(y[p], reals(r, 2)[c]);
        for (size_t p = 0; curved && p < t.length; p++)
            y[p] = DIV(y[p], ADD((REAL)1, EXP(MUL(minus, y[p]))));
    }
    return FW_OK;
}

KERNEL(causal_conv_input) // (dy, -, w, like)
{
    struct taps t;
    FW_TRY(open_taps(r, r->in[0], r->in[2], &t));
    for (size_t i = 0; i < t.lines; i++) {
        memset(t.line, 0, (t.n + t.length) * sizeof *t.line);
        for (size_t k = 0; k < t.n; k++)
            axpy(t.line + k, reals(r, 2)[i % t.channels * t.n + k], reals(r, 0) + i * t.length,
                 t.length);
        memcpy(reals_out(r, 0) + i * t.length, t.line + t.n - 1, t.length * sizeof *t.line);
    }
    return FW_OK;
}

KERNEL(causal_conv_weight) // (dy, x, -, like)
{
    struct taps t;
    FW_TRY(open_taps(r, r->in[0], r->out[0], &t));
    zero_out(r, 0);
    for (size_t i = 0; i < t.lines; i++) {
        const REAL *dy = reals(r, 0) + i * t.length;
        REAL *dw = reals_out(r, 0) + i % t.channels * t.n;
        memcpy(t.line + t.n - 1, reals(r, 1) + i * t.length, t.length * sizeof *t.line);
        for (size_t p = 0; p < t.length; p++)
            axpy(dw, dy[p], t.line + p, t.n);
    }
    return FW_OK;
}

KERNEL(causal_conv_bias) // (dy, -, -, like)
{
    const struct fw_buffer *dy = r->in[0];
    size_t channels = (size_t)dy->dims[1];
    size_t length = (size_t)dy->dims[2];
    zero_out(r, 0);
    for (size_t i = 0; i < dy->n; i++) {
        REAL *to = &reals_out(r, 0)[i / length % channels];
        bool first = i / length < channels && i % length == 0;
        *to = JOIN(first, *to, reals(r, 0)[i]);
    }
    return FW_OK;
}

/* ---- LinearAttention: a state (key, value) of every example and key head ---- */

struct linear {
    size_t batch, tokens, heads, queries, key, value; // queries of a key head
    size_t decays, rates;                             // of a token; rates: 1 or heads
    bool one_decay, one_rate;                         // for all tokens
    bool gated, delta;
    REAL scale;
    const REAL *q, *k, *v, *beta;
    const REAL *fade; // exp of the decays
};

static struct linear linear_of(const struct fw_run *r, unsigned first, unsigned decay)
{
    const struct fw_buffer *q = r->in[first], *k = r->in[first + 1], *v = r->in[first + 2];
    const char *rule = fw_run_attr(r, "update_rule")->s;
    size_t heads = (size_t)fw_run_attr_int(r, "kv_num_heads", 1);
    struct linear l = {.batch = (size_t)q->dims[0],
                       .tokens = (size_t)q->dims[1],
                       .heads = heads,
                       .queries = (size_t)fw_run_attr_int(r, "q_num_heads", 1) / heads,
                       .key = (size_t)k->dims[2] / heads,
                       .value = (size_t)v->dims[2] / heads,
                       .gated = strncmp(rule, "gated", 5) == 0,
                       .delta = strstr(rule, "delta") != NULL,
                       .scale = attr_real(r, "scale"),
                       .q = reals(r, first),
                       .k = reals(r, first + 1),
                       .v = reals(r, first + 2),
                       .beta = reals(r, decay + 1)};
    if (l.scale == 0)
        l.scale = one_over_root(l.key);
    return l;
}

/* How many numbers of a tensor a token has, and whether all tokens have the same; 0: no fit. */
static size_t each_token(const struct linear *l, const struct fw_buffer *v, bool *ret_one)
{
    size_t rows = l->batch * l->tokens;
    size_t last = v != NULL && v->rank > 0 ? (size_t)v->dims[v->rank - 1] : 1;
    *ret_one = v != NULL && v->n == last;
    return v != NULL && (v->n == last || v->n == rows * last) ? last : 0;
}

/* Sizes against each other, and exp of the decays: inputs of queries (first) and decays. */
static enum fw_status open_linear(const struct fw_run *r, unsigned first, unsigned decay,
                                  struct linear *l)
{
    const struct fw_buffer *d = fw_run_in(r, decay);
    size_t rows = l->batch * l->tokens * l->heads;
    l->decays = each_token(l, d, &l->one_decay);
    l->rates = each_token(l, fw_run_in(r, decay + 1), &l->one_rate);
    bool whole = !l->gated || l->decays == l->heads || l->decays == l->heads * l->key;
    FW_REQUIRE(whole && (!l->delta || l->rates == l->heads || l->rates == 1), r->cx.err, FW_SHAPE,
               "a decay of every head, or of all its keys, and a rate of every head are wanted");
    FW_REQUIRE(r->in[first]->n == rows * l->queries * l->key &&
                   r->in[first + 1]->n == rows * l->key && r->in[first + 2]->n == rows * l->value,
               r->cx.err, FW_SHAPE, "queries, keys and values of the same tokens are wanted");
    REAL *fade = scratch_reals(r, d != NULL ? d->n + 1 : 1);
    if (fade == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; l->gated && i < d->n; i++)
        fade[i] = EXP(((const REAL *)d->data)[i]);
    l->fade = fade;
    return FW_OK;
}

/* Offset of a head's numbers in a tensor (batch, tokens, heads*width). */
static size_t head_at(size_t row, size_t heads, size_t h, size_t width)
{
    return (row * heads + h) * width;
}

static size_t rate_at(const struct linear *l, size_t row, size_t h)
{
    row = l->one_rate ? 0 : row;
    return l->rates == 1 ? row : row * l->heads + h;
}

/* The decay of a key of a head. */
static size_t decay_at(const struct linear *l, size_t row, size_t h, size_t key)
{
    size_t each = l->decays / l->heads;
    return (l->one_decay ? 0 : row) * l->decays + h * each + (each == 1 ? 0 : key);
}

/* Takes a token into the state, in two steps: fading, and adding the product of the key with what
 * is new in the value. faded (key*value), or NULL: the state between them; missing (value): value
 * less what the state holds; fresh (value): that at its rate, or the value. */
static void take_in(const struct linear *l, size_t row, size_t h, REAL *state, REAL *faded,
                    REAL *missing, REAL *fresh)
{
    const REAL *k = l->k + head_at(row, l->heads, h, l->key);
    const REAL *v = l->v + head_at(row, l->heads, h, l->value);
    for (size_t i = 0; l->gated && i < l->key; i++)
        for (size_t j = 0; j < l->value; j++)
            state[i * l->value + j] = MUL(l->fade[decay_at(l, row, h, i)], state[i * l->value + j]);
    if (faded != NULL)
        memcpy(faded, state, l->key * l->value * sizeof *state);
    memset(missing, 0, l->value * sizeof *missing);
    for (size_t i = 0; l->delta && i < l->key; i++)
        axpy(missing, k[i], state + i * l->value, l->value);
    for (size_t j = 0; j < l->value; j++) {
        if (l->delta)
            missing[j] = SUB(v[j], missing[j]);
        fresh[j] = l->delta ? MUL(l->beta[rate_at(l, row, h)], missing[j]) : v[j];
    }
    for (size_t i = 0; i < l->key; i++)
        axpy(state + i * l->value, k[i], fresh, l->value);
}

static void read_state(const struct linear *l, size_t row, size_t h, const REAL *state, REAL *y)
{
    for (size_t n = h * l->queries; n < (h + 1) * l->queries; n++) {
        size_t heads = l->heads * l->queries;
        const REAL *q = l->q + head_at(row, heads, n, l->key);
        REAL *to = y + head_at(row, heads, n, l->value);
        for (size_t i = 0; i < l->key; i++)
            axpy(to, q[i], state + i * l->value, l->value);
        for (size_t j = 0; j < l->value; j++)
            to[j] = MUL(l->scale, to[j]);
    }
}

KERNEL(linear_attention) // (q, k, v, past?, decay?, beta?) -> y, state?
{
    struct linear l = linear_of(r, FW_LINEAR_Q, FW_LINEAR_DECAY);
    size_t cells = l.key * l.value;
    FW_TRY(open_linear(r, FW_LINEAR_Q, FW_LINEAR_DECAY, &l));
    const struct fw_buffer *past = fw_run_in(r, FW_LINEAR_PAST);
    FW_REQUIRE(past == NULL || past->n == l.batch * l.heads * cells, r->cx.err, FW_SHAPE,
               "a past state of every head's keys and values is wanted");
    REAL *state = scratch_reals(r, cells + 1);
    REAL *missing = scratch_reals(r, l.value + 1);
    REAL *fresh = scratch_reals(r, l.value + 1);
    if (state == NULL || missing == NULL || fresh == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    for (size_t i = 0; i < l.batch * l.heads; i++) {
        size_t h = i % l.heads;
        if (fw_run_has(r, FW_LINEAR_PAST))
            memcpy(state, reals(r, FW_LINEAR_PAST) + i * cells, cells * sizeof *state);
        else
            memset(state, 0, cells * sizeof *state);
        for (size_t t = 0; t < l.tokens; t++) {
            size_t row = i / l.heads * l.tokens + t;
            take_in(&l, row, h, state, NULL, missing, fresh);
            read_state(&l, row, h, state, reals_out(r, 0));
        }
        if (fw_run_out(r, 1) != NULL)
            memcpy(reals_out(r, 1) + i * cells, state, cells * sizeof *state);
    }
    return FW_OK;
}

/* What the backward pass of a head keeps of every token. */
struct trace {
    REAL *state, *faded;          // (tokens, key, value)
    REAL *missing, *fresh;        // (tokens, value)
    REAL *dstate, *dfresh, *dout; // (key, value), (value), (value)
};

static enum fw_status open_trace(const struct fw_run *r, const struct linear *l, struct trace *t)
{
    size_t cells = l->key * l->value;
    *t = (struct trace){.state = scratch_reals(r, l->tokens * cells + 1),
                        .faded = scratch_reals(r, l->tokens * cells + 1),
                        .missing = scratch_reals(r, l->tokens * l->value + 1),
                        .fresh = scratch_reals(r, l->tokens * l->value + 1),
                        .dstate = scratch_reals(r, cells + 1),
                        .dfresh = scratch_reals(r, l->value + 1),
                        .dout = scratch_reals(r, l->value + 1)};
    bool all = t->state != NULL && t->faded != NULL && t->missing != NULL && t->fresh != NULL &&
               t->dstate != NULL && t->dfresh != NULL && t->dout != NULL;
    return all ? FW_OK : fw_fail_memory(r->cx.err);
}

static void again(const struct linear *l, size_t b, size_t h, struct trace *t)
{
    size_t cells = l->key * l->value;
    for (size_t i = 0; i < l->tokens; i++) {
        REAL *state = t->state + i * cells;
        if (i == 0)
            memset(state, 0, cells * sizeof *state);
        else
            memcpy(state, state - cells, cells * sizeof *state);
        take_in(l, b * l->tokens + i, h, state, t->faded + i * cells, t->missing + i * l->value,
                t->fresh + i * l->value);
    }
}

/* s += x.y */
static REAL dot(REAL s, const REAL *x, const REAL *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s = MAC(s, x[i], y[i]);
    return s;
}

/* Queries of a token: their gradient, and what they add to that of the state. */
static void read_back(struct fw_run *r, const struct linear *l, size_t row, size_t h,
                      const REAL *state, struct trace *t)
{
    for (size_t n = h * l->queries; n < (h + 1) * l->queries; n++) {
        size_t heads = l->heads * l->queries;
        size_t at = head_at(row, heads, n, l->key);
        const REAL *dy = reals(r, 0) + head_at(row, heads, n, l->value);
        for (size_t j = 0; j < l->value; j++)
            t->dout[j] = MUL(l->scale, dy[j]);
        for (size_t i = 0; i < l->key; i++) {
            reals_out(r, 0)[at + i] = dot(0, state + i * l->value, t->dout, l->value);
            axpy(t->dstate + i * l->value, l->q[at + i], t->dout, l->value);
        }
    }
}

/* Key, value and rate of a token, and the state before it was taken in. */
static void take_back(struct fw_run *r, const struct linear *l, size_t row, size_t h, size_t token,
                      struct trace *t)
{
    size_t at = head_at(row, l->heads, h, l->key);
    const REAL *k = l->k + at;
    const REAL *faded = t->faded + token * l->key * l->value;
    REAL *dk = reals_out(r, 1) + at;
    REAL *dv = reals_out(r, 2) + head_at(row, l->heads, h, l->value);
    memset(t->dfresh, 0, l->value * sizeof *t->dfresh);
    for (size_t i = 0; i < l->key; i++) {
        axpy(t->dfresh, k[i], t->dstate + i * l->value, l->value);
        dk[i] = dot(0, t->dstate + i * l->value, t->fresh + token * l->value, l->value);
    }
    for (size_t j = 0; j < l->value; j++) {
        dv[j] = t->dfresh[j];
        if (!l->delta)
            continue;
        REAL *rate = &reals_out(r, 4)[rate_at(l, row, h)];
        *rate = ADD(*rate, MUL(dv[j], t->missing[token * l->value + j]));
        dv[j] = MUL(l->beta[rate_at(l, row, h)], dv[j]);
        t->dfresh[j] = NEG(dv[j]); // of what the state held
    }
    for (size_t i = 0; l->delta && i < l->key; i++) {
        dk[i] = dot(dk[i], faded + i * l->value, t->dfresh, l->value);
        axpy(t->dstate + i * l->value, k[i], t->dfresh, l->value);
    }
}

/* The decays of a token. */
static void fade_back(struct fw_run *r, const struct linear *l, size_t row, size_t h, size_t token,
                      struct trace *t)
{
    size_t cells = l->key * l->value;
    for (size_t i = 0; i < cells; i++) {
        size_t at = decay_at(l, row, h, i / l->value);
        REAL *to = &reals_out(r, 3)[at];
        t->dstate[i] = MUL(l->fade[at], t->dstate[i]);
        REAL before = token > 0 ? t->state[(token - 1) * cells + i] : 0;
        *to = ADD(*to, MUL(t->dstate[i], before));
    }
}

KERNEL(linear_attention_grad) // (dy, q, k, v, decay?, beta?)
{
    struct linear l = linear_of(r, 1, 4);
    struct trace t;
    FW_TRY(open_linear(r, 1, 4, &l));
    FW_TRY(open_trace(r, &l, &t));
    for (unsigned i = 0; i < r->cx.node->n_out; i++)
        zero_out(r, i);
    for (size_t i = 0; i < l.batch * l.heads; i++) {
        size_t b = i / l.heads;
        size_t h = i % l.heads;
        again(&l, b, h, &t);
        memset(t.dstate, 0, l.key * l.value * sizeof *t.dstate);
        for (size_t token = l.tokens; token-- > 0;) {
            size_t row = b * l.tokens + token;
            read_back(r, &l, row, h, t.state + token * l.key * l.value, &t);
            take_back(r, &l, row, h, token, &t);
            if (l.gated)
                fade_back(r, &l, row, h, token, &t);
        }
    }
    return FW_OK;
}

/* ---- FlexAttention: (q, k, v) of (batch, heads, length, width) ---- */

/* Scores or probabilities as a body in an attribute makes them: *io its result. */
static enum fw_status modify(struct fw_run *r, unsigned attr, struct fw_buffer **io)
{
    struct fw_graph *body;
    struct fw_buffer **in, **out;
    if (fw_attr_at(&r->cx, attr)->graph == NULL)
        return FW_OK;
    FW_TRY(open_body(r, attr, &body, &in, &out));
    in[0] = *io;
    FW_TRY(r->body(r, body, in, out));
    FW_REQUIRE(out[0] != NULL && out[0]->n == (*io)->n && is_real(out[0]), r->cx.err, FW_SHAPE,
               "a body that keeps the shape of the scores is wanted");
    memcpy((*io)->data, out[0]->data, (*io)->n * sizeof(REAL));
    return FW_OK;
}

static void soften(REAL *s, size_t n)
{
    REAL most = s[0];
    REAL sum = 0;
    for (size_t k = 1; k < n; k++)
        most = MAX(most, s[k]);
    for (size_t k = 0; k < n; k++) {
        s[k] = EXP(SUB(s[k], most));
        sum = k == 0 ? s[k] : ADD(sum, s[k]);
    }
    for (size_t k = 0; k < n; k++)
        s[k] = DIV(s[k], sum);
}

KERNEL(flex_attention)
{
    const struct fw_buffer *q = r->in[0], *k = r->in[1], *v = r->in[2];
    size_t heads = (size_t)q->dims[1], groups = (size_t)k->dims[1];
    size_t queries = (size_t)q->dims[2], keys = (size_t)k->dims[2];
    size_t width = (size_t)q->dims[3], v_width = (size_t)v->dims[3];
    size_t lines = (size_t)q->dims[0] * heads;
    REAL scale = attr_real(r, "scale");
    struct fw_buffer scores = *q, *s = &scores;
    FW_REQUIRE(groups > 0 && heads % groups == 0, r->cx.err, FW_SHAPE,
               "heads that the heads of the keys divide are wanted");
    scale = scale != 0 ? scale : one_over_root(width);
    scores.n = lines * queries * keys;
    scores.dims[3] = (int64_t)keys;
    scores.data = scratch_zeros(r, scores.n + 1);
    REAL *p = scores.data;
    if (p == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    for (size_t i = 0; i < lines; i++) {
        size_t g = i / heads * groups + i % heads / (heads / groups);
        FW_TRY(product(r, queries, keys, width, matrix_of(p + i * queries * keys, keys, 1),
                       matrix_of(reals(r, 0) + i * queries * width, width, 1),
                       turned(matrix_of(reals(r, 1) + g * keys * width, width, 1))));
    }
    for (size_t i = 0; i < scores.n; i++)
        p[i] = MUL(p[i], scale);
    FW_TRY(modify(r, 0, &s));
    for (size_t i = 0; keys > 0 && i < scores.n; i += keys)
        soften(p + i, keys);
    FW_TRY(modify(r, 1, &s));
    for (size_t i = 0; i < lines; i++) {
        size_t g = i / heads * groups + i % heads / (heads / groups);
        FW_TRY(product(r, queries, v_width, keys,
                       matrix_of(reals_out(r, 0) + i * queries * v_width, v_width, 1),
                       matrix_of(p + i * queries * keys, keys, 1),
                       matrix_of(reals(r, 2) + g * keys * v_width, v_width, 1)));
    }
    return FW_OK;
}
