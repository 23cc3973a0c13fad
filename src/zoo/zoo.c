/* Finding a network by its specification and reading its keys; see zoo.h. */
#include "zoo/zoo.h"

#include "base/real.h"

#include <inttypes.h>
#include <string.h>

#define FW_ZOO_FAMILY(name) extern const struct fw_zoo_family fw_zoo_##name;
#include "zoo/zoo.def"
#undef FW_ZOO_FAMILY

const struct fw_zoo_family *const fw_zoo_families[] = {
#define FW_ZOO_FAMILY(name) &fw_zoo_##name,
#include "zoo/zoo.def"
#undef FW_ZOO_FAMILY
};
const unsigned fw_n_zoo_families = sizeof fw_zoo_families / sizeof *fw_zoo_families;

enum { MAX_NETS = 255, MAX_TEXT = 1024 };

/* ---- names ---- */

static char plain(char c)
{
    return (char)(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* "ViT_B_16" is "vit-b-16" too: all spellings are in use. */
static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' || *b != '\0'; a++, b++)
        if (plain(*a) != plain(*b))
            return false;
    return true;
}

const struct fw_zoo_net *fw_zoo_find(const char *name)
{
    for (unsigned f = 0; f < fw_n_zoo_families; f++)
        for (unsigned i = 0; i < fw_zoo_families[f]->n; i++)
            if (same_name(fw_zoo_families[f]->nets[i].name, name))
                return &fw_zoo_families[f]->nets[i];
    return NULL;
}

enum fw_status fw_zoo_unknown(const char *name, fw_zoo_guess *guess, struct fw_error *err)
{
    const char *names[MAX_NETS + 1];
    unsigned n = 0;
    for (unsigned f = 0; f < fw_n_zoo_families; f++)
        for (unsigned i = 0; i < fw_zoo_families[f]->n && n < MAX_NETS; i++)
            names[n++] = fw_zoo_families[f]->nets[i].name;
    names[n] = NULL;
    const char *near = guess != NULL ? guess(name, names) : NULL;
    if (near != NULL)
        return fw_fail(err, FW_USAGE, -1,
                       "there is no built-in network '%.60s'; did you mean '%s'?", name, near);
    return fw_fail(err, FW_USAGE, -1,
                   "there is no built-in network '%.60s'; `flopwise zoo` lists those there are",
                   name);
}

static int key_index(const struct fw_zoo_net *net, const char *key)
{
    for (unsigned i = 0; i < net->n_keys; i++)
        if (strcmp(net->keys[i].name, key) == 0)
            return (int)i;
    return -1;
}

static enum fw_status fail_key(const struct fw_zoo_net *net, const char *key, fw_zoo_guess *guess,
                               struct fw_error *err)
{
    const char *names[FW_ZOO_MAX_KEYS + 1];
    struct fw_str list;
    fw_str_init(&list, &fw_alloc_default);
    for (unsigned i = 0; i < net->n_keys; i++) {
        names[i] = net->keys[i].name;
        fw_str_addf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    names[net->n_keys] = NULL;
    const char *near = guess != NULL ? guess(key, names) : NULL;
    enum fw_status status =
        near != NULL ? fw_fail(err, FW_USAGE, -1, "%s has no key '%.60s'; did you mean '%s'?",
                               net->name, key, near)
                     : fw_fail(err, FW_USAGE, -1, "%s has no key '%.60s'; its keys are %s",
                               net->name, key, fw_str_text(&list));
    fw_str_free(&list);
    return status;
}

/* ---- values ---- */

static const char *value_of(struct fw_zoo *z, const char *key)
{
    int i = key_index(z->net, key);
    if (i >= 0 && z->value[i][0] == '=')
        i = key_index(z->net, z->value[i] + 1);
    if (i >= 0)
        return z->value[i];
    (void)fw_build_fail(z->b, FW_USAGE, "%s asks for a key '%s' that it has not", z->net->name,
                        key);
    return "1";
}

int64_t fw_zoo_size(struct fw_zoo *z, const char *key)
{
    const char *text = value_of(z, key);
    int64_t v = fw_size(z->b, text);
    if (fw_build_ok(z->b) && fw_dim_is_const((fw_dim){v}) && v < 1)
        (void)fw_build_fail(z->b, FW_USAGE, "%s=%.60s: a positive size is wanted", key, text);
    return v;
}

int64_t fw_zoo_turns(struct fw_zoo *z, const char *key, int64_t min)
{
    int64_t v = fw_size(z->b, value_of(z, key));
    bool letters = fw_build_ok(z->b) && !fw_dim_is_const((fw_dim){v});
    return letters ? v : fw_zoo_number(z, key, min);
}

int fw_zoo_flag(struct fw_zoo *z, const char *key)
{
    return fw_zoo_number(z, key, 0) != 0;
}

int64_t fw_zoo_number(struct fw_zoo *z, const char *key, int64_t min)
{
    const char *text = value_of(z, key);
    int64_t v = fw_size(z->b, text);
    if (!fw_build_ok(z->b))
        return min;
    if (!fw_dim_is_const((fw_dim){v}) || v < min)
        (void)fw_build_fail(z->b, FW_USAGE, "%s=%.60s: a number from %" PRId64 " on is wanted", key,
                            text, min);
    else if ((uint64_t)v > fw_most(z->b->m->alloc, FW_MOST_layers)) {
        struct fw_error why;
        fw_limit_error(z->b->m->alloc, FW_MOST_layers, -1, &why);
        (void)fw_build_fail(z->b, FW_LIMIT, "%s=%.60s: %s", key, text, why.message);
    }
    return fw_build_ok(z->b) ? v : min;
}

double fw_zoo_scale(struct fw_zoo *z, const char *key)
{
    const char *text = value_of(z, key);
    size_t n;
    double v = fw_real_parse(text, &n);
    if (text[n] == '\0' && v >= 0.01 && v <= 100)
        return v;
    (void)fw_build_fail(z->b, FW_USAGE, "%s=%.60s: a factor from 0.01 to 100 is wanted", key, text);
    return 1;
}

const char *fw_zoo_text(struct fw_zoo *z, const char *key)
{
    return value_of(z, key);
}

/* ---- specifications ---- */

/* Splits "NAME,key=value,..." in place; commas inside parentheses belong to a value. */
static char *next_part(char **rest)
{
    char *part = *rest;
    unsigned depth = 0;
    if (part == NULL)
        return NULL;
    for (char *p = part;; p++) {
        depth += *p == '(';
        depth -= *p == ')' && depth > 0;
        if (*p == '\0') {
            *rest = NULL;
            return part;
        }
        if (*p == ',' && depth == 0) {
            *p = '\0';
            *rest = p + 1;
            return part;
        }
    }
}

static enum fw_status read_spec(struct fw_zoo *z, char *text, fw_zoo_guess *guess,
                                struct fw_error *err)
{
    char *rest = text;
    const char *name = next_part(&rest);
    bool given[FW_ZOO_MAX_KEYS] = {false};
    z->net = fw_zoo_find(name);
    if (z->net == NULL)
        return fw_zoo_unknown(name, guess, err);
    z->variant = z->net->variant;
    for (unsigned i = 0; i < z->net->n_keys; i++)
        z->value[i] = z->net->keys[i].value;
    for (char *part = next_part(&rest); part != NULL; part = next_part(&rest)) {
        char *equals = strchr(part, '=');
        FW_REQUIRE(equals != NULL && equals > part && equals[1] != '\0', err, FW_USAGE,
                   "'%.60s': KEY=VALUE is wanted", part);
        *equals = '\0';
        int i = key_index(z->net, part);
        if (i < 0)
            return fail_key(z->net, part, guess, err);
        FW_REQUIRE(!given[i], err, FW_USAGE, "key '%s' is given two values", part);
        given[i] = true;
        z->value[i] = equals + 1;
    }
    return FW_OK;
}

enum fw_status fw_zoo_build_guess(struct fw_model *model, const char *spec, fw_zoo_guess *guess,
                                  struct fw_error *err)
{
    struct fw_zoo z = {.b = NULL};
    size_t len = strlen(spec);
    FW_REQUIRE(len <= MAX_TEXT, err, FW_LIMIT, "a specification of at most %d bytes is wanted",
               MAX_TEXT);
    char *text = fw_arena_strndup(&model->arena, spec, len);
    if (text == NULL)
        return fw_fail_memory(err);
    FW_TRY(read_spec(&z, text, guess, err));
    struct fw_builder b;
    fw_build_init(&b, model);
    z.b = &b;
    z.net->build(&z);
    model->format = "zoo";
    return fw_build_end(&b, err);
}

enum fw_status fw_zoo_build(struct fw_model *model, const char *spec, struct fw_error *err)
{
    return fw_zoo_build_guess(model, spec, NULL, err);
}

bool fw_zoo_has_key(const char *spec, const char *key, struct fw_arena *scratch)
{
    char *rest = fw_arena_strndup(scratch, spec, strlen(spec));
    const struct fw_zoo_net *net = rest != NULL ? fw_zoo_find(next_part(&rest)) : NULL;
    return net != NULL && key_index(net, key) >= 0;
}

char *fw_zoo_with(const char *spec, const char *key, const char *value, struct fw_arena *arena)
{
    char *rest = fw_arena_strndup(arena, spec, strlen(spec));
    size_t len = strlen(key);
    if (rest == NULL)
        return NULL;
    char *text = fw_arena_printf(arena, "%s,%s=%s", next_part(&rest), key, value);
    for (char *part = next_part(&rest); part != NULL && text != NULL; part = next_part(&rest))
        if (strncmp(part, key, len) != 0 || part[len] != '=')
            text = fw_arena_printf(arena, "%s,%s", text, part);
    return text;
}

fw_count fw_zoo_params(const struct fw_model *model)
{
    const struct fw_graph *g = &model->graph;
    fw_count sum = fw_count_int(0);
    for (uint32_t id = 0; id < g->n_tensors; id++)
        if (g->tensors[id].kind == FW_KIND_PARAM)
            sum = fw_count_add(g->sym, sum, fw_tensor_elements(g, &g->tensors[id]));
    return sum;
}
