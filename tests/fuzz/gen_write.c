/* Generated models as files; see gen.h. Field numbers are those of onnx.proto. */
#include "gen.h"

#include "formats/onnx_text.h"

#include <stdio.h>

const char *const gen_letters[GEN_LETTERS] = {"N", "M", "K"};

/* ---- ONNX ---- */

enum { M_IR = 1, M_GRAPH = 7, M_OPSET = 8 };
enum { G_NODE = 1, G_NAME = 2, G_INITIALIZER = 5, G_INPUT = 11, G_OUTPUT = 12 };
enum { N_INPUT = 1, N_OUTPUT = 2, N_NAME = 3, N_OP = 4, N_ATTRIBUTE = 5, N_DOMAIN = 7 };
enum { A_NAME = 1, A_F = 2, A_I = 3, A_S = 4, A_T = 5, A_G = 6, A_FLOATS = 7, A_INTS = 8 };
enum { A_STRINGS = 9, A_TYPE = 20 };
enum { T_DIMS = 1, T_TYPE = 2, T_FLOAT = 4, T_INT32 = 5, T_INT64 = 7, T_NAME = 8 };
enum { T_EXTERNAL = 13, T_LOCATION = 14 };
enum { FLOAT = 1, INT64 = 7 }; // TensorProto.DataType

static const char *name_of(int value, char *room)
{
    if (value < 0)
        return "";
    (void)snprintf(room, 16, "t%d", value);
    return room;
}

static void word(struct fw_text *t, uint32_t field, const char *text)
{
    fw_wire_bytes(t, field, fw_onnx_word(text));
}

static void pair(struct fw_text *t, uint32_t field, const char *key, const char *value)
{
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    word(t, 1, key);
    word(t, 2, value);
    (void)fw_wire_end(t, mark);
}

static void tensor(struct fw_text *t, uint32_t field, const struct gen_value *v, const char *name)
{
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    for (unsigned k = 0; k < v->rank; k++)
        fw_wire_varint(t, T_DIMS, (uint64_t)v->dims[k]);
    fw_wire_varint(t, T_TYPE, v->dtype);
    if (name != NULL)
        word(t, T_NAME, name);
    if (v->contents) {
        uint32_t list = v->dtype == FLOAT ? T_FLOAT : v->dtype == INT64 ? T_INT64 : T_INT32;
        struct fw_wire_mark data = fw_wire_begin(t, list);
        for (int64_t i = 0; i < v->n; i++)
            if (v->dtype == FLOAT)
                fw_wire_float(t, 0, (double)v->v[i]);
            else
                fw_wire_number(t, (uint64_t)v->v[i]);
        (void)fw_wire_end(t, data);
    } else {
        pair(t, T_EXTERNAL, "location", "weights.bin");
        fw_wire_varint(t, T_LOCATION, 1);
    }
    (void)fw_wire_end(t, mark);
}

static void declared(struct fw_text *t, uint32_t field, const struct gen_model *m, int value)
{
    char room[16];
    const struct gen_value *v = &m->values[value];
    struct fw_wire_mark info = fw_wire_begin(t, field);
    word(t, 1, name_of(value, room));
    if (field == G_INPUT) {
        struct fw_wire_mark type = fw_wire_begin(t, 2);
        struct fw_wire_mark of = fw_wire_begin(t, 1);
        fw_wire_varint(t, 1, v->dtype);
        if (v->rank != FW_RANK_UNKNOWN) {
            struct fw_wire_mark shape = fw_wire_begin(t, 2);
            for (unsigned k = 0; k < v->rank; k++) {
                struct fw_wire_mark dim = fw_wire_begin(t, 1);
                if (v->dims[k] >= 0)
                    fw_wire_varint(t, 1, (uint64_t)v->dims[k]);
                else
                    word(t, 2, gen_letters[-1 - v->dims[k]]);
                (void)fw_wire_end(t, dim);
            }
            (void)fw_wire_end(t, shape);
        }
        (void)fw_wire_end(t, of);
        (void)fw_wire_end(t, type);
    }
    (void)fw_wire_end(t, info);
}

static void graph(struct fw_text *t, uint32_t field, const struct gen_model *m,
                  const struct gen_graph *g);

/* The numbers of enum fw_attr_type in AttributeProto.AttributeType. */
static const uint32_t attr_types[] = {2, 1, 3, 7, 6, 8, 4, 5};

