/* Reading regions of a feature map, and putting pooled values back: RoiAlign, MaxRoiPool,
 * MaxUnpool.
 *
 * Where the number of elements a region covers depends on its coordinates, a letter stands for it:
 * roi_samples (sampling points of one output, RoiAlign with sampling_ratio 0) and roi_bin (elements
 * under one output, MaxRoiPool). Bind it to get a number. */
#include "ops/conv.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <string.h>

enum { TRANSFORM, MODE, HEIGHT, WIDTH, RATIO, SCALE };
static const struct fw_attr_spec align_attrs[] = {
    {"coordinate_transformation_mode", FW_ATTR_STRING, false, {.s = "half_pixel"}},
    {"mode", FW_ATTR_STRING, false, {.s = "avg"}},
    {"output_height", FW_ATTR_INT, false, {.i = 1}},
    {"output_width", FW_ATTR_INT, false, {.i = 1}},
    {"sampling_ratio", FW_ATTR_INT, false, {.i = 0}},
    {"spatial_scale", FW_ATTR_FLOAT, false, {.f = 1}},
};
static const struct fw_attr_spec pool_attrs[] = {
    {"pooled_shape", FW_ATTR_INTS, true, {.n = 0}},
    {"spatial_scale", FW_ATTR_FLOAT, false, {.f = 1}},
};
static const struct fw_attr_spec unpool_attrs[] = {FW_WINDOW_ATTRS};

enum {
    ALIGN,
    ALIGN_MEAN_GRAD,
    ALIGN_MAX_GRAD,
    ROI_POOL,
    ROI_POOL_GRAD,
    UNPOOL,
    UNPOOL_GRAD,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

/* Regions of so many numbers each. */
static enum fw_status set_regions(struct fw_cx *c, int64_t height, int64_t width, int64_t numbers)
{
    fw_dim same;
    FW_TRY(fw_want_rank(c, 0, 4, 4));
    FW_TRY(fw_want_rank(c, 1, 2, 2));
    FW_TRY(fw_same_dim(c, "numbers of a region", fw_in(c, 1)->dims[1], fw_dim_int(numbers), &same));
    FW_REQUIRE(height >= 1 && width >= 1, c->err, FW_SHAPE,
               "an output of at least 1 x 1 is wanted, found %lld x %lld", (long long)height,
               (long long)width);
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim y[4] = {fw_in(c, 1)->dims[0], x->dims[1], fw_dim_int(height), fw_dim_int(width)};
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, 4, y);
}

static fw_count letter(struct fw_cx *c, const char *name)
{
    return fw_count_of(fw_dim_symbol(c->sym, name, strlen(name)));
}

/* ---- RoiAlign: (X, rois, batch indices) ---- */

static enum fw_status infer_align(struct fw_cx *c)
{
    fw_dim same;
    FW_TRY(fw_want_rank(c, 2, 1, 1));
    FW_REQUIRE(fw_attr_at(c, RATIO)->i >= 0 && fw_attr_at(c, RATIO)->i <= 1 << 20, c->err, FW_SHAPE,
               "sampling_ratio: 0 to 2^20 is wanted");
    FW_TRY(set_regions(c, fw_attr_at(c, HEIGHT)->i, fw_attr_at(c, WIDTH)->i, 4));
    return fw_same_dim(c, "regions and their images", fw_in(c, 1)->dims[0], fw_in(c, 2)->dims[0],
                       &same);
}

static bool is_max(const struct fw_cx *c)
{
    return fw_attr_is(c, MODE, "max");
}

/* Where nothing is made of them, as of no channels, regions are not looked at. */
static fw_count regions_of(struct fw_cx *c, const struct fw_tensor *y)
{
    return fw_count_is(fw_elements(c, y), 0) ? fw_count_int(0) : fw_count_of(y->dims[0]);
}

/* A region: 4 mul to scale, 2 sizes, 2 bins and 2 steps; half_pixel shifts 4 coordinates, else a
 * size is at least 1. A sampling point: on each axis 1 mul 1 add for its place, bounds and floor,
 * the fraction and its complement; 4 corner weights. *ret: points times channels. */
