/* Attend: attention as language models have it, with windows, chunks, sinks, score caps, dropout
 * and caches, kept in full (plain) or computed again (flash).
 *
 * A query meets n keys: all T of them, or the width of its window or chunk where that is less. With
 * S = batch*heads*L*n scores in R = batch*heads*L rows, per score
 *     products   fma = D (Q K^T) + Dv (P V)
 *     scale 1 mul; softcap 2 mul, 1 special; a bias 1 add
 *     softmax    minmax, add, special, add, div, one each, less one minmax and one add per row; a
 *                sink is one more element of each row that has no value
 * That is the count in full. The needed count (slot `needed`) has only the pairs that the causal
 * mask leaves: of window w sum of min(i, w), of chunk c the triangle of each chunk.
 *
 * Training keeps, plain: probabilities, and under dropout its mask and what it left; flash: one
 * float a row. The gradient is one node: dP = dY V^T, dV = P^T dY (Dv fma each), dQ = dS K,
 * dK = dS^T Q (D each), flash computes Q K^T again (D fma, the scale, 1 add and 1 special); dS
 * takes 2 mul and 2 add per score, one add less per row; scale, dropout 1 mul; a softcap 3 mul, 1
 * add and what it takes to have the score again. */
#include "ops/attend.h"

#include "ops/moments.h"
#include "ops/reach.h"

struct attend {
    fw_dim batch, heads, kv_heads, q_len, past, total;
    fw_dim head, v_head;
    fw_dim keys; // that a query meets, counted in full
};

enum { Q, K, V, BIAS, PAST_K, PAST_V, SINKS, N_IN };
enum { Y, PROBS, MASK, DROPPED, STATS, N_OUT };

static const struct fw_attr_spec attrs[FW_ATTEND_N] = {
    [FW_ATTEND_HEADS] = {"num_heads", FW_ATTR_INT, true, {.i = 1}},
    [FW_ATTEND_KV_HEADS] = {"kv_num_heads", FW_ATTR_INT, true, {.i = 1}},
    [FW_ATTEND_CAUSAL] = {"is_causal", FW_ATTR_INT, false, {.i = 1}},
    [FW_ATTEND_WINDOW] = {"window", FW_ATTR_INT, false, {.i = 0}},
    [FW_ATTEND_CHUNK] = {"chunk", FW_ATTR_INT, false, {.i = 0}},
    [FW_ATTEND_SCALED] = {"scaled", FW_ATTR_INT, false, {.i = 1}},
    [FW_ATTEND_SOFTCAP] = {"softcap", FW_ATTR_FLOAT, false, {.f = 0}},
    [FW_ATTEND_DROPOUT] = {"dropout", FW_ATTR_FLOAT, false, {.f = 0}},
    [FW_ATTEND_FLASH] = {"flash", FW_ATTR_INT, false, {.i = 0}},
    [FW_ATTEND_CACHE] = {"cache", FW_ATTR_INT, false, {.i = -1}},
};

/* width / heads, which must divide. */
static enum fw_status head_of(struct fw_cx *c, const struct fw_tensor *t, fw_dim heads, fw_dim *ret)
{
    *ret = fw_dim_div(c->sym, t->dims[2], heads);
    FW_REQUIRE(!fw_dim_is_bad(*ret) && (!fw_dim_is_const(t->dims[2]) || fw_dim_is_const(*ret)),
               c->err, FW_SHAPE, "the number of heads must divide the width");
    return FW_OK;
}