static void attribute(struct fw_text *t, const struct gen_model *m, const struct gen_attr *a)
{
    struct fw_wire_mark mark = fw_wire_begin(t, N_ATTRIBUTE);
    word(t, A_NAME, a->spec->name);
    for (unsigned k = 0; k < a->n; k++)
        switch (a->spec->type) {
        case FW_ATTR_INT:
        case FW_ATTR_INTS:
            fw_wire_varint(t, a->spec->type == FW_ATTR_INT ? A_I : A_INTS, (uint64_t)a->i[k]);
            break;
        case FW_ATTR_FLOAT:
        case FW_ATTR_FLOATS:
            fw_wire_float(t, a->spec->type == FW_ATTR_FLOAT ? A_F : A_FLOATS, (double)a->i[k] / 4);
            break;
        case FW_ATTR_STRING:
        case FW_ATTR_STRINGS:
            word(t, a->spec->type == FW_ATTR_STRING ? A_S : A_STRINGS, a->s[k]);
            break;
        case FW_ATTR_TENSOR:
            tensor(t, A_T, &a->tensor, NULL);
            break;
        case FW_ATTR_GRAPH:
            graph(t, A_G, m, a->graph);
            break;
        }
    fw_wire_varint(t, A_TYPE, attr_types[a->spec->type]);
    (void)fw_wire_end(t, mark);
}

static void node(struct fw_text *t, const struct gen_model *m, const struct gen_node *n)
{
    char room[16];
    struct fw_wire_mark mark = fw_wire_begin(t, G_NODE);
    word(t, N_NAME, name_of(n->out[0], room));
    for (unsigned i = 0; i < n->n_out; i++)
        word(t, N_OUTPUT, name_of(n->out[i], room));
    if (n->op->domain[0] != '\0')
        word(t, N_DOMAIN, n->op->domain);
    word(t, N_OP, n->op->name);
    for (unsigned i = 0; i < n->n_attrs; i++)
        attribute(t, m, &n->attrs[i]);
    for (unsigned i = 0; i < n->n_in; i++)
        word(t, N_INPUT, name_of(n->in[i], room));
    (void)fw_wire_end(t, mark);
}

static void graph(struct fw_text *t, uint32_t field, const struct gen_model *m,
                  const struct gen_graph *g)
{
    char room[16];
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    word(t, G_NAME, "g");
    for (unsigned i = 0; i < g->n_inputs; i++)
        declared(t, G_INPUT, m, g->inputs[i]);
    for (unsigned i = 0; i < g->n_outputs; i++)
        declared(t, G_OUTPUT, m, g->outputs[i]);
    for (int i = g->first_value; i < g->end_value; i++)
        if (m->values[i].kind == GEN_STORED && m->values[i].graph == g - m->graphs)
            tensor(t, G_INITIALIZER, &m->values[i], name_of(i, room));
    for (unsigned i = 0; i < g->n_nodes; i++)
        node(t, m, &g->nodes[i]);
    (void)fw_wire_end(t, mark);
}

static const struct {
    const char *domain;
    int64_t version;
} opsets[] = {{"", 23}, {"com.microsoft", 1}, {"ai.onnx.ml", 5}};

void gen_write_onnx(const struct gen_model *m, struct fw_str *out)
{
    struct fw_text t = {.alloc = out->alloc};
    t.out = *out;
    fw_wire_varint(&t, M_IR, 10);
    for (unsigned i = 0; i < sizeof opsets / sizeof *opsets; i++) {
        struct fw_wire_mark mark = fw_wire_begin(&t, M_OPSET);
        word(&t, 1, opsets[i].domain);
        fw_wire_varint(&t, 2, (uint64_t)opsets[i].version);
        (void)fw_wire_end(&t, mark);
    }
    graph(&t, M_GRAPH, m, &m->graphs[0]);
    *out = t.out;
}

/* ---- text ---- */

static const char *const type_words[] = {"undefined", "float", "uint8",   "int8",
                                         "uint16",    "int16", "int32",   "int64",
                                         "string",    "bool",  "float16", "double"};

static void text_type(struct fw_str *out, const struct gen_value *v)
{
    fw_str_add(out, type_words[v->dtype]);
    if (v->rank == FW_RANK_UNKNOWN)
        fw_str_add(out, "[]");
    for (unsigned k = 0; v->rank != FW_RANK_UNKNOWN && k < v->rank; k++) {
        fw_str_add(out, k == 0 ? "[" : ", ");
        if (v->dims[k] >= 0)
            fw_str_add_i64(out, v->dims[k], 0);
        else
            fw_str_add(out, gen_letters[-1 - v->dims[k]]);
    }
    if (v->rank > 0 && v->rank != FW_RANK_UNKNOWN)
        fw_str_add(out, "]");
}

