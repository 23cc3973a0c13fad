/* The matrix product; see product.h.
 *
 * Written as updates of rows, y[j] += a*b[j]: a vectorised update does what its scalar form does,
 * operation for operation, where a vectorised sum would add lanes up and pad them. Four rows of c
 * share each row of b, and the columns are taken in pieces that stay in the nearest cache. */
#include "ops/product.h"

enum { PIECE = 512 };

static void rows_4(REAL *restrict c0, REAL *restrict c1, REAL *restrict c2, REAL *restrict c3,
                   const REAL *restrict b, const REAL *a, ptrdiff_t row, size_t n)
{
    const REAL a0 = a[0], a1 = a[row], a2 = a[2 * row], a3 = a[3 * row];
    for (size_t j = 0; j < n; j++) {
        c0[j] = MAC(c0[j], a0, b[j]);
        c1[j] = MAC(c1[j], a1, b[j]);
        c2[j] = MAC(c2[j], a2, b[j]);
        c3[j] = MAC(c3[j], a3, b[j]);
    }
}

/* Columns of b and c are contiguous. */
static void piece(size_t m, size_t n, size_t k, struct matrix c, struct matrix a, struct matrix b)
{
    size_t i = 0;
    for (; i + 4 <= m; i += 4) {
        REAL *p = c.p + (ptrdiff_t)i * c.row;
        for (size_t q = 0; q < k; q++)
            rows_4(p, p + c.row, p + 2 * c.row, p + 3 * c.row, b.p + (ptrdiff_t)q * b.row,
                   a.p + (ptrdiff_t)i * a.row + (ptrdiff_t)q * a.column, a.row, n);
    }
    for (; i < m; i++)
        for (size_t q = 0; q < k; q++)
            axpy(c.p + (ptrdiff_t)i * c.row, a.p[(ptrdiff_t)i * a.row + (ptrdiff_t)q * a.column],
                 b.p + (ptrdiff_t)q * b.row, n);
}

/* A copy whose columns are contiguous; p NULL = out of memory. */
static struct matrix packed(const struct fw_run *r, size_t m, size_t n, struct matrix a)
{
    struct matrix c = {scratch_reals(r, m * n), (ptrdiff_t)n, 1};
    for (size_t i = 0; c.p != NULL && i < m; i++)
        for (size_t j = 0; j < n; j++)
            c.p[i * n + j] = a.p[(ptrdiff_t)i * a.row + (ptrdiff_t)j * a.column];
    return c;
}

static void copy_back(size_t m, size_t n, struct matrix to, struct matrix from)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            to.p[(ptrdiff_t)i * to.row + (ptrdiff_t)j * to.column] = from.p[i * n + j];
}

#if FW_COUNT
#define by_library(r, m, n, k, c, a, b) false
#else
/* Small ones are done before a library has found out what it is asked. */
static bool by_library(const struct fw_run *r, size_t m, size_t n, size_t k, struct matrix c,
                       struct matrix a, struct matrix b)
{
    enum { SMALL = 4096 };
    const struct fw_gemm_matrix to = {c.p, c.row, c.column}, left = {a.p, a.row, a.column};
    const struct fw_gemm_matrix right = {b.p, b.row, b.column};
    return r->gemm != NULL && m * n * k > SMALL && r->gemm(m, n, k, &to, &left, &right);
}
#endif

enum fw_status product(const struct fw_run *r, size_t m, size_t n, size_t k, struct matrix c,
                       struct matrix a, struct matrix b)
{
    struct matrix to = c;
    if (c.column != 1 && n != 1 && (c.row == 1 || m == 1))
        return product(r, n, m, k, turned(c), turned(b), turned(a));
    if (by_library(r, m, n, k, c, a, b))
        return FW_OK;
    struct fw_arena_mark mark = fw_arena_mark(r->scratch);
    if (b.column != 1 && n > 1)
        b = packed(r, k, n, b);
    if (c.column != 1 && n > 1)
        to = packed(r, m, n, c);
    if (b.p == NULL || to.p == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t j = 0; j < n; j += PIECE) {
        struct matrix some_c = {to.p + j, to.row, to.column};
        struct matrix some_b = {b.p + j, b.row, b.column};
        piece(m, n - j < PIECE ? n - j : PIECE, k, some_c, a, some_b);
    }
    if (to.p != c.p)
        copy_back(m, n, c, to);
    fw_arena_release(r->scratch, mark);
    return FW_OK;
}
