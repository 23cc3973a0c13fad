/* The same elements under another shape or in another order: Reshape, Flatten, Squeeze, Unsqueeze,
 * Transpose, SpaceToDepth, DepthToSpace, ReverseSequence. No arithmetic; what only renames the
 * shape is a view and moves no bytes either.
 *
 * Reshape solves its one unknown size as an exact quotient of element counts: a valid run divides
 * evenly, so the quotient of the polynomials is the size for every value of the symbols. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

static const struct fw_attr_spec reshape_attrs[] = {{"allowzero", FW_ATTR_INT, false, {.i = 0}}};
static const struct fw_attr_spec flatten_attrs[] = {{"axis", FW_ATTR_INT, false, {.i = 1}}};
static const struct fw_attr_spec transpose_attrs[] = {{"perm", FW_ATTR_INTS, false, {.i = 0}}};
enum { BLOCKSIZE, MODE };
static const struct fw_attr_spec block_attrs[] = {
    {"blocksize", FW_ATTR_INT, true, {.i = 0}},
    {"mode", FW_ATTR_STRING, false, {.s = "DCR"}},
};
enum { BATCH_AXIS, TIME_AXIS };
static const struct fw_attr_spec reverse_attrs[] = {
    {"batch_axis", FW_ATTR_INT, false, {.i = 1}},
    {"time_axis", FW_ATTR_INT, false, {.i = 0}},
};

enum {
    RESHAPE,
    FLATTEN,
    SQUEEZE,
    UNSQUEEZE,
    RESHAPE_LIKE,
    TRANSPOSE,
    SPACE_TO_DEPTH,
    DEPTH_TO_SPACE,
    DEPTH_TO_SPACE_GRAD,
    REVERSE_SEQUENCE,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

/* Output 0 with these dims and input 0's contents. */
static enum fw_status set_view(struct fw_cx *c, unsigned rank, const fw_dim *dims)
{
    uint32_t n = 0;
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, rank, dims));
    const fw_dim *v = fw_follow(c, 0, &n);
    return v == NULL ? FW_OK : fw_set_value(c, 0, v, n);
}

/* Elements of x divided by the product of y without y[hole]. Equal dimensions on both sides are
 * dropped first, so that a zero among them does no harm. */
static enum fw_status solve(struct fw_cx *c, const struct fw_tensor *x, unsigned rank,
                            const fw_dim *y, unsigned hole, fw_dim *ret)
{
    bool used[FW_MAX_RANK] = {false};
    fw_count below = fw_count_int(1);
    for (unsigned k = 0; k < rank; k++) {
        if (k == hole)
            continue;
        unsigned j = 0;
        while (j < x->rank && (used[j] || !fw_dim_eq(x->dims[j], y[k])))
            j++;
        if (j < x->rank)
            used[j] = true;
        else
            below = fw_count_mul(c->sym, below, fw_count_of(y[k]));
    }
    fw_count above = fw_count_int(1);
    for (unsigned j = 0; j < x->rank; j++)
        if (!used[j])
            above = fw_count_mul(c->sym, above, fw_count_of(x->dims[j]));
    bool constant = fw_count_is_const(above) && fw_count_is_const(below);
    FW_REQUIRE(!fw_count_eq(below, fw_count_int(0)), c->err, FW_SHAPE,
               "the size -1 cannot be computed: the other sizes hold no element");
    FW_REQUIRE(!constant || above.word % below.word == 0, c->err, FW_SHAPE,
               "the size -1 cannot be computed: the other sizes do not divide the input evenly");
    fw_count q = fw_count_div(c->sym, above, below);
    if (fw_count_is_bad(q))
        q = fw_count_floor_div(c->sym, above, below);
    *ret = fw_dim_of(q);
    return FW_OK;
}

static enum fw_status check_elements(struct fw_cx *c, const struct fw_tensor *x, unsigned rank,
                                     const fw_dim *y)
{
    fw_count a = fw_elements(c, x);
    fw_count b = fw_product(c, y, 0, rank);
    FW_REQUIRE(!fw_count_is_const(a) || !fw_count_is_const(b) || a.word == b.word, c->err, FW_SHAPE,
               "input and shape must have the same number of elements, found %" PRId64
               " and %" PRId64,
               (int64_t)a.word, (int64_t)b.word);
    return FW_OK;
}

/* The contents of the shape are not known: its length gives the rank; one element in all, or one
 * size missing in the file's own annotation, can still be computed. */
