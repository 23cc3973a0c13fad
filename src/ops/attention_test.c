/* Attention in its forms, with numbers worked out from S = batch * heads * q_len * total scores. */
#include "ops/ops.h"
#include "support/op_case.h"

#include "graph/precision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_attention__forward(void **state);
void test_attention__gradient(void **state);
void test_attention__causal_half(void **state);
void test_attention__refuses(void **state);

#define MS "com.microsoft"

void test_attention__forward(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* S = 210 in 30 rows */
        {.name = "Attention", // a mask of more queries than there are
         .in = {"f32[1,1,2,4]", "f32[1,1,3,4]", "f32[1,1,3,4]", "f32[3,3]"},
         .fails = FW_SHAPE},
        {.name = "Attention",
         .in = {"f32[2,3,5,8]", "f32[2,3,7,8]", "f32[2,3,7,4]"},
         .out = {"f32[2,3,5,4]"},
         .cost = "fma=2520 mul=210 add=390 special=210 minmax=180 div=210"},
        {.name = "Attention",
         .attrs = "is_causal=1",
         .in = {"f32[B,2,L,8]", "f32[B,2,L,8]", "f32[B,2,L,8]"},
         .out = {"f32[B,2,L,8]"},
         .cost = "fma=32*B*L^2 mul=2*B*L^2 add=4*B*L^2-2*B*L special=2*B*L^2 "
                 "minmax=2*B*L^2-2*B*L div=2*B*L^2"},
        /* grouped, folded, with a past and a boolean mask: T = 3 + 7, S = 400 in 40 rows */
        {.name = "Attention",
         .attrs = "q_num_heads=4 kv_num_heads=2 scale=1 softcap=30",
         .in = {"f32[2,5,32]", "f32[2,7,16]", "f32[2,7,16]", "bool[5,10]", "f32[2,2,3,8]",
                "f32[2,2,3,8]"},
         .out = {"f32[2,5,32]", "f32[2,2,10,8]", "f32[2,2,10,8]", "f32[2,4,5,10]"},
         .cost = "fma=6400 mul=800 add=760 special=800 minmax=760 div=400"},
        /* projection 10 * 12 * 36, S = 150 in 30 rows, bias 360 */
        {.domain = MS,
         .name = "Attention",
         .attrs = "num_heads=3",
         .in = {"f32[2,5,12]", "f32[12,36]", "f32[36]"},
         .out = {"f32[2,5,12]", "f32[2,2,3,5,4]"},
         .cost = "fma=5520 mul=150 add=630 special=150 minmax=120 div=150"},
        {.domain = MS,
         .name = "MultiHeadAttention",
         .attrs = "num_heads=3",
         .in = {"f32[2,5,12]", "f32[2,7,12]", "f32[2,7,24]", "f32[48]", "-", "f32[1,3,5,7]"},
         .out = {"f32[2,5,24]", "f32[2,3,7,4]", "f32[2,3,7,8]"},
         .cost = "fma=2520 mul=210 add=1224 special=210 minmax=180 div=210"},
        {.domain = MS,
         .name = "MultiHeadAttention",
         .attrs = "num_heads=3",
         .in = {"f32[2,5,3,3,4]"},
         .out = {"f32[2,5,12]"},
         .cost = "fma=1200 mul=150 add=270 special=150 minmax=120 div=150"},
        /* T = 10 from the contents of total_sequence_length; S = 160 in 16 rows; 192 elements are
         * turned; 4 rows of each cache are read */
        {.domain = MS,
         .name = "GroupQueryAttention",
         .attrs = "num_heads=4 kv_num_heads=2 do_rotary=1",
         .in = {"f32[1,4,32]", "f32[1,4,16]", "f32[1,4,16]", "f32[1,2,6,8]", "f32[1,2,6,8]",
                "i32[1]=9", "i32[]=10", "f32[64,4]", "f32[64,4]"},
         .out = {"f32[1,4,32]", "f32[1,2,10,8]", "f32[1,2,10,8]"},
         .cost = "fma=2560 mul=544 add=496 special=160 minmax=144 div=160 read=1928 write=1792"},
        {.domain = MS,
         .name = "DecoderMaskedMultiHeadAttention",
         .attrs = "num_heads=3 past_present_share_buffer=1",
         .in = {"f32[2,1,12]", "f32[2,1,12]", "f32[2,1,12]", "-", "-", "f32[2,3,16,4]",
                "f32[2,3,16,4]", "i32[1]=6"},
         .out = {"f32[2,1,12]", "f32[2,3,16,4]", "f32[2,3,16,4]"},
         .cost = "fma=336 mul=42 add=78 special=42 minmax=36 div=42"},
    };
    OP_CASES_RUN(cases);
}

