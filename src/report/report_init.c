/* flopwise.init/1: variances at initialisation, per layer and by scheme. */
#include "report/answers.h"
#include "study/init.h"

#include <math.h>
#include <string.h>

struct page {
    struct fw_report *r;
    struct fw_analysis *a;
    const struct fw_init_asked *asked;
    struct fw_variance v;
    struct fw_init_measured measured; // layers NULL: nothing was executed
};

static struct fw_value number(double x)
{
    return isnan(x) ? fw_value_kind(FW_VALUE_NULL) : fw_value_float(x);
}

static enum fw_status add(struct fw_report *r, const struct fw_table *t, struct fw_error *err)
{
    if (t == NULL)
        return fw_fail_memory(err);
    fw_report_add(r, t);
    return FW_OK;
}

static uint32_t output_of(const struct page *p, uint32_t layer)
{
    return p->a->model.graph.nodes[p->v.layers[layer].node].out[0];
}

static double forward_of(const struct fw_variance *v, uint32_t out)
{
    const struct fw_moments *y = &v->tensors[out];
    return y->second - y->mean * y->mean;
}

/* ---- layers ---- */

enum {
    NAME,
    OP,
    FAN_IN,
    FAN_OUT,
    FUNCTION,
    GAIN,
    STD,
    KEEP,
    FORWARD,
    MEASURED,
    MEASURED_ERROR,
    BACKWARD,
    MEASURED_BACK,
    MEASURED_BACK_ERROR,
    N_COLUMNS
};

