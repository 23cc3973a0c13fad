/* Position and embedding rows of transformers: RotaryEmbedding and EmbedLayerNormalization.
 *
 * A rotary embedding turns pairs: (x, y) -> (x cos - y sin, x sin + y cos), 2 mul and 1 add per
 * element; its gradient turns back. Of the caches one row per position is read.
 *
 * EmbedLayerNormalization gathers a word, a position and maybe a segment row per token, adds them
 * (1 or 2 adds per element) and normalises rows of H: mean (H - 1 add, 1 div), difference (H add),
 * square (H mul), variance (H - 1 add, 1 div), epsilon (1 add), 1 sqrt, 1 div, scale by it and by
 * gamma (2 H mul), shift (H add). With a mask its row sums are an output: len - 1 adds per example.
 */
#include "ops/attention.h"
#include "ops/moments.h"
#include "ops/ops.h"
#include "ops/reach.h"

/* ---- RotaryEmbedding ---- */

enum { R_INTERLEAVED, R_HEADS, R_DIM, R_PACKED, R_SCALE };
static const struct fw_attr_spec rotary_attrs[] = {
    {"interleaved", FW_ATTR_INT, false, {.i = 0}},
    {"num_heads", FW_ATTR_INT, false, {.i = 0}},
    {"rotary_embedding_dim", FW_ATTR_INT, false, {.i = 0}},
    {"is_packed_batching", FW_ATTR_INT, false, {.i = 0}},
    {"scale", FW_ATTR_FLOAT, false, {.f = 1}},
};
static const struct fw_rotary_form *rotary_of(const struct fw_cx *c)
{
    return c->node->op->family;
}

static enum fw_status infer_rotary(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 3, 4));
    FW_TRY(fw_want_rank(c, rotary_of(c)->cos, 2, 3));
    FW_TRY(fw_want_rank(c, rotary_of(c)->sin, 2, 3));
    FW_REQUIRE(c->node->attr[R_HEADS].i >= 0 && c->node->attr[R_DIM].i >= 0, c->err, FW_FORMAT,
               "a number of heads and a rotary size that are not negative are wanted");
    return fw_set_out_like(c, 0, fw_in(c, 0));
}

static void cost_rotary(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_rotary_form *p = rotary_of(c);
    const struct fw_tensor *cache = fw_in(c, p->cos);
    const struct fw_attr *attr = c->node->attr;
    fw_count n = fw_elements(c, x);
    // so many of each head's width; by the caches where heads are not told
    if (attr[R_DIM].i != 0) {
        fw_count width = fw_count_of(x->dims[x->rank - 1u]);
        int64_t heads = x->rank == 4 ? 1 : attr[R_HEADS].i;
        if (heads == 0) {
            heads = 1;
            width =
                fw_count_mul(c->sym, fw_count_of(cache->dims[cache->rank - 1u]), fw_count_int(2));
        }
        fw_count turned = fw_count_mul(c->sym, fw_count_int(heads), fw_count_int(attr[R_DIM].i));
        n = fw_count_div(c->sym, fw_count_mul(c->sym, n, turned), width);
    }
    fw_cost_rotation(c, cost, n);
    struct fw_tensor row = *cache;
    fw_dim dims[3] = {x->dims[0], x->dims[x->rank == 4 ? 2 : 1], cache->dims[cache->rank - 1u]};
    row.rank = 3;
    row.dims = dims;
    const struct fw_tensor *taken = cache->rank == 2 ? &row : cache;
    fw_cost_bytes(c, cost, FW_READ, x);
    fw_cost_bytes(c, cost, FW_READ, fw_in(c, p->positions));
    fw_cost_bytes(c, cost, FW_READ, taken);
    fw_cost_bytes(c, cost, FW_READ, taken);
    fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, 0));
}

static enum fw_status grad_rotary(struct fw_grad *gr)
{
    const struct fw_node *n = gr->cx.node;
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    uint32_t in[4];
    for (unsigned i = 0; i < 4; i++)
        in[i] = i < n->n_in ? n->in[i] : FW_NONE;
    in[0] = gr->dy[0];
    return fw_emit(gr, 0, rotary_of(&gr->cx)->grad, in, 4, n->attr, &gr->dx[0]);
}

/* ---- EmbedLayerNormalization ---- */

