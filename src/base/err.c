/* Errors: formatting of messages, and the list of codes as a table. */
#include "base/err.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CHECK(name, exit_code, text) \
    _Static_assert((int)FW_##name == (exit_code), "FW_STATUS_LIST and enum fw_status differ");
FW_STATUS_LIST(CHECK)
#undef CHECK

#define FIELDS(name, exit_code, text) {#name, text},
static const struct {
    const char *name; // as in FW_STATUS_LIST
    const char *text;
} statuses[] = {FW_STATUS_LIST(FIELDS)};
#undef FIELDS

static bool is_status(enum fw_status code)
{
    return (size_t)code < sizeof statuses / sizeof statuses[0];
}

const char *fw_status_text(enum fw_status code)
{
    return is_status(code) ? statuses[code].text : "unknown status";
}

const char *fw_status_name(enum fw_status code)
{
    return is_status(code) ? statuses[code].name : "UNKNOWN";
}

/* cut: the text was longer than its buffer, so a character torn at the end is dropped. */
static void clean(char *message, bool cut)
{
    unsigned char *s = (unsigned char *)message;
    while (*s) {
        unsigned n = fw_utf8_length((const char *)s);
        if (n == 0 && cut && strlen((char *)s) < 4 && *s >= 0xc2) {
            *s = 0;
            break;
        }
        if (fw_utf8_shown((const char *)s) == 0) {
            *s = '?';
            n = 1;
        }
        s += n;
    }
}

void fw_error_set(struct fw_error *err, enum fw_status code, int64_t at, const char *fmt, ...)
{
    if (!err)
        return;
    err->code = code;
    err->at = at;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    if (n < 0)
        err->message[0] = 0;
    clean(err->message, n >= (int)sizeof err->message);
}

void fw_error_prefix(struct fw_error *err, const char *fmt, ...)
{
    if (!err)
        return;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    size_t used = (size_t)n < sizeof err->message ? (size_t)n : sizeof err->message - 1;
    size_t room = sizeof err->message - 1 - used;
    size_t len = strlen(old);
    size_t fits = len < room ? len : room;
    memcpy(err->message + used, old, fits);
    err->message[used + fits] = 0;
    clean(err->message, fits < len || (size_t)n > used);
}
