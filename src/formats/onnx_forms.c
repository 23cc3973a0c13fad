/* Older forms of operators, brought into the newest one, which is what the rows describe.
 *
 * Each line: operator, versions of the default domain that have the form, what to do. Lines of one
 * operator stand together and are applied in their order. Forms that differ from the newest only by
 * attributes that mean nothing for it (consumed_inputs, is_test ...) need no line;
 * tools/check_forms.py compares this table with the standard's own history. */
#include "formats/onnx.h"

#include <inttypes.h>
#include <string.h>

/* ---- inputs ---- */

/* Puts tensor id at input `place`, inputs before it that are missing being left out. */
static enum fw_status put_input(struct fw_onnx *rd, struct fw_onnx_node *node, uint32_t place,
                                uint32_t id)
{
    while (node->in.n <= place)
        FW_TRY(fw_onnx_port_push(rd, &node->in, FW_NONE));
    node->in.v[place].id = id;
    return FW_OK;
}

static bool has_input(const struct fw_onnx_node *node, uint32_t place)
{
    return place < node->in.n && node->in.v[place].id != FW_NONE;
}

static enum fw_status wrong_type(struct fw_onnx *rd, const struct fw_onnx_node *node,
                                 const struct fw_onnx_attr *a, const char *want)
{
    return fw_onnx_node_fail(rd, node, FW_FORMAT, "attribute '%.*s' of type %s is wanted, found %s",
                             (int)(a->name.len < 60 ? a->name.len : 60), a->name.s, want,
                             fw_onnx_type_names[a->type]);
}

/* A list, or a single number as a list of one (text "scalar": without a dimension). Absent: the
 * input stays absent. number: the input's place. */
static enum fw_status to_input(struct fw_onnx *rd, struct fw_onnx_node *node,
                               const struct fw_onnx_form *form)
{
    const struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    uint32_t place = (uint32_t)form->number;
    struct fw_graph *g = node->scope->g;
    uint32_t id;
    const int64_t *ints;
    const double *floats;
    if (a == NULL || has_input(node, place))
        return FW_OK;
    bool scalar = form->text != NULL;
    switch (a->type) {
    case FW_ONNX_INTS:
        FW_TRY(fw_onnx_attr_ints(rd, a, &ints));
        FW_TRY(fw_onnx_ints(rd, g, ints, a->n, 1, &id));
        break;
    case FW_ONNX_INT:
        FW_TRY(fw_onnx_ints(rd, g, &a->i, 1, scalar ? 0 : 1, &id));
        break;
    case FW_ONNX_FLOATS:
        FW_TRY(fw_onnx_attr_floats(rd, a, &floats));
        FW_TRY(fw_onnx_floats(rd, g, floats, a->n, 1, &id));
        break;
    case FW_ONNX_FLOAT:
        FW_TRY(fw_onnx_floats(rd, g, &a->f, 1, scalar ? 0 : 1, &id));
        break;
    default:
        return wrong_type(rd, node, a, "number or numbers");
    }
    return put_input(rd, node, place, id);
}

/* DFT: the axis had another default before it became an input. */
static enum fw_status dft_axis(struct fw_onnx *rd, struct fw_onnx_node *node,
                               const struct fw_onnx_form *form)
{
    const struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    int64_t axis = a != NULL ? a->i : 1;
    uint32_t id;
    if (a != NULL && a->type != FW_ONNX_INT)
        return wrong_type(rd, node, a, "int");
    FW_TRY(fw_onnx_ints(rd, node->scope->g, &axis, 1, 0, &id));
    return put_input(rd, node, (uint32_t)form->number, id);
}

/* Resize: scales and roi had to be given, with no elements where they did not count. */
static enum fw_status drop_empty(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_onnx_form *form)
{
    (void)rd;
    uint32_t place = (uint32_t)form->number;
    if (!has_input(node, place))
        return FW_OK;
    const struct fw_tensor *t = &node->scope->g->tensors[node->in.v[place].id];
    if (t->kind == FW_KIND_INITIALIZER && t->rank == 1 && fw_dim_is(t->dims[0], 0))
        node->in.v[place].id = FW_NONE;
    return FW_OK;
}

/* ---- attributes ---- */

