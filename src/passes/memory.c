/* Liveness over the schedule; see memory.h.
 *
 * Storage is tracked by root: a tensor's root is itself, or for views and in-place results the root
 * of the input they share storage with. One pass finds the last reader of every tensor, a second
 * walks the schedule, opening and closing roots. */
#include "passes/memory.h"

#include "base/sum.h"
#include "ops/op.h"
#include "passes/body_sizes.h"
#include "passes/infer.h"
#include "passes/places.h"
#include "passes/trials.h"

#include <string.h>

#define NEVER UINT32_MAX       // last reader of what nobody reads, or of what is closed
#define STAYS (UINT32_MAX - 1) // of what is wanted after the last node

struct moment { // a node while it runs
    fw_count live;
    fw_count activation;
    fw_count temporary;
    uint32_t node;
};

/* With letters the fullest moment depends on their values: one is kept for every trial point, and
 * the peak is the maximum of the exact sizes of those moments. */
struct fullest {
    double live[FW_N_TRIALS]; // the symbolic part of what is alive
    double best[FW_N_TRIALS];
    uint32_t node[FW_N_TRIALS]; // FW_NONE until a moment was seen
};

enum part { ACTIVATION, TEMPORARY, FIXED };

struct slot {             // of a tensor
    fw_count bytes;       // of an open root
    uint32_t root;        // FW_NONE until it is made
    uint32_t last;        // last reader; of a root: of all that share it
    uint32_t from, until; // of a root: first and last node while it is alive
    uint8_t part;         // enum part, of a root
};

struct plan {
    struct fw_graph *g;
    const struct fw_precision *precision;
    struct fw_body_sizes *bodies;
    struct slot *slots;   // (n_tensors)
    struct fw_sum now[2]; // alive: activations, temporaries
    bool symbolic;        // some size has letters: trials are used
    bool recording;       // second walk: exact sizes at the moments that trials found
    struct fw_trials trials;
    struct fullest fullest;
    struct moment best[FW_N_TRIALS];
    unsigned n_best;
    fw_i128 most;          // bytes at best[0], before the first letter
    uint32_t step;         // node that runs
    uint32_t unknown_node; // the first where it is not complete
    bool complete;
    bool failed; // memory ran out inside a helper
};

static bool is_fixed(const struct fw_tensor *t) // stored or kept for the whole schedule
{
    return t->kind != FW_KIND_ACTIVATION && t->kind != FW_KIND_INPUT;
}

static bool reads(const struct fw_node *n, unsigned i)
{
    return n->in[i] != FW_NONE && !(i < 32 && n->op->shape_only >> i & 1u);
}

static void find_last_readers(struct plan *p)
{
    struct fw_graph *g = p->g;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        if (n->flags & FW_NODE_SHAPE)
            continue;
        for (unsigned i = 0; i < n->n_in; i++)
            if (reads(n, i))
                p->slots[n->in[i]].last = id;
        for (unsigned i = 0; i < n->n_out; i++)
            if (n->out[i] != FW_NONE)
                p->slots[n->out[i]].last = id; // somebody may read it later and move this on
    }
    if (!g->training || g->outer != NULL) // a training step's outputs only feed the loss
        for (uint32_t i = 0; i < g->n_outputs; i++)
            if (g->outputs[i] != FW_NONE)
                p->slots[g->outputs[i]].last = STAYS;
}

static void note_unknown(struct plan *p, uint32_t node)
{
    p->complete = false;
    p->unknown_node = node < p->unknown_node ? node : p->unknown_node;
}

static fw_count tensor_bytes(struct plan *p, const struct fw_tensor *t)
{
    if (t->rank != FW_RANK_UNKNOWN && t->dtype != FW_UNKNOWN)
        return fw_tensor_bytes(p->precision, p->g, t);
    note_unknown(p, t->producer);
    return fw_count_int(0);
}

/* times: 1 opens, -1 closes. */
static void change(struct plan *p, unsigned part, fw_count bytes, int times)
{
    if (bytes.word == 0)
        return;
    fw_sum_add(&p->now[part], bytes, times);
    if (fw_count_is_const(bytes) || p->recording)
        return;
    p->symbolic = true;
    const double *at = fw_trials_of(&p->trials, bytes);
    if (at == NULL) {
        p->failed = true;
        return;
    }
    for (unsigned k = 0; k < FW_N_TRIALS; k++)
        p->fullest.live[k] += times * at[k];
}

