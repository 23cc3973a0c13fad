/* Layer normalisation: what norm.c and its kernels share. */
#ifndef FW_OPS_NORM_H
#define FW_OPS_NORM_H

#include "ops/op.h"

struct fw_layer_form {
    bool rms;          // no mean
    bool skip;         // (input, skip, bias?) are added first
    bool mean_out;     // output 1 is the mean and 2 the inverse deviation; else 1 is the deviation
    uint8_t scale;     // input with the scale
    uint8_t shift;     // input with the shift; 0 = none
    uint8_t skip_bias; // input with the bias that is added before; 0 = none
};
enum { FW_LAYER_SUM_OUT = 3 };
/* Input ports of the gradient rows: of X, and of the scale, whose values are only a shape there. */
enum { FW_LAYER_DY, FW_LAYER_X, FW_LAYER_INVERSE, FW_LAYER_SCALE, FW_LAYER_MEAN };

#endif
