/* Control flow: If and SequenceMap, and what they share with Loop and Scan (loop.c).
 *
 * A body is a graph of its own (struct fw_graph): its first n_formal inputs are the operator's, the
 * rest are what it captures from outside, handed in by the node's inputs of number capture_in. For
 * Loop and Scan the formal input k of the body belongs to the node's input k.
 *
 * The cost is trips * cost of the body (graph.h: trips): known where the trip count is, else a
 * letter with an upper bound where there is one. Bytes are what the body's nodes move. Of the two
 * branches of an If the larger one counts unless the condition is known.
 *
 * The gradient runs the gradient of the body as often: one node per phase, so that what belongs to
 * the weights is told apart from what hands the gradient on. What it reads of every turn of a loop
 * is stacked in outputs of the forward node (control_kept.c); of a branch it stays inside the body.
 */
#include "ops/control.h"
#include "ops/reach.h"

#include <string.h>

/* How deep bodies may be nested. */
enum { MAX_DEPTH = 64 }; // as limit nesting may be at most

/* ---- handing shapes in ---- */

/* Input i of the node with its contents, as a value. */
struct fw_tensor fw_body_outer(struct fw_cx *c, unsigned i)
{
    uint32_t n = 0;
    const fw_dim *value = fw_in_value(c, i, &n);
    struct fw_tensor t = *fw_in(c, i);
    t.value = value;
    return t;
}

bool fw_is_stored(const struct fw_tensor *t)
{
    return t->kind == FW_KIND_INITIALIZER || t->kind == FW_KIND_PARAM ||
           t->kind == FW_KIND_BUFFER || t->kind == FW_KIND_CONSTANT ||
           (t->flags & FW_TENSOR_WEIGHT_SIDE);
}

/* Gives input k of a body a shape; where there is none to give the file's annotation stays. */
void fw_body_give(struct fw_graph *body, uint32_t k, const struct fw_tensor *t, bool weight_side)
{
    struct fw_tensor *to = &body->tensors[body->inputs[k]];
    unsigned kept = FW_TENSOR_OPEN | FW_TENSOR_WEIGHT_SIDE;
    if (t->dtype != FW_UNKNOWN)
        to->dtype = t->dtype;
    to->value = t->value;
    to->flags = (uint8_t)((to->flags & ~kept) | (t->flags & FW_TENSOR_OPEN) |
                          (weight_side ? FW_TENSOR_WEIGHT_SIDE : 0));
    if (t->rank == FW_RANK_UNKNOWN && (to->flags & FW_TENSOR_OPTIONAL_SHAPE))
        return;
    to->rank = t->rank;
    to->dims = t->dims;
    to->flags &= (uint8_t)~FW_TENSOR_OPTIONAL_SHAPE;
}

/* Forgets what an earlier inference found: the next one may know less. */
static void forget(struct fw_graph *body)
{
    for (uint32_t id = 0; id < body->n_tensors; id++) {
        struct fw_tensor *t = &body->tensors[id];
        if (t->producer == FW_NONE || (t->flags & FW_TENSOR_OPTIONAL_SHAPE))
            continue;
        t->rank = FW_RANK_UNKNOWN;
        t->dims = NULL;
        t->value = NULL;
        t->flags &= (uint8_t) ~(FW_TENSOR_OPEN | FW_TENSOR_WEIGHT_SIDE);
    }
}

unsigned fw_body_depth(const struct fw_graph *g)
{
    unsigned depth = 0;
    for (; g != NULL && depth <= MAX_DEPTH; g = g->outer)
        depth++;
    return depth;
}

enum fw_status fw_body_take_in(struct fw_cx *c, struct fw_graph *body)
{
    FW_WITHIN(c->g->arena->alloc, FW_MOST_nesting, fw_body_depth(body), -1, c->err);
    for (uint32_t k = body->n_formal; k < body->n_inputs; k++) {
        uint32_t port = body->capture_in[k - body->n_formal];
        FW_REQUIRE(port < c->node->n_in && c->node->in[port] != FW_NONE, c->err, FW_FORMAT,
                   "the body captures input %u, which is missing", port);
        struct fw_tensor t = fw_body_outer(c, port);
        fw_body_give(body, k, &t, fw_is_stored(&t));
    }
    return FW_OK;
}

