/* Quantised products, poolings and elementwise rows, and fake quantisation.
 *
 * Integer multiply-adds of a contraction are fma as everywhere. Per element: taking off a zero
 * point is 1 add; bringing a sum to the output's scale is 1 mul, 1 round, 1 add, 2 bounds; to float
 * 1 mul; from float 1 div, 1 round, 1 add, 2 bounds. Zero points of operands are taken off once,
 * before the products. Schemas: ONNX, onnxruntime's contrib operators, qonnx. */
#include "ops/qlinear.h"
#include "ops/matmul.h"
#include "ops/ops.h"
#include "ops/pool.h"
#include "ops/reach.h"

static const struct fw_attr_spec conv_attrs[] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
    {"channels_last", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec gemm_attrs[] = {FW_MATMUL_ATTRS};
static const struct fw_attr_spec pool_attrs[] = {
    FW_WINDOW_ATTRS,
    {"ceil_mode", FW_ATTR_INT, false, {.i = 0}},
    {"channels_last", FW_ATTR_INT, false, {.i = 0}},
    {"count_include_pad", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec last_attrs[] = {
    {"channels_last", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec alpha_attrs[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 0.01}},
};
static const struct fw_attr_spec softmax_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = -1}},
    {"opset", FW_ATTR_INT, false, {.i = 13}},
};
static const struct fw_attr_spec concat_attrs[] = {
    {"axis", FW_ATTR_INT, true, {.i = 0}},
};
static const struct fw_attr_spec bits_attrs[] = {
    {"K", FW_ATTR_INT, true, {.i = 0}},
    {"N", FW_ATTR_INT, true, {.i = 0}},
    {"bits", FW_ATTR_INT, false, {.i = 4}},
    {"block_size", FW_ATTR_INT, false, {.i = 32}},
    {"accuracy_level", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec quant_attrs[] = {
    {"signed", FW_ATTR_INT, false, {.i = 1}},
    {"narrow", FW_ATTR_INT, false, {.i = 0}},
    {"rounding_mode", FW_ATTR_STRING, false, {.s = "ROUND"}},
};

enum {
    QLINEAR_CONV,
    MS_QLINEAR_CONV,
    CONV_INTEGER,
    QLINEAR_MATMUL,
    MATMUL_INTEGER,
    MATMUL_INTEGER_16,
    QGEMM,
    DYNAMIC_MATMUL,
    MATMUL_TO_FLOAT,
    MATMUL_BITS,
    MATMUL_BITS_GRAD,
    Q_ADD,
    Q_MUL,
    Q_SIGMOID,
    Q_LEAKY_RELU,
    Q_SOFTMAX,
    Q_CONCAT,
    Q_AVERAGE,
    Q_GLOBAL_AVERAGE,
    QUANT,
    INT_QUANT,
    BIPOLAR_QUANT,
    TRUNC,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static const struct fw_tensor *input(const struct fw_cx *c, int i)
{
    return i >= 0 ? fw_in(c, (unsigned)i) : NULL;
}

/* Zero points of `operand` taken off, where input `zero` is there. */
static void take_off(struct fw_cx *c, struct fw_cost *cost, int operand, int zero)
{
    if (input(c, zero) != NULL)
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, input(c, operand)), 1);
}

static void requantise(struct fw_cx *c, struct fw_cost *cost, fw_count n)
{
    fw_cost_add(c, cost, FW_MUL, n, 1);
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_MINMAX, n, 3);
}

static void dequantise(struct fw_cx *c, struct fw_cost *cost, fw_count n)
{
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_MUL, n, 1);
}

static void quantise(struct fw_cx *c, struct fw_cost *cost, fw_count n)
{
    fw_cost_add(c, cost, FW_DIV, n, 1);
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_MINMAX, n, 3);
}

/* ---- convolutions ---- */

static void cost_conv(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_q_conv *q = c->node->op->family;
    fw_conv_cost(c, cost);
    take_off(c, cost, q->conv.x, q->x_zero);
    take_off(c, cost, q->conv.w, q->w_zero);
    if (!q->integer)
        requantise(c, cost, fw_elements(c, fw_out(c, 0)));
}

