/* Quantisation and changes of element type.
 *
 * Casting is no arithmetic (bytes only). Quantising is round(x/scale) + zero point, saturated:
 * per element 1 div, 1 minmax to round, 1 add with a zero point, 2 minmax to saturate; the way back
 * (x - zero point)*scale: 1 mul, 1 add with a zero point. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { Q_AXIS, Q_BLOCK, Q_DTYPE };
static const struct fw_attr_spec quantize_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 1}},         {"block_size", FW_ATTR_INT, false, {.i = 0}},
    {"output_dtype", FW_ATTR_INT, false, {.i = 0}}, {"saturate", FW_ATTR_INT, false, {.i = 1}},
    {"precision", FW_ATTR_INT, false, {.i = 0}},
};
enum { TO };
static const struct fw_attr_spec cast_attrs[] = {
    {"to", FW_ATTR_INT, true, {.i = 1}},
    {"saturate", FW_ATTR_INT, false, {.i = 1}},
    {"round_mode", FW_ATTR_STRING, false, {.s = "up"}},
};
static const struct fw_attr_spec like_attrs[] = {
    {"saturate", FW_ATTR_INT, false, {.i = 1}},
    {"round_mode", FW_ATTR_STRING, false, {.s = "up"}},
};

static enum fw_status set_shape(struct fw_cx *c, enum fw_dtype dtype)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_REQUIRE(x != NULL, c->err, FW_FORMAT, "input 0 is wanted, it is missing");
    if (x->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 0, dtype, FW_RANK_UNKNOWN);
    return fw_set_out(c, 0, dtype, x->rank, x->dims);
}

/* ---- Cast ---- */

/* A float loses its fraction toward zero on the way to an integer; a bool is "not zero". */
static fw_dim convert(struct fw_cx *c, enum fw_dtype from, enum fw_dtype to, fw_dim v)
{
    if (to == FW_BOOL) {
        int sign = fw_dim_sign(c->sym, v);
        return sign >= -1 && sign <= 1 ? fw_dim_int(sign != 0) : fw_dim_bad();
    }
    if (!fw_dtype_is_integer(to) || !fw_dtype_is_float(from))
        return v;
    int sign = fw_dim_sign(c->sym, v);
    if (sign == 3)
        return fw_dim_bad();
    return sign < 0 ? fw_dim_ceil_div(c->sym, v, fw_dim_int(1))
                    : fw_dim_floor_div(c->sym, v, fw_dim_int(1));
}

static enum fw_status cast_to(struct fw_cx *c, enum fw_dtype to)
{
    FW_TRY(set_shape(c, to));
    uint32_t n;
    enum fw_dtype from = (enum fw_dtype)fw_in(c, 0)->dtype;
    const fw_dim *v = to == FW_STRING ? NULL : fw_follow(c, 0, &n);
    if (v == NULL)
        return FW_OK;
    fw_dim y[FW_MAX_VALUE];
    for (uint32_t i = 0; i < n; i++) {
        y[i] = convert(c, from, to, v[i]);
        if (fw_dim_is_bad(y[i]))
            return FW_OK;
    }
    return fw_set_value(c, 0, y, n);
}

static enum fw_status infer_cast(struct fw_cx *c)
{
    enum fw_dtype to = fw_dtype_of_number(c->node->attr[TO].i);
    FW_REQUIRE(to != FW_UNKNOWN, c->err, FW_FORMAT,
               "attribute 'to': a known element type is wanted");
    return cast_to(c, to);
}

static enum fw_status infer_cast_like(struct fw_cx *c)
{
    FW_REQUIRE(fw_has_in(c, 1), c->err, FW_FORMAT, "input 1 is wanted, it is missing");
    return cast_to(c, (enum fw_dtype)fw_in(c, 1)->dtype);
}

/* The same bits under another type of the same width: contents are not followed. */
static enum fw_status infer_bit_cast(struct fw_cx *c)
{
    enum fw_dtype to = fw_dtype_of_number(c->node->attr[TO].i);
    FW_REQUIRE(to != FW_UNKNOWN, c->err, FW_FORMAT,
               "attribute 'to': a known element type is wanted");
    return set_shape(c, to);
}

static const struct fw_op *cast_like_row(void);

static enum fw_status grad_cast(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    const struct fw_tensor *x = fw_in(&gr->cx, 0);
    if (!fw_grad_needs(gr, 0) || gr->dy[0] == FW_NONE)
        return FW_OK;
    if (x->dtype == gr->cx.g->tensors[gr->dy[0]].dtype)
        return fw_grad_give(gr, 0, gr->dy[0]);
    uint32_t in[2] = {gr->dy[0], node->in[0]};
    return fw_emit(gr, 0, cast_like_row(), in, 2, NULL, &gr->dx[0]);
}

/* ---- QuantizeLinear (x, scale, zero point?), DequantizeLinear ---- */

static enum fw_status infer_quantize(struct fw_cx *c)
{
    enum fw_dtype to = FW_U8;
    if (fw_has_in(c, 2))
        to = (enum fw_dtype)fw_in(c, 2)->dtype;
    else if (c->node->attr[Q_DTYPE].i != 0)
        to = fw_dtype_of_number(c->node->attr[Q_DTYPE].i);
    return set_shape(c, to);
}

static enum fw_status infer_dequantize(struct fw_cx *c)
{
    FW_REQUIRE(fw_has_in(c, 1), c->err, FW_FORMAT, "input 1 is wanted, it is missing");
    enum fw_dtype to = (enum fw_dtype)fw_in(c, 1)->dtype;
    if (c->node->attr[Q_DTYPE].i != 0)
        to = fw_dtype_of_number(c->node->attr[Q_DTYPE].i);
    return set_shape(c, to);
}

