/* Softmax and its kin, layer and RMS normalisation, and the normalisations by local or line norms.
 *
 * n = elements(X), m = lines that are normalised together. Means and inverse deviations of layer
 * normalisation are outputs in the training form, so that the gradient reads them instead of
 * computing them again. */
#include "ops/norm.h"
#include "ops/moments.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { AXIS };
static const struct fw_attr_spec softmax_attrs[] = {{"axis", FW_ATTR_INT, false, {.i = -1}}};
static const struct fw_attr_spec layer_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = -1}},
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-5}},
    {"stash_type", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec skip_attrs[] = {{"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-12}}};
enum { LRN_SIZE = 3 };
static const struct fw_attr_spec lrn_attrs[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 1e-4}},
    {"beta", FW_ATTR_FLOAT, false, {.f = 0.75}},
    {"bias", FW_ATTR_FLOAT, false, {.f = 1}},
    {"size", FW_ATTR_INT, true, {.i = 1}},
};
enum { LP_P = 1 };
static const struct fw_attr_spec lp_attrs[] = {{"axis", FW_ATTR_INT, false, {.i = -1}},
                                               {"p", FW_ATTR_INT, false, {.i = 2}}};
static const int64_t mvn_axes[] = {0, 2, 3};
static const struct fw_attr_spec mvn_attrs[] = {
    {"axes", FW_ATTR_INTS, false, {.ints = mvn_axes, .n = 3}},
};

static fw_count times(struct fw_cx *c, fw_count n, int64_t k)
{
    return fw_count_mul(c->sym, n, fw_count_int(k));
}

/* k*n - j*m as one count. */
static fw_count part(struct fw_cx *c, int64_t k, fw_count n, int64_t j, fw_count m)
{
    return fw_joins(c, times(c, n, k), times(c, m, j));
}

/* ---- Softmax, LogSoftmax, Hardmax ---- */

enum line_op { SOFT, LOG, HARD };
struct line {
    uint8_t op; // enum line_op
    const struct fw_op *grad_row;
};

static enum fw_status infer_axis(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 0, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned k;
    if (x->rank > 0)
        FW_TRY(fw_norm_axis(c, c->node->attr[AXIS].i, x->rank, &k));
    return fw_set_out_like(c, 0, x);
}

/* Lines along the axis of x. */
static fw_count lines(struct fw_cx *c, const struct fw_tensor *x)
{
    fw_count n = fw_elements(c, x);
    int64_t axis = c->node->attr[AXIS].i;
    if (x->rank == 0 || fw_count_is(n, 0)) // one line of one element; no line without elements
        return n;
    unsigned k = (unsigned)(axis < 0 ? axis + x->rank : axis);
    return fw_count_mul(c->sym, fw_product(c, x->dims, 0, k),
                        fw_product(c, x->dims, k + 1, x->rank));
}

static void cost_line(struct fw_cx *c, struct fw_cost *cost)
{
    const struct line *f = c->node->op->family;
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m = lines(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_MINMAX, fw_joins(c, n, m), 1);
    if (f->op == HARD)
        return;
    fw_cost_add(c, cost, FW_ADD, part(c, f->op == LOG ? 3 : 2, n, 1, m), 1);
    fw_cost_add(c, cost, FW_EXP, n, 1);
    if (f->op == LOG)
        fw_cost_add(c, cost, FW_LOG, m, 1);
    else
        fw_cost_add(c, cost, FW_DIV, n, 1);
}

/* Both are one sum a line and one pass; see the formulas in the table. */
static void cost_line_grad(struct fw_cx *c, struct fw_cost *cost)
{
    const struct line *f = c->node->op->family;
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_ADD, part(c, 2, n, 1, lines(c, fw_in(c, 0))), 1);
    fw_cost_add(c, cost, FW_MUL, n, f->op == LOG ? 1 : 2);
    if (f->op == LOG)
        fw_cost_add(c, cost, FW_EXP, n, 1);
}

