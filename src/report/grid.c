/* Columns of text; see grid.h. */
#define _POSIX_C_SOURCE 200809L
#include "report/grid.h"

#include "base/utf8.h"
#include "report/report.h"
#include "report/writer.h"

#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* MemorySanitizer does not see what libsmartcols writes, which is not built for it: inside of a
 * call what it hands to the C library is not judged, and its text counts as written. Cells are read
 * before, by room_for, and are judged there. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define FOREIGN_BEGIN() __msan_scoped_disable_interceptor_checks()
#define FOREIGN_END(text)                          \
    do {                                           \
        if ((text) != NULL)                        \
            __msan_unpoison_string(text);          \
        __msan_scoped_enable_interceptor_checks(); \
    } while (0)
#endif
#endif
#ifndef FOREIGN_BEGIN
#define FOREIGN_BEGIN() (void)0
#define FOREIGN_END(text) (void)(text)
#endif

static bool add_columns(struct libscols_table *tb, const struct fw_grid *g)
{
    for (size_t c = 0; c < g->n_columns; c++) {
        struct libscols_column *col = scols_table_new_column(
            tb, g->columns[c].title, 0, g->columns[c].right ? SCOLS_FL_RIGHT : 0);
        if (col == NULL)
            return false;
        if (g->color)
            (void)scols_cell_set_color(scols_column_get_header(col), "\033[1m");
    }
    return true;
}

static bool add_lines(struct libscols_table *tb, const struct fw_grid *g)
{
    for (size_t row = 0; row < g->n_rows; row++) {
        struct libscols_line *line = scols_table_new_line(tb, NULL);
        if (line == NULL)
            return false;
        for (size_t c = 0; c < g->n_columns; c++)
            if (scols_line_set_data(line, c, g->cells[row * g->n_columns + c]) != 0)
                return false;
    }
    return true;
}

/* Lines without the blanks that fill up the last column. */
static void add_trimmed(struct fw_str *out, const char *text)
{
    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        size_t keep = len;
        while (keep > 0 && text[keep - 1] == ' ')
            keep--;
        fw_str_addn(out, text, keep);
        fw_str_addc(out, '\n');
        text += len + (end != NULL);
    }
}

/* Room for everything (libsmartcols allocates what it is told): control bytes grow to \xNN. */
static size_t room_for(const struct fw_grid *g)
{
    size_t sum = 0;
    for (size_t c = 0; c < g->n_columns; c++) {
        size_t most = strlen(g->columns[c].title);
        for (size_t row = 0; row < g->n_rows; row++) {
            size_t len = 4 * strlen(g->cells[row * g->n_columns + c]);
            most = len > most ? len : most;
        }
        sum += most + 2;
    }
    return sum;
}

static bool print(const struct fw_grid *g, struct fw_str *out)
{
    char *text = NULL;
    size_t room = room_for(g);
    FOREIGN_BEGIN();
    struct libscols_table *tb = scols_new_table();
    bool ok = tb != NULL && add_columns(tb, g) && add_lines(tb, g) &&
              scols_table_set_column_separator(tb, "  ") == 0 &&
              scols_table_set_termforce(tb, SCOLS_TERMFORCE_ALWAYS) == 0 &&
              scols_table_set_termwidth(tb, room) == 0 &&
              scols_table_enable_colors(tb, g->color) == 0 &&
              scols_print_table_to_string(tb, &text) == 0 && text != NULL;
    scols_unref_table(tb);
    FOREIGN_END(text);
    if (ok)
        add_trimmed(out, text);
    free(text);
    return ok;
}

/* ---- long tables ---- */

enum { LONG_ROWS = 500 };

/* Of a long table: the widths of its columns where every byte is a character of one column; false
 * where there is anything else. */
static bool measure(const struct fw_grid *g, size_t *width)
{
    for (size_t i = 0; i < g->n_rows * g->n_columns; i++) {
        size_t len = 0;
        for (const char *p = g->cells[i]; *p != '\0'; p++, len++)
            if (*p < 0x20 || *p > 0x7e)
                return false;
        size_t c = i % g->n_columns;
        width[c] = len > width[c] ? len : width[c];
    }
    return true;
}

static void add_line(const struct fw_grid *g, const size_t *width, const char *const *cells,
                     struct fw_str *out)
{
    static const char blanks[] = "                                ";
    size_t pad = 0; // blanks that stand before the next text
    for (size_t c = 0; c < g->n_columns; c++) {
        const char *cell = cells != NULL ? cells[c] : g->columns[c].title;
        size_t len = strlen(cell);
        pad += g->columns[c].right ? width[c] - len : 0;
        for (; len > 0 && pad > 0; pad -= pad < sizeof blanks - 1 ? pad : sizeof blanks - 1)
            fw_str_addn(out, blanks, pad < sizeof blanks - 1 ? pad : sizeof blanks - 1);
        fw_str_addn(out, cell, len);
        pad += (g->columns[c].right ? 0 : width[c] - len) + 2;
    }
    fw_str_addc(out, '\n');
}