static void cost_quantize(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_DIV, n, 1);
    fw_cost_add(c, cost, FW_MINMAX, n, 3);
    fw_cost_add(c, cost, FW_ADD, n, fw_has_in(c, 2));
}

static void cost_dequantize(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 1);
    fw_cost_add(c, cost, FW_ADD, n, fw_has_in(c, 2));
}

/* ---- DynamicQuantizeLinear: x -> (y, scale, zero point) ---- */

static enum fw_status infer_dynamic(struct fw_cx *c)
{
    FW_TRY(set_shape(c, FW_U8));
    FW_TRY(fw_set_out(c, 1, FW_F32, 0, NULL));
    return fw_set_out(c, 2, FW_U8, 0, NULL);
}

/* Range with zero in it: n - 1 min and n - 1 max, and 2 with zero; scale 1 add 1 div; zero point
 * 1 div 1 add 3 minmax; then every element as in QuantizeLinear. */
static void cost_dynamic(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count one = fw_count_int(1);
    fw_cost_add(c, cost, FW_MINMAX, n, 5); // 2*(n - 1) + 2 of the range, 3*n of the elements
    fw_cost_add(c, cost, FW_MINMAX, one, 3);
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_ADD, one, 2);
    fw_cost_add(c, cost, FW_DIV, n, 1);
    fw_cost_add(c, cost, FW_DIV, one, 2);
}

#define CAST_DOC "dX = dY cast back: no arithmetic"
#define QUANTIZE                                                                    \
    .formula = "div = n, minmax = 3*n, add = n with a zero point; n = elements(X)", \
    .doc = "none: integers", FW_ATTRS(quantize_attrs), FW_PORTS(2, 3, 1, 1),        \
    .flags = FW_OP_UNKNOWN_OK, .infer = infer_quantize, .field = fw_field_first,    \
    .cost = cost_quantize, .grad = fw_grad_none
#define DEQUANTIZE                                                                                \
    .formula = "mul = n, add = n with a zero point; n = elements(X)", .doc = "none: of integers", \
    FW_ATTRS(quantize_attrs), FW_PORTS(2, 3, 1, 1), .flags = FW_OP_UNKNOWN_OK | FW_OP_MOVE,       \
    .infer = infer_dequantize, .field = fw_field_first, .cost = cost_dequantize,                  \
    .grad = fw_grad_none

enum { CAST, CAST_LIKE, BIT_CAST, Q, MS_Q, DQ, MS_DQ, DYNAMIC, N_ROWS };
FW_KERNELS(bit_cast, cast, quantize, dequantize, dynamic_quantize);

static const struct fw_op rows[N_ROWS] = {
    [CAST] = {.name = "Cast",
              .domain = "",
              .formula = FW_MOVE_FORMULA,
              .doc = CAST_DOC,
              FW_ATTRS(cast_attrs),
              FW_PORTS(1, 1, 1, 1),
              .flags = FW_OP_UNKNOWN_OK | FW_OP_MOVE,
              .infer = infer_cast,
              .field = fw_field_first,
              .cost = fw_cost_free,
              .grad = grad_cast,
              FW_RUN(cast)},
    [CAST_LIKE] = {.name = "CastLike",
                   .domain = "",
                   .formula = FW_MOVE_FORMULA,
                   .doc = CAST_DOC,
                   FW_ATTRS(like_attrs),
                   FW_PORTS(2, 2, 1, 1),
                   .flags = FW_OP_UNKNOWN_OK | FW_OP_MOVE,
                   .shape_only = 2,
                   .infer = infer_cast_like,
                   .field = fw_field_first,
                   .cost = fw_cost_free,
                   .grad = grad_cast,
                   FW_RUN(cast)},
    [BIT_CAST] = {.name = "BitCast",
                  .domain = "",
                  .formula = FW_MOVE_FORMULA,
                  .doc = "none: bits",
                  FW_ATTRS(cast_attrs),
                  FW_PORTS(1, 1, 1, 1),
                  .flags = FW_OP_UNKNOWN_OK,
                  .infer = infer_bit_cast,
                  .field = fw_field_first,
                  .cost = fw_cost_free,
                  .grad = fw_grad_none,
                  FW_RUN(bit_cast)},
    [Q] = {.name = "QuantizeLinear", .domain = "", QUANTIZE, FW_RUN(quantize)},
    [MS_Q] = {.name = "QuantizeLinear", .domain = "com.microsoft", QUANTIZE, FW_RUN(quantize)},
    [DQ] = {.name = "DequantizeLinear", .domain = "", DEQUANTIZE, FW_RUN(dequantize)},
    [MS_DQ] = {.name = "DequantizeLinear",
               .domain = "com.microsoft",
               DEQUANTIZE,
               FW_RUN(dequantize)},
    [DYNAMIC] = {.name = "DynamicQuantizeLinear",
                 .domain = "",
                 .formula = "minmax = 5*n + 3, add = n + 2, div = n + 2; n = elements(X)",
                 .doc = "none: integers",
                 FW_PORTS(1, 1, 3, 3),
                 .flags = FW_OP_UNKNOWN_OK,
                 .infer = infer_dynamic,
                 .field = fw_field_first,
                 .cost = cost_dynamic,
                 .grad = fw_grad_none,
                 FW_RUN(dynamic_quantize)},
};
const struct fw_op_table fw_ops_quantize = {rows, N_ROWS};

static const struct fw_op *cast_like_row(void)
{
    return &rows[CAST_LIKE];
}
