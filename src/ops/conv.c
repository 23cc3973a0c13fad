/* Convolutions of any number of axes, forward and backward, also transposed and grouped.
 *
 * Y[n, m, o] = sum over the C/g channels of m's group and over the taps of W * X: one fma each, so
 * fma = elements(Y) * (C/g) * prod(K), taps that meet padding included. The gradients dX and dW
 * walk the same (output, channel, tap) triples and cost the same. A transposed convolution is the
 * gradient dX of a convolution: fma = elements(X) * (Cout/g) * prod(K). */
#include "ops/conv.h"
#include "ops/fast.h"
#include "ops/moments.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { EXTRA = FW_N_CONV_ATTRS, OUTPUT_SHAPE, GRAD_LAST, N_GRAD };
static const struct fw_attr_spec conv_attrs[] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec transpose_attrs[] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
    {"output_padding", FW_ATTR_INTS, false, {.n = 0}},
    {"output_shape", FW_ATTR_INTS, false, {.n = 0}},
};
static const struct fw_attr_spec grad_attrs[N_GRAD] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
    {"output_padding", FW_ATTR_INTS, false, {.n = 0}},
    {"output_shape", FW_ATTR_INTS, false, {.n = 0}},
    {"channels_last", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec sum_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 1}},
};