/* ---- results with a place of their own ---- */

/* Reading a view is reading what it is a view of. Only what backward nodes make is looked at, and
 * all of a loop's body. */
static void extend_by_views(struct plan *p)
{
    for (uint32_t id = p->g->n_nodes; id-- > 0;) {
        const struct fw_node *n = &p->g->nodes[id];
        if (n->phase == FW_PHASE_FORWARD && !p->g->turns.loop)
            return;
        if (!(n->op->flags & FW_OP_VIEW) || n->in[0] == FW_NONE || n->out[0] == FW_NONE)
            continue;
        struct slot *base = &p->slots[n->in[0]];
        if (p->slots[n->out[0]].last > base->last)
            base->last = p->slots[n->out[0]].last;
    }
}

/* The input of a node whose storage its result `out` takes when that has a place of its own. */
static uint32_t made_in_place(struct plan *p, uint32_t id, uint32_t out)
{
    const struct fw_graph *g = p->g;
    const struct fw_node *n = &g->nodes[id];
    bool view = (n->op->flags & FW_OP_VIEW) != 0;
    for (unsigned i = 0; i < n->n_in && i < (view ? 1 : 32); i++) {
        uint32_t t = n->in[i];
        if (t == FW_NONE || p->slots[t].root != FW_NONE || !(view || n->op->in_place >> i & 1u))
            continue;
        uint32_t producer = g->tensors[t].producer;
        if (producer == FW_NONE || (g->nodes[producer].phase == FW_PHASE_FORWARD && !g->turns.loop))
            continue;
        uint32_t until = view ? p->slots[out].last : id;
        bool final = view && is_fixed(&g->tensors[out]); // nobody writes over it
        if ((final || p->slots[t].last <= until) &&
            fw_count_eq(tensor_bytes(p, &g->tensors[t]), tensor_bytes(p, &g->tensors[out])))
            return t;
    }
    return FW_NONE;
}

/* What a parameter's gradient is made from in place (the first of several that are added, the
 * tensor that it is a view of) is made in the gradient's storage from the start; so is what a turn
 * of a loop leaves. */
static void place_results(struct plan *p)
{
    bool all = p->g->turns.loop;
    extend_by_views(p);
    for (uint32_t id = p->g->n_nodes; id-- > 0;) {
        const struct fw_node *n = &p->g->nodes[id];
        if (n->phase == FW_PHASE_FORWARD && !all)
            return;
        uint32_t out = n->n_out > 0 ? n->out[0] : FW_NONE;
        if (out == FW_NONE || p->slots[out].root == FW_NONE)
            continue;
        uint32_t t = made_in_place(p, id, out);
        if (t != FW_NONE)
            p->slots[t].root = p->slots[out].root;
    }
}

/* ---- storage ---- */

/* part: of what the tensor is unless it is there all the time or has a place already. */
static void open_root(struct plan *p, uint32_t t, enum part part)
{
    const struct fw_tensor *tensor = &p->g->tensors[t];
    struct slot *slot = &p->slots[t];
    if (slot->root != FW_NONE)
        return;
    slot->root = t;
    slot->part = is_fixed(tensor) ? FIXED : (uint8_t)part;
    if (slot->part == FIXED)
        return;
    slot->bytes = tensor_bytes(p, tensor);
    slot->from = p->step;
    slot->until = UINT32_MAX;
    change(p, slot->part, slot->bytes, 1);
}

/* Output 0 takes the storage of root r. */
static void join(struct plan *p, uint32_t t, uint32_t r)
{
    struct slot *slot = &p->slots[t];
    slot->root = r;
    if (slot->last > p->slots[r].last)
        p->slots[r].last = slot->last;
}

/* A stored tensor that is only rearranged (the transposed weight of a linear layer) is read in that
 * order where it lies: no second copy. */
static bool rearranges_stored(struct plan *p, const struct fw_node *n)
{
    const struct fw_graph *g = p->g;
    if (!(n->op->flags & FW_OP_MOVE) || n->n_in == 0 || n->in[0] == FW_NONE)
        return false;
    uint32_t r = p->slots[n->in[0]].root;
    return r != FW_NONE && is_fixed(&g->tensors[r]) &&
           (g->tensors[n->in[0]].flags & FW_TENSOR_WEIGHT_SIDE) &&
           g->tensors[n->in[0]].dtype == g->tensors[n->out[0]].dtype &&
           fw_count_eq(tensor_bytes(p, &g->tensors[r]), tensor_bytes(p, &g->tensors[n->out[0]]));
}

