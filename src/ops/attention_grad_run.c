/* Kernels of attention_grad.c, whose file head has the formulas. Training knows no keys of earlier
 * calls: a token's place is its position. */
#include "ops/attention_kernel.h"

struct sizes {
    size_t batch, heads, groups, queries, keys;
};

static struct sizes sizes_of(const struct fw_run *r, unsigned scores)
{
    const struct fw_buffer *s = r->in[scores];
    struct sizes z = {(size_t)s->dims[0], (size_t)s->dims[1],
                      (size_t)fw_run_attr_int(r, "groups", 0), (size_t)s->dims[2],
                      (size_t)s->dims[3]};
    z.groups = z.groups > 0 ? z.groups : z.heads;
    return z;
}

static struct turning turning_at(const struct fw_run *r, unsigned cos)
{
    return (struct turning){fw_run_in(r, cos), fw_run_in(r, cos + 1), NULL,
                            fw_run_attr_int(r, "pairs", 0) != 0};
}

static size_t width_of(const struct fw_buffer *v, size_t heads)
{
    return (size_t)v->dims[v->rank - 1] / (v->rank == 3 ? heads : 1);
}

/* Query, key and value of a packed tensor whose values are v_width wide; false when it is none. */
static bool packed_heads(const struct sizes *z, const struct fw_buffer *v, size_t v_width,
                         struct heads ret[3], size_t *ret_width)
{
    size_t last = (size_t)v->dims[v->rank - 1];
    if (v->rank == 4 || (v->rank == 3 && last == z->groups * v_width))
        return false;
    *ret_width = v->rank == 5 ? last : (last - z->groups * v_width) / (z->heads + z->groups);
    struct packing p = {(size_t)v->dims[1], z->heads, z->groups, *ret_width, v_width};
    unpack_heads(&p, v, ret);
    return true;
}

/* A copy of heads with every row turned; t->cos NULL: the heads themselves. */
static enum fw_status turned_heads(const struct fw_run *r, const struct turning *t, size_t batch,
                                   size_t heads, size_t rows, size_t width, struct heads *io)
{
    if (t->cos == NULL)
        return FW_OK;
    REAL *p = scratch_reals(r, batch * heads * rows * width + 1);
    if (p == NULL)
        return fw_fail_memory(r->cx.err);
    struct heads to = heads_in(p, heads, rows, width);
    for (size_t i = 0; i < batch * heads * rows; i++) {
        struct matrix from = head_at(io, i / rows / heads, i / rows % heads);
        memcpy(p + i * width, from.p + (ptrdiff_t)(i % rows) * from.row, width * sizeof *p);
        FW_TRY(turn_row(r, t, p + i * width, width, (int64_t)(i % rows), false));
    }
    *io = to;
    return FW_OK;
}

static enum fw_status turn_back(const struct fw_run *r, const struct turning *t, size_t batch,
                                size_t heads, size_t rows, size_t width, const struct heads *v)
{
    for (size_t i = 0; t->cos != NULL && i < batch * heads * rows; i++) {
        struct matrix m = head_at(v, i / rows / heads, i / rows % heads);
        FW_TRY(
            turn_row(r, t, m.p + (ptrdiff_t)(i % rows) * m.row, width, (int64_t)(i % rows), true));
    }
    return FW_OK;
}

/* This part's pairs of an example and a group of heads; all in the first part where they cannot be
 * shared. */
static void share_groups(const struct fw_run *r, const struct sizes *z, bool can, size_t *from,
                         size_t *to)
{
    size_t n = z->batch * z->groups;
    fw_run_share(r, n, from, to);
    if (!can) {
        *from = 0;
        *to = r->part == 0 ? n : 0;
    }
}

/* to of every query head = m*other; of key heads = sum of m^T*other. m: (batch, heads, queries,
 * keys); pairs from..end-1 of an example and a group. */
