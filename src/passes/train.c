/* Reverse-mode differentiation by appended nodes; see train.h.
 *
 * The forward nodes are walked in reverse. For each, the gradients of its outputs are known when it
 * is reached (all consumers stand later); its row appends the nodes that give the gradients of its
 * inputs. Where a tensor feeds several consumers the gradients are added one after the other, one
 * add per element for every consumer beyond the first. A gradient that nobody needs is never asked
 * for: a first layer has no dX and a frozen weight no dW because of that and of nothing else. */
#include "passes/train.h"

#include "ops/objective.h"
#include "ops/ops.h"
#include "passes/infer.h"

#include <string.h>

/* State of one walk. */
struct walk {
    struct fw_graph *g;
    struct fw_error *err;
    uint32_t *grad;     // (n_tensors at start) gradient of each forward tensor so far, or FW_NONE
    uint32_t n_tensors; // tensors of the forward graph
    uint32_t n_nodes;   // nodes of the forward graph
    struct fw_kept_attrs kept;
};

/* A parameter that is trained or an input whose gradient is wanted, and everything made from them.
 */
static void mark_needs(struct fw_graph *g, bool input_grad)
{
    for (uint32_t id = 0; id < g->n_tensors; id++) {
        struct fw_tensor *t = &g->tensors[id];
        bool leaf = (t->kind == FW_KIND_PARAM && !(t->flags & FW_TENSOR_FROZEN)) ||
                    (t->kind == FW_KIND_INPUT && input_grad);
        if (leaf && fw_tensor_can_learn(t))
            t->flags |= FW_TENSOR_NEEDS_GRAD;
    }
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        if (n->op->grad == fw_grad_none)
            continue;
        bool needs = false;
        for (unsigned i = 0; i < n->n_in && !needs; i++)
            needs = n->in[i] != FW_NONE && !(i < 32 && n->op->shape_only >> i & 1u) &&
                    (g->tensors[n->in[i]].flags & FW_TENSOR_NEEDS_GRAD);
        for (unsigned i = 0; needs && i < n->n_out; i++)
            if (n->out[i] != FW_NONE && fw_tensor_can_learn(&g->tensors[n->out[i]]))
                g->tensors[n->out[i]].flags |= FW_TENSOR_NEEDS_GRAD;
    }
}

/* ---- training forms ---- */

/* A training form has the attributes of the row it replaces and may have more outputs: those in
 * its reserve_out are made, also where the node left them out; with no reserve_out all are. */
static enum fw_status to_train_form(struct fw_graph *g, uint32_t id, struct fw_error *err)
{
    const struct fw_op *form = g->nodes[id].op->train_form;
    unsigned n_in = g->nodes[id].n_in;
    unsigned n_out = g->nodes[id].n_out;
    unsigned want = form->max_out == UINT16_MAX || form->max_out < n_out ? n_out : form->max_out;
    uint32_t *ports = fw_arena_alloc(g->arena, (n_in + want) * sizeof *ports);
    if (ports == NULL)
        return fw_fail_memory(err);
    if (n_in > 0)
        memcpy(ports, g->nodes[id].in, n_in * sizeof *ports);
    for (unsigned i = 0; i < want; i++) {
        ports[n_in + i] = i < n_out ? g->nodes[id].out[i] : FW_NONE;
        bool reserved = i < 32 && form->reserve_out >> i & 1u;
        if (ports[n_in + i] != FW_NONE || !(reserved || (form->reserve_out == 0 && i >= n_out)))
            continue;
        FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_ACTIVATION, FW_UNKNOWN, FW_RANK_UNKNOWN, NULL,
                               &ports[n_in + i], err));
        g->tensors[ports[n_in + i]].producer = id;
    }
    g->nodes[id].in = ports;
    g->nodes[id].out = ports + n_in;
    g->nodes[id].n_out = (uint16_t)want;
    g->nodes[id].op = form;
    return fw_infer_node(g, id, err);
}

