/* What builder calls make: shapes, names, parameters, letters, and the first error that stays. */
#include "build/builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void begin(struct fw_builder *b, struct fw_model *m)
{
    assert_int_equal(fw_model_init(m, &fw_alloc_default, NULL), FW_OK);
    fw_build_init(b, m);
}

static int image(struct fw_builder *b, int64_t channels, int64_t size)
{
    int64_t dims[4] = {fw_size(b, "n"), channels, size, size};
    return fw_input(b, "x", "float32", 4, dims);
}

static void assert_shape(struct fw_builder *b, int x, const char *want)
{
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    const struct fw_tensor *t = fw_build_tensor(b, x);
    if (t == NULL)
        fail_msg("%s: %s", want, b->err.message);
    else
        fw_shape_print(b->g, t, &text);
    assert_string_equal(fw_str_text(&text), want);
    fw_str_free(&text);
}

static void end(struct fw_builder *b, struct fw_model *m, int y)
{
    struct fw_error err;
    fw_output(b, y);
    if (fw_build_end(b, &err) != FW_OK)
        fail_msg("%s", err.message);
    fw_model_clear(m);
}

void test_builder__images(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    begin(&b, &m);
    struct fw_window_spec w = fw_window_of(2, 3, 2, 0);
    w.same = 1;
    w.no_bias = 1;
    int x = fw_conv(&b, image(&b, 3, 33), "conv", 8, &w);
    assert_shape(&b, x, "nx8x17x17");
    struct fw_window_spec up = fw_window_of(2, 2, 2, 0);
    up.transposed = 1;
    up.groups = 2;
    x = fw_group_norm(&b, fw_conv(&b, x, "up", 6, &up), "norm", 3);
    assert_shape(&b, x, "nx6x34x34");
    struct fw_window_spec wide = fw_window_of(2, 3, 1, 2);
    wide.dilation[0] = wide.dilation[1] = 2;
    wide.groups = 6;
    x = fw_activation(&b, fw_batch_norm(&b, fw_conv(&b, x, "dw", 6, &wide), "bn"), "relu6");
    assert_shape(&b, x, "nx6x34x34");
    x = fw_average_pool2d(&b, fw_max_pool2d(&b, x, 3, 2, 1), 2, 2, 0);
    assert_shape(&b, x, "nx6x8x8");
    x = fw_dropout(&b, fw_flatten(&b, fw_global_average_pool(&b, x)), 0.5);
    assert_shape(&b, x, "nx6");
    end(&b, &m, fw_softmax(&b, fw_linear(&b, x, "fc", 10, 1), -1));
}

void test_builder__sequences(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    begin(&b, &m);
    int64_t dims[2] = {fw_size(&b, "n"), fw_size(&b, "s")};
    int x =
        fw_embedding(&b, fw_input(&b, "ids", "int64", 2, dims), "words", 100, fw_size(&b, "8*h"));
    assert_shape(&b, x, "nxsx8*h");
    x = fw_layer_norm(&b, fw_rms_norm(&b, x, "first"), "second", 1);
    int q = fw_linear(&b, x, "q", fw_size(&b, "8*h"), 0);
    int k = fw_linear(&b, x, "k", fw_size(&b, "2*h"), 1);
    assert_shape(&b, fw_attention(&b, q, k, k, 8, 2, 1, 0), "nxsx8*h");
    assert_shape(&b, fw_attention(&b, q, k, k, 8, 2, 1, 128), "nxsx8*h");
    assert_shape(&b, fw_recurrent(&b, "lstm", x, "lstm", 16, 1), "nxsx32");
    assert_shape(&b, fw_recurrent(&b, "gru", x, "gru", fw_size(&b, "h"), 0), "nxsxh");
    int three = fw_split(&b, x, 2, 2, NULL);
    assert_shape(&b, three + 1, "nxsx4*h");
    int joined[2] = {three, three + 1};
    x = fw_concat(&b, joined, 2, 1);
    assert_shape(&b, x, "nx2*sx4*h");
    static const int64_t perm[3] = {0, 2, 1};
    static const int64_t axes[1] = {1};
    assert_shape(&b, fw_transpose(&b, x, perm), "nx4*hx2*s");
    assert_shape(&b, fw_mean(&b, x, 1, axes, 0), "nx4*h");
    assert_shape(&b, fw_slice(&b, x, 1, -1, INT64_MAX), "nx1x4*h");
    int64_t folded[2] = {fw_size(&b, "n*s"), -1};
    assert_shape(&b, fw_reshape(&b, q, 2, folded), "n*sx8*h");
    int pair[2] = {q, q};
    assert_shape(&b, fw_einsum(&b, "bik,bjk->bij", pair, 2), "nxsxs");
    end(&b, &m, fw_add(&b, fw_mul(&b, q, q), fw_number(&b, 2)));
}

