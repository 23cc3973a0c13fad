/* Arrays of numpy (.npy, and .npz without compression), and of safetensors: what goes into a
 * network that is run and comes out of it. */
#ifndef FW_FORMATS_NPY_H
#define FW_FORMATS_NPY_H

#include "base/arena.h"
#include "base/err.h"
#include "graph/dtype.h"

#include <stdbool.h>

enum { FW_ARRAY_RANK = 16 };

struct fw_array {
    const char *name;          // of a member of an archive; "" of a single array
    const unsigned char *data; // little-endian, row-major, in the file
    size_t bytes;
    enum fw_dtype dtype;
    unsigned rank;
    int64_t dims[FW_ARRAY_RANK];
};

/* All arrays of a file's contents (.npy, .npz, .safetensors or a TensorProto, told apart by
 * content). The list is in the arena, the data stay where they are. Errors: FW_FORMAT,
 * FW_UNSUPPORTED (compressed, Fortran order, other types), FW_MEMORY; the list then ends with the
 * array that is refused. */
enum fw_status fw_arrays_read(const unsigned char *data, size_t size, struct fw_arena *arena,
                              struct fw_array **ret, size_t *ret_n, struct fw_error *err);

/* Writes arrays as .npz, or as .safetensors. */
enum fw_status fw_arrays_write_npz(struct fw_output *out, const struct fw_array *arrays, size_t n,
                                   struct fw_error *err);
enum fw_status fw_arrays_write_safetensors(struct fw_output *out, const struct fw_array *arrays,
                                           size_t n, const struct fw_alloc *alloc,
                                           struct fw_error *err);

#endif
