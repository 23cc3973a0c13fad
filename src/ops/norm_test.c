/* Softmax family and normalisation: counts by hand for small shapes. */
#include "support/op_case.h"

void test_norm__softmax(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Softmax",
         .in = {"*f32[2,3]"},
         .out = {"f32[2,3]"},
         .cost = "minmax=4 add=10 special=6 div=6",
         .backward_input = "add=10 mul=12"},
        {.name = "Softmax",
         .attrs = "axis=0",
         .in = {"f32[2,3]"},
         .out = {"f32[2,3]"},
         .cost = "minmax=3 add=9 special=6 div=6"},
        {.name = "LogSoftmax",
         .in = {"*f32[N,3]"},
         .out = {"f32[N,3]"},
         .cost = "minmax=2*N add=8*N special=4*N",
         .backward_input = "add=5*N mul=3*N special=3*N"},
        {.name = "Softmax", .attrs = "axis=2", .in = {"f32[2,3]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

/* n = 24, m = 6 lines of 4. */
void test_norm__layer(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "LayerNormalization",
         .in = {"*f32[2,3,4]", "param f32[4]", "param f32[4]"},
         .out = {"f32[2,3,4]", "f32[2,3,1]", "f32[2,3,1]"},
         .cost = "add=90 mul=72 div=18 sqrt=6",
         .train = true,
         .no_dy = 6,
         .backward_input = "add=108 mul=120 div=12",
         .backward_weight = "add=64 mul=48"}, // scale 2*24 - 4, shift 24 - 4
        {.name = "RMSNormalization",
         .in = {"*f32[2,3,4]", "param f32[4]"},
         .out = {"f32[2,3,4]"},
         .cost = "add=24 mul=72 div=12 sqrt=6",
         .train = true,
         .no_dy = 2,
         .backward_input = "add=42 mul=120 div=6",
         .backward_weight = "add=20 mul=48"},
        {.domain = "com.microsoft",
         .name = "SkipLayerNormalization",
         .in = {"*f32[2,3,4]", "*f32[2,3,4]", "param f32[4]"},
         .out = {"f32[2,3,4]", "f32[2,3,1]", "f32[2,3,1]", "f32[2,3,4]"},
         .cost = "add=90 mul=72 div=18 sqrt=6",
         .no_dy = 6,
         .backward_input = "add=132 mul=120 div=12",
         .backward_weight = "add=44 mul=48"},
        {.domain = "com.microsoft",
         .name = "SkipLayerNormalization",
         .in = {"f32[2,3,1]", "f32[2,3,1]", "f32[3]"},
         .fails = FW_SHAPE},
        {.name = "LayerNormalization", // no line without elements
         .in = {"f32[2,0]", "f32[0]"},
         .out = {"f32[2,0]", "f32[2,1]", "f32[2,1]"},
         .cost = ""},
        {.name = "LayerNormalization",
         .attrs = "axis=5",
         .in = {"f32[2,3]", "f32[3]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_norm__others(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "LRN",
         .attrs = "size=5",
         .in = {"*f32[1,6,2]"},
         .out = {"f32[1,6,2]"},
         .cost = "mul=24 add=60 special=12 div=12",
         .backward_input = "mul=72 add=120 special=12 div=12"},
        {.name = "LpNormalization",
         .in = {"*f32[2,3]"},
         .out = {"f32[2,3]"},
         .cost = "mul=6 add=4 sqrt=2 div=6",
         .backward_input = "mul=18 add=14 sqrt=2 div=6"},
        {.name = "LpNormalization", .in = {"f32[2,0]"}, .out = {"f32[2,0]"}, .cost = ""},
        {.name = "MeanVarianceNormalization",
         .in = {"*f32[1,2,0,3]"},
         .out = {"f32[1,2,0,3]"},
         .cost = "",
         .backward_input = ""},
        {.name = "MeanVarianceNormalization",
         .in = {"*f32[2,3,4,5]"},
         .out = {"f32[2,3,4,5]"},
         .cost = "add=357 mul=240 div=9 sqrt=3",
         .backward_input = "add=831 mul=480 div=15 sqrt=3"},
    };
    OP_CASES_RUN(cases);
}
