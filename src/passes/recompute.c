/* Activation recomputation; see recompute.h.
 *
 * First it is decided which forward tensors are dropped. Then the backward nodes are walked in
 * order, and whenever one reads a dropped tensor, the nodes that make it again are put in front of
 * it: its producer, and before that the producers of what that one needs, as far as they were
 * dropped too. Kept tensors at the borders of segments are where this stops. */
#include "passes/recompute.h"

#include "base/glob.h"
#include "ops/op.h"

#include <math.h>
#include <string.h>

enum { DATA = 1, WEIGHTS = 2 };

struct rewrite {
    struct fw_graph *g;
    struct fw_error *err;
    uint32_t n_tensors;  // before rewriting
    uint32_t n_forward;  // nodes before the first of a later phase
    bool *dropped;       // (n_tensors)
    uint32_t *again;     // (n_tensors) the recomputed tensor, or FW_NONE
    uint32_t *crossing;  // (n_forward) tensors alive across the border after each forward node
    uint32_t *stack;     // (n_forward) nodes waiting for their inputs; before: last readers
    uint32_t *segment;   // (n_forward) borders that are kept before each node
    uint8_t *made_of;    // (n_forward) data, weights, both
    struct fw_node *old; // (n_old) the nodes before rewriting
    uint32_t n_old;
};

static bool droppable(const struct fw_node *n)
{
    return n->phase == FW_PHASE_FORWARD && !(n->flags & (FW_NODE_SHAPE | FW_NODE_GAP)) &&
           !(n->op->flags & FW_OP_RANDOM);
}

static void drop_outputs(struct rewrite *w, const struct fw_node *n)
{
    for (unsigned i = 0; i < n->n_out; i++)
        if (n->out[i] != FW_NONE)
            w->dropped[n->out[i]] = true;
}

static uint32_t drop_matching(struct rewrite *w, const char *pattern)
{
    uint32_t n = 0;
    for (uint32_t id = 0; id < w->n_forward; id++) {
        const struct fw_node *node = &w->g->nodes[id];
        if (!droppable(node) || node->name == NULL || !fw_glob(pattern, node->name))
            continue;
        drop_outputs(w, node);
        n++;
    }
    return n;
}

/* What is made of weights alone (turned, shared under another name) or without any (a mask, places)
 * is no checkpoint, however many layers read it. */
static void find_side(struct rewrite *w)
{
    const struct fw_graph *g = w->g;
    for (uint32_t id = 0; id < w->n_forward; id++) {
        const struct fw_node *n = &g->nodes[id];
        w->made_of[id] = 0;
        for (unsigned i = 0; i < n->n_in; i++) {
            if (n->in[i] == FW_NONE || (i < 32 && n->op->shape_only >> i & 1u))
                continue;
            const struct fw_tensor *t = &g->tensors[n->in[i]];
            bool stored = t->kind == FW_KIND_PARAM || t->kind == FW_KIND_BUFFER;
            bool made = t->producer != FW_NONE && t->producer < id;
            w->made_of[id] |= made                       ? w->made_of[t->producer]
                              : stored                   ? WEIGHTS
                              : t->kind == FW_KIND_INPUT ? DATA
                                                         : 0;
        }
    }
}

static bool is_side(const struct rewrite *w, uint32_t id)
{
    return w->made_of[id] != (DATA | WEIGHTS);
}

/* Borders that a single computed tensor crosses, but for those at the side: every later
 * forward node depends on the earlier ones through it alone. crossing[] is first used for the last
 * forward reader of each node. */
static void find_crossings(struct rewrite *w)
{
    const struct fw_graph *g = w->g;
    find_side(w);
    int64_t alive = 0;
    uint32_t *last = w->stack;
    for (uint32_t id = 0; id < w->n_forward; id++)
        last[id] = id;
    for (uint32_t id = 0; id < w->n_forward; id++) {
        const struct fw_node *n = &g->nodes[id];
        for (unsigned i = 0; i < n->n_in && !(n->flags & FW_NODE_SHAPE); i++)
            if (n->in[i] != FW_NONE && g->tensors[n->in[i]].producer != FW_NONE &&
                !(i < 32 && n->op->shape_only >> i & 1u))
                last[g->tensors[n->in[i]].producer] = id;
    }
    memset(w->crossing, 0, w->n_forward * sizeof *w->crossing);
    for (uint32_t id = 0; id < w->n_forward; id++)
        w->crossing[last[id]] += !is_side(w, id); // nodes whose results end here
    for (uint32_t id = 0; id < w->n_forward; id++) {
        alive += !is_side(w, id) - (int64_t)w->crossing[id];
        w->crossing[id] = (uint32_t)alive;
    }
}

