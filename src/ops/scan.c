/* Recurrences of a state for every channel: the selective scan of Mamba, the time mixing of RWKV-4.
 *
 *     SelectiveScan  (x, dt, A, B, C, D) of widths d and n: h = exp(dt*A)*h + dt*B*x,
 *                    y = C*h + D*x. Per token and element of the state (d*n): 2 mul for dt*A and
 *                    dt*B, 1 special, 1 mul with x, 1 mul and 1 add for h, 1 fma to read; per
 *                    channel D 1 mul, 1 add
 *     Wkv            (w, u, k, v) of width d: weighted mean of values; state and sums are held
 *                    times exp(-maximum). Output and next state each: 5 add (k + u or the old
 *                    maximum + w, two differences, two sums), 3 mul, 2 special, 1 minmax; 1 div
 *
 * The gradients compute the states again (without reading them), keep them and exp(dt*A), and walk
 * backward. SelectiveScan, per element: dC and dh 2 fma; dh*exp(dt*A), that with h, and dt and A
 * of it, dh*B, dh*(dt*x): 6 mul, 4 add; per channel 5 mul, 3 add. Wkv: the mean again (5 add,
 * 3 mul, 2 special, 1 minmax, 1 div), then 9 add, 11 mul, 1 div. */
#include "ops/reach.h"

