/* Language models; see language.h. Rows say what a token meets (slot met), what their masks leave
 * (needed) and what decoding keeps (cache); this adds it up, and what scores.c finds of attention
 * that is spelled out. */
#include "passes/language.h"

#include "ops/infer.h"
#include "ops/op.h"
#include "passes/cost.h"
#include "passes/infer.h"
#include "passes/scores.h"

#include <math.h>
#include <string.h>

enum { USED_WHOLE = 1, LOOKED_UP = 2, ROUTED = 4, MODELS_OWN = 8, DECODED = 16, MAX_STEPS = 8 };

struct walk {
    struct fw_graph *g;
    const struct fw_precision *precision;
    struct fw_language *l;
    uint8_t *use;  // (n_tensors)
    fw_count *met; // (n_tensors) elements of experts that one token meets
    struct fw_spelled_list spelled;
    fw_count sequences; // of the pass
};

static fw_count add(struct walk *w, fw_count a, fw_count b)
{
    return fw_count_add(w->g->sym, a, b);
}

/* The product behind a choice of experts: the first one that its first inputs lead back to. */
static void look_at_router(struct walk *w, uint32_t chosen)
{
    const struct fw_graph *g = w->g;
    for (unsigned step = 0; step < MAX_STEPS && chosen != FW_NONE; step++) {
        uint32_t id = g->tensors[chosen].producer;
        if (id == FW_NONE || w->use[chosen] & ROUTED)
            return;
        const struct fw_node *n = &g->nodes[id];
        if (n->op->flags & FW_OP_CONTRACTION) {
            struct fw_cost cost;
            (void)fw_node_cost(w->g, id, w->precision, &cost);
            w->l->router = add(w, w->l->router, fw_cost_matmul_flop(g->sym, &cost));
            w->use[chosen] |= ROUTED;
            return;
        }
        chosen = n->n_in > 0 ? n->in[0] : FW_NONE;
    }
}

static void look_at_weights(struct walk *w, struct fw_cx *c)
{
    const struct fw_node *n = c->node;
    for (unsigned i = 0; i < n->n_in; i++) {
        const struct fw_tensor *t = fw_in(c, i);
        struct fw_met met = {0};
        if (t == NULL || t->kind != FW_KIND_PARAM)
            continue;
        if (!(n->flags & FW_NODE_FURTHER))
            w->use[n->in[i]] |= MODELS_OWN;
        if (n->op->met == NULL || !n->op->met(c, i, &met)) {
            w->use[n->in[i]] |= USED_WHOLE;
            continue;
        }
        if (met.of == 0) {
            w->use[n->in[i]] |= LOOKED_UP;
            continue;
        }
        w->met[n->in[i]] = met.elements;
        for (unsigned k = 0; k < n->n_in; k++)
            if (n->in[k] != FW_NONE && fw_dtypes[w->g->tensors[n->in[k]].dtype].class == 'i')
                look_at_router(w, n->in[k]);
        if (met.of > w->l->experts) {
            w->l->experts = met.of;
            w->l->chosen = met.chosen;
        }
    }
}

static bool is_words(const struct fw_tensor *t)
{
    return t->rank == 2 && fw_dtypes[t->dtype].class == 'i';
}

/* Words: the first input of whole numbers. Those that are decoded: of an encoder and a decoder the
 * decoder's, else all. */
static void find_tokens(struct walk *w)
{
    const struct fw_graph *g = w->g;
    bool decoder = false;
    for (uint32_t i = g->n_inputs; i-- > 0;) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        if (!is_words(t))
            continue;
        w->l->tokens = fw_dims_product(g->sym, t->dims, 2);
        w->sequences = fw_count_of(t->dims[0]);
        decoder |= t->name != NULL && strncmp(t->name, "decoder", 7) == 0;
    }
    for (uint32_t i = g->n_inputs; i-- > 0;) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        if (!is_words(t) || (decoder && strncmp(t->name != NULL ? t->name : "", "decoder", 7) != 0))
            continue;
        w->l->decoded_tokens = fw_dims_product(g->sym, t->dims, 2);
        w->use[g->inputs[i]] |= DECODED;
    }
}

/* Does the node depend on words that are decoded? */
static bool is_decoded(struct walk *w, const struct fw_node *n)
{
    bool any = false;
    for (unsigned i = 0; i < n->n_in && !any; i++)
        any = n->in[i] != FW_NONE && !(i < 32 && n->op->shape_only >> i & 1u) &&
              (w->use[n->in[i]] & DECODED);
    for (unsigned i = 0; any && i < n->n_out; i++)
        if (n->out[i] != FW_NONE)
            w->use[n->out[i]] |= DECODED;
    return any;
}

