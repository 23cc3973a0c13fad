/* What every report of a model begins with: which file, which inputs, what is missing. */
#include "report/answers.h"

#include <string.h>

/* ---- inputs ---- */

static const struct fw_column input_columns[] = {
    {"name", "name", "name of the input", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"shape", "shape", "dimensions; null where the rank is not known", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"dtype", "type", "element type", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static struct fw_value input_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct fw_graph *g = t->ctx;
    const struct fw_tensor *x = &g->tensors[g->inputs[row]];
    if (column == 0)
        return fw_value_text(x->name != NULL ? x->name : "");
    if (column == 2)
        return fw_value_text(fw_dtypes[x->dtype].name);
    if (x->rank == FW_RANK_UNKNOWN)
        return fw_value_kind(FW_VALUE_NULL);
    return (struct fw_value){.kind = FW_VALUE_SHAPE, .shape = {x->dims, x->rank}};
}

/* ---- letters ---- */

static void mark_shape(const struct fw_graph *g, const struct fw_tensor *t, bool *seen, uint32_t n)
{
    for (unsigned k = 0; t->rank != FW_RANK_UNKNOWN && k < t->rank; k++)
        if (!fw_dim_is_const(t->dims[k]))
            fw_count_symbols(g->sym, fw_count_of(t->dims[k]), seen, n);
}

/* Letters in sizes that are given from outside: of the network's inputs (labels are as large as
 * what they are compared with) and of what is stored. */
static void mark_letters(const struct fw_graph *g, bool *seen, uint32_t n)
{
    for (uint32_t i = 0; i < g->n_inputs; i++)
        mark_shape(g, &g->tensors[g->inputs[i]], seen, n);
    for (uint32_t id = 0; id < g->n_tensors; id++) {
        const struct fw_tensor *t = &g->tensors[id];
        if (t->producer != FW_NONE || t->kind == FW_KIND_STATE || t->kind == FW_KIND_INPUT)
            continue;
        mark_shape(g, t, seen, n);
        if (t->value != NULL && t->rank == 1 && fw_dim_is(t->dims[0], 1))
            fw_count_symbols(g->sym, fw_count_of(t->value[0]), seen, n);
    }
}

/* The letters that stand in sizes, with null, and what was bound, with its value. */
static enum fw_status symbols_record(struct fw_report *r, struct fw_graph *g,
                                     const struct fw_asked *asked, const struct fw_table **ret,
                                     struct fw_error *err)
{
    uint32_t n_letters = fw_symbols_count(g->sym);
    size_t most = n_letters + asked->n_symbols + 1;
    struct fw_column *columns = fw_arena_zalloc(&r->arena, most * sizeof *columns);
    struct fw_value *values = fw_arena_array(&r->arena, most, sizeof *values);
    bool *seen = fw_arena_zalloc(&r->arena, n_letters + 1u);
    if (columns == NULL || values == NULL || seen == NULL)
        return fw_fail_memory(err);
    uint32_t n = 0;
    for (size_t i = 0; i < asked->n_symbols; i++) {
        values[n] = fw_value_text(asked->symbols[i].value);
        fw_count v;
        if (fw_count_parse(g->sym, values[n].text, strlen(values[n].text), &v, NULL) == FW_OK &&
            fw_count_is_const(v))
            values[n] = fw_value_count(v);
        columns[n++].key = asked->symbols[i].name;
    }
    mark_letters(g, seen, n_letters);
    for (uint32_t i = 0; i < n_letters; i++) {
        bool bound = false;
        for (size_t k = 0; k < asked->n_symbols; k++)
            bound |= strcmp(asked->symbols[k].name, fw_symbol_name(g->sym, i)) == 0;
        if (!seen[i] || bound)
            continue;
        values[n] = fw_value_kind(FW_VALUE_NULL);
        columns[n++].key = fw_symbol_name(g->sym, i);
    }
    static const struct fw_table head;
    *ret = fw_record_new(r, &head, columns, values, n);
    return *ret == NULL ? fw_fail_memory(err) : FW_OK;
}

/* "batch, seq: left open; --batch N --seq N": the letters that are open and what gives them values.
 */
static const char *open_letters(struct fw_report *r, const struct fw_table *symbols)
{
    const char *names = "", *options = "";
    for (uint32_t c = 0; c < symbols->n_columns && names != NULL && options != NULL; c++) {
        if (symbols->cell(symbols, 0, c).kind != FW_VALUE_NULL)
            continue;
        const char *name = symbols->columns[c].key;
        bool own = strcmp(name, "batch") == 0 || strcmp(name, "seq") == 0;
        names = fw_arena_printf(&r->arena, "%s%s%s", names, *names ? ", " : "", name);
        options = fw_arena_printf(&r->arena, own ? "%s --%s N" : "%s --set %s=N", options, name);
    }
    if (names == NULL || options == NULL || *names == '\0')
        return NULL;
    return fw_arena_printf(&r->arena, "%s: left open;%s", names, options);
}

/* Letters of the totals that no input has: sizes that the data decide while it runs. */
static enum fw_status data_letters(struct fw_report *r, struct fw_analysis *a,
                                   const struct fw_table *symbols, const char **ret,
                                   struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    uint32_t n = fw_symbols_count(g->sym);
    bool *seen = fw_arena_zalloc(&r->arena, n + 1u);
    if (seen == NULL)
        return fw_fail_memory(err);
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            fw_count_symbols(g->sym, a->totals.phase[p].n[k], seen, n);
    *ret = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const char *name = fw_symbol_name(g->sym, i);
        for (uint32_t c = 0; c < symbols->n_columns; c++)
            seen[i] &= strcmp(symbols->columns[c].key, name) != 0;
        if (seen[i])
            *ret = fw_arena_printf(&r->arena, "%s%s%s", *ret != NULL ? *ret : "",
                                   *ret != NULL ? ", " : "", name);
    }
    if (*ret != NULL)
        *ret = fw_arena_printf(&r->arena, "%s: sizes that depend on the data", *ret);
    return FW_OK;
}

