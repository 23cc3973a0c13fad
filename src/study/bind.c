/* Binding symbols and shapes; see bind.h.
 *
 * A binding replaces a symbol wherever the file uses it, so that two inputs that share one stay
 * equal. "batch" and "seq" are what people ask for whatever the file calls it: they also find the
 * usual names where an input has them, then the symbol that stands in that place of the first
 * input, and "batch" finally a leading 1 that every input has. */
#include "study/bind.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_BINDINGS = 64 }; // the highest that limit `bindings` may be

struct binder {
    struct fw_model *m;
    struct fw_error *err;
    uint32_t symbol[MAX_BINDINGS];
    fw_dim value[MAX_BINDINGS];
    unsigned n;
};

static const char *const batch_names[] = {"batch", "batch_size", "batchsize", "N",      "n", "bs",
                                          "B",     "Batch",      "None",      "unk__0", NULL};
static const char *const seq_names[] = {
    "seq",          "sequence", "seq_len",     "seq_length", "sequence_length",
    "sequence_len", "seqlen",   "max_seq_len", "S",          "T",
    "time",         "length",   NULL};

static struct fw_tensor *input_at(struct binder *b, uint32_t i)
{
    return &b->m->graph.tensors[b->m->graph.inputs[i]];
}

static bool has_letter(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
            text[i] == '_')
            return true;
    return false;
}

static enum fw_status parse_dim(struct binder *b, const char *what, const char *text, size_t len,
                                fw_dim *ret)
{
    fw_count v;
    enum fw_status status = fw_count_parse(b->m->sym, text, len, &v, b->err);
    if (status == FW_USAGE)
        return fw_fail(b->err, FW_USAGE, -1,
                       "'%s': a positive whole number or a letter is wanted, found '%.*s'", what,
                       (int)len, text);
    if (status != FW_OK) {
        fw_error_prefix(b->err, "'%s': ", what);
        return status;
    }
    *ret = fw_dim_of(v);
    FW_REQUIRE(!fw_dim_is_bad(*ret), b->err, FW_USAGE, "'%s': '%.*s' is too large for a size", what,
               (int)len, text);
    FW_REQUIRE(fw_dim_is_const(*ret) ? ret->word >= 1 : has_letter(text, len), b->err, FW_USAGE,
               "'%s': a positive whole number or a letter is wanted, found '%.*s'", what, (int)len,
               text);
    return FW_OK;
}

static enum fw_status note(struct binder *b, uint32_t symbol, fw_dim value)
{
    for (unsigned i = 0; i < b->n; i++)
        if (b->symbol[i] == symbol) {
            FW_REQUIRE(fw_dim_eq(b->value[i], value), b->err, FW_USAGE,
                       "'%s' is given two different values", fw_symbol_name(b->m->sym, symbol));
            return FW_OK;
        }
    FW_WITHIN(b->m->alloc, FW_MOST_bindings, b->n + 1, -1, b->err);
    b->symbol[b->n] = symbol;
    b->value[b->n++] = value;
    return FW_OK;
}

static enum fw_status fail_unknown(struct binder *b, const char *name)
{
    struct fw_str names;
    fw_str_init(&names, b->m->alloc);
    for (uint32_t i = 0; i < fw_symbols_count(b->m->sym); i++)
        fw_str_addf(&names, "%s%s", i > 0 ? ", " : "", fw_symbol_name(b->m->sym, i));
    enum fw_status status =
        names.len > 0 ? fw_fail(b->err, FW_USAGE, -1, "no symbol '%s': the model has %s", name,
                                fw_str_text(&names))
                      : fw_fail(b->err, FW_USAGE, -1,
                                "no symbol '%s': every dimension of the model is a number; --shape "
                                "INPUT=DIMS changes an input",
                                name);
    fw_str_free(&names);
    return status;
}

/* A usual name means the batch or the sequence only as a size of an input: elsewhere n may be a
 * depth. Batch and time come first, in either order where features follow. */
static bool is_input_size(struct binder *b, uint32_t symbol, unsigned place)
{
    for (uint32_t i = 0; i < b->m->graph.n_inputs; i++) {
        const struct fw_tensor *t = input_at(b, i);
        if (t->rank == FW_RANK_UNKNOWN)
            continue;
        for (unsigned k = 0; k < t->rank; k++)
            if (fw_symbol_of(b->m->sym, t->dims[k]) == symbol &&
                (k == place || strlen(fw_symbol_name(b->m->sym, symbol)) > 1 ||
                 (k < 2 && t->rank > 2)))
                return true;
    }
    return false;
}