/* ---- products ---- */

static enum fw_status infer_product(struct fw_cx *c)
{
    const struct fw_q_product *q = c->node->op->family;
    unsigned rank;
    fw_dim y[FW_MAX_RANK + 2];
    if (q->flags) { // matrices, which may be turned
        FW_TRY(fw_want_rank(c, q->a, 2, 2));
        FW_TRY(fw_want_rank(c, q->b, 2, 2));
    }
    FW_TRY(fw_matmul_shape(c, q->a, q->b, q->flags, &rank, y));
    const struct fw_tensor *like = input(c, q->type);
    enum fw_dtype other = q->scale >= 0 ? FW_F32 : FW_I32;
    bool whole = q->zero >= 0; // numbers without a zero point are real
    FW_REQUIRE(like == NULL || whole || fw_dtype_is_float((enum fw_dtype)like->dtype), c->err,
               FW_FORMAT, "input %d: real numbers are wanted, found %s", q->type,
               fw_dtypes[like->dtype].name);
    return fw_set_out(c, 0, like != NULL ? (enum fw_dtype)like->dtype : other, rank, y);
}

/* The least and greatest of A and 0, scale = (max - min)/range, zero = round(-min/scale) within
 * bounds, then every element quantised. */
static void quantise_by_range(struct fw_cx *c, struct fw_cost *cost, fw_count n)
{
    fw_count one = fw_count_int(1);
    fw_cost_add(c, cost, FW_MINMAX, n, 2);
    fw_cost_add(c, cost, FW_ADD, one, 2);
    fw_cost_add(c, cost, FW_DIV, one, 2);
    fw_cost_add(c, cost, FW_MINMAX, one, 3);
    quantise(c, cost, n);
}

static void cost_product(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_q_product *q = c->node->op->family;
    const struct fw_tensor *a = fw_in(c, q->a);
    bool trans = q->flags && a->rank >= 2 && fw_attr_at(c, FW_MATMUL_TRANS_A)->i != 0;
    fw_dim k = a->dims[trans ? a->rank - 2u : a->rank - 1u];
    fw_count y = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, y, fw_count_of(k)), 1);
    if (q->dynamic)
        quantise_by_range(c, cost, fw_elements(c, a));
    take_off(c, cost, q->a, q->dynamic ? q->a : q->a_zero);
    take_off(c, cost, q->b, q->b_zero);
    if (input(c, q->bias) != NULL)
        fw_cost_add(c, cost, FW_ADD, y, 1);
    if (q->scale < 0)
        return;
    if (input(c, q->zero) != NULL)
        requantise(c, cost, y);
    else
        fw_cost_add(c, cost, FW_MUL, y, 1);
}

/* MatMulNBits: (A, packed B, scales, zero points?, group index?, bias?); B stands for K*N weights,
 * which are brought to float once: 1 add, 1 mul each. */
static enum fw_status infer_bits(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    const struct fw_tensor *a = fw_in(c, 0);
    int64_t k = fw_attr_at(c, FW_BITS_K)->i;
    int64_t n = fw_attr_at(c, FW_BITS_N)->i;
    FW_REQUIRE(k >= 1 && n >= 1 && k <= FW_DIM_MAX && n <= FW_DIM_MAX, c->err, FW_SHAPE,
               "attributes K and N: at least 1 is wanted, found %lld and %lld", (long long)k,
               (long long)n);
    fw_dim inner;
    FW_TRY(fw_same_dim(c, "inner dimension", a->dims[a->rank - 1u], fw_dim_int(k), &inner));
    fw_dim y[FW_MAX_RANK];
    for (unsigned i = 0; i < a->rank; i++)
        y[i] = a->dims[i];
    y[a->rank - 1u] = fw_dim_int(n);
    if (fw_has_in(c, 5)) // a bias
        FW_TRY(fw_want_broadcast_to(c, 5, a->rank, y));
    return fw_set_out(c, 0, (enum fw_dtype)a->dtype, a->rank, y);
}

