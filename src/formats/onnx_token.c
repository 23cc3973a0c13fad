/* Words, strings and numbers of the ONNX text format. */
#include "formats/onnx_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum fw_status fw_text_fail(struct fw_text *t, const char *want)
{
    size_t line = 1;
    for (const char *p = t->start; p < t->p; p++)
        line += *p == '\n';
    int64_t at = (int64_t)(t->p - t->start);
    if (t->p == t->end)
        return fw_fail(t->err, FW_FORMAT, at, "line %zu: %s is wanted, the text ends", line, want);
    size_t n = 0;
    while (n < 20 && t->p + n < t->end && t->p[n] >= ' ' && t->p[n] < 0x7f)
        n++;
    return fw_fail(t->err, FW_FORMAT, at, "line %zu: %s is wanted, found '%.*s'", line, want,
                   (int)n, t->p);
}

char fw_text_peek(struct fw_text *t)
{
    while (t->p < t->end) {
        char c = *t->p;
        if (c == '#') {
            while (t->p < t->end && *t->p != '\n')
                t->p++;
        } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
            t->p++;
        } else {
            return c;
        }
    }
    return '\0';
}

bool fw_text_accept(struct fw_text *t, char c)
{
    if (fw_text_peek(t) != c || t->p == t->end)
        return false;
    t->p++;
    return true;
}

enum fw_status fw_text_expect(struct fw_text *t, char c)
{
    char want[4] = {'\'', c, '\'', '\0'};
    return fw_text_accept(t, c) ? FW_OK : fw_text_fail(t, want);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

bool fw_text_name_ahead(struct fw_text *t)
{
    char c = fw_text_peek(t);
    return c == '"' || (c != '.' && is_word(c));
}

enum fw_status fw_text_name(struct fw_text *t, struct fw_onnx_text *ret)
{
    if (!fw_text_name_ahead(t))
        return fw_text_fail(t, "a name");
    if (*t->p == '"')
        return fw_text_string(t, ret);
    ret->s = t->p;
    while (t->p < t->end && is_word(*t->p))
        t->p++;
    ret->len = (size_t)(t->p - ret->s);
    return FW_OK;
}

/* A backslash takes the next character as it is; the standard's texts know no other escape, and the
 * backslash stays part of the string. */
enum fw_status fw_text_string(struct fw_text *t, struct fw_onnx_text *ret)
{
    if (!fw_text_accept(t, '"'))
        return fw_text_fail(t, "a string in quotes");
    ret->s = t->p;
    while (t->p < t->end && *t->p != '"')
        t->p += *t->p == '\\' && t->p + 1 < t->end ? 2 : 1;
    ret->len = (size_t)(t->p - ret->s);
    return fw_text_expect(t, '"');
}

/* The characters of a number copied out, NUL-terminated; false when there are too many. */
static bool take_digits(struct fw_text *t, char *out, size_t cap, bool *ret_float)
{
    size_t n = 0;
    *ret_float = false;
    (void)fw_text_peek(t);
    while (t->p < t->end && n + 1 < cap) {
        char c = *t->p;
        bool sign = (c == '-' || c == '+') && (n == 0 || out[n - 1] == 'e' || out[n - 1] == 'E');
        bool digit = c >= '0' && c <= '9';
        bool part = n > 0 && (c == 'e' || c == 'E');
        if (!sign && !digit && !part && c != '.')
            break;
        *ret_float = *ret_float || part || c == '.';
        out[n++] = c;
        t->p++;
    }
    out[n] = '\0';
    return n + 1 < cap;
}

/* inf, infinity and nan in any case, behind an optional sign. */
static bool take_special(struct fw_text *t, double *ret)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"infinity", (double)INFINITY}, {"inf", (double)INFINITY}, {"nan", (double)NAN}};
    char c = fw_text_peek(t);
    size_t sign = c == '-' || c == '+';
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].word);
        size_t k = 0;
        if ((size_t)(t->end - t->p) < sign + len)
            continue;
        while (k < len && (t->p[sign + k] | 0x20) == words[i].word[k])
            k++;
        if (k < len)
            continue;
        *ret = c == '-' ? -words[i].value : words[i].value;
        t->p += sign + len;
        return true;
    }
    return false;
}

/* Decimal text as a double, without asking the locale: the point is what C's own parser of
 * hexadecimal and exponents does not need. */
static double to_double(const char *s)
{
    double v = 0;
    int exponent = 0;
    bool negative = *s == '-';
    bool point = false;
    s += *s == '-' || *s == '+';
    for (; *s == '.' || (*s >= '0' && *s <= '9'); s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        v = v * 10 + (*s - '0');
        exponent -= point;
    }
    if (*s == 'e' || *s == 'E') {
        long e = strtol(s + 1, NULL, 10);
        exponent += e > 9999 ? 9999 : e < -9999 ? -9999 : (int)e;
    }
    v = exponent < 0 ? v / pow(10, -exponent) : v * pow(10, exponent);
    return negative ? -v : v;
}

enum fw_status fw_text_number(struct fw_text *t, struct fw_text_number *ret)
{
    char digits[64];
    const char *start;
    *ret = (struct fw_text_number){.is_float = true};
    if (take_special(t, &ret->f))
        return FW_OK;
    (void)fw_text_peek(t);
    start = t->p;
    if (!take_digits(t, digits, sizeof digits, &ret->is_float) ||
        strpbrk(digits, "0123456789") == NULL) {
        t->p = start;
        return fw_text_fail(t, "a number");
    }
    ret->f = to_double(digits);
    if (ret->is_float)
        return FW_OK;
    bool negative = digits[0] == '-';
    uint64_t v = 0;
    bool fits = true;
    for (const char *p = digits + (digits[0] == '-' || digits[0] == '+'); *p != '\0'; p++)
        fits = fits && !__builtin_mul_overflow(v, 10u, &v) &&
               !__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
    if (!fits || (negative && v > (uint64_t)1 << 63)) {
        t->p = start;
        return fw_text_fail(t, "a whole number of 64 bits");
    }
    v = negative ? 0 - v : v;
    memcpy(&ret->i, &v, sizeof v);
    return FW_OK;
}

enum fw_status fw_text_int(struct fw_text *t, int64_t *ret)
{
    struct fw_text_number n;
    (void)fw_text_peek(t);
    const char *start = t->p;
    FW_TRY(fw_text_number(t, &n));
    if (n.is_float) {
        t->p = start;
        return fw_text_fail(t, "a whole number");
    }
    *ret = n.i;
    return FW_OK;
}