static enum fw_status into_queries(const struct fw_run *r, const struct sizes *z, size_t from,
                                   size_t end, const REAL *m, const struct heads *other,
                                   size_t width, const struct heads *to)
{
    size_t each = z->heads / z->groups;
    for (size_t i = from * each; i < end * each; i++) {
        size_t b = i / z->heads, h = i % z->heads;
        clear(head_at(to, b, h), z->queries, width);
        FW_TRY(product(r, z->queries, width, z->keys, head_at(to, b, h),
                       matrix_of(m + i * z->queries * z->keys, z->keys, 1),
                       head_at(other, b, h / each)));
    }
    return FW_OK;
}

static enum fw_status into_keys(const struct fw_run *r, const struct sizes *z, size_t from,
                                size_t end, const REAL *m, const struct heads *other, size_t width,
                                const struct heads *to)
{
    size_t each = z->heads / z->groups;
    for (size_t i = from * each; i < end * each; i++) {
        size_t b = i / z->heads, h = i % z->heads;
        if (h % each == 0)
            clear(head_at(to, b, h / each), z->keys, width);
        FW_TRY(product(r, z->keys, width, z->queries, head_at(to, b, h / each),
                       turned(matrix_of(m + i * z->queries * z->keys, z->keys, 1)),
                       head_at(other, b, h)));
    }
    return FW_OK;
}

/* ---- dS: (dy, v, p, q?, k?, cos?, sin?), and the same before scale and cap ---- */

enum { S_DY, S_V, S_P, S_Q, S_K, S_COS };

struct capped { // what a softcap wants of the scores
    REAL cap;   // 0: none
    struct heads q, k;
    size_t width;
};

static enum fw_status open_cap(const struct fw_run *r, const struct sizes *z, size_t v_width,
                               struct capped *c)
{
    struct turning t = turning_at(r, S_COS);
    struct heads all[3];
    bool packed = !fw_run_has(r, S_Q);
    *c = (struct capped){.cap = attr_real(r, "softcap")};
    if (c->cap == 0)
        return FW_OK;
    if (packed) {
        FW_REQUIRE(packed_heads(z, r->in[S_V], v_width, all, &c->width), r->cx.err, FW_SHAPE,
                   "query, key and value in one tensor are wanted");
        c->q = all[0];
        c->k = all[1];
        FW_TRY(turned_heads(r, &t, z->batch, z->groups, z->keys, c->width, &c->k));
    } else {
        c->width = width_of(r->in[S_Q], z->heads);
        c->q = heads_of(r->in[S_Q], z->heads);
        c->k = heads_of(r->in[S_K], z->groups);
    }
    return turned_heads(r, &t, z->batch, z->heads, z->queries, c->width, &c->q);
}

/* dS of one head in place of dP; t: its scores again, where they are capped. */
static void soften_back(struct fw_run *r, const struct sizes *z, size_t head, const REAL *p,
                        const REAL *t, REAL cap, REAL *d)
{
    REAL scale = attr_real(r, "scale");
    bool scaled = fw_run_attr_int(r, "scaled", 0) != 0;
    size_t n = z->queries * z->keys;
    for (size_t i = 0; i < n; i += z->keys) {
        REAL along = sum_of_products(d + i, p + i, z->keys);
        for (size_t k = i; k < i + z->keys; k++)
            d[k] = MUL(SUB(d[k], along), p[k]);
    }
    if (fw_run_out(r, 1) != NULL)
        memcpy(reals_out(r, 1) + head * n, d, n * sizeof *d);
    for (size_t k = 0; k < n && cap != 0; k++) {
        REAL s = TANH(MUL(scaled ? MUL(t[k], scale) : t[k], 1 / cap));
        d[k] = MUL(d[k], SUB((REAL)1, MUL(s, s)));
    }
    for (size_t k = 0; k < n && scaled; k++)
        d[k] = MUL(d[k], scale);
}

/* Keys or values of a tensor of heads, folded or not, or of a packed one. */
static size_t length_of(const struct fw_buffer *v)
{
    return (size_t)v->dims[v->rank == 4 ? 2 : 1];
}

