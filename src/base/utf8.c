/* UTF-8; see utf8.h. */
#include "base/utf8.h"

#include <stdbool.h>

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