static enum fw_status default_int(struct fw_onnx *rd, struct fw_onnx_node *node,
                                  const struct fw_onnx_form *form)
{
    if (fw_onnx_attr_find(node, form->attr) != NULL)
        return FW_OK;
    struct fw_onnx_attr a = {
        .name = fw_onnx_word(form->attr), .type = FW_ONNX_INT, .i = form->number};
    return fw_onnx_attr_add(rd, node, &a);
}

static enum fw_status set_string(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_onnx_form *form)
{
    struct fw_onnx_attr a = {
        .name = fw_onnx_word(form->attr), .type = FW_ONNX_STRING, .s = fw_onnx_word(form->text)};
    struct fw_onnx_attr *old = fw_onnx_attr_find(node, form->attr);
    if (old == NULL)
        return fw_onnx_attr_add(rd, node, &a);
    *old = a;
    return FW_OK;
}

/* "old=new": another word for the same value. */
static enum fw_status new_word(struct fw_onnx *rd, struct fw_onnx_node *node,
                               const struct fw_onnx_form *form)
{
    (void)rd;
    struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    const char *eq = strchr(form->text, '=');
    struct fw_onnx_text old = {form->text, (size_t)(eq - form->text)};
    if (a != NULL && a->type == FW_ONNX_STRING && fw_onnx_same(a->s, old))
        a->s = fw_onnx_word(eq + 1);
    return FW_OK;
}

static enum fw_status rename_attr(struct fw_onnx *rd, struct fw_onnx_node *node,
                                  const struct fw_onnx_form *form)
{
    (void)rd;
    struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    if (a != NULL)
        a->name = fw_onnx_word(form->text);
    return FW_OK;
}

/* p of LpPool was a float. */
static enum fw_status to_int(struct fw_onnx *rd, struct fw_onnx_node *node,
                             const struct fw_onnx_form *form)
{
    struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    if (a == NULL || a->type != FW_ONNX_FLOAT)
        return FW_OK;
    if (!(a->f >= 0 && a->f < 1e9) || (double)(int64_t)a->f != a->f)
        return fw_onnx_node_fail(rd, node, FW_UNSUPPORTED,
                                 "attribute '%s': a whole number is "
                                 "wanted, found %g",
                                 form->attr, a->f);
    a->i = (int64_t)a->f;
    a->type = FW_ONNX_INT;
    return FW_OK;
}

/* Cast named its type. */
static enum fw_status type_number(struct fw_onnx *rd, struct fw_onnx_node *node,
                                  const struct fw_onnx_form *form)
{
    static const char *const names[] = {
        "UNDEFINED", "FLOAT", "UINT8",   "INT8",   "UINT16", "INT16",  "INT32",     "INT64",
        "STRING",    "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128"};
    struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    if (a == NULL || a->type != FW_ONNX_STRING)
        return FW_OK;
    for (unsigned i = 1; i < sizeof names / sizeof *names; i++)
        if (fw_onnx_is(a->s, names[i])) {
            a->type = FW_ONNX_INT;
            a->i = i;
            return FW_OK;
        }
    return fw_onnx_node_fail(rd, node, FW_FORMAT,
                             "attribute '%s': an element type's name is "
                             "wanted, found '%.*s'",
                             form->attr, (int)(a->s.len < 40 ? a->s.len : 40), a->s.s);
}

/* Split without sizes: as many equal parts as there are outputs. */
static enum fw_status count_outputs(struct fw_onnx *rd, struct fw_onnx_node *node,
                                    const struct fw_onnx_form *form)
{
    struct fw_onnx_form as_int = *form;
    as_int.number = node->out.n;
    return has_input(node, 1) ? FW_OK : default_int(rd, node, &as_int);
}

/* ---- operators ---- */

static enum fw_status rename_op(struct fw_onnx *rd, struct fw_onnx_node *node,
                                const struct fw_onnx_form *form)
{
    return fw_onnx_row_find(rd, fw_onnx_word(""), fw_onnx_word(form->text), &node->row);
}

/* Forms that no row describes stay in the report as what they are: not counted. */
static enum fw_status no_rule(struct fw_onnx *rd, struct fw_onnx_node *node,
                              const struct fw_onnx_form *form)
{
    const char *name = fw_arena_printf(&rd->m->arena, "%s (old form)", form->op);
    if (name == NULL)
        return fw_fail_memory(rd->err);
    return fw_onnx_row_find(rd, fw_onnx_word(""), fw_onnx_word(name), &node->row);
}

