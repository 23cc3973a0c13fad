/* CSV after RFC 4180: the main table, every column, one heading line. */
#include "report/writer.h"

#include <string.h>

static bool has_main(const struct fw_report *r)
{
    return fw_report_main(r) != NULL;
}

static void put_field(struct fw_str *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fw_str_add(out, text);
        return;
    }
    fw_str_addc(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        fw_str_add(out, *p == '"' ? "\"" : "");
        fw_str_addc(out, *p);
    }
    fw_str_addc(out, '"');
}

static bool is_column(const struct fw_table *t, uint32_t c)
{
    if (t->columns[c].views & (FW_VIEW_PEOPLE | FW_VIEW_NESTED))
        return false;
    return t->n_rows == 0 || t->cell(t, 0, c).kind != FW_VALUE_TABLE;
}

static void put_heading(const struct fw_table *t, const bool *shown, struct fw_str *out)
{
    bool first = true;
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (!shown[c])
            continue;
        fw_str_add(out, first ? "" : ",");
        first = false;
        for (const char *p = t->columns[c].key; *p != '\0'; p++)
            fw_str_addc(out, (char)(*p == '/' ? '.' : *p));
    }
    fw_str_add(out, "\r\n");
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *o, struct fw_error *err)
{
    (void)style;
    const struct fw_table *t = fw_report_main(r);
    struct fw_str field;
    fw_str_init(&field, r->alloc);
    bool *shown = fw_mem_resize(r->alloc, NULL, 0, t->n_columns + 1u);
    if (shown == NULL)
        return fw_fail_memory(err);
    for (uint32_t c = 0; c < t->n_columns; c++)
        shown[c] = is_column(t, c);
    put_heading(t, shown, &o->text);
    for (uint32_t row = 0; row < t->n_rows; row++) {
        bool first = true;
        for (uint32_t c = 0; c < t->n_columns; c++) {
            if (!shown[c])
                continue;
            struct fw_value v = t->cell(t, row, c);
            fw_str_add(&o->text, first ? "" : ",");
            first = false;
            if (v.kind == FW_VALUE_COUNT && fw_count_is_const(v.count)) { // most of them
                fw_str_add_i128(&o->text, v.count.word, 0);
                continue;
            }
            fw_str_reset(&field);
            fw_value_print(r, &v, FW_UNIT_NONE, FW_NUMBER_PLAIN, &field);
            put_field(&o->text, fw_str_text(&field));
            o->text.failed |= field.failed;
        }
        fw_str_add(&o->text, "\r\n");
        fw_out_pass(o);
    }
    bool ok = fw_str_ok(&field);
    fw_str_free(&field);
    fw_mem_resize(r->alloc, shown, t->n_columns + 1u, 0);
    return ok ? FW_OK : fw_fail_memory(err);
}

const struct fw_writer fw_writer_csv = {.name = "csv", .can = has_main, .write = write};