enum { E_IDS, E_SEGMENTS, E_WORD, E_POSITION, E_SEGMENT, E_GAMMA, E_BETA, E_MASK, E_POSITIONS };
enum { E_Y, E_MASK_INDEX, E_SUM };
static const struct fw_attr_spec embed_attrs[] = {
    {"epsilon", FW_ATTR_FLOAT, false, {.f = 1e-12}},
    {"mask_index_type", FW_ATTR_INT, false, {.i = 1}},
};
enum {
    ROTARY,
    ROTARY_MS,
    EMBED,
    ROTARY_GRAD,
    ROTARY_GRAD_MS,
    EMBED_TRAINING,
    EMBED_GRAD_SUM,
    EMBED_GRAD_SCALE,
    EMBED_GRAD_TABLE,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

static enum fw_status infer_embed(struct fw_cx *c)
{
    static const uint8_t wanted[] = {E_WORD, E_POSITION, E_GAMMA,
                                     E_BETA}; // segments may be left out
    for (unsigned k = 0; k < sizeof wanted; k++)
        FW_REQUIRE(fw_has_in(c, wanted[k]), c->err, FW_FORMAT, "input %u is wanted, it is left out",
                   wanted[k]);
    FW_TRY(fw_want_rank(c, E_IDS, 2, 2));
    FW_TRY(fw_want_rank(c, E_WORD, 2, 2));
    FW_TRY(fw_want_rank(c, E_POSITION, 2, 2));
    const fw_dim *ids = fw_in(c, E_IDS)->dims;
    const struct fw_tensor *word = fw_in(c, E_WORD);
    fw_dim y[3] = {ids[0], ids[1]};
    FW_TRY(fw_same_dim(c, "width of the embeddings", word->dims[1], fw_in(c, E_POSITION)->dims[1],
                       &y[2]));
    if (fw_has_in(c, E_SEGMENT)) {
        FW_REQUIRE(fw_has_in(c, E_SEGMENTS), c->err, FW_FORMAT,
                   "segments of the tokens are wanted where there are rows for them");
        FW_TRY(fw_want_rank(c, E_SEGMENT, 2, 2));
        FW_TRY(
            fw_same_dim(c, "width of the embeddings", y[2], fw_in(c, E_SEGMENT)->dims[1], &y[2]));
    }
    for (unsigned k = 0; k < 2; k++) // of every token, or the same for all examples
        if (fw_has_in(c, k == 0 ? E_SEGMENTS : E_POSITIONS))
            FW_TRY(fw_want_broadcast_to(c, k == 0 ? E_SEGMENTS : E_POSITIONS, 2, ids));
    for (unsigned i = E_GAMMA; i <= E_BETA; i++) {
        FW_TRY(fw_want_rank(c, i, 1, 1));
        FW_TRY(fw_same_dim(c, "gamma and beta", y[2], fw_in(c, i)->dims[0], &y[2]));
    }
    enum fw_dtype dtype = (enum fw_dtype)word->dtype;
    FW_TRY(fw_set_out(c, E_MASK_INDEX, FW_I32, 1, y));
    FW_TRY(fw_set_out(c, E_SUM, dtype, 3, y));
    return fw_set_out(c, E_Y, dtype, 3, y);
}

static void cost_embed(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count n = fw_elements(c, fw_out(c, E_Y));
    fw_count tokens = fw_elements(c, fw_in(c, E_IDS));
    fw_cost_add(c, cost, FW_ADD, n, fw_has_in(c, E_SEGMENT) ? 2 : 1);
    fw_cost_add(c, cost, FW_ADD, n, 3);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, tokens), 1);
    fw_cost_add(c, cost, FW_MUL, n, 3);
    fw_cost_add(c, cost, FW_DIV, tokens, 3);
    fw_cost_add(c, cost, FW_SQRT, tokens, 1);
    if (fw_has_in(c, E_MASK) && fw_has_out(c, E_MASK_INDEX)) {
        fw_count examples = fw_count_of(fw_in(c, E_IDS)->dims[0]);
        fw_cost_add(c, cost, FW_ADD, fw_joins(c, fw_elements(c, fw_in(c, E_MASK)), examples), 1);
    }
    for (unsigned i = 0; i < c->node->n_in; i++) // of the tables one row per token
        fw_cost_bytes(c, cost, FW_READ,
                      i >= E_WORD && i <= E_SEGMENT && fw_has_in(c, i) ? fw_out(c, E_Y)
                                                                       : fw_in(c, i));
    for (unsigned i = 0; i < c->node->n_out; i++)
        fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, i));
}