/* The root whose storage output 0 of the node can take, or FW_NONE. The gradient of a parameter has
 * a place of its own. */
static uint32_t storage_for(struct plan *p, uint32_t id, const struct fw_node *n)
{
    if (n->n_out == 0 || n->out[0] == FW_NONE || p->slots[n->out[0]].root != FW_NONE)
        return FW_NONE;
    if ((n->op->flags & FW_OP_VIEW) || rearranges_stored(p, n))
        return n->n_in > 0 && n->in[0] != FW_NONE ? p->slots[n->in[0]].root : FW_NONE;
    for (unsigned i = 0; i < n->n_in && i < 32 && n->op->in_place >> i != 0; i++) {
        if (!(n->op->in_place >> i & 1u) || n->in[i] == FW_NONE)
            continue;
        uint32_t r = p->slots[n->in[i]].root;
        if (r == FW_NONE || p->slots[r].part == FIXED || p->slots[r].last != id)
            continue;
        if (fw_count_eq(p->slots[r].bytes, tensor_bytes(p, &p->g->tensors[n->out[0]])))
            return r;
    }
    return FW_NONE;
}

static void close_root(struct plan *p, uint32_t t, uint32_t id)
{
    uint32_t r = t == FW_NONE ? FW_NONE : p->slots[t].root;
    if (r == FW_NONE || p->slots[r].last != id || p->slots[r].part == FIXED)
        return;
    change(p, p->slots[r].part, p->slots[r].bytes, -1);
    p->slots[r].until = id;
    p->slots[r].last = NEVER; // closed: not again for a second port of the same node
}

static enum fw_status plan_graph(struct fw_graph *g, const struct fw_precision *precision,
                                 struct fw_body_sizes *bodies, fw_count *live,
                                 struct fw_memory *ret, struct fw_error *err);

static enum fw_status size_of_body(struct plan *p, struct fw_graph *body,
                                   const struct fw_body_size **ret, struct fw_error *err)
{
    *ret = fw_body_size_find(p->bodies, body);
    if (*ret != NULL)
        return FW_OK;
    struct fw_memory inner;
    FW_TRY(plan_graph(body, p->precision, p->bodies, NULL, &inner, err));
    fw_count bytes = fw_count_add(p->g->sym, inner.activation_bytes, inner.temporary_bytes);
    *ret = fw_body_size_keep(p->bodies, p->g->arena, body, bytes, inner.complete);
    return *ret != NULL ? FW_OK : fw_fail_memory(err);
}

/* Carried values go to and fro between the node's input and its output. One whose first value is
 * wanted later, or is stored, needs a place besides, unless every turn's is stacked anyway. */
static fw_count carried_bytes(struct plan *p, uint32_t id, const struct fw_graph *body)
{
    const struct fw_node *n = &p->g->nodes[id];
    const struct fw_turns *turns = &body->turns;
    fw_count sum = fw_count_int(0);
    if (!turns->loop || body->n_seeds > 0 || (fw_dim_is_const(body->trips) && body->trips.word < 2))
        return sum;
    for (uint32_t k = 0; k < turns->n; k++) {
        uint32_t in = turns->first_in + k;
        uint32_t t = in < n->n_in ? n->in[in] : FW_NONE;
        uint32_t r = t == FW_NONE ? FW_NONE : p->slots[t].root;
        bool free = r != FW_NONE && p->slots[r].part != FIXED && p->slots[r].last == id;
        if (t == FW_NONE || free || fw_body_stacks(body, body->inputs[in]) ||
            fw_body_stacks(body, body->outputs[turns->first_out + k]))
            continue;
        sum = fw_count_add(p->g->sym, sum, tensor_bytes(p, &p->g->tensors[t]));
    }
    return sum;
}

