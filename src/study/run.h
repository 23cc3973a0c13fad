/* A training run as it is described on the command line or in a run file: phases that compute
 * something, fleets of hardware that did it, and what is asked about it.
 *
 * Every number is an input that may be uncertain; phases and fleets hold indices of inputs, so that
 * what is said once for all of them is one input. The text form is in
 * docs/estimating-training-compute.md. */
#ifndef FW_STUDY_RUN_H
#define FW_STUDY_RUN_H

#include "study/hardware.h"
#include "study/quantity.h"

enum fw_run_class {    // what rules count or leave out
    FW_RUN_UPDATE,     // changes the weights
    FW_RUN_GENERATION, // makes data for it that is not public
    FW_RUN_MERGED,     // trained weights that were taken over
    FW_RUN_PUBLIC,     // makes data that is public
    FW_RUN_ASIDE,      // does not end up in the model
    FW_N_RUN_CLASSES
};

struct fw_run_kind {
    const char *name; // "pretraining"
    enum fw_run_class class;
    bool forward_only;
    bool elsewhere; // not computed on the fleets of this run
};
extern const char *const fw_run_class_names[FW_N_RUN_CLASSES];

enum fw_phase_in {
    FW_IN_PARAMS,
    FW_IN_ACTIVE_PARAMS,
    FW_IN_TOKENS,
    FW_IN_DISCARDED,
    FW_IN_EXAMPLES,
    FW_IN_EPOCHS,
    FW_IN_SEQ,
    FW_IN_FLOP,
    FW_N_PHASE_IN
};
enum fw_fleet_in {
    FW_IN_COUNT,
    FW_IN_TIME,
    FW_IN_GPU_HOURS,
    FW_IN_PEAK,
    FW_IN_UTILISATION,
    FW_IN_POWER,
    FW_IN_PUE,
    FW_IN_PRICE,
    FW_IN_CARBON,
    FW_N_FLEET_IN
};
enum fw_run_in { FW_IN_DEADLINE, FW_IN_BUDGET, FW_IN_FLOP_BUDGET, FW_IN_MODIFIES, FW_N_RUN_IN };

#define FW_NO_INPUT UINT32_MAX

enum { FW_RUN_PHASES = 200, FW_RUN_FLEETS = 200, FW_RUN_INPUTS = 2000 };

struct fw_input {
    const char *owner;  // "pretraining" or NULL
    const char *name;   // "tokens"
    const char *unit;   // "FLOP/s" or ""
    const char *text;   // as written
    const char *origin; // NULL: given; else where it comes from
};

/* What one step of a model takes, in floating point operations: multiply-adds of contractions
 * twice, and in `all` everything else too. */
struct fw_step {
    double forward, training;         // forward pass; forward and backward
    double forward_all, training_all; // with elementwise work, norms and the update
    double hardware;                  // training with what runs twice to save memory
    double batch, seq;                // examples of a step; length of an example, 0: has none
    double params;
    const char *exact; // training as an exact integer or formula
    bool complete;     // else a lower bound
};

struct fw_run_phase {
    const char *name;
    const struct fw_run_kind *kind;
    uint32_t in[FW_N_PHASE_IN];                       // FW_NO_INPUT where nothing is said
    const char *model, *batch, *schedule, *recompute; // as written, or NULL
    const struct fw_step *step; // of the model, filled by the caller; NULL without
};

struct fw_fleet {
    const char *name;
    uint32_t in[FW_N_FLEET_IN];
    const char *hardware, *format;  // as written, or NULL
    struct fw_hardware_match match; // .device NULL without a name
    enum fw_figure figure;          // the peak that is taken; FW_N_PEAKS: given as a number
};

struct fw_run {
    struct fw_arena *arena;
    const char *name, *domain, *modifies_unknown; // as written, or NULL
    struct fw_input *inputs;                      // (n_inputs)
    struct fw_quantity *values;                   // (n_inputs)
    uint32_t n_inputs;
    struct fw_run_phase *phases; // (n_phases)
    uint32_t n_phases;
    struct fw_fleet *fleets; // (n_fleets)
    uint32_t n_fleets;
    uint32_t in[FW_N_RUN_IN];
    struct fw_run_phase all_phases; // what holds for each that says nothing else
    struct fw_fleet all_fleets;
    struct fw_hardware_table hardware;
};

/* Settings hold for the whole run; file (NULL: none) is a run file of n bytes. Everything is
 * checked that can be without the models. Errors: FW_USAGE for settings, FW_FORMAT with the line
 * for the file, FW_LIMIT, FW_MEMORY. */
enum fw_status fw_run_read(struct fw_run *ret, struct fw_arena *arena,
                           const struct fw_setting *settings, size_t n_settings, const char *file,
                           size_t n, struct fw_error *err);

/* run_complete.c: what was said for all goes to each, schedules become phases, hardware is looked
 * up, contradictions are errors (FW_USAGE), what is missing and has a default becomes an input that
 * says where it comes from. */
enum fw_status fw_run_complete(struct fw_run *run, struct fw_error *err);

/* An input that was not given. Errors: FW_LIMIT, FW_MEMORY. */
enum fw_status fw_run_assume(struct fw_run *run, const char *owner, const char *name,
                             const char *unit, struct fw_quantity value, const char *origin,
                             uint32_t *ret, struct fw_error *err);
static inline const struct fw_quantity *fw_run_value(const struct fw_run *run, uint32_t in)
{
    return in == FW_NO_INPUT ? NULL : &run->values[in];
}

#endif
