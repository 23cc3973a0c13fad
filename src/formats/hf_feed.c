/* Feed-forward layers: plain, gated, and mixtures of experts; see hf_arch.h. */
#include "formats/hf_arch.h"

#include <string.h>

int hf_gate(struct hf_arch *a, int both, int64_t width)
{
    int64_t halves[2] = {width, width};
    int parts = fw_split(a->b, both, fw_rank_of(a->b, both) - 1, 2, halves);
    return fw_mul(a->b, hf_act(a, parts, a->act), parts + 1);
}

/* xIELU (arXiv 2411.13010): a square above 0, below it exp(x) - 1 - x, each with a learned factor,
 * and half of x. */
static int xielu(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    static const int64_t one = 1;
    int up = hf_param(a, "mlp.act_fn.alpha_p", NULL, 1, &one);
    int low = hf_param(a, "mlp.act_fn.alpha_n", NULL, 1, &one);
    up = fw_build_plain(b, "Softplus", NULL, &up, 1);
    low = fw_add(b, fw_build_plain(b, "Softplus", NULL, &low, 1), fw_number(b, 0.5));
    int bound[2] = {x, fw_number(b, -1e-6)};
    int e = fw_build_plain(b, "Min", NULL, bound, 2);
    int gone[2] = {fw_add(b, fw_build_plain(b, "Exp", NULL, &e, 1), fw_number(b, -1)), x};
    int above[2] = {x, fw_number(b, 0)};
    int choose[3] = {fw_build_plain(b, "Greater", NULL, above, 2), fw_mul(b, fw_mul(b, x, x), up),
                     fw_mul(b, fw_build_plain(b, "Sub", NULL, gone, 2), low)};
    return fw_add(b, fw_build_plain(b, "Where", NULL, choose, 3), hf_times(a, x, 0.5));
}

static int dense(struct hf_arch *a, int x, int64_t width)
{
    const struct hf_names *n = a->names;
    int y;
    if (a->gated && n->gate_up != NULL) {
        y = hf_gate(a, hf_linear(a, x, n->gate_up, 2 * width, a->feed_bias), width);
    } else {
        y = hf_linear(a, x, a->gated ? n->gate : n->up, width, a->feed_bias);
        y = strcmp(a->act, "xielu") == 0 ? xielu(a, y) : hf_act(a, y, a->act);
        if (a->gated)
            y = fw_mul(a->b, y, hf_linear(a, x, n->up, width, a->feed_bias));
    }
    y = hf_norm(a, y, n->down_norm);
    y = hf_drop(a, y, a->drop_act);
    return hf_linear(a, y, n->down, a->hidden, a->feed_bias);
}

/* ---- experts ---- */

/* What is added to the scores before the choice: a buffer, or a parameter that no gradient trains.
 */
static int correction(struct hf_arch *a)
{
    struct fw_builder *b = a->b;
    int64_t dims[2] = {1, a->experts.n};
    if (a->names->correction == NULL)
        return fw_build_stored(b, fw_build_name(b, "router_correction", ""), FW_KIND_BUFFER, 1,
                               dims + 1);
    bool flat = a->experts.flat;
    int shift = hf_param(a, a->names->correction, NULL, flat ? 1 : 2, dims + flat);
    hf_freeze(a, shift);
    return shift;
}

/* The experts chosen for each token, *ret_weights with (batch, seq, top, 1). */
static int choose(struct hf_arch *a, int x, int *ret_weights)
{
    struct fw_builder *b = a->b;
    const struct hf_experts *e = &a->experts;
    const struct hf_names *n = a->names;
    int p = hf_linear(a, x, n->router, e->n, n->router_bias != NULL);
    p = e->sigmoid ? fw_activation(b, p, "sigmoid") : fw_softmax(b, p, 2);
    int ranked = p;
    if (e->corrected)
        ranked = fw_add(b, p, correction(a));
    struct fw_build_node top = fw_build_node(b, "", "TopK");
    int in[2] = {ranked, fw_sizes(b, 1, &e->top)};
    int best = fw_build_add(&top, fw_build_name(b, "choose", "TopK"), in, 2, 2);
    int w = best;
    if (e->corrected) {
        int at[2] = {p, best + 1};
        struct fw_build_node take = fw_build_node(b, "", "GatherElements");
        fw_build_int(&take, "axis", 2);
        w = fw_build_add(&take, fw_build_name(b, "take", "take"), at, 2, 1);
    }
    int64_t last = 2;
    if (e->normed && e->top > 1) {
        struct fw_build_node sum = fw_build_node(b, "", "ReduceSum");
        int axis[2] = {w, fw_sizes(b, 1, &last)};
        int parts[2] = {w, fw_build_add(&sum, fw_build_name(b, "sum", "sum"), axis, 2, 1)};
        w = fw_build_plain(b, "Div", NULL, parts, 2);
    }
    int64_t dims[4] = {a->batch, fw_size_of(b, x, 1), e->top, 1};
    *ret_weights = fw_reshape(b, w, 4, dims);
    return best + 1;
}