enum { SCAN, SCAN_GRAD, WKV, WKV_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* Operations of a recurrence: per element of the state, per token and channel. */
struct recurrence {
    const struct fw_op *grad;
    uint8_t n_in;
    uint8_t values; // input whose shape the output has
    uint8_t state[FW_N_TALLIES];
    uint8_t channel[FW_N_TALLIES];
    uint8_t state_back[FW_N_TALLIES]; // of the gradient
    uint8_t channel_back[FW_N_TALLIES];
};

static const struct recurrence *kind(const struct fw_cx *c)
{
    return c->node->op->family;
}

/* Elements of state that all tokens move: tokens * d * n. */
static fw_count moved(struct fw_cx *c, unsigned first)
{
    const struct recurrence *r = kind(c);
    fw_count n = fw_elements(c, fw_in(c, first + r->values));
    const struct fw_tensor *a = fw_in(c, first + 2);
    return r->n_in == 6 ? fw_count_mul(c->sym, n, fw_count_of(a->dims[1])) : n;
}

static enum fw_status infer(struct fw_cx *c)
{
    const struct recurrence *r = kind(c);
    const struct fw_tensor *x = fw_in(c, r->values);
    fw_dim same;
    FW_TRY(fw_want_rank(c, r->values, 3, 3));
    if (r->n_in == 6) {
        FW_TRY(fw_want_rank(c, 2, 2, 2));
        FW_TRY(fw_same_dim(c, "channels", x->dims[2], fw_in(c, 2)->dims[0], &same));
        FW_TRY(fw_want_rank(c, 3, 3, 3));
        FW_TRY(fw_same_dim(c, "state", fw_in(c, 3)->dims[2], fw_in(c, 2)->dims[1], &same));
    }
    return fw_set_out_like(c, 0, x);
}

static void add(struct fw_cx *c, struct fw_cost *cost, unsigned first, const uint8_t *state,
                const uint8_t *channel)
{
    fw_cost_each(c, cost, moved(c, first), state);
    fw_cost_each(c, cost, fw_elements(c, fw_in(c, first + kind(c)->values)), channel);
}

static void cost(struct fw_cx *c, struct fw_cost *cost)
{
    add(c, cost, 0, kind(c)->state, kind(c)->channel);
}

static void cache(struct fw_cx *c, struct fw_cache *ret)
{
    const struct recurrence *r = kind(c);
    const struct fw_tensor *x = fw_in(c, r->values);
    fw_count d = fw_count_of(x->dims[2]);
    ret->fixed = r->n_in == 6 ? fw_count_mul(c->sym, d, fw_count_of(fw_in(c, 2)->dims[1]))
                              : fw_count_mul(c->sym, d, fw_count_int(3));
}

/* ---- gradient: dY and the inputs ---- */

static enum fw_status infer_grad(struct fw_cx *c)
{
    for (unsigned i = 0; i < kind(c)->n_in; i++)
        FW_TRY(fw_set_out_like(c, i, fw_in(c, 1 + i)));
    return FW_OK;
}

static void cost_grad(struct fw_cx *c, struct fw_cost *cost)
{
    add(c, cost, 1, kind(c)->state_back, kind(c)->channel_back);
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct recurrence *r = kind(&gr->cx);
    const struct fw_node *n = gr->cx.node;
    uint32_t in[8] = {gr->dy[0]};
    for (unsigned i = 0; i < r->n_in; i++)
        in[1 + i] = n->in[i];
    uint32_t first;
    FW_TRY(fw_emit_n(gr, -1, r->grad, in, 1u + r->n_in, NULL, r->n_in, &first));
    for (unsigned i = 0; i < r->n_in; i++)
        if (fw_grad_needs(gr, i))
            gr->dx[i] = first + i;
    return FW_OK;
}

/* ---- rows ---- */

static const struct recurrence scan = {
    .grad = &rows[SCAN_GRAD],
    .n_in = 6,
    .values = 0,
    .state = {[FW_FMA] = 1, [FW_ADD] = 1, [FW_MUL] = 4, [FW_EXP] = 1},
    .channel = {[FW_ADD] = 1, [FW_MUL] = 1},
    .state_back = {[FW_FMA] = 2, [FW_ADD] = 5, [FW_MUL] = 10, [FW_EXP] = 1},
    .channel_back = {[FW_ADD] = 3, [FW_MUL] = 5}};
static const struct recurrence wkv = {
    .grad = &rows[WKV_GRAD],
    .n_in = 4,
    .values = 3,
    .channel = {[FW_ADD] = 10, [FW_MUL] = 6, [FW_DIV] = 1, [FW_EXP] = 4, [FW_MINMAX] = 2},
    .channel_back = {[FW_ADD] = 19, [FW_MUL] = 17, [FW_DIV] = 2, [FW_EXP] = 4, [FW_MINMAX] = 2}};

#define SCAN_WORDS "per token and element of the state: fma, add, special, 4 mul; D 1 mul, 1 add"
#define WKV_WORDS "per token and channel: 10 add, 6 mul, 1 div, 4 special, 2 minmax"
#define SCAN_BACK_WORDS                                                                           \
    "per token and element of the state: 2 fma, 5 add, 10 mul, 1 special; per token and channel " \
    "5 mul, 3 add"
#define WKV_BACK_WORDS "per token and channel: 19 add, 17 mul, 2 div, 4 special, 2 minmax"

FW_KERNELS(selective_scan, selective_scan_grad, wkv, wkv_grad);

static const struct fw_op rows[N_ROWS] = {
    [SCAN] = {.name = "SelectiveScan",
              .domain = "flopwise",
              .formula = SCAN_WORDS,
              .doc = "states computed again, then walked backward",
              FW_NO_ATTRS,
              FW_PORTS(6, 6, 1, 1),
              .flags = FW_OP_CONTRACTION,
              .weight_slots = 1u << 2 | 1u << 5,
              .family = &scan,
              .infer = infer,
              .field = fw_field_recurrence,
              .cost = cost,
              .grad = grad,
              FW_RUN(selective_scan),
              .cache = cache},
    [SCAN_GRAD] = {.name = "SelectiveScanGrad",
                   .domain = "flopwise",
                   .formula = SCAN_BACK_WORDS,
                   .doc = FW_INTERNAL_DOC,
                   FW_NO_ATTRS,
                   FW_PORTS(7, 7, 6, 6),
                   .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
                   .family = &scan,
                   .infer = infer_grad,
                   .cost = cost_grad,
                   .grad = fw_grad_none,
                   FW_RUN(selective_scan_grad)},
    [WKV] = {.name = "Wkv",
             .domain = "flopwise",
             .formula = WKV_WORDS,
             .doc = "states computed again, then walked backward",
             FW_NO_ATTRS,
             FW_PORTS(4, 4, 1, 1),
             .weight_slots = 3,
             .family = &wkv,
             .infer = infer,
             .field = fw_field_recurrence,
             .cost = cost,
             .grad = grad,
             FW_RUN(wkv),
             .cache = cache},
    [WKV_GRAD] = {.name = "WkvGrad",
                  .domain = "flopwise",
                  .formula = WKV_BACK_WORDS,
                  .doc = FW_INTERNAL_DOC,
                  FW_NO_ATTRS,
                  FW_PORTS(5, 5, 4, 4),
                  .flags = FW_OP_INTERNAL,
                  .family = &wkv,
                  .infer = infer_grad,
                  .cost = cost_grad,
                  .grad = fw_grad_none,
                  FW_RUN(wkv_grad)},
};
const struct fw_op_table fw_ops_scan = {rows, N_ROWS};
