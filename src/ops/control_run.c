/* Kernels of If, Loop and Scan: they run bodies and keep what those hand on. Their gradients have
 * no kernels: a gradient node stands for the runs of a phase, and what one run keeps for another
 * stays inside the body. */
#include "ops/control_kernel.h"
#include "ops/moves.h"

static size_t bytes_of(const struct fw_buffer *v)
{
    return v->n * fw_element_bytes((enum fw_dtype)v->dtype, v->real);
}

/* A tensor whose data has room for n items: pointers are no longer than int64. */
static struct fw_buffer *make_room(struct fw_run *r, size_t n)
{
    const int64_t dims[1] = {(int64_t)n + 1};
    return r->make != NULL ? r->make(r, FW_I64, 1, dims) : NULL;
}

struct fw_buffer **room_for_items(struct fw_run *r, size_t n)
{
    struct fw_buffer *room = make_room(r, n);
    return room != NULL ? room->data : NULL;
}

static struct fw_buffer *copy_sequence(struct fw_run *r, const struct fw_buffer *v)
{
    struct fw_buffer *c = make_room(r, v->n_items);
    if (c == NULL)
        return NULL;
    struct fw_buffer **items = c->data;
    *c = *v;
    c->items = items;
    for (uint32_t i = 0; i < v->n_items; i++)
        if ((items[i] = copy_of(r, v->items[i])) == NULL)
            return NULL;
    return c;
}

struct fw_buffer *copy_of(struct fw_run *r, const struct fw_buffer *v)
{
    if (v->open || r->make == NULL)
        return v->open ? copy_sequence(r, v) : NULL;
    struct fw_buffer *c = r->make(r, (enum fw_dtype)v->dtype, v->rank, v->dims);
    if (c != NULL)
        memcpy(c->data, v->data, bytes_of(v));
    return c;
}

/* Output i of the node = v. */
static enum fw_status give(struct fw_run *r, unsigned i, const struct fw_buffer *v)
{
    struct fw_buffer *y = fw_run_out(r, i);
    if (y == NULL)
        return FW_OK;
    if (v->open) {
        const struct fw_buffer *copy = copy_of(r, v);
        if (copy == NULL)
            return fw_fail_memory(r->cx.err);
        y->open = true;
        y->items = copy->items;
        y->n_items = copy->n_items;
        return FW_OK;
    }
    FW_TRY(r->shape(r, i, v->rank, v->dims));
    fw_kernel_wants_alike(y, v);
    memcpy(y->data, v->data, bytes_of(v));
    return FW_OK;
}

enum fw_status open_body(const struct fw_run *r, unsigned attr, struct fw_graph **ret,
                         struct fw_buffer ***ret_in, struct fw_buffer ***ret_out)
{
    struct fw_graph *body = fw_attr_at(&r->cx, attr)->graph;
    FW_REQUIRE(r->body != NULL, r->cx.err, FW_UNSUPPORTED, "bodies are not executed here");
    *ret = body;
    *ret_in = fw_arena_zalloc(r->scratch, (body->n_inputs + 1u) * sizeof **ret_in);
    *ret_out = fw_arena_zalloc(r->scratch, (body->n_outputs + 1u) * sizeof **ret_out);
    if (*ret_in == NULL || *ret_out == NULL)
        return fw_fail_memory(r->cx.err);
    for (uint32_t k = body->n_formal; k < body->n_inputs; k++)
        (*ret_in)[k] = r->in[body->capture_in[k - body->n_formal]];
    return FW_OK;
}

static unsigned attr_named(const struct fw_run *r, const char *name)
{
    const struct fw_op *op = r->cx.node->op;
    unsigned i = 0;
    while (i < op->n_attrs && strcmp(op->attrs[i].name, name) != 0)
        i++;
    return i;
}

KERNEL(if_)
{
    bool yes = fw_buffer_int(r->in[0], 0) != 0;
    struct fw_graph *body;
    struct fw_buffer **in, **out;
    FW_TRY(open_body(r, attr_named(r, yes ? "then_branch" : "else_branch"), &body, &in, &out));
    FW_TRY(r->body(r, body, in, out));
    for (unsigned i = 0; i < r->cx.node->n_out && i < body->n_outputs; i++)
        FW_TRY(give(r, i, out[i]));
    return FW_OK;
}

