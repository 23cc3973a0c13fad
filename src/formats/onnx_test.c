/* ONNX models, given as text for brevity and as bytes where the wire format is the point. */
#include "formats/formats.h"
#include "ops/op.h"
#include "unit_table.h"

#include <stdio.h>
#include <string.h>

#define HEAD "<ir_version: 8, opset_import: [\"\": 17, \"d\": 1]>\n"

static enum fw_status load(struct fw_model *m, const void *data, size_t size, struct fw_error *err)
{
    assert_int_equal(fw_model_init(m, &fw_alloc_default, err), FW_OK);
    return fw_format_read_bytes(m, data, size, "test.onnx", err);
}

static void load_text(struct fw_model *m, const char *text)
{
    struct fw_error err;
    if (load(m, text, strlen(text), &err) != FW_OK)
        fail_msg("%s", err.message);
}

/* "Relu(x)>y Add(y,)>z": operators with the names of their tensors, bodies in braces. */
static void print_graph(const struct fw_graph *g, struct fw_str *out)
{
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct fw_node *n = &g->nodes[i];
        fw_str_addf(out, "%s%s(", i > 0 ? " " : "", n->op->name);
        for (unsigned k = 0; k < n->n_in; k++) {
            const struct fw_tensor *t = fw_tensor_at(g, n->in[k]);
            fw_str_addf(out, "%s%s", k > 0 ? "," : "", t == NULL ? "" : t->name ? t->name : "*");
        }
        fw_str_add(out, ")");
        for (unsigned k = 0; k < n->op->n_attrs; k++)
            if (n->op->attrs[k].type == FW_ATTR_GRAPH && n->attr[k].given) {
                fw_str_add(out, "{");
                print_graph(n->attr[k].graph, out);
                fw_str_add(out, "}");
            }
        for (unsigned k = 0; k < n->n_out; k++) {
            const struct fw_tensor *t = fw_tensor_at(g, n->out[k]);
            fw_str_addf(out, "%s%s", k > 0 ? "," : ">", t == NULL ? "" : t->name ? t->name : "*");
        }
    }
}

static void expect_graph(const char *text, const char *want)
{
    struct fw_model m;
    struct fw_str got;
    load_text(&m, text);
    fw_str_init(&got, &fw_alloc_default);
    print_graph(&m.graph, &got);
    assert_string_equal(fw_str_text(&got), want);
    fw_str_free(&got);
    fw_model_clear(&m);
}

