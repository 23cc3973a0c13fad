/* Collecting what weight files hold; see weights.h. */
#include "formats/weights.h"

#include "ops/op.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PORTS = 4096 }; // tensors of one node: a module with more becomes several

/* ---- adding ---- */

enum fw_status fw_weights_file(struct fw_model *m, const char *name, int64_t bytes,
                               struct fw_error *err)
{
    struct fw_weights *w = fw_model_weights(m);
    char *kept = fw_arena_strndup(&m->arena, name, strlen(name));
    if (w == NULL || kept == NULL)
        return fw_fail_memory(err);
    if (w->n_files == w->cap_files) {
        uint32_t cap = w->cap_files != 0 ? 2 * w->cap_files : 4;
        struct fw_weight_file *files = fw_arena_array(&m->arena, cap, sizeof *files);
        if (files == NULL)
            return fw_fail_memory(err);
        if (w->n_files > 0)
            memcpy(files, w->files, w->n_files * sizeof *files);
        w->files = files;
        w->cap_files = cap;
    }
    w->files[w->n_files++] = (struct fw_weight_file){kept, bytes};
    return FW_OK;
}

static enum fw_status grow(struct fw_model *m, struct fw_error *err)
{
    struct fw_weights *w = m->weights;
    FW_WITHIN(m->alloc, FW_MOST_nodes, (uint64_t)w->n + 1, -1, err);
    FW_TRY(fw_in_time(m->alloc, w->n, err));
    if (w->n < w->cap)
        return FW_OK;
    uint32_t cap = w->cap != 0 ? 2 * w->cap : 64;
    void *more = fw_mem_resize(m->alloc, w->tensors, w->cap * sizeof *w->tensors,
                               (size_t)cap * sizeof *w->tensors);
    if (more == NULL)
        return fw_fail_memory(err);
    w->tensors = more;
    w->cap = cap;
    return FW_OK;
}

enum fw_status fw_weights_add(struct fw_model *m, const struct fw_stored *t, int64_t header_at,
                              struct fw_error *err)
{
    struct fw_weights *w = m->weights;
    FW_TRY(grow(m, err));
    size_t len = strlen(t->name);
    const char *name = fw_arena_strndup(&m->arena, t->name, len);
    const int64_t *dims = fw_arena_copy(&m->arena, t->dims, t->rank * sizeof *dims);
    bool added = false;
    if (name == NULL || dims == NULL || fw_map_put(&w->by_name, name, len, w->n, &added) == NULL)
        return fw_fail_memory(err);
    if (!added) {
        const struct fw_stored *first = &w->tensors[*fw_map_get(&w->by_name, name, len)];
        return fw_fail(err, FW_FORMAT, header_at,
                       "tensor '%.200s' stands here a second time: it is in %.100s already", name,
                       w->files[first->file].name);
    }
    struct fw_stored *own = &w->tensors[w->n++];
    *own = *t;
    own->name = name;
    own->dims = dims;
    own->file = w->n_files - 1;
    own->of = UINT32_MAX;
    own->elements = fw_storage_elements(dims, t->rank);
    return FW_OK;
}

int64_t fw_storage_elements(const int64_t *dims, unsigned rank)
{
    int64_t n = 1;
    for (unsigned i = 0; i < rank; i++)
        if (dims[i] == 0)
            return 0;
    for (unsigned i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(n, dims[i], &n))
            return -1;
    return n;
}

int64_t fw_storage_bytes(const struct fw_storage *s, const int64_t *dims, unsigned rank, bool rows)
{
    int64_t n = fw_storage_elements(dims, rank);
    int64_t unit = rows && rank > 0 ? dims[rank - 1] : n;
    if (n < 0 || unit % s->block != 0 || n % s->block != 0 ||
        __builtin_mul_overflow(n / s->block, s->bytes, &n))
        return -1;
    return n;
}

/* ---- a graph where there is no network ---- */

static enum fw_status infer_nothing(struct fw_cx *c)
{
    (void)c;
    return FW_OK;
}

/* What stands in a file of weights for a module: nothing says what it does with them. */
static const struct fw_op stored = {.name = "Weights",
                                    .domain = "flopwise",
                                    .formula = "not known: a file of weights has no operations",
                                    .doc = "not known",
                                    FW_NO_ATTRS,
                                    FW_PORTS(0, UINT16_MAX, 0, 0),
                                    .flags = FW_OP_GAP | FW_OP_UNKNOWN_OK,
                                    .infer = infer_nothing,
                                    .cost = fw_cost_free,
                                    .grad = fw_grad_none};

