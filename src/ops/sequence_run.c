/* Kernels of sequence.c and of SequenceMap (control.c). Sequences hold copies: a tensor may be
 * computed again while a sequence still has what it was. */
#include "ops/control_kernel.h"

static size_t bytes_of(const struct fw_buffer *v)
{
    return v->n * fw_element_bytes((enum fw_dtype)v->dtype, v->real);
}

/* Items for output 0, to be filled; NULL = out of memory, or there is no room for values of their
 * own here. */
static struct fw_buffer **open_items(struct fw_run *r, size_t n)
{
    struct fw_buffer *y = r->out[0];
    y->items = room_for_items(r, n);
    y->n_items = y->items != NULL ? (uint32_t)n : 0;
    y->open = true;
    return y->items;
}

/* Output 0 is a copy of v. */
static enum fw_status put_tensor(struct fw_run *r, const struct fw_buffer *v)
{
    FW_REQUIRE(!v->open, r->cx.err, FW_UNSUPPORTED, "a sequence of sequences has no kernel");
    FW_TRY(r->shape(r, 0, v->rank, v->dims));
    FW_REQUIRE(r->out[0]->dtype == v->dtype, r->cx.err, FW_SHAPE,
               "elements of type %s are wanted, found %s", fw_dtypes[r->out[0]->dtype].name,
               fw_dtypes[v->dtype].name);
    memcpy(r->out[0]->data, v->data, bytes_of(v));
    return FW_OK;
}

/* Output 0 holds copies of these. */
static enum fw_status put_items(struct fw_run *r, struct fw_buffer *const *items, size_t n)
{
    struct fw_buffer **to = open_items(r, n);
    for (size_t i = 0; to != NULL && i < n; i++)
        if ((to[i] = copy_of(r, items[i])) == NULL)
            return fw_fail_memory(r->cx.err);
    return to != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

/* A place -n..n-1 (or up to n, where something is put in) from input i; `otherwise` without. */
static enum fw_status place_of(const struct fw_run *r, unsigned i, size_t n, bool end,
                               size_t otherwise, size_t *ret)
{
    int64_t at = fw_run_has(r, i) ? fw_buffer_int(r->in[i], 0) : (int64_t)otherwise;
    at = at < 0 ? at + (int64_t)n : at;
    FW_REQUIRE(at >= 0 && at < (int64_t)n + end, r->cx.err, FW_SHAPE,
               "a place in a sequence of %zu is wanted, found %lld", n, (long long)at);
    *ret = (size_t)at;
    return FW_OK;
}

KERNEL(sequence_construct)
{
    return put_items(r, r->in, r->cx.node->n_in);
}

KERNEL(sequence_empty)
{
    return put_items(r, NULL, 0);
}

KERNEL(sequence_at) // (sequence, place)
{
    size_t at;
    FW_TRY(place_of(r, 1, r->in[0]->n_items, false, 0, &at));
    return put_tensor(r, r->in[0]->items[at]);
}

KERNEL(sequence_erase) // (sequence, place?)
{
    const struct fw_buffer *s = r->in[0];
    size_t at, n = 0;
    FW_TRY(place_of(r, 1, s->n_items, false, s->n_items - 1u, &at));
    struct fw_buffer **left = fw_arena_array(r->scratch, s->n_items + 1u, sizeof *left);
    if (left == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < s->n_items; i++)
        if (i != at)
            left[n++] = s->items[i];
    return put_items(r, left, n);
}

KERNEL(sequence_insert) // (sequence, tensor, place?)
{
    const struct fw_buffer *s = r->in[0];
    size_t at, n = 0;
    FW_TRY(place_of(r, 2, s->n_items, true, s->n_items, &at));
    struct fw_buffer **more = fw_arena_array(r->scratch, s->n_items + 2u, sizeof *more);
    if (more == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i <= s->n_items; i++) {
        if (i == at)
            more[n++] = r->in[1];
        if (i < s->n_items)
            more[n++] = s->items[i];
    }
    return put_items(r, more, n);
}

KERNEL(sequence_length)
{
    fw_buffer_put_int(r->out[0], 0, (int64_t)r->in[0]->n_items);
    return FW_OK;
}

/* Bytes of one slice of v along an axis: all but the dimensions in front. */
static size_t inner_bytes(const struct fw_buffer *v, unsigned axis)
{
    return fw_buffer_span(v, axis, v->rank) * fw_element_bytes((enum fw_dtype)v->dtype, v->real);
}

KERNEL(sequence_concat) // along an axis, or a new one
{
    const struct fw_buffer *s = r->in[0];
    unsigned fresh = fw_run_attr_int(r, "new_axis", 0) != 0 ? 1 : 0;
    int64_t dims[FW_MAX_RANK] = {0};
    unsigned axis;
    FW_REQUIRE(s->n_items > 0, r->cx.err, FW_SHAPE, "a sequence that holds something is wanted");
    unsigned rank = s->items[0]->rank + fresh;
    FW_REQUIRE(rank >= 1 && rank <= FW_MAX_RANK, r->cx.err, FW_SHAPE, "an axis is wanted");
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), rank, &axis));
    for (uint32_t i = 0; i < s->n_items; i++) {
        const struct fw_buffer *v = s->items[i];
        bool same = v->rank + fresh == rank && v->dtype == s->items[0]->dtype;
        for (unsigned k = 0; same && k < v->rank; k++) {
            unsigned to = fresh && k >= axis ? k + 1 : k;
            same = i == 0 || dims[to] == v->dims[k] || (!fresh && to == axis);
            dims[to] = i == 0 || same ? (to == axis && !fresh ? dims[to] : v->dims[k]) : 0;
        }
        FW_REQUIRE(same, r->cx.err, FW_SHAPE, "elements of other shapes cannot be joined");
        dims[axis] += fresh ? 1 : v->dims[axis];
    }
    FW_TRY(r->shape(r, 0, rank, dims));
    struct fw_buffer *y = r->out[0];
    size_t line = inner_bytes(y, axis);
    size_t before = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        size_t part = inner_bytes(s->items[i], axis);
        fw_kernel_wants_alike(y, s->items[i]);
        for (size_t o = 0; o < fw_buffer_span(y, 0, axis); o++)
            memcpy((char *)y->data + o * line + before, (const char *)s->items[i]->data + o * part,
                   part);
        before += part;
    }
    return FW_OK;
}

