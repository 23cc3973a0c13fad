/* flopwise.hardware/1: the table of accelerators, one of them with what each source says, and the
 * peaks of each year. */
#include "report/answers.h"

#include "report/chart.h"
#include "study/hardware.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct fw_value number(double v)
{
    if (v == 0)
        return fw_value_kind(FW_VALUE_NULL);
    return v == floor(v) && v < 9e18 ? fw_value_int((int64_t)v) : fw_value_float(v);
}

static struct fw_value text(const char *t)
{
    return fw_value_text(t[0] != '\0' ? t : NULL);
}

/* ---- all devices ---- */

static const struct fw_column list_columns[] = {
    {"device", "device", "name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"vendor", "vendor", "who sells it", FW_UNIT_NONE, 0},
    {"kind", "kind", "GPU, TPU ...", FW_UNIT_NONE, 0},
    {"per", "per", "what one of these is", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"released", "released", "day of the announcement or release", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"peak/fp64", "fp64", "dense peak, FLOP/s", FW_UNIT_FLOP, FW_VIEW_WIDE},
    {"peak/fp32", "fp32", "dense peak, FLOP/s", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"peak/tf32", "tf32", "dense peak, FLOP/s", FW_UNIT_FLOP, FW_VIEW_WIDE},
    {"peak/matrix16", "fp16/bf16", "dense peak of matrix units, FLOP/s", FW_UNIT_FLOP,
     FW_VIEW_TABLE},
    {"peak/fp16", "fp16 vector", "dense peak without matrix units, FLOP/s", FW_UNIT_FLOP, 0},
    {"peak/fp8", "fp8", "dense peak, FLOP/s", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"peak/fp4", "fp4", "dense peak, FLOP/s", FW_UNIT_FLOP, FW_VIEW_WIDE},
    {"peak/int8", "int8", "dense peak, OP/s", FW_UNIT_FLOP, FW_VIEW_WIDE},
    {"peak/int4", "int4", "dense peak, OP/s", FW_UNIT_FLOP, 0},
    {"sparsity", "sparsity", "what 2:4 sparsity multiplies peaks by; in no figure here",
     FW_UNIT_NONE, 0},
    {"memory", "memory", "bytes", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"bandwidth", "memory/s", "bytes per second of memory", FW_UNIT_COUNT, FW_VIEW_WIDE},
    {"scale_up", "link/s", "bytes per second to neighbours", FW_UNIT_COUNT, 0},
    {"scale_out", "network", "bits per second", FW_UNIT_COUNT, 0},
    {"power", "W", "thermal design power, watt", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"price", "price", "US$ at launch", FW_UNIT_COUNT, 0},
    {"sources", "sources", "who says so", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"disputed", "differ", "figures on which the sources differ", FW_UNIT_COUNT, FW_VIEW_WIDE},
};

enum { LIST_FIGURES = 5, LIST_COLUMNS = sizeof list_columns / sizeof *list_columns };

static unsigned n_disputed(const struct fw_hardware *h)
{
    unsigned n = 0;
    for (unsigned f = 0; f < FW_N_FIGURES; f++)
        n += fw_hardware_disagrees(h, f);
    return n;
}

static struct fw_value list_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct fw_hardware *h = &((const struct fw_hardware *)t->ctx)[row];
    switch (column) {
    case 0:
        return fw_value_text(h->name);
    case 1:
        return text(h->vendor);
    case 2:
        return text(h->kind);
    case 3:
        return text(h->per);
    case 4:
        return text(fw_hardware_released(h));
    case LIST_COLUMNS - 2:
        return fw_value_text(h->n_rows > 1 ? "curated, epoch" : h->row[0].source);
    case LIST_COLUMNS - 1:
        return fw_value_int(n_disputed(h));
    default:
        return number(fw_hardware_figure(h, column - LIST_FIGURES, NULL));
    }
}

static enum fw_status add_list(struct fw_report *r, const struct fw_hardware_table *hardware,
                               struct fw_error *err)
{
    struct fw_table *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "devices",
                           .columns = list_columns,
                           .n_columns = LIST_COLUMNS,
                           .n_rows = hardware->n,
                           .flags = FW_TABLE_MAIN,
                           .ctx = hardware->devices,
                           .cell = list_cell};
    fw_report_add(r, t);
    return FW_OK;
}

/* ---- one device ---- */

