/* Pattern matching; see glob.h. */
#include "base/glob.h"

#include <stddef.h>

bool fw_glob(const char *pattern, const char *name)
{
    const char *star = NULL; // after the last '*' seen
    const char *mark = NULL; // where the name stood then
    while (*name != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            mark = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
