/* Fused multiply-adds x = x * m + a on as many registers as there are, so that neither latency nor
 * memory is in the way. */
#include "engine/peak_kernel.h"

#include <stddef.h>

#define EACH_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define EACH_24(X) \
    EACH_12(X)     \
    X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)

#define BEGIN(i) x##i = BROADCAST((float)(i));
#define DECLARE(i) VECTOR x##i;
#define STEP(i) x##i = FMA(x##i, m, a);
#define SUM(i) s = ADD(s, x##i);

#define LOOP(name, registers, lanes, each)                                                      \
    static float name(uint64_t rounds, uint64_t *ret_flop)                                      \
    {                                                                                           \
        VECTOR m = BROADCAST(0.999f), a = BROADCAST(0.001f), s = BROADCAST(0.f);                \
        each(DECLARE)                                                                           \
            each(BEGIN) for (uint64_t r = 0; r < rounds; r++){each(STEP)} each(SUM) *ret_flop = \
                rounds * 2u * (registers) * (lanes);                                            \
        return FIRST(s);                                                                        \
    }

// clang-format off: each loop has its own vector type
#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR __m128
#define BROADCAST _mm_set_ss
#define FMA _mm_fmadd_ss
#define ADD _mm_add_ss
#define FIRST _mm_cvtss_f32
__attribute__((target("fma"))) LOOP(scalar, 12, 1, EACH_12)
#undef VECTOR
#undef BROADCAST
#undef FMA
#undef ADD
#undef FIRST

#define VECTOR __m256
#define BROADCAST _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define FIRST _mm256_cvtss_f32
    __attribute__((target("avx2,fma"))) LOOP(avx2, 12, 8, EACH_12)
#undef VECTOR
#undef BROADCAST
#undef FMA
#undef ADD
#undef FIRST

#define VECTOR __m512
#define BROADCAST _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define FIRST _mm512_cvtss_f32
        __attribute__((target("avx512f"))) LOOP(avx512, 24, 16, EACH_24)

            fw_peak_loop *const fw_peak_scalar = scalar;
fw_peak_loop *const fw_peak_avx2 = avx2;
fw_peak_loop *const fw_peak_avx512 = avx512;
#else
#include <math.h>

#define VECTOR float
#define BROADCAST
#define FMA fmaf
#define ADD(s, x) ((s) + (x))
#define FIRST
LOOP(scalar, 12, 1, EACH_12)

fw_peak_loop *const fw_peak_scalar = scalar;
fw_peak_loop *const fw_peak_avx2 = NULL;
fw_peak_loop *const fw_peak_avx512 = NULL;
#endif
// clang-format on
