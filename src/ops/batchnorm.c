/* Batch, instance and group normalisation: statistics over space, scale and shift per channel.
 *
 * n = elements(X); m = statistics computed (C; N*C; N*groups); q = pairs of scale and shift as
 * applied (C; N*C; N*C). Computing and applying them:
 *     mean              add n - m, div m
 *     centred value     add n
 *     squares, sum      mul n, add n - m, div m
 *     1/sqrt(var + e)   add m, sqrt m, div m
 *     a = scale*inverse mul q;  b = shift - mean*a   mul q, add q
 *     x*a + b           mul n, add n
 * which is add 4n - m + q, mul 2n + 2q, div 3m, sqrt m. */
#include "ops/fast.h"
#include "ops/moments.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum norm_kind { BATCH, INSTANCE, GROUP };

struct norm {
    uint8_t kind;  // enum norm_kind
    uint8_t saved; // output with the mean in the training form; the inverse deviation follows
};
static const struct norm batch = {BATCH, 3};
static const struct norm instance = {INSTANCE, 1};
static const struct norm group = {GROUP, 1};

enum { BN_EPSILON, BN_MOMENTUM, BN_TRAINING };
static const struct fw_attr_spec batch_attrs[] = {
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-5}},
    {"momentum", FW_ATTR_FLOAT, false, {.f = 0.9}},
    {"training_mode", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec instance_attrs[] = {
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-5}},
};
enum { GN_GROUPS = 1 };
static const struct fw_attr_spec group_attrs[] = {
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-5}},
    {"num_groups", FW_ATTR_INT, true, {.i = 1}},
    {"stash_type", FW_ATTR_INT, false, {.i = 1}},
};

static const struct norm *norm_of(const struct fw_cx *c)
{
    return c->node->op->family;
}

static fw_dim channels(const struct fw_tensor *x)
{
    return x->rank < 2 ? fw_dim_int(1) : x->dims[1];
}

/* Inputs from `first` on are vectors: one number per channel (or group, in the older form). */
static enum fw_status check_vectors(struct fw_cx *c, unsigned first, int64_t or_groups)
{
    for (unsigned i = first; i < c->node->n_in; i++) {
        FW_TRY(fw_want_rank(c, i, 1, 1));
        fw_dim d = fw_in(c, i)->dims[0];
        fw_dim same;
        if (or_groups == 0 || !fw_dim_is(d, or_groups))
            FW_TRY(fw_same_dim(c, "channels and a vector of the normalisation",
                               channels(fw_in(c, 0)), d, &same));
    }
    return FW_OK;
}

static enum fw_status infer_batch(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, FW_MAX_RANK));
    FW_TRY(check_vectors(c, 1, 0));
    FW_TRY(fw_set_out_like(c, 0, fw_in(c, 0)));
    for (unsigned i = 1; i < c->node->n_out; i++)
        FW_TRY(fw_set_out_like(c, i, fw_in(c, i <= 2 ? i + 2 : i)));
    return FW_OK;
}

/* Statistics: (N, C) or (N, groups). */
static enum fw_status infer_channels(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim dims[2] = {x->dims[0], x->dims[1]};
    int64_t groups = 0;
    if (norm_of(c)->kind == GROUP) {
        groups = c->node->attr[GN_GROUPS].i;
        FW_REQUIRE(groups >= 1 && groups <= INT32_MAX, c->err, FW_SHAPE,
                   "attribute 'num_groups': a positive number is wanted");
        FW_REQUIRE(!fw_dim_is_const(x->dims[1]) || x->dims[1].word % groups == 0, c->err, FW_SHAPE,
                   "the channels must be a multiple of 'num_groups'");
        dims[1] = fw_dim_int(groups);
    }
    FW_TRY(check_vectors(c, 1, groups));
    FW_TRY(fw_set_out_like(c, 0, x));
    FW_TRY(fw_set_out(c, 1, (enum fw_dtype)x->dtype, 2, dims));
    return fw_set_out(c, 2, (enum fw_dtype)x->dtype, 2, dims);
}

