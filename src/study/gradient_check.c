/* See gradient_check.h. */
#include "study/gradient_check.h"

#include "engine/exec.h"
#include "passes/classify.h"

#include <math.h>
#include <string.h>

struct check {
    struct fw_analysis *a;
    struct fw_graph *g;
    struct fw_exec *e;
    struct fw_arena arena;
    uint32_t layer;
    uint32_t loss; // tensor
    bool alone;
    size_t n;      // elements of all outputs that have a gradient
    double *delta; // (n) their gradients
    double *z[2];  // (n) outputs with a weight a step down and up
    struct fw_error *err;
};

/* ---- which weights ---- */

bool fw_gradient_is_weight(const struct fw_graph *g, const struct fw_node *n, unsigned port)
{
    uint32_t t = n->in[port];
    uint32_t stored = t != FW_NONE ? fw_stored_at(g, t) : FW_NONE;
    return stored != FW_NONE && g->tensors[stored].kind == FW_KIND_PARAM && t < g->n_gradients &&
           g->gradients[t] != FW_NONE;
}

bool fw_gradient_has_weights(const struct fw_graph *g, uint32_t id)
{
    bool any = false;
    for (unsigned i = 0; i < g->nodes[id].n_in; i++)
        any |= fw_gradient_is_weight(g, &g->nodes[id], i);
    return any;
}

/* Whether another layer of the forward pass reads it too: its gradient is the sum of both. */
static bool is_shared(const struct fw_analysis *a, uint32_t layer, uint32_t tensor)
{
    const struct fw_graph *g = &a->model.graph;
    uint32_t stored = fw_stored_at(g, tensor);
    for (uint32_t i = 0; i < a->n_forward; i++)
        for (unsigned k = 0; k < g->nodes[i].n_in && i != layer; k++) {
            uint32_t t = g->nodes[i].in[k];
            bool moves = g->nodes[i].n_out > 0 && fw_stored_at(g, g->nodes[i].out[0]) == stored;
            if (t != FW_NONE && !moves && fw_stored_at(g, t) == stored)
                return true;
        }
    return false;
}

static uint32_t gradient_of(const struct check *c, uint32_t tensor)
{
    return tensor < c->g->n_gradients ? c->g->gradients[tensor] : FW_NONE;
}

/* ---- running ---- */

static bool runs(const struct check *c, uint32_t id)
{
    const struct fw_node *n = &c->g->nodes[id];
    return n->phase != FW_PHASE_UPDATE && (!c->alone || id == c->layer || n->layer == c->layer);
}

/* The forward pass, or all. */
static enum fw_status run(struct check *c, bool backward)
{
    fw_exec_seed(c->e, 1);
    for (uint32_t i = 0; i < c->g->n_nodes; i++)
        if (runs(c, i) && (backward || c->g->nodes[i].phase == FW_PHASE_FORWARD))
            FW_TRY(fw_exec_node(c->e, i, NULL, c->err));
    return FW_OK;
}

static double at(struct check *c, uint32_t tensor, int64_t i)
{
    struct fw_buffer *v = fw_exec_value(c->e, tensor);
    return v != NULL && v->data != NULL ? fw_buffer_get(v, (size_t)i) : NAN;
}

/* Operations of the nodes that run, in multiply-adds. */
static double work_of(struct check *c)
{
    double all = 0;
    for (uint32_t i = 0; i < c->g->n_nodes; i++) {
        struct fw_cost cost = {0};
        if (!runs(c, i))
            continue;
        (void)fw_node_cost(c->g, i, c->a->precision, &cost);
        all += 0.5 * (double)fw_cost_flop(c->g->sym, &cost).word;
    }
    return all;
}

/* What the nodes that run read and none of them makes. */
static enum fw_status fill_alone(struct check *c)
{
    bool *made = fw_arena_zalloc(&c->arena, c->g->n_tensors + 1u);
    if (made == NULL)
        return fw_fail_memory(c->err);
    for (uint32_t i = 0; i < c->g->n_nodes; i++) {
        const struct fw_node *n = &c->g->nodes[i];
        if (!runs(c, i))
            continue;
        for (unsigned k = 0; k < n->n_in; k++)
            if (n->in[k] != FW_NONE && !made[n->in[k]]) {
                FW_TRY(fw_exec_fill_one(c->e, n->in[k], c->err));
                made[n->in[k]] = true;
            }
        for (unsigned k = 0; k < n->n_out; k++)
            if (n->out[k] != FW_NONE)
                made[n->out[k]] = true;
    }
    return FW_OK;
}

