/* Finds attention that is spelled out, as exporters write it.
 *
 * From a softmax back through what leaves the number of elements alone (scale, mask, cast) there is
 * a product of two computed tensors, from it forward through the same (dropout, cast) another. The
 * mask is causal where something beside that way tells earlier places from later ones: a row that
 * says so (FW_OP_TRIANGLE) over queries and keys, or a stored triangle. Keys and values are
 * followed back to where they are smallest: grouped ones are repeated only behind what is kept. */
#include "passes/scores.h"

#include "ops/op.h"

#include <string.h>

enum { MAX_STEPS = 24, MAX_SIDE = 96 };

struct search {
    struct fw_graph *g;
    struct fw_spelled_list *l;
    uint32_t *probs; // (n_tensors) 1 + the place whose probabilities these are
    uint8_t *given;  // (n_tensors) results of the network
};

static fw_count elements(const struct search *s, uint32_t id)
{
    return fw_tensor_elements(s->g, &s->g->tensors[id]);
}

static bool is_real(const struct search *s, uint32_t id)
{
    return id != FW_NONE && s->g->tensors[id].rank != FW_RANK_UNKNOWN &&
           fw_dtypes[s->g->tensors[id].dtype].class == 'f';
}

static const struct fw_node *maker(const struct search *s, uint32_t id)
{
    uint32_t producer = id == FW_NONE ? FW_NONE : s->g->tensors[id].producer;
    return producer == FW_NONE ? NULL : &s->g->nodes[producer];
}

/* The input that node passes on element by element, FW_NONE where there is none. */
static uint32_t same_input(const struct search *s, const struct fw_node *n, fw_count size)
{
    for (unsigned i = 0; i < n->n_in; i++)
        if (is_real(s, n->in[i]) && maker(s, n->in[i]) != NULL &&
            elements(s, n->in[i]).word == size.word)
            return n->in[i];
    return FW_NONE;
}

/* ---- masks ---- */

/* A stored square whose lower half is one value and whose upper half another. */
static bool stored_triangle(const struct fw_tensor *t)
{
    if (t->data == NULL || t->data->bytes == NULL || t->rank < 2)
        return false;
    fw_dim side = t->dims[t->rank - 1];
    size_t n =
        fw_dim_is_const(side) && side.word > 1 && side.word < 1 << 16 ? (size_t)side.word : 0;
    size_t width = fw_dtypes[t->dtype].bits / 8;
    if (n == 0 || t->dims[t->rank - 2].word != side.word || width == 0 ||
        t->data->n_bytes != n * n * width)
        return false;
    const unsigned char *first = t->data->bytes;
    const unsigned char *last = first + (n - 1) * n * width;
    bool even = memcmp(first + width, first + 2 * width, (n - 2) * width) == 0 &&
                memcmp(last, last + width, (n - 1) * width) == 0;
    if (!even || memcmp(first, first + width, width) == 0 || memcmp(first, last, width) != 0)
        return false;
    for (size_t i = 1; i + 1 < n; i++) {
        const unsigned char *row = first + i * n * width;
        size_t low = (i + 1) * width;
        if (memcmp(row, last, low) != 0 || memcmp(row + low, first + low, n * width - low) != 0)
            return false;
    }
    return true;
}

static bool over_places(const struct fw_tensor *t, const struct fw_tensor *scores)
{
    if (t->rank == FW_RANK_UNKNOWN || t->rank < 2)
        return false;
    fw_dim last = t->dims[t->rank - 1];
    fw_dim before = t->dims[t->rank - 2];
    bool square = last.word == before.word && !fw_dim_is(last, 1);
    return square || (last.word == scores->dims[scores->rank - 1].word &&
                      before.word == scores->dims[scores->rank - 2].word);
}

struct side {
    uint32_t id[MAX_SIDE];
    unsigned n;
};

static void look_later(struct side *side, uint32_t id)
{
    if (id == FW_NONE || side->n == MAX_SIDE)
        return;
    for (unsigned k = 0; k < side->n; k++)
        if (side->id[k] == id)
            return;
    side->id[side->n++] = id;
}

