/* What oneDNN's products of matrices retire on one thread, in closed form.
 *
 * Its sgemm lays matrices out by columns: what it calls A is our b, its M our n. It has these ways,
 * each with blocks of its own (src/cpu/x64/gemm of oneDNN 2.6); the operations were measured
 * (tests/emulated; AVX2 under an emulator on 90 shapes, AVX-512 natively on 400), one product at a
 * time, and differ by none:
 *   a vector  is taken in whole vectors, each remainder of 8, 4, 2 and 1 as a vector of its own;
 *   nocopy    (small, or long and thin) multiplies every block of k by alpha and adds it to c;
 *   copied    multiplies by alpha while it copies, which only integers do here, and adds blocks;
 *   few rows  (AVX-512, b turned) are inner products, added up over the lanes at their end. */
#include "engine/dnn.h"

enum {
    LANES = 8,
    WIDE = 16,         // lanes of AVX-512
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

static uint64_t filled(uint64_t n) // up to whole vectors of AVX-512
{
    return (n + WIDE - 1) / WIDE * WIDE;
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
static uint64_t updates(uint64_t n, uint64_t k, bool side_by_side, bool wide)
{
    enum { PIECE = 512 };
    if (n == 0)
        return 0;
    if (!side_by_side && n > PIECE)
        return (n / PIECE) * updates(PIECE, k, true, wide) + updates(n % PIECE, k, true, wide);
    return wide ? k * (WIDE + 2 * filled(n)) : k * (LANES + FUSED * (n / LANES + bits(n % LANES)));
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

/* ---- AVX-512 ---- */

/* Blocks of k in the copied way; nocopy has them all of 384. */
static uint64_t depths(uint64_t k)
{
    enum { DEPTH = 384, IN_TWO = 2 * DEPTH - 1 };
    return k <= DEPTH ? 1 : k <= IN_TWO ? 2 : (k + DEPTH - 1) / DEPTH;
}

static uint64_t wide_nocopy(uint64_t m, uint64_t n, uint64_t k, bool onto)
{
    enum { DEPTH = 384 };
    uint64_t blocks = (k + DEPTH - 1) / DEPTH;
    return filled(m) * n * (2 * k + 2 * blocks - (onto ? 0 : 1));
}

/* A remainder of 8, 4, 2 and 1 rows takes a vector each, two rows are added in one of 4. */
static uint64_t wide_copied(uint64_t m, uint64_t n, uint64_t k, bool onto)
{
    uint64_t multiplied = m / WIDE * WIDE + WIDE * bits(m % WIDE);
    uint64_t added = m + ((m & 2) != 0 ? 2 : 0);
    return 2 * multiplied * n * k + (depths(k) - (onto ? 0 : 1)) * added * n;
}

/* Of 2, 3 or 4 columns: vectors along k, for 8 rows at a time. */
static uint64_t wide_group(uint64_t m, unsigned columns, uint64_t k, bool onto)
{
    enum { ROWS = 8, SUM = 15 * WIDE };
    uint64_t groups = (m + ROWS - 1) / ROWS, sums = columns > 2 ? 2 * SUM : SUM;
    return 2 * m * columns * filled(k) + groups * (sums + (onto ? ROWS * columns : 0));
}

static uint64_t wide_few(uint64_t m, unsigned n, uint64_t k, bool onto)
{
    unsigned rest = n % 3 == 0 ? 0 : n % 3 == 1 ? 4 : 2; // the others by threes
    return (uint64_t)(n - rest) / 3 * wide_group(m, 3, k, onto) +
           (rest > 0 ? wide_group(m, rest, k, onto) : 0);
}

/* Whether matrices are read where they are; columns that are multiples of 256 apart are not. */
static bool is_read_in_place(uint64_t m, uint64_t n, uint64_t k, const struct fw_gemm_matrix *sides,
                             bool a_turned, bool b_turned, bool *ret_asked)
{
    enum { BAD = 256, VERY_BAD = 1024, MOST = 378, FEW = 28 };
    uint64_t by_a = (uint64_t)(a_turned ? sides[0].column : sides[0].row);
    uint64_t by_b = (uint64_t)(b_turned ? sides[1].column : sides[1].row);
    bool bad_a = by_a % BAD == 0, bad_b = by_b % BAD == 0;
    *ret_asked = false;
    bool very_bad = by_a % VERY_BAD == 0, excepted = very_bad && !a_turned && b_turned;
    if (a_turned && !b_turned && m > 100 && ((m < 1200 && n < 200 && k < 1200) || (bad_a && bad_b)))
        return false;
    if (!a_turned && !b_turned && n > 100 && k > BAD && very_bad && bad_b)
        return false;
    *ret_asked = true; // by dividing
    if (100000 * (m + n) >= 196 * m * n && !excepted)
        return true;
    if ((bad_a || bad_b || (uint64_t)sides[2].row % BAD == 0) && m >= 32 &&
        (n > 16 || (n == 16 && (k >= 6400 || a_turned || m == 4096))))
        return false;
    if (k >= MOST && ((m <= MOST && n <= MOST) || m >= MOST))
        return false;
    return k <= 1 || n <= FEW || (m <= FEW && (!b_turned || m >= n));
}

/* In the order of the library: its a is our b. */
static uint64_t wide(uint64_t m, uint64_t n, uint64_t k, const struct fw_gemm_matrix *sides,
                     bool a_turned, bool b_turned, bool onto)
{
    enum { FEW = 16, WORTH = 2, ASKED = 3 };
    bool asked;
    if (n < FEW && a_turned && !b_turned)
        return wide_few(m, (unsigned)n, k, onto);
    bool in_place = is_read_in_place(m, n, k, sides, a_turned, b_turned, &asked);
    uint64_t own = (n > 50 && m <= 10 ? 0u : WORTH) + (asked ? ASKED : 0u);
    return own + (in_place ? wide_nocopy(m, n, k, onto) : wide_copied(m, n, k, onto));
}

uint64_t fw_dnn_gemm_flop(bool avx512, size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                          const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b, bool onto)
{
    bool a_turned = a->column != 1 && k != 1, b_turned = b->column != 1 && n != 1;
    if (m == 1)
        return b_turned ? dots(n, k, a->column == 1) : updates(n, k, true, avx512);
    if (n == 1)
        return a_turned ? updates(m, k, c->row == 1, avx512) : dots(m, k, b->row == 1);
    if (avx512) {
        const struct fw_gemm_matrix sides[3] = {*b, *a, *c};
        return wide(n, m, k, sides, b_turned, a_turned, onto);
    }
    bool small = 10000 * ((uint64_t)m + n) >= 38 * (uint64_t)m * n; // 1/m + 1/n >= 0.0038
    if (small || k <= (a_turned ? 1 : 2))
        return OWN + nocopy(n, m, k, b_turned, a_turned, onto);
    return OWN + copied(n, m, k, onto);
}