static int expert_linear(struct hf_arch *a, int x, int chosen, const char *name, int64_t in,
                         int64_t out, bool bias)
{
    struct fw_builder *b = a->b;
    int64_t dims[3] = {a->experts.n, in, out};
    int64_t shift[2] = {a->experts.n, out};
    int ports[4] = {x, hf_param(a, name, "weight", 3, dims), chosen,
                    bias ? hf_param(a, name, "bias", 2, shift) : -1};
    struct fw_build_node n = fw_build_node(b, "flopwise", "ExpertMatMul");
    return fw_build_add(&n, fw_build_name(b, name, "experts"), ports, 4, 1);
}

static int shared_expert(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_names *n = a->names;
    int64_t width = a->experts.shared;
    int y;
    if (a->gated && n->shared_gate_up != NULL) {
        y = hf_gate(a, hf_linear(a, x, n->shared_gate_up, 2 * width, a->feed_bias), width);
    } else if (a->gated) {
        y = hf_act(a, hf_linear(a, x, n->shared_gate, width, a->feed_bias), a->act);
        y = fw_mul(b, y, hf_linear(a, x, n->shared_up, width, a->feed_bias));
    } else {
        y = hf_act(a, hf_linear(a, x, n->shared_up, width, a->feed_bias), a->act);
    }
    y = hf_linear(a, y, n->shared_down, a->hidden, a->feed_bias);
    if (n->shared_switch == NULL)
        return y;
    int s = fw_activation(b, hf_linear(a, x, n->shared_switch, 1, false), "sigmoid");
    return fw_mul(b, y, s);
}

static int experts(struct hf_arch *a, int x)
{
    struct fw_builder *b = a->b;
    const struct hf_experts *e = &a->experts;
    const struct hf_names *n = a->names;
    int weights;
    int chosen = choose(a, x, &weights);
    int64_t seq = fw_size_of(b, x, 1);
    int64_t width = e->latent > 0 ? e->latent : a->hidden;
    int h = e->latent > 0 ? hf_linear(a, x, n->latent_in, width, a->feed_bias) : x;
    int64_t one[4] = {a->batch, seq, 1, width};
    int64_t many[4] = {a->batch, seq, e->top, width};
    int copies[2] = {fw_reshape(b, h, 4, one), fw_sizes(b, 4, many)};
    int t = e->top == 1 ? copies[0] : fw_build_plain(b, "Expand", NULL, copies, 2);
    int y;
    if (n->expert_gate_up != NULL) {
        y = hf_gate(a, expert_linear(a, t, chosen, n->expert_gate_up, width, 2 * e->width, e->bias),
                    e->width);
    } else {
        y = expert_linear(a, t, chosen, a->gated ? n->expert_gate : n->expert_up, width, e->width,
                          e->bias);
        y = hf_act(a, y, a->act);
        if (a->gated)
            y = fw_mul(b, y, expert_linear(a, t, chosen, n->expert_up, width, e->width, e->bias));
    }
    y = expert_linear(a, y, chosen, n->expert_down, e->width, width, e->bias);
    struct fw_build_node sum = fw_build_node(b, "", "ReduceSum");
    fw_build_int(&sum, "keepdims", 0);
    int64_t axis = 2;
    int in[2] = {fw_mul(b, y, weights), fw_sizes(b, 1, &axis)};
    y = fw_build_add(&sum, fw_build_name(b, "combine", "combine"), in, 2, 1);
    if (e->latent > 0)
        y = hf_linear(a, y, n->latent_out, a->hidden, a->feed_bias);
    return e->shared > 0 ? fw_add(b, y, shared_expert(a, x)) : y;
}

int hf_feed(struct hf_arch *a, uint32_t i, int x)
{
    if (a->feed != NULL)
        return a->feed(a, x);
    return a->layer[i].feed == HF_EXPERTS ? experts(a, x) : dense(a, x, a->layer[i].width);
}
