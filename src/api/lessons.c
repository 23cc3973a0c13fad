/* Questions that teach: optimizers, initialisation, derivations. */
#include "api/net.h"
#include "study/init.h"

#include <stdlib.h>

static void release_study(void *owned)
{
    fw_study_free(owned);
}

enum fw_status fw_optimizer_report(struct fw_report **ret, const char *name, struct fw_error *err)
{
    const struct fw_optimizer *o = name != NULL ? fw_optimizer_find(name) : NULL;
    if (name != NULL && o == NULL)
        return fw_name_unknown("optimizer", name, fw_optimizer_name, err);
    return fw_answer_optimizer(ret, o, &fw_alloc_default, err);
}

/* ---- initialisation ---- */

const char *fw_init_scheme_name(size_t i)
{
    return i < fw_n_init_schemes ? fw_init_schemes[i].name : NULL;
}

/* A whole number from `least` to `most`; text NULL: otherwise. */
static enum fw_status read_number(const char *what, const char *text, uint64_t least, uint64_t most,
                                  uint64_t otherwise, uint64_t *ret, struct fw_error *err)
{
    char *end;
    *ret = otherwise;
    if (text == NULL)
        return FW_OK;
    unsigned long long v = strtoull(text, &end, 10);
    FW_REQUIRE(text[0] >= '0' && text[0] <= '9' && *end == '\0' && v >= least && v <= most, err,
               FW_USAGE, "%s '%s': a whole number from %llu to %llu is wanted", what, text,
               (unsigned long long)least, (unsigned long long)most);
    *ret = v;
    return FW_OK;
}

/* The first size of an input that is left open, or NULL. */
static const char *open_size(struct fw_study *s, bool *ret_batch)
{
    struct fw_graph *g = &s->analysis.model.graph;
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        for (unsigned k = 0; t->rank != FW_RANK_UNKNOWN && k < t->rank; k++) {
            uint32_t symbol = fw_symbol_of(g->sym, t->dims[k]);
            *ret_batch = i == 0 && k == 0;
            if (symbol != UINT32_MAX)
                return fw_symbol_name(g->sym, symbol);
        }
    }
    return NULL;
}

/* A study in which all sizes are numbers: a batch that is left open is 1. */
static enum fw_status study_of_numbers(struct fw_study **ret, struct fw_net *net,
                                       const struct fw_options *options, struct fw_error *err)
{
    bool batch;
    FW_TRY(fw_study_new(ret, net, options, false, err));
    const char *name = open_size(*ret, &batch);
    if (name != NULL && batch) {
        struct fw_study *open = *ret;
        struct fw_binding one = {name, "1"};
        enum fw_status status = fw_study_new_with(ret, net, options, &one, err);
        fw_study_free(open);
        if (status != FW_OK)
            return status;
        name = open_size(*ret, &batch);
    }
    if (name == NULL)
        return FW_OK;
    enum fw_status status =
        fw_fail(err, FW_USAGE, -1, "%s: the size '%s' is left open; --set %s=N gives it", net->path,
                name, name);
    fw_study_free(*ret);
    return status;
}

enum fw_status fw_init_report(struct fw_report **ret, struct fw_net *net,
                              const struct fw_options *options, const struct fw_init_options *init,
                              struct fw_error *err)
{
    static const struct fw_init_options no_options = {NULL, 0, NULL, NULL};
    const struct fw_init_options *q = init != NULL ? init : &no_options;
    const char *scheme = q->scheme != NULL ? q->scheme : "he";
    struct fw_init_asked how = {.scheme = fw_init_scheme_find(scheme)};
    struct fw_options o = options != NULL ? *options : fw_options_default();
    struct fw_study *study;
    uint64_t draws;
    if (how.scheme == NULL)
        return fw_name_unknown("scheme", scheme, fw_init_scheme_name, err);
    FW_TRY(read_number("--draws", q->draws, 1, 100000, 4, &draws, err));
    FW_TRY(read_number("--seed", q->seed, 0, INT64_MAX, 1, &how.seed, err));
    FW_REQUIRE(q->simulate || (q->draws == NULL && q->seed == NULL), err, FW_USAGE,
               "--draws and --seed go with --simulate");
    how.draws = q->simulate ? (uint32_t)draws : 0;
    o.loss = "none";
    FW_TRY(study_of_numbers(&study, net, &o, err));
    struct fw_asked asked = {&o, net->symbols, net->n_symbols};
    enum fw_status status = fw_answer_init(ret, &study->analysis, &asked, &how, err);
    if (status != FW_OK) {
        fw_study_free(study);
        return status;
    }
    (*ret)->owned = study;
    (*ret)->release = release_study;
    return FW_OK;
}
