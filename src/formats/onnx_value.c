/* ValueInfoProto: declared element types and shapes.
 *
 * Of an input of the model the declaration is the shape, and sizes left open become symbols. Of any
 * other tensor it is a hint, used where inference has no answer. */
#include "formats/onnx.h"

#include <inttypes.h>
#include <string.h>

enum { VALUE_NAME = 1, VALUE_TYPE = 2 };
enum { TYPE_TENSOR = 1, TYPE_SEQUENCE = 4, TYPE_MAP = 5, TYPE_SPARSE = 8, TYPE_OPTIONAL = 9 };
enum { TENSOR_ELEM = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2 };
enum { MAP_VALUE = 2, INNER_ELEM = 1 };

struct size {
    int64_t value; // -1: not stated
    struct fw_onnx_text param;
};

struct declaration {
    struct fw_onnx_text name;
    bool open; // a sequence, map or optional
    bool has_shape;
    enum fw_dtype dtype;
    unsigned rank;
    struct size dims[FW_MAX_RANK];
};

static enum fw_status read_dim(struct fw_onnx *rd, struct fw_pb pb, struct size *ret)
{
    *ret = (struct size){-1, {"", 0}};
    struct fw_pb_field f;
    int more;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number == DIM_VALUE) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_VARINT, "dim_value", rd->err));
            if ((int64_t)f.value > FW_DIM_MAX)
                return fw_fail(rd->err, FW_LIMIT, fw_pb_offset(&pb),
                               "a dimension below 2^62 is wanted, found %" PRId64,
                               (int64_t)f.value);
            *ret = (struct size){(int64_t)f.value, {"", 0}};
        } else if (f.number == DIM_PARAM) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "dim_param", rd->err));
            *ret = (struct size){-1, fw_onnx_text_of(&f)};
        }
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

static enum fw_status fail_rank(struct fw_onnx *rd, const struct declaration *d, int64_t at)
{
    enum fw_status status = fw_limit_fail(rd->m->alloc, FW_MOST_dims, at, rd->err);
    fw_error_prefix(rd->err, "tensor '%.*s': ", (int)(d->name.len < 200 ? d->name.len : 200),
                    d->name.s);
    return status;
}

static enum fw_status read_shape(struct fw_onnx *rd, struct fw_pb pb, struct declaration *ret)
{
    struct fw_pb_field f;
    int more;
    ret->has_shape = true;
    ret->rank = 0;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number != SHAPE_DIM)
            continue;
        FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "shape.dim", rd->err));
        if (ret->rank == FW_MAX_RANK)
            return fail_rank(rd, ret, fw_pb_offset(&pb));
        FW_TRY(read_dim(rd, fw_pb_inside(&pb, &f), &ret->dims[ret->rank++]));
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

static enum fw_status read_tensor_type(struct fw_onnx *rd, struct fw_pb pb, struct declaration *ret)
{
    struct fw_pb_field f;
    int more;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number == TENSOR_ELEM) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_VARINT, "elem_type", rd->err));
            FW_TRY(fw_onnx_dtype(rd, &pb, f.value, &ret->dtype));
        } else if (f.number == TENSOR_SHAPE && !ret->open) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "shape", rd->err));
            FW_TRY(read_shape(rd, fw_pb_inside(&pb, &f), ret));
        }
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

/* A TypeProto; sequences, maps and optionals are followed inwards to their element type. */
static enum fw_status read_type(struct fw_onnx *rd, struct fw_pb pb, struct declaration *ret)
{
    bool inside = true; // at a TypeProto; false: at a Sequence, Map or Optional
    uint32_t inner = INNER_ELEM;
    for (;;) {
        struct fw_pb_field f;
        struct fw_pb next = {NULL, NULL, NULL};
        int more;
        while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
            if (f.wire != FW_PB_LEN)
                continue;
            if (inside && (f.number == TYPE_TENSOR || f.number == TYPE_SPARSE))
                return read_tensor_type(rd, fw_pb_inside(&pb, &f), ret);
            bool container =
                f.number == TYPE_SEQUENCE || f.number == TYPE_MAP || f.number == TYPE_OPTIONAL;
            if (inside ? !container : f.number != inner)
                continue;
            if (inside)
                inner = f.number == TYPE_MAP ? MAP_VALUE : INNER_ELEM;
            next = fw_pb_inside(&pb, &f);
        }
        if (more < 0)
            return FW_FORMAT;
        if (next.at == NULL)
            return FW_OK;
        ret->open = true;
        inside = !inside;
        pb = next;
    }
}

