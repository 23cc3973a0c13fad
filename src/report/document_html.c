/* A document as HTML; formulas as MathML, which browsers show without any script. */
#include "report/document.h"
#include "report/writer.h"

#include <string.h>

static void put_plain(struct fw_str *out, struct fw_arena *arena, const char *text, size_t len)
{
    const char *copy = fw_arena_strndup(arena, text, len);
    if (copy != NULL)
        fw_xml_text(out, copy);
    out->failed |= copy == NULL;
}

static void put_text(const char *text, struct fw_arena *arena, struct fw_str *out)
{
    const char *bad;
    for (struct fw_span s = fw_span_next(&text); s.kind != FW_SPAN_END; s = fw_span_next(&text)) {
        const struct fw_math *m = NULL;
        switch (s.kind) {
        case FW_SPAN_MATH:
            m = fw_math_parse(arena, s.text, s.len, &bad);
            out->failed |= m == NULL;
            if (m != NULL)
                fw_math_mathml(m, false, out);
            break;
        case FW_SPAN_CODE:
            fw_str_add(out, "<code>");
            put_plain(out, arena, s.text, s.len);
            fw_str_add(out, "</code>");
            break;
        default:
            put_plain(out, arena, s.text, s.len);
        }
    }
}

static enum fw_status put_block(const struct fw_report *r, const struct fw_block *b,
                                struct fw_arena *arena, struct fw_out *o, struct fw_error *err)
{
    static const char *const open[] = {"<h2>", "<p>", "<li>", "<div class=\"formula\">", ""};
    static const char *const close[] = {"</h2>\n", "</p>\n", "</li>\n", "</div>\n", ""};
    struct fw_str *out = &o->text;
    bool sub = b->kind == FW_BLOCK_HEADING && b->level > 1;
    if (b->kind == FW_BLOCK_TABLE)
        return fw_table_html(r, b->table, o, err);
    fw_str_add(out, sub ? "<h3>" : open[b->kind]);
    if (b->kind == FW_BLOCK_FORMULA)
        fw_math_mathml(b->math, true, out);
    else
        put_text(b->text, arena, out);
    fw_str_add(out, sub ? "</h3>\n" : close[b->kind]);
    return FW_OK;
}

enum fw_status fw_document_html(const struct fw_report *r, struct fw_out *o, struct fw_error *err)
{
    struct fw_arena arena;
    enum fw_status status = FW_OK;
    fw_arena_init(&arena, r->alloc);
    for (const struct fw_block *b = r->document->first; b != NULL && status == FW_OK; b = b->next) {
        bool item = b->kind == FW_BLOCK_ITEM;
        fw_str_add(&o->text, item && b->level == 0 ? "<ul>\n" : "");
        status = put_block(r, b, &arena, o, err);
        bool last = b->next == NULL || b->next->kind != FW_BLOCK_ITEM;
        fw_str_add(&o->text, item && last ? "</ul>\n" : "");
        fw_out_pass(o);
    }
    fw_arena_clear(&arena);
    return status;
}
