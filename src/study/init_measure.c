/* Measuring variances: weights, inputs and gradients of the outputs are drawn, the reference
 * kernels run, forward and backward. */
#include "base/limits.h"
#include "engine/exec.h"
#include "passes/classify.h"
#include "study/init.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct run {
    struct fw_analysis *a;
    struct fw_graph *g;
    const struct fw_init_scheme *scheme;
    const struct fw_variance *v;
    struct fw_exec *exec;
    struct fw_arena arena;
    const struct fw_variance_layer *
        *of;      // (tensors) the layer a parameter is the weight of, or NULL
    float *start; // (tensors) what other parameters start at
    bool *table;  // (tensors) embeddings
    bool *wanted; // (nodes)
    uint64_t random;
    struct fw_error *err;
};

/* ---- what each parameter is ---- */

static bool is_parameter(const struct fw_graph *g, uint32_t t)
{
    return t != FW_NONE && g->tensors[t].kind == FW_KIND_PARAM;
}

/* The weight is the parameter with the most elements among the layer's inputs. */
static enum fw_status note_layer(struct run *r, const struct fw_variance_layer *l)
{
    const struct fw_node *n = &r->g->nodes[l->node];
    uint32_t best = FW_NONE;
    fw_i128 most = 0;
    for (unsigned i = 0; i < n->n_in; i++) {
        uint32_t t = fw_stored_at(r->g, n->in[i]);
        fw_count size =
            is_parameter(r->g, t) ? fw_tensor_elements(r->g, &r->g->tensors[t]) : fw_count_int(0);
        if (size.word > most) {
            most = size.word;
            best = t;
        }
    }
    if (best == FW_NONE) {
        (void)fw_fail(r->err, FW_UNSUPPORTED, -1,
                      "its weight is computed from stored tensors and cannot be drawn");
        fw_error_at_node(r->err, r->g, l->node);
        return FW_UNSUPPORTED;
    }
    r->of[best] = l;
    return FW_OK;
}

static void note_start(struct run *r, const struct fw_node *n)
{
    const struct fw_moment_rule *rule = n->op->moments;
    for (unsigned i = 0; rule != NULL && i < n->n_in; i++) {
        uint32_t t = fw_stored_at(r->g, n->in[i]);
        if (!is_parameter(r->g, t))
            continue;
        if (i < 32 && (rule->ones >> i & 1u))
            r->start[t] = 1;
        else if (rule->start != 0)
            r->start[t] = (float)rule->start;
        r->table[t] |= rule == &fw_moments_table;
    }
}

static enum fw_status mark_wanted(struct run *r);

static enum fw_status look_around(struct run *r)
{
    r->of = fw_arena_zalloc(&r->arena, (r->g->n_tensors + 1u) * sizeof *r->of);
    r->start = fw_arena_zalloc(&r->arena, (r->g->n_tensors + 1u) * sizeof *r->start);
    r->table = fw_arena_zalloc(&r->arena, r->g->n_tensors + 1u);
    if (r->of == NULL || r->start == NULL || r->table == NULL)
        return fw_fail_memory(r->err);
    for (uint32_t i = 0; i < r->a->n_forward; i++)
        note_start(r, &r->g->nodes[i]);
    for (uint32_t i = 0; i < r->v->n_layers; i++)
        FW_TRY(note_layer(r, &r->v->layers[i]));
    return mark_wanted(r);
}

/* ---- drawing ---- */

static double draw(struct run *r, double deviation)
{
    double z;
    switch ((enum fw_draw)r->scheme->draw) {
    case FW_DRAW_UNIFORM:
        return deviation * sqrt(3) * (2 * fw_random_unit(&r->random) - 1);
    case FW_DRAW_TRUNCATED:
        do
            z = fw_random_normal(&r->random);
        while (fabs(z) > 2);
        return deviation * z / FW_TRUNCATED_DEVIATION;
    default:
        return deviation * fw_random_normal(&r->random);
    }
}

/* Orthonormal vectors of length n, k of them (k <= n), by Gram and Schmidt, twice for rounding.
 * Vector i has its elements at v[i*step_i + j*step_j]. */
static void orthonormalise(float *v, size_t k, size_t n, size_t step_i, size_t step_j)
{
    for (size_t i = 0; i < k; i++) {
        for (size_t pass = 0; pass < 2; pass++)
            for (size_t b = 0; b < i; b++) {
                double dot = 0;
                for (size_t j = 0; j < n; j++)
                    dot += (double)v[i * step_i + j * step_j] * v[b * step_i + j * step_j];
                for (size_t j = 0; j < n; j++)
                    v[i * step_i + j * step_j] -= (float)(dot * v[b * step_i + j * step_j]);
            }
        double square = 0;
        for (size_t j = 0; j < n; j++)
            square += (double)v[i * step_i + j * step_j] * v[i * step_i + j * step_j];
        for (size_t j = 0; j < n; j++)
            v[i * step_i + j * step_j] /= (float)sqrt(square);
    }
}

static enum fw_status draw_layer(struct run *r, const struct fw_variance_layer *l,
                                 struct fw_buffer *v)
{
    size_t rows = (size_t)l->fans.rows, columns = (size_t)l->fans.columns;
    float *data = v->data;
    for (size_t i = 0; i < v->n; i++)
        data[i] = (float)draw(r, sqrt(l->weight));
    if (r->scheme->draw != FW_DRAW_ORTHOGONAL)
        return FW_OK;
    double less = fmin((double)rows, (double)columns);
    FW_REQUIRE(2 * less * less * fmax((double)rows, (double)columns) < 1e10, r->err, FW_LIMIT,
               "an orthogonal matrix of %zu x %zu takes too long to draw", rows, columns);
    if (rows <= columns)
        orthonormalise(data, rows, columns, columns, 1);
    else
        orthonormalise(data, columns, rows, 1, columns);
    return FW_OK;
}

