/* Pairs of positions: what is stored stands for what it should, and windows do to it what they do.
 */
#include "ops/pairs.h"
#include "flopwise.h"
#include "unit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <cmocka.h>

void test_pairs__stored(void **state);
void test_pairs__padding(void **state);
void test_pairs__strides(void **state);

/* Every pair of a long axis is stored as one with the same short lengths, and all shares add up. */
void test_pairs__stored(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_pair_axis *cache = NULL;
    fw_arena_init(&arena, &fw_alloc_default);
    const struct fw_pair_axis *a = fw_pair_axis(&cache, &arena, 100, 2, false);
    assert_non_null(a);
    assert_true(a->stored < 100);
    double share = 0, pairs = 0;
    for (unsigned i = 0; i < a->stored; i++)
        share += a->share[i];
    for (unsigned i = 0; i < a->stored * a->stored; i++)
        pairs += a->pairs[i];
    assert_true(fabs(share - 1) < 1e-12);
    assert_true(fabs(pairs - 1) < 1e-9);
    for (int64_t left = 0; left < 3; left++)
        for (int64_t span = 0; span < 3; span++) {
            unsigned pair = fw_pair_stored(a, left, left + span);
            assert_int_equal(pair / a->stored, left);
            assert_int_equal(pair % a->stored, left + span);
            pair = fw_pair_stored(a, 99 - left, 99 - left - span);
            assert_int_equal(pair / a->stored, a->stored - 1 - left);
            assert_int_equal(pair % a->stored, a->stored - 1 - left - span);
            int64_t real[2];
            fw_pair_real(a, (unsigned)(50 % a->stored), (unsigned)(50 % a->stored), real);
            assert_int_equal(real[0], real[1]);
        }
    assert_ptr_equal(a, fw_pair_axis(&cache, &arena, 100, 2, false));
    fw_arena_clear(&arena);
}

static struct fw_window window(int64_t n, int64_t out, int64_t kernel, int64_t begin,
                               int64_t stride)
{
    return (struct fw_window){.n = 1,
                              .in = {fw_dim_int(n)},
                              .out = {fw_dim_int(out)},
                              .kernel = {fw_dim_int(kernel)},
                              .begin = {fw_dim_int(begin)},
                              .stride = {stride},
                              .dilation = {1}};
}

/* Independent values of variance 1 through a window of three: the border has two of them, and
 * different positions stay independent. */
void test_pairs__padding(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_pair_axis *cache = NULL;
    fw_arena_init(&arena, &fw_alloc_default);
    const struct fw_pair_axis *a = fw_pair_axis(&cache, &arena, 224, 2, false);
    unsigned dim = 2;
    struct fw_window w = window(224, 224, 3, 1, 1);
    struct fw_pairs *x = fw_pairs_new(&arena, 1, &a, &dim, 1);
    struct fw_pairs *y = fw_pairs_new(&arena, 1, &a, &dim, 1);
    struct fw_pair_map *maps = NULL;
    assert_true(x != NULL && y != NULL);
    for (size_t i = 0; i < x->positions; i++)
        x->at[0][fw_pair_same(x, i)] = 1;
    const struct fw_pair_map *map = fw_pair_map(&maps, &arena, &w, 0, true, FW_PAIR_TAPS, a, a);
    assert_non_null(map);
    assert_ptr_equal(fw_pair_map(&maps, &arena, &w, 0, true, FW_PAIR_TAPS, a, a), map);
    assert_true(fw_pairs_apply(&arena, x, x->at[0], map, y, y->at[0]));
    assert_true(y->at[0][fw_pair_same(y, 0)] == 2);
    assert_true(y->at[0][fw_pair_same(y, 1)] == 3);
    assert_true(fabs(fw_pairs_same(y, y->at[0]) - (3 - 2.0 / 224)) < 1e-6);
    assert_true(fabs(fw_pairs_mean(y, y->at[0]) - (3 - 2.0 / 224) / 224) < 1e-6);
    fw_arena_clear(&arena);
}

/* Back through overlapping windows with a stride: every window gives three positions its value. */
void test_pairs__strides(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_pair_axis *cache = NULL;
    fw_arena_init(&arena, &fw_alloc_default);
    const struct fw_pair_axis *in = fw_pair_axis(&cache, &arena, 55, 2, false);
    const struct fw_pair_axis *out = fw_pair_axis(&cache, &arena, 27, 2, false);
    unsigned dim = 2;
    struct fw_window w = window(55, 27, 3, 0, 2);
    struct fw_pairs *y = fw_pairs_new(&arena, 1, &out, &dim, 1);
    struct fw_pairs *x = fw_pairs_new(&arena, 1, &in, &dim, 1);
    struct fw_pair_map *maps = NULL;
    assert_true(x != NULL && y != NULL);
    for (size_t i = 0; i < y->positions; i++)
        y->at[0][fw_pair_same(y, i)] = 1;
    const struct fw_pair_map *map = fw_pair_map(&maps, &arena, &w, 0, false, FW_PAIR_TAPS, in, out);
    assert_non_null(map);
    assert_true(fw_pairs_apply(&arena, y, y->at[0], map, x, x->at[0]));
    assert_true(fabs(fw_pairs_same(x, x->at[0]) - 81.0 / 55) < 1e-6);
    /* And on through windows of three that move by one: all but what falls on the padding. The
     * first and the last position are held by one window, so 3*81 - 2. */
    struct fw_window on = window(55, 55, 3, 1, 1);
    struct fw_pairs *to = fw_pairs_new(&arena, 1, &in, &dim, 1);
    map = fw_pair_map(&maps, &arena, &on, 0, false, FW_PAIR_TAPS, in, in);
    assert_true(to != NULL && map != NULL);
    assert_true(fw_pairs_apply(&arena, x, x->at[0], map, to, to->at[0]));
    assert_true(fabs(fw_pairs_same(to, to->at[0]) - (3 * 81 - 2) / 55.0) < 1e-6);
    fw_arena_clear(&arena);
}
