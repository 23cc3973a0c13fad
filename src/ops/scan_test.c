/* Recurrences and their gradients: 2*3 tokens. */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_scan__recurrences(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* 5 channels of 4 states: 120 elements moved, 30 values */
        {.domain = "flopwise",
         .name = "SelectiveScan",
         .in = {"*f32[2,3,5]", "*f32[2,3,5]", "param f32[5,4]", "*f32[2,3,4]", "*f32[2,3,4]",
                "param f32[5]"},
         .out = {"f32[2,3,5]"},
         .cost = "fma=120 add=150 mul=510 special=120",
         .backward_input = "fma=240 add=690 mul=1350 special=120",
         .backward_weight = ""},
        {.domain = "flopwise",
         .name = "Wkv",
         .in = {"param f32[5]", "param f32[5]", "*f32[B,L,5]", "*f32[B,L,5]"},
         .out = {"f32[B,L,5]"},
         .cost = "add=50*B*L mul=30*B*L div=5*B*L special=20*B*L minmax=10*B*L",
         .backward_input = "add=95*B*L mul=85*B*L div=10*B*L special=20*B*L minmax=10*B*L",
         .backward_weight = ""},
        {.domain = "flopwise",
         .name = "SelectiveScan",
         .in = {"f32[2,3,5]", "f32[2,3,5]", "f32[6,4]", "f32[2,3,4]", "f32[2,3,4]", "f32[5]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_scan__linear_attention(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* 2 heads of (4, 5) states, 6 tokens: 240 elements moved, 60 values */
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=2 q_num_heads=2 update_rule=gated",
         .in = {"*f32[2,3,8]", "*f32[2,3,8]", "*f32[2,3,10]", "-", "*f32[2,3,2]"},
         .out = {"f32[2,3,10]"},
         .cost = "fma=480 mul=300 special=12",
         .backward_input = "fma=1200 mul=780 add=240 special=12",
         .backward_weight = ""},
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=2 q_num_heads=4 update_rule=delta",
         .in = {"*f32[2,3,16]", "*f32[2,3,8]", "*f32[2,3,10]", "-", "-", "*f32[2,3,2]"},
         .out = {"f32[2,3,20]"},
         .cost = "fma=960 add=60 mul=180",
         .backward_input = "fma=2400 add=180 mul=300",
         .backward_weight = ""},
        /* a decay of every key: 12 tokens and heads of 4 keys; one rate for both heads */
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=2 q_num_heads=4 scale=0.5",
         .in = {"*f32[B,3,16]", "*f32[B,3,8]", "*f32[B,3,10]", "-", "*f32[B,3,8]", "*f32[B,3,1]"},
         .out = {"f32[B,3,20]"},
         .cost = "fma=480*B add=30*B mul=210*B special=24*B",
         .gradient = true},
        /* the same decays for all tokens */
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=2 q_num_heads=2 update_rule=gated",
         .in = {"*f32[B,L,8]", "*f32[B,L,8]", "*f32[B,L,10]", "-", "param f32[8]"},
         .out = {"f32[B,L,10]"},
         .cost = "fma=80*B*L mul=50*B*L special=8",
         .gradient = true},
        /* 6 places of 4 channels, 3 taps */
        {.name = "CausalConvWithState",
         .attrs = "activation=silu",
         .in = {"*f32[2,4,3]", "param f32[4,1,3]", "param f32[4]"},
         .out = {"f32[2,4,3]", "f32[2,4,2]"},
         .cost = "fma=72 add=48 mul=24 div=24 special=24",
         .backward_input = "fma=144 add=120 mul=96 div=24 special=24", // again, Swish, dX
         .backward_weight = "fma=72 add=20",
         .no_dy = 2},
        {.name = "CausalConvWithState",
         .in = {"*f32[B,4,L]", "param f32[4,1,3]", "param f32[4]"},
         .out = {"f32[B,4,L]", "f32[B,4,2]"},
         .cost = "fma=12*B*L add=4*B*L",
         .backward_input = "fma=12*B*L",
         .backward_weight = "fma=12*B*L add=4*B*L-4",
         .no_dy = 2},
    };
    OP_CASES_RUN(cases);
}
