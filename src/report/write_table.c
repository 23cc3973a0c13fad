/* The terminal: records as lines, tables in columns that fit the width. */
#include "report/document.h"
#include "report/grid.h"
#include "report/writer.h"

#include <string.h>

/* In columns of the terminal. A name or wrapped text is cut to its comfort before anything else is
 * given up, and to its minimum when nothing else helps. */
enum {
    NAME_COMFORT = 28,
    NAME_MIN = 10,
    WRAP_COMFORT = 36,
    WRAP_MIN = 20,
    FORMULA_ROOM = 48,    // of a formula where the width is not limited
    FORMULA_COLUMNS = 24, // where it is, at first ...
    FORMULA_STEP = 4,     // ... and so much less, turn by turn, until the table fits
    FORMULA_MIN = 12,
    GAP = 2,      // between columns
    MAX_BARS = 72 // of a sparkline
};
enum { NESTED_ROWS = 8 }; // rows inside a row that are shown

/* A row of the table, or one that stands under it. */
struct shown_row {
    uint32_t row;
    unsigned under; // 0: the row itself, k: what stands k-th under it
};

/* One table on its way into columns. */
struct layout {
    const struct fw_report *r;
    const struct fw_table *t;
    const struct fw_style *style;
    struct fw_error *err;
    struct fw_arena arena;  // cells
    struct shown_row *rows; // (n_rows) those that are shown
    uint32_t n_rows;
    uint32_t n_main;   // of these, rows of the table itself
    uint32_t *columns; // (n_columns) those that are shown
    uint32_t n_columns;
    char **cells;                   // (n_rows, n_columns)
    size_t *width;                  // (n_columns)
    size_t room;                    // columns for a formula, which stands whole elsewhere
    struct fw_str text, short_text; // of one cell
};

static void add_title(struct fw_out *o, const struct fw_style *style, const char *title)
{
    if (title == NULL)
        return;
    fw_str_add(&o->text, o->text.len > 0 ? "\n" : "");
    if (title[0] == '\0')
        return;
    fw_str_add(&o->text, style->color ? "\033[1m" : "");
    fw_str_add(&o->text, title);
    fw_str_add(&o->text, style->color ? "\033[0m\n" : "\n");
}

/* ---- records ---- */

static bool is_shown(const struct fw_column *c)
{
    return (c->views & (FW_VIEW_TABLE | FW_VIEW_WIDE)) != 0;
}

/* Text in lines of the terminal's width; all but the first stand behind `indent` blanks. */
static void add_wrapped(const char *text, const struct fw_style *style, size_t indent,
                        struct fw_str *out)
{
    size_t room = style->width > 0 ? (size_t)style->width : 0;
    if (room < indent + WRAP_MIN)
        fw_str_add(out, text);
    else
        fw_text_wrap(text, room - indent, indent, out);
}

static void add_nested(const struct fw_report *r, const struct fw_table *t, size_t indent,
                       struct fw_str *out)
{
    for (uint32_t row = 0; row < t->n_rows && row < NESTED_ROWS; row++) {
        fw_str_addf(out, "%*s", row ? (int)indent : 0, "");
        bool first = true;
        for (uint32_t c = 0; c < t->n_columns; c++) {
            struct fw_value v = t->cell(t, row, c);
            if (!is_shown(&t->columns[c]))
                continue;
            fw_str_add(out, first ? "" : " ");
            fw_value_print(r, &v, t->columns[c].unit, FW_NUMBER_EXACT, out);
            first = false;
        }
        fw_str_add(out, row + 1 < t->n_rows ? "\n" : "");
    }
    if (t->n_rows > NESTED_ROWS)
        fw_str_addf(out, "%*sand %u more", (int)indent, "", t->n_rows - NESTED_ROWS);
}

static void write_value(const struct fw_report *r, const struct fw_column *c,
                        const struct fw_value *v, const struct fw_style *style, size_t indent,
                        struct fw_out *o)
{
    if (v->kind == FW_VALUE_TABLE && v->table->n_rows > 0) {
        add_nested(r, v->table, indent, &o->text);
        return;
    }
    if (v->kind == FW_VALUE_NULL || v->kind == FW_VALUE_TABLE) {
        fw_str_addc(&o->text, '-');
        return;
    }
    struct fw_str text;
    fw_str_init(&text, r->alloc);
    fw_value_print(r, v, c->unit, c->views & FW_VIEW_BOTH ? FW_NUMBER_BOTH : FW_NUMBER_EXACT,
                   &text);
    add_wrapped(fw_str_text(&text), style, indent, &o->text);
    o->text.failed |= text.failed;
    fw_str_free(&text);
}

