/* Forward kernels of rnn.c, whose file head has the formulas: RNN, GRU, LSTM. */
#include "ops/rnn_kernel.h"

/* Of one direction: (batch, width) each. */
struct step {
    REAL *x, *pre, *under, *h, *c, *rh, *turned_w, *turned_r;
    const REAL *bias_w, *bias_r, *peephole;
    REAL *saved; // of an example: where its gates go, or scratch
};

/* A copy of (rows, columns) turned, so that products update rows. */
static REAL *turn(const struct fw_run *r, const REAL *a, size_t rows, size_t columns)
{
    REAL *p = scratch_reals(r, rows * columns);
    for (size_t i = 0; p != NULL && i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            p[j * rows + i] = a[i * columns + j];
    return p;
}

static void initial(const struct rnn *v, size_t d, const REAL *from, REAL *to)
{
    for (size_t b = 0; b < v->batch; b++)
        for (size_t j = 0; j < v->hidden; j++)
            to[b * v->hidden + j] = from != NULL ? from[h_at(v, d, b) + j] : 0;
}

static enum fw_status open_step(struct fw_run *r, const struct rnn *v, size_t d, struct step *s)
{
    size_t gh = v->gates * v->hidden;
    s->turned_w = turn(r, reals(r, W) + d * gh * v->in, gh, v->in);
    s->turned_r = turn(r, reals(r, R) + d * gh * v->hidden, gh, v->hidden);
    s->x = scratch_reals(r, v->batch * v->in);
    s->pre = scratch_reals(r, v->batch * gh);
    s->under = scratch_reals(r, v->batch * v->hidden);
    s->h = scratch_reals(r, v->batch * v->hidden);
    s->c = scratch_reals(r, v->batch * v->hidden);
    s->rh = scratch_reals(r, v->batch * v->hidden);
    s->saved = scratch_reals(r, 6 * v->hidden);
    if (s->turned_w == NULL || s->turned_r == NULL || s->x == NULL || s->pre == NULL ||
        s->under == NULL || s->h == NULL || s->c == NULL || s->rh == NULL || s->saved == NULL)
        return fw_fail_memory(r->cx.err);
    s->bias_w = fw_run_has(r, B) ? reals(r, B) + d * 2 * gh : NULL;
    s->bias_r = s->bias_w != NULL ? s->bias_w + gh : NULL;
    s->peephole = v->kind == LSTM && fw_run_has(r, P) ? reals(r, P) + d * 3 * v->hidden : NULL;
    initial(v, d, reals(r, H0), s->h);
    initial(v, d, v->kind == LSTM ? reals(r, C0) : NULL, s->c);
    return FW_OK;
}

static REAL biased(REAL x, const REAL *bias, size_t i)
{
    return bias != NULL ? ADD(x, bias[i]) : x;
}

/* Pre-activations of all gates; with the reset gate before its product (GRU) that of the new state
 * waits for it, with the gate behind it the product stands apart in `under`. */
static enum fw_status project(struct fw_run *r, const struct rnn *v, struct step *s)
{
    size_t gh = v->gates * v->hidden;
    size_t now = v->kind == GRU ? 2 * v->hidden : gh;
    memset(s->pre, 0, v->batch * gh * sizeof *s->pre);
    memset(s->under, 0, v->batch * v->hidden * sizeof *s->under);
    FW_TRY(product(r, v->batch, gh, v->in, block(s->pre, gh, 0), block(s->x, v->in, 0),
                   block(s->turned_w, gh, 0)));
    FW_TRY(product(r, v->batch, now, v->hidden, block(s->pre, gh, 0), block(s->h, v->hidden, 0),
                   block(s->turned_r, gh, 0)));
    if (v->kind == GRU && v->option)
        return product(r, v->batch, v->hidden, v->hidden, block(s->under, v->hidden, 0),
                       block(s->h, v->hidden, 0), block(s->turned_r, gh, now));
    return FW_OK;
}

static void rnn_unit(const struct rnn *v, struct step *s, size_t d, size_t b)
{
    for (size_t j = 0; j < v->hidden; j++) {
        REAL x = biased(biased(s->pre[b * v->hidden + j], s->bias_w, j), s->bias_r, j);
        s->h[b * v->hidden + j] = activate(&v->f[d][0], x);
    }
}

static void lstm_unit(const struct rnn *v, struct step *s, size_t d, size_t b, REAL *saved)
{
    enum { I, O, F, C, CELL };
    size_t n = v->hidden;
    const REAL *p = s->peephole;
    for (size_t j = 0; j < n; j++) {
        REAL pre[4];
        REAL *cell = &s->c[b * n + j];
        for (size_t g = 0; g < 4; g++)
            pre[g] = biased(biased(s->pre[(b * 4 + g) * n + j], s->bias_w, g * n + j), s->bias_r,
                            g * n + j);
        if (p != NULL)
            pre[I] = ADD(pre[I], MUL(p[j], *cell));
        if (p != NULL && !v->option)
            pre[F] = ADD(pre[F], MUL(p[2 * n + j], *cell));
        REAL i = activate(&v->f[d][0], pre[I]);
        REAL f = v->option ? SUB((REAL)1, i) : activate(&v->f[d][0], pre[F]);
        REAL c = activate(&v->f[d][1], pre[C]);
        *cell = ADD(MUL(f, *cell), MUL(i, c));
        if (p != NULL)
            pre[O] = ADD(pre[O], MUL(p[n + j], *cell));
        REAL o = activate(&v->f[d][0], pre[O]);
        s->h[b * n + j] = MUL(o, activate(&v->f[d][2], *cell));
        saved[I * n + j] = i;
        saved[O * n + j] = o;
        saved[F * n + j] = f;
        saved[C * n + j] = c;
        saved[CELL * n + j] = *cell;
    }
}

/* z and r of every example, and r*H where the product waits for it. */
static void gru_gates(const struct rnn *v, struct step *s, size_t d)
{
    size_t n = v->hidden;
    for (size_t b = 0; b < v->batch; b++)
        for (size_t j = 0; j < 2 * n; j++) {
            REAL *p = &s->pre[b * 3 * n + j];
            *p = activate(&v->f[d][0], biased(biased(*p, s->bias_w, j), s->bias_r, j));
            if (j >= n && !v->option)
                s->rh[b * n + j - n] = MUL(*p, s->h[b * n + j - n]);
        }
}

static void gru_unit(const struct rnn *v, struct step *s, size_t d, size_t b, REAL *saved)
{
    size_t n = v->hidden;
    for (size_t j = 0; j < n; j++) {
        REAL z = s->pre[b * 3 * n + j];
        REAL reset = s->pre[(b * 3 + 1) * n + j];
        REAL x = biased(s->pre[(b * 3 + 2) * n + j], s->bias_w, 2 * n + j);
        REAL under = 0;
        if (v->option) {
            under = biased(s->under[b * n + j], s->bias_r, 2 * n + j);
            x = ADD(x, MUL(reset, under));
        } else {
            x = biased(x, s->bias_r, 2 * n + j);
        }
        REAL h = activate(&v->f[d][1], x);
        REAL *state = &s->h[b * n + j];
        *state = ADD(h, MUL(z, SUB(*state, h)));
        saved[j] = z;
        saved[n + j] = reset;
        saved[2 * n + j] = h;
        if (v->option)
            saved[3 * n + j] = under;
    }
}

/* One step of one example; a step beyond its length leaves the state as it was. */
static void unit(struct fw_run *r, const struct rnn *v, struct step *s, size_t d, size_t b,
                 size_t at, REAL *old)
{
    const struct fw_rnn_family *family = r->cx.node->op->family;
    size_t n = v->hidden;
    bool valid = at < length_of(v, b);
    size_t t = time_of(v, d, b, at);
    const struct fw_buffer *reserve = family->reserve > 0 ? fw_run_out(r, family->reserve) : NULL;
    REAL *saved = s->saved;
    if (reserve != NULL && (r->cx.node->op->reserve_out >> family->reserve & 1u)) {
        size_t width = (size_t)reserve->dims[3];
        saved = reals_of(reserve) + a_at(v, t, d, b, width);
    }
    memcpy(old, s->h + b * n, n * sizeof *old);
    memcpy(old + n, s->c + b * n, n * sizeof *old);
    if (v->kind == RNN)
        rnn_unit(v, s, d, b);
    else if (v->kind == GRU)
        gru_unit(v, s, d, b, saved);
    else
        lstm_unit(v, s, d, b, saved);
    REAL *y = reals_out(r, Y);
    for (size_t j = 0; y != NULL && j < n; j++)
        y[y_at(v, t, d, b) + j] = valid ? s->h[b * n + j] : 0;
    if (!valid) {
        memcpy(s->h + b * n, old, n * sizeof *old);
        memcpy(s->c + b * n, old + n, n * sizeof *old);
    }
}

static enum fw_status direction(struct fw_run *r, const struct rnn *v, size_t d)
{
    struct step s;
    size_t n = v->hidden;
    REAL *old = scratch_reals(r, 2 * n);
    FW_TRY(open_step(r, v, d, &s));
    if (old == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t at = 0; at < v->seq; at++) {
        for (size_t b = 0; b < v->batch; b++)
            memcpy(s.x + b * v->in, reals(r, X) + x_at(v, time_of(v, d, b, at), b),
                   v->in * sizeof *s.x);
        FW_TRY(project(r, v, &s));
        if (v->kind == GRU)
            gru_gates(v, &s, d);
        if (v->kind == GRU && !v->option)
            FW_TRY(product(r, v->batch, n, n, block(s.pre, 3 * n, 2 * n), block(s.rh, n, 0),
                           block(s.turned_r, 3 * n, 2 * n)));
        for (size_t b = 0; b < v->batch; b++)
            unit(r, v, &s, d, b, at, old);
    }
    for (size_t b = 0; b < v->batch; b++)
        for (size_t j = 0; j < n; j++) {
            if (fw_run_out(r, Y_H) != NULL)
                reals_out(r, Y_H)[h_at(v, d, b) + j] = s.h[b * n + j];
            if (v->kind == LSTM && fw_run_out(r, Y_C) != NULL)
                reals_out(r, Y_C)[h_at(v, d, b) + j] = s.c[b * n + j];
        }
    return FW_OK;
}

KERNEL(recurrent)
{
    struct rnn v;
    FW_TRY(rnn_read(r, r->in[X], r->in[R], LENS, &v));
    for (size_t d = 0; d < v.dirs; d++)
        FW_TRY(direction(r, &v, d));
    return FW_OK;
}
