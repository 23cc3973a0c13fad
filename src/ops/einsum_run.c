/* Kernels of einsum.c: operands joined from the left, as the rule of the count has it. */
#include "ops/einsum.h"
#include "ops/moves.h"

/* An array over labels: a label it does not have has stride 0. */
struct labelled {
    REAL *p;
    bool has[FW_EINSUM_LABELS];
    ptrdiff_t stride[FW_EINSUM_LABELS];
};

/* An operand as it stands; a label that occurs twice walks the diagonal. */
static struct labelled operand_of(const struct fw_buffer *v, const struct fw_einsum_term *t)
{
    struct labelled a = {.p = reals_of(v)};
    ptrdiff_t stride[FW_MAX_RANK];
    moves_strides(v, stride);
    for (unsigned k = 0; k < t->n; k++) {
        a.has[t->label[k]] = true;
        a.stride[t->label[k]] += v->dims[k] == 1 ? 0 : stride[k];
    }
    return a;
}

/* A fresh array over these labels, row-major in their order. */
static enum fw_status fresh(const struct fw_run *r, const struct fw_einsum *e, const bool *has,
                            struct labelled *ret)
{
    ptrdiff_t n = 1;
    memset(ret, 0, sizeof *ret);
    for (unsigned l = FW_EINSUM_LABELS; l-- > 0;) {
        ret->has[l] = has[l];
        if (!has[l])
            continue;
        ret->stride[l] = n;
        n *= (ptrdiff_t)e->dim[l].word;
    }
    ret->p = scratch_zeros(r, (size_t)n);
    return ret->p != NULL ? FW_OK : fw_fail_memory(r->cx.err);
}

/* A walk over labels with the given arrays; *ret_n: its length. */
static enum fw_status walk_of(const struct fw_run *r, const struct fw_einsum *e, const bool *over,
                              const struct labelled *const *arrays, unsigned n, struct fw_walk *w,
                              size_t *ret_n)
{
    unsigned labels[FW_MAX_RANK];
    int64_t dims[FW_MAX_RANK];
    unsigned rank = 0;
    *ret_n = 1;
    for (unsigned l = 0; l < FW_EINSUM_LABELS; l++) {
        if (!over[l])
            continue;
        FW_REQUIRE(rank < FW_MAX_RANK, r->cx.err, FW_LIMIT, "at most %d labels in a product",
                   FW_MAX_RANK);
        labels[rank] = l;
        dims[rank++] = e->dim[l].word;
        *ret_n *= (size_t)e->dim[l].word;
    }
    fw_walk_init(w, rank, dims);
    for (unsigned i = 0; i < n; i++) {
        ptrdiff_t stride[FW_MAX_RANK];
        for (unsigned k = 0; k < rank; k++)
            stride[k] = arrays[i]->stride[labels[k]];
        fw_walk_add(w, stride, 0);
    }
    return FW_OK;
}

/* Sums out the labels of a that keep does not have. */
static enum fw_status sum_out(const struct fw_run *r, const struct fw_einsum *e,
                              const struct labelled *a, const bool *keep, struct labelled *ret)
{
    const struct labelled *arrays[2] = {a, ret};
    struct fw_walk w;
    size_t n;
    if (memcmp(a->has, keep, sizeof a->has) == 0) {
        *ret = *a;
        return FW_OK;
    }
    FW_TRY(fresh(r, e, keep, ret));
    FW_TRY(walk_of(r, e, a->has, arrays, 2, &w, &n));
    bool *begun = fw_arena_zalloc(r->scratch, n + 1);
    if (begun == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < n; i++) {
        REAL *to = ret->p + w.offset[1];
        *to = JOIN(!begun[w.offset[1]], *to, a->p[w.offset[0]]);
        begun[w.offset[1]] = true;
        fw_walk_next(&w);
    }
    return FW_OK;
}

/* Joins b to a over all labels of both and keeps those that something later needs. */
static enum fw_status join(const struct fw_run *r, const struct fw_einsum *e, unsigned i,
                           const struct labelled *a, const struct labelled *b, struct labelled *ret)
{
    const struct labelled *arrays[3] = {a, b, ret};
    bool both[FW_EINSUM_LABELS];
    bool kept[FW_EINSUM_LABELS];
    bool contracts = false;
    struct fw_walk w;
    size_t n;
    for (unsigned l = 0; l < FW_EINSUM_LABELS; l++) {
        both[l] = a->has[l] || b->has[l];
        kept[l] = both[l] && e->last[l] > i;
        contracts = contracts || kept[l] != both[l];
    }
    FW_TRY(fresh(r, e, kept, ret));
    FW_TRY(walk_of(r, e, both, arrays, 3, &w, &n));
    for (size_t k = 0; k < n; k++) {
        REAL *to = ret->p + w.offset[2];
        REAL x = a->p[w.offset[0]];
        REAL y = b->p[w.offset[1]];
        *to = contracts ? MAC(*to, x, y) : MUL(x, y);
        fw_walk_next(&w);
    }
    return FW_OK;
}

KERNEL(einsum)
{
    struct fw_einsum e;
    struct labelled acc = {.p = NULL};
    FW_TRY(fw_einsum_read(&r->cx, &e));
    for (unsigned i = 0; i < e.n; i++) {
        struct labelled own = operand_of(r->in[i], &e.in[i]);
        struct labelled next, joined;
        bool keep[FW_EINSUM_LABELS];
        for (unsigned l = 0; l < FW_EINSUM_LABELS; l++)
            keep[l] = own.has[l] && (e.last[l] > i || (i > 0 && acc.has[l]));
        FW_TRY(sum_out(r, &e, &own, keep, &next));
        if (i == 0) {
            acc = next;
            continue;
        }
        FW_TRY(join(r, &e, i, &acc, &next, &joined));
        acc = joined;
    }
    FW_REQUIRE(acc.p != NULL, r->cx.err, FW_FORMAT, "an operand is wanted");
    const struct fw_buffer *y = r->out[0];
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    for (unsigned k = 0; k < e.out.n; k++)
        stride[k] = acc.stride[e.out.label[k]];
    fw_walk_init(&w, y->rank, y->dims);
    fw_walk_add(&w, stride, 0);
    for (size_t i = 0; i < y->n; i++) {
        reals_out(r, 0)[i] = acc.p[w.offset[0]];
        fw_walk_next(&w);
    }
    return FW_OK;
}

/* (dy, a), equation "labels of dy->labels of a": repeats, and writes diagonals into zeros. */
KERNEL(einsum_spread)
{
    const struct fw_buffer *dy = r->in[0];
    const struct fw_buffer *a = r->out[0];
    const char *text = fw_run_attr(r, "equation")->s;
    const char *to = strstr(text, "->") + 2;
    ptrdiff_t stride[FW_MAX_RANK];
    struct fw_walk w;
    moves_strides(dy, stride);
    fw_walk_init(&w, a->rank, a->dims);
    for (size_t i = 0; i < a->n; i++) {
        ptrdiff_t from = 0;
        bool diagonal = true;
        for (unsigned k = 0; k < a->rank; k++) {
            const char *first = strchr(to, to[k]);
            const char *in = strchr(text, to[k]);
            unsigned earlier = (unsigned)(first - to);
            diagonal = diagonal && w.at[earlier] == w.at[k];
            if (in < to - 2 && earlier == k && dy->dims[in - text] != 1)
                from += w.at[k] * stride[in - text];
        }
        reals_out(r, 0)[i] = diagonal ? reals(r, 0)[from] : 0;
        fw_walk_next(&w);
    }
    return FW_OK;
}
