/* Growing text buffer. A failed allocation is remembered and checked once at the end
 * (fw_str_ok), so that code which prints need not test every call. */
#ifndef FW_BASE_STR_H
#define FW_BASE_STR_H

#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef __int128 fw_i128;
__extension__ typedef unsigned __int128 fw_u128;

struct fw_str {
    const struct fw_alloc *alloc;
    char *data; // NUL-terminated once anything was added; NULL before
    size_t len; // bytes without the NUL
    size_t cap;
    bool failed; // an allocation failed; data holds what fitted
};

void fw_str_init(struct fw_str *s, const struct fw_alloc *alloc);
void fw_str_free(struct fw_str *s);
void fw_str_reset(struct fw_str *s); // empty, keeps the memory
bool fw_str_ok(const struct fw_str *s);
/* The slow half of adding: memory is short. */
void fw_str_addn_slow(struct fw_str *s, const char *text, size_t len);
static inline void fw_str_addn(struct fw_str *s, const char *text, size_t len)
{
    if (s->failed || len >= s->cap - s->len) {
        fw_str_addn_slow(s, text, len);
        return;
    }
    memcpy(s->data + s->len, text, len);
    s->len += len;
    s->data[s->len] = 0;
}
static inline void fw_str_add(struct fw_str *s, const char *text)
{
    fw_str_addn(s, text, strlen(text));
}
static inline void fw_str_addc(struct fw_str *s, char c)
{
    fw_str_addn(s, &c, 1);
}
void fw_str_addf(struct fw_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *fw_str_text(const struct fw_str *s); // never NULL

/* Number texts, locale-free. separator: ',' between groups of three digits, or 0 for none. */
void fw_str_add_i64(struct fw_str *s, int64_t v, char separator);
void fw_str_add_i128(struct fw_str *s, fw_i128 v, char separator);
/* As %.{significant}g (1 to 17 digits) in the "C" locale. */
void fw_str_add_double(struct fw_str *s, double v, int significant);
/* As %.{places}f in the "C" locale. */
void fw_str_add_fixed(struct fw_str *s, double v, int places);

#endif
