/* Backward kernels of rnn.c: the gradients of the gates, back through time, and the products of
 * what they give with inputs, states and weights. */
#include "ops/rnn_kernel.h"

/* ---- gates ---- */

/* Of one direction, (batch, hidden) each; da: (batch, width) of the step. */
struct back {
    size_t width;
    REAL *dh, *dc, *old_h, *old_c, *hand, *du, *da;
};

static enum fw_status open_back(struct fw_run *r, const struct rnn *v, size_t width, struct back *s)
{
    size_t n = v->batch * v->hidden;
    s->width = width;
    s->dh = scratch_zeros(r, n);
    s->dc = scratch_zeros(r, n);
    s->old_h = scratch_zeros(r, n);
    s->old_c = scratch_zeros(r, n);
    s->hand = scratch_zeros(r, n);
    s->du = scratch_zeros(r, n);
    s->da = scratch_zeros(r, v->batch * width);
    return s->dh != NULL && s->dc != NULL && s->old_h != NULL && s->old_c != NULL &&
                   s->hand != NULL && s->du != NULL && s->da != NULL
               ? FW_OK
               : fw_fail_memory(r->cx.err);
}

/* The gradient of the last state, or zeros. */
static void last_state(const struct rnn *v, size_t d, const REAL *from, REAL *to)
{
    for (size_t b = 0; b < v->batch; b++)
        for (size_t j = 0; j < v->hidden; j++)
            to[b * v->hidden + j] = from != NULL ? from[h_at(v, d, b) + j] : 0;
}

/* The gates that the forward pass kept of a step. */
static const REAL *kept(struct fw_run *r, const struct rnn *v, size_t d, size_t b, size_t at)
{
    const struct fw_buffer *reserve = r->in[G_RESERVE];
    size_t width = (size_t)reserve->dims[3];
    return reals_of(reserve) + a_at(v, time_of(v, d, b, at), d, b, width);
}

/* The states before a step: H of Y or H0, C of the reserve or C0. */
static void old_states(struct fw_run *r, const struct rnn *v, struct back *s, size_t d, size_t at)
{
    size_t n = v->hidden;
    for (size_t b = 0; b < v->batch; b++) {
        const REAL *h = NULL;
        const REAL *c = NULL;
        if (v->kind == GRU && at > 0)
            h = reals(r, G_Y) + y_at(v, time_of(v, d, b, at - 1), d, b);
        else if (v->kind == GRU && fw_run_has(r, G_H0))
            h = reals(r, G_H0) + h_at(v, d, b);
        if (v->kind == LSTM && at > 0)
            c = kept(r, v, d, b, at - 1) + 4 * n;
        else if (v->kind == LSTM && fw_run_has(r, G_C0))
            c = reals(r, G_C0) + h_at(v, d, b);
        for (size_t j = 0; j < n; j++) {
            s->old_h[b * n + j] = h != NULL ? h[j] : 0;
            s->old_c[b * n + j] = c != NULL ? c[j] : 0;
        }
    }
}

static void lstm_back(struct fw_run *r, const struct rnn *v, struct back *s, size_t d, size_t b,
                      const REAL *dh, const REAL *gates)
{
    enum { I, O, F, C, CELL };
    size_t n = v->hidden;
    const REAL *p = fw_run_has(r, G_P) ? reals(r, G_P) + d * 3 * n : NULL;
    REAL *da = s->da + b * s->width;
    for (size_t j = 0; j < n; j++) {
        REAL i = gates[j], o = gates[n + j], f = gates[2 * n + j], c = gates[3 * n + j];
        REAL hc = activate(&v->f[d][2], gates[CELL * n + j]);
        REAL dc = s->dc[b * n + j];
        da[O * n + j] = derive(&v->f[d][0], MUL(dh[j], hc), o);
        dc = ADD(dc, derive(&v->f[d][2], MUL(dh[j], o), hc));
        if (p != NULL)
            dc = ADD(dc, MUL(da[O * n + j], p[n + j]));
        REAL di = MUL(dc, c);
        REAL df = MUL(dc, s->old_c[b * n + j]);
        REAL dg = MUL(dc, i);
        REAL back = MUL(dc, f);
        if (v->option) {
            BRANCH();
            di = SUB(di, df);
        }
        da[I * n + j] = derive(&v->f[d][0], di, i);
        da[F * n + j] = v->option ? 0 : derive(&v->f[d][0], df, f);
        da[C * n + j] = derive(&v->f[d][1], dg, c);
        if (p != NULL)
            back = ADD(back, MUL(da[I * n + j], p[j]));
        if (p != NULL && !v->option)
            back = ADD(back, MUL(da[F * n + j], p[2 * n + j]));
        s->dc[b * n + j] = back;
        s->hand[b * n + j] = 0;
    }
}