static const struct fw_tensor *tensor(const struct fw_model *m, const char *name)
{
    for (uint32_t i = 0; i < m->graph.n_tensors; i++)
        if (m->graph.tensors[i].name != NULL && strcmp(m->graph.tensors[i].name, name) == 0)
            return &m->graph.tensors[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

static void expect_shape(const struct fw_model *m, const char *name, const char *want)
{
    struct fw_str got;
    fw_str_init(&got, &fw_alloc_default);
    fw_shape_print(&m->graph, tensor(m, name), &got);
    assert_string_equal(fw_str_text(&got), want);
    fw_str_free(&got);
}

static void want_value(struct fw_model *m, const char *name, const int64_t *want, uint32_t n)
{
    uint32_t got_n = 0;
    uint32_t id = (uint32_t)(tensor(m, name) - m->graph.tensors);
    const fw_dim *got = fw_tensor_value(&m->graph, id, &got_n);
    assert_non_null(got);
    assert_int_equal(got_n, n);
    for (uint32_t i = 0; i < n; i++)
        assert_true(fw_dim_is(got[i], want[i]));
}

void test_onnx__graph(void **state)
{
    (void)state;
    struct fw_model m;
    load_text(&m, HEAD "net (float[N,4] x) => (float[N,2] y) <float[4,2] w = {1,2,3,4,5,6,7,8}>\n"
                       "{ h = MatMul(x, w) [last] y = Relu(h) }");
    assert_string_equal(m.format, "onnx-text");
    assert_string_equal(m.graph.name, "net");
    assert_int_equal(m.ir_version, 8);
    assert_int_equal(m.n_opsets, 2);
    assert_int_equal(m.opsets[0].version, 17);
    assert_int_equal(m.graph.n_inputs, 1);
    assert_int_equal(m.graph.n_outputs, 1);
    assert_string_equal(m.graph.nodes[0].name, "MatMul_0");
    assert_string_equal(m.graph.nodes[1].name, "last");
    assert_int_equal(tensor(&m, "w")->kind, FW_KIND_INITIALIZER);
    assert_int_equal(tensor(&m, "w")->data->n_bytes, 32);
    assert_int_equal(tensor(&m, "x")->kind, FW_KIND_INPUT);
    assert_true(tensor(&m, "y")->flags & FW_TENSOR_OUTPUT);
    assert_int_equal(tensor(&m, "y")->producer, 1);
    fw_model_clear(&m);
}

void test_onnx__dims(void **state)
{
    (void)state;
    struct fw_model m;
    load_text(&m, HEAD "g (float[?,3,?] a, float[?] b, float[N] c, int64 d, float[] e,\n"
                       "   float[\"past + seq\",\"batch-size\",\"2*N\"] f, seq(float[7]) s)\n"
                       "=> (float[N] y) { y = Identity(c) }");
    expect_shape(&m, "a", "batchx3xa_d2");
    expect_shape(&m, "b", "batch");
    expect_shape(&m, "c", "N");
    expect_shape(&m, "d", "scalar");
    expect_shape(&m, "e", "?");
    expect_shape(&m, "f", "past+seqxbatch_sizex2*N");
    assert_true(tensor(&m, "s")->flags & FW_TENSOR_OPEN);
    assert_int_equal(tensor(&m, "d")->dtype, FW_I64);
    fw_model_clear(&m);
}

void test_onnx__constants(void **state)
{
    (void)state;
    struct fw_model m;
    load_text(&m,
              HEAD "g (float[2] x) => (float[2] y) <int64[2] i = {-1, 7}, int8[2] n = {-3, 4},\n"
                   " bool[2] b = {0, 1}, uint64[1] u = {5}, double[2] w = {2.0, -8}>\n"
                   "{ c = Constant<value = int64[2] {0, -1}>() d = Constant<value_int = 3>()\n"
                   "  e = Constant<value_floats = [4.0, 2.0]>() y = Identity(x)\n"
                   "  c = Constant<value_int = 9>() z = Add(c, d) }");
    want_value(&m, "c", (int64_t[]){9}, 1); // the last definition holds everywhere
    want_value(&m, "d", (int64_t[]){3}, 1);
    want_value(&m, "e", (int64_t[]){4, 2}, 2);
    want_value(&m, "i", (int64_t[]){-1, 7}, 2);
    want_value(&m, "n", (int64_t[]){-3, 4}, 2);
    want_value(&m, "b", (int64_t[]){0, 1}, 2);
    want_value(&m, "u", (int64_t[]){5}, 1);
    want_value(&m, "w", (int64_t[]){2, -8}, 2);
    assert_true(tensor(&m, "c")->flags & FW_TENSOR_FROM_NODE);
    assert_false(tensor(&m, "i")->flags & FW_TENSOR_FROM_NODE);
    assert_int_equal(m.graph.n_nodes, 2);
    assert_ptr_equal(&m.graph.tensors[m.graph.nodes[1].in[0]], tensor(&m, "c"));
    fw_model_clear(&m);
}

void test_onnx__order(void **state)
{
    (void)state;
    expect_graph(HEAD "g (float[2] x) => (float[2] y) { y = Relu(b) b = Tanh(a) a = Exp(x) }",
                 "Exp(x)>a Tanh(a)>b Relu(b)>y");
}

/* Large graphs take the way with look-ups ahead; the last node uses the first. */
void test_onnx__large(void **state)
{
    (void)state;
    enum { N = 6000 };
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    fw_str_add(&text, HEAD "g (float[2] t0) => (float[2] y) {\n");
    for (unsigned i = 0; i < N; i++)
        fw_str_addf(&text, "t%u = LeakyRelu<alpha = %u.5>(t%u)\n", i + 1, i / 1000, i);
    fw_str_addf(&text, "y = Add(t%d, t1) }", N);
    struct fw_model m;
    load_text(&m, fw_str_text(&text));
    fw_str_free(&text);
    assert_int_equal(m.graph.n_nodes, N + 1);
    for (uint32_t i = 0; i < N; i++) {
        const struct fw_node *n = &m.graph.nodes[i];
        const struct fw_tensor *x = fw_tensor_at(&m.graph, n->in[0]);
        assert_int_equal(x->producer, i == 0 ? FW_NONE : i - 1);
        assert_true(n->attr[0].f == i / 1000 + 0.5);
    }
    assert_int_equal(m.graph.tensors[m.graph.nodes[N].in[1]].producer, 0);
    fw_model_clear(&m);
}

void test_onnx__functions(void **state)
{
    (void)state;
    expect_graph(HEAD
                 "g (float[2] x) => (float[2] y) { [call] y, z = d.F<k = 3.0>(x) w = d.P(z) }\n"
                 "<domain: \"d\", opset_import: [\"\": 17, \"d\": 1]>\n"
                 "F <k> (a, b) => (p, q) { p = d.G(a, b) q = LeakyRelu<alpha: float = @k>(p) }\n"
                 "<domain: \"d\", opset_import: [\"\": 17]>\n"
                 "G (a, b) => (p) { t = Relu(a) p = Clip(t, b) }\n"
                 "<domain: \"d\", opset_import: [\"\": 17]>\n"
                 "P (a) => (a) { }",
                 "Relu(x)>t Clip(t,)>y LeakyRelu(y)>z Identity(z)>w");
    struct fw_model m;
    load_text(&m, HEAD "g (float[2] x) => (float[2] y) { [call] y = d.F<k = 3.0>(x) }\n"
                       "<domain: \"d\", opset_import: [\"\": 17]>\n"
                       "F <k> (a) => (p) { [inner] p = LeakyRelu<alpha: float = @k>(a) }");
    assert_string_equal(m.graph.nodes[0].name, "call/inner");
    assert_true(m.graph.nodes[0].attr[0].given);
    assert_true(m.graph.nodes[0].attr[0].f == 3.0);
    fw_model_clear(&m);
    load_text(&m,
              HEAD "g (float[2] x) => (float[2] y) { y = d.F(x) }\n"
                   "<domain: \"d\", opset_import: [\"\": 17]>\n"
                   "F <k: float = 0.5, l> (a) => (p)\n"
                   "{ b = LeakyRelu<alpha: float = @k>(a) p = LeakyRelu<alpha: float = @l>(b) }");
    assert_true(m.graph.nodes[0].attr[0].f == 0.5);
    assert_false(m.graph.nodes[1].attr[0].given);
    fw_model_clear(&m);
}

void test_onnx__bodies(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "g (bool c, float[2] x) => (float[2] y) <float[2] w = {1,2}>\n"
             "{ r = Relu(x)\n"
             "  y = If(c)<then_branch = t () => (float[2] o) { o = Add(r, w) },\n"
             "    else_branch = e () => (float[2] o) { r = Tanh(w)\n"
             "      o = If(c)<then_branch = t2 () => (float[2] q) { q = Neg(r) },\n"
             "        else_branch = e2 () => (float[2] q) { q = Neg(x) }> }> }";
    expect_graph(text, "Relu(x)>r If(c,w,c,x,r){Tanh(w)>r If(c,x,r){Neg(x)>q}{Neg(r)>q}>o}"
                       "{Add(r,w)>o}>y");
    struct fw_model m;
    load_text(&m, text);
    const struct fw_graph *other = m.graph.nodes[1].attr[0].graph;
    assert_int_equal(other->n_formal, 0);
    assert_int_equal(other->n_inputs, 3);
    assert_int_equal(other->capture_in[0], 1); // behind the node's own input
    assert_ptr_equal(other->outer, &m.graph);
    assert_int_equal(m.graph.nodes[1].attr[1].graph->capture_in[1], 1); // w is passed once
    fw_model_clear(&m);
}

/* Weights of bodies are stored outside, once, however deep the body; single numbers stay. */
void test_onnx__weights_of_bodies(void **state)
{
    (void)state;
    struct fw_model m;
    load_text(&m, HEAD "g (bool c, float[2] x) => (float[2] y)\n"
                       "{ y = If(c)<then_branch = t () => (float[2] o)\n"
                       "    <float[2] w = {1,2}, float h = {0.5}, int64[1] i = {0}>\n"
                       "    { a = Mul(x, h) o = Add(a, w) },\n"
                       "  else_branch = e () => (float[2] o) { o = If(c)<\n"
                       "    then_branch = t2 () => (float[2] q) <float[2] w = {1,2}>\n"
                       "      { q = Add(x, w) },\n"
                       "    else_branch = e2 () => (float[2] q) { q = Neg(x) }> }> }");
    const struct fw_node *node = &m.graph.nodes[0];
    unsigned stored = 0;
    for (uint32_t id = 0; id < m.graph.n_tensors; id++)
        stored += m.graph.tensors[id].kind == FW_KIND_INITIALIZER;
    assert_int_equal(stored, 2);
    assert_int_equal(node->n_in, 5); // c, w of one branch, w of the other, x, c again
    stored = 0;
    const struct fw_graph *then = node->attr[1].graph;
    for (uint32_t id = 0; id < then->n_tensors; id++)
        stored += then->tensors[id].kind == FW_KIND_INITIALIZER;
    assert_int_equal(stored, 2); // h and i
    fw_model_clear(&m);
}

/* A model of this version of the default domain with one node of x (and a stored s, 3 elements). */
static void expect_form(int opset, const char *node, const char *want)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "<ir_version: 3, opset_import: [\"\": %d]> g (float[1,3,4,4] x) => (float[] y)"
                   " <float[3] s = {1,2,3}, float[4] c = {1,1,2,2}> { %s }",
                   opset, node);
    expect_graph(text, want);
}

