/* GGUF (ggml, llama.cpp), versions 1 to 3 in both byte orders: header, metadata, tensors.
 *
 * Source: ggml's docs/gguf.md and src/gguf.cpp. Version 1 has 32-bit counts, 2 and 3 have 64-bit
 * ones; a file of the other byte order shows in the version, whose low half is then zero. Tensors
 * follow one another, each at a multiple of general.alignment. A model may stand in several files
 * named -00001-of-0000N, whose first one has the metadata. */
#include "formats/gguf.h"

#include "base/folder.h"
#include "base/utf8.h"
#include "formats/folder.h"
#include "formats/formats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_INTS = 8192, // elements of an array that are kept
    DEFAULT_ALIGNMENT = 32,
    MAX_RANK = 4, // GGML_MAX_DIMS
};

enum type { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, N_TYPES };
static const uint8_t widths[N_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct span {
    int64_t begin, end; // the end with its padding
    const char *name;
    size_t at;
};

struct reader {
    struct fw_model *m;
    struct fw_error *err;
    const unsigned char *data; // (size)
    size_t size, at;
    bool swapped; // big-endian
    unsigned version;
    uint64_t n_tensors, n_values;
    uint64_t alignment;
    struct fw_arena *arena; // of the metadata
    struct fw_gguf meta;
};

#define fail_at(r, offset, ...) fw_fail((r)->err, FW_FORMAT, (int64_t)(offset), __VA_ARGS__)

/* ---- numbers and texts ---- */

static enum fw_status need(struct reader *r, uint64_t n, const char *what)
{
    if (n > r->size - r->at)
        return fail_at(r, r->at,
                       "%s wants %" PRIu64 " bytes, the file has %zu left: it is cut off "
                       "or damaged",
                       what, n, r->size - r->at);
    return FW_OK;
}

static uint64_t load(const struct reader *r, unsigned width)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < width; i++)
        v |= (uint64_t)r->data[r->at + i] << (8 * (r->swapped ? width - 1 - i : i));
    return v;
}

static enum fw_status get(struct reader *r, unsigned width, const char *what, uint64_t *ret)
{
    FW_TRY(need(r, width, what));
    *ret = load(r, width);
    r->at += width;
    return FW_OK;
}

/* A count or a length: 32 bits in version 1. */
static enum fw_status get_count(struct reader *r, const char *what, uint64_t *ret)
{
    return get(r, r->version == 1 ? 4 : 8, what, ret);
}

static enum fw_status get_text(struct reader *r, const char *what, const char **ret)
{
    uint64_t n;
    size_t start = r->at;
    FW_TRY(get_count(r, what, &n));
    FW_WITHIN(r->m->alloc, FW_MOST_string, n, (int64_t)start, r->err);
    FW_TRY(need(r, n, what));
    char *text = fw_arena_strndup(r->arena, (const char *)r->data + r->at, n);
    if (text == NULL)
        return fw_fail_memory(r->err);
    for (size_t i = 0; i < n;) {
        unsigned len = fw_utf8_length(text + i);
        if (len == 0 || text[i] == '\0')
            return fail_at(r, r->at + i, "%s holds bytes that are not UTF-8", what);
        i += len;
    }
    r->at += n;
    *ret = text;
    return FW_OK;
}

/* ---- metadata ---- */

static void set_number(struct fw_gguf_value *v, uint32_t type, uint64_t bits)
{
    union {
        uint32_t u;
        float f;
    } single = {.u = (uint32_t)bits};
    union {
        uint64_t u;
        double f;
    } twice = {.u = bits};
    static const uint8_t is_signed[N_TYPES] = {[I8] = 8, [I16] = 16, [I32] = 32, [I64] = 64};
    v->i = bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    if (is_signed[type] != 0) {
        unsigned shift = 64u - is_signed[type];
        v->i = (int64_t)(bits << shift) >> shift;
    }
    v->f = type == F32 ? (double)single.f : type == F64 ? twice.f : (double)v->i;
    if (type == F32 || type == F64)
        v->i = 0;
}

static enum fw_status skip_array(struct reader *r, uint32_t type, uint64_t n, unsigned depth);

static enum fw_status get_array_head(struct reader *r, uint32_t *ret_type, uint64_t *ret_n)
{
    uint64_t type;
    size_t start = r->at;
    FW_TRY(get(r, 4, "the type of an array", &type));
    if (type >= N_TYPES)
        return fail_at(r, start, "there is no metadata type %" PRIu64, type);
    FW_TRY(get_count(r, "the length of an array", ret_n));
    *ret_type = (uint32_t)type;
    uint64_t least = widths[type] != 0 ? widths[type] : r->version == 1 ? 4 : 8;
    if (*ret_n > (r->size - r->at) / least)
        return fail_at(r, start, "an array of %" PRIu64 " elements is longer than the file",
                       *ret_n);
    return FW_OK;
}

