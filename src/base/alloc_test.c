/* The counting allocator of the tests, and tests of the default one. */
#include "base/alloc_test.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void *resize_test(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    struct fw_test_alloc *t = ctx;
    if (bytes > 0 && t->fail_at >= 0 && t->n_calls >= t->fail_at) {
        t->n_calls++;
        return NULL;
    }
    t->n_calls += bytes > 0;
    t->live_bytes += bytes - old_bytes;
    t->n_live += (old == NULL) - (bytes == 0);
    if (bytes == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, bytes);
}

void fw_test_alloc_init(struct fw_test_alloc *t, long fail_at)
{
    *t = (struct fw_test_alloc){.alloc = {resize_test, t, NULL}, .fail_at = fail_at};
}

void test_alloc__default(void **state)
{
    (void)state;
    const struct fw_alloc *a = &fw_alloc_default;
    assert_null(fw_mem_resize(a, NULL, 0, 0));
    assert_null(fw_mem_resize(a, NULL, 0, SIZE_MAX));
    const size_t sizes[] = {1, 4096, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)5 << 20) + 1};
    unsigned char *p = NULL;
    size_t old = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *fresh = fw_mem_resize(a, NULL, 0, sizes[i]);
        assert_non_null(fresh);
        assert_int_equal((uintptr_t)fresh % 16, 0);
        memset(fresh, 7, sizes[i]);
        assert_null(fw_mem_resize(a, fresh, sizes[i], 0));
        p = fw_mem_resize(a, p, old, sizes[i]);
        assert_non_null(p);
        memset(p + old, (int)i + 1, sizes[i] - old);
        old = sizes[i];
    }
    for (size_t i = 0, at = 0; i < sizeof sizes / sizeof sizes[0]; at = sizes[i++])
        assert_int_equal(p[at], i + 1);
    assert_null(fw_mem_resize(a, p, old, 0));
}

void test_alloc__shrinking_keeps_what_fits(void **state)
{
    (void)state;
    const struct fw_alloc *a = &fw_alloc_default;
    const size_t mib = (size_t)1 << 20;
    const size_t sizes[] = {9 * mib, 9 * mib - 5, 4 * mib + 1, 2 * mib, 2 * mib - 1, 100};
    unsigned char *p = fw_mem_resize(a, NULL, 0, sizes[0]);
    assert_non_null(p);
    for (size_t i = 0; i < sizes[0]; i++)
        p[i] = (unsigned char)(i % 251);
    for (size_t k = 1; k < sizeof sizes / sizeof sizes[0]; k++) {
        p = fw_mem_resize(a, p, sizes[k - 1], sizes[k]);
        assert_non_null(p);
        for (size_t i = 0; i < sizes[k]; i++)
            if (p[i] != i % 251)
                fail_msg("byte %zu of %zu changed", i, sizes[k]);
    }
    assert_null(fw_mem_resize(a, p, 100, 0));
}