static void write_record(const struct fw_report *r, const struct fw_table *t,
                         const struct fw_style *style, struct fw_out *o)
{
    size_t wide = 0;
    for (uint32_t c = 0; c < t->n_columns; c++) {
        size_t len = fw_text_columns(t->columns[c].title, strlen(t->columns[c].title));
        struct fw_value v = t->cell(t, 0, c);
        if (is_shown(&t->columns[c]) && v.kind != FW_VALUE_ABSENT && len > wide)
            wide = len;
    }
    for (uint32_t c = 0; c < t->n_columns; c++) {
        struct fw_value v = t->cell(t, 0, c);
        if (!is_shown(&t->columns[c]) || v.kind == FW_VALUE_ABSENT)
            continue;
        const char *title = t->columns[c].title;
        size_t pad = wide - fw_text_columns(title, strlen(title)) + GAP;
        fw_str_addf(&o->text, "%s%*s", title, (int)pad, "");
        write_value(r, &t->columns[c], &v, style, wide + GAP, o);
        fw_str_addc(&o->text, '\n');
    }
}

/* ---- tables ---- */

static char *cell_text(struct layout *l, struct shown_row at, const struct fw_column *c,
                       uint32_t column, enum fw_number_style numbers)
{
    struct fw_value v = at.under == 0 ? l->t->cell(l->t, at.row, column)
                                      : l->t->under(l->t, at.row, at.under - 1, column);
    if (v.kind == FW_VALUE_NULL || v.kind == FW_VALUE_ABSENT)
        return fw_arena_strndup(&l->arena, "-", 1);
    if (numbers == FW_NUMBER_BOTH && !(c->views & FW_VIEW_BOTH))
        numbers = FW_NUMBER_EXACT;
    struct fw_str *use = &l->text;
    fw_str_reset(use);
    fw_value_print(l->r, &v, c->unit, numbers, use);
    if ((v.kind == FW_VALUE_COUNT && !fw_count_is_const(v.count)) || v.kind == FW_VALUE_SHAPE) {
        use = &l->short_text;
        fw_str_reset(use);
        fw_text_shorten(fw_str_text(&l->text), l->room, false, l->style->ascii, use);
    }
    return fw_str_ok(use) ? fw_arena_strndup(&l->arena, fw_str_text(use), use->len) : NULL;
}

static enum fw_status fill(struct layout *l, enum fw_number_style numbers)
{
    for (uint32_t k = 0; k < l->n_columns; k++) {
        const char *title = l->t->columns[l->columns[k]].title;
        l->width[k] = fw_text_columns(title, strlen(title));
    }
    for (uint32_t i = 0; i < l->n_rows; i++)
        for (uint32_t k = 0; k < l->n_columns; k++) {
            uint32_t column = l->columns[k];
            char *text = cell_text(l, l->rows[i], &l->t->columns[column], column, numbers);
            if (text == NULL)
                return fw_fail_memory(l->err);
            size_t wide = fw_text_columns(text, strlen(text));
            l->width[k] = wide > l->width[k] ? wide : l->width[k];
            l->cells[(size_t)i * l->n_columns + k] = text;
        }
    return FW_OK;
}

static size_t total_width(const struct layout *l)
{
    size_t sum = 0;
    for (uint32_t k = 0; k < l->n_columns; k++)
        sum += l->width[k] + (k ? GAP : 0);
    return sum;
}

/* Takes what is too wide from the widest names and texts, leaving each at least so many columns;
 * true when the whole fits then. */
static bool squeeze(struct layout *l, bool comfort)
{
    size_t limit = (size_t)l->style->width;
    while (total_width(l) > limit) {
        uint32_t widest = UINT32_MAX;
        for (uint32_t k = 0; k < l->n_columns; k++) {
            unsigned views = l->t->columns[l->columns[k]].views;
            size_t least = views & FW_VIEW_WRAP   ? (comfort ? WRAP_COMFORT : WRAP_MIN)
                           : views & FW_VIEW_NAME ? (comfort ? NAME_COMFORT : NAME_MIN)
                                                  : SIZE_MAX;
            if (l->width[k] > least && (widest == UINT32_MAX || l->width[k] > l->width[widest]))
                widest = k;
        }
        if (widest == UINT32_MAX)
            return false;
        l->width[widest]--;
    }
    return true;
}

