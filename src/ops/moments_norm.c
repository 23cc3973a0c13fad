/* Rules for normalisation: what is taken away and what is divided by; see moments.h. */
#include "ops/moments.h"

#include <math.h>

static double epsilon_of(const struct fw_moment_cx *m)
{
    const struct fw_attr *a = fw_moments_attr(m, "epsilon");
    return a != NULL ? a->f : 0;
}

/* (x - common)/sqrt(variance); taken: the square of what is taken away. */
static void divide(struct fw_moment_cx *m, double mean, double taken, double variance)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    double by = variance + epsilon_of(m);
    if (!(by > 0))
        by = 1;
    fw_moments_set(m, 0, mean / sqrt(by), (x->second - taken) / by, (x->shared - taken) / by,
                   (x->far - taken) / by);
}

/* x position by position; where it is not followed, as one position. */
static const struct fw_pairs *positions_of(struct fw_moment_cx *m, const struct fw_moments *x)
{
    const struct fw_pairs *p = fw_moments_pairs(m, x);
    struct fw_pairs *one = p == NULL ? fw_pairs_new(m->scratch, 0, NULL, NULL, 2) : NULL;
    if (one == NULL)
        return p;
    one->at[0][0] = (float)x->second;
    one->at[1][0] = (float)x->shared;
    return one;
}

static double examples_of(const struct fw_moment_cx *m)
{
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    return t->rank > 0 && t->dims[0].word > 0 ? (double)t->dims[0].word : 1;
}

/* What x has in common with the mean over all examples and positions: (positions). */
static double *with_mean(struct fw_moment_cx *m, const struct fw_pairs *p)
{
    double *r = fw_arena_array(m->scratch, p->positions, sizeof *r), n = examples_of(m);
    double *other = fw_arena_array(m->scratch, p->positions, sizeof *other);
    if (r == NULL || other == NULL || !fw_pairs_rows(m->scratch, p, p->at[0], r) ||
        (p->at[1] != NULL && !fw_pairs_rows(m->scratch, p, p->at[1], other)))
        return NULL;
    for (size_t i = 0; i < p->positions; i++)
        r[i] = (r[i] + (p->at[1] != NULL ? (n - 1) * other[i] : 0)) / n;
    return r;
}

static double mean_of(const struct fw_pairs *p, const double *r)
{
    double mean = 0;
    for (size_t i = 0; i < p->positions; i++)
        mean += fw_pair_share(p, i) * r[i];
    return mean;
}

/* to = (from - what its values have in common) / by */
static void take_mean_away(const struct fw_pairs *from, const double *r, double by,
                           struct fw_pairs *to)
{
    double mean = mean_of(from, r);
    for (size_t i = 0; i < from->size; i++) {
        size_t p, q;
        fw_pair_ends(from, i, &p, &q);
        for (unsigned set = 0; set < 2 && to->at[set] != NULL; set++)
            to->at[set][i] = (float)(((double)from->at[set][i] - r[p] - r[q] + mean) / by);
    }
}

/* What batch normalisation divides by, squared; 0 where all values are one. */
struct batch {
    const struct fw_pairs *x;
    double *r; // in common with the mean
    double by;
};

static bool read_batch(struct fw_moment_cx *m, struct batch *b)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    b->x = positions_of(m, x);
    b->r = b->x != NULL ? with_mean(m, b->x) : NULL;
    if (b->r == NULL)
        return false;
    double variance = x->second - mean_of(b->x, b->r);
    b->by = variance + epsilon_of(m);
    return variance > 1e-6 * x->second;
}

/* Over the batch and all positions of a channel: what is common to them is taken away. */
static bool batch_forward(struct fw_moment_cx *m)
{
    struct batch b;
    struct fw_pairs *to = NULL;
    if (read_batch(m, &b))
        to = fw_pairs_new(m->arena, b.x->n, b.x->axis, b.x->dim, 2);
    if (to == NULL)
        return false;
    take_mean_away(b.x, b.r, b.by, to);
    fw_moments_set_pairs(m, 0, 0, to);
    return true;
}

/* 1 by the number of independent values that a deviation is taken from: mean of the squares of the
 * pairs over all examples, and what few products leave to chance. */
static double likeness(struct fw_moment_cx *m, const struct fw_pairs *h)
{
    double n = examples_of(m), sum[2] = {0, 0};
    struct fw_pairs *square = fw_pairs_new(m->scratch, h->n, h->axis, h->dim, 2);
    for (unsigned set = 0; square != NULL && set < 2; set++) {
        for (size_t i = 0; i < h->size; i++)
            square->at[set][i] = h->at[set][i] * h->at[set][i];
        sum[set] = fw_pairs_mean(square, square->at[set]);
    }
    double terms = fw_moments_in(m, 0)->terms;
    return (sum[0] + (n - 1) * sum[1]) / n + (terms > 0 ? 1 / terms : 0);
}

/* E of g h T at each position, T the mean of g h over all of them (without `examples`): g and h as
 * independent, and by how g goes along with h (Stein's lemma). */
