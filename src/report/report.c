/* Making reports and asking them for single values. */
#include "report/report.h"

#include "report/writer.h"

#include <stdlib.h>
#include <string.h>

static void *resize_watched(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    struct fw_report *r = ctx;
    void *p = fw_mem_resize(r->under, old, old_bytes, bytes);
    r->no_memory |= bytes > 0 && p == NULL;
    return p;
}

struct fw_report *fw_report_new(const struct fw_alloc *alloc, const char *schema)
{
    struct fw_report *r = fw_mem_resize(alloc, NULL, 0, sizeof *r);
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof *r);
    r->under = alloc;
    r->watched = (struct fw_alloc){resize_watched, r, alloc->limits};
    r->alloc = &r->watched;
    r->schema = schema;
    r->tables = r->few;
    r->cap_tables = FW_REPORT_FEW;
    fw_arena_init(&r->arena, r->alloc);
    return r;
}

void fw_report_free(struct fw_report *r)
{
    if (r == NULL)
        return;
    if (r->release != NULL)
        r->release(r->owned);
    fw_arena_clear(&r->arena);
    fw_mem_resize(r->under, r, sizeof *r, 0);
}

enum fw_status fw_report_finish(struct fw_report **ret, struct fw_report *r, enum fw_status status)
{
    if (status == FW_OK)
        *ret = r;
    else
        fw_report_free(r);
    return status;
}

void fw_report_add(struct fw_report *r, const struct fw_table *t)
{
    if (r->n_tables == r->cap_tables) {
        const struct fw_table **more =
            fw_arena_array(&r->arena, (size_t)2 * r->cap_tables, sizeof(struct fw_table *));
        if (more == NULL)
            return;
        memcpy(more, r->tables, r->n_tables * sizeof(struct fw_table *));
        r->tables = more;
        r->cap_tables *= 2;
    }
    r->tables[r->n_tables++] = t;
}

static struct fw_value record_cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct fw_record *record = t->ctx;
    return record->values[row * t->n_columns + column];
}

const struct fw_table *fw_rows_new(struct fw_report *r, const struct fw_table *head,
                                   const struct fw_column *columns, uint32_t n_columns,
                                   const struct fw_value *values, uint32_t n_rows)
{
    struct fw_record *record = fw_arena_alloc(&r->arena, sizeof *record);
    if (record == NULL)
        return NULL;
    record->table = *head;
    record->values = fw_arena_copy(&r->arena, values, (size_t)n_rows * n_columns * sizeof *values);
    if (record->values == NULL)
        return NULL;
    record->table.columns = columns;
    record->table.n_columns = n_columns;
    record->table.n_rows = n_rows;
    record->table.ctx = record;
    record->table.cell = record_cell;
    return &record->table;
}

const struct fw_table *fw_record_new(struct fw_report *r, const struct fw_table *head,
                                     const struct fw_column *columns, const struct fw_value *values,
                                     uint32_t n)
{
    struct fw_table record = *head;
    record.flags |= FW_TABLE_RECORD;
    return fw_rows_new(r, &record, columns, n, values, 1);
}

enum fw_status fw_report_record(struct fw_report *r, const struct fw_table *head,
                                const struct fw_column *columns, const struct fw_value *values,
                                uint32_t n, struct fw_error *err)
{
    const struct fw_table *t = fw_record_new(r, head, columns, values, n);
    if (t == NULL)
        return fw_fail_memory(err);
    fw_report_add(r, t);
    return FW_OK;
}

enum fw_status fw_report_rows(struct fw_report *r, const struct fw_table *head,
                              const struct fw_value *values, uint32_t n_rows, struct fw_error *err)
{
    struct fw_record *rows = fw_arena_alloc(&r->arena, sizeof *rows);
    if (rows == NULL)
        return fw_fail_memory(err);
    rows->table = *head;
    rows->values =
        fw_arena_copy(&r->arena, values, (size_t)n_rows * head->n_columns * sizeof *values);
    if (rows->values == NULL)
        return fw_fail_memory(err);
    rows->table.n_rows = n_rows;
    rows->table.ctx = rows;
    rows->table.cell = record_cell;
    fw_report_add(r, &rows->table);
    return FW_OK;
}

