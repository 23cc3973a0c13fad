/* flopwise.count/1: parameters, operations and bytes, per row and in all. */
#include "report/answers.h"
#include "report/bodies.h"
#include "study/convention.h"

#include <math.h>
#include <string.h>

/* The twelve columns of one phase; what the terminal shows of them differs. */
#define COST_COLUMNS(phase, mac, mac_views, flop, flop_views)                              \
    {phase "/mac", mac, "multiply-adds of contractions", FW_UNIT_COUNT, mac_views},        \
        {phase "/matmul_flop", "matmul FLOP", "twice the multiply-adds", FW_UNIT_FLOP, 0}, \
        {phase "/flop", flop, "operations of all classes", FW_UNIT_FLOP, flop_views},      \
        {phase "/fma", "fma", "fused multiply-adds, 2 FLOP each", FW_UNIT_COUNT, 0},       \
        {phase "/add", "add", "additions and subtractions", FW_UNIT_FLOP, 0},              \
        {phase "/mul", "mul", "multiplications", FW_UNIT_FLOP, 0},                         \
        {phase "/div", "div", "divisions", FW_UNIT_FLOP, 0},                               \
        {phase "/sqrt", "sqrt", "square roots", FW_UNIT_FLOP, 0},                          \
        {phase "/minmax", "minmax", "comparisons, minima, maxima", FW_UNIT_FLOP, 0},       \
        {phase "/special", "special", "exponentials and their kind", FW_UNIT_FLOP, 0},     \
        {phase "/read_bytes", "read", "bytes that must be read", FW_UNIT_BYTES, 0},        \
    {                                                                                      \
        phase "/write_bytes", "written", "bytes that must be written", FW_UNIT_BYTES, 0    \
    }

enum layer_column {
    L_NAME,
    L_OP,
    L_OP_MARKED,
    L_NODES,
    L_SHAPE,
    L_PARAMS,
    L_PARTIAL,
    L_COST,
    L_BACKWARD = L_COST + FW_N_PHASES * FW_N_MEMBERS,
    L_SHARE,
    L_CONVENTION, // forward, then all phases
    L_CONVENTION_STEP,
    L_BYTES,
    L_STORED,
    L_BODIES,
    N_LAYER_COLUMNS
};

static const struct fw_column layer_columns[N_LAYER_COLUMNS] = {
    {"name", "name", "name of the node, operator or module", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_NAME},
    {"op", "op", "operator", FW_UNIT_NONE, 0},
    {"op_marked", "op", "operator; with (?) where something is not counted", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_NAME | FW_VIEW_PEOPLE},
    {"nodes", "nodes", "nodes of the forward pass in this row", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"output_shape", "output", "dimensions of the first output; null where not known", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"params", "params", "elements of the parameters that are used here first", FW_UNIT_COUNT,
     FW_VIEW_TABLE | FW_VIEW_TREE},
    {"complete", "complete", "false: something in this row is not counted", FW_UNIT_NONE, 0},
    COST_COLUMNS("forward", "fwd MAC", FW_VIEW_TABLE | FW_VIEW_TREE, "fwd FLOP", FW_VIEW_WIDE),
    COST_COLUMNS("backward_input", "MAC", 0, "dX FLOP", FW_VIEW_WIDE),
    COST_COLUMNS("backward_weight", "MAC", 0, "dW FLOP", FW_VIEW_WIDE | FW_VIEW_JOIN),
    COST_COLUMNS("update", "MAC", 0, "update", FW_VIEW_WIDE),
    COST_COLUMNS("recompute", "MAC", 0, "recompute", FW_VIEW_WIDE),
    {"backward", "bwd FLOP", "operations of both backward phases", FW_UNIT_FLOP,
     FW_VIEW_PEOPLE | FW_VIEW_TREE},
    {"share", "share", "part of the operations of all phases", FW_UNIT_SHARE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"convention/forward", "fwd by convention", "what the other tool counts, in its unit",
     FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"convention/training_step", "all by convention", "the same over all phases", FW_UNIT_COUNT, 0},
    {"bytes", "fwd bytes", "bytes read and written by the forward pass", FW_UNIT_BYTES,
     FW_VIEW_WIDE | FW_VIEW_PEOPLE},
    {"stored_bytes", "stored bytes", "bytes in the weight files, where there is no network",
     FW_UNIT_BYTES, 0},
    {"bodies", "bodies", "branches and loop bodies; their cost is part of the row's where counted",
     FW_UNIT_NONE, FW_VIEW_NESTED},
};

