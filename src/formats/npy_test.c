/* What is written is read back; broken files are named errors. */
#include "formats/npy.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const float numbers[6] = {1, 2, 3, 4, 5, 6.5f};
static const int64_t whole[2] = {-1, 7};

static void list_of_two(struct fw_array ret[2])
{
    ret[0] = (struct fw_array){.name = "a/b",
                               .data = (const unsigned char *)numbers,
                               .bytes = sizeof numbers,
                               .dtype = FW_F32,
                               .rank = 2,
                               .dims = {2, 3}};
    ret[1] = (struct fw_array){.name = "c",
                               .data = (const unsigned char *)whole,
                               .bytes = sizeof whole,
                               .dtype = FW_I64,
                               .rank = 1,
                               .dims = {2}};
}

static void write_file(const char *path, bool npz, size_t n)
{
    struct fw_array arrays[2];
    struct fw_output *out;
    list_of_two(arrays);
    assert_int_equal(fw_output_open(&out, path, NULL), FW_OK);
    enum fw_status status =
        npz ? fw_arrays_write_npz(out, arrays, n, NULL)
            : fw_arrays_write_safetensors(out, arrays, n, &fw_alloc_default, NULL);
    assert_int_equal(status, FW_OK);
    assert_int_equal(fw_output_commit(out, NULL), FW_OK);
}

static void read_back(const char *path, size_t n)
{
    struct fw_file file;
    struct fw_arena arena;
    struct fw_array *arrays;
    size_t found;
    struct fw_error err;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_file_open(&file, path, 0, &fw_alloc_default, NULL), FW_OK);
    if (fw_arrays_read(file.data, file.size, &arena, &arrays, &found, &err) != FW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(found, n);
    assert_string_equal(arrays[0].name, "a/b");
    assert_int_equal(arrays[0].dtype, FW_F32);
    assert_int_equal(arrays[0].rank, 2);
    assert_int_equal(arrays[0].dims[1], 3);
    assert_memory_equal(arrays[0].data, numbers, sizeof numbers);
    if (n > 1)
        assert_memory_equal(arrays[1].data, whole, sizeof whole);
    for (size_t cut = 0; cut < file.size && cut < 400; cut++) // no byte less is an array
        if (fw_arrays_read(file.data, cut, &arena, &arrays, &found, &err) == FW_OK)
            assert_true(found < n || cut + 200 > file.size); // but for the zip's own list
    fw_arena_clear(&arena);
    fw_file_close(&file);
    assert_int_equal(unlink(path), 0);
}

void test_npy__there_and_back(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof path, "npy_test.%d", (int)getpid());
    write_file(path, true, 2);
    read_back(path, 2);
    write_file(path, false, 1);
    read_back(path, 1);
}

void test_npy__errors(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        enum fw_status status;
        const char *words;
    } cases[] = {
        {"", 0, FW_FORMAT, "no array is recognised"},
        {NULL, 0, FW_FORMAT, "no array is recognised"},
        {"\x93NUMPY\1\0\xff\x00", 10, FW_FORMAT, "cut off"},
        {"\x93NUMPY\1\0\x40\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      ",
         74, FW_FORMAT, "24 bytes are wanted for its shape, found 0"},
        {"\x93NUMPY\1\0\x40\x00{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3), }      ",
         74, FW_UNSUPPORTED, "type '<c8'"},
        {"\x93NUMPY\1\0\x40\x00{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }       ",
         74, FW_UNSUPPORTED, "row-major"},
        // TensorProto: 3 elements for 2, strings, elements that are not packed
        {"\x08\x02\x10\x06\x2a\x03\1\2\3", 9, FW_FORMAT,
         "8 bytes are wanted for its shape, found 12"},
        {"\x08\x01\x10\x08\x32\x01x", 7, FW_UNSUPPORTED, "type string"},
        {"\x08\x05\x10\x16", 4, FW_UNSUPPORTED, "type int4"}, // two to a byte
        {"\x93NUMPY\1\0\x2f\x00'shape': (), 'fortran_order': False, 'descr':  ", 57, FW_UNSUPPORTED,
         "type "}, // nothing behind the last key
        {"\x08\x01\x10\x06\x28\x03", 6, FW_FORMAT, "elements of a tensor"},
    };
    struct fw_arena arena;
    (void)state;
    fw_arena_init(&arena, &fw_alloc_default);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_array *arrays;
        size_t n;
        struct fw_error err = {.message = ""};
        assert_int_equal(fw_arrays_read((const unsigned char *)cases[i].data, cases[i].size, &arena,
                                        &arrays, &n, &err),
                         cases[i].status);
        if (strstr(err.message, cases[i].words) == NULL)
            fail_msg("case %u: '%s'", i, err.message);
    }
    fw_arena_clear(&arena);
}

/* Elements of a TensorProto that are no raw bytes are written out as wide as their type. */
void test_npy__tensor_proto(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        enum fw_dtype dtype;
        size_t bytes;
        const char *want;
    } rows[] = {
        {"\x08\x03\x10\x09\x2a\x03\1\0\1", 9, FW_BOOL, 3, "\1\0\1"},
        {"\x08\x02\x10\x05\x2a\x03\7\x80\x02", 9, FW_I16, 4, "\7\0\0\1"},
        {"\x08\x01\x10\x07\x3a\x01\5", 7, FW_I64, 8, "\5\0\0\0\0\0\0\0"},
        {"\x08\x01\x10\x0b\x52\x08\0\0\0\0\0\0\xf0\x3f", 14, FW_F64, 8, "\0\0\0\0\0\0\xf0\x3f"},
        {"\x08\x01\x10\x01\x22\x04\0\0\x80\x3f", 10, FW_F32, 4, "\0\0\x80\x3f"},
        {"\x08\x01\x10\x01\x4a\x04\0\0\x80\x3f", 10, FW_F32, 4, "\0\0\x80\x3f"},
    };
    struct fw_arena arena;
    (void)state;
    fw_arena_init(&arena, &fw_alloc_default);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_array *a;
        size_t n;
        struct fw_error err = {.message = ""};
        if (fw_arrays_read((const unsigned char *)rows[i].data, rows[i].size, &arena, &a, &n,
                           &err) != FW_OK)
            fail_msg("row %u: %s", i, err.message);
        assert_int_equal(n, 1);
        assert_int_equal(a->dtype, rows[i].dtype);
        assert_int_equal(a->bytes, rows[i].bytes);
        assert_memory_equal(a->data, rows[i].want, rows[i].bytes);
    }
    fw_arena_clear(&arena);
}
