/* Kernels of roi.c, whose comments have the operations of a region and of a sampling point. */
#include "ops/kernel.h"

/* ---- RoiAlign: (x, regions (n, 4), images) ---- */

struct align {
    size_t channels, rows, columns, in_rows, in_columns;
    int64_t ratio;
    bool half, max;
    REAL scale;
};

static struct align align_of(const struct fw_run *r, const struct fw_buffer *x,
                             const struct fw_buffer *y)
{
    const char *mode = fw_run_attr(r, "coordinate_transformation_mode")->s;
    const char *how = fw_run_attr(r, "mode")->s;
    return (struct align){.channels = (size_t)x->dims[1],
                          .rows = (size_t)y->dims[2],
                          .columns = (size_t)y->dims[3],
                          .in_rows = (size_t)x->dims[2],
                          .in_columns = (size_t)x->dims[3],
                          .ratio = fw_run_attr_int(r, "sampling_ratio", 0),
                          .half = mode == NULL || strcmp(mode, "half_pixel") == 0,
                          .max = how != NULL && strcmp(how, "max") == 0,
                          .scale = attr_real(r, "spatial_scale")};
}

struct region {
    REAL start[2], step[2]; // rows, columns; of sampling points
    size_t samples[2];      // of an output
    size_t image;
};

static enum fw_status region_of(const struct fw_run *r, const struct align *a, size_t i,
                                int64_t n_images, struct region *ret)
{
    const size_t bins[2] = {a->rows, a->columns};
    int64_t image = fw_buffer_int(r->in[2], i);
    FW_REQUIRE(image >= 0 && image < n_images, r->cx.err, FW_SHAPE,
               "an image from 0 to %lld is wanted, found %lld", (long long)n_images - 1,
               (long long)image);
    ret->image = (size_t)image;
    for (unsigned k = 0; k < 2; k++) { // a region is (x1, y1, x2, y2)
        REAL low = MUL(reals(r, 1)[i * 4 + 1 - k], a->scale);
        REAL high = MUL(reals(r, 1)[i * 4 + 3 - k], a->scale);
        low = a->half ? SUB(low, (REAL)0.5) : low;
        high = a->half ? SUB(high, (REAL)0.5) : high;
        REAL size = SUB(high, low);
        size = a->half ? size : MAX(size, 1);
        REAL bin = DIV(size, (REAL)bins[k]);
        double adaptive = ceil((double)bin);
        adaptive = adaptive > 1 << 20 ? 1 << 20 : adaptive > 1 ? adaptive : 1;
        ret->samples[k] = a->ratio > 0 ? (size_t)a->ratio : (size_t)adaptive;
        ret->start[k] = low;
        ret->step[k] = DIV(bin, (REAL)ret->samples[k]);
    }
    return FW_OK;
}

static size_t index_of(REAL x)
{
    return x > 0 ? (size_t)x : 0; // 0 too where it is no number
}

/* A sampling point: the four elements around it and their weights, 0 outside of the image. */
struct point {
    size_t at[4];
    REAL weight[4];
};

static struct point point_of(const struct align *a, const struct region *g, const size_t index[2])
{
    const size_t size[2] = {a->in_rows, a->in_columns};
    size_t low[2], high[2];
    REAL part[2][2];
    bool outside = false;
    for (unsigned k = 0; k < 2; k++) {
        REAL last = (REAL)(size[k] - 1);
        REAL at = ADD(g->start[k], MUL((REAL)index[k] + (REAL)0.5, g->step[k]));
        outside = outside || !(at >= -1 && at <= (REAL)size[k]);
        at = MIN(last, MAX(0, at));
        REAL floor_ = FLOOR(at);
        part[k][1] = SUB(at, floor_);
        part[k][0] = SUB((REAL)1, part[k][1]);
        low[k] = index_of(floor_);
        high[k] = low[k] + 1 < size[k] ? low[k] + 1 : low[k];
    }
    struct point p;
    for (unsigned k = 0; k < 4; k++) {
        p.at[k] = (k < 2 ? low[0] : high[0]) * a->in_columns + (k % 2 == 0 ? low[1] : high[1]);
        p.weight[k] = MUL(part[0][k / 2], part[1][k % 2]);
        p.weight[k] = outside ? 0 : p.weight[k];
    }
    return p;
}

