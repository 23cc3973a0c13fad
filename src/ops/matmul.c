/* Matrix products: MatMul, FusedMatMul, Gemm and the one product all their gradients are.
 *
 * Y[..., m, n] = sum_k A[..., m, k] * B[..., k, n]: one fma per (batch, m, n, k), so
 * fma = elements(Y) * K, and the same number for each of dA = dY B^T and dB = A^T dY. */
#include "ops/matmul.h"
#include "ops/fast.h"
#include "ops/moments.h"
#include "ops/ops.h"
#include "ops/reach.h"

static const struct fw_attr_spec fused_attrs[] = {FW_MATMUL_ATTRS};
static const struct fw_attr_spec gemm_attrs[] = {FW_GEMM_ATTRS};
/* The flags stand where the forward rows have them; OF is 0 for the gradient of A, 1 for B's. */
enum { GRAD_OF = FW_N_MATMUL_ATTRS, N_GRAD };
static const struct fw_attr_spec grad_attrs[] = {
    FW_MATMUL_ATTRS,
    {"of", FW_ATTR_INT, true, {.i = 0}},
};

enum { MATMUL, FUSED_MATMUL, TRANSPOSE_MATMUL, GEMM, MATMUL_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

static bool flag(const struct fw_cx *c, unsigned i)
{
    return c->node->attr != NULL && c->node->attr[i].i != 0;
}

/* The dims of an operand as the product sees them: transposed where asked for. */
static void operand(const struct fw_cx *c, unsigned i, bool trans, bool trans_batch, fw_dim *ret)
{
    const struct fw_tensor *t = fw_in(c, i);
    unsigned r = t->rank;
    for (unsigned k = 0; k < r; k++)
        ret[k] = t->dims[k];
    if (trans_batch && r >= 2) { // the leading dimension stands before the last
        for (unsigned k = 0; k + 2 < r; k++)
            ret[k] = t->dims[k + 1];
        ret[r - 2] = t->dims[0];
    }
    if (trans && r >= 2) {
        fw_dim last = ret[r - 1];
        ret[r - 1] = ret[r - 2];
        ret[r - 2] = last;
    }
}

enum fw_status fw_matmul_shape(struct fw_cx *c, unsigned ia, unsigned ib, bool with_flags,
                               unsigned *ret_rank, fw_dim *ret)
{
    FW_TRY(fw_want_rank(c, ia, 1, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, ib, 1, FW_MAX_RANK));
    fw_dim a[FW_MAX_RANK];
    fw_dim b[FW_MAX_RANK];
    unsigned ra = fw_in(c, ia)->rank;
    unsigned rb = fw_in(c, ib)->rank;
    operand(c, ia, with_flags && flag(c, FW_MATMUL_TRANS_A),
            with_flags && flag(c, FW_MATMUL_TRANS_BATCH_A), a);
    operand(c, ib, with_flags && flag(c, FW_MATMUL_TRANS_B),
            with_flags && flag(c, FW_MATMUL_TRANS_BATCH_B), b);
    fw_dim k;
    FW_TRY(fw_same_dim(c, "inner dimension", a[ra - 1], b[rb >= 2 ? rb - 2 : 0], &k));
    unsigned r;
    FW_TRY(fw_broadcast(c, ra >= 2 ? ra - 2 : 0, a, rb >= 2 ? rb - 2 : 0, b, &r, ret));
    if (ra >= 2)
        ret[r++] = a[ra - 2];
    if (rb >= 2)
        ret[r++] = b[rb - 1];
    *ret_rank = r;
    return FW_OK;
}

enum fw_status fw_matmul_infer(struct fw_cx *c)
{
    unsigned r;
    fw_dim y[FW_MAX_RANK + 2];
    FW_TRY(fw_matmul_shape(c, 0, 1, c->node->op->n_attrs != 0, &r, y));
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, r, y);
}

/* K: the last dimension of A, which stands at input i, as the product sees it. */
static fw_count inner(const struct fw_cx *c, unsigned i)
{
    fw_dim a[FW_MAX_RANK] = {{0}};
    bool batch = c->node->op->n_attrs > FW_MATMUL_TRANS_BATCH_A &&
                 c->node->op->attrs[FW_MATMUL_TRANS_BATCH_A].type == FW_ATTR_INT &&
                 flag(c, FW_MATMUL_TRANS_BATCH_A);
    operand(c, i, flag(c, FW_MATMUL_TRANS_A), batch, a);
    return fw_count_of(a[fw_in(c, i)->rank - 1]);
}

void fw_matmul_cost(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count y = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, y, inner(c, 0)), 1);
    if (c->node->attr != NULL && c->node->attr[FW_MATMUL_ALPHA].f != 1)
        fw_cost_add(c, cost, FW_MUL, y, 1);
}

