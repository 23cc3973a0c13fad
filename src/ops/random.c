/* Dropout and drawing of random numbers.
 *
 * Drawing a uniform number is integer work and counts nothing; what is done with it counts: a
 * uniform number of a range 1 mul 1 add; a normal one sqrt(-2*log(u))*cos(2*pi*v)*scale + mean:
 * 4 mul, 1 add, 1 sqrt, 2 special. Dropout multiplies by its mask: 1 mul. */
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

static const struct fw_attr_spec seed_attrs[] = {{"seed", FW_ATTR_INT, false, {.i = 0}}};
enum { DRAW_DTYPE };
static const struct fw_attr_spec bernoulli_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 0}},
    {"seed", FW_ATTR_FLOAT, false, {.f = 0}},
};
enum { SHAPE = 1 };
static const struct fw_attr_spec normal_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 1}},  {"shape", FW_ATTR_INTS, true, {.ints = NULL}},
    {"mean", FW_ATTR_FLOAT, false, {.f = 0}}, {"scale", FW_ATTR_FLOAT, false, {.f = 1}},
    {"seed", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec uniform_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 1}},  {"shape", FW_ATTR_INTS, true, {.ints = NULL}},
    {"low", FW_ATTR_FLOAT, false, {.f = 0}},  {"high", FW_ATTR_FLOAT, false, {.f = 1}},
    {"seed", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec normal_like_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 0}},
    {"mean", FW_ATTR_FLOAT, false, {.f = 0}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 1}},
    {"seed", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec uniform_like_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 0}},
    {"low", FW_ATTR_FLOAT, false, {.f = 0}},
    {"high", FW_ATTR_FLOAT, false, {.f = 1}},
    {"seed", FW_ATTR_FLOAT, false, {.f = 0}},
};
enum { SAMPLES = 1 };
static const struct fw_attr_spec multinomial_attrs[] = {
    {"dtype", FW_ATTR_INT, false, {.i = 6}},
    {"sample_size", FW_ATTR_INT, false, {.i = 1}},
    {"seed", FW_ATTR_FLOAT, false, {.f = 0}},
};

/* ---- Dropout: (data, ratio?, training?) -> (output, mask) ---- */

static enum fw_status infer_dropout(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_REQUIRE(x != NULL, c->err, FW_FORMAT, "input 0 is wanted, it is missing");
    FW_TRY(fw_set_out_like(c, 0, x));
    if (x->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 1, FW_BOOL, FW_RANK_UNKNOWN);
    return fw_set_out(c, 1, FW_BOOL, x->rank, x->dims);
}

static void cost_mask(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_in(c, 0)), 1);
}

static enum fw_status grad_same(struct fw_grad *gr)
{
    bool given = fw_grad_needs(gr, 0) && gr->dy[0] != FW_NONE;
    return given ? fw_grad_give(gr, 0, gr->dy[0]) : FW_OK;
}

static const struct fw_op *dropout_grad_row(void);

/* (dY, mask, ratio?) */
static enum fw_status grad_dropout(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    if (!fw_grad_needs(gr, 0) || gr->dy[0] == FW_NONE)
        return FW_OK;
    uint32_t in[3] = {gr->dy[0], node->out[1], node->n_in > 1 ? node->in[1] : FW_NONE};
    return fw_emit(gr, 0, dropout_grad_row(), in, 3, NULL, &gr->dx[0]);
}

/* ---- draws ---- */

static enum fw_status draw_dtype(struct fw_cx *c, const struct fw_tensor *like, enum fw_dtype *ret)
{
    int64_t number = c->node->attr[DRAW_DTYPE].i;
    *ret = number == 0 && like != NULL ? (enum fw_dtype)like->dtype : fw_dtype_of_number(number);
    FW_REQUIRE(*ret != FW_UNKNOWN || number == 0, c->err, FW_FORMAT,
               "attribute 'dtype': a known element type is wanted");
    return FW_OK;
}

static enum fw_status infer_shaped(struct fw_cx *c)
{
    const struct fw_attr *shape = &c->node->attr[SHAPE];
    enum fw_dtype dtype;
    FW_TRY(draw_dtype(c, NULL, &dtype));
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, shape->n, -1, c->err);
    fw_dim dims[FW_MAX_RANK];
    for (uint32_t k = 0; k < shape->n; k++)
        dims[k] = fw_dim_int(shape->ints[k]);
    return fw_set_out(c, 0, dtype, shape->n, dims);
}

static enum fw_status infer_like(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    enum fw_dtype dtype;
    FW_REQUIRE(x != NULL, c->err, FW_FORMAT, "input 0 is wanted, it is missing");
    FW_TRY(draw_dtype(c, x, &dtype));
    if (x->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 0, dtype, FW_RANK_UNKNOWN);
    return fw_set_out(c, 0, dtype, x->rank, x->dims);
}

static enum fw_status infer_multinomial(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, 2));
    enum fw_dtype dtype;
    FW_TRY(draw_dtype(c, NULL, &dtype));
    fw_dim dims[2] = {fw_in(c, 0)->dims[0], fw_dim_int(c->node->attr[SAMPLES].i)};
    return fw_set_out(c, 0, dtype, 2, dims);
}

/* Compared with the probability. */
static void cost_bernoulli(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, fw_out(c, 0)), 1);
}

static void cost_uniform(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 1);
    fw_cost_add(c, cost, FW_ADD, n, 1);
}

static void cost_normal(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 4);
    fw_cost_add(c, cost, FW_ADD, n, 1);
    fw_cost_add(c, cost, FW_SQRT, n, 1);
    fw_cost_add(c, cost, FW_LOG, n, 1);
    fw_cost_add(c, cost, FW_SPECIAL, n, 1);
}

