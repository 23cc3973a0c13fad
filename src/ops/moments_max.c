/* Rules for maxima of windows.
 *
 * The second moment of a window's maximum, and how often it lies where the function has a slope,
 * are those of its normal variables with all their correlations. Two windows go together as if all
 * variables of one were tied alike, by the mean of their pairs. */
#include "ops/moments_window.h"

#include <math.h>

/* Sums over the windows of two positions, and their number of terms: of all elements of the one
 * with all of the other, and of those that both hold. */
struct sums {
    struct fw_pairs *all, *all_n, *same, *same_n;
};

static struct fw_pairs *like(struct fw_arena *arena, const struct fw_pairs *p, unsigned sets)
{
    return fw_pairs_new(arena, p->n, p->axis, p->dim, sets);
}

static bool sum_pairs(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                      const struct fw_pairs *from, struct sums *s)
{
    const struct fw_pairs *ones = fw_pool_ones(m, p);
    if (ones == NULL || from == NULL)
        return false;
    *s = (struct sums){fw_pool_sums(m, p, p->windows, from), fw_pool_sums(m, p, p->windows, ones),
                       fw_pool_sums(m, p, p->shared, from), fw_pool_sums(m, p, p->shared, ones)};
    return s->all != NULL && s->all_n != NULL && s->same != NULL && s->same_n != NULL;
}

/* One window's values, and what their maximum is. */
struct window {
    double n, variance, c;
    const struct fw_normal_largest *largest; // all tied alike
    double square, slope;                    // as they are
};

static double mean_apart(const struct sums *s, unsigned set, size_t i)
{
    double same = set == 0 ? (double)s->same->at[0][i] : 0;
    double same_n = set == 0 ? (double)s->same_n->at[0][i] : 0;
    double n = (double)s->all_n->at[set][i] - same_n;
    return n > 0 ? ((double)s->all->at[set][i] - same) / n : 0;
}

static const struct fw_normal_largest *find_largest(struct fw_moment_cx *m,
                                                    const struct fw_moments *x, double variance,
                                                    double n, double c)
{
    double f[FW_NORMAL_POINTS], d[FW_NORMAL_POINTS];
    struct fw_normal_largest *r = fw_arena_alloc(m->scratch, sizeof *r);
    fw_moments_curve_at(m, x, FW_OF_VALUE, sqrt(variance), f);
    fw_moments_curve_at(m, x, FW_OF_SLOPE, sqrt(variance), d);
    if (r != NULL)
        fw_normal_max(m->normal, f, d, n, c, r);
    return r;
}

/* Places, deviations and correlations of the elements of a window. */
struct elements {
    unsigned k;
    int64_t at[FW_MAX_SEVERAL][FW_PAIR_AXES];
    double deviation[FW_MAX_SEVERAL], c[FW_MAX_SEVERAL * FW_MAX_SEVERAL];
};

/* Elements of the window at a stored position, each a position on every axis. */
static unsigned list_elements(const struct fw_moment_pool *p, size_t position,
                              int64_t (*ret)[FW_PAIR_AXES])
{
    int64_t start[FW_PAIR_AXES] = {0};
    unsigned n = 0, taps = 1;
    for (unsigned k = p->w.n; k-- > 0;) {
        const struct fw_pair_axis *a = p->out->axis[k];
        int64_t real[2];
        fw_pair_real(a, (unsigned)(position % a->stored), (unsigned)(position % a->stored), real);
        start[k] = real[0] * p->w.stride[k] - p->w.begin[k].word;
        position /= a->stored;
        taps *= (unsigned)p->w.kernel[k].word;
    }
    for (unsigned t = 0; t < taps && n < FW_MAX_SEVERAL; t++) {
        bool inside = true;
        unsigned rest = t;
        for (unsigned k = p->w.n; k-- > 0; rest /= (unsigned)p->w.kernel[k].word) {
            ret[n][k] = start[k] + rest % p->w.kernel[k].word * p->w.dilation[k];
            inside = inside && ret[n][k] >= 0 && ret[n][k] < p->w.in[k].word;
        }
        n += inside;
    }
    return n;
}

static size_t pair_of(const struct fw_pairs *p, const int64_t *a, const int64_t *b)
{
    size_t pair = 0;
    for (unsigned k = 0; k < p->n; k++)
        pair =
            pair * p->axis[k]->stored * p->axis[k]->stored + fw_pair_stored(p->axis[k], a[k], b[k]);
    return pair;
}

