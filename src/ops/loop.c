/* Loop and Scan: a body that runs trips times and carries values from one iteration to the next.
 *
 * A carried size that every iteration leaves as it was keeps its number. One that changes is a
 * letter inside the body; after the loop it is first + trips * step where each iteration adds the
 * same step, else another letter. Scan outputs are stacked along the trip count. */
#include "ops/control.h"
#include "ops/reach.h"

#include <string.h>

enum { MAX_ROUNDS = 4, DEEP = 5 };

/* ---- what Loop and Scan carry from one iteration to the next ---- */

struct carried {
    uint32_t n;
    uint32_t first_in;      // state k is input first_in + k of the body and of the node
    struct fw_tensor *now;  // (n) as an iteration sees them
    struct fw_tensor *then; // (n) as it leaves them
    uint32_t *open;         // (n) bit d: dimension d differs between iterations
    uint32_t symbols;       // letters with this number or a higher one belong to one iteration
};

static enum fw_status open_dim(struct fw_cx *c, struct carried *s, uint32_t k, unsigned d)
{
    struct fw_tensor *t = &s->now[k];
    fw_dim *dims = fw_arena_copy(c->g->arena, t->dims, t->rank * sizeof *dims);
    if (dims == NULL)
        return fw_fail_memory(c->err);
    dims[d] = fw_fresh_dim(c, t->name != NULL ? t->name : "carried", fw_dim_bad());
    t->dims = dims;
    s->open[k] |= 1u << d;
    return FW_OK;
}

/* Nothing but type and, with keep_rank, rank of the states is taken as known. */
static enum fw_status open_all(struct fw_cx *c, struct carried *s, bool keep_rank)
{
    for (uint32_t k = 0; k < s->n; k++) {
        s->now[k].value = NULL;
        if (!keep_rank)
            s->now[k].rank = FW_RANK_UNKNOWN;
        for (unsigned d = 0; s->now[k].rank != FW_RANK_UNKNOWN && d < s->now[k].rank; d++)
            if (!(s->open[k] >> d & 1u))
                FW_TRY(open_dim(c, s, k, d));
    }
    return FW_OK;
}

/* Compares state k before and after an iteration and forgets what does not hold. */
static enum fw_status loosen(struct fw_cx *c, struct carried *s, uint32_t k, bool *changed)
{
    struct fw_tensor *now = &s->now[k];
    const struct fw_tensor *then = &s->then[k];
    if (now->rank == FW_RANK_UNKNOWN)
        return FW_OK;
    if (then->rank != now->rank) {
        now->rank = FW_RANK_UNKNOWN;
        now->dims = NULL;
        now->value = NULL;
        *changed = true;
        return FW_OK;
    }
    for (unsigned d = 0; d < now->rank; d++) {
        if ((s->open[k] >> d & 1u) || fw_dim_eq(now->dims[d], then->dims[d]))
            continue;
        now->value = NULL;
        *changed = true;
        FW_TRY(open_dim(c, s, k, d));
    }
    if (now->value != NULL && !fw_same_value(c->g, now, now->value, then->value)) {
        now->value = NULL;
        *changed = true;
    }
    return FW_OK;
}

/* Infers the body until what an iteration leaves is what it found. Every round forgets something;
 * the last ones all sizes and then all ranks, which deeply nested bodies begin with. */
static enum fw_status settle(struct fw_cx *c, struct fw_graph *body, struct carried *s)
{
    unsigned rounds = fw_body_depth(c->g) > DEEP ? 0 : MAX_ROUNDS;
    bool changed = true;
    s->symbols = fw_symbols_count(c->sym);
    for (unsigned round = 1; changed; round++) {
        if (round >= rounds)
            FW_TRY(open_all(c, s, round == rounds));
        for (uint32_t k = 0; k < s->n; k++)
            fw_body_give(body, s->first_in + k, &s->now[k], false);
        FW_TRY(fw_body_infer(c, body));
        changed = false;
        for (uint32_t k = 0; k < s->n; k++)
            s->then[k] = fw_body_out(body, k);
        for (uint32_t k = 0; k < s->n; k++)
            FW_TRY(loosen(c, s, k, &changed));
    }
    return FW_OK;
}

