/* Messages: formatting, prefixes, bytes that do not belong into a line. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

void test_err__fail_formats(void **state)
{
    (void)state;
    struct fw_error err;
    assert_int_equal(fw_fail(&err, FW_FORMAT, 42, "wanted %d, found %s", 7, "x"), FW_FORMAT);
    assert_int_equal(err.code, FW_FORMAT);
    assert_int_equal(err.at, 42);
    assert_string_equal(err.message, "wanted 7, found x");
    assert_int_equal(fw_fail(NULL, FW_IO, -1, "nobody reads this"), FW_IO);
    assert_int_equal(fw_fail_memory(&err), FW_MEMORY);
    assert_string_equal(err.message, "out of memory");
    assert_int_equal(err.at, -1);
}

void test_err__prefix(void **state)
{
    (void)state;
    struct fw_error err;
    (void)fw_fail(&err, FW_SHAPE, 3, "rank 2");
    fw_error_prefix(&err, "node '%s': ", "conv1");
    assert_string_equal(err.message, "node 'conv1': rank 2");
    assert_int_equal(err.code, FW_SHAPE);
    assert_int_equal(err.at, 3);
    fw_error_prefix(NULL, "nothing");
    char longer[600];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    fw_error_prefix(&err, "%s", longer);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

void test_err__one_clean_line(void **state)
{
    (void)state;
    struct fw_error err;
    (void)fw_fail(&err, FW_FORMAT, 0, "%s",
                  "a\nb\x1b[1m\xff \xc3\xa9 \xe2\x82\xac \xed\xa0\x80 \xc0\x80 \x7f");
    assert_string_equal(err.message, "a?b?[1m? \xc3\xa9 \xe2\x82\xac ??? ?? ?");
    char text[600]; // the cut falls inside a two-byte character, which goes
    memset(text, 'a', 510);
    memcpy(text + 510, "\xc3\xa9\xc3\xa9", 5);
    (void)fw_fail(&err, FW_FORMAT, 0, "%s", text);
    assert_int_equal(strlen(err.message), 510);
    assert_int_equal(err.message[509], 'a');
}

void test_err__status_table(void **state)
{
    (void)state;
    assert_string_equal(fw_status_text(FW_FORMAT), "malformed file");
    assert_string_equal(fw_status_name(FW_FORMAT), "FORMAT");
    assert_string_equal(fw_status_name(FW_COUNTER), "COUNTER");
    assert_string_equal(fw_status_name((enum fw_status)99), "UNKNOWN");
    assert_string_equal(fw_status_text((enum fw_status)99), "unknown status");
}

static enum fw_status require_even(int v, struct fw_error *err)
{
    FW_REQUIRE(v % 2 == 0, err, FW_USAGE, "%d is odd", v);
    return FW_OK;
}

static enum fw_status try_both(int a, int b, struct fw_error *err)
{
    FW_TRY(require_even(a, err));
    FW_TRY(require_even(b, err));
    return FW_OK;
}

void test_err__first_cause_wins(void **state)
{
    (void)state;
    struct fw_error err;
    assert_int_equal(try_both(2, 4, &err), FW_OK);
    assert_int_equal(try_both(3, 5, &err), FW_USAGE);
    assert_string_equal(err.message, "3 is odd");
}
