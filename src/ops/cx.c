/* What the slots of a row use to read a node and to set its outputs; see op.h. */
#include "ops/op.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_FLOATS 64 // elements of a stored float tensor that may still be a scale or a size

void fw_error_at_node(struct fw_error *err, const struct fw_graph *g, uint32_t id)
{
    const struct fw_node *n = &g->nodes[id];
    if (n->name != NULL && n->name[0] != '\0')
        fw_error_prefix(err, "node '%s' (%s): ", n->name, n->op->name);
    else
        fw_error_prefix(err, "node %" PRIu32 " (%s): ", id, n->op->name);
}

const fw_dim *fw_in_value(struct fw_cx *c, unsigned i, uint32_t *ret_n)
{
    return i < c->node->n_in ? fw_tensor_value(c->g, c->node->in[i], ret_n) : NULL;
}

const fw_dim *fw_follow(struct fw_cx *c, unsigned i, uint32_t *ret_n)
{
    const struct fw_tensor *t = fw_in(c, i);
    if (t == NULL || t->rank == FW_RANK_UNKNOWN)
        return NULL;
    if (t->value == NULL && fw_dtype_is_float((enum fw_dtype)t->dtype)) {
        fw_count n = fw_elements(c, t);
        if (!fw_count_is_const(n) || n.word > MAX_FLOATS)
            return NULL;
    }
    return fw_in_value(c, i, ret_n);
}

bool fw_scalar_in(struct fw_cx *c, unsigned i, fw_dim *ret)
{
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, i, &n);
    if (v == NULL || n != 1)
        return false;
    *ret = v[0];
    return true;
}

int64_t fw_list_length(const struct fw_cx *c, unsigned i)
{
    const struct fw_tensor *t = fw_in(c, i);
    if (t == NULL || t->rank > 1)
        return -1;
    if (t->rank == 0)
        return 1;
    return fw_dim_is_const(t->dims[0]) ? t->dims[0].word : -1;
}

bool fw_attr_is(const struct fw_cx *c, unsigned i, const char *text)
{
    const char *s = fw_attr_at(c, i)->s;
    return s != NULL && strcmp(s, text) == 0;
}

/* The dims of an input that are the same, so that most outputs need no memory of their own. */
static const fw_dim *shared_dims(const struct fw_cx *c, unsigned rank, const fw_dim *dims)
{
    for (unsigned i = 0; i < c->node->n_in; i++) {
        const struct fw_tensor *t = fw_in(c, i);
        if (t != NULL && t->rank == rank && memcmp(t->dims, dims, rank * sizeof *dims) == 0)
            return t->dims;
    }
    return NULL;
}

static enum fw_status check_dims(const struct fw_cx *c, unsigned i, unsigned rank,
                                 const fw_dim *dims)
{
    for (unsigned k = 0; k < rank; k++) {
        if (fw_dim_is_bad(dims[k])) {
            char what[64];
            (void)snprintf(what, sizeof what, "dimension %u of output %u", k, i);
            return fw_symbols_fail(c->sym, what, c->err);
        }
        FW_REQUIRE(!fw_dim_is_const(dims[k]) || dims[k].word >= 0, c->err, FW_SHAPE,
                   "dimension %u of output %u must not be negative, found %" PRId64, k, i,
                   dims[k].word);
        bool fraction =
            !fw_dim_is_const(dims[k]) && !isnan(fw_count_to_double(c->sym, fw_count_of(dims[k])));
        FW_REQUIRE(!fraction, c->err, FW_SHAPE,
                   "dimension %u of output %u must be a whole number, found a fraction", k, i);
    }
    return FW_OK;
}

enum fw_status fw_set_out(struct fw_cx *c, unsigned i, enum fw_dtype dtype, unsigned rank,
                          const fw_dim *dims)
{
    if (!fw_has_out(c, i))
        return FW_OK;
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, rank, -1, c->err);
    const fw_dim *own = NULL;
    if (rank > 0) {
        own = shared_dims(c, rank, dims);
        if (own == NULL) {
            FW_TRY(check_dims(c, i, rank, dims));
            own = fw_graph_dims(c->g, rank, dims);
            if (own == NULL)
                return fw_fail_memory(c->err);
        }
    }
    struct fw_tensor *t = &c->g->tensors[c->node->out[i]];
    t->dtype = (uint8_t)dtype;
    t->rank = (uint8_t)rank;
    t->dims = own;
    t->value = NULL;
    t->flags &= (uint8_t)~FW_TENSOR_OPTIONAL_SHAPE;
    return FW_OK;
}

enum fw_status fw_set_out_like(struct fw_cx *c, unsigned i, const struct fw_tensor *like)
{
    if (like->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, i, (enum fw_dtype)like->dtype, FW_RANK_UNKNOWN);
    return fw_set_out(c, i, (enum fw_dtype)like->dtype, like->rank, like->dims);
}

