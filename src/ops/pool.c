/* Poolings of any number of axes: over windows and over all positions, forward and backward.
 *
 * Let T be the values all windows see together, elements(Y) * prod(K) (or elements(X) when a window
 * is everything), padding included, and O = elements(Y). Maximum: T - O comparisons. Mean: T - O
 * adds and O divisions. Lp norm: T powers, T - O adds, O roots. */
#include "ops/pool.h"
#include "ops/conv.h"
#include "ops/fast.h"
#include "ops/moments.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { CEIL = FW_N_WINDOW_ATTRS, LAST_ATTR };
static const struct fw_attr_spec max_attrs[] = {
    FW_WINDOW_ATTRS,
    {"ceil_mode", FW_ATTR_INT, false, {.i = 0}},
    {"storage_order", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec average_attrs[] = {
    FW_WINDOW_ATTRS,
    {"ceil_mode", FW_ATTR_INT, false, {.i = 0}},
    {"count_include_pad", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec lp_attrs[] = {
    FW_WINDOW_ATTRS,
    {"ceil_mode", FW_ATTR_INT, false, {.i = 0}},
    {"p", FW_ATTR_INT, false, {.i = 2}},
};
static const struct fw_attr_spec global_lp_attrs[] = {
    {"p", FW_ATTR_INT, false, {.i = 2}},
};
enum { GRAD_LAST = LAST_ATTR, GRAD_P, GRAD_INCLUDE_PAD, N_GRAD };
static const struct fw_attr_spec grad_attrs[N_GRAD] = {
    FW_WINDOW_ATTRS,
    {"ceil_mode", FW_ATTR_INT, false, {.i = 0}},
    {"channels_last", FW_ATTR_INT, false, {.i = 0}},
    {"p", FW_ATTR_INT, false, {.i = 2}},
    {"count_include_pad", FW_ATTR_INT, false, {.i = 0}},
};

enum {
    MAX_POOL,
    MAX_POOL_TRAIN,
    MAX_POOL_LAST,
    MAX_POOL_LAST_TRAIN,
    MAX_POOL_NHWC,
    AVERAGE_POOL,
    AVERAGE_POOL_LAST,
    LP_POOL,
    GLOBAL_MAX,
    GLOBAL_MAX_TRAIN,
    GLOBAL_AVERAGE,
    GLOBAL_LP,
    MAX_GRAD,
    AVERAGE_GRAD,
    LP_GRAD,
    GLOBAL_AVERAGE_GRAD,
    GLOBAL_LP_GRAD,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static int64_t exponent(const struct fw_cx *c, const struct fw_pool_form *form)
{
    return form->p >= 0 ? fw_attr_at(c, (unsigned)form->p)->i : 2;
}

enum fw_status fw_pool_read(struct fw_cx *c, struct fw_window *ret)
{
    const struct fw_pool_form *form = c->node->op->family;
    FW_TRY(fw_want_rank(c, form->x, 3, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, form->x);
    bool ceil = fw_attr_at(c, CEIL)->i != 0;
    const fw_dim *in = x->dims + fw_first_axis(fw_channels_last(c, form->last));
    return fw_window_read(c, x->rank - 2u, in, NULL, ceil, ret);
}

enum fw_status fw_pool_infer(struct fw_cx *c)
{
    const struct fw_pool_form *form = c->node->op->family;
    struct fw_window w;
    FW_TRY(fw_pool_read(c, &w));
    const struct fw_tensor *x = fw_in(c, form->x);
    unsigned rank = x->rank;
    bool last = fw_channels_last(c, form->last);
    fw_dim y[FW_MAX_RANK];
    y[0] = x->dims[0];
    y[fw_channel_axis(last, rank)] = x->dims[fw_channel_axis(last, rank)];
    for (unsigned k = 0; k < w.n; k++)
        y[fw_first_axis(last) + k] = w.out[k];
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, y));
    return fw_set_out(c, 1, FW_I64, rank, y); // the indices of a maximum
}

enum fw_status fw_pool_infer_global(struct fw_cx *c)
{
    const struct fw_pool_form *form = c->node->op->family;
    FW_TRY(fw_want_rank(c, form->x, 2, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, form->x);
    bool last = fw_channels_last(c, form->last);
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = k == 0 || k == fw_channel_axis(last, x->rank) ? x->dims[k] : fw_dim_int(1);
    unsigned rank = x->rank;
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, rank, y));
    return fw_set_out(c, 1, FW_I64, rank, y);
}

/* What `seen` values in windows cost that give `out` results. */
static void add_forward(struct fw_cx *c, struct fw_cost *cost, enum fw_pool_kind kind, int64_t p,
                        fw_count seen, fw_count out)
{
    fw_count joins = fw_count_sub(c->sym, seen, out);
    switch (kind) {
    case FW_POOL_MAX:
        fw_cost_add(c, cost, FW_MINMAX, joins, 1);
        return;
    case FW_POOL_AVERAGE:
        fw_cost_add(c, cost, FW_ADD, joins, 1);
        fw_cost_add(c, cost, FW_DIV, out, 1);
        return;
    case FW_POOL_LP:
        break;
    }
    fw_cost_add(c, cost, FW_ADD, joins, 1);
    if (p == 2) {
        fw_cost_add(c, cost, FW_MUL, seen, 1);
        fw_cost_add(c, cost, FW_SQRT, out, 1);
        return;
    }
    fw_cost_add(c, cost, FW_MINMAX, seen, 1); // absolute values
    if (p != 1) {
        fw_cost_add(c, cost, FW_SPECIAL, seen, 1);
        fw_cost_add(c, cost, FW_SPECIAL, out, 1);
    }
}

/* The gradient handed to `seen` values from `out` results; `sums` when windows may overlap. The
 * mean: one division a result, one add a value. The Lp norm: dX = dY/Y^(p-1) * sign(X) *
 * |X|^(p-1). */
static void add_backward(struct fw_cx *c, struct fw_cost *cost, enum fw_pool_kind kind, int64_t p,
                         fw_count seen, fw_count out, bool sums)
{
    if (sums)
        fw_cost_add(c, cost, FW_ADD, seen, 1);
    if (kind == FW_POOL_AVERAGE)
        fw_cost_add(c, cost, FW_DIV, out, 1);
    if (kind != FW_POOL_LP)
        return;
    if (p == 1) {
        fw_cost_add(c, cost, FW_MINMAX, seen, 1); // dY with the sign of X
        return;
    }
    fw_cost_add(c, cost, FW_DIV, out, 1);
    fw_cost_add(c, cost, FW_MUL, seen, 1);
    if (p == 2)
        return;
    fw_cost_add(c, cost, FW_SPECIAL, out, 1);
    fw_cost_add(c, cost, FW_SPECIAL, seen, 1);
    fw_cost_add(c, cost, FW_MINMAX, seen, 2); // absolute value, sign
}

static fw_count taps(struct fw_cx *c)
{
    struct fw_cx quiet = *c;
    quiet.err = NULL;
    struct fw_window w;
    return fw_pool_read(&quiet, &w) == FW_OK ? fw_window_taps(c, &w) : fw_count_bad();
}

void fw_pool_cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_pool_form *form = c->node->op->family;
    fw_count out = fw_elements(c, fw_out(c, 0));
    fw_count seen = fw_count_mul(c->sym, out, taps(c));
    add_forward(c, cost, form->kind, exponent(c, form), seen, out);
}

void fw_pool_cost_global(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_pool_form *form = c->node->op->family;
    fw_count seen = fw_elements(c, fw_in(c, form->x));
    fw_count out = fw_elements(c, fw_out(c, 0));
    if (fw_count_is_const(seen) && seen.word == 0)
        return;
    add_forward(c, cost, form->kind, exponent(c, form), seen, out);
}

static enum fw_status infer_like(struct fw_cx *c)
{
    const struct fw_pool_form *form = c->node->op->family;
    return fw_set_out_like(c, 0, fw_in(c, form->x));
}

static void cost_grad(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_pool_form *form = c->node->op->family;
    fw_count out = fw_elements(c, fw_in(c, 0));
    fw_count seen = fw_count_mul(c->sym, out, taps(c));
    add_backward(c, cost, form->kind, exponent(c, form), seen, out, true);
}

static void cost_grad_global(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_pool_form *form = c->node->op->family;
    fw_count out = fw_elements(c, fw_in(c, 0));
    fw_count seen = fw_elements(c, fw_in(c, form->x));
    if (fw_count_is_const(seen) && seen.word == 0)
        return;
    add_backward(c, cost, form->kind, exponent(c, form), seen, out, false);
}

static void cost_max_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

bool fw_pool_padding_cost(struct fw_cx *c, struct fw_cost *ret)
{
    bool backward = c->node->op->cost == cost_grad;
    if (!backward && c->node->op->infer != fw_pool_infer)
        return false;
    const struct fw_pool_form *form = c->node->op->family;
    struct fw_cx quiet = *c;
    quiet.err = NULL;
    struct fw_window w;
    if (fw_pool_read(&quiet, &w) != FW_OK)
        return false;
    const struct fw_tensor *x = fw_in(c, form->x);
    fw_count valid = fw_window_valid(c, &w);
    valid = fw_count_mul(c->sym, valid, fw_count_of(x->dims[0]));
    unsigned channel = fw_channel_axis(fw_channels_last(c, form->last), x->rank);
    valid = fw_count_mul(c->sym, valid, fw_count_of(x->dims[channel]));
    fw_count y = fw_elements(c, backward ? fw_in(c, 0) : fw_out(c, 0));
    fw_count all = fw_count_mul(c->sym, y, fw_window_taps(c, &w));
    fw_count padding = fw_count_sub(c->sym, all, valid);
    if (fw_count_is_bad(padding))
        return false;
    if (backward)
        add_backward(c, ret, form->kind, exponent(c, form), padding, fw_count_int(0), true);
    else
        add_forward(c, ret, form->kind, exponent(c, form), padding, fw_count_int(0));
    return true;
}

/* Of a maximum the indices are what the gradient needs; where the node does not give them they are
 * found again. */
static enum fw_status grad_max(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (!fw_grad_needs(gr, 0) || gr->dy[0] == FW_NONE)
        return FW_OK;
    uint32_t indices = fw_has_out(&gr->cx, 1) ? node->out[1] : FW_NONE;
    if (indices == FW_NONE) {
        const struct fw_op *again = node->op->train_form != NULL ? node->op->train_form : node->op;
        FW_TRY(fw_emit_n(gr, 0, again, node->in, 1, node->attr, 2, &indices));
        indices++;
    }
    uint32_t from[3] = {gr->dy[0], indices, node->in[0]};
    return fw_emit(gr, 0, &rows[MAX_GRAD], from, 3, NULL, &gr->dx[0]);
}

static void grad_attributes(const struct fw_grad *gr, struct fw_attr *ret)
{
    const struct fw_pool_form *form = gr->cx.node->op->family;
    for (unsigned i = 0; i < N_GRAD; i++)
        ret[i] = grad_attrs[i].value;
    for (unsigned i = 0; i <= CEIL && !form->global; i++)
        ret[i] = *fw_attr_at(&gr->cx, i);
    ret[GRAD_LAST] = (struct fw_attr){.i = fw_channels_last(&gr->cx, form->last), .given = true};
    ret[GRAD_P] = (struct fw_attr){.i = exponent(&gr->cx, form), .given = true};
    if (form->kind == FW_POOL_AVERAGE && !form->global)
        ret[GRAD_INCLUDE_PAD] = *fw_attr_at(&gr->cx, LAST_ATTR);
}

/* Means take (dY, X for its shape), norms (dY, X, Y). */
static enum fw_status grad_window(struct fw_grad *gr)
{
    const struct fw_pool_form *form = gr->cx.node->op->family;
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    bool lp = form->kind == FW_POOL_LP;
    unsigned row =
        form->global ? (lp ? GLOBAL_LP_GRAD : GLOBAL_AVERAGE_GRAD) : (lp ? LP_GRAD : AVERAGE_GRAD);
    struct fw_attr attr[N_GRAD];
    grad_attributes(gr, attr);
    uint32_t from[3] = {gr->dy[0], gr->cx.node->in[0], gr->cx.node->out[0]};
    return fw_emit(gr, 0, &rows[row], from, lp ? 3 : 2, attr, &gr->dx[0]);
}

static const struct fw_pool_form max_first = {.kind = FW_POOL_MAX, .last = -1, .p = -1};
static const struct fw_pool_form max_last = {.kind = FW_POOL_MAX, .last = -2, .p = -1};
static const struct fw_pool_form max_global = {
    .kind = FW_POOL_MAX, .last = -1, .p = -1, .global = true};
static const struct fw_pool_form max_grad = {.kind = FW_POOL_MAX, .x = 2, .last = -1, .p = -1};
static const struct fw_pool_form mean_first = {.kind = FW_POOL_AVERAGE, .last = -1, .p = -1};
static const struct fw_pool_form mean_last = {.kind = FW_POOL_AVERAGE, .last = -2, .p = -1};
static const struct fw_pool_form mean_global = {
    .kind = FW_POOL_AVERAGE, .last = -1, .p = -1, .global = true};
static const struct fw_pool_form mean_grad = {
    .kind = FW_POOL_AVERAGE, .x = 1, .last = GRAD_LAST, .p = -1};
static const struct fw_pool_form lp_first = {.kind = FW_POOL_LP, .last = -1, .p = LAST_ATTR};
static const struct fw_pool_form lp_global = {
    .kind = FW_POOL_LP, .last = -1, .p = 0, .global = true};
static const struct fw_pool_form lp_grad = {
    .kind = FW_POOL_LP, .x = 1, .last = GRAD_LAST, .p = GRAD_P};

#define MAX_ROW(form)                                                                        \
    .moments = &fw_moments_pool, .formula = "minmax = elements(Y) * (prod(K) - 1)",          \
    .doc = "dX: each dY added at the index of its maximum", FW_ATTRS(max_attrs),             \
    .family = &(form), .infer = fw_pool_infer, .field = fw_field_pool, .cost = fw_pool_cost, \
    .grad = grad_max
#define MEAN_ROW(form)                                                                       \
    .moments = &fw_moments_pool,                                                             \
    .formula = "add = elements(Y) * (prod(K) - 1), div = elements(Y)",                       \
    .doc = "dX: each dY divided, then added at every tap", FW_ATTRS(average_attrs),          \
    FW_PORTS(1, 1, 1, 1), .family = &(form), .infer = fw_pool_infer, .field = fw_field_pool, \
    .cost = fw_pool_cost, .grad = grad_window
#define GLOBAL_MAX_ROW                                                                         \
    .moments = &fw_moments_pool, .formula = "minmax = elements(X) - elements(Y)",              \
    .doc = "dX: each dY added at the index of its maximum", .family = &max_global,             \
    .infer = fw_pool_infer_global, .field = fw_field_pool_global, .cost = fw_pool_cost_global, \
    .grad = grad_max
#define GRAD_ROW(form)                                                                        \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, .flags = FW_OP_INTERNAL, .family = &(form), \
    .infer = infer_like, .grad = fw_grad_none

FW_KERNELS(pool, max_pool_grad, pool_grad, global_pool_grad);

static const struct fw_op rows[N_ROWS] = {
    [MAX_POOL] = {.name = "MaxPool",
                  .domain = "",
                  MAX_ROW(max_first),
                  FW_PORTS(1, 1, 1, 2),
                  .train_form = &rows[MAX_POOL_TRAIN],
                  FW_RUN(pool),
                  .fast = fw_fast_max_pool},
    [MAX_POOL_TRAIN] = {.name = "MaxPool", // MaxPool that gives the indices as well
                        .domain = "flopwise",
                        MAX_ROW(max_first),
                        FW_PORTS(1, 1, 2, 2),
                        .flags = FW_OP_INTERNAL,
                        FW_RUN(pool),
                        .fast = fw_fast_max_pool},
    [MAX_POOL_LAST] = {.name = "MaxPool",
                       .domain = "qonnx.custom_op.channels_last",
                       MAX_ROW(max_last),
                       FW_PORTS(1, 1, 1, 1),
                       .train_form = &rows[MAX_POOL_LAST_TRAIN],
                       FW_RUN(pool)},
    [MAX_POOL_LAST_TRAIN] = {.name = "MaxPool",
                             .domain = "flopwise",
                             MAX_ROW(max_last),
                             FW_PORTS(1, 1, 2, 2),
                             .flags = FW_OP_INTERNAL,
                             FW_RUN(pool)},
    [MAX_POOL_NHWC] = {.name = "NhwcMaxPool",
                       .domain = "com.microsoft",
                       MAX_ROW(max_last),
                       FW_PORTS(1, 1, 1, 1),
                       .train_form = &rows[MAX_POOL_LAST_TRAIN],
                       FW_RUN(pool)},
    [AVERAGE_POOL] = {.name = "AveragePool",
                      .domain = "",
                      MEAN_ROW(mean_first),
                      FW_RUN(pool),
                      .fast = fw_fast_mean_pool},
    [AVERAGE_POOL_LAST] = {.name = "AveragePool",
                           .domain = "qonnx.custom_op.channels_last",
                           MEAN_ROW(mean_last),
                           FW_RUN(pool)},
    [LP_POOL] = {.name = "LpPool",
                 .domain = "",
                 .formula =
                     "p = 2: mul = T, add = T - elements(Y), sqrt = elements(Y), T = elements(Y) * "
                     "prod(K); p = 1: minmax = T for mul, no sqrt; else minmax = T, special = T + "
                     "elements(Y)",
                 .doc = "dX: dY/Y^(p-1) * sign(X) * |X|^(p-1) added at every tap",
                 FW_ATTRS(lp_attrs),
                 FW_PORTS(1, 1, 1, 1),
                 .family = &lp_first,
                 .infer = fw_pool_infer,
                 .field = fw_field_pool,
                 .cost = fw_pool_cost,
                 .grad = grad_window,
                 FW_RUN(pool)},
    [GLOBAL_MAX] = {.name = "GlobalMaxPool",
                    .domain = "",
                    GLOBAL_MAX_ROW,
                    FW_PORTS(1, 1, 1, 1),
                    .train_form = &rows[GLOBAL_MAX_TRAIN],
                    FW_RUN(pool)},
    [GLOBAL_MAX_TRAIN] = {.name = "GlobalMaxPool",
                          .domain = "flopwise",
                          GLOBAL_MAX_ROW,
                          FW_PORTS(1, 1, 2, 2),
                          .flags = FW_OP_INTERNAL,
                          FW_RUN(pool)},
    [GLOBAL_AVERAGE] = {.name = "GlobalAveragePool",
                        .domain = "",
                        .formula = "add = elements(X) - elements(Y), div = elements(Y)",
                        .doc = "dX: each dY divided, then repeated",
                        FW_PORTS(1, 1, 1, 1),
                        .family = &mean_global,
                        .infer = fw_pool_infer_global,
                        .field = fw_field_pool_global,
                        .cost = fw_pool_cost_global,
                        .grad = grad_window,
                        .moments = &fw_moments_pool,
                        FW_RUN(pool),
                        .fast = fw_fast_mean_pool},
    [GLOBAL_LP] = {.name = "GlobalLpPool",
                   .domain = "",
                   .formula = "as LpPool with T = elements(X)",
                   .doc = "dX: dY/Y^(p-1) * sign(X) * |X|^(p-1)",
                   FW_ATTRS(global_lp_attrs),
                   FW_PORTS(1, 1, 1, 1),
                   .family = &lp_global,
                   .infer = fw_pool_infer_global,
                   .field = fw_field_pool_global,
                   .cost = fw_pool_cost_global,
                   .grad = grad_window,
                   FW_RUN(pool)},
    [MAX_GRAD] = {.name = "MaxPoolGrad", // (dY, indices, X)
                  GRAD_ROW(max_grad),
                  .formula = "add = elements(dY)",
                  FW_PORTS(3, 3, 1, 1),
                  .shape_only = 4,
                  .cost = cost_max_grad,
                  FW_RUN(max_pool_grad),
                  .fast = fw_fast_max_pool_dx},
    [AVERAGE_GRAD] = {.name = "AveragePoolGrad", // (dY, X)
                      GRAD_ROW(mean_grad),
                      .formula = "div = elements(dY), add = elements(dY) * prod(K)",
                      FW_ATTRS(grad_attrs),
                      FW_PORTS(2, 2, 1, 1),
                      .shape_only = 2,
                      .cost = cost_grad,
                      FW_RUN(pool_grad),
                      .fast = fw_fast_mean_pool_dx},
    [LP_GRAD] =
        {.name = "LpPoolGrad", // (dY, X, Y)
         GRAD_ROW(lp_grad),
         .formula =
             "add = T, T = elements(dY) * prod(K); p = 1: minmax = T; else div = elements(dY), "
             "mul = T; p > 2 also special = elements(dY) + T, minmax = 2*T",
         FW_ATTRS(grad_attrs),
         FW_PORTS(3, 3, 1, 1),
         .cost = cost_grad,
         FW_RUN(pool_grad)},
    [GLOBAL_AVERAGE_GRAD] = {.name = "GlobalAveragePoolGrad", // (dY, X)
                             GRAD_ROW(mean_grad),
                             .formula = "div = elements(dY)",
                             FW_ATTRS(grad_attrs),
                             FW_PORTS(2, 2, 1, 1),
                             .shape_only = 2,
                             .cost = cost_grad_global,
                             FW_RUN(global_pool_grad),
                             .fast = fw_fast_mean_pool_dx},
    [GLOBAL_LP_GRAD] = {.name = "GlobalLpPoolGrad", // (dY, X, Y)
                        GRAD_ROW(lp_grad),
                        .formula = "as LpPoolGrad with T = elements(X) and no add",
                        FW_ATTRS(grad_attrs),
                        FW_PORTS(3, 3, 1, 1),
                        .cost = cost_grad_global,
                        FW_RUN(global_pool_grad)},
};
const struct fw_op_table fw_ops_pool = {rows, N_ROWS};
