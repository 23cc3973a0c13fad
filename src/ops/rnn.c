/* Recurrent layers: RNN, GRU, LSTM, their training forms and their gradients.
 *
 * Per time step, example and direction every one of the G gates (1, 3, 4) of the M hidden units is
 * a dot product over N inputs and one over M hidden values, so
 *     fma = seq * batch * directions * G * (N + M) * M,
 * padded steps (sequence_lens) and the first step's product with an all-zero state included. The
 * second product accumulates onto the first. With B each pre-activation takes 2 adds (the input's
 * and the recurrence's bias). The rest is per hidden unit and step:
 *     RNN   f
 *     GRU   f, f, g;  r * H: 1 mul;  H' = h + z * (H - h): 2 add, 1 mul; where the reset gate
 *           stands behind the product (linear_before_reset) its sum with the input's product: 1 add
 *     LSTM  f, f, f, g, h;  C' = f * C + i * c: 2 mul, 1 add;  H' = o * h(C'): 1 mul; each peephole
 *           1 mul, 1 add; with input_forget f = 1 - i: 1 add in place of an activation
 * and clip is 2 minmax on the argument of each activation.
 *
 * Backward, the gate gradients are one node: it walks the steps in reverse and holds the recurrent
 * product dH = dA R (fma = (seq - 1) * batch * directions * G * M * M; the first step's only where
 * the initial state wants a gradient). dX = dA W, dW = dA^T X,
 * dR = dA^T H and dB are nodes of their own, so that a first layer has no dX. Every derivative is
 * written in the activation's result, so only results are kept: Y, and in the reserve output of the
 * training form the GRU's z, r, h (and H R + b when it stands under the reset gate) or the LSTM's
 * i, o, f, c and cell; h(cell) is computed again. */
#include "ops/rnn.h"
#include "ops/ops.h"
#include "ops/reach.h"

/* ---- activations ---- */

struct activation {
    const char *name;
    int8_t forward[FW_N_TALLIES];  // operations per element
    int8_t backward[FW_N_TALLIES]; // dx from dy and the result, with the product by dy
};
static const struct activation activations[] = {
    {"Relu", {[FW_MINMAX] = 1}, {[FW_MINMAX] = 1}},
    {"Tanh", {[FW_TANH] = 1}, {[FW_ADD] = 1, [FW_MUL] = 2}},
    {"Sigmoid", {[FW_ADD] = 2, [FW_DIV] = 1, [FW_EXP] = 1}, {[FW_ADD] = 1, [FW_MUL] = 2}},
    {"Affine", {[FW_ADD] = 1, [FW_MUL] = 1}, {[FW_MUL] = 1}},
    {"LeakyRelu", {[FW_MUL] = 1, [FW_MINMAX] = 1}, {[FW_MUL] = 1, [FW_MINMAX] = 1}},
    {"ThresholdedRelu", {[FW_MINMAX] = 1}, {[FW_MINMAX] = 1}},
    {"ScaledTanh", {[FW_MUL] = 2, [FW_TANH] = 1}, {[FW_ADD] = 1, [FW_MUL] = 3}},
    {"HardSigmoid", {[FW_ADD] = 1, [FW_MUL] = 1, [FW_MINMAX] = 2}, {[FW_MUL] = 1, [FW_MINMAX] = 2}},
    {"Elu",
     {[FW_ADD] = 1, [FW_MUL] = 1, [FW_MINMAX] = 1, [FW_EXP] = 1},
     {[FW_ADD] = 1, [FW_MUL] = 1, [FW_MINMAX] = 1}},
    {"Softsign",
     {[FW_ADD] = 1, [FW_DIV] = 1, [FW_MINMAX] = 1},
     {[FW_ADD] = 1, [FW_MUL] = 2, [FW_MINMAX] = 1}},
    {"Softplus",
     {[FW_ADD] = 3, [FW_MINMAX] = 2, [FW_EXP] = 1, [FW_LOG] = 1},
     {[FW_ADD] = 2, [FW_MUL] = 1, [FW_EXP] = 1}},
};

