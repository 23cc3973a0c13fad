/* Rules for layers with weights and for windows.
 *
 * A layer's output is a sum of independent products: its second moment is the weight's variance
 * times the sum of its inputs' second moments. On padding there is no input, so along each axis of
 * a window the sum is taken tap by tap, and the profile of the moments along the axis follows. */
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/moments.h"
#include "ops/pool.h"

#include <math.h>
#include <string.h>

/* ---- along one axis ---- */

/* Taps that a position has on average, each weighed with the moments there; and those that two
 * distant positions have in common. */
struct taps {
    double one, both;
};

/* One axis of a window, walked from its inputs (gather) or from the outputs whose windows hold
 * them. */
struct axis {
    const struct fw_window *w;
    unsigned k;
    bool gather;
    int64_t n_in, n_out, n; // n positions that are walked to
    const double *from;     // moments along the other side; NULL: even
};

/* The input that tap t of window o sees, or -1 for padding. */
static int64_t seen_at(const struct axis *a, int64_t o, int64_t t)
{
    const struct fw_window *w = a->w;
    int64_t i = o * w->stride[a->k] - w->begin[a->k].word + t * w->dilation[a->k];
    return i < a->n_in ? i : -1;
}

static double moment_at(const struct axis *a, int64_t i, int64_t o)
{
    return a->from == NULL ? 1 : a->from[a->gather ? i : o];
}

/* What a position has of tap t on average. */
static double mean_of_tap(const struct axis *a, int64_t t)
{
    double sum = 0;
    for (int64_t o = 0; o < a->n_out; o++) {
        int64_t i = seen_at(a, o, t);
        sum += i < 0 ? 0 : sqrt(moment_at(a, i, o));
    }
    return sum / (double)a->n;
}

static void spread_tap(const struct axis *a, int64_t t, double mean, double *sum, double *common)
{
    for (int64_t o = 0; o < a->n_out; o++) {
        int64_t i = seen_at(a, o, t), at = a->gather ? o : i;
        if (i < 0)
            continue;
        sum[at] += moment_at(a, i, o);
        common[at] += sqrt(moment_at(a, i, o)) * mean;
    }
}

/* tie: the profile of what a position has in common with the others. */
static struct taps along(struct fw_moment_cx *m, const struct fw_window *w, unsigned k, bool gather,
                         const struct fw_profile *from, struct fw_profile *ret,
                         struct fw_profile *tie)
{
    int64_t n_in = (w->transposed ? w->out : w->in)[k].word;
    int64_t n_out = (w->transposed ? w->in : w->out)[k].word;
    struct axis a = {w, k, gather, n_in, n_out, gather ? n_out : n_in, NULL};
    double *sum = fw_arena_zalloc(m->arena, (size_t)a.n * sizeof *sum);
    double *common = fw_arena_zalloc(m->arena, (size_t)a.n * sizeof *common);
    struct taps taps = {0, 0};
    *ret = *tie = (struct fw_profile){NULL, 0};
    if (sum == NULL || common == NULL)
        return taps;
    if (from->n == (gather ? n_in : n_out))
        a.from = from->at;
    for (int64_t t = 0; t < w->kernel[k].word; t++) {
        double mean = mean_of_tap(&a, t);
        taps.both += mean * mean;
        spread_tap(&a, t, mean, sum, common);
    }
    for (int64_t i = 0; i < a.n; i++)
        taps.one += sum[i] / (double)a.n;
    for (int64_t i = 0; i < a.n; i++) {
        sum[i] = taps.one > 0 ? sum[i] / taps.one : 1;
        common[i] = taps.both > 0 ? common[i] / taps.both : 1;
    }
    *ret = (struct fw_profile){sum, a.n};
    *tie = (struct fw_profile){common, a.n};
    return taps;
}

static bool is_known(const struct fw_window *w)
{
    for (unsigned k = 0; k < w->n; k++)
        if (w->in[k].word <= 0 || w->out[k].word <= 0 || w->kernel[k].word <= 0 ||
            w->begin[k].word < 0)
            return false;
    return w->n <= FW_MOMENT_AXES;
}

/* The product over the axes. gather: towards the output of the window. */
static struct taps over_axes(struct fw_moment_cx *m, const struct fw_window *w, bool gather,
                             const struct fw_profile *from, struct fw_profile *ret,
                             struct fw_profile *tie)
{
    struct taps all = {1, 1};
    for (unsigned k = 0; k < w->n; k++) {
        struct taps taps = along(m, w, k, gather, &from[k], &ret[k], &tie[k]);
        all.one *= taps.one;
        all.both *= taps.both;
    }
    return all;
}

