/* Memory of an engine and what is in it; see engine.h. */
#define _DEFAULT_SOURCE
#include "engine/engine_impl.h"

#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, PAGE = 4096, LARGE_PAGE = 2 << 20 };

uint64_t fw_engine_elements(const struct fw_engine *e, uint32_t tensor)
{
    uint64_t n = 1;
    const struct fw_tensor *t = &e->g->tensors[tensor];
    for (unsigned k = 0; k < t->rank; k++)
        n *= (uint64_t)t->dims[k].word;
    return n;
}

size_t fw_engine_bytes(const struct fw_engine *e, uint32_t tensor)
{
    size_t each = fw_element_bytes((enum fw_dtype)e->g->tensors[tensor].dtype, sizeof(float));
    return each * fw_engine_elements(e, tensor);
}

/* ---- making ---- */

/* Addresses of what the plan has places for; nothing may need more room than it was given. */
static enum fw_status take_places(struct fw_engine *e, struct fw_error *err)
{
    const struct fw_graph *g = e->g;
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        uint32_t root = e->places->at[i].root;
        struct fw_held *h = &e->held[i];
        h->later = FW_NONE;
        if (root == FW_NONE || e->places->at[root].root != root)
            continue;
        const struct fw_place *p = &e->places->at[root];
        h->at = (struct fw_address){p->offset, p->fixed ? FW_BLOCK_FIXED : FW_BLOCK_MOVING};
        h->there = p->bytes > 0 || fw_engine_elements(e, i) == 0;
        FW_REQUIRE(!h->there || fw_engine_bytes(e, i) <= p->bytes, err, FW_UNSUPPORTED,
                   "tensors of type %s are not executed in planned memory",
                   fw_dtypes[g->tensors[i].dtype].name);
    }
    return FW_OK;
}

/* Memory is taken from the system now, so that no step waits for it, in larger pages where there
 * are any: kernels that walk through a block with wide strides wait less for addresses. */
static void take_pages(unsigned char *block, uint64_t bytes)
{
#ifdef MADV_HUGEPAGE
    uintptr_t from = ((uintptr_t)block + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    uintptr_t to = ((uintptr_t)block + bytes) / LARGE_PAGE * LARGE_PAGE;
    if (from < to)
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE); // NOLINT(performance-no-int-to-ptr)
#endif
    for (uint64_t at = 0; at < bytes; at += PAGE)
        block[at] = 0;
}

static enum fw_status allocate(struct fw_engine *e, struct fw_error *err)
{
    e->size[FW_BLOCK_FIXED] = e->places->fixed_bytes;
    e->size[FW_BLOCK_MOVING] = e->places->moving_bytes;
    uint64_t all = 0; // its own, since an allocator that counts belongs to one thread
    for (unsigned i = 0; i < FW_N_BLOCKS; i++)
        all = all + e->size[i] < all ? UINT64_MAX : all + e->size[i];
    FW_WITHIN(e->g->alloc, FW_MOST_memory, all, -1, err);
    for (unsigned i = 0; i < FW_N_BLOCKS; i++) {
        e->memory[i] = fw_mem_resize(e->alloc, NULL, 0, e->size[i] + LINE);
        if (e->memory[i] == NULL)
            return fw_fail(err, FW_MEMORY, -1, "out of memory: %llu bytes are wanted",
                           (unsigned long long)all);
        take_pages(e->memory[i], e->size[i]);
        e->base[i] = e->memory[i] + (LINE - (uintptr_t)e->memory[i] % LINE) % LINE;
    }
    return FW_OK;
}

/* Now that blocks have addresses, so have the values of calls. */
static void settle(struct fw_engine *e)
{
    for (uint32_t i = 0; i < e->n_steps; i++) {
        const struct fw_call *call = e->steps[i].call;
        if (call == NULL)
            continue;
        for (unsigned k = 0; k < call->ports; k++)
            if (call->in[k] != NULL)
                call->in[k]->data = fw_engine_at(e, call->at[k]);
    }
}

bool fw_engine_put_known(struct fw_engine *e, uint32_t tensor, struct fw_buffer *v)
{
    uint32_t n;
    const fw_dim *value = fw_tensor_value(e->g, tensor, &n);
    for (uint32_t k = 0; value != NULL && k < n; k++) {
        if (fw_dim_is_const(value[k]))
            fw_buffer_put_int(v, k, value[k].word);
        else
            fw_buffer_put(v, k, fw_count_to_double(e->g->sym, fw_count_of(value[k])));
    }
    return value != NULL;
}

/* What inference knows goes into the constants that no node makes. */
static void put_constants(struct fw_engine *e)
{
    for (uint32_t i = 0; i < e->g->n_tensors; i++) {
        const struct fw_held *h = &e->held[i];
        if (!h->there || h->at.block != FW_BLOCK_OWN)
            continue;
        struct fw_buffer v = fw_engine_value(e, i);
        v.data = fw_engine_at(e, h->at);
        (void)fw_engine_put_known(e, i, &v);
    }
}

