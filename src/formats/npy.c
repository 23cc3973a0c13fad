/* See npy.h. The formats: numpy's "NEP 1", the zip archive's APPNOTE 6.3 (members stored as they
 * are), safetensors (a length, a JSON header, data), ONNX's TensorProto. */
#include "formats/npy.h"

#include "base/json.h"
#include "base/str.h"
#include "formats/pb.h"
#include "ops/op.h"

#include <string.h>

static uint64_t little(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static enum fw_status check_size(const struct fw_array *a, struct fw_error *err)
{
    uint64_t n = fw_dtypes[a->dtype].bits / 8;
    for (unsigned k = 0; k < a->rank; k++)
        FW_REQUIRE(a->dims[k] >= 0 && !__builtin_mul_overflow(n, (uint64_t)a->dims[k], &n), err,
                   FW_FORMAT, "array '%s': its size is no number", a->name);
    FW_REQUIRE(n == a->bytes, err, FW_FORMAT,
               "array '%s': %llu bytes are wanted for its shape, found %zu", a->name,
               (unsigned long long)n, a->bytes);
    return FW_OK;
}

/* ---- .npy ---- */

static const struct {
    const char *npy, *safetensors; // NULL: the format has none
    enum fw_dtype dtype;
} types[] = {
    {"<f4", "F32", FW_F32}, {"<f8", "F64", FW_F64}, {"<f2", "F16", FW_F16},
    {"<i8", "I64", FW_I64}, {"<i4", "I32", FW_I32}, {"<i2", "I16", FW_I16},
    {"|i1", "I8", FW_I8},   {"|u1", "U8", FW_U8},   {"|b1", "BOOL", FW_BOOL},
    {"<u8", "U64", FW_U64}, {"<u4", "U32", FW_U32}, {"<u2", "U16", FW_U16},
};
enum { N_TYPES = sizeof types / sizeof *types };

static bool is_read(enum fw_dtype dtype)
{
    for (unsigned i = 0; i < N_TYPES; i++)
        if (types[i].dtype == dtype)
            return true;
    return false;
}

/* The text behind a key of the header's Python dictionary. */
static const char *behind(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (at == NULL)
        return NULL;
    at = strchr(at, ':');
    if (at != NULL)
        at++;
    while (at != NULL && *at == ' ')
        at++;
    return at;
}

static bool read_shape(const char *at, struct fw_array *ret)
{
    if (at == NULL || *at++ != '(')
        return false;
    for (ret->rank = 0; *at != ')';) {
        int64_t n = 0;
        if (*at < '0' || *at > '9' || ret->rank == FW_ARRAY_RANK)
            return false;
        for (; *at >= '0' && *at <= '9'; at++)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
                return false;
        ret->dims[ret->rank++] = n;
        while (*at == ',' || *at == ' ')
            at++;
    }
    return true;
}

static enum fw_status read_npy(const unsigned char *data, size_t size, const char *name,
                               struct fw_array *ret, struct fw_error *err)
{
    enum { MAX_HEADER = 4096 };
    char header[MAX_HEADER + 1];
    unsigned wide = size > 6 && data[6] >= 2 ? 4 : 2;
    uint64_t length = size >= 12 ? little(data + 8, wide) : 0;
    size_t start = 8u + wide + (size_t)length;
    *ret = (struct fw_array){.name = name};
    FW_REQUIRE(size >= 12 && length <= MAX_HEADER && start <= size, err, FW_FORMAT,
               "array '%s': its header is cut off", name);
    memcpy(header, data + 8 + wide, (size_t)length);
    header[length] = '\0';
    const char *type = behind(header, "'descr'"), *order = behind(header, "'fortran_order'");
    FW_REQUIRE(type != NULL && order != NULL && read_shape(behind(header, "'shape'"), ret), err,
               FW_FORMAT, "array '%s': its header is no dictionary of descr, fortran_order, shape",
               name);
    FW_REQUIRE(strncmp(order, "False", 5) == 0 || ret->rank < 2, err, FW_UNSUPPORTED,
               "array '%s': row-major order is wanted (numpy.ascontiguousarray)", name);
    unsigned i = 0;
    while (i < N_TYPES && (*type == '\0' || strncmp(type + 1, types[i].npy, 3) != 0))
        i++;
    FW_REQUIRE(i < N_TYPES, err, FW_UNSUPPORTED, "array '%s': elements of type %.6s are not read",
               name, type);
    ret->dtype = types[i].dtype;
    ret->data = data + start;
    ret->bytes = size - start;
    return check_size(ret, err);
}

/* ---- lists ---- */

struct list {
    struct fw_arena *arena;
    struct fw_array *items;
    size_t n, cap;
};

static struct fw_array *append(struct list *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 8 : 2 * l->cap;
        struct fw_array *more = fw_arena_array(l->arena, cap, sizeof *more);
        if (more == NULL)
            return NULL;
        if (l->n > 0)
            memcpy(more, l->items, l->n * sizeof *more);
        l->items = more;
        l->cap = cap;
    }
    return &l->items[l->n++];
}

