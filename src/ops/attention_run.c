/* Kernels of attention.c and attention_grad.c where query, key and value stand apart: ai.onnx
 * Attention and com.microsoft MultiHeadAttention, without keys of earlier calls, biases, rotation.
 */
#include "ops/attention.h"
#include "ops/product.h"

/* Head h of example b of a tensor (batch, heads, length, width) or (batch, length, heads*width). */
static struct matrix head_of(const struct fw_buffer *v, size_t b, size_t h, size_t heads)
{
    bool folded = v->rank == 3;
    size_t length = (size_t)v->dims[folded ? 1 : 2];
    size_t width = (size_t)v->dims[v->rank - 1] / (folded ? heads : 1);
    const REAL *p = (const REAL *)v->data + b * heads * length * width;
    return folded ? matrix_of(p + h * width, heads * width, 1)
                  : matrix_of(p + h * length * width, width, 1);
}

/* Width of a head. */
static size_t width_of(const struct fw_buffer *v, size_t heads)
{
    return (size_t)v->dims[v->rank - 1] / (v->rank == 3 ? heads : 1);
}

/* Element (b, h, i, k) of a mask that is broadcast to the scores. */
static size_t mask_at(const struct fw_buffer *m, const size_t *at)
{
    size_t offset = 0;
    for (unsigned k = 0; k < m->rank; k++)
        offset = offset * (size_t)m->dims[k] + (m->dims[k] == 1 ? 0 : at[4 - m->rank + k]);
    return offset;
}

struct attention {
    size_t batch, heads, groups, queries, keys;
    REAL scale, cap;
    bool scaled, causal;
    const struct fw_buffer *mask[2];
};

/* What stands in the way of executing the node as it is. */
static enum fw_status want_plain(const struct fw_run *r, const struct fw_attention_ports *p)
{
    const uint8_t ports[] = {p->bias, p->past_key, p->past_value, p->cos, p->sin};
    bool plain = p->qkv == FW_NO_PORT && fw_run_has(r, 1) && fw_run_has(r, 2);
    for (unsigned i = 0; i < sizeof ports; i++)
        plain = plain && (ports[i] == FW_NO_PORT || !fw_run_has(r, ports[i]));
    for (unsigned i = 3; i < r->cx.node->n_out; i++)
        plain = plain && (r->out[i] == NULL || i == p->probs);
    FW_REQUIRE(
        plain, r->cx.err, FW_UNSUPPORTED,
        "there is a kernel for query, key and value apart only, without biases, rotation and "
        "keys of earlier calls");
    return FW_OK;
}

static enum fw_status read(struct fw_run *r, struct attention *ret)
{
    const struct fw_attention_ports *p = r->cx.node->op->family;
    struct fw_attention a;
    FW_TRY(want_plain(r, p));
    FW_TRY(p->read(&r->cx, &a));
    double scale = fw_run_attr_float(r, "scale", 0);
    *ret = (struct attention){.batch = (size_t)a.batch.word,
                              .heads = (size_t)a.heads.word,
                              .groups = (size_t)a.kv_heads.word,
                              .queries = (size_t)a.q_len.word,
                              .keys = (size_t)a.total.word,
                              .scale = (REAL)(scale != 0 ? scale : 1 / sqrt((double)a.head.word)),
                              .cap = (REAL)a.softcap,
                              .scaled = a.scaled,
                              .causal = a.causal};
    const uint8_t masks[2] = {p->mask, p->more_mask};
    for (unsigned i = 0; i < 2; i++)
        ret->mask[i] = masks[i] == FW_NO_PORT ? NULL : fw_run_in(r, masks[i]);
    return FW_OK;
}

/* A row of scores: scaled, capped, masked, and softened. */
static void finish_row(const struct attention *a, size_t b, size_t h, size_t i, REAL *s)
{
    REAL sum = 0;
    for (size_t k = 0; k < a->keys; k++) {
        const size_t at[4] = {b, h, i, k};
        if (a->scaled)
            s[k] = MUL(s[k], a->scale);
        if (a->cap != 0)
            s[k] = MUL(a->cap, TANH(MUL(s[k], 1 / a->cap)));
        for (unsigned m = 0; m < 2; m++) {
            const struct fw_buffer *v = a->mask[m];
            if (v != NULL && is_real(v))
                s[k] = ADD(s[k], ((const REAL *)v->data)[mask_at(v, at)]);
            else if (v != NULL)
                s[k] = CHOOSE(fw_buffer_int(v, mask_at(v, at)) != 0, s[k], -INFINITY);
        }
        if (a->causal && k > i + a->keys - a->queries)
            s[k] = -INFINITY;
    }
    REAL most = s[0];
    for (size_t k = 1; k < a->keys; k++)
        most = MAX(most, s[k]);
    for (size_t k = 0; k < a->keys; k++) {
        s[k] = EXP(SUB(s[k], most));
        sum = k == 0 ? s[k] : ADD(sum, s[k]);
    }
    for (size_t k = 0; k < a->keys; k++)
        s[k] = DIV(s[k], sum);
}

/* Keys or values as they are handed on: (batch, heads, length, width). */
static void hand_on(const struct fw_run *r, unsigned input, size_t groups)
{
    const struct fw_buffer *v = r->in[input];
    struct fw_buffer *y = fw_run_out(r, input);
    if (y == NULL || y->rank != 4)
        return;
    size_t length = (size_t)y->dims[2];
    size_t width = (size_t)y->dims[3];
    for (size_t i = 0; i < (size_t)y->dims[0] * groups * length; i++) {
        struct matrix from = head_of(v, i / length / groups, i / length % groups, groups);
        memcpy((REAL *)y->data + i * width, from.p + (ptrdiff_t)(i % length) * from.row,
               width * sizeof(REAL));
    }
}

