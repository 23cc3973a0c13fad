/* flopwise.estimate/1: training compute by two methods, plans, rules, and every input. */
#include "report/report_estimate.h"

#include "report/answers.h"

#include <math.h>
#include <string.h>

static const struct fw_value none = {.kind = FW_VALUE_NULL};

static struct fw_value number(double v)
{
    return isnan(v) ? none : fw_value_float(v);
}

static struct fw_value text(const char *t)
{
    return fw_value_text(t != NULL && t[0] != '\0' ? t : NULL);
}

static void add_figures(struct fw_str *out, double v)
{
    struct fw_value value = fw_value_float(v);
    fw_value_print(NULL, &value, FW_UNIT_MEASURE, FW_NUMBER_EXACT, out);
}

const char *fw_interval_text(struct fw_arena *arena, struct fw_quantity q, const char *unit)
{
    struct fw_str s;
    fw_str_init(&s, arena->alloc);
    add_figures(&s, q.mid);
    if (unit[0] != '\0')
        fw_str_addf(&s, " %s", unit);
    if (!fw_quantity_is_exact(q)) {
        fw_str_add(&s, " (");
        add_figures(&s, q.low);
        fw_str_add(&s, " .. ");
        add_figures(&s, q.high);
        fw_str_addc(&s, ')');
    }
    const char *ret = fw_str_ok(&s) ? fw_arena_strndup(arena, fw_str_text(&s), s.len) : NULL;
    fw_str_free(&s);
    return ret;
}

/* ---- the contract: method1, method2, ratio, implied_utilisation ---- */

enum { MAX_TOP = 10 };

struct top {
    struct fw_column columns[MAX_TOP]; // (n)
    struct fw_value values[MAX_TOP];
    uint32_t n;
};

static void put(struct top *t, const char *key, const char *help, struct fw_value v)
{
    t->columns[t->n] = (struct fw_column){key, key, help, FW_UNIT_NONE, 0};
    t->values[t->n++] = v;
}

/* A method's number; NULL = out of memory. */
static const struct fw_table *method(const struct fw_estimate_report *er, struct fw_quantity q,
                                     struct fw_error *err)
{
    static const struct fw_column columns[] = {
        {"flop", "FLOP", "central value", FW_UNIT_MEASURE, 0},
        {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, 0},
        {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE, 0},
        {"two_figures", "reported", "as the guidelines want it", FW_UNIT_NONE, 0},
        {"petaflops_days", "PF-days", "in units of 8.64e19", FW_UNIT_MEASURE, 0},
    };
    static const struct fw_table head = {.key = "method"};
    char figures[16];
    fw_two_figures(q.mid, figures);
    const char *kept = fw_arena_strndup(&er->r->arena, figures, strlen(figures));
    const struct fw_value values[] = {number(q.mid), number(q.low), number(q.high),
                                      fw_value_text(kept), number(q.mid / 8.64e19)};
    const struct fw_table *t = fw_record_new(er->r, &head, columns, values, 5);
    if (kept == NULL || t == NULL)
        (void)fw_fail_memory(err);
    return kept == NULL ? NULL : t;
}

static enum fw_status put_method(struct top *t, const struct fw_estimate_report *er,
                                 const char *key, const char *help, enum fw_quantity_name name,
                                 struct fw_error *err)
{
    struct fw_quantity q = er->e->q[name];
    struct fw_value v = none;
    if (!isnan(q.mid)) {
        v = (struct fw_value){.kind = FW_VALUE_TABLE, .table = method(er, q, err)};
        if (v.table == NULL)
            return FW_MEMORY;
    }
    put(t, key, help, v);
    return FW_OK;
}

/* The 90 % interval of a number that stands beside it. */
static enum fw_status put_interval(struct top *t, const struct fw_estimate_report *er,
                                   const char *key, enum fw_quantity_name name,
                                   struct fw_error *err)
{
    static const struct fw_column columns[] = {
        {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, 0},
        {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE, 0},
    };
    static const struct fw_table head = {.key = "interval"};
    struct fw_quantity q = er->e->q[name];
    struct fw_value v = none;
    if (!isnan(q.mid)) {
        const struct fw_value ends[] = {number(q.low), number(q.high)};
        v = (struct fw_value){.kind = FW_VALUE_TABLE,
                              .table = fw_record_new(er->r, &head, columns, ends, 2)};
        if (v.table == NULL)
            return fw_fail_memory(err);
    }
    put(t, key, "its 90 % interval", v);
    return FW_OK;
}