static enum fw_status skip_array(struct reader *r, uint32_t type, uint64_t n, unsigned depth)
{
    FW_WITHIN(r->m->alloc, FW_MOST_recursion, depth, (int64_t)r->at, r->err);
    if (widths[type] != 0) {
        r->at += n * widths[type]; // known to be there
        return FW_OK;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len;
        if (type == STRING) {
            FW_TRY(get_count(r, "a text in an array", &len));
            FW_TRY(need(r, len, "a text in an array"));
            r->at += len;
            continue;
        }
        uint32_t inner;
        FW_TRY(get_array_head(r, &inner, &len));
        FW_TRY(skip_array(r, inner, len, depth + 1));
    }
    return FW_OK;
}

static enum fw_status get_array(struct reader *r, struct fw_gguf_value *v)
{
    FW_TRY(get_array_head(r, &v->type, &v->n));
    v->array = true;
    bool whole = widths[v->type] != 0 && v->type != F32 && v->type != F64;
    if (!whole || v->n > MAX_INTS)
        return skip_array(r, v->type, v->n, 1);
    int64_t *ints = fw_arena_array(r->arena, v->n + 1, sizeof *ints);
    if (ints == NULL)
        return fw_fail_memory(r->err);
    for (uint64_t i = 0; i < v->n; i++) {
        struct fw_gguf_value one;
        uint64_t bits = load(r, widths[v->type]);
        r->at += widths[v->type];
        set_number(&one, v->type, bits);
        ints[i] = one.i;
    }
    v->ints = ints;
    return FW_OK;
}

static enum fw_status get_value(struct reader *r, struct fw_gguf_value *v)
{
    uint64_t type, bits;
    FW_TRY(get_text(r, "a key", &v->key));
    size_t start = r->at;
    FW_TRY(get(r, 4, "the type of a value", &type));
    v->type = (uint32_t)type;
    if (type >= N_TYPES)
        return fail_at(r, start, "'%.80s': there is no metadata type %" PRIu64, v->key, type);
    if (type == STRING)
        return get_text(r, "a text", &v->s);
    if (type == ARRAY)
        return get_array(r, v);
    FW_TRY(get(r, widths[type], "a value", &bits));
    if (type == BOOL && bits > 1)
        return fail_at(r, r->at - 1, "'%.80s': a truth value is 0 or 1, found %" PRIu64, v->key,
                       bits);
    set_number(v, (uint32_t)type, bits);
    return FW_OK;
}

const struct fw_gguf_value *fw_gguf_find(const struct fw_gguf *g, const char *key)
{
    for (uint32_t i = 0; i < g->n; i++)
        if (strcmp(g->values[i].key, key) == 0)
            return &g->values[i];
    return NULL;
}

int64_t fw_gguf_int(const struct fw_gguf *g, const char *key, int64_t absent)
{
    const struct fw_gguf_value *v = fw_gguf_find(g, key);
    if (v == NULL || v->type == STRING || v->type == F32 || v->type == F64)
        return absent;
    if (v->array)
        return v->ints != NULL && v->n > 0 ? v->ints[0] : absent;
    return v->i;
}

static enum fw_status read_values(struct reader *r)
{
    struct fw_map keys;
    fw_map_init(&keys, r->m->alloc);
    enum fw_status status = FW_OK;
    r->meta.values = fw_arena_zalloc(r->arena, ((size_t)r->n_values + 1) * sizeof *r->meta.values);
    if (r->meta.values == NULL)
        status = fw_fail_memory(r->err);
    for (uint64_t i = 0; status == FW_OK && i < r->n_values; i++) {
        struct fw_gguf_value *v = &r->meta.values[i];
        size_t start = r->at;
        bool added = true;
        status = get_value(r, v);
        if (status == FW_OK && fw_map_put(&keys, v->key, strlen(v->key), 0, &added) == NULL)
            status = fw_fail_memory(r->err);
        if (status == FW_OK && !added)
            status = fail_at(r, start, "the key '%.80s' stands here a second time", v->key);
        r->meta.n += status == FW_OK;
    }
    fw_map_free(&keys);
    return status;
}

/* ---- header ---- */

