/* Building a graph: the two growing arrays and the order of nodes. */
#include "graph/graph.h"

#include <inttypes.h>
#include <string.h>

void fw_graph_init(struct fw_graph *g, struct fw_arena *arena, struct fw_symbols *sym)
{
    *g = (struct fw_graph){.arena = arena, .sym = sym, .alloc = arena->alloc};
}

struct fw_graph *fw_graph_new_body(struct fw_graph *g)
{
    struct fw_graph *body = fw_arena_alloc(g->arena, sizeof *body);
    if (body == NULL)
        return NULL;
    fw_graph_init(body, g->arena, g->sym);
    body->outer = g;
    body->next_body = g->bodies;
    g->bodies = body;
    return body;
}

bool fw_body_stacks(const struct fw_graph *body, uint32_t tensor)
{
    for (uint32_t k = body->turns.first_out + body->turns.n; k < body->n_outputs; k++)
        if (body->outputs[k] == tensor)
            return true;
    return false;
}

void fw_graph_free(struct fw_graph *g)
{
    for (struct fw_graph *b = g->bodies; b != NULL; b = b->next_body)
        fw_graph_free(b);
    fw_mem_resize(g->alloc, g->tensors, g->cap_tensors * sizeof *g->tensors, 0);
    fw_mem_resize(g->alloc, g->nodes, g->cap_nodes * sizeof *g->nodes, 0);
    g->tensors = NULL;
    g->nodes = NULL;
    g->n_tensors = g->cap_tensors = g->n_nodes = g->cap_nodes = 0;
}

static enum fw_status grow(const struct fw_alloc *alloc, void **items, uint32_t *cap, uint64_t want,
                           size_t bytes, struct fw_error *err)
{
    if (want <= *cap)
        return FW_OK;
    FW_WITHIN(alloc, FW_MOST_items, want, -1, err);
    uint64_t cap_new = (uint64_t)*cap + *cap / 2;
    if (cap_new < want)
        cap_new = want;
    if (cap_new < 64)
        cap_new = 64;
    void *p = fw_mem_resize(alloc, *items, *cap * bytes, (size_t)cap_new * bytes);
    if (p == NULL)
        return fw_fail_memory(err);
    *items = p;
    *cap = (uint32_t)cap_new;
    return FW_OK;
}

enum fw_status fw_graph_reserve(struct fw_graph *g, uint32_t tensors, uint32_t nodes,
                                struct fw_error *err)
{
    void *t = g->tensors;
    void *n = g->nodes;
    enum fw_status status = grow(g->alloc, &t, &g->cap_tensors, (uint64_t)g->n_tensors + tensors,
                                 sizeof *g->tensors, err);
    g->tensors = t;
    if (status != FW_OK)
        return status;
    status = grow(g->alloc, &n, &g->cap_nodes, (uint64_t)g->n_nodes + nodes, sizeof *g->nodes, err);
    g->nodes = n;
    return status;
}

const fw_dim *fw_graph_dims(struct fw_graph *g, unsigned rank, const fw_dim *dims)
{
    uint64_t hash = rank;
    for (unsigned i = 0; i < rank; i++)
        hash = (hash ^ (uint64_t)dims[i].word) * 0x9e3779b97f4a7c15u;
    unsigned place = (unsigned)(hash >> 32) % FW_N_RECENT_SHAPES;
    struct fw_recent_shapes *recent = &g->recent;
    const fw_dim *there = recent->dims[place];
    if (there != NULL && recent->rank[place] == rank &&
        memcmp(there, dims, rank * sizeof *dims) == 0)
        return there;
    const fw_dim *copy = fw_arena_copy(g->arena, dims, rank * sizeof *dims);
    recent->dims[place] = copy;
    recent->rank[place] = (uint8_t)rank;
    return copy;
}

enum fw_status fw_graph_tensor(struct fw_graph *g, const char *name, enum fw_kind kind,
                               enum fw_dtype dtype, uint8_t rank, const fw_dim *dims, uint32_t *ret,
                               struct fw_error *err)
{
    if (rank != FW_RANK_UNKNOWN)
        FW_WITHIN(g->arena->alloc, FW_MOST_dims, rank, -1, err);
    if (g->n_tensors == g->cap_tensors)
        FW_TRY(fw_graph_reserve(g, 1, 0, err));
    const fw_dim *copy = NULL;
    if (rank != 0 && rank != FW_RANK_UNKNOWN) {
        copy = fw_graph_dims(g, rank, dims);
        if (copy == NULL)
            return fw_fail_memory(err);
    }
    g->tensors[g->n_tensors] = (struct fw_tensor){
        .name = name,
        .dims = copy,
        .producer = FW_NONE,
        .of = FW_NONE,
        .rank = rank,
        .dtype = (uint8_t)dtype,
        .kind = (uint8_t)kind,
    };
    *ret = g->n_tensors++;
    return FW_OK;
}