static enum fw_status add_tensor(struct fw_model *m, const struct fw_stored *t, uint32_t *ret,
                                 struct fw_error *err)
{
    static const enum fw_kind kinds[FW_N_STORED_ROLES] = {FW_KIND_PARAM, FW_KIND_BUFFER,
                                                          FW_KIND_CONSTANT, FW_KIND_CONSTANT};
    fw_dim dims[FW_MAX_RANK];
    bool packed = t->role == FW_STORED_PARAM && t->params != t->elements;
    unsigned rank = packed ? 1 : t->rank;
    FW_WITHIN(m->alloc, FW_MOST_dims, rank, -1, err);
    for (unsigned i = 0; i < rank; i++)
        dims[i] = fw_dim_int(t->dims[i]);
    if (packed) // what the header does not tell counts as it is stored, and is named as missing
        dims[0] = fw_dim_int(t->params >= 0 ? t->params : t->elements);
    enum fw_dtype dtype = packed ? FW_PACKED : (enum fw_dtype)t->storage->dtype;
    FW_TRY(
        fw_graph_tensor(&m->graph, t->name, kinds[t->role], dtype, (uint8_t)rank, dims, ret, err));
    struct fw_data *data = fw_arena_zalloc(&m->arena, sizeof *data);
    if (data == NULL)
        return fw_fail_memory(err);
    data->n_bytes = (size_t)t->bytes;
    m->graph.tensors[*ret].data = data;
    return FW_OK;
}

/* Bytes of the module's name: up to the last dot; scales belong where their tensor does. */
static size_t module_of(const struct fw_weights *w, uint32_t id, const char **ret)
{
    const struct fw_stored *t = &w->tensors[id];
    *ret = t->of != UINT32_MAX ? w->tensors[t->of].name : t->name;
    const char *dot = strrchr(*ret, '.');
    return dot == NULL ? 0 : (size_t)(dot - *ret);
}

struct place {
    const char *module;
    size_t len;
    uint32_t tensor;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Names as people order them: layers.2 before layers.10. */
static int compare_names(const char *a, size_t n, const char *b, size_t m)
{
    size_t i = 0, k = 0;
    while (i < n && k < m) {
        size_t p = i, q = k;
        while (p < n && is_digit(a[p]))
            p++;
        while (q < m && is_digit(b[q]))
            q++;
        if (p > i && q > k && p - i != q - k)
            return p - i < q - k ? -1 : 1;
        if (a[i] != b[k])
            return (unsigned char)a[i] < (unsigned char)b[k] ? -1 : 1;
        i++;
        k++;
    }
    return i < n ? 1 : k < m ? -1 : 0;
}

static int by_module(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int c = compare_names(x->module, x->len, y->module, y->len);
    return c != 0 ? c : (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

static enum fw_status add_module(struct fw_model *m, const struct place *places, uint32_t n,
                                 struct fw_error *err)
{
    uint32_t in[MAX_PORTS], id;
    for (uint32_t i = 0; i < n; i++)
        FW_TRY(add_tensor(m, &m->weights->tensors[places[i].tensor], &in[i], err));
    const char *name = fw_arena_strndup(&m->arena, places->module, places->len);
    if (name == NULL)
        return fw_fail_memory(err);
    struct fw_node_spec spec = {.op = &stored,
                                .name = places->len > 0 ? name : "(top)",
                                .in = in,
                                .n_in = (uint16_t)n,
                                .phase = FW_PHASE_FORWARD,
                                .layer = FW_NONE,
                                .at = -1};
    return fw_graph_node(&m->graph, &spec, &id, err);
}

static enum fw_status add_modules(struct fw_model *m, struct place *places, struct fw_error *err)
{
    struct fw_weights *w = m->weights;
    for (uint32_t i = 0; i < w->n; i++) {
        places[i].tensor = i;
        places[i].len = module_of(w, i, &places[i].module);
    }
    qsort(places, w->n, sizeof *places, by_module);
    for (uint32_t i = 0; i < w->n;) {
        uint32_t end = i + 1;
        while (end < w->n && end - i < MAX_PORTS && places[end].len == places[i].len &&
               memcmp(places[end].module, places[i].module, places[i].len) == 0)
            end++;
        FW_TRY(add_module(m, places + i, end - i, err));
        i = end;
    }
    return FW_OK;
}

const char *fw_weights_want_config(const struct fw_model *m)
{
    return m->whole_folder ? "a config.json tells them, the folder holds none"
                           : "the config.json tells them: give the folder that holds both";
}

enum fw_status fw_weights_graph(struct fw_model *m, const char *why, struct fw_error *err)
{
    size_t bytes = (m->weights->n + (size_t)1) * sizeof(struct place);
    struct place *places = fw_mem_resize(m->alloc, NULL, 0, bytes);
    if (places == NULL)
        return fw_fail_memory(err);
    enum fw_status status = add_modules(m, places, err);
    fw_mem_resize(m->alloc, places, bytes, 0);
    m->no_network = why;
    return status;
}
