/* Questions that measure: programs and this machine. */
#include "api/net.h"

#include "base/tsv.h"
#include "engine/stat.h"

#include <string.h>

/* "python3 train.py --fast" */
static const char *join(struct fw_arena *arena, const char *const *words)
{
    const char *text = words[0];
    for (size_t i = 1; words[i] != NULL && text != NULL; i++)
        text = fw_arena_printf(arena, "%s %s", text, words[i]);
    return text;
}

static enum fw_status read_steps(const char *text, uint64_t *ret, struct fw_error *err)
{
    struct fw_tsv_cell cell = {text != NULL ? text : "1", text != NULL ? strlen(text) : 1};
    bool good = fw_tsv_number(&cell, ret) && *ret > 0 && *ret <= INT64_MAX;
    FW_REQUIRE(good, err, FW_USAGE, "--steps '%s': a whole number from 1 on is wanted", text);
    return FW_OK;
}

static enum fw_status run_and_answer(struct fw_report **ret, struct fw_counter *counter,
                                     const struct fw_program *program, struct fw_study *study,
                                     struct fw_error *err)
{
    struct fw_arena arena;
    struct fw_stat stat;
    uint64_t steps;
    FW_TRY(read_steps(program->steps, &steps, err));
    FW_TRY(fw_stat_program(counter, program->argv, program->split != 0, &stat, err));
    fw_arena_init(&arena, counter->alloc);
    const char *command = join(&arena, program->argv);
    enum fw_status status =
        command == NULL ? fw_fail_memory(err)
                        : fw_answer_stat(ret, counter, &stat, command,
                                         study != NULL ? &study->analysis : NULL, steps, err);
    fw_arena_clear(&arena);
    return status;
}

enum fw_status fw_stat_report(struct fw_report **ret, struct fw_counter *counter,
                              const struct fw_program *program, const struct fw_options *options,
                              struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    const struct fw_options *o = options != NULL ? options : &defaults;
    struct fw_study *study = NULL;
    FW_REQUIRE(program->argv != NULL && program->argv[0] != NULL, err, FW_USAGE,
               "a program to run is wanted");
    if (program->net != NULL)
        FW_TRY(fw_study_new(&study, program->net, o, false, err));
    enum fw_status status = run_and_answer(ret, counter, program, study, err);
    return study == NULL ? status : fw_study_own(status, status == FW_OK ? *ret : NULL, study, ret);
}

enum fw_status fw_peak_report(struct fw_report **ret, int fresh, struct fw_error *err)
{
    return fw_answer_peak(ret, &fw_alloc_default, fresh != 0, err);
}
