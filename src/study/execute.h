/* Running a network: the engine fed with data, step after step. */
#ifndef FW_STUDY_EXECUTE_H
#define FW_STUDY_EXECUTE_H

#include "engine/engine.h"
#include "formats/npy.h"
#include "study/analysis.h"

struct fw_execute_options {
    bool fast; // oneDNN; else plain C
    bool winograd;
    unsigned n_threads;
    uint64_t steps; // 0: as many as the data have batches, 1 without data
    uint64_t seed;
    const struct fw_hyper *hyper;         // NULL: the optimizer's usual values
    const struct fw_optimizer *optimizer; // of the updates
    const struct fw_array *arrays;        // (n_arrays) inputs by their name; other inputs are drawn
    size_t n_arrays;
    const struct fw_array *weights; // (n_weights) stored tensors by their name
    size_t n_weights;
    bool keep_outputs;
    struct fw_counter *counter; // what each node retires in the last step; or NULL
    fw_work_begins *begins;     // see struct fw_running; or NULL
    void *begins_ctx;
};

struct fw_output_of { // an output of the network, all batches one after the other
    uint32_t tensor;
    uint64_t rows; // along the first dimension
    size_t row_bytes;
    unsigned char *data; // NULL unless outputs are kept
};

struct fw_execution {
    struct fw_analysis *a;
    struct fw_engine *engine;
    struct fw_engine_size size;
    struct fw_arena arena;
    uint64_t steps;
    double *loss;                 // (steps) sum of the losses; NULL where there are none
    double *seconds;              // (steps)
    uint64_t resident_bytes;      // by which the process has grown since before the engine was made
    struct fw_output_of *outputs; // (n_outputs)
    uint32_t n_outputs;
};

/* The plan of what is executed: training where it was built. NULL: sizes are open. */
const struct fw_places *fw_execution_places(const struct fw_analysis *a);
/* Errors: those of the engine, FW_USAGE for an array that fits no tensor, FW_SHAPE. On success to
 * be freed with fw_execution_free. */
enum fw_status fw_execute(struct fw_execution *ret, struct fw_analysis *a,
                          const struct fw_execute_options *options, struct fw_error *err);
void fw_execution_free(struct fw_execution *x);
/* Work that has the limit of time for itself begins, or has ended (NULL). */
void fw_execution_begins(const struct fw_execution *x, const struct fw_execute_options *options,
                         const char *work);

/* Typical step: the median of all but the first, which warms up. */
double fw_execution_seconds(const struct fw_execution *x);

#endif
