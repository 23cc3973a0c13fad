/* Rules for products of matrices: a layer's output is a sum of independent products, so its second
 * moment is the weight's variance times the sum of its inputs' second moments. */
#include "ops/matmul.h"
#include "ops/moments.h"

#include <math.h>

struct sides {
    unsigned x;   // the input that is no weight
    double k, n;  // inner dimension; columns that the weight makes
    bool stored;  // false: both are activations
    double scale; // alpha, squared
};

static bool read_sides(struct fw_moment_cx *m, unsigned trans_a, unsigned trans_b, bool with_flags,
                       struct sides *s)
{
    const struct fw_tensor *a = fw_in(&m->cx, 0), *b = fw_in(&m->cx, 1);
    bool ta = with_flags && fw_attr_at(&m->cx, trans_a)->i != 0;
    bool tb = with_flags && fw_attr_at(&m->cx, trans_b)->i != 0;
    double alpha = with_flags ? fw_attr_at(&m->cx, 0)->f : 1;
    if (a->rank < 1 || b->rank < 1 || (a->rank < 2 && b->rank < 2))
        return false;
    bool stored_b = (b->flags & FW_TENSOR_WEIGHT_SIDE) != 0;
    bool stored_a = !stored_b && (a->flags & FW_TENSOR_WEIGHT_SIDE) != 0;
    const fw_dim one = fw_dim_int(1); // what a vector is beside its length
    fw_dim k = a->dims[a->rank > 1 && ta ? a->rank - 2u : a->rank - 1u];
    fw_dim rows = a->rank > 1 ? a->dims[a->rank - (ta ? 1u : 2u)] : one;
    fw_dim columns = b->rank > 1 ? b->dims[b->rank - (tb ? 2u : 1u)] : one;
    *s = (struct sides){.x = stored_a ? 1 : 0,
                        .k = (double)k.word,
                        .n = (double)(stored_a ? rows : columns).word,
                        .stored = stored_a || stored_b,
                        .scale = alpha * alpha};
    m->fans = (struct fw_fans){s->k, s->n, s->n, s->k};
    return k.word > 0 && rows.word > 0 && columns.word > 0;
}

/* Both are activations. Where the first one's mean is not 0 (what softmax gives) it weighs
 * positions of the second, which are tied to each other. */
static bool both_forward(struct fw_moment_cx *m, const struct sides *s)
{
    const struct fw_moments *a = fw_moments_in(m, 0), *b = fw_moments_in(m, 1);
    if (!a->known || !b->known)
        return false;
    double square = a->mean * a->mean;
    double pairs = s->k * (s->k - 1) * square * b->shared;
    double shared = a->mean == 0 ? s->k * a->shared * b->shared : s->k * square * b->second + pairs;
    fw_moments_set(m, 0, s->k * a->mean * b->mean,
                   s->scale * (s->k * a->second * b->second + pairs), s->scale * shared,
                   s->scale * shared);
    return true;
}

static void both_backward(struct fw_moment_cx *m, const struct sides *s)
{
    struct fw_moments *a = fw_moments_in(m, 0), *b = fw_moments_in(m, 1);
    const struct fw_moments *y = fw_moments_out(m, 0);
    const struct fw_tensor *t = fw_out(&m->cx, 0);
    double rows = (double)t->dims[t->rank - 2].word, square = a->mean * a->mean;
    a->grad += s->scale * s->n * y->grad * b->second;
    b->grad +=
        s->scale * (rows * y->grad * a->second + rows * (rows - 1) * y->grad_shared * square);
    b->grad_shared += s->scale * rows * square * (y->grad + (rows - 1) * y->grad_shared);
}

static bool product_forward(struct fw_moment_cx *m, const struct sides *s)
{
    const struct fw_moments *x = fw_moments_in(m, s->x);
    if (!s->stored)
        return both_forward(m, s);
    if (!x->known)
        return false;
    m->weight = m->variance(m, &m->fans, fw_moments_gain(x));
    double sum = s->scale * s->k * m->weight;
    fw_moments_set(m, 0, 0, sum * x->second, sum * x->shared, sum * x->far);
    return true;
}

static void product_backward(struct fw_moment_cx *m, const struct sides *s)
{
    struct fw_moments *x = fw_moments_in(m, s->x);
    const struct fw_moments *y = fw_moments_out(m, 0);
    if (!s->stored) {
        both_backward(m, s);
        return;
    }
    double sum = s->scale * s->n * m->variance(m, &m->fans, fw_moments_gain(x)) *
                 fw_moments_less(y, m->fans.in);
    x->grad += sum * y->grad;
    x->grad_shared += sum * y->grad_shared;
}

static bool matmul_sides(struct fw_moment_cx *m, struct sides *s)
{
    return read_sides(m, FW_MATMUL_TRANS_A, FW_MATMUL_TRANS_B, m->cx.node->op->n_attrs > 0, s);
}

static bool matmul_forward(struct fw_moment_cx *m)
{
    struct sides s;
    return matmul_sides(m, &s) && product_forward(m, &s);
}

static void matmul_backward(struct fw_moment_cx *m)
{
    struct sides s;
    if (matmul_sides(m, &s))
        product_backward(m, &s);
}

enum { GEMM_TRANS_A = 1, GEMM_TRANS_B };

static bool gemm_forward(struct fw_moment_cx *m)
{
    struct sides s;
    return read_sides(m, GEMM_TRANS_A, GEMM_TRANS_B, true, &s) && product_forward(m, &s);
}

static void gemm_backward(struct fw_moment_cx *m)
{
    struct sides s;
    if (read_sides(m, GEMM_TRANS_A, GEMM_TRANS_B, true, &s))
        product_backward(m, &s);
}

#define ATTENTION "a softmax's weights are independent of the values they weigh"
const struct fw_moment_rule fw_moments_matmul = {
    .layer = true, .forward = matmul_forward, .backward = matmul_backward, .assumption = ATTENTION};
const struct fw_moment_rule fw_moments_gemm = {
    .layer = true, .forward = gemm_forward, .backward = gemm_backward};
