/* What a symbol may be called, and what it is called when a file has another name for it. */
#include "base/poly_impl.h"
#include "base/utf8.h"

#include <stdio.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool fw_poly_is_name(const char *name, size_t len)
{
    if (len == 0 || !is_letter(name[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_letter(name[i]) && !is_digit(name[i]))
            return false;
    }
    return true;
}

char *fw_poly_name(struct fw_arena *arena, const char *name, size_t len)
{
    enum { CODE = 8 }; // "u10ffff" and a NUL: four times the bytes of the character at most
    char *text = fw_arena_strndup(arena, name, len);
    char *clean =
        text && len < SIZE_MAX / CODE - 1 ? fw_arena_alloc(arena, (len + 1) * CODE) : NULL;
    if (!clean)
        return NULL;
    size_t n = 0;
    if (len == 0 || is_digit(text[0]))
        clean[n++] = '_';
    for (size_t i = 0; i < len;) {
        unsigned bytes = fw_utf8_length(text + i);
        if (bytes > 1)
            n += (size_t)snprintf(clean + n, CODE, "u%x", (unsigned)fw_utf8_code(text + i, bytes));
        else
            clean[n++] = (char)(is_letter(text[i]) || is_digit(text[i]) ? text[i] : '_');
        i += bytes > 1 ? bytes : 1;
    }
    clean[n] = 0;
    return clean;
}
