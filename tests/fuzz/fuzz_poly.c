/* Expressions: any text is parsed or refused; what was parsed prints and parses back to the same
 * word, and arithmetic on two of them (the lines of the input) keeps the laws it must keep. */
#include "base/poly.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

/* A result too large for the table is bad, which is an answer. */
static void check_text(struct fw_symbols *s, fw_count word)
{
    if (fw_count_is_bad(word))
        return;
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    fw_count_print(s, word, 0, &text);
    fw_count again;
    struct fw_error err;
    enum fw_status status = fw_count_parse(s, fw_str_text(&text), text.len, &again, &err);
    // printed sums may pass through larger intermediate results, which the limits may stop
    require(status == FW_LIMIT || (status == FW_OK && fw_count_eq(word, again)));
    fw_str_free(&text);
}

static void check_laws(struct fw_symbols *s, fw_count a, fw_count b)
{
    fw_count sum = fw_count_add(s, a, b);
    fw_count product = fw_count_mul(s, a, b);
    fw_count back = fw_count_sub(s, sum, b);
    require(fw_count_is_bad(back) || fw_count_eq(back, a));
    require(fw_count_eq(product, fw_count_mul(s, b, a)));
    fw_count low = fw_count_min(s, a, b);
    require(fw_count_eq(low, fw_count_min(s, b, a)));
    int sign = fw_count_sign(s, a);
    require(sign >= -2 && sign <= 3);
    fw_count words[] = {sum,
                        product,
                        low,
                        fw_count_max(s, a, b),
                        fw_count_div(s, a, b),
                        fw_count_floor_div(s, a, b),
                        fw_count_ceil_div(s, a, b)};
    const fw_dim values[] = {fw_dim_int(3), fw_dim_int(1), fw_dim_int(1000003)};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        check_text(s, words[i]);
        check_text(s, fw_count_substitute(s, words[i], values, 3));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fw_symbols *s = fw_symbols_new(&fw_alloc_default);
    if (s == NULL)
        return 0;
    const char *text = (const char *)data;
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t first = line != NULL ? (size_t)(line - data) : size;
    size_t second = line != NULL ? size - first - 1 : 0;
    fw_count a;
    fw_count b;
    struct fw_error err;
    if (fw_count_parse(s, text, first, &a, &err) == FW_OK) {
        check_text(s, a);
        if (line != NULL && fw_count_parse(s, text + first + 1, second, &b, &err) == FW_OK)
            check_laws(s, a, b);
    }
    fw_symbols_free(s);
    return 0;
}
