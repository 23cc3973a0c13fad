/* Another program, run and waited for. */
#ifndef FW_ENGINE_PROGRAM_H
#define FW_ENGINE_PROGRAM_H

#include "base/err.h"

#include <stdint.h>

struct fw_ended {
    int exit_code; // 128 + the signal's number when a signal ended it
    double seconds;
};

/* argv: NULL-terminated, argv[0] found along PATH. Errors: FW_IO when it cannot be started. */
enum fw_status fw_program_run(const char *const *argv, struct fw_ended *ret, struct fw_error *err);

/* Cores this process may use: 1 to 1024. */
unsigned fw_usable_cores(void);

/* A clock that never jumps. In whole nanoseconds where no floating-point operation may disturb what
 * is counted. */
uint64_t fw_nanoseconds(void);
double fw_seconds(void);

#endif
