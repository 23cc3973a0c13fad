/* What another convention counts for the same graph, and what makes the difference: operators where
 * it has rules by node (tools), parts of the forward pass where it is a formula over the whole
 * network (papers on language models). */
#include "passes/language.h"
#include "report/answers.h"
#include "study/convention.h"

#include <string.h>

struct line {
    const char *what;      // operator, or part of the forward pass
    uint32_t nodes;        // of the operator
    fw_count theirs, ours; // forward pass, in their unit
};

struct view {
    struct fw_symbols *sym;
    struct line *lines; // (n) what is counted differently
    uint32_t n;
    fw_count forward, step, ours;
};

/* ---- the tables ---- */

static const struct fw_column total_columns[] = {
    {"name", "convention", "whose way of counting it is", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"unit", "its unit", "what it calls its number", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"formula", "formula", "per token, with the model's own sizes", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"forward", "its forward count", "forward pass, in its unit", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"training_step", "its whole step", "all phases, where it counts them", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop_per_token", "its step per token", "training", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flopwise", "counted here", "the forward count of this program in that unit", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"difference", "difference", "its forward count less the one here", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_BOTH},
};

#define COUNTS                                                                                   \
    {"theirs", "its count", "forward pass, in its unit", FW_UNIT_COUNT, FW_VIEW_TABLE},          \
        {"flopwise", "counted here", "forward pass, in its unit", FW_UNIT_COUNT, FW_VIEW_TABLE}, \
    {                                                                                            \
        "difference", "difference", "its count less the one here", FW_UNIT_COUNT, FW_VIEW_TABLE  \
    }
static const struct fw_column op_columns[] = {
    {"op", "operator", "operator that is counted differently", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"nodes", "nodes", "nodes of it in the forward pass", FW_UNIT_COUNT, FW_VIEW_TABLE},
    COUNTS,
};
static const struct fw_column part_columns[] = {
    {"what", "counted differently", "a part of the forward pass", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP},
    COUNTS,
};

static struct fw_value part_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct view *v = t->ctx;
    const struct line *line = &v->lines[row];
    switch (column) {
    case 0:
        return fw_value_text(line->what);
    case 1:
        return fw_value_count(line->theirs);
    case 2:
        return fw_value_count(line->ours);
    default:
        return fw_value_count(fw_count_sub(v->sym, line->theirs, line->ours));
    }
}

static struct fw_value op_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    if (column == 1)
        return fw_value_int(((const struct view *)t->ctx)->lines[row].nodes);
    return part_cell(t, row, column == 0 ? 0 : column - 1);
}

/* The record, and the lines with what they are: {.columns, .n_columns, .cell}. */
static enum fw_status add_tables(struct fw_report *r, struct view *v,
                                 const struct fw_value values[], const struct fw_table *lines,
                                 struct fw_error *err)
{
    static const struct fw_table head = {.key = "convention", .title = "Convention"};
    FW_TRY(fw_report_record(r, &head, total_columns, values,
                            sizeof total_columns / sizeof *total_columns, err));
    struct fw_table *t = fw_arena_copy(&r->arena, lines, sizeof *lines);
    if (t == NULL)
        return fw_fail_memory(err);
    t->key = "convention_differences";
    t->title = "Counted differently";
    t->n_rows = v->n;
    t->flags = FW_TABLE_SKIP_EMPTY;
    t->ctx = v;
    fw_report_add(r, t);
    return FW_OK;
}

/* Room for n lines. NULL = out of memory. */
static struct view *new_view(struct fw_report *r, struct fw_analysis *a, size_t n)
{
    struct view *v = fw_arena_zalloc(&r->arena, sizeof *v);
    struct line *lines = fw_arena_zalloc(&r->arena, (n + 1) * sizeof *lines);
    if (v == NULL || lines == NULL)
        return NULL;
    v->sym = a->model.sym;
    v->lines = lines;
    return v;
}

/* ---- rules by node ---- */

