/* Closed forms, by kind of kernel.
 *
 * Plain C retires what its row counts: 2 for each multiply-add, 1 for each add, multiply, divide
 * and square root, nothing for maximum and comparisons. Transcendental functions in single
 * precision are so many operations each where they are our own (ops/quick.h), else it is libm's
 * business; exact mode takes them in long double, which retires nothing that is counted (fw_wide in
 * ops/value.h). oneDNN's kernels were measured (AVX-512, 16 channels a
 * block, natively on AMD Zen 5; AVX2, 8 a block, under an emulator: tests/emulated): convolutions
 * skip padding taps but compute whole blocks of channels; partial sums over blocks of input
 * channels are added up; products are in dnn_flop.c, and the bias is an add; normalisation 7
 * forward, 10 backward an element and something for each image; poolings as many adds as taps, and
 * what the mean takes. */
#include "engine/retired.h"

#include "engine/engine_impl.h"
#include "ops/quick.h"

#include <string.h>

static struct fw_retired exactly(uint64_t flop)
{
    return (struct fw_retired){.flop = flop, .known = true};
}

/* Functions that plain C takes itself (ops/quick.h): what one of each retires in single precision.
 */
static const struct {
    enum fw_cost_class class;
    uint64_t flop;
} functions[] = {
    {FW_EXP, FW_QUICK_EXP_FLOP},
    {FW_LOG, FW_QUICK_LOG_FLOP},
    {FW_TANH, FW_QUICK_TANH_FLOP},
    {FW_ERF, FW_QUICK_ERF_FLOP},
};

static struct fw_retired plain(const struct fw_cost *cost, bool wide)
{
    uint64_t flop = 2 * (uint64_t)cost->n[FW_FMA].word;
    uint64_t others = (uint64_t)cost->n[FW_SPECIAL].word;
    for (unsigned k = FW_ADD; k <= FW_SQRT; k++)
        flop += (uint64_t)cost->n[k].word;
    for (unsigned k = 0; !wide && k < sizeof functions / sizeof *functions; k++) {
        flop += functions[k].flop * (uint64_t)cost->n[functions[k].class].word;
        others -= (uint64_t)cost->n[functions[k].class].word;
    }
    if (wide || others == 0)
        return exactly(flop);
    return (struct fw_retired){.flop = flop, .why = "functions of libm are taken as nothing"};
}

static uint64_t product(const int64_t *n, unsigned from, unsigned to)
{
    uint64_t p = 1;
    for (unsigned k = from; k < to; k++)
        p *= (uint64_t)n[k];
    return p;
}

/* Channels that a pooling takes together: where they are not held in blocks, AVX-512 gathers 16. */
static unsigned together(const struct fw_engine *e, uint32_t node)
{
    unsigned block = e->blocks[node] > 0 ? e->blocks[node] : 1;
    bool wide = strstr(fw_dnn_kernel_name(e->kernels[node]), "avx512") != NULL;
    return wide && block < 16 ? 16 : block;
}

static uint64_t blocks(int64_t channels, unsigned block)
{
    return ((uint64_t)channels + block - 1) / block;
}

/* Of a product of oneDNN. */
static uint64_t flop_of(size_t m, size_t n, size_t k, const struct fw_gemm_matrix *c,
                        const struct fw_gemm_matrix *a, const struct fw_gemm_matrix *b, bool onto)
{
    return fw_dnn_gemm_flop(!fw_dnn_is_avx2(), m, n, k, c, a, b, onto);
}

/* Channels as they are held: whole blocks of them. */
static uint64_t fill(int64_t channels, unsigned block)
{
    return blocks(channels, block) * block;
}

/* Multiply-adds on real taps, with channels filled up to whole blocks. */
static double padded_mac(const struct fw_fast *f, uint64_t mac, unsigned block, bool always)
{
    int64_t in = f->x[1] / f->group, out = f->y[1] / f->group;
    bool depthwise = in == 1 && out == 1;
    double by = 1;
    if (depthwise)
        return (double)mac * (double)fill(f->x[1], block) / (double)f->x[1];
    if (in > 4 || always) // few channels stay as they are
        by *= (double)fill(in, block) / (double)in;
    return (double)mac * by * (double)fill(out, block) / (double)out;
}

