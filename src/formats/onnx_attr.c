/* AttributeProto: values of attributes, and their way into the slots of an operator's row. */
#include "formats/onnx.h"

#include <inttypes.h>
#include <string.h>

enum {
    NAME = 1,
    F = 2,
    I = 3,
    S = 4,
    T = 5,
    G = 6,
    FLOATS = 7,
    INTS = 8,
    STRINGS = 9,
    TYPE = 20,
    REF_NAME = 21,
    SPARSE = 22
};

const char *const fw_onnx_type_names[FW_ONNX_N_TYPES] = {
    "undefined",      "float",      "int",        "string",  "tensor", "graph",
    "floats",         "ints",       "strings",    "tensors", "graphs", "sparse_tensor",
    "sparse_tensors", "type_proto", "type_protos"};

/* Numbers of a list, packed or not. */
static enum fw_status count_numbers(struct fw_onnx *rd, const struct fw_pb *pb,
                                    const struct fw_pb_field *f, unsigned width, uint32_t *n)
{
    struct fw_pb_numbers in;
    FW_TRY(fw_pb_numbers(pb, f, width, &in, rd->err));
    uint64_t v;
    int more;
    while ((more = fw_pb_number(&in, &v, rd->err)) > 0)
        if ((*n)++ == UINT32_MAX - 1)
            return fw_fail(rd->err, FW_LIMIT, fw_pb_offset(pb), "an attribute of 2^32 numbers");
    return more < 0 ? FW_FORMAT : FW_OK;
}

static double float_of(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float f;
    memcpy(&f, &word, sizeof f);
    return (double)f;
}

static void seen(struct fw_onnx_attr *a, enum fw_onnx_type type)
{
    if (a->type == FW_ONNX_UNDEFINED) // files of the first version state no type
        a->type = type;
}

static enum fw_status one_value(struct fw_onnx *rd, const struct fw_pb *pb,
                                const struct fw_pb_field *f, struct fw_onnx_attr *a)
{
    switch (f->number) {
    case F:
        FW_TRY(fw_pb_want(pb, f, FW_PB_I32, "attribute.f", rd->err));
        a->f = float_of(f->value);
        seen(a, FW_ONNX_FLOAT);
        return FW_OK;
    case I:
        FW_TRY(fw_pb_want(pb, f, FW_PB_VARINT, "attribute.i", rd->err));
        a->i = (int64_t)f->value;
        seen(a, FW_ONNX_INT);
        return FW_OK;
    case S:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "attribute.s", rd->err));
        a->s = fw_onnx_text_of(f);
        seen(a, FW_ONNX_STRING);
        return FW_OK;
    default: // a message
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "attribute", rd->err));
        a->sub = fw_pb_inside(pb, f);
        seen(a, f->number == T   ? FW_ONNX_TENSOR
                : f->number == G ? FW_ONNX_GRAPH
                                 : FW_ONNX_SPARSE_TENSOR);
        return FW_OK;
    }
}

static enum fw_status attr_field(struct fw_onnx *rd, const struct fw_pb *pb,
                                 const struct fw_pb_field *f, struct fw_onnx_attr *a,
                                 struct fw_onnx_text *ref, uint64_t *type)
{
    switch (f->number) {
    case NAME:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "attribute.name", rd->err));
        a->name = fw_onnx_text_of(f);
        return FW_OK;
    case TYPE:
        FW_TRY(fw_pb_want(pb, f, FW_PB_VARINT, "attribute.type", rd->err));
        *type = f->value;
        return FW_OK;
    case REF_NAME:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "attribute.ref_attr_name", rd->err));
        *ref = fw_onnx_text_of(f);
        return FW_OK;
    case F:
    case I:
    case S:
    case T:
    case G:
    case SPARSE:
        return one_value(rd, pb, f, a);
    case FLOATS:
        seen(a, FW_ONNX_FLOATS);
        return count_numbers(rd, pb, f, 4, &a->n);
    case INTS:
        seen(a, FW_ONNX_INTS);
        return count_numbers(rd, pb, f, 0, &a->n);
    case STRINGS:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "attribute.strings", rd->err));
        seen(a, FW_ONNX_STRINGS);
        a->n++;
        return FW_OK;
    default:
        return FW_OK;
    }
}

