/* Elementwise functions of several tensors under multidirectional broadcasting: arithmetic,
 * comparison, logic, bits, Where, and the variadic Min, Max, Sum, Mean.
 *
 * Every element of the output costs the same, so cost = elements(Y) * operations. Comparing is one
 * minmax, choosing (Where) too; logic and bit operations are no arithmetic. Contents are followed
 * through all of them where the result is exact, since shapes are computed with these operators. */
#include "ops/fast.h"
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

typedef fw_dim fold_fn(struct fw_cx *c, fw_dim a, fw_dim b);

struct binary {
    fold_fn *fold; // NULL: contents are not followed
    uint8_t class; // enum fw_cost_class
    uint8_t per_element;
    bool is_bool;    // the output's type
    uint8_t yes, no; // comparisons: bit (sign + 2) of A - B for which the answer is known
};

enum { FMOD };
static const struct fw_attr_spec mod_attrs[] = {{"fmod", FW_ATTR_INT, false, {.i = 0}}};
enum { DIRECTION };
static const struct fw_attr_spec shift_attrs[] = {
    {"direction", FW_ATTR_STRING, true, {.s = "LEFT"}},
};
enum { OF };
static const struct fw_attr_spec of_attrs[] = {{"of", FW_ATTR_INT, true, {.i = 0}}};

/* ---- known contents ---- */

static bool integers(const struct fw_cx *c)
{
    return !fw_dtype_is_float((enum fw_dtype)fw_in(c, 0)->dtype);
}

static bool not_negative(struct fw_cx *c, fw_dim v)
{
    int sign = fw_dim_sign(c->sym, v);
    return sign >= 0 && sign <= 2;
}

static fw_dim fold_add(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return fw_dim_add(c->sym, a, b);
}

static fw_dim fold_sub(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return fw_dim_sub(c->sym, a, b);
}

static fw_dim fold_mul(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return fw_dim_mul(c->sym, a, b);
}

/* Integers truncate toward zero, which is floor where neither side is negative. */
static fw_dim fold_div(struct fw_cx *c, fw_dim a, fw_dim b)
{
    if (fw_dim_is(b, 0))
        return fw_dim_bad();
    if (!integers(c))
        return fw_dim_div(c->sym, a, b);
    if (fw_dim_is_const(a) && fw_dim_is_const(b))
        return fw_dim_int(a.word / b.word);
    if (!not_negative(c, a) || fw_dim_sign(c->sym, b) != 1)
        return fw_dim_bad();
    return fw_dim_floor_div(c->sym, a, b);
}

/* The sign follows the divisor, with fmod the dividend. */
static fw_dim fold_mod(struct fw_cx *c, fw_dim a, fw_dim b)
{
    if (fw_dim_is(b, 0))
        return fw_dim_bad();
    if (c->node->attr[FMOD].i == 0 || (not_negative(c, a) && fw_dim_sign(c->sym, b) == 1))
        return fw_dim_mod(c->sym, a, b);
    if (fw_dim_is_const(a) && fw_dim_is_const(b))
        return fw_dim_int(a.word % b.word);
    return fw_dim_bad();
}

static fw_dim fold_pow(struct fw_cx *c, fw_dim a, fw_dim b)
{
    if (!fw_dim_is_const(b) || b.word < 0 || b.word > 64)
        return fw_dim_bad();
    fw_dim y = fw_dim_int(1);
    for (int64_t i = 0; i < b.word; i++)
        y = fw_dim_mul(c->sym, y, a);
    return y;
}

static fw_dim fold_shift(struct fw_cx *c, fw_dim a, fw_dim b)
{
    if (!fw_dim_is_const(b) || b.word < 0 || b.word > 61)
        return fw_dim_bad();
    fw_dim power = fw_dim_int((int64_t)1 << b.word);
    if (fw_attr_is(c, DIRECTION, "RIGHT"))
        return fw_dim_floor_div(c->sym, a, power);
    return fw_dim_mul(c->sym, a, power);
}

static fw_dim fold_min(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return fw_dim_min(c->sym, a, b);
}

