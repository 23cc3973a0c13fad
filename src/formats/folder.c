/* What a folder holds; see folder.h. The names are those that transformers, diffusers, llama.cpp
 * and optimum write. */
#include "formats/folder.h"

#include "base/folder.h"
#include "base/glob.h"
#include "formats/formats.h"
#include "formats/safetensors.h"

#include <string.h>

/* ---- parts ---- */

static size_t digits(const char *s, uint32_t *ret)
{
    size_t n = 0;
    uint64_t v = 0;
    for (; s[n] >= '0' && s[n] <= '9' && n < 9; n++)
        v = v * 10 + (uint64_t)(s[n] - '0');
    *ret = (uint32_t)v;
    return n;
}

bool fw_part_name(const char *name, uint32_t *ret_part, uint32_t *ret_parts, size_t *ret_stem)
{
    static const char of[] = "-of-";
    const char *p = NULL;
    for (const char *q = strstr(name, of); q != NULL; q = strstr(q + 1, of))
        p = q;
    if (p == NULL)
        return false;
    const char *number = p;
    while (number > name && number[-1] >= '0' && number[-1] <= '9')
        number--;
    bool marked = number > name && (number[-1] == '-' || number[-1] == '_');
    size_t n = digits(number, ret_part);
    size_t m = digits(p + sizeof of - 1, ret_parts);
    *ret_stem = (size_t)(number - name);
    return marked && n > 0 && number + n == p && m > 0 && p[sizeof of - 1 + m] == '.' &&
           *ret_part >= 1 && *ret_part <= *ret_parts;
}

/* Whether b is a part of the same whole as a. */
static bool same_whole(const char *a, const char *b)
{
    uint32_t i, k, n, m;
    size_t s, t;
    return fw_part_name(a, &i, &n, &s) && fw_part_name(b, &k, &m, &t) && n == m && s == t &&
           memcmp(a, b, s) == 0;
}

/* ---- choosing ---- */

struct listing {
    const char **names; // (n)
    uint32_t n;
};

static bool is_hidden(const char *name)
{
    return name[0] == '.';
}

/* The one file that fits the pattern, or the first part of the one whole. NULL: none; *ret_many:
 * there are several and no telling which. */
static const char *the_one(const struct listing *l, const char *pattern, bool *ret_many)
{
    const char *first = NULL;
    for (uint32_t i = 0; i < l->n; i++) {
        if (is_hidden(l->names[i]) || !fw_glob(pattern, l->names[i]))
            continue;
        if (first == NULL)
            first = l->names[i];
        else if (!same_whole(first, l->names[i]))
            *ret_many = true;
    }
    return *ret_many ? NULL : first;
}

static const char *const weight_patterns[] = {
    "model.safetensors.index.json",
    "model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors",
    "*.safetensors.index.json",
    "*.safetensors",
};
enum { N_WEIGHTS = sizeof weight_patterns / sizeof *weight_patterns };

/* The first pattern that fits decides. */
static const char *choose(const struct listing *l, const char *const *patterns, unsigned n,
                          const char **ret_open)
{
    for (unsigned i = 0; i < n; i++) {
        bool many = false;
        const char *name = the_one(l, patterns[i], &many);
        if (name != NULL)
            return name;
        if (many) {
            *ret_open = patterns[i];
            return NULL;
        }
    }
    return NULL;
}

enum fw_status fw_folder_main(const char *folder, struct fw_arena *arena, const char **ret,
                              struct fw_error *err)
{
    static const char *const config = "config.json";
    static const char *const others[] = {"*.gguf", "model.onnx", "*.onnx"};
    struct listing l;
    const char *open = NULL;
    FW_TRY(fw_folder_list(folder, arena, &l.names, &l.n, err));
    *ret = fw_format_takes(config) ? choose(&l, &config, 1, &open) : NULL;
    if (*ret == NULL)
        *ret = choose(&l, weight_patterns, N_WEIGHTS, &open);
    if (*ret == NULL && open == NULL)
        *ret = choose(&l, others, sizeof others / sizeof *others, &open);
    FW_REQUIRE(open == NULL, err, FW_UNSUPPORTED,
               "the folder holds several files '%s': name the one that is meant", open);
    FW_REQUIRE(*ret != NULL, err, FW_UNSUPPORTED,
               "a folder with a model is wanted (config.json, *.safetensors, *.gguf, *.onnx), this "
               "one holds none");
    return FW_OK;
}

/* ---- weights beside a description ---- */

static enum fw_status read_parts(struct fw_model *m, const struct listing *l, const char *first,
                                 struct fw_error *err)
{
    uint32_t part, parts, n = 0;
    size_t stem;
    if (!fw_part_name(first, &part, &parts, &stem))
        return fw_safetensors_shard(m, first, NULL, err);
    for (uint32_t i = 0; i < l->n; i++)
        if (same_whole(first, l->names[i]) && fw_glob("*.safetensors", l->names[i])) {
            FW_TRY(fw_safetensors_shard(m, l->names[i], NULL, err));
            n++;
        }
    FW_REQUIRE(n == parts, err, FW_IO, "%u of the %u parts of '%.100s' are there", n, parts, first);
    return FW_OK;
}

static enum fw_status read_weights(struct fw_model *m, const struct listing *l, const char *name,
                                   struct fw_error *err)
{
    if (!fw_glob("*.json", name))
        return read_parts(m, l, name, err);
    struct fw_file index;
    enum fw_status status = fw_folder_open(&index, m->folder, name, m->alloc, err);
    if (status == FW_OK)
        status = fw_safetensors_index(m, index.data, index.size, err);
    fw_file_close(&index);
    if (status != FW_OK)
        fw_error_prefix(err, "%.100s: ", name);
    return status;
}

enum fw_status fw_folder_weights(struct fw_model *m, struct fw_error *err)
{
    struct listing l;
    const char *open = NULL;
    FW_TRY(fw_folder_list(m->folder, &m->arena, &l.names, &l.n, err));
    const char *name = choose(&l, weight_patterns, N_WEIGHTS, &open);
    FW_REQUIRE(open == NULL, err, FW_UNSUPPORTED,
               "the folder holds several files '%s': name the config.json or the one that is meant",
               open);
    if (name == NULL)
        return FW_OK;
    FW_TRY(read_weights(m, &l, name, err));
    FW_TRY(fw_weights_roles(m, err));
    return m->graph.n_nodes > 0 ? fw_weights_check(m, NULL, NULL, err) : FW_OK;
}