enum fw_status fw_report_status(const struct fw_report *report)
{
    return report->status;
}

/* ---- one value by its path ---- */

static bool find_in(const struct fw_table *t, const char *path, struct fw_value *ret);

/* The rest of path behind "row/", or NULL when it does not start with a row number. */
static const char *skip_row(const struct fw_table *t, const char *path, uint32_t *ret_row)
{
    char *end;
    *ret_row = 0;
    if (t->flags & FW_TABLE_RECORD)
        return path;
    if (*path < '0' || *path > '9')
        return NULL;
    unsigned long row = strtoul(path, &end, 10);
    if (*end != '/' || row >= t->n_rows)
        return NULL;
    *ret_row = (uint32_t)row;
    return end + 1;
}

static bool find_in(const struct fw_table *t, const char *path, struct fw_value *ret)
{
    uint32_t row;
    path = skip_row(t, path, &row);
    if (path == NULL)
        return false;
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const char *key = t->columns[c].key;
        size_t len = strlen(key);
        if ((t->columns[c].views & FW_VIEW_PEOPLE) || strncmp(path, key, len) != 0)
            continue;
        if (path[len] == '\0') {
            *ret = t->cell(t, row, c);
            return ret->kind != FW_VALUE_TABLE && ret->kind != FW_VALUE_ABSENT;
        }
        if (path[len] != '/')
            continue;
        struct fw_value inner = t->cell(t, row, c);
        if (inner.kind == FW_VALUE_TABLE && find_in(inner.table, path + len + 1, ret))
            return true;
    }
    return false;
}

static bool find(const struct fw_report *r, const char *path, struct fw_value *ret)
{
    for (unsigned i = 0; i < r->n_tables; i++) {
        const struct fw_table *t = r->tables[i];
        if (t->flags & FW_TABLE_PEOPLE)
            continue;
        const char *rest = path;
        if (!(t->flags & FW_TABLE_MERGE)) {
            size_t len = strlen(t->key);
            if (strncmp(path, t->key, len) != 0 || path[len] != '/')
                continue;
            rest = path + len + 1;
        }
        if (find_in(t, rest, ret))
            return true;
    }
    return false;
}

const char *fw_report_text(struct fw_report *report, const char *path)
{
    struct fw_value v;
    if (strcmp(path, "schema") == 0)
        return report->schema;
    if (!find(report, path, &v) || v.kind == FW_VALUE_NULL)
        return NULL;
    struct fw_str text;
    fw_str_init(&text, report->alloc);
    fw_value_print(report, &v, FW_UNIT_NONE, FW_NUMBER_PLAIN, &text);
    const char *ret = NULL;
    if (fw_str_ok(&text))
        ret = fw_arena_strndup(&report->arena, fw_str_text(&text), text.len);
    fw_str_free(&text);
    return ret;
}

enum fw_status fw_report_int(struct fw_report *report, const char *path, int64_t *ret,
                             struct fw_error *err)
{
    struct fw_value v;
    FW_REQUIRE(find(report, path, &v), err, FW_USAGE, "the report has no value '%s'", path);
    if (v.kind == FW_VALUE_INT || v.kind == FW_VALUE_BOOL) {
        *ret = v.kind == FW_VALUE_INT ? v.i : v.b;
        return FW_OK;
    }
    FW_REQUIRE(v.kind == FW_VALUE_COUNT, err, FW_USAGE, "'%s' is no integer", path);
    FW_REQUIRE(fw_count_is_const(v.count), err, FW_LIMIT, "'%s' is a formula", path);
    FW_REQUIRE(v.count.word >= INT64_MIN && v.count.word <= INT64_MAX, err, FW_LIMIT,
               "'%s' is larger than 64 bits hold", path);
    *ret = (int64_t)v.count.word;
    return FW_OK;
}
