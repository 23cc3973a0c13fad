/* The pipeline; see analysis.h. */
#include "study/analysis.h"

#include "build/builder.h"
#include "formats/formats.h"
#include "passes/classify.h"
#include "passes/infer.h"
#include "passes/lora.h"
#include "passes/recompute.h"
#include "passes/unroll.h"
#include "study/bind.h"

#include <string.h>

static enum fw_status freeze(struct fw_analysis *a, const struct fw_analysis_options *o,
                             struct fw_error *err)
{
    for (size_t i = 0; i < o->n_freeze; i++)
        FW_REQUIRE(fw_freeze(&a->model.graph, o->freeze[i]) > 0, err, FW_USAGE,
                   "--freeze '%s' matches no parameter and no layer with parameters", o->freeze[i]);
    return FW_OK;
}

static enum fw_status train(struct fw_analysis *a, const struct fw_analysis_options *o,
                            struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    struct fw_train_options how = {
        .loss = o->loss, .optimizer = o->optimizer, .input_grad = o->input_grad};
    FW_TRY(fw_train(g, &how, err));
    a->trained = true;
    if (o->recompute != NULL && strcmp(o->recompute, "none") != 0)
        FW_TRY(fw_recompute(g, o->recompute, err));
    if (o->memory)
        FW_TRY(fw_plan_memory(g, o->precision, o->timeline, &a->training, err));
    return FW_OK;
}

static enum fw_status run(struct fw_analysis *a, const void *data, size_t size, const char *path,
                          const struct fw_analysis_options *o, struct fw_error *err)
{
    struct fw_graph *g = &a->model.graph;
    a->model.folder = o->folder;
    a->model.whole_folder = o->whole_folder;
    a->model.bare = o->bare;
    a->model.further = o->further;
    if (o->built != NULL)
        FW_TRY(fw_model_copy(&a->model, o->built, err));
    else
        FW_TRY(fw_format_read_bytes(&a->model, data, size, path, err));
    bool described = o->built == NULL && strncmp(a->model.format, "onnx", 4) != 0;
    FW_REQUIRE(!o->bare || described, err, FW_USAGE,
               "--head none: this model does not say what its head is (config.json does)");
    FW_TRY(fw_bind(&a->model, o, err));
    FW_TRY(fw_infer(g, err));
    FW_TRY(fw_unroll(g, err));
    FW_TRY(fw_classify(g, err));
    if (o->lora != NULL)
        FW_TRY(fw_lora(g, o->lora, err));
    FW_REQUIRE(!o->flash || fw_attention_flash(g) > 0, err, FW_USAGE,
               "--attention flash: the model has no attention that can do so (config.json has)");
    FW_TRY(freeze(a, o, err));
    a->precision = o->precision;
    a->n_forward = g->n_nodes;
    if (o->memory)
        FW_TRY(fw_plan_memory(g, o->precision, o->timeline, &a->inference, err));
    if (!o->inference && a->model.no_network == NULL) // nothing to go back through
        FW_TRY(train(a, o, err));
    return fw_total_cost(g, o->precision, &a->totals, err);
}

enum fw_status fw_analyse(struct fw_analysis *a, const void *data, size_t size, const char *path,
                          const struct fw_alloc *alloc, const struct fw_analysis_options *options,
                          struct fw_error *err)
{
    memset(a, 0, sizeof *a);
    FW_TRY(fw_model_init(&a->model, alloc, err));
    enum fw_status status = run(a, data, size, path, options, err);
    // a formula that found no memory is bad, which the passes take for too large or unknown
    if (fw_symbols_fault(a->model.sym) == FW_MEMORY)
        status = fw_fail_memory(err);
    if (status != FW_OK)
        fw_analysis_clear(a);
    return status;
}

void fw_analysis_clear(struct fw_analysis *a)
{
    if (a == NULL)
        return;
    fw_model_clear(&a->model);
    memset(a, 0, sizeof *a);
}
