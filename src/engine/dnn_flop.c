/* What oneDNN's products of matrices retire with AVX2, in closed form.
 *
 * Its sgemm lays matrices out by columns: what it calls A is our b, its M our n. It has three ways,
 * each with blocks of its own (src/cpu/x64/gemm of oneDNN 2.6); the operations were measured under
 * an emulator (tests/emulated), one product at a time, on 90 shapes, and differ by none:
 *   a vector  is taken in whole vectors, each remainder of 8, 4, 2 and 1 as a vector of its own;
 *   nocopy    (small, or long and thin) multiplies every block of k by alpha and adds it to c;
 *   copied    multiplies by alpha while it copies, which only integers do here, and adds blocks. */
#include "engine/dnn.h"

enum {
    LANES = 8,
    FUSED = 2 * LANES, // a multiply-add of a vector
    OWN = 5            // of a call, in deciding how many threads it is worth
};

static uint64_t bits(uint64_t x)
{
    uint64_t n = 0;
    for (; x > 0; x &= x - 1)
        n++;
    return n;
}

/* n inner products of k elements; each piece is summed up over its lanes and added to y. */
static uint64_t dots(uint64_t n, uint64_t k, bool side_by_side)
{
    enum { PIECE = 512, STEP = 2 * LANES, SUM = 3 * LANES + 2 };
    if (!side_by_side && k > PIECE) // copied in pieces
        return (k / PIECE) * dots(n, PIECE, true) + dots(n, k % PIECE, true);
    uint64_t whole = k / STEP * STEP, rest = bits(k % STEP);
    return n * (2 * whole + (whole > 0 ? SUM : 0) + rest * (FUSED + SUM));
}

/* k updates of a vector of n elements, y += x[i] * a[i]. */
static uint64_t updates(uint64_t n, uint64_t k, bool side_by_side)
{
    enum { PIECE = 512 };
    if (n == 0)
        return 0;
    if (!side_by_side && n > PIECE)
        return (n / PIECE) * updates(PIECE, k, true) + updates(n % PIECE, k, true);
    return k * (LANES + FUSED * (n / LANES + bits(n % LANES)));
}

/* A side cut into blocks: whole ones, then what is left, in two when it is longer than `most`. */
struct cut {
    uint64_t whole, rest[2];
};

static struct cut cut(uint64_t n, uint64_t block, uint64_t most)
{
    struct cut c = {.whole = n >= 2 * block ? n / block - 1 : 0};
    uint64_t left = n - c.whole * block;
    c.rest[0] = left > most ? (left + 1) / 2 : left;
    c.rest[1] = left - c.rest[0];
    return c;
}

static uint64_t nocopy(uint64_t m, uint64_t n, uint64_t k, bool a_turned, bool b_turned, bool onto)
{
    enum { ROWS = 16, COLUMNS = 6, SUMS = COLUMNS * LANES, M = 4032 };
    uint64_t block = a_turned ? 96 : 48, depth = b_turned ? 96 : 256;
    struct cut by_m = cut(m, M, M + M / 2), by_n = cut(n, block, block + block / 2);
    struct cut by_k = cut(k, depth, depth);
    uint64_t wide = by_m.whole * (M / ROWS), narrow = 0; // panels of 16 and of 8 rows
    uint64_t pieces = by_n.whole * (block / COLUMNS), few = 0;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t rows = by_m.rest[i] % ROWS, columns = by_n.rest[i] % COLUMNS;
        wide += by_m.rest[i] / ROWS + (rows > LANES);
        narrow += rows > 0 && rows <= LANES;
        pieces += by_n.rest[i] / COLUMNS + (columns > 0);
        few += columns > 0 && columns <= COLUMNS / 2;
    }
    uint64_t blocks = by_k.whole + 1 + (by_k.rest[1] > 0), rows = ROWS * wide + LANES * narrow;
    uint64_t sums = SUMS * (narrow * pieces + wide * few); // of two sets of registers
    return rows * n * (2 * k + blocks + blocks - (onto ? 0 : 1)) + blocks * sums;
}

static uint64_t copied(uint64_t m, uint64_t n, uint64_t k, bool onto)
{
    enum { DEPTH = 192, IN_ONE = 256, IN_TWO = 2 * DEPTH - 1 };
    uint64_t blocks = k <= IN_ONE ? 1 : k <= IN_TWO ? 2 : (k + DEPTH - 1) / DEPTH;
    uint64_t added = m + ((m & 2) != 0 ? 2 : 0); // two rows and one take a vector of 4
    uint64_t multiplied = added + ((m & 1) != 0 ? 3 : 0);
    return 2 * multiplied * n * k + (blocks - (onto ? 0 : 1)) * added * n;
}

uint64_t fw_dnn_gemm_flop(size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                          const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b, bool onto)
{
    bool a_turned = a->column != 1 && k != 1, b_turned = b->column != 1 && n != 1;
    if (m == 1)
        return b_turned ? dots(n, k, a->column == 1) : updates(n, k, true);
    if (n == 1)
        return a_turned ? updates(m, k, c->row == 1) : dots(m, k, b->row == 1);
    bool small = 10000 * ((uint64_t)m + n) >= 38 * (uint64_t)m * n; // 1/m + 1/n >= 0.0038
    if (small || k <= (a_turned ? 1 : 2))
        return OWN + nocopy(n, m, k, b_turned, a_turned, onto);
    return OWN + copied(n, m, k, onto);
}
