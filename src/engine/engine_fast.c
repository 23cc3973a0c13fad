/* Nodes that fast kernels do: which tensor stands at which port, a table by kind. */
#include "engine/engine_impl.h"

#include <math.h>
#include <string.h>

/* Port of a kernel: an input by its purpose (fw_fast.in), an output, or what it keeps for the way
 * back. */
enum from { END, IN, OUT, KEPT };
enum order {
    ROWS, // row-major
    ANY,  // as the kernel likes
    AS_X, // as the tensor at the first port of this mark lies
    OWN,  // as the tensor itself lies, or as its weight does
};

struct wiring {
    uint8_t role, from, number, order;
    bool optional;
};

enum { MAX_WIRES = 9 };
static const struct wiring wirings[FW_N_FASTS][MAX_WIRES] = {
    [FW_FAST_CONV] = {{FW_ROLE_SRC, IN, 0, ANY, false},
                      {FW_ROLE_WEIGHTS, IN, 1, OWN, false},
                      {FW_ROLE_BIAS, IN, 2, ROWS, true},
                      {FW_ROLE_DST, OUT, 0, ANY, false}},
    [FW_FAST_CONV_DX] = {{FW_ROLE_DIFF_DST, IN, 0, ANY, false},
                         {FW_ROLE_WEIGHTS, IN, 1, ANY, false},
                         {FW_ROLE_DIFF_SRC, OUT, 0, ANY, false}},
    [FW_FAST_CONV_DW] = {{FW_ROLE_DIFF_DST, IN, 0, ANY, false},
                         {FW_ROLE_SRC, IN, 1, ANY, false},
                         {FW_ROLE_DIFF_WEIGHTS, OUT, 0, OWN, false}},
    [FW_FAST_PRODUCT] = {{FW_ROLE_SRC, IN, 0, ROWS, false},
                         {FW_ROLE_WEIGHTS, IN, 1, ROWS, false},
                         {FW_ROLE_BIAS, IN, 2, ROWS, true},
                         {FW_ROLE_DST, OUT, 0, ROWS, false}},
    [FW_FAST_NORM] = {{FW_ROLE_SRC, IN, 0, AS_X, false},
                      {FW_ROLE_SCALE, IN, 1, ROWS, false},
                      {FW_ROLE_SHIFT, IN, 2, ROWS, false},
                      {FW_ROLE_MEAN, OUT, 3, ROWS, false},
                      {FW_ROLE_VARIANCE, OUT, 4, ROWS, false},
                      {FW_ROLE_DST, OUT, 0, AS_X, false}},
    [FW_FAST_NORM_GIVEN] = {{FW_ROLE_SRC, IN, 0, AS_X, false},
                            {FW_ROLE_SCALE, IN, 1, ROWS, false},
                            {FW_ROLE_SHIFT, IN, 2, ROWS, false},
                            {FW_ROLE_MEAN, IN, 3, ROWS, false},
                            {FW_ROLE_VARIANCE, IN, 4, ROWS, false},
                            {FW_ROLE_DST, OUT, 0, AS_X, false}},
    [FW_FAST_NORM_DX] = {{FW_ROLE_SRC, IN, 1, AS_X, false},
                         {FW_ROLE_DIFF_DST, IN, 0, AS_X, false},
                         {FW_ROLE_SCALE, IN, 2, ROWS, false},
                         {FW_ROLE_SHIFT, IN, 2, ROWS, false}, // wanted, but not read
                         {FW_ROLE_MEAN, IN, 3, ROWS, false},
                         {FW_ROLE_VARIANCE, IN, 4, ROWS, false},
                         {FW_ROLE_DIFF_SHIFT, IN, 5, ROWS, false},
                         {FW_ROLE_DIFF_SCALE, IN, 6, ROWS, false},
                         {FW_ROLE_DIFF_SRC, OUT, 0, AS_X, false}},
    [FW_FAST_MAX_POOL] = {{FW_ROLE_SRC, IN, 0, AS_X, false},
                          {FW_ROLE_DST, OUT, 0, ANY, false},
                          {FW_ROLE_KEPT, OUT, 1, ANY, true}},
    [FW_FAST_MAX_POOL_DX] = {{FW_ROLE_DIFF_DST, IN, 0, ANY, false},
                             {FW_ROLE_KEPT, IN, 1, ANY, false},
                             {FW_ROLE_DIFF_SRC, OUT, 0, ANY, false}},
    [FW_FAST_MEAN_POOL] = {{FW_ROLE_SRC, IN, 0, AS_X, false}, {FW_ROLE_DST, OUT, 0, ANY, false}},
    [FW_FAST_MEAN_POOL_DX] = {{FW_ROLE_DIFF_DST, IN, 0, ANY, false},
                              {FW_ROLE_DIFF_SRC, OUT, 0, ANY, false}},
};

