/* See pack.h. Finding the smallest block is NP-hard. What is alive at the fullest step stands there
 * side by side in any case, so that comes first, as a stack. From there two sweeps go away from the
 * step, one to the end and one, mirrored, to the beginning: what ends is given back, what begins
 * takes the smallest gap that holds it. In training, whose results live until their mirror image in
 * the backward pass, the stack only shrinks in both directions and the block is as small as it can
 * be. Several orders of the stack are tried as long as the block is larger than that.
 *
 * A sweep takes a time that hardly grows faster than the number of storages. Where there are few of
 * them, careful orders follow, whose work grows squarely: first what is alive at the fullest step,
 * then at the next fullest, and so on (large ones first), each into the smallest gap that is there
 * all the while; or the largest first; or those that live longest. */
#include "passes/pack.h"

#include "passes/gaps.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CAREFUL = 5000 }; // storages up to which careful orders are tried

struct item { // a span while an order is made
    uint64_t weight[2];
    uint32_t span;
};

struct packer {
    struct fw_span *spans; // steps are those at which one begins, numbered anew
    uint32_t n, n_steps;
    uint64_t *live;     // (n_steps + 1) bytes alive
    struct item *order; // (n)
    uint64_t *offsets;  // (n) of what is tried
    uint64_t *best;     // (n)
    struct fw_packing found;
    /* of sweeps: */
    struct fw_gap *gaps; // (2 * n + 1)
    uint32_t *by_bytes;  // (n) spans, the largest first
    uint32_t *begins;    // (n) spans by the step at which they begin, then as in by_bytes
    uint32_t *ends;      // (n) the same by the step at which they end
    uint32_t *count;     // (n_steps + 1)
    /* of careful orders: */
    uint32_t *placed; // (n) those that have a place, by offset
};

static int by_weight(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    for (unsigned k = 0; k < 2; k++)
        if (a->weight[k] != b->weight[k])
            return a->weight[k] > b->weight[k] ? -1 : 1;
    return a->span < b->span ? -1 : a->span > b->span;
}

static void keep_if_smaller(struct packer *p, uint64_t bytes)
{
    if (bytes >= p->found.bytes)
        return;
    p->found.bytes = bytes;
    memcpy(p->best, p->offsets, p->n * sizeof *p->best);
}

/* ---- sweeps ---- */

static void sort_by_step(const struct packer *p, bool last, uint32_t *ret)
{
    memset(p->count, 0, (p->n_steps + 1u) * sizeof *p->count);
    for (uint32_t i = 0; i < p->n; i++)
        p->count[(last ? p->spans[i].last : p->spans[i].first) + 1u]++;
    for (uint32_t k = 1; k <= p->n_steps; k++)
        p->count[k] += p->count[k - 1];
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_span *s = &p->spans[p->by_bytes[i]];
        ret[p->count[last ? s->last : s->first]++] = p->by_bytes[i];
    }
}

static void mirror(struct packer *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        struct fw_span *s = &p->spans[i];
        uint32_t first = s->first;
        s->first = p->n_steps - 1 - s->last;
        s->last = p->n_steps - 1 - first;
    }
}

/* From a step to the end; the stack is in `order`. Gives the bytes of the block. */
static uint64_t sweep_after(struct packer *p, uint32_t step, uint32_t n_stack)
{
    const struct fw_span *spans = p->spans;
    struct fw_gaps gaps;
    uint32_t ended = 0;
    fw_gaps_start(&gaps, p->gaps, p->n);
    for (uint32_t i = 0; i < n_stack; i++) {
        uint32_t id = p->order[i].span;
        p->offsets[id] = fw_gaps_push(&gaps, id, spans[id].bytes, spans[id].align);
    }
    sort_by_step(p, false, p->begins);
    sort_by_step(p, true, p->ends);
    while (ended < p->n && spans[p->ends[ended]].last < step)
        ended++;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t id = p->begins[i];
        if (spans[id].first <= step)
            continue;
        while (spans[p->ends[ended]].last < spans[id].first)
            fw_gaps_give_back(&gaps, p->ends[ended++]);
        p->offsets[id] = fw_gaps_take(&gaps, id, spans[id].bytes, spans[id].align);
    }
    p->found.looks += gaps.looks + (uint64_t)4 * p->n + (uint64_t)2 * p->n_steps;
    return gaps.bytes;
}

enum stack { // what stands below in the stack: what
    ENDS_LAST,
    BEGINS_FIRST,
    LARGEST,
};

static void sweep(struct packer *p, uint32_t step, enum stack stack)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_span *s = &p->spans[i];
        uint64_t weight = stack == ENDS_LAST      ? s->last
                          : stack == BEGINS_FIRST ? p->n_steps - s->first
                                                  : s->bytes;
        if (s->first <= step && step <= s->last)
            p->order[n++] = (struct item){{weight, s->bytes}, i};
    }
    qsort(p->order, n, sizeof *p->order, by_weight);
    uint64_t after = sweep_after(p, step, n);
    mirror(p);
    uint64_t before = sweep_after(p, p->n_steps - 1 - step, n);
    mirror(p);
    keep_if_smaller(p, after > before ? after : before);
}

static void sort_by_bytes(struct packer *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->order[i] = (struct item){{p->spans[i].bytes, 0}, i};
    qsort(p->order, p->n, sizeof *p->order, by_weight);
    for (uint32_t i = 0; i < p->n; i++)
        p->by_bytes[i] = p->order[i].span;
}

