/* Cases for operator rows: one line of text each for the node, what comes out and what it costs.
 *
 * Tests only: built with the unit tests (tests/support), never into the library. A test beside the
 * row's file includes "support/op_case.h", writes a table and calls OP_CASES_RUN(table).
 *
 * A tensor is written DTYPE[SHAPE] or DTYPE[SHAPE]=CONTENTS, for example
 *     f32[2,3,N]      i64[2]=1,N+1      f32[]=0.5 (a scalar)      f32[?] (rank unknown)
 * DTYPE is the name in FW_DTYPE_LIST in lower case; "-" is a port left out. In front of an input
 *     "*"       its gradient is wanted
 *     "param "  it is a parameter: wanted as well, and its gradient belongs to backward_weight
 * Contents after "=" are what inference knows; "..." stands for contents that are not known.
 * Costs are written "fma=2*N*K add=N"; classes that are not named must be zero, except that read
 * and write are compared only when they are named. "" is no operation at all, NULL is not
 * compared.
 *
 * Where its row has a kernel each case is executed as well, with small sizes for the letters:
 * op_run.c. */
#ifndef FW_TESTS_SUPPORT_OP_CASE_H
#define FW_TESTS_SUPPORT_OP_CASE_H

#include "ops/op.h"

#define OP_CASE_PORTS 12

struct op_case {
    const char *domain; // NULL: the default domain
    const char *name;
    const char *attrs; // "axis=1 perm=0,2,1 mode=linear alpha=0.5 value=i64[1]=7"; NULL: none
    const char *in[OP_CASE_PORTS];  // up to the first NULL
    const char *out[OP_CASE_PORTS]; // up to the first NULL
    const char *cost;
    /* Sums over the nodes the gradient appends. When both are NULL no gradient is built; else every
     * wanted input must receive one of its own shape, unless its bit is set in no_grad. */
    const char *backward_input;
    const char *backward_weight;
    uint32_t no_grad;
    uint32_t no_dy;       // bit o: output o was not used by anybody
    bool train;           // the row's training form, with outputs added up to its min_out
    enum fw_status fails; // inference must fail with this
    /* What is executed: float inputs whose contents are not given are uniform in low..high; both 0:
     * normal. */
    double low, high;
    bool gradient;       // executed with its gradient also where no counts of that are given
    bool rough;          // the gradient is not that of the function as computed: not compared
    bool starts;         // a loss: its gradient begins with 1
    const char *not_run; // why it cannot be executed: contents that random numbers do not give
};

#define OP_CASES_RUN(table) op_cases_run(table, sizeof(table) / sizeof *(table))
void op_cases_run(const struct op_case *cases, size_t n);
/* Executes only: out says how many outputs there are. A row without a kernel fails. */
#define OP_CASES_EXECUTE(table) op_cases_execute(table, sizeof(table) / sizeof *(table))
void op_cases_execute(const struct op_case *cases, size_t n);

#endif
