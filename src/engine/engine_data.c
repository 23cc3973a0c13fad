/* Contents of an engine's tensors: from the file, drawn, or given; in and out row-major. */
#include "engine/engine_impl.h"
#include "engine/exec.h"

#include <math.h>
#include <string.h>

/* Where a tensor is written to row-major: in its place, or beside it when it lies in another order
 * (*ret_copy, to be freed). */
static enum fw_status staging(struct fw_engine *e, uint32_t tensor, void **ret, bool *ret_copy,
                              struct fw_error *err)
{
    const struct fw_held *h = &e->held[tensor];
    FW_REQUIRE(h->there, err, FW_USAGE, "a tensor has no memory: nothing reads it");
    *ret_copy = h->layout != NULL;
    *ret = *ret_copy ? fw_mem_resize(e->alloc, NULL, 0, fw_engine_bytes(e, tensor) + 1)
                     : fw_engine_at(e, h->at);
    return *ret != NULL ? FW_OK : fw_fail_memory(err);
}

/* One move outside of the schedule; its working memory is its own. */
static enum fw_status move_now(struct fw_engine *e, const struct fw_layout *from, void *from_at,
                               const struct fw_layout *to, void *to_at, struct fw_error *err)
{
    size_t scratch;
    void *data[2] = {from_at, to_at};
    struct fw_dnn_kernel *k = fw_dnn_reorder(e->dnn, from, to, &scratch);
    void *working = fw_mem_resize(e->alloc, NULL, 0, scratch + 1);
    bool good = k != NULL && working != NULL && fw_dnn_run(e->dnn, k, data, working);
    if (working != NULL)
        fw_mem_resize(e->alloc, working, scratch + 1, 0);
    FW_REQUIRE(good, err, FW_UNSUPPORTED, "oneDNN cannot move a tensor into another order");
    return FW_OK;
}

static enum fw_status unstage(struct fw_engine *e, uint32_t tensor, void *data, bool copy,
                              struct fw_error *err)
{
    const struct fw_held *h = &e->held[tensor];
    if (!copy)
        return FW_OK;
    enum fw_status status = move_now(e, NULL, data, h->layout, fw_engine_at(e, h->at), err);
    fw_mem_resize(e->alloc, data, fw_engine_bytes(e, tensor) + 1, 0);
    return status;
}

/* ---- drawing ---- */

/* What a vector is for, from the place where its first reader takes it: the first operand behind
 * the data of a normalisation scales, the first stored statistic is a mean. */
struct purpose {
    bool scale, variance;
};

static struct purpose purpose_of(const struct fw_graph *g, uint32_t tensor)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        for (unsigned i = 0; i < g->nodes[id].n_in && i < 32; i++) {
            const struct fw_op *op = g->nodes[id].op;
            if (g->nodes[id].in[i] != tensor)
                continue;
            bool sums = (op->flags & (FW_OP_SUM | FW_OP_CONTRACTION)) != 0;
            uint32_t below = op->buffer_slots & ((1u << i) - 1u);
            return (struct purpose){.scale = i == 1 && !sums,
                                    .variance = (op->buffer_slots >> i & 1u) && below != 0};
        }
    return (struct purpose){false, false};
}

static void draw(struct fw_engine *e, uint32_t tensor, struct fw_buffer *v)
{
    const struct fw_tensor *t = &e->g->tensors[tensor];
    char class = fw_dtypes[t->dtype].class;
    struct purpose purpose = purpose_of(e->g, tensor);
    size_t fan_in = v->rank > 1 && v->dims[0] > 0 ? v->n / (size_t)v->dims[0] : 1;
    uint64_t numbers = class != 'f' && t->dtype != FW_BOOL ? fw_exec_numbers(e->g, tensor) : 2;
    double width = sqrt(1.0 / (double)(fan_in > 0 ? fan_in : 1));
    for (size_t i = 0; i < v->n; i++) {
        if (class != 'f')
            fw_buffer_put_int(v, i, (int64_t)(fw_random(&e->random) % numbers));
        else if (t->kind == FW_KIND_BUFFER)
            fw_buffer_put(v, i, purpose.variance ? 1 : 0);
        else if (t->kind == FW_KIND_PARAM && v->rank < 2)
            fw_buffer_put(v, i, purpose.scale ? 1 : 0);
        else if (t->kind == FW_KIND_PARAM)
            fw_buffer_put(v, i, width * (2 * fw_random_unit(&e->random) - 1));
        else
            fw_buffer_put(v, i, fw_random_normal(&e->random));
    }
}

static enum fw_status fill(struct fw_engine *e, uint32_t tensor, struct fw_error *err)
{
    const struct fw_tensor *t = &e->g->tensors[tensor];
    void *data;
    bool copy;
    if (t->kind == FW_KIND_STATE) {
        memset(fw_engine_at(e, e->held[tensor].at), 0, fw_engine_bytes(e, tensor));
        return FW_OK;
    }
    FW_TRY(staging(e, tensor, &data, &copy, err));
    struct fw_buffer v = fw_engine_value(e, tensor);
    v.data = data;
    if (!fw_buffer_decode(&v, t->data) && !fw_engine_put_known(e, tensor, &v))
        draw(e, tensor, &v);
    return unstage(e, tensor, data, copy, err);
}

enum fw_status fw_engine_fill(struct fw_engine *e, struct fw_error *err)
{
    for (uint32_t i = 0; i < e->g->n_tensors; i++) {
        const struct fw_tensor *t = &e->g->tensors[i];
        bool made = t->producer != FW_NONE || t->kind == FW_KIND_GRADIENT;
        if (!made && e->held[i].there && e->held[i].at.block != FW_BLOCK_OWN)
            FW_TRY(fill(e, i, err));
    }
    return FW_OK;
}

/* ---- from and to outside ---- */

enum fw_status fw_engine_write(struct fw_engine *e, uint32_t tensor, const void *data, size_t n,
                               struct fw_error *err)
{
    void *to;
    bool copy;
    FW_REQUIRE(n == fw_engine_bytes(e, tensor), err, FW_SHAPE, "%zu bytes are wanted, found %zu",
               fw_engine_bytes(e, tensor), n);
    FW_TRY(staging(e, tensor, &to, &copy, err));
    memcpy(to, data, n);
    return unstage(e, tensor, to, copy, err);
}

enum fw_status fw_engine_read(struct fw_engine *e, uint32_t tensor, void *ret, size_t n,
                              struct fw_error *err)
{
    const struct fw_held *h = &e->held[tensor];
    FW_REQUIRE(h->there, err, FW_USAGE, "a tensor has no memory: nothing reads it");
    FW_REQUIRE(n == fw_engine_bytes(e, tensor), err, FW_SHAPE, "%zu bytes are wanted, found %zu",
               fw_engine_bytes(e, tensor), n);
    if (h->layout != NULL)
        return move_now(e, h->layout, fw_engine_at(e, h->at), NULL, ret, err);
    memcpy(ret, fw_engine_at(e, h->at), n);
    return FW_OK;
}

enum fw_status fw_engine_watch(struct fw_engine *e, uint32_t tensor, void *ret,
                               struct fw_error *err)
{
    uint32_t node = e->g->tensors[tensor].producer;
    FW_REQUIRE(node != FW_NONE && e->held[tensor].there, err, FW_USAGE,
               "a tensor that no step makes cannot be watched");
    struct fw_watched *w = fw_arena_alloc(&e->arena, sizeof *w);
    if (w == NULL)
        return fw_fail_memory(err);
    *w = (struct fw_watched){tensor, e->by[node], ret, e->watched};
    e->watched = w;
    return FW_OK;
}
