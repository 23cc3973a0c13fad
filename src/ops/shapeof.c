/* Shapes as data and tensors made from shapes: Shape, Size, Range, ConstantOfShape, EyeLike, Trilu.
 * Here dimensions become contents and contents become dimensions, letters included. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

enum { START, END };
static const struct fw_attr_spec shape_attrs[] = {
    {"start", FW_ATTR_INT, false, {.i = 0}},
    {"end", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec constant_attrs[] = {
    {"value", FW_ATTR_TENSOR, false, {.tensor = NULL}}};
static const struct fw_attr_spec eye_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 0}},
    {"k", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec trilu_attrs[] = {{"upper", FW_ATTR_INT, false, {.i = 1}}};

enum { SHAPE, SIZE, RANGE, CONSTANT_OF_SHAPE, EYE_LIKE, TRILU, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* start or end of Shape: counted from the back when negative, clamped to 0..rank. */
static unsigned clamp_axis(int64_t v, unsigned rank)
{
    if (v < 0)
        v = v < -(int64_t)rank ? 0 : v + rank;
    return v > rank ? rank : (unsigned)v;
}

static enum fw_status infer_shape(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    if (x == NULL || x->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 0, FW_I64, 1);
    const struct fw_attr *attr = c->node->attr;
    unsigned from = clamp_axis(attr[START].i, x->rank);
    unsigned to = attr[END].given ? clamp_axis(attr[END].i, x->rank) : x->rank;
    unsigned n = to > from ? to - from : 0;
    fw_dim v[FW_MAX_RANK];
    for (unsigned k = 0; k < n; k++)
        v[k] = x->dims[from + k];
    fw_dim len = fw_dim_int(n);
    FW_TRY(fw_set_out(c, 0, FW_I64, 1, &len));
    return fw_set_value(c, 0, v, n);
}

static enum fw_status infer_size(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_set_out(c, 0, FW_I64, 0, NULL));
    if (x == NULL || x->rank == FW_RANK_UNKNOWN)
        return FW_OK;
    fw_dim n = fw_dim_of(fw_elements(c, x));
    return fw_set_value(c, 0, &n, 1);
}

/* ceil((limit - start) / delta), not less than 0; the contents when that is a small constant. */
static enum fw_status infer_range(struct fw_cx *c)
{
    struct fw_symbols *s = c->sym;
    enum fw_dtype dtype = (enum fw_dtype)fw_in(c, 0)->dtype;
    fw_dim start;
    fw_dim limit;
    fw_dim delta;
    if (!fw_scalar_in(c, 0, &start) || !fw_scalar_in(c, 1, &limit) || !fw_scalar_in(c, 2, &delta))
        return fw_set_out_unknown(c, 0, dtype, 1);
    FW_REQUIRE(!fw_dim_is(delta, 0), c->err, FW_SHAPE, "a delta of 0 is not allowed");
    fw_dim n = fw_dim_ceil_div(s, fw_dim_sub(s, limit, start), delta);
    n = fw_dim_max(s, n, fw_dim_int(0));
    if (fw_dim_is_bad(n))
        return fw_set_out_unknown(c, 0, dtype, 1);
    FW_TRY(fw_set_out(c, 0, dtype, 1, &n));
    if (!fw_dim_is_const(n) || n.word > FW_MAX_VALUE)
        return FW_OK;
    fw_dim v[FW_MAX_VALUE];
    for (uint32_t k = 0; k < (uint32_t)n.word; k++)
        v[k] = fw_dim_add(s, start, fw_dim_mul(s, delta, fw_dim_int(k)));
    return fw_set_value(c, 0, v, (uint32_t)n.word);
}

/* start + k * delta for every element. */
static void cost_range(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_out(c, 0)), 1);
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_out(c, 0)), 1);
}

/* The element a ConstantOfShape repeats; bad where it has no exact value here. */
static fw_dim fill_of(struct fw_cx *c, enum fw_dtype *ret_dtype)
{
    const struct fw_attr *attr = &c->node->attr[0];
    *ret_dtype = FW_F32;
    if (!attr->given || attr->tensor == NULL)
        return fw_dim_int(0);
    uint32_t n = 0;
    *ret_dtype = (enum fw_dtype)attr->tensor->dtype;
    const fw_dim *v = fw_stored_value(c->g, attr->tensor, &n);
    return v != NULL && n == 1 ? v[0] : fw_dim_bad();
}

static enum fw_status infer_constant(struct fw_cx *c)
{
    enum fw_dtype dtype;
    fw_dim fill = fill_of(c, &dtype);
    uint32_t n = 0;
    FW_TRY(fw_want_rank(c, 0, 0, 1));
    const fw_dim *v = fw_in_value(c, 0, &n);
    if (v == NULL) {
        int64_t len = fw_list_length(c, 0);
        bool fits = len >= 0 && len <= FW_MAX_RANK;
        return fw_set_out_unknown(c, 0, dtype, fits ? (unsigned)len : FW_RANK_UNKNOWN);
    }
    FW_TRY(fw_set_out(c, 0, dtype, n, v));
    const struct fw_tensor *y = fw_out(c, 0);
    fw_count all = fw_elements(c, y);
    if (y == NULL || fw_dim_is_bad(fill) || !fw_count_is_const(all) || all.word > FW_MAX_VALUE)
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    for (uint32_t k = 0; k < (uint32_t)all.word; k++)
        out[k] = fill;
    return fw_set_value(c, 0, out, (uint32_t)all.word);
}

