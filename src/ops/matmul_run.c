/* Kernels of matmul.c. */
#include "ops/matmul.h"
#include "ops/product.h"

/* An operand as the product sees it: batch dimensions, then a matrix. */
struct operand {
    REAL *p;
    unsigned n_batch;
    int64_t dims[FW_MAX_RANK]; // (n_batch)
    ptrdiff_t stride[FW_MAX_RANK];
    size_t rows, columns;
    ptrdiff_t row, column; // strides
};

static bool flag(const struct fw_run *r, const char *name)
{
    const struct fw_attr *a = fw_run_attr(r, name);
    return a != NULL && a->i != 0;
}

/* Dimensions in the order the product sees them: a leading batch dimension that stands before the
 * last one, then the transposition. A vector is a row on the left, a column on the right. */
static struct operand operand_of(const struct fw_buffer *v, bool left, bool trans, bool trans_batch)
{
    struct operand o = {.p = reals_of(v), .rows = 1, .columns = 1};
    int64_t dims[FW_MAX_RANK] = {0};
    ptrdiff_t stride[FW_MAX_RANK] = {0};
    ptrdiff_t step = 1;
    unsigned n = v->rank;
    for (unsigned k = n; k-- > 0;) {
        dims[k] = v->dims[k];
        stride[k] = step;
        step *= (ptrdiff_t)v->dims[k];
    }
    if (n == 1) {
        *(left ? &o.columns : &o.rows) = (size_t)dims[0];
        *(left ? &o.column : &o.row) = stride[0];
        *(left ? &o.row : &o.column) = (ptrdiff_t)dims[0];
        return o;
    }
    if (trans_batch) {
        int64_t d = dims[0];
        ptrdiff_t s = stride[0];
        for (unsigned k = 0; k + 2 < n; k++) {
            dims[k] = dims[k + 1];
            stride[k] = stride[k + 1];
        }
        dims[n - 2] = d;
        stride[n - 2] = s;
    }
    unsigned row = trans ? n - 1 : n - 2;
    unsigned column = trans ? n - 2 : n - 1;
    o.rows = (size_t)dims[row];
    o.row = stride[row];
    o.columns = (size_t)dims[column];
    o.column = stride[column];
    o.n_batch = n - 2;
    for (unsigned k = 0; k < o.n_batch; k++) {
        o.dims[k] = dims[k];
        o.stride[k] = stride[k];
    }
    return o;
}

static struct operand factor(const struct fw_run *r, const struct fw_buffer *v, bool left)
{
    return operand_of(v, left, flag(r, left ? "transA" : "transB"),
                      flag(r, left ? "transBatchA" : "transBatchB"));
}

static void add_operand(struct fw_walk *w, const struct operand *o)
{
    ptrdiff_t stride[FW_MAX_RANK] = {0};
    for (unsigned k = 1; k <= o->n_batch && k <= w->rank; k++)
        if (o->dims[o->n_batch - k] != 1)
            stride[w->rank - k] = o->stride[o->n_batch - k];
    fw_walk_add(w, stride, 0);
}

/* c += a*b for every batch; c may be repeated over the batch as well and then sums. The rows of c
 * are shared among the parts. */
static enum fw_status products(const struct fw_run *r, const struct operand *c,
                               const struct operand *a, const struct operand *b)
{
    const struct operand *all[3] = {c, a, b};
    struct fw_walk w = {0};
    size_t n_batch = 1;
    for (unsigned i = 0; i < 3; i++)
        if (all[i]->n_batch > w.rank)
            w.rank = all[i]->n_batch;
    for (unsigned k = 0; k < w.rank; k++)
        w.dims[k] = 1;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 1; k <= all[i]->n_batch; k++)
            if (all[i]->dims[all[i]->n_batch - k] != 1)
                w.dims[w.rank - k] = all[i]->dims[all[i]->n_batch - k];
    for (unsigned k = 0; k < w.rank; k++)
        n_batch *= (size_t)w.dims[k];
    for (unsigned i = 0; i < 3; i++)
        add_operand(&w, all[i]);
    size_t from, to;
    fw_run_share(r, c->rows, &from, &to);
    for (size_t i = 0; i < n_batch; i++) {
        struct matrix mc = {c->p + w.offset[0] + (ptrdiff_t)from * c->row, c->row, c->column};
        struct matrix ma = {a->p + w.offset[1] + (ptrdiff_t)from * a->row, a->row, a->column};
        struct matrix mb = {b->p + w.offset[2], b->row, b->column};
        FW_TRY(product(r, to - from, c->columns, a->columns, mc, ma, mb));
        fw_walk_next(&w);
    }
    return FW_OK;
}