/* All but the reset gate where that stands before the product. */
static void gru_back(const struct rnn *v, struct back *s, size_t d, size_t b, const REAL *dh,
                     const REAL *gates)
{
    size_t n = v->hidden;
    REAL *da = s->da + b * s->width;
    for (size_t j = 0; j < n; j++) {
        REAL z = gates[j], reset = gates[n + j], h = gates[2 * n + j];
        REAL t = MUL(dh[j], z);
        REAL new_state = SUB(dh[j], t);
        REAL dz = MUL(dh[j], SUB(s->old_h[b * n + j], h));
        da[j] = derive(&v->f[d][0], dz, z);
        da[2 * n + j] = derive(&v->f[d][1], new_state, h);
        s->hand[b * n + j] = t;
        if (v->option) {
            REAL dr = MUL(da[2 * n + j], gates[3 * n + j]);
            da[3 * n + j] = MUL(da[2 * n + j], reset);
            da[n + j] = derive(&v->f[d][0], dr, reset);
        }
    }
}

static void gru_reset_back(struct fw_run *r, const struct rnn *v, struct back *s, size_t d,
                           size_t at)
{
    size_t n = v->hidden;
    for (size_t b = 0; b < v->batch; b++) {
        const REAL *gates = kept(r, v, d, b, at);
        for (size_t j = 0; j < n; j++) {
            REAL du = s->du[b * n + j];
            REAL dr = MUL(du, s->old_h[b * n + j]);
            s->hand[b * n + j] = ADD(s->hand[b * n + j], MUL(du, gates[n + j]));
            s->da[b * s->width + n + j] = derive(&v->f[d][0], dr, gates[n + j]);
        }
    }
}

/* dA of one step, but for what the recurrent product adds. */
static enum fw_status gates_back(struct fw_run *r, const struct rnn *v, struct back *s, size_t d,
                                 size_t at, bool hands)
{
    size_t n = v->hidden;
    REAL *dh = scratch_reals(r, n);
    if (dh == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t b = 0; b < v->batch; b++) {
        size_t t = time_of(v, d, b, at);
        for (size_t j = 0; j < n; j++) {
            dh[j] = s->dh[b * n + j];
            if (fw_run_has(r, G_DY))
                dh[j] = ADD(dh[j], reals(r, G_DY)[y_at(v, t, d, b) + j]);
        }
        if (v->kind == LSTM)
            lstm_back(r, v, s, d, b, dh, kept(r, v, d, b, at));
        else if (v->kind == GRU)
            gru_back(v, s, d, b, dh, kept(r, v, d, b, at));
        for (size_t j = 0; v->kind == RNN && j < n; j++) {
            s->da[b * n + j] = derive(&v->f[d][0], dh[j], reals(r, G_Y)[y_at(v, t, d, b) + j]);
            s->hand[b * n + j] = 0;
        }
    }
    if (v->kind != GRU || v->option)
        return FW_OK;
    memset(s->du, 0, v->batch * n * sizeof *s->du);
    if (hands || fw_run_has(r, G_H0)) {
        const REAL *weight = reals(r, G_R) + (d * 3 + 2) * n * n;
        FW_TRY(product(r, v->batch, n, n, block(s->du, n, 0), block(s->da, s->width, 2 * n),
                       matrix_of(weight, n, 1)));
    }
    gru_reset_back(r, v, s, d, at);
    return FW_OK;
}

