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

struct fw_packing {
    uint64_t bytes;       // of the block
    uint64_t bound_bytes; // alive at the fullest step: no packing can be smaller
    uint64_t looks;       // at storages, steps and gaps, which is what all of this costs
};

/* Sets every offset. The sizes together and a cache line for each have to stay below 2^64.
 * false = out of memory. */
bool fw_pack(struct fw_span *spans, uint32_t n, uint32_t n_steps, const struct fw_alloc *alloc,
             struct fw_packing *ret);

#endif
