/* Recurrent layers: what rnn.c and its kernels share. The names of ports are the standard's, short
 * as there; no other file includes this one. */
#ifndef FW_OPS_RNN_H
#define FW_OPS_RNN_H

#include "ops/op.h"

/* Attributes, in the order of the rows. */
enum {
    ALPHA,
    BETA,
    ACTIVATIONS,
    CLIP,
    DIRECTION,
    HIDDEN,
    LAYOUT,
    OPTION, // GRU: linear_before_reset, LSTM: input_forget
    N_ATTRS
};
enum { X, W, R, B, LENS, H0, C0, P, N_IN };
enum { Y, Y_H, Y_C };
/* Ports of the gate gradient node. */
enum { G_DY, G_DYH, G_DYC, G_R, G_Y, G_RESERVE, G_LENS, G_H0, G_C0, G_P, G_X, G_N_IN };
enum { G_DA, G_DH0, G_DC0 };

enum fw_rnn_kind { RNN, GRU, LSTM };
struct fw_rnn_family {
    enum fw_rnn_kind kind;
    unsigned gates;   // G
    unsigned n_acts;  // activations listed per direction
    unsigned reserve; // output that keeps the gates when training, 0 for none
    unsigned saved;   // values the reserve keeps per hidden unit
    const char *acts[3];
};

#endif
