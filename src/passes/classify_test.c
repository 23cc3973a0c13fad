/* Roles of stored tensors that do not stand in a weight slot themselves, or do but are no weights.
 */
#include "passes/classify.h"
#include "ops/op.h"
#include "passes/infer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 4 }; // every tensor is (SIDE, SIDE) or (SIDE)

struct world {
    struct fw_arena arena;
    struct fw_symbols *sym;
    struct fw_graph g;
    struct fw_error err;
};

static void begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    fw_arena_init(&w->arena, &fw_alloc_default);
    w->sym = fw_symbols_new(&fw_alloc_default);
    assert_non_null(w->sym);
    fw_graph_init(&w->g, &w->arena, w->sym);
}

static void end(struct world *w)
{
    fw_graph_free(&w->g);
    fw_symbols_free(w->sym);
    fw_arena_clear(&w->arena);
}

static uint32_t tensor(struct world *w, enum fw_kind kind, unsigned rank)
{
    fw_dim dims[2] = {fw_dim_int(SIDE), fw_dim_int(SIDE)};
    uint32_t id = FW_NONE;
    assert_int_equal(fw_graph_tensor(&w->g, NULL, kind, FW_F32, (uint8_t)rank, dims, &id, &w->err),
                     FW_OK);
    return id;
}

static uint32_t stored(struct world *w, unsigned rank)
{
    return tensor(w, FW_KIND_INITIALIZER, rank);
}

/* The vector (first, second, second, second), in a Constant node or as an initializer. */
static uint32_t vector(struct world *w, int first, int second, bool from_node)
{
    uint32_t id = stored(w, 1);
    fw_dim v[SIDE] = {fw_dim_int(first), fw_dim_int(second), fw_dim_int(second),
                      fw_dim_int(second)};
    w->g.tensors[id].value = fw_arena_copy(&w->arena, v, sizeof v);
    w->g.tensors[id].flags |= from_node ? FW_TENSOR_FROM_NODE : 0;
    return id;
}

static uint32_t node(struct world *w, const char *name, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t in[3] = {a, b, c};
    const struct fw_op *op = fw_op_find("", name);
    assert_non_null(op);
    struct fw_attr *attr = fw_arena_array(&w->arena, op->n_attrs + 1u, sizeof *attr);
    assert_non_null(attr);
    for (unsigned i = 0; i < op->n_attrs; i++)
        attr[i] = op->attrs[i].value;
    struct fw_node_spec spec = {.op = op,
                                .in = in,
                                .attr = op->n_attrs > 0 ? attr : NULL,
                                .n_in = (uint16_t)(1 + (b != FW_NONE) + (c != FW_NONE)),
                                .n_out = 1,
                                .layer = FW_NONE,
                                .at = -1};
    uint32_t id;
    assert_int_equal(fw_graph_node(&w->g, &spec, &id, &w->err), FW_OK);
    return w->g.nodes[id].out[0];
}

static void classify(struct world *w)
{
    if (fw_infer(&w->g, &w->err) != FW_OK)
        fail_msg("%s", w->err.message);
    assert_int_equal(fw_classify(&w->g, &w->err), FW_OK);
}

static void assert_kind(const struct world *w, uint32_t id, enum fw_kind kind)
{
    assert_int_equal(w->g.tensors[id].kind, kind);
}

void test_classify__what_a_learnt_scale_is_computed_from(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t log_scale = stored(&w, 1);
    (void)node(&w, "Mul", x, node(&w, "Exp", log_scale, FW_NONE, FW_NONE), FW_NONE);
    classify(&w);
    assert_kind(&w, log_scale, FW_KIND_PARAM);
    end(&w);
}

void test_classify__frozen_normalisation_is_arithmetic(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t scale = stored(&w, 1);
    uint32_t variance = stored(&w, 1);
    uint32_t root = node(&w, "Sqrt", variance, FW_NONE, FW_NONE);
    (void)node(&w, "Mul", x, node(&w, "Div", scale, root, FW_NONE), FW_NONE);
    classify(&w);
    assert_kind(&w, scale, FW_KIND_CONSTANT);
    assert_kind(&w, variance, FW_KIND_CONSTANT);
    end(&w);
}

