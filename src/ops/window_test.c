/* Taps that meet elements: the closed form against counting them one by one. */
#include "ops/conv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t count(int64_t outs, int64_t size, int64_t k, int64_t begin, int64_t s, int64_t d)
{
    int64_t n = 0;
    for (int64_t o = 0; o < outs; o++)
        for (int64_t t = 0; t < k; t++) {
            int64_t at = o * s - begin + t * d;
            n += at >= 0 && at < size;
        }
    return n;
}

static uint32_t next(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % n;
}

void test_window__valid_constant(void **state)
{
    (void)state;
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    struct fw_cx c = {.sym = sym};
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        int64_t outs = 1 + next(&seed, 12);
        int64_t size = 1 + next(&seed, 14);
        int64_t k = 1 + next(&seed, 7);
        int64_t begin = next(&seed, 6);
        int64_t s = 1 + next(&seed, 5);
        int64_t d = 1 + next(&seed, 4);
        struct fw_window w = {.n = 1,
                              .in = {{size}},
                              .out = {{outs}},
                              .kernel = {{k}},
                              .begin = {{begin}},
                              .stride = {s},
                              .dilation = {d}};
        fw_count n = fw_window_valid(&c, &w);
        assert_true(fw_count_is_const(n));
        assert_int_equal((int64_t)n.word, count(outs, size, k, begin, s, d));
    }
    fw_symbols_free(sym);
}

/* The letter is bound afterwards. */
void test_window__valid_symbolic(void **state)
{
    (void)state;
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    struct fw_cx c = {.sym = sym};
    fw_dim size = fw_dim_symbol(sym, "W", 1);
    for (int64_t s = 1; s <= 3; s++) {
        fw_dim steps = fw_dim_floor_div(sym, fw_dim_sub(sym, size, fw_dim_int(1)), fw_dim_int(s));
        struct fw_window w = {
            .n = 1, .in = {size}, .kernel = {{3}}, .begin = {{1}}, .stride = {s}, .dilation = {1}};
        w.out[0] = fw_dim_add(sym, steps, fw_dim_int(1));
        fw_count n = fw_window_valid(&c, &w);
        for (int64_t v = 1; v <= 12; v++) {
            fw_dim bound = fw_dim_int(v);
            fw_count got = fw_count_substitute(sym, n, &bound, 1);
            assert_true(fw_count_is_const(got));
            assert_int_equal((int64_t)got.word, count((v - 1) / s + 1, v, 3, 1, s, 1));
        }
    }
    fw_symbols_free(sym);
}

/* Operations of one node that fall on padding. */
static struct fw_cost padding(struct fw_symbols *sym, const char *name, struct fw_tensor *tensors,
                              unsigned n_in, const struct fw_attr *attr)
{
    static const uint32_t ports[] = {0, 1, 2};
    struct fw_graph g = {.sym = sym, .tensors = tensors, .n_tensors = n_in + 1};
    struct fw_node node = {.op = fw_op_find("", name),
                           .attr = attr,
                           .in = ports,
                           .out = ports + n_in,
                           .n_in = (uint16_t)n_in,
                           .n_out = 1};
    struct fw_cx c = {.g = &g, .sym = sym, .node = &node};
    struct fw_cost cost = {{{0}}};
    assert_non_null(node.op);
    assert_true(fw_padding_cost(&c, &cost));
    return cost;
}

/* 3x3 over 4x4 with one element of padding: 10 of 12 pairs an axis meet elements. */
void test_window__padding_cost(void **state)
{
    (void)state;
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    const fw_dim x[] = {{2}, {6}, {4}, {4}};
    const fw_dim w[] = {{8}, {3}, {3}, {3}};
    const fw_dim y[] = {{2}, {8}, {4}, {4}};
    const int64_t ones[] = {1, 1, 1, 1};
    const int64_t threes[] = {3, 3};
    struct fw_tensor conv[] = {
        {.dims = x, .rank = 4}, {.dims = w, .rank = 4}, {.dims = y, .rank = 4}};
    struct fw_attr attr[7] = {[FW_WINDOW_AUTO_PAD] = {.s = ""},
                              [FW_WINDOW_PADS] = {.ints = ones, .n = 4},
                              [FW_CONV_GROUP] = {.i = 2}};
    struct fw_cost cost = padding(sym, "Conv", conv, 2, attr);
    assert_int_equal((int64_t)cost.n[FW_FMA].word, 2 * 8 * 3 * (144 - 100));
    struct fw_tensor pool[] = {{.dims = x, .rank = 4}, {.dims = x, .rank = 4}};
    attr[FW_CONV_GROUP].i = 0; // ceil_mode of a pooling
    attr[FW_WINDOW_KERNEL] = (struct fw_attr){.ints = threes, .n = 2};
    cost = padding(sym, "AveragePool", pool, 1, attr);
    assert_int_equal((int64_t)cost.n[FW_ADD].word, 2 * 6 * (144 - 100));
    assert_int_equal((int64_t)cost.n[FW_DIV].word, 0);
    fw_symbols_free(sym);
}

/* A size no loop could walk: 2^30 outputs, 3 taps, 1 element of padding at either end. */
void test_window__valid_large(void **state)
{
    (void)state;
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    struct fw_cx c = {.sym = sym};
    int64_t n = (int64_t)1 << 30;
    struct fw_window w = {.n = 1,
                          .in = {{n}},
                          .out = {{n}},
                          .kernel = {{3}},
                          .begin = {{1}},
                          .stride = {1},
                          .dilation = {1}};
    assert_int_equal((int64_t)fw_window_valid(&c, &w).word, 3 * n - 2);
    fw_symbols_free(sym);
}
