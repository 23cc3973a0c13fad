/* NodeProto: one node, brought into the newest form of its operator, checked against its row. */
#include "formats/onnx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INPUT = 1, OUTPUT = 2, NAME = 3, OP_TYPE = 4, ATTRIBUTE = 5, DOMAIN = 7, OVERLOAD = 8 };

enum fw_status fw_onnx_node_fail(struct fw_onnx *rd, const struct fw_onnx_node *node,
                                 enum fw_status code, const char *fmt, ...)
{
    char text[320];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    int64_t at = node->at >= 0 ? (int64_t)node->at << FW_AT_SHIFT : -1;
    struct fw_onnx_text op = node->op;
    return fw_fail(rd->err, code, at, "node '%.100s' (%.*s): %s",
                   node->name != NULL ? node->name : "", (int)(op.len < 60 ? op.len : 60), op.s,
                   text);
}

enum fw_status fw_onnx_node_limit(struct fw_onnx *rd, const struct fw_onnx_node *node,
                                  enum fw_limit which)
{
    struct fw_error why;
    (void)fw_limit_fail(rd->m->alloc, which, -1, &why);
    return fw_onnx_node_fail(rd, node, FW_LIMIT, "%s", why.message);
}

static enum fw_status push(struct fw_onnx *rd, struct fw_onnx_ports *ports,
                           struct fw_onnx_text name, uint32_t id)
{
    if (ports->n == ports->cap) {
        FW_WITHIN(rd->m->alloc, FW_MOST_ports, ports->cap, -1, rd->err);
        uint32_t cap = ports->cap * 4;
        struct fw_onnx_port *v = fw_arena_array(&rd->m->arena, cap, sizeof *v);
        if (v == NULL)
            return fw_fail_memory(rd->err);
        memcpy(v, ports->v, ports->n * sizeof *v);
        ports->v = v;
        ports->cap = cap;
    }
    ports->v[ports->n++] = (struct fw_onnx_port){name, id};
    return FW_OK;
}

enum fw_status fw_onnx_port_push(struct fw_onnx *rd, struct fw_onnx_ports *ports, uint32_t id)
{
    return push(rd, ports, (struct fw_onnx_text){"", 0}, id);
}

/* ---- reading ---- */

static enum fw_status node_field(struct fw_onnx *rd, const struct fw_pb *pb,
                                 const unsigned char *start, const struct fw_pb_field *f,
                                 struct fw_onnx_node *node)
{
    if (f->number > OVERLOAD || f->number == 6)
        return FW_OK;
    FW_TRY(fw_pb_want(pb, f, FW_PB_LEN, "node", rd->err));
    struct fw_onnx_text text = fw_onnx_text_of(f);
    switch (f->number) {
    case INPUT:
        fw_map_prefetch(&node->scope->names, text.s, text.len);
        return push(rd, &node->in, text, FW_NONE);
    case OUTPUT:
        fw_map_prefetch(&node->scope->names, text.s, text.len);
        return push(rd, &node->out, text, FW_NONE);
    case NAME:
        node->given_name = text;
        return FW_OK;
    case OP_TYPE:
        node->op = text;
        return FW_OK;
    case DOMAIN:
        node->domain = text;
        return FW_OK;
    case OVERLOAD:
        node->overload = text;
        return FW_OK;
    default: // ATTRIBUTE: read when it is known what for
        if (node->attr_run.at == NULL)
            node->attr_run = (struct fw_pb){start, pb->at, pb->base};
        node->attr_run.end = pb->at;
        return FW_OK;
    }
}

static enum fw_status read_attributes(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    struct fw_pb pb = node->attr_run;
    struct fw_pb_field f;
    if (pb.at == NULL)
        return FW_OK;
    while (fw_pb_next(&pb, &f, rd->err) > 0) {
        struct fw_onnx_attr attr;
        bool given;
        if (f.number != ATTRIBUTE)
            continue;
        FW_TRY(fw_onnx_attr_read(rd, node->scope, fw_pb_inside(&pb, &f), &attr, &given));
        if (given)
            FW_TRY(fw_onnx_attr_add(rd, node, &attr));
    }
    return FW_OK;
}

