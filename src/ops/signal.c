/* Signal processing and determinants: DFT, STFT, window functions, MelWeightMatrix, Det.
 *
 * A transform of length n is counted as the mixed-radix fast transform over the prime factors of n:
 * each factor 2 costs n/2 complex products and n complex sums, each odd factor p costs n*(p-1) of
 * both; a complex product is 4 mul and 2 add, a complex sum 2 add. For n = 2^k that is 5*n*k FLOP.
 * A length with letters counts as one factor, the plain sum. Real input is transformed as complex.
 * Gradients are the adjoint transforms: the same work. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

enum { INVERSE, ONESIDED };
static const struct fw_attr_spec dft_attrs[] = {
    {"inverse", FW_ATTR_INT, false, {.i = 0}},
    {"onesided", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec stft_attrs[] = {{"onesided", FW_ATTR_INT, false, {.i = 1}}};
static const struct fw_attr_spec window_attrs[] = {
    {"output_datatype", FW_ATTR_INT, false, {.i = 1}},
    {"periodic", FW_ATTR_INT, false, {.i = 1}},
};

enum { DFT, DFT_GRAD, STFT, STFT_GRAD, HANN, HAMMING, BLACKMAN, MEL, DET, DET_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* n/2 complex products and n sums for each factor 2, n*(p-1) of both for each odd factor p. */
static void factor_costs(int64_t n, int64_t *ret_half_products, int64_t *ret_sums)
{
    int64_t rest = n;
    *ret_half_products = *ret_sums = 0; // in units of n/2 and n
    for (; rest > 1 && rest % 2 == 0; rest /= 2) {
        *ret_half_products += 1;
        *ret_sums += 1;
    }
    for (int64_t p = 3; rest > 1; p += 2) {
        if (p > 65535 || p * p > rest)
            p = rest; // prime, or taken as one: the trial ends
        for (; rest % p == 0 && rest > 1; rest /= p) {
            *ret_half_products += 2 * (p - 1);
            *ret_sums += p - 1;
        }
    }
}

/* times transforms of length n. */
static void cost_transforms(struct fw_cx *c, struct fw_cost *cost, fw_dim n, fw_count times)
{
    struct fw_symbols *s = c->sym;
    fw_count halves; // products = halves * n / 2
    fw_count sums;   // sums = sums * n
    if (fw_dim_is_const(n)) {
        int64_t h;
        int64_t a;
        factor_costs(n.word, &h, &a);
        halves = fw_count_int(h);
        sums = fw_count_int(a);
    } else {
        sums = fw_count_sub(s, fw_count_of(n), fw_count_int(1));
        halves = fw_count_mul(s, sums, fw_count_int(2));
    }
    fw_count all = fw_count_mul(s, times, fw_count_of(n));
    fw_count products = fw_count_mul(s, all, halves); // twice their number
    fw_cost_add(c, cost, FW_MUL, products, 2);
    fw_cost_add(c, cost, FW_ADD, products, 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_mul(s, all, sums), 2);
}

static enum fw_status dft_axis(struct fw_cx *c, unsigned i, unsigned rank, unsigned *ret,
                               bool *ret_known)
{
    fw_dim axis = fw_dim_int(-2);
    *ret_known = !fw_has_in(c, i) || (fw_scalar_in(c, i, &axis) && fw_dim_is_const(axis));
    if (!*ret_known)
        return FW_OK;
    FW_TRY(fw_norm_axis(c, axis.word, rank, ret));
    FW_REQUIRE(*ret + 1 < rank, c->err, FW_SHAPE, "the last axis holds real and imaginary parts");
    return FW_OK;
}

static fw_dim half_and_one(struct fw_cx *c, fw_dim n)
{
    return fw_dim_add(c->sym, fw_dim_floor_div(c->sym, n, fw_dim_int(2)), fw_dim_int(1));
}

