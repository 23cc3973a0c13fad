/* Kernels of select.c. */
#include "ops/moves.h"

KERNEL(non_zero)
{
    const struct fw_buffer *x = r->in[0];
    unsigned rank = x->rank == 0 ? 1 : x->rank;
    size_t *at = fw_arena_array(r->scratch, x->n + 1, sizeof *at);
    size_t n = 0;
    if (at == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < x->n; i++) {
        at[n] = i;
        n += EQUAL((REAL)fw_buffer_get(x, i), 0) ? 0 : 1;
    }
    int64_t dims[2] = {rank, (int64_t)n};
    FW_TRY(r->shape(r, 0, 2, dims));
    for (unsigned k = 0; k < rank; k++) {
        size_t inner = x->rank == 0 ? 1 : fw_buffer_span(x, k + 1, x->rank);
        size_t d = x->rank == 0 ? 1 : (size_t)x->dims[k];
        for (size_t i = 0; i < n; i++)
            fw_buffer_put_int(r->out[0], k * n + i, (int64_t)(at[i] / inner % d));
    }
    return FW_OK;
}

/* ---- Unique: of elements, or of slices along an axis ---- */

struct slices {
    const struct fw_buffer *x;
    size_t n, outer, inner;
};

static double part_of(const struct slices *s, size_t slice, size_t k)
{
    return fw_buffer_get(s->x, (k / s->inner * s->n + slice) * s->inner + k % s->inner);
}

/* -1, 0, 1 by the first place where they differ. */
static int order(const struct slices *s, size_t a, size_t b)
{
    for (size_t k = 0; k < s->outer * s->inner; k++) {
        double x = part_of(s, a, k);
        double y = part_of(s, b, k);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

/* Slices in the order of their values, equal ones as they come; room: (2*n). */
static const size_t *sort_slices(const struct slices *s, size_t *room)
{
    size_t *from = room, *to = room + s->n;
    for (size_t i = 0; i < s->n; i++)
        from[i] = i;
    for (size_t run = 1; run < s->n; run *= 2) {
        for (size_t begin = 0; begin < s->n; begin += 2 * run) {
            size_t middle = begin + run < s->n ? begin + run : s->n;
            size_t end = middle + run < s->n ? middle + run : s->n;
            size_t a = begin, b = middle;
            for (size_t k = begin; k < end; k++)
                to[k] = b == end || (a < middle && order(s, from[a], from[b]) <= 0) ? from[a++]
                                                                                    : from[b++];
        }
        size_t *merged = to;
        to = from;
        from = merged;
    }
    return from;
}

/* The first slice of every value, in order of value or of appearance; of: which one each slice is;
 * room: (2*n). */
static size_t find_unique(const struct slices *s, bool sorted, size_t *first, size_t *of,
                          size_t *room)
{
    const size_t *in_order = sort_slices(s, room);
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++) {
        if (k == 0 || order(s, in_order[k - 1], in_order[k]) != 0)
            first[n++] = in_order[k];
        of[in_order[k]] = n - 1;
    }
    if (sorted)
        return n;
    size_t *place = room, *appeared = room + s->n; // of a value among those that appeared
    size_t seen = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (first[of[i]] == i) {
            appeared[seen] = i;
            place[of[i]] = seen++;
        }
        of[i] = place[of[i]];
    }
    for (size_t k = 0; k < n; k++)
        first[k] = appeared[k];
    return n;
}

KERNEL(unique) // -> values, first indices, inverse, counts
{
    const struct fw_buffer *x = r->in[0];
    bool flat = !fw_run_attr(r, "axis")->given;
    unsigned axis = 0;
    int64_t dims[FW_MAX_RANK];
    if (!flat)
        FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", 0), x->rank, &axis));
    struct slices s = {.x = x, .n = flat ? x->n : (size_t)x->dims[axis], .outer = 1, .inner = 1};
    if (!flat) {
        s.outer = fw_buffer_span(x, 0, axis);
        s.inner = fw_buffer_span(x, axis + 1, x->rank);
    }
    size_t *first = fw_arena_array(r->scratch, s.n + 1, sizeof *first);
    size_t *of = fw_arena_array(r->scratch, s.n + 1, sizeof *of);
    size_t *room = fw_arena_array(r->scratch, 2 * s.n + 1, sizeof *room);
    if (first == NULL || of == NULL || room == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < x->n; i++)
        TALLY(FW_MINMAX); // each element is compared with its entry in a table
    size_t n = find_unique(&s, fw_run_attr_int(r, "sorted", 1) != 0, first, of, room);
    int64_t count = (int64_t)n;
    int64_t all = (int64_t)s.n;
    for (unsigned k = 0; k < x->rank; k++)
        dims[k] = x->dims[k];
    dims[axis] = count;
    FW_TRY(r->shape(r, 0, flat ? 1 : x->rank, dims));
    FW_TRY(r->shape(r, 1, 1, &count));
    FW_TRY(r->shape(r, 2, 1, &all));
    FW_TRY(r->shape(r, 3, 1, &count));
    for (size_t i = 0; i < n * s.outer * s.inner && fw_run_out(r, 0) != NULL; i++)
        fw_buffer_put(r->out[0], i,
                      part_of(&s, first[i / s.inner % n], i / s.inner / n * s.inner + i % s.inner));
    for (size_t i = 0; i < n && fw_run_out(r, 1) != NULL; i++)
        fw_buffer_put_int(r->out[1], i, (int64_t)first[i]);
    for (size_t i = 0; i < s.n && fw_run_out(r, 2) != NULL; i++)
        fw_buffer_put_int(r->out[2], i, (int64_t)of[i]);
    for (size_t i = 0; i < n; i++)
        room[i] = 0;
    for (size_t i = 0; i < s.n; i++)
        room[of[i]]++;
    for (size_t i = 0; i < n && fw_run_out(r, 3) != NULL; i++)
        fw_buffer_put_int(r->out[3], i, (int64_t)room[i]);
    return FW_OK;
}

