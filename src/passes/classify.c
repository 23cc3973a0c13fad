/* Parameters, buffers, constants; see classify.h. */
#include "passes/classify.h"

#include "base/glob.h"
#include "ops/op.h"

#include <string.h>

enum { USED_AS_WEIGHT = 1, USED_AS_BUFFER = 2, USED_LOOSELY = 4, USED_AS_TABLE = 8 };

static bool bit(uint32_t set, unsigned i)
{
    return i < 32 && (set >> i & 1u);
}

/* What a tensor is made from; any other number is the one stored tensor. */
#define FROM_DATA (FW_NONE - 1)    // the network's inputs
#define FROM_NOTHING (FW_NONE - 2) // plain numbers and sizes
#define FROM_MANY (FW_NONE - 3)    // several stored tensors

static bool may_learn(const struct fw_tensor *t)
{
    const struct fw_dtype_info *d = &fw_dtypes[t->dtype];
    return d->class == 'f' || (d->bits <= 8 && d->bits > 0 && d->class != 'b');
}

static bool is_single(const struct fw_graph *g, const struct fw_tensor *t)
{
    fw_count n = fw_tensor_elements(g, t);
    return fw_count_is_const(n) && n.word <= 1;
}

/* Where inputs meet: data hides everything, two different stored tensors are many. */
static uint32_t join_origins(uint32_t a, uint32_t b)
{
    if (a == FROM_DATA || b == FROM_DATA)
        return FROM_DATA;
    if (a == FROM_NOTHING || a == b)
        return b;
    return b == FROM_NOTHING ? a : FROM_MANY;
}

static uint32_t own_origin(const struct fw_graph *g, uint32_t id)
{
    const struct fw_tensor *t = &g->tensors[id];
    bool body_input = g->outer != NULL && t->kind == FW_KIND_INPUT;
    if (t->kind == FW_KIND_INPUT && !(body_input && (t->flags & FW_TENSOR_WEIGHT_SIDE)))
        return FROM_DATA;
    bool constant = (t->flags & FW_TENSOR_FROM_NODE) && is_single(g, t);
    return may_learn(t) && t->rank != 0 && !constant ? id : FROM_NOTHING;
}

/* Sizes are no data: what is made from the shape of an input only is made from nothing. The product
 * of two stored tensors is as good as data: a small network that runs on a stored table. */
static void find_origins(const struct fw_graph *g, uint32_t *from)
{
    for (uint32_t id = 0; id < g->n_tensors; id++)
        from[id] = own_origin(g, id);
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        uint32_t origin = FROM_NOTHING;
        for (unsigned i = 0; i < n->n_in; i++)
            if (n->in[i] != FW_NONE && !bit(n->op->shape_only, i))
                origin = join_origins(origin, from[n->in[i]]);
        if (origin == FROM_MANY && (n->op->flags & FW_OP_CONTRACTION))
            origin = FROM_DATA;
        for (unsigned i = 0; i < n->n_out; i++)
            if (n->out[i] != FW_NONE)
                from[n->out[i]] = origin;
    }
}

static bool meets_data(const struct fw_node *n, unsigned first, const uint32_t *from)
{
    for (unsigned i = first; i < n->n_in; i++)
        if (n->in[i] != FW_NONE && from[n->in[i]] == FROM_DATA)
            return true;
    return false;
}

/* Is slot i of the node one of weights here? An operand of Add or Mul is a parameter (a bias, a
 * position table, a layer's scale) where data takes part: two stored tensors are arithmetic on
 * constants, or a weight on its way to a real slot, which the walk carries back to them. Of a
 * product the left factor is a weight only where the right one is data: else it is a table of
 * positions that a small network turns into a bias. */
static bool takes_weight(const struct fw_node *n, unsigned i, const uint32_t *from)
{
    const struct fw_op *op = n->op;
    if (!bit(op->weight_slots, i))
        return false;
    if (op->flags & FW_OP_LOOSE_SLOTS)
        return meets_data(n, 0, from);
    bool left = i == 0 && (op->flags & FW_OP_CONTRACTION) && bit(op->weight_slots, 1);
    return !left || meets_data(n, 1, from);
}

/* What the use of a node's result says of its input i: moved tensors keep their role, what a weight
 * is computed from (weight norm, standardised weights) is itself a weight, and what an operand of
 * Add or Mul or a table of lookups is computed from alone (a learnt scale's exponential) or is the
 * sum of (positions in space and in time) is one. */
