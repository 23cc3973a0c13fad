#include "engine/draw.h"

#include <math.h>

/* The fewest rows of a table that an integer tensor is looked up in; 0: it is not. */
static uint64_t rows_of_table(const struct fw_graph *g, uint32_t tensor)
{
    uint64_t least = 0;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        const struct fw_tensor *table = n->n_in > 1 ? fw_tensor_at(g, n->in[0]) : NULL;
        if (n->op->met == NULL || table == NULL || n->in[1] != tensor || table->rank != 2 ||
            !fw_dim_is_const(table->dims[0]))
            continue;
        uint64_t rows = (uint64_t)table->dims[0].word;
        least = least == 0 || rows < least ? rows : least;
    }
    return least;
}

/* 1 for what a vector multiplies by at the start, 0 for what it adds, from the place where its
 * first reader takes it: the first operand behind the data of a normalisation scales, the first
 * stored statistic is a mean. */
static double start_of(const struct fw_graph *g, uint32_t tensor)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        for (unsigned i = 0; i < g->nodes[id].n_in && i < 32; i++) {
            const struct fw_op *op = g->nodes[id].op;
            if (g->nodes[id].in[i] != tensor)
                continue;
            if (g->tensors[tensor].kind == FW_KIND_BUFFER)
                return (op->buffer_slots >> i & 1u) && (op->buffer_slots & ((1u << i) - 1u)) != 0;
            return i == 1 && (op->flags & (FW_OP_SUM | FW_OP_CONTRACTION)) == 0;
        }
    return 0;
}

struct range {
    double low, high;
};

/* Of what is drawn evenly; false: it is normal. */
static bool range_of(const struct fw_graph *g, uint32_t tensor, enum fw_draw how,
                     const struct fw_buffer *v, struct range *ret)
{
    static const double part_of_fan[FW_N_DRAWS] = {[FW_DRAW_TO_TRAIN] = 1, [FW_DRAW_TO_TEST] = 3};
    uint8_t kind = g->tensors[tensor].kind;
    if (kind == FW_KIND_BUFFER || (kind == FW_KIND_PARAM && v->rank < 2)) {
        double start = how == FW_DRAW_TO_TRAIN ? start_of(g, tensor) : 1;
        double spread = how == FW_DRAW_TO_TRAIN ? 0 : 0.5;
        *ret = (struct range){start - spread, start + spread};
        return true;
    }
    size_t fan_in = v->rank > 1 && v->dims[0] > 0 ? v->n / (size_t)v->dims[0] : 1;
    double width = sqrt(part_of_fan[how] / (double)(fan_in > 0 ? fan_in : 1));
    *ret = (struct range){-width, width};
    return kind == FW_KIND_PARAM;
}

static void draw_reals(const struct fw_graph *g, uint32_t tensor, enum fw_draw how,
                       uint64_t *random, struct fw_buffer *v)
{
    struct fw_buffer parts = *v;
    struct range range;
    bool evenly = range_of(g, tensor, how, v, &range);
    if (fw_dtypes[v->dtype].class == 'c') {
        parts.dtype = FW_F64;
        parts.n = 2 * v->n;
    }
    for (size_t i = 0; i < parts.n; i++)
        fw_buffer_put(&parts, i,
                      !evenly ? fw_random_normal(random)
                      : range.low < range.high
                          ? range.low + (range.high - range.low) * fw_random_unit(random)
                          : range.low);
}

/* Integers below the rows of a table, or 0 and 1. The positions that a network is built with count
 * up. */
static void draw_integers(const struct fw_graph *g, uint32_t tensor, uint64_t *random,
                          struct fw_buffer *v)
{
    uint64_t rows = fw_dtypes[v->dtype].class == 'b' ? 0 : rows_of_table(g, tensor);
    bool counts_up = g->tensors[tensor].kind == FW_KIND_CONSTANT && v->rank > 0 &&
                     v->n == (size_t)v->dims[v->rank - 1];
    for (size_t i = 0; i < v->n; i++)
        fw_buffer_put_int(v, i,
                          counts_up ? (int64_t)(rows > 0 ? i % rows : i)
                                    : (int64_t)(fw_random(random) % (rows > 0 ? rows : 2)));
}

void fw_draw(const struct fw_graph *g, uint32_t tensor, enum fw_draw how, uint64_t *random,
             struct fw_buffer *v)
{
    char class = fw_dtypes[v->dtype].class;
    if (class == 'f' || class == 'c')
        draw_reals(g, tensor, how, random, v);
    else
        draw_integers(g, tensor, random, v);
}
