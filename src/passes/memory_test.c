/* Memory of the textbook's network: L K^2 + 2 n K values to run, about 2 L K^2 + L n K to train. */
#include "passes/memory.h"
#include "ops/ops.h"
#include "passes/infer.h"
#include "passes/train.h"
#include "support/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_memory__chain_inference(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 5, "n", "K");
    assert_int_equal(fw_plan_memory(&m.graph, NULL, false, &mem, NULL), FW_OK);
    assert_count(m.sym, mem.peak_bytes, "20*K^2+8*K*n"); // 4 bytes a value
    assert_count(m.sym, mem.weight_bytes, "20*K^2");
    fw_model_clear(&m);
}

/* The inputs of all L layers are kept; at the turn the gradient of the output, which stands in the
 * output's own place, and the one that is made from it. */
void test_memory__chain_training(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 5, "n", "K");
    struct fw_train_options how = {.loss = FW_LOSS_SQUARES, .optimizer = fw_optimizer_find("sgd")};
    assert_int_equal(fw_train(&m.graph, &how, NULL), FW_OK);
    assert_int_equal(fw_plan_memory(&m.graph, NULL, false, &mem, NULL), FW_OK);
    assert_count(m.sym, mem.weight_bytes, "20*K^2");
    assert_count(m.sym, mem.gradient_bytes, "20*K^2");
    assert_count(m.sym, mem.peak_bytes, "40*K^2+28*K*n"); // 2 L K^2 + (L + 2) n K values
    fw_model_clear(&m);
}

/* A weight that stands transposed in the file is read where it lies: as much memory as without. */
void test_memory__transposed_weight_is_no_copy(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 2, "n", "K");
    struct fw_graph *g = &m.graph;
    uint32_t id;
    uint32_t in[2] = {g->outputs[0], g->nodes[0].in[1]};
    struct fw_attr *perm = fw_arena_zalloc(&m.arena, sizeof *perm);
    struct fw_node_spec turn = {.op = fw_op_transpose,
                                .in = &in[1],
                                .attr = perm,
                                .n_in = 1,
                                .n_out = 1,
                                .layer = FW_NONE,
                                .at = -1};
    assert_int_equal(fw_graph_node(g, &turn, &id, NULL), FW_OK);
    in[1] = g->nodes[id].out[0];
    struct fw_node_spec product = {.op = fw_op_find("", "MatMul"),
                                   .in = in,
                                   .n_in = 2,
                                   .n_out = 1,
                                   .layer = FW_NONE,
                                   .at = -1};
    assert_int_equal(fw_graph_node(g, &product, &id, NULL), FW_OK);
    assert_int_equal(fw_infer(g, NULL), FW_OK);
    assert_int_equal(fw_plan_memory(g, NULL, false, &mem, NULL), FW_OK);
    assert_count(m.sym, mem.peak_bytes, "8*K^2+8*K*n");
    fw_model_clear(&m);
}

/* The chain's first weight, used once more by a last product. */
static void use_again(struct fw_graph *g, uint32_t weight)
{
    uint32_t in[2] = {g->outputs[0], weight};
    struct fw_node_spec product = {.op = fw_op_find("", "MatMul"),
                                   .in = in,
                                   .n_in = 2,
                                   .n_out = 1,
                                   .layer = FW_NONE,
                                   .at = -1};
    uint32_t id;
    assert_int_equal(fw_graph_node(g, &product, &id, NULL), FW_OK);
    assert_int_equal(fw_infer(g, NULL), FW_OK);
    g->outputs = g->nodes[id].out;
}

/* Of the two gradients of a shared weight the first is made where their sum will stand: one K^2
 * comes and goes, with the 3 n K values that are alive then. */
void test_memory__shared_weight_gradient(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 1, "4", "100");
    use_again(&m.graph, m.graph.nodes[0].in[1]);
    struct fw_train_options how = {.loss = FW_LOSS_SQUARES, .optimizer = fw_optimizer_find("sgd")};
    assert_int_equal(fw_train(&m.graph, &how, NULL), FW_OK);
    assert_int_equal(fw_plan_memory(&m.graph, NULL, false, &mem, NULL), FW_OK);
    assert_count(m.sym, mem.weight_bytes, "40000");
    assert_count(m.sym, mem.gradient_bytes, "40000");
    assert_count(m.sym, mem.peak_bytes, "123200");
    fw_model_clear(&m);
}

/* A weight that is an output as well is still a weight. */
void test_memory__weight_as_output(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 1, "4", "100");
    uint32_t outputs[2] = {m.graph.outputs[0], m.graph.nodes[0].in[1]};
    m.graph.outputs = outputs;
    m.graph.n_outputs = 2;
    assert_int_equal(fw_plan_memory(&m.graph, NULL, false, &mem, NULL), FW_OK);
    assert_count(m.sym, mem.weight_bytes, "40000");
    assert_count(m.sym, mem.peak_bytes, "43200");
    fw_model_clear(&m);
}

/* One letter per tensor: the peak is exact, the timeline is left out where it has too many. */
void test_memory__many_letters(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 1, "n", "K");
    struct fw_graph *g = &m.graph;
    for (unsigned i = 0; i < 60; i++) {
        fw_dim dim = fw_dim_fresh(m.sym, "size", fw_dim_bad());
        uint32_t unused;
        assert_int_equal(fw_graph_tensor(g, NULL, FW_KIND_INPUT, FW_F32, 1, &dim, &unused, NULL),
                         FW_OK);
    }
    assert_int_equal(fw_plan_memory(g, NULL, true, &mem, NULL), FW_OK);
    assert_true(fw_count_is_bad(mem.live[0]));
    assert_false(fw_count_is_bad(mem.peak_bytes));
    fw_model_clear(&m);
}

/* The block in which everything has its place is as large as what is alive at once. */
void test_memory__places(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_memory mem;
    chain_make(&m, 5, "4", "100");
    struct fw_train_options how = {.loss = FW_LOSS_SQUARES, .optimizer = fw_optimizer_find("sgd")};
    assert_int_equal(fw_train(&m.graph, &how, NULL), FW_OK);
    assert_int_equal(fw_plan_memory(&m.graph, NULL, true, &mem, NULL), FW_OK);
    const struct fw_places *p = mem.places;
    assert_non_null(p);
    assert_int_equal(p->fixed_bytes, 2 * 5 * 40000);
    assert_int_equal(p->moving_bytes, p->moving_bound_bytes);
    assert_true(mem.peak_bytes.word == (fw_i128)(p->fixed_bytes + p->moving_bytes));
    for (uint32_t i = 0; i < m.graph.n_tensors; i++) {
        const struct fw_place *at = &p->at[i];
        if (at->root == i)
            assert_true(at->offset + at->bytes <= (at->fixed ? p->fixed_bytes : p->moving_bytes));
    }
    fw_model_clear(&m);
    chain_make(&m, 5, "n", "100");
    assert_int_equal(fw_plan_memory(&m.graph, NULL, true, &mem, NULL), FW_OK);
    assert_null(mem.places); // a letter is left
    fw_model_clear(&m);
    static const char *const batches[] = {"40000000000000000", "5000000000000000"};
    for (unsigned k = 0; k < 2; k++) { // one tensor is too large, or all of them together
        chain_make(&m, 5, batches[k], "100");
        assert_int_equal(fw_plan_memory(&m.graph, NULL, true, &mem, NULL), FW_OK);
        assert_null(mem.places);
        assert_true(mem.peak_bytes.word > (fw_i128)INT64_MAX / 4);
        fw_model_clear(&m);
    }
}
