/* Elementwise functions of one tensor, each with the gradient row made from the same line.
 *
 * A line of the table holds the operations per element that the written expression takes, forward
 * and backward. Conventions: a negation is an add; a choice together with the comparison that
 * steers it is one minmax; floor, ceil, round, abs and sign are one minmax; constants made from
 * attributes alone cost nothing. The gradient reads Y instead of X wherever Y determines it, so
 * that X need not be kept and the operator can work in place. */
#include "ops/fast.h"
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"
#include "ops/unary_rows.h"

enum from {
    FROM_X,
    FROM_Y,
    FROM_SIGN // only the sign matters: Y has it while alpha >= 0, else X
};

struct unary {
    uint8_t n[FW_N_TALLIES];    // operations per element
    uint8_t grad[FW_N_TALLIES]; // of the gradient row
    uint8_t from;               // enum from: what the gradient row takes beside dY
    fw_dim (*fold)(struct fw_symbols *s, fw_dim v); // known contents; bad where not exact; or NULL
    const struct fw_op *grad_row;
};

static const struct fw_attr_spec alpha_1[] = {{"alpha", FW_ATTR_FLOAT, false, {.f = 1}}};
static const struct fw_attr_spec leaky[] = {{"alpha", FW_ATTR_FLOAT, false, {.f = 0.01}}};
static const struct fw_attr_spec quick_gelu[] = {{"alpha", FW_ATTR_FLOAT, false, {.f = 1.702}}};
static const struct fw_attr_spec hard_sigmoid[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 0.2}},
    {"beta", FW_ATTR_FLOAT, false, {.f = 0.5}},
};
static const struct fw_attr_spec selu[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 1.6732631921768188}},
    {"gamma", FW_ATTR_FLOAT, false, {.f = 1.0507010221481323}},
};
static const struct fw_attr_spec shrink[] = {
    {"lambd", FW_ATTR_FLOAT, false, {.f = 0.5}},
    {"bias", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec alpha_beta[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 1}},
    {"beta", FW_ATTR_FLOAT, false, {.f = 1}},
};
enum { GELU_APPROXIMATE };
static const struct fw_attr_spec gelu[] = {
    {"approximate", FW_ATTR_STRING, false, {.s = "none"}},
};
enum { DETECT_NEGATIVE, DETECT_POSITIVE };
static const struct fw_attr_spec is_inf[] = {
    {"detect_negative", FW_ATTR_INT, false, {.i = 1}},
    {"detect_positive", FW_ATTR_INT, false, {.i = 1}},
};
/* Linear functions: the factor stands first. */
static const struct fw_attr_spec affine[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 1}},
    {"beta", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec image_scaler[] = {
    {"scale", FW_ATTR_FLOAT, false, {.f = 1}},
    {"bias", FW_ATTR_FLOATS, false, {.floats = NULL}},
};
static const struct fw_attr_spec scale_1[] = {{"scale", FW_ATTR_FLOAT, false, {.f = 1}}};
static const struct fw_attr_spec by[] = {{"by", FW_ATTR_FLOAT, true, {.f = 1}}};

/* ---- known contents ---- */

static fw_dim fold_abs(struct fw_symbols *s, fw_dim v)
{
    int sign = fw_dim_sign(s, v);
    if (sign == 3)
        return fw_dim_bad();
    return sign < 0 ? fw_dim_sub(s, fw_dim_int(0), v) : v;
}

static fw_dim fold_sign(struct fw_symbols *s, fw_dim v)
{
    int sign = fw_dim_sign(s, v);
    return sign >= -1 && sign <= 1 ? fw_dim_int(sign) : fw_dim_bad();
}

static fw_dim fold_ceil(struct fw_symbols *s, fw_dim v)
{
    return fw_dim_ceil_div(s, v, fw_dim_int(1));
}

static fw_dim fold_floor(struct fw_symbols *s, fw_dim v)
{
    return fw_dim_floor_div(s, v, fw_dim_int(1));
}

/* Half to even. */
static fw_dim fold_round(struct fw_symbols *s, fw_dim v)
{
    fw_dim low = fold_floor(s, v);
    if (fw_dim_eq(low, v))
        return v;
    if (!fw_dim_is_const(low)) // a symbolic fraction: which way ties go is not known
        return fw_dim_bad();
    fw_dim twice = fw_dim_mul(s, fw_dim_sub(s, v, low), fw_dim_int(2));
    int sign = fw_dim_sign(s, fw_dim_sub(s, twice, fw_dim_int(1)));
    bool up = sign == 1 || (sign == 0 && low.word % 2 != 0);
    return up ? fw_dim_add(s, low, fw_dim_int(1)) : low;
}

static fw_dim fold_neg(struct fw_symbols *s, fw_dim v)
{
    return fw_dim_sub(s, fw_dim_int(0), v);
}

static fw_dim fold_not(struct fw_symbols *s, fw_dim v)
{
    (void)s;
    return fw_dim_is_const(v) ? fw_dim_int(v.word == 0) : fw_dim_bad();
}

static fw_dim fold_bit_not(struct fw_symbols *s, fw_dim v)
{
    return fw_dim_sub(s, fw_dim_int(-1), v);
}

static fw_dim fold_relu(struct fw_symbols *s, fw_dim v)
{
    return fw_dim_max(s, v, fw_dim_int(0));
}

static fw_dim fold_reciprocal(struct fw_symbols *s, fw_dim v)
{
    return fw_dim_is(v, 0) ? fw_dim_bad() : fw_dim_div(s, fw_dim_int(1), v);
}

static fw_dim fold_same(struct fw_symbols *s, fw_dim v)
{
    (void)s;
    return v;
}

static enum fw_status fold_all(struct fw_cx *c, fw_dim (*fold)(struct fw_symbols *, fw_dim))
{
    uint32_t n;
    const fw_dim *v = fold == NULL ? NULL : fw_in_value(c, 0, &n);
    if (v == NULL)
        return FW_OK;
    fw_dim y[FW_MAX_VALUE];
    for (uint32_t i = 0; i < n; i++) {
        y[i] = fold(c->sym, v[i]);
        if (fw_dim_is_bad(y[i]))
            return FW_OK;
    }
    return fw_set_value(c, 0, y, n);
}

/* ---- the slots ---- */

static enum fw_status infer(struct fw_cx *c)
{
    const struct unary *u = c->node->op->family;
    const struct fw_tensor *x = fw_in(c, 0);
    FW_REQUIRE(x != NULL, c->err, FW_FORMAT, "input 0 is wanted, it is missing");
    FW_TRY(fw_set_out_like(c, 0, x));
    return fold_all(c, u->fold);
}

static enum fw_status infer_identity(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    if (x != NULL && (x->flags & FW_TENSOR_OPEN))
        return fw_set_out_open(c, 0, (enum fw_dtype)x->dtype);
    return infer(c);
}

static enum fw_status infer_bool(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_REQUIRE(x != NULL, c->err, FW_FORMAT, "input 0 is wanted, it is missing");
    if (x->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 0, FW_BOOL, FW_RANK_UNKNOWN);
    return fw_set_out(c, 0, FW_BOOL, x->rank, x->dims);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_each(c, cost, fw_elements(c, fw_out(c, 0)),
                 ((const struct unary *)c->node->op->family)->n);
}

static void cost_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_each(c, cost, fw_elements(c, fw_out(c, 0)),
                 ((const struct unary *)c->node->op->family)->grad);
}

