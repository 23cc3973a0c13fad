/* Reductions over axes, ArgMax and ArgMin, running sums, and the sum that undoes a broadcast.
 *
 * n = elements(X), m = elements(Y): joining the elements behind each output takes n - m operations.
 * A gradient row repeats dY over the reduced axes (a move) and does the arithmetic of its table
 * line; whatever depends on the output only is done m times. */
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { KEEPDIMS, NOOP };
static const struct fw_attr_spec reduce_attrs[] = {
    {"keepdims", FW_ATTR_INT, false, {.i = 1}},
    {"noop_with_empty_axes", FW_ATTR_INT, false, {.i = 0}},
};
enum { ARG_AXIS, ARG_KEEPDIMS };
static const struct fw_attr_spec arg_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 0}},
    {"keepdims", FW_ATTR_INT, false, {.i = 1}},
    {"select_last_index", FW_ATTR_INT, false, {.i = 0}},
};
enum { EXCLUSIVE, REVERSE, N_CUMSUM };
static const struct fw_attr_spec cumsum_attrs[] = {
    {"exclusive", FW_ATTR_INT, false, {.i = 0}},
    {"reverse", FW_ATTR_INT, false, {.i = 0}},
};

struct reduce {
    uint8_t join;            // enum fw_cost_class of the n - m joining operations
    uint8_t n[FW_N_TALLIES]; // other operations per element of X
    uint8_t m[FW_N_TALLIES]; // and per element of Y
    uint8_t join_max;        // 1: the maximum is taken as well, n - m minmax
    uint8_t grad_n[FW_N_TALLIES];
    uint8_t grad_m[FW_N_TALLIES];
    bool grad_y;                                              // the gradient row reads Y
    fw_dim (*fold)(struct fw_symbols *s, fw_dim a, fw_dim b); // contents; NULL: not followed
    bool fold_mean;
    const struct fw_op *grad_row;
};

/* The axes as flags; *ret_known is false when they are computed while the network runs. */
static enum fw_status axes_of(struct fw_cx *c, bool *reduced, bool *ret_known)
{
    unsigned rank = fw_in(c, 0)->rank;
    int64_t axes[FW_MAX_RANK];
    uint32_t n;
    for (unsigned k = 0; k < rank; k++)
        reduced[k] = false;
    FW_TRY(fw_int_list(c, 1, -1, axes, FW_MAX_RANK, &n, ret_known));
    if (!*ret_known)
        return FW_OK;
    for (uint32_t i = 0; i < n; i++) {
        unsigned axis;
        FW_TRY(fw_norm_axis(c, axes[i], rank, &axis));
        reduced[axis] = true;
    }
    if (n == 0 && c->node->attr[NOOP].i == 0)
        for (unsigned k = 0; k < rank; k++)
            reduced[k] = true;
    return FW_OK;
}

/* With unknown axes the rank follows from how many there are, when that is known. */
static enum fw_status infer_unknown_axes(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *axes = fw_in(c, 1);
    unsigned rank = FW_RANK_UNKNOWN;
    if (c->node->attr[KEEPDIMS].i != 0)
        rank = x->rank;
    else if (axes->rank == 1 && fw_dim_is_const(axes->dims[0]) && axes->dims[0].word <= x->rank)
        rank = (unsigned)(x->rank - axes->dims[0].word);
    return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, rank);
}

static enum fw_status fold_to_one(struct fw_cx *c)
{
    const struct reduce *f = c->node->op->family;
    uint32_t n;
    const fw_dim *v = f->fold == NULL ? NULL : fw_in_value(c, 0, &n);
    fw_count y = fw_elements(c, fw_out(c, 0));
    if (v == NULL || n == 0 || !fw_count_is_const(y) || y.word != 1)
        return FW_OK;
    fw_dim all = v[0];
    for (uint32_t i = 1; i < n; i++)
        all = f->fold(c->sym, all, v[i]);
    if (f->fold_mean)
        all = fw_dim_div(c->sym, all, fw_dim_int(n));
    return fw_set_value(c, 0, &all, 1);
}

