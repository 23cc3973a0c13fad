/* Reading tables; see csv.h. Format: RFC 4180, section 2. */
#include "base/csv.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

struct reader {
    const char *s; // NUL behind the last byte
    size_t n, at;
    char separator;
    struct fw_error *err;
    char *out; // where the next cell goes
    const char **cells;
    size_t n_cells;
    uint32_t n_rows, n_columns;
};

static enum fw_status fail_at(struct reader *r, size_t at, const char *text)
{
    return fw_fail(r->err, FW_FORMAT, (int64_t)at, "row %u, column %zu: %s", r->n_rows + 1,
                   r->n_cells - (size_t)r->n_rows * r->n_columns + 1, text);
}

/* How long the line break at the place is; 0 where there is none. */
static size_t line_break(const struct reader *r, size_t at)
{
    if (at < r->n && r->s[at] == '\n')
        return 1;
    return r->s[at] == '\r' && r->s[at + 1] == '\n' ? 2 : 0;
}

static bool is_end(const struct reader *r)
{
    return r->at == r->n || r->s[r->at] == r->separator || line_break(r, r->at) > 0;
}

static enum fw_status take(struct reader *r)
{
    unsigned len = fw_utf8_length(r->s + r->at);
    if (r->s[r->at] == '\0')
        return fail_at(r, r->at, "a text is wanted, found a zero byte");
    if (len == 0)
        return fail_at(r, r->at, "malformed UTF-8");
    memcpy(r->out, r->s + r->at, len);
    r->out += len;
    r->at += len;
    return FW_OK;
}

static enum fw_status read_quoted(struct reader *r)
{
    size_t start = r->at++;
    for (;;) {
        if (r->at == r->n)
            return fail_at(r, start, "the quote is never closed");
        if (r->s[r->at] == '"' && r->s[r->at + 1] != '"')
            break;
        r->at += r->s[r->at] == '"'; // two stand for one
        FW_TRY(take(r));
    }
    r->at++;
    return is_end(r) ? FW_OK : fail_at(r, r->at, "text behind a closing quote");
}

static enum fw_status read_cell(struct reader *r)
{
    const char *cell = r->out;
    bool quotes = r->separator != '\t';
    if (quotes && r->at < r->n && r->s[r->at] == '"')
        FW_TRY(read_quoted(r));
    while (!is_end(r)) {
        if (quotes && r->s[r->at] == '"')
            return fail_at(r, r->at, "a quote inside a cell that does not start with one");
        FW_TRY(take(r));
    }
    *r->out++ = '\0';
    r->cells[r->n_cells++] = cell;
    return FW_OK;
}

static enum fw_status read_row(struct reader *r)
{
    size_t start = r->at, first = r->n_cells;
    FW_TRY(read_cell(r));
    while (r->at < r->n && r->s[r->at] == r->separator) {
        r->at++;
        FW_TRY(read_cell(r));
    }
    size_t found = r->n_cells - first;
    FW_REQUIRE(found <= FW_CSV_MAX_COLUMNS, r->err, FW_LIMIT, "more than %u columns",
               FW_CSV_MAX_COLUMNS);
    if (r->n_rows == 0)
        r->n_columns = (uint32_t)found;
    if (found != r->n_columns)
        return fw_fail(r->err, FW_FORMAT, (int64_t)start, "row %u has %zu cells, the first has %u",
                       r->n_rows + 1, found, r->n_columns);
    r->n_rows++;
    r->at += line_break(r, r->at);
    return FW_OK;
}

static enum fw_status read_all(struct reader *r)
{
    if (strncmp(r->s, "\xef\xbb\xbf", 3) == 0)
        r->at = 3;
    while (r->at < r->n) {
        if (r->separator != '\t' || r->s[r->at] != '#') {
            FW_TRY(read_row(r));
            continue;
        }
        while (r->at < r->n && r->s[r->at] != '\n')
            r->at++;
        r->at += r->at < r->n;
    }
    return r->n_rows > 0 ? FW_OK : fw_fail(r->err, FW_FORMAT, 0, "the table has no rows");
}

enum fw_status fw_csv_parse(struct fw_arena *arena, const void *data, size_t size, char separator,
                            struct fw_csv *ret, struct fw_error *err)
{
    struct reader r = {.n = size, .separator = separator, .err = err};
    FW_REQUIRE(size < UINT32_MAX / 2, err, FW_LIMIT, "the table is larger than 2 GiB");
    r.s = fw_arena_strndup(arena, data, size);
    r.out = fw_arena_alloc(arena, size + 1); // a cell and its NUL fit where it stood
    if (r.s == NULL || r.out == NULL)
        return fw_fail_memory(err);
    size_t n_cells = 1;
    for (size_t i = 0; i < size; i++)
        n_cells += r.s[i] == separator || r.s[i] == '\n';
    r.cells = fw_arena_array(arena, n_cells, sizeof *r.cells);
    if (r.cells == NULL)
        return fw_fail_memory(err);
    FW_TRY(read_all(&r));
    *ret = (struct fw_csv){.n_columns = r.n_columns,
                           .n_rows = r.n_rows - 1,
                           .name = r.cells,
                           .cells = r.cells + r.n_columns};
    return FW_OK;
}

uint32_t fw_csv_column(const struct fw_csv *csv, const char *name)
{
    for (uint32_t i = 0; i < csv->n_columns; i++)
        if (strcmp(csv->name[i], name) == 0)
            return i;
    return FW_CSV_NONE;
}
