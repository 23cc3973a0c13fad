/* Values as text, and every writer on a small report made by hand. */
#include "base/utf8.h"
#include "report/grid.h"
#include "report/writer.h"

#include "unit_table.h"

#include <stdio.h>
#include <string.h>

void test_report__human_numbers(void **state);
void test_report__shortened_text(void **state);
void test_report__lines(void **state);
void test_report__percent(void **state);
void test_report__json(void **state);
void test_report__csv(void **state);
void test_report__table_fits(void **state);
void test_report__many_tables(void **state);
void test_report__unknown_format(void **state);
void test_report__utf8(void **state);

static const char *human(double v, enum fw_unit unit)
{
    static char text[64];
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_human_print(v, unit, &s);
    (void)snprintf(text, sizeof text, "%s", fw_str_text(&s));
    fw_str_free(&s);
    return text;
}

void test_report__human_numbers(void **state)
{
    (void)state;
    assert_string_equal(human(0, FW_UNIT_FLOP), "0");
    assert_string_equal(human(999, FW_UNIT_FLOP), "999");
    assert_string_equal(human(1000, FW_UNIT_FLOP), "1.00 k");
    assert_string_equal(human(9995, FW_UNIT_FLOP), "10.0 k");
    assert_string_equal(human(99949, FW_UNIT_FLOP), "99.9 k");
    assert_string_equal(human(999400, FW_UNIT_FLOP), "999 k");
    assert_string_equal(human(999600, FW_UNIT_FLOP), "1.00 M");
    assert_string_equal(human(4089184256.0, FW_UNIT_FLOP), "4.09 G");
    assert_string_equal(human(-4089184256.0, FW_UNIT_FLOP), "-4.09 G");
    assert_string_equal(human(1e21, FW_UNIT_FLOP), "1e+21");
    assert_string_equal(human(1023, FW_UNIT_BYTES), "1023 B");
    assert_string_equal(human(1024, FW_UNIT_BYTES), "1.00 KiB");
    assert_string_equal(human(1536, FW_UNIT_BYTES), "1.50 KiB");
    assert_string_equal(human(1048575, FW_UNIT_BYTES), "1.00 MiB");
}

static const char *shorten(const char *from, size_t columns, bool middle, bool ascii)
{
    static char text[64];
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_text_shorten(from, columns, middle, ascii, &s);
    (void)snprintf(text, sizeof text, "%s", fw_str_text(&s));
    fw_str_free(&s);
    return text;
}