KERNEL(attention)
{
    const struct fw_attention_ports *p = r->cx.node->op->family;
    struct attention a;
    FW_TRY(read(r, &a));
    size_t n = a.queries * a.keys;
    REAL *kept = p->probs == FW_NO_PORT ? NULL : reals_out(r, p->probs);
    REAL *scores = scratch_reals(r, n);
    if (scores == NULL)
        return fw_fail_memory(r->cx.err);
    zero_out(r, 0);
    hand_on(r, 1, a.groups);
    hand_on(r, 2, a.groups);
    for (size_t i = 0; i < a.batch * a.heads && a.keys > 0; i++) {
        size_t b = i / a.heads;
        size_t h = i % a.heads;
        size_t g = h / (a.heads / a.groups);
        memset(scores, 0, n * sizeof *scores);
        FW_TRY(product(r, a.queries, a.keys, width_of(r->in[0], a.heads),
                       matrix_of(scores, a.keys, 1), head_of(r->in[0], b, h, a.heads),
                       turned(head_of(r->in[1], b, g, a.groups))));
        for (size_t q = 0; q < a.queries; q++)
            finish_row(&a, b, h, q, scores + q * a.keys);
        if (kept != NULL)
            memcpy(kept + i * n, scores, n * sizeof *scores);
        FW_TRY(product(r, a.queries, width_of(r->in[2], a.groups), a.keys,
                       head_of(r->out[0], b, h, a.heads), matrix_of(scores, a.keys, 1),
                       head_of(r->in[2], b, g, a.groups)));
    }
    return FW_OK;
}

/* Heads of keys and values, from their width or from their rank. */
static size_t groups_of(const struct fw_buffer *v, size_t width)
{
    return v->rank == 3 ? (size_t)v->dims[2] / width : (size_t)v->dims[1];
}

KERNEL(attention_scores) // (dy, v, p, q?, k?) -> dS, the same before scale and cap
{
    const struct fw_buffer *probs = r->in[2];
    size_t heads = (size_t)probs->dims[1];
    size_t queries = (size_t)probs->dims[2];
    size_t keys = (size_t)probs->dims[3];
    size_t width = width_of(r->in[0], heads);
    size_t groups = groups_of(r->in[1], width);
    REAL scale = attr_real(r, "scale");
    bool scaled = fw_run_attr_int(r, "scaled", 0) != 0;
    FW_REQUIRE(attr_real(r, "softcap") == 0, r->cx.err, FW_UNSUPPORTED,
               "the gradient of a softcap has no kernel");
    zero_out(r, 0);
    for (size_t i = 0; i < (size_t)probs->dims[0] * heads; i++) {
        REAL *d = reals_out(r, 0) + i * queries * keys;
        const REAL *p = reals(r, 2) + i * queries * keys;
        FW_TRY(product(r, queries, keys, width, matrix_of(d, keys, 1),
                       head_of(r->in[0], i / heads, i % heads, heads),
                       turned(head_of(r->in[1], i / heads, i % heads / (heads / groups), groups))));
        for (size_t q = 0; q < queries; q++, d += keys, p += keys) {
            REAL along = 0;
            for (size_t k = 0; k < keys; k++) {
                REAL v = MUL(d[k], p[k]);
                along = k == 0 ? v : ADD(along, v);
            }
            for (size_t k = 0; k < keys; k++) {
                d[k] = MUL(SUB(d[k], along), p[k]);
                if (fw_run_out(r, 1) != NULL)
                    reals_out(r, 1)[(i * queries + q) * keys + k] = d[k];
                if (scaled)
                    d[k] = MUL(d[k], scale);
            }
        }
    }
    return FW_OK;
}

KERNEL(attention_operand) // (dS or P, other factor, like, ...): of query 0, key 1, value 2
{
    const struct fw_buffer *s = r->in[0];
    bool of_query = fw_run_attr_int(r, "of", 0) == 0;
    size_t heads = (size_t)s->dims[1];
    size_t queries = (size_t)s->dims[2];
    size_t keys = (size_t)s->dims[3];
    struct fw_buffer *to = r->out[0];
    FW_REQUIRE(!fw_run_has(r, 4), r->cx.err, FW_UNSUPPORTED,
               "the gradient of a rotation inside an attention has no kernel");
    size_t width = of_query ? width_of(to, heads) : width_of(r->in[1], heads);
    size_t groups = groups_of(of_query ? r->in[1] : to, width);
    zero_out(r, 0);
    for (size_t i = 0; i < (size_t)s->dims[0] * heads; i++) {
        size_t b = i / heads;
        size_t h = i % heads;
        size_t g = h / (heads / groups);
        struct matrix m = matrix_of(reals(r, 0) + i * queries * keys, keys, 1);
        if (of_query)
            FW_TRY(product(r, queries, width, keys, head_of(to, b, h, heads), m,
                           head_of(r->in[1], b, g, groups)));
        else
            FW_TRY(product(r, keys, width, queries, head_of(to, b, g, groups), turned(m),
                           head_of(r->in[1], b, h, heads)));
    }
    return FW_OK;
}