/* Pairs of a window and an element that it meets, padding left out, over all channels. */
static uint64_t real_taps(const struct fw_fast *f)
{
    uint64_t all = (uint64_t)f->x[0] * (uint64_t)f->x[1];
    for (unsigned k = 0; k < f->axes; k++) {
        uint64_t n = 0;
        for (int64_t o = 0; o < f->y[k + 2]; o++)
            for (int64_t tap = 0; tap < f->kernel[k]; tap++) {
                int64_t at = o * f->stride[k] + tap * f->dilation[k] - f->begin[k];
                n += at >= 0 && at < f->x[k + 2];
            }
        all *= n;
    }
    return all;
}

/* AVX2, 8 channels a block: sums over output channels are added up in pieces of 4 blocks, of 2 or
 * of 1 where rows are long (1x1: of 8, over input channels of 16), and a 1x1 kernel's weight
 * gradient is added up over the batch and over pieces of an image. */
static uint64_t sums_avx2(const struct fw_fast *f, uint64_t x, uint64_t y, bool pointwise,
                          bool along)
{
    enum { PIECE = 128, LAST = 192 }; // positions of an image; a last piece is shorter than LAST
    int64_t in = f->x[1] / f->group, out = f->y[1] / f->group, width = f->y[f->axes + 1];
    uint64_t n = product(f->y, 2, f->axes + 2), batch = (uint64_t)f->x[0];
    unsigned piece = f->axes > 2 || width >= 40 ? 8 : width >= 15 ? 16 : 32;
    switch (f->kind) {
    case FW_FAST_CONV:
        return pointwise ? y * (blocks(in, 128) - 1) : 0;
    case FW_FAST_CONV_DX:
        return pointwise ? n * batch * fill(f->x[1], 8) * (blocks(out, 64) - 1)
                         : x * (blocks(out, piece) - 1);
    default:
        break;
    }
    uint64_t pieces = n < LAST ? 1 : (n - LAST) / PIECE + 2;
    return (pointwise ? fill(in, 8) * fill(f->y[1], 8) * (batch * pieces - 1) : 0) +
           (along ? y : 0);
}

/* Channels that a 1x1 kernel with AVX-512 adds up before it writes, by the height of the images
 * that it writes (forward) or whose gradients it writes (backwards), in front of strides. */
static uint64_t reduced(int64_t from, int64_t to, int64_t height)
{
    enum { LOW = 10, HIGH = 28, FEW = 256 };
    uint64_t most = height <= LOW ? 256 : to <= FEW && height < HIGH ? 80 : 512;
    return ((uint64_t)from + most - 1) / most;
}

/* Which part of n, in a range, fills n's last part best; of equal ones the largest, or the least.
 */
static uint64_t best_part(uint64_t n, uint64_t least, uint64_t most, bool largest)
{
    uint64_t best = most, fewest = 1, by = 0; // its share: none yet
    for (uint64_t part = most; part >= least && part > 0; part--) {
        uint64_t all = (n + part - 1) / part * part, lost = all - n;
        bool less = lost * by < fewest * all; // as a share of all
        if (less || (!largest && lost * by == fewest * all)) {
            best = part;
            fewest = lost;
            by = all;
        }
    }
    return best;
}

/* Pieces of an image that the weight gradient of a 1x1 kernel with AVX-512 is added up over: as
 * many positions as fit into a cache of 32 KiB with 8 or 16 channels. */
static uint64_t image_pieces(uint64_t n, uint64_t height, uint64_t width)
{
    enum { CACHE = 8192, STEEP = 19 }; // CACHE: numbers
    uint64_t step = best_part(n, n < 7 ? n : 7, n < 16 ? n : 16, true);
    if (n % step != 0)
        step = best_part(width, width < 4 ? width : 4, width, false);
    uint64_t fits = CACHE / (step <= STEEP ? 8u : 16u), side = height > width ? height : width;
    uint64_t least = side < fits ? side : fits, most = n < fits ? n : fits;
    uint64_t piece = best_part(n, least, most, true) / step * step;
    piece = piece > step ? piece : step;
    uint64_t last = piece * 3 / 2 / step * step; // a last piece is shorter, and may be none
    uint64_t whole = n < last ? 0 : (n - last) / piece + 1;
    return whole + (n > whole * piece);
}