static void add_points(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *y,
                       fw_count *ret)
{
    int64_t ratio = fw_attr_at(c, RATIO)->i;
    const char *mode = fw_attr_at(c, TRANSFORM)->s;
    bool half = mode == NULL || strcmp(mode, "half_pixel") == 0;
    fw_count each = ratio > 0 ? fw_count_int((fw_i128)ratio * ratio) : letter(c, "roi_samples");
    fw_count regions = regions_of(c, y);
    fw_cost_add(c, cost, FW_MUL, regions, 4);
    fw_cost_add(c, cost, FW_ADD, regions, half ? 6 : 2);
    fw_cost_add(c, cost, FW_MINMAX, regions, half ? 0 : 2);
    fw_cost_add(c, cost, FW_DIV, regions, 4);
    fw_count points = fw_count_mul(c->sym, regions, fw_product(c, y->dims, 2, 4));
    points = fw_count_mul(c->sym, points, each);
    fw_cost_add(c, cost, FW_MUL, points, 6);
    fw_cost_add(c, cost, FW_ADD, points, 6);
    fw_cost_add(c, cost, FW_MINMAX, points, 6);
    *ret = fw_count_mul(c->sym, points, fw_count_of(y->dims[1]));
}

/* Each sample: 4 products and 3 joins, joined again over the samples of an output; a mean divides
 * too. */
static void add_reads(struct fw_cx *c, struct fw_cost *cost, fw_count samples, fw_count y)
{
    enum fw_cost_class join = is_max(c) ? FW_MINMAX : FW_ADD;
    fw_cost_add(c, cost, FW_MUL, samples, 4);
    fw_cost_add(c, cost, join, samples, 4);
    fw_cost_add(c, cost, join, y, -1);
    if (!is_max(c))
        fw_cost_add(c, cost, FW_DIV, y, 1);
}

static void cost_align(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count samples;
    add_points(c, cost, fw_out(c, 0), &samples);
    add_reads(c, cost, samples, fw_elements(c, fw_out(c, 0)));
}

static enum fw_status infer_last(struct fw_cx *c) // gradient rows: the shape of X, the last input
{
    return fw_set_out_like(c, 0, fw_in(c, c->node->n_in - 1u));
}

static void cost_mean_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count samples;
    add_points(c, cost, fw_in(c, 0), &samples);
    fw_cost_add(c, cost, FW_DIV, fw_elements(c, fw_in(c, 0)), 1);
    fw_cost_add(c, cost, FW_MUL, samples, 4);
    fw_cost_add(c, cost, FW_ADD, samples, 4);
}

/* The greatest weighted corner is found again; its weight times dY is added there. */
static void cost_max_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count samples;
    fw_count y = fw_elements(c, fw_in(c, 0));
    add_points(c, cost, fw_in(c, 0), &samples);
    add_reads(c, cost, samples, y);
    fw_cost_add(c, cost, FW_MUL, y, 1);
    fw_cost_add(c, cost, FW_ADD, y, 1);
}

static enum fw_status grad_align(struct fw_grad *gr)
{
    const uint32_t *in = gr->cx.node->in;
    uint32_t from[4] = {gr->dy[0], in[1], in[2], in[0]};
    const struct fw_op *row = &rows[is_max(&gr->cx) ? ALIGN_MAX_GRAD : ALIGN_MEAN_GRAD];
    return fw_grad_node(gr, 0, row, from, 4, gr->cx.node->attr);
}

/* ---- MaxRoiPool: (X, rois) ---- */

static enum fw_status infer_roi_pool(struct fw_cx *c)
{
    const struct fw_attr *shape = fw_attr_at(c, 0);
    FW_REQUIRE(shape->n == 2, c->err, FW_SHAPE, "pooled_shape: 2 numbers are wanted, found %u",
               shape->n);
    return set_regions(c, shape->ints[0], shape->ints[1], 5);
}