static enum fw_status to_train_forms(struct fw_graph *g, struct fw_error *err)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        if (g->nodes[id].op->train_form != NULL && !(g->nodes[id].flags & FW_NODE_GAP))
            FW_TRY(to_train_form(g, id, err));
    for (struct fw_graph *b = g->bodies; b != NULL; b = b->next_body)
        FW_TRY(to_train_forms(b, err));
    g->training = true;
    return FW_OK;
}

/* ---- the reverse walk ---- */

/* Appends a node outside of any row's grad slot. A node that is its own layer is a loss. */
static enum fw_status append(struct fw_graph *g, const struct fw_op *op, enum fw_phase phase,
                             uint32_t layer, const uint32_t *in, unsigned n_in, unsigned n_out,
                             uint32_t *ret_first, struct fw_error *err)
{
    struct fw_node_spec spec = {.op = op,
                                .name = layer == FW_NONE ? "loss" : NULL,
                                .in = in,
                                .n_in = (uint16_t)n_in,
                                .n_out = (uint16_t)n_out,
                                .phase = (uint8_t)phase,
                                .layer = layer,
                                .at = -1};
    uint32_t id;
    *ret_first = g->n_tensors;
    FW_TRY(fw_graph_node(g, &spec, &id, err));
    return fw_infer_node(g, id, err);
}

/* Takes one more gradient of forward tensor t. */
static enum fw_status take(struct walk *w, uint32_t t, uint32_t gradient, uint32_t layer)
{
    if (w->grad[t] == FW_NONE) {
        w->grad[t] = gradient;
        return FW_OK;
    }
    bool weight = w->g->tensors[t].flags & FW_TENSOR_WEIGHT_SIDE;
    uint32_t in[2] = {w->grad[t], gradient};
    return append(w->g, fw_op_add, weight ? FW_PHASE_BACKWARD_WEIGHT : FW_PHASE_BACKWARD_INPUT,
                  layer, in, 2, 1, &w->grad[t], w->err);
}

enum { MAX_PORTS_ON_STACK = 32 };

static enum fw_status differentiate(struct walk *w, uint32_t id, uint32_t *dy, uint32_t *dx,
                                    bool *need)
{
    struct fw_node node = w->g->nodes[id]; // the array may move
    bool any_dy = false;
    bool any_need = false;
    for (unsigned i = 0; i < node.n_out; i++) {
        dy[i] = node.out[i] == FW_NONE ? FW_NONE : w->grad[node.out[i]];
        any_dy |= dy[i] != FW_NONE;
    }
    for (unsigned i = 0; any_dy && i < node.n_in; i++) {
        dx[i] = FW_NONE;
        need[i] = node.in[i] != FW_NONE && (w->g->tensors[node.in[i]].flags & FW_TENSOR_NEEDS_GRAD);
        any_need |= need[i];
    }
    if (!any_dy || !any_need)
        return FW_OK;
    if (node.flags & FW_NODE_GAP || node.op->flags & FW_OP_GAP) {
        w->g->nodes[id].flags |= FW_NODE_GRAD_GAP;
        return FW_OK;
    }
    struct fw_grad gr = {.cx = fw_cx_make(w->g, &node, NULL, w->err),
                         .node_id = id,
                         .dy = dy,
                         .dx = dx,
                         .need = need,
                         .kept = &w->kept};
    enum fw_status status = node.op->grad(&gr);
    if (status != FW_OK) {
        fw_error_prefix(w->err, "gradient: ");
        fw_error_at_node(w->err, w->g, id);
        return status;
    }
    for (unsigned i = 0; i < node.n_in; i++)
        if (dx[i] != FW_NONE && need[i])
            FW_TRY(take(w, node.in[i], dx[i], node.layer));
    return FW_OK;
}

static enum fw_status walk_node(struct walk *w, uint32_t id)
{
    unsigned n_in = w->g->nodes[id].n_in;
    unsigned n_out = w->g->nodes[id].n_out;
    uint32_t small[2 * MAX_PORTS_ON_STACK];
    bool small_need[MAX_PORTS_ON_STACK];
    if (n_in <= MAX_PORTS_ON_STACK && n_out <= MAX_PORTS_ON_STACK)
        return differentiate(w, id, small, small + MAX_PORTS_ON_STACK, small_need);
    uint32_t *ports = fw_arena_alloc(w->g->arena, (size_t)(n_in + n_out) * sizeof *ports + n_in);
    if (ports == NULL)
        return fw_fail_memory(w->err);
    return differentiate(w, id, ports, ports + n_out, (bool *)(ports + n_in + n_out));
}