static enum fw_status start(struct fw_engine *e, struct fw_error *err)
{
    struct fw_graph *g = e->g;
    size_t nodes = g->n_nodes + 1u;
    e->held = fw_arena_zalloc(&e->arena, (g->n_tensors + 1u) * sizeof *e->held);
    e->fast = fw_arena_array(&e->arena, nodes, sizeof *e->fast);
    e->by = fw_arena_array(&e->arena, nodes, sizeof *e->by);
    e->along = fw_arena_array(&e->arena, nodes, sizeof *e->along);
    e->kept = fw_arena_zalloc(&e->arena, nodes * sizeof *e->kept);
    e->kernels = fw_arena_zalloc(&e->arena, nodes * sizeof(struct fw_dnn_kernel *));
    e->blocks = fw_arena_zalloc(&e->arena, nodes);
    e->use = fw_arena_zalloc(&e->arena, nodes * sizeof *e->use);
    e->scratch = fw_arena_zalloc(&e->arena, e->o.n_threads * sizeof *e->scratch);
    if (e->held == NULL || e->fast == NULL || e->by == NULL || e->kernels == NULL ||
        e->along == NULL || e->kept == NULL || e->blocks == NULL || e->use == NULL ||
        e->scratch == NULL)
        return fw_fail_memory(err);
    for (unsigned i = 0; i < e->o.n_threads; i++)
        fw_arena_init(&e->scratch[i], e->alloc);
    struct fw_dnn_options how = {e->o.n_threads, g->training, e->o.winograd};
    if (e->o.fast)
        FW_TRY(fw_dnn_open(&e->dnn, &how, e->alloc, err));
    FW_TRY(take_places(e, err));
    FW_TRY(fw_engine_compile(e, err));
    FW_TRY(allocate(e, err));
    settle(e);
    put_constants(e);
    return FW_OK;
}

/* There is no plan: names the node that is why. */
static enum fw_status fail_unplanned(const struct fw_graph *g, struct fw_error *err)
{
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        bool body = false;
        for (unsigned a = 0; a < n->op->n_attrs && !body; a++)
            body = fw_node_body(n, a) != NULL;
        if (!body && !(n->flags & FW_NODE_GAP))
            continue;
        (void)fw_fail(err, FW_UNSUPPORTED, -1, "%s",
                      body ? "networks with control flow are not executed"
                           : "what it does is not known, so that it cannot be executed");
        fw_error_at_node(err, g, id);
        return FW_UNSUPPORTED;
    }
    return fw_fail(err, FW_UNSUPPORTED, -1,
                   "its memory cannot be planned: sizes are open or too large");
}

enum fw_status fw_engine_new(struct fw_engine **ret, struct fw_graph *g,
                             const struct fw_places *places,
                             const struct fw_engine_options *options, const struct fw_alloc *alloc,
                             struct fw_error *err)
{
    if (places == NULL)
        return fail_unplanned(g, err);
    FW_REQUIRE(options->n_threads >= 1 && options->n_threads <= FW_MAX_THREADS, err, FW_USAGE,
               "1 to %d threads are wanted", FW_MAX_THREADS);
    struct fw_engine *e = fw_mem_resize(alloc, NULL, 0, sizeof *e);
    if (e == NULL)
        return fw_fail_memory(err);
    memset(e, 0, sizeof *e);
    e->g = g;
    e->places = places;
    e->o = *options;
    e->alloc = alloc;
    e->random = options->seed;
    e->step_number = 1;
    fw_arena_init(&e->arena, alloc);
    enum fw_status status = start(e, err);
    if (status != FW_OK) {
        fw_engine_free(e);
        return status;
    }
    *ret = e;
    return FW_OK;
}

void fw_engine_free(struct fw_engine *e)
{
    if (e == NULL)
        return;
    for (unsigned i = 0; i < FW_N_BLOCKS; i++)
        if (e->memory[i] != NULL)
            fw_mem_resize(e->alloc, e->memory[i], e->size[i] + LINE, 0);
    for (unsigned i = 0; i < e->o.n_threads && e->scratch != NULL; i++)
        fw_arena_clear(&e->scratch[i]);
    fw_dnn_close(e->dnn);
    fw_mem_resize(e->alloc, e->steps, e->cap_steps * sizeof *e->steps, 0);
    fw_arena_clear(&e->arena);
    fw_mem_resize(e->alloc, e, sizeof *e, 0);
}

void fw_engine_reset(struct fw_engine *e)
{
    memset(e->use, 0, e->g->n_nodes * sizeof *e->use);
}

const struct fw_node_use *fw_engine_use(const struct fw_engine *e)
{
    return e->use;
}

void fw_engine_size(const struct fw_engine *e, struct fw_engine_size *ret)
{
    *ret =
        (struct fw_engine_size){.fixed_bytes = e->size[FW_BLOCK_FIXED],
                                .moving_bytes = e->size[FW_BLOCK_MOVING],
                                .working_bytes = e->size[FW_BLOCK_WORKING] + e->size[FW_BLOCK_KEPT],
                                .n_fast = e->n_fast,
                                .n_reference = e->n_reference,
                                .n_moves = e->n_moves};
    for (unsigned i = 0; i < FW_N_BLOCKS; i++)
        ret->allocated_bytes += e->memory[i] != NULL ? e->size[i] : 0;
}

const char *fw_engine_kernel(const struct fw_engine *e, uint32_t node, uint32_t *ret_by)
{
    uint32_t by = e->by[node];
    *ret_by = by;
    if (e->kernels[by] != NULL)
        return fw_dnn_kernel_name(e->kernels[by]);
    const struct fw_node *n = &e->g->nodes[node];
    bool idle = (n->flags & FW_NODE_SHAPE) || (n->op->flags & FW_OP_VIEW);
    return idle ? NULL : "plain C";
}
