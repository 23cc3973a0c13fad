/* The proof: what each node was predicted to take, what executing it counted, what the processor
 * says. */
#ifndef FW_STUDY_AUDIT_H
#define FW_STUDY_AUDIT_H

#include "study/execute.h"

struct fw_audit_node {
    uint64_t dense;     // operations of every class, as the rule counts them
    uint64_t valid;     // the same without taps that meet padding
    uint64_t predicted; // retired by the kernel that does it, as its closed form says
    uint64_t executed;  // counted while the counting kernel ran; else as predicted
    uint64_t retired;   // by the hardware's counter
    bool known;         // predicted has a closed form
};

struct fw_audit {
    struct fw_execution *x;
    struct fw_audit_node *nodes; // (n_nodes)
    bool counted;                // executed was counted by running
    const char *counter;         // what counted the retired ones; NULL: nothing did
    const char *why_not;         // in plain words
};

/* Of an execution that has ended. counter: as given to it, or NULL; why_not: what was wrong with
 * it. count: also run the counting kernels, which takes about a second per 10^8 operations. Lives
 * in the execution's arena. */
enum fw_status fw_audit(struct fw_audit *ret, struct fw_execution *x,
                        const struct fw_counter *counter, const char *why_not, bool count,
                        struct fw_error *err);

#endif
