/* Arrays out: see npy.h. */
#include "formats/npy.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *npy_type(enum fw_dtype t)
{
    static const char *const names[FW_N_DTYPES] = {
        [FW_F32] = "<f4",  [FW_F64] = "<f8", [FW_F16] = "<f2", [FW_I64] = "<i8",
        [FW_I32] = "<i4",  [FW_I16] = "<i2", [FW_I8] = "|i1",  [FW_U8] = "|u1",
        [FW_BOOL] = "|b1", [FW_U64] = "<u8", [FW_U32] = "<u4", [FW_U16] = "<u2"};
    return names[t];
}

static void put(unsigned char *p, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (unsigned char)(v >> (8 * i));
}

static void put_text(unsigned char *p, const char *text, size_t n) // without an end
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)text[i];
}

/* The checksum of zip archives (CRC-32, polynomial 0xedb88320). */
static uint32_t checksum(uint32_t crc, const unsigned char *p, size_t n)
{
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (unsigned k = 0; k < 8; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xff];
    return ~crc;
}

enum { NPY_HEADER = 128, MAX_NAME = 256, MAX_ARRAYS = 65535 };

/* Magic, version, length, dictionary, padded to a multiple of 64 bytes. */
static size_t npy_header(const struct fw_array *a, unsigned char *ret)
{
    char shape[NPY_HEADER] = "", text[2 * NPY_HEADER];
    size_t n = 0;
    for (unsigned k = 0; k < a->rank && n < sizeof shape - 24; k++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%" PRId64 "%s", a->dims[k],
                              k + 1 < a->rank || a->rank == 1 ? ", " : "");
    int len =
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                 npy_type(a->dtype), shape);
    size_t all = (10 + (size_t)len + 1 + 63) / 64 * 64;
    put_text(ret, "\x93NUMPY\1\0", 8);
    put(ret + 8, all - 10, 2);
    memset(ret + 10, ' ', all - 10);
    put_text(ret + 10, text, (size_t)len);
    ret[all - 1] = '\n';
    return all;
}

struct member {
    uint32_t crc, bytes, at;
};

static enum fw_status write_member(struct fw_output *out, const struct fw_array *a,
                                   struct member *m, size_t *at, struct fw_error *err)
{
    unsigned char head[30 + MAX_NAME + 8] = "PK\3\4", npy[4 * NPY_HEADER];
    size_t npy_len = npy_header(a, npy), name = strlen(a->name) + 4;
    FW_REQUIRE(name <= MAX_NAME && a->bytes < UINT32_MAX / 2, err, FW_LIMIT,
               "array '%s' is too large for an .npz archive", a->name);
    m->crc = checksum(checksum(0, npy, npy_len), a->data, a->bytes);
    m->bytes = (uint32_t)(npy_len + a->bytes);
    m->at = (uint32_t)*at;
    put(head + 4, 20, 2);
    put(head + 14, m->crc, 4);
    put(head + 18, m->bytes, 4);
    put(head + 22, m->bytes, 4);
    put(head + 26, name, 2);
    put_text(head + 30, a->name, name - 4);
    put_text(head + 30 + name - 4, ".npy", 4);
    FW_TRY(fw_output_write(out, head, 30 + name, err));
    FW_TRY(fw_output_write(out, npy, npy_len, err));
    *at += 30 + name + m->bytes;
    return fw_output_write(out, a->data, a->bytes, err);
}

static enum fw_status write_entry(struct fw_output *out, const struct fw_array *a,
                                  const struct member *m, size_t *at, struct fw_error *err)
{
    unsigned char head[46 + MAX_NAME + 8] = "PK\1\2";
    size_t name = strlen(a->name) + 4;
    put(head + 4, 20, 2);
    put(head + 6, 20, 2);
    put(head + 16, m->crc, 4);
    put(head + 20, m->bytes, 4);
    put(head + 24, m->bytes, 4);
    put(head + 28, name, 2);
    put(head + 42, m->at, 4);
    put_text(head + 46, a->name, name - 4);
    put_text(head + 46 + name - 4, ".npy", 4);
    *at += 46 + name;
    return fw_output_write(out, head, 46 + name, err);
}

static enum fw_status write_archive(struct fw_output *out, const struct fw_array *arrays, size_t n,
                                    struct member *members, struct fw_error *err)
{
    unsigned char end[22] = "PK\5\6";
    size_t at = 0, directory;
    for (size_t i = 0; i < n; i++)
        FW_TRY(write_member(out, &arrays[i], &members[i], &at, err));
    directory = at;
    FW_REQUIRE(at < UINT32_MAX / 2, err, FW_LIMIT, "the outputs are too large for an .npz archive");
    for (size_t i = 0; i < n; i++)
        FW_TRY(write_entry(out, &arrays[i], &members[i], &at, err));
    put(end + 8, n, 2);
    put(end + 10, n, 2);
    put(end + 12, at - directory, 4);
    put(end + 16, directory, 4);
    return fw_output_write(out, end, sizeof end, err);
}

enum fw_status fw_arrays_write_npz(struct fw_output *out, const struct fw_array *arrays, size_t n,
                                   struct fw_error *err)
{
    size_t bytes = (n + 1) * sizeof(struct member);
    FW_REQUIRE(n <= MAX_ARRAYS, err, FW_LIMIT, "more arrays than an archive holds");
    struct member *members = fw_mem_resize(&fw_alloc_default, NULL, 0, bytes);
    if (members == NULL)
        return fw_fail_memory(err);
    enum fw_status status = write_archive(out, arrays, n, members, err);
    fw_mem_resize(&fw_alloc_default, members, bytes, 0);
    return status;
}

/* ---- .safetensors ---- */

/* Names come from files: quotes, backslashes and control bytes are escaped. */
static void add_quoted(struct fw_str *s, const char *text)
{
    fw_str_addc(s, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20)
            fw_str_addf(s, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            fw_str_addf(s, "\\%c", c);
        else
            fw_str_addc(s, (char)c);
    }
    fw_str_addc(s, '"');
}

enum fw_status fw_arrays_write_safetensors(struct fw_output *out, const struct fw_array *arrays,
                                           size_t n, const struct fw_alloc *alloc,
                                           struct fw_error *err)
{
    struct fw_str header;
    unsigned char length[8];
    size_t at = 0;
    fw_str_init(&header, alloc);
    fw_str_addc(&header, '{');
    for (size_t i = 0; i < n; i++) {
        const struct fw_array *a = &arrays[i];
        fw_str_add(&header, i ? "," : "");
        add_quoted(&header, a->name);
        fw_str_add(&header, ":{\"dtype\":\"F32\",\"shape\":[");
        for (unsigned k = 0; k < a->rank; k++)
            fw_str_addf(&header, "%s%" PRId64, k ? "," : "", a->dims[k]);
        fw_str_addf(&header, "],\"data_offsets\":[%zu,%zu]}", at, at + a->bytes);
        at += a->bytes;
    }
    fw_str_addc(&header, '}');
    while (header.len % 8 != 0 && fw_str_ok(&header))
        fw_str_addc(&header, ' ');
    enum fw_status status = fw_str_ok(&header) ? FW_OK : fw_fail_memory(err);
    put(length, header.len, 8);
    if (status == FW_OK)
        status = fw_output_write(out, length, sizeof length, err);
    if (status == FW_OK)
        status = fw_output_write(out, fw_str_text(&header), header.len, err);
    for (size_t i = 0; i < n && status == FW_OK; i++)
        status = fw_output_write(out, arrays[i].data, arrays[i].bytes, err);
    fw_str_free(&header);
    return status;
}
