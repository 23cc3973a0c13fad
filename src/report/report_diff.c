/* flopwise.diff/1: two models side by side, layers matched as match.c says. */
#include "report/answers.h"

#include <string.h>

enum { N_MEASURES = 4 }; // params, forward MAC, forward FLOP, FLOP of all phases

struct measures {
    fw_count n[N_MEASURES];
};

struct pair {
    uint32_t a, b; // rows, FW_NONE where there is none
};

struct diff {
    struct fw_report *r;
    struct fw_error *err;
    struct fw_layers side[2];
    struct fw_symbols *sym; // of the first model; counts of the second are read into it
    struct pair *pairs;     // (n)
    uint32_t n;
    struct measures *of[2]; // (n) per pair
    struct measures total[2];
    struct fw_column *columns; // those below, without what says nothing here
};

/* ---- matching ---- */

static enum fw_status match(struct diff *d)
{
    uint32_t n_a = d->side[0].n, n_b = d->side[1].n;
    d->pairs = fw_arena_array(&d->r->arena, (size_t)n_a + n_b + 1, sizeof *d->pairs);
    uint32_t *partner = fw_arena_array(&d->r->arena, (size_t)n_a + 1, sizeof *partner);
    bool *taken = fw_arena_zalloc(&d->r->arena, (size_t)n_b + 1);
    if (d->pairs == NULL || partner == NULL || taken == NULL)
        return fw_fail_memory(d->err);
    FW_TRY(fw_layers_match(&d->side[0], &d->side[1], partner, d->err));
    for (uint32_t i = 0; i < n_a; i++) {
        d->pairs[i] = (struct pair){i, partner[i]};
        if (partner[i] != FW_NONE)
            taken[partner[i]] = true;
    }
    d->n = n_a;
    for (uint32_t k = 0; k < n_b; k++)
        if (!taken[k])
            d->pairs[d->n++] = (struct pair){FW_NONE, k};
    return FW_OK;
}

/* ---- measures ---- */

/* A count of one side in the letters of the first. */
static enum fw_status translate(struct diff *d, unsigned side, fw_count v, fw_count *ret)
{
    *ret = v;
    if (side == 0 || fw_count_is_const(v))
        return FW_OK;
    struct fw_str text;
    fw_str_init(&text, d->r->alloc);
    fw_count_print(d->side[1].a->model.sym, v, 0, &text);
    enum fw_status status = fw_str_ok(&text)
                                ? fw_count_parse(d->sym, fw_str_text(&text), text.len, ret, d->err)
                                : fw_fail_memory(d->err);
    fw_str_free(&text);
    return status;
}

static enum fw_status measure(struct diff *d, unsigned side, fw_count params,
                              const struct fw_cost *cost, struct measures *ret)
{
    struct fw_symbols *sym = d->side[side].a->model.sym;
    struct fw_cost step = fw_cost_step(sym, cost);
    FW_TRY(translate(d, side, params, &ret->n[0]));
    FW_TRY(translate(d, side, fw_cost_mac(&cost[0]), &ret->n[1]));
    FW_TRY(translate(d, side, fw_cost_flop(sym, &cost[0]), &ret->n[2]));
    return translate(d, side, fw_cost_flop(sym, &step), &ret->n[3]);
}

static enum fw_status measure_side(struct diff *d, unsigned side)
{
    struct fw_layers *l = &d->side[side];
    d->of[side] = fw_arena_zalloc(&d->r->arena, ((size_t)d->n + 1) * sizeof **d->of);
    if (d->of[side] == NULL)
        return fw_fail_memory(d->err);
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t row = side == 0 ? d->pairs[i].a : d->pairs[i].b;
        if (row != FW_NONE)
            FW_TRY(measure(d, side, l->rows[row].params, fw_layer_cost(l, row), &d->of[side][i]));
    }
    return measure(d, side, l->a->totals.params, l->a->totals.phase, &d->total[side]);
}

/* ---- tables ---- */

