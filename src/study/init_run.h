/* A network executed again and again with weights and inputs that are put into it: by the engine,
 * by the reference kernels one by one where its memory cannot be planned. */
#ifndef FW_STUDY_INIT_RUN_H
#define FW_STUDY_INIT_RUN_H

#include "study/analysis.h"

struct fw_init_run;

struct fw_init_run_options {
    const bool *wanted;  // (n_nodes) the nodes that are executed
    const bool *watched; // (n_tensors) tensors whose mean square is taken
    uint64_t seed;       // of what nobody puts in
};

/* Errors: those of the engine or the executor. */
enum fw_status fw_init_run_new(struct fw_init_run **ret, struct fw_analysis *a,
                               const struct fw_init_run_options *options, struct fw_error *err);
void fw_init_run_free(struct fw_init_run *r); // NULL-safe
/* Contents of a floating point tensor that no node makes, n elements. */
enum fw_status fw_init_run_put(struct fw_init_run *r, uint32_t tensor, const float *data, size_t n,
                               struct fw_error *err);
enum fw_status fw_init_run_once(struct fw_init_run *r, struct fw_error *err);
/* Of what the last run left in a watched tensor; NAN where it left nothing. */
double fw_init_run_square(const struct fw_init_run *r, uint32_t tensor);

#endif
