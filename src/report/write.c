/* From a format's name to its writer, and what writers share. */
#include "base/limits.h"
#include "base/utf8.h"
#include "report/writer.h"

#include <string.h>

static const struct fw_writer *const writers[] = {
#define FW_WRITER(name) &fw_writer_##name,
#include "report/writers.def"
#undef FW_WRITER
};

enum { N_WRITERS = sizeof writers / sizeof *writers, PASS_BYTES = 1 << 16 };

bool fw_report_has_any(const struct fw_report *r)
{
    return r->n_tables > 0;
}

const struct fw_table *fw_report_main(const struct fw_report *r)
{
    for (unsigned i = 0; i < r->n_tables; i++)
        if (r->tables[i]->flags & FW_TABLE_MAIN)
            return r->tables[i];
    return NULL;
}

/* Bytes at p that go out as they are: what can be shown, tabulators, ends of lines, and where
 * colour was asked for the two sequences of the writers, which harm nobody who puts them into a
 * name. */
static unsigned is_plain(const char *p, bool color)
{
    if (*p == '\n' || *p == '\t' || (*p == '\r' && p[1] == '\n'))
        return 1;
    if (*p == '\033' && color)
        return strncmp(p + 1, "[0m", 3) == 0 || strncmp(p + 1, "[1m", 3) == 0 ? 4 : 0;
    return fw_utf8_shown(p);
}

/* Every format leaves through here, with names that somebody wrote: nothing in them may speak to
 * the terminal. JSON has escaped them before. */
static void make_plain(struct fw_out *out)
{
    for (size_t i = 0; i < out->text.len;) {
        i += fw_utf8_ascii(out->text.data + i, out->text.len - i);
        if (i == out->text.len)
            return;
        unsigned n = is_plain(out->text.data + i, out->color);
        if (n == 0)
            out->text.data[i] = '?';
        i += n == 0 ? 1 : n;
    }
}

static void hand_over(struct fw_out *out)
{
    if (out->text.len > 0)
        make_plain(out);
    if (!out->stopped && out->text.len > 0)
        out->stopped = out->sink(out->sink_ctx, out->text.data, out->text.len) != 0;
    fw_str_reset(&out->text);
}

const struct fw_math *fw_cell_formula(const struct fw_column *column, const struct fw_value *v,
                                      struct fw_arena *arena)
{
    const char *bad;
    if (column->unit != FW_UNIT_FORMULA || v->kind != FW_VALUE_TEXT || v->text == NULL)
        return NULL;
    return v->text[0] != '\0' ? fw_math_parse(arena, v->text, strlen(v->text), &bad) : NULL;
}

void fw_out_pass(struct fw_out *out)
{
    if (out->text.len >= PASS_BYTES && !out->text.failed)
        hand_over(out);
}

static char *format_list(const struct fw_report *r, struct fw_arena *arena)
{
    char *list = fw_arena_strndup(arena, "", 0);
    for (unsigned i = 0; i < N_WRITERS && list != NULL; i++)
        if (writers[i]->can(r))
            list = fw_arena_printf(arena, "%s%s%s", list, *list ? ", " : "", writers[i]->name);
    return list;
}

const char *fw_report_formats(struct fw_report *report)
{
    if (report->formats == NULL)
        report->formats = format_list(report, &report->arena);
    return report->formats != NULL ? report->formats : "";
}

const char *fw_format_name(size_t i)
{
    return i < N_WRITERS ? writers[i]->name : NULL;
}

static enum fw_status write_with(const struct fw_writer *w, const struct fw_report *r,
                                 const struct fw_style *style, struct fw_out *out,
                                 struct fw_error *err)
{
    static const struct fw_style plain;
    enum fw_status status = w->write(r, style != NULL ? style : &plain, out, err);
    if (status == FW_OK && (out->text.failed || r->no_memory))
        status = fw_fail_memory(err);
    // a formula worked out on the way that found no memory reads "overflow"
    if (status == FW_OK && r->sym != NULL && fw_symbols_fault(r->sym) == FW_MEMORY)
        status = fw_fail_memory(err);
    if (status == FW_OK)
        hand_over(out);
    FW_REQUIRE(status != FW_OK || !out->stopped, err, FW_IO, "the output could not be written");
    return status;
}

enum fw_status fw_report_write(struct fw_report *report, const char *format,
                               const struct fw_style *style, fw_sink *sink, void *ctx,
                               struct fw_error *err)
{
    for (unsigned i = 0; i < N_WRITERS; i++) {
        if (strcmp(writers[i]->name, format) != 0 || !writers[i]->can(report))
            continue;
        for (unsigned k = 0; k < report->n_tables; k++)
            FW_WITHIN(report->alloc, FW_MOST_rows, report->tables[k]->n_rows, -1, err);
        bool color = style != NULL && style->color != 0;
        struct fw_out out = {.sink = sink, .sink_ctx = ctx, .color = color};
        fw_str_init(&out.text, report->alloc);
        enum fw_status status = write_with(writers[i], report, style, &out, err);
        fw_str_free(&out.text);
        return status;
    }
    return fw_fail(err, FW_USAGE, -1, "format '%s' is not among those of this report: %s", format,
                   fw_report_formats(report));
}

/* ---- text ---- */

/* Adds the character at p, or U+FFFD for one byte that is none or that is not shown; gives its
 * length. */
static unsigned add_shown(struct fw_str *out, const char *p)
{
    unsigned n = fw_utf8_shown(p);
    if (n == 0)
        fw_str_add(out, "\xef\xbf\xbd");
    else
        fw_str_addn(out, p, n);
    return n == 0 ? 1 : n;
}

/* The code of a character of one to three bytes. */
static unsigned code_of(const char *p, unsigned n)
{
    unsigned code = (unsigned char)p[0] & (n == 1 ? 0x7fu : n == 2 ? 0x1fu : 0xfu);
    for (unsigned i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)p[i] & 0x3fu);
    return code;
}

/* JSON can say what is not shown. */
static unsigned add_json(struct fw_str *out, const char *p)
{
    unsigned n = fw_utf8_length(p);
    if (n == 0 || fw_utf8_shown(p) > 0)
        return add_shown(out, p);
    fw_str_addf(out, "\\u%04x", code_of(p, n));
    return n;
}

void fw_json_string(struct fw_str *out, const char *text)
{
    static const char escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    fw_str_addc(out, '"');
    for (const char *p = text; *p != '\0';) {
        unsigned char c = (unsigned char)*p;
        const char *e = escapes;
        while (*e != '\0' && *e != *p)
            e += 2;
        if (*e != '\0')
            fw_str_addf(out, "\\%c", e[1]);
        else if (c >= 0x20 && c < 0x7f)
            fw_str_addc(out, *p);
        else
            p += add_json(out, p) - 1;
        p++;
    }
    fw_str_addc(out, '"');
}

void fw_xml_text(struct fw_str *out, const char *text)
{
    for (const char *p = text; *p != '\0';) {
        unsigned char c = (unsigned char)*p;
        if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
            fw_str_addf(out, "&#%d;", c);
        else if ((c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n')
            fw_str_addc(out, *p);
        else
            p += add_shown(out, p) - 1;
        p++;
    }
}

bool fw_column_is_number(const struct fw_table *t, uint32_t column)
{
    enum fw_unit unit = t->columns[column].unit;
    if ((unit != FW_UNIT_NONE && unit != FW_UNIT_FORMULA) || t->n_rows == 0)
        return unit != FW_UNIT_NONE && unit != FW_UNIT_FORMULA;
    struct fw_value v = t->cell(t, 0, column);
    return fw_value_is_number(&v);
}
