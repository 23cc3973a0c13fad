/* What the two halves of the operator cases share: op_case.c infers and counts a case, op_run.c
 * executes it. */
#ifndef FW_TESTS_SUPPORT_OP_BENCH_H
#define FW_TESTS_SUPPORT_OP_BENCH_H

#include "support/op_case.h"

#define OP_CASE_SEEDS 2 // executions of a case, each with other sizes and contents

struct bench {
    const struct op_case *want;
    uint64_t seed; // 0: letters stay letters
    struct fw_arena arena;
    struct fw_graph g;
    struct fw_error err;
    struct fw_cx cx;
    const struct fw_op *op;
    uint32_t node;
    struct fw_node forward; // a copy: appending nodes moves them
    unsigned n_in, n_out;
    bool wanted[OP_CASE_PORTS];
};

/* Fails the test with the case's name. */
void wrong(const struct bench *b, const char *what, const char *want, const char *found);

/* A graph of the case's node, not inferred yet. */
void op_bench_open(struct bench *b, const struct op_case *want, uint64_t seed);
void op_bench_close(struct bench *b);
/* Appends the gradient: dy (n_out), dx (n_in), FW_NONE where there is none. */
void op_bench_grad(struct bench *b, uint32_t *dy, uint32_t *dx);

/* Writes the cases as models into the folder that FLOPWISE_OP_SEEDS names, instead of running them;
 * see op_seed.c. false: it names none. */
bool op_cases_write(const struct op_case *cases, size_t n);

/* The checks on what runs; see op_run.c. Whether it was executed. */
bool op_case_execute(const struct op_case *want, uint64_t seed);

#endif