/* hand += dA R, of the gates whose product has the state itself. */
static enum fw_status hand_back(struct fw_run *r, const struct rnn *v, struct back *s, size_t d)
{
    size_t n = v->hidden;
    const REAL *weight = reals(r, G_R) + d * v->gates * n * n;
    size_t some = v->kind == GRU ? 2 * n : v->gates * n;
    FW_TRY(product(r, v->batch, n, some, block(s->hand, n, 0), block(s->da, s->width, 0),
                   matrix_of(weight, n, 1)));
    if (v->kind == GRU && v->option)
        return product(r, v->batch, n, n, block(s->hand, n, 0), block(s->da, s->width, 3 * n),
                       matrix_of(weight + some * n, n, 1));
    return FW_OK;
}

/* Keeps what a step gave where it is within the example's length; else the gradients pass it. */
static void close_step(struct fw_run *r, const struct rnn *v, struct back *s, size_t d, size_t at,
                       const REAL *dc_before)
{
    size_t n = v->hidden;
    for (size_t b = 0; b < v->batch; b++) {
        REAL *da = reals_out(r, G_DA) + a_at(v, time_of(v, d, b, at), d, b, s->width);
        bool valid = at < length_of(v, b);
        for (size_t k = 0; k < s->width; k++)
            da[k] = valid ? s->da[b * s->width + k] : 0;
        for (size_t j = b * n; j < (b + 1) * n; j++) {
            s->dh[j] = valid ? s->hand[j] : s->dh[j];
            s->dc[j] = valid ? s->dc[j] : dc_before[j];
        }
    }
}

static enum fw_status direction(struct fw_run *r, const struct rnn *v, size_t d)
{
    struct back s;
    size_t n = v->batch * v->hidden;
    REAL *dc_before = scratch_reals(r, n);
    FW_TRY(open_back(r, v, (size_t)r->out[G_DA]->dims[3], &s));
    if (dc_before == NULL)
        return fw_fail_memory(r->cx.err);
    last_state(v, d, reals(r, G_DYH), s.dh);
    last_state(v, d, reals(r, G_DYC), s.dc);
    for (size_t at = v->seq; at-- > 0;) {
        bool hands = at > 0 || fw_run_out(r, G_DH0) != NULL;
        memcpy(dc_before, s.dc, n * sizeof *dc_before);
        old_states(r, v, &s, d, at);
        FW_TRY(gates_back(r, v, &s, d, at, hands));
        if (hands)
            FW_TRY(hand_back(r, v, &s, d));
        close_step(r, v, &s, d, at, dc_before);
    }
    for (size_t b = 0; b < v->batch; b++)
        for (size_t j = 0; j < v->hidden; j++) {
            if (fw_run_out(r, G_DH0) != NULL)
                reals_out(r, G_DH0)[h_at(v, d, b) + j] = s.dh[b * v->hidden + j];
            if (fw_run_out(r, G_DC0) != NULL)
                reals_out(r, G_DC0)[h_at(v, d, b) + j] = s.dc[b * v->hidden + j];
        }
    return FW_OK;
}

KERNEL(recurrent_gates)
{
    struct rnn v;
    FW_TRY(rnn_read(r, r->in[G_X], r->in[G_R], G_LENS, &v));
    for (size_t d = 0; d < v.dirs; d++)
        FW_TRY(direction(r, &v, d));
    return FW_OK;
}

/* ---- products of dA (seq, directions, batch, width) ---- */

