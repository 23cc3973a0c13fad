/* See chain.h. */
#include "support/chain.h"

#include "ops/op.h"
#include "passes/classify.h"
#include "passes/infer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static fw_dim parse(struct fw_model *m, const char *text)
{
    fw_count v;
    assert_int_equal(fw_count_parse(m->sym, text, strlen(text), &v, NULL), FW_OK);
    return fw_dim_of(v);
}

static uint32_t add_layer(struct fw_model *m, uint32_t x, const fw_dim *w_dims, unsigned number)
{
    struct fw_graph *g = &m->graph;
    uint32_t in[2] = {x, 0};
    uint32_t id;
    assert_int_equal(fw_graph_tensor(g, "w", FW_KIND_INITIALIZER, FW_F32, 2, w_dims, &in[1], NULL),
                     FW_OK);
    uint32_t y = g->n_tensors;
    struct fw_node_spec spec = {.op = fw_op_find("", "MatMul"),
                                .name = fw_arena_printf(&m->arena, "fc%u", number),
                                .in = in,
                                .n_in = 2,
                                .n_out = 1,
                                .layer = FW_NONE,
                                .at = -1};
    assert_int_equal(fw_graph_node(g, &spec, &id, NULL), FW_OK);
    return y;
}

void chain_make(struct fw_model *m, unsigned layers, const char *batch, const char *width)
{
    assert_int_equal(fw_model_init(m, &fw_alloc_default, NULL), FW_OK);
    struct fw_graph *g = &m->graph;
    fw_dim x_dims[2] = {parse(m, batch), parse(m, width)};
    fw_dim w_dims[2] = {x_dims[1], x_dims[1]};
    uint32_t *ends = fw_arena_alloc(&m->arena, 2 * sizeof *ends);
    assert_int_equal(fw_graph_tensor(g, "x", FW_KIND_INPUT, FW_F32, 2, x_dims, &ends[0], NULL),
                     FW_OK);
    ends[1] = ends[0];
    for (unsigned i = 0; i < layers; i++)
        ends[1] = add_layer(m, ends[1], w_dims, i + 1);
    g->tensors[ends[1]].flags |= FW_TENSOR_OUTPUT;
    g->inputs = &ends[0];
    g->outputs = &ends[1];
    g->n_inputs = g->n_outputs = 1;
    assert_int_equal(fw_infer(g, NULL), FW_OK);
    assert_int_equal(fw_classify(g, NULL), FW_OK);
}

void assert_count(const struct fw_symbols *sym, fw_count found, const char *want)
{
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_count_print(sym, found, 0, &s);
    assert_string_equal(fw_str_text(&s), want);
    fw_str_free(&s);
}
