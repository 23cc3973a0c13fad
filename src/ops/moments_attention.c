/* Rules for softmax and fused attention.
 *
 * Scores are close to independent normal variables of one variance for each query: what all keys
 * have in common drops out of the softmax. With own = E sum p^2 of a query's probabilities p, its
 * output has own of what values have apart and all of what they have in common. */
#include "ops/attend.h"
#include "ops/attention.h"
#include "ops/moments.h"

#include <math.h>

/* ---- E sum p^2 ---- */

/* Of exp(s_i)/sum exp(s), s_i normal of this variance. With f(t) = E exp(-t exp(s)) it is
 * n * integral of t f''(t) f(t)^(n-1), and t = exp(x) here. */
enum { STEPS = 200 };
struct softmax {
    double step, f[STEPS], second[STEPS]; // f, t^2 f''
};

static void prepare(const struct fw_moment_cx *m, double variance, double most, struct softmax *ret)
{
    double spread = sqrt(variance), low = -log(most) - 6 * spread - 8, high = 5 * spread + 5;
    ret->step = (high - low) / STEPS;
    for (int k = 0; k < STEPS; k++) {
        double x = low + (k + 0.5) * ret->step;
        ret->f[k] = ret->second[k] = 0;
        for (int i = 0; i < FW_NORMAL_POINTS; i++) {
            double te = exp(x + spread * m->normal->z[i]), e = exp(-te);
            ret->f[k] += m->normal->w[i] * e;
            ret->second[k] += m->normal->w[i] * te * te * e;
        }
    }
}

static double squares(const struct softmax *s, double n)
{
    double sum = 0;
    for (int k = 0; k < STEPS; k++)
        sum += s->second[k] * pow(s->f[k], n - 1);
    return fmin(fmax(n * s->step * sum, 1 / n), 1);
}

/* Where every query meets n keys; causal: of `keys` keys the last query meets all, at most `window`
 * of them, and each one before one less. */
static double mean_squares(const struct fw_moment_cx *m, double variance, double keys,
                           double queries, bool causal, double window)
{
    struct softmax s;
    double sum = 0, low = 1, at_low, at_high;
    if (window > 0 && window < keys && !causal)
        keys = window;
    prepare(m, variance, keys, &s);
    if (!causal)
        return squares(&s, keys);
    at_low = 1;
    at_high = squares(&s, 2);
    for (uint64_t i = 0; (double)i < queries; i++) {
        double n = keys - queries + 1 + (double)i;
        n = fmax(window > 0 ? fmin(n, window) : n, 1);
        while (n > 2 * low) {
            low *= 2;
            at_low = at_high;
            at_high = squares(&s, 2 * low);
        }
        sum += exp(log(at_low) + log(at_high / at_low) * log2(n / low));
    }
    return sum / queries;
}

/* ---- softmax ---- */

static bool softmax_forward(struct fw_moment_cx *m)
{
    const struct fw_moments *x = fw_moments_in(m, 0);
    const struct fw_tensor *t = fw_in(&m->cx, 0);
    const struct fw_attr *axis = fw_moments_attr(m, "axis");
    unsigned k;
    if (t->rank == 0 || fw_norm_axis(&m->cx, axis != NULL ? axis->i : -1, t->rank, &k) != FW_OK ||
        t->dims[k].word <= 0)
        return false;
    double n = (double)t->dims[k].word, variance = fmax(x->second - x->mean * x->mean, 0);
    double second = mean_squares(m, variance, n, n, false, 0) / n;
    fw_moments_set(m, 0, 1 / n, second, 1 / (n * n), 1 / (n * n));
    return true;
}

static void softmax_backward(struct fw_moment_cx *m)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    fw_moments_give(fw_moments_in(m, 0), y->grad * y->second, 0);
}

const struct fw_moment_rule fw_moments_softmax = {
    .forward = softmax_forward,
    .backward = softmax_backward,
    .assumption = "what softmax joins are independent normal values of the same variance"};

/* ---- attention ---- */

struct attention {
    struct fw_moments *q, *k, *v;
    double queries, keys, head, v_head;
    double shared_by; // queries' heads that use one of the keys'
    double window;
    bool causal;
    double scale; // squared
    double own;   // E sum p^2
    double both;  // E sum p p' of two queries
};

static bool finish(struct fw_moment_cx *m, struct attention *a)
{
    if (a->q == NULL || a->k == NULL || a->v == NULL || !a->q->known || !a->k->known ||
        !a->v->known || a->queries < 1 || a->keys < 1 || a->head < 1 || a->v_head < 1)
        return false;
    double apart = fmax(a->k->second - a->k->far, 0);
    double variance = a->scale * a->head * a->q->second * apart;
    double tied = a->q->second > 0 ? fmax(fmin(a->q->far / a->q->second, 1), 0) : 0;
    a->own = mean_squares(m, variance, a->keys, a->queries, a->causal, a->window);
    a->both = mean_squares(m, tied * variance, a->keys, a->queries, a->causal, a->window);
    return true;
}

