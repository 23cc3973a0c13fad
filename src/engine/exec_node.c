/* Nodes of the simple executor: what kernels call, bodies, and one node after the other; see
 * exec.h. */
#include "engine/exec_impl.h"

#include "base/limits.h"
#include "passes/infer.h"

#include <string.h>

#define MAX_SEEN_REALS 64 // of an input whose contents inference is shown; integers: FW_MAX_VALUE

/* ---- what kernels call ---- */

static enum fw_status shape_output(struct fw_run *r, unsigned i, unsigned rank, const int64_t *dims)
{
    struct fw_exec *e = r->executor;
    if (!fw_has_out(&r->cx, i))
        return FW_OK;
    uint32_t id = r->cx.node->out[i];
    const struct fw_tensor *t = &e->g->tensors[id];
    if (fw_exec_constant(t) && !(t->flags & FW_TENSOR_OPEN)) {
        bool same = t->rank == rank;
        for (unsigned k = 0; same && k < rank; k++)
            same = fw_dim_is(t->dims[k], dims[k]);
        FW_REQUIRE(same, r->cx.err, FW_SHAPE, "output %u has another shape than was inferred", i);
    }
    FW_TRY(fw_exec_room(e, id, rank, dims, r->cx.err));
    return fw_exec_tell(e, id, rank, dims, r->cx.err);
}

static struct fw_buffer *make_value(struct fw_run *r, enum fw_dtype dtype, unsigned rank,
                                    const int64_t *dims)
{
    struct fw_exec *e = r->executor;
    struct fw_buffer *v = fw_arena_zalloc(&e->made, sizeof *v);
    size_t bytes;
    if (v == NULL || fw_exec_shape(e, v, dtype, rank, dims, &bytes, r->cx.err) != FW_OK)
        return NULL;
    v->data = fw_arena_alloc(&e->made, bytes);
    return v->data != NULL ? v : NULL;
}

static struct fw_exec *child_of(struct fw_exec *e, struct fw_graph *body, struct fw_error *err)
{
    for (struct child *c = e->children; c != NULL; c = c->next)
        if (c->exec->g == body)
            return c->exec;
    struct child *c = fw_mem_resize(e->o.alloc, NULL, 0, sizeof *c);
    if (c == NULL || fw_exec_new(&c->exec, body, &e->o, err) != FW_OK) {
        fw_mem_resize(e->o.alloc, c, sizeof *c, 0);
        return NULL;
    }
    c->exec->random = e->random;
    c->next = e->children;
    e->children = c;
    return c->exec;
}

