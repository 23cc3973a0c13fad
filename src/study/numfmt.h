/* Number formats: fields from data/formats.tsv, ranges and precisions computed from them. */
#ifndef FW_STUDY_NUMFMT_H
#define FW_STUDY_NUMFMT_H

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>

struct fw_numfmt {
    const char *name;
    const char *kind; // "float", "int", "uint", "scale"
    unsigned bits;
    unsigned sign, exponent, mantissa; // bits of the fields of a float
    int bias;
    const char *specials;          // "ieee", "nan", "zero", "none"
    unsigned block;                // values that share a scale; 0: none
    const struct fw_numfmt *scale; // format of the scale or NULL
    const char *also, *source, *note;
};

struct fw_numfmt_table {
    struct fw_numfmt *formats; // (n)
    uint32_t n;
};

/* Errors: FW_FORMAT for a table that is not consistent, FW_MEMORY. */
enum fw_status fw_numfmt_load(struct fw_arena *arena, struct fw_numfmt_table *ret,
                              struct fw_error *err);

/* Of a value on its own, without the scale of a block. */
double fw_numfmt_max(const struct fw_numfmt *f);        // largest finite value
double fw_numfmt_min_normal(const struct fw_numfmt *f); // smallest with full precision
double fw_numfmt_min(const struct fw_numfmt *f);        // smallest above zero
double fw_numfmt_epsilon(const struct fw_numfmt *f);    // step behind 1 (integers: 1)
/* With the scale of its block. */
double fw_numfmt_scaled_max(const struct fw_numfmt *f);
double fw_numfmt_scaled_min(const struct fw_numfmt *f);
double fw_numfmt_bits_per_value(const struct fw_numfmt *f);
double fw_numfmt_digits(const struct fw_numfmt *f); // decimal digits of precision

#endif