void test_attention__gradient(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* dP 840, dQ 1680, dK 1680, dV 840 */
        {.name = "Attention",
         .in = {"*f32[2,3,5,8]", "*f32[2,3,7,8]", "*f32[2,3,7,4]"},
         .out = {"f32[2,3,5,4]", "f32[2,3,7,8]", "f32[2,3,7,4]", "f32[2,3,5,7]", "f32[2,3,5,7]"},
         .no_dy = 0x1e,
         .train = true,
         .backward_input = "fma=5040 mul=630 add=390"},
        /* only the mask, one for all of the batch: the scores' gradient summed */
        {.name = "Attention",
         .in = {"f32[2,3,5,8]", "f32[2,3,7,8]", "f32[2,3,7,4]", "*f32[3,5,7]"},
         .out = {"f32[2,3,5,4]", "f32[2,3,7,8]", "f32[2,3,7,4]", "f32[2,3,5,7]", "f32[2,3,5,7]"},
         .no_dy = 0x1e,
         .train = true,
         .backward_input = "fma=840 mul=630 add=495"},
        /* dP 600, the three products 1800, dX 4320; dW 4320 */
        {.domain = MS,
         .name = "Attention",
         .attrs = "num_heads=3",
         .in = {"*f32[2,5,12]", "param f32[12,36]", "param f32[36]"},
         .out = {"f32[2,5,12]", "f32[2,2,3,5,4]", "f32[2,3,5,5]", "f32[2,5,36]"},
         .no_dy = 0xe,
         .train = true,
         .backward_input = "fma=6720 mul=450 add=270",
         .backward_weight = "fma=4320 add=324"},
        /* biases: 120 + 168 + 336 elements summed to 48, and added again */
        {.domain = MS,
         .name = "MultiHeadAttention",
         .attrs = "num_heads=3",
         .in = {"*f32[2,5,12]", "*f32[2,7,12]", "*f32[2,7,24]", "param f32[48]"},
         .out = {"f32[2,5,24]", "f32[2,3,7,4]", "f32[2,3,7,8]", "f32[2,3,5,7]", "f32[2,3,5,7]"},
         .no_dy = 0x1e,
         .train = true,
         .backward_input = "fma=5040 mul=630 add=1014",
         .backward_weight = "add=576"},
        /* dP 512, then 3 * 512; dQ turned back (128), Q again and dK back (128 + 64) */
        {.domain = MS,
         .name = "GroupQueryAttention",
         .attrs = "num_heads=4 kv_num_heads=2 do_rotary=1",
         .in = {"*f32[1,4,32]", "*f32[1,4,16]", "*f32[1,4,16]", "-", "-", "i32[1]=3", "i32[]=4",
                "f32[64,4]", "f32[64,4]"},
         .out = {"f32[1,4,32]", "f32[1,2,4,8]", "f32[1,2,4,8]", "f32[1,4,4,4]", "f32[1,4,4,4]"},
         .no_dy = 0x1e,
         .train = true,
         .backward_input = "fma=2048 mul=832 add=432"},
    };
    OP_CASES_RUN(cases);
}

