/* Weights as their files hold them, where a network was built beside them: inference loads those,
 * whatever the precision policy says of activations. */
#ifndef FW_PASSES_STORED_H
#define FW_PASSES_STORED_H

#include "graph/model.h"
#include "graph/precision.h"

struct fw_as_stored {
    bool known;     // the files hold every tensor of the network
    fw_count more;  // bytes in them less bytes by the policy, of parameters and buffers
    uint64_t bytes; // in them, with the scales of packed ones
    /* Storages, most bytes first: numbers in fw_storages. */
    uint32_t storage[4];
    unsigned n_storages; // all of them, also where there are more than 4
};

void fw_weights_as_stored(struct fw_model *m, const struct fw_precision *precision,
                          struct fw_as_stored *ret);

#endif
