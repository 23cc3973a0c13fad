/* Which bytes are characters, and which characters are shown. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *text;
    unsigned length, shown;
};

static const struct row rows[] = {
    {"a", 1, 1},
    {" ", 1, 1},
    {"~", 1, 1},
    {"\x7f", 1, 0},
    {"\n", 1, 0},
    {"\x1b[31m", 1, 0},
    {"", 1, 0},                 // the end
    {"\x80", 0, 0},             // no beginning
    {"\x9b", 0, 0},             // a raw control sequence introducer
    {"\xc0\x80", 0, 0},         // NUL, overlong
    {"\xc1\xbf", 0, 0},         // overlong
    {"\xc2\x80", 2, 0},         // U+0080
    {"\xc2\x9b", 2, 0},         // U+009B, control sequence introducer
    {"\xc2\xa0", 2, 2},         // U+00A0
    {"\xc3\xa9", 2, 2},         // e acute
    {"\xc3", 0, 0},             // cut off
    {"\xdf\xbf", 2, 2},         // U+07FF
    {"\xe0\x9f\xbf", 0, 0},     // overlong
    {"\xe0\xa0\x80", 3, 3},     // U+0800
    {"\xe2\x80\x8d", 3, 3},     // U+200D, joiner
    {"\xe2\x80\x8e", 3, 0},     // U+200E, left to right
    {"\xe2\x80\x8f", 3, 0},     // U+200F
    {"\xe2\x80\xa7", 3, 3},     // U+2027
    {"\xe2\x80\xa8", 3, 0},     // U+2028, ends a line
    {"\xe2\x80\xae", 3, 0},     // U+202E, right to left
    {"\xe2\x80\xaf", 3, 3},     // U+202F
    {"\xe2\x81\xa5", 3, 3},     // U+2065
    {"\xe2\x81\xa6", 3, 0},     // U+2066
    {"\xe2\x81\xa9", 3, 0},     // U+2069
    {"\xe2\x81\xaa", 3, 3},     // U+206A
    {"\xe2\x82\xac", 3, 3},     // euro
    {"\xe2\x82", 0, 0},         // cut off
    {"\xed\x9f\xbf", 3, 3},     // U+D7FF
    {"\xed\xa0\x80", 0, 0},     // a surrogate
    {"\xf0\x8f\xbf\xbf", 0, 0}, // overlong
    {"\xf0\x9f\x98\x80", 4, 4}, // U+1F600
    {"\xf4\x8f\xbf\xbf", 4, 4}, // U+10FFFF
    {"\xf4\x90\x80\x80", 0, 0}, // beyond
    {"\xf5\x80\x80\x80", 0, 0},
    {"\xff", 0, 0},
};

void test_utf8__length_and_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (fw_utf8_length(rows[i].text) != rows[i].length)
            fail_msg("row %zu: length %u", i, fw_utf8_length(rows[i].text));
        if (fw_utf8_shown(rows[i].text) != rows[i].shown)
            fail_msg("row %zu: shown %u", i, fw_utf8_shown(rows[i].text));
    }
}

void test_utf8__put(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *text;
    } codes[] = {{0x41, "A"},
                 {0x7f, "\x7f"},
                 {0x80, "\xc2\x80"},
                 {0x7ff, "\xdf\xbf"},
                 {0x800, "\xe0\xa0\x80"},
                 {0xffff, "\xef\xbf\xbf"},
                 {0x10000, "\xf0\x90\x80\x80"},
                 {0x10ffff, "\xf4\x8f\xbf\xbf"}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char text[4];
        unsigned n = fw_utf8_put(codes[i].code, text);
        assert_int_equal(n, strlen(codes[i].text));
        assert_memory_equal(text, codes[i].text, n);
    }
}

void test_utf8__code_and_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t code;
        unsigned columns;
    } widths[] = {{"a", 0x61, 1},
                  {"\xc3\xa9", 0xe9, 1},
                  {"\xcc\x81", 0x301, 0}, // an acute that combines
                  {"\xe2\x82\xac", 0x20ac, 1},
                  {"\xe6\x95\xb0", 0x6570, 2},
                  {"\xef\xbc\xa1", 0xff21, 2}, // A, full width
                  {"\xef\xbd\xa1", 0xff61, 1}, // half width
                  {"\xf0\x9f\x98\x80", 0x1f600, 2},
                  {"\xf4\x8f\xbf\xbf", 0x10ffff, 1}};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        unsigned n = fw_utf8_length(widths[i].text);
        assert_int_equal(fw_utf8_code(widths[i].text, n), widths[i].code);
        assert_int_equal(fw_utf8_columns(widths[i].text, n), widths[i].columns);
    }
}

/* Every byte at every place of a text: counted up to where it stands if it is not shown. */
void test_utf8__ascii(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < 24; at++) {
            char text[25] = "what is shown, all of it";
            bool shown = byte >= 0x20 && byte < 0x7f;
            text[at] = (char)byte;
            assert_int_equal(fw_utf8_ascii(text, 24), shown ? 24 : at);
            assert_int_equal(fw_utf8_ascii(text, at), at);
        }
}
