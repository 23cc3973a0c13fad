/* UTF-8; see utf8.h. */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

unsigned fw_utf8_length(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    unsigned n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (n == 0 || u[0] > 0xf4)
        return 0;
    for (unsigned i = 1; i < n; i++)
        if ((u[i] & 0xc0u) != 0x80u)
            return 0;
    bool overlong = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90);
    bool surrogate = u[0] == 0xed && u[1] > 0x9f;
    bool beyond = u[0] == 0xf4 && u[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : n;
}

unsigned fw_utf8_shown(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] < 0x80)
        return u[0] >= 0x20 && u[0] != 0x7f;
    unsigned n = fw_utf8_length(p);
    bool control = n == 2 && u[0] == 0xc2 && u[1] < 0xa0; // U+0080 to U+009F
    bool mark = n == 3 && u[0] == 0xe2 && u[1] == 0x80 &&
                (u[2] == 0x8e || u[2] == 0x8f || (u[2] >= 0xa8 && u[2] <= 0xae));
    bool isolate = n == 3 && u[0] == 0xe2 && u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9;
    return control || mark || isolate ? 0 : n;
}

size_t fw_utf8_ascii(const char *p, size_t bytes)
{
    const uint64_t ones = UINT64_MAX / 255;
    size_t n = 0;
    for (uint64_t word; bytes - n >= sizeof word; n += sizeof word) { // eight at once
        memcpy(&word, p + n, sizeof word);
        uint64_t control = (word - 0x20 * ones) & ~word;
        uint64_t beyond = (word + ones) | word; // 0x7f and above
        if ((control | beyond) & 0x80 * ones)
            break;
    }
    while (n < bytes && p[n] >= 0x20 && p[n] < 0x7f)
        n++;
    return n;
}

uint32_t fw_utf8_code(const char *p, unsigned bytes)
{
    uint32_t code = (unsigned char)p[0] & (bytes > 1 ? 0xffu >> (bytes + 1) : 0x7fu);
    for (unsigned i = 1; i < bytes; i++)
        code = code << 6 | ((unsigned char)p[i] & 0x3fu);
    return code;
}

unsigned fw_utf8_columns(const char *p, unsigned bytes)
{
    static const struct {
        uint32_t first, last;
        unsigned columns;
    } blocks[] = {
        {0x300, 0x36f, 0},                            // combining marks
        {0x1100, 0x115f, 2},                          // Hangul initials
        {0x200b, 0x200f, 0},                          // joiners
        {0x2e80, 0x303e, 2},                          // radicals, punctuation
        {0x3041, 0xa4cf, 2},                          // kana, ideographs, Yi
        {0xac00, 0xd7a3, 2},                          // Hangul
        {0xf900, 0xfaff, 2},                          // ideographs
        {0xfe30, 0xfe6f, 2},                          // vertical and small forms
        {0xff01, 0xff60, 2},                          // full width
        {0xffe0, 0xffe6, 2},                          // signs of full width
        {0x1f300, 0x1f64f, 2},                        // pictures
        {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2}, // ideographs
    };
    uint32_t code = fw_utf8_code(p, bytes);
    for (unsigned i = 0; i < sizeof blocks / sizeof *blocks && code >= blocks[i].first; i++)
        if (code <= blocks[i].last)
            return blocks[i].columns;
    return 1;
}

unsigned fw_utf8_put(uint32_t code, char ret[4])
{
    if (code < 0x80) {
        ret[0] = (char)code;
        return 1;
    }
    unsigned len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (unsigned i = len; i-- > 1; code >>= 6)
        ret[i] = (char)(0x80 | (code & 0x3f));
    ret[0] = (char)(lead[len] | code);
    return len;
}