static enum fw_status read_attend(struct fw_cx *c, struct attend *a)
{
    const struct fw_attr *attr = c->node->attr;
    int64_t heads = attr[FW_ATTEND_HEADS].i;
    int64_t groups = attr[FW_ATTEND_KV_HEADS].i;
    FW_REQUIRE(heads > 0 && groups > 0 && heads % groups == 0, c->err, FW_SHAPE,
               "heads as a multiple of key heads are wanted");
    for (unsigned i = Q; i <= V; i++)
        FW_TRY(fw_want_rank(c, i, 3, 3));
    const fw_dim *q = fw_in(c, Q)->dims;
    const fw_dim *k = fw_in(c, K)->dims;
    *a = (struct attend){.batch = q[0],
                         .heads = fw_dim_int(heads),
                         .kv_heads = fw_dim_int(groups),
                         .q_len = q[1],
                         .past = fw_dim_int(0)};
    fw_dim key;
    FW_TRY(head_of(c, fw_in(c, Q), a->heads, &a->head));
    FW_TRY(head_of(c, fw_in(c, K), a->kv_heads, &key));
    FW_TRY(head_of(c, fw_in(c, V), a->kv_heads, &a->v_head));
    FW_TRY(fw_same_dim(c, "width of query and key", a->head, key, &a->head));
    FW_TRY(fw_same_dim(c, "length of key and value", k[1], fw_in(c, V)->dims[1], &a->total));
    if (fw_has_in(c, PAST_K)) {
        FW_TRY(fw_want_rank(c, PAST_K, 4, 4));
        a->past = fw_in(c, PAST_K)->dims[2];
    }
    a->total = fw_dim_add(c->sym, a->past, a->total);
    int64_t width =
        attr[FW_ATTEND_WINDOW].i != 0 ? attr[FW_ATTEND_WINDOW].i : attr[FW_ATTEND_CHUNK].i;
    a->keys = width > 0 ? fw_dim_min(c->sym, a->total, fw_dim_int(width)) : a->total;
    return FW_OK;
}

static enum fw_status infer(struct fw_cx *c)
{
    const struct fw_attr *attr = c->node->attr;
    struct attend a;
    FW_TRY(read_attend(c, &a));
    enum fw_dtype dtype = (enum fw_dtype)fw_in(c, Q)->dtype;
    fw_dim y[3] = {a.batch, a.q_len, fw_dim_mul(c->sym, a.heads, a.v_head)};
    FW_TRY(fw_set_out(c, Y, dtype, 3, y));
    fw_dim none = fw_dim_int(0);
    fw_dim probs[4] = {a.batch, a.heads, a.q_len, a.keys};
    bool flash = attr[FW_ATTEND_FLASH].i != 0;
    bool drops = !flash && attr[FW_ATTEND_DROPOUT].f > 0;
    FW_TRY(fw_set_out(c, PROBS, dtype, flash ? 1 : 4, flash ? &none : probs));
    FW_TRY(fw_set_out(c, MASK, FW_BOOL, drops ? 4 : 1, drops ? probs : &none));
    FW_TRY(fw_set_out(c, DROPPED, dtype, drops ? 4 : 1, drops ? probs : &none));
    return fw_set_out(c, STATS, FW_F32, flash ? 3 : 1, flash ? probs : &none);
}

/* ---- pairs ---- */

static fw_count rows_of(struct fw_cx *c, const struct attend *a)
{
    const fw_dim dims[3] = {a->batch, a->heads, a->q_len};
    return fw_product(c, dims, 0, 3);
}

static fw_count full_scores(struct fw_cx *c, const struct attend *a)
{
    return fw_count_mul(c->sym, rows_of(c, a), fw_count_of(a->keys));
}

static fw_count triangle(struct fw_symbols *s, fw_count n)
{
    fw_count square = fw_count_mul(s, n, fw_count_add(s, n, fw_count_int(1)));
    return fw_count_div(s, square, fw_count_int(2));
}

/* Pairs of the first n positions among themselves. */
fw_count fw_pairs_of(struct fw_symbols *s, fw_count n, int64_t window, int64_t chunk_width)
{
    fw_count chunk = fw_count_int(chunk_width);
    if (window > 0) {
        fw_count m = fw_count_min(s, n, fw_count_int(window));
        return fw_count_add(s, triangle(s, m), fw_count_mul(s, fw_count_sub(s, n, m), m));
    }
    if (chunk_width <= 0)
        return triangle(s, n);
    fw_count whole = fw_count_floor_div(s, n, chunk);
    fw_count rest = fw_count_sub(s, n, fw_count_mul(s, whole, chunk));
    return fw_count_add(s, fw_count_mul(s, whole, triangle(s, chunk)), triangle(s, rest));
}

static fw_count pairs_of(struct fw_cx *c, fw_count n)
{
    const struct fw_attr *attr = c->node->attr;
    return fw_pairs_of(c->sym, n, attr[FW_ATTEND_WINDOW].i, attr[FW_ATTEND_CHUNK].i);
}