static void add_bits(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *y)
{
    fw_count k = fw_count_of(fw_dim_int(fw_attr_at(c, FW_BITS_K)->i));
    fw_count n = fw_count_of(fw_dim_int(fw_attr_at(c, FW_BITS_N)->i));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, fw_elements(c, y), k), 1);
    dequantise(c, cost, fw_count_mul(c->sym, k, n));
}

static void cost_bits(struct fw_cx *c, struct fw_cost *cost)
{
    add_bits(c, cost, fw_out(c, 0));
    if (fw_has_in(c, 5))
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_out(c, 0)), 1);
}

/* (dY, packed B, scales, zero points?, group index?, A): dA = dY times the weights. */
static enum fw_status infer_bits_grad(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, 5));
}

static void cost_bits_grad(struct fw_cx *c, struct fw_cost *cost)
{
    add_bits(c, cost, fw_in(c, 0));
}

static enum fw_status grad_bits(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t from[6] = {gr->dy[0], node->in[1], node->in[2], FW_NONE, FW_NONE, node->in[0]};
    for (unsigned i = 3; i < 5 && i < node->n_in; i++)
        from[i] = node->in[i];
    if (fw_grad_needs(gr, 0))
        FW_TRY(fw_emit(gr, 0, &rows[MATMUL_BITS_GRAD], from, 6, node->attr, &gr->dx[0]));
    return fw_grad_needs(gr, 5) ? fw_grad_give(gr, 5, gr->dy[0]) : FW_OK;
}

/* ---- elementwise ---- */

static enum fw_status infer_map(struct fw_cx *c)
{
    const struct fw_q_map *q = c->node->op->family;
    FW_TRY(fw_want_rank(c, 0, 0, FW_MAX_RANK));
    const struct fw_tensor *a = fw_in(c, 0);
    fw_dim y[FW_MAX_RANK];
    unsigned rank = a->rank;
    if (q->n_x == 1)
        return fw_set_out(c, 0, (enum fw_dtype)a->dtype, rank, a->dims);
    const struct fw_tensor *b = fw_in(c, 3);
    FW_REQUIRE(b != NULL, c->err, FW_FORMAT, "input 3 is wanted, it is missing");
    FW_TRY(fw_broadcast(c, a->rank, a->dims, b->rank, b->dims, &rank, y));
    return fw_set_out(c, 0, (enum fw_dtype)a->dtype, rank, y);
}

static void cost_map(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_q_map *q = c->node->op->family;
    fw_count y = fw_elements(c, fw_out(c, 0));
    for (unsigned i = 0; i < q->n_x; i++)
        dequantise(c, cost, fw_elements(c, fw_in(c, 3 * i)));
    fw_cost_each(c, cost, y, q->n);
    quantise(c, cost, y);
}

/* Rows of n elements: n - 1 comparisons, n subtractions and exponentials, n - 1 adds, n divisions.
 * Before opset 13 a row is everything from the axis on. */
static void cost_softmax(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis = 0;
    struct fw_cx quiet = *c;
    quiet.err = NULL;
    if (x->rank > 0 && fw_norm_axis(&quiet, fw_attr_at(c, 0)->i, x->rank, &axis) != FW_OK)
        cost->n[FW_SPECIAL] = fw_count_bad();
    bool flat = fw_attr_at(c, 1)->i < 13;
    fw_count n = fw_elements(c, x);
    fw_count sums = fw_product(c, x->dims, 0, axis);
    if (!flat && x->rank > 0)
        sums = fw_count_mul(c->sym, sums, fw_product(c, x->dims, axis + 1, x->rank));
    dequantise(c, cost, n);
    fw_cost_add(c, cost, FW_MINMAX, fw_joins(c, n, sums), 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, sums), 1);
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_EXP, n, 1);
    fw_cost_add(c, cost, FW_DIV, n, 1);
    quantise(c, cost, n);
}

static enum fw_status infer_softmax(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 0, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    if (x->rank > 0)
        FW_TRY(fw_norm_axis(c, fw_attr_at(c, 0)->i, x->rank, &axis));
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, x->dims);
}

