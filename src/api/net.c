/* Opening model files and binding what they leave open. */
#include "api/net.h"

#include "base/folder.h"
#include "base/tsv.h"
#include "formats/folder.h"
#include "zoo/zoo.h"

#include <string.h>

#ifndef FW_VERSION
#error "the build gives FW_VERSION"
#endif

const char *fw_version(void)
{
    return FW_VERSION;
}

static enum fw_status net_new(struct fw_net **ret, const char *path, const struct fw_alloc *under,
                              const char *const *limits, struct fw_error *err)
{
    struct fw_meter *meter;
    FW_TRY(fw_meter_new(&meter, under, err));
    const struct fw_alloc *alloc = fw_meter_alloc(meter);
    enum fw_status status = fw_meter_set(meter, limits, err);
    struct fw_net *net = status == FW_OK ? fw_mem_resize(alloc, NULL, 0, sizeof *net) : NULL;
    if (net == NULL) {
        if (status == FW_OK)
            status = fw_meter_judge(meter, fw_fail_memory(err), err);
        fw_meter_leave(meter);
        return status != FW_OK ? status : FW_MEMORY; // a failure is never judged to be none
    }
    *net = (struct fw_net){.users = 1, .alloc = alloc, .meter = meter};
    fw_arena_init(&net->arena, alloc);
    net->path = fw_arena_strndup(&net->arena, path, strlen(path));
    if (net->path == NULL) {
        fw_net_free(net);
        return fw_fail_memory(err);
    }
    *ret = net;
    return FW_OK;
}

/* ---- networks that are built ---- */

static enum fw_status model_new(struct fw_model **ret, const struct fw_alloc *alloc,
                                struct fw_error *err)
{
    struct fw_model *m = fw_mem_resize(alloc, NULL, 0, sizeof *m);
    if (m == NULL)
        return fw_fail_memory(err);
    enum fw_status status = fw_model_init(m, alloc, err);
    if (status != FW_OK)
        fw_mem_resize(alloc, m, sizeof *m, 0);
    else
        *ret = m;
    return status;
}

static void model_free(struct fw_model *m, const struct fw_alloc *alloc)
{
    if (m == NULL)
        return;
    fw_model_clear(m);
    fw_mem_resize(alloc, m, sizeof *m, 0);
}

static enum fw_status open_zoo(struct fw_net *net, const char *spec, struct fw_error *err)
{
    FW_TRY(model_new(&net->built, net->alloc, err));
    net->built->path = net->path;
    return fw_zoo_build_guess(net->built, spec, fw_nearest, err);
}

enum fw_status fw_builder_new(struct fw_builder **ret, const char *name, struct fw_error *err)
{
    const struct fw_alloc *alloc = &fw_alloc_default;
    struct fw_builder *b = fw_mem_resize(alloc, NULL, 0, sizeof *b);
    struct fw_model *m = NULL;
    enum fw_status status = b == NULL ? fw_fail_memory(err) : model_new(&m, alloc, err);
    if (status == FW_OK) {
        m->path = fw_arena_strndup(&m->arena, name, strlen(name));
        m->format = "built";
        if (m->path == NULL)
            status = fw_fail_memory(err);
    }
    if (status != FW_OK) {
        model_free(m, alloc);
        fw_mem_resize(alloc, b, b == NULL ? 0 : sizeof *b, 0);
        return status;
    }
    fw_build_init(b, m);
    *ret = b;
    return FW_OK;
}

enum fw_status fw_builder_finish(struct fw_net **ret, struct fw_builder *b, struct fw_error *err)
{
    struct fw_model *m = b->m;
    struct fw_net *net = NULL;
    enum fw_status status = fw_build_end(b, err);
    if (status == FW_OK)
        status = net_new(&net, m->path, m->alloc, NULL, err);
    fw_mem_resize(m->alloc, b, sizeof *b, 0);
    if (status != FW_OK) {
        model_free(m, m->alloc);
        return status;
    }
    net->built = m;
    *ret = net;
    return FW_OK;
}

/* ---- opening and binding ---- */

enum fw_status fw_net_open(struct fw_net **ret, const char *path, struct fw_error *err)
{
    return fw_net_open_within(ret, path, NULL, err);
}

