/* The graph: what a reader builds and every pass walks.
 *
 * Tensors and nodes are numbered; nodes stand in an order in which every tensor is made before it
 * is used (the verifier checks). A node points at its operator's row (ops/op.h), so nothing here or
 * later knows operators by number. Training appends nodes of later phases to the same graph.
 * Everything but the two growing arrays lives in the model's arena. */
#ifndef FW_GRAPH_GRAPH_H
#define FW_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/poly.h"
#include "graph/dtype.h"

#include <stdbool.h>
#include <stdint.h>

#define FW_NONE UINT32_MAX // no tensor (an optional input left out), no node
#define FW_MAX_RANK 16     // dimensions of a tensor: limit dims
#define FW_RANK_UNKNOWN 255
#define FW_MAX_VALUE 2048 // elements of a tensor whose contents are followed symbolically
#define FW_AT_SHIFT 3     // fw_node.at counts pieces of 8 bytes

struct fw_op;
struct fw_graph;

enum fw_phase {
    FW_PHASE_FORWARD,
    FW_PHASE_BACKWARD_INPUT,  // gradients of activations
    FW_PHASE_BACKWARD_WEIGHT, // gradients of parameters
    FW_PHASE_UPDATE,
    FW_PHASE_RECOMPUTE, // forward work done again to save memory
    FW_N_PHASES
};

enum fw_kind {
    FW_KIND_ACTIVATION,  // made by a node
    FW_KIND_INPUT,       // fed from outside
    FW_KIND_INITIALIZER, // stored in the file, role not decided yet (passes/classify)
    FW_KIND_PARAM,       // learnable
    FW_KIND_BUFFER,      // running statistics
    FW_KIND_CONSTANT,    // stored, neither learnable nor updated
    FW_KIND_GRADIENT,    // gradient of a parameter, kept until the update
    FW_KIND_STATE        // optimizer state
};

enum fw_tensor_flag {
    FW_TENSOR_OUTPUT = 1,      // an output of the graph
    FW_TENSOR_FROM_NODE = 2,   // stored in a Constant node rather than as an initializer
    FW_TENSOR_FROZEN = 4,      // a parameter that is not trained
    FW_TENSOR_WEIGHT_SIDE = 8, // stored, or depends on stored tensors only, never on an input
    FW_TENSOR_NEEDS_GRAD = 16,
    FW_TENSOR_OPTIONAL_SHAPE = 32, // dims come from the file's own annotation, not from inference
    FW_TENSOR_OPEN = 64            // a sequence, map or optional: no shape of its own
};

/* Stored contents: little-endian elements (4-bit types packed two a byte, low half first), in the
 * mapped file or the arena. NULL bytes: not available (external data, or not needed). */
struct fw_data {
    const unsigned char *bytes;
    size_t n_bytes;
};

struct fw_tensor {
    const char *name;           // NULL for tensors the passes made: see fw_tensor_name()
    const fw_dim *dims;         // (rank); NULL when rank is 0 or unknown
    const fw_dim *value;        // known contents, row-major, (product of dims); NULL when not known
    const struct fw_data *data; // stored contents; NULL for tensors that are computed
    uint32_t producer;          // node that makes it, or FW_NONE
    uint32_t of;                // tensor this is the gradient or the state of, or FW_NONE
    uint8_t rank;               // FW_RANK_UNKNOWN until inferred
    uint8_t dtype;              // enum fw_dtype
    uint8_t kind;               // enum fw_kind
    uint8_t flags;              // enum fw_tensor_flag
};

/* One attribute's value; its type is the row's specification at the same index. */
struct fw_attr {
    union {
        int64_t i;
        double f;
        const char *s;
        const int64_t *ints;            // (n)
        const double *floats;           // (n)
        const char *const *strings;     // (n)
        struct fw_graph *graph;         // a body (If, Loop, Scan)
        const struct fw_tensor *tensor; // a stored tensor (ConstantOfShape's value)
    };
    uint32_t n;
    bool given; // false: this is the default of the row
};

