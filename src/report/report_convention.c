/* What another tool counts for the same graph, and which operators make the difference. */
#include "report/answers.h"
#include "study/convention.h"

#include <string.h>

struct line {
    const char *op;
    uint32_t nodes;
    fw_count theirs, ours; // forward pass, in their unit
};

struct view {
    struct fw_symbols *sym;
    struct line *lines; // (n) operators that are counted differently
    uint32_t n;
    fw_count forward, step, ours;
};

static const struct fw_column total_columns[] = {
    {"name", "convention", "the tool whose way of counting it is", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"unit", "its unit", "what the tool calls its number", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"forward", "its forward count", "forward pass, in its unit", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"training_step", "its whole step", "all phases, where the tool counts them", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flopwise", "counted here", "the forward count of this program in that unit", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"difference", "difference", "its forward count less the one here", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};

static const struct fw_column line_columns[] = {
    {"op", "operator", "operator that is counted differently", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"nodes", "nodes", "nodes of it in the forward pass", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"theirs", "its count", "forward pass, in its unit", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"flopwise", "counted here", "forward pass, in its unit", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"difference", "difference", "its count less the one here", FW_UNIT_COUNT, FW_VIEW_TABLE},
};

static struct fw_value line_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct view *v = t->ctx;
    const struct line *line = &v->lines[row];
    switch (column) {
    case 0:
        return fw_value_text(line->op);
    case 1:
        return fw_value_int(line->nodes);
    case 2:
        return fw_value_count(line->theirs);
    case 3:
        return fw_value_count(line->ours);
    default:
        return fw_value_count(fw_count_sub(v->sym, line->theirs, line->ours));
    }
}

static void add_up(struct view *v, struct fw_layers *l, const struct fw_convention *convention)
{
    struct fw_graph *g = &l->a->model.graph;
    unsigned member = strcmp(convention->unit, "MAC") == 0 ? FW_MEMBER_MAC : FW_MEMBER_FLOP;
    for (uint32_t row = 0; row < l->n; row++) {
        const struct fw_layer *layer = &l->rows[row];
        struct line line = {.op = layer->op, .nodes = layer->n_forward};
        for (uint32_t i = layer->from; i < layer->to; i++) {
            fw_count one = fw_convention_count(g, l->order[i], convention);
            v->step = fw_count_add(v->sym, v->step, one);
            if (g->nodes[l->order[i]].phase == FW_PHASE_FORWARD)
                line.theirs = fw_count_add(v->sym, line.theirs, one);
        }
        line.ours = fw_cost_member(v->sym, &fw_layer_cost(l, row)[FW_PHASE_FORWARD], member);
        v->forward = fw_count_add(v->sym, v->forward, line.theirs);
        v->ours = fw_count_add(v->sym, v->ours, line.ours);
        if (!fw_count_eq(line.theirs, line.ours))
            v->lines[v->n++] = line;
    }
}

static enum fw_status add_lines(struct fw_report *r, struct view *v, struct fw_error *err)
{
    struct fw_table *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "convention_differences",
                           .title = "Counted differently",
                           .columns = line_columns,
                           .n_columns = sizeof line_columns / sizeof *line_columns,
                           .n_rows = v->n,
                           .flags = FW_TABLE_SKIP_EMPTY,
                           .ctx = v,
                           .cell = line_cell};
    fw_report_add(r, t);
    return FW_OK;
}

/* A tool without rules for gradients has no number for a step: its forward count is none. */
static struct fw_value step_of(const struct view *v, const struct fw_analysis *a)
{
    if (!a->trained)
        return fw_value_kind(FW_VALUE_ABSENT);
    bool has_backward = !fw_count_eq(v->step, v->forward);
    return has_backward ? fw_value_count(v->step) : fw_value_kind(FW_VALUE_NULL);
}

enum fw_status fw_report_add_convention(struct fw_report *r, struct fw_analysis *a,
                                        const struct fw_convention *convention,
                                        struct fw_error *err)
{
    struct fw_layers l;
    FW_TRY(fw_layers_make(&l, a, FW_BY_OP, &r->arena, err));
    struct view *v = fw_arena_zalloc(&r->arena, sizeof *v);
    if (v == NULL)
        return fw_fail_memory(err);
    v->sym = a->model.sym;
    v->lines = fw_arena_zalloc(&r->arena, ((size_t)l.n + 1) * sizeof *v->lines);
    if (v->lines == NULL)
        return fw_fail_memory(err);
    add_up(v, &l, convention);
    struct fw_value values[] = {
        fw_value_text(convention->name), fw_value_text(convention->unit),
        fw_value_count(v->forward),      step_of(v, a),
        fw_value_count(v->ours),         fw_value_count(fw_count_sub(v->sym, v->forward, v->ours))};
    static const struct fw_table head = {.key = "convention", .title = "Convention"};
    FW_TRY(fw_report_record(r, &head, total_columns, values, sizeof values / sizeof *values, err));
    return add_lines(r, v, err);
}