static void read_elements(const struct fw_moment_pool *p, const struct fw_pairs *base,
                          const struct fw_moments *x, size_t position, struct elements *e)
{
    e->k = list_elements(p, position, e->at);
    for (unsigned i = 0; i < e->k; i++)
        e->deviation[i] =
            fw_moments_scale(x, (double)base->at[0][pair_of(base, e->at[i], e->at[i])]);
    for (unsigned i = 0; i < e->k; i++)
        for (unsigned j = 0; j < e->k; j++) {
            double both = e->deviation[i] * e->deviation[j];
            double pair = (double)base->at[0][pair_of(base, e->at[i], e->at[j])];
            e->c[i * e->k + j] = i == j ? 1 : fw_moments_tie(x, pair, both);
        }
}

/* How different the elements are from each other, and from those that are tied by c alike. */
static double difference(const struct elements *e, double c)
{
    double different = 0;
    for (unsigned i = 0; i < e->k; i++)
        for (unsigned j = 0; j < i; j++)
            different = fmax(different, fabs(e->c[i * e->k + j] - c) +
                                            fabs(e->deviation[i] / e->deviation[j] - 1));
    return different;
}

/* Values and slopes of the elements, each at its own deviation: *ret points into scratch. */
static bool list_curves(struct fw_moment_cx *m, const struct fw_moments *x,
                        const struct elements *e, struct fw_normal_several *ret)
{
    size_t size = (size_t)e->k * FW_NORMAL_POINTS;
    double *f = fw_arena_array(m->scratch, 2 * size + 1, sizeof *f);
    for (unsigned i = 0; f != NULL && i < e->k; i++) {
        size_t at = (size_t)i * FW_NORMAL_POINTS;
        fw_moments_curve_at(m, x, FW_OF_VALUE, e->deviation[i], f + at);
        fw_moments_curve_at(m, x, FW_OF_SLOPE, e->deviation[i], f + size + at);
    }
    *ret = (struct fw_normal_several){e->k, f, f + size, e->c};
    return f != NULL;
}

/* What is different from elements that are alike, found by the same points for both. */
static bool find_different(struct fw_moment_cx *m, const struct fw_moments *x, struct elements *e,
                           struct window *w)
{
    struct fw_normal_several s;
    double square[2], slope[2];
    if (difference(e, w->c) < 1e-3 || !(w->variance > 0))
        return true;
    for (unsigned alike = 0; alike < 2; alike++) {
        for (unsigned i = 0; alike && i < e->k; i++)
            e->deviation[i] = sqrt(w->variance);
        for (unsigned i = 0; alike && i < e->k * e->k; i++)
            e->c[i] = i % (e->k + 1) == 0 ? 1 : w->c;
        if (!list_curves(m, x, e, &s))
            return false;
        fw_normal_max_of(m->normal, &s, &square[alike], &slope[alike], NULL);
    }
    w->square *= square[1] > 0 ? square[0] / square[1] : 1;
    w->slope *= slope[1] > 0 ? slope[0] / slope[1] : 1;
    return true;
}

/* Windows that look alike share what was found. */
static bool find_windows(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                         const struct fw_moments *x, const struct fw_pairs *base,
                         const struct sums *s, struct window *w)
{
    struct elements e = {.k = 0};
    const struct fw_moments *of = &m->all[x->base];
    for (size_t i = 0; i < p->out->positions; i++) {
        size_t pair = fw_pair_same(p->out, i), k = 0;
        w[i].n = fmax((double)s->same_n->at[0][pair], 1);
        double scale = fw_moments_scale(of, (double)s->same->at[0][pair] / w[i].n);
        w[i].variance = scale * scale;
        w[i].c =
            w[i].n > 1 ? fmax(fw_moments_tie(of, mean_apart(s, 0, pair), w[i].variance), 0) : 0;
        while (k < i && (w[k].n != w[i].n || fabs(w[k].c - w[i].c) > 1e-5 ||
                         fabs(w[k].variance - w[i].variance) > 1e-5 * w[i].variance))
            k++;
        if (k < i) {
            w[i] = w[k];
            continue;
        }
        w[i].largest = find_largest(m, x, w[i].variance, w[i].n, w[i].c);
        if (w[i].largest == NULL)
            return false;
        w[i].square = w[i].largest->square;
        w[i].slope = w[i].largest->slope;
        read_elements(p, base, of, i, &e);
        if (w[i].n <= FW_MAX_SEVERAL && !find_different(m, x, &e, &w[i]))
            return false;
    }
    return true;
}

/* The correlation between what two windows have in common each. */
static double tie(const struct fw_moments *base, const struct window *a, const struct window *b,
                  double pair)
{
    double c = fw_moments_tie(base, pair, sqrt(a->variance * b->variance)),
           both = sqrt(a->c * b->c);
    return both > 1e-9 ? fmax(fmin(c / both, 1), 0) : 0;
}