/* The gradients of both operands: dA = dY B^T from (dY, B, A), dB = A^T dY from (dY, A, B); where
 * an operand was broadcast over the batch the product sums over the batch as well, which is how a
 * linear layer's weight gradient is computed. The third input gives the shape only. n_flags: how
 * many attributes the forward row shares with the gradient row. */
static enum fw_status give_products(struct fw_grad *gr, uint32_t dy, unsigned n_flags)
{
    const uint32_t *in = gr->cx.node->in;
    for (unsigned i = 0; i < 2; i++) {
        if (!fw_grad_needs(gr, i))
            continue;
        struct fw_attr attr[N_GRAD] = {[GRAD_OF] = {.i = i, .given = true}};
        for (unsigned k = FW_MATMUL_TRANS_A; k < n_flags; k++)
            attr[k] = gr->cx.node->attr[k];
        uint32_t from[3] = {dy, in[1 - i], in[i]};
        uint32_t dx;
        FW_TRY(fw_emit(gr, (int)i, &rows[MATMUL_GRAD], from, 3, attr, &dx));
        gr->dx[i] = dx;
    }
    return FW_OK;
}

static enum fw_status scaled(struct fw_grad *gr, double factor, uint32_t *dy)
{
    bool first = fw_grad_needs(gr, 0);
    bool second = fw_grad_needs(gr, 1);
    if (factor == 1 || (!first && !second))
        return FW_OK;
    struct fw_attr by = {.f = factor, .given = true};
    int purpose = first && second ? -1 : first ? 0 : 1; // the operand whose gradient it is for
    return fw_emit(gr, purpose, fw_op_scale, dy, 1, &by, dy);
}

enum fw_status fw_matmul_grad_from(struct fw_grad *gr, uint32_t dy)
{
    const struct fw_attr *attr = gr->cx.node->attr;
    if (attr == NULL)
        return give_products(gr, dy, 0);
    FW_TRY(scaled(gr, attr[FW_MATMUL_ALPHA].f, &dy));
    return give_products(gr, dy, FW_N_MATMUL_ATTRS);
}

static enum fw_status grad(struct fw_grad *gr)
{
    return fw_matmul_grad_from(gr, gr->dy[0]);
}

/* Every product of the forward pass has one in each gradient: elements(dY) * K again. */
static void cost_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count k = inner(c, c->node->attr[GRAD_OF].i == 0 ? 2 : 1);
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, fw_elements(c, fw_in(c, 0)), k), 1);
}

enum fw_status fw_gemm_infer(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, 2));
    FW_TRY(fw_want_rank(c, 1, 2, 2));
    const fw_dim *a = fw_in(c, 0)->dims;
    const fw_dim *b = fw_in(c, 1)->dims;
    bool ta = flag(c, FW_MATMUL_TRANS_A);
    bool tb = flag(c, FW_MATMUL_TRANS_B);
    fw_dim k;
    FW_TRY(fw_same_dim(c, "inner dimension", a[ta ? 0 : 1], b[tb ? 1 : 0], &k));
    fw_dim y[2] = {a[ta ? 1 : 0], b[tb ? 0 : 1]};
    if (fw_has_in(c, 2))
        FW_TRY(fw_want_broadcast_to(c, 2, 2, y));
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, 2, y);
}

void fw_gemm_cost(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    fw_count y = fw_elements(c, fw_out(c, 0));
    fw_cost_add(c, cost, FW_FMA, fw_count_mul(c->sym, y, inner(c, 0)), 1);
    if (attr[FW_MATMUL_ALPHA].f != 1)
        fw_cost_add(c, cost, FW_MUL, y, 1);
    if (!fw_has_in(c, 2) || attr[FW_GEMM_BETA].f == 0)
        return;
    fw_cost_add(c, cost, FW_ADD, y, 1);
    if (attr[FW_GEMM_BETA].f != 1)
        fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_in(c, 2)), 1);
}

enum fw_status fw_gemm_grad_from(struct fw_grad *gr, uint32_t dy)
{
    const struct fw_attr *attr = gr->cx.node->attr;
    uint32_t product = dy;
    FW_TRY(scaled(gr, attr[FW_MATMUL_ALPHA].f, &product));
    FW_TRY(give_products(gr, product, FW_GEMM_BETA));
    if (!fw_grad_needs(gr, 2) || attr[FW_GEMM_BETA].f == 0)
        return FW_OK;
    FW_TRY(fw_grad_give(gr, 2, dy));
    if (attr[FW_GEMM_BETA].f == 1)
        return FW_OK;
    struct fw_attr by = {.f = attr[FW_GEMM_BETA].f, .given = true};
    return fw_emit(gr, 2, fw_op_scale, &gr->dx[2], 1, &by, &gr->dx[2]);
}

