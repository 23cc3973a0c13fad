/* Adding up the costs of nodes; see cost.h. */
#include "passes/cost.h"

#include "base/sum.h"
#include "passes/infer.h"

#include <string.h>

void fw_cost_clear(struct fw_cost *cost)
{
    memset(cost, 0, sizeof *cost); // a constant 0 is all zero bits
}

void fw_cost_accumulate(struct fw_symbols *sym, struct fw_cost *sum, const struct fw_cost *more)
{
    for (unsigned k = 0; k < FW_N_COSTS; k++)
        if (more->n[k].word != 0)
            sum->n[k] = fw_count_add(sym, sum->n[k], more->n[k]);
}

fw_count fw_cost_mac(const struct fw_cost *cost)
{
    return cost->n[FW_FMA];
}

fw_count fw_cost_matmul_flop(struct fw_symbols *sym, const struct fw_cost *c)
{
    return fw_count_mul(sym, c->n[FW_FMA], fw_count_int(2));
}

fw_count fw_cost_flop(struct fw_symbols *sym, const struct fw_cost *cost)
{
    fw_count sum = fw_cost_matmul_flop(sym, cost);
    for (unsigned k = FW_FMA + 1; k < FW_N_CLASSES; k++)
        sum = fw_count_add(sym, sum, cost->n[k]);
    return sum;
}

static void add_bytes(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_node *n = c->node;
    for (unsigned i = 0; i < n->n_in; i++)
        if (n->in[i] != FW_NONE && !(i < 32 && n->op->shape_only >> i & 1u))
            fw_cost_bytes(c, cost, FW_READ, fw_in(c, i));
    for (unsigned i = 0; i < n->n_out; i++)
        if (n->out[i] != FW_NONE)
            fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, i));
}

bool fw_node_cost(struct fw_graph *g, uint32_t id, const struct fw_precision *precision,
                  struct fw_cost *ret)
{
    fw_cost_clear(ret);
    struct fw_node *n = &g->nodes[id];
    if (n->flags & FW_NODE_SHAPE)
        return true;
    if (n->flags & FW_NODE_GAP)
        return false;
    struct fw_cx c = fw_cx_make(g, n, precision, NULL);
    n->op->cost(&c, ret);
    if (c.gap)
        n->flags |= FW_NODE_BODY_GAP;
    if (!(n->op->flags & (FW_OP_VIEW | FW_OP_OWN_BYTES)))
        add_bytes(&c, ret);
    return !c.gap;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

static enum fw_status note_op(struct fw_graph *g, struct fw_totals *totals,
                              const struct fw_node *node, bool gradient, struct fw_error *err)
{
    const struct fw_op *op = node->op;
    for (uint32_t i = 0; i < totals->n_missing; i++) {
        struct fw_missing *m = &totals->missing[i];
        if (m->gradient == gradient && same_text(m->op, op->name) &&
            same_text(m->domain, op->domain)) {
            m->nodes++;
            return FW_OK;
        }
    }
    uint32_t n = totals->n_missing;
    if ((n & (n - 1)) == 0) { // grows at powers of two
        struct fw_missing *more =
            fw_arena_array(g->arena, n == 0 ? 1 : 2 * (size_t)n, sizeof *more);
        if (more == NULL)
            return fw_fail_memory(err);
        if (n > 0)
            memcpy(more, totals->missing, n * sizeof *more);
        totals->missing = more;
    }
    const char *name = node->name != NULL ? node->name : "";
    totals->missing[totals->n_missing++] =
        (struct fw_missing){op->name, op->domain, 1, name, gradient};
    return FW_OK;
}

/* A node with bodies is not itself a gap: what is missing stands in a body. */
static enum fw_status note_missing(struct fw_graph *g, struct fw_totals *totals,
                                   const struct fw_node *node, struct fw_error *err)
{
    bool inside = false;
    for (unsigned a = 0; a < node->op->n_attrs; a++) {
        const struct fw_graph *body = fw_node_body(node, a);
        for (uint32_t id = 0; body != NULL && id < body->n_nodes; id++) {
            const struct fw_node *n = &body->nodes[id];
            if (!(n->flags & (FW_NODE_GAP | FW_NODE_BODY_GAP)))
                continue;
            inside = true;
            FW_TRY(note_missing(g, totals, n, err));
        }
    }
    return inside ? FW_OK : note_op(g, totals, node, false, err);
}

static void count_stored(struct fw_graph *g, struct fw_totals *totals)
{
    struct fw_symbols *sym = g->sym;
    for (uint32_t id = 0; id < g->n_tensors; id++) {
        const struct fw_tensor *t = &g->tensors[id];
        if (t->kind != FW_KIND_PARAM && t->kind != FW_KIND_BUFFER)
            continue;
        fw_count n = fw_tensor_elements(g, t);
        if (t->kind == FW_KIND_BUFFER) {
            totals->buffers = fw_count_add(sym, totals->buffers, n);
            continue;
        }
        totals->params = fw_count_add(sym, totals->params, n);
        if (!(t->flags & FW_TENSOR_FROZEN) && fw_tensor_can_learn(t))
            totals->trainable_params = fw_count_add(sym, totals->trainable_params, n);
    }
    for (struct fw_graph *b = g->bodies; b != NULL; b = b->next_body)
        if (!b->copy)
            count_stored(b, totals);
}

/* Sums of every phase and class. */
struct sums {
    struct fw_sum of[FW_N_PHASES][FW_N_COSTS];
};

static enum fw_status add_node(struct fw_cost_memo *memo, uint32_t id, struct sums *sums,
                               struct fw_totals *ret, struct fw_error *err)
{
    struct fw_graph *g = memo->g;
    bool complete;
    const struct fw_cost *cost = fw_cost_recall(memo, id, &complete);
    const struct fw_node *n = &g->nodes[id];
    if (!complete) {
        ret->gap_nodes++;
        if (!(n->flags & FW_NODE_AFTER_GAP))
            FW_TRY(note_missing(g, ret, n, err));
    }
    if (n->flags & FW_NODE_GRAD_GAP)
        FW_TRY(note_op(g, ret, n, true, err));
    for (unsigned k = 0; k < FW_N_COSTS; k++) {
        if (cost->n[k].word == 0)
            continue;
        fw_sum_add(&sums->of[n->phase][k], cost->n[k], 1);
        if (sums->of[n->phase][k].bad) {
            (void)fw_symbols_fail(g->sym, "the count", err);
            fw_error_at_node(err, g, id);
            return FW_LIMIT;
        }
    }
    return FW_OK;
}

enum fw_status fw_total_cost(struct fw_graph *g, const struct fw_precision *precision,
                             struct fw_totals *ret, struct fw_error *err)
{
    struct sums sums;
    memset(ret, 0, sizeof *ret);
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            fw_sum_init(&sums.of[p][k], g->alloc, g->sym);
    struct fw_cost_memo memo;
    struct fw_arena scratch;
    fw_arena_init(&scratch, g->alloc);
    fw_cost_memo_init(&memo, g, precision, &scratch);
    enum fw_status status = FW_OK;
    for (uint32_t id = 0; id < g->n_nodes && status == FW_OK; id++) {
        status = fw_in_time(g->alloc, id, err);
        if (status == FW_OK)
            status = add_node(&memo, id, &sums, ret, err);
    }
    fw_arena_clear(&scratch);
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++) {
            ret->phase[p].n[k] = fw_sum_value(&sums.of[p][k]);
            fw_sum_free(&sums.of[p][k]);
        }
    count_stored(g, ret);
    return status;
}
