/* Decimal numbers as text, whatever the locale says a decimal point is. */
#ifndef FW_BASE_REAL_H
#define FW_BASE_REAL_H

#include <stddef.h>

/* The number at the beginning of text ([+-] digits [. digits] [e [+-] digits]), right to within one
 * unit in the last place; *ret_len is what it took. 0 and *ret_len = 0 where there is none. Too
 * large a number is infinite. */
double fw_real_parse(const char *text, size_t *ret_len);

#endif
