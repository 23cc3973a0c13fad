/* The files of one folder, which names from a model file may not leave.
 *
 * Where there is no file system to list (or no symbolic links to follow) only plain names are
 * opened. */
#ifndef FW_BASE_FOLDER_H
#define FW_BASE_FOLDER_H

#include "base/file.h"

#include <stdbool.h>

bool fw_is_folder(const char *path);
/* The folder a file stands in: "." for a plain name. NULL = out of memory. */
const char *fw_folder_of(const char *path, struct fw_arena *arena);
/* Names of the regular files in it, sorted. Errors: FW_IO, FW_LIMIT, FW_MEMORY. */
enum fw_status fw_folder_list(const char *path, struct fw_arena *arena, const char ***ret,
                              uint32_t *ret_n, struct fw_error *err);
/* The path, without symbolic links, of what a model file names. FW_FORMAT for a name that leads out
 * of the folder: one with '..' or from the root, or through a symbolic link, judged after the whole
 * path is resolved. A snapshot in a Hugging Face cache (.../snapshots/REVISION) may link into the
 * blobs beside it. Errors: FW_IO, FW_MEMORY. */
enum fw_status fw_folder_resolve(const char *folder, const char *name, struct fw_arena *arena,
                                 const char **ret, struct fw_error *err);
/* Opens it. Other errors: those of fw_file_open. */
enum fw_status fw_folder_open(struct fw_file *ret, const char *folder, const char *name,
                              const struct fw_alloc *alloc, struct fw_error *err);

#endif