/* ---- descriptions ---- */

static bool leaves_order_free(enum fw_fast_kind kind, unsigned input)
{
    switch (kind) {
    case FW_FAST_CONV:
    case FW_FAST_CONV_DX:
        return input == 1;
    case FW_FAST_CONV_DW:
        return input == 2; // its shape only
    default:
        return false;
    }
}

/* A parameter's order is free when only convolutions and pointwise updates read it. */
static void find_free(struct fw_engine *e)
{
    const struct fw_graph *g = e->g;
    for (uint32_t id = 0; id < g->n_tensors; id++)
        e->held[id].free = g->tensors[id].kind == FW_KIND_PARAM;
    for (uint32_t id = 0; id < g->n_nodes; id++)
        for (unsigned i = 0; i < g->nodes[id].n_in; i++) {
            uint32_t t = g->nodes[id].in[i];
            bool update =
                g->nodes[id].phase == FW_PHASE_UPDATE && e->fast[id].kind == FW_FAST_POINTWISE;
            if (t != FW_NONE && !update && !leaves_order_free(e->fast[id].kind, i))
                e->held[t].free = false;
        }
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] != FW_NONE)
            e->held[g->outputs[i]].free = false;
}

void fw_engine_describe(struct fw_engine *e)
{
    struct fw_graph *g = e->g;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        struct fw_cx cx = {.g = g, .sym = g->sym, .node = &g->nodes[id]};
        e->by[id] = id;
        e->along[id] = FW_NONE;
        if (g->nodes[id].op->fast == NULL || !g->nodes[id].op->fast(&cx, &e->fast[id]))
            e->fast[id].kind = FW_N_FASTS;
    }
    if (e->dnn == NULL)
        return;
    find_free(e);
    fw_engine_join(e);
}

/* ---- numbers per channel ---- */

enum { RUNNING_MEAN, RUNNING_VARIANCE, NEW_MEAN, NEW_VARIANCE, MEAN, VARIANCE };

/* Running statistics move on; the variance becomes what the row has there, the inverse deviation.
 */
static void glue_norm(struct fw_engine *e, const struct fw_glue *g)
{
    float *at[6];
    for (unsigned i = 0; i < 6; i++)
        at[i] = fw_engine_at(e, g->at[i]);
    float keep = (float)g->momentum, take = (float)(1 - g->momentum);
    for (int64_t c = 0; c < g->n; c++) {
        float mean = at[RUNNING_MEAN][c] * keep + at[MEAN][c] * take;
        float variance = at[RUNNING_VARIANCE][c] * keep + at[VARIANCE][c] * take;
        at[NEW_MEAN][c] = at[RUNNING_MEAN][c] = mean;
        at[NEW_VARIANCE][c] = at[RUNNING_VARIANCE][c] = variance;
        at[VARIANCE][c] = 1.f / sqrtf(at[VARIANCE][c] + (float)g->epsilon);
    }
}

/* The way back: the inverse deviation as the variance it came from. */
static void glue_variance(struct fw_engine *e, const struct fw_glue *g)
{
    const float *inverse = fw_engine_at(e, g->at[0]);
    float *variance = fw_engine_at(e, g->at[1]);
    for (int64_t c = 0; c < g->n; c++)
        variance[c] = 1.f / (inverse[c] * inverse[c]);
}