static const struct fw_column device_columns[] = {
    {"name", "device", "name", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"vendor", "vendor", "who sells it", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"kind", "kind", "GPU, TPU ...", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"per", "figures per", "what one of these is", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"released", "released", "day of the announcement or release", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"training_peak", "trains at", "the figure taken for training when none is named", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"also", "also fits", "other devices the name fits", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP},
    {"sparsity", "sparsity", "whether vendors print a doubled figure", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static const struct fw_column figure_columns[] = {
    {"figure", "figure", "name of the figure", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"unit", "unit", "unit of the figure", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"taken", "taken", "the figure used here", FW_UNIT_COUNT, FW_VIEW_TABLE | FW_VIEW_BOTH},
    {"source", "from", "whose figure that is", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"curated", "curated", "what the list kept by hand says", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"epoch", "epoch", "what Epoch AI's table says", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"difference", "differ", "epoch over curated - 1, from a hundredth on", FW_UNIT_CHANGE,
     FW_VIEW_TABLE},
};

static const struct fw_column source_columns[] = {
    {"source", "source", "whose row it is", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"name", "calls it", "name there", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"reference", "on the word of", "where the figures come from", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP},
    {"note", "note", "what to know", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
};

enum { FIGURE_COLUMNS = sizeof figure_columns / sizeof *figure_columns };

static const char *list_others(struct fw_report *r, const struct fw_hardware_match *m)
{
    const char *list = NULL;
    for (unsigned i = 0; i < m->n_others; i++)
        list = fw_arena_printf(&r->arena, "%s%s%s", list ? list : "", list ? ", " : "",
                               m->others[i]->name);
    return list;
}

static enum fw_status add_device(struct fw_report *r, const struct fw_hardware_match *m,
                                 struct fw_error *err)
{
    const struct fw_hardware *h = m->device;
    enum fw_figure peak = fw_hardware_usual_peak(h);
    bool sparse = fw_hardware_figure(h, FW_FIGURE_SPARSITY, NULL) != 0;
    const struct fw_value values[] = {
        fw_value_text(h->name),
        text(h->vendor),
        text(h->kind),
        text(h->per),
        text(fw_hardware_released(h)),
        fw_value_text(peak < FW_N_PEAKS ? fw_figures[peak].title : NULL),
        fw_value_text(list_others(r, m)),
        fw_value_text(sparse ? "2:4, vendors print twice these peaks; not in any figure here"
                             : NULL),
    };
    static const struct fw_table head = {.key = "device"};
    return fw_report_record(r, &head, device_columns, values, sizeof values / sizeof *values, err);
}

static double stated(const struct fw_hardware *h, const char *source, enum fw_figure f)
{
    for (unsigned i = 0; i < h->n_rows; i++)
        if (strcmp(h->row[i].source, source) == 0)
            return h->row[i].figure[f];
    return 0;
}

static enum fw_status add_figures(struct fw_report *r, const struct fw_hardware *h,
                                  struct fw_error *err)
{
    struct fw_value values[FW_N_FIGURES * FIGURE_COLUMNS];
    struct fw_value *v = values;
    for (unsigned f = 0; f < FW_N_FIGURES; f++) {
        const char *source = NULL;
        double taken = fw_hardware_figure(h, f, &source);
        if (taken == 0 || f == FW_FIGURE_SPARSITY)
            continue;
        *v++ = fw_value_text(fw_figures[f].title);
        *v++ = fw_value_text(fw_figures[f].unit);
        *v++ = number(taken);
        *v++ = fw_value_text(source);
        *v++ = number(stated(h, "curated", f));
        *v++ = number(stated(h, "epoch", f));
        *v++ = fw_hardware_disagrees(h, f)
                   ? fw_value_float(stated(h, "epoch", f) / stated(h, "curated", f) - 1)
                   : fw_value_kind(FW_VALUE_NULL);
    }
    static const struct fw_table head = {.key = "figures",
                                         .title = "Figures, peaks without sparsity",
                                         .columns = figure_columns,
                                         .n_columns = FIGURE_COLUMNS,
                                         .flags = FW_TABLE_MAIN};
    return fw_report_rows(r, &head, values, (uint32_t)((v - values) / FIGURE_COLUMNS), err);
}

static enum fw_status add_sources(struct fw_report *r, const struct fw_hardware *h,
                                  struct fw_error *err)
{
    struct fw_value values[FW_HARDWARE_SOURCES * 4];
    struct fw_value *v = values;
    for (unsigned i = 0; i < h->n_rows; i++) {
        bool epoch = strcmp(h->row[i].source, "epoch") == 0;
        *v++ = fw_value_text(epoch ? "Epoch AI (CC-BY)" : "curated");
        *v++ = fw_value_text(h->row[i].name);
        *v++ = text(h->row[i].reference);
        *v++ = text(h->row[i].note);
    }
    static const struct fw_table head = {
        .key = "sources", .title = "Sources", .columns = source_columns, .n_columns = 4};
    return fw_report_rows(r, &head, values, h->n_rows, err);
}

/* ---- years ---- */

static const struct fw_column year_columns[] = {
    {"year", "year", "year of release", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"figure", "peak", "number format", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"devices", "devices", "devices of that year with this peak", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"mean", "mean", "FLOP/s", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"median", "median", "FLOP/s", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"max", "largest", "FLOP/s", FW_UNIT_FLOP, FW_VIEW_TABLE},
    {"device", "device of the largest", "its name", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
};

enum { FIRST_YEAR = 2000, LAST_YEAR = 2099, YEAR_COLUMNS = 7 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One row, or none when no device of that year has the figure. */
static struct fw_value *add_year(const struct fw_hardware_table *hardware, int year,
                                 enum fw_figure f, double *scratch, struct fw_value *v)
{
    uint32_t n = 0;
    double sum = 0, max = 0;
    const char *best = NULL;
    for (uint32_t i = 0; i < hardware->n; i++) {
        const struct fw_hardware *h = &hardware->devices[i];
        double one = fw_hardware_figure(h, f, NULL);
        if (one == 0 || strtol(fw_hardware_released(h), NULL, 10) != year)
            continue;
        scratch[n++] = one;
        sum += one;
        best = one > max ? h->name : best;
        max = one > max ? one : max;
    }
    if (n == 0)
        return v;
    qsort(scratch, n, sizeof *scratch, compare);
    *v++ = fw_value_float(year);
    *v++ = fw_value_text(fw_figures[f].title);
    *v++ = fw_value_int(n);
    *v++ = number(floor(sum / n));
    *v++ = number(floor((scratch[n / 2] + scratch[(n - 1) / 2]) / 2));
    *v++ = number(max);
    *v++ = fw_value_text(best);
    return v;
}

enum { N_SHOWN = 3, MOST_YEARS = LAST_YEAR - FIRST_YEAR + 1 };
static const enum fw_figure shown[N_SHOWN] = {FW_FIGURE_FP32, FW_FIGURE_MATRIX16, FW_FIGURE_FP8};

struct trend {
    struct fw_chart chart;
    struct fw_series series[N_SHOWN];
    struct fw_point points[N_SHOWN][MOST_YEARS];
};

/* The means of the years as curves; rows are those of one figure after the other. */
static enum fw_status add_trend(struct fw_report *r, const struct fw_value *rows, uint32_t n_rows,
                                struct fw_error *err)
{
    struct trend *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    for (unsigned k = 0; k < N_SHOWN; k++)
        t->series[k] = (struct fw_series){
            .name = fw_figures[shown[k]].title, .kind = FW_SERIES_LINE, .points = t->points[k]};
    for (uint32_t i = 0; i < n_rows; i++) {
        const struct fw_value *v = rows + (size_t)i * YEAR_COLUMNS;
        unsigned k = 0;
        while (strcmp(v[1].text, t->series[k].name) != 0)
            k++;
        const char *label = fw_arena_printf(&r->arena, "%s, mean of %d", v[1].text, (int)v[2].i);
        if (label == NULL)
            return fw_fail_memory(err);
        t->points[k][t->series[k].n++] = (struct fw_point){v[0].f, (double)v[3].i, label};
    }
    t->chart = (struct fw_chart){.title = "Dense peak of accelerators by year of release, mean",
                                 .x = {.title = "year of release"},
                                 .y = {.title = "peak (FLOP/s)", .scale = FW_SCALE_LOG10},
                                 .n_series = N_SHOWN,
                                 .series = t->series};
    r->picture = (struct fw_picture){fw_chart_picture, &t->chart};
    return FW_OK;
}

static enum fw_status add_years(struct fw_report *r, const struct fw_hardware_table *hardware,
                                struct fw_error *err)
{
    enum { MOST = MOST_YEARS * N_SHOWN * YEAR_COLUMNS };
    struct fw_value *values = fw_arena_array(&r->arena, MOST, sizeof *values);
    double *scratch = fw_arena_array(&r->arena, hardware->n + 1, sizeof *scratch);
    if (values == NULL || scratch == NULL)
        return fw_fail_memory(err);
    struct fw_value *v = values;
    for (unsigned k = 0; k < N_SHOWN; k++)
        for (int year = FIRST_YEAR; year <= LAST_YEAR; year++)
            v = add_year(hardware, year, shown[k], scratch, v);
    static const struct fw_table head = {.key = "years",
                                         .title = "Dense peaks by year of release",
                                         .columns = year_columns,
                                         .n_columns = YEAR_COLUMNS,
                                         .flags = FW_TABLE_MAIN};
    uint32_t n = (uint32_t)((v - values) / YEAR_COLUMNS);
    FW_TRY(add_trend(r, values, n, err));
    return fw_report_rows(r, &head, values, n, err);
}

/* ---- the report ---- */

static enum fw_status build(struct fw_report *r, const char *name, bool years, struct fw_error *err)
{
    struct fw_hardware_table hardware;
    struct fw_hardware_match match;
    FW_TRY(fw_hardware_load(&r->arena, &hardware, err));
    if (years)
        return add_years(r, &hardware, err);
    if (name == NULL)
        return add_list(r, &hardware, err);
    FW_TRY(fw_hardware_find(&hardware, name, &match, err));
    FW_TRY(add_device(r, &match, err));
    FW_TRY(add_figures(r, match.device, err));
    return add_sources(r, match.device, err);
}

enum fw_status fw_answer_hardware(struct fw_report **ret, const char *name, bool years,
                                  const struct fw_alloc *alloc, struct fw_error *err)
{
    FW_REQUIRE(name == NULL || !years, err, FW_USAGE,
               "--year is about all devices: a name does not go with it");
    struct fw_report *r = fw_report_new(alloc, "flopwise.hardware/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title = "flopwise hardware";
    enum fw_status status = build(r, name, years, err);
    return fw_report_finish(ret, r, status);
}
