/* Einsum: shapes, counts of the pairwise rule and gradients, worked out by hand. */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_einsum__forward(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "Einsum",
         "equation=bij,bjk->bik",
         {"f32[2,3,4]", "f32[2,4,N]"},
         {"f32[2,3,N]"},
         .cost = "fma=24*N"},
        {NULL,
         "Einsum",
         "equation=ij,jk",
         {"f32[2,3]", "f32[3,4]"},
         {"f32[2,4]"},
         .cost = "fma=24"},
        {NULL, "Einsum", "equation=i,j->ij", {"f32[3]", "f32[4]"}, {"f32[3,4]"}, .cost = "mul=12"},
        {NULL, "Einsum", "equation=ii->i", {"f32[3,3]"}, {"f32[3]"}, .cost = ""},
        {NULL, "Einsum", "equation=ii", {"f32[3,3]"}, {"f32[]"}, .cost = "add=2"},
        {NULL, "Einsum", "equation=ba", {"f32[3,4]"}, {"f32[4,3]"}, .cost = ""},
        {NULL,
         "Einsum",
         "equation=abc,cd,de->abe",
         {"f32[2,3,4]", "f32[4,5]", "f32[5,6]"},
         {"f32[2,3,6]"},
         .cost = "fma=300"},
        {NULL,
         "Einsum",
         "equation=a...,a->...",
         {"f32[2,5,7]", "f32[2]"},
         {"f32[5,7]"},
         .cost = "fma=70"},
    };
    OP_CASES_RUN(cases);
}

void test_einsum__gradients(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "Einsum",
         "equation=bij,bjk->bik",
         {"*f32[2,3,4]", "param f32[2,4,5]"},
         {"f32[2,3,5]"},
         "fma=120",
         "fma=120",
         .backward_weight = "fma=120"},
        {NULL,
         "Einsum",
         "equation=ij->i",
         {"*f32[3,4]"},
         {"f32[3]"},
         "add=9",
         "",
         .backward_weight = ""},
        {NULL,
         "Einsum",
         "equation=ij,ik->j",
         {"*f32[3,4]", "*f32[3,5]"},
         {"f32[4]"},
         "add=12 fma=12",
         "add=12 mul=12 fma=12",
         .backward_weight = ""},
        {NULL,
         "Einsum",
         "equation=...ij,...jk->...ik",
         {"*f32[2,1,3,4]", "*f32[5,4,6]"},
         {"f32[2,5,3,6]"},
         "fma=720",
         "fma=1440 add=96",
         .backward_weight = ""},
        {NULL,
         "Einsum",
         "equation=ii->",
         {"*f32[3,3]"},
         {"f32[]"},
         "add=2",
         "",
         .backward_weight = ""},
    };
    OP_CASES_RUN(cases);
}

void test_einsum__bad(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL, "Einsum", "equation=ij,jk->il", {"f32[2,3]", "f32[3,4]"}, .fails = FW_FORMAT},
        {NULL, "Einsum", "equation=ij,jk->ii", {"f32[2,3]", "f32[3,4]"}, .fails = FW_FORMAT},
        {NULL, "Einsum", "equation=ij,jk->ik", {"f32[2,3]", "f32[4,4]"}, .fails = FW_SHAPE},
        {NULL, "Einsum", "equation=ijk,jk->ik", {"f32[2,3]", "f32[3,4]"}, .fails = FW_SHAPE},
        {NULL, "Einsum", "equation=ij->i", {"f32[2,3]", "f32[3,4]"}, .fails = FW_FORMAT},
        {NULL, "Einsum", "equation=ij,jk=>ik", {"f32[2,3]", "f32[3,4]"}, .fails = FW_FORMAT},
        {NULL, "Einsum", "equation=", {"f32[2,3]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
