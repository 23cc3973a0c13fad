/* Kernels of attend.c: attention head by head, the scores of a query being those of its window.
 *
 * All `keys` slots of a query are executed, as the cost counts them; what the causal mask, the
 * window or the chunk leaves out gets a score of -infinity, which is a move. */
#include "ops/attend.h"
#include "ops/product.h"

enum { Q, K, V, BIAS, PAST_K, PAST_V, SINKS }; // ports, as in attend.c
enum { Y, PROBS, MASK, DROPPED, STATS };
enum { G_DY, G_Q, G_K, G_V, G_BIAS, G_PROBS, G_MASK, G_LEFT, G_STATS, G_SINKS };
enum { G_DQ, G_DK, G_DV, G_DBIAS, G_DSINKS };

struct attend {
    size_t batch, heads, groups, queries, past, total, keys, head, v_head;
    size_t window, chunk; // 0: none
    bool causal, scaled, flash;
    REAL scale, cap; // cap 0: none
    REAL uncap;      // 1/cap, in what nobody counts
    REAL keep;       // what dropout leaves is multiplied by this
    double dropout;
    const struct fw_buffer *bias;
};

static size_t attr_size(const struct fw_run *r, unsigned i)
{
    return (size_t)fw_attr_at(&r->cx, i)->i;
}

static struct attend read(const struct fw_run *r, const struct fw_buffer *q,
                          const struct fw_buffer *k, const struct fw_buffer *v,
                          const struct fw_buffer *past)
{
    struct attend a = {.batch = (size_t)q->dims[0],
                       .heads = attr_size(r, FW_ATTEND_HEADS),
                       .groups = attr_size(r, FW_ATTEND_KV_HEADS),
                       .queries = (size_t)q->dims[1],
                       .past = past != NULL ? (size_t)past->dims[2] : 0,
                       .window = attr_size(r, FW_ATTEND_WINDOW),
                       .chunk = attr_size(r, FW_ATTEND_CHUNK),
                       .causal = attr_size(r, FW_ATTEND_CAUSAL) != 0,
                       .scaled = attr_size(r, FW_ATTEND_SCALED) != 0,
                       .flash = attr_size(r, FW_ATTEND_FLASH) != 0,
                       .cap = (REAL)fw_attr_at(&r->cx, FW_ATTEND_SOFTCAP)->f,
                       .dropout = fw_attr_at(&r->cx, FW_ATTEND_DROPOUT)->f};
    size_t width = a.window > 0 ? a.window : a.chunk;
    a.head = (size_t)q->dims[2] / a.heads;
    a.v_head = (size_t)v->dims[2] / a.groups;
    a.total = a.past + (size_t)k->dims[1];
    a.keys = width > 0 && width < a.total ? width : a.total;
    a.scale = one_over_root(a.head);
    if (!r->cx.g->training)
        a.dropout = 0;
    a.keep = keep_scale(a.dropout);
    volatile long double cap = a.cap;
    a.uncap = a.cap != 0 ? (REAL)(1.0L / cap) : 0;
    return a;
}

/* This part's heads: those of whole groups; all in the first part where they cannot be shared. */
static void share_heads(const struct fw_run *r, const struct attend *a, bool can, size_t *from,
                        size_t *to)
{
    size_t each = a->heads / a->groups;
    fw_run_share(r, a->batch * a->groups, from, to);
    *from = can ? *from * each : 0;
    *to = can ? *to * each : r->part == 0 ? a->batch * a->heads : 0;
}

/* The first key of a query's slots. */
static size_t first_key(const struct attend *a, size_t query)
{
    size_t p = a->total - a->queries + query; // its own place
    size_t from = 0;
    if (a->window > 0)
        from = p + 1 > a->keys ? p + 1 - a->keys : 0;
    else if (a->chunk > 0)
        from = p / a->chunk * a->chunk;
    return from + a->keys > a->total ? a->total - a->keys : from;
}