static enum fw_status no_rule_if(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_onnx_form *form)
{
    const struct fw_onnx_attr *a = fw_onnx_attr_find(node, form->attr);
    bool is = a != NULL && a->type == FW_ONNX_INT && a->i == form->number;
    return is ? no_rule(rd, node, form) : FW_OK;
}

static enum fw_status constant(struct fw_onnx *rd, struct fw_onnx_node *node,
                               const struct fw_onnx_form *form)
{
    (void)form;
    node->done = true;
    return fw_onnx_constant(rd, node);
}

/* A node beside this one, under its name: row(in...) -> one new tensor, or `out` where given. */
static enum fw_status beside(struct fw_onnx *rd, const struct fw_onnx_node *node,
                             struct fw_onnx_row *row, const uint32_t *in, uint32_t n_in,
                             const struct fw_onnx_attr *attr, uint32_t *out)
{
    struct fw_onnx_node extra = {
        .scope = node->scope, .row = row, .op = node->op, .name = node->name, .at = node->at};
    extra.in.v = extra.in.small;
    extra.out.v = extra.out.small;
    extra.attrs.v = extra.attrs.small;
    extra.in.cap = extra.out.cap = extra.attrs.cap = FW_ONNX_SMALL;
    for (uint32_t i = 0; i < n_in; i++)
        FW_TRY(fw_onnx_port_push(rd, &extra.in, in[i]));
    if (*out == FW_NONE)
        FW_TRY(fw_graph_tensor(node->scope->g, NULL, FW_KIND_ACTIVATION, FW_UNKNOWN,
                               FW_RANK_UNKNOWN, NULL, out, rd->err));
    FW_TRY(fw_onnx_port_push(rd, &extra.out, *out));
    if (attr != NULL)
        FW_TRY(fw_onnx_attr_add(rd, &extra, attr));
    return fw_onnx_node_append(rd, &extra);
}

/* broadcast=1, axis=k: operand B stands at axis k of A (see ops/align.c). Without an axis it stands
 * at the end, as today. number: the axis of an operator that has only one. */
static enum fw_status align(struct fw_onnx *rd, struct fw_onnx_node *node,
                            const struct fw_onnx_form *form)
{
    int64_t axis = form->number;
    if (form->attr != NULL) {
        const struct fw_onnx_attr *on = fw_onnx_attr_find(node, form->attr);
        const struct fw_onnx_attr *at = fw_onnx_attr_find(node, "axis");
        if (on == NULL || on->i == 0 || at == NULL)
            return FW_OK;
        axis = at->i;
    }
    if (!has_input(node, 0) || !has_input(node, 1))
        return FW_OK; // the check of arity says it better
    struct fw_onnx_row *row;
    FW_TRY(fw_onnx_row_internal(rd, "AlignAxis", &row));
    struct fw_onnx_attr a = {.name = fw_onnx_word("axis"), .type = FW_ONNX_INT, .i = axis};
    uint32_t in[2] = {node->in.v[1].id, node->in.v[0].id};
    uint32_t aligned = FW_NONE;
    FW_TRY(beside(rd, node, row, in, 2, &a, &aligned));
    node->in.v[1].id = aligned;
    return FW_OK;
}

/* Softmax and its like worked on a matrix: everything from `axis` on was one row. Unless that is
 * the last axis anyway: Flatten, the operator along the last axis, and the old shape again. */
