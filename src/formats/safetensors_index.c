/* A model in several safetensors files: the index names the file of every tensor.
 *
 * MODEL.safetensors.index.json is {"metadata": {...}, "weight_map": {TENSOR: FILE}}. Only the
 * headers of the files are read, one after the other; a file is open no longer than that. */
#include "base/folder.h"
#include "base/json.h"
#include "formats/formats.h"
#include "formats/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 65536 }; // of the index, in which the map must begin to be recognised

struct index {
    struct fw_safetensors_filter filter; // first: what the reader of headers hands back
    struct fw_model *m;
    struct fw_error *err;
    struct fw_arena scratch;
    const struct fw_json *map;
    struct fw_map shards;  // file -> number
    struct fw_map tensors; // tensor -> number of its file
    const char **names;    // (n_names) files, sorted
    uint32_t n_names;
    uint32_t at;    // file at work
    uint32_t found; // tensors that were where the index has them
};

static int match(const unsigned char *data, size_t size)
{
    static const char key[] = "\"weight_map\"";
    size_t i = 0, n = size < HEAD_BYTES ? size : HEAD_BYTES;
    while (i < n && (data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r')))
        i++;
    if (i == n || data[i] != '{')
        return 1;
    for (; i + sizeof key - 1 <= n; i++)
        if (data[i] == '"' && memcmp(data + i, key, sizeof key - 1) == 0)
            return 0;
    return 1;
}

static bool wanted(struct fw_safetensors_filter *self, const char *name)
{
    struct index *x = (struct index *)(void *)self;
    const uint32_t *shard = fw_map_get(&x->tensors, name, strlen(name));
    bool here = shard != NULL && *shard == x->at;
    x->found += here;
    return here;
}

/* ---- the map ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum fw_status find_shards(struct index *x)
{
    x->names = fw_arena_array(&x->scratch, (size_t)x->map->n + 1, sizeof *x->names);
    if (x->names == NULL)
        return fw_fail_memory(x->err);
    for (const struct fw_json *v = x->map->member; v != NULL; v = v->next) {
        if (v->kind != FW_JSON_STRING || strlen(v->text) != v->len)
            return fw_fail(x->err, FW_FORMAT, (int64_t)v->at,
                           "weight_map: '%.100s': the name of a file is wanted", v->key);
        bool added;
        if (fw_map_put(&x->shards, v->text, v->len, 0, &added) == NULL)
            return fw_fail_memory(x->err);
        if (added)
            x->names[x->n_names++] = v->text;
    }
    qsort(x->names, x->n_names, sizeof *x->names, by_name);
    for (uint32_t i = 0; i < x->n_names; i++)
        *fw_map_put(&x->shards, x->names[i], strlen(x->names[i]), 0, NULL) = i; // it is there
    return FW_OK;
}

static enum fw_status place_tensors(struct index *x)
{
    if (!fw_map_reserve(&x->tensors, x->map->n))
        return fw_fail_memory(x->err);
    for (const struct fw_json *v = x->map->member; v != NULL; v = v->next) {
        uint32_t shard = *fw_map_get(&x->shards, v->text, v->len);
        if (fw_map_put(&x->tensors, v->key, v->key_len, shard, NULL) == NULL)
            return fw_fail_memory(x->err);
    }
    return FW_OK;
}

/* ---- the files ---- */

enum fw_status fw_safetensors_shard(struct fw_model *m, const char *name,
                                    struct fw_safetensors_filter *filter, struct fw_error *err)
{
    struct fw_file file;
    enum fw_status status = fw_folder_open(&file, m->folder, name, m->alloc, err);
    if (status == FW_OK)
        status = fw_weights_file(m, name, (int64_t)file.size, err);
    if (status == FW_OK)
        status = fw_safetensors_header(m, file.data, file.size, filter, err);
    fw_file_close(&file);
    if (status != FW_OK)
        fw_error_prefix(err, "shard %.100s: ", name);
    return status;
}

/* A tensor that the index has and its file does not. */
static enum fw_status fail_absent(struct index *x)
{
    for (const struct fw_json *v = x->map->member; v != NULL; v = v->next)
        if (fw_map_get(&x->m->weights->by_name, v->key, v->key_len) == NULL)
            return fw_fail(x->err, FW_FORMAT, (int64_t)v->at,
                           "tensor '%.200s' is not in %.100s, where the index has it", v->key,
                           v->text);
    return FW_OK;
}

static enum fw_status read_index(struct index *x, const unsigned char *data, size_t size)
{
    struct fw_json *root;
    FW_TRY(fw_json_parse(&x->scratch, data, size, 0, &root, x->err));
    x->map = fw_json_get(root, "weight_map");
    if (x->map == NULL || x->map->kind != FW_JSON_OBJECT)
        return fw_fail(x->err, FW_FORMAT, x->map != NULL ? (int64_t)x->map->at : 0,
                       "weight_map: an object of tensors and their files is wanted");
    if (x->m->folder == NULL)
        return fw_fail(x->err, FW_UNSUPPORTED, -1,
                       "the files stand beside the index: its name is wanted, not its contents");
    FW_TRY(find_shards(x));
    FW_TRY(place_tensors(x));
    for (x->at = 0; x->at < x->n_names; x->at++)
        FW_TRY(fw_safetensors_shard(x->m, x->names[x->at], &x->filter, x->err));
    return x->found < x->map->n ? fail_absent(x) : FW_OK;
}

enum fw_status fw_safetensors_index(struct fw_model *m, const unsigned char *data, size_t size,
                                    struct fw_error *err)
{
    struct index x = {.filter = {wanted}, .m = m, .err = err};
    if (fw_model_weights(m) == NULL)
        return fw_fail_memory(err);
    fw_arena_init(&x.scratch, m->alloc);
    fw_map_init(&x.shards, m->alloc);
    fw_map_init(&x.tensors, m->alloc);
    enum fw_status status = read_index(&x, data, size);
    fw_map_free(&x.shards);
    fw_map_free(&x.tensors);
    fw_arena_clear(&x.scratch);
    return status;
}

static enum fw_status read(struct fw_model *m, const unsigned char *data, size_t size,
                           struct fw_error *err)
{
    FW_TRY(fw_safetensors_index(m, data, size, err));
    FW_TRY(fw_weights_roles(m, err));
    return fw_weights_graph(m, fw_weights_want_config(m), err);
}

const struct fw_format fw_format_safetensors_index = {
    .name = "safetensors",
    .extensions = ".safetensors.index.json",
    .match = match,
    .read = read,
};
