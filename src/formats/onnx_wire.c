/* Writing the wire format; see onnx_text.h. A failed allocation is remembered in the buffer and
 * asked for once, at the end. */
#include "formats/onnx_text.h"

#include <string.h>

#define LENGTH_BYTES 5 // a length is written with as many bytes as the largest needs

void fw_wire_number(struct fw_text *t, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        fw_str_addc(&t->out, (char)(v | 0x80));
    fw_str_addc(&t->out, (char)v);
}

void fw_wire_fixed(struct fw_text *t, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        fw_str_addc(&t->out, (char)(v >> (8 * i)));
}

void fw_wire_varint(struct fw_text *t, uint32_t field, uint64_t v)
{
    fw_wire_number(t, field << 3 | FW_PB_VARINT);
    fw_wire_number(t, v);
}

void fw_wire_bytes(struct fw_text *t, uint32_t field, struct fw_onnx_text bytes)
{
    fw_wire_number(t, field << 3 | FW_PB_LEN);
    fw_wire_number(t, bytes.len);
    if (bytes.len > 0)
        fw_str_addn(&t->out, bytes.s, bytes.len);
}

void fw_wire_float(struct fw_text *t, uint32_t field, double v)
{
    float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (field != 0)
        fw_wire_number(t, field << 3 | FW_PB_I32);
    fw_wire_fixed(t, bits, 4);
}

struct fw_wire_mark fw_wire_begin(struct fw_text *t, uint32_t field)
{
    fw_wire_number(t, field << 3 | FW_PB_LEN);
    struct fw_wire_mark mark = {t->out.len};
    fw_wire_fixed(t, 0, LENGTH_BYTES);
    return mark;
}

enum fw_status fw_wire_end(struct fw_text *t, struct fw_wire_mark mark)
{
    if (!fw_str_ok(&t->out))
        return fw_fail_memory(t->err);
    uint64_t len = t->out.len - mark.at - LENGTH_BYTES;
    FW_REQUIRE(len < (uint64_t)1 << (7 * LENGTH_BYTES), t->err, FW_LIMIT,
               "a text of less than 32 GiB is wanted");
    for (unsigned i = 0; i < LENGTH_BYTES; i++) {
        unsigned more = i + 1 < LENGTH_BYTES ? 0x80 : 0;
        t->out.data[mark.at + i] = (char)(((len >> (7 * i)) & 0x7f) | more);
    }
    return FW_OK;
}

enum fw_status fw_wire_place(struct fw_text *t, size_t text)
{
    if (t->n_places == t->cap_places) {
        FW_WITHIN(t->alloc, FW_MOST_items, t->cap_places, -1, t->err);
        uint32_t cap = t->cap_places == 0 ? 64 : t->cap_places * 2;
        void *p = fw_mem_resize(t->alloc, t->places, t->cap_places * sizeof *t->places,
                                cap * sizeof *t->places);
        if (p == NULL)
            return fw_fail_memory(t->err);
        t->places = p;
        t->cap_places = cap;
    }
    t->places[t->n_places++] = (struct fw_text_place){t->out.len, text};
    return FW_OK;
}

int64_t fw_wire_text_at(const struct fw_text *t, int64_t wire)
{
    uint32_t lo = 0;
    uint32_t hi = t->n_places;
    if (wire < 0)
        return -1;
    while (lo < hi) { // the last place that is not behind
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->places[mid].wire <= (size_t)wire)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo == 0 ? -1 : (int64_t)t->places[lo - 1].text;
}
