/* Kernels of resize.c: taps and weights are tabulated once per axis, as the cost has it, then every
 * output element is a nest of sums over the axes that change. */
#include "ops/moves.h"

enum { MAX_CHANGED = 8, MAX_TAPS = 256 };

struct axis {
    unsigned k; // which one
    size_t taps;
    int64_t *at;  // (out, taps) positions in the input
    REAL *weight; // (out, taps)
    bool *beyond; // (out) takes the extrapolation value
};

struct resize {
    const struct fw_buffer *x, *y; // shapes
    unsigned n;
    struct axis axis[MAX_CHANGED];
    ptrdiff_t stride[FW_MAX_RANK];
    bool nearest;
};

/* What one axis is resized by. */
struct rule {
    const char *mode, *nearest, *coordinates;
    double scale, from, to; // from, to: the region of tf_crop_and_resize
    double a;               // of the cubic
    bool exclude, antialias, crop;
    size_t in, out;
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The place in the input that output position o stands for. */
static double place(const struct rule *f, size_t o)
{
    double x = (double)o;
    double in = (double)f->in;
    double out = (double)f->out;
    if (is(f->coordinates, "asymmetric"))
        return x / f->scale;
    if (is(f->coordinates, "align_corners"))
        return f->out > 1 ? x * (in - 1) / (in * f->scale - 1) : 0;
    if (is(f->coordinates, "pytorch_half_pixel"))
        return f->out > 1 ? (x + 0.5) / f->scale - 0.5 : 0;
    if (is(f->coordinates, "tf_half_pixel_for_nn"))
        return (x + 0.5) / f->scale;
    if (f->crop)
        return f->out > 1 ? f->from * (in - 1) + x * (f->to - f->from) * (in - 1) / (out - 1)
                          : 0.5 * (f->from + f->to) * (in - 1);
    double shift = 0;
    if (is(f->coordinates, "half_pixel_symmetric"))
        shift = in / 2 * (1 - out / (f->scale * in));
    return shift + (x + 0.5) / f->scale - 0.5;
}

static double round_nearest(const struct rule *f, double x)
{
    if (is(f->nearest, "floor"))
        return floor(x);
    if (is(f->nearest, "ceil"))
        return ceil(x);
    return is(f->nearest, "round_prefer_ceil") ? floor(x + 0.5) : ceil(x - 0.5);
}

/* The kernel of linear or cubic interpolation at distance d. */
static double shape_at(const struct rule *f, double d)
{
    double a = f->a;
    d = fabs(d);
    if (!is(f->mode, "cubic"))
        return d < 1 ? 1 - d : 0;
    if (d < 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* The taps of one output position; what stands outside is moved to the edge, or left out. */
static void tabulate_one(const struct rule *f, struct axis *axis, size_t o)
{
    double x = fw_within_reach(place(f, o));
    double s = f->antialias && f->scale < 1 ? f->scale : 1;
    int64_t first = (int64_t)floor(x) - (int64_t)axis->taps / 2 + 1;
    double total = 0;
    double weight[256];
    axis->beyond[o] = f->crop && (x < 0 || x > (double)f->in - 1);
    for (size_t t = 0; t < axis->taps && t < 256; t++) {
        int64_t at = first + (int64_t)t;
        weight[t] = shape_at(f, ((double)at - x) * s);
        if (f->exclude && (at < 0 || at >= (int64_t)f->in))
            weight[t] = 0;
        total += weight[t];
        at = at < 0 ? 0 : at >= (int64_t)f->in ? (int64_t)f->in - 1 : at;
        axis->at[o * axis->taps + t] = at;
    }
    bool norm = f->exclude || f->antialias;
    for (size_t t = 0; t < axis->taps && t < 256; t++)
        axis->weight[o * axis->taps + t] =
            (REAL)(norm && total != 0 ? weight[t] / total : weight[t]);
}

static enum fw_status tabulate(const struct fw_run *r, const struct rule *f, struct axis *axis)
{
    int64_t reach = is(f->mode, "cubic") ? 2 : 1;
    int64_t wide = reach;
    if (f->antialias) {
        wide = (reach * (int64_t)f->in + (int64_t)f->out - 1) / (int64_t)f->out;
        wide = wide > reach ? wide : reach;
    }
    bool nearest = is(f->mode, "nearest");
    axis->taps = nearest ? 1 : 2 * (size_t)wide;
    FW_REQUIRE(axis->taps <= MAX_TAPS, r->cx.err, FW_LIMIT, "at most %d taps, found %zu", MAX_TAPS,
               axis->taps);
    axis->at = fw_arena_array(r->scratch, f->out * axis->taps + 1, sizeof *axis->at);
    axis->weight = scratch_reals(r, f->out * axis->taps + 1);
    axis->beyond = fw_arena_zalloc(r->scratch, f->out + 1);
    if (axis->at == NULL || axis->weight == NULL || axis->beyond == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t o = 0; o < f->out; o++) {
        if (!nearest) {
            tabulate_one(f, axis, o);
            continue;
        }
        double x = fw_within_reach(place(f, o));
        int64_t at = (int64_t)round_nearest(f, x);
        axis->beyond[o] = f->crop && (x < 0 || x > (double)f->in - 1);
        axis->at[o] = at < 0 ? 0 : at >= (int64_t)f->in ? (int64_t)f->in - 1 : at;
    }
    return FW_OK;
}

/* The scale of each listed axis: given, or of sizes, the same for all where the ratio is kept. */
static double scale_of(const struct fw_run *r, const struct resize *z, unsigned first, size_t i,
                       size_t n, const unsigned *axes)
{
    const struct fw_buffer *scales = fw_run_in(r, first + 1);
    const char *policy = fw_run_attr(r, "keep_aspect_ratio_policy")->s;
    if (scales != NULL && scales->n > 0)
        return fw_buffer_get(scales, i);
    if (is(policy, "stretch"))
        return (double)z->y->dims[axes[i]] / (double)z->x->dims[axes[i]];
    double scale = 0;
    for (size_t k = 0; k < n; k++) {
        double s = fw_buffer_get(r->in[first + 2], k) / (double)z->x->dims[axes[k]];
        if (k == 0 || (is(policy, "not_smaller") ? s > scale : s < scale))
            scale = s;
    }
    return scale;
}

/* first: where roi, scales and sizes stand. */
static enum fw_status open_resize(struct fw_run *r, const struct fw_buffer *x,
                                  const struct fw_buffer *y, unsigned first, struct resize *z)
{
    const struct fw_attr *listed = fw_run_attr(r, "axes");
    const struct fw_buffer *roi = fw_run_in(r, first);
    bool all = !listed->given || listed->n == 0;
    size_t n = all ? x->rank : listed->n;
    unsigned axes[FW_MAX_RANK];
    FW_REQUIRE(x->n > 0 || y->n == 0, r->cx.err, FW_SHAPE, "elements to be enlarged are wanted");
    *z = (struct resize){.x = x, .y = y, .nearest = is(fw_run_attr(r, "mode")->s, "nearest")};
    moves_strides(x, z->stride);
    for (size_t i = 0; i < n; i++) {
        axes[i] = (unsigned)i;
        if (!all)
            FW_TRY(fw_run_axis(r, listed->ints[i], x->rank, &axes[i]));
    }
    for (size_t i = 0; i < n; i++) {
        unsigned k = axes[i];
        struct rule f = {.mode = fw_run_attr(r, "mode")->s,
                         .nearest = fw_run_attr(r, "nearest_mode")->s,
                         .coordinates = fw_run_attr(r, "coordinate_transformation_mode")->s,
                         .a = fw_run_attr_float(r, "cubic_coeff_a", -0.75),
                         .exclude = fw_run_attr_int(r, "exclude_outside", 0) != 0,
                         .antialias = fw_run_attr_int(r, "antialias", 0) != 0,
                         .to = 1,
                         .in = (size_t)x->dims[k],
                         .out = (size_t)y->dims[k]};
        if (f.in == f.out || y->n == 0)
            continue; // an axis that does not change is left alone
        f.crop = is(f.coordinates, "tf_crop_and_resize");
        f.scale = scale_of(r, z, first, i, n, axes);
        if (f.crop && roi != NULL && roi->n == 2 * n) {
            f.from = fw_buffer_get(roi, i);
            f.to = fw_buffer_get(roi, i + n);
        }
        FW_REQUIRE(z->n < MAX_CHANGED, r->cx.err, FW_LIMIT, "at most %d axes change", MAX_CHANGED);
        z->axis[z->n].k = k;
        FW_TRY(tabulate(r, &f, &z->axis[z->n++]));
    }
    return FW_OK;
}

/* The sum of an output element from axis `level` on; offset: of the axes before. */
static REAL gather(const struct resize *z, const REAL *x, const int64_t *at, unsigned level,
                   ptrdiff_t offset)
{
    if (level == z->n)
        return x[offset];
    const struct axis *a = &z->axis[level];
    size_t o = (size_t)at[a->k] * a->taps;
    REAL sum = 0;
    for (size_t t = 0; t < a->taps; t++) {
        REAL v = MUL(a->weight[o + t],
                     gather(z, x, at, level + 1, offset + a->at[o + t] * z->stride[a->k]));
        sum = JOIN(t == 0, sum, v);
    }
    return sum;
}

static void scatter(const struct resize *z, REAL *dx, const int64_t *at, unsigned level,
                    ptrdiff_t offset, REAL v)
{
    if (level == z->n) {
        dx[offset] = ADD(dx[offset], v);
        return;
    }
    const struct axis *a = &z->axis[level];
    size_t o = (size_t)at[a->k] * a->taps;
    for (size_t t = 0; t < a->taps; t++)
        scatter(z, dx, at, level + 1, offset + a->at[o + t] * z->stride[a->k],
                MUL(a->weight[o + t], v));
}

/* Where an output position stands in x on the axes that do not change. */
static ptrdiff_t base_of(const struct resize *z, const int64_t *at, bool *ret_beyond)
{
    ptrdiff_t offset = 0;
    *ret_beyond = false;
    for (unsigned k = 0; k < z->y->rank; k++)
        offset += at[k] * z->stride[k];
    for (unsigned i = 0; i < z->n; i++) {
        offset -= at[z->axis[i].k] * z->stride[z->axis[i].k];
        *ret_beyond |= z->axis[i].beyond[at[z->axis[i].k]];
    }
    return offset;
}

/* The element that a nearest output is. */
static ptrdiff_t nearest_of(const struct resize *z, const int64_t *at, ptrdiff_t offset)
{
    for (unsigned i = 0; i < z->n; i++)
        offset += z->axis[i].at[at[z->axis[i].k]] * z->stride[z->axis[i].k];
    return offset;
}

KERNEL(resize)
{
    struct resize z;
    struct fw_buffer *y = r->out[0];
    struct fw_walk w;
    FW_TRY(open_resize(r, r->in[0], y, 1, &z));
    fw_walk_init(&w, y->rank, y->dims);
    for (size_t i = 0; i < y->n; i++) {
        bool beyond;
        ptrdiff_t at = base_of(&z, w.at, &beyond);
        double v;
        if (z.nearest)
            v = fw_buffer_get(r->in[0], (size_t)nearest_of(&z, w.at, at));
        else
            v = (double)gather(&z, reals(r, 0), w.at, 0, at);
        fw_buffer_put(y, i, beyond ? fw_run_attr_float(r, "extrapolation_value", 0) : v);
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(resize_grad) // (dy, x, roi?, scales?, sizes?)
{
    struct resize z;
    const struct fw_buffer *dy = r->in[0];
    REAL *dx = reals_out(r, 0);
    struct fw_walk w;
    FW_TRY(open_resize(r, r->out[0], dy, 2, &z));
    zero_out(r, 0);
    fw_walk_init(&w, dy->rank, dy->dims);
    for (size_t i = 0; i < dy->n; i++) {
        bool beyond;
        ptrdiff_t at = base_of(&z, w.at, &beyond);
        REAL v = beyond ? 0 : reals(r, 0)[i];
        if (z.nearest) {
            at = nearest_of(&z, w.at, at);
            dx[at] = ADD(dx[at], v);
        } else {
            scatter(&z, dx, w.at, 0, at, v);
        }
        fw_walk_next(&w);
    }
    return FW_OK;
}