static uint8_t carried(const struct fw_graph *g, const struct fw_node *n, unsigned i,
                       const uint32_t *from, uint8_t use)
{
    if (bit(n->op->shape_only, i))
        return 0;
    bool concat = n->op->max_in == UINT16_MAX;
    if (n->op->flags & FW_OP_MOVE)
        return i == 0 || concat ? use : 0;
    if (!(g->tensors[n->out[0]].flags & FW_TENSOR_WEIGHT_SIDE))
        return 0;
    uint32_t origin = from[n->out[0]];
    bool alone = (n->op->flags & FW_OP_SUM) || (origin != FROM_MANY && origin != FROM_DATA);
    return use & (alone ? USED_AS_WEIGHT | USED_LOOSELY | USED_AS_TABLE : USED_AS_WEIGHT);
}

/* Sizes are computed before anything runs. Contents that are known because a file holds a small
 * weight are not such sizes. */
static bool is_folded(const struct fw_graph *g, const struct fw_node *n, const uint32_t *from)
{
    if (!(n->flags & FW_NODE_SHAPE) || n->out[0] == FW_NONE)
        return n->flags & FW_NODE_SHAPE;
    uint32_t origin = from[n->out[0]];
    return !may_learn(&g->tensors[n->out[0]]) || origin == FROM_NOTHING || origin == FROM_DATA;
}

static void mark_uses(const struct fw_graph *g, const uint32_t *from, uint8_t *use)
{
    for (uint32_t id = g->n_nodes; id-- > 0;) {
        const struct fw_node *n = &g->nodes[id];
        const struct fw_op *op = n->op;
        if (is_folded(g, n, from))
            continue;
        bool loose = (op->flags & FW_OP_LOOSE_SLOTS) != 0;
        uint8_t slot_use = loose                   ? USED_LOOSELY
                           : op->weight_slots == 1 ? USED_AS_TABLE
                                                   : USED_AS_WEIGHT;
        uint8_t result = n->n_out > 0 && n->out[0] != FW_NONE ? use[n->out[0]] : 0;
        for (unsigned i = 0; i < n->n_in; i++) {
            if (n->in[i] == FW_NONE)
                continue;
            if (takes_weight(n, i, from))
                use[n->in[i]] |= slot_use;
            if (bit(op->buffer_slots, i))
                use[n->in[i]] |= USED_AS_BUFFER;
            if (result != 0)
                use[n->in[i]] |= carried(g, n, i, from, result);
        }
    }
}

/* A Constant node holds what its author wrote down: in Add or Mul a grid, anchors, a mean. In a
 * slot of weights it is one, unless all its elements are one number: that fills the slot of a layer
 * without weights (torch writes instance normalisation that way). Contents that are not at hand are
 * taken for such a filling where they are a vector. */
static bool is_written_down(struct fw_graph *g, uint32_t id, uint8_t use)
{
    const struct fw_tensor *t = &g->tensors[id];
    if (!(t->flags & FW_TENSOR_FROM_NODE))
        return false;
    uint32_t n = 0;
    const fw_dim *v = fw_tensor_value(g, id, &n);
    t = &g->tensors[id];
    if (!(use & (USED_AS_WEIGHT | USED_AS_TABLE)))
        return true;
    if (v == NULL)
        return t->rank == 1 && (t->data == NULL || t->data->bytes == NULL);
    for (uint32_t k = 1; k < n; k++)
        if (!fw_dim_eq(v[0], v[k]))
            return false;
    return true;
}

static enum fw_kind role(struct fw_graph *g, uint32_t id, uint8_t use)
{
    const struct fw_tensor *t = &g->tensors[id];
    if ((use & USED_AS_BUFFER) && !(use & USED_AS_WEIGHT))
        return FW_KIND_BUFFER;
    bool quantised_bias = t->dtype == FW_I32 && (use & USED_AS_WEIGHT);
    if (!(may_learn(t) || quantised_bias) || t->rank == 0 || (use & ~USED_AS_BUFFER) == 0)
        return FW_KIND_CONSTANT;
    return is_written_down(g, id, use) ? FW_KIND_CONSTANT : FW_KIND_PARAM;
}

/* Gives the uses of the tensors, (n_tensors + 1), to be freed; NULL after an error. */
static enum fw_status classify(struct fw_graph *g, uint8_t **ret_use, struct fw_error *err);

