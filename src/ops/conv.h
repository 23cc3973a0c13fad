/* Sliding windows: what convolutions and poolings of any number of axes share.
 *
 * Per axis, with input size W, padding P (both ends together), kernel K, dilation d, stride S:
 * output size floor((W + P - d*(K-1) - 1)/S) + 1. A transposed window is the same geometry with
 * input and output exchanged. The formulas are those of the ONNX operator specification (Conv,
 * ConvTranspose, MaxPool). */
#ifndef FW_OPS_CONV_H
#define FW_OPS_CONV_H

#include "ops/op.h"

#define FW_MAX_AXES (FW_MAX_RANK - 2) // spatial axes of a window

/* Every row with windows starts its attributes with these five, in this order. */
enum {
    FW_WINDOW_AUTO_PAD,
    FW_WINDOW_DILATIONS,
    FW_WINDOW_KERNEL,
    FW_WINDOW_PADS,
    FW_WINDOW_STRIDES,
    FW_N_WINDOW_ATTRS
};
#define FW_WINDOW_ATTRS                                                                           \
    {"auto_pad", FW_ATTR_STRING, false, {.s = ""}}, {"dilations", FW_ATTR_INTS, false, {.n = 0}}, \
        {"kernel_shape", FW_ATTR_INTS, false, {.n = 0}}, {"pads", FW_ATTR_INTS, false, {.n = 0}}, \
    {                                                                                             \
        "strides", FW_ATTR_INTS, false,                                                           \
        {                                                                                         \
            .n = 0                                                                                \
        }                                                                                         \
    }

struct fw_window {
    unsigned n; // axes; the arrays below hold one entry for each
    bool transposed;
    fw_dim in[FW_MAX_AXES];
    fw_dim out[FW_MAX_AXES];
    fw_dim kernel[FW_MAX_AXES]; // taps
    fw_dim begin[FW_MAX_AXES];  // padding before the first element
    fw_dim end[FW_MAX_AXES];    // padding after the last
    int64_t stride[FW_MAX_AXES];
    int64_t dilation[FW_MAX_AXES];
};

/* Whether channels are last: attribute `last` says so; -1 never, -2 always. */
static inline bool fw_channels_last(const struct fw_cx *c, int last)
{
    return last == -2 || (last >= 0 && fw_attr_at(c, (unsigned)last)->i != 0);
}

/* Where a row that may be either keeps its channels: after the batch, or at the end. */
static inline unsigned fw_channel_axis(bool last, unsigned rank)
{
    return last ? rank - 1 : 1;
}
static inline unsigned fw_first_axis(bool last) // the first spatial axis
{
    return last ? 1 : 2;
}

/* Reads the window attributes against sizes in (n). kernel: the taps as the weight gives them, or
 * NULL where the attribute must. ceil: the last window may hang over the end, as long as it starts
 * inside the input or the padding before it. Errors: FW_SHAPE, FW_FORMAT, FW_LIMIT. */
enum fw_status fw_window_read(struct fw_cx *c, unsigned n, const fw_dim *in, const fw_dim *kernel,
                              bool ceil, struct fw_window *ret);
/* The transposed window; extra and shape are the numbers of the attributes output_padding and
 * output_shape, FW_NO_ATTR where the row has none. */
#define FW_NO_ATTR 255u
enum fw_status fw_window_read_transposed(struct fw_cx *c, unsigned n, const fw_dim *in,
                                         const fw_dim *kernel, unsigned extra, unsigned shape,
                                         struct fw_window *ret);
fw_count fw_window_taps(struct fw_cx *c, const struct fw_window *w); // product of the kernel
/* Pairs (window, tap) whose tap falls on an element and not on padding: the product over the axes
 * of an exact sum. Constant sizes take logarithmic time; a symbolic size takes one term for each
 * tap and is bad over FW_MAX_SYMBOLIC_TAPS of them or for a symbolic kernel. */
#define FW_MAX_SYMBOLIC_TAPS 1024
fw_count fw_window_valid(struct fw_cx *c, const struct fw_window *w);

/* What differs between rows that are convolutions; .family of every row whose .infer is
 * fw_conv_infer, and of their gradients. */
struct fw_conv_form {
    uint8_t x, w; // inputs
    int8_t bias;  // input, or -1
    int8_t y;     // input that has the forward output's shape, or -1: output 0
    int8_t type;  // input whose type the output takes, or -1: int32
    int8_t last;  // attribute that says channels are last; -1 never, -2 always
    int8_t extra; // attribute output_padding (output_shape follows), -1: not transposed
    int8_t z;     // input of the output's shape that is added to it, 0: none
};

/* A convolution as read from its node. */
struct fw_conv {
    struct fw_window window;
    fw_dim batch;
    fw_dim channels_out;
    fw_dim weight_out; // first dimension of the weight
    fw_dim weight_in;  // channels each group of the other side has, the weight's second dimension
    bool last;         // channels last
};
enum { FW_CONV_GROUP = FW_N_WINDOW_ATTRS, FW_N_CONV_ATTRS };
enum fw_status fw_conv_read(struct fw_cx *c, struct fw_conv *ret);
enum fw_status fw_conv_infer(struct fw_cx *c);
void fw_conv_cost(struct fw_cx *c, struct fw_cost *cost); // fma, and add = elements(Y) with bias

/* Emits the gradients of X, W and bias from the gradient of the convolution's own result. */
enum fw_status fw_conv_grad_from(struct fw_grad *gr, uint32_t dy);
/* That of a bias at input i, where it needs one: dY summed over all but the channels. */
enum fw_status fw_conv_grad_bias(struct fw_grad *gr, unsigned i, uint32_t dy, bool last);

/* Operations among a node's cost that fall on padding (to be taken off where they are not wanted).
 * False when the node has no windows, or its pairs cannot be counted exactly. No bytes are added.
 * The first serves any node; the others one family each. */
bool fw_padding_cost(struct fw_cx *c, struct fw_cost *ret);
bool fw_conv_padding_cost(struct fw_cx *c, struct fw_cost *ret);
bool fw_pool_padding_cost(struct fw_cx *c, struct fw_cost *ret);

#endif