/* A label takes the name of what it renames out of use. */
void test_builder__labels(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    begin(&b, &m);
    int x = fw_conv2d(&b, image(&b, 3, 8), "block", 4, 3, 1, 1);
    fw_label(&b, x, "block/Conv2D");
    x = fw_relu(&b, x);
    fw_label(&b, x, "block");
    x = fw_relu(&b, x);
    fw_label(&b, x, "block");
    fw_output(&b, x);
    assert_int_equal(fw_build_end(&b, NULL), FW_OK);
    assert_string_equal(m.graph.nodes[0].name, "block/Conv2D");
    assert_string_equal(m.graph.nodes[1].name, "block");
    assert_string_equal(m.graph.nodes[2].name, "block_1");
    fw_model_clear(&m);
}

void test_builder__names_and_roles(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    begin(&b, &m);
    int x = image(&b, 3, 8);
    fw_enter_number(&b, "layer", 1);
    fw_enter_number(&b, "", 0);
    x = fw_relu(&b, fw_batch_norm(&b, fw_conv2d(&b, x, "conv1", 4, 3, 1, 1), "bn1"));
    fw_leave(&b);
    x = fw_relu(&b, fw_relu(&b, x));
    fw_leave(&b);
    fw_output(&b, x);
    assert_int_equal(fw_build_end(&b, NULL), FW_OK);
    static const char *const names[] = {"layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu",
                                        "layer1.relu", "layer1.relu_1"};
    assert_int_equal(m.graph.n_nodes, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_string_equal(m.graph.nodes[i].name, names[i]);
    const struct fw_node *bn = &m.graph.nodes[1];
    assert_string_equal(m.graph.tensors[bn->in[3]].name, "layer1.0.bn1.running_mean");
    assert_int_equal(m.graph.tensors[bn->in[3]].kind, FW_KIND_BUFFER);
    assert_string_equal(m.graph.tensors[bn->in[1]].name, "layer1.0.bn1.weight");
    assert_int_equal(m.graph.tensors[bn->in[1]].kind, FW_KIND_PARAM);
    fw_model_clear(&m);
}

/* text: what the message must hold */
static void assert_fails(struct fw_builder *b, struct fw_model *m, enum fw_status code,
                         const char *text)
{
    struct fw_error err = {.code = FW_OK};
    assert_false(fw_build_ok(b));
    assert_int_equal(fw_relu(b, 0), -1); // nothing happens after an error
    assert_int_equal(fw_build_end(b, &err), code);
    if (strstr(err.message, text) == NULL)
        fail_msg("'%s' is wanted in '%s'", text, err.message);
    fw_model_clear(m);
}

/* A parameter made in a turn is stacked, a tensor from outside is shared, turns may be nested. */
void test_builder__turns(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    begin(&b, &m);
    int64_t dims[2] = {fw_size(&b, "n"), 8};
    int64_t square[2] = {8, 8};
    int x = fw_input(&b, "x", "float32", 2, dims);
    int shared = fw_parameter(&b, "shared", 2, square);
    int y = fw_repeat(&b, "outer", fw_size(&b, "T"), x);
    y = fw_linear_with(&b, y, "same", shared, -1);
    y = fw_repeat(&b, "inner", 3, y);
    y = fw_repeat_end(&b, fw_add(&b, fw_relu(&b, fw_linear(&b, y, "own", 8, 1)), x));
    y = fw_repeat_end(&b, y);
    assert_shape(&b, y, "nx8");
    fw_output(&b, y);
    assert_int_equal(fw_build_end(&b, NULL), FW_OK);
    unsigned n = 0;
    for (uint32_t id = 0; id < m.graph.n_tensors; id++) {
        const struct fw_tensor *t = &m.graph.tensors[id];
        n += t->kind == FW_KIND_PARAM;
        if (t->kind == FW_KIND_PARAM && strcmp(t->name, "own.weight") == 0) {
            assert_int_equal(t->rank, 4);
            assert_true(fw_dim_is(t->dims[1], 3));
        }
    }
    assert_int_equal(n, 3);
    fw_model_clear(&m);
    begin(&b, &m);
    y = fw_repeat(&b, "open", 2, image(&b, 3, 8));
    assert_int_equal(fw_build_end(&b, NULL), FW_USAGE);
    fw_model_clear(&m);
    begin(&b, &m);
    y = fw_repeat(&b, "grows", 2, image(&b, 3, 8));
    y = fw_repeat_end(&b, fw_conv2d(&b, y, "conv", 4, 3, 1, 1));
    assert_fails(&b, &m, FW_SHAPE, "shape");
}

void test_builder__attributes_as_text(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    int64_t dims[2] = {4, 2};
    begin(&b, &m);
    int x = fw_input(&b, "x", "float32", 2, dims);
    fw_output(
        &b, fw_node(&b, "ai.onnx.ml", "Scaler", NULL, "offset=0.5,-1.25e1 scale=2,.25", &x, 1, 1));
    assert_int_equal(fw_build_end(&b, NULL), FW_OK);
    const struct fw_node *n = &m.graph.nodes[0];
    for (unsigned i = 0; i < n->op->n_attrs; i++) {
        bool offset = strcmp(n->op->attrs[i].name, "offset") == 0;
        assert_int_equal(n->attr[i].n, 2);
        assert_true(n->attr[i].floats[0] == (offset ? 0.5 : 2));
        assert_true(n->attr[i].floats[1] == (offset ? -12.5 : 0.25));
    }
    fw_model_clear(&m);
}

void test_builder__first_error_stays(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    begin(&b, &m);
    fw_enter(&b, "stem");
    int x = fw_conv2d(&b, image(&b, 3, 8), "conv", 4, 11, 1, 0);
    (void)fw_linear(&b, x, "fc", -3, 1);
    assert_fails(&b, &m, FW_SHAPE, "node 'stem.conv' (Conv)");
    begin(&b, &m);
    (void)fw_size(&b, "2*(K");
    assert_fails(&b, &m, FW_USAGE, "2*(K");
    begin(&b, &m);
    (void)fw_activation(&b, image(&b, 3, 8), "rely");
    assert_fails(&b, &m, FW_USAGE, "rely");
    begin(&b, &m);
    int y = image(&b, 3, 8);
    (void)fw_node(&b, "", "Conv", NULL, "kernel=3", &y, 1, 1);
    assert_fails(&b, &m, FW_USAGE, "no attribute 'kernel'");
    static const char *const wrong[] = {"strides=2,x", "strides=",  "strides=1,,2",
                                        "group=two",   "group=1.5", "group=1,2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        begin(&b, &m);
        y = image(&b, 3, 8);
        (void)fw_node(&b, "", "Conv", NULL, wrong[i], &y, 1, 1);
        assert_fails(&b, &m, FW_USAGE, "is no number");
    }
    begin(&b, &m);
    (void)fw_add(&b, image(&b, 3, 8), 77);
    assert_fails(&b, &m, FW_USAGE, "77");
}

void test_builder__copy_is_the_same_network(void **state)
{
    (void)state;
    struct fw_builder b;
    struct fw_model m;
    struct fw_model copy;
    begin(&b, &m);
    int64_t dims[2] = {fw_size(&b, "n"), fw_size(&b, "floor(K/3)+1")};
    int x = fw_input(&b, "x", "float32", 2, dims);
    int64_t shape[3] = {fw_size(&b, "n"), 1, fw_size(&b, "floor(K/3)+1")};
    fw_output(&b, fw_reshape(&b, fw_linear(&b, x, "fc", dims[1], 0), 3, shape));
    assert_int_equal(fw_build_end(&b, NULL), FW_OK);
    assert_int_equal(fw_model_init(&copy, &fw_alloc_default, NULL), FW_OK);
    assert_int_equal(fw_model_copy(&copy, &m, NULL), FW_OK);
    assert_int_equal(copy.graph.n_nodes, m.graph.n_nodes);
    assert_int_equal(copy.graph.n_tensors, m.graph.n_tensors);
    struct fw_str a;
    struct fw_str c;
    fw_str_init(&a, &fw_alloc_default);
    fw_str_init(&c, &fw_alloc_default);
    for (uint32_t id = 0; id < m.graph.n_tensors; id++) {
        fw_shape_print(&m.graph, &m.graph.tensors[id], &a);
        fw_shape_print(&copy.graph, &copy.graph.tensors[id], &c);
    }
    assert_non_null(strstr(fw_str_text(&a), "floor("));
    assert_string_equal(fw_str_text(&a), fw_str_text(&c));
    fw_str_free(&a);
    fw_str_free(&c);
    fw_model_clear(&copy);
    fw_model_clear(&m);
}
