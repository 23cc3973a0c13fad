/* UTF-8 as the standard has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef FW_BASE_UTF8_H
#define FW_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that starts at p (1 to 4), or 0 when it is malformed or cut off by the
 * byte that ends the text, which must not look like a part of a character (a NUL, a quote). */
unsigned fw_utf8_length(const char *p);
/* The same, and 0 too for what a terminal or an editor obeys instead of showing it: control
 * characters (NUL among them), those that end a line or turn its direction. */
unsigned fw_utf8_shown(const char *p);
/* How many of the bytes from p on are such a character each, of ASCII: most of every text. */
size_t fw_utf8_ascii(const char *p, size_t bytes);
/* The code of a character of so many bytes, as fw_utf8_length has them. */
uint32_t fw_utf8_code(const char *p, unsigned bytes);
/* Columns it takes on a terminal: 2 for what East Asian Width calls wide, 0 for marks that combine
 * with what stands before, else 1. */
unsigned fw_utf8_columns(const char *p, unsigned bytes);
/* Writes code (a Unicode scalar value) and gives the number of bytes, 1 to 4. */
unsigned fw_utf8_put(uint32_t code, char ret[4]);

#endif