/* Everything the tables of one report stand on. */
struct count {
    struct fw_report *r;
    struct fw_analysis *a;
    struct fw_symbols *sym;
    struct fw_error *err;
    struct fw_layers layers;
    enum fw_group by;
    bool training;
    bool recompute;                         // that phase costs something
    const struct fw_convention *convention; // or NULL
    struct fw_column columns[N_LAYER_COLUMNS];
    struct fw_cost phase_cost[FW_N_PHASES + 1]; // and the training step
    unsigned phases[FW_N_PHASES + 1];           // those that are shown
    unsigned n_phases;
    struct fw_value ratio;
};

static bool has_phase(const struct count *c, unsigned phase)
{
    if (phase == FW_PHASE_FORWARD)
        return true;
    return c->training && (phase != FW_PHASE_RECOMPUTE || c->recompute);
}

/* ---- rows ---- */

static struct fw_value shape_of(const struct count *c, const struct fw_layer *row)
{
    const struct fw_graph *g = &c->a->model.graph;
    const struct fw_node *n = &g->nodes[row->node];
    const struct fw_tensor *t = n->n_out > 0 ? fw_tensor_at(g, n->out[0]) : NULL;
    if (t == NULL || t->rank == FW_RANK_UNKNOWN)
        return fw_value_kind(FW_VALUE_NULL);
    return (struct fw_value){.kind = FW_VALUE_SHAPE, .shape = {t->dims, t->rank}};
}

static fw_count convention_of(const struct count *c, const struct fw_layer *row, bool all)
{
    struct fw_graph *g = &c->a->model.graph;
    fw_count sum = fw_count_int(0);
    for (uint32_t i = row->from; i < row->to; i++) {
        uint32_t id = c->layers.order[i];
        if (all || g->nodes[id].phase == FW_PHASE_FORWARD)
            sum = fw_count_add(c->sym, sum, fw_convention_count(g, id, c->convention));
    }
    return sum;
}

/* A row's part of the operations of all phases; NULL where letters are left. */
static struct fw_value share_of(struct count *c, const struct fw_cost cost[FW_N_PHASES])
{
    struct fw_cost step = fw_cost_step(c->sym, cost);
    fw_count part = fw_cost_flop(c->sym, &step);
    fw_count all = fw_cost_flop(c->sym, &c->phase_cost[FW_N_PHASES]);
    if (!fw_count_is_const(part) || !fw_count_is_const(all) || all.word == 0)
        return fw_value_kind(FW_VALUE_NULL);
    return fw_value_float((double)part.word / (double)all.word);
}

/* What the files keep for a row of modules without a network. */
static struct fw_value stored_of(const struct count *c, const struct fw_layer *row)
{
    const struct fw_graph *g = &c->a->model.graph;
    fw_count sum = fw_count_int(0);
    if (c->a->model.no_network == NULL)
        return fw_value_kind(FW_VALUE_ABSENT);
    for (uint32_t i = row->from; i < row->to; i++) {
        const struct fw_node *n = &g->nodes[c->layers.order[i]];
        for (unsigned k = 0; k < n->n_in; k++) {
            const struct fw_data *data = g->tensors[n->in[k]].data;
            sum = fw_count_add(c->sym, sum, fw_count_int((int64_t)data->n_bytes));
        }
    }
    return fw_value_count(sum);
}

