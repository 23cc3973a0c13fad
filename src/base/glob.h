/* Shell-like patterns over names: '*' any run of characters ('/' included), '?' one character. */
#ifndef FW_BASE_GLOB_H
#define FW_BASE_GLOB_H

#include <stdbool.h>

bool fw_glob(const char *pattern, const char *name); // linear time but for the last '*'

#endif
