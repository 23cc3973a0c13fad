/* Kernels of loss.c. Scores are (N, C, d...), labels (N, d...): position p = (n, d). */
#include "ops/kernel.h"

struct scores {
    size_t classes, inner, n, m; // n: scores in all, m: labels
    const REAL *weights;         // NULL: none
    const struct fw_buffer *labels;
    bool mean, sum;
    bool has_ignored;
    int64_t ignored;
};

static struct scores scores_of(const struct fw_run *r, unsigned labels, unsigned weights,
                               const struct fw_buffer *x)
{
    struct scores s = {.classes = (size_t)x->dims[1],
                       .inner = fw_buffer_span(x, 2, x->rank),
                       .n = x->n,
                       .labels = r->in[labels],
                       .weights = reals(r, weights)};
    const struct fw_attr *how = fw_run_attr(r, "reduction");
    const struct fw_attr *ignore = fw_run_attr(r, "ignore_index");
    s.m = s.labels->n;
    s.sum = how->s != NULL && strcmp(how->s, "sum") == 0;
    s.mean = !s.sum && !(how->s != NULL && strcmp(how->s, "none") == 0);
    s.has_ignored = ignore->given;
    s.ignored = ignore->i;
    return s;
}

/* Where the class of position p stands, class 0 for -1. */
static size_t at_class(const struct scores *s, size_t p, size_t class)
{
    return (p / s->inner * s->classes + class) * s->inner + p % s->inner;
}

/* The label of a position; an ignored one picks class 0 with weight 0. */
static enum fw_status label_of(const struct fw_run *r, const struct scores *s, size_t p,
                               size_t *ret, bool *ret_ignored)
{
    int64_t label = fw_buffer_int(s->labels, p);
    *ret_ignored = s->has_ignored && label == s->ignored;
    FW_REQUIRE(s->classes > 0, r->cx.err, FW_SHAPE, "scores of at least one class are wanted");
    FW_REQUIRE(*ret_ignored || (label >= 0 && (size_t)label < s->classes), r->cx.err, FW_SHAPE,
               "a label from 0 to %zu is wanted, found %lld", s->classes - 1, (long long)label);
    *ret = *ret_ignored ? 0 : (size_t)label;
    return FW_OK;
}

/* room: (2*classes) */
static void log_softmax(const struct scores *s, const REAL *x, REAL *logs, REAL *room)
{
    size_t n = s->classes;
    REAL *row = room, *e = room + n;
    for (size_t p = 0; p < s->m && n > 0; p++) {
        size_t at = at_class(s, p, 0);
        for (size_t c = 0; c < n; c++)
            row[c] = x[at + c * s->inner];
        log_softmax_line(row, row, e, n);
        for (size_t c = 0; c < n; c++)
            logs[at + c * s->inner] = row[c];
    }
}

/* The factor of a position: its class's weight, 0 where the label is ignored. */
static REAL factor(const struct scores *s, size_t label, bool ignored)
{
    return ignored ? 0 : s->weights != NULL ? s->weights[label] : 1;
}

static enum fw_status pick(struct fw_run *r, const struct scores *s, const REAL *logs)
{
    REAL sum = 0;
    REAL factors = 0;
    size_t used = 0;
    for (size_t p = 0; p < s->m; p++) {
        size_t label;
        bool ignored;
        FW_TRY(label_of(r, s, p, &label, &ignored));
        REAL v = NEG(logs[at_class(s, p, label)]);
        REAL f = factor(s, label, ignored);
        v = s->weights != NULL ? MUL(v, f) : ignored ? 0 : v;
        if (!s->mean && !s->sum)
            reals_out(r, 0)[p] = v;
        else
            sum = JOIN(p == 0, sum, v);
        if (s->mean && s->weights != NULL)
            factors = JOIN(p == 0, factors, f);
        used += !ignored;
    }
    if (s->mean)
        sum = DIV(sum, s->weights != NULL ? factors : real_of(used));
    if (s->mean || s->sum)
        reals_out(r, 0)[0] = sum;
    return FW_OK;
}

KERNEL(softmax_loss) // (scores, labels, weights?) -> loss, logarithms?
{
    struct scores s = scores_of(r, 1, 2, r->in[0]);
    REAL *logs = reals_out(r, 1);
    logs = logs != NULL ? logs : scratch_reals(r, s.n);
    REAL *room = scratch_reals(r, 2 * s.classes + 1);
    if (logs == NULL || room == NULL)
        return fw_fail_memory(r->cx.err);
    log_softmax(&s, reals(r, 0), logs, room);
    return pick(r, &s, logs);
}

KERNEL(negative_log)
{
    struct scores s = scores_of(r, 1, 2, r->in[0]);
    return pick(r, &s, reals(r, 0));
}

/* dloss, divided once for a mean, weighted and negated where the label points. */
static enum fw_status factors_of(struct fw_run *r, const struct scores *s, REAL *ret)
{
    REAL scale = 1;
    REAL sum = 0;
    size_t used = 0;
    for (size_t p = 0; s->mean && p < s->m; p++) {
        size_t label;
        bool ignored;
        FW_TRY(label_of(r, s, p, &label, &ignored));
        REAL f = factor(s, label, ignored);
        if (s->weights != NULL)
            sum = JOIN(p == 0, sum, f);
        used += !ignored;
    }
    if (s->mean)
        scale = DIV(reals(r, 0)[0], s->weights != NULL ? sum : real_of(used));
    for (size_t p = 0; p < s->m; p++) {
        size_t label;
        bool ignored;
        FW_TRY(label_of(r, s, p, &label, &ignored));
        REAL f = s->mean ? scale : reals(r, 0)[s->sum ? 0 : p];
        ret[p] = s->weights != NULL ? MUL(f, factor(s, label, ignored)) : ignored ? 0 : f;
    }
    return FW_OK;
}

KERNEL(softmax_loss_grad) // (dloss, log p, labels, weights?): factor*(exp(log p) - 1 at the label)
{
    struct scores s = scores_of(r, 2, 3, r->in[1]);
    REAL *f = scratch_reals(r, s.m);
    if (f == NULL)
        return fw_fail_memory(r->cx.err);
    FW_TRY(factors_of(r, &s, f));
    const REAL *logs = reals(r, 1);
    REAL *dx = reals_out(r, 0);
    size_t from, to;
    fw_run_share(r, s.m, &from, &to);
    for (size_t p = from; p < to; p++) {
        size_t label;
        bool ignored;
        FW_TRY(label_of(r, &s, p, &label, &ignored));
        size_t at = at_class(&s, p, 0), n = s.classes * s.inner;
        if (n == 0)
            break;
        for (size_t k = at; k < at + n; k += s.inner)
            dx[k] = EXP(logs[k]);
        REAL *own = &dx[at + label * s.inner];
        *own = SUB(*own, (REAL)1);
        for (size_t k = at; k < at + n; k += s.inner)
            dx[k] = MUL(f[p], dx[k]);
    }
    return FW_OK;
}

KERNEL(negative_log_grad) // (dloss, log p for its shape, labels, weights?)
{
    struct scores s = scores_of(r, 2, 3, r->in[1]);
    REAL *f = scratch_reals(r, s.m);
    if (f == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    FW_TRY(factors_of(r, &s, f));
    for (size_t p = 0; p < s.m; p++) {
        size_t label;
        bool ignored;
        FW_TRY(label_of(r, &s, p, &label, &ignored));
        reals_out(r, 0)[at_class(&s, p, label)] = NEG(f[p]);
    }
    return FW_OK;
}
