/* See trial.h. Closed forms: with a constant gradient c every moment is a geometric sum. */
#include "study/trial.h"

#include "engine/exec.h"
#include "graph/model.h"

#include <math.h>
#include <string.h>

/* ---- closed forms ---- */

static double sgd(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * c * t;
}

static double momentum(const struct fw_hyper *h, double c, double t)
{
    double b = h->beta1;
    return -h->lr * c / (1 - b) * (t + 1 - (1 - pow(b, t + 1)) / (1 - b));
}

static double nesterov(const struct fw_hyper *h, double c, double t)
{
    double b = h->beta1;
    return -h->lr * c / (1 - b) * (t - b * b * (1 - pow(b, t)) / (1 - b));
}

static double adam(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * t * c / (fabs(c) + h->eps);
}

static double adamw(const struct fw_hyper *h, double c, double t)
{
    double kept = h->lr * h->decay;
    return kept == 0 ? adam(h, c, t) : -adam(h, c, 1) * expm1(t * log1p(-kept)) / kept;
}

static double lion(const struct fw_hyper *h, double c, double t)
{
    return -h->lr * t * ((c > 0) - (c < 0));
}

static const struct fw_closed_form forms[] = {
    {"sgd", "w_t = -lr*c*t", sgd},
    {"momentum", "w_t = -lr*c/(1 - mu)*(t + 1 - (1 - mu^(t+1))/(1 - mu))", momentum},
    {"nesterov", "w_t = -lr*c/(1 - mu)*(t - mu^2*(1 - mu^t)/(1 - mu))", nesterov},
    {"adam", "w_t = -lr*t*c/(|c| + eps)", adam},
    {"adam-literal", "w_t = -lr*t*c/(|c| + eps)", adam},
    {"amsgrad", "w_t = -lr*t*c/(|c| + eps)", adam},
    {"adamw", "w_t = -c/(|c| + eps)*(1 - (1 - lr*decay)^t)/decay", adamw},
    {"lion", "w_t = -lr*t*sign(c)", lion},
};

const struct fw_closed_form *fw_closed_form_find(const char *optimizer)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].optimizer, optimizer) == 0)
            return &forms[i];
    return NULL;
}

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

static void set_all(struct fw_buffer *v, double x)
{
    for (size_t i = 0; i < v->n; i++)
        fw_buffer_put(v, i, x);
}

static enum fw_status start(struct bench *b, const struct fw_trial *trial, struct fw_error *err)
{
    struct fw_exec_options how = {
        .build = FW_COUNTED, .hyper = &trial->hyper, .alloc = b->model.alloc};
    FW_TRY(build(b, trial, err));
    FW_TRY(fw_exec_new(&b->exec, &b->model.graph, &how, err));
    for (unsigned i = 0; i < b->n; i++) {
        FW_TRY(fw_exec_give(b->exec, b->tensor[i], 0, NULL, &b->value[i], err));
        set_all(b->value[i], 0);
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

static enum fw_status run(struct bench *b, const struct fw_trial *trial,
                          struct fw_trial_result *ret, struct fw_error *err)
{
    FW_TRY(start(b, trial, err));
    ret->used = b->used;
    ret->predicted = predict(b);
    for (uint32_t t = 0; t < trial->steps; t++) {
        struct fw_trial_step *step = &ret->steps[t];
        uint64_t tally[FW_N_CLASSES];
        *step = (struct fw_trial_step){
            .gradient = trial->gradients[t < trial->n_gradients ? t : trial->n_gradients - 1]};
        set_all(b->value[1], step->gradient); // it may have been overwritten
        fw_exec_set_step(b->exec, t + 1);
        FW_TRY(fw_exec_node(b->exec, 0, tally, err));
        ret->executed = fw_tally_flop(tally);
        step->w = fw_buffer_get(b->value[0], 0);
        for (unsigned i = 2; i < b->n; i++)
            step->state[i - 2] = fw_buffer_get(b->value[i], 0);
    }
    return FW_OK;
}

enum fw_status fw_trial_run(const struct fw_trial *trial, struct fw_arena *arena,
                            struct fw_trial_result *ret, struct fw_error *err)
{
    struct bench b = {.exec = NULL};
    ret->steps = fw_arena_array(arena, (size_t)trial->steps + 1, sizeof *ret->steps);
    if (ret->steps == NULL)
        return fw_fail_memory(err);
    FW_TRY(fw_model_init(&b.model, arena->alloc, err));
    enum fw_status status = run(&b, trial, ret, err);
    fw_exec_free(b.exec);
    fw_model_clear(&b.model);
    return status;
}
