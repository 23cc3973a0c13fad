/* Kernels of shapeof.c: shapes as data, and tensors made from shapes. */
#include "ops/moves.h"

KERNEL(shape)
{
    const struct fw_buffer *x = r->in[0];
    int64_t rank = x->rank;
    int64_t from = fw_run_attr_int(r, "start", 0);
    from = from < 0 ? from + rank : from;
    from = from < 0 ? 0 : from > rank ? rank : from;
    for (size_t i = 0; i < r->out[0]->n; i++)
        fw_buffer_put_int(r->out[0], i, x->dims[(size_t)from + i]);
    return FW_OK;
}

KERNEL(size)
{
    fw_buffer_put_int(r->out[0], 0, (int64_t)r->in[0]->n);
    return FW_OK;
}

KERNEL(range) // start + k*delta
{
    const struct fw_buffer *start = r->in[0];
    bool real = is_real(start);
    double count =
        ceil((fw_buffer_get(r->in[1], 0) - fw_buffer_get(start, 0)) / fw_buffer_get(r->in[2], 0));
    int64_t n = count > 0 ? (int64_t)fw_within_reach(count) : 0;
    FW_TRY(r->shape(r, 0, 1, &n));
    for (size_t k = 0; k < r->out[0]->n; k++) {
        if (real) {
            REAL step = MUL(*reals_at_least(r, 2, 1), (REAL)k);
            fw_buffer_put(r->out[0], k, (double)ADD(*reals_at_least(r, 0, 1), step));
        } else {
            TALLY(FW_MUL);
            TALLY(FW_ADD);
            fw_buffer_put_int(r->out[0], k,
                              fw_buffer_int(start, 0) + (int64_t)k * fw_buffer_int(r->in[2], 0));
        }
    }
    return FW_OK;
}

KERNEL(constant_of_shape)
{
    const struct fw_attr *fill = fw_run_attr(r, "value");
    struct fw_buffer *y = r->out[0];
    struct fw_buffer one = *y;
    if (!fill->given || fill->tensor == NULL) {
        zero_out(r, 0);
        return FW_OK;
    }
    if (y->n == 0)
        return FW_OK;
    one.n = 1;
    if (fill->tensor->value != NULL && fw_dim_is_const(*fill->tensor->value))
        fw_buffer_put_int(&one, 0, fill->tensor->value->word);
    else
        FW_REQUIRE(fw_buffer_decode(&one, fill->tensor->data), r->cx.err, FW_UNSUPPORTED,
                   "attribute 'value': contents are wanted");
    size_t each = fw_element_bytes((enum fw_dtype)y->dtype, y->real);
    for (size_t i = 1; i < y->n; i++)
        memcpy((char *)y->data + i * each, y->data, each);
    return FW_OK;
}

/* A diagonal that misses the matrix is as far away as one beside it. */
static int64_t near_diagonal(int64_t k, int64_t height, int64_t width)
{
    return k > width ? width : k < -height ? -height : k;
}

KERNEL(eye_like)
{
    int64_t width = r->out[0]->dims[1];
    int64_t k = near_diagonal(fw_run_attr_int(r, "k", 0), r->out[0]->dims[0], width);
    zero_out(r, 0);
    for (int64_t row = 0; row < r->out[0]->dims[0]; row++)
        if (row + k >= 0 && row + k < width)
            fw_buffer_put_int(r->out[0], (size_t)(row * width + row + k), 1);
    return FW_OK;
}

KERNEL(trilu) // (x, k?)
{
    const struct fw_buffer *x = r->in[0];
    bool upper = fw_run_attr_int(r, "upper", 1) != 0;
    int64_t width = x->dims[x->rank - 1];
    int64_t height = x->dims[x->rank - 2];
    int64_t k = fw_run_has(r, 1) ? near_diagonal(fw_buffer_int(r->in[1], 0), height, width) : 0;
    struct moves m;
    FW_TRY(moves_open(r, x, r->out[0], &m));
    for (int64_t i = 0; i < (int64_t)x->n; i++) {
        int64_t off = i % width - i / width % height; // column - row
        m.from[i] = (upper ? off >= k : off <= k) ? i : -1;
    }
    moves_forward(&m, x, r->out[0], NULL);
    return FW_OK;
}
