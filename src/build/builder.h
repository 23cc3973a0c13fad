/* The graph builder behind the functions of flopwise.h, as the network families and readers of
 * architecture descriptions see it.
 *
 * It makes the operators an ONNX export would have, asks each row for the shapes as it goes, and
 * knows which stored tensors are parameters, so nothing has to be guessed later. A tensor is a
 * number (handle); with bodies around, several graphs are open and a handle says which one it is
 * of. The first error stays and makes every later call do nothing.
 *
 *   builder.c   opening, scopes and names, sizes, inputs, stored tensors, outputs
 *   node.c      attributes and nodes
 *   layers.c    layers with parameters, pooling
 *   moves.c     arithmetic and moves
 *   sequence.c  embedding, attention, recurrence
 *   repeat.c    layers repeated a number of times that may be a letter
 *   copy.c      a copy of a finished model */
#ifndef FW_BUILD_BUILDER_H
#define FW_BUILD_BUILDER_H

#include "base/map.h"
#include "graph/model.h"
#include "ops/op.h"

enum { FW_BUILD_MAX_SCOPES = 64 }; // as limit nesting may be at most

struct fw_build_handle {
    struct fw_graph *g;
    uint32_t id;
};

struct fw_build_repeat; // layers being repeated, see repeat.c

struct fw_build_list {
    uint32_t *v; // (n)
    uint32_t n, cap;
};

struct fw_builder {
    struct fw_model *m;
    struct fw_graph *g; // nodes are appended here
    struct fw_error err;
    struct fw_build_handle *handle; // (n_handles)
    uint32_t n_handles, cap_handles;
    struct fw_build_list inputs, outputs;
    struct fw_map names;            // of nodes
    uint32_t n_nodes;               // of all graphs
    struct fw_build_repeat *repeat; // the innermost that was begun, or NULL
    struct fw_str path;             // scopes entered, joined
    size_t mark[FW_BUILD_MAX_SCOPES];
    unsigned depth;
    char separator;
};

/* Starts building into an empty model. Errors show at the end. */
void fw_build_init(struct fw_builder *b, struct fw_model *m);
/* Completes the model's graph; b keeps nothing. Errors: the first one of any call. */
enum fw_status fw_build_end(struct fw_builder *b, struct fw_error *err);
bool fw_build_ok(const struct fw_builder *b);
/* Keeps the error unless there is one, with the scope in front. Gives -1. */
int fw_build_fail(struct fw_builder *b, enum fw_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Whether n is within a limit of the model, and in time; keeps the error otherwise. */
bool fw_build_within(struct fw_builder *b, enum fw_limit which, uint64_t n);

/* The tensor of a handle in the current graph, or NULL after an error (a wrong handle is one). */
const struct fw_tensor *fw_build_tensor(struct fw_builder *b, int x);
int fw_build_handle(struct fw_builder *b, struct fw_graph *g, uint32_t id);
/* "layer1.0.conv1" for a name (or an operator where there is none), made unique. NULL = failed. */
const char *fw_build_name(struct fw_builder *b, const char *name, const char *op);
/* The name of a stored tensor of a layer: "LAYER.part". */
const char *fw_build_part(struct fw_builder *b, const char *layer, const char *part);
/* A stored tensor under a complete name, float32. */
int fw_build_stored(struct fw_builder *b, const char *name, enum fw_kind kind, unsigned rank,
                    const int64_t *dims);
/* A given tensor of any type, as fw_constant. */
int fw_build_constant(struct fw_builder *b, const char *name, enum fw_dtype dtype, unsigned rank,
                      const int64_t *dims);
/* n given integers whose contents are known. */
typedef int64_t fw_build_value(const void *ctx, int64_t i);
int fw_build_integers(struct fw_builder *b, const char *name, int64_t n, fw_build_value *value,
                      const void *ctx);

/* ---- repetition (repeat.c) ---- */

/* A tensor of a graph around the current one as the current one sees it. */
int fw_build_reach(struct fw_builder *b, int x);
/* Of a tensor that every turn has its own of: the dims of all of them stacked (to FW_MAX_RANK + the
 * number of repetitions begun), and what a turn sees of it. */
unsigned fw_build_stack_dims(const struct fw_builder *b, unsigned rank, const int64_t *dims,
                             int64_t *ret);
int fw_build_slice(struct fw_builder *b, int stacked);

/* ---- nodes (node.c) ---- */

/* A node on its way: a row and its attributes. */
struct fw_build_node {
    struct fw_builder *b;
    const struct fw_op *op;
    struct fw_attr *attr; // (op->n_attrs), or NULL where it has none
};
struct fw_build_node fw_build_node(struct fw_builder *b, const char *domain, const char *op);
void fw_build_int(struct fw_build_node *n, const char *name, int64_t v);
void fw_build_ints(struct fw_build_node *n, const char *name, const int64_t *v, unsigned count);
void fw_build_float(struct fw_build_node *n, const char *name, double v);
void fw_build_text(struct fw_build_node *n, const char *name, const char *v);
void fw_build_graph(struct fw_build_node *n, const char *name, struct fw_graph *body);
/* Appends it under a name from fw_build_name; in: handles, -1 = left out. Gives the first output,
 * the others have the numbers after it. */
int fw_build_add(struct fw_build_node *n, const char *name, const int *in, unsigned n_in,
                 unsigned n_out);
/* A node without attributes: (op, inputs). */
int fw_build_plain(struct fw_builder *b, const char *op, const char *name, const int *in,
                   unsigned n_in);

/* ---- copies (copy.c) ---- */

/* to: fresh from fw_model_init. */
enum fw_status fw_model_copy(struct fw_model *to, const struct fw_model *from,
                             struct fw_error *err);

#endif
