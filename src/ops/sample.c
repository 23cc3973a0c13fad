/* Reading images at computed places: GridSample, AffineGrid, Col2Im.
 *
 * GridSample, per output position (not per channel) and axis: 1 mul and 1 add to pixels, 1 minmax
 * to round; linear 2 more adds for the two weights; cubic with a = -3/4, t from the near tap on one
 * side and u = 1 - t: far taps a*t*u*u, near ones a polynomial of degree 3, in all 6 adds in place
 * of 2, 12 mul; 2 minmax more where the padding mode is border; reflection 3 minmax, 2 adds, 1 div.
 * Per output element the taps (T = 2 or 4) are summed axis by axis: mul = T + T^2 + .. (r axes),
 * add = (T-1)*(1 + T + ..) = T^r - 1. Gradients compute places and weights again. dX: every tap is
 * multiplied the same way and added where it belongs, T^r adds. dGrid: along each axis the weights
 * are replaced by their derivatives (cubic: 10 mul, 4 add), so the nested sum is done r times; each
 * result is multiplied by dY and summed over the channels, then scaled to grid units (1 mul per
 * grid element). */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

enum { ALIGN, MODE, PADDING };
static const struct fw_attr_spec sample_attrs[] = {
    {"align_corners", FW_ATTR_INT, false, {.i = 0}},
    {"mode", FW_ATTR_STRING, false, {.s = "linear"}},
    {"padding_mode", FW_ATTR_STRING, false, {.s = "zeros"}},
};
static const struct fw_attr_spec affine_attrs[] = {{"align_corners", FW_ATTR_INT, false, {.i = 0}}};
enum { DILATIONS, PADS, STRIDES };
static const struct fw_attr_spec col_attrs[] = {
    {"dilations", FW_ATTR_INTS, false, {.i = 0}},
    {"pads", FW_ATTR_INTS, false, {.i = 0}},
    {"strides", FW_ATTR_INTS, false, {.i = 0}},
};

enum {
    GRID_SAMPLE,
    GRID_SAMPLE_GRAD_X,
    GRID_SAMPLE_GRAD_GRID,
    AFFINE_GRID,
    AFFINE_GRID_GRAD,
    COL2IM,
    COL2IM_GRAD,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static enum fw_status infer_sample(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 0, 3, 5));
    FW_TRY(fw_want_rank(c, 1, x->rank, x->rank));
    const struct fw_tensor *grid = fw_in(c, 1);
    fw_dim y[5];
    fw_dim same;
    unsigned r = x->rank - 2u;
    FW_TRY(fw_same_dim(c, "batch", x->dims[0], grid->dims[0], &y[0]));
    FW_TRY(fw_same_dim(c, "last dimension of the grid", fw_dim_int(r), grid->dims[r + 1], &same));
    y[1] = x->dims[1];
    for (unsigned k = 0; k < r; k++)
        y[2 + k] = grid->dims[1 + k];
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

/* Taps on an axis: 0 for nearest. "bilinear" and "bicubic" are the older names. */
static int64_t taps(const struct fw_cx *c)
{
    if (fw_attr_is(c, MODE, "nearest"))
        return 0;
    return fw_attr_is(c, MODE, "cubic") || fw_attr_is(c, MODE, "bicubic") ? 4 : 2;
}

/* Places and weights of all elements of the grid (one coordinate each). */
static void cost_places(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *grid)
{
    fw_count n = fw_elements(c, grid);
    int64_t t = taps(c);
    fw_cost_add(c, cost, FW_MUL, n, t == 4 ? 13 : 1);
    fw_cost_add(c, cost, FW_ADD, n, 1 + (t == 4 ? 6 : t));
    fw_cost_add(c, cost, FW_MINMAX, n, 1);
    if (fw_attr_is(c, PADDING, "border")) {
        fw_cost_add(c, cost, FW_MINMAX, n, 2);
    } else if (fw_attr_is(c, PADDING, "reflection")) {
        fw_cost_add(c, cost, FW_MINMAX, n, 3);
        fw_cost_add(c, cost, FW_ADD, n, 2);
        fw_cost_add(c, cost, FW_DIV, n, 1);
    }
}

/* T + T^2 + ... + T^r, and T^r. */
static int64_t products(int64_t t, unsigned r, int64_t *ret_all)
{
    int64_t sum = 0;
    *ret_all = 1;
    for (unsigned k = 0; k < r; k++) {
        *ret_all *= t;
        sum += *ret_all;
    }
    return sum;
}

static void cost_sample(struct fw_cx *c, struct fw_cost *cost)
{
    int64_t t = taps(c);
    int64_t all;
    fw_count n = fw_elements(c, fw_out(c, 0));
    cost_places(c, cost, fw_in(c, 1));
    if (t == 0)
        return;
    fw_cost_add(c, cost, FW_MUL, n, products(t, fw_in(c, 0)->rank - 2u, &all));
    fw_cost_add(c, cost, FW_ADD, n, all - 1);
}

