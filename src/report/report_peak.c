/* flopwise.peak/1: what this machine can do at most. */
#include "report/answers.h"

#include "engine/dnn.h"
#include "engine/peak.h"

static const struct fw_column machine_columns[] = {
    {"machine", "machine", "name of the processor", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"cores", "cores", "cores this process may use", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"gemm_by", "matrix products by", "library of the kind gemm", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"cached", "from the cache", "true: measured by an earlier call", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"peak_flop_per_second", "peak", "the fastest fused multiply-adds of all cores",
     FW_UNIT_FLOP_RATE, FW_VIEW_TABLE},
    {"doubt", "in doubt", "why these rates cannot all be true; left out: nothing says so",
     FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
};

static const struct fw_column columns[] = {
    {"kind", "kind", "what was measured", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"unit", "unit", "what the rates count a second", FW_UNIT_NONE, 0},
    {"one_core", "one core", "rate on one core, null: not on this machine", FW_UNIT_FLOP_RATE, 0},
    {"all_cores", "all cores", "rate on all cores at once", FW_UNIT_FLOP_RATE, 0},
    {"one_core_text", "one core", "rate on one core", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"all_cores_text", "all cores", "rate on all cores at once", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_PEOPLE},
    {"help", "what it is", "in words", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
};

static const char *const words[FW_N_PEAKS] = {
    "fused multiply-adds, 1 number at a time", "fused multiply-adds, 8 numbers at a time",
    "fused multiply-adds, 16 numbers at a time", "product of two large matrices",
    "memory copied, bytes read and bytes written"};

struct peak {
    struct fw_report *r;
    struct fw_peak found;
};

static const char *rate_text(struct fw_report *r, uint64_t rate, enum fw_unit unit)
{
    struct fw_str text;
    if (rate == 0)
        return NULL;
    fw_str_init(&text, r->alloc);
    fw_human_print((double)rate, unit, &text);
    const char *ret = fw_arena_strndup(&r->arena, fw_str_text(&text), text.len);
    fw_str_free(&text);
    return ret;
}

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct peak *p = t->ctx;
    enum fw_unit unit = row == FW_PEAK_COPY ? FW_UNIT_BYTE_RATE : FW_UNIT_FLOP_RATE;
    uint64_t rate = p->found.rate[row][column % 2 == 0 ? FW_ONE_CORE : FW_ALL_CORES];
    switch (column) {
    case 0:
        return fw_value_text(fw_peak_names[row]);
    case 1:
        return fw_value_text(row == FW_PEAK_COPY ? "byte" : "flop");
    case 2:
    case 3:
        return rate == 0 ? fw_value_kind(FW_VALUE_NULL) : fw_value_int((int64_t)rate);
    case 4:
    case 5:
        return fw_value_text(rate_text(p->r, rate, unit));
    default:
        return fw_value_text(words[row]);
    }
}

static bool is_absent(const struct fw_table *t, uint32_t row)
{
    const struct peak *p = t->ctx;
    return p->found.rate[row][FW_ONE_CORE] == 0;
}

static enum fw_status build(struct peak *p, bool fresh, struct fw_error *err)
{
    struct fw_machine machine;
    fw_machine_here(&machine);
    FW_TRY(fw_peak_get(&machine, fresh, &p->found, err));
    const char *name = fw_arena_printf(&p->r->arena, "%s", machine.name);
    const char *doubt = fw_peak_doubt(&p->found);
    struct fw_value values[] = {fw_value_text(name),
                                fw_value_int(p->found.cores),
                                fw_value_text(fw_dnn_version()),
                                fw_value_bool(p->found.cached),
                                fw_value_int((int64_t)fw_peak_of(&p->found, p->found.cores)),
                                doubt != NULL ? fw_value_text(doubt)
                                              : fw_value_kind(FW_VALUE_ABSENT)};
    static const struct fw_table head = {.key = "machine", .flags = FW_TABLE_MERGE};
    FW_TRY(fw_report_record(p->r, &head, machine_columns, values, sizeof values / sizeof *values,
                            err));
    struct fw_table *t = fw_arena_zalloc(&p->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(err);
    *t = (struct fw_table){.key = "rates",
                           .title = "Most that was reached",
                           .free_text = "this machine or this build does not have them",
                           .columns = columns,
                           .n_columns = sizeof columns / sizeof *columns,
                           .n_rows = FW_N_PEAKS,
                           .flags = FW_TABLE_MAIN,
                           .ctx = p,
                           .cell = cell,
                           .is_free = is_absent};
    fw_report_add(p->r, t);
    return FW_OK;
}

enum fw_status fw_answer_peak(struct fw_report **ret, const struct fw_alloc *alloc, bool fresh,
                              struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.peak/1");
    struct peak *p = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *p) : NULL;
    if (p == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    p->r = r;
    r->title = "flopwise peak";
    enum fw_status status = build(p, fresh, err);
    return fw_report_finish(ret, r, status);
}