static enum fw_status add_glue(struct fw_engine *e, uint32_t node, const struct fw_glue *glue,
                               struct fw_error *err)
{
    struct fw_step *s = fw_engine_add_step(e, node, FW_STEP_GLUE);
    if (s == NULL || (s->glue = fw_arena_copy(&e->arena, glue, sizeof *glue)) == NULL)
        return fw_fail_memory(err);
    return FW_OK;
}

/* ---- one node ---- */

struct wired {
    struct fw_dnn_port ports[FW_STEP_PORTS];
    uint32_t tensors[FW_STEP_PORTS];
    const struct wiring *wire[FW_STEP_PORTS];
    unsigned n;
};

static uint32_t tensor_at(const struct fw_engine *e, uint32_t node, const struct wiring *w)
{
    const struct fw_node *n = &e->g->nodes[node];
    if (e->fast[node].relu && w->role == FW_ROLE_DST)
        return e->g->nodes[e->along[node]].out[0];
    if (e->fast[node].relu && w->role == FW_ROLE_DIFF_DST)
        return e->g->nodes[e->along[node]].in[0];
    if (w->from == OUT)
        return w->number < n->n_out ? n->out[w->number] : FW_NONE;
    int8_t port = e->fast[node].in[w->number];
    return port < 0 ? FW_NONE : n->in[port];
}

static void add_port(struct wired *w, const struct wiring *wire, uint32_t tensor)
{
    w->ports[w->n] = (struct fw_dnn_port){.role = (enum fw_role)wire->role};
    w->tensors[w->n] = tensor;
    w->wire[w->n++] = wire;
}

/* Of the last port. */
static void set_order(const struct fw_engine *e, uint32_t node, struct wired *w)
{
    const struct fw_node *n = &e->g->nodes[node];
    const struct wiring *wire = w->wire[w->n - 1];
    uint32_t tensor = w->tensors[w->n - 1];
    struct fw_dnn_port *port = &w->ports[w->n - 1];
    switch ((enum order)wire->order) {
    case ROWS:
        break;
    case ANY:
        port->open = true;
        break;
    case AS_X:
        port->layout = w->n == 1 ? e->held[tensor].layout : w->ports[0].layout;
        break;
    case OWN: {
        uint32_t weight = wire->from == OUT ? n->in[2] : tensor;
        port->layout = e->held[weight].layout;
        port->open = port->layout == NULL && wire->from == IN;
        break;
    }
    }
}

/* False when a port that must be there is not. */
static bool wire_up(const struct fw_engine *e, uint32_t node, struct wired *ret)
{
    const struct wiring *wire = wirings[e->fast[node].kind];
    ret->n = 0;
    for (unsigned i = 0; i < MAX_WIRES && wire[i].from != END; i++) {
        uint32_t t = tensor_at(e, node, &wire[i]);
        if (t == FW_NONE && !wire[i].optional)
            return false;
        if (t == FW_NONE)
            continue;
        add_port(ret, &wire[i], t);
        set_order(e, node, ret);
    }
    static const struct wiring bias = {FW_ROLE_DIFF_BIAS, OUT, 0, ROWS, true};
    static const struct wiring signs = {FW_ROLE_KEPT, KEPT, 0, ANY, true};
    uint32_t along = e->along[node];
    if (e->fast[node].kind == FW_FAST_CONV_DW && along != FW_NONE)
        add_port(ret, &bias, e->g->nodes[along].out[0]);
    if (e->fast[node].relu &&
        (e->fast[node].kind == FW_FAST_NORM || e->fast[node].kind == FW_FAST_NORM_DX))
        add_port(ret, &signs, FW_NONE);
    return ret->n > 0;
}

static uint64_t room(const struct fw_engine *e, uint32_t tensor)
{
    uint32_t root = e->places->at[tensor].root;
    return root == FW_NONE ? 0 : e->places->at[root].bytes;
}

