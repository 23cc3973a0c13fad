/* Broadcasting of the first versions of the standard: operand B stands at a given axis of A.
 *
 * AlignAxis(B, A) is B seen with ones behind, so that the trailing alignment of today's rows puts
 * it where `axis` said: (C) at axis 1 of an (N, C, H, W) tensor becomes (C, 1, 1). The rank of A is
 * only known once shapes are, hence a row of its own. */
#include "ops/op.h"
#include "ops/ops.h"

enum { AXIS };
static const struct fw_attr_spec attrs[] = {
    {"axis", FW_ATTR_INT, true, {.i = 0}},
};

static enum fw_status infer(struct fw_cx *c)
{
    const struct fw_tensor *b = fw_in(c, 0);
    const struct fw_tensor *a = fw_in(c, 1);
    fw_dim dims[FW_MAX_RANK];
    unsigned axis;
    FW_TRY(fw_norm_axis(c, c->node->attr[AXIS].i, a->rank, &axis));
    FW_REQUIRE(axis + b->rank <= a->rank, c->err, FW_SHAPE,
               "an operand of at most %u dimensions is wanted at axis %u, found %u", a->rank - axis,
               axis, b->rank);
    unsigned rank = a->rank - axis;
    for (unsigned i = 0; i < rank; i++)
        dims[i] = i < b->rank ? b->dims[i] : fw_dim_int(1);
    FW_TRY(fw_set_out(c, 0, (enum fw_dtype)b->dtype, rank, dims));
    uint32_t n;
    const fw_dim *value = fw_in_value(c, 0, &n);
    return value != NULL ? fw_set_value(c, 0, value, n) : FW_OK;
}

static enum fw_status grad(struct fw_grad *gr)
{
    uint32_t in[2] = {gr->dy[0], gr->cx.node->in[0]};
    return fw_grad_node(gr, 0, fw_op_reshape_like, in, 2, NULL);
}

static const struct fw_op rows[] = {
    {.name = "AlignAxis",
     .domain = "flopwise",
     .formula = FW_VIEW_FORMULA,
     .doc = "dB = dY reshaped to the shape of B",
     FW_ATTRS(attrs),
     FW_PORTS(2, 2, 1, 1),
     .flags = FW_OP_VIEW | FW_OP_INTERNAL | FW_OP_MOVE,
     .shape_only = 2,
     .infer = infer,
     .cost = fw_cost_free,
     .grad = grad},
};
const struct fw_op_table fw_ops_align = {rows, sizeof rows / sizeof *rows};