/* The layout of a product row, from dA and the forward attributes; in: width of X. */
static struct rnn product_layout(const struct fw_run *r, size_t in, size_t hidden, unsigned lens)
{
    const struct fw_buffer *da = r->in[0];
    struct fw_buffer x = {.dims = {da->dims[0], da->dims[2], (int64_t)in}};
    struct rnn v = {.hidden = hidden, .lens = fw_run_in(r, lens)};
    if (fw_run_attr_int(r, "layout", 0) != 0) {
        x.dims[0] = da->dims[2];
        x.dims[1] = da->dims[0];
    }
    layout_of(r, &x, (size_t)da->dims[1], &v);
    return v;
}

/* dA of one time and direction as a matrix (batch, width) from column `from` on. */
static struct matrix da_of(const struct fw_run *r, const struct rnn *v, size_t t, size_t d,
                           size_t from)
{
    size_t width = (size_t)r->in[0]->dims[3];
    return matrix_of(reals(r, 0) + a_at(v, t, d, 0, width) + from, width, 1);
}

/* X or dX of one time as a matrix (batch, in). */
static struct matrix x_of(const struct rnn *v, const REAL *x, size_t t)
{
    return matrix_of(x + x_at(v, t, 0), v->first ? v->seq * v->in : v->in, 1);
}

KERNEL(recurrent_dx) // (dA, W, X)
{
    const struct fw_buffer *w = r->in[1];
    size_t gates = (size_t)w->dims[1];
    struct rnn v = product_layout(r, (size_t)w->dims[2], 0, 31);
    zero_out(r, 0);
    for (size_t d = 0; d < v.dirs; d++)
        for (size_t t = 0; t < v.seq; t++)
            FW_TRY(product(r, v.batch, v.in, gates, x_of(&v, reals_out(r, 0), t),
                           da_of(r, &v, t, d, 0),
                           matrix_of(reals(r, 1) + d * gates * v.in, v.in, 1)));
    return FW_OK;
}

KERNEL(recurrent_dw) // (dA, X, W)
{
    const struct fw_buffer *w = r->out[0];
    size_t gates = (size_t)w->dims[1];
    struct rnn v = product_layout(r, (size_t)w->dims[2], 0, 31);
    zero_out(r, 0);
    for (size_t d = 0; d < v.dirs; d++)
        for (size_t t = 0; t < v.seq; t++)
            FW_TRY(product(r, gates, v.in, v.batch,
                           matrix_of(reals_out(r, 0) + d * gates * v.in, v.in, 1),
                           turned(da_of(r, &v, t, d, 0)), x_of(&v, reals(r, 1), t)));
    return FW_OK;
}

/* dA and the state before a step in step order: the rows of `da` (batch, width) and `h`. */
static void gather_step(const struct fw_run *r, const struct rnn *v, size_t d, size_t at, REAL *da,
                        REAL *h, const REAL *first)
{
    size_t width = (size_t)r->in[0]->dims[3];
    for (size_t b = 0; b < v->batch; b++) {
        const REAL *from = reals(r, 0) + a_at(v, time_of(v, d, b, at), d, b, width);
        const REAL *old = at > 0          ? reals(r, 1) + y_at(v, time_of(v, d, b, at - 1), d, b)
                          : first != NULL ? first + h_at(v, d, b)
                                          : NULL;
        memcpy(da + b * width, from, width * sizeof *da);
        for (size_t j = 0; j < v->hidden; j++)
            h[b * v->hidden + j] = old != NULL ? old[j] : 0;
    }
}

/* r*H of the step, where the reset gate stands before the product. */
static void reset_state(const struct fw_run *r, const struct rnn *v, size_t d, size_t at, REAL *h)
{
    size_t n = v->hidden;
    size_t width = (size_t)r->in[4]->dims[3];
    for (size_t b = 0; b < v->batch; b++) {
        const REAL *gates = reals(r, 4) + a_at(v, time_of(v, d, b, at), d, b, width);
        for (size_t j = 0; j < n; j++)
            h[b * n + j] = MUL(gates[n + j], h[b * n + j]);
    }
}