/* The results of all runs beside each other along an axis, in order or from the end. */
struct stack {
    struct fw_buffer **item;
    size_t n, cap;
};

static enum fw_status push(struct fw_run *r, struct stack *s, const struct fw_buffer *v)
{
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 16 : 2 * s->cap;
        struct fw_buffer **item = fw_arena_array(r->scratch, cap, sizeof(struct fw_buffer *));
        if (item == NULL)
            return fw_fail_memory(r->cx.err);
        if (s->n > 0)
            memcpy(item, s->item, s->n * sizeof *item);
        s->item = item;
        s->cap = cap;
    }
    s->item[s->n] = copy_of(r, v);
    return s->item[s->n++] != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

static enum fw_status unstack(struct fw_run *r, const struct stack *s, unsigned i, int64_t axis,
                              bool from_end, const struct fw_tensor *like)
{
    int64_t dims[FW_MAX_RANK] = {(int64_t)s->n};
    unsigned rank = s->n > 0 ? s->item[0]->rank + 1u : like->rank;
    struct fw_buffer *y = fw_run_out(r, i);
    if (y == NULL)
        return FW_OK;
    size_t at = (size_t)(axis < 0 ? axis + rank : axis);
    FW_REQUIRE(rank <= FW_MAX_RANK && at < rank, r->cx.err, FW_SHAPE, "a bad axis of an output");
    for (unsigned k = 0; s->n > 0 && k < rank; k++)
        dims[k] = k == at ? (int64_t)s->n : s->item[0]->dims[k < at ? k : k - 1];
    for (unsigned k = 1; s->n == 0 && k < rank; k++)
        dims[k] = fw_dim_is_const(like->dims[k]) ? like->dims[k].word : 0;
    FW_TRY(r->shape(r, i, rank, dims));
    size_t each = fw_element_bytes((enum fw_dtype)y->dtype, y->real);
    size_t inner = s->n > 0 ? fw_buffer_span(y, (unsigned)at + 1, rank) * each : 0;
    for (size_t k = 0; k < s->n; k++) {
        const struct fw_buffer *v = s->item[from_end ? s->n - 1 - k : k];
        fw_kernel_wants_alike(y, v);
        for (size_t o = 0; o < fw_buffer_span(y, 0, (unsigned)at); o++)
            memcpy((char *)y->data + (o * s->n + k) * inner, (char *)v->data + o * inner, inner);
    }
    return FW_OK;
}

KERNEL(loop) // (trips?, condition?, states...)
{
    struct fw_graph *body;
    struct fw_buffer **in, **out;
    FW_TRY(open_body(r, 0, &body, &in, &out));
    uint32_t n_state = body->n_formal - 2u;
    uint32_t n_scan = body->n_outputs - 1u - n_state;
    int64_t trips = fw_run_has(r, 0) ? fw_buffer_int(r->in[0], 0) : INT64_MAX;
    bool go = fw_run_has(r, 1) ? fw_buffer_int(r->in[1], 0) != 0 : true;
    struct stack *scans = fw_arena_zalloc(r->scratch, (n_scan + 1u) * sizeof *scans);
    in[0] = r->make(r, FW_I64, 0, NULL);
    in[1] = r->make(r, FW_BOOL, 0, NULL);
    if (scans == NULL || in[0] == NULL || in[1] == NULL)
        return fw_fail_memory(r->cx.err);
    for (uint32_t k = 0; k < n_state; k++)
        in[2 + k] = r->in[2 + k];
    for (int64_t i = 0; i < trips && go; i++) {
        fw_buffer_put_int(in[0], 0, i);
        fw_buffer_put_int(in[1], 0, 1);
        FW_TRY(r->body(r, body, in, out));
        go = fw_buffer_int(out[0], 0) != 0;
        for (uint32_t k = 0; k < n_scan; k++)
            FW_TRY(push(r, &scans[k], out[1 + n_state + k]));
        for (uint32_t k = 0; k < n_state; k++)
            if ((in[2 + k] = copy_of(r, out[1 + k])) == NULL)
                return fw_fail_memory(r->cx.err);
    }
    for (uint32_t k = 0; k < n_state; k++)
        FW_TRY(give(r, k, in[2 + k]));
    for (uint32_t k = 0; k < n_scan; k++)
        FW_TRY(unstack(r, &scans[k], n_state + k, 0, false, fw_out(&r->cx, n_state + k)));
    return FW_OK;
}

