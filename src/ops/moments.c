/* Rules for means and squares that several families share; see moments.h. */
#include "ops/moments.h"

#include <math.h>
#include <string.h>

/* ---- helpers ---- */

struct fw_moments *fw_moments_in(const struct fw_moment_cx *m, unsigned i)
{
    return fw_has_in(&m->cx, i) ? &m->all[m->cx.node->in[i]] : NULL;
}

struct fw_moments *fw_moments_out(const struct fw_moment_cx *m, unsigned i)
{
    return fw_has_out(&m->cx, i) ? &m->all[m->cx.node->out[i]] : NULL;
}

void fw_moments_set(struct fw_moment_cx *m, unsigned i, double mean, double second, double shared,
                    double far)
{
    struct fw_moments *y = fw_moments_out(m, i);
    if (y == NULL)
        return;
    y->known = true;
    y->mean = mean;
    y->second = second;
    y->shared = shared;
    y->far = far;
    y->base = m->cx.node->out[i];
    y->unit_second = 1;
}

double fw_moments_elements(const struct fw_moment_cx *m, const struct fw_tensor *t)
{
    fw_count n = t != NULL ? fw_tensor_elements(m->cx.g, t) : fw_count_int(0);
    return fw_count_is_const(n) && n.word > 0 ? (double)n.word : 0;
}

double fw_moments_correlation(const struct fw_moments *base, double pair)
{
    double scale = fw_moments_scale(base, base->second);
    return fmax(fw_moments_tie(base, pair, scale * scale), 0);
}

void fw_moments_slope(const struct fw_moment_cx *m, const struct fw_moments *x, double *ret_square,
                      double *ret_pair)
{
    const struct fw_moments *base = &m->all[x->base];
    double spread = fw_moments_scale(base, base->second), d[FW_NORMAL_POINTS];
    *ret_square = *ret_pair = 1;
    if (x->curve == NULL || !(spread > 0))
        return;
    fw_moments_curve_at(m, x, FW_OF_SLOPE, spread, d);
    *ret_square = fw_normal_square(m->normal, d);
    *ret_pair = fw_normal_pair(m->normal, d, fw_moments_correlation(base, base->far));
}

const struct fw_attr *fw_moments_attr(const struct fw_moment_cx *m, const char *name)
{
    const struct fw_op *op = m->cx.node->op;
    for (unsigned i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, name) == 0)
            return fw_attr_at(&m->cx, i);
    return NULL;
}

/* Elements of an output for each of an input. */
static double ratio(const struct fw_moment_cx *m, const struct fw_tensor *y,
                    const struct fw_tensor *x)
{
    double n = fw_moments_elements(m, x);
    return n > 0 ? fw_moments_elements(m, y) / n : 1;
}

bool fw_has_positions(const struct fw_tensor *t, const struct fw_pairs *p)
{
    for (unsigned k = 0; p != NULL && k < p->n; k++)
        if (p->dim[k] >= t->rank || t->dims[p->dim[k]].word != p->axis[k]->n)
            return false;
    return p != NULL;
}

/* Passes the gradient of y, if it has moments, on to x as it is, `by` times. */
static void give_on(struct fw_moment_cx *m, const struct fw_moments *y, const struct fw_tensor *t,
                    double by, struct fw_moments *x)
{
    if (x == NULL || y == NULL)
        return;
    const double had[2] = {x->grad, x->grad_shared};
    if (by == 1 && fw_has_positions(t, y->grad_bend))
        fw_moments_give_bend(m, x, y->grad_bend);
    if (by == 1 && fw_has_positions(t, y->grad_pairs))
        fw_moments_give_pairs(m, x, y->grad_pairs);
    else
        fw_moments_give(x, by * y->grad, by * y->grad_shared);
    if (by == 1 && y->base == x->base && y->grad_along[0] != NULL)
        fw_moments_tilt_same(m, x, had, y);
}

/* ---- moved values ---- */

