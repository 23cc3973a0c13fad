/* What the slots `fast` have in common, and the smaller ones; products stand in fast_product.c. */
#include "ops/fast.h"

#include "ops/fast_impl.h"
#include "ops/pool.h"

#include <string.h>

/* Constant shape, nothing empty. */
static bool is_known(const struct fw_tensor *t)
{
    if (t == NULL || t->rank == FW_RANK_UNKNOWN)
        return false;
    for (unsigned k = 0; k < t->rank; k++)
        if (!fw_dim_is_const(t->dims[k]) || t->dims[k].word <= 0)
            return false;
    return true;
}

bool fw_fast_is_f32(const struct fw_tensor *t)
{
    return is_known(t) && t->dtype == FW_F32;
}

void fw_fast_start(struct fw_fast *f, enum fw_fast_kind kind)
{
    memset(f, 0, sizeof *f);
    memset(f->in, -1, sizeof f->in);
    f->kind = kind;
    f->group = 1;
}

static bool same_shape(const struct fw_tensor *a, const struct fw_tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (unsigned k = 0; k < a->rank; k++)
        if (!fw_dim_eq(a->dims[k], b->dims[k]))
            return false;
    return true;
}

/* Ports are float32 and of one shape, or one number. */
bool fw_fast_pointwise(struct fw_cx *c, struct fw_fast *ret)
{
    const struct fw_node *n = c->node;
    const struct fw_tensor *shape = n->n_out > 0 ? fw_out(c, 0) : fw_in(c, 0);
    if (!is_known(shape))
        return false;
    for (unsigned i = 0; i < n->n_in; i++) {
        const struct fw_tensor *t = fw_in(c, i);
        bool number = fw_fast_is_f32(t) && fw_tensor_elements(c->g, t).word == 1;
        if (t != NULL && !number && !(fw_fast_is_f32(t) && same_shape(t, shape)))
            return false;
    }
    for (unsigned i = 0; i < n->n_out; i++)
        if (fw_has_out(c, i) && !(fw_fast_is_f32(fw_out(c, i)) && same_shape(fw_out(c, i), shape)))
            return false;
    fw_fast_start(ret, FW_FAST_POINTWISE);
    return true;
}

/* ---- windows ---- */

static bool set_shape(int64_t *to, const struct fw_tensor *t)
{
    if (!fw_fast_is_f32(t) || t->rank < 3 || t->rank > FW_FAST_AXES + 2)
        return false;
    for (unsigned k = 0; k < t->rank; k++)
        to[k] = t->dims[k].word;
    return true;
}

static bool set_window(struct fw_fast *f, const struct fw_window *w)
{
    if (w->n > FW_FAST_AXES || w->transposed)
        return false;
    f->axes = w->n;
    for (unsigned k = 0; k < w->n; k++) {
        if (!fw_dim_is_const(w->kernel[k]) || !fw_dim_is_const(w->begin[k]) ||
            !fw_dim_is_const(w->end[k]))
            return false;
        f->kernel[k] = w->kernel[k].word;
        f->stride[k] = w->stride[k];
        f->dilation[k] = w->dilation[k];
        f->begin[k] = w->begin[k].word;
        f->end[k] = w->end[k].word;
    }
    return true;
}

static bool set_conv(struct fw_cx *c, struct fw_fast *f, const struct fw_tensor *x,
                     const struct fw_tensor *w, const struct fw_tensor *y)
{
    struct fw_cx quiet = *c;
    struct fw_conv v;
    quiet.err = NULL;
    if (!set_shape(f->x, x) || !set_shape(f->y, y) || !fw_fast_is_f32(w) ||
        fw_conv_read(&quiet, &v) != FW_OK || v.last)
        return false;
    f->group = fw_attr_at(c, FW_CONV_GROUP)->i;
    return set_window(f, &v.window);
}

bool fw_fast_conv(struct fw_cx *c, struct fw_fast *ret)
{
    fw_fast_start(ret, FW_FAST_CONV);
    ret->in[0] = 0;
    ret->in[1] = 1;
    ret->in[2] = fw_has_in(c, 2) ? 2 : -1;
    return set_conv(c, ret, fw_in(c, 0), fw_in(c, 1), fw_out(c, 0));
}

bool fw_fast_conv_dx(struct fw_cx *c, struct fw_fast *ret) // (dY, W, X)
{
    fw_fast_start(ret, FW_FAST_CONV_DX);
    ret->in[0] = 0;
    ret->in[1] = 1;
    return set_conv(c, ret, fw_out(c, 0), fw_in(c, 1), fw_in(c, 0));
}

bool fw_fast_conv_dw(struct fw_cx *c, struct fw_fast *ret) // (dY, X, W)
{
    fw_fast_start(ret, FW_FAST_CONV_DW);
    ret->in[0] = 0;
    ret->in[1] = 1;
    return set_conv(c, ret, fw_in(c, 1), fw_out(c, 0), fw_in(c, 0));
}

bool fw_fast_channel_sum(struct fw_cx *c, struct fw_fast *ret)
{
    fw_fast_start(ret, FW_FAST_CHANNEL_SUM);
    ret->in[0] = 0;
    return fw_fast_is_f32(fw_in(c, 0)) && fw_attr_at(c, 0)->i == 1;
}

/* ---- poolings: port x is the input that has the shape of X ---- */

/* The gradient of a global pooling has the attributes of any, but no window. */
static bool is_global(const struct fw_cx *c, const struct fw_pool_form *form)
{
    for (unsigned i = 0; i < c->node->op->n_attrs && !form->global; i++)
        if (strcmp(c->node->op->attrs[i].name, "kernel_shape") == 0)
            return fw_attr_at(c, i)->n == 0;
    return true;
}

