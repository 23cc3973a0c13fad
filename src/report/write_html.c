/* One HTML page that needs nothing else: style and script from data/, tables that sort by a click
 * on a heading, the picture where the report has one. */
#include "report/document.h"
#include "report/writer.h"

#include "fw_data.h"

#include <string.h>

static bool is_shown(const struct fw_column *c)
{
    return (c->views & (FW_VIEW_TABLE | FW_VIEW_WIDE)) != 0;
}

static void put_value(const struct fw_report *r, const struct fw_value *v, enum fw_unit unit,
                      enum fw_number_style numbers, struct fw_str *scratch, struct fw_str *out)
{
    fw_str_reset(scratch);
    fw_value_print(r, v, unit, numbers, scratch);
    fw_xml_text(out, fw_str_text(scratch));
    out->failed |= scratch->failed;
}

static void put_nested(const struct fw_report *r, const struct fw_table *t, struct fw_str *scratch,
                       struct fw_str *out)
{
    for (uint32_t row = 0; row < t->n_rows; row++) {
        fw_str_add(out, row ? "<br>" : "");
        for (uint32_t c = 0; c < t->n_columns; c++) {
            struct fw_value v = t->cell(t, row, c);
            fw_str_add(out, c ? " " : "");
            put_value(r, &v, t->columns[c].unit, FW_NUMBER_EXACT, scratch, out);
        }
    }
}

static void write_record(const struct fw_report *r, const struct fw_table *t,
                         struct fw_str *scratch, struct fw_str *out)
{
    fw_str_add(out, "<dl>\n");
    for (uint32_t c = 0; c < t->n_columns; c++) {
        struct fw_value v = t->cell(t, 0, c);
        if (!is_shown(&t->columns[c]) || v.kind == FW_VALUE_ABSENT)
            continue;
        fw_str_add(out, "<dt>");
        fw_xml_text(out, t->columns[c].title);
        fw_str_add(out, "</dt><dd>");
        bool both = (t->columns[c].views & FW_VIEW_BOTH) != 0;
        if (v.kind == FW_VALUE_TABLE)
            put_nested(r, v.table, scratch, out);
        else
            put_value(r, &v, t->columns[c].unit, both ? FW_NUMBER_BOTH : FW_NUMBER_EXACT, scratch,
                      out);
        fw_str_add(out, "</dd>\n");
    }
    fw_str_add(out, "</dl>\n");
}

static void put_cell(const struct fw_report *r, const struct fw_column *column, struct fw_value v,
                     struct fw_str *scratch, struct fw_str *out)
{
    if (!fw_value_is_number(&v)) {
        fw_str_add(out, "<td>");
    } else {
        fw_str_add(out, "<td class=\"number\" data-value=\"");
        put_value(r, &v, column->unit, FW_NUMBER_PLAIN, scratch, out);
        fw_str_add(out, "\">");
    }
    struct fw_arena arena;
    fw_arena_init(&arena, r->alloc);
    const struct fw_math *formula = fw_cell_formula(column, &v, &arena);
    if (formula != NULL)
        fw_math_mathml(formula, false, out);
    else
        put_value(r, &v, column->unit, FW_NUMBER_EXACT, scratch, out);
    fw_arena_clear(&arena);
    fw_str_add(out, "</td>");
}

/* What stands under a row moves with it when the table is sorted. */
static void put_under(const struct fw_report *r, const struct fw_table *t, uint32_t row,
                      struct fw_str *scratch, struct fw_str *out)
{
    unsigned n = t->n_under != NULL ? t->n_under(t, row) : 0;
    for (unsigned k = 0; k < n; k++) {
        fw_str_add(out, "<tr class=\"under\">");
        for (uint32_t c = 0; c < t->n_columns; c++)
            if (is_shown(&t->columns[c]))
                put_cell(r, &t->columns[c], t->under(t, row, k, c), scratch, out);
        fw_str_add(out, "</tr>\n");
    }
}

