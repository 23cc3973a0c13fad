/* A list of values for one letter or key: "batch=1,2,4..1024". */
#ifndef FW_STUDY_SWEEP_H
#define FW_STUDY_SWEEP_H

#include "base/arena.h"
#include "base/err.h"

enum { FW_MAX_SWEEP = 4096 };

struct fw_sweep {
    const char *name;
    int64_t *values; // (n), as given
    uint32_t n;
};

/* text: a name, '=', then numbers from 0 and ranges A..B, which double from A on and end in B; all
 * made in the arena. Errors: FW_USAGE, FW_LIMIT for more than FW_MAX_SWEEP values, FW_MEMORY. */
enum fw_status fw_sweep_parse(struct fw_sweep *ret, const char *text, struct fw_arena *arena,
                              struct fw_error *err);

#endif
