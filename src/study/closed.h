/* Where a parameter stands after t steps of a constant gradient from 0, by a formula: what an
 * optimizer's kernel is compared with. */
#ifndef FW_STUDY_CLOSED_H
#define FW_STUDY_CLOSED_H

#include "base/arena.h"
#include "ops/update.h"

struct fw_closed;

struct fw_closed_form {
    const char *optimizer;
    const char *formula;
    const char *where; // a sentence: what its letters are, when it holds; or NULL
    /* Of an element with gradient c: where it stands after step t; with sums, what step t adds. */
    double (*one)(const struct fw_hyper *h, double c, double t);
    bool sums;
    bool (*holds)(const struct fw_closed *c); // NULL: always
    /* Of forms of whole matrices, where one is NULL. */
    void (*start)(struct fw_closed *c);
    void (*step)(struct fw_closed *c);
};

/* A walk along a formula, step by step. */
struct fw_closed {
    const struct fw_closed_form *form; // NULL: there is none
    struct fw_hyper h;
    const double *g; // (m*n)
    size_t m, n;
    uint32_t steps; // that will be taken at most
    uint32_t t;     // taken
    double *w;      // (m*n) after step t
    double *u;      // (m*n) direction; of spectra the left singular vectors, in columns
    double *v;      // (n*n) right singular vectors, in columns
    double *sigma;  // (n) singular values
    double *sum;    // (n) what the steps add up to along each
};

/* Arrays in the arena; g must last. Errors: FW_MEMORY. */
enum fw_status fw_closed_start(struct fw_closed *c, const struct fw_optimizer *o,
                               const struct fw_hyper *h, const double *g, size_t m, size_t n,
                               uint32_t steps, struct fw_arena *arena, struct fw_error *err);
void fw_closed_step(struct fw_closed *c);

#endif
