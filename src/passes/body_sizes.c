/* What bodies need while they run; see body_sizes.h. */
#include "passes/body_sizes.h"

#include <string.h>

const struct fw_body_size *fw_body_size_find(const struct fw_body_sizes *b,
                                             const struct fw_graph *body)
{
    const uint32_t *found = fw_map_get(&b->known, (const char *)&body, sizeof body);
    return found != NULL ? b->sizes[*found] : NULL;
}

const struct fw_body_size *fw_body_size_keep(struct fw_body_sizes *b, struct fw_arena *arena,
                                             const struct fw_graph *body, fw_count bytes,
                                             bool complete)
{
    struct fw_body_size *size = fw_arena_alloc(arena, sizeof *size);
    if (size == NULL)
        return NULL;
    if (b->n == b->cap) {
        uint32_t cap = b->cap == 0 ? 16 : 2 * b->cap;
        struct fw_body_size **more = fw_arena_array(arena, cap, sizeof *more);
        if (more == NULL)
            return NULL;
        if (b->n > 0)
            memcpy(more, b->sizes, b->n * sizeof *more);
        b->sizes = more;
        b->cap = cap;
    }
    *size = (struct fw_body_size){body, bytes, complete};
    if (fw_map_put(&b->known, (const char *)&size->body, sizeof body, b->n, NULL) == NULL)
        return NULL;
    return b->sizes[b->n++] = size;
}
