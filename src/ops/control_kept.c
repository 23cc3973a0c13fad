/* What the gradient of a loop needs of the forward run: the tensors of each turn that its body's
 * gradient reads. They become outputs of the forward node, stacked over the turns, and inputs of
 * the gradient nodes, so that the memory pass sees them as it sees any tensor.
 *
 * Not kept are stored tensors and what is made from them alone, slices of the node's own inputs and
 * what is captured: they are there anyway. Of a carried value that is needed as a turn finds it and
 * as a turn leaves it only the latter is kept: the next turn finds what this one leaves, and what
 * the first one finds is the node's input. */
#include "ops/control.h"

#include <string.h>

struct keeping {
    struct fw_grad *gr;
    const struct fw_branches *b;
    struct fw_graph *body, *back;
    bool *need; // (tensors of the body)
};

/* The tensor whose storage t is under another shape. */
static uint32_t root_of(const struct fw_graph *g, uint32_t t)
{
    while (g->tensors[t].producer != FW_NONE) {
        const struct fw_node *n = &g->nodes[g->tensors[t].producer];
        if (!(n->op->flags & FW_OP_VIEW) || n->in[0] == FW_NONE || n->out[0] != t)
            break;
        t = n->in[0];
    }
    return t;
}

/* Marks what the backward nodes read. False: they read what is not of the body (a loop inside). */
static bool mark(struct keeping *k)
{
    bool known = true;
    const struct fw_graph *g = k->back;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        for (unsigned i = 0; n->phase != FW_PHASE_FORWARD && i < n->n_in; i++) {
            uint32_t t = n->in[i];
            if (t == FW_NONE || (i < 32 && n->op->shape_only >> i & 1u))
                continue;
            if (t < k->body->n_tensors) {
                k->need[root_of(g, t)] = true;
                continue;
            }
            uint32_t p = g->tensors[t].producer;
            known &= p == FW_NONE || g->nodes[p].phase != FW_PHASE_FORWARD;
        }
    }
    return known;
}

static bool is_carried(const struct keeping *k, uint32_t t)
{
    for (uint32_t s = 0; s < k->b->n_state; s++)
        if (k->body->inputs[k->b->first_state + s] == t)
            return true;
    return false;
}

/* Is it of one turn alone? */
static bool is_of_a_turn(const struct keeping *k, uint32_t t)
{
    const struct fw_tensor *x = &k->body->tensors[t];
    bool made = x->producer != FW_NONE && !(x->flags & FW_TENSOR_WEIGHT_SIDE);
    return x->value == NULL && (made || is_carried(k, t));
}

/* The outer tensor of all turns' values of t. */
static enum fw_status stack(struct keeping *k, uint32_t t, uint32_t *ret)
{
    struct fw_graph *g = k->gr->cx.g;
    const struct fw_tensor x = k->body->tensors[t];
    fw_dim dims[FW_MAX_RANK] = {k->body->trips};
    if (x.rank > 0)
        memcpy(dims + 1, x.dims, x.rank * sizeof *dims);
    FW_TRY(fw_graph_tensor(g, x.name, FW_KIND_ACTIVATION, (enum fw_dtype)x.dtype,
                           (uint8_t)(x.rank + 1), dims, ret, k->gr->cx.err));
    g->tensors[*ret].producer = k->gr->node_id;
    return FW_OK;
}

/* Appends tensors to a list in the arena. */
static enum fw_status append(struct keeping *k, const uint32_t **list, uint32_t n,
                             const uint32_t *more, uint32_t n_more)
{
    uint32_t *copy = fw_arena_array(k->gr->cx.g->arena, (size_t)n + n_more, sizeof *copy);
    if (copy == NULL)
        return fw_fail_memory(k->gr->cx.err);
    if (n > 0)
        memcpy(copy, *list, n * sizeof *copy);
    memcpy(copy + n, more, n_more * sizeof *copy);
    *list = copy;
    return FW_OK;
}

static enum fw_status keep(struct keeping *k, uint32_t *ret, uint32_t *ret_n)
{
    uint32_t n = 0;
    struct fw_graph *body = k->body;
    uint32_t *inside = fw_arena_array(body->arena, body->n_tensors + 1u, sizeof *inside);
    if (inside == NULL)
        return fw_fail_memory(k->gr->cx.err);
    for (uint32_t t = 0; t < body->n_tensors; t++) {
        if (!k->need[t] || !is_of_a_turn(k, t))
            continue;
        if (body->tensors[t].rank >= FW_MAX_RANK) { // not known, or one axis too many
            k->back->turns.kept = false;
            continue;
        }
        inside[n] = t;
        FW_TRY(stack(k, t, &ret[n++]));
    }
    *ret_n = n;
    if (n == 0)
        return FW_OK;
    struct fw_node *node = &k->gr->cx.g->nodes[k->gr->node_id];
    FW_WITHIN(k->gr->cx.g->arena->alloc, FW_MOST_ports, node->n_out + n, -1, k->gr->cx.err);
    FW_TRY(append(k, &body->outputs, body->n_outputs, inside, n));
    body->n_outputs += n;
    FW_TRY(append(k, &node->out, node->n_out, ret, n));
    node->n_out = (uint16_t)(node->n_out + n);
    return FW_OK;
}

/* Which inputs of the node the gradient does not read: those that are as a turn finds them. */
static void drop_inputs(struct keeping *k, uint32_t *in)
{
    for (uint32_t s = 0; s < k->b->n_state; s++) {
        uint32_t port = k->b->first_state + s;
        uint32_t found = k->body->inputs[port];
        uint32_t left = root_of(k->body, k->body->outputs[k->b->first_out + s]);
        if (k->need[found] && left != found && k->need[left])
            k->need[found] = false; // kept as it is left; the first is the node's input
        else
            in[port] = FW_NONE;
    }
    for (uint32_t i = k->body->n_formal; i < k->body->n_inputs; i++)
        if (!k->need[k->body->inputs[i]])
            in[k->body->capture_in[i - k->body->n_formal]] = FW_NONE;
}

enum fw_status fw_keep_turns(struct fw_grad *gr, const struct fw_branches *b, struct fw_graph *back,
                             uint32_t *in, uint32_t **ret, uint32_t *ret_n)
{
    struct keeping k = {.gr = gr, .b = b, .body = b->body[0], .back = back};
    *ret_n = 0;
    k.need = fw_arena_zalloc(gr->cx.g->arena, k.body->n_tensors + 1u);
    *ret = fw_arena_array(gr->cx.g->arena, k.body->n_tensors + 1u, sizeof **ret);
    if (k.need == NULL || *ret == NULL)
        return fw_fail_memory(gr->cx.err);
    if (!mark(&k))
        return FW_OK;
    drop_inputs(&k, in);
    back->turns.kept = true;
    return keep(&k, *ret, ret_n);
}
