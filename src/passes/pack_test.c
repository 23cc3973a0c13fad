#include "passes/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void check_places(const struct fw_span *spans, uint32_t n, uint64_t size)
{
    for (uint32_t i = 0; i < n; i++) {
        assert_true(spans[i].offset + spans[i].bytes <= size);
        assert_int_equal(spans[i].offset % spans[i].align, 0);
        for (uint32_t k = 0; k < i; k++) {
            bool together = spans[i].first <= spans[k].last && spans[k].first <= spans[i].last;
            bool overlap = spans[i].offset < spans[k].offset + spans[k].bytes &&
                           spans[k].offset < spans[i].offset + spans[i].bytes;
            assert_false(together && overlap);
        }
    }
}

/* As in training: results that stay until their mirror image, temporaries in between. */
void test_pack__training(void **state)
{
    enum { LAYERS = 20, STEPS = 2 * LAYERS };
    struct fw_span spans[2 * LAYERS];
    (void)state;
    for (uint32_t i = 0; i < LAYERS; i++) {
        spans[i] = (struct fw_span){64 * (i + 1), 0, i, STEPS - 1 - i, 64};
        spans[LAYERS + i] =
            (struct fw_span){64 * (LAYERS - i), 0, LAYERS + i,
                             LAYERS + i < STEPS - 1 ? LAYERS + i + 1 : STEPS - 1, 64};
    }
    uint64_t bound = fw_pack_bound(spans, 2 * LAYERS, STEPS, &fw_alloc_default);
    uint64_t size = fw_pack(spans, 2 * LAYERS, STEPS, &fw_alloc_default);
    check_places(spans, 2 * LAYERS, size);
    assert_int_equal(size, bound);
}

static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Any spans: never two in one place, never below the bound. */
void test_pack__random(void **state)
{
    enum { N = 120, STEPS = 50 };
    struct fw_span spans[N];
    uint64_t sum = 0, sum_of_bounds = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed;
        uint32_t n = 1 + draw(&random) % N;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t first = draw(&random) % STEPS, length = draw(&random) % 20;
            uint32_t last = first + length < STEPS ? first + length : STEPS - 1;
            uint32_t align = 1u << draw(&random) % 7;
            spans[i] = (struct fw_span){(1 + draw(&random) % 500) * align, 0, first, last, align};
        }
        uint64_t bound = fw_pack_bound(spans, n, STEPS, &fw_alloc_default);
        uint64_t size = fw_pack(spans, n, STEPS, &fw_alloc_default);
        print_message("seed %u: %u storages, %.3f of the bound\n", (unsigned)seed, n,
                      (double)size / (double)bound);
        check_places(spans, n, size);
        assert_true(size >= bound);
        sum += size;
        sum_of_bounds += bound;
    }
    assert_true(sum < sum_of_bounds + sum_of_bounds / 10); // random spans pack worse than networks
}

/* More than are tried in several orders: in the order of time, forgetting what has ended. */
void test_pack__long_schedule(void **state)
{
    enum { N = 20000 };
    static struct fw_span spans[N];
    uint64_t random = 7;
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        spans[i] = (struct fw_span){64 + 64 * (uint64_t)(draw(&random) % 100), 0, i,
                                    i + 3 < N ? i + 3 : N - 1, 64};
    uint64_t bound = fw_pack_bound(spans, N, N, &fw_alloc_default);
    uint64_t size = fw_pack(spans, N, N, &fw_alloc_default);
    check_places(spans, 2000, size);
    assert_true(size >= bound && size < 2 * bound);
}

void test_pack__nothing(void **state)
{
    (void)state;
    assert_int_equal(fw_pack(NULL, 0, 0, &fw_alloc_default), 0);
    assert_int_equal(fw_pack_bound(NULL, 0, 0, &fw_alloc_default), 0);
}
