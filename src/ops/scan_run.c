/* Kernels of scan.c; its file head has the recurrences. States lie (channel, state). */
#include "ops/kernel.h"

/* ---- SelectiveScan: (x, dt, A, B, C, D) ---- */

enum { X, DT, A, B, C, D, N_IN };

struct scan {
    size_t batch, length, d, n;
    const REAL *in[N_IN];
};

static struct scan scan_of(const struct fw_run *r, unsigned first)
{
    const struct fw_buffer *x = r->in[first];
    struct scan s = {.batch = (size_t)x->dims[0],
                     .length = (size_t)x->dims[1],
                     .d = (size_t)x->dims[2],
                     .n = (size_t)r->in[first + A]->dims[1]};
    for (unsigned i = 0; i < N_IN; i++)
        s.in[i] = reals(r, first + i);
    return s;
}

/* One token: to = exp(dt*A)*from + dt*B*x; fade (d*n) takes exp(dt*A). */
static void advance(const struct scan *s, size_t row, const REAL *from, REAL *to, REAL *fade)
{
    for (size_t i = 0; i < s->d * s->n; i++) {
        size_t c = row * s->d + i / s->n;
        fade[i] = EXP(MUL(s->in[DT][c], s->in[A][i]));
        REAL fresh = MUL(MUL(s->in[DT][c], s->in[B][row * s->n + i % s->n]), s->in[X][c]);
        to[i] = ADD(MUL(fade[i], from[i]), fresh);
    }
}

KERNEL(selective_scan)
{
    struct scan s = scan_of(r, 0);
    REAL *h = scratch_reals(r, s.d * s.n + 1);
    REAL *fade = scratch_reals(r, s.d * s.n + 1);
    if (h == NULL || fade == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t row = 0; row < s.batch * s.length; row++) {
        if (row % s.length == 0)
            memset(h, 0, s.d * s.n * sizeof *h);
        advance(&s, row, h, h, fade);
        for (size_t c = 0; c < s.d; c++) {
            REAL y = 0;
            for (size_t k = 0; k < s.n; k++)
                y = MAC(y, s.in[C][row * s.n + k], h[c * s.n + k]);
            reals_out(r, 0)[row * s.d + c] = ADD(y, MUL(s.in[D][c], s.in[X][row * s.d + c]));
        }
    }
    return FW_OK;
}

/* One token backward: h its state, before the one in front, dh (d*n) the gradient of h. */
static void scan_back(struct fw_run *r, const struct scan *s, size_t row, const REAL *h,
                      const REAL *before, const REAL *fade, REAL *dh)
{
    for (size_t c = 0; c < s->d; c++) {
        size_t at = row * s->d + c;
        REAL x = s->in[X][at];
        REAL dt = s->in[DT][at];
        REAL dy = reals(r, 0)[at];
        REAL step = MUL(dt, x);
        REAL of_step = 0;
        REAL ddt = 0;
        REAL *dd = &reals_out(r, D)[c];
        *dd = ADD(*dd, MUL(dy, x));
        for (size_t k = 0; k < s->n; k++) {
            size_t i = c * s->n + k;
            size_t token = row * s->n + k;
            REAL *da = &reals_out(r, A)[i];
            REAL *db = &reals_out(r, B)[token];
            REAL *dc = &reals_out(r, C)[token];
            *dc = MAC(*dc, h[i], dy);
            REAL g = MAC(dh[i], s->in[C][token], dy);
            of_step = ADD(of_step, MUL(g, s->in[B][token]));
            *db = ADD(*db, MUL(g, step));
            dh[i] = MUL(g, fade[i]);
            REAL e = MUL(dh[i], before[i]); // of dt*A
            ddt = ADD(ddt, MUL(e, s->in[A][i]));
            *da = ADD(*da, MUL(e, dt));
        }
        reals_out(r, X)[at] = ADD(MUL(s->in[D][c], dy), MUL(dt, of_step));
        reals_out(r, DT)[at] = ADD(ddt, MUL(x, of_step));
    }
}

KERNEL(selective_scan_grad) // (dy, ...)
{
    struct scan s = scan_of(r, 1);
    size_t cells = s.d * s.n;
    REAL *h = scratch_reals(r, (s.length + 1) * cells + 1); // behind every token; zeros in front
    REAL *fade = scratch_reals(r, s.length * cells + 1);
    REAL *dh = scratch_reals(r, cells + 1);
    if (h == NULL || fade == NULL || dh == NULL)
        return fw_fail_memory(r->cx.err);
    for (unsigned i = A; i < N_IN; i++)
        zero_out(r, i);
    memset(h, 0, cells * sizeof *h);
    for (size_t b = 0; b < s.batch; b++) {
        for (size_t t = 0; t < s.length; t++)
            advance(&s, b * s.length + t, h + t * cells, h + (t + 1) * cells, fade + t * cells);
        memset(dh, 0, cells * sizeof *dh);
        for (size_t t = s.length; t-- > 0;)
            scan_back(r, &s, b * s.length + t, h + (t + 1) * cells, h + t * cells, fade + t * cells,
                      dh);
    }
    return FW_OK;
}