static uint32_t find_alias(struct binder *b, const char *const *names, unsigned place)
{
    for (; *names != NULL; names++) {
        uint32_t i = fw_symbols_find(b->m->sym, *names, strlen(*names));
        if (i != UINT32_MAX && is_input_size(b, i, place))
            return i;
    }
    for (uint32_t i = 0; i < b->m->graph.n_inputs; i++) {
        const struct fw_tensor *t = input_at(b, i);
        if (t->rank != FW_RANK_UNKNOWN && t->rank > place)
            return fw_symbol_of(b->m->sym, t->dims[place]);
    }
    return UINT32_MAX;
}

static enum fw_status set_dims(struct binder *b, struct fw_tensor *t, const fw_dim *dims)
{
    t->dims = fw_arena_copy(&b->m->arena, dims, t->rank * sizeof *dims);
    return t->dims != NULL ? FW_OK : fw_fail_memory(b->err);
}

/* Every input begins with 1: the file was exported for one example. */
static bool has_leading_one(struct binder *b)
{
    const struct fw_graph *g = &b->m->graph;
    bool all = g->n_inputs > 0;
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct fw_tensor *t = input_at(b, i);
        all &= t->rank != FW_RANK_UNKNOWN && t->rank > 0 && fw_dim_is(t->dims[0], 1);
    }
    return all;
}

static enum fw_status set_leading_one(struct binder *b, fw_dim value)
{
    for (uint32_t i = 0; i < b->m->graph.n_inputs; i++) {
        struct fw_tensor *t = input_at(b, i);
        fw_dim dims[FW_MAX_RANK];
        memcpy(dims, t->dims, t->rank * sizeof *dims);
        dims[0] = value;
        FW_TRY(set_dims(b, t, dims));
    }
    return FW_OK;
}

static enum fw_status bind_symbol(struct binder *b, const struct fw_binding *binding)
{
    const char *name = binding->name;
    bool batch = strcmp(name, "batch") == 0;
    bool seq = strcmp(name, "seq") == 0;
    uint32_t symbol = fw_symbols_find(b->m->sym, name, strlen(name));
    if (symbol == UINT32_MAX && (batch || seq))
        symbol = find_alias(b, batch ? batch_names : seq_names, batch ? 0 : 1);
    if (symbol == UINT32_MAX && !(batch && has_leading_one(b)))
        return fail_unknown(b, name);
    fw_dim value;
    FW_TRY(parse_dim(b, name, binding->value, strlen(binding->value), &value));
    return symbol != UINT32_MAX ? note(b, symbol, value) : set_leading_one(b, value);
}