/* The product's own shape: vectors have no row or no column. */
static struct operand result_of(const struct fw_buffer *y, const struct operand *a,
                                const struct operand *b, bool vector_a, bool vector_b)
{
    struct operand o = {.p = reals_of(y), .rows = a->rows, .columns = b->columns};
    o.row = (ptrdiff_t)b->columns;
    o.column = 1;
    ptrdiff_t step = (ptrdiff_t)(o.rows * o.columns);
    o.n_batch = y->rank - (vector_a ? 0u : 1u) - (vector_b ? 0u : 1u);
    for (unsigned k = o.n_batch; k-- > 0;) {
        o.dims[k] = y->dims[k];
        o.stride[k] = step;
        step *= (ptrdiff_t)y->dims[k];
    }
    return o;
}

static void scale_all(REAL *y, size_t n, REAL by)
{
    for (size_t i = 0; by != 1 && i < n; i++)
        y[i] = MUL(y[i], by);
}

/* Integers go through reals, which hold them up to 2^24 (plain) or 2^53 exactly. */
static struct fw_buffer in_reals(const struct fw_run *r, const struct fw_buffer *v)
{
    struct fw_buffer copy = *v;
    if (is_real(v))
        return copy;
    REAL *p = scratch_reals(r, v->n);
    for (size_t i = 0; p != NULL && i < v->n; i++)
        p[i] = (REAL)fw_buffer_get(v, i);
    copy.data = p;
    copy.dtype = FW_F32;
    return copy;
}

KERNEL(matmul)
{
    struct fw_buffer va = in_reals(r, r->in[0]);
    struct fw_buffer vb = in_reals(r, r->in[1]);
    struct fw_buffer vy = *r->out[0];
    if (!is_real(&vy)) {
        vy.data = scratch_reals(r, vy.n);
        vy.dtype = FW_F32;
    }
    if (va.data == NULL || vb.data == NULL || vy.data == NULL)
        return fw_fail_memory(r->cx.err);
    struct operand a = factor(r, &va, true);
    struct operand b = factor(r, &vb, false);
    struct operand y = result_of(&vy, &a, &b, va.rank == 1, vb.rank == 1);
    if (vy.n > 0)
        memset(vy.data, 0, vy.n * sizeof(REAL));
    FW_TRY(products(r, &y, &a, &b));
    scale_all(vy.data, vy.n, (REAL)fw_run_attr_float(r, "alpha", 1));
    for (size_t i = 0; vy.data != r->out[0]->data && i < vy.n; i++)
        fw_buffer_put(r->out[0], i, (double)reals_of(&vy)[i]);
    return FW_OK;
}

KERNEL(matmul_grad) // of a: (dy, b, a) -> dy b^T; of b: (dy, a, b) -> a^T dy
{
    bool of_a = fw_run_attr_int(r, "of", 0) == 0;
    struct operand other = factor(r, r->in[1], !of_a);
    struct operand x = factor(r, r->out[0], of_a);
    struct operand dy = result_of(r->in[0], of_a ? &x : &other, of_a ? &other : &x,
                                  (of_a ? r->out[0] : r->in[1])->rank == 1,
                                  (of_a ? r->in[1] : r->out[0])->rank == 1);
    struct operand t = other;
    t.rows = other.columns;
    t.columns = other.rows;
    t.row = other.column;
    t.column = other.row;
    zero_out(r, 0);
    return of_a ? products(r, &x, &dy, &t) : products(r, &x, &t, &dy);
}

KERNEL(gemm) // (a, b, c?): alpha*a*b + beta*c
{
    struct operand a = factor(r, r->in[0], true);
    struct operand b = factor(r, r->in[1], false);
    struct operand y = result_of(r->out[0], &a, &b, false, false);
    REAL beta = (REAL)fw_run_attr_float(r, "beta", 1);
    struct fw_buffer *c = fw_run_in(r, 2);
    zero_out(r, 0);
    FW_TRY(products(r, &y, &a, &b));
    scale_all(y.p, r->out[0]->n, (REAL)fw_run_attr_float(r, "alpha", 1));
    if (c == NULL || beta == 0)
        return FW_OK;
    REAL *scaled = scratch_reals(r, c->n);
    struct fw_walk w;
    if (scaled == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < c->n; i++)
        scaled[i] = reals_of(c)[i];
    scale_all(scaled, c->n, beta);
    fw_walk_init(&w, 2, r->out[0]->dims);
    fw_walk_add_broadcast(&w, c);
    for (size_t i = 0; i < r->out[0]->n; i++) {
        y.p[i] = ADD(y.p[i], scaled[w.offset[0]]);
        fw_walk_next(&w);
    }
    return FW_OK;
}