enum {
    CONV,
    CONV_LAST,
    NHWC_CONV,
    TRANSPOSE,
    GRAD_INPUT,
    GRAD_WEIGHT,
    TRANSPOSE_GRAD_INPUT,
    TRANSPOSE_GRAD_WEIGHT,
    CHANNEL_SUM,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

/* Weights stand as (M, C/g, taps) also where data are channels-last, unless only (M, taps, C/g)
 * fits the input. */
static bool weight_last(struct fw_cx *c, const struct fw_tensor *w, fw_dim channels, int64_t group,
                        bool last)
{
    if (!last)
        return false;
    fw_dim want = fw_dim_div(c->sym, channels, fw_dim_int(group));
    return !fw_dim_eq(w->dims[1], want) && fw_dim_eq(w->dims[w->rank - 1], want);
}

static enum fw_status read_channels(struct fw_cx *c, const struct fw_conv_form *form,
                                    const struct fw_tensor *x, int64_t group, struct fw_conv *ret)
{
    fw_dim channels = x->dims[fw_channel_axis(ret->last, x->rank)];
    fw_dim g = fw_dim_int(group);
    fw_dim same;
    if (form->extra >= 0) {
        FW_TRY(fw_same_dim(c, "channels of input and weight", channels, ret->weight_out, &same));
        ret->channels_out = fw_dim_mul(c->sym, ret->weight_in, g);
    } else {
        fw_dim all = fw_dim_mul(c->sym, ret->weight_in, g);
        FW_TRY(fw_same_dim(c, "channels of input and weight", channels, all, &same));
        ret->channels_out = ret->weight_out;
    }
    FW_REQUIRE(!fw_dim_is_const(ret->weight_out) || ret->weight_out.word % group == 0, c->err,
               FW_SHAPE, "a multiple of group is wanted as first dimension of the weight");
    return FW_OK;
}

enum fw_status fw_conv_read(struct fw_cx *c, struct fw_conv *ret)
{
    const struct fw_conv_form *form = c->node->op->family;
    FW_TRY(fw_want_rank(c, form->x, 3, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, form->x);
    FW_TRY(fw_want_rank(c, form->w, x->rank, x->rank));
    const struct fw_tensor *w = fw_in(c, form->w);
    int64_t group = fw_attr_at(c, FW_CONV_GROUP)->i;
    FW_REQUIRE(group >= 1 && group <= FW_DIM_MAX, c->err, FW_SHAPE,
               "group: at least 1 is wanted, found %lld", (long long)group);
    ret->last = fw_channels_last(c, form->last);
    ret->batch = x->dims[0];
    fw_dim channels = x->dims[fw_channel_axis(ret->last, x->rank)];
    bool w_last = weight_last(c, w, channels, group, ret->last);
    ret->weight_out = w->dims[0];
    ret->weight_in = w->dims[fw_channel_axis(w_last, w->rank)];
    FW_TRY(read_channels(c, form, x, group, ret));
    const fw_dim *in = x->dims + fw_first_axis(ret->last);
    const fw_dim *kernel = w->dims + fw_first_axis(w_last);
    unsigned n = x->rank - 2u;
    if (form->extra < 0)
        return fw_window_read(c, n, in, kernel, false, &ret->window);
    return fw_window_read_transposed(c, n, in, kernel, (unsigned)form->extra,
                                     (unsigned)form->extra + 1, &ret->window);
}

enum fw_status fw_conv_infer(struct fw_cx *c)
{
    const struct fw_conv_form *form = c->node->op->family;
    struct fw_conv v;
    FW_TRY(fw_conv_read(c, &v));
    if (form->bias >= 0 && fw_has_in(c, (unsigned)form->bias)) {
        FW_TRY(fw_want_rank(c, (unsigned)form->bias, 1, 1));
        fw_dim same;
        FW_TRY(fw_same_dim(c, "bias and output channels", fw_in(c, (unsigned)form->bias)->dims[0],
                           v.channels_out, &same));
    }
    unsigned rank = v.window.n + 2;
    fw_dim y[FW_MAX_RANK];
    y[0] = v.batch;
    y[fw_channel_axis(v.last, rank)] = v.channels_out;
    for (unsigned k = 0; k < v.window.n; k++)
        y[fw_first_axis(v.last) + k] = v.window.out[k];
    if (form->z > 0 && fw_has_in(c, (unsigned)form->z)) {
        FW_TRY(fw_want_rank(c, (unsigned)form->z, rank, rank));
        for (unsigned k = 0; k < rank; k++)
            FW_TRY(fw_same_dim(c, "what is added and the output",
                               fw_in(c, (unsigned)form->z)->dims[k], y[k], &y[k]));
    }
    const struct fw_tensor *like = form->type >= 0 ? fw_in(c, (unsigned)form->type) : NULL;
    return fw_set_out(c, 0, like != NULL ? (enum fw_dtype)like->dtype : FW_I32, rank, y);
}

/* elements(Y) * (C/g) * taps; transposed: elements(X) * (Cout/g) * taps. Padding counts. */
static fw_count fma_of(struct fw_cx *c)
{
    const struct fw_conv_form *form = c->node->op->family;
    struct fw_cx quiet = *c;
    quiet.err = NULL;
    struct fw_conv v;
    if (fw_conv_read(&quiet, &v) != FW_OK)
        return fw_count_bad();
    const struct fw_tensor *y = form->y >= 0 ? fw_in(c, (unsigned)form->y) : fw_out(c, 0);
    const struct fw_tensor *each = form->extra >= 0 ? fw_in(c, form->x) : y;
    fw_count per = fw_count_mul(c->sym, fw_count_of(v.weight_in), fw_window_taps(c, &v.window));
    return fw_count_mul(c->sym, fw_elements(c, each), per);
}

void fw_conv_cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_conv_form *form = c->node->op->family;
    fw_cost_add(c, cost, FW_FMA, fma_of(c), 1);
    if (form->bias >= 0 && fw_has_in(c, (unsigned)form->bias))
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_out(c, 0)), 1);
}

/* Of every sum over the channels and taps of one output only the taps that meet elements stay:
 * batch * first * second dimension of the weight * pairs. */
bool fw_conv_padding_cost(struct fw_cx *c, struct fw_cost *ret)
{
    if (c->node->op->infer != fw_conv_infer && c->node->op->cost != fw_conv_cost)
        return false;
    struct fw_cx quiet = *c;
    quiet.err = NULL;
    struct fw_conv v;
    if (fw_conv_read(&quiet, &v) != FW_OK)
        return false;
    fw_count valid = fw_window_valid(c, &v.window);
    valid = fw_count_mul(c->sym, valid, fw_count_of(v.batch));
    valid = fw_count_mul(c->sym, valid, fw_count_of(v.weight_out));
    valid = fw_count_mul(c->sym, valid, fw_count_of(v.weight_in));
    fw_count padding = fw_count_sub(c->sym, fma_of(c), valid);
    if (fw_count_is_bad(padding))
        return false;
    fw_cost_add(c, ret, FW_FMA, padding, 1);
    return true;
}

