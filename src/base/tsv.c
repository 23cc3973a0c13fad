#include "base/tsv.h"

#include <string.h>

static unsigned split(const char *line, const char *end, struct fw_tsv_cell *cells, unsigned max)
{
    unsigned n = 0;
    for (const char *p = line; n < max; n++) {
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        const char *stop = tab != NULL ? tab : end;
        cells[n] = (struct fw_tsv_cell){p, (size_t)(stop - p)};
        if (tab == NULL)
            return n + 1;
        p = tab + 1;
    }
    return n;
}

unsigned fw_tsv_row(const char **text, struct fw_tsv_cell *cells, unsigned max)
{
    while (**text != '\0') {
        const char *line = *text;
        const char *end = strchr(line, '\n');
        if (end == NULL)
            end = line + strlen(line);
        *text = *end != '\0' ? end + 1 : end;
        if (end > line && line[0] != '#')
            return split(line, end, cells, max);
    }
    return 0;
}

bool fw_tsv_is(const struct fw_tsv_cell *cell, const char *text)
{
    return cell->len == strlen(text) && memcmp(cell->text, text, cell->len) == 0;
}

static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

bool fw_tsv_number(const struct fw_tsv_cell *cell, uint64_t *ret)
{
    const char *p = cell->text;
    size_t n = cell->len;
    unsigned base = 10;
    if (n > 2 && p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
        n -= 2;
    }
    *ret = 0;
    for (size_t i = 0; i < n; i++)
        if (digit(p[i]) >= base || __builtin_mul_overflow(*ret, base, ret) ||
            __builtin_add_overflow(*ret, digit(p[i]), ret))
            return false;
    return n > 0;
}
