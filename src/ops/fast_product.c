/* Matrix products as strides: y = a*b over a batch, each operand as it lies in memory. Leading
 * dimensions that lie side by side become one, and a batch that only makes more rows (a linear
 * layer over sequences) or a longer sum (its weight gradient) becomes that. */
#include "ops/fast_impl.h"

#include "ops/matmul.h"

struct operand { // of one product
    unsigned n_batch;
    int64_t batch[FW_FAST_BATCH], step[FW_FAST_BATCH];
    int64_t rows, columns, row, column; // sizes, strides
};

static bool read_operand(const struct fw_tensor *t, bool transposed, struct operand *ret)
{
    if (!fw_fast_is_f32(t) || t->rank < 2 || t->rank > FW_FAST_BATCH + 2)
        return false;
    int64_t step = 1, stride[FW_FAST_BATCH + 2] = {0};
    for (unsigned k = t->rank; k-- > 0;) {
        stride[k] = step;
        step *= t->dims[k].word;
    }
    unsigned row = t->rank - (transposed ? 1u : 2u), column = t->rank - (transposed ? 2u : 1u);
    *ret = (struct operand){.n_batch = t->rank - 2u,
                            .rows = t->dims[row].word,
                            .columns = t->dims[column].word,
                            .row = stride[row],
                            .column = stride[column]};
    for (unsigned k = 0; k < ret->n_batch; k++) {
        ret->batch[k] = t->dims[k].word;
        ret->step[k] = ret->batch[k] == 1 ? 0 : stride[k];
    }
    return true;
}

static struct operand turned(struct operand o)
{
    int64_t size = o.rows, step = o.row;
    o.rows = o.columns;
    o.row = o.column;
    o.columns = size;
    o.column = step;
    return o;
}

/* Batch dimensions aligned at the end, as broadcasting has them. */
static struct fw_fast_matrix matrix_of(struct fw_fast *f, const struct operand *o)
{
    struct fw_fast_matrix m = {.row = o->row, .column = o->column};
    if (o->columns == 1) // strides that nobody takes, as libraries want them
        m.column = 1;
    if (o->rows == 1)
        m.row = o->columns * m.column;
    for (unsigned k = 0; k < o->n_batch; k++) {
        unsigned at = f->n_batch - o->n_batch + k;
        m.batch[at] = o->step[k];
        if (o->batch[k] > f->batch[at])
            f->batch[at] = o->batch[k];
    }
    return m;
}

static bool follows(const struct fw_fast_matrix *m, unsigned k, int64_t inner)
{
    return m->batch[k] == m->batch[k + 1] * inner;
}

static void drop_batch(struct fw_fast *f, unsigned k)
{
    struct fw_fast_matrix *all[3] = {&f->a, &f->b, &f->c};
    f->n_batch--;
    for (unsigned j = k; j < f->n_batch; j++) {
        f->batch[j] = f->batch[j + 1];
        for (unsigned i = 0; i < 3; i++)
            all[i]->batch[j] = all[i]->batch[j + 1];
    }
}

/* Neighbouring batch dimensions that lie side by side in all three become one. */
static void merge_batch(struct fw_fast *f)
{
    for (unsigned k = 0; k < f->n_batch; k++)
        if (f->batch[k] == 1)
            drop_batch(f, k--);
    for (unsigned k = 0; k + 1 < f->n_batch; k++) {
        int64_t inner = f->batch[k + 1];
        if (!follows(&f->a, k, inner) || !follows(&f->b, k, inner) || !follows(&f->c, k, inner))
            continue;
        f->batch[k + 1] *= f->batch[k];
        drop_batch(f, k--);
    }
}

/* The last batch dimension as more rows, more columns or a longer sum. */
static bool absorb_batch(struct fw_fast *f)
{
    if (f->n_batch == 0)
        return false;
    unsigned k = f->n_batch - 1;
    int64_t a = f->a.batch[k], b = f->b.batch[k], c = f->c.batch[k];
    if (b == 0 && a == f->m * f->a.row && c == f->m * f->c.row)
        f->m *= f->batch[k];
    else if (a == 0 && b == f->n * f->b.column && c == f->n * f->c.column)
        f->n *= f->batch[k];
    else if (c == 0 && a == f->k * f->a.column && b == f->k * f->b.row)
        f->k *= f->batch[k];
    else
        return false;
    f->n_batch--;
    return true;
}

