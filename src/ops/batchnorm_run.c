/* Kernels of batchnorm.c, whose file head has the formulas. */
#include "ops/kernel.h"

/* x as (examples, channels, inner), statistics over groups of channels, per example or over all. */
struct layout {
    size_t examples, channels, inner;
    size_t groups;      // sets of statistics of one example
    size_t n_sets;      // of them in all
    size_t per_channel; // channels of a group
    bool whole;         // statistics over all examples
};

static struct layout layout_of(const struct fw_buffer *x, size_t groups)
{
    struct layout l = {.examples = x->rank > 0 ? (size_t)x->dims[0] : 1, .channels = 1, .inner = 1};
    if (x->rank > 1) {
        l.channels = (size_t)x->dims[1];
        l.inner = fw_buffer_span(x, 2, x->rank);
    }
    l.whole = groups == 0;
    l.groups = l.whole ? l.channels : groups;
    l.n_sets = l.whole ? l.channels : l.examples * groups;
    l.per_channel = l.channels / (l.groups > 0 ? l.groups : 1);
    return l;
}

/* The set of statistics that channel c of example n belongs to. */
static size_t set_of(const struct layout *l, size_t n, size_t c)
{
    size_t g = c / l->per_channel;
    return l->whole ? g : n * l->groups + g;
}

static const REAL *line_of(const struct layout *l, const REAL *x, size_t n, size_t c)
{
    return x + (n * l->channels + c) * l->inner;
}

/* s += v; the first number of a sum is no addition. */
static void join(REAL *s, bool *begun, REAL v)
{
    *s = JOIN(!*begun, *s, v);
    *begun = true;
}

/* Mean and 1/sqrt(var + epsilon) of every set; var where asked for. */
static enum fw_status statistics(struct fw_run *r, const struct layout *l, const REAL *x,
                                 REAL epsilon, REAL *mean, REAL *var, REAL *inverse)
{
    bool *begun = fw_arena_zalloc(r->scratch, 2 * l->n_sets + 1);
    REAL count = real_of(l->inner * l->per_channel * (l->whole ? l->examples : 1));
    if (begun == NULL)
        return fw_fail_memory(r->cx.err);
    memset(mean, 0, l->n_sets * sizeof *mean);
    memset(var, 0, l->n_sets * sizeof *var);
    for (size_t i = 0; i < l->examples * l->channels; i++) {
        size_t s = set_of(l, i / l->channels, i % l->channels);
        for (size_t k = 0; k < l->inner; k++)
            join(&mean[s], &begun[s], x[i * l->inner + k]);
    }
    for (size_t s = 0; s < l->n_sets && count > 0; s++)
        mean[s] = DIV(mean[s], count);
    for (size_t i = 0; i < l->examples * l->channels; i++) {
        size_t s = set_of(l, i / l->channels, i % l->channels);
        for (size_t k = 0; k < l->inner; k++) {
            REAL d = SUB(x[i * l->inner + k], mean[s]);
            join(&var[s], &begun[l->n_sets + s], MUL(d, d));
        }
    }
    for (size_t s = 0; s < l->n_sets && count > 0; s++) {
        var[s] = DIV(var[s], count);
        inverse[s] = DIV((REAL)1, SQRT(ADD(var[s], epsilon)));
    }
    return FW_OK;
}

/* Scale and shift are vectors of channels, or of groups (GroupNormalization before opset 21). */
static size_t vector_at(const struct fw_buffer *v, const struct layout *l, size_t c)
{
    return v->n == l->channels ? c : c / l->per_channel;
}

/* y = x*a + b with a = scale*inverse, b = shift - mean*a, once for each pair of them. */
static void apply(struct fw_run *r, const struct layout *l, const REAL *mean, const REAL *inverse)
{
    for (size_t c = 0; c < l->channels; c++) {
        REAL a = 0;
        REAL b = 0;
        for (size_t n = 0; n < l->examples; n++) {
            size_t s = set_of(l, n, c);
            if (n == 0 || !l->whole) {
                a = MUL(reals(r, 1)[vector_at(r->in[1], l, c)], inverse[s]);
                b = SUB(reals(r, 2)[vector_at(r->in[2], l, c)], MUL(mean[s], a));
            }
            const REAL *x = line_of(l, reals(r, 0), n, c);
            REAL *y = reals_out(r, 0) + (x - reals(r, 0));
            for (size_t k = 0; k < l->inner; k++)
                y[k] = ADD(MUL(x[k], a), b);
        }
    }
}

