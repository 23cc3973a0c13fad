/* The field slots that serve many rows; see reach.h. */
#include "ops/reach.h"

#include "ops/pool.h"

struct fw_reach fw_reach_window(unsigned dim, int64_t stride, fw_dim kernel, int64_t dilation,
                                fw_dim begin, fw_dim end)
{
    return (struct fw_reach){.kind = FW_REACH_WINDOW,
                             .dim = (uint8_t)dim,
                             .stride = stride,
                             .dilation = dilation,
                             .kernel = kernel,
                             .begin = begin,
                             .end = end};
}

struct fw_reach fw_reach_each(unsigned dim)
{
    return fw_reach_window(dim, 1, fw_dim_int(1), 1, fw_dim_int(0), fw_dim_int(0));
}

struct fw_reach fw_reach_all(const char *why)
{
    return (struct fw_reach){.kind = FW_REACH_ALL, .why = why};
}

static struct fw_reach point(int64_t at)
{
    return (struct fw_reach){.kind = FW_REACH_POINT, .begin = fw_dim_int(at)};
}

static void all(struct fw_reach *ret, const char *why)
{
    for (unsigned k = 0; k < FW_MAX_RANK; k++)
        ret[k] = fw_reach_all(why);
}

/* ---- no window ---- */

void fw_field_none(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    (void)c;
    (void)in;
    (void)out;
    for (unsigned k = 0; k < FW_MAX_RANK; k++)
        ret[k] = (struct fw_reach){.kind = FW_REACH_NONE};
}

void fw_field_whole(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    (void)in;
    (void)out;
    all(ret, c->node->op->name);
}

void fw_field_attention(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    (void)c;
    (void)in;
    (void)out;
    all(ret, "attention");
}

void fw_field_recurrence(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    (void)c;
    (void)in;
    (void)out;
    all(ret, "recurrence");
}

bool fw_op_recurs(const struct fw_op *op)
{
    return op->field == fw_field_recurrence;
}

void fw_field_data(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    (void)c;
    (void)in;
    (void)out;
    all(ret, "positions that depend on data");
}

/* ---- place by place ---- */

static bool is_one(fw_dim d)
{
    return fw_dim_is(d, 1);
}

void fw_field_same(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in), *y = fw_out(c, out);
    for (unsigned k = 0; k < x->rank && x->rank <= y->rank; k++) {
        unsigned to = y->rank - x->rank + k;
        bool repeated = is_one(x->dims[k]) && !is_one(y->dims[to]);
        ret[k] = repeated ? point(0) : fw_reach_each(to);
    }
}

void fw_field_first(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    if (in == 0)
        fw_field_same_left(c, in, out, ret);
    else
        all(ret, "a parameter that is computed");
}

void fw_field_same_left(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in), *y = fw_out(c, out);
    for (unsigned k = 0; k < x->rank && k < y->rank; k++)
        ret[k] = fw_reach_each(k);
}

void fw_field_last(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    if (in != 0) {
        all(ret, "a weight that is computed");
        return;
    }
    fw_field_same_left(c, in, out, ret);
    ret[fw_in(c, in)->rank - 1u] = fw_reach_all("a product over the axis");
}

void fw_field_joined(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in);
    unsigned axis;
    if (x->rank == 0 || x->rank != fw_out(c, out)->rank ||
        fw_norm_axis(c, fw_attr_at(c, 0)->i, x->rank, &axis) != FW_OK)
        return;
    fw_field_same_left(c, in, out, ret);
    ret[axis] = fw_reach_all("parts joined along the axis");
}

void fw_field_along(struct fw_cx *c, unsigned in, const bool *marked, const char *why,
                    struct fw_reach *ret)
{
    for (unsigned k = 0; k < fw_in(c, in)->rank; k++)
        ret[k] = marked[k] ? fw_reach_all(why) : fw_reach_each(k);
}

void fw_field_line(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool marked[FW_MAX_RANK] = {false};
    int64_t axis = fw_attr_at(c, 0)->i;
    unsigned rank = fw_in(c, 0)->rank;
    (void)out;
    if (in != 0 || rank == 0)
        return;
    marked[axis < 0 ? axis + rank : axis] = true;
    fw_field_along(c, in, marked, "normalisation over the axis", ret);
}

void fw_field_channels(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool channels[FW_MAX_RANK] = {[1] = true};
    (void)out;
    fw_field_along(c, in, channels, "all channels", ret);
}

/* ---- another shape ---- */

/* Dimensions of both sides that hold the same elements together. */
struct group {
    unsigned x, y; // one past the last of each side
};

/* Whether b divides a, as polynomials or numbers. */
static bool divides(struct fw_cx *c, fw_count a, fw_count b)
{
    if (fw_count_is_const(a) && fw_count_is_const(b))
        return b.word != 0 && a.word % b.word == 0;
    return !fw_count_is_bad(fw_count_div(c->sym, a, b));
}