static void look_at_cache(struct walk *w, struct fw_cx *c)
{
    struct fw_symbols *s = w->g->sym;
    struct fw_cache cache = {.per_token = fw_count_int(0), .fixed = fw_count_int(0)};
    cache.length = fw_count_int(0);
    c->node->op->cache(c, &cache);
    if (fw_count_is(cache.per_token, 0) && fw_count_is(cache.fixed, 0))
        return;
    fw_count length =
        cache.window > 0 ? fw_count_min(s, cache.length, fw_count_int(cache.window)) : cache.length;
    w->l->cache_per_token = add(w, w->l->cache_per_token, cache.per_token);
    w->l->cache = add(w, w->l->cache, fw_count_mul(s, cache.per_token, length));
    w->l->state = add(w, w->l->state, cache.fixed);
    const struct fw_tensor *y = &w->g->tensors[c->node->out[0]];
    if (y->rank == 3) // pictures stand among the words
        w->l->decoded_tokens = fw_dims_product(s, y->dims, 2);
    w->l->cache_bits = fw_tensor_bits(w->precision, y);
}

/* FLOP over all pairs of a query and a key, and over those that the mask leaves. */
static void add_attention(struct walk *w, const struct fw_node *n, fw_count all, fw_count left)
{
    struct fw_language *l = w->l;
    bool forward = n->phase == FW_PHASE_FORWARD;
    fw_count *sum = forward ? &l->attention : &l->attention_back;
    fw_count *sum_needed = forward ? &l->attention_needed : &l->attention_back_needed;
    *sum = add(w, *sum, all);
    *sum_needed = add(w, *sum_needed, left);
}

/* The share of flop that falls on so many of all scores. */
static fw_count share(struct walk *w, fw_count flop, fw_count left, fw_count scores)
{
    fw_count each = fw_count_div(w->g->sym, flop, scores);
    return fw_count_is_bad(each) ? flop : fw_count_mul(w->g->sym, each, left);
}

/* Keys and values of one sequence, of all its places. */
static void add_spelled_cache(struct walk *w, const struct fw_spelled *a, uint32_t id)
{
    struct fw_symbols *s = w->g->sym;
    fw_count length = fw_count_of(a->total);
    fw_count places = fw_count_mul(s, w->sequences, length);
    const struct fw_tensor *t = &w->g->tensors[id];
    fw_count each = fw_count_div(s, fw_tensor_elements(w->g, t), places);
    if (fw_count_is_bad(each))
        return;
    w->l->cache_per_token = add(w, w->l->cache_per_token, each);
    w->l->cache = add(w, w->l->cache, fw_count_mul(s, each, length));
    w->l->cache_bits = fw_tensor_bits(w->precision, t);
}

/* One of the two products of attention that is spelled out, or of their gradients. */
static bool look_at_spelled(struct walk *w, uint32_t id, fw_count flop)
{
    const struct fw_node *n = &w->g->nodes[id];
    bool forward = n->phase == FW_PHASE_FORWARD;
    uint32_t at = forward ? id : n->layer;
    uint32_t k = at < w->spelled.n_nodes ? w->spelled.at[at] : 0;
    if (k == 0 || !(n->op->flags & FW_OP_CONTRACTION))
        return false;
    const struct fw_spelled *a = &w->spelled.of[k - 1];
    add_attention(w, n, flop, share(w, flop, a->left, a->scores));
    if (!forward || id != a->mix)
        return true;
    w->l->scores = add(w, w->l->scores, a->scores);
    if (a->keeps) {
        add_spelled_cache(w, a, a->keys);
        add_spelled_cache(w, a, a->values);
    }
    return true;
}

static void look_at_attention(struct walk *w, uint32_t id, fw_count flop)
{
    struct fw_node *n = &w->g->nodes[id];
    bool pairs = n->op->needed == NULL && n->op->flags & FW_OP_PAIRS && n->layer < w->g->n_nodes;
    struct fw_node *of = pairs ? &w->g->nodes[n->layer] : n;
    if (of->op->needed == NULL) {
        (void)look_at_spelled(w, id, flop);
        return;
    }
    struct fw_cx c = fw_cx_make(w->g, of, w->precision, NULL);
    struct fw_cost all = {0};
    struct fw_cost left = {0};
    of->op->needed(&c, true, &all);
    of->op->needed(&c, false, &left);
    if (pairs) {
        add_attention(w, n, flop, share(w, flop, left.n[FW_DIV], all.n[FW_DIV]));
        return;
    }
    add_attention(w, n, fw_cost_matmul_flop(w->g->sym, &all),
                  fw_cost_matmul_flop(w->g->sym, &left));
    if (n->phase == FW_PHASE_FORWARD)
        w->l->scores = add(w, w->l->scores, all.n[FW_DIV]);
}

