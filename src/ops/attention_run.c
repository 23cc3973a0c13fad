/* Forward kernels of attention.c. Query, key and value are taken from where they stand as strided
 * matrices; they are copied only where something is added to them (a bias, keys of earlier calls, a
 * rotation). All keys of a query are executed, as the cost counts them; what is masked by sizes
 * gets a score of -infinity, which is a move. A query that meets no key gives zeros. */
#include "ops/attention_kernel.h"

struct attention {
    size_t batch, heads, groups, queries, fresh, total, width, v_width; // fresh: new keys
    size_t past;                                                        // rows of earlier keys
    REAL scale, cap, filter;                                            // cap 0: none
    bool scaled, causal;
    int64_t left, right; // keys a query meets to its sides; -1: all
    const struct fw_buffer *mask[2];
    const struct fw_buffer *valid; // keys of every example that are there, or NULL: all
    int64_t valid_more;            // to be added to them
    bool grouped;                  // GroupQueryAttention: new keys stand behind those valid before
    int shows;                     // what output 3 holds: 0 scores, 1 capped, 2 masked, 3 softened
    struct turning turning;
    const REAL *bias; // of query, key and value, or NULL
    struct heads q, k, v;
};

static const struct fw_attention_ports *ports_of(const struct fw_run *r)
{
    return r->cx.node->op->family;
}

static struct fw_buffer *port(const struct fw_run *r, unsigned i)
{
    return i == FW_NO_PORT ? NULL : fw_run_in(r, i);
}

/* Keys that are there for an example. */
static int64_t valid_keys(const struct attention *a, size_t b)
{
    return a->valid == NULL ? (int64_t)a->total : fw_buffer_int(a->valid, b) + a->valid_more;
}

/* Place of an example's first query, and of its first new key, among all keys. */
static int64_t first_place(const struct attention *a, size_t b)
{
    if (a->valid == NULL)
        return (int64_t)a->past;
    if (a->grouped && a->queries == a->total) // all keys are new
        return 0;
    return valid_keys(a, b) - (int64_t)a->queries;
}

static int64_t within(int64_t x, size_t most)
{
    return x < 0 ? 0 : x > (int64_t)most ? (int64_t)most : x;
}

/* The keys from..to-1 that a query meets. */
static void met_keys(const struct attention *a, size_t b, size_t query, size_t *from, size_t *to)
{
    int64_t p = first_place(a, b) + (int64_t)query, end = valid_keys(a, b);
    if (a->causal && end > p + 1)
        end = p + 1;
    if (a->right >= 0 && end > p + a->right + 1)
        end = p + a->right + 1;
    *from = (size_t)within(a->left < 0 ? 0 : p - a->left, a->total);
    *to = (size_t)within(end, a->total);
    if (*to < *from)
        *to = *from;
}

/* ---- masks ---- */

/* Element of a mask that is broadcast to the scores; false beyond its last key. */
static bool mask_at(const struct fw_buffer *m, const size_t *at, size_t *ret)
{
    size_t offset = 0;
    for (unsigned k = 0; k < m->rank; k++) {
        size_t i = m->dims[k] == 1 ? 0 : at[4 - m->rank + k];
        if (i >= (size_t)m->dims[k])
            return false;
        offset = offset * (size_t)m->dims[k] + i;
    }
    *ret = offset;
    return true;
}

/* Whole numbers say which keys are padding: the keys of every example, the same and the first one,
 * one number for each key, or for each query and key. */
static bool is_kept(const struct attention *a, const struct fw_buffer *m, const size_t *at)
{
    size_t b = at[0];
    if (m->rank == 1) {
        bool before = (int64_t)at[3] < fw_buffer_int(m, b);
        return before && (m->n == a->batch || (int64_t)at[3] >= fw_buffer_int(m, b + a->batch));
    }
    size_t row = m->rank == 2 ? b : b * a->queries + at[2];
    return fw_buffer_int(m, row * a->total + at[3]) != 0;
}