static enum fw_status want_one_whole(struct fw_cx *c, unsigned i)
{
    if (!fw_has_in(c, i))
        return FW_OK;
    fw_count n = fw_elements(c, fw_in(c, i));
    FW_REQUIRE(fw_dtypes[fw_in(c, i)->dtype].class != 'f' &&
                   (!fw_count_is_const(n) || fw_count_is(n, 1)),
               c->err, FW_SHAPE, "input %u: a whole number is wanted", i);
    return FW_OK;
}

static enum fw_status infer_dft(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    FW_TRY(want_one_whole(c, 1));
    FW_TRY(want_one_whole(c, 2));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned axis;
    bool known;
    fw_dim y[FW_MAX_RANK];
    fw_dim parts = x->dims[x->rank - 1u];
    FW_REQUIRE(!fw_dim_is_const(parts) || parts.word == 1 || parts.word == 2, c->err, FW_SHAPE,
               "real numbers or pairs along the last axis are wanted, found %" PRId64, parts.word);
    FW_TRY(dft_axis(c, 2, x->rank, &axis, &known));
    if (!known)
        return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, x->rank);
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = x->dims[k];
    if (fw_has_in(c, 1) && !fw_scalar_in(c, 1, &y[axis]))
        y[axis] = fw_fresh_dim(c, "dft", fw_dim_bad());
    FW_REQUIRE(!fw_dim_is_const(y[axis]) || y[axis].word >= 0, c->err, FW_SHAPE,
               "a length of at least 0 is wanted, found %" PRId64, y[axis].word);
    bool half = c->node->attr[ONESIDED].i != 0;
    bool inverse = c->node->attr[INVERSE].i != 0;
    if (half && !inverse)
        y[axis] = half_and_one(c, y[axis]);
    else if (half && !fw_has_in(c, 1)) // what a signal of even length gave
        y[axis] = fw_dim_mul(c->sym, fw_dim_sub(c->sym, y[axis], fw_dim_int(1)), fw_dim_int(2));
    y[x->rank - 1] = fw_dim_int(half && inverse ? 1 : 2); // the signal itself is real
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y);
}

/* x: the input; y: the output; length and axis stand at inputs 1 and 2 of either row. */
static void cost_dft_of(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *x,
                        const struct fw_tensor *y)
{
    unsigned axis;
    bool known;
    struct fw_symbols *s = c->sym;
    if (dft_axis(c, 2, x->rank, &axis, &known) != FW_OK)
        return;
    if (!known) {
        cost->n[FW_MUL] = fw_count_bad();
        return;
    }
    fw_dim n = y->dims[axis];
    if (c->node->attr[ONESIDED].i != 0 && c->node->attr[INVERSE].i == 0) {
        n = fw_dim_mul(s, fw_dim_sub(s, n, fw_dim_int(1)), fw_dim_int(2));
        if (fw_has_in(c, 1))
            fw_scalar_in(c, 1, &n);
        else
            n = x->dims[axis];
    }
    fw_count times = fw_count_mul(s, fw_product(c, x->dims, 0, axis),
                                  fw_product(c, x->dims, axis + 1, x->rank - 1u));
    cost_transforms(c, cost, n, times);
    if (c->node->attr[INVERSE].i != 0)
        fw_cost_add(c, cost, FW_MUL, fw_count_mul(s, times, fw_count_of(n)), 2);
}

static void cost_dft(struct fw_cx *c, struct fw_cost *cost)
{
    cost_dft_of(c, cost, fw_in(c, 0), fw_out(c, 0));
}

/* Inputs: dY, length, axis, X for its shape. */
static enum fw_status grad_dft(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[4] = {gr->dy[0], FW_NONE, FW_NONE, node->in[0]};
    for (unsigned k = 1; k < node->n_in; k++)
        in[k] = node->in[k];
    return fw_grad_node(gr, 0, &rows[DFT_GRAD], in, 4, node->attr);
}

