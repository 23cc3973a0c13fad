/* Reading decimal numbers; see real.h. */
#include "base/real.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* e+23 behind the digits; nothing is taken unless a digit follows. */
static const char *read_exponent(const char *s, int64_t *scale)
{
    if (*s != 'e' && *s != 'E')
        return s;
    const char *p = s + 1;
    bool minus = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (!is_digit(*p))
        return s;
    int64_t e = 0;
    for (; is_digit(*p); p++)
        e = e < 100000 ? e * 10 + (*p - '0') : e;
    *scale += minus ? -e : e;
    return p;
}

double fw_real_parse(const char *text, size_t *ret_len)
{
    const char *s = text + (*text == '-' || *text == '+');
    long double v = 0;
    int64_t scale = 0;
    bool dot = false, any = false;
    for (; is_digit(*s) || (*s == '.' && !dot && (any || is_digit(s[1])) && s[1] != '.'); s++) {
        if (*s == '.') {
            dot = true;
            continue;
        }
        v = v * 10 + (*s - '0');
        any = true;
        scale -= dot;
    }
    *ret_len = 0;
    if (!any)
        return 0;
    s = read_exponent(s, &scale);
    *ret_len = (size_t)(s - text);
    if (v != 0)
        v = scale < 0 && scale > -4900 ? v / powl(10, (long double)-scale)
                                       : v * powl(10, (long double)scale);
    return *text == '-' ? -(double)v : (double)v;
}