static enum fw_status open_folder(struct fw_net *net, const char *folder, struct fw_error *err)
{
    const char *name;
    net->folder = folder;
    net->whole_folder = true;
    FW_TRY(fw_folder_main(folder, &net->arena, &name, err));
    size_t len = strlen(net->path);
    bool slash = len > 0 && net->path[len - 1] == '/';
    net->path = fw_arena_printf(&net->arena, "%s%s%s", net->path, slash ? "" : "/", name);
    if (net->path == NULL)
        return fw_fail_memory(err);
    return fw_folder_open(&net->file, folder, name, net->alloc, err);
}

/* within: the folder that the path may not leave, or NULL. */
static enum fw_status open_path(struct fw_net *net, const char *within, struct fw_error *err)
{
    const char *path = net->path;
    if (strncmp(path, "zoo:", 4) == 0)
        return open_zoo(net, path + 4, err);
    if (within == NULL && strcmp(path, "-") == 0)
        return fw_file_open(&net->file, path, 0, net->alloc, err);
    if (within != NULL)
        FW_TRY(fw_folder_resolve(within, net->path, &net->arena, &path, err));
    if (fw_is_folder(path))
        return open_folder(net, path, err);
    net->folder = fw_folder_of(path, &net->arena);
    if (net->folder == NULL)
        return fw_fail_memory(err);
    return within != NULL ? fw_file_open_resolved(&net->file, path, net->alloc, err)
                          : fw_file_open(&net->file, path, 0, net->alloc, err);
}

static enum fw_status open_net(struct fw_net **ret, const char *path, const char *within,
                               const struct fw_alloc *alloc, const char *const *limits,
                               struct fw_error *err)
{
    struct fw_net *net;
    FW_TRY(net_new(&net, path, alloc, limits, err));
    fw_meter_start(net->meter);
    enum fw_status status = fw_meter_judge(net->meter, open_path(net, within, err), err);
    if (status != FW_OK) {
        fw_error_prefix(err, "%s: ", net->path);
        fw_net_free(net);
        return status;
    }
    *ret = net;
    return FW_OK;
}

enum fw_status fw_net_open_with(struct fw_net **ret, const char *path, const struct fw_alloc *alloc,
                                struct fw_error *err)
{
    return open_net(ret, path, NULL, alloc, NULL, err);
}

enum fw_status fw_net_open_within(struct fw_net **ret, const char *path, const char *const *limits,
                                  struct fw_error *err)
{
    return open_net(ret, path, NULL, &fw_alloc_default, limits, err);
}

enum fw_status fw_net_open_named(struct fw_net **ret, const char *folder, const char *name,
                                 const char *const *limits, struct fw_error *err)
{
    return open_net(ret, name, folder, &fw_alloc_default, limits, err);
}

void fw_net_free(struct fw_net *net)
{
    if (net == NULL || --net->users > 0)
        return;
    struct fw_meter *meter = net->meter;
    fw_file_close(&net->file);
    model_free(net->built, net->built != NULL ? net->built->alloc : NULL);
    fw_arena_clear(&net->arena);
    fw_mem_resize(net->alloc, net, sizeof *net, 0);
    fw_meter_leave(meter);
}

static enum fw_status bind(struct fw_net *net, struct fw_binding **list, size_t *n,
                           const char *name, const char *value, struct fw_error *err)
{
    struct fw_binding *more = fw_arena_array(&net->arena, *n + 1, sizeof *more);
    char *kept_value = fw_arena_strndup(&net->arena, value, strlen(value));
    char *kept_name = name != NULL ? fw_arena_strndup(&net->arena, name, strlen(name)) : NULL;
    if (more == NULL || kept_value == NULL || (name != NULL && kept_name == NULL))
        return fw_fail_memory(err);
    if (*n > 0)
        memcpy(more, *list, *n * sizeof *more);
    more[(*n)++] = (struct fw_binding){kept_name, kept_value};
    *list = more;
    return FW_OK;
}