static void add(struct fw_cx *c, struct fw_cost *cost, enum fw_cost_class class, int64_t kn,
                fw_count n, int64_t km, fw_count m)
{
    fw_count t = fw_count_mul(c->sym, n, fw_count_int(kn));
    fw_count u = fw_count_mul(c->sym, m, fw_count_int(km));
    if (fw_count_is_const(n) && n.word == 0) // an empty batch
        u = fw_count_int(0);
    fw_cost_add(c, cost, class, fw_count_add(c->sym, t, u), 1);
}

/* m and q of the forward node. */
static void sizes(struct fw_cx *c, fw_count *m, fw_count *q)
{
    const struct fw_tensor *x = fw_in(c, 0);
    fw_count n = fw_count_of(x->dims[0]);
    fw_count per_channel = fw_count_of(channels(x));
    *q = norm_of(c)->kind == BATCH ? per_channel : fw_count_mul(c->sym, n, per_channel);
    *m = norm_of(c)->kind != GROUP
             ? *q
             : fw_count_mul(c->sym, n, fw_count_int(c->node->attr[GN_GROUPS].i));
}

static void cost_norm(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count m;
    fw_count q;
    sizes(c, &m, &q);
    add(c, cost, FW_ADD, 4, n, -1, m);
    add(c, cost, FW_ADD, 0, n, 1, q);
    add(c, cost, FW_MUL, 2, n, 2, q);
    add(c, cost, FW_DIV, 0, n, 3, m);
    add(c, cost, FW_SQRT, 0, n, 1, m);
}

/* With the stored statistics: a and b per channel, then x*a + b. */
static void cost_inference(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count q = fw_count_of(channels(fw_in(c, 0)));
    add(c, cost, FW_ADD, 1, n, 2, q);
    add(c, cost, FW_MUL, 1, n, 1, q);
    add(c, cost, FW_DIV, 0, n, 1, q);
    add(c, cost, FW_SQRT, 0, n, 1, q);
}

/* As computed from the batch, and running = running*momentum + batch*(1 - momentum) twice. */
static void cost_training(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count q = fw_count_of(channels(fw_in(c, 0)));
    cost_norm(c, cost);
    add(c, cost, FW_ADD, 0, n, 2, q);
    add(c, cost, FW_MUL, 0, n, 4, q);
}

static void cost_batch(struct fw_cx *c, struct fw_cost *cost)
{
    if (c->node->attr[BN_TRAINING].i != 0)
        cost_training(c, cost);
    else
        cost_inference(c, cost);
}

/* ---- gradients ----
 * NormSums (dY, X, mean, inverse) -> s1 = sum of dY, s2 = inverse * sum of dY*(x - mean), each q
 * numbers: the gradients of shift and scale, but for the sum over N where q = N*C.
 * NormGradInput (dY, X, scale, mean, inverse, s1, s2): with L = n/m and g1, g2 the sums of
 * scale*s1, scale*s2 over the channels of a group,
 *     dX = a*dY - k1*x + k2,  a = scale*inverse, k1 = inverse*inverse*g2/L,
 *     k2 = k1*mean - inverse*g1/L. */

static enum fw_status infer_sums(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 1);
    fw_dim one = channels(x);
    fw_dim two[2] = {x->dims[0], one};
    bool whole = fw_in(c, 2)->rank == 1; // batch statistics
    for (unsigned i = 0; i < 2; i++)
        FW_TRY(fw_set_out(c, i, (enum fw_dtype)x->dtype, whole ? 1 : 2, whole ? &one : two));
    return FW_OK;
}

static void cost_sums(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 1));
    fw_count q = fw_elements(c, fw_out(c, 0));
    add(c, cost, FW_ADD, 3, n, -2, q);
    add(c, cost, FW_MUL, 1, n, 1, q);
}

static void cost_input(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 1));
    fw_count m = fw_elements(c, fw_in(c, 3));
    fw_count q = fw_elements(c, fw_in(c, 5));
    add(c, cost, FW_ADD, 2, n, 2, q);  // two subtractions an element, the sums over a group
    add(c, cost, FW_ADD, 0, n, -1, m); // -2m of those sums, +m of k2
    add(c, cost, FW_MUL, 2, n, 3, q);
    add(c, cost, FW_MUL, 0, n, 4, m);
    add(c, cost, FW_DIV, 0, n, 2, m);
}

