/* Quantisation and casts: counts, types, and contents through Cast. */
#include "support/op_case.h"

void test_quantize__rows(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "QuantizeLinear",
         .in = {"f32[N]", "f32[]", "i8[]"},
         .out = {"i8[N]"},
         .cost = "div=N minmax=3*N add=N"},
        {.name = "QuantizeLinear",
         .attrs = "output_dtype=5",
         .in = {"f32[N]", "f32[]"},
         .out = {"i16[N]"},
         .cost = "div=N minmax=3*N"},
        {.name = "DequantizeLinear",
         .in = {"u8[6]", "f16[]", "u8[]"},
         .out = {"f16[6]"},
         .cost = "mul=6 add=6"},
        {.name = "DynamicQuantizeLinear",
         .in = {"f32[10]"},
         .out = {"u8[10]", "f32[]", "u8[]"},
         .cost = "minmax=53 add=12 div=12"},
        {.name = "Cast",
         .attrs = "to=10",
         .in = {"*f32[4]"},
         .rough = true, // a staircase
         .out = {"f16[4]"},
         .cost = "",
         .backward_input = ""},
        {.name = "Cast", .attrs = "to=7", .in = {"f32[3]=2.5,-2.5,N"}, .out = {"i64[3]=2,-2,N"}},
        {.name = "Cast", .attrs = "to=9", .in = {"i64[3]=0,-2,N"}, .out = {"bool[3]=0,1,1"}},
        {.name = "Cast", .attrs = "to=99", .in = {"i64[1]"}, .fails = FW_FORMAT},
        {.name = "CastLike", .in = {"i64[1]=N", "f32[9]"}, .out = {"f32[1]=N"}, .cost = ""},
    };
    OP_CASES_RUN(cases);
}