KERNEL(attention_scores)
{
    struct sizes z = sizes_of(r, S_P);
    FW_REQUIRE(length_of(r->in[S_V]) == z.keys, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for the gradient where keys come from earlier calls");
    size_t n = z.queries * z.keys;
    size_t width = width_of(r->in[S_DY], z.heads), unused, from, to;
    struct heads dy = heads_of(r->in[S_DY], z.heads);
    struct heads all[3];
    struct heads v =
        packed_heads(&z, r->in[S_V], width, all, &unused) ? all[2] : heads_of(r->in[S_V], z.groups);
    struct capped c;
    REAL *t = scratch_reals(r, n + 1);
    FW_TRY(open_cap(r, &z, width, &c));
    if (t == NULL)
        return fw_fail_memory(r->cx.err);
    fw_run_share(r, z.batch * z.heads, &from, &to);
    for (size_t i = from; i < to; i++) {
        size_t b = i / z.heads;
        size_t h = i % z.heads;
        size_t g = h / (z.heads / z.groups);
        REAL *d = reals_out(r, 0) + i * n;
        memset(d, 0, n * sizeof *d);
        FW_TRY(product(r, z.queries, z.keys, width, matrix_of(d, z.keys, 1), head_at(&dy, b, h),
                       turned(head_at(&v, b, g))));
        memset(t, 0, n * sizeof *t);
        if (c.cap != 0)
            FW_TRY(product(r, z.queries, z.keys, c.width, matrix_of(t, z.keys, 1),
                           head_at(&c.q, b, h), turned(head_at(&c.k, b, g))));
        soften_back(r, &z, i, reals(r, S_P) + i * n, t, c.cap, d);
    }
    return FW_OK;
}

/* ---- dQ, dK, dV ---- */

enum { O_SCORES, O_OTHER, O_LIKE, O_SIZED, O_COS };

KERNEL(attention_operand) // (dS or P, other factor, like, ...): of query 0, key 1, value 2
{
    struct sizes z = sizes_of(r, O_SCORES);
    bool of_query = fw_run_attr_int(r, "of", 0) == 0;
    struct turning t = turning_at(r, O_COS);
    size_t width = width_of(of_query ? r->out[0] : r->in[O_OTHER], z.heads);
    size_t heads = of_query ? z.heads : z.groups;
    size_t rows = of_query ? z.queries : z.keys;
    struct heads to = heads_of(r->out[0], heads);
    struct heads other = heads_of(r->in[O_OTHER], of_query ? z.groups : z.heads);
    size_t from, end;
    share_groups(r, &z, t.cos == NULL, &from, &end);
    if (from == end)
        return FW_OK;
    if (of_query && r->in[O_OTHER]->rank == 5) { // keys beside their values
        struct heads all[3];
        FW_TRY(packed_heads(&z, r->in[O_OTHER], width, all, &width) ? FW_OK : FW_SHAPE);
        other = all[1];
    }
    if (fw_run_attr_int(r, "turn_again", 0) != 0)
        FW_TRY(turned_heads(r, &t, z.batch, z.heads, z.queries, width, &other));
    if (of_query)
        FW_TRY(into_queries(r, &z, from, end, reals(r, O_SCORES), &other, width, &to));
    else
        FW_TRY(into_keys(r, &z, from, end, reals(r, O_SCORES), &other, width, &to));
    return turn_back(r, &t, z.batch, heads, rows, width, &to);
}

enum { P_SCORES, P_PROBS, P_LIKE, P_DY, P_Q, P_COS };

KERNEL(attention_packed) // (dS, P, like, dy, q?, cos?, sin?): all of a packed tensor
{
    struct sizes z = sizes_of(r, P_SCORES);
    struct turning t = turning_at(r, P_COS);
    bool three = fw_run_attr_int(r, "products", 3) == 3;
    size_t v_width = width_of(r->in[P_DY], z.heads), width;
    struct heads dy = heads_of(r->in[P_DY], z.heads);
    struct heads x[3], to[3];
    bool packed = packed_heads(&z, r->in[P_LIKE], v_width, x, &width) &&
                  packed_heads(&z, r->out[0], v_width, to, &width);
    FW_REQUIRE(packed, r->cx.err, FW_SHAPE, "query, key and value in one tensor are wanted");
    if (!three)
        x[0] = heads_of(r->in[P_Q], z.heads);
    size_t from, end;
    share_groups(r, &z, t.cos == NULL, &from, &end);
    if (from == end)
        return FW_OK;
    FW_TRY(turned_heads(r, &t, z.batch, z.heads, z.queries, width, &x[0]));
    FW_TRY(turned_heads(r, &t, z.batch, z.groups, z.keys, width, &x[1]));
    if (three)
        FW_TRY(into_queries(r, &z, from, end, reals(r, P_SCORES), &x[1], width, &to[0]));
    FW_TRY(into_keys(r, &z, from, end, reals(r, P_SCORES), &x[0], width, &to[1]));
    FW_TRY(into_keys(r, &z, from, end, reals(r, P_PROBS), &dy, v_width, &to[2]));
    if (three)
        FW_TRY(turn_back(r, &t, z.batch, z.heads, z.queries, width, &to[0]));
    return turn_back(r, &t, z.batch, z.groups, z.keys, width, &to[1]);
}

/* ---- biases, and the projection ---- */

/* to (heads, width) = rows of heads added up; the first one is no addition. */
static REAL *sum_rows(const struct heads *v, size_t batch, size_t heads, size_t rows, size_t width,
                      REAL *to)
{
    for (size_t i = 0; i < batch * heads * rows; i++) {
        size_t b = i / rows / heads;
        size_t h = i / rows % heads;
        struct matrix m = head_at(v, b, h);
        const REAL *p = m.p + (ptrdiff_t)(i % rows) * m.row;
        for (size_t j = 0; j < width; j++) {
            REAL *s = &to[h * width + j];
            *s = JOIN(b == 0 && i % rows == 0, *s, p[j]);
        }
    }
    return to + heads * width;
}

KERNEL(attention_bias) // (dq or all, dk or both?, like, dv?)
{
    static const unsigned from[] = {0, 1, 3};
    REAL *to = reals_out(r, 0);
    zero_out(r, 0);
    for (unsigned i = 0; i < 3; i++) {
        const struct fw_buffer *d = fw_run_in(r, from[i]);
        if (d == NULL)
            continue;
        size_t heads = d->rank == 3 ? 1 : (size_t)d->dims[d->rank == 4 ? 1 : 2];
        size_t rows = (size_t)d->dims[d->rank == 4 ? 2 : 1];
        size_t width = (size_t)d->dims[d->rank - 1];
        struct packing p = {rows, heads, heads, width, width};
        struct heads all[3];
        if (d->rank == 5)
            unpack_heads(&p, d, all);
        else
            all[2] = heads_of(d, heads);
        for (size_t k = d->rank == 5 ? 3 - (size_t)d->dims[3] : 2; k < 3; k++)
            to = sum_rows(&all[k], (size_t)d->dims[0], heads, rows, width, to);
    }
    return FW_OK;
}

KERNEL(attention_biased) // (x, bias): what `of` says, with its part of the bias
{
    const struct fw_buffer *x = r->in[0];
    int64_t of = fw_run_attr_int(r, "of", 0);
    size_t parts = x->rank == 5 ? (size_t)x->dims[3] : 1;
    size_t width = (size_t)x->dims[x->rank - 1];
    size_t heads = x->rank == 3 ? 1 : (size_t)x->dims[x->rank == 4 ? 1 : 2];
    size_t inner = x->rank == 4 ? (size_t)x->dims[2] : parts; // rows, or parts, of a head
    size_t first = of == 0 ? 0 : of == 1 ? heads * width : r->in[1]->n - heads * width;
    for (size_t i = 0; i < x->n; i++) {
        size_t h = i / width / inner % heads;
        size_t part = x->rank == 5 ? i / width % parts : 0;
        size_t at = first + (part * heads + h) * width + i % width;
        reals_out(r, 0)[i] = ADD(reals(r, 0)[i], reals(r, 1)[at]);
    }
    return FW_OK;
}

KERNEL(attention_weight) // (dQKV, x, w): x^T dQKV
{
    size_t in = (size_t)r->out[0]->dims[0];
    size_t out = (size_t)r->out[0]->dims[1];
    zero_out(r, 0);
    return product(r, in, out, r->in[0]->n / out, matrix_of(reals_out(r, 0), out, 1),
                   turned(matrix_of(reals(r, 1), in, 1)), matrix_of(reals(r, 0), out, 1));
}