/* What follows the last kept border is kept as well: the backward pass needs it at once. */
static void drop_all_but_borders(struct rewrite *w)
{
    find_crossings(w);
    uint32_t borders = 0;
    for (uint32_t id = 0; id < w->n_forward; id++)
        borders += w->crossing[id] == 1;
    uint32_t every = borders > 0 ? (uint32_t)ceil(sqrt((double)borders)) : 1;
    uint32_t last = 0; // node after which the last kept border lies
    uint32_t k = 0;
    for (uint32_t id = 0; id < w->n_forward; id++)
        if (w->crossing[id] == 1 && ++k % every == 0)
            last = id;
    k = 0;
    for (uint32_t id = 0; id < w->n_forward; id++) {
        w->segment[id] = k / every;
        k += w->crossing[id] == 1;
    }
    k = 0;
    for (uint32_t id = 0; id < last; id++) {
        bool kept = w->crossing[id] == 1 && ++k % every == 0;
        kept |=
            is_side(w, id) && w->segment[id] != w->segment[w->stack[id]]; // read beyond a border
        if (!kept && droppable(&w->g->nodes[id]))
            drop_outputs(w, &w->g->nodes[id]);
    }
}

/* Length of a name up to the first number that is a part of it: "model.layers.7." */
static size_t layer_of(const char *name)
{
    for (const char *p = name; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, "./");
        if (n > 0 && strspn(p, "0123456789") == n)
            return (size_t)(p - name) + n;
        p += n + (p[n] != '\0');
    }
    return 0;
}

static bool same_layer(const struct fw_node *a, const struct fw_node *b)
{
    size_t n = a->name != NULL ? layer_of(a->name) : 0;
    size_t m = b->name != NULL ? layer_of(b->name) : 0;
    return n == m && (n == 0 || memcmp(a->name, b->name, n) == 0);
}

/* Of numbered layers only what each hands on is kept; outside them everything. Random numbers are
 * drawn again from the same state. */
static void drop_all_but_layers(struct rewrite *w)
{
    find_crossings(w);
    for (uint32_t id = 0; id + 1 < w->n_forward; id++) {
        const struct fw_node *n = &w->g->nodes[id];
        bool border = w->crossing[id] == 1 && !same_layer(n, n + 1);
        bool plain = !(n->flags & (FW_NODE_SHAPE | FW_NODE_GAP));
        if (is_side(w, id) && !same_layer(n, &w->g->nodes[w->stack[id]]))
            continue;
        if (!border && plain && n->name != NULL && layer_of(n->name) > 0)
            drop_outputs(w, n);
    }
}

/* What attention makes on its way, but not what it gives. */
static uint32_t drop_attention(struct rewrite *w)
{
    uint32_t n = 0;
    for (uint32_t id = 0; id < w->n_forward; id++)
        if (w->g->nodes[id].op->needed != NULL && droppable(&w->g->nodes[id])) {
            for (unsigned i = 1; i < w->g->nodes[id].n_out; i++)
                if (w->g->nodes[id].out[i] != FW_NONE)
                    w->dropped[w->g->nodes[id].out[i]] = true;
            n++;
        }
    return n;
}

/* ---- rewriting ---- */

/* The first input of a node whose recomputation is still missing, as the node that makes it. */
static uint32_t missing_producer(const struct rewrite *w, const struct fw_node *n)
{
    for (unsigned i = 0; i < n->n_in; i++) {
        uint32_t t = n->in[i];
        if (t == FW_NONE || t >= w->n_tensors || !w->dropped[t] || w->again[t] != FW_NONE)
            continue;
        if (!(i < 32 && n->op->shape_only >> i & 1u))
            return w->g->tensors[t].producer;
    }
    return FW_NONE;
}

/* The node's ports with dropped tensors replaced by the recomputed ones. */
static void renamed(struct rewrite *w, const struct fw_node *n, uint32_t *ports)
{
    for (unsigned i = 0; i < n->n_in; i++) {
        uint32_t t = n->in[i];
        bool replace = t != FW_NONE && t < w->n_tensors && w->dropped[t] && w->again[t] != FW_NONE;
        ports[i] = replace ? w->again[t] : t;
    }
}

