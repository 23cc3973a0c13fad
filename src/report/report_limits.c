/* flopwise.limits/1: what a model may ask for at most. */
#include "report/answers.h"

#include "base/limits.h"

static const struct fw_column columns[] = {
    {"limit", "limit", "name, as in --limit NAME=VALUE", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"default", "default", "the most where nothing else is said", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"highest", "highest", "what it can be raised to", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"what", "of what", "what is counted", FW_UNIT_NONE, FW_VIEW_TABLE},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

static enum fw_status build(struct fw_report *r, struct fw_error *err)
{
    struct fw_value values[FW_N_LIMITS * N_COLUMNS];
    struct fw_value *v = values;
    for (unsigned i = 0; i < FW_N_LIMITS; i++) {
        const struct fw_limit_row *row = &fw_limit_rows[i];
        *v++ = fw_value_text(row->name);
        *v++ = fw_value_int((int64_t)row->usual);
        *v++ = fw_value_int((int64_t)row->highest);
        *v++ = fw_value_text(row->what);
    }
    static const struct fw_table head = {
        .key = "limits", .columns = columns, .n_columns = N_COLUMNS, .flags = FW_TABLE_MAIN};
    return fw_report_rows(r, &head, values, FW_N_LIMITS, err);
}

enum fw_status fw_answer_limits(struct fw_report **ret, const struct fw_alloc *alloc,
                                struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.limits/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title = "flopwise limits";
    enum fw_status status = build(r, err);
    return fw_report_finish(ret, r, status);
}
