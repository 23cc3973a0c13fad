/* Attend, with numbers worked out from S = batch * heads * L * keys scores in R rows. */
#include "graph/precision.h"
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FW "flopwise"

void test_attend__forward(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* S = 2*4*6*6 = 288 in 48 rows, D = 8 */
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=2",
         .in = {"f32[2,6,32]", "f32[2,6,16]", "f32[2,6,16]"},
         .out = {"f32[2,6,32]"},
         .cost = "fma=4608 mul=288 add=528 special=288 minmax=240 div=288"},
        /* a window of 2 keys: S = 96; a score cap, a bias and sinks */
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=4 window=2 softcap=30",
         .in = {"f32[2,6,32]", "f32[2,6,32]", "f32[2,6,16]", "f32[4,1,6]", "-", "-", "f32[4]"},
         .out = {"f32[2,6,16]"},
         .cost = "fma=1152 mul=288 add=336 special=240 minmax=96 div=96"},
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=4 window=4096 scaled=0",
         .in = {"f32[B,L,32]", "f32[B,L,32]", "f32[B,L,32]"},
         .out = {"f32[B,L,32]"},
         .cost = "fma=64*B*L*min(L,4096) add=8*B*L*min(L,4096)-4*B*L special=4*B*L*min(L,4096) "
                 "minmax=4*B*L*min(L,4096)-4*B*L div=4*B*L*min(L,4096)"},
        /* one query behind 7 keys: S = 1*4*1*8 */
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=2",
         .in = {"f32[1,1,32]", "f32[1,1,16]", "f32[1,1,16]", "-", "f32[1,2,7,8]", "f32[1,2,7,8]"},
         .out = {"f32[1,1,32]"},
         .cost = "fma=512 mul=32 add=60 special=32 minmax=28 div=32"},
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=3",
         .in = {"f32[2,6,32]", "f32[2,6,24]", "f32[2,6,24]"},
         .fails = FW_SHAPE},
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=2",
         .in = {"f32[2,6,32]", "f32[2,6,12]", "f32[2,6,12]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_attend__gradient(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* S = 288, R = 48: S*(2*8 + 2*8) fma; S*2 + scale mul; S*2 - R add */
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=2",
         .in = {"*f32[2,6,32]", "*f32[2,6,16]", "*f32[2,6,16]"},
         .out = {"f32[2,6,32]", "f32[2,4,6,6]", "bool[0]", "f32[0]", "f32[0]"},
         .train = true,
         .no_dy = 0x1e,
         .backward_input = "fma=9216 mul=864 add=528",
         .backward_weight = ""},
        /* dropout: its mask and what it left are kept, 1 mul and 1 minmax forward, 1 mul back */
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=2 dropout=0.5",
         .in = {"*f32[2,6,32]", "*f32[2,6,16]", "*f32[2,6,16]"},
         .out = {"f32[2,6,32]", "f32[2,4,6,6]", "bool[2,4,6,6]", "f32[2,4,6,6]", "f32[0]"},
         .train = true,
         .no_dy = 0x1e,
         .backward_input = "fma=9216 mul=1152 add=528",
         .backward_weight = ""},
        /* computed again: S*8 fma, the scale, 1 add, 1 special more */
        {.domain = FW,
         .name = "Attend",
         .attrs = "num_heads=4 kv_num_heads=2 flash=1",
         .in = {"*f32[2,6,32]", "*f32[2,6,16]", "*f32[2,6,16]"},
         .out = {"f32[2,6,32]", "f32[0]", "bool[0]", "f32[0]", "f32[2,4,6]"},
         .train = true,
         .no_dy = 0x1e,
         .backward_input = "fma=11520 mul=1152 add=816 special=288",
         .backward_weight = ""},
    };
    OP_CASES_RUN(cases);
}