static enum fw_status infer_dft_grad(struct fw_cx *c)
{
    return fw_set_out_as(c, 0, fw_in(c, 0), fw_in(c, 3));
}

static void cost_dft_grad(struct fw_cx *c, struct fw_cost *cost)
{
    cost_dft_of(c, cost, fw_in(c, 3), fw_in(c, 0));
}

/* The frame length: input 3, or the window's length. */
static fw_dim frame_length(struct fw_cx *c)
{
    fw_dim n;
    if (fw_has_in(c, 3) && fw_scalar_in(c, 3, &n))
        return n;
    const struct fw_tensor *window = fw_in(c, 2);
    return window != NULL && window->rank == 1 ? window->dims[0] : fw_dim_bad();
}

static enum fw_status infer_stft(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, 3));
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim step;
    FW_TRY(want_one_whole(c, 1));
    FW_TRY(want_one_whole(c, 3));
    fw_dim n = frame_length(c);
    fw_dim y[4] = {x->dims[0]};
    if (fw_dim_is_bad(n))
        n = fw_fresh_dim(c, "frame", x->dims[1]);
    FW_REQUIRE(!fw_dim_is_const(n) || n.word > 0, c->err, FW_SHAPE,
               "a frame of at least 1 is wanted, found %" PRId64, n.word);
    if (fw_has_in(c, 2)) {
        FW_TRY(fw_want_rank(c, 2, 1, 1));
        FW_TRY(fw_same_dim(c, "window and frame", fw_in(c, 2)->dims[0], n, &n));
    }
    if (x->rank == 3)
        FW_REQUIRE(!fw_dim_is_const(x->dims[2]) || x->dims[2].word == 1 || x->dims[2].word == 2,
                   c->err, FW_SHAPE, "real or complex numbers are wanted, found parts: %" PRId64,
                   x->dims[2].word);
    if (fw_scalar_in(c, 1, &step)) {
        FW_REQUIRE(!fw_dim_is_const(step) || step.word > 0, c->err, FW_SHAPE,
                   "a frame_step above 0 is wanted, found %" PRId64, step.word);
        y[1] = fw_dim_floor_div(c->sym, fw_dim_sub(c->sym, x->dims[1], n), step);
        y[1] = fw_dim_add(c->sym, y[1], fw_dim_int(1));
    } else {
        y[1] = fw_fresh_dim(c, "frames", x->dims[1]);
    }
    y[2] = c->node->attr[0].i != 0 ? half_and_one(c, n) : n;
    y[3] = fw_dim_int(2);
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, 4, y);
}

/* Every frame is multiplied by the window where there is one and transformed. */
static fw_count cost_frames(struct fw_cx *c, struct fw_cost *cost, const struct fw_tensor *x,
                            const struct fw_tensor *y)
{
    struct fw_symbols *s = c->sym;
    fw_dim n = frame_length(c);
    if (fw_dim_is_bad(n))
        n = c->node->attr[0].i == 0
                ? y->dims[2]
                : fw_dim_mul(s, fw_dim_sub(s, y->dims[2], fw_dim_int(1)), fw_dim_int(2));
    fw_count times = fw_product(c, y->dims, 0, 2);
    fw_count all = fw_count_mul(s, times, fw_count_of(n));
    if (x->rank == 3)
        all = fw_count_mul(s, all, fw_count_of(x->dims[2]));
    cost_transforms(c, cost, n, times);
    if (fw_has_in(c, 2))
        fw_cost_add(c, cost, FW_MUL, all, 1);
    return all;
}

static void cost_stft(struct fw_cx *c, struct fw_cost *cost)
{
    cost_frames(c, cost, fw_in(c, 0), fw_out(c, 0));
}

