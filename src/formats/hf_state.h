/* Pieces of layers that keep a state instead of all that was read; see hf_state.c. */
#ifndef FW_FORMATS_HF_STATE_H
#define FW_FORMATS_HF_STATE_H

#include "formats/hf.h"

#define HF_QKVO(stem) .q = stem "q_proj", .k = stem "k_proj", .v = stem "v_proj", .o = stem "o_proj"

/* A convolution over what was read last, each channel for itself: (batch, seq, channels). */
int hf_short_conv(struct hf_arch *a, int x, const char *name, int64_t kernel, bool bias);
int hf_short_conv_as(struct hf_arch *a, int x, const char *name, int64_t kernel, bool bias,
                     const char *act);
int hf_decay_rate(struct hf_arch *a, const char *name, int rank,
                  const int64_t *dims); // -exp(A_log)
struct hf_linear_attention {
    int64_t heads; // of the state, as many of queries
    const char *rule;
    int q, k, v, decay, beta; // -1: none
};
int hf_linear_attention(struct hf_arch *a, const struct hf_linear_attention *l);
/* (batch, seq, groups*width) to (batch, seq, heads*width), each group repeated. */
int hf_repeat(struct hf_arch *a, int x, int64_t groups, int64_t heads, int64_t width);
int hf_silu(struct hf_arch *a, int x);

#endif
