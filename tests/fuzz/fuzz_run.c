/* Run files of any bytes: an estimate whose interval holds its value, or an error with a message.
 * Models are not opened: a phase that names one has no step yet and ends the matter. */
#include "study/threshold.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct fw_estimate *e)
{
    for (unsigned i = 0; i < FW_N_QUANTITIES; i++) {
        struct fw_quantity q = e->q[i];
        if (!isnan(q.mid) && !(q.low <= q.mid && q.mid <= q.high))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_arena arena;
    struct fw_error err = {0};
    struct fw_run run;
    struct fw_estimate e;
    struct fw_verdict *verdicts;
    uint32_t n;
    bool counted = true;
    fw_arena_init(&arena, &fw_alloc_default);
    enum fw_status status = fw_run_read(&run, &arena, NULL, 0, (const char *)data, size, &err);
    for (uint32_t i = 0; status == FW_OK && i < run.n_phases; i++)
        counted &= run.phases[i].model == NULL;
    if (status == FW_OK && counted)
        status = fw_estimate_run(&run, &e, &err);
    if (status == FW_OK && counted) {
        check(&e);
        status = fw_judge_thresholds(&e, &arena, &verdicts, &n, &err);
    }
    if (status != FW_OK && err.message[0] == '\0')
        abort();
    fw_arena_clear(&arena);
    return 0;
}