void test_onnx__forms(void **state)
{
    (void)state;
    expect_form(6, "y = Add<broadcast = 1, axis = 1>(x, s)", "AlignAxis(s,x)>* Add(x,*)>y");
    expect_form(6, "y = Add<broadcast = 1>(x, s)", "Add(x,s)>y");
    expect_form(7, "y = Add(x, s)", "Add(x,s)>y");
    expect_form(6, "y = PRelu(x, s)", "AlignAxis(s,x)>* PRelu(x,*)>y");
    expect_form(9, "y = Softmax(x)", "Flatten(x)>* Softmax(*)>* ReshapeLike(*,x)>y");
    expect_form(9, "y = Softmax<axis = 3>(x)", "Softmax(x)>y");
    expect_form(13, "y = Softmax<axis = 1>(x)", "Softmax(x)>y");
    expect_form(11, "y = Squeeze<axes = [0]>(x)", "Squeeze(x,*)>y");
    expect_form(13, "y = Squeeze(x)", "Squeeze(x)>y");
    expect_form(6, "y = Clip<max = 6.0>(x)", "Clip(x,,*)>y");
    expect_form(9, "y = Slice<starts = [0], ends = [1]>(x)", "Slice(x,*,*)>y");
    expect_form(2, "y = Pad<pads = [0,0,0,0,0,0,1,1], value = 1.0>(x)", "Pad(x,*,*)>y");
    expect_form(9, "y = Upsample(x, c)", "Resize(x,,c)>y");
    expect_form(7, "y = Upsample<scales = [1.0,1.0,2.0,2.0]>(x)", "Resize(x,,*)>y");
    expect_form(9, "y = Scatter(x, s, s)", "ScatterElements(x,s,s)>y");
    expect_form(7, "y, m, v, a, b = BatchNormalization(x, s, s, s, s)",
                "BatchNormalization(x,s,s,s,s)>y,m,v Identity(m)>a Identity(v)>b");
    expect_form(8, "y = Scan<body = b () => () { }>(x)", "Scan (old form)(x)>y");
}

