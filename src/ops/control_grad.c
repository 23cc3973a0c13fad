/* Gradients of If, Loop and Scan: the gradient graph of a body, run as often as the body.
 *
 * Which inputs of a body get a gradient follows from the body itself: forward, what depends on
 * something that needs one; backward, what an output with a gradient depends on; both repeated
 * until values carried from one iteration to the next change nothing more. A tensor captured from
 * outside collects its gradient over the iterations: trips - 1 adds per element. */
#include "ops/control.h"

#include <string.h>

enum { BODY, OTHER, PHASE, OF, N_DY, CAPTURED_FROM, N_ATTRS };
static const struct fw_attr_spec attrs[N_ATTRS] = {
    {"body", FW_ATTR_GRAPH, false, {.graph = NULL}},
    {"other", FW_ATTR_GRAPH, false, {.graph = NULL}},
    {"phase", FW_ATTR_INT, true, {.i = 0}},
    {"of", FW_ATTR_INTS, true, {.n = 0}},  // inputs of the forward node, one per output
    {"n_dy", FW_ATTR_INT, true, {.i = 0}}, // inputs: that many gradients, then the forward inputs
    {"captured_from", FW_ATTR_INT, true, {.i = 0}}, // forward inputs from here on are captured
};

/* ---- what gets a gradient ---- */

struct flow {
    struct fw_graph *body;
    bool *need;     // (tensors of the body) depends on something that needs a gradient
    bool *reach;    // (tensors) an output that has a gradient depends on it
    bool *in_grad;  // (inputs)
    bool *out_grad; // (outputs)
};

static bool is_real(const struct fw_tensor *t)
{
    return fw_dtype_is_float((enum fw_dtype)t->dtype);
}

static void flow_forward(struct flow *f)
{
    const struct fw_graph *g = f->body;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        bool any = false;
        for (unsigned i = 0; i < n->n_in; i++)
            any |= n->in[i] != FW_NONE && f->need[n->in[i]];
        for (unsigned i = 0; any && i < n->n_out; i++)
            if (n->out[i] != FW_NONE && is_real(&g->tensors[n->out[i]]))
                f->need[n->out[i]] = true;
    }
}

static void flow_back(struct flow *f)
{
    const struct fw_graph *g = f->body;
    for (uint32_t id = g->n_nodes; id-- > 0;) {
        const struct fw_node *n = &g->nodes[id];
        bool any = false;
        for (unsigned i = 0; i < n->n_out; i++)
            any |= n->out[i] != FW_NONE && f->reach[n->out[i]];
        for (unsigned i = 0; any && i < n->n_in; i++)
            if (n->in[i] != FW_NONE && is_real(&g->tensors[n->in[i]]))
                f->reach[n->in[i]] = true;
    }
}

/* The node's input that a body's input k is. */
static uint32_t port_of(const struct fw_graph *body, uint32_t k)
{
    return k < body->n_formal ? k : body->capture_in[k - body->n_formal];
}

static void seed(const struct fw_grad *gr, const struct fw_branches *b, struct flow *f)
{
    const struct fw_graph *g = f->body;
    for (uint32_t id = 0; id < g->n_tensors; id++)
        f->need[id] =
            g->tensors[id].kind == FW_KIND_PARAM && !(g->tensors[id].flags & FW_TENSOR_FROZEN);
    for (uint32_t k = 0; k < g->n_inputs; k++)
        if (fw_grad_needs(gr, port_of(g, k)) && is_real(&g->tensors[g->inputs[k]]))
            f->need[g->inputs[k]] = true;
    for (uint32_t k = b->first_out; k < g->n_outputs; k++)
        if (k - b->first_out < gr->cx.node->n_out && gr->dy[k - b->first_out] != FW_NONE)
            f->reach[g->outputs[k]] = true;
}

/* Repeats until the states settle; every round adds a state, so it ends. */
static void follow(const struct fw_branches *b, struct flow *f)
{
    const struct fw_graph *g = f->body;
    for (bool changed = true; changed;) {
        changed = false;
        flow_forward(f);
        flow_back(f);
        for (uint32_t k = 0; k < b->n_state; k++) {
            uint32_t in = g->inputs[b->first_state + k];
            uint32_t out = g->outputs[b->first_out + k];
            bool more_need = f->need[out] && !f->need[in] && is_real(&g->tensors[in]);
            bool more_reach = f->reach[in] && !f->reach[out] && is_real(&g->tensors[out]);
            f->need[in] |= more_need;
            f->reach[out] |= more_reach;
            changed |= more_need || more_reach;
        }
    }
    for (uint32_t k = 0; k < g->n_inputs; k++)
        f->in_grad[k] = f->need[g->inputs[k]] && f->reach[g->inputs[k]];
}

/* An output hands a gradient in when it has one itself or, as a state, when the next iteration
 * gives it one; and only where something needs it. */
