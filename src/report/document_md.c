/* A document as Markdown; formulas between dollar signs, as GitHub, Pandoc and Jupyter read them.
 */
#include "report/document.h"
#include "report/writer.h"

#include <string.h>

static void put_text(const char *text, struct fw_arena *arena, struct fw_str *out)
{
    const char *bad;
    for (struct fw_span s = fw_span_next(&text); s.kind != FW_SPAN_END; s = fw_span_next(&text)) {
        const struct fw_math *m = NULL;
        switch (s.kind) {
        case FW_SPAN_MATH:
            m = fw_math_parse(arena, s.text, s.len, &bad);
            out->failed |= m == NULL;
            fw_str_addc(out, '$');
            if (m != NULL)
                fw_math_latex(m, out);
            fw_str_addc(out, '$');
            break;
        case FW_SPAN_CODE:
            fw_str_addf(out, "`%.*s`", (int)s.len, s.text);
            break;
        default:
            fw_md_text(out, s.text, s.len);
        }
    }
}

static enum fw_status put_block(const struct fw_report *r, const struct fw_block *b,
                                const struct fw_style *style, struct fw_arena *arena,
                                struct fw_out *o, struct fw_error *err)
{
    struct fw_str *out = &o->text;
    switch (b->kind) {
    case FW_BLOCK_HEADING:
        fw_str_add(out, b->level > 1 ? "### " : "## ");
        put_text(b->text, arena, out);
        break;
    case FW_BLOCK_ITEM:
        fw_str_add(out, "* ");
        put_text(b->text, arena, out);
        break;
    case FW_BLOCK_PARAGRAPH:
        put_text(b->text, arena, out);
        break;
    case FW_BLOCK_FORMULA:
        fw_str_add(out, "$$\n");
        fw_math_latex(b->math, out);
        fw_str_add(out, "\n$$");
        break;
    case FW_BLOCK_TABLE:
        return fw_table_md(r, b->table, style, o, err);
    }
    fw_str_addc(out, '\n');
    return FW_OK;
}

enum fw_status fw_document_md(const struct fw_report *r, const struct fw_style *style,
                              struct fw_out *o, struct fw_error *err)
{
    struct fw_arena arena;
    enum fw_status status = FW_OK;
    fw_arena_init(&arena, r->alloc);
    for (const struct fw_block *b = r->document->first; b != NULL && status == FW_OK; b = b->next) {
        bool in_list = b->kind == FW_BLOCK_ITEM && b->level > 0;
        if (!in_list && b->kind != FW_BLOCK_TABLE) // a table brings its own blank line
            fw_str_addc(&o->text, '\n');
        status = put_block(r, b, style, &arena, o, err);
        fw_out_pass(o);
    }
    fw_arena_clear(&arena);
    return status;
}
