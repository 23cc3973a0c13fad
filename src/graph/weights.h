/* What weight files say about the tensors they hold: names, shapes, storage; never their contents.
 *
 * A checkpoint may stand in several files (shards) and pack several parameters into one element, so
 * a stored tensor has both numbers: elements as they are stored and parameters as they are meant.
 */
#ifndef FW_GRAPH_WEIGHTS_H
#define FW_GRAPH_WEIGHTS_H

#include "base/map.h"
#include "graph/dtype.h"

struct fw_storage {
    const char *name; // "BF16", "Q4_K"
    uint16_t block;   // elements that stand together ...
    uint16_t bytes;   // ... and what they take
    uint8_t dtype;    // enum fw_dtype; FW_PACKED: only whole blocks mean something
    int8_t ggml;      // number in GGUF, or -1
};

extern const struct fw_storage fw_storages[]; // storage.def
extern const unsigned fw_n_storages;
const struct fw_storage *fw_storage_find(const char *name); // NULL when unknown
const struct fw_storage *fw_storage_of_ggml(uint32_t number);

enum fw_stored_role {
    FW_STORED_PARAM,  // parameters, one per element or packed
    FW_STORED_BUFFER, // frequencies, masks, running statistics
    FW_STORED_SCALES, // what unpacking a quantised tensor needs
    FW_STORED_OTHER,  // integers and truth values of no known use
    FW_N_STORED_ROLES
};
extern const char *const fw_stored_roles[FW_N_STORED_ROLES]; // "parameters"

struct fw_stored {
    const char *name;
    const int64_t *dims; // (rank), slowest first
    const struct fw_storage *storage;
    const char *scheme; // how parameters are packed ("gptq"), NULL: each element is one
    int64_t elements;   // as stored
    int64_t params;     // parameters it stands for; 0 unless role is FW_STORED_PARAM, -1: the
                        // header does not tell
    int64_t bytes;
    int64_t at;    // byte offset of its data in its file
    int64_t holds; // of a tensor that holds a shape: the product; else -1
    uint32_t file;
    uint32_t of; // of scales: the tensor they are for, or UINT32_MAX
    uint8_t rank;
    uint8_t role; // enum fw_stored_role
};

/* A tensor that the network and the files do not agree about; the last kinds do no harm. */
enum fw_misfit_kind {
    FW_MISFIT_MISSING,
    FW_MISFIT_EXTRA,
    FW_MISFIT_SHAPE,
    FW_MISFIT_BUFFER, // more than the network has, known to be no parameter
    FW_MISFIT_COPY,   // a tied table that is stored twice
    FW_N_MISFITS
};
struct fw_misfit {
    enum fw_misfit_kind kind;
    const char *name;
    const char *expected; // shape that the network gives it, or NULL
    const char *found;    // shape in the file, or NULL
};

struct fw_weight_file {
    const char *name; // as the user or the index names it
    int64_t bytes;
};

struct fw_weights {
    struct fw_stored *tensors; // (n), in the order of the files
    uint32_t n, cap;
    struct fw_weight_file *files; // (n_files)
    uint32_t n_files, cap_files;
    struct fw_map by_name;
    bool checked; // against a network that a description beside them gave
    struct fw_misfit *misfits;
    uint32_t n_misfits;
    uint32_t n_harmless; // of them
    uint32_t n_expected; // parameters of the network, as tensors of the files
};

#endif
