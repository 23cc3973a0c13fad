/* Input files mapped or read whole.
 *
 * Where there is no mmap (or the input is a pipe) stdio alone is used. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include "base/file.h"

#include "base/limits.h"
#include "base/posix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_POSIX
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif
#endif

#define RANDOM_ACCESS_BYTES ((size_t)256 << 20) // larger files are mostly weights, to be skipped

static enum fw_status fail_system(struct fw_error *err, const char *what, int number)
{
    return fw_fail(err, FW_IO, -1, "%s: %s", what,
                   number ? strerror(number) : "input or output error");
}

/* Reads to the end of in. */
static enum fw_status read_all(struct fw_file *ret, FILE *in, size_t limit_bytes,
                               struct fw_error *err)
{
    unsigned char *data = NULL;
    size_t size = 0, cap = 0;
    enum fw_status status = FW_OK;
    for (;;) {
        if (size == cap) {
            size_t larger = cap ? cap * 2 : (size_t)64 << 10;
            void *grown = larger > cap ? fw_mem_resize(ret->alloc, data, cap, larger) : NULL;
            if (!grown) {
                status = fw_fail_memory(err);
                break;
            }
            data = grown;
            cap = larger;
        }
        errno = 0;
        size_t n = fread(data + size, 1, cap - size, in);
        size += n;
        if (limit_bytes && size > limit_bytes) {
            status = fw_fail(err, FW_LIMIT, -1, "input is larger than the limit of %zu bytes",
                             limit_bytes);
            break;
        }
        if (size > fw_most(ret->alloc, FW_MOST_stream)) {
            status = fw_limit_fail(ret->alloc, FW_MOST_stream, -1, err);
            break;
        }
        if (n == 0) {
            if (ferror(in))
                status = fail_system(err, "cannot read", errno);
            break;
        }
    }
    if (status == FW_OK && size > 0) { // exact size, so that close knows what to give back
        void *exact = fw_mem_resize(ret->alloc, data, cap, size);
        if (exact) {
            ret->data = exact;
            ret->size = size;
            return FW_OK;
        }
        status = fw_fail_memory(err);
    }
    (void)fw_mem_resize(ret->alloc, data, cap, 0);
    return status;
}

#if HAVE_POSIX
/* Maps fd when it is a regular file with content; *ret_done says whether ret is complete. */
static enum fw_status map_regular(struct fw_file *ret, int fd, bool *ret_done, struct fw_error *err)
{
    struct stat st = {0};
    if (fstat(fd, &st) != 0)
        return fail_system(err, "cannot read", errno);
    if (S_ISDIR(st.st_mode))
        return fail_system(err, "cannot read", EISDIR);
    if (!S_ISREG(st.st_mode) || st.st_size <= 0)
        return FW_OK; // pipes, devices, and files like those in /proc that state no size
    FW_WITHIN(ret->alloc, FW_MOST_file, st.st_size, -1, err);
    if ((uintmax_t)st.st_size > PTRDIFF_MAX)
        return fw_fail(err, FW_LIMIT, -1, "file is larger than the address space");
    size_t size = (size_t)st.st_size;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return FW_OK; // some file systems cannot map: read it instead
    if (size > RANDOM_ACCESS_BYTES)
        (void)madvise(data, size, MADV_RANDOM);
    ret->data = data;
    ret->size = size;
    ret->mapped = 1;
    *ret_done = true;
    return FW_OK;
}

/* A path whose links were followed before: none may stand in it now. Does not wait, as opening a
 * pipe would. */
static int open_resolved(const char *path)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
#if defined(__linux__) && defined(SYS_openat2)
    struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return (int)fd;
#endif
    return open(path, flags | O_NOFOLLOW);
}

static enum fw_status open_path(struct fw_file *ret, const char *path, bool resolved,
                                size_t limit_bytes, struct fw_error *err)
{
    int fd = resolved ? open_resolved(path) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {0};
    if (fd < 0)
        return fail_system(err, "cannot open", errno);
    bool done = false;
    enum fw_status status = map_regular(ret, fd, &done, err);
    if (status == FW_OK && resolved && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)))
        status = fw_fail(err, FW_FORMAT, -1, "a regular file is wanted");
    if (status != FW_OK || done) {
        (void)close(fd);
        return status;
    }
    FILE *in = fdopen(fd, "rb");
    if (!in) {
        (void)close(fd);
        return fw_fail_memory(err);
    }
    status = read_all(ret, in, limit_bytes, err);
    (void)fclose(in);
    return status;
}
#else
static enum fw_status open_path(struct fw_file *ret, const char *path, bool resolved,
                                size_t limit_bytes, struct fw_error *err)
{
    (void)resolved;
    errno = 0;
    FILE *in = fopen(path, "rb");
    if (!in)
        return fail_system(err, "cannot open", errno);
    enum fw_status status = read_all(ret, in, limit_bytes, err);
    (void)fclose(in);
    return status;
}
#endif

enum fw_status fw_file_open(struct fw_file *ret, const char *path, size_t limit_bytes,
                            const struct fw_alloc *alloc, struct fw_error *err)
{
    *ret = (struct fw_file){.alloc = alloc};
    if (strcmp(path, "-") == 0)
        return read_all(ret, stdin, limit_bytes, err);
    return open_path(ret, path, false, limit_bytes, err);
}

enum fw_status fw_file_open_resolved(struct fw_file *ret, const char *path,
                                     const struct fw_alloc *alloc, struct fw_error *err)
{
    *ret = (struct fw_file){.alloc = alloc};
    return open_path(ret, path, true, 0, err);
}

void fw_file_close(struct fw_file *file)
{
    if (!file || !file->data)
        return;
    union {
        const unsigned char *read_only;
        unsigned char *owned;
    } data = {file->data};
#if HAVE_POSIX
    if (file->mapped)
        (void)munmap(data.owned, file->size);
    else
#endif
        (void)fw_mem_resize(file->alloc, data.owned, file->size, 0);
    file->data = NULL;
    file->size = 0;
    file->mapped = 0;
}
