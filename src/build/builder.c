/* Opening a builder, scopes and names, sizes, inputs, stored tensors; see builder.h. */
#include "build/builder.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void fw_build_init(struct fw_builder *b, struct fw_model *m)
{
    *b = (struct fw_builder){.m = m, .g = &m->graph, .separator = '.'};
    b->err = (struct fw_error){.code = FW_OK, .at = -1};
    fw_map_init(&b->names, m->alloc);
    fw_str_init(&b->path, m->alloc);
}

bool fw_build_ok(const struct fw_builder *b)
{
    return b->err.code == FW_OK;
}

int fw_build_fail(struct fw_builder *b, enum fw_status code, const char *fmt, ...)
{
    char text[320];
    if (!fw_build_ok(b))
        return -1;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fw_error_set(&b->err, code, -1, "%s%s%s", fw_str_text(&b->path), b->path.len > 0 ? ": " : "",
                 text);
    return -1;
}

bool fw_build_within(struct fw_builder *b, enum fw_limit which, uint64_t n)
{
    struct fw_error err;
    enum fw_status status = fw_in_time(b->m->alloc, n, &err);
    if (n > fw_most(b->m->alloc, which))
        status = fw_limit_fail(b->m->alloc, which, -1, &err);
    if (status != FW_OK)
        (void)fw_build_fail(b, status, "%s", err.message);
    return status == FW_OK;
}

static enum fw_status take_list(struct fw_builder *b, struct fw_build_list *list,
                                const uint32_t **ret, uint32_t *ret_n)
{
    uint32_t *v = fw_arena_copy(&b->m->arena, list->v != NULL ? list->v : (uint32_t[]){0},
                                list->n * sizeof *v);
    *ret = v;
    *ret_n = list->n;
    return v != NULL ? FW_OK : fw_fail_memory(&b->err);
}

enum fw_status fw_build_end(struct fw_builder *b, struct fw_error *err)
{
    struct fw_graph *g = &b->m->graph;
    if (b->repeat != NULL)
        (void)fw_build_fail(b, FW_USAGE, "a repetition was begun and not ended");
    if (fw_build_ok(b) && b->outputs.n == 0)
        (void)fw_build_fail(b, FW_USAGE, "a network has at least one output, none was named");
    if (fw_build_ok(b) && take_list(b, &b->inputs, &g->inputs, &g->n_inputs) == FW_OK)
        (void)take_list(b, &b->outputs, &g->outputs, &g->n_outputs);
    const struct fw_alloc *alloc = b->m->alloc;
    fw_mem_resize(alloc, b->handle, b->cap_handles * sizeof *b->handle, 0);
    fw_mem_resize(alloc, b->inputs.v, b->inputs.cap * sizeof *b->inputs.v, 0);
    fw_mem_resize(alloc, b->outputs.v, b->outputs.cap * sizeof *b->outputs.v, 0);
    fw_map_free(&b->names);
    fw_str_free(&b->path);
    if (b->err.code != FW_OK && err != NULL)
        *err = b->err;
    return b->err.code;
}

int fw_builder_ok(const struct fw_builder *b)
{
    return fw_build_ok(b);
}

/* ---- growing lists ---- */

static bool grow(struct fw_builder *b, void **v, uint32_t n, uint32_t *cap, size_t bytes)
{
    if (n < *cap)
        return true;
    uint32_t more = *cap == 0 ? 32 : *cap * 2;
    void *p = fw_mem_resize(b->m->alloc, *v, *cap * bytes, more * bytes);
    if (p == NULL) {
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
        return false;
    }
    *v = p;
    *cap = more;
    return true;
}

static void push(struct fw_builder *b, struct fw_build_list *list, uint32_t id)
{
    void *v = list->v;
    bool ok = grow(b, &v, list->n, &list->cap, sizeof *list->v);
    list->v = v;
    if (ok)
        list->v[list->n++] = id;
}

int fw_build_handle(struct fw_builder *b, struct fw_graph *g, uint32_t id)
{
    void *v = b->handle;
    bool ok = grow(b, &v, b->n_handles, &b->cap_handles, sizeof *b->handle);
    b->handle = v;
    if (!ok)
        return -1;
    b->handle[b->n_handles] = (struct fw_build_handle){g, id};
    return (int)b->n_handles++;
}

const struct fw_tensor *fw_build_tensor(struct fw_builder *b, int x)
{
    if (!fw_build_ok(b))
        return NULL;
    if (x < 0 || (uint32_t)x >= b->n_handles) {
        (void)fw_build_fail(b, FW_USAGE, "there is no tensor of number %d", x);
        return NULL;
    }
    return &b->handle[x].g->tensors[b->handle[x].id];
}