static void write_rows(const struct fw_report *r, const struct fw_table *t, struct fw_str *scratch,
                       struct fw_out *o)
{
    struct fw_str *out = &o->text;
    fw_str_add(out, "<div class=\"scroll\"><table>\n<thead><tr>");
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (!is_shown(&t->columns[c]))
            continue;
        fw_str_add(out, fw_column_is_number(t, c) ? "<th class=\"number\"" : "<th");
        fw_str_add(out, " scope=\"col\" title=\"");
        fw_xml_text(out, t->columns[c].help != NULL ? t->columns[c].help : "");
        fw_str_add(out, "\"><button type=\"button\">");
        fw_xml_text(out, t->columns[c].title);
        fw_str_add(out, "</button></th>");
    }
    fw_str_add(out, "</tr></thead>\n<tbody>\n");
    for (uint32_t row = 0; row < t->n_rows; row++) {
        bool is_free = t->is_free != NULL && t->is_free(t, row);
        fw_str_add(out, is_free ? "<tr class=\"free\">" : "<tr>");
        for (uint32_t c = 0; c < t->n_columns; c++)
            if (is_shown(&t->columns[c]))
                put_cell(r, &t->columns[c], t->cell(t, row, c), scratch, out);
        fw_str_add(out, "</tr>\n");
        put_under(r, t, row, scratch, out);
        fw_out_pass(o);
    }
    fw_str_add(out, "</tbody></table></div>\n");
}

static void start(const struct fw_report *r, struct fw_str *out)
{
    const char *title = r->title != NULL ? r->title : r->schema;
    fw_str_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<title>");
    fw_xml_text(out, title);
    fw_str_add(out, "</title>\n<style>\n");
    fw_str_add(out, fw_data_report_style);
    fw_str_add(out, "</style>\n</head>\n<body>\n<h1>");
    fw_xml_text(out, title);
    fw_str_add(out, "</h1>\n");
}

enum fw_status fw_table_html(const struct fw_report *r, const struct fw_table *t, struct fw_out *o,
                             struct fw_error *err)
{
    struct fw_str scratch;
    if ((t->flags & FW_TABLE_JSON_ONLY) || t->n_rows == 0)
        return FW_OK;
    fw_str_init(&scratch, r->alloc);
    if (t->title != NULL) {
        fw_str_add(&o->text, "<h2>");
        fw_xml_text(&o->text, t->title);
        fw_str_add(&o->text, "</h2>\n");
    }
    if (t->flags & FW_TABLE_RECORD)
        write_record(r, t, &scratch, &o->text);
    else
        write_rows(r, t, &scratch, o);
    bool ok = fw_str_ok(&scratch);
    fw_str_free(&scratch);
    return ok ? FW_OK : fw_fail_memory(err);
}

/* Nothing where the values do not allow a picture. */
static enum fw_status write_picture(const struct fw_report *r, struct fw_str *out,
                                    struct fw_error *err)
{
    if (r->picture.draw == NULL)
        return FW_OK;
    struct fw_str picture;
    fw_str_init(&picture, r->alloc);
    enum fw_status status = r->picture.draw(r->picture.what, &picture, err);
    if (status == FW_OK)
        fw_str_add(out, fw_str_text(&picture));
    out->failed |= picture.failed;
    fw_str_free(&picture);
    return status == FW_UNSUPPORTED ? FW_OK : status;
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *o, struct fw_error *err)
{
    (void)style;
    start(r, &o->text);
    if (r->document != NULL)
        FW_TRY(fw_document_html(r, o, err));
    for (unsigned i = 0; i < r->n_tables && r->document == NULL; i++)
        FW_TRY(fw_table_html(r, r->tables[i], o, err));
    FW_TRY(write_picture(r, &o->text, err));
    fw_str_add(&o->text, "<script>\n");
    fw_str_add(&o->text, fw_data_report_sort);
    fw_str_add(&o->text, "</script>\n</body>\n</html>\n");
    return FW_OK;
}

const struct fw_writer fw_writer_html = {.name = "html", .can = fw_report_has_any, .write = write};
