/* Kernels of index.c and scatter.c. */
#include "ops/moves.h"

/* An index as 0..d-1; negative ones count from the end. */
static enum fw_status index_of(const struct fw_run *r, const struct fw_buffer *v, size_t i,
                               int64_t d, int64_t *ret)
{
    int64_t at = fw_buffer_int(v, i);
    FW_REQUIRE(at >= -d && at < d, r->cx.err, FW_SHAPE,
               "an index from %lld to %lld is wanted, found %lld", (long long)-d, (long long)d - 1,
               (long long)at);
    *ret = at < 0 ? at + d : at;
    return FW_OK;
}

/* Fills m->from; the indices stand in input 1, of the gradient as well. */
typedef enum fw_status map_function(struct fw_run *r, struct moves *m);

static enum fw_status map_gather(struct fw_run *r, struct moves *m)
{
    const struct fw_buffer *at = r->in[1];
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), m->x->rank, &axis));
    int64_t d = m->x->dims[axis];
    size_t inner = fw_buffer_span(m->x, axis + 1, m->x->rank);
    for (size_t i = 0; i < m->y->n; i++) {
        int64_t k;
        FW_TRY(index_of(r, at, i / inner % at->n, d, &k));
        m->from[i] = ((int64_t)(i / inner / at->n) * d + k) * (int64_t)inner + (int64_t)(i % inner);
    }
    return FW_OK;
}

static enum fw_status map_elements(struct fw_run *r, struct moves *m)
{
    unsigned axis;
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), m->x->rank, &axis));
    moves_strides(m->x, stride);
    fw_walk_init(&w, m->y->rank, m->y->dims);
    fw_walk_add(&w, stride, 0);
    for (size_t i = 0; i < m->y->n; i++) {
        int64_t k;
        FW_TRY(index_of(r, r->in[1], i, m->x->dims[axis], &k));
        m->from[i] = w.offset[0] + (k - w.at[axis]) * stride[axis];
        fw_walk_next(&w);
    }
    return FW_OK;
}

/* Tuples of indices (..., q) into x behind `batch` common dimensions; each takes a block. */
static enum fw_status map_nd(struct fw_run *r, const struct fw_buffer *x,
                             const struct fw_buffer *at, size_t n, unsigned batch, int64_t *from)
{
    unsigned q = at->rank == 0 ? 1 : (unsigned)at->dims[at->rank - 1];
    ptrdiff_t stride[FW_MAX_RANK];
    size_t block = fw_buffer_span(x, batch + q, x->rank);
    size_t tuples = at->n / (q > 0 ? q : 1);
    size_t batches = fw_buffer_span(x, 0, batch);
    moves_strides(x, stride);
    for (size_t i = 0; i < n; i++) {
        size_t tuple = i / block;
        size_t example = tuples > 0 ? tuple / (tuples / batches) : 0;
        int64_t place = (int64_t)(example * fw_buffer_span(x, batch, x->rank) + i % block);
        for (unsigned k = 0; k < q; k++) {
            int64_t index;
            FW_TRY(index_of(r, at, tuple * q + k, x->dims[batch + k], &index));
            place += index * stride[batch + k];
        }
        from[i] = place;
    }
    return FW_OK;
}

static enum fw_status map_gather_nd(struct fw_run *r, struct moves *m)
{
    return map_nd(r, m->x, r->in[1], m->y->n, (unsigned)fw_run_attr_int(r, "batch_dims", 0),
                  m->from);
}

static enum fw_status map_features(struct fw_run *r, struct moves *m)
{
    int64_t d = m->x->dims[m->x->rank - 1];
    size_t n = r->in[1]->n;
    for (size_t i = 0; i < m->y->n; i++) {
        int64_t k;
        FW_TRY(index_of(r, r->in[1], i % n, d, &k));
        m->from[i] = (int64_t)(i / n) * d + k;
    }
    return FW_OK;
}

static enum fw_status map_compress(struct fw_run *r, struct moves *m)
{
    bool flat = !fw_run_attr(r, "axis")->given;
    unsigned axis = 0;
    if (!flat)
        FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), m->x->rank, &axis));
    size_t length = flat ? m->x->n : (size_t)m->x->dims[axis];
    size_t inner = flat ? 1 : fw_buffer_span(m->x, axis + 1, m->x->rank);
    size_t outer = flat ? 1 : fw_buffer_span(m->x, 0, axis);
    size_t n = 0;
    for (size_t o = 0; o < outer; o++)
        for (size_t k = 0; k < length && k < r->in[1]->n; k++)
            for (size_t i = 0; i < inner && fw_buffer_int(r->in[1], k) != 0 && n < m->y->n; i++)
                m->from[n++] = (int64_t)((o * length + k) * inner + i);
    return FW_OK;
}

