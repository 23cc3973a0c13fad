/* An optimizer's real kernel on one parameter, step by step, and the closed form beside it. */
#ifndef FW_STUDY_TRIAL_H
#define FW_STUDY_TRIAL_H

#include "ops/update.h"

struct fw_trial {
    const struct fw_optimizer *optimizer;
    struct fw_hyper hyper;
    const double *gradients; // (n_gradients), one for each step; the last one stays
    uint32_t n_gradients;
    uint32_t steps;
    int64_t dims[2]; // of the parameter; all its elements have the same gradient
    unsigned rank;
};

struct fw_trial_step {
    double gradient, w;
    double state[FW_MAX_STATES]; // first element of each
};

struct fw_trial_result {
    const struct fw_optimizer *used; // another one where the parameter is no matrix
    struct fw_trial_step *steps;     // (trial.steps)
    uint64_t executed;               // FLOP of the last step
    uint64_t predicted;
};

/* w after t steps of a constant gradient c from 0. */
struct fw_closed_form {
    const char *optimizer;
    const char *formula;
    double (*w)(const struct fw_hyper *h, double c, double t);
};
const struct fw_closed_form *fw_closed_form_find(const char *optimizer); // NULL: there is none

/* Runs in double precision from parameter and states 0; arrays in the arena. Errors: those of the
 * executor. */
enum fw_status fw_trial_run(const struct fw_trial *trial, struct fw_arena *arena,
                            struct fw_trial_result *ret, struct fw_error *err);

#endif