static enum fw_status grad_line(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    const struct line *f = node->op->family;
    uint32_t in[2] = {gr->dy[0], node->out[0]};
    return fw_grad_node(gr, 0, f->grad_row, in, 2, node->attr);
}

/* ---- layer normalisation: (X, scale, B?) -> (Y, mean, inverse deviation) ----
 * RMS normalisation leaves the mean out. Skip forms add (input, skip, bias?) first and hand the sum
 * out as output 3. */

static const struct fw_layer_form layer_norm = {false, false, true, 1, 2, 0};
static const struct fw_layer_form rms_norm = {true, false, false, 1, 0, 0};
static const struct fw_layer_form skip_norm = {false, true, true, 2, 3, 4};
static const struct fw_layer_form skip_rms = {true, true, true, 2, 0, 3};

static const struct fw_layer_form *layer_of(const struct fw_cx *c)
{
    return c->node->op->family;
}

static enum fw_status layer_axis(struct fw_cx *c, const struct fw_tensor *x, unsigned *ret)
{
    if (c->node->op->n_attrs == 1) { // skip forms always take the last dimension
        *ret = x->rank - 1u;
        return FW_OK;
    }
    return fw_norm_axis(c, c->node->attr[AXIS].i, x->rank, ret);
}

static enum fw_status infer_layer(struct fw_cx *c)
{
    const struct fw_layer_form *f = layer_of(c);
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, f->scale, 0, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    FW_TRY(layer_axis(c, x, &axis));
    for (unsigned i = 1; i < c->node->n_in; i++)
        if (fw_has_in(c, i))
            FW_TRY(fw_want_broadcast_to(c, i, x->rank, x->dims));
    fw_dim dims[FW_MAX_RANK];
    FW_TRY(fw_set_out_like(c, 0, x));
    for (unsigned k = 0; k < x->rank; k++)
        dims[k] = k < axis ? x->dims[k] : fw_dim_int(1);
    FW_TRY(fw_set_out(c, 1, FW_F32, x->rank, dims));
    if (f->mean_out)
        FW_TRY(fw_set_out(c, 2, FW_F32, x->rank, dims));
    return f->skip ? fw_set_out_like(c, FW_LAYER_SUM_OUT, x) : FW_OK;
}

static fw_count layer_lines(struct fw_cx *c, const struct fw_tensor *x)
{
    unsigned axis = 0;
    struct fw_error ignored; // infer has reported a bad axis
    struct fw_cx quiet = *c;
    quiet.err = &ignored;
    fw_count n = fw_elements(c, x);
    if (fw_count_is(n, 0)) // no line without elements
        return n;
    return layer_axis(&quiet, x, &axis) == FW_OK ? fw_product(c, x->dims, 0, axis) : fw_count_bad();
}

/* Mean n - m add, m div; centring n add; squares n mul, their sum n - m add, m div; epsilon m add,
 * root m sqrt, inverse m div. Without the mean: no first sum and no centring. */
static void cost_layer(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_layer_form *f = layer_of(c);
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m = layer_lines(c, fw_in(c, 0));
    if (f->rms) {
        fw_cost_add(c, cost, FW_ADD, n, 1);
        fw_cost_add(c, cost, FW_DIV, m, 2);
    } else {
        fw_cost_add(c, cost, FW_ADD, part(c, 3, n, 1, m), 1);
        fw_cost_add(c, cost, FW_DIV, m, 3);
    }
    fw_cost_add(c, cost, FW_SQRT, m, 1);
    fw_cost_add(c, cost, FW_MUL, n, 3); // squares, normalise, scale
    unsigned adds = (f->shift != 0 && fw_has_in(c, f->shift)) + (f->skip ? 1u : 0u) +
                    (f->skip_bias != 0 && fw_has_in(c, f->skip_bias));
    fw_cost_add(c, cost, FW_ADD, n, adds);
}

/* Gradient rows: of X from (dY, X, inverse, scale, mean?), of the scale from (dY, X, inverse,
 * like scale, mean?); RMS rows have no mean. m = elements(inverse). */

static enum fw_status infer_layer_grad(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, FW_LAYER_X));
}

