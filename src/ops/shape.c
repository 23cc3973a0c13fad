/* Shape arithmetic that several families share; see op.h. */
#include "ops/op.h"

#include <inttypes.h>

enum fw_status fw_norm_axis(struct fw_cx *c, int64_t axis, unsigned rank, unsigned *ret)
{
    int64_t r = (int64_t)rank;
    FW_REQUIRE(axis >= -r && axis < r, c->err, FW_SHAPE,
               "an axis from %" PRId64 " to %" PRId64 " is wanted, found %" PRId64, -r, r - 1,
               axis);
    *ret = (unsigned)(axis < 0 ? axis + r : axis);
    return FW_OK;
}

static void dim_text(struct fw_cx *c, fw_dim d, char *buf, size_t n)
{
    struct fw_str s;
    fw_str_init(&s, c->g->alloc);
    fw_dim_print(c->sym, d, &s);
    const char *text = fw_str_text(&s);
    size_t k = 0;
    for (; k + 1 < n && text[k] != '\0'; k++)
        buf[k] = text[k];
    buf[k] = '\0';
    fw_str_free(&s);
}

static enum fw_status fail_dims(struct fw_cx *c, const char *what, fw_dim a, fw_dim b)
{
    char ta[64];
    char tb[64];
    dim_text(c, a, ta, sizeof ta);
    dim_text(c, b, tb, sizeof tb);
    return fw_fail(c->err, FW_SHAPE, -1, "%s: equal dimensions are wanted, found %s and %s", what,
                   ta, tb);
}

/* One pair of dimensions under broadcasting. */
static enum fw_status broadcast_dim(struct fw_cx *c, fw_dim a, fw_dim b, fw_dim *ret)
{
    if (fw_dim_eq(a, b) || fw_dim_is(b, 1)) {
        *ret = a;
        return FW_OK;
    }
    if (fw_dim_is(a, 1)) {
        *ret = b;
        return FW_OK;
    }
    bool ca = fw_dim_is_const(a);
    bool cb = fw_dim_is_const(b);
    if (ca && cb)
        return fail_dims(c, "broadcasting", a, b);
    *ret = ca ? a : cb ? b : fw_dim_max(c->sym, a, b);
    return FW_OK;
}

enum fw_status fw_broadcast(struct fw_cx *c, unsigned ra, const fw_dim *a, unsigned rb,
                            const fw_dim *b, unsigned *ret_rank, fw_dim *ret)
{
    unsigned rank = ra > rb ? ra : rb;
    fw_dim one = fw_dim_int(1);
    for (unsigned k = 0; k < rank; k++) { // k counts from the last dimension
        fw_dim da = k < ra ? a[ra - 1 - k] : one;
        fw_dim db = k < rb ? b[rb - 1 - k] : one;
        FW_TRY(broadcast_dim(c, da, db, &ret[rank - 1 - k]));
    }
    *ret_rank = rank;
    return FW_OK;
}

enum fw_status fw_want_broadcast_to(struct fw_cx *c, unsigned i, unsigned rank, const fw_dim *dims)
{
    FW_TRY(fw_want_rank(c, i, 0, rank));
    const struct fw_tensor *t = fw_in(c, i);
    fw_dim ignored;
    for (unsigned k = 0; k < t->rank; k++) {
        fw_dim own = t->dims[k];
        if (!fw_dim_is(own, 1))
            FW_TRY(fw_same_dim(c, "broadcasting", dims[rank - t->rank + k], own, &ignored));
    }
    return FW_OK;
}

enum fw_status fw_want_within(struct fw_cx *c, unsigned i, unsigned rank, const fw_dim *dims)
{
    FW_TRY(fw_want_rank(c, i, 0, rank));
    const struct fw_tensor *t = fw_in(c, i);
    fw_dim ignored;
    for (unsigned k = 0; k < t->rank; k++) {
        fw_dim own = t->dims[k], all = dims[rank - t->rank + k];
        bool known = fw_dim_is_const(own) && fw_dim_is_const(all);
        bool shorter = k + 1u == t->rank && (!known || own.word < all.word);
        if (!fw_dim_is(own, 1) && !shorter)
            FW_TRY(fw_same_dim(c, "broadcasting", all, own, &ignored));
    }
    return FW_OK;
}

enum fw_status fw_broadcast_inputs(struct fw_cx *c, unsigned first, unsigned n, unsigned *ret_rank,
                                   fw_dim *ret)
{
    fw_dim dims[FW_MAX_RANK];
    unsigned rank = 0;
    for (unsigned i = first; i < first + n; i++) {
        const struct fw_tensor *t = fw_in(c, i);
        if (t == NULL)
            continue;
        unsigned r;
        FW_TRY(fw_broadcast(c, rank, dims, t->rank, t->dims, &r, ret));
        rank = r;
        for (unsigned k = 0; k < rank; k++)
            dims[k] = ret[k];
    }
    *ret_rank = rank;
    return FW_OK;
}

fw_count fw_product(struct fw_cx *c, const fw_dim *dims, unsigned from, unsigned to)
{
    return from < to ? fw_dims_product(c->sym, dims + from, to - from) : fw_count_int(1);
}

enum fw_status fw_same_dim(struct fw_cx *c, const char *what, fw_dim a, fw_dim b, fw_dim *ret)
{
    if (!fw_dim_eq(a, b) && fw_dim_is_const(a) && fw_dim_is_const(b))
        return fail_dims(c, what, a, b);
    *ret = fw_dim_is_const(b) ? b : a;
    return FW_OK;
}

enum fw_status fw_want_rank(struct fw_cx *c, unsigned i, unsigned rank_min, unsigned rank_max)
{
    const struct fw_tensor *t = fw_in(c, i);
    FW_REQUIRE(t != NULL, c->err, FW_FORMAT, "input %u is wanted, it is missing", i);
    if (rank_min == rank_max)
        FW_REQUIRE(t->rank == rank_min, c->err, FW_SHAPE,
                   "input %u: %u dimensions are wanted, found %u", i, rank_min, t->rank);
    FW_REQUIRE(t->rank >= rank_min && t->rank <= rank_max, c->err, FW_SHAPE,
               "input %u: %u to %u dimensions are wanted, found %u", i, rank_min, rank_max,
               t->rank);
    return FW_OK;
}

enum fw_status fw_int_list(struct fw_cx *c, unsigned i, int attr, int64_t *ret, uint32_t max,
                           uint32_t *ret_n, bool *ret_known)
{
    *ret_known = true;
    *ret_n = 0;
    if (fw_has_in(c, i)) {
        uint32_t n = 0;
        const fw_dim *v = fw_in_value(c, i, &n);
        *ret_known = v != NULL;
        if (v == NULL)
            return FW_OK;
        FW_REQUIRE(n <= max, c->err, FW_SHAPE, "input %u: at most %u numbers are wanted, found %u",
                   i, max, n);
        for (uint32_t k = 0; k < n; k++) {
            if (!fw_dim_is_const(v[k])) {
                *ret_known = false;
                return FW_OK;
            }
            ret[k] = v[k].word;
        }
        *ret_n = n;
        return FW_OK;
    }
    if (attr < 0)
        return FW_OK;
    const struct fw_attr *a = &c->node->attr[attr];
    FW_REQUIRE(a->n <= max, c->err, FW_SHAPE, "attribute '%s': at most %u numbers, found %u",
               c->node->op->attrs[attr].name, max, a->n);
    for (uint32_t k = 0; k < a->n; k++)
        ret[k] = a->ints[k];
    *ret_n = a->n;
    return FW_OK;
}
