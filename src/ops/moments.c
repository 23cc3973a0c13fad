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
    y->near = shared;
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
    double square = base->mean * base->mean, all = base->second - square;
    return all > 0 && pair > square ? fmin((pair - square) / all, 1) : 0;
}

void fw_moments_slope(const struct fw_moment_cx *m, const struct fw_moments *x, double *ret_square,
                      double *ret_pair)
{
    const struct fw_moments *base = &m->all[x->base];
    double spread = sqrt(base->second - base->mean * base->mean), d[FW_NORMAL_POINTS];
    *ret_square = *ret_pair = 1;
    if (x->curve == NULL || !(spread > 0))
        return;
    for (int i = 0; i < FW_NORMAL_POINTS; i++)
        d[i] = (x->curve[FW_CURVE_UP * FW_NORMAL_POINTS + i] -
                x->curve[FW_CURVE_DOWN * FW_NORMAL_POINTS + i]) /
               (2 * FW_CURVE_STEP * spread);
    *ret_square = fw_normal_square(m->normal, d);
    *ret_pair = fw_normal_pair(m->normal, d, fw_moments_correlation(base, base->far));
}

static const struct fw_attr *attr_named(const struct fw_moment_cx *m, const char *name)
{
    const struct fw_op *op = m->cx.node->op;
    for (unsigned i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, name) == 0)
            return fw_attr_at(&m->cx, i);
    return NULL;
}

static double epsilon_of(const struct fw_moment_cx *m)
{
    const struct fw_attr *a = attr_named(m, "epsilon");
    return a != NULL ? a->f : 0;
}

/* Elements of an output for each of an input. */
static double ratio(const struct fw_moment_cx *m, const struct fw_tensor *y,
                    const struct fw_tensor *x)
{
    double n = fw_moments_elements(m, x);
    return n > 0 ? fw_moments_elements(m, y) / n : 1;
}

static void give(struct fw_moments *x, double square, double pair)
{
    if (x != NULL) {
        x->grad += square;
        x->grad_shared += pair;
    }
}

static void keep_profile(const struct fw_moments *x, struct fw_moments *y)
{
    memcpy(y->profile, x->profile, sizeof y->profile);
}

static void keep_grad_profile(const struct fw_moments *y, struct fw_moments *x)
{
    memcpy(x->grad_profile, y->grad_profile, sizeof x->grad_profile);
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
        y->grad = y->grad_shared = y->grad_cross = 0;
        memset(y->grad_profile, 0, sizeof y->grad_profile);
        if (!whole) { // another part of it is another variable
            y->base = m->cx.node->out[i];
            y->curve = NULL;
        }
        if (fw_out(&m->cx, i)->rank != from->rank)
            memset(y->profile, 0, sizeof y->profile);
    }
    return true;
}

static void same_backward(struct fw_moment_cx *m)
{
    for (unsigned i = 0; i < m->cx.node->n_out; i++) {
        const struct fw_moments *y = fw_moments_out(m, i);
        double k = ratio(m, fw_out(&m->cx, i), fw_in(&m->cx, 0));
        if (y == NULL)
            continue;
        give(fw_moments_in(m, 0), k * y->grad, k * y->grad_shared);
        fw_moments_in(m, 0)->grad_cross += k * y->grad_cross;
        if (fw_out(&m->cx, i)->rank == fw_in(&m->cx, 0)->rank)
            keep_grad_profile(y, fw_moments_in(m, 0));
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

/* ---- sums and products of independent activations ---- */

/* The relative profile of a sum: that of its parts by their second moments. */
static void mix_profiles(struct fw_moment_cx *m, const struct fw_moments *a,
                         const struct fw_moments *b, double part, struct fw_moments *y)
{
    for (unsigned k = 0; k < FW_MOMENT_AXES; k++) {
        int64_t n = a->profile[k].at != NULL ? a->profile[k].n : b->profile[k].n;
        bool apart = a->profile[k].at != NULL && b->profile[k].at != NULL && b->profile[k].n != n;
        double *at = n > 0 && !apart ? fw_arena_array(m->arena, (size_t)n, sizeof *at) : NULL;
        y->profile[k] = (struct fw_profile){NULL, 0};
        if (at == NULL)
            continue;
        for (int64_t i = 0; i < n; i++)
            at[i] = part * (a->profile[k].at != NULL ? a->profile[k].at[i] : 1) +
                    (1 - part) * (b->profile[k].at != NULL ? b->profile[k].at[i] : 1);
        y->profile[k] = (struct fw_profile){at, n};
    }
}

static bool sum_forward(struct fw_moment_cx *m)
{
    struct fw_moments *y = fw_moments_out(m, 0);
    double mean = 0, second = 0, shared = 0, near = 0, far = 0;
    struct fw_moments so_far = {.known = true};
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue; // a bias, which is 0
        double before = second;
        second += x->second + 2 * mean * x->mean;
        shared += x->shared + 2 * mean * x->mean;
        near += x->near + 2 * mean * x->mean;
        far += x->far + 2 * mean * x->mean;
        mean += x->mean;
        mix_profiles(m, &so_far, x, second > 0 ? before / second : 0, y);
        keep_profile(y, &so_far);
    }
    struct fw_profile kept[FW_MOMENT_AXES];
    memcpy(kept, y->profile, sizeof kept);
    fw_moments_set(m, 0, mean, second, shared, far);
    y->near = near;
    memcpy(y->profile, kept, sizeof kept);
    return true;
}

static void sum_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        struct fw_moments *x = fw_moments_in(m, i);
        if (x == NULL || !x->known)
            continue;
        double k = ratio(m, fw_out(&m->cx, 0), fw_in(&m->cx, i));
        double own = y->second > y->far ? (x->second - x->far) / (y->second - y->far) : 0;
        give(x, k * y->grad, k * y->grad_shared);
        x->grad_cross += k * own * y->grad_cross;
        keep_grad_profile(y, x);
    }
}

