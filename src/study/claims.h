/* Published claims of training compute, read from a table such as Epoch AI's "Notable AI Models",
 * and computed again by both methods. */
#ifndef FW_STUDY_CLAIMS_H
#define FW_STUDY_CLAIMS_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum fw_claim_flag {
    FW_CLAIM_UNREADABLE = 1,  // a cell that should be a number is none
    FW_CLAIM_UTILISATION = 2, // more than the hardware's peak allows
    FW_CLAIM_6ND = 4,         // 6ND is off by more than a factor of two, and nothing explains it
    FW_CLAIM_DEVICE = 8       // hardware that is not in the table
};

struct fw_claim {
    const char *model, *domain, *hardware; // as written
    const char *device;                    // what the hardware was taken for, or NULL
    /* NAN where the table does not say. */
    double claimed, own; // own: without the model it was trained from, where that is stated
    double params, data, epochs, hours, count, utilisation;
    double method1;         // 6 * params * tokens * epochs, of language models
    double method2;         // hours * count * peak * utilisation, 30 or 40 % where that is not said
    double implied;         // own / (hours * count * peak)
    unsigned flags;         // enum fw_claim_flag
    const char *unreadable; // column of the first unreadable cell, or NULL
    const char *explained;  // what may explain what is off: "mixture of experts" ...; or NULL
    const char *note;       // what the table says about the claim
};

struct fw_claims {
    struct fw_claim *claim; // (n)
    uint32_t n;
};

/* data: a CSV of n bytes whose first row names the columns. Errors: FW_FORMAT with the byte, or for
 * a table without models or compute; FW_LIMIT, FW_MEMORY. */
enum fw_status fw_claims_read(struct fw_arena *arena, const void *data, size_t n,
                              struct fw_claims *ret, struct fw_error *err);

/* Quantile p of n values that are sorted here; NANs must be left out. NAN for n = 0. */
double fw_quantile(double *values, uint32_t n, double p);

#endif