static enum fw_status reshape_unknown(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *y = fw_out(c, 0);
    enum fw_dtype dtype = (enum fw_dtype)x->dtype;
    int64_t n = fw_list_length(c, 1);
    if (n < 0)
        return fw_set_out_unknown(c, 0, dtype, FW_RANK_UNKNOWN);
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, n, -1, c->err);
    if (y == NULL)
        return FW_OK;
    unsigned holes = 0;
    fw_dim dims[FW_MAX_RANK];
    unsigned hole = 0;
    bool annotated = (y->flags & FW_TENSOR_OPTIONAL_SHAPE) && y->rank == n;
    for (unsigned k = 0; k < n; k++) {
        dims[k] = annotated ? y->dims[k] : fw_dim_bad();
        if (!fw_dim_is_const(dims[k])) {
            holes++;
            hole = k;
        }
    }
    if (holes != 1 || solve(c, x, (unsigned)n, dims, hole, &dims[hole]) != FW_OK)
        return fw_set_out_unknown(c, 0, dtype, (unsigned)n);
    return set_view(c, (unsigned)n, dims);
}

static enum fw_status infer_reshape(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 1, 0, 1));
    const struct fw_tensor *x = fw_in(c, 0);
    uint32_t n = 0;
    const fw_dim *v = fw_in_value(c, 1, &n);
    if (v == NULL)
        return reshape_unknown(c);
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, n, -1, c->err);
    bool keep_zero = c->node->attr != NULL && c->node->attr[0].i != 0;
    fw_dim y[FW_MAX_RANK];
    int hole = -1;
    for (unsigned k = 0; k < n; k++) {
        y[k] = v[k];
        if (fw_dim_is(v[k], 0) && !keep_zero) {
            FW_REQUIRE(k < x->rank, c->err, FW_SHAPE,
                       "size %u of the shape is 0 (as in the input), the input has %u dimensions",
                       k, x->rank);
            y[k] = x->dims[k];
        } else if (fw_dim_is(v[k], -1)) {
            FW_REQUIRE(hole < 0, c->err, FW_SHAPE, "a shape may hold -1 once, found it twice");
            hole = (int)k;
        }
    }
    if (hole >= 0)
        FW_TRY(solve(c, x, n, y, (unsigned)hole, &y[hole]));
    else
        FW_TRY(check_elements(c, x, n, y));
    return set_view(c, n, y);
}

static enum fw_status infer_flatten(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    int64_t axis = c->node->attr[0].i;
    int64_t r = x->rank;
    FW_REQUIRE(axis >= -r && axis <= r, c->err, FW_SHAPE,
               "an axis from %" PRId64 " to %" PRId64 " is wanted, found %" PRId64, -r, r, axis);
    unsigned at = (unsigned)(axis < 0 ? axis + r : axis);
    fw_dim y[2] = {fw_dim_of(fw_product(c, x->dims, 0, at)),
                   fw_dim_of(fw_product(c, x->dims, at, x->rank))};
    return set_view(c, 2, y);
}

/* Marks the axes that input 1 lists, in a tensor of this rank. */
static enum fw_status mark_axes(struct fw_cx *c, const int64_t *axes, uint32_t n, unsigned rank,
                                bool *ret)
{
    for (uint32_t k = 0; k < n; k++) {
        unsigned axis;
        FW_TRY(fw_norm_axis(c, axes[k], rank, &axis));
        ret[axis] = true;
    }
    return FW_OK;
}

static enum fw_status infer_squeeze(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    int64_t axes[FW_MAX_RANK];
    uint32_t n;
    bool known;
    FW_TRY(fw_int_list(c, 1, -1, axes, FW_MAX_RANK, &n, &known));
    if (!known) {
        int64_t len = fw_list_length(c, 1);
        unsigned rank = len < 0 || len > x->rank ? FW_RANK_UNKNOWN : x->rank - (unsigned)len;
        return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, rank);
    }
    bool gone[FW_MAX_RANK] = {false};
    FW_TRY(mark_axes(c, axes, n, x->rank, gone));
    fw_dim y[FW_MAX_RANK];
    unsigned r = 0;
    for (unsigned k = 0; k < x->rank; k++) {
        bool one = fw_dim_is(x->dims[k], 1);
        FW_REQUIRE(!gone[k] || one || !fw_dim_is_const(x->dims[k]), c->err, FW_SHAPE,
                   "axis %u to be removed must have size 1, found %" PRId64, k, x->dims[k].word);
        if (!(fw_has_in(c, 1) ? gone[k] : one))
            y[r++] = x->dims[k];
    }
    return set_view(c, r, y);
}