void test_report__shortened_text(void **state)
{
    (void)state;
    assert_string_equal(shorten("layer1.conv1", 12, true, false), "layer1.conv1");
    assert_string_equal(shorten("layer1.conv1", 11, true, false), "layer\xe2\x80\xa6"
                                                                  "conv1");
    assert_string_equal(shorten("layer1.conv1", 8, true, true), "lay..nv1");
    assert_string_equal(shorten("layer1.conv1", 8, false, true), "layer1..");
    assert_string_equal(shorten("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 3, true, false),
                        "\xc3\xa4\xe2\x80\xa6\xc3\x9f");
    /* ideographs take two columns each: one of them before the mark and one behind, or none */
    static const char numbers[] = "\xe6\x95\xb0\xe6\x95\xb0\xe6\x95\xb0";
    assert_string_equal(shorten(numbers, 6, true, false), numbers);
    assert_string_equal(shorten(numbers, 5, true, false), "\xe6\x95\xb0\xe2\x80\xa6\xe6\x95\xb0");
    assert_string_equal(shorten(numbers, 3, true, false), "\xe2\x80\xa6");
}

void test_report__lines(void **state)
{
    (void)state;
    assert_int_equal(fw_text_line("", 10), 0);
    assert_int_equal(fw_text_line("all of it", 9), 9);
    assert_int_equal(fw_text_line("some words here", 12), strlen("some words "));
    assert_int_equal(fw_text_line("12*batch*seq+34*batch", 18), strlen("12*batch*seq"));
    assert_int_equal(fw_text_line("-12*batch*seq-34*batch", 18), strlen("-12*batch*seq"));
    /* a sum in parentheses is cut only where nothing better is near */
    assert_int_equal(fw_text_line("a*b+kept*(N-1)+c", 13), strlen("a*b"));
    assert_int_equal(fw_text_line("(1234567+1234567)/2", 12), strlen("(1234567"));
    assert_int_equal(fw_text_line("1234567*floor(height/2)", 12), strlen("1234567*"));
    assert_int_equal(fw_text_line("abcdefghijkl", 5), 5);
    assert_int_equal(fw_text_line("\xc3\xa4\xc3\xb6\xc3\xbc", 2), 4); // two characters
}

static const char *percent(double v, enum fw_unit unit, enum fw_number_style style)
{
    static char text[64];
    const struct fw_value value = fw_value_float(v);
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_value_print(NULL, &value, unit, style, &s);
    (void)snprintf(text, sizeof text, "%s", fw_str_text(&s));
    fw_str_free(&s);
    return text;
}

void test_report__percent(void **state)
{
    (void)state;
    assert_string_equal(percent(0.28125, FW_UNIT_SHARE, FW_NUMBER_EXACT), "28.1 %");
    assert_string_equal(percent(12.5, FW_UNIT_SHARE, FW_NUMBER_EXACT), "1250 %");
    assert_string_equal(percent(0.5, FW_UNIT_CHANGE, FW_NUMBER_HUMAN), "+50.0 %");
    assert_string_equal(percent(-0.125, FW_UNIT_CHANGE, FW_NUMBER_EXACT), "-12.5 %");
    assert_string_equal(percent(0, FW_UNIT_CHANGE, FW_NUMBER_EXACT), "0 %");
    assert_string_equal(percent(0.28125, FW_UNIT_SHARE, FW_NUMBER_PLAIN), "0.28125");
}

/* ---- a report by hand ---- */

static const struct fw_column columns[] = {
    {"name", "name", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
    {"a/one", "one", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"a/b/two", "two", "", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"a/b/three", "three", "", FW_UNIT_NONE, 0},
    {"c", "c", "", FW_UNIT_NONE, 0},
    {"seen", "seen", "", FW_UNIT_NONE, FW_VIEW_PEOPLE},
    {"gone", "gone", "", FW_UNIT_NONE, 0},
};

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    (void)t;
    switch (column) {
    case 0:
        return fw_value_text(row ? "a_rather_long_name/of_a_layer/that_stands_deep"
                                 : "q\"u,o\\te\n\x01\xff");
    case 1:
        return fw_value_count(fw_count_int((fw_i128)1000000000 * 1000000000 * 1000000000 + row));
    case 2:
        return fw_value_float(row ? 0.1 : 1.0 / 3);
    case 3:
        return fw_value_bool(row == 1);
    case 4:
        return fw_value_kind(FW_VALUE_NULL);
    case 5:
        return fw_value_text("for people");
    default:
        return fw_value_kind(FW_VALUE_ABSENT);
    }
}

static const struct fw_table table = {.key = "rows",
                                      .title = "Rows",
                                      .columns = columns,
                                      .n_columns = sizeof columns / sizeof *columns,
                                      .n_rows = 2,
                                      .flags = FW_TABLE_MAIN,
                                      .cell = cell};

static int collect(void *ctx, const char *text, size_t len)
{
    fw_str_addn(ctx, text, len);
    return 0;
}

/* What a format makes of the report; to be freed by the caller. */
static struct fw_str written(const char *format, const struct fw_style *style)
{
    struct fw_error err;
    struct fw_str out;
    struct fw_report *r = fw_report_new(&fw_alloc_default, "flopwise.test/1");
    assert_non_null(r);
    fw_report_add(r, &table);
    fw_str_init(&out, &fw_alloc_default);
    assert_int_equal(fw_report_write(r, format, style, collect, &out, &err), FW_OK);
    fw_report_free(r);
    return out;
}

void test_report__json(void **state)
{
    (void)state;
    struct fw_str out = written("json", NULL);
    assert_string_equal(
        fw_str_text(&out),
        "{\n  \"schema\": \"flopwise.test/1\",\n  \"rows\": [\n"
        "    {\"name\": \"q\\\"u,o\\\\te\\n\\u0001\xef\xbf\xbd\", \"a\": {\"one\": "
        "1000000000000000000000000000, \"b\": {\"two\": 0.3333333333333333, \"three\": false}}, "
        "\"c\": null},\n"
        "    {\"name\": \"a_rather_long_name/of_a_layer/that_stands_deep\", \"a\": {\"one\": "
        "1000000000000000000000000001, \"b\": {\"two\": 0.1, \"three\": true}}, \"c\": null}\n"
        "  ]\n}\n");
    fw_str_free(&out);
}

void test_report__csv(void **state)
{
    (void)state;
    struct fw_str out = written("csv", NULL);
    assert_string_equal(fw_str_text(&out),
                        "name,a.one,a.b.two,a.b.three,c,gone\r\n"
                        "\"q\"\"u,o\\te\n??\",1000000000000000000000000000,"
                        "0.33333333333333331,false,,\r\n"
                        "a_rather_long_name/of_a_layer/that_stands_deep,"
                        "1000000000000000000000000001,0.10000000000000001,true,,\r\n");
    fw_str_free(&out);
}

/* However narrow, no line is wider than asked as long as names and rounded numbers have room. */
void test_report__table_fits(void **state)
{
    (void)state;
    for (int width = 40; width < 130; width++) {
        struct fw_style style = {.width = width, .ascii = 1};
        struct fw_str out = written("table", &style);
        for (const char *line = fw_str_text(&out); *line != '\0';) {
            const char *end = strchr(line, '\n');
            assert_non_null(end);
            assert_true(end - line <= width);
            line = end + 1;
        }
        fw_str_free(&out);
    }
}

/* However many tables there are, all of them are written. */
void test_report__many_tables(void **state)
{
    enum { MANY = 5 * FW_REPORT_FEW };
    (void)state;
    struct fw_error err;
    struct fw_str out;
    unsigned found = 0;
    struct fw_report *r = fw_report_new(&fw_alloc_default, "flopwise.test/1");
    assert_non_null(r);
    for (unsigned i = 0; i < MANY; i++)
        fw_report_add(r, &table);
    fw_str_init(&out, &fw_alloc_default);
    assert_int_equal(fw_report_write(r, "table", NULL, collect, &out, &err), FW_OK);
    for (const char *p = fw_str_text(&out); (p = strstr(p, "a_rather_long_name")) != NULL; p++)
        found++;
    assert_int_equal(found, MANY);
    fw_str_free(&out);
    fw_report_free(r);
}

void test_report__unknown_format(void **state)
{
    (void)state;
    struct fw_error err;
    struct fw_report *r = fw_report_new(&fw_alloc_default, "flopwise.test/1");
    fw_report_add(r, &table);
    assert_int_equal(fw_report_write(r, "yaml", NULL, collect, NULL, &err), FW_USAGE);
    assert_non_null(strstr(err.message, "table, json, csv, md, html"));
    fw_report_free(r);
}

void test_report__utf8(void **state)
{
    (void)state;
    assert_int_equal(fw_utf8_length("a"), 1);
    assert_int_equal(fw_utf8_length("\xc3\xa4"), 2);
    assert_int_equal(fw_utf8_length("\xe2\x82\xac"), 3);
    assert_int_equal(fw_utf8_length("\xf0\x9f\x98\x80"), 4);
    assert_int_equal(fw_utf8_length("\xc0\x80"), 0);         // overlong
    assert_int_equal(fw_utf8_length("\xe0\x80\x80"), 0);     // overlong
    assert_int_equal(fw_utf8_length("\xed\xa0\x80"), 0);     // surrogate
    assert_int_equal(fw_utf8_length("\xf4\x90\x80\x80"), 0); // beyond U+10FFFF
    assert_int_equal(fw_utf8_length("\xc3"), 0);             // cut off
    assert_int_equal(fw_utf8_length("\x80"), 0);
}
