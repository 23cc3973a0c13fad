/* Nodes into steps; see engine.h. */
#include "engine/engine_impl.h"

#include <string.h>

enum { LINE = 64 };

struct fw_address fw_engine_working(struct fw_engine *e, uint64_t bytes)
{
    struct fw_address at = {(e->working + LINE - 1) / LINE * LINE, FW_BLOCK_WORKING};
    e->working = at.offset + bytes;
    if (e->working > e->size[FW_BLOCK_WORKING])
        e->size[FW_BLOCK_WORKING] = e->working;
    return at;
}

struct fw_address fw_engine_room(struct fw_engine *e, enum fw_block block, uint64_t bytes)
{
    struct fw_address at = {(e->size[block] + LINE - 1) / LINE * LINE, (uint8_t)block};
    e->size[block] = at.offset + bytes;
    return at;
}

struct fw_step *fw_engine_add_step(struct fw_engine *e, uint32_t node, enum fw_step_kind kind)
{
    if (e->n_steps == e->cap_steps) {
        uint32_t cap = e->cap_steps == 0 ? 256 : 2 * e->cap_steps;
        struct fw_step *more =
            fw_mem_resize(e->alloc, e->steps, e->cap_steps * sizeof *more, cap * sizeof *more);
        if (more == NULL)
            return NULL;
        e->steps = more;
        e->cap_steps = cap;
    }
    struct fw_step *s = &e->steps[e->n_steps++];
    *s = (struct fw_step){.node = node, .kind = (uint8_t)kind};
    return s;
}

enum fw_status fw_engine_move(struct fw_engine *e, uint32_t node, const struct fw_layout *from,
                              struct fw_address from_at, const struct fw_layout *to,
                              struct fw_address to_at, struct fw_error *err)
{
    size_t scratch;
    struct fw_dnn_kernel *k = fw_dnn_reorder(e->dnn, from, to, &scratch);
    FW_REQUIRE(k != NULL, err, FW_UNSUPPORTED, "oneDNN cannot move a tensor into another order");
    struct fw_address working = fw_engine_working(e, scratch);
    struct fw_step *s = fw_engine_add_step(e, node, FW_STEP_MOVE);
    if (s == NULL)
        return fw_fail_memory(err);
    s->kernel = k;
    s->n = 2;
    s->at[0] = from_at;
    s->at[1] = to_at;
    s->scratch = working;
    e->n_moves++;
    return FW_OK;
}

/* ---- reading and writing tensors ---- */

static enum fw_status add_call(struct fw_engine *e, uint32_t node, bool pointwise,
                               const struct fw_address *at, struct fw_error *err);

/* What infers knew: constants that no node computes, for kernels that read them. */
static enum fw_status own_constant(struct fw_engine *e, uint32_t id, struct fw_error *err)
{
    struct fw_held *h = &e->held[id];
    uint32_t n;
    const fw_dim *value = fw_tensor_value(e->g, id, &n);
    FW_REQUIRE(value != NULL, err, FW_UNSUPPORTED, "the contents of an input are not known");
    h->at = fw_engine_room(e, FW_BLOCK_OWN, fw_engine_bytes(e, id) + LINE);
    h->there = true;
    return FW_OK;
}

bool fw_engine_order_is_free(struct fw_engine *e, uint32_t tensor)
{
    const struct fw_tensor *t = &e->g->tensors[tensor];
    bool follows = (t->kind == FW_KIND_GRADIENT || t->kind == FW_KIND_STATE) && t->of != FW_NONE &&
                   fw_engine_elements(e, t->of) == fw_engine_elements(e, tensor);
    if (follows) // its parameter
        e->held[tensor].layout = e->held[t->of].layout;
    return t->kind == FW_KIND_ACTIVATION || t->kind == FW_KIND_INPUT;
}

static bool only_shape(const struct fw_node *n, unsigned i)
{
    return i < 32 && n->op->shape_only >> i & 1u;
}

