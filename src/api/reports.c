/* Questions: a net and options in, a report out. */
#include "api/net.h"
#include "zoo/zoo.h"

#include <string.h>

typedef enum fw_status answer(struct fw_report **ret, struct fw_analysis *a,
                              const struct fw_asked *asked, struct fw_error *err);

struct fw_asked fw_asked_of(const struct fw_net *net, const struct fw_options *options)
{
    return (struct fw_asked){options, net->symbols, net->n_symbols};
}

static void release_study(void *owned)
{
    fw_study_free(owned);
}

enum fw_status fw_study_own(enum fw_status status, struct fw_report *report, struct fw_study *study,
                            struct fw_report **ret)
{
    if (status != FW_OK) {
        fw_study_free(study);
        return status;
    }
    report->owned = study;
    report->release = release_study;
    *ret = report;
    return FW_OK;
}

static enum fw_status ask(struct fw_report **ret, struct fw_net *net,
                          const struct fw_options *options, bool memory, answer *how,
                          struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    const struct fw_options *o = options != NULL ? options : &defaults;
    struct fw_study *study;
    struct fw_report *report = NULL;
    FW_TRY(fw_study_new(&study, net, o, memory, err));
    struct fw_asked asked = fw_asked_of(net, o);
    enum fw_status status = how(&report, &study->analysis, &asked, err);
    return fw_study_own(status, report, study, ret);
}

enum fw_status fw_count_report(struct fw_report **ret, struct fw_net *net,
                               const struct fw_options *options, struct fw_error *err)
{
    return ask(ret, net, options, false, fw_answer_count, err);
}

enum fw_status fw_memory_report(struct fw_report **ret, struct fw_net *net,
                                const struct fw_options *options, struct fw_error *err)
{
    return ask(ret, net, options, true, fw_answer_memory, err);
}

enum fw_status fw_check_report(struct fw_report **ret, struct fw_net *net,
                               const struct fw_options *options, const struct fw_budget *budget,
                               struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    const struct fw_options *o = options != NULL ? options : &defaults;
    struct fw_study *study;
    struct fw_report *report = NULL;
    FW_TRY(fw_study_of_one(&study, net, o, budget->max_memory != NULL, err));
    struct fw_asked asked = fw_asked_of(net, o);
    enum fw_status status = fw_answer_check(&report, &study->analysis, &asked, budget, err);
    return fw_study_own(status, report, study, ret);
}

/* ---- two models ---- */

struct both {
    struct fw_study *a, *b;
    const struct fw_alloc *alloc;
};

static void release_both(void *owned)
{
    struct both *both = owned;
    fw_study_free(both->a);
    fw_study_free(both->b);
    fw_mem_resize(both->alloc, both, sizeof *both, 0);
}

enum fw_status fw_diff_report(struct fw_report **ret, struct fw_net *a, struct fw_net *b,
                              const struct fw_options *options, struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    const struct fw_options *o = options != NULL ? options : &defaults;
    struct both *both = fw_mem_resize(a->alloc, NULL, 0, sizeof *both);
    if (both == NULL)
        return fw_fail_memory(err);
    *both = (struct both){.alloc = a->alloc};
    struct fw_report *report = NULL;
    enum fw_status status = fw_study_new(&both->a, a, o, false, err);
    if (status == FW_OK)
        status = fw_study_new(&both->b, b, o, false, err);
    if (status == FW_OK)
        status = fw_answer_diff(&report, &both->a->analysis, &both->b->analysis, err);
    if (status != FW_OK) {
        release_both(both);
        return status;
    }
    report->owned = both;
    report->release = release_both;
    *ret = report;
    return FW_OK;
}

/* ---- without a model ---- */

enum fw_status fw_ops_report(struct fw_report **ret, const char *pattern, struct fw_error *err)
{
    return fw_answer_ops(ret, pattern, &fw_alloc_default, err);
}

enum fw_status fw_hardware_report(struct fw_report **ret, const char *name, int years,
                                  struct fw_error *err)
{
    return fw_answer_hardware(ret, name, years != 0, &fw_alloc_default, err);
}

enum fw_status fw_formats_report(struct fw_report **ret, struct fw_error *err)
{
    return fw_answer_formats(ret, &fw_alloc_default, err);
}

enum fw_status fw_limits_report(struct fw_report **ret, struct fw_error *err)
{
    return fw_answer_limits(ret, &fw_alloc_default, err);
}

enum fw_status fw_zoo_report(struct fw_report **ret, const char *pattern, struct fw_error *err)
{
    bool name = pattern != NULL && strpbrk(pattern, "*?") == NULL;
    if (name && fw_zoo_find(pattern) == NULL)
        return fw_zoo_unknown(pattern, fw_nearest, err);
    return fw_answer_zoo(ret, pattern, &fw_alloc_default, err);
}

enum fw_status fw_error_report(struct fw_report **ret, const struct fw_error *what,
                               struct fw_error *err)
{
    return fw_answer_error(ret, what, &fw_alloc_default, err);
}