/* Elements from..from+n along an axis; the axis goes where drop. */
static struct fw_buffer *cut(struct fw_run *r, const struct fw_buffer *x, unsigned axis,
                             size_t from, size_t n, bool drop)
{
    int64_t dims[FW_MAX_RANK];
    unsigned rank = 0;
    for (unsigned k = 0; k < x->rank; k++)
        if (k != axis || !drop)
            dims[rank++] = k == axis ? (int64_t)n : x->dims[k];
    struct fw_buffer *y = r->make(r, (enum fw_dtype)x->dtype, rank, dims);
    size_t each =
        fw_buffer_span(x, axis + 1, x->rank) * fw_element_bytes((enum fw_dtype)x->dtype, x->real);
    for (size_t o = 0; y != NULL && o < fw_buffer_span(x, 0, axis); o++)
        memcpy((char *)y->data + o * n * each,
               (const char *)x->data + (o * (size_t)x->dims[axis] + from) * each, n * each);
    return y;
}

KERNEL(sequence_split) // (x, size or sizes?)
{
    const struct fw_buffer *x = r->in[0], *sizes = fw_run_in(r, 1);
    bool drop = sizes == NULL && fw_run_attr_int(r, "keepdims", 1) == 0;
    bool listed = sizes != NULL && sizes->rank == 1;
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), x->rank, &axis));
    size_t d = (size_t)x->dims[axis];
    int64_t each = sizes != NULL && !listed ? fw_buffer_int(sizes, 0) : 1;
    FW_REQUIRE(each > 0, r->cx.err, FW_SHAPE, "parts of at least 1 are wanted");
    size_t n = listed ? sizes->n : (d + (size_t)each - 1) / (size_t)each;
    struct fw_buffer **to = open_items(r, n);
    size_t from = 0;
    if (to == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n; i++) {
        int64_t size = listed ? fw_buffer_int(sizes, i) : each;
        if (!listed && from + (size_t)size > d)
            size = (int64_t)(d - from);
        FW_REQUIRE(size >= 0 && from + (size_t)size <= d, r->cx.err, FW_SHAPE,
                   "parts that add up to %zu are wanted", d);
        to[i] = cut(r, x, axis, from, (size_t)size, drop);
        if (to[i] == NULL)
            return fw_fail_memory(r->cx.err);
        from += (size_t)size;
    }
    return FW_OK;
}

/* ---- optionals: a sequence of what is held, none or one ---- */

KERNEL(optional)
{
    return put_items(r, r->in, fw_run_has(r, 0) ? 1 : 0);
}

KERNEL(optional_get)
{
    const struct fw_buffer *x = r->in[0];
    if (!x->open)
        return put_tensor(r, x);
    bool sequence = r->out[0]->open;
    if (sequence && (x->n_items != 1 || !x->items[0]->open)) // no optional, but what it would hold
        return put_items(r, x->items, x->n_items);
    FW_REQUIRE(x->n_items == 1, r->cx.err, FW_SHAPE, "an optional that holds something is wanted");
    return sequence ? put_items(r, x->items[0]->items, x->items[0]->n_items)
                    : put_tensor(r, x->items[0]);
}

KERNEL(optional_has)
{
    const struct fw_buffer *x = fw_run_in(r, 0);
    fw_buffer_put_int(r->out[0], 0, x != NULL && (!x->open || x->n_items > 0));
    return FW_OK;
}

/* ---- SequenceMap: (sequence, sequences or tensors...) ---- */

KERNEL(sequence_map)
{
    struct fw_graph *body;
    struct fw_buffer **in, **out;
    FW_TRY(open_body(r, 0, &body, &in, &out));
    size_t n = r->in[0]->n_items;
    for (unsigned o = 0; o < r->cx.node->n_out; o++) {
        struct fw_buffer *y = fw_run_out(r, o);
        if (y == NULL)
            continue;
        y->items = room_for_items(r, n);
        y->n_items = y->items != NULL ? (uint32_t)n : 0;
        y->open = true;
        if (y->items == NULL)
            return fw_fail_memory(r->cx.err);
    }
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < body->n_formal && k < r->cx.node->n_in; k++) {
            FW_REQUIRE(!r->in[k]->open || i < r->in[k]->n_items, r->cx.err, FW_SHAPE,
                       "sequences of %zu elements are wanted", n);
            in[k] = r->in[k]->open ? r->in[k]->items[i] : r->in[k];
        }
        FW_TRY(r->body(r, body, in, out));
        for (unsigned o = 0; o < r->cx.node->n_out && o < body->n_outputs; o++)
            if (fw_run_out(r, o) != NULL && (r->out[o]->items[i] = copy_of(r, out[o])) == NULL)
                return fw_fail_memory(r->cx.err);
    }
    return FW_OK;
}
