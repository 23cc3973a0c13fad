/* See init_run.h. */
#include "study/init_run.h"

#include "engine/engine.h"
#include "engine/exec.h"
#include "engine/program.h"
#include "study/execute.h"

#include <math.h>
#include <string.h>

struct fw_init_run {
    struct fw_graph *g;
    struct fw_init_run_options o;
    struct fw_engine *engine; // or
    struct fw_exec *exec;
    const struct fw_places *places;
    struct fw_arena arena;
    bool *taken;    // (n_tensors) whose square is taken: those watched, without views
    double *square; // (n_tensors)
};

static double mean_square(const float *x, size_t n)
{
    enum { LANES = 8 };
    double sum[LANES] = {0}, all = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (unsigned l = 0; l < LANES; l++)
            sum[l] += (double)x[i + l] * (double)x[i + l];
    for (; i < n; i++)
        all += (double)x[i] * (double)x[i];
    for (unsigned l = 0; l < LANES; l++)
        all += sum[l];
    return n > 0 ? all / (double)n : NAN;
}

static size_t elements(const struct fw_graph *g, uint32_t tensor)
{
    fw_count n = fw_tensor_elements(g, &g->tensors[tensor]);
    return fw_count_is_const(n) ? (size_t)n.word : 0;
}

/* The tensor that this one is a view of: only its shape is another one. */
static uint32_t without_views(const struct fw_graph *g, uint32_t tensor)
{
    uint32_t producer = g->tensors[tensor].producer;
    while (producer != FW_NONE && (g->nodes[producer].op->flags & FW_OP_VIEW)) {
        tensor = g->nodes[producer].in[0];
        producer = g->tensors[tensor].producer;
    }
    return tensor;
}

/* ---- by the engine ---- */

static void see(void *ctx, uint32_t tensor, const void *data)
{
    struct fw_init_run *r = ctx;
    r->square[tensor] = mean_square(data, elements(r->g, tensor));
}

static enum fw_status watch(struct fw_init_run *r, struct fw_error *err)
{
    const struct fw_graph *g = r->g;
    size_t most = 0;
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (r->taken[i] && elements(g, i) > most)
            most = elements(g, i);
    float *copy = fw_arena_array(&r->arena, most + 1, sizeof *copy);
    if (copy == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (r->taken[i] && g->tensors[i].producer != FW_NONE)
            FW_TRY(fw_engine_watch(r->engine, i, copy, see, r, err));
    return FW_OK;
}

static enum fw_status open_engine(struct fw_init_run *r, struct fw_analysis *a,
                                  struct fw_error *err)
{
    struct fw_engine_options how = {.fast = strcmp(fw_dnn_version(), "none") != 0,
                                    .wanted = r->o.wanted,
                                    .seed = r->o.seed,
                                    .apart = true};
    how.n_threads = how.fast ? fw_usable_cores() : 1;
    if (how.n_threads > FW_MAX_THREADS)
        how.n_threads = FW_MAX_THREADS;
    r->places = fw_execution_places(a);
    FW_TRY(fw_engine_new(&r->engine, r->g, r->places, &how, &fw_alloc_default, err));
    FW_TRY(watch(r, err));
    return fw_engine_fill(r->engine, err);
}

/* ---- by the reference kernels ---- */

static enum fw_status run_nodes(struct fw_init_run *r, struct fw_error *err)
{
    FW_TRY(fw_exec_fill(r->exec, err));
    for (uint32_t i = 0; i < r->g->n_nodes; i++)
        if (r->o.wanted[i])
            FW_TRY(fw_exec_node(r->exec, i, NULL, err));
    for (uint32_t i = 0; i < r->g->n_tensors; i++) {
        const struct fw_buffer *v = r->taken[i] ? fw_exec_value(r->exec, i) : NULL;
        double sum = 0;
        if (v == NULL || v->data == NULL || v->n == 0)
            continue;
        for (size_t k = 0; k < v->n; k++)
            sum += fw_buffer_get(v, k) * fw_buffer_get(v, k);
        r->square[i] = sum / (double)v->n;
    }
    return FW_OK;
}

/* ---- both ---- */

static enum fw_status open_run(struct fw_init_run *r, struct fw_analysis *a, struct fw_error *err)
{
    struct fw_exec_options how = {.build = FW_PLAIN, .seed = r->o.seed, .alloc = a->model.alloc};
    r->square = fw_arena_array(&r->arena, r->g->n_tensors + 1u, sizeof *r->square);
    r->taken = fw_arena_zalloc(&r->arena, r->g->n_tensors + 1u);
    if (r->square == NULL || r->taken == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < r->g->n_tensors; i++) {
        r->square[i] = NAN;
        if (r->o.watched[i])
            r->taken[without_views(r->g, i)] = true;
    }
    enum fw_status status = open_engine(r, a, err);
    if (status != FW_UNSUPPORTED)
        return status;
    fw_engine_free(r->engine);
    r->engine = NULL;
    return fw_exec_new(&r->exec, r->g, &how, err);
}

enum fw_status fw_init_run_new(struct fw_init_run **ret, struct fw_analysis *a,
                               const struct fw_init_run_options *options, struct fw_error *err)
{
    struct fw_init_run *r = fw_mem_resize(a->model.alloc, NULL, 0, sizeof *r);
    if (r == NULL)
        return fw_fail_memory(err);
    *r = (struct fw_init_run){.g = &a->model.graph, .o = *options};
    fw_arena_init(&r->arena, a->model.alloc);
    enum fw_status status = open_run(r, a, err);
    if (status != FW_OK)
        fw_init_run_free(r);
    else
        *ret = r;
    return status;
}

void fw_init_run_free(struct fw_init_run *r)
{
    if (r == NULL)
        return;
    fw_engine_free(r->engine);
    fw_exec_free(r->exec);
    const struct fw_alloc *alloc = r->arena.alloc;
    fw_arena_clear(&r->arena);
    fw_mem_resize(alloc, r, sizeof *r, 0);
}

enum fw_status fw_init_run_put(struct fw_init_run *r, uint32_t tensor, const float *data, size_t n,
                               struct fw_error *err)
{
    struct fw_buffer *v;
    if (r->taken[tensor]) // no node makes it
        r->square[tensor] = mean_square(data, n);
    if (r->engine != NULL)
        return r->places->at[tensor].bytes > 0
                   ? fw_engine_write(r->engine, tensor, data, n * sizeof *data, err)
                   : FW_OK; // nothing reads it
    FW_TRY(fw_exec_give(r->exec, tensor, 0, NULL, &v, err));
    for (size_t i = 0; i < n && i < v->n; i++)
        fw_buffer_put(v, i, (double)data[i]);
    return FW_OK;
}

enum fw_status fw_init_run_once(struct fw_init_run *r, struct fw_error *err)
{
    return r->engine != NULL ? fw_engine_run(r->engine, false, NULL, err) : run_nodes(r, err);
}

double fw_init_run_square(const struct fw_init_run *r, uint32_t tensor)
{
    return r->square[without_views(r->g, tensor)];
}
