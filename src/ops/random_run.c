/* Kernels of random.c, on the executor's random numbers. */
#include "ops/kernel.h"

static uint8_t *mask_of(const struct fw_run *r)
{
    return fw_run_out(r, 1) != NULL ? r->out[1]->data : NULL;
}

KERNEL(dropout) // of inference: nothing is dropped
{
    struct fw_buffer *y = r->out[0];
    size_t bytes = y->n * fw_element_bytes((enum fw_dtype)y->dtype, y->real);
    if (y->data != r->in[0]->data)
        memcpy(y->data, r->in[0]->data, bytes);
    if (mask_of(r) != NULL)
        memset(mask_of(r), 1, r->out[1]->n);
    return FW_OK;
}

static double ratio_of(const struct fw_run *r, unsigned input)
{
    return fw_run_has(r, input) ? fw_buffer_get(r->in[input], 0) : 0.5;
}

KERNEL(dropout_train) // (x, ratio?, training?) -> y, mask
{
    double ratio = ratio_of(r, 1);
    REAL scale = keep_scale(ratio);
    const REAL *x = reals(r, 0);
    REAL *y = reals_out(r, 0);
    uint8_t *mask = mask_of(r);
    size_t n = r->out[0]->n, from, to;
    fw_run_share(r, n, &from, &to);
    fw_random_skip(r->random, from);
    for (size_t i = from; i < to; i++) {
        bool kept = fw_random_unit(r->random) >= ratio;
        y[i] = MUL(x[i], kept ? scale : 0);
        if (mask != NULL)
            mask[i] = kept;
    }
    fw_random_skip(r->random, n - to);
    return FW_OK;
}

KERNEL(dropout_grad) // (dy, mask, ratio?)
{
    const uint8_t *mask = r->in[1]->data;
    REAL scale = keep_scale(ratio_of(r, 2));
    const REAL *dy = reals(r, 0);
    REAL *dx = reals_out(r, 0);
    size_t from, to;
    fw_run_share(r, r->out[0]->n, &from, &to);
    for (size_t i = from; i < to; i++)
        dx[i] = MUL(dy[i], mask[i] ? scale : 0);
    return FW_OK;
}

KERNEL(bernoulli)
{
    for (size_t i = 0; i < r->out[0]->n; i++)
        fw_buffer_put(r->out[0], i,
                      LESS((REAL)fw_random_unit(r->random), (REAL)fw_buffer_get(r->in[0], i)));
    return FW_OK;
}

KERNEL(random_normal) // sqrt(-2*log(u))*cos(2*pi*v)*scale + mean
{
    REAL mean = attr_real(r, "mean");
    REAL scale = attr_real(r, "scale");
    for (size_t i = 0; i < r->out[0]->n; i++) {
        REAL u = (REAL)(1 - fw_random_unit(r->random));
        REAL v = (REAL)fw_random_unit(r->random);
        REAL size = SQRT(MUL((REAL)-2, LOG(u)));
        REAL x = MUL(size, COS(MUL((REAL)6.283185307179586, v)));
        fw_buffer_put(r->out[0], i, (double)ADD(MUL(x, scale), mean));
    }
    return FW_OK;
}

KERNEL(random_uniform)
{
    REAL low = attr_real(r, "low");
    REAL range = attr_real(r, "high") - low;
    for (size_t i = 0; i < r->out[0]->n; i++)
        fw_buffer_put(r->out[0], i, (double)ADD(MUL((REAL)fw_random_unit(r->random), range), low));
    return FW_OK;
}

KERNEL(multinomial) // logits (rows, classes)
{
    size_t rows = (size_t)r->in[0]->dims[0];
    size_t classes = (size_t)r->in[0]->dims[1];
    size_t draws = (size_t)r->out[0]->dims[1];
    REAL *sums = scratch_reals(r, classes);
    if (sums == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < classes; c++) {
            REAL e = EXP(reals(r, 0)[row * classes + c]);
            sums[c] = c == 0 ? e : ADD(sums[c - 1], e);
        }
        for (size_t k = 0; k < draws; k++) {
            REAL at = MUL((REAL)fw_random_unit(r->random), classes > 0 ? sums[classes - 1] : 0);
            int64_t class = 0;
            for (size_t c = 0; c < classes; c++)
                class += LESS(at, sums[c]) ? 0 : 1;
            fw_buffer_put_int(r->out[0], row * draws + k, class);
        }
    }
    return FW_OK;
}
