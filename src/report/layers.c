/* Gathering nodes into rows; see layers.h. */
#include "report/layers.h"

#include "base/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const fw_member_names[FW_N_MEMBERS] = {
    "mac", "matmul_flop", "flop",   "fma",     "add",        "mul",
    "div", "sqrt",        "minmax", "special", "read_bytes", "write_bytes"};
const char *const fw_phase_keys[FW_N_PHASES] = {"forward", "backward_input", "backward_weight",
                                                "update", "recompute"};
const char *const fw_phase_titles[FW_N_PHASES] = {"forward", "backward input", "backward weight",
                                                  "update", "recompute"};

fw_count fw_cost_member(struct fw_symbols *sym, const struct fw_cost *cost, unsigned member)
{
    switch (member) {
    case FW_MEMBER_MAC:
        return fw_cost_mac(cost);
    case FW_MEMBER_MATMUL_FLOP:
        return fw_cost_matmul_flop(sym, cost);
    case FW_MEMBER_FLOP:
        return fw_cost_flop(sym, cost);
    default:
        return cost->n[member < FW_MEMBER_BYTES ? member - FW_MEMBER_CLASS
                                                : FW_READ + (member - FW_MEMBER_BYTES)];
    }
}

struct fw_cost fw_cost_step(struct fw_symbols *sym, const struct fw_cost cost[FW_N_PHASES])
{
    struct fw_cost sum = cost[0];
    for (unsigned p = 1; p < FW_N_PHASES; p++)
        fw_cost_accumulate(sym, &sum, &cost[p]);
    return sum;
}

/* A value with every letter taken as 64, to put rows in an order. */
static double rank_of(struct fw_symbols *sym, fw_count v)
{
    enum { MAX_LETTERS = 64 };
    if (fw_count_is_const(v))
        return (double)v.word;
    double values[MAX_LETTERS];
    uint32_t n = fw_symbols_count(sym);
    n = n < MAX_LETTERS ? n : MAX_LETTERS;
    for (uint32_t i = 0; i < n; i++)
        values[i] = 64;
    double got = fw_count_eval(sym, v, values, n);
    return isnan(got) ? 0 : got;
}

const char *fw_node_label(struct fw_graph *g, uint32_t id, struct fw_arena *arena)
{
    const struct fw_node *n = &g->nodes[id];
    if (n->name != NULL && n->name[0] != '\0')
        return n->name;
    for (unsigned i = 0; i < n->n_out; i++) {
        const struct fw_tensor *t = fw_tensor_at(g, n->out[i]);
        if (t != NULL && t->name != NULL && t->name[0] != '\0')
            return t->name;
    }
    return fw_arena_printf(arena, "%s#%u", n->op->name, id);
}

/* ---- parameters ---- */

static bool carries_weight(const struct fw_graph *g, const struct fw_node *n)
{
    return (n->op->flags & FW_OP_MOVE) && n->n_out > 0 && n->out[0] != FW_NONE &&
           (g->tensors[n->out[0]].flags & FW_TENSOR_WEIGHT_SIDE);
}

/* The first node that computes with a stored tensor: moves (Transpose, Slice, Cast ...) on its way
 * are passed over. first[t]: the first node that reads t. */
static uint32_t owner_of(const struct fw_graph *g, const uint32_t *first, uint32_t tensor)
{
    uint32_t node = first[tensor];
    while (node != FW_NONE && carries_weight(g, &g->nodes[node])) {
        uint32_t next = first[g->nodes[node].out[0]];
        if (next == FW_NONE || next <= node)
            break;
        node = next;
    }
    return node;
}

static fw_count stored_in_body(const struct fw_graph *body)
{
    fw_count sum = fw_count_int(0);
    for (uint32_t i = 0; i < body->n_tensors; i++)
        if (body->tensors[i].kind == FW_KIND_PARAM)
            sum = fw_count_add(body->sym, sum, fw_tensor_elements(body, &body->tensors[i]));
    for (const struct fw_graph *b = body->bodies; b != NULL; b = b->next_body)
        if (!b->copy)
            sum = fw_count_add(body->sym, sum, stored_in_body(b));
    return sum;
}