#define MEASURE_COLUMNS(side, params, params_views, mac, mac_views, flop, flop_views, step) \
    {side "/params", params, "elements of parameters", FW_UNIT_COUNT, params_views},        \
        {side "/mac", mac, "multiply-adds of the forward pass", FW_UNIT_COUNT, mac_views},  \
        {side "/flop", flop, "operations of the forward pass", FW_UNIT_FLOP, flop_views},   \
    {                                                                                       \
        side "/step_flop", step, "operations of all phases", FW_UNIT_FLOP, 0                \
    }
#define JOINED (FW_VIEW_WIDE | FW_VIEW_JOIN)

static const struct fw_column columns[] = {
    {"name", "name", "node of the first model, else of the second", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_NAME},
    {"other_name", "name in second", "where it differs", FW_UNIT_NONE, FW_VIEW_WIDE | FW_VIEW_NAME},
    {"op", "op", "operator", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"in", "in", "first, second, or both", FW_UNIT_NONE, FW_VIEW_WIDE},
    MEASURE_COLUMNS("first", "params", FW_VIEW_WIDE, "MAC", JOINED, "FLOP", 0, "step FLOP"),
    MEASURE_COLUMNS("second", "params 2", JOINED, "MAC 2", JOINED, "FLOP 2", 0, "step FLOP 2"),
    MEASURE_COLUMNS("difference", "+params", FW_VIEW_TABLE, "+MAC", FW_VIEW_TABLE, "+FLOP",
                    FW_VIEW_TABLE, "+step FLOP"),
};

static fw_count measured(const struct diff *d, uint32_t row, unsigned group, unsigned k)
{
    if (group < 2)
        return d->of[group][row].n[k];
    return fw_count_sub(d->sym, d->of[1][row].n[k], d->of[0][row].n[k]);
}

/* Of a pair at least one is there. */
static const struct fw_layer *first_of(const struct fw_layer *a, const struct fw_layer *b)
{
    return a != NULL ? a : b;
}

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct diff *d = t->ctx;
    struct pair p = d->pairs[row];
    const struct fw_layer *a = p.a != FW_NONE ? &d->side[0].rows[p.a] : NULL;
    const struct fw_layer *b = p.b != FW_NONE ? &d->side[1].rows[p.b] : NULL;
    switch (column) {
    case 0:
        return fw_value_text(first_of(a, b)->name);
    case 1:
        if (a == NULL || b == NULL || strcmp(a->name, b->name) == 0)
            return fw_value_kind(FW_VALUE_NULL);
        return fw_value_text(b->name);
    case 2:
        return fw_value_text(first_of(a, b)->op);
    case 3:
        return fw_value_text(a == NULL ? "second" : b == NULL ? "first" : "both");
    default:
        return fw_value_count(
            measured(d, row, (column - 4) / N_MEASURES, (column - 4) % N_MEASURES));
    }
}

/* People want what differs. */
static bool is_same(const struct fw_table *t, uint32_t row)
{
    const struct diff *d = t->ctx;
    for (unsigned k = 0; k < N_MEASURES; k++)
        if (!fw_count_is(measured(d, row, 2, k), 0))
            return false;
    return true;
}

static const struct fw_column total_columns[] = {
    {"what", "total", "what is measured", FW_UNIT_NONE, 0},
    {"name", "total", "what is measured", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"first", "first", "the first model", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"second", "second", "the second model", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"difference", "difference", "second less first", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"change", "change", "difference over first; null where that is no number", FW_UNIT_CHANGE,
     FW_VIEW_TABLE},
};

static struct fw_value total_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    static const char *const keys[N_MEASURES] = {"params", "mac", "flop", "step_flop"};
    static const char *const names[N_MEASURES] = {"parameters", "MAC of forward", "FLOP of forward",
                                                  "FLOP of all phases"};
    const struct diff *d = t->ctx;
    fw_count a = d->total[0].n[row], b = d->total[1].n[row];
    switch (column) {
    case 0:
        return fw_value_text(keys[row]);
    case 1:
        return fw_value_text(names[row]);
    case 2:
        return fw_value_count(a);
    case 3:
        return fw_value_count(b);
    case 4:
        return fw_value_count(fw_count_sub(d->sym, b, a));
    default:
        if (!fw_count_is_const(a) || !fw_count_is_const(b) || a.word == 0)
            return fw_value_kind(FW_VALUE_NULL);
        return fw_value_float((double)(b.word - a.word) / (double)a.word);
    }
}

