/* Arithmetic of fields: through one reach, and joined over branches; see field.h. */
#ifndef FW_PASSES_FIELD_MAP_H
#define FW_PASSES_FIELD_MAP_H

#include "ops/reach.h"
#include "passes/field.h"

struct fw_field_maps {
    struct fw_arena *arena;
};

/* reach: along the dimension that moves; NULL where none does. node: for messages and reasons.
 * Errors: FW_MEMORY. What is too long to follow becomes every position. */
enum fw_status fw_field_through(const struct fw_field_maps *m, const struct fw_field *from,
                                const struct fw_reach *reach, uint32_t node, struct fw_field *ret,
                                struct fw_error *err);
/* *all becomes the hull of itself and of more. */
enum fw_status fw_field_join(const struct fw_field_maps *m, struct fw_field *all,
                             const struct fw_field *more, uint32_t node, struct fw_error *err);

#endif