static fw_dim fold_max(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return fw_dim_max(c->sym, a, b);
}

static fw_dim fold_compare(struct fw_cx *c, fw_dim a, fw_dim b)
{
    const struct binary *f = c->node->op->family;
    unsigned bit = 1u << (fw_dim_sign(c->sym, fw_dim_sub(c->sym, a, b)) + 2);
    return f->yes & bit ? fw_dim_int(1) : f->no & bit ? fw_dim_int(0) : fw_dim_bad();
}

/* Logic is the bit operation, of whose result a boolean keeps whether any bit is set. */
static fw_dim bits(struct fw_cx *c, fw_dim a, fw_dim b, int64_t v)
{
    if (!fw_dim_is_const(a) || !fw_dim_is_const(b))
        return fw_dim_bad();
    return fw_dim_int(fw_out(c, 0)->dtype == FW_BOOL ? v != 0 : v);
}

static fw_dim fold_and(struct fw_cx *c, fw_dim a, fw_dim b)
{
    if (fw_dim_is(a, 0) || fw_dim_is(b, 0))
        return fw_dim_int(0);
    return bits(c, a, b, a.word & b.word);
}

static fw_dim fold_or(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return bits(c, a, b, a.word | b.word);
}

static fw_dim fold_xor(struct fw_cx *c, fw_dim a, fw_dim b)
{
    return bits(c, a, b, a.word ^ b.word);
}

/* Which element of input t stands at element `at` of the output under broadcasting. */
static uint32_t source(const struct fw_tensor *out, const struct fw_tensor *t, uint32_t at)
{
    uint32_t index = 0;
    uint32_t step = 1;
    for (unsigned k = 1; k <= t->rank; k++) { // from the last dimension
        uint32_t n = (uint32_t)out->dims[out->rank - k].word;
        uint32_t own = (uint32_t)t->dims[t->rank - k].word;
        index += own == 1 ? 0 : at % n * step;
        step *= own;
        at /= n;
    }
    return index;
}

/* Elements of the output when it is small and all its inputs' contents are known, else 0. */
static uint32_t known_elements(struct fw_cx *c)
{
    uint32_t n;
    for (unsigned i = 0; i < c->node->n_in; i++) // before stored contents are decoded in vain
        if (fw_in(c, i)->value == NULL && fw_in(c, i)->data == NULL)
            return 0;
    for (unsigned i = 0; i < c->node->n_in; i++)
        if (fw_in_value(c, i, &n) == NULL)
            return 0;
    fw_count y = fw_elements(c, fw_out(c, 0));
    bool small = fw_count_is_const(y) && y.word > 0 && y.word <= FW_MAX_VALUE;
    return small ? (uint32_t)y.word : 0;
}

static fw_dim known_at(struct fw_cx *c, unsigned input, uint32_t at)
{
    uint32_t n;
    const fw_dim *v = fw_in_value(c, input, &n);
    return v[source(fw_out(c, 0), fw_in(c, input), at)];
}

/* Folds all inputs from the left and divides by `by`. */
static enum fw_status fold_all(struct fw_cx *c, fold_fn *fold, int64_t by)
{
    uint32_t n = fold == NULL || !fw_has_out(c, 0) ? 0 : known_elements(c);
    if (n == 0)
        return FW_OK;
    fw_dim y[FW_MAX_VALUE];
    for (uint32_t at = 0; at < n; at++) {
        y[at] = known_at(c, 0, at);
        for (unsigned i = 1; i < c->node->n_in; i++)
            y[at] = fold(c, y[at], known_at(c, i, at));
        if (by != 1)
            y[at] = fw_dim_div(c->sym, y[at], fw_dim_int(by));
        if (fw_dim_is_bad(y[at]))
            return FW_OK;
    }
    return fw_set_value(c, 0, y, n);
}

/* ---- slots of all rows ---- */

