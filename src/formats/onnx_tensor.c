/* TensorProto: stored tensors. Contents are pointed at, not read; only small integer and odd lists
 * that the file packs in varints are written out as little-endian arrays. */
#include "formats/onnx.h"

#include <inttypes.h>
#include <string.h>

enum {
    DIMS = 1,
    DATA_TYPE = 2,
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    STRING_DATA = 6,
    INT64_DATA = 7,
    NAME = 8,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    UINT64_DATA = 11,
    DATA_LOCATION = 14
};
enum { SPARSE_VALUES = 1, SPARSE_DIMS = 3 };
enum { EXTERNAL = 1 };

/* TensorProto.DataType */
static const uint8_t dtypes[] = {
    FW_UNKNOWN, FW_F32,    FW_U8,      FW_I8,  FW_U16, FW_I16,    FW_I32,    FW_I64,  FW_STRING,
    FW_BOOL,    FW_F16,    FW_F64,     FW_U32, FW_U64, FW_C64,    FW_C128,   FW_BF16, FW_F8E4M3,
    FW_F8E4M3Z, FW_F8E5M2, FW_F8E5M2Z, FW_U4,  FW_I4,  FW_F4E2M1, FW_F8E8M0, FW_U2,   FW_I2,
};

enum fw_status fw_onnx_dtype(struct fw_onnx *rd, const struct fw_pb *pb, uint64_t code,
                             enum fw_dtype *ret)
{
    if (code >= sizeof dtypes)
        return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(pb),
                       "an element type from 0 to %zu is wanted, found %" PRIu64, sizeof dtypes - 1,
                       code);
    *ret = (enum fw_dtype)dtypes[code];
    return FW_OK;
}

static int name_length(struct fw_onnx_text name)
{
    return (int)(name.len < 200 ? name.len : 200);
}

static enum fw_status add_dims(struct fw_onnx *rd, const struct fw_pb *pb,
                               const struct fw_pb_field *f, struct fw_onnx_tensor *t)
{
    struct fw_pb_numbers in;
    FW_TRY(fw_pb_numbers(pb, f, 0, &in, rd->err));
    uint64_t v;
    int more;
    while ((more = fw_pb_number(&in, &v, rd->err)) > 0) {
        if (t->rank == FW_MAX_RANK)
            return fw_limit_fail(rd->m->alloc, FW_MOST_dims, fw_pb_offset(pb), rd->err);
        if (v > (uint64_t)FW_DIM_MAX)
            return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(pb),
                           "a stored tensor's dimension must not be negative or over 2^62, found "
                           "%" PRId64,
                           (int64_t)v);
        t->dims[t->rank++] = fw_dim_int((int64_t)v);
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

/* Contents as the file holds them: one field of a kind, or a run of unpacked ones. */
struct contents {
    struct fw_pb_field first;
    struct fw_pb message; // to walk again
    uint32_t n;           // fields of this kind
    bool external;
    bool raw;
};

static enum fw_status tensor_field(struct fw_onnx *rd, const struct fw_pb *pb,
                                   const struct fw_pb_field *f, struct fw_onnx_tensor *t,
                                   struct contents *c)
{
    switch (f->number) {
    case DIMS:
        return add_dims(rd, pb, f, t);
    case DATA_TYPE:
        FW_TRY(fw_pb_want(pb, f, FW_PB_VARINT, "tensor.data_type", rd->err));
        return fw_onnx_dtype(rd, pb, f->value, &t->dtype);
    case NAME:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "tensor.name", rd->err));
        t->name = fw_onnx_text_of(f);
        return FW_OK;
    case RAW_DATA:
        FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "tensor.raw_data", rd->err));
        c->raw = true;
        c->first = *f;
        c->n = 1;
        return FW_OK;
    case DATA_LOCATION:
        FW_TRY(fw_pb_want(pb, f, FW_PB_VARINT, "tensor.data_location", rd->err));
        c->external = f->value == EXTERNAL;
        return FW_OK;
    case FLOAT_DATA:
    case INT32_DATA:
    case INT64_DATA:
    case DOUBLE_DATA:
    case UINT64_DATA:
        if (c->raw)
            return FW_OK;
        if (c->n++ == 0)
            c->first = *f;
        return FW_OK;
    default:
        return FW_OK;
    }
}

