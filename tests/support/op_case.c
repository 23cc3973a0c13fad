/* Runs operator cases: builds a graph of one node, infers, counts, differentiates; op_case.h. */
#include "support/op_bench.h"

#include "graph/precision.h"
#include "ops/value.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void wrong(const struct bench *b, const char *what, const char *want, const char *found)
{
    if (b->seed != 0)
        print_message("executed with seed %llu\n", (unsigned long long)b->seed);
    fail_msg("%s(%s%s%s) %s: %s: wanted %s, found %s", b->want->name,
             b->want->in[0] ? b->want->in[0] : "", b->want->in[0] && b->want->in[1] ? ", " : "",
             b->want->in[0] && b->want->in[1] ? b->want->in[1] : "",
             b->want->attrs ? b->want->attrs : "", what, want, found);
}

/* The end of a list item: a comma outside brackets, or the end. */
static const char *item_end(const char *p, const char *end)
{
    int depth = 0;
    for (; p < end; p++) {
        if (*p == '(' || *p == '[')
            depth++;
        if (*p == ')' || *p == ']')
            depth--;
        if (*p == ',' && depth == 0)
            break;
    }
    return p;
}

/* To be executed, every letter stands for a size from 2 to 5 that follows from the seed. */
static fw_count bind_letters(struct bench *b, fw_count v)
{
    fw_dim values[64];
    uint32_t n = fw_symbols_count(b->g.sym);
    for (uint32_t i = 0; i < n && i < 64; i++) {
        uint64_t state = b->seed;
        for (const char *p = fw_symbol_name(b->g.sym, i); *p != '\0'; p++)
            state = fw_random(&state) ^ (unsigned char)*p;
        values[i] = fw_dim_int(2 + (int64_t)(fw_random(&state) % 4));
    }
    return fw_count_substitute(b->g.sym, v, values, n < 64 ? n : 64);
}

static fw_count number(struct bench *b, const char *text, size_t len)
{
    fw_count v = fw_count_bad();
    if (fw_count_parse(b->g.sym, text, len, &v, &b->err) != FW_OK)
        wrong(b, "a number in the case", b->err.message, text);
    return b->seed != 0 ? bind_letters(b, v) : v;
}

/* A comma separated list between text and end. */
static uint32_t numbers(struct bench *b, const char *text, const char *end, fw_dim *ret,
                        uint32_t max)
{
    uint32_t n = 0;
    while (text < end) {
        const char *stop = item_end(text, end);
        assert_true(n < max);
        ret[n++] = fw_dim_of(number(b, text, (size_t)(stop - text)));
        text = stop < end ? stop + 1 : stop;
    }
    return n;
}

static bool same_word(const char *lower, const char *name, size_t len)
{
    if (strlen(name) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
        if (lower[i] != c)
            return false;
    }
    return true;
}

static enum fw_dtype dtype_of(const struct bench *b, const char *text, size_t len)
{
    static const char *const names[] = {
#define NAME(name, text_, bits, class) #name,
        FW_DTYPE_LIST(NAME)
#undef NAME
    };
    for (unsigned i = 0; i < FW_N_DTYPES; i++)
        if (same_word(text, names[i], len))
            return (enum fw_dtype)i;
    wrong(b, "dtype in the case", "a name of FW_DTYPE_LIST", text);
    return FW_UNKNOWN;
}