static enum fw_status infer(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 0, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    bool reduced[FW_MAX_RANK];
    bool known;
    FW_TRY(axes_of(c, reduced, &known));
    if (!known)
        return infer_unknown_axes(c);
    bool keep = c->node->attr[KEEPDIMS].i != 0;
    fw_dim y[FW_MAX_RANK];
    unsigned r = 0;
    for (unsigned k = 0; k < x->rank; k++) {
        if (!reduced[k])
            y[r++] = x->dims[k];
        else if (keep)
            y[r++] = fw_dim_int(1);
    }
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, r, y));
    return fw_has_out(c, 0) ? fold_to_one(c) : FW_OK;
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct reduce *f = c->node->op->family;
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, (enum fw_cost_class)f->join, fw_joins(c, n, m), 1);
    if (f->join_max)
        fw_cost_add(c, cost, FW_MINMAX, fw_joins(c, n, m), 1);
    fw_cost_each(c, cost, n, f->n);
    fw_cost_each(c, cost, m, f->m);
}

/* Gradient rows take (dY, axes?, X, Y?). */
enum { GRAD_DY, GRAD_AXES, GRAD_X, GRAD_Y };

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    const struct reduce *f = node->op->family;
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    uint32_t in[] = {
        [GRAD_DY] = gr->dy[0],
        [GRAD_AXES] = node->n_in > 1 ? node->in[1] : FW_NONE,
        [GRAD_X] = node->in[0],
        [GRAD_Y] = f->grad_y ? node->out[0] : FW_NONE,
    };
    return fw_emit(gr, 0, f->grad_row, in, 4, node->attr, &gr->dx[0]);
}

static enum fw_status infer_grad(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, GRAD_X));
}

static void cost_grad(struct fw_cx *c, struct fw_cost *cost)
{
    const struct reduce *f = c->node->op->family;
    fw_cost_each(c, cost, fw_elements(c, fw_out(c, 0)), f->grad_n);
    fw_cost_each(c, cost, fw_elements(c, fw_in(c, GRAD_DY)), f->grad_m);
}

/* ---- ArgMax, ArgMin ---- */

static enum fw_status infer_arg(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    FW_TRY(fw_norm_axis(c, c->node->attr[ARG_AXIS].i, x->rank, &axis));
    bool keep = c->node->attr[ARG_KEEPDIMS].i != 0;
    fw_dim y[FW_MAX_RANK];
    unsigned r = 0;
    for (unsigned k = 0; k < x->rank; k++) {
        if (k != axis)
            y[r++] = x->dims[k];
        else if (keep)
            y[r++] = fw_dim_int(1);
    }
    return fw_set_out(c, 0, FW_I64, r, y);
}

static void cost_arg(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_MINMAX, fw_joins(c, n, fw_elements(c, fw_out(c, 0))), 1);
}

/* ---- CumSum: (x, axis) ---- */

static enum fw_status cumsum_axis(struct fw_cx *c, unsigned *ret, bool *ret_known)
{
    int64_t axis[1];
    uint32_t n;
    *ret = 0;
    FW_TRY(fw_int_list(c, 1, -1, axis, 1, &n, ret_known));
    if (!*ret_known)
        return FW_OK;
    FW_REQUIRE(n == 1, c->err, FW_SHAPE, "input 1: one axis is wanted, found %u numbers", n);
    return fw_norm_axis(c, axis[0], fw_in(c, 0)->rank, ret);
}

static enum fw_status infer_cumsum(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, 0, 1));
    unsigned axis;
    bool known;
    FW_TRY(cumsum_axis(c, &axis, &known));
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

static const enum fw_cost_class cum_add = FW_ADD;
static const enum fw_cost_class cum_mul = FW_MUL;

/* length - 1 of the family in every line along the axis, exclusive length - 2. Which axis has to be
 * known. */
static void cost_cumsum(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 0);
    struct fw_error ignored; // infer has reported what is wrong with the axis
    struct fw_cx quiet = *c;
    quiet.err = &ignored;
    unsigned axis;
    bool known;
    if (cumsum_axis(&quiet, &axis, &known) != FW_OK || !(known || x->rank == 1)) {
        c->gap = true;
        return;
    }
    fw_count lines = fw_count_mul(c->sym, fw_product(c, x->dims, 0, axis),
                                  fw_product(c, x->dims, axis + 1, x->rank));
    fw_count joins = fw_joins(c, fw_elements(c, x), lines);
    if (c->node->attr[EXCLUSIVE].i != 0) {
        fw_dim of_a_line = fw_dim_sub(c->sym, x->dims[axis], fw_dim_int(2));
        of_a_line = fw_dim_max(c->sym, of_a_line, fw_dim_int(0));
        joins = fw_count_mul(c->sym, lines, fw_count_of(of_a_line));
    }
    const enum fw_cost_class *join = c->node->op->family;
    fw_cost_add(c, cost, *join, joins, 1);
}