/* ---- its gradient: dSum, then gamma and beta, then each table ---- */

/* (dY, sum, gamma) -> dSum. Mean and deviation again (3 H - 1 add, H mul, 2 div, 1 sqrt; 1 add for
 * epsilon, 1 div for the inverse) and xhat = difference * inverse (H mul); g = dY * gamma (H mul),
 * m1 = mean(g), m2 = mean(g * xhat) (H mul, 2 (H - 1) add, 2 div),
 * dSum = (g - m1 - xhat * m2) * inverse (2 H mul, 2 H add). */
static void cost_grad_sum(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *sum = fw_in(c, 1);
    fw_count n = fw_elements(c, sum);
    fw_count tokens = fw_product(c, sum->dims, 0, 2);
    fw_cost_add(c, cost, FW_ADD, n, 4);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, tokens), 3);
    fw_cost_add(c, cost, FW_MUL, n, 6);
    fw_cost_add(c, cost, FW_DIV, tokens, 5);
    fw_cost_add(c, cost, FW_SQRT, tokens, 1);
}

/* (dY, gamma, sum) -> dGamma: xhat again (3 H - 1 add, 2 H mul, 3 div, 1 sqrt per token), its
 * product with dY (H mul) and the sums over the tokens. */
static void cost_grad_scale(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_tensor *sum = fw_in(c, 2);
    fw_count n = fw_elements(c, sum);
    fw_count tokens = fw_product(c, sum->dims, 0, 2);
    fw_cost_add(c, cost, FW_ADD, n, 2);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, tokens), 1);
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, fw_elements(c, fw_in(c, 1))), 1);
    fw_cost_add(c, cost, FW_MUL, n, 3);
    fw_cost_add(c, cost, FW_DIV, tokens, 3);
    fw_cost_add(c, cost, FW_SQRT, tokens, 1);
}

/* (dSum, table, indices) -> dTable: each token's row is added to a table of zeros. */
static void cost_grad_table(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_ADD, fw_elements(c, fw_in(c, 0)), 1);
}

static enum fw_status grad_embed(struct fw_grad *gr)
{
    const struct fw_node *n = gr->cx.node;
    FW_REQUIRE(n->n_out > E_SUM && n->out[E_SUM] != FW_NONE, gr->cx.err, FW_UNSUPPORTED,
               "%s has a gradient in its training form only", n->op->name);
    uint32_t dy = gr->dy[E_Y];
    if (dy == FW_NONE)
        return FW_OK;
    if (fw_grad_needs(gr, E_GAMMA)) {
        const uint32_t in[3] = {dy, n->in[E_GAMMA], n->out[E_SUM]};
        FW_TRY(fw_emit(gr, E_GAMMA, &rows[EMBED_GRAD_SCALE], in, 3, n->attr, &gr->dx[E_GAMMA]));
    }
    if (fw_grad_needs(gr, E_BETA))
        FW_TRY(fw_grad_give(gr, E_BETA, dy));
    uint32_t sum = FW_NONE;
    for (unsigned i = E_WORD; i <= E_SEGMENT; i++) {
        if (!fw_grad_needs(gr, i))
            continue;
        const uint32_t from[3] = {dy, n->out[E_SUM], n->in[E_GAMMA]};
        if (sum == FW_NONE)
            FW_TRY(fw_emit(gr, -1, &rows[EMBED_GRAD_SUM], from, 3, n->attr, &sum));
        unsigned index = i == E_WORD ? E_IDS : i == E_SEGMENT ? E_SEGMENTS : E_POSITIONS;
        const uint32_t in[3] = {sum, n->in[i], index < n->n_in ? n->in[index] : FW_NONE};
        FW_TRY(fw_emit(gr, (int)i, &rows[EMBED_GRAD_TABLE], in, 3, n->attr, &gr->dx[i]));
    }
    return FW_OK;
}

/* ---- rows ---- */