/* ---- Wkv: (w, u, k, v) ---- */

enum { W, U, K, V };

/* Weighted sums of values and of ones, both times exp(-most). */
struct means {
    REAL sum, weight, most;
};

/* The factors of the state and of this token's value, and the larger exponent of both. */
static REAL weigh(REAL state, REAL token, REAL *ret_state, REAL *ret_token)
{
    REAL most = MAX(state, token);
    *ret_state = EXP(SUB(state, most));
    *ret_token = EXP(SUB(token, most));
    return most;
}

static struct means mix(const struct means *m, REAL of_state, REAL of_token, REAL v, REAL most)
{
    return (struct means){ADD(MUL(of_state, m->sum), MUL(of_token, v)),
                          ADD(MUL(of_state, m->weight), of_token), most};
}

/* What a token's output is made of. */
struct seen {
    struct means m;
    REAL of_state, of_token;
};

static struct seen see(const struct means *m, REAL u, REAL k, REAL v)
{
    struct seen s;
    REAL most = weigh(m->most, ADD(k, u), &s.of_state, &s.of_token);
    s.m = mix(m, s.of_state, s.of_token, v, most);
    return s;
}

static struct seen move_on(const struct means *m, REAL w, REAL k, REAL v)
{
    struct seen s;
    REAL most = weigh(ADD(m->most, w), k, &s.of_state, &s.of_token);
    s.m = mix(m, s.of_state, s.of_token, v, most);
    return s;
}

static const struct means nothing = {0, 0, (REAL)-1e38};

KERNEL(wkv)
{
    size_t length = (size_t)r->in[V]->dims[1];
    size_t d = (size_t)r->in[V]->dims[2];
    for (size_t i = 0; i < (size_t)r->in[V]->dims[0] * d; i++) {
        size_t c = i % d;
        struct means m = nothing;
        for (size_t t = 0; t < length; t++) {
            size_t at = (i / d * length + t) * d + c;
            REAL k = reals(r, K)[at];
            REAL v = reals(r, V)[at];
            struct means y = see(&m, reals(r, U)[c], k, v).m;
            reals_out(r, 0)[at] = DIV(y.sum, y.weight);
            m = move_on(&m, reals(r, W)[c], k, v).m;
        }
    }
    return FW_OK;
}

/* One channel of one example; s, m (length): steps of the state, and the states they start from.
 * The larger exponent cancels out of every result, so it is a constant here. */
static void wkv_back(struct fw_run *r, size_t b, size_t c, struct seen *s, struct means *m)
{
    size_t length = (size_t)r->in[1 + V]->dims[1];
    size_t d = (size_t)r->in[1 + V]->dims[2];
    const REAL *k = reals(r, 1 + K) + b * length * d + c;
    const REAL *v = reals(r, 1 + V) + b * length * d + c;
    REAL w = reals(r, 1 + W)[c];
    REAL u = reals(r, 1 + U)[c];
    REAL dsum = 0;
    REAL dweight = 0;
    REAL *dw = &reals_out(r, W)[c];
    REAL *du = &reals_out(r, U)[c];
    for (size_t t = 0; t < length; t++) {
        m[t] = t == 0 ? nothing : s[t - 1].m;
        s[t] = move_on(&m[t], w, k[t * d], v[t * d]);
    }
    for (size_t t = length; t-- > 0;) {
        size_t at = t * d;
        struct seen now = see(&m[t], u, k[at], v[at]);
        REAL y = DIV(now.m.sum, now.m.weight);
        REAL dy = DIV(reals(r, 0)[(b * length + t) * d + c], now.m.weight);
        REAL to_state = MUL(now.of_state, dy);
        REAL to_token = MUL(now.of_token, dy);
        REAL dku = MUL(to_token, SUB(v[at], y));
        REAL ahead = MUL(s[t].of_token, dsum); // of the value, by the states that follow
        REAL dk = MUL(s[t].of_token, ADD(MUL(v[at], dsum), dweight));
        dsum = MUL(s[t].of_state, dsum);
        dweight = MUL(s[t].of_state, dweight);
        *dw = ADD(*dw, ADD(MUL(m[t].sum, dsum), MUL(m[t].weight, dweight)));
        *du = ADD(*du, dku);
        reals_out(r, K)[(b * length + t) * d + c] = ADD(dk, dku);
        reals_out(r, V)[(b * length + t) * d + c] = ADD(to_token, ahead);
        dsum = ADD(dsum, to_state);
        dweight = SUB(dweight, MUL(to_state, y));
    }
}

KERNEL(wkv_grad) // (dy, ...)
{
    size_t length = (size_t)r->in[1 + V]->dims[1];
    size_t d = (size_t)r->in[1 + V]->dims[2];
    struct seen *s = fw_arena_array(r->scratch, length + 1, sizeof *s);
    struct means *m = fw_arena_array(r->scratch, length + 1, sizeof *m);
    if (s == NULL || m == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, W);
    zero_out(r, U);
    for (size_t i = 0; i < (size_t)r->in[1 + V]->dims[0] * d; i++)
        wkv_back(r, i / d, i % d, s, m);
    return FW_OK;
}
