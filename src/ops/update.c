/* Updates of parameters: the optimizer table with its rows.
 *
 * Operations as a fused implementation does them: constants that are the same for all parameters
 * (step size, bias corrections) are computed once outside and cost nothing here, except in
 * adam-literal, which follows the text of the algorithm. A sum over the elements of a tensor starts
 * from zero: n additions. The kernels (update_run.c) do exactly what is counted here. */
#include "ops/update.h"

#include "graph/precision.h"
#include "ops/fast.h"
#include "ops/value.h"

#include <string.h>

/* ---- states ---- */

static const struct fw_state_spec v_state[] = {{.name = "v"}};
static const struct fw_state_spec s_state[] = {{.name = "s"}};
static const struct fw_state_spec m_state[] = {{.name = "m"}};
static const struct fw_state_spec mv_states[] = {{.name = "m"}, {.name = "v"}};
static const struct fw_state_spec su_states[] = {{.name = "s"}, {.name = "u"}};
static const struct fw_state_spec mvx_states[] = {{.name = "m"}, {.name = "v"}, {.name = "vmax"}};
static const struct fw_state_spec mh_states[] = {{.name = "m"}, {.name = "h", .read_only = true}};
static const struct fw_state_spec rc_states[] = {{.name = "r", .shape = FW_STATE_M},
                                                 {.name = "c", .shape = FW_STATE_N}};
static const struct fw_state_spec lr_states[] = {{.name = "L", .shape = FW_STATE_MM},
                                                 {.name = "R", .shape = FW_STATE_NN}};
static const struct fw_state_spec soap_states[] = {
    {.name = "m"},
    {.name = "v"},
    {.name = "L", .shape = FW_STATE_MM},
    {.name = "R", .shape = FW_STATE_NN},
    {.name = "P", .shape = FW_STATE_MM},
    {.name = "Q", .shape = FW_STATE_NN},
};
static const struct fw_state_spec code_states[] = {
    {.name = "m", .shape = FW_STATE_CODES},
    {.name = "scales of m", .shape = FW_STATE_SCALES},
    {.name = "v", .shape = FW_STATE_CODES},
    {.name = "scales of v", .shape = FW_STATE_SCALES},
};

/* ---- operations that depend on the shape: {class, power of m, power of n, times} ---- */

static const struct fw_update_term adafactor_terms[] = {
    {FW_MUL, 1, 0, 3}, // b*r + (1-b)*sum, and r divided by the sum of r
    {FW_ADD, 1, 0, 2}, // its addition, and that sum
    {FW_MUL, 0, 1, 2}, // columns are scaled before and after the sum
};
static const struct fw_update_term muon_terms[] = {
    {FW_FMA, 1, 2, 10}, // X*X^T and B*X, five times
    {FW_FMA, 0, 3, 5},  // A*A
    {FW_MUL, 0, 2, 10}, // b*A, c*A
};
static const struct fw_update_term shampoo_terms[] = {
    {FW_FMA, 2, 1, 2},                      // g*g^T, L^(-1/4)*g
    {FW_FMA, 1, 2, 2},                      // g^T*g, ...*R^(-1/4)
    {FW_FMA, 3, 0, 80}, {FW_FMA, 0, 3, 80}, // 4 products in each of 20 iterations
    {FW_MUL, 2, 0, 22}, {FW_MUL, 0, 2, 22}, // their scaled matrices, the norm, its division
    {FW_ADD, 2, 0, 1},  {FW_ADD, 0, 2, 1},  // the norm
    {FW_ADD, 1, 0, 21}, {FW_ADD, 0, 1, 21}, // identities that are added
};
static const struct fw_update_term soap_terms[] = {
    {FW_FMA, 2, 1, 4},                     // g*g^T; P^T*g, P^T*m, P*step
    {FW_FMA, 1, 2, 4},                     // g^T*g; the same with Q
    {FW_FMA, 3, 0, 2},  {FW_FMA, 0, 3, 2}, // L*P, R*Q and their Gram-Schmidt
    {FW_MUL, 2, 0, 2},  {FW_MUL, 0, 2, 2}, // b*L; unit columns
    {FW_SQRT, 1, 0, 1}, {FW_SQRT, 0, 1, 1}, {FW_DIV, 1, 0, 1}, {FW_DIV, 0, 1, 1},
};

/* ---- the table ----
 * X(id, name, row name, states, add, mul, div, sqrt, minmax, special, formula, source, the rest) */