/* Equal but for the case of letters: files write Tanh and tanh. */
static bool same_word(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++)
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    return *a == *b;
}

/* ---- attributes and ports ---- */

#define COMMON_ATTRS                                            \
    {"activation_alpha", FW_ATTR_FLOATS, false, {.n = 0}},      \
        {"activation_beta", FW_ATTR_FLOATS, false, {.n = 0}},   \
        {"activations", FW_ATTR_STRINGS, false, {.n = 0}},      \
        {"clip", FW_ATTR_FLOAT, false, {.f = 0}},               \
        {"direction", FW_ATTR_STRING, false, {.s = "forward"}}, \
        {"hidden_size", FW_ATTR_INT, false, {.i = 0}},          \
    {                                                           \
        "layout", FW_ATTR_INT, false,                           \
        {                                                       \
            .i = 0                                              \
        }                                                       \
    }
static const struct fw_attr_spec rnn_attrs[] = {COMMON_ATTRS};
static const struct fw_attr_spec gru_attrs[] = {
    COMMON_ATTRS, {"linear_before_reset", FW_ATTR_INT, false, {.i = 0}}};
static const struct fw_attr_spec lstm_attrs[] = {COMMON_ATTRS,
                                                 {"input_forget", FW_ATTR_INT, false, {.i = 0}}};