/* DTYPE[SHAPE]=CONTENTS as a tensor (not yet in the graph). *ret_len: length of the text. */
static struct fw_tensor tensor_of(struct bench *b, const char *text, const char *end)
{
    struct fw_tensor t = {.producer = FW_NONE, .of = FW_NONE};
    const char *open = memchr(text, '[', (size_t)(end - text));
    if (open == NULL)
        wrong(b, "a tensor in the case", "DTYPE[SHAPE]", text);
    const char *close = memchr(open, ']', (size_t)(end - open));
    assert_non_null(close);
    t.dtype = (uint8_t)dtype_of(b, text, (size_t)(open - text));
    if (open[1] == '?') {
        t.rank = FW_RANK_UNKNOWN;
        return t;
    }
    fw_dim dims[FW_MAX_RANK];
    t.rank = (uint8_t)numbers(b, open + 1, close, dims, FW_MAX_RANK);
    t.dims = fw_arena_copy(&b->arena, dims, t.rank * sizeof *dims);
    if (close + 1 == end || close[1] != '=')
        return t;
    if (close + 2 < end && close[2] == '.')
        return t;
    fw_dim value[64];
    uint32_t n = numbers(b, close + 2, end, value, 64);
    fw_count elements = fw_tensor_elements(&b->g, &t);
    assert_true(fw_count_is_const(elements) && elements.word == n);
    t.value = fw_arena_copy(&b->arena, value, n * sizeof *value);
    return t;
}

static uint32_t add_input(struct bench *b, unsigned i)
{
    const char *text = b->want->in[i];
    if (strcmp(text, "-") == 0)
        return FW_NONE;
    bool param = strncmp(text, "param ", 6) == 0;
    b->wanted[i] = param || text[0] == '*';
    text += param ? 6 : text[0] == '*' ? 1 : 0;
    struct fw_tensor t = tensor_of(b, text, text + strlen(text));
    enum fw_kind kind = param ? FW_KIND_PARAM : t.value ? FW_KIND_CONSTANT : FW_KIND_INPUT;
    if (b->op->buffer_slots >> i & 1u)
        kind = FW_KIND_BUFFER;
    uint32_t id = FW_NONE;
    assert_int_equal(
        fw_graph_tensor(&b->g, NULL, kind, (enum fw_dtype)t.dtype, t.rank, t.dims, &id, &b->err),
        FW_OK);
    b->g.tensors[id].value = t.value;
    if (param)
        b->g.tensors[id].flags |= FW_TENSOR_WEIGHT_SIDE;
    if (b->wanted[i])
        b->g.tensors[id].flags |= FW_TENSOR_NEEDS_GRAD;
    return id;
}

static char *copy_text(struct bench *b, const char *text, const char *end)
{
    return fw_arena_strndup(&b->arena, text, (size_t)(end - text));
}

static void parse_list(struct bench *b, enum fw_attr_type type, const char *text, const char *end,
                       struct fw_attr *ret)
{
    uint32_t n = 0;
    int64_t *ints = fw_arena_array(&b->arena, 64, sizeof *ints);
    double *floats = fw_arena_array(&b->arena, 64, sizeof *floats);
    const char **strings = fw_arena_array(&b->arena, 64, sizeof *strings);
    while (text < end) {
        const char *stop = item_end(text, end);
        assert_true(n < 64);
        strings[n] = copy_text(b, text, stop);
        ints[n] = strtoll(strings[n], NULL, 10);
        floats[n] = strtod(strings[n], NULL);
        n++;
        text = stop < end ? stop + 1 : stop;
    }
    ret->n = n;
    if (type == FW_ATTR_INTS)
        ret->ints = ints;
    else if (type == FW_ATTR_FLOATS)
        ret->floats = floats;
    else
        ret->strings = strings;
}

static void parse_attr(struct bench *b, enum fw_attr_type type, const char *text, const char *end,
                       struct fw_attr *ret)
{
    char *copy = copy_text(b, text, end);
    *ret = (struct fw_attr){.given = true};
    if (type == FW_ATTR_INT)
        ret->i = strtoll(copy, NULL, 10);
    else if (type == FW_ATTR_FLOAT)
        ret->f = strtod(copy, NULL);
    else if (type == FW_ATTR_STRING)
        ret->s = copy;
    else if (type == FW_ATTR_TENSOR) {
        struct fw_tensor t = tensor_of(b, text, end);
        ret->tensor = fw_arena_copy(&b->arena, &t, sizeof t);
    } else if (type == FW_ATTR_GRAPH)
        wrong(b, "attribute", "no graph: write that test by hand", copy);
    else
        parse_list(b, type, text, end, ret);
}

