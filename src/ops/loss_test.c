/* Losses: n = 12 scores, m = 4 positions of 3 classes. */
#include "support/op_case.h"

void test_loss__standard(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "SoftmaxCrossEntropyLoss",
         .in = {"*f32[4,3]", "i64[4]"},
         .out = {"f32[]", "f32[4,3]"},
         .train = true,
         .no_dy = 2,
         .cost = "minmax=8 add=39 special=16 div=1",
         .backward_input = "special=12 mul=12 add=4 div=1"},
        {.name = "SoftmaxCrossEntropyLoss",
         .attrs = "reduction=none",
         .in = {"f32[2,3,2]", "i64[2,2]", "f32[3]"},
         .out = {"f32[2,2]"},
         .cost = "minmax=8 add=36 special=16 mul=4"},
        {.name = "NegativeLogLikelihoodLoss",
         .attrs = "reduction=sum",
         .in = {"*f32[4,3]", "i64[4]"},
         .out = {"f32[]"},
         .cost = "add=7",
         .backward_input = "add=4"},
        {.name = "NegativeLogLikelihoodLoss",
         .in = {"*f32[4,3]", "i64[4]", "f32[3]"},
         .out = {"f32[]"},
         .cost = "add=10 mul=4 div=1",
         .backward_input = "add=7 mul=4 div=1"},
        {.name = "NegativeLogLikelihoodLoss", .in = {"f32[4,3]", "i64[5]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
