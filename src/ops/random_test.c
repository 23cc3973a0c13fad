/* Dropout in both forms, and draws. */
#include "support/op_case.h"

void test_random__rows(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Dropout",
         .in = {"*f32[N,2]", "f32[]=0.5"},
         .out = {"f32[N,2]"},
         .cost = "",
         .backward_input = ""},
        {.name = "Dropout",
         .in = {"*f32[N,2]", "f32[]=0.5"},
         .out = {"f32[N,2]", "bool[N,2]"},
         .train = true,
         .cost = "mul=2*N",
         .backward_input = "mul=2*N"},
        {.name = "Bernoulli",
         .attrs = "dtype=9",
         .in = {"f32[4]"},
         .out = {"bool[4]"},
         .cost = "minmax=4"},
        {.name = "RandomNormal",
         .attrs = "shape=2,3",
         .out = {"f32[2,3]"},
         .cost = "mul=24 add=6 sqrt=6 special=12"},
        {.name = "RandomNormal", .attrs = "shape=2,-3", .fails = FW_SHAPE},
        {.name = "RandomUniformLike", .in = {"f16[N]"}, .out = {"f16[N]"}, .cost = "mul=N add=N"},
        {.name = "Multinomial",
         .attrs = "sample_size=5",
         .in = {"f32[2,3]"},
         .out = {"i32[2,5]"},
         .cost = "special=6 add=4 mul=10 minmax=30"},
    };
    OP_CASES_RUN(cases);
}