void test_onnx__form_attributes(void **state)
{
    (void)state;
    struct fw_model m;
    load_text(&m, "<ir_version: 3, opset_import: [\"\": 3]> g (float[2,3] x) => (float[] y)"
                  " { a = Cast<to = \"INT64\">(x) b = Concat(x, x) c, d = Split(x)"
                  "   y = ReduceSum<axes = [1], keepdims = 0>(x) }");
    const struct fw_graph *g = &m.graph;
    const char *const names[] = {"to", "axis", "num_outputs", "keepdims"};
    const int64_t want[] = {7, 1, 2, 0};
    for (unsigned i = 0; i < 4; i++) {
        const struct fw_node *n = &g->nodes[i];
        unsigned k = 0;
        while (k < n->op->n_attrs && strcmp(n->op->attrs[k].name, names[i]) != 0)
            k++;
        if (k == n->op->n_attrs)
            fail_msg("%s has no attribute %s", n->op->name, names[i]);
        assert_int_equal(n->attr[k].i, want[i]);
    }
    uint32_t n;
    const fw_dim *axes = fw_tensor_value(&m.graph, g->nodes[3].in[1], &n);
    assert_true(axes != NULL && n == 1 && fw_dim_is(axes[0], 1));
    fw_model_clear(&m);
}

