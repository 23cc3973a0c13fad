/* Inside of the engine: engine.c holds memory, engine_data.c its contents, engine_compile.c turns
 * nodes into steps, engine_fast.c those that fast kernels do, engine_join.c says which nodes are
 * done by the kernel of another, engine_step.c executes. */
#ifndef FW_ENGINE_ENGINE_IMPL_H
#define FW_ENGINE_ENGINE_IMPL_H

#include "engine/engine.h"
#include "ops/value.h"

enum fw_block {
    FW_BLOCK_FIXED,
    FW_BLOCK_MOVING,
    FW_BLOCK_WORKING, // of one node at a time
    FW_BLOCK_KEPT,    // from a forward kernel for the one that goes back
    FW_BLOCK_OWN,
    FW_N_BLOCKS
};

struct fw_address {
    uint64_t offset;
    uint8_t block; // enum fw_block
};

/* Numbers per channel between a fast kernel's terms and the row's. */
struct fw_glue {
    int64_t n;
    double epsilon, momentum;
    struct fw_address at[6];
    void (*run)(struct fw_engine *e, const struct fw_glue *g);
};

/* A node by its reference kernel. */
struct fw_call {
    uint32_t node;            // a stored tensor that is rearranged for a reader: not the step's
    struct fw_buffer *values; // (n_in + n_out)
    struct fw_buffer **in, **out;
    struct fw_address *at; // (n_in + n_out)
    unsigned ports;        // n_in + n_out
    bool pointwise;
};

enum fw_step_kind { FW_STEP_FAST, FW_STEP_MOVE, FW_STEP_COPY, FW_STEP_CALL, FW_STEP_GLUE };
enum {
    FW_STEP_PORTS = 10,
    FW_WORTH_SHARING = 16384 // elements from which threads help
};

struct fw_step {
    uint32_t node;
    uint8_t kind; // enum fw_step_kind
    uint8_t n;    // ports
    struct fw_dnn_kernel *kernel;
    struct fw_address at[FW_STEP_PORTS]; // (n) of a copy: from, to
    struct fw_address scratch;
    uint64_t bytes; // of a copy
    struct fw_call *call;
    struct fw_glue *glue;
};

struct fw_held { // of a tensor
    const struct fw_layout *layout;
    struct fw_address at;
    bool there;      // has an address
    bool free;       // only convolutions and updates read it: its order is theirs to choose
    bool chosen;     // and has been chosen
    uint32_t later;  // node that has to be run for every reader (a stored tensor rearranged)
    uint64_t random; // state that its contents were drawn from
};

struct fw_watched {
    uint32_t tensor, node; // node that makes it
    void *to;
    fw_engine_see *see; // or NULL
    void *ctx;
    struct fw_watched *next;
};

struct fw_engine {
    struct fw_graph *g;
    const struct fw_places *places;
    struct fw_engine_options o;
    const struct fw_alloc *alloc;
    struct fw_arena arena;
    struct fw_dnn *dnn;             // NULL in exact mode
    struct fw_held *held;           // (n_tensors)
    struct fw_fast *fast;           // (n_nodes) kind FW_N_FASTS: not described
    uint32_t *by;                   // (n_nodes) node that does its work along, or itself
    uint32_t *along;                // (n_nodes) such a node of this one's, by which it differs
    struct fw_address *kept;        // (n_nodes) what its kernel keeps for the way back
    struct fw_dnn_kernel **kernels; // (n_nodes) or NULL
    uint8_t *blocks;       // (n_nodes) channels side by side in the order its kernel works in
    struct fw_step *steps; // (n_steps)
    uint32_t n_steps, cap_steps;
    struct fw_node_use *use;            // (n_nodes)
    unsigned char *memory[FW_N_BLOCKS]; // as allocated, size and a line
    unsigned char *base[FW_N_BLOCKS];   // on the boundary of a line
    uint64_t size[FW_N_BLOCKS];
    uint64_t working;         // bytes of working memory the node at hand takes so far
    struct fw_arena *scratch; // (n_threads) of reference kernels
    struct fw_watched *watched;
    uint64_t random;
    int64_t step_number; // from 1
    uint32_t n_fast, n_reference, n_moves;
};

static inline void *fw_engine_at(const struct fw_engine *e, struct fw_address a)
{
    return e->base[a.block] + a.offset;
}
uint64_t fw_engine_elements(const struct fw_engine *e, uint32_t tensor);
size_t fw_engine_bytes(const struct fw_engine *e, uint32_t tensor);           // as held in memory
struct fw_buffer fw_engine_value(const struct fw_engine *e, uint32_t tensor); // without data
/* Contents that inference knows; false when it does not. */
bool fw_engine_put_known(struct fw_engine *e, uint32_t tensor, struct fw_buffer *v);

/* ---- engine_compile.c ---- */

enum fw_status fw_engine_compile(struct fw_engine *e, struct fw_error *err);
struct fw_address fw_engine_working(struct fw_engine *e, uint64_t bytes);
struct fw_address fw_engine_room(struct fw_engine *e, enum fw_block block, uint64_t bytes);
struct fw_step *fw_engine_add_step(struct fw_engine *e, uint32_t node, enum fw_step_kind kind);
/* Whether who makes a tensor may choose its order. Of gradients and states it is that of the
 * parameter, which is made sure here. */
bool fw_engine_order_is_free(struct fw_engine *e, uint32_t tensor);
/* Where a tensor can be read in the order wanted: where it stands, or a copy. */
enum fw_status fw_engine_fetch(struct fw_engine *e, uint32_t node, uint32_t tensor,
                               const struct fw_layout *want, struct fw_address *ret,
                               struct fw_error *err);
/* Moves n elements from one order into another. */
enum fw_status fw_engine_move(struct fw_engine *e, uint32_t node, const struct fw_layout *from,
                              struct fw_address from_at, const struct fw_layout *to,
                              struct fw_address to_at, struct fw_error *err);

/* ---- engine_join.c ---- */

/* Which nodes are done by the kernel of another. */
void fw_engine_join(struct fw_engine *e);

/* ---- engine_fast.c ---- */

/* Descriptions of all nodes. */
void fw_engine_describe(struct fw_engine *e);
/* *ret_done: false when there is no fast kernel for it. */
enum fw_status fw_engine_compile_fast(struct fw_engine *e, uint32_t node, bool *ret_done,
                                      struct fw_error *err);

#endif