static fw_count needed_scores(struct fw_cx *c, const struct attend *a)
{
    if (c->node->attr[FW_ATTEND_CAUSAL].i == 0)
        return full_scores(c, a);
    fw_count pairs =
        fw_count_sub(c->sym, pairs_of(c, fw_count_of(a->total)), pairs_of(c, fw_count_of(a->past)));
    const fw_dim dims[2] = {a->batch, a->heads};
    return fw_count_mul(c->sym, fw_product(c, dims, 0, 2), pairs);
}

/* ---- cost ---- */

static void cost_scores(struct fw_cx *c, struct fw_cost *cost, const struct attend *a, fw_count s)
{
    const struct fw_attr *attr = c->node->attr;
    bool capped = attr[FW_ATTEND_SOFTCAP].f != 0;
    bool sunk = fw_has_in(c, SINKS);
    fw_count rows = rows_of(c, a);
    fw_count width = fw_count_of(fw_dim_add(c->sym, a->head, a->v_head));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, s, width), 1);
    fw_cost_add(c, cost, FW_MUL, s, (attr[FW_ATTEND_SCALED].i != 0 ? 1 : 0) + (capped ? 2 : 0));
    fw_cost_add(c, cost, FW_EXP, s, 1);
    fw_cost_add(c, cost, FW_TANH, s, capped ? 1 : 0);
    fw_cost_add(c, cost, FW_ADD, s, fw_has_in(c, BIAS) ? 2 : 1);
    fw_cost_add(c, cost, FW_DIV, s, 1);
    fw_count joins = sunk ? s : fw_joins(c, s, rows); // of the sum and of the maximum
    fw_cost_add(c, cost, FW_ADD, joins, 1);
    fw_cost_add(c, cost, FW_MINMAX, joins, 1);
    fw_cost_add(c, cost, FW_ADD, rows, sunk ? 1 : 0);
    fw_cost_add(c, cost, FW_EXP, rows, sunk ? 1 : 0);
    if (fw_has_out(c, STATS) && attr[FW_ATTEND_FLASH].i != 0) { // max + log(sum), kept
        fw_cost_add(c, cost, FW_ADD, rows, 1);
        fw_cost_add(c, cost, FW_LOG, rows, 1);
    }
    if (!c->g->training || attr[FW_ATTEND_DROPOUT].f <= 0)
        return;
    fw_cost_add(c, cost, FW_MUL, s, 1);
    fw_cost_add(c, cost, FW_MINMAX, s, 1);
}

static void needed(struct fw_cx *c, bool all, struct fw_cost *cost)
{
    struct attend a;
    if (read_attend(c, &a) == FW_OK)
        cost_scores(c, cost, &a, all ? full_scores(c, &a) : needed_scores(c, &a));
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    needed(c, true, cost);
}

static void cache(struct fw_cx *c, struct fw_cache *ret)
{
    const struct fw_attr *attr = c->node->attr;
    struct attend a;
    if (attr[FW_ATTEND_CAUSAL].i == 0 || read_attend(c, &a) != FW_OK)
        return;
    fw_dim both = fw_dim_mul(c->sym, a.kv_heads, fw_dim_add(c->sym, a.head, a.v_head));
    ret->per_token =
        attr[FW_ATTEND_CACHE].i >= 0 ? fw_count_int(attr[FW_ATTEND_CACHE].i) : fw_count_of(both);
    ret->length = fw_count_of(a.total);
    if (attr[FW_ATTEND_CACHE].i >= 0)
        return; // keys that are chosen may be any of them
    ret->window =
        attr[FW_ATTEND_WINDOW].i != 0 ? attr[FW_ATTEND_WINDOW].i : attr[FW_ATTEND_CHUNK].i;
}

/* ---- gradient: (dY, Q, K, V, bias, probs, mask, what dropout left or Y, stats, sinks) ---- */

enum { G_DY, G_Q, G_K, G_V, G_BIAS, G_PROBS, G_MASK, G_LEFT, G_STATS, G_SINKS, G_N_IN };
enum { G_DQ, G_DK, G_DV, G_DBIAS, G_DSINKS, G_N_OUT };

