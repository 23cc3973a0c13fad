/* The compute of a training run by two methods, and what follows from it.
 *
 * Method 1 counts operations: the exact training step of a model times its steps, or 6 per
 * parameter and token (2 forward, 4 backward; forward passes alone 2). Method 2 is what hardware
 * could have done: chips * time * peak * utilisation, summed over fleets. Sources: Sevilla, Heim,
 * Hobbhahn, Besiroglu, Ho, Villalobos, "Estimating Training Compute of Deep Learning Models"
 * (Epoch, 2022); European Commission, guidelines C(2025) 5045, annex A.2. */
#ifndef FW_STUDY_COMPUTE_H
#define FW_STUDY_COMPUTE_H

#include "study/run.h"

enum fw_quantity_name { // what can be asked of a run
    FW_Q_METHOD1,       // FLOP of all phases that end up in the model
    FW_Q_METHOD2,       // FLOP
    FW_Q_EXECUTED,      // FLOP that ran on the fleets of this run, by method 1, nothing twice
    FW_Q_HARDWARE,      // the same with recomputation
    FW_Q_RATIO,         // executed / method 2
    FW_Q_MFU,           // executed / what the hardware's peak allows in its time
    FW_Q_HFU,           // hardware FLOP / the same
    FW_Q_GPU_HOURS,
    FW_Q_SECONDS,
    FW_Q_CHIPS,       // for the deadline
    FW_Q_COST,        // US$
    FW_Q_ENERGY,      // kWh, with PUE
    FW_Q_CARBON,      // kg CO2e
    FW_Q_TOKENS,      // for the budget in money
    FW_Q_FLOP_TOKENS, // for the budget of FLOP
    FW_Q_BUDGET_FLOP, // what the budget in money pays for
    FW_N_QUANTITIES
};

struct fw_estimate {
    const struct fw_run *run;
    struct fw_quantity q[FW_N_QUANTITIES]; // NAN where it cannot be said
    struct fw_quantity class_flop[FW_N_RUN_CLASSES];
    struct fw_quantity *phase_flop; // (run->n_phases)
    struct fw_quantity *fleet_flop; // (run->n_fleets) NAN without a time
    bool recomputes;
    bool complete; // no model left anything out
};

/* Phases with a model must have their step. The estimate points into run. Errors: FW_MEMORY,
 * FW_USAGE for questions that this run has no answer to, FW_LIMIT. */
enum fw_status fw_estimate_run(const struct fw_run *run, struct fw_estimate *ret,
                               struct fw_error *err);
/* FLOP of the phases whose class is in mask (bit 1 << class). */
struct fw_quantity fw_estimate_classes(const struct fw_run *run, unsigned mask, double *x);

/* "2.3e25": two significant figures, as the guidelines want them reported. */
void fw_two_figures(double v, char ret[16]);

#endif