/* The states at the start; one that is left out (a Loop's condition) is a true. */
static enum fw_status start(struct fw_cx *c, struct carried *s)
{
    static const fw_dim yes = {1};
    s->now = fw_arena_array(c->g->arena, s->n + 1u, sizeof *s->now);
    s->then = fw_arena_array(c->g->arena, s->n + 1u, sizeof *s->then);
    s->open = fw_arena_array(c->g->arena, s->n + 1u, sizeof *s->open);
    if (s->now == NULL || s->then == NULL || s->open == NULL)
        return fw_fail_memory(c->err);
    for (uint32_t k = 0; k < s->n; k++) {
        s->open[k] = 0;
        if (fw_has_in(c, s->first_in + k))
            s->now[k] = fw_body_outer(c, s->first_in + k);
        else
            s->now[k] = (struct fw_tensor){.dtype = FW_BOOL, .value = &yes};
    }
    return FW_OK;
}

static enum fw_status uses_new_letters(struct fw_cx *c, fw_dim d, uint32_t from, bool *ret)
{
    *ret = fw_dim_is_bad(d);
    if (*ret || fw_dim_is_const(d))
        return FW_OK;
    uint32_t n = fw_symbols_count(c->sym);
    bool *seen = fw_arena_array(c->g->arena, n, sizeof *seen);
    if (seen == NULL)
        return fw_fail_memory(c->err);
    memset(seen, 0, n * sizeof *seen);
    fw_count_symbols(c->sym, fw_count_of(d), seen, n);
    for (uint32_t i = from; i < n; i++)
        *ret |= seen[i];
    return FW_OK;
}

/* Dimension d of state k after the last iteration: where each one adds the same, that many times.
 */
static enum fw_status last_dim(struct fw_cx *c, const struct carried *s, uint32_t k, unsigned d,
                               fw_dim trips, fw_dim *ret)
{
    fw_dim step = fw_dim_sub(c->sym, s->then[k].dims[d], s->now[k].dims[d]);
    bool bound;
    FW_TRY(uses_new_letters(c, step, s->symbols, &bound));
    fw_dim first = fw_in(c, s->first_in + k)->dims[d];
    if (!bound)
        *ret = fw_dim_add(c->sym, first, fw_dim_mul(c->sym, step, trips));
    if (bound || fw_dim_is_bad(*ret) || (fw_dim_is_const(*ret) && ret->word < 0))
        *ret = fw_fresh_dim(c, s->now[k].name != NULL ? s->now[k].name : "carried", fw_dim_bad());
    return FW_OK;
}

/* State k of another rank after an iteration than before: what it is after the last one. Without
 * any it is what it was at the start, so only what both have in common is known. */
static enum fw_status set_changed(struct fw_cx *c, const struct carried *s, uint32_t k, unsigned i,
                                  fw_dim trips)
{
    const struct fw_tensor *first = fw_in(c, s->first_in + k);
    const struct fw_tensor *then = &s->then[k];
    if ((then->flags & FW_TENSOR_OPEN) || (fw_dim_is_const(trips) && trips.word > 0))
        return fw_set_out_from(c, i, then, NULL);
    enum fw_dtype dtype = (enum fw_dtype)then->dtype;
    if (then->rank == FW_RANK_UNKNOWN || then->rank != first->rank)
        return fw_set_out_unknown(c, i, dtype, FW_RANK_UNKNOWN);
    fw_dim dims[FW_MAX_RANK];
    for (unsigned d = 0; d < then->rank; d++)
        dims[d] = fw_dim_eq(first->dims[d], then->dims[d])
                      ? first->dims[d]
                      : fw_fresh_dim(c, "carried", fw_dim_bad());
    return fw_set_out(c, i, dtype, then->rank, dims);
}