static void drop_column(struct layout *l, uint32_t k)
{
    memmove(l->columns + k, l->columns + k + 1, (l->n_columns - k - 1) * sizeof *l->columns);
    l->n_columns--;
}

/* Leaves out the last wide column and those it is joined to. */
static bool drop_wide(struct layout *l)
{
    for (uint32_t k = l->n_columns; k-- > 0;) {
        unsigned views = l->t->columns[l->columns[k]].views;
        if (!(views & FW_VIEW_WIDE))
            continue;
        drop_column(l, k);
        if (!(views & FW_VIEW_JOIN))
            return true;
    }
    return false;
}

/* Drops wide columns until numbers of this style fit. */
static enum fw_status fit_numbers(struct layout *l, enum fw_number_style numbers, bool *ret_fits)
{
    do {
        FW_TRY(fill(l, numbers));
        *ret_fits = squeeze(l, true);
    } while (!*ret_fits && drop_wide(l));
    return FW_OK;
}

/* Less and less comfort until it fits: rounded numbers beside exact ones; exact numbers, or the
 * columns that are good to have; long names; long formulas. */
static enum fw_status fit(struct layout *l)
{
    bool fits;
    l->room = l->style->width > 0 ? FORMULA_COLUMNS : FORMULA_ROOM;
    FW_TRY(fill(l, FW_NUMBER_BOTH));
    if (l->style->width <= 0 || squeeze(l, true))
        return FW_OK;
    FW_TRY(fill(l, FW_NUMBER_EXACT));
    if (squeeze(l, true))
        return FW_OK;
    if (l->t->flags & FW_TABLE_EXACT) {
        FW_TRY(fit_numbers(l, FW_NUMBER_EXACT, &fits));
        if (fits)
            return FW_OK;
    }
    FW_TRY(fit_numbers(l, FW_NUMBER_HUMAN, &fits));
    enum fw_number_style numbers = FW_NUMBER_HUMAN;
    if (fits) { // what was left out may have made room for exact numbers
        FW_TRY(fill(l, FW_NUMBER_EXACT));
        if (squeeze(l, true))
            return FW_OK;
    }
    do {
        FW_TRY(fill(l, numbers));
        fits = squeeze(l, true) || squeeze(l, false);
        l->room -= FORMULA_STEP;
    } while (!fits && l->room >= FORMULA_MIN);
    return FW_OK;
}

static enum fw_status shorten_names(struct layout *l)
{
    struct fw_str text;
    fw_str_init(&text, l->r->alloc);
    enum fw_status status = FW_OK;
    for (uint32_t k = 0; k < l->n_columns && status == FW_OK; k++) {
        if (!(l->t->columns[l->columns[k]].views & FW_VIEW_NAME))
            continue;
        for (uint32_t i = 0; i < l->n_rows && status == FW_OK; i++) {
            char **cell = &l->cells[(size_t)i * l->n_columns + k];
            fw_str_reset(&text);
            fw_text_shorten(*cell, l->width[k], true, l->style->ascii, &text);
            *cell = fw_arena_strndup(&l->arena, fw_str_text(&text), text.len);
            if (*cell == NULL || !fw_str_ok(&text))
                status = fw_fail_memory(l->err);
        }
    }
    fw_str_free(&text);
    return status;
}

static bool is_number_column(const struct fw_column *c)
{
    return c->unit != FW_UNIT_NONE && c->unit != FW_UNIT_FORMULA;
}

/* Lines a cell of a wrapped column takes. */
static size_t n_lines(const char *text, size_t width)
{
    size_t n = 1;
    for (text += fw_text_line(text, width); *text != '\0'; text += fw_text_line(text, width))
        n++;
    return n;
}

static bool is_wrapped(const struct layout *l, uint32_t k)
{
    return l->style->width > 0 && (l->t->columns[l->columns[k]].views & FW_VIEW_WRAP);
}

