/* A running total of many counts. Constants are added as integers; symbolic terms are kept by word
 * with how often they occurred and only become one polynomial when the value is asked for, so that
 * a total over a million symbolic nodes makes a few polynomials and not a million. */
#ifndef FW_BASE_SUM_H
#define FW_BASE_SUM_H

#include "base/poly.h"

struct fw_sum_term {
    fw_count word; // never a constant
    int64_t times;
};

struct fw_sum {
    const struct fw_alloc *alloc;
    struct fw_symbols *sym; // of the counts; is told when memory runs out
    fw_i128 constant;
    struct fw_sum_term *terms; // (cap) open addressing; times 0 may stand for a place once used
    uint32_t n, cap;           // places used; a power of two or 0
    uint32_t n_live;           // terms whose times is not 0
    bool bad;                  // an overflow, or memory ran out
};

void fw_sum_init(struct fw_sum *sum, const struct fw_alloc *alloc, struct fw_symbols *sym);
void fw_sum_free(struct fw_sum *sum);
void fw_sum_add_slow(struct fw_sum *sum, fw_count v, int64_t times); // symbolic or bad
static inline void fw_sum_add(struct fw_sum *sum, fw_count v, int64_t times)
{
    fw_i128 part = 0;
    if (!fw_count_is_const(v)) {
        fw_sum_add_slow(sum, v, times);
        return;
    }
    int64_t word = (int64_t)v.word;
    int64_t product;
    if (word == v.word && !__builtin_mul_overflow(word, times, &product))
        part = product;
    else if (__builtin_mul_overflow(v.word, (fw_i128)times, &part))
        sum->bad = true;
    sum->bad |= __builtin_add_overflow(sum->constant, part, &sum->constant);
}
/* The total; bad after an overflow. */
fw_count fw_sum_value(const struct fw_sum *sum);

#endif
