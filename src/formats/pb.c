/* The wire walk; see pb.h. */
#include "formats/pb.h"

#include <string.h>

bool fw_pb_varint_slow(struct fw_pb *pb, uint64_t *ret)
{
    uint64_t v = 0;
    const unsigned char *p = pb->at;
    for (unsigned shift = 0; shift < 70 && p < pb->end; shift += 7, p++) {
        v |= shift == 63 ? (uint64_t)(*p & 1u) << 63 : (uint64_t)(*p & 0x7fu) << shift;
        if (*p < 0x80) {
            pb->at = p + 1;
            *ret = v;
            return true;
        }
    }
    return false;
}

/* Fills err with what is wrong at pb->at. */
static int fail(const struct fw_pb *pb, const char *what, struct fw_error *err)
{
    (void)fw_fail(err, FW_FORMAT, fw_pb_offset(pb), "%s", what);
    return -1;
}

static uint64_t fixed(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static int next_value(struct fw_pb *pb, struct fw_pb_field *ret, struct fw_error *err)
{
    uint64_t len;
    size_t left;
    switch (ret->wire) {
    case FW_PB_VARINT:
        return fw_pb_varint(pb, &ret->value)
                   ? 1
                   : fail(pb, "a number that ends inside its message is wanted", err);
    case FW_PB_LEN:
        if (!fw_pb_varint(pb, &len))
            return fail(pb, "a length that ends inside its message is wanted", err);
        left = (size_t)(pb->end - pb->at);
        if (len > left) {
            (void)fw_fail(
                err, FW_FORMAT, fw_pb_offset(pb),
                "field %u wants %llu bytes, its message has %zu left: the file is cut off "
                "or damaged",
                ret->number, (unsigned long long)len, left);
            return -1;
        }
        ret->data = pb->at;
        ret->len = (size_t)len;
        pb->at += len;
        return 1;
    case FW_PB_I32:
    case FW_PB_I64:
        len = ret->wire == FW_PB_I32 ? 4 : 8;
        if (len > (size_t)(pb->end - pb->at))
            return fail(pb, "a number that ends inside its message is wanted", err);
        ret->value = fixed(pb->at, (unsigned)len);
        pb->at += len;
        return 1;
    default:
        return fail(pb, "a field of a known wire type is wanted, found a group", err);
    }
}

int fw_pb_next_slow(struct fw_pb *pb, struct fw_pb_field *ret, struct fw_error *err)
{
    const unsigned char *start = pb->at;
    uint64_t tag;
    if (!fw_pb_varint(pb, &tag))
        return fail(pb, "a field tag that ends inside its message is wanted", err);
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        pb->at = start;
        return fail(pb, "a field number between 1 and 2^29 - 1 is wanted", err);
    }
    ret->number = (uint32_t)(tag >> 3);
    ret->wire = (uint32_t)(tag & 7);
    ret->data = NULL;
    ret->len = 0;
    ret->value = 0;
    return next_value(pb, ret, err);
}

enum fw_status fw_pb_want(const struct fw_pb *pb, const struct fw_pb_field *f, enum fw_pb_wire wire,
                          const char *name, struct fw_error *err)
{
    if (f->wire == (uint32_t)wire)
        return FW_OK;
    return fw_fail(err, FW_FORMAT, fw_pb_offset(pb), "%s: wire type %d is wanted, found %u", name,
                   (int)wire, f->wire);
}

enum fw_status fw_pb_numbers(const struct fw_pb *pb, const struct fw_pb_field *f, unsigned width,
                             struct fw_pb_numbers *ret, struct fw_error *err)
{
    ret->width = width;
    ret->is_single = f->wire != FW_PB_LEN;
    ret->single = f->value;
    ret->in = ret->is_single ? (struct fw_pb){pb->base, pb->base, pb->base} : fw_pb_inside(pb, f);
    uint32_t wire = width == 0 ? FW_PB_VARINT : width == 4 ? FW_PB_I32 : FW_PB_I64;
    if (ret->is_single && f->wire != wire)
        return fw_fail(err, FW_FORMAT, fw_pb_offset(pb),
                       "a list of numbers: wire type %u is wanted, found %u", wire, f->wire);
    if (!ret->is_single && width != 0 && f->len % width != 0)
        return fw_fail(err, FW_FORMAT, fw_pb_offset(pb),
                       "a list of %u-byte numbers is wanted, found %zu bytes", width, f->len);
    return FW_OK;
}

int fw_pb_number(struct fw_pb_numbers *in, uint64_t *ret, struct fw_error *err)
{
    if (in->is_single) {
        in->is_single = false;
        *ret = in->single;
        return 1;
    }
    if (in->in.at == in->in.end)
        return 0;
    if (in->width == 0)
        return fw_pb_varint(&in->in, ret)
                   ? 1
                   : fail(&in->in, "a number that ends inside its list is wanted", err);
    *ret = fixed(in->in.at, in->width);
    in->in.at += in->width;
    return 1;
}
