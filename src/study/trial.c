/* See trial.h. */
#include "study/trial.h"

#include "engine/exec.h"
#include "graph/model.h"

#include <math.h>

/* ---- running ---- */

struct bench {
    struct fw_model model;
    struct fw_exec *exec;
    uint32_t tensor[2 + FW_MAX_STATES]; // parameter, gradient, states
    struct fw_buffer *value[2 + FW_MAX_STATES];
    unsigned n;
    const struct fw_optimizer *used;
};

/* A graph of one node: the update of one parameter. */
static enum fw_status build(struct bench *b, const struct fw_trial *trial, struct fw_error *err)
{
    struct fw_graph *g = &b->model.graph;
    fw_dim dims[FW_MAX_RANK];
    for (unsigned k = 0; k < trial->rank; k++)
        dims[k] = fw_dim_int(trial->dims[k]);
    uint8_t rank = (uint8_t)trial->rank;
    FW_TRY(fw_graph_tensor(g, "w", FW_KIND_PARAM, FW_F32, rank, dims, &b->tensor[0], err));
    FW_TRY(fw_graph_tensor(g, "g", FW_KIND_GRADIENT, FW_F32, rank, dims, &b->tensor[1], err));
    b->used = fw_optimizer_for(trial->optimizer, g->sym, &g->tensors[b->tensor[0]]);
    b->n = 2u + b->used->n_states;
    for (unsigned i = 0; i < b->used->n_states; i++) {
        enum fw_dtype type =
            fw_update_state(b->used, i, g->sym, &g->tensors[b->tensor[0]], &rank, dims);
        FW_TRY(fw_graph_tensor(g, b->used->states[i].name, FW_KIND_STATE, type, rank, dims,
                               &b->tensor[2 + i], err));
    }
    struct fw_node_spec spec = {.op = b->used->row,
                                .name = "update",
                                .in = b->tensor,
                                .n_in = (uint16_t)b->n,
                                .phase = FW_PHASE_UPDATE,
                                .layer = FW_NONE,
                                .at = -1};
    uint32_t node;
    return fw_graph_node(g, &spec, &node, err);
}

/* The gradient of step t, from 0: one number for all elements, or one for each. */
static const double *gradient_at(const struct fw_trial *trial, uint32_t t)
{
    uint32_t last = trial->n_gradients - 1;
    return trial->gradients + (size_t)(t < last ? t : last) * fw_trial_elements(trial);
}

/* The value of a single element, else the norm of all. */
static double size_of(struct fw_buffer *v)
{
    double sum = 0;
    if (v->n == 1)
        return fw_buffer_get(v, 0);
    for (size_t i = 0; i < v->n; i++)
        sum += fw_buffer_get(v, i) * fw_buffer_get(v, i);
    return sqrt(sum);
}

static double norm(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return n == 1 ? x[0] : sqrt(sum);
}

static enum fw_status start(struct bench *b, const struct fw_trial *trial, struct fw_error *err)
{
    struct fw_exec_options how = {
        .build = FW_COUNTED, .hyper = &trial->hyper, .alloc = b->model.alloc};
    FW_TRY(build(b, trial, err));
    FW_TRY(fw_exec_new(&b->exec, &b->model.graph, &how, err));
    for (unsigned i = 0; i < b->n; i++) {
        FW_TRY(fw_exec_give(b->exec, b->tensor[i], 0, NULL, &b->value[i], err));
        for (size_t k = 0; k < b->value[i]->n; k++)
            fw_buffer_put(b->value[i], k, 0);
    }
    return FW_OK;
}

static uint64_t predict(struct bench *b)
{
    struct fw_graph *g = &b->model.graph;
    struct fw_node node = g->nodes[0];
    struct fw_cx cx = {.g = g, .sym = g->sym, .node = &node};
    struct fw_cost cost = {0};
    uint64_t classes[FW_N_CLASSES];
    node.op->cost(&cx, &cost);
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        classes[k] = (uint64_t)cost.n[k].word;
    return fw_tally_flop(classes);
}

/* One step of the kernel; *ret_w: room for the parameter. */
static enum fw_status step(struct bench *b, const struct fw_trial *trial, uint32_t t,
                           struct fw_trial_result *ret, double *ret_w, struct fw_error *err)
{
    struct fw_trial_step *s = &ret->steps[t];
    const double *g = gradient_at(trial, t);
    size_t n = fw_trial_elements(trial);
    uint64_t tally[FW_N_TALLIES];
    for (size_t i = 0; i < n; i++) // it may have been overwritten
        fw_buffer_put(b->value[1], i, g[i]);
    fw_exec_set_step(b->exec, t + 1);
    FW_TRY(fw_exec_node(b->exec, 0, tally, err));
    ret->executed = fw_tally_flop(tally);
    for (size_t i = 0; i < n; i++)
        ret_w[i] = fw_buffer_get(b->value[0], i);
    s->gradient = norm(g, n);
    s->w = norm(ret_w, n);
    for (unsigned i = 2; i < b->n; i++)
        s->state[i - 2] = size_of(b->value[i]);
    return FW_OK;
}

/* The formula beside the step that was taken. */
static void compare(struct fw_closed *c, const double *w, struct fw_trial_step *s,
                    struct fw_trial_result *ret)
{
    double most = 0, off = 0;
    size_t n = c->m * c->n;
    fw_closed_step(c);
    s->closed = norm(c->w, n);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs(c->w[i]));
        off = fmax(off, fabs(w[i] - c->w[i]));
    }
    s->difference = n == 1 ? w[0] - c->w[0] : off;
    ret->largest = fmax(ret->largest, off / fmax(most, 1e-300));
}

static enum fw_status run(struct bench *b, const struct fw_trial *trial, struct fw_arena *arena,
                          struct fw_trial_result *ret, struct fw_error *err)
{
    struct fw_closed c = {.form = NULL};
    FW_TRY(start(b, trial, err));
    ret->used = b->used;
    ret->predicted = predict(b);
    if (trial->n_gradients == 1)
        FW_TRY(fw_closed_start(&c, b->used, &trial->hyper, trial->gradients, (size_t)trial->dims[0],
                               fw_trial_elements(trial) / (size_t)trial->dims[0], trial->steps,
                               arena, err));
    ret->form = c.form;
    for (uint32_t t = 0; t < trial->steps; t++) {
        FW_TRY(step(b, trial, t, ret, ret->w, err));
        if (c.form != NULL)
            compare(&c, ret->w, &ret->steps[t], ret);
    }
    ret->closed = c.w;
    return FW_OK;
}

enum fw_status fw_trial_run(const struct fw_trial *trial, struct fw_arena *arena,
                            struct fw_trial_result *ret, struct fw_error *err)
{
    struct bench b = {.exec = NULL};
    *ret = (struct fw_trial_result){.used = trial->optimizer};
    ret->steps = fw_arena_array(arena, (size_t)trial->steps + 1, sizeof *ret->steps);
    ret->w = fw_arena_array(arena, fw_trial_elements(trial), sizeof *ret->w);
    if (ret->steps == NULL || ret->w == NULL)
        return fw_fail_memory(err);
    FW_TRY(fw_model_init(&b.model, arena->alloc, err));
    enum fw_status status = run(&b, trial, arena, ret, err);
    fw_exec_free(b.exec);
    fw_model_clear(&b.model);
    return status;
}
