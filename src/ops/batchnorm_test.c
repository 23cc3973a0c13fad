/* Batch, instance and group normalisation: n = 48, C = 4, N = 2 throughout. */
#include "support/op_case.h"

#define X "*f32[2,4,6]"
#define C "f32[4]"
#define P "param f32[4]"

void test_batchnorm__rows(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "BatchNormalization",
         .in = {X, P, P, C, C},
         .out = {"f32[2,4,6]"},
         .cost = "add=56 mul=52 div=4 sqrt=4",
         .backward_input = "mul=48 add=4 sqrt=4 div=4",
         .backward_weight = "add=140 mul=52 sqrt=4 div=4"},
        {.name = "BatchNormalization",
         .in = {X, P, P, C, C},
         .out = {"f32[2,4,6]", C, C, C, C},
         .train = true,
         .no_dy = 30,
         .cost = "add=200 mul=120 div=12 sqrt=4",
         .backward_weight = "add=136 mul=52",
         .backward_input = "add=100 mul=124 div=8"},
        {.name = "InstanceNormalization",
         .in = {X, P, P},
         .out = {"f32[2,4,6]"},
         .train = true,
         .no_dy = 6,
         .cost = "add=192 mul=112 div=24 sqrt=8",
         .backward_weight = "add=136 mul=56", // 3*48 - 2*8 and 2*(8 - 4)
         .backward_input = "add=104 mul=152 div=16"},
        {.name = "GroupNormalization",
         .attrs = "num_groups=2",
         .in = {X, P, P},
         .out = {"f32[2,4,6]", "f32[2,2]", "f32[2,2]"},
         .train = true,
         .no_dy = 6,
         .cost = "add=196 mul=112 div=12 sqrt=4",
         .backward_weight = "add=136 mul=56",
         .backward_input = "add=108 mul=136 div=8"},
        {.name = "BatchNormalization", .in = {X, "f32[3]", C, C, C}, .fails = FW_SHAPE},
        {.name = "GroupNormalization", .attrs = "num_groups=3", .in = {X, P, P}, .fails = FW_SHAPE},
        {.name = "GroupNormalization", .attrs = "num_groups=0", .in = {X, P, P}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
