/* Kernels of sample.c and of MaxUnpool (roi.c). */
#include "ops/moves.h"

enum { MAX_AXES = 3 };

struct sampler {
    unsigned r;  // spatial axes
    size_t taps; // 0: nearest
    bool align, border, reflection;
    size_t channels, n_in;
    size_t size[MAX_AXES];
    ptrdiff_t stride[MAX_AXES];
    int64_t at[MAX_AXES][4]; // of the position at hand: -1 outside
    REAL weight[MAX_AXES][4];
    REAL slope[MAX_AXES][4]; // of the weights, along the coordinate
    REAL along[MAX_AXES];    // elements that the place moves with the coordinate
};

static struct sampler sampler_of(const struct fw_run *r, const struct fw_buffer *x)
{
    const char *mode = fw_run_attr(r, "mode")->s;
    const char *padding = fw_run_attr(r, "padding_mode")->s;
    bool cubic = strcmp(mode, "cubic") == 0 || strcmp(mode, "bicubic") == 0;
    struct sampler s = {.r = x->rank - 2u,
                        .taps = strcmp(mode, "nearest") == 0 ? 0
                                : cubic                      ? 4
                                                             : 2,
                        .align = fw_run_attr_int(r, "align_corners", 0) != 0,
                        .border = strcmp(padding, "border") == 0,
                        .reflection = strcmp(padding, "reflection") == 0,
                        .channels = (size_t)x->dims[1],
                        .n_in = fw_buffer_span(x, 2, x->rank)};
    ptrdiff_t step = 1;
    for (unsigned k = s.r; k-- > 0;) {
        s.size[k] = (size_t)x->dims[2 + k];
        s.stride[k] = step;
        step *= (ptrdiff_t)s.size[k];
    }
    return s;
}

/* Between the two ends of an axis, turned back as often as needed; the remainder comes with the
 * division. */
static REAL reflected(REAL x, REAL low, REAL high)
{
    REAL span = high - low;
    REAL from = ABS(SUB(x, low));
    if (span <= 0)
        span = 1;
    REAL times = FLOOR(DIV(from, span));
    REAL rest = LIBM(fmod)(from, span);
    bool even = LIBM(fmod)(times, (REAL)2) == 0;
    return CHOOSE(even, 1, 0) != 0 ? ADD(low, rest) : SUB(high, rest);
}

/* The element that tap `at` meets. */
static int64_t tap_of(const struct sampler *s, unsigned axis, int64_t at)
{
    int64_t d = (int64_t)s->size[axis];
    if (d == 0)
        return -1;
    if (at >= 0 && at < d)
        return at;
    if (s->border)
        return at < 0 ? 0 : d - 1;
    if (!s->reflection)
        return -1;
    int64_t period = s->align ? 2 * (d - 1) : 2 * d;
    if (period == 0)
        return 0;
    int64_t k = (at % period + period) % period;
    return k < d ? k : s->align ? period - k : period - 1 - k;
}

/* a*d^3 + ... of the near tap at distance d; the far one is a*t*u^2. */
static REAL near_weight(REAL d)
{
    return ADD(MUL(MUL(SUB(MUL((REAL)1.25, d), (REAL)2.25), d), d), (REAL)1);
}
static REAL far_weight(REAL t, REAL u)
{
    return MUL(MUL(MUL((REAL)-0.75, t), u), u);
}

static REAL near_slope(REAL d)
{
    return MUL(SUB(MUL((REAL)3.75, d), (REAL)4.5), d);
}
static REAL far_slope(REAL t, REAL u)
{
    return MUL((REAL)-0.75, MUL(u, SUB(u, MUL((REAL)2, t))));
}

/* What the weights of a cubic change with the coordinate. */
static void find_slopes(struct sampler *s, unsigned axis, REAL t, REAL u)
{
    s->slope[axis][0] = far_slope(t, u);
    s->slope[axis][1] = near_slope(t);
    s->slope[axis][2] = -near_slope(u);
    s->slope[axis][3] = -far_slope(u, t);
}