/* Everything at once, executed: windows, chunks, caps, biases, sinks; kept and computed again. */
void test_attend__executed(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
#define ATTEND(attrs_, ...)                                                                      \
    {                                                                                            \
        .domain = FW, .name = "Attend", .train = true, .no_dy = 0x1e, .gradient = true,          \
        .out = {"y", "p", "m", "d", "s"}, .attrs = "num_heads=4 kv_num_heads=2 " attrs_, .in = { \
            "*f32[2,5,12]",                                                                      \
            "*f32[2,5,6]",                                                                       \
            "*f32[2,5,8]",                                                                       \
            __VA_ARGS__                                                                          \
        }                                                                                        \
    }
        ATTEND("", NULL),
        ATTEND("is_causal=0 scaled=0", NULL),
        ATTEND("window=2", NULL),
        ATTEND("chunk=2 flash=1", NULL),
        ATTEND("softcap=3", "*f32[4,5,5]"),
        ATTEND("softcap=3 flash=1", "f32[4,5,5]"),
        ATTEND("dropout=0.3", NULL),
        ATTEND("", "-", "-", "-", "param f32[4]"),
        ATTEND("flash=1 window=3", "-", "-", "-", "param f32[4]"),
    };
    OP_CASES_EXECUTE(cases);
}

/* fma of the pairs that are needed, of one head of width 1 + 1. */
static void needs(int64_t window, int64_t chunk, int64_t past, int64_t length, const char *want)
{
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    struct fw_arena arena;
    struct fw_graph g;
    fw_arena_init(&arena, &fw_alloc_default);
    fw_graph_init(&g, &arena, sym);
    fw_dim l = length > 0 ? fw_dim_int(length) : fw_dim_symbol(sym, "L", 1);
    const fw_dim folded[3] = {fw_dim_int(1), l, fw_dim_int(1)};
    const fw_dim before[4] = {fw_dim_int(1), fw_dim_int(1), fw_dim_int(past), fw_dim_int(1)};
    uint32_t in[5] = {0, 0, 0, FW_NONE, FW_NONE};
    struct fw_error err;
    assert_int_equal(fw_graph_tensor(&g, "q", FW_KIND_INPUT, FW_F32, 3, folded, &in[0], &err),
                     FW_OK);
    in[1] = in[2] = in[0];
    if (past > 0)
        assert_int_equal(fw_graph_tensor(&g, "p", FW_KIND_INPUT, FW_F32, 4, before, &in[4], &err),
                         FW_OK);
    const struct fw_op *op = fw_op_find(FW, "Attend");
    struct fw_attr attr[16];
    assert_true(op->n_attrs <= 16);
    for (unsigned i = 0; i < op->n_attrs; i++)
        attr[i] = op->attrs[i].value;
    attr[3].i = window;
    attr[4].i = chunk;
    struct fw_node node = {.op = op, .attr = attr, .in = in, .n_in = 5};
    struct fw_cx c = {.g = &g, .sym = sym, .node = &node, .err = &err};
    struct fw_cost cost = {0};
    op->needed(&c, false, &cost);
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    fw_count_print(sym, cost.n[FW_FMA], 0, &text);
    assert_string_equal(fw_str_text(&text), want);
    fw_str_free(&text);
    fw_graph_free(&g);
    fw_arena_clear(&arena);
    fw_symbols_free(sym);
}

/* 5 queries meet 1 + 2 + 3 + 4 + 5 keys; 1 + 2 + 3 + 3 + 3 of a window of 3; 1 + 2 + 3 and 1 + 2 of
 * chunks of 3; behind 2 earlier keys 3 + .. + 7. Two products of width 1 each. */
void test_attend__needed_pairs(void **state)
{
    (void)state;
    needs(0, 0, 0, 5, "30");
    needs(3, 0, 0, 5, "24");
    needs(0, 3, 0, 5, "18");
    needs(0, 0, 2, 5, "50");
    needs(3, 0, 2, 5, "30");
    needs(0, 0, 0, 0, "L^2+L");
    needs(9, 0, 0, 7, "56");
}