static enum fw_status body_bytes(struct plan *p, uint32_t id, fw_count *ret, struct fw_error *err)
{
    const struct fw_node *n = &p->g->nodes[id];
    *ret = fw_count_int(0);
    for (unsigned a = 0; a < n->op->n_attrs; a++) {
        const struct fw_body_size *size;
        struct fw_graph *body = fw_node_body(n, a);
        if (body == NULL)
            continue;
        FW_TRY(size_of_body(p, body, &size, err));
        bool backward = p->g->training && n->phase != FW_PHASE_FORWARD;
        if (!size->complete || (backward && !body->turns.kept))
            note_unknown(p, n->layer < p->g->n_nodes ? n->layer : id);
        fw_count bytes = fw_count_add(p->g->sym, size->bytes, carried_bytes(p, id, body));
        *ret = fw_count_max(p->g->sym, *ret, bytes);
    }
    return FW_OK;
}

static struct moment moment_at(const struct plan *p, uint32_t id)
{
    struct moment m = {.node = id};
    m.activation = fw_sum_value(&p->now[0]);
    m.temporary = fw_sum_value(&p->now[1]);
    m.live = fw_count_add(p->g->sym, m.activation, m.temporary);
    return m;
}

/* First walk: where is it fullest? Without letters the integers tell at once; the fullest moment
 * before the first letter appears competes with all that follow. */
static void look(struct plan *p, uint32_t id)
{
    fw_i128 constant = p->now[0].constant + p->now[1].constant;
    if (!p->symbolic) {
        if (p->n_best > 0 && constant <= p->most)
            return;
        p->most = constant;
        p->best[0] = moment_at(p, id);
        p->n_best = 1;
        for (unsigned k = 0; k < FW_N_TRIALS; k++) {
            p->fullest.best[k] = (double)constant;
            p->fullest.node[k] = id;
        }
        return;
    }
    for (unsigned k = 0; k < FW_N_TRIALS; k++) {
        double live = p->fullest.live[k] + (double)constant;
        if (p->fullest.node[k] == FW_NONE || live > p->fullest.best[k]) {
            p->fullest.best[k] = live;
            p->fullest.node[k] = id;
        }
    }
}

/* Second walk: the exact size of the moments found, the fullest at the last trial point first. */
static void record(struct plan *p, uint32_t id)
{
    for (unsigned k = 0; k < FW_N_TRIALS; k++)
        if (p->fullest.node[k] == id) {
            p->best[p->n_best++] = moment_at(p, id);
            return;
        }
}

/* One moment of the timeline. A formula of many letters, made for every node, would cost more than
 * the whole analysis and tell nobody anything: it is left out. */
static fw_count live_at(const struct plan *p, uint32_t id)
{
    enum { MAX_TERMS = 48 };
    bool short_enough = p->now[0].n_live + p->now[1].n_live <= MAX_TERMS;
    return short_enough ? moment_at(p, id).live : fw_count_bad();
}

static enum fw_status step(struct plan *p, uint32_t id, fw_count *live, struct fw_error *err)
{
    const struct fw_node *n = &p->g->nodes[id];
    uint32_t shared = storage_for(p, id, n);
    for (unsigned i = 0; i < n->n_out; i++) {
        if (n->out[i] == FW_NONE)
            continue;
        if (i == 0 && shared != FW_NONE)
            join(p, n->out[0], shared);
        else
            open_root(p, n->out[i], n->phase == FW_PHASE_FORWARD ? ACTIVATION : TEMPORARY);
    }
    fw_count extra = fw_count_int(0);
    if (fw_graph_may_hold_bodies(p->g))
        FW_TRY(body_bytes(p, id, &extra, err));
    change(p, TEMPORARY, extra, 1);
    if (p->recording)
        record(p, id);
    else
        look(p, id);
    if (live != NULL && (p->recording || !p->symbolic)) // letters: the second walk draws it
        live[id] = live_at(p, id);
    change(p, TEMPORARY, extra, -1);
    for (unsigned i = 0; i < n->n_in; i++)
        close_root(p, n->in[i], id);
    for (unsigned i = 0; i < n->n_out; i++)
        close_root(p, n->out[i], id);
    FW_REQUIRE(!p->failed, err, FW_MEMORY, "out of memory");
    if (p->now[0].bad || p->now[1].bad)
        return fw_symbols_fail(p->g->sym, "the memory", err);
    return FW_OK;
}

static void fix(struct plan *p, uint32_t t)
{
    p->slots[t].root = t;
    p->slots[t].part = FIXED;
}