/* State k after the last iteration becomes output i of the node. */
static enum fw_status set_final(struct fw_cx *c, const struct carried *s, uint32_t k, unsigned i,
                                fw_dim trips)
{
    if (!fw_has_out(c, i) || !fw_has_in(c, s->first_in + k))
        return FW_OK;
    if (fw_dim_is(trips, 0)) {
        struct fw_tensor t = fw_body_outer(c, s->first_in + k);
        return fw_set_out_from(c, i, &t, t.value);
    }
    struct fw_tensor t = s->then[k];
    if (t.flags & FW_TENSOR_OPEN || s->now[k].rank == FW_RANK_UNKNOWN || t.rank != s->now[k].rank)
        return set_changed(c, s, k, i, trips);
    fw_dim dims[FW_MAX_RANK];
    for (unsigned d = 0; d < t.rank; d++) {
        dims[d] = s->now[k].dims[d];
        if (s->open[k] >> d & 1u)
            FW_TRY(last_dim(c, s, k, d, trips, &dims[d]));
    }
    FW_TRY(fw_set_out(c, i, (enum fw_dtype)t.dtype, t.rank, dims));
    return s->now[k].value != NULL ? fw_set_out_from(c, i, &t, s->now[k].value) : FW_OK;
}

/* What every iteration gives, stacked along a new axis: output i of the node. */
static enum fw_status set_stacked(struct fw_cx *c, const struct fw_tensor *t, unsigned i,
                                  int64_t axis, fw_dim trips)
{
    if (!fw_has_out(c, i))
        return FW_OK;
    enum fw_dtype dtype = (enum fw_dtype)t->dtype;
    if (t->rank >= FW_MAX_RANK)
        return fw_set_out_unknown(c, i, dtype, FW_RANK_UNKNOWN);
    unsigned at;
    FW_TRY(fw_norm_axis(c, axis, t->rank + 1u, &at));
    fw_dim dims[FW_MAX_RANK];
    for (unsigned d = 0; d <= t->rank; d++)
        dims[d] = d == at ? trips : t->dims[d < at ? d : d - 1];
    return fw_set_out(c, i, dtype, t->rank + 1u, dims);
}

/* ---- Loop ---- */

static const struct fw_attr_spec loop_attrs[] = {
    {"body", FW_ATTR_GRAPH, true, {.graph = NULL}},
};

/* A condition that is this number; one of no or of several elements is not known. */
static bool known_is(struct fw_cx *c, const struct fw_tensor *t, int64_t v)
{
    return t->value != NULL && fw_count_is(fw_tensor_elements(c->g, t), 1) &&
           fw_dim_is(t->value[0], v);
}

/* The trip count from M (input 0) and the condition before and after an iteration: M where the
 * condition holds throughout, else a letter that M bounds. M = 2^62 or more says "no bound". */
static fw_dim trip_count(struct fw_cx *c, const struct carried *s)
{
    uint32_t n = 0;
    const fw_dim *m = fw_in_value(c, 0, &n);
    fw_dim most = m != NULL && n == 1 && !fw_dim_is(m[0], FW_DIM_MAX) ? m[0] : fw_dim_bad();
    if (fw_dim_is_const(most) && most.word < 0)
        most = fw_dim_int(0);
    struct fw_tensor before = fw_has_in(c, 1) ? fw_body_outer(c, 1) : s->now[0];
    if (fw_dim_is(most, 0) || known_is(c, &before, 0))
        return fw_dim_int(0);
    if (known_is(c, &before, 1) && known_is(c, &s->then[0], 1) && !fw_dim_is_bad(most))
        return most;
    if (known_is(c, &before, 1) && known_is(c, &s->then[0], 0) &&
        (!fw_has_in(c, 0) || !fw_dim_is_bad(most)))
        return fw_dim_int(1);
    return fw_fresh_dim(c, "trip", most);
}

