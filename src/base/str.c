/* Growing text buffer and locale-free number texts. */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

void fw_str_init(struct fw_str *s, const struct fw_alloc *alloc)
{
    *s = (struct fw_str){.alloc = alloc};
}

void fw_str_free(struct fw_str *s)
{
    (void)fw_mem_resize(s->alloc, s->data, s->cap, 0);
    fw_str_init(s, s->alloc);
}

void fw_str_reset(struct fw_str *s)
{
    s->len = 0;
    s->failed = false;
    if (s->data)
        s->data[0] = 0;
}

bool fw_str_ok(const struct fw_str *s)
{
    return !s->failed;
}

const char *fw_str_text(const struct fw_str *s)
{
    return s->data ? s->data : "";
}

/* Room for more bytes and the final NUL. After a failure nothing more is added, so that the text
 * is a prefix of what was meant. */
static bool reserve(struct fw_str *s, size_t more)
{
    if (s->failed)
        return false;
    if (more < s->cap - s->len)
        return true;
    size_t cap = s->cap ? s->cap : 64;
    while (cap - s->len <= more) {
        if (cap > PTRDIFF_MAX / 2) {
            s->failed = true;
            return false;
        }
        cap *= 2;
    }
    char *data = fw_mem_resize(s->alloc, s->data, s->cap, cap);
    if (!data) {
        s->failed = true;
        return false;
    }
    s->data = data;
    s->cap = cap;
    return true;
}

void fw_str_addn_slow(struct fw_str *s, const char *text, size_t len)
{
    if (!reserve(s, len))
        return;
    if (len)
        memcpy(s->data + s->len, text, len);
    s->len += len;
    s->data[s->len] = 0;
}

void fw_str_addf(struct fw_str *s, const char *fmt, ...)
{
    char small[256];
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0) {
        s->failed = true;
    } else if ((size_t)n < sizeof small) {
        fw_str_addn(s, small, (size_t)n);
    } else if (reserve(s, (size_t)n)) {
        (void)vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

/* Writes the digits of v in front of p, groups counted from digit n on; gives the first of them. */
static char *put_digits(char *p, uint64_t v, int at_least, int n, char separator)
{
    for (; !separator && at_least <= 2 && v >= 10; v /= 100) { // most numbers: two at a time
        *--p = (char)('0' + (int)(v % 10));
        *--p = (char)('0' + (int)(v / 10 % 10));
        at_least = 0;
    }
    for (int i = 0; i < at_least || v != 0; i++, n++) {
        if (separator && n && n % 3 == 0)
            *--p = separator;
        *--p = (char)('0' + (int)(v % 10));
        v /= 10;
    }
    return p;
}

void fw_str_add_i128(struct fw_str *s, fw_i128 v, char separator)
{
    enum { PART = 18 }; // digits at a time, since dividing 128 bits is a library call
    const uint64_t e18 = 1000000000000000000u;
    if (v >= 0 && v < 10) {
        fw_str_addc(s, (char)('0' + (int)v));
        return;
    }
    char text[64]; // 39 digits, 12 separators, sign
    char *p = text + sizeof text;
    fw_u128 left = v < 0 ? -(fw_u128)v : (fw_u128)v;
    int n = 0;
    for (; left > UINT64_MAX; n += PART) {
        p = put_digits(p, (uint64_t)(left % e18), PART, n, separator);
        left /= e18;
    }
    p = put_digits(p, (uint64_t)left, 1, n, separator);
    if (v < 0)
        *--p = '-';
    fw_str_addn(s, p, (size_t)(text + sizeof text - p));
}

void fw_str_add_i64(struct fw_str *s, int64_t v, char separator)
{
    fw_str_add_i128(s, v, separator);
}

/* Whatever the locale's decimal point is, it becomes '.'. */
static void add_number(struct fw_str *s, const char *text, int n)
{
    bool in_point = false;
    for (int i = 0; i < n && text[i] != 0; i++) {
        bool plain = strchr("0123456789+-einfa", text[i]) != NULL;
        if (plain)
            fw_str_addc(s, text[i]);
        else if (!in_point)
            fw_str_addc(s, '.');
        in_point = !plain;
    }
}

void fw_str_add_double(struct fw_str *s, double v, int significant)
{
    char text[64];
    int digits = significant < 1 ? 1 : significant > 17 ? 17 : significant;
    int n = snprintf(text, sizeof text, "%.*g", digits, v);
    add_number(s, text, n);
}

void fw_str_add_fixed(struct fw_str *s, double v, int places)
{
    char text[352]; // 309 digits, point and places
    int digits = places < 0 ? 0 : places > 32 ? 32 : places;
    int n = snprintf(text, sizeof text, "%.*f", digits, v);
    add_number(s, text, n);
}