/* The place held inside, and the direction it then takes. */
static REAL held_inside(struct sampler *s, unsigned axis, REAL x)
{
    REAL d = (REAL)s->size[axis];
    REAL low = s->align ? 0 : (REAL)-0.5;
    REAL high = s->align ? d - 1 : d - (REAL)0.5;
    REAL y = s->border ? MAX(0, MIN(d - 1, x)) : reflected(x, low, high);
    bool turned_back = high > low && LIBM(fmod)(LIBM(floor)((x - low) / (high - low)), 2) != 0;
    if (s->border ? y != x : high <= low)
        s->along[axis] = 0;
    else if (!s->border && turned_back)
        s->along[axis] = -s->along[axis];
    return y;
}

/* Taps and weights of one coordinate; slopes as well where they are wanted. */
static void locate(struct sampler *s, unsigned axis, REAL g, bool slopes)
{
    REAL d = (REAL)s->size[axis];
    s->along[axis] = s->align ? (d - 1) / 2 : d / 2;
    REAL x = ADD(MUL(g, s->along[axis]), (d - 1) / 2);
    if (s->border || s->reflection)
        x = held_inside(s, axis, x);
    if (s->taps == 0) {
        s->at[axis][0] = tap_of(s, axis, (int64_t)fw_within_reach((double)ROUND(x)));
        return;
    }
    REAL low = FLOOR(x);
    REAL t = SUB(x, low);
    REAL u = SUB((REAL)1, t);
    int64_t first = (int64_t)fw_within_reach((double)low) - (s->taps == 4);
    for (size_t k = 0; k < s->taps; k++)
        s->at[axis][k] = tap_of(s, axis, first + (int64_t)k);
    if (s->taps == 2) {
        s->weight[axis][0] = u;
        s->weight[axis][1] = t;
        s->slope[axis][0] = -1;
        s->slope[axis][1] = 1;
        return;
    }
    if (slopes)
        find_slopes(s, axis, t, u);
    s->weight[axis][0] = far_weight(t, u);
    s->weight[axis][1] = near_weight(t);
    s->weight[axis][2] = near_weight(u);
    s->weight[axis][3] = far_weight(u, t);
}

/* The coordinates of one position: the last axis comes first. */
static void locate_all(struct sampler *s, const REAL *grid, bool slopes)
{
    for (unsigned k = 0; k < s->r; k++)
        locate(s, s->r - 1 - k, grid[k], slopes);
}

static REAL gather(const struct sampler *s, const REAL *x, unsigned axis, ptrdiff_t offset,
                   bool inside)
{
    REAL sum = 0;
    if (axis == s->r || axis == MAX_AXES)
        return inside ? x[offset] : 0;
    for (size_t k = 0; k < (s->taps > 0 ? s->taps : 1); k++) {
        int64_t at = s->at[axis][k];
        REAL v =
            gather(s, x, axis + 1, offset + (at < 0 ? 0 : at) * s->stride[axis], inside && at >= 0);
        if (s->taps > 0)
            v = MUL(s->weight[axis][k], v);
        sum = JOIN(k == 0, sum, v);
    }
    return sum;
}

static void scatter(const struct sampler *s, REAL *dx, unsigned axis, ptrdiff_t offset, bool inside,
                    REAL v)
{
    REAL nothing = 0;
    if (axis == s->r || axis == MAX_AXES) {
        REAL *to = inside ? dx + offset : &nothing;
        *to = ADD(*to, v);
        return;
    }
    for (size_t k = 0; k < (s->taps > 0 ? s->taps : 1); k++) {
        int64_t at = s->at[axis][k];
        scatter(s, dx, axis + 1, offset + (at < 0 ? 0 : at) * s->stride[axis], inside && at >= 0,
                s->taps > 0 ? MUL(s->weight[axis][k], v) : v);
    }
}

KERNEL(grid_sample) // (x, grid)
{
    struct sampler s = sampler_of(r, r->in[0]);
    size_t positions = r->in[1]->n / s.r;
    size_t each = fw_buffer_span(r->in[1], 1, r->in[1]->rank - 1u); // of an example
    for (size_t p = 0; each > 0 && p < positions; p++) {
        locate_all(&s, reals(r, 1) + p * s.r, false);
        for (size_t c = 0; c < s.channels; c++) {
            size_t image = p / each * s.channels + c;
            reals_out(r, 0)[image * each + p % each] =
                gather(&s, reals(r, 0) + image * s.n_in, 0, 0, true);
        }
    }
    return FW_OK;
}

