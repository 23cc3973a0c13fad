/* For tests: an allocator that counts, checks the sizes it is told, and fails on request. */
#ifndef FW_BASE_ALLOC_TEST_H
#define FW_BASE_ALLOC_TEST_H

#include "base/arena.h"

struct fw_test_alloc {
    struct fw_alloc alloc; // pass &t.alloc
    long n_calls;          // requests for memory so far (frees not counted)
    long fail_at;          // this request (from 0) and all later ones fail; -1 = none
    size_t live_bytes;     // as claimed by the callers: 0 at the end
    long n_live;           // blocks not freed
};

void fw_test_alloc_init(struct fw_test_alloc *t, long fail_at);

#endif