/* Cell k of a row in as many grid rows as it takes. */
static bool spread_cell(struct layout *l, uint32_t k, const char *text, const char **grid_cell)
{
    for (; *text != '\0'; grid_cell += l->n_columns) {
        size_t len = is_wrapped(l, k) ? fw_text_line(text, l->width[k]) : strlen(text);
        *grid_cell = fw_arena_strndup(&l->arena, text, len);
        if (*grid_cell == NULL)
            return false;
        text += len;
    }
    return true;
}

/* The cells as rows of the grid: more than one per row where a text is wrapped. NULL = memory. */
static const char **spread(struct layout *l, size_t *ret_rows)
{
    *ret_rows = 0;
    for (int pass = 0;; pass++) {
        size_t at = 0;
        const char **cells = NULL;
        if (pass == 1) {
            size_t n = *ret_rows * l->n_columns;
            cells = fw_arena_array(&l->arena, n + 1, sizeof *cells);
            for (size_t i = 0; cells != NULL && i < n; i++)
                cells[i] = "";
            if (cells == NULL)
                return NULL;
        }
        for (uint32_t i = 0; i < l->n_rows; i++) {
            size_t most = 1;
            for (uint32_t k = 0; k < l->n_columns; k++) {
                const char *text = l->cells[(size_t)i * l->n_columns + k];
                size_t n = is_wrapped(l, k) ? n_lines(text, l->width[k]) : 1;
                most = n > most ? n : most;
                if (pass == 1 && !spread_cell(l, k, text, cells + at * l->n_columns + k))
                    return NULL;
            }
            at += most;
        }
        *ret_rows = at;
        if (pass == 1)
            return cells;
    }
}

static enum fw_status print_grid(struct layout *l, struct fw_out *o)
{
    struct fw_grid_column *columns = fw_arena_array(&l->arena, l->n_columns + 1u, sizeof *columns);
    size_t n_rows;
    const char **cells = spread(l, &n_rows);
    if (columns == NULL || cells == NULL)
        return fw_fail_memory(l->err);
    for (uint32_t k = 0; k < l->n_columns; k++) {
        const struct fw_column *c = &l->t->columns[l->columns[k]];
        columns[k] = (struct fw_grid_column){c->title, is_number_column(c)};
    }
    struct fw_grid grid = {columns, l->n_columns, cells, n_rows, l->style->color != 0};
    return fw_grid_print(&grid, &o->text, l->err);
}

static void add_row(struct layout *l, uint32_t row)
{
    l->rows[l->n_rows++] = (struct shown_row){row, 0};
    l->n_main++;
    unsigned n = l->t->n_under != NULL ? l->t->n_under(l->t, row) : 0;
    for (unsigned k = 1; k <= n; k++)
        l->rows[l->n_rows++] = (struct shown_row){row, k};
}

static enum fw_status choose(struct layout *l)
{
    const struct fw_table *t = l->t;
    size_t most = t->n_rows;
    for (uint32_t row = 0; t->n_under != NULL && row < t->n_rows; row++)
        most += t->n_under(t, row);
    l->rows = fw_arena_array(&l->arena, most + 1, sizeof *l->rows);
    l->columns = fw_arena_array(&l->arena, t->n_columns + 1u, sizeof *l->columns);
    l->width = fw_arena_array(&l->arena, t->n_columns + 1u, sizeof *l->width);
    if (l->rows == NULL || l->columns == NULL || l->width == NULL)
        return fw_fail_memory(l->err);
    for (uint32_t row = 0; row < t->n_rows; row++)
        if (l->style->all || t->is_free == NULL || !t->is_free(t, row))
            add_row(l, row);
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (is_shown(&t->columns[c]))
            l->columns[l->n_columns++] = c;
    l->cells = fw_arena_array(&l->arena, (size_t)l->n_rows * l->n_columns + 1u, sizeof *l->cells);
    return l->cells == NULL ? fw_fail_memory(l->err) : FW_OK;
}

static enum fw_status lay_out(struct layout *l, struct fw_out *o)
{
    FW_TRY(choose(l));
    FW_TRY(fit(l));
    FW_TRY(shorten_names(l));
    FW_TRY(print_grid(l, o));
    uint32_t hidden = l->t->n_rows - l->n_main;
    if (l->n_rows == 0 && l->t->empty != NULL)
        fw_str_addf(&o->text, "%s\n", l->t->empty);
    if (hidden > 0)
        fw_str_addf(&o->text, "(%u %s not shown: %s)\n", hidden,
                    hidden == 1 ? "row is" : "rows are", l->t->free_text);
    return FW_OK;
}

