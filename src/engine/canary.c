/* 1,000 instructions of one kind, written as instructions so that no compiler makes them fewer. */
#include "engine/counter.h"

enum { N = 1000 };

#if defined(__x86_64__)

#define CANARY(name, instruction)                                                         \
    static void name(void)                                                                \
    {                                                                                     \
        for (int i = 0; i < N; i++)                                                       \
            __asm__ volatile("vxorps %%xmm0, %%xmm0, %%xmm0\n\t" instruction ::: "xmm0"); \
    }

CANARY(fused, "vfmadd231ss %%xmm0, %%xmm0, %%xmm0")
CANARY(sum, "vaddss %%xmm0, %%xmm0, %%xmm0")
CANARY(product, "vmulss %%xmm0, %%xmm0, %%xmm0")
CANARY(quotient, "vdivss %%xmm0, %%xmm0, %%xmm0")
CANARY(fma128d, "vfmadd231pd %%xmm0, %%xmm0, %%xmm0")
CANARY(fma128, "vfmadd231ps %%xmm0, %%xmm0, %%xmm0")
CANARY(fma256, "vfmadd231ps %%ymm0, %%ymm0, %%ymm0")
CANARY(fma512, "vfmadd231ps %%zmm0, %%zmm0, %%zmm0")

#elif defined(__aarch64__)

#define CANARY(name, instruction)                                        \
    static void name(void)                                               \
    {                                                                    \
        for (int i = 0; i < N; i++)                                      \
            __asm__ volatile("movi v0.4s, #0\n\t" instruction ::: "v0"); \
    }

CANARY(fused, "fmadd s0, s0, s0, s0")
CANARY(sum, "fadd s0, s0, s0")
CANARY(product, "fmul s0, s0, s0")
CANARY(quotient, "fdiv s0, s0, s0")
#define fma128d fused // of x86 only
#define fma128 fused
#define fma256 fused
#define fma512 fused

#endif

void fw_canary_sing(enum fw_canary kind)
{
#if defined(__x86_64__) || defined(__aarch64__)
    static void (*const songs[FW_N_CANARIES])(void) = {
        [FW_CANARY_FMA] = fused,     [FW_CANARY_ADD] = sum,         [FW_CANARY_MUL] = product,
        [FW_CANARY_DIV] = quotient,  [FW_CANARY_FMA128D] = fma128d, [FW_CANARY_FMA128] = fma128,
        [FW_CANARY_FMA256] = fma256, [FW_CANARY_FMA512] = fma512};
    if (songs[kind] != NULL)
        songs[kind]();
#else
    (void)kind; // no event is known for other processors
#endif
}