/* Inputs: dY, step, window, length, X for its shape. */
static enum fw_status grad_stft(struct fw_grad *gr)
{
    const struct fw_node *node = gr->cx.node;
    uint32_t in[5] = {gr->dy[0], FW_NONE, FW_NONE, FW_NONE, node->in[0]};
    for (unsigned k = 1; k < node->n_in; k++)
        in[k] = node->in[k];
    return fw_grad_node(gr, 0, &rows[STFT_GRAD], in, 5, node->attr);
}

static enum fw_status infer_stft_grad(struct fw_cx *c)
{
    return fw_set_out_as(c, 0, fw_in(c, 0), fw_in(c, 4));
}

/* The frames overlap: each of their elements is added to the signal's gradient. */
static void cost_stft_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_ADD, cost_frames(c, cost, fw_in(c, 4), fw_in(c, 0)), 1);
}

static enum fw_status infer_window(struct fw_cx *c)
{
    fw_dim n;
    if (!fw_scalar_in(c, 0, &n))
        n = fw_fresh_dim(c, "window", fw_dim_bad());
    return fw_set_out(c, 0, fw_dtype_of_number(c->node->attr[0].i), 1, &n);
}

/* a0 - a1*cos(k*w): 2 mul, 1 special, 1 add; Blackman has a second cosine: twice that. */
static void cost_window(struct fw_cx *c, struct fw_cost *cost)
{
    int64_t cosines = c->node->op == &rows[BLACKMAN] ? 2 : 1;
    fw_count n = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_MUL, n, 2 * cosines);
    fw_cost_add(c, cost, FW_SPECIAL, n, cosines);
    fw_cost_add(c, cost, FW_ADD, n, cosines);
}

static enum fw_status infer_mel(struct fw_cx *c)
{
    fw_dim y[2];
    FW_TRY(want_one_whole(c, 0));
    FW_TRY(want_one_whole(c, 1));
    FW_TRY(want_one_whole(c, 2));
    if (!fw_scalar_in(c, 1, &y[0]))
        y[0] = fw_fresh_dim(c, "spectrogram", fw_dim_bad());
    else
        y[0] = half_and_one(c, y[0]);
    if (!fw_scalar_in(c, 0, &y[1]))
        y[1] = fw_fresh_dim(c, "mel", fw_dim_bad());
    return fw_set_out(c, 0, fw_dtype_of_number(c->node->attr[0].i), 2, y);
}

/* Each element is max(0, min(rise, fall)) of its triangle: 2 add, 2 div, 2 minmax. The bins + 2
 * corners: a step on the mel scale (1 mul, 1 add) back to hertz (1 div, 1 special, 1 add, 1 mul)
 * and to a bin (1 mul, 1 div, 1 minmax); both ends to mel: 1 div, 1 add, 1 special, 1 mul each; the
 * step: 1 add, 1 div. */
static void cost_mel(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *y = fw_out(c, 0);
    fw_count n = fw_elements(c, y);
    fw_count corners = fw_count_add(c->sym, fw_count_of(y->dims[1]), fw_count_int(2));
    static const struct {
        enum fw_cost_class class;
        int8_t element, corner;
    } counts[] = {
        {FW_ADD, 2, 2}, {FW_MUL, 0, 3}, {FW_DIV, 2, 2}, {FW_MINMAX, 2, 1}, {FW_EXP, 0, 1},
    };
    for (unsigned k = 0; k < sizeof counts / sizeof *counts; k++) {
        fw_cost_add(c, cost, counts[k].class, n, counts[k].element);
        fw_cost_add(c, cost, counts[k].class, corners, counts[k].corner);
    }
    static const enum fw_cost_class ends[] = {FW_DIV, FW_ADD, FW_LOG, FW_MUL};
    for (unsigned k = 0; k < 4; k++)
        fw_cost_add(c, cost, ends[k], fw_count_int(2), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_int(1), 1);
    fw_cost_add(c, cost, FW_DIV, fw_count_int(1), 1);
}

static enum fw_status infer_det(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim same;
    FW_TRY(fw_same_dim(c, "matrix", x->dims[x->rank - 2], x->dims[x->rank - 1], &same));
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank - 2u, x->dims);
}

