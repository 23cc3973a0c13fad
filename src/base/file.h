/* A file as a read-only view of bytes: mapped where possible, read whole for pipes and "-". */
#ifndef FW_BASE_FILE_H
#define FW_BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct fw_file {
    const unsigned char *data; // may be NULL when size is 0
    size_t size;               // bytes
    const struct fw_alloc *alloc;
    int mapped; // data comes from mmap and not from alloc
};

/* path "-" reads standard input. limit_bytes: larger input is FW_LIMIT (0: only the limits `stream`
 * and `file` hold); a mapped file costs no memory and is not limited by it. Errors: FW_IO with the
 * system's words, FW_LIMIT, FW_MEMORY. Directories and unreadable files are FW_IO. The mapping gets
 * MADV_RANDOM when larger than 256 MiB, since most of such a file is weights, which readers skip.
 */
enum fw_status fw_file_open(struct fw_file *ret, const char *path, size_t limit_bytes,
                            const struct fw_alloc *alloc, struct fw_error *err);
/* A path without symbolic links, as realpath gives it: one that has come in between is not followed
 * where the system can say so. FW_FORMAT for anything but a regular file, which it never waits
 * for. */
enum fw_status fw_file_open_resolved(struct fw_file *ret, const char *path,
                                     const struct fw_alloc *alloc, struct fw_error *err);
void fw_file_close(struct fw_file *file); // NULL-safe, may be called twice

/* Output that appears whole or not at all is public: fw_output_open and the others (output.c). */

#endif
