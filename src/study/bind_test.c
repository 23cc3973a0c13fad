/* Bindings: by name, by what people call it, by shape; wrong ones name what there is. */
#include "study/bind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A model with inputs of these shapes, "N,3,H,W"; n_inputs of them. */
static void begin(struct fw_model *m, const char *const *shapes, uint32_t n_inputs)
{
    assert_int_equal(fw_model_init(m, &fw_alloc_default, NULL), FW_OK);
    uint32_t *inputs = fw_arena_array(&m->arena, n_inputs, sizeof *inputs);
    for (uint32_t i = 0; i < n_inputs; i++) {
        fw_dim dims[FW_MAX_RANK];
        uint8_t rank = 0;
        for (const char *p = shapes[i]; *p != '\0'; p += *p == ',') {
            size_t len = strcspn(p, ",");
            fw_count v;
            assert_int_equal(fw_count_parse(m->sym, p, len, &v, NULL), FW_OK);
            dims[rank++] = fw_dim_of(v);
            p += len;
        }
        const char *name = i == 0 ? "x" : "y";
        assert_int_equal(
            fw_graph_tensor(&m->graph, name, FW_KIND_INPUT, FW_F32, rank, dims, &inputs[i], NULL),
            FW_OK);
    }
    m->graph.inputs = inputs;
    m->graph.n_inputs = n_inputs;
}

struct row {
    const char *shapes[2]; // of the inputs
    const char *symbol[2]; // name, value
    const char *shape[2];  // input, value
    const char *want[2];   // shapes after binding, or NULL and
    enum fw_status status; // the error with
    const char *message;   // a part of its text
};

static void check_shape(struct fw_model *m, uint32_t input, const char *want)
{
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_shape_print(&m->graph, &m->graph.tensors[m->graph.inputs[input]], &s);
    assert_string_equal(fw_str_text(&s), want);
    fw_str_free(&s);
}

static void check(const struct row *row)
{
    struct fw_model m;
    struct fw_error err;
    begin(&m, row->shapes, row->shapes[1] != NULL ? 2 : 1);
    struct fw_binding symbol = {row->symbol[0], row->symbol[1]};
    struct fw_binding shape = {row->shape[0], row->shape[1]};
    struct fw_analysis_options options = {.symbols = &symbol,
                                          .n_symbols = row->symbol[1] != NULL,
                                          .shapes = &shape,
                                          .n_shapes = row->shape[1] != NULL};
    assert_int_equal(fw_bind(&m, &options, &err), row->status);
    for (uint32_t i = 0; row->status == FW_OK && i < m.graph.n_inputs; i++)
        check_shape(&m, i, row->want[i]);
    if (row->status != FW_OK && strstr(err.message, row->message) == NULL)
        fail_msg("'%s' is not in '%s'", row->message, err.message);
    fw_model_clear(&m);
}

void test_bind__rows(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {.shapes = {"batch,3"}, .symbol = {"batch", "8"}, .want = {"8x3"}},
        {.shapes = {"batch,3"}, .symbol = {"batch", "2*k"}, .want = {"2*kx3"}},
        {.shapes = {"batch_size,S", "batch_size"}, .symbol = {"batch", "4"}, .want = {"4xS", "4"}},
        {.shapes = {"a,b,3"}, .symbol = {"seq", "7"}, .want = {"ax7x3"}},
        {.shapes = {"1,3", "1,5"}, .symbol = {"batch", "8"}, .want = {"8x3", "8x5"}},
        {.shapes = {"2*n,n"}, .symbol = {"n", "3"}, .want = {"6x3"}},
        {.shapes = {"S,N,8"}, .symbol = {"batch", "3"}, .want = {"Sx3x8"}},
        {.shapes = {"N,3,H,W", "H,W"}, .shape = {"x", "1x3x32x16"}, .want = {"1x3x32x16", "32x16"}},
        {.shapes = {"N,H"}, .shape = {NULL, "2,max(h,8)"}, .want = {"2xmax(h,8)"}},
        {.shapes = {"2,3"},
         .symbol = {"n", "8"},
         .status = FW_USAGE,
         .message = "every dimension of the model is a number"},
        // a width that happens to be called n
        {.shapes = {"4,n"}, .symbol = {"batch", "8"}, .status = FW_USAGE, .message = "has n"},
        {.shapes = {"n,3"}, .symbol = {"k", "8"}, .status = FW_USAGE, .message = "the model has n"},
        {.shapes = {"n,3"}, .symbol = {"n", "0"}, .status = FW_USAGE, .message = "positive"},
        {.shapes = {"n,3"}, .symbol = {"n", "3/2"}, .status = FW_USAGE, .message = "whole"},
        {.shapes = {"n,3"}, .symbol = {"n", "3+"}, .status = FW_USAGE, .message = "'n': "},
        {.shapes = {"n,3"}, .shape = {"z", "1x3"}, .status = FW_USAGE, .message = "no input 'z'"},
        {.shapes = {"n,3"}, .shape = {"x", "1x3x4"}, .status = FW_SHAPE, .message = "2 dimensions"},
        {.shapes = {"n-2,3"}, .symbol = {"n", "1"}, .status = FW_SHAPE, .message = "of -1: "},
        {.shapes = {"n,n"}, .shape = {"x", "1x3"}, .status = FW_USAGE, .message = "two different"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&rows[i]);
}