/* Adds each parameter to the row of the node that owns it. */
static enum fw_status give_params(struct fw_layers *l, const uint32_t *row_of, struct fw_error *err)
{
    struct fw_graph *g = &l->a->model.graph;
    size_t bytes = ((size_t)g->n_tensors + 1) * sizeof(uint32_t);
    uint32_t *first = fw_mem_resize(g->alloc, NULL, 0, bytes);
    if (first == NULL)
        return fw_fail_memory(err);
    memset(first, 0xff, bytes);
    for (uint32_t id = l->a->n_forward; id-- > 0;)
        for (unsigned i = 0; i < g->nodes[id].n_in; i++)
            if (g->nodes[id].in[i] != FW_NONE)
                first[g->nodes[id].in[i]] = id;
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        if (g->tensors[i].kind != FW_KIND_PARAM)
            continue;
        uint32_t owner = owner_of(g, first, i);
        if (owner == FW_NONE)
            continue;
        fw_count *sum = &l->rows[row_of[owner]].params;
        *sum = fw_count_add(g->sym, *sum, fw_tensor_elements(g, &g->tensors[i]));
    }
    fw_mem_resize(g->alloc, first, bytes, 0);
    for (uint32_t id = 0; id < l->a->n_forward; id++) {
        const struct fw_node *node = &g->nodes[id];
        for (unsigned k = 0; k < node->op->n_attrs; k++) {
            const struct fw_graph *body = fw_node_body(node, k);
            fw_count *sum = &l->rows[row_of[id]].params;
            if (body != NULL)
                *sum = fw_count_add(g->sym, *sum, stored_in_body(body));
        }
    }
    return FW_OK;
}

/* ---- rows ---- */

/* The module a node stands in: its name up to the last separator. */
static size_t module_length(const char *name)
{
    const char *cut = strrchr(name, '/');
    if (cut == NULL)
        cut = strrchr(name, '.');
    return cut == NULL ? 0 : (size_t)(cut - name);
}

struct gather {
    struct fw_layers *l;
    const struct fw_op *form, *shown; // the last training form and the row it replaced
    struct fw_map map;                // key -> row, for groups
    uint32_t *row_of;                 // (n_nodes) row of each layer's node
    enum fw_group by;
    struct fw_arena *arena;
    struct fw_error *err;
};

/* Training replaces some rows by a form of its own: people know the one in the file. */
static const char *op_name(struct gather *w, const struct fw_op *op)
{
    if (!(op->flags & FW_OP_INTERNAL))
        return op->name;
    if (w->form == op)
        return w->shown->name;
    w->form = w->shown = op;
    for (uint32_t k = fw_n_op_tables; k-- > 0;)
        for (uint32_t i = fw_op_tables[k]->n; i-- > 0;)
            if (fw_op_tables[k]->rows[i].train_form == op)
                w->shown = &fw_op_tables[k]->rows[i];
    return w->shown->name;
}

static enum fw_status row_for(struct gather *w, uint32_t id, uint32_t *ret)
{
    struct fw_graph *g = &w->l->a->model.graph;
    const struct fw_node *n = &g->nodes[id];
    const char *label = w->by == FW_BY_OP ? op_name(w, n->op) : fw_node_label(g, id, w->arena);
    if (label == NULL)
        return fw_fail_memory(w->err);
    bool fresh = true;
    *ret = w->l->n;
    if (w->by != FW_BY_LAYER) {
        size_t len = w->by == FW_BY_OP ? strlen(label) : module_length(label);
        uint32_t *slot = fw_map_put(&w->map, label, len, w->l->n, &fresh);
        if (slot == NULL)
            return fw_fail_memory(w->err);
        *ret = *slot;
        if (fresh && w->by == FW_BY_MODULE)
            label = len > 0 ? fw_arena_strndup(w->arena, label, len) : "(top)";
    }
    if (fresh) {
        const char *op = w->by == FW_BY_MODULE ? NULL : op_name(w, n->op);
        uint32_t node = w->by == FW_BY_LAYER ? id : FW_NONE;
        w->l->rows[w->l->n++] = (struct fw_layer){.name = label, .op = op, .node = node};
    }
    return label == NULL ? fw_fail_memory(w->err) : FW_OK;
}

