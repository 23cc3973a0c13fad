/* Deformable convolution: every tap is read at its own displaced place, between elements.
 *
 * With n axes a place lies between 2^n elements. A place (one for each image, offset group, tap and
 * output position): n adds for the displacement, n floors, n fractions and n complements of them,
 * and 2^n*(n-1) products for the corner weights. A value read there (one for each channel of X as
 * well): 2^n mul, 2^n - 1 add, 1 mul more with a mask. Then the products of a convolution. */
#include "ops/conv.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { OFFSET_GROUP = FW_N_CONV_ATTRS, WANTED, N_GRAD };
static const struct fw_attr_spec attrs[] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
    {"offset_group", FW_ATTR_INT, false, {.i = 1}},
};
/* wanted: bit 0 dX, bit 1 dOffset, bit 2 dMask. */
enum { WANT_X = 1, WANT_OFFSET = 2, WANT_MASK = 4 };
static const struct fw_attr_spec grad_attrs[N_GRAD] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
    {"offset_group", FW_ATTR_INT, false, {.i = 1}},
    {"wanted", FW_ATTR_INT, false, {.i = 7}},
};

enum { DEFORM, COLUMN_GRAD, SAMPLE_GRAD, WEIGHT_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

enum { X, W, OFFSET, BIAS, MASK }; // inputs

/* Dimension 1 of offsets (per = n) and masks (per = 1) is offset_group * taps * per. */
static enum fw_status check_places(struct fw_cx *c, unsigned i, const struct fw_conv *v,
                                   int64_t per)
{
    FW_TRY(fw_want_rank(c, i, v->window.n + 2, v->window.n + 2));
    const fw_dim *dims = fw_in(c, i)->dims;
    int64_t groups = fw_attr_at(c, OFFSET_GROUP)->i;
    FW_REQUIRE(groups >= 1, c->err, FW_SHAPE, "offset_group: at least 1 is wanted");
    fw_count n = fw_count_mul(c->sym, fw_window_taps(c, &v->window), fw_count_int(groups));
    n = fw_count_mul(c->sym, n, fw_count_int(per));
    fw_dim same;
    FW_TRY(fw_same_dim(c, "examples of a batch", dims[0], v->batch, &same));
    FW_TRY(fw_same_dim(c, "places", dims[1], fw_dim_of(n), &same));
    for (unsigned k = 0; k < v->window.n; k++)
        FW_TRY(
            fw_same_dim(c, "positions of places and output", dims[2 + k], v->window.out[k], &same));
    return FW_OK;
}

static enum fw_status infer(struct fw_cx *c)
{
    struct fw_conv v;
    FW_TRY(fw_conv_infer(c));
    FW_TRY(fw_conv_read(c, &v));
    FW_TRY(check_places(c, OFFSET, &v, v.window.n));
    return fw_has_in(c, MASK) ? check_places(c, MASK, &v, 1) : FW_OK;
}

static void add_places(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *offset)
{
    int64_t n = offset->rank - 2;
    fw_count places = fw_count_div(c->sym, fw_elements(c, offset), fw_count_int(n));
    fw_cost_add(c, cost, FW_ADD, places, 3 * n);
    fw_cost_add(c, cost, FW_MINMAX, places, n);
    fw_cost_add(c, cost, FW_MUL, places, ((int64_t)1 << n) * (n - 1));
}

/* Reading all places: x, w, offset and mask are inputs. */
static void add_samples(struct fw_cx *c, struct fw_cost *cost, unsigned x, unsigned w,
                        unsigned offset, unsigned mask)
{
    const struct fw_tensor *o = fw_in(c, offset);
    int64_t corners = (int64_t)1 << (o->rank - 2);
    fw_count values = fw_product(c, fw_in(c, x)->dims, 0, 2);
    values = fw_count_mul(c->sym, values, fw_product(c, fw_in(c, w)->dims, 2, o->rank));
    values = fw_count_mul(c->sym, values, fw_product(c, o->dims, 2, o->rank));
    add_places(c, cost, o);
    fw_cost_add(c, cost, FW_MUL, values, corners + fw_has_in(c, mask));
    fw_cost_add(c, cost, FW_ADD, values, corners - 1);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    fw_conv_cost(c, cost);
    add_samples(c, cost, X, W, OFFSET, MASK);
}

/* (dY, W, X, offset): the gradient of every value read, (N, C*taps, positions). */
static enum fw_status infer_column(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 2);
    const struct fw_tensor *w = fw_in(c, 1);
    const struct fw_tensor *offset = fw_in(c, 3);
    fw_dim y[FW_MAX_RANK];
    y[0] = x->dims[0];
    fw_count values =
        fw_count_mul(c->sym, fw_count_of(x->dims[1]), fw_product(c, w->dims, 2, w->rank));
    y[1] = fw_dim_of(values);
    for (unsigned k = 2; k < offset->rank; k++)
        y[k] = offset->dims[k];
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

/* elements(dY) times the weights of one output channel. */
static void cost_products(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_conv_form *form = c->node->op->family;
    const struct fw_tensor *w = fw_in(c, form->w);
    fw_count per = fw_product(c, w->dims, 1, w->rank);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, fw_elements(c, fw_in(c, 0)), per), 1);
}