const struct fw_moment_rule fw_moments_sum = {.pointwise = true,
                                              .forward = sum_forward,
                                              .backward = sum_backward,
                                              .assumption =
                                                  "parts of a sum are independent of each other"};

static bool product_forward(struct fw_moment_cx *m)
{
    double mean = 1, second = 1, shared = 1, far = 1;
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
        give(x, k * second * y->grad, k * shared * y->grad_shared);
    }
}

const struct fw_moment_rule fw_moments_product = {
    .pointwise = true,
    .ones = UINT32_MAX,
    .forward = product_forward,
    .backward = product_backward,
    .assumption = "factors of a product are independent of each other"};

/* ---- normalisation ---- */

/* (x - common)/sqrt(variance); taken: the square of what is taken away. */
static void divide(struct fw_moment_cx *m, double mean, double taken, double variance)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    double by = variance + epsilon_of(m);
    if (!(by > 0))
        by = 1;
    fw_moments_set(m, 0, mean / sqrt(by), (x->second - taken) / by, (x->shared - taken) / by,
                   (x->far - taken) / by);
    fw_moments_out(m, 0)->near = (x->near - taken) / by;
    keep_profile(x, fw_moments_out(m, 0));
}

/* The profile once a channel's mean is taken away: near the border a value has less in common with
 * that mean. */
static struct fw_profile without_mean(struct fw_moment_cx *m, const struct fw_moments *x,
                                      unsigned axis)
{
    const struct fw_profile *a = &x->profile[axis], *e = &x->tie[axis];
    double *at = a->n > 0 ? fw_arena_array(m->arena, (size_t)a->n, sizeof *at) : NULL;
    if (at == NULL || a->at == NULL || e->at == NULL || e->n != a->n || !(x->second > x->far))
        return *a;
    for (int64_t i = 0; i < a->n; i++)
        at[i] = (x->second * a->at[i] - 2 * x->far * e->at[i] + x->far) / (x->second - x->far);
    return (struct fw_profile){at, a->n};
}

/* Over the batch and all positions of a channel: what is common to them is taken away. */
static bool batch_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    divide(m, 0, x->far, x->second - x->far);
    for (unsigned k = 0; k < FW_MOMENT_AXES; k++)
        fw_moments_out(m, 0)->profile[k] = without_mean(m, x, k);
    return true;
}

/* dX = (dY - mean(dY) - h*mean(dY*h))/deviation, the means over n values of which all but
 * `examples` stand at other positions of the same example. */
static void batch_backward(struct fw_moment_cx *m)
{
    struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_moments *y = fw_moments_out(m, 0);
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    double by = x->second - x->far + epsilon_of(m);
    double channels = t->rank > 1 ? (double)t->dims[1].word : 1;
    double examples = t->rank > 0 ? (double)t->dims[0].word : 1;
    double n = fw_moments_elements(m, t) / channels, positions = n / examples;
    double common = (y->grad + (positions - 1) * y->grad_shared) / n; // of the mean, squared
    double inverse = n > 3 ? (n - 1) / (n - 3) : 1; // of a variance taken from n normal values
    double left = fmax((y->grad - common) * (1 - 1 / n) - y->grad_cross, 0) * inverse / by;
    give(x, left, fmax(y->grad_shared - common, 0) * inverse / by);
    keep_grad_profile(y, x);
}

enum { SCALE = 1u << 1 };
const struct fw_moment_rule fw_moments_batch = {
    .ones = SCALE,
    .forward = batch_forward,
    .backward = batch_backward,
    .assumption = "batch normalisation uses the statistics of the batch"};

