/* Cases for mixers.c. */
#include "support/op_case.h"

void test_mixers__swiglu(void **state);
void test_mixers__causal_convolution(void **state);
void test_mixers__linear_attention(void **state);
void test_mixers__flex_attention(void **state);
void test_mixers__image_decoder(void **state);

void test_mixers__swiglu(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* dA: 1 mul, then Swish backward 4 add 4 mul 1 div 1 special; dB: Swish, 1 mul */
        {.name = "SwiGLU",
         .in = {"*f32[N,6]", "*f32[N,6]"},
         .out = {"f32[N,6]"},
         .cost = "add=6*N mul=12*N div=6*N special=6*N",
         .backward_input = "add=30*N mul=42*N div=12*N special=12*N"},
        {.name = "SwiGLU", .in = {"f32[2,6]", "f32[1,6]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_mixers__causal_convolution(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "CausalConvWithState",
         .in = {"f32[2,3,N]", "f32[3,1,4]"},
         .out = {"f32[2,3,N]", "f32[2,3,3]"},
         .cost = "fma=24*N"},
        {.name = "CausalConvWithState",
         .attrs = "activation=silu",
         .in = {"f32[2,3,5]", "f32[3,1,4]", "f32[3]", "f32[2,3,3]"},
         .out = {"f32[2,3,5]", "f32[2,3,3]"},
         .cost = "fma=120 add=60 mul=30 div=30 special=30"},
        {.name = "CausalConvWithState", // one element less came before
         .in = {"f32[2,3,5]", "f32[3,1,4]", "-", "f32[2,3,2]"},
         .fails = FW_SHAPE},
        {.name = "CausalConvWithState", .in = {"f32[2,3,5]", "f32[4,1,4]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_mixers__linear_attention(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* 2*5 tokens, 2 key heads of (4, 3), 4 query heads: 240 state entries */
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=2 q_num_heads=4 update_rule=linear",
         .in = {"f32[2,5,16]", "f32[2,5,8]", "f32[2,5,6]"},
         .out = {"f32[2,5,12]", "f32[2,2,4,3]"},
         .cost = "fma=720 mul=120"},
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=2 q_num_heads=4",
         .in = {"f32[2,5,16]", "f32[2,5,8]", "f32[2,5,6]", "-", "f32[2,5,2]", "f32[2,5,2]"},
         .out = {"f32[2,5,12]", "f32[2,2,4,3]"},
         .cost = "fma=960 add=60 mul=420 special=20"},
        {.name = "LinearAttention",
         .attrs = "kv_num_heads=3 q_num_heads=4",
         .in = {"f32[2,5,16]", "f32[2,5,8]", "f32[2,5,6]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_mixers__flex_attention(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = "ai.onnx.preview",
         .name = "FlexAttention",
         .in = {"f32[1,4,5,8]", "f32[1,2,7,8]", "f32[1,2,7,6]"},
         .out = {"f32[1,4,5,6]"},
         .cost = "fma=1960 add=260 mul=140 div=140 minmax=120 special=140"},
    };
    OP_CASES_RUN(cases);
}

void test_mixers__image_decoder(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "ImageDecoder",
         .attrs = "pixel_format=Grayscale",
         .in = {"u8[N]"},
         .out = {"u8[height,width,1]"},
         .cost = ""},
    };
    OP_CASES_RUN(cases);
}