static enum fw_status infer_shape(struct fw_cx *c, unsigned dtype_of)
{
    const struct binary *f = c->node->op->family;
    for (unsigned i = 0; i < c->node->n_in; i++)
        FW_TRY(fw_want_rank(c, i, 0, FW_MAX_RANK));
    fw_dim dims[FW_MAX_RANK];
    unsigned rank;
    FW_TRY(fw_broadcast_inputs(c, 0, c->node->n_in, &rank, dims));
    enum fw_dtype dtype = f->is_bool ? FW_BOOL : (enum fw_dtype)fw_in(c, dtype_of)->dtype;
    return fw_set_out(c, 0, dtype, rank, dims);
}

static enum fw_status infer(struct fw_cx *c)
{
    FW_TRY(infer_shape(c, 0));
    return fold_all(c, ((const struct binary *)c->node->op->family)->fold, 1);
}

static enum fw_status infer_mean(struct fw_cx *c)
{
    FW_TRY(infer_shape(c, 0));
    return fold_all(c, fold_add, c->node->n_in);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct binary *f = c->node->op->family;
    int64_t n = (int64_t)f->per_element * (c->node->n_in - 1);
    fw_cost_add(c, cost, (enum fw_cost_class)f->class, fw_elements(c, fw_out(c, 0)), n);
}

static void cost_mean(struct fw_cx *c, struct fw_cost *cost_)
{
    cost(c, cost_);
    fw_cost_add(c, cost_, FW_DIV, fw_elements(c, fw_out(c, 0)), 1);
}

/* Integers: the division gives the remainder; floats: a - b*floor(a/b). */
static void cost_mod(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_DIV, n, 1);
    if (integers(c))
        return;
    fw_cost_add(c, cost, FW_MINMAX, n, 1);
    fw_cost_add(c, cost, FW_MUL, n, 1);
    fw_cost_add(c, cost, FW_ADD, n, 1);
}

/* ---- gradients from arithmetic rows ---- */

/* op(a, b) as the gradient of input i, summed to its shape. */
static enum fw_status give_op(struct fw_grad *gr, unsigned i, const struct fw_op *op, uint32_t a,
                              uint32_t b)
{
    uint32_t in[2] = {a, b};
    uint32_t t;
    FW_TRY(fw_emit(gr, (int)i, op, in, 2, NULL, &t));
    return fw_grad_give(gr, i, t);
}

static enum fw_status negate(struct fw_grad *gr, unsigned i)
{
    uint32_t t = gr->dx[i];
    return fw_emit(gr, (int)i, fw_op_neg, &t, 1, NULL, &gr->dx[i]);
}

static enum fw_status grad_add(struct fw_grad *gr)
{
    for (unsigned i = 0; i < gr->cx.node->n_in; i++)
        if (fw_grad_needs(gr, i))
            FW_TRY(fw_grad_give(gr, i, gr->dy[0]));
    return FW_OK;
}

static enum fw_status grad_sub(struct fw_grad *gr)
{
    FW_TRY(grad_add(gr));
    return fw_grad_needs(gr, 1) ? negate(gr, 1) : FW_OK;
}

static enum fw_status grad_mul(struct fw_grad *gr)
{
    for (unsigned i = 0; i < 2; i++)
        if (fw_grad_needs(gr, i))
            FW_TRY(give_op(gr, i, fw_op_mul, gr->dy[0], gr->cx.node->in[1 - i]));
    return FW_OK;
}

/* dA = dY/B serves both: dB = -(dY/B)*Y. */
static enum fw_status grad_div(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (!fw_grad_needs(gr, 0) && !fw_grad_needs(gr, 1))
        return FW_OK;
    uint32_t in[2] = {gr->dy[0], node->in[1]};
    uint32_t t;
    FW_TRY(fw_emit(gr, fw_grad_needs(gr, 0) ? 0 : 1, fw_op_div, in, 2, NULL, &t));
    if (fw_grad_needs(gr, 0))
        FW_TRY(fw_grad_give(gr, 0, t));
    if (!fw_grad_needs(gr, 1))
        return FW_OK;
    FW_TRY(give_op(gr, 1, fw_op_mul, t, node->out[0]));
    return negate(gr, 1);
}

