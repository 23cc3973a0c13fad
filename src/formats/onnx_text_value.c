/* Types, stored tensors and attributes of the ONNX text format. */
#include "formats/onnx_text.h"

#include <string.h>

enum { TYPE_TENSOR = 1, TYPE_SEQUENCE = 4, TYPE_MAP = 5, TYPE_SPARSE = 8, TYPE_OPTIONAL = 9 };
enum { T_DIMS = 1, T_TYPE = 2, T_FLOAT = 4, T_INT32 = 5, T_INT64 = 7, T_NAME = 8 };
enum { T_DOUBLE = 10, T_UINT64 = 11, T_LOCATION = 14 };
enum { A_NAME = 1, A_F = 2, A_I = 3, A_S = 4, A_T = 5, A_G = 6, A_FLOATS = 7, A_INTS = 8 };
enum { A_STRINGS = 9, A_TENSORS = 10, A_GRAPHS = 11, A_TP = 14, A_TYPE = 20, A_REF = 21 };

/* TensorProto.DataType by name, and the list its numbers stand in (0: contents are left out). */
static const struct {
    const char *name;
    uint32_t field;
} types[] = {
    {"undefined", 0},      {"float", T_FLOAT},   {"uint8", T_INT32},    {"int8", T_INT32},
    {"uint16", T_INT32},   {"int16", T_INT32},   {"int32", T_INT32},    {"int64", T_INT64},
    {"string", 0},         {"bool", T_INT32},    {"float16", 0},        {"double", T_DOUBLE},
    {"uint32", T_UINT64},  {"uint64", T_UINT64}, {"complex64", 0},      {"complex128", 0},
    {"bfloat16", 0},       {"float8e4m3fn", 0},  {"float8e4m3fnuz", 0}, {"float8e5m2", 0},
    {"float8e5m2fnuz", 0}, {"uint4", 0},         {"int4", 0},           {"float4e2m1", 0},
    {"float8e8m0", 0},     {"uint2", 0},         {"int2", 0},
};

/* An element type's number by its name, 0 when there is none. */
static uint32_t dtype_of(struct fw_onnx_text name)
{
    for (uint32_t i = 1; i < sizeof types / sizeof *types; i++)
        if (fw_onnx_is(name, types[i].name))
            return i;
    return 0;
}

/* "[N,3,?]" into a TensorShapeProto; "[]" is a shape nobody knows, nothing is a scalar. */
static enum fw_status shape(struct fw_text *t, uint32_t field)
{
    bool open = fw_text_accept(t, '[');
    if (open && fw_text_accept(t, ']'))
        return FW_OK;
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    while (open) {
        struct fw_onnx_text name;
        int64_t v;
        struct fw_wire_mark dim = fw_wire_begin(t, 1);
        char c = fw_text_peek(t);
        if ((c >= '0' && c <= '9') || c == '-') {
            FW_TRY(fw_text_int(t, &v));
            fw_wire_varint(t, 1, (uint64_t)v);
        } else if (!fw_text_accept(t, '?')) {
            FW_TRY(fw_text_name(t, &name));
            fw_wire_bytes(t, 2, name);
        }
        FW_TRY(fw_wire_end(t, dim));
        if (fw_text_accept(t, ','))
            continue;
        FW_TRY(fw_text_expect(t, ']'));
        open = false;
    }
    return fw_wire_end(t, mark);
}

static enum fw_status container(struct fw_text *t, struct fw_onnx_text word, bool *ret_is)
{
    uint32_t field = fw_onnx_is(word, "seq")        ? TYPE_SEQUENCE
                     : fw_onnx_is(word, "map")      ? TYPE_MAP
                     : fw_onnx_is(word, "optional") ? TYPE_OPTIONAL
                                                    : 0;
    *ret_is = field != 0;
    if (field == 0)
        return FW_OK;
    struct fw_onnx_text key;
    uint32_t inner = 1;
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    FW_TRY(fw_text_expect(t, '('));
    if (field == TYPE_MAP) {
        FW_TRY(fw_text_name(t, &key));
        fw_wire_varint(t, 1, dtype_of(key));
        FW_TRY(fw_text_expect(t, ','));
        inner = 2;
    }
    FW_WITHIN(t->alloc, FW_MOST_nesting, ++t->depth, -1, t->err);
    FW_TRY(fw_text_type(t, inner));
    t->depth--;
    FW_TRY(fw_text_expect(t, ')'));
    return fw_wire_end(t, mark);
}