static enum fw_status infer_eye(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, 2));
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_attr *attr = c->node->attr;
    enum fw_dtype dtype = attr[0].given ? fw_dtype_of_number(attr[0].i) : (enum fw_dtype)x->dtype;
    return fw_set_out(c, 0, dtype, 2, x->dims);
}

static enum fw_status infer_trilu(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    uint32_t n = 0;
    fw_dim k = fw_dim_int(0);
    FW_TRY(fw_infer_same(c));
    const fw_dim *v = fw_follow(c, 0, &n);
    if (v == NULL || n == 0 || (fw_has_in(c, 1) && !fw_scalar_in(c, 1, &k)) || !fw_dim_is_const(k))
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    int64_t width = x->dims[x->rank - 1].word;
    int64_t height = x->dims[x->rank - 2].word;
    bool upper = c->node->attr[0].i != 0;
    for (uint32_t e = 0; e < n; e++) {
        int64_t off = e % width - e / width % height; // column - row
        out[e] = (upper ? off >= k.word : off <= k.word) ? v[e] : fw_dim_int(0);
    }
    return fw_set_value(c, 0, out, n);
}

static enum fw_status grad_trilu(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], FW_NONE};
    bool shifted = gr->cx.node->n_in > 1 && gr->cx.node->in[1] != FW_NONE;
    if (shifted)
        in[1] = gr->cx.node->in[1];
    return fw_grad_node(gr, 0, &rows[TRILU], in, shifted ? 2 : 1, gr->cx.node->attr);
}

FW_KERNELS(shape, size, range, constant_of_shape, eye_like, trilu);

static const struct fw_op rows[N_ROWS] = {
    [SHAPE] = {.name = "Shape",
               .domain = "",
               .formula = "no arithmetic: writes the dimensions",
               .doc = "none: integers",
               FW_ATTRS(shape_attrs),
               FW_PORTS(1, 1, 1, 1),
               .flags = FW_OP_UNKNOWN_OK,
               .shape_only = 1,
               .infer = infer_shape,
               .field = fw_field_none,
               .cost = fw_cost_free,
               .grad = fw_grad_none,
               FW_RUN(shape)},
    [SIZE] = {.name = "Size",
              .domain = "",
              .formula = "no arithmetic: writes one number",
              .doc = "none: an integer",
              FW_PORTS(1, 1, 1, 1),
              .flags = FW_OP_UNKNOWN_OK,
              .shape_only = 1,
              .infer = infer_size,
              .field = fw_field_none,
              .cost = fw_cost_free,
              .grad = fw_grad_none,
              FW_RUN(size)},
    [RANGE] = {.name = "Range",
               .domain = "",
               .formula = "mul = add = elements(Y)",
               .doc = "none: taken as positions",
               FW_PORTS(3, 3, 1, 1),
               .infer = infer_range,
               .field = fw_field_whole,
               .cost = cost_range,
               .grad = fw_grad_none,
               FW_RUN(range)},
    [CONSTANT_OF_SHAPE] = {.name = "ConstantOfShape",
                           .domain = "",
                           .formula = "no arithmetic: writes Y",
                           .doc = "none: a constant",
                           FW_ATTRS(constant_attrs),
                           FW_PORTS(1, 1, 1, 1),
                           .infer = infer_constant,
                           .field = fw_field_none,
                           .cost = fw_cost_free,
                           .grad = fw_grad_none,
                           FW_RUN(constant_of_shape)},
    [EYE_LIKE] = {.name = "EyeLike",
                  .domain = "",
                  .formula = "no arithmetic: writes Y",
                  .doc = "none: a constant",
                  FW_ATTRS(eye_attrs),
                  FW_PORTS(1, 1, 1, 1),
                  .shape_only = 1,
                  .infer = infer_eye,
                  .field = fw_field_none,
                  .cost = fw_cost_free,
                  .grad = fw_grad_none,
                  FW_RUN(eye_like)},
    [TRILU] = {.name = "Trilu",
               .domain = "",
               .formula = FW_MOVE_FORMULA,
               .doc = "dX = Trilu of dY",
               FW_ATTRS(trilu_attrs),
               FW_PORTS(1, 2, 1, 1),
               .flags = FW_OP_TRIANGLE,
               .in_place = 1,
               .infer = infer_trilu,
               .field = fw_field_first,
               .cost = fw_cost_free,
               .grad = grad_trilu,
               FW_RUN(trilu)},
};
const struct fw_op_table fw_ops_shapeof = {rows, N_ROWS};
