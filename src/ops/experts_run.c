/* Kernels of experts.c: every token meets the weights of the expert it was sent to. */
#include "ops/product.h"

/* The expert of a pair of token and choice. */
static enum fw_status expert_of(const struct fw_run *r, unsigned input, size_t pair, size_t experts,
                                size_t *ret)
{
    int64_t e = fw_buffer_int(r->in[input], pair);
    FW_REQUIRE(e >= 0 && (size_t)e < experts, r->cx.err, FW_SHAPE,
               "an expert from 0 to %zu is wanted, found %lld", experts - 1, (long long)e);
    *ret = (size_t)e;
    return FW_OK;
}

KERNEL(expert_product) // (x, w, chosen, bias?)
{
    const struct fw_buffer *w = r->in[1];
    bool is_turned = fw_run_attr_int(r, "turned", 0) != 0;
    size_t k = (size_t)w->dims[is_turned ? 2 : 1];
    size_t n = (size_t)w->dims[is_turned ? 1 : 2];
    size_t pairs = k > 0 ? r->in[0]->n / k : 0;
    zero_out(r, 0);
    for (size_t i = 0; i < pairs; i++) {
        size_t e;
        FW_TRY(expert_of(r, 2, i, (size_t)w->dims[0], &e));
        struct matrix m = matrix_of(reals(r, 1) + e * k * n, is_turned ? k : n, 1);
        REAL *y = reals_out(r, 0) + i * n;
        FW_TRY(product(r, 1, n, k, matrix_of(y, n, 1), matrix_of(reals(r, 0) + i * k, k, 1),
                       is_turned ? turned(m) : m));
        for (size_t j = 0; fw_run_has(r, 3) && j < n; j++)
            y[j] = ADD(y[j], reals(r, 3)[e * n + j]);
    }
    return FW_OK;
}

KERNEL(expert_weight) // (dy, x, chosen, w)
{
    const struct fw_buffer *x = r->in[1];
    const struct fw_buffer *w = r->out[0];
    size_t k = (size_t)x->dims[x->rank - 1];
    size_t n = (size_t)r->in[0]->dims[r->in[0]->rank - 1];
    bool is_turned = (size_t)w->dims[1] != k || (size_t)w->dims[2] != n;
    zero_out(r, 0);
    for (size_t i = 0; i < r->in[2]->n; i++) {
        size_t e;
        FW_TRY(expert_of(r, 2, i, (size_t)w->dims[0], &e));
        struct matrix m = matrix_of(reals_out(r, 0) + e * k * n, is_turned ? k : n, 1);
        struct matrix row = matrix_of(reals(r, 1) + i * k, 1, 1); // (k, 1)
        struct matrix dy = matrix_of(reals(r, 0) + i * n, n, 1);
        if (is_turned)
            FW_TRY(product(r, n, k, 1, m, turned(dy), turned(row)));
        else
            FW_TRY(product(r, k, n, 1, m, row, dy));
    }
    return FW_OK;
}

KERNEL(expert_bias) // (dy, -, chosen, bias)
{
    size_t n = (size_t)r->in[0]->dims[r->in[0]->rank - 1];
    zero_out(r, 0);
    for (size_t i = 0; i < r->in[2]->n; i++) {
        size_t e;
        FW_TRY(expert_of(r, 2, i, (size_t)r->out[0]->dims[0], &e));
        for (size_t j = 0; j < n; j++) {
            REAL *to = &reals_out(r, 0)[e * n + j];
            *to = ADD(*to, reals(r, 0)[i * n + j]);
        }
    }
    return FW_OK;
}