/* Elements in all, as bytes; false where they do not fit. */
static bool byte_count(const struct fw_onnx_tensor *t, uint64_t *ret_n, uint64_t *ret_bytes)
{
    uint64_t n = 1;
    bool zero = false;
    for (unsigned i = 0; i < t->rank; i++)
        zero = zero || t->dims[i].word == 0;
    for (unsigned i = 0; i < t->rank && !zero; i++)
        if (__builtin_mul_overflow(n, (uint64_t)t->dims[i].word, &n))
            return false;
    *ret_n = zero ? 0 : n;
    uint64_t bits;
    if (__builtin_mul_overflow(*ret_n, (uint64_t)fw_dtypes[t->dtype].bits, &bits))
        return false;
    *ret_bytes = bits / 8 + (bits % 8 != 0);
    return true;
}

/* Bytes per entry of a typed list: int32_data also holds narrow types, 4-bit ones in pairs. */
static unsigned entry_bytes(const struct fw_onnx_tensor *t, uint32_t field)
{
    unsigned bits = fw_dtypes[t->dtype].bits;
    if (field == FLOAT_DATA)
        return 4;
    if (field == DOUBLE_DATA)
        return 8;
    return bits <= 8 ? 1 : bits / 8 > 8 ? 8 : bits / 8;
}

/* The lists' numbers, one after another, little-endian. */
static enum fw_status unpack(struct fw_onnx *rd, const struct contents *c, unsigned bytes,
                             unsigned width, unsigned char *out, uint64_t room, uint64_t *ret_bytes)
{
    struct fw_pb pb = c->message;
    struct fw_pb_field f;
    uint64_t used = 0;
    while (fw_pb_next(&pb, &f, rd->err) > 0) {
        if (f.number != c->first.number)
            continue;
        struct fw_pb_numbers in;
        FW_TRY(fw_pb_numbers(&pb, &f, width, &in, rd->err));
        uint64_t v;
        int more;
        while ((more = fw_pb_number(&in, &v, rd->err)) > 0) {
            for (unsigned i = 0; i < bytes && used < room; i++)
                out[used++] = (unsigned char)(v >> (8 * i));
        }
        if (more < 0)
            return FW_FORMAT;
    }
    *ret_bytes = used;
    return FW_OK;
}

static enum fw_status typed_contents(struct fw_onnx *rd, struct fw_onnx_tensor *t,
                                     const struct contents *c, uint64_t n, uint64_t bytes)
{
    uint32_t field = c->first.number;
    unsigned width = field == FLOAT_DATA ? 4 : field == DOUBLE_DATA ? 8 : 0;
    if (width != 0 && c->n == 1 && c->first.wire == FW_PB_LEN && c->first.len == bytes) {
        t->data = (struct fw_data){c->first.data, c->first.len};
        return FW_OK;
    }
    if (n > FW_MAX_VALUE)
        return FW_OK; // contents of this many elements are never asked for
    unsigned char *out = fw_arena_alloc(&rd->m->arena, (size_t)bytes + 1);
    if (out == NULL)
        return fw_fail_memory(rd->err);
    uint64_t used;
    FW_TRY(unpack(rd, c, entry_bytes(t, field), width, out, bytes, &used));
    if (used != bytes)
        return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(&c->message),
                       "tensor '%.*s': %" PRIu64 " bytes of %s are wanted, found %" PRIu64,
                       name_length(t->name), t->name.s, bytes, fw_dtypes[t->dtype].name, used);
    t->data = (struct fw_data){out, (size_t)bytes};
    return FW_OK;
}

static enum fw_status take_contents(struct fw_onnx *rd, struct fw_onnx_tensor *t,
                                    const struct contents *c)
{
    uint64_t n;
    uint64_t bytes;
    if (!byte_count(t, &n, &bytes))
        return fw_fail(rd->err, FW_LIMIT, fw_pb_offset(&c->message),
                       "tensor '%.*s': fewer than 2^64 bits are wanted", name_length(t->name),
                       t->name.s);
    if (n == 0 && !c->external) {
        t->data = (struct fw_data){c->message.base, 0}; // known: there is nothing
        return FW_OK;
    }
    if (c->n == 0 || c->external || t->dtype == FW_STRING || t->dtype == FW_UNKNOWN)
        return FW_OK;
    if (!c->raw)
        return typed_contents(rd, t, c, n, bytes);
    if (c->first.len == 0)
        return FW_OK; // files stripped of their weights
    if (c->first.len != bytes)
        return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(&c->message),
                       "tensor '%.*s': %" PRIu64 " bytes of %s are wanted, found %zu",
                       name_length(t->name), t->name.s, bytes, fw_dtypes[t->dtype].name,
                       c->first.len);
    t->data = (struct fw_data){c->first.data, c->first.len};
    return FW_OK;
}