/* The attributes of the forward node as the gradient rows have them. */
static void grad_attributes(const struct fw_grad *gr, bool last, struct fw_attr *ret)
{
    const struct fw_conv_form *form = gr->cx.node->op->family;
    for (unsigned i = 0; i < N_GRAD; i++)
        ret[i] = grad_attrs[i].value;
    for (unsigned i = 0; i < FW_N_CONV_ATTRS; i++)
        ret[i] = *fw_attr_at(&gr->cx, i);
    for (unsigned i = 0; form->extra >= 0 && i < 2; i++)
        ret[EXTRA + i] = *fw_attr_at(&gr->cx, (unsigned)form->extra + i);
    ret[GRAD_LAST] = (struct fw_attr){.i = last, .given = true};
}

enum fw_status fw_conv_grad_bias(struct fw_grad *gr, unsigned i, uint32_t dy, bool last)
{
    if (!fw_grad_needs(gr, i))
        return FW_OK;
    unsigned rank = fw_tensor_at(gr->cx.g, dy)->rank;
    struct fw_attr axis = {.i = fw_channel_axis(last, rank), .given = true};
    return fw_emit(gr, (int)i, &rows[CHANNEL_SUM], &dy, 1, &axis, &gr->dx[i]);
}

enum fw_status fw_conv_grad_from(struct fw_grad *gr, uint32_t dy)
{
    const struct fw_conv_form *form = gr->cx.node->op->family;
    const uint32_t *in = gr->cx.node->in;
    bool last = fw_channels_last(&gr->cx, form->last);
    bool transposed = form->extra >= 0;
    struct fw_attr attr[N_GRAD];
    grad_attributes(gr, last, attr);
    if (fw_grad_needs(gr, form->x)) {
        uint32_t from[3] = {dy, in[form->w], in[form->x]};
        FW_TRY(fw_emit(gr, form->x, &rows[transposed ? TRANSPOSE_GRAD_INPUT : GRAD_INPUT], from, 3,
                       attr, &gr->dx[form->x]));
    }
    if (fw_grad_needs(gr, form->w)) {
        uint32_t from[3] = {dy, in[form->x], in[form->w]};
        FW_TRY(fw_emit(gr, form->w, &rows[transposed ? TRANSPOSE_GRAD_WEIGHT : GRAD_WEIGHT], from,
                       3, attr, &gr->dx[form->w]));
    }
    return form->bias < 0 ? FW_OK : fw_conv_grad_bias(gr, (unsigned)form->bias, dy, last);
}

static enum fw_status grad(struct fw_grad *gr)
{
    return fw_conv_grad_from(gr, gr->dy[0]);
}

static enum fw_status infer_sum(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    FW_TRY(fw_norm_axis(c, fw_attr_at(c, 0)->i, x->rank, &axis));
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, 1, &x->dims[axis]);
}

static void cost_sum(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_elements(c, fw_out(c, 0))), 1);
}

static const struct fw_conv_form form_first = {
    .x = 0, .w = 1, .bias = 2, .y = -1, .last = -1, .extra = -1};
static const struct fw_conv_form form_last = {
    .x = 0, .w = 1, .bias = 2, .y = -1, .last = -2, .extra = -1};
static const struct fw_conv_form form_transpose = {
    .x = 0, .w = 1, .bias = 2, .y = -1, .last = -1, .extra = EXTRA};
static const struct fw_conv_form form_dx = {
    .x = 2, .w = 1, .bias = -1, .last = GRAD_LAST, .extra = -1};
static const struct fw_conv_form form_dw = {
    .x = 1, .w = 2, .bias = -1, .last = GRAD_LAST, .extra = -1};
static const struct fw_conv_form form_transpose_dx = {
    .x = 2, .w = 1, .bias = -1, .last = GRAD_LAST, .extra = EXTRA};
static const struct fw_conv_form form_transpose_dw = {
    .x = 1, .w = 2, .bias = -1, .last = GRAD_LAST, .extra = EXTRA};

#define FORWARD                                                                                  \
    FW_PORTS(2, 3, 1, 1), .flags = FW_OP_CONTRACTION, .weight_slots = 6, .infer = fw_conv_infer, \
                          .field = fw_field_conv, .cost = fw_conv_cost, .grad = grad,            \
                          .moments = &fw_moments_conv
