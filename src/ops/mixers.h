/* Gradients of the sequence operators; see mixers_grad.c. */
#ifndef FW_OPS_MIXERS_H
#define FW_OPS_MIXERS_H

#include "ops/op.h"

/* Attributes and inputs of LinearAttention, in order. */
enum { FW_LINEAR_KEY_HEADS, FW_LINEAR_QUERY_HEADS, FW_LINEAR_RULE };
enum { FW_LINEAR_Q, FW_LINEAR_K, FW_LINEAR_V, FW_LINEAR_PAST, FW_LINEAR_DECAY, FW_LINEAR_BETA };

enum fw_status fw_grad_linear_attention(struct fw_grad *gr);
enum fw_status fw_grad_causal_conv(struct fw_grad *gr);
/* What decoding keeps: the state; the taps behind. */
void fw_cache_linear_attention(struct fw_cx *c, struct fw_cache *ret);
void fw_cache_causal_conv(struct fw_cx *c, struct fw_cache *ret);

#endif
