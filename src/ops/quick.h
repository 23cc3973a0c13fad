/* exp, log, tanh and erf in single precision without branches or tables, so that loops over them
 * become vectors: within 2 units in the last place (tanh 2.1) over the whole range, with infinities
 * and NaN as the standard wants them. For the plain build of kernels; see fw_wide in ops/value.h
 * for the other.
 *
 * exp(x) = 2^n * exp(r), n the nearest whole number to x/ln 2, |r| <= ln(2)/2, exp(r) by its Taylor
 * polynomial; ln 2 in two parts of which the first times n is exact (Cody and Waite). tanh(x) is
 * g/(g + 2), g = exp(2|x|) - 1.
 *
 * None of them chooses between two ways: what they retire is the same for every number. */
#ifndef FW_OPS_QUICK_H
#define FW_OPS_QUICK_H

#include <math.h>
#include <stdbool.h>
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

/* x, or the number of its sign of this size where it is larger; NaN stays. By integers: of a choice
 * of a constant compilers make a case of its own, in which they compute everything behind it. */
static inline float fw_no_larger(float x, float limit)
{
    const uint32_t sign = 0x80000000u, infinite = 0x7f800000u;
    uint32_t bits = fw_bits_of(x), most = fw_bits_of(limit), size = bits & ~sign;
    uint32_t cut = size < most ? size : most;
    return fw_float_of((size > infinite ? size : cut) | (bits & sign));
}

static inline float fw_quick_exp(float x)
{
    const float magic = 12582912.f; // 1.5*2^23: adding it leaves a whole number in the low bits
    x = fw_no_larger(x, 104.f);     // 0 or infinite already
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

/* The larger of x and 0; 0 may come of NaN. */
static inline float fw_quick_positive(float x)
{
    uint32_t bits = fw_bits_of(x);
    return fw_float_of(bits & ((bits >> 31) - 1u));
}

/* exp(x) - 1 of -60 < x < 60, as exact for small numbers as for large ones: 2^n*(exp(r) - 1) and
 * 2^n - 1. */
static inline float fw_quick_growth(float x)
{
    const float magic = 12582912.f;
    float shifted = x * 1.44269504f + magic;
    float n = shifted - magic;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.f / 40320;
    p = p * r + 1.f / 5040;
    p = p * r + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r;
    float power = fw_float_of((fw_bits_of(shifted) - fw_bits_of(magic) + 127) << 23);
    return p * power + (power - 1.f);
}

static inline float fw_quick_tanh(float x)
{
    float g = fw_quick_growth(2.f * fw_no_larger(fabsf(x), 16.f)); // 1 already
    float below = g + 2.f;
    float lost = g - (below - 2.f), y = g / below, rest = 1.f - y;
    return copysignf(y - 0.5f * y * lost * rest * rest, x); // 1/below is rest/2, where it matters
}

/* Numbers from sqrt(1/2) to sqrt(2) times 2^n: n*ln 2 and the logarithm of the rest, 1 + f, as
 * f - f*f/2 + f^3 times a polynomial. Denormal numbers are made normal as integers. */
static inline float fw_quick_log(float x)
{
    const uint32_t root = 0x3f3504f3u, infinite = 0x7f800000u; // of 1/2
    uint32_t bits = fw_bits_of(x);
    uint32_t tiny = 0u - ((bits - 0x00800000u) >> 31); // all bits or none
    bits = (fw_bits_of((float)(int32_t)bits) & tiny) | (bits & ~tiny);
    int32_t n = (int32_t)(bits - root) >> 23; // half of the numbers stand below 1
    float f = fw_float_of(bits - ((uint32_t)n << 23)) - 1.f;
    float times = (float)(n - (int32_t)(149u & tiny));
    float z = f * f;
    float p = -0.0763424635f;
    p = p * f + 0.127614811f;
    p = p * f - 0.131602317f;
    p = p * f + 0.142017737f;
    p = p * f - 0.16623354f;
    p = p * f + 0.200012267f;
    p = p * f - 0.250008225f;
    p = p * f + 0.333333313f;
    float y = f + (p * f * z - times * 2.12194440e-4f - 0.5f * z) + times * 0.693359375f;
    /* Infinity and NaN stay; of 0 minus infinity, of what is below NaN. */
    uint32_t from = fw_bits_of(x), less = from - 1;
    uint32_t regular = 0u - ((~less & (less - (infinite - 1))) >> 31);
    uint32_t odd = from << 1 == 0 ? 0xff800000u : from == infinite ? 0 : 0x7fc00000u;
    return fw_float_of((fw_bits_of(y) & regular) | ((from | odd) & ~regular));
}

/* 1 - exp(a*Q(a)), a = |x|: log(1 - erf(a)) is smooth, and -2/sqrt(pi)*a for small a. */
static inline float fw_quick_erf(float x)
{
    float a = fw_no_larger(fabsf(x), 4.f); // 1 already
    float q = 9.25531276e-6f;
    q = q * a - 1.17632269e-4f;
    q = q * a + 6.32802723e-4f;
    q = q * a - 1.66696054e-3f;
    q = q * a + 1.60323412e-4f;
    q = q * a + 1.9153107e-2f;
    q = q * a - 0.102777846f;
    q = q * a - 0.636619389f;
    q = q * a - 0.128379167f;
    return copysignf(fw_quick_growth(q * a - a), x);
}

/* What they retire: every operation of theirs, whatever the number. */
enum {
    FW_QUICK_EXP_FLOP = 23,
    FW_QUICK_LOG_FLOP = 25,
    FW_QUICK_TANH_FLOP = 36,
    FW_QUICK_ERF_FLOP = 43
};

/* The same in long double: no memory is read or written, so whether to call them can be decided
 * outside of a loop. */
__attribute__((const)) float fw_wide_exp(float x);
__attribute__((const)) float fw_wide_log(float x);
__attribute__((const)) float fw_wide_tanh(float x);
__attribute__((const)) float fw_wide_erf(float x);

#endif
