/* flopwise.audit/1: dense, valid, predicted, executed and retired operations by layer and phase. */
#include "report/answers.h"

#include <math.h>
#include <string.h>

struct row { // a layer in one phase
    uint32_t layer;
    uint8_t phase;
    bool known;
    struct fw_audit_node sum;
};

struct ratio { // of a layer that has a way back
    uint32_t layer;
    struct fw_audit_node forward, back;
};

struct audit {
    struct fw_report *r;
    struct fw_audit *au;
    struct fw_layers layers;
    struct row *rows; // (n)
    uint32_t n;
    struct ratio *ratios; // (n_ratios)
    uint32_t n_ratios;
    struct row total;
    uint64_t comparable_predicted, comparable_retired; // of rows with a closed form
};

static void add(struct row *to, const struct fw_audit_node *n)
{
    to->sum.dense += n->dense;
    to->sum.valid += n->valid;
    to->sum.predicted += n->predicted;
    to->sum.executed += n->executed;
    to->sum.retired += n->retired;
    to->known = to->known && n->known;
}

static enum fw_status gather(struct audit *m, struct fw_error *err)
{
    const struct fw_graph *g = &m->au->x->a->model.graph;
    size_t most = (size_t)m->layers.n * FW_N_PHASES + 1;
    m->rows = fw_arena_array(&m->r->arena, most, sizeof *m->rows);
    if (m->rows == NULL)
        return fw_fail_memory(err);
    m->total.known = true;
    for (uint32_t i = 0; i < m->layers.n; i++)
        for (unsigned phase = 0; phase < FW_N_PHASES; phase++) {
            const struct fw_layer *layer = &m->layers.rows[i];
            struct row row = {.layer = i, .phase = (uint8_t)phase, .known = true};
            for (uint32_t k = layer->from; k < layer->to; k++)
                if (g->nodes[m->layers.order[k]].phase == phase)
                    add(&row, &m->au->nodes[m->layers.order[k]]);
            if (row.sum.dense == 0 && row.sum.predicted == 0 && row.sum.retired == 0)
                continue;
            m->rows[m->n++] = row;
            add(&m->total, &row.sum);
            m->total.known = m->total.known && row.known;
            if (!row.known)
                continue;
            m->comparable_predicted += row.sum.predicted;
            m->comparable_retired += row.sum.retired;
        }
    return FW_OK;
}

static struct fw_value deviation(uint64_t retired, uint64_t predicted, bool known)
{
    if (!known || (predicted == 0 && retired != 0))
        return fw_value_kind(FW_VALUE_NULL);
    return fw_value_float(predicted == 0 ? 0 : (double)retired / (double)predicted - 1);
}

static struct fw_value flop(uint64_t n)
{
    return fw_value_count(fw_count_int((fw_i128)n));
}

/* ---- rows ---- */

#define FLOP_COLUMN(key, title, help)                 \
    {                                                 \
        key, title, help, FW_UNIT_FLOP, FW_VIEW_TABLE \
    }
static const struct fw_column columns[] = {
    {"name", "name", "name of the layer", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"op", "op", "its operator", FW_UNIT_NONE, FW_VIEW_WIDE | FW_VIEW_NAME},
    {"phase", "phase", "part of the step", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"kernel", "kernel", "what computes its forward pass", FW_UNIT_NONE, FW_VIEW_WIDE},
    FLOP_COLUMN("dense_flop", "dense", "operations of every class by the rule"),
    {"valid_flop", "valid", "the same without taps that meet padding", FW_UNIT_FLOP, FW_VIEW_WIDE},
    FLOP_COLUMN("predicted_flop", "predicted", "what this kernel retires by its closed form"),
    FLOP_COLUMN("executed_flop", "executed",
                "counted by running the counting kernel, see "
                "executed_by"),
    FLOP_COLUMN("retired_flop", "retired", "by the hardware's counter"),
    {"deviation", "deviation", "retired / predicted - 1; null: no counter, or no closed form",
     FW_UNIT_CHANGE, FW_VIEW_TABLE},
};

static struct fw_value cell(const struct fw_table *t, uint32_t i, uint32_t column)
{
    const struct audit *m = t->ctx;
    const struct row *row = &m->rows[i];
    const struct fw_layer *layer = &m->layers.rows[row->layer];
    bool measured = m->au->counter != NULL;
    uint32_t by;
    switch (column) {
    case 0:
        return fw_value_text(layer->name);
    case 1:
        return fw_value_text(layer->op);
    case 2:
        return fw_value_text(fw_phase_keys[row->phase]);
    case 3:
        return fw_value_text(
            layer->node == FW_NONE ? NULL : fw_engine_kernel(m->au->x->engine, layer->node, &by));
    case 4:
        return flop(row->sum.dense);
    case 5:
        return flop(row->sum.valid);
    case 6:
        return flop(row->sum.predicted);
    case 7:
        return flop(row->sum.executed);
    case 8:
        return measured ? flop(row->sum.retired) : fw_value_kind(FW_VALUE_NULL);
    default:
        return measured ? deviation(row->sum.retired, row->sum.predicted, row->known)
                        : fw_value_kind(FW_VALUE_NULL);
    }
}

