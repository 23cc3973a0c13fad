/* Tables as text. */
#include "base/csv.h"

#include "unit_table.h"

#include <string.h>

void test_csv__quoted(void **state);
void test_csv__tabs(void **state);
void test_csv__malformed(void **state);

static enum fw_status parse(struct fw_arena *arena, const char *text, char separator,
                            struct fw_csv *ret, struct fw_error *err)
{
    fw_arena_init(arena, &fw_alloc_default);
    return fw_csv_parse(arena, text, strlen(text), separator, ret, err);
}

void test_csv__quoted(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_csv csv;
    struct fw_error err;
    assert_int_equal(
        parse(&arena, "\xef\xbb\xbfname,note\r\na,\"line 1\nline \"\"2\"\", end\"\r\n,\n\"\",z",
              ',', &csv, &err),
        FW_OK);
    assert_int_equal(csv.n_columns, 2);
    assert_int_equal(csv.n_rows, 3);
    assert_int_equal(fw_csv_column(&csv, "note"), 1);
    assert_int_equal(fw_csv_column(&csv, "no"), FW_CSV_NONE);
    assert_string_equal(csv.name[0], "name");
    assert_string_equal(fw_csv_cell(&csv, 0, 1), "line 1\nline \"2\", end");
    assert_string_equal(fw_csv_cell(&csv, 1, 0), "");
    assert_string_equal(fw_csv_cell(&csv, 1, 1), "");
    assert_string_equal(fw_csv_cell(&csv, 2, 0), "");
    assert_string_equal(fw_csv_cell(&csv, 2, 1), "z");
    assert_string_equal(fw_csv_cell(&csv, 2, FW_CSV_NONE), "");
    fw_arena_clear(&arena);
}

void test_csv__tabs(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_csv csv;
    struct fw_error err;
    assert_int_equal(parse(&arena, "# a remark\nx\ty\n1\t\"2\n# more\n3\t\n", '\t', &csv, &err),
                     FW_OK);
    assert_int_equal(csv.n_rows, 2);
    assert_string_equal(fw_csv_cell(&csv, 0, 1), "\"2");
    assert_string_equal(fw_csv_cell(&csv, 1, 0), "3");
    fw_arena_clear(&arena);
}

void test_csv__malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
        int64_t at;
    } cases[] = {
        {"", "the table has no rows", 0},
        {"a,b\n1\n", "row 2 has 1 cells, the first has 2", 4},
        {"a,b\n1,2,3\n", "row 2 has 3 cells, the first has 2", 4},
        {"a,b\n1,\"2\n", "row 2, column 2: the quote is never closed", 6},
        {"a,b\n\"1\"x,2\n", "row 2, column 1: text behind a closing quote", 7},
        {"a,b\nx\"y,2\n", "row 2, column 1: a quote inside a cell that does not start with one", 5},
        {"a,b\n1,\xff\n", "row 2, column 2: malformed UTF-8", 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_arena arena;
        struct fw_csv csv;
        struct fw_error err;
        assert_int_equal(parse(&arena, cases[i].text, ',', &csv, &err), FW_FORMAT);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.at, cases[i].at);
        fw_arena_clear(&arena);
    }
}