static enum fw_status append_renamed(struct rewrite *w, const struct fw_node *n, bool clone)
{
    struct fw_graph *g = w->g;
    uint32_t *ports = fw_arena_alloc(g->arena, ((size_t)n->n_in + n->n_out) * sizeof *ports);
    if (ports == NULL)
        return fw_fail_memory(w->err);
    renamed(w, n, ports);
    for (unsigned i = 0; i < n->n_out; i++) {
        uint32_t t = n->out[i];
        if (clone && t != FW_NONE) {
            struct fw_tensor copy = g->tensors[t];
            FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_ACTIVATION, (enum fw_dtype)copy.dtype,
                                   copy.rank, copy.dims, &w->again[t], w->err));
            g->tensors[w->again[t]].of = t;
            t = w->again[t];
        }
        ports[n->n_in + i] = t;
    }
    struct fw_node_spec spec = {.op = n->op,
                                .name = n->name,
                                .in = ports,
                                .out = ports + n->n_in,
                                .attr = n->attr,
                                .n_in = n->n_in,
                                .n_out = n->n_out,
                                .phase = clone ? FW_PHASE_RECOMPUTE : n->phase,
                                .layer = n->layer,
                                .at = n->at};
    uint32_t id;
    FW_TRY(fw_graph_node(g, &spec, &id, w->err));
    g->nodes[id].flags = n->flags;
    return FW_OK;
}

/* Makes everything again that node n needs. */
static enum fw_status provide(struct rewrite *w, const struct fw_node *n)
{
    uint32_t depth = 0;
    for (;;) {
        const struct fw_node *top = depth > 0 ? &w->old[w->stack[depth - 1]] : n;
        uint32_t p = missing_producer(w, top);
        if (p != FW_NONE) {
            w->stack[depth++] = p;
            continue;
        }
        if (depth == 0)
            return FW_OK;
        FW_TRY(append_renamed(w, top, true));
        depth--;
    }
}

static enum fw_status rewrite(struct rewrite *w)
{
    struct fw_graph *g = w->g;
    w->n_old = g->n_nodes;
    w->old = fw_arena_copy(g->arena, g->nodes, g->n_nodes * sizeof *g->nodes);
    if (w->old == NULL)
        return fw_fail_memory(w->err);
    g->n_nodes = w->n_forward;
    for (uint32_t id = w->n_forward; id < w->n_old; id++) {
        FW_TRY(provide(w, &w->old[id]));
        FW_TRY(append_renamed(w, &w->old[id], false));
    }
    return FW_OK;
}

static enum fw_status init(struct rewrite *w)
{
    struct fw_graph *g = w->g;
    w->n_tensors = g->n_tensors;
    while (w->n_forward < g->n_nodes && g->nodes[w->n_forward].phase == FW_PHASE_FORWARD)
        w->n_forward++;
    w->dropped = fw_arena_zalloc(g->arena, w->n_tensors + 1u);
    w->again = fw_arena_array(g->arena, w->n_tensors + 1u, sizeof *w->again);
    w->crossing = fw_arena_array(g->arena, w->n_forward + 1u, sizeof *w->crossing);
    w->stack = fw_arena_array(g->arena, w->n_forward + 1u, sizeof *w->stack);
    w->segment = fw_arena_array(g->arena, w->n_forward + 1u, sizeof *w->segment);
    w->made_of = fw_arena_array(g->arena, w->n_forward + 1u, sizeof *w->made_of);
    if (w->segment == NULL || w->made_of == NULL || w->dropped == NULL || w->again == NULL ||
        w->crossing == NULL || w->stack == NULL)
        return fw_fail_memory(w->err);
    memset(w->again, 0xff, (w->n_tensors + 1u) * sizeof *w->again);
    return FW_OK;
}

enum fw_status fw_recompute(struct fw_graph *g, const char *what, struct fw_error *err)
{
    struct rewrite w = {.g = g, .err = err};
    FW_TRY(init(&w));
    if (strcmp(what, "full") == 0)
        drop_all_but_borders(&w); // nothing where no border is: then all is kept
    else if (strcmp(what, "layers") == 0)
        drop_all_but_layers(&w);
    else if (strcmp(what, "selective") == 0)
        FW_REQUIRE(drop_attention(&w) > 0, err, FW_USAGE,
                   "--recompute selective: the model has no attention as an operator");
    else
        FW_REQUIRE(drop_matching(&w, what) > 0, err, FW_USAGE, "--recompute '%s' matches no node",
                   what);
    return rewrite(&w);
}
