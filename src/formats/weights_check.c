/* Do the files hold the network? Every stored tensor of the graph is looked for by its name, and
 * what is left over is named.
 *
 * Names differ in ways that transformers evens out when it loads (modeling_utils.py): the base
 * model's prefix is there or not, old norms have gamma and beta, packed layers have their scheme's
 * names, tied weights stand there twice or once. Shapes are compared without regard to order,
 * because a linear layer stores its matrix transposed. */
#include "formats/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 1024, MAX_DIMS = 8 };

struct alias { // the end of a name in the graph, and in files
    const char *ours, *theirs;
};
static const struct alias aliases[] = {
    {".weight", ".qweight"},
    {".weight", ".q_weight"},
    {".weight", ".weight_packed"},
    {".weight", ".gamma"},
    {".bias", ".beta"},
    {".weight", "_blocks"}, // experts of gpt-oss, whose tensors are no layers
    {".weight", ""},
    {".bias", "_bias"},
    {".router_correction", ".mlp.gate.e_score_correction_bias"},
};
enum { N_ALIASES = sizeof aliases / sizeof *aliases };

/* Second copies of an embedding table under the names of heads and of shared tables. */
static const char *const copies[] = {"lm_head.weight", "embed_out.weight", "decoder.weight",
                                     "embed_tokens.weight", "decoder.bias"};

struct check {
    struct fw_model *m;
    struct fw_weights *w;
    struct fw_error *err;
    uint8_t *used; // (w->n) 1: the network has it
    uint32_t cap_misfits;
    fw_weights_translate *translate; // or NULL
    const void *ctx;
    char ours[MAX_NAME], theirs[MAX_NAME]; // usual first parts of names, or ""
    char name[2 * MAX_NAME];
};

/* ---- what is wrong ---- */

static const char *shape_text(struct check *c, const int64_t *dims, unsigned rank)
{
    struct fw_str s;
    fw_str_init(&s, c->m->alloc);
    for (unsigned i = 0; i < rank; i++)
        fw_str_addf(&s, "%s%" PRId64, i > 0 ? "x" : "", dims[i]);
    if (rank == 0)
        fw_str_add(&s, "scalar");
    const char *kept =
        fw_str_ok(&s) ? fw_arena_strndup(&c->m->arena, fw_str_text(&s), s.len) : NULL;
    fw_str_free(&s);
    return kept;
}

static enum fw_status note(struct check *c, enum fw_misfit_kind kind, const char *name,
                           const char *expected, const char *found)
{
    struct fw_weights *w = c->w;
    if (w->n_misfits == c->cap_misfits) {
        uint32_t cap = c->cap_misfits != 0 ? 2 * c->cap_misfits : 16;
        struct fw_misfit *more = fw_arena_array(&c->m->arena, cap, sizeof *more);
        if (more == NULL)
            return fw_fail_memory(c->err);
        if (w->n_misfits > 0)
            memcpy(more, w->misfits, w->n_misfits * sizeof *more);
        w->misfits = more;
        c->cap_misfits = cap;
    }
    const char *kept = fw_arena_strndup(&c->m->arena, name, strlen(name));
    if (kept == NULL || (expected == NULL && found == NULL))
        return fw_fail_memory(c->err);
    w->misfits[w->n_misfits++] = (struct fw_misfit){kind, kept, expected, found};
    w->n_harmless += kind >= FW_MISFIT_BUFFER;
    return FW_OK;
}

/* ---- looking up ---- */

static struct fw_stored *exact(const struct check *c, const char *name, size_t len)
{
    const uint32_t *id = fw_map_get(&c->w->by_name, name, len);
    return id == NULL ? NULL : &c->w->tensors[*id];
}