static enum fw_status walk_init(struct walk *w, struct fw_graph *g, struct fw_error *err)
{
    *w = (struct walk){.g = g, .err = err, .n_tensors = g->n_tensors, .n_nodes = g->n_nodes};
    w->grad = fw_mem_resize(g->alloc, NULL, 0, (w->n_tensors + 1u) * sizeof *w->grad);
    if (w->grad == NULL)
        return fw_fail_memory(err);
    memset(w->grad, 0xff, (w->n_tensors + 1u) * sizeof *w->grad);
    return FW_OK;
}

static void walk_free(struct walk *w)
{
    fw_mem_resize(w->g->alloc, w->grad, (w->n_tensors + 1u) * sizeof *w->grad, 0);
}

static enum fw_status walk_back(struct walk *w)
{
    for (uint32_t id = w->n_nodes; id-- > 0;) {
        FW_TRY(fw_in_time(w->g->alloc, id, w->err));
        if (!(w->g->nodes[id].flags & FW_NODE_SHAPE))
            FW_TRY(walk_node(w, id));
    }
    return FW_OK;
}

/* ---- losses and updates ---- */

static bool class_like(const struct fw_tensor *t)
{
    return t->rank >= 2 && t->rank <= 3 && !fw_dim_is(t->dims[t->rank - 1], 1);
}

/* Whether what a network gives has one gradient: no sequence, nothing of an unknown shape. */
static bool has_gradient(const struct fw_tensor *t)
{
    return (t->flags & FW_TENSOR_NEEDS_GRAD) && t->rank != FW_RANK_UNKNOWN &&
           !(t->flags & FW_TENSOR_OPEN);
}

static enum fw_status attach_loss(struct fw_graph *g, uint32_t output, enum fw_loss loss,
                                  struct fw_error *err)
{
    const struct fw_tensor *t = &g->tensors[output];
    uint32_t made;
    bool entropy = loss == FW_LOSS_CROSS_ENTROPY || (loss == FW_LOSS_AUTO && class_like(t));
    if (!entropy || t->rank == 0)
        return append(g, fw_op_loss_squares, FW_PHASE_FORWARD, FW_NONE, &output, 1, 1, &made, err);
    uint32_t in[2] = {output, FW_NONE};
    FW_TRY(fw_graph_tensor(g, "labels", FW_KIND_INPUT, FW_I64, (uint8_t)(t->rank - 1), t->dims,
                           &in[1], err));
    return append(g, fw_op_loss_cross_entropy, FW_PHASE_FORWARD, FW_NONE, in, 2, 2, &made, err);
}

static enum fw_status attach_losses(struct fw_graph *g, enum fw_loss loss, struct fw_error *err)
{
    if (loss == FW_LOSS_NONE)
        return FW_OK;
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        const struct fw_tensor *t = &g->tensors[g->outputs[i]];
        if (has_gradient(t))
            FW_TRY(attach_loss(g, g->outputs[i], loss, err));
    }
    return FW_OK;
}

static uint32_t reader_of(const struct walk *w, uint32_t param)
{
    for (uint32_t id = 0; id < w->n_nodes; id++)
        for (unsigned i = 0; i < w->g->nodes[id].n_in; i++)
            if (w->g->nodes[id].in[i] == param)
                return id;
    return 0;
}