/* ---- scopes and names ---- */

static void join(struct fw_builder *b, struct fw_str *to, const char *name)
{
    size_t len = to->len;
    bool ends = len > 0 && to->data[len - 1] == b->separator;
    if (len > 0 && name[0] != '\0' && !ends)
        fw_str_addc(to, b->separator);
    fw_str_add(to, name);
}

void fw_enter(struct fw_builder *b, const char *scope)
{
    if (!fw_build_ok(b))
        return;
    if (!fw_build_within(b, FW_MOST_nesting, (uint64_t)b->depth + 1))
        return;
    b->mark[b->depth++] = b->path.len;
    join(b, &b->path, scope);
    if (!fw_str_ok(&b->path))
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
}

void fw_enter_number(struct fw_builder *b, const char *scope, int64_t number)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%.100s%" PRId64, scope, number);
    fw_enter(b, text);
}

void fw_leave(struct fw_builder *b)
{
    if (!fw_build_ok(b))
        return;
    if (b->depth == 0) {
        (void)fw_build_fail(b, FW_USAGE, "a scope is left that was not entered");
        return;
    }
    b->path.len = b->mark[--b->depth];
    if (b->path.data != NULL)
        b->path.data[b->path.len] = '\0';
}

void fw_separator(struct fw_builder *b, char separator)
{
    b->separator = separator;
}

static const char *keep(struct fw_builder *b, struct fw_str *s)
{
    const char *kept = fw_str_ok(s) ? fw_arena_strndup(&b->m->arena, fw_str_text(s), s->len) : NULL;
    if (kept == NULL)
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
    return kept;
}

/* The number of times that a name was taken before; or nobody has it any more. */
#define FREED UINT32_MAX

/* The name, or with the smallest number behind it that makes it a new one. */
static const char *unique(struct fw_builder *b, struct fw_str *s)
{
    size_t len = s->len;
    for (;;) {
        const char *name = keep(b, s);
        bool added = false;
        uint32_t *times = name == NULL ? NULL : fw_map_put(&b->names, name, s->len, 0, &added);
        if (times == NULL) {
            (void)fw_build_fail(b, FW_MEMORY, "out of memory");
            return NULL;
        }
        if (added || *times == FREED) {
            *times = 0;
            return name;
        }
        uint32_t next = ++*times;
        s->len = len;
        fw_str_addf(s, "_%" PRIu32, next);
    }
}

const char *fw_build_name(struct fw_builder *b, const char *name, const char *op)
{
    if (op == NULL || !fw_build_ok(b))
        return NULL;
    struct fw_str s;
    fw_str_init(&s, b->m->alloc);
    fw_str_addn(&s, fw_str_text(&b->path), b->path.len);
    if (name != NULL) {
        join(b, &s, name);
    } else {
        if (s.len > 0)
            fw_str_addc(&s, b->separator);
        for (const char *p = op; *p != '\0'; p++)
            fw_str_addc(&s, (char)tolower((unsigned char)*p));
    }
    const char *made = unique(b, &s);
    fw_str_free(&s);
    return made;
}

void fw_label(struct fw_builder *b, int x, const char *name)
{
    const struct fw_tensor *t = fw_build_tensor(b, x);
    const char *full = t != NULL ? fw_build_name(b, name, "label") : NULL;
    if (full == NULL)
        return;
    uint32_t *old =
        t->name != NULL ? fw_map_put(&b->names, t->name, strlen(t->name), 0, NULL) : NULL;
    if (old != NULL)
        *old = FREED;
    struct fw_graph *g = b->handle[x].g;
    g->tensors[b->handle[x].id].name = full;
    if (t->producer != FW_NONE)
        g->nodes[t->producer].name = full;
}

const char *fw_build_part(struct fw_builder *b, const char *layer, const char *part)
{
    if (!fw_build_ok(b))
        return NULL;
    const char *name = fw_arena_printf(&b->m->arena, "%s%c%s", layer, b->separator, part);
    if (name == NULL)
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
    return name;
}

/* ---- sizes ---- */

static int64_t checked(struct fw_builder *b, fw_dim d, const char *what)
{
    struct fw_error err;
    if (fw_dim_is_bad(d))
        (void)fw_build_fail(b, fw_symbols_fail(b->m->sym, what, &err), "%s", err.message);
    return d.word;
}

