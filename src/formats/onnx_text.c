/* The ONNX text format: models, graphs, nodes, functions; see onnx_text.h. */
#include "formats/onnx_text.h"

#include "formats/formats.h"

#include <string.h>

enum { M_IR = 1, M_PRODUCER = 2, M_GRAPH = 7, M_OPSET = 8, M_FUNCTION = 25 };
enum { G_NODE = 1, G_NAME = 2, G_INITIALIZER = 5, G_INPUT = 11, G_OUTPUT = 12, G_VALUE = 13 };
enum { N_INPUT = 1, N_OUTPUT = 2, N_NAME = 3, N_OP = 4, N_ATTRIBUTE = 5, N_DOMAIN = 7 };
enum { N_OVERLOAD = 8 };
enum { F_NAME = 1, F_INPUT = 4, F_OUTPUT = 5, F_ATTRIBUTE = 6, F_NODE = 7, F_OPSET = 9 };
enum { F_DOMAIN = 10, F_DEFAULT = 11, F_VALUE = 12, F_OVERLOAD = 13 };
enum { V_NAME = 1, V_TYPE = 2 };

/* ---- header: "<key: value, ...>" ---- */

static enum fw_status opsets(struct fw_text *t, uint32_t field)
{
    FW_TRY(fw_text_expect(t, '['));
    while (fw_text_peek(t) != ']') {
        struct fw_onnx_text domain;
        int64_t version;
        struct fw_wire_mark mark = fw_wire_begin(t, field);
        FW_TRY(fw_text_string(t, &domain));
        FW_TRY(fw_text_expect(t, ':'));
        FW_TRY(fw_text_int(t, &version));
        fw_wire_bytes(t, 1, domain);
        fw_wire_varint(t, 2, (uint64_t)version);
        FW_TRY(fw_wire_end(t, mark));
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, ']');
}

/* A value that means nothing here: a number, a string, or a list of pairs of strings. */
static enum fw_status skip_value(struct fw_text *t)
{
    struct fw_onnx_text s;
    struct fw_text_number n;
    if (fw_text_peek(t) == '"')
        return fw_text_string(t, &s);
    if (!fw_text_accept(t, '['))
        return fw_text_number(t, &n);
    while (fw_text_peek(t) != ']') {
        FW_TRY(fw_text_string(t, &s));
        FW_TRY(fw_text_expect(t, ':'));
        FW_TRY(fw_text_string(t, &s));
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, ']');
}

struct key {
    const char *name;
    char kind; // i number, s string, o list of opsets
    uint32_t field;
};
static const struct key model_keys[] = {
    {"ir_version", 'i', M_IR}, {"producer_name", 's', M_PRODUCER}, {"opset_import", 'o', M_OPSET}};
static const struct key function_keys[] = {
    {"domain", 's', F_DOMAIN}, {"overload", 's', F_OVERLOAD}, {"opset_import", 'o', F_OPSET}};
enum { N_KEYS = 3 };

static enum fw_status one_key(struct fw_text *t, const struct key *keys)
{
    struct fw_onnx_text word;
    int64_t v;
    FW_TRY(fw_text_name(t, &word));
    FW_TRY(fw_text_expect(t, ':'));
    for (unsigned i = 0; i < N_KEYS; i++) {
        if (!fw_onnx_is(word, keys[i].name))
            continue;
        if (keys[i].kind == 'o')
            return opsets(t, keys[i].field);
        if (keys[i].kind == 's') {
            FW_TRY(fw_text_string(t, &word));
            fw_wire_bytes(t, keys[i].field, word);
            return FW_OK;
        }
        FW_TRY(fw_text_int(t, &v));
        fw_wire_varint(t, keys[i].field, (uint64_t)v);
        return FW_OK;
    }
    return skip_value(t);
}

static enum fw_status header(struct fw_text *t, const struct key *keys)
{
    if (!fw_text_accept(t, '<'))
        return FW_OK;
    while (fw_text_peek(t) != '>') {
        FW_TRY(one_key(t, keys));
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, '>');
}

/* ---- values ---- */

/* "float[N] x", or a name alone: is a type ahead? */
static bool type_ahead(struct fw_text *t)
{
    struct fw_onnx_text word;
    (void)fw_text_peek(t);
    const char *start = t->p;
    bool is = *start != '"' && fw_text_name(t, &word) == FW_OK;
    is = is && (fw_text_name_ahead(t) || fw_text_peek(t) == '[' || fw_text_peek(t) == '(');
    t->p = start;
    return is;
}

