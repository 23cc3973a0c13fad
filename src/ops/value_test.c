/* Stored numbers of small types: codes and what they mean (OCP 8-bit floating point, and for the
 * FNUZ types arXiv 2206.02915). */
#include "ops/value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_value__small_floats(void **state)
{
    (void)state;
    static const struct {
        enum fw_dtype dtype;
        unsigned char code;
        double x;
    } codes[] = {
        {FW_F8E4M3, 0x38, 1},        {FW_F8E4M3, 0x01, 0x1p-9},    {FW_F8E4M3, 0x7e, 448},
        {FW_F8E4M3, 0xfe, -448},     {FW_F8E4M3, 0x7f, NAN},       {FW_F8E4M3, 0xff, NAN},
        {FW_F8E5M2, 0x3c, 1},        {FW_F8E5M2, 0x01, 0x1p-16},   {FW_F8E5M2, 0x7b, 57344},
        {FW_F8E5M2, 0x7c, INFINITY}, {FW_F8E5M2, 0xfc, -INFINITY}, {FW_F8E5M2, 0x7d, NAN},
        {FW_F8E4M3Z, 0x40, 1},       {FW_F8E4M3Z, 0x01, 0x1p-10},  {FW_F8E4M3Z, 0x7f, 240},
        {FW_F8E4M3Z, 0xff, -240},    {FW_F8E4M3Z, 0x80, NAN},      {FW_F8E4M3Z, 0x00, 0},
        {FW_F8E5M2Z, 0x40, 1},       {FW_F8E5M2Z, 0x01, 0x1p-17},  {FW_F8E5M2Z, 0x7f, 57344},
        {FW_F8E5M2Z, 0xff, -57344},  {FW_F8E5M2Z, 0x80, NAN},      {FW_F8E5M2Z, 0x00, 0},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        double x = -1, want = codes[i].x;
        struct fw_buffer v = {
            .data = &x, .n = 1, .dtype = (uint8_t)codes[i].dtype, .real = sizeof x};
        const struct fw_data stored = {&codes[i].code, 1};
        assert_true(fw_buffer_decode(&v, &stored));
        assert_true(isnan(want) ? isnan(x) : x == want);
        if (isfinite(want)) // a number of the type stays
            assert_true(fw_round_to(codes[i].dtype, want) == want);
    }
    assert_true(fw_round_to(FW_F8E4M3Z, 1000) == 240);
    assert_true(!signbit(fw_round_to(FW_F8E4M3Z, -0x1p-20)));
}
