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
            if (together && overlap) // an assertion each would take most of the time
                fail_msg("storages %u and %u stand in one place", i, k);
        }
    }
}

static struct fw_packing pack(struct fw_span *spans, uint32_t n, uint32_t n_steps)
{
    struct fw_packing found;
    assert_true(fw_pack(spans, n, n_steps, &fw_alloc_default, &found));
    return found;
}

/* As in training: results that stay until their mirror image, temporaries in between. */
static void fill_training(struct fw_span *spans, uint32_t layers)
{
    uint32_t steps = 2 * layers;
    for (uint32_t i = 0; i < layers; i++) {
        uint32_t back = layers + i;
        spans[i] = (struct fw_span){(uint64_t)64 * (i % 1000 + 1), 0, i, steps - 1 - i, 64};
        spans[back] = (struct fw_span){(uint64_t)64 * (1000 - i % 1000), 0, back,
                                       back < steps - 1 ? back + 1 : steps - 1, 64};
    }
}

void test_pack__training(void **state)
{
    enum { LAYERS = 20 };
    struct fw_span spans[2 * LAYERS];
    (void)state;
    fill_training(spans, LAYERS);
    struct fw_packing found = pack(spans, 2 * LAYERS, 2 * LAYERS);
    check_places(spans, 2 * LAYERS, found.bytes);
    assert_int_equal(found.bytes, found.bound_bytes);
}

static uint32_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void fill_random(struct fw_span *spans, uint32_t n, uint32_t steps, uint32_t longest,
                        uint64_t *random)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = draw(random) % steps, length = draw(random) % longest;
        uint32_t last = first + length < steps ? first + length : steps - 1;
        uint32_t align = 1u << draw(random) % 7;
        spans[i] =
            (struct fw_span){(uint64_t)align * (1 + draw(random) % 500), 0, first, last, align};
    }
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
        fill_random(spans, n, STEPS, 20, &random);
        struct fw_packing found = pack(spans, n, STEPS);
        print_message("seed %u: %u storages, %.3f of the bound\n", (unsigned)seed, n,
                      (double)found.bytes / (double)found.bound_bytes);
        check_places(spans, n, found.bytes);
        assert_true(found.bytes >= found.bound_bytes);
        sum += found.bytes;
        sum_of_bounds += found.bound_bytes;
    }
    assert_true(sum < sum_of_bounds + sum_of_bounds / 10); // random spans pack worse than networks
}

/* Bytes alive at every step, counted one by one: the bound, however steps are numbered inside. */
void test_pack__bound(void **state)
{
    enum { N = 60, STEPS = 1000 };
    struct fw_span spans[N];
    uint64_t random = 3, most = 0;
    (void)state;
    fill_random(spans, N, STEPS, 200, &random);
    for (uint32_t k = 0; k < STEPS; k++) {
        uint64_t live = 0;
        for (uint32_t i = 0; i < N; i++)
            live += spans[i].first <= k && k <= spans[i].last ? spans[i].bytes : 0;
        most = live > most ? live : most;
    }
    struct fw_packing found = pack(spans, N, STEPS);
    check_places(spans, N, found.bytes);
    assert_int_equal(found.bound_bytes, most);
}

enum { MANY = 50000, LOOKS_OF_MANY = 300 };
static struct fw_span many[MANY];

/* A step of training with 25,000 layers, where as many storages are alive at once. */
void test_pack__long_training(void **state)
{
    (void)state;
    fill_training(many, MANY / 2);
    struct fw_packing found = pack(many, MANY, MANY);
    check_places(many, 500, found.bytes);
    check_places(many + MANY / 2 - 250, 500, found.bytes);
    assert_int_equal(found.bytes, found.bound_bytes);
    assert_true(found.looks < (uint64_t)LOOKS_OF_MANY * MANY);
}

/* Nothing of the shape of a network, short and long lives mixed: still not squarely more work. */
void test_pack__long_random(void **state)
{
    static const uint32_t longest[] = {4, 300, MANY / 2};
    uint64_t random = 7;
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        fill_random(many, MANY, MANY, longest[k], &random);
        struct fw_packing found = pack(many, MANY, MANY);
        print_message("up to %u steps: %.3f of the bound, %.0f looks each\n", longest[k],
                      (double)found.bytes / (double)found.bound_bytes, (double)found.looks / MANY);
        check_places(many, 500, found.bytes);
        assert_true(found.bytes <= found.bound_bytes + found.bound_bytes / 5);
        assert_true(found.looks < (uint64_t)LOOKS_OF_MANY * 4 * MANY); // four sweeps
    }
}

/* The most that careful orders, whose work grows squarely, are tried on. */
void test_pack__careful(void **state)
{
    enum { N = 5000, STEPS = 100000 };
    uint64_t random = 9;
    (void)state;
    fill_random(many, N, STEPS, STEPS, &random);
    struct fw_packing found = pack(many, N, STEPS);
    print_message("%.3f of the bound, %.1f million looks\n",
                  (double)found.bytes / (double)found.bound_bytes, (double)found.looks * 1e-6);
    check_places(many, 1000, found.bytes);
    assert_true(found.bytes > found.bound_bytes); // so all of them were tried
    assert_true(found.looks < 60000000);
}

void test_pack__nothing(void **state)
{
    struct fw_packing found = pack(NULL, 0, 0);
    (void)state;
    assert_int_equal(found.bytes, 0);
    assert_int_equal(found.bound_bytes, 0);
}
