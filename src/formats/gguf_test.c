/* GGUF files, written out number by number: what they hold, or the error and where it is. */
#include "formats/formats.h"
#include "unit_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct fw_str *out, uint64_t v, unsigned width, bool big)
{
    for (unsigned i = 0; i < width; i++)
        fw_str_addc(out, (char)(v >> (8 * (big ? width - 1 - i : i))));
}

/* "4:3 8:1 s:name z18 p": numbers of so many bytes, texts behind their 8 (t: 4) bytes of length,
 * zeros, zeros up to a multiple of 32. */
static void assemble(struct fw_str *out, const char *spec, bool big)
{
    fw_str_add(out, "GGUF");
    for (const char *p = spec; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (*p == 's' || *p == 't') {
            put(out, n - 2, *p == 's' ? 8 : 4, big);
            fw_str_addn(out, p + 2, n - 2);
        } else if (*p == 'z') {
            for (long k = strtol(p + 1, NULL, 10); k > 0; k--)
                fw_str_addc(out, '\0');
        } else if (*p == 'p') {
            while (out->len % 32 != 0)
                fw_str_addc(out, '\0');
        } else {
            put(out, strtoull(p + 2, NULL, 0), (unsigned)(*p - '0'), big);
        }
        p += n + (p[n] == ' ');
    }
}

static enum fw_status load(struct fw_model *m, const char *spec, bool big, struct fw_error *err)
{
    struct fw_str bytes;
    fw_str_init(&bytes, &fw_alloc_default);
    assemble(&bytes, spec, big);
    unsigned char *exact = malloc(bytes.len); // so that a read behind the end is caught
    assert_non_null(exact);
    memcpy(exact, bytes.data, bytes.len);
    assert_int_equal(fw_model_init(m, &fw_alloc_default, err), FW_OK);
    enum fw_status status = fw_format_read_bytes(m, exact, bytes.len, "x.gguf", err);
    free(exact);
    fw_str_free(&bytes);
    return status;
}

