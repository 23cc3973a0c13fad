/* Which processor this is, and which of its events count floating-point operations.
 *
 * The processor is recognised from the text of /proc/cpuinfo, so that recorded descriptions of
 * other machines are test cases; the events stand in data/events.tsv. */
#ifndef FW_ENGINE_MACHINE_H
#define FW_ENGINE_MACHINE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct fw_machine {
    char vendor[24];      // "AuthenticAMD", "GenuineIntel", "arm"; empty: not recognised
    char name[80];        // "AMD EPYC 9B45 128-Core Processor"
    uint32_t family;      // on Arm the implementer
    uint32_t model;       // on Arm the part
    uint32_t vector_bits; // of scalable vectors, 0 where there are none or it is not known
    bool fma, avx2, avx512, sve;
};

enum fw_flop_part {
    FW_FLOP_ALL,
    FW_FLOP_ADD,
    FW_FLOP_MUL,
    FW_FLOP_DIV,
    FW_FLOP_FMA,
    FW_N_FLOP_PARTS
};
extern const char *const fw_flop_part_names[FW_N_FLOP_PARTS];

/* The instruction of which 1,000 must give a known count. */
enum fw_canary {
    FW_CANARY_NONE,
    FW_CANARY_FMA,
    FW_CANARY_ADD,
    FW_CANARY_MUL,
    FW_CANARY_DIV,
    FW_CANARY_FMA128D,
    FW_CANARY_FMA128,
    FW_CANARY_FMA256,
    FW_CANARY_FMA512,
    FW_N_CANARIES
};

struct fw_event {
    uint64_t code;   // of perf_event_open, type raw
    uint32_t weight; // operations that one count stands for
    uint8_t part;    // enum fw_flop_part
    uint8_t canary;  // enum fw_canary
};

enum { FW_MAX_EVENTS = 5 }; // of one part

/* text: contents of /proc/cpuinfo, n bytes. */
void fw_machine_read(struct fw_machine *ret, const char *text, size_t n);
/* This machine. What cannot be found out stays empty. */
void fw_machine_here(struct fw_machine *ret);
/* The events whose sum is a part; 0 where none is known. */
unsigned fw_machine_events(const struct fw_machine *m, enum fw_flop_part part,
                           struct fw_event ret[FW_MAX_EVENTS]);

#endif