static void cost_is_inf(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    int64_t bounds = (attr[DETECT_NEGATIVE].i != 0) + (attr[DETECT_POSITIVE].i != 0);
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, fw_out(c, 0)), bounds);
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    const struct unary *u = node->op->family;
    bool from_x = u->from == FROM_X || (u->from == FROM_SIGN && node->attr[0].f < 0);
    uint32_t in[2] = {gr->dy[0], from_x ? node->in[0] : node->out[0]};
    return fw_grad_node(gr, 0, u->grad_row, in, 2, node->attr);
}

static enum fw_status grad_identity(struct fw_grad *gr)
{
    return fw_grad_needs(gr, 0) ? fw_grad_give(gr, 0, gr->dy[0]) : FW_OK;
}

static enum fw_status grad_neg(struct fw_grad *gr)
{
    return fw_grad_node(gr, 0, fw_op_neg, &gr->dy[0], 1, NULL);
}

static enum fw_status grad_linear(struct fw_grad *gr)
{
    struct fw_attr factor = {.f = gr->cx.node->attr[0].f, .given = true};
    return fw_grad_node(gr, 0, fw_op_scale, &gr->dy[0], 1, &factor);
}

static enum fw_status infer_image_scaler(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    const struct fw_attr *bias = &c->node->attr[1];
    fw_dim channels;
    if (bias->n != 0)
        FW_TRY(fw_same_dim(c, "channels and bias", fw_in(c, 0)->dims[1], fw_dim_int(bias->n),
                           &channels));
    return infer(c);
}