/* The forward node's sizes, from the gradient's inputs. */
static enum fw_status read_grad(struct fw_cx *c, struct attend *a)
{
    struct fw_node forward = *c->node;
    uint32_t in[3] = {c->node->in[G_Q], c->node->in[G_K], c->node->in[G_V]};
    forward.in = in;
    forward.n_in = 3;
    struct fw_cx at = *c;
    at.node = &forward;
    return read_attend(&at, a);
}

static enum fw_status infer_grad(struct fw_cx *c)
{
    struct attend a;
    FW_TRY(read_grad(c, &a));
    for (unsigned i = G_DQ; i <= G_DV; i++)
        FW_TRY(fw_set_out_like(c, i, fw_in(c, G_Q + i)));
    fw_dim scores[4] = {a.batch, a.heads, a.q_len, a.keys};
    FW_TRY(fw_set_out(c, G_DBIAS, (enum fw_dtype)fw_in(c, G_Q)->dtype, 4, scores));
    return fw_has_in(c, G_SINKS) ? fw_set_out_like(c, G_DSINKS, fw_in(c, G_SINKS)) : FW_OK;
}

static void cost_grad_of(struct fw_cx *c, struct fw_cost *cost, const struct attend *a, fw_count s)
{
    const struct fw_attr *attr = c->node->attr;
    bool again = attr[FW_ATTEND_FLASH].i != 0;
    bool capped = attr[FW_ATTEND_SOFTCAP].f != 0;
    bool drops = attr[FW_ATTEND_DROPOUT].f > 0;
    int64_t scaled = attr[FW_ATTEND_SCALED].i != 0 ? 1 : 0;
    fw_count d = fw_count_mul(c->sym, s, fw_count_of(a->head));
    fw_count dv = fw_count_mul(c->sym, s, fw_count_of(a->v_head));
    fw_cost_add(c, cost, FW_FMA, dv, 2);
    fw_cost_add(c, cost, FW_FMA, d, 2 + (again || capped ? 1 : 0));
    fw_cost_add(c, cost, FW_MUL, s, 2 + scaled * (again || capped ? 2 : 1) + (drops ? 1 : 0));
    fw_cost_add(c, cost, FW_ADD, s, 1 + (again ? 1 : 0));
    fw_cost_add(c, cost, FW_EXP, s, again ? 1 : 0);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, s, rows_of(c, a)), 1);
    if (capped) {
        fw_cost_add(c, cost, FW_MUL, s, again ? 4 : 3);
        fw_cost_add(c, cost, FW_TANH, s, 1);
        fw_cost_add(c, cost, FW_ADD, s, 1);
    }
    if (again && fw_has_in(c, G_BIAS))
        fw_cost_add(c, cost, FW_ADD, s, 1);
    if (!fw_has_in(c, G_SINKS))
        return;
    /* what the sink took: exp(sink - statistic), or 1 less all probabilities; times the row's sum
     */
    fw_cost_add(c, cost, FW_MUL, rows_of(c, a), 1);
    fw_cost_add(c, cost, FW_ADD, rows_of(c, a), again ? 2 : 1);
    fw_cost_add(c, cost, FW_ADD, s, again ? 0 : 1);
    fw_cost_add(c, cost, FW_EXP, rows_of(c, a), again ? 1 : 0);
}

static void needed_grad(struct fw_cx *c, bool all, struct fw_cost *cost)
{
    struct attend a;
    if (read_grad(c, &a) == FW_OK)
        cost_grad_of(c, cost, &a, all ? full_scores(c, &a) : needed_scores(c, &a));
}

static void cost_grad(struct fw_cx *c, struct fw_cost *cost)
{
    needed_grad(c, true, cost);
}

enum { ATTEND, TRAINING, GRADIENT, N_ROWS };
static const struct fw_op rows[N_ROWS];