/* Forward and training rows stand in the order of enum kind. */
enum {
    TRAIN = 3,
    GRAD_GATES = 6,
    GRAD_INPUT = 9,
    GRAD_WEIGHT,
    GRAD_RECURRENCE,
    GRAD_BIAS,
    GRAD_PEEPHOLE,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static const struct fw_rnn_family *family_of(const struct fw_cx *c)
{
    return c->node->op->family;
}

static bool option(const struct fw_cx *c)
{
    return family_of(c)->kind != RNN && c->node->attr != NULL && c->node->attr[OPTION].i != 0;
}

static bool batch_first(const struct fw_cx *c)
{
    return c->node->attr != NULL && c->node->attr[LAYOUT].i != 0;
}

static bool clipped(const struct fw_cx *c)
{
    return c->node->attr != NULL && c->node->attr[CLIP].given;
}

static unsigned n_directions(const struct fw_cx *c)
{
    return c->node->attr != NULL && same_word(c->node->attr[DIRECTION].s, "bidirectional") ? 2 : 1;
}

/* The k-th activation (f, g, h) of a direction; NULL when its name is not known. */
static const struct activation *activation(const struct fw_cx *c, unsigned direction, unsigned k)
{
    const struct fw_rnn_family *f = family_of(c);
    const char *name = f->acts[k];
    unsigned at = direction * f->n_acts + k;
    if (c->node->attr != NULL && at < c->node->attr[ACTIVATIONS].n)
        name = c->node->attr[ACTIVATIONS].strings[at];
    for (unsigned i = 0; i < sizeof activations / sizeof *activations; i++)
        if (same_word(name, activations[i].name))
            return &activations[i];
    return NULL;
}

/* Values the reserve keeps per hidden unit. */
static unsigned n_saved(const struct fw_cx *c)
{
    const struct fw_rnn_family *f = family_of(c);
    return f->saved + (f->kind == GRU && option(c) ? 1 : 0);
}

/* Gradients per hidden unit: with linear_before_reset the reset gate stands between the two
 * products of h, which then have different ones. */
static unsigned n_gradients(const struct fw_cx *c)
{
    const struct fw_rnn_family *f = family_of(c);
    return f->gates + (f->kind == GRU && option(c) ? 1 : 0);
}

/* ---- infer ---- */

static enum fw_status check_names(struct fw_cx *c)
{
    const struct fw_rnn_family *f = family_of(c);
    const struct fw_attr *attr = c->node->attr;
    if (attr == NULL)
        return FW_OK;
    const char *dir = attr[DIRECTION].s;
    FW_REQUIRE(
        same_word(dir, "forward") || same_word(dir, "reverse") || same_word(dir, "bidirectional"),
        c->err, FW_FORMAT, "direction must be forward, reverse or bidirectional, found '%s'", dir);
    unsigned want = f->n_acts * n_directions(c);
    FW_REQUIRE(attr[ACTIVATIONS].n == 0 || attr[ACTIVATIONS].n >= want, c->err, FW_FORMAT,
               "%u activations are wanted, found %u", want, attr[ACTIVATIONS].n);
    for (unsigned k = 0; k < want; k++)
        FW_REQUIRE(activation(c, k / f->n_acts, k % f->n_acts) != NULL, c->err, FW_UNSUPPORTED,
                   "activation '%s' is not known", attr[ACTIVATIONS].strings[k]);
    return FW_OK;
}

struct sizes {
    fw_dim seq, batch, dirs, in, hidden;
};

/* Sizes from X, W and R, which must agree. */
static enum fw_status read_sizes(struct fw_cx *c, struct sizes *ret)
{
    for (unsigned i = X; i <= R; i++)
        FW_TRY(fw_want_rank(c, i, 3, 3));
    const fw_dim *x = fw_in(c, X)->dims;
    const fw_dim *w = fw_in(c, W)->dims;
    const fw_dim *r = fw_in(c, R)->dims;
    fw_dim gates = fw_dim_int(family_of(c)->gates);
    unsigned s = batch_first(c) ? 1 : 0;
    *ret = (struct sizes){.seq = x[s], .batch = x[1 - s], .hidden = r[2]};
    FW_TRY(fw_same_dim(c, "input size of X and W", x[2], w[2], &ret->in));
    FW_TRY(fw_same_dim(c, "directions of W and R", w[0], r[0], &ret->dirs));
    FW_TRY(
        fw_same_dim(c, "number of directions", ret->dirs, fw_dim_int(n_directions(c)), &ret->dirs));
    if (c->node->attr != NULL && c->node->attr[HIDDEN].given)
        FW_TRY(fw_same_dim(c, "hidden size", ret->hidden, fw_dim_int(c->node->attr[HIDDEN].i),
                           &ret->hidden));
    fw_dim rows_wanted = fw_dim_mul(c->sym, gates, ret->hidden);
    fw_dim same;
    FW_TRY(fw_same_dim(c, "gates of W", w[1], rows_wanted, &same));
    return fw_same_dim(c, "gates of R", r[1], rows_wanted, &same);
}

static enum fw_status want_sizes(struct fw_cx *c, unsigned i, const char *what, unsigned rank,
                                 const fw_dim *dims)
{
    fw_dim same;
    if (!fw_has_in(c, i))
        return FW_OK;
    FW_TRY(fw_want_rank(c, i, rank, rank));
    for (unsigned k = 0; k < rank; k++)
        FW_TRY(fw_same_dim(c, what, fw_in(c, i)->dims[k], dims[k], &same));
    return FW_OK;
}

static enum fw_status check_others(struct fw_cx *c, const struct sizes *z)
{
    const struct fw_rnn_family *f = family_of(c);
    fw_dim biases[2] = {z->dirs, fw_dim_mul(c->sym, z->hidden, fw_dim_int((int64_t)2 * f->gates))};
    fw_dim peepholes[2] = {z->dirs, fw_dim_mul(c->sym, z->hidden, fw_dim_int(3))};
    fw_dim h[3] = {z->dirs, z->batch, z->hidden};
    fw_dim h_first[3] = {z->batch, z->dirs, z->hidden};
    FW_TRY(want_sizes(c, B, "biases", 2, biases));
    FW_TRY(want_sizes(c, LENS, "lengths of the sequences", 1, &z->batch));
    for (unsigned i = H0; i <= C0; i++)
        FW_TRY(want_sizes(c, i, "initial state", 3, batch_first(c) ? h_first : h));
    return f->kind == LSTM ? want_sizes(c, P, "peepholes", 2, peepholes) : FW_OK;
}

static enum fw_status infer(struct fw_cx *c)
{
    const struct fw_rnn_family *f = family_of(c);
    FW_TRY(check_names(c));
    struct sizes z;
    FW_TRY(read_sizes(c, &z));
    FW_TRY(check_others(c, &z));
    enum fw_dtype dtype = (enum fw_dtype)fw_in(c, X)->dtype;
    fw_dim y[4] = {z.seq, z.dirs, z.batch, z.hidden};
    fw_dim y_first[4] = {z.batch, z.seq, z.dirs, z.hidden};
    fw_dim h[3] = {z.dirs, z.batch, z.hidden};
    fw_dim h_first[3] = {z.batch, z.dirs, z.hidden};
    bool first = batch_first(c);
    FW_TRY(fw_set_out(c, Y, dtype, 4, first ? y_first : y));
    FW_TRY(fw_set_out(c, Y_H, dtype, 3, first ? h_first : h));
    if (f->kind == LSTM)
        FW_TRY(fw_set_out(c, Y_C, dtype, 3, first ? h_first : h));
    if ((c->node->op->reserve_out >> f->reserve & 1u) == 0 || f->reserve == 0)
        return FW_OK;
    y[3] = fw_dim_mul(c->sym, z.hidden, fw_dim_int(n_saved(c)));
    return fw_set_out(c, f->reserve, dtype, 4, y);
}

/* ---- cost of the forward step ---- */

static void add_ops(int64_t *n, const int8_t *ops, int times)
{
    for (unsigned k = 0; k < FW_N_TALLIES; k++)
        n[k] += (int64_t)ops[k] * times;
}

/* cost += elements * n by class */
static void add_all(struct fw_cx *c, struct fw_cost *cost, fw_count elements, const int64_t *n)
{
    for (unsigned k = 0; k < FW_N_TALLIES; k++)
        fw_cost_add(c, cost, (enum fw_cost_class)k, elements, n[k]);
}

/* Operations per hidden unit, step and example of one direction, products left out. */
static void step_ops(const struct fw_cx *c, unsigned direction, int64_t *n)
{
    const struct fw_rnn_family *f = family_of(c);
    int n_f = f->kind == RNN ? 1 : f->kind == GRU ? 2 : option(c) ? 2 : 3;
    int n_act = n_f + (int)f->n_acts - 1;
    add_ops(n, activation(c, direction, 0)->forward, n_f);
    for (unsigned k = 1; k < f->n_acts; k++)
        add_ops(n, activation(c, direction, k)->forward, 1);
    if (fw_has_in(c, B))
        n[FW_ADD] += 2 * (int64_t)f->gates;
    if (clipped(c))
        n[FW_MINMAX] += 2 * (int64_t)n_act;
    if (f->kind == GRU) {
        n[FW_ADD] += option(c) ? 3 : 2;
        n[FW_MUL] += 2;
    } else if (f->kind == LSTM) {
        int peepholes = !fw_has_in(c, P) ? 0 : option(c) ? 2 : 3;
        n[FW_ADD] += 1 + peepholes + (option(c) ? 1 : 0);
        n[FW_MUL] += 3 + peepholes;
    }
}

/* seq * batch */
static fw_count n_steps(struct fw_cx *c)
{
    return fw_product(c, fw_in(c, X)->dims, 0, 2);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count steps = n_steps(c);
    fw_count weights =
        fw_count_add(c->sym, fw_elements(c, fw_in(c, W)), fw_elements(c, fw_in(c, R)));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, steps, weights), 1);
    fw_count units = fw_count_mul(c->sym, steps, fw_count_of(fw_in(c, R)->dims[2]));
    for (unsigned d = 0; d < n_directions(c); d++) {
        int64_t n[FW_N_TALLIES] = {0};
        step_ops(c, d, n);
        add_all(c, cost, units, n);
    }
}