static enum fw_status grad_cumsum(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    struct fw_attr attr[N_CUMSUM] = {[EXCLUSIVE] = node->attr[EXCLUSIVE],
                                     [REVERSE] = {.i = node->attr[REVERSE].i == 0, .given = true}};
    uint32_t in[2] = {gr->dy[0], node->in[1]};
    return fw_grad_node(gr, 0, node->op, in, 2, attr);
}

/* Of x that holds no zero: (the running sum of dY*Y from the other end) / x. */
static enum fw_status grad_cumprod(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    const uint32_t ports[3] = {node->in[0], node->in[1], node->out[0]};
    struct fw_attr attr[N_CUMSUM] = {[EXCLUSIVE] = node->attr[EXCLUSIVE],
                                     [REVERSE] = {.i = node->attr[REVERSE].i == 0, .given = true}};
    uint32_t in[2] = {gr->dy[0], ports[2]};
    FW_TRY(fw_emit(gr, 0, fw_op_mul, in, 2, NULL, &in[0]));
    in[1] = ports[1];
    FW_TRY(fw_emit(gr, 0, fw_op_find("", "CumSum"), in, 2, attr, &in[0]));
    in[1] = ports[0];
    return fw_emit(gr, 0, fw_op_div, in, 2, NULL, &gr->dx[0]);
}

/* ---- sum_to: (x, like) ---- */

static enum fw_status infer_sum_to(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0), *like = fw_in(c, 1);
    if (x->rank != FW_RANK_UNKNOWN && like->rank != FW_RANK_UNKNOWN)
        FW_TRY(fw_want_broadcast_to(c, 1, x->rank, x->dims));
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, like->rank, like->dims);
}

/* ---- the table ----
 * X(id, name, joining class, also the maximum,
 *   per element of X: add, mul, minmax, exp; per element of Y: add, div, sqrt, log,
 *   contents, their mean, formula,
 *   gradient reads X, Y; per element of X: add, mul, div, minmax, exp;
 *   per element of Y: mul, div, exp; formula) */
#define REDUCE(X)                                                                                  \
    X(SUM, "ReduceSum", FW_ADD, 0, 0, 0, 0, 0, 0, 0, 0, 0, fw_dim_add, false, "add = n - m",       \
      false, false, 0, 0, 0, 0, 0, 0, 0, 0, "dX = dY repeated")                                    \
    X(MEAN, "ReduceMean", FW_ADD, 0, 0, 0, 0, 0, 0, 1, 0, 0, fw_dim_add, true,                     \
      "add = n - m, div = m", false, false, 0, 0, 0, 0, 0, 1, 0, 0,                                \
      "dX = dY/count repeated; mul = m")                                                           \
    X(MAX, "ReduceMax", FW_MINMAX, 0, 0, 0, 0, 0, 0, 0, 0, 0, fw_dim_max, false, "minmax = n - m", \
      true, true, 0, 0, 0, 1, 0, 0, 0, 0, "dX = x == y ? dY : 0; minmax = n")                      \
    X(MIN, "ReduceMin", FW_MINMAX, 0, 0, 0, 0, 0, 0, 0, 0, 0, fw_dim_min, false, "minmax = n - m", \
      true, true, 0, 0, 0, 1, 0, 0, 0, 0, "dX = x == y ? dY : 0; minmax = n")                      \
    X(PROD, "ReduceProd", FW_MUL, 0, 0, 0, 0, 0, 0, 0, 0, 0, fw_dim_mul, false, "mul = n - m",     \
      true, true, 0, 0, 1, 0, 0, 1, 0, 0, "dX = (dY*y)/x; mul = m, div = n")                       \
    X(L1, "ReduceL1", FW_ADD, 0, 0, 0, 1, 0, 0, 0, 0, 0, NULL, false,                              \
      "sum of |x|: add = n - m, minmax = n", true, false, 0, 1, 0, 1, 0, 0, 0, 0,                  \
      "dX = dY*sign(x); mul = n, minmax = n")                                                      \
    X(L2, "ReduceL2", FW_ADD, 0, 0, 1, 0, 0, 0, 0, 1, 0, NULL, false,                              \
      "sqrt of the sum of x*x: add = n - m, mul = n, sqrt = m", true, true, 0, 1, 0, 0, 0, 0, 1,   \
      0, "dX = (dY/y)*x; mul = n, div = m")                                                        \
    X(LOG_SUM, "ReduceLogSum", FW_ADD, 0, 0, 0, 0, 0, 0, 0, 0, 1, NULL, false,                     \
      "add = n - m, special = m", false, true, 0, 0, 0, 0, 0, 0, 1, 1,                             \
      "dX = dY/exp(y) repeated; div = m, special = m")                                             \
    X(LOG_SUM_EXP, "ReduceLogSumExp", FW_ADD, 1, 1, 0, 0, 1, 1, 0, 0, 1, NULL, false,              \
      "max + log(sum of exp(x - max)): minmax = n - m, add = 2*n, special = n + m", true, true, 1, \
      1, 0, 0, 1, 0, 0, 0, "dX = dY*exp(x - y); add = n, mul = n, special = n")                    \
    X(SUM_SQUARE, "ReduceSumSquare", FW_ADD, 0, 0, 1, 0, 0, 0, 0, 0, 0, NULL, false,               \
      "sum of x*x: add = n - m, mul = n", true, false, 0, 1, 0, 0, 0, 1, 0, 0,                     \
      "dX = (2*dY)*x; mul = n + m")

