/* A document on the terminal, and as plain text. */
#include "report/document.h"
#include "report/grid.h"
#include "report/writer.h"

#include <string.h>

enum { COMFORT = 80, NARROW = 40, FORMULA_INDENT = 4, ITEM_INDENT = 2 };

struct page {
    const struct fw_report *r;
    const struct fw_style *style;
    struct fw_out *o;
    struct fw_arena arena; // formulas of texts, read again
    struct fw_str text, aligned;
    size_t width;
};

static void put_math(struct page *p, const char *text, size_t len)
{
    const char *bad;
    const struct fw_math *m = fw_math_parse(&p->arena, text, len, &bad);
    if (m != NULL)
        fw_math_text(m, p->style->ascii != 0, &p->text);
    else
        p->text.failed = true;
}

/* The text without its marks, into p->text. */
static void flatten(struct page *p, const char *text)
{
    fw_str_reset(&p->text);
    for (struct fw_span s = fw_span_next(&text); s.kind != FW_SPAN_END; s = fw_span_next(&text))
        if (s.kind == FW_SPAN_MATH)
            put_math(p, s.text, s.len);
        else
            fw_str_addn(&p->text, s.text, s.len);
}

static void put_heading(struct page *p, const char *text, unsigned level)
{
    struct fw_str *out = &p->o->text;
    flatten(p, text);
    fw_str_add(out, p->style->color ? "\033[1m" : "");
    fw_str_add(out, fw_str_text(&p->text));
    fw_str_add(out, p->style->color ? "\033[0m\n" : "\n");
    if (level > 1 || p->style->color)
        return;
    for (size_t n = fw_text_columns(fw_str_text(&p->text), p->text.len); n > 0; n--)
        fw_str_addc(out, level == 0 ? '=' : '-');
    fw_str_addc(out, '\n');
}

static void put_text(struct page *p, const char *text, size_t indent, const char *mark)
{
    flatten(p, text);
    fw_str_add(&p->o->text, mark);
    fw_text_wrap(fw_str_text(&p->text), p->width - indent, indent, &p->o->text);
    fw_str_addc(&p->o->text, '\n');
}

/* Columns up to the first relation of a line: 0 when it starts with one or has none. */
static size_t left_columns(const char *line, size_t len)
{
    static const char *const signs[] = {
        " = ",  " += ",           " -= ", " -> ",           " \xe2\x86\x92 ",
        " ~= ", " \xe2\x89\x88 ", " <= ", " \xe2\x89\xa4 ", " ~ "};
    for (size_t i = 0; i < len; i++)
        for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
            if (strncmp(line + i, signs[k], strlen(signs[k])) == 0)
                return fw_text_columns(line, i);
    return 0;
}

/* Lines of a formula below each other, relations in one column where the left sides are short. */
static void put_formula(struct page *p, const struct fw_block *b)
{
    struct fw_str *out = &p->o->text;
    size_t left = 0, most = p->width / 3;
    fw_str_reset(&p->text);
    fw_math_text(b->math, p->style->ascii != 0, &p->text);
    for (const char *line = fw_str_text(&p->text); *line != '\0';) {
        size_t n = left_columns(line, strcspn(line, "\n"));
        left = n > left && n < most ? n : left;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    for (const char *line = fw_str_text(&p->text); *line != '\0';) {
        size_t len = strcspn(line, "\n"), own = left_columns(line, len);
        size_t pad = left > own && (own > 0 || line[0] == ' ') ? left - own : 0;
        size_t hang = FORMULA_INDENT + left + 3;
        fw_str_reset(&p->aligned);
        fw_str_addf(&p->aligned, "%*s", (int)pad, "");
        fw_str_addn(&p->aligned, line, len);
        fw_str_addf(out, "%*s", FORMULA_INDENT, "");
        fw_text_wrap(fw_str_text(&p->aligned), p->width - hang, hang, out);
        fw_str_addc(out, '\n');
        line += len + (line[len] == '\n');
    }
}

static enum fw_status put_block(struct page *p, const struct fw_block *b, struct fw_error *err)
{
    switch (b->kind) {
    case FW_BLOCK_HEADING:
        put_heading(p, b->text, b->level);
        break;
    case FW_BLOCK_PARAGRAPH:
        put_text(p, b->text, 0, "");
        break;
    case FW_BLOCK_ITEM:
        put_text(p, b->text, ITEM_INDENT, "* ");
        break;
    case FW_BLOCK_FORMULA:
        put_formula(p, b);
        break;
    case FW_BLOCK_TABLE:
        return fw_table_text(p->r, b->table, p->style, p->o, err);
    }
    return FW_OK;
}

enum fw_status fw_document_text(const struct fw_report *r, const struct fw_style *style,
                                struct fw_out *o, struct fw_error *err)
{
    size_t width = style->width > 0 && style->width < COMFORT ? (size_t)style->width : COMFORT;
    struct page p = {.r = r, .style = style, .o = o, .width = width < NARROW ? NARROW : width};
    enum fw_status status = FW_OK;
    fw_arena_init(&p.arena, r->alloc);
    fw_str_init(&p.text, r->alloc);
    fw_str_init(&p.aligned, r->alloc);
    put_heading(&p, r->title, 0);
    for (const struct fw_block *b = r->document->first; b != NULL && status == FW_OK; b = b->next) {
        bool in_list = b->kind == FW_BLOCK_ITEM && b->level > 0;
        bool spaced = b->kind == FW_BLOCK_TABLE && b->table->title != NULL; // brings its own blank
        if (!in_list && !spaced)
            fw_str_addc(&o->text, '\n');
        status = put_block(&p, b, err);
        fw_out_pass(o);
    }
    if (status == FW_OK && !(fw_str_ok(&p.text) && fw_str_ok(&p.aligned)))
        status = fw_fail_memory(err);
    fw_arena_clear(&p.arena);
    fw_str_free(&p.text);
    fw_str_free(&p.aligned);
    return status;
}