static struct fw_value derived_cell(struct count *c, uint32_t row, uint32_t column)
{
    const struct fw_cost *cost = fw_layer_cost(&c->layers, row);
    if (column == L_BACKWARD) {
        if (!c->training)
            return fw_value_kind(FW_VALUE_ABSENT);
        fw_count input = fw_cost_flop(c->sym, &cost[FW_PHASE_BACKWARD_INPUT]);
        fw_count weight = fw_cost_flop(c->sym, &cost[FW_PHASE_BACKWARD_WEIGHT]);
        return fw_value_count(fw_count_add(c->sym, input, weight));
    }
    if (column == L_BODIES)
        return fw_bodies_value(c->r, c->a, c->layers.rows[row].node);
    if (column == L_STORED)
        return stored_of(c, &c->layers.rows[row]);
    if (column == L_SHARE)
        return share_of(c, cost);
    if (column == L_BYTES)
        return fw_value_count(fw_count_add(c->sym, cost[0].n[FW_READ], cost[0].n[FW_WRITE]));
    if (c->convention == NULL || c->convention->whole != NULL ||
        (column == L_CONVENTION_STEP && !c->training))
        return fw_value_kind(FW_VALUE_ABSENT);
    return fw_value_count(convention_of(c, &c->layers.rows[row], column == L_CONVENTION_STEP));
}

static struct fw_value layer_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct count *c = t->ctx;
    const struct fw_layer *layer = &c->layers.rows[row];
    bool group = c->by != FW_BY_LAYER;
    switch (column) {
    case L_NAME:
        return fw_value_text(layer->name);
    case L_OP:
        return c->by == FW_BY_LAYER ? fw_value_text(layer->op) : fw_value_kind(FW_VALUE_ABSENT);
    case L_OP_MARKED:
        if (!layer->gap || layer->op == NULL)
            return fw_value_text(layer->op);
        return fw_value_text(fw_arena_printf(&c->r->arena, "%s (?)", layer->op));
    case L_NODES:
        return group ? fw_value_int(layer->n_forward) : fw_value_kind(FW_VALUE_ABSENT);
    case L_SHAPE:
        return group ? fw_value_kind(FW_VALUE_ABSENT) : shape_of(c, layer);
    case L_PARAMS:
        return fw_value_count(layer->params);
    case L_PARTIAL:
        return layer->gap ? fw_value_bool(false) : fw_value_kind(FW_VALUE_ABSENT);
    default:
        break;
    }
    if (column >= L_BACKWARD)
        return derived_cell(c, row, column);
    unsigned phase = (column - L_COST) / FW_N_MEMBERS;
    if (!has_phase(c, phase))
        return fw_value_kind(FW_VALUE_ABSENT);
    const struct fw_cost *cost = fw_layer_cost(&c->layers, row);
    return fw_value_count(fw_cost_member(c->sym, &cost[phase], (column - L_COST) % FW_N_MEMBERS));
}

static unsigned n_bodies(const struct fw_table *t, uint32_t row)
{
    struct count *c = t->ctx;
    struct fw_body_entry entry[FW_MAX_BODIES];
    return fw_row_bodies(c->a, c->layers.rows[row].node, entry);
}

/* Body k of a row: a line of its own under it, for people. */
static struct fw_value body_cell(const struct fw_table *t, uint32_t row, unsigned k,
                                 uint32_t column)
{
    struct count *c = t->ctx;
    struct fw_body_entry entry[FW_MAX_BODIES];
    unsigned n = fw_row_bodies(c->a, c->layers.rows[row].node, entry);
    const struct fw_cost *cost = &entry[k].cost;
    switch (column) {
    case L_NAME:
        return fw_value_text(fw_body_label(c->r, &entry[k], n));
    case L_COST + FW_MEMBER_MAC:
    case L_COST + FW_MEMBER_FLOP:
        return fw_value_count(fw_cost_member(c->sym, cost, column - L_COST));
    case L_BYTES:
        return fw_value_count(fw_count_add(c->sym, cost->n[FW_READ], cost->n[FW_WRITE]));
    default:
        return fw_value_text("");
    }
}

