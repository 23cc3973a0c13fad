/* How far an element of an output reaches back along one dimension of an input: what rows say in
 * their `field` slot, and the functions that serve many of them. */
#ifndef FW_OPS_REACH_H
#define FW_OPS_REACH_H

#include "ops/conv.h"

enum fw_reach_kind {
    FW_REACH_ALL,   // every position, `why` says why
    FW_REACH_NONE,  // the output does not depend on the contents of this input at all
    FW_REACH_POINT, // position `begin`, whatever the output's position is
    /* Output position o along dimension `dim`: o*stride - begin + t*dilation, 0 <= t < kernel, */
    FW_REACH_WINDOW,
    /* all i with i*stride - begin + t*dilation = o for a t, 0 <= t < kernel, */
    FW_REACH_TRANSPOSED,
    /* floor((o*num + first)/den) to floor((o*num + last)/den). */
    FW_REACH_SCALED
};

struct fw_reach {
    uint8_t kind; // enum fw_reach_kind
    uint8_t dim;
    bool slides;     // it is space that the row works along: a convolution, a pooling, resizing
    bool same;       // of a window: `begin` and `end` depend on the size
    bool ceil;       // of a window: the last may hang over the end
    const char *why; // "attention"
    int64_t stride, dilation;
    fw_dim kernel;
    fw_dim begin, end; // padding; `end` tells only how small the input may be
    int64_t num, den, first, last;
};

/* One position for one position: a window of 1 along dimension dim of the output. */
struct fw_reach fw_reach_each(unsigned dim);
/* n positions from begin on, taken in steps (a slice), or padded. */
struct fw_reach fw_reach_window(unsigned dim, int64_t stride, fw_dim kernel, int64_t dilation,
                                fw_dim begin, fw_dim end);
struct fw_reach fw_reach_all(const char *why);

/* ---- slots ---- */

typedef void fw_field_slot(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret);
fw_field_slot fw_field_none;      // shapes, constants, random numbers
fw_field_slot fw_field_whole;     // mixes positions in a way that no window describes
fw_field_slot fw_field_same;      // elementwise, inputs broadcast
fw_field_slot fw_field_first;     // elementwise in input 0; its other inputs are parameters
fw_field_slot fw_field_same_left; // dimensions stand in the same places from the left
fw_field_slot fw_field_last;      // all of the last dimension of input 0 (a linear layer)
fw_field_slot fw_field_joined;    // end to end along attribute 0
fw_field_slot fw_field_line;      // all along attribute 0, an axis: softmax and its kin
fw_field_slot fw_field_channels;  // all of dimension 1
fw_field_slot fw_field_regroup;   // the same elements in order under another shape
fw_field_slot fw_field_attention, fw_field_recurrence, fw_field_data; // every position, with why
fw_field_slot fw_field_conv;                       // family is struct fw_conv_form
fw_field_slot fw_field_pool, fw_field_pool_global; // family is struct fw_pool_form

bool fw_op_recurs(const struct fw_op *op); // walks along a sequence, step after step

/* The same size at the same places of input and output, all positions of the axes that are marked:
 * normalisations, softmax, running sums. */
void fw_field_along(struct fw_cx *c, unsigned in, const bool *marked, const char *why,
                    struct fw_reach *ret);

#endif
