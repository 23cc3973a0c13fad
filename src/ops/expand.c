/* Repeating elements: Expand, Tile, and the sums that are their gradients. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

enum { EXPAND, EXPAND_LIKE, TILE, TILE_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

/* Contents of an output made by broadcasting input 0. */
static enum fw_status spread(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *y = fw_out(c, 0);
    uint32_t n;
    int64_t from[FW_MAX_RANK];
    int64_t stride[FW_MAX_RANK] = {0};
    const fw_dim *v = fw_follow(c, 0, &n);
    if (v == NULL || y == NULL || y->rank < x->rank || !fw_strides(x, from))
        return FW_OK;
    for (unsigned k = 0; k < x->rank; k++)
        if (!fw_dim_is(x->dims[k], 1))
            stride[y->rank - x->rank + k] = from[k];
    return fw_set_strided(c, 0, v, 0, stride);
}

static enum fw_status infer_expand(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    enum fw_dtype dtype = (enum fw_dtype)x->dtype;
    FW_TRY(fw_want_rank(c, 1, 0, 1));
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, 1, &n);
    if (v == NULL) {
        int64_t len = fw_list_length(c, 1);
        bool fits = len >= 0 && len <= FW_MAX_RANK;
        unsigned rank = !fits ? FW_RANK_UNKNOWN : len > x->rank ? (unsigned)len : x->rank;
        return fw_set_out_unknown(c, 0, dtype, rank);
    }
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, n, -1, c->err);
    fw_dim y[FW_MAX_RANK];
    fw_dim to[FW_MAX_RANK];
    unsigned rank;
    for (unsigned k = 0; k < n; k++) // -1 keeps a size, as exporters write it
        to[k] = fw_dim_is(v[k], -1) ? fw_dim_int(1) : v[k];
    FW_TRY(fw_broadcast(c, x->rank, x->dims, n, to, &rank, y));
    FW_TRY(fw_set_out(c, 0, dtype, rank, y));
    return spread(c);
}

static enum fw_status infer_expand_like(struct fw_cx *c)
{
    FW_TRY(fw_infer_like1(c));
    return fw_in(c, 1)->rank == FW_RANK_UNKNOWN ? FW_OK : spread(c);
}

static enum fw_status grad_expand(struct fw_grad *gr)
{
    return fw_grad_needs(gr, 0) ? fw_grad_give(gr, 0, gr->dy[0]) : FW_OK;
}

/* Contents of a tiled tensor: element (k0, k1, ...) is x at the remainders by x's sizes. */
static enum fw_status tile_value(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *y = fw_out(c, 0);
    uint32_t n = 0;
    int64_t from[FW_MAX_RANK];
    const fw_dim *v = fw_follow(c, 0, &n);
    if (v == NULL || n == 0 || y == NULL || !fw_strides(x, from))
        return FW_OK;
    fw_count all = fw_elements(c, y);
    if (!fw_count_is_const(all) || all.word > FW_MAX_VALUE)
        return FW_OK;
    fw_dim out[FW_MAX_VALUE];
    for (int64_t e = 0; e < (int64_t)all.word; e++) {
        int64_t rest = e;
        int64_t at = 0;
        for (unsigned k = y->rank; k-- > 0; rest /= y->dims[k].word)
            at += rest % y->dims[k].word % x->dims[k].word * from[k];
        out[e] = v[at];
    }
    return fw_set_value(c, 0, out, (uint32_t)all.word);
}

static enum fw_status infer_tile(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    enum fw_dtype dtype = (enum fw_dtype)x->dtype;
    FW_TRY(fw_want_rank(c, 1, 1, 1));
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, 1, &n);
    if (v == NULL)
        return fw_set_out_unknown(c, 0, dtype, x->rank);
    FW_REQUIRE(n == x->rank, c->err, FW_SHAPE,
               "input 1 must have one number per dimension (%u), found %u", x->rank, n);
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < n; k++)
        y[k] = fw_dim_mul(c->sym, x->dims[k], v[k]);
    FW_TRY(fw_set_out(c, 0, dtype, n, y));
    return tile_value(c);
}

static enum fw_status grad_tile(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, &rows[TILE_GRAD], in, 2, NULL);
}

/* Each element of X is the sum of its copies: elements in - elements out. */
static void cost_tile_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_count dy = fw_elements(c, fw_in(c, 0));
    fw_cost_add(c, cost, FW_ADD, fw_joins(c, dy, fw_elements(c, fw_out(c, 0))), 1);
}

static void field_tile(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    const struct fw_tensor *x = fw_in(c, in), *y = fw_out(c, out);
    for (unsigned k = 0; in == 0 && k < x->rank && k < y->rank; k++)
        ret[k] = fw_dim_eq(x->dims[k], y->dims[k]) ? fw_reach_each(k)
                                                   : fw_reach_all("copies side by side");
}

FW_KERNELS(expand, tile, tile_grad);

static const struct fw_op rows[N_ROWS] = {
    [EXPAND] = {.name = "Expand",
                .domain = "",
                .formula = FW_MOVE_FORMULA,
                .doc = "dX = sum of dY to the shape of X",
                FW_PORTS(2, 2, 1, 1),
                .flags = FW_OP_MOVE,
                .infer = infer_expand,
                .field = fw_field_same,
                .cost = fw_cost_free,
                .grad = grad_expand,
                FW_RUN(expand)},
    [EXPAND_LIKE] = {.name = "ExpandLike",
                     .domain = "flopwise",
                     .formula = FW_MOVE_FORMULA,
                     .doc = FW_INTERNAL_DOC,
                     FW_PORTS(2, 2, 1, 1),
                     .flags = FW_OP_MOVE | FW_OP_INTERNAL,
                     .shape_only = 2,
                     .infer = infer_expand_like,
                     .cost = fw_cost_free,
                     .grad = fw_grad_none,
                     FW_RUN(expand)},
    [TILE] = {.name = "Tile",
              .domain = "",
              .formula = FW_MOVE_FORMULA,
              .doc = "dX = sum of the copies in dY",
              FW_PORTS(2, 2, 1, 1),
              .flags = FW_OP_MOVE,
              .infer = infer_tile,
              .field = field_tile,
              .cost = fw_cost_free,
              .grad = grad_tile,
              FW_RUN(tile)},
    [TILE_GRAD] = {.name = "TileGrad",
                   .domain = "flopwise",
                   .formula = "add = elements(dY) - elements(X)",
                   .doc = FW_INTERNAL_DOC,
                   FW_PORTS(2, 2, 1, 1),
                   .flags = FW_OP_INTERNAL,
                   .shape_only = 2,
                   .infer = fw_infer_like1,
                   .cost = cost_tile_grad,
                   .grad = fw_grad_none,
                   FW_RUN(tile_grad)},
};
const struct fw_op_table fw_ops_expand = {rows, N_ROWS};