static double *along_value(struct fw_moment_cx *m, const struct fw_pairs *g,
                           const struct fw_pairs *bend, const struct fw_pairs *h)
{
    struct fw_pairs *both = fw_pairs_new(m->scratch, g->n, g->axis, g->dim, 1);
    double *ret = fw_arena_array(m->scratch, g->positions, sizeof *ret);
    if (both == NULL || ret == NULL)
        return NULL;
    for (size_t i = 0; i < g->size; i++) {
        size_t p, q;
        fw_pair_ends(g, i, &p, &q);
        both->at[0][i] = g->at[0][i] * h->at[0][i];
        if (bend != NULL)
            both->at[0][i] +=
                bend->at[0][i] * h->at[0][fw_pair_same(h, p)] * h->at[0][fw_pair_same(h, q)];
    }
    return fw_pairs_rows(m->scratch, both, both->at[0], ret) ? ret : NULL;
}

/* dX = (dY - mean(dY) - h*mean(dY*h))/deviation; h is the output, and the deviation one taken from
 * as many values as are independent. */
static void batch_backward(struct fw_moment_cx *m)
{
    struct batch b;
    const struct fw_moments *y = fw_moments_out(m, 0);
    const struct fw_pairs *h = y->pairs;
    const struct fw_pairs *g = h != NULL ? fw_moments_grad_pairs(m, y, h) : NULL;
    struct fw_pairs *to = g != NULL ? fw_pairs_new(m->scratch, h->n, h->axis, h->dim, 1) : NULL;
    double *r = to != NULL ? with_mean(m, g) : NULL;
    double *along = r != NULL ? along_value(m, g, y->grad_bend, h) : NULL, n = examples_of(m);
    if (along == NULL || !read_batch(m, &b))
        return;
    double by = b.by * (1 - 2 * fmin(likeness(m, h), 0.25)), mean = mean_of(h, along);
    take_mean_away(g, r, by, to);
    for (size_t i = 0; i < to->size; i++)
        to->at[0][i] -= (float)(mean / n / by) * h->at[0][i];
    for (size_t p = 0; p < to->positions; p++) {
        size_t i = fw_pair_same(to, p);
        to->at[0][i] += (float)(2 / n / by) * ((float)mean * h->at[0][i] - (float)along[p]);
    }
    fw_moments_give_pairs(m, fw_moments_in(m, 0), to);
    fw_moments_in(m, 0)->divided = true;
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
    fw_moments_give(x, y->grad / by, y->grad_shared / by);
}

const struct fw_moment_rule fw_moments_layer = {
    .ones = SCALE, .forward = layer_forward, .backward = layer_backward};

/* Over positions and many channels of one example. */
static void group_backward(struct fw_moment_cx *m)
{
    struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_moments *y = fw_moments_out(m, 0);
    double by = x->second - x->mean * x->mean + epsilon_of(m);
    fw_moments_give(x, y->grad / by, y->grad_shared / by);
}

const struct fw_moment_rule fw_moments_group = {
    .ones = SCALE,
    .forward = layer_forward,
    .backward = group_backward,
    .assumption =
        "a group's statistics are those of all its channels and positions, which are many"};

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
    fw_moments_give(x, y->grad / by, y->grad_shared / by);
}

const struct fw_moment_rule fw_moments_rms = {
    .ones = SCALE, .forward = rms_forward, .backward = rms_backward};

/* ---- a sum, normalised: (input, skip, scale, ...) -> (normalised, mean, deviation, sum) ---- */

enum { SKIP_SUM = 3, SKIP_SCALE = 1u << 2 };

static bool skip_takes_mean(const struct fw_moment_cx *m)
{
    return m->cx.node->op->moments == &fw_moments_skip_layer;
}

static bool skip_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *a = fw_moments_in(m, 0), *b = fw_moments_in(m, 1);
    double both = 2 * a->mean * b->mean, mean = a->mean + b->mean;
    double second = a->second + b->second + both, shared = a->shared + b->shared + both;
    double far = a->far + b->far + both, taken = skip_takes_mean(m) ? mean * mean : 0;
    double by = second - taken + epsilon_of(m);
    if (!a->known || !b->known || !(by > 0))
        return false;
    fw_moments_set(m, SKIP_SUM, mean, second, shared, far);
    fw_moments_set(m, 0, taken > 0 ? 0 : mean / sqrt(by), (second - taken) / by,
                   (shared - taken) / by, (far - taken) / by);
    return true;
}

static void skip_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0), *sum = fw_moments_out(m, SKIP_SUM);
    struct fw_moments *part[2] = {fw_moments_in(m, 0), fw_moments_in(m, 1)};
    double mean = part[0]->mean + part[1]->mean, taken = skip_takes_mean(m) ? mean * mean : 0;
    double both = 2 * part[0]->mean * part[1]->mean;
    double by = part[0]->second + part[1]->second + both - taken + epsilon_of(m);
    for (unsigned i = 0; i < 2; i++)
        fw_moments_give(part[i], y->grad / by + (sum != NULL ? sum->grad : 0),
                        y->grad_shared / by + (sum != NULL ? sum->grad_shared : 0));
}

const struct fw_moment_rule fw_moments_skip_layer = {
    .ones = SKIP_SCALE, .forward = skip_forward, .backward = skip_backward};
const struct fw_moment_rule fw_moments_skip_rms = {
    .ones = SKIP_SCALE, .forward = skip_forward, .backward = skip_backward};
