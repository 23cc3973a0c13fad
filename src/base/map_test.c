/* Hash map: many keys, empty keys, growth, failing allocators. */
#include "base/map.h"
#include "base/alloc_test.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define N_KEYS 20000

void test_map__many_keys(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, -1);
    static char keys[N_KEYS][12];
    struct fw_map map;
    fw_map_init(&map, &t.alloc);
    assert_null(fw_map_get(&map, "a", 1));
    for (uint32_t i = 0; i < N_KEYS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%u", i);
        bool added;
        const uint32_t *value = fw_map_put(&map, keys[i], strlen(keys[i]), i, &added);
        assert_non_null(value);
        assert_true(added);
        assert_int_equal(*value, i);
    }
    assert_int_equal(map.n, N_KEYS);
    for (uint32_t i = 0; i < N_KEYS; i++) {
        const uint32_t *value = fw_map_get(&map, keys[i], strlen(keys[i]));
        assert_non_null(value);
        assert_int_equal(*value, i);
    }
    bool added;
    uint32_t *value = fw_map_put(&map, "k5", 2, 77, &added);
    assert_false(added);
    assert_int_equal(*value, 5);
    *value = 6;
    assert_int_equal(*fw_map_get(&map, "k5", 2), 6);
    assert_null(fw_map_get(&map, "k", 1));
    fw_map_free(&map);
    assert_int_equal(t.live_bytes, 0);
    assert_int_equal(t.n_live, 0);
}

void test_map__binary_and_empty_keys(void **state)
{
    (void)state;
    struct fw_map map;
    fw_map_init(&map, &fw_alloc_default);
    assert_int_equal(*fw_map_put(&map, NULL, 0, 1, NULL), 1);
    assert_int_equal(*fw_map_put(&map, "\0", 1, 2, NULL), 2);
    assert_int_equal(*fw_map_put(&map, "\0\0", 2, 3, NULL), 3);
    assert_int_equal(*fw_map_get(&map, "", 0), 1);
    assert_int_equal(*fw_map_get(&map, "\0", 1), 2);
    assert_int_equal(*fw_map_get(&map, "\0\0", 2), 3);
    assert_null(fw_map_get(&map, "\0\0\0", 3));
    fw_map_free(&map);
    assert_null(fw_map_get(&map, "", 0));
}

void test_map__reserve_and_failure(void **state)
{
    (void)state;
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, 1);
    struct fw_map map;
    fw_map_init(&map, &t.alloc);
    static char keys[100];
    assert_true(fw_map_reserve(&map, 90));
    for (int i = 0; i < 90; i++)
        assert_non_null(fw_map_put(&map, &keys[i], 0 + (size_t)(i % 10), 0, NULL));
    assert_false(fw_map_reserve(&map, 1000));
    assert_false(fw_map_reserve(&map, (size_t)1 << 40));
    assert_non_null(fw_map_get(&map, keys, 3)); // still whole
    fw_map_free(&map);
    assert_int_equal(t.n_live, 0);
    fw_test_alloc_init(&t, 0);
    assert_null(fw_map_put(&map, "a", 1, 0, NULL));
    fw_map_free(&map);
}

void test_map__hash(void **state)
{
    (void)state;
    unsigned char data[40] = {0};
    uint64_t seen[40 * 8 + 1];
    size_t n = 0;
    seen[n++] = fw_hash_bytes(data, sizeof data, 1);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) { // every bit counts
        data[bit / 8] = (unsigned char)(1u << bit % 8);
        seen[n++] = fw_hash_bytes(data, sizeof data, 1);
        data[bit / 8] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j] && (uint32_t)seen[i] != (uint32_t)seen[j]);
    }
    assert_true(fw_hash_bytes("", 0, 1) != fw_hash_bytes("\0", 1, 1));
    assert_true(fw_hash_bytes("abc", 3, 1) != fw_hash_bytes("abc", 3, 2));
    assert_true(fw_hash_bytes("abc", 3, 5) == fw_hash_bytes("abc", 3, 5));
}