/* LU with row pivots: with m rows left, m - 1 comparisons, m - 1 div, (m-1)^2 mul and add, summed
 * over m = n..2; then the n - 1 products of the diagonal. */
static void cost_det(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_symbols *s = c->sym;
    const struct fw_tensor *x = fw_in(c, 0);
    fw_count n = fw_count_of(x->dims[x->rank - 1]);
    if (fw_count_is(n, 0)) // 1, whatever it is the determinant of
        return;
    fw_count one = fw_count_int(1);
    fw_count batch = fw_product(c, x->dims, 0, x->rank - 2u);
    fw_count less = fw_count_sub(s, n, one);
    fw_count pairs = fw_count_mul(s, batch, fw_count_mul(s, n, less)); // twice
    fw_count squares =
        fw_count_mul(s, pairs, fw_count_add(s, less, n)); // n(n-1)(2n-1), six times the squares
    fw_count half = fw_count_div(s, pairs, fw_count_int(2));
    squares = fw_count_div(s, squares, fw_count_int(6));
    fw_cost_add(c, cost, FW_MINMAX, half, 1);
    fw_cost_add(c, cost, FW_DIV, half, 1);
    fw_cost_add(c, cost, FW_MUL, squares, 1);
    fw_cost_add(c, cost, FW_ADD, squares, 1);
    fw_cost_add(c, cost, FW_MUL, fw_count_mul(s, batch, less), 1);
}

static enum fw_status grad_det(struct fw_grad *gr)
{
    uint32_t in[3] = {gr->dy[0], gr->cx.node->out[0], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, &rows[DET_GRAD], in, 3, NULL);
}

/* dY * Y * inverse(X)^T. The inverse in place by Gauss and Jordan: for each of n pivots n div for
 * its row, n*(n-1) mul and add for the others. Then 1 mul for the factor, n^2 for the matrix. */
static void cost_det_grad(struct fw_cx *c, struct fw_cost *cost)
{
    struct fw_symbols *s = c->sym;
    const struct fw_tensor *x = fw_in(c, 2);
    fw_count n = fw_count_of(x->dims[x->rank - 1]);
    fw_count all = fw_elements(c, x);
    fw_count rest = fw_count_mul(s, all, fw_count_sub(s, n, fw_count_int(1)));
    fw_cost_add(c, cost, FW_DIV, all, 1);
    fw_cost_add(c, cost, FW_MUL, rest, 1);
    fw_cost_add(c, cost, FW_ADD, rest, 1);
    fw_cost_add(c, cost, FW_MUL, all, 1);
    fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_in(c, 0)), 1);
}

#define DFT_FORMULA                                                                          \
    "n/2 complex mul and n complex add per factor 2 of n, n*(p-1) of both per odd prime p; " \
    "complex mul = 4 mul + 2 add, complex add = 2 add; inverse: 2*n mul"
#define WINDOW_ROW(formula_text)                                                              \
    .domain = "", .formula = formula_text, .doc = "none: a constant", FW_ATTRS(window_attrs), \
    FW_PORTS(1, 1, 1, 1), .infer = infer_window, .field = fw_field_none, .cost = cost_window, \
    .grad = fw_grad_none

FW_KERNELS(dft, dft_grad, stft, stft_grad, mel_weights, det, det_grad);
FW_KERNELS(hann_window, hamming_window, blackman_window);