/* 4 queries after 6 keys of the past meet 7, 8, 9 and 10 keys. */
void test_attention__causal_half(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_error err;
    fw_arena_init(&arena, &fw_alloc_default);
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    struct fw_graph g;
    fw_graph_init(&g, &arena, sym);
    const fw_dim q[4] = {{2}, {3}, {4}, {8}};
    const fw_dim past[4] = {{2}, {3}, {6}, {8}};
    uint32_t in[6];
    for (unsigned i = 0; i < 6; i++) {
        in[i] = FW_NONE;
        if (i != 3)
            assert_int_equal(
                fw_graph_tensor(&g, NULL, FW_KIND_INPUT, FW_F32, 4, i < 3 ? q : past, &in[i], &err),
                FW_OK);
    }
    const struct fw_op *op = fw_op_find("", "Attention");
    struct fw_attr *attr = fw_arena_array(&arena, op->n_attrs, sizeof *attr);
    for (unsigned i = 0; i < op->n_attrs; i++)
        attr[i] = op->attrs[i].value;
    struct fw_node_spec spec = {
        .op = op, .in = in, .attr = attr, .n_in = 6, .n_out = 1, .layer = FW_NONE, .at = -1};
    uint32_t id;
    assert_int_equal(fw_graph_node(&g, &spec, &id, &err), FW_OK);
    struct fw_cx c = {.g = &g,
                      .sym = sym,
                      .node = &g.nodes[id],
                      .precision = fw_precision_find("fp32"),
                      .err = &err};
    assert_int_equal(op->infer(&c), FW_OK);
    struct fw_cost cost = {0};
    op->needed(&c, false, &cost); // no mask: all of the 10 keys
    assert_int_equal((int64_t)cost.n[FW_DIV].word, 2 * 3 * 4 * 10);
    attr[0] = (struct fw_attr){.i = 1, .given = true}; // is_causal
    attr[7] = (struct fw_attr){.i = 2, .given = true}; // left_window_size
    cost = (struct fw_cost){0};
    op->needed(&c, false, &cost);
    assert_int_equal((int64_t)cost.n[FW_DIV].word, 2 * 3 * 4 * 3);
    struct fw_cache cache = {.per_token = fw_count_int(0), .fixed = fw_count_int(0)};
    op->cache(&c, &cache);
    assert_int_equal((int64_t)cache.per_token.word, 3 * (8 + 8));
    assert_int_equal((int64_t)cache.length.word, 10);
    assert_int_equal(cache.window, 3);
    attr[7] = (struct fw_attr){.i = -1};
    cost = (struct fw_cost){0};
    op->needed(&c, true, &cost);
    assert_int_equal((int64_t)cost.n[FW_DIV].word, 2 * 3 * 4 * 10);
    cost = (struct fw_cost){0};
    op->needed(&c, false, &cost);
    const int64_t pairs = 2 * 3 * (7 + 8 + 9 + 10);
    assert_int_equal((int64_t)cost.n[FW_FMA].word, pairs * 16);
    assert_int_equal((int64_t)cost.n[FW_DIV].word, pairs);
    assert_int_equal((int64_t)cost.n[FW_MINMAX].word, pairs - 24);
    fw_graph_free(&g);
    fw_symbols_free(sym);
    fw_arena_clear(&arena);
}

void test_attention__refuses(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Attention",
         .in = {"f32[2,3,5,8]", "f32[2,3,7,9]", "f32[2,3,7,4]"},
         .fails = FW_SHAPE},
        {.name = "Attention",
         .in = {"f32[2,5,32]", "f32[2,7,32]", "f32[2,7,32]"},
         .fails = FW_FORMAT}, // folded, but no number of heads
        {.domain = MS,
         .name = "Attention",
         .attrs = "num_heads=5",
         .in = {"f32[2,5,12]", "f32[12,36]", "f32[36]"},
         .fails = FW_SHAPE},
        {.domain = MS,
         .name = "GroupQueryAttention",
         .attrs = "num_heads=2 kv_num_heads=4",
         .in = {"f32[1,4,32]"},
         .fails = FW_FORMAT},
    };
    OP_CASES_RUN(cases);
}
