/* What the attention rows and their gradients share. */
#ifndef FW_OPS_ATTENTION_H
#define FW_OPS_ATTENTION_H

#include "ops/op.h"

/* Sizes of one attention: scores are (batch, heads, q_len, total). */
struct fw_attention {
    fw_dim batch, heads, kv_heads, q_len;
    fw_dim kv_len;      // new keys
    fw_dim past;        // keys of earlier calls
    fw_dim total;       // keys every query meets
    fw_dim head;        // width of a query and a key, D
    fw_dim v_head;      // width of a value, Dv
    double softcap;     // 0: none
    bool scaled;        // scores are multiplied by a scale that is not 1
    bool causal;        // a query meets no later key
    int64_t window;     // and at most so many, itself among them; 0: all
    unsigned mask_adds; // masks and biases added to the scores
    unsigned selects;   // masks that choose between score and -infinity
};

/* Where an operator has its inputs; NO_PORT where it has none of the kind. */
#define FW_NO_PORT 31
struct fw_attention_ports {
    uint8_t key, value, bias, mask, more_mask, past_key, past_value, past_len, cos, sin;
    uint8_t probs; // output that keeps the probabilities in the training form
    uint8_t qkv;   // output that keeps the projected input in the training form
    enum fw_status (*read)(struct fw_cx *c, struct fw_attention *ret);
};

/* Where a rotary embedding has its inputs, and the row of its gradient; embed.c. */
struct fw_rotary_form {
    uint8_t positions, cos, sin;
    const struct fw_op *grad;
};

/* attention.c */
/* Elements turned by a rotary embedding: n elements of heads of width `head`, of which the cache
 * turns the first 2 * its last dimension. */
fw_count fw_rotated(struct fw_cx *c, fw_count n, fw_dim head, const struct fw_tensor *cache);
void fw_cost_rotation(struct fw_cx *c, struct fw_cost *cost, fw_count n); // 2 mul, 1 add each

/* attention_mask.c */
/* How many are given that are added to the scores. */
unsigned fw_attention_masks(const struct fw_cx *c);
/* Each must broadcast to the scores (4 dimensions); FW_SHAPE otherwise. It may have fewer keys. */
enum fw_status fw_attention_want_masks(struct fw_cx *c, const fw_dim *scores);

/* attention_grad.c */
enum fw_status fw_grad_attention(struct fw_grad *gr);

#endif
