/* Rules for poolings: means of windows here, maxima in moments_max.c. */
#include "ops/moments_window.h"

#include <math.h>

static bool read_pool(struct fw_moment_cx *m, struct fw_moment_pool *p)
{
    p->form = m->cx.node->op->family;
    double in = fw_moments_elements(m, fw_in(&m->cx, p->form->x));
    double out = fw_moments_elements(m, fw_out(&m->cx, 0));
    if (in <= 0 || out <= 0 || p->form->kind == FW_POOL_LP)
        return false;
    p->per_in = out / in;
    if (p->form->global)
        return true;
    if (fw_pool_read(&m->cx, &p->w) != FW_OK || !fw_window_known(&p->w))
        return false;
    unsigned first = fw_first_axis(fw_channels_last(&m->cx, p->form->last));
    p->in = fw_moments_layout(m, m->scratch, p->w.n, p->w.in, first, 0);
    p->out = fw_moments_layout(m, m->scratch, p->w.n, p->w.out, first, 0);
    return p->in != NULL && p->out != NULL &&
           fw_window_maps(m, &p->w, true, FW_PAIR_WINDOWS, p->out, p->in, p->windows) &&
           fw_window_maps(m, &p->w, true, FW_PAIR_SHARED, p->out, p->in, p->shared);
}

static struct fw_pairs *like(struct fw_arena *arena, const struct fw_pairs *p, unsigned sets)
{
    return fw_pairs_new(arena, p->n, p->axis, p->dim, sets);
}

struct fw_pairs *fw_pool_sums(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                              const struct fw_pair_map *maps, const struct fw_pairs *from)
{
    struct fw_pairs *to = like(m->scratch, p->out, 2);
    for (unsigned set = 0; to != NULL && set < 2; set++)
        if (!fw_pairs_apply(m->scratch, from, from->at[set], maps, to, to->at[set]))
            return NULL;
    return to;
}

struct fw_pairs *fw_pool_ones(struct fw_moment_cx *m, const struct fw_moment_pool *p)
{
    struct fw_pairs *ones = like(m->scratch, p->in, 2);
    for (size_t i = 0; ones != NULL && i < ones->size; i++)
        ones->at[0][i] = ones->at[1][i] = 1;
    return ones;
}

/* Elements that the sum of a window is divided by: those it has, or all its taps. */
static const struct fw_pairs *divisors(struct fw_moment_cx *m, const struct fw_moment_pool *p)
{
    const struct fw_pairs *ones = fw_pool_ones(m, p);
    const struct fw_attr *padding = fw_moments_attr(m, "count_include_pad");
    struct fw_pairs *n = ones != NULL ? fw_pool_sums(m, p, p->windows, ones) : NULL;
    double taps = 1;
    for (unsigned k = 0; k < p->w.n; k++)
        taps *= (double)p->w.kernel[k].word;
    for (size_t i = 0; n != NULL && i < n->size; i++)
        n->at[0][i] =
            padding != NULL && padding->i != 0 ? (float)(taps * taps) : fmaxf(n->at[0][i], 1);
    return n;
}

static bool take_mean(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                      const struct fw_moments *x)
{
    const struct fw_pairs *from = fw_moments_in_layout(m, x, p->in), *n = divisors(m, p);
    struct fw_pairs *sum = from != NULL ? fw_pool_sums(m, p, p->windows, from) : NULL;
    struct fw_pairs *to = like(m->arena, p->out, 2);
    if (sum == NULL || n == NULL || to == NULL)
        return false;
    for (unsigned set = 0; set < 2; set++)
        for (size_t i = 0; i < to->size; i++)
            to->at[set][i] = sum->at[set][i] / n->at[0][i];
    fw_moments_set_pairs(m, 0, x->mean, to);
    return true;
}

static void give_mean(struct fw_moment_cx *m, const struct fw_moment_pool *p, struct fw_moments *x)
{
    struct fw_pair_map maps[FW_PAIR_AXES] = {{0}};
    const struct fw_pairs *g = fw_moments_grad_pairs(m, fw_moments_out(m, 0), p->out);
    const struct fw_pairs *n = divisors(m, p);
    struct fw_pairs *each = like(m->scratch, p->out, 1), *to = like(m->scratch, p->in, 1);
    if (g == NULL || n == NULL || each == NULL || to == NULL ||
        !fw_window_maps(m, &p->w, false, FW_PAIR_WINDOWS, p->in, p->out, maps))
        return;
    for (size_t i = 0; i < g->size; i++)
        each->at[0][i] = g->at[0][i] / n->at[0][i];
    if (fw_pairs_apply(m->scratch, each, each->at[0], maps, to, to->at[0]))
        fw_moments_give_pairs(m, x, to);
}

/* ---- slots ---- */

static bool take(struct fw_moment_cx *m, const struct fw_moment_pool *p, const struct fw_moments *x)
{
    bool largest = p->form->kind == FW_POOL_MAX;
    if (p->form->global)
        return largest ? fw_pool_largest_of_all(m, p, x) : fw_moments_mean.forward(m);
    return largest ? fw_pool_largest(m, p, x) : take_mean(m, p, x);
}

static bool pool_forward(struct fw_moment_cx *m)
{
    struct fw_moment_pool p = {.per_in = 0};
    if (!read_pool(m, &p))
        return false;
    const struct fw_moments *x = fw_moments_in(m, p.form->x);
    struct fw_moments *y = fw_moments_out(m, 0);
    if (!take(m, &p, x))
        return false;
    y->unit_mean = x->unit_mean;
    y->unit_second = x->unit_second;
    y->function = x->function;
    return true;
}

static void pool_backward(struct fw_moment_cx *m)
{
    struct fw_moment_pool p = {.per_in = 0};
    if (!read_pool(m, &p))
        return;
    struct fw_moments *x = fw_moments_in(m, p.form->x);
    bool largest = p.form->kind == FW_POOL_MAX;
    if (p.form->global && largest)
        fw_pool_to_largest_of_all(m, &p, x);
    else if (p.form->global)
        fw_moments_mean.backward(m);
    else
        (largest ? fw_pool_to_largest : give_mean)(m, &p, x);
}

const struct fw_moment_rule fw_moments_pool = {
    .forward = pool_forward,
    .backward = pool_backward,
    .assumption = "maxima of two windows go together as if all values of a window did alike"};
