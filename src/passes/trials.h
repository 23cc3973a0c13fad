/* Sizes with letters at a few trial values of the letters.
 *
 * Which of two symbolic sizes is the larger depends on the letters. Where it must be found out for
 * every node of a large graph (the fullest moment of a schedule), sizes are compared at
 * FW_N_TRIALS points: every letter 1, some with all alike, some mixed. */
#ifndef FW_PASSES_TRIALS_H
#define FW_PASSES_TRIALS_H

#include "base/map.h"
#include "graph/graph.h"

enum { FW_N_TRIALS = 8, FW_TRIAL_LARGE = 3 }; // at that point every letter is 1024

struct fw_trial_size;

struct fw_trials {
    struct fw_graph *g;
    double *values; // (FW_N_TRIALS, n_symbols) of the letters
    uint32_t n_symbols;
    struct fw_map known; // size -> index
    struct fw_trial_size **sizes;
    uint32_t n_sizes, cap_sizes;
};

/* Errors: FW_MEMORY. Fit for fw_trials_free in any case. */
enum fw_status fw_trials_init(struct fw_trials *t, struct fw_graph *g, struct fw_error *err);
void fw_trials_free(struct fw_trials *t);
/* The values (FW_N_TRIALS) of a symbolic size; NULL when memory ran out. */
const double *fw_trials_of(struct fw_trials *t, fw_count size);

#endif