static enum fw_status gather(struct gather *w)
{
    struct fw_layers *l = w->l;
    struct fw_graph *g = &l->a->model.graph;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        FW_TRY(fw_in_time(g->alloc, id, w->err));
        if (n->layer == id || n->phase == FW_PHASE_FORWARD) {
            FW_TRY(row_for(w, id, &w->row_of[id]));
            l->rows[w->row_of[id]].n_forward += n->phase == FW_PHASE_FORWARD;
        }
    }
    for (uint32_t id = 0; id < g->n_nodes; id++) { // a layer may stand behind what belongs to it
        const struct fw_node *n = &g->nodes[id];
        if (n->layer != id && n->phase != FW_PHASE_FORWARD)
            w->row_of[id] = w->row_of[n->layer];
        struct fw_layer *row = &l->rows[w->row_of[id]];
        row->to++;
        row->gap |= (n->flags & (FW_NODE_GAP | FW_NODE_GRAD_GAP | FW_NODE_BODY_GAP)) != 0;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < l->n; i++) { // counting sort
        uint32_t many = l->rows[i].to;
        l->rows[i].from = l->rows[i].to = at;
        at += many;
    }
    for (uint32_t id = 0; id < g->n_nodes; id++)
        l->order[l->rows[w->row_of[id]].to++] = id;
    return give_params(l, w->row_of, w->err);
}

enum fw_status fw_layers_make(struct fw_layers *ret, struct fw_analysis *a, enum fw_group by,
                              struct fw_arena *arena, struct fw_error *err)
{
    const struct fw_graph *g = &a->model.graph;
    size_t n = (size_t)g->n_nodes + 1;
    memset(ret, 0, sizeof *ret);
    ret->a = a;
    ret->cached = UINT32_MAX;
    fw_cost_memo_init(&ret->memo, &a->model.graph, a->precision, arena);
    ret->rows = fw_arena_array(arena, n, sizeof *ret->rows);
    ret->order = fw_arena_array(arena, n, sizeof *ret->order);
    struct gather w = {.l = ret, .by = by, .arena = arena, .err = err};
    w.row_of = fw_mem_resize(g->alloc, NULL, 0, n * sizeof *w.row_of);
    fw_map_init(&w.map, g->alloc);
    enum fw_status status = ret->rows == NULL || ret->order == NULL || w.row_of == NULL
                                ? fw_fail_memory(err)
                                : gather(&w);
    fw_map_free(&w.map);
    fw_mem_resize(g->alloc, w.row_of, w.row_of == NULL ? 0 : n * sizeof *w.row_of, 0);
    return status;
}

const struct fw_cost *fw_layer_cost(struct fw_layers *l, uint32_t row)
{
    if (l->cached == row)
        return l->cost;
    struct fw_graph *g = &l->a->model.graph;
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        fw_cost_clear(&l->cost[p]);
    for (uint32_t i = l->rows[row].from; i < l->rows[row].to; i++) {
        bool complete; // the row's own mark says it
        const struct fw_cost *one = fw_cost_recall(&l->memo, l->order[i], &complete);
        fw_cost_accumulate(g->sym, &l->cost[g->nodes[l->order[i]].phase], one);
    }
    l->cached = row;
    return l->cost;
}

struct ranked {
    double rank;
    uint32_t row;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? 1 : -1;
    return x->row < y->row ? -1 : x->row > y->row;
}

enum fw_status fw_layers_keep_top(struct fw_layers *l, size_t n, struct fw_error *err)
{
    if (n == 0)
        return FW_OK;
    struct fw_graph *g = &l->a->model.graph;
    size_t bytes = ((size_t)l->n + 1) * (sizeof(struct ranked) + sizeof *l->rows);
    struct ranked *ranked = fw_mem_resize(g->alloc, NULL, 0, bytes);
    if (ranked == NULL)
        return fw_fail_memory(err);
    struct fw_layer *rows = (struct fw_layer *)(void *)(ranked + l->n + 1);
    for (uint32_t i = 0; i < l->n; i++) {
        struct fw_cost step = fw_cost_step(g->sym, fw_layer_cost(l, i));
        bool stored = l->a->model.no_network != NULL; // modules are as large as their parameters
        fw_count size = stored ? l->rows[i].params : fw_cost_flop(g->sym, &step);
        ranked[i] = (struct ranked){rank_of(g->sym, size), i};
    }
    qsort(ranked, l->n, sizeof *ranked, by_rank);
    l->n = n < l->n ? (uint32_t)n : l->n;
    for (uint32_t i = 0; i < l->n; i++)
        rows[i] = l->rows[ranked[i].row];
    memcpy(l->rows, rows, l->n * sizeof *rows);
    l->cached = UINT32_MAX;
    fw_mem_resize(g->alloc, ranked, bytes, 0);
    return FW_OK;
}