static struct fw_attr *parse_attrs(struct bench *b)
{
    const struct fw_op *op = b->op;
    if (op->n_attrs == 0)
        return NULL;
    struct fw_attr *attr = fw_arena_array(&b->arena, op->n_attrs, sizeof *attr);
    for (unsigned i = 0; i < op->n_attrs; i++)
        attr[i] = op->attrs[i].value;
    const char *p = b->want->attrs;
    while (p != NULL && *p != '\0') {
        const char *equals = strchr(p, '=');
        assert_non_null(equals);
        const char *end = equals + strcspn(equals, " ");
        unsigned i = 0;
        size_t len = (size_t)(equals - p);
        while (i < op->n_attrs &&
               (strlen(op->attrs[i].name) != len || memcmp(op->attrs[i].name, p, len) != 0))
            i++;
        if (i == op->n_attrs)
            wrong(b, "attribute", "one that the row has", p);
        parse_attr(b, op->attrs[i].type, equals + 1, end, &attr[i]);
        p = end + strspn(end, " ");
    }
    return attr;
}

static void check_text(struct bench *b, const char *what, fw_count want, fw_count found)
{
    if (fw_count_eq(want, found))
        return;
    struct fw_str s;
    struct fw_str t;
    fw_str_init(&s, &fw_alloc_default);
    fw_str_init(&t, &fw_alloc_default);
    fw_count_print(b->g.sym, want, 0, &s);
    fw_count_print(b->g.sym, found, 0, &t);
    wrong(b, what, fw_str_text(&s), fw_str_text(&t));
}

static void check_output(struct bench *b, unsigned i)
{
    const char *text = b->want->out[i];
    if (strcmp(text, "-") == 0)
        return;
    struct fw_tensor want = tensor_of(b, text, text + strlen(text));
    uint32_t id = b->g.nodes[b->node].out[i];
    const struct fw_tensor *t = &b->g.tensors[id];
    if (t->dtype != want.dtype)
        wrong(b, "dtype of an output", fw_dtypes[want.dtype].name, fw_dtypes[t->dtype].name);
    char label[48];
    snprintf(label, sizeof label, "rank of output %u", i);
    check_text(b, label, fw_count_int(want.rank), fw_count_int(t->rank));
    if (t->rank == FW_RANK_UNKNOWN)
        return;
    for (unsigned k = 0; k < t->rank; k++) {
        snprintf(label, sizeof label, "output %u, dimension %u", i, k);
        check_text(b, label, fw_count_of(want.dims[k]), fw_count_of(t->dims[k]));
    }
    uint32_t n = 0;
    const fw_dim *value = fw_tensor_value(&b->g, id, &n);
    if (strstr(text, "=...") != NULL && value != NULL)
        wrong(b, "contents of an output", "not known", "known");
    if (want.value == NULL)
        return;
    if (value == NULL)
        wrong(b, "contents of an output", text, "not known");
    for (uint32_t k = 0; k < n; k++) {
        snprintf(label, sizeof label, "output %u, element %u", i, (unsigned)k);
        check_text(b, label, fw_count_of(want.value[k]), fw_count_of(value[k]));
    }
}

static const char *const class_names[FW_N_COSTS] = {
    "fma", "add", "mul",  "div", "sqrt", "minmax", "special",
    "exp", "log", "tanh", "erf", "read", "write",
};

