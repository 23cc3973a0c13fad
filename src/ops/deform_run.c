/* Kernels of deform.c: the values read at displaced places form columns (channels*taps, positions),
 * and the rest is a product. The file head there has the operations of a place and of a value. */
#include "ops/conv.h"
#include "ops/product.h"

enum { MAX_CORNERS = 1 << FW_MAX_AXES };

struct deform {
    unsigned n; // axes
    size_t corners, batch, channels, offset_groups, taps, n_in, n_out;
    int64_t in[FW_MAX_AXES], out[FW_MAX_AXES], kernel[FW_MAX_AXES];
    int64_t stride[FW_MAX_AXES], dilation[FW_MAX_AXES], begin[FW_MAX_AXES];
    const REAL *x, *offset, *mask;
};

/* Inputs x, offset, mask; kernel: sizes of the weight, or NULL where the attribute has them. */
static enum fw_status read(const struct fw_run *r, unsigned x, unsigned offset, unsigned mask,
                           const fw_dim *kernel, struct deform *d)
{
    struct fw_window w;
    struct fw_cx c = r->cx;
    const struct fw_tensor *t = fw_in(&c, x);
    FW_TRY(fw_window_read(&c, t->rank - 2u, t->dims + 2, kernel, false, &w));
    *d = (struct deform){.n = w.n,
                         .corners = (size_t)1 << w.n,
                         .batch = (size_t)t->dims[0].word,
                         .channels = (size_t)t->dims[1].word,
                         .offset_groups = (size_t)fw_run_attr_int(r, "offset_group", 1),
                         .taps = 1,
                         .n_in = 1,
                         .n_out = 1,
                         .x = reals(r, x),
                         .offset = reals(r, offset),
                         .mask = reals(r, mask)};
    for (unsigned k = 0; k < w.n; k++) {
        d->in[k] = w.in[k].word;
        d->out[k] = w.out[k].word;
        d->kernel[k] = w.kernel[k].word;
        d->begin[k] = w.begin[k].word;
        d->stride[k] = w.stride[k];
        d->dilation[k] = w.dilation[k];
        d->taps *= (size_t)d->kernel[k];
        d->n_in *= (size_t)d->in[k];
        d->n_out *= (size_t)d->out[k];
    }
    FW_REQUIRE(d->channels % d->offset_groups == 0, r->cx.err, FW_SHAPE,
               "channels that the offset groups divide are wanted");
    return FW_OK;
}

/* One place: the elements around it (-1: outside), their weights, and for each axis the slopes of
 * the weights. */
struct place {
    int64_t at[MAX_CORNERS];
    REAL weight[MAX_CORNERS];
    REAL slope[FW_MAX_AXES][MAX_CORNERS];
};

static REAL weights_but(const struct deform *d, REAL part[][2], size_t corner, unsigned skip)
{
    REAL w = 1;
    bool first = true;
    for (unsigned k = 0; k < d->n; k++) {
        if (k == skip)
            continue;
        w = first ? part[k][corner >> k & 1] : MUL(w, part[k][corner >> k & 1]);
        first = false;
    }
    return w;
}

static void locate(const struct deform *d, size_t image, size_t group, size_t tap, size_t position,
                   bool slopes, struct place *p)
{
    REAL part[FW_MAX_AXES][2];
    int64_t low[FW_MAX_AXES] = {0};
    size_t place = (image * d->offset_groups + group) * d->taps + tap;
    size_t rest = position;
    for (unsigned k = d->n; k-- > 0;) {
        int64_t o = (int64_t)(rest % (size_t)d->out[k]);
        int64_t t = (int64_t)(tap % (size_t)d->kernel[k]);
        rest /= (size_t)d->out[k];
        tap /= (size_t)d->kernel[k];
        REAL base = (REAL)(o * d->stride[k] + t * d->dilation[k] - d->begin[k]);
        REAL at = ADD(base, d->offset[(place * d->n + k) * d->n_out + position]);
        REAL floor_ = FLOOR(at);
        part[k][1] = SUB(at, floor_);
        part[k][0] = SUB((REAL)1, part[k][1]);
        low[k] = floor_ > -2 && floor_ < (REAL)d->in[k] ? (int64_t)floor_ : -2; // far outside
    }
    for (size_t c = 0; c < d->corners; c++) {
        bool inside = true;
        p->at[c] = 0;
        for (unsigned k = 0; k < d->n; k++) {
            int64_t at = low[k] + (int64_t)(c >> k & 1);
            inside = inside && at >= 0 && at < d->in[k];
            p->at[c] = p->at[c] * d->in[k] + at;
        }
        p->at[c] = inside ? p->at[c] : -1;
        p->weight[c] = weights_but(d, part, c, d->n);
        for (unsigned k = 0; slopes && k < d->n; k++) {
            REAL s = weights_but(d, part, c, k);
            p->slope[k][c] = c >> k & 1 ? s : -s;
        }
    }
}