static double gain_of(const struct fw_moments *x)
{
    return x->unit_second > 0 ? 1 / sqrt(x->unit_second) : 1;
}

/* ---- convolution ---- */

/* Of a transposed convolution the window's input is the layer's output. */
static bool read_conv(struct fw_moment_cx *m, struct fw_conv *v)
{
    if (fw_conv_read(&m->cx, v) != FW_OK || !is_known(&v->window) || v->weight_in.word <= 0 ||
        v->weight_out.word <= 0 || v->channels_out.word <= 0)
        return false;
    double taps = 1, channels_in, channels_out;
    for (unsigned k = 0; k < v->window.n; k++)
        taps *= (double)v->window.kernel[k].word;
    bool turned = v->window.transposed;
    channels_in = (double)(turned ? v->weight_out.word : v->weight_in.word);
    channels_out = (double)(turned ? v->weight_in.word : v->weight_out.word);
    m->fans = (struct fw_fans){channels_in * taps, channels_out * taps, (double)v->weight_out.word,
                               (double)v->weight_in.word * taps};
    return true;
}

static const struct fw_conv_form *form_of(const struct fw_moment_cx *m)
{
    return m->cx.node->op->family;
}

static bool steps_by_one(const struct fw_window *w)
{
    for (unsigned k = 0; k < w->n; k++)
        if (w->stride[k] != 1)
            return false;
    return true;
}

static bool conv_forward(struct fw_moment_cx *m)
{
    struct fw_conv v;
    struct fw_profile profile[FW_MOMENT_AXES] = {{NULL, 0}}, tie[FW_MOMENT_AXES] = {{NULL, 0}};
    const struct fw_moments *x = fw_moments_in(m, form_of(m)->x);
    if (!read_conv(m, &v) || !x->known)
        return false;
    bool turned = v.window.transposed;
    double groups = turned ? (double)v.channels_out.word / (double)v.weight_in.word : 1;
    double channels = m->fans.in / (m->fans.columns / (double)v.weight_in.word) / groups;
    m->weight = m->variance(m, &m->fans, gain_of(x));
    struct taps taps = over_axes(m, &v.window, !turned, x->profile, profile, tie);
    double each = channels * m->weight;
    fw_moments_set(m, 0, 0, each * taps.one * x->second, each * taps.one * x->shared,
                   each * taps.both * x->far);
    struct fw_moments *y = fw_moments_out(m, 0);
    memcpy(y->profile, profile, sizeof profile);
    memcpy(y->tie, tie, sizeof tie);
    if (steps_by_one(&v.window))
        y->near = each * taps.one * x->near;
    return true;
}

static void conv_backward(struct fw_moment_cx *m)
{
    struct fw_conv v;
    struct fw_profile unused[FW_MOMENT_AXES];
    struct fw_moments *x = fw_moments_in(m, form_of(m)->x);
    const struct fw_moments *y = fw_moments_out(m, 0);
    if (!read_conv(m, &v) || x == NULL)
        return;
    bool turned = v.window.transposed;
    const struct fw_tensor *t = fw_in(&m->cx, form_of(m)->x);
    double channels_x = (double)t->dims[fw_channel_axis(v.last, t->rank)].word;
    double groups = turned ? (double)v.channels_out.word / (double)v.weight_in.word
                           : channels_x / (double)v.weight_in.word;
    double channels =
        (double)(turned ? v.weight_in.word : v.weight_out.word) / (turned ? 1 : groups);
    m->weight = m->variance(m, &m->fans, gain_of(x));
    struct taps taps = over_axes(m, &v.window, turned, y->grad_profile, x->grad_profile, unused);
    double each = channels * m->weight;
    x->grad += each * taps.one * y->grad;
    x->grad_shared += each * taps.both * y->grad_shared;
}

const struct fw_moment_rule fw_moments_conv = {
    .layer = true, .forward = conv_forward, .backward = conv_backward};

/* ---- products of matrices ---- */

struct sides {
    unsigned weight, x; // inputs
    double k, n;        // inner dimension; columns that the weight makes
    bool stored;        // false: both are activations
    double scale;       // alpha, squared
};

