/* safetensors headers, given as text: what they hold, or the error and where it is. */
#include "formats/formats.h"
#include "formats/weights.h"
#include "unit_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of this header and n bytes behind it. */
static unsigned char *file_of(const char *header, size_t n, size_t *ret_size)
{
    size_t len = strlen(header);
    unsigned char *data = calloc(8 + len + n, 1);
    assert_non_null(data);
    for (unsigned i = 0; i < 8; i++)
        data[i] = (unsigned char)((uint64_t)len >> (8 * i));
    memcpy(data + 8, header, len);
    *ret_size = 8 + len + n;
    return data;
}

static enum fw_status load(struct fw_model *m, const char *header, size_t n, struct fw_error *err)
{
    size_t size;
    unsigned char *data = file_of(header, n, &size);
    assert_int_equal(fw_model_init(m, &fw_alloc_default, err), FW_OK);
    enum fw_status status = fw_format_read_bytes(m, data, size, "x.safetensors", err);
    free(data); // names and shapes are copies
    return status;
}

static const struct fw_stored *find(const struct fw_model *m, const char *name)
{
    const uint32_t *id = fw_map_get(&m->weights->by_name, name, strlen(name));
    if (id == NULL)
        fail_msg("no tensor '%s'", name);
    return &m->weights->tensors[*id];
}

