/* See pairs.h. */
#include "ops/pairs.h"

#include <string.h>

// stored positions of an axis, by number of axes: all up to `whole`, else `cut`; then coarsely
static const struct {
    unsigned whole, cut;
} limits[2][FW_PAIR_AXES + 1] = {{{1, 1}, {32, 28}, {14, 12}, {7, 6}},
                                 {{1, 1}, {8, 6}, {5, 4}, {4, 4}}};

/* ---- one axis ---- */

/* The order of three lengths, smallest first. */
static void order_of(const int64_t len[3], unsigned order[3])
{
    for (unsigned i = 0; i < 3; i++)
        order[i] = i;
    for (unsigned i = 1; i < 3; i++)
        for (unsigned k = i; k > 0 && len[order[k]] < len[order[k - 1]]; k--) {
            unsigned swap = order[k];
            order[k] = order[k - 1];
            order[k - 1] = swap;
        }
}

unsigned fw_pair_stored(const struct fw_pair_axis *a, int64_t p, int64_t q)
{
    int64_t low = p < q ? p : q, high = p < q ? q : p, left = (int64_t)a->stored - 1;
    int64_t len[3] = {low, high - low, a->n - 1 - high};
    unsigned order[3];
    order_of(len, order);
    for (unsigned i = 0; i < 3; i++) {
        int64_t most = left / (3 - i);
        if (len[order[i]] > most)
            len[order[i]] = most;
        left -= len[order[i]];
    }
    unsigned first = (unsigned)len[0], second = first + (unsigned)len[1];
    return p < q ? first * a->stored + second : second * a->stored + first;
}

void fw_pair_real(const struct fw_pair_axis *a, unsigned u, unsigned v, int64_t ret[2])
{
    // the longest were cut down, of about the same length then
    int64_t low = u < v ? u : v, high = u < v ? v : u, extra = a->n - a->stored, most = 0;
    int64_t len[3] = {low, high - low, (int64_t)a->stored - 1 - high};
    unsigned n = 0;
    for (unsigned i = 0; i < 3; i++)
        most = len[i] > most ? len[i] : most;
    for (unsigned i = 0; i < 3; i++)
        n += len[i] > 0 && len[i] >= most - 1;
    for (unsigned i = 0; i < 3; i++)
        if (len[i] > 0 && len[i] >= most - 1 && n > 0) {
            len[i] += extra / n;
            extra -= extra / n;
            n--;
        }
    ret[u <= v ? 0 : 1] = len[0];
    ret[u <= v ? 1 : 0] = len[0] + len[1];
}

/* Of very long axes every so many positions stand for all pairs. */
static int64_t step_of(const struct fw_pair_axis *a)
{
    enum { ENOUGH = 512 };
    return (a->n + ENOUGH - 1) / ENOUGH;
}

static void fill_axis(struct fw_pair_axis *a)
{
    unsigned m = a->stored;
    int64_t step = step_of(a), seen = (a->n + step - 1) / step;
    for (int64_t p = 0; p < a->n; p++)
        a->share[fw_pair_stored(a, p, p) / m] += 1 / (double)a->n;
    for (int64_t p = 0; p < a->n; p += step)
        for (int64_t q = 0; q < a->n; q += step)
            a->pairs[fw_pair_stored(a, p, q)] += 1 / (double)(seen * seen);
    for (unsigned i = 0; i < m * m; i++) {
        int64_t real[2];
        fw_pair_real(a, i / m, i % m, real);
        a->left[i] = (uint16_t)(fw_pair_stored(a, real[0], real[0]) / m);
        a->right[i] = (uint16_t)(fw_pair_stored(a, real[1], real[1]) / m);
    }
}

