/* Executes an operator case over the reference kernels and checks, forward and backward:
 *     shapes     what a kernel gives has the shape that inference says (the executor insists)
 *     counts     operations executed by class == the row's cost, exactly
 *     results    the plain build (float) agrees with the counted one (double)
 *     gradients  agree with central differences of the forward node, in double
 * Sizes and contents follow from the seed, which is printed when something fails. Cases of rows
 * without a kernel, of open tensors and of more than MOST operations are left out here:
 * ops/kernels_test.c knows the rows that may have none. */
#include "support/op_bench.h"

#include "engine/exec.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST 4000000 // operations of a case
#define POINTS 10    // elements of an input whose gradient is compared
#define STEP 1e-5    // of the central differences
#define GRADIENT_ERROR 2e-6
#define FLOAT_ERROR 2e-4

static bool executable(const struct fw_graph *g, const struct fw_node *n)
{
    if (n->op->run[FW_PLAIN] == NULL && !(n->op->flags & FW_OP_VIEW))
        return false;
    for (unsigned i = 0; i < n->n_in; i++) {
        const struct fw_tensor *t = fw_tensor_at(g, n->in[i]);
        if (t != NULL && (t->rank == FW_RANK_UNKNOWN || t->dtype == FW_STRING))
            return false;
        for (unsigned k = 0; t != NULL && k < t->rank; k++)
            if (!fw_dim_is_const(t->dims[k]))
                return false;
    }
    return true;
}

static bool is_small(struct bench *b, const struct fw_node *n)
{
    struct fw_cost cost = {{{0}}};
    struct fw_node copy = *n;
    b->cx.node = &copy;
    n->op->cost(&b->cx, &cost);
    for (unsigned k = 0; k < FW_N_CLASSES; k++)
        if (fw_count_is_const(cost.n[k]) && cost.n[k].word > MOST)
            return false;
    return true;
}

static struct fw_exec *open_exec(struct bench *b, enum fw_build build)
{
    struct fw_exec *e = NULL;
    struct fw_exec_options o = {.build = build, .seed = b->seed};
    if (fw_exec_new(&e, &b->g, &o, &b->err) != FW_OK)
        wrong(b, "executor", "one", b->err.message);
    return e;
}

/* Inputs in the case's range; the rest is filled as the executor does it. */
static void fill(struct bench *b, struct fw_exec *e, const uint32_t *dy)
{
    uint64_t state = b->seed * 77;
    const struct fw_node *n = &b->g.nodes[b->node];
    for (unsigned i = 0; i < n->n_in && b->want->low < b->want->high; i++) {
        const struct fw_tensor *t = fw_tensor_at(&b->g, n->in[i]);
        struct fw_buffer *v;
        if (t == NULL || t->value != NULL || fw_dtypes[t->dtype].class != 'f')
            continue;
        if (fw_exec_give(e, n->in[i], 0, NULL, &v, &b->err) != FW_OK)
            wrong(b, "input", "memory", b->err.message);
        for (size_t k = 0; k < v->n; k++)
            fw_buffer_put(v, k,
                          (double)(float)(b->want->low +
                                          fw_random_unit(&state) * (b->want->high - b->want->low)));
    }
    for (unsigned o = 0; dy != NULL && o < b->n_out; o++) {
        struct fw_buffer *v;
        if (dy[o] != FW_NONE && fw_exec_give(e, dy[o], 0, NULL, &v, &b->err) == FW_OK)
            for (size_t k = 0; k < v->n; k++)
                fw_buffer_put(v, k, b->want->starts ? 1 : (double)(float)fw_random_normal(&state));
    }
    if (fw_exec_fill(e, &b->err) != FW_OK)
        wrong(b, "inputs", "contents", b->err.message);
}

/* The same contents as in the counted executor. */
static void copy_leaves(struct bench *b, struct fw_exec *from, struct fw_exec *to)
{
    for (uint32_t id = 0; id < b->g.n_tensors; id++) {
        const struct fw_buffer *v = fw_exec_value(from, id);
        struct fw_buffer *w;
        if (b->g.tensors[id].producer != FW_NONE || v->data == NULL)
            continue;
        if (fw_exec_give(to, id, v->rank, v->dims, &w, &b->err) != FW_OK)
            wrong(b, "input", "memory", b->err.message);
        bool real = fw_dtypes[v->dtype].class == 'f';
        bool complex_ = fw_dtypes[v->dtype].class == 'c';
        for (size_t k = 0; k < (complex_ ? 2 * v->n : v->n); k++)
            if (real || complex_)
                ((float *)w->data)[k] = (float)((const double *)v->data)[k];
            else
                fw_buffer_put_int(w, k, fw_buffer_int(v, k));
    }
}