/* One declared value. as_input: where "= {...}" follows it is an input with a default, else it is
 * a stored tensor only. */
static enum fw_status one_value(struct fw_text *t, uint32_t field, bool as_input)
{
    struct fw_onnx_text name;
    size_t before = t->out.len;
    (void)fw_text_peek(t);
    const char *type_at = t->p;
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    bool typed = t->p < t->end && type_ahead(t);
    if (typed)
        FW_TRY(fw_text_type(t, V_TYPE));
    FW_TRY(fw_text_name(t, &name));
    fw_wire_bytes(t, V_NAME, name);
    FW_TRY(fw_wire_end(t, mark));
    if (!typed || !fw_text_accept(t, '='))
        return FW_OK;
    if (!as_input)
        t->out.len = before;
    return fw_text_tensor(t, G_INITIALIZER, type_at, name);
}

static enum fw_status values(struct fw_text *t, uint32_t field, char open, char close)
{
    FW_TRY(fw_text_expect(t, open));
    while (fw_text_peek(t) != close) {
        FW_TRY(one_value(t, field, field == G_INPUT));
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, close);
}

/* ---- nodes ---- */

static enum fw_status names(struct fw_text *t, uint32_t field, char close)
{
    while (fw_text_peek(t) != close) {
        struct fw_onnx_text name = {"", 0};
        if (fw_text_peek(t) != ',')
            FW_TRY(fw_text_name(t, &name));
        fw_wire_bytes(t, field, name);
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, close);
}

/* "com.x.Op": the operator stands behind the last point. */
static enum fw_status operator_name(struct fw_text *t)
{
    struct fw_onnx_text word;
    FW_TRY(fw_text_name(t, &word));
    size_t dot = word.len;
    while (dot > 0 && word.s[dot - 1] != '.')
        dot--;
    if (dot > 0)
        fw_wire_bytes(t, N_DOMAIN, (struct fw_onnx_text){word.s, dot - 1});
    fw_wire_bytes(t, N_OP, (struct fw_onnx_text){word.s + dot, word.len - dot});
    if (!fw_text_accept(t, ':'))
        return FW_OK;
    FW_TRY(fw_text_name(t, &word));
    fw_wire_bytes(t, N_OVERLOAD, word);
    return FW_OK;
}

static enum fw_status one_node(struct fw_text *t, uint32_t field)
{
    struct fw_onnx_text label;
    (void)fw_text_peek(t);
    FW_TRY(fw_wire_place(t, (size_t)(t->p - t->start)));
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    if (fw_text_accept(t, '[')) {
        FW_TRY(fw_text_name(t, &label));
        fw_wire_bytes(t, N_NAME, label);
        FW_TRY(fw_text_expect(t, ']'));
    }
    FW_TRY(names(t, N_OUTPUT, '='));
    FW_TRY(operator_name(t));
    bool attributes = fw_text_peek(t) == '<';
    if (attributes)
        FW_TRY(fw_text_attributes(t, N_ATTRIBUTE));
    FW_TRY(fw_text_expect(t, '('));
    FW_TRY(names(t, N_INPUT, ')'));
    if (!attributes && fw_text_peek(t) == '<')
        FW_TRY(fw_text_attributes(t, N_ATTRIBUTE));
    return fw_wire_end(t, mark);
}

static enum fw_status nodes(struct fw_text *t, uint32_t field)
{
    FW_TRY(fw_text_expect(t, '{'));
    while (fw_text_peek(t) != '}') {
        if (t->p == t->end)
            return fw_text_fail(t, "'}'");
        FW_TRY(one_node(t, field));
        (void)fw_text_accept(t, ';');
    }
    return fw_text_expect(t, '}');
}

/* ---- graphs and functions ---- */

static enum fw_status arrow(struct fw_text *t)
{
    FW_TRY(fw_text_expect(t, '='));
    if (t->p == t->end || *t->p != '>')
        return fw_text_fail(t, "'=>'");
    t->p++;
    return FW_OK;
}