static enum fw_status infer_unsqueeze(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    int64_t axes[FW_MAX_RANK];
    uint32_t n;
    bool known;
    FW_TRY(fw_int_list(c, 1, -1, axes, FW_MAX_RANK, &n, &known));
    if (!known) {
        int64_t len = fw_list_length(c, 1);
        unsigned rank = len < 0 || len > FW_MAX_RANK ? FW_RANK_UNKNOWN : x->rank + (unsigned)len;
        return fw_set_out_unknown(c, 0, (enum fw_dtype)x->dtype, rank);
    }
    unsigned rank = x->rank + n;
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, rank, -1, c->err);
    bool fresh[FW_MAX_RANK] = {false};
    FW_TRY(mark_axes(c, axes, n, rank, fresh));
    fw_dim y[FW_MAX_RANK];
    unsigned from = 0;
    for (unsigned k = 0; k < rank; k++) {
        FW_REQUIRE(fresh[k] || from < x->rank, c->err, FW_SHAPE,
                   "the axes to insert must differ from each other");
        y[k] = fresh[k] ? fw_dim_int(1) : x->dims[from++];
    }
    return set_view(c, rank, y);
}

/* The permutation of a Transpose: given, or the reverse order. */
static enum fw_status permutation(struct fw_cx *c, unsigned rank, unsigned *ret)
{
    const struct fw_attr *perm = &c->node->attr[0];
    bool seen[FW_MAX_RANK] = {false};
    FW_REQUIRE(!perm->given || perm->n == rank, c->err, FW_SHAPE,
               "perm must have %u numbers, found %" PRIu32, rank, perm->n);
    for (unsigned k = 0; k < rank; k++) {
        if (!perm->given) {
            ret[k] = rank - 1 - k;
            continue;
        }
        FW_TRY(fw_norm_axis(c, perm->ints[k], rank, &ret[k]));
        FW_REQUIRE(!seen[ret[k]], c->err, FW_SHAPE, "perm names axis %u twice", ret[k]);
        seen[ret[k]] = true;
    }
    return FW_OK;
}

static enum fw_status infer_transpose(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned perm[FW_MAX_RANK];
    FW_TRY(permutation(c, x->rank, perm));
    fw_dim y[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        y[k] = x->dims[perm[k]];
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)x->dtype, x->rank, y));
    uint32_t n;
    int64_t from[FW_MAX_RANK];
    int64_t stride[FW_MAX_RANK];
    const fw_dim *v = fw_follow(c, 0, &n);
    if (v == NULL || !fw_strides(fw_in(c, 0), from))
        return FW_OK;
    for (unsigned k = 0; k < fw_in(c, 0)->rank; k++)
        stride[k] = from[perm[k]];
    return fw_set_strided(c, 0, v, 0, stride);
}

static enum fw_status grad_transpose(struct fw_grad *gr)
{
    if (!fw_grad_needs(gr, 0))
        return FW_OK;
    unsigned rank = fw_in(&gr->cx, 0)->rank;
    unsigned perm[FW_MAX_RANK];
    FW_TRY(permutation(&gr->cx, rank, perm));
    int64_t *back = fw_arena_array(gr->cx.g->arena, rank, sizeof *back);
    if (back == NULL)
        return fw_fail_memory(gr->cx.err);
    for (unsigned k = 0; k < rank; k++)
        back[perm[k]] = k;
    struct fw_attr attr = {.ints = back, .n = rank, .given = true};
    return fw_grad_node(gr, 0, &rows[TRANSPOSE], gr->dy, 1, &attr);
}

/* a / b where a valid run divides evenly. */
static enum fw_status exact(struct fw_cx *c, fw_dim a, int64_t b, fw_dim *ret)
{
    FW_REQUIRE(!fw_dim_is_const(a) || a.word % b == 0, c->err, FW_SHAPE,
               "a size that %" PRId64 " divides is wanted, found %" PRId64, b, a.word);
    *ret = fw_dim_div(c->sym, a, fw_dim_int(b));
    return FW_OK;
}