static void try_sweeps(struct packer *p)
{
    uint32_t fullest = 0;
    for (uint32_t k = 0; k < p->n_steps; k++)
        fullest = p->live[k] > p->live[fullest] ? k : fullest;
    sort_by_bytes(p);
    for (unsigned stack = ENDS_LAST; stack <= LARGEST; stack++)
        if (p->found.bytes > p->found.bound_bytes)
            sweep(p, fullest, stack);
    if (p->found.bytes > p->found.bound_bytes)
        sweep(p, p->n_steps - 1, LARGEST);
}

/* ---- careful orders ---- */

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

static void place_in_order(struct packer *p)
{
    uint64_t size = 0;
    qsort(p->order, p->n, sizeof *p->order, by_weight);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t span = p->order[i].span;
        p->offsets[span] = place(p, i, &p->spans[span]);
        insert(p, i, span);
        p->found.looks += i + 1u;
        uint64_t end = p->offsets[span] + p->spans[span].bytes;
        size = end > size ? end : size;
    }
    keep_if_smaller(p, size);
}

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

/* By the fullest step among those of every span. */
static void order_by_fullness(struct packer *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct fw_span *s = &p->spans[i];
        uint64_t most = 0;
        for (uint32_t k = s->first; k <= s->last; k++)
            most = p->live[k] > most ? p->live[k] : most;
        p->found.looks += s->last - s->first + 1u;
        p->order[i] = (struct item){{most, s->bytes}, i};
    }
}

static void try_careful(struct packer *p)
{
    static void (*const orders[])(struct packer *) = {order_by_fullness, order_by_size,
                                                      order_by_lifetime};
    for (unsigned k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        if (p->found.bytes <= p->found.bound_bytes)
            return;
        orders[k](p);
        place_in_order(p);
    }
}

/* ---- all together ---- */

/* Only steps at which something begins can be the fullest, and who meets whom is seen by these
 * alone: there are no more of them than spans, however long the schedule is. */
static void renumber_steps(struct packer *p, uint32_t n_steps)
{
    memset(p->count, 0, n_steps * sizeof *p->count);
    for (uint32_t i = 0; i < p->n; i++)
        p->count[p->spans[i].first] = 1;
    for (uint32_t k = 1; k < n_steps; k++)
        p->count[k] += p->count[k - 1];
    p->n_steps = p->count[n_steps - 1];
    for (uint32_t i = 0; i < p->n; i++) {
        p->spans[i].first = p->count[p->spans[i].first] - 1;
        p->spans[i].last = p->count[p->spans[i].last] - 1;
    }
}

static void sum_live(struct packer *p)
{
    memset(p->live, 0, (p->n_steps + 1u) * sizeof *p->live);
    for (uint32_t i = 0; i < p->n; i++) { // differences first, then their sums
        p->live[p->spans[i].first] += p->spans[i].bytes;
        p->live[p->spans[i].last + 1] -= p->spans[i].bytes;
    }
    for (uint32_t k = 1; k <= p->n_steps; k++)
        p->live[k] += p->live[k - 1];
    for (uint32_t k = 0; k < p->n_steps; k++)
        p->found.bound_bytes =
            p->live[k] > p->found.bound_bytes ? p->live[k] : p->found.bound_bytes;
}

static bool start(struct packer *p, const struct fw_span *spans, uint32_t n_steps,
                  struct fw_arena *arena)
{
    size_t n = p->n, steps = (n_steps > n ? n_steps : n) + (size_t)1;
    p->spans = fw_arena_copy(arena, spans, n * sizeof *p->spans);
    p->live = fw_arena_array(arena, n + 1, sizeof *p->live);
    p->order = fw_arena_array(arena, n, sizeof *p->order);
    p->offsets = fw_arena_array(arena, n, sizeof *p->offsets);
    p->best = fw_arena_array(arena, n, sizeof *p->best);
    p->gaps = fw_arena_array(arena, 2 * n + 1, sizeof *p->gaps);
    p->by_bytes = fw_arena_array(arena, n, sizeof *p->by_bytes);
    p->begins = fw_arena_array(arena, n, sizeof *p->begins);
    p->ends = fw_arena_array(arena, n, sizeof *p->ends);
    p->count = fw_arena_array(arena, steps, sizeof *p->count);
    p->placed = p->begins; // sweeps are over then
    return p->spans != NULL && p->live != NULL && p->order != NULL && p->offsets != NULL &&
           p->best != NULL && p->gaps != NULL && p->by_bytes != NULL && p->begins != NULL &&
           p->ends != NULL && p->count != NULL;
}

bool fw_pack(struct fw_span *spans, uint32_t n, uint32_t n_steps, const struct fw_alloc *alloc,
             struct fw_packing *ret)
{
    struct packer p = {.n = n, .found.bytes = UINT64_MAX};
    struct fw_arena arena;
    *ret = (struct fw_packing){0};
    if (n == 0)
        return true;
    fw_arena_init(&arena, alloc);
    bool done = start(&p, spans, n_steps, &arena);
    if (done) {
        renumber_steps(&p, n_steps);
        sum_live(&p);
        try_sweeps(&p);
        if (n <= MAX_CAREFUL)
            try_careful(&p);
        for (uint32_t i = 0; i < n; i++)
            spans[i].offset = p.best[i];
        *ret = p.found;
    }
    fw_arena_clear(&arena);
    return done;
}
