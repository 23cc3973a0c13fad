/* Optimizers that stand in a file: ai.onnx.preview.training, (R, T, X..., G..., states...) ->
 * (X..., states...). Operations of their reference implementations. */
#include "ops/op.h"
#include "ops/reach.h"

struct trainer {
    uint8_t tensors;                // per parameter: X, G and states
    uint8_t once[FW_N_TALLIES];     // per node: step size and corrections
    uint8_t n[FW_N_TALLIES];        // per parameter
    uint8_t nesterov[FW_N_TALLIES]; // more of them in that mode
    uint8_t decay;                  // attribute: norm_coefficient
    uint8_t post;                   // attribute: norm_coefficient_post, 0 = none
    uint8_t mode;                   // attribute: mode, 0 = none
};

/* A parameter, its gradient and its states have one shape. */
static enum fw_status want_alike(struct fw_cx *c, unsigned parameter, unsigned i)
{
    FW_REQUIRE(fw_has_in(c, parameter) && fw_has_in(c, i), c->err, FW_FORMAT,
               "input %u is wanted, it is missing", fw_has_in(c, i) ? parameter : i);
    const struct fw_tensor *x = fw_in(c, parameter);
    fw_dim same;
    FW_TRY(fw_want_rank(c, i, x->rank, x->rank));
    for (unsigned k = 0; k < x->rank; k++)
        FW_TRY(fw_same_dim(c, "a parameter and what belongs to it", x->dims[k],
                           fw_in(c, i)->dims[k], &same));
    return FW_OK;
}

static enum fw_status infer_trainer(struct fw_cx *c)
{
    const struct trainer *f = c->node->op->family;
    unsigned n = (c->node->n_in - 2u) / f->tensors;
    FW_REQUIRE(n * f->tensors + 2 == c->node->n_in && c->node->n_out == n * (f->tensors - 1u),
               c->err, FW_FORMAT, "2 + %u*n inputs and %u*n outputs are wanted, found %u and %u",
               f->tensors, f->tensors - 1u, c->node->n_in, c->node->n_out);
    for (unsigned i = 2; i < c->node->n_in; i++)
        FW_TRY(want_alike(c, 2 + (i - 2) % n, i));
    for (unsigned i = 0; i < c->node->n_out; i++) {
        unsigned from = i < n ? 2 + i : 2 + n + i; // the gradients stand after the parameters
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

#define TRAINER(list, family_)                                                            \
    .domain = "ai.onnx.preview.training", .doc = "none: an update", FW_ATTRS(list),       \
    FW_PORTS(3, UINT16_MAX, 1, UINT16_MAX), .family = &(family_), .infer = infer_trainer, \
    .field = fw_field_whole, .cost = cost_trainer, .grad = fw_grad_none

FW_KERNELS(trainer_adagrad, trainer_adam, trainer_momentum);

static const struct fw_op rows[] = {
    {.name = "Adagrad",
     TRAINER(adagrad_attrs, adagrad),
     .formula = "per parameter 3 add 2 mul 1 div 1 sqrt, a norm_coefficient 1 add 1 mul more; the "
                "step size 1 add 1 mul 1 div",
     FW_RUN(trainer_adagrad)},
    {.name = "Adam",
     TRAINER(adam_attrs, adam),
     .formula = "per parameter 4 add 6 mul 1 div 1 sqrt, a norm_coefficient 1 add 1 mul more, "
                "norm_coefficient_post 1 mul; the step size 2 add 1 mul 1 div 1 sqrt 2 special",
     FW_RUN(trainer_adam)},
    {.name = "Momentum",
     TRAINER(momentum_attrs, momentum),
     .formula = "per parameter 2 add 3 mul, nesterov 1 add 1 mul more, a norm_coefficient 1 add 1 "
                "mul more",
     FW_RUN(trainer_momentum)},
};
const struct fw_op_table fw_ops_trainer = {rows, sizeof rows / sizeof *rows};
