/* UTF-8 as the standard has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef FW_BASE_UTF8_H
#define FW_BASE_UTF8_H

#include <stdint.h>

/* Bytes of the character that starts at p (1 to 4), or 0 when it is malformed or cut off by the
 * byte that ends the text, which must not look like a part of a character (a NUL, a quote). */
unsigned fw_utf8_length(const char *p);
/* The same, and 0 too for what a terminal or an editor obeys instead of showing it: control
 * characters (NUL among them), those that end a line or turn its direction. */
unsigned fw_utf8_shown(const char *p);
/* Writes code (a Unicode scalar value) and gives the number of bytes, 1 to 4. */
unsigned fw_utf8_put(uint32_t code, char ret[4]);

#endif