static bool layer_is_free(const struct fw_table *t, uint32_t row)
{
    struct count *c = t->ctx;
    const struct fw_layer *layer = &c->layers.rows[row];
    if (layer->gap || !fw_count_is(layer->params, 0))
        return false;
    const struct fw_cost *cost = fw_layer_cost(&c->layers, row);
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            if (!fw_count_is(cost[p].n[k], 0))
                return false;
    return true;
}

/* Without a network there are names, parameters and bytes. */
static void choose_stored_columns(struct count *c)
{
    for (unsigned k = 0; k < N_LAYER_COLUMNS; k++)
        if (k != L_NAME && k != L_PARAMS && k != L_NODES)
            c->columns[k].views &= FW_VIEW_PEOPLE;
    c->columns[L_NODES].views = 0;
    c->columns[L_STORED].views = FW_VIEW_TABLE | FW_VIEW_TREE;
}

/* Columns that would be empty are not shown. */
static void choose_columns(struct count *c)
{
    memcpy(c->columns, layer_columns, sizeof layer_columns);
    if (c->a->model.no_network != NULL) {
        choose_stored_columns(c);
        return;
    }
    if (c->by != FW_BY_LAYER)
        c->columns[L_OP_MARKED].views = c->columns[L_SHAPE].views = FW_VIEW_PEOPLE;
    else
        c->columns[L_NODES].views = 0;
    for (unsigned p = 1; p < FW_N_PHASES; p++)
        if (!has_phase(c, p))
            c->columns[L_COST + p * FW_N_MEMBERS + FW_MEMBER_FLOP].views = 0;
    if (!c->training)
        c->columns[L_BACKWARD].views = FW_VIEW_PEOPLE;
    struct fw_cost *all = &c->phase_cost[FW_N_PHASES];
    if (!fw_count_is_const(fw_cost_flop(c->sym, all)))
        c->columns[L_SHARE].views = FW_VIEW_PEOPLE;
    if (c->convention == NULL || c->convention->whole != NULL) {
        c->columns[L_CONVENTION].views = 0;
        return;
    }
    c->columns[L_CONVENTION].title =
        fw_arena_printf(&c->r->arena, "%s %s", c->convention->name, c->convention->unit);
    if (c->columns[L_CONVENTION].title == NULL)
        c->columns[L_CONVENTION].title = layer_columns[L_CONVENTION].title;
}

/* True when the rows are the file's nodes and the loss: their number then differs from the file's.
 */
static bool with_loss(const struct count *c, uint32_t n_rows)
{
    return c->by == FW_BY_LAYER && n_rows > c->a->n_forward;
}