static bool meets(const struct attend *a, size_t query, size_t key)
{
    size_t p = a->total - a->queries + query;
    if (a->causal && key > p)
        return false;
    if (a->window > 0 && a->causal && key + a->window <= p)
        return false;
    return a->chunk == 0 || key / a->chunk == p / a->chunk;
}

/* Rows of one head of a folded tensor (batch, length, heads*width). */
static struct matrix head_of(const REAL *p, size_t b, size_t h, size_t length, size_t heads,
                             size_t width)
{
    return matrix_of(p + b * length * heads * width + h * width, heads * width, 1);
}

/* Keys or values of a head with those of earlier calls in front, (total, width). */
static struct matrix keys_of(const struct fw_run *r, const struct attend *a, const REAL *now,
                             const struct fw_buffer *past, size_t b, size_t g, size_t width)
{
    size_t fresh = a->total - a->past;
    struct matrix m = head_of(now, b, g, fresh, a->groups, width);
    if (past == NULL)
        return m;
    REAL *all = scratch_reals(r, a->total * width);
    for (size_t t = 0; all != NULL && t < a->total; t++)
        memcpy(all + t * width,
               t < a->past ? reals_of(past) + ((b * a->groups + g) * a->past + t) * width
                           : m.p + (ptrdiff_t)(t - a->past) * m.row,
               width * sizeof *all);
    return matrix_of(all, width, 1);
}

/* to (queries, keys) += q * k^T, each query with the keys of its slots. */
static enum fw_status with_keys(const struct fw_run *r, const struct attend *a, struct matrix q,
                                struct matrix k, size_t width, REAL *to)
{
    if (a->keys == a->total)
        return product(r, a->queries, a->keys, width, matrix_of(to, a->keys, 1), q, turned(k));
    for (size_t i = 0; i < a->queries; i++) {
        struct matrix row = {q.p + (ptrdiff_t)i * q.row, q.row, q.column};
        struct matrix some = {k.p + (ptrdiff_t)first_key(a, i) * k.row, k.row, k.column};
        FW_TRY(product(r, 1, a->keys, width, matrix_of(to + i * a->keys, a->keys, 1), row,
                       turned(some)));
    }
    return FW_OK;
}

/* to (queries, width) += s * v over the slots of each query. */
static enum fw_status over_keys(const struct fw_run *r, const struct attend *a, const REAL *s,
                                struct matrix v, size_t width, struct matrix to)
{
    if (a->keys == a->total)
        return product(r, a->queries, width, a->keys, to, matrix_of(s, a->keys, 1), v);
    for (size_t i = 0; i < a->queries; i++) {
        struct matrix some = {v.p + (ptrdiff_t)first_key(a, i) * v.row, v.row, v.column};
        struct matrix row = {to.p + (ptrdiff_t)i * to.row, to.row, to.column};
        FW_TRY(product(r, 1, width, a->keys, row, matrix_of(s + i * a->keys, a->keys, 1), some));
    }
    return FW_OK;
}

/* to (total, width) += s^T * x: each slot hands to its key. */
static enum fw_status to_keys(const struct fw_run *r, const struct attend *a, const REAL *s,
                              struct matrix x, size_t width, struct matrix to)
{
    if (a->keys == a->total)
        return product(r, a->keys, width, a->queries, to, turned(matrix_of(s, a->keys, 1)), x);
    for (size_t i = 0; i < a->queries; i++) {
        struct matrix row = {x.p + (ptrdiff_t)i * x.row, x.row, x.column};
        struct matrix some = {to.p + (ptrdiff_t)first_key(a, i) * to.row, to.row, to.column};
        FW_TRY(product(r, a->keys, width, 1, some, matrix_of(s + i * a->keys, 1, 1), row));
    }
    return FW_OK;
}