enum fw_status fw_text_type(struct fw_text *t, uint32_t field)
{
    struct fw_onnx_text word;
    bool is;
    struct fw_wire_mark type = fw_wire_begin(t, field);
    (void)fw_text_peek(t);
    const char *start = t->p;
    FW_TRY(fw_text_name(t, &word));
    FW_TRY(container(t, word, &is));
    if (is)
        return fw_wire_end(t, type);
    bool sparse = fw_onnx_is(word, "sparse_tensor");
    if (sparse) {
        FW_TRY(fw_text_expect(t, '('));
        FW_TRY(fw_text_name(t, &word));
    }
    uint32_t dtype = dtype_of(word);
    if (dtype == 0) {
        t->p = start;
        return fw_text_fail(t, "an element type");
    }
    struct fw_wire_mark tensor = fw_wire_begin(t, sparse ? TYPE_SPARSE : TYPE_TENSOR);
    fw_wire_varint(t, 1, dtype);
    FW_TRY(shape(t, 2));
    FW_TRY(fw_wire_end(t, tensor));
    if (sparse)
        FW_TRY(fw_text_expect(t, ')'));
    return fw_wire_end(t, type);
}

/* ---- stored tensors ---- */

static enum fw_status contents(struct fw_text *t, uint32_t field)
{
    struct fw_text_number n;
    struct fw_onnx_text word;
    struct fw_wire_mark mark = {0};
    if (field != 0)
        mark = fw_wire_begin(t, field);
    while (fw_text_peek(t) != '}') {
        char c = fw_text_peek(t);
        if (c == '"') {
            FW_TRY(fw_text_string(t, &word));
            n = (struct fw_text_number){0};
        } else if (c == 't' || c == 'f') { // true, false
            FW_TRY(fw_text_name(t, &word));
            n = (struct fw_text_number){.i = c == 't', .f = c == 't'};
        } else {
            FW_TRY(fw_text_number(t, &n));
        }
        if (n.is_float && field != T_FLOAT && field != T_DOUBLE && field != 0)
            return fw_text_fail(t, "a whole number");
        uint64_t bits;
        memcpy(&bits, &n.f, sizeof bits);
        if (field == T_FLOAT)
            fw_wire_float(t, 0, n.f);
        else if (field == T_DOUBLE)
            fw_wire_fixed(t, bits, 8);
        else if (field != 0)
            fw_wire_number(t, (uint64_t)n.i);
        if (!fw_text_accept(t, ','))
            break;
    }
    FW_TRY(fw_text_expect(t, '}'));
    return field != 0 ? fw_wire_end(t, mark) : FW_OK;
}

/* `["location": "weights.bin", ...]`: never opened. */
static enum fw_status external(struct fw_text *t)
{
    struct fw_onnx_text word;
    fw_wire_varint(t, T_LOCATION, 1);
    while (fw_text_peek(t) != ']') {
        FW_TRY(fw_text_string(t, &word));
        FW_TRY(fw_text_expect(t, ':'));
        FW_TRY(fw_text_string(t, &word));
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, ']');
}

enum fw_status fw_text_tensor(struct fw_text *t, uint32_t field, const char *type_at,
                              struct fw_onnx_text name)
{
    struct fw_onnx_text word;
    const char *here = t->p;
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    t->p = type_at;
    FW_TRY(fw_text_name(t, &word));
    uint32_t dtype = dtype_of(word);
    if (dtype == 0)
        return fw_text_fail(t, "a tensor's type");
    fw_wire_varint(t, T_TYPE, dtype);
    if (fw_text_accept(t, '[') && !fw_text_accept(t, ']')) {
        int64_t v;
        do {
            FW_TRY(fw_text_int(t, &v));
            fw_wire_varint(t, T_DIMS, (uint64_t)v);
        } while (fw_text_accept(t, ','));
        FW_TRY(fw_text_expect(t, ']'));
    }
    if (name.len > 0)
        fw_wire_bytes(t, T_NAME, name);
    t->p = here;
    if (fw_text_accept(t, '{'))
        FW_TRY(contents(t, types[dtype].field));
    else if (fw_text_accept(t, '['))
        FW_TRY(external(t));
    return fw_wire_end(t, mark);
}

/* ---- attributes ---- */

static const char *const no_type_words[] = {"seq", "map", "optional", "sparse_tensor"};

static bool is_type_word(struct fw_onnx_text word)
{
    for (unsigned i = 0; i < sizeof no_type_words / sizeof *no_type_words; i++)
        if (fw_onnx_is(word, no_type_words[i]))
            return true;
    return dtype_of(word) != 0;
}

/* A value that starts with a word: a tensor, a type, or a graph. in_list: fields of lists. */
static enum fw_status word_value(struct fw_text *t, bool in_list, enum fw_onnx_type *type)
{
    struct fw_onnx_text word;
    struct fw_onnx_text name = {"", 0};
    const char *start = t->p;
    FW_TRY(fw_text_name(t, &word));
    bool graph = *type == FW_ONNX_GRAPH || *type == FW_ONNX_GRAPHS ||
                 (!is_type_word(word) && fw_text_peek(t) == '(');
    if (graph) {
        *type = in_list ? FW_ONNX_GRAPHS : FW_ONNX_GRAPH;
        return fw_text_graph(t, in_list ? A_GRAPHS : A_G, word);
    }
    if (dtype_of(word) == 0 || *type == FW_ONNX_TYPE_PROTO) {
        t->p = start;
        *type = FW_ONNX_TYPE_PROTO;
        return fw_text_type(t, A_TP);
    }
    if (fw_text_accept(t, '['))
        while (fw_text_peek(t) != ']' && t->p < t->end)
            t->p++;
    (void)fw_text_accept(t, ']');
    if (fw_text_name_ahead(t))
        FW_TRY(fw_text_name(t, &name));
    (void)fw_text_accept(t, '=');
    if (fw_text_peek(t) == '{' || *type == FW_ONNX_TENSOR || *type == FW_ONNX_TENSORS) {
        *type = in_list ? FW_ONNX_TENSORS : FW_ONNX_TENSOR;
        return fw_text_tensor(t, in_list ? A_TENSORS : A_T, start, name);
    }
    t->p = start;
    *type = FW_ONNX_TYPE_PROTO;
    return fw_text_type(t, A_TP);
}

