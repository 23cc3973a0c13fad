/* Fast against reference: every row that has a fast path (the slot `fast` of its row), forward and
 * backward, by the engine with oneDNN and two threads, against the reference kernels in double.
 *
 * A case is a template: $x is a size drawn from the range of letter x. Sizes and contents follow
 * from the seed, which is printed when something differs. A tensor agrees when no element is
 * further away than TOLERANCE of its largest one. At the end every row must have been seen. */
#include "ops/fast.h"
#include "engine/engine_impl.h"
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

/* Rows whose own kernels share their work, each large enough for that. */
#define MS .domain = "com.microsoft"
#define LINES(name_, ...)                                                   \
    {                                                                       \
        .name = name_, .in = {"*f32[3,50,131]", __VA_ARGS__}, .out = { "" } \
    }
#define LINES_TRAINED(name_, ...)                                                         \
    {                                                                                     \
        .name = name_, .in = {"*f32[3,50,131]", __VA_ARGS__}, .out = {""}, .train = true, \
        .no_dy = 0xe                                                                      \
    }
static const struct op_case shared[] = {
    {.name = "Ceil", .in = {"f32[130,131]"}, .out = {""}},
    {.name = "Floor", .in = {"f32[130,131]"}, .out = {""}},
    {.name = "Round", .in = {"f32[130,131]"}, .out = {""}},
    {.name = "Sign", .in = {"f32[130,131]"}, .out = {""}},
    {.name = "Not", .in = {"bool[130,131]"}, .out = {""}},
    {.name = "BitwiseNot", .in = {"i32[130,131]"}, .out = {""}},
    {.name = "Affine", .attrs = "alpha=2 beta=0.5", .in = {"f32[130,131]"}, .out = {""}},
    {MS, .name = "QuickGelu", .in = {"f32[130,131]"}, .out = {""}},
    {.name = "Add", .in = {"*f32[3,50,131]", "*f32[50,1]"}, .out = {""}}, // sums back
    LINES("Softmax", NULL),
    LINES("LogSoftmax", NULL),
    {.name = "Hardmax", .in = {"f32[130,131]"}, .out = {""}},
    {.name = "LayerNormalization", .in = {"f32[130,131]", "f32[131]"}, .out = {""}},
    {MS, .name = "LayerNormalization", .in = {"f32[130,131]", "f32[131]"}, .out = {""}},
    {.name = "RMSNormalization", .in = {"f32[130,131]", "f32[131]"}, .out = {""}},
    {.name = "SimplifiedLayerNormalization", .in = {"f32[130,131]", "f32[131]"}, .out = {""}},
    {MS, .name = "SimplifiedLayerNormalization", .in = {"f32[130,131]", "f32[131]"}, .out = {""}},
    {MS, .name = "SkipLayerNormalization", .in = {"f32[3,50,131]", "f32[3,50,131]", "f32[131]"},
     .out = {""}},
    {MS, .name = "SkipSimplifiedLayerNormalization",
     .in = {"f32[3,50,131]", "f32[3,50,131]", "f32[131]"}, .out = {""}},
    LINES_TRAINED("LayerNormalization", "param f32[131]", "param f32[131]"),
    LINES_TRAINED("RMSNormalization", "param f32[131]"),
    {MS, .name = "SkipLayerNormalization",
     .in = {"*f32[3,50,131]", "*f32[3,50,131]", "param f32[131]"}, .out = {""}, .train = true,
     .no_dy = 0xe},
    {MS, .name = "SkipSimplifiedLayerNormalization",
     .in = {"*f32[3,50,131]", "*f32[3,50,131]", "param f32[131]"}, .out = {""}, .train = true,
     .no_dy = 0xe},
    {.name = "SoftmaxCrossEntropyLoss",
     .in = {"*f32[130,131]", "i64[130]"},
     .out = {"", ""},
     .no_dy = 2,
     .train = true},
    {.name = "SoftmaxCrossEntropyLoss",
     .attrs = "reduction=sum",
     .in = {"*f32[3,131,50]", "i64[3,50]"},
     .out = {"", ""},
     .no_dy = 2,
     .train = true},
    {.domain = "flopwise",
     .name = "CrossEntropy",
     .in = {"*f32[130,131]", "i64[130]"},
     .out = {"", ""},
     .no_dy = 2,
     .starts = true},
    {.name = "Dropout",
     .in = {"*f32[130,131]", "f32[]=0.3"},
     .out = {"", ""},
     .no_dy = 2,
     .train = true},
    {.domain = "flopwise",
     .name = "Attend",
     .attrs = "num_heads=8 kv_num_heads=4",
     .in = {"f32[3,90,64]", "f32[3,90,32]", "f32[3,90,32]"},
     .out = {""}},
    {.domain = "flopwise",
     .name = "Attend",
     .attrs = "num_heads=8 kv_num_heads=4 dropout=0.2",
     .in = {"*f32[3,40,64]", "*f32[3,40,32]", "*f32[3,40,32]"},
     .out = {"", "", "", "", ""},
     .no_dy = 0x1e,
     .train = true},
    {.name = "Attention", .in = {"f32[3,5,40,16]", "f32[3,5,70,16]", "f32[3,5,70,4]"}, .out = {""}},
    {.name = "Attention",
     .in = {"*f32[3,5,40,8]", "*f32[3,5,70,8]", "*f32[3,5,70,4]"},
     .out = {"", "", "", "", ""},
     .no_dy = 0x1e,
     .train = true},
    {MS, .name = "Attention", .attrs = "num_heads=3",
     .in = {"f32[3,70,96]", "f32[96,72]", "f32[72]"}, .out = {""}},
    {MS, .name = "Attention", .attrs = "num_heads=3",
     .in = {"*f32[3,70,24]", "param f32[24,72]", "param f32[72]"}, .out = {"", "", "", ""},
     .no_dy = 0xe, .train = true},
    {MS, .name = "MultiHeadAttention", .attrs = "num_heads=3",
     .in = {"f32[3,70,96]", "f32[3,80,96]", "f32[3,80,96]", "f32[288]"}, .out = {""}},
    {MS, .name = "MultiHeadAttention", .attrs = "num_heads=3",
     .in = {"*f32[3,70,96]", "*f32[3,80,96]", "*f32[3,80,96]", "param f32[288]"},
     .out = {"", "", "", "", ""}, .no_dy = 0x1e, .train = true},
    {MS, .name = "GroupQueryAttention", .attrs = "num_heads=8 kv_num_heads=4",
     .in = {"f32[1,70,256]", "f32[1,70,128]", "f32[1,70,128]", "-", "-", "i32[1]=69", "i32[]=70"},
     .out = {"", "", ""}},
    {MS, .name = "GroupQueryAttention", .attrs = "num_heads=8 kv_num_heads=4 do_rotary=1",
     .in = {"*f32[1,70,256]", "*f32[1,70,128]", "*f32[1,70,128]", "-", "-", "i32[1]=69", "i32[]=70",
            "f32[99,16]", "f32[99,16]"},
     .out = {"", "", "", "", ""}, .no_dy = 0x1e, .train = true},
    {MS, .name = "DecoderMaskedMultiHeadAttention",
     .attrs = "num_heads=6 past_present_share_buffer=1",
     .in = {"f32[4,1,96]", "f32[4,1,96]", "f32[4,1,96]", "-", "-", "f32[4,6,64,16]",
            "f32[4,6,64,16]", "i32[1]=60"},
     .out = {"", "", ""}},
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
    p->places = (struct fw_places){.at = p->at};
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

/* Contents as the engine holds them. */
static void give(struct pair *p, uint32_t id)
{
    const struct fw_buffer *v = fw_exec_value(p->exact, id);
    enum fw_dtype dtype = (enum fw_dtype)v->dtype;
    size_t bytes = v->n * fw_element_bytes(dtype, sizeof(float));
    struct fw_buffer copy = *v;
    copy.real = sizeof(float);
    copy.data = malloc(bytes + 1);
    assert_non_null(copy.data);
    for (size_t k = 0; k < v->n; k++)
        if (fw_dtype_is_float(dtype))
            fw_buffer_put(&copy, k, fw_buffer_get(v, k));
        else
            fw_buffer_put_int(&copy, k, fw_buffer_int(v, k));
    assert_int_equal(fw_engine_write(p->fast, id, copy.data, bytes, &p->b.err), FW_OK);
    free(copy.data);
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
    for (uint32_t i = 0; i < b->g.n_tensors; i++)
        if (b->g.tensors[i].producer == FW_NONE && fw_exec_value(p->exact, i)->data != NULL)
            give(p, i);
    fw_exec_seed(p->exact, fast.seed);
}

static void compare(struct pair *p, uint32_t id)
{
    struct bench *b = &p->b;
    const struct fw_buffer *v = fw_exec_value(p->exact, id);
    size_t bytes = v->n * fw_element_bytes((enum fw_dtype)v->dtype, sizeof(float));
    struct fw_buffer found = *v;
    double largest = 1e-6;
    bool whole = !fw_dtype_is_float((enum fw_dtype)v->dtype);
    found.real = sizeof(float);
    found.data = malloc(bytes + 1);
    assert_non_null(found.data);
    if (fw_engine_read(p->fast, id, found.data, bytes, &b->err) != FW_OK)
        wrong(b, "a tensor of the engine", "contents", b->err.message);
    for (size_t k = 0; k < v->n && !whole; k++)
        if (isfinite(fw_buffer_get(v, k)))
            largest = fmax(largest, fabs(fw_buffer_get(v, k)));
    for (size_t k = 0; k < v->n; k++) {
        double want = fw_buffer_get(v, k), got = fw_buffer_get(&found, k);
        char what[96], w[40], f[40];
        bool same = want == got || (isnan(want) && isnan(got));
        if (same || (!whole && fabs(want - got) <= TOLERANCE * largest))
            continue;
        snprintf(what, sizeof what, "element %zu of a tensor of %s", k,
                 b->g.nodes[b->g.tensors[id].producer].op->name);
        snprintf(w, sizeof w, "%.9g", want);
        snprintf(f, sizeof f, "%.9g", got);
        wrong(b, what, w, f);
    }
    free(found.data);
}

/* The places of a library's maxima are in a form of its own. */
static bool is_compared(const struct pair *p, uint32_t id)
{
    const struct fw_tensor *t = &p->b.g.tensors[id];
    uint32_t by;
    const char *kernel =
        t->producer == FW_NONE ? NULL : fw_engine_kernel(p->fast, t->producer, &by);
    bool plain = kernel != NULL && strcmp(kernel, "plain C") == 0;
    return t->producer != FW_NONE && (plain || t->dtype == FW_F32);
}

/* ---- one case ---- */

struct rows {
    const struct fw_op *op[MAX_ROWS];
    unsigned n;
};
static struct rows fast_rows;   // that fast kernels did
static struct rows shared_rows; // whose own kernels shared the work among threads

static bool was_seen(const struct rows *rows, const struct fw_op *op)
{
    for (unsigned i = 0; i < rows->n; i++)
        if (rows->op[i] == op)
            return true;
    return false;
}

static void note(struct rows *rows, const struct fw_op *op)
{
    if (was_seen(rows, op))
        return;
    assert_true(rows->n < MAX_ROWS);
    rows->op[rows->n++] = op;
}

static void note_rows(const struct pair *p)
{
    const struct fw_graph *g = &p->b.g;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        uint32_t by = id;
        const char *kernel = fw_engine_kernel(p->fast, id, &by);
        bool plain = by == id && kernel != NULL && strcmp(kernel, "plain C") == 0, large = false;
        for (unsigned i = 0; i < (unsigned)n->n_in + n->n_out; i++) {
            uint32_t t = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
            large |= t != FW_NONE && fw_tensor_elements(g, &g->tensors[t]).word >= FW_WORTH_SHARING;
        }
        if (kernel != NULL && !plain)
            note(&fast_rows, n->op);
        else if (plain && large && n->op->run_shared)
            note(&shared_rows, n->op);
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
    bool wanted = false;
    for (unsigned i = 0; i < b->n_in; i++)
        wanted |= b->wanted[i];
    if (fits && wanted && b->n_out > 0)
        fits = fw_dtype_is_float((enum fw_dtype)b->g.tensors[b->g.nodes[b->node].out[0]].dtype);
    if (fits) {
        b->g.training = true;
        for (unsigned o = 0; o < OP_CASE_PORTS; o++)
            dy[o] = FW_NONE;
        if (wanted)
            op_bench_grad(b, dy, dx);
        for (uint32_t id = b->node + 1; id < b->g.n_nodes; id++)
            b->g.nodes[id].layer = b->node;
        start(&p, dy);
        if (fw_exec_run(p.exact, 0, b->g.n_nodes, &b->err) != FW_OK ||
            fw_engine_run(p.fast, false, NULL, &b->err) != FW_OK)
            wrong(b, "execution", "success", b->err.message);
        for (uint32_t id = 0; id < b->g.n_tensors; id++)
            if (is_compared(&p, id))
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

static void need_library(void)
{
    if (strcmp(fw_dnn_version(), "none") != 0)
        return;
    print_message("oneDNN is not installed\n");
    skip();
}

static bool is_pointwise(const struct fw_op *op)
{
    return op->fast == fw_fast_pointwise || op->fast == fw_fast_unary;
}

void test_fast__library_as_reference(void **state)
{
    (void)state;
    need_library();
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            run_template(&templates[i], seed);
    unsigned missing = 0;
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            // updates are pointwise: engine_test.c runs whole steps
            bool update = strncmp(op->name, "Update", 6) == 0;
            if (op->fast == NULL || is_pointwise(op) || update || was_seen(&fast_rows, op))
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
            if (!is_pointwise(op) || op->min_in > 2 || op->min_out != 1 ||
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

/* Rows whose kernels do a part of the work: on two threads. */
void test_fast__shared_as_reference(void **state)
{
    (void)state;
    need_library();
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (!run_case(&shared[i], 1 + i))
            fail_msg("%s(%s): does not fit", shared[i].name, shared[i].in[0]);
    unsigned missing = 0;
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            if (!op->run_shared || is_pointwise(op) || was_seen(&shared_rows, op))
                continue;
            print_message("%s:%s shares its work in no case\n", op->domain, op->name);
            missing++;
        }
    assert_int_equal(missing, 0);
}
