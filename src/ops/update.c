/* Updates of parameters: the optimizer table with its rows, and ai.onnx.preview.training.
 *
 * Operations per parameter as a fused implementation does them: constants that are the same for all
 * parameters (step size, bias corrections) are computed once and cost nothing here, except in
 * adam-literal, which follows the text of the algorithm. */
#include "ops/update.h"

#include "graph/precision.h"

#include <string.h>

static enum fw_status infer_update(struct fw_cx *c)
{
    (void)c; // everything happens in place: there is no output
    return FW_OK;
}

/* Reads everything, writes the parameter and its states; with a master copy that is read and
 * written as well. */
static void cost_update(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_optimizer *o = c->node->op->family;
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_cost_each(c, cost, n, o->n);
    for (unsigned i = 0; i < c->node->n_in; i++) {
        fw_cost_bytes(c, cost, FW_READ, fw_in(c, i));
        if (i != 1)
            fw_cost_bytes(c, cost, FW_WRITE, fw_in(c, i));
    }
    unsigned master = c->precision != NULL ? c->precision->master_bits / 8u : 0;
    fw_cost_add(c, cost, FW_READ, n, master);
    fw_cost_add(c, cost, FW_WRITE, n, master);
}

/* ---- ai.onnx.preview.training: (R, T, X..., G..., states...) -> (X..., states...) ---- */

struct trainer {
    uint8_t tensors;                // per parameter: X, G and states
    uint8_t once[FW_N_CLASSES];     // per node: step size and corrections
    uint8_t n[FW_N_CLASSES];        // per parameter
    uint8_t nesterov[FW_N_CLASSES]; // more of them in that mode
    uint8_t decay;                  // attribute: norm_coefficient
    uint8_t post;                   // attribute: norm_coefficient_post, 0 = none
    uint8_t mode;                   // attribute: mode, 0 = none
};

static enum fw_status infer_trainer(struct fw_cx *c)
{
    const struct trainer *f = c->node->op->family;
    unsigned n = (c->node->n_in - 2u) / f->tensors;
    FW_REQUIRE(n * f->tensors + 2 == c->node->n_in && c->node->n_out == n * (f->tensors - 1u),
               c->err, FW_FORMAT, "2 + %u*n inputs and %u*n outputs are wanted, found %u and %u",
               f->tensors, f->tensors - 1u, c->node->n_in, c->node->n_out);
    for (unsigned i = 0; i < c->node->n_out; i++) {
        unsigned from = i < n ? 2 + i : 2 + n + i; // the gradients stand after the parameters
        FW_REQUIRE(fw_has_in(c, from), c->err, FW_FORMAT, "input %u is wanted, it is missing",
                   from);
        FW_TRY(fw_set_out_like(c, i, fw_in(c, from)));
    }
    return FW_OK;
}

static void cost_trainer(struct fw_cx *c, struct fw_cost *cost)
{
    const struct trainer *f = c->node->op->family;
    const struct fw_attr *attr = c->node->attr;
    unsigned n = (c->node->n_in - 2u) / f->tensors;
    fw_cost_each(c, cost, fw_count_int(1), f->once);
    for (unsigned i = 0; i < n; i++) {
        fw_count w = fw_elements(c, fw_in(c, 2 + i));
        fw_cost_each(c, cost, w, f->n);
        if (f->mode != 0 && fw_attr_is(c, f->mode, "nesterov"))
            fw_cost_each(c, cost, w, f->nesterov);
        if (attr[f->decay].f != 0) { // G + norm_coefficient*X
            fw_cost_add(c, cost, FW_MUL, w, 1);
            fw_cost_add(c, cost, FW_ADD, w, 1);
        }
        if (f->post != 0 && attr[f->post].f != 0) // (1 - norm_coefficient_post)*X
            fw_cost_add(c, cost, FW_MUL, w, 1);
    }
}