/* ---- TopK: k passes over what is left of a line ---- */

static void best_of_line(const struct fw_buffer *x, size_t at, size_t n, size_t inner, size_t k,
                         bool largest, size_t *left)
{
    for (size_t i = 0; i < n; i++)
        left[i] = i;
    for (size_t pass = 0; pass < k; pass++) {
        size_t best = pass;
        for (size_t i = pass + 1; i < n; i++) {
            double a = fw_buffer_get(x, at + left[best] * inner);
            double b = fw_buffer_get(x, at + left[i] * inner);
            TALLY(FW_MINMAX);
            best = (largest ? b > a : b < a) || (a == b && left[i] < left[best]) ? i : best;
        }
        size_t t = left[best];
        for (size_t i = best; i > pass; i--) // the others keep their order
            left[i] = left[i - 1];
        left[pass] = t;
    }
}

KERNEL(top_k) // (x, k) -> values?, indices?
{
    const struct fw_buffer *x = r->in[0];
    int64_t dims[FW_MAX_RANK];
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", -1), x->rank, &axis));
    for (unsigned k = 0; k < x->rank; k++)
        dims[k] = x->dims[k];
    dims[axis] = fw_buffer_int(r->in[1], 0);
    FW_TRY(r->shape(r, 0, x->rank, dims));
    FW_TRY(r->shape(r, 1, x->rank, dims));
    size_t n = (size_t)x->dims[axis];
    size_t k = (size_t)dims[axis];
    size_t inner = fw_buffer_span(x, axis + 1, x->rank);
    size_t *left = fw_arena_array(r->scratch, n + 1, sizeof *left);
    if (left == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < fw_buffer_span(x, 0, axis) * inner; i++) {
        size_t at = i / inner * n * inner + i % inner;
        best_of_line(x, at, n, inner, k, fw_run_attr_int(r, "largest", 1) != 0, left);
        for (size_t j = 0; j < k; j++) {
            size_t to = (i / inner * k + j) * inner + i % inner;
            if (fw_run_out(r, 0) != NULL)
                fw_buffer_put(r->out[0], to, fw_buffer_get(x, at + left[j] * inner));
            if (fw_run_out(r, 1) != NULL)
                fw_buffer_put_int(r->out[1], to, (int64_t)left[j]);
        }
    }
    return FW_OK;
}

KERNEL(top_k_grad) // (dy, indices, x)
{
    const struct fw_buffer *dy = r->in[0];
    const struct fw_buffer *x = r->out[0];
    unsigned axis;
    FW_TRY(fw_run_axis(r, fw_run_attr_int(r, "axis", -1), x->rank, &axis));
    size_t inner = fw_buffer_span(x, axis + 1, x->rank);
    size_t n = (size_t)x->dims[axis];
    size_t k = (size_t)dy->dims[axis];
    zero_out(r, 0);
    for (size_t i = 0; i < dy->n; i++) {
        size_t at = (size_t)fw_buffer_int(r->in[1], i);
        FW_REQUIRE(at < n, r->cx.err, FW_SHAPE, "an index is outside of the input");
        reals_out(r, 0)[(i / inner / k * n + at) * inner + i % inner] = reals(r, 0)[i];
    }
    return FW_OK;
}

/* ---- NonMaxSuppression ---- */

struct box {
    REAL y1, x1, y2, x2, area;
};