/* The ports of a node: inputs, then outputs, in one piece of the arena. */
static enum fw_status copy_ports(struct fw_graph *g, const struct fw_node_spec *spec,
                                 uint32_t **ret, struct fw_error *err)
{
    uint32_t *ports = fw_arena_alloc(g->arena, ((size_t)spec->n_in + spec->n_out) * sizeof *ports);
    if (ports == NULL)
        return fw_fail_memory(err);
    if (spec->n_in > 0)
        memcpy(ports, spec->in, spec->n_in * sizeof *ports);
    for (unsigned i = 0; i < spec->n_out; i++) {
        if (spec->out != NULL)
            ports[spec->n_in + i] = spec->out[i];
        else
            FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_ACTIVATION, FW_UNKNOWN, FW_RANK_UNKNOWN, NULL,
                                   &ports[spec->n_in + i], err));
    }
    *ret = ports;
    return FW_OK;
}

enum fw_status fw_graph_node(struct fw_graph *g, const struct fw_node_spec *spec, uint32_t *ret,
                             struct fw_error *err)
{
    if (g->n_nodes == g->cap_nodes)
        FW_TRY(fw_graph_reserve(g, 0, 1, err));
    uint32_t *ports;
    FW_TRY(copy_ports(g, spec, &ports, err));
    uint32_t id = g->n_nodes++;
    g->nodes[id] = (struct fw_node){
        .op = spec->op,
        .name = spec->name,
        .attr = spec->attr,
        .in = ports,
        .out = ports + spec->n_in,
        .n_in = spec->n_in,
        .n_out = spec->n_out,
        .layer = spec->layer == FW_NONE ? id : spec->layer,
        .phase = spec->phase,
        .at = spec->at,
    };
    for (unsigned i = 0; i < spec->n_out; i++) {
        uint32_t t = ports[spec->n_in + i];
        if (t != FW_NONE)
            g->tensors[t].producer = id;
    }
    *ret = id;
    return FW_OK;
}

/* True when every tensor is made before it is used. */
static bool is_sorted(const struct fw_graph *g)
{
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        for (unsigned i = 0; i < n->n_in; i++) {
            uint32_t p = n->in[i] == FW_NONE ? FW_NONE : g->tensors[n->in[i]].producer;
            if (p != FW_NONE && p >= id)
                return false;
        }
    }
    return true;
}

/* Depth-first from every node in file order, without recursion: order[] receives nodes after what
 * they need. state: 0 new, 1 on the stack, 2 done. Returns the node that closes a cycle or FW_NONE.
 */
static uint32_t visit(const struct fw_graph *g, uint32_t root, uint8_t *state, uint32_t *stack,
                      uint16_t *port, uint32_t *order, uint32_t *n_order)
{
    uint32_t depth = 0;
    stack[depth++] = root;
    state[root] = 1;
    port[root] = 0;
    while (depth > 0) {
        uint32_t id = stack[depth - 1];
        const struct fw_node *n = &g->nodes[id];
        if (port[id] == n->n_in) {
            state[id] = 2;
            order[(*n_order)++] = id;
            depth--;
            continue;
        }
        uint32_t t = n->in[port[id]++];
        uint32_t p = t == FW_NONE ? FW_NONE : g->tensors[t].producer;
        if (p == FW_NONE || state[p] == 2)
            continue;
        if (state[p] == 1)
            return p;
        state[p] = 1;
        port[p] = 0;
        stack[depth++] = p;
    }
    return FW_NONE;
}

static enum fw_status apply_order(struct fw_graph *g, const uint32_t *order, struct fw_error *err)
{
    struct fw_node *nodes = fw_mem_resize(g->alloc, NULL, 0, g->cap_nodes * sizeof *nodes);
    if (nodes == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        nodes[i] = g->nodes[order[i]];
        nodes[i].layer = i;
        for (unsigned k = 0; k < nodes[i].n_out; k++)
            if (nodes[i].out[k] != FW_NONE)
                g->tensors[nodes[i].out[k]].producer = i;
    }
    fw_mem_resize(g->alloc, g->nodes, g->cap_nodes * sizeof *g->nodes, 0);
    g->nodes = nodes;
    return FW_OK;
}

enum fw_status fw_graph_sort(struct fw_graph *g, uint32_t *ret_cycle, struct fw_error *err)
{
    *ret_cycle = FW_NONE;
    if (is_sorted(g))
        return FW_OK;
    size_t n = g->n_nodes;
    size_t bytes = n * (2 * sizeof(uint32_t) + sizeof(uint16_t) + 1);
    uint32_t *order = fw_mem_resize(g->alloc, NULL, 0, bytes);
    if (order == NULL)
        return fw_fail_memory(err);
    uint32_t *stack = order + n;
    uint16_t *port = (uint16_t *)(void *)(stack + n);
    uint8_t *state = (uint8_t *)(port + n);
    memset(state, 0, n);
    uint32_t n_order = 0;
    uint32_t cycle = FW_NONE;
    for (uint32_t id = 0; id < g->n_nodes && cycle == FW_NONE; id++)
        if (state[id] == 0)
            cycle = visit(g, id, state, stack, port, order, &n_order);
    *ret_cycle = cycle;
    enum fw_status status =
        cycle == FW_NONE ? apply_order(g, order, err)
                         : fw_fail(err, FW_FORMAT, -1,
                                   "a graph without cycles is wanted, this node depends on its "
                                   "own output");
    fw_mem_resize(g->alloc, order, bytes, 0);
    return status;
}
