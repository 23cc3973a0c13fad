/* The optimizer table: FLOP per parameter as published, and the rows that carry them. */
#include "ops/update.h"
#include "engine/exec.h"
#include "support/op_bench.h"

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
         .low = 0.1, // a second moment is not negative
         .high = 1,
         .cost = "add=20 mul=35 div=5 sqrt=5 read=80 write=60"},
        {.domain = "flopwise",
         .name = "UpdateAdafactor",
         .in = {"f32[3,5]", "f32[3,5]", "f32[3]", "f32[5]"},
         .low = 0.1,
         .high = 1,
         .cost = "add=96 mul=95 div=20 sqrt=17 minmax=2 read=152 write=152"},
        {.domain = "flopwise",
         .name = "UpdateMuon",
         .in = {"f32[3,5]", "f32[3,5]", "f32[3,5]"},
         .cost = "fma=585 add=61 mul=240 div=1 sqrt=1 read=180 write=120"},
        {.domain = "flopwise",
         .name = "UpdateAdam8bit",
         .in = {"f32[2,300]", "f32[2,300]", "u8[2,300]", "f32[3]", "u8[2,300]", "f32[3]"},
         .low = 0.1,
         .high = 1,
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
        {.domain = "ai.onnx.preview.training", // a gradient of another size
         .name = "Adagrad",
         .in = {"f32[]", "i64[]", "f32[4]", "f32[2]", "f32[4]"},
         .out = {"f32[4]", "f32[4]"},
         .fails = FW_SHAPE},
        {.domain = "ai.onnx.preview.training",
         .name = "Adam",
         .in = {"f32[]", "i64[]", "f32[4]", "f32[4]", "f32[4]", "f32[4]"},
         .out = {"f32[4]", "f32[4]", "f32[4]"},
         .cost = "add=18 mul=25 div=5 sqrt=5 special=2"},
    };
    OP_CASES_RUN(cases);
}

/* A tensor of a case: "f32[3,5]". */
static void tensor_text(enum fw_dtype dtype, unsigned rank, const fw_dim *dims, char *ret,
                        size_t size)
{
    int n = snprintf(ret, size, "%s[", dtype == FW_U8 ? "u8" : "f32");
    for (unsigned k = 0; k < rank; k++)
        n += snprintf(ret + n, size - (size_t)n, "%s%lld", k > 0 ? "," : "",
                      (long long)dims[k].word);
    snprintf(ret + n, size - (size_t)n, "]");
}

/* The case of one optimizer's row for a parameter of this shape. */
static void row_case(const struct fw_optimizer *o, unsigned rank, const fw_dim *dims,
                     char (*text)[40], struct op_case *ret)
{
    struct fw_tensor param = {.rank = (uint8_t)rank, .dims = dims, .dtype = FW_F32};
    *ret = (struct op_case){.domain = "flopwise", .name = o->row->name, .low = 0.1, .high = 1};
    for (unsigned i = 0; i < 2u + o->n_states; i++) {
        enum fw_dtype dtype = FW_F32;
        uint8_t r = (uint8_t)rank;
        fw_dim d[4] = {dims[0], rank > 1 ? dims[1] : fw_dim_int(1), rank > 2 ? dims[2] : dims[0]};
        if (i >= 2)
            dtype = fw_update_state(o, i - 2, NULL, &param, &r, d);
        tensor_text(dtype, r, d, text[i], sizeof *text);
        ret->in[i] = text[i];
    }
}

/* Every row executes what its table line counts, on tall, wide and small parameters. */
void test_update__executed(void **state)
{
    (void)state;
    const fw_dim shapes[][3] = {{{7}, {4}, {1}}, {{3}, {5}, {2}}, {{9}, {1}, {1}}};
    const unsigned ranks[] = {2, 3, 1};
    for (unsigned i = 0; i <= fw_n_optimizers; i++) // with the row for vectors of adafactor
        for (unsigned k = 0; k < 3; k++) {
            const struct fw_optimizer *o = &fw_optimizers[i];
            char text[2 + FW_MAX_STATES][40];
            struct op_case one;
            if (k == 2 && o->plain != NULL)
                o = o->plain;
            row_case(o, ranks[k], shapes[k], text, &one);
            assert_true(op_case_execute(&one, i + 1));
        }
}

/* Steps down |w - 1|^2/2 from w near 0, whose gradient is w - 1: what is left of the loss. */
static double descend(const struct fw_optimizer *o, double lr, int64_t steps)
{
    const fw_dim dims[2] = {{6}, {4}};
    char text[2 + FW_MAX_STATES][40];
    struct op_case one;
    struct bench b;
    struct fw_exec *e;
    struct fw_hyper hyper = o->hyper;
    hyper.lr = lr;
    row_case(o, 2, dims, text, &one);
    op_bench_open(&b, &one, 1);
    struct fw_exec_options how = {.build = FW_PLAIN, .seed = 3, .hyper = &hyper};
    assert_int_equal(fw_exec_new(&e, &b.g, &how, &b.err), FW_OK);
    const uint32_t *in = b.g.nodes[b.node].in;
    for (unsigned i = 2; i < 2u + o->n_states; i++)
        b.g.tensors[in[i]].kind = FW_KIND_STATE;
    assert_int_equal(fw_exec_fill(e, &b.err), FW_OK);
    float *w = fw_exec_value(e, in[0])->data;
    float *g = fw_exec_value(e, in[1])->data;
    uint64_t random = 5;
    for (unsigned i = 0; i < 24; i++)
        w[i] = (float)(0.1 * fw_random_normal(&random));
    for (int64_t t = 1; t <= steps; t++) {
        for (unsigned i = 0; i < 24; i++)
            g[i] = w[i] - 1;
        fw_exec_set_step(e, t);
        assert_int_equal(fw_exec_node(e, b.node, NULL, &b.err), FW_OK);
    }
    double loss = 0;
    for (unsigned i = 0; i < 24; i++)
        loss += ((double)w[i] - 1) * ((double)w[i] - 1) / 2;
    fw_exec_free(e);
    op_bench_close(&b);
    return loss;
}

/* From a loss of about 12, in 100 steps. */
void test_update__descent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < fw_n_optimizers; i++) {
        const struct fw_optimizer *o = &fw_optimizers[i];
        bool slow = o->hyper.lr < 0.05 || o->hyper.decay > 0;
        double lr = strcmp(o->name, "lars") == 0 ? 20 : slow ? 0.03 : o->hyper.lr;
        double loss = descend(o, lr, 100);
        if (!(loss < 6))
            fail_msg("%s leaves a loss of %g", o->name, loss);
    }
}