/* Gelu's two forms: FastGelu is the second, BiasGelu the first. */
static const struct unary gelu_erf = {.n = {0, 1, 3, [FW_ERF] = 1},
                                      .grad = {0, 2, 7, [FW_ERF] = 1, [FW_EXP] = 1}};
static const struct unary gelu_tanh = {.n = {0, 2, 5, [FW_TANH] = 1},
                                       .grad = {0, 5, 10, [FW_TANH] = 1}};

static const struct unary *gelu_form(const struct fw_cx *c)
{
    const struct fw_op *op = c->node->op;
    if (op->n_attrs == 0)
        return op->family;
    return fw_attr_is(c, GELU_APPROXIMATE, "tanh") ? &gelu_tanh : &gelu_erf;
}

static void cost_gelu(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_each(c, cost, fw_elements(c, fw_out(c, 0)), gelu_form(c)->n);
    if (fw_has_in(c, 1))
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_out(c, 0)), 1);
}

/* (dy, x, bias?) */
static void cost_gelu_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_each(c, cost, fw_elements(c, fw_out(c, 0)), gelu_form(c)->grad);
    if (fw_has_in(c, 2))
        fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_out(c, 0)), 1);
}

static enum fw_status infer_gelu(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_REQUIRE(x != NULL, c->err, FW_FORMAT, "input 0 is wanted, it is missing");
    if (fw_has_in(c, 1) && x->rank != FW_RANK_UNKNOWN) {
        FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
        FW_TRY(fw_want_rank(c, 1, 1, 1));
        fw_dim width;
        FW_TRY(fw_same_dim(c, "last dimension and bias", x->dims[x->rank - 1u],
                           fw_in(c, 1)->dims[0], &width));
    }
    return fw_set_out_like(c, 0, x);
}

/* ---- Clip: (x, min?, max?) ---- */

static enum fw_status infer_clip(struct fw_cx *c)
{
    FW_TRY(infer(c));
    uint32_t n;
    fw_dim low;
    fw_dim high;
    const fw_dim *v = fw_in_value(c, 0, &n);
    bool low_known = fw_scalar_in(c, 1, &low);
    bool high_known = fw_scalar_in(c, 2, &high);
    if (v == NULL || (fw_has_in(c, 1) && !low_known) || (fw_has_in(c, 2) && !high_known))
        return FW_OK;
    fw_dim y[FW_MAX_VALUE];
    for (uint32_t i = 0; i < n; i++) {
        y[i] = low_known ? fw_dim_max(c->sym, v[i], low) : v[i];
        y[i] = high_known ? fw_dim_min(c->sym, y[i], high) : y[i];
    }
    return fw_set_value(c, 0, y, n);
}