/* Checks the body in an attribute and hands in what it captures. */
enum fw_status fw_body_open(struct fw_cx *c, unsigned attr, struct fw_graph **ret)
{
    struct fw_graph *body = c->node->attr != NULL ? c->node->attr[attr].graph : NULL;
    FW_REQUIRE(body != NULL, c->err, FW_FORMAT, "attribute '%s' is missing",
               c->node->op->attrs[attr].name);
    FW_REQUIRE(body->n_formal <= c->node->n_in && body->n_formal <= body->n_inputs, c->err,
               FW_FORMAT, "the body takes %u inputs, the node has %u", body->n_formal,
               c->node->n_in);
    *ret = body;
    return fw_body_take_in(c, body);
}

enum fw_status fw_body_infer(struct fw_cx *c, struct fw_graph *body)
{
    forget(body);
    return c->hooks->infer_body(c, body);
}

/* Output i of the node gets a tensor's shape, with contents where value is set. */
enum fw_status fw_set_out_from(struct fw_cx *c, unsigned i, const struct fw_tensor *t,
                               const fw_dim *value)
{
    if (t->flags & FW_TENSOR_OPEN)
        return fw_set_out_open(c, i, (enum fw_dtype)t->dtype);
    FW_TRY(fw_set_out_like(c, i, t));
    if (value == NULL || t->rank == FW_RANK_UNKNOWN)
        return FW_OK;
    fw_count n = fw_tensor_elements(c->g, t);
    return fw_count_is_const(n) && n.word <= FW_MAX_VALUE
               ? fw_set_value(c, i, value, (uint32_t)n.word)
               : FW_OK;
}

/* Output k of a body with its contents, as a value. */
struct fw_tensor fw_body_out(struct fw_graph *body, uint32_t k)
{
    uint32_t n = 0;
    const fw_dim *value = fw_tensor_value(body, body->outputs[k], &n);
    struct fw_tensor t = body->tensors[body->outputs[k]];
    t.value = value;
    return t;
}

bool fw_same_value(const struct fw_graph *g, const struct fw_tensor *t, const fw_dim *a,
                   const fw_dim *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    fw_count n = fw_tensor_elements(g, t);
    return fw_count_is_const(n) && n.word <= FW_MAX_VALUE &&
           memcmp(a, b, (size_t)n.word * sizeof *a) == 0;
}

/* ---- If ---- */

static const struct fw_op rows[2];
enum { IF, SEQUENCE_MAP };

enum { IF_ELSE, IF_THEN };
static const struct fw_attr_spec if_attrs[] = {
    {"else_branch", FW_ATTR_GRAPH, true, {.graph = NULL}},
    {"then_branch", FW_ATTR_GRAPH, true, {.graph = NULL}},
};

/* One output of two branches: what they agree on. */
static enum fw_status join(struct fw_cx *c, unsigned i, const struct fw_tensor *a,
                           const struct fw_tensor *b)
{
    if ((a->flags | b->flags) & FW_TENSOR_OPEN)
        return fw_set_out_open(c, i, (enum fw_dtype)a->dtype);
    if (a->rank != b->rank || a->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, i, (enum fw_dtype)a->dtype, FW_RANK_UNKNOWN);
    fw_dim dims[FW_MAX_RANK];
    bool same = true;
    for (unsigned k = 0; k < a->rank; k++) {
        dims[k] = a->dims[k];
        if (fw_dim_eq(a->dims[k], b->dims[k]))
            continue;
        same = false;
        dims[k] = fw_fresh_dim(c, a->name != NULL ? a->name : "branch",
                               fw_dim_max(c->sym, a->dims[k], b->dims[k]));
    }
    FW_TRY(fw_set_out(c, i, (enum fw_dtype)a->dtype, a->rank, dims));
    return same && a->value != NULL && fw_same_value(c->g, a, a->value, b->value)
               ? fw_set_out_from(c, i, a, a->value)
               : FW_OK;
}