/* The points of one output: row, column. NULL = out of memory. */
static struct point *points_of(const struct fw_run *r, const struct align *a,
                               const struct region *g, size_t bin, size_t *ret_n)
{
    size_t n = g->samples[0] * g->samples[1];
    struct point *p = fw_arena_array(r->scratch, n + 1, sizeof *p);
    for (size_t i = 0; p != NULL && i < n; i++) {
        const size_t index[2] = {bin / a->columns * g->samples[0] + i / g->samples[1],
                                 bin % a->columns * g->samples[1] + i % g->samples[1]};
        p[i] = point_of(a, g, index);
    }
    *ret_n = n;
    return p;
}

/* Mean, or the greatest weighted element and where it is: *ret_best is point*4 + corner. */
static REAL read_points(const struct align *a, const struct point *p, size_t n, const REAL *x,
                        size_t *ret_best)
{
    REAL sum = 0;
    *ret_best = 0;
    for (size_t i = 0; i < 4 * n; i++) {
        REAL v = MUL(p[i / 4].weight[i % 4], x[p[i / 4].at[i % 4]]);
        if (i == 0) {
            sum = v;
        } else if (!a->max) {
            sum = ADD(sum, v);
        } else if (LESS(sum, v)) {
            sum = v;
            *ret_best = i;
        }
    }
    return a->max ? sum : DIV(sum, (REAL)n);
}

/* For every region and output with its points: reads x, or (dx not NULL) spreads dy. */
static enum fw_status each_output(struct fw_run *r, const struct fw_buffer *x,
                                  const struct fw_buffer *y, const REAL *from, REAL *dx)
{
    struct align a = align_of(r, x, y);
    size_t bins = a.rows * a.columns;
    size_t plane = a.in_rows * a.in_columns;
    for (size_t i = 0; i < (size_t)y->dims[0] && plane > 0; i++) {
        struct region g;
        FW_TRY(region_of(r, &a, i, x->dims[0], &g));
        for (size_t bin = 0; bin < bins; bin++) {
            struct fw_arena_mark mark = fw_arena_mark(r->scratch);
            size_t n, best;
            const struct point *p = points_of(r, &a, &g, bin, &n);
            if (p == NULL)
                return fw_fail_memory(r->cx.err);
            for (size_t c = 0; c < a.channels; c++) {
                REAL *at = reals_of(y) + (i * a.channels + c) * bins + bin;
                size_t image = (g.image * a.channels + c) * plane;
                if (dx == NULL) {
                    *at = read_points(&a, p, n, from + image, &best);
                    continue;
                }
                if (a.max) {
                    (void)read_points(&a, p, n, from + image, &best);
                    REAL *to = &dx[image + p[best / 4].at[best % 4]];
                    *to = ADD(*to, MUL(p[best / 4].weight[best % 4], *at));
                    continue;
                }
                REAL share = DIV(*at, (REAL)n);
                for (size_t k = 0; k < 4 * n; k++) {
                    REAL *to = &dx[image + p[k / 4].at[k % 4]];
                    *to = ADD(*to, MUL(p[k / 4].weight[k % 4], share));
                }
            }
            fw_arena_release(r->scratch, mark);
        }
    }
    return FW_OK;
}

KERNEL(roi_align)
{
    FW_REQUIRE(r->in[0]->n > 0 || r->out[0]->n == 0, r->cx.err, FW_SHAPE,
               "images with elements are wanted");
    return each_output(r, r->in[0], r->out[0], reals(r, 0), NULL);
}

KERNEL(roi_align_grad) // (dy, regions, images, x)
{
    zero_out(r, 0);
    return each_output(r, r->out[0], r->in[0], reals(r, 3), reals_out(r, 0));
}

