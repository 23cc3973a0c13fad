/* Instructions of 512 bits and with masks whose operations are known: prints how many there are. */
#include <immintrin.h>
#include <stdio.h>

#define WIDE __attribute__((target("avx512f,avx512vl"), noinline))
enum { TIMES = 1000 };

static WIDE unsigned long floats(float *at)
{
    __m512 a = _mm512_loadu_ps(at), b = a;
    __m256 half = _mm256_loadu_ps(at);
    __m128 one = _mm_loadu_ps(at);
    for (int i = 0; i < TIMES; i++)
        __asm__ volatile("vfmadd231ps %1, %0, %0\n\t"                // 32
                         "vaddps %1, %0, %0%{%%k1%}\n\t"             // 16, whatever the mask
                         "vmulps (%4)%{1to16%}, %0, %0\n\t"          // 16
                         "vdivps %%zmm17, %0, %%zmm18\n\t"           // 16
                         "vsubps %{rz-sae%}, %1, %0, %0\n\t"         // 16
                         "vsqrtps %2, %%ymm19\n\t"                   // 8
                         "vfnmadd132ps %%xmm20, %3, %3\n\t"          // 8
                         "vfmadd213ss %%xmm20, %%xmm21, %%xmm22\n\t" // 2
                         "vaddss 64(%4), %%xmm21, %%xmm22\n\t"       // 1
                         "vmaxps %1, %0, %%zmm18\n\t"                // none from here on
                         "vrcp14ps %1, %%zmm18\n\t"
                         "vcvtps2dq %1, %%zmm18\n\t"
                         "vpaddd %1, %1, %%zmm18\n\t"
                         "vmovups 64(%4), %%zmm18"
                         : "+v"(a), "+v"(b), "+v"(half), "+v"(one)
                         : "r"(at)
                         : "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "memory");
    _mm512_storeu_ps(at, a);
    return 115ul * TIMES;
}

static WIDE unsigned long doubles(float *at)
{
    for (int i = 0; i < TIMES; i++)
        __asm__ volatile("vfmadd231pd (%0), %%zmm16, %%zmm16\n\t" // 16
                         "vaddpd (%0), %%zmm16, %%zmm16\n\t"      // 8
                         "vmulpd %%ymm17, %%ymm16, %%ymm16\n\t"   // 4
                         "vdivsd %%xmm17, %%xmm16, %%xmm16\n\t"   // 1
                         "vfmsub231sd %%xmm17, %%xmm16, %%xmm16"  // 2
                         :
                         : "r"(at)
                         : "xmm16", "xmm17");
    return 31ul * TIMES;
}

int main(void)
{
    float at[32] = {0};
    unsigned long n;
    if (!__builtin_cpu_supports("avx512vl"))
        return 77;
    n = floats(at) + doubles(at);
    return printf("%lu\n", n) < 0;
}
