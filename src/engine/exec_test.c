/* Whole training steps executed node by node in the counted build: every node executes exactly what
 * it is said to cost, in all phases, and the loss answers to a step of a weight as its gradient
 * says. */
#include "engine/exec.h"

#include "api/net.h"
#include "passes/cost.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct network {
    const char *path;  // below the source tree, or zoo:...
    const char *shape; // of its only input, or NULL
    const char *optimizer;
    double step; // of the central difference, 0: the gradient is not compared (kinks, or no loss)
};

static struct fw_study *open_study(const struct network *n)
{
    char path[512];
    struct fw_net *net = NULL;
    struct fw_study *study = NULL;
    struct fw_error err;
    bool built = strncmp(n->path, "zoo:", 4) == 0;
    snprintf(path, sizeof path, "%s%s%s", built ? "" : FW_TOP, built ? "" : "/", n->path);
    struct fw_options options = {.optimizer = n->optimizer};
    if (fw_net_open(&net, path, &err) != FW_OK ||
        (n->shape != NULL && fw_net_set_shape(net, NULL, n->shape, &err) != FW_OK) ||
        fw_study_new(&study, net, &options, false, &err) != FW_OK)
        fail_msg("%s: %s", n->path, err.message);
    fw_net_free(net);
    return study;
}

static void check_node(const struct network *n, struct fw_graph *g, uint32_t id,
                       const uint64_t *tally)
{
    static const char *const names[FW_N_TALLIES] = {
        "fma", "add", "mul", "div", "sqrt", "minmax", "special", "exp", "log", "tanh", "erf"};
    struct fw_cost cost = {{{0}}};
    (void)fw_node_cost(g, id, NULL, &cost);
    for (unsigned k = 0; k < FW_N_TALLIES; k++)
        if (!fw_count_is(cost.n[k], (fw_i128)tally[k]))
            fail_msg("%s, node %u (%s): %lld %s are counted, %llu were executed", n->path,
                     (unsigned)id, g->nodes[id].op->name, (long long)cost.n[k].word, names[k],
                     (unsigned long long)tally[k]);
}

/* The sum of all losses: the outputs of forward nodes that are their own layer and stand behind
 * those of the file. */
static double loss_of(struct fw_exec *e, struct fw_graph *g, uint32_t n_forward)
{
    double sum = 0;
    for (uint32_t id = n_forward; id < g->n_nodes; id++)
        if (g->nodes[id].phase == FW_PHASE_FORWARD)
            sum += fw_buffer_get(fw_exec_value(e, g->nodes[id].out[0]), 0);
    return sum;
}

static double forward_again(const struct network *n, struct fw_exec *e, struct fw_graph *g,
                            uint32_t n_forward)
{
    struct fw_error err;
    fw_exec_seed(e, 7);
    for (uint32_t id = 0; id < g->n_nodes; id++)
        if (g->nodes[id].phase == FW_PHASE_FORWARD && fw_exec_node(e, id, NULL, &err) != FW_OK)
            fail_msg("%s: %s", n->path, err.message);
    return loss_of(e, g, n_forward);
}

/* A few weights of every parameter. */
static void check_gradients(const struct network *n, struct fw_exec *e, struct fw_graph *g,
                            uint32_t n_forward)
{
    uint64_t random = 11;
    for (uint32_t id = 0; id < g->n_tensors; id++) {
        const struct fw_tensor *t = &g->tensors[id];
        if (t->kind != FW_KIND_GRADIENT || t->of == FW_NONE)
            continue;
        struct fw_buffer *w = fw_exec_value(e, t->of);
        size_t i = (size_t)(fw_random(&random) % w->n);
        double at = fw_buffer_get(w, i);
        double found = fw_buffer_get(fw_exec_value(e, id), i);
        fw_buffer_put(w, i, at + n->step);
        double more = forward_again(n, e, g, n_forward);
        fw_buffer_put(w, i, at - n->step);
        double less = forward_again(n, e, g, n_forward);
        fw_buffer_put(w, i, at);
        double want = (more - less) / (2 * n->step);
        if (!(fabs(want - found) <= 1e-4 * fmax(1, fmax(fabs(want), fabs(more)))))
            fail_msg("%s: gradient of %s at %zu: wanted %g, found %g", n->path,
                     g->tensors[t->of].name, i, want, found);
    }
}

