/* Kernels of embed.c, whose file head has the formulas, and of SwiGLU (mixers.c). */
#include "ops/attention.h"
#include "ops/kernel.h"

struct rotary {
    size_t batch, heads, length, width, turned; // turned: elements of a head that are
    bool packed;                                // (batch, length, heads*width)
    bool pairs;                                 // neighbours, else halves
    const struct fw_buffer *positions, *cos, *sin;
};

static enum fw_status rotary_of(const struct fw_run *r, struct rotary *v)
{
    const struct fw_rotary_form *form = r->cx.node->op->family;
    const struct fw_buffer *x = r->in[0];
    size_t heads = (size_t)fw_run_attr_int(r, "num_heads", 0);
    size_t part = (size_t)fw_run_attr_int(r, "rotary_embedding_dim", 0);
    *v = (struct rotary){.batch = (size_t)x->dims[0],
                         .packed = x->rank == 3,
                         .pairs = fw_run_attr_int(r, "interleaved", 0) != 0,
                         .positions = fw_run_in(r, form->positions),
                         .cos = r->in[form->cos],
                         .sin = r->in[form->sin]};
    size_t half = (size_t)v->cos->dims[v->cos->rank - 1];
    size_t last = (size_t)x->dims[x->rank - 1];
    v->length = (size_t)x->dims[v->packed ? 1 : 2];
    size_t tokens = v->batch * v->length;
    bool alike = v->sin->rank == v->cos->rank && v->sin->n == v->cos->n &&
                 (size_t)v->sin->dims[v->sin->rank - 1] == half;
    FW_REQUIRE(half > 0 && alike && (v->cos->rank == 2 || v->cos->n == tokens * half), r->cx.err,
               FW_SHAPE, "two caches of one shape are wanted, of 3 axes with a row for each token");
    FW_REQUIRE(v->positions == NULL || v->positions->n == 1 || v->positions->n == tokens, r->cx.err,
               FW_SHAPE, "one position, or one for each of %zu tokens, is wanted", tokens);
    v->heads = !v->packed ? (size_t)x->dims[1] : heads > 0 ? heads : last / (2 * half);
    FW_REQUIRE(v->heads > 0 && last % (v->packed ? v->heads : 1) == 0, r->cx.err, FW_SHAPE,
               "a width that the heads divide is wanted");
    v->width = v->packed ? last / v->heads : last;
    v->turned = part > 0 ? part : v->width;
    FW_REQUIRE(v->turned % 2 == 0 && v->turned <= v->width && v->turned / 2 <= half, r->cx.err,
               FW_SHAPE, "caches of half the turned width are wanted");
    return FW_OK;
}

/* Row of the caches for a token. */
static enum fw_status row_of(const struct fw_run *r, const struct rotary *v, size_t b, size_t l,
                             size_t *ret)
{
    *ret = b * v->length + l; // caches as they are, one row a token
    if (v->cos->rank == 3)
        return FW_OK;
    int64_t row = (int64_t)l;
    if (v->positions != NULL)
        row = v->positions->n == 1 ? fw_buffer_int(v->positions, 0) + (int64_t)l
                                   : fw_buffer_int(v->positions, b * v->length + l);
    FW_REQUIRE(row >= 0 && row < v->cos->dims[0], r->cx.err, FW_SHAPE,
               "a position from 0 to %lld is wanted, found %lld", (long long)v->cos->dims[0] - 1,
               (long long)row);
    *ret = (size_t)row;
    return FW_OK;
}

/* (x, y) -> (x cos - y sin, x sin + y cos), or back. */
static void turn(const struct rotary *v, const REAL *x, REAL *y, size_t row, bool back)
{
    size_t half = (size_t)v->cos->dims[v->cos->rank - 1];
    const REAL *cos_ = reals_of(v->cos) + row * half;
    const REAL *sin_ = reals_of(v->sin) + row * half;
    memcpy(y, x, v->width * sizeof *y);
    for (size_t i = 0; i < v->turned / 2; i++) {
        size_t a = v->pairs ? 2 * i : i;
        size_t b = v->pairs ? 2 * i + 1 : i + v->turned / 2;
        REAL s = back ? -sin_[i] : sin_[i];
        REAL p = x[a];
        REAL q = x[b];
        y[a] = SUB(MUL(p, cos_[i]), MUL(q, s));
        y[b] = ADD(MUL(p, s), MUL(q, cos_[i]));
    }
}