static enum fw_status draw_tensor(struct run *r, uint32_t id)
{
    const struct fw_tensor *t = &r->g->tensors[id];
    struct fw_buffer *v;
    if (t->kind == FW_KIND_INPUT && fw_dtypes[t->dtype].class != 'f')
        return FW_OK; // filled by the executor
    FW_TRY(fw_exec_give(r->exec, id, 0, NULL, &v, r->err));
    if (t->kind == FW_KIND_PARAM && r->of[id] != NULL)
        return draw_layer(r, r->of[id], v);
    bool normal = t->kind == FW_KIND_INPUT || r->table[id];
    for (size_t i = 0; i < v->n; i++)
        fw_buffer_put(v, i, normal ? fw_random_normal(&r->random) : (double)r->start[id]);
    return FW_OK;
}

static enum fw_status draw_all(struct run *r)
{
    for (uint32_t i = 0; i < r->g->n_tensors; i++)
        if (r->g->tensors[i].kind == FW_KIND_PARAM || r->g->tensors[i].kind == FW_KIND_INPUT)
            FW_TRY(draw_tensor(r, i));
    return fw_exec_fill(r->exec, r->err);
}

/* ---- measuring ---- */

static uint32_t gradient_of(const struct run *r, uint32_t layer)
{
    uint32_t out = r->g->nodes[r->v->layers[layer].node].out[0];
    return out < r->g->n_gradients ? r->g->gradients[out] : FW_NONE;
}

/* Nodes of the forward pass, and those that the gradients which are looked at come from. */
static enum fw_status mark_wanted(struct run *r)
{
    bool *tensor = fw_arena_zalloc(&r->arena, r->g->n_tensors + 1u);
    r->wanted = fw_arena_zalloc(&r->arena, r->g->n_nodes + 1u);
    if (tensor == NULL || r->wanted == NULL)
        return fw_fail_memory(r->err);
    for (uint32_t i = 0; i < r->v->n_layers; i++)
        if (gradient_of(r, i) != FW_NONE)
            tensor[gradient_of(r, i)] = true;
    for (uint32_t id = r->g->n_nodes; id-- > 0;) {
        const struct fw_node *n = &r->g->nodes[id];
        for (unsigned k = 0; k < n->n_out; k++)
            r->wanted[id] |= n->out[k] != FW_NONE && tensor[n->out[k]];
        r->wanted[id] |= n->phase == FW_PHASE_FORWARD;
        for (unsigned k = 0; k < n->n_in && r->wanted[id]; k++)
            if (n->in[k] != FW_NONE)
                tensor[n->in[k]] = true;
    }
    return FW_OK;
}

static enum fw_status execute(struct run *r)
{
    for (uint32_t i = 0; i < r->g->n_nodes; i++)
        if (r->wanted[i])
            FW_TRY(fw_exec_node(r->exec, i, NULL, r->err));
    return FW_OK;
}

static double mean_square(struct run *r, uint32_t id)
{
    struct fw_buffer *v = id != FW_NONE ? fw_exec_value(r->exec, id) : NULL;
    double sum = 0;
    if (v == NULL || v->data == NULL || v->n == 0)
        return NAN;
    for (size_t i = 0; i < v->n; i++) {
        double x = fw_buffer_get(v, i);
        sum += x * x;
    }
    return sum / (double)v->n;
}

static void add_sample(double x, double *sum, double *squares)
{
    *sum += x;
    *squares += x * x;
}

static void finish(double *sum, double *squares, double n)
{
    double mean = *sum / n;
    *squares = n > 1 ? sqrt(fmax(*squares / n - mean * mean, 0) / (n - 1)) : NAN;
    *sum = mean;
}

static enum fw_status measure(struct run *r, uint32_t draws, struct fw_init_measure *ret)
{
    const struct fw_variance *v = r->v;
    memset(ret, 0, v->n_layers * sizeof *ret);
    for (uint32_t k = 0; k < draws; k++) {
        (void)fw_limits_renew(r->g->alloc);
        FW_TRY(draw_all(r));
        FW_TRY(execute(r));
        for (uint32_t i = 0; i < v->n_layers; i++) {
            uint32_t out = r->g->nodes[v->layers[i].node].out[0];
            uint32_t grad = gradient_of(r, i);
            add_sample(mean_square(r, out), &ret[i].forward, &ret[i].forward_error);
            add_sample(mean_square(r, grad), &ret[i].backward, &ret[i].backward_error);
        }
    }
    for (uint32_t i = 0; i < v->n_layers; i++) {
        finish(&ret[i].forward, &ret[i].forward_error, draws);
        finish(&ret[i].backward, &ret[i].backward_error, draws);
    }
    return FW_OK;
}

enum fw_status fw_init_simulate(struct fw_analysis *a, const struct fw_init_scheme *scheme,
                                const struct fw_variance *v, uint32_t draws, uint64_t seed,
                                struct fw_init_measure *ret, struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    struct run r = {.a = a, .g = g, .scheme = scheme, .v = v, .random = seed, .err = err};
    struct fw_exec_options how = {.build = FW_PLAIN, .seed = seed, .alloc = a->model.alloc};
    fw_arena_init(&r.arena, a->model.alloc);
    enum fw_status status = look_around(&r);
    if (status == FW_OK)
        status = fw_exec_new(&r.exec, g, &how, err);
    if (status == FW_OK)
        status = measure(&r, draws, ret);
    fw_exec_free(r.exec);
    fw_arena_clear(&r.arena);
    return status;
}