static void text_contents(struct fw_str *out, const struct gen_value *v)
{
    if (!v->contents) {
        fw_str_add(out, "[\"location\": \"weights.bin\"]");
        return;
    }
    fw_str_add(out, "{");
    for (int64_t i = 0; i < v->n; i++) {
        fw_str_add(out, i > 0 ? ", " : "");
        fw_str_add_i64(out, v->v[i], 0);
    }
    fw_str_add(out, "}");
}

static void text_graph(struct fw_str *out, const struct gen_model *m, const struct gen_graph *g);

static void text_attribute(struct fw_str *out, const struct gen_model *m, const struct gen_attr *a)
{
    static const char *const words[] = {"int",    "float",   "string", "ints",
                                        "floats", "strings", "tensor", "graph"};
    enum fw_attr_type type = a->spec->type;
    bool list = type == FW_ATTR_INTS || type == FW_ATTR_FLOATS || type == FW_ATTR_STRINGS;
    fw_str_addf(out, "%s: %s = %s", a->spec->name, words[type], list ? "[" : "");
    for (unsigned k = 0; k < a->n; k++) {
        fw_str_add(out, k > 0 ? ", " : "");
        if (type == FW_ATTR_INT || type == FW_ATTR_INTS) {
            fw_str_add_i64(out, a->i[k], 0);
        } else if (type == FW_ATTR_FLOAT || type == FW_ATTR_FLOATS) {
            fw_str_add_fixed(out, (double)a->i[k] / 4, 2);
        } else if (type == FW_ATTR_STRING || type == FW_ATTR_STRINGS) {
            fw_str_addf(out, "\"%s\"", a->s[k]);
        } else if (type == FW_ATTR_TENSOR) {
            text_type(out, &a->tensor);
            fw_str_add(out, " ");
            text_contents(out, &a->tensor);
        } else {
            text_graph(out, m, a->graph);
        }
    }
    fw_str_add(out, list ? "]" : "");
}

static void text_node(struct fw_str *out, const struct gen_model *m, const struct gen_node *n)
{
    char room[16];
    fw_str_addf(out, "[%s] ", name_of(n->out[0], room));
    for (unsigned i = 0; i < n->n_out; i++)
        fw_str_addf(out, "%s%s", i > 0 ? ", " : "", name_of(n->out[i], room));
    fw_str_add(out, " = ");
    if (n->op->domain[0] != '\0')
        fw_str_addf(out, "%s.", n->op->domain);
    fw_str_add(out, n->op->name);
    for (unsigned i = 0; i < n->n_attrs; i++) {
        fw_str_add(out, i == 0 ? " <" : ", ");
        text_attribute(out, m, &n->attrs[i]);
    }
    fw_str_add(out, n->n_attrs > 0 ? "> (" : " (");
    for (unsigned i = 0; i < n->n_in; i++)
        fw_str_addf(out, "%s%s", i > 0 ? ", " : "",
                    n->in[i] >= 0 ? name_of(n->in[i], room) : "\"\"");
    fw_str_add(out, ")\n");
}

static void text_graph(struct fw_str *out, const struct gen_model *m, const struct gen_graph *g)
{
    char room[16];
    fw_str_add(out, "g (");
    for (unsigned i = 0; i < g->n_inputs; i++) {
        fw_str_add(out, i > 0 ? ", " : "");
        text_type(out, &m->values[g->inputs[i]]);
        fw_str_addf(out, " %s", name_of(g->inputs[i], room));
    }
    fw_str_add(out, ") => (");
    for (unsigned i = 0; i < g->n_outputs; i++)
        fw_str_addf(out, "%s%s", i > 0 ? ", " : "", name_of(g->outputs[i], room));
    fw_str_add(out, ")");
    unsigned n = 0;
    for (int i = g->first_value; i < g->end_value; i++) {
        const struct gen_value *v = &m->values[i];
        if (v->kind != GEN_STORED || v->graph != g - m->graphs)
            continue;
        fw_str_add(out, n++ == 0 ? " <" : ", ");
        text_type(out, v);
        fw_str_addf(out, " %s = ", name_of(i, room));
        text_contents(out, v);
    }
    fw_str_add(out, n > 0 ? ">\n{\n" : "\n{\n");
    for (unsigned i = 0; i < g->n_nodes; i++)
        text_node(out, m, &g->nodes[i]);
    fw_str_add(out, "}");
}

void gen_write_text(const struct gen_model *m, struct fw_str *out)
{
    fw_str_add(out, "<ir_version: 10, opset_import: [");
    for (unsigned i = 0; i < sizeof opsets / sizeof *opsets; i++)
        fw_str_addf(out, "%s\"%s\": %d", i > 0 ? ", " : "", opsets[i].domain,
                    (int)opsets[i].version);
    fw_str_add(out, "]>\n");
    text_graph(out, m, &m->graphs[0]);
    fw_str_add(out, "\n");
}
