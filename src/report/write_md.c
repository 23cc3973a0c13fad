/* Markdown: records as lists, tables as pipe tables with exact numbers. */
#include "report/document.h"
#include "report/writer.h"

#include <string.h>

void fw_md_text(struct fw_str *out, const char *text, size_t len)
{
    for (const char *p = text; p < text + len; p++) {
        if (*p == '\n' || *p == '\r') {
            fw_str_addc(out, ' ');
            continue;
        }
        if (strchr("|\\`*_<>[]", *p) != NULL)
            fw_str_addc(out, '\\');
        fw_str_addc(out, *p);
    }
}

static void put_cell(const struct fw_report *r, const struct fw_column *column, struct fw_value v,
                     struct fw_str *scratch, struct fw_str *out)
{
    bool both = (column->views & FW_VIEW_BOTH) != 0;
    if (v.kind == FW_VALUE_TABLE) {
        for (uint32_t i = 0; i < v.table->n_rows; i++)
            for (uint32_t k = 0; k < v.table->n_columns; k++) {
                fw_str_add(out, k ? " " : i ? ", " : "");
                put_cell(r, &v.table->columns[k], v.table->cell(v.table, i, k), scratch, out);
            }
        return;
    }
    struct fw_arena arena;
    fw_arena_init(&arena, r->alloc);
    const struct fw_math *formula = fw_cell_formula(column, &v, &arena);
    bool line = formula != NULL && formula->kind != FW_MATH_LINES; // others need lines of their own
    if (line) {
        fw_str_addc(out, '$');
        fw_math_latex(formula, out);
        fw_str_addc(out, '$');
    }
    fw_arena_clear(&arena);
    if (line)
        return;
    fw_str_reset(scratch);
    fw_value_print(r, &v, column->unit, both ? FW_NUMBER_BOTH : FW_NUMBER_EXACT, scratch);
    fw_md_text(out, fw_str_text(scratch), scratch->len);
    out->failed |= scratch->failed;
}

static bool is_shown(const struct fw_column *c)
{
    return (c->views & (FW_VIEW_TABLE | FW_VIEW_WIDE)) != 0;
}

static void write_record(const struct fw_report *r, const struct fw_table *t,
                         struct fw_str *scratch, struct fw_str *out)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (!is_shown(&t->columns[c]) || t->cell(t, 0, c).kind == FW_VALUE_ABSENT)
            continue;
        fw_str_addf(out, "* %s: ", t->columns[c].title);
        put_cell(r, &t->columns[c], t->cell(t, 0, c), scratch, out);
        fw_str_addc(out, '\n');
    }
}

/* under: 0 for the row itself, k for what stands k-th under it. */
static void put_row(const struct fw_report *r, const struct fw_table *t, uint32_t row,
                    unsigned under, struct fw_str *scratch, struct fw_str *out)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (!is_shown(&t->columns[c]))
            continue;
        fw_str_add(out, "| ");
        put_cell(r, &t->columns[c],
                 under == 0 ? t->cell(t, row, c) : t->under(t, row, under - 1, c), scratch, out);
        fw_str_addc(out, ' ');
    }
    fw_str_add(out, "|\n");
}

static void write_rows(const struct fw_report *r, const struct fw_table *t,
                       const struct fw_style *style, struct fw_str *scratch, struct fw_out *o)
{
    struct fw_str *out = &o->text;
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (!is_shown(&t->columns[c]))
            continue;
        fw_str_add(out, "| ");
        fw_md_text(out, t->columns[c].title, strlen(t->columns[c].title));
        fw_str_addc(out, ' ');
    }
    fw_str_add(out, "|\n");
    for (uint32_t c = 0; c < t->n_columns; c++)
        if (is_shown(&t->columns[c]))
            fw_str_add(out, fw_column_is_number(t, c) ? "|---:" : "|---");
    fw_str_add(out, "|\n");
    for (uint32_t row = 0; row < t->n_rows; row++) {
        if (!style->all && t->is_free != NULL && t->is_free(t, row))
            continue;
        unsigned n_under = t->n_under != NULL ? t->n_under(t, row) : 0;
        for (unsigned k = 0; k <= n_under; k++)
            put_row(r, t, row, k, scratch, out);
        fw_out_pass(o);
    }
}

enum fw_status fw_table_md(const struct fw_report *r, const struct fw_table *t,
                           const struct fw_style *style, struct fw_out *o, struct fw_error *err)
{
    struct fw_str scratch;
    if ((t->flags & FW_TABLE_JSON_ONLY) || t->n_rows == 0)
        return FW_OK;
    fw_str_init(&scratch, r->alloc);
    if (t->title != NULL && t->title[0] != '\0')
        fw_str_addf(&o->text, "\n## %s\n", t->title);
    fw_str_addc(&o->text, '\n');
    if (t->flags & FW_TABLE_RECORD)
        write_record(r, t, &scratch, &o->text);
    else
        write_rows(r, t, style, &scratch, o);
    bool ok = fw_str_ok(&scratch);
    fw_str_free(&scratch);
    return ok ? FW_OK : fw_fail_memory(err);
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *o, struct fw_error *err)
{
    const char *title = r->title != NULL ? r->title : r->schema;
    fw_str_add(&o->text, "# ");
    fw_md_text(&o->text, title, strlen(title));
    fw_str_addc(&o->text, '\n');
    if (r->document != NULL)
        return fw_document_md(r, style, o, err);
    for (unsigned i = 0; i < r->n_tables; i++)
        FW_TRY(fw_table_md(r, r->tables[i], style, o, err));
    return FW_OK;
}

const struct fw_writer fw_writer_md = {.name = "md", .can = fw_report_has_any, .write = write};
