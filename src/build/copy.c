/* A copy of a model with arena, letters and graph of its own, so that every question starts from
 * the same network; see builder.h.
 *
 * Letters are copied in their order. A polynomial goes over as text, once: what is printed parses
 * back to the same one. */
#include "build/builder.h"

#include <string.h>

struct copier {
    struct fw_model *to;
    const struct fw_model *from;
    struct fw_error *err;
    struct fw_dim_pair {
        fw_dim from, to;
    } * seen; // (n)
    uint32_t n, cap;
};

static enum fw_status convert(struct copier *c, fw_dim d, fw_dim *ret)
{
    struct fw_str text;
    fw_count v = fw_count_bad();
    fw_str_init(&text, c->to->alloc);
    fw_dim_print(c->from->sym, d, &text);
    enum fw_status status =
        fw_str_ok(&text) ? fw_count_parse(c->to->sym, fw_str_text(&text), text.len, &v, c->err)
                         : fw_fail_memory(c->err);
    fw_str_free(&text);
    *ret = fw_dim_of(v);
    return status;
}

static enum fw_status copy_dim(struct copier *c, fw_dim d, fw_dim *ret)
{
    *ret = d;
    if (fw_dim_is_const(d) || fw_dim_is_bad(d))
        return FW_OK;
    for (uint32_t i = 0; i < c->n; i++)
        if (fw_dim_eq(c->seen[i].from, d)) {
            *ret = c->seen[i].to;
            return FW_OK;
        }
    if (c->n == c->cap) {
        uint32_t cap = c->cap == 0 ? 32 : 2 * c->cap;
        struct fw_dim_pair *more = fw_arena_array(&c->to->arena, cap, sizeof *more);
        if (more == NULL)
            return fw_fail_memory(c->err);
        if (c->n > 0)
            memcpy(more, c->seen, c->n * sizeof *more);
        c->seen = more;
        c->cap = cap;
    }
    FW_TRY(convert(c, d, ret));
    c->seen[c->n++] = (struct fw_dim_pair){d, *ret};
    return FW_OK;
}

static enum fw_status copy_dims(struct copier *c, const fw_dim *dims, size_t n, const fw_dim **ret)
{
    fw_dim *copy = fw_arena_array(&c->to->arena, n, sizeof *copy);
    if (copy == NULL)
        return fw_fail_memory(c->err);
    for (size_t i = 0; i < n; i++)
        FW_TRY(copy_dim(c, dims[i], &copy[i]));
    *ret = copy;
    return FW_OK;
}

static enum fw_status copy_symbols(struct copier *c)
{
    const struct fw_symbols *from = c->from->sym;
    for (uint32_t i = 0; i < fw_symbols_count(from); i++) {
        const char *name = fw_symbol_name(from, i);
        if (fw_dim_is_bad(fw_dim_symbol(c->to->sym, name, strlen(name))))
            return fw_fail_memory(c->err);
    }
    for (uint32_t i = 0; i < fw_symbols_count(from); i++) {
        fw_dim upper;
        FW_TRY(copy_dim(c, fw_symbol_upper(from, i), &upper));
        fw_symbol_set_upper(c->to->sym, i, upper);
    }
    return FW_OK;
}

/* Text, numbers and stored data are shared: they never change and the original outlives the copy.
 */
static enum fw_status copy_tensors(struct copier *c, struct fw_graph *to,
                                   const struct fw_graph *from)
{
    const fw_dim *last = NULL, *last_copy = NULL;
    for (uint32_t id = 0; id < from->n_tensors; id++) {
        struct fw_tensor t = from->tensors[id];
        if (t.value != NULL) {
            fw_count n = fw_tensor_elements(from, &t);
            if (t.data != NULL && t.data->bytes == NULL && fw_count_is_const(n))
                FW_TRY(copy_dims(c, t.value, (size_t)n.word, &t.value));
            else
                t.value = NULL; // computed again
        }
        if (t.dims != NULL && t.dims == last) {
            t.dims = last_copy;
        } else if (t.dims != NULL) {
            last = t.dims;
            FW_TRY(copy_dims(c, t.dims, t.rank, &t.dims));
            last_copy = t.dims;
        }
        to->tensors[to->n_tensors++] = t;
    }
    return FW_OK;
}

static enum fw_status copy_graph(struct copier *c, struct fw_graph *to,
                                 const struct fw_graph *from);

/* The copy of a body that stands in an attribute: the same place in the chain of bodies. */
static struct fw_graph *body_of(struct fw_graph *to, const struct fw_graph *from,
                                const struct fw_graph *body)
{
    struct fw_graph *copy = to->bodies;
    for (const struct fw_graph *b = from->bodies; b != NULL && copy != NULL; b = b->next_body) {
        if (b == body)
            return copy;
        copy = copy->next_body;
    }
    return NULL;
}

static enum fw_status copy_attributes(struct copier *c, struct fw_graph *to,
                                      const struct fw_graph *from, struct fw_node *n)
{
    if (!fw_op_has_bodies(n->op))
        return FW_OK;
    struct fw_attr *attr = fw_arena_copy(&c->to->arena, n->attr, n->op->n_attrs * sizeof *attr);
    if (attr == NULL)
        return fw_fail_memory(c->err);
    for (unsigned i = 0; i < n->op->n_attrs; i++)
        if (n->op->attrs[i].type == FW_ATTR_GRAPH)
            attr[i].graph = body_of(to, from, attr[i].graph);
    n->attr = attr;
    return FW_OK;
}

/* Bodies are chained newest first: made in reverse they stand in the same order. */
static enum fw_status copy_bodies(struct copier *c, struct fw_graph *to,
                                  const struct fw_graph *body)
{
    if (body == NULL)
        return FW_OK;
    FW_TRY(copy_bodies(c, to, body->next_body));
    struct fw_graph *copy = fw_graph_new_body(to);
    return copy != NULL ? copy_graph(c, copy, body) : fw_fail_memory(c->err);
}

static enum fw_status copy_graph(struct copier *c, struct fw_graph *to, const struct fw_graph *from)
{
    FW_TRY(fw_graph_reserve(to, from->n_tensors, from->n_nodes, c->err));
    FW_TRY(copy_tensors(c, to, from));
    FW_TRY(copy_bodies(c, to, from->bodies));
    for (uint32_t id = 0; id < from->n_nodes; id++) {
        struct fw_node n = from->nodes[id];
        FW_TRY(copy_attributes(c, to, from, &n));
        to->nodes[to->n_nodes++] = n;
    }
    to->name = from->name;
    to->inputs = from->inputs;
    to->n_inputs = from->n_inputs;
    to->outputs = from->outputs;
    to->n_outputs = from->n_outputs;
    to->n_formal = from->n_formal;
    to->capture_in = from->capture_in;
    to->turns = from->turns;
    return copy_dim(c, from->trips, &to->trips);
}

enum fw_status fw_model_copy(struct fw_model *to, const struct fw_model *from, struct fw_error *err)
{
    struct copier c = {.to = to, .from = from, .err = err};
    FW_TRY(copy_symbols(&c));
    FW_TRY(copy_graph(&c, &to->graph, &from->graph));
    to->path = from->path;
    to->format = from->format;
    to->producer = from->producer;
    return FW_OK;
}
