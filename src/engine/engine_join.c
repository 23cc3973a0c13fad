/* Nodes whose results come out of another node's kernel. */
#include "engine/engine_impl.h"

/* Whether a node between two others reads one of a node's outputs. */
static bool read_between(const struct fw_graph *g, uint32_t maker, uint32_t end)
{
    for (uint32_t id = maker + 1; id < end; id++)
        for (unsigned i = 0; i < g->nodes[id].n_in; i++)
            for (unsigned k = 0; k < g->nodes[maker].n_out; k++)
                if (g->nodes[id].in[i] == g->nodes[maker].out[k] && g->nodes[id].in[i] != FW_NONE)
                    return true;
    return false;
}

/* The sums of a normalisation's gradient come out along with the gradient of its input. */
static void join_sums(struct fw_engine *e, uint32_t node)
{
    uint32_t s1 = e->g->nodes[node].in[5], sums = e->g->tensors[s1].producer;
    bool alone = sums != FW_NONE && e->fast[sums].kind == FW_FAST_NORM_SUMS &&
                 !read_between(e->g, sums, node);
    if (alone)
        e->by[sums] = node;
    else
        e->fast[node].kind = FW_N_FASTS;
}

/* The gradient of a convolution's bias comes out along with that of its weight. */
static void join_bias(struct fw_engine *e, uint32_t node)
{
    const struct fw_node *n = &e->g->nodes[node];
    for (uint32_t id = node + 1; id < e->g->n_nodes && id < node + 4; id++) {
        const struct fw_node *sum = &e->g->nodes[id];
        if (e->fast[id].kind != FW_FAST_CHANNEL_SUM || sum->in[0] != n->in[0] ||
            e->held[sum->out[0]].at.block != FW_BLOCK_FIXED || !e->held[sum->out[0]].there)
            continue;
        e->by[id] = node;
        e->fast[node].bias_after = (uint8_t)(id - node);
    }
}

void fw_engine_join(struct fw_engine *e)
{
    for (uint32_t id = 0; id < e->g->n_nodes; id++) {
        if (e->fast[id].kind == FW_FAST_NORM_DX)
            join_sums(e, id);
        if (e->fast[id].kind == FW_FAST_CONV_DW)
            join_bias(e, id);
    }
}
