/* Giving up rights: for programs that read files from strangers. */
#ifndef FW_BASE_SANDBOX_H
#define FW_BASE_SANDBOX_H

#include "base/err.h"

/* From now on and for good this process opens nothing but files for reading beneath the folders
 * `read` (n_read) and the system's locales, gives names to files beneath the folder `write` (NULL:
 * nowhere), has no network and starts no program. What is open stays open. To be called before
 * there are other threads. Errors: FW_UNSUPPORTED where the kernel has no Landlock or no seccomp,
 * FW_IO for a folder. */
enum fw_status fw_sandbox_enter(const char *const *read, size_t n_read, const char *write,
                                struct fw_error *err);

#endif