static enum fw_status infer_if(struct fw_cx *c)
{
    struct fw_graph *branch[2] = {NULL, NULL};
    uint32_t n = 0;
    const fw_dim *cond = fw_in_value(c, 0, &n);
    int only = cond != NULL && n == 1 && fw_dim_is_const(cond[0]) ? !fw_dim_is(cond[0], 0) : -1;
    for (int k = IF_ELSE; k <= IF_THEN; k++) {
        FW_TRY(fw_body_open(c, (unsigned)k, &branch[k]));
        FW_REQUIRE(branch[k]->n_outputs >= c->node->n_out, c->err, FW_FORMAT,
                   "%u outputs of a branch are wanted, found %u", c->node->n_out,
                   branch[k]->n_outputs);
        branch[k]->trips = fw_dim_int(only < 0 || only == k ? 1 : 0);
        if (only < 0 || only == k)
            FW_TRY(fw_body_infer(c, branch[k]));
    }
    for (unsigned i = 0; i < c->node->n_out; i++) {
        struct fw_tensor a = fw_body_out(branch[only >= 0 ? only : IF_THEN], i);
        if (only >= 0) {
            FW_TRY(fw_set_out_from(c, i, &a, a.value));
            continue;
        }
        struct fw_tensor b = fw_body_out(branch[IF_ELSE], i);
        FW_TRY(join(c, i, &a, &b));
    }
    return FW_OK;
}

/* ---- SequenceMap ---- */

static const struct fw_attr_spec map_attrs[] = {
    {"body", FW_ATTR_GRAPH, true, {.graph = NULL}},
};

/* The body runs once per element; how many there are and what shape they have is not known. */
static enum fw_status infer_sequence_map(struct fw_cx *c)
{
    struct fw_graph *body;
    FW_TRY(fw_body_open(c, 0, &body));
    FW_REQUIRE(c->node->n_out <= body->n_outputs, c->err, FW_FORMAT,
               "at most %u outputs are wanted, found %u", body->n_outputs, c->node->n_out);
    for (uint32_t k = 0; k < body->n_formal; k++) {
        FW_REQUIRE(fw_has_in(c, k), c->err, FW_FORMAT, "input %u is wanted, it is missing", k);
        struct fw_tensor t = fw_body_outer(c, k);
        if (t.flags & FW_TENSOR_OPEN) // an element of the sequence
            t = (struct fw_tensor){.dtype = t.dtype, .rank = FW_RANK_UNKNOWN};
        fw_body_give(body, k, &t, false);
    }
    FW_TRY(fw_body_infer(c, body));
    if (fw_dim_is_const(body->trips))
        body->trips = fw_fresh_dim(c, "length", fw_dim_bad());
    for (unsigned i = 0; i < c->node->n_out; i++) {
        struct fw_tensor t = fw_body_out(body, i);
        FW_TRY(fw_set_out_open(c, i, (enum fw_dtype)t.dtype));
    }
    return FW_OK;
}

/* ---- cost ---- */

/* trips * cost of a body in one phase; no body and a body that never runs cost nothing. */
static void cost_of(struct fw_cx *c, struct fw_graph *body, unsigned phase, struct fw_cost *ret)
{
    *ret = (struct fw_cost){0};
    if (body == NULL || fw_dim_is(body->trips, 0))
        return;
    if (!c->hooks->cost_body(c, body, phase, ret))
        c->gap = true;
    for (unsigned k = 0; k < FW_N_COSTS; k++)
        ret->n[k] = fw_count_mul(c->sym, ret->n[k], fw_count_of(body->trips));
}

static fw_count flop(struct fw_cx *c, const struct fw_cost *cost)
{
    fw_count sum = cost->n[FW_FMA];
    for (unsigned k = FW_FMA; k < FW_N_CLASSES; k++) // fma twice
        sum = fw_count_add(c->sym, sum, cost->n[k]);
    return sum;
}

/* Of two branches the one with more FLOP counts; where their letters leave that open, the larger
 * number of every class, which is an upper bound. */
void fw_cost_bodies(struct fw_cx *c, struct fw_graph *a, struct fw_graph *b, unsigned phase,
                    struct fw_cost *cost)
{
    struct fw_cost x;
    struct fw_cost y;
    cost_of(c, a, phase, &x);
    cost_of(c, b, phase, &y);
    int sign = 0; // a loop's body has no other beside
    if (b != NULL)
        sign = fw_count_sign(c->sym, fw_count_sub(c->sym, flop(c, &x), flop(c, &y)));
    for (unsigned k = 0; k < FW_N_COSTS; k++) {
        fw_count more = sign == 3  ? fw_count_max(c->sym, x.n[k], y.n[k])
                        : sign < 0 ? y.n[k]
                                   : x.n[k];
        cost->n[k] = fw_count_add(c->sym, cost->n[k], more);
    }
}