static void check_counts(struct bench *b, uint32_t id, const uint64_t *tally)
{
    struct fw_node *n = &b->g.nodes[id];
    struct fw_cost cost = {{{0}}};
    b->cx.node = n;
    n->op->cost(&b->cx, &cost);
    static const char *const names[FW_N_TALLIES] = {
        "fma", "add", "mul", "div", "sqrt", "minmax", "special", "exp", "log", "tanh", "erf"};
    for (unsigned k = 0; k < FW_N_TALLIES; k++) {
        bool open = !fw_count_is_const(cost.n[k]); // a letter for what the contents decide
        if (open || fw_count_is(cost.n[k], (fw_i128)tally[k]))
            continue;
        char what[96];
        char want[40];
        char found[40];
        snprintf(what, sizeof what, "%s executed by %s", names[k], n->op->name);
        snprintf(want, sizeof want, "%lld",
                 fw_count_is_const(cost.n[k]) ? (long long)cost.n[k].word : -1LL);
        snprintf(found, sizeof found, "%llu", (unsigned long long)tally[k]);
        wrong(b, what, want, found);
    }
}

/* False where a kernel names the node as one it does not do. */
static bool execute_all(struct bench *b, struct fw_exec *e, bool counted)
{
    for (uint32_t id = 0; id < b->g.n_nodes; id++) {
        uint64_t tally[FW_N_TALLIES];
        enum fw_status status = fw_exec_node(e, id, tally, &b->err);
        if (status == FW_UNSUPPORTED)
            return false;
        if (status != FW_OK)
            wrong(b, "execution", "success", b->err.message);
        if (counted && !(b->g.nodes[id].flags & FW_NODE_SHAPE))
            check_counts(b, id, tally);
    }
    return true;
}

static double part_of(const struct fw_buffer *v, size_t i)
{
    return v->real == sizeof(float) ? (double)((const float *)v->data)[i]
                                    : ((const double *)v->data)[i];
}

static void check_same(struct bench *b, uint32_t id, const struct fw_buffer *plain,
                       const struct fw_buffer *counted)
{
    uint32_t producer = b->g.tensors[id].producer;
    const struct fw_node *n = &b->g.nodes[producer != FW_NONE ? producer : b->node];
    bool real = fw_dtypes[counted->dtype].class == 'f';
    bool complex_ = fw_dtypes[counted->dtype].class == 'c';
    size_t each = complex_ ? 2 * counted->n : counted->n;
    double scale = 1e-3;
    assert_int_equal(plain->n, counted->n);
    for (size_t i = 0; (real || complex_) && i < each; i++)
        if (isfinite(part_of(counted, i)))
            scale = fmax(scale, fabs(part_of(counted, i)));
    for (size_t i = 0; i < each; i++) {
        double x = real || complex_ ? part_of(plain, i) : (double)fw_buffer_int(plain, i);
        double y = real || complex_ ? part_of(counted, i) : (double)fw_buffer_int(counted, i);
        bool same = real || complex_ ? fabs(x - y) <= FLOAT_ERROR * scale : x == y;
        char what[96];
        char found[64];
        char want[64];
        snprintf(what, sizeof what, "element %zu of a tensor of %s in float", i, n->op->name);
        snprintf(want, sizeof want, "%.9g", y);
        snprintf(found, sizeof found, "%.9g", x);
        if (!same && !(isnan(x) && isnan(y)) && isfinite(y))
            wrong(b, what, want, found);
    }
}

/* sum of dy*y over the outputs that have a gradient, after the forward node ran again. */
static double objective(struct bench *b, struct fw_exec *e, const uint32_t *dy)
{
    double sum = 0;
    fw_exec_seed(e, b->seed);
    if (fw_exec_node(e, b->node, NULL, &b->err) != FW_OK)
        wrong(b, "execution", "success", b->err.message);
    for (unsigned o = 0; o < b->n_out; o++) {
        if (dy[o] == FW_NONE)
            continue;
        const struct fw_buffer *y = fw_exec_value(e, b->forward.out[o]);
        const struct fw_buffer *d = fw_exec_value(e, dy[o]);
        for (size_t i = 0; i < y->n && d->data != NULL; i++)
            sum += fw_buffer_get(d, i) * fw_buffer_get(y, i);
    }
    return sum;
}

