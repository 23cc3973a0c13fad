/* flopwise.ops/1: the rows that are known, as the rows describe themselves. */
#include "report/answers.h"

#include "base/glob.h"

#include <string.h>

struct ops {
    const struct fw_op **rows; // (n)
    uint32_t n;
    struct fw_arena *arena;
};

static const struct fw_column columns[] = {
    {"name", "operator", "the standard's name where there is one", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_NAME},
    {"domain", "domain", "\"\" is ai.onnx", FW_UNIT_NONE, 0},
    {"domain_name", "domain", "domain of the operator", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_NAME | FW_VIEW_PEOPLE},
    {"formula", "cost", "operations in words of the shapes", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WRAP},
    {"gradient", "gradient", "how its gradient is computed", FW_UNIT_NONE,
     FW_VIEW_WIDE | FW_VIEW_WRAP},
    {"min_inputs", "least inputs", "", FW_UNIT_COUNT, 0},
    {"max_inputs", "most inputs", "null: any number", FW_UNIT_COUNT, 0},
    {"weight_slots", "weights at", "inputs where a stored float tensor is a parameter",
     FW_UNIT_NONE, FW_VIEW_WIDE},
    {"buffer_slots", "buffers at", "inputs where a stored float tensor is a running statistic",
     FW_UNIT_NONE, 0},
    {"view", "view", "true: no work and no bytes", FW_UNIT_NONE, 0},
    {"counted", "counted", "false: every node of it is a named gap", FW_UNIT_NONE, 0},
    {"internal", "internal", "true: made by training only, no file names it", FW_UNIT_NONE, 0},
};

/* "0, 2" */
static const char *slots(struct fw_arena *arena, uint32_t bits)
{
    const char *text = "";
    for (unsigned i = 0; i < 32 && text != NULL; i++)
        if (bits >> i & 1u)
            text = fw_arena_printf(arena, "%s%s%u", text, *text ? ", " : "", i);
    return text;
}

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    struct ops *o = t->ctx;
    const struct fw_op *op = o->rows[row];
    switch (column) {
    case 0:
        return fw_value_text(op->name);
    case 1:
        return fw_value_text(op->domain);
    case 2:
        return fw_value_text(op->domain[0] == '\0' ? "ai.onnx" : op->domain);
    case 3:
        return fw_value_text(op->formula);
    case 4:
        return fw_value_text(op->doc);
    case 5:
        return fw_value_int(op->min_in);
    case 6:
        return op->max_in == UINT16_MAX ? fw_value_kind(FW_VALUE_NULL) : fw_value_int(op->max_in);
    case 7:
        return fw_value_text(slots(o->arena, op->weight_slots));
    case 8:
        return fw_value_text(slots(o->arena, op->buffer_slots));
    case 9:
        return fw_value_bool((op->flags & FW_OP_VIEW) != 0);
    case 10:
        return fw_value_bool((op->flags & FW_OP_GAP) == 0);
    default:
        return fw_value_bool((op->flags & FW_OP_INTERNAL) != 0);
    }
}

/* What no file can name is for the curious. */
static bool is_internal(const struct fw_table *t, uint32_t row)
{
    const struct ops *o = t->ctx;
    return (o->rows[row]->flags & FW_OP_INTERNAL) || strcmp(o->rows[row]->domain, "flopwise") == 0;
}

static void gather(struct ops *o, const char *pattern)
{
    for (uint32_t k = 0; k < fw_n_op_tables; k++)
        for (uint32_t i = 0; i < fw_op_tables[k]->n; i++) {
            const struct fw_op *op = &fw_op_tables[k]->rows[i];
            if (pattern == NULL || fw_glob(pattern, op->name))
                o->rows[o->n++] = op;
        }
}

static enum fw_status build(struct fw_report *r, const char *pattern, struct fw_error *err)
{
    uint32_t all = 0;
    for (uint32_t k = 0; k < fw_n_op_tables; k++)
        all += fw_op_tables[k]->n;
    struct ops *o = fw_arena_zalloc(&r->arena, sizeof *o);
    struct fw_table *t = fw_arena_zalloc(&r->arena, sizeof *t);
    if (o == NULL || t == NULL)
        return fw_fail_memory(err);
    o->arena = &r->arena;
    o->rows = fw_arena_array(&r->arena, all + 1u, sizeof *o->rows);
    if (o->rows == NULL)
        return fw_fail_memory(err);
    gather(o, pattern);
    FW_REQUIRE(o->n > 0, err, FW_USAGE, "no operator is named '%s'", pattern ? pattern : "*");
    *t = (struct fw_table){.key = "ops",
                           .columns = columns,
                           .n_columns = sizeof columns / sizeof *columns,
                           .n_rows = o->n,
                           .flags = FW_TABLE_MAIN,
                           .ctx = o,
                           .free_text = "made by training only, no file names them",
                           .cell = cell,
                           .is_free = is_internal};
    fw_report_add(r, t);
    return FW_OK;
}

enum fw_status fw_answer_ops(struct fw_report **ret, const char *pattern,
                             const struct fw_alloc *alloc, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.ops/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title = "flopwise ops";
    enum fw_status status = build(r, pattern, err);
    return fw_report_finish(ret, r, status);
}

/* ---- flopwise.error/1 ---- */

static const struct fw_column error_columns[] = {
    {"code", "code", "exit code", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"message", "message", "what is wanted, what was found", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"at", "at byte", "offset in the file; null where there is none", FW_UNIT_NONE, FW_VIEW_TABLE},
};

enum fw_status fw_answer_error(struct fw_report **ret, const struct fw_error *what,
                               const struct fw_alloc *alloc, struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.error/1");
    if (r == NULL)
        return fw_fail_memory(err);
    const char *message = fw_arena_strndup(&r->arena, what->message, strlen(what->message));
    struct fw_value values[] = {fw_value_int(what->code), fw_value_text(message),
                                what->at >= 0 ? fw_value_int(what->at)
                                              : fw_value_kind(FW_VALUE_NULL)};
    static const struct fw_table head = {.flags = FW_TABLE_MERGE};
    enum fw_status status = fw_report_record(r, &head, error_columns, values, 3, err);
    r->title = "flopwise error";
    r->status = what->code;
    return fw_report_finish(ret, r, status);
}