#define KINGMA "Kingma and Ba 2015, arXiv 1412.6980"
#define SHAZEER "Shazeer and Stern 2018, arXiv 1804.04235"
#define ADAM_HYPER .hyper = {1e-3, 0.9, 0.999, 1e-8, 0}
#define TERMS(list) .terms = (list), .n_terms = sizeof(list) / sizeof *(list)
#define OPTIMIZERS(X)                                                                              \
    X(SGD, "sgd", "UpdateSgd", 0, 1, 1, 0, 0, 0, 0, "w -= lr*g", "Robbins and Monro 1951",         \
      .hyper = {0.01, 0, 0, 0, 0})                                                                 \
    X(MOMENTUM, "momentum", "UpdateMomentum", 1, 2, 2, 0, 0, 0, 0, "v = mu*v + g; w -= lr*v",      \
      "Polyak 1964", .states = v_state, .hyper = {0.01, 0.9, 0, 0, 0})                             \
    X(NESTEROV, "nesterov", "UpdateNesterov", 1, 3, 3, 0, 0, 0, 0,                                 \
      "v = mu*v + g; w -= lr*(g + mu*v)", "Nesterov 1983; Sutskever et al. 2013",                  \
      .states = v_state, .hyper = {0.01, 0.9, 0, 0, 0})                                            \
    X(ADAGRAD, "adagrad", "UpdateAdagrad", 1, 3, 2, 1, 1, 0, 0,                                    \
      "s += g^2; w -= lr*g/(sqrt(s) + eps)", "Duchi et al. 2011", .states = s_state,               \
      .hyper = {0.01, 0, 0, 1e-10, 0})                                                             \
    X(RMSPROP, "rmsprop", "UpdateRmsprop", 1, 3, 4, 1, 1, 0, 0,                                    \
      "s = rho*s + (1-rho)*g^2; w -= lr*g/(sqrt(s) + eps)", "Tieleman and Hinton 2012",            \
      .states = s_state, .hyper = {0.01, 0.99, 0, 1e-8, 0})                                        \
    X(ADADELTA, "adadelta", "UpdateAdadelta", 2, 5, 8, 1, 2, 0, 0,                                 \
      "s = rho*s + (1-rho)*g^2; d = sqrt(u + eps)/sqrt(s + eps)*g; u = rho*u "                     \
      "+ (1-rho)*d^2; w -= lr*d",                                                                  \
      "Zeiler 2012, arXiv 1212.5701", .states = su_states, .hyper = {1, 0.9, 0, 1e-6, 0})          \
    X(ADAM, "adam", "UpdateAdam", 2, 4, 7, 1, 1, 0, 0,                                             \
      "m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g^2; w -= step*m/(sqrt(v)*k + "                      \
      "eps); step = lr/(1-b1^t), k = 1/sqrt(1-b2^t)",                                              \
      KINGMA, .states = mv_states, ADAM_HYPER)                                                     \
    X(ADAM_LITERAL, "adam-literal", "UpdateAdamLiteral", 2, 6, 6, 3, 1, 0, 2,                      \
      "m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g^2; m' = m/(1-b1^t); v' = "                         \
      "v/(1-b2^t); w -= lr*m'/(sqrt(v') + eps)",                                                   \
      KINGMA, .states = mv_states, ADAM_HYPER)                                                     \
    X(ADAMW, "adamw", "UpdateAdamw", 2, 4, 8, 1, 1, 0, 0,                                          \
      "w = (1 - lr*decay)*w; m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g^2; w -= "                    \
      "step*m/(sqrt(v)*k + eps); step = lr/(1-b1^t), k = 1/sqrt(1-b2^t)",                          \
      "Loshchilov and Hutter 2019, arXiv 1711.05101", .states = mv_states,                         \
      .hyper = {1e-3, 0.9, 0.999, 1e-8, 0.01})                                                     \
    X(AMSGRAD, "amsgrad", "UpdateAmsgrad", 3, 4, 7, 1, 1, 1, 0,                                    \
      "m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g^2; vmax = max(vmax, v); w -= "                     \
      "step*m/(sqrt(vmax)*k + eps); step = lr/(1-b1^t), k = 1/sqrt(1-b2^t)",                       \
      "Reddi et al. 2018, arXiv 1904.09237", .states = mvx_states, ADAM_HYPER)                     \
    X(ADAFACTOR, "adafactor", "UpdateAdafactor", 2, 6, 5, 1, 1, 0, 0,                              \
      "q = g^2 + eps; r = b*r + (1-b)*rows(q); c = b*c + (1-b)*columns(q); u "                     \
      "= g/sqrt(r*c/sum(r)); w -= lr*max(eps2, rms(w))*u/max(1, rms(u))",                          \
      SHAZEER, .states = rc_states, .overwrites_gradient = true, TERMS(adafactor_terms),           \
      .once = {0, 0, 1, 5, 2, 2, 0}, .plain = &fw_optimizers[ADAFACTOR_PLAIN],                     \
      .hyper = {0.01, 0, 0, 1e-30, 0},                                                             \
      .note = "a vector keeps v whole: 1 value and 13 FLOP per parameter")                         \
    X(LION, "lion", "UpdateLion", 1, 3, 5, 0, 0, 1, 0,                                             \
      "w -= lr*sign(b1*m + (1-b1)*g); m = b2*m + (1-b2)*g", "Chen et al. 2023, arXiv 2302.06675",  \
      .states = m_state, .hyper = {1e-4, 0.9, 0.99, 0, 0})                                         \
    X(LAMB, "lamb", "UpdateLamb", 2, 7, 9, 4, 1, 0, 0,                                             \
      "g' = g/clip; m = b1*m + (1-b1)*g'; v = b2*v + (1-b2)*g'^2; m' = "                           \
      "m/(1-b1^t); v' = v/(1-b2^t); u = m'/(sqrt(v') + eps) + decay*w; w -= "                      \
      "lr*|w|/|u|*u",                                                                              \
      "You et al. 2020, arXiv 1904.00962; operations as in NVIDIA Apex", .states = mv_states,      \
      .overwrites_gradient = true, .once = {0, 0, 1, 1, 2, 1, 0},                                  \
      .hyper = {1e-3, 0.9, 0.999, 1e-6, 0.01},                                                     \
      .note = "clip, from the norm of all gradients together, is computed outside")                \
    X(LARS, "lars", "UpdateLars", 1, 5, 5, 0, 0, 0, 0,                                             \
      "a = lr*trust*|w|/(|g| + decay*|w|); v = mu*v + a*(g + decay*w); w -= v",                    \
      "You et al. 2017, arXiv 1708.03888", .states = v_state, .once = {0, 1, 2, 1, 2, 1, 0},       \
      .hyper = {0.1, 0.9, 0, 0, 1e-4})                                                             \
    X(SOPHIA, "sophia", "UpdateSophia", 2, 2, 5, 1, 0, 3, 0,                                       \
      "m = b1*m + (1-b1)*g; w = (1 - lr*decay)*w - lr*clip(m/max(rho*h, eps), "                    \
      "-1, 1)",                                                                                    \
      "Liu et al. 2023, arXiv 2305.14342", .states = mh_states,                                    \
      .hyper = {1e-3, 0.965, 0.99, 1e-12, 0.1},                                                    \
      .note = "h is estimated by one more backward pass every 10 steps, which is not counted")     \
    X(MUON, "muon", "UpdateMuon", 1, 4, 10, 0, 0, 0, 0,                                            \
      "v = mu*v + g; X = g + mu*v; X = X/|X|; A = X*X^T, X = a*X + (b*A + "                        \
      "c*A*A)*X, \"5 times\"; w -= lr*X",                                                          \
      "Jordan et al. 2024, kellerjordan.github.io/posts/muon", .states = v_state, .by_side = true, \
      TERMS(muon_terms), .once = {0, 1, 0, 1, 1, 0, 0}, .plain = &fw_optimizers[ADAMW],            \
      .hyper = {0.02, 0.95, 0, 1e-7, 0},                                                           \
      .note = "m the longer, n the shorter side; vectors are updated by adamw")                    \
    X(SHAMPOO, "shampoo", "UpdateShampoo", 2, 1, 1, 0, 0, 0, 0,                                    \
      "L += g*g^T; R += g^T*g; w -= lr*L^(-1/4)*g*R^(-1/4)",                                       \
      "Gupta et al. 2018, arXiv 1802.09568; roots: Anil et al. 2020, arXiv 2002.09018",            \
      .states = lr_states, TERMS(shampoo_terms), .once = {0, 0, 0, 2, 2, 0, 2},                    \
      .plain = &fw_optimizers[ADAGRAD], .hyper = {0.1, 0, 0, 1e-4, 0},                             \
      .note = "roots at every step (implementations: every 10 to 100), by 20 coupled "             \
              "Newton iterations; vectors are updated by adagrad")                                 \
    X(SOAP, "soap", "UpdateSoap", 6, 4, 9, 1, 1, 0, 0,                                             \
      "L = b2*L + (1-b2)*g*g^T; R = b2*R + (1-b2)*g^T*g; g' = P^T*g*Q; m = "                       \
      "b1*m + (1-b1)*g; v = b2*v + (1-b2)*g'^2; m' = P^T*m*Q; w -= "                               \
      "P*(step*m'/(sqrt(v)*k + eps))*Q^T; P = orthonormal(L*P), Q = "                              \
      "orthonormal(R*Q)",                                                                          \
      "Vyas et al. 2024, arXiv 2409.11321", .states = soap_states, TERMS(soap_terms),              \
      .plain = &fw_optimizers[ADAM], .hyper = {3e-3, 0.95, 0.95, 1e-8, 0},                         \
      .note = "P and Q are renewed at every step (implementations: every 10th); vectors are "      \
              "updated by adam")                                                                   \
    X(ADAM8BIT, "adam8bit", "UpdateAdam8bit", 4, 4, 9, 3, 1, 19, 0,                                \
      "m = b1*decode(m) + (1-b1)*g; v = b2*decode(v) + (1-b2)*g^2; w -= "                          \
      "step*m/(sqrt(v)*k + eps); m = encode(m), v = encode(v)",                                    \
      "Dettmers et al. 2022, arXiv 2110.02861", .states = code_states, ADAM_HYPER,                 \
      .note = "m and v are one byte each, from a table, scaled by the largest of 256 "             \
              "values; step and k as in adam")                                                     \
    X(ADAFACTOR_PLAIN, "adafactor of a vector", "UpdateAdafactorVector", 1, 5, 6, 1, 1, 0, 0,      \
      "v = b*v + (1-b)*(g^2 + eps); u = g/sqrt(v); w -= lr*max(eps2, "                             \
      "rms(w))*u/max(1, rms(u))",                                                                  \
      SHAZEER, .states = v_state, .overwrites_gradient = true, .once = {0, 0, 1, 4, 2, 2, 0},      \
      .hyper = {0.01, 0, 0, 1e-30, 0})