static enum fw_status grad_gemm(struct fw_grad *gr)
{
    return fw_gemm_grad_from(gr, gr->dy[0]);
}

FW_KERNELS(matmul, gemm, matmul_grad);

void fw_matmul_reach(struct fw_cx *c, bool second, unsigned in, bool trans, unsigned out,
                     struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in), *y = fw_out(c, out);
    unsigned r = x->rank;
    unsigned inner = r < 2 ? 0 : second != trans ? r - 2u : r - 1u;
    for (unsigned k = 0; k < r; k++)
        ret[k] = fw_reach_all("a product over the axis");
    for (unsigned k = 0; k + 2 < r && r <= y->rank; k++) { // the batch
        ret[k] = fw_reach_each(y->rank - r + k);
        if (fw_dim_is(x->dims[k], 1)) // repeated
            ret[k] = (struct fw_reach){.kind = FW_REACH_POINT};
    }
    if (r >= 2 && y->rank >= 1) {
        unsigned kept = inner == r - 1u ? r - 2u : r - 1u;
        ret[kept] = fw_reach_each(second || y->rank < 2 ? y->rank - 1u : y->rank - 2u);
    }
}

void fw_field_matmul(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    bool flags = c->node->op->n_attrs != 0;
    bool batch = flags && (flag(c, FW_MATMUL_TRANS_BATCH_A) || flag(c, FW_MATMUL_TRANS_BATCH_B));
    if (in > 1)
        fw_field_same(c, in, out, ret); // what a fused row adds
    else if (!batch)
        fw_matmul_reach(c, in == 1, in,
                        flags && flag(c, in == 0 ? FW_MATMUL_TRANS_A : FW_MATMUL_TRANS_B), out,
                        ret);
}

void fw_field_gemm(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    if (in > 1)
        fw_field_same(c, in, out, ret);
    else
        fw_matmul_reach(c, in == 1, in, flag(c, in == 0 ? FW_MATMUL_TRANS_A : FW_MATMUL_TRANS_B),
                        out, ret);
}

#define PRODUCT                                                                                    \
    .doc = "dA = dY B^T, dB = A^T dY", FW_PORTS(2, 2, 1, 1), .flags = FW_OP_CONTRACTION,           \
    .weight_slots = 3, .infer = fw_matmul_infer, .field = fw_field_matmul, .cost = fw_matmul_cost, \
    .grad = grad, .moments = &fw_moments_matmul, FW_RUN(matmul), .fast = fw_fast_matmul
#define SCALED_PRODUCT                                                                            \
    .domain = "com.microsoft",                                                                    \
    .formula = "fma = elements(Y) * K, mul = elements(Y) when alpha is not 1; K inner dimension", \
    FW_ATTRS(fused_attrs), PRODUCT

static const struct fw_op rows[N_ROWS] = {
    [MATMUL] = {.name = "MatMul",
                .domain = "",
                .formula = "fma = elements(Y) * K; K inner dimension",
                PRODUCT},
    [FUSED_MATMUL] = {.name = "FusedMatMul", SCALED_PRODUCT},
    [TRANSPOSE_MATMUL] = {.name = "TransposeMatMul", SCALED_PRODUCT},
    [GEMM] =
        {.name = "Gemm",
         .domain = "",
         .formula =
             "fma = elements(Y) * K, add = elements(Y) with C, mul = elements(Y) when alpha is "
             "not 1, elements(C) when beta is not 1; K inner dimension",
         .doc = "dA = dY B^T, dB = A^T dY, dC = dY summed to the shape of C; 1 mul per element "
                "where alpha or beta is not 1",
         FW_ATTRS(gemm_attrs),
         FW_PORTS(2, 3, 1, 1),
         .flags = FW_OP_CONTRACTION,
         .weight_slots = 7,
         .infer = fw_gemm_infer,
         .field = fw_field_gemm,
         .cost = fw_gemm_cost,
         .grad = grad_gemm,
         .moments = &fw_moments_gemm,
         FW_RUN(gemm),
         .fast = fw_fast_gemm},
    [MATMUL_GRAD] = {.name = "MatMulGrad",
                     .domain = "flopwise",
                     .formula = "fma = elements(dY) * K of the product it belongs to",
                     .doc = FW_INTERNAL_DOC,
                     FW_ATTRS(grad_attrs),
                     FW_PORTS(3, 3, 1, 1),
                     .flags = FW_OP_CONTRACTION | FW_OP_INTERNAL,
                     .shape_only = 4,
                     .infer = fw_infer_same2,
                     .cost = cost_grad,
                     .grad = fw_grad_none,
                     FW_RUN(matmul_grad),
                     .fast = fw_fast_matmul_grad},
};
const struct fw_op_table fw_ops_matmul = {rows, N_ROWS};
const struct fw_op *const fw_op_matmul = &rows[FUSED_MATMUL];