static enum fw_status want_block(struct fw_cx *c, int64_t *ret)
{
    FW_TRY(fw_want_rank(c, 0, 4, 4));
    *ret = c->node->attr[BLOCKSIZE].i;
    FW_REQUIRE(*ret >= 1 && *ret <= 1 << 20, c->err, FW_SHAPE,
               "a blocksize of at least 1 is wanted, found %" PRId64, *ret);
    return FW_OK;
}

static enum fw_status infer_space_to_depth(struct fw_cx *c)
{
    int64_t b;
    FW_TRY(want_block(c, &b));
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim y[4] = {x->dims[0], fw_dim_mul(c->sym, x->dims[1], fw_dim_int(b * b))};
    FW_TRY(exact(c, x->dims[2], b, &y[2]));
    FW_TRY(exact(c, x->dims[3], b, &y[3]));
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, 4, y);
}

static enum fw_status infer_depth_to_space(struct fw_cx *c)
{
    int64_t b;
    FW_TRY(want_block(c, &b));
    const struct fw_tensor *x = fw_in(c, 0);
    fw_dim y[4] = {x->dims[0]};
    FW_TRY(exact(c, x->dims[1], b * b, &y[1]));
    y[2] = fw_dim_mul(c->sym, x->dims[2], fw_dim_int(b));
    y[3] = fw_dim_mul(c->sym, x->dims[3], fw_dim_int(b));
    return fw_set_out(c, 0, (enum fw_dtype)x->dtype, 4, y);
}

static enum fw_status grad_space_to_depth(struct fw_grad *gr)
{
    return fw_grad_node(gr, 0, &rows[DEPTH_TO_SPACE], gr->dy, 1, gr->cx.node->attr);
}

static enum fw_status grad_depth_to_space(struct fw_grad *gr)
{
    return fw_grad_node(gr, 0, &rows[DEPTH_TO_SPACE_GRAD], gr->dy, 1, gr->cx.node->attr);
}

static enum fw_status infer_reverse(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 2, FW_MAX_RANK));
    FW_TRY(fw_want_rank(c, 1, 1, 1));
    const struct fw_tensor *x = fw_in(c, 0);
    unsigned batch;
    unsigned time;
    FW_TRY(fw_norm_axis(c, c->node->attr[BATCH_AXIS].i, x->rank, &batch));
    FW_TRY(fw_norm_axis(c, c->node->attr[TIME_AXIS].i, x->rank, &time));
    FW_REQUIRE(batch != time, c->err, FW_SHAPE, "batch_axis and time_axis must differ");
    fw_dim same;
    FW_TRY(fw_same_dim(c, "sequence_lens", x->dims[batch], fw_in(c, 1)->dims[0], &same));
    return fw_infer_same(c);
}

static enum fw_status grad_reverse(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[1]};
    return fw_grad_node(gr, 0, &rows[REVERSE_SEQUENCE], in, 2, gr->cx.node->attr);
}

static void field_transpose(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    unsigned perm[FW_MAX_RANK], rank = fw_in(c, in)->rank;
    (void)out;
    if (permutation(c, rank, perm) != FW_OK)
        return;
    for (unsigned k = 0; k < rank; k++)
        ret[perm[k]] = fw_reach_each(k);
}

/* A block becomes one position. */
static void field_space_to_depth(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    int64_t b = c->node->attr[BLOCKSIZE].i;
    (void)in;
    (void)out;
    ret[0] = fw_reach_each(0);
    for (unsigned k = 2; k < 4; k++) {
        ret[k] = fw_reach_window(k, b, fw_dim_int(b), 1, fw_dim_int(0), fw_dim_int(0));
        ret[k].slides = true;
    }
}

/* Each position becomes a block. */
static void field_depth_to_space(struct fw_cx *c, unsigned in, unsigned out, struct fw_reach *ret)
{
    (void)in;
    (void)out;
    ret[0] = fw_reach_each(0);
    for (unsigned k = 2; k < 4; k++)
        ret[k] = (struct fw_reach){.kind = FW_REACH_SCALED,
                                   .dim = (uint8_t)k,
                                   .slides = true,
                                   .num = 1,
                                   .den = c->node->attr[BLOCKSIZE].i};
}

FW_KERNELS(transpose, space_to_depth, depth_to_space, reverse_sequence);

#define VIEW                                                                              \
    .domain = "", .formula = FW_VIEW_FORMULA, .doc = "dX = dY in the shape of X, a view", \
    .flags = FW_OP_VIEW | FW_OP_MOVE, .field = fw_field_regroup, .cost = fw_cost_free,    \
    .grad = fw_grad_view