static bool same_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_tensor *from = fw_in(&m->cx, 0);
    for (unsigned i = 0; i < m->cx.node->n_out; i++) {
        struct fw_moments *y = fw_moments_out(m, i);
        if (y == NULL)
            continue;
        bool whole = ratio(m, fw_out(&m->cx, i), from) == 1;
        *y = *x;
        y->grad = y->grad_shared = 0;
        y->grad_pairs = y->grad_bend = NULL;
        y->grad_along[0] = y->grad_along[1] = NULL;
        if (!whole) { // another part of it is another variable
            y->base = m->cx.node->out[i];
            y->curve = NULL;
        }
        if (!fw_has_positions(fw_out(&m->cx, i), x->pairs))
            y->pairs = NULL;
    }
    return true;
}

static void same_backward(struct fw_moment_cx *m)
{
    for (unsigned i = 0; i < m->cx.node->n_out; i++) {
        const struct fw_moments *y = fw_moments_out(m, i);
        double k = ratio(m, fw_out(&m->cx, i), fw_in(&m->cx, 0));
        give_on(m, y, fw_in(&m->cx, 0), k, fw_moments_in(m, 0));
    }
}

const struct fw_moment_rule fw_moments_same = {.forward = same_forward, .backward = same_backward};

/* ---- functions of one value: the pass works them out itself ---- */

static bool no_forward(struct fw_moment_cx *m)
{
    (void)m;
    return false;
}

static void no_backward(struct fw_moment_cx *m)
{
    (void)m;
}

const struct fw_moment_rule fw_moments_pointwise = {
    .pointwise = true, .forward = no_forward, .backward = no_backward};

const struct fw_moment_rule fw_moments_biased = {
    .pointwise = true, .starts = true, .forward = no_forward, .backward = no_backward};

const struct fw_moment_rule fw_moments_slopes = {.pointwise = true,
                                                 .starts = true,
                                                 .start = 0.25,
                                                 .forward = no_forward,
                                                 .backward = no_backward,
                                                 .assumption = "slopes of PRelu start at 0.25"};

/* ---- sums and products of independent activations ---- */

/* Input i in the positions of the output; one value for all of them where it is broadcast. */
static const struct fw_pairs *operand(struct fw_moment_cx *m, unsigned i,
                                      const struct fw_pairs *layout)
{
    const struct fw_moments *x = fw_moments_in(m, i);
    if (ratio(m, fw_out(&m->cx, 0), fw_in(&m->cx, i)) == 1)
        return fw_moments_in_layout(m, x, layout);
    struct fw_moments even = {.second = x->second, .far = x->second, .shared = x->shared};
    return fw_moments_in_layout(m, &even, layout);
}

/* The positions that an input has in common with the output; NULL: none. */
static const struct fw_pairs *common_layout(struct fw_moment_cx *m)
{
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known || ratio(m, fw_out(&m->cx, 0), fw_in(&m->cx, i)) != 1)
            continue;
        const struct fw_pairs *p = x->pairs != NULL ? x->pairs : m->all[x->base].pairs;
        if (fw_has_positions(fw_out(&m->cx, 0), p))
            return p;
    }
    return NULL;
}

static bool is_difference(const struct fw_moment_cx *m)
{
    return m->cx.node->op->moments == &fw_moments_difference;
}

static double signed_mean(const struct fw_moment_cx *m, unsigned i)
{
    double mean = fw_moments_in(m, i)->mean;
    return is_difference(m) && i > 0 ? -mean : mean;
}

/* A sum of parts that are not all normal is not normal itself. */
static bool shape_sum(struct fw_moment_cx *m)
{
    enum { MOST = 16 };
    const struct fw_moments *parts[MOST];
    unsigned n = 0;
    bool normal = true;
    for (unsigned i = 0; i < m->cx.node->n_in && n < MOST; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue;
        normal = normal && x->curve == NULL && m->all[x->base].shape == NULL;
        parts[n++] = x;
    }
    return normal || is_difference(m) || fw_moments_shape(m, parts, n, fw_moments_out(m, 0));
}

