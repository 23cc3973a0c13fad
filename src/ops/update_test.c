/* The optimizer table: FLOP per parameter as published, and the rows that carry them. */
#include "ops/update.h"
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Published counts per parameter: spec of the optimizers' own papers and of their fused kernels. */
void test_update__flop_per_parameter(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned flop, states;
    } want[] = {
        {"sgd", 2, 0},     {"momentum", 4, 1},  {"nesterov", 6, 1},   {"adagrad", 7, 1},
        {"rmsprop", 9, 1}, {"adadelta", 16, 2}, {"adam", 13, 2},      {"adam-literal", 18, 2},
        {"adamw", 14, 2},  {"amsgrad", 14, 3},  {"lion", 9, 1},       {"lamb", 21, 2},
        {"lars", 10, 1},   {"sophia", 11, 2},   {"muon", 14, 1},      {"shampoo", 2, 2},
        {"soap", 15, 6},   {"adam8bit", 36, 4}, {"adafactor", 13, 2},
    };
    assert_int_equal(fw_n_optimizers, sizeof want / sizeof *want);
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        const struct fw_optimizer *o = fw_optimizer_find(want[i].name);
        assert_non_null(o);
        unsigned flop = 0;
        for (unsigned k = 0; k < FW_N_CLASSES; k++)
            flop += o->n[k];
        assert_int_equal(flop, want[i].flop);
        assert_int_equal(o->n_states, want[i].states);
        assert_int_equal(o->row->max_in, 2 + want[i].states);
        assert_ptr_equal(o->row->family, o);
    }
    assert_null(fw_optimizer_find("no such optimizer"));
}

static struct fw_symbols *letters(fw_count *m, fw_count *n)
{
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    assert_non_null(sym);
    *m = fw_count_of(fw_dim_symbol(sym, "m", 1));
    *n = fw_count_of(fw_dim_symbol(sym, "n", 1));
    return sym;
}

/* Muon: 5*(4*n + 2*n^2/m) FLOP of products per parameter of an m x n matrix, n the shorter side. */
void test_update__muon_products(void **state)
{
    (void)state;
    fw_count m, n, want;
    struct fw_error err;
    struct fw_symbols *sym = letters(&m, &n);
    struct fw_cost cost = {0};
    fw_update_cost(fw_optimizer_find("muon"), sym, fw_count_mul(sym, m, n), m, n, &cost);
    const char *text = "5*(4*n*m*n + 2*n^2*n)/2";
    assert_int_equal(fw_count_parse(sym, text, strlen(text), &want, &err), FW_OK);
    assert_true(fw_count_eq(cost.n[FW_FMA], want));
    fw_symbols_free(sym);
}

static void state_shape(const char *optimizer, unsigned k, unsigned rank, const int64_t *dims,
                        char *ret, size_t size)
{
    fw_count m, n;
    struct fw_symbols *sym = letters(&m, &n);
    fw_dim shape[4], got[FW_MAX_RANK];
    for (unsigned i = 0; i < rank; i++)
        shape[i] = fw_dim_int(dims[i]);
    struct fw_tensor t = {.rank = (uint8_t)rank, .dims = shape, .dtype = FW_F32};
    const struct fw_optimizer *o = fw_optimizer_for(fw_optimizer_find(optimizer), sym, &t);
    uint8_t got_rank;
    enum fw_dtype dtype = fw_update_state(o, k, sym, &t, &got_rank, got);
    int at = snprintf(ret, size, "%s %s", o->name, fw_dtypes[dtype].name);
    for (unsigned i = 0; i < got_rank; i++)
        at += snprintf(ret + at, size - (size_t)at, " %lld", (long long)got[i].word);
    fw_symbols_free(sym);
}

/* What is kept for a convolution weight, a vector and a table with sides of 1. */
void test_update__states(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned k, rank;
        int64_t dims[4];
        const char *want;
    } rows[] = {
        {"adam", 1, 4, {64, 3, 7, 7}, "adam float32 64 3 7 7"},
        {"adafactor", 0, 4, {64, 3, 7, 7}, "adafactor float32 64"},
        {"adafactor", 1, 4, {64, 3, 7, 7}, "adafactor float32 147"},
        {"adafactor", 0, 1, {64}, "adafactor of a vector float32 64"},
        {"adafactor", 1, 3, {1, 197, 768}, "adafactor float32 768"},
        {"muon", 0, 2, {64, 32}, "muon float32 64 32"},
        {"muon", 1, 3, {1, 1, 768}, "adamw float32 1 1 768"},
        {"shampoo", 0, 2, {64, 32}, "shampoo float32 64 64"},
        {"shampoo", 1, 2, {64, 32}, "shampoo float32 32 32"},
        {"shampoo", 0, 1, {64}, "adagrad float32 64"},
        {"soap", 4, 2, {64, 32}, "soap float32 64 64"},
        {"adam8bit", 0, 2, {100, 100}, "adam8bit uint8 100 100"},
        {"adam8bit", 1, 2, {100, 100}, "adam8bit float32 40"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[128];
        state_shape(rows[i].name, rows[i].k, rows[i].rank, rows[i].dims, got, sizeof got);
        assert_string_equal(got, rows[i].want);
    }
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
        {.domain = "flopwise",
         .name = "UpdateAdafactor",
         .in = {"f32[3,5]", "f32[3,5]", "f32[3]", "f32[5]"},
         .cost = "add=96 mul=95 div=20 sqrt=17 minmax=2 read=152 write=152"},
        {.domain = "flopwise",
         .name = "UpdateMuon",
         .in = {"f32[3,5]", "f32[3,5]", "f32[3,5]"},
         .cost = "fma=585 add=61 mul=240 div=1 sqrt=1 read=180 write=120"},
        {.domain = "flopwise",
         .name = "UpdateAdam8bit",
         .in = {"f32[2,300]", "f32[2,300]", "u8[2,300]", "f32[3]", "u8[2,300]", "f32[3]"},
         .cost = "add=2400 mul=5400 div=1800 sqrt=600 minmax=11400 read=6024 write=3624"},
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
