/* flopwise.formats/1: number formats with what follows from their fields. */
#include "report/answers.h"

#include "study/numfmt.h"

#include <string.h>

static const struct fw_column columns[] = {
    {"format", "format", "name", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"kind", "kind", "float, int, uint, or scale of a block", FW_UNIT_NONE, 0},
    {"bits", "bits", "bits stored", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"fields", "s/e/m", "bits of sign, exponent and mantissa", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"sign", "sign", "bits of the sign", FW_UNIT_COUNT, 0},
    {"exponent", "exponent", "bits of the exponent", FW_UNIT_COUNT, 0},
    {"mantissa", "mantissa", "bits of the mantissa", FW_UNIT_COUNT, 0},
    {"bias", "bias", "of the exponent", FW_UNIT_COUNT, 0},
    {"max", "largest", "largest finite value, without the scale of a block", FW_UNIT_NONE,
     FW_VIEW_TABLE},
    {"min_normal", "least normal", "smallest value of full precision", FW_UNIT_NONE,
     FW_VIEW_TABLE | FW_VIEW_WIDE},
    {"min", "least", "smallest value above zero", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"epsilon", "epsilon", "step behind 1", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"digits", "digits", "decimal digits of precision", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WIDE},
    {"specials", "specials", "infinity and NaN: ieee; only NaN: nan, zero; neither: none",
     FW_UNIT_NONE, FW_VIEW_WIDE},
    {"bits_per_value", "with scale", "bits per value with the share of a block's scale",
     FW_UNIT_NONE, FW_VIEW_WIDE},
    {"block/size", "block", "values that share a scale", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"block/scale", "scale", "format of the scale", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"block/max", "largest scaled", "largest value times the largest scale", FW_UNIT_NONE,
     FW_VIEW_WIDE},
    {"block/min", "least scaled", "smallest value times the smallest scale", FW_UNIT_NONE, 0},
    {"also", "also called", "other names", FW_UNIT_NONE, 0},
    {"source", "source", "the definition", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"note", "note", "what to know", FW_UNIT_NONE, 0},
};

enum { N_COLUMNS = sizeof columns / sizeof *columns };

static struct fw_value text(const char *t)
{
    return fw_value_text(t[0] != '\0' ? t : NULL);
}

static enum fw_status add_row(struct fw_report *r, const struct fw_numfmt *f, struct fw_value *v,
                              struct fw_error *err)
{
    const struct fw_value none = fw_value_kind(FW_VALUE_NULL);
    bool fields = f->exponent > 0;
    const char *shown = fw_arena_printf(&r->arena, "%u/%u/%u", f->sign, f->exponent, f->mantissa);
    if (shown == NULL)
        return fw_fail_memory(err);
    const struct fw_value row[N_COLUMNS] = {
        fw_value_text(f->name),
        fw_value_text(f->kind),
        fw_value_int(f->bits),
        fields ? fw_value_text(shown) : none,
        fields ? fw_value_int(f->sign) : none,
        fields ? fw_value_int(f->exponent) : none,
        fields ? fw_value_int(f->mantissa) : none,
        fields ? fw_value_int(f->bias) : none,
        fw_value_float(fw_numfmt_max(f)),
        fw_value_float(fw_numfmt_min_normal(f)),
        fw_value_float(fw_numfmt_min(f)),
        fw_value_float(fw_numfmt_epsilon(f)),
        fw_value_float(fw_numfmt_digits(f)),
        text(f->specials),
        fw_value_float(fw_numfmt_bits_per_value(f)),
        f->block > 0 ? fw_value_int(f->block) : none,
        f->scale != NULL ? fw_value_text(f->scale->name) : none,
        f->scale != NULL ? fw_value_float(fw_numfmt_scaled_max(f)) : none,
        f->scale != NULL ? fw_value_float(fw_numfmt_scaled_min(f)) : none,
        text(f->also),
        text(f->source),
        text(f->note),
    };
    memcpy(v, row, sizeof row);
    return FW_OK;
}

static enum fw_status build(struct fw_report *r, struct fw_error *err)
{
    struct fw_numfmt_table formats;
    FW_TRY(fw_numfmt_load(&r->arena, &formats, err));
    struct fw_value *values =
        fw_arena_array(&r->arena, (size_t)formats.n * N_COLUMNS, sizeof *values);
    if (values == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < formats.n; i++)
        FW_TRY(add_row(r, &formats.formats[i], values + (size_t)i * N_COLUMNS, err));
    static const struct fw_table head = {
        .key = "formats", .columns = columns, .n_columns = N_COLUMNS, .flags = FW_TABLE_MAIN};
    return fw_report_rows(r, &head, values, formats.n, err);
}

enum fw_status fw_answer_formats(struct fw_report **ret, const struct fw_alloc *alloc,
                                 struct fw_error *err)
{
    struct fw_report *r = fw_report_new(alloc, "flopwise.formats/1");
    if (r == NULL)
        return fw_fail_memory(err);
    r->title = "flopwise formats";
    enum fw_status status = build(r, err);
    return fw_report_finish(ret, r, status);
}