/* Adds (or multiplies) the inputs position by position. */
static bool combine(struct fw_moment_cx *m, const struct fw_pairs *layout, bool multiply)
{
    struct fw_pairs *p = fw_pairs_new(m->arena, layout->n, layout->axis, layout->dim, 2);
    double mean = multiply ? 1 : 0;
    for (unsigned set = 0; p != NULL && multiply && set < 2; set++)
        for (size_t k = 0; k < p->size; k++)
            p->at[set][k] = 1;
    for (unsigned i = 0; p != NULL && i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        const struct fw_pairs *from = x != NULL && x->known ? operand(m, i, layout) : NULL;
        if (from == NULL)
            continue; // a bias, which is 0, or a scale, which is 1
        double part = signed_mean(m, i);
        for (unsigned set = 0; set < 2; set++)
            for (size_t k = 0; k < p->size; k++)
                if (multiply)
                    p->at[set][k] *= from->at[set][k];
                else
                    p->at[set][k] += from->at[set][k] + (float)(2 * mean * part);
        mean = multiply ? mean * x->mean : mean + part;
    }
    if (p != NULL)
        fw_moments_set_pairs(m, 0, mean, p);
    return p != NULL && (multiply || shape_sum(m));
}

static bool sum_forward(struct fw_moment_cx *m)
{
    const struct fw_pairs *layout = common_layout(m);
    double mean = 0, second = 0, shared = 0, far = 0;
    if (layout != NULL)
        return combine(m, layout, false);
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue; // a bias, which is 0
        double part = signed_mean(m, i);
        second += x->second + 2 * mean * part;
        shared += x->shared + 2 * mean * part;
        far += x->far + 2 * mean * part;
        mean += part;
    }
    fw_moments_set(m, 0, mean, second, shared, far);
    return shape_sum(m);
}

/* Whether it matters to what made it how the gradient goes along with its values. */
static bool hands_on(const struct fw_moment_cx *m, uint32_t tensor)
{
    uint32_t producer = m->cx.g->tensors[tensor].producer;
    const struct fw_moment_rule *rule =
        producer != FW_NONE ? m->cx.g->nodes[producer].op->moments : NULL;
    return producer != FW_NONE && (rule == NULL || rule->pointwise || rule == &fw_moments_same);
}

static void sum_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue;
        double k = ratio(m, fw_out(&m->cx, 0), fw_in(&m->cx, i)), along[2][FW_NORMAL_POINTS];
        const double had[2] = {x->grad, x->grad_shared};
        give_on(m, y, fw_in(&m->cx, i), k, x);
        if (k != 1 || y->grad_along[0] == NULL || y->base != m->cx.node->out[0] ||
            is_difference(m) || !hands_on(m, m->cx.node->in[i]))
            continue;
        fw_moments_along_part(m, y, i, along);
        fw_moments_tilt(m, x, had, along);
    }
}

#define SUM \
    "parts of a sum are independent of each other; stored ones that are added (masks) are left out"
const struct fw_moment_rule fw_moments_sum = {.pointwise = true,
                                              .starts = true,
                                              .masks = true,
                                              .forward = sum_forward,
                                              .backward = sum_backward,
                                              .assumption = SUM};
const struct fw_moment_rule fw_moments_difference = {.pointwise = true,
                                                     .starts = true,
                                                     .masks = true,
                                                     .forward = sum_forward,
                                                     .backward = sum_backward,
                                                     .assumption = SUM};

static bool product_forward(struct fw_moment_cx *m)
{
    const struct fw_pairs *layout = common_layout(m);
    double mean = 1, second = 1, shared = 1, far = 1;
    if (layout != NULL)
        return combine(m, layout, true);
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue; // a scale, which is 1
        mean *= x->mean;
        second *= x->second;
        shared *= x->shared;
        far *= x->far;
    }
    fw_moments_set(m, 0, mean, second, shared, far);
    return true;
}

static void product_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue;
        double second = 1, shared = 1;
        for (unsigned k = 0; k < m->cx.node->n_in; k++) {
            const struct fw_moments *other = fw_moments_in(m, k);
            if (k != i && other != NULL && other->known) {
                second *= other->second;
                shared *= other->shared;
            }
        }
        double k = ratio(m, fw_out(&m->cx, 0), fw_in(&m->cx, i));
        fw_moments_give(x, k * second * y->grad, k * shared * y->grad_shared);
    }
}

