/* Output files that appear whole or not at all: every file the library writes comes from here.
 *
 * Where the system has them (Linux, most file systems) what is written has no name until it is
 * whole, so that a program that ends in between leaves nothing, by whatever signal. Elsewhere it
 * stands beside the target under a name of its own until then. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1 // O_TMPFILE
#endif
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include "base/file.h"

#include "base/posix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_POSIX
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

struct fw_output {
    FILE *to;
    char *target;     // NULL when written directly
    char *temporary;  // a name beside target
    size_t name_room; // bytes of each of the two
    bool named;       // temporary stands in the folder
};

static void free_output(struct fw_output *out)
{
    const struct fw_alloc *alloc = &fw_alloc_default;
    fw_mem_resize(alloc, out->target, out->target != NULL ? out->name_room : 0, 0);
    fw_mem_resize(alloc, out->temporary, out->temporary != NULL ? out->name_room : 0, 0);
    fw_mem_resize(alloc, out, sizeof *out, 0);
}

static bool keep_names(struct fw_output *out, const char *target)
{
    size_t len = strlen(target);
    out->name_room = len + 48;
    out->target = fw_mem_resize(&fw_alloc_default, NULL, 0, out->name_room);
    out->temporary = fw_mem_resize(&fw_alloc_default, NULL, 0, out->name_room);
    errno = ENOMEM;
    if (out->target == NULL || out->temporary == NULL)
        return false;
    errno = 0;
    memcpy(out->target, target, len + 1);
    (void)snprintf(out->temporary, out->name_room, "%s.tmp", target);
    return true;
}

#if HAVE_POSIX
enum { TRIES = 100, MAX_LINKS = 40 };

static void name_temporary(struct fw_output *out, unsigned i)
{
    (void)snprintf(out->temporary, out->name_room, "%s.%ld-%u.tmp", out->target, (long)getpid(), i);
}

/* A file without a name in the target's folder, which can get one later; -1 where there is no such
 * thing. */
static int open_unnamed(const struct fw_output *out, mode_t mode)
{
#if defined(O_TMPFILE)
    char folder[PATH_MAX], link[48];
    const char *cut = strrchr(out->target, '/');
    int n = snprintf(folder, sizeof folder, "%.*s", cut != NULL ? (int)(cut - out->target) + 1 : 1,
                     cut != NULL ? out->target : ".");
    if (n < 0 || (size_t)n >= sizeof folder)
        return -1;
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (access(link, F_OK) == 0)
        return fd;
    (void)close(fd);
#else
    (void)out;
    (void)mode;
#endif
    return -1;
}