static enum fw_status grad_sample(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[3] = {gr->dy[0], node->in[0], node->in[1]};
    FW_TRY(fw_grad_node(gr, 0, &rows[GRID_SAMPLE_GRAD_X], in, 3, node->attr));
    if (taps(&gr->cx) == 0) // the nearest element does not change with the place
        return FW_OK;
    return fw_grad_node(gr, 1, &rows[GRID_SAMPLE_GRAD_GRID], in, 3, node->attr);
}

/* Inputs: dY, X (shape), grid. */
static void cost_sample_grad_x(struct fw_cx *c, struct fw_cost *cost)
{
    int64_t t = taps(c);
    int64_t all;
    fw_count n = fw_elements(c, fw_in(c, 0));
    cost_places(c, cost, fw_in(c, 2));
    int64_t mul = products(t == 0 ? 1 : t, fw_in(c, 1)->rank - 2u, &all);
    fw_cost_add(c, cost, FW_MUL, n, t == 0 ? 0 : mul);
    fw_cost_add(c, cost, FW_ADD, n, all);
}

/* Sums over the channels: elements(dY) products, of which each position keeps one sum. */
static void cost_sample_grad_grid(struct fw_cx *c, struct fw_cost *cost)
{
    int64_t all;
    const struct fw_tensor *grid = fw_in(c, 2);
    int64_t r = fw_in(c, 1)->rank - 2;
    fw_count n = fw_elements(c, fw_in(c, 0));
    int64_t mul = products(taps(c), (unsigned)r, &all);
    cost_places(c, cost, grid);
    if (taps(c) == 4) { // slopes of 4 weights
        fw_cost_add(c, cost, FW_MUL, fw_elements(c, grid), 10);
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, grid), 4);
    }
    fw_cost_add(c, cost, FW_MUL, n, r * (mul + 1));
    fw_cost_add(c, cost, FW_ADD, n, r * (all - 1));
    fw_count terms = fw_count_mul(c->sym, n, fw_count_int(r));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, terms, fw_elements(c, grid)), 1);
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, grid), 1);
}

static enum fw_status infer_affine(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 3, 3));
    const struct fw_tensor *theta = fw_in(c, 0);
    enum fw_dtype dtype = (enum fw_dtype)theta->dtype;
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, 1, &n);
    int64_t len = fw_list_length(c, 1);
    if (v == NULL)
        return fw_set_out_unknown(c, 0, dtype,
                                  len == 4 || len == 5 ? (unsigned)len : FW_RANK_UNKNOWN);
    FW_REQUIRE(n == 4 || n == 5, c->err, FW_SHAPE, "4 or 5 sizes are wanted, found %" PRIu32, n);
    fw_dim y[5] = {v[0]};
    for (unsigned k = 2; k < n; k++)
        y[k - 1] = v[k];
    y[n - 1] = fw_dim_int(n - 2);
    fw_dim same;
    FW_TRY(fw_same_dim(c, "theta", theta->dims[1], fw_dim_int(n - 2), &same));
    FW_TRY(fw_same_dim(c, "theta", theta->dims[2], fw_dim_int(n - 1), &same));
    FW_TRY(fw_same_dim(c, "batch", v[0], theta->dims[0], &y[0]));
    return fw_set_out(c, 0, dtype, n, y);
}

/* Each coordinate: a row of theta times (x, y, .., 1), whose last product is theta itself. */
static void cost_affine(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *y = fw_out(c, 0);
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, y), y->rank - 2);
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, y), y->rank - 2);
}

static enum fw_status grad_affine(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, &rows[AFFINE_GRID_GRAD], in, 2, gr->cx.node->attr);
}

/* Each element of dY times each coordinate, summed over the positions. */
static void cost_affine_grad(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *dy = fw_in(c, 0);
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, dy), dy->rank - 2);
    fw_count n = fw_elements(c, dy);
    fw_cost_add(c, cost, FW_ADD, n, dy->rank - 2);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_elements(c, fw_out(c, 0))), 1);
}