static enum fw_status rotate(struct fw_run *r, bool back)
{
    struct rotary v;
    FW_TRY(rotary_of(r, &v));
    for (size_t i = 0; i < v.batch * v.length * v.heads; i++) {
        size_t b = i / (v.length * v.heads);
        size_t l = i / v.heads % v.length;
        size_t h = i % v.heads;
        size_t at = v.packed ? i : (b * v.heads + h) * v.length + l;
        size_t row;
        FW_TRY(row_of(r, &v, b, l, &row));
        turn(&v, reals(r, 0) + at * v.width, reals_out(r, 0) + at * v.width, row, back);
    }
    return FW_OK;
}

KERNEL(rotary)
{
    return rotate(r, false);
}
KERNEL(rotary_grad) // (dy, and the others as forward)
{
    return rotate(r, true);
}

KERNEL(swiglu) // a/(1 + exp(-alpha*a))*b
{
    REAL alpha = attr_real(r, "alpha");
    size_t from, to;
    fw_run_share(r, r->out[0]->n, &from, &to);
    for (size_t i = from; i < to; i++) {
        REAL a = reals(r, 0)[i];
        REAL gate = DIV(a, ADD((REAL)1, EXP(MUL(-alpha, a))));
        reals_out(r, 0)[i] = MUL(gate, reals(r, 1)[i]);
    }
    return FW_OK;
}

/* ---- EmbedLayerNormalization ---- */

enum { IDS, SEGMENTS, WORD, POSITION, SEGMENT, GAMMA, BETA, MASK, POSITIONS };

/* Adds a token's row of a table to y, or copies it. */
static enum fw_status table_row(const struct fw_run *r, unsigned table, const struct fw_buffer *ids,
                                size_t token, size_t place, bool first, REAL *y)
{
    const struct fw_buffer *t = r->in[table];
    size_t width = (size_t)t->dims[1];
    int64_t row = ids == NULL ? (int64_t)place : fw_buffer_int(ids, ids->n > token ? token : place);
    FW_REQUIRE(row >= 0 && row < t->dims[0], r->cx.err, FW_SHAPE,
               "a row from 0 to %lld is wanted, found %lld", (long long)t->dims[0] - 1,
               (long long)row);
    const REAL *p = reals(r, table) + (size_t)row * width;
    for (size_t i = 0; i < width; i++)
        y[i] = first ? p[i] : ADD(y[i], p[i]);
    return FW_OK;
}

/* x - mean into h, and what it is multiplied by to have the deviation 1. */
static REAL centre(const REAL *x, size_t n, REAL epsilon, REAL *h)
{
    REAL mean = x[0];
    for (size_t i = 1; i < n; i++)
        mean = ADD(mean, x[i]);
    mean = DIV(mean, (REAL)n);
    REAL square = 0;
    for (size_t i = 0; i < n; i++) {
        h[i] = SUB(x[i], mean);
        REAL s = MUL(h[i], h[i]);
        square = i == 0 ? s : ADD(square, s);
    }
    return DIV((REAL)1, SQRT(ADD(DIV(square, (REAL)n), epsilon)));
}

/* Numbers of each example's mask, or zeros. */
static void mask_sums(const struct fw_run *r, size_t batch, size_t length)
{
    const struct fw_buffer *mask = fw_run_in(r, MASK);
    struct fw_buffer *y = fw_run_out(r, 1);
    for (size_t b = 0; y != NULL && b < batch; b++) {
        REAL sum = 0;
        for (size_t i = 0; mask != NULL && i < length; i++) {
            REAL v = (REAL)fw_buffer_get(mask, b * length + i);
            sum = i == 0 ? v : ADD(sum, v);
        }
        fw_buffer_put(y, b, (double)sum);
    }
}