const struct fw_moment_rule fw_moments_product = {
    .pointwise = true,
    .starts = true,
    .start = 1,
    .forward = product_forward,
    .backward = product_backward,
    .assumption = "factors of a product are independent of each other"};

/* ---- dropout, concatenation, means ---- */

static double kept_share(struct fw_moment_cx *m)
{
    const struct fw_attr *a = fw_moments_attr(m, "ratio");
    double p = a != NULL && a->given ? a->f : 0.5; // the standard's default
    uint32_t n;
    const fw_dim *v = fw_has_in(&m->cx, 1) ? fw_in_value(&m->cx, 1, &n) : NULL;
    if (v != NULL && n == 1)
        p = fw_count_to_double(m->cx.sym, fw_count_of(v[0]));
    return p < 1 ? 1 - p : 1;
}

/* p with its values at the same position divided by `by`, in arena. */
static struct fw_pairs *thinned(struct fw_arena *arena, const struct fw_pairs *p, double by,
                                unsigned sets)
{
    struct fw_pairs *to = p != NULL ? fw_pairs_new(arena, p->n, p->axis, p->dim, sets) : NULL;
    for (unsigned set = 0; to != NULL && set < sets; set++)
        memcpy(to->at[set], p->at[set], p->size * sizeof *p->at[set]);
    for (size_t i = 0; to != NULL && i < p->positions; i++)
        to->at[0][fw_pair_same(p, i)] /= (float)by;
    return to;
}

static bool dropout_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    struct fw_moments *y = fw_moments_out(m, 0);
    struct fw_pairs *p = thinned(m->arena, fw_moments_pairs(m, x), kept_share(m), 2);
    if (p != NULL)
        fw_moments_set_pairs(m, 0, x->mean, p);
    else
        fw_moments_set(m, 0, x->mean, x->second / kept_share(m), x->shared, x->far);
    y->unit_mean = x->unit_mean;
    y->unit_second = x->unit_second;
    y->function = x->function;
    return true;
}

static void dropout_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    struct fw_pairs *g = thinned(m->scratch, y->grad_pairs, kept_share(m), 1);
    if (g != NULL)
        fw_moments_give_pairs(m, fw_moments_in(m, 0), g);
    else
        fw_moments_give(fw_moments_in(m, 0), y->grad / kept_share(m), y->grad_shared);
}

const struct fw_moment_rule fw_moments_dropout = {.forward = dropout_forward,
                                                  .backward = dropout_backward};

/* Where channels are joined: the mean over the inputs by their number of elements; else NULL. */
static struct fw_pairs *joined_channels(struct fw_moment_cx *m, double all)
{
    const struct fw_moments *first = fw_moments_in(m, 0);
    if (first == NULL || !first->known)
        return NULL;
    const struct fw_pairs *layout = first->pairs != NULL ? first->pairs : m->all[first->base].pairs;
    if (!fw_has_positions(fw_out(&m->cx, 0), layout))
        return NULL;
    struct fw_pairs *to = fw_pairs_new(m->arena, layout->n, layout->axis, layout->dim, 2);
    for (unsigned i = 0; to != NULL && i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        const struct fw_tensor *t = fw_in(&m->cx, i);
        float part = (float)(fw_moments_elements(m, t) / all);
        const struct fw_pairs *from =
            x != NULL && x->known ? fw_moments_in_layout(m, x, layout) : NULL;
        if (!fw_has_positions(t, layout))
            return NULL;
        for (unsigned set = 0; from != NULL && set < 2; set++)
            for (size_t k = 0; k < to->size; k++)
                to->at[set][k] += part * from->at[set][k];
    }
    return to;
}