/* Number k of a list attribute, 0 where it is left out. */
static int64_t listed(const struct fw_run *r, const char *name, uint32_t k)
{
    const struct fw_attr *a = fw_run_attr(r, name);
    return a != NULL && k < a->n ? a->ints[k] : 0;
}

/* Slice `at` of x along an axis. */
static struct fw_buffer *slice_of(struct fw_run *r, const struct fw_buffer *x, size_t axis,
                                  size_t at)
{
    int64_t dims[FW_MAX_RANK];
    for (unsigned k = 0; k + 1 < x->rank; k++)
        dims[k] = x->dims[k < axis ? k : k + 1];
    struct fw_buffer *y = r->make(r, (enum fw_dtype)x->dtype, x->rank - 1u, dims);
    size_t each = fw_element_bytes((enum fw_dtype)x->dtype, x->real);
    size_t inner = fw_buffer_span(x, (unsigned)axis + 1, x->rank) * each;
    for (size_t o = 0; y != NULL && o < fw_buffer_span(x, 0, (unsigned)axis); o++)
        memcpy((char *)y->data + o * inner,
               (const char *)x->data + (o * (size_t)x->dims[axis] + at) * inner, inner);
    return y;
}

KERNEL(scan) // (states..., scanned inputs...)
{
    struct fw_graph *body;
    struct fw_buffer **in, **out;
    FW_TRY(open_body(r, attr_named(r, "body"), &body, &in, &out));
    uint32_t n_in = (uint32_t)fw_run_attr_int(r, "num_scan_inputs", 1);
    uint32_t n_state = body->n_formal - n_in;
    uint32_t n_scan = body->n_outputs - n_state;
    struct stack *scans = fw_arena_zalloc(r->scratch, (n_scan + 1u) * sizeof *scans);
    size_t trips = 0;
    if (scans == NULL)
        return fw_fail_memory(r->cx.err);
    for (uint32_t k = 0; k < n_state; k++)
        in[k] = r->in[k];
    for (size_t i = 0; i == 0 || i < trips; i++) {
        for (uint32_t k = 0; k < n_in; k++) {
            const struct fw_buffer *x = r->in[n_state + k];
            int64_t axis = listed(r, "scan_input_axes", k);
            size_t a = (size_t)(axis < 0 ? axis + x->rank : axis);
            trips = (size_t)x->dims[a];
            bool back = listed(r, "scan_input_directions", k) != 0;
            if (trips == 0)
                break;
            if ((in[n_state + k] = slice_of(r, x, a, back ? trips - 1 - i : i)) == NULL)
                return fw_fail_memory(r->cx.err);
        }
        if (trips == 0)
            break;
        FW_TRY(r->body(r, body, in, out));
        for (uint32_t k = 0; k < n_scan; k++)
            FW_TRY(push(r, &scans[k], out[n_state + k]));
        for (uint32_t k = 0; k < n_state; k++)
            if ((in[k] = copy_of(r, out[k])) == NULL)
                return fw_fail_memory(r->cx.err);
    }
    for (uint32_t k = 0; k < n_state; k++)
        FW_TRY(give(r, k, in[k]));
    for (uint32_t k = 0; k < n_scan; k++)
        FW_TRY(unstack(r, &scans[k], n_state + k, listed(r, "scan_output_axes", k),
                       listed(r, "scan_output_directions", k) != 0, fw_out(&r->cx, n_state + k)));
    return FW_OK;
}
