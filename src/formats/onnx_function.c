/* FunctionProto: operators that the model defines itself. A call is written out: the function's
 * nodes are appended to the caller's graph, its inputs and outputs being the call's tensors. */
#include "formats/onnx.h"

#include <inttypes.h>
#include <string.h>

enum {
    NAME = 1,
    INPUT = 4,
    OUTPUT = 5,
    NODE = 7,
    OPSET_IMPORT = 9,
    DOMAIN = 10,
    ATTRIBUTE_DEFAULT = 11,
    OVERLOAD = 13
};

enum fw_status fw_onnx_function_add(struct fw_onnx *rd, struct fw_pb pb)
{
    struct fw_onnx_function fn = {.message = pb};
    struct fw_pb_field f;
    int more;
    fn.domain = fn.name = fn.overload = (struct fw_onnx_text){"", 0};
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        struct fw_onnx_text domain;
        int64_t version;
        if (f.number != NAME && f.number != DOMAIN && f.number != OVERLOAD &&
            f.number != OPSET_IMPORT)
            continue;
        FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "function", rd->err));
        if (f.number == OPSET_IMPORT) {
            FW_TRY(fw_onnx_opset_read(rd, fw_pb_inside(&pb, &f), &domain, &version));
            fn.opset = domain.len == 0 ? version : fn.opset;
        } else {
            struct fw_onnx_text *to = f.number == NAME     ? &fn.name
                                      : f.number == DOMAIN ? &fn.domain
                                                           : &fn.overload;
            *to = fw_onnx_text_of(&f);
        }
    }
    if (more < 0)
        return FW_FORMAT;
    rd->has_overloads = rd->has_overloads || fn.overload.len > 0;
    void *items = rd->functions;
    FW_TRY(fw_onnx_grow(rd, &items, rd->n_functions, &rd->cap_functions, sizeof *rd->functions));
    rd->functions = items;
    rd->functions[rd->n_functions++] = fn;
    return FW_OK;
}

uint32_t fw_onnx_function_find(const struct fw_onnx *rd, struct fw_onnx_text domain,
                               struct fw_onnx_text name, struct fw_onnx_text overload)
{
    for (uint32_t i = 0; i < rd->n_functions; i++) {
        const struct fw_onnx_function *fn = &rd->functions[i];
        if (fw_onnx_same(fn->name, name) && fw_onnx_same(fn->domain, domain) &&
            fw_onnx_same(fn->overload, overload))
            return i;
    }
    return FW_NONE;
}

/* What one call is made of while it is written out. */
struct call {
    struct fw_onnx_node *node;
    struct fw_onnx_scope scope;
    uint32_t n_in, n_out; // formals met
};

/* Outputs that need a move: they are an input, or another output, under a second name. */
struct alias {
    struct fw_onnx_text name;
    uint32_t to;
};

static enum fw_status bind_input(struct fw_onnx *rd, struct call *call, struct fw_onnx_text name)
{
    uint32_t i = call->n_in++;
    uint32_t id = i < call->node->in.n ? call->node->in.v[i].id : FW_NONE;
    bool added;
    if (fw_map_put(&call->scope.names, name.s, name.len, id, &added) == NULL)
        return fw_fail_memory(rd->err);
    if (!added)
        return fw_onnx_node_fail(rd, call->node, FW_FORMAT,
                                 "the function has two inputs of one name");
    return FW_OK;
}

/* Defaults come after what the call gives, so that the first match is the one that holds. */
static enum fw_status bind_attributes(struct fw_onnx *rd, struct call *call, struct fw_pb pb)
{
    struct fw_onnx_node *node = call->node;
    struct fw_pb_field f;
    struct fw_pb walk = pb;
    uint32_t n = node->attrs.n;
    while (fw_pb_next(&walk, &f, rd->err) > 0)
        n += f.number == ATTRIBUTE_DEFAULT;
    struct fw_onnx_binding *b = fw_arena_array(&rd->m->arena, n, sizeof *b);
    if (b == NULL)
        return fw_fail_memory(rd->err);
    uint32_t k = 0;
    for (; k < node->attrs.n; k++)
        b[k] = (struct fw_onnx_binding){node->attrs.v[k].name, node->attrs.v[k]};
    while (fw_pb_next(&pb, &f, rd->err) > 0) {
        bool given;
        if (f.number != ATTRIBUTE_DEFAULT)
            continue;
        FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "function.attribute_proto", rd->err));
        FW_TRY(fw_onnx_attr_read(rd, &call->scope, fw_pb_inside(&pb, &f), &b[k].attr, &given));
        b[k].name = b[k].attr.name;
        k += given;
    }
    call->scope.bindings = b;
    call->scope.n_bindings = k;
    return FW_OK;
}

/* An output gets the caller's tensor, waiting for the node that makes it.
 * One whose name is taken already is an alias. */
static enum fw_status bind_output(struct fw_onnx *rd, struct call *call, struct fw_onnx_text name,
                                  struct alias *aliases, uint32_t *n_aliases)
{
    uint32_t i = call->n_out++;
    uint32_t id = i < call->node->out.n ? call->node->out.v[i].id : FW_NONE;
    if (id == FW_NONE)
        return FW_OK; // the call does not want it: a tensor of the function's own
    bool added;
    if (fw_map_put(&call->scope.names, name.s, name.len, id, &added) == NULL)
        return fw_fail_memory(rd->err);
    if (added) {
        call->scope.g->tensors[id].of = id;
        call->scope.n_pending++;
        return FW_OK;
    }
    aliases[(*n_aliases)++] = (struct alias){name, id};
    return FW_OK;
}