/* ---- gradients ---- */

/* dA, and where asked for the gradients of the initial states. */
static enum fw_status infer_gates(struct fw_cx *c)
{
    const fw_dim *x = fw_in(c, G_X)->dims;
    const struct fw_tensor *r = fw_in(c, G_R);
    unsigned s = batch_first(c) ? 1 : 0;
    fw_dim da[4] = {x[s], r->dims[0], x[1 - s],
                    fw_dim_mul(c->sym, r->dims[2], fw_dim_int(n_gradients(c)))};
    fw_dim h[3] = {da[1 + s], da[2 - s], r->dims[2]};
    enum fw_dtype dtype = (enum fw_dtype)r->dtype;
    FW_TRY(fw_set_out(c, G_DA, dtype, 4, da));
    FW_TRY(fw_set_out(c, G_DH0, dtype, 3, h));
    return fw_set_out(c, G_DC0, dtype, 3, h);
}

/* GRU: t = dH * z, dh = dH - t, dz = dH * (H - h), and either dr = du * H, dH += du * r (with
 * u = r * H under the product) or dr = dh * v, dv = dh * r (v the product under the reset gate).
 * LSTM: do = dH * h(C), dC += (dH * o) * h', di = dC * c, df = dC * C, dc = dC * i, dC = dC * f;
 * with input_forget i takes -df in; each peephole hands its gate's gradient to the cell. */
