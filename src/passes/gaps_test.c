#include "passes/gaps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 64, BYTES = 64 * 40 };

void test_gaps__join(void **state)
{
    struct fw_gap nodes[2 * 4 + 1];
    struct fw_gaps g;
    (void)state;
    fw_gaps_start(&g, nodes, 4);
    assert_int_equal(fw_gaps_push(&g, 0, 10, 1), 0);
    assert_int_equal(fw_gaps_push(&g, 1, 20, 16), 16); // 6 bytes before it are a gap
    assert_int_equal(fw_gaps_take(&g, 2, 6, 2), 10);
    assert_int_equal(fw_gaps_push(&g, 3, 4, 4), 36);
    assert_int_equal(g.bytes, 40);
    fw_gaps_give_back(&g, 0);
    fw_gaps_give_back(&g, 1);
    fw_gaps_give_back(&g, 2); // and now all of it is one gap
    assert_int_equal(fw_gaps_take(&g, 0, 36, 4), 0);
    fw_gaps_give_back(&g, 3);
    assert_int_equal(fw_gaps_take(&g, 3, 8, 4), 36); // on top, where something is left already
    assert_int_equal(g.bytes, 44);
}

static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* The size of the smallest gap of at least so many bytes, found byte by byte. */
static uint64_t smallest_gap(const bool *used, uint64_t bytes, uint64_t end)
{
    uint64_t best = UINT64_MAX, free = 0;
    for (uint64_t at = 0; at <= end; at++) {
        if (at < end && !used[at]) {
            free++;
            continue;
        }
        best = free >= bytes && free > 0 && free < best ? free : best;
        free = 0;
    }
    return best;
}

static uint64_t free_around(const bool *used, uint64_t at, uint64_t end)
{
    uint64_t from = at, to = at;
    while (from > 0 && !used[from - 1])
        from--;
    while (to < end && !used[to])
        to++;
    return to - from;
}

/* Against a map of the bytes: nothing twice, always the smallest gap, the block grows only if there
 * is none. */
void test_gaps__random(void **state)
{
    static bool used[4 * BYTES];
    struct fw_gap nodes[2 * N + 1];
    uint64_t at[N], bytes[N] = {0}, random = 5;
    struct fw_gaps g;
    (void)state;
    fw_gaps_start(&g, nodes, N);
    for (unsigned turn = 0; turn < 20000; turn++) {
        uint32_t i = draw(&random) % N;
        if (bytes[i] > 0) {
            memset(used + at[i], 0, bytes[i] * sizeof *used);
            fw_gaps_give_back(&g, i);
            bytes[i] = 0;
            continue;
        }
        uint64_t before = g.bytes;
        bytes[i] = 1 + draw(&random) % (draw(&random) % 4 == 0 ? 40 : 4);
        uint64_t smallest = smallest_gap(used, bytes[i], before);
        at[i] = fw_gaps_take(&g, i, bytes[i], 1);
        if (smallest != UINT64_MAX)
            assert_int_equal(free_around(used, at[i], before), smallest);
        assert_int_equal(g.bytes > before, smallest == UINT64_MAX);
        assert_true(g.bytes < sizeof used / sizeof *used);
        for (uint64_t k = at[i]; k < at[i] + bytes[i]; k++) {
            assert_false(used[k]);
            used[k] = true;
        }
    }
    assert_true(g.looks < (uint64_t)20000 * 200);
}