static enum fw_status normalise(struct fw_run *r, const struct layout *l, REAL *mean, REAL *var,
                                REAL *inverse)
{
    if (mean == NULL || var == NULL || inverse == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(statistics(r, l, reals(r, 0), attr_real(r, "epsilon"), mean, var, inverse));
    apply(r, l, mean, inverse);
    return FW_OK;
}

/* running*momentum + batch*(1 - momentum) */
static void blend(REAL *to, const REAL *running, const REAL *batch, REAL momentum, size_t n)
{
    const REAL rest = one_minus(momentum);
    for (size_t i = 0; to != NULL && i < n; i++)
        to[i] = ADD(MUL(running[i], momentum), MUL(batch[i], rest));
}

static REAL *out_or_scratch(struct fw_run *r, unsigned i, size_t n)
{
    REAL *p = reals_out(r, i);
    return p != NULL ? p : scratch_reals(r, n);
}

KERNEL(batch_norm_train) // -> y, running mean and variance, mean, inverse deviation
{
    struct layout l = layout_of(r->in[0], 0);
    size_t n = l.n_sets;
    REAL momentum = attr_real(r, "momentum");
    REAL *mean = out_or_scratch(r, 3, n);
    REAL *var = scratch_zeros(r, n);
    FW_TRY(normalise(r, &l, mean, var, out_or_scratch(r, 4, n)));
    blend(out_or_scratch(r, 1, n), reals(r, 3), mean, momentum, r->in[0]->n > 0 ? n : 0);
    blend(out_or_scratch(r, 2, n), reals(r, 4), var, momentum, r->in[0]->n > 0 ? n : 0);
    return FW_OK;
}

KERNEL(batch_norm)
{
    if (fw_run_attr_int(r, "training_mode", 0) != 0)
        return KERNEL_NAME(batch_norm_train)(r);
    struct layout l = layout_of(r->in[0], 0);
    REAL epsilon = attr_real(r, "epsilon");
    for (size_t c = 0; c < l.channels && r->in[0]->n > 0; c++) {
        REAL a = DIV(reals(r, 1)[c], SQRT(ADD(reals(r, 4)[c], epsilon)));
        REAL b = SUB(reals(r, 2)[c], MUL(reals(r, 3)[c], a));
        for (size_t n = 0; n < l.examples; n++) {
            const REAL *x = line_of(&l, reals(r, 0), n, c);
            REAL *y = reals_out(r, 0) + (x - reals(r, 0));
            for (size_t k = 0; k < l.inner; k++)
                y[k] = ADD(MUL(x[k], a), b);
        }
    }
    for (unsigned i = 1; i < r->cx.node->n_out; i++) // the statistics as they are
        if (r->out[i] != NULL)
            memcpy(r->out[i]->data, r->in[i <= 2 ? i + 2 : i]->data, r->out[i]->n * sizeof(REAL));
    return FW_OK;
}

KERNEL(group_norm) // and instance normalisation: a group is a channel; -> y, mean?, inverse?
{
    size_t channels = r->in[0]->rank > 1 ? (size_t)r->in[0]->dims[1] : 1;
    struct layout l =
        layout_of(r->in[0], (size_t)fw_run_attr_int(r, "num_groups", (int64_t)channels));
    return normalise(r, &l, out_or_scratch(r, 1, l.n_sets), scratch_zeros(r, l.n_sets),
                     out_or_scratch(r, 2, l.n_sets));
}

/* ---- gradients ---- */

/* Per channel (and example, unless whole): s1 = sum of dY, s2 = inverse * sum of dY*(x - mean). */
static enum fw_status sums(struct fw_run *r, const struct layout *l, const REAL *mean,
                           const REAL *inverse, REAL *s1, REAL *s2)
{
    size_t n_pairs = l->whole ? l->channels : l->examples * l->channels;
    bool *begun = fw_arena_zalloc(r->scratch, 2 * n_pairs + 1);
    if (begun == NULL)
        return fw_fail_memory(r->cx.err);
    memset(s1, 0, n_pairs * sizeof *s1);
    memset(s2, 0, n_pairs * sizeof *s2);
    for (size_t i = 0; i < l->examples * l->channels; i++) {
        size_t c = i % l->channels;
        size_t pair = l->whole ? c : i;
        size_t set = set_of(l, i / l->channels, c);
        for (size_t k = i * l->inner; k < (i + 1) * l->inner; k++) {
            join(&s1[pair], &begun[pair], reals(r, 0)[k]);
            join(&s2[pair], &begun[n_pairs + pair],
                 MUL(reals(r, 0)[k], SUB(reals(r, 1)[k], mean[set])));
        }
    }
    for (size_t i = 0; i < n_pairs && r->in[0]->n > 0; i++)
        s2[i] = MUL(inverse[set_of(l, i / l->channels, i % l->channels)], s2[i]);
    return FW_OK;
}

static struct layout layout_from(const struct fw_buffer *x, const struct fw_buffer *mean)
{
    return layout_of(x, mean->rank == 1 ? 0 : (size_t)mean->dims[1]);
}

KERNEL(norm_sums) // (dy, x, mean, inverse)
{
    struct layout l = layout_from(r->in[1], r->in[2]);
    return sums(r, &l, reals(r, 2), reals(r, 3), reals_out(r, 0), reals_out(r, 1));
}

/* Sums of scale*s over the channels of each set. */
static enum fw_status over_groups(struct fw_run *r, const struct layout *l, const REAL *s, REAL *g)
{
    size_t n_pairs = l->whole ? l->channels : l->examples * l->channels;
    bool *begun = fw_arena_zalloc(r->scratch, l->n_sets + 1);
    if (begun == NULL || g == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n_pairs; i++) {
        size_t c = i % l->channels;
        size_t set = set_of(l, i / l->channels, c);
        join(&g[set], &begun[set], MUL(reals(r, 2)[vector_at(r->in[2], l, c)], s[i]));
    }
    return FW_OK;
}

KERNEL(norm_grad_input) // (dy, x, scale, mean, inverse, s1, s2)
{
    struct layout l = layout_from(r->in[1], r->in[3]);
    REAL count = real_of(l.inner * l.per_channel * (l.whole ? l.examples : 1));
    REAL *g1 = scratch_zeros(r, l.n_sets);
    REAL *g2 = scratch_zeros(r, l.n_sets);
    const REAL *mean = reals(r, 3);
    const REAL *inverse = reals(r, 4);
    if (r->in[1]->n == 0)
        return FW_OK;
    FW_TRY(over_groups(r, &l, reals(r, 5), g1));
    FW_TRY(over_groups(r, &l, reals(r, 6), g2));
    for (size_t s = 0; s < l.n_sets; s++) { // k1 in the place of g2, k2 in that of g1
        g2[s] = DIV(MUL(MUL(inverse[s], inverse[s]), g2[s]), count);
        g1[s] = SUB(MUL(g2[s], mean[s]), DIV(MUL(inverse[s], g1[s]), count));
    }
    for (size_t c = 0; c < l.channels; c++) {
        REAL a = 0;
        for (size_t n = 0; n < l.examples; n++) {
            size_t s = set_of(&l, n, c);
            if (n == 0 || !l.whole)
                a = MUL(reals(r, 2)[vector_at(r->in[2], &l, c)], inverse[s]);
            size_t from = (n * l.channels + c) * l.inner;
            for (size_t k = from; k < from + l.inner; k++)
                reals_out(r, 0)[k] =
                    ADD(SUB(MUL(a, reals(r, 0)[k]), MUL(g2[s], reals(r, 1)[k])), g1[s]);
        }
    }
    return FW_OK;
}

KERNEL(norm_fixed_grad) // (dy, scale, var)
{
    struct layout l = layout_of(r->in[0], 0);
    REAL epsilon = attr_real(r, "epsilon");
    for (size_t c = 0; c < l.channels && r->in[0]->n > 0; c++) {
        REAL a = DIV(reals(r, 1)[c], SQRT(ADD(reals(r, 2)[c], epsilon)));
        for (size_t n = 0; n < l.examples; n++) {
            size_t from = (n * l.channels + c) * l.inner;
            for (size_t k = from; k < from + l.inner; k++)
                reals_out(r, 0)[k] = MUL(reals(r, 0)[k], a);
        }
    }
    return FW_OK;
}

KERNEL(norm_fixed_sums) // (dy, x, mean, var)
{
    struct layout l = layout_of(r->in[1], 0);
    REAL epsilon = attr_real(r, "epsilon");
    REAL *inverse = scratch_zeros(r, l.channels);
    if (inverse == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t c = 0; c < l.channels && r->in[1]->n > 0; c++)
        inverse[c] = DIV((REAL)1, SQRT(ADD(reals(r, 3)[c], epsilon)));
    return sums(r, &l, reals(r, 2), inverse, reals_out(r, 0), reals_out(r, 1));
}
