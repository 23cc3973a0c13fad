/* The optimizer table: FLOP per parameter as published, and the rows that carry them. */
#include "ops/update.h"
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_update__flop_per_parameter(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned flop, states;
    } want[] = {
        {"sgd", 2, 0},           {"momentum", 4, 1}, {"nesterov", 6, 1},
        {"adagrad", 7, 1},       {"rmsprop", 9, 1},  {"adam", 13, 2},
        {"adam-literal", 18, 2}, {"adamw", 14, 2},   {"lion", 9, 1},
    };
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        const struct fw_optimizer *o = fw_optimizer_find(want[i].name);
        assert_non_null(o);
        unsigned flop = 0;
        for (unsigned k = 0; k < FW_N_CLASSES; k++)
            flop += o->n[k];
        assert_int_equal(flop, want[i].flop);
        assert_int_equal(o->states, want[i].states);
        assert_int_equal(o->row->max_in, 2 + want[i].states);
        assert_ptr_equal(o->row->family, o);
    }
    assert_null(fw_optimizer_find("no such optimizer"));
}

void test_update__rows(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = "flopwise",
         .name = "UpdateSgd",
         .in = {"f32[K,K]", "f32[K,K]"},
         .cost = "add=K*K mul=K*K read=8*K*K write=4*K*K"},
        {.domain = "flopwise",
         .name = "UpdateAdam",
         .in = {"f32[5]", "f32[5]", "f32[5]", "f32[5]"},
         .cost = "add=20 mul=35 div=5 sqrt=5 read=80 write=60"},
        {.domain = "ai.onnx.preview.training",
         .name = "Momentum",
         .attrs = "alpha=0.9 beta=1 mode=nesterov norm_coefficient=0.1",
         .in = {"f32[]", "i64[]", "f32[4]", "f32[2]", "f32[4]", "f32[2]", "f32[4]", "f32[2]"},
         .out = {"f32[4]", "f32[2]", "f32[4]", "f32[2]"},
         .cost = "add=24 mul=30"},
        {.domain = "ai.onnx.preview.training",
         .name = "Adagrad",
         .in = {"f32[]", "i64[]", "f32[4]", "f32[4]"},
         .out = {"f32[4]"},
         .fails = FW_FORMAT},
        {.domain = "ai.onnx.preview.training",
         .name = "Adam",
         .in = {"f32[]", "i64[]", "f32[4]", "f32[4]", "f32[4]", "f32[4]"},
         .out = {"f32[4]", "f32[4]", "f32[4]"},
         .cost = "add=18 mul=25 div=5 sqrt=5 special=2"},
    };
    OP_CASES_RUN(cases);
}