/* Gradients with stored statistics: of X from (dY, scale, var), of the scale from (dY, X, mean,
 * var) summed per channel. */
static void cost_fixed_input(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count q = fw_elements(c, fw_in(c, 1));
    add(c, cost, FW_MUL, 1, n, 0, q);
    add(c, cost, FW_ADD, 0, n, 1, q);
    add(c, cost, FW_SQRT, 0, n, 1, q);
    add(c, cost, FW_DIV, 0, n, 1, q);
}

static enum fw_status infer_fixed_scale(struct fw_cx *c)
{
    for (unsigned i = 0; i < 2; i++)
        FW_TRY(fw_set_out_like(c, i, fw_in(c, 2)));
    return FW_OK;
}

/* As NormSums, after 1/sqrt(var + epsilon). */
static void cost_fixed_scale(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_in(c, 1));
    fw_count q = fw_elements(c, fw_in(c, 2));
    add(c, cost, FW_ADD, 3, n, -1, q);
    add(c, cost, FW_MUL, 1, n, 1, q);
    add(c, cost, FW_SQRT, 0, n, 1, q);
    add(c, cost, FW_DIV, 0, n, 1, q);
}

enum {
    BATCH_NORM,
    BATCH_TRAIN,
    INSTANCE_NORM,
    INSTANCE_TRAIN,
    GROUP_NORM,
    GROUP_TRAIN,
    SUMS,
    INPUT,
    FIXED_INPUT,
    FIXED_SCALE,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

/* s2 goes to the scale, s1 to the shift; where they are per example they are summed. */
static enum fw_status give_vectors(struct fw_grad *gr, uint32_t s1)
{
    if (fw_grad_needs(gr, 1))
        FW_TRY(fw_grad_give(gr, 1, s1 + 1));
    return fw_grad_needs(gr, 2) ? fw_grad_give(gr, 2, s1) : FW_OK;
}

static int sums_for(const struct fw_grad *gr)
{
    return fw_grad_needs(gr, 1) ? 1 : fw_grad_needs(gr, 2) ? 2 : 0;
}

static enum fw_status grad_fixed(struct fw_grad *gr)
{
    const uint32_t *in = gr->cx.node->in;
    const struct fw_attr *epsilon = &gr->cx.node->attr[BN_EPSILON];
    uint32_t input[3] = {gr->dy[0], in[1], in[4]};
    uint32_t scale[4] = {gr->dy[0], in[0], in[3], in[4]};
    uint32_t s1;
    if (fw_grad_needs(gr, 0))
        FW_TRY(fw_emit(gr, 0, &rows[FIXED_INPUT], input, 3, epsilon, &gr->dx[0]));
    if (sums_for(gr) == 0)
        return FW_OK;
    FW_TRY(fw_emit_n(gr, sums_for(gr), &rows[FIXED_SCALE], scale, 4, epsilon, 2, &s1));
    return give_vectors(gr, s1);
}

/* Mean and inverse deviation: outputs of the training form, executed again for another node. */
static enum fw_status statistics(struct fw_grad *gr, uint32_t *ret_mean, uint32_t *ret_inverse)
{
    const struct fw_node *node = gr->cx.node;
    const struct fw_op *form = node->op->train_form ? node->op->train_form : node->op;
    unsigned mean = norm_of(&gr->cx)->saved;
    if (node->n_out > mean + 1 && node->out[mean] != FW_NONE && node->out[mean + 1] != FW_NONE) {
        *ret_mean = node->out[mean];
        *ret_inverse = node->out[mean + 1];
        return FW_OK;
    }
    uint32_t first;
    FW_TRY(fw_emit_n(gr, -1, form, node->in, node->n_in, node->attr, form->min_out, &first));
    *ret_mean = first + mean;
    *ret_inverse = first + mean + 1;
    return FW_OK;
}

static enum fw_status grad_norm(struct fw_grad *gr)
{
    const uint32_t *in = gr->cx.node->in;
    bool input = fw_grad_needs(gr, 0);
    if (gr->dy[0] == FW_NONE || (!input && sums_for(gr) == 0))
        return FW_OK;
    uint32_t mean;
    uint32_t inverse;
    uint32_t s1;
    FW_TRY(statistics(gr, &mean, &inverse));
    uint32_t from[4] = {gr->dy[0], in[0], mean, inverse};
    FW_TRY(fw_emit_n(gr, sums_for(gr), &rows[SUMS], from, 4, NULL, 2, &s1));
    if (input) {
        uint32_t all[7] = {gr->dy[0], in[0], in[1], mean, inverse, s1, s1 + 1};
        FW_TRY(fw_emit(gr, 0, &rows[INPUT], all, 7, NULL, &gr->dx[0]));
    }
    return give_vectors(gr, s1);
}

static enum fw_status grad_batch(struct fw_grad *gr)
{
    return gr->cx.node->attr[BN_TRAINING].i != 0 ? grad_norm(gr) : grad_fixed(gr);
}

#define TEXT "add = 4*n - m + q, mul = 2*n + 2*q, div = 3*m, sqrt = m"
#define DOC                                                                                 \
    "dscale, dshift: add = 3*n - 2*q, mul = n + q; dX from them: add = 2*n + 2*q - m, mul " \
    "= 2*n + 3*q + 4*m, div = 2*m"
#define BATCH_ROW                                                                               \
    .doc = DOC, FW_ATTRS(batch_attrs), .weight_slots = 6, .buffer_slots = 24, .family = &batch, \
    .infer = infer_batch, .field = fw_field_first, .moments = &fw_moments_batch

/* Statistics over space: of each channel, or of a group of them. */
static void field_channels(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool marked[FW_MAX_RANK] = {false};
    (void)out;
    if (in != 0)
        return;
    for (unsigned k = norm_of(c)->kind == GROUP ? 1 : 2; k < FW_MAX_RANK; k++)
        marked[k] = true;
    fw_field_along(c, in, marked, "normalisation over space", ret);
}

FW_KERNELS(batch_norm, batch_norm_train, group_norm, norm_sums, norm_grad_input, norm_fixed_grad,
           norm_fixed_sums);

static const struct fw_op rows[N_ROWS] = {
    [BATCH_NORM] =
        {.name = "BatchNormalization",
         .domain = "",
         .formula =
             "x*a + b: add = n + 2*C, mul = n + C, div = C, sqrt = C; n = elements(X), m = q = C",
         BATCH_ROW,
         FW_PORTS(5, 5, 1, 5),
         .in_place = 1,
         .train_form = &rows[BATCH_TRAIN],
         .cost = cost_batch,
         .grad = grad_batch,
         FW_RUN(batch_norm),
         .fast = fw_fast_norm_given},
    [BATCH_TRAIN] = {.name = "BatchNormalization",
                     .domain = "flopwise",
                     .formula = TEXT " with m = q = C, and for the running statistics add = 2*C, "
                                     "mul = 4*C; n = elements(X)",
                     BATCH_ROW,
                     FW_PORTS(5, 5, 5, 5),
                     .flags = FW_OP_INTERNAL,
                     .advanced_in = 3,
                     .cost = cost_training,
                     .grad = grad_norm,
                     FW_RUN(batch_norm_train),
                     .fast = fw_fast_norm},
    [INSTANCE_NORM] = {.name = "InstanceNormalization",
                       .domain = "",
                       .formula = TEXT "; n = elements(X), m = q = N*C",
                       .doc = DOC,
                       FW_ATTRS(instance_attrs),
                       FW_PORTS(3, 3, 1, 1),
                       .weight_slots = 6,
                       .family = &instance,
                       .train_form = &rows[INSTANCE_TRAIN],
                       .infer = infer_channels,
                       .field = field_channels,
                       .cost = cost_norm,
                       .grad = grad_norm,
                       FW_RUN(group_norm)},
    [INSTANCE_TRAIN] = {.name = "InstanceNormalization",
                        .domain = "flopwise",
                        .formula = TEXT "; n = elements(X), m = q = N*C",
                        .doc = DOC,
                        FW_ATTRS(instance_attrs),
                        FW_PORTS(3, 3, 3, 3),
                        .flags = FW_OP_INTERNAL,
                        .weight_slots = 6,
                        .family = &instance,
                        .infer = infer_channels,
                        .field = field_channels,
                        .cost = cost_norm,
                        .grad = grad_norm,
                        FW_RUN(group_norm)},
    [GROUP_NORM] = {.name = "GroupNormalization",
                    .moments = &fw_moments_group,
                    .domain = "",
                    .formula = TEXT "; n = elements(X), m = N*groups, q = N*C",
                    .doc = DOC,
                    FW_ATTRS(group_attrs),
                    FW_PORTS(3, 3, 1, 1),
                    .weight_slots = 6,
                    .family = &group,
                    .train_form = &rows[GROUP_TRAIN],
                    .infer = infer_channels,
                    .field = field_channels,
                    .cost = cost_norm,
                    .grad = grad_norm,
                    FW_RUN(group_norm)},
    [GROUP_TRAIN] = {.name = "GroupNormalization",
                     .moments = &fw_moments_group,
                     .domain = "flopwise",
                     .formula = TEXT "; n = elements(X), m = N*groups, q = N*C",
                     .doc = DOC,
                     FW_ATTRS(group_attrs),
                     FW_PORTS(3, 3, 3, 3),
                     .flags = FW_OP_INTERNAL,
                     .weight_slots = 6,
                     .family = &group,
                     .infer = infer_channels,
                     .field = field_channels,
                     .cost = cost_norm,
                     .grad = grad_norm,
                     FW_RUN(group_norm)},
    [SUMS] = {.name = "NormSums",
              .domain = "flopwise",
              .formula = "sum of dY, inverse * sum of dY*(x - mean): add = 3*n - 2*q, mul = n + q",
              .doc = FW_INTERNAL_DOC,
              FW_PORTS(4, 4, 2, 2),
              .flags = FW_OP_INTERNAL,
              .infer = infer_sums,
              .cost = cost_sums,
              .grad = fw_grad_none,
              FW_RUN(norm_sums),
              .fast = fw_fast_norm_sums},
    [INPUT] = {.name = "NormGradInput",
               .domain = "flopwise",
               .formula = "a*dY - k1*x + k2: add = 2*n + 2*q - m, mul = 2*n + 3*q + 4*m, div = 2*m",
               .doc = FW_INTERNAL_DOC,
               FW_PORTS(7, 7, 1, 1),
               .flags = FW_OP_INTERNAL,
               .in_place = 3,
               .infer = fw_infer_same1,
               .cost = cost_input,
               .grad = fw_grad_none,
               FW_RUN(norm_grad_input),
               .fast = fw_fast_norm_dx},
    [FIXED_INPUT] = {.name = "BatchNormFixedGrad",
                     .domain = "flopwise",
                     .formula = "dY*scale/sqrt(var + epsilon): mul = n, div = C; add = sqrt = C",
                     .doc = FW_INTERNAL_DOC,
                     FW_ATTRS(instance_attrs),
                     FW_PORTS(3, 3, 1, 1),
                     .flags = FW_OP_INTERNAL,
                     .in_place = 1,
                     .infer = fw_infer_same,
                     .cost = cost_fixed_input,
                     .grad = fw_grad_none,
                     FW_RUN(norm_fixed_grad)},
    [FIXED_SCALE] = {.name = "BatchNormFixedSums",
                     .domain = "flopwise",
                     .formula = "as NormSums with 1/sqrt(var + epsilon): add = 3*n - C, mul = n + "
                                "C, div = sqrt = C",
                     .doc = FW_INTERNAL_DOC,
                     FW_ATTRS(instance_attrs),
                     FW_PORTS(4, 4, 2, 2),
                     .flags = FW_OP_INTERNAL,
                     .infer = infer_fixed_scale,
                     .cost = cost_fixed_scale,
                     .grad = fw_grad_none,
                     FW_RUN(norm_fixed_sums)},
};
const struct fw_op_table fw_ops_batchnorm = {rows, N_ROWS};
