/* What grad slots share: appending nodes and handing gradients over; see op.h. */
#include "ops/op.h"

#include "ops/ops.h"

#include <string.h>

static bool same_attrs(const struct fw_attr *a, const struct fw_attr *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (a[i].i != b[i].i || a[i].n != b[i].n || a[i].given != b[i].given)
            return false;
    return true;
}

/* The attributes of an emitted node, in the arena. NULL = out of memory. */
static const struct fw_attr *keep_attrs(struct fw_grad *gr, const struct fw_op *op,
                                        const struct fw_attr *attr)
{
    unsigned place = (unsigned)((uintptr_t)op / sizeof *op) % FW_N_KEPT_ATTRS;
    struct fw_kept_attrs *kept = gr->kept;
    if (kept != NULL && attr != NULL && kept->op[place] == op &&
        same_attrs(kept->attr[place], attr, op->n_attrs))
        return kept->attr[place];
    struct fw_attr *copy = fw_arena_array(gr->cx.g->arena, op->n_attrs, sizeof *copy);
    if (copy == NULL)
        return NULL;
    for (unsigned i = 0; i < op->n_attrs; i++)
        copy[i] = attr != NULL ? attr[i] : op->attrs[i].value;
    if (kept != NULL) {
        kept->op[place] = op;
        kept->attr[place] = copy;
    }
    return copy;
}

enum fw_status fw_emit_n(struct fw_grad *gr, int input, const struct fw_op *op, const uint32_t *in,
                         unsigned n_in, const struct fw_attr *attr, unsigned n_out, uint32_t *ret)
{
    struct fw_graph *g = gr->cx.g;
    const struct fw_attr *own = NULL;
    if (attr != NULL && attr == gr->cx.node->attr && op->n_attrs <= gr->cx.node->op->n_attrs) {
        own = attr; // the forward node's own
    } else if (op->n_attrs > 0) {
        own = keep_attrs(gr, op, attr);
        if (own == NULL)
            return fw_fail_memory(gr->cx.err);
    }
    bool weight = input >= 0 && gr->cx.node->in[input] != FW_NONE &&
                  (g->tensors[gr->cx.node->in[input]].flags & FW_TENSOR_WEIGHT_SIDE);
    struct fw_node_spec spec = {
        .op = op,
        .in = in,
        .attr = own,
        .n_in = (uint16_t)n_in,
        .n_out = (uint16_t)n_out,
        .phase = weight ? FW_PHASE_BACKWARD_WEIGHT : FW_PHASE_BACKWARD_INPUT,
        .layer = gr->cx.node->layer,
        .at = -1,
    };
    uint32_t first = g->n_tensors;
    uint32_t id;
    FW_TRY(fw_graph_node(g, &spec, &id, gr->cx.err));
    struct fw_node node = g->nodes[id];
    struct fw_cx cx = gr->cx;
    cx.node = &node;
    FW_TRY(op->infer(&cx));
    *ret = first;
    return FW_OK;
}

enum fw_status fw_emit(struct fw_grad *gr, int input, const struct fw_op *op, const uint32_t *in,
                       unsigned n_in, const struct fw_attr *attr, uint32_t *ret)
{
    return fw_emit_n(gr, input, op, in, n_in, attr, 1, ret);
}

static bool same_shape(const struct fw_tensor *a, const struct fw_tensor *b)
{
    return a->rank == b->rank &&
           (a->dims == b->dims || memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0);
}

enum fw_status fw_grad_give(struct fw_grad *gr, unsigned i, uint32_t t)
{
    struct fw_graph *g = gr->cx.g;
    uint32_t to = gr->cx.node->in[i];
    if (!same_shape(&g->tensors[t], &g->tensors[to])) {
        uint32_t in[2] = {t, to};
        FW_TRY(fw_emit(gr, (int)i, fw_op_sum_to, in, 2, NULL, &t));
    }
    gr->dx[i] = t;
    return FW_OK;
}

enum fw_status fw_grad_node(struct fw_grad *gr, unsigned i, const struct fw_op *op,
                            const uint32_t *in, unsigned n_in, const struct fw_attr *attr)
{
    if (!fw_grad_needs(gr, i))
        return FW_OK;
    uint32_t dx;
    FW_TRY(fw_emit(gr, (int)i, op, in, n_in, attr, &dx));
    gr->dx[i] = dx;
    return FW_OK;
}

enum fw_status fw_grad_view(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, fw_op_reshape_like, in, 2, NULL);
}

enum fw_status fw_grad_none(struct fw_grad *gr)
{
    (void)gr;
    return FW_OK;
}

enum fw_status fw_grad_gap(struct fw_grad *gr)
{
    gr->cx.g->nodes[gr->node_id].flags |= FW_NODE_GRAD_GAP;
    return FW_OK;
}

enum fw_status fw_grad_ints(struct fw_grad *gr, const fw_dim *v, uint32_t n, uint32_t *ret)
{
    struct fw_graph *g = gr->cx.g;
    fw_dim dim = fw_dim_int(n);
    FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_CONSTANT, FW_I64, 1, &dim, ret, gr->cx.err));
    fw_dim *copy = fw_arena_copy(g->arena, v, n * sizeof *v);
    if (copy == NULL)
        return fw_fail_memory(gr->cx.err);
    g->tensors[*ret].value = copy;
    return FW_OK;
}