/* Whether what stands beside the way of the scores tells earlier places from later ones. */
static bool is_causal(const struct search *s, struct side *side, const struct fw_tensor *scores)
{
    for (unsigned k = 0; k < side->n; k++) {
        const struct fw_tensor *t = &s->g->tensors[side->id[k]];
        const struct fw_node *n = maker(s, side->id[k]);
        if (n == NULL && stored_triangle(t))
            return true;
        if (n == NULL)
            continue;
        if (n->op->flags & FW_OP_TRIANGLE && over_places(t, scores))
            return true;
        for (unsigned i = 0; i < n->n_in; i++)
            look_later(side, n->in[i]);
    }
    return false;
}

/* ---- the two products ---- */

static bool is_product(const struct search *s, const struct fw_node *n)
{
    return n->op->flags & FW_OP_CONTRACTION && n->n_in >= 2 && maker(s, n->in[0]) != NULL &&
           maker(s, n->in[1]) != NULL && is_real(s, n->in[0]) && is_real(s, n->in[1]);
}

/* Back to the product; what is passed beside the way goes to side. */
static const struct fw_node *find_product(const struct search *s, uint32_t from, struct side *side)
{
    fw_count size = elements(s, from);
    for (unsigned step = 0; step < MAX_STEPS && from != FW_NONE; step++) {
        const struct fw_node *n = maker(s, from);
        if (n == NULL)
            return NULL;
        if (n->op->flags & FW_OP_CONTRACTION)
            return is_product(s, n) ? n : NULL;
        uint32_t next = same_input(s, n, size);
        for (unsigned i = 0; i < n->n_in; i++)
            if (n->in[i] != next)
                look_later(side, n->in[i]);
        from = next;
    }
    return NULL;
}

/* Only repeats its one input of numbers, a whole number of times. */
static bool repeats(const struct search *s, const struct fw_node *n, fw_count size)
{
    unsigned reals = 0;
    for (unsigned i = 0; i < n->n_in; i++)
        reals += is_real(s, n->in[i]);
    if (reals != 1 || !(n->op->flags & FW_OP_MOVE) || !is_real(s, n->in[0]))
        return false;
    fw_count times = fw_count_div(s->g->sym, size, elements(s, n->in[0]));
    return fw_count_is_const(times) && times.word >= 1;
}

/* Where a factor is smallest on its way back to the layer that made it. */
static uint32_t smallest(const struct search *s, uint32_t id, bool *keeps)
{
    for (unsigned step = 0; step < MAX_STEPS; step++) {
        const struct fw_node *n = maker(s, id);
        *keeps |= s->given[id] != 0;
        if (n == NULL || n->op->flags & FW_OP_CONTRACTION)
            break;
        fw_count size = elements(s, id);
        uint32_t next = same_input(s, n, size);
        if (next == FW_NONE && repeats(s, n, size) && maker(s, n->in[0]) != NULL)
            next = n->in[0];
        if (next == FW_NONE)
            break;
        id = next;
    }
    return id;
}

static fw_count triangle(struct fw_symbols *sym, fw_count n)
{
    fw_count square = fw_count_mul(sym, n, fw_count_add(sym, n, fw_count_int(1)));
    return fw_count_div(sym, square, fw_count_int(2));
}

static fw_count left_of(struct fw_symbols *sym, fw_count scores, const struct fw_tensor *t)
{
    fw_count keys = fw_count_of(t->dims[t->rank - 1]);
    fw_count queries = fw_count_of(t->dims[t->rank - 2]);
    fw_count heads = fw_count_div(sym, scores, fw_count_mul(sym, queries, keys));
    fw_count earlier = fw_count_sub(sym, keys, queries);
    if (fw_count_is_bad(heads) || (fw_count_is_const(earlier) && earlier.word < 0))
        return scores;
    fw_count pairs = fw_count_sub(sym, triangle(sym, keys), triangle(sym, earlier));
    return fw_count_mul(sym, heads, pairs);
}

/* The scores with their queries and keys: those of an old softmax were made a matrix before. */
static const struct fw_tensor *scores_of(const struct search *s, const struct fw_node *softmax)
{
    const struct fw_tensor *t = &s->g->tensors[softmax->out[0]];
    const struct fw_node *flat = maker(s, softmax->in[0]);
    if (flat == NULL || !(flat->op->flags & FW_OP_VIEW) || t->rank != 2)
        return t;
    const struct fw_tensor *whole = &s->g->tensors[flat->in[0]];
    bool same = whole->rank != FW_RANK_UNKNOWN && whole->rank > 2 &&
                fw_dim_eq(whole->dims[whole->rank - 1], t->dims[1]);
    return same ? whole : t;
}