struct fw_node {
    const struct fw_op *op;
    const char *name;           // NULL for nodes the passes made
    const struct fw_attr *attr; // (op->n_attrs), in the order of the row; NULL when there are none
    const uint32_t *in;         // (n_in) tensors; FW_NONE where an optional input is left out
    const uint32_t *out;        // (n_out) tensors; FW_NONE where an optional output is left out
    uint16_t n_in;
    uint16_t n_out;
    uint32_t layer; // the forward node this belongs to (itself for forward nodes)
    uint8_t phase;  // enum fw_phase
    uint8_t flags;  // enum fw_node_flag
    int32_t at;     // where the node stands in the file: byte offset >> FW_AT_SHIFT, or -1
};

enum fw_node_flag {
    FW_NODE_GAP = 1,        // its cost is not known: totals are a lower bound
    FW_NODE_GRAD_GAP = 2,   // its gradient is not known
    FW_NODE_SHAPE = 4,      // only computes shapes (all its outputs have known contents)
    FW_NODE_BODY_GAP = 8,   // a body of it has a gap
    FW_NODE_AFTER_GAP = 16, // a gap only because an input comes out of another gap
    FW_NODE_FURTHER = 32    // of layers that predict further words (MTP)
};

/* Shapes made lately. Networks have few: equal ones mostly share their memory, and an address tells
 * most of them apart. */
enum { FW_N_RECENT_SHAPES = 64 };
struct fw_recent_shapes {
    const fw_dim *dims[FW_N_RECENT_SHAPES]; // in the arena, or NULL
    uint8_t rank[FW_N_RECENT_SHAPES];
};

/* Of a body that runs again and again: values carried from turn to turn are its inputs first_in + k
 * and outputs first_out + k (k < n); formal inputs behind them are slices of the node's inputs,
 * outputs behind them are stacked in the node's outputs. All of these lie in the node's tensors. */
struct fw_turns {
    uint32_t first_in, first_out, n;
    bool loop;
    bool kept;         // of its gradient: what that reads of the forward turns comes in by the node
    uint32_t n_direct; // of its gradient: outputs up to this one are not summed over the turns
};

struct fw_graph {
    struct fw_arena *arena;       // names, dims, attributes, ports
    struct fw_symbols *sym;       // letters of the dimensions
    const struct fw_alloc *alloc; // of the two arrays
    const char *name;
    struct fw_tensor *tensors;
    uint32_t n_tensors, cap_tensors;
    struct fw_node *nodes;
    uint32_t n_nodes, cap_nodes;
    const uint32_t *inputs; // (n_inputs) tensors; initializers are not among them
    uint32_t n_inputs;
    const uint32_t *outputs; // (n_outputs)
    uint32_t n_outputs;
    /* A body (of If, Loop, Scan): the first n_formal inputs are its own; input n_formal + k is what
     * the node that holds the body passes as its input capture_in[k]. */
    uint32_t n_formal;
    const uint32_t *capture_in; // (n_inputs - n_formal - n_seeds)
    uint32_t n_seeds;           // of a gradient's body: its last inputs are gradients of outputs
    struct fw_turns turns;
    fw_dim trips;  // of a body: how often one execution of its node runs it (its infer sets it)
    bool training; // the training form is built (passes/train)
    const uint32_t *gradients; // (n_gradients) of the tensors there were before, or FW_NONE
    uint32_t n_gradients;
    struct fw_graph *outer;  // the graph this is a body of, or NULL
    struct fw_graph *bodies; // every body made from this graph, in a chain through next_body
    struct fw_graph *next_body;
    bool copy; // a body made from another body (its gradient): its stored tensors are not counted
    uint64_t value_reads; // calls of fw_tensor_value: did a computation look at contents?
    struct fw_recent_shapes recent;
};

void fw_graph_init(struct fw_graph *g, struct fw_arena *arena, struct fw_symbols *sym);
/* A new empty body of g, freed with it. NULL = out of memory. */
struct fw_graph *fw_graph_new_body(struct fw_graph *g);
void fw_graph_free(struct fw_graph *g); // the arrays of g and of its bodies, not the arena

/* dims in the arena: an equal list that is there, or a copy; rank > 0. NULL = out of memory. */
const fw_dim *fw_graph_dims(struct fw_graph *g, unsigned rank, const fw_dim *dims);
/* Appends a tensor (dims are copied; rank may be FW_RANK_UNKNOWN) and gives its number.
 * Errors: FW_MEMORY, FW_LIMIT. */
