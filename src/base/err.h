/* Errors: one status code, the byte the fault was found at, one complete message.
 *
 * The codes, texts and exit codes are the list FW_STATUS_LIST; the enum in flopwise.h is checked
 * against it. Functions return enum fw_status and take struct fw_error * as last parameter; the
 * first cause wins: callers forward it unchanged, or prefix where they know more (file, node). */
#ifndef FW_BASE_ERR_H
#define FW_BASE_ERR_H

#include "flopwise.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, exit code, text) */
#define FW_STATUS_LIST(X)                            \
    X(OK, 0, "done")                                 \
    X(CHECK_FAILED, 1, "a check failed")             \
    X(USAGE, 2, "wrong call")                        \
    X(IO, 3, "input or output failed")               \
    X(FORMAT, 4, "malformed file")                   \
    X(UNSUPPORTED, 5, "not supported or incomplete") \
    X(SHAPE, 6, "shapes do not fit")                 \
    X(LIMIT, 7, "a limit was exceeded")              \
    X(MEMORY, 8, "out of memory")                    \
    X(COUNTER, 9, "hardware counter not available")

/* Fills err, which may be NULL. Control bytes and bytes that are not UTF-8 (names from files)
 * become '?'; what is too long is cut at a character.
 * at: byte offset in the file, or -1 where there is none. */
void fw_error_set(struct fw_error *err, enum fw_status code, int64_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same, and its value is code, so `return fw_fail(...)` reads naturally. A macro, so that
 * compilers see that what fails never returns FW_OK. */
#define fw_fail(err, code, at, ...) \
    (fw_error_set((err), (code), (at), __VA_ARGS__), (enum fw_status)(code))

/* Puts text in front of the message that err already holds ("node 'x' (Conv): " + message). */
void fw_error_prefix(struct fw_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns FW_MEMORY with the standard message. */
static inline enum fw_status fw_fail_memory(struct fw_error *err)
{
    return fw_fail(err, FW_MEMORY, -1, "out of memory");
}

/* The text of the list ("malformed file"), and the name ("FORMAT"); never NULL. */
const char *fw_status_text(enum fw_status code);
const char *fw_status_name(enum fw_status code);

#define FW_TRY(expr)                           \
    do {                                       \
        enum fw_status fw_try_status = (expr); \
        if (fw_try_status != FW_OK)            \
            return fw_try_status;              \
    } while (0)

#define FW_REQUIRE(cond, err, code, ...)                    \
    do {                                                    \
        if (!(cond))                                        \
            return fw_fail((err), (code), -1, __VA_ARGS__); \
    } while (0)

#endif
