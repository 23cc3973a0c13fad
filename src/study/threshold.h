/* Rules that name an amount of training compute, from data/thresholds.tsv, and how an estimate
 * stands to each. */
#ifndef FW_STUDY_THRESHOLD_H
#define FW_STUDY_THRESHOLD_H

#include "study/compute.h"

enum fw_stand { // how sure the answer is
    FW_STAND_BELOW,
    FW_STAND_MAYBE_BELOW, // below, but the interval or the rule's margin reaches the limit
    FW_STAND_MAYBE_ABOVE,
    FW_STAND_ABOVE
};

struct fw_threshold {
    const char *id, *rule, *counts, *status, *applies, *excludes, *source, *note;
    double limit;
    double error; // margin that the rule allows, a share
};

struct fw_verdict {
    struct fw_threshold rule;
    struct fw_quantity counted; // FLOP that this rule counts; NAN: none
    bool exceeded;              // by the central value
    double margin;              // central value over limit
    enum fw_stand stand;
    const char *within; // what leaves it open: "the 90 % interval", "the rule's own margin"
};

/* Rules about modifications appear when the run says what it modifies. Where method 1 has nothing,
 * method 2 is counted. Errors: FW_MEMORY, FW_FORMAT. */
enum fw_status fw_judge_thresholds(const struct fw_estimate *e, struct fw_arena *arena,
                                   struct fw_verdict **ret, uint32_t *ret_n, struct fw_error *err);
extern const char *const fw_stand_words[4];

#endif