static enum fw_status read_header(struct reader *r)
{
    uint64_t version;
    r->at = 4;
    FW_TRY(get(r, 4, "the version", &version));
    if ((version & 0xffff) == 0) {
        r->swapped = true;
        r->at = 4;
        FW_TRY(get(r, 4, "the version", &version));
    }
    if (version < 1 || version > 3)
        return fw_fail(r->err, FW_UNSUPPORTED, 4,
                       "GGUF version 1, 2 or 3 is wanted, found %" PRIu64, version);
    r->version = (unsigned)version;
    size_t start = r->at;
    FW_TRY(get_count(r, "the number of tensors", &r->n_tensors));
    FW_TRY(get_count(r, "the number of values", &r->n_values));
    uint64_t count = version == 1 ? 4 : 8, left = r->size - r->at;
    if (r->n_tensors > left / (2 * count + 8))
        return fail_at(r, start, "%" PRIu64 " tensors do not fit into the file", r->n_tensors);
    if (r->n_values > left / (count + 5))
        return fail_at(r, start + count, "%" PRIu64 " values do not fit into the file",
                       r->n_values);
    FW_TRY(read_values(r));
    r->alignment = (uint64_t)fw_gguf_int(&r->meta, "general.alignment", DEFAULT_ALIGNMENT);
    if (r->alignment == 0 || r->alignment > 1u << 30 || (r->alignment & (r->alignment - 1)) != 0)
        return fail_at(r, start, "general.alignment: a power of two is wanted, found %" PRIu64,
                       r->alignment);
    return FW_OK;
}

/* ---- tensors ---- */

static enum fw_status read_dims(struct reader *r, struct fw_stored *t, int64_t *dims)
{
    uint64_t rank;
    size_t start = r->at;
    FW_TRY(get(r, 4, "the number of dimensions", &rank));
    if (rank > MAX_RANK)
        return fail_at(r, start, "tensor '%.200s' has %" PRIu64 " dimensions, at most %d are taken",
                       t->name, rank, MAX_RANK);
    for (uint64_t i = rank; i-- > 0;) { // the fastest comes first
        uint64_t d;
        FW_TRY(get_count(r, "a dimension", &d));
        if (d > INT64_MAX)
            return fail_at(r, start, "tensor '%.200s' has a dimension of %" PRIu64, t->name, d);
        dims[i] = (int64_t)d;
    }
    t->rank = (uint8_t)rank;
    t->dims = dims;
    if (fw_storage_elements(dims, t->rank) < 0)
        return fail_at(r, start, "tensor '%.200s': the shape has more than 2^63-1 elements",
                       t->name);
    return FW_OK;
}