static bool layer_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    double square = x->mean * x->mean;
    divide(m, 0, square, x->second - square);
    return true;
}

static void layer_backward(struct fw_moment_cx *m)
{
    struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_moments *y = fw_moments_out(m, 0);
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    double n = t->rank > 0 ? (double)t->dims[t->rank - 1].word : 1;
    double by = (x->second - x->mean * x->mean + epsilon_of(m)) / (n > 2 ? 1 - 2 / n : 1);
    give(x, y->grad / by, y->grad_shared / by);
}

const struct fw_moment_rule fw_moments_layer = {
    .ones = SCALE, .forward = layer_forward, .backward = layer_backward};

static bool rms_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    divide(m, x->mean, 0, x->second);
    return true;
}

static void rms_backward(struct fw_moment_cx *m)
{
    struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_moments *y = fw_moments_out(m, 0);
    double by = x->second + epsilon_of(m);
    give(x, y->grad / by, y->grad_shared / by);
}

const struct fw_moment_rule fw_moments_rms = {
    .ones = SCALE, .forward = rms_forward, .backward = rms_backward};

/* ---- dropout, concatenation, means ---- */

static double kept_share(struct fw_moment_cx *m)
{
    const struct fw_attr *a = attr_named(m, "ratio");
    double p = a != NULL && a->given ? a->f : 0.5; // the standard's default
    uint32_t n;
    const fw_dim *v = fw_has_in(&m->cx, 1) ? fw_in_value(&m->cx, 1, &n) : NULL;
    if (v != NULL && n == 1)
        p = fw_count_to_double(m->cx.sym, fw_count_of(v[0]));
    return p < 1 ? 1 - p : 1;
}

static bool dropout_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    struct fw_moments *y = fw_moments_out(m, 0);
    fw_moments_set(m, 0, x->mean, x->second / kept_share(m), x->shared, x->far);
    y->unit_mean = x->unit_mean;
    y->unit_second = x->unit_second;
    y->function = x->function;
    keep_profile(x, y);
    return true;
}

static void dropout_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    give(fw_moments_in(m, 0), y->grad / kept_share(m), y->grad_shared);
    keep_grad_profile(y, fw_moments_in(m, 0));
}

const struct fw_moment_rule fw_moments_dropout = {.forward = dropout_forward,
                                                  .backward = dropout_backward};

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
    fw_moments_set(m, 0, mean, second, shared, far);
    struct fw_moments *y = fw_moments_out(m, 0);
    y->unit_mean = unit_mean;
    y->unit_second = unit_second;
    y->function = function;
    keep_profile(fw_moments_in(m, m->cx.node->n_in - 1u), y);
    return true;
}

static void concat_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    for (unsigned i = 0; i < m->cx.node->n_in; i++) {
        give(fw_moments_in(m, i), y->grad, y->grad_shared);
        if (fw_has_in(&m->cx, i))
            keep_grad_profile(y, fw_moments_in(m, i));
    }
}

const struct fw_moment_rule fw_moments_concat = {.forward = concat_forward,
                                                 .backward = concat_backward};

/* The mean over k positions. */
static bool mean_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    double k = ratio(m, fw_in(&m->cx, 0), fw_out(&m->cx, 0));
    fw_moments_set(m, 0, x->mean, x->second / k + x->far * (1 - 1 / k), x->far, x->far);
    return true;
}

static void mean_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    double k = ratio(m, fw_in(&m->cx, 0), fw_out(&m->cx, 0));
    give(fw_moments_in(m, 0), y->grad / (k * k), y->grad / (k * k)); // the same at all of them
}

const struct fw_moment_rule fw_moments_mean = {
    .forward = mean_forward,
    .backward = mean_backward,
    .assumption = "a mean is taken over positions, not over channels"};

/* ---- tables and softmax ---- */

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

/* exp(x_i)/sum, x_i normal: the sum of many is close to its mean. */
static bool softmax_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    const struct fw_attr *axis = attr_named(m, "axis");
    unsigned k;
    if (t->rank == 0 || fw_norm_axis(&m->cx, axis != NULL ? axis->i : -1, t->rank, &k) != FW_OK ||
        t->dims[k].word <= 0)
        return false;
    double n = (double)t->dims[k].word, variance = x->second - x->mean * x->mean;
    double second = fmin(exp(variance) / (n * n), 1 / n);
    fw_moments_set(m, 0, 1 / n, second, 1 / (n * n), 1 / (n * n));
    return true;
}

static void softmax_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    give(fw_moments_in(m, 0), y->grad * y->second, 0);
}

const struct fw_moment_rule fw_moments_softmax = {
    .forward = softmax_forward,
    .backward = softmax_backward,
    .assumption = "what softmax joins are many normal values of the same variance"};