/* ---- backward to forward, by layer ---- */

static void add_flop(struct fw_audit_node *to, const struct fw_audit_node *n)
{
    to->dense += n->dense;
    to->predicted += n->predicted;
    to->retired += n->retired;
}

static enum fw_status gather_ratios(struct audit *m, struct fw_error *err)
{
    m->ratios = fw_arena_array(&m->r->arena, m->n + 1u, sizeof *m->ratios);
    if (m->ratios == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < m->n;) {
        struct ratio ratio = {.layer = m->rows[i].layer};
        for (; i < m->n && m->rows[i].layer == ratio.layer; i++)
            if (m->rows[i].phase != FW_PHASE_UPDATE)
                add_flop(m->rows[i].phase == FW_PHASE_FORWARD ? &ratio.forward : &ratio.back,
                         &m->rows[i].sum);
        if (ratio.forward.dense > 0 && ratio.back.dense > 0)
            m->ratios[m->n_ratios++] = ratio;
    }
    return FW_OK;
}

static const struct fw_column ratio_columns[] = {
    {"name", "name", "name of the layer", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"by_rule", "by the rule", "dense operations backward over forward, without the update",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"predicted", "predicted", "the same of what the kernels retire by their closed forms",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"retired", "retired", "by the hardware's counter", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static struct fw_value over(uint64_t back, uint64_t forward)
{
    return forward == 0 ? fw_value_kind(FW_VALUE_NULL)
                        : fw_value_float((double)back / (double)forward);
}

static struct fw_value ratio_cell(const struct fw_table *t, uint32_t i, uint32_t column)
{
    const struct audit *m = t->ctx;
    const struct ratio *ratio = &m->ratios[i];
    switch (column) {
    case 0:
        return fw_value_text(m->layers.rows[ratio->layer].name);
    case 1:
        return over(ratio->back.dense, ratio->forward.dense);
    case 2:
        return over(ratio->back.predicted, ratio->forward.predicted);
    default:
        return m->au->counter != NULL ? over(ratio->back.retired, ratio->forward.retired)
                                      : fw_value_kind(FW_VALUE_NULL);
    }
}

static enum fw_status add_ratios(struct audit *m, struct fw_error *err)
{
    FW_TRY(gather_ratios(m, err));
    if (m->n_ratios == 0)
        return FW_OK;
    struct fw_table *t = fw_arena_zalloc(&m->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "ratios",
                           .title = "Backward to forward by layer",
                           .columns = ratio_columns,
                           .n_columns = sizeof ratio_columns / sizeof *ratio_columns,
                           .n_rows = m->n_ratios,
                           .ctx = m,
                           .cell = ratio_cell};
    fw_report_add(m->r, t);
    return FW_OK;
}

/* ---- totals ---- */

static const struct fw_column head_columns[] = {
    {"mode", "kernels", "fast (oneDNN where it has one) or exact (plain C)", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"counter", "counted by", "processor and event; null: none", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"counter_missing", "no counter", "why nothing was counted in hardware", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP},
    {"executed_by", "executed by", "counting kernels, or the rule for large networks", FW_UNIT_NONE,
     FW_VIEW_TABLE},
};

static const struct fw_column total_columns[] = {
    FLOP_COLUMN("dense_flop", "dense", "operations of every class by the rule"),
    FLOP_COLUMN("valid_flop", "valid", "the same without taps that meet padding"),
    FLOP_COLUMN("predicted_flop", "predicted", "what these kernels retire by their closed forms"),
    FLOP_COLUMN("executed_flop", "executed", "counted by running"),
    FLOP_COLUMN("retired_flop", "retired", "by the hardware's counter"),
    {"deviation", "deviation", "retired / predicted - 1 of the rows that have a closed form",
     FW_UNIT_CHANGE, FW_VIEW_TABLE},
    FLOP_COLUMN("difference_flop", "difference", "retired - predicted of the same rows"),
    FLOP_COLUMN("open_flop", "without closed form", "retired in the other rows"),
    {"backward_forward_predicted", "backward:forward", "of contractions and update, by the rule",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"backward_forward_retired", "the same retired", "backward and update over forward",
     FW_UNIT_NONE, FW_VIEW_TABLE},
    {"planned_bytes", "memory planned",
     "block in which every tensor has its place, and working memory", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"allocated_bytes", "memory allocated", "what was asked of the system", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"predicted_bytes", "memory predicted",
     "peak of what is alive, as `flopwise memory` says, and working_bytes", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"working_bytes", "working memory in it",
     "part of these three: of the fast kernels, known before anything runs", FW_UNIT_BYTES,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};

static struct fw_value retired_ratio(const struct audit *m)
{
    double forward = 0, rest = 0;
    for (uint32_t i = 0; i < m->n; i++)
        *(m->rows[i].phase == FW_PHASE_FORWARD ? &forward : &rest) +=
            (double)m->rows[i].sum.retired;
    bool known = m->au->counter != NULL && m->au->x->a->trained && forward > 0;
    return known ? fw_value_float(rest / forward) : fw_value_kind(FW_VALUE_NULL);
}

static struct fw_value predicted_ratio(const struct audit *m)
{
    const struct fw_cost *p = m->au->x->a->totals.phase;
    double forward = 2 * (double)p[FW_PHASE_FORWARD].n[FW_FMA].word;
    double back = 2 * (double)p[FW_PHASE_BACKWARD_INPUT].n[FW_FMA].word +
                  2 * (double)p[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA].word;
    double update = (double)fw_cost_flop(m->au->x->a->model.sym, &p[FW_PHASE_UPDATE]).word;
    bool known = m->au->x->a->trained && forward > 0;
    return known ? fw_value_float((back + update) / forward) : fw_value_kind(FW_VALUE_NULL);
}

static enum fw_status add_totals(struct audit *m, struct fw_error *err)
{
    const struct fw_engine_size *z = &m->au->x->size;
    const struct fw_analysis *a = m->au->x->a;
    bool measured = m->au->counter != NULL;
    struct fw_value none = fw_value_kind(FW_VALUE_NULL);
    fw_i128 difference = (fw_i128)m->comparable_retired - (fw_i128)m->comparable_predicted;
    struct fw_value values[] = {
        flop(m->total.sum.dense),
        flop(m->total.sum.valid),
        flop(m->total.sum.predicted),
        flop(m->total.sum.executed),
        measured ? flop(m->total.sum.retired) : none,
        measured ? deviation(m->comparable_retired, m->comparable_predicted, true) : none,
        measured ? fw_value_count(fw_count_int(difference)) : none,
        measured ? flop(m->total.sum.retired - m->comparable_retired) : none,
        predicted_ratio(m),
        retired_ratio(m),
        fw_value_int((int64_t)(z->fixed_bytes + z->moving_bytes + z->working_bytes)),
        fw_value_int((int64_t)z->allocated_bytes),
        fw_value_count(fw_count_add(a->model.sym, fw_count_int((fw_i128)z->working_bytes),
                                    a->trained ? a->training.peak_bytes : a->inference.peak_bytes)),
        fw_value_int((int64_t)z->working_bytes)};
    static const struct fw_table head = {.key = "totals", .title = "Totals"};
    return fw_report_record(m->r, &head, total_columns, values, sizeof values / sizeof *values,
                            err);
}

static enum fw_status add_head(struct audit *m, bool fast, struct fw_error *err)
{
    static const struct fw_table head = {.key = "audit", .flags = FW_TABLE_MERGE};
    struct fw_value values[] = {
        fw_value_text(fast ? "fast" : "exact"), fw_value_text(m->au->counter),
        m->au->counter != NULL ? fw_value_kind(FW_VALUE_ABSENT) : fw_value_text(m->au->why_not),
        fw_value_text(m->au->counted ? "counting kernels" : "prediction")};
    return fw_report_record(m->r, &head, head_columns, values, sizeof values / sizeof *values, err);
}

static enum fw_status build(struct audit *m, const struct fw_asked *asked, bool fast,
                            struct fw_error *err)
{
    FW_TRY(fw_layers_make(&m->layers, m->au->x->a, asked->options->by, &m->r->arena, err));
    FW_TRY(gather(m, err));
    FW_TRY(fw_report_add_model(m->r, m->au->x->a, asked, err));
    FW_TRY(add_head(m, fast, err));
    struct fw_table *t = fw_arena_zalloc(&m->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "rows",
                           .title = "Layers by phase",
                           .columns = columns,
                           .n_columns = sizeof columns / sizeof *columns,
                           .n_rows = m->n,
                           .flags = FW_TABLE_MAIN,
                           .ctx = m,
                           .cell = cell};
    fw_report_add(m->r, t);
    FW_TRY(add_ratios(m, err));
    return add_totals(m, err);
}

enum fw_status fw_answer_audit(struct fw_report **ret, struct fw_audit *au,
                               const struct fw_asked *asked, bool fast, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(au->x->a->model.alloc, "flopwise.audit/1");
    struct audit *m = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *m) : NULL;
    if (m == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    m->r = r;
    m->au = au;
    r->title = fw_arena_printf(&r->arena, "flopwise audit: %s", au->x->a->model.path);
    r->sym = au->x->a->model.sym;
    enum fw_status status = build(m, asked, fast, err);
    return fw_report_finish(ret, r, status);
}
