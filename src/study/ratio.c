/* The parts of the backward:forward ratio, gathered from the training graph; see ratio.h. */
#include "study/ratio.h"

#include "base/sum.h"

#include <string.h>

const char *const fw_ratio_case_names[] = {
    [FW_RATIO_SMALL_OTHER] = "small update, other layers: 2:1",
    [FW_RATIO_SMALL_FIRST] = "small update, first layer: 1:1",
    [FW_RATIO_LARGE_OTHER] = "large update, other layers: 3:1",
    [FW_RATIO_LARGE_FIRST] = "large update, first layer: 2:1"};

enum { FORWARD, FIRST, BACKWARD, FIRST_BACKWARD, RECOMPUTE, N_SUMS };

struct gather {
    struct fw_analysis *a;
    struct fw_cost_memo memo;
    bool *no_dx; // (n_nodes) the layer of this node has no product for the gradient of its input
    struct fw_sum sums[N_SUMS];
};

static fw_count products_of(struct gather *w, uint32_t id)
{
    bool complete; // the totals say it
    return fw_cost_recall(&w->memo, id, &complete)->n[FW_FMA];
}

static bool is_backward(const struct fw_node *n)
{
    return n->phase == FW_PHASE_BACKWARD_INPUT || n->phase == FW_PHASE_BACKWARD_WEIGHT;
}

static void gather(struct gather *w)
{
    const struct fw_graph *g = &w->a->model.graph;
    for (uint32_t id = 0; id < g->n_nodes; id++)
        w->no_dx[id] = true;
    for (uint32_t id = 0; id < g->n_nodes; id++)
        if (g->nodes[id].phase == FW_PHASE_BACKWARD_INPUT && products_of(w, id).word != 0)
            w->no_dx[g->nodes[id].layer] = false;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        bool backward = is_backward(n);
        if (n->phase == FW_PHASE_RECOMPUTE)
            fw_sum_add(&w->sums[RECOMPUTE], products_of(w, id), 2);
        if (n->phase != FW_PHASE_FORWARD && !backward)
            continue;
        fw_count fma = products_of(w, id);
        fw_sum_add(&w->sums[backward ? BACKWARD : FORWARD], fma, 2);
        if (w->no_dx[n->layer])
            fw_sum_add(&w->sums[backward ? FIRST_BACKWARD : FIRST], fma, 2);
    }
}

enum fw_status fw_ratio_parts(struct fw_analysis *a, struct fw_ratio_parts *ret,
                              struct fw_error *err)
{
    struct fw_symbols *sym = a->model.sym;
    struct gather w = {.a = a};
    struct fw_arena scratch;
    fw_arena_init(&scratch, a->model.alloc);
    for (unsigned i = 0; i < N_SUMS; i++)
        fw_sum_init(&w.sums[i], a->model.alloc, sym);
    fw_cost_memo_init(&w.memo, &a->model.graph, a->precision, &scratch);
    w.no_dx = fw_arena_alloc(&scratch, a->model.graph.n_nodes + 1u);
    if (w.no_dx != NULL)
        gather(&w);
    ret->forward = fw_sum_value(&w.sums[FORWARD]);
    ret->first = fw_sum_value(&w.sums[FIRST]);
    ret->backward = fw_sum_value(&w.sums[BACKWARD]);
    ret->first_backward = fw_sum_value(&w.sums[FIRST_BACKWARD]);
    ret->recompute = fw_sum_value(&w.sums[RECOMPUTE]);
    ret->update = fw_cost_flop(sym, &a->totals.phase[FW_PHASE_UPDATE]);
    for (unsigned i = 0; i < N_SUMS; i++)
        fw_sum_free(&w.sums[i]);
    fw_arena_clear(&scratch);
    if (w.no_dx == NULL)
        return fw_fail_memory(err);
    if (fw_count_is_bad(ret->forward) || fw_count_is_bad(ret->backward) ||
        fw_count_is_bad(ret->update) || fw_count_is_bad(ret->recompute))
        return fw_symbols_fail(sym, "the count", err);
    FW_REQUIRE(!fw_count_is(ret->forward, 0), err, FW_UNSUPPORTED,
               "the forward pass has no products (matmul FLOP): there is nothing to compare with");
    return FW_OK;
}

/* ---- numbers for letters ---- */

enum { N_PARTS = 6 };

static fw_count *part(struct fw_ratio_parts *p, unsigned i)
{
    fw_count *const parts[N_PARTS] = {&p->forward,        &p->first,  &p->backward,
                                      &p->first_backward, &p->update, &p->recompute};
    return parts[i];
}

struct fw_ratio_parts fw_ratio_at(struct fw_symbols *sym, const struct fw_ratio_parts *p,
                                  const fw_dim *values, uint32_t n_values)
{
    struct fw_ratio_parts at = *p;
    for (unsigned i = 0; i < N_PARTS; i++)
        *part(&at, i) = fw_count_substitute(sym, *part(&at, i), values, n_values);
    return at;
}

bool fw_ratio_is_known(const struct fw_ratio_parts *p)
{
    struct fw_ratio_parts copy = *p;
    bool known = true;
    for (unsigned i = 0; i < N_PARTS; i++)
        known &= fw_count_is_const(*part(&copy, i));
    return known;
}

/* ---- the limit ---- */

enum { MAX_DEGREE = 64, MAX_LETTERS = 256 };

static bool holds(struct fw_symbols *sym, fw_count v, uint32_t letter)
{
    bool seen[MAX_LETTERS] = {false};
    if (letter >= MAX_LETTERS)
        return true;
    fw_count_symbols(sym, v, seen, MAX_LETTERS);
    return seen[letter];
}

/* The highest power of the letter, or -1 where it also stands inside a floor, min or max. */
static int degree(struct fw_symbols *sym, fw_count v, uint32_t letter)
{
    int highest = 0;
    for (uint32_t k = 0; k <= MAX_DEGREE; k++) {
        fw_count c = fw_count_coefficient(sym, v, letter, k);
        if (fw_count_is_bad(c) || holds(sym, c, letter))
            return -1;
        if (!fw_count_is(c, 0))
            highest = (int)k;
    }
    return highest;
}

bool fw_ratio_limit(struct fw_symbols *sym, const struct fw_ratio_parts *p, uint32_t letter,
                    struct fw_ratio_parts *ret)
{
    int top = degree(sym, p->forward, letter);
    struct fw_ratio_parts from = *p;
    if (top <= 0) // not with this letter
        return false;
    for (unsigned i = 0; i < N_PARTS; i++) {
        int own = degree(sym, *part(&from, i), letter);
        if (own < 0 || own > top)
            return false;
        *part(ret, i) = fw_count_coefficient(sym, *part(&from, i), letter, (uint32_t)top);
    }
    return true;
}

/* ---- what the numbers say ---- */

double fw_ratio_value(const struct fw_ratio_parts *p)
{
    return ((double)p->backward.word + (double)p->update.word) / (double)p->forward.word;
}

enum fw_ratio_case fw_ratio_case(const struct fw_ratio_parts *p)
{
    bool first = p->first.word >= p->forward.word / 2;
    bool large = p->update.word >= p->forward.word / 2;
    if (large)
        return first ? FW_RATIO_LARGE_FIRST : FW_RATIO_LARGE_OTHER;
    return first ? FW_RATIO_SMALL_FIRST : FW_RATIO_SMALL_OTHER;
}