/* A region: 4 mul and rounds, 2 sizes (2 add each) of at least 1, 2 divisions. An output: on each
 * axis first and last element (2 mul, floor and ceil, 2 add, 4 bounds). */
static void add_roi_pool(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *y)
{
    fw_count regions = regions_of(c, y);
    fw_cost_add(c, cost, FW_MUL, regions, 4);
    fw_cost_add(c, cost, FW_ADD, regions, 4);
    fw_cost_add(c, cost, FW_MINMAX, regions, 6);
    fw_cost_add(c, cost, FW_DIV, regions, 2);
    fw_count bins = fw_count_mul(c->sym, regions, fw_product(c, y->dims, 2, 4));
    fw_cost_add(c, cost, FW_MUL, bins, 4);
    fw_cost_add(c, cost, FW_ADD, bins, 4);
    fw_cost_add(c, cost, FW_MINMAX, bins, 12);
    fw_count n = fw_elements(c, y);
    fw_cost_add(c, cost, FW_MINMAX, fw_count_mul(c->sym, n, letter(c, "roi_bin")), 1);
    fw_cost_add(c, cost, FW_MINMAX, n, -1);
}

static void cost_roi_pool(struct fw_cx *c, struct fw_cost *cost)
{
    add_roi_pool(c, cost, fw_out(c, 0));
}

static void cost_roi_pool_grad(struct fw_cx *c, struct fw_cost *cost)
{
    add_roi_pool(c, cost, fw_in(c, 0));
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

static enum fw_status grad_roi_pool(struct fw_grad *gr)
{
    const uint32_t *in = gr->cx.node->in;
    uint32_t from[3] = {gr->dy[0], in[1], in[0]};
    return fw_grad_node(gr, 0, &rows[ROI_POOL_GRAD], from, 3, gr->cx.node->attr);
}

/* ---- MaxUnpool: (X, indices, output shape?) ---- */

static enum fw_status infer_unpool(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 3, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned rank = x->rank;
    FW_TRY(fw_want_rank(c, 1, rank, rank));
    fw_dim same;
    for (unsigned k = 0; k < rank; k++)
        FW_TRY(fw_same_dim(c, "values and indices", x->dims[k], fw_in(c, 1)->dims[k], &same));
    struct fw_window w;
    FW_TRY(fw_window_read_transposed(c, rank - 2, x->dims + 2, NULL, FW_NO_ATTR, FW_NO_ATTR, &w));
    if (fw_has_in(c, 2)) {
        uint32_t n;
        const fw_dim *shape = fw_in_value(c, 2, &n);
        if (shape == NULL)
            return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, rank);
        FW_REQUIRE(n == rank, c->err, FW_SHAPE, "input 2: %u numbers are wanted, found %u", rank,
                   n);
        return fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, shape);
    }
    fw_dim y[FW_MAX_RANK] = {x->dims[0], x->dims[1]};
    for (unsigned k = 0; k < w.n; k++)
        y[2 + k] = w.out[k];
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, y);
}

/* (dY, indices): of dY only what the indices name is read. */
static enum fw_status infer_unpool_grad(struct fw_cx *c)
{
    const struct fw_tensor *indices = fw_in(c, 1);
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, indices->rank, indices->dims);
}

static void cost_unpool_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bytes(c, cost, FW_READ, fw_out(c, 0));
    fw_cost_bytes(c, cost, FW_READ, fw_in(c, 1));
    fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, 0));
}

static enum fw_status grad_unpool(struct fw_grad *gr)
{
    uint32_t from[2] = {gr->dy[0], gr->cx.node->in[1]};
    return fw_grad_node(gr, 0, &rows[UNPOOL_GRAD], from, 2, gr->cx.node->attr);
}

#define BACKWARD                                                                                \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, .flags = FW_OP_INTERNAL, .infer = infer_last, \
    .grad = fw_grad_none