static enum fw_status add_top(const struct fw_estimate_report *er, struct fw_error *err)
{
    const struct fw_estimate *e = er->e;
    struct top *t = fw_arena_zalloc(&er->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    FW_TRY(put_method(t, er, "method1", "by counting operations", FW_Q_METHOD1, err));
    FW_TRY(put_method(t, er, "method2", "from hardware and time", FW_Q_METHOD2, err));
    put(t, "complete", "false: method 1 is a lower bound", fw_value_bool(e->complete));
    put(t, "ratio", "method 1 of what ran here over method 2", number(e->q[FW_Q_RATIO].mid));
    FW_TRY(put_interval(t, er, "ratio_interval", FW_Q_RATIO, err));
    put(t, "implied_utilisation", "MFU: method 1 over what the peak allows",
        number(e->q[FW_Q_MFU].mid));
    FW_TRY(put_interval(t, er, "implied_utilisation_interval", FW_Q_MFU, err));
    put(t, "implied_hardware_utilisation", "HFU: with recomputation",
        e->recomputes ? number(e->q[FW_Q_HFU].mid) : none);
    static const struct fw_table head = {.flags = FW_TABLE_MERGE | FW_TABLE_JSON_ONLY};
    return fw_report_record(er->r, &head, t->columns, t->values, t->n, err);
}

/* ---- tables of rows ---- */

struct rows {
    struct fw_value *v; // (room * n_columns)
    size_t n_columns;
    uint32_t n;
};

static struct fw_value *next_row(struct rows *rows)
{
    return rows->v + rows->n_columns * rows->n++;
}

static enum fw_status rows_new(const struct fw_estimate_report *er, size_t room, size_t n_columns,
                               struct rows *ret, struct fw_error *err)
{
    ret->n = 0;
    ret->n_columns = n_columns;
    ret->v = fw_arena_array(&er->r->arena, room * n_columns + 1, sizeof *ret->v);
    return ret->v != NULL ? FW_OK : fw_fail_memory(err);
}

static enum fw_status rows_add(struct fw_estimate_report *er, enum fw_estimate_table which,
                               const struct fw_table *head, const struct rows *rows,
                               struct fw_error *err)
{
    FW_TRY(fw_report_rows(er->r, head, rows->v, rows->n, err));
    if (rows->n > 0)
        er->table[which] = er->r->tables[er->r->n_tables - 1];
    return FW_OK;
}

static const struct fw_column result_columns[] = {
    {"what", "result", "what it is", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"value", "value and 90 % interval", "central value", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"note", "note", "what it stands on", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE | FW_VIEW_WRAP},
};

/* How operations were counted, where that is the same for all phases. */
static const char *way_of_counting(const struct fw_run *run, const char *by_model)
{
    uint32_t params = 0, stated = 0;
    for (uint32_t i = 0; i < run->n_phases; i++) {
        const struct fw_run_phase *p = &run->phases[i];
        stated += p->in[FW_IN_FLOP] != FW_NO_INPUT;
        params += p->in[FW_IN_FLOP] == FW_NO_INPUT && p->model == NULL;
    }
    if (stated == run->n_phases)
        return "as given";
    if (params == run->n_phases)
        return "6 x parameters x tokens: no attention scores (--model has them)";
    return stated + params == 0 ? by_model : "counted, each phase in its own way";
}

static const char *note_of(const struct fw_estimate *e, enum fw_quantity_name q, const char *usual)
{
    if (q == FW_Q_METHOD1 && !e->complete)
        return "a lower bound: some operators have no count";
    if (q == FW_Q_METHOD1)
        return way_of_counting(e->run, usual);
    if ((q == FW_Q_MFU || q == FW_Q_HFU) && e->q[q].mid > 1)
        return "over 1: the hardware cannot have done that in its time";
    return usual;
}

static enum fw_status add_result(struct fw_estimate_report *er, struct fw_error *err)
{
    static const struct {
        enum fw_quantity_name q;
        const char *what, *unit, *note;
    } lines[] = {
        {FW_Q_METHOD1, "method 1", "FLOP",
         "counted: forward and backward of all that is in the model"},
        {FW_Q_METHOD2, "method 2", "FLOP", "hardware: chips x time x peak x utilisation"},
        {FW_Q_RATIO, "method 1 / method 2", "", "what ran on this hardware, by the two methods"},
        {FW_Q_MFU, "utilisation (MFU)", "", "method 1 / what the peak allows in that time"},
        {FW_Q_HFU, "utilisation (HFU)", "",
         "the same with recomputation, which is no training compute"},
    };
    struct rows rows;
    FW_TRY(rows_new(er, 5, 3, &rows, err));
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct fw_quantity q = er->e->q[lines[i].q];
        if (isnan(q.mid) || (lines[i].q == FW_Q_HFU && !er->e->recomputes))
            continue;
        struct fw_value *v = next_row(&rows);
        v[0] = fw_value_text(lines[i].what);
        v[1] = fw_value_text(fw_interval_text(&er->r->arena, q, lines[i].unit));
        v[2] = fw_value_text(note_of(er->e, lines[i].q, lines[i].note));
    }
    static const struct fw_table head = {.key = "result",
                                         .columns = result_columns,
                                         .n_columns = 3,
                                         .flags = FW_TABLE_PEOPLE | FW_TABLE_SKIP_EMPTY};
    return rows_add(er, FW_EST_RESULT, &head, &rows, err);
}