KERNEL(recurrent_dr) // (dA, Y, R, H0?, gates?, lengths?)
{
    const struct fw_buffer *weight = r->out[0];
    size_t n = (size_t)weight->dims[2];
    size_t gates = (size_t)weight->dims[1];
    size_t width = (size_t)r->in[0]->dims[3];
    struct rnn v = product_layout(r, 0, n, 5);
    bool split = fw_run_has(r, 4) || width > gates; // a GRU's new state has another factor
    size_t same = split ? 2 * n : gates;
    REAL *da = scratch_reals(r, v.batch * width);
    REAL *h = scratch_reals(r, v.batch * n);
    if (da == NULL || h == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    for (size_t d = 0; d < v.dirs; d++)
        for (size_t at = 0; at < v.seq; at++) {
            REAL *to = reals_out(r, 0) + d * gates * n;
            gather_step(r, &v, d, at, da, h, reals(r, 3));
            FW_TRY(product(r, same, n, v.batch, matrix_of(to, n, 1), turned(block(da, width, 0)),
                           block(h, n, 0)));
            if (!split)
                continue;
            if (fw_run_has(r, 4))
                reset_state(r, &v, d, at, h);
            FW_TRY(product(r, n, n, v.batch, matrix_of(to + same * n, n, 1),
                           turned(block(da, width, width - n)), block(h, n, 0)));
        }
    return FW_OK;
}

KERNEL(recurrent_db) // (dA, -, B): both biases of a gate have one gradient, summed once
{
    const struct fw_buffer *da = r->in[0];
    size_t width = (size_t)da->dims[3];
    size_t dirs = (size_t)da->dims[1];
    size_t half = (size_t)r->out[0]->dims[1] / 2;
    size_t steps = (size_t)(da->dims[0] * da->dims[2]);
    struct rnn v = product_layout(r, 0, 0, 31);
    for (size_t d = 0; d < dirs; d++)
        for (size_t k = 0; k < width; k++) {
            REAL sum = steps > 0 ? reals(r, 0)[a_at(&v, 0, d, 0, width) + k] : 0;
            for (size_t i = 1; i < steps; i++)
                sum = ADD(sum, reals(r, 0)[a_at(&v, i / v.batch, d, i % v.batch, width) + k]);
            REAL *b = reals_out(r, 0) + d * 2 * half;
            bool own = width > half && k >= 2 * half / 3; // a GRU's last gate has two
            if (k < half)
                b[k] = sum;
            if (!own)
                b[half + k] = sum;
            else if (k >= half)
                b[half + k - half / 3] = sum;
        }
    return FW_OK;
}

KERNEL(recurrent_dp) // (dA, gates with the cell, P, C0?, lengths?)
{
    size_t n = (size_t)r->out[0]->dims[1] / 3;
    size_t width = (size_t)r->in[0]->dims[3];
    size_t kept_width = (size_t)r->in[1]->dims[3];
    struct rnn v = product_layout(r, 0, n, 4);
    for (size_t d = 0; d < v.dirs; d++)
        for (size_t i = 0; i < v.seq * v.batch; i++) {
            size_t b = i % v.batch;
            size_t at = i / v.batch;
            size_t t = time_of(&v, d, b, at);
            const REAL *cell = reals(r, 1) + a_at(&v, t, d, b, kept_width) + 4 * n;
            const REAL *old =
                at > 0 ? reals(r, 1) + a_at(&v, time_of(&v, d, b, at - 1), d, b, kept_width) + 4 * n
                : fw_run_has(r, 3) ? reals(r, 3) + h_at(&v, d, b)
                                   : NULL;
            for (size_t k = 0; k < 3 * n; k++) { // i, o, f: only o sees the new cell
                size_t j = k % n;
                REAL c = k / n == 1 ? cell[j] : old != NULL ? old[j] : 0;
                REAL part = MUL(reals(r, 0)[a_at(&v, t, d, b, width) + k], c);
                REAL *to = &reals_out(r, 0)[d * 3 * n + k];
                *to = JOIN(i == 0, *to, part);
            }
        }
    return FW_OK;
}