static enum fw_body_counts compare(struct fw_cx *c, const struct fw_body_entry *x,
                                   const struct fw_body_entry *y, bool first)
{
    int sign = fw_count_sign(c->sym, fw_count_sub(c->sym, flop(c, &x->cost), flop(c, &y->cost)));
    if (sign == 3)
        return FW_BODY_CONTRIBUTES;
    return (sign < 0) == first ? FW_BODY_LEFT_OUT : FW_BODY_COUNTS;
}

unsigned fw_list_bodies(struct fw_cx *c, struct fw_body_entry ret[FW_MAX_BODIES])
{
    const struct fw_op *op = c->node->op;
    unsigned n = 0;
    bool gap = c->gap;
    for (unsigned a = 0; a < op->n_attrs && n < FW_MAX_BODIES; a++) {
        struct fw_graph *body = fw_node_body(c->node, a);
        if (body == NULL)
            continue;
        struct fw_body_entry *e = &ret[n++];
        *e = (struct fw_body_entry){.name = op->attrs[a].name, .trips = fw_count_of(body->trips)};
        c->gap = false;
        if (op->body_cost != NULL)
            op->body_cost(c, a, &e->cost);
        else
            cost_of(c, body, FW_N_PHASES, &e->cost);
        e->complete = !c->gap;
        e->counts = fw_count_is(e->trips, 0) ? FW_BODY_LEFT_OUT : FW_BODY_COUNTS;
    }
    c->gap = gap;
    if (op != &rows[IF] || n != 2)
        return n;
    /* as in fw_cost_bodies: of equal ones the then_branch, which is the second attribute */
    bool runs[2] = {ret[0].counts == FW_BODY_COUNTS, ret[1].counts == FW_BODY_COUNTS};
    if (runs[0] && runs[1]) {
        ret[0].counts = compare(c, &ret[1], &ret[0], false);
        ret[1].counts = compare(c, &ret[1], &ret[0], true);
    }
    return n;
}

static void cost_if(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bodies(c, c->node->attr[IF_THEN].graph, c->node->attr[IF_ELSE].graph, FW_N_PHASES,
                   cost);
}

void fw_cost_body(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bodies(c, c->node->attr[0].graph, NULL, FW_N_PHASES, cost);
}

/* ---- gradients ---- */

static enum fw_status grad_if(struct fw_grad *gr)
{
    struct fw_branches b = {
        .row = fw_op_if_grad,
        .body = {gr->cx.node->attr[IF_THEN].graph, gr->cx.node->attr[IF_ELSE].graph}};
    return fw_grad_bodies(gr, &b);
}

/* ---- rows ---- */

FW_KERNELS(if_, sequence_map);

static const struct fw_op rows[2] = {
    {.name = "If",
     .domain = "",
     .formula = "the branch that runs; the one with more FLOP where the condition is not known",
     .doc = "the gradient of each branch",
     FW_ATTRS(if_attrs),
     FW_PORTS(1, UINT16_MAX, 0, UINT16_MAX),
     .flags = FW_CONTROL_FLAGS,
     .infer = infer_if,
     .field = fw_field_whole,
     .cost = cost_if,
     .grad = grad_if,
     FW_RUN(if_)},
    {.name = "SequenceMap",
     .domain = "",
     .formula = "length of the sequence * body",
     .doc = "not built: sequences have no gradient here (a gap)",
     FW_ATTRS(map_attrs),
     FW_PORTS(1, UINT16_MAX, 0, UINT16_MAX),
     .flags = FW_CONTROL_FLAGS,
     .infer = infer_sequence_map,
     .field = fw_field_whole,
     .cost = fw_cost_body,
     .grad = fw_grad_gap,
     FW_RUN(sequence_map)},
};
const struct fw_op_table fw_ops_control = {rows, sizeof rows / sizeof *rows};