static enum fw_status as_matrix(struct fw_onnx *rd, struct fw_onnx_node *node,
                                const struct fw_onnx_form *form)
{
    const struct fw_onnx_attr *a = fw_onnx_attr_find(node, "axis");
    int64_t axis = a != NULL && a->type == FW_ONNX_INT ? a->i : 1;
    if (node->in.n != 1 || node->in.v[0].id == FW_NONE || node->out.n != 1)
        return FW_OK;
    const struct fw_tensor *x = &node->scope->g->tensors[node->in.v[0].id];
    const struct fw_tensor *y = &node->scope->g->tensors[node->out.v[0].id];
    unsigned rank = x->rank != FW_RANK_UNKNOWN ? x->rank : y->rank;
    struct fw_onnx_attr last = {.name = fw_onnx_word("axis"), .type = FW_ONNX_INT, .i = -1};
    if (axis == -1 || (rank != FW_RANK_UNKNOWN && axis == (int64_t)rank - 1))
        return a == NULL ? fw_onnx_attr_add(rd, node, &last) : FW_OK;
    struct fw_onnx_row *flatten;
    struct fw_onnx_row *reshape;
    FW_TRY(fw_onnx_row_find(rd, fw_onnx_word(""), fw_onnx_word("Flatten"), &flatten));
    FW_TRY(fw_onnx_row_internal(rd, "ReshapeLike", &reshape));
    struct fw_onnx_attr at = {.name = fw_onnx_word("axis"), .type = FW_ONNX_INT, .i = axis};
    uint32_t in[2] = {node->in.v[0].id, FW_NONE};
    uint32_t ids[2] = {FW_NONE, FW_NONE};
    FW_TRY(beside(rd, node, flatten, in, 1, &at, &ids[0]));
    FW_TRY(beside(rd, node, node->row, ids, 1, &last, &ids[1]));
    in[1] = in[0];
    in[0] = ids[1];
    node->done = true;
    (void)form;
    return beside(rd, node, reshape, in, 2, NULL, &node->out.v[0].id);
}

/* BatchNormalization told its mode by its outputs: more than one meant training. The saved mean and
 * variance, which only the backward pass read, are today's running ones under another name. */
static enum fw_status norm_mode(struct fw_onnx *rd, struct fw_onnx_node *node,
                                const struct fw_onnx_form *form)
{
    struct fw_onnx_row *identity;
    if (node->out.n <= 1)
        return FW_OK;
    FW_TRY(fw_onnx_row_find(rd, fw_onnx_word(""), fw_onnx_word("Identity"), &identity));
    for (uint32_t i = 3; i < node->out.n && i < 5; i++) {
        uint32_t *running = &node->out.v[i - 2].id;
        if (node->out.v[i].id == FW_NONE)
            continue;
        if (*running == FW_NONE)
            FW_TRY(fw_graph_tensor(node->scope->g, NULL, FW_KIND_ACTIVATION, FW_UNKNOWN,
                                   FW_RANK_UNKNOWN, NULL, running, rd->err));
        FW_TRY(beside(rd, node, identity, running, 1, NULL, &node->out.v[i].id));
    }
    if (node->out.n > 3 && node->out.n <= 5)
        node->out.n = 3;
    return default_int(rd, node, form);
}

/* Upsample of version 1 gave two factors. */
static enum fw_status two_scales(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_onnx_form *form)
{
    const struct fw_onnx_attr *h = fw_onnx_attr_find(node, "height_scale");
    const struct fw_onnx_attr *w = fw_onnx_attr_find(node, "width_scale");
    if (h == NULL || w == NULL || h->type != FW_ONNX_FLOAT || w->type != FW_ONNX_FLOAT)
        return fw_onnx_node_fail(
            rd, node, FW_FORMAT,
            "attributes height_scale and width_scale of type float are wanted");
    double scales[4] = {1, 1, h->f, w->f};
    uint32_t id;
    FW_TRY(fw_onnx_floats(rd, node->scope->g, scales, 4, 1, &id));
    return put_input(rd, node, (uint32_t)form->number, id);
}

/* Input 1 was scales; a region stands before it now. */
static enum fw_status move_scales(struct fw_onnx *rd, struct fw_onnx_node *node,
                                  const struct fw_onnx_form *form)
{
    if (!has_input(node, 1))
        return FW_OK;
    FW_TRY(put_input(rd, node, (uint32_t)form->number, node->in.v[1].id));
    node->in.v[1].id = FW_NONE;
    return FW_OK;
}

/* ---- the table ---- */

#define REDUCE(name, to)                       \
    {                                          \
        name, 1, to, to_input, "axes", NULL, 1 \
    }
#define BROADCAST(name)                         \
    {                                           \
        name, 1, 6, align, "broadcast", NULL, 0 \
    }