/* The second's names and the side are shown where they differ at all. */
static enum fw_status choose_columns(struct diff *d)
{
    bool names = false, sides = false;
    d->columns = fw_arena_copy(&d->r->arena, columns, sizeof columns);
    if (d->columns == NULL)
        return fw_fail_memory(d->err);
    for (uint32_t i = 0; i < d->n; i++) {
        struct pair p = d->pairs[i];
        if (p.a == FW_NONE || p.b == FW_NONE)
            sides = true;
        else
            names |= strcmp(d->side[0].rows[p.a].name, d->side[1].rows[p.b].name) != 0;
    }
    if (!names)
        d->columns[1].views = 0;
    if (!sides)
        d->columns[3].views = 0;
    return FW_OK;
}

static enum fw_status add_tables(struct diff *d)
{
    static const struct fw_column path_columns[] = {
        {"first", "first", "file of the first model", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"second", "second", "file of the second model", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"complete", "complete", "false: a count is a lower bound", FW_UNIT_NONE, FW_VIEW_TABLE}};
    bool complete = d->side[0].a->totals.n_missing == 0 && d->side[1].a->totals.n_missing == 0;
    struct fw_value paths[] = {fw_value_text(d->side[0].a->model.path),
                               fw_value_text(d->side[1].a->model.path), fw_value_bool(complete)};
    static const struct fw_table head = {.key = "models"};
    FW_TRY(fw_report_record(d->r, &head, path_columns, paths, 3, d->err));
    FW_TRY(choose_columns(d));
    struct fw_table *t = fw_arena_zalloc(&d->r->arena, 2 * sizeof *t);
    if (t == NULL)
        return fw_fail_memory(d->err);
    t[1] = (struct fw_table){.key = "totals",
                             .title = "Totals",
                             .columns = total_columns,
                             .n_columns = sizeof total_columns / sizeof *total_columns,
                             .n_rows = N_MEASURES,
                             .flags = FW_TABLE_EXACT,
                             .ctx = d,
                             .cell = total_cell};
    t[0] = (struct fw_table){.key = "layers",
                             .title = "Layers that differ",
                             .empty = "none",
                             .free_text = "they cost the same",
                             .columns = d->columns,
                             .n_columns = sizeof columns / sizeof *columns,
                             .n_rows = d->n,
                             .flags = FW_TABLE_MAIN,
                             .ctx = d,
                             .cell = cell,
                             .is_free = is_same};
    fw_report_add(d->r, &t[0]);
    fw_report_add(d->r, &t[1]);
    d->r->status = complete ? FW_OK : FW_UNSUPPORTED;
    return FW_OK;
}

static enum fw_status build(struct diff *d, struct fw_analysis *a, struct fw_analysis *b)
{
    FW_TRY(fw_layers_make(&d->side[0], a, FW_BY_LAYER, &d->r->arena, d->err));
    FW_TRY(fw_layers_make(&d->side[1], b, FW_BY_LAYER, &d->r->arena, d->err));
    FW_TRY(match(d));
    FW_TRY(measure_side(d, 0));
    FW_TRY(measure_side(d, 1));
    return add_tables(d);
}

enum fw_status fw_answer_diff(struct fw_report **ret, struct fw_analysis *a, struct fw_analysis *b,
                              struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.diff/1");
    struct diff *d = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *d) : NULL;
    if (d == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    d->r = r;
    d->err = err;
    d->sym = r->sym = a->model.sym;
    r->title = fw_arena_printf(&r->arena, "flopwise diff: %s, %s", a->model.path, b->model.path);
    enum fw_status status = build(d, a, b);
    if (fw_symbols_fault(b->model.sym) == FW_MEMORY) // a's is looked at when it is written
        status = fw_fail_memory(err);
    return fw_report_finish(ret, r, status);
}