/* ---- outputs of the layer ---- */

/* Copies all outputs that have a gradient, or the gradients. */
static void copy_outputs(struct check *c, bool gradients, double *to)
{
    const struct fw_node *n = &c->g->nodes[c->layer];
    for (unsigned o = 0; o < n->n_out; o++) {
        uint32_t grad = n->out[o] != FW_NONE ? gradient_of(c, n->out[o]) : FW_NONE;
        if (grad == FW_NONE)
            continue;
        struct fw_buffer *v = fw_exec_value(c->e, n->out[o]);
        struct fw_buffer *d = fw_exec_value(c->e, grad);
        for (size_t i = 0; i < v->n; i++)
            *to++ = !gradients ? fw_buffer_get(v, i) : d->data != NULL ? fw_buffer_get(d, i) : 0;
    }
}

static enum fw_status make_room(struct check *c)
{
    const struct fw_node *n = &c->g->nodes[c->layer];
    for (unsigned o = 0; o < n->n_out; o++)
        if (n->out[o] != FW_NONE && gradient_of(c, n->out[o]) != FW_NONE)
            c->n += fw_exec_value(c->e, n->out[o])->n;
    FW_REQUIRE(c->n > 0, c->err, FW_UNSUPPORTED, "the layer's output has no gradient");
    c->delta = fw_arena_array(&c->arena, c->n, sizeof *c->delta);
    for (unsigned k = 0; k < 2; k++)
        c->z[k] = fw_arena_array(&c->arena, c->n, sizeof *c->z[k]);
    if (c->delta == NULL || c->z[0] == NULL || c->z[1] == NULL)
        return fw_fail_memory(c->err);
    copy_outputs(c, true, c->delta);
    return FW_OK;
}

/* The loss of the layer alone is what has delta as its gradient. */
static double dot(const struct check *c, const double *z)
{
    double sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += c->delta[i] * z[i];
    return sum;
}

/* ---- one weight ---- */

static enum fw_status with_weight(struct check *c, const struct fw_weight_check *k, double weight,
                                  double *z, double *ret_loss)
{
    fw_buffer_put(fw_exec_value(c->e, k->tensor), (size_t)k->place, weight);
    FW_TRY(run(c, false)); // all of it, so that dropout drops the same
    copy_outputs(c, false, z);
    *ret_loss = c->alone ? dot(c, z) : at(c, c->loss, 0);
    return FW_OK;
}

static enum fw_status check_weight(struct check *c, struct fw_weight_check *k)
{
    k->step = 1e-5;
    k->weight = at(c, k->tensor, k->place);
    FW_TRY(with_weight(c, k, k->weight - k->step, c->z[0], &k->below));
    FW_TRY(with_weight(c, k, k->weight + k->step, c->z[1], &k->above));
    fw_buffer_put(fw_exec_value(c->e, k->tensor), (size_t)k->place, k->weight);
    k->difference = (k->above - k->below) / (2 * k->step);
    for (size_t i = 0; i < c->n; i++) {
        double slope = (c->z[1][i] - c->z[0][i]) / (2 * k->step);
        if (slope == 0)
            continue;
        if (k->touched++ == 0 || fabs(c->delta[i] * slope) > fabs(k->delta * k->slope)) {
            k->delta = c->delta[i];
            k->slope = slope;
        }
        k->product += c->delta[i] * slope;
        k->terms += fabs(c->delta[i] * slope);
    }
    return FW_OK;
}

/* The gradient of a weight as this layer computes it, or FW_NONE. Of a weight that other layers
 * read too it is what the layer has a part in. */
static uint32_t own_gradient(const struct check *c, uint32_t tensor)
{
    if (!is_shared(c->a, c->layer, tensor))
        return gradient_of(c, tensor);
    size_t n = fw_exec_value(c->e, tensor)->n;
    for (uint32_t i = 0; i < c->g->n_nodes; i++) {
        const struct fw_node *k = &c->g->nodes[i];
        bool backward = k->phase == FW_PHASE_BACKWARD_WEIGHT && k->layer == c->layer;
        if (backward && k->n_out == 1 && k->out[0] != FW_NONE &&
            fw_exec_value(c->e, k->out[0])->n == n)
            return k->out[0];
    }
    return FW_NONE;
}