/* (scale, zero point, then x, scale, zero point of every part) */
static enum fw_status infer_concat(struct fw_cx *c)
{
    fw_dim y[FW_MAX_RANK];
    unsigned axis = 0;
    unsigned rank = 0;
    FW_REQUIRE(c->node->n_in % 3 == 2, c->err, FW_FORMAT,
               "2 inputs and 3 for every part are wanted, found %u", c->node->n_in);
    for (unsigned i = 2; i < c->node->n_in; i += 3) {
        FW_TRY(fw_want_rank(c, i, i == 2 ? 1 : rank, i == 2 ? FW_MAX_RANK : rank));
        const struct fw_tensor *x = fw_in(c, i);
        if (i == 2) {
            rank = x->rank;
            FW_TRY(fw_norm_axis(c, fw_attr_at(c, 0)->i, rank, &axis));
        }
        for (unsigned k = 0; k < rank; k++) {
            if (i == 2)
                y[k] = x->dims[k];
            else if (k == axis)
                y[k] = fw_dim_add(c->sym, y[k], x->dims[k]);
            else
                FW_TRY(fw_same_dim(c, "concatenated dimension", y[k], x->dims[k], &y[k]));
        }
    }
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 2)->dtype, rank, y);
}

static void cost_concat(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    dequantise(c, cost, n);
    quantise(c, cost, n);
}

/* ---- poolings: sums of integers, divided, then from one zero point and scale to the other ---- */

static void finish_pool(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_ADD, n, 1);
    requantise(c, cost, n);
}

static void cost_average(struct fw_cx *c, struct fw_cost *cost)
{
    fw_pool_cost(c, cost);
    finish_pool(c, cost);
}

static void cost_global_average(struct fw_cx *c, struct fw_cost *cost)
{
    fw_pool_cost_global(c, cost);
    finish_pool(c, cost);
}

/* ---- fake quantisation: floats in, floats of few values out ---- */

static enum fw_status infer_fake(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 0, FW_MAX_RANK));
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

static void cost_fake(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_q_map *q = c->node->op->family;
    fw_count y = fw_elements(c, fw_out(c, 0));
    fw_cost_each(c, cost, y, q->n);
}

static enum fw_status grad_fake(struct fw_grad *gr)
{
    return fw_grad_needs(gr, 0) ? fw_grad_give(gr, 0, gr->dy[0]) : FW_OK;
}

static const struct fw_q_conv form_conv = {
    .conv = {.x = 0, .w = 3, .bias = 8, .y = -1, .type = 7, .last = -1, .extra = -1},
    .x_zero = 2,
    .w_zero = 5};
static const struct fw_q_conv form_ms_conv = {
    .conv = {.x = 0, .w = 3, .bias = 8, .y = -1, .type = 7, .last = FW_N_CONV_ATTRS, .extra = -1},
    .x_zero = 2,
    .w_zero = 5};
static const struct fw_q_conv form_conv_integer = {
    .conv = {.x = 0, .w = 1, .bias = -1, .y = -1, .type = -1, .last = -1, .extra = -1},
    .x_zero = 2,
    .w_zero = 3,
    .integer = true};
static const struct fw_q_product form_qlinear = {.a = 0,
                                                 .b = 3,
                                                 .a_zero = 2,
                                                 .b_zero = 5,
                                                 .bias = -1,
                                                 .type = 7,
                                                 .scale = 6,
                                                 .zero = 7,
                                                 .scales = {1, 4, 6}};
static const struct fw_q_product form_integer = {.a = 0,
                                                 .b = 1,
                                                 .a_zero = 2,
                                                 .b_zero = 3,
                                                 .bias = -1,
                                                 .type = -1,
                                                 .scale = -1,
                                                 .zero = -1,
                                                 .scales = {-1, -1, -1}};
static const struct fw_q_product form_qgemm = {.a = 0,
                                               .b = 3,
                                               .a_zero = 2,
                                               .b_zero = 5,
                                               .bias = 6,
                                               .type = 8,
                                               .scale = 1,
                                               .zero = 8,
                                               .flags = true,
                                               .scales = {1, 4, 7}};