KERNEL(grid_sample_grad_x) // (dy, x, grid)
{
    struct sampler s = sampler_of(r, r->out[0]);
    size_t positions = r->in[2]->n / s.r;
    size_t each = fw_buffer_span(r->in[2], 1, r->in[2]->rank - 1u);
    zero_out(r, 0);
    for (size_t p = 0; each > 0 && p < positions; p++) {
        locate_all(&s, reals(r, 2) + p * s.r, false);
        for (size_t c = 0; c < s.channels; c++) {
            size_t image = p / each * s.channels + c;
            scatter(&s, reals_out(r, 0) + image * s.n_in, 0, 0, true,
                    reals(r, 0)[image * each + p % each]);
        }
    }
    return FW_OK;
}

/* The gradient of one coordinate: its weights are replaced by their slopes. */
static REAL slope_along(struct sampler *s, unsigned axis, const REAL *x, const REAL *dy,
                        size_t each)
{
    REAL sum = 0;
    REAL kept[4];
    memcpy(kept, s->weight[axis], sizeof kept);
    memcpy(s->weight[axis], s->slope[axis], sizeof kept);
    for (size_t c = 0; c < s->channels; c++) {
        REAL v = MUL(dy[c * each], gather(s, x + c * s->n_in, 0, 0, true));
        sum = c == 0 ? v : ADD(sum, v);
    }
    memcpy(s->weight[axis], kept, sizeof kept);
    return MUL(sum, s->along[axis]);
}

KERNEL(grid_sample_grad_grid) // (dy, x, grid)
{
    struct sampler s = sampler_of(r, r->in[1]);
    size_t positions = r->in[2]->n / s.r;
    size_t each = fw_buffer_span(r->in[2], 1, r->in[2]->rank - 1u);
    for (size_t p = 0; each > 0 && p < positions; p++) {
        size_t image = p / each * s.channels;
        locate_all(&s, reals(r, 2) + p * s.r, true);
        for (unsigned k = 0; k < s.r; k++)
            reals_out(r, 0)[p * s.r + k] =
                slope_along(&s, s.r - 1 - k, reals(r, 1) + image * s.n_in,
                            reals(r, 0) + image * each + p % each, each);
    }
    return FW_OK;
}

/* ---- AffineGrid: (theta (n, r, r + 1), sizes) ---- */

/* Coordinate k of a position, the last axis first; 1 behind them. */
static REAL coordinate(const struct fw_run *r, const struct fw_buffer *grid, size_t position,
                       unsigned k)
{
    unsigned axes = grid->rank - 2u;
    if (k == axes)
        return 1;
    for (unsigned a = 0; a < k; a++)
        position /= (size_t)grid->dims[axes - a];
    size_t n = (size_t)grid->dims[axes - k];
    REAL i = (REAL)(position % n);
    if (fw_run_attr_int(r, "align_corners", 0) != 0)
        return n > 1 ? 2 * i / (REAL)(n - 1) - 1 : -1;
    return (2 * i + 1) / (REAL)n - 1;
}

KERNEL(affine_grid)
{
    const struct fw_buffer *y = r->out[0];
    unsigned axes = y->rank - 2u;
    size_t each = fw_buffer_span(y, 1, y->rank - 1u);
    for (size_t i = 0; i < y->n; i++) {
        size_t position = i / axes % each;
        const REAL *theta = reals(r, 0) + (i / axes / each * axes + i % axes) * (axes + 1);
        REAL sum = theta[axes];
        for (unsigned k = 0; k < axes; k++)
            sum = ADD(sum, MUL(theta[k], coordinate(r, y, position, k)));
        reals_out(r, 0)[i] = sum;
    }
    return FW_OK;
}