static REAL value(const struct deform *d, const struct place *p, const REAL *weight, const REAL *x)
{
    REAL sum = 0;
    for (size_t c = 0; c < d->corners; c++) {
        REAL v = MUL(weight[c], p->at[c] < 0 ? 0 : x[p->at[c]]);
        sum = c == 0 ? v : ADD(sum, v);
    }
    return sum;
}

static REAL mask_of(const struct deform *d, size_t image, size_t group, size_t tap, size_t position)
{
    return d->mask[((image * d->offset_groups + group) * d->taps + tap) * d->n_out + position];
}

/* The columns of an image, (channels*taps, positions). */
static void columns_of(const struct deform *d, size_t image, REAL *columns)
{
    size_t each = d->channels / d->offset_groups;
    for (size_t i = 0; i < d->offset_groups * d->taps * d->n_out; i++) {
        size_t group = i / d->n_out / d->taps;
        size_t tap = i / d->n_out % d->taps;
        size_t position = i % d->n_out;
        struct place p;
        locate(d, image, group, tap, position, false, &p);
        for (size_t c = group * each; c < (group + 1) * each; c++) {
            REAL v = value(d, &p, p.weight, d->x + (image * d->channels + c) * d->n_in);
            if (d->mask != NULL)
                v = MUL(v, mask_of(d, image, group, tap, position));
            columns[(c * d->taps + tap) * d->n_out + position] = v;
        }
    }
}

/* Sizes of the product of a group: m rows of weights, k columns. */
struct group {
    size_t n, m, k;
};

static struct group groups_of(const struct fw_run *r, const struct deform *d, size_t rows)
{
    size_t n = (size_t)fw_run_attr_int(r, "group", 1);
    return (struct group){n, rows / n, d->channels / n * d->taps};
}