static bool read_sides(struct fw_moment_cx *m, unsigned trans_a, unsigned trans_b, bool with_flags,
                       struct sides *s)
{
    const struct fw_tensor *a = fw_in(&m->cx, 0), *b = fw_in(&m->cx, 1);
    bool ta = with_flags && fw_attr_at(&m->cx, trans_a)->i != 0;
    bool tb = with_flags && fw_attr_at(&m->cx, trans_b)->i != 0;
    double alpha = with_flags ? fw_attr_at(&m->cx, 0)->f : 1;
    if (a->rank < 2 || b->rank < 2)
        return false;
    bool stored_b = (b->flags & FW_TENSOR_WEIGHT_SIDE) != 0;
    bool stored_a = !stored_b && (a->flags & FW_TENSOR_WEIGHT_SIDE) != 0;
    fw_dim k = a->dims[a->rank - (ta ? 2u : 1u)], rows = a->dims[a->rank - (ta ? 1u : 2u)];
    fw_dim columns = b->dims[b->rank - (tb ? 2u : 1u)];
    *s = (struct sides){.weight = stored_a ? 0 : 1,
                        .x = stored_a ? 1 : 0,
                        .k = (double)k.word,
                        .n = (double)(stored_a ? rows : columns).word,
                        .stored = stored_a || stored_b,
                        .scale = alpha * alpha};
    m->fans = (struct fw_fans){s->k, s->n, s->n, s->k};
    return k.word > 0 && rows.word > 0 && columns.word > 0;
}

/* Both are activations. Where the first one's mean is not 0 (what softmax gives) it weighs
 * positions of the second, which are tied to each other. */
static bool both_forward(struct fw_moment_cx *m, const struct sides *s)
{
    const struct fw_moments *a = fw_moments_in(m, 0), *b = fw_moments_in(m, 1);
    if (!a->known || !b->known)
        return false;
    double square = a->mean * a->mean;
    double pairs = s->k * (s->k - 1) * square * b->shared;
    double shared = a->mean == 0 ? s->k * a->shared * b->shared : s->k * square * b->second + pairs;
    fw_moments_set(m, 0, s->k * a->mean * b->mean,
                   s->scale * (s->k * a->second * b->second + pairs), s->scale * shared,
                   s->scale * shared);
    return true;
}

static void both_backward(struct fw_moment_cx *m, const struct sides *s)
{
    struct fw_moments *a = fw_moments_in(m, 0), *b = fw_moments_in(m, 1);
    const struct fw_moments *y = fw_moments_out(m, 0);
    const struct fw_tensor *t = fw_out(&m->cx, 0);
    double rows = (double)t->dims[t->rank - 2].word, square = a->mean * a->mean;
    a->grad += s->scale * s->n * y->grad * b->second;
    b->grad +=
        s->scale * (rows * y->grad * a->second + rows * (rows - 1) * y->grad_shared * square);
    b->grad_shared += s->scale * rows * square * (y->grad + (rows - 1) * y->grad_shared);
}

static bool product_forward(struct fw_moment_cx *m, const struct sides *s)
{
    const struct fw_moments *x = fw_moments_in(m, s->x);
    if (!s->stored)
        return both_forward(m, s);
    if (!x->known)
        return false;
    m->weight = m->variance(m, &m->fans, gain_of(x));
    double sum = s->scale * s->k * m->weight;
    fw_moments_set(m, 0, 0, sum * x->second, sum * x->shared, sum * x->far);
    return true;
}

static void product_backward(struct fw_moment_cx *m, const struct sides *s)
{
    struct fw_moments *x = fw_moments_in(m, s->x);
    const struct fw_moments *y = fw_moments_out(m, 0);
    if (!s->stored) {
        both_backward(m, s);
        return;
    }
    double sum = s->scale * s->n * m->variance(m, &m->fans, gain_of(x));
    x->grad += sum * y->grad;
    x->grad_shared += sum * y->grad_shared;
}

static bool matmul_sides(struct fw_moment_cx *m, struct sides *s)
{
    return read_sides(m, FW_MATMUL_TRANS_A, FW_MATMUL_TRANS_B, m->cx.node->op->n_attrs > 0, s);
}

static bool matmul_forward(struct fw_moment_cx *m)
{
    struct sides s;
    return matmul_sides(m, &s) && product_forward(m, &s);
}

static void matmul_backward(struct fw_moment_cx *m)
{
    struct sides s;
    if (matmul_sides(m, &s))
        product_backward(m, &s);
}

enum { GEMM_TRANS_A = 1, GEMM_TRANS_B };