/* With the usual prefix of the graph's names left out, or that of the files put in front. */
static struct fw_stored *with_prefix(const struct check *c, const char *name)
{
    size_t len = strlen(name), ours = strlen(c->ours), theirs = strlen(c->theirs);
    struct fw_stored *t = exact(c, name, len);
    if (t == NULL && ours > 0 && len > ours && memcmp(name, c->ours, ours) == 0)
        t = exact(c, name + ours, len - ours);
    if (t != NULL || theirs == 0 || theirs + len >= MAX_NAME)
        return t;
    char whole[MAX_NAME];
    (void)snprintf(whole, sizeof whole, "%s%s", c->theirs, name);
    return exact(c, whole, theirs + len);
}

static struct fw_stored *look_up(struct check *c, const char *name)
{
    struct fw_stored *t = with_prefix(c, name);
    size_t len = strlen(name);
    for (unsigned i = 0; t == NULL && i < N_ALIASES; i++) {
        size_t ours = strlen(aliases[i].ours);
        if (len < ours || strcmp(name + len - ours, aliases[i].ours) != 0)
            continue;
        (void)snprintf(c->name, sizeof c->name, "%.*s%s", (int)(len - ours), name,
                       aliases[i].theirs);
        t = with_prefix(c, c->name);
    }
    return t;
}

/* ---- prefixes ---- */

static size_t first_part(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL ? 0 : (size_t)(dot - name) + 1;
}

/* Counts names by their first part and keeps the part that most have. */
struct vote {
    struct fw_map parts;
    uint32_t best;
    const char *name;
    size_t len;
};

static bool add_vote(struct vote *v, const char *name)
{
    size_t len = first_part(name);
    if (len == 0 || len >= MAX_NAME)
        return true;
    uint32_t *n = fw_map_put(&v->parts, name, len, 0, NULL);
    if (n == NULL)
        return false;
    if (++*n > v->best) {
        v->best = *n;
        v->name = name;
        v->len = len;
    }
    return true;
}

static bool is_stored(const struct fw_tensor *t)
{
    return (t->kind == FW_KIND_PARAM || t->kind == FW_KIND_BUFFER) && t->name != NULL &&
           strlen(t->name) + 64 < MAX_NAME;
}

static enum fw_status find_prefixes(struct check *c)
{
    struct vote ours = {.best = 0}, theirs = {.best = 0};
    const struct fw_graph *g = &c->m->graph;
    bool good = true;
    fw_map_init(&ours.parts, c->m->alloc);
    fw_map_init(&theirs.parts, c->m->alloc);
    for (uint32_t i = 0; good && i < g->n_tensors; i++)
        good = !is_stored(&g->tensors[i]) || add_vote(&ours, g->tensors[i].name);
    for (uint32_t i = 0; good && i < c->w->n; i++)
        good = add_vote(&theirs, c->w->tensors[i].name);
    if (good && ours.len > 0)
        memcpy(c->ours, ours.name, ours.len);
    if (good && theirs.len > 0)
        memcpy(c->theirs, theirs.name, theirs.len);
    fw_map_free(&ours.parts);
    fw_map_free(&theirs.parts);
    return good ? FW_OK : fw_fail_memory(c->err);
}

/* ---- comparing ---- */

/* dims without ones, sorted. */
static unsigned plain_dims(int64_t *ret, const int64_t *dims, unsigned rank)
{
    unsigned n = 0;
    for (unsigned i = 0; i < rank && n < MAX_DIMS; i++) {
        if (dims[i] == 1)
            continue;
        unsigned k = n++;
        for (; k > 0 && ret[k - 1] > dims[i]; k--)
            ret[k] = ret[k - 1];
        ret[k] = dims[i];
    }
    return n;
}

static bool fits(struct fw_stored *t, const int64_t *dims, unsigned rank)
{
    int64_t n = fw_storage_elements(dims, rank);
    int64_t a[MAX_DIMS], b[MAX_DIMS];
    if (t->scheme != NULL && t->role == FW_STORED_PARAM && t->params != t->elements) {
        if (t->params < 0)
            t->params = n; // the network says what the header does not
        return t->params == n || (t->params == n + 1 && t->bytes == t->params / 2);
    }
    unsigned m = plain_dims(a, dims, rank);
    return m == plain_dims(b, t->dims, t->rank) && memcmp(a, b, m * sizeof *a) == 0 &&
           n == t->elements;
}