/* Orders that take more room than was planned are not taken: row-major instead. */
static bool keep_within_plan(const struct fw_engine *e, struct wired *w)
{
    bool fits = true;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->wire[i]->from != OUT || w->ports[i].layout == NULL ||
            fw_layout_bytes(w->ports[i].layout) <= room(e, w->tensors[i]))
            continue;
        w->ports[i].layout = NULL;
        fits = false;
    }
    for (unsigned i = 0; i < w->n && !fits; i++)
        w->ports[i].open = w->ports[i].open && w->wire[i]->from != OUT;
    return fits;
}

static struct fw_dnn_kernel *find_kernel(struct fw_engine *e, uint32_t node, struct wired *w,
                                         size_t *ret_scratch)
{
    const struct fw_node *n = &e->g->nodes[node];
    struct fw_fast what = e->fast[node];
    const struct fw_dnn_kernel *forward = n->layer < e->g->n_nodes ? e->kernels[n->layer] : NULL;
    if (what.kind == FW_FAST_MAX_POOL_DX) { // its window is the forward node's
        if (forward == NULL || e->fast[n->layer].kind != FW_FAST_MAX_POOL)
            return NULL;
        what = e->fast[n->layer];
        what.kind = FW_FAST_MAX_POOL_DX;
    }
    struct wired first = *w;
    struct fw_dnn_kernel *k = fw_dnn_make(e->dnn, &what, w->ports, w->n, forward, ret_scratch);
    if (k != NULL && !keep_within_plan(e, w)) {
        struct wired rows = first;
        for (unsigned i = 0; i < rows.n; i++)
            if (rows.wire[i]->from == OUT && rows.wire[i]->role != FW_ROLE_KEPT)
                rows.ports[i] = (struct fw_dnn_port){.role = rows.ports[i].role};
        *w = rows;
        k = fw_dnn_make(e->dnn, &what, w->ports, w->n, forward, ret_scratch);
        if (k != NULL && !keep_within_plan(e, w))
            k = NULL;
    }
    if (what.kind == FW_FAST_MAX_POOL_DX) // nobody else reads the places that oneDNN wrote
        return k;
    if (k == NULL)
        return NULL;
    const char *name = fw_dnn_kernel_name(k);
    // one that goes by products takes relu number by number
    bool slow = strncmp(name, "ref", 3) == 0 ||
                (what.kind == FW_FAST_CONV && what.relu && strstr(name, "gemm") != NULL);
    return slow ? NULL : k;
}

/* A parameter takes the order its first convolution likes, where that takes no more room. */
static void choose_weights(struct fw_engine *e, const struct wired *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        struct fw_held *h = &e->held[w->tensors[i]];
        if (w->wire[i]->order != OWN || w->wire[i]->from != IN || !h->free || h->chosen)
            continue;
        if (w->ports[i].layout != NULL &&
            fw_layout_bytes(w->ports[i].layout) == fw_engine_bytes(e, w->tensors[i]))
            h->layout = w->ports[i].layout;
        h->chosen = true;
    }
}

static enum fw_status place_output(struct fw_engine *e, uint32_t tensor,
                                   const struct fw_dnn_port *port, struct fw_address *ret,
                                   struct fw_error *err)
{
    struct fw_held *h = &e->held[tensor];
    FW_REQUIRE(h->there, err, FW_UNSUPPORTED, "an output has no place in the plan");
    if (fw_engine_order_is_free(e, tensor))
        h->layout = port->layout;
    *ret = h->at;
    if (!fw_layout_same(h->layout, port->layout))
        *ret = fw_engine_working(e, fw_layout_bytes(port->layout));
    return FW_OK;
}

/* What stands in working memory although the plan has a place for it. */
static enum fw_status put_back(struct fw_engine *e, uint32_t node, const struct wired *w,
                               const struct fw_address *at, struct fw_error *err)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct fw_held *h = &e->held[w->tensors[i]];
        if (w->wire[i]->from == OUT && at[i].block == FW_BLOCK_WORKING)
            FW_TRY(fw_engine_move(e, node, w->ports[i].layout, at[i], h->layout, h->at, err));
    }
    return FW_OK;
}