void test_onnx__gaps(void **state)
{
    (void)state;
    struct fw_model m;
    load_text(&m, HEAD "g (float[N] x) => (float[N,K] y) { y = com.example.Thing<a = 1>(x)"
                       " z = NoSuchOperator(y) }");
    const struct fw_op *op = m.graph.nodes[0].op;
    assert_string_equal(op->name, "Thing");
    assert_string_equal(op->domain, "com.example");
    assert_true(op->flags & FW_OP_GAP);
    assert_true(m.graph.nodes[1].op->flags & FW_OP_GAP);
    expect_shape(&m, "y", "NxK"); // the file's own word
    assert_true(tensor(&m, "y")->flags & FW_TENSOR_OPTIONAL_SHAPE);
    expect_shape(&m, "z", "?");
    fw_model_clear(&m);
}

/* ---- bytes ---- */

#define BYTES(s) (s), sizeof(s) - 1

void test_onnx__wire(void **state)
{
    (void)state;
    /* ir 8, graph { node {in x, out y, Relu}, input {x: float[2]}, output {y} }, opset 17 */
    static const char file[] = "\x08\x08\x3a\x25"
                               "\x0a\x0c\x0a\x01x\x12\x01y\x22\x04Relu"
                               "\x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x02"
                               "\x62\x03\x0a\x01y"
                               "\x10\x01" // a field of no meaning
                               "\x42\x02\x10\x11";
    struct fw_model m;
    struct fw_error err;
    char bytes[sizeof file];
    memcpy(bytes, file, sizeof file);
    bytes[3] = 0x0e + 0x11 + 0x05; // length of the graph without the stray field
    memmove(bytes + 4 + 0x24, bytes + 4 + 0x26, 4);
    if (load(&m, bytes, sizeof file - 1 - 2, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_string_equal(m.format, "onnx");
    assert_string_equal(m.graph.nodes[0].op->name, "Relu");
    assert_int_equal(m.graph.nodes[0].at, (4 + 2) >> FW_AT_SHIFT);
    expect_shape(&m, "x", "2");
    fw_model_clear(&m);
}

struct bad {
    const char *data;
    size_t size;
    enum fw_status code;
    int64_t at;
    const char *part; // of the message
};

static const struct bad bad[] = {
    {BYTES(""), FW_FORMAT, -1, "empty"},
    {BYTES("PK\3\4rest"), FW_FORMAT, 0, "zip"},
    {BYTES("\x1f\x8b\x08"), FW_FORMAT, 0, "gzip"},
    {BYTES("\x89HDF\r\n\x1a\n"), FW_FORMAT, 0, "HDF5"},
    {BYTES("TFL3TFL3"), FW_FORMAT, 0, "TensorFlow Lite"},
    {BYTES("\x80\x02}q"), FW_FORMAT, 0, "pickle"},
    {BYTES("\x08\x08\x3a\x7f\x0a"), FW_FORMAT, 4, "field 7 wants 127 bytes"},
    {BYTES("\x08\x08\x3a\x03\x0a\x05x"), FW_FORMAT, 6, "field 1 wants 5 bytes"},
    {BYTES("\x08\x08\x3a\x02\x0b\x01"), FW_FORMAT, 5, "group"},
    {BYTES("\x08\x08\x3a\x03\x0a\x01\xff"), FW_FORMAT, 6, "tag"},
    {BYTES("\x08\x08\x3a\x02\x02\x00"), FW_FORMAT, 4, "field number"},
    {BYTES("\x08\x08\x42\x02\x10\x11"), FW_FORMAT, 0, "graph"},
    {BYTES("\x08\x08\x3a\x00\x3a\x00"), FW_FORMAT, 6, "second"},
    {BYTES("\x08\x08\x3a\x04\x0a\x02\x12\x00"), FW_FORMAT, 0, "an operator is wanted"},
    {BYTES("\x08\x08\x3a\x04\x0a\x02\x20\x01"), FW_FORMAT, 8, "wire type 2 is wanted, found 0"},
    {BYTES("\x08\x08\x3a\x04\x2a\x02\x10\x63"), FW_FORMAT, 8, "element type"},
    {BYTES("\x08\x08\x3a\x0d\x2a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), FW_FORMAT, 17,
     "must not be negative"},
    {BYTES("\x08\x08\x3a\x0a\x2a\x08\x08\x02\x10\x01\x4a\x02\x00\x00"), FW_FORMAT, 6,
     "8 bytes of float32 are wanted, found 2"},
};

void test_onnx__malformed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fw_model m;
        struct fw_error err = {.at = -99};
        enum fw_status status = load(&m, bad[i].data, bad[i].size, &err);
        if (status != bad[i].code || err.code != bad[i].code || err.at != bad[i].at ||
            strstr(err.message, bad[i].part) == NULL)
            fail_msg("row %u: status %d at %lld: %s", i, (int)status, (long long)err.at,
                     err.message);
        fw_model_clear(&m);
    }
}

static const struct {
    const char *text; // behind the header and "g (float[2] x) => (float[2] y) "
    enum fw_status code;
    const char *part;
} wrong[] = {
    {"{ y = Relu(q) }", FW_FORMAT, "node 'Relu_0' (Relu): input 0: a tensor is wanted, 'q'"},
    {"{ y = Relu(x) y = Tanh(x) }", FW_FORMAT, "'y' is defined twice"},
    {"{ x = Relu(x) y = Relu(x) }", FW_FORMAT, "'x' is defined twice"},
    {"<float[2] x = {1,2}> { y = Relu(x) z = Relu(z) }", FW_FORMAT, "depends on its own output"},
    {"{ z = Relu(x) }", FW_FORMAT, "output 'y' of the graph"},
    {"{ y = Relu(x, x, x) }", FW_FORMAT, "1 inputs are wanted, found 3"},
    {"{ y = MatMul(x) }", FW_FORMAT, "2 inputs are wanted, found 1"},
    {"{ y = MatMul(\"\", x) }", FW_FORMAT, "input 0 is wanted, it is left out"},
    {"{ y, z = Relu(x) }", FW_FORMAT, "at most 1 outputs"},
    {"{ y = Gemm<transA = 1.5>(x, x) }", FW_FORMAT,
     "node 'Gemm_0' (Gemm): attribute 'transA' of type int is wanted, found float"},
    {"{ y = If(x) }", FW_FORMAT, "attribute 'else_branch' is wanted"},
    {"{ y = Constant() }", FW_FORMAT, "an attribute with the value"},
    {"{ y = Constant<value_int = [1]>() }", FW_FORMAT, "of type int is wanted, found ints"},
    {"{ y = d.F(x) } <domain: \"d\"> F (a) => (b) { b = d.F(a) }", FW_FORMAT, "call itself"},
    {"{ y = d.F(x, x) } <domain: \"d\"> F (a) => (b) { b = Relu(a) }", FW_FORMAT, "1 inputs"},
    {"{ y = d.F(x) } <domain: \"d\"> F (a) => (b) { c = Relu(a) }", FW_FORMAT, "made by none"},
    {"{ y = d.F(x) } <domain: \"d\"> F (a) => (b) { b = Relu(y) }", FW_FORMAT, "'y' is no node's"},
    {"{ y = d.F() } <domain: \"d\"> F (a) => (a) { }", FW_FORMAT, "leaves out"},
};

void test_onnx__wrong(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[512];
        struct fw_model m;
        struct fw_error err;
        (void)snprintf(text, sizeof text, HEAD "g (float[2] x) => (float[2] y) %s", wrong[i].text);
        enum fw_status status = load(&m, text, strlen(text), &err);
        if (status != wrong[i].code || strstr(err.message, wrong[i].part) == NULL)
            fail_msg("row %u: status %d: %s", i, (int)status,
                     status != FW_OK ? err.message : "no error");
        fw_model_clear(&m);
    }
}