static enum fw_status read_fields(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_tensor *ret,
                                  struct contents *c)
{
    struct fw_pb_field f;
    int more;
    ret->name = (struct fw_onnx_text){"", 0};
    ret->dtype = FW_UNKNOWN;
    ret->rank = 0;
    ret->data = (struct fw_data){NULL, 0};
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0)
        FW_TRY(tensor_field(rd, &pb, &f, ret, c));
    return more < 0 ? FW_FORMAT : FW_OK;
}

enum fw_status fw_onnx_tensor_read(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_tensor *ret)
{
    struct contents c = {.message = pb};
    FW_TRY(read_fields(rd, pb, ret, &c));
    return take_contents(rd, ret, &c);
}

/* The dense shape and the values' type and name; which elements are not zero does not matter. */
enum fw_status fw_onnx_sparse_read(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_tensor *ret)
{
    struct contents c = {.message = pb};
    struct fw_onnx_tensor shape = {.rank = 0};
    struct fw_pb_field f;
    int more;
    FW_TRY(read_fields(rd, fw_pb_range(pb.base, 0, pb.base), ret, &c));
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number == SPARSE_VALUES) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "sparse_tensor.values", rd->err));
            FW_TRY(read_fields(rd, fw_pb_inside(&pb, &f), ret, &c));
        } else if (f.number == SPARSE_DIMS) {
            FW_TRY(add_dims(rd, &pb, &f, &shape));
        }
    }
    if (more < 0)
        return FW_FORMAT;
    ret->rank = shape.rank;
    memcpy(ret->dims, shape.dims, sizeof shape.dims);
    return FW_OK;
}

enum fw_status fw_onnx_store(struct fw_onnx *rd, struct fw_graph *g, uint32_t id,
                             const struct fw_onnx_tensor *t)
{
    const fw_dim *dims = t->rank > 0 ? fw_graph_dims(g, t->rank, t->dims) : NULL;
    struct fw_data *data = fw_arena_alloc(g->arena, sizeof *data);
    if (data == NULL || (t->rank > 0 && dims == NULL))
        return fw_fail_memory(rd->err);
    *data = t->data;
    struct fw_tensor *to = &g->tensors[id];
    to->kind = FW_KIND_INITIALIZER;
    to->dtype = (uint8_t)t->dtype;
    to->rank = (uint8_t)t->rank;
    to->dims = dims;
    to->data = data;
    return FW_OK;
}

/* ---- numbers the reader stores itself ---- */

static void put_le(unsigned char *out, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (unsigned char)(v >> (8 * i));
}

static enum fw_status numbers(struct fw_onnx *rd, const int64_t *ints, const double *floats,
                              uint32_t n, unsigned rank, struct fw_onnx_tensor *ret)
{
    unsigned bytes = ints != NULL ? 8 : 4;
    unsigned char *out = fw_arena_array(&rd->m->arena, n, bytes);
    if (out == NULL)
        return fw_fail_memory(rd->err);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        float single = floats != NULL ? (float)floats[i] : 0;
        memcpy(&bits, &single, sizeof bits);
        put_le(out + (size_t)i * bytes, ints != NULL ? (uint64_t)ints[i] : bits, bytes);
    }
    *ret = (struct fw_onnx_tensor){
        .dtype = ints != NULL ? FW_I64 : FW_F32,
        .rank = rank,
        .data = {out, (size_t)n * bytes},
    };
    ret->dims[0] = fw_dim_int(n);
    return FW_OK;
}

static enum fw_status stored(struct fw_onnx *rd, struct fw_graph *g, const int64_t *ints,
                             const double *floats, uint32_t n, unsigned rank, uint32_t *ret)
{
    struct fw_onnx_tensor t;
    FW_TRY(numbers(rd, ints, floats, n, rank, &t));
    FW_TRY(fw_graph_tensor(g, NULL, FW_KIND_INITIALIZER, t.dtype, FW_RANK_UNKNOWN, NULL, ret,
                           rd->err));
    g->tensors[*ret].flags |= FW_TENSOR_FROM_NODE;
    return fw_onnx_store(rd, g, *ret, &t);
}