enum fw_status fw_net_set(struct fw_net *net, const char *symbol, const char *value,
                          struct fw_error *err)
{
    for (size_t i = 0; i < net->n_symbols; i++)
        FW_REQUIRE(strcmp(net->symbols[i].name, symbol) != 0, err, FW_USAGE,
                   "'%s' is given two values", symbol);
    return bind(net, &net->symbols, &net->n_symbols, symbol, value, err);
}

enum fw_status fw_net_set_shape(struct fw_net *net, const char *input, const char *shape,
                                struct fw_error *err)
{
    return bind(net, &net->shapes, &net->n_shapes, input, shape, err);
}

/* ---- options as the passes want them ---- */

struct fw_options fw_options_default(void)
{
    return (struct fw_options){.by = FW_BY_LAYER};
}

enum fw_status fw_whole_number(const char *option, const char *text, uint64_t least, uint64_t most,
                               uint64_t otherwise, uint64_t *ret, struct fw_error *err)
{
    *ret = otherwise;
    if (text == NULL)
        return FW_OK;
    struct fw_tsv_cell cell = {text, strlen(text)};
    FW_REQUIRE(fw_tsv_number(&cell, ret) && *ret >= least && *ret <= most, err, FW_USAGE,
               "%s '%s': a whole number from %llu to %llu is wanted", option, text,
               (unsigned long long)least, (unsigned long long)most);
    return FW_OK;
}

enum { MAX_NAMES = 63 };

enum fw_status fw_name_unknown(const char *what, const char *name, const char *(*name_at)(size_t i),
                               struct fw_error *err)
{
    const char *names[MAX_NAMES + 1];
    size_t n = 0;
    while (n < MAX_NAMES && name_at(n) != NULL) {
        names[n] = name_at(n);
        n++;
    }
    names[n] = NULL;
    const char *near = fw_nearest(name, names);
    if (near != NULL)
        return fw_fail(err, FW_USAGE, -1, "there is no %s '%s'; did you mean '%s'?", what, name,
                       near);
    struct fw_str list;
    fw_str_init(&list, &fw_alloc_default);
    for (size_t i = 0; i < n; i++)
        fw_str_addf(&list, "%s%s", i ? ", " : "", names[i]);
    enum fw_status status = fw_fail(err, FW_USAGE, -1, "there is no %s '%s'; there are: %s", what,
                                    name, fw_str_text(&list));
    fw_str_free(&list);
    return status;
}

static const struct {
    const char *name;
    enum fw_loss loss;
} losses[] = {{"auto", FW_LOSS_AUTO},
              {"cross-entropy", FW_LOSS_CROSS_ENTROPY},
              {"squares", FW_LOSS_SQUARES},
              {"none", FW_LOSS_NONE}};

enum { N_LOSSES = sizeof losses / sizeof *losses };

const char *fw_loss_name(size_t i)
{
    return i < N_LOSSES ? losses[i].name : NULL;
}

static enum fw_status find_loss(const char *name, enum fw_loss *ret, struct fw_error *err)
{
    for (unsigned i = 0; i < N_LOSSES; i++)
        if (strcmp(losses[i].name, name) == 0) {
            *ret = losses[i].loss;
            return FW_OK;
        }
    return fw_name_unknown("loss", name, fw_loss_name, err);
}

/* One of two words; the first is the default. */
static enum fw_status choose(const char *option, const char *word, const char *first,
                             const char *second, bool *ret, struct fw_error *err)
{
    *ret = word != NULL && strcmp(word, second) == 0;
    FW_REQUIRE(word == NULL || *ret || strcmp(word, first) == 0, err, FW_USAGE,
               "--%s: %s or %s is wanted, found '%.60s'", option, first, second, word);
    return FW_OK;
}

static enum fw_status choose_head(const char *word, struct fw_analysis_options *ret,
                                  struct fw_error *err)
{
    ret->bare = word != NULL && strcmp(word, "none") == 0;
    ret->further = word != NULL && strcmp(word, "mtp") == 0;
    FW_REQUIRE(word == NULL || ret->bare || ret->further || strcmp(word, "model") == 0, err,
               FW_USAGE, "--head: model, none or mtp is wanted, found '%.60s'", word);
    return FW_OK;
}

