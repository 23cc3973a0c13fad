/* Kernels of the rotary embedding (embed.c) and of SwiGLU (mixers.c). */
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
    v->heads = !v->packed ? (size_t)x->dims[1] : heads > 0 ? heads : last / (2 * half);
    FW_REQUIRE(v->heads > 0 && last % (v->packed ? v->heads : 1) == 0, r->cx.err, FW_SHAPE,
               "a width that the heads divide is wanted");
    v->width = v->packed ? last / v->heads : last;
    v->turned = part > 0 ? part : v->width;
    FW_REQUIRE(v->turned <= v->width && v->turned / 2 <= half, r->cx.err, FW_SHAPE,
               "caches of half the turned width are wanted");
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
    const REAL *cos_ = (const REAL *)v->cos->data + row * half;
    const REAL *sin_ = (const REAL *)v->sin->data + row * half;
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
