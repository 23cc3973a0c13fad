/* Values of limits as text, the messages, the clock. */
#include "base/limits.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void test_limits__values(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        uint64_t is; // 0: refused
    } rows[] = {
        {"nodes", "1", 1},
        {"nodes", "2K", 2000},
        {"nodes", "3k", 3000},
        {"memory", "4GiB", (uint64_t)4 << 30},
        {"memory", "5MB", 5000000},
        {"memory", "6Ti", (uint64_t)6 << 40},
        {"file", "7B", 7},
        {"dims", "16", 16},
        {"dims", "17", 0},
        {"nodes", "", 0},
        {"nodes", "-1", 0},
        {"nodes", "1.5", 0},
        {"nodes", "x", 0},
        {"nodes", "K", 0},
        {"nodes", "1KK", 0},
        {"file", "99999999999999999999", 0},
        {"file", "9999999999T", 0},
        {"nothing", "1", 0},
        {"", "1", 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_limits limits = fw_limits_default;
        struct fw_error err = {FW_OK, -1, ""};
        enum fw_status status = fw_limits_set(&limits, rows[i].name, rows[i].value, &err);
        assert_int_equal(status, rows[i].is > 0 ? FW_OK : FW_USAGE);
        unsigned changed = 0;
        for (unsigned k = 0; k < FW_N_LIMITS; k++)
            if (strcmp(fw_limit_rows[k].name, rows[i].name) == 0 && rows[i].is > 0)
                assert_true(limits.most[k] == rows[i].is);
            else
                changed += limits.most[k] != fw_limits_default.most[k];
        assert_int_equal(changed, 0);
    }
}

void test_limits__rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FW_N_LIMITS; i++) {
        assert_true(fw_limit_rows[i].usual <= fw_limit_rows[i].highest);
        assert_true(fw_limits_default.most[i] == fw_limit_rows[i].usual);
    }
    struct fw_error err;
    assert_int_equal(fw_limit_fail(&fw_alloc_default, FW_MOST_dims, 7, &err), FW_LIMIT);
    assert_string_equal(err.message,
                        "more than 16 dimensions of a tensor (limit dims, which is fixed)");
    assert_int_equal(err.at, 7);
    assert_int_equal(fw_limit_fail(&fw_alloc_default, FW_MOST_nesting, -1, &err), FW_LIMIT);
    assert_string_equal(err.message, "more than 32 graphs, calls, types or scopes inside one "
                                     "another (raised by --limit nesting=N)");
}

void test_limits__time(void **state)
{
    (void)state;
    struct fw_limits limits = fw_limits_default;
    struct fw_alloc alloc = {fw_alloc_default.resize, NULL, &limits};
    struct fw_error err;
    assert_int_equal(fw_in_time(&alloc, 0, &err), FW_OK); // not started
    limits.most[FW_MOST_time] = 1000;
    fw_limits_start(&limits);
    assert_int_equal(fw_in_time(&alloc, 0, &err), FW_OK);
    limits.most[FW_MOST_time] = 0;
    fw_limits_start(&limits);
    assert_int_equal(fw_in_time(&alloc, 1, &err), FW_OK); // the clock is not asked
    assert_int_equal(fw_in_time(&alloc, 256, &err), FW_LIMIT);
    limits.deadline_ms = 0;
    assert_int_equal(fw_in_time(&alloc, 256, &err), FW_OK);
    assert_int_equal(fw_limits_renew(&alloc), 0); // none is started
    assert_int_equal(limits.deadline_ms, 0);
    assert_int_equal(fw_limits_renew(&fw_alloc_default), 0);
    limits.deadline_ms = 1;
    assert_int_equal(fw_limits_set(&limits, "time", "7", &err), FW_OK);
    assert_int_equal(fw_limits_renew(&alloc), 7);
    assert_int_equal(fw_in_time(&alloc, 256, &err), FW_OK);
}