#define POINTS                                                                                \
    "per region 4 mul 6 add 4 div (not half_pixel: 2 add 2 minmax less 4 add); per sampling " \
    "point 6 mul 6 add 6 minmax; per point and channel "

FW_KERNELS(max_unpool, max_unpool_grad, roi_align, roi_align_grad, roi_pool, roi_pool_grad);

static const struct fw_op rows[N_ROWS] = {
    [ALIGN] = {.name = "RoiAlign",
               .domain = "",
               .formula = POINTS
               "4 mul 4 add, less 1 add and 1 div more per element of Y; max: minmax for "
               "add, no div",
               .doc =
                   "dX: dY spread over the 4 elements around each sampling point; none for regions",
               FW_ATTRS(align_attrs),
               FW_PORTS(3, 3, 1, 1),
               .infer = infer_align,
               .field = fw_field_data,
               .cost = cost_align,
               .grad = grad_align,
               FW_RUN(roi_align)},
    [ALIGN_MEAN_GRAD] = {.name = "RoiAlignGrad", // (dY, rois, batch indices, X)
                         BACKWARD,
                         .formula = POINTS "4 mul 4 add; div = elements(dY)",
                         FW_ATTRS(align_attrs),
                         FW_PORTS(4, 4, 1, 1),
                         .shape_only = 8,
                         .cost = cost_mean_grad,
                         FW_RUN(roi_align_grad)},
    [ALIGN_MAX_GRAD] = {.name = "RoiAlignMaxGrad", // (dY, rois, batch indices, X)
                        BACKWARD,
                        .formula = "as RoiAlign, then 1 mul 1 add per element of dY",
                        FW_ATTRS(align_attrs),
                        FW_PORTS(4, 4, 1, 1),
                        .cost = cost_max_grad,
                        FW_RUN(roi_align_grad)},
    [ROI_POOL] =
        {.name = "MaxRoiPool",
         .domain = "",
         .formula =
             "minmax = elements(Y) * (roi_bin - 1); per region 4 mul 4 add 6 minmax 2 div, per "
             "region and position 4 mul 4 add 12 minmax",
         .doc = "dX: each dY added where its maximum was; none for regions",
         FW_ATTRS(pool_attrs),
         FW_PORTS(2, 2, 1, 1),
         .infer = infer_roi_pool,
         .field = fw_field_data,
         .cost = cost_roi_pool,
         .grad = grad_roi_pool,
         FW_RUN(roi_pool)},
    [ROI_POOL_GRAD] = {.name = "MaxRoiPoolGrad", // (dY, rois, X)
                       BACKWARD,
                       .formula = "as MaxRoiPool, add = elements(dY)",
                       FW_ATTRS(pool_attrs),
                       FW_PORTS(3, 3, 1, 1),
                       .cost = cost_roi_pool_grad,
                       FW_RUN(roi_pool_grad)},
    [UNPOOL] = {.name = "MaxUnpool",
                .domain = "",
                .formula = "no arithmetic: values put at their indices into zeros",
                .doc = "dX: dY at the indices",
                FW_ATTRS(unpool_attrs),
                FW_PORTS(2, 3, 1, 1),
                .shape_only = 4,
                .infer = infer_unpool,
                .field = fw_field_data,
                .cost = fw_cost_free,
                .grad = grad_unpool,
                FW_RUN(max_unpool)},
    [UNPOOL_GRAD] = {.name = "MaxUnpoolGrad", // (dY, indices)
                     .domain = "flopwise",
                     .formula = "no arithmetic: reads dY where the indices say",
                     .doc = FW_INTERNAL_DOC,
                     FW_ATTRS(unpool_attrs),
                     FW_PORTS(2, 2, 1, 1),
                     .flags = FW_OP_INTERNAL | FW_OP_OWN_BYTES,
                     .infer = infer_unpool_grad,
                     .cost = cost_unpool_grad,
                     .grad = fw_grad_none,
                     FW_RUN(max_unpool_grad)},
};
const struct fw_op_table fw_ops_roi = {rows, N_ROWS};