enum fw_status fw_set_value(struct fw_cx *c, unsigned i, const fw_dim *value, uint32_t n)
{
    if (!fw_has_out(c, i) || n > FW_MAX_VALUE)
        return FW_OK;
    struct fw_tensor *t = &c->g->tensors[c->node->out[i]];
    fw_count want = fw_tensor_elements(c->g, t);
    if (!fw_count_is_const(want) || want.word != n)
        return FW_OK;
    for (uint32_t k = 0; k < n; k++)
        if (fw_dim_is_bad(value[k]))
            return FW_OK;
    t->value = fw_arena_copy(c->g->arena, value, n * sizeof *value);
    return t->value != NULL ? FW_OK : fw_fail_memory(c->err);
}

bool fw_strides(const struct fw_tensor *t, int64_t *ret)
{
    int64_t n = 1;
    for (unsigned k = t->rank; k-- > 0;) {
        ret[k] = n;
        if (!fw_dim_is_const(t->dims[k]) || __builtin_mul_overflow(n, t->dims[k].word, &n))
            return false;
    }
    return true;
}

enum fw_status fw_set_strided(struct fw_cx *c, unsigned i, const fw_dim *v, int64_t offset,
                              const int64_t *stride)
{
    const struct fw_tensor *y = fw_out(c, i);
    if (y == NULL)
        return FW_OK;
    fw_count n = fw_elements(c, y);
    if (!fw_count_is_const(n) || n.word > FW_MAX_VALUE)
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    int64_t at[FW_MAX_RANK] = {0};
    for (uint32_t e = 0; e < (uint32_t)n.word; e++) {
        out[e] = v[offset];
        for (unsigned k = y->rank; k-- > 0;) {
            offset += stride[k];
            if (++at[k] < y->dims[k].word)
                break;
            offset -= stride[k] * at[k];
            at[k] = 0;
        }
    }
    return fw_set_value(c, i, out, (uint32_t)n.word);
}

fw_dim fw_fresh_dim(struct fw_cx *c, const char *stem, fw_dim upper)
{
    return fw_dim_fresh(c->sym, stem, upper);
}

enum fw_status fw_set_out_unknown(struct fw_cx *c, unsigned i, enum fw_dtype dtype, unsigned rank)
{
    if (!fw_has_out(c, i))
        return FW_OK;
    struct fw_tensor *t = &c->g->tensors[c->node->out[i]];
    if (rank == FW_RANK_UNKNOWN) {
        /* The file's own annotation, where there is one, stays. */
        if (dtype != FW_UNKNOWN)
            t->dtype = (uint8_t)dtype;
        return FW_OK;
    }
    fw_dim dims[FW_MAX_RANK];
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, rank, -1, c->err);
    bool annotated = (t->flags & FW_TENSOR_OPTIONAL_SHAPE) && t->rank == rank;
    for (unsigned k = 0; k < rank; k++)
        dims[k] = annotated
                      ? t->dims[k]
                      : fw_dim_fresh(c->sym, t->name ? t->name : c->node->op->name, fw_dim_bad());
    return fw_set_out(c, i, dtype, rank, dims);
}

enum fw_status fw_set_out_open(struct fw_cx *c, unsigned i, enum fw_dtype dtype)
{
    if (!fw_has_out(c, i))
        return FW_OK;
    struct fw_tensor *t = &c->g->tensors[c->node->out[i]];
    t->dtype = (uint8_t)dtype;
    t->rank = FW_RANK_UNKNOWN;
    t->flags |= FW_TENSOR_OPEN;
    return FW_OK;
}

enum fw_status fw_set_out_as(struct fw_cx *c, unsigned i, const struct fw_tensor *dtype_of,
                             const struct fw_tensor *shape_of)
{
    enum fw_dtype dtype = (enum fw_dtype)dtype_of->dtype;
    if (shape_of->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, i, dtype, FW_RANK_UNKNOWN);
    return fw_set_out(c, i, dtype, shape_of->rank, shape_of->dims);
}

enum fw_status fw_infer_same(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

enum fw_status fw_infer_same1(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, 1));
}

enum fw_status fw_infer_same2(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, 2));
}

enum fw_status fw_infer_like1(struct fw_cx *c)
{
    return fw_set_out_as(c, 0, fw_in(c, 0), fw_in(c, 1));
}

enum fw_status fw_infer_like2(struct fw_cx *c)
{
    return fw_set_out_as(c, 0, fw_in(c, 0), fw_in(c, 2));
}

enum fw_status fw_infer_at_most(struct fw_cx *c, const bool *changed)
{
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = changed[k] ? fw_fresh_dim(c, c->node->op->name, x->dims[k]) : x->dims[k];
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

enum fw_dtype fw_dtype_of_number(int64_t number)
{
    static const uint8_t types[] = {
        FW_UNKNOWN, FW_F32,    FW_U8,      FW_I8,  FW_U16, FW_I16,    FW_I32,    FW_I64,  FW_STRING,
        FW_BOOL,    FW_F16,    FW_F64,     FW_U32, FW_U64, FW_C64,    FW_C128,   FW_BF16, FW_F8E4M3,
        FW_F8E4M3Z, FW_F8E5M2, FW_F8E5M2Z, FW_U4,  FW_I4,  FW_F4E2M1, FW_F8E8M0, FW_U2,   FW_I2,
    };
    if (number < 0 || number >= (int64_t)sizeof types)
        return FW_UNKNOWN;
    return (enum fw_dtype)types[number];
}
