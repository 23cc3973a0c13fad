/* See measure.h. */
#define _DEFAULT_SOURCE
#include "measure.h"

#include "base/file.h"
#include "formats/formats.h"
#include "ops/op.h"
#include "passes/infer.h"
#include "study/analysis.h"
#include "study/convention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 16 };

struct shapes {
    struct fw_binding of[MAX_INPUTS];
    unsigned n;
    char text[512];
    char names[MAX_INPUTS][128];
};

/* The shapes of a row belong to the inputs in their order, whose names the file tells. */
static bool read_shapes(const struct question *q, const struct fw_file *file, struct shapes *ret)
{
    struct fw_model m;
    if (fw_model_init(&m, &fw_alloc_default, NULL) != FW_OK)
        exit(8);
    bool fine = fw_format_read_bytes(&m, file->data, file->size, q->path, NULL) == FW_OK;
    snprintf(ret->text, sizeof ret->text, "%s", q->shape);
    char *at = ret->text;
    for (uint32_t i = 0; fine && at != NULL && i < m.graph.n_inputs && i < MAX_INPUTS; i++) {
        const char *name = m.graph.tensors[m.graph.inputs[i]].name;
        snprintf(ret->names[i], sizeof ret->names[i], "%s", name != NULL ? name : "");
        ret->of[ret->n].name = ret->names[i];
        ret->of[ret->n++].value = strsep(&at, "+");
    }
    fw_model_clear(&m);
    return fine && at == NULL;
}

/* c as an integer, sizes that depend on data replaced. */
static int64_t number(const struct question *q, struct fw_symbols *sym, fw_count c)
{
    uint32_t n = fw_symbols_count(sym);
    if (!fw_count_is_const(c) && q->letters >= 0 && !fw_count_is_bad(c)) {
        fw_dim *values = malloc((n + 1) * sizeof *values);
        if (values == NULL)
            exit(8);
        for (uint32_t i = 0; i < n; i++)
            values[i] = strncmp(fw_symbol_name(sym, i), "selected", 8) == 0 ? fw_dim_int(q->letters)
                                                                            : fw_dim_bad();
        c = fw_count_substitute(sym, c, values, n);
        free(values);
    }
    bool fits = fw_count_is_const(c) && c.word >= 0 && c.word <= INT64_MAX;
    return fits ? (int64_t)c.word : OPEN;
}

static bool counts_activations(const char *op)
{
    static const char *const ops[] = {"Conv", "Gemm", "MatMul", "MaxPool", "AveragePool"};
    for (unsigned k = 0; k < sizeof ops / sizeof *ops; k++)
        if (strcmp(op, ops[k]) == 0)
            return true;
    return false;
}

static void walk_nodes(const struct question *q, struct fw_analysis *run, struct answer *a)
{
    struct fw_graph *g = &run->model.graph;
    struct fw_convention convention;
    fw_count counted = fw_count_int(0);
    fw_count activations = fw_count_int(0);
    if (q->convention != NULL &&
        fw_convention_load(&run->model.arena, q->convention, &convention, NULL) != FW_OK)
        exit(8);
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        if (counts_activations(n->op->name) && n->phase == FW_PHASE_FORWARD)
            activations = fw_count_add(g->sym, activations,
                                       fw_tensor_elements(g, fw_tensor_at(g, n->out[0])));
        if (q->convention != NULL)
            counted = fw_count_add(g->sym, counted, fw_convention_count(g, id, &convention));
    }
    a->counted = number(q, g->sym, counted);
    a->activations = number(q, g->sym, activations);
}

static void fill(const struct question *q, struct fw_analysis *run, struct answer *a)
{
    struct fw_symbols *sym = run->model.sym;
    const struct fw_totals *t = &run->totals;
    struct fw_cost backward = t->phase[FW_PHASE_BACKWARD_INPUT];
    fw_cost_accumulate(sym, &backward, &t->phase[FW_PHASE_BACKWARD_WEIGHT]);
    a->params = number(q, sym, t->params);
    a->trainable_params = number(q, sym, t->trainable_params);
    a->buffers = number(q, sym, t->buffers);
    a->forward_mac = number(q, sym, fw_cost_mac(&t->phase[FW_PHASE_FORWARD]));
    a->backward_flop = number(q, sym, fw_cost_matmul_flop(sym, &backward));
    a->update_flop = number(q, sym, fw_cost_flop(sym, &t->phase[FW_PHASE_UPDATE]));
    a->weight_bytes = number(q, sym, run->training.weight_bytes);
    a->gradient_bytes = number(q, sym, run->training.gradient_bytes);
    a->peak_bytes = number(q, sym, run->training.peak_bytes);
    a->gaps = t->gap_nodes + t->n_missing;
    size_t len = 0;
    for (uint32_t i = 0; i < t->n_missing && len < sizeof a->text; i++) {
        const struct fw_missing *m = &t->missing[i];
        len += (size_t)snprintf(a->text + len, sizeof a->text - len, "%s%s%s%s%s x%u (%s)",
                                i > 0 ? ", " : "", m->gradient ? "gradient of " : "", m->domain,
                                m->domain[0] != '\0' ? "." : "", m->op, m->nodes, m->first);
    }
}

bool measure(const struct question *q, struct answer *a)
{
    struct fw_file file;
    struct fw_error err = {0};
    static struct shapes shapes;
    memset(a, 0, sizeof *a);
    memset(&shapes, 0, sizeof shapes);
    if (fw_file_open(&file, q->path, 0, &fw_alloc_default, &err) != FW_OK) {
        snprintf(a->text, sizeof a->text, "%s", err.message);
        return false;
    }
    struct fw_analysis_options options = {.optimizer = fw_optimizer_find("sgd"),
                                          .precision = fw_precision_find("fp32"),
                                          .inference = q->inference,
                                          .input_grad = q->input_grad,
                                          .memory = true};
    bool fine = q->shape == NULL || read_shapes(q, &file, &shapes);
    options.shapes = shapes.of;
    options.n_shapes = shapes.n;
    if (!fine)
        snprintf(err.message, sizeof err.message, "the shapes do not fit the inputs");
    struct fw_analysis run;
    fine = fine && fw_analyse(&run, file.data, file.size, q->path, &fw_alloc_default, &options,
                              &err) == FW_OK;
    if (fine) {
        fill(q, &run, a);
        walk_nodes(q, &run, a);
        fw_analysis_clear(&run);
    } else {
        snprintf(a->text, sizeof a->text, "%s", err.message);
    }
    fw_file_close(&file);
    return fine;
}