static const struct fw_column columns[N_COLUMNS] = {
    [NAME] = {"name", "layer", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    [OP] = {"op", "op", "", FW_UNIT_NONE, FW_VIEW_WIDE},
    [FAN_IN] = {"fan_in", "fan-in", "products that make one output value", FW_UNIT_COUNT,
                FW_VIEW_TABLE},
    [FAN_OUT] = {"fan_out", "fan-out", "products an input value takes part in", FW_UNIT_COUNT,
                 FW_VIEW_WIDE},
    [FUNCTION] = {"function", "after", "the function its input went through", FW_UNIT_NONE,
                  FW_VIEW_TABLE},
    [GAIN] = {"gain", "gain", "1/sqrt(E f(z)^2) of that function", FW_UNIT_NONE, FW_VIEW_WIDE},
    [STD] = {"std", "std", "deviation of the weights under the scheme", FW_UNIT_NONE,
             FW_VIEW_TABLE},
    [KEEP] = {"keeping_std", "to keep", "deviation that keeps the variance: gain/sqrt(fan-in)",
              FW_UNIT_NONE, FW_VIEW_TABLE},
    [FORWARD] = {"forward", "variance", "of its output, predicted", FW_UNIT_NONE, FW_VIEW_TABLE},
    [MEASURED] = {"measured_forward", "measured", "mean square of its output over all draws",
                  FW_UNIT_NONE, FW_VIEW_TABLE},
    [MEASURED_ERROR] = {"measured_forward_error", "+-", "standard error of that", FW_UNIT_NONE,
                        FW_VIEW_TABLE},
    [BACKWARD] = {"backward", "gradient",
                  "variance of the gradient of its output, predicted; that "
                  "of the network's outputs is 1",
                  FW_UNIT_NONE, FW_VIEW_TABLE},
    [MEASURED_BACK] = {"measured_backward", "measured", "mean square over all draws", FW_UNIT_NONE,
                       FW_VIEW_TABLE},
    [MEASURED_BACK_ERROR] = {"measured_backward_error", "+-", "standard error of that",
                             FW_UNIT_NONE, FW_VIEW_TABLE},
};

static const char *name_of(struct page *p, uint32_t node)
{
    const struct fw_node *n = &p->a->model.graph.nodes[node];
    if (n->name != NULL && n->name[0] != '\0')
        return n->name;
    const char *text = fw_arena_printf(&p->r->arena, "%s_%u", n->op->name, node);
    return text != NULL ? text : n->op->name;
}

static void fill_layer(struct page *p, uint32_t i, struct fw_value *v)
{
    const struct fw_variance_layer *l = &p->v.layers[i];
    const struct fw_moments *y = &p->v.tensors[output_of(p, i)];
    v[NAME] = fw_value_text(name_of(p, l->node));
    v[OP] = fw_value_text(p->a->model.graph.nodes[l->node].op->name);
    v[FAN_IN] = fw_value_int((int64_t)l->fans.in);
    v[FAN_OUT] = fw_value_int((int64_t)l->fans.out);
    v[FUNCTION] = fw_value_text(l->function);
    v[GAIN] = fw_value_float(l->gain);
    v[STD] = fw_value_float(sqrt(l->weight));
    v[KEEP] = fw_value_float(l->gain / sqrt(l->fans.in));
    v[FORWARD] = fw_value_float(forward_of(&p->v, output_of(p, i)));
    v[BACKWARD] = y->grad > 0 ? fw_value_float(y->grad) : fw_value_kind(FW_VALUE_NULL);
    v[MEASURED] = v[MEASURED_ERROR] = v[MEASURED_BACK] = v[MEASURED_BACK_ERROR] =
        fw_value_kind(FW_VALUE_ABSENT);
    if (p->measured.layers == NULL)
        return;
    const struct fw_init_measure *m = &p->measured.layers[i];
    v[MEASURED] = number(m->forward);
    v[MEASURED_ERROR] = number(m->forward_error);
    v[MEASURED_BACK] = number(m->backward);
    v[MEASURED_BACK_ERROR] = number(m->backward_error);
}

/* The columns that this answer shows: measurements take the room of what a scheme is judged by. */
static const struct fw_column *shown_columns(struct page *p)
{
    static const bool of_measuring[N_COLUMNS] = {[MEASURED] = true,
                                                 [MEASURED_ERROR] = true,
                                                 [MEASURED_BACK] = true,
                                                 [MEASURED_BACK_ERROR] = true};
    static const bool of_scheme[N_COLUMNS] = {
        [FAN_IN] = true, [FUNCTION] = true, [STD] = true, [KEEP] = true};
    struct fw_column *c = fw_arena_copy(&p->r->arena, columns, sizeof columns);
    bool measured = p->measured.layers != NULL;
    for (unsigned i = 0; c != NULL && i < N_COLUMNS; i++) {
        if (of_measuring[i] && !measured)
            c[i].views = 0;
        if (of_scheme[i] && measured)
            c[i].views = FW_VIEW_WIDE;
    }
    return c;
}

static enum fw_status add_layers(struct page *p, struct fw_error *err)
{
    static const struct fw_table head = {.key = "layers",
                                         .title = "Layers",
                                         .empty = "no layer with weights",
                                         .flags = FW_TABLE_MAIN};
    const struct fw_column *c = shown_columns(p);
    struct fw_value *v =
        fw_arena_array(&p->r->arena, (size_t)p->v.n_layers * N_COLUMNS + 1, sizeof *v);
    if (c == NULL || v == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < p->v.n_layers; i++)
        fill_layer(p, i, v + (size_t)i * N_COLUMNS);
    return add(p->r, fw_rows_new(p->r, &head, c, N_COLUMNS, v, p->v.n_layers), err);
}

/* ---- functions ---- */

enum { MAX_FUNCTIONS = 32 };

static enum fw_status add_functions(struct page *p, struct fw_error *err)
{
    enum { N = 6 };
    static const struct fw_column c[N] = {
        {"function", "function f", "operators, one after the other", FW_UNIT_NONE,
         FW_VIEW_TABLE | FW_VIEW_NAME},
        {"mean", "E f(z)", "z standard normal", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"second", "E f(z)^2", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"gain", "gain", "1/sqrt(E f(z)^2), which keeps the second moment", FW_UNIT_NONE,
         FW_VIEW_TABLE},
        {"centred_gain", "centred gain", "1/deviation of f(z): when the mean is taken away",
         FW_UNIT_NONE, FW_VIEW_TABLE},
        {"layers", "layers", "that read its result", FW_UNIT_COUNT, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {
        .key = "functions", .title = "Functions between the layers", .flags = FW_TABLE_SKIP_EMPTY};
    struct fw_value v[MAX_FUNCTIONS * N];
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->v.n_layers; i++) {
        const struct fw_variance_layer *l = &p->v.layers[i];
        uint32_t k = 0;
        if (l->function == NULL)
            continue;
        while (k < n && (strcmp(v[(size_t)k * N].text, l->function) != 0 ||
                         fabs(v[k * N + 3].f - l->gain) > 1e-9))
            k++;
        if (k == MAX_FUNCTIONS)
            continue;
        if (k < n) {
            v[k * N + 5].i++;
            continue;
        }
        double square = 1 / (l->gain * l->gain), mean = l->mean;
        v[(size_t)n * N] = fw_value_text(l->function);
        v[n * N + 1] = fw_value_float(mean);
        v[n * N + 2] = fw_value_float(square);
        v[n * N + 3] = fw_value_float(l->gain);
        v[n * N + 4] = number(square > mean * mean ? 1 / sqrt(square - mean * mean) : NAN);
        v[n++ * N + 5] = fw_value_int(1);
    }
    return add(p->r, fw_rows_new(p->r, &head, c, N, v, n), err);
}

/* ---- schemes ---- */

static const char *verdict(double factor)
{
    return factor < 0.8 ? "fades" : factor > 1.25 ? "grows" : "keeps";
}

/* Per layer, what the variance is multiplied with on the way through the network. */
static double factor_of(double from, double to, uint32_t layers)
{
    return from > 0 && to > 0 && layers > 1 ? pow(to / from, 1.0 / (layers - 1)) : NAN;
}

static enum fw_status fill_scheme(struct page *p, const struct fw_init_scheme *s,
                                  struct fw_value *v, struct fw_error *err)
{
    struct fw_variance with = p->v;
    struct fw_arena arena;
    fw_arena_init(&arena, p->a->model.alloc);
    enum fw_status status =
        s == p->asked->scheme ? FW_OK : fw_init_predict(p->a, s, true, &arena, &with, err);
    if (status != FW_OK) {
        fw_arena_clear(&arena);
        return status;
    }
    uint32_t n = with.n_layers, first = output_of(p, 0), last = output_of(p, n - 1);
    double forward = factor_of(forward_of(&with, first), forward_of(&with, last), n);
    double backward = factor_of(with.tensors[last].grad, with.tensors[first].grad, n);
    v[0] = fw_value_text(s->name);
    v[1] = fw_value_text(s->rule);
    v[2] = fw_value_float(forward_of(&with, last));
    v[3] = number(forward);
    v[4] = fw_value_float(with.tensors[first].grad);
    v[5] = number(backward);
    v[6] = fw_value_text(isnan(forward) ? NULL : verdict(forward));
    v[7] = fw_value_text(isnan(backward) ? NULL : verdict(backward));
    v[8] = fw_value_text(s->doc);
    fw_arena_clear(&arena);
    return FW_OK;
}

static enum fw_status add_schemes(struct page *p, struct fw_error *err)
{
    enum { N = 9, MAX = 16 };
    static const struct fw_column c[N] = {
        {"scheme", "scheme", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"rule", "variance of weights", "n_in fan-in, n_out fan-out", FW_UNIT_NONE, FW_VIEW_WIDE},
        {"forward", "variance", "of the output of the last layer", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"forward_factor", "per layer", "what a layer multiplies the variance with", FW_UNIT_NONE,
         FW_VIEW_TABLE},
        {"backward", "gradient", "variance of the gradient of the first layer's output",
         FW_UNIT_NONE, FW_VIEW_TABLE},
        {"backward_factor", "per layer", "what a layer multiplies it with", FW_UNIT_NONE,
         FW_VIEW_TABLE},
        {"forward_verdict", "forward", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"backward_verdict", "backward", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"doc", "what it is", "", FW_UNIT_NONE, FW_VIEW_WIDE | FW_VIEW_WRAP},
    };
    static const struct fw_table head = {
        .key = "schemes",
        .title = "What each scheme would do: variance of the last layer, of the first gradient"};
    struct fw_value v[MAX * N];
    uint32_t n = p->v.n_layers == 0 ? 0 : fw_n_init_schemes < MAX ? fw_n_init_schemes : MAX;
    for (uint32_t i = 0; i < n; i++)
        FW_TRY(fill_scheme(p, &fw_init_schemes[i], v + (size_t)i * N, err));
    return add(p->r, fw_rows_new(p->r, &head, c, N, v, n), err);
}

/* ---- what it stands on, and what is missing ---- */

static enum fw_status add_assumptions(struct page *p, struct fw_error *err)
{
    enum { MAX = 24 };
    static const struct fw_column c[1] = {
        {"text", "assumption", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP}};
    static const struct fw_table head = {.key = "assumptions", .title = "Assumptions"};
    const struct fw_graph *g = &p->a->model.graph;
    struct fw_value v[MAX];
    uint32_t n = 0;
    v[n++] = fw_value_text("weights independent with mean 0, biases 0, scales 1");
    v[n++] = fw_value_text("inputs and the gradients of outputs standard normal");
    for (uint32_t i = 0; i < p->a->n_forward && n < MAX; i++) {
        const struct fw_moment_rule *rule = g->nodes[i].op->moments;
        const char *text = rule != NULL && p->v.gap[i] == 0 ? rule->assumption : NULL;
        uint32_t k = 0;
        while (text != NULL && k < n && v[k].text != text)
            k++;
        if (text != NULL && k == n)
            v[n++] = fw_value_text(text);
    }
    return add(p->r, fw_rows_new(p->r, &head, c, 1, v, n), err);
}

static enum fw_status add_missing(struct page *p, struct fw_error *err)
{
    enum { N = 3, MAX = 64 };
    static const struct fw_column c[N] = {
        {"op", "operator", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"nodes", "nodes", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"first", "first one", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    };
    static const struct fw_table head = {.key = "missing",
                                         .title = "No rule: what follows is not known",
                                         .flags = FW_TABLE_SKIP_EMPTY};
    const struct fw_graph *g = &p->a->model.graph;
    struct fw_value v[MAX * N];
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->v.n_nodes; i++) {
        uint32_t k = 0;
        if (p->v.gap[i] != 1)
            continue;
        while (k < n && strcmp(v[(size_t)k * N].text, g->nodes[i].op->name) != 0)
            k++;
        if (k < n) {
            v[k * N + 1].i++;
        } else if (n < MAX) {
            v[(size_t)n * N] = fw_value_text(g->nodes[i].op->name);
            v[n * N + 1] = fw_value_int(1);
            v[n++ * N + 2] = fw_value_text(name_of(p, i));
        }
    }
    p->r->status = n > 0 ? FW_UNSUPPORTED : FW_OK;
    return add(p->r, fw_rows_new(p->r, &head, c, N, v, n), err);
}

/* ---- the whole ---- */

static enum fw_status simulate(struct page *p, struct fw_error *err)
{
    const struct fw_init_asked *q = p->asked;
    struct fw_init_measure *m = fw_arena_array(&p->r->arena, (size_t)p->v.n_layers + 1, sizeof *m);
    if (m == NULL)
        return fw_fail_memory(err);
    p->measured.layers = m;
    return fw_init_simulate(p->a, q->scheme, &p->v, q->draws, q->seed, &p->measured, err);
}

static enum fw_status add_head(struct page *p, struct fw_error *err)
{
    enum { N = 4, DRAWS = 2 };
    static const struct fw_table head = {.flags = FW_TABLE_MERGE};
    static const struct fw_column c[N] = {
        {"scheme", "scheme", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"rule", "variance", "of a layer's weights", FW_UNIT_NONE, FW_VIEW_TABLE},
        [DRAWS] = {"draws", "draws", "0: nothing was executed", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"seed", "seed", "", FW_UNIT_NONE, 0},
    };
    const struct fw_init_asked *q = p->asked;
    struct fw_value v[] = {fw_value_text(q->scheme->name), fw_value_text(q->scheme->rule),
                           fw_value_int(p->measured.draws), fw_value_int((int64_t)q->seed)};
    struct fw_column *shown = fw_arena_copy(&p->r->arena, c, sizeof c);
    if (shown == NULL)
        return fw_fail_memory(err);
    if (p->measured.layers == NULL)
        shown[DRAWS].views = 0;
    return fw_report_record(p->r, &head, shown, v, N, err);
}

static enum fw_status build(struct page *p, const struct fw_asked *asked, struct fw_error *err)
{
    FW_TRY(fw_init_predict(p->a, p->asked->scheme, false, &p->r->arena, &p->v, err));
    if (p->asked->simulate)
        FW_TRY(simulate(p, err));
    FW_TRY(fw_report_add_model(p->r, p->a, asked, err));
    FW_TRY(add_head(p, err));
    FW_TRY(add_functions(p, err));
    FW_TRY(add_layers(p, err));
    FW_TRY(add_schemes(p, err));
    FW_TRY(add_assumptions(p, err));
    return add_missing(p, err);
}

enum fw_status fw_answer_init(struct fw_report **ret, struct fw_analysis *a,
                              const struct fw_asked *asked, const struct fw_init_asked *init,
                              struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.init/1");
    if (r == NULL)
        return fw_fail_memory(err);
    struct page p = {.r = r, .a = a, .asked = init};
    r->sym = a->model.sym;
    r->title = fw_arena_printf(&r->arena, "flopwise init: %s", a->model.path);
    enum fw_status status = build(&p, asked, err);
    return fw_report_finish(ret, r, status);
}