void test_onnx__limits(void **state)
{
    (void)state;
    static const char twice[] = HEAD "g (float[2] x) => (float[2] y) { y = d.A(x) }\n"
                                     "<domain: \"d\"> A (a) => (b) { c = d.B(a) b = d.B(c) }\n"
                                     "<domain: \"d\"> B (a) => (b) { c = d.C(a) b = d.C(c) }\n"
                                     "<domain: \"d\"> C (a) => (b) { c = Relu(a) b = Relu(c) }";
    struct fw_error err;
    struct fw_limits limits = fw_limits_default;
    struct fw_alloc alloc = {fw_alloc_default.resize, NULL, &limits};
    for (unsigned nodes = 14; nodes <= 15; nodes++) {
        struct fw_model m;
        assert_int_equal(fw_model_init(&m, &alloc, &err), FW_OK);
        limits.most[FW_MOST_nodes] = nodes; // the call of A, 2 of B, 4 of C, 8 Relu
        enum fw_status status = fw_format_read_bytes(&m, BYTES(twice), "t", &err);
        assert_int_equal(status, nodes == 15 ? FW_OK : FW_LIMIT);
        fw_model_clear(&m);
    }
    struct fw_model m;
    assert_int_equal(fw_model_init(&m, &alloc, &err), FW_OK);
    limits.most[FW_MOST_nesting] = 2;
    assert_int_equal(fw_format_read_bytes(&m, BYTES(twice), "t", &err), FW_LIMIT);
    fw_model_clear(&m);
}

