/* The simple executor; see exec.h. */
#include "engine/draw.h"
#include "engine/exec_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static size_t real_bytes(const struct fw_exec *e)
{
    return e->o.build == FW_COUNTED ? sizeof(double) : sizeof(float);
}

bool fw_exec_constant(const struct fw_tensor *t)
{
    if (t->flags & FW_TENSOR_OPEN)
        return true;
    if (t->rank == FW_RANK_UNKNOWN)
        return false;
    for (unsigned k = 0; k < t->rank; k++)
        if (!fw_dim_is_const(t->dims[k]))
            return false;
    return true;
}

static bool is_dynamic(const struct fw_graph *g, const struct fw_node *n)
{
    for (unsigned i = 0; i < n->n_in; i++)
        if (n->in[i] != FW_NONE && !fw_exec_constant(&g->tensors[n->in[i]]))
            return true;
    for (unsigned i = 0; i < n->n_out; i++)
        if (n->out[i] != FW_NONE && !fw_exec_constant(&g->tensors[n->out[i]]))
            return true;
    return false;
}

/* ---- life ---- */

enum fw_status fw_exec_new(struct fw_exec **ret, struct fw_graph *g,
                           const struct fw_exec_options *options, struct fw_error *err)
{
    const struct fw_alloc *alloc = options->alloc ? options->alloc : &fw_alloc_default;
    struct fw_exec *e = fw_mem_resize(alloc, NULL, 0, sizeof *e);
    if (e == NULL)
        return fw_fail_memory(err);
    memset(e, 0, sizeof *e);
    e->g = g;
    e->o = *options;
    e->o.alloc = alloc;
    e->own_random = options->seed;
    e->random = &e->own_random;
    e->step = 1;
    fw_arena_init(&e->scratch, alloc);
    fw_arena_init(&e->made, alloc);
    size_t n = g->n_tensors + 1u;
    size_t nodes = g->n_nodes + 1u;
    e->slots = fw_mem_resize(alloc, NULL, 0, n * sizeof *e->slots);
    e->saved = fw_mem_resize(alloc, NULL, 0, n * sizeof *e->saved);
    e->dynamic = fw_mem_resize(alloc, NULL, 0, nodes * sizeof *e->dynamic);
    e->n = g->n_tensors;
    e->n_nodes = g->n_nodes;
    if (e->slots != NULL)
        memset(e->slots, 0, n * sizeof *e->slots);
    if (e->saved != NULL && e->n > 0)
        memcpy(e->saved, g->tensors, e->n * sizeof *e->saved);
    if (e->slots == NULL || e->saved == NULL || e->dynamic == NULL) {
        fw_exec_free(e);
        return fw_fail_memory(err);
    }
    for (uint32_t id = 0; id < g->n_nodes; id++)
        e->dynamic[id] = is_dynamic(g, &g->nodes[id]);
    *ret = e;
    return FW_OK;
}

void fw_exec_free(struct fw_exec *e)
{
    if (e == NULL)
        return;
    const struct fw_alloc *alloc = e->o.alloc;
    for (uint32_t id = 0; id < e->n && e->slots != NULL && e->saved != NULL; id++) {
        if (e->slots[id].bytes > 0)
            fw_mem_resize(alloc, e->slots[id].v.data, e->slots[id].bytes, 0);
        e->g->tensors[id] = e->saved[id];
    }
    for (struct child *c = e->children; c != NULL;) {
        struct child *next = c->next;
        fw_exec_free(c->exec);
        fw_mem_resize(alloc, c, sizeof *c, 0);
        c = next;
    }
    fw_arena_clear(&e->scratch);
    fw_arena_clear(&e->made);
    fw_mem_resize(alloc, e->slots, (e->n + 1u) * sizeof *e->slots, 0);
    fw_mem_resize(alloc, e->saved, (e->n + 1u) * sizeof *e->saved, 0);
    fw_mem_resize(alloc, e->dynamic, (e->n_nodes + 1u) * sizeof *e->dynamic, 0);
    fw_mem_resize(alloc, e, sizeof *e, 0);
}

void fw_exec_set_step(struct fw_exec *e, int64_t step)
{
    e->step = step;
}

void fw_exec_seed(struct fw_exec *e, uint64_t seed)
{
    e->own_random = seed;
}

struct fw_buffer *fw_exec_value(struct fw_exec *e, uint32_t tensor)
{
    return &e->slots[tensor].v;
}

/* ---- memory ---- */

enum fw_status fw_exec_shape(struct fw_exec *e, struct fw_buffer *v, enum fw_dtype dtype,
                             unsigned rank, const int64_t *dims, size_t *ret_bytes,
                             struct fw_error *err)
{
    size_t each = fw_element_bytes(dtype, real_bytes(e));
    FW_REQUIRE(each > 0, err, FW_UNSUPPORTED, "tensors of type %s are not executed",
               fw_dtypes[dtype].name);
    FW_REQUIRE(rank <= FW_MAX_RANK, err, FW_LIMIT, "a tensor has %u dimensions", rank);
    size_t n = 1;
    for (unsigned k = 0; k < rank; k++) {
        FW_REQUIRE(dims[k] >= 0, err, FW_SHAPE, "a dimension is %" PRId64, dims[k]);
        FW_REQUIRE(!__builtin_mul_overflow(n, (size_t)dims[k], &n), err, FW_LIMIT,
                   "a tensor is too large");
        v->dims[k] = dims[k];
    }
    FW_REQUIRE(!__builtin_mul_overflow(n, each, ret_bytes), err, FW_LIMIT, "a tensor is too large");
    v->rank = (uint8_t)rank;
    v->dtype = (uint8_t)dtype;
    v->real = (uint8_t)real_bytes(e);
    v->n = n;
    v->open = false;
    return FW_OK;
}