static enum fw_status grad_mean(struct fw_grad *gr)
{
    const unsigned n = gr->cx.node->n_in;
    bool any = false;
    for (unsigned i = 0; i < n; i++)
        any = any || fw_grad_needs(gr, i);
    if (!any)
        return FW_OK;
    struct fw_attr by = {.f = 1.0 / n, .given = true};
    uint32_t t;
    FW_TRY(fw_emit(gr, -1, fw_op_scale, &gr->dy[0], 1, &by, &t));
    for (unsigned i = 0; i < n; i++)
        if (fw_grad_needs(gr, i))
            FW_TRY(fw_grad_give(gr, i, t));
    return FW_OK;
}

/* ---- Where ---- */

/* Known where the condition is, or where both choices are the same. */
static enum fw_status infer_where(struct fw_cx *c)
{
    FW_TRY(infer_shape(c, 1));
    uint32_t n;
    if (!fw_has_out(c, 0) || fw_in_value(c, 1, &n) == NULL || fw_in_value(c, 2, &n) == NULL)
        return FW_OK;
    fw_count elements = fw_elements(c, fw_out(c, 0));
    if (!fw_count_is_const(elements) || elements.word <= 0 || elements.word > FW_MAX_VALUE)
        return FW_OK;
    bool condition = fw_in_value(c, 0, &n) != NULL;
    n = (uint32_t)elements.word;
    fw_dim y[FW_MAX_VALUE];
    for (uint32_t at = 0; at < n; at++) {
        fw_dim a = known_at(c, 1, at);
        fw_dim b = known_at(c, 2, at);
        fw_dim which = condition ? known_at(c, 0, at) : fw_dim_bad();
        if (!fw_dim_eq(a, b) && !fw_dim_is_const(which))
            return FW_OK;
        y[at] = fw_dim_eq(a, b) || which.word != 0 ? a : b;
    }
    return fw_set_value(c, 0, y, n);
}

static void cost_one(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, fw_out(c, 0)), 1);
}

/* ---- gradient rows ---- */

/* a^(b-1) * b * dY from (dY, a, b); dY * y * log(a) from (dY, a, y). */
static void cost_pow_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 2);
    if (c->node->attr[OF].i == 0) {
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 2)), 1);
        fw_cost_add(c, cost, FW_SPECIAL, n, 1);
    } else {
        fw_cost_add(c, cost, FW_LOG, fw_elements(c, fw_in(c, 1)), 1);
    }
}

static void cost_prelu(struct fw_cx *c, struct fw_cost *cost)
{
    cost_one(c, cost);
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_out(c, 0)), 1);
}

static enum fw_status infer_prelu(struct fw_cx *c)
{
    FW_TRY(infer_shape(c, 0));
    FW_TRY(fw_want_broadcast_to(c, 1, fw_in(c, 0)->rank, fw_in(c, 0)->dims));
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

enum { MOD_GRAD, POW_GRAD, PRELU_GRAD, WHERE_GRAD, MINMAX_GRAD, N_GRADS };
static const struct fw_op *grad_row(unsigned i);

/* One gradient row for one input. */
static enum fw_status give_row(struct fw_grad *gr, unsigned i, unsigned row, const uint32_t *in,
                               unsigned n)
{
    struct fw_attr of = {.i = i, .given = true};
    uint32_t t;
    FW_TRY(fw_emit(gr, (int)i, grad_row(row), in, n, &of, &t));
    return fw_grad_give(gr, i, t);
}

static enum fw_status grad_pow(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t in[3] = {gr->dy[0], node->in[0], i == 0 ? node->in[1] : node->out[0]};
        if (fw_grad_needs(gr, i))
            FW_TRY(give_row(gr, i, POW_GRAD, in, 3));
    }
    return FW_OK;
}

static enum fw_status grad_mod(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[3] = {gr->dy[0], node->in[0], node->in[1]};
    if (fw_grad_needs(gr, 0))
        FW_TRY(fw_grad_give(gr, 0, gr->dy[0]));
    return fw_grad_needs(gr, 1) ? give_row(gr, 1, MOD_GRAD, in, 3) : FW_OK;
}

