/* The simple executor: runs an analysed graph node by node over the reference kernels.
 *
 * Every tensor has memory of its own (views share their input's). It runs forward and training
 * graphs, bodies, and graphs whose shapes depend on data: where a size was left open, the node is
 * inferred again with the sizes and contents it really has. For that the graph's tensors are
 * altered while an executor stands; fw_exec_free puts them back. The engine (planned memory, fast
 * kernels, threads) is for speed; this is for exactness: in the counted build it tells what every
 * node executed. */
#ifndef FW_ENGINE_EXEC_H
#define FW_ENGINE_EXEC_H

#include "ops/update.h"
#include "ops/value.h"

struct fw_exec;

struct fw_exec_options {
    enum fw_build build;
    uint64_t seed;
    const struct fw_hyper *hyper;         // of the update nodes; NULL: the optimizer's usual values
    const struct fw_optimizer *optimizer; // only its own nodes take hyper; NULL: all do
    const struct fw_alloc *alloc;         // NULL: the default
};

enum fw_status fw_exec_new(struct fw_exec **ret, struct fw_graph *g,
                           const struct fw_exec_options *options, struct fw_error *err);
void fw_exec_free(struct fw_exec *e); // NULL-safe

/* Memory for a tensor that no node makes (input, parameter, state), to be filled by the caller.
 * dims NULL: the graph's own, which must be constant. Errors: FW_SHAPE, FW_UNSUPPORTED (strings),
 * FW_MEMORY. */
enum fw_status fw_exec_give(struct fw_exec *e, uint32_t id, unsigned rank, const int64_t *dims,
                            struct fw_buffer **ret, struct fw_error *err);
/* Fills all of them that were not given: what is stored is decoded, states are zero, the rest is
 * drawn (FW_DRAW_TO_TEST of engine/draw.h). */
enum fw_status fw_exec_fill(struct fw_exec *e, struct fw_error *err);
/* The same for one tensor, made by a node or not. */
enum fw_status fw_exec_fill_one(struct fw_exec *e, uint32_t id, struct fw_error *err);

/* Executes one node. tally (FW_N_CLASSES): what it executed by class, in the counted build; NULL
 * where nobody asks. A node that only computes shapes counts nothing, as in passes/cost.h.
 * Errors name the node: FW_UNSUPPORTED where there is no kernel, and those of the kernel. */
enum fw_status fw_exec_node(struct fw_exec *e, uint32_t id, uint64_t *tally, struct fw_error *err);
/* Nodes first..end-1. */
enum fw_status fw_exec_run(struct fw_exec *e, uint32_t first, uint32_t end, struct fw_error *err);
/* The number of the training step, from 1, that updates see. */
void fw_exec_set_step(struct fw_exec *e, int64_t step);

/* Starts the random numbers anew: the same seed gives the same dropout. */
void fw_exec_seed(struct fw_exec *e, uint64_t seed);

/* What a tensor holds now; data is NULL before it was made. */
struct fw_buffer *fw_exec_value(struct fw_exec *e, uint32_t tensor);

#endif
