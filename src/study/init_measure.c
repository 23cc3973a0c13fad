/* Measuring variances: weights, inputs and gradients of the outputs are drawn, the network runs
 * forward and backward. */
#include "base/limits.h"
#include "ops/normal.h"
#include "ops/value.h"
#include "passes/classify.h"
#include "study/init.h"
#include "study/init_run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct run {
    struct fw_analysis *a;
    struct fw_graph *g;
    const struct fw_init_scheme *scheme;
    const struct fw_variance *v;
    struct fw_init_run *run;
    struct fw_arena arena;
    const struct fw_variance_layer *
        *of;                // (tensors) the layer a parameter is the weight of, or NULL
    float *start;           // (tensors) what other parameters start at
    bool *table;            // (tensors) embeddings
    bool *wanted;           // (nodes)
    bool *looked_at;        // (tensors) outputs of layers and their gradients
    float *likely, *normal; // values of weights, and of inputs
    float *drawn;           // room for the largest tensor that is drawn
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

/* Values of a distribution with mean 0 and variance 1 that are equally likely: drawing is choosing
 * one of them, which takes a nanosecond, and VGG-16 has 138 million weights. */
enum { LIKELY_BITS = 16, LIKELY = 1 << LIKELY_BITS };

static float *likely_values(struct run *r, enum fw_distribution draw)
{
    float *v = fw_arena_array(&r->arena, LIKELY, sizeof *v);
    double square = 0, least = draw == FW_FROM_TRUNCATED ? erfc(sqrt(2)) / 2 : 0; // below -2
    for (unsigned i = 0; v != NULL && i < LIKELY; i++) {
        double p = least + (i + 0.5) / LIKELY * (1 - 2 * least);
        v[i] = (float)(draw == FW_FROM_UNIFORM ? 2 * p - 1 : fw_normal_quantile(p));
        square += (double)v[i] * (double)v[i] / LIKELY;
    }
    for (unsigned i = 0; v != NULL && i < LIKELY; i++)
        v[i] /= (float)sqrt(square);
    return v;
}