/* (dColumns, X, offset, mask?) -> dX, dOffset, dMask, as far as wanted. */
static enum fw_status infer_sample(struct fw_cx *c)
{
    FW_TRY(fw_set_out_like(c, 0, fw_in(c, 1)));
    FW_TRY(fw_set_out_like(c, 1, fw_in(c, 2)));
    return fw_has_in(c, 3) ? fw_set_out_like(c, 2, fw_in(c, 3)) : FW_OK;
}

/* A value's gradient, times the mask, is added to 2^n elements of X; the slope along each axis and
 * the value itself are read again for the offsets and the mask. */
static void cost_sample(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *offset = fw_in(c, 2);
    int64_t n = offset->rank - 2;
    int64_t corners = (int64_t)1 << n;
    int64_t wanted = fw_attr_at(c, WANTED)->i;
    fw_count values = fw_elements(c, fw_in(c, 0));
    add_places(c, cost, offset);
    if (fw_has_in(c, 3))
        fw_cost_add(c, cost, FW_MUL, values, 1);
    if (wanted & WANT_X) {
        fw_cost_add(c, cost, FW_MUL, values, corners);
        fw_cost_add(c, cost, FW_ADD, values, corners);
    }
    if (wanted & WANT_OFFSET) // the corner weights without those of one axis
        fw_cost_add(c, cost, FW_MUL, fw_count_div(c->sym, fw_elements(c, offset), fw_count_int(n)),
                    n > 1 ? n * corners * (n - 2) : 0);
    int64_t reads = (wanted & WANT_OFFSET ? n : 0) + (wanted & WANT_MASK ? 1 : 0);
    fw_cost_add(c, cost, FW_MUL, values, reads * (corners + 1));
    fw_cost_add(c, cost, FW_ADD, values, reads * corners);
}

/* (dY, X, offset, mask?, W): the places are read again. */
static enum fw_status infer_weight(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, 4));
}

static void cost_weight(struct fw_cx *c, struct fw_cost *cost)
{
    cost_products(c, cost);
    add_samples(c, cost, 1, 4, 2, 3);
}

/* The taps as an attribute, where the weight alone says them. */
static enum fw_status keep_kernel(struct fw_grad *gr, struct fw_attr *io)
{
    const struct fw_tensor *w = fw_in(&gr->cx, W);
    int64_t *taps = fw_arena_array(gr->cx.g->arena, w->rank, sizeof *taps);
    if (taps == NULL)
        return fw_fail_memory(gr->cx.err);
    if (io->n > 0)
        return FW_OK;
    for (unsigned k = 2; k < w->rank; k++) {
        if (!fw_dim_is_const(w->dims[k]))
            return FW_OK;
        taps[k - 2] = w->dims[k].word;
    }
    *io = (struct fw_attr){.ints = taps, .n = w->rank - 2u, .given = true};
    return FW_OK;
}