/* What a turn of a loop finds and leaves lies in the tensors of its node. The gradient does not
 * run the forward nodes again where what it reads of them was kept. */
static void fix_turns(struct plan *p)
{
    const struct fw_graph *g = p->g;
    uint32_t n_outputs = g->n_seeds > 0 ? g->turns.n_direct : g->n_outputs;
    if (!g->turns.loop)
        return;
    for (uint32_t k = g->turns.first_in; k < g->n_inputs; k++)
        fix(p, g->inputs[k]);
    for (uint32_t k = g->n_seeds > 0 ? 0 : g->turns.first_out; k < n_outputs; k++)
        if (g->outputs[k] != FW_NONE)
            fix(p, g->outputs[k]);
    for (uint32_t id = 0; g->turns.kept && id < g->n_nodes; id++)
        for (unsigned i = 0; fw_node_is_done(g, &g->nodes[id]) && i < g->nodes[id].n_out; i++)
            if (g->nodes[id].out[i] != FW_NONE)
                fix(p, g->nodes[id].out[i]);
}

/* What is there before the first node runs. What a body captures is the storage of the graph
 * around it. */
static void open_first(struct plan *p)
{
    const struct fw_graph *g = p->g;
    for (uint32_t k = g->n_formal; g->outer != NULL && k + g->n_seeds < g->n_inputs; k++)
        fix(p, g->inputs[k]);
    fix_turns(p);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        if (is_fixed(&g->tensors[i]))
            fix(p, i);
        else if (g->tensors[i].kind == FW_KIND_INPUT)
            open_root(p, i, ACTIVATION);
    }
}

static enum fw_status walk(struct plan *p, fw_count *live, struct fw_error *err)
{
    struct fw_graph *g = p->g;
    for (uint32_t i = 0; i < g->n_tensors; i++)
        p->slots[i] = (struct slot){.root = FW_NONE, .last = NEVER};
    find_last_readers(p);
    p->step = 0;
    open_first(p);
    if (g->training || g->turns.loop)
        place_results(p);
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        enum fw_status status = fw_in_time(g->alloc, id, err);
        p->step = id;
        if (status != FW_OK)
            return status;
        if (!(g->nodes[id].flags & FW_NODE_SHAPE) && !fw_node_is_done(g, &g->nodes[id]))
            status = step(p, id, live, err);
        else if (live != NULL)
            live[id] = live_at(p, id);
        if (status != FW_OK) {
            fw_error_at_node(err, g, id);
            return status;
        }
    }
    return FW_OK;
}

/* Stored, and nobody reads it. */
static bool is_unused(const struct plan *p, uint32_t t)
{
    return p->slots[t].last == NEVER && p->g->tensors[t].producer == FW_NONE;
}

/* Tensors that are there all the time. */
static void add_fixed(struct plan *p, struct fw_memory *ret)
{
    struct fw_graph *g = p->g;
    unsigned master = g->training && p->precision != NULL ? p->precision->master_bits : 0;
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        const struct fw_tensor *t = &g->tensors[i];
        if (!is_fixed(t) || is_unused(p, i))
            continue;
        fw_count bytes = tensor_bytes(p, t);
        fw_count *sum = t->kind == FW_KIND_GRADIENT ? &ret->gradient_bytes
                        : t->kind == FW_KIND_STATE  ? &ret->optimizer_bytes
                                                    : &ret->weight_bytes;
        *sum = fw_count_add(g->sym, *sum, bytes);
        if (master != 0 && t->kind == FW_KIND_PARAM && t->dtype == FW_F32 &&
            !(t->flags & FW_TENSOR_FROZEN)) {
            fw_count copy =
                fw_count_mul(g->sym, fw_tensor_elements(g, t), fw_count_int(master / 8));
            ret->master_bytes = fw_count_add(g->sym, ret->master_bytes, copy);
        }
    }
    ret->optimizer_bytes = fw_count_add(g->sym, ret->optimizer_bytes, ret->master_bytes);
}