static const struct fw_rotary_form onnx_ports = {3, 1, 2, &rows[ROTARY_GRAD]};
static const struct fw_rotary_form ms_ports = {1, 2, 3, &rows[ROTARY_GRAD_MS]};
FW_KERNELS(rotary, rotary_grad, embed, embed_grad_sum, embed_grad_scale, embed_grad_table);

#define ROTARY_ROW(title, dom, list, least, fl, text, give, kernel)                               \
    {                                                                                             \
        .name = title, .domain = dom, .formula = "per element turned: 2 mul, 1 add", .doc = text, \
        FW_ATTRS(rotary_attrs), FW_PORTS(least, 4, 1, 1), .flags = FW_OP_OWN_BYTES | (fl),        \
        .family = &(list), .infer = infer_rotary, .field = fw_field_first, .cost = cost_rotary,   \
        .moments = &fw_moments_turned, .grad = give, FW_RUN(kernel)                               \
    }
#define EMBED_ROW(title, dom, fl)                                                                  \
    .name = title, .domain = dom,                                                                  \
    .formula = "per element: 5 add (6 with segments), 3 mul; per token: 3 div, 1 sqrt, 1 add "     \
               "less; mask sums",                                                                  \
    .doc = "layer normalisation backward, then rows added into the tables", FW_ATTRS(embed_attrs), \
    FW_PORTS(1, 9, 1, 3), .flags = FW_OP_OWN_BYTES | (fl),                                         \
    .weight_slots =                                                                                \
        1u << E_WORD | 1u << E_POSITION | 1u << E_SEGMENT | 1u << E_GAMMA | 1u << E_BETA,          \
    .infer = infer_embed, .field = fw_field_same_left, .cost = cost_embed, .grad = grad_embed,     \
    FW_RUN(embed)
#define EMBED_GRAD(title, words, unread, count, kernel)                                     \
    {                                                                                       \
        .name = title, .domain = "flopwise", .formula = words, .doc = FW_INTERNAL_DOC,      \
        FW_ATTRS(embed_attrs), FW_PORTS(2, 3, 1, 1), .flags = FW_OP_INTERNAL,               \
        .shape_only = unread, .infer = fw_infer_same1, .cost = count, .grad = fw_grad_none, \
        FW_RUN(kernel)                                                                      \
    }

static const struct fw_op rows[N_ROWS] = {
    [ROTARY] = ROTARY_ROW("RotaryEmbedding", "", onnx_ports, 3, 0, "dX = dY turned back",
                          grad_rotary, rotary),
    [ROTARY_MS] = ROTARY_ROW("RotaryEmbedding", "com.microsoft", ms_ports, 4, 0,
                             "dX = dY turned back", grad_rotary, rotary),
    [ROTARY_GRAD] = ROTARY_ROW("RotaryEmbeddingGrad", "flopwise", onnx_ports, 3, FW_OP_INTERNAL,
                               FW_INTERNAL_DOC, fw_grad_none, rotary_grad),
    [ROTARY_GRAD_MS] = ROTARY_ROW("RotaryEmbeddingGradMs", "flopwise", ms_ports, 4, FW_OP_INTERNAL,
                                  FW_INTERNAL_DOC, fw_grad_none, rotary_grad),
    [EMBED] = {EMBED_ROW("EmbedLayerNormalization", "com.microsoft", 0),
               .train_form = &rows[EMBED_TRAINING]},
    [EMBED_TRAINING] = {EMBED_ROW("EmbedLayerNormalization", "flopwise", FW_OP_INTERNAL),
                        .reserve_out = 1u << E_SUM},
    [EMBED_GRAD_SUM] = EMBED_GRAD("EmbedLayerNormalizationGrad",
                                  "per element: 7 add, 6 mul; per token: 5 div, 1 sqrt, 3 add less",
                                  0, cost_grad_sum, embed_grad_sum),
    [EMBED_GRAD_SCALE] = EMBED_GRAD("EmbedLayerNormalizationGradScale",
                                    "per element: 4 add, 3 mul; per token: 3 div, 1 sqrt, 1 add "
                                    "less; H add less",
                                    2, cost_grad_scale, embed_grad_scale),
    [EMBED_GRAD_TABLE] =
        EMBED_GRAD("EmbedLayerNormalizationGradTable", "1 add per element of the sum", 2,
                   cost_grad_table, embed_grad_table),
};
const struct fw_op_table fw_ops_embed = {rows, N_ROWS};