static void run_network(const struct network *n)
{
    struct fw_error err;
    struct fw_study *study = open_study(n);
    struct fw_graph *g = &study->analysis.model.graph;
    uint32_t n_forward = study->analysis.n_forward;
    struct fw_exec_options o = {.build = FW_COUNTED, .seed = 7};
    struct fw_exec *e = NULL;
    if (fw_exec_new(&e, g, &o, &err) != FW_OK || fw_exec_fill(e, &err) != FW_OK)
        fail_msg("%s: %s", n->path, err.message);
    fw_exec_seed(e, 7);
    uint32_t checked = 0;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        uint64_t tally[FW_N_TALLIES];
        if (g->nodes[id].phase == FW_PHASE_UPDATE && checked++ == 0 && n->step > 0)
            check_gradients(n, e, g, n_forward);
        if (fw_exec_node(e, id, tally, &err) != FW_OK)
            fail_msg("%s: %s", n->path, err.message);
        check_node(n, g, id, tally);
    }
    assert_true(isfinite(loss_of(e, g, n_forward)));
    fw_exec_free(e);
    fw_study_free(study);
}

void test_exec__built_networks(void **state)
{
    (void)state;
    static const struct network networks[] = {
        {"zoo:onenet,batch=3", NULL, "sgd", 1e-5},
        {"zoo:linearnet,batch=2,size=4", NULL, "adam", 1e-5},
        {"zoo:convnet,batch=2,size=16", NULL, "momentum", 1e-6},
        {"zoo:deeperconvnet,batch=2,size=16,n=3", NULL, "sgd", 1e-6},
        {"zoo:lstm,batch=2,seq=3", NULL, "adamw", 1e-5},
        {"zoo:gru,batch=2,seq=3,both=1", NULL, "sgd", 1e-5},
        {"zoo:rnn,batch=2,seq=3,layers=2", NULL, "sgd", 1e-5},
        {"zoo:resnet18,batch=1,size=32", NULL, "sgd", 0},
        {"zoo:gpt2,layers=2,width=32,heads=4,vocab=61,batch=2,seq=6", NULL, "adamw", 1e-5},
    };
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        run_network(&networks[i]);
}

/* Time is up: the next node does not begin, and is named. */
void test_exec__time(void **state)
{
    (void)state;
    static const struct network n = {"zoo:onenet,batch=3", NULL, "sgd", 0};
    struct fw_study *study = open_study(&n);
    struct fw_graph *g = &study->analysis.model.graph;
    struct fw_exec_options o = {.build = FW_PLAIN, .seed = 7};
    struct fw_exec *e = NULL;
    struct fw_error err;
    assert_int_equal(fw_exec_new(&e, g, &o, &err), FW_OK);
    assert_int_equal(fw_exec_fill(e, &err), FW_OK);
    assert_non_null(g->alloc->limits);
    g->alloc->limits->deadline_ms = 1;
    assert_int_equal(fw_exec_run(e, 0, g->n_nodes, &err), FW_LIMIT);
    assert_non_null(strstr(err.message, "node '"));
    assert_non_null(strstr(err.message, "--limit time=N"));
    fw_exec_free(e);
    fw_study_free(study);
}

void test_exec__files(void **state)
{
    (void)state;
    static const struct network networks[] = {
        {"tests/models/lstm.onnx", NULL, "sgd", 1e-5},
        {"tests/models/lstm_bi.onnx", NULL, "sgd", 1e-5},
        {"tests/models/gru.onnx", NULL, "sgd", 1e-5},
        {"tests/models/squeezenet1_1.onnx", "1x3x64x64", "sgd", 0},
        {"tests/models/mobilenet_v2.onnx", "1x3x32x32", "sgd", 0},
        {"tests/models/transformer_encoder.onnx", NULL, "sgd", 0},
    };
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        run_network(&networks[i]);
}
