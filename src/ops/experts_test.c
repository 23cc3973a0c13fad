/* Products of a mixture of experts: 2*3 tokens, 2 experts each, so 12 pairs. */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FW "flopwise"

void test_experts__products(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* of 8 experts of 4 x 5 all may be read: 160 elements and 48 of X, 12 choices of 8 bytes */
        {.domain = FW,
         .name = "ExpertMatMul",
         .in = {"*f32[2,3,2,4]", "param f32[8,4,5]", "i64[2,3,2]"},
         .out = {"f32[2,3,2,5]"},
         .cost = "fma=240 read=928 write=240",
         .backward_input = "fma=240",
         .backward_weight = "fma=240"},
        /* one token reaches 2 of 8 experts: 40 of 160 elements */
        {.domain = FW,
         .name = "ExpertMatMul",
         .in = {"*f32[1,2,4]", "param f32[8,4,5]", "i64[1,2]", "param f32[8,5]"},
         .out = {"f32[1,2,5]"},
         .cost = "fma=40 add=10",
         .backward_input = "fma=40",
         .backward_weight = "fma=40 add=10"},
        {.domain = FW,
         .name = "ExpertMatMul",
         .attrs = "turned=1",
         .in = {"*f32[B,S,2,5]", "param f32[8,4,5]", "i64[B,S,2]"},
         .out = {"f32[B,S,2,4]"},
         .cost = "fma=40*B*S",
         .backward_input = "fma=40*B*S",
         .backward_weight = "fma=40*B*S"},
        {.domain = FW,
         .name = "ExpertMatMul",
         .in = {"f32[2,3,2,4]", "f32[8,6,5]", "i64[2,3,2]"},
         .fails = FW_SHAPE},
        {.domain = FW,
         .name = "ExpertMatMul",
         .in = {"f32[2,3,2,4]", "f32[8,4,5]", "i64[2,3,3]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