static const struct fw_column phase_columns[] = {
    {"phase", "phase", "name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"kind", "kind", "what the phase does", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"class", "counts as", "what rules count it as", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"model", "model", "network whose step was counted", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"params", "params", "parameters that compute", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"passes", "tokens or examples", "that went through, epochs included", FW_UNIT_MEASURE,
     FW_VIEW_TABLE},
    {"step_flop", "FLOP of a step", "of the model, exact", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"all_flop", "all operations", "with elementwise work, norms and the update", FW_UNIT_MEASURE,
     0},
    {"flop", "FLOP", "of the phase", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, FW_VIEW_WIDE},
    {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE,
     FW_VIEW_WIDE | FW_VIEW_JOIN},
};
enum { PHASE_COLUMNS = sizeof phase_columns / sizeof *phase_columns };

static double central(const struct fw_run *run, uint32_t in)
{
    return in == FW_NO_INPUT ? NAN : run->values[in].mid;
}

static double or1(double v)
{
    return isnan(v) ? 1 : v;
}

static void put_phase(const struct fw_run *run, const struct fw_run_phase *p,
                      struct fw_quantity flop, struct fw_value *v)
{
    double params = p->step != NULL ? p->step->params : central(run, p->in[FW_IN_ACTIVE_PARAMS]);
    params = isnan(params) ? central(run, p->in[FW_IN_PARAMS]) : params;
    double tokens = central(run, p->in[FW_IN_TOKENS]);
    double discarded = central(run, p->in[FW_IN_DISCARDED]);
    double data = isnan(tokens) ? central(run, p->in[FW_IN_EXAMPLES])
                                : tokens + (isnan(discarded) ? 0 : discarded);
    double passes = data * or1(central(run, p->in[FW_IN_EPOCHS]));
    v[0] = fw_value_text(p->name);
    v[1] = fw_value_text(p->kind->name);
    v[2] = fw_value_text(fw_run_class_names[p->kind->class]);
    v[3] = text(p->model);
    v[4] = number(params);
    v[5] = number(passes);
    v[6] = text(p->step != NULL ? p->step->exact : NULL);
    v[7] = none;
    if (p->step != NULL) {
        double all = p->kind->forward_only ? p->step->forward_all : p->step->training_all;
        v[7] = number(all / p->step->batch * passes / (isnan(tokens) ? 1 : p->step->seq));
    }
    v[8] = number(flop.mid);
    v[9] = number(flop.low);
    v[10] = number(flop.high);
}

static enum fw_status add_phases(struct fw_estimate_report *er, struct fw_error *err)
{
    const struct fw_run *run = er->e->run;
    struct rows rows;
    FW_TRY(rows_new(er, run->n_phases, PHASE_COLUMNS, &rows, err));
    for (uint32_t i = 0; i < run->n_phases; i++)
        put_phase(run, &run->phases[i], er->e->phase_flop[i], next_row(&rows));
    const struct fw_table head = {.key = "phases",
                                  .title = "Phases",
                                  .columns = phase_columns,
                                  .n_columns = PHASE_COLUMNS,
                                  .flags = FW_TABLE_SKIP_EMPTY |
                                           (run->n_phases > 0 ? FW_TABLE_MAIN : 0u)};
    return rows_add(er, FW_EST_PHASES, &head, &rows, err);
}

static const struct fw_column fleet_columns[] = {
    {"fleet", "fleet", "name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"device", "device", "name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"format", "peak of", "number format of the peak", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"peak", "FLOP/s", "dense peak of one device", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"count", "count", "devices", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"hours", "device hours", "devices times hours, where said", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"utilisation", "utilisation", "of the peak", FW_UNIT_SHARE, FW_VIEW_TABLE},
    {"flop", "FLOP", "of the fleet", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, FW_VIEW_WIDE},
    {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE,
     FW_VIEW_WIDE | FW_VIEW_JOIN},
};
enum { FLEET_COLUMNS = sizeof fleet_columns / sizeof *fleet_columns };

