/* A small document in every form. */
#include "report/document.h"
#include "report/writer.h"
#include "unit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

void test_document__text(void **state);
void test_document__markdown(void **state);
void test_document__html(void **state);
void test_document__json(void **state);
void test_document__bad_formula(void **state);

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    (void)t;
    return fw_value_int(row * 10 + column);
}

static const struct fw_column columns[] = {
    {"a", "first", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"b", "second", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
};
static const struct fw_table table = {.key = "numbers",
                                      .title = "Numbers",
                                      .columns = columns,
                                      .n_columns = 2,
                                      .n_rows = 2,
                                      .cell = cell};

static int collect(void *ctx, const char *text, size_t len)
{
    fw_str_addn(ctx, text, len);
    return 0;
}

static struct fw_report *make(void)
{
    struct fw_error err;
    struct fw_report *r = fw_report_new(&fw_alloc_default, "flopwise.test/1");
    assert_non_null(r);
    r->title = "test";
    struct fw_document *d = fw_document_new(r);
    fw_doc_heading(d, 1, "Why %s", "it holds");
    fw_doc_text(d,
                "Layer %s has $n = %s$ weights, and this line is long enough that it must be "
                "broken somewhere.",
                fw_doc_name(d, "/conv_1`$<x>"), fw_doc_int(d, 1234567));
    fw_doc_item(d, "one $x^2$");
    fw_doc_item(d, "two");
    fw_doc_formula(d, "W = a/b; long_name += %s", fw_doc_double(d, 0.5, 3));
    fw_doc_table(d, &table);
    fw_doc_text(d, "end");
    fw_report_add(r, &table);
    assert_int_equal(fw_document_end(d, r, &err), FW_OK);
    return r;
}

static const char *written(const char *format)
{
    static char text[16384];
    struct fw_error err;
    struct fw_str s;
    struct fw_report *r = make();
    struct fw_style style = {.width = 60, .ascii = 1};
    fw_str_init(&s, &fw_alloc_default);
    assert_int_equal(fw_report_write(r, format, &style, collect, &s, &err), FW_OK);
    (void)snprintf(text, sizeof text, "%s", fw_str_text(&s));
    fw_str_free(&s);
    fw_report_free(r);
    return text;
}

void test_document__text(void **state)
{
    (void)state;
    static const char want[] = "test\n====\n\nWhy it holds\n------------\n\n"
                               "Layer /conv_1''<x> has n = 1,234,567 weights, and this line\n"
                               "is long enough that it must be broken somewhere.\n\n"
                               "* one x^2\n* two\n\n"
                               "            W = a/b\n    long_name += 0.5\n\n"
                               "Numbers\nfirst  second\n    0       1\n   10      11\n\nend\n";
    assert_string_equal(written("text"), want);
    assert_string_equal(written("table"), want);
}

void test_document__markdown(void **state)
{
    (void)state;
    assert_string_equal(
        written("md"),
        "# test\n\n## Why it holds\n\nLayer `/conv_1''<x>` has $n = 1{,}234{,}567$ weights, and "
        "this line is long enough that it must be broken somewhere.\n\n* one $x^{2}$\n* two\n\n"
        "$$\n\\begin{aligned}\nW& = \\frac{a}{b} \\\\\n\\mathrm{long}_{\\mathrm{name}}& "
        "\\mathrel{+}= 0.5\n\\end{aligned}\n$$\n\n## Numbers\n\n| first | second |\n|---:|---:|\n"
        "| 0 | 1 |\n| 10 | 11 |\n\nend\n");
}

/* Every element is closed in the order in which they were opened. */
static void check_nesting(const char *html)
{
    char open[64][16];
    int depth = 0;
    for (const char *p = strstr(html, "<body>"); (p = strchr(p, '<')) != NULL; p++) {
        size_t n = strcspn(p + 1, " >");
        const char *end = strchr(p, '>');
        assert_non_null(end);
        if (p[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_memory_equal(p + 2, open[depth], strlen(open[depth]));
        } else if (end[-1] != '/') {
            assert_true(depth < 64 && n < 16);
            (void)snprintf(open[depth++], 16, "%.*s", (int)n, p + 1);
        }
        if (strncmp(p, "</table>", 8) == 0) // the script that follows is no markup
            return;
    }
}

void test_document__html(void **state)
{
    (void)state;
    const char *html = written("html");
    check_nesting(html);
    assert_non_null(strstr(html, "<code>/conv_1&#39;&#39;&#60;x&#62;</code>"));
    assert_non_null(strstr(html, "<ul>\n<li>one <math>"));
    assert_non_null(strstr(html, "<div class=\"formula\"><math display=\"block\">"));
    assert_non_null(strstr(html, "<h2>Numbers</h2>"));
}

void test_document__json(void **state)
{
    (void)state;
    struct fw_report *r = make();
    assert_string_equal(fw_report_text(r, "numbers/1/b"), "11");
    assert_string_equal(fw_report_text(r, "blocks/0/kind"), "heading");
    assert_string_equal(fw_report_text(r, "blocks/4/text"), "W = a/b; long_name += 0.5");
    assert_string_equal(fw_report_text(r, "blocks/5/table"), "numbers");
    fw_report_free(r);
}

void test_document__bad_formula(void **state)
{
    (void)state;
    struct fw_error err;
    struct fw_report *r = fw_report_new(&fw_alloc_default, "flopwise.test/1");
    struct fw_document *d = fw_document_new(r);
    fw_doc_text(d, "a $1 +$ b");
    assert_int_equal(fw_document_end(d, r, &err), FW_FORMAT);
    assert_string_equal(err.message, "no formula: '$ b'");
    fw_report_free(r);
}