/* Ports left out at the end are as good as not written. */
static void trim(struct fw_onnx_ports *ports)
{
    while (ports->n > 0 && ports->v[ports->n - 1].name.len == 0)
        ports->n--;
}

/* "CALL/name"; a node without a name is called after its operator and its place: "Conv_12". */
static enum fw_status give_name(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    const char *prefix = node->scope->prefix;
    struct fw_onnx_text name = node->given_name;
    char number[16];
    size_t len = strlen(prefix);
    if (name.len == 0) {
        (void)snprintf(number, sizeof number, "_%" PRIu32, node->scope->g->n_nodes);
        name = node->op;
    } else {
        number[0] = '\0';
    }
    size_t n_digits = strlen(number);
    char *out = fw_arena_alloc(&rd->m->arena, len + name.len + n_digits + 1);
    if (out == NULL)
        return fw_fail_memory(rd->err);
    if (len > 0)
        memcpy(out, prefix, len); // NOLINT(bugprone-not-null-terminated-result): more follows
    if (name.len > 0)
        memcpy(out + len, name.s, name.len);
    memcpy(out + len + name.len, number, n_digits + 1);
    node->name = out;
    return FW_OK;
}

static enum fw_status resolve_ports(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    for (uint32_t i = 0; i < node->in.n; i++) {
        struct fw_onnx_port *p = &node->in.v[i];
        if (p->name.len > 0)
            FW_TRY(fw_onnx_resolve(rd, node->scope, p->name, &p->id));
    }
    for (uint32_t i = 0; i < node->out.n; i++) {
        struct fw_onnx_port *p = &node->out.v[i];
        bool fresh = true;
        if (p->name.len > 0)
            FW_TRY(fw_onnx_define(rd, node->scope, p->name, &fresh, &p->id));
        if (!fresh && !node->row->stores)
            return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                     "output %" PRIu32 ": a name with one "
                                     "producer is wanted, '%.*s' is defined twice",
                                     i, (int)(p->name.len < 120 ? p->name.len : 120), p->name.s);
        node->again = node->again || !fresh;
    }
    return FW_OK;
}

static bool form_applies(const struct fw_onnx_form *form, int64_t opset)
{
    return opset >= form->from && (form->to == 0 || opset <= form->to);
}

static enum fw_status apply_forms(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    struct fw_onnx_row *row = node->row; // a form may change node->row
    int64_t opset = node->scope->opset;
    for (uint32_t i = 0; i < row->n_forms && !node->done; i++) {
        const struct fw_onnx_form *form = &row->forms[i];
        if (form_applies(form, opset))
            FW_TRY(form->apply(rd, node, form));
    }
    return FW_OK;
}

/* Do the bytes of the attributes alone decide what the row's slots hold? */
static bool is_repeatable(const struct fw_onnx_node *node)
{
    const struct fw_onnx_row *row = node->row;
    if (node->attr_run.at == NULL || node->scope->is_function || node->scope->n_bindings > 0 ||
        row->holds_graphs || row->op->n_attrs == 0)
        return false;
    for (uint32_t i = 0; i < row->n_forms; i++)
        if (form_applies(&row->forms[i], node->scope->opset))
            return false;
    return true;
}

static const struct fw_attr *known_slots(const struct fw_onnx_node *node)
{
    size_t len = (size_t)(node->attr_run.end - node->attr_run.at);
    for (unsigned i = 0; i < FW_ONNX_KNOWN; i++) {
        const struct fw_onnx_known *k = &node->row->known[i];
        if (k->at != NULL && k->len == len && memcmp(k->at, node->attr_run.at, len) == 0)
            return k->attr;
    }
    return NULL;
}