static enum fw_status add(struct search *s, const struct fw_node *softmax, struct fw_error *err)
{
    struct fw_spelled_list *l = s->l;
    const struct fw_tensor *t = scores_of(s, softmax);
    struct side side = {.n = 0};
    if (t->rank == FW_RANK_UNKNOWN || t->rank < 2)
        return FW_OK;
    const struct fw_node *product = find_product(s, softmax->in[0], &side);
    if (product == NULL)
        return FW_OK;
    if (l->n == l->cap) {
        uint32_t cap = l->cap < 16 ? 16 : 2 * l->cap;
        struct fw_spelled *more =
            fw_mem_resize(s->g->alloc, l->of, l->cap * sizeof *more, cap * sizeof *more);
        if (more == NULL)
            return fw_fail_memory(err);
        l->of = more;
        l->cap = cap;
    }
    struct fw_spelled *a = &l->of[l->n++];
    *a = (struct fw_spelled){
        .scores = elements(s, softmax->out[0]), .total = t->dims[t->rank - 1], .mix = FW_NONE};
    a->keeps = is_causal(s, &side, t);
    a->left = a->keeps ? left_of(s->g->sym, a->scores, t) : a->scores;
    a->keys = smallest(s, product->in[1], &a->keeps);
    l->at[product - s->g->nodes] = l->n;
    s->probs[softmax->out[0]] = l->n;
    return FW_OK;
}

/* What follows the softmax: passes the probabilities on, or is the product with the values. */
static void follow(struct search *s, uint32_t id)
{
    const struct fw_node *n = &s->g->nodes[id];
    for (unsigned i = 0; i < n->n_in && n->n_out > 0; i++) {
        uint32_t k = n->in[i] == FW_NONE ? 0 : s->probs[n->in[i]];
        if (k == 0)
            continue;
        struct fw_spelled *a = &s->l->of[k - 1];
        if (is_product(s, n)) {
            s->l->at[id] = k;
            a->mix = id;
            a->values = smallest(s, n->in[i == 0 ? 1 : 0], &a->keeps);
        } else if (is_real(s, n->out[0]) && elements(s, n->out[0]).word == a->scores.word) {
            s->probs[n->out[0]] = k;
        }
        return;
    }
}

static enum fw_status search(struct search *s, struct fw_error *err)
{
    struct fw_graph *g = s->g;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        s->given[g->outputs[i]] = 1;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        if (n->phase != FW_PHASE_FORWARD || n->flags & (FW_NODE_GAP | FW_NODE_SHAPE))
            continue;
        if (n->op->flags & FW_OP_SHARES && is_real(s, n->in[0]) && is_real(s, n->out[0]))
            FW_TRY(add(s, n, err));
        else
            follow(s, id);
    }
    return FW_OK;
}

enum fw_status fw_find_spelled(struct fw_graph *g, struct fw_spelled_list *ret,
                               struct fw_error *err)
{
    size_t n = g->n_tensors + (size_t)1;
    *ret = (struct fw_spelled_list){.n_nodes = g->n_nodes + 1};
    struct search s = {.g = g, .l = ret};
    size_t all = ret->n_nodes * sizeof *ret->at;
    ret->at = fw_mem_resize(g->alloc, NULL, 0, all);
    s.probs = fw_mem_resize(g->alloc, NULL, 0, n * sizeof *s.probs);
    s.given = fw_mem_resize(g->alloc, NULL, 0, n);
    enum fw_status status = FW_OK;
    if (ret->at == NULL || s.probs == NULL || s.given == NULL) {
        status = fw_fail_memory(err);
    } else {
        memset(ret->at, 0, all);
        memset(s.probs, 0, n * sizeof *s.probs);
        memset(s.given, 0, n);
        status = search(&s, err);
    }
    fw_mem_resize(g->alloc, s.probs, s.probs == NULL ? 0 : n * sizeof *s.probs, 0);
    fw_mem_resize(g->alloc, s.given, s.given == NULL ? 0 : n, 0);
    if (status != FW_OK)
        fw_spelled_clear(g, ret);
    return status;
}

void fw_spelled_clear(struct fw_graph *g, struct fw_spelled_list *l)
{
    fw_mem_resize(g->alloc, l->of, l->cap * sizeof *l->of, 0);
    fw_mem_resize(g->alloc, l->at, l->at == NULL ? 0 : l->n_nodes * sizeof *l->at, 0);
    *l = (struct fw_spelled_list){0};
}
