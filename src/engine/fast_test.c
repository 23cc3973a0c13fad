/* Fast against reference: every row that has a fast path (the slot `fast` of its row), forward and
 * backward, by the engine with oneDNN and two threads, against the reference kernels in double.
 *
 * A case is a template: $x is a size drawn from the range of letter x. Sizes and contents follow
 * from the seed, which is printed when something differs. A tensor agrees when no element is
 * further away than TOLERANCE of its largest one. At the end every row must have been seen. */
#include "ops/fast.h"
#include "engine/engine.h"
#include "engine/exec.h"
#include "support/op_bench.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE 1e-4
enum { SEEDS = 4, MAX_ROWS = 512, TEXT = 160 };

static const struct {
    char letter;
    unsigned least, most;
} ranges[] = {
    {'n', 1, 3}, {'c', 1, 40}, {'d', 1, 40},  {'h', 9, 20}, {'w', 9, 20}, {'g', 2, 4},
    {'k', 1, 4}, {'j', 2, 4},  {'m', 1, 300}, {'s', 1, 3},  {'l', 1, 2},  {'p', 0, 1},
};

static const struct op_case templates[] = {
    {.name = "Conv",
     .attrs = "strides=$s,1 dilations=1,$l pads=$p,1,0,$p",
     .in = {"*f32[$n,$c,$h,$w]", "param f32[$d,$c,$k,$j]", "param f32[$d]"},
     .out = {""}},
    {.name = "Conv",
     .attrs = "strides=$s,$s",
     .in = {"*f32[$n,$c,$h,$w]", "param f32[$d,$c,1,1]"},
     .out = {""}},
    {.name = "Conv",
     .attrs = "group=$g pads=1,1,1,1",
     .in = {"*f32[$n,$g*$c,$h,$w]", "param f32[$g*$d,$c,$j,$j]"},
     .out = {""}},
    {.name = "Conv",
     .attrs = "group=$c strides=$s,$s pads=1,1,1,1",
     .in = {"*f32[$n,$c,$h,$w]", "param f32[$c,1,$j,$j]", "param f32[$c]"},
     .out = {""}},
    {.name = "Conv",
     .attrs = "pads=$p,1",
     .in = {"*f32[$n,$c,$m+4]", "param f32[$d,$c,$k]"},
     .out = {""}},
    {.name = "Conv", .in = {"*f32[$n,$c,6,$h,7]", "param f32[$d,$c,2,3,$j]"}, .out = {""}},
    {.name = "MatMul", .in = {"*f32[$n,$m,$c]", "*f32[$n,$c,$d]"}, .out = {""}},
    {.name = "MatMul", .in = {"*f32[$m,$c]", "param f32[$c,$d]"}, .out = {""}},
    {.name = "Gemm",
     .attrs = "transB=1",
     .in = {"*f32[$m,$c]", "param f32[$d,$c]", "param f32[$d]"},
     .out = {""}},
    {.name = "Gemm", .attrs = "transA=1", .in = {"*f32[$c,$m]", "param f32[$c,$d]"}, .out = {""}},
    {.domain = "com.microsoft",
     .name = "FusedMatMul",
     .attrs = "transB=1",
     .in = {"*f32[$n,$m,$c]", "param f32[$d,$c]"},
     .out = {""}},
    {.domain = "com.microsoft",
     .name = "TransposeMatMul",
     .attrs = "transB=1",
     .in = {"*f32[$n,$m,$c]", "param f32[$d,$c]"},
     .out = {""}},
    {.name = "BatchNormalization",
     .attrs = "epsilon=0.001 momentum=0.7",
     .in = {"*f32[$n,$c,$h,$w]", "param f32[$c]", "param f32[$c]", "f32[$c]", "f32[$c]"},
     .out = {""},
     .train = true},
    {.name = "BatchNormalization",
     .in = {"*f32[$n,$c,$h,$w]", "param f32[$c]", "param f32[$c]", "f32[$c]", "f32[$c]"},
     .out = {""}},
    {.name = "MaxPool",
     .attrs = "kernel_shape=$j,3 strides=$s,2 pads=1,$p,1,1",
     .in = {"*f32[$n,$c,$h,$w]"},
     .out = {"", ""},
     .no_dy = 2},
    {.name = "MaxPool",
     .attrs = "kernel_shape=$j,3 strides=$s,2 pads=1,$p,1,1",
     .in = {"*f32[$n,$c,$h,$w]"},
     .out = {"", ""},
     .no_dy = 2,
     .train = true},
    {.name = "MaxPool",
     .attrs = "kernel_shape=$j strides=$s",
     .in = {"*f32[$n,$c,$m+4]"},
     .out = {"", ""},
     .no_dy = 2,
     .train = true},
    {.name = "AveragePool",
     .attrs = "kernel_shape=$j,2 strides=1,$s pads=1,$p,0,1",
     .in = {"*f32[$n,$c,$h,$w]"},
     .out = {""}},
    {.name = "AveragePool",
     .attrs = "kernel_shape=2,$j pads=$p,1,1,1 count_include_pad=1",
     .in = {"*f32[$n,$c,$h,$w]"},
     .out = {""}},
    {.name = "GlobalAveragePool", .in = {"*f32[$n,16*$g,$h,$w]"}, .out = {""}},
    {.name = "GlobalAveragePool", .in = {"*f32[$n,$c,$h,$w]"}, .out = {""}},
};