KERNEL(embed)
{
    size_t batch = (size_t)r->in[IDS]->dims[0];
    size_t length = (size_t)r->in[IDS]->dims[1];
    size_t width = (size_t)r->in[WORD]->dims[1];
    const struct fw_buffer *kept = fw_run_out(r, 2);
    REAL *sum = scratch_reals(r, width + 1);
    if (sum == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < batch * length && width > 0; i++) {
        REAL *y = reals_out(r, 0) + i * width;
        FW_TRY(table_row(r, WORD, r->in[IDS], i, i % length, true, sum));
        FW_TRY(table_row(r, POSITION, fw_run_in(r, POSITIONS), i, i % length, false, sum));
        if (fw_run_has(r, SEGMENT) && fw_run_has(r, SEGMENTS))
            FW_TRY(table_row(r, SEGMENT, r->in[SEGMENTS], i, i % length, false, sum));
        if (kept != NULL)
            memcpy(reals_of(kept) + i * width, sum, width * sizeof *sum);
        REAL inverse = centre(sum, width, attr_real(r, "epsilon"), y);
        for (size_t j = 0; j < width; j++)
            y[j] = ADD(MUL(MUL(y[j], inverse), reals(r, GAMMA)[j]), reals(r, BETA)[j]);
    }
    mask_sums(r, batch, length);
    return FW_OK;
}

KERNEL(embed_grad_sum) // (dy, sum, gamma)
{
    size_t width = r->in[2]->n;
    REAL *h = scratch_reals(r, width + 1);
    if (h == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; width > 0 && i < r->in[1]->n; i += width) {
        REAL inverse = centre(reals(r, 1) + i, width, attr_real(r, "epsilon"), h);
        REAL *g = reals_out(r, 0) + i;
        REAL mean = 0, along = 0;
        for (size_t j = 0; j < width; j++) {
            h[j] = MUL(h[j], inverse);
            g[j] = MUL(reals(r, 0)[i + j], reals(r, 2)[j]);
            REAL gh = MUL(g[j], h[j]);
            mean = j == 0 ? g[j] : ADD(mean, g[j]);
            along = j == 0 ? gh : ADD(along, gh);
        }
        mean = DIV(mean, (REAL)width);
        along = DIV(along, (REAL)width);
        for (size_t j = 0; j < width; j++)
            g[j] = MUL(SUB(SUB(g[j], mean), MUL(h[j], along)), inverse);
    }
    return FW_OK;
}

KERNEL(embed_grad_scale) // (dy, gamma, sum)
{
    size_t width = r->in[1]->n;
    REAL *h = scratch_reals(r, width + 1);
    if (h == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    for (size_t i = 0; width > 0 && i < r->in[2]->n; i += width) {
        REAL inverse = centre(reals(r, 2) + i, width, attr_real(r, "epsilon"), h);
        for (size_t j = 0; j < width; j++) {
            REAL v = MUL(reals(r, 0)[i + j], MUL(h[j], inverse));
            REAL *to = &reals_out(r, 0)[j];
            *to = i == 0 ? v : ADD(*to, v);
        }
    }
    return FW_OK;
}

KERNEL(embed_grad_table) // (dsum (batch, length, width), table, indices?: places)
{
    const struct fw_buffer *d = r->in[0], *ids = fw_run_in(r, 2);
    size_t length = (size_t)d->dims[1];
    size_t width = (size_t)d->dims[2];
    zero_out(r, 0);
    for (size_t i = 0; i < d->n; i++) {
        size_t token = i / width;
        size_t row = ids == NULL
                         ? token % length
                         : (size_t)fw_buffer_int(ids, ids->n > token ? token : token % length);
        FW_REQUIRE((int64_t)row < r->out[0]->dims[0], r->cx.err, FW_SHAPE,
                   "an index is outside of the table");
        REAL *to = &reals_out(r, 0)[row * width + i % width];
        *to = ADD(*to, reals(r, 0)[i]);
    }
    return FW_OK;
}