static void expect(const char *spec, bool big, const char *name, int64_t elements, int64_t bytes)
{
    struct fw_model m;
    struct fw_error err;
    if (load(&m, spec, big, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(m.weights->n, 1);
    const struct fw_stored *t = &m.weights->tensors[0];
    assert_string_equal(t->name, name);
    assert_true(t->elements == elements && t->params == elements && t->bytes == bytes);
    assert_true(t->rank == 2 && t->dims[0] == 3 && t->dims[1] == 32); // the fastest comes first
    assert_string_equal(t->storage->name, "Q4_0");
    assert_non_null(m.no_network);
    fw_model_clear(&m);
}

void test_gguf__versions_and_byte_orders(void **state)
{
    (void)state;
    static const char v3[] = "4:3 8:1 8:1 s:a.b 4:8 s:text s:w 4:2 8:32 8:3 4:2 8:0 p z64";
    expect(v3, false, "w", 96, 54);
    expect(v3, true, "w", 96, 54);
    expect("4:2 8:1 8:0 s:w 4:2 8:32 8:3 4:2 8:0 p z64", false, "w", 96, 54);
    expect("4:1 4:1 4:1 t:a.b 4:8 t:text t:w 4:2 4:32 4:3 4:2 8:0 p z64", false, "w", 96, 54);
}

void test_gguf__every_kind_of_value(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_error err;
    static const char spec[] =
        "4:3 8:0 8:9 s:a 4:0 1:7 s:b 4:1 1:0xff s:c 4:3 2:0xfffe s:d 4:6 4:0 s:e 4:7 1:1 "
        "s:f 4:9 4:8 8:2 s:x s:yz s:g 4:9 4:9 8:1 4:4 8:2 4:1 4:2 s:h 4:12 8:0 s:i 4:9 4:7 8:0";
    if (load(&m, spec, false, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(m.weights->n, 0);
    fw_model_clear(&m);
}

void test_gguf__damaged(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        enum fw_status code;
        int64_t at;
        const char *says;
    } rows[] = {
        {"", FW_FORMAT, 4, "the version wants 4 bytes"},
        {"4:4", FW_UNSUPPORTED, 4, "version 1, 2 or 3 is wanted, found 4"},
        {"4:3 8:1", FW_FORMAT, 16, "the number of values wants 8 bytes"},
        {"4:3 8:0xffffffffffffffff 8:0", FW_FORMAT, 8, "tensors do not fit"},
        {"4:3 8:0 8:1 z4", FW_FORMAT, 16, "1 values do not fit"},
        {"4:3 8:0 8:1 s:key 4:13 z8", FW_FORMAT, 35, "'key': there is no metadata type 13"},
        {"4:3 8:0 8:1 8:0xffffffff z8", FW_LIMIT, 24, "more than 16777216 bytes in a name"},
        {"4:3 8:0 8:1 8:100 z8", FW_FORMAT, 32, "a key wants 100 bytes"},
        {"4:3 8:0 8:1 s:\xff\xfe 4:0 1:1", FW_FORMAT, 32, "not UTF-8"},
        {"4:3 8:0 8:1 s:b 4:7 1:2", FW_FORMAT, 37, "a truth value is 0 or 1, found 2"},
        {"4:3 8:0 8:2 s:b 4:0 1:2 s:b 4:0 1:2", FW_FORMAT, 38, "'b' stands here a second time"},
        {"4:3 8:0 8:1 s:b 4:9 4:4 8:9 z8", FW_FORMAT, 37, "an array of 9 elements is longer"},
        {"4:3 8:0 8:1 s:b 4:9 4:8 8:1 8:9 z8", FW_FORMAT, 57, "a text in an array wants 9 bytes"},
#define EIGHT "4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 "
        {"4:3 8:0 8:1 s:b 4:9 " EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT "4:9 8:1 z64",
         FW_LIMIT, 817, "more than 64 brackets inside one another"},
#undef EIGHT
        {"4:3 8:0 8:1 s:general.alignment 4:4 4:12", FW_FORMAT, 8, "a power of two"},
        {"4:3 8:1 8:0 s:w 4:5 z64", FW_FORMAT, 33, "has 5 dimensions"},
        {"4:3 8:1 8:0 s:w 4:1 8:0x8000000000000000 4:0 8:0", FW_FORMAT, 33, "a dimension of"},
        {"4:3 8:1 8:0 s:w 4:2 8:0x100000000 8:0x100000000 4:0 8:0", FW_FORMAT, 33,
         "more than 2^63-1 elements"},
        {"4:3 8:1 8:0 s:w 4:1 8:32 4:4 8:0", FW_FORMAT, 45, "no ggml type 4"},
        {"4:3 8:1 8:0 s:w 4:1 8:32 4:200 8:0", FW_FORMAT, 45, "no ggml type 200"},
        {"4:3 8:1 8:0 s:w 4:2 8:16 8:2 4:2 8:0 p z64", FW_FORMAT, 53, "a row of 16 elements"},
        {"4:3 8:1 8:0 s:w 4:1 8:32 4:2 8:8 p z64", FW_FORMAT, 49, "no multiple of 32"},
        {"4:3 8:1 8:0 s:w 4:1 8:32 4:2 8:32 p z64", FW_FORMAT, 49, "a hole of 32 bytes"},
        {"4:3 8:1 8:0 s:w 4:1 8:64 4:2 8:0 p z32", FW_FORMAT, 49, "said to end at byte 100 of 96"},
        {"4:3 8:2 8:0 s:w 4:1 8:64 4:2 8:0 s:v 4:1 8:64 4:2 8:32 p z96", FW_FORMAT, 82,
         "'w' and 'v' overlap"},
        {"4:3 8:2 8:0 s:w 4:1 8:32 4:2 8:0 s:w 4:1 8:32 4:2 8:32 p z96", FW_FORMAT, 57,
         "'w' stands here a second time"},
        {"4:3 8:0 8:2 s:split.no 4:2 2:1 s:split.count 4:2 2:2", FW_UNSUPPORTED, -1,
         "part 2 of 2: give the first"},
        {"4:3 8:0 8:1 s:split.count 4:2 2:2", FW_UNSUPPORTED, -1, "the first of 2 parts"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_model m;
        struct fw_error err = {0};
        enum fw_status status = load(&m, rows[i].spec, false, &err);
        if (status != rows[i].code || err.at != rows[i].at ||
            strstr(err.message, rows[i].says) == NULL)
            fail_msg("row %u: %s at %lld", i, err.message, (long long)err.at);
        fw_model_clear(&m);
    }
}

/* Bits for each weight, as the quantisation's authors and llama.cpp's tools print them. */
void test_gguf__bits_per_weight(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        double bits;
    } rows[] = {
        {"F32", 32},       {"F16", 16},         {"BF16", 16},       {"Q4_0", 4.5},
        {"Q4_1", 5},       {"Q5_0", 5.5},       {"Q5_1", 6},        {"Q8_0", 8.5},
        {"Q2_K", 2.625},   {"Q3_K", 3.4375},    {"Q4_K", 4.5},      {"Q5_K", 5.5},
        {"Q6_K", 6.5625},  {"IQ2_XXS", 2.0625}, {"IQ2_XS", 2.3125}, {"IQ2_S", 2.5625},
        {"IQ3_S", 3.4375}, {"IQ3_XXS", 3.0625}, {"IQ1_S", 1.5625},  {"IQ1_M", 1.75},
        {"IQ4_NL", 4.5},   {"IQ4_XS", 4.25},    {"TQ1_0", 1.6875},  {"TQ2_0", 2.0625},
        {"MXFP4", 4.25},   {"NVFP4", 4.5},
    };
    struct fw_model m;
    struct fw_error err;
    assert_int_equal(fw_model_init(&m, &fw_alloc_default, &err), FW_OK);
    if (fw_format_read(&m, FW_TOP "/tests/models/weights/types.gguf", &err) != FW_OK)
        fail_msg("%s", err.message);
    unsigned found = 0;
    for (uint32_t k = 0; k < m.weights->n; k++)
        for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
            const struct fw_stored *t = &m.weights->tensors[k];
            if (strcmp(t->storage->name, rows[i].type) != 0)
                continue;
            found++;
            if (8 * (double)t->bytes != rows[i].bits * (double)t->params)
                fail_msg("%s: %lld bytes", rows[i].type, (long long)t->bytes);
        }
    assert_int_equal(found, sizeof rows / sizeof *rows);
    fw_model_clear(&m);
}