static enum fw_status infer_layer_scale(struct fw_cx *c)
{
    return fw_set_out_like(c, 0, fw_in(c, FW_LAYER_SCALE));
}

/* h = (x - mean)*inverse; g = dY*scale; dX = inverse*(g - mean(g) - h*mean(g*h)). */
static void cost_layer_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, FW_LAYER_X));
    fw_count m = fw_elements(c, fw_in(c, FW_LAYER_INVERSE));
    bool mean = fw_has_in(c, FW_LAYER_MEAN);
    fw_cost_add(c, cost, FW_ADD, mean ? part(c, 5, n, 2, m) : part(c, 2, n, 1, m), 1);
    fw_cost_add(c, cost, FW_MUL, n, 5);
    fw_cost_add(c, cost, FW_DIV, m, mean ? 2 : 1);
}

static void cost_layer_scale(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, FW_LAYER_X));
    fw_count k = fw_elements(c, fw_in(c, FW_LAYER_SCALE));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, k), 1);
    fw_cost_add(c, cost, FW_MUL, n, 2);
    if (fw_has_in(c, FW_LAYER_MEAN))
        fw_cost_add(c, cost, FW_ADD, n, 1);
}

// the list of rows, packed
// clang-format off
enum {
    SOFTMAX, LOG_SOFTMAX, HARDMAX, SOFTMAX_GRAD, LOG_SOFTMAX_GRAD, LAYER, MS_LAYER, LAYER_TRAIN,
    RMS, SIMPLE, MS_SIMPLE, RMS_TRAIN, SKIP, SKIP_TRAIN, SKIP_SIMPLE, SKIP_SIMPLE_TRAIN, LAYER_GRAD,
    LAYER_SCALE_GRAD, LRN, LRN_GRAD, LP, LP_GRAD, MVN, MVN_GRAD, N_ROWS
};
// clang-format on
static const struct fw_op rows[N_ROWS];

/* What was normalised gets dX; where it was a sum of inputs each of them does. */
static enum fw_status give_data(struct fw_grad *gr, const struct fw_layer_form *f,
                                const uint32_t *in, unsigned n)
{
    unsigned inputs[3] = {0, 1, f->skip_bias};
    unsigned n_inputs = f->skip ? f->skip_bias != 0 ? 3 : 2 : 1;
    int first = -1;
    for (unsigned i = 0; i < n_inputs && first < 0; i++)
        if (fw_grad_needs(gr, inputs[i]))
            first = (int)inputs[i];
    if (first < 0)
        return FW_OK;
    uint32_t sum =
        f->skip && gr->cx.node->n_out > FW_LAYER_SUM_OUT ? gr->dy[FW_LAYER_SUM_OUT] : FW_NONE;
    uint32_t t = sum;
    if (gr->dy[0] != FW_NONE)
        FW_TRY(fw_emit(gr, first, &rows[LAYER_GRAD], in, n, NULL, &t));
    if (gr->dy[0] != FW_NONE && sum != FW_NONE) {
        uint32_t both[2] = {t, sum};
        FW_TRY(fw_emit(gr, first, fw_op_add, both, 2, NULL, &t));
    }
    if (t == FW_NONE)
        return FW_OK;
    for (unsigned i = 0; i < n_inputs; i++)
        if (fw_grad_needs(gr, inputs[i]))
            FW_TRY(fw_grad_give(gr, inputs[i], t));
    return FW_OK;
}

/* The statistics and the sum the gradient reads: outputs of the training form, which is executed
 * again where the node is not in it. */
static enum fw_status layer_outputs(struct fw_grad *gr, uint32_t *ret)
{
    const struct fw_node *node = gr->cx.node;
    const struct fw_op *form = node->op->train_form ? node->op->train_form : node->op;
    unsigned missing = form->min_out;
    for (unsigned i = 0; i < form->min_out; i++) {
        ret[i] = i < node->n_out ? node->out[i] : FW_NONE;
        if (i < missing && ret[i] == FW_NONE)
            missing = i;
    }
    if (missing == form->min_out)
        return FW_OK;
    uint32_t first;
    FW_TRY(fw_emit_n(gr, -1, form, node->in, node->n_in, node->attr, form->min_out, &first));
    for (unsigned i = 0; i < form->min_out; i++)
        ret[i] = first + i;
    return FW_OK;
}

