/* Sequences and optionals. A sequence is a tensor marked open; where all its elements have one
 * shape (sizes that differ are fresh symbols) that shape stands on it. Exact elements and lengths
 * are found by walking back over the nodes that made the sequence.
 *
 * Elements are handed over, not copied; only SplitToSequence and ConcatFromSequence move bytes. */
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <inttypes.h>

enum { AXIS, NEW_AXIS };
static const struct fw_attr_spec concat_attrs[] = {
    {"axis", FW_ATTR_INT, true, {.i = 0}},
    {"new_axis", FW_ATTR_INT, false, {.i = 0}},
};
enum { KEEPDIMS = 1 };
static const struct fw_attr_spec split_attrs[] = {
    {"axis", FW_ATTR_INT, false, {.i = 0}},
    {"keepdims", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec empty_attrs[] = {{"dtype", FW_ATTR_INT, false, {.i = 1}}};

enum {
    AT,
    CONSTRUCT,
    EMPTY,
    ERASE,
    INSERT,
    LENGTH,
    CONCAT,
    SPLIT,
    OPTIONAL,
    GET_ELEMENT,
    HAS_ELEMENT,
    N_ROWS
};
static const struct fw_op rows[N_ROWS];

#define MAX_STEPS 256 // nodes walked back over for one answer

/* The shape of one element. */
struct element {
    enum fw_dtype dtype;
    unsigned rank; // or FW_RANK_UNKNOWN
    fw_dim dims[FW_MAX_RANK];
};

static struct element element_of(const struct fw_tensor *t)
{
    struct element e = {(enum fw_dtype)t->dtype, t->rank, {{0}}};
    for (unsigned k = 0; t->rank != FW_RANK_UNKNOWN && k < t->rank; k++)
        e.dims[k] = t->dims[k];
    return e;
}

/* What is common to e and another element. */
static void merge(struct fw_cx *c, struct element *e, const struct element *other)
{
    if (e->rank != other->rank)
        e->rank = FW_RANK_UNKNOWN;
    for (unsigned k = 0; e->rank != FW_RANK_UNKNOWN && k < e->rank; k++)
        if (!fw_dim_eq(e->dims[k], other->dims[k]))
            e->dims[k] = fw_fresh_dim(c, "element", fw_dim_bad());
}

static enum fw_status set_sequence(struct fw_cx *c, unsigned i, const struct element *e)
{
    if (!fw_has_out(c, i))
        return FW_OK;
    FW_TRY(fw_set_out_open(c, i, e->dtype));
    if (e->rank == FW_RANK_UNKNOWN)
        return FW_OK;
    FW_TRY(fw_set_out(c, i, e->dtype, e->rank, e->dims));
    c->g->tensors[c->node->out[i]].flags |= FW_TENSOR_OPEN;
    return FW_OK;
}

static enum fw_status set_tensor(struct fw_cx *c, const struct element *e)
{
    if (e->rank == FW_RANK_UNKNOWN)
        return fw_set_out_unknown(c, 0, e->dtype, FW_RANK_UNKNOWN);
    return fw_set_out(c, 0, e->dtype, e->rank, e->dims);
}

/* How a SplitToSequence cuts: parts of one size, the last perhaps smaller, or a list of sizes. */
struct parts {
    unsigned axis;
    fw_dim d;           // the size that is cut
    fw_dim size;        // of every part but the last, when list is NULL; bad = unknown
    fw_dim n;           // number of parts; bad = unknown
    const fw_dim *list; // (n_list) sizes, or NULL
    uint32_t n_list;
    bool drop; // keepdims = 0 and no sizes: the axis goes
};

static enum fw_status parts_of(struct fw_cx *c, const struct fw_node *node, struct parts *ret)
{
    const struct fw_tensor *x = fw_tensor_at(c->g, node->in[0]);
    struct parts p = {.size = fw_dim_int(1), .n = fw_dim_bad()};
    FW_TRY(fw_norm_axis(c, node->attr[AXIS].i, x->rank, &p.axis));
    p.d = x->dims[p.axis];
    const struct fw_tensor *split = node->n_in > 1 ? fw_tensor_at(c->g, node->in[1]) : NULL;
    p.drop = split == NULL && node->attr[KEEPDIMS].i == 0;
    if (split != NULL) {
        uint32_t n = 0;
        const fw_dim *v = fw_tensor_value(c->g, node->in[1], &n);
        split = fw_tensor_at(c->g, node->in[1]);
        p.size = v != NULL && split->rank == 0 ? v[0] : fw_dim_bad();
        if (split->rank == 1) {
            p.n = split->dims[0];
            p.list = v;
            p.n_list = n;
        }
    }
    FW_REQUIRE(!fw_dim_is_const(p.size) || p.size.word > 0, c->err, FW_SHAPE,
               "a part of at least 1 is wanted, found %" PRId64, p.size.word);
    if (!fw_dim_is_bad(p.size))
        p.n = fw_dim_ceil_div(c->sym, p.d, p.size);
    *ret = p;
    return FW_OK;
}

/* The node that made a sequence, or NULL. */
static const struct fw_node *maker(const struct fw_cx *c, uint32_t id)
{
    uint32_t node = id == FW_NONE ? FW_NONE : c->g->tensors[id].producer;
    return node == FW_NONE ? NULL : &c->g->nodes[node];
}

static bool position_of(struct fw_cx *c, uint32_t id, int64_t *ret)
{
    uint32_t n = 0;
    const fw_dim *v = fw_tensor_value(c->g, id, &n);
    if (v == NULL || n != 1 || !fw_dim_is_const(v[0]))
        return false;
    *ret = v[0].word;
    return true;
}

/* Number of elements; bad when it is not known. */
static fw_dim length_of(struct fw_cx *c, uint32_t id)
{
    int64_t more = 0;
    for (int step = 0; step < MAX_STEPS; step++) {
        const struct fw_node *node = maker(c, id);
        struct parts p;
        if (node == NULL)
            break;
        if (node->op == &rows[CONSTRUCT])
            return fw_dim_int(node->n_in + more);
        if (node->op == &rows[EMPTY])
            return fw_dim_int(more);
        if (node->op == &rows[SPLIT]) {
            const struct fw_tensor *x = fw_tensor_at(c->g, node->in[0]);
            if (x->rank == FW_RANK_UNKNOWN || parts_of(c, node, &p) != FW_OK)
                break;
            return fw_dim_is_bad(p.n) ? p.n : fw_dim_add(c->sym, p.n, fw_dim_int(more));
        }
        if (node->op != &rows[INSERT] && node->op != &rows[ERASE])
            break;
        more += node->op == &rows[INSERT] ? 1 : -1;
        id = node->in[0];
    }
    return fw_dim_bad();
}

/* Part number pos of a split. */
static bool part_at(struct fw_cx *c, const struct fw_node *node, int64_t pos, struct element *ret)
{
    struct parts p;
    const struct fw_tensor *x = fw_tensor_at(c->g, node->in[0]);
    if (x->rank == FW_RANK_UNKNOWN || parts_of(c, node, &p) != FW_OK)
        return false;
    *ret = element_of(x);
    if (p.drop) {
        ret->rank--;
        for (unsigned k = p.axis; k < ret->rank; k++)
            ret->dims[k] = ret->dims[k + 1];
        return true;
    }
    if (p.list != NULL) {
        if (pos < 0)
            pos += p.n_list;
        if (pos < 0 || pos >= p.n_list)
            return false;
        ret->dims[p.axis] = p.list[pos];
        return true;
    }
    if (fw_dim_is_bad(p.size))
        return false;
    /* What is left for part pos, at most the full size. */
    fw_dim at = pos < 0 ? fw_dim_add(c->sym, p.n, fw_dim_int(pos)) : fw_dim_int(pos);
    fw_dim left = fw_dim_sub(c->sym, p.d, fw_dim_mul(c->sym, at, p.size));
    ret->dims[p.axis] = fw_dim_min(c->sym, p.size, left);
    return !fw_dim_is_const(left) || left.word > 0;
}

/* One step back past an Insert; false when it cannot be decided; *ret_here: it is its element. */
static bool past_insert(struct fw_cx *c, const struct fw_node *node, int64_t *pos, bool *ret_here)
{
    fw_dim before = length_of(c, node->in[0]);
    bool placed = node->n_in > 2 && node->in[2] != FW_NONE;
    int64_t at = 0;
    if ((placed && !position_of(c, node->in[2], &at)) || !fw_dim_is_const(before))
        return false;
    if (!placed)
        at = before.word;
    if (at < 0)
        at += before.word;
    if (*pos < 0)
        *pos += before.word + 1;
    *ret_here = *pos == at;
    if (*pos > at)
        --*pos;
    return *pos >= 0;
}

/* *ret_id: the tensor that was put in, FW_NONE where the element is a part of one. */
static bool element_at(struct fw_cx *c, uint32_t id, int64_t pos, struct element *ret,
                       uint32_t *ret_id)
{
    *ret_id = FW_NONE;
    for (int step = 0; step < MAX_STEPS; step++) {
        const struct fw_node *node = maker(c, id);
        bool here = false;
        if (node == NULL)
            return false;
        if (node->op == &rows[SPLIT])
            return part_at(c, node, pos, ret);
        if (node->op == &rows[CONSTRUCT]) {
            if (pos < 0)
                pos += node->n_in;
            if (pos < 0 || pos >= node->n_in)
                return false;
            *ret_id = node->in[pos];
            *ret = element_of(fw_tensor_at(c->g, *ret_id));
            return true;
        }
        if (node->op != &rows[INSERT] || !past_insert(c, node, &pos, &here))
            return false;
        if (here) {
            *ret_id = node->in[1];
            *ret = element_of(fw_tensor_at(c->g, *ret_id));
            return true;
        }
        id = node->in[0];
    }
    return false;
}

static enum fw_status infer_at(struct fw_cx *c)
{
    int64_t pos;
    struct element e;
    uint32_t id = FW_NONE;
    if (!position_of(c, c->node->in[1], &pos) || !element_at(c, c->node->in[0], pos, &e, &id))
        e = element_of(fw_in(c, 0));
    const uint32_t in[3] = {c->node->in[0], c->node->in[1], id};
    c->node->in = fw_arena_copy(c->g->arena, in, sizeof in);
    if (c->node->in == NULL)
        return fw_fail_memory(c->err);
    c->node->n_in = id == FW_NONE ? 2 : 3;
    return set_tensor(c, &e);
}

/* A sequence has no gradient; an element that is known has that of what was taken out. */
static enum fw_status grad_at(struct fw_grad *gr)
{
    if (gr->cx.node->n_in < 3)
        return fw_grad_gap(gr);
    return fw_grad_needs(gr, 2) ? fw_grad_give(gr, 2, gr->dy[0]) : FW_OK;
}

static enum fw_status infer_construct(struct fw_cx *c)
{
    struct element e = element_of(fw_in(c, 0));
    for (unsigned i = 1; i < c->node->n_in; i++) {
        FW_REQUIRE(fw_has_in(c, i), c->err, FW_FORMAT, "input %u is wanted, it is missing", i);
        struct element other = element_of(fw_in(c, i));
        merge(c, &e, &other);
    }
    return set_sequence(c, 0, &e);
}

static enum fw_status infer_empty(struct fw_cx *c)
{
    return fw_set_out_open(c, 0, fw_dtype_of_number(c->node->attr[0].i));
}

static enum fw_status infer_erase(struct fw_cx *c)
{
    struct element e = element_of(fw_in(c, 0));
    return set_sequence(c, 0, &e);
}

static enum fw_status infer_insert(struct fw_cx *c)
{
    struct element e = element_of(fw_in(c, 1));
    struct element other = element_of(fw_in(c, 0));
    if (!fw_dim_is(length_of(c, c->node->in[0]), 0))
        merge(c, &e, &other);
    return set_sequence(c, 0, &e);
}

static enum fw_status infer_length(struct fw_cx *c)
{
    FW_TRY(fw_set_out(c, 0, FW_I64, 0, NULL));
    fw_dim n = length_of(c, c->node->in[0]);
    return fw_set_value(c, 0, &n, 1);
}

/* The sum of the elements' sizes along the axis; bad when it is not known. */
static fw_dim joined(struct fw_cx *c, unsigned axis, const struct element *e, fw_dim n)
{
    const struct fw_node *node = maker(c, c->node->in[0]);
    struct parts p;
    if (node != NULL && node->op == &rows[SPLIT] && parts_of(c, node, &p) == FW_OK && !p.drop &&
        p.axis == axis)
        return p.d;
    if (!fw_dim_is_const(n) || n.word > MAX_STEPS)
        return fw_dim_is_const(e->dims[axis]) ? fw_dim_mul(c->sym, n, e->dims[axis]) : fw_dim_bad();
    fw_dim sum = fw_dim_int(0);
    for (int64_t k = 0; k < n.word; k++) {
        struct element each;
        uint32_t id;
        if (!element_at(c, c->node->in[0], k, &each, &id) || each.rank != e->rank)
            return fw_dim_bad();
        sum = fw_dim_add(c->sym, sum, each.dims[axis]);
    }
    return sum;
}

static enum fw_status infer_concat(struct fw_cx *c)
{
    struct element e = element_of(fw_in(c, 0));
    const struct fw_attr *attr = c->node->attr;
    if (e.rank == FW_RANK_UNKNOWN)
        return set_tensor(c, &e);
    unsigned axis;
    bool stack = attr[NEW_AXIS].i != 0;
    fw_dim n = length_of(c, c->node->in[0]);
    FW_WITHIN(c->g->arena->alloc, FW_MOST_dims, e.rank + stack, -1, c->err);
    FW_TRY(fw_norm_axis(c, attr[AXIS].i, e.rank + stack, &axis));
    if (stack) {
        for (unsigned k = e.rank++; k > axis; k--)
            e.dims[k] = e.dims[k - 1];
        e.dims[axis] = n;
    } else {
        e.dims[axis] = joined(c, axis, &e, n);
    }
    if (fw_dim_is_bad(e.dims[axis]))
        e.dims[axis] = fw_fresh_dim(c, "joined", fw_dim_bad());
    return set_tensor(c, &e);
}

static enum fw_status infer_split(struct fw_cx *c)
{
    struct element e = element_of(fw_in(c, 0));
    struct parts p;
    if (e.rank == FW_RANK_UNKNOWN)
        return set_sequence(c, 0, &e);
    FW_TRY(parts_of(c, c->node, &p));
    struct element first;
    if (!part_at(c, c->node, 0, &first)) {
        e.dims[p.axis] = fw_fresh_dim(c, "part", p.d);
        return set_sequence(c, 0, &e);
    }
    bool even = p.drop || fw_dim_is(p.size, 1);
    if (!even && p.list == NULL)
        even = fw_dim_eq(fw_dim_mul(c->sym, p.n, p.size), p.d);
    if (p.list != NULL) {
        even = true;
        for (uint32_t k = 1; k < p.n_list; k++)
            even = even && fw_dim_eq(p.list[k], p.list[0]);
    }
    if (!even)
        first.dims[p.axis] = fw_fresh_dim(c, "part", p.list == NULL ? p.size : p.d);
    return set_sequence(c, 0, &first);
}

static void cost_split(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bytes(c, cost, FW_READ, fw_in(c, 0));
    fw_cost_bytes(c, cost, FW_WRITE, fw_in(c, 0));
}

static void cost_concat(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_bytes(c, cost, FW_READ, fw_out(c, 0));
    fw_cost_bytes(c, cost, FW_WRITE, fw_out(c, 0));
}

static enum fw_status infer_optional(struct fw_cx *c)
{
    if (!fw_has_in(c, 0))
        return fw_set_out_open(c, 0, FW_UNKNOWN);
    struct element e = element_of(fw_in(c, 0));
    return set_sequence(c, 0, &e);
}

/* What was put in; of an optional that came from elsewhere only what stands on it is known. */
static enum fw_status infer_get(struct fw_cx *c)
{
    uint32_t id = c->node->in[0];
    const struct fw_node *node = maker(c, id);
    if (node != NULL && node->op == &rows[OPTIONAL] && node->n_in > 0 && node->in[0] != FW_NONE)
        id = node->in[0];
    const struct fw_tensor *t = fw_tensor_at(c->g, id);
    struct element e = element_of(t);
    bool declared = fw_has_out(c, 0) && (fw_out(c, 0)->flags & FW_TENSOR_OPTIONAL_SHAPE);
    bool unseen = (t->flags & FW_TENSOR_OPEN) && e.rank == FW_RANK_UNKNOWN && !declared;
    if ((id != c->node->in[0] && (t->flags & FW_TENSOR_OPEN)) || unseen)
        return set_sequence(c, 0, &e); // nothing says that it is no sequence
    FW_TRY(set_tensor(c, &e));
    uint32_t n = 0;
    const fw_dim *v = t->value != NULL ? fw_tensor_value(c->g, id, &n) : NULL;
    return v == NULL ? FW_OK : fw_set_value(c, 0, v, n);
}

/* Known when the input is left out, a plain tensor, or made by Optional here. */
static enum fw_status infer_has(struct fw_cx *c)
{
    FW_TRY(fw_set_out(c, 0, FW_BOOL, 0, NULL));
    fw_dim has = fw_dim_int(fw_has_in(c, 0));
    if (fw_has_in(c, 0)) {
        const struct fw_node *node = maker(c, c->node->in[0]);
        if (node != NULL && node->op == &rows[OPTIONAL])
            has = fw_dim_int(node->n_in > 0 && node->in[0] != FW_NONE);
        else if (fw_in(c, 0)->rank == FW_RANK_UNKNOWN || (fw_in(c, 0)->flags & FW_TENSOR_OPEN))
            return FW_OK;
    }
    return fw_set_value(c, 0, &has, 1);
}

#define NO_BYTES "no arithmetic, no bytes: elements are handed over"
#define GAP_DOC "not built (named as missing)"
#define TAKES_ANY FW_OP_UNKNOWN_OK | FW_OP_OPEN_OK | FW_OP_OWN_BYTES
#define SEQUENCE_ROW(in_min, in_max)                                                   \
    .domain = "", .formula = NO_BYTES, .doc = GAP_DOC, FW_PORTS(in_min, in_max, 1, 1), \
    .flags = TAKES_ANY, .cost = fw_cost_free, .grad = fw_grad_gap
#define QUESTION_ROW(in_min)                                                                  \
    .domain = "", .formula = NO_BYTES, .doc = "none: not a float", FW_PORTS(in_min, 1, 1, 1), \
    .flags = TAKES_ANY, .shape_only = 1, .cost = fw_cost_free, .grad = fw_grad_none

FW_KERNELS(sequence_at, sequence_construct, sequence_empty, sequence_erase, sequence_insert);
FW_KERNELS(sequence_length, sequence_concat, sequence_split, optional, optional_get, optional_has);

static const struct fw_op rows[N_ROWS] = {
    /* The third input is what inference found to be the element; no file has it. */
    [AT] = {.name = "SequenceAt",
            .domain = "",
            .formula = NO_BYTES,
            .doc = "dElement = dY where the element is known, else not built (named as missing)",
            FW_PORTS(2, 3, 1, 1),
            .flags = TAKES_ANY,
            .infer = infer_at,
            .field = fw_field_whole,
            .cost = fw_cost_free,
            .grad = grad_at,
            FW_RUN(sequence_at)},
    [CONSTRUCT] = {.name = "SequenceConstruct",
                   SEQUENCE_ROW(1, FW_ANY_NUMBER),
                   .infer = infer_construct,
                   .field = fw_field_whole,
                   FW_RUN(sequence_construct)},
    [EMPTY] = {.name = "SequenceEmpty",
               .domain = "",
               .formula = NO_BYTES,
               .doc = "none: it holds nothing",
               FW_ATTRS(empty_attrs),
               FW_PORTS(0, 0, 1, 1),
               .flags = FW_OP_OWN_BYTES,
               .infer = infer_empty,
               .field = fw_field_whole,
               .cost = fw_cost_free,
               .grad = fw_grad_none,
               FW_RUN(sequence_empty)},
    [ERASE] = {.name = "SequenceErase",
               SEQUENCE_ROW(1, 2),
               .infer = infer_erase,
               .field = fw_field_whole,
               FW_RUN(sequence_erase)},
    [INSERT] = {.name = "SequenceInsert",
                SEQUENCE_ROW(2, 3),
                .infer = infer_insert,
                .field = fw_field_whole,
                FW_RUN(sequence_insert)},
    [LENGTH] = {.name = "SequenceLength",
                QUESTION_ROW(1),
                .infer = infer_length,
                .field = fw_field_whole,
                FW_RUN(sequence_length)},
    [CONCAT] = {.name = "ConcatFromSequence",
                .domain = "",
                .formula = "no arithmetic: reads and writes Y",
                .doc = GAP_DOC,
                FW_ATTRS(concat_attrs),
                FW_PORTS(1, 1, 1, 1),
                .flags = TAKES_ANY,
                .infer = infer_concat,
                .field = fw_field_whole,
                .cost = cost_concat,
                .grad = fw_grad_gap,
                FW_RUN(sequence_concat)},
    [SPLIT] = {.name = "SplitToSequence",
               .domain = "",
               .formula = "no arithmetic: reads and writes X",
               .doc = GAP_DOC,
               FW_ATTRS(split_attrs),
               FW_PORTS(1, 2, 1, 1),
               .flags = TAKES_ANY,
               .infer = infer_split,
               .field = fw_field_whole,
               .cost = cost_split,
               .grad = fw_grad_gap,
               FW_RUN(sequence_split)},
    [OPTIONAL] = {.name = "Optional",
                  SEQUENCE_ROW(0, 1),
                  .infer = infer_optional,
                  .field = fw_field_whole,
                  FW_RUN(optional)},
    [GET_ELEMENT] = {.name = "OptionalGetElement",
                     SEQUENCE_ROW(1, 1),
                     .infer = infer_get,
                     .field = fw_field_whole,
                     FW_RUN(optional_get)},
    [HAS_ELEMENT] = {.name = "OptionalHasElement",
                     QUESTION_ROW(0),
                     .infer = infer_has,
                     .field = fw_field_whole,
                     FW_RUN(optional_has)},
};
const struct fw_op_table fw_ops_sequence = {rows, N_ROWS};