static void gate_ops(const struct fw_cx *c, unsigned direction, int64_t *n)
{
    const struct fw_rnn_family *f = family_of(c);
    int n_f = f->kind == RNN ? 1 : f->kind == GRU ? 2 : option(c) ? 2 : 3;
    add_ops(n, activation(c, direction, 0)->backward, n_f);
    for (unsigned k = 1; k < f->n_acts; k++)
        add_ops(n, activation(c, direction, k)->backward, 1);
    if (clipped(c)) // the derivative is 0 where the argument was cut; h(C) is cut again
        n[FW_MINMAX] += 2 * ((int64_t)n_f + f->n_acts - 1 + (f->kind == LSTM));
    if (fw_has_in(c, G_DY))
        n[FW_ADD] += 1;
    if (f->kind == GRU) {
        n[FW_ADD] += option(c) ? 2 : 3;
        n[FW_MUL] += 4;
    } else if (f->kind == LSTM) {
        int peepholes = !fw_has_in(c, G_P) ? 0 : option(c) ? 2 : 3;
        add_ops(n, activation(c, direction, 2)->forward, 1);
        n[FW_ADD] += 1 + peepholes + (option(c) ? 1 : 0);
        n[FW_MUL] += 6 + peepholes;
    }
}

/* The product with R hands the gradient to the step before; the first step has one only where the
 * initial state wants a gradient. A GRU whose reset gate stands before the product needs the part
 * of the new state there as well when it is given an initial state: dr = (dA R) * H. */
static void cost_gates(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *r = fw_in(c, G_R);
    const fw_dim *x = fw_in(c, G_X)->dims;
    unsigned s = batch_first(c) ? 1 : 0;
    fw_count steps = fw_product(c, x, 0, 2);
    fw_count handed = steps;
    if (!fw_has_out(c, G_DH0))
        handed = fw_joins(c, steps, fw_count_of(x[1 - s]));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, handed, fw_elements(c, r)), 1);
    bool resets = family_of(c)->kind == GRU && !option(c) && fw_has_in(c, G_H0);
    if (resets && !fw_has_out(c, G_DH0)) {
        fw_dim first[4] = {x[1 - s], r->dims[0], r->dims[2], r->dims[2]};
        fw_cost_add(c, cost, FW_FMA, fw_product(c, first, 0, 4), 1);
    }
    fw_count units = fw_count_mul(c->sym, steps, fw_count_of(r->dims[2]));
    for (unsigned d = 0; d < n_directions(c); d++) {
        int64_t n[FW_N_TALLIES] = {0};
        gate_ops(c, d, n);
        add_all(c, cost, units, n);
    }
}

/* dX, dW, dR, dB, dP: inputs (dA, other factor, like, further factors). */

/* steps of dA (seq, directions, batch, gates): seq * batch */
static fw_count steps_of(struct fw_cx *c)
{
    const fw_dim *da = fw_in(c, 0)->dims;
    return fw_count_mul(c->sym, fw_count_of(da[0]), fw_count_of(da[2]));
}