static void draw(struct run *r, const float *likely, double deviation, size_t n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits = i % (64 / LIKELY_BITS) == 0 ? fw_random(&r->random) : bits >> LIKELY_BITS;
        r->drawn[i] = (float)deviation * likely[bits % LIKELY];
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

static enum fw_status draw_layer(struct run *r, const struct fw_variance_layer *l, size_t n)
{
    size_t rows = (size_t)l->fans.rows, columns = (size_t)l->fans.columns;
    draw(r, r->likely, sqrt(l->weight), n);
    if (r->scheme->draw != FW_FROM_ORTHOGONAL)
        return FW_OK;
    double less = fmin((double)rows, (double)columns);
    FW_REQUIRE(2 * less * less * fmax((double)rows, (double)columns) < 1e10, r->err, FW_LIMIT,
               "an orthogonal matrix of %zu x %zu takes too long to draw", rows, columns);
    if (rows <= columns)
        orthonormalise(r->drawn, rows, columns, columns, 1);
    else
        orthonormalise(r->drawn, columns, rows, 1, columns);
    return FW_OK;
}

/* Elements of a tensor that is drawn; 0: it is none. */
static size_t drawn_elements(const struct run *r, uint32_t id)
{
    const struct fw_tensor *t = &r->g->tensors[id];
    bool drawn =
        (t->kind == FW_KIND_PARAM || t->kind == FW_KIND_INPUT) && fw_dtypes[t->dtype].class == 'f';
    fw_count n = drawn ? fw_tensor_elements(r->g, t) : fw_count_int(0);
    return fw_count_is_const(n) && n.word > 0 ? (size_t)n.word : 0;
}

static enum fw_status draw_tensor(struct run *r, uint32_t id)
{
    const struct fw_tensor *t = &r->g->tensors[id];
    size_t n = drawn_elements(r, id);
    bool weight = t->kind == FW_KIND_PARAM && r->of[id] != NULL;
    bool normal = t->kind == FW_KIND_INPUT || r->table[id];
    if (n == 0)
        return FW_OK;
    if (weight)
        FW_TRY(draw_layer(r, r->of[id], n));
    else if (normal)
        draw(r, r->normal, 1, n);
    for (size_t i = 0; i < n && !weight && !normal; i++)
        r->drawn[i] = r->start[id];
    return fw_init_run_put(r->run, id, r->drawn, n, r->err);
}

static enum fw_status draw_all(struct run *r)
{
    for (uint32_t i = 0; i < r->g->n_tensors; i++)
        FW_TRY(draw_tensor(r, i));
    return FW_OK;
}

static enum fw_status make_room(struct run *r)
{
    size_t most = 0;
    for (uint32_t i = 0; i < r->g->n_tensors; i++)
        if (drawn_elements(r, i) > most)
            most = drawn_elements(r, i);
    r->drawn = fw_arena_array(&r->arena, most + 1, sizeof *r->drawn);
    r->likely = likely_values(r, r->scheme->draw);
    r->normal = likely_values(r, FW_FROM_NORMAL);
    return r->drawn != NULL && r->likely != NULL && r->normal != NULL ? FW_OK
                                                                      : fw_fail_memory(r->err);
}

/* ---- measuring ---- */

static uint32_t gradient_of(const struct run *r, uint32_t layer)
{
    uint32_t out = r->g->nodes[r->v->layers[layer].node].out[0];
    return out < r->g->n_gradients ? r->g->gradients[out] : FW_NONE;
}

static uint32_t output_of(const struct run *r, uint32_t layer)
{
    return r->g->nodes[r->v->layers[layer].node].out[0];
}

/* What the layers make; nodes of the forward pass, and those that its gradients come from. */
static enum fw_status mark_wanted(struct run *r)
{
    bool *tensor = fw_arena_zalloc(&r->arena, r->g->n_tensors + 1u);
    r->looked_at = fw_arena_zalloc(&r->arena, r->g->n_tensors + 1u);
    r->wanted = fw_arena_zalloc(&r->arena, r->g->n_nodes + 1u);
    if (tensor == NULL || r->wanted == NULL || r->looked_at == NULL)
        return fw_fail_memory(r->err);
    for (uint32_t i = 0; i < r->v->n_layers; i++) {
        r->looked_at[output_of(r, i)] = true;
        if (gradient_of(r, i) != FW_NONE)
            r->looked_at[gradient_of(r, i)] = true;
    }
    memcpy(tensor, r->looked_at, r->g->n_tensors);
    for (uint32_t id = r->g->n_nodes; id-- > 0;) {
        const struct fw_node *n = &r->g->nodes[id];
        r->wanted[id] = n->phase == FW_PHASE_FORWARD;
        for (unsigned k = 0; k < n->n_out; k++)
            r->wanted[id] |= n->out[k] != FW_NONE && tensor[n->out[k]];
        for (unsigned k = 0; k < n->n_in && r->wanted[id]; k++)
            if (n->in[k] != FW_NONE)
                tensor[n->in[k]] = true;
    }
    return FW_OK;
}

static double square_of(const struct run *r, uint32_t tensor)
{
    return tensor != FW_NONE ? fw_init_run_square(r->run, tensor) : NAN;
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

static void add_draw(struct run *r, struct fw_init_measure *sums)
{
    for (uint32_t i = 0; i < r->v->n_layers; i++) {
        add_sample(square_of(r, output_of(r, i)), &sums[i].forward, &sums[i].forward_error);
        add_sample(square_of(r, gradient_of(r, i)), &sums[i].backward, &sums[i].backward_error);
    }
}

/* ---- how many draws ---- */

/* Without a number: until every mean is known to a percent, but not more than a thousand, nor than
 * are done in some minutes. Chance adds up from layer to layer: a single draw of a network without
 * normalisation is easily off by a third. */
enum { FEWEST = 16, MOST = 1000, EVERY = 8 };
static const double precise = 0.01, most_flop = 1.5e13;

static bool is_precise(double mean, double error)
{
    return isnan(mean) || error <= precise * mean;
}

static bool all_precise(const struct run *r, const struct fw_init_measure *sums, uint32_t draws)
{
    bool all = draws >= FEWEST && draws % EVERY == 0;
    for (uint32_t i = 0; i < r->v->n_layers && all; i++) {
        struct fw_init_measure m = sums[i];
        finish(&m.forward, &m.forward_error, draws);
        finish(&m.backward, &m.backward_error, draws);
        all = is_precise(m.forward, m.forward_error) && is_precise(m.backward, m.backward_error);
    }
    return all;
}

/* Forward, and back to the activations, which takes as much. */
static uint32_t most_draws(const struct run *r)
{
    struct fw_symbols *sym = r->a->model.sym;
    double flop =
        2 * fw_count_to_double(sym, fw_cost_flop(sym, &r->a->totals.phase[FW_PHASE_FORWARD]));
    return flop * MOST > most_flop ? (uint32_t)fmax(most_flop / flop, FEWEST) : MOST;
}

/* draws 0: as many as are needed. */
static enum fw_status measure(struct run *r, uint32_t draws, struct fw_init_measured *ret)
{
    struct fw_init_measure *sums = ret->layers;
    uint32_t most = draws > 0 ? draws : most_draws(r);
    memset(sums, 0, r->v->n_layers * sizeof *sums);
    ret->draws = 0;
    while (ret->draws < most && (draws > 0 || !all_precise(r, sums, ret->draws))) {
        (void)fw_limits_renew(r->g->alloc); // every draw has the limit of time
        FW_TRY(draw_all(r));
        FW_TRY(fw_init_run_once(r->run, r->err));
        add_draw(r, sums);
        ret->draws++;
    }
    (void)fw_limits_renew(r->g->alloc);
    for (uint32_t i = 0; i < r->v->n_layers; i++) {
        finish(&sums[i].forward, &sums[i].forward_error, ret->draws);
        finish(&sums[i].backward, &sums[i].backward_error, ret->draws);
    }
    return FW_OK;
}

enum fw_status fw_init_simulate(struct fw_analysis *a, const struct fw_init_scheme *scheme,
                                const struct fw_variance *v, uint32_t draws, uint64_t seed,
                                struct fw_init_measured *ret, struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    struct run r = {.a = a, .g = g, .scheme = scheme, .v = v, .random = seed, .err = err};
    fw_arena_init(&r.arena, a->model.alloc);
    enum fw_status status = look_around(&r);
    if (status == FW_OK)
        status = make_room(&r);
    if (status == FW_OK)
        status = fw_init_run_new(&r.run, a,
                                 &(struct fw_init_run_options){r.wanted, r.looked_at, seed}, err);
    if (status == FW_OK)
        status = measure(&r, draws, ret);
    fw_init_run_free(r.run);
    fw_arena_clear(&r.arena);
    return status;
}