static enum fw_status add_fleets(struct fw_estimate_report *er, struct fw_error *err)
{
    const struct fw_run *run = er->e->run;
    struct rows rows;
    FW_TRY(rows_new(er, run->n_fleets, FLEET_COLUMNS, &rows, err));
    for (uint32_t i = 0; i < run->n_fleets; i++) {
        const struct fw_fleet *f = &run->fleets[i];
        struct fw_value *v = next_row(&rows);
        double hours = central(run, f->in[FW_IN_GPU_HOURS]);
        if (isnan(hours))
            hours = central(run, f->in[FW_IN_TIME]) * central(run, f->in[FW_IN_COUNT]) / 3600;
        v[0] = fw_value_text(f->name);
        v[1] = text(f->match.device != NULL ? f->match.device->name : NULL);
        v[2] = text(f->figure < FW_N_PEAKS ? fw_figures[f->figure].title : NULL);
        v[3] = number(central(run, f->in[FW_IN_PEAK]));
        v[4] = number(central(run, f->in[FW_IN_COUNT]));
        v[5] = number(hours);
        v[6] = number(central(run, f->in[FW_IN_UTILISATION]));
        v[7] = number(er->e->fleet_flop[i].mid);
        v[8] = number(er->e->fleet_flop[i].low);
        v[9] = number(er->e->fleet_flop[i].high);
    }
    const struct fw_table head = {.key = "fleets",
                                  .title = "Hardware",
                                  .columns = fleet_columns,
                                  .n_columns = FLEET_COLUMNS,
                                  .flags = FW_TABLE_SKIP_EMPTY |
                                           (run->n_phases == 0 ? FW_TABLE_MAIN : 0u)};
    return rows_add(er, FW_EST_FLEETS, &head, &rows, err);
}