/* In the order of the file, as far as that can be seen. */
static void turn_like(int64_t *dims, unsigned rank, const struct fw_stored *t)
{
    bool turned = rank == 2 && t->rank == 2 && dims[0] != dims[1] &&
                  (dims[0] == t->dims[1] || dims[1] == t->dims[0]);
    if (turned) {
        int64_t first = dims[0];
        dims[0] = dims[1];
        dims[1] = first;
    }
}

/* What its name did not show and the network does. */
static void make_buffer(struct fw_stored *t)
{
    if (t->role != FW_STORED_PARAM)
        return;
    t->role = FW_STORED_BUFFER;
    t->params = 0;
}

static enum fw_status check_one(struct check *c, const char *name, int64_t *dims, unsigned rank,
                                bool needed)
{
    struct fw_stored *t = look_up(c, name);
    c->w->n_expected += needed;
    if (t == NULL)
        return needed ? note(c, FW_MISFIT_MISSING, name, shape_text(c, dims, rank), NULL) : FW_OK;
    c->used[t - c->w->tensors] = 1;
    if (!needed)
        make_buffer(t);
    if (fits(t, dims, rank))
        return FW_OK;
    turn_like(dims, rank, t);
    return note(c, FW_MISFIT_SHAPE, t->name, shape_text(c, dims, rank),
                shape_text(c, t->dims, t->rank));
}

/* ---- files with names of their own ---- */

/* The tensors of "a+b", all of them, marked as used; their elements together, -1 where one is not
 * there. *ret_only: the tensor where it is one. */
static int64_t find_parts(struct check *c, const char *names, size_t len, const char *ending,
                          struct fw_stored **ret_only)
{
    uint32_t found[4];
    unsigned n = 0;
    for (size_t at = 0; at < len && n < 4; n++) {
        size_t k = 0;
        while (at + k < len && names[at + k] != '+')
            k++;
        bool ended = at + k == len && names[len] == '\0';
        (void)snprintf(c->name, sizeof c->name, "%.*s%s", (int)k, names + at, ended ? "" : ending);
        struct fw_stored *t = exact(c, c->name, strlen(c->name));
        if (t == NULL)
            return -1;
        found[n] = (uint32_t)(t - c->w->tensors);
        *ret_only = t;
        at += k + 1;
    }
    int64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        c->used[found[i]] = 1;
        if (__builtin_add_overflow(sum, c->w->tensors[found[i]].elements, &sum))
            return INT64_MAX;
    }
    *ret_only = n == 1 ? *ret_only : NULL;
    return sum;
}

static enum fw_status check_translated(struct check *c, const char *name, int64_t *dims,
                                       unsigned rank, bool needed)
{
    char names[2 * MAX_NAME];
    if (!c->translate(c->ctx, name, names, sizeof names))
        (void)snprintf(names, sizeof names, "%s", name);
    const char *ending = strrchr(names, '.');
    ending = ending != NULL ? ending : "";
    c->w->n_expected += needed;
    for (const char *p = names; *p != '\0';) {
        size_t len = strcspn(p, "|");
        struct fw_stored *only = NULL;
        int64_t n = find_parts(c, p, len, ending, &only);
        if (n >= 0 && only != NULL && !needed)
            make_buffer(only);
        if (n >= 0) {
            bool cut = only != NULL && rank == 1 && only->elements == dims[0]; // into groups
            if (cut ||
                (only != NULL ? fits(only, dims, rank) : n == fw_storage_elements(dims, rank)))
                return FW_OK;
            if (only != NULL)
                turn_like(dims, rank, only);
            return note(
                c, FW_MISFIT_SHAPE, only != NULL ? only->name : names, shape_text(c, dims, rank),
                only != NULL ? shape_text(c, only->dims, only->rank) : shape_text(c, &n, 1));
        }
        p += len + (p[len] == '|');
    }
    return needed ? note(c, FW_MISFIT_MISSING, names, shape_text(c, dims, rank), NULL) : FW_OK;
}

