/* safetensors: eight bytes of length, a JSON header, and the tensors' bytes, which nobody touches.
 *
 * The format's own rules are checked as its reference implementation does
 * (github.com/huggingface/safetensors, safetensors/src/tensor.rs): at most 100 MB of header,
 * offsets that follow one another without gap or overlap and end with the file, as many bytes as
 * shape and type say. The one thing read behind the header are the two numbers of a weight_shape
 * tensor: packed layers of compressed-tensors say only there how many parameters they stand for. */
#include "formats/safetensors.h"

#include "base/json.h"
#include "formats/folder.h"
#include "formats/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };

struct span {
    int64_t begin, end;
    const char *name;
    size_t at; // of the offsets in the header
};

struct header {
    struct fw_model *m;
    struct fw_error *err;
    const unsigned char *data; // (size), the whole file
    size_t size;
    size_t body; // where the tensors' bytes begin
    struct fw_arena scratch;
    struct span *spans; // (n)
    uint32_t n;
    int64_t dims[FW_MAX_RANK];
};

static uint64_t load_length(const unsigned char *data)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        n |= (uint64_t)data[i] << (8 * i);
    return n;
}

static int match(const unsigned char *data, size_t size)
{
    bool looks = size > LENGTH_BYTES && data[LENGTH_BYTES] == '{' && load_length(data) >= 2 &&
                 load_length(data) <= UINT32_MAX;
    return looks ? 0 : 1;
}

#define fail_at(h, offset, ...) fw_fail((h)->err, FW_FORMAT, (int64_t)(offset), __VA_ARGS__)

/* ---- one tensor ---- */

static enum fw_status read_shape(struct header *h, const struct fw_json *v, struct fw_stored *t)
{
    const struct fw_json *shape = fw_json_get(v, "shape");
    if (shape == NULL || shape->kind != FW_JSON_ARRAY)
        return fail_at(h, v->at, "tensor '%.200s': a list 'shape' is wanted", t->name);
    if (shape->n > FW_MAX_RANK) {
        enum fw_status status =
            fw_limit_fail(h->m->alloc, FW_MOST_dims, (int64_t)shape->at, h->err);
        fw_error_prefix(h->err, "tensor '%.200s': ", t->name);
        return status;
    }
    for (const struct fw_json *d = shape->member; d != NULL; d = d->next) {
        if (d->kind != FW_JSON_INT || d->i < 0)
            return fail_at(h, d->at,
                           "tensor '%.200s': a dimension is a whole number from 0 to 2^63-1",
                           t->name);
        h->dims[t->rank++] = d->i;
    }
    t->dims = h->dims;
    if (fw_storage_elements(h->dims, t->rank) < 0)
        return fail_at(h, shape->at, "tensor '%.200s': the shape has more than 2^63-1 elements",
                       t->name);
    return FW_OK;
}

static enum fw_status read_offsets(struct header *h, const struct fw_json *v, struct fw_stored *t,
                                   struct span *span)
{
    const struct fw_json *o = fw_json_get(v, "data_offsets");
    if (o == NULL || o->kind != FW_JSON_ARRAY || o->n != 2 || o->member->kind != FW_JSON_INT ||
        o->member->next->kind != FW_JSON_INT)
        return fail_at(h, o != NULL ? o->at : v->at,
                       "tensor '%.200s': two whole numbers 'data_offsets' are wanted", t->name);
    int64_t begin = o->member->i, end = o->member->next->i;
    int64_t left = (int64_t)(h->size - h->body);
    if (begin < 0 || end < begin || end > left)
        return fail_at(h, o->at,
                       "tensor '%.200s' is said to stand at bytes %" PRId64 " to %" PRId64
                       " of %" PRId64,
                       t->name, begin, end, left);
    t->bytes = fw_storage_bytes(t->storage, h->dims, t->rank, false);
    if (t->bytes < 0)
        return fail_at(
            h, o->at, "tensor '%.200s': its shape and type %s take %s", t->name, t->storage->name,
            t->storage->block > 1 ? "no whole number of bytes" : "more bytes than a file can have");
    if (t->bytes != end - begin)
        return fail_at(h, o->at,
                       "tensor '%.200s': its shape and type %s take %" PRId64
                       " bytes, its offsets have %" PRId64,
                       t->name, t->storage->name, t->bytes, end - begin);
    t->at = (int64_t)h->body + begin;
    *span = (struct span){begin, end, t->name, o->at};
    return FW_OK;
}

/* Product of the numbers in a tensor that holds the shape of a packed one. */
static int64_t held_shape(const struct header *h, const struct fw_stored *t)
{
    static const char tail[] = "weight_shape";
    size_t len = strlen(t->name), n = sizeof tail - 1;
    unsigned width = t->storage->bytes;
    bool whole = t->storage->dtype == FW_I64 || t->storage->dtype == FW_I32;
    if (len < n || strcmp(t->name + len - n, tail) != 0 || !whole || t->rank != 1 ||
        t->dims[0] > FW_MAX_RANK)
        return -1;
    int64_t dims[FW_MAX_RANK];
    for (unsigned i = 0; i < (unsigned)t->dims[0]; i++) {
        const unsigned char *p = h->data + t->at + (size_t)i * width;
        uint64_t v = 0;
        for (unsigned k = 0; k < width; k++)
            v |= (uint64_t)p[k] << (8 * k);
        dims[i] = width == 8 ? (int64_t)v : (int64_t)(int32_t)(uint32_t)v;
    }
    return fw_storage_elements(dims, (unsigned)t->dims[0]);
}

