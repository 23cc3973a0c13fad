/* JSON (RFC 8259) into an arena: for model descriptions and file headers.
 *
 * Own code because the readers need byte offsets in their errors, the allocation seam and no global
 * state. Integers are exact up to int64, every number keeps its text. Errors, all with their
 * offset: duplicate keys, invalid UTF-8, lone surrogates, control bytes in strings, too deep, too
 * many values. Python's json module writes Infinity, -Infinity and NaN, so they are numbers here
 * too. */
#ifndef FW_BASE_JSON_H
#define FW_BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"

enum fw_json_kind {
    FW_JSON_NULL,
    FW_JSON_BOOL,
    FW_JSON_INT,   // an integer that fits int64
    FW_JSON_FLOAT, // any other number
    FW_JSON_STRING,
    FW_JSON_ARRAY,
    FW_JSON_OBJECT
};

struct fw_json {
    enum fw_json_kind kind;
    uint32_t n;             // ARRAY, OBJECT: members
    const char *text;       // STRING: UTF-8, NUL behind it; numbers: as written; else NULL
    size_t len;             // bytes of text
    int64_t i;              // INT; BOOL: 0 or 1
    double f;               // INT, FLOAT: the value to within one unit in the last place
    size_t at;              // byte offset in the source
    const char *key;        // of a member of an object, NUL behind it; else NULL
    size_t key_len;         // bytes of key
    struct fw_json *member; // ARRAY, OBJECT: the first member or NULL
    struct fw_json *next;   // the member after this one or NULL
};

/* The one value that data holds, with nothing but blanks around it; texts are copied into the
 * arena. base: offset of data in its file, added to what errors say. Errors: FW_FORMAT, FW_LIMIT,
 * FW_MEMORY. */
enum fw_status fw_json_parse(struct fw_arena *arena, const void *data, size_t size, size_t base,
                             struct fw_json **ret, struct fw_error *err);
/* Member of an object; NULL where there is none, or where object is none or NULL. */
const struct fw_json *fw_json_get(const struct fw_json *object, const char *key);
/* Whether it is a string of this text. */
int fw_json_is(const struct fw_json *v, const char *text);

#endif
