/* flopwise.memory/1: the peak of inference and of a training step, what it is made of, and how
 * memory goes over the schedule. */
#include "passes/stored.h"
#include "report/answers.h"

#include <string.h>

struct memory {
    struct fw_report *r;
    struct fw_analysis *a;
    struct fw_error *err;
    const struct fw_memory *shown; // the one the timeline is about
    struct fw_timeline timeline;
    fw_count fixed; // bytes that are there all the time
    struct fw_as_stored stored;
};

static const char *name_of(const struct memory *m, uint32_t node)
{
    struct fw_graph *g = &m->a->model.graph;
    if (node == FW_NONE || node >= g->n_nodes)
        return NULL;
    const struct fw_node *n = &g->nodes[node];
    bool own = n->name != NULL && n->name[0] != '\0';
    return fw_node_label(g, own || n->layer >= g->n_nodes ? node : n->layer, &m->r->arena);
}

static const char *phase_of(const struct memory *m, uint32_t node)
{
    const struct fw_graph *g = &m->a->model.graph;
    return node < g->n_nodes ? fw_phase_keys[g->nodes[node].phase] : NULL;
}

static const char *phase_title(const struct memory *m, uint32_t node)
{
    const struct fw_graph *g = &m->a->model.graph;
    return node < g->n_nodes ? fw_phase_titles[g->nodes[node].phase] : NULL;
}

/* ---- timeline ---- */

static const char *step_label(const struct fw_timeline *t, uint32_t step, const char **phase)
{
    const struct memory *m = t->ctx;
    unsigned at = m->a->model.graph.nodes[step].phase;
    bool backward = at == FW_PHASE_BACKWARD_INPUT || at == FW_PHASE_BACKWARD_WEIGHT;
    *phase = backward ? "backward" : fw_phase_titles[at]; // the two alternate
    const char *name = name_of(m, step);
    return name != NULL ? name : "";
}

static const struct fw_column step_columns[] = {
    {"step", "step", "place in the schedule, from 0", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"node", "node", "node that runs, or the layer it belongs to", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"op", "op", "operator that runs", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"phase", "phase", "part of the training step", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"live_bytes", "live bytes", "bytes alive while it runs, weights included", FW_UNIT_BYTES,
     FW_VIEW_TABLE},
};

static struct fw_value step_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct memory *m = t->ctx;
    switch (column) {
    case 0:
        return fw_value_int(row);
    case 1:
        return fw_value_text(name_of(m, row));
    case 2:
        return fw_value_text(m->a->model.graph.nodes[row].op->name);
    case 3:
        return fw_value_text(phase_of(m, row));
    default:
        if (fw_count_is_bad(m->shown->live[row]))
            return (struct fw_value){.kind = FW_VALUE_NULL};
        return fw_value_count(fw_count_add(m->a->model.sym, m->fixed, m->shown->live[row]));
    }
}

static void set_fixed(struct fw_timeline *t, const char *name, fw_count bytes)
{
    t->fixed[t->n_fixed].name = name;
    t->fixed[t->n_fixed++].bytes = bytes;
}

static enum fw_status add_timeline(struct memory *m)
{
    const struct fw_memory *shown = m->shown;
    struct fw_symbols *sym = m->a->model.sym;
    struct fw_timeline *t = &m->timeline;
    t->title = m->a->trained ? "Memory over a training step" : "Memory over a forward pass";
    t->n = shown->n_nodes;
    t->live = shown->live;
    t->label = step_label;
    t->ctx = m;
    fw_count weights = shown->weight_bytes;
    if (!m->a->trained)
        weights = fw_count_add(sym, weights, m->stored.more);
    set_fixed(t, "weights", weights);
    set_fixed(t, "gradients", shown->gradient_bytes);
    set_fixed(t, "optimizer state", shown->optimizer_bytes);
    m->fixed = fw_count_add(sym, weights,
                            fw_count_add(sym, shown->gradient_bytes, shown->optimizer_bytes));
    m->r->timeline = t;
    m->r->picture = (struct fw_picture){fw_timeline_draw, t};
    struct fw_table *table = fw_arena_zalloc(&m->r->arena, sizeof *table);
    if (table == NULL)
        return fw_fail_memory(m->err);
    *table = (struct fw_table){.key = "timeline",
                               .columns = step_columns,
                               .n_columns = sizeof step_columns / sizeof *step_columns,
                               .n_rows = shown->n_nodes,
                               .flags = FW_TABLE_MAIN | FW_TABLE_JSON_ONLY,
                               .ctx = m,
                               .cell = step_cell};
    fw_report_add(m->r, table);
    return FW_OK;
}

/* ---- the two peaks ---- */

#define PEAK_COLUMNS                                                                   \
    {"peak_bytes", "peak", "bytes at the fullest moment", FW_UNIT_BYTES,               \
     FW_VIEW_TABLE | FW_VIEW_BOTH},                                                    \
        {"planned_bytes", "as laid out",                                               \
         "size of the block in which every storage has its place; more "               \
         "than the peak where no tighter packing was found",                           \
         FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},                                 \
    {                                                                                  \
        "weight_bytes", "weights", "parameters, buffers and constants", FW_UNIT_BYTES, \
            FW_VIEW_TABLE | FW_VIEW_BOTH                                               \
    }
static const struct fw_column inference_columns[] = {
    PEAK_COLUMNS,
    {"weights_stored_as", "of them, as stored",
     "types that the files hold them in, scales included", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"activation_peak_bytes", "activations at the peak", "inputs and results that are alive then",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"peak_node", "fullest at", "node that runs at the fullest moment", FW_UNIT_NONE,
     FW_VIEW_TABLE},
};