static enum fw_status forward(struct fw_run *r, map_function *map)
{
    struct moves m;
    FW_TRY(moves_open(r, r->in[0], r->out[0], &m));
    FW_TRY(map(r, &m));
    moves_forward(&m, r->in[0], r->out[0], NULL);
    return FW_OK;
}

/* (dy, indices, x): added back; with a single index nothing can repeat. */
static enum fw_status backward(struct fw_run *r, map_function *map, bool adds)
{
    struct moves m;
    FW_TRY(moves_open(r, r->out[0], r->in[0], &m));
    FW_TRY(map(r, &m));
    return moves_backward(r, &m, reals(r, 0), reals_out(r, 0),
                          adds && r->in[1]->n != 1 ? MOVES_ADD : MOVES_ALONE);
}

KERNEL(gather)
{
    return forward(r, map_gather);
}
KERNEL(gather_grad)
{
    return backward(r, map_gather, true);
}
KERNEL(gather_elements)
{
    return forward(r, map_elements);
}
KERNEL(gather_elements_grad)
{
    return backward(r, map_elements, true);
}
KERNEL(gather_nd)
{
    return forward(r, map_gather_nd);
}
KERNEL(gather_nd_grad)
{
    return backward(r, map_gather_nd, true);
}
KERNEL(features)
{
    return forward(r, map_features);
}
KERNEL(features_grad)
{
    return backward(r, map_features, true);
}

KERNEL(compress)
{
    const struct fw_buffer *x = r->in[0];
    bool flat = !fw_run_attr(r, "axis")->given;
    unsigned axis = 0;
    int64_t dims[FW_MAX_RANK];
    int64_t taken = 0;
    if (!flat)
        FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), x->rank, &axis));
    size_t length = flat ? x->n : (size_t)x->dims[axis];
    for (size_t k = 0; k < r->in[1]->n && k < length; k++)
        taken += fw_buffer_int(r->in[1], k) != 0;
    for (unsigned k = 0; k < x->rank; k++)
        dims[k] = x->dims[k];
    dims[axis] = taken;
    FW_TRY(r->shape(r, 0, flat ? 1 : x->rank, dims));
    return forward(r, map_compress);
}

KERNEL(compress_grad)
{
    return backward(r, map_compress, false);
}

/* ---- writing by index ---- */

/* One operation of the reduction on the element an update meets. */
static void join(struct fw_buffer *y, size_t at, const struct fw_buffer *u, size_t i, char how)
{
    REAL a = (REAL)fw_buffer_get(y, at);
    REAL b = (REAL)fw_buffer_get(u, i);
    if (how == '=') {
        size_t each = fw_element_bytes((enum fw_dtype)y->dtype, y->real);
        fw_kernel_wants_alike(y, u);
        memcpy((char *)y->data + at * each, (const char *)u->data + i * each, each);
        return;
    }
    REAL v = how == '+' ? ADD(a, b) : how == '*' ? MUL(a, b) : how == '<' ? MIN(a, b) : MAX(a, b);
    fw_buffer_put(y, at, (double)v);
}

static char reduction(const struct fw_run *r)
{
    static const struct {
        const char *name;
        char sign;
    } known[] = {{"add", '+'}, {"mul", '*'}, {"min", '<'}, {"max", '>'}};
    const char *s = fw_run_attr(r, "reduction")->s;
    for (unsigned k = 0; s != NULL && k < sizeof known / sizeof *known; k++)
        if (strcmp(known[k].name, s) == 0)
            return known[k].sign;
    return '=';
}

static void copy_first(const struct fw_run *r)
{
    struct fw_buffer *y = r->out[0];
    memcpy(y->data, r->in[0]->data, y->n * fw_element_bytes((enum fw_dtype)y->dtype, y->real));
}

/* The places updates go to; indices stand in input 1. */
static enum fw_status places(struct fw_run *r, const struct fw_buffer *x,
                             const struct fw_buffer *at, bool nd, size_t *ret_n, int64_t **ret)
{
    struct moves m;
    struct fw_buffer updates = *at;
    unsigned q = nd && at->rank > 0 ? (unsigned)at->dims[at->rank - 1] : 0;
    if (nd)
        updates.n = at->n / (q > 0 ? q : 1) * fw_buffer_span(x, q, x->rank);
    FW_TRY(moves_open(r, x, &updates, &m));
    *ret_n = updates.n;
    *ret = m.from;
    return nd ? map_nd(r, x, at, updates.n, 0, m.from) : map_elements(r, &m);
}

static enum fw_status scatter(struct fw_run *r, bool nd)
{
    size_t n;
    int64_t *at;
    FW_TRY(places(r, r->in[0], r->in[1], nd, &n, &at));
    copy_first(r);
    for (size_t i = 0; i < n; i++)
        join(r->out[0], (size_t)at[i], r->in[2], i, reduction(r));
    return FW_OK;
}