/* c = a*b; ports say which inputs a and b are. */
static bool set_product(struct fw_fast *f, struct operand a, struct operand b, struct operand c,
                        int port_a, int port_b)
{
    if (c.column != 1) { // results are written along their rows
        struct operand t = turned(a);
        a = turned(b);
        b = t;
        c = turned(c);
        int port = port_a;
        port_a = port_b;
        port_b = port;
    }
    fw_fast_start(f, FW_FAST_PRODUCT);
    f->in[0] = (int8_t)port_a;
    f->in[1] = (int8_t)port_b;
    f->m = a.rows;
    f->k = a.columns;
    f->n = b.columns;
    f->n_batch = a.n_batch > b.n_batch ? a.n_batch : b.n_batch;
    f->n_batch = c.n_batch > f->n_batch ? c.n_batch : f->n_batch;
    f->a = matrix_of(f, &a);
    f->b = matrix_of(f, &b);
    f->c = matrix_of(f, &c);
    if (b.rows != f->k || c.rows != f->m || c.columns != f->n || c.column != 1)
        return false;
    do {
        merge_batch(f);
    } while (absorb_batch(f));
    for (unsigned k = 0; k < f->n_batch; k++)
        if (f->c.batch[k] == 0)
            return false; // a sum over a batch that cannot be one product
    return true;
}

static bool flag(const struct fw_cx *c, unsigned i)
{
    return c->node->op->n_attrs > i && c->node->attr != NULL && c->node->attr[i].i != 0;
}

static bool one_alpha(const struct fw_cx *c)
{
    return c->node->attr == NULL || c->node->attr[FW_MATMUL_ALPHA].f == 1;
}

bool fw_fast_matmul(struct fw_cx *c, struct fw_fast *ret)
{
    struct operand a, b, y;
    return one_alpha(c) && !flag(c, FW_MATMUL_TRANS_BATCH_A) && !flag(c, FW_MATMUL_TRANS_BATCH_B) &&
           read_operand(fw_in(c, 0), flag(c, FW_MATMUL_TRANS_A), &a) &&
           read_operand(fw_in(c, 1), flag(c, FW_MATMUL_TRANS_B), &b) &&
           read_operand(fw_out(c, 0), false, &y) && set_product(ret, a, b, y, 0, 1);
}

/* The third operand as one row that is repeated: what a linear layer adds. */
bool fw_fast_gemm(struct fw_cx *c, struct fw_fast *ret)
{
    struct operand a, b, y;
    if (!one_alpha(c) || !read_operand(fw_in(c, 0), flag(c, FW_MATMUL_TRANS_A), &a) ||
        !read_operand(fw_in(c, 1), flag(c, FW_MATMUL_TRANS_B), &b) ||
        !read_operand(fw_out(c, 0), false, &y) || !set_product(ret, a, b, y, 0, 1))
        return false;
    if (!fw_has_in(c, 2) || c->node->attr[FW_GEMM_BETA].f == 0)
        return true;
    const struct fw_tensor *bias = fw_in(c, 2);
    bool row = fw_fast_is_f32(bias) && bias->rank >= 1 && bias->rank <= 2 &&
               bias->dims[bias->rank - 1].word == ret->n &&
               (bias->rank == 1 || bias->dims[0].word == 1);
    ret->in[2] = 2;
    return row && c->node->attr[FW_GEMM_BETA].f == 1;
}

/* (dY, B, A) -> dA = dY*B^T, (dY, A, B) -> dB = A^T*dY, of the operands as the product saw them. */
bool fw_fast_matmul_grad(struct fw_cx *c, struct fw_fast *ret)
{
    bool of_b = c->node->attr[FW_N_MATMUL_ATTRS].i != 0;
    bool trans_a = flag(c, FW_MATMUL_TRANS_A), trans_b = flag(c, FW_MATMUL_TRANS_B);
    struct operand dy, other, out;
    if (flag(c, FW_MATMUL_TRANS_BATCH_A) || flag(c, FW_MATMUL_TRANS_BATCH_B) ||
        !read_operand(fw_in(c, 0), false, &dy) ||
        !read_operand(fw_in(c, 1), of_b ? trans_a : trans_b, &other) ||
        !read_operand(fw_out(c, 0), of_b ? trans_b : trans_a, &out))
        return false;
    return of_b ? set_product(ret, turned(other), dy, out, 1, 0)
                : set_product(ret, dy, turned(other), out, 0, 1);
}