/* ---- templates ---- */

static unsigned draw(char letter, uint64_t seed)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].letter == letter) {
            uint64_t state = seed * 256 + (unsigned char)letter;
            uint64_t n = ranges[i].most - ranges[i].least + 1;
            return ranges[i].least + (unsigned)(fw_random(&state) % n);
        }
    fail_msg("no range of sizes for $%c", letter);
    return 0;
}

static const char *drawn(const char *text, uint64_t seed, char *ret)
{
    size_t n = 0;
    if (text == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        assert_true(n + 12 < TEXT);
        if (*text == '$')
            n += (size_t)snprintf(ret + n, TEXT - n, "%u", draw(*++text, seed));
        else
            ret[n++] = *text;
    }
    ret[n] = '\0';
    return ret;
}

/* ---- the two ways ---- */

struct pair {
    struct bench b;
    struct fw_exec *exact;
    struct fw_engine *fast;
    struct fw_place *at; // (n_tensors) each its own, with room for blocks of channels
    struct fw_places places;
};

static void give_places(struct pair *p)
{
    const struct fw_graph *g = &p->b.g;
    p->at = fw_arena_array(&p->b.arena, g->n_tensors + 1u, sizeof *p->at);
    assert_non_null(p->at);
    p->places = (struct fw_places){.at = p->at, .n_tensors = g->n_tensors};
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        fw_count n = fw_tensor_elements(g, &g->tensors[i]);
        assert_true(fw_count_is_const(n));
        p->at[i] = (struct fw_place){.bytes = ((uint64_t)n.word * 8 + 64) * 16,
                                     .offset = p->places.fixed_bytes,
                                     .root = i,
                                     .fixed = true};
        p->places.fixed_bytes += p->at[i].bytes;
    }
}

static bool is_real(const struct fw_tensor *t)
{
    return t->dtype == FW_F32;
}

static float *as_floats(const struct fw_buffer *v)
{
    float *ret = malloc(v->n * sizeof *ret + 1);
    assert_non_null(ret);
    for (size_t k = 0; k < v->n; k++)
        ret[k] = (float)fw_buffer_get(v, k);
    return ret;
}

static void start(struct pair *p, const uint32_t *dy)
{
    struct bench *b = &p->b;
    struct fw_exec_options how = {.build = FW_COUNTED, .seed = b->seed};
    uint64_t state = b->seed * 91;
    assert_int_equal(fw_exec_new(&p->exact, &b->g, &how, &b->err), FW_OK);
    for (unsigned o = 0; o < b->n_out; o++) {
        struct fw_buffer *v;
        if (dy[o] != FW_NONE && fw_exec_give(p->exact, dy[o], 0, NULL, &v, &b->err) == FW_OK)
            for (size_t k = 0; k < v->n; k++)
                fw_buffer_put(v, k, fw_random_normal(&state));
    }
    for (unsigned i = 0; i < b->n_in && b->want->low < b->want->high; i++) {
        struct fw_buffer *v;
        if (fw_exec_give(p->exact, b->g.nodes[b->node].in[i], 0, NULL, &v, &b->err) == FW_OK)
            for (size_t k = 0; k < v->n; k++)
                fw_buffer_put(
                    v, k, b->want->low + fw_random_unit(&state) * (b->want->high - b->want->low));
    }
    assert_int_equal(fw_exec_fill(p->exact, &b->err), FW_OK);
    give_places(p);
    struct fw_engine_options fast = {.fast = true, .n_threads = 2, .seed = 1};
    if (fw_engine_new(&p->fast, &b->g, &p->places, &fast, &fw_alloc_default, &b->err) != FW_OK)
        wrong(b, "engine", "one", b->err.message);
    for (uint32_t i = 0; i < b->g.n_tensors; i++) {
        const struct fw_buffer *v = fw_exec_value(p->exact, i);
        if (b->g.tensors[i].producer != FW_NONE || v->data == NULL || !is_real(&b->g.tensors[i]))
            continue;
        float *data = as_floats(v);
        assert_int_equal(fw_engine_write(p->fast, i, data, v->n * sizeof *data, &b->err), FW_OK);
        free(data);
    }
}