/* An attribute inside a function that stands for one of the call's. */
static void follow(const struct fw_onnx_scope *scope, struct fw_onnx_text ref,
                   struct fw_onnx_attr *a, bool *ret_given)
{
    struct fw_onnx_text name = a->name;
    for (uint32_t i = 0; i < scope->n_bindings; i++)
        if (fw_onnx_same(scope->bindings[i].name, ref)) {
            *a = scope->bindings[i].attr;
            a->name = name;
            return;
        }
    *ret_given = false;
}

enum fw_status fw_onnx_attr_read(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb,
                                 struct fw_onnx_attr *ret, bool *ret_given)
{
    struct fw_onnx_text ref = {"", 0};
    uint64_t type = 0;
    struct fw_pb_field f;
    int more;
    *ret = (struct fw_onnx_attr){.name = {"", 0}, .s = {"", 0}, .message = pb, .scope = scope};
    *ret_given = true;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0)
        FW_TRY(attr_field(rd, &pb, &f, ret, &ref, &type));
    if (more < 0)
        return FW_FORMAT;
    if (ref.len > 0) {
        follow(scope, ref, ret, ret_given);
        return FW_OK;
    }
    if (type >= FW_ONNX_N_TYPES)
        return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(&ret->message),
                       "attribute '%.*s': a known type is wanted, found number %" PRIu64,
                       (int)(ret->name.len < 200 ? ret->name.len : 200), ret->name.s, type);
    if (type != 0 && ret->type != FW_ONNX_UNDEFINED && ret->type != (enum fw_onnx_type)type)
        return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(&ret->message),
                       "attribute '%.*s': its type says %s, found %s",
                       (int)(ret->name.len < 200 ? ret->name.len : 200), ret->name.s,
                       fw_onnx_type_names[type], fw_onnx_type_names[ret->type]);
    if (type != 0)
        ret->type = (enum fw_onnx_type)type;
    return FW_OK;
}

struct fw_onnx_attr *fw_onnx_attr_find(struct fw_onnx_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->attrs.n; i++)
        if (fw_onnx_is(node->attrs.v[i].name, name))
            return &node->attrs.v[i];
    return NULL;
}

enum fw_status fw_onnx_attr_add(struct fw_onnx *rd, struct fw_onnx_node *node,
                                const struct fw_onnx_attr *attr)
{
    struct fw_onnx_attrs *to = &node->attrs;
    if (to->n == to->cap) {
        uint32_t cap = to->cap * 4;
        struct fw_onnx_attr *v = fw_arena_array(&rd->m->arena, cap, sizeof *v);
        FW_WITHIN(rd->m->alloc, FW_MOST_ports, (uint64_t)to->cap + 1, -1, rd->err);
        if (v == NULL)
            return fw_fail_memory(rd->err);
        memcpy(v, to->v, to->n * sizeof *v);
        to->v = v;
        to->cap = cap;
    }
    to->v[to->n++] = *attr;
    return FW_OK;
}

/* ---- lists ---- */

/* The numbers of a list, as integers or, where ints is NULL, as reals; (attr->n) of either. */
static enum fw_status read_list(struct fw_onnx *rd, const struct fw_onnx_attr *attr, int64_t *ints,
                                double *floats)
{
    uint32_t field = ints != NULL ? INTS : FLOATS;
    struct fw_pb pb = attr->message;
    struct fw_pb_field f;
    uint32_t n = 0;
    while (fw_pb_next(&pb, &f, rd->err) > 0) {
        struct fw_pb_numbers in;
        uint64_t v;
        if (f.number != field)
            continue;
        FW_TRY(fw_pb_numbers(&pb, &f, ints != NULL ? 0 : sizeof(float), &in, rd->err));
        for (; n < attr->n && fw_pb_number(&in, &v, rd->err) > 0; n++)
            if (ints != NULL)
                ints[n] = (int64_t)v;
            else
                floats[n] = float_of(v);
    }
    return FW_OK;
}

enum fw_status fw_onnx_attr_ints(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                                 const int64_t **ret)
{
    *ret = attr->ints;
    if (*ret != NULL)
        return FW_OK;
    int64_t *out = fw_arena_array(&rd->m->arena, attr->n, sizeof *out);
    *ret = out;
    return out != NULL ? read_list(rd, attr, out, NULL) : fw_fail_memory(rd->err);
}

enum fw_status fw_onnx_attr_floats(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                                   const double **ret)
{
    double *out = fw_arena_array(&rd->m->arena, attr->n, sizeof *out);
    *ret = out;
    return out != NULL ? read_list(rd, attr, NULL, out) : fw_fail_memory(rd->err);
}

