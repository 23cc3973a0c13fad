/* Attributes and nodes; see builder.h. */
#include "build/builder.h"

#include "base/real.h"
#include "ops/infer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- shapes while building ---- */

static enum fw_status infer_body(struct fw_cx *c, struct fw_graph *body);
static const struct fw_hooks hooks = {.infer_body = infer_body};

static enum fw_status infer_body(struct fw_cx *c, struct fw_graph *body)
{
    return fw_infer_with(body, &hooks, c->err);
}

/* ---- attributes ---- */

struct fw_build_node fw_build_node(struct fw_builder *b, const char *domain, const char *op)
{
    struct fw_build_node n = {.b = b};
    if (!fw_build_ok(b))
        return n;
    n.op = fw_op_find(domain, op);
    if (n.op == NULL) {
        (void)fw_build_fail(b, FW_UNSUPPORTED, "there is no operator '%.60s'", op);
        return n;
    }
    if (n.op->n_attrs == 0)
        return n;
    n.attr = fw_arena_array(&b->m->arena, n.op->n_attrs, sizeof *n.attr);
    if (n.attr == NULL)
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
    for (unsigned i = 0; n.attr != NULL && i < n.op->n_attrs; i++)
        n.attr[i] = n.op->attrs[i].value;
    return n;
}

static struct fw_attr *slot(struct fw_build_node *n, const char *name, size_t len,
                            enum fw_attr_type *ret_type)
{
    if (n->op == NULL || !fw_build_ok(n->b))
        return NULL;
    for (unsigned i = 0; i < n->op->n_attrs; i++)
        if (strlen(n->op->attrs[i].name) == len && memcmp(n->op->attrs[i].name, name, len) == 0) {
            *ret_type = n->op->attrs[i].type;
            n->attr[i].given = true;
            return &n->attr[i];
        }
    (void)fw_build_fail(n->b, FW_USAGE, "%s has no attribute '%.*s'", n->op->name, (int)len, name);
    return NULL;
}

static struct fw_attr *slot_of(struct fw_build_node *n, const char *name, enum fw_attr_type want)
{
    enum fw_attr_type type = want;
    struct fw_attr *a = slot(n, name, strlen(name), &type);
    if (a == NULL || type == want)
        return a;
    (void)fw_build_fail(n->b, FW_USAGE, "attribute '%s' of %s is of another type", name,
                        n->op->name);
    return NULL;
}

void fw_build_int(struct fw_build_node *n, const char *name, int64_t v)
{
    struct fw_attr *a = slot_of(n, name, FW_ATTR_INT);
    if (a != NULL && !fw_dim_is_const((fw_dim){v}))
        (void)fw_build_fail(n->b, FW_USAGE, "attribute '%s' of %s: a number is wanted, not letters",
                            name, n->op->name);
    if (a != NULL)
        a->i = v;
}

void fw_build_ints(struct fw_build_node *n, const char *name, const int64_t *v, unsigned count)
{
    struct fw_attr *a = slot_of(n, name, FW_ATTR_INTS);
    if (a == NULL)
        return;
    for (unsigned i = 0; i < count; i++)
        if (!fw_dim_is_const((fw_dim){v[i]}))
            (void)fw_build_fail(n->b, FW_USAGE,
                                "attribute '%s' of %s: numbers are wanted, not letters", name,
                                n->op->name);
    a->ints = fw_arena_copy(&n->b->m->arena, v, count * sizeof *v);
    a->n = count;
    if (a->ints == NULL)
        (void)fw_build_fail(n->b, FW_MEMORY, "out of memory");
}

void fw_build_float(struct fw_build_node *n, const char *name, double v)
{
    struct fw_attr *a = slot_of(n, name, FW_ATTR_FLOAT);
    if (a != NULL)
        a->f = v;
}

static const char *keep_text(struct fw_builder *b, const char *s, size_t len)
{
    const char *kept = fw_arena_strndup(&b->m->arena, s, len);
    if (kept == NULL)
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
    return kept;
}

void fw_build_text(struct fw_build_node *n, const char *name, const char *v)
{
    struct fw_attr *a = slot_of(n, name, FW_ATTR_STRING);
    if (a != NULL)
        a->s = keep_text(n->b, v, strlen(v));
}

void fw_build_graph(struct fw_build_node *n, const char *name, struct fw_graph *body)
{
    struct fw_attr *a = slot_of(n, name, FW_ATTR_GRAPH);
    if (a != NULL)
        a->graph = body;
}

/* ---- appending ---- */

static bool resolve_inputs(struct fw_build_node *n, const int *in, unsigned n_in, uint32_t *ret)
{
    struct fw_builder *b = n->b;
    for (unsigned i = 0; i < n_in; i++) {
        ret[i] = FW_NONE;
        if (in[i] == -1 && i >= n->op->min_in)
            continue;
        if (fw_build_tensor(b, in[i]) == NULL)
            return false;
        int x = fw_build_reach(b, in[i]);
        if (x < 0)
            return false;
        ret[i] = b->handle[x].id;
    }
    return true;
}

static bool good_ports(struct fw_build_node *n, unsigned n_in, unsigned n_out)
{
    if (n_in > UINT16_MAX || n_out > n->op->max_out || n_out < n->op->min_out)
        return fw_build_fail(n->b, FW_USAGE, "%s with %u inputs and %u outputs", n->op->name, n_in,
                             n_out) == 0;
    uint64_t nodes = ++n->b->n_nodes;
    return fw_build_within(n->b, FW_MOST_nodes, nodes) &&
           fw_build_within(n->b, FW_MOST_built, nodes);
}