static bool gemm_forward(struct fw_moment_cx *m)
{
    struct sides s;
    return read_sides(m, GEMM_TRANS_A, GEMM_TRANS_B, true, &s) && product_forward(m, &s);
}

static void gemm_backward(struct fw_moment_cx *m)
{
    struct sides s;
    if (read_sides(m, GEMM_TRANS_A, GEMM_TRANS_B, true, &s))
        product_backward(m, &s);
}

#define ATTENTION "a softmax's weights are independent of the values they weigh"
const struct fw_moment_rule fw_moments_matmul = {
    .layer = true, .forward = matmul_forward, .backward = matmul_backward, .assumption = ATTENTION};
const struct fw_moment_rule fw_moments_gemm = {
    .layer = true, .forward = gemm_forward, .backward = gemm_backward};

/* ---- pooling ---- */

struct pool {
    struct fw_window w;
    const struct fw_pool_form *form;
    double seen;   // elements a window has, on average
    double per_in; // outputs for each input
};

static bool read_pool(struct fw_moment_cx *m, struct pool *p)
{
    struct fw_profile even[FW_MOMENT_AXES] = {{NULL, 0}}, unused[FW_MOMENT_AXES];
    p->form = m->cx.node->op->family;
    double in = fw_moments_elements(m, fw_in(&m->cx, p->form->x));
    double out = fw_moments_elements(m, fw_out(&m->cx, 0));
    if (in <= 0 || out <= 0 || p->form->kind == FW_POOL_LP)
        return false;
    p->per_in = out / in;
    p->seen = in / out;
    if (p->form->global)
        return true;
    if (fw_pool_read(&m->cx, &p->w) != FW_OK || !is_known(&p->w))
        return false;
    p->seen = over_axes(m, &p->w, true, even, unused, unused).one;
    return p->seen > 0;
}

/* The largest in a window: its values are one function of tied normal variables. */
static void largest(const struct fw_moment_cx *m, const struct fw_moments *x, double seen,
                    struct fw_normal_largest *ret)
{
    const struct fw_moments *base = &m->all[x->base];
    double spread = sqrt(fmax(base->second - base->mean * base->mean, 0));
    double f[FW_NORMAL_POINTS], d[FW_NORMAL_POINTS];
    const double *c = x->curve;
    for (int i = 0; i < FW_NORMAL_POINTS; i++) {
        f[i] = c != NULL ? c[i] : base->mean + spread * m->normal->z[i];
        d[i] = c == NULL || spread == 0 ? 1
                                        : (c[FW_CURVE_UP * FW_NORMAL_POINTS + i] -
                                           c[FW_CURVE_DOWN * FW_NORMAL_POINTS + i]) /
                                              (2 * FW_CURVE_STEP * spread);
    }
    fw_normal_max(m->normal, f, d, seen, fw_moments_correlation(base, base->near), ret);
}

/* What windows make of the profile along an axis: mean of the values they see, or where these are
 * tied (c) more and more the largest. Gives the mean over the windows. */
static double seen_profile(struct fw_moment_cx *m, const struct fw_window *w, unsigned axis,
                           double c, const struct fw_profile *from, struct fw_profile *ret)
{
    int64_t n = w->out[axis].word;
    double mean = 0, *at = fw_arena_zalloc(m->arena, (size_t)n * sizeof *at);
    *ret = (struct fw_profile){NULL, 0};
    if (from->at == NULL || from->n != w->in[axis].word || at == NULL)
        return 1;
    for (int64_t o = 0; o < n; o++) {
        double sum = 0, most = 0, k = 0;
        for (int64_t t = 0; t < w->kernel[axis].word; t++) {
            int64_t i = o * w->stride[axis] - w->begin[axis].word + t * w->dilation[axis];
            if (i < 0 || i >= from->n)
                continue;
            sum += from->at[i];
            most = fmax(most, from->at[i]);
            k++;
        }
        at[o] = k > 0 ? c * most + (1 - c) * sum / k : 0;
        mean += at[o] / (double)n;
    }
    for (int64_t o = 0; o < n; o++)
        at[o] = mean > 0 ? at[o] / mean : 1;
    *ret = (struct fw_profile){at, n};
    return mean;
}

/* How often two of the outputs that a window of three by three (by three) sees take their largest
 * value from the same place: windows that share a part f of what they see do so in f of 2 - f. */