/* The bias of a score; its last dimension counts keys, or slots. */
static REAL bias_at(const struct attend *a, size_t b, size_t h, size_t i, size_t slot, size_t key)
{
    const struct fw_buffer *v = a->bias;
    const size_t at[4] = {b, h, i, (size_t)v->dims[v->rank - 1] == a->total ? key : slot};
    size_t offset = 0;
    for (unsigned k = 0; k < v->rank; k++) {
        size_t index = at[4 - v->rank + k];
        offset = offset * (size_t)v->dims[k] + (v->dims[k] == 1 ? 0 : index);
    }
    return reals_of(v)[offset];
}

/* Scaled, capped, biased and masked scores of one query, in place of its products. */
static void finish_scores(const struct attend *a, size_t b, size_t h, size_t i, REAL *s)
{
    size_t from = first_key(a, i), n = a->keys;
    for (size_t k = 0; k < n && a->scaled; k++)
        s[k] = MUL(s[k], a->scale);
    for (size_t k = 0; k < n && a->cap != 0; k++)
        s[k] = MUL(a->cap, TANH(MUL(s[k], a->uncap)));
    for (size_t k = 0; k < n && a->bias != NULL; k++)
        s[k] = ADD(s[k], bias_at(a, b, h, i, k, from + k));
    for (size_t k = 0; k < n; k++)
        if (!meets(a, i, from + k))
            s[k] = -INFINITY;
}

/* Probabilities in place of scores; a sink takes part in the sum. Gives max, and the sum. */
static void soften(const struct attend *a, REAL *s, const REAL *sink, REAL *ret_max, REAL *ret_sum)
{
    REAL most = largest_of(s, a->keys);
    if (sink != NULL)
        most = MAX(most, *sink);
    exponentials(s, most, s, a->keys);
    REAL sum = sum_of(s, a->keys);
    if (sink != NULL)
        sum = ADD(sum, EXP(SUB(*sink, most)));
    divide_all(s, sum, a->keys);
    *ret_max = most;
    *ret_sum = sum;
}