static enum fw_status add_layers(struct count *c, size_t top)
{
    static const char *const keys[] = {"layers", "layers", "layers"};
    static const char *const titles[] = {"Layers", "Operators", "Modules"};
    FW_TRY(fw_layers_make(&c->layers, c->a, c->by, &c->r->arena, c->err));
    uint32_t all = c->layers.n;
    FW_TRY(fw_layers_keep_top(&c->layers, top, c->err));
    struct fw_table *t = fw_arena_zalloc(&c->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(c->err);
    choose_columns(c);
    *t = (struct fw_table){.key = keys[c->by],
                           .title = titles[c->by],
                           .free_text = "no operation, no byte, no parameter",
                           .columns = c->columns,
                           .n_columns = N_LAYER_COLUMNS,
                           .n_rows = c->layers.n,
                           .flags = FW_TABLE_MAIN | (c->by == FW_BY_LAYER ? FW_TABLE_TREE : 0u),
                           .ctx = c,
                           .cell = layer_cell,
                           .is_free = layer_is_free,
                           .n_under = n_bodies,
                           .under = body_cell};
    if (c->layers.n < all)
        t->title =
            fw_arena_printf(&c->r->arena, "%s: the %u costliest of %u%s", titles[c->by],
                            c->layers.n, all, with_loss(c, all) ? ", the loss included" : "");
    fw_report_add(c->r, t);
    return FW_OK;
}

/* ---- totals ---- */

static fw_count ratio_top(struct count *c)
{
    struct fw_cost *p = c->phase_cost;
    fw_count backward =
        fw_count_add(c->sym, fw_cost_matmul_flop(c->sym, &p[FW_PHASE_BACKWARD_INPUT]),
                     fw_cost_matmul_flop(c->sym, &p[FW_PHASE_BACKWARD_WEIGHT]));
    return fw_count_add(c->sym, backward, fw_cost_flop(c->sym, &p[FW_PHASE_UPDATE]));
}

static struct fw_value ratio(struct count *c)
{
    if (!c->training)
        return fw_value_kind(FW_VALUE_ABSENT);
    fw_count bottom = fw_cost_matmul_flop(c->sym, &c->phase_cost[FW_PHASE_FORWARD]);
    return fw_quotient(c->sym, ratio_top(c), bottom, &c->r->arena);
}

enum { N_TOTALS = 3 + (FW_N_PHASES + 1) * FW_N_MEMBERS + 1 };

static const struct fw_column total_columns[N_TOTALS] = {
    {"params", "parameters", "elements of learnable tensors, each once", FW_UNIT_COUNT, 0},
    {"trainable_params", "trainable", "those that are not frozen", FW_UNIT_COUNT, 0},
    {"buffers", "buffers", "elements of running statistics", FW_UNIT_COUNT, 0},
    COST_COLUMNS("forward", "MAC", 0, "FLOP", 0),
    COST_COLUMNS("backward_input", "MAC", 0, "FLOP", 0),
    COST_COLUMNS("backward_weight", "MAC", 0, "FLOP", 0),
    COST_COLUMNS("update", "MAC", 0, "FLOP", 0),
    COST_COLUMNS("recompute", "MAC", 0, "FLOP", 0),
    COST_COLUMNS("training_step", "MAC", 0, "FLOP", 0),
    {"backward_forward_ratio", "backward:forward",
     "matmul FLOP of both backward phases and FLOP of the update over matmul FLOP of forward",
     FW_UNIT_NONE, 0},
};

static enum fw_status add_totals(struct count *c)
{
    const struct fw_totals *totals = &c->a->totals;
    struct fw_value values[N_TOTALS] = {fw_value_count(totals->params),
                                        fw_value_count(totals->trainable_params),
                                        fw_value_count(totals->buffers)};
    unsigned n = 3;
    for (unsigned p = 0; p <= FW_N_PHASES; p++)
        for (unsigned m = 0; m < FW_N_MEMBERS; m++) {
            bool shown = p == FW_N_PHASES ? c->training : has_phase(c, p);
            values[n++] = shown ? fw_value_count(fw_cost_member(c->sym, &c->phase_cost[p], m))
                                : fw_value_kind(FW_VALUE_ABSENT);
        }
    values[n] = c->ratio = ratio(c);
    static const struct fw_table head = {.key = "totals", .flags = FW_TABLE_JSON_ONLY};
    return fw_report_record(c->r, &head, total_columns, values, N_TOTALS, c->err);
}

/* For people: a line per phase. */
static const struct fw_column phase_columns[] = {
    {"phase", "phase", "part of a training step", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"mac", "MAC", "multiply-adds of contractions", FW_UNIT_COUNT, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"flop", "FLOP", "operations of all classes", FW_UNIT_FLOP, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"read", "bytes read", "bytes that must be read", FW_UNIT_BYTES, FW_VIEW_TABLE},
    {"written", "bytes written", "bytes that must be written", FW_UNIT_BYTES, FW_VIEW_WIDE},
};

static struct fw_value phase_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    static const unsigned members[] = {0, FW_MEMBER_MAC, FW_MEMBER_FLOP, FW_MEMBER_BYTES,
                                       FW_MEMBER_BYTES + 1};
    struct count *c = t->ctx;
    unsigned phase = c->phases[row];
    if (column == 0)
        return fw_value_text(phase == FW_N_PHASES ? "training step" : fw_phase_titles[phase]);
    return fw_value_count(fw_cost_member(c->sym, &c->phase_cost[phase], members[column]));
}