static const struct fw_column plan_columns[] = {
    {"question", "question", "what was asked or follows", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"value", "value", "central value", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"unit", "unit", "unit", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static enum fw_status add_plan(struct fw_estimate_report *er, struct fw_error *err)
{
    static const struct {
        enum fw_quantity_name q;
        const char *question, *unit;
        double scale;
    } lines[] = {
        {FW_Q_GPU_HOURS, "device hours", "h", 1},
        {FW_Q_SECONDS, "days", "d", 1.0 / 86400},
        {FW_Q_CHIPS, "devices for the deadline", "", 1},
        {FW_Q_COST, "cost", "US$", 1},
        {FW_Q_ENERGY, "energy", "kWh", 1},
        {FW_Q_CARBON, "emissions", "t CO2e", 1e-3},
        {FW_Q_BUDGET_FLOP, "compute for the budget", "FLOP", 1},
        {FW_Q_TOKENS, "tokens for the budget", "tokens", 1},
        {FW_Q_FLOP_TOKENS, "tokens for the FLOP budget", "tokens", 1},
    };
    struct rows rows;
    FW_TRY(rows_new(er, 16, 5, &rows, err));
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct fw_quantity q = er->e->q[lines[i].q];
        if (isnan(q.mid))
            continue;
        struct fw_value *v = next_row(&rows);
        v[0] = fw_value_text(lines[i].question);
        v[1] = number(q.mid * lines[i].scale);
        v[2] = number(q.low * lines[i].scale);
        v[3] = number(q.high * lines[i].scale);
        v[4] = text(lines[i].unit);
    }
    static const struct fw_table head = {.key = "plan",
                                         .title = "Time, cost and energy",
                                         .columns = plan_columns,
                                         .n_columns = 5,
                                         .flags = FW_TABLE_SKIP_EMPTY};
    return rows_add(er, FW_EST_PLAN, &head, &rows, err);
}

static const struct fw_column threshold_columns[] = {
    {"rule", "rule", "which rule", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"id", "id", "short name", FW_UNIT_NONE, 0},
    {"limit", "limit", "FLOP", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"counted", "counted", "FLOP that this rule counts", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, 0},
    {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE, 0},
    {"exceeded", "exceeded", "by the central value", FW_UNIT_NONE, 0},
    {"answer", "exceeded", "yes, probably, not surely, no", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"margin", "times limit", "counted over limit", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"open", "left open by", "what the limit lies within", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"counts", "counts", "classes of phases that add up", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"excludes", "excludes", "what does not count", FW_UNIT_NONE, 0},
    {"applies", "applies to", "which models", FW_UNIT_NONE, 0},
    {"status", "status", "since or until when", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"source", "source", "where it stands", FW_UNIT_NONE, 0},
    {"note", "note", "what to know", FW_UNIT_NONE, 0},
};
enum { THRESHOLD_COLUMNS = sizeof threshold_columns / sizeof *threshold_columns };

static bool is_far_below(const struct fw_table *t, uint32_t row)
{
    return t->cell(t, row, 8).f < 1e-3;
}

static enum fw_status add_thresholds(struct fw_estimate_report *er, struct fw_error *err)
{
    struct rows rows;
    FW_TRY(rows_new(er, er->n_verdicts, THRESHOLD_COLUMNS, &rows, err));
    for (uint32_t i = 0; i < er->n_verdicts; i++) {
        const struct fw_verdict *d = &er->verdicts[i];
        const struct fw_value row[THRESHOLD_COLUMNS] = {
            fw_value_text(d->rule.rule), fw_value_text(d->rule.id),
            number(d->rule.limit),       number(d->counted.mid),
            number(d->counted.low),      number(d->counted.high),
            fw_value_bool(d->exceeded),  fw_value_text(fw_stand_words[d->stand]),
            number(d->margin),           text(d->within),
            text(d->rule.counts),        text(d->rule.excludes),
            text(d->rule.applies),       text(d->rule.status),
            text(d->rule.source),        text(d->rule.note),
        };
        memcpy(next_row(&rows), row, sizeof row);
    }
    static const struct fw_table head = {.key = "thresholds",
                                         .title = "Rules that name an amount of compute",
                                         .columns = threshold_columns,
                                         .n_columns = THRESHOLD_COLUMNS,
                                         .flags = FW_TABLE_SKIP_EMPTY,
                                         .empty =
                                             "the compute is below a thousandth of every limit",
                                         .free_text = "far below their limit",
                                         .is_free = is_far_below};
    return rows_add(er, FW_EST_THRESHOLDS, &head, &rows, err);
}

static const struct fw_column input_columns[] = {
    {"of", "of", "phase or fleet; null: the whole run", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"input", "input", "name", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"value", "value", "central value", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"low", "low", "lower end of the 90 % interval", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"high", "high", "upper end of the 90 % interval", FW_UNIT_MEASURE, FW_VIEW_TABLE},
    {"unit", "unit", "unit", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"written", "written", "as it was given", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"origin", "from", "where it comes from", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
};

static enum fw_status add_inputs(struct fw_estimate_report *er, struct fw_error *err)
{
    const struct fw_run *run = er->e->run;
    struct rows rows;
    FW_TRY(rows_new(er, run->n_inputs, 8, &rows, err));
    for (uint32_t i = 0; i < run->n_inputs; i++) {
        const struct fw_input *in = &run->inputs[i];
        bool exact = fw_quantity_is_exact(run->values[i]);
        struct fw_value *v = next_row(&rows);
        v[0] = text(in->owner);
        v[1] = fw_value_text(in->name);
        v[2] = number(run->values[i].mid);
        v[3] = exact ? none : number(run->values[i].low);
        v[4] = exact ? none : number(run->values[i].high);
        v[5] = text(in->unit);
        v[6] = text(in->text);
        v[7] = fw_value_text(in->origin != NULL ? in->origin : "given");
    }
    static const struct fw_table head = {
        .key = "inputs", .title = "Inputs", .columns = input_columns, .n_columns = 8};
    return rows_add(er, FW_EST_INPUTS, &head, &rows, err);
}

enum fw_status fw_answer_estimate(struct fw_report *r, const struct fw_estimate *e, bool document,
                                  struct fw_error *err)
{
    struct fw_estimate_report *er = fw_arena_zalloc(&r->arena, sizeof *er);
    struct fw_verdict *verdicts;
    if (er == NULL)
        return fw_fail_memory(err);
    *er = (struct fw_estimate_report){.r = r, .e = e};
    FW_TRY(fw_judge_thresholds(e, &r->arena, &verdicts, &er->n_verdicts, err));
    er->verdicts = verdicts;
    r->title = "flopwise estimate";
    if (!e->complete)
        r->status = FW_UNSUPPORTED;
    FW_TRY(add_top(er, err));
    FW_TRY(add_result(er, err));
    FW_TRY(add_phases(er, err));
    FW_TRY(add_fleets(er, err));
    FW_TRY(add_plan(er, err));
    FW_TRY(add_thresholds(er, err));
    FW_TRY(add_inputs(er, err));
    FW_TRY(fw_estimate_remarks(er, err));
    return document ? fw_estimate_document(er, err) : FW_OK;
}
