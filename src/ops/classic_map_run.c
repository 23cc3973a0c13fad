/* Kernels of classic.c that prepare inputs: element by element, row by row, side by side. */
#include "ops/kernel.h"

/* Number k of a list that has one for every feature, or one for all. */
static REAL listed(const struct fw_run *r, const char *name, size_t k, double otherwise)
{
    const struct fw_attr *a = fw_run_attr(r, name);
    if (a == NULL || a->n == 0)
        return (REAL)otherwise;
    return (REAL)a->floats[a->n == 1 ? 0 : k % a->n];
}

KERNEL(scaler) // (x - offset)*scale
{
    for (size_t i = 0; i < r->in[0]->n; i++)
        reals_out(r, 0)[i] = MUL(SUB((REAL)fw_buffer_get(r->in[0], i), listed(r, "offset", i, 0)),
                                 listed(r, "scale", i, 1));
    return FW_OK;
}

KERNEL(binarizer)
{
    REAL threshold = attr_real(r, "threshold");
    for (size_t i = 0; i < r->in[0]->n; i++)
        fw_buffer_put(r->out[0], i, LESS(threshold, (REAL)fw_buffer_get(r->in[0], i)) ? 1 : 0);
    return FW_OK;
}

KERNEL(imputer)
{
    const struct fw_attr *whole = fw_run_attr(r, "imputed_value_int64s");
    REAL replaced = attr_real(r, "replaced_value_float");
    bool real = is_real(r->in[0]);
    for (size_t i = 0; i < r->in[0]->n; i++) {
        REAL x = (REAL)fw_buffer_get(r->in[0], i);
        bool gone = EQUAL(x, replaced) || (isnan((double)x) && isnan((double)replaced));
        if (!real)
            gone = fw_buffer_int(r->in[0], i) == fw_run_attr_int(r, "replaced_value_int64", 0);
        TALLY(FW_MINMAX);
        if (real)
            fw_buffer_put(r->out[0], i,
                          (double)(gone ? listed(r, "imputed_value_floats", i, (double)x) : x));
        else
            fw_buffer_put_int(r->out[0], i,
                              gone && whole->n > 0 ? whole->ints[whole->n == 1 ? 0 : i % whole->n]
                                                   : fw_buffer_int(r->in[0], i));
    }
    return FW_OK;
}

KERNEL(normalizer) // rows by their largest element, sum of magnitudes, or length
{
    const char *norm = fw_run_attr(r, "norm")->s;
    bool length = strcmp(norm, "L2") == 0, sum = strcmp(norm, "L1") == 0;
    const struct fw_buffer *x = r->in[0];
    size_t n = x->rank >= 1 ? (size_t)x->dims[x->rank - 1] : 1;
    for (size_t i = 0; n > 0 && i < x->n; i += n) {
        REAL by = 0;
        for (size_t k = i; k < i + n; k++) {
            REAL v = (REAL)fw_buffer_get(x, k);
            REAL part = length ? MUL(v, v) : sum ? ABS(v) : v;
            by = k == i ? part : length || sum ? ADD(by, part) : MAX(by, part);
        }
        if (length)
            by = SQRT(by);
        for (size_t k = i; k < i + n; k++)
            reals_out(r, 0)[k] = DIV((REAL)fw_buffer_get(x, k), by != 0 ? by : 1);
    }
    return FW_OK;
}

KERNEL(one_hot_encoder)
{
    const struct fw_attr *cats = fw_run_attr(r, "cats_int64s");
    bool zeros = fw_run_attr_int(r, "zeros", 1) != 0;
    FW_REQUIRE(cats->n > 0, r->cx.err, FW_UNSUPPORTED, "there is no kernel for string categories");
    for (size_t i = 0; i < r->in[0]->n; i++) {
        int64_t x = fw_buffer_int(r->in[0], i);
        bool found = false;
        for (size_t k = 0; k < cats->n; k++) {
            reals_out(r, 0)[i * cats->n + k] = cats->ints[k] == x ? 1 : 0;
            found = found || cats->ints[k] == x;
        }
        FW_REQUIRE(found || zeros, r->cx.err, FW_SHAPE, "%lld is none of the categories",
                   (long long)x);
    }
    return FW_OK;
}

KERNEL(feature_vectorizer)
{
    size_t width = (size_t)r->out[0]->dims[1];
    size_t before = 0;
    for (unsigned i = 0; i < r->cx.node->n_in; i++) {
        const struct fw_buffer *x = r->in[i];
        size_t n = (size_t)x->dims[x->rank - 1];
        FW_REQUIRE(x->n == n * (size_t)r->out[0]->dims[0], r->cx.err, FW_SHAPE,
                   "features of %lld examples are wanted", (long long)r->out[0]->dims[0]);
        for (size_t k = 0; k < x->n; k++)
            reals_out(r, 0)[k / n * width + before + k % n] = (REAL)fw_buffer_get(x, k);
        before += n;
    }
    return FW_OK;
}