const struct fw_pair_axis *fw_pair_axis(struct fw_pair_axis **cache, struct fw_arena *arena,
                                        int64_t n, unsigned rank, bool coarse)
{
    for (const struct fw_pair_axis *a = *cache; a != NULL; a = a->next)
        if (a->n == n && a->rank == rank) // all of one walk are equally coarse
            return a;
    unsigned m = n <= limits[coarse][rank].whole ? (unsigned)n : limits[coarse][rank].cut;
    struct fw_pair_axis *a = fw_arena_zalloc(arena, sizeof *a);
    if (a == NULL)
        return NULL;
    *a = (struct fw_pair_axis){.n = n, .stored = m, .rank = rank, .next = *cache};
    a->share = fw_arena_zalloc(arena, m * sizeof *a->share);
    a->pairs = fw_arena_zalloc(arena, (size_t)m * m * sizeof *a->pairs);
    a->left = fw_arena_zalloc(arena, (size_t)m * m * sizeof *a->left);
    a->right = fw_arena_zalloc(arena, (size_t)m * m * sizeof *a->right);
    if (a->share == NULL || a->pairs == NULL || a->left == NULL || a->right == NULL)
        return NULL;
    fill_axis(a);
    *cache = a;
    return a;
}

/* ---- pairs over all axes ---- */

struct fw_pairs *fw_pairs_new(struct fw_arena *arena, unsigned n,
                              const struct fw_pair_axis *const *axis, const unsigned *dim,
                              unsigned sets)
{
    struct fw_pairs *p = fw_arena_zalloc(arena, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct fw_pairs){.n = n, .size = 1, .positions = 1};
    for (unsigned k = 0; k < n; k++) {
        p->axis[k] = axis[k];
        p->dim[k] = dim[k];
        p->size *= (size_t)axis[k]->stored * axis[k]->stored;
        p->positions *= axis[k]->stored;
    }
    for (unsigned i = 0; i < sets; i++) {
        p->at[i] = fw_arena_zalloc(arena, p->size * sizeof *p->at[i]);
        if (p->at[i] == NULL)
            return NULL;
    }
    return p;
}

bool fw_pairs_alike(const struct fw_pairs *a, const struct fw_pairs *b)
{
    bool same = a->n == b->n;
    for (unsigned k = 0; same && k < a->n; k++)
        same = a->axis[k]->n == b->axis[k]->n && a->dim[k] == b->dim[k];
    return same;
}

void fw_pair_ends(const struct fw_pairs *p, size_t i, size_t *ret_first, size_t *ret_second)
{
    size_t first = 0, second = 0, step = 1;
    for (unsigned k = p->n; k-- > 0;) {
        size_t m = p->axis[k]->stored;
        size_t pair = i % (m * m);
        first += step * p->axis[k]->left[pair];
        second += step * p->axis[k]->right[pair];
        i /= m * m;
        step *= m;
    }
    *ret_first = first;
    *ret_second = second;
}

size_t fw_pair_turned(const struct fw_pairs *p, size_t i)
{
    size_t turned = 0, step = 1;
    for (unsigned k = p->n; k-- > 0;) {
        size_t m = p->axis[k]->stored, pair = i % (m * m);
        turned += step * (pair % m * m + pair / m);
        i /= m * m;
        step *= m * m;
    }
    return turned;
}

size_t fw_pair_same(const struct fw_pairs *p, size_t position)
{
    size_t pair = 0, step = 1;
    for (unsigned k = p->n; k-- > 0;) {
        unsigned m = p->axis[k]->stored;
        pair += step * (position % m * (m + 1));
        position /= m;
        step *= (size_t)m * m;
    }
    return pair;
}

double fw_pair_share(const struct fw_pairs *p, size_t position)
{
    double share = 1;
    for (unsigned k = p->n; k-- > 0;) {
        share *= p->axis[k]->share[position % p->axis[k]->stored];
        position /= p->axis[k]->stored;
    }
    return share;
}

double fw_pairs_same(const struct fw_pairs *p, const float *at)
{
    double sum = 0;
    for (size_t i = 0; i < p->positions; i++)
        sum += fw_pair_share(p, i) * (double)at[fw_pair_same(p, i)];
    return sum;
}

double fw_pairs_mean(const struct fw_pairs *p, const float *at)
{
    double sum = 0;
    for (size_t i = 0; i < p->size; i++) {
        double share = 1;
        size_t rest = i;
        for (unsigned k = p->n; k-- > 0;) {
            size_t pairs = (size_t)p->axis[k]->stored * p->axis[k]->stored;
            share *= p->axis[k]->pairs[rest % pairs];
            rest /= pairs;
        }
        sum += share * (double)at[i];
    }
    return sum;
}

/* ---- along one axis ---- */

enum { MAX_TAPS = 64 };

