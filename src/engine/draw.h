/* Contents of tensors that nobody gives. */
#ifndef FW_ENGINE_DRAW_H
#define FW_ENGINE_DRAW_H

#include "ops/value.h"

/* How stored tensors are drawn. Inputs are normal both ways. */
enum fw_draw {
    FW_DRAW_TO_TRAIN, // weights uniform below 1/sqrt(fan-in), shifts and means 0, scales and
                      // variances 1
    FW_DRAW_TO_TEST,  // weights uniform with variance 1/fan-in, the others in 0.5..1.5: nothing is
                      // special, so nothing that a kernel leaves out stays unseen
    FW_N_DRAWS
};

/* Fills v, which has the tensor's shape. */
void fw_draw(const struct fw_graph *g, uint32_t tensor, enum fw_draw how, uint64_t *random,
             struct fw_buffer *v);
#endif