static void look(struct walk *w, uint32_t id)
{
    struct fw_node *n = &w->g->nodes[id];
    struct fw_cx c = fw_cx_make(w->g, n, w->precision, NULL);
    struct fw_cost cost;
    bool decoded = n->phase == FW_PHASE_FORWARD && is_decoded(w, n);
    if (n->flags & (FW_NODE_GAP | FW_NODE_SHAPE) || n->phase > FW_PHASE_BACKWARD_WEIGHT)
        return;
    (void)fw_node_cost(w->g, id, w->precision, &cost);
    fw_count flop = fw_cost_matmul_flop(w->g->sym, &cost);
    bool forward = n->phase == FW_PHASE_FORWARD;
    fw_count *sum = forward ? &w->l->forward : &w->l->backward;
    *sum = add(w, *sum, flop);
    if (decoded)
        w->l->decoded = add(w, w->l->decoded, flop);
    if (forward && n->flags & FW_NODE_FURTHER)
        w->l->further_forward = add(w, w->l->further_forward, flop);
    look_at_attention(w, id, flop);
    if (!forward)
        return;
    look_at_weights(w, &c);
    if (n->op->cache != NULL)
        look_at_cache(w, &c);
}

static void add_params(struct walk *w)
{
    struct fw_language *l = w->l;
    for (uint32_t id = 0; id < w->g->n_tensors; id++) {
        const struct fw_tensor *t = &w->g->tensors[id];
        if (t->kind != FW_KIND_PARAM)
            continue;
        fw_count all = fw_tensor_elements(w->g, t);
        bool few = !fw_count_is(w->met[id], 0) && !(w->use[id] & USED_WHOLE);
        l->params = add(w, l->params, all);
        if (!(w->use[id] & MODELS_OWN))
            l->further_params = add(w, l->further_params, all);
        l->active = add(w, l->active, few ? w->met[id] : all);
        if (w->use[id] & LOOKED_UP)
            l->tables = add(w, l->tables, all);
        if ((w->use[id] & (USED_WHOLE | LOOKED_UP | ROUTED)) == LOOKED_UP)
            l->tables_only = add(w, l->tables_only, all);
    }
}

enum fw_status fw_language_of(struct fw_graph *g, const struct fw_precision *precision,
                              struct fw_language *ret, struct fw_error *err)
{
    size_t n = g->n_tensors + (size_t)1;
    *ret = (struct fw_language){.distinct = NAN};
    struct walk w = {.g = g, .precision = precision, .l = ret};
    w.use = fw_mem_resize(g->alloc, NULL, 0, n);
    w.met = fw_mem_resize(g->alloc, NULL, 0, n * sizeof *w.met);
    enum fw_status status = FW_OK;
    if (w.use == NULL || w.met == NULL)
        status = fw_fail_memory(err);
    else
        status = fw_find_spelled(g, &w.spelled, err);
    if (status == FW_OK) {
        memset(w.use, 0, n);
        memset(w.met, 0, n * sizeof *w.met);
        find_tokens(&w);
        for (uint32_t id = 0; id < g->n_nodes; id++)
            look(&w, id);
        add_params(&w);
    }
    fw_spelled_clear(g, &w.spelled);
    fw_mem_resize(g->alloc, w.use, w.use == NULL ? 0 : n, 0);
    fw_mem_resize(g->alloc, w.met, w.met == NULL ? 0 : n * sizeof *w.met, 0);
    ret->keeps = !fw_count_is(ret->cache_per_token, 0) || !fw_count_is(ret->state, 0);
    bool attends = !fw_count_is(ret->attention, 0);
    ret->found =
        (ret->keeps || attends) && !fw_count_is(ret->tables, 0) && !fw_count_is(ret->tokens, 0);
    if (ret->experts > 0 && fw_count_is_const(ret->tokens)) {
        double missed = 1 - (double)ret->chosen / (double)ret->experts;
        ret->distinct = (double)ret->experts * (1 - pow(missed, (double)ret->tokens.word));
    }
    return status;
}
