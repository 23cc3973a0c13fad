/* flopwise estimate: the compute of a training run. */
#include "cli/cli.h"

#include <string.h>

static enum fw_status add(struct fw_setting *list, size_t *n, const char *name, const char *value,
                          struct fw_error *err)
{
    if (value == NULL)
        return FW_OK;
    if (*n == CLI_MAX_SETTINGS)
        return cli_usage(err, "more than %d settings", CLI_MAX_SETTINGS);
    list[(*n)++] = (struct fw_setting){name, value};
    return FW_OK;
}

static enum fw_status ask(struct fw_report **ret, struct fw_net *const *nets,
                          const struct cli_args *args, struct fw_error *err)
{
    struct fw_setting list[CLI_MAX_SETTINGS];
    size_t n = args->n_settings;
    (void)nets;
    memcpy(list, args->settings, n * sizeof *list);
    enum fw_status status = add(list, &n, "batch", args->batch, err);
    if (status == FW_OK)
        status = add(list, &n, "seq", args->seq, err);
    for (size_t i = 0; i < args->set.n && status == FW_OK; i++)
        status = add(list, &n, "set", args->set.item[i], err);
    for (size_t i = 0; i < args->shape.n && status == FW_OK; i++)
        status = add(list, &n, "shape", args->shape.item[i], err);
    if (status != FW_OK)
        return status;
    struct fw_run_request request = {.settings = list,
                                     .n_settings = n,
                                     .file = args->run,
                                     .any_path = args->any_path,
                                     .options = args->options,
                                     .document = args->report != NULL,
                                     .limits = args->limit.item};
    return fw_estimate_report(ret, &request, err);
}

static enum fw_status ask_check(struct fw_report **ret, struct fw_net *const *nets,
                                const struct cli_args *args, struct fw_error *err)
{
    (void)nets;
    return fw_claims_report(ret, args->check, err);
}

enum fw_status cmd_estimate(const struct cli_command *self, struct cli_args *args,
                            struct fw_error *err)
{
    (void)self;
    const char *report = args->report;
    if (report != NULL && strcmp(report, "md") != 0 && strcmp(report, "html") != 0)
        return cli_usage(err, "--report '%.100s': md or html is wanted", report);
    if (report != NULL && args->format != NULL && strcmp(args->format, report) != 0)
        return cli_usage(err, "--report %s and --format %.100s exclude each other", report,
                         args->format);
    if (args->check != NULL && (report != NULL || args->run != NULL || args->n_settings > 0))
        return cli_usage(err, "--check is about a table of its own: nothing else goes with it");
    if (args->check != NULL)
        return cli_answer(args, 0, ask_check, err);
    if (report != NULL)
        args->format = report;
    return cli_answer(args, 0, ask, err);
}
