/* Protocol buffer wire format: a walk over the fields of one message in memory.
 *
 * https://protobuf.dev/programming-guides/encoding/ : a message is a run of (tag, value); a tag is
 * a varint of field number * 8 + wire type. Nothing is copied; every length is checked against the
 * range it stands in, so a walk cannot leave the file. Groups (wire types 3 and 4) are refused. */
#ifndef FW_FORMATS_PB_H
#define FW_FORMATS_PB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fw_pb_wire { FW_PB_VARINT = 0, FW_PB_I64 = 1, FW_PB_LEN = 2, FW_PB_I32 = 5 };

/* What is left of a message. */
struct fw_pb {
    const unsigned char *at;
    const unsigned char *end;
    const unsigned char *base; // of the file: offsets in messages are counted from here
};

struct fw_pb_field {
    uint32_t number;
    uint32_t wire;             // enum fw_pb_wire
    uint64_t value;            // varint, or the bits of a fixed-width value
    const unsigned char *data; // of FW_PB_LEN
    size_t len;                // bytes of data
};

static inline struct fw_pb fw_pb_range(const unsigned char *data, size_t len,
                                       const unsigned char *base)
{
    return (struct fw_pb){data, data + len, base};
}
static inline struct fw_pb fw_pb_inside(const struct fw_pb *outer, const struct fw_pb_field *f)
{
    return (struct fw_pb){f->data, f->data + f->len, outer->base};
}
static inline int64_t fw_pb_offset(const struct fw_pb *pb)
{
    return (int64_t)(pb->at - pb->base);
}

/* A varint of at most 10 bytes; false when it does not end inside the range. */
bool fw_pb_varint_slow(struct fw_pb *pb, uint64_t *ret);
static inline bool fw_pb_varint(struct fw_pb *pb, uint64_t *ret)
{
    if (pb->at < pb->end && *pb->at < 0x80) {
        *ret = *pb->at++;
        return true;
    }
    return fw_pb_varint_slow(pb, ret);
}

/* The next field: 1 found, 0 end of the message, -1 malformed (FW_FORMAT with the byte offset). */
int fw_pb_next_slow(struct fw_pb *pb, struct fw_pb_field *ret, struct fw_error *err);
static inline int fw_pb_next(struct fw_pb *pb, struct fw_pb_field *ret, struct fw_error *err)
{
    const unsigned char *p = pb->at;
    size_t left = (size_t)(pb->end - p);
    if (left == 0)
        return 0;
    /* Nearly every field: a number below 16, a length below 128. */
    if (left >= 2 && (p[0] & 0x87) == FW_PB_LEN && p[0] >= 8 && p[1] < 0x80 && p[1] <= left - 2) {
        ret->number = p[0] >> 3;
        ret->wire = FW_PB_LEN;
        ret->data = p + 2;
        ret->len = p[1];
        ret->value = 0;
        pb->at = p + 2 + p[1];
        return 1;
    }
    return fw_pb_next_slow(pb, ret, err);
}

/* For walks that skip what is in the fields: asks the processor for bytes that come soon. */
static inline void fw_pb_prefetch(const struct fw_pb *pb)
{
    enum { AHEAD = 1024 };
    if (pb->end - pb->at > AHEAD)
        __builtin_prefetch(pb->at + AHEAD);
}

/* FW_FORMAT when a known field has another wire type than the schema's. */
enum fw_status fw_pb_want(const struct fw_pb *pb, const struct fw_pb_field *f, enum fw_pb_wire wire,
                          const char *name, struct fw_error *err);

/* A repeated number: calls one after another for a packed run or for the single value of an
 * unpacked field. `in` must have been started by fw_pb_numbers. width: 0 varint, 4 or 8 bytes. */
struct fw_pb_numbers {
    struct fw_pb in;
    uint64_t single;
    unsigned width;
    bool is_single;
};
enum fw_status fw_pb_numbers(const struct fw_pb *pb, const struct fw_pb_field *f, unsigned width,
                             struct fw_pb_numbers *ret, struct fw_error *err);
int fw_pb_number(struct fw_pb_numbers *in, uint64_t *ret, struct fw_error *err); // 1, 0 end, -1

#endif