int64_t fw_size(struct fw_builder *b, const char *text)
{
    fw_count v;
    struct fw_error err = {.code = FW_OK};
    if (!fw_build_ok(b))
        return 1;
    if (fw_count_parse(b->m->sym, text, strlen(text), &v, &err) != FW_OK) {
        (void)fw_build_fail(b, err.code, "'%.80s': %s", text, err.message);
        return 1;
    }
    return checked(b, fw_dim_of(v), text);
}

int64_t fw_size_plus(struct fw_builder *b, int64_t x, int64_t y)
{
    return fw_build_ok(b) ? checked(b, fw_dim_add(b->m->sym, (fw_dim){x}, (fw_dim){y}), "a sum")
                          : 1;
}

int64_t fw_size_times(struct fw_builder *b, int64_t x, int64_t y)
{
    return fw_build_ok(b) ? checked(b, fw_dim_mul(b->m->sym, (fw_dim){x}, (fw_dim){y}), "a product")
                          : 1;
}

int64_t fw_size_over(struct fw_builder *b, int64_t x, int64_t y)
{
    return fw_build_ok(b)
               ? checked(b, fw_dim_floor_div(b->m->sym, (fw_dim){x}, (fw_dim){y}), "a quotient")
               : 1;
}

int fw_rank_of(struct fw_builder *b, int x)
{
    const struct fw_tensor *t = fw_build_tensor(b, x);
    return t == NULL || t->rank == FW_RANK_UNKNOWN ? -1 : t->rank;
}

int64_t fw_size_of(struct fw_builder *b, int x, int axis)
{
    const struct fw_tensor *t = fw_build_tensor(b, x);
    if (t == NULL)
        return 1;
    int rank = t->rank;
    int at = axis < 0 ? axis + rank : axis;
    if (t->rank == FW_RANK_UNKNOWN || at < 0 || at >= rank) {
        (void)fw_build_fail(b, FW_SHAPE, "axis %d is wanted of '%s', it has %d", axis,
                            t->name != NULL ? t->name : "a tensor", rank);
        return 1;
    }
    return t->dims[at].word;
}

/* ---- tensors that no node makes ---- */

static bool good_dims(struct fw_builder *b, const char *name, unsigned rank, const int64_t *dims,
                      fw_dim *ret)
{
    if (!fw_build_within(b, FW_MOST_dims, rank))
        return false;
    for (unsigned k = 0; k < rank; k++) {
        ret[k] = (fw_dim){dims[k]};
        int sign = fw_dim_sign(b->m->sym, ret[k]);
        if (fw_dim_is_bad(ret[k]) || sign == 0 || sign == -1 || sign == -2)
            return fw_build_fail(b, FW_SHAPE, "'%s': dimension %u must be positive", name, k) == 0;
    }
    return true;
}

static int new_tensor(struct fw_builder *b, struct fw_graph *g, const char *name, enum fw_kind kind,
                      enum fw_dtype dtype, unsigned rank, const int64_t *dims)
{
    static const struct fw_data nothing = {NULL, 0};
    fw_dim copy[FW_MAX_RANK];
    uint32_t id;
    if (!fw_build_ok(b) || name == NULL || !good_dims(b, name, rank, dims, copy))
        return -1;
    if (fw_graph_tensor(g, name, kind, dtype, (uint8_t)rank, copy, &id, &b->err) != FW_OK)
        return -1;
    if (kind != FW_KIND_INPUT) {
        g->tensors[id].data = &nothing;
        g->tensors[id].flags |= FW_TENSOR_WEIGHT_SIDE;
    }
    return fw_build_handle(b, g, id);
}

int fw_build_stored(struct fw_builder *b, const char *name, enum fw_kind kind, unsigned rank,
                    const int64_t *dims)
{
    int64_t all[FW_MAX_RANK + FW_BUILD_MAX_SCOPES];
    if (!fw_build_ok(b))
        return -1;
    if (!fw_build_within(b, FW_MOST_dims, rank))
        return -1;
    rank = fw_build_stack_dims(b, rank, dims, all);
    return fw_build_slice(b, new_tensor(b, &b->m->graph, name, kind, FW_F32, rank, all));
}

static const char *stored_name(struct fw_builder *b, const char *name)
{
    struct fw_str s;
    fw_str_init(&s, b->m->alloc);
    fw_str_addn(&s, fw_str_text(&b->path), b->path.len);
    join(b, &s, name);
    const char *kept = keep(b, &s);
    fw_str_free(&s);
    return kept;
}

int fw_parameter(struct fw_builder *b, const char *name, int rank, const int64_t *dims)
{
    return fw_build_ok(b)
               ? fw_build_stored(b, stored_name(b, name), FW_KIND_PARAM, (unsigned)rank, dims)
               : -1;
}

