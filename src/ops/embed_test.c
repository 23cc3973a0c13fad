/* Rotary and embedding rows. */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_embed__rotary(void **state);
void test_embed__layer_norm(void **state);

#define MS "com.microsoft"

void test_embed__rotary(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = MS,
         .name = "RotaryEmbedding",
         .in = {"*f32[2,3,5,8]", "i64[2,5]", "f32[64,4]", "f32[64,4]"},
         .out = {"f32[2,3,5,8]"},
         .cost = "mul=480 add=240 read=1360 write=960",
         .backward_input = "mul=480 add=240"},
        /* half of each of 3 heads */
        {.name = "RotaryEmbedding",
         .attrs = "num_heads=3 rotary_embedding_dim=4",
         .in = {"f32[B,L,24]", "f32[B,L,2]", "f32[B,L,2]"},
         .out = {"f32[B,L,24]"},
         .cost = "mul=24*B*L add=12*B*L"},
    };
    OP_CASES_RUN(cases);
}

void test_embed__layer_norm(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = MS,
         .name = "EmbedLayerNormalization",
         .in = {"i32[2,5]", "i32[2,5]", "f32[100,8]", "f32[64,8]", "f32[2,8]", "f32[8]", "f32[8]"},
         .out = {"f32[2,5,8]", "i32[2]"},
         .cost = "add=470 mul=240 div=30 sqrt=10 read=1104 write=328"},
        {.domain = MS,
         .name = "EmbedLayerNormalization",
         .in = {"i32[2,5]", "-", "f32[100,8]", "f32[64,8]", "-", "f32[8]", "f32[8]"},
         .out = {"f32[2,5,8]", "i32[2]"},
         .cost = "add=390 mul=240 div=30 sqrt=10"},
        {.domain = MS,
         .name = "EmbedLayerNormalization",
         .in = {"i32[2,5]", "-", "f32[100,8]", "f32[64,8]", "-", "f32[8]"},
         .fails = FW_FORMAT},
        {.domain = MS, // rows for segments that nobody names
         .name = "EmbedLayerNormalization",
         .in = {"i32[2,5]", "-", "f32[100,8]", "f32[64,8]", "f32[2,8]", "f32[8]", "f32[8]"},
         .fails = FW_FORMAT},
        {.domain = MS, // places of more examples than there are
         .name = "EmbedLayerNormalization",
         .in = {"i32[2,5]", "-", "f32[100,8]", "f32[64,8]", "-", "f32[8]", "f32[8]", "-",
                "i32[4,5]"},
         .fails = FW_SHAPE},
        /* dSum 560 - 30 add, 480 mul; gamma 320 - 10 - 8 add, 240 mul; beta 80 - 8; two tables 80
         */
        {.domain = MS,
         .name = "EmbedLayerNormalization",
         .in = {"i32[2,5]", "-", "param f32[100,8]", "param f32[64,8]", "-", "param f32[8]",
                "param f32[8]"},
         .out = {"f32[2,5,8]", "i32[2]", "f32[2,5,8]"},
         .no_dy = 6,
         .train = true,
         .backward_input = "add=530 mul=480 div=50 sqrt=10",
         .backward_weight = "add=534 mul=240 div=30 sqrt=10"},
    };
    OP_CASES_RUN(cases);
}
