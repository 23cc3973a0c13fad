/* The wire walk on well-formed and damaged bytes. */
#include "formats/pb.h"
#include "unit_table.h"

#include <string.h>

static struct fw_pb open_bytes(const char *bytes, size_t len)
{
    const unsigned char *p = (const unsigned char *)bytes;
    return fw_pb_range(p, len, p);
}

void test_pb__fields(void **state)
{
    (void)state;
    static const char bytes[] = "\x08\x96\x01"                         // 1: 150
                                "\x12\x07testing"                      // 2: "testing"
                                "\x1d\x00\x00\x80\x3f"                 // 3: 1.0f
                                "\x21\x01\x00\x00\x00\x00\x00\x00\x80" // 4: 64 bits
                                "\x82\x02\x00";                        // 32: ""
    struct fw_pb pb = open_bytes(bytes, sizeof bytes - 1);
    struct fw_pb_field f;
    struct fw_error err;
    assert_int_equal(fw_pb_next(&pb, &f, &err), 1);
    assert_true(f.number == 1 && f.wire == FW_PB_VARINT && f.value == 150);
    assert_int_equal(fw_pb_next(&pb, &f, &err), 1);
    assert_true(f.number == 2 && f.len == 7 && memcmp(f.data, "testing", 7) == 0);
    assert_int_equal(fw_pb_next(&pb, &f, &err), 1);
    assert_true(f.number == 3 && f.wire == FW_PB_I32 && f.value == 0x3f800000);
    assert_int_equal(fw_pb_next(&pb, &f, &err), 1);
    assert_true(f.number == 4 && f.value == 0x8000000000000001u);
    assert_int_equal(fw_pb_next(&pb, &f, &err), 1);
    assert_true(f.number == 32 && f.wire == FW_PB_LEN && f.len == 0);
    assert_int_equal(fw_pb_next(&pb, &f, &err), 0);
}

void test_pb__damaged(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int64_t at;
    } rows[] = {
        {"\x08", 1, 1},                                              // no value
        {"\x08\xff\xff", 3, 1},                                      // does not end
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, 1}, // eleven bytes
        {"\x12\x05four", 6, 2},                                      // one byte short
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 11},    // 2^64 - 1 bytes
        {"\x1d\x00\x00", 3, 1},
        {"\x21\x00\x00\x00\x00", 5, 1},
        {"\x0b\x0c", 2, 1}, // a group
        {"\x0e\x00", 2, 1}, // wire type 6
        {"\x02\x00", 2, 0}, // field 0
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_pb pb = open_bytes(rows[i].bytes, rows[i].len);
        struct fw_pb_field f;
        struct fw_error err;
        assert_int_equal(fw_pb_next(&pb, &f, &err), -1);
        assert_int_equal(err.code, FW_FORMAT);
        if (err.at != rows[i].at)
            fail_msg("row %u: at %lld: %s", i, (long long)err.at, err.message);
    }
}

void test_pb__numbers(void **state)
{
    (void)state;
    static const char bytes[] = "\x3a\x03\x01\x80\x01\x38\x05"; // 7: packed 1, 128; then 5 alone
    const uint64_t want[] = {1, 128, 5};
    struct fw_pb pb = open_bytes(bytes, sizeof bytes - 1);
    struct fw_pb_field f;
    struct fw_error err;
    unsigned n = 0;
    while (fw_pb_next(&pb, &f, &err) > 0) {
        struct fw_pb_numbers in;
        uint64_t v;
        assert_int_equal(fw_pb_numbers(&pb, &f, 0, &in, &err), FW_OK);
        while (fw_pb_number(&in, &v, &err) > 0)
            assert_int_equal(v, want[n++]);
    }
    assert_int_equal(n, 3);
}
