/* Shape inference; see infer.h. */
#include "ops/infer.h"

#include <inttypes.h>

static enum fw_status check_arity(const struct fw_node *n, struct fw_error *err)
{
    const struct fw_op *op = n->op;
    FW_REQUIRE(n->n_in >= op->min_in && n->n_in <= op->max_in, err, FW_FORMAT,
               "%u to %u inputs are wanted, found %u", op->min_in, op->max_in, n->n_in);
    FW_REQUIRE(n->n_out >= op->min_out && n->n_out <= op->max_out, err, FW_FORMAT,
               "%u to %u outputs are wanted, found %u", op->min_out, op->max_out, n->n_out);
    for (unsigned i = 0; i < op->min_in; i++)
        FW_REQUIRE(n->in[i] != FW_NONE || (op->flags & FW_OP_GAP), err, FW_FORMAT,
                   "input %u is wanted, it is left out", i);
    return FW_OK;
}

static enum fw_status check_kinds(const struct fw_graph *g, const struct fw_node *n,
                                  struct fw_error *err)
{
    if (n->op->flags & (FW_OP_OPEN_OK | FW_OP_INTERNAL | FW_OP_GAP))
        return FW_OK;
    for (unsigned i = 0; i < n->n_in; i++)
        FW_REQUIRE(n->in[i] == FW_NONE || !(g->tensors[n->in[i]].flags & FW_TENSOR_OPEN), err,
                   FW_SHAPE, "input %u: a tensor is wanted, it is a sequence, map or optional", i);
    return FW_OK;
}

/* What is known of a node before its row is asked: do all inputs have a shape, and does anything
 * come from outside? */
struct inputs_seen {
    bool shapes_known;
    bool weight_side;
};

static struct inputs_seen look_at_inputs(const struct fw_graph *g, const struct fw_node *n)
{
    struct inputs_seen seen = {true, true};
    for (unsigned i = 0; i < n->n_in; i++) {
        if (n->in[i] == FW_NONE)
            continue;
        const struct fw_tensor *t = &g->tensors[n->in[i]];
        if (t->rank == FW_RANK_UNKNOWN)
            seen.shapes_known = false;
        if (!(t->flags & FW_TENSOR_WEIGHT_SIDE))
            seen.weight_side = false;
    }
    return seen;
}

/* Marks the node and its outputs from what inference found. */
static void mark(struct fw_graph *g, uint32_t id, struct inputs_seen seen)
{
    struct fw_node *n = &g->nodes[id];
    bool all_known = n->n_out > 0;
    bool gap = (n->op->flags & FW_OP_GAP) != 0;
    for (unsigned i = 0; i < n->n_out; i++) {
        if (n->out[i] == FW_NONE)
            continue;
        struct fw_tensor *t = &g->tensors[n->out[i]];
        if (t->value == NULL)
            all_known = false;
        if (t->rank == FW_RANK_UNKNOWN && !(t->flags & FW_TENSOR_OPEN))
            gap = true;
        if (seen.weight_side)
            t->flags |= FW_TENSOR_WEIGHT_SIDE;
    }
    if (!seen.shapes_known && !(n->op->flags & FW_OP_UNKNOWN_OK))
        gap = true;
    bool after = gap && !seen.shapes_known && !(n->op->flags & FW_OP_GAP);
    n->flags &= FW_NODE_FURTHER;
    n->flags |= (uint8_t)(all_known ? FW_NODE_SHAPE
                                    : (gap ? FW_NODE_GAP : 0) | (after ? FW_NODE_AFTER_GAP : 0));
}

enum fw_status fw_infer_node_with(struct fw_graph *g, uint32_t id, const struct fw_hooks *hooks,
                                  struct fw_error *err)
{
    struct inputs_seen seen = look_at_inputs(g, &g->nodes[id]);
    enum fw_status status = check_arity(&g->nodes[id], err);
    if (status == FW_OK)
        status = check_kinds(g, &g->nodes[id], err);
    if (status == FW_OK && (seen.shapes_known || (g->nodes[id].op->flags & FW_OP_UNKNOWN_OK))) {
        struct fw_cx c = {.g = g, .sym = g->sym, .node = &g->nodes[id], .hooks = hooks, .err = err};
        status = g->nodes[id].op->infer(&c);
    }
    if (status != FW_OK) {
        fw_error_at_node(err, g, id);
        return status;
    }
    mark(g, id, seen);
    return FW_OK;
}

static bool is_stored(const struct fw_tensor *t)
{
    return t->kind == FW_KIND_INITIALIZER || t->kind == FW_KIND_PARAM ||
           t->kind == FW_KIND_BUFFER || t->kind == FW_KIND_CONSTANT;
}

enum fw_status fw_infer_with(struct fw_graph *g, const struct fw_hooks *hooks, struct fw_error *err)
{
    for (uint32_t id = 0; id < g->n_tensors; id++)
        if (is_stored(&g->tensors[id]))
            g->tensors[id].flags |= FW_TENSOR_WEIGHT_SIDE;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        FW_TRY(fw_in_time(g->alloc, id, err));
        FW_TRY(fw_infer_node_with(g, id, hooks, err));
    }
    return FW_OK;
}