static enum fw_status resolve(const struct fw_options *o, struct fw_analysis_options *ret,
                              struct fw_error *err)
{
    const char *optimizer = o->optimizer != NULL ? o->optimizer : "sgd";
    const char *precision = o->precision != NULL ? o->precision : "fp32";
    ret->optimizer = fw_optimizer_find(optimizer);
    if (ret->optimizer == NULL)
        return fw_name_unknown("optimizer", optimizer, fw_optimizer_name, err);
    ret->precision = fw_precision_find(precision);
    if (ret->precision == NULL)
        return fw_name_unknown("precision", precision, fw_precision_name, err);
    if (o->convention != NULL) {
        size_t i = 0;
        while (fw_convention_name(i) != NULL && strcmp(fw_convention_name(i), o->convention) != 0)
            i++;
        if (fw_convention_name(i) == NULL)
            return fw_name_unknown("convention", o->convention, fw_convention_name, err);
    }
    ret->freeze = o->freeze;
    ret->n_freeze = o->n_freeze;
    ret->recompute = o->recompute;
    ret->lora = o->lora;
    FW_TRY(choose_head(o->head, ret, err));
    FW_TRY(choose("attention", o->attention, "plain", "flash", &ret->flash, err));
    ret->inference = o->inference != 0;
    ret->input_grad = o->input_grad != 0;
    return find_loss(o->loss != NULL ? o->loss : "auto", &ret->loss, err);
}

static enum fw_status study(struct fw_study **ret, struct fw_net *net,
                            const struct fw_options *options, struct fw_analysis_options *how,
                            struct fw_error *err)
{
    how->built = net->built;
    how->shapes = net->shapes;
    how->n_shapes = net->n_shapes;
    how->folder = net->folder;
    how->whole_folder = net->whole_folder;
    FW_TRY(resolve(options, how, err));
    struct fw_study *s = fw_mem_resize(net->alloc, NULL, 0, sizeof *s);
    if (s == NULL)
        return fw_fail_memory(err);
    fw_meter_start(net->meter);
    enum fw_status status =
        fw_analyse(&s->analysis, net->file.data, net->file.size, net->path, net->alloc, how, err);
    status = fw_meter_judge(net->meter, status, err);
    if (status != FW_OK) {
        fw_mem_resize(net->alloc, s, sizeof *s, 0);
        if (err != NULL && strncmp(err->message, net->path, strlen(net->path)) != 0)
            fw_error_prefix(err, "%s: ", net->path);
        return status;
    }
    s->net = net;
    net->users++;
    *ret = s;
    return FW_OK;
}

enum fw_status fw_study_new(struct fw_study **ret, struct fw_net *net,
                            const struct fw_options *options, bool memory, struct fw_error *err)
{
    struct fw_analysis_options how = {
        .symbols = net->symbols, .n_symbols = net->n_symbols, .memory = memory, .timeline = memory};
    return study(ret, net, options, &how, err);
}

enum fw_status fw_study_new_with(struct fw_study **ret, struct fw_net *net,
                                 const struct fw_options *options, bool memory,
                                 const struct fw_binding *instead, struct fw_error *err)
{
    size_t bytes = (net->n_symbols + 1) * sizeof(struct fw_binding);
    struct fw_binding *symbols = fw_mem_resize(net->alloc, NULL, 0, bytes);
    if (symbols == NULL)
        return fw_fail_memory(err);
    size_t n = 0;
    symbols[n++] = *instead;
    for (size_t i = 0; i < net->n_symbols; i++)
        if (strcmp(net->symbols[i].name, instead->name) != 0)
            symbols[n++] = net->symbols[i];
    struct fw_analysis_options how = {
        .symbols = symbols, .n_symbols = n, .memory = memory, .timeline = memory};
    enum fw_status status = study(ret, net, options, &how, err);
    fw_mem_resize(net->alloc, symbols, bytes, 0);
    return status;
}

void fw_study_free(struct fw_study *study)
{
    if (study == NULL)
        return;
    struct fw_net *net = study->net;
    fw_analysis_clear(&study->analysis);
    fw_mem_resize(net->alloc, study, sizeof *study, 0);
    fw_net_free(net);
}