/* A stored tensor that is rearranged for this reader, `node`. */
static enum fw_status run_later(struct fw_engine *e, uint32_t node, uint32_t tensor,
                                struct fw_address *ret, struct fw_error *err)
{
    uint32_t later = e->held[tensor].later;
    const struct fw_node *n = &e->g->nodes[later];
    struct fw_address *at =
        fw_arena_zalloc(&e->arena, ((size_t)n->n_in + n->n_out + 1) * sizeof *at);
    if (at == NULL)
        return fw_fail_memory(err);
    for (unsigned i = 0; i < n->n_in; i++) {
        at[i] = (struct fw_address){0, FW_BLOCK_OWN};
        if (n->in[i] != FW_NONE && !only_shape(n, i))
            FW_TRY(fw_engine_fetch(e, node, n->in[i], NULL, &at[i], err));
    }
    for (unsigned i = 0; i < n->n_out; i++) {
        if (n->out[i] != FW_NONE)
            at[n->n_in + i] = fw_engine_working(e, fw_engine_bytes(e, n->out[i]));
        if (n->out[i] == tensor)
            *ret = at[n->n_in + i];
    }
    FW_TRY(add_call(e, later, false, at, err));
    e->steps[e->n_steps - 1].node = node;
    return FW_OK;
}

enum fw_status fw_engine_fetch(struct fw_engine *e, uint32_t node, uint32_t tensor,
                               const struct fw_layout *want, struct fw_address *ret,
                               struct fw_error *err)
{
    struct fw_held *h = &e->held[tensor];
    if (h->later != FW_NONE)
        return run_later(e, node, tensor, ret, err);
    if (!h->there)
        FW_TRY(own_constant(e, tensor, err));
    (void)fw_engine_order_is_free(e, tensor);
    *ret = h->at;
    if (fw_layout_same(h->layout, want))
        return FW_OK;
    *ret = fw_engine_working(e, want != NULL ? fw_layout_bytes(want) : fw_engine_bytes(e, tensor));
    return fw_engine_move(e, node, h->layout, h->at, want, *ret, err);
}

/* ---- reference kernels ---- */

struct fw_buffer fw_engine_value(const struct fw_engine *e, uint32_t tensor)
{
    const struct fw_tensor *t = &e->g->tensors[tensor];
    struct fw_buffer v = {.n = fw_engine_elements(e, tensor),
                          .rank = t->rank,
                          .dtype = t->dtype,
                          .real = sizeof(float)};
    for (unsigned k = 0; k < t->rank; k++)
        v.dims[k] = t->dims[k].word;
    return v;
}

/* at: (inputs and outputs of the node) */
static enum fw_status add_call(struct fw_engine *e, uint32_t node, bool pointwise,
                               const struct fw_address *at, struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    unsigned ports = (unsigned)n->n_in + n->n_out;
    struct fw_call *call = fw_arena_zalloc(&e->arena, sizeof *call);
    struct fw_step *s = fw_engine_add_step(e, node, FW_STEP_CALL);
    if (call == NULL || s == NULL)
        return fw_fail_memory(err);
    s->call = call;
    call->node = node;
    call->pointwise = pointwise;
    call->ports = ports;
    call->values = fw_arena_array(&e->arena, ports + 1u, sizeof *call->values);
    call->in = fw_arena_array(&e->arena, ports + 1u, sizeof(struct fw_buffer *));
    call->at = fw_arena_copy(&e->arena, at, ports * sizeof *at);
    if (call->values == NULL || call->in == NULL || call->at == NULL)
        return fw_fail_memory(err);
    call->out = call->in + n->n_in;
    for (unsigned i = 0; i < ports; i++) {
        uint32_t id = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
        call->in[i] = NULL;
        if (id == FW_NONE)
            continue;
        call->values[i] = fw_engine_value(e, id);
        call->in[i] = &call->values[i];
    }
    return FW_OK;
}

/* The order in which a pointwise node runs: that of its first input of full size. */
static const struct fw_layout *common_layout(const struct fw_engine *e, const struct fw_node *n)
{
    uint32_t like = n->n_out > 0 ? n->out[0] : n->in[0];
    uint64_t size = fw_engine_elements(e, like);
    for (unsigned i = 0; i < n->n_in; i++)
        if (n->in[i] != FW_NONE && !only_shape(n, i) && fw_engine_elements(e, n->in[i]) == size &&
            e->held[n->in[i]].later == FW_NONE)
            return e->held[n->in[i]].layout;
    return NULL;
}

