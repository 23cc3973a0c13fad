/* See pack.h. Finding the smallest block is NP-hard; placing greedily reaches the bound for nearly
 * every network if the order is good: first what is alive at the fullest step, then at the next
 * fullest, and so on (large ones first), each into the smallest gap that holds it. Two other
 * orders are tried where that is above the bound, and the smallest block is kept. */
#include "passes/pack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CAREFUL = 6000 }; // storages up to which all orders are tried: work grows squarely

struct item { // a span while an order is made
    uint64_t weight[2];
    uint32_t span;
};

struct packer {
    const struct fw_span *spans;
    uint32_t n;
    struct item *order;
    uint32_t *placed;  // (n) those that have a place, by offset
    uint64_t *offsets; // (n) of the order that is tried
    uint64_t *best;    // (n)
    uint64_t smallest;
    bool by_time; // what ended before the next one begins is forgotten
};

static int by_weight(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    for (unsigned k = 0; k < 2; k++)
        if (a->weight[k] != b->weight[k])
            return a->weight[k] > b->weight[k] ? -1 : 1;
    return a->span < b->span ? -1 : a->span > b->span;
}

static bool meet(const struct fw_span *a, const struct fw_span *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static uint64_t aligned(uint64_t at, uint32_t align)
{
    return (at + align - 1) / align * align;
}

/* The smallest gap among what is alive with it, or behind all of that. */
static uint64_t place(const struct packer *p, uint32_t n_placed, const struct fw_span *s)
{
    uint64_t end = 0, best = UINT64_MAX, best_gap = UINT64_MAX;
    for (uint32_t i = 0; i < n_placed; i++) {
        const struct fw_span *other = &p->spans[p->placed[i]];
        if (!meet(s, other))
            continue;
        uint64_t at = p->offsets[p->placed[i]], from = aligned(end, s->align);
        if (at >= from + s->bytes && at - end < best_gap) {
            best = from;
            best_gap = at - end;
        }
        if (at + other->bytes > end)
            end = at + other->bytes;
    }
    return best != UINT64_MAX ? best : aligned(end, s->align);
}

static void insert(struct packer *p, uint32_t n_placed, uint32_t span)
{
    uint32_t low = 0, high = n_placed;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->offsets[p->placed[middle]] <= p->offsets[span])
            low = middle + 1;
        else
            high = middle;
    }
    memmove(p->placed + low + 1, p->placed + low, (n_placed - low) * sizeof *p->placed);
    p->placed[low] = span;
}

static uint32_t forget(struct packer *p, uint32_t n_placed, uint32_t now)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n_placed; i++)
        if (p->spans[p->placed[i]].last >= now)
            p->placed[kept++] = p->placed[i];
    return kept;
}

static void try_order(struct packer *p)
{
    uint64_t size = 0;
    uint32_t n_placed = 0;
    qsort(p->order, p->n, sizeof *p->order, by_weight);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t span = p->order[i].span;
        if (p->by_time)
            n_placed = forget(p, n_placed, p->spans[span].first);
        p->offsets[span] = place(p, n_placed, &p->spans[span]);
        insert(p, n_placed++, span);
        uint64_t end = p->offsets[span] + p->spans[span].bytes;
        size = end > size ? end : size;
    }
    if (size < p->smallest) {
        p->smallest = size;
        memcpy(p->best, p->offsets, p->n * sizeof *p->best);
    }
}

/* ---- orders ---- */

static void order_by_size(struct packer *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->order[i] = (struct item){{p->spans[i].bytes, 0}, i};
}

static void order_by_lifetime(struct packer *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->order[i] = (struct item){{p->spans[i].last - p->spans[i].first, p->spans[i].bytes}, i};
}

/* live: bytes alive at each step, fullest: the fullest step among those of every span. */
static void order_by_fullness(struct packer *p, const uint64_t *live)
{
    for (uint32_t i = 0; i < p->n; i++) {
        uint64_t most = 0;
        for (uint32_t k = p->spans[i].first; k <= p->spans[i].last; k++)
            most = live[k] > most ? live[k] : most;
        p->order[i] = (struct item){{most, p->spans[i].bytes}, i};
    }
}

/* As they come, for very long schedules: only what is alive has to be looked at. */
static void order_by_time(struct packer *p)
{
    p->by_time = true;
    for (uint32_t i = 0; i < p->n; i++)
        p->order[i] = (struct item){{UINT32_MAX - p->spans[i].first, p->spans[i].bytes}, i};
}

/* ---- all together ---- */

static uint64_t *live_bytes(const struct fw_span *spans, uint32_t n, uint32_t n_steps,
                            const struct fw_alloc *alloc)
{
    size_t bytes = (n_steps + 1u) * sizeof(uint64_t);
    uint64_t *live = fw_mem_resize(alloc, NULL, 0, bytes);
    if (live == NULL)
        return NULL;
    memset(live, 0, bytes);
    for (uint32_t i = 0; i < n; i++) { // differences first, then their sums
        live[spans[i].first] += spans[i].bytes;
        live[spans[i].last + 1] -= spans[i].bytes;
    }
    for (uint32_t k = 1; k <= n_steps; k++)
        live[k] += live[k - 1];
    return live;
}

static uint64_t fullest(const uint64_t *live, uint32_t n_steps)
{
    uint64_t most = 0;
    for (uint32_t k = 0; k < n_steps; k++)
        most = live[k] > most ? live[k] : most;
    return most;
}

uint64_t fw_pack_bound(const struct fw_span *spans, uint32_t n, uint32_t n_steps,
                       const struct fw_alloc *alloc)
{
    uint64_t *live = live_bytes(spans, n, n_steps, alloc);
    if (live == NULL)
        return UINT64_MAX;
    uint64_t bound = fullest(live, n_steps);
    fw_mem_resize(alloc, live, (n_steps + 1u) * sizeof *live, 0);
    return bound;
}

static void try_all(struct packer *p, const uint64_t *live, uint32_t n_steps)
{
    uint64_t bound = fullest(live, n_steps);
    if (p->n > MAX_CAREFUL) {
        order_by_time(p);
        try_order(p);
        return;
    }
    order_by_fullness(p, live);
    try_order(p);
    if (p->smallest > bound) {
        order_by_size(p);
        try_order(p);
    }
    if (p->smallest > bound) {
        order_by_lifetime(p);
        try_order(p);
    }
}

uint64_t fw_pack(struct fw_span *spans, uint32_t n, uint32_t n_steps, const struct fw_alloc *alloc)
{
    struct packer p = {.spans = spans, .n = n, .smallest = UINT64_MAX};
    size_t each = sizeof *p.order + sizeof *p.placed + sizeof *p.offsets + sizeof *p.best;
    if (n == 0)
        return 0;
    unsigned char *memory = fw_mem_resize(alloc, NULL, 0, n * each);
    uint64_t *live = live_bytes(spans, n, n_steps, alloc);
    if (memory != NULL && live != NULL) {
        p.order = (struct item *)(void *)memory;
        p.offsets = (uint64_t *)(void *)(p.order + n);
        p.best = p.offsets + n;
        p.placed = (uint32_t *)(void *)(p.best + n);
        try_all(&p, live, n_steps);
        for (uint32_t i = 0; i < n; i++)
            spans[i].offset = p.best[i];
    }
    if (live != NULL)
        fw_mem_resize(alloc, live, (n_steps + 1u) * sizeof *live, 0);
    if (memory != NULL)
        fw_mem_resize(alloc, memory, n * each, 0);
    return p.smallest;
}