static enum fw_status run_body(struct fw_run *r, struct fw_graph *body, struct fw_buffer *const *in,
                               struct fw_buffer **ret)
{
    struct fw_exec *e = child_of(r->executor, body, r->cx.err);
    if (e == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(fw_in_time(body->alloc, 0, r->cx.err)); // it may be empty, and run without end
    for (uint32_t i = 0; i < body->n_inputs; i++) {
        uint32_t id = body->inputs[i];
        struct slot *s = &e->slots[id];
        if (in[i] == NULL || id == FW_NONE)
            continue;
        fw_exec_drop(e, id);
        s->v = *in[i];
        s->given = true;
        e->g->tensors[id].dtype = in[i]->dtype;
        if (!in[i]->open)
            FW_TRY(fw_exec_tell(e, id, in[i]->rank, in[i]->dims, r->cx.err));
    }
    e->step = ((struct fw_exec *)r->executor)->step;
    FW_TRY(fw_exec_fill(e, r->cx.err));
    FW_TRY(fw_exec_run(e, 0, e->n_nodes, r->cx.err));
    for (uint32_t i = 0; i < body->n_outputs; i++)
        ret[i] = body->outputs[i] == FW_NONE ? NULL : &e->slots[body->outputs[i]].v;
    return FW_OK;
}

/* ---- one node ---- */

/* Shows inference what small integer inputs hold, which decides about shapes; before (n_in) keeps
 * what the graph knew. */
static enum fw_status show_contents(struct fw_exec *e, const struct fw_node *n,
                                    const fw_dim **before, struct fw_error *err)
{
    for (unsigned i = 0; i < n->n_in; i++) {
        before[i] = NULL;
        if (n->in[i] == FW_NONE)
            continue;
        struct fw_tensor *t = &e->g->tensors[n->in[i]];
        const struct fw_buffer *v = &e->slots[n->in[i]].v;
        before[i] = t->value;
        bool real = fw_dtype_is_float((enum fw_dtype)v->dtype);
        if (v->data == NULL || v->open || v->n > (real ? MAX_SEEN_REALS : FW_MAX_VALUE) ||
            fw_dtypes[v->dtype].class == 'c')
            continue;
        fw_dim *value = fw_arena_array(&e->scratch, v->n, sizeof *value);
        if (value == NULL)
            return fw_fail_memory(err);
        bool good = true;
        for (size_t k = 0; k < v->n; k++) {
            if (real) {
                value[k] = fw_dim_from_double(e->g->sym, fw_buffer_get(v, k));
            } else {
                int64_t x = fw_buffer_int(v, k);
                value[k] = (fw_dim){x > FW_DIM_MAX    ? FW_DIM_MAX
                                    : x < -FW_DIM_MAX ? -FW_DIM_MAX
                                                      : x};
            }
            good = good && !fw_dim_is_bad(value[k]);
        }
        if (good)
            t->value = value;
    }
    return FW_OK;
}

static enum fw_status infer_again(struct fw_exec *e, struct fw_run *r)
{
    const struct fw_node *n = r->cx.node;
    const fw_dim **before = fw_arena_array(&e->scratch, n->n_in + 1u, sizeof *before);
    if (before == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(show_contents(e, n, before, r->cx.err));
    enum fw_status status = n->op->infer(&r->cx);
    for (unsigned i = 0; i < n->n_in; i++)
        if (n->in[i] != FW_NONE)
            e->g->tensors[n->in[i]].value = before[i];
    return status;
}

static bool is_view(const struct fw_exec *e, const struct fw_node *n)
{
    return (n->op->flags & FW_OP_VIEW) && (n->n_out == 1 || n->op->run[e->o.build] == NULL);
}

/* Output 0 is input 0 in another shape. */
static enum fw_status view(struct fw_exec *e, struct fw_run *r)
{
    const struct fw_node *n = r->cx.node;
    struct slot *y = &e->slots[n->out[0]];
    const struct fw_tensor *t = &e->g->tensors[n->out[0]];
    const struct fw_buffer *x = &e->slots[n->in[0]].v;
    fw_exec_drop(e, n->out[0]);
    y->v = *x;
    if (x->open)
        return FW_OK;
    FW_REQUIRE(fw_exec_constant(t), r->cx.err, FW_UNSUPPORTED, "the output's shape is not known");
    int64_t dims[FW_MAX_RANK];
    size_t bytes;
    fw_exec_dims(t, dims);
    FW_TRY(fw_exec_shape(e, &y->v, (enum fw_dtype)x->dtype, t->rank, dims, &bytes, r->cx.err));
    FW_REQUIRE(y->v.n == x->n, r->cx.err, FW_SHAPE,
               "a view holds as many elements as its input: %zu and %zu", y->v.n, x->n);
    return FW_OK;
}

/* Nodes that only compute shapes were computed while the graph was inferred. */
static enum fw_status folded(struct fw_exec *e, const struct fw_node *n, bool *ret,
                             struct fw_error *err)
{
    *ret = false;
    if (!(n->flags & FW_NODE_SHAPE))
        return FW_OK;
    for (unsigned i = 0; i < n->n_out; i++) {
        if (n->out[i] == FW_NONE)
            continue;
        const struct fw_tensor *t = &e->g->tensors[n->out[i]];
        if (t->value == NULL || !fw_exec_constant(t) || (t->flags & FW_TENSOR_OPEN) ||
            !fw_exec_known(e, t->value, (size_t)fw_tensor_elements(e->g, t).word))
            return FW_OK;
    }
    for (unsigned i = 0; i < n->n_out; i++) {
        if (n->out[i] == FW_NONE)
            continue;
        const struct fw_tensor *t = &e->g->tensors[n->out[i]];
        int64_t dims[FW_MAX_RANK];
        fw_exec_dims(t, dims);
        FW_TRY(fw_exec_room(e, n->out[i], t->rank, dims, err));
        fw_exec_put(e, t->value, &e->slots[n->out[i]].v);
    }
    *ret = true;
    return FW_OK;
}

static enum fw_status ports(struct fw_exec *e, struct fw_run *r)
{
    const struct fw_node *n = r->cx.node;
    struct fw_buffer **p = fw_arena_array(&e->scratch, n->n_in + n->n_out + 1u, sizeof *p);
    if (p == NULL)
        return fw_fail_memory(r->cx.err);
    for (unsigned i = 0; i < n->n_in; i++) {
        p[i] = n->in[i] == FW_NONE ? NULL : &e->slots[n->in[i]].v;
        bool shape_only = i < 32 && n->op->shape_only >> i & 1u;
        FW_REQUIRE(p[i] == NULL || p[i]->data != NULL || p[i]->open || shape_only, r->cx.err,
                   FW_UNSUPPORTED, "input %u has not been computed", i);
    }
    for (unsigned i = 0; i < n->n_out; i++) {
        p[n->n_in + i] = n->out[i] == FW_NONE ? NULL : &e->slots[n->out[i]].v;
        const struct fw_tensor *t = n->out[i] == FW_NONE ? NULL : &e->g->tensors[n->out[i]];
        if (t == NULL)
            continue;
        if (t->flags & FW_TENSOR_OPEN) {
            p[n->n_in + i]->open = true;
        } else if (fw_exec_constant(t)) {
            int64_t dims[FW_MAX_RANK];
            fw_exec_dims(t, dims);
            FW_TRY(fw_exec_room(e, n->out[i], t->rank, dims, r->cx.err));
        }
    }
    r->in = p;
    r->out = p + n->n_in;
    return FW_OK;
}

static enum fw_status execute(struct fw_exec *e, struct fw_run *r)
{
    struct fw_node *n = r->cx.node;
    bool done;
    FW_TRY(fw_in_time(e->g->alloc, 0, r->cx.err));
    FW_TRY(folded(e, n, &done, r->cx.err));
    if (done)
        return FW_OK;
    if (e->dynamic[n - e->g->nodes])
        FW_TRY(infer_again(e, r));
    if (is_view(e, n))
        return view(e, r);
    // cppcheck-suppress AssignmentIntegerToAddress // run is an array of pointers
    fw_kernel *kernel = n->op->run[e->o.build];
    FW_REQUIRE(kernel != NULL, r->cx.err, FW_UNSUPPORTED, "there is no kernel for this operator");
    FW_TRY(ports(e, r));
    FW_TRY(fw_kernel_call(kernel, r));
    for (unsigned i = 0; i < n->n_out; i++)
        FW_REQUIRE(r->out[i] == NULL || r->out[i]->data != NULL || r->out[i]->open, r->cx.err,
                   FW_UNSUPPORTED, "the kernel does not compute output %u", i);
    return FW_OK;
}

enum fw_status fw_exec_node(struct fw_exec *e, uint32_t id, uint64_t *tally, struct fw_error *err)
{
    struct fw_node *n = &e->g->nodes[id];
    uint64_t before[FW_N_TALLIES];
    memcpy(before, fw_tally, sizeof before);
    struct fw_arena_mark mark = fw_arena_mark(&e->scratch);
    struct fw_run r = {.cx = fw_cx_make(e->g, n, NULL, err),
                       .scratch = &e->scratch,
                       .parts = 1,
                       .optimizer = e->o.optimizer,
                       .hyper = e->o.hyper,
                       .step = e->step,
                       .clip = 1,
                       .random = e->random,
                       .shape = shape_output,
                       .make = make_value,
                       .body = run_body,
                       .executor = e};
    enum fw_status status = execute(e, &r);
    fw_arena_release(&e->scratch, mark);
    if (status != FW_OK)
        fw_error_at_node(err, e->g, id);
    if (n->flags & FW_NODE_SHAPE)
        memcpy(fw_tally, before, sizeof before);
    for (unsigned k = 0; tally != NULL && k < FW_N_TALLIES; k++)
        tally[k] = fw_tally[k] - before[k];
    return status;
}

enum fw_status fw_exec_run(struct fw_exec *e, uint32_t first, uint32_t end, struct fw_error *err)
{
    if (first == 0) {
        fw_arena_clear(&e->made);
    }
    for (uint32_t id = first; id < end; id++)
        FW_TRY(fw_exec_node(e, id, NULL, err));
    return FW_OK;
}