/* Every allocation fails once: an error, and nothing leaks or breaks. */
struct failing {
    size_t left;
};

static void *failing_resize(void *ctx, void *old, size_t old_bytes, size_t bytes)
{
    struct failing *f = ctx;
    if (bytes > 0 && f->left-- == 0) {
        f->left = 0;
        return NULL;
    }
    return fw_alloc_default.resize(fw_alloc_default.ctx, old, old_bytes, bytes);
}

void test_onnx__memory(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "g (bool c, float[N] x) => (float[N] y) { r = d.F(x)\n"
             "  y = If(c)<then_branch = t () => (float[2] o) { o = Relu(r) },\n"
             "    else_branch = e () => (float[2] o) { o = Relu(x) }> }\n"
             "<domain: \"d\"> F (a) => (b) { b = Relu(a) }";
    unsigned failures = 0;
    for (size_t n = 0; n < 4096; n++) {
        struct failing f = {n};
        struct fw_alloc alloc = {failing_resize, &f, 0};
        struct fw_model m;
        struct fw_error err = {.code = FW_OK};
        enum fw_status status = fw_model_init(&m, &alloc, &err);
        if (status == FW_OK)
            status = fw_format_read_bytes(&m, BYTES(text), "t", &err);
        fw_model_clear(&m);
        if (status == FW_OK)
            break;
        if (status != FW_MEMORY)
            fail_msg("allocation %zu failed: status %d: %s", n, (int)status, err.message);
        failures++;
    }
    assert_in_range(failures, 10, 4000);
}
