/* Products with an activation fused behind them, as ONNX Runtime's optimizer writes them.
 *
 * A fused node costs its product plus its activation; the activation's count is that of the unary
 * row of the same name (unary.c). The gradient first takes dY through the activation, which needs
 * only Y, then through the product. Schemas: onnxruntime, contrib operators. */
#include "ops/fused.h"
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/reach.h"

#include <string.h>

/* The activation and its numbers stand together, at .activation in the family. */
enum { ACTIVATION, ALPHA, BETA, GAMMA };
#define ACTIVATION_ATTRS                                      \
    {"activation", FW_ATTR_STRING, false, {.s = ""}},         \
        {"activation_alpha", FW_ATTR_FLOAT, false, {.f = 0}}, \
        {"activation_beta", FW_ATTR_FLOAT, false, {.f = 0}},  \
    {                                                         \
        "activation_gamma", FW_ATTR_FLOAT, false,             \
        {                                                     \
            .f = 0                                            \
        }                                                     \
    }

static const struct fw_attr_spec conv_attrs[] = {
    FW_WINDOW_ATTRS,
    {"group", FW_ATTR_INT, false, {.i = 1}},
    {"activation", FW_ATTR_STRING, false, {.s = ""}},
    {"activation_params", FW_ATTR_FLOATS, false, {.n = 0}},
};
static const struct fw_attr_spec matmul_attrs[] = {
    FW_MATMUL_ATTRS,
    ACTIVATION_ATTRS,
    {"activation_axis", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec gemm_attrs[] = {FW_GEMM_ATTRS, ACTIVATION_ATTRS};
enum { FLOAT8_TYPE = FW_N_GEMM_ATTRS + GAMMA + 1, FLOAT8_SCALES = 3 }; // attribute; first input
static const struct fw_attr_spec float8_attrs[] = {
    FW_GEMM_ATTRS,
    ACTIVATION_ATTRS,
    {"dtype", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec clip_attrs[] = {
    {"min", FW_ATTR_FLOAT, false, {.f = 0}},
    {"max", FW_ATTR_FLOAT, false, {.f = 0}},
};

struct fused {
    struct fw_conv_form conv; // first: conv.c reads a convolution's family
    uint8_t activation;       // attribute
    bool list;                // the numbers of the activation are one list behind it
    void (*cost)(struct fw_cx *c, struct fw_cost *cost);
    enum fw_status (*grad_from)(struct fw_grad *gr, uint32_t dy);
};

enum { CONV, NHWC_CONV, MATMUL, GEMM, GEMM_FLOAT8, CLIP_GRAD, N_ROWS };
static const struct fw_op rows[N_ROWS];

enum {
    MAX_NUMBERS = FW_FUSED_NUMBERS,
    Z = 3
}; // Z: what a fused convolution adds before the activation

struct activation {
    const char *name;
    const struct fw_op *row; // NULL: none, a clip, or not known
    bool known;
    bool clip;
    bool from_y; // its gradient can be had from Y
};

static struct activation find_activation(const struct fw_cx *c)
{
    static const struct {
        const char *name;
        bool from_y;
    } known[] = {{"Relu", true},       {"LeakyRelu", true},       {"Tanh", true},
                 {"Sigmoid", true},    {"HardSigmoid", true},     {"Elu", true},
                 {"Selu", true},       {"Softplus", true},        {"Softsign", true},
                 {"ScaledTanh", true}, {"ThresholdedRelu", true}, {"HardSwish", false},
                 {"Swish", false},     {"Mish", false},           {"Gelu", false}};
    const struct fused *f = c->node->op->family;
    const char *s = fw_attr_at(c, f->activation)->s;
    struct activation a = {.name = s != NULL ? s : ""};
    a.clip = strcmp(a.name, "Clip") == 0;
    if (strcmp(a.name, "NONE") == 0)
        a.name = "";
    else if (strcmp(a.name, "RELU") == 0)
        a.name = "Relu";
    else if (strcmp(a.name, "GELU") == 0)
        a.name = "Gelu";
    a.known = a.clip || a.name[0] == '\0';
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, a.name) == 0) {
            a.row = fw_op_find("", a.name);
            a.known = a.row != NULL && a.row->n_attrs <= MAX_NUMBERS;
            a.from_y = known[i].from_y;
        }
    return a;
}

/* The numbers of the activation in the order of its own row, defaults where none are given. */
static void numbers(const struct fw_cx *c, const struct fw_op *row, struct fw_attr *ret)
{
    const struct fused *f = c->node->op->family;
    for (unsigned k = 0; k < row->n_attrs; k++) {
        ret[k] = row->attrs[k].value;
        const struct fw_attr *from = fw_attr_at(c, f->activation + ALPHA);
        if (f->list) {
            if (k < from->n)
                ret[k] = (struct fw_attr){.f = from->floats[k], .given = true};
            continue;
        }
        char initial = row->attrs[k].name[0];
        unsigned which = initial == 'a' ? ALPHA : initial == 'b' ? BETA : GAMMA;
        from = fw_attr_at(c, f->activation + which);
        if (from->given)
            ret[k] = *from;
    }
}

static void bounds(const struct fw_cx *c, struct fw_attr ret[2])
{
    const struct fused *f = c->node->op->family;
    const struct fw_attr *list = fw_attr_at(c, f->activation + ALPHA);
    for (unsigned k = 0; k < 2; k++)
        ret[k].f = !f->list      ? fw_attr_at(c, f->activation + ALPHA + k)->f
                   : k < list->n ? list->floats[k]
                                 : 0;
}

void fw_fused_activation(const struct fw_cx *c, struct fw_fused_activation *ret)
{
    struct activation a = find_activation(c);
    *ret = (struct fw_fused_activation){.row = a.row, .clip = a.clip, .known = a.known};
    if (a.clip)
        bounds(c, ret->attr);
    else if (a.known && a.row != NULL)
        numbers(c, a.row, ret->attr);
}

static void cost_fused(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fused *f = c->node->op->family;
    fw_count y = fw_elements(c, fw_out(c, 0));
    f->cost(c, cost);
    if (f->conv.z > 0 && fw_has_in(c, Z))
        fw_cost_add(c, cost, FW_ADD, y, 1);
    struct activation a = find_activation(c);
    c->gap = c->gap || !a.known;
    if (a.clip)
        fw_cost_add(c, cost, FW_MINMAX, y, 2);
    if (a.row == NULL || !a.known)
        return;
    struct fw_attr attr[MAX_NUMBERS];
    numbers(c, a.row, attr);
    struct fw_node node = *c->node;
    node.op = a.row;
    node.attr = attr;
    node.n_in = 1;
    struct fw_cx cx = *c;
    cx.node = &node;
    a.row->cost(&cx, cost);
}

/* dY through the activation; *ret_known is false where that cannot be had from Y. */
static enum fw_status through_activation(struct fw_grad *gr, uint32_t *dy, bool *ret_known)
{
    struct activation a = find_activation(&gr->cx);
    uint32_t from[2] = {*dy, gr->cx.node->out[0]};
    struct fw_attr attr[MAX_NUMBERS];
    *ret_known = a.known;
    if (a.clip) {
        bounds(&gr->cx, attr);
        return fw_emit(gr, -1, &rows[CLIP_GRAD], from, 2, attr, dy);
    }
    if (a.row == NULL)
        return FW_OK;
    char name[32];
    size_t len = strlen(a.name);
    memcpy(name, a.name, len); // one of the names known above: all short
    memcpy(name + len, "Grad", sizeof "Grad");
    const struct fw_op *row = fw_op_find("flopwise", name);
    *ret_known = a.from_y && row != NULL;
    if (!*ret_known)
        return FW_OK;
    numbers(&gr->cx, a.row, attr);
    return fw_emit(gr, -1, row, from, 2, row->n_attrs != 0 ? attr : NULL, dy);
}

static enum fw_status grad(struct fw_grad *gr)
{
    const struct fused *f = gr->cx.node->op->family;
    uint32_t dy = gr->dy[0];
    bool known;
    FW_TRY(through_activation(gr, &dy, &known));
    if (!known)
        return fw_grad_gap(gr);
    FW_TRY(f->grad_from(gr, dy));
    return f->conv.z > 0 && fw_grad_needs(gr, Z) ? fw_grad_give(gr, Z, dy) : FW_OK;
}

/* A scale for each of A, B and Y: one factor for every element of the output. */
static void cost_float8(struct fw_cx *c, struct fw_cost *cost)
{
    bool scaled = false;
    for (unsigned i = FLOAT8_SCALES; i < FLOAT8_SCALES + 3; i++)
        scaled = scaled || fw_has_in(c, i);
    cost_fused(c, cost);
    if (scaled)
        fw_cost_add(c, cost, FW_MUL, fw_elements(c, fw_out(c, 0)), 1);
}

static enum fw_status infer_float8(struct fw_cx *c)
{
    FW_TRY(fw_gemm_infer(c));
    enum fw_dtype dtype = fw_dtype_of_number(fw_attr_at(c, FLOAT8_TYPE)->i);
    const struct fw_tensor *y = fw_out(c, 0);
    return fw_set_out(c, 0, dtype, y->rank, y->dims);
}

static void cost_clip_grad(struct fw_cx *c, struct fw_cost *cost)
{
    fw_cost_add(c, cost, FW_MINMAX, fw_elements(c, fw_out(c, 0)), 2);
}

static const struct fused fused_conv = {
    .conv = {.x = 0, .w = 1, .bias = 2, .y = -1, .last = -1, .extra = -1, .z = Z},
    .activation = FW_N_CONV_ATTRS,
    .list = true,
    .cost = fw_conv_cost,
    .grad_from = fw_conv_grad_from,
};
static const struct fused fused_conv_last = {
    .conv = {.x = 0, .w = 1, .bias = 2, .y = -1, .last = -2, .extra = -1, .z = Z},
    .activation = FW_N_CONV_ATTRS,
    .list = true,
    .cost = fw_conv_cost,
    .grad_from = fw_conv_grad_from,
};
static const struct fused fused_matmul = {
    .activation = FW_N_MATMUL_ATTRS,
    .cost = fw_matmul_cost,
    .grad_from = fw_matmul_grad_from,
};
static const struct fused fused_gemm = {
    .activation = FW_N_GEMM_ATTRS,
    .cost = fw_gemm_cost,
    .grad_from = fw_gemm_grad_from,
};

#define FUSED                                                                       \
    .domain = "com.microsoft",                                                      \
    .doc = "dY through the activation (from Y), then as the product; Swish, Mish, " \
           "HardSwish: not known, they need what is not kept",                      \
    .flags = FW_OP_CONTRACTION, .cost = cost_fused, .grad = grad

FW_KERNELS(fused_conv, fused_matmul, fused_gemm, gemm_float8, fused_clip_grad);

static const struct fw_op rows[N_ROWS] = {
    [CONV] = {.name = "FusedConv",
              FUSED,
              .formula = "as Conv, add = elements(Y) with Z, then the activation per element of Y",
              FW_ATTRS(conv_attrs),
              FW_PORTS(2, 4, 1, 1),
              .weight_slots = 6,
              .family = &fused_conv,
              .infer = fw_conv_infer,
              .field = fw_field_conv,
              FW_RUN(fused_conv)},
    [NHWC_CONV] =
        {.name = "NhwcFusedConv",
         FUSED,
         .formula = "as NhwcConv, add = elements(Y) with Z, then the activation per element of Y",
         FW_ATTRS(conv_attrs),
         FW_PORTS(2, 4, 1, 1),
         .weight_slots = 6,
         .family = &fused_conv_last,
         .infer = fw_conv_infer,
         .field = fw_field_conv,
         FW_RUN(fused_conv)},
    [MATMUL] = {.name = "FusedMatMulActivation",
                FUSED,
                .formula = "as FusedMatMul, then the activation per element of Y",
                FW_ATTRS(matmul_attrs),
                FW_PORTS(2, 2, 1, 1),
                .weight_slots = 3,
                .family = &fused_matmul,
                .infer = fw_matmul_infer,
                .field = fw_field_matmul,
                FW_RUN(fused_matmul)},
    [GEMM] = {.name = "FusedGemm",
              FUSED,
              .formula = "as Gemm, then the activation per element of Y",
              FW_ATTRS(gemm_attrs),
              FW_PORTS(2, 3, 1, 1),
              .weight_slots = 7,
              .family = &fused_gemm,
              .infer = fw_gemm_infer,
              .field = fw_field_gemm,
              FW_RUN(fused_gemm)},
    [GEMM_FLOAT8] =
        {.name = "GemmFloat8",
         .domain = "com.microsoft",
         .formula = "as Gemm, mul = elements(Y) with scales, then the activation per element of Y",
         .doc = "not known: runtimes train through the product before it was quantised",
         FW_ATTRS(float8_attrs),
         FW_PORTS(2, 6, 1, 1),
         .flags = FW_OP_CONTRACTION,
         .weight_slots = 7,
         .family = &fused_gemm,
         .infer = infer_float8,
         .field = fw_field_gemm,
         .cost = cost_float8,
         .grad = fw_grad_gap,
         FW_RUN(gemm_float8)},
    [CLIP_GRAD] = {.name = "FusedClipGrad", // (dY, Y)
                   .domain = "flopwise",
                   .formula = "minmax = 2*elements(dY)",
                   .doc = FW_INTERNAL_DOC,
                   FW_ATTRS(clip_attrs),
                   FW_PORTS(2, 2, 1, 1),
                   .flags = FW_OP_INTERNAL,
                   .in_place = 1,
                   .infer = fw_infer_same,
                   .cost = cost_clip_grad,
                   .grad = fw_grad_none,
                   FW_RUN(fused_clip_grad)},
};
const struct fw_op_table fw_ops_fused = {rows, N_ROWS};