void test_safetensors__holds(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_error err;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"a.bias\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[24,30]},"
        "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[30,38]},"
        "\"none\":{\"dtype\":\"F16\",\"shape\":[0,4],\"data_offsets\":[38,38]},"
        "\"f6\":{\"dtype\":\"F6_E2M3\",\"shape\":[2,4],\"data_offsets\":[38,44]}}   ";
    if (load(&m, header, 44, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(m.weights->n, 5);
    const struct fw_stored *t = find(&m, "a.weight");
    assert_true(t->elements == 6 && t->params == 6 && t->bytes == 24 && t->rank == 2);
    assert_int_equal(t->at, 8 + (int64_t)strlen(header));
    t = find(&m, "n");
    assert_true(t->elements == 1 && t->params == 0 && t->role == FW_STORED_OTHER);
    t = find(&m, "none");
    assert_true(t->elements == 0 && t->bytes == 0);
    assert_int_equal(find(&m, "f6")->params, 8);
    assert_non_null(m.no_network);
    assert_int_equal(m.graph.n_nodes, 2); // "a" and what stands at the top
    assert_string_equal(m.graph.nodes[1].name, "a");
    fw_model_clear(&m);
}

#define ONE(dtype, shape, offsets) \
    "{\"t\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

void test_safetensors__damaged(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n; // bytes behind it
        enum fw_status code;
        int64_t at;
        const char *says;
    } rows[] = {
        {"[]", 0, FW_FORMAT, 8, "no JSON object"},
        {"{\"t\":", 0, FW_FORMAT, 13, "a value is wanted"},
        {"{\"t\":1}", 0, FW_FORMAT, 13, "an object with dtype"},
        {"{\"t\":{}}", 0, FW_FORMAT, 13, "'dtype' is wanted"},
        {"{\"__metadata__\":{\"a\":1}}", 0, FW_FORMAT, 29, "'a' is no text"},
        {"{\"t\\u0000\":{}}", 0, FW_FORMAT, 11, "without the character NUL"},
        {"{\"\xff\":{}}", 0, FW_FORMAT, 10, "not UTF-8"},
        {ONE("\"F31\"", "[1]", "[0,4]"), 4, FW_FORMAT, 22, "no type 'F31'"},
        {ONE("\"Q4_K\"", "[256]", "[0,144]"), 144, FW_FORMAT, 22, "no type 'Q4_K'"},
        {ONE("\"F32\"", "4", "[0,4]"), 4, FW_FORMAT, 13, "a list 'shape'"},
        {ONE("\"F32\"", "[-1]", "[0,4]"), 4, FW_FORMAT, 37, "a dimension"},
        {ONE("\"F32\"", "[1.0]", "[0,4]"), 4, FW_FORMAT, 37, "a dimension"},
        {ONE("\"F32\"", "[9223372036854775808]", "[0,4]"), 4, FW_FORMAT, 37, "a dimension"},
        {ONE("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4, FW_FORMAT, 36, "elements"},
        {ONE("\"F32\"", "[4611686018427387904]", "[0,4]"), 4, FW_FORMAT, 73, "more bytes than"},
        {ONE("\"F32\"", "[2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2]", "[0,4]"), 4, FW_LIMIT, 36,
         "more than 16 dimensions"},
        {ONE("\"F32\"", "[1]", "[0]"), 4, FW_FORMAT, 55, "two whole numbers"},
        {ONE("\"F32\"", "[1]", "[0,8]"), 4, FW_FORMAT, 55, "bytes 0 to 8 of 4"},
        {ONE("\"F32\"", "[1]", "[4,0]"), 4, FW_FORMAT, 55, "bytes 4 to 0"},
        {ONE("\"F32\"", "[1]", "[-4,0]"), 4, FW_FORMAT, 55, "bytes -4 to 0"},
        {ONE("\"F16\"", "[1]", "[0,4]"), 4, FW_FORMAT, 55, "take 2 bytes, its offsets have 4"},
        {ONE("\"F4\"", "[3]", "[0,2]"), 2, FW_FORMAT, 54, "no whole number of bytes"},
        {ONE("\"F32\"", "[1]", "[4,8]"), 8, FW_FORMAT, 55, "a hole of 4 bytes"},
        {ONE("\"F32\"", "[1]", "[0,4]"), 8, FW_FORMAT, 66, "4 bytes stand behind the last"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
         6, FW_FORMAT, 106, "'a' and 'b' overlap"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
         8, FW_FORMAT, 61, "a second time"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_model m;
        struct fw_error err = {0};
        enum fw_status status = load(&m, rows[i].header, rows[i].n, &err);
        if (status != rows[i].code || err.at != rows[i].at ||
            strstr(err.message, rows[i].says) == NULL)
            fail_msg("row %u: %s at %lld", i, err.message, (long long)err.at);
        fw_model_clear(&m);
    }
}

void test_safetensors__length_of_header(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        enum fw_status code;
        const char *says;
    } rows[] = {
        {"\x02\0\0", 3, FW_FORMAT, "8 bytes of header length"},
        {"\x03\0\0\0\0\0\0\0{}", 10, FW_FORMAT, "3 bytes, the file has 2 left"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, FW_FORMAT, "18446744073709551615 bytes"},
        {"\0\0\0\0\0\0\0\0{}", 10, FW_FORMAT, "no JSON object"},
        {"\x02\0\0\0\0\0\0\0 {", 10, FW_FORMAT, "no JSON object"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_model m;
        struct fw_error err = {0};
        assert_int_equal(fw_model_init(&m, &fw_alloc_default, &err), FW_OK);
        enum fw_status status =
            fw_format_read_bytes(&m, rows[i].bytes, rows[i].n, "x.safetensors", &err);
        if (status != rows[i].code || strstr(err.message, rows[i].says) == NULL)
            fail_msg("row %u: %s", i, err.message);
        fw_model_clear(&m);
    }
}

/* ---- roles ---- */

/* Tensors "name TYPE 2x3; ..." as a header, their bytes after one another. */
static void header_of(const char *list, struct fw_str *out, size_t *ret_bytes)
{
    char name[80], type[16], dims[40];
    int64_t at = 0;
    fw_str_add(out, "{");
    for (const char *p = list; sscanf(p, "%79s %15s %39[0-9x]", name, type, dims) == 3;) {
        int64_t shape[8], bytes;
        unsigned rank = 0;
        for (char *d = dims; *d != '\0'; d += *d == 'x')
            shape[rank++] = strtoll(d, &d, 10);
        bytes = fw_storage_bytes(fw_storage_find(type), shape, rank, false);
        fw_str_addf(out, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", at > 0 ? "," : "", name, type);
        for (unsigned i = 0; i < rank; i++)
            fw_str_addf(out, "%s%lld", i > 0 ? "," : "", (long long)shape[i]);
        fw_str_addf(out, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)(at + bytes));
        at += bytes;
        p = strchr(p, ';');
        if (p == NULL)
            break;
        p++;
    }
    fw_str_add(out, "}");
    *ret_bytes = (size_t)at;
}

static const struct {
    const char *list;
    const char *tensor;
    enum fw_stored_role role;
    const char *scheme;
    int64_t params, all; // of the tensor, of the file
} role_rows[] = {
    // 64 inputs, 32 outputs, 4 bits, groups of 32
    {"m.qweight I32 8x32; m.qzeros I32 2x4; m.scales F16 2x32; m.g_idx I32 64; m.bias F16 32",
     "m.qweight", FW_STORED_PARAM, "gptq", 2048, 2080},
    // the same in 3 bits
    {"m.qweight I32 6x32; m.qzeros I32 2x3; m.scales F16 2x32", "m.qweight", FW_STORED_PARAM,
     "gptq", 2048, 2048},
    {"m.qweight I32 64x4; m.qzeros I32 2x4; m.scales F16 2x32", "m.qweight", FW_STORED_PARAM, "awq",
     2048, 2048},
    {"m.qweight I32 64x4; m.qzeros I32 2x4; m.scales F16 2x32", "m.scales", FW_STORED_SCALES, NULL,
     0, 2048},
    {"m.q_weight I32 8x32; m.q_invperm I16 64; m.q_scale I32 2x4; m.q_scale_max F16 2",
     "m.q_weight", FW_STORED_PARAM, "exl2", 2048, 2048},
    {"m.weight U8 1024x1; m.weight.absmax U8 32; m.weight.quant_map F32 16", "m.weight",
     FW_STORED_PARAM, "bnb-4bit", 2048, 2048},
    {"m.weight U8 1024x1; m.weight.absmax U8 32; m.weight.nested_absmax F32 1",
     "m.weight.nested_absmax", FW_STORED_SCALES, NULL, 0, 2048},
    {"m.weight I8 32x64; m.SCB F32 32; m.weight_format U8 1", "m.weight", FW_STORED_PARAM,
     "bnb-int8", 2048, 2048},
    {"m.weight F8_E4M3 32x64; m.weight_scale_inv F32 1x1", "m.weight_scale_inv", FW_STORED_SCALES,
     NULL, 0, 2048},
    {"m.weight F8_E4M3 32x64; m.weight_scale F32 1; m.input_scale F32 1; m.k_scale F32 1",
     "m.k_scale", FW_STORED_SCALES, NULL, 0, 2048},
    {"e.gate_up_proj_blocks U8 2x32x2x16; e.gate_up_proj_scales U8 2x32x2; e.g_bias BF16 2x32",
     "e.gate_up_proj_blocks", FW_STORED_PARAM, "mxfp4", 4096, 4160},
    {"m.weight U8 32x32; m.weight_scale F8_E4M3 32x4; m.weight_scale_2 F32 1", "m.weight",
     FW_STORED_PARAM, "nvfp4", 2048, 2048},
    {"m.weight_packed U8 32x32; m.weight_scale F8_E4M3 32x4; m.weight_global_scale F32 1",
     "m.weight_packed", FW_STORED_PARAM, "nvfp4", 2048, 2048},
    // the bytes of weight_shape are zero here: no parameters
    {"m.weight_packed I32 32x8; m.weight_scale BF16 32x1; m.weight_shape I64 2", "m.weight_packed",
     FW_STORED_PARAM, "compressed-tensors", 0, 0},
    // 4 bits or 8? only the config knows
    {"m.weight U32 32x8; m.scales F16 32x1; m.biases F16 32x1", "m.weight", FW_STORED_PARAM, "mlx",
     -1, 256},
    {"m.weight F4 32x64; m.weight_scale F8_E8M0 32x2", "m.weight", FW_STORED_PARAM, "fp4", 2048,
     2048},
    {"a.rotary_emb.inv_freq F32 8; a.w F32 2", "a.rotary_emb.inv_freq", FW_STORED_BUFFER, NULL, 0,
     2},
    {"h.0.attn.bias F32 1x1x8x8; h.0.attn.c.bias F32 8", "h.0.attn.bias", FW_STORED_BUFFER, NULL, 0,
     8},
    {"bn.running_mean F32 4; bn.weight F32 4; bn.num_batches_tracked I64 1", "bn.running_mean",
     FW_STORED_BUFFER, NULL, 0, 4},
    {"norm.scale F32 8; w_scale F32 2", "norm.scale", FW_STORED_PARAM, NULL, 8, 10},
    {"ids I64 4x4", "ids", FW_STORED_OTHER, NULL, 0, 0},
};

void test_safetensors__roles(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof role_rows / sizeof *role_rows; i++) {
        struct fw_model m;
        struct fw_error err = {0};
        struct fw_str header;
        size_t bytes;
        fw_str_init(&header, &fw_alloc_default);
        header_of(role_rows[i].list, &header, &bytes);
        if (load(&m, fw_str_text(&header), bytes, &err) != FW_OK)
            fail_msg("row %u: %s", i, err.message);
        const struct fw_stored *t = find(&m, role_rows[i].tensor);
        const char *scheme = t->scheme != NULL ? t->scheme : "none";
        if (t->role != role_rows[i].role || t->params != role_rows[i].params ||
            strcmp(scheme, role_rows[i].scheme != NULL ? role_rows[i].scheme : "none") != 0)
            fail_msg("row %u: role %d, scheme %s, %lld", i, t->role, scheme, (long long)t->params);
        int64_t all = 0;
        for (uint32_t k = 0; k < m.graph.n_tensors; k++)
            if (m.graph.tensors[k].kind == FW_KIND_PARAM)
                all += (int64_t)fw_tensor_elements(&m.graph, &m.graph.tensors[k]).word;
        if (all != role_rows[i].all)
            fail_msg("row %u: %lld parameters in all", i, (long long)all);
        fw_str_free(&header);
        fw_model_clear(&m);
    }
}

void test_safetensors__shape_in_a_tensor(void **state)
{
    (void)state;
    struct fw_str header;
    struct fw_model m;
    struct fw_error err;
    size_t bytes, size;
    fw_str_init(&header, &fw_alloc_default);
    header_of("m.weight_shape I64 2; m.weight_packed I32 32x8; m.weight_scale BF16 32x1", &header,
              &bytes);
    unsigned char *data = file_of(fw_str_text(&header), bytes, &size);
    data[8 + header.len] = 32;
    data[8 + header.len + 8] = 62; // two of 64 fill the last word
    assert_int_equal(fw_model_init(&m, &fw_alloc_default, &err), FW_OK);
    assert_int_equal(fw_format_read_bytes(&m, data, size, "x", &err), FW_OK);
    assert_int_equal(find(&m, "m.weight_packed")->params, 32 * 62);
    assert_int_equal(find(&m, "m.weight_shape")->role, FW_STORED_SCALES);
    fw_model_clear(&m);
    fw_str_free(&header);
    free(data);
}