static void finish(struct plan *p, struct fw_memory *ret)
{
    struct fw_symbols *sym = p->g->sym;
    add_fixed(p, ret);
    fw_count fixed = fw_count_add(sym, ret->weight_bytes,
                                  fw_count_add(sym, ret->gradient_bytes, ret->optimizer_bytes));
    struct moment rest = moment_at(p, FW_NONE); // of an empty schedule: its inputs
    const struct moment *best = p->n_best > 0 ? &p->best[0] : &rest;
    for (unsigned i = 0; i < p->n_best; i++) // parts and node: at the largest of the alike points
        if (p->best[i].node == p->fullest.node[FW_TRIAL_LARGE])
            best = &p->best[i];
    ret->peak_bytes = best->live;
    for (unsigned i = 0; i < p->n_best; i++)
        ret->peak_bytes = fw_count_max(sym, ret->peak_bytes, p->best[i].live);
    ret->peak_node = best->node;
    ret->activation_bytes = best->activation;
    ret->temporary_bytes = best->temporary;
    ret->peak_bytes = fw_count_add(sym, fixed, ret->peak_bytes);
    ret->complete = p->complete;
    ret->unknown_node = p->unknown_node;
}

static enum fw_status find_places(struct plan *p, struct fw_memory *ret, struct fw_error *err)
{
    const struct fw_graph *g = p->g;
    struct fw_storage *all = fw_arena_array(g->arena, g->n_tensors + 1u, sizeof *all);
    if (all == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        const struct slot *slot = &p->slots[i];
        bool fixed = slot->part == FIXED;
        all[i] = (struct fw_storage){.root = slot->root, .fixed = fixed};
        if (slot->root != i || (fixed && is_unused(p, i)))
            continue;
        all[i].bytes = fixed ? tensor_bytes(p, &g->tensors[i]) : slot->bytes;
        all[i].first = slot->from;
        all[i].last = slot->until < g->n_nodes ? slot->until : g->n_nodes;
    }
    return fw_places_find(g, all, &ret->places, err);
}

static enum fw_status plan_walks(struct plan *p, fw_count *live, struct fw_error *err)
{
    FW_TRY(fw_trials_init(&p->trials, p->g, err));
    memset(p->fullest.node, 0xff, sizeof p->fullest.node);
    FW_TRY(walk(p, live, err));
    if (!p->symbolic)
        return FW_OK;
    for (unsigned k = 0; k < 2; k++) {
        fw_sum_free(&p->now[k]);
        fw_sum_init(&p->now[k], p->g->alloc, p->g->sym);
    }
    p->recording = true;
    p->n_best = 0;
    return walk(p, live, err);
}

static enum fw_status plan_graph(struct fw_graph *g, const struct fw_precision *precision,
                                 struct fw_body_sizes *bodies, fw_count *live,
                                 struct fw_memory *ret, struct fw_error *err)
{
    memset(ret, 0, sizeof *ret);
    size_t bytes = ((size_t)g->n_tensors + 1) * sizeof(struct slot);
    struct plan p = {.g = g,
                     .precision = precision,
                     .bodies = bodies,
                     .complete = true,
                     .unknown_node = FW_NONE};
    p.slots = fw_mem_resize(g->alloc, NULL, 0, bytes);
    if (p.slots == NULL)
        return fw_fail_memory(err);
    fw_sum_init(&p.now[0], g->alloc, g->sym);
    fw_sum_init(&p.now[1], g->alloc, g->sym);
    enum fw_status status = plan_walks(&p, live, err);
    if (status == FW_OK)
        finish(&p, ret);
    bool open = p.symbolic || !p.complete || g->outer != NULL || fw_graph_may_hold_bodies(g);
    if (status == FW_OK && live != NULL && !open)
        status = find_places(&p, ret, err);
    fw_sum_free(&p.now[0]);
    fw_sum_free(&p.now[1]);
    fw_trials_free(&p.trials);
    fw_mem_resize(g->alloc, p.slots, bytes, 0);
    return status;
}

enum fw_status fw_plan_memory(struct fw_graph *g, const struct fw_precision *precision,
                              bool with_timeline, struct fw_memory *ret, struct fw_error *err)
{
    fw_count *live = with_timeline ? fw_arena_array(g->arena, g->n_nodes + 1u, sizeof *live) : NULL;
    if (with_timeline && live == NULL)
        return fw_fail_memory(err);
    struct fw_body_sizes bodies = {0};
    fw_map_init(&bodies.known, g->alloc);
    enum fw_status status = plan_graph(g, precision, &bodies, live, ret, err);
    fw_map_free(&bodies.known);
    ret->live = live;
    ret->n_nodes = g->n_nodes;
    return status;
}
