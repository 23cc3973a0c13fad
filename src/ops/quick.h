/* exp and tanh in single precision without branches or tables, so that loops over them become
 * vectors: within 2 units in the last place over the whole range, with infinities and NaN as the
 * standard wants them. For the plain build of kernels; see fw_wide in ops/value.h for the other.
 *
 * exp(x) = 2^n * exp(r), n the nearest whole number to x/ln 2, |r| <= ln(2)/2, exp(r) by its Taylor
 * polynomial; ln 2 in two parts of which the first times n is exact (Cody and Waite). tanh(x) of
 * small x is an odd polynomial (Cephes), else 1 - 2/(exp(2|x|) + 1). */
#ifndef FW_OPS_QUICK_H
#define FW_OPS_QUICK_H

#include <math.h>
#include <stdint.h>

static inline uint32_t fw_bits_of(float x)
{
    union {
        float number;
        uint32_t bits;
    } v = {.number = x};
    return v.bits;
}
static inline float fw_float_of(uint32_t bits)
{
    union {
        uint32_t bits;
        float number;
    } v = {.bits = bits};
    return v.number;
}

static inline float fw_quick_exp(float x)
{
    const float magic = 12582912.f; // 1.5*2^23: adding it leaves a whole number in the low bits
    x = x < -104.f ? -104.f : x;    // 0 already; NaN stays
    x = x > 89.f ? 89.f : x;        // infinite already
    float shifted = x * 1.44269504f + magic;
    float n = shifted - magic;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.f / 5040;
    p = p * r + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.f;
    int32_t whole = (int32_t)(fw_bits_of(shifted) - fw_bits_of(magic)); // 2^n in two factors
    int32_t half = whole >> 1;
    return p * fw_float_of((uint32_t)(half + 127) << 23) *
           fw_float_of((uint32_t)(whole - half + 127) << 23);
}

static inline float fw_quick_tanh(float x)
{
    float a = fabsf(x), z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    float small = x + x * z * p;
    float large = copysignf(1.f - 2.f / (fw_quick_exp(2 * a) + 1.f), x);
    return a < 0.625f ? small : large;
}

/* The same in long double: no memory is read or written, so whether to call them can be decided
 * outside of a loop. */
__attribute__((const)) float fw_wide_exp(float x);
__attribute__((const)) float fw_wide_tanh(float x);

#endif