/* Whether a window lies in the padding as a whole. */
static bool meets_nothing(const struct fw_fast *f)
{
    bool any = false;
    for (unsigned k = 0; k < f->axes; k++) {
        int64_t extent = (f->kernel[k] - 1) * f->dilation[k] + 1;
        int64_t last = (f->y[k + 2] - 1) * f->stride[k];
        any = any || extent <= f->begin[k] || last >= f->x[k + 2] + f->begin[k];
    }
    return any;
}

/* With ceil_mode the last window may reach beyond the padding, and a mean counts only up to there,
 * which is no more than the window's size. */
static bool reaches_beyond(const struct fw_fast *f)
{
    bool any = false;
    for (unsigned k = 0; k < f->axes; k++) {
        int64_t end = (f->y[k + 2] - 1) * f->stride[k] + (f->kernel[k] - 1) * f->dilation[k] + 1;
        any = any || end > f->x[k + 2] + f->begin[k] + f->end[k];
    }
    return any;
}

static bool set_pool(struct fw_cx *c, struct fw_fast *f, const struct fw_tensor *x,
                     const struct fw_tensor *y)
{
    const struct fw_pool_form *form = c->node->op->family;
    struct fw_cx quiet = *c;
    struct fw_window w;
    quiet.err = NULL;
    if (!set_shape(f->x, x) || !set_shape(f->y, y) || fw_channels_last(c, form->last))
        return false;
    if (!is_global(c, form))
        return fw_pool_read(&quiet, &w) == FW_OK && set_window(f, &w) && !meets_nothing(f) &&
               !(f->with_padding && reaches_beyond(f));
    f->axes = x->rank - 2u;
    for (unsigned k = 0; k < f->axes; k++) {
        f->kernel[k] = f->x[k + 2];
        f->stride[k] = f->dilation[k] = 1;
    }
    return true;
}

bool fw_fast_max_pool(struct fw_cx *c, struct fw_fast *ret)
{
    fw_fast_start(ret, FW_FAST_MAX_POOL);
    ret->in[0] = 0;
    return set_pool(c, ret, fw_in(c, 0), fw_out(c, 0));
}

static bool includes_padding(const struct fw_cx *c)
{
    for (unsigned i = 0; i < c->node->op->n_attrs; i++)
        if (strcmp(c->node->op->attrs[i].name, "count_include_pad") == 0)
            return fw_attr_at(c, i)->i != 0;
    return false;
}

bool fw_fast_mean_pool(struct fw_cx *c, struct fw_fast *ret)
{
    fw_fast_start(ret, FW_FAST_MEAN_POOL);
    ret->in[0] = 0;
    ret->with_padding = includes_padding(c);
    return set_pool(c, ret, fw_in(c, 0), fw_out(c, 0));
}

/* (dY, indices, X): the window is that of the node that gave the indices. */
bool fw_fast_max_pool_dx(struct fw_cx *c, struct fw_fast *ret)
{
    fw_fast_start(ret, FW_FAST_MAX_POOL_DX);
    ret->in[0] = 0;
    ret->in[1] = 1;
    return set_shape(ret->x, fw_out(c, 0)) && set_shape(ret->y, fw_in(c, 0));
}

bool fw_fast_mean_pool_dx(struct fw_cx *c, struct fw_fast *ret) // (dY, X)
{
    fw_fast_start(ret, FW_FAST_MEAN_POOL_DX);
    ret->in[0] = 0;
    ret->with_padding = includes_padding(c);
    return set_pool(c, ret, fw_out(c, 0), fw_in(c, 0));
}

/* ---- batch normalisation ---- */

static bool set_norm(struct fw_cx *c, struct fw_fast *f, enum fw_fast_kind kind,
                     const struct fw_tensor *x)
{
    fw_fast_start(f, kind);
    if (!fw_fast_is_f32(x) || x->rank < 2 || x->rank > FW_FAST_AXES + 2)
        return false;
    for (unsigned i = 0; i < c->node->n_in; i++)
        if (!fw_fast_is_f32(fw_in(c, i)) ||
            (fw_in(c, i)->rank != x->rank && fw_in(c, i)->rank != 1))
            return false;
    f->axes = x->rank - 2u;
    for (unsigned k = 0; k < x->rank; k++)
        f->x[k] = x->dims[k].word;
    for (unsigned i = 0; i < c->node->n_in; i++)
        f->in[i] = (int8_t)i;
    return true;
}

bool fw_fast_norm(struct fw_cx *c, struct fw_fast *ret) // (x, scale, shift, mean, variance)
{
    if (!set_norm(c, ret, FW_FAST_NORM, fw_in(c, 0)) || c->node->n_out != 5)
        return false;
    ret->epsilon = fw_attr_at(c, 0)->f;
    ret->momentum = fw_attr_at(c, 1)->f;
    return true;
}

bool fw_fast_norm_given(struct fw_cx *c, struct fw_fast *ret)
{
    if (!set_norm(c, ret, FW_FAST_NORM_GIVEN, fw_in(c, 0)) || fw_attr_at(c, 2)->i != 0)
        return false;
    ret->epsilon = fw_attr_at(c, 0)->f;
    return true;
}

bool fw_fast_norm_sums(struct fw_cx *c, struct fw_fast *ret) // (dY, X, mean, inverse)
{
    return set_norm(c, ret, FW_FAST_NORM_SUMS, fw_in(c, 1)) && fw_in(c, 2)->rank == 1;
}

/* (dY, X, scale, mean, inverse, s1, s2) */
bool fw_fast_norm_dx(struct fw_cx *c, struct fw_fast *ret)
{
    return set_norm(c, ret, FW_FAST_NORM_DX, fw_in(c, 1)) && fw_in(c, 3)->rank == 1;
}