enum fw_status fw_text_graph(struct fw_text *t, uint32_t field, struct fw_onnx_text name)
{
    FW_WITHIN(t->alloc, FW_MOST_nesting, ++t->depth, -1, t->err);
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    fw_wire_bytes(t, G_NAME, name);
    FW_TRY(values(t, G_INPUT, '(', ')'));
    FW_TRY(arrow(t));
    FW_TRY(values(t, G_OUTPUT, '(', ')'));
    if (fw_text_peek(t) == '<')
        FW_TRY(values(t, G_VALUE, '<', '>'));
    FW_TRY(nodes(t, G_NODE));
    t->depth--;
    return fw_wire_end(t, mark);
}

/* "<a, b = 1>": names, and those with a default. */
static enum fw_status formal_attributes(struct fw_text *t)
{
    while (fw_text_peek(t) != '>') {
        struct fw_onnx_text name;
        (void)fw_text_peek(t);
        const char *start = t->p;
        FW_TRY(fw_text_name(t, &name));
        char c = fw_text_peek(t);
        if (c == '=' || c == ':') {
            t->p = start;
            FW_TRY(fw_text_attribute(t, F_DEFAULT));
        } else {
            fw_wire_bytes(t, F_ATTRIBUTE, name);
        }
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, '>');
}

static enum fw_status function(struct fw_text *t)
{
    struct fw_onnx_text name;
    struct fw_wire_mark mark = fw_wire_begin(t, M_FUNCTION);
    FW_TRY(header(t, function_keys));
    FW_TRY(fw_text_name(t, &name));
    fw_wire_bytes(t, F_NAME, name);
    if (fw_text_accept(t, '<'))
        FW_TRY(formal_attributes(t));
    FW_TRY(fw_text_expect(t, '('));
    FW_TRY(names(t, F_INPUT, ')'));
    FW_TRY(arrow(t));
    FW_TRY(fw_text_expect(t, '('));
    FW_TRY(names(t, F_OUTPUT, ')'));
    if (fw_text_peek(t) == '<')
        FW_TRY(values(t, F_VALUE, '<', '>'));
    FW_TRY(nodes(t, F_NODE));
    return fw_wire_end(t, mark);
}

static enum fw_status parse(struct fw_text *t)
{
    struct fw_onnx_text name;
    FW_TRY(header(t, model_keys));
    FW_TRY(fw_text_name(t, &name));
    FW_TRY(fw_text_graph(t, M_GRAPH, name));
    while (fw_text_peek(t) != '\0' || t->p < t->end)
        FW_TRY(function(t));
    return fw_str_ok(&t->out) ? FW_OK : fw_fail_memory(t->err);
}

static enum fw_status parse_and_read(struct fw_text *t, struct fw_model *m)
{
    FW_TRY(parse(t));
    const unsigned char *wire = fw_arena_copy(&m->arena, t->out.data, t->out.len);
    if (wire == NULL)
        return fw_fail_memory(t->err);
    enum fw_status status = fw_onnx_read_model(m, wire, t->out.len, false, t->err);
    if (status != FW_OK && t->err->at >= 0)
        t->err->at = fw_wire_text_at(t, t->err->at);
    return status;
}

static enum fw_status read(struct fw_model *m, const unsigned char *data, size_t size,
                           struct fw_error *err)
{
    struct fw_error none = {0};
    struct fw_text t = {
        .start = (const char *)data,
        .p = (const char *)data,
        .end = (const char *)data + size,
        .err = err != NULL ? err : &none,
        .alloc = m->alloc,
    };
    fw_str_init(&t.out, m->alloc);
    enum fw_status status = parse_and_read(&t, m);
    fw_str_free(&t.out);
    fw_mem_resize(m->alloc, t.places, t.cap_places * sizeof *t.places, 0);
    return status;
}

/* "<ir_version: 8, ...": a header that opens with one of its keys. */
static int match(const unsigned char *data, size_t size)
{
    static const char *const first[] = {"ir_version", "opset_import", "producer_name"};
    struct fw_text t = {
        .start = (const char *)data, .p = (const char *)data, .end = (const char *)data + size};
    struct fw_onnx_text word;
    if (!fw_text_accept(&t, '<') || fw_text_peek(&t) == '"' || fw_text_name(&t, &word) != FW_OK)
        return 1;
    for (unsigned i = 0; i < sizeof first / sizeof *first; i++)
        if (fw_onnx_is(word, first[i]))
            return fw_text_accept(&t, ':') ? 0 : 1;
    return 1;
}

const struct fw_format fw_format_onnx_text = {
    .name = "onnx-text",
    .extensions = ".onnxtxt .onnx.txt",
    .match = match,
    .read = read,
};
