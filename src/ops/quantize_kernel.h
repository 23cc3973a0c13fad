/* What kernels of quantised rows share (quantize_run.c, qlinear_run.c). */
#ifndef FW_OPS_QUANTIZE_KERNEL_H
#define FW_OPS_QUANTIZE_KERNEL_H

#include "ops/kernel.h"

/* The least and largest number of a type. */
static inline void range_of(enum fw_dtype t, REAL *low, REAL *high)
{
    unsigned bits = fw_dtypes[t].bits;
    bool sign = fw_dtypes[t].class == 'i';
    *low = sign ? (REAL)-ldexp(1, (int)bits - 1) : 0;
    *high = (REAL)(ldexp(1, (int)bits - (sign ? 1 : 0)) - 1);
    if (fw_dtypes[t].class == 'f') {
        *high = (REAL)fw_round_to(t, INFINITY);
        *low = -*high;
    }
}

/* To the nearest whole number; ties are those of single precision. */
static inline REAL whole(REAL x)
{
    return ROUND((REAL)(float)x);
}

#define quantize_by_range KERNEL_NAME(quantize_by_range)
/* Numbers to 0..255 by their own range, 0 in it: whole ones into q, (n), with their scale and zero
 * point. 2*n + 3 minmax, 2 add, 2 div for the range; 1 div, 3 minmax, 1 add for every number. */
void quantize_by_range(const REAL *x, size_t n, REAL *q, REAL *ret_scale, REAL *ret_zero);

#endif
