/* Sequences: elements and lengths found by walking back over the nodes that made them. */
#include "support/op_case.h"

#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct fw_arena arena;
    struct fw_graph g;
    struct fw_error err;
};

static void open_bench(struct bench *b)
{
    fw_arena_init(&b->arena, &fw_alloc_default);
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    assert_non_null(sym);
    fw_graph_init(&b->g, &b->arena, sym);
}

static void close_bench(struct bench *b)
{
    struct fw_symbols *sym = b->g.sym;
    fw_graph_free(&b->g);
    fw_symbols_free(sym);
    fw_arena_clear(&b->arena);
}

static fw_dim formula(struct bench *b, const char *text)
{
    fw_count v;
    assert_int_equal(fw_count_parse(b->g.sym, text, strlen(text), &v, &b->err), FW_OK);
    return fw_dim_of(v);
}

static uint32_t tensor(struct bench *b, const char *d0, const char *d1)
{
    fw_dim dims[2] = {formula(b, d0), formula(b, d1)};
    uint32_t id;
    assert_int_equal(fw_graph_tensor(&b->g, NULL, FW_KIND_INPUT, FW_F32, 2, dims, &id, &b->err),
                     FW_OK);
    return id;
}

static uint32_t integer(struct bench *b, int64_t v)
{
    uint32_t id;
    fw_dim value = fw_dim_int(v);
    assert_int_equal(fw_graph_tensor(&b->g, NULL, FW_KIND_CONSTANT, FW_I64, 0, NULL, &id, &b->err),
                     FW_OK);
    b->g.tensors[id].value = fw_arena_copy(&b->arena, &value, sizeof value);
    return id;
}

/* Appends a node of one output and infers it. attr0 is given for attribute 0. */
static uint32_t node(struct bench *b, const char *name, unsigned n_in, const uint32_t *in,
                     int64_t attr0)
{
    const struct fw_op *op = fw_op_find("", name);
    assert_non_null(op);
    struct fw_attr *attr = fw_arena_array(&b->arena, 4, sizeof *attr);
    assert_non_null(attr);
    for (unsigned i = 0; i < op->n_attrs; i++)
        attr[i] = op->attrs[i].value;
    attr[0].i = attr0;
    attr[0].given = true;
    struct fw_node_spec spec = {.op = op,
                                .in = in,
                                .attr = op->n_attrs > 0 ? attr : NULL,
                                .n_in = (uint16_t)n_in,
                                .n_out = 1,
                                .layer = FW_NONE,
                                .at = -1};
    uint32_t id;
    assert_int_equal(fw_graph_node(&b->g, &spec, &id, &b->err), FW_OK);
    struct fw_cx cx = {.g = &b->g, .sym = b->g.sym, .node = &b->g.nodes[id], .err = &b->err};
    assert_int_equal(op->infer(&cx), FW_OK);
    return b->g.nodes[id].out[0];
}

static void check(struct bench *b, uint32_t id, const char *d0, const char *d1)
{
    const struct fw_tensor *t = &b->g.tensors[id];
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->flags & FW_TENSOR_OPEN, 0);
    assert_true(fw_dim_eq(t->dims[0], formula(b, d0)));
    assert_true(fw_dim_eq(t->dims[1], formula(b, d1)));
}

void test_sequence__construct(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    uint32_t parts[3] = {tensor(&b, "N", "3"), tensor(&b, "2", "3"), tensor(&b, "H", "3")};
    uint32_t seq = node(&b, "SequenceConstruct", 3, parts, 0);
    assert_true(b.g.tensors[seq].flags & FW_TENSOR_OPEN);
    check(&b, node(&b, "SequenceAt", 2, (uint32_t[]){seq, integer(&b, -1)}, 0), "H", "3");
    check(&b, node(&b, "ConcatFromSequence", 1, &seq, 0), "H+N+2", "3");
    uint32_t more =
        node(&b, "SequenceInsert", 3, (uint32_t[]){seq, tensor(&b, "K", "3"), integer(&b, 1)}, 0);
    check(&b, node(&b, "SequenceAt", 2, (uint32_t[]){more, integer(&b, 1)}, 0), "K", "3");
    check(&b, node(&b, "SequenceAt", 2, (uint32_t[]){more, integer(&b, 2)}, 0), "2", "3");
    uint32_t len = node(&b, "SequenceLength", 1, &more, 0);
    assert_true(fw_dim_is(b.g.tensors[len].value[0], 4));
    close_bench(&b);
}

void test_sequence__split(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    uint32_t in[2] = {tensor(&b, "3*N", "7"), integer(&b, 3)};
    uint32_t even = node(&b, "SplitToSequence", 2, in, 0);
    check(&b, node(&b, "SequenceAt", 2, (uint32_t[]){even, integer(&b, 0)}, 0), "3", "7");
    check(&b, node(&b, "ConcatFromSequence", 1, &even, 0), "3*N", "7");
    uint32_t len = node(&b, "SequenceLength", 1, &even, 0);
    assert_true(fw_dim_eq(b.g.tensors[len].value[0], formula(&b, "N")));
    uint32_t odd = node(&b, "SplitToSequence", 2, in, 1);
    check(&b, node(&b, "SequenceAt", 2, (uint32_t[]){odd, integer(&b, 2)}, 0), "3*N", "1");
    check(&b, node(&b, "SequenceAt", 2, (uint32_t[]){odd, integer(&b, -1)}, 0), "3*N", "1");
    close_bench(&b);
}

void test_sequence__optional(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    uint32_t x = tensor(&b, "N", "3");
    uint32_t held = node(&b, "Optional", 1, &x, 0);
    check(&b, node(&b, "OptionalGetElement", 1, &held, 0), "N", "3");
    uint32_t has = node(&b, "OptionalHasElement", 1, &held, 0);
    assert_true(fw_dim_is(b.g.tensors[has].value[0], 1));
    uint32_t none = node(&b, "Optional", 0, NULL, 0);
    has = node(&b, "OptionalHasElement", 1, &none, 0);
    assert_true(fw_dim_is(b.g.tensors[has].value[0], 0));
    close_bench(&b);
}