/* AVX-512, 16 channels a block: sums over blocks of channels are added up, and a bias to them,
 * where a 1x1 kernel and one by channels begin with it. */
static uint64_t sums_avx512(const struct fw_fast *f, uint64_t x, uint64_t y, const char *kernel,
                            bool along)
{
    enum { LANES = 16 };
    int64_t in = f->x[1] / f->group, out = f->y[1] / f->group;
    int64_t wide_in = (int64_t)fill(in, LANES), wide_out = (int64_t)fill(out, LANES);
    uint64_t positions = product(f->y, 2, f->axes + 2), batch = (uint64_t)f->x[0];
    bool pointwise = strstr(kernel, "1x1") != NULL, depthwise = strstr(kernel, "dw") != NULL;
    int64_t height = f->axes > 1 ? f->y[f->axes] : 1;
    switch (f->kind) {
    case FW_FAST_CONV:
        if (pointwise)
            return y * (reduced(wide_in, wide_out, height) - 1);
        return depthwise ? 0 : y * (blocks(in, LANES) - (f->in[2] >= 0 ? 0 : 1));
    case FW_FAST_CONV_DX:
        if (pointwise)
            return batch * positions * (uint64_t)wide_in * (reduced(wide_out, wide_in, height) - 1);
        return depthwise ? 0 : x * (blocks(out, LANES) - 1);
    default:
        if (pointwise)
            batch *= image_pieces(positions, (uint64_t)height, (uint64_t)f->y[f->axes + 1]);
        return (pointwise ? (uint64_t)(wide_in * wide_out) * (batch - 1) : 0) + (along ? y : 0);
    }
}

/* A product for each image and group, of the weights and the windows written out, padding and all:
 * gradients of data are added from windows into the image, those of a bias row by row. */
static uint64_t by_products(const struct fw_fast *f, bool pointwise, bool along)
{
    uint64_t positions = product(f->y, 2, f->axes + 2),
             rows = positions / (uint64_t)f->y[f->axes + 1];
    size_t out = (size_t)(f->y[1] / f->group), n = (size_t)positions;
    size_t k = (size_t)(f->x[1] / f->group) * product(f->kernel, 0, f->axes);
    ptrdiff_t wide = (ptrdiff_t)n, deep = (ptrdiff_t)k;
    const struct fw_gemm_matrix small = {NULL, wide, 1}, windows = {NULL, wide, 1};
    const struct fw_gemm_matrix weights = {NULL, deep, 1};
    const struct fw_gemm_matrix weights_turned = {NULL, 1, k > 1 ? deep : 2}; // also of one
    const struct fw_gemm_matrix windows_turned = {NULL, 1, n > 1 ? wide : 2};
    uint64_t images = (uint64_t)f->x[0], groups = (uint64_t)f->group;
    uint64_t y = images * (uint64_t)f->y[1];
    if (f->kind == FW_FAST_CONV)
        return images * groups * flop_of(out, n, k, &small, &weights, &windows, false) +
               (f->in[2] >= 0 ? y * positions : 0);
    if (f->kind == FW_FAST_CONV_DX)
        return images * groups * flop_of(k, n, out, &windows, &weights_turned, &small, false) +
               (pointwise ? 0 : real_taps(f));
    uint64_t first = flop_of(out, k, n, &weights, &small, &windows_turned, false);
    uint64_t next = flop_of(out, k, n, &weights, &small, &windows_turned, true);
    return groups * (first + (images - 1) * next) + (along ? y * (positions + rows) : 0);
}

static uint64_t convolution(const struct fw_engine *e, uint32_t node, uint64_t mac)
{
    const struct fw_fast *f = &e->fast[node];
    bool along = e->along[node] != FW_NONE; // the gradient of a bias
    unsigned block = e->blocks[node];
    uint64_t x = product(f->x, 0, f->axes + 2), y = product(f->y, 0, f->axes + 2);
    bool pointwise = product(f->kernel, 0, f->axes) == 1;
    const char *kernel = fw_dnn_kernel_name(e->kernels[node]);
    bool always = strstr(kernel, "1x1") != NULL;
    uint64_t work = (uint64_t)(2 * padded_mac(f, mac, block > 0 ? block : 1, always));
    if (x > 0 && y > 0 && strstr(kernel, "gemm") != NULL)
        return by_products(f, pointwise, along);
    if (x == 0 || y == 0)
        return work;
    unsigned lanes = fw_dnn_is_avx2() ? 8 : 16;
    x = x / (uint64_t)f->x[1] * fill(f->x[1], lanes);
    y = y / (uint64_t)f->y[1] * fill(f->y[1], lanes);
    if (!fw_dnn_is_avx2())
        return work + sums_avx512(f, x, y, kernel, along);
    return work + sums_avx2(f, x, y, pointwise, along);
}

