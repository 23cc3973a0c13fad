/* What is done along with what: results that come out of another node's kernel, and pointwise steps
 * that share one way through memory. */
#include "engine/engine_impl.h"

/* ---- nodes whose results another kernel gives ---- */

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

/* ---- pointwise steps in a row ---- */

struct bytes {
    struct fw_address at;
    uint64_t n;
};

static struct bytes bytes_at(const struct fw_call *call, unsigned port)
{
    const struct fw_buffer *v = call->in[port]; // outputs follow
    size_t each = fw_element_bytes((enum fw_dtype)v->dtype, v->real);
    return (struct bytes){call->at[port], v->n * each};
}

static bool is_written(const struct fw_engine *e, const struct fw_call *call, unsigned port)
{
    const struct fw_node *n = &e->g->nodes[call->node];
    return port >= n->n_in || n->phase == FW_PHASE_UPDATE;
}

/* Whether a piece of b can be computed as soon as the same piece of a is there: what one of them
 * writes is for the other one the same tensor, or none of its. */
static bool piecewise(const struct fw_engine *e, const struct fw_call *a, const struct fw_call *b)
{
    for (unsigned i = 0; i < a->ports; i++)
        for (unsigned k = 0; k < b->ports; k++) {
            if (a->in[i] == NULL || b->in[k] == NULL ||
                !(is_written(e, a, i) || is_written(e, b, k)))
                continue;
            struct bytes x = bytes_at(a, i), y = bytes_at(b, k);
            bool apart = x.at.block != y.at.block || x.at.offset + x.n <= y.at.offset ||
                         y.at.offset + y.n <= x.at.offset;
            if (!apart && (x.at.offset != y.at.offset || x.n != y.n))
                return false;
        }
    return true;
}

static bool is_long(const struct fw_engine *e, const struct fw_step *s)
{
    return s->call != NULL && s->call->pointwise && s->call->ports <= FW_PIECE_PORTS &&
           fw_engine_length(e, s->call) >= FW_WORTH_SHARING;
}

void fw_engine_chain(struct fw_engine *e)
{
    for (uint32_t i = 0; i < e->n_steps; i += 1u + e->steps[i].chain) {
        struct fw_step *first = &e->steps[i];
        for (uint32_t k = i + 1; is_long(e, first) && k < e->n_steps && k - i < FW_MAX_CHAIN; k++) {
            const struct fw_step *next = &e->steps[k];
            bool fits = is_long(e, next) &&
                        fw_engine_length(e, next->call) == fw_engine_length(e, first->call);
            for (uint32_t j = i; j < k && fits; j++)
                fits = piecewise(e, e->steps[j].call, next->call);
            if (!fits)
                break;
            first->chain++;
            e->n_chained++;
        }
    }
}