static const struct fw_column model_columns[] = {
    {"path", "file", "the model file as given", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"format", "format", "format of the file", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"producer", "made by", "program that wrote the file", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"nodes", "nodes", "nodes of the graph in the file", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"inputs", "inputs", "inputs of the graph", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"symbols", "symbols", "values given to letters; null where one is open", FW_UNIT_NONE, 0},
    {"open", "symbols", "letters that are left in the shapes", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"data", "data", "letters that only running it would tell", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
};

enum { N_MODEL = sizeof model_columns / sizeof *model_columns };

enum fw_status fw_report_add_model(struct fw_report *r, struct fw_analysis *a,
                                   const struct fw_asked *asked, struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    struct fw_table *inputs = fw_arena_zalloc(&r->arena, sizeof *inputs);
    if (inputs == NULL)
        return fw_fail_memory(err);
    inputs->columns = input_columns;
    inputs->n_columns = sizeof input_columns / sizeof *input_columns;
    inputs->n_rows = g->n_inputs;
    inputs->ctx = g;
    inputs->cell = input_cell;
    const struct fw_table *symbols;
    FW_TRY(symbols_record(r, g, asked, &symbols, err));
    const char *open = open_letters(r, symbols), *data;
    FW_TRY(data_letters(r, a, symbols, &data, err));
    const char *producer = a->model.producer;
    struct fw_value values[N_MODEL] = {
        fw_value_text(a->model.path),
        fw_value_text(a->model.format),
        producer != NULL && *producer ? fw_value_text(producer) : fw_value_kind(FW_VALUE_ABSENT),
        fw_value_int(a->model.no_network == NULL ? a->n_forward : 0),
        {.kind = FW_VALUE_TABLE, .table = inputs},
        {.kind = FW_VALUE_TABLE, .table = symbols},
        open != NULL ? fw_value_text(open) : fw_value_kind(FW_VALUE_ABSENT),
        data != NULL ? fw_value_text(data) : fw_value_kind(FW_VALUE_ABSENT)};
    static const struct fw_table head = {.key = "model"};
    r->sym = g->sym;
    return fw_report_record(r, &head, model_columns, values, N_MODEL, err);
}

/* ---- a quotient ---- */

struct fw_value fw_quotient(struct fw_symbols *sym, fw_count top, fw_count bottom,
                            struct fw_arena *arena)
{
    if (fw_count_is(bottom, 0))
        return fw_value_kind(FW_VALUE_NULL);
    if (fw_count_is_const(top) && fw_count_is_const(bottom))
        return fw_value_float((double)top.word / (double)bottom.word);
    fw_count common = fw_count_common(sym, top, bottom);
    if (!fw_count_is_const(common)) { // letters that cancel
        top = fw_count_div(sym, top, common);
        bottom = fw_count_div(sym, bottom, common);
    }
    fw_count quotient = fw_count_div(sym, top, bottom);
    struct fw_str text;
    fw_str_init(&text, arena->alloc);
    if (!fw_count_is_bad(quotient)) {
        fw_count_print(sym, quotient, 0, &text);
    } else {
        fw_str_addc(&text, '(');
        fw_count_print(sym, top, 0, &text);
        fw_str_add(&text, ")/(");
        fw_count_print(sym, bottom, 0, &text);
        fw_str_addc(&text, ')');
    }
    const char *kept = fw_arena_strndup(arena, fw_str_text(&text), text.len);
    fw_str_free(&text);
    return fw_value_text(kept);
}

/* ---- what is missing ---- */

static const struct fw_column missing_columns[] = {
    {"op", "operator", "operator without a rule, or with inputs of unknown shape", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"domain", "domain", "domain of the operator", FW_UNIT_NONE, 0},
    {"domain_name", "domain", "domain of the operator", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"nodes", "nodes", "nodes of this operator that are not counted", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"first", "first node", "the first of them", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"what", "what is not counted", "\"cost\" or \"gradient\"", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static struct fw_value missing_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct fw_missing *m = &((const struct fw_totals *)t->ctx)->missing[row];
    switch (column) {
    case 0:
        return fw_value_text(m->op);
    case 1:
        return fw_value_text(m->domain);
    case 2:
        return fw_value_text(m->domain[0] != '\0' ? m->domain : "ai.onnx");
    case 3:
        return fw_value_int(m->nodes);
    case 4:
        return fw_value_text(m->first);
    default:
        return fw_value_text(m->gradient ? "gradient" : "cost");
    }
}

static const struct fw_column complete_columns[] = {
    {"complete", "complete", "false: the totals are a lower bound", FW_UNIT_NONE, 0}};

enum fw_status fw_report_add_missing(struct fw_report *r, struct fw_analysis *a, bool complete,
                                     struct fw_error *err)
{
    struct fw_value value = fw_value_bool(complete);
    static const struct fw_table head = {.flags = FW_TABLE_MERGE | FW_TABLE_JSON_ONLY};
    FW_TRY(fw_report_record(r, &head, complete_columns, &value, 1, err));
    struct fw_table *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "missing",
                           .title = "Missing: the totals are a lower bound",
                           .columns = missing_columns,
                           .n_columns = sizeof missing_columns / sizeof *missing_columns,
                           .n_rows = a->totals.n_missing,
                           .flags = FW_TABLE_SKIP_EMPTY,
                           .ctx = &a->totals,
                           .cell = missing_cell};
    fw_report_add(r, t);
    if (!complete && r->status == FW_OK)
        r->status = FW_UNSUPPORTED;
    return FW_OK;
}