/* Exponentials n special and their running sums n - rows add; a draw scaled by the total, 1 mul, is
 * compared with every running sum, classes minmax. */
static void cost_multinomial(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 0);
    fw_count n = fw_elements(c, x);
    fw_count draws = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_EXP, n, 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_count_of(x->dims[0])), 1);
    fw_cost_add(c, cost, FW_MUL, draws, 1);
    fw_cost_add(c, cost, FW_MINMAX, fw_count_mul(c->sym, draws, fw_count_of(x->dims[1])), 1);
}

#define DRAW(list, in_)                                                            \
    .domain = "", .doc = "none: random", FW_ATTRS(list), FW_PORTS(in_, in_, 1, 1), \
    .grad = fw_grad_none
#define NORMAL_TEXT "per element 4 mul 1 add 1 sqrt 2 special"
#define UNIFORM_TEXT "per element 1 mul 1 add"

enum {
    DROPOUT,
    DROPOUT_TRAIN,
    DROPOUT_GRAD,
    BERNOULLI,
    NORMAL,
    NORMAL_LIKE,
    UNIFORM,
    UNIFORM_LIKE,
    MULTINOMIAL,
    N_ROWS
};
FW_KERNELS(dropout, dropout_train, dropout_grad, bernoulli, random_normal, random_uniform,
           multinomial);

static const struct fw_op rows[N_ROWS] = {
    [DROPOUT] = {.name = "Dropout",
                 .domain = "",
                 .formula = FW_VIEW_FORMULA,
                 .doc = "dX = dY",
                 FW_ATTRS(seed_attrs),
                 FW_PORTS(1, 3, 1, 2),
                 .flags = FW_OP_VIEW | FW_OP_MOVE | FW_OP_UNKNOWN_OK,
                 .train_form = &rows[DROPOUT_TRAIN],
                 .infer = infer_dropout,
                 .field = fw_field_first,
                 .cost = fw_cost_free,
                 .grad = grad_same,
                 FW_RUN(dropout)},
    [DROPOUT_TRAIN] = {.name = "Dropout",
                       .domain = "flopwise",
                       .formula = "mul = n; n = elements(X)",
                       .doc = "dX = dY*mask: mul = n",
                       FW_ATTRS(seed_attrs),
                       FW_PORTS(1, 3, 2, 2),
                       .flags = FW_OP_INTERNAL | FW_OP_RANDOM | FW_OP_UNKNOWN_OK,
                       .in_place = 1,
                       .infer = infer_dropout,
                       .field = fw_field_first,
                       .cost = cost_mask,
                       .grad = grad_dropout,
                       .moments = &fw_moments_dropout,
                       FW_RUN_SHARED(dropout_train)},
    [DROPOUT_GRAD] = {.name = "DropoutGrad",
                      .domain = "flopwise",
                      .formula = "dY*mask: mul = n",
                      .doc = FW_INTERNAL_DOC,
                      FW_PORTS(2, 3, 1, 1),
                      .flags = FW_OP_INTERNAL,
                      .in_place = 1,
                      .infer = fw_infer_same,
                      .cost = cost_mask,
                      .grad = fw_grad_none,
                      FW_RUN_SHARED(dropout_grad)},
    [BERNOULLI] = {.name = "Bernoulli",
                   DRAW(bernoulli_attrs, 1),
                   .formula = "minmax = n",
                   .flags = FW_OP_RANDOM | FW_OP_UNKNOWN_OK,
                   .infer = infer_like,
                   .field = fw_field_first,
                   .cost = cost_bernoulli,
                   FW_RUN(bernoulli)},
    [NORMAL] = {.name = "RandomNormal",
                DRAW(normal_attrs, 0),
                .formula = NORMAL_TEXT,
                .flags = FW_OP_RANDOM,
                .infer = infer_shaped,
                .field = fw_field_none,
                .cost = cost_normal,
                FW_RUN(random_normal)},
    [NORMAL_LIKE] = {.name = "RandomNormalLike",
                     DRAW(normal_like_attrs, 1),
                     .formula = NORMAL_TEXT,
                     .flags = FW_OP_RANDOM | FW_OP_UNKNOWN_OK,
                     .shape_only = 1,
                     .infer = infer_like,
                     .field = fw_field_first,
                     .cost = cost_normal,
                     FW_RUN(random_normal)},
    [UNIFORM] = {.name = "RandomUniform",
                 DRAW(uniform_attrs, 0),
                 .formula = UNIFORM_TEXT,
                 .flags = FW_OP_RANDOM,
                 .infer = infer_shaped,
                 .field = fw_field_none,
                 .cost = cost_uniform,
                 FW_RUN(random_uniform)},
    [UNIFORM_LIKE] = {.name = "RandomUniformLike",
                      DRAW(uniform_like_attrs, 1),
                      .formula = UNIFORM_TEXT,
                      .flags = FW_OP_RANDOM | FW_OP_UNKNOWN_OK,
                      .shape_only = 1,
                      .infer = infer_like,
                      .field = fw_field_first,
                      .cost = cost_uniform,
                      FW_RUN(random_uniform)},
    [MULTINOMIAL] = {.name = "Multinomial",
                     DRAW(multinomial_attrs, 1),
                     .formula = "special = n, add = n - rows, mul = draws, minmax = draws*classes",
                     .flags = FW_OP_RANDOM,
                     .infer = infer_multinomial,
                     .field = fw_field_whole,
                     .cost = cost_multinomial,
                     FW_RUN(multinomial)},
};
const struct fw_op_table fw_ops_random = {rows, N_ROWS};

static const struct fw_op *dropout_grad_row(void)
{
    return &rows[DROPOUT_GRAD];
}