/* One for each tap and for the division; where padding does not count, how much there is of it is
 * found out for every few windows of a row. */
static uint64_t mean_pool(const struct fw_engine *e, uint32_t node)
{
    enum { TOGETHER = 16, TOGETHER_BACK = 8 }; // with AVX2
    const struct fw_fast *f = &e->fast[node];
    uint64_t y = product(f->y, 0, f->axes + 2), taps = real_taps(f);
    if (strncmp(fw_dnn_kernel_name(e->kernels[node]), "simple", 6) == 0)
        return f->kind == FW_FAST_MEAN_POOL ? taps + y : 2 * taps;
    int64_t width = f->y[f->axes + 1];
    if (y == 0)
        return 0;
    bool back = f->kind == FW_FAST_MEAN_POOL_DX;
    uint64_t times = blocks(width, back ? TOGETHER_BACK : TOGETHER);
    if (!fw_dnn_is_avx2()) { // the last one of several takes over what is known
        times = blocks(width, back ? 12 : 24);
        times -= times > 1;
    }
    uint64_t found = f->with_padding ? 0 : y / (uint64_t)width * times;
    return (taps + y + found) / (uint64_t)f->x[1] * fill(f->x[1], together(e, node));
}

/* One for each tap, also where it adds 0; row by row for each maximum only. */
static uint64_t max_pool_back(const struct fw_engine *e, uint32_t node)
{
    const struct fw_fast *f = &e->fast[e->g->nodes[node].layer];
    uint64_t taps = real_taps(f);
    const char *kernel = fw_dnn_kernel_name(e->kernels[node]);
    if (strncmp(kernel, "simple", 6) == 0 || strncmp(kernel, "ref", 3) == 0)
        return product(f->y, 0, f->axes + 2);
    return taps > 0 ? taps / (uint64_t)f->x[1] * fill(f->x[1], together(e, node)) : 0;
}

/* Normalisation by channels, whole blocks of them or row by row, whose partial sums are added up
 * for each image of the batch; and what the engine does to its statistics. */
static uint64_t normalisation(const struct fw_engine *e, uint32_t node)
{
    enum { FORWARD_GLUE = 9, BACKWARD_GLUE = 2 };
    const struct fw_fast *f = &e->fast[node];
    bool forward = f->kind == FW_FAST_NORM;
    const char *kernel = fw_dnn_kernel_name(e->kernels[node]);
    bool rows = strncmp(kernel, "ncsp", 4) == 0;
    unsigned block = rows || e->blocks[node] == 0 ? 1 : e->blocks[node];
    uint64_t batch = (uint64_t)f->x[0], channels = (uint64_t)f->x[1];
    uint64_t filled = fill(f->x[1], block), threads = e->o.n_threads;
    uint64_t positions = product(f->x, 2, f->axes + 2), x = positions * batch * filled;
    uint64_t sums = strstr(kernel, "avx512") == NULL || positions == 0 ? 1
                    : positions < 4                                    ? positions
                                                                       : 4;
    if (strstr(kernel, "ref") != NULL) // number by number
        return forward ? 7 * x + (5 + FORWARD_GLUE) * channels + 1
                       : 12 * x + (4 + batch + BACKWARD_GLUE) * channels;
    if (forward && rows)
        return 7 * x + (7 + 5 * batch) * channels + FORWARD_GLUE * channels + 1;
    if (forward) // with AVX-512 in up to four sums, for the mean and for the variance
        return 7 * x + (4 + (1 + 2 * sums) * batch) * filled + FORWARD_GLUE * channels + 1 +
               threads;
    if (rows)
        return 12 * x + (9 + 3 * batch) * channels + BACKWARD_GLUE * channels;
    return 10 * x + (6 + 6 * batch) * filled + BACKWARD_GLUE * channels + threads;
}