void fw_exec_drop(struct fw_exec *e, uint32_t id)
{
    struct slot *s = &e->slots[id];
    if (s->bytes > 0)
        fw_mem_resize(e->o.alloc, s->v.data, s->bytes, 0);
    s->bytes = 0;
}

enum fw_status fw_exec_room(struct fw_exec *e, uint32_t id, unsigned rank, const int64_t *dims,
                            struct fw_error *err)
{
    struct slot *s = &e->slots[id];
    size_t bytes;
    FW_TRY(
        fw_exec_shape(e, &s->v, (enum fw_dtype)e->g->tensors[id].dtype, rank, dims, &bytes, err));
    if (s->bytes == 0)
        s->v.data = NULL; // another tensor's
    if (s->bytes >= bytes && s->bytes > 0)
        return FW_OK;
    size_t want = bytes > 0 ? bytes : 1;
    void *data = fw_mem_resize(e->o.alloc, s->v.data, s->bytes, want);
    if (data == NULL)
        return fw_fail_memory(err);
    s->v.data = data;
    s->bytes = want;
    return FW_OK;
}

enum fw_status fw_exec_tell(struct fw_exec *e, uint32_t id, unsigned rank, const int64_t *dims,
                            struct fw_error *err)
{
    struct fw_tensor *t = &e->g->tensors[id];
    fw_dim d[FW_MAX_RANK];
    bool same = t->rank == rank;
    for (unsigned k = 0; k < rank; k++) {
        d[k] = fw_dim_int(dims[k]);
        same = same && fw_dim_eq(t->dims[k], d[k]);
    }
    if (same)
        return FW_OK;
    t->value = NULL;
    t->rank = (uint8_t)rank;
    t->dims = rank > 0 ? fw_graph_dims(e->g, rank, d) : NULL;
    return rank > 0 && t->dims == NULL ? fw_fail_memory(err) : FW_OK;
}

void fw_exec_dims(const struct fw_tensor *t, int64_t *ret)
{
    for (unsigned k = 0; k < t->rank; k++)
        ret[k] = t->dims[k].word;
}

enum fw_status fw_exec_give(struct fw_exec *e, uint32_t id, unsigned rank, const int64_t *dims,
                            struct fw_buffer **ret, struct fw_error *err)
{
    const struct fw_tensor *t = &e->g->tensors[id];
    int64_t own[FW_MAX_RANK];
    enum fw_status status = FW_OK;
    if (dims == NULL && !fw_exec_constant(t))
        status = fw_fail(err, FW_SHAPE, -1, "its size is not known");
    if (status == FW_OK && dims == NULL) {
        rank = t->rank;
        fw_exec_dims(t, own);
        dims = own;
    }
    if (status == FW_OK)
        status = fw_exec_tell(e, id, rank, dims, err);
    if (status == FW_OK)
        status = fw_exec_room(e, id, rank, dims, err);
    if (status != FW_OK) {
        fw_error_prefix(err, "tensor '%s': ", t->name != NULL ? t->name : "?");
        return status;
    }
    e->slots[id].given = true;
    if (ret != NULL)
        *ret = &e->slots[id].v;
    return FW_OK;
}

/* ---- contents ---- */

void fw_exec_put(struct fw_exec *e, const fw_dim *value, struct fw_buffer *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (fw_dim_is_const(value[i]))
            fw_buffer_put_int(v, i, value[i].word);
        else
            fw_buffer_put(v, i, fw_count_to_double(e->g->sym, fw_count_of(value[i])));
    }
}

bool fw_exec_known(struct fw_exec *e, const fw_dim *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!fw_dim_is_const(value[i]) &&
            isnan(fw_count_to_double(e->g->sym, fw_count_of(value[i]))))
            return false;
    return true;
}

enum fw_status fw_exec_fill_one(struct fw_exec *e, uint32_t id, struct fw_error *err)
{
    struct fw_buffer *v;
    FW_TRY(fw_exec_give(e, id, 0, NULL, &v, err));
    const struct fw_tensor *t = &e->g->tensors[id];
    if (t->kind == FW_KIND_STATE)
        memset(v->data, 0, v->n * fw_element_bytes((enum fw_dtype)t->dtype, v->real));
    else if (t->value != NULL && fw_exec_known(e, t->value, v->n))
        fw_exec_put(e, t->value, v);
    else if (!fw_buffer_decode(v, t->data))
        fw_draw(e->g, id, FW_DRAW_TO_TEST, e->random, v);
    return FW_OK;
}

/* Whether a node reads it: a file may store what nobody uses. */
static void mark_used(const struct fw_graph *g, bool *used)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        for (unsigned i = 0; i < g->nodes[id].n_in; i++)
            if (g->nodes[id].in[i] != FW_NONE)
                used[g->nodes[id].in[i]] = true;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] != FW_NONE)
            used[g->outputs[i]] = true;
}

enum fw_status fw_exec_fill(struct fw_exec *e, struct fw_error *err)
{
    bool *used = fw_arena_zalloc(&e->scratch, e->n + 1u);
    if (used == NULL)
        return fw_fail_memory(err);
    mark_used(e->g, used);
    for (uint32_t id = 0; id < e->n; id++)
        if (used[id] && e->g->tensors[id].producer == FW_NONE && !e->slots[id].given)
            FW_TRY(fw_exec_fill_one(e, id, err));
    return FW_OK;
}