static enum fw_status add_norm(struct fw_engine *e, uint32_t node, struct fw_error *err)
{
    const struct fw_node *n = &e->g->nodes[node];
    const struct fw_fast *f = &e->fast[node];
    struct fw_glue glue = {
        .n = f->x[1], .epsilon = f->epsilon, .momentum = f->momentum, .run = glue_norm};
    const uint32_t tensors[6] = {n->in[3], n->in[4], n->out[1], n->out[2], n->out[3], n->out[4]};
    for (unsigned i = 0; i < 6; i++) {
        FW_REQUIRE(tensors[i] != FW_NONE && e->held[tensors[i]].there, err, FW_UNSUPPORTED,
                   "a statistic of the normalisation has no place in the plan");
        glue.at[i] = e->held[tensors[i]].at;
    }
    return add_glue(e, node, &glue, err);
}

/* Made by the forward kernel, read by the one that goes back. */
static struct fw_address kept(struct fw_engine *e, uint32_t node, const struct fw_dnn_port *port)
{
    if (e->fast[node].kind != FW_FAST_NORM)
        return e->kept[e->g->nodes[node].layer];
    e->kept[node] = fw_engine_room(e, FW_BLOCK_KEPT, fw_layout_bytes(port->layout));
    return e->kept[node];
}

static enum fw_status add_kernel(struct fw_engine *e, uint32_t node, struct wired *w,
                                 struct fw_dnn_kernel *k, size_t scratch, struct fw_error *err)
{
    struct fw_address at[FW_STEP_PORTS];
    for (unsigned i = 0; i < w->n; i++) {
        if (w->wire[i]->from == KEPT)
            at[i] = kept(e, node, &w->ports[i]);
        else if (w->ports[i].role == FW_ROLE_KEPT)
            at[i] = e->held[w->tensors[i]].at; // the plan has a place for it
        else if (w->wire[i]->from == OUT)
            FW_TRY(place_output(e, w->tensors[i], &w->ports[i], &at[i], err));
        else
            FW_TRY(fw_engine_fetch(e, node, w->tensors[i], w->ports[i].layout, &at[i], err));
        if (w->ports[i].role == FW_ROLE_VARIANCE && e->fast[node].kind == FW_FAST_NORM_DX) {
            struct fw_glue glue = {.n = e->fast[node].x[1], .run = glue_variance};
            glue.at[0] = at[i];
            glue.at[1] = at[i] = fw_engine_working(e, (uint64_t)glue.n * sizeof(float));
            FW_TRY(add_glue(e, node, &glue, err));
        }
    }
    struct fw_address working = fw_engine_working(e, scratch);
    struct fw_step *s = fw_engine_add_step(e, node, FW_STEP_FAST);
    if (s == NULL)
        return fw_fail_memory(err);
    s->kernel = k;
    s->n = (uint8_t)w->n;
    memcpy(s->at, at, w->n * sizeof *at);
    s->scratch = working;
    e->kernels[node] = k;
    for (unsigned i = 0; i < w->n; i++)
        if (fw_layout_block(w->ports[i].layout) > e->blocks[node])
            e->blocks[node] = (uint8_t)fw_layout_block(w->ports[i].layout);
    e->n_fast++;
    return put_back(e, node, w, at, err);
}

enum fw_status fw_engine_compile_fast(struct fw_engine *e, uint32_t node, bool *ret_done,
                                      struct fw_error *err)
{
    struct wired w;
    size_t scratch;
    *ret_done = false;
    const struct fw_fast *f = &e->fast[node];
    if (f->kind >= FW_N_FASTS || !wire_up(e, node, &w))
        return FW_OK;
    if (f->kind == FW_FAST_NORM_DX && f->relu && !e->fast[e->g->nodes[node].layer].relu)
        return FW_OK; // no signs were kept
    struct fw_dnn_kernel *k = find_kernel(e, node, &w, &scratch);
    if (k == NULL)
        return FW_OK;
    choose_weights(e, &w);
    *ret_done = true;
    FW_TRY(add_kernel(e, node, &w, k, scratch, err));
    return e->fast[node].kind == FW_FAST_NORM ? add_norm(e, node, err) : FW_OK;
}