/* AVX-512's products by blocks: rows are filled up to whole vectors, and long sums are added up:
 * of up to 512 each, of up to 1,024 where there are more and the left side lies row by row. */
static uint64_t by_blocks(const struct fw_fast *f)
{
    enum { LANES = 16, DEPTH = 512 };
    bool deep = f->k > (int64_t)2 * DEPTH && (f->a.column == 1 || f->k == 1);
    uint64_t adds = f->k > 0 ? ((uint64_t)f->k - 1) / (deep ? 2 * DEPTH : DEPTH) : 0;
    return (uint64_t)f->m * fill(f->n, LANES) *
           (2 * (uint64_t)f->k + adds + (f->in[2] >= 0 ? 1 : 0));
}

/* A product and its bias, which is added in whole vectors: a row at a time, of a few columns as
 * many rows as fit. */
static uint64_t matrices(const struct fw_engine *e, uint32_t node, uint64_t plainly)
{
    enum { LANES = 8 };
    const struct fw_fast *f = &e->fast[node];
    const char *kernel = fw_dnn_kernel_name(e->kernels[node]);
    uint64_t times = 1;
    for (unsigned i = 0; i < f->n_batch; i++)
        times *= (uint64_t)f->batch[i];
    if (f->m == 0 || f->n == 0)
        return plainly;
    if (strncmp(kernel, "brg", 3) == 0)
        return times * by_blocks(f);
    if (!fw_dnn_is_avx2() || strncmp(kernel, "gemm", 4) != 0)
        return plainly;
    const struct fw_gemm_matrix a = {NULL, f->a.row, f->a.column},
                                b = {NULL, f->b.row, f->b.column};
    const struct fw_gemm_matrix c = {NULL, f->c.row, f->c.column};
    size_t m = (size_t)f->m, n = (size_t)f->n, k = (size_t)f->k;
    uint64_t wide = n >= LANES ? fill(f->n, LANES) : LANES / (LANES / n);
    uint64_t filled = f->in[2] >= 0 ? m * (wide - n) : 0;
    return plainly +
           times * (fw_dnn_gemm_flop(false, m, n, k, &c, &a, &b, false) - 2 * m * n * k + filled);
}

/* Every call of the library does a few operations of its own. */
static uint64_t calls(const struct fw_engine *e, uint32_t node)
{
    enum { OF_A_CALL = 5 };
    uint64_t n = 0;
    for (uint32_t i = 0; i < e->n_steps; i++)
        n += e->steps[i].node == node &&
             (e->steps[i].kind == FW_STEP_FAST || e->steps[i].kind == FW_STEP_MOVE);
    return OF_A_CALL * n;
}

static uint64_t by_kind(const struct fw_engine *e, uint32_t node, const struct fw_cost *cost,
                        const struct fw_cost *padding)
{
    const struct fw_fast *f = &e->fast[node];
    switch (f->kind) {
    case FW_FAST_CONV:
    case FW_FAST_CONV_DX:
    case FW_FAST_CONV_DW:
        return convolution(e, node, (uint64_t)(cost->n[FW_FMA].word - padding->n[FW_FMA].word));
    case FW_FAST_NORM:
    case FW_FAST_NORM_DX:
        return normalisation(e, node);
    case FW_FAST_NORM_GIVEN:
        return 2 * product(f->x, 0, f->axes + 2);
    case FW_FAST_MAX_POOL_DX:
        return max_pool_back(e, node);
    case FW_FAST_MEAN_POOL:
    case FW_FAST_MEAN_POOL_DX:
        return mean_pool(e, node);
    case FW_FAST_PRODUCT:
        return matrices(e, node, plain(cost, false).flop);
    default: // maxima are nothing
        return plain(cost, false).flop;
    }
}

struct fw_retired fw_retired_predict(const struct fw_engine *e, uint32_t node,
                                     const struct fw_cost *cost, const struct fw_cost *padding)
{
    if (e->by[node] != node)
        return exactly(0);
    if (e->kernels[node] != NULL)
        return exactly(by_kind(e, node, cost, padding) + calls(e, node));
    struct fw_retired r = plain(cost, !e->o.fast);
    r.flop += calls(e, node) + e->use[node].products;
    return r;
}