static const struct fw_op rows[N_ROWS] = {
    [DFT] = {.name = "DFT",
             .domain = "",
             .formula = DFT_FORMULA,
             .doc = "dX = the adjoint transform of dY",
             FW_ATTRS(dft_attrs),
             FW_PORTS(1, 3, 1, 1),
             .infer = infer_dft,
             .field = fw_field_whole,
             .cost = cost_dft,
             .grad = grad_dft,
             FW_RUN(dft)},
    [DFT_GRAD] = {.name = "DFTGrad",
                  .domain = "flopwise",
                  .formula = DFT_FORMULA,
                  .doc = FW_INTERNAL_DOC,
                  FW_ATTRS(dft_attrs),
                  FW_PORTS(1, 4, 1, 1), // length and axis may be left out
                  .flags = FW_OP_INTERNAL,
                  .shape_only = 8,
                  .infer = infer_dft_grad,
                  .cost = cost_dft_grad,
                  .grad = fw_grad_none,
                  FW_RUN(dft_grad)},
    [STFT] = {.name = "STFT",
              .domain = "",
              .formula = "as DFT for each frame; mul = elements of all frames with a window",
              .doc = "dSignal = the frames' adjoint transforms added up; none for the window",
              FW_ATTRS(stft_attrs),
              FW_PORTS(2, 4, 1, 1),
              .infer = infer_stft,
              .field = fw_field_whole,
              .cost = cost_stft,
              .grad = grad_stft,
              FW_RUN(stft)},
    [STFT_GRAD] = {.name = "STFTGrad",
                   .domain = "flopwise",
                   .formula = "as STFT; add = elements of all frames",
                   .doc = FW_INTERNAL_DOC,
                   FW_ATTRS(stft_attrs),
                   FW_PORTS(2, 5, 1, 1), // window and length may be left out
                   .flags = FW_OP_INTERNAL,
                   .shape_only = 16,
                   .infer = infer_stft_grad,
                   .cost = cost_stft_grad,
                   .grad = fw_grad_none,
                   FW_RUN(stft_grad)},
    [HANN] = {.name = "HannWindow",
              WINDOW_ROW("per element 2 mul, 1 special, 1 add"),
              FW_RUN(hann_window)},
    [HAMMING] = {.name = "HammingWindow",
                 WINDOW_ROW("per element 2 mul, 1 special, 1 add"),
                 FW_RUN(hamming_window)},
    [BLACKMAN] = {.name = "BlackmanWindow",
                  WINDOW_ROW("per element 4 mul, 2 special, 2 add"),
                  FW_RUN(blackman_window)},
    [MEL] = {.name = "MelWeightMatrix",
             .domain = "",
             .formula =
                 "per element 2 add, 2 div, 2 minmax; per corner (bins + 2) 2 add, 3 mul, 2 div, "
                 "1 minmax, 1 special; 3 add, 3 div, 2 special, 2 mul for ends and step",
             .doc = "none: a constant",
             FW_FIRST_ATTRS(window_attrs, 1),
             FW_PORTS(5, 5, 1, 1),
             .infer = infer_mel,
             .field = fw_field_none,
             .cost = cost_mel,
             .grad = fw_grad_none,
             FW_RUN(mel_weights)},
    [DET] = {.name = "Det",
             .domain = "",
             .formula = "per matrix mul = n(n-1)(2n-1)/6 + n-1, add = n(n-1)(2n-1)/6, "
                        "div = minmax = n(n-1)/2",
             .doc = "dX = dY * Y * transposed inverse of X",
             FW_PORTS(1, 1, 1, 1),
             .infer = infer_det,
             .field = fw_field_whole,
             .cost = cost_det,
             .grad = grad_det,
             FW_RUN(det)},
    [DET_GRAD] = {.name = "DetGrad",
                  .domain = "flopwise",
                  .formula = "per matrix div = n^2, mul = n^2(n-1) + n^2 + 1, add = n^2(n-1)",
                  .doc = FW_INTERNAL_DOC,
                  FW_PORTS(3, 3, 1, 1),
                  .flags = FW_OP_INTERNAL,
                  .infer = fw_infer_like2,
                  .cost = cost_det_grad,
                  .grad = fw_grad_none,
                  FW_RUN(det_grad)},
};
const struct fw_op_table fw_ops_signal = {rows, N_ROWS};
