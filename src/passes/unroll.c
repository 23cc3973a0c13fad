/* Loops written out; see unroll.h. */
#include "passes/unroll.h"

#include "ops/op.h"
#include "passes/infer.h"

#include <string.h>

enum { ITERATION, CONDITION, STATES }; // inputs of such a body; its outputs lack the first

struct writing {
    struct fw_graph *g;
    struct fw_error *err;
    uint32_t *now; // (n_now) what stands for a tensor of the graph: itself, or what a loop leaves
    uint32_t n_now;
};

static bool is_open(const struct fw_graph *g, const struct fw_node *n)
{
    bool open = false;
    for (unsigned i = 0; i < n->n_out; i++)
        open |= n->out[i] != FW_NONE && (g->tensors[n->out[i]].flags & FW_TENSOR_OPEN);
    return open;
}

static bool is_candidate(const struct fw_graph *g, const struct fw_node *n)
{
    if (!(n->op->flags & FW_OP_UNROLL) || n->attr == NULL || !is_open(g, n))
        return false;
    const struct fw_graph *body = n->attr[0].graph;
    return body != NULL && fw_dim_is_const(body->trips) && body->trips.word <= FW_MAX_UNROLL &&
           body->n_formal >= STATES && body->n_outputs + 1 == body->n_formal &&
           body->n_formal <= n->n_in && !fw_graph_has_bodies(body);
}

static uint32_t stands_for(const struct writing *w, uint32_t id)
{
    return id == FW_NONE || id >= w->n_now ? id : w->now[id];
}

static enum fw_status number(struct writing *w, int64_t v, enum fw_dtype dtype, uint32_t *ret)
{
    fw_dim value = fw_dim_int(v);
    FW_TRY(fw_graph_tensor(w->g, NULL, FW_KIND_CONSTANT, dtype, 0, NULL, ret, w->err));
    w->g->tensors[*ret].value = fw_arena_copy(w->g->arena, &value, sizeof value);
    return w->g->tensors[*ret].value != NULL ? FW_OK : fw_fail_memory(w->err);
}

/* A tensor of the body in this iteration; what is stored in the body is copied once. */
static enum fw_status tensor_of(struct writing *w, const struct fw_graph *body, uint32_t id,
                                uint32_t *map, uint32_t *ret)
{
    *ret = FW_NONE;
    if (id == FW_NONE)
        return FW_OK;
    if (map[id] == FW_NONE) {
        const struct fw_tensor *t = &body->tensors[id];
        FW_TRY(fw_graph_tensor(w->g, t->name, (enum fw_kind)t->kind, (enum fw_dtype)t->dtype,
                               t->producer == FW_NONE ? t->rank : FW_RANK_UNKNOWN, t->dims,
                               &map[id], w->err));
        if (t->producer == FW_NONE) {
            w->g->tensors[map[id]].data = t->data;
            w->g->tensors[map[id]].flags = t->flags;
        }
    }
    *ret = map[id];
    return FW_OK;
}

static enum fw_status append(struct writing *w, const struct fw_node *n, const uint32_t *in,
                             const uint32_t *out)
{
    struct fw_node_spec spec = {.op = n->op,
                                .name = n->name,
                                .in = in,
                                .out = out,
                                .attr = n->attr,
                                .n_in = n->n_in,
                                .n_out = n->n_out,
                                .phase = n->phase,
                                .layer = FW_NONE,
                                .at = n->at};
    uint32_t id;
    return fw_graph_node(w->g, &spec, &id, w->err);
}

/* Appends the nodes of a body; map (n_tensors) knows its inputs. */
static enum fw_status write_body(struct writing *w, const struct fw_graph *body, uint32_t *map)
{
    for (uint32_t id = 0; id < body->n_nodes; id++) {
        const struct fw_node *n = &body->nodes[id];
        uint32_t *ports =
            fw_arena_array(w->g->arena, (size_t)n->n_in + n->n_out + 1, sizeof *ports);
        if (ports == NULL)
            return fw_fail_memory(w->err);
        for (unsigned i = 0; i < n->n_in; i++)
            FW_TRY(tensor_of(w, body, n->in[i], map, &ports[i]));
        for (unsigned i = 0; i < n->n_out; i++)
            FW_TRY(tensor_of(w, body, n->out[i], map, &ports[n->n_in + i]));
        FW_TRY(append(w, n, ports, ports + n->n_in));
    }
    return FW_OK;
}