static void read_boxes(const struct fw_run *r, size_t batch, size_t n, bool centred, struct box *to)
{
    for (size_t i = 0; i < n; i++) {
        const REAL *p = reals(r, 0) + (batch * n + i) * 4;
        struct box *b = &to[i];
        if (centred) { // x, y, width, height
            REAL w = MUL(p[2], (REAL)0.5);
            REAL h = MUL(p[3], (REAL)0.5);
            *b = (struct box){SUB(p[1], h), SUB(p[0], w), ADD(p[1], h), ADD(p[0], w),
                              MUL(p[2], p[3])};
        } else { // two opposite corners, whichever
            bool down = p[0] <= p[2];
            bool right = p[1] <= p[3];
            *b = (struct box){p[down ? 0 : 2], p[right ? 1 : 3], p[down ? 2 : 0], p[right ? 3 : 1],
                              0};
            b->area = MUL(SUB(b->y2, b->y1), SUB(b->x2, b->x1));
        }
    }
}

struct nms {
    struct box *boxes; // of one image (n)
    bool *left;        // candidates that are not decided (n)
    size_t n;
    int64_t most;
    REAL limit, least; // overlap, score
};

/* Overlap over union. */
static REAL overlap(const struct box *a, const struct box *b)
{
    REAL h = SUB(MIN(a->y2, b->y2), MAX(a->y1, b->y1));
    REAL w = SUB(MIN(a->x2, b->x2), MAX(a->x1, b->x1));
    REAL both = MUL(MAX(h, 0), MAX(w, 0));
    REAL all = SUB(ADD(a->area, b->area), both);
    REAL share = DIV(both, all);
    return all > 0 ? share : 0;
}

/* The best candidate of all, -1 where none is left; its search takes n - 1 comparisons. */
static size_t best_box(const REAL *scores, const bool *left, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        bool more = LESS(scores[best], scores[i]);
        best = (left[i] && (!left[best] || more)) ? i : best;
    }
    return best;
}

/* Candidates of one class against each other; kept: the boxes in the order in which they win. */
static size_t suppress(const struct nms *a, const REAL *scores, int64_t *kept)
{
    size_t n_left = 0, n_kept = 0;
    for (size_t k = 0; k < a->n; k++)
        n_left += a->left[k] = LESS(a->least, scores[k]);
    for (int64_t taken = 0; taken < a->most && n_left > 0; taken++) {
        size_t best = best_box(scores, a->left, a->n);
        kept[n_kept++] = (int64_t)best;
        a->left[best] = false;
        n_left--;
        for (size_t k = 0; k < a->n; k++) {
            bool far = k == best || !LESS(a->limit, overlap(&a->boxes[best], &a->boxes[k]));
            n_left -= a->left[k] && !far;
            a->left[k] = a->left[k] && far;
        }
    }
    return n_kept;
}

KERNEL(non_max_suppression) // (boxes, scores, most?, overlap?, score?) -> (selected, 3)
{
    size_t batches = (size_t)r->in[1]->dims[0];
    size_t classes = (size_t)r->in[1]->dims[1];
    size_t n = (size_t)r->in[1]->dims[2];
    struct nms a = {.n = n,
                    .most = fw_run_has(r, 2) ? fw_buffer_int(r->in[2], 0) : 0,
                    .limit = fw_run_has(r, 3) ? *reals_at_least(r, 3, 1) : 0,
                    .least = fw_run_has(r, 4) ? *reals_at_least(r, 4, 1) : -REAL_MAX,
                    .boxes = fw_arena_array(r->scratch, n + 1, sizeof *a.boxes),
                    .left = fw_arena_array(r->scratch, n + 1, sizeof *a.left)};
    (void)reals_at_least(r, 0, batches * n * 4);
    int64_t *kept = fw_arena_array(r->scratch, batches * classes * n + 1, sizeof *kept);
    size_t *n_kept = fw_arena_array(r->scratch, batches * classes + 1, sizeof *n_kept), all = 0;
    if (a.boxes == NULL || a.left == NULL || kept == NULL || n_kept == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t b = 0; b < batches; b++) {
        read_boxes(r, b, n, fw_run_attr_int(r, "center_point_box", 0) != 0, a.boxes);
        for (size_t i = b * classes; i < (b + 1) * classes; i++) {
            n_kept[i] = suppress(&a, reals(r, 1) + i * n, kept + all);
            all += n_kept[i];
        }
    }
    int64_t dims[2] = {(int64_t)all, 3};
    FW_TRY(r->shape(r, 0, 2, dims));
    for (size_t i = 0, at = 0; i < batches * classes; i++) {
        for (size_t k = 0; k < n_kept[i]; k++, at++) {
            fw_buffer_put_int(r->out[0], 3 * at, (int64_t)(i / classes));
            fw_buffer_put_int(r->out[0], 3 * at + 1, (int64_t)(i % classes));
            fw_buffer_put_int(r->out[0], 3 * at + 2, kept[at]);
        }
    }
    return FW_OK;
}