/* dY with zeros where it was replaced. */
static void leave_out(struct fw_buffer *y, size_t n, const int64_t *at)
{
    for (size_t i = 0; i < n; i++)
        if (fw_kernel_has(y, (size_t)at[i]))
            reals_of(y)[at[i]] = 0;
}

static enum fw_status scatter_grad(struct fw_run *r, bool nd)
{
    size_t n;
    int64_t *at;
    FW_TRY(places(r, r->in[0], r->in[1], nd, &n, &at));
    copy_first(r);
    leave_out(r->out[0], n, at);
    return FW_OK;
}

KERNEL(scatter_elements)
{
    return scatter(r, false);
}
KERNEL(scatter_nd)
{
    return scatter(r, true);
}
KERNEL(scatter_elements_grad)
{
    return scatter_grad(r, false);
}
KERNEL(scatter_nd_grad)
{
    return scatter_grad(r, true);
}

/* ---- TensorScatter: (cache, update, write positions?) ---- */

/* Where element i of the update stands in the cache. */
static enum fw_status cache_places(struct fw_run *r, const struct fw_buffer *cache,
                                   const struct fw_buffer *update, int64_t **ret)
{
    const struct fw_buffer *begin = fw_run_in(r, 2);
    const char *mode = fw_run_attr(r, "mode")->s;
    bool circular = mode != NULL && strcmp(mode, "circular") == 0;
    unsigned axis;
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", -2), cache->rank, &axis));
    int64_t *at = fw_arena_array(r->scratch, update->n + 1, sizeof *at);
    if (at == NULL)
        return fw_fail_memory(r->cx.err);
    moves_strides(cache, stride);
    fw_walk_init(&w, update->rank, update->dims);
    fw_walk_add(&w, stride, 0);
    for (size_t i = 0; i < update->n; i++) {
        int64_t first = begin != NULL ? fw_buffer_int(begin, (size_t)w.at[0]) : 0;
        int64_t room = cache->dims[axis];
        FW_REQUIRE(first >= 0 && room > 0 && (circular || first < room), r->cx.err, FW_SHAPE,
                   "a place in the cache is wanted, found %lld", (long long)first);
        int64_t place = first % room + w.at[axis];
        place = circular ? place % room : place;
        FW_REQUIRE(place < room, r->cx.err, FW_SHAPE, "the update does not fit into the cache");
        at[i] = w.offset[0] + (place - w.at[axis]) * stride[axis];
        fw_walk_next(&w);
    }
    *ret = at;
    return FW_OK;
}

KERNEL(tensor_scatter)
{
    int64_t *at;
    FW_TRY(cache_places(r, r->in[0], r->in[1], &at));
    copy_first(r);
    for (size_t i = 0; i < r->in[1]->n; i++)
        join(r->out[0], (size_t)at[i], r->in[1], i, '=');
    return FW_OK;
}

KERNEL(tensor_scatter_grad) // (dy, update, positions?)
{
    int64_t *at;
    FW_TRY(cache_places(r, r->in[0], r->in[1], &at));
    copy_first(r);
    leave_out(r->out[0], r->in[1]->n, at);
    return FW_OK;
}

KERNEL(tensor_scatter_grad_update) // (dy, update, positions?)
{
    int64_t *at;
    FW_TRY(cache_places(r, r->in[0], r->out[0], &at));
    for (size_t i = 0; i < r->out[0]->n; i++)
        reals_out(r, 0)[i] = (REAL)fw_buffer_get(r->in[0], (size_t)at[i]);
    return FW_OK;
}

/* ---- OneHot: (indices, depth, {off, on}) ---- */

KERNEL(one_hot)
{
    const struct fw_buffer *at = r->in[0];
    int64_t dims[FW_MAX_RANK];
    unsigned axis;
    unsigned rank = at->rank + 1u;
    int64_t depth = fw_buffer_int(r->in[1], 0);
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", -1), rank, &axis));
    for (unsigned k = 0; k < rank; k++)
        dims[k] = k == axis ? depth : at->dims[k < axis ? k : k - 1];
    FW_TRY(r->shape(r, 0, rank, dims));
    struct fw_buffer *y = r->out[0];
    size_t each = fw_element_bytes((enum fw_dtype)y->dtype, y->real);
    size_t inner = fw_buffer_span(y, axis + 1, rank);
    fw_kernel_wants_alike(y, r->in[2]);
    (void)fw_buffer_get(r->in[2], 1); // there are two
    for (size_t i = 0; i < y->n; i++) {
        int64_t k = (int64_t)(i / inner) % depth;
        int64_t index = fw_buffer_int(at, i / inner / (size_t)depth * inner + i % inner);
        bool on = (index < 0 ? index + depth : index) == k;
        memcpy((char *)y->data + i * each, (const char *)r->in[2]->data + (on ? each : 0), each);
    }
    return FW_OK;
}