static bool concat_forward(struct fw_moment_cx *m)
{
    double all = fw_moments_elements(m, fw_out(&m->cx, 0)), mean = 0, second = 0, shared = 0;
    double far = 0, unit_mean = 0, unit_second = 0;
    const char *function = NULL;
    if (all <= 0)
        return false;
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        double part = fw_moments_elements(m, fw_in(&m->cx, i)) / all;
        if (x == NULL || !x->known)
            continue; // stored values that start at 0
        mean += part * x->mean;
        second += part * x->second;
        shared += part * x->shared;
        far += part * x->far;
        unit_mean += part * x->unit_mean;
        unit_second += part * x->unit_second;
        function = x->function;
    }
    struct fw_pairs *p = joined_channels(m, all);
    if (p != NULL)
        fw_moments_set_pairs(m, 0, mean, p);
    else
        fw_moments_set(m, 0, mean, second, shared, far);
    struct fw_moments *y = fw_moments_out(m, 0);
    y->unit_mean = unit_mean;
    y->unit_second = unit_second;
    y->function = function;
    return true;
}

static void concat_backward(struct fw_moment_cx *m)
{
    for (unsigned i = 0; i < m->cx.node->n_in; i++)
        give_on(m, fw_moments_out(m, 0), fw_in(&m->cx, i), 1, fw_moments_in(m, i));
}

const struct fw_moment_rule fw_moments_concat = {.forward = concat_forward,
                                                 .backward = concat_backward};

/* A reduction over the last axis alone of what is not followed by positions: over channels. */
static bool is_over_channels(struct fw_moment_cx *m)
{
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    int64_t axes[FW_MAX_RANK];
    uint32_t n;
    unsigned axis;
    bool known;
    return m->cx.node->op->moments == &fw_moments_mean && t->rank > 1 &&
           fw_moments_pairs(m, fw_moments_in(m, 0)) == NULL &&
           fw_int_list(&m->cx, 1, -1, axes, FW_MAX_RANK, &n, &known) == FW_OK && known && n == 1 &&
           fw_norm_axis(&m->cx, axes[0], t->rank, &axis) == FW_OK && axis + 1u == t->rank;
}

/* The mean over k positions: all that are followed, or any. */
static bool mean_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_pairs *p = fw_moments_pairs(m, x);
    double k = ratio(m, fw_in(&m->cx, 0), fw_out(&m->cx, 0)), positions = 1;
    if (is_over_channels(m)) { // which are independent of each other
        double rest = x->mean * x->mean * (1 - 1 / k);
        fw_moments_set(m, 0, x->mean, x->second / k + rest, x->shared / k + rest,
                       x->far / k + rest);
        return true;
    }
    for (unsigned a = 0; p != NULL && a < p->n; a++)
        positions *= (double)p->axis[a]->n;
    if (p != NULL && k == positions) {
        double one = fw_pairs_mean(p, p->at[0]);
        fw_moments_set(m, 0, x->mean, one, fw_pairs_mean(p, p->at[1]), one);
    } else {
        fw_moments_set(m, 0, x->mean, x->second / k + x->far * (1 - 1 / k), x->far, x->far);
    }
    return true;
}

static void mean_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    double k = ratio(m, fw_in(&m->cx, 0), fw_out(&m->cx, 0));
    double same = is_over_channels(m) ? y->grad_shared : y->grad; // at all positions
    fw_moments_give(fw_moments_in(m, 0), y->grad / (k * k), same / (k * k));
}

const struct fw_moment_rule fw_moments_mean = {
    .forward = mean_forward,
    .backward = mean_backward,
    .assumption = "means over the last axis alone are over channels, others over positions"};

/* ---- tables ---- */

/* Rows of an embedding are standard normal. */
static bool table_forward(struct fw_moment_cx *m)
{
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    if (t->kind != FW_KIND_PARAM)
        return fw_moments_in(m, 0)->known && same_forward(m);
    fw_moments_set(m, 0, 0, 1, 0, 0);
    return true;
}

static void table_backward(struct fw_moment_cx *m)
{
    if (fw_in(&m->cx, 0)->kind != FW_KIND_PARAM)
        same_backward(m);
}

const struct fw_moment_rule fw_moments_table = {.forward = table_forward,
                                                .backward = table_backward,
                                                .assumption = "embeddings are standard normal"};