/* Found once for windows that look alike. */
struct overlap {
    double n, c, shared, share;
    struct overlap *next;
};

/* How much of a pair of maxima is one maximum: 0 for windows apart, 1 for the same. */
static double overlap(struct fw_moment_cx *m, const struct fw_moments *x, struct overlap **found,
                      const struct window *a, const struct window *b, double shared)
{
    double n = (a->n + b->n) / 2, c = (a->c + b->c) / 2, f[FW_NORMAL_POINTS];
    if (shared == 0 || shared >= n)
        return shared == 0 ? 0 : 1;
    for (const struct overlap *o = *found; o != NULL; o = o->next)
        if (o->n == n && o->shared == shared && fabs(o->c - c) < 0.02)
            return o->share;
    struct overlap *o = fw_arena_alloc(m->scratch, sizeof *o);
    fw_moments_curve_at(m, x, FW_OF_VALUE, sqrt(a->variance), f);
    double share = fw_normal_overlap(m->normal, f, n, c, shared);
    if (o != NULL) {
        *o = (struct overlap){n, c, shared, share, *found};
        *found = o;
    }
    return share;
}

static bool open_largest(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                         const struct fw_moments *x, struct sums *s, struct window **ret)
{
    struct fw_moments base = m->all[x->base];
    const struct fw_pairs *pairs = fw_moments_in_layout(m, &base, p->in);
    *ret = fw_arena_array(m->scratch, p->out->positions, sizeof **ret);
    return *ret != NULL && sum_pairs(m, p, pairs, s) && find_windows(m, p, x, pairs, s, *ret);
}

bool fw_pool_largest(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                     const struct fw_moments *x)
{
    struct sums s;
    struct window *w;
    struct overlap *found = NULL;
    struct fw_pairs *to = like(m->arena, p->out, 2);
    const struct fw_moments *base = &m->all[x->base];
    double mean = 0;
    if (to == NULL || !open_largest(m, p, x, &s, &w))
        return false;
    for (size_t i = 0; i < to->size; i++) {
        size_t a, b;
        fw_pair_ends(to, i, &a, &b);
        const struct fw_normal_largest *la = w[a].largest, *lb = w[b].largest;
        double same = overlap(m, x, &found, &w[a], &w[b], (double)s.same_n->at[0][i]), pair[2];
        for (unsigned set = 0; set < 2; set++)
            pair[set] =
                fw_normal_join(la->mean, lb->mean, tie(base, &w[a], &w[b], mean_apart(&s, set, i)));
        double by = sqrt(w[a].square * w[b].square / (la->square * lb->square));
        to->at[0][i] = (float)(by * (pair[0] + same * (sqrt(la->square * lb->square) - pair[0])));
        to->at[1][i] = (float)(by * pair[1]);
    }
    for (size_t i = 0; i < to->positions; i++)
        mean += fw_pair_share(to, i) * w[i].largest->mean[0];
    fw_moments_set_pairs(m, 0, mean, to);
    return true;
}

/* What part of a window's gradient each element gets: beside the padding values are smaller. */
static bool find_parts(struct fw_moment_cx *m, const struct fw_moments *x, struct elements *e,
                       double *ret)
{
    struct fw_normal_several s;
    double ignored[2];
    for (unsigned i = 0; i < e->k; i++)
        ret[i] = 1.0 / e->k;
    if (m->coarse || e->k < 2 || difference(e, e->c[1]) < 1e-3)
        return true;
    if (!list_curves(m, x, e, &s))
        return false;
    fw_normal_max_of(m->normal, &s, &ignored[0], &ignored[1], ret);
    return true;
}

static size_t position_of(const struct fw_pairs *p, const int64_t *at)
{
    size_t position = 0;
    for (unsigned k = 0; k < p->n; k++)
        position = position * p->axis[k]->stored +
                   fw_pair_stored(p->axis[k], at[k], at[k]) / p->axis[k]->stored;
    return position;
}