KERNEL(deform_conv) // (x, w, offset, bias?, mask?)
{
    struct deform d;
    FW_TRY(read(r, 0, 2, 4, fw_in(&r->cx, 1)->dims + 2, &d));
    size_t rows = (size_t)r->in[1]->dims[0];
    struct group g = groups_of(r, &d, rows);
    REAL *columns = scratch_reals(r, d.channels * d.taps * d.n_out + 1);
    if (columns == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    for (size_t i = 0; i < d.batch; i++) {
        REAL *y = reals_out(r, 0) + i * rows * d.n_out;
        columns_of(&d, i, columns);
        for (size_t k = 0; k < g.n; k++)
            FW_TRY(product(r, g.m, d.n_out, g.k, matrix_of(y + k * g.m * d.n_out, d.n_out, 1),
                           matrix_of(reals(r, 1) + k * g.m * g.k, g.k, 1),
                           matrix_of(columns + k * g.k * d.n_out, d.n_out, 1)));
        for (size_t k = 0; fw_run_has(r, 3) && k < rows * d.n_out; k++)
            y[k] = ADD(y[k], reals(r, 3)[k / d.n_out]);
    }
    return FW_OK;
}

KERNEL(deform_conv_weight) // (dy, x, offset, mask?, w)
{
    struct deform d;
    FW_TRY(read(r, 1, 2, 3, fw_in(&r->cx, 4)->dims + 2, &d));
    size_t rows = (size_t)r->out[0]->dims[0];
    struct group g = groups_of(r, &d, rows);
    REAL *columns = scratch_reals(r, d.channels * d.taps * d.n_out + 1);
    if (columns == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    for (size_t i = 0; i < d.batch; i++) {
        columns_of(&d, i, columns);
        for (size_t k = 0; k < g.n; k++)
            FW_TRY(product(r, g.m, g.k, d.n_out, matrix_of(reals_out(r, 0) + k * g.m * g.k, g.k, 1),
                           matrix_of(reals(r, 0) + (i * rows + k * g.m) * d.n_out, d.n_out, 1),
                           turned(matrix_of(columns + k * g.k * d.n_out, d.n_out, 1))));
    }
    return FW_OK;
}

KERNEL(deform_conv_columns) // (dy, w, x, offset): w^T dy
{
    const struct fw_buffer *dy = r->in[0], *w = r->in[1];
    size_t n = (size_t)fw_run_attr_int(r, "group", 1);
    size_t m = (size_t)w->dims[0] / n;
    size_t k = fw_buffer_span(w, 1, w->rank);
    size_t positions = fw_buffer_span(dy, 2, dy->rank);
    zero_out(r, 0);
    for (size_t i = 0; i < (size_t)dy->dims[0] * n; i++)
        FW_TRY(product(r, k, positions, m,
                       matrix_of(reals_out(r, 0) + i * k * positions, positions, 1),
                       turned(matrix_of(reals(r, 1) + i % n * m * k, k, 1)),
                       matrix_of(reals(r, 0) + i * m * positions, positions, 1)));
    return FW_OK;
}

/* One value: its gradient to x, the offsets of its place and its mask, as far as wanted. */
struct spread {
    REAL *dx, *doffset, *dmask; // NULL: not wanted
};

static void spread_value(const struct deform *d, const struct place *p, const REAL *x, REAL dv,
                         const REAL *mask, const struct spread *to)
{
    REAL g = mask != NULL ? MUL(dv, *mask) : dv;
    for (size_t c = 0; to->dx != NULL && c < d->corners; c++) {
        REAL nothing = 0;
        REAL *into = p->at[c] < 0 ? &nothing : to->dx + p->at[c];
        *into = ADD(*into, MUL(p->weight[c], g));
    }
    for (unsigned k = 0; to->doffset != NULL && k < d->n; k++) {
        REAL *into = to->doffset + k * d->n_out;
        *into = ADD(*into, MUL(value(d, p, p->slope[k], x), g));
    }
    if (to->dmask != NULL)
        *to->dmask = ADD(*to->dmask, MUL(value(d, p, p->weight, x), dv));
}

KERNEL(deform_conv_samples) // (dcolumns, x, offset, mask?) -> dx, doffset, dmask
{
    int64_t wanted = fw_run_attr_int(r, "wanted", 7);
    struct deform d;
    FW_TRY(read(r, 1, 2, 3, NULL, &d));
    size_t each = d.channels / d.offset_groups;
    for (unsigned k = 0; k < r->cx.node->n_out; k++)
        zero_out(r, k);
    for (size_t i = 0; i < d.batch * d.offset_groups * d.taps * d.n_out; i++) {
        size_t position = i % d.n_out;
        size_t tap = i / d.n_out % d.taps;
        size_t group = i / d.n_out / d.taps % d.offset_groups;
        size_t image = i / d.n_out / d.taps / d.offset_groups;
        size_t place = i / d.n_out;
        struct place p;
        locate(&d, image, group, tap, position, (wanted & 2) != 0, &p);
        for (size_t c = group * each; c < (group + 1) * each; c++) {
            size_t from = (image * d.channels + c) * d.n_in;
            REAL dv = reals(r, 0)[((image * d.channels + c) * d.taps + tap) * d.n_out + position];
            struct spread to = {wanted & 1 ? reals_out(r, 0) + from : NULL,
                                wanted & 2 ? reals_out(r, 1) + place * d.n * d.n_out + position
                                           : NULL,
                                wanted & 4 ? reals_out(r, 2) + i : NULL};
            spread_value(&d, &p, d.x + from, dv, d.mask != NULL ? d.mask + i : NULL, &to);
        }
    }
    return FW_OK;
}