static void compare(struct pair *p, uint32_t id)
{
    struct bench *b = &p->b;
    const struct fw_buffer *v = fw_exec_value(p->exact, id);
    float *found = malloc(v->n * sizeof *found + 1);
    double largest = 1e-6;
    assert_non_null(found);
    if (fw_engine_read(p->fast, id, found, v->n * sizeof *found, &b->err) != FW_OK)
        wrong(b, "a tensor of the engine", "contents", b->err.message);
    for (size_t k = 0; k < v->n; k++)
        if (isfinite(fw_buffer_get(v, k)))
            largest = fmax(largest, fabs(fw_buffer_get(v, k)));
    for (size_t k = 0; k < v->n; k++) {
        double want = fw_buffer_get(v, k);
        char what[96], w[40], f[40];
        bool same = want == (double)found[k] || (isnan(want) && isnan(found[k]));
        if (same || fabs(want - (double)found[k]) <= TOLERANCE * largest)
            continue;
        snprintf(what, sizeof what, "element %zu of a tensor of %s", k,
                 b->g.nodes[b->g.tensors[id].producer].op->name);
        snprintf(w, sizeof w, "%.9g", want);
        snprintf(f, sizeof f, "%.9g", (double)found[k]);
        wrong(b, what, w, f);
    }
    free(found);
}

/* ---- one case ---- */

static const struct fw_op *seen[MAX_ROWS]; // rows that fast kernels did
static unsigned n_seen;

static void note_rows(const struct pair *p)
{
    for (uint32_t id = 0; id < p->b.g.n_nodes; id++) {
        uint32_t by = id;
        const char *kernel = fw_engine_kernel(p->fast, id, &by);
        bool fast = by != id || (kernel != NULL && strcmp(kernel, "plain C") != 0);
        if (fast && n_seen < MAX_ROWS)
            seen[n_seen++] = p->b.g.nodes[id].op;
    }
}

/* False when inference does not take the case. */
static bool run_case(const struct op_case *c, uint64_t seed)
{
    struct pair p = {0};
    struct bench *b = &p.b;
    uint32_t dy[OP_CASE_PORTS], dx[OP_CASE_PORTS];
    op_bench_open(b, c, seed);
    bool fits = b->op->infer(&b->cx) == FW_OK;
    for (unsigned o = 0; o < b->n_out && fits; o++)
        fits = fw_dtype_is_float((enum fw_dtype)b->g.tensors[b->g.nodes[b->node].out[o]].dtype) ||
               o > 0;
    if (fits) {
        b->g.training = true;
        op_bench_grad(b, dy, dx);
        for (uint32_t id = b->node + 1; id < b->g.n_nodes; id++)
            b->g.nodes[id].layer = b->node;
        start(&p, dy);
        if (fw_exec_run(p.exact, 0, b->g.n_nodes, &b->err) != FW_OK ||
            fw_engine_run(p.fast, false, NULL, &b->err) != FW_OK)
            wrong(b, "execution", "success", b->err.message);
        for (uint32_t id = 0; id < b->g.n_tensors; id++)
            if (b->g.tensors[id].producer != FW_NONE && is_real(&b->g.tensors[id]))
                compare(&p, id);
        note_rows(&p);
        fw_engine_free(p.fast);
        fw_exec_free(p.exact);
    }
    op_bench_close(b);
    return fits;
}

static void run_template(const struct op_case *t, uint64_t seed)
{
    char attrs[TEXT], in[OP_CASE_PORTS][TEXT];
    struct op_case c = *t;
    c.attrs = drawn(t->attrs, seed, attrs);
    for (unsigned i = 0; i < OP_CASE_PORTS; i++)
        c.in[i] = drawn(t->in[i], seed, in[i]);
    if (!run_case(&c, seed))
        fail_msg("%s(%s) %s: does not fit", c.name, c.in[0], c.attrs != NULL ? c.attrs : "");
}

static bool was_seen(const struct fw_op *op)
{
    for (unsigned i = 0; i < n_seen; i++)
        if (seen[i] == op)
            return true;
    return false;
}

static void need_library(void)
{
    if (strcmp(fw_dnn_version(), "none") != 0)
        return;
    print_message("oneDNN is not installed\n");
    skip();
}

void test_fast__library_as_reference(void **state)
{
    (void)state;
    need_library();
    n_seen = 0;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            run_template(&templates[i], seed);
    unsigned missing = 0;
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            // updates are pointwise: engine_test.c runs whole steps
            bool update = strncmp(op->name, "Update", 6) == 0;
            if (op->fast == NULL || op->fast == fw_fast_pointwise || update || was_seen(op))
                continue;
            print_message("%s:%s has a fast path that no case takes\n", op->domain, op->name);
            missing++;
        }
    assert_int_equal(missing, 0);
}

/* Rows of one or two tensors whose elements stand alone: cut into pieces for two threads, in any
 * common order. */
void test_fast__pieces_as_reference(void **state)
{
    (void)state;
    need_library();
    unsigned n = 0;
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            if (op->fast != fw_fast_pointwise || op->min_in > 2 || op->min_out != 1 ||
                (op->flags & FW_OP_INTERNAL) || op->run[FW_PLAIN] == NULL)
                continue;
            struct op_case c = {.domain = op->domain, .name = op->name, .out = {""}};
            for (unsigned k = 0; k < op->min_in; k++)
                c.in[k] = "*f32[3,19,17,19]";
            c.low = 0.2; // then from 1 on, for those that begin there
            c.high = 0.8;
            n += run_case(&c, 1 + i);
            c.low = 1.1;
            c.high = 1.5;
            n += run_case(&c, 1 + i);
        }
    assert_true(n > 60);
}
