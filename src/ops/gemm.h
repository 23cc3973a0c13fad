/* The product of a library that kernels may be given; see struct fw_run. */
#ifndef FW_OPS_GEMM_H
#define FW_OPS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* c[m, n] += a[m, k]*b[k, n] in float: element (i, j) of a matrix is p[i*row + j*column]; columns
 * of c are next to each other. False: done nothing, it cannot. */
struct fw_gemm_matrix {
    float *p;
    ptrdiff_t row, column;
};
typedef bool fw_gemm(size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                     const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b);

#endif