static enum fw_status infer_loop(struct fw_cx *c)
{
    struct fw_graph *body;
    FW_TRY(fw_body_open(c, 0, &body));
    uint32_t n_state = body->n_formal - 1u; // the condition is one
    FW_REQUIRE(body->n_formal >= 2 && body->n_outputs >= n_state, c->err, FW_FORMAT,
               "a loop body with 2 inputs and as many outputs as states is wanted, found %u and %u",
               body->n_formal, body->n_outputs);
    FW_REQUIRE(c->node->n_out < body->n_outputs, c->err, FW_FORMAT,
               "at most %u outputs are wanted, found %u", body->n_outputs - 1u, c->node->n_out);
    struct carried s = {.n = n_state, .first_in = 1};
    FW_TRY(start(c, &s));
    struct fw_tensor iteration = {.dtype = FW_I64};
    fw_body_give(body, 0, &iteration, false);
    FW_TRY(settle(c, body, &s));
    body->trips = trip_count(c, &s);
    body->turns = (struct fw_turns){.first_in = 1, .n = n_state, .loop = true};
    for (unsigned i = 0; i < c->node->n_out; i++) {
        if (i + 1 < n_state) {
            FW_TRY(set_final(c, &s, i + 1, i, body->trips));
            continue;
        }
        struct fw_tensor t = fw_body_out(body, i + 1);
        FW_TRY(set_stacked(c, &t, i, 0, body->trips));
    }
    return FW_OK;
}

/* ---- Scan ---- */

enum { SCAN_BODY, SCAN_N_INPUTS, SCAN_IN_AXES, SCAN_OUT_AXES };
static const struct fw_attr_spec scan_attrs[] = {
    {"body", FW_ATTR_GRAPH, true, {.graph = NULL}},
    {"num_scan_inputs", FW_ATTR_INT, true, {.i = 0}},
    {"scan_input_axes", FW_ATTR_INTS, false, {.n = 0}},
    {"scan_output_axes", FW_ATTR_INTS, false, {.n = 0}},
    {"scan_input_directions", FW_ATTR_INTS, false, {.n = 0}},
    {"scan_output_directions", FW_ATTR_INTS, false, {.n = 0}},
};

static int64_t axis_of(const struct fw_cx *c, unsigned attr, uint32_t k)
{
    const struct fw_attr *a = &c->node->attr[attr];
    return k < a->n ? a->ints[k] : 0;
}

/* Hands one slice of scan input k (input i of the node) in; its length must be trips where that is
 * known already (not bad). */
static enum fw_status give_slice(struct fw_cx *c, struct fw_graph *body, uint32_t i, uint32_t k,
                                 fw_dim *trips)
{
    FW_REQUIRE(fw_has_in(c, i), c->err, FW_FORMAT, "input %u is wanted, it is missing", i);
    struct fw_tensor t = *fw_in(c, i);
    bool weight_side = fw_is_stored(&t);
    t.value = NULL;
    if (t.rank == FW_RANK_UNKNOWN) {
        fw_body_give(body, i, &t, weight_side);
        return FW_OK;
    }
    unsigned at;
    FW_TRY(fw_norm_axis(c, axis_of(c, SCAN_IN_AXES, k), t.rank, &at));
    fw_dim length = t.dims[at];
    fw_dim *dims = fw_arena_copy(c->g->arena, t.dims, t.rank * sizeof *dims);
    if (dims == NULL)
        return fw_fail_memory(c->err);
    memmove(dims + at, dims + at + 1, (t.rank - at - 1u) * sizeof *dims);
    t.dims = dims;
    t.rank--;
    fw_body_give(body, i, &t, weight_side);
    if (fw_dim_is_bad(*trips)) {
        *trips = length;
        return FW_OK;
    }
    return fw_same_dim(c, "length of the scan inputs", *trips, length, trips);
}