static enum fw_status add_phases(struct count *c)
{
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        if (has_phase(c, p))
            c->phases[c->n_phases++] = p;
    if (c->training)
        c->phases[c->n_phases++] = FW_N_PHASES;
    struct fw_table *t = fw_arena_zalloc(&c->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(c->err);
    if (c->a->model.no_network != NULL)
        return FW_OK;
    *t = (struct fw_table){.key = "phases",
                           .title = "Totals",
                           .columns = phase_columns,
                           .n_columns = sizeof phase_columns / sizeof *phase_columns,
                           .n_rows = c->n_phases,
                           .flags = FW_TABLE_PEOPLE | FW_TABLE_EXACT,
                           .ctx = c,
                           .cell = phase_cell};
    fw_report_add(c->r, t);
    return FW_OK;
}

static const struct fw_column summary_columns[] = {
    {"params", "parameters", "", FW_UNIT_COUNT, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"trainable", "trainable", "", FW_UNIT_COUNT, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"unreached", "no gradient", "", FW_UNIT_COUNT, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"buffers", "buffers", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"ratio", "backward:forward", "", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"complete", "count", "", FW_UNIT_NONE, FW_VIEW_TABLE},
};

/* Parameters that could learn and that no gradient reaches: a rounding stands between, or no output
 * depends on them. */
static struct fw_value unreached(const struct count *c)
{
    const struct fw_graph *g = &c->a->model.graph;
    fw_count n = c->a->totals.trainable_params;
    for (uint32_t id = 0; id < g->n_nodes; id++)
        if (g->nodes[id].phase == FW_PHASE_UPDATE)
            n = fw_count_sub(c->sym, n, fw_tensor_elements(g, &g->tensors[g->nodes[id].in[0]]));
    return c->training && !fw_count_is(n, 0) ? fw_value_count(n) : fw_value_kind(FW_VALUE_ABSENT);
}

static enum fw_status add_summary(struct count *c)
{
    const struct fw_totals *totals = &c->a->totals;
    bool frozen = !fw_count_eq(totals->params, totals->trainable_params);
    struct fw_value absent = fw_value_kind(FW_VALUE_ABSENT);
    enum fw_value_kind ratio_kind = c->ratio.kind; // a text stands among the formulas
    const char *state = totals->n_missing ? "lower bound, see what is missing" : "complete";
    if (c->a->model.no_network != NULL) {
        state = fw_arena_printf(&c->r->arena, "parameters and bytes, no operations; %s",
                                c->a->model.no_network);
        ratio_kind = FW_VALUE_TEXT;
    }
    struct fw_value values[] = {fw_value_count(totals->params),
                                frozen ? fw_value_count(totals->trainable_params) : absent,
                                unreached(c),
                                fw_count_is(totals->buffers, 0) ? absent
                                                                : fw_value_count(totals->buffers),
                                ratio_kind == FW_VALUE_TEXT ? absent : c->ratio,
                                fw_value_text(state)};
    static const struct fw_table head = {.key = "summary", .title = "", .flags = FW_TABLE_PEOPLE};
    return fw_report_record(c->r, &head, summary_columns, values, sizeof values / sizeof *values,
                            c->err);
}

/* ---- formulas ---- */

enum { MAX_FORMULAS = 4 + (FW_N_PHASES + 1) * FW_N_MEMBERS };

struct formulas {
    struct fw_column columns[MAX_FORMULAS];
    struct fw_value values[MAX_FORMULAS];
    uint32_t n;
};

static void add_formula(struct formulas *f, const char *key, fw_count v, bool shown)
{
    if (fw_count_is_const(v) || key == NULL)
        return;
    f->columns[f->n] = (struct fw_column){key, key, "", FW_UNIT_NONE, shown ? FW_VIEW_TABLE : 0};
    f->values[f->n++] = fw_value_count(v);
}

static enum fw_status add_formulas(struct count *c)
{
    struct formulas *f = fw_arena_zalloc(&c->r->arena, sizeof *f);
    if (f == NULL)
        return fw_fail_memory(c->err);
    add_formula(f, "params", c->a->totals.params, true);
    add_formula(f, "trainable_params", c->a->totals.trainable_params, false);
    add_formula(f, "buffers", c->a->totals.buffers, false);
    for (unsigned k = 0; k < c->n_phases; k++)
        for (unsigned m = 0; m < FW_N_MEMBERS; m++) {
            unsigned p = c->phases[k];
            const char *phase = p == FW_N_PHASES ? "training_step" : fw_phase_keys[p];
            const char *key = fw_arena_printf(&c->r->arena, "%s.%s", phase, fw_member_names[m]);
            bool shown = m <= FW_MEMBER_FLOP || m >= FW_MEMBER_BYTES;
            add_formula(f, key, fw_cost_member(c->sym, &c->phase_cost[p], m), shown);
        }
    if (f->n == 0)
        return FW_OK;
    if (c->ratio.kind == FW_VALUE_TEXT) {
        f->columns[f->n] = (struct fw_column){"ratio", "backward:forward", "", FW_UNIT_NONE,
                                              FW_VIEW_TABLE | FW_VIEW_PEOPLE};
        f->values[f->n++] = c->ratio;
    }
    static const struct fw_table head = {.key = "formulas", .title = "Formulas"};
    return fw_report_record(c->r, &head, f->columns, f->values, f->n, c->err);
}

/* ---- another tool's number ---- */

static enum fw_status load_convention(struct count *c, const char *name)
{
    if (name == NULL || strcmp(name, "flopwise") == 0)
        return FW_OK;
    struct fw_convention *convention = fw_arena_alloc(&c->r->arena, sizeof *convention);
    if (convention == NULL)
        return fw_fail_memory(c->err);
    c->convention = convention;
    return fw_convention_load(&c->r->arena, name, convention, c->err);
}

static enum fw_status build(struct count *c, const struct fw_asked *asked)
{
    c->by = asked->options->by;
    c->training = c->a->trained;
    memcpy(c->phase_cost, c->a->totals.phase, sizeof c->a->totals.phase);
    c->phase_cost[FW_N_PHASES] = fw_cost_step(c->sym, c->a->totals.phase);
    for (unsigned k = 0; k < FW_N_COSTS; k++)
        c->recompute |= !fw_count_is(c->phase_cost[FW_PHASE_RECOMPUTE].n[k], 0);
    FW_TRY(load_convention(c, asked->options->convention));
    FW_TRY(fw_report_add_model(c->r, c->a, asked, c->err));
    FW_TRY(add_totals(c));
    FW_TRY(add_layers(c, asked->options->top));
    FW_TRY(add_phases(c));
    FW_TRY(add_summary(c));
    FW_TRY(fw_report_add_weights(c->r, c->a, c->err));
    if (c->a->model.no_network == NULL)
        FW_TRY(fw_report_add_language(c->r, c->a, c->err));
    if (c->convention != NULL)
        FW_TRY(fw_report_add_convention(c->r, c->a, c->convention, c->err));
    FW_TRY(add_formulas(c));
    return fw_report_add_missing(c->r, c->a, c->a->totals.n_missing == 0, c->err);
}

enum fw_status fw_answer_count(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.count/1");
    struct count *c = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *c) : NULL;
    if (c == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    c->r = r;
    c->a = a;
    c->err = err;
    c->sym = a->model.sym;
    r->title = fw_arena_printf(&r->arena, "flopwise count: %s", a->model.path);
    enum fw_status status = build(c, asked);
    c->err = NULL; // the caller's, gone when cells are asked for
    return fw_report_finish(ret, r, status);
}
