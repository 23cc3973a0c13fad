/* The one matrix product behind all contractions; for kernels (product_run.c). */
#ifndef FW_OPS_PRODUCT_H
#define FW_OPS_PRODUCT_H

#include "ops/kernel.h"

/* A matrix in memory: element (i, j) is p[i*row + j*column]. */
struct matrix {
    REAL *p;
    ptrdiff_t row, column;
};

#define product KERNEL_NAME(product)
/* c[m, n] += sum over k of a[m, k]*b[k, n], m*n*k MAC and nothing else. Columns of b and c that are
 * not next to each other are copied first. Errors: FW_MEMORY. */
enum fw_status product(const struct fw_run *r, size_t m, size_t n, size_t k, struct matrix c,
                       struct matrix a, struct matrix b);

/* m rows of n neighbours become zeros. */
static inline void clear(struct matrix c, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        memset(c.p + (ptrdiff_t)i * c.row, 0, n * sizeof *c.p);
}
static inline struct matrix turned(struct matrix a)
{
    return (struct matrix){a.p, a.column, a.row};
}
static inline struct matrix matrix_of(const REAL *p, size_t row, size_t column)
{
    return (struct matrix){(REAL *)p, (ptrdiff_t)row, (ptrdiff_t)column};
}

#endif
