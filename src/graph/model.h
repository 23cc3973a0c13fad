/* A model: one graph and everything that must live as long as it. */
#ifndef FW_GRAPH_MODEL_H
#define FW_GRAPH_MODEL_H

#include "base/file.h"
#include "graph/graph.h"
#include "graph/weights.h"

#define FW_MODEL_OPSETS 16

struct fw_opset {
    const char *domain; // "" for ai.onnx
    int64_t version;
};

struct fw_model {
    const struct fw_alloc *alloc;
    struct fw_arena arena; // names, dims, attributes, decoded data
    struct fw_symbols *sym;
    struct fw_graph graph;
    struct fw_file file;  // stays open: names and small tensors point into it
    const char *path;     // as given
    const char *format;   // "onnx", "onnx-text", ...
    const char *producer; // program that wrote the file, may be NULL
    int64_t ir_version;   // 0 where the format has none
    struct fw_opset opsets[FW_MODEL_OPSETS];
    unsigned n_opsets;
    struct fw_weights *weights; // what its weight files hold, or NULL
    const char *folder;         // where its other files may be opened, or NULL: nowhere
    bool whole_folder;          // it was given as a folder: the weights in it are its own
    const char *no_network;     // there are weights only: why nothing says what is done with them
    bool bare;                  // readers of descriptions leave the model's head out
    bool further;               // and build the layers that predict further words (MTP) besides
    uint32_t n_further;         // how many such layers the description has, built or not
};

/* Where the list of weight files is filled (formats/weights.h); NULL = out of memory. */
struct fw_weights *fw_model_weights(struct fw_model *m);
/* Empty; limits are those of the allocator. Errors: FW_MEMORY. */
enum fw_status fw_model_init(struct fw_model *m, const struct fw_alloc *alloc,
                             struct fw_error *err);
void fw_model_clear(struct fw_model *m); // NULL-safe

#endif
