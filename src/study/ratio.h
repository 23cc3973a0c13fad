/* How many operations a backward pass takes for each of the forward pass.
 *
 * After M. Hobbhahn and J. Sevilla, "What's the backward-forward FLOP ratio for neural networks?"
 * (2021): layers whose input needs no gradient cost as much backward as forward, the others twice
 * as much, and the update is paid once a batch:
 *     ratio = (first + 2*other + update) / (first + other)
 * Here the parts are what the training graph holds, so that frozen layers, attention and shared
 * weights are right too. Forward and backward are matmul FLOP, the update is all its FLOP. */
#ifndef FW_STUDY_RATIO_H
#define FW_STUDY_RATIO_H

#include "study/analysis.h"

struct fw_ratio_parts {
    fw_count forward;
    fw_count first;          // of forward: layers whose input needs no gradient
    fw_count backward;       // both backward phases
    fw_count first_backward; // of backward: the same layers
    fw_count update;
    fw_count recompute; // of forward, what runs a second time; no part of the ratio
};

/* Of a training step; may hold letters. Errors: FW_UNSUPPORTED where the forward pass has no
 * products, FW_LIMIT for an overflow. */
enum fw_status fw_ratio_parts(struct fw_analysis *a, struct fw_ratio_parts *ret,
                              struct fw_error *err);
/* With numbers put in for letters (see fw_count_substitute). */
struct fw_ratio_parts fw_ratio_at(struct fw_symbols *sym, const struct fw_ratio_parts *p,
                                  const fw_dim *values, uint32_t n_values);
/* What is left of the parts when a letter grows without bound: their coefficients of its highest
 * power in forward (per example where the letter is the batch). False where that cannot be read off
 * the formula: the letter stands in a floor, min or max, or backward has a higher power. */
bool fw_ratio_limit(struct fw_symbols *sym, const struct fw_ratio_parts *p, uint32_t letter,
                    struct fw_ratio_parts *ret);
/* All parts are whole numbers, as the following want them. */
bool fw_ratio_is_known(const struct fw_ratio_parts *p);

/* A point of a curve. */
struct fw_ratio_point {
    int64_t value; // of what is swept
    int64_t batch; // FW_BATCH_LARGE: in the limit, FW_BATCH_UNKNOWN: the model does not say
    struct fw_ratio_parts parts;
};
enum { FW_BATCH_LARGE = 0, FW_BATCH_UNKNOWN = -1 };

/* Which of the article's four cases numbers are nearest to: the first layers dominate with half of
 * forward, the update is large from half of forward on. */
enum fw_ratio_case {
    FW_RATIO_SMALL_OTHER, // 2:1
    FW_RATIO_SMALL_FIRST, // 1:1
    FW_RATIO_LARGE_OTHER, // 3:1
    FW_RATIO_LARGE_FIRST, // 2:1
};
enum fw_ratio_case fw_ratio_case(const struct fw_ratio_parts *p);
extern const char *const fw_ratio_case_names[];        // "small update, other layers: 2:1"
double fw_ratio_value(const struct fw_ratio_parts *p); // (backward + update) / forward

#endif