static struct fw_value planned(const struct memory *m, const struct fw_memory *p, fw_count more)
{
    if (p->places == NULL)
        return fw_value_kind(FW_VALUE_NULL);
    fw_count bytes = fw_count_int((fw_i128)p->places->fixed_bytes + p->master_bytes.word +
                                  (fw_i128)p->places->moving_bytes);
    return fw_value_count(fw_count_add(m->a->model.sym, bytes, more));
}

/* "BF16, F32": the types of stored weights. */
static struct fw_value stored_types(struct memory *m)
{
    const char *text = NULL;
    if (!m->stored.known)
        return fw_value_kind(FW_VALUE_ABSENT);
    for (unsigned i = 0; i < m->stored.n_storages && i < 4; i++) {
        const char *name = fw_storages[m->stored.storage[i]].name;
        text = text == NULL ? name : fw_arena_printf(&m->r->arena, "%s, %s", text, name);
    }
    if (text != NULL && m->stored.n_storages > 4)
        text = fw_arena_printf(&m->r->arena, "%s ...", text);
    return text == NULL ? fw_value_kind(FW_VALUE_ABSENT) : fw_value_text(text);
}

/* Weights in files are loaded as they are; a training step has them as the precision policy says.
 */
static enum fw_status add_inference(struct memory *m)
{
    const struct fw_memory *p = &m->a->inference;
    struct fw_symbols *sym = m->a->model.sym;
    fw_count live = fw_count_add(sym, p->activation_bytes, p->temporary_bytes);
    struct fw_value values[] = {fw_value_count(fw_count_add(sym, p->peak_bytes, m->stored.more)),
                                planned(m, p, m->stored.more),
                                fw_value_count(fw_count_add(sym, p->weight_bytes, m->stored.more)),
                                stored_types(m),
                                fw_value_count(live),
                                fw_value_text(name_of(m, p->peak_node))};
    if (m->a->model.no_network != NULL) // nothing runs
        values[1] = values[5] = fw_value_kind(FW_VALUE_NULL);
    static const struct fw_table head = {.key = "inference", .title = "Inference"};
    return fw_report_record(m->r, &head, inference_columns, values, sizeof values / sizeof *values,
                            m->err);
}

static const struct fw_column training_columns[] = {
    PEAK_COLUMNS,
    {"gradient_bytes", "gradients", "gradients of parameters", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"optimizer_bytes", "optimizer state", "optimizer state and master copies", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"activation_bytes", "activations at the peak", "results kept for the backward pass",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"temporary_bytes", "temporaries at the peak", "gradients of activations and the like",
     FW_UNIT_BYTES, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"peak_node", "fullest at", "node, or its layer, that runs at the fullest moment", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"peak_phase", "in phase", "part of the training step it belongs to", FW_UNIT_NONE, 0},
    {"peak_phase_name", "in phase", "part of the training step it belongs to", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
};

static enum fw_status add_training(struct memory *m)
{
    if (!m->a->trained)
        return FW_OK;
    const struct fw_memory *p = &m->a->training;
    struct fw_value values[] = {fw_value_count(p->peak_bytes),
                                planned(m, p, fw_count_int(0)),
                                fw_value_count(p->weight_bytes),
                                fw_value_count(p->gradient_bytes),
                                fw_value_count(p->optimizer_bytes),
                                fw_value_count(p->activation_bytes),
                                fw_value_count(p->temporary_bytes),
                                fw_value_text(name_of(m, p->peak_node)),
                                fw_value_text(phase_of(m, p->peak_node)),
                                fw_value_text(phase_title(m, p->peak_node))};
    static const struct fw_table head = {.key = "training", .title = "Training step"};
    return fw_report_record(m->r, &head, training_columns, values, sizeof values / sizeof *values,
                            m->err);
}

static const struct fw_column unknown_columns[] = {
    {"node", "lower bound", "first node that makes or keeps tensors of unknown size", FW_UNIT_NONE,
     FW_VIEW_TABLE},
};

static enum fw_status add_unknown(struct memory *m)
{
    const struct fw_memory *p = m->shown->complete ? &m->a->inference : m->shown;
    if (p->complete || p->unknown_node == FW_NONE)
        return FW_OK;
    const char *text = fw_arena_printf(&m->r->arena, "%s makes or keeps tensors of unknown size",
                                       name_of(m, p->unknown_node));
    if (text == NULL)
        return fw_fail_memory(m->err);
    struct fw_value value = fw_value_text(text);
    static const struct fw_table head = {.key = "unknown", .title = ""};
    return fw_report_record(m->r, &head, unknown_columns, &value, 1, m->err);
}

static enum fw_status build(struct memory *m, const struct fw_asked *asked)
{
    struct fw_analysis *a = m->a;
    m->shown = a->trained ? &a->training : &a->inference;
    fw_weights_as_stored(&a->model, a->precision, &m->stored);
    bool complete = m->shown->complete && a->totals.n_missing == 0;
    FW_TRY(fw_report_add_model(m->r, a, asked, m->err));
    FW_TRY(add_inference(m));
    FW_TRY(add_training(m));
    FW_TRY(fw_report_add_weights(m->r, a, m->err));
    FW_TRY(fw_report_add_missing(m->r, a, complete, m->err));
    FW_TRY(add_unknown(m));
    return a->model.no_network == NULL ? add_timeline(m) : FW_OK; // nothing runs
}

enum fw_status fw_answer_memory(struct fw_report **ret, struct fw_analysis *a,
                                const struct fw_asked *asked, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.memory/1");
    struct memory *m = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *m) : NULL;
    if (m == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    m->r = r;
    m->a = a;
    m->err = err;
    r->title = fw_arena_printf(&r->arena, "flopwise memory: %s", a->model.path);
    enum fw_status status = build(m, asked);
    m->err = NULL;
    return fw_report_finish(ret, r, status);
}