/* One update node per parameter that has a gradient: (parameter, gradient, states...). */
static enum fw_status append_update(struct walk *w, uint32_t param,
                                    const struct fw_optimizer *optimizer)
{
    struct fw_graph *g = w->g;
    uint32_t gradient = w->grad[param], producer = g->tensors[gradient].producer;
    uint32_t layer = producer != FW_NONE ? g->nodes[producer].layer : reader_of(w, param);
    uint32_t shared = gradient;
    // of another parameter too, or given from outside: a copy
    if (g->tensors[gradient].kind == FW_KIND_GRADIENT || producer == FW_NONE)
        FW_TRY(append(g, fw_op_identity, FW_PHASE_BACKWARD_WEIGHT, layer, &shared, 1, 1, &gradient,
                      w->err));
    g->tensors[gradient].kind = FW_KIND_GRADIENT;
    g->tensors[gradient].of = param;
    if (optimizer == NULL)
        return FW_OK;
    const struct fw_optimizer *o = fw_optimizer_for(optimizer, g->sym, &g->tensors[param]);
    uint32_t in[2 + FW_MAX_STATES] = {param, gradient};
    for (unsigned k = 0; k < o->n_states; k++) {
        uint8_t rank;
        fw_dim dims[FW_MAX_RANK];
        enum fw_dtype dtype = fw_update_state(o, k, g->sym, &g->tensors[param], &rank, dims);
        FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_STATE, dtype, rank, dims, &in[2 + k], w->err));
        g->tensors[in[2 + k]].of = param;
    }
    uint32_t made;
    return append(g, o->row, FW_PHASE_UPDATE, layer, in, 2u + o->n_states, 0, &made, w->err);
}

static enum fw_status build(struct walk *w, const struct fw_train_options *options,
                            const uint32_t *seeds)
{
    struct fw_graph *g = w->g;
    for (uint32_t i = 0; seeds != NULL && i < g->n_outputs; i++)
        if (seeds[i] != FW_NONE)
            FW_TRY(take(w, g->outputs[i], seeds[i], 0));
    FW_TRY(walk_back(w));
    for (uint32_t t = 0; options != NULL && t < w->n_tensors; t++)
        if (w->grad[t] != FW_NONE && g->tensors[t].kind == FW_KIND_PARAM)
            FW_TRY(append_update(w, t, options->optimizer));
    return FW_OK;
}

/* The gradient of a loss with respect to itself is 1: its own output stands for it. */
static void seed_losses(struct walk *w, uint32_t first_loss)
{
    for (uint32_t id = first_loss; id < w->n_nodes; id++) {
        uint32_t out = w->g->nodes[id].out[0];
        w->g->tensors[out].flags |= FW_TENSOR_NEEDS_GRAD;
        w->grad[out] = out;
    }
}

/* Without a loss the gradient of every output comes from outside. */
static enum fw_status seed_outputs(struct walk *w)
{
    struct fw_graph *g = w->g;
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        uint32_t out = g->outputs[i], seed;
        struct fw_tensor t = g->tensors[out];
        if (!has_gradient(&t))
            continue;
        FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_INPUT, (enum fw_dtype)t.dtype, t.rank, t.dims,
                               &seed, w->err));
        g->tensors[seed].of = out;
        FW_TRY(take(w, out, seed, 0));
    }
    return FW_OK;
}

/* What the walk found out, for those who look at gradients. */
static enum fw_status keep_gradients(struct walk *w)
{
    w->g->gradients = fw_arena_copy(w->g->arena, w->grad, w->n_tensors * sizeof *w->grad);
    w->g->n_gradients = w->n_tensors;
    return w->g->gradients == NULL ? fw_fail_memory(w->err) : FW_OK;
}

enum fw_status fw_train(struct fw_graph *g, const struct fw_train_options *options,
                        struct fw_error *err)
{
    FW_TRY(to_train_forms(g, err));
    mark_needs(g, options->input_grad);
    uint32_t first_loss = g->n_nodes;
    FW_TRY(attach_losses(g, options->loss, err));
    struct walk w;
    FW_TRY(walk_init(&w, g, err));
    seed_losses(&w, first_loss);
    enum fw_status status = fw_graph_reserve(g, 2 * g->n_tensors, 3 * g->n_nodes, err);
    if (status == FW_OK && options->loss == FW_LOSS_NONE)
        status = seed_outputs(&w);
    if (status == FW_OK)
        status = build(&w, options, NULL);
    if (status == FW_OK)
        status = keep_gradients(&w);
    walk_free(&w);
    return status;
}

/* ---- bodies ---- */

