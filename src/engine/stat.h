/* Retired floating-point operations of another program, its children included. */
#ifndef FW_ENGINE_STAT_H
#define FW_ENGINE_STAT_H

#include "engine/counter.h"
#include "engine/program.h"

struct fw_stat {
    struct fw_ended ended; // of the first run
    unsigned n_runs;
    bool known[FW_N_FLOP_PARTS];
    uint64_t flop[FW_N_FLOP_PARTS];
};

/* split: each class too, one run each. Errors: FW_COUNTER (nothing was run when there is no
 * counter), FW_IO. */
enum fw_status fw_stat_program(struct fw_counter *c, const char *const *argv, bool split,
                               struct fw_stat *ret, struct fw_error *err);

#endif
