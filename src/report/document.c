/* Putting a document together. */
#include "report/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct fw_document *fw_document_new(struct fw_report *r)
{
    struct fw_document *d = fw_arena_zalloc(&r->arena, sizeof *d);
    if (d != NULL)
        d->arena = &r->arena;
    r->document = d;
    return d;
}

static char *format(struct fw_document *d, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = n < 0 ? NULL : fw_arena_alloc(d->arena, (size_t)n + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)n + 1, fmt, args);
    return text;
}

static void check_math(struct fw_document *d, const char *text, size_t len,
                       const struct fw_math **ret)
{
    const char *bad;
    *ret = fw_math_parse(d->arena, text, len, &bad);
    if (*ret == NULL && bad != NULL && d->bad == NULL)
        d->bad = bad;
    d->no_memory |= *ret == NULL && bad == NULL;
}

static struct fw_block *add(struct fw_document *d, enum fw_block_kind kind, const char *text)
{
    struct fw_block *b = text != NULL ? fw_arena_zalloc(d->arena, sizeof *b) : NULL;
    if (b == NULL) {
        d->no_memory = true;
        return NULL;
    }
    b->kind = kind;
    b->text = text;
    b->level = kind == FW_BLOCK_ITEM && d->last != NULL && d->last->kind == FW_BLOCK_ITEM;
    if (d->last != NULL)
        d->last->next = b;
    else
        d->first = b;
    d->last = b;
    d->n_blocks++;
    return b;
}

static struct fw_block *add_text(struct fw_document *d, enum fw_block_kind kind, const char *fmt,
                                 va_list args)
{
    struct fw_block *b = add(d, kind, format(d, fmt, args));
    const char *at = b != NULL ? b->text : "";
    const struct fw_math *ignored;
    for (struct fw_span s = fw_span_next(&at); s.kind != FW_SPAN_END; s = fw_span_next(&at))
        if (s.kind == FW_SPAN_MATH)
            check_math(d, s.text, s.len, &ignored);
    return b;
}

void fw_doc_heading(struct fw_document *d, unsigned level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct fw_block *b = add_text(d, FW_BLOCK_HEADING, fmt, args);
    va_end(args);
    if (b != NULL)
        b->level = level;
}

void fw_doc_text(struct fw_document *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)add_text(d, FW_BLOCK_PARAGRAPH, fmt, args);
    va_end(args);
}

void fw_doc_item(struct fw_document *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)add_text(d, FW_BLOCK_ITEM, fmt, args);
    va_end(args);
}

void fw_doc_formula(struct fw_document *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct fw_block *b = add(d, FW_BLOCK_FORMULA, format(d, fmt, args));
    va_end(args);
    if (b != NULL)
        check_math(d, b->text, strlen(b->text), &b->math);
}

void fw_doc_table(struct fw_document *d, const struct fw_table *t)
{
    struct fw_block *b = add(d, FW_BLOCK_TABLE, "");
    if (b != NULL)
        b->table = t;
}

/* ---- arguments ---- */

const char *fw_doc_name(struct fw_document *d, const char *name)
{
    char *text = fw_arena_printf(d->arena, "`%s`", name != NULL ? name : "");
    if (text == NULL) {
        d->no_memory = true;
        return "?";
    }
    for (char *p = text + 1; p[0] != '\0' && p[1] != '\0'; p++)
        if (*p == '`' || *p == '$' || (unsigned char)*p < 0x20)
            *p = '\'';
    return text;
}

/* The text of s, which is freed, in the arena. */
static const char *keep(struct fw_document *d, struct fw_str *s)
{
    const char *text = fw_str_ok(s) ? fw_arena_strndup(d->arena, fw_str_text(s), s->len) : NULL;
    fw_str_free(s);
    d->no_memory |= text == NULL;
    return text != NULL ? text : "?";
}

const char *fw_doc_count(struct fw_document *d, const struct fw_report *r, fw_count v)
{
    struct fw_str s;
    struct fw_value value = fw_value_count(v);
    fw_str_init(&s, d->arena->alloc);
    fw_value_print(r, &value, FW_UNIT_COUNT, FW_NUMBER_EXACT, &s);
    return keep(d, &s);
}

const char *fw_doc_int(struct fw_document *d, int64_t v)
{
    struct fw_str s;
    fw_str_init(&s, d->arena->alloc);
    fw_str_add_i64(&s, v, ',');
    return keep(d, &s);
}

const char *fw_doc_double(struct fw_document *d, double v, int significant)
{
    struct fw_str s;
    fw_str_init(&s, d->arena->alloc);
    fw_str_add_double(&s, v, significant);
    return keep(d, &s);
}

/* ---- pieces of a text ---- */

struct fw_span fw_span_next(const char **at)
{
    const char *p = *at;
    struct fw_span span = {FW_SPAN_END, p, 0};
    if (*p == '\0')
        return span;
    const char *end = *p == '$' || *p == '`' ? strchr(p + 1, *p) : NULL;
    if (end != NULL) {
        span =
            (struct fw_span){*p == '$' ? FW_SPAN_MATH : FW_SPAN_CODE, p + 1, (size_t)(end - p) - 1};
        *at = end + 1;
        return span;
    }
    span.kind = FW_SPAN_PLAIN;
    span.len = 1 + strcspn(p + 1, "$`");
    *at = p + span.len;
    return span;
}

/* ---- JSON ---- */

static const struct fw_column columns[] = {
    {"kind", "kind", "heading, paragraph, item, formula or table", FW_UNIT_NONE, 0},
    {"text", "text", "as written: $formulas$ in plain text, `names`", FW_UNIT_NONE, 0},
    {"latex", "LaTeX", "of a formula", FW_UNIT_NONE, 0},
    {"table", "table", "key of the table that stands here", FW_UNIT_NONE, 0},
};

static const char *latex_of(struct fw_document *d, const struct fw_math *math)
{
    struct fw_str s;
    fw_str_init(&s, d->arena->alloc);
    fw_math_latex(math, &s);
    return keep(d, &s);
}

static enum fw_status add_blocks(struct fw_document *d, struct fw_report *r, struct fw_error *err)
{
    static const struct fw_table head = {.key = "blocks", .flags = FW_TABLE_JSON_ONLY};
    static const char *const kinds[] = {"heading", "paragraph", "item", "formula", "table"};
    enum { N = sizeof columns / sizeof *columns };
    struct fw_value *values = fw_arena_array(d->arena, (size_t)d->n_blocks * N + 1, sizeof *values);
    struct fw_value *v = values;
    for (const struct fw_block *k = d->first; k != NULL && v != NULL; k = k->next, v += N) {
        v[0] = fw_value_text(kinds[k->kind]);
        v[1] = fw_value_text(k->kind == FW_BLOCK_TABLE ? k->table->title : k->text);
        v[2] = fw_value_text(k->math != NULL ? latex_of(d, k->math) : NULL);
        v[3] = fw_value_text(k->table != NULL ? k->table->key : NULL);
    }
    const struct fw_table *t =
        values != NULL ? fw_rows_new(r, &head, columns, N, values, d->n_blocks) : NULL;
    if (t == NULL || d->no_memory)
        return fw_fail_memory(err);
    fw_report_add(r, t);
    return FW_OK;
}

enum fw_status fw_document_end(struct fw_document *d, struct fw_report *r, struct fw_error *err)
{
    if (d->no_memory || r->no_memory)
        return fw_fail_memory(err);
    FW_REQUIRE(d->bad == NULL, err, FW_FORMAT, "no formula: '%.60s'", d->bad);
    return add_blocks(d, r, err);
}
