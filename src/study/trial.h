/* An optimizer's real kernel on one parameter, step by step, and the closed form beside it. */
#ifndef FW_STUDY_TRIAL_H
#define FW_STUDY_TRIAL_H

#include "study/closed.h"

struct fw_trial {
    const struct fw_optimizer *optimizer;
    struct fw_hyper hyper;
    const double *gradients; // (n_gradients * elements), one for each step; the last one stays
    uint32_t n_gradients;
    uint32_t steps;
    int64_t dims[2]; // of the parameter
    unsigned rank;
};

static inline size_t fw_trial_elements(const struct fw_trial *trial)
{
    return (size_t)(trial->dims[0] * (trial->rank > 1 ? trial->dims[1] : 1));
}

/* Of a parameter of one element its value and so on, else norms. */
struct fw_trial_step {
    double gradient, w, closed;
    double difference; // w less the formula; of several elements the largest
    double state[FW_MAX_STATES];
};

struct fw_trial_result {
    const struct fw_optimizer *used;   // another one where the parameter is no matrix
    struct fw_trial_step *steps;       // (trial.steps)
    const struct fw_closed_form *form; // NULL: there is none, or the gradient changes
    double *w;                         // (elements) after the last step
    const double *closed;              // the same by the formula, or NULL
    double largest;                    // difference in a step, as part of the largest element
    uint64_t executed;                 // FLOP of the last step
    uint64_t predicted;
};

/* Runs in double precision from parameter and states 0; arrays in the arena. Errors: those of the
 * executor. */
enum fw_status fw_trial_run(const struct fw_trial *trial, struct fw_arena *arena,
                            struct fw_trial_result *ret, struct fw_error *err);

#endif
