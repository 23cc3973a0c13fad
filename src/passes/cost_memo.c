/* Costs that were computed before; see cost.h.
 *
 * What a row may look at in its cost is the node's attributes and, of each port, the tensor's
 * shape, type, role and flags; that is the key, with dims compared by address (inference and reader
 * share equal ones). Not kept is a cost for which contents were read (struct fw_graph counts such
 * reads), a gap, and a node with bodies. A new key takes the place of the old one. */
#include "passes/cost.h"

#include <string.h>

enum { N_PLACES = 256, MAX_PORTS = 12 };

struct port {
    const fw_dim *dims;
    uint64_t look; // everything else of the tensor
};

struct key {
    const struct fw_op *op;
    const struct fw_attr *attr;
    uint16_t n_in, n_out;
    struct port port[MAX_PORTS];
};

struct fw_cost_place {
    struct key key; // op is NULL where nothing is kept
    struct fw_cost cost;
};

void fw_cost_memo_init(struct fw_cost_memo *m, struct fw_graph *g,
                       const struct fw_precision *precision, struct fw_arena *arena)
{
    *m = (struct fw_cost_memo){.g = g, .precision = precision};
    m->places = fw_arena_array(arena, N_PLACES, sizeof *m->places);
    for (unsigned i = 0; m->places != NULL && i < N_PLACES; i++)
        m->places[i].key.op = NULL;
}

/* No real look has the highest bit. */
static const struct port left_out = {NULL, UINT64_MAX};

static inline struct port port_of(const struct fw_graph *g, const struct fw_node *n, unsigned i)
{
    uint32_t id = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
    if (id == FW_NONE)
        return left_out;
    const struct fw_tensor *t = &g->tensors[id];
    uint64_t look = (uint32_t)t->rank << 24 | (uint32_t)t->dtype << 16 | (uint32_t)t->kind << 8;
    look |= t->flags | (uint64_t)(t->value != NULL) << 32 | (uint64_t)(t->data != NULL) << 33;
    return (struct port){t->dims, look | (uint64_t)(t->producer != FW_NONE) << 34};
}

static unsigned ports_of(const struct fw_node *n)
{
    return (unsigned)n->n_in + n->n_out;
}

static struct fw_cost_place *place_of(const struct fw_cost_memo *m, const struct fw_node *n)
{
    uint64_t hash = (uintptr_t)n->op * 5 + (uintptr_t)n->attr;
    for (unsigned i = 0; i < n->n_in; i++)
        if (n->in[i] != FW_NONE)
            hash = hash * 5 + (uintptr_t)m->g->tensors[n->in[i]].dims;
    return &m->places[(hash * 0x9e3779b97f4a7c15u) >> 56];
}

static bool matches(const struct key *key, const struct fw_graph *g, const struct fw_node *n)
{
    if (key->op != n->op || key->attr != n->attr || key->n_in != n->n_in || key->n_out != n->n_out)
        return false;
    for (unsigned i = 0; i < ports_of(n); i++) {
        struct port port = port_of(g, n, i);
        if (key->port[i].dims != port.dims || key->port[i].look != port.look)
            return false;
    }
    return true;
}

/* Nothing stays undecided but what fw_tensor_value() would tell: every tensor has a shape, and no
 * body stands behind an attribute. */
static bool may_keep(const struct fw_graph *g, const struct fw_node *n)
{
    for (unsigned i = 0; i < ports_of(n); i++) {
        const struct fw_tensor *t = fw_tensor_at(g, i < n->n_in ? n->in[i] : n->out[i - n->n_in]);
        if (t != NULL && t->rank == FW_RANK_UNKNOWN)
            return false;
    }
    return ports_of(n) <= MAX_PORTS && !fw_op_has_bodies(n->op);
}

static void keep(struct fw_cost_place *place, const struct fw_cost *cost, const struct fw_graph *g,
                 const struct fw_node *n)
{
    place->key.op = n->op;
    place->key.attr = n->attr;
    place->key.n_in = n->n_in;
    place->key.n_out = n->n_out;
    for (unsigned i = 0; i < ports_of(n); i++)
        place->key.port[i] = port_of(g, n, i);
    place->cost = *cost;
}

const struct fw_cost *fw_cost_recall(struct fw_cost_memo *m, uint32_t id, bool *ret_complete)
{
    struct fw_graph *g = m->g;
    struct fw_node *n = &g->nodes[id];
    bool plain = m->places != NULL && !(n->flags & (FW_NODE_SHAPE | FW_NODE_GAP));
    struct fw_cost_place *place = plain ? place_of(m, n) : NULL;
    *ret_complete = true;
    if (plain && matches(&place->key, g, n))
        return &place->cost;
    uint64_t reads = g->value_reads;
    *ret_complete = fw_node_cost(g, id, m->precision, &m->one);
    if (plain && *ret_complete && reads == g->value_reads && may_keep(g, n))
        keep(place, &m->one, g, n);
    return &m->one;
}
