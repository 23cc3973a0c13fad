/* Which folders models and the output still need once they are open. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE 1 // realpath
#endif
#include "api/net.h"

#include "base/folder.h"
#include "base/glob.h"
#include "base/sandbox.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NETS = 16 };

/* An index or the first of several parts names further files, a folder holds them. */
static bool needs_folder(const struct fw_net *net)
{
    return net->folder != NULL &&
           (net->whole_folder || fw_glob("*.json", net->path) || fw_glob("*.gguf", net->path));
}

static enum fw_status enter(struct fw_net *const *nets, size_t n, const char *output,
                            struct fw_arena *arena, struct fw_error *err)
{
    const char *read[2 * MAX_NETS], *write = NULL;
    size_t n_read = 0;
    FW_REQUIRE(n <= MAX_NETS, err, FW_LIMIT, "a sandbox for more than %d models", MAX_NETS);
    for (size_t i = 0; i < n; i++) {
        if (!needs_folder(nets[i]))
            continue;
        read[n_read++] = nets[i]->folder;
        if (!fw_glob("*/snapshots/*", nets[i]->folder))
            continue; // else a Hugging Face cache, whose files are links into the blobs beside
        read[n_read] = fw_arena_printf(arena, "%s/../../blobs", nets[i]->folder);
        if (read[n_read++] == NULL)
            return fw_fail_memory(err);
    }
    if (output != NULL && strcmp(output, "-") != 0) {
        write = fw_folder_of(output, arena);
        if (write == NULL)
            return fw_fail_memory(err);
    }
    return fw_sandbox_enter(read, n_read, write, err);
}

enum fw_status fw_sandbox(struct fw_net *const *nets, size_t n, const char *output,
                          struct fw_error *err)
{
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    char *real = NULL;
#if (defined(__unix__) || defined(__APPLE__)) && !defined(__EMSCRIPTEN__)
    if (output != NULL)
        real = realpath(output, NULL); // where a link leads
#endif
    enum fw_status status = enter(nets, n, real != NULL ? real : output, &arena, err);
    free(real);
    fw_arena_clear(&arena);
    return status;
}