static enum fw_status append_alias(struct fw_onnx *rd, struct call *call, const struct alias *alias)
{
    struct fw_onnx_node move = *call->node; // place and name
    const uint32_t *from = fw_map_get(&call->scope.names, alias->name.s, alias->name.len);
    move.in.v = move.in.small;
    move.out.v = move.out.small;
    move.in.n = move.out.n = move.attrs.n = 0;
    move.slots = NULL;
    move.in.cap = move.out.cap = FW_ONNX_SMALL;
    if (from == NULL || *from == FW_NONE)
        return fw_onnx_node_fail(rd, call->node, FW_FORMAT,
                                 "the function hands out its input "
                                 "'%.*s', which the call leaves out",
                                 (int)(alias->name.len < 100 ? alias->name.len : 100),
                                 alias->name.s);
    FW_TRY(fw_onnx_port_push(rd, &move.in, *from));
    FW_TRY(fw_onnx_port_push(rd, &move.out, alias->to));
    FW_TRY(fw_onnx_row_find(rd, fw_onnx_word(""), fw_onnx_word("Identity"), &move.row));
    return fw_onnx_node_append(rd, &move);
}

static enum fw_status each_node(struct fw_onnx *rd, struct call *call, struct fw_pb pb)
{
    struct fw_pb_field f;
    while (fw_pb_next(&pb, &f, rd->err) > 0) {
        if (f.number != NODE)
            continue;
        FW_TRY(fw_pb_want(&pb, &f, FW_PB_LEN, "function.node", rd->err));
        FW_TRY(fw_onnx_node(rd, &call->scope, fw_pb_inside(&pb, &f)));
    }
    return FW_OK;
}

static enum fw_status bind_formals(struct fw_onnx *rd, struct call *call, struct fw_pb pb,
                                   struct alias *aliases, uint32_t *n_aliases)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        uint32_t number = pass == 0 ? INPUT : OUTPUT;
        struct fw_pb walk = pb;
        struct fw_pb_field f;
        while (fw_pb_next(&walk, &f, rd->err) > 0) {
            if (f.number != number)
                continue;
            FW_TRY(fw_pb_want(&walk, &f, FW_PB_LEN, "function", rd->err));
            if (pass == 0)
                FW_TRY(bind_input(rd, call, fw_onnx_text_of(&f)));
            else
                FW_TRY(bind_output(rd, call, fw_onnx_text_of(&f), aliases, n_aliases));
        }
    }
    if (call->node->in.n > call->n_in || call->node->out.n > call->n_out)
        return fw_onnx_node_fail(rd, call->node, FW_FORMAT,
                                 "the function has %" PRIu32 " inputs and %" PRIu32
                                 " outputs, the call gives %" PRIu32 " and %" PRIu32,
                                 call->n_in, call->n_out, call->node->in.n, call->node->out.n);
    return FW_OK;
}

static enum fw_status write_out(struct fw_onnx *rd, struct call *call, struct fw_pb pb)
{
    struct fw_onnx_node *node = call->node;
    uint32_t n_aliases = 0;
    struct alias *aliases = fw_arena_array(&rd->m->arena, node->out.n, sizeof *aliases);
    if (aliases == NULL)
        return fw_fail_memory(rd->err);
    FW_TRY(bind_formals(rd, call, pb, aliases, &n_aliases));
    FW_TRY(bind_attributes(rd, call, pb));
    FW_TRY(each_node(rd, call, pb));
    for (uint32_t i = 0; i < node->out.n; i++) {
        uint32_t id = node->out.v[i].id;
        if (id != FW_NONE && call->scope.g->tensors[id].of == id)
            return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                     "output %" PRIu32 " of the function is "
                                     "made by none of its nodes",
                                     i);
    }
    FW_TRY(fw_onnx_check_pending(rd, &call->scope));
    for (uint32_t i = 0; i < n_aliases; i++)
        FW_TRY(append_alias(rd, call, &aliases[i]));
    return FW_OK;
}

enum fw_status fw_onnx_function_call(struct fw_onnx *rd, struct fw_onnx_node *node, uint32_t index)
{
    struct fw_onnx_function *fn = &rd->functions[index];
    if (fn->active)
        return fw_onnx_node_fail(rd, node, FW_FORMAT,
                                 "a function that does not call itself is "
                                 "wanted");
    if (rd->depth >= fw_most(rd->m->alloc, FW_MOST_nesting))
        return fw_onnx_node_limit(rd, node, FW_MOST_nesting);
    struct call call = {
        .node = node,
        .scope = {.g = node->scope->g,
                  .opset = fn->opset > 0 ? fn->opset : node->scope->opset,
                  .is_function = true},
    };
    call.scope.prefix = fw_arena_printf(&rd->m->arena, "%s/", node->name);
    if (call.scope.prefix == NULL)
        return fw_fail_memory(rd->err);
    fw_map_init(&call.scope.names, rd->m->alloc);
    fn->active = true;
    rd->depth++;
    enum fw_status status = write_out(rd, &call, fn->message);
    rd->depth--;
    fn->active = false;
    fw_onnx_scope_clear(rd, &call.scope);
    return status;
}