static enum fw_status grad_samples(struct fw_grad *gr, const struct fw_attr *forward)
{
    const uint32_t *in = gr->cx.node->in;
    static const uint8_t slots[3] = {X, OFFSET, MASK};
    int64_t wanted = 0;
    int first = -1;
    for (unsigned k = 0; k < 3; k++)
        if (fw_grad_needs(gr, slots[k])) {
            wanted |= (int64_t)1 << k;
            first = first < 0 ? slots[k] : first;
        }
    if (wanted == 0)
        return FW_OK;
    uint32_t mask = gr->cx.node->n_in > MASK ? in[MASK] : FW_NONE;
    struct fw_attr attr[N_GRAD];
    for (unsigned i = 0; i < WANTED; i++)
        attr[i] = forward[i];
    FW_TRY(keep_kernel(gr, &attr[FW_WINDOW_KERNEL]));
    attr[WANTED] = (struct fw_attr){.i = wanted, .given = true};
    uint32_t products[4] = {gr->dy[0], in[W], in[X], in[OFFSET]};
    uint32_t columns;
    FW_TRY(fw_emit(gr, first, &rows[COLUMN_GRAD], products, 4, attr, &columns));
    uint32_t from[4] = {columns, in[X], in[OFFSET], mask};
    uint32_t out;
    FW_TRY(fw_emit_n(gr, first, &rows[SAMPLE_GRAD], from, 4, attr, mask == FW_NONE ? 2 : 3, &out));
    for (unsigned k = 0; k < 3; k++)
        if (wanted >> k & 1)
            gr->dx[slots[k]] = out + k;
    return FW_OK;
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    FW_TRY(grad_samples(gr, node->attr));
    if (fw_grad_needs(gr, W)) {
        uint32_t mask = node->n_in > MASK ? node->in[MASK] : FW_NONE;
        uint32_t from[5] = {gr->dy[0], node->in[X], node->in[OFFSET], mask, node->in[W]};
        FW_TRY(fw_emit(gr, W, &rows[WEIGHT_GRAD], from, 5, node->attr, &gr->dx[W]));
    }
    return fw_conv_grad_bias(gr, BIAS, gr->dy[0], false);
}

static const struct fw_conv_form form = {
    .x = X, .w = W, .bias = BIAS, .y = -1, .last = -1, .extra = -1};
static const struct fw_conv_form form_column = {.w = 1};
static const struct fw_conv_form form_weight = {.w = 4};

#define BACKWARD .domain = "flopwise", .doc = FW_INTERNAL_DOC, .grad = fw_grad_none
#define SAMPLES                                                                                \
    "per place (N*offset_group*prod(K)*positions, n axes) 3n add n minmax 2^n*(n-1) mul; per " \
    "value read (N*C*prod(K)*positions) "

FW_KERNELS(deform_conv, deform_conv_columns, deform_conv_samples, deform_conv_weight);

static const struct fw_op rows[N_ROWS] = {
    [DEFORM] =
        {.name = "DeformConv",
         .domain = "",
         .formula = "as Conv; " SAMPLES "2^n mul 2^n-1 add, 1 mul with a mask",
         .doc =
             "dW: the values read again, then the forward's fma; dX, dOffset, dMask: the forward's "
             "fma, then spread over the 2^n elements around each place",
         FW_ATTRS(attrs),
         FW_PORTS(3, 5, 1, 1),
         .flags = FW_OP_CONTRACTION,
         .weight_slots = 1u << W | 1u << BIAS,
         .family = &form,
         .infer = infer,
         .field = fw_field_data,
         .cost = cost,
         .grad = grad,
         FW_RUN(deform_conv)},
    [COLUMN_GRAD] = {.name = "DeformConvColumnGrad",
                     BACKWARD,
                     .formula = "fma = elements(dY) * (C/group) * prod(K)",
                     FW_ATTRS(grad_attrs),
                     FW_PORTS(4, 4, 1, 1),
                     .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
                     .shape_only = 12,
                     .family = &form_column,
                     .infer = infer_column,
                     .cost = cost_products,
                     FW_RUN(deform_conv_columns)},
    [SAMPLE_GRAD] = {.name = "DeformConvSampleGrad",
                     BACKWARD,
                     .formula = SAMPLES
                     "1 mul with a mask; for dX 2^n mul 2^n add; for each axis of dOffset and "
                     "for dMask 2^n+1 mul 2^n add",
                     FW_ATTRS(grad_attrs),
                     FW_PORTS(4, 4, 2, 3),
                     .flags = FW_OP_INTERNAL,
                     .infer = infer_sample,
                     .cost = cost_sample,
                     FW_RUN(deform_conv_samples)},
    [WEIGHT_GRAD] =
        {.name = "DeformConvGradWeight",
         BACKWARD,
         .formula = "fma = elements(dY) * (C/group) * prod(K); reading the places as DeformConv",
         FW_ATTRS(attrs),
         FW_PORTS(5, 5, 1, 1),
         .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
         .shape_only = 16,
         .family = &form_weight,
         .infer = infer_weight,
         .cost = cost_weight,
         FW_RUN(deform_conv_weight)},
};
const struct fw_op_table fw_ops_deform = {rows, N_ROWS};