static enum fw_status grad_prelu(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[3] = {gr->dy[0], node->in[0], node->in[1]};
    for (unsigned i = 0; i < 2; i++)
        if (fw_grad_needs(gr, i))
            FW_TRY(give_row(gr, i, PRELU_GRAD, in, i == 0 ? 3 : 2));
    return FW_OK;
}

static enum fw_status grad_where(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[0]};
    for (unsigned i = 1; i < 3; i++)
        if (fw_grad_needs(gr, i))
            FW_TRY(give_row(gr, i, WHERE_GRAD, in, 2));
    return FW_OK;
}

static enum fw_status grad_minmax(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (node->n_in == 1)
        return grad_add(gr);
    for (unsigned i = 0; i < node->n_in; i++) {
        uint32_t in[3] = {gr->dy[0], node->in[i], node->out[0]};
        if (fw_grad_needs(gr, i))
            FW_TRY(give_row(gr, i, MINMAX_GRAD, in, 3));
    }
    return FW_OK;
}

/* ---- the table ---- */

#define SAME .field = fw_field_same

#define BOOLEAN "none: boolean"
#define BITS "none: integers"
#define PLAIN(class) .formula = class " = elements(Y)"
#define FREE .formula = "no arithmetic"
/* Bits of .yes and .no, by sign of A - B: -2 not positive, -1, 0, 1, 2 not negative. */
#define S(sign) (1u << ((sign) + 2))
#define FAMILY(...)                  \
    .family = &(const struct binary) \
    {                                \
        __VA_ARGS__                  \
    }
#define COMPARE(yes_, no_)                                                                       \
    .domain = "", PLAIN("minmax"), .doc = BOOLEAN, FW_PORTS(2, 2, 1, 1),                         \
    FAMILY(fold_compare, FW_MINMAX, 1, true, (yes_), (no_)), .infer = infer, SAME, .cost = cost, \
    .grad = fw_grad_none
#define ORDER(yes_, no_) COMPARE(yes_, no_), .flags = FW_OP_TRIANGLE
#define BIT(fold, is_bool)                                                                    \
    .domain = "", FREE, .doc = is_bool ? BOOLEAN : BITS, FW_PORTS(2, 2, 1, 1), .in_place = 3, \
    FAMILY(fold, 0, 0, is_bool, 0, 0), .infer = infer, SAME, .cost = fw_cost_free,            \
    .grad = fw_grad_none
#define ARITHMETIC(fold, class)                                                             \
    .domain = "", FW_PORTS(2, 2, 1, 1), .in_place = 3, FAMILY(fold, class, 1, false, 0, 0), \
    .infer = infer, SAME
#define VARIADIC(fold, class) \
    .domain = "", FW_PORTS(1, UINT16_MAX, 1, 1), .in_place = 3, FAMILY(fold, class, 1, false, 0, 0)
#define GRAD_ROW                                                                            \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, FW_ATTRS(of_attrs), FW_PORTS(2, 3, 1, 1), \
    .flags = FW_OP_INTERNAL, .in_place = 1, .infer = fw_infer_same, .grad = fw_grad_none

FW_KERNELS(add, sub, mul, div, mod_grad, pow_grad, prelu_grad, where_grad);
FW_KERNELS(minmax_grad, mod, power, prelu, bit_shift, bit_and, bit_or, bit_xor);
FW_KERNELS(equal, greater, greater_or_equal, less, less_or_equal, where, min_of, max_of);
FW_KERNELS(sum_of, mean_of);