/* Before an iteration: tensors that nodes make are forgotten, inputs are set. */
static enum fw_status begin(struct writing *w, const struct fw_node *loop,
                            const struct fw_graph *body, int64_t iteration, const uint32_t *state,
                            uint32_t *map)
{
    for (uint32_t id = 0; id < body->n_tensors; id++)
        if (body->tensors[id].producer != FW_NONE)
            map[id] = FW_NONE;
    FW_TRY(number(w, iteration, FW_I64, &map[body->inputs[ITERATION]]));
    FW_TRY(number(w, 1, FW_BOOL, &map[body->inputs[CONDITION]]));
    for (uint32_t k = STATES; k < body->n_formal; k++)
        map[body->inputs[k]] = state[k];
    for (uint32_t k = body->n_formal; k < body->n_inputs; k++)
        map[body->inputs[k]] = stands_for(w, loop->in[body->capture_in[k - body->n_formal]]);
    return FW_OK;
}

static enum fw_status write_loop(struct writing *w, const struct fw_node *loop)
{
    const struct fw_graph *body = loop->attr[0].graph;
    uint32_t *map = fw_arena_array(w->g->arena, body->n_tensors + 1u, sizeof *map);
    uint32_t *state = fw_arena_array(w->g->arena, body->n_formal, sizeof *state);
    if (map == NULL || state == NULL)
        return fw_fail_memory(w->err);
    memset(map, 0xff, (body->n_tensors + 1u) * sizeof *map);
    for (uint32_t k = STATES; k < body->n_formal; k++)
        state[k] = stands_for(w, loop->in[k]);
    for (int64_t i = 0; i < body->trips.word; i++) {
        FW_TRY(begin(w, loop, body, i, state, map));
        FW_TRY(write_body(w, body, map));
        for (uint32_t k = STATES; k < body->n_formal; k++)
            FW_TRY(tensor_of(w, body, body->outputs[k - 1], map, &state[k]));
    }
    for (unsigned i = 0; i < loop->n_out; i++)
        if (loop->out[i] != FW_NONE)
            w->now[loop->out[i]] = state[STATES + i];
    return FW_OK;
}

static enum fw_status write_all(struct writing *w, const struct fw_node *nodes, uint32_t n)
{
    struct fw_graph *g = w->g;
    for (uint32_t id = 0; id < n; id++) {
        if (is_candidate(g, &nodes[id])) {
            FW_TRY(write_loop(w, &nodes[id]));
            continue;
        }
        uint32_t *in = fw_arena_array(g->arena, nodes[id].n_in + 1u, sizeof *in);
        if (in == NULL)
            return fw_fail_memory(w->err);
        for (unsigned i = 0; i < nodes[id].n_in; i++)
            in[i] = stands_for(w, nodes[id].in[i]);
        FW_TRY(append(w, &nodes[id], in, nodes[id].out));
    }
    uint32_t *outputs = fw_arena_array(g->arena, g->n_outputs + 1u, sizeof *outputs);
    if (outputs == NULL)
        return fw_fail_memory(w->err);
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        outputs[i] = stands_for(w, g->outputs[i]);
        g->tensors[outputs[i]].flags |= FW_TENSOR_OUTPUT;
    }
    g->outputs = outputs;
    return FW_OK;
}

enum fw_status fw_unroll(struct fw_graph *g, struct fw_error *err)
{
    bool any = false;
    for (uint32_t id = 0; id < g->n_nodes && !any; id++)
        any = is_candidate(g, &g->nodes[id]);
    if (!any)
        return FW_OK;
    uint32_t n = g->n_nodes;
    struct writing w = {.g = g, .err = err, .n_now = g->n_tensors};
    struct fw_node *nodes = fw_arena_copy(g->arena, g->nodes, n * sizeof *nodes);
    w.now = fw_arena_array(g->arena, w.n_now + 1u, sizeof *w.now);
    if (nodes == NULL || w.now == NULL)
        return fw_fail_memory(err);
    for (uint32_t id = 0; id < w.n_now; id++)
        w.now[id] = id;
    g->n_nodes = 0;
    FW_TRY(write_all(&w, nodes, n));
    return fw_infer(g, err);
}
