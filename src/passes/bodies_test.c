/* Control flow through the passes: trip counts, carried shapes, costs and gradients of bodies. */
#include "ops/control.h"
#include "ops/ops.h"
#include "passes/cost.h"
#include "passes/infer.h"
#include "passes/memory.h"
#include "passes/train.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void test_bodies__loop_counts_its_trips(void **state);
void test_bodies__loop_without_known_trips(void **state);
void test_bodies__carried_size_grows(void **state);
void test_bodies__if_counts_the_larger_branch(void **state);
void test_bodies__scan_runs_along_its_input(void **state);
void test_bodies__loop_gradient(void **state);
void test_bodies__captured_weight_is_there_once(void **state);

struct world {
    struct fw_arena arena;
    struct fw_symbols *sym;
    struct fw_graph g;
    struct fw_error err;
};

static void begin(struct world *w)
{
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

static uint32_t tensor(struct world *w, struct fw_graph *g, enum fw_kind kind, enum fw_dtype dtype,
                       unsigned rank, const fw_dim *dims)
{
    uint32_t id = FW_NONE;
    assert_int_equal(fw_graph_tensor(g, NULL, kind, dtype, (uint8_t)rank, dims, &id, &w->err),
                     FW_OK);
    return id;
}

static uint32_t scalar(struct world *w, int64_t value, enum fw_dtype dtype)
{
    uint32_t id = tensor(w, &w->g, FW_KIND_CONSTANT, dtype, 0, NULL);
    fw_dim v = fw_dim_int(value);
    w->g.tensors[id].value = fw_arena_copy(&w->arena, &v, sizeof v);
    return id;
}

/* Appends a node; attr: of the row, in its order (n_attr of them are given). Returns output 0. */
static uint32_t node(struct world *w, struct fw_graph *g, const char *name, const uint32_t *in,
                     unsigned n_in, unsigned n_out, const struct fw_attr *given, unsigned n_given)
{
    const struct fw_op *op = fw_op_find("", name);
    assert_non_null(op);
    struct fw_attr *attr = NULL; // of a row without attributes
    if (op->n_attrs > 0)
        attr = fw_arena_array(&w->arena, op->n_attrs, sizeof *attr);
    for (unsigned i = 0; i < op->n_attrs; i++)
        attr[i] = i < n_given ? given[i] : op->attrs[i].value;
    struct fw_node_spec spec = {.op = op,
                                .in = in,
                                .attr = attr,
                                .n_in = (uint16_t)n_in,
                                .n_out = (uint16_t)n_out,
                                .layer = FW_NONE,
                                .at = -1};
    uint32_t id;
    assert_int_equal(fw_graph_node(g, &spec, &id, &w->err), FW_OK);
    return g->nodes[id].out[0];
}

static const uint32_t *list(struct world *w, const uint32_t *ids, unsigned n)
{
    return fw_arena_copy(&w->arena, ids, n * sizeof *ids);
}

static struct fw_graph *body(struct world *w)
{
    struct fw_graph *b = fw_graph_new_body(&w->g);
    assert_non_null(b);
    return b;
}

static uint32_t port(struct world *w, struct fw_graph *b)
{
    return tensor(w, b, FW_KIND_INPUT, FW_UNKNOWN, FW_RANK_UNKNOWN, NULL);
}

static void close_body(struct world *w, struct fw_graph *b, const uint32_t *in, unsigned n_formal,
                       const uint32_t *capture, unsigned n_capture, const uint32_t *out,
                       unsigned n_out)
{
    b->inputs = list(w, in, n_formal + n_capture);
    b->n_inputs = n_formal + n_capture;
    b->n_formal = n_formal;
    b->capture_in = list(w, capture, n_capture);
    b->outputs = list(w, out, n_out);
    b->n_outputs = n_out;
}

/* (iteration, condition, v | W) -> (condition, v W, v W): v carried and stacked. */
static struct fw_graph *product_body(struct world *w)
{
    struct fw_graph *b = body(w);
    uint32_t in[4];
    for (unsigned i = 0; i < 4; i++)
        in[i] = port(w, b);
    uint32_t cond = node(w, b, "Identity", &in[1], 1, 1, NULL, 0);
    uint32_t y = node(w, b, "MatMul", &in[2], 2, 1, NULL, 0);
    const uint32_t capture[1] = {3};
    const uint32_t out[3] = {cond, y, y};
    close_body(w, b, in, 3, capture, 1, out, 3);
    return b;
}

static const fw_dim wide[2] = {{2}, {4}};
static const fw_dim square[2] = {{4}, {4}};

/* A loop over product_body; returns its first output. */
static uint32_t product_loop(struct world *w, uint32_t trips, uint32_t cond)
{
    struct fw_attr attr = {.graph = product_body(w), .given = true};
    const uint32_t in[4] = {trips, cond, tensor(w, &w->g, FW_KIND_INPUT, FW_F32, 2, wide),
                            tensor(w, &w->g, FW_KIND_PARAM, FW_F32, 2, square)};
    return node(w, &w->g, "Loop", in, 4, 2, &attr, 1);
}

static void check_dims(const struct world *w, uint32_t id, unsigned rank, const int64_t *want)
{
    const struct fw_tensor *t = &w->g.tensors[id];
    assert_int_equal(t->rank, rank);
    for (unsigned k = 0; k < rank; k++)
        assert_true(fw_dim_is(t->dims[k], want[k]));
}

static void check_text(struct world *w, fw_count n, const char *want)
{
    struct fw_str s;
    fw_str_init(&s, &fw_alloc_default);
    fw_count_print(w->sym, n, 0, &s);
    assert_string_equal(fw_str_text(&s), want);
    fw_str_free(&s);
}

static struct fw_cost forward_cost(struct world *w)
{
    struct fw_cost cost;
    const struct fw_precision *p = fw_precision_find("fp32");
    assert_true(fw_node_cost(&w->g, 0, p, &cost));
    return cost;
}

void test_bodies__loop_counts_its_trips(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t y = product_loop(&w, scalar(&w, 7, FW_I64), FW_NONE);
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    check_dims(&w, y, 2, (int64_t[]){2, 4});
    check_dims(&w, y + 1, 3, (int64_t[]){7, 2, 4});
    check_text(&w, forward_cost(&w).n[FW_FMA], "224"); // 7 * 2 * 4 * 4
    end(&w);
}

/* The condition comes from outside: M is only a bound, and the stack is as long as the loop ran. */
void test_bodies__loop_without_known_trips(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t cond = tensor(&w, &w.g, FW_KIND_INPUT, FW_BOOL, 0, NULL);
    uint32_t y = product_loop(&w, scalar(&w, 7, FW_I64), cond);
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    check_text(&w, forward_cost(&w).n[FW_FMA], "32*trip");
    check_text(&w, fw_count_of(w.g.tensors[y + 1].dims[0]), "trip");
    uint32_t trip = fw_symbols_find(w.sym, "trip", 4);
    assert_true(fw_dim_is(fw_symbol_upper(w.sym, trip), 7));
    end(&w);
}

/* Each of N iterations appends a row: first + N rows come out. */
void test_bodies__carried_size_grows(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct fw_graph *b = body(&w);
    uint32_t in[4];
    for (unsigned i = 0; i < 4; i++)
        in[i] = port(&w, b);
    uint32_t cond = node(&w, b, "Identity", &in[1], 1, 1, NULL, 0);
    struct fw_attr axis = {.i = 0, .given = true};
    uint32_t y = node(&w, b, "Concat", &in[2], 2, 1, &axis, 1);
    const uint32_t capture[1] = {3};
    const uint32_t out[2] = {cond, y};
    close_body(&w, b, in, 3, capture, 1, out, 2);
    uint32_t trips = tensor(&w, &w.g, FW_KIND_CONSTANT, FW_I64, 0, NULL);
    fw_dim n = fw_dim_symbol(w.sym, "N", 1);
    w.g.tensors[trips].value = &n;
    const fw_dim row[2] = {{1}, {4}};
    const uint32_t outer[4] = {trips, FW_NONE, tensor(&w, &w.g, FW_KIND_INPUT, FW_F32, 2, wide),
                               tensor(&w, &w.g, FW_KIND_INPUT, FW_F32, 2, row)};
    struct fw_attr attr = {.graph = b, .given = true};
    uint32_t v = node(&w, &w.g, "Loop", outer, 4, 1, &attr, 1);
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    check_text(&w, fw_count_of(w.g.tensors[v].dims[0]), "N+2");
    assert_true(fw_dim_is(w.g.tensors[v].dims[1], 4));
    end(&w);
}

/* A branch (| x, y) of one operator. */
static struct fw_graph *branch(struct world *w, const char *op)
{
    struct fw_graph *b = body(w);
    const uint32_t in[2] = {port(w, b), port(w, b)};
    uint32_t y = node(w, b, op, in, 2, 1, NULL, 0);
    const uint32_t capture[2] = {1, 2};
    close_body(w, b, in, 0, capture, 2, &y, 1);
    return b;
}

static void run_if(const char *cond, const char *fma, const char *add)
{
    struct world w;
    begin(&w);
    const struct fw_attr attr[2] = {{.graph = branch(&w, "Add"), .given = true},
                                    {.graph = branch(&w, "MatMul"), .given = true}};
    uint32_t c = strcmp(cond, "?") == 0 ? tensor(&w, &w.g, FW_KIND_INPUT, FW_BOOL, 0, NULL)
                                        : scalar(&w, cond[0] == '1', FW_BOOL);
    const uint32_t in[3] = {c, tensor(&w, &w.g, FW_KIND_INPUT, FW_F32, 2, square),
                            tensor(&w, &w.g, FW_KIND_INPUT, FW_F32, 2, square)};
    uint32_t y = node(&w, &w.g, "If", in, 3, 1, attr, 2);
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    check_dims(&w, y, 2, (int64_t[]){4, 4});
    check_text(&w, forward_cost(&w).n[FW_FMA], fma);
    check_text(&w, forward_cost(&w).n[FW_ADD], add);
    struct fw_cx cx = fw_cx_make(&w.g, &w.g.nodes[0], fw_precision_find("fp32"), &w.err);
    struct fw_body_entry list[FW_MAX_BODIES];
    assert_int_equal(fw_list_bodies(&cx, list), 2);
    assert_string_equal(list[0].name, "else_branch");
    assert_string_equal(list[1].name, "then_branch");
    bool then = cond[0] != '0';
    assert_int_equal(list[0].counts, then ? FW_BODY_LEFT_OUT : FW_BODY_COUNTS);
    assert_int_equal(list[1].counts, then ? FW_BODY_COUNTS : FW_BODY_LEFT_OUT);
    check_text(&w, list[0].trips, cond[0] == '1' ? "0" : "1");
    check_text(&w, list[0].cost.n[FW_ADD], cond[0] == '1' ? "0" : "16");
    check_text(&w, list[1].cost.n[FW_FMA], then ? "64" : "0");
    end(&w);
}

void test_bodies__if_counts_the_larger_branch(void **state)
{
    (void)state;
    run_if("?", "64", "0");
    run_if("1", "64", "0");
    run_if("0", "0", "16"); // the condition is known: what does not run does not count
}

/* h W along T slices of x, which are stacked on their second axis. */
void test_bodies__scan_runs_along_its_input(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    struct fw_graph *b = body(&w);
    uint32_t in[3]; // h, slice | W
    for (unsigned i = 0; i < 3; i++)
        in[i] = port(&w, b);
    const uint32_t factors[2] = {in[0], in[2]};
    uint32_t h = node(&w, b, "MatMul", factors, 2, 1, NULL, 0);
    const uint32_t terms[2] = {h, in[1]};
    uint32_t y = node(&w, b, "Add", terms, 2, 1, NULL, 0);
    const uint32_t capture[1] = {2};
    const uint32_t out[2] = {y, y};
    close_body(&w, b, in, 2, capture, 1, out, 2);
    const fw_dim x[3] = {fw_dim_symbol(w.sym, "T", 1), {2}, {4}};
    const uint32_t outer[3] = {tensor(&w, &w.g, FW_KIND_INPUT, FW_F32, 2, wide),
                               tensor(&w, &w.g, FW_KIND_INPUT, FW_F32, 3, x),
                               tensor(&w, &w.g, FW_KIND_PARAM, FW_F32, 2, square)};
    const int64_t axis[1] = {1};
    const struct fw_attr attr[4] = {{.graph = b, .given = true},
                                    {.i = 1, .given = true},
                                    {.n = 0},
                                    {.ints = axis, .n = 1, .given = true}};
    uint32_t s = node(&w, &w.g, "Scan", outer, 3, 2, attr, 4);
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    check_dims(&w, s, 2, (int64_t[]){2, 4});
    assert_true(fw_dim_eq(w.g.tensors[s + 1].dims[1], x[0]));
    assert_true(fw_dim_is(w.g.tensors[s + 1].dims[2], 4));
    check_text(&w, forward_cost(&w).n[FW_FMA], "32*T");
    check_text(&w, forward_cost(&w).n[FW_ADD], "8*T");
    end(&w);
}

/* dv and dW of every iteration; dW collects over 7 of them. */
void test_bodies__loop_gradient(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t y = product_loop(&w, scalar(&w, 7, FW_I64), FW_NONE);
    w.g.outputs = &y;
    w.g.n_outputs = 1;
    w.g.tensors[y].flags |= FW_TENSOR_OUTPUT;
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    const struct fw_train_options options = {.loss = FW_LOSS_SQUARES};
    assert_int_equal(fw_train(&w.g, &options, &w.err), FW_OK);
    struct fw_totals totals;
    assert_int_equal(fw_total_cost(&w.g, fw_precision_find("fp32"), &totals, &w.err), FW_OK);
    assert_int_equal(totals.n_missing, 0);
    check_text(&w, totals.phase[FW_PHASE_FORWARD].n[FW_FMA], "224");
    check_text(&w, totals.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "224");
    check_text(&w, totals.phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA], "224");
    check_text(&w, totals.phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_ADD], "96"); // 6 * 16
    end(&w);
}

/* v, the last one and the 7 stacked, beside the stored M and W; the body needs room for the number
 * of the turn only: what it finds and leaves lies in these. */
void test_bodies__captured_weight_is_there_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint32_t y = product_loop(&w, scalar(&w, 7, FW_I64), FW_NONE);
    w.g.outputs = &y;
    w.g.n_outputs = 1;
    assert_int_equal(fw_infer(&w.g, &w.err), FW_OK);
    struct fw_memory memory;
    assert_int_equal(fw_plan_memory(&w.g, NULL, false, &memory, &w.err), FW_OK);
    check_text(&w, memory.weight_bytes, "72");
    check_text(&w, memory.activation_bytes, "288"); // 32 + 32 + 7 * 32
    check_text(&w, memory.temporary_bytes, "8");
    end(&w);
}
