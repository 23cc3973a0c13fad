/* What this machine can do at most, measured: fused multiply-adds from registers, a large matrix
 * product, copying memory. Kept in the user's cache folder, since it takes a second or two. */
#ifndef FW_ENGINE_PEAK_H
#define FW_ENGINE_PEAK_H

#include "engine/machine.h"

enum fw_peak_kind {
    FW_PEAK_SCALAR, // fused multiply-adds, one lane
    FW_PEAK_AVX2,   // 8 lanes
    FW_PEAK_AVX512, // 16 lanes
    FW_PEAK_GEMM,   // oneDNN's sgemm
    FW_PEAK_COPY,   // bytes read and written by memcpy
    FW_N_PEAKS
};
extern const char *const fw_peak_names[FW_N_PEAKS]; // "fma_scalar" ...

struct fw_peak {
    unsigned cores; // that this process may use
    /* Operations (of a copy: bytes) a second on one core and on all; 0: not on this machine, or
     * built without. */
    uint64_t rate[FW_N_PEAKS][2];
    bool cached; // measured by an earlier call
};

enum { FW_ONE_CORE, FW_ALL_CORES };

/* Measures, or with fresh unset takes what an earlier call left in the cache ($XDG_CACHE_HOME or
 * ~/.cache). A cache that cannot be written is no error. Errors: FW_MEMORY, FW_IO (no thread). */
enum fw_status fw_peak_get(const struct fw_machine *m, bool fresh, struct fw_peak *ret,
                           struct fw_error *err);
/* Why the rates cannot all be true, in plain words, or NULL: a product is made of multiply-adds,
 * and all cores do no less than one. Other work on the machine makes them false; then they are
 * measured again twice, and what is still in doubt is not kept. */
const char *fw_peak_doubt(const struct fw_peak *p);
/* The fastest fused multiply-adds of n threads; sure: 0 where the rates are in doubt. */
uint64_t fw_peak_of(const struct fw_peak *p, unsigned n_threads);
uint64_t fw_peak_sure(const struct fw_peak *p, unsigned n_threads);

#endif