KERNEL(affine_grid_grad) // (dy, theta)
{
    const struct fw_buffer *dy = r->in[0];
    unsigned axes = dy->rank - 2u;
    size_t each = fw_buffer_span(dy, 1, dy->rank - 1u);
    zero_out(r, 0);
    for (size_t i = 0; i < dy->n; i++) {
        size_t position = i / axes % each;
        REAL *theta = reals_out(r, 0) + (i / axes / each * axes + i % axes) * (axes + 1);
        for (unsigned k = 0; k <= axes; k++) {
            REAL d = reals(r, 0)[i];
            d = k < axes ? MUL(d, coordinate(r, dy, position, k)) : d;
            theta[k] = position == 0 ? d : ADD(theta[k], d);
        }
    }
    return FW_OK;
}

/* ---- Col2Im: columns (N, C*block, windows) added into images ---- */

/* Where element i of the columns stands in the image, -1 on padding. image: (N, C, sizes...). */
static int64_t column_place(const struct fw_run *r, const struct fw_buffer *image,
                            const struct fw_buffer *block, size_t i, size_t windows)
{
    const struct fw_attr *strides = fw_run_attr(r, "strides");
    const struct fw_attr *dilations = fw_run_attr(r, "dilations");
    const struct fw_attr *pads = fw_run_attr(r, "pads");
    unsigned n = image->rank - 2u;
    size_t taps = 1;
    for (unsigned k = 0; k < n; k++)
        taps *= (size_t)fw_buffer_int(block, k);
    size_t window = i % windows;
    size_t tap = i / windows % taps;
    int64_t place = 0;
    int64_t scale = 1;
    bool inside = true;
    for (unsigned k = n; k-- > 0;) {
        int64_t b = fw_buffer_int(block, k);
        int64_t s = k < strides->n ? strides->ints[k] : 1;
        int64_t d = k < dilations->n ? dilations->ints[k] : 1;
        int64_t before = k < pads->n ? pads->ints[k] : 0;
        int64_t after = n + k < pads->n ? pads->ints[n + k] : 0;
        int64_t size = image->dims[2 + k];
        int64_t steps = (size + before + after - d * (b - 1) - 1) / s + 1;
        int64_t at =
            (int64_t)(window % (size_t)steps) * s + (int64_t)(tap % (size_t)b) * d - before;
        window /= (size_t)steps;
        tap /= (size_t)b;
        inside = inside && at >= 0 && at < size;
        place += at * scale;
        scale *= size;
    }
    return inside ? (int64_t)(i / windows / taps) * scale + place : -1;
}

/* Whether windows stand in an image of these sizes as columns (N, C*block, windows) say. */
static enum fw_status check_columns(const struct fw_run *r, const struct fw_buffer *image,
                                    const struct fw_buffer *block, const struct fw_buffer *columns)
{
    const struct fw_attr *strides = fw_run_attr(r, "strides");
    const struct fw_attr *dilations = fw_run_attr(r, "dilations");
    const struct fw_attr *pads = fw_run_attr(r, "pads");
    FW_REQUIRE(image->data != NULL && image->rank >= 2, r->cx.err, FW_UNSUPPORTED,
               "sizes of the image and of its blocks are wanted that were known before");
    unsigned n = image->rank - 2u;
    fw_i128 lines = image->dims[1];
    fw_i128 windows = 1;
    for (unsigned k = 0; k < n; k++) {
        int64_t b = fw_buffer_int(block, k);
        int64_t s = k < strides->n ? strides->ints[k] : 1;
        int64_t d = k < dilations->n ? dilations->ints[k] : 1;
        fw_i128 room = (fw_i128)image->dims[2 + k] + (k < pads->n ? pads->ints[k] : 0) +
                       (n + k < pads->n ? pads->ints[n + k] : 0);
        room -= (fw_i128)d * (b - 1) + 1;
        FW_REQUIRE(b > 0 && b <= INT32_MAX && s > 0 && d > 0 && room >= 0 && room <= INT32_MAX,
                   r->cx.err, FW_SHAPE, "blocks that fit into the image are wanted");
        lines = lines > INT32_MAX ? lines : lines * b;
        windows = windows > INT32_MAX ? windows : windows * (room / s + 1);
    }
    FW_REQUIRE(columns->dims[0] == image->dims[0] && columns->dims[1] == lines &&
                   columns->dims[2] == windows,
               r->cx.err, FW_SHAPE, "as many columns as the image has places are wanted");
    return FW_OK;
}