static const struct fw_q_product form_dynamic = {.a = 0,
                                                 .b = 1,
                                                 .a_zero = -1,
                                                 .b_zero = 3,
                                                 .bias = 4,
                                                 .type = 0,
                                                 .scale = 2,
                                                 .zero = -1,
                                                 .dynamic = true,
                                                 .bias_last = true,
                                                 .scales = {-1, 2, -1}};
static const struct fw_q_product form_to_float = {.a = 0,
                                                  .b = 1,
                                                  .a_zero = 4,
                                                  .b_zero = 5,
                                                  .bias = 6,
                                                  .type = 2,
                                                  .scale = 2,
                                                  .zero = -1,
                                                  .bias_last = true,
                                                  .scales = {2, 3, -1}};
static const struct fw_pool_form form_average = {
    .kind = FW_POOL_AVERAGE, .last = FW_N_WINDOW_ATTRS + 1, .p = -1};
static const struct fw_pool_form form_global = {
    .kind = FW_POOL_AVERAGE, .last = 0, .p = -1, .global = true};
static const struct fw_q_map map_add = {2, "Add", {[FW_ADD] = 1}};
static const struct fw_q_map map_mul = {2, "Mul", {[FW_MUL] = 1}};
static const struct fw_q_map map_sigmoid = {
    1, "Sigmoid", {[FW_ADD] = 2, [FW_EXP] = 1, [FW_DIV] = 1}};
static const struct fw_q_map map_leaky = {1, "LeakyRelu", {[FW_MINMAX] = 1, [FW_MUL] = 1}};
static const struct fw_q_map map_quant = {
    1, NULL, {[FW_DIV] = 1, [FW_ADD] = 2, [FW_MUL] = 1, [FW_MINMAX] = 3}};
static const struct fw_q_map map_bipolar = {1, NULL, {[FW_MINMAX] = 1, [FW_MUL] = 1}};
static const struct fw_q_map map_trunc = {
    1, NULL, {[FW_DIV] = 2, [FW_ADD] = 2, [FW_MUL] = 1, [FW_MINMAX] = 2}};

#define IN(least, most) FW_PORTS(least, most, 1, 1)
#define INTEGER .doc = "none: of rounded integers", .grad = fw_grad_none
#define CONV(form)                                                                              \
    .formula = "as Conv; add = elements(X) and elements(W) for their zero points; per "         \
               "element of Y 1 mul 1 add 3 minmax",                                             \
    IN(8, 9), .flags = FW_OP_CONTRACTION, .weight_slots = 1u << 3 | 1u << 8, .family = &(form), \
    .infer = fw_conv_infer, .field = fw_field_conv, .cost = cost_conv, INTEGER, FW_RUN(q_conv)
#define PRODUCT(form)                                                                              \
    .flags = FW_OP_CONTRACTION, .family = &(form), .infer = infer_product, .field = field_product, \
    .cost = cost_product, INTEGER, FW_RUN(q_product)
#define MAP(form)                                                                             \
    .family = &(form), .infer = infer_map, .field = fw_field_same, .cost = cost_map, INTEGER, \
    FW_RUN(q_map)
#define MAP_FORMULA(what) \
    "per element of each operand 1 add 1 mul; of Y " what " and 1 div 1 add 3 minmax"
#define FAKE(form)                                                                        \
    .domain = "qonnx.custom_op.general", .doc = "dX = dY: straight through the rounding", \
    .flags = FW_OP_MOVE, .weight_slots = 1, .family = &(form), .infer = infer_fake,       \
    .field = fw_field_first, .cost = cost_fake, .grad = grad_fake
#define MS .domain = "com.microsoft"

/* ---- how far an element reaches ---- */

static void field_product(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_q_product *q = c->node->op->family;
    bool second = in == q->b;
    unsigned trans = second ? FW_MATMUL_TRANS_B : FW_MATMUL_TRANS_A;
    if (in == q->a || second)
        fw_matmul_reach(c, second, in, q->flags && fw_attr_at(c, trans)->i != 0, out, ret);
}