#define BACKWARD .domain = "flopwise", .doc = FW_INTERNAL_DOC, .grad = fw_grad_none
#define BACKWARD_PRODUCT                                                                       \
    BACKWARD, FW_ATTRS(grad_attrs), FW_PORTS(3, 3, 1, 1),                                      \
        .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL, .shape_only = 4, .infer = fw_infer_same2, \
        .cost = fw_conv_cost

#define CONV_FORMULA                                                                          \
    "fma = elements(Y) * (C/group) * prod(K), add = elements(Y) with bias; C channels of X, " \
    "K kernel"
#define CONV_DOC "dX and dW: the forward's fma each, dB = sum of dY over batch and positions"

FW_KERNELS(conv, conv_transpose, conv_dx, conv_dw, conv_transpose_dx, conv_transpose_dw,
           channel_sum);

static const struct fw_op rows[N_ROWS] = {
    [CONV] = {.name = "Conv",
              .domain = "",
              .formula = CONV_FORMULA,
              .doc = CONV_DOC,
              FW_ATTRS(conv_attrs),
              .family = &form_first,
              FORWARD,
              FW_RUN(conv),
              .fast = fw_fast_conv},
    [CONV_LAST] = {.name = "Conv",
                   .domain = "qonnx.custom_op.channels_last",
                   .formula = CONV_FORMULA,
                   .doc = CONV_DOC,
                   FW_ATTRS(conv_attrs),
                   .family = &form_last,
                   FORWARD,
                   FW_RUN(conv)},
    [NHWC_CONV] = {.name = "NhwcConv",
                   .domain = "com.microsoft",
                   .formula = CONV_FORMULA,
                   .doc = CONV_DOC,
                   FW_ATTRS(conv_attrs),
                   .family = &form_last,
                   FORWARD,
                   FW_RUN(conv)},
    [TRANSPOSE] =
        {.name = "ConvTranspose",
         .domain = "",
         .formula = "fma = elements(X) * (Cout/group) * prod(K), add = elements(Y) with bias; Cout "
                    "channels of Y, K kernel",
         .doc = CONV_DOC,
         FW_ATTRS(transpose_attrs),
         .family = &form_transpose,
         FORWARD,
         FW_RUN(conv_transpose)},
    [GRAD_INPUT] = {.name = "ConvGradInput", // (dY, W, X)
                    BACKWARD_PRODUCT,
                    .formula = "fma = elements(dY) * (C/group) * prod(K)",
                    .family = &form_dx,
                    FW_RUN(conv_dx),
                    .fast = fw_fast_conv_dx},
    [GRAD_WEIGHT] = {.name = "ConvGradWeight", // (dY, X, W)
                     BACKWARD_PRODUCT,
                     .formula = "fma = elements(dY) * (C/group) * prod(K)",
                     .family = &form_dw,
                     FW_RUN(conv_dw),
                     .fast = fw_fast_conv_dw},
    [TRANSPOSE_GRAD_INPUT] = {.name = "ConvTransposeGradInput", // (dY, W, X)
                              BACKWARD_PRODUCT,
                              .formula = "fma = elements(X) * (Cout/group) * prod(K)",
                              .family = &form_transpose_dx,
                              FW_RUN(conv_transpose_dx)},
    [TRANSPOSE_GRAD_WEIGHT] = {.name = "ConvTransposeGradWeight", // (dY, X, W)
                               BACKWARD_PRODUCT,
                               .formula = "fma = elements(X) * (Cout/group) * prod(K)",
                               .family = &form_transpose_dw,
                               FW_RUN(conv_transpose_dw)},
    [CHANNEL_SUM] = {.name = "ChannelSum",
                     BACKWARD,
                     .formula = "add = elements(X) - channels",
                     FW_ATTRS(sum_attrs),
                     FW_PORTS(1, 1, 1, 1),
                     .flags = FW_OP_INTERNAL,
                     .infer = infer_sum,
                     .cost = cost_sum,
                     FW_RUN(channel_sum),
                     .fast = fw_fast_channel_sum},
};
const struct fw_op_table fw_ops_conv = {rows, N_ROWS};