/* Positions in space and in time, added before they meet the data. */
void test_classify__the_parts_of_a_sum(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t space = stored(&w, 1);
    uint32_t time = stored(&w, 1);
    (void)node(&w, "Add", x, node(&w, "Add", space, time, FW_NONE), FW_NONE);
    classify(&w);
    assert_kind(&w, space, FW_KIND_PARAM);
    assert_kind(&w, time, FW_KIND_PARAM);
    end(&w);
}

void test_classify__constant_nodes_are_written_down(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t anchors = vector(&w, 1, 2, true);
    uint32_t bias = vector(&w, 1, 2, false);
    uint32_t weight = stored(&w, 2);
    w.g.tensors[weight].flags |= FW_TENSOR_FROM_NODE;
    uint32_t y = node(&w, "MatMul", node(&w, "Add", x, anchors, FW_NONE), weight, FW_NONE);
    (void)node(&w, "Add", y, bias, FW_NONE);
    classify(&w);
    assert_kind(&w, anchors, FW_KIND_CONSTANT);
    assert_kind(&w, bias, FW_KIND_PARAM);
    assert_kind(&w, weight, FW_KIND_PARAM);
    end(&w);
}

void test_classify__fillings_of_normalisation(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t ones = vector(&w, 1, 1, true);
    uint32_t learnt = vector(&w, 3, 1, true);
    uint32_t initial = vector(&w, 1, 1, false);
    uint32_t y = node(&w, "LayerNormalization", x, ones, learnt);
    (void)node(&w, "LayerNormalization", y, initial, FW_NONE);
    classify(&w);
    assert_kind(&w, ones, FW_KIND_CONSTANT);
    assert_kind(&w, learnt, FW_KIND_PARAM);
    assert_kind(&w, initial, FW_KIND_PARAM);
    end(&w);
}

void test_classify__small_network_on_a_table(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t table = stored(&w, 2);
    uint32_t weight[2] = {stored(&w, 2), stored(&w, 2)};
    uint32_t bias = stored(&w, 1);
    uint32_t y = node(&w, "Add", node(&w, "MatMul", table, weight[0], FW_NONE), bias, FW_NONE);
    y = node(&w, "MatMul", node(&w, "Relu", y, FW_NONE, FW_NONE), weight[1], FW_NONE);
    (void)node(&w, "Add", x, y, FW_NONE);
    classify(&w);
    assert_kind(&w, table, FW_KIND_CONSTANT);
    assert_kind(&w, weight[0], FW_KIND_PARAM);
    assert_kind(&w, bias, FW_KIND_PARAM);
    assert_kind(&w, weight[1], FW_KIND_PARAM);
    end(&w);
}

void test_classify__product_of_two_weights(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t full = stored(&w, 2);
    uint32_t low[2] = {stored(&w, 2), stored(&w, 2)};
    uint32_t sum = node(&w, "Add", full, node(&w, "MatMul", low[0], low[1], FW_NONE), FW_NONE);
    (void)node(&w, "MatMul", x, sum, FW_NONE);
    classify(&w);
    assert_kind(&w, full, FW_KIND_PARAM);
    assert_kind(&w, low[0], FW_KIND_PARAM);
    assert_kind(&w, low[1], FW_KIND_PARAM);
    end(&w);
}

/* Biases of quantised layers are sums of products: 32 bits. An index is no bias. */
void test_classify__quantised_bias(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t bias = stored(&w, 1), index = stored(&w, 1), scale = stored(&w, 0);
    w.g.tensors[bias].dtype = w.g.tensors[index].dtype = FW_I32;
    uint32_t y =
        node(&w, "Gemm", x, stored(&w, 2), node(&w, "DequantizeLinear", bias, scale, FW_NONE));
    (void)node(&w, "Gather", y, index, FW_NONE);
    classify(&w);
    assert_kind(&w, bias, FW_KIND_PARAM);
    assert_kind(&w, index, FW_KIND_CONSTANT);
    assert_kind(&w, scale, FW_KIND_CONSTANT);
    end(&w);
}

void test_classify__small_weights_are_not_folded(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t x = tensor(&w, FW_KIND_INPUT, 2);
    uint32_t scale = vector(&w, 1, 2, false);
    (void)node(&w, "Mul", x, node(&w, "Neg", scale, FW_NONE, FW_NONE), FW_NONE);
    classify(&w);
    assert_kind(&w, scale, FW_KIND_PARAM);
    assert_int_equal(w.g.nodes[0].flags & FW_NODE_SHAPE, 0);
    end(&w);
}
