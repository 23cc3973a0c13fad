/* See gradient_check.h. */
#include "study/gradient_check.h"

#include "engine/exec.h"

#include <math.h>

struct check {
    struct fw_graph *g;
    struct fw_exec *e;
    uint32_t w, x, y, dw, dy, loss; // tensors
    bool turned;                    // W is stored as (out, in)
    int64_t in, out, rows;
    struct fw_error *err;
};

/* Which tensors the layer's check is about. */
static enum fw_status look_at(struct check *c, uint32_t n_forward, uint32_t layer)
{
    const struct fw_node n = c->g->nodes[layer];
    const struct fw_tensor *w = n.n_in > 1 ? &c->g->tensors[n.in[1]] : NULL;
    bool fits = w != NULL && w->kind == FW_KIND_PARAM && w->rank == 2 &&
                (n.op->flags & FW_OP_CONTRACTION) && c->g->tensors[n.in[0]].rank >= 2;
    FW_REQUIRE(fits, c->err, FW_UNSUPPORTED,
               "the check by finite differences wants a linear layer with a stored weight");
    c->x = n.in[0];
    c->w = n.in[1];
    c->y = n.out[0];
    const struct fw_tensor *x = &c->g->tensors[c->x], *y = &c->g->tensors[c->y];
    c->in = x->dims[x->rank - 1].word;
    c->out = y->dims[y->rank - 1].word;
    c->turned = w->dims[0].word == c->out && w->dims[1].word == c->in;
    fw_count all = fw_tensor_elements(c->g, y);
    c->rows = (int64_t)(all.word / c->out);
    FW_REQUIRE(c->turned || (w->dims[0].word == c->in && w->dims[1].word == c->out), c->err,
               FW_UNSUPPORTED, "the layer's input is transposed");
    c->dw = c->g->gradients[c->w];
    c->dy = c->g->gradients[c->y];
    c->loss = FW_NONE;
    for (uint32_t i = n_forward; i < c->g->n_nodes; i++)
        if (c->g->nodes[i].phase == FW_PHASE_FORWARD && c->g->nodes[i].n_out > 0)
            c->loss = c->g->nodes[i].out[0];
    FW_REQUIRE(c->dw != FW_NONE && c->dy != FW_NONE && c->loss != FW_NONE, c->err, FW_UNSUPPORTED,
               "the layer has no gradient");
    return FW_OK;
}

static enum fw_status run(struct check *c, bool backward)
{
    fw_exec_seed(c->e, 1);
    for (uint32_t i = 0; i < c->g->n_nodes; i++) {
        unsigned phase = c->g->nodes[i].phase;
        if (phase == FW_PHASE_FORWARD || (backward && phase != FW_PHASE_UPDATE))
            FW_TRY(fw_exec_node(c->e, i, NULL, c->err));
    }
    return FW_OK;
}

static double at(struct check *c, uint32_t tensor, int64_t i)
{
    struct fw_buffer *v = fw_exec_value(c->e, tensor);
    return v != NULL && v->data != NULL ? fw_buffer_get(v, (size_t)i) : NAN;
}

static enum fw_status loss_with(struct check *c, int64_t place, double weight, double *ret)
{
    fw_buffer_put(fw_exec_value(c->e, c->w), (size_t)place, weight);
    FW_TRY(run(c, false));
    *ret = at(c, c->loss, 0);
    return FW_OK;
}

static enum fw_status check_weight(struct check *c, struct fw_weight_check *k)
{
    int64_t place = c->turned ? k->i * c->in + k->j : k->j * c->out + k->i;
    k->rows = (uint32_t)c->rows;
    k->step = 1e-5;
    k->weight = at(c, c->w, place);
    k->graph = at(c, c->dw, place);
    k->product = 0;
    for (int64_t r = 0; r < c->rows; r++)
        k->product += at(c, c->dy, r * c->out + k->i) * at(c, c->x, r * c->in + k->j);
    k->delta = at(c, c->dy, k->i);
    k->x = at(c, c->x, k->j);
    return FW_OK;
}

static enum fw_status check_all(struct check *c, struct fw_gradient_check *ret)
{
    FW_TRY(fw_exec_fill(c->e, c->err));
    FW_TRY(run(c, true));
    ret->loss = at(c, c->loss, 0);
    for (int n = 0; n < FW_N_WEIGHT_CHECKS; n++) { // spread over the matrix
        ret->checks[n].i = c->out * (2 * (int64_t)n + 1) / ((int64_t)2 * FW_N_WEIGHT_CHECKS);
        ret->checks[n].j = c->in * (2 * (int64_t)n + 1) / ((int64_t)2 * FW_N_WEIGHT_CHECKS);
        FW_TRY(check_weight(c, &ret->checks[n]));
    }
    for (int n = 0; n < FW_N_WEIGHT_CHECKS; n++) {
        struct fw_weight_check *k = &ret->checks[n];
        int64_t place = c->turned ? k->i * c->in + k->j : k->j * c->out + k->i;
        FW_TRY(loss_with(c, place, k->weight + k->step, &k->above));
        FW_TRY(loss_with(c, place, k->weight - k->step, &k->below));
        fw_buffer_put(fw_exec_value(c->e, c->w), (size_t)place, k->weight);
        k->difference = (k->above - k->below) / (2 * k->step);
    }
    return FW_OK;
}

enum fw_status fw_gradient_check(struct fw_analysis *a, uint32_t layer,
                                 struct fw_gradient_check *ret, struct fw_error *err)
{
    struct check c = {.g = &a->model.graph, .err = err};
    struct fw_exec_options how = {.build = FW_COUNTED, .seed = 1, .alloc = a->model.alloc};
    FW_TRY(look_at(&c, a->n_forward, layer));
    FW_TRY(fw_exec_new(&c.e, c.g, &how, err));
    enum fw_status status = check_all(&c, ret);
    fw_exec_free(c.e);
    return status;
}