static enum fw_status grad_layer(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    const struct fw_layer_form *f = node->op->family;
    uint32_t out[FW_LAYER_SUM_OUT + 1];
    FW_TRY(layer_outputs(gr, out));
    uint32_t in[] = {
        [FW_LAYER_DY] = gr->dy[0],
        [FW_LAYER_X] = f->skip ? out[FW_LAYER_SUM_OUT] : node->in[0],
        [FW_LAYER_INVERSE] = out[f->mean_out ? 2 : 1],
        [FW_LAYER_SCALE] = node->in[f->scale],
        [FW_LAYER_MEAN] = f->rms ? FW_NONE : out[1],
    };
    FW_TRY(give_data(gr, f, in, 5));
    if (gr->dy[0] == FW_NONE)
        return FW_OK;
    if (fw_grad_needs(gr, f->scale))
        FW_TRY(fw_emit(gr, f->scale, &rows[LAYER_SCALE_GRAD], in, 5, NULL, &gr->dx[f->scale]));
    if (f->shift != 0 && fw_grad_needs(gr, f->shift))
        FW_TRY(fw_grad_give(gr, f->shift, gr->dy[0]));
    return FW_OK;
}

/* ---- LRN, LpNormalization, MeanVarianceNormalization ---- */

static enum fw_status infer_lrn(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    int64_t size = c->node->attr[LRN_SIZE].i;
    FW_REQUIRE(size >= 1 && size <= INT32_MAX, c->err, FW_SHAPE,
               "attribute 'size': a positive number of channels is wanted");
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

/* x/pow(bias + alpha/size*window, beta); channels outside count as zeros that are added. */
static void cost_lrn(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 2);
    fw_cost_add(c, cost, FW_ADD, n, c->node->attr[LRN_SIZE].i);
    fw_cost_add(c, cost, FW_SPECIAL, n, 1);
    fw_cost_add(c, cost, FW_DIV, n, 1);
}

/* s as forward (2 mul, size add); dX = dY*pow(s, -beta) - k*x*window(dY*y/s). */
static void cost_lrn_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 6);
    fw_cost_add(c, cost, FW_ADD, n, 2 * c->node->attr[LRN_SIZE].i);
    fw_cost_add(c, cost, FW_SPECIAL, n, 1);
    fw_cost_add(c, cost, FW_DIV, n, 1);
}

/* Gradient row from (dY, X, Y). */
static enum fw_status give_xy(struct fw_grad *gr, unsigned row)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[3] = {gr->dy[0], node->in[0], node->out[0]};
    return fw_grad_node(gr, 0, &rows[row], in, 3, node->attr);
}

static enum fw_status grad_lrn(struct fw_grad *gr)
{
    return give_xy(gr, LRN_GRAD);
}

static enum fw_status infer_lp(struct fw_cx *c)
{
    int64_t p = c->node->attr[LP_P].i;
    FW_REQUIRE(p == 1 || p == 2, c->err, FW_UNSUPPORTED, "attribute 'p': 1 or 2 is wanted");
    return infer_axis(c);
}

static void cost_norm(struct fw_cx *c, struct fw_cost *cost, fw_count n, fw_count m)
{
    bool squares = c->node->attr[LP_P].i == 2;
    fw_cost_add(c, cost, squares ? FW_MUL : FW_MINMAX, n, 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, m), 1);
    fw_cost_add(c, cost, FW_SQRT, m, squares);
}

static void cost_lp(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    cost_norm(c, cost, n, lines(c, fw_in(c, 0)));
    fw_cost_add(c, cost, FW_DIV, n, 1);
}