/* Adds what windows give to the elements of their own, to E g^2 at each position of `to`. */
static bool give_elements(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                          const struct fw_moments *x, const struct window *w,
                          const struct fw_pairs *g, struct fw_pairs *to)
{
    const struct fw_moments *of = &m->all[x->base];
    const struct fw_pairs *base = fw_moments_in_layout(m, of, p->in);
    for (size_t i = 0; base != NULL && i < p->out->positions; i++) {
        struct elements e = {.k = 0};
        double part[FW_MAX_SEVERAL];
        double windows = p->per_in * fw_pair_share(p->out, i); // for each element of the input
        read_elements(p, base, of, i, &e);
        if (!find_parts(m, x, &e, part))
            return false;
        for (unsigned k = 0; k < e.k; k++) {
            size_t q = position_of(to, e.at[k]);
            to->at[0][fw_pair_same(to, q)] +=
                (float)(windows * w[i].slope * part[k] / fw_pair_share(to, q)) *
                g->at[0][fw_pair_same(g, i)];
        }
    }
    return base != NULL;
}

static bool is_small(const struct fw_window *w)
{
    int64_t taps = 1;
    for (unsigned k = 0; k < w->n; k++)
        taps *= w->kernel[k].word;
    return taps <= FW_MAX_SEVERAL;
}

static void clear_same(struct fw_pairs *p)
{
    for (size_t i = 0; i < p->positions; i++)
        p->at[0][fw_pair_same(p, i)] = 0;
}

/* To the value that was chosen, past the function, since that value is more likely than others to
 * lie where its slope is not 0. */
void fw_pool_to_largest(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                        struct fw_moments *x)
{
    struct sums s;
    struct window *w;
    struct fw_pair_map maps[FW_PAIR_AXES] = {{0}};
    const struct fw_pairs *g = fw_moments_grad_pairs(m, fw_moments_out(m, 0), p->out);
    struct fw_pairs *one = like(m->scratch, p->out, 1), *two = like(m->scratch, p->out, 1);
    struct fw_pairs *same = like(m->scratch, p->in, 1), *to = like(m->scratch, p->in, 1);
    if (g == NULL || one == NULL || two == NULL || same == NULL || to == NULL ||
        !fw_window_maps(m, &p->w, false, FW_PAIR_WINDOWS, p->in, p->out, maps) ||
        !open_largest(m, p, x, &s, &w))
        return;
    for (size_t i = 0; i < g->size; i++) {
        size_t a, b;
        fw_pair_ends(g, i, &a, &b);
        const struct fw_normal_largest *la = w[a].largest, *lb = w[b].largest;
        double apart = fw_normal_join(la->passed, lb->passed,
                                      tie(&m->all[x->base], &w[a], &w[b], mean_apart(&s, 0, i)));
        double shared = (double)s.same_n->at[0][i];
        one->at[0][i] = g->at[0][i] *
                        (float)(sqrt(w[a].slope * w[b].slope) / fmax(w[a].n + w[b].n - shared, 1));
        two->at[0][i] = g->at[0][i] * (float)(apart / (w[a].n * w[b].n));
    }
    clear_same(two); // a window chooses one
    if (is_small(&p->w))
        clear_same(one); // given element by element
    if (!fw_pairs_apply(m->scratch, one, one->at[0], maps, same, same->at[0]) ||
        !fw_pairs_apply(m->scratch, two, two->at[0], maps, to, to->at[0]))
        return;
    for (size_t i = 0; i < to->positions; i++)
        to->at[0][fw_pair_same(to, i)] = same->at[0][fw_pair_same(to, i)];
    if (is_small(&p->w) && !give_elements(m, p, x, w, g, to))
        return;
    fw_moments_give_pairs(m, &m->all[x->base], to);
}

/* ---- over everything ---- */

static const struct fw_normal_largest *largest_of_all(struct fw_moment_cx *m,
                                                      const struct fw_moments *x, double n)
{
    const struct fw_moments *base = &m->all[x->base];
    double scale = fw_moments_scale(base, base->second);
    return find_largest(m, x, scale * scale, n, fw_moments_correlation(base, base->far));
}

bool fw_pool_largest_of_all(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                            const struct fw_moments *x)
{
    const struct fw_moments *base = &m->all[x->base];
    const struct fw_normal_largest *r = largest_of_all(m, x, 1 / p->per_in);
    double far = fw_moments_correlation(base, base->far);
    double shared = far > 0 ? fmin(fw_moments_correlation(base, base->shared) / far, 1) : 0;
    if (r == NULL)
        return false;
    fw_moments_set(m, 0, r->mean[0], r->square, fw_normal_join(r->mean, r->mean, shared),
                   r->square);
    return true;
}

void fw_pool_to_largest_of_all(struct fw_moment_cx *m, const struct fw_moment_pool *p,
                               struct fw_moments *x)
{
    const struct fw_normal_largest *r = largest_of_all(m, x, 1 / p->per_in);
    if (r != NULL)
        fw_moments_give(&m->all[x->base], p->per_in * r->slope * fw_moments_out(m, 0)->grad, 0);
}
