/* The engine's two ways give the same numbers, in exactly the planned memory. */
#include "engine/engine.h"
#include "api/net.h"
#include "base/limits.h"
#include "ops/update.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fw_study *open_study(const char *model, const char *batch, bool inference)
{
    struct fw_options o = fw_options_default();
    struct fw_net *net;
    struct fw_study *study = NULL;
    struct fw_error err;
    o.inference = inference;
    if (fw_net_open(&net, model, &err) != FW_OK ||
        (batch != NULL && fw_net_set(net, "batch", batch, &err) != FW_OK) ||
        fw_study_new(&study, net, &o, true, &err) != FW_OK)
        fail_msg("%s", err.message);
    fw_net_free(net);
    return study;
}

static struct fw_engine *open_engine(struct fw_study *s, bool fast)
{
    static const struct fw_hyper hyper = {.lr = 0.01};
    const struct fw_analysis *a = &s->analysis;
    struct fw_engine_options how = {.fast = fast, .n_threads = fast ? 2 : 1, .seed = 3};
    struct fw_engine *e;
    struct fw_error err;
    how.hyper = &hyper;
    if (fw_engine_new(&e, &s->analysis.model.graph,
                      a->trained ? a->training.places : a->inference.places, &how,
                      &fw_alloc_default, &err) != FW_OK ||
        fw_engine_fill(e, &err) != FW_OK)
        fail_msg("%s", err.message);
    return e;
}

static size_t elements(const struct fw_tensor *t)
{
    size_t n = 1;
    for (unsigned k = 0; k < t->rank; k++)
        n *= (size_t)t->dims[k].word;
    return n;
}

/* |a - b| / |b| over all elements. */
static double distance(const float *a, const float *b, size_t n)
{
    double far = 0, whole = 0;
    for (size_t i = 0; i < n; i++) {
        far += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        whole += (double)b[i] * b[i];
    }
    return whole > 0 ? sqrt(far / whole) : sqrt(far);
}

/* After one training step every parameter, gradient and running statistic is the same, but for
 * rounding. */
static void compare(const char *model, const char *batch, double allowed)
{
    if (strcmp(fw_dnn_version(), "none") == 0) {
        print_message("oneDNN is not installed\n");
        skip();
    }
    struct fw_study *s = open_study(model, batch, false), *t = open_study(model, batch, false);
    struct fw_engine *fast = open_engine(s, true), *plain = open_engine(t, false);
    assert_int_equal(fw_engine_run(fast, false, NULL, NULL), FW_OK);
    assert_int_equal(fw_engine_run(plain, false, NULL, NULL), FW_OK);
    const struct fw_graph *g = &s->analysis.model.graph;
    unsigned compared = 0;
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        if (g->tensors[i].kind != FW_KIND_PARAM && g->tensors[i].kind != FW_KIND_GRADIENT &&
            g->tensors[i].kind != FW_KIND_BUFFER)
            continue;
        size_t n = elements(&g->tensors[i]);
        float *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b);
        assert_non_null(a);
        assert_non_null(b);
        assert_int_equal(fw_engine_read(fast, i, a, n * sizeof *a, NULL), FW_OK);
        assert_int_equal(fw_engine_read(plain, i, b, n * sizeof *b, NULL), FW_OK);
        double d = distance(a, b, n);
        if (!(d < allowed))
            fail_msg("%s: tensor %u (kind %u): %g apart", model, i, g->tensors[i].kind, d);
        compared++;
        free(a);
        free(b);
    }
    assert_true(compared > 3);
    fw_engine_free(fast);
    fw_engine_free(plain);
    fw_study_free(s);
    fw_study_free(t);
}

void test_engine__fast_as_plain_linear(void **state)
{
    (void)state;
    compare("zoo:onenet", "3", 1e-4);
    compare("zoo:mlp,depth=3,width=24,in=7,out=5,bias=1,act=relu", "5", 1e-4);
}

void test_engine__fast_as_plain_convolutions(void **state)
{
    (void)state;
    compare("zoo:convnet,size=32", "2", 1e-4);
    compare("zoo:deeperconvnet,n=2,size=24", "2", 1e-4); // one weight used twice
}

/* Batch normalisation over few values makes small differences large. */
void test_engine__fast_as_plain_residual(void **state)
{
    (void)state;
    compare("zoo:resnet18,size=64,classes=10", "2", 1e-2);
}