/* The norm again, then (dY - d*sum(dY*y))/norm with d = y, or sign(x) for p = 1. */
static void cost_lp_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m = lines(c, fw_in(c, 0));
    cost_norm(c, cost, n, m);
    fw_cost_add(c, cost, FW_MUL, n, 2);
    fw_cost_add(c, cost, FW_ADD, part(c, 2, n, 1, m), 1);
    fw_cost_add(c, cost, FW_DIV, n, 1);
    fw_cost_add(c, cost, FW_MINMAX, n, c->node->attr[LP_P].i == 1);
}

static enum fw_status grad_lp(struct fw_grad *gr)
{
    return give_xy(gr, LP_GRAD);
}

static enum fw_status infer_mvn(struct fw_cx *c)
{
    const struct fw_attr *axes = &c->node->attr[0];
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    unsigned axis;
    for (uint32_t i = 0; i < axes->n; i++)
        FW_TRY(fw_norm_axis(c, axes->ints[i], fw_in(c, 0)->rank, &axis));
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

static fw_count mvn_lines(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_attr *axes = &c->node->attr[0];
    fw_count m = fw_count_int(fw_count_is(fw_elements(c, x), 0) ? 0 : 1); // none without elements
    for (unsigned k = 0; k < x->rank; k++) {
        bool reduced = false;
        for (uint32_t i = 0; i < axes->n; i++)
            reduced = reduced || axes->ints[i] == k || axes->ints[i] + x->rank == k;
        if (!reduced)
            m = fw_count_mul(c->sym, m, fw_count_of(x->dims[k]));
    }
    return m;
}

/* Mean n - m add, m div; centring n add; squares n mul, n - m add, m div; root m sqrt, epsilon m
 * add, inverse m div; n mul. */
static void cost_mvn(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m = mvn_lines(c);
    fw_cost_add(c, cost, FW_ADD, part(c, 3, n, 1, m), 1);
    fw_cost_add(c, cost, FW_MUL, n, 2);
    fw_cost_add(c, cost, FW_DIV, m, 3);
    fw_cost_add(c, cost, FW_SQRT, m, 1);
}

/* The inverse deviation again (3n - m add, n mul, 3m div, m sqrt), then
 * inverse*(dY - mean(dY) - y*mean(dY*y)). */
static void cost_mvn_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m = mvn_lines(c);
    fw_cost_add(c, cost, FW_ADD, part(c, 7, n, 3, m), 1);
    fw_cost_add(c, cost, FW_MUL, n, 4);
    fw_cost_add(c, cost, FW_DIV, m, 5);
    fw_cost_add(c, cost, FW_SQRT, m, 1);
}

static enum fw_status grad_mvn(struct fw_grad *gr)
{
    return give_xy(gr, MVN_GRAD);
}

/* ---- the table ---- */

#define ROWS "n = elements(X), m = rows normalised"
#define LINE(op_, row)                                                             \
    FW_PORTS(1, 1, 1, 1), .in_place = 1, .family = &(const struct line){op_, row}, \
                          .infer = infer_axis, .field = fw_field_line, .cost = cost_line
#define SOFT_TEXT                                                                              \
    .formula = "exp(x - max)/sum: minmax = n - m, add = 2*n - m, special = n, div = n; " ROWS, \
    .doc = "dX = (dY - sum(dY*y))*y: add = 2*n - m, mul = 2*n", .grad = grad_line
#define LOG_TEXT                                                                            \
    .formula = "x - max - log(sum): minmax = n - m, add = 3*n - m, special = n + m; " ROWS, \
    .doc = "dX = dY - exp(y)*sum(dY): add = 2*n - m, mul = n, special = n", .grad = grad_line
#define HARD_TEXT \
    .formula = "minmax = n - m; " ROWS, .doc = "none: zero almost everywhere", .grad = fw_grad_none
#define LINE_GRAD(op_)                                                                           \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, FW_PORTS(2, 2, 1, 1), .flags = FW_OP_INTERNAL, \
    .in_place = 3, .family = &(const struct line){op_, NULL}, .infer = infer_axis,               \
    .field = fw_field_line, .cost = cost_line_grad, .grad = fw_grad_none