static enum fw_status read_value(struct fw_onnx *rd, struct fw_pb pb, struct declaration *ret)
{
    ret->name = (struct fw_onnx_text){"", 0};
    ret->open = ret->has_shape = false;
    ret->dtype = FW_UNKNOWN;
    ret->rank = 0;
    struct fw_pb_field f;
    struct fw_pb type = {NULL, NULL, NULL};
    int more;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number == VALUE_NAME) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "value_info.name", rd->err));
            ret->name = fw_onnx_text_of(&f);
        } else if (f.number == VALUE_TYPE) {
            FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "value_info.type", rd->err));
            type = fw_pb_inside(&pb, &f);
        }
    }
    if (more < 0)
        return FW_FORMAT;
    return type.at != NULL ? read_type(rd, type, ret) : FW_OK;
}

enum fw_status fw_onnx_value_name(struct fw_onnx *rd, struct fw_pb pb, struct fw_onnx_text *ret)
{
    *ret = (struct fw_onnx_text){"", 0};
    struct fw_pb_field f;
    int more;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        if (f.number != VALUE_NAME)
            continue;
        FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "value_info.name", rd->err));
        *ret = fw_onnx_text_of(&f);
        return FW_OK;
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

/* ---- sizes ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Names people give ("batch", "batch-size", "x.1") against expressions exporters write
 * ("past + seq", "2*s0"): an expression has an operator, and a minus between two letters is part of
 * a name. */
static bool is_expression(struct fw_onnx_text t)
{
    bool op = false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.s[i];
        if (c == '-' && i > 0 && i + 1 < t.len && is_letter(t.s[i - 1]) && is_letter(t.s[i + 1]))
            return false;
        if (c == '\0' || strchr("+-*/^(), ", c) == NULL) {
            if (!is_letter(c) && !is_digit(c))
                return false;
        } else if (c != ' ') {
            op = true;
        }
    }
    return op || (t.len > 0 && is_digit(t.s[0]));
}

static bool is_named(struct fw_onnx_text t)
{
    if (fw_onnx_is(t, "None"))
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (is_letter(t.s[i]) || is_digit(t.s[i]) || (unsigned char)t.s[i] >= 0x80)
            return true;
    return false;
}

/* The size that a parameter's text stands for; bad when it is no usable name. */
static fw_dim param(struct fw_onnx *rd, struct fw_onnx_text t)
{
    struct fw_symbols *sym = rd->m->sym;
    if (!is_named(t))
        return fw_dim_bad();
    if (is_expression(t)) {
        fw_count v;
        if (fw_count_parse(sym, t.s, t.len, &v, NULL) == FW_OK) {
            fw_dim d = fw_dim_of(v);
            return fw_dim_is_const(d) && d.word < 0 ? fw_dim_bad() : d;
        }
    }
    return fw_dim_symbol(sym, t.s, t.len);
}