/* ---- MaxRoiPool: (x, regions (n, 5): image, x1, y1, x2, y2) ---- */

struct bins {
    REAL low[2], size[2]; // of the region, of a bin
    size_t image;
};

static enum fw_status bins_of(const struct fw_run *r, const struct fw_buffer *x,
                              const struct fw_buffer *y, size_t i, struct bins *ret)
{
    const REAL *p = reals(r, 1) + i * 5;
    REAL scale = attr_real(r, "spatial_scale");
    FW_REQUIRE(p[0] >= 0 && p[0] < (REAL)x->dims[0], r->cx.err, FW_SHAPE,
               "a region names an image that is not there");
    ret->image = (size_t)p[0];
    for (unsigned k = 0; k < 2; k++) {
        ret->low[k] = ROUND(MUL(p[2 - k], scale));
        REAL high = ROUND(MUL(p[4 - k], scale));
        REAL size = MAX(ADD(SUB(high, ret->low[k]), (REAL)1), (REAL)1);
        ret->size[k] = DIV(size, (REAL)y->dims[2 + k]);
    }
    return FW_OK;
}

/* First element of bin `index` on an axis, and the one behind its last. */
static void bin_ends(const struct bins *b, unsigned axis, size_t index, int64_t size, size_t ret[2])
{
    REAL first = ADD(FLOOR(MUL((REAL)index, b->size[axis])), b->low[axis]);
    REAL end = ADD(CEIL(MUL((REAL)(index + 1), b->size[axis])), b->low[axis]);
    ret[0] = index_of(MAX(0, MIN((REAL)size, first)));
    ret[1] = index_of(MAX(0, MIN((REAL)size, end)));
}

/* The greatest element of a bin; its place in the image, or -1 of an empty bin. */
static int64_t greatest(const REAL *x, size_t columns, const size_t rows[2], const size_t cols[2])
{
    int64_t best = -1;
    for (size_t i = rows[0]; i < rows[1]; i++)
        for (size_t j = cols[0]; j < cols[1]; j++)
            if (best < 0 || LESS(x[best], x[i * columns + j]))
                best = (int64_t)(i * columns + j);
    return best;
}

static enum fw_status each_bin(struct fw_run *r, const struct fw_buffer *x,
                               const struct fw_buffer *y, const REAL *from, REAL *dx)
{
    size_t channels = (size_t)x->dims[1];
    size_t plane = (size_t)(x->dims[2] * x->dims[3]);
    size_t n = (size_t)(y->dims[2] * y->dims[3]);
    for (size_t i = 0; i < (size_t)y->dims[0]; i++) {
        struct bins b;
        FW_TRY(bins_of(r, x, y, i, &b));
        for (size_t bin = 0; bin < n; bin++) {
            size_t rows[2], cols[2];
            bin_ends(&b, 0, bin / (size_t)y->dims[3], x->dims[2], rows);
            bin_ends(&b, 1, bin % (size_t)y->dims[3], x->dims[3], cols);
            for (size_t c = 0; c < channels; c++) {
                size_t image = (b.image * channels + c) * plane;
                REAL *at = reals_of(y) + (i * channels + c) * n + bin;
                int64_t best = greatest(from + image, (size_t)x->dims[3], rows, cols);
                REAL nothing = 0;
                REAL *to = dx == NULL || best < 0 ? &nothing : &dx[image + (size_t)best];
                if (dx != NULL)
                    *to = ADD(*to, *at);
                else
                    *at = best < 0 ? 0 : from[image + (size_t)best];
            }
        }
    }
    return FW_OK;
}

KERNEL(roi_pool)
{
    return each_bin(r, r->in[0], r->out[0], reals(r, 0), NULL);
}

KERNEL(roi_pool_grad) // (dy, regions, x)
{
    zero_out(r, 0);
    return each_bin(r, r->out[0], r->in[0], reals(r, 2), reals_out(r, 0));
}
