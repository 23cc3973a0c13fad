/* What the processor retires for a node, predicted for the kernel that does it. */
#ifndef FW_ENGINE_RETIRED_H
#define FW_ENGINE_RETIRED_H

#include "engine/engine.h"

struct fw_retired {
    uint64_t flop;
    bool known; // false: there is no closed form (transcendental functions, kernels without one)
    const char *why; // in words, where it is not known
};

/* cost: of the node with padding taps; padding: the part of it that falls on them (see
 * fw_padding_cost). */
struct fw_retired fw_retired_predict(const struct fw_engine *e, uint32_t node,
                                     const struct fw_cost *cost, const struct fw_cost *padding);

#endif