/* A node without bodies, functions or old forms, whose attributes may be an earlier node's. */
static enum fw_status plain_node(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    struct fw_onnx_row *row = node->row;
    node->slots = known_slots(node);
    if (node->slots != NULL)
        return fw_onnx_node_append(rd, node);
    FW_TRY(read_attributes(rd, node));
    FW_TRY(fw_onnx_node_append(rd, node));
    const struct fw_attr *attr = node->scope->g->nodes[node->scope->g->n_nodes - 1].attr;
    size_t len = (size_t)(node->attr_run.end - node->attr_run.at);
    row->known[row->n_known++ % FW_ONNX_KNOWN] =
        (struct fw_onnx_known){node->attr_run.at, len, attr};
    return FW_OK;
}

static void start(struct fw_onnx_node *node, struct fw_onnx_scope *scope)
{
    node->scope = scope;
    node->row = NULL;
    node->op = node->domain = node->overload = node->given_name = (struct fw_onnx_text){"", 0};
    node->name = NULL;
    node->in.v = node->in.small;
    node->out.v = node->out.small;
    node->attrs.v = node->attrs.small;
    node->in.n = node->out.n = node->attrs.n = 0;
    node->in.cap = node->out.cap = node->attrs.cap = FW_ONNX_SMALL;
    node->attr_run = (struct fw_pb){NULL, NULL, NULL};
    node->slots = NULL;
    node->again = node->done = false;
}

enum fw_status fw_onnx_node(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb)
{
    struct fw_onnx_node node;
    struct fw_pb_field f;
    int more;
    FW_WITHIN(rd->m->alloc, FW_MOST_nodes, ++rd->n_nodes, fw_pb_offset(&pb), rd->err);
    FW_TRY(fw_in_time(rd->m->alloc, rd->n_nodes, rd->err));
    start(&node, scope);
    int64_t at = fw_pb_offset(&pb) >> FW_AT_SHIFT;
    node.at = rd->keep_offsets && at <= INT32_MAX ? (int32_t)at : -1;
    const unsigned char *field = pb.at;
    for (; (more = fw_pb_next(&pb, &f, rd->err)) > 0; field = pb.at)
        FW_TRY(node_field(rd, &pb, field, &f, &node));
    if (more < 0)
        return FW_FORMAT;
    FW_TRY(give_name(rd, &node));
    if (node.op.len == 0)
        return fw_onnx_node_fail(rd, &node, FW_FORMAT, "an operator is wanted, found none");
    trim(&node.in);
    trim(&node.out);
    FW_TRY(fw_onnx_row_find(rd, node.domain, node.op, &node.row));
    FW_TRY(resolve_ports(rd, &node));
    uint32_t function = node.row->function;
    if (node.overload.len > 0 && rd->has_overloads)
        function = fw_onnx_function_find(rd, node.domain, node.op, node.overload);
    if (function == FW_NONE && is_repeatable(&node))
        return plain_node(rd, &node);
    FW_TRY(read_attributes(rd, &node));
    if (function != FW_NONE)
        return fw_onnx_function_call(rd, &node, function);
    FW_TRY(apply_forms(rd, &node));
    return node.done ? FW_OK : fw_onnx_node_append(rd, &node);
}

/* ---- appending ---- */

/* Rows may take for granted that every input up to min_in is there, as are all of a list. */
static enum fw_status check_arity(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    const struct fw_op *op = node->row->op;
    uint32_t n = node->in.n;
    if (n < op->min_in || n > op->max_in)
        return fw_onnx_node_fail(rd, node, FW_FORMAT, "%s%u inputs are wanted, found %" PRIu32,
                                 op->min_in == op->max_in ? ""
                                 : n < op->min_in         ? "at least "
                                                          : "at most ",
                                 n < op->min_in ? op->min_in : op->max_in, n);
    if (node->out.n > op->max_out)
        return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                 "at most %u outputs are wanted, found %" PRIu32, op->max_out,
                                 node->out.n);
    bool all = op->max_in == UINT16_MAX;
    if (node->row->holds_graphs || (op->flags & FW_OP_GAP))
        return FW_OK;
    for (uint32_t i = 0; i < n && (all || i < op->min_in); i++)
        if (node->in.v[i].id == FW_NONE)
            return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                     "input %" PRIu32 " is wanted, it is left "
                                     "out",
                                     i);
    return FW_OK;
}