/* Where position p leads through each tap: (taps), -1 nowhere. */
static void follow(const struct fw_window *w, unsigned k, bool gather, int64_t n, int64_t p,
                   int64_t *ret)
{
    for (int64_t t = 0; t < w->kernel[k].word; t++) {
        int64_t shift = t * w->dilation[k] - w->begin[k].word, to = -1;
        if (gather)
            to = p * w->stride[k] + shift;
        else if ((p - shift) % w->stride[k] == 0)
            to = (p - shift) / w->stride[k];
        ret[t] = to >= 0 && to < n ? to : -1;
    }
}

/* An axis map while it is made. */
struct mapping {
    const struct fw_window *w;
    unsigned k;
    bool gather;
    enum fw_pair_how how;
    const struct fw_pair_axis *to, *from;
    size_t n_from; // pairs
    float *by;     // (to pairs, from pairs)
    float *n;      // (to pairs) real pairs looked at
};

static void add_pair(const struct mapping *p, unsigned to, int64_t a, int64_t b)
{
    int64_t first[MAX_TAPS], second[MAX_TAPS], taps = p->w->kernel[p->k].word;
    follow(p->w, p->k, p->gather, p->from->n, a, first);
    follow(p->w, p->k, p->gather, p->from->n, b, second);
    p->n[to]++;
    for (int64_t s = 0; s < taps; s++)
        for (int64_t t = 0; t < taps; t++) {
            bool taken = first[s] >= 0 && second[t] >= 0;
            if (p->how == FW_PAIR_TAPS)
                taken = taken && s == t;
            if (p->how == FW_PAIR_SHARED)
                taken = taken && first[s] == second[t];
            if (taken)
                p->by[to * p->n_from + fw_pair_stored(p->from, first[s], second[t])]++;
        }
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* What a stored pair stands for differs: where windows move by more than one position, neighbours
 * are held by different numbers of them; what is near a border is held far from it; and beside the
 * middle, which is stored as one, lies what is stored alone. So it is the mean of all of it, or of
 * many. */
static void add_all(const struct mapping *p)
{
    enum { ENOUGH = 256 };
    int64_t step = (p->to->n + ENOUGH - 1) / ENOUGH;
    while (common_divisor(step, p->w->stride[p->k]) > 1)
        step++;
    for (int64_t a = 0; a < p->to->n; a += step)
        for (int64_t b = 0; b < p->to->n; b += step)
            add_pair(p, fw_pair_stored(p->to, a, b), a, b);
}

static void list_terms(const struct mapping *p, size_t n_to, struct fw_pair_map *ret)
{
    for (size_t i = 0; i < n_to * p->n_from; i++)
        if (p->by[i] != 0)
            ret->terms[ret->n++] =
                (struct fw_pair_term){(uint32_t)(i / p->n_from), (uint32_t)(i % p->n_from),
                                      p->by[i] / p->n[i / p->n_from]};
}

static void fill_map(const struct mapping *p, size_t n_to)
{
    if (p->to->n > p->to->stored && !p->gather)
        add_all(p);
    for (unsigned i = 0; i < n_to; i++) {
        int64_t real[2];
        fw_pair_real(p->to, i / p->to->stored, i % p->to->stored, real);
        if (p->n[i] == 0)
            add_pair(p, i, real[0], real[1]);
    }
}

static bool is_alike(const struct fw_pair_map *a, const struct fw_pair_map *b)
{
    return a->to == b->to && a->from == b->from && a->kernel == b->kernel &&
           a->stride == b->stride && a->dilation == b->dilation && a->begin == b->begin &&
           a->gather == b->gather && a->how == b->how;
}

const struct fw_pair_map *fw_pair_map(struct fw_pair_map **cache, struct fw_arena *arena,
                                      const struct fw_window *w, unsigned k, bool gather,
                                      enum fw_pair_how how, const struct fw_pair_axis *to,
                                      const struct fw_pair_axis *from)
{
    const struct fw_pair_map want = {.to = to,
                                     .from = from,
                                     .kernel = w->kernel[k].word,
                                     .stride = w->stride[k],
                                     .dilation = w->dilation[k],
                                     .begin = w->begin[k].word,
                                     .gather = gather,
                                     .how = how,
                                     .next = *cache};
    for (const struct fw_pair_map *m = *cache; m != NULL; m = m->next)
        if (is_alike(m, &want))
            return m;
    size_t n_to = (size_t)to->stored * to->stored, n_from = (size_t)from->stored * from->stored;
    struct mapping p = {w, k, gather, how, to, from, n_from, NULL, NULL};
    struct fw_pair_map *ret = fw_arena_alloc(arena, sizeof *ret);
    size_t terms = 0;
    p.by = fw_arena_zalloc(arena, n_to * n_from * sizeof *p.by);
    p.n = fw_arena_zalloc(arena, n_to * sizeof *p.n);
    if (w->kernel[k].word > MAX_TAPS || ret == NULL || p.by == NULL || p.n == NULL)
        return NULL;
    fill_map(&p, n_to);
    for (size_t i = 0; i < n_to * n_from; i++)
        terms += p.by[i] != 0;
    *ret = want;
    ret->terms = fw_arena_array(arena, terms + 1, sizeof *ret->terms);
    if (ret->terms == NULL)
        return NULL;
    list_terms(&p, n_to, ret);
    *cache = ret;
    return ret;
}

/* One axis: before and after are the pairs of the axes around it. */
static void apply_axis(const struct fw_pair_map *m, size_t before, size_t after, size_t n_from,
                       const float *from, float *to)
{
    size_t n_to = (size_t)m->to->stored * m->to->stored;
    for (size_t b = 0; b < before; b++)
        for (size_t t = 0; t < m->n; t++) {
            const float *x = from + (b * n_from + m->terms[t].from) * after;
            float *y = to + (b * n_to + m->terms[t].to) * after, by = m->terms[t].by;
            for (size_t i = 0; i < after; i++)
                y[i] += by * x[i];
        }
}

bool fw_pairs_apply(struct fw_arena *arena, const struct fw_pairs *in, const float *from,
                    const struct fw_pair_map *maps, const struct fw_pairs *out, float *to)
{
    size_t before = 1, size = in->size;
    if (in->n == 0)
        to[0] = from[0];
    for (unsigned k = 0; k < in->n; k++) {
        size_t n_from = (size_t)in->axis[k]->stored * in->axis[k]->stored;
        size_t n_to = (size_t)out->axis[k]->stored * out->axis[k]->stored;
        // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): an axis has positions
        size_t after = size / before / n_from;
        size = size / n_from * n_to;
        float *y = k + 1 == in->n ? to : fw_arena_alloc(arena, size * sizeof *y);
        if (y == NULL)
            return false;
        memset(y, 0, size * sizeof *y);
        apply_axis(&maps[k], before, after, n_from, from, y);
        from = y;
        before *= n_to;
    }
    return true;
}

bool fw_pairs_rows(struct fw_arena *arena, const struct fw_pairs *p, const float *at, double *ret)
{
    struct fw_pair_map maps[FW_PAIR_AXES] = {{0}};
    struct fw_pairs *rows = fw_pairs_new(arena, p->n, p->axis, p->dim, 1);
    if (rows == NULL)
        return false;
    for (unsigned k = 0; k < p->n; k++) {
        const struct fw_pair_axis *a = p->axis[k];
        int64_t step = step_of(a);
        int64_t taken = (a->n + step - 1) / step;
        size_t n = 0;
        maps[k] = (struct fw_pair_map){.to = a};
        maps[k].terms =
            fw_arena_array(arena, (size_t)a->stored * (size_t)a->n, sizeof *maps[k].terms);
        if (maps[k].terms == NULL)
            return false;
        for (unsigned u = 0; u < a->stored; u++) {
            int64_t real[2];
            fw_pair_real(a, u, u, real);
            for (int64_t q = 0; q < a->n; q += step)
                maps[k].terms[n++] = (struct fw_pair_term){
                    u * (a->stored + 1), fw_pair_stored(a, real[0], q), 1 / (float)taken};
        }
        maps[k].n = n;
    }
    if (!fw_pairs_apply(arena, p, at, maps, rows, rows->at[0]))
        return false;
    for (size_t i = 0; i < p->positions; i++)
        ret[i] = (double)rows->at[0][fw_pair_same(p, i)];
    return true;
}
