/* See gaps.h. The tree is one of bits: the first node is reached from everywhere, its children by
 * the highest bit of a size, theirs by the next one. A node's own size only has to begin with the
 * bits that lead to it, so every gap is a node, no path is longer than a size has bits, and nothing
 * is ever balanced. Gaps of one size are a list behind the one that stands in the tree. */
#include "passes/gaps.h"

#include <stdbool.h>
#include <stddef.h>

#define NONE FW_GAP_NONE
#define HIGHEST 63

static unsigned bit(uint64_t bytes, unsigned k)
{
    return (unsigned)(bytes >> k & 1u);
}

static uint64_t aligned(uint64_t at, uint32_t align)
{
    return (at + align - 1) / align * align;
}

/* ---- gaps by size ---- */

/* Where a gap of this size stands in the tree, or would stand: the link to it. */
static uint32_t *find(struct fw_gaps *g, uint64_t bytes)
{
    uint32_t *link = &g->root;
    for (unsigned k = HIGHEST; *link != NONE && g->nodes[*link].bytes != bytes; k--) {
        link = &g->nodes[*link].child[bit(bytes, k)];
        g->looks++;
    }
    return link;
}

static void enter(struct fw_gaps *g, uint32_t id)
{
    struct fw_gap *gap = &g->nodes[id];
    uint32_t *link = find(g, gap->bytes);
    gap->alike_before = NONE;
    gap->alike = NONE;
    gap->child[0] = gap->child[1] = NONE;
    if (*link == NONE) {
        *link = id;
        return;
    }
    struct fw_gap *first = &g->nodes[*link]; // behind it, so that the tree stays
    gap->alike_before = *link;
    gap->alike = first->alike;
    if (gap->alike != NONE)
        g->nodes[gap->alike].alike_before = id;
    first->alike = id;
}

/* Any leaf below a node begins with the bits that lead to the node, so it can stand there. */
static uint32_t take_leaf(struct fw_gaps *g, uint32_t *link)
{
    for (;;) {
        struct fw_gap *gap = &g->nodes[*link];
        g->looks++;
        if (gap->child[0] == NONE && gap->child[1] == NONE)
            break;
        link = &gap->child[gap->child[0] == NONE];
    }
    uint32_t leaf = *link;
    *link = NONE;
    return leaf;
}

static void leave(struct fw_gaps *g, uint32_t id)
{
    struct fw_gap *gap = &g->nodes[id];
    if (gap->alike != NONE)
        g->nodes[gap->alike].alike_before = gap->alike_before;
    if (gap->alike_before != NONE) {
        g->nodes[gap->alike_before].alike = gap->alike;
        return;
    }
    uint32_t *link = find(g, gap->bytes);
    uint32_t heir = gap->alike != NONE ? gap->alike : take_leaf(g, link);
    if (heir == id)
        return;
    g->nodes[heir].child[0] = gap->child[0];
    g->nodes[heir].child[1] = gap->child[1];
    *link = heir;
}

/* The smallest gap of at least so many bytes. On the way down whatever leaves it to the right is
 * larger, and the last such turn leads to the smallest of these. */
static uint32_t smallest(struct fw_gaps *g, uint64_t bytes)
{
    uint32_t best = NONE, larger = NONE, id = g->root;
    for (unsigned k = HIGHEST; id != NONE; k--) {
        const struct fw_gap *gap = &g->nodes[id];
        g->looks++;
        if (gap->bytes >= bytes && (best == NONE || gap->bytes < g->nodes[best].bytes))
            best = id;
        if (gap->bytes == bytes)
            return id;
        if (bit(bytes, k) == 0 && gap->child[1] != NONE)
            larger = gap->child[1];
        id = gap->child[bit(bytes, k)];
    }
    for (id = larger; id != NONE;) {
        const struct fw_gap *gap = &g->nodes[id];
        g->looks++;
        if (best == NONE || gap->bytes < g->nodes[best].bytes)
            best = id;
        id = gap->child[0] != NONE ? gap->child[0] : gap->child[1];
    }
    return best;
}