enum fw_status fw_graph_tensor(struct fw_graph *g, const char *name, enum fw_kind kind,
                               enum fw_dtype dtype, uint8_t rank, const fw_dim *dims, uint32_t *ret,
                               struct fw_error *err);

/* What fw_graph_node needs; in and out are copied, attr is kept and must live in the arena (NULL
 * only for a row without attributes). */
struct fw_node_spec {
    const struct fw_op *op;
    const char *name; // not copied
    const uint32_t *in;
    const uint32_t *out; // NULL: n_out new tensors of unknown shape are made
    const struct fw_attr *attr;
    uint16_t n_in, n_out;
    uint8_t phase;
    uint32_t layer; // FW_NONE: the node itself
    int32_t at;
};
enum fw_status fw_graph_node(struct fw_graph *g, const struct fw_node_spec *spec, uint32_t *ret,
                             struct fw_error *err);
/* Room for this many more; saves growing step by step. */
enum fw_status fw_graph_reserve(struct fw_graph *g, uint32_t tensors, uint32_t nodes,
                                struct fw_error *err);

/* Whether its nodes have to be searched for bodies: those of a copied body may hold the original's,
 * which stand in another chain. */
static inline bool fw_graph_may_hold_bodies(const struct fw_graph *g)
{
    return g->bodies != NULL || g->outer != NULL;
}

/* A forward node in the gradient of a loop that has kept what is read of it: not run again. */
static inline bool fw_node_is_done(const struct fw_graph *g, const struct fw_node *n)
{
    return g->turns.kept && n->phase == FW_PHASE_FORWARD;
}
/* Is every turn's value of a tensor of a loop's body stacked outside? */
bool fw_body_stacks(const struct fw_graph *body, uint32_t tensor);

static inline const struct fw_tensor *fw_tensor_at(const struct fw_graph *g, uint32_t id)
{
    return id == FW_NONE ? NULL : &g->tensors[id];
}

/* Product of dims[0..n): a dimension whose word is not negative is a constant. */
fw_count fw_dims_product_slow(struct fw_symbols *s, const fw_dim *dims, unsigned n);
static inline fw_count fw_dims_product(struct fw_symbols *s, const fw_dim *dims, unsigned n)
{
    int64_t product = 1;
    for (unsigned i = 0; i < n; i++)
        if (dims[i].word < 0 || __builtin_mul_overflow(product, dims[i].word, &product))
            return fw_dims_product_slow(s, dims, n);
    return (fw_count){product};
}
/* Of a type that gradients are computed in: real or complex, 16 bits or more. */
static inline bool fw_tensor_can_learn(const struct fw_tensor *t)
{
    char class = fw_dtypes[t->dtype].class;
    return (class == 'f' || class == 'c') && fw_dtypes[t->dtype].bits >= 16;
}
/* Elements; 1 for a scalar; bad where the rank is unknown. */
static inline fw_count fw_tensor_elements(const struct fw_graph *g, const struct fw_tensor *t)
{
    return t->rank == FW_RANK_UNKNOWN ? fw_count_bad() : fw_dims_product(g->sym, t->dims, t->rank);
}
/* The known contents (decoding stored data of at most FW_MAX_VALUE elements on first use), or NULL.
 * Integers and bools as they are, floats as exact fractions. ret_n = number of elements. */
const fw_dim *fw_tensor_value(struct fw_graph *g, uint32_t id, uint32_t *ret_n);
/* The same for a tensor that is not one of the graph's (an attribute); decoded at every call. */
const fw_dim *fw_stored_value(struct fw_graph *g, const struct fw_tensor *t, uint32_t *ret_n);
/* Name for people: its own, or "grad of NAME" and the like, or "tensor N". */
void fw_tensor_name(const struct fw_graph *g, uint32_t id, struct fw_str *out);
void fw_shape_print(const struct fw_graph *g, const struct fw_tensor *t, struct fw_str *out);

/* Brings nodes into an order in which tensors are made before they are used (files may violate it).
 * Errors: FW_FORMAT for a cycle, with a node on it in *ret_cycle; FW_MEMORY. */
enum fw_status fw_graph_sort(struct fw_graph *g, uint32_t *ret_cycle, struct fw_error *err);

#endif