/* Under a name nobody has. */
static int open_named(struct fw_output *out, mode_t mode)
{
    int fd = -1;
    for (unsigned i = 0; i < TRIES; i++) {
        name_temporary(out, i);
        fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    out->named = fd >= 0;
    return fd;
}

static bool open_beside(struct fw_output *out, bool exists, mode_t mode)
{
    int fd = open_unnamed(out, mode);
    if (fd < 0)
        fd = open_named(out, mode);
    if (fd < 0)
        return false;
    if (exists)
        (void)fchmod(fd, mode); // the rights it had, whatever the umask
    out->to = fdopen(fd, "wb");
    if (out->to != NULL)
        return true;
    (void)close(fd);
    if (out->named)
        (void)remove(out->temporary);
    errno = ENOMEM;
    return false;
}

/* What would be made by opening a path at which there is nothing: links lead on to a name that is
 * still free. */
static bool follow_links(const char *path, char real[PATH_MAX])
{
    size_t len = strlen(path);
    errno = ENAMETOOLONG;
    if (len >= PATH_MAX)
        return false;
    memcpy(real, path, len + 1);
    for (unsigned i = 0; i < MAX_LINKS; i++) {
        char to[PATH_MAX];
        ssize_t n = readlink(real, to, sizeof to);
        if (n < 0)
            return errno == EINVAL || errno == ENOENT; // no link; nothing at all
        const char *cut = strrchr(real, '/');
        size_t folder = to[0] != '/' && cut != NULL ? (size_t)(cut - real) + 1 : 0;
        errno = ENAMETOOLONG;
        if (folder + (size_t)n >= PATH_MAX)
            return false;
        memcpy(real + folder, to, (size_t)n);
        real[folder + (size_t)n] = '\0';
    }
    errno = ELOOP;
    return false;
}

/* A link stays a link, whether there is something behind it or not. */
static bool open_target(struct fw_output *out, const char *path)
{
    struct stat st = {0};
    char real[PATH_MAX];
    bool exists = stat(path, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        out->to = fopen(path, "wb");
        return out->to != NULL;
    }
    if (exists && access(path, W_OK) != 0)
        return false;
    if (exists ? realpath(path, real) == NULL : !follow_links(path, real))
        return false;
    return keep_names(out, real) && open_beside(out, exists, exists ? st.st_mode & 0777 : 0666);
}

/* Gives the file its name. No signal comes between the two names. */
static bool give_name(struct fw_output *out)
{
    char link[48];
    sigset_t all, before;
    bool good = false;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fileno(out->to));
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    if (linkat(AT_FDCWD, link, AT_FDCWD, out->target, AT_SYMLINK_FOLLOW) == 0) {
        good = true;
    } else if (errno == EEXIST) {
        for (unsigned i = 0; i < TRIES && !out->named; i++) {
            name_temporary(out, i);
            out->named = linkat(AT_FDCWD, link, AT_FDCWD, out->temporary, AT_SYMLINK_FOLLOW) == 0;
            if (!out->named && errno != EEXIST)
                break;
        }
        good = out->named && rename(out->temporary, out->target) == 0;
    }
    int number = errno;
    if (!good && out->named)
        (void)remove(out->temporary);
    out->named = false;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return good;
}
#else
static bool open_target(struct fw_output *out, const char *path)
{
    if (!keep_names(out, path))
        return false;
    out->to = fopen(out->temporary, "wb");
    out->named = out->to != NULL;
    return out->named;
}

static bool give_name(struct fw_output *out)
{
    (void)out;
    return false; // all have one
}
#endif

static enum fw_status fail_write(struct fw_error *err, int number)
{
    if (number == ENOMEM)
        return fw_fail_memory(err);
    return fw_fail(err, FW_IO, -1, "cannot write: %s",
                   number != 0 ? strerror(number) : "input or output error");
}

enum fw_status fw_output_open(struct fw_output **ret, const char *path, struct fw_error *err)
{
    *ret = NULL;
    struct fw_output *out = fw_mem_resize(&fw_alloc_default, NULL, 0, sizeof *out);
    if (out == NULL)
        return fw_fail_memory(err);
    *out = (struct fw_output){.to = NULL};
    errno = 0;
    if (strcmp(path, "-") == 0) {
        out->to = stdout; // layers: allow path "-" is standard output by contract
    } else if (!open_target(out, path)) {
        enum fw_status status = fail_write(err, errno);
        free_output(out);
        return status;
    }
    *ret = out;
    return FW_OK;
}

enum fw_status fw_output_write(struct fw_output *out, const void *data, size_t n,
                               struct fw_error *err)
{
    errno = 0;
    if (n > 0 && fwrite(data, 1, n, out->to) != n)
        return fail_write(err, errno);
    return FW_OK;
}

static bool close_stream(struct fw_output *out)
{
    // the caller goes on using standard output
    return out->to == stdout || fclose(out->to) == 0; // layers: allow as above
}

enum fw_status fw_output_commit(struct fw_output *out, struct fw_error *err)
{
    errno = 0;
    bool good = fflush(out->to) == 0 && !ferror(out->to);
    if (good && out->target != NULL && !out->named)
        good = give_name(out);
    int number = errno;
    if (!close_stream(out) && good) {
        good = false;
        number = errno;
    }
    if (good && out->named) {
        good = rename(out->temporary, out->target) == 0;
        number = errno;
    }
    if (!good && out->named)
        (void)remove(out->temporary);
    enum fw_status status = good ? FW_OK : fail_write(err, number);
    free_output(out);
    return status;
}

void fw_output_abandon(struct fw_output *out)
{
    if (out == NULL)
        return;
    (void)fflush(out->to);
    (void)close_stream(out);
    if (out->named)
        (void)remove(out->temporary);
    free_output(out);
}