static int hand_out(struct fw_builder *b, const char *name, uint32_t node)
{
    struct fw_node made = b->g->nodes[node];
    int first = -1;
    for (unsigned i = 0; i < made.n_out; i++) {
        b->g->tensors[made.out[i]].name = name;
        int x = fw_build_handle(b, b->g, made.out[i]);
        first = i == 0 ? x : first;
    }
    return first;
}

int fw_build_add(struct fw_build_node *n, const char *name, const int *in, unsigned n_in,
                 unsigned n_out)
{
    struct fw_builder *b = n->b;
    if (n->op == NULL || name == NULL || !fw_build_ok(b) || !good_ports(n, n_in, n_out))
        return -1;
    uint32_t *ids = fw_arena_array(&b->m->arena, n_in + 1u, sizeof *ids);
    if (ids == NULL)
        return fw_build_fail(b, FW_MEMORY, "out of memory");
    if (!resolve_inputs(n, in, n_in, ids))
        return -1;
    while (n_in > 0 && ids[n_in - 1] == FW_NONE)
        n_in--;
    struct fw_node_spec spec = {.op = n->op,
                                .name = name,
                                .in = ids,
                                .attr = n->attr,
                                .n_in = (uint16_t)n_in,
                                .n_out = (uint16_t)n_out,
                                .layer = FW_NONE,
                                .at = -1};
    uint32_t id;
    if (fw_graph_node(b->g, &spec, &id, &b->err) != FW_OK ||
        fw_infer_node_with(b->g, id, &hooks, &b->err) != FW_OK)
        return -1;
    return hand_out(b, name, id);
}

int fw_build_plain(struct fw_builder *b, const char *op, const char *name, const int *in,
                   unsigned n_in)
{
    struct fw_build_node n = fw_build_node(b, "", op);
    return fw_build_add(&n, fw_build_name(b, name, op), in, n_in, 1);
}

/* ---- attributes as text ---- */

/* The number at s, up to a comma or the end. What it took; 0: it is none. */
static size_t text_number(const char *s, const char *end, enum fw_attr_type type, int64_t *ret_i,
                          double *ret_f)
{
    size_t n;
    if (type == FW_ATTR_INT || type == FW_ATTR_INTS) {
        char *stop;
        *ret_i = strtoll(s, &stop, 10);
        n = (size_t)(stop - s);
    } else {
        *ret_f = fw_real_parse(s, &n);
    }
    size_t most = (size_t)(end - s);
    return n == most || (n < most && s[n] == ',') ? n : 0;
}

/* False where one is no number. */
static bool text_numbers(struct fw_build_node *n, struct fw_attr *a, enum fw_attr_type type,
                         const char *s, const char *end)
{
    unsigned count = 1;
    for (const char *p = s; p < end; p++)
        count += *p == ',';
    int64_t *ints = fw_arena_array(&n->b->m->arena, count, sizeof *ints);
    double *floats = fw_arena_array(&n->b->m->arena, count, sizeof *floats);
    if (ints == NULL || floats == NULL) {
        (void)fw_build_fail(n->b, FW_MEMORY, "out of memory");
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t took = text_number(s, end, type, &ints[i], &floats[i]);
        if (took == 0)
            return false;
        s += took + 1;
    }
    a->n = count;
    if (type == FW_ATTR_INTS)
        a->ints = ints;
    else
        a->floats = floats;
    return true;
}

static void text_attribute(struct fw_build_node *n, const char *s, const char *equals,
                           const char *end)
{
    enum fw_attr_type type = FW_ATTR_INT;
    struct fw_attr *a = slot(n, s, (size_t)(equals - s), &type);
    const char *value = equals + 1;
    bool good = true;
    if (a == NULL)
        return;
    switch (type) {
    case FW_ATTR_INT:
    case FW_ATTR_FLOAT:
        good = value < end && text_number(value, end, type, &a->i, &a->f) == (size_t)(end - value);
        break;
    case FW_ATTR_STRING:
        a->s = keep_text(n->b, value, (size_t)(end - value));
        break;
    case FW_ATTR_INTS:
    case FW_ATTR_FLOATS:
        good = text_numbers(n, a, type, value, end);
        break;
    default:
        (void)fw_build_fail(n->b, FW_UNSUPPORTED, "attribute '%.*s' of %s cannot be given as text",
                            (int)(equals - s), s, n->op->name);
    }
    if (!good)
        (void)fw_build_fail(n->b, FW_USAGE, "attribute '%.*s' of %s: '%.*s' is no number",
                            (int)(equals - s), s, n->op->name, (int)(end - value), value);
}

/* "kernel_shape=3,3 strides=2,2 auto_pad=SAME_UPPER" */
static void text_attributes(struct fw_build_node *n, const char *text)
{
    while (fw_build_ok(n->b) && *text != '\0') {
        size_t len = strcspn(text, " ");
        const char *equals = memchr(text, '=', len);
        if (equals != NULL)
            text_attribute(n, text, equals, text + len);
        else if (len > 0)
            (void)fw_build_fail(n->b, FW_USAGE, "attribute '%.*s': NAME=VALUE is wanted", (int)len,
                                text);
        text += len + (text[len] == ' ');
    }
}

int fw_node(struct fw_builder *b, const char *domain, const char *op, const char *name,
            const char *attributes, const int *in, int n_in, int n_out)
{
    struct fw_build_node n = fw_build_node(b, domain, op);
    if (fw_build_ok(b) && attributes != NULL)
        text_attributes(&n, attributes);
    return fw_build_add(&n, fw_build_name(b, name, op), in, (unsigned)n_in, (unsigned)n_out);
}