/* ---- .npz: a zip archive, read by its members' own headers ---- */

enum { LOCAL_HEADER = 30 };

static enum fw_status read_member(struct list *l, const unsigned char *data, size_t left,
                                  size_t *ret_length, struct fw_error *err)
{
    FW_REQUIRE(left >= LOCAL_HEADER, err, FW_FORMAT, "the archive is cut off");
    uint64_t flags = little(data + 6, 2), method = little(data + 8, 2);
    uint64_t bytes = little(data + 22, 4);
    size_t name_len = (size_t)little(data + 26, 2), extra = (size_t)little(data + 28, 2);
    size_t start = LOCAL_HEADER + name_len + extra;
    FW_REQUIRE(start <= left, err, FW_FORMAT, "the archive is cut off");
    if (bytes == UINT32_MAX && extra >= 20) // sizes beyond 32 bits stand in the first extra field
        bytes = little(data + LOCAL_HEADER + name_len + 4, 8);
    size_t stem = name_len > 4 && memcmp(data + LOCAL_HEADER + name_len - 4, ".npy", 4) == 0
                      ? name_len - 4
                      : name_len;
    const char *name = fw_arena_strndup(l->arena, (const char *)data + LOCAL_HEADER, stem);
    struct fw_array *a = append(l);
    if (name == NULL || a == NULL)
        return fw_fail_memory(err);
    FW_REQUIRE(method == 0 && (flags & 8) == 0, err, FW_UNSUPPORTED,
               "array '%s' is compressed: numpy.savez writes archives without compression", name);
    FW_REQUIRE(bytes <= left - start, err, FW_FORMAT, "array '%s' is cut off", name);
    *ret_length = start + (size_t)bytes;
    return read_npy(data + start, (size_t)bytes, name, a, err);
}

static enum fw_status read_npz(struct list *l, const unsigned char *data, size_t size,
                               struct fw_error *err)
{
    for (size_t at = 0; at + 4 <= size && memcmp(data + at, "PK\3\4", 4) == 0;) {
        size_t length;
        FW_TRY(read_member(l, data + at, size - at, &length, err));
        at += length;
    }
    return FW_OK;
}

/* ---- .safetensors ---- */

static enum fw_status read_entry(const struct fw_json *v, const unsigned char *data, size_t size,
                                 struct fw_array *ret, struct fw_error *err)
{
    const struct fw_json *shape = fw_json_get(v, "shape"), *at = fw_json_get(v, "data_offsets");
    const struct fw_json *type = fw_json_get(v, "dtype");
    *ret = (struct fw_array){.name = v->key};
    unsigned i = 0;
    while (i < N_TYPES && !fw_json_is(type, types[i].safetensors))
        i++;
    FW_REQUIRE(i < N_TYPES, err, FW_UNSUPPORTED, "tensor '%s': its type is not read", v->key);
    bool good = shape != NULL && shape->kind == FW_JSON_ARRAY && shape->n <= FW_ARRAY_RANK &&
                at != NULL && at->kind == FW_JSON_ARRAY && at->n == 2;
    FW_REQUIRE(good, err, FW_FORMAT, "tensor '%s': shape and data_offsets are wanted", v->key);
    for (const struct fw_json *d = shape->member; d != NULL; d = d->next)
        ret->dims[ret->rank++] = d->kind == FW_JSON_INT ? d->i : -1;
    int64_t from = at->member->i, to = at->member->next->i;
    FW_REQUIRE(from >= 0 && to >= from && (uint64_t)to <= size, err, FW_FORMAT,
               "tensor '%s': its data do not lie in the file", v->key);
    ret->dtype = types[i].dtype;
    ret->data = data + from;
    ret->bytes = (size_t)(to - from);
    return check_size(ret, err);
}

static enum fw_status read_safetensors(struct list *l, const unsigned char *data, size_t size,
                                       struct fw_error *err)
{
    uint64_t header = little(data, 8);
    struct fw_json *json;
    FW_REQUIRE(header <= size - 8, err, FW_FORMAT, "the header is cut off");
    FW_TRY(fw_json_parse(l->arena, data + 8, (size_t)header, 8, &json, err));
    FW_REQUIRE(json->kind == FW_JSON_OBJECT, err, FW_FORMAT, "a header of tensors is wanted");
    for (const struct fw_json *v = json->member; v != NULL; v = v->next) {
        if (strcmp(v->key, "__metadata__") == 0)
            continue;
        struct fw_array *a = append(l);
        if (a == NULL)
            return fw_fail_memory(err);
        FW_TRY(read_entry(v, data + 8 + header, size - 8 - (size_t)header, a, err));
    }
    return FW_OK;
}