static enum fw_status strings_of(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                                 const char *const **ret)
{
    const char **out = fw_arena_array(&rd->m->arena, attr->n, sizeof *out);
    if (out == NULL)
        return fw_fail_memory(rd->err);
    struct fw_pb pb = attr->message;
    struct fw_pb_field f;
    uint32_t n = 0;
    while (n < attr->n && fw_pb_next(&pb, &f, rd->err) > 0) {
        if (f.number != STRINGS)
            continue;
        out[n] = fw_onnx_dup(rd, fw_onnx_text_of(&f));
        if (out[n++] == NULL)
            return FW_MEMORY;
    }
    *ret = out;
    return FW_OK;
}

/* ---- slots ---- */

/* The file's type for each type of a row. */
static const enum fw_onnx_type wanted[] = {
    [FW_ATTR_INT] = FW_ONNX_INT,       [FW_ATTR_FLOAT] = FW_ONNX_FLOAT,
    [FW_ATTR_STRING] = FW_ONNX_STRING, [FW_ATTR_INTS] = FW_ONNX_INTS,
    [FW_ATTR_FLOATS] = FW_ONNX_FLOATS, [FW_ATTR_STRINGS] = FW_ONNX_STRINGS,
    [FW_ATTR_TENSOR] = FW_ONNX_TENSOR, [FW_ATTR_GRAPH] = FW_ONNX_GRAPH,
};

static enum fw_status tensor_slot(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                                  struct fw_attr *ret)
{
    struct fw_onnx_tensor t;
    FW_TRY(fw_onnx_tensor_read(rd, attr->sub, &t));
    struct fw_tensor *kept = fw_arena_zalloc(&rd->m->arena, sizeof *kept);
    struct fw_data *data = fw_arena_copy(&rd->m->arena, &t.data, sizeof t.data);
    fw_dim *dims = fw_arena_copy(&rd->m->arena, t.dims, t.rank * sizeof *dims);
    if (kept == NULL || data == NULL || dims == NULL)
        return fw_fail_memory(rd->err);
    *kept = (struct fw_tensor){
        .dims = t.rank > 0 ? dims : NULL,
        .data = data,
        .producer = FW_NONE,
        .of = FW_NONE,
        .rank = (uint8_t)t.rank,
        .dtype = (uint8_t)t.dtype,
        .kind = FW_KIND_CONSTANT,
    };
    ret->tensor = kept;
    return FW_OK;
}

enum fw_status fw_onnx_attr_slot(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_onnx_attr *attr, const struct fw_attr_spec *spec,
                                 uint32_t n_own, struct fw_attr *ret)
{
    if (attr->type != wanted[spec->type])
        return fw_onnx_node_fail(
            rd, node, FW_FORMAT, "attribute '%s' of type %s is wanted, found %s", spec->name,
            fw_onnx_type_names[wanted[spec->type]], fw_onnx_type_names[attr->type]);
    struct fw_graph *body;
    bool message = spec->type == FW_ATTR_TENSOR || spec->type == FW_ATTR_GRAPH;
    if (message && attr->sub.at == NULL)
        return fw_onnx_node_fail(rd, node, FW_FORMAT, "attribute '%s' has no value", spec->name);
    ret->given = true;
    ret->n = attr->n;
    switch (spec->type) {
    case FW_ATTR_INT:
        ret->i = attr->i;
        return FW_OK;
    case FW_ATTR_FLOAT:
        ret->f = attr->f;
        return FW_OK;
    case FW_ATTR_STRING:
        ret->n = attr->s.len < UINT32_MAX ? (uint32_t)attr->s.len : UINT32_MAX;
        ret->s = fw_onnx_dup(rd, attr->s);
        return ret->s != NULL ? FW_OK : FW_MEMORY;
    case FW_ATTR_INTS:
        return fw_onnx_attr_ints(rd, attr, &ret->ints);
    case FW_ATTR_FLOATS:
        return fw_onnx_attr_floats(rd, attr, &ret->floats);
    case FW_ATTR_STRINGS:
        return strings_of(rd, attr, &ret->strings);
    case FW_ATTR_TENSOR:
        return tensor_slot(rd, attr, ret);
    case FW_ATTR_GRAPH:
        FW_TRY(fw_onnx_body(rd, attr, node, n_own, &body));
        ret->graph = body;
        return FW_OK;
    }
    return FW_OK;
}
