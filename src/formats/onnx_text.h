/* The ONNX text format: what its files share.
 *
 * The text is turned into the binary format's bytes, which the binary reader then reads, so that a
 * model means the same either way. Grammar:
 * https://github.com/onnx/onnx/blob/main/docs/Syntax.md . */
#ifndef FW_FORMATS_ONNX_TEXT_H
#define FW_FORMATS_ONNX_TEXT_H

#include "formats/onnx.h"

/* A message being written: its length is filled in when it ends. */
struct fw_wire_mark {
    size_t at; // of the 5 bytes kept for the length
};

/* Where in the text a byte of the output comes from. */
struct fw_text_place {
    size_t wire;
    size_t text;
};

struct fw_text {
    const char *start, *p, *end;
    struct fw_str out;
    struct fw_error *err;
    const struct fw_alloc *alloc;
    struct fw_text_place *places; // (n_places), in rising order: one per node
    uint32_t n_places, cap_places;
    uint32_t depth; // of graphs and types
};

/* onnx_wire.c */
void fw_wire_varint(struct fw_text *t, uint32_t field, uint64_t v);
void fw_wire_bytes(struct fw_text *t, uint32_t field, struct fw_onnx_text bytes);
void fw_wire_number(struct fw_text *t, uint64_t v);                // without a tag, in packed lists
void fw_wire_fixed(struct fw_text *t, uint64_t v, unsigned bytes); // without a tag
void fw_wire_float(struct fw_text *t, uint32_t field, double v);
struct fw_wire_mark fw_wire_begin(struct fw_text *t, uint32_t field);
enum fw_status fw_wire_end(struct fw_text *t, struct fw_wire_mark mark);
enum fw_status fw_wire_place(struct fw_text *t, size_t text);
int64_t fw_wire_text_at(const struct fw_text *t, int64_t wire); // -1 where it is not known

/* onnx_token.c: characters. */
enum fw_status fw_text_fail(struct fw_text *t, const char *want);
char fw_text_peek(struct fw_text *t); // the next character that counts, or 0
bool fw_text_accept(struct fw_text *t, char c);
enum fw_status fw_text_expect(struct fw_text *t, char c);
/* A word, or any name in quotes. The bytes are the file's, or a copy where quotes had escapes. */
bool fw_text_name_ahead(struct fw_text *t);
enum fw_status fw_text_name(struct fw_text *t, struct fw_onnx_text *ret);
/* A quoted string. */
enum fw_status fw_text_string(struct fw_text *t, struct fw_onnx_text *ret);
enum fw_status fw_text_int(struct fw_text *t, int64_t *ret);
struct fw_text_number {
    bool is_float;
    int64_t i;
    double f;
};
enum fw_status fw_text_number(struct fw_text *t, struct fw_text_number *ret);

/* onnx_text_value.c */
/* A TypeProto in the given field. */
enum fw_status fw_text_type(struct fw_text *t, uint32_t field);
/* "float[3] = {..}" behind a type: the rest of a TensorProto in the given field. */
enum fw_status fw_text_tensor(struct fw_text *t, uint32_t field, const char *type_at,
                              struct fw_onnx_text name);
enum fw_status fw_text_attributes(struct fw_text *t, uint32_t field); // "<a = 1, ...>"
enum fw_status fw_text_attribute(struct fw_text *t, uint32_t field);

/* onnx_text.c */
enum fw_status fw_text_graph(struct fw_text *t, uint32_t field, struct fw_onnx_text name);

#endif