static void mark_outputs(const struct fw_grad *gr, const struct fw_branches *b, struct flow *f)
{
    const struct fw_graph *g = f->body;
    for (uint32_t k = 0; k < g->n_outputs; k++) {
        bool given = k >= b->first_out && k - b->first_out < gr->cx.node->n_out &&
                     gr->dy[k - b->first_out] != FW_NONE;
        bool state = k >= b->first_out && k - b->first_out < b->n_state &&
                     f->in_grad[b->first_state + k - b->first_out];
        f->out_grad[k] = (given || state) && f->need[g->outputs[k]];
    }
}

static enum fw_status flow_init(struct fw_grad *gr, struct fw_graph *body, struct flow *f)
{
    size_t n = 2 * (size_t)body->n_tensors + body->n_inputs + body->n_outputs + 1u;
    bool *all = fw_arena_alloc(gr->cx.g->arena, n);
    if (all == NULL)
        return fw_fail_memory(gr->cx.err);
    memset(all, 0, n);
    *f = (struct flow){.body = body,
                       .need = all,
                       .reach = all + body->n_tensors,
                       .in_grad = all + 2 * (size_t)body->n_tensors,
                       .out_grad = all + 2 * (size_t)body->n_tensors + body->n_inputs};
    return FW_OK;
}

/* ---- the gradient nodes ---- */

/* The gradient of one body; wanted[i] is set for the node's inputs that get one. */
static enum fw_status build_body(struct fw_grad *gr, const struct fw_branches *b,
                                 struct fw_graph *body, bool *wanted, struct fw_graph **ret)
{
    *ret = NULL;
    if (body == NULL || fw_dim_is(body->trips, 0))
        return FW_OK;
    struct flow f;
    FW_TRY(flow_init(gr, body, &f));
    seed(gr, b, &f);
    follow(b, &f);
    mark_outputs(gr, b, &f);
    for (uint32_t k = 0; k < body->n_inputs; k++)
        if (f.in_grad[k] && fw_grad_needs(gr, port_of(body, k)))
            wanted[port_of(body, k)] = true;
    FW_TRY(gr->cx.hooks->grad_body(&gr->cx, body, f.out_grad, f.in_grad, ret));
    (*ret)->trips = body->trips;
    for (uint32_t k = 0; k < body->n_formal; k++)
        (*ret)->turns.n_direct += f.in_grad[k];
    return FW_OK;
}

struct emission {
    struct fw_attr attr[N_ATTRS];
    uint32_t *in; // gradients of the outputs, then the node's inputs
    unsigned n_in;
    const bool *wanted;
};

/* The node of one phase gives the gradients of those inputs that belong to it. */
static enum fw_status emit_phase(struct fw_grad *gr, const struct fw_branches *b,
                                 const struct emission *e, enum fw_phase phase)
{
    unsigned n_in = gr->cx.node->n_in;
    int64_t *of = fw_arena_array(gr->cx.g->arena, n_in + 1u, sizeof *of);
    if (of == NULL)
        return fw_fail_memory(gr->cx.err);
    unsigned n = 0;
    for (unsigned i = 0; i < n_in; i++) {
        if (!e->wanted[i])
            continue;
        const struct fw_tensor *t = fw_tensor_at(gr->cx.g, gr->cx.node->in[i]);
        bool weight = (t->flags & FW_TENSOR_WEIGHT_SIDE) || t->kind == FW_KIND_PARAM;
        if (weight == (phase == FW_PHASE_BACKWARD_WEIGHT))
            of[n++] = (int64_t)i;
    }
    if (n == 0 && phase == FW_PHASE_BACKWARD_WEIGHT)
        return FW_OK;
    struct fw_attr attr[N_ATTRS];
    memcpy(attr, e->attr, sizeof attr);
    attr[PHASE] = (struct fw_attr){.i = phase, .given = true};
    attr[OF] = (struct fw_attr){.ints = of, .n = n, .given = true};
    uint32_t first;
    int input = phase == FW_PHASE_BACKWARD_WEIGHT ? (int)of[0] : -1;
    FW_TRY(fw_emit_n(gr, input, b->row, e->in, e->n_in, attr, n, &first));
    for (unsigned k = 0; k < n; k++)
        gr->dx[of[k]] = first + k;
    return FW_OK;
}

/* What the forward node keeps for its gradient becomes input of the gradient nodes. */
static enum fw_status keep_turns(struct fw_grad *gr, const struct fw_branches *b,
                                 struct fw_graph *back, struct emission *e)
{
    uint32_t *kept;
    uint32_t n;
    FW_TRY(fw_keep_turns(gr, b, back, e->in + gr->cx.node->n_out, &kept, &n));
    uint32_t *in = fw_arena_array(gr->cx.g->arena, (size_t)e->n_in + n + 1, sizeof *in);
    if (in == NULL)
        return fw_fail_memory(gr->cx.err);
    FW_WITHIN(gr->cx.g->arena->alloc, FW_MOST_ports, e->n_in + n, -1, gr->cx.err);
    memcpy(in, e->in, e->n_in * sizeof *in);
    memcpy(in + e->n_in, kept, n * sizeof *in);
    e->in = in;
    e->n_in += n;
    return FW_OK;
}