/* ---- the block from below to above ---- */

static bool is_gap(const struct fw_gaps *g, uint32_t id)
{
    return id != NONE && id >= g->n;
}

static void join(struct fw_gaps *g, uint32_t below, uint32_t above)
{
    if (below != NONE)
        g->nodes[below].above = above;
    if (above != NONE)
        g->nodes[above].below = below;
    else
        g->top = below;
}

static void add_gap(struct fw_gaps *g, uint64_t from, uint64_t to, uint32_t below, uint32_t above)
{
    uint32_t id = g->unused;
    if (from == to)
        return;
    g->unused = g->nodes[id].alike;
    g->nodes[id].at = from;
    g->nodes[id].bytes = to - from;
    join(g, below, id);
    join(g, id, above);
    enter(g, id);
}

static void remove_gap(struct fw_gaps *g, uint32_t id)
{
    leave(g, id);
    join(g, g->nodes[id].below, g->nodes[id].above);
    g->nodes[id].alike = g->unused;
    g->unused = id;
}

/* Between two neighbours and what is free there, from and to; that becomes gaps on either side. */
static uint64_t put(struct fw_gaps *g, uint32_t piece, struct fw_gap p, uint64_t from, uint64_t to)
{
    g->nodes[piece] = p;
    join(g, p.below, piece);
    join(g, piece, p.above);
    add_gap(g, from, p.at, p.below, piece);
    add_gap(g, p.at + p.bytes, to, piece, p.above);
    return p.at;
}

/* ---- from outside ---- */

void fw_gaps_start(struct fw_gaps *g, struct fw_gap *nodes, uint32_t n)
{
    *g = (struct fw_gaps){.nodes = nodes, .n = n, .unused = n, .root = NONE, .top = NONE};
    for (uint32_t i = n; i < 2 * n; i++)
        nodes[i].alike = i + 1;
    nodes[(size_t)2 * n].alike = NONE;
}

uint64_t fw_gaps_push(struct fw_gaps *g, uint32_t piece, uint64_t bytes, uint32_t align)
{
    uint64_t from = g->bytes;
    if (is_gap(g, g->top)) {
        from = g->nodes[g->top].at;
        remove_gap(g, g->top);
    }
    struct fw_gap p = {.at = aligned(from, align), .bytes = bytes, .below = g->top, .above = NONE};
    if (p.at + bytes > g->bytes)
        g->bytes = p.at + bytes;
    return put(g, piece, p, from, g->bytes);
}

uint64_t fw_gaps_take(struct fw_gaps *g, uint32_t piece, uint64_t bytes, uint32_t align)
{
    uint32_t id = smallest(g, bytes);
    if (id != NONE &&
        aligned(g->nodes[id].at, align) + bytes > g->nodes[id].at + g->nodes[id].bytes)
        id = smallest(g, bytes + align - 1);
    if (id == NONE)
        return fw_gaps_push(g, piece, bytes, align);
    struct fw_gap gap = g->nodes[id];
    struct fw_gap p = {
        .at = aligned(gap.at, align), .bytes = bytes, .below = gap.below, .above = gap.above};
    remove_gap(g, id);
    return put(g, piece, p, gap.at, gap.at + gap.bytes);
}

void fw_gaps_give_back(struct fw_gaps *g, uint32_t piece)
{
    struct fw_gap p = g->nodes[piece];
    uint64_t from = p.at, to = p.at + p.bytes;
    join(g, p.below, p.above);
    if (is_gap(g, p.below)) {
        struct fw_gap gap = g->nodes[p.below];
        remove_gap(g, p.below);
        from = gap.at;
        p.below = gap.below;
    }
    if (is_gap(g, p.above)) {
        struct fw_gap gap = g->nodes[p.above];
        remove_gap(g, p.above);
        to = gap.at + gap.bytes;
        p.above = gap.above;
    }
    add_gap(g, from, to, p.below, p.above);
}