int fw_build_constant(struct fw_builder *b, const char *name, enum fw_dtype dtype, unsigned rank,
                      const int64_t *dims)
{
    return fw_build_ok(b) ? new_tensor(b, &b->m->graph, stored_name(b, name), FW_KIND_CONSTANT,
                                       dtype, rank, dims)
                          : -1;
}

int fw_constant(struct fw_builder *b, const char *name, int rank, const int64_t *dims)
{
    return fw_build_constant(b, name, FW_F32, (unsigned)rank, dims);
}

/* Room for n bytes of contents of a constant; NULL: none. */
static unsigned char *contents(struct fw_builder *b, struct fw_graph *g, int x, size_t n)
{
    struct fw_data *data = fw_arena_alloc(&b->m->arena, sizeof *data);
    unsigned char *bytes = fw_arena_alloc(&b->m->arena, n);
    if (x < 0 || data == NULL || bytes == NULL) {
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
        return NULL;
    }
    *data = (struct fw_data){bytes, n};
    g->tensors[b->handle[x].id].data = data;
    return bytes;
}

static void put_bytes(unsigned char *to, uint64_t bits, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (unsigned char)(bits >> (8 * i));
}

int fw_build_integers(struct fw_builder *b, const char *name, int64_t n, fw_build_value *value,
                      const void *ctx)
{
    enum { EACH = sizeof(int64_t) };
    int x = fw_build_constant(b, name, FW_I64, 1, &n);
    unsigned char *bytes = x < 0 ? NULL : contents(b, &b->m->graph, x, (size_t)n * EACH);
    for (int64_t i = 0; bytes != NULL && i < n; i++)
        put_bytes(bytes + i * EACH, (uint64_t)value(ctx, i), EACH);
    return bytes != NULL ? x : -1;
}

int fw_number(struct fw_builder *b, double v)
{
    float value = (float)v;
    uint32_t bits;
    if (!fw_build_ok(b))
        return -1;
    int x = new_tensor(b, b->g, "number", FW_KIND_CONSTANT, FW_F32, 0, NULL);
    unsigned char *bytes = contents(b, b->g, x, sizeof bits);
    memcpy(&bits, &value, sizeof bits);
    if (bytes != NULL)
        put_bytes(bytes, bits, sizeof bits);
    return bytes != NULL ? x : -1;
}

int fw_sizes(struct fw_builder *b, int n, const int64_t *v)
{
    int64_t length = n;
    if (!fw_build_ok(b))
        return -1;
    int x = new_tensor(b, b->g, "sizes", FW_KIND_CONSTANT, FW_I64, 1, &length);
    fw_dim *value = fw_arena_array(&b->m->arena, (size_t)n, sizeof *value);
    if (x < 0 || value == NULL)
        return fw_build_fail(b, FW_MEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        value[i] = (fw_dim){v[i]};
    b->g->tensors[b->handle[x].id].value = value;
    return x;
}

static enum fw_dtype dtype_named(const char *type)
{
    for (unsigned i = FW_UNKNOWN + 1; i < FW_N_DTYPES; i++)
        if (strcmp(fw_dtypes[i].name, type) == 0)
            return (enum fw_dtype)i;
    return FW_UNKNOWN;
}

int fw_input(struct fw_builder *b, const char *name, const char *type, int rank,
             const int64_t *dims)
{
    if (!fw_build_ok(b))
        return -1;
    enum fw_dtype dtype = dtype_named(type);
    if (dtype == FW_UNKNOWN)
        return fw_build_fail(b, FW_USAGE, "input '%s': there is no element type '%s'", name, type);
    if (b->g != &b->m->graph)
        return fw_build_fail(b, FW_USAGE, "input '%s' inside a repetition", name);
    const char *kept = fw_arena_strndup(&b->m->arena, name, strlen(name));
    int x = new_tensor(b, b->g, kept, FW_KIND_INPUT, dtype, (unsigned)rank, dims);
    if (x >= 0)
        push(b, &b->inputs, b->handle[x].id);
    return x;
}

void fw_output(struct fw_builder *b, int x)
{
    const struct fw_tensor *t = fw_build_tensor(b, x);
    if (t == NULL)
        return;
    if (b->handle[x].g != &b->m->graph) {
        (void)fw_build_fail(b, FW_USAGE, "an output inside a repetition");
        return;
    }
    b->handle[x].g->tensors[b->handle[x].id].flags |= FW_TENSOR_OUTPUT;
    push(b, &b->outputs, b->handle[x].id);
}
