/* Ranges of number formats, against the tables of their standards and the compiler's own. */
#include "study/numfmt.h"

#include "unit_table.h"

#include <float.h>
#include <string.h>

void test_numfmt__ranges(void **state);

void test_numfmt__ranges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double max, min_normal, min, epsilon, bits_per_value, scaled_max;
    } cases[] = {
        {"fp64", DBL_MAX, DBL_MIN, DBL_TRUE_MIN, DBL_EPSILON, 64, DBL_MAX},
        {"fp32", (double)FLT_MAX, (double)FLT_MIN, (double)FLT_TRUE_MIN, (double)FLT_EPSILON, 32,
         (double)FLT_MAX},
        {"fp16", 65504, 0x1p-14, 0x1p-24, 0x1p-10, 16, 65504},
        {"bf16", 0x1.fep127, 0x1p-126, 0x1p-133, 0x1p-7, 16, 0x1.fep127},
        {"fp8-e4m3", 448, 0x1p-6, 0x1p-9, 0.125, 8, 448},
        {"fp8-e5m2", 57344, 0x1p-14, 0x1p-16, 0.25, 8, 57344},
        {"fp8-e4m3fnuz", 240, 0x1p-7, 0x1p-10, 0.125, 8, 240},
        {"fp8-e5m2fnuz", 57344, 0x1p-15, 0x1p-17, 0.25, 8, 57344},
        {"fp6-e3m2", 28, 0.25, 0.0625, 0.25, 6, 28},
        {"fp6-e2m3", 7.5, 1, 0.125, 0.125, 6, 7.5},
        {"fp4-e2m1", 6, 1, 0.5, 0.5, 4, 6},
        {"e8m0", 0x1p127, 0x1p-127, 0x1p-127, 1, 8, 0x1p127},
        {"int8", 127, 1, 1, 1, 8, 127},
        {"uint4", 15, 1, 1, 1, 4, 15},
        {"mxfp4", 6, 1, 0.5, 0.5, 4.25, 6 * 0x1p127},
        {"nvfp4", 6, 1, 0.5, 0.5, 4.5, 6 * 448},
    };
    struct fw_arena arena;
    struct fw_numfmt_table table;
    struct fw_error err;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_numfmt_load(&arena, &table, &err), FW_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t k = 0;
        while (k < table.n && strcmp(table.formats[k].name, cases[i].name) != 0)
            k++;
        assert_true(k < table.n);
        const struct fw_numfmt *f = &table.formats[k];
        assert_true(fw_numfmt_max(f) == cases[i].max);
        assert_true(fw_numfmt_min_normal(f) == cases[i].min_normal);
        assert_true(fw_numfmt_min(f) == cases[i].min);
        assert_true(fw_numfmt_epsilon(f) == cases[i].epsilon);
        assert_true(fw_numfmt_bits_per_value(f) == cases[i].bits_per_value);
        assert_true(fw_numfmt_scaled_max(f) == cases[i].scaled_max);
    }
    fw_arena_clear(&arena);
}