enum fw_status fw_onnx_ints(struct fw_onnx *rd, struct fw_graph *g, const int64_t *v, uint32_t n,
                            unsigned rank, uint32_t *ret)
{
    return stored(rd, g, v, NULL, n, rank, ret);
}

enum fw_status fw_onnx_floats(struct fw_onnx *rd, struct fw_graph *g, const double *v, uint32_t n,
                              unsigned rank, uint32_t *ret)
{
    return stored(rd, g, NULL, v, n, rank, ret);
}

/* ---- Constant ---- */

static enum fw_status constant_value(struct fw_onnx *rd, const struct fw_onnx_attr *a,
                                     struct fw_onnx_tensor *ret)
{
    const int64_t *ints;
    const double *floats;
    switch (a->type) {
    case FW_ONNX_TENSOR:
        return fw_onnx_tensor_read(rd, a->sub, ret);
    case FW_ONNX_SPARSE_TENSOR:
        return fw_onnx_sparse_read(rd, a->sub, ret);
    case FW_ONNX_INT:
        return numbers(rd, &a->i, NULL, 1, 0, ret);
    case FW_ONNX_FLOAT:
        return numbers(rd, NULL, &a->f, 1, 0, ret);
    case FW_ONNX_INTS:
        FW_TRY(fw_onnx_attr_ints(rd, a, &ints));
        return numbers(rd, ints, NULL, a->n, 1, ret);
    case FW_ONNX_FLOATS:
        FW_TRY(fw_onnx_attr_floats(rd, a, &floats));
        return numbers(rd, NULL, floats, a->n, 1, ret);
    default: // one string or several
        *ret = (struct fw_onnx_tensor){.dtype = FW_STRING, .rank = a->type == FW_ONNX_STRINGS};
        ret->dims[0] = fw_dim_int(a->n);
        return FW_OK;
    }
}

/* Some tools write a constant again under the name of one they replace. The last one holds, for the
 * uses before it too, which is how ONNX Runtime reads such files. */
static enum fw_status store_constant(struct fw_onnx *rd, struct fw_onnx_node *node,
                                     const struct fw_onnx_tensor *t)
{
    struct fw_graph *g = node->scope->g;
    uint32_t id = node->out.v[0].id;
    struct fw_tensor *old = &g->tensors[id];
    if (node->again && old->kind != FW_KIND_INITIALIZER)
        return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                 "a name with one producer is wanted, "
                                 "'%.120s' is defined twice",
                                 old->name);
    old->value = NULL;
    old->flags |= FW_TENSOR_FROM_NODE;
    return fw_onnx_store(rd, g, id, t);
}

enum fw_status fw_onnx_constant(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    static const struct {
        const char *name;
        enum fw_onnx_type type;
    } kinds[] = {
        {"value", FW_ONNX_TENSOR},        {"sparse_value", FW_ONNX_SPARSE_TENSOR},
        {"value_int", FW_ONNX_INT},       {"value_ints", FW_ONNX_INTS},
        {"value_float", FW_ONNX_FLOAT},   {"value_floats", FW_ONNX_FLOATS},
        {"value_string", FW_ONNX_STRING}, {"value_strings", FW_ONNX_STRINGS},
    };
    if (node->out.n != 1 || node->out.v[0].id == FW_NONE)
        return fw_onnx_node_fail(rd, node, FW_FORMAT, "1 output is wanted, found %u", node->out.n);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct fw_onnx_attr *a = fw_onnx_attr_find(node, kinds[i].name);
        if (a == NULL)
            continue;
        if (a->type != kinds[i].type)
            return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                     "attribute '%s' of type %s is wanted, "
                                     "found %s",
                                     kinds[i].name, fw_onnx_type_names[kinds[i].type],
                                     fw_onnx_type_names[a->type]);
        struct fw_onnx_tensor t;
        FW_TRY(constant_value(rd, a, &t));
        return store_constant(rd, node, &t);
    }
    return fw_onnx_node_fail(rd, node, FW_FORMAT,
                             "an attribute with the value is wanted, found "
                             "none");
}
