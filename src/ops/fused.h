/* The activation of a fused row (fused.c), as its kernels (fused_run.c) want it. */
#ifndef FW_OPS_FUSED_H
#define FW_OPS_FUSED_H

#include "ops/op.h"

enum { FW_FUSED_NUMBERS = 4 };
struct fw_fused_activation {
    const struct fw_op *row;               // NULL: none, or a clip
    struct fw_attr attr[FW_FUSED_NUMBERS]; // of that row; of a clip: its bounds
    bool clip;
    bool known;
};
void fw_fused_activation(const struct fw_cx *c, struct fw_fused_activation *ret);

#endif
