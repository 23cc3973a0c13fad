/* Element types and the precision policy that gives a tensor's bytes. */
#ifndef FW_GRAPH_DTYPE_H
#define FW_GRAPH_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, text, bits, class: f float, i signed, u unsigned, b bool, c complex, s string,
 *   q quantised in blocks: its bytes are those of the file, see fw_data) */
#define FW_DTYPE_LIST(X)                 \
    X(UNKNOWN, "?", 0, '?')              \
    X(F64, "float64", 64, 'f')           \
    X(F32, "float32", 32, 'f')           \
    X(F16, "float16", 16, 'f')           \
    X(BF16, "bfloat16", 16, 'f')         \
    X(F8E4M3, "float8e4m3", 8, 'f')      \
    X(F8E5M2, "float8e5m2", 8, 'f')      \
    X(F8E4M3Z, "float8e4m3fnuz", 8, 'f') \
    X(F8E5M2Z, "float8e5m2fnuz", 8, 'f') \
    X(F8E8M0, "float8e8m0", 8, 'f')      \
    X(F4E2M1, "float4e2m1", 4, 'f')      \
    X(I64, "int64", 64, 'i')             \
    X(I32, "int32", 32, 'i')             \
    X(I16, "int16", 16, 'i')             \
    X(I8, "int8", 8, 'i')                \
    X(I4, "int4", 4, 'i')                \
    X(I2, "int2", 2, 'i')                \
    X(U64, "uint64", 64, 'u')            \
    X(U32, "uint32", 32, 'u')            \
    X(U16, "uint16", 16, 'u')            \
    X(U8, "uint8", 8, 'u')               \
    X(U4, "uint4", 4, 'u')               \
    X(U2, "uint2", 2, 'u')               \
    X(BOOL, "bool", 8, 'b')              \
    X(C64, "complex64", 64, 'c')         \
    X(C128, "complex128", 128, 'c')      \
    X(STRING, "string", 64, 's')         \
    X(PACKED, "packed", 0, 'q')

enum fw_dtype {
#define FW_DTYPE_ENUM(name, text, bits, class) FW_##name,
    FW_DTYPE_LIST(FW_DTYPE_ENUM)
#undef FW_DTYPE_ENUM
        FW_N_DTYPES
};

struct fw_dtype_info {
    const char *name;
    uint8_t bits;
    char class; // see FW_DTYPE_LIST
};

extern const struct fw_dtype_info fw_dtypes[FW_N_DTYPES];

static inline bool fw_dtype_is_float(enum fw_dtype t)
{
    return fw_dtypes[t].class == 'f';
}
static inline bool fw_dtype_is_integer(enum fw_dtype t) // bool not included
{
    return fw_dtypes[t].class == 'i' || fw_dtypes[t].class == 'u';
}

#endif