/* The next group from dimensions g->x, g->y on: as few as hold the same number of elements, all
 * that are left where that cannot be told. */
static void grow(struct fw_cx *c, const struct fw_tensor *x, const struct fw_tensor *y,
                 struct group *g)
{
    fw_count px = fw_count_int(1), py = fw_count_int(1);
    do {
        bool left_x = g->x < x->rank, left_y = g->y < y->rank;
        bool wants_x = (!left_y || divides(c, py, px)) &&
                       (fw_count_eq(px, py) || !fw_count_eq(py, fw_count_int(1)) || !left_y);
        if (left_x && (wants_x || !left_y))
            px = fw_count_mul(c->sym, px, fw_count_of(x->dims[g->x++]));
        else if (left_y)
            py = fw_count_mul(c->sym, py, fw_count_of(y->dims[g->y++]));
        else
            return;
    } while (!fw_count_eq(px, py));
}

/* The only dimension of several that is not 1; FW_MAX_RANK where there are more, or none. */
static unsigned only(const struct fw_tensor *t, unsigned from, unsigned to)
{
    unsigned found = FW_MAX_RANK;
    for (unsigned k = from; k < to; k++) {
        if (is_one(t->dims[k]))
            continue;
        if (found != FW_MAX_RANK)
            return FW_MAX_RANK;
        found = k;
    }
    return found;
}

void fw_field_regroup(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in), *y = fw_out(c, out);
    if (in != 0) { // a shape, axes
        fw_field_none(c, in, out, ret);
        return;
    }
    for (struct group g = {0, 0}, next = g; g.x < x->rank; g = next) {
        grow(c, x, y, &next);
        unsigned from = only(x, g.x, next.x), to = only(y, g.y, next.y);
        for (unsigned k = g.x; k < next.x; k++) {
            if (is_one(x->dims[k]))
                ret[k] = point(0);
            else if (k == from && to != FW_MAX_RANK)
                ret[k] = fw_reach_each(to);
            else
                ret[k] = fw_reach_all("flattening");
        }
        if (next.x == g.x && next.y == g.y)
            return;
    }
}

/* ---- windows ---- */

static bool pads_by_size(struct fw_cx *c)
{
    return fw_attr_is(c, FW_WINDOW_AUTO_PAD, "SAME_UPPER") ||
           fw_attr_is(c, FW_WINDOW_AUTO_PAD, "SAME_LOWER");
}

/* Axis k of a window, for a dimension that stands in the same place of input and output. */
static struct fw_reach axis_of(struct fw_cx *c, const struct fw_window *w, unsigned k, unsigned dim)
{
    struct fw_reach r =
        fw_reach_window(dim, w->stride[k], w->kernel[k], w->dilation[k], w->begin[k], w->end[k]);
    r.slides = true;
    r.same = pads_by_size(c);
    if (w->transposed)
        r.kind = FW_REACH_TRANSPOSED;
    return r;
}

void fw_field_conv(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_conv_form *form = c->node->op->family;
    struct fw_conv v;
    if (in != form->x && in != form->w && fw_in(c, in)->rank == fw_out(c, out)->rank) {
        fw_field_same(c, in, out, ret); // what a fused row adds
        return;
    }
    if (in != form->x || fw_conv_read(c, &v) != FW_OK) {
        all(ret, "a weight that is computed");
        return;
    }
    all(ret, "all channels");
    ret[0] = fw_reach_each(0);
    for (unsigned k = 0; k < v.window.n; k++)
        ret[fw_first_axis(v.last) + k] = axis_of(c, &v.window, k, fw_first_axis(v.last) + k);
}

void fw_field_pool(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_pool_form *form = c->node->op->family;
    struct fw_window w;
    (void)out;
    if (in != form->x || fw_pool_read(c, &w) != FW_OK) {
        all(ret, "a scale that is computed");
        return;
    }
    unsigned first = fw_first_axis(fw_channels_last(c, form->last));
    for (unsigned k = 0; k < fw_in(c, in)->rank; k++)
        ret[k] = fw_reach_each(k);
    for (unsigned k = 0; k < w.n; k++) {
        ret[first + k] = axis_of(c, &w, k, first + k);
        ret[first + k].ceil = fw_attr_at(c, FW_N_WINDOW_ATTRS)->i != 0;
    }
}

void fw_field_pool_global(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_pool_form *form = c->node->op->family;
    (void)out;
    unsigned rank = fw_in(c, in)->rank;
    for (unsigned k = 0; k < rank; k++) {
        bool kept = k == 0 || k == fw_channel_axis(fw_channels_last(c, form->last), rank);
        ret[k] = kept && in == form->x ? fw_reach_each(k) : fw_reach_all("global pooling");
    }
}