/* A star stands for one tensor of each expert, the first dimension. */
static enum fw_status check_tensor(struct check *c, const struct fw_tensor *t)
{
    int64_t dims[FW_MAX_RANK] = {0};
    for (unsigned i = 0; i < t->rank; i++) {
        if (t->dims[i].word < 0)
            return FW_OK; // a size that is open: nothing to compare
        dims[i] = t->dims[i].word;
    }
    bool needed = t->kind == FW_KIND_PARAM;
    if (c->translate != NULL)
        return check_translated(c, t->name, dims, t->rank, needed);
    const char *star = strchr(t->name, '*');
    if (star == NULL || t->rank == 0)
        return check_one(c, t->name, dims, t->rank, needed);
    for (int64_t k = 0; k < t->dims[0].word; k++) {
        char name[MAX_NAME + 32];
        int64_t own[FW_MAX_RANK];
        memcpy(own, dims + 1, (t->rank - 1u) * sizeof *own);
        (void)snprintf(name, sizeof name, "%.*s%" PRId64 "%s", (int)(star - t->name), t->name, k,
                       star + 1);
        FW_TRY(check_one(c, name, own, t->rank - 1u, needed));
    }
    return FW_OK;
}

/* ---- what is left over ---- */

static bool is_copy(const struct check *c, const struct fw_stored *t)
{
    size_t len = strlen(t->name);
    bool named = false;
    for (unsigned i = 0; i < sizeof copies / sizeof *copies; i++) {
        size_t n = strlen(copies[i]);
        named |= len >= n && strcmp(t->name + len - n, copies[i]) == 0;
    }
    for (uint32_t i = 0; named && i < c->w->n; i++) {
        const struct fw_stored *other = &c->w->tensors[i];
        if (c->used[i] && other->rank == t->rank &&
            memcmp(other->dims, t->dims, t->rank * sizeof *t->dims) == 0)
            return true;
    }
    return false;
}

static enum fw_status check_rest(struct check *c)
{
    for (uint32_t i = 0; i < c->w->n; i++) {
        const struct fw_stored *t = &c->w->tensors[i];
        if (c->used[i] || (t->role == FW_STORED_SCALES && (t->of == UINT32_MAX || c->used[t->of])))
            continue;
        enum fw_misfit_kind kind = t->role == FW_STORED_BUFFER ? FW_MISFIT_BUFFER
                                   : is_copy(c, t)             ? FW_MISFIT_COPY
                                                               : FW_MISFIT_EXTRA;
        FW_TRY(note(c, kind, t->name, NULL, shape_text(c, t->dims, t->rank)));
    }
    return FW_OK;
}

enum fw_status fw_weights_check(struct fw_model *m, fw_weights_translate *translate,
                                const void *ctx, struct fw_error *err)
{
    const struct fw_graph *g = &m->graph;
    struct check *c = fw_arena_zalloc(&m->arena, sizeof *c);
    if (c == NULL)
        return fw_fail_memory(err);
    c->m = m;
    c->w = m->weights;
    c->err = err;
    c->translate = translate;
    c->ctx = ctx;
    c->used = fw_arena_zalloc(&m->arena, c->w->n + (size_t)1);
    if (c->used == NULL)
        return fw_fail_memory(err);
    FW_TRY(find_prefixes(c));
    for (uint32_t i = 0; i < g->n_tensors; i++)
        if (is_stored(&g->tensors[i]))
            FW_TRY(check_tensor(c, &g->tensors[i]));
    c->w->checked = true;
    return check_rest(c);
}