/* A body's captured tensors are stored outside: the uses found inside are carried out to them. */
static enum fw_status classify_bodies(struct fw_graph *g, uint8_t *use, struct fw_error *err)
{
    for (uint32_t id = 0; fw_graph_may_hold_bodies(g) && id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        for (unsigned a = 0; a < n->op->n_attrs; a++) {
            struct fw_graph *body = fw_node_body(n, a);
            if (body == NULL)
                continue;
            uint8_t *inner = NULL;
            enum fw_status status = classify(body, &inner, err);
            for (uint32_t k = body->n_formal; status == FW_OK && k < body->n_inputs; k++) {
                uint32_t port = body->capture_in[k - body->n_formal];
                if (port < n->n_in && n->in[port] != FW_NONE)
                    use[n->in[port]] |= inner[body->inputs[k]];
            }
            fw_mem_resize(g->alloc, inner, inner == NULL ? 0 : body->n_tensors + 1u, 0);
            if (status != FW_OK)
                return status;
        }
    }
    return FW_OK;
}

/* What is computed from a parameter changes in training, whether or not its contents are known. */
static void unfold(struct fw_graph *g, uint8_t *live)
{
    for (uint32_t id = 0; id < g->n_tensors; id++)
        live[id] = g->tensors[id].kind == FW_KIND_PARAM;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        struct fw_node *n = &g->nodes[id];
        bool any = false;
        for (unsigned i = 0; i < n->n_in && !any; i++)
            any = n->in[i] != FW_NONE && !bit(n->op->shape_only, i) && live[n->in[i]];
        if (!any || !(n->flags & FW_NODE_SHAPE))
            continue;
        n->flags &= (uint8_t)~FW_NODE_SHAPE;
        for (unsigned i = 0; i < n->n_out; i++)
            if (n->out[i] != FW_NONE)
                live[n->out[i]] = 1;
    }
}

static enum fw_status classify(struct fw_graph *g, uint8_t **ret_use, struct fw_error *err)
{
    size_t n = g->n_tensors + (size_t)1;
    uint8_t *use = fw_mem_resize(g->alloc, NULL, 0, n);
    uint32_t *from = fw_mem_resize(g->alloc, NULL, 0, n * sizeof *from);
    *ret_use = use;
    enum fw_status status = FW_OK;
    if (use == NULL || from == NULL)
        status = fw_fail_memory(err);
    if (status == FW_OK) {
        memset(use, 0, n);
        status = classify_bodies(g, use, err);
        find_origins(g, from);
        mark_uses(g, from, use);
        for (uint32_t id = 0; id < g->n_tensors; id++)
            if (g->tensors[id].kind == FW_KIND_INITIALIZER)
                g->tensors[id].kind = (uint8_t)role(g, id, use[id]);
    }
    if (status == FW_OK)
        unfold(g, (uint8_t *)from);
    fw_mem_resize(g->alloc, from, from == NULL ? 0 : n * sizeof *from, 0);
    if (status != FW_OK) {
        fw_mem_resize(g->alloc, use, use == NULL ? 0 : n, 0);
        *ret_use = NULL;
    }
    return status;
}

enum fw_status fw_classify(struct fw_graph *g, struct fw_error *err)
{
    uint8_t *use = NULL;
    enum fw_status status = classify(g, &use, err);
    fw_mem_resize(g->alloc, use, use == NULL ? 0 : g->n_tensors + 1u, 0);
    return status;
}

uint32_t fw_freeze(struct fw_graph *g, const char *pattern)
{
    uint32_t n = 0;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *node = &g->nodes[id];
        bool layer = node->name != NULL && fw_glob(pattern, node->name);
        for (unsigned i = 0; i < node->n_in; i++) {
            if (node->in[i] == FW_NONE)
                continue;
            struct fw_tensor *t = &g->tensors[node->in[i]];
            if (t->kind != FW_KIND_PARAM || (t->flags & FW_TENSOR_FROZEN))
                continue;
            if (layer || (t->name != NULL && fw_glob(pattern, t->name))) {
                t->flags |= FW_TENSOR_FROZEN;
                n++;
            }
        }
    }
    for (struct fw_graph *b = g->bodies; b != NULL; b = b->next_body)
        n += fw_freeze(b, pattern);
    return n;
}

uint32_t fw_stored_at(const struct fw_graph *g, uint32_t tensor)
{
    uint32_t t = tensor;
    while (t != FW_NONE && g->tensors[t].producer != FW_NONE) {
        const struct fw_node *n = &g->nodes[g->tensors[t].producer];
        if (!(n->op->flags & (FW_OP_VIEW | FW_OP_MOVE)) || n->n_in == 0)
            return FW_NONE;
        t = n->in[0];
    }
    return t;
}