static enum fw_status infer_scan(struct fw_cx *c)
{
    struct fw_graph *body;
    FW_TRY(fw_body_open(c, SCAN_BODY, &body));
    int64_t n_scan = c->node->attr[SCAN_N_INPUTS].i;
    FW_REQUIRE(n_scan >= 1 && n_scan <= body->n_formal, c->err, FW_FORMAT,
               "1 to %u scan inputs are wanted, found %lld", body->n_formal, (long long)n_scan);
    struct carried s = {.n = body->n_formal - (uint32_t)n_scan, .first_in = 0};
    FW_REQUIRE(body->n_outputs >= s.n && c->node->n_out <= body->n_outputs, c->err, FW_FORMAT,
               "%u to %u outputs of the body are wanted, found %u", s.n, c->node->n_out,
               body->n_outputs);
    for (uint32_t k = 0; k < s.n; k++)
        FW_REQUIRE(fw_has_in(c, k), c->err, FW_FORMAT, "input %u is wanted, it is missing", k);
    FW_TRY(start(c, &s));
    fw_dim trips = fw_dim_bad();
    for (uint32_t k = 0; k < n_scan; k++)
        FW_TRY(give_slice(c, body, s.n + k, k, &trips));
    FW_TRY(settle(c, body, &s));
    bool in_place = true; // slices of the first axis are no copies
    for (uint32_t k = 0; k < n_scan; k++)
        in_place &= axis_of(c, SCAN_IN_AXES, k) == 0;
    body->turns = (struct fw_turns){.n = s.n, .loop = in_place};
    body->trips = fw_dim_is_bad(trips) ? fw_fresh_dim(c, "trip", fw_dim_bad()) : trips;
    for (unsigned i = 0; i < c->node->n_out; i++) {
        if (i < s.n) {
            FW_TRY(set_final(c, &s, i, i, body->trips));
            continue;
        }
        struct fw_tensor t = fw_body_out(body, i);
        FW_TRY(set_stacked(c, &t, i, axis_of(c, SCAN_OUT_AXES, i - s.n), body->trips));
    }
    return FW_OK;
}

/* ---- gradients and rows ---- */

static enum fw_status grad_loop(struct fw_grad *gr)
{
    struct fw_graph *body = gr->cx.node->attr[0].graph;
    struct fw_branches b = {.row = fw_op_loop_grad,
                            .body = {body, NULL},
                            .n_state = body->n_formal - 2u,
                            .first_state = 2,
                            .first_out = 1};
    return fw_grad_bodies(gr, &b);
}

static enum fw_status grad_scan(struct fw_grad *gr)
{
    struct fw_graph *body = gr->cx.node->attr[SCAN_BODY].graph;
    uint32_t n_scan = (uint32_t)gr->cx.node->attr[SCAN_N_INPUTS].i;
    struct fw_branches b = {
        .row = fw_op_scan_grad, .body = {body, NULL}, .n_state = body->n_formal - n_scan};
    return fw_grad_bodies(gr, &b);
}

FW_KERNELS(loop, scan);

static const struct fw_op rows[] = {
    {.name = "Loop",
     .domain = "",
     .formula = "trips * body; trips = M where the condition stays true, else a letter",
     .doc = "the gradient of the body, as often",
     FW_ATTRS(loop_attrs),
     FW_PORTS(0, UINT16_MAX, 0, UINT16_MAX),
     .flags = FW_CONTROL_FLAGS | FW_OP_UNROLL,
     .infer = infer_loop,
     .field = fw_field_whole,
     .cost = fw_cost_body,
     .grad = grad_loop,
     FW_RUN(loop)},
    {.name = "Scan",
     .domain = "",
     .formula = "trips * body; trips = length of the scan inputs",
     .doc = "the gradient of the body, as often",
     FW_ATTRS(scan_attrs),
     FW_PORTS(1, UINT16_MAX, 0, UINT16_MAX),
     .flags = FW_CONTROL_FLAGS,
     .infer = infer_scan,
     .field = fw_field_whole,
     .cost = fw_cost_body,
     .grad = grad_scan,
     FW_RUN(scan)},
};
const struct fw_op_table fw_ops_loop = {rows, sizeof rows / sizeof *rows};