static void add_up(struct view *v, struct fw_layers *l, const struct fw_convention *convention)
{
    struct fw_graph *g = &l->a->model.graph;
    unsigned member = strcmp(convention->unit, "MAC") == 0 ? FW_MEMBER_MAC : FW_MEMBER_FLOP;
    for (uint32_t row = 0; row < l->n; row++) {
        const struct fw_layer *layer = &l->rows[row];
        struct line line = {.what = layer->op, .nodes = layer->n_forward};
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

/* A tool without rules for gradients has no number for a step: its forward count is none. */
static struct fw_value step_of(const struct view *v, const struct fw_analysis *a)
{
    if (!a->trained)
        return fw_value_kind(FW_VALUE_ABSENT);
    bool has_backward = !fw_count_eq(v->step, v->forward);
    return has_backward ? fw_value_count(v->step) : fw_value_kind(FW_VALUE_NULL);
}

static enum fw_status add_by_node(struct fw_report *r, struct fw_analysis *a,
                                  const struct fw_convention *convention, struct fw_error *err)
{
    struct fw_layers l;
    FW_TRY(fw_layers_make(&l, a, FW_BY_OP, &r->arena, err));
    struct view *v = new_view(r, a, l.n);
    if (v == NULL)
        return fw_fail_memory(err);
    add_up(v, &l, convention);
    struct fw_value none = fw_value_kind(FW_VALUE_ABSENT);
    struct fw_value values[] = {fw_value_text(convention->name),
                                fw_value_text(convention->unit),
                                none,
                                fw_value_count(v->forward),
                                step_of(v, a),
                                none,
                                fw_value_count(v->ours),
                                fw_value_count(fw_count_sub(v->sym, v->forward, v->ours))};
    static const struct fw_table lines = {.columns = op_columns,
                                          .n_columns = sizeof op_columns / sizeof *op_columns,
                                          .cell = op_cell};
    return add_tables(r, v, values, &lines, err);
}

/* ---- formulas over the whole network ---- */

enum { MOST_PARTS = 7 }; // calls of add_line below

static void add_line(struct view *v, const char *what, fw_count theirs, fw_count ours)
{
    if (!fw_count_eq(theirs, ours))
        v->lines[v->n++] = (struct line){.what = what, .theirs = theirs, .ours = ours};
}

static fw_count twice(struct fw_symbols *s, fw_count n, fw_count times)
{
    return fw_count_mul(s, fw_count_mul(s, n, times), fw_count_int(2));
}

/* What the convention counts of the forward pass; the lines name each difference to ours. */
static fw_count count_whole(struct view *v, const struct fw_language *l,
                            const struct fw_whole_convention *w)
{
    struct fw_symbols *s = v->sym;
    fw_count zero = fw_count_int(0);
    fw_count rest = fw_count_sub(s, l->forward, l->attention); // products with weights
    fw_count attention = w->attention == FW_WHOLE_NONE     ? zero
                         : w->attention == FW_WHOLE_CAUSAL ? l->attention_needed
                                                           : l->attention;
    add_line(v, "pairs of attention", attention, l->attention);
    fw_count sum = attention;
    if (w->weights == FW_WHOLE_EXACT) {
        sum = fw_count_add(s, sum, rest);
    } else {
        fw_count less = w->weights == FW_WHOLE_NO_TABLES ? l->tables : zero;
        fw_count looked_up = w->weights == FW_WHOLE_NO_TABLES ? zero : l->tables_only;
        fw_count tied = fw_count_sub(s, l->tables, l->tables_only);
        fw_count logits = w->weights == FW_WHOLE_NO_TABLES ? tied : zero;
        fw_count theirs = twice(s, fw_count_sub(s, l->active, less), l->tokens);
        sum = fw_count_add(s, sum, theirs);
        fw_count tables = twice(s, looked_up, l->tokens);
        add_line(v, "tables that are only looked up", tables, zero);
        add_line(v, "the product with a tied table", zero, twice(s, logits, l->tokens));
        fw_count ours = fw_count_sub(s, rest, twice(s, logits, l->tokens));
        add_line(v, "weights: norms and biases too, or used more than once",
                 fw_count_sub(s, theirs, tables), ours);
    }
    if (w->unrouted) {
        add_line(v, "products that choose experts", zero, l->router);
        sum = fw_count_sub(s, sum, l->router);
    }
    if (w->lookups) {
        fw_count product = twice(s, l->tables, l->tokens);
        add_line(v, "lookups as products", product, zero);
        sum = fw_count_add(s, sum, product);
    }
    if (w->softmax) {
        fw_count three = fw_count_mul(s, l->scores, fw_count_int(3));
        add_line(v, "3 per score for the softmax", three, zero);
        sum = fw_count_add(s, sum, three);
    }
    return sum;
}

static enum fw_status add_whole(struct fw_report *r, struct fw_analysis *a,
                                const struct fw_whole_convention *w, struct fw_error *err)
{
    struct fw_symbols *s = a->model.sym;
    struct fw_language l;
    FW_TRY(fw_language_of(&a->model.graph, a->precision, &l, err));
    FW_REQUIRE(l.found, err, FW_UNSUPPORTED,
               "the convention '%s' counts language models, this is none", w->name);
    struct view *v = new_view(r, a, MOST_PARTS);
    if (v == NULL)
        return fw_fail_memory(err);
    fw_count forward = count_whole(v, &l, w);
    fw_count step = fw_count_mul(s, forward, fw_count_int(3));
    struct fw_value values[] = {
        fw_value_text(w->name),    fw_value_text("FLOP"),
        fw_value_text(w->formula), fw_value_count(forward),
        fw_value_count(step),      fw_per_token(r, s, step, l.tokens),
        fw_value_count(l.forward), fw_value_count(fw_count_sub(s, forward, l.forward))};
    static const struct fw_table lines = {.columns = part_columns,
                                          .n_columns = sizeof part_columns / sizeof *part_columns,
                                          .cell = part_cell};
    return add_tables(r, v, values, &lines, err);
}

enum fw_status fw_report_add_convention(struct fw_report *r, struct fw_analysis *a,
                                        const struct fw_convention *convention,
                                        struct fw_error *err)
{
    return convention->whole != NULL ? add_whole(r, a, convention->whole, err)
                                     : add_by_node(r, a, convention, err);
}
