/* Sweeps: lists, ranges, and what is none. */
#include "study/sweep.h"

#include "base/str.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void want(const char *text, const char *name, const char *values)
{
    struct fw_arena arena;
    struct fw_error err;
    struct fw_sweep sweep;
    struct fw_str found;
    fw_arena_init(&arena, &fw_alloc_default);
    fw_str_init(&found, &fw_alloc_default);
    if (fw_sweep_parse(&sweep, text, &arena, &err) != FW_OK)
        fail_msg("%s", err.message);
    for (uint32_t i = 0; i < sweep.n; i++)
        fw_str_addf(&found, "%s%" PRId64, i ? " " : "", sweep.values[i]);
    assert_string_equal(sweep.name, name);
    assert_string_equal(fw_str_text(&found), values);
    fw_str_free(&found);
    fw_arena_clear(&arena);
}

static void want_error(const char *text, enum fw_status code, const char *part)
{
    struct fw_arena arena;
    struct fw_error err;
    struct fw_sweep sweep;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_sweep_parse(&sweep, text, &arena, &err), code);
    assert_non_null(strstr(err.message, part));
    fw_arena_clear(&arena);
}

void test_sweep__values(void **state)
{
    (void)state;
    want("batch=1", "batch", "1");
    want("batch=1,2,4..32", "batch", "1 2 4 8 16 32");
    want("n=0,1,2,5,10", "n", "0 1 2 5 10");
    want("seq=3..20,7", "seq", "3 6 12 20 7");
    want("n=0..5", "n", "0 1 2 4 5");
    want("n=9223372036854775807..9223372036854775807", "n", "9223372036854775807");
    want("n=4611686018427387904..9223372036854775807", "n",
         "4611686018427387904 9223372036854775807");
}

void test_sweep__errors(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "batch",
                                        "=1",
                                        "n=",
                                        "n=1,",
                                        "n=1,,2",
                                        "n=1..",
                                        "n=..4",
                                        "n=-1",
                                        "n=1.5",
                                        "n=1 ",
                                        "n=1...4",
                                        "n=99999999999999999999"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        want_error(wrong[i], FW_USAGE, "numbers are wanted");
    want_error("n=8..4", FW_USAGE, "the range 8..4 runs backward");
    char many[2 * FW_MAX_SWEEP + 8] = "n=1";
    for (unsigned i = 0; i < FW_MAX_SWEEP; i++)
        strcat(many + 2 * i, ",1"); // NOLINT
    want_error(many, FW_LIMIT, "at most 4096 values");
}