FW_KERNELS(q_conv, q_product, matmul_bits, matmul_bits_grad, q_map, q_softmax, q_concat, q_pool);
FW_KERNELS(fake_quantize, fake_sign, fake_trunc);

// one row is one paragraph: a line for each field would stretch the table over pages
// clang-format off
static const struct fw_op rows[N_ROWS] = {
    [QLINEAR_CONV] = {.name = "QLinearConv", .domain = "",
                      FW_FIRST_ATTRS(conv_attrs, FW_N_CONV_ATTRS), CONV(form_conv)},
    [MS_QLINEAR_CONV] = {.name = "QLinearConv", MS, FW_ATTRS(conv_attrs), CONV(form_ms_conv)},
    [CONV_INTEGER] = {.name = "ConvInteger", .domain = "",
                      .formula = "as Conv; add = elements(X), elements(W) with zero points",
                      FW_FIRST_ATTRS(conv_attrs, FW_N_CONV_ATTRS), IN(2, 4),
                      .flags = FW_OP_CONTRACTION, .weight_slots = 2,
                      .family = &form_conv_integer, .infer = fw_conv_infer,
                      .field = fw_field_conv, .cost = cost_conv,
                      INTEGER, FW_RUN(q_conv)},
    [QLINEAR_MATMUL] = {.name = "QLinearMatMul", .domain = "",
                        .formula = "fma = elements(Y) * K; add = elements(A) + elements(B); per "
                                   "element of Y 1 mul 1 add 3 minmax",
                        IN(8, 8), .weight_slots = 1u | 1u << 3, PRODUCT(form_qlinear)},
    [MATMUL_INTEGER] = {.name = "MatMulInteger", .domain = "",
                        .formula = "fma = elements(Y) * K; add = elements(A), elements(B) with "
                                   "zero points",
                        IN(2, 4), .weight_slots = 3, PRODUCT(form_integer)},
    [MATMUL_INTEGER_16] = {.name = "MatMulInteger16", MS, .formula = "fma = elements(Y) * K",
                           IN(2, 2), .weight_slots = 3, PRODUCT(form_integer)},
    [QGEMM] = {.name = "QGemm", MS,
               .formula = "fma = elements(Y) * K; add = elements(A) + elements(B), elements(Y) "
                          "with C; per element of Y 1 mul and, where quantised, 1 add 3 minmax",
               FW_ATTRS(gemm_attrs), IN(6, 9), .weight_slots = 1u << 3 | 1u << 6,
               PRODUCT(form_qgemm)},
    [DYNAMIC_MATMUL] = {.name = "DynamicQuantizeMatMul", MS,
                        .formula = "fma = elements(Y) * K, mul = elements(Y), add = elements(B) "
                                   "with its zero point, elements(Y) with bias; per element of A "
                                   "5 minmax 2 add 1 div, and 2 add 2 div 3 minmax for its range",
                        IN(3, 5), .weight_slots = 2u | 1u << 4, PRODUCT(form_dynamic)},
    [MATMUL_TO_FLOAT] = {.name = "MatMulIntegerToFloat", MS,
                         .formula = "fma = elements(Y) * K, mul = elements(Y), add = elements(A), "
                                    "elements(B) with zero points, elements(Y) with bias",
                         IN(4, 7), .weight_slots = 3u | 1u << 6, PRODUCT(form_to_float)},
    [MATMUL_BITS] = {.name = "MatMulNBits", MS,
                     .formula = "fma = elements(Y) * K; per weight (K*N) 1 add 1 mul; add = "
                                "elements(Y) with bias",
                     .doc = "dA = dY times the weights; the packed weights have none",
                     FW_ATTRS(bits_attrs), IN(3, 6), .flags = FW_OP_CONTRACTION,
                     .weight_slots = 2u | 1u << 5, .infer = infer_bits, .field = fw_field_last,
                     .cost = cost_bits,
                     .grad = grad_bits, FW_RUN(matmul_bits)},
    [MATMUL_BITS_GRAD] = {.name = "MatMulNBitsGrad", .domain = "flopwise",
                          .formula = "fma = elements(dY) * K; per weight (K*N) 1 add 1 mul",
                          .doc = FW_INTERNAL_DOC,
                          FW_ATTRS(bits_attrs), IN(6, 6),
                          .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL, .shape_only = 1u << 5,
                          .infer = infer_bits_grad, .cost = cost_bits_grad,
                          .grad = fw_grad_none, FW_RUN(matmul_bits_grad)},
    [Q_ADD] = {.name = "QLinearAdd", MS, .formula = MAP_FORMULA("1 add"), IN(7, 8), MAP(map_add)},
    [Q_MUL] = {.name = "QLinearMul", MS, .formula = MAP_FORMULA("1 mul"), IN(7, 8), MAP(map_mul)},
    [Q_SIGMOID] = {.name = "QLinearSigmoid", MS, .formula = MAP_FORMULA("2 add 1 special 1 div"),
                   IN(4, 5), MAP(map_sigmoid)},
    [Q_LEAKY_RELU] = {.name = "QLinearLeakyRelu", MS, .formula = MAP_FORMULA("1 minmax 1 mul"),
                      FW_ATTRS(alpha_attrs), IN(4, 5), MAP(map_leaky)},
    [Q_SOFTMAX] = {.name = "QLinearSoftmax", MS, .formula = MAP_FORMULA("those of Softmax"),
                   FW_ATTRS(softmax_attrs), IN(5, 5), .infer = infer_softmax,
                   .field = fw_field_line, .cost = cost_softmax,
                   INTEGER, FW_RUN(q_softmax)},
    [Q_CONCAT] = {.name = "QLinearConcat", MS,
                  .formula = "per element 2 add 1 mul 1 div 3 minmax", FW_ATTRS(concat_attrs),
                  IN(5, UINT16_MAX), .infer = infer_concat, .field = fw_field_joined,
                  .cost = cost_concat, INTEGER, FW_RUN(q_concat)},
    [Q_AVERAGE] = {.name = "QLinearAveragePool", MS,
                   .formula = "as AveragePool; per element of Y 2 add 1 mul 3 minmax",
                   FW_ATTRS(pool_attrs), IN(4, 5), .family = &form_average,
                   .infer = fw_pool_infer, .field = fw_field_pool,
                   .cost = cost_average, INTEGER, FW_RUN(q_pool)},
    [Q_GLOBAL_AVERAGE] = {.name = "QLinearGlobalAveragePool", MS,
                          .formula = "as GlobalAveragePool; per element of Y 2 add 1 mul 3 minmax",
                          FW_ATTRS(last_attrs), IN(5, 5), .family = &form_global,
                          .infer = fw_pool_infer_global, .field = fw_field_pool_global,
                          .cost = cost_global_average, INTEGER, FW_RUN(q_pool)},
    [QUANT] = {.name = "Quant", FAKE(map_quant),
               .formula = "per element 1 div 2 add 1 mul 3 minmax", FW_ATTRS(quant_attrs),
               IN(4, 4), FW_RUN(fake_quantize)},
    [INT_QUANT] = {.name = "IntQuant", FAKE(map_quant),
                   .formula = "per element 1 div 2 add 1 mul 3 minmax", FW_ATTRS(quant_attrs),
                   IN(4, 4), FW_RUN(fake_quantize)},
    [BIPOLAR_QUANT] = {.name = "BipolarQuant", FAKE(map_bipolar),
                       .formula = "per element 1 minmax 1 mul", IN(2, 2), FW_RUN(fake_sign)},
    [TRUNC] = {.name = "Trunc", FAKE(map_trunc),
               .formula = "per element 2 div 2 add 1 mul 2 minmax", FW_ATTRS(quant_attrs),
               IN(5, 6), FW_RUN(fake_trunc)},
};
// clang-format on
const struct fw_op_table fw_ops_qlinear = {rows, N_ROWS};