static const struct fw_op rows[N_ROWS] = {
    [RESHAPE] = {.name = "Reshape",
                 VIEW,
                 FW_ATTRS(reshape_attrs),
                 FW_PORTS(2, 2, 1, 1),
                 .infer = infer_reshape},
    [FLATTEN] = {.name = "Flatten",
                 VIEW,
                 FW_ATTRS(flatten_attrs),
                 FW_PORTS(1, 1, 1, 1),
                 .infer = infer_flatten},
    [SQUEEZE] = {.name = "Squeeze", VIEW, FW_PORTS(1, 2, 1, 1), .infer = infer_squeeze},
    [UNSQUEEZE] = {.name = "Unsqueeze", VIEW, FW_PORTS(2, 2, 1, 1), .infer = infer_unsqueeze},
    [RESHAPE_LIKE] = {.name = "ReshapeLike",
                      .domain = "flopwise",
                      .formula = FW_VIEW_FORMULA,
                      .doc = FW_INTERNAL_DOC,
                      FW_PORTS(2, 2, 1, 1),
                      .flags = FW_OP_VIEW | FW_OP_MOVE | FW_OP_INTERNAL,
                      .shape_only = 2,
                      .infer = fw_infer_like1,
                      .field = fw_field_regroup,
                      .cost = fw_cost_free,
                      .grad = fw_grad_view},
    [TRANSPOSE] = {.name = "Transpose",
                   .domain = "",
                   .formula = FW_MOVE_FORMULA,
                   .doc = "dX = dY transposed back",
                   FW_ATTRS(transpose_attrs),
                   FW_PORTS(1, 1, 1, 1),
                   .flags = FW_OP_MOVE,
                   .infer = infer_transpose,
                   .field = field_transpose,
                   .cost = fw_cost_free,
                   .grad = grad_transpose,
                   FW_RUN(transpose)},
    [SPACE_TO_DEPTH] = {.name = "SpaceToDepth",
                        .domain = "",
                        .formula = FW_MOVE_FORMULA,
                        .doc = "dX = DepthToSpace of dY",
                        FW_ATTRS(block_attrs),
                        FW_PORTS(1, 1, 1, 1),
                        .flags = FW_OP_MOVE,
                        .infer = infer_space_to_depth,
                        .field = field_space_to_depth,
                        .cost = fw_cost_free,
                        .grad = grad_space_to_depth,
                        FW_RUN(space_to_depth)},
    [DEPTH_TO_SPACE] = {.name = "DepthToSpace",
                        .domain = "",
                        .formula = FW_MOVE_FORMULA,
                        .doc = "dX = dY moved back, a move as well",
                        FW_ATTRS(block_attrs),
                        FW_PORTS(1, 1, 1, 1),
                        .flags = FW_OP_MOVE,
                        .infer = infer_depth_to_space,
                        .field = field_depth_to_space,
                        .cost = fw_cost_free,
                        .grad = grad_depth_to_space,
                        FW_RUN(depth_to_space)},
    [DEPTH_TO_SPACE_GRAD] = {.name = "DepthToSpaceGrad",
                             .domain = "flopwise",
                             .formula = FW_MOVE_FORMULA,
                             .doc = FW_INTERNAL_DOC,
                             FW_ATTRS(block_attrs),
                             FW_PORTS(1, 1, 1, 1),
                             .flags = FW_OP_INTERNAL,
                             .infer = infer_space_to_depth,
                             .field = field_space_to_depth,
                             .cost = fw_cost_free,
                             .grad = fw_grad_none,
                             FW_RUN(space_to_depth)},
    [REVERSE_SEQUENCE] = {.name = "ReverseSequence",
                          .domain = "",
                          .formula = FW_MOVE_FORMULA,
                          .doc = "dX = dY with the same sequences reversed",
                          FW_ATTRS(reverse_attrs),
                          FW_PORTS(2, 2, 1, 1),
                          .infer = infer_reverse,
                          .field = fw_field_data,
                          .cost = fw_cost_free,
                          .grad = grad_reverse,
                          FW_RUN(reverse_sequence)},
};
const struct fw_op_table fw_ops_move = {rows, N_ROWS};
const struct fw_op *const fw_op_transpose = &rows[TRANSPOSE];
const struct fw_op *const fw_op_reshape_like = &rows[RESHAPE_LIKE];