KERNEL(col2im) // (columns, image shape, block shape)
{
    const struct fw_buffer *x = r->in[0];
    FW_TRY(check_columns(r, r->out[0], r->in[2], x));
    zero_out(r, 0);
    for (size_t i = 0; i < x->n; i++) {
        REAL nothing = 0;
        int64_t at = column_place(r, r->out[0], r->in[2], i, (size_t)x->dims[2]);
        REAL *to = at < 0 ? &nothing : &reals_out(r, 0)[at];
        *to = ADD(*to, reals(r, 0)[i]);
    }
    return FW_OK;
}

KERNEL(col2im_grad) // (dy, columns, image shape, block shape)
{
    const struct fw_buffer *dx = r->out[0];
    FW_TRY(check_columns(r, r->in[0], r->in[3], dx));
    for (size_t i = 0; i < dx->n; i++) {
        int64_t at = column_place(r, r->in[0], r->in[3], i, (size_t)dx->dims[2]);
        reals_out(r, 0)[i] = at < 0 ? 0 : reals(r, 0)[at];
    }
    return FW_OK;
}

/* ---- MaxUnpool: (x, indices, output shape?) ---- */

/* Indices count elements of the shape that the window gives (ret), which stands at the beginning of
 * a larger output. */
static enum fw_status unpooled_shape(const struct fw_run *r, const struct fw_buffer *x, size_t *ret)
{
    const struct fw_attr *kernel = fw_run_attr(r, "kernel_shape");
    const struct fw_attr *strides = fw_run_attr(r, "strides");
    const struct fw_attr *pads = fw_run_attr(r, "pads");
    unsigned n = x->rank - 2u;
    for (unsigned k = 0; k < x->rank; k++) {
        int64_t d = x->dims[k];
        if (k >= 2) {
            int64_t s = k - 2 < strides->n ? strides->ints[k - 2] : 1;
            int64_t both = pads->n == 2 * n ? pads->ints[k - 2] + pads->ints[n + k - 2] : 0;
            d = (d - 1) * s + kernel->ints[k - 2] - both;
        }
        FW_REQUIRE(d > 0 || x->n == 0, r->cx.err, FW_SHAPE,
                   "a window that gives elements is wanted");
        ret[k] = (size_t)d;
    }
    return FW_OK;
}

static size_t unpooled_place(const size_t *shape, const struct fw_buffer *y, size_t index)
{
    size_t place = 0;
    size_t scale = 1;
    for (unsigned k = y->rank; k-- > 0;) {
        place += index % shape[k] * scale;
        index /= shape[k];
        scale *= (size_t)y->dims[k];
    }
    return place;
}

KERNEL(max_unpool)
{
    struct fw_buffer *y = r->out[0];
    size_t shape[FW_MAX_RANK];
    FW_TRY(unpooled_shape(r, r->in[0], shape));
    zero_out(r, 0);
    for (size_t i = 0; i < r->in[0]->n; i++) {
        size_t at = unpooled_place(shape, y, (size_t)fw_buffer_int(r->in[1], i));
        FW_REQUIRE(at < y->n, r->cx.err, FW_SHAPE, "an index is outside of the output");
        reals_out(r, 0)[at] = reals(r, 0)[i];
    }
    return FW_OK;
}

KERNEL(max_unpool_grad) // (dy, indices)
{
    size_t shape[FW_MAX_RANK];
    FW_TRY(unpooled_shape(r, r->in[1], shape));
    for (size_t i = 0; i < r->out[0]->n; i++) {
        size_t at = unpooled_place(shape, r->in[0], (size_t)fw_buffer_int(r->in[1], i));
        FW_REQUIRE(at < r->in[0]->n, r->cx.err, FW_SHAPE, "an index is outside of the output");
        reals_out(r, 0)[i] = reals(r, 0)[at];
    }
    return FW_OK;
}
