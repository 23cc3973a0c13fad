/* What the quantised rows (qlinear.c) tell their kernels (qlinear_run.c). */
#ifndef FW_OPS_QLINEAR_H
#define FW_OPS_QLINEAR_H

#include "ops/conv.h"

struct fw_q_conv {
    struct fw_conv_form conv; // first: conv.c reads it
    int8_t x_zero, w_zero;    // inputs
    bool integer;             // the result stays an int32 sum
};

struct fw_q_product {
    uint8_t a, b;
    int8_t a_zero, b_zero, bias; // inputs, -1: none
    int8_t type;                 // input whose type the output has; -1: int32
    int8_t scale;                // input that scales the output; -1: the result is an int32 sum
    int8_t zero;                 // its zero point: with both the output is quantised
    bool flags;                  // transA, transB
    bool dynamic;                // A is float and quantised by its own range
    bool bias_last;              // added after the scales, not to the sum
    int8_t scales[3];            // of A, of B, of Y; -1: none
};

struct fw_q_map {
    uint8_t n_x;             // operands: inputs 0, 3
    const char *row;         // what is computed between them and the output
    uint8_t n[FW_N_TALLIES]; // of the function itself, per element of the output
};

enum fw_bits_attr { FW_BITS_K, FW_BITS_N, FW_BITS_WIDTH, FW_BITS_BLOCK };

#endif