static const struct fw_attr_spec adagrad_attrs[] = {
    {"decay_factor", FW_ATTR_FLOAT, false, {.f = 0}},
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-6}},
    {"norm_coefficient", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec adam_attrs[] = {
    {"alpha", FW_ATTR_FLOAT, false, {.f = 0.9}},
    {"beta", FW_ATTR_FLOAT, false, {.f = 0.999}},
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-6}},
    {"norm_coefficient", FW_ATTR_FLOAT, false, {.f = 0}},
    {"norm_coefficient_post", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec momentum_attrs[] = {
    {"alpha", FW_ATTR_FLOAT, true, {.f = 0}},
    {"beta", FW_ATTR_FLOAT, true, {.f = 0}},
    {"mode", FW_ATTR_STRING, true, {.s = "standard"}},
    {"norm_coefficient", FW_ATTR_FLOAT, true, {.f = 0}},
};
/* classes: fma, add, mul, div, sqrt, minmax, special */
static const struct trainer adagrad = {3, {0, 1, 1, 1}, {0, 3, 2, 1, 1}, {0}, 2, 0, 0};
static const struct trainer adam = {
    4, {0, 2, 1, 1, 1, 0, 2}, {0, 4, 6, 1, 1}, {0}, 3, 4, 0,
};
static const struct trainer momentum = {3, {0}, {0, 2, 3}, {0, 1, 1}, 3, 0, 2};

/* ---- the table ----
 * X(id, name, row name, states, add, mul, div, sqrt, minmax, special, formula, source) */
#define KINGMA "Kingma and Ba 2015, arXiv 1412.6980"
#define OPTIMIZERS(X)                                                                            \
    X(SGD, "sgd", "UpdateSgd", 0, 1, 1, 0, 0, 0, 0, "w -= lr*g", "Robbins and Monro 1951")       \
    X(MOMENTUM, "momentum", "UpdateMomentum", 1, 2, 2, 0, 0, 0, 0, "v = mu*v + g; w -= lr*v",    \
      "Polyak 1964")                                                                             \
    X(NESTEROV, "nesterov", "UpdateNesterov", 1, 3, 3, 0, 0, 0, 0,                               \
      "v = mu*v + g; w -= lr*(g + mu*v)", "Nesterov 1983; Sutskever et al. 2013")                \
    X(ADAGRAD, "adagrad", "UpdateAdagrad", 1, 3, 2, 1, 1, 0, 0,                                  \
      "s += g*g; w -= lr*g/(sqrt(s) + eps)", "Duchi et al. 2011")                                \
    X(RMSPROP, "rmsprop", "UpdateRmsprop", 1, 3, 4, 1, 1, 0, 0,                                  \
      "s = rho*s + (1-rho)*(g*g); w -= lr*g/(sqrt(s) + eps)", "Tieleman and Hinton 2012")        \
    X(ADAM, "adam", "UpdateAdam", 2, 4, 7, 1, 1, 0, 0,                                           \
      "m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*(g*g); w -= step*m/(sqrt(v)*k + eps)", KINGMA)     \
    X(ADAM_LITERAL, "adam-literal", "UpdateAdamLiteral", 2, 6, 6, 3, 1, 0, 2,                    \
      "m, v as adam; m' = m/(1-b1^t); v' = v/(1-b2^t); w -= lr*m'/(sqrt(v') + eps)", KINGMA)     \
    X(ADAMW, "adamw", "UpdateAdamw", 2, 4, 8, 1, 1, 0, 0, "adam, then w scaled by 1 - lr*decay", \
      "Loshchilov and Hutter 2019, arXiv 1711.05101")                                            \
    X(LION, "lion", "UpdateLion", 1, 3, 5, 0, 0, 1, 0,                                           \
      "w -= lr*sign(b1*m + (1-b1)*g); m = b2*m + (1-b2)*g", "Chen et al. 2023, arXiv 2302.06675")

enum {
#define ID(id, ...) id,
    OPTIMIZERS(ID)
#undef ID
        N_OPTIMIZERS,
    ONNX_ADAGRAD = N_OPTIMIZERS,
    ONNX_ADAM,
    ONNX_MOMENTUM,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

const struct fw_optimizer fw_optimizers[] = {
#define ENTRY(id, name, row, states, a, m, d, q, x, s, formula, source) \
    [id] = {name, formula, source, states, {0, a, m, d, q, x, s}, &rows[id]},
    OPTIMIZERS(ENTRY)
#undef ENTRY
};
const unsigned fw_n_optimizers = N_OPTIMIZERS;

const struct fw_optimizer *fw_optimizer_find(const char *name)
{
    for (unsigned i = 0; i < fw_n_optimizers; i++)
        if (strcmp(fw_optimizers[i].name, name) == 0)
            return &fw_optimizers[i];
    return NULL;
}

#define TRAINER(list, family_)                                                            \
    .domain = "ai.onnx.preview.training", .doc = "none: an update", FW_ATTRS(list),       \
    FW_PORTS(3, UINT16_MAX, 1, UINT16_MAX), .family = &(family_), .infer = infer_trainer, \
    .cost = cost_trainer, .grad = fw_grad_none

static const struct fw_op rows[N_ROWS] = {
#define ROW(id, name_, row, states, a, m, d, q, x, s, formula_, source)                   \
    [id] = {.name = row,                                                                  \
            .domain = "flopwise",                                                         \
            .formula = formula_ "; per parameter " #a " add, " #m " mul, " #d " div, " #q \
                                " sqrt, " #x " minmax, " #s " special",                   \
            .doc = "none: an update",                                                     \
            FW_PORTS(2 + (states), 2 + (states), 0, 0),                                   \
            .flags = FW_OP_INTERNAL | FW_OP_OWN_BYTES,                                    \
            .family = &fw_optimizers[id],                                                 \
            .infer = infer_update,                                                        \
            .cost = cost_update,                                                          \
            .grad = fw_grad_none},
    OPTIMIZERS(ROW)
#undef ROW
        [ONNX_ADAGRAD] = {.name = "Adagrad",
                          TRAINER(adagrad_attrs, adagrad),
                          .formula =
                              "per parameter 3 add 2 mul 1 div 1 sqrt, a norm_coefficient 1 add "
                              "1 mul more; the step size 1 add 1 mul 1 div"},
    [ONNX_ADAM] = {.name = "Adam",
                   TRAINER(adam_attrs, adam),
                   .formula = "per parameter 4 add 6 mul 1 div 1 sqrt, a norm_coefficient 1 add 1 "
                              "mul more, norm_coefficient_post 1 mul; the step size 2 add 1 mul "
                              "1 div 1 sqrt 2 special"},
    [ONNX_MOMENTUM] = {.name = "Momentum",
                       TRAINER(momentum_attrs, momentum),
                       .formula = "per parameter 2 add 3 mul, nesterov 1 add 1 mul more, a "
                                  "norm_coefficient 1 add 1 mul more"},
};
const struct fw_op_table fw_ops_update = {rows, N_ROWS};