/* Nodes of this row whose work another kernel does. */
static unsigned done_along(const struct fw_engine *e, const struct fw_graph *g, const char *op)
{
    unsigned n = 0;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        uint32_t by = id;
        (void)fw_engine_kernel(e, id, &by);
        n += by != id && strcmp(g->nodes[id].op->name, op) == 0;
    }
    return n;
}

/* Relu comes out of the kernel before it, its gradient goes into the one behind it: not where a sum
 * of two branches stands between, and not where every tensor is to be seen. */
void test_engine__relu_along(void **state)
{
    (void)state;
    if (strcmp(fw_dnn_version(), "none") == 0)
        skip();
    static const struct {
        const char *model;
        bool inference;
        bool apart;
        unsigned forward, backward;
    } want[] = {{"zoo:resnet18,size=64,classes=10", false, false, 9, 9},
                {"zoo:resnet18,size=64,classes=10", false, true, 0, 0},
                {"zoo:resnet18,size=64,classes=10", true, false, 9, 0},
                {"zoo:convnet,size=32", false, false, 2, 0},
                {"zoo:mlp,depth=3,width=24,act=relu", true, false, 2, 0}};
    for (unsigned i = 0; i < sizeof want / sizeof *want; i++) {
        struct fw_study *s = open_study(want[i].model, "2", want[i].inference);
        const struct fw_analysis *a = &s->analysis;
        struct fw_engine_options how = {.fast = true, .apart = want[i].apart, .n_threads = 1};
        struct fw_engine *e;
        assert_int_equal(fw_engine_new(&e, &s->analysis.model.graph,
                                       a->trained ? a->training.places : a->inference.places, &how,
                                       &fw_alloc_default, NULL),
                         FW_OK);
        assert_int_equal(done_along(e, &a->model.graph, "Relu"), want[i].forward);
        assert_int_equal(done_along(e, &a->model.graph, "ReluGrad"), want[i].backward);
        fw_engine_free(e);
        fw_study_free(s);
    }
}

void test_engine__memory_is_the_plan(void **state)
{
    (void)state;
    struct fw_study *s = open_study("zoo:convnet,size=32", "2", false);
    struct fw_engine *e = open_engine(s, false);
    struct fw_engine_size z;
    fw_engine_size(e, &z);
    assert_int_equal(z.working_bytes, 0);
    assert_int_equal(z.n_fast, 0);
    assert_true(z.allocated_bytes == z.fixed_bytes + z.moving_bytes);
    assert_true((fw_i128)z.allocated_bytes == s->analysis.training.peak_bytes.word);
    fw_engine_free(e);
    fw_study_free(s);
}

/* Time is up: what is filled and what is run stops before the next tensor or node. */
void test_engine__time(void **state)
{
    (void)state;
    struct fw_study *s = open_study("zoo:convnet,size=32", "2", true);
    struct fw_engine *e = open_engine(s, false);
    struct fw_limits *limits = s->analysis.model.graph.alloc->limits;
    struct fw_error err;
    assert_non_null(limits);
    limits->deadline_ms = 1;
    assert_int_equal(fw_engine_fill(e, &err), FW_LIMIT);
    assert_int_equal(fw_engine_run(e, false, NULL, &err), FW_LIMIT);
    assert_non_null(strstr(err.message, "node '"));
    assert_non_null(strstr(err.message, "more than 60 seconds"));
    assert_int_equal(fw_limits_renew(s->analysis.model.graph.alloc), 60);
    assert_int_equal(fw_engine_run(e, false, NULL, &err), FW_OK);
    fw_engine_free(e);
    fw_study_free(s);
}

void test_engine__errors(void **state)
{
    struct fw_study *s = open_study("zoo:convnet,size=32", "2", true);
    struct fw_engine *e = open_engine(s, false);
    struct fw_error err;
    float wrong[3] = {0};
    (void)state;
    uint32_t input = s->analysis.model.graph.inputs[0];
    assert_int_equal(fw_engine_write(e, input, wrong, sizeof wrong, &err), FW_SHAPE);
    assert_int_equal(fw_engine_read(e, input, wrong, sizeof wrong, &err), FW_SHAPE);
    assert_int_equal(fw_engine_watch(e, input, wrong, NULL, NULL, &err), FW_USAGE);
    fw_engine_free(e);
    struct fw_engine_options how = {.n_threads = 1};
    assert_int_equal(
        fw_engine_new(&e, &s->analysis.model.graph, NULL, &how, &fw_alloc_default, &err),
        FW_UNSUPPORTED);
    assert_non_null(strstr(err.message, "sizes are open"));
    fw_study_free(s);
}
