/* Contents of an engine's tensors: from the file, drawn, or given; in and out row-major. */
#include "engine/draw.h"
#include "engine/engine_impl.h"

#include "base/limits.h"

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

/* ---- filling ---- */

static enum fw_status fill(struct fw_engine *e, uint32_t tensor, uint64_t *random,
                           struct fw_error *err)
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
        fw_draw(e->g, tensor, FW_DRAW_TO_TRAIN, random, &v);
    return unstage(e, tensor, data, copy, err);
}

enum fw_status fw_engine_fill(struct fw_engine *e, struct fw_error *err)
{
    for (uint32_t i = 0; i < e->g->n_tensors; i++) {
        const struct fw_tensor *t = &e->g->tensors[i];
        bool made = t->producer != FW_NONE || t->kind == FW_KIND_GRADIENT;
        FW_TRY(fw_in_time(e->g->alloc, 0, err));
        if (!made && e->held[i].there && e->held[i].at.block != FW_BLOCK_OWN) {
            e->held[i].random = e->random;
            FW_TRY(fill(e, i, &e->random, err));
        }
    }
    return FW_OK;
}

enum fw_status fw_engine_draw_again(struct fw_engine *e, uint32_t tensor, struct fw_error *err)
{
    uint64_t random = e->held[tensor].random;
    return fill(e, tensor, &random, err);
}

/* Whether a node writes where a tensor stands: over it, or into the same bytes at another time. */
static bool shares_bytes(const struct fw_engine *e, uint32_t tensor, uint32_t other)
{
    const struct fw_graph *g = e->g;
    const struct fw_place *at = e->places->at;
    uint32_t a = at[tensor].root, b = at[other].root, maker = g->tensors[other].producer;
    if (other == tensor || b == FW_NONE || at[a].fixed != at[b].fixed ||
        (b == a && maker != FW_NONE && (g->nodes[maker].op->flags & FW_OP_VIEW)))
        return false;
    return at[a].offset < at[b].offset + at[b].bytes && at[b].offset < at[a].offset + at[a].bytes;
}

bool fw_engine_keeps(const struct fw_engine *e, uint32_t tensor)
{
    for (uint32_t i = 0; i < e->g->n_tensors; i++)
        if (shares_bytes(e, tensor, i))
            return false;
    return true;
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

void *fw_engine_rows(struct fw_engine *e, uint32_t tensor)
{
    const struct fw_held *h = &e->held[tensor];
    return h->there && h->layout == NULL ? fw_engine_at(e, h->at) : NULL;
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

enum fw_status fw_engine_watch(struct fw_engine *e, uint32_t tensor, void *ret, fw_engine_see *see,
                               void *ctx, struct fw_error *err)
{
    uint32_t node = e->g->tensors[tensor].producer;
    FW_REQUIRE(node != FW_NONE && e->held[tensor].there, err, FW_USAGE,
               "a tensor that no step makes cannot be watched");
    struct fw_watched *w = fw_arena_alloc(&e->arena, sizeof *w);
    if (w == NULL)
        return fw_fail_memory(err);
    *w = (struct fw_watched){tensor, e->by[node], ret, see, ctx, e->watched};
    e->watched = w;
    return FW_OK;
}