enum {
#define ID(id, ...) id,
    OPTIMIZERS(ID)
#undef ID
        N_ROWS,
    N_OPTIMIZERS = ADAFACTOR_PLAIN // what follows is for parameters of other rows only
};
static const struct fw_op rows[N_ROWS];

const struct fw_optimizer fw_optimizers[N_ROWS] = {
#define ENTRY(id, name_, row_, states_, a, m, d, q, x, s, formula_, source_, ...) \
    [id] = {.name = name_,                                                        \
            .formula = formula_,                                                  \
            .source = source_,                                                    \
            .n_states = (states_),                                                \
            .n = {0, a, m, d, q, x, s},                                           \
            .row = &rows[id],                                                     \
            __VA_ARGS__},
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

const struct fw_hyper *fw_update_hyper(const struct fw_run *r)
{
    const struct fw_optimizer *own = r->cx.node->op->family;
    bool given = r->hyper != NULL && (r->optimizer == NULL || r->optimizer == own);
    return given ? r->hyper : &own->hyper;
}

/* ---- shapes ---- */

bool fw_update_matrix(struct fw_symbols *sym, const struct fw_tensor *t, fw_dim *ret_m,
                      fw_dim *ret_n)
{
    unsigned sides = 0;
    *ret_m = *ret_n = fw_dim_int(1);
    for (unsigned i = 0; t->rank != FW_RANK_UNKNOWN && i < t->rank; i++) {
        if (fw_dim_is(t->dims[i], 1))
            continue;
        if (sides++ == 0)
            *ret_m = t->dims[i];
        else
            *ret_n = fw_dim_mul(sym, *ret_n, t->dims[i]);
    }
    return sides > 1;
}

const struct fw_optimizer *fw_optimizer_for(const struct fw_optimizer *o, struct fw_symbols *sym,
                                            const struct fw_tensor *param)
{
    fw_dim m, n;
    return o->plain == NULL || fw_update_matrix(sym, param, &m, &n) ? o : o->plain;
}

enum fw_dtype fw_update_state(const struct fw_optimizer *o, unsigned state, struct fw_symbols *sym,
                              const struct fw_tensor *param, uint8_t *ret_rank, fw_dim *dims)
{
    fw_dim m, n;
    (void)fw_update_matrix(sym, param, &m, &n);
    enum fw_state_shape shape = o->states[state].shape;
    if (shape == FW_STATE_LIKE || shape == FW_STATE_CODES) {
        *ret_rank = param->rank;
        for (unsigned i = 0; param->rank != FW_RANK_UNKNOWN && i < param->rank; i++)
            dims[i] = param->dims[i];
        return shape == FW_STATE_CODES ? FW_U8 : (enum fw_dtype)param->dtype;
    }
    *ret_rank = shape == FW_STATE_MM || shape == FW_STATE_NN ? 2 : 1;
    dims[0] = dims[1] = shape == FW_STATE_M || shape == FW_STATE_MM ? m : n;
    if (shape != FW_STATE_SCALES)
        return (enum fw_dtype)param->dtype;
    dims[0] = fw_dim_ceil_div(sym, fw_dim_mul(sym, m, n), fw_dim_int(FW_STATE_BLOCK));
    return FW_F32;
}

/* ---- cost ---- */

static void add(struct fw_symbols *sym, struct fw_cost *cost, unsigned class, fw_count times,
                int64_t k)
{
    if (k != 0)
        cost->n[class] =
            fw_count_add(sym, cost->n[class], fw_count_mul(sym, times, fw_count_int(k)));
}

void fw_update_cost(const struct fw_optimizer *o, struct fw_symbols *sym, fw_count values,
                    fw_count m, fw_count n, struct fw_cost *cost)
{
    for (unsigned k = 0; k < FW_N_CLASSES; k++) {
        add(sym, cost, k, values, o->n[k]);
        add(sym, cost, k, fw_count_int(1), o->once[k]);
    }
    for (unsigned i = 0; i < o->n_terms; i++) {
        const struct fw_update_term *t = &o->terms[i];
        fw_count product = fw_count_int(1);
        for (unsigned k = 0; k < t->m; k++)
            product = fw_count_mul(sym, product, m);
        for (unsigned k = 0; k < t->n; k++)
            product = fw_count_mul(sym, product, n);
        add(sym, cost, t->class, product, t->times);
    }
}

static enum fw_status infer_update(struct fw_cx *c)
{
    (void)c; // everything happens in place: there is no output
    return FW_OK;
}

static bool is_written(const struct fw_optimizer *o, unsigned input)
{
    if (input == 1)
        return o->overwrites_gradient;
    return input == 0 || !o->states[input - 2].read_only;
}

/* Reads everything, writes the parameter and its states; with a master copy that is read and
 * written as well. */
static void cost_update(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_optimizer *o = c->node->op->family;
    const struct fw_tensor *param = fw_in(c, 0);
    fw_count values = fw_elements(c, param);
    fw_dim rows_, columns;
    (void)fw_update_matrix(c->sym, param, &rows_, &columns);
    fw_count m = fw_count_of(rows_), n = fw_count_of(columns);
    if (o->by_side)
        fw_update_cost(o, c->sym, values, fw_count_max(c->sym, m, n), fw_count_min(c->sym, m, n),
                       cost);
    else
        fw_update_cost(o, c->sym, values, m, n, cost);
    for (unsigned i = 0; i < c->node->n_in; i++) {
        fw_cost_bytes(c, cost, FW_READ, fw_in(c, i));
        if (is_written(o, i))
            fw_cost_bytes(c, cost, FW_WRITE, fw_in(c, i));
    }
    unsigned master = c->precision != NULL ? c->precision->master_bits / 8u : 0;
    fw_cost_add(c, cost, FW_READ, values, master);
    fw_cost_add(c, cost, FW_WRITE, values, master);
}

/* Rules that look at one place of the parameter at a time. */
static bool fast_update(struct fw_cx *c, struct fw_fast *ret)
{
    const struct fw_optimizer *o = c->node->op->family;
    bool whole = o->by_side || o->n_terms > 0;
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        whole |= o->once[k] != 0;
    return !whole && fw_fast_pointwise(c, ret);
}

#define DECLARE(id, ...) FW_KERNELS(update_##id);
OPTIMIZERS(DECLARE)
#undef DECLARE

static const struct fw_op rows[N_ROWS] = {
#define ROW(id, name_, row_, states_, a, m, d, q, x, s, formula_, ...)                    \
    [id] = {.name = row_,                                                                 \
            .domain = "flopwise",                                                         \
            .formula = formula_ "; per parameter " #a " add, " #m " mul, " #d " div, " #q \
                                " sqrt, " #x " minmax, " #s " special",                   \
            .doc = "none: an update",                                                     \
            FW_PORTS(2 + (states_), 2 + (states_), 0, 0),                                 \
            .flags = FW_OP_INTERNAL | FW_OP_OWN_BYTES,                                    \
            .family = &fw_optimizers[id],                                                 \
            .infer = infer_update,                                                        \
            .cost = cost_update,                                                          \
            .grad = fw_grad_none,                                                         \
            FW_RUN(update_##id),                                                          \
            .fast = fast_update},
    OPTIMIZERS(ROW)
#undef ROW
};
const struct fw_op_table fw_ops_update = {rows, N_ROWS};