static struct fw_tensor *find_input(struct binder *b, const char *name)
{
    if (name == NULL)
        return b->m->graph.n_inputs == 1 ? input_at(b, 0) : NULL;
    for (uint32_t i = 0; i < b->m->graph.n_inputs; i++) {
        struct fw_tensor *t = input_at(b, i);
        if (t->name != NULL && strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

static enum fw_status fail_no_input(struct binder *b, const char *name)
{
    struct fw_str names;
    fw_str_init(&names, b->m->alloc);
    for (uint32_t i = 0; i < b->m->graph.n_inputs; i++)
        fw_str_addf(&names, "%s%s", i > 0 ? ", " : "",
                    input_at(b, i)->name ? input_at(b, i)->name : "?");
    enum fw_status status = fw_fail(b->err, FW_USAGE, -1, "no input '%s': the model has %s",
                                    name != NULL ? name : "", fw_str_text(&names));
    fw_str_free(&names);
    return status;
}

/* "1x3x224x224" or, where letters with an x are wanted, "1,3,max(h,8),w". */
static enum fw_status parse_shape(struct binder *b, const char *text, fw_dim *dims,
                                  unsigned *ret_rank)
{
    char separator = strchr(text, ',') != NULL ? ',' : 'x';
    unsigned depth = 0;
    unsigned rank = 0;
    const char *start = text;
    for (const char *p = text;; p++) {
        if (*p == '(')
            depth++;
        if (*p == ')' && depth > 0)
            depth--;
        if (*p != '\0' && (*p != separator || depth > 0))
            continue;
        FW_REQUIRE(rank < FW_MAX_RANK, b->err, FW_USAGE, "'%s': at most %d dimensions", text,
                   FW_MAX_RANK);
        FW_TRY(parse_dim(b, text, start, (size_t)(p - start), &dims[rank++]));
        if (*p == '\0')
            break;
        start = p + 1;
    }
    *ret_rank = rank;
    return FW_OK;
}

static enum fw_status bind_shape(struct binder *b, const struct fw_binding *binding)
{
    struct fw_tensor *t = find_input(b, binding->name);
    if (t == NULL)
        return fail_no_input(b, binding->name);
    fw_dim dims[FW_MAX_RANK];
    unsigned rank;
    FW_TRY(parse_shape(b, binding->value, dims, &rank));
    FW_REQUIRE(t->rank == FW_RANK_UNKNOWN || t->rank == rank, b->err, FW_SHAPE,
               "input '%s' has %u dimensions, '%s' has %u", t->name ? t->name : "", t->rank,
               binding->value, rank);
    for (unsigned i = 0; t->rank != FW_RANK_UNKNOWN && i < rank; i++) {
        uint32_t symbol = fw_symbol_of(b->m->sym, t->dims[i]);
        if (symbol != UINT32_MAX && !fw_dim_eq(t->dims[i], dims[i]))
            FW_TRY(note(b, symbol, dims[i]));
    }
    t->rank = (uint8_t)rank;
    return set_dims(b, t, dims);
}

static bool replace(struct binder *b, fw_dim *d, const fw_dim *values, uint32_t n)
{
    if (fw_dim_is_const(*d))
        return false;
    *d = fw_dim_of(fw_count_substitute(b->m->sym, fw_count_of(*d), values, n));
    return true;
}

/* Sizes that a built network has stored (the shape a Reshape takes) hold letters too. */
static enum fw_status substitute_value(struct binder *b, struct fw_tensor *t, const fw_dim *values,
                                       uint32_t n)
{
    if (t->producer != FW_NONE || t->value == NULL || t->rank != 1 || !fw_dim_is_const(t->dims[0]))
        return FW_OK;
    size_t length = (size_t)t->dims[0].word;
    fw_dim *copy = fw_arena_copy(&b->m->arena, t->value, length * sizeof *copy);
    if (copy == NULL)
        return fw_fail_memory(b->err);
    for (size_t k = 0; k < length; k++)
        (void)replace(b, &copy[k], values, n);
    t->value = copy;
    return FW_OK;
}

static enum fw_status substitute(struct binder *b, struct fw_graph *g, const fw_dim *values,
                                 uint32_t n)
{
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct fw_tensor *t = &g->tensors[i];
        if (t->rank == FW_RANK_UNKNOWN || t->rank == 0)
            continue;
        fw_dim dims[FW_MAX_RANK];
        bool changed = false;
        memcpy(dims, t->dims, t->rank * sizeof *dims);
        for (unsigned k = 0; k < t->rank; k++) {
            changed |= replace(b, &dims[k], values, n);
            FW_REQUIRE(!fw_dim_is_const(dims[k]) || dims[k].word >= 0, b->err, FW_SHAPE,
                       "'%s' would have a dimension of %" PRId64 ": the letters are too small",
                       t->name != NULL ? t->name : "a tensor", dims[k].word);
        }
        if (changed)
            FW_TRY(set_dims(b, t, dims));
        FW_TRY(substitute_value(b, t, values, n));
    }
    for (struct fw_graph *body = g->bodies; body != NULL; body = body->next_body)
        FW_TRY(substitute(b, body, values, n));
    return FW_OK;
}

enum fw_status fw_bind(struct fw_model *m, const struct fw_analysis_options *options,
                       struct fw_error *err)
{
    struct binder b = {.m = m, .err = err};
    for (size_t i = 0; i < options->n_shapes; i++)
        FW_TRY(bind_shape(&b, &options->shapes[i]));
    for (size_t i = 0; i < options->n_symbols; i++)
        FW_TRY(bind_symbol(&b, &options->symbols[i]));
    if (b.n == 0)
        return FW_OK;
    uint32_t n = fw_symbols_count(m->sym);
    fw_dim *values = fw_arena_array(&m->arena, n, sizeof *values);
    if (values == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < n; i++)
        values[i] = fw_dim_bad();
    for (unsigned i = 0; i < b.n; i++)
        values[b.symbol[i]] = b.value[i];
    return substitute(&b, &m->graph, values, n);
}