/* The same layout without libsmartcols, which takes 50,000 instructions a row. False: not done. */
static bool print_long(const struct fw_grid *g, struct fw_str *out)
{
    if (g->n_rows <= LONG_ROWS || g->color)
        return false;
    size_t bytes = g->n_columns * sizeof(size_t);
    size_t *width = fw_mem_resize(out->alloc, NULL, 0, bytes);
    if (width == NULL)
        return false;
    for (size_t c = 0; c < g->n_columns; c++)
        width[c] = strlen(g->columns[c].title);
    bool done = measure(g, width);
    for (size_t row = 0; done && row <= g->n_rows; row++)
        add_line(g, width, row == 0 ? NULL : &g->cells[(row - 1) * g->n_columns], out);
    fw_mem_resize(out->alloc, width, bytes, 0);
    return done;
}

/* The layout asks the C library how wide characters are, which needs a UTF-8 locale: it is put in
 * place for this thread and this call only. */
enum fw_status fw_grid_print(const struct fw_grid *grid, struct fw_str *out, struct fw_error *err)
{
    if (grid->n_rows == 0 || print_long(grid, out))
        return FW_OK;
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    bool ok = print(grid, out);
    if (utf8 != (locale_t)0) {
        (void)uselocale(before);
        freelocale(utf8);
    }
    return ok ? FW_OK : fw_fail_memory(err);
}

/* Bytes of the characters that fill at most so many columns (fewer where the text ends). */
static size_t bytes_of(const char *text, size_t columns)
{
    size_t at = 0;
    while (text[at] != '\0') {
        unsigned len = fw_utf8_length(text + at);
        unsigned wide = len > 1 ? fw_utf8_columns(text + at, len) : 1;
        if (wide > columns)
            break;
        columns -= wide;
        at += len == 0 ? 1 : len;
    }
    return at;
}

void fw_text_shorten(const char *text, size_t columns, bool middle, bool ascii, struct fw_str *out)
{
    const char *mark = ascii ? ".." : "\xe2\x80\xa6";
    size_t mark_columns = ascii ? 2 : 1;
    size_t all = fw_text_columns(text, strlen(text));
    if (all <= columns || columns <= mark_columns) {
        fw_str_add(out, text);
        return;
    }
    size_t kept = columns - mark_columns;
    size_t tail = middle ? kept - kept / 2 : 0;
    fw_str_addn(out, text, bytes_of(text, kept - tail));
    fw_str_add(out, mark);
    text += bytes_of(text, all - tail);
    if (fw_text_columns(text, strlen(text)) > tail) // half of a wide character has room
        text += fw_utf8_length(text);
    fw_str_add(out, text);
}

/* How good it is to end a line after `at` bytes, 0 for not at all: best behind a blank or before a
 * formula's next summand, then inside parentheses, behind a comma or a product. */
static int break_at(const char *text, size_t at, int depth)
{
    char before = text[at - 1], after = text[at];
    if (before == ' ')
        return 3;
    bool exponent = before == 'e' && at > 1 && text[at - 2] >= '0' && text[at - 2] <= '9';
    bool option = before == '-' || text[at + 1] == '-';
    if (!exponent && (after == '+' || (after == '-' && before != '(' && !option)))
        return depth > 0 ? 2 : 3;
    return before == ',' || before == '*' ? 1 : 0;
}

size_t fw_text_line(const char *text, size_t columns)
{
    size_t most = bytes_of(text, columns > 2 ? columns : 2);
    if (text[most] == '\0')
        return most;
    size_t best[4] = {0};
    int depth = 0;
    for (size_t at = 1; at <= most; at++) {
        depth += text[at - 1] == '(' ? 1 : text[at - 1] == ')' && depth > 0 ? -1 : 0;
        best[break_at(text, at, depth)] = at;
    }
    for (int k = 3; k > 0; k--)
        if (best[k] > 0 && best[k] >= (k == 3 ? most / 4 : most / 2))
            return best[k];
    return best[3] > 0 ? best[3] : most;
}

void fw_text_wrap(const char *text, size_t columns, size_t indent, struct fw_str *out)
{
    for (size_t n; *text != '\0'; text += n) {
        n = fw_text_line(text, columns);
        size_t shown = n;
        while (shown > 0 && text[shown - 1] == ' ')
            shown--;
        fw_str_addn(out, text, shown);
        if (text[n] != '\0')
            fw_str_addf(out, "\n%*s", (int)indent, "");
    }
}
