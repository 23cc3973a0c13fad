/* Which layers of two models stand for each other: those of the same name; where one model was
 * wrapped ("/model" before every name of it), those of the same name without that prefix; of what
 * is left, those with the same operator in the order of the graphs. */
#include "report/layers.h"

#include "base/map.h"

#include <string.h>

struct match {
    const struct fw_layers *side[2];
    uint32_t *partner;   // (side[0]->n) of a's rows
    uint32_t *taken;     // (side[1]->n) the row of a that has it, or FW_NONE
    struct fw_map names; // names of b -> row
    struct fw_error *err;
};

static enum fw_status take_names(struct match *m)
{
    const struct fw_layers *b = m->side[1];
    for (uint32_t i = b->n; i-- > 0;) { // the first of several with one name wins
        uint32_t *slot = fw_map_put(&m->names, b->rows[i].name, strlen(b->rows[i].name), i, NULL);
        if (slot == NULL)
            return fw_fail_memory(m->err);
        *slot = i;
    }
    return FW_OK;
}

/* Row of b for a's row under the given name, if it is free and of the same operator. */
static uint32_t find(const struct match *m, const char *name, size_t len, const char *op)
{
    const uint32_t *b = fw_map_get(&m->names, name, len);
    if (b == NULL || m->taken[*b] != FW_NONE)
        return FW_NONE;
    return op == NULL || strcmp(m->side[1]->rows[*b].op, op) == 0 ? *b : FW_NONE;
}

static void pair_up(struct match *m, uint32_t a, uint32_t b)
{
    m->partner[a] = b;
    m->taken[b] = a;
}

static void match_names(struct match *m)
{
    for (uint32_t i = 0; i < m->side[0]->n; i++) {
        const char *name = m->side[0]->rows[i].name;
        uint32_t b = find(m, name, strlen(name), NULL);
        if (b != FW_NONE)
            pair_up(m, i, b);
    }
}

static void match_order(struct match *m)
{
    const struct fw_layer *a = m->side[0]->rows, *b = m->side[1]->rows;
    uint32_t from = 0, n_b = m->side[1]->n;
    for (uint32_t i = 0; i < m->side[0]->n; i++) {
        if (m->partner[i] != FW_NONE)
            continue;
        uint32_t k = from;
        while (k < n_b && (m->taken[k] != FW_NONE || strcmp(a[i].op, b[k].op) != 0))
            k++;
        if (k == n_b)
            continue;
        pair_up(m, i, k);
        from = k + 1;
    }
}

/* ---- a prefix ---- */

/* The next length above `len` at which a prefix of a name may end, before or behind a '/'
 * ("/model" "/fc", "/model/" "fc") or behind a '.' ("model." "fc"); 0 where there is none. */
static size_t next_prefix(const char *name, size_t len)
{
    for (size_t at = len + 1; name[at - 1] != '\0' && name[at] != '\0'; at++)
        if (name[at] == '/' || name[at - 1] == '/' || name[at - 1] == '.')
            return at;
    return 0;
}

/* How many pairs come about when the n bytes that `with` begins with are left out of the names of
 * that side; with `keep` they are paired. */
static uint32_t try_prefix(struct match *m, unsigned side, const char *with, size_t n, bool keep)
{
    uint32_t found = 0;
    char text[512];
    for (uint32_t i = 0; i < m->side[0]->n; i++) {
        const struct fw_layer *a = &m->side[0]->rows[i];
        size_t len = strlen(a->name);
        const char *name = a->name;
        if (m->partner[i] != FW_NONE)
            continue;
        if (side == 0) {
            if (strncmp(name, with, n) != 0)
                continue;
            name += n;
            len -= n;
        } else {
            if (len + n >= sizeof text)
                continue;
            memcpy(text, with, n);
            memcpy(text + n, a->name, len);
            name = text;
            len += n;
        }
        uint32_t b = find(m, name, len, a->op);
        found += b != FW_NONE;
        if (b != FW_NONE && keep)
            pair_up(m, i, b);
    }
    return found;
}

/* The first unmatched name of a side tells what the prefix may be; it holds when most of the
 * smaller side's unmatched layers find their partner by it. */
static bool match_prefix(struct match *m, unsigned side)
{
    uint32_t open[2] = {0, 0};
    const char *first = NULL;
    for (unsigned s = 0; s < 2; s++)
        for (uint32_t i = m->side[s]->n; i-- > 0;)
            if ((s == 0 ? m->partner : m->taken)[i] == FW_NONE) {
                open[s]++;
                first = s == side ? m->side[s]->rows[i].name : first;
            }
    uint32_t least = open[0] < open[1] ? open[0] : open[1];
    if (least == 0)
        return false;
    for (size_t n = next_prefix(first, 0); n > 0; n = next_prefix(first, n))
        if (try_prefix(m, side, first, n, false) > least / 2)
            return try_prefix(m, side, first, n, true) > 0;
    return false;
}

enum fw_status fw_layers_match(const struct fw_layers *a, const struct fw_layers *b,
                               uint32_t *partner, struct fw_error *err)
{
    const struct fw_alloc *alloc = a->a->model.alloc;
    size_t bytes = ((size_t)b->n + 1) * sizeof(uint32_t);
    struct match m = {.side = {a, b}, .partner = partner, .err = err};
    m.taken = fw_mem_resize(alloc, NULL, 0, bytes);
    if (m.taken == NULL)
        return fw_fail_memory(err);
    memset(m.taken, 0xff, bytes);
    memset(partner, 0xff, a->n * sizeof *partner);
    fw_map_init(&m.names, alloc);
    enum fw_status status = take_names(&m);
    if (status == FW_OK) {
        match_names(&m);
        if (!match_prefix(&m, 0))
            (void)match_prefix(&m, 1);
        match_order(&m);
    }
    fw_map_free(&m.names);
    fw_mem_resize(alloc, m.taken, bytes, 0);
    return status;
}