/* ---- .pb: one TensorProto, as in the ONNX test data ---- */

enum { PB_DIMS = 1, PB_TYPE = 2, PB_NAME = 8, PB_RAW = 9 };

/* Fields that hold elements as numbers, and how wide those are; 0: varints. */
static const struct {
    uint32_t number;
    unsigned width;
} pb_elements[] = {{4, 4}, {5, 0}, {7, 0}, {10, 8}, {11, 0}};

static enum fw_status read_dims(const struct fw_pb *pb, const struct fw_pb_field *f,
                                struct fw_array *ret, struct fw_error *err)
{
    struct fw_pb_numbers numbers;
    uint64_t v;
    int more;
    FW_TRY(fw_pb_numbers(pb, f, 0, &numbers, err));
    while ((more = fw_pb_number(&numbers, &v, err)) > 0) {
        FW_REQUIRE(ret->rank < FW_ARRAY_RANK, err, FW_LIMIT, "a tensor has too many dimensions");
        ret->dims[ret->rank++] = (int64_t)v;
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

/* Written out little-endian: as wide as an element, halves of complex numbers as they stand. */
static enum fw_status read_elements(const struct fw_pb *pb, const struct fw_pb_field *f,
                                    unsigned width, struct fw_arena *arena, struct fw_array *ret,
                                    struct fw_error *err)
{
    struct fw_pb_numbers numbers;
    uint64_t v;
    int more;
    unsigned bytes = width > 0 ? width : fw_dtypes[ret->dtype].bits / 8u;
    FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "elements of a tensor", err));
    FW_TRY(fw_pb_numbers(pb, f, width, &numbers, err));
    unsigned char *out = fw_arena_array(arena, f->len + 1, bytes);
    if (out == NULL)
        return fw_fail_memory(err);
    ret->data = out;
    ret->bytes = 0;
    while ((more = fw_pb_number(&numbers, &v, err)) > 0)
        for (unsigned k = 0; k < bytes; k++)
            out[ret->bytes++] = (unsigned char)(v >> 8 * k);
    return more < 0 ? FW_FORMAT : FW_OK;
}

static enum fw_status no_array(struct fw_error *err)
{
    return fw_fail(err, FW_FORMAT, -1,
                   "no array is recognised: .npy, .npz, .safetensors or a TensorProto is wanted");
}

static enum fw_status read_pb(struct list *l, const unsigned char *data, size_t size,
                              struct fw_error *err)
{
    struct fw_pb pb = fw_pb_range(data, size, data);
    struct fw_pb_field f, elements = {0};
    struct fw_array *a = append(l);
    unsigned width = 0;
    int more;
    if (a == NULL)
        return fw_fail_memory(err);
    *a = (struct fw_array){.name = ""};
    while ((more = fw_pb_next(&pb, &f, err)) > 0) {
        if (f.number == PB_DIMS)
            FW_TRY(read_dims(&pb, &f, a, err));
        else if (f.number == PB_TYPE)
            a->dtype = fw_dtype_of_number((int64_t)f.value);
        else if (f.number == PB_NAME)
            a->name = fw_arena_strndup(l->arena, (const char *)f.data, f.len);
        else if (f.number == PB_RAW) {
            a->data = f.data;
            a->bytes = f.len;
        }
        for (size_t i = 0; i < sizeof pb_elements / sizeof *pb_elements; i++)
            if (f.number == pb_elements[i].number) {
                elements = f;
                width = pb_elements[i].width;
            }
    }
    if (more != 0 || a->dtype == FW_UNKNOWN || a->name == NULL)
        return no_array(err);
    FW_REQUIRE(is_read(a->dtype), err, FW_UNSUPPORTED,
               "array '%s': elements of type %s are not read", a->name, fw_dtypes[a->dtype].name);
    if (elements.number != 0)
        FW_TRY(read_elements(&pb, &elements, width, l->arena, a, err));
    return check_size(a, err);
}

enum fw_status fw_arrays_read(const unsigned char *data, size_t size, struct fw_arena *arena,
                              struct fw_array **ret, size_t *ret_n, struct fw_error *err)
{
    struct list l = {.arena = arena};
    enum fw_status status;
    if (size == 0) { // nothing stands at data then
        status = no_array(err);
    } else if (size >= 6 && memcmp(data, "\x93NUMPY", 6) == 0) {
        struct fw_array *a = append(&l);
        status = a == NULL ? fw_fail_memory(err) : read_npy(data, size, "", a, err);
    } else if (size >= 4 && memcmp(data, "PK\3\4", 4) == 0) {
        status = read_npz(&l, data, size, err);
    } else if (size > 8 && data[8] == '{') {
        status = read_safetensors(&l, data, size, err);
    } else {
        status = read_pb(&l, data, size, err);
    }
    *ret = l.items;
    *ret_n = l.n;
    return status;
}
