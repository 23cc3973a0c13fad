/* Arenas: alignment, growth, big requests, marks, limits, failing allocators. */
#include "base/arena.h"
#include "base/alloc_test.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

void test_arena__alloc_and_clear(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    struct fw_arena arena;
    fw_arena_init(&arena, &t.alloc);
    unsigned char *last = NULL;
    for (size_t i = 0; i < 100000; i++) {
        unsigned char *p = fw_arena_alloc(&arena, i % 100);
        assert_non_null(p);
        assert_true(p != last);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, (int)i, i % 100);
        last = p;
    }
    assert_true(t.n_calls < 12); // blocks double
    assert_int_equal(arena.total_bytes, t.live_bytes);
    fw_arena_clear(&arena);
    assert_int_equal(t.live_bytes, 0);
    assert_int_equal(t.n_live, 0);
    assert_non_null(fw_arena_alloc(&arena, 1)); // usable again
    fw_arena_clear(&arena);
    assert_int_equal(t.n_live, 0);
}

void test_arena__block_sizes(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    struct fw_arena arena;
    fw_arena_init(&arena, &t.alloc);
    assert_non_null(fw_arena_alloc(&arena, 1));
    assert_int_equal(t.live_bytes, 64 << 10);
    for (size_t before = t.live_bytes; t.live_bytes < (size_t)20 << 20;) {
        assert_non_null(fw_arena_alloc(&arena, 1024));
        if (t.live_bytes != before)
            assert_true(t.live_bytes - before <= (size_t)4 << 20);
        before = t.live_bytes;
    }
    fw_arena_clear(&arena);
}

void test_arena__large_keeps_the_block(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    struct fw_arena arena;
    fw_arena_init(&arena, &t.alloc);
    unsigned char *a = fw_arena_alloc(&arena, 16);
    unsigned char *large = fw_arena_alloc(&arena, 1 << 20);
    unsigned char *b = fw_arena_alloc(&arena, 16);
    assert_non_null(large);
    assert_ptr_equal(b, a + 16);
    memset(large, 1, 1 << 20);
    fw_arena_clear(&arena);
    unsigned char *first = fw_arena_alloc(&arena, 10 << 20); // as first request
    assert_non_null(first);
    memset(first, 1, 10 << 20);
    fw_arena_clear(&arena);
    assert_int_equal(t.live_bytes, 0);
}

void test_arena__marks(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    struct fw_arena arena;
    fw_arena_init(&arena, &t.alloc);
    struct fw_arena_mark empty = fw_arena_mark(&arena);
    char *a = fw_arena_alloc(&arena, 100);
    size_t bytes = t.live_bytes;
    struct fw_arena_mark mark = fw_arena_mark(&arena);
    assert_non_null(fw_arena_alloc(&arena, 1 << 20)); // goes behind the newest block
    for (int i = 0; i < 1000; i++)
        assert_non_null(fw_arena_alloc(&arena, 1000));
    struct fw_arena_mark inner = fw_arena_mark(&arena);
    char *b = fw_arena_alloc(&arena, 64);
    fw_arena_release(&arena, inner);
    assert_ptr_equal(fw_arena_alloc(&arena, 64), b);
    fw_arena_release(&arena, mark);
    assert_int_equal(t.live_bytes, bytes);
    assert_int_equal(arena.total_bytes, bytes);
    assert_ptr_equal(fw_arena_alloc(&arena, 16), a + 112);
    fw_arena_release(&arena, empty);
    assert_int_equal(t.live_bytes, 0);
    assert_non_null(fw_arena_alloc(&arena, 8));
    fw_arena_clear(&arena);
}

void test_arena__helpers(void **state)
{
    (void)state;
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    const unsigned char *zero = fw_arena_zalloc(&arena, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zero[i], 0);
    assert_null(fw_arena_array(&arena, SIZE_MAX / 2, 4));
    assert_null(fw_arena_alloc(&arena, SIZE_MAX));
    assert_null(fw_arena_alloc(&arena, SIZE_MAX - 14));
    assert_null(fw_arena_alloc(&arena, SIZE_MAX - 64));
    assert_null(fw_arena_strndup(&arena, "x", SIZE_MAX));
    assert_non_null(fw_arena_array(&arena, 3, 8));
    assert_string_equal(fw_arena_strndup(&arena, "abcdef", 3), "abc");
    assert_memory_equal(fw_arena_copy(&arena, "abc", 4), "abc", 4);
    assert_non_null(fw_arena_copy(&arena, NULL, 0));
    assert_string_equal(fw_arena_printf(&arena, "%s-%d", "n", 12), "n-12");
    fw_arena_clear(&arena);
}

void test_arena__failure(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    struct fw_arena arena;
    fw_test_alloc_init(&t, 0);
    fw_arena_init(&arena, &t.alloc);
    assert_null(fw_arena_alloc(&arena, 1));
    assert_null(fw_arena_zalloc(&arena, 1));
    assert_null(fw_arena_copy(&arena, "a", 1));
    assert_null(fw_arena_strndup(&arena, "a", 1));
    assert_null(fw_arena_printf(&arena, "%d", 1));
    fw_arena_clear(&arena);
    assert_int_equal(t.n_live, 0);
}
