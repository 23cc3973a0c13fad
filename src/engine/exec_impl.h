/* Inside of the simple executor: exec.c holds tensors, exec_node.c executes nodes. */
#ifndef FW_ENGINE_EXEC_IMPL_H
#define FW_ENGINE_EXEC_IMPL_H

#include "engine/exec.h"

struct slot {
    struct fw_buffer v;
    size_t bytes; // of own memory at v.data; 0: none, or another tensor's
    bool given;
};

/* A body's executor. */
struct child {
    struct fw_exec *exec;
    struct child *next;
};

struct fw_exec {
    struct fw_graph *g;
    struct fw_exec_options o;
    struct slot *slots;      // (n)
    struct fw_tensor *saved; // (n) the graph's tensors as they were
    bool *dynamic;           // (n_nodes) infer again with the sizes at hand
    uint32_t n, n_nodes;
    struct fw_arena scratch; // of one node
    struct fw_arena made;    // values that are no tensor's: until the next run of the graph
    struct child *children;
    uint64_t *random;
    uint64_t own_random;
    int64_t step;
};

bool fw_exec_constant(const struct fw_tensor *t); // its shape is known, or it has none
void fw_exec_dims(const struct fw_tensor *t, int64_t *ret);
/* Sizes of a value in this executor's build. */
enum fw_status fw_exec_shape(struct fw_exec *e, struct fw_buffer *v, enum fw_dtype dtype,
                             unsigned rank, const int64_t *dims, size_t *ret_bytes,
                             struct fw_error *err);
/* Memory of this shape for a tensor; what it has is used again. */
enum fw_status fw_exec_room(struct fw_exec *e, uint32_t id, unsigned rank, const int64_t *dims,
                            struct fw_error *err);
void fw_exec_drop(struct fw_exec *e, uint32_t id); // frees a tensor's own memory
/* The graph learns the sizes that a tensor really has. */
enum fw_status fw_exec_tell(struct fw_exec *e, uint32_t id, unsigned rank, const int64_t *dims,
                            struct fw_error *err);
/* Contents that inference knows: whether they are numbers, none of which is a letter; and these. */
bool fw_exec_known(struct fw_exec *e, const fw_dim *value, size_t n);
void fw_exec_put(struct fw_exec *e, const fw_dim *value, struct fw_buffer *v);

#endif