enum { ADD, SUB, MUL, DIV, FIRST_GRAD = 4 };
// one row is one paragraph: a line for each field would stretch the table over pages
// clang-format off
static const struct fw_op rows[] = {
    [ADD] = {.name = "Add", ARITHMETIC(fold_add, FW_ADD), PLAIN("add"),
             .doc = "dA, dB = dY summed to their shapes", .flags = FW_OP_LOOSE_SLOTS | FW_OP_SUM,
             .weight_slots = 3, .cost = cost, .grad = grad_add,
             .moments = &fw_moments_sum, FW_RUN(add), FW_POINTWISE},
    [SUB] = {.name = "Sub", ARITHMETIC(fold_sub, FW_ADD), PLAIN("add"),
             .doc = "dA = dY, dB = -dY, summed to their shapes", .cost = cost, .grad = grad_sub,
             .moments = &fw_moments_difference, FW_RUN(sub), FW_POINTWISE},
    [MUL] = {.name = "Mul", ARITHMETIC(fold_mul, FW_MUL), PLAIN("mul"),
             .doc = "dA = dY*B, dB = dY*A, summed", .flags = FW_OP_LOOSE_SLOTS, .weight_slots = 3,
             .cost = cost, .grad = grad_mul,
             .moments = &fw_moments_product, FW_RUN(mul), FW_POINTWISE},
    [DIV] = {.name = "Div", ARITHMETIC(fold_div, FW_DIV), PLAIN("div"),
             .doc = "dA = dY/B, dB = -dA*Y, summed", .cost = cost, .grad = grad_div,
             .moments = &fw_moments_quotient, FW_RUN(div), FW_POINTWISE},
    [FIRST_GRAD + MOD_GRAD] = {.name = "ModGrad", GRAD_ROW,
                               .formula = "-dY*floor(a/b); per element 1 div 1 minmax 1 mul 1 add",
                               .cost = cost_mod, FW_RUN(mod_grad)},
    [FIRST_GRAD + POW_GRAD] = {.name = "PowGrad", GRAD_ROW,
                               .formula = "of A: dY*b*pow(a, b - 1), mul = 2*elements, special = "
                                          "elements, add = elements(B); of B: dY*y*log(a), mul = "
                                          "2*elements, special = elements(A)",
                               .cost = cost_pow_grad, FW_RUN(pow_grad)},
    [FIRST_GRAD + PRELU_GRAD] = {.name = "PReluGrad", GRAD_ROW,
                                 .formula = "of X: x > 0 ? dY : slope*dY; of slope: x > 0 ? 0 : "
                                            "x*dY; per element 1 mul 1 minmax",
                                 .cost = cost_prelu, FW_RUN(prelu_grad)},
    [FIRST_GRAD + WHERE_GRAD] = {.name = "WhereGrad", GRAD_ROW,
                                 .formula = "dY where chosen, else 0; per element 1 minmax",
                                 .cost = cost_one, FW_RUN(where_grad)},
    [FIRST_GRAD + MINMAX_GRAD] = {.name = "MinMaxGrad", GRAD_ROW,
                                  .formula = "x == y ? dY : 0; per element 1 minmax",
                                  .cost = cost_one, FW_RUN(minmax_grad)},
    {.name = "Mod", ARITHMETIC(fold_mod, FW_DIV),
     .formula = "integers: div = elements(Y); floats: a - b*floor(a/b), 1 div 1 minmax 1 mul 1 add",
     .doc = "dA = dY, dB = -dY*floor(a/b), summed", FW_ATTRS(mod_attrs), .cost = cost_mod,
     .grad = grad_mod, FW_RUN(mod)},
    {.name = "Pow", ARITHMETIC(fold_pow, FW_SPECIAL), PLAIN("special"),
     .doc = "dA = dY*b*pow(a, b - 1), dB = dY*y*log(a), summed", .cost = cost, .grad = grad_pow,
     .moments = &fw_moments_pointwise, FW_RUN(power)},
    {.name = "PRelu", .domain = "", .formula = "x > 0 ? x : slope*x; per element 1 mul 1 minmax",
     .doc = "dX = x > 0 ? dY : slope*dY, dslope = x > 0 ? 0 : x*dY summed; 1 mul 1 minmax each",
     FW_PORTS(2, 2, 1, 1), .weight_slots = 2, .in_place = 1, FAMILY(NULL, FW_MUL, 1, false, 0, 0),
     .infer = infer_prelu, SAME, .cost = cost_prelu, .grad = grad_prelu,
     .moments = &fw_moments_slopes, FW_RUN(prelu)},
    {.name = "BitShift", BIT(fold_shift, false), FW_ATTRS(shift_attrs), FW_RUN(bit_shift)},
    {.name = "And", BIT(fold_and, true), FW_RUN(bit_and)},
    {.name = "Or", BIT(fold_or, true), FW_RUN(bit_or)},
    {.name = "Xor", BIT(fold_xor, true), FW_RUN(bit_xor)},
    {.name = "BitwiseAnd", BIT(fold_and, false), FW_RUN(bit_and)},
    {.name = "BitwiseOr", BIT(fold_or, false), FW_RUN(bit_or)},
    {.name = "BitwiseXor", BIT(fold_xor, false), FW_RUN(bit_xor)},
    {.name = "Equal", COMPARE(S(0), S(1) | S(-1)), FW_RUN(equal)},
    {.name = "Greater", ORDER(S(1), S(0) | S(-1) | S(-2)), FW_RUN(greater)},
    {.name = "GreaterOrEqual", ORDER(S(1) | S(0) | S(2), S(-1)), FW_RUN(greater_or_equal)},
    {.name = "Less", ORDER(S(-1), S(0) | S(1) | S(2)), FW_RUN(less)},
    {.name = "LessOrEqual", ORDER(S(-1) | S(0) | S(-2), S(1)), FW_RUN(less_or_equal)},
    {.name = "Where", .domain = "", PLAIN("minmax"),
     .doc = "dX = condition ? dY : 0, dY = condition ? 0 : dY, summed; 1 minmax each",
     FW_PORTS(3, 3, 1, 1), .in_place = 6, FAMILY(NULL, FW_MINMAX, 1, false, 0, 0),
     .infer = infer_where, SAME, .cost = cost_one, .grad = grad_where,
     .moments = &fw_moments_choice, FW_RUN(where)},
    {.name = "Min", VARIADIC(fold_min, FW_MINMAX),
     .formula = "minmax = elements(Y) * (inputs - 1)",
     .doc = "each input: x == y ? dY : 0, 1 minmax, summed", .infer = infer, SAME, .cost = cost,
     .grad = grad_minmax,
     .moments = &fw_moments_pointwise, FW_RUN(min_of)},
    {.name = "Max", VARIADIC(fold_max, FW_MINMAX),
     .formula = "minmax = elements(Y) * (inputs - 1)",
     .doc = "each input: x == y ? dY : 0, 1 minmax, summed", .infer = infer, SAME, .cost = cost,
     .grad = grad_minmax,
     .moments = &fw_moments_pointwise, FW_RUN(max_of)},
    {.name = "Sum", VARIADIC(fold_add, FW_ADD), .formula = "add = elements(Y) * (inputs - 1)",
     .doc = "each input: dY summed to its shape", .flags = FW_OP_LOOSE_SLOTS | FW_OP_SUM,
     .weight_slots = UINT32_MAX, .infer = infer, SAME, .cost = cost, .grad = grad_add,
     .moments = &fw_moments_sum, FW_RUN(sum_of)},
    {.name = "Mean", VARIADIC(NULL, FW_ADD),
     .formula = "add = elements(Y) * (inputs - 1), div = elements(Y)",
     .doc = "each input: dY/inputs, 1 mul, summed to its shape", .infer = infer_mean, SAME,
     .cost = cost_mean, .grad = grad_mean,
     .moments = &fw_moments_pointwise, FW_RUN(mean_of)},
};
// clang-format on
const struct fw_op_table fw_ops_binary = {rows, sizeof rows / sizeof *rows};
const struct fw_op *const fw_op_add = &rows[ADD];
const struct fw_op *const fw_op_mul = &rows[MUL];
const struct fw_op *const fw_op_div = &rows[DIV];

static const struct fw_op *grad_row(unsigned i)
{
    return &rows[FIRST_GRAD + i];
}
