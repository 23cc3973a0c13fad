/* The processor's counter of retired floating-point operations.
 *
 * What keeps it honest: one event, opened before any library starts threads, and nothing else
 * beside it; deltas, never a reset; before and after a measurement 1,000 known instructions must
 * give their known count; a count of 2^46 or more, or one that was not running all the time, is a
 * failed measurement. The system's calls stand behind a seam, so that all of this is tested on
 * machines that have no counter. */
#ifndef FW_ENGINE_COUNTER_H
#define FW_ENGINE_COUNTER_H

#include "engine/machine.h"

struct fw_reading {
    uint64_t value;
    uint64_t enabled, running; // ns
};

/* open and read return an error number, or 0. */
struct fw_counter_os {
    int (*open)(uint64_t code, int *ret_fd);
    int (*read)(int fd, struct fw_reading *ret);
    void (*close)(int fd);
    void (*canary)(enum fw_canary kind); // 1,000 of its instruction
};
extern const struct fw_counter_os fw_counter_file; // an emulator's, see engine/counter_file.c
/* 1,000 of the instruction (engine/canary.c). Only where the machine has it. */
void fw_canary_sing(enum fw_canary kind);

struct fw_counter {
    const struct fw_alloc *alloc;
    const struct fw_counter_os *os;
    struct fw_machine machine;
    struct fw_event events[FW_MAX_EVENTS]; // (n_events) whose sum is all operations
    unsigned n_events;
    struct fw_event event; // the one that is open
    int fd;                // -1: none is
    struct fw_error why;   // why none is: FW_COUNTER
};

/* os, machine: as seen by the tests; NULL for this machine. Opens the first event. That there is no
 * usable counter is no error here: the question that needs one asks fw_counter_check. */
enum fw_status fw_counter_open_with(struct fw_counter **ret, const struct fw_alloc *alloc,
                                    const struct fw_counter_os *os,
                                    const struct fw_machine *machine, struct fw_error *err);
/* Closes what is open and opens another event. */
enum fw_status fw_counter_switch(struct fw_counter *c, const struct fw_event *event,
                                 struct fw_error *err);
/* Whether it can be trusted: open, and its canary sings. FW_COUNTER says in plain words why not. */
enum fw_status fw_counter_check(struct fw_counter *c, struct fw_error *err);
/* Operations so far (weighted); differences of two readings are what counts. */
enum fw_status fw_counter_read(struct fw_counter *c, uint64_t *ret, struct fw_error *err);
/* Enough for a measurement inside this process: FW_COUNTER where the count is spread over several
 * events, which takes as many runs. */
enum fw_status fw_counter_alone(struct fw_counter *c, struct fw_error *err);

#endif