static void check_cost(struct bench *b, const char *what, const char *text,
                       const struct fw_cost *found)
{
    struct fw_cost want = {{{0}}};
    bool named[FW_N_COSTS] = {false};
    for (const char *p = text; *p != '\0';) {
        size_t len = strcspn(p, " ");
        size_t name = strcspn(p, "=");
        assert_true(name < len);
        unsigned k = 0;
        while (k < FW_N_COSTS &&
               (strlen(class_names[k]) != name || memcmp(class_names[k], p, name) != 0))
            k++;
        if (k == FW_N_COSTS)
            wrong(b, what, "a class of cost", p);
        want.n[k] = number(b, p + name + 1, len - name - 1);
        named[k] = true;
        p += len + strspn(p + len, " ");
    }
    for (unsigned k = 0; k < FW_N_COSTS; k++) {
        char label[48];
        snprintf(label, sizeof label, "%s, %s", what, class_names[k]);
        if (k < FW_N_CLASSES || named[k])
            check_text(b, label, want.n[k], found->n[k]);
    }
}

static void add_cost(struct bench *b, uint32_t node, struct fw_cost *sum)
{
    struct fw_cost one = {{{0}}};
    b->cx.node = &b->g.nodes[node];
    b->cx.node->op->cost(&b->cx, &one);
    for (unsigned k = 0; k < FW_N_COSTS; k++)
        sum->n[k] = fw_count_add(b->g.sym, sum->n[k], one.n[k]);
}

static void check_dx(struct bench *b, const struct fw_node *node, const uint32_t *dx)
{
    for (unsigned i = 0; i < b->n_in; i++) {
        bool want = b->wanted[i] && !(b->want->no_grad >> i & 1u);
        char label[48];
        snprintf(label, sizeof label, "gradient of input %u", i);
        if (want != (dx[i] != FW_NONE))
            wrong(b, label, want ? "one" : "none", want ? "none" : "one");
        if (dx[i] == FW_NONE)
            continue;
        const struct fw_tensor *x = &b->g.tensors[node->in[i]];
        const struct fw_tensor *d = &b->g.tensors[dx[i]];
        check_text(b, label, fw_count_int(x->rank), fw_count_int(d->rank));
        for (unsigned k = 0; k < x->rank; k++)
            check_text(b, label, fw_count_of(x->dims[k]), fw_count_of(d->dims[k]));
    }
}

void op_bench_grad(struct bench *b, uint32_t *dy, uint32_t *dx)
{
    b->forward = b->g.nodes[b->node];
    for (unsigned o = 0; o < b->n_out; o++) {
        dy[o] = FW_NONE;
        if (b->forward.out[o] == FW_NONE)
            continue;
        struct fw_tensor t = b->g.tensors[b->forward.out[o]];
        if (fw_dtype_is_float((enum fw_dtype)t.dtype) && !(b->want->no_dy >> o & 1u))
            assert_int_equal(fw_graph_tensor(&b->g, NULL, FW_KIND_ACTIVATION,
                                             (enum fw_dtype)t.dtype, t.rank, t.dims, &dy[o],
                                             &b->err),
                             FW_OK);
    }
    for (unsigned i = 0; i < b->n_in; i++)
        dx[i] = FW_NONE;
    struct fw_grad gr = {.cx = b->cx, .node_id = b->node, .dy = dy, .dx = dx, .need = b->wanted};
    gr.cx.node = &b->forward;
    if (b->forward.op->grad(&gr) != FW_OK)
        wrong(b, "gradient", "success", b->err.message);
}

static void run_grad(struct bench *b)
{
    uint32_t dy[OP_CASE_PORTS];
    uint32_t dx[OP_CASE_PORTS];
    uint32_t first = b->g.n_nodes;
    op_bench_grad(b, dy, dx);
    check_dx(b, &b->forward, dx);
    struct fw_cost sum[FW_N_PHASES] = {{{{0}}}};
    for (uint32_t id = first; id < b->g.n_nodes; id++)
        add_cost(b, id, &sum[b->g.nodes[id].phase]);
    if (b->want->backward_input != NULL)
        check_cost(b, "backward_input", b->want->backward_input, &sum[FW_PHASE_BACKWARD_INPUT]);
    if (b->want->backward_weight != NULL)
        check_cost(b, "backward_weight", b->want->backward_weight, &sum[FW_PHASE_BACKWARD_WEIGHT]);
}