/* One head: scores, probabilities, what dropout leaves, values. */
static enum fw_status attend_head(struct fw_run *r, const struct attend *a, size_t b, size_t h)
{
    size_t g = h / (a->heads / a->groups);
    size_t n = a->queries * a->keys;
    size_t at = (b * a->heads + h) * n;
    REAL *s = scratch_zeros(r, n);
    struct matrix q = head_of(reals(r, Q), b, h, a->queries, a->heads, a->head);
    struct matrix k = keys_of(r, a, reals(r, K), fw_run_in(r, PAST_K), b, g, a->head);
    struct matrix v = keys_of(r, a, reals(r, V), fw_run_in(r, PAST_V), b, g, a->v_head);
    if (s == NULL || k.p == NULL || v.p == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(with_keys(r, a, q, k, a->head, s));
    for (size_t i = 0; i < a->queries; i++) {
        REAL most, sum;
        finish_scores(a, b, h, i, s + i * a->keys);
        soften(a, s + i * a->keys, fw_run_has(r, SINKS) ? reals(r, SINKS) + h : NULL, &most, &sum);
        if (a->flash && fw_run_out(r, STATS) != NULL)
            reals_out(r, STATS)[(b * a->heads + h) * a->queries + i] = ADD(most, LOG(sum));
    }
    if (!a->flash && fw_run_out(r, PROBS) != NULL)
        memcpy(reals_out(r, PROBS) + at, s, n * sizeof *s);
    for (size_t i = 0; a->dropout > 0 && i < n; i++) {
        bool kept = !LESS((REAL)fw_random_unit(r->random), (REAL)a->dropout);
        s[i] = MUL(s[i], kept ? a->keep : 0);
        if (!a->flash && fw_run_out(r, MASK) != NULL)
            ((uint8_t *)r->out[MASK]->data)[at + i] = kept;
    }
    if (!a->flash && a->dropout > 0 && fw_run_out(r, DROPPED) != NULL)
        memcpy(reals_out(r, DROPPED) + at, s, n * sizeof *s);
    return over_keys(r, a, s, v, a->v_head,
                     head_of(reals_out(r, Y), b, h, a->queries, a->heads, a->v_head));
}

KERNEL(attend)
{
    struct attend a = read(r, r->in[Q], r->in[K], r->in[V], fw_run_in(r, PAST_K));
    size_t from, to, draws = a.dropout > 0 ? a.queries * a.keys : 0;
    a.bias = fw_run_in(r, BIAS);
    share_heads(r, &a, true, &from, &to);
    fw_random_skip(r->random, from * draws);
    for (size_t i = from; i < to; i++) {
        struct fw_arena_mark mark = fw_arena_mark(r->scratch);
        size_t b = i / a.heads, h = i % a.heads;
        clear(head_of(reals_out(r, Y), b, h, a.queries, a.heads, a.v_head), a.queries, a.v_head);
        if (a.total > 0)
            FW_TRY(attend_head(r, &a, b, h));
        fw_arena_release(r->scratch, mark);
    }
    fw_random_skip(r->random, (a.batch * a.heads - to) * draws);
    return FW_OK;
}

/* ---- backward ---- */

/* Scores again, before the bias and the cap's product: t = tanh(s/cap) of a capped one. */
static enum fw_status again(struct fw_run *r, const struct attend *a, struct matrix q,
                            struct matrix k, REAL *s)
{
    size_t n = a->queries * a->keys;
    memset(s, 0, n * sizeof *s);
    FW_TRY(with_keys(r, a, q, k, a->head, s));
    for (size_t i = 0; i < n; i++) {
        if (a->scaled)
            s[i] = MUL(s[i], a->scale);
        if (a->cap != 0)
            s[i] = TANH(MUL(s[i], a->uncap));
    }
    return FW_OK;
}

/* Probabilities of one head from the scores again and the row's statistic. */
static void probabilities(const struct fw_run *r, const struct attend *a, size_t b, size_t h,
                          const REAL *s, REAL *p)
{
    for (size_t i = 0; i < a->queries; i++) {
        size_t from = first_key(a, i);
        REAL stat = reals(r, G_STATS)[(b * a->heads + h) * a->queries + i];
        for (size_t k = i * a->keys; k < (i + 1) * a->keys; k++) {
            size_t key = from + k - i * a->keys;
            REAL x = a->cap != 0 ? MUL(a->cap, s[k]) : s[k];
            if (a->bias != NULL)
                x = ADD(x, bias_at(a, b, h, i, k - i * a->keys, key));
            x = EXP(SUB(x, stat));
            p[k] = meets(a, i, key) ? x : 0;
        }
    }
}

/* What the sink took of a row, and the gradient it gets. */
static void sink_back(struct fw_run *r, const struct attend *a, size_t b, size_t h, size_t i,
                      const REAL *p, REAL along)
{
    REAL share = 1;
    if (!fw_run_has(r, G_SINKS))
        return;
    if (a->flash)
        share =
            EXP(SUB(reals(r, G_SINKS)[h], reals(r, G_STATS)[(b * a->heads + h) * a->queries + i]));
    for (size_t k = 0; !a->flash && k < a->keys; k++)
        share = SUB(share, p[k]);
    if (fw_run_out(r, G_DSINKS) == NULL) {
        (void)MUL(share, along);
        (void)ADD(share, along);
        return;
    }
    REAL *to = &reals_out(r, G_DSINKS)[h];
    *to = SUB(*to, MUL(share, along));
}

/* dS in place of dP, row by row; t: the capped scores again. */
static void soften_back(struct fw_run *r, const struct attend *a, size_t b, size_t h, const REAL *p,
                        const REAL *t, REAL *d)
{
    for (size_t i = 0; i < a->queries; i++) {
        size_t first = i * a->keys;
        REAL along = sum_of_products(d + first, p + first, a->keys);
        for (size_t k = first; k < first + a->keys; k++)
            d[k] = MUL(SUB(d[k], along), p[k]);
        sink_back(r, a, b, h, i, p + first, along);
    }
    size_t n = a->queries * a->keys;
    if (fw_run_out(r, G_DBIAS) != NULL)
        memcpy(reals_out(r, G_DBIAS) + (b * a->heads + h) * n, d, n * sizeof *d);
    for (size_t k = 0; k < n && a->cap != 0; k++)
        d[k] = MUL(d[k], SUB((REAL)1, MUL(t[k], t[k])));
    for (size_t k = 0; k < n && a->scaled; k++)
        d[k] = MUL(d[k], a->scale);
}

static enum fw_status attend_head_back(struct fw_run *r, const struct attend *a, size_t b, size_t h)
{
    size_t g = h / (a->heads / a->groups);
    size_t n = a->queries * a->keys;
    size_t at = (b * a->heads + h) * n;
    REAL *d = scratch_zeros(r, n);
    REAL *s = scratch_reals(r, n);
    REAL *p = a->flash ? scratch_reals(r, n) : NULL;
    struct matrix q = head_of(reals(r, G_Q), b, h, a->queries, a->heads, a->head);
    struct matrix k = head_of(reals(r, G_K), b, g, a->total, a->groups, a->head);
    struct matrix v = head_of(reals(r, G_V), b, g, a->total, a->groups, a->v_head);
    struct matrix dy = head_of(reals(r, G_DY), b, h, a->queries, a->heads, a->v_head);
    if (d == NULL || s == NULL || (a->flash && p == NULL))
        return fw_fail_memory(r->cx.err);
    if (a->flash || a->cap != 0)
        FW_TRY(again(r, a, q, k, s));
    if (p != NULL)
        probabilities(r, a, b, h, s, p);
    const REAL *whole = p != NULL ? p : reals(r, G_PROBS) + at;
    const REAL *left = a->dropout > 0 ? reals(r, G_LEFT) + at : whole;
    struct matrix dv = head_of(reals_out(r, G_DV), b, g, a->total, a->groups, a->v_head);
    struct matrix dk = head_of(reals_out(r, G_DK), b, g, a->total, a->groups, a->head);
    struct matrix dq = head_of(reals_out(r, G_DQ), b, h, a->queries, a->heads, a->head);
    clear(dq, a->queries, a->head);
    if (h % (a->heads / a->groups) == 0) {
        clear(dv, a->total, a->v_head);
        clear(dk, a->total, a->head);
    }
    FW_TRY(to_keys(r, a, left, dy, a->v_head, dv));
    FW_TRY(with_keys(r, a, dy, v, a->v_head, d));
    for (size_t i = 0; a->dropout > 0 && i < n; i++)
        d[i] = MUL(d[i], ((const uint8_t *)r->in[G_MASK]->data)[at + i] ? a->keep : 0);
    soften_back(r, a, b, h, whole, s, d);
    FW_TRY(over_keys(r, a, d, k, a->head, dq));
    return to_keys(r, a, d, q, a->head, dk);
}

KERNEL(attend_grad)
{
    struct attend a = read(r, r->in[G_Q], r->in[G_K], r->in[G_V], NULL);
    a.bias = fw_run_in(r, G_BIAS);
    a.dropout = fw_attr_at(&r->cx, FW_ATTEND_DROPOUT)->f;
    a.keep = keep_scale(a.dropout);
    FW_REQUIRE(!a.flash || a.dropout <= 0, r->cx.err, FW_UNSUPPORTED,
               "the mask of a dropout inside flash attention is not kept");
    size_t from, to;
    share_heads(r, &a, fw_run_out(r, G_DSINKS) == NULL, &from, &to);
    if (from < to)
        zero_out(r, G_DSINKS);
    for (size_t i = from; i < to && a.total > 0; i++) {
        struct fw_arena_mark mark = fw_arena_mark(r->scratch);
        FW_TRY(attend_head_back(r, &a, i / a.heads, i % a.heads));
        fw_arena_release(r->scratch, mark);
    }
    return FW_OK;
}