static bool read_attention(struct fw_moment_cx *m, struct attention *a)
{
    const struct fw_attention_ports *p = m->cx.node->op->family;
    struct fw_attention v;
    if (p->key == FW_NO_PORT || p->read(&m->cx, &v) != FW_OK || !fw_dim_is_const(v.total) ||
        !fw_dim_is_const(v.q_len) || !fw_dim_is_const(v.head) || !fw_dim_is_const(v.v_head))
        return false;
    const struct fw_attr *given = fw_moments_attr(m, "scale");
    double scale =
        given != NULL && given->given && given->f != 0 ? given->f : 1 / sqrt((double)v.head.word);
    bool heads = v.heads.word > 0 && v.kv_heads.word > 0;
    *a = (struct attention){.q = fw_moments_in(m, 0),
                            .k = fw_moments_in(m, p->key),
                            .v = fw_moments_in(m, p->value),
                            .queries = (double)v.q_len.word,
                            .keys = (double)v.total.word,
                            .head = (double)v.head.word,
                            .v_head = (double)v.v_head.word,
                            .shared_by = heads ? (double)v.heads.word / (double)v.kv_heads.word : 1,
                            .causal = v.causal,
                            .scale = scale * scale};
    return finish(m, a);
}

static bool read_attend(struct fw_moment_cx *m, struct attention *a)
{
    const struct fw_attr *attr = m->cx.node->attr;
    const struct fw_tensor *q = fw_in(&m->cx, 0), *k = fw_in(&m->cx, 1), *v = fw_in(&m->cx, 2);
    double heads = (double)attr[FW_ATTEND_HEADS].i, kv = (double)attr[FW_ATTEND_KV_HEADS].i;
    if (q->rank != 3 || k->rank != 3 || v->rank != 3 || heads < 1 || kv < 1 || fw_has_in(&m->cx, 4))
        return false;
    double head = (double)q->dims[2].word / heads;
    int64_t window =
        attr[FW_ATTEND_CHUNK].i > 0 ? attr[FW_ATTEND_CHUNK].i : attr[FW_ATTEND_WINDOW].i;
    *a = (struct attention){.q = fw_moments_in(m, 0),
                            .k = fw_moments_in(m, 1),
                            .v = fw_moments_in(m, 2),
                            .queries = (double)q->dims[1].word,
                            .keys = (double)k->dims[1].word,
                            .head = head,
                            .v_head = (double)v->dims[2].word / kv,
                            .shared_by = heads / kv,
                            .window = (double)window,
                            .causal = attr[FW_ATTEND_CAUSAL].i != 0,
                            .scale = attr[FW_ATTEND_SCALED].i != 0 ? 1 / head : 1};
    return finish(m, a);
}

static bool pay_attention(struct fw_moment_cx *m, const struct attention *a)
{
    double apart = fmax(a->v->second - a->v->far, 0);
    fw_moments_set(m, 0, a->v->mean, a->v->far + a->own * apart, a->v->shared,
                   a->v->far + a->both * apart);
    return true;
}

/* dV = P^T dY; of dS = p (dY v - sum p dY v) only what values have apart is left. */
static void give_back(struct fw_moment_cx *m, const struct attention *a)
{
    const struct fw_moments *y = fw_moments_out(m, 0);
    double each = a->queries / a->keys * a->shared_by, others = a->queries - 1;
    fw_moments_give(a->v, each * (a->own * y->grad + others * a->both * y->grad_shared),
                    each / a->keys * (y->grad + others * y->grad_shared));
    double scores = a->v_head * y->grad * fmax(a->v->second - a->v->far, 0) * a->own * (1 - a->own);
    fw_moments_give(a->q, a->scale * scores * fmax(a->k->second - a->k->far, 0), 0);
    fw_moments_give(a->k, a->scale * scores * each * a->q->second, 0);
}

static bool attention_forward(struct fw_moment_cx *m)
{
    struct attention a;
    return read_attention(m, &a) && pay_attention(m, &a);
}

static void attention_backward(struct fw_moment_cx *m)
{
    struct attention a;
    if (read_attention(m, &a))
        give_back(m, &a);
}

static bool attend_forward(struct fw_moment_cx *m)
{
    struct attention a;
    return read_attend(m, &a) && pay_attention(m, &a);
}

static void attend_backward(struct fw_moment_cx *m)
{
    struct attention a;
    if (read_attend(m, &a))
        give_back(m, &a);
}

#define ASSUMPTION "attention scores are normal and independent of the values they weigh"
const struct fw_moment_rule fw_moments_attention = {
    .forward = attention_forward, .backward = attention_backward, .assumption = ASSUMPTION};
const struct fw_moment_rule fw_moments_attend = {
    .forward = attend_forward, .backward = attend_backward, .assumption = ASSUMPTION};
