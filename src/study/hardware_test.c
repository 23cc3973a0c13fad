/* The table of accelerators and its names. */
#include "study/hardware.h"

#include "unit_table.h"

#include <string.h>

void test_hardware__names(void **state);
void test_hardware__unclear_names(void **state);
void test_hardware__figures(void **state);
void test_hardware__table(void **state);

void test_hardware__names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *device;
        unsigned n_others;
    } cases[] = {{"H100", "NVIDIA H100 SXM5 80GB", 2},
                 {"h100 sxm", "NVIDIA H100 SXM5 80GB", 0},
                 {"H100-SXM5-80GB", "NVIDIA H100 SXM5 80GB", 0},
                 {"h100sxm", "NVIDIA H100 SXM5 80GB", 0},
                 {"H100 pcie", "NVIDIA H100 PCIe", 0},
                 {"A100", "NVIDIA A100", 0},
                 {"A100-80GB", "NVIDIA A100 SXM4 80 GB", 0},
                 {"a100 40 gb", "NVIDIA A100 SXM4 40 GB", 1},
                 {"nvidia tesla v100 sxm2 32gb", "NVIDIA Tesla V100 SXM2 32 GB", 0},
                 {"V100", "NVIDIA V100", 0},
                 {"P100", "NVIDIA P100", 0},
                 {"T4", "NVIDIA Tesla T4", 0},
                 {"B200", "NVIDIA B200", 0},
                 {"TPU v4", "Google TPU v4", 0},
                 {"tpu-v5e", "Google TPU v5e", 0},
                 {"MI300X", "AMD Instinct MI300X", 0},
                 {"mi250x", "AMD Radeon Instinct MI250X", 0},
                 {"Trainium2", "Amazon Trainium2", 0},
                 {"GTX 580", "NVIDIA GeForce GTX 580", 0},
                 {"Titan Black", "NVIDIA GeForce GTX Titan Black", 0},
                 {"RTX 3090", "NVIDIA GeForce RTX 3090", 0},
                 {"K40", "NVIDIA Tesla K40s", 1}};
    struct fw_arena arena;
    struct fw_hardware_table table;
    struct fw_error err;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_hardware_load(&arena, &table, &err), FW_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_hardware_match m;
        if (fw_hardware_find(&table, cases[i].name, &m, &err) != FW_OK)
            fail_msg("%s: %s", cases[i].name, err.message);
        assert_string_equal(m.device->name, cases[i].device);
        assert_int_equal(m.n_others, cases[i].n_others);
    }
    fw_arena_clear(&arena);
}

void test_hardware__unclear_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *message;
    } cases[] = {
        {"TPU v5", "hardware 'TPU v5' fits several devices of different peaks: 'Google TPU v5e', "
                   "'Google TPU v5p'"},
        {"H1000", "there is no hardware 'H1000'; near it: 'NVIDIA H100 NVL', 'NVIDIA H100 PCIe', "
                  "'NVIDIA H100 SXM5 80GB'; 'flopwise hardware' lists all"},
        {"quantum", "there is no hardware 'quantum'; 'flopwise hardware' lists all"},
        {"", "there is no hardware ''; 'flopwise hardware' lists all"},
        {"NVIDIA", "there is no hardware 'NVIDIA'; 'flopwise hardware' lists all"}};
    struct fw_arena arena;
    struct fw_hardware_table table;
    struct fw_error err;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_hardware_load(&arena, &table, &err), FW_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_hardware_match m;
        assert_int_equal(fw_hardware_find(&table, cases[i].name, &m, &err), FW_USAGE);
        assert_string_equal(err.message, cases[i].message);
    }
    fw_arena_clear(&arena);
}

static const struct fw_hardware *find(const struct fw_hardware_table *table, const char *name)
{
    struct fw_hardware_match m;
    struct fw_error err;
    if (fw_hardware_find(table, name, &m, &err) != FW_OK)
        fail_msg("%s", err.message);
    return m.device;
}

void test_hardware__figures(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_hardware_table table;
    struct fw_error err;
    const char *source = NULL;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_hardware_load(&arena, &table, &err), FW_OK);
    const struct fw_hardware *h100 = find(&table, "H100"), *p100 = find(&table, "P100"),
                             *k80 = find(&table, "K80"), *rubin = find(&table, "Rubin CPX"),
                             *rtx = find(&table, "RTX 4090");
    assert_int_equal(fw_hardware_usual_peak(h100), FW_FIGURE_MATRIX16);
    assert_true(fw_hardware_figure(h100, FW_FIGURE_MATRIX16, &source) == 989.4e12);
    assert_string_equal(source, "curated");
    assert_true(fw_hardware_figure(h100, FW_FIGURE_FP16, &source) == 133.8e12);
    assert_string_equal(source, "epoch");
    // no matrix units: packed halves are no peak for training
    assert_int_equal(fw_hardware_usual_peak(p100), FW_FIGURE_FP32);
    assert_true(fw_hardware_figure(p100, FW_FIGURE_FP32, NULL) == 9.3e12);
    assert_string_equal(k80->per, "card of 2 GPUs");
    assert_true(fw_hardware_disagrees(k80, FW_FIGURE_BANDWIDTH));
    assert_false(fw_hardware_disagrees(h100, FW_FIGURE_MATRIX16));
    assert_false(fw_hardware_disagrees(h100, FW_FIGURE_SCALE_UP));
    // nothing that is sparse, or summed with too few bits, stands as a dense peak
    assert_true(fw_hardware_figure(rubin, FW_FIGURE_FP4, NULL) == 0);
    assert_int_equal(fw_hardware_usual_peak(rubin), FW_N_PEAKS);
    assert_true(fw_hardware_figure(rtx, FW_FIGURE_MATRIX16, NULL) == 165.2e12);
    fw_arena_clear(&arena);
}

void test_hardware__table(void **state)
{
    (void)state;
    struct fw_arena arena;
    struct fw_hardware_table table;
    struct fw_error err;
    unsigned n_rows = 0;
    fw_arena_init(&arena, &fw_alloc_default);
    assert_int_equal(fw_hardware_load(&arena, &table, &err), FW_OK);
    for (uint32_t i = 0; i < table.n; i++) {
        const struct fw_hardware *h = &table.devices[i];
        n_rows += h->n_rows;
        double fp16 = fw_hardware_figure(h, FW_FIGURE_MATRIX16, NULL);
        double fp8 = fw_hardware_figure(h, FW_FIGURE_FP8, NULL);
        assert_true(fp16 == 0 || fp8 < 4 * fp16); // a sparse figure would be four times as much
        for (unsigned r = 0; r < h->n_rows; r++)
            assert_true(h->row[r].reference[0] != '\0');
    }
    assert_int_equal(table.n, 172);
    assert_int_equal(n_rows, 224);
    fw_arena_clear(&arena);
}
