/* The engine: executes a graph as it was planned.
 *
 * It allocates what passes/memory laid out: one block for what is always there, one for what comes
 * and goes; and one more for the working memory of fast kernels (their own, and copies in another
 * order of elements), whose size is known before anything runs. Making an engine compiles the
 * schedule into steps: a fast kernel (engine/dnn.h) where the row describes its node (ops/fast.h)
 * and there is one, else the reference kernel, and between them moves of tensors into the order the
 * next kernel wants. The order a kernel chose stays as long as nobody wants another one. */
#ifndef FW_ENGINE_ENGINE_H
#define FW_ENGINE_ENGINE_H

#include "engine/counter.h"
#include "engine/dnn.h"
#include "passes/memory.h"

enum { FW_MAX_THREADS = 64 };

struct fw_hyper;
struct fw_optimizer;

struct fw_engine_options {
    bool fast;          // oneDNN where it has kernels; else plain C only
    bool winograd;      // see struct fw_dnn_options
    unsigned n_threads; // of plain C too; exact mode takes 1
    bool apart;         // no tensor that can be watched is left out between two nodes
    const bool *wanted; // (n_nodes) the only ones that are executed, with what they take; NULL: all
    uint64_t seed;
    const struct fw_hyper *hyper;         // of the updates; NULL: the optimizer's usual values
    const struct fw_optimizer *optimizer; // whose updates take it
};

struct fw_engine;

/* What executing a node took, over all runs since the last fw_engine_reset. */
struct fw_node_use {
    uint64_t ns;
    uint64_t retired;  // operations, when a counter is given
    uint64_t products; // what the library's products in a reference kernel retire by their closed
                       // form, beyond two for each multiply-add
};

struct fw_engine_size {
    uint64_t fixed_bytes, moving_bytes; // as planned
    uint64_t working_bytes;             // of fast kernels
    uint64_t allocated_bytes;           // what was asked of the system, all in all
    uint32_t n_fast, n_reference;       // nodes by how they run
    uint32_t n_moves;                   // tensors brought into another order, every run
};

/* places: of this graph. Errors: FW_UNSUPPORTED (a node without a kernel, oneDNN missing),
 * FW_LIMIT, FW_MEMORY. */
enum fw_status fw_engine_new(struct fw_engine **ret, struct fw_graph *g,
                             const struct fw_places *places,
                             const struct fw_engine_options *options, const struct fw_alloc *alloc,
                             struct fw_error *err);
void fw_engine_free(struct fw_engine *e); // NULL-safe

/* Fills stored tensors with what the file has, draws the others (FW_DRAW_TO_TRAIN of
 * engine/draw.h), states with zeros. */
enum fw_status fw_engine_fill(struct fw_engine *e, struct fw_error *err);
/* One of the others once more, with the same contents. */
enum fw_status fw_engine_draw_again(struct fw_engine *e, uint32_t tensor, struct fw_error *err);
/* Whether a run leaves an input as it was. */
bool fw_engine_keeps(const struct fw_engine *e, uint32_t tensor);
/* Where a tensor's elements stand one after the other, to be filled before a run, as those of
 * inputs do; NULL: they lie in another order. */
void *fw_engine_rows(struct fw_engine *e, uint32_t tensor);
/* Contents of a tensor, row-major, n bytes of it: of inputs and stored tensors before a run; of
 * what a run made as long as nothing has taken its place. FW_SHAPE: n is not its size. */
enum fw_status fw_engine_write(struct fw_engine *e, uint32_t tensor, const void *data, size_t n,
                               struct fw_error *err);
enum fw_status fw_engine_read(struct fw_engine *e, uint32_t tensor, void *ret, size_t n,
                              struct fw_error *err);
/* Executes the whole schedule once. counter: what each node retires is read, or NULL. timed: what
 * each node takes is measured. */
enum fw_status fw_engine_run(struct fw_engine *e, bool timed, struct fw_counter *counter,
                             struct fw_error *err);
void fw_engine_reset(struct fw_engine *e);
/* From now on every run copies this tensor, as soon as it is made, into ret (row-major, as many
 * bytes as it has) and shows it to `see` (NULL: nobody). Several tensors may share a ret; it and
 * ctx must live as long as the engine. Errors: FW_USAGE for one that no step makes. */
typedef void fw_engine_see(void *ctx, uint32_t tensor, const void *data);
enum fw_status fw_engine_watch(struct fw_engine *e, uint32_t tensor, void *ret, fw_engine_see *see,
                               void *ctx, struct fw_error *err);
const struct fw_node_use *fw_engine_use(const struct fw_engine *e); // (n_nodes)
void fw_engine_size(const struct fw_engine *e, struct fw_engine_size *ret);
/* How a node runs: "jit:avx2" and the like, "plain C", or NULL where it has nothing to do. A node
 * whose work another one does along with its own gives *ret_by. */
const char *fw_engine_kernel(const struct fw_engine *e, uint32_t node, uint32_t *ret_by);

#endif