enum {
#define ID(id, ...) id, id##_GRAD,
    REDUCE(ID)
#undef ID
        ARG_MAX,
    ARG_MIN,
    CUM_SUM,
    CUM_PROD,
    SUM_TO,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

#define FAMILY(id, name, join, with_max, na, nm, nx, ns, ma, md, mq, ms, fold, mean, formula, x, \
               y, ga, gm, gd, gx, gs, hm, hd, hs, doc)                                           \
    static const struct reduce family_##id = {join,                                              \
                                              {0, na, nm, 0, 0, nx, [FW_EXP] = ns},              \
                                              {0, ma, 0, md, mq, [FW_LOG] = ms},                 \
                                              with_max,                                          \
                                              {0, ga, gm, gd, 0, gx, [FW_EXP] = gs},             \
                                              {0, 0, hm, hd, [FW_EXP] = hs},                     \
                                              y,                                                 \
                                              fold,                                              \
                                              mean,                                              \
                                              &rows[id##_GRAD]};
REDUCE(FAMILY)
#undef FAMILY

/* ---- how far an element reaches ---- */

static void field_reduced(struct fw_cx *c, const bool *reduced, bool keep, struct fw_reach *ret)
{
    unsigned to = 0;
    for (unsigned k = 0; k < fw_in(c, 0)->rank; k++) {
        ret[k] = reduced[k] ? fw_reach_all("reduction over the axis") : fw_reach_each(to);
        to += !reduced[k] || keep;
    }
}

static void field_reduce(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool reduced[FW_MAX_RANK], known;
    (void)out;
    if (in == 0 && axes_of(c, reduced, &known) == FW_OK && known)
        field_reduced(c, reduced, c->node->attr[KEEPDIMS].i != 0, ret);
}

static void field_arg(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool reduced[FW_MAX_RANK] = {false};
    int64_t axis = c->node->attr[ARG_AXIS].i;
    (void)in;
    (void)out;
    reduced[axis < 0 ? axis + fw_in(c, 0)->rank : axis] = true;
    field_reduced(c, reduced, c->node->attr[ARG_KEEPDIMS].i != 0, ret);
}

static void field_cumsum(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool marked[FW_MAX_RANK] = {false}, known;
    unsigned axis;
    (void)out;
    if (in != 0 || cumsum_axis(c, &axis, &known) != FW_OK || !known)
        return;
    marked[axis] = true;
    fw_field_along(c, in, marked, "running sums", ret);
}

#define DECLARE(id, ...) FW_KERNELS(reduce_##id, reduce_##id##_GRAD);
REDUCE(DECLARE)
#undef DECLARE

FW_KERNELS(arg_max, arg_min, cum_sum, cum_prod, sum_to);

#define ARG                                                                                 \
    .domain = "", .formula = "minmax = elements(X) - elements(Y)", .doc = "none: integers", \
    FW_ATTRS(arg_attrs), FW_PORTS(1, 1, 1, 1), .infer = infer_arg, .field = field_arg,      \
    .cost = cost_arg, .grad = fw_grad_none

static const struct fw_op rows[N_ROWS] = {
#define ROWS(id, name_, join, with_max, na, nm, nx, ns, ma, md, mq, ms, fold, mean, formula_, x, \
             y, ga, gm, gd, gx, gs, hm, hd, hs, doc_)                                            \
    [id] = {.name = name_,                                                                       \
            .domain = "",                                                                        \
            .formula = formula_ "; n = elements(X), m = elements(Y)",                            \
            .doc = doc_,                                                                         \
            FW_ATTRS(reduce_attrs),                                                              \
            FW_PORTS(1, 2, 1, 1),                                                                \
            .family = &family_##id,                                                              \
            .infer = infer,                                                                      \
            .field = field_reduce,                                                               \
            .cost = cost,                                                                        \
            .grad = grad,                                                                        \
            .moments = (mean) ? &fw_moments_mean : NULL,                                         \
            FW_RUN(reduce_##id)},                                                                \
    [id##_GRAD] = {.name = name_ "Grad",                                                         \
                   .domain = "flopwise",                                                         \
                   .formula = doc_ "; n = elements(X), m = elements(dY)",                        \
                   .doc = FW_INTERNAL_DOC,                                                       \
                   FW_ATTRS(reduce_attrs),                                                       \
                   FW_PORTS(4, 4, 1, 1),                                                         \
                   .flags = FW_OP_INTERNAL,                                                      \
                   .in_place = (x) ? 1u << GRAD_X : 0,                                           \
                   .shape_only = (x) ? 0 : 1u << GRAD_X,                                         \
                   .family = &family_##id,                                                       \
                   .infer = infer_grad,                                                          \
                   .cost = cost_grad,                                                            \
                   .grad = fw_grad_none,                                                         \
                   FW_RUN(reduce_##id##_GRAD)},
    REDUCE(ROWS)
#undef ROWS
        [ARG_MAX] = {.name = "ArgMax", ARG, FW_RUN(arg_max)},
    [ARG_MIN] = {.name = "ArgMin", ARG, FW_RUN(arg_min)},
    [CUM_SUM] = {.name = "CumSum",
                 .domain = "",
                 .formula = "add = (length - 1) * lines; exclusive: length - 2",
                 .doc = "dX = the running sum of dY from the other end; add as forward",
                 FW_ATTRS(cumsum_attrs),
                 FW_PORTS(2, 2, 1, 1),
                 .in_place = 1,
                 .family = &cum_add,
                 .infer = infer_cumsum,
                 .field = field_cumsum,
                 .cost = cost_cumsum,
                 .grad = grad_cumsum,
                 FW_RUN(cum_sum)},
    [CUM_PROD] = {.name = "CumProd",
                  .domain = "",
                  .formula = "mul = (length - 1) * lines",
                  .doc = "dX = (running sum of dY*Y from the other end)/X; per element 1 mul 1 div",
                  FW_ATTRS(cumsum_attrs),
                  FW_PORTS(2, 2, 1, 1),
                  .in_place = 1,
                  .family = &cum_mul,
                  .infer = infer_cumsum,
                  .field = field_cumsum,
                  .cost = cost_cumsum,
                  .grad = grad_cumprod,
                  FW_RUN(cum_prod)},
    [SUM_TO] = {.name = "SumTo",
                .domain = "flopwise",
                .formula = "add = elements(X) - elements(Y)",
                .doc = FW_INTERNAL_DOC,
                FW_PORTS(2, 2, 1, 1),
                .flags = FW_OP_INTERNAL,
                .shape_only = 2,
                .family = &family_SUM,
                .infer = infer_sum_to,
                .cost = cost,
                .grad = fw_grad_none,
                FW_RUN_SHARED(sum_to)},
};
const struct fw_op_table fw_ops_reduce = {rows, N_ROWS};
const struct fw_op *const fw_op_sum_to = &rows[SUM_TO];