static void check_gradient(struct bench *b, struct fw_exec *e, const uint32_t *dy, unsigned input,
                           const struct fw_buffer *dx)
{
    uint64_t state = b->seed;
    struct fw_buffer *x = fw_exec_value(e, b->forward.in[input]);
    for (unsigned k = 0; k < POINTS && x->n > 0; k++) {
        size_t i = x->n <= POINTS ? k % x->n : (size_t)(fw_random(&state) % x->n);
        double at = fw_buffer_get(x, i);
        fw_buffer_put(x, i, at + STEP);
        double more = objective(b, e, dy);
        fw_buffer_put(x, i, at - STEP);
        double less = objective(b, e, dy);
        fw_buffer_put(x, i, at);
        double want = (more - less) / (2 * STEP);
        double found = fw_buffer_get(dx, i);
        char what[96];
        char w[64];
        char f[64];
        snprintf(what, sizeof what, "gradient of input %u at element %zu", input, i);
        snprintf(w, sizeof w, "%.9g", want);
        snprintf(f, sizeof f, "%.9g", found);
        if (!(fabs(want - found) <= GRADIENT_ERROR * fmax(1, fmax(fabs(want), fabs(more)))))
            wrong(b, what, w, f);
    }
}

/* Everything that was computed, and what updates changed in place. */
static void compare_builds(struct bench *b, struct fw_exec *plain, struct fw_exec *counted)
{
    for (uint32_t id = 0; id < b->g.n_tensors; id++) {
        const struct fw_buffer *v = fw_exec_value(plain, id);
        if (v->data != NULL && !v->open)
            check_same(b, id, v, fw_exec_value(counted, id));
    }
}

static bool run_checks(struct bench *b)
{
    uint32_t dy[OP_CASE_PORTS];
    uint32_t dx[OP_CASE_PORTS];
    bool grads =
        b->want->gradient || b->want->backward_input != NULL || b->want->backward_weight != NULL;
    if (grads) {
        op_bench_grad(b, dy, dx);
        for (uint32_t id = 0; id < b->g.n_nodes; id++)
            if (!executable(&b->g, &b->g.nodes[id]) || !is_small(b, &b->g.nodes[id]))
                return false;
    }
    struct fw_exec *e = open_exec(b, FW_COUNTED);
    fill(b, e, grads ? dy : NULL);
    struct fw_exec *plain = open_exec(b, FW_PLAIN);
    copy_leaves(b, e, plain);
    fw_exec_seed(e, b->seed);
    fw_exec_seed(plain, b->seed);
    bool done = execute_all(b, plain, false) && execute_all(b, e, true);
    if (done)
        compare_builds(b, plain, e);
    fw_exec_free(plain);
    for (unsigned i = 0; done && grads && !b->want->rough && i < b->n_in; i++)
        if (dx[i] != FW_NONE && fw_dtypes[b->g.tensors[dx[i]].dtype].class == 'f')
            check_gradient(b, e, dy, i, fw_exec_value(e, dx[i]));
    fw_exec_free(e);
    return done;
}

bool op_case_execute(const struct op_case *want, uint64_t seed)
{
    struct bench b;
    bool done = false;
    if (want->not_run != NULL)
        return false;
    op_bench_open(&b, want, seed);
    if (executable(&b.g, &b.g.nodes[b.node])) {
        if (b.op->infer(&b.cx) != FW_OK)
            wrong(&b, "inference of the bound case", "success", b.err.message);
        if (is_small(&b, &b.g.nodes[b.node]))
            done = run_checks(&b);
    }
    op_bench_close(&b);
    return done;
}

void op_cases_execute(const struct op_case *cases, size_t n)
{
    if (op_cases_write(cases, n))
        return;
    for (size_t i = 0; i < n; i++)
        for (uint64_t seed = 1; seed <= OP_CASE_SEEDS; seed++)
            if (!op_case_execute(&cases[i], seed))
                fail_msg("%s has no kernel, or one of its gradient's rows", cases[i].name);
}
