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
        e->along[node] = id;
    }
}

/* Whether all that read a tensor are among these two. */
static bool only_read_by(const struct fw_graph *g, uint32_t tensor, uint32_t a, uint32_t b)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        for (unsigned i = 0; i < g->nodes[id].n_in; i++)
            if (g->nodes[id].in[i] == tensor && id != a && id != b)
                return false;
    return true;
}

static bool in_place(const struct fw_engine *e, uint32_t a, uint32_t b)
{
    uint32_t root = e->places->at[a].root;
    return root != FW_NONE && root == e->places->at[b].root && e->held[a].there;
}

static void join_relu(struct fw_engine *e, uint32_t node, uint32_t relu)
{
    e->by[relu] = node;
    e->along[node] = relu;
    e->fast[node].relu = true;
}

/* max(0, x) of what a kernel gives, and of nothing else, where it was planned in its place. */
static void join_relu_after(struct fw_engine *e, uint32_t node)
{
    const struct fw_graph *g = e->g;
    uint32_t y = g->nodes[node].out[0];
    for (uint32_t id = node + 1; id < g->n_nodes && id < node + 4; id++)
        if (e->fast[id].kind == FW_FAST_POINTWISE && e->fast[id].relu && g->nodes[id].n_in == 1 &&
            g->nodes[id].in[0] == y && only_read_by(g, y, id, id) &&
            in_place(e, y, g->nodes[id].out[0]))
            join_relu(e, node, id);
}

/* On the way back its gradient stands before that of the normalisation, which has kept the signs.
 */
static void join_relu_before(struct fw_engine *e, uint32_t norm)
{
    const struct fw_graph *g = e->g;
    const struct fw_node *n = &g->nodes[norm];
    uint32_t id = g->tensors[n->in[0]].producer, sums = g->tensors[n->in[5]].producer;
    uint32_t after = n->layer < g->n_nodes ? e->along[n->layer] : FW_NONE;
    if (id == FW_NONE || after == FW_NONE || !e->fast[n->layer].relu ||
        e->fast[id].kind != FW_FAST_POINTWISE || !e->fast[id].relu || g->nodes[id].n_in != 2)
        return;
    const struct fw_node *relu = &g->nodes[id];
    if (relu->in[1] == g->nodes[after].out[0] && only_read_by(g, relu->out[0], norm, sums) &&
        in_place(e, relu->in[0], relu->out[0]))
        join_relu(e, norm, id);
}

void fw_engine_join(struct fw_engine *e)
{
    for (uint32_t id = 0; id < e->g->n_nodes; id++) {
        if (e->fast[id].kind == FW_FAST_NORM_DX)
            join_sums(e, id);
        if (e->fast[id].kind == FW_FAST_CONV_DW)
            join_bias(e, id);
        if (e->o.apart)
            continue;
        if (e->fast[id].kind == FW_FAST_CONV || e->fast[id].kind == FW_FAST_PRODUCT ||
            e->fast[id].kind == FW_FAST_NORM || e->fast[id].kind == FW_FAST_NORM_GIVEN)
            join_relu_after(e, id);
        if (e->fast[id].kind == FW_FAST_NORM_DX)
            join_relu_before(e, id);
    }
}
