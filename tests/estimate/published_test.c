/* Estimates against what papers, model cards and regulators print (tests/estimate/published.tsv).
 */
#include "base/csv.h"
#include "base/file.h"
#include "base/real.h"

#include "unit_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void test_published__estimates(void **state);

enum { MAX_SETTINGS = 12, MAX_TEXT = 400 };

/* "params=7e9 tokens=1e12" with TOP replaced. */
static size_t split(char *text, struct fw_setting list[MAX_SETTINGS], char paths[MAX_TEXT])
{
    size_t n = 0;
    for (char *p = text; *p != '\0' && n < MAX_SETTINGS; n++) {
        char *equals = strchr(p, '=');
        char *end = p + strcspn(p, " ");
        assert_non_null(equals);
        char *next = *end == '\0' ? end : end + 1;
        *equals = '\0';
        *end = '\0';
        list[n] = (struct fw_setting){p, equals + 1};
        if (strncmp(equals + 1, "TOP/", 4) == 0) {
            (void)snprintf(paths, MAX_TEXT, "%s/%s", FW_TOP, equals + 5);
            list[n].value = paths;
        }
        p = next;
    }
    return n;
}

static double ask(const char *settings, const char *path)
{
    char text[MAX_TEXT], paths[MAX_TEXT];
    struct fw_setting list[MAX_SETTINGS];
    struct fw_report *report;
    struct fw_error err;
    size_t len;
    (void)snprintf(text, sizeof text, "%s", settings);
    struct fw_run_request request = {
        .settings = list, .n_settings = split(text, list, paths), .options = fw_options_default()};
    if (fw_estimate_report(&report, &request, &err) != FW_OK)
        fail_msg("%s: %s", settings, err.message);
    const char *value = fw_report_text(report, path);
    double v = value != NULL ? fw_real_parse(value, &len) : (double)NAN;
    fw_report_free(report);
    return v;
}

void test_published__estimates(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_file file;
    struct fw_csv csv;
    struct fw_error err;
    size_t len;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(
        fw_file_open(&file, FW_TOP "/tests/estimate/published.tsv", 0, &fw_alloc_default, &err),
        FW_OK);
    assert_int_equal(fw_csv_parse(&arena, file.data, file.size, '\t', &csv, &err), FW_OK);
    assert_true(csv.n_rows >= 40);
    unsigned wrong = 0;
    for (uint32_t i = 0; i < csv.n_rows; i++) {
        double expected =
            fw_real_parse(fw_csv_cell(&csv, i, fw_csv_column(&csv, "expected")), &len);
        double tolerance =
            fw_real_parse(fw_csv_cell(&csv, i, fw_csv_column(&csv, "tolerance")), &len);
        double v = ask(fw_csv_cell(&csv, i, fw_csv_column(&csv, "settings")),
                       fw_csv_cell(&csv, i, fw_csv_column(&csv, "path")));
        if (fabs(v / expected - 1) <= tolerance)
            continue;
        print_message("%s: %g, expected %g\n", csv.cells[(size_t)i * csv.n_columns], v, expected);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    fw_file_close(&file);
    fw_arena_clear(&arena);
}