static bool is_special(struct fw_text *t)
{
    size_t left = (size_t)(t->end - t->p);
    if (left < 3 || (memcmp(t->p, "inf", 3) != 0 && memcmp(t->p, "nan", 3) != 0))
        return false;
    return left == 3 || strchr(",>]} \n\ti", t->p[3]) != NULL;
}

/* One value; *type is what is known of it on entry, FW_ONNX_UNDEFINED when nothing is. */
static enum fw_status value(struct fw_text *t, bool in_list, enum fw_onnx_type *type)
{
    struct fw_text_number n;
    struct fw_onnx_text s;
    char c = fw_text_peek(t);
    if (c == '"' && *type != FW_ONNX_GRAPH && *type != FW_ONNX_GRAPHS) {
        FW_TRY(fw_text_string(t, &s));
        fw_wire_bytes(t, in_list ? A_STRINGS : A_S, s);
        *type = in_list ? FW_ONNX_STRINGS : FW_ONNX_STRING;
        return FW_OK;
    }
    bool digit = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.';
    if (!digit && !is_special(t))
        return word_value(t, in_list, type);
    FW_TRY(fw_text_number(t, &n));
    bool as_float = n.is_float || *type == FW_ONNX_FLOAT || *type == FW_ONNX_FLOATS;
    if (n.is_float && (*type == FW_ONNX_INT || *type == FW_ONNX_INTS))
        return fw_text_fail(t, "a whole number before this");
    if (as_float)
        fw_wire_float(t, in_list ? A_FLOATS : A_F, n.f);
    else
        fw_wire_varint(t, in_list ? A_INTS : A_I, (uint64_t)n.i);
    *type = as_float ? (in_list ? FW_ONNX_FLOATS : FW_ONNX_FLOAT)
                     : (in_list ? FW_ONNX_INTS : FW_ONNX_INT);
    return FW_OK;
}

static enum fw_status list(struct fw_text *t, enum fw_onnx_type *type)
{
    while (fw_text_peek(t) != ']') {
        enum fw_onnx_type one = *type;
        FW_TRY(value(t, true, &one));
        if (*type != FW_ONNX_UNDEFINED && one != *type)
            return fw_text_fail(t, "a list of one type");
        *type = one;
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, ']');
}

static enum fw_status type_name(struct fw_text *t, enum fw_onnx_type *ret)
{
    struct fw_onnx_text word;
    (void)fw_text_peek(t);
    const char *start = t->p;
    FW_TRY(fw_text_name(t, &word));
    for (unsigned i = 1; i < FW_ONNX_N_TYPES; i++)
        if (fw_onnx_is(word, fw_onnx_type_names[i])) {
            *ret = (enum fw_onnx_type)i;
            return FW_OK;
        }
    t->p = start;
    return fw_text_fail(t, "an attribute's type");
}

enum fw_status fw_text_attribute(struct fw_text *t, uint32_t field)
{
    struct fw_onnx_text name;
    enum fw_onnx_type type = FW_ONNX_UNDEFINED;
    struct fw_wire_mark mark = fw_wire_begin(t, field);
    FW_TRY(fw_text_name(t, &name));
    fw_wire_bytes(t, A_NAME, name);
    if (fw_text_accept(t, ':'))
        FW_TRY(type_name(t, &type));
    FW_TRY(fw_text_expect(t, '='));
    if (fw_text_accept(t, '@')) {
        FW_TRY(fw_text_name(t, &name));
        fw_wire_bytes(t, A_REF, name);
    } else if (fw_text_accept(t, '[')) {
        FW_TRY(list(t, &type));
    } else {
        FW_TRY(value(t, false, &type));
    }
    fw_wire_varint(t, A_TYPE, type);
    return fw_wire_end(t, mark);
}

enum fw_status fw_text_attributes(struct fw_text *t, uint32_t field)
{
    FW_TRY(fw_text_expect(t, '<'));
    while (fw_text_peek(t) != '>') {
        FW_TRY(fw_text_attribute(t, field));
        if (!fw_text_accept(t, ','))
            break;
    }
    return fw_text_expect(t, '>');
}
