/* Names that help texts list, and what a mistyped one was meant to be. */
#include "base/limits.h"
#include "flopwise.h"
#include "graph/precision.h"
#include "ops/update.h"
#include "study/convention.h"

#include <string.h>

enum { MAX_WORD = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Edits (insert, delete, replace, swap neighbours) between two words of at most MAX_WORD bytes:
 * optimal string alignment. Capitals are small letters. */
static unsigned edits(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[3][MAX_WORD + 1];
    unsigned *older = rows[0], *old = rows[1], *now = rows[2];
    for (size_t k = 0; k <= n_b; k++)
        old[k] = (unsigned)k;
    for (size_t i = 1; i <= n_a; i++) {
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= n_b; k++) {
            unsigned same = lower(a[i - 1]) == lower(b[k - 1]) ? 0 : 1;
            now[k] = least(old[k - 1] + same, least(old[k], now[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = least(now[k], older[k - 2] + 1);
        }
        unsigned *spare = older;
        older = old;
        old = now;
        now = spare;
    }
    return old[n_b];
}

const char *fw_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t len = strlen(word);
    unsigned best_edits = len < 4 ? 2 : len < 8 ? 3 : 4; // fewer than this are a likely slip
    if (len == 0 || len > MAX_WORD)
        return NULL;
    for (; *names != NULL; names++) {
        size_t n = strlen(*names);
        if (n > MAX_WORD)
            continue;
        unsigned d = edits(word, len, *names, n);
        if (len >= 3 && n > len && strncmp(word, *names, len) == 0)
            d = 0; // the beginning of a name
        if (d < best_edits) {
            best_edits = d;
            best = *names;
        }
    }
    return best;
}

const char *fw_optimizer_name(size_t i)
{
    return i < fw_n_optimizers ? fw_optimizers[i].name : NULL;
}

const char *fw_precision_name(size_t i)
{
    return i < fw_n_precisions ? fw_precisions[i].name : NULL;
}

const char *fw_convention_name(size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (fw_conventions_known[k] == NULL)
            return NULL;
    return fw_conventions_known[i];
}

const char *fw_limit_name(size_t i)
{
    return i < FW_N_LIMITS ? fw_limit_rows[i].name : NULL;
}
