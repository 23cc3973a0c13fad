/* Listing a folder and opening what stands in it; see folder.h. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1
#endif
#include "base/folder.h"

#include "base/limits.h"
#include "base/posix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_POSIX
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#else
enum { PATH_MAX = 4096 };
#endif

const char *fw_folder_of(const char *path, struct fw_arena *arena)
{
    const char *cut = strrchr(path, '/');
    if (cut == NULL)
        return ".";
    return cut == path ? "/" : fw_arena_strndup(arena, path, (size_t)(cut - path));
}

/* Whether a name stays below where it starts, by its words alone. */
static bool is_inside(const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return false;
    for (const char *p = name; *p != '\0'; p += *p == '/') {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += n;
    }
    return true;
}

static enum fw_status fail_outside(const char *name, struct fw_error *err)
{
    return fw_fail(err, FW_FORMAT, -1,
                   "'%.200s' leads out of the folder of the file that names it: it is not opened",
                   name);
}

#if HAVE_POSIX
bool fw_is_folder(const char *path)
{
    struct stat st = {0};
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_file(const char *path, const char *name)
{
    char whole[PATH_MAX];
    struct stat st = {0};
    int n = snprintf(whole, sizeof whole, "%s/%s", path, name);
    return n > 0 && (size_t)n < sizeof whole && stat(whole, &st) == 0 && S_ISREG(st.st_mode);
}

static enum fw_status read_names(DIR *dir, const char *path, struct fw_arena *arena,
                                 const char ***ret, uint32_t *ret_n, struct fw_error *err)
{
    uint32_t n = 0, cap = 0;
    const char **names = NULL;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) { // our own: no other thread has it
        if (!is_file(path, e->d_name))
            continue;
        FW_WITHIN(arena->alloc, FW_MOST_files, (uint64_t)n + 1, -1, err);
        if (n == cap) {
            cap = cap != 0 ? 2 * cap : 32;
            const char **more = fw_arena_array(arena, cap, sizeof *more);
            if (more == NULL)
                return fw_fail_memory(err);
            if (n > 0)
                memcpy(more, names, n * sizeof *more);
            names = more;
        }
        names[n] = fw_arena_strndup(arena, e->d_name, strlen(e->d_name));
        if (names[n++] == NULL)
            return fw_fail_memory(err);
    }
    if (n > 0)
        qsort(names, n, sizeof *names, by_name);
    *ret = names;
    *ret_n = n;
    return FW_OK;
}

enum fw_status fw_folder_list(const char *path, struct fw_arena *arena, const char ***ret,
                              uint32_t *ret_n, struct fw_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return fw_fail(err, FW_IO, -1, "cannot list: %s", strerror(errno));
    enum fw_status status = read_names(dir, path, arena, ret, ret_n, err);
    (void)closedir(dir);
    return status;
}

static bool starts_with_folder(const char *path, const char *folder, size_t len)
{
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || (len == 1 && folder[0] == '/'));
}

/* "ROOT/snapshots/REVISION" may link to "ROOT/blobs/...". */
static bool is_cache_blob(const char *path, const char *folder)
{
    static const char snapshots[] = "/snapshots", blobs[] = "/blobs";
    const char *revision = strrchr(folder, '/');
    size_t len = revision != NULL ? (size_t)(revision - folder) : 0, n = sizeof snapshots - 1;
    if (len < n || strncmp(revision - n, snapshots, n) != 0)
        return false;
    len -= n;
    return strncmp(path, folder, len) == 0 &&
           starts_with_folder(path + len, blobs, sizeof blobs - 1);
}

static enum fw_status resolve(const char *folder, const char *name, char path[PATH_MAX],
                              struct fw_error *err)
{
    char root[PATH_MAX], whole[PATH_MAX];
    if (!is_inside(name))
        return fail_outside(name, err);
    int n = snprintf(whole, sizeof whole, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof whole)
        return fw_fail(err, FW_IO, -1, "cannot open: %s", strerror(ENAMETOOLONG));
    if (realpath(folder, root) == NULL || realpath(whole, path) == NULL)
        return fw_fail(err, FW_IO, -1, "cannot open: %s", strerror(errno));
    if (!starts_with_folder(path, root, strlen(root)) && !is_cache_blob(path, root))
        return fail_outside(name, err);
    return FW_OK;
}

#else
bool fw_is_folder(const char *path)
{
    (void)path;
    return false;
}

enum fw_status fw_folder_list(const char *path, struct fw_arena *arena, const char ***ret,
                              uint32_t *ret_n, struct fw_error *err)
{
    (void)path, (void)arena, (void)ret, (void)ret_n;
    return fw_fail(err, FW_IO, -1, "folders cannot be listed on this system");
}

static enum fw_status resolve(const char *folder, const char *name, char path[PATH_MAX],
                              struct fw_error *err)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    bool inside = is_inside(name) && strchr(name, '/') == NULL && n > 0 && n < PATH_MAX;
    return inside ? FW_OK : fail_outside(name, err);
}
#endif

enum fw_status fw_folder_resolve(const char *folder, const char *name, struct fw_arena *arena,
                                 const char **ret, struct fw_error *err)
{
    char path[PATH_MAX];
    FW_TRY(resolve(folder, name, path, err));
    *ret = fw_arena_strndup(arena, path, strlen(path));
    return *ret != NULL ? FW_OK : fw_fail_memory(err);
}

enum fw_status fw_folder_open(struct fw_file *ret, const char *folder, const char *name,
                              const struct fw_alloc *alloc, struct fw_error *err)
{
    char path[PATH_MAX];
    *ret = (struct fw_file){.alloc = alloc};
    FW_TRY(resolve(folder, name, path, err));
    return fw_file_open_resolved(ret, path, alloc, err);
}
