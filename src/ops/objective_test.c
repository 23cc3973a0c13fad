/* Objectives: B rows of 3 classes, 12 values. */
#include "support/op_case.h"

void test_objective__attached(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = "flopwise",
         .name = "CrossEntropy",
         .in = {"*f32[B,3]", "i64[B]"},
         .out = {"f32[]", "f32[B,3]"},
         .no_dy = 2,
         .starts = true,
         .cost = "minmax=2*B add=6*B special=4*B div=3*B+1",
         .backward_input = "add=B mul=3*B"},
        {.domain = "flopwise",
         .name = "SumOfSquares",
         .in = {"*f32[4,3]"},
         .out = {"f32[]"},
         .starts = true,
         .cost = "mul=13 add=11",
         .backward_input = ""},
        {.domain = "flopwise", // of no rows only the sign and the mean are left
         .name = "CrossEntropy",
         .in = {"f32[0,3]", "i64[0]"},
         .out = {"f32[]", "f32[0,3]"},
         .cost = "add=1 div=1"},
        {.domain = "flopwise", // a sum of nothing takes no adds
         .name = "SumOfSquares",
         .in = {"f32[0,3]"},
         .out = {"f32[]"},
         .cost = "mul=1"},
    };
    OP_CASES_RUN(cases);
}
