#include "passes/places.h"

#include "passes/pack.h"

#include <stdlib.h>

enum {
    LINE = 64,       // bytes of a cache line
    SMALL = 1 << 20, // blocks up to this many bytes are packed tightly rather than for speed
};

/* What a storage of this size can be aligned to without leaving gaps between alike ones. */
static uint32_t alignment(uint64_t bytes)
{
    uint64_t low = bytes & (~bytes + 1);
    return low == 0 || low > LINE ? LINE : (uint32_t)low;
}

struct fixed {
    uint32_t tensor, align;
};

static int by_alignment(const void *x, const void *y)
{
    const struct fixed *a = x, *b = y;
    if (a->align != b->align)
        return a->align > b->align ? -1 : 1;
    return a->tensor < b->tensor ? -1 : 1;
}

/* What is always there stands side by side: those that end on a whole line first, so that each
 * begins on the boundary it wants and nothing is lost. */
static enum fw_status place_fixed(const struct fw_graph *g, struct fw_place *at,
                                  struct fw_places *ret, struct fw_error *err)
{
    struct fixed *list = fw_arena_array(g->arena, g->n_tensors + 1u, sizeof *list);
    uint32_t n = 0;
    if (list == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (at[i].fixed && at[i].root == i && at[i].bytes > 0)
            list[n++] = (struct fixed){i, alignment(at[i].bytes)};
    qsort(list, n, sizeof *list, by_alignment);
    for (uint32_t i = 0; i < n; i++) {
        at[list[i].tensor].offset = ret->fixed_bytes;
        ret->fixed_bytes += at[list[i].tensor].bytes;
    }
    return FW_OK;
}

static enum fw_status place_moving(const struct fw_graph *g, const struct fw_storage *all,
                                   struct fw_place *at, struct fw_places *ret, struct fw_error *err)
{
    struct fw_span *spans = fw_arena_array(g->arena, g->n_tensors + 1u, sizeof *spans);
    uint32_t *tensors = fw_arena_array(g->arena, g->n_tensors + 1u, sizeof *tensors);
    struct fw_packing found;
    uint32_t n = 0;
    if (spans == NULL || tensors == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        if (at[i].fixed || at[i].root != i || at[i].bytes == 0)
            continue;
        tensors[n] = i;
        spans[n++] = (struct fw_span){.bytes = at[i].bytes,
                                      .first = all[i].first,
                                      .last = all[i].last,
                                      .align = alignment(at[i].bytes)};
    }
    if (!fw_pack(spans, n, g->n_nodes + 1u, g->alloc, &found))
        return fw_fail_memory(err);
    if (found.bytes > found.bound_bytes && found.bytes <= SMALL) {
        for (uint32_t i = 0; i < n; i++)
            spans[i].align = fw_dtypes[g->tensors[tensors[i]].dtype].bits > 32 ? 8 : 4;
        if (!fw_pack(spans, n, g->n_nodes + 1u, g->alloc, &found))
            return fw_fail_memory(err);
    }
    ret->moving_bytes = found.bytes;
    ret->moving_bound_bytes = found.bound_bytes;
    for (uint32_t i = 0; i < n; i++)
        at[tensors[i]].offset = spans[i].offset;
    return FW_OK;
}

enum fw_status fw_places_find(const struct fw_graph *g, const struct fw_storage *all,
                              const struct fw_places **ret, struct fw_error *err)
{
    struct fw_places *places = fw_arena_zalloc(g->arena, sizeof *places);
    struct fw_place *at = fw_arena_array(g->arena, g->n_tensors + 1u, sizeof *at);
    fw_i128 sum = 0;
    *ret = NULL;
    if (places == NULL || at == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_tensors && sum <= INT64_MAX; i++) {
        fw_i128 bytes = all[i].root == i ? all[i].bytes.word : 0;
        at[i] = (struct fw_place){(uint64_t)bytes, 0, all[i].root, all[i].fixed};
        sum += bytes + LINE;
    }
    if (sum > INT64_MAX)
        return FW_OK; // offsets that no machine has
    places->at = at;
    FW_TRY(place_fixed(g, at, places, err));
    FW_TRY(place_moving(g, all, at, places, err));
    *ret = places;
    return FW_OK;
}