#define SOFT_GRAD .formula = "(dY - sum(dY*y))*y: add = 2*n - m, mul = 2*n"
#define LOG_GRAD .formula = "dY - exp(y)*sum(dY): add = 2*n - m, mul = n, special = n"
#define LAYER_DOC                                                                              \
    .doc = "dX: add = 5*n - 2*m, mul = 5*n, div = 2*m; dscale: add = 2*n - k, mul = 2*n, k = " \
           "elements(scale); dshift: sum of dY",                                               \
    .infer = infer_layer, .field = field_layer, .cost = cost_layer, .grad = grad_layer
#define RMS_DOC                                                                          \
    .doc = "dX: add = 2*n - m, mul = 5*n, div = m; dscale: add = n - k, mul = 2*n, k = " \
           "elements(scale)",                                                            \
    .infer = infer_layer, .field = field_layer, .cost = cost_layer, .grad = grad_layer
#define LAYER_TEXT                                                                            \
    .formula = "add = 3*n - m (n more for the shift), mul = 3*n, div = 3*m, sqrt = m; " ROWS, \
    LAYER_DOC, FW_ATTRS(layer_attrs), .moments = &fw_moments_layer, .weight_slots = 6,        \
    .family = &layer_norm
#define RMS_TEXT                                                                                 \
    .formula = "add = n, mul = 3*n, div = 2*m, sqrt = m; " ROWS, RMS_DOC, FW_ATTRS(layer_attrs), \
    .moments = &fw_moments_rms, .weight_slots = 2, .family = &rms_norm
#define SKIP_TEXT                                                                               \
    .formula =                                                                                  \
        "add = 4*n - m (n more for shift and for bias), mul = 3*n, div = 3*m, sqrt = m; " ROWS, \
    LAYER_DOC, FW_ATTRS(skip_attrs), .weight_slots = 28, .family = &skip_norm,                  \
    .moments = &fw_moments_skip_layer
#define SKIP_RMS_TEXT                                                                         \
    .formula = "add = 2*n (n more for bias), mul = 3*n, div = 2*m, sqrt = m; " ROWS, RMS_DOC, \
    FW_ATTRS(skip_attrs), .weight_slots = 12, .family = &skip_rms, .moments = &fw_moments_skip_rms
#define XY_GRAD                                                                                  \
    .domain = "flopwise", .doc = FW_INTERNAL_DOC, FW_PORTS(3, 3, 1, 1), .flags = FW_OP_INTERNAL, \
    .in_place = 7, .infer = fw_infer_same, .grad = fw_grad_none

FW_KERNELS(softmax, log_softmax, hardmax, softmax_grad, log_softmax_grad, layer_norm, layer_grad,
           layer_scale_grad);
FW_KERNELS(lrn, lrn_grad, lp_norm, lp_norm_grad, mvn, mvn_grad);

// one row is one paragraph: a line for each field would stretch the table over pages
// clang-format off
static void field_layer(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in);
    unsigned axis;
    (void)out;
    if (x->rank != fw_in(c, 0)->rank || layer_axis(c, fw_in(c, 0), &axis) != FW_OK)
        return;
    bool marked[FW_MAX_RANK];
    for (unsigned k = 0; k < FW_MAX_RANK; k++)
        marked[k] = k >= axis;
    fw_field_along(c, in, marked, "normalisation over the axis", ret);
}

static void field_mvn(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool marked[FW_MAX_RANK] = {false};
    const struct fw_attr *axes = &c->node->attr[0];
    unsigned rank = fw_in(c, in)->rank;
    (void)out;
    for (uint32_t i = 0; i < axes->n; i++)
        marked[axes->ints[i] < 0 ? axes->ints[i] + rank : axes->ints[i]] = true;
    fw_field_along(c, in, marked, "normalisation over space", ret);
}

