/* Judging an estimate by rules; see threshold.h. */
#include "study/threshold.h"

#include "base/csv.h"
#include "base/real.h"
#include "fw_data.h"

#include <math.h>
#include <string.h>

const char *const fw_stand_words[4] = {"no", "not surely", "probably", "yes"};

static unsigned classes_of(const char *list)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < FW_N_RUN_CLASSES; i++) {
        const char *at = strstr(list, fw_run_class_names[i]);
        mask |= at != NULL ? 1u << i : 0;
    }
    return mask;
}

static struct fw_threshold read_rule(const struct fw_csv *csv, uint32_t row)
{
    size_t len;
    return (struct fw_threshold){.id = fw_csv_text(csv, row, "id"),
                                 .rule = fw_csv_text(csv, row, "rule"),
                                 .counts = fw_csv_text(csv, row, "counts"),
                                 .status = fw_csv_text(csv, row, "status"),
                                 .applies = fw_csv_text(csv, row, "applies"),
                                 .excludes = fw_csv_text(csv, row, "excludes"),
                                 .source = fw_csv_text(csv, row, "source"),
                                 .note = fw_csv_text(csv, row, "note"),
                                 .limit = fw_real_parse(fw_csv_text(csv, row, "limit"), &len),
                                 .error = fw_real_parse(fw_csv_text(csv, row, "error"), &len)};
}

/* The limit of a rule about modifications, whose cell holds no number: a third of the original's
 * compute, or where that is unknown of what a model of its kind has at least (Commission guidelines
 * C(2025) 5045, para 63, 64 and 70). 0: does not apply. */
static double modified_limit(const struct fw_run *run, const struct fw_threshold *rule)
{
    enum { PART = 3 };
    const double general_purpose = 1e23, systemic_risk = 1e25;
    bool systemic = strstr(rule->id, "systemic") != NULL;
    const struct fw_quantity *original = fw_run_value(run, run->in[FW_IN_MODIFIES]);
    if (original != NULL) // known: one rule for all
        return systemic ? 0 : original->mid / PART;
    return run->modifies_unknown == NULL ? 0 : (systemic ? systemic_risk : general_purpose) / PART;
}

static void judge(struct fw_verdict *v)
{
    double low = v->counted.low, high = v->counted.high, limit = v->rule.limit;
    v->margin = v->counted.mid / limit;
    v->exceeded = v->counted.mid > limit;
    bool interval = low <= limit && high > limit;
    bool margin = low * (1 - v->rule.error) <= limit && high * (1 + v->rule.error) > limit;
    v->within = interval && v->counted.low < v->counted.high ? "the 90 % interval"
                : margin && v->rule.error > 0                ? "the rule's own margin"
                                                             : NULL;
    bool sure = v->within == NULL;
    v->stand = v->exceeded ? (sure ? FW_STAND_ABOVE : FW_STAND_MAYBE_ABOVE)
                           : (sure ? FW_STAND_BELOW : FW_STAND_MAYBE_BELOW);
}

enum fw_status fw_judge_thresholds(const struct fw_estimate *e, struct fw_arena *arena,
                                   struct fw_verdict **ret, uint32_t *ret_n, struct fw_error *err)
{
    struct fw_csv csv;
    FW_TRY(fw_csv_parse(arena, fw_data_thresholds, strlen(fw_data_thresholds), '\t', &csv, err));
    struct fw_verdict *verdicts = fw_arena_array(arena, csv.n_rows, sizeof *verdicts);
    double *x = fw_arena_array(arena, e->run->n_inputs + 1, sizeof *x);
    if (verdicts == NULL || x == NULL)
        return fw_fail_memory(err);
    *ret = verdicts;
    *ret_n = 0;
    for (uint32_t i = 0; i < csv.n_rows; i++) {
        struct fw_verdict v = {.rule = read_rule(&csv, i)};
        v.counted = isnan(e->q[FW_Q_METHOD1].mid)
                        ? e->q[FW_Q_METHOD2]
                        : fw_estimate_classes(e->run, classes_of(v.rule.counts), x);
        if (v.rule.limit == 0)
            v.rule.limit = modified_limit(e->run, &v.rule);
        if (v.rule.limit == 0 || isnan(v.counted.mid))
            continue;
        judge(&v);
        verdicts[(*ret_n)++] = v;
    }
    return FW_OK;
}