/* A copy of a body's forward part with its own arrays; names, dims and attributes are shared. */
static enum fw_status copy_body(struct fw_graph *body, struct fw_graph **ret, struct fw_error *err)
{
    struct fw_graph *copy = fw_graph_new_body(body->outer != NULL ? body->outer : body);
    if (copy == NULL)
        return fw_fail_memory(err);
    copy->copy = true;
    FW_TRY(fw_graph_reserve(copy, body->n_tensors, body->n_nodes, err));
    if (body->n_tensors > 0)
        memcpy(copy->tensors, body->tensors, body->n_tensors * sizeof *body->tensors);
    if (body->n_nodes > 0)
        memcpy(copy->nodes, body->nodes, body->n_nodes * sizeof *body->nodes);
    copy->n_tensors = body->n_tensors;
    copy->n_nodes = body->n_nodes;
    copy->name = body->name;
    copy->outputs = body->outputs;
    copy->n_outputs = body->n_outputs;
    copy->n_formal = body->n_formal;
    copy->turns = body->turns;
    copy->capture_in = body->capture_in;
    *ret = copy;
    return FW_OK;
}

enum fw_status fw_copy_body(struct fw_cx *c, struct fw_graph *body, struct fw_graph **ret)
{
    FW_TRY(copy_body(body, ret, c->err));
    (*ret)->inputs = body->inputs;
    (*ret)->n_inputs = body->n_inputs;
    return FW_OK;
}

/* Inputs of the gradient body: those of the body, then one per output whose gradient comes in. */
static enum fw_status add_seeds(struct fw_graph *copy, const struct fw_graph *body,
                                const bool *out_grad, uint32_t *seeds, struct fw_error *err)
{
    uint32_t *inputs =
        fw_arena_array(copy->arena, (size_t)body->n_inputs + body->n_outputs, sizeof *inputs);
    if (inputs == NULL)
        return fw_fail_memory(err);
    uint32_t n = 0;
    for (; n < body->n_inputs; n++)
        inputs[n] = body->inputs[n];
    for (uint32_t i = 0; i < body->n_outputs; i++) {
        seeds[i] = FW_NONE;
        if (!out_grad[i])
            continue;
        const struct fw_tensor *t = &copy->tensors[copy->outputs[i]];
        FW_TRY(fw_graph_tensor(copy, NULL, FW_KIND_INPUT, (enum fw_dtype)t->dtype, t->rank, t->dims,
                               &seeds[i], err));
        inputs[n++] = seeds[i];
    }
    copy->inputs = inputs;
    copy->n_inputs = n;
    copy->n_seeds = n - body->n_inputs;
    return FW_OK;
}

static void mark_body_inputs(struct fw_graph *copy, const struct fw_graph *body,
                             const bool *in_grad)
{
    for (uint32_t i = 0; i < body->n_inputs; i++)
        if (in_grad[i])
            copy->tensors[body->inputs[i]].flags |= FW_TENSOR_NEEDS_GRAD;
    mark_needs(copy, false);
}

enum fw_status fw_grad_body(struct fw_cx *c, struct fw_graph *body, const bool *out_grad,
                            const bool *in_grad, struct fw_graph **ret)
{
    struct fw_graph *copy;
    FW_TRY(copy_body(body, &copy, c->err));
    uint32_t *seeds = fw_arena_array(copy->arena, body->n_outputs + 1u, sizeof *seeds);
    uint32_t *outputs = fw_arena_array(copy->arena, body->n_inputs + 1u, sizeof *outputs);
    if (seeds == NULL || outputs == NULL)
        return fw_fail_memory(c->err);
    FW_TRY(add_seeds(copy, body, out_grad, seeds, c->err));
    mark_body_inputs(copy, body, in_grad);
    struct walk w;
    FW_TRY(walk_init(&w, copy, c->err));
    w.n_nodes = body->n_nodes;
    enum fw_status status = build(&w, NULL, seeds);
    uint32_t n = 0;
    for (uint32_t i = 0; status == FW_OK && i < body->n_inputs; i++)
        if (in_grad[i])
            outputs[n++] = w.grad[body->inputs[i]];
    copy->outputs = outputs;
    copy->n_outputs = n;
    walk_free(&w);
    *ret = copy;
    return status;
}