static const struct fw_op rows[N_ROWS] = {
    [SOFTMAX] = {.name = "Softmax", .domain = "", SOFT_TEXT, FW_ATTRS(softmax_attrs),
                 LINE(SOFT, &rows[SOFTMAX_GRAD]), .flags = FW_OP_SHARES,
                 .moments = &fw_moments_softmax, FW_RUN_SHARED(softmax)},
    [LOG_SOFTMAX] = {.name = "LogSoftmax", .domain = "", LOG_TEXT, FW_ATTRS(softmax_attrs),
                     LINE(LOG, &rows[LOG_SOFTMAX_GRAD]), FW_RUN_SHARED(log_softmax)},
    [HARDMAX] = {.name = "Hardmax", .domain = "", HARD_TEXT, FW_ATTRS(softmax_attrs),
                 LINE(HARD, NULL), FW_RUN_SHARED(hardmax)},
    [SOFTMAX_GRAD] = {.name = "SoftmaxGrad", LINE_GRAD(SOFT), SOFT_GRAD, FW_ATTRS(softmax_attrs),
                      FW_RUN_SHARED(softmax_grad)},
    [LOG_SOFTMAX_GRAD] = {.name = "LogSoftmaxGrad", LINE_GRAD(LOG), LOG_GRAD,
                          FW_ATTRS(softmax_attrs), FW_RUN_SHARED(log_softmax_grad)},
    [LAYER] = {.name = "LayerNormalization", .domain = "", LAYER_TEXT, FW_PORTS(2, 3, 1, 3),
               .train_form = &rows[LAYER_TRAIN], FW_RUN_SHARED(layer_norm)},
    [MS_LAYER] = {.name = "LayerNormalization", .domain = "com.microsoft", LAYER_TEXT,
                  FW_PORTS(2, 3, 1, 3), .train_form = &rows[LAYER_TRAIN],
                  FW_RUN_SHARED(layer_norm)},
    [LAYER_TRAIN] = {.name = "LayerNormalization", .domain = "flopwise", LAYER_TEXT,
                     FW_PORTS(2, 3, 3, 3), .flags = FW_OP_INTERNAL, FW_RUN_SHARED(layer_norm)},
    [RMS] = {.name = "RMSNormalization", .domain = "", RMS_TEXT, FW_PORTS(2, 2, 1, 2),
             .train_form = &rows[RMS_TRAIN], FW_RUN_SHARED(layer_norm)},
    [SIMPLE] = {.name = "SimplifiedLayerNormalization", .domain = "", RMS_TEXT,
                FW_PORTS(2, 2, 1, 2), .train_form = &rows[RMS_TRAIN], FW_RUN_SHARED(layer_norm)},
    [MS_SIMPLE] = {.name = "SimplifiedLayerNormalization", .domain = "com.microsoft", RMS_TEXT,
                   FW_PORTS(2, 2, 1, 2), .train_form = &rows[RMS_TRAIN], FW_RUN_SHARED(layer_norm)},
    [RMS_TRAIN] = {.name = "RMSNormalization", .domain = "flopwise", RMS_TEXT,
                   FW_PORTS(2, 2, 2, 2), .flags = FW_OP_INTERNAL, FW_RUN_SHARED(layer_norm)},
    [SKIP] = {.name = "SkipLayerNormalization", .domain = "com.microsoft", SKIP_TEXT,
              FW_PORTS(3, 5, 1, 4), .train_form = &rows[SKIP_TRAIN], FW_RUN_SHARED(layer_norm)},
    [SKIP_TRAIN] = {.name = "SkipLayerNormalization", .domain = "flopwise", SKIP_TEXT,
                    FW_PORTS(3, 5, 4, 4), .flags = FW_OP_INTERNAL, FW_RUN_SHARED(layer_norm)},
    [SKIP_SIMPLE] = {.name = "SkipSimplifiedLayerNormalization", .domain = "com.microsoft",
                     SKIP_RMS_TEXT, FW_PORTS(3, 4, 1, 4), .train_form = &rows[SKIP_SIMPLE_TRAIN],
                     FW_RUN_SHARED(layer_norm)},
    [SKIP_SIMPLE_TRAIN] = {.name = "SkipSimplifiedLayerNormalization", .domain = "flopwise",
                           SKIP_RMS_TEXT, FW_PORTS(3, 4, 4, 4), .flags = FW_OP_INTERNAL,
                           FW_RUN_SHARED(layer_norm)},
    [LAYER_GRAD] = {.name = "LayerNormalizationGrad", .domain = "flopwise",
                    .formula = "add = 5*n - 2*m, mul = 5*n, div = 2*m; without a mean: add = 2*n "
                               "- m, mul = 5*n, div = m",
                    .doc = FW_INTERNAL_DOC, FW_PORTS(4, 5, 1, 1), .flags = FW_OP_INTERNAL,
                    .in_place = 3, .infer = infer_layer_grad, .cost = cost_layer_grad,
                    .grad = fw_grad_none, FW_RUN_SHARED(layer_grad)},
    [LAYER_SCALE_GRAD] = {.name = "LayerNormalizationScaleGrad", .domain = "flopwise",
                          .formula = "sum of dY*h, h = (x - mean)*inverse: add = 2*n - k, mul = "
                                     "2*n; n add less without a mean; k = elements(scale)",
                          .doc = FW_INTERNAL_DOC, FW_PORTS(4, 5, 1, 1), .flags = FW_OP_INTERNAL,
                          .shape_only = 1u << FW_LAYER_SCALE, .infer = infer_layer_scale,
                          .cost = cost_layer_scale, .grad = fw_grad_none,
                          FW_RUN_SHARED(layer_scale_grad)},
    [LRN] = {.name = "LRN", .domain = "",
             .formula = "per element: size add, 2 mul, 1 div, 1 special",
             .doc = "dX: per element 2*size add, 6 mul, 1 div, 1 special", FW_ATTRS(lrn_attrs),
             FW_PORTS(1, 1, 1, 1), .infer = infer_lrn, .field = fw_field_channels,
             .cost = cost_lrn, .grad = grad_lrn,
             .moments = &fw_moments_lrn,
             FW_RUN(lrn)},
    [LRN_GRAD] = {.name = "LRNGrad", XY_GRAD,
                  .formula = "per element: 2*size add, 6 mul, 1 div, 1 special",
                  FW_ATTRS(lrn_attrs), .cost = cost_lrn_grad, FW_RUN(lrn_grad)},
    [LP] = {.name = "LpNormalization", .domain = "",
            .formula =
                "p = 2: mul = n, add = n - m, sqrt = m, div = n; p = 1: minmax for mul; " ROWS,
            .doc = "dX = (dY - d*sum(dY*y))/norm, the norm computed again", FW_ATTRS(lp_attrs),
            FW_PORTS(1, 1, 1, 1), .in_place = 1, .infer = infer_lp, .field = fw_field_line,
            .cost = cost_lp,
            .grad = grad_lp, FW_RUN(lp_norm)},
    [LP_GRAD] = {.name = "LpNormalizationGrad", XY_GRAD,
                 .formula = "add = 3*n - 2*m, div = n; p = 2: mul = 3*n, sqrt = m; p = 1: mul = "
                            "2*n, minmax = 2*n",
                 FW_ATTRS(lp_attrs), .cost = cost_lp_grad, FW_RUN(lp_norm_grad)},
    [MVN] = {.name = "MeanVarianceNormalization", .domain = "",
             .formula = "add = 3*n - m, mul = 2*n, div = 3*m, sqrt = m; " ROWS,
             .doc = "dX: add = 7*n - 3*m, mul = 4*n, div = 5*m, sqrt = m", FW_ATTRS(mvn_attrs),
             FW_PORTS(1, 1, 1, 1), .in_place = 1, .infer = infer_mvn, .field = field_mvn,
             .cost = cost_mvn,
             .grad = grad_mvn, FW_RUN(mvn)},
    [MVN_GRAD] = {.name = "MeanVarianceNormalizationGrad", XY_GRAD,
                  .formula = "add = 7*n - 3*m, mul = 4*n, div = 5*m, sqrt = m",
                  FW_ATTRS(mvn_attrs), .cost = cost_mvn_grad, FW_RUN(mvn_grad)},
};
// clang-format on
const struct fw_op_table fw_ops_norm = {rows, N_ROWS};
