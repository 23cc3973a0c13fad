/* Packing: where in one block of memory each storage stands, so that those alive at the same time
 * never overlap and the block is as small as can be found. */
#ifndef FW_PASSES_PACK_H
#define FW_PASSES_PACK_H

#include "base/arena.h"

#include <stdint.h>

struct fw_span { // one storage
    uint64_t bytes;
    uint64_t offset;      // found by packing
    uint32_t first, last; // steps at which it is alive, both included
    uint32_t align;       // bytes, a power of two
};

/* Bytes alive at the fullest step: no packing can be smaller. UINT64_MAX = out of memory. */
uint64_t fw_pack_bound(const struct fw_span *spans, uint32_t n, uint32_t n_steps,
                       const struct fw_alloc *alloc);
/* Sets every offset and gives the size of the block. UINT64_MAX = out of memory. */
uint64_t fw_pack(struct fw_span *spans, uint32_t n, uint32_t n_steps, const struct fw_alloc *alloc);

#endif