/* Every weight takes part once per step: in dX the weights are input 1, in dW and dR input 2. */
static void cost_input(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, steps_of(c), fw_elements(c, fw_in(c, 1))), 1);
}
static void cost_weight(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, steps_of(c), fw_elements(c, fw_in(c, 2))), 1);
}

/* dR; input 4 is given where the reset gate stands before the product: r * H is computed again. */
static void cost_recurrence(struct fw_cx *c, struct fw_cost *cost)
{
    cost_weight(c, cost);
    if (!fw_has_in(c, 4))
        return;
    const fw_dim *r = fw_in(c, 2)->dims;
    fw_count units = fw_count_mul(c->sym, fw_count_of(r[0]), fw_count_of(r[2]));
    fw_cost_add(c, cost, FW_MUL, fw_count_mul(c->sym, steps_of(c), units), 1);
}

/* elements - (what is left of them after summing over the steps) */
static fw_count sum_adds(struct fw_cx *c, fw_count left)
{
    return fw_joins(c, fw_count_mul(c->sym, steps_of(c), left), left);
}

/* Both biases of a gate have the same gradient, which is summed once. */
static void cost_bias(struct fw_cx *c, struct fw_cost *cost)
{
    const fw_dim *da = fw_in(c, 0)->dims;
    fw_count left = fw_count_mul(c->sym, fw_count_of(da[1]), fw_count_of(da[3]));
    fw_cost_add(c, cost, FW_ADD, sum_adds(c, left), 1);
}

static void cost_peephole(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count left = fw_elements(c, fw_in(c, 2));
    fw_cost_add(c, cost, FW_MUL, fw_count_mul(c->sym, steps_of(c), left), 1);
    fw_cost_add(c, cost, FW_ADD, sum_adds(c, left), 1);
}

static uint32_t in_or_none(const struct fw_node *n, unsigned i)
{
    return i < n->n_in ? n->in[i] : FW_NONE;
}

static enum fw_status emit_gates(struct fw_grad *gr, uint32_t *da)
{
    const struct fw_node *n = gr->cx.node;
    const struct fw_rnn_family *f = n->op->family;
    uint32_t in[G_N_IN] = {
        [G_DY] = gr->dy[Y],
        [G_DYH] = n->n_out > Y_H ? gr->dy[Y_H] : FW_NONE,
        [G_DYC] = f->kind == LSTM && n->n_out > Y_C ? gr->dy[Y_C] : FW_NONE,
        [G_R] = n->in[R],
        [G_Y] = f->kind == LSTM ? FW_NONE : n->out[Y],
        [G_RESERVE] = f->reserve != 0 ? n->out[f->reserve] : FW_NONE,
        [G_LENS] = in_or_none(n, LENS),
        [G_H0] = f->kind == GRU ? in_or_none(n, H0) : FW_NONE,
        [G_C0] = f->kind == LSTM ? in_or_none(n, C0) : FW_NONE,
        [G_P] = f->kind == LSTM ? in_or_none(n, P) : FW_NONE,
        [G_X] = n->in[X],
    };
    unsigned n_out = fw_grad_needs(gr, C0) ? 3 : fw_grad_needs(gr, H0) ? 2 : 1;
    return fw_emit_n(gr, -1, &rows[GRAD_GATES + f->kind], in, G_N_IN, n->attr, n_out, da);
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fw_node *n = gr->cx.node;
    const struct fw_rnn_family *f = n->op->family;
    FW_REQUIRE((n->op->reserve_out >> f->reserve & 1u) != 0 && n->n_out > f->reserve &&
                   n->out[f->reserve] != FW_NONE && n->out[Y] != FW_NONE,
               gr->cx.err, FW_UNSUPPORTED, "%s has a gradient in its training form only",
               n->op->name);
    uint32_t da;
    FW_TRY(emit_gates(gr, &da));
    uint32_t h0 = in_or_none(n, H0);
    uint32_t lens = in_or_none(n, LENS);
    bool again = f->kind == GRU && n->attr[OPTION].i == 0;
    uint32_t saved = again ? n->out[f->reserve] : FW_NONE;
    uint32_t cell = f->kind == LSTM ? n->out[f->reserve] : FW_NONE;
    const struct {
        unsigned of, row;
        uint32_t in[6];
        unsigned n_in;
    } products[] = {
        {X, GRAD_INPUT, {da, n->in[W], n->in[X]}, 3},
        {W, GRAD_WEIGHT, {da, n->in[X], n->in[W]}, 3},
        {R, GRAD_RECURRENCE, {da, n->out[Y], n->in[R], h0, saved, lens}, 6},
        {B, GRAD_BIAS, {da, FW_NONE, in_or_none(n, B)}, 3},
        {P, GRAD_PEEPHOLE, {da, cell, in_or_none(n, P), in_or_none(n, C0), lens}, 5},
    };
    for (unsigned k = 0; k < sizeof products / sizeof *products; k++) {
        unsigned of = products[k].of;
        if (fw_grad_needs(gr, of))
            FW_TRY(fw_emit(gr, (int)of, &rows[products[k].row], products[k].in, products[k].n_in,
                           n->attr, &gr->dx[of]));
    }
    if (fw_grad_needs(gr, H0))
        gr->dx[H0] = da + G_DH0;
    if (fw_grad_needs(gr, C0))
        gr->dx[C0] = da + G_DC0;
    return FW_OK;
}

