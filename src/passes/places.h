/* From when each storage is alive to where it stands; used by passes/memory.c. */
#ifndef FW_PASSES_PLACES_H
#define FW_PASSES_PLACES_H

#include "passes/memory.h"

struct fw_storage {       // of a tensor
    fw_count bytes;       // of a root
    uint32_t root;        // FW_NONE: none
    uint32_t first, last; // nodes at which a root is alive; last may be behind the last node
    bool fixed;
};

/* all: (n_tensors), without letters. *ret is NULL where they add up to 2^63 bytes and more. */
enum fw_status fw_places_find(const struct fw_graph *g, const struct fw_storage *all,
                              const struct fw_places **ret, struct fw_error *err);

#endif
