/* Kernels of objective.c: the losses that training attaches. */
#include "ops/kernel.h"

static enum fw_status label_of(const struct fw_run *r, size_t row, size_t classes, size_t *ret)
{
    int64_t label = fw_buffer_int(r->in[1], row);
    FW_REQUIRE(label >= 0 && (size_t)label < classes, r->cx.err, FW_SHAPE,
               "a label from 0 to %zu is wanted, found %lld", classes - 1, (long long)label);
    *ret = (size_t)label;
    return FW_OK;
}

KERNEL(cross_entropy) // (logits, labels) -> mean, probabilities?
{
    const struct fw_buffer *x = r->in[0];
    size_t n_rows = r->in[1]->n;
    size_t classes = n_rows > 0 ? x->n / n_rows : 0;
    REAL *all = reals_out(r, 1);
    all = all != NULL ? all : scratch_reals(r, x->n);
    REAL loss = 0;
    if (all == NULL)
        return fw_fail_memory(r->cx.err);
    FW_REQUIRE(n_rows == 0 || classes > 0, r->cx.err, FW_UNSUPPORTED,
               "logits of at least one class are wanted, found none");
    for (size_t row = 0; row < n_rows; row++) {
        const REAL *v = reals(r, 0) + row * classes;
        REAL *p = all + row * classes;
        size_t label;
        FW_TRY(label_of(r, row, classes, &label));
        softmax_line(v, p, classes);
        REAL one = LOG(p[label]);
        loss = JOIN(row == 0, loss, one);
    }
    reals_out(r, 0)[0] = DIV(NEG(loss), real_of(n_rows));
    return FW_OK;
}

KERNEL(cross_entropy_grad) // (probabilities, labels): (p - onehot(label))/rows
{
    const struct fw_buffer *p = r->in[0];
    size_t n_rows = r->in[1]->n;
    size_t classes = n_rows > 0 ? p->n / n_rows : 0;
    REAL by = one_over(n_rows);
    size_t from_row, to_row;
    fw_run_share(r, n_rows, &from_row, &to_row);
    for (size_t row = from_row; row < to_row; row++) {
        size_t label;
        FW_TRY(label_of(r, row, classes, &label));
        REAL *dx = reals_out(r, 0) + row * classes;
        const REAL *from = reals(r, 0) + row * classes;
        for (size_t c = 0; c < classes; c++)
            dx[c] = MUL(c == label ? SUB(from[c], (REAL)1) : from[c], by);
    }
    return FW_OK;
}

KERNEL(sum_of_squares) // half of it
{
    REAL sum = 0;
    for (size_t i = 0; i < r->in[0]->n; i++) {
        REAL s = MUL(reals(r, 0)[i], reals(r, 0)[i]);
        sum = JOIN(i == 0, sum, s);
    }
    reals_out(r, 0)[0] = MUL(sum, (REAL)0.5);
    return FW_OK;
}
