#define _POSIX_C_SOURCE 200809L
#include "engine/peak_cache.h"

#include "base/arena.h"
#include "base/tsv.h"
#include "engine/dnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PATH = 1024, MAX_FILE = 2048 };

/* The folder, made where it is missing; false when there is no home. */
static bool folder(char ret[MAX_PATH], bool make)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (cache != NULL && cache[0] == '/') // the standard wants absolute paths
        n = snprintf(ret, MAX_PATH, "%s", cache);
    else if (home != NULL && home[0] == '/')
        n = snprintf(ret, MAX_PATH, "%s/.cache", home);
    if (n < 0 || n >= MAX_PATH - 64)
        return false;
    if (make)
        (void)mkdir(ret, 0700);
    (void)snprintf(ret + n, MAX_PATH - (size_t)n, "/flopwise");
    if (make)
        (void)mkdir(ret, 0755);
    return true;
}

/* What the figures depend on, as the first row of the file. */
static void key_of(const struct fw_machine *m, const struct fw_peak *p, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s, %u cores, gemm %s", m->name[0] != '\0' ? m->name : "unknown",
                   p->cores, fw_dnn_version());
}

static bool file_of(const char *key, char ret[MAX_PATH], bool make)
{
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (const char *c = key; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    if (!folder(ret, make))
        return false;
    size_t n = strlen(ret);
    (void)snprintf(ret + n, MAX_PATH - n, "/peak-%016llx.tsv", (unsigned long long)hash);
    return true;
}

static bool read_rows(const char *text, const char *key, struct fw_peak *ret)
{
    struct fw_tsv_cell cell[3];
    unsigned found = 0;
    if (fw_tsv_row(&text, cell, 3) != 1 || !fw_tsv_is(&cell[0], key))
        return false;
    while (fw_tsv_row(&text, cell, 3) == 3)
        for (unsigned k = 0; k < FW_N_PEAKS; k++)
            if (fw_tsv_is(&cell[0], fw_peak_names[k]) &&
                fw_tsv_number(&cell[1], &ret->rate[k][FW_ONE_CORE]) &&
                fw_tsv_number(&cell[2], &ret->rate[k][FW_ALL_CORES]))
                found++;
    return found == FW_N_PEAKS;
}

bool fw_peak_load(const struct fw_machine *m, struct fw_peak *ret)
{
    char key[160], path[MAX_PATH], text[MAX_FILE];
    struct fw_peak kept = {.cores = ret->cores, .cached = true};
    key_of(m, ret, key, sizeof key);
    FILE *f = file_of(key, path, false) ? fopen(path, "r") : NULL;
    if (f == NULL)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    if (!read_rows(text, key, &kept))
        return false;
    *ret = kept;
    return true;
}

void fw_peak_store(const struct fw_machine *m, const struct fw_peak *p)
{
    char key[160], path[MAX_PATH], text[MAX_FILE];
    struct fw_output *out;
    key_of(m, p, key, sizeof key);
    int n = snprintf(text, sizeof text, "%s\n", key);
    for (unsigned k = 0; k < FW_N_PEAKS; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\t%llu\t%llu\n", fw_peak_names[k],
                      (unsigned long long)p->rate[k][FW_ONE_CORE],
                      (unsigned long long)p->rate[k][FW_ALL_CORES]);
    if (!file_of(key, path, true) || fw_output_open(&out, path, NULL) != FW_OK)
        return;
    if (fw_output_write(out, text, (size_t)n, NULL) == FW_OK)
        (void)fw_output_commit(out, NULL);
    else
        fw_output_abandon(out);
}
