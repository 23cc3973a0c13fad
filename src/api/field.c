/* Receptive fields: an analysis of the forward pass, and the walk over it. */
#include "passes/field.h"
#include "api/net.h"

#include <string.h>

static enum fw_status find_input(struct fw_graph *g, const char *name, uint32_t *ret,
                                 struct fw_error *err)
{
    if (name == NULL) {
        FW_TRY(fw_field_input(g, ret, err));
        FW_REQUIRE(*ret != FW_NONE, err, FW_UNSUPPORTED,
                   "no input has two dimensions or more: there are no fields");
        return FW_OK;
    }
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        if (t->name == NULL || strcmp(t->name, name) != 0)
            continue;
        FW_REQUIRE(t->rank != FW_RANK_UNKNOWN && t->rank > 1, err, FW_UNSUPPORTED,
                   "input '%s' has no two dimensions: there are no fields", name);
        *ret = g->inputs[i];
        return FW_OK;
    }
    return fw_fail(err, FW_USAGE, -1, "no input '%s' among the %u of the model", name, g->n_inputs);
}

static enum fw_status answer(struct fw_report **ret, struct fw_study *study, const char *input,
                             const char *at, const struct fw_asked *asked, struct fw_error *err)
{
    struct fw_model *m = &study->analysis.model;
    struct fw_fields *f = fw_arena_alloc(&m->arena, sizeof *f);
    uint32_t id;
    if (f == NULL)
        return fw_fail_memory(err);
    FW_TRY(find_input(&m->graph, input, &id, err));
    FW_TRY(fw_field(&m->graph, id, &m->arena, f, err));
    return fw_answer_field(ret, &study->analysis, asked, f, at, err);
}

enum fw_status fw_field_report(struct fw_report **ret, struct fw_net *net, const char *input,
                               const char *at, struct fw_error *err)
{
    struct fw_options options = fw_options_default();
    struct fw_study *study;
    struct fw_report *report = NULL;
    options.inference = 1;
    FW_TRY(fw_study_new(&study, net, &options, false, err));
    struct fw_asked asked = fw_asked_of(net, &options);
    enum fw_status status = answer(&report, study, input, at, &asked, err);
    if (status != FW_OK && status != FW_MEMORY)
        fw_error_prefix(err, "%s: ", net->path);
    return fw_study_own(status, report, study, ret);
}