static const struct fw_onnx_form forms[] = {
    BROADCAST("Add"),
    BROADCAST("And"),
    {"BatchNormalization", 1, 13, norm_mode, "training_mode", NULL, 1},
    {"BatchNormalization", 1, 8, no_rule_if, "spatial", NULL, 0},
    {"Cast", 1, 5, type_number, "to", NULL, 0},
    {"Clip", 1, 10, to_input, "min", "scalar", 1},
    {"Clip", 1, 10, to_input, "max", "scalar", 2},
    {"Concat", 1, 3, default_int, "axis", NULL, 1},
    {"Constant", 1, 0, constant, NULL, NULL, 0},
    {"DFT", 17, 19, dft_axis, "axis", NULL, 2},
    BROADCAST("Div"),
    {"Dropout", 1, 11, to_input, "ratio", "scalar", 1},
    BROADCAST("Equal"),
    {"GlobalLpPool", 1, 1, to_int, "p", NULL, 0},
    BROADCAST("Greater"),
    {"GridSample", 16, 19, new_word, "mode", "bilinear=linear", 0},
    {"GridSample", 16, 19, new_word, "mode", "bicubic=cubic", 0},
    {"Hardmax", 1, 12, as_matrix, "axis", NULL, 1},
    BROADCAST("Less"),
    {"LogSoftmax", 1, 12, as_matrix, "axis", NULL, 1},
    {"LpPool", 1, 1, to_int, "p", NULL, 0},
    BROADCAST("Mul"),
    BROADCAST("Or"),
    {"PRelu", 1, 6, align, NULL, NULL, 1},
    {"Pad", 1, 1, rename_attr, "paddings", "pads", 0},
    {"Pad", 1, 10, to_input, "pads", NULL, 1},
    {"Pad", 1, 10, to_input, "value", "scalar", 2},
    BROADCAST("Pow"),
    REDUCE("ReduceL1", 17),
    REDUCE("ReduceL2", 17),
    REDUCE("ReduceLogSum", 17),
    REDUCE("ReduceLogSumExp", 17),
    REDUCE("ReduceMax", 17),
    REDUCE("ReduceMean", 17),
    REDUCE("ReduceMin", 17),
    REDUCE("ReduceProd", 17),
    REDUCE("ReduceSum", 12),
    REDUCE("ReduceSumSquare", 17),
    {"Reshape", 1, 4, to_input, "shape", NULL, 1},
    {"Resize", 10, 10, move_scales, NULL, NULL, 2},
    {"Resize", 10, 10, set_string, "coordinate_transformation_mode", "asymmetric", 0},
    {"Resize", 10, 10, set_string, "nearest_mode", "floor", 0},
    {"Resize", 11, 12, drop_empty, NULL, NULL, 1},
    {"Resize", 11, 12, drop_empty, NULL, NULL, 2},
    {"Scan", 8, 8, no_rule, NULL, NULL, 0},
    {"Scatter", 1, 0, rename_op, NULL, "ScatterElements", 0},
    {"Slice", 1, 9, to_input, "starts", NULL, 1},
    {"Slice", 1, 9, to_input, "ends", NULL, 2},
    {"Slice", 1, 9, to_input, "axes", NULL, 3},
    {"Softmax", 1, 12, as_matrix, "axis", NULL, 1},
    {"Split", 1, 12, to_input, "split", NULL, 1},
    {"Split", 1, 17, count_outputs, "num_outputs", NULL, 0},
    {"Squeeze", 1, 12, to_input, "axes", NULL, 1},
    BROADCAST("Sub"),
    {"Tile", 1, 5, no_rule, NULL, NULL, 0},
    {"TopK", 1, 9, to_input, "k", NULL, 1},
    {"Unsqueeze", 1, 12, to_input, "axes", NULL, 1},
    {"Upsample", 1, 6, two_scales, NULL, NULL, 1},
    {"Upsample", 7, 8, to_input, "scales", NULL, 1},
    {"Upsample", 1, 0, move_scales, NULL, NULL, 2},
    {"Upsample", 1, 0, set_string, "coordinate_transformation_mode", "asymmetric", 0},
    {"Upsample", 1, 0, set_string, "nearest_mode", "floor", 0},
    {"Upsample", 1, 0, new_word, "mode", "bilinear=linear", 0},
    {"Upsample", 1, 0, rename_op, NULL, "Resize", 0},
    BROADCAST("Xor"),
};

void fw_onnx_forms_of(const char *domain, const char *name, struct fw_onnx_row *row)
{
    row->forms = NULL;
    row->n_forms = 0;
    if (domain[0] != '\0')
        return;
    for (uint32_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].op, name) != 0)
            continue;
        if (row->n_forms++ == 0)
            row->forms = &forms[i];
        row->stores = row->stores || forms[i].apply == constant;
    }
}