static enum fw_status read_tensor(struct header *h, const struct fw_json *v,
                                  struct fw_safetensors_filter *filter)
{
    struct fw_stored t = {.name = v->key};
    if (v->kind != FW_JSON_OBJECT)
        return fail_at(h, v->at,
                       "tensor '%.200s': an object with dtype, shape and data_offsets "
                       "is wanted",
                       t.name);
    const struct fw_json *dtype = fw_json_get(v, "dtype");
    if (dtype == NULL || dtype->kind != FW_JSON_STRING)
        return fail_at(h, v->at, "tensor '%.200s': a text 'dtype' is wanted", t.name);
    t.storage = fw_storage_find(dtype->text);
    if (t.storage == NULL || t.storage->block > 4)
        return fail_at(h, dtype->at, "tensor '%.200s': there is no type '%.40s'", t.name,
                       dtype->text);
    FW_TRY(read_shape(h, v, &t));
    FW_TRY(read_offsets(h, v, &t, &h->spans[h->n++]));
    if (filter != NULL && !filter->wanted(filter, t.name))
        return FW_OK;
    t.holds = held_shape(h, &t);
    return fw_weights_add(h->m, &t, (int64_t)v->at, h->err);
}

/* ---- all of them ---- */

static int by_offset(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static enum fw_status check_spans(struct header *h)
{
    int64_t at = 0, left = (int64_t)(h->size - h->body);
    qsort(h->spans, h->n, sizeof *h->spans, by_offset);
    for (uint32_t i = 0; i < h->n; i++) {
        const struct span *s = &h->spans[i];
        if (s->begin < at)
            return fail_at(h, s->at, "tensors '%.100s' and '%.100s' overlap", h->spans[i - 1].name,
                           s->name);
        if (s->begin > at)
            return fail_at(h, s->at,
                           "a hole of %" PRId64 " bytes stands in front of tensor '%.200s'",
                           s->begin - at, s->name);
        at = s->end;
    }
    if (at != left)
        return fail_at(h, (int64_t)h->body + at,
                       "%" PRId64 " bytes stand behind the last tensor: the header and the file do "
                       "not fit together",
                       left - at);
    return FW_OK;
}

static enum fw_status read_metadata(struct header *h, const struct fw_json *v)
{
    if (v->kind != FW_JSON_OBJECT)
        return fail_at(h, v->at, "__metadata__: an object of texts is wanted");
    for (const struct fw_json *p = v->member; p != NULL; p = p->next)
        if (p->kind != FW_JSON_STRING)
            return fail_at(h, p->at, "__metadata__: '%.80s' is no text", p->key);
    return FW_OK;
}

static enum fw_status read_header(struct header *h, struct fw_safetensors_filter *filter)
{
    struct fw_json *root;
    size_t n = h->body - LENGTH_BYTES;
    FW_TRY(fw_json_parse(&h->scratch, h->data + LENGTH_BYTES, n, LENGTH_BYTES, &root, h->err));
    if (root->kind != FW_JSON_OBJECT)
        return fail_at(h, root->at, "the header is no JSON object");
    h->spans = fw_arena_array(&h->scratch, (size_t)root->n + 1, sizeof *h->spans);
    if (h->spans == NULL)
        return fw_fail_memory(h->err);
    for (const struct fw_json *v = root->member; v != NULL; v = v->next) {
        bool metadata = strcmp(v->key, "__metadata__") == 0;
        FW_TRY(metadata ? read_metadata(h, v) : read_tensor(h, v, filter));
    }
    return check_spans(h);
}

enum fw_status fw_safetensors_header(struct fw_model *m, const unsigned char *data, size_t size,
                                     struct fw_safetensors_filter *filter, struct fw_error *err)
{
    FW_REQUIRE(size >= LENGTH_BYTES, err, FW_FORMAT,
               "8 bytes of header length are wanted, the file has %zu", size);
    uint64_t n = load_length(data);
    if (n > size - LENGTH_BYTES)
        return fw_fail(err, FW_FORMAT, 0,
                       "the header is said to take %" PRIu64 " bytes, the file has %zu left: it is "
                       "cut off or damaged",
                       n, size - LENGTH_BYTES);
    FW_WITHIN(m->alloc, FW_MOST_header, n, 0, err);
    struct header h = {.m = m, .err = err, .data = data, .size = size};
    h.body = LENGTH_BYTES + (size_t)n;
    if (n == 0 || data[LENGTH_BYTES] != '{')
        return fail_at(&h, LENGTH_BYTES, "the header is no JSON object");
    fw_arena_init(&h.scratch, m->alloc);
    enum fw_status status = read_header(&h, filter);
    fw_arena_clear(&h.scratch);
    return status;
}

static enum fw_status read(struct fw_model *m, const unsigned char *data, size_t size,
                           struct fw_error *err)
{
    if (m->whole_folder) { // this may be one of its parts
        FW_TRY(fw_folder_weights(m, err));
        return fw_weights_graph(m, fw_weights_want_config(m), err);
    }
    FW_TRY(fw_weights_file(m, m->path, (int64_t)size, err));
    FW_TRY(fw_safetensors_header(m, data, size, NULL, err));
    FW_TRY(fw_weights_roles(m, err));
    return fw_weights_graph(m, fw_weights_want_config(m), err);
}

const struct fw_format fw_format_safetensors = {
    .name = "safetensors",
    .extensions = ".safetensors",
    .match = match,
    .read = read,
};
