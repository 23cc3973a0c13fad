/* Running totals; see sum.h. */
#include "base/sum.h"

#include "base/poly_impl.h"

#include <string.h>

void fw_sum_init(struct fw_sum *sum, const struct fw_alloc *alloc, struct fw_symbols *sym)
{
    *sum = (struct fw_sum){.alloc = alloc, .sym = sym};
}

void fw_sum_free(struct fw_sum *sum)
{
    fw_mem_resize(sum->alloc, sum->terms, sum->cap * sizeof *sum->terms, 0);
    sum->terms = NULL;
    sum->n = sum->cap = 0;
}

static struct fw_sum_term *place(struct fw_sum_term *terms, uint32_t cap, fw_count word)
{
    uint64_t low = (uint64_t)word.word;
    uint32_t at = (uint32_t)((low * 0x9e3779b97f4a7c15u) >> 40) & (cap - 1);
    while (terms[at].word.word != 0 && !fw_count_eq(terms[at].word, word))
        at = (at + 1) & (cap - 1);
    return &terms[at];
}

static bool grow(struct fw_sum *sum)
{
    uint32_t cap = sum->cap == 0 ? 16 : 2 * sum->cap;
    struct fw_sum_term *terms = fw_mem_resize(sum->alloc, NULL, 0, cap * sizeof *terms);
    if (terms == NULL) {
        fw_poly_fault(sum->sym, FW_MEMORY);
        return false;
    }
    memset(terms, 0, cap * sizeof *terms); // an empty place has word 0, which is a constant
    for (uint32_t i = 0; i < sum->cap; i++)
        if (sum->terms[i].word.word != 0)
            *place(terms, cap, sum->terms[i].word) = sum->terms[i];
    fw_mem_resize(sum->alloc, sum->terms, sum->cap * sizeof *sum->terms, 0);
    sum->terms = terms;
    sum->cap = cap;
    return true;
}

void fw_sum_add_slow(struct fw_sum *sum, fw_count v, int64_t times)
{
    if (fw_count_is_bad(v) || (4 * (uint64_t)sum->n >= 3 * (uint64_t)sum->cap && !grow(sum))) {
        sum->bad = true;
        return;
    }
    struct fw_sum_term *term = place(sum->terms, sum->cap, v);
    if (term->word.word == 0) {
        term->word = v;
        sum->n++;
    }
    sum->n_live -= term->times != 0;
    term->times += times;
    sum->n_live += term->times != 0;
}

/* The places from..to added up in halves: a formula of many letters then is not copied once for
 * each of them. */
static fw_count terms_between(const struct fw_sum *sum, uint32_t from, uint32_t to)
{
    if (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        return fw_count_add(sum->sym, terms_between(sum, from, middle),
                            terms_between(sum, middle, to));
    }
    const struct fw_sum_term *term = &sum->terms[from];
    return term->times == 0 ? fw_count_int(0)
                            : fw_count_mul(sum->sym, term->word, fw_count_int(term->times));
}

fw_count fw_sum_value(const struct fw_sum *sum)
{
    if (sum->bad)
        return fw_count_bad();
    fw_count constant = fw_count_int(sum->constant);
    return sum->cap == 0 ? constant
                         : fw_count_add(sum->sym, terms_between(sum, 0, sum->cap), constant);
}