/* "INPUT_d2"; all inputs whose first size has no name share `batch`. */
static fw_dim unnamed(struct fw_onnx *rd, const struct fw_tensor *t, unsigned k)
{
    char name[96];
    size_t len = t->name != NULL ? strlen(t->name) : 0;
    bool cut = len > sizeof name - 8; // others may begin alike
    if (k == 0)
        return fw_dim_symbol(rd->m->sym, "batch", 5);
    if (cut)
        len = sizeof name - 8;
    if (len > 0)
        memcpy(name, t->name, len); // NOLINT(bugprone-not-null-terminated-result): more follows
    name[len++] = '_';
    name[len++] = 'd';
    if (k >= 10)
        name[len++] = (char)('0' + k / 10);
    name[len++] = (char)('0' + k % 10);
    name[len] = '\0';
    return cut ? fw_dim_fresh(rd->m->sym, name, fw_dim_bad())
               : fw_dim_symbol(rd->m->sym, name, len);
}

static enum fw_status set_shape(struct fw_onnx *rd, struct fw_graph *g, uint32_t id, unsigned rank,
                                const fw_dim *dims)
{
    struct fw_tensor *t = &g->tensors[id];
    const fw_dim *copy = NULL;
    for (unsigned k = 0; k < rank; k++)
        if (fw_dim_is_bad(dims[k])) // no room for a new symbol
            return fw_fail_memory(rd->err);
    if (rank > 0 && (copy = fw_graph_dims(g, rank, dims)) == NULL)
        return fw_fail_memory(rd->err);
    t->rank = (uint8_t)rank;
    t->dims = copy;
    return FW_OK;
}

enum fw_status fw_onnx_value_input(struct fw_onnx *rd, struct fw_graph *g, struct fw_pb pb,
                                   uint32_t id)
{
    struct declaration d;
    FW_TRY(read_value(rd, pb, &d));
    struct fw_tensor *t = &g->tensors[id];
    t->dtype = (uint8_t)d.dtype;
    if (d.open)
        t->flags |= FW_TENSOR_OPEN;
    if (d.open || !d.has_shape)
        return FW_OK;
    fw_dim dims[FW_MAX_RANK];
    for (unsigned k = 0; k < d.rank; k++) {
        if (d.dims[k].value >= 0) {
            dims[k] = fw_dim_int(d.dims[k].value);
            continue;
        }
        dims[k] = param(rd, d.dims[k].param);
        if (fw_dim_is_bad(dims[k]))
            dims[k] = unnamed(rd, t, k);
    }
    return set_shape(rd, g, id, d.rank, dims);
}

/* A hint may name symbols that the inputs have; new ones only where it is asked for. */
static bool hint_dim(struct fw_onnx *rd, const struct fw_tensor *t, const struct size *size,
                     bool new_letters, fw_dim *ret)
{
    struct fw_symbols *sym = rd->m->sym;
    *ret = fw_dim_bad();
    if (size->value >= 0) {
        *ret = fw_dim_int(size->value);
    } else if (new_letters) {
        *ret = param(rd, size->param);
        if (fw_dim_is_bad(*ret))
            *ret = fw_dim_fresh(sym, t->name != NULL ? t->name : "size", fw_dim_bad());
    } else if (is_named(size->param) && !is_expression(size->param) &&
               fw_symbols_find(sym, size->param.s, size->param.len) != UINT32_MAX) {
        *ret = fw_dim_symbol(sym, size->param.s, size->param.len);
    }
    return !fw_dim_is_bad(*ret);
}

enum fw_status fw_onnx_value_hint(struct fw_onnx *rd, struct fw_graph *g, struct fw_pb pb,
                                  uint32_t id, bool new_letters)
{
    struct declaration d;
    FW_TRY(read_value(rd, pb, &d));
    struct fw_tensor *t = &g->tensors[id];
    if (t->dtype == FW_UNKNOWN)
        t->dtype = (uint8_t)d.dtype;
    if (d.open || !d.has_shape || t->rank != FW_RANK_UNKNOWN)
        return FW_OK;
    fw_dim dims[FW_MAX_RANK];
    for (unsigned k = 0; k < d.rank; k++)
        if (!hint_dim(rd, t, &d.dims[k], new_letters, &dims[k]))
            return FW_OK;
    t->flags |= FW_TENSOR_OPTIONAL_SHAPE;
    return set_shape(rd, g, id, d.rank, dims);
}