static enum fw_status fetch_inputs(struct fw_engine *e, uint32_t node, bool pointwise,
                                   const struct fw_layout *order, struct fw_address *at,
                                   struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    uint64_t size = fw_engine_elements(e, n->n_out > 0 ? n->out[0] : n->in[0]);
    for (unsigned i = 0; i < n->n_in; i++) {
        at[i] = (struct fw_address){0, FW_BLOCK_OWN};
        if (n->in[i] == FW_NONE || only_shape(n, i))
            continue;
        bool full = pointwise && fw_engine_elements(e, n->in[i]) == size;
        FW_TRY(fw_engine_fetch(e, node, n->in[i], full ? order : NULL, &at[i], err));
    }
    return FW_OK;
}

/* Copies that a kernel has written into go back to where the tensor stands. */
static enum fw_status put_back(struct fw_engine *e, uint32_t node, const struct fw_layout *order,
                               const struct fw_address *at, struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    for (unsigned i = 0; i < (unsigned)n->n_in + n->n_out; i++) {
        uint32_t id = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
        bool written = i >= n->n_in || n->phase == FW_PHASE_UPDATE;
        if (id != FW_NONE && written && at[i].block == FW_BLOCK_WORKING && e->held[id].there)
            FW_TRY(fw_engine_move(e, node, order, at[i], e->held[id].layout, e->held[id].at, err));
    }
    return FW_OK;
}

static bool has_sequence(const struct fw_engine *e, const struct fw_node *n)
{
    for (unsigned i = 0; i < n->n_in + (unsigned)n->n_out; i++) {
        uint32_t id = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
        if (id != FW_NONE && e->g->tensors[id].flags & FW_TENSOR_OPEN)
            return true;
    }
    return false;
}

/* Running statistics move on (advanced_in of the row). */
static enum fw_status advance(struct fw_engine *e, const struct fw_node *n, struct fw_error *err)
{
    unsigned first = n->op->advanced_in;
    for (unsigned i = first; first > 0 && i < n->n_in && i - first + 1 < n->n_out; i++) {
        uint32_t to = n->in[i], from = n->out[i - first + 1];
        bool both = from != FW_NONE && to != FW_NONE && e->held[from].there && e->held[to].there;
        if (!both || e->g->tensors[to].producer != FW_NONE ||
            fw_engine_bytes(e, to) != fw_engine_bytes(e, from))
            continue;
        struct fw_step *s = fw_engine_add_step(e, (uint32_t)(n - e->g->nodes), FW_STEP_COPY);
        if (s == NULL)
            return fw_fail_memory(err);
        s->at[0] = e->held[from].at;
        s->at[1] = e->held[to].at;
        s->bytes = fw_engine_bytes(e, to);
    }
    return FW_OK;
}

static enum fw_status compile_reference(struct fw_engine *e, uint32_t node, struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    bool pointwise = e->fast[node].kind == FW_FAST_POINTWISE;
    const struct fw_layout *order = pointwise ? common_layout(e, n) : NULL;
    FW_REQUIRE(n->op->run[FW_PLAIN] != NULL, err, FW_UNSUPPORTED, "there is no kernel for it yet");
    FW_REQUIRE(!has_sequence(e, n), err, FW_UNSUPPORTED,
               "the memory of a sequence of tensors cannot be planned");
    struct fw_address *at = fw_arena_array(&e->arena, (size_t)n->n_in + n->n_out + 1u, sizeof *at);
    if (at == NULL)
        return fw_fail_memory(err);
    FW_TRY(fetch_inputs(e, node, pointwise, order, at, err));
    for (unsigned i = 0; i < n->n_out; i++) {
        at[n->n_in + i] = (struct fw_address){0, FW_BLOCK_OWN};
        if (n->out[i] == FW_NONE)
            continue;
        struct fw_held *h = &e->held[n->out[i]];
        FW_REQUIRE(h->there, err, FW_UNSUPPORTED, "an output has no place in the plan");
        if (fw_engine_order_is_free(e, n->out[i]))
            h->layout = order;
        at[n->n_in + i] = h->at;
        if (!fw_layout_same(h->layout, order))
            at[n->n_in + i] = fw_engine_working(e, fw_engine_bytes(e, n->out[i]));
    }
    FW_TRY(add_call(e, node, pointwise, at, err));
    e->n_reference++;
    FW_TRY(put_back(e, node, order, at, err));
    return advance(e, n, err);
}

/* ---- views and the rest ---- */