static uint32_t in_at(const struct fw_grad *gr, unsigned i)
{
    return i < gr->cx.node->n_in ? gr->cx.node->in[i] : FW_NONE;
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fw_node *n = gr->cx.node;
    FW_REQUIRE(n->n_out == N_OUT, gr->cx.err, FW_UNSUPPORTED,
               "Attend has a gradient in its training form only");
    FW_REQUIRE(in_at(gr, PAST_K) == FW_NONE, gr->cx.err, FW_UNSUPPORTED,
               "Attend over keys of earlier calls is not trained");
    if (gr->dy[Y] == FW_NONE)
        return FW_OK;
    bool flash = n->attr[FW_ATTEND_FLASH].i != 0;
    bool drops = !flash && n->attr[FW_ATTEND_DROPOUT].f > 0;
    bool bias = fw_grad_needs(gr, BIAS);
    bool sinks = fw_grad_needs(gr, SINKS);
    const uint32_t in[G_N_IN] = {[G_DY] = gr->dy[Y],
                                 [G_Q] = n->in[Q],
                                 [G_K] = n->in[K],
                                 [G_V] = n->in[V],
                                 [G_BIAS] = flash ? in_at(gr, BIAS) : FW_NONE,
                                 [G_PROBS] = flash ? FW_NONE : n->out[PROBS],
                                 [G_MASK] = drops ? n->out[MASK] : FW_NONE,
                                 [G_LEFT] = drops   ? n->out[DROPPED]
                                            : flash ? n->out[Y]
                                                    : FW_NONE,
                                 [G_STATS] = flash ? n->out[STATS] : FW_NONE,
                                 [G_SINKS] = in_at(gr, SINKS)};
    uint32_t first;
    unsigned n_out = sinks ? 5 : bias ? 4 : 3;
    FW_TRY(fw_emit_n(gr, -1, &rows[GRADIENT], in, G_N_IN, n->attr, n_out, &first));
    for (unsigned i = Q; i <= V; i++)
        gr->dx[i] = fw_grad_needs(gr, i) ? first + i : FW_NONE;
    if (bias)
        FW_TRY(fw_grad_give(gr, BIAS, first + G_DBIAS));
    if (sinks)
        gr->dx[SINKS] = first + G_DSINKS;
    return FW_OK;
}

/* ---- rows ---- */

#define WORDS                                                                                     \
    "S = B*H*L*keys, keys = all, or those of a window or chunk; fma = S*(D+Dv); per score scale " \
    "1 mul, bias 1 add, softcap 2 mul 1 special, softmax minmax, 2 add, special, div"

FW_KERNELS(attend, attend_grad);

static const struct fw_op rows[N_ROWS] = {
    [ATTEND] = {.name = "Attend",
                .domain = "flopwise",
                .formula = WORDS,
                .doc = "dV = P^T dY, dS from dP = dY V^T by the softmax, dQ = dS K, dK = dS^T Q",
                FW_ATTRS(attrs),
                FW_PORTS(3, N_IN, 1, 1),
                .flags = FW_OP_CONTRACTION,
                .weight_slots = 1u << SINKS,
                .train_form = &rows[TRAINING],
                .infer = infer,
                .field = fw_field_attention,
                .cost = cost,
                .grad = grad,
                .needed = needed,
                .cache = cache,
                .moments = &fw_moments_attend,
                FW_RUN_SHARED(attend)},
    [TRAINING] = {.name = "AttendTraining",
                  .domain = "flopwise",
                  .formula = WORDS "; dropout 1 mul, 1 minmax",
                  .doc = "as Attend, from the probabilities kept, or computed again (flash)",
                  FW_ATTRS(attrs),
                  FW_PORTS(3, N_IN, 1, N_OUT),
                  .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
                  .weight_slots = 1u << SINKS,
                  .infer = infer,
                  .field = fw_field_attention,
                  .cost = cost,
                  .grad = grad,
                  .needed = needed,
                  .cache = cache,
                  .moments = &fw_moments_attend,
                  FW_RUN_SHARED(attend)},
    [GRADIENT] =
        {.name = "AttendGrad",
         .domain = "flopwise",
         .formula =
             "fma = S*2*(D+Dv), flash S*D more; per score 2 add, 2 mul, scale and dropout 1 mul",
         .doc = FW_INTERNAL_DOC,
         FW_ATTRS(attrs),
         FW_PORTS(G_N_IN, G_N_IN, 3, G_N_OUT),
         .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
         .infer = infer_grad,
         .cost = cost_grad,
         .grad = fw_grad_none,
         .needed = needed_grad,
         FW_RUN_SHARED(attend_grad)},
};
const struct fw_op_table fw_ops_attend = {rows, N_ROWS};