static enum fw_status check_mask(const struct fw_run *r, const struct attention *a, unsigned i)
{
    const struct fw_buffer *m = a->mask[i];
    FW_REQUIRE(m == NULL || m->rank <= 4, r->cx.err, FW_SHAPE,
               "a mask of at most 4 dimensions is wanted");
    if (m == NULL || is_real(m) || m->dtype == FW_BOOL)
        return FW_OK;
    size_t rows = m->rank == 2 ? a->batch : a->batch * a->queries;
    bool fits = m->rank == 1 ? m->n == a->batch || m->n == 2 * a->batch
                             : m->rank <= 3 && m->n == rows * a->total;
    FW_REQUIRE(fits, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for a mask of whole numbers in this shape");
    return FW_OK;
}

static REAL masked(const struct attention *a, const struct fw_buffer *m, const size_t *at, REAL s)
{
    size_t i = 0;
    if (!is_real(m) && m->dtype != FW_BOOL)
        return ADD(s, is_kept(a, m, at) ? 0 : a->filter);
    bool there = mask_at(m, at, &i);
    if (is_real(m))
        return ADD(s, there ? reals_of(m)[i] : -INFINITY);
    return CHOOSE(there && fw_buffer_int(m, i) != 0, s, -INFINITY);
}

/* ---- what goes in ---- */

static enum fw_status check(const struct fw_run *r)
{
    bool turned = ports_of(r)->qkv != FW_NO_PORT && fw_run_attr_int(r, "do_rotary", 0) != 0;
    bool sinks = fw_run_attr_int(r, "smooth_softmax", 0) > 0 ||
                 (ports_of(r)->cos != FW_NO_PORT && fw_run_has(r, 11));
    bool beams =
        ports_of(r)->past_len != FW_NO_PORT && ports_of(r)->past_len >= 7 && fw_run_has(r, 9);
    FW_REQUIRE(!turned && !sinks && !beams, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for an attention with %s",
               turned  ? "a rotation of its own tables"
               : sinks ? "a sink"
                       : "beams");
    return FW_OK;
}

static void read_masks(const struct fw_run *r, struct attention *a)
{
    const struct fw_attention_ports *p = ports_of(r);
    bool onnx = fw_run_attr(r, "qk_matmul_output_mode") != NULL;
    int64_t local = fw_run_attr_int(r, "local_window_size", -1);
    a->mask[0] = port(r, p->mask);
    a->mask[1] = port(r, p->more_mask);
    a->left = fw_run_attr_int(r, "left_window_size", local > 0 ? local - 1 : -1);
    a->right = fw_run_attr_int(r, "right_window_size", -1);
    a->grouped = p->cos != FW_NO_PORT;
    a->shows = (int)fw_run_attr_int(r, "qk_matmul_output_mode", 0);
    if (fw_run_attr_int(r, "qk_output", 0) > 0)
        a->shows = fw_run_attr_int(r, "qk_output", 0) == 1 ? 2 : 3;
    if (a->grouped)
        a->valid = fw_run_in(r, 5);
    else if (onnx)
        a->valid = fw_run_in(r, 6);
    a->valid_more = a->grouped ? 1 : 0;
}

/* (batch, heads, length, width), or folded to (batch, length, heads*width). */
static bool is_heads(const struct fw_buffer *v, size_t batch, size_t heads, size_t length,
                     size_t width)
{
    const size_t folded[3] = {batch, length, heads * width};
    const size_t open[4] = {batch, heads, length, width};
    if (v == NULL || (v->rank != 3 && v->rank != 4))
        return false;
    bool same = true;
    for (unsigned k = 0; k < v->rank; k++)
        same = same && (size_t)v->dims[k] == (v->rank == 3 ? folded[k] : open[k]);
    return same;
}

/* (batch, length, heads, parts, width), or (batch, length, width of all). */
static bool is_packed(const struct fw_buffer *v, size_t batch, size_t length,
                      const struct attention *a, size_t parts)
{
    size_t all = a->heads * a->width + a->groups * (a->width + a->v_width);
    if ((size_t)v->dims[0] != batch || (size_t)v->dims[1] != length)
        return false;
    if (v->rank == 3)
        return (size_t)v->dims[2] == all;
    return v->rank == 5 && a->groups == a->heads && a->v_width == a->width &&
           (size_t)v->dims[2] == a->heads && (size_t)v->dims[3] == parts &&
           (size_t)v->dims[4] == a->width;
}

/* Query, key and value are read as what they are: rows accept more ways to write them. */
static enum fw_status check_heads(const struct fw_run *r, const struct attention *a)
{
    const struct fw_buffer *q = r->in[0], *k = fw_run_in(r, 1), *v = fw_run_in(r, 2);
    FW_REQUIRE(a->heads == 0 || (a->groups > 0 && a->heads % a->groups == 0), r->cx.err, FW_SHAPE,
               "heads as a multiple of those of keys are wanted");
    if (ports_of(r)->qkv != FW_NO_PORT)
        return FW_OK;
    bool fits = k == NULL ? is_packed(q, a->batch, a->queries, a, 3)
                          : is_heads(q, a->batch, a->heads, a->queries, a->width);
    if (k != NULL && k->rank == 5)
        fits = fits && is_packed(k, a->batch, a->fresh, a, 2);
    else if (k != NULL)
        fits = fits && is_heads(k, a->batch, a->groups, a->fresh, a->width) &&
               is_heads(v, a->batch, a->groups, a->fresh, a->v_width);
    FW_REQUIRE(fits, r->cx.err, FW_SHAPE,
               "a query, keys and values of %zu examples that fit to each other are wanted",
               a->batch);
    return FW_OK;
}

/* What shapes alone do not say: sizes of biases, caches and positions. */
static enum fw_status check_sizes(const struct fw_run *r, const struct attention *a)
{
    const struct fw_attention_ports *p = ports_of(r);
    const struct fw_buffer *bias = port(r, p->bias), *at = a->turning.at;
    const struct fw_buffer *cos_ = a->turning.cos, *sin_ = a->turning.sin;
    bool joined = p->qkv != FW_NO_PORT;
    const struct fw_buffer *past[2] = {joined ? fw_run_in(r, 4) : port(r, p->past_key),
                                       joined ? NULL : port(r, p->past_value)};
    size_t all = a->heads * a->width + a->groups * (a->width + a->v_width);
    size_t lines = a->batch * a->groups;
    FW_REQUIRE(joined || (past[0] == NULL) == (past[1] == NULL), r->cx.err, FW_SHAPE,
               "keys and values of earlier calls are wanted, found only one of them");
    FW_REQUIRE(bias == NULL || bias->n == all, r->cx.err, FW_SHAPE,
               "a bias of %zu numbers is wanted, found %zu", all, bias->n);
    FW_REQUIRE(p->cos == FW_NO_PORT || fw_run_attr_int(r, "do_rotary", 0) == 0 || cos_ != NULL,
               r->cx.err, FW_SHAPE, "tables of cosines and sines are wanted");
    FW_REQUIRE(a->turning.cos == NULL ||
                   (cos_->rank == 2 && sin_ != NULL && sin_->n == cos_->n &&
                    (at == NULL || at->n == 1 || at->n == a->batch * a->queries)),
               r->cx.err, FW_SHAPE, "tables of cosines and sines of one shape are wanted");
    for (unsigned k = 0; k < 2; k++) {
        if (past[k] == NULL)
            continue;
        size_t rows = past[k]->rank < 4 ? 0 : (size_t)past[k]->dims[past[k]->rank - 2];
        size_t width = joined ? a->width + a->v_width : k == 0 ? a->width : a->v_width;
        FW_REQUIRE(past[k]->rank >= 4 && past[k]->n == lines * rows * width, r->cx.err, FW_SHAPE,
                   "keys and values of earlier calls in the shape of the new ones are wanted");
    }
    return FW_OK;
}

static enum fw_status read(struct fw_run *r, struct attention *ret)
{
    const struct fw_attention_ports *p = ports_of(r);
    struct fw_attention a;
    FW_TRY(check(r));
    FW_TRY(p->read(&r->cx, &a));
    double scale = fw_run_attr_float(r, "scale", 0);
    *ret =
        (struct attention){.batch = (size_t)a.batch.word,
                           .heads = (size_t)a.heads.word,
                           .groups = (size_t)a.kv_heads.word,
                           .queries = (size_t)a.q_len.word,
                           .fresh = (size_t)a.kv_len.word,
                           .total = (size_t)a.total.word,
                           .width = (size_t)a.head.word,
                           .v_width = (size_t)a.v_head.word,
                           .past = (size_t)a.past.word,
                           .scale = scale != 0 ? (REAL)scale : one_over_root((size_t)a.head.word),
                           .cap = (REAL)a.softcap,
                           .filter = (REAL)fw_run_attr_float(r, "mask_filter_value", -10000),
                           .scaled = a.scaled,
                           .causal = a.causal,
                           .bias = reals_of(port(r, p->bias))};
    if (p->cos != FW_NO_PORT && fw_run_attr_int(r, "do_rotary", 0) != 0)
        ret->turning = (struct turning){port(r, p->cos), port(r, p->sin), fw_run_in(r, 9),
                                        fw_run_attr_int(r, "rotary_interleaved", 0) != 0};
    read_masks(r, ret);
    FW_REQUIRE(ret->valid == NULL || ret->valid->n >= ret->batch, r->cx.err, FW_SHAPE,
               "a number of keys for each of %zu examples is wanted", ret->batch);
    FW_TRY(check_heads(r, ret));
    FW_TRY(check_sizes(r, ret));
    FW_TRY(check_mask(r, ret, 0));
    return check_mask(r, ret, 1);
}

/* com.microsoft Attention: X*W + bias, (batch, length, width of all), kept where training wants it.
 */
static enum fw_status project(struct fw_run *r, struct attention *a, struct fw_buffer *ret)
{
    struct fw_buffer *kept = fw_run_out(r, ports_of(r)->qkv);
    size_t rows = a->batch * a->queries;
    size_t in = (size_t)r->in[1]->dims[0];
    size_t out = (size_t)r->in[1]->dims[1];
    *ret = (struct fw_buffer){.n = rows * out, .rank = 3, .dtype = FW_F32};
    ret->data = kept != NULL ? reals_of(kept) : scratch_reals(r, rows * out + 1);
    if (ret->data == NULL)
        return fw_fail_memory(r->cx.err);
    memset(ret->data, 0, rows * out * sizeof(REAL));
    FW_TRY(product(r, rows, out, in, matrix_of(ret->data, out, 1), matrix_of(reals(r, 0), in, 1),
                   matrix_of(reals(r, 1), out, 1)));
    for (size_t i = 0; a->bias != NULL && i < rows * out; i++)
        reals_of(ret)[i] = ADD(reals_of(ret)[i], a->bias[i % out]);
    a->bias = NULL;
    return FW_OK;
}

static enum fw_status find(struct fw_run *r, struct attention *a)
{
    struct heads all[3];
    struct packing p = {a->queries, a->heads, a->groups, a->width, a->v_width};
    struct fw_buffer projected;
    const struct fw_buffer *packed = NULL;
    if (ports_of(r)->qkv != FW_NO_PORT) {
        FW_TRY(project(r, a, &projected));
        packed = &projected;
    } else if (!fw_run_has(r, 1)) {
        packed = r->in[0];
    }
    if (packed != NULL) {
        unpack_heads(&p, packed, all);
        a->q = all[0];
    } else {
        a->q = heads_of(r->in[0], a->heads);
        p.length = a->fresh;
        if (r->in[1]->rank == 5) {
            unpack_heads(&p, r->in[1], all);
        } else {
            all[1] = heads_of(r->in[1], a->groups);
            all[2] = heads_of(r->in[2], a->groups);
        }
    }
    a->k = all[1];
    a->v = all[2];
    return FW_OK;
}

/* ---- biases, rotation, keys of earlier calls ---- */

enum fw_status turn_row(const struct fw_run *r, const struct turning *t, REAL *x, size_t width,
                        int64_t position, bool back)
{
    size_t half = (size_t)t->cos->dims[t->cos->rank - 1];
    FW_REQUIRE(position >= 0 && position < t->cos->dims[0] && 2 * half <= width, r->cx.err,
               FW_SHAPE, "a position from 0 to %lld is wanted, found %lld",
               (long long)t->cos->dims[0] - 1, (long long)position);
    for (size_t i = 0; i < half; i++) {
        REAL c = reals_of(t->cos)[(size_t)position * half + i];
        REAL s = reals_of(t->sin)[(size_t)position * half + i];
        REAL *a = x + (t->pairs ? 2 * i : i);
        REAL *b = a + (t->pairs ? 1 : half);
        REAL was = *a;
        s = back ? -s : s;
        *a = SUB(MUL(was, c), MUL(*b, s));
        *b = ADD(MUL(was, s), MUL(*b, c));
    }
    return FW_OK;
}

/* Rows of one head into their new place: with its bias, turned. */
static enum fw_status prepare(const struct fw_run *r, const struct attention *a, size_t b,
                              struct matrix from, REAL *to, size_t rows, size_t width,
                              const REAL *bias, const struct turning *t)
{
    for (size_t i = 0; i < rows; i++, to += width) {
        memcpy(to, from.p + (ptrdiff_t)i * from.row, width * sizeof *to);
        for (size_t j = 0; bias != NULL && j < width; j++)
            to[j] = ADD(to[j], bias[j]);
        int64_t position = first_place(a, b) + (int64_t)i;
        if (t != NULL && t->at != NULL)
            position = t->at->n == 1 ? fw_buffer_int(t->at, 0) + (int64_t)i
                                     : fw_buffer_int(t->at, b * rows + i);
        if (t != NULL)
            FW_TRY(turn_row(r, t, to, width, position, false));
    }
    return FW_OK;
}

static const struct turning *turning_of(const struct attention *a)
{
    return a->turning.cos != NULL ? &a->turning : NULL;
}

static enum fw_status prepare_queries(const struct fw_run *r, struct attention *a)
{
    const struct turning *t = turning_of(a);
    if (a->bias == NULL && t == NULL)
        return FW_OK;
    REAL *p = scratch_reals(r, a->batch * a->heads * a->queries * a->width + 1);
    if (p == NULL)
        return fw_fail_memory(r->cx.err);
    struct heads to = heads_in(p, a->heads, a->queries, a->width);
    for (size_t i = 0; i < a->batch * a->heads; i++) {
        size_t b = i / a->heads;
        size_t h = i % a->heads;
        FW_TRY(prepare(r, a, b, head_at(&a->q, b, h), head_at(&to, b, h).p, a->queries, a->width,
                       a->bias != NULL ? a->bias + h * a->width : NULL, t));
    }
    a->q = to;
    return FW_OK;
}

/* Keys, or values: those of earlier calls, then the new ones; handed on where the node has an
 * output for them. */
struct keys {
    const REAL *past; // (batch, groups, rows, width) or NULL
    size_t rows;
    REAL *present; // (batch, groups, length, width) or NULL
    size_t length, width;
    const REAL *bias;
    const struct turning *turning;
};

static enum fw_status collect(const struct fw_run *r, const struct attention *a,
                              const struct keys *k, struct heads *io)
{
    if (k->past == NULL && k->present == NULL && k->bias == NULL && k->turning == NULL)
        return FW_OK;
    size_t each = k->length * k->width;
    REAL *p = k->present != NULL ? k->present : scratch_reals(r, a->batch * a->groups * each + 1);
    if (p == NULL)
        return fw_fail_memory(r->cx.err);
    memset(p, 0, a->batch * a->groups * each * sizeof *p);
    struct heads to = heads_in(p, a->groups, k->length, k->width);
    for (size_t i = 0; i < a->batch * a->groups; i++) {
        size_t b = i / a->groups;
        size_t g = i % a->groups;
        REAL *rows = head_at(&to, b, g).p;
        int64_t first = first_place(a, b);
        size_t old = k->rows < k->length ? k->rows : k->length;
        if (a->grouped && first >= 0 && (size_t)first < old)
            old = (size_t)first;
        FW_REQUIRE(first >= 0 && (size_t)first + a->fresh <= k->length, r->cx.err, FW_SHAPE,
                   "%zu new keys do not fit behind the %lld of earlier calls", a->fresh,
                   (long long)first);
        if (k->past != NULL)
            memcpy(rows, k->past + i * k->rows * k->width, old * k->width * sizeof *p);
        FW_TRY(prepare(r, a, b, head_at(io, b, g), rows + (size_t)first * k->width, a->fresh,
                       k->width, k->bias != NULL ? k->bias + g * k->width : NULL, k->turning));
    }
    *io = to;
    return FW_OK;
}

static enum fw_status prepare_keys(const struct fw_run *r, struct attention *a)
{
    const struct fw_attention_ports *p = ports_of(r);
    const struct fw_buffer *past = port(r, p->past_key);
    const struct fw_buffer *present = fw_run_out(r, 1);
    bool joined = p->qkv != FW_NO_PORT; // keys and values in one tensor: input 4, output 1
    const struct fw_buffer *other = joined ? NULL : fw_run_out(r, 2);
    past = joined ? fw_run_in(r, 4) : past;
    size_t rows = past != NULL ? (size_t)past->dims[past->rank - 2] : 0;
    size_t length = present != NULL   ? (size_t)present->dims[present->rank - 2]
                    : rows > a->total ? rows
                                      : a->total;
    struct keys k = {reals_of(past),    rows,
                     reals_of(present), length,
                     a->width,          a->bias != NULL ? a->bias + a->heads * a->width : NULL,
                     turning_of(a)};
    struct keys v = k;
    v.width = a->v_width;
    v.turning = NULL;
    v.bias = k.bias != NULL ? k.bias + a->groups * a->width : NULL;
    if (joined) {
        v.past = k.past != NULL ? k.past + past->n / 2 : NULL;
        v.present = k.present != NULL ? k.present + present->n / 2 : NULL;
    } else {
        const struct fw_buffer *values = port(r, p->past_value);
        v.past = reals_of(values);
        v.present = reals_of(other);
    }
    FW_TRY(collect(r, a, &k, &a->k));
    return collect(r, a, &v, &a->v);
}

/* ---- scores ---- */

/* Scores that a step of finish_row leaves, where output 3 shows them. */
static void show(const struct attention *a, int step, const REAL *s, REAL *shown)
{
    if (shown != NULL && a->shows == step)
        memcpy(shown, s, a->total * sizeof *s);
}

/* A row of scores: scaled, capped, masked and softened; shown (keys) or NULL. */
static void finish_row(const struct attention *a, const size_t *place, REAL *s, REAL *shown)
{
    size_t n = a->total, from, to;
    size_t at[4] = {place[0], place[1], place[2], 0};
    for (size_t k = 0; k < n && a->scaled; k++)
        s[k] = MUL(s[k], a->scale);
    show(a, 0, s, shown);
    for (size_t k = 0; k < n && a->cap != 0; k++)
        s[k] = MUL(a->cap, TANH(MUL(s[k], 1 / a->cap)));
    show(a, 1, s, shown);
    for (unsigned m = 0; m < 2; m++)
        for (at[3] = 0; at[3] < n && a->mask[m] != NULL; at[3]++)
            s[at[3]] = masked(a, a->mask[m], at, s[at[3]]);
    met_keys(a, at[0], at[2], &from, &to);
    for (size_t k = 0; k < from; k++)
        s[k] = -INFINITY;
    for (size_t k = to; k < n; k++)
        s[k] = -INFINITY;
    show(a, 2, s, shown);
    REAL most = largest_of(s, n);
    exponentials(s, isinf(most) ? 0 : most, s, n);
    REAL sum = sum_of(s, n);
    divide_all(s, sum != 0 ? sum : 1, n);
    show(a, 3, s, shown);
}

/* Whether heads can be shared: nothing is made for all of them first. */
static bool can_share(const struct fw_run *r, const struct attention *a)
{
    const struct fw_attention_ports *p = ports_of(r);
    return p->qkv == FW_NO_PORT && a->bias == NULL && a->turning.cos == NULL &&
           port(r, p->past_key) == NULL && fw_run_out(r, 1) == NULL && fw_run_out(r, 2) == NULL;
}

KERNEL(attention)
{
    const struct fw_attention_ports *p = ports_of(r);
    struct attention a;
    FW_TRY(read(r, &a));
    size_t from = 0, to = a.batch * a.heads;
    if (can_share(r, &a))
        fw_run_share(r, to, &from, &to);
    else if (r->part > 0)
        return FW_OK;
    FW_TRY(find(r, &a));
    FW_TRY(prepare_queries(r, &a));
    FW_TRY(prepare_keys(r, &a));
    size_t n = a.queries * a.total;
    struct fw_buffer *kept = p->probs == FW_NO_PORT ? NULL : fw_run_out(r, p->probs);
    struct fw_buffer *shown = p->qkv == FW_NO_PORT ? fw_run_out(r, 3) : NULL;
    struct heads y = heads_of(r->out[0], a.heads);
    REAL *s = scratch_reals(r, n + 1);
    if (s == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = from; i < to; i++) {
        size_t b = i / a.heads;
        size_t h = i % a.heads;
        size_t g = h / (a.heads / a.groups);
        clear(head_at(&y, b, h), a.queries, a.v_width);
        if (a.total == 0)
            continue;
        memset(s, 0, n * sizeof *s);
        FW_TRY(product(r, a.queries, a.total, a.width, matrix_of(s, a.total, 1),
                       head_at(&a.q, b, h), turned(head_at(&a.k, b, g))));
        for (size_t q = 0; q < a.queries; q++) {
            const size_t at[3] = {b, h, q};
            REAL *row = shown != NULL ? reals_of(shown) + i * n + q * a.total : NULL;
            finish_row(&a, at, s + q * a.total, row);
        }
        if (kept != NULL)
            memcpy(reals_of(kept) + i * n, s, n * sizeof *s);
        FW_TRY(product(r, a.queries, a.v_width, a.total, head_at(&y, b, h),
                       matrix_of(s, a.total, 1), head_at(&a.v, b, g)));
    }
    return FW_OK;
}