/* A view is row-major: what lies in another order is brought into it where it lies. */
static enum fw_status compile_view(struct fw_engine *e, uint32_t node, struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    struct fw_held *from = &e->held[n->in[0]];
    struct fw_held *to = &e->held[n->out[0]];
    if (from->later != FW_NONE || !from->there)
        return compile_reference(e, node, err);
    if (from->layout != NULL) {
        size_t bytes = fw_engine_bytes(e, n->in[0]);
        struct fw_address copy = fw_engine_working(e, bytes);
        FW_TRY(fw_engine_move(e, node, from->layout, from->at, NULL, copy, err));
        struct fw_step *s = fw_engine_add_step(e, node, FW_STEP_COPY);
        if (s == NULL)
            return fw_fail_memory(err);
        s->at[0] = copy;
        s->at[1] = from->at;
        s->bytes = bytes;
        from->layout = NULL;
    }
    to->layout = NULL;
    if (to->there && (to->at.block != from->at.block || to->at.offset != from->at.offset)) {
        struct fw_step *s = fw_engine_add_step(e, node, FW_STEP_COPY); // a place of its own
        if (s == NULL)
            return fw_fail_memory(err);
        s->at[0] = from->at;
        s->at[1] = to->at;
        s->bytes = fw_engine_bytes(e, n->out[0]);
    }
    return FW_OK;
}

/* A stored tensor that is read in another order than it lies in. */
static bool rearranges_stored(const struct fw_engine *e, const struct fw_node *n)
{
    if (!(n->op->flags & FW_OP_MOVE) || n->n_out == 0 || n->out[0] == FW_NONE)
        return false;
    const struct fw_place *p = &e->places->at[n->out[0]];
    return p->root != FW_NONE && p->root != n->out[0] && e->places->at[p->root].fixed &&
           (e->g->tensors[n->in[0]].flags & FW_TENSOR_WEIGHT_SIDE);
}

/* A node that was to be done along with another one does its own work. */
static enum fw_status part(struct fw_engine *e, uint32_t node, uint32_t from, struct fw_error *err)
{
    e->by[node] = node;
    if (e->along[from] == node) {
        e->along[from] = FW_NONE;
        e->fast[from].relu = false;
    }
    return node < from ? compile_reference(e, node, err) : FW_OK; // its turn has been
}

static enum fw_status part_from_others(struct fw_engine *e, uint32_t node, struct fw_error *err)
{
    for (uint32_t id = 0; id < e->g->n_nodes; id++)
        if (e->by[id] == node && id != node)
            FW_TRY(part(e, id, node, err));
    return FW_OK;
}

static enum fw_status compile_node(struct fw_engine *e, uint32_t node, struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    bool done = false;
    e->working = 0;
    if ((n->flags & FW_NODE_SHAPE) || e->by[node] != node)
        return FW_OK;
    if (n->op->flags & FW_OP_VIEW)
        return compile_view(e, node, err);
    if (rearranges_stored(e, n)) {
        FW_REQUIRE(n->op->run[FW_PLAIN] != NULL, err, FW_UNSUPPORTED,
                   "there is no kernel for it yet");
        for (unsigned i = 0; i < n->n_out; i++)
            if (n->out[i] != FW_NONE) {
                e->held[n->out[i]].later = node;
                e->held[n->out[i]].there = false;
            }
        return FW_OK;
    }
    if (e->dnn != NULL)
        FW_TRY(fw_engine_compile_fast(e, node, &done, err));
    if (!done && e->dnn != NULL && e->along[node] != FW_NONE) { // perhaps this node alone
        FW_TRY(part(e, e->along[node], node, err));
        FW_TRY(fw_engine_compile_fast(e, node, &done, err));
    }
    if (done)
        return FW_OK;
    FW_TRY(part_from_others(e, node, err));
    return compile_reference(e, node, err);
}

/* What is done along with a node that nobody wants is wanted there. */
static bool is_wanted(const struct fw_engine *e, uint32_t node)
{
    bool wanted = e->o.wanted == NULL || e->o.wanted[node];
    for (uint32_t id = 0; id < e->g->n_nodes && !wanted; id++)
        wanted = e->by[id] == node && e->o.wanted[id];
    return wanted;
}

enum fw_status fw_engine_compile(struct fw_engine *e, struct fw_error *err)
{
    fw_engine_describe(e);
    for (uint32_t node = 0; node < e->g->n_nodes; node++) {
        if (!is_wanted(e, node))
            continue;
        enum fw_status status = compile_node(e, node, err);
        if (status != FW_OK) {
            fw_error_at_node(err, e->g, node);
            return status;
        }
    }
    return FW_OK;
}