/* ---- rows ---- */

static const struct fw_rnn_family rnn = {.kind = RNN, .gates = 1, .n_acts = 1, .acts = {"Tanh"}};
static const struct fw_rnn_family gru = {
    .kind = GRU, .gates = 3, .n_acts = 2, .reserve = 2, .saved = 3, .acts = {"Sigmoid", "Tanh"}};
static const struct fw_rnn_family lstm = {.kind = LSTM,
                                          .gates = 4,
                                          .n_acts = 3,
                                          .reserve = 3,
                                          .saved = 5,
                                          .acts = {"Sigmoid", "Tanh", "Tanh"}};

#define GATES_DOC "gate gradients in one pass back through time, then dX, dW, dR, dB as products"
#define FORWARD_ROW(title, dom, fam, words, last_in, last_out, fl, slots)                        \
    .name = title, .domain = dom, .formula = words, .doc = GATES_DOC, FW_ATTRS(fam##_attrs),     \
    FW_PORTS(3, last_in, 0, last_out), .flags = FW_OP_CONTRACTION | (fl), .weight_slots = slots, \
    .family = &(fam), .infer = infer, .field = fw_field_recurrence, .cost = cost, .grad = grad
#define GATES_FMA \
    "fma = (seq-1)*batch*directions*gates*M*M (seq where the initial state has a gradient"
#define GATES_ROW(title, fam, more)                                                                \
    .name = title, .domain = "flopwise",                                                           \
    .formula = GATES_FMA more "), plus the derivatives of the gates", .doc = FW_INTERNAL_DOC,      \
    FW_ATTRS(fam##_attrs), FW_PORTS(0, G_N_IN, 1, 3), .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL, \
    .shape_only = 1u << G_X, .family = &(fam), .infer = infer_gates, .cost = cost_gates,           \
    .grad = fw_grad_none
#define PRODUCT_ROW(title, words, most_in, fl, slot)                                 \
    .name = title, .domain = "flopwise", .formula = words, .doc = FW_INTERNAL_DOC,   \
    FW_ATTRS(rnn_attrs), FW_PORTS(1, most_in, 1, 1), .flags = FW_OP_INTERNAL | (fl), \
    .shape_only = 4, .infer = fw_infer_same2, .cost = slot, .grad = fw_grad_none

#define UNITS "; N inputs, M hidden units, f g h the activations"
#define RNN_WORDS "fma = seq*batch*directions*(N+M)*M; per unit and step: f, 2 add with B" UNITS
#define GRU_WORDS                                                                            \
    "fma = seq*batch*directions*3*(N+M)*M; per unit and step: 2 f, g, 2 mul, 2 add (3 with " \
    "linear_before_reset), 6 add with B" UNITS
#define LSTM_WORDS                                                                       \
    "fma = seq*batch*directions*4*(N+M)*M; per unit and step: 3 f, g, h, 3 mul, 1 add, " \
    "8 add with B, 3 mul and 3 add with P" UNITS

FW_KERNELS(recurrent, recurrent_gates, recurrent_dx, recurrent_dw, recurrent_dr, recurrent_db,
           recurrent_dp);

static const struct fw_op rows[N_ROWS] = {
    [RNN] = {FORWARD_ROW("RNN", "", rnn, RNN_WORDS, 6, 2, 0, 0xe), .train_form = &rows[TRAIN + RNN],
             FW_RUN(recurrent)},
    [GRU] = {FORWARD_ROW("GRU", "", gru, GRU_WORDS, 6, 2, 0, 0xe), .train_form = &rows[TRAIN + GRU],
             FW_RUN(recurrent)},
    [LSTM] = {FORWARD_ROW("LSTM", "", lstm, LSTM_WORDS, 8, 3, 0, 0x8e),
              .train_form = &rows[TRAIN + LSTM], FW_RUN(recurrent)},
    [TRAIN + RNN] = {FORWARD_ROW("RNN", "flopwise", rnn, RNN_WORDS, 6, 2, FW_OP_INTERNAL, 0xe),
                     .reserve_out = 1u << Y, FW_RUN(recurrent)},
    [TRAIN + GRU] = {FORWARD_ROW("GRU", "flopwise", gru, GRU_WORDS, 6, 3, FW_OP_INTERNAL, 0xe),
                     .reserve_out = 1u << Y | 1u << 2, FW_RUN(recurrent)},
    [TRAIN + LSTM] = {FORWARD_ROW("LSTM", "flopwise", lstm, LSTM_WORDS, 8, 4, FW_OP_INTERNAL, 0x8e),
                      .reserve_out = 1u << Y | 1u << 3, FW_RUN(recurrent)},
    [GRAD_GATES + RNN] = {GATES_ROW("RNNGradGates", rnn, ""), FW_RUN(recurrent_gates)},
    [GRAD_GATES +
        GRU] = {GATES_ROW("GRUGradGates", gru, "; 1 gate of the first step where it is only given"),
                FW_RUN(recurrent_gates)},
    [GRAD_GATES + LSTM] = {GATES_ROW("LSTMGradGates", lstm, ""), FW_RUN(recurrent_gates)},
    [GRAD_INPUT] = {PRODUCT_ROW("RecurrentGradInput", "fma = seq*batch*elements(W)", 3,
                                FW_OP_CONTRACTION, cost_input),
                    FW_RUN(recurrent_dx)},
    [GRAD_WEIGHT] = {PRODUCT_ROW("RecurrentGradWeight", "fma = seq*batch*elements(W)", 3,
                                 FW_OP_CONTRACTION, cost_weight),
                     FW_RUN(recurrent_dw)},
    [GRAD_RECURRENCE] = {PRODUCT_ROW("RecurrentGradRecurrence",
                                     "fma = seq*batch*elements(R); mul = seq*batch*directions*M "
                                     "where r*H is computed again (GRU)",
                                     6, FW_OP_CONTRACTION, cost_recurrence),
                         FW_RUN(recurrent_dr)},
    [GRAD_BIAS] = {PRODUCT_ROW("RecurrentGradBias", "add = (seq*batch - 1)*directions*gates*M", 3,
                               0, cost_bias),
                   FW_RUN(recurrent_db)},
    [GRAD_PEEPHOLE] = {PRODUCT_ROW("RecurrentGradPeephole",
                                   "mul = seq*batch*elements(P), add = (seq*batch-1)*elements(P)",
                                   5, 0, cost_peephole),
                       FW_RUN(recurrent_dp)},
};
const struct fw_op_table fw_ops_rnn = {rows, N_ROWS};