/* The largest gradients, one in each of `parts` pieces of the tensor. */
static void choose(struct check *c, uint32_t tensor, unsigned parts, struct fw_gradient_check *ret)
{
    uint32_t grad = own_gradient(c, tensor);
    const struct fw_buffer *d = grad != FW_NONE ? fw_exec_value(c->e, grad) : NULL;
    int64_t n = (int64_t)fw_exec_value(c->e, tensor)->n;
    bool known = d != NULL && d->data != NULL && (int64_t)d->n == n;
    for (unsigned p = 0; p < parts && ret->n < FW_N_WEIGHT_CHECKS; p++) {
        int64_t from = n * p / parts, end = n * (p + 1) / parts, best = (from + end) / 2;
        for (int64_t i = from; i < end && known; i++)
            if (fabs(at(c, grad, i)) > fabs(at(c, grad, best)))
                best = i;
        if (from == end || (known && at(c, grad, best) == 0)) // nothing looks it up
            continue;
        ret->checks[ret->n++] = (struct fw_weight_check){
            .tensor = tensor, .place = best, .graph = known ? at(c, grad, best) : NAN};
    }
}

static enum fw_status check_all(struct check *c, struct fw_gradient_check *ret)
{
    const struct fw_node *n = &c->g->nodes[c->layer];
    unsigned weights = 0;
    FW_TRY(c->alone ? fill_alone(c) : fw_exec_fill(c->e, c->err));
    FW_TRY(run(c, true));
    FW_TRY(make_room(c));
    copy_outputs(c, false, c->z[0]);
    ret->loss = c->alone ? dot(c, c->z[0]) : at(c, c->loss, 0);
    for (unsigned i = 0; i < n->n_in; i++)
        weights += fw_gradient_is_weight(c->g, n, i);
    for (unsigned i = 0; i < n->n_in; i++)
        if (fw_gradient_is_weight(c->g, n, i))
            choose(c, n->in[i], weights == 1 ? 3 : 2, ret);
    FW_REQUIRE(ret->n > 0, c->err, FW_UNSUPPORTED, "all its gradients are 0");
    for (unsigned k = 0; k < ret->n; k++)
        FW_TRY(check_weight(c, &ret->checks[k]));
    return FW_OK;
}

/* ---- the whole ---- */

static enum fw_status look_at(struct check *c, double max_work)
{
    enum { MAX_PARAMS = 30000000 }; // of which there are some copies
    c->loss = FW_NONE;
    for (uint32_t i = c->a->n_forward; i < c->g->n_nodes; i++)
        if (c->g->nodes[i].phase == FW_PHASE_FORWARD && c->g->nodes[i].n_out > 0)
            c->loss = c->g->nodes[i].out[0];
    FW_REQUIRE(fw_gradient_has_weights(c->g, c->layer), c->err, FW_UNSUPPORTED,
               "it has no weights with a gradient");
    const struct fw_node *n = &c->g->nodes[c->layer];
    for (unsigned i = 0; i < n->n_in; i++)
        c->alone |= fw_gradient_is_weight(c->g, n, i) && is_shared(c->a, c->layer, n->in[i]);
    c->alone |=
        c->loss == FW_NONE || c->a->totals.params.word > MAX_PARAMS || 4 * work_of(c) > max_work;
    FW_REQUIRE(!c->alone || work_of(c) <= max_work, c->err, FW_LIMIT,
               "the layer alone takes too many operations");
    return FW_OK;
}

enum fw_status fw_gradient_check(struct fw_analysis *a, uint32_t layer, double max_work,
                                 struct fw_gradient_check *ret, struct fw_error *err)
{
    struct check c = {.a = a, .g = &a->model.graph, .layer = layer, .err = err};
    struct fw_exec_options how = {.build = FW_COUNTED, .seed = 1, .alloc = a->model.alloc};
    memset(ret, 0, sizeof *ret);
    FW_TRY(look_at(&c, max_work));
    ret->alone = c.alone;
    FW_TRY(fw_exec_new(&c.e, c.g, &how, err));
    fw_arena_init(&c.arena, a->model.alloc);
    enum fw_status status = check_all(&c, ret);
    fw_arena_clear(&c.arena);
    fw_exec_free(c.e);
    return status;
}