/* Outputs that every node of the operator has, also where nobody gave them a name. */
static enum fw_status complete_outputs(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    for (uint32_t i = 0; i < node->row->op->min_out; i++) {
        if (i == node->out.n)
            FW_TRY(fw_onnx_port_push(rd, &node->out, FW_NONE));
        if (node->out.v[i].id == FW_NONE)
            FW_TRY(fw_graph_tensor(node->scope->g, NULL, FW_KIND_ACTIVATION, FW_UNKNOWN,
                                   FW_RANK_UNKNOWN, NULL, &node->out.v[i].id, rd->err));
    }
    return FW_OK;
}

static enum fw_status fill_slots(struct fw_onnx *rd, struct fw_onnx_node *node,
                                 const struct fw_attr **ret)
{
    const struct fw_op *op = node->row->op;
    struct fw_attr *attr = NULL;
    uint32_t n_own = node->in.n;
    *ret = node->slots != NULL ? node->slots : node->row->defaults;
    if (node->slots != NULL)
        return FW_OK;
    for (unsigned i = 0; i < op->n_attrs; i++) {
        const struct fw_onnx_attr *a = fw_onnx_attr_find(node, op->attrs[i].name);
        if (a == NULL && op->attrs[i].required)
            return fw_onnx_node_fail(rd, node, FW_FORMAT, "attribute '%s' is wanted, found none",
                                     op->attrs[i].name);
        if (a == NULL)
            continue;
        if (attr == NULL) {
            attr = fw_arena_copy(&rd->m->arena, node->row->defaults, op->n_attrs * sizeof *attr);
            if (attr == NULL)
                return fw_fail_memory(rd->err);
            *ret = attr;
        }
        FW_TRY(fw_onnx_attr_slot(rd, node, a, &op->attrs[i], n_own, &attr[i]));
    }
    return FW_OK;
}

static enum fw_status append(struct fw_onnx *rd, struct fw_onnx_node *node,
                             const struct fw_attr *attr)
{
    uint32_t small[2 * FW_ONNX_SMALL];
    uint32_t *ids = small;
    uint32_t n_in = node->in.n;
    uint32_t n = n_in + node->out.n;
    if (n_in > UINT16_MAX || node->out.n > UINT16_MAX)
        return fw_onnx_node_limit(rd, node, FW_MOST_ports);
    if (n > 2 * FW_ONNX_SMALL && (ids = fw_arena_array(&rd->m->arena, n, sizeof *ids)) == NULL)
        return fw_fail_memory(rd->err);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = i < n_in ? node->in.v[i].id : node->out.v[i - n_in].id;
    struct fw_node_spec spec = {
        .op = node->row->op,
        .name = node->name,
        .in = ids,
        .out = ids + n_in,
        .attr = attr,
        .n_in = (uint16_t)n_in,
        .n_out = (uint16_t)node->out.n,
        .phase = FW_PHASE_FORWARD,
        .layer = FW_NONE,
        .at = node->at,
    };
    uint32_t id;
    return fw_graph_node(node->scope->g, &spec, &id, rd->err);
}

enum fw_status fw_onnx_node_append(struct fw_onnx *rd, struct fw_onnx_node *node)
{
    const struct fw_attr *attr;
    FW_TRY(check_arity(rd, node));
    FW_TRY(complete_outputs(rd, node));
    FW_TRY(fill_slots(rd, node, &attr));
    return append(rd, node, attr);
}