static void build(struct bench *b)
{
    const char *domain = b->want->domain ? b->want->domain : "";
    b->op = fw_op_find(domain, b->want->name);
    if (b->op != NULL && b->want->train)
        b->op = b->op->train_form;
    if (b->op == NULL)
        wrong(b, "row", b->want->train ? "one with a training form" : "one", "none");
    uint32_t in[OP_CASE_PORTS];
    uint32_t out[OP_CASE_PORTS];
    while (b->n_in < OP_CASE_PORTS && b->want->in[b->n_in] != NULL) {
        in[b->n_in] = add_input(b, b->n_in);
        b->n_in++;
    }
    while (b->n_out < OP_CASE_PORTS && b->want->out[b->n_out] != NULL)
        b->n_out++;
    if (b->want->train && b->n_out < b->op->min_out)
        b->n_out = b->op->min_out;
    if (b->n_out < b->op->min_out && b->want->fails != FW_OK)
        b->n_out = b->op->min_out;
    assert_in_range(b->n_in, b->op->min_in, b->op->max_in);
    assert_in_range(b->n_out, b->op->min_out, b->op->max_out);
    for (unsigned i = 0; i < b->n_out; i++) {
        const char *text = b->want->out[i];
        out[i] = FW_NONE;
        if (text == NULL || strcmp(text, "-") != 0)
            assert_int_equal(fw_graph_tensor(&b->g, NULL, FW_KIND_ACTIVATION, FW_UNKNOWN,
                                             FW_RANK_UNKNOWN, NULL, &out[i], &b->err),
                             FW_OK);
    }
    struct fw_node_spec spec = {.op = b->op,
                                .in = in,
                                .out = out,
                                .attr = parse_attrs(b),
                                .n_in = (uint16_t)b->n_in,
                                .n_out = (uint16_t)b->n_out,
                                .layer = FW_NONE,
                                .at = -1};
    assert_int_equal(fw_graph_node(&b->g, &spec, &b->node, &b->err), FW_OK);
}

void op_bench_open(struct bench *b, const struct op_case *want, uint64_t seed)
{
    *b = (struct bench){.want = want, .seed = seed};
    fw_arena_init(&b->arena, &fw_alloc_default);
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    assert_non_null(sym);
    fw_graph_init(&b->g, &b->arena, sym);
    b->g.training = want->train;
    build(b);
    b->cx = (struct fw_cx){.g = &b->g,
                           .sym = b->g.sym,
                           .node = &b->g.nodes[b->node],
                           .precision = fw_precision_find("fp32"),
                           .err = &b->err};
}

void op_bench_close(struct bench *b)
{
    struct fw_symbols *sym = b->g.sym;
    fw_graph_free(&b->g);
    fw_symbols_free(sym);
    fw_arena_clear(&b->arena);
}

static void run(struct bench *b)
{
    enum fw_status status = b->op->infer(&b->cx);
    if (status != b->want->fails)
        wrong(b, "inference", b->want->fails == FW_OK ? "success" : "a failure",
              status == FW_OK ? "success" : b->err.message);
    if (status != FW_OK)
        return;
    for (unsigned i = 0; i < b->n_out && b->want->out[i] != NULL; i++)
        check_output(b, i);
    struct fw_cost sum = {{{0}}};
    add_cost(b, b->node, &sum);
    if (b->want->cost != NULL)
        check_cost(b, "cost", b->want->cost, &sum);
    if (b->want->backward_input != NULL || b->want->backward_weight != NULL)
        run_grad(b);
}

void op_cases_run(const struct op_case *cases, size_t n)
{
    assert_true(n > 0);
    if (op_cases_write(cases, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct bench b;
        op_bench_open(&b, &cases[i], 0);
        run(&b);
        op_bench_close(&b);
        if (cases[i].fails == FW_OK)
            for (uint64_t seed = 1; seed <= OP_CASE_SEEDS; seed++)
                op_case_execute(&cases[i], seed);
    }
}
