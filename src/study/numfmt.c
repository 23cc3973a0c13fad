/* What a number format can hold, from its fields; see numfmt.h. A float of bias b with m mantissa
 * bits has the values 2^(e-b) * (1 + k/2^m), and 2^(1-b) * k/2^m where the exponent field is 0. */
#include "study/numfmt.h"

#include "base/csv.h"
#include "base/real.h"
#include "fw_data.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static unsigned number_of(const struct fw_csv *csv, uint32_t row, const char *column)
{
    size_t len;
    return (unsigned)fw_real_parse(fw_csv_text(csv, row, column), &len);
}

static const struct fw_numfmt *find(const struct fw_numfmt *formats, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

enum fw_status fw_numfmt_load(struct fw_arena *arena, struct fw_numfmt_table *ret,
                              struct fw_error *err)
{
    struct fw_csv csv;
    FW_TRY(fw_csv_parse(arena, fw_data_formats, strlen(fw_data_formats), '\t', &csv, err));
    struct fw_numfmt *formats = fw_arena_array(arena, csv.n_rows, sizeof *formats);
    if (formats == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < csv.n_rows; i++) {
        const char *scale = fw_csv_text(&csv, i, "scale");
        formats[i] = (struct fw_numfmt){.name = fw_csv_text(&csv, i, "format"),
                                        .kind = fw_csv_text(&csv, i, "kind"),
                                        .bits = number_of(&csv, i, "bits"),
                                        .sign = number_of(&csv, i, "sign"),
                                        .exponent = number_of(&csv, i, "exponent"),
                                        .mantissa = number_of(&csv, i, "mantissa"),
                                        .bias = (int)number_of(&csv, i, "bias"),
                                        .specials = fw_csv_text(&csv, i, "specials"),
                                        .block = number_of(&csv, i, "block"),
                                        .scale = scale[0] != '\0' ? find(formats, i, scale) : NULL,
                                        .also = fw_csv_text(&csv, i, "also"),
                                        .source = fw_csv_text(&csv, i, "source"),
                                        .note = fw_csv_text(&csv, i, "note")};
        const struct fw_numfmt *f = &formats[i];
        FW_REQUIRE((f->block == 0) == (f->scale == NULL) && f->bits > 0 &&
                       f->sign + f->exponent + f->mantissa <= f->bits,
                   err, FW_FORMAT, "formats: the fields of %s do not fit together", f->name);
    }
    *ret = (struct fw_numfmt_table){formats, csv.n_rows};
    return FW_OK;
}

static bool is_integer(const struct fw_numfmt *f)
{
    return strcmp(f->kind, "int") == 0 || strcmp(f->kind, "uint") == 0;
}

double fw_numfmt_max(const struct fw_numfmt *f)
{
    if (is_integer(f))
        return ldexp(1, (int)f->bits - (f->kind[0] == 'i')) - 1;
    int top = (1 << f->exponent) - 1;             // largest exponent field
    double last = ldexp(1, (int)f->mantissa) - 1; // largest mantissa field
    if (strcmp(f->specials, "ieee") == 0)
        top--;
    if (strcmp(f->specials, "nan") == 0)
        last--; // the last pattern is taken
    if (last < 0) {
        last = 0;
        top--;
    }
    return ldexp(1 + ldexp(last, -(int)f->mantissa), top - f->bias);
}

double fw_numfmt_min_normal(const struct fw_numfmt *f)
{
    if (is_integer(f))
        return 1;
    return ldexp(1, (f->mantissa == 0 ? 0 : 1) - f->bias); // without mantissa field 0 is a number
}

double fw_numfmt_min(const struct fw_numfmt *f)
{
    return is_integer(f) ? 1 : ldexp(fw_numfmt_min_normal(f), -(int)f->mantissa);
}

double fw_numfmt_epsilon(const struct fw_numfmt *f)
{
    return is_integer(f) ? 1 : ldexp(1, -(int)f->mantissa);
}

double fw_numfmt_scaled_max(const struct fw_numfmt *f)
{
    return fw_numfmt_max(f) * (f->scale != NULL ? fw_numfmt_max(f->scale) : 1);
}

double fw_numfmt_scaled_min(const struct fw_numfmt *f)
{
    return fw_numfmt_min(f) * (f->scale != NULL ? fw_numfmt_min(f->scale) : 1);
}

double fw_numfmt_bits_per_value(const struct fw_numfmt *f)
{
    return f->bits + (f->scale != NULL ? (double)f->scale->bits / f->block : 0);
}

double fw_numfmt_digits(const struct fw_numfmt *f)
{
    double patterns = is_integer(f) ? fw_numfmt_max(f) + 1 : ldexp(1, (int)f->mantissa + 1);
    return log10(patterns);
}
