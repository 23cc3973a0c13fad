/* flopwise.ratio/1: operations of the backward pass for each of the forward pass, over the batch or
 * another size, what they are made of, and what is left in the limit. */
#include "report/answers.h"
#include "report/chart.h"

#include <string.h>

enum {
    C_SYMBOL, // its key is the name of what is swept
    C_BATCH,
    C_BATCH_NAME,
    C_RATIO,
    C_RATIO_TEXT,
    C_FIRST,
    C_OTHER,
    C_UPDATE_SHARE,
    C_CASE,
    C_FORWARD,
    C_BACKWARD,
    C_UPDATE,
    C_FORWARD_FIRST,
    C_RECOMPUTE,
    C_EXECUTED,
    N_COLUMNS
};

struct ratio {
    struct fw_report *r;
    struct fw_ratio_curve curve;
    struct fw_column columns[N_COLUMNS];
    struct fw_chart chart;
    struct fw_series series[2];
    struct fw_point limit[2];
};

static const struct fw_column columns[N_COLUMNS] = {
    [C_SYMBOL] = {"", "", "value of what is swept", FW_UNIT_NONE, FW_VIEW_TABLE},
    [C_BATCH] = {"batch", "batch", "examples of a batch; null: the limit of many", FW_UNIT_NONE, 0},
    [C_BATCH_NAME] = {"batch_name", "batch", "examples of a batch", FW_UNIT_NONE,
                      FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    [C_RATIO] = {"ratio", "ratio",
                 "matmul FLOP of both backward phases and FLOP of the update over matmul FLOP of "
                 "forward",
                 FW_UNIT_NONE, 0},
    [C_RATIO_TEXT] = {"ratio_text", "ratio", "backward and update to forward", FW_UNIT_NONE,
                      FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    [C_FIRST] = {"backward_shares/first", "first",
                 "part of backward in layers whose input needs no gradient", FW_UNIT_SHARE,
                 FW_VIEW_TABLE},
    [C_OTHER] = {"backward_shares/other", "other", "part of backward in the other layers",
                 FW_UNIT_SHARE, FW_VIEW_TABLE},
    [C_UPDATE_SHARE] = {"backward_shares/update", "update", "part of backward in the update",
                        FW_UNIT_SHARE, FW_VIEW_TABLE},
    [C_CASE] = {"case", "nearest case",
                "of large or small update and first or other layers that dominate", FW_UNIT_NONE,
                FW_VIEW_TABLE},
    [C_FORWARD] = {"forward", "forward FLOP",
                   "matmul FLOP of the forward pass; in the limit of one example", FW_UNIT_FLOP,
                   FW_VIEW_WIDE},
    [C_BACKWARD] = {"backward", "backward FLOP", "matmul FLOP of both backward phases",
                    FW_UNIT_FLOP, FW_VIEW_WIDE},
    [C_UPDATE] = {"update", "update FLOP", "FLOP of the update; in the limit nothing beside",
                  FW_UNIT_FLOP, FW_VIEW_WIDE},
    [C_FORWARD_FIRST] = {"forward_first", "forward FLOP, first",
                         "of forward: layers whose input needs no gradient", FW_UNIT_FLOP, 0},
    [C_RECOMPUTE] = {"recompute", "recompute FLOP",
                     "matmul FLOP of forward that run once more, no part of the ratio",
                     FW_UNIT_FLOP, FW_VIEW_WIDE},
    [C_EXECUTED] = {"ratio_with_recompute", "with recompute",
                    "the ratio with what runs once more counted to backward", FW_UNIT_NONE,
                    FW_VIEW_TABLE},
};

/* ---- cells ---- */

static struct fw_value share(const struct fw_ratio_parts *p, fw_i128 part)
{
    double all = (double)p->backward.word + (double)p->update.word;
    return all > 0 ? fw_value_float((double)part / all) : fw_value_kind(FW_VALUE_NULL);
}

static bool recomputes(const struct fw_ratio_parts *p)
{
    return p->recompute.word != 0;
}

/* What a column says about parts, behind those that name the point. */
static struct fw_value part_cell(const struct fw_ratio_parts *p, uint32_t column)
{
    switch (column) {
    case C_RATIO:
        return fw_value_float(fw_ratio_value(p));
    case C_FIRST:
        return share(p, p->first_backward.word);
    case C_OTHER:
        return share(p, p->backward.word - p->first_backward.word);
    case C_UPDATE_SHARE:
        return share(p, p->update.word);
    case C_CASE:
        if (p->backward.word + p->update.word == 0) // all is frozen
            return fw_value_kind(FW_VALUE_NULL);
        return fw_value_text(fw_ratio_case_names[fw_ratio_case(p)]);
    case C_FORWARD:
        return fw_value_count(p->forward);
    case C_BACKWARD:
        return fw_value_count(p->backward);
    case C_UPDATE:
        return fw_value_count(p->update);
    case C_RECOMPUTE:
        return recomputes(p) ? fw_value_count(p->recompute) : fw_value_kind(FW_VALUE_ABSENT);
    case C_EXECUTED:
        return recomputes(p) ? fw_value_float(fw_ratio_value(p) +
                                              (double)p->recompute.word / (double)p->forward.word)
                             : fw_value_kind(FW_VALUE_ABSENT);
    default:
        return fw_value_count(p->first);
    }
}

/* With four places, one under the other. */
static struct fw_value ratio_text(struct ratio *m, const struct fw_ratio_parts *p)
{
    struct fw_str text;
    fw_str_init(&text, m->r->alloc);
    fw_str_add_fixed(&text, fw_ratio_value(p), 4);
    const char *kept = fw_arena_strndup(&m->r->arena, fw_str_text(&text), text.len);
    fw_str_free(&text);
    return fw_value_text(kept);
}

static struct fw_value point_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct ratio *m = t->ctx;
    const struct fw_ratio_point *p = &m->curve.points[row];
    bool by_batch = strcmp(m->curve.symbol, "batch") == 0;
    bool known = p->batch > 0;
    switch (column) {
    case C_SYMBOL:
        return by_batch ? fw_value_kind(FW_VALUE_ABSENT) : fw_value_int(p->value);
    case C_BATCH:
        return known ? fw_value_int(p->batch) : fw_value_kind(FW_VALUE_NULL);
    case C_BATCH_NAME:
        return known                        ? fw_value_int(p->batch)
               : p->batch == FW_BATCH_LARGE ? fw_value_text("large")
                                            : fw_value_kind(FW_VALUE_NULL);
    case C_RATIO_TEXT:
        return ratio_text(m, &p->parts);
    default:
        return part_cell(&p->parts, column);
    }
}

static enum fw_status add_points(struct ratio *m, struct fw_error *err)
{
    memcpy(m->columns, columns, sizeof columns);
    bool by_batch = strcmp(m->curve.symbol, "batch") == 0;
    m->columns[C_SYMBOL].key = m->columns[C_SYMBOL].title = by_batch ? "swept" : m->curve.symbol;
    if (by_batch)
        m->columns[C_SYMBOL].views = FW_VIEW_PEOPLE;
    bool any = false;
    for (uint32_t i = 0; i < m->curve.n; i++)
        any |= recomputes(&m->curve.points[i].parts);
    if (!any)
        m->columns[C_RECOMPUTE].views = m->columns[C_EXECUTED].views = 0;
    struct fw_table *t = fw_arena_zalloc(&m->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "points",
                           .title = "Backward to forward, and what backward is made of",
                           .columns = m->columns,
                           .n_columns = N_COLUMNS,
                           .n_rows = m->curve.n,
                           .flags = FW_TABLE_MAIN | FW_TABLE_SKIP_EMPTY,
                           .ctx = m,
                           .cell = point_cell};
    fw_report_add(m->r, t);
    return FW_OK;
}

/* ---- limit and formula ---- */

enum { N_LIMIT = 4 };
static const struct fw_column limit_columns[N_LIMIT] = {
    {"symbol", "", "letter that grows", FW_UNIT_NONE, 0},
    {"ratio", "", "ratio in the limit, from the formula's leading coefficients", FW_UNIT_NONE, 0},
    {"case", "", "nearest case", FW_UNIT_NONE, 0},
    {"forward_first_share", "", "part of forward in layers whose input needs no gradient",
     FW_UNIT_SHARE, 0},
};

static const struct fw_column summary_columns[] = {
    {"limit", "in the limit", "", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"first", "first layer", "", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"formula", "formula", "", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"points", "points", "", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static enum fw_status add_limit(struct ratio *m, struct fw_error *err)
{
    const struct fw_ratio_parts *p = &m->curve.limit;
    struct fw_arena *arena = &m->r->arena;
    struct fw_value absent = fw_value_kind(FW_VALUE_ABSENT);
    struct fw_value people[] = {absent, absent, absent, absent};
    if (m->curve.letter != NULL) {
        double share = (double)p->first.word / (double)p->forward.word;
        const char *name = fw_ratio_case_names[fw_ratio_case(p)];
        struct fw_value values[N_LIMIT] = {fw_value_text(m->curve.letter),
                                           fw_value_float(fw_ratio_value(p)), fw_value_text(name),
                                           fw_value_float(share)};
        static const struct fw_table head = {.key = "limit", .flags = FW_TABLE_JSON_ONLY};
        FW_TRY(fw_report_record(m->r, &head, limit_columns, values, N_LIMIT, err));
        people[0] = fw_value_text(
            fw_arena_printf(arena, "%.4f for large %s; %s", values[1].f, m->curve.letter, name));
        people[1] = fw_value_text(fw_arena_printf(
            arena, "%.1f %% of the forward FLOP (no gradient of its input wanted)", 100 * share));
    }
    if (m->curve.formula.kind == FW_VALUE_TEXT) {
        static const struct fw_column column = {"formula", "", "", FW_UNIT_NONE, 0};
        static const struct fw_table head = {.flags = FW_TABLE_MERGE | FW_TABLE_JSON_ONLY};
        FW_TRY(fw_report_record(m->r, &head, &column, &m->curve.formula, 1, err));
        people[2] = m->curve.formula;
    }
    if (m->curve.open != NULL)
        people[3] = fw_value_text(
            fw_arena_printf(arena, "none while %s open: numbers are wanted (--batch, --seq, --set)",
                            m->curve.open));
    if (people[0].kind == FW_VALUE_ABSENT && people[2].kind == FW_VALUE_ABSENT &&
        people[3].kind == FW_VALUE_ABSENT)
        return FW_OK;
    static const struct fw_table head = {
        .key = "summary", .title = "Limit", .flags = FW_TABLE_PEOPLE};
    return fw_report_record(m->r, &head, summary_columns, people, 4, err);
}

/* ---- picture ---- */

/* The usual range where all lies in it, so that a flat curve looks flat. */
static void choose_range(struct ratio *m, const struct fw_point *points)
{
    bool usual = true;
    for (uint32_t i = 0; i < m->curve.n; i++)
        usual &= points[i].y >= 1 && points[i].y <= 3;
    if (usual)
        m->chart.y = (struct fw_axis){.given = true, .from = 1, .to = 3};
    m->chart.y.title = "backward FLOP for each forward FLOP";
}

static void choose_scale(struct ratio *m)
{
    int64_t least = INT64_MAX, most = 0;
    for (uint32_t i = 0; i < m->curve.n; i++) {
        int64_t v = m->curve.points[i].value;
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    if (least > 0 && most / least >= 8)
        m->chart.x.scale = FW_SCALE_LOG2;
    bool by_batch = strcmp(m->curve.symbol, "batch") == 0;
    m->chart.x.title = by_batch ? "batch size (examples)" : m->curve.symbol;
    m->limit[0].x = (double)least;
    m->limit[1].x = (double)most;
}

static enum fw_status add_chart(struct ratio *m, const char *path, struct fw_error *err)
{
    struct fw_arena *arena = &m->r->arena;
    struct fw_point *points = fw_arena_array(arena, m->curve.n + 1, sizeof *points);
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *title = fw_arena_printf(arena, "Backward:forward ratio of %.36s", name);
    char *limit = fw_arena_printf(arena, "limit %.4f",
                                  m->curve.letter != NULL ? fw_ratio_value(&m->curve.limit) : 0.0);
    if (points == NULL || title == NULL || limit == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < m->curve.n; i++)
        points[i] = (struct fw_point){(double)m->curve.points[i].value,
                                      fw_ratio_value(&m->curve.points[i].parts), NULL};
    choose_scale(m);
    choose_range(m, points);
    m->series[0] = (struct fw_series){"backward:forward", FW_SERIES_LINE, m->curve.n, points};
    m->chart.title = title;
    m->chart.series = m->series;
    m->chart.n_series = 1;
    if (m->curve.letter != NULL && m->curve.n > 1 &&
        strcmp(m->curve.letter, m->curve.symbol) == 0) {
        m->limit[0].y = m->limit[1].y = fw_ratio_value(&m->curve.limit);
        m->series[m->chart.n_series++] = (struct fw_series){limit, FW_SERIES_DASHED, 2, m->limit};
    }
    m->r->picture = (struct fw_picture){fw_chart_picture, &m->chart};
    return FW_OK;
}

static const char *keep(struct ratio *m, const char *text)
{
    return text != NULL ? fw_arena_strndup(&m->r->arena, text, strlen(text)) : NULL;
}

static enum fw_status keep_curve(struct ratio *m, struct fw_error *err)
{
    struct fw_ratio_curve *c = &m->curve;
    bool letter = c->letter != NULL;
    c->points = fw_arena_copy(&m->r->arena, c->points, c->n * sizeof *c->points);
    c->symbol = keep(m, c->symbol);
    c->letter = keep(m, c->letter);
    bool open = c->open != NULL;
    c->open = keep(m, c->open);
    if (c->formula.kind == FW_VALUE_TEXT)
        c->formula = fw_value_text(keep(m, c->formula.text));
    bool ok = c->points != NULL && c->symbol != NULL && (c->letter != NULL || !letter) &&
              (c->open != NULL || !open);
    return ok ? FW_OK : fw_fail_memory(err);
}

static enum fw_status build(struct ratio *m, struct fw_analysis *a, const struct fw_asked *asked,
                            struct fw_error *err)
{
    FW_TRY(keep_curve(m, err));
    FW_TRY(fw_report_add_model(m->r, a, asked, err));
    FW_TRY(add_points(m, err));
    FW_TRY(add_limit(m, err));
    FW_TRY(add_chart(m, a->model.path, err));
    return fw_report_add_missing(m->r, a, a->totals.n_missing == 0, err);
}

enum fw_status fw_answer_ratio(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, const struct fw_ratio_curve *curve,
                               struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.ratio/1");
    struct ratio *m = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *m) : NULL;
    if (m == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    m->r = r;
    m->curve = *curve;
    r->title = fw_arena_printf(&r->arena, "flopwise ratio: %s", a->model.path);
    enum fw_status status = build(m, a, asked, err);
    return fw_report_finish(ret, r, status);
}