enum fw_status fw_grad_bodies(struct fw_grad *gr, const struct fw_branches *b)
{
    const struct fw_node *node = gr->cx.node;
    unsigned n_in = node->n_in;
    unsigned n_out = node->n_out;
    FW_WITHIN(gr->cx.g->arena->alloc, FW_MOST_ports, n_in + n_out, -1, gr->cx.err);
    bool *wanted = fw_arena_alloc(gr->cx.g->arena, n_in + 1u);
    struct emission e = {.n_in = n_in + n_out, .wanted = wanted};
    e.in = fw_arena_array(gr->cx.g->arena, e.n_in + 1u, sizeof *e.in);
    if (wanted == NULL || e.in == NULL)
        return fw_fail_memory(gr->cx.err);
    memset(wanted, 0, n_in + 1u);
    memcpy(e.in, gr->dy, n_out * sizeof *e.in);
    memcpy(e.in + n_out, node->in, n_in * sizeof *e.in);
    struct fw_graph *body[2];
    for (unsigned k = 0; k < 2; k++)
        FW_TRY(build_body(gr, b, b->body[k], wanted, &body[k]));
    if (body[0] != NULL && body[0]->turns.loop)
        FW_TRY(keep_turns(gr, b, body[0], &e));
    e.attr[BODY] = (struct fw_attr){.graph = body[0], .given = true};
    e.attr[OTHER] = (struct fw_attr){.graph = body[1], .given = true};
    e.attr[N_DY] = (struct fw_attr){.i = n_out, .given = true};
    e.attr[CAPTURED_FROM] = (struct fw_attr){.i = b->body[0]->n_formal, .given = true};
    FW_TRY(emit_phase(gr, b, &e, FW_PHASE_BACKWARD_INPUT));
    return emit_phase(gr, b, &e, FW_PHASE_BACKWARD_WEIGHT);
}

/* The body's input that is the forward node's input `port`. */
static const struct fw_tensor *inner_input(const struct fw_graph *body, uint32_t port)
{
    for (uint32_t k = 0; k < body->n_inputs - body->n_seeds; k++)
        if (port_of(body, k) == port)
            return &body->tensors[body->inputs[k]];
    return NULL;
}

/* Gradients have the shapes of the forward inputs; one that is not read any more has that of the
 * body's input. */
static enum fw_status infer(struct fw_cx *c)
{
    const struct fw_attr *attr = c->node->attr;
    for (unsigned i = 0; i < c->node->n_out; i++) {
        int64_t port = attr[OF].ints[i];
        const struct fw_tensor *like = fw_in(c, (unsigned)(attr[N_DY].i + port));
        if (like == NULL && attr[BODY].graph != NULL)
            like = inner_input(attr[BODY].graph, (uint32_t)port);
        if (like != NULL)
            FW_TRY(fw_set_out_like(c, i, like));
    }
    return FW_OK;
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    struct fw_graph *body = attr[BODY].graph;
    fw_cost_bodies(c, body, attr[OTHER].graph, (unsigned)attr[PHASE].i, cost);
    if (body == NULL || attr[OTHER].graph != NULL)
        return; // branches run once
    fw_count again = fw_count_sub(c->sym, fw_count_of(body->trips), fw_count_int(1));
    for (unsigned i = 0; i < c->node->n_out; i++) {
        if (attr[OF].ints[i] < attr[CAPTURED_FROM].i)
            continue;
        const struct fw_tensor *sum = fw_out(c, i);
        fw_count bytes = fw_count_mul(c->sym, again, fw_bytes(c, sum));
        fw_cost_add(c, cost, FW_ADD, fw_count_mul(c->sym, again, fw_elements(c, sum)), 1);
        fw_cost_add(c, cost, FW_READ, bytes, 2);
        fw_cost_add(c, cost, FW_WRITE, bytes, 1);
    }
}

#define GRAD_ROW(title, words)                                                            \
    {                                                                                     \
        .name = title, .domain = "flopwise", .formula = words, .doc = FW_INTERNAL_DOC,    \
        FW_ATTRS(attrs), FW_PORTS(0, UINT16_MAX, 0, UINT16_MAX),                          \
        .flags = FW_OP_INTERNAL | FW_OP_OWN_BYTES | FW_OP_UNKNOWN_OK | FW_OP_CONTRACTION, \
        .infer = infer, .cost = cost, .grad = fw_grad_none                                \
    }

static const struct fw_op rows[] = {
    GRAD_ROW("IfGrad", "the gradient of the branch, one phase of it"),
    GRAD_ROW("LoopGrad",
             "trips * gradient of the body, one phase of it; trips - 1 adds per element "
             "of what is captured"),
    GRAD_ROW("ScanGrad",
             "trips * gradient of the body, one phase of it; trips - 1 adds per element "
             "of what is captured"),
};
const struct fw_op_table fw_ops_control_grad = {rows, sizeof rows / sizeof *rows};
const struct fw_op *const fw_op_if_grad = &rows[0];
const struct fw_op *const fw_op_loop_grad = &rows[1];
const struct fw_op *const fw_op_scan_grad = &rows[2];