static double overlap(const struct fw_window *w)
{
    unsigned n = 1, pairs = 0;
    double sum = 0;
    for (unsigned k = 0; k < w->n; k++)
        n *= 3;
    for (unsigned a = 0; a < n; a++)
        for (unsigned b = 0; b < n; b++) {
            double part = 1;
            for (unsigned k = 0, x = a, y = b; k < w->n; k++, x /= 3, y /= 3) {
                double apart = fabs((double)(x % 3) - (double)(y % 3)) * (double)w->stride[k];
                part *= fmax(1 - apart / (double)w->kernel[k].word, 0);
            }
            if (a != b) {
                sum += part / (2 - part);
                pairs++;
            }
        }
    return pairs > 0 ? sum / pairs : 0;
}

static void take_largest(struct fw_moment_cx *m, const struct pool *p, const struct fw_moments *x)
{
    const struct fw_moments *base = &m->all[x->base];
    struct fw_profile profile[FW_MOMENT_AXES] = {{NULL, 0}};
    struct fw_normal_largest r;
    double near = fw_moments_correlation(base, base->near), by = 1;
    largest(m, x, p->seen, &r);
    for (unsigned k = 0; k < p->w.n && !p->form->global; k++)
        by *= seen_profile(m, &p->w, k, near, &x->profile[k], &profile[k]);
    double shared = near > 0 ? fmin(fw_moments_correlation(base, base->shared) / near, 1) : 0;
    double far = near > 0 ? fmin(fw_moments_correlation(base, base->far) / near, 1) : 0;
    fw_moments_set(m, 0, fw_normal_mean(m->normal, r.mean) * sqrt(by), r.square * by,
                   fw_normal_pair(m->normal, r.mean, shared) * by,
                   fw_normal_pair(m->normal, r.mean, far) * by);
    struct fw_moments *y = fw_moments_out(m, 0);
    memcpy(y->profile, profile, sizeof profile);
    if (p->form->global)
        return;
    double apart = fw_normal_square(m->normal, r.mean) * by;
    y->near = apart + (y->second - apart) * overlap(&p->w);
}

static void take_mean(struct fw_moment_cx *m, const struct pool *p, const struct fw_moments *x)
{
    struct fw_profile profile[FW_MOMENT_AXES] = {{NULL, 0}};
    double near = p->form->global ? x->far : x->shared, by = 1;
    for (unsigned k = 0; k < p->w.n && !p->form->global; k++)
        by *= seen_profile(m, &p->w, k, 0, &x->profile[k], &profile[k]);
    fw_moments_set(m, 0, x->mean, by * (x->second / p->seen + near * (1 - 1 / p->seen)), by * near,
                   x->far);
    memcpy(fw_moments_out(m, 0)->profile, profile, sizeof profile);
}

static bool pool_forward(struct fw_moment_cx *m)
{
    struct pool p = {.per_in = 0};
    if (!read_pool(m, &p))
        return false;
    const struct fw_moments *x = fw_moments_in(m, p.form->x);
    (p.form->kind == FW_POOL_MAX ? take_largest : take_mean)(m, &p, x);
    struct fw_moments *y = fw_moments_out(m, 0);
    y->unit_mean = x->unit_mean;
    y->unit_second = x->unit_second;
    y->function = x->function;
    return true;
}

/* A maximum passes the gradient on to the value that was chosen: past the function too, since that
 * value is more likely than others to lie where its slope is not 0. */
static void pool_backward(struct fw_moment_cx *m)
{
    struct pool p;
    const struct fw_moments *y = fw_moments_out(m, 0);
    if (!read_pool(m, &p))
        return;
    struct fw_moments *x = fw_moments_in(m, p.form->x);
    if (p.form->kind == FW_POOL_MAX) {
        struct fw_moments *base = &m->all[x->base];
        struct fw_normal_largest r;
        largest(m, x, p.seen, &r);
        double slope = r.slope;
        base->grad += p.per_in * slope * y->grad;
        base->grad_shared += p.per_in * p.per_in * slope * slope * y->grad_shared;
        return;
    }
    double k = p.seen, windows = p.per_in * k; // that hold a value
    x->grad += windows * (y->grad + (windows - 1) * y->grad_shared) / (k * k);
    if (p.form->global)
        x->grad_shared += y->grad / (k * k);
    else
        x->grad_shared += windows * windows * y->grad_shared / (k * k);
}

const struct fw_moment_rule fw_moments_pool = {
    .forward = pool_forward,
    .backward = pool_backward,
    .assumption = "values in the window of a maximum are equally tied to each other"};