/* ---- timeline ---- */

static double live_of(const struct fw_timeline *t, uint32_t step)
{
    return (double)t->live[step].word;
}

/* The phases under their bars, each at the bar it starts with. */
static void write_phases(const struct fw_timeline *t, uint32_t n, struct fw_out *o)
{
    char line[MAX_BARS + 1];
    const char *before = "";
    uint32_t free_from = 0;
    memset(line, ' ', sizeof line);
    for (uint32_t k = 0; k < n; k++) {
        const char *phase = "";
        (void)t->label(t, (uint32_t)((uint64_t)k * t->n / n), &phase);
        size_t len = strlen(phase);
        if (strcmp(phase, before) != 0 && k >= free_from && k + len < MAX_BARS) {
            memcpy(line + k, phase, len); // NOLINT(bugprone-not-null-terminated-result): one line
            free_from = k + (uint32_t)len + 1;
        }
        before = phase;
    }
    fw_str_addn(&o->text, line, free_from > 0 ? free_from - 1 : 0);
    fw_str_addc(&o->text, '\n');
}

static void write_scale(const struct fw_timeline *t, double top, struct fw_out *o)
{
    double fixed = 0;
    for (uint32_t i = 0; i < t->n_fixed; i++)
        fixed += (double)t->fixed[i].bytes.word;
    fw_str_add(&o->text, "up to ");
    fw_human_print(top, FW_UNIT_BYTES, &o->text);
    fw_str_add(&o->text, " come and go beside ");
    fw_human_print(fixed, FW_UNIT_BYTES, &o->text);
    fw_str_addf(&o->text, " that stay, over %u steps\n", t->n);
}

static void write_sparkline(const struct fw_timeline *t, const struct fw_style *style,
                            struct fw_out *o)
{
    static const char *const blocks[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
                                         "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
                                         "\xe2\x96\x87", "\xe2\x96\x88"};
    static const char *const plain[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    uint32_t room = style->width > 8 && style->width < MAX_BARS ? (uint32_t)style->width : MAX_BARS;
    uint32_t n = t->n < room ? t->n : room;
    double top = 0;
    for (uint32_t i = 0; i < t->n; i++)
        top = live_of(t, i) > top ? live_of(t, i) : top;
    add_title(o, style, t->title);
    for (uint32_t k = 0; k < n && top > 0; k++) {
        uint32_t to = (uint32_t)((uint64_t)(k + 1) * t->n / n);
        double most = 0;
        for (uint32_t i = (uint32_t)((uint64_t)k * t->n / n); i < to; i++)
            most = live_of(t, i) > most ? live_of(t, i) : most;
        int level = (int)(most / top * 7.999);
        fw_str_add(&o->text, style->ascii ? plain[level] : blocks[level]);
    }
    fw_str_addc(&o->text, '\n');
    write_phases(t, n, o);
    write_scale(t, top, o);
}

enum fw_status fw_table_text(const struct fw_report *r, const struct fw_table *t,
                             const struct fw_style *style, struct fw_out *o, struct fw_error *err)
{
    if ((t->flags & FW_TABLE_JSON_ONLY) || (t->n_rows == 0 && (t->flags & FW_TABLE_SKIP_EMPTY)))
        return FW_OK;
    add_title(o, style, t->title);
    if (t->flags & FW_TABLE_RECORD) {
        write_record(r, t, style, o);
        return FW_OK;
    }
    struct layout l = {.r = r, .t = t, .style = style, .err = err};
    fw_arena_init(&l.arena, r->alloc);
    fw_str_init(&l.text, r->alloc);
    fw_str_init(&l.short_text, r->alloc);
    enum fw_status status = lay_out(&l, o);
    fw_arena_clear(&l.arena);
    fw_str_free(&l.text);
    fw_str_free(&l.short_text);
    return status;
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *o, struct fw_error *err)
{
    if (r->document != NULL)
        return fw_document_text(r, style, o, err);
    for (unsigned i = 0; i < r->n_tables; i++)
        FW_TRY(fw_table_text(r, r->tables[i], style, o, err));
    if (r->timeline != NULL && r->timeline->n > 1 && fw_timeline_is_known(r->timeline))
        write_sparkline(r->timeline, style, o);
    return FW_OK;
}

const struct fw_writer fw_writer_table = {
    .name = "table", .can = fw_report_has_any, .write = write};