static enum fw_status infer_col2im(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 3, 3));
    const struct fw_tensor *x = fw_in(c, 0);
    uint32_t n = 0;
    uint32_t n_block = 0;
    const fw_dim *image = fw_in_value(c, 1, &n);
    const fw_dim *block = fw_in_value(c, 2, &n_block);
    int64_t len = fw_list_length(c, 1);
    if (image == NULL)
        return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype,
                                  len >= 0 && len + 2 <= FW_MAX_RANK ? (unsigned)len + 2
                                                                     : FW_RANK_UNKNOWN);
    FW_REQUIRE(n + 2 <= FW_MAX_RANK && (block == NULL || n_block == n), c->err, FW_SHAPE,
               "image_shape and block_shape must be of one length, found %" PRIu32 " and %" PRIu32,
               n, n_block);
    fw_dim y[FW_MAX_RANK] = {x->dims[0]};
    fw_count size = block != NULL ? fw_product(c, block, 0, n) : fw_count_bad();
    fw_count channels = fw_count_of(x->dims[1]);
    FW_REQUIRE(!fw_count_is_const(size) || !fw_count_is_const(channels) ||
                   (size.word > 0 && channels.word % size.word == 0),
               c->err, FW_SHAPE, "the block must divide the input's second dimension");
    y[1] = block != NULL ? fw_dim_of(fw_count_div(c->sym, channels, size))
                         : fw_fresh_dim(c, "channels", x->dims[1]);
    for (uint32_t k = 0; k < n; k++)
        y[2 + k] = image[k];
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, n + 2, y);
}

static void cost_col2im(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

static enum fw_status grad_col2im(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[4] = {gr->dy[0], node->in[0], node->in[1], node->in[2]};
    return fw_grad_node(gr, 0, &rows[COL2IM_GRAD], in, 4, node->attr);
}

#define GRAD_ROW(n_min, n_max, shapes)                                          \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, FW_PORTS(n_min, n_max, 1, 1), \
    .flags = FW_OP_INTERNAL, .shape_only = shapes, .grad = fw_grad_none
#define PLACES "places and weights per grid element (linear: mul 1, add 3, minmax 1); "

FW_KERNELS(grid_sample, grid_sample_grad_x, grid_sample_grad_grid, affine_grid, affine_grid_grad,
           col2im, col2im_grad);

static const struct fw_op rows[N_ROWS] = {
    [GRID_SAMPLE] =
        {.name = "GridSample",
         .domain = "",
         .formula = PLACES "per element of Y, T taps on r axes: mul = T + .. + T^r, add = T^r - 1",
         .doc = "dX = dY spread by the same weights, dGrid = dY times the slope of the weights",
         FW_ATTRS(sample_attrs),
         FW_PORTS(2, 2, 1, 1),
         .infer = infer_sample,
         .field = fw_field_data,
         .cost = cost_sample,
         .grad = grad_sample,
         FW_RUN(grid_sample)},
    [GRID_SAMPLE_GRAD_X] = {.name = "GridSampleGradX",
                            GRAD_ROW(3, 3, 2),
                            .formula = PLACES "per element of dY mul = T + .. + T^r, add = T^r",
                            FW_ATTRS(sample_attrs),
                            .infer = fw_infer_like1,
                            .cost = cost_sample_grad_x,
                            FW_RUN(grid_sample_grad_x)},
    [GRID_SAMPLE_GRAD_GRID] = {.name = "GridSampleGradGrid",
                               GRAD_ROW(3, 3, 0),
                               .formula = PLACES
                               "per element of dY mul = r*(T + .. + T^r + 1), add = r*T^r; "
                               "mul = elements(grid), add = -elements(grid)",
                               FW_ATTRS(sample_attrs),
                               .infer = fw_infer_like2,
                               .cost = cost_sample_grad_grid,
                               FW_RUN(grid_sample_grad_grid)},
    [AFFINE_GRID] = {.name = "AffineGrid",
                     .domain = "",
                     .formula = "mul = add = r * elements(Y)",
                     .doc = "dTheta = dY times the coordinates, summed over the positions",
                     FW_ATTRS(affine_attrs),
                     FW_PORTS(2, 2, 1, 1),
                     .infer = infer_affine,
                     .field = fw_field_whole,
                     .cost = cost_affine,
                     .grad = grad_affine,
                     FW_RUN(affine_grid)},
    [AFFINE_GRID_GRAD] =
        {.name = "AffineGridGrad",
         GRAD_ROW(2, 2, 2),
         .formula = "mul = r * elements(dY), add = (r+1) * elements(dY) - elements(theta)",
         FW_ATTRS(affine_attrs),
         .infer = fw_infer_like1,
         .cost = cost_affine_grad,
         FW_RUN(affine_grid_grad)},
    [COL2IM] = {.name = "Col2Im",
                .domain = "",
                .formula = "add = elements(X)",
                .doc = "dX = dY copied to every block that covers it",
                FW_ATTRS(col_attrs),
                FW_PORTS(3, 3, 1, 1),
                .infer = infer_col2im,
                .field = fw_field_whole,
                .cost = cost_col2im,
                .grad = grad_col2im,
                FW_RUN(col2im)},
    [COL2IM_GRAD] = {.name = "Col2ImGrad",
                     GRAD_ROW(4, 4, 2),
                     .formula = FW_MOVE_FORMULA,
                     FW_ATTRS(col_attrs),
                     .infer = fw_infer_like1,
                     .cost = fw_cost_free,
                     FW_RUN(col2im_grad)},
};
const struct fw_op_table fw_ops_sample = {rows, N_ROWS};