/* The bounds stand after x, in the gradient row after (dY, y). */
static void cost_clip(struct fw_cx *c, struct fw_cost *cost)
{
    unsigned first = c->node->op->flags & FW_OP_INTERNAL ? 2 : 1;
    int64_t bounds = fw_has_in(c, first) + fw_has_in(c, first + 1);
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, fw_out(c, 0)), bounds);
}

/* ---- the table ---- */

// the list of rows, packed
// clang-format off
enum {
#define ID(id, ...) id, id##_GRAD,
    SMOOTH(ID)
#undef ID
#define ID(id, ...) id,
    FLAT(ID)
#undef ID
    IDENTITY, IS_INF, IS_NAN, NEG, CLIP, CLIP_GRAD, QUICK_GELU, GELU, GELU_GRAD, MS_GELU,
    FAST_GELU, BIAS_GELU, AFFINE, IMAGE_SCALER, SCALE, SCALE_BY, N_ROWS
};
// clang-format on
static const struct fw_op rows[N_ROWS];

#define DECLARE(id, ...) \
    FW_KERNELS(id);      \
    FW_KERNELS(id##_GRAD);
SMOOTH(DECLARE)
#undef DECLARE
#define DECLARE(id, ...) FW_KERNELS(id);
FLAT(DECLARE)
#undef DECLARE
FW_KERNELS(IS_INF, IS_NAN, NEG, CLIP, CLIP_GRAD, GELU, GELU_GRAD, FAST_GELU);
FW_KERNELS(AFFINE, IMAGE_SCALER, SCALE, SCALE_BY);

#define FAMILY(id, name, attrs, a, m, d, q, x, s, f, fold, from, ga, gm, gd, gq, gx, gs, gf) \
    static const struct unary family_##id = {{0, a, m, d, q, x, FUNCTIONS_##s},              \
                                             {0, ga, gm, gd, gq, gx, FUNCTIONS_##gs},        \
                                             from,                                           \
                                             fold,                                           \
                                             &rows[id##_GRAD]};
SMOOTH(FAMILY)
#undef FAMILY
#define FAMILY(id, name, x, f, fold_) \
    static const struct unary family_##id = {.n = {[FW_MINMAX] = x}, .fold = fold_};
FLAT(FAMILY)
#undef FAMILY
static const struct unary family_identity = {.fold = fold_same};
static const struct unary family_neg = {.n = {[FW_ADD] = 1}, .fold = fold_neg};
static const struct unary family_compare = {.n = {[FW_MINMAX] = 1}};
static const struct unary family_affine = {.n = {[FW_ADD] = 1, [FW_MUL] = 1}};
static const struct unary family_scale = {.n = {[FW_MUL] = 1}};

/* dX is computed once; the gradient of a bias is its sum. */
static enum fw_status grad_gelu(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    bool bias = fw_grad_needs(gr, 1);
    if (!fw_grad_needs(gr, 0) && !bias)
        return FW_OK;
    uint32_t in[3] = {gr->dy[0], node->in[0], node->n_in > 1 ? node->in[1] : FW_NONE};
    struct fw_attr form = {.s = gelu_form(&gr->cx) == &gelu_tanh ? "tanh" : "none", .given = true};
    uint32_t dx;
    FW_TRY(fw_emit(gr, fw_grad_needs(gr, 0) ? 0 : 1, &rows[GELU_GRAD], in, 3, &form, &dx));
    if (fw_grad_needs(gr, 0))
        gr->dx[0] = dx;
    return bias ? fw_grad_give(gr, 1, dx) : FW_OK;
}

static enum fw_status grad_clip(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    uint32_t in[4] = {gr->dy[0], node->out[0], node->n_in > 1 ? node->in[1] : FW_NONE,
                      node->n_in > 2 ? node->in[2] : FW_NONE};
    if (in[2] == FW_NONE && in[3] == FW_NONE)
        return fw_grad_give(gr, 0, gr->dy[0]);
    return fw_emit(gr, 0, &rows[CLIP_GRAD], in, 4, NULL, &gr->dx[0]);
}

bool fw_fast_unary(struct fw_cx *c, struct fw_fast *ret)
{
    bool good = fw_fast_pointwise(c, ret);
    ret->relu = good && (c->node->op == &rows[RELU] || c->node->op == &rows[RELU_GRAD]);
    return good;
}

/* The text of counts, without the classes that are zero. */
#define WORD_0(class) ""
#define WORD_1(class) " 1 " class
#define WORD_2(class) " 2 " class
#define WORD_3(class) " 3 " class
#define WORD_4(class) " 4 " class
#define WORD_7(class) " 7 " class
#define COUNTS(a, m, d, q, x, s) \
    WORD_##a("add") WORD_##m("mul") WORD_##d("div") WORD_##q("sqrt") WORD_##x("minmax") HOW_MANY_##s

#define KERNEL_OF(kernel) .moments = &fw_moments_pointwise, FW_RUN_SHARED(kernel)
#define LINEAR "dX = dY*factor; per element 1 mul"
#define GELU_ERF "x/2*(1 + erf(x/sqrt(2))); per element 1 add 3 mul 1 special"
#define GELU_TANH "h + h*tanh(x*(c + d*x*x)), h = x/2; per element 2 add 5 mul 1 special"
#define GELU_ERF_GRAD "dY*(Phi(x) + x*phi(x)); per element 2 add 7 mul 2 special"
#define GELU_TANH_GRAD \
    "dY*((1 + t)/2 + h*(1 - t*t)*(c + 3*d*x*x)); per element 5 add 10 mul 1 special"

#define SAME .field = fw_field_same

// one row is one paragraph: a line for each field would stretch the table over pages
// clang-format off
static const struct fw_op rows[N_ROWS] = {
#define ROWS(id, name_, attrs_, a, m, d, q, x, s, f, fold, from, ga, gm, gd, gq, gx, gs, gf)       \
    [id] = {.name = name_, .domain = "", .formula = f "; per element" COUNTS(a, m, d, q, x, s),    \
            .doc = "dX = " gf "; per element" COUNTS(ga, gm, gd, gq, gx, gs), attrs_,              \
            FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK, .in_place = 1,                        \
            .family = &family_##id, .infer = infer, SAME, .cost = cost, .grad = grad,              \
            KERNEL_OF(id), .fast = fw_fast_unary},                                                 \
    [id##_GRAD] = {.name = name_ "Grad", .domain = "flopwise",                                     \
                   .formula = gf "; per element" COUNTS(ga, gm, gd, gq, gx, gs),                   \
                   .doc = FW_INTERNAL_DOC, attrs_, FW_PORTS(2, 2, 1, 1),                           \
                   .flags = FW_OP_INTERNAL | FW_OP_UNKNOWN_OK, .in_place = 1,     \
                   .family = &family_##id, .infer = fw_infer_same, .cost = cost_grad,              \
                   .grad = fw_grad_none, FW_RUN_SHARED(id##_GRAD), .fast = fw_fast_unary},
    SMOOTH(ROWS)
#undef ROWS
#define ROWS(id, name_, x, f, fold)                                                                \
    [id] = {.name = name_, .domain = "", .formula = f "; per element" WORD_##x("minmax"),          \
            .doc = "none: zero almost everywhere, or not of floats", FW_PORTS(1, 1, 1, 1),         \
            .flags = FW_OP_UNKNOWN_OK, .in_place = 1, .family = &family_##id,        \
            .infer = infer, SAME, .cost = cost, .grad = fw_grad_none, KERNEL_OF(id)},
    FLAT(ROWS)
#undef ROWS
    [IDENTITY] = {.name = "Identity", .domain = "", .formula = FW_VIEW_FORMULA,
                  .doc = "dX = dY", FW_PORTS(1, 1, 1, 1),
                  .flags = FW_OP_VIEW | FW_OP_MOVE | FW_OP_UNKNOWN_OK | FW_OP_OPEN_OK,
                  .family = &family_identity,
                  .infer = infer_identity, SAME, .cost = fw_cost_free, .grad = grad_identity},
    [IS_INF] = {.name = "IsInf", .domain = "",
                .formula = "minmax = elements * infinities asked for", .doc = "none: boolean",
                FW_ATTRS(is_inf), FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK,
                .infer = infer_bool, SAME, .cost = cost_is_inf, .grad = fw_grad_none,
                FW_RUN(IS_INF)},
    [IS_NAN] = {.name = "IsNaN", .domain = "", .formula = "x != x; per element 1 minmax",
                .doc = "none: boolean", FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK,
                .family = &family_compare, .infer = infer_bool, SAME, .cost = cost,
                .grad = fw_grad_none,
                FW_RUN(IS_NAN)},
    [NEG] = {.name = "Neg", .domain = "", .formula = "-x; per element 1 add",
             .doc = "dX = -dY; per element 1 add", FW_PORTS(1, 1, 1, 1),
             .flags = FW_OP_UNKNOWN_OK, .in_place = 1, .family = &family_neg, .infer = infer, SAME,
             .cost = cost, .grad = grad_neg, KERNEL_OF(NEG), FW_POINTWISE},
    [CLIP] = {.name = "Clip", .domain = "",
              .formula = "per element 1 minmax for each bound given",
              .doc = "dX = min < y < max ? dY : 0; per element 1 minmax for each bound",
              FW_PORTS(1, 3, 1, 1), .flags = FW_OP_UNKNOWN_OK, .in_place = 1,
              .family = &family_compare, .infer = infer_clip, SAME, .cost = cost_clip,
              .grad = grad_clip,
              KERNEL_OF(CLIP), FW_POINTWISE},
    [CLIP_GRAD] = {.name = "ClipGrad", .domain = "flopwise",
                   .formula = "per element 1 minmax for each bound given", .doc = FW_INTERNAL_DOC,
                   FW_PORTS(2, 4, 1, 1), .flags = FW_OP_INTERNAL | FW_OP_UNKNOWN_OK,
                   .in_place = 1, .infer = fw_infer_same, .cost = cost_clip, .grad = fw_grad_none,
                   FW_RUN_SHARED(CLIP_GRAD), FW_POINTWISE},
    /* The same function as Swish under another default. */
    [QUICK_GELU] = {.name = "QuickGelu", .domain = "com.microsoft",
                    .formula = "x/(1 + exp(-alpha*x)); per element 1 add 1 mul 1 div 1 special",
                    .doc = "as Swish", FW_ATTRS(quick_gelu), FW_PORTS(1, 1, 1, 1),
                    .flags = FW_OP_UNKNOWN_OK, .in_place = 1, .family = &family_SWISH,
                    .infer = infer, SAME, .cost = cost, .grad = grad, KERNEL_OF(SWISH)},
    [GELU] = {.name = "Gelu", .domain = "", .formula = GELU_ERF "; approximate: " GELU_TANH,
              .doc = "dX = " GELU_ERF_GRAD "; approximate: " GELU_TANH_GRAD, FW_ATTRS(gelu),
              FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK, .in_place = 1, .family = &gelu_erf,
              .infer = infer_gelu, SAME, .cost = cost_gelu, .grad = grad_gelu,
              KERNEL_OF(GELU), FW_POINTWISE},
    [GELU_GRAD] = {.name = "GeluGrad", .domain = "flopwise",
                   .formula = GELU_ERF_GRAD "; approximate: " GELU_TANH_GRAD
                              "; with a bias 1 add more",
                   .doc = FW_INTERNAL_DOC, FW_ATTRS(gelu), FW_PORTS(2, 3, 1, 1),
                   .flags = FW_OP_INTERNAL | FW_OP_UNKNOWN_OK, .in_place = 1,
                   .family = &gelu_erf,
                   .infer = fw_infer_same, .cost = cost_gelu_grad, .grad = fw_grad_none,
                   FW_RUN_SHARED(GELU_GRAD), FW_POINTWISE},
    [MS_GELU] = {.name = "Gelu", .domain = "com.microsoft", .formula = GELU_ERF,
                 .doc = "dX = " GELU_ERF_GRAD, FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK,
                 .in_place = 1, .family = &gelu_erf, .infer = infer_gelu, SAME, .cost = cost_gelu,
                 .grad = grad_gelu, KERNEL_OF(GELU), FW_POINTWISE},
    [FAST_GELU] = {.name = "FastGelu", .domain = "com.microsoft",
                   .formula = GELU_TANH "; with a bias 1 add more",
                   .doc = "dX = " GELU_TANH_GRAD "; dbias = its sum", FW_PORTS(1, 2, 1, 1),
                   .flags = FW_OP_UNKNOWN_OK, .weight_slots = 2, .in_place = 1,
                   .family = &gelu_tanh, .infer = infer_gelu, SAME, .cost = cost_gelu,
                   .grad = grad_gelu,
                   .moments = &fw_moments_biased, FW_RUN(FAST_GELU)},
    [BIAS_GELU] = {.name = "BiasGelu", .domain = "com.microsoft",
                   .formula = "x + bias, then " GELU_ERF,
                   .doc = "dX = " GELU_ERF_GRAD ", 1 add more for x + bias; dbias = its sum",
                   FW_PORTS(2, 2, 1, 1), .flags = FW_OP_UNKNOWN_OK, .weight_slots = 2,
                   .in_place = 1, .family = &gelu_erf, .infer = infer_gelu, SAME, .cost = cost_gelu,
                   .grad = grad_gelu, KERNEL_OF(GELU), FW_POINTWISE},
    [AFFINE] = {.name = "Affine", .domain = "",
                .formula = "alpha*x + beta; per element 1 add 1 mul", .doc = LINEAR,
                FW_ATTRS(affine), FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK, .in_place = 1,
                .family = &family_affine, .infer = infer, SAME, .cost = cost, .grad = grad_linear,
                KERNEL_OF(AFFINE)},
    [IMAGE_SCALER] = {.name = "ImageScaler", .domain = "",
                      .formula = "scale*x + bias of the channel; per element 1 add 1 mul",
                      .doc = LINEAR, FW_ATTRS(image_scaler), FW_PORTS(1, 1, 1, 1), .in_place = 1,
                      .family = &family_affine, .infer = infer_image_scaler, SAME, .cost = cost,
                      .grad = grad_linear, FW_RUN(IMAGE_SCALER)},
    [SCALE] = {.name = "Scale", .domain = "", .formula = "scale*x; per element 1 mul",
               .doc = LINEAR, FW_ATTRS(scale_1), FW_PORTS(1, 1, 1, 1), .flags = FW_OP_UNKNOWN_OK,
               .in_place = 1, .family = &family_scale, .infer = infer, SAME, .cost = cost,
               .grad = grad_linear, FW_RUN(SCALE), FW_POINTWISE},
    [SCALE_BY] = {.name = "Scale", .domain = "flopwise", .formula = "by*x; per element 1 mul",
                  .doc = FW_INTERNAL_DOC, FW_ATTRS(by), FW_PORTS(1, 1, 1, 1),
                  .flags = FW_OP_UNKNOWN_OK | FW_OP_INTERNAL, .in_place = 1,
                  .family = &family_scale, .infer = infer, SAME, .cost = cost, .grad = fw_grad_none,
                  FW_RUN(SCALE_BY), FW_POINTWISE},
};
// clang-format on
const struct fw_op_table fw_ops_unary = {rows, N_ROWS};
const struct fw_op *const fw_op_neg = &rows[NEG];
const struct fw_op *const fw_op_scale = &rows[SCALE_BY];
const struct fw_op *const fw_op_identity = &rows[IDENTITY];
