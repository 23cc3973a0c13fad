/* The loops that engine/peak.c times. */
#ifndef FW_ENGINE_PEAK_KERNEL_H
#define FW_ENGINE_PEAK_KERNEL_H

#include <stdint.h>

/* rounds times a chain of independent fused multiply-adds on registers. *ret_flop: operations done.
 * The value is of no interest, but using it keeps the loop. */
typedef float fw_peak_loop(uint64_t rounds, uint64_t *ret_flop);

extern fw_peak_loop *const fw_peak_scalar; // NULL where it cannot be built
extern fw_peak_loop *const fw_peak_avx2;
extern fw_peak_loop *const fw_peak_avx512;

#endif