static enum fw_status read_tensor(struct reader *r, struct fw_stored *t, int64_t *dims,
                                  struct span *span)
{
    uint64_t type, offset;
    FW_TRY(get_text(r, "a tensor's name", &t->name));
    FW_TRY(read_dims(r, t, dims));
    size_t start = r->at;
    FW_TRY(get(r, 4, "a tensor's type", &type));
    t->storage = type <= INT8_MAX ? fw_storage_of_ggml((uint32_t)type) : NULL;
    if (t->storage == NULL)
        return fail_at(r, start, "tensor '%.200s': there is no ggml type %" PRIu64, t->name, type);
    t->bytes = fw_storage_bytes(t->storage, dims, t->rank, true);
    if (t->bytes < 0)
        return fail_at(r, start,
                       "tensor '%.200s': a row of %" PRId64 " elements is no whole number of "
                       "blocks of %s, or the tensor too large",
                       t->name, t->rank > 0 ? dims[t->rank - 1] : 1, t->storage->name);
    start = r->at;
    FW_TRY(get(r, 8, "a tensor's offset", &offset));
    if (offset > INT64_MAX / 2 || t->bytes > INT64_MAX / 4 || offset % r->alignment != 0)
        return fail_at(r, start,
                       "tensor '%.200s': its offset %" PRIu64 " is no multiple of %" PRIu64,
                       t->name, offset, r->alignment);
    int64_t a = (int64_t)r->alignment, end = (int64_t)offset + t->bytes;
    *span = (struct span){(int64_t)offset, (end + a - 1) / a * a, t->name, start};
    t->at = (int64_t)offset; // from where the data begin, which is known later
    t->holds = -1;
    return FW_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static enum fw_status check_spans(struct reader *r, struct span *spans, uint64_t n)
{
    int64_t at = 0;
    qsort(spans, n, sizeof *spans, by_offset);
    for (uint64_t i = 0; i < n; i++) {
        if (spans[i].begin < at)
            return fail_at(r, spans[i].at, "tensors '%.100s' and '%.100s' overlap",
                           spans[i - 1].name, spans[i].name);
        if (spans[i].begin > at)
            return fail_at(r, spans[i].at,
                           "a hole of %" PRId64 " bytes stands in front of tensor '%.200s'",
                           spans[i].begin - at, spans[i].name);
        at = spans[i].end;
    }
    return FW_OK;
}

static enum fw_status read_tensors(struct reader *r)
{
    size_t n = (size_t)r->n_tensors;
    struct span *spans = fw_arena_array(r->arena, n + 1, sizeof *spans);
    uint32_t first = r->m->weights->n;
    if (spans == NULL)
        return fw_fail_memory(r->err);
    for (size_t i = 0; i < n; i++) {
        struct fw_stored t = {.name = NULL};
        int64_t dims[MAX_RANK];
        size_t start = r->at;
        FW_TRY(read_tensor(r, &t, dims, &spans[i]));
        FW_TRY(fw_weights_add(r->m, &t, (int64_t)start, r->err));
    }
    uint64_t body = (r->at + r->alignment - 1) / r->alignment * r->alignment;
    for (uint32_t i = first; i < r->m->weights->n; i++) {
        struct fw_stored *t = &r->m->weights->tensors[i];
        t->at += (int64_t)body;
        if (t->at + t->bytes > (int64_t)r->size)
            return fail_at(r, spans[i - first].at,
                           "tensor '%.200s' is said to end at byte %" PRId64 " of %zu: the file is "
                           "cut off or damaged",
                           t->name, t->at + t->bytes, r->size);
    }
    return check_spans(r, spans, n);
}

static enum fw_status read_part(struct reader *r, const char *name)
{
    FW_TRY(fw_weights_file(r->m, name, (int64_t)r->size, r->err));
    if (r->size < 4 || memcmp(r->data, "GGUF", 4) != 0)
        return fail_at(r, 0, "the four letters GGUF are wanted at the beginning");
    FW_TRY(read_header(r));
    return read_tensors(r);
}

/* ---- several files ---- */

static enum fw_status read_other(struct reader *first, const char *name, int64_t number)
{
    struct fw_file file;
    struct fw_arena scratch;
    FW_TRY(fw_folder_open(&file, first->m->folder, name, first->m->alloc, first->err));
    fw_arena_init(&scratch, first->m->alloc);
    struct reader r = {.m = first->m, .err = first->err, .arena = &scratch};
    r.data = file.data;
    r.size = file.size;
    enum fw_status status = read_part(&r, name);
    if (status == FW_OK && fw_gguf_int(&r.meta, "split.no", -1) != number)
        status = fail_at(&r, 0, "split.no: %" PRId64 " is wanted, found %" PRId64, number,
                         fw_gguf_int(&r.meta, "split.no", -1));
    fw_arena_clear(&scratch);
    fw_file_close(&file);
    return status;
}

static enum fw_status read_others(struct reader *r)
{
    int64_t parts = fw_gguf_int(&r->meta, "split.count", 0), own = 0;
    if (parts <= 1)
        return FW_OK;
    own = fw_gguf_int(&r->meta, "split.no", 0);
    const char *name = strrchr(r->m->path, '/');
    name = name != NULL ? name + 1 : r->m->path;
    uint32_t part, of;
    size_t stem;
    bool named = fw_part_name(name, &part, &of, &stem) && of == parts && part == own + 1;
    FW_WITHIN(r->m->alloc, FW_MOST_files, parts, -1, r->err);
    FW_REQUIRE(own == 0, r->err, FW_UNSUPPORTED,
               "this is part %" PRId64 " of %" PRId64 ": give the first, which has the metadata",
               own + 1, parts);
    FW_REQUIRE(named && r->m->folder != NULL, r->err, FW_UNSUPPORTED,
               "this is the first of %" PRId64 " parts: a file named ...-00001-of-%05" PRId64
               ".gguf with the others beside it is wanted",
               parts, parts);
    for (int64_t k = 1; k < parts; k++) {
        char other[4096];
        int n = snprintf(other, sizeof other, "%.*s%05" PRId64 "-of-%05" PRId64 ".gguf", (int)stem,
                         name, k + 1, parts);
        FW_REQUIRE(n > 0 && (size_t)n < sizeof other, r->err, FW_LIMIT, "a name that is too long");
        enum fw_status status = read_other(r, other, k);
        if (status != FW_OK) {
            fw_error_prefix(r->err, "part %.100s: ", other);
            return status;
        }
    }
    int64_t all = fw_gguf_int(&r->meta, "split.tensors.count", r->m->weights->n);
    FW_REQUIRE(all == r->m->weights->n, r->err, FW_FORMAT,
               "split.tensors.count: %" PRId64 " tensors are wanted, the parts hold %u", all,
               r->m->weights->n);
    return FW_OK;
}

static int match(const unsigned char *data, size_t size)
{
    return size >= 4 && memcmp(data, "GGUF", 4) == 0 ? 0 : 1;
}

static enum fw_status read(struct fw_model *m, const unsigned char *data, size_t size,
                           struct fw_error *err)
{
    struct reader r = {.m = m, .err = err, .data = data, .size = size, .arena = &m->arena};
    FW_TRY(read_part(&r, m->path));
    FW_TRY(read_others(&r));
    FW_TRY(fw_weights_roles(m, err));
    return fw_gguf_network(m, &r.meta, err);
}

const struct fw_format fw_format_gguf = {
    .name = "gguf",
    .extensions = ".gguf",
    .match = match,
    .read = read,
};
