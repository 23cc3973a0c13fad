/* One GraphProto: the model's graph or a body.
 *
 * Initializers and inputs are defined before the first node, whatever their order in the file.
 * Nodes may stand in any order: a name that is used first gets its tensor then and its node later.
 */
#include "formats/onnx.h"

#include <inttypes.h>

enum { NODE = 1, NAME = 2, INITIALIZER = 5, INPUT = 11, OUTPUT = 12, VALUE_INFO = 13, SPARSE = 15 };
enum { N_SECTIONS = 16, NODE_OUTPUT = 2, VALUE_NAME = 1 };

/* Where the fields of one number stand; those of other numbers may lie between. */
struct section {
    const unsigned char *first, *end;
    uint32_t n;
};

struct survey {
    struct section of[N_SECTIONS];
    const unsigned char *base;
};

void fw_onnx_scope_clear(struct fw_onnx *rd, struct fw_onnx_scope *scope)
{
    const struct fw_alloc *alloc = rd->m->alloc;
    fw_map_free(&scope->names);
    fw_mem_resize(alloc, scope->made, scope->cap_made * sizeof *scope->made, 0);
    fw_mem_resize(alloc, scope->captures, scope->cap_captures * sizeof *scope->captures, 0);
    scope->made = NULL;
    scope->captures = NULL;
}

static enum fw_status take_survey(struct fw_onnx *rd, struct fw_graph *g, struct fw_pb pb,
                                  struct survey *ret)
{
    *ret = (struct survey){.base = pb.base};
    struct fw_pb_field f;
    const unsigned char *start = pb.at;
    int more;
    while ((more = fw_pb_next(&pb, &f, rd->err)) > 0) {
        fw_pb_prefetch(&pb);
        if (f.number < N_SECTIONS && f.wire == FW_PB_LEN) {
            struct section *s = &ret->of[f.number];
            if (s->n == UINT32_MAX)
                return fw_limit_fail(rd->m->alloc, FW_MOST_items, fw_pb_offset(&pb), rd->err);
            if (s->n++ == 0)
                s->first = start;
            s->end = pb.at;
            if (f.number == NAME && (g->name = fw_onnx_dup(rd, fw_onnx_text_of(&f))) == NULL)
                return FW_MEMORY;
        }
        start = pb.at;
    }
    return more < 0 ? FW_FORMAT : FW_OK;
}

typedef enum fw_status each_fn(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb);

/* The fields of one number, in the order of the file. */
struct walk {
    struct fw_pb pb;
    uint32_t number;
};

static struct walk walk_start(const struct survey *survey, uint32_t number)
{
    const struct section *s = &survey->of[number];
    return (struct walk){{s->first, s->end, survey->base}, number};
}

static bool walk_next(struct fw_onnx *rd, struct walk *walk, struct fw_pb *ret)
{
    struct fw_pb_field f;
    while (fw_pb_next(&walk->pb, &f, rd->err) > 0) { // the survey found nothing malformed
        fw_pb_prefetch(&walk->pb);
        if (f.number == walk->number && f.wire == FW_PB_LEN) {
            *ret = fw_pb_inside(&walk->pb, &f);
            return true;
        }
    }
    return false;
}

static enum fw_status each(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                           const struct survey *survey, uint32_t number, each_fn *fn)
{
    struct walk walk = walk_start(survey, number);
    struct fw_pb pb;
    while (walk_next(rd, &walk, &pb))
        FW_TRY(fn(rd, scope, pb));
    return FW_OK;
}

/* ---- names ---- */

static enum fw_status defined_twice(struct fw_onnx *rd, struct fw_onnx_text name, struct fw_pb at)
{
    return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(&at),
                   "tensor '%.*s': a name with one producer is wanted, it is defined twice",
                   (int)(name.len < 200 ? name.len : 200), name.s);
}

static enum fw_status new_tensor(struct fw_onnx *rd, struct fw_graph *g, struct fw_onnx_text name,
                                 enum fw_kind kind, uint32_t *ret)
{
    const char *copy = NULL;
    if (name.len > 0 && (copy = fw_onnx_dup(rd, name)) == NULL)
        return FW_MEMORY;
    return fw_graph_tensor(g, copy, kind, FW_UNKNOWN, FW_RANK_UNKNOWN, NULL, ret, rd->err);
}

/* A tensor that is used, or belongs to a call, before the node that makes it was met carries its
 * own number in `of`. */
static bool is_pending(const struct fw_graph *g, uint32_t id)
{
    return id != FW_NONE && g->tensors[id].of == id;
}

static enum fw_status define(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                             struct fw_onnx_text name, enum fw_kind kind, struct fw_pb at,
                             uint32_t *ret)
{
    bool added;
    *ret = FW_NONE;
    if (fw_map_put(&scope->names, name.s, name.len, scope->g->n_tensors, &added) == NULL)
        return fw_fail_memory(rd->err);
    if (!added)
        return defined_twice(rd, name, at);
    return new_tensor(rd, scope->g, name, kind, ret);
}

enum fw_status fw_onnx_define(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                              struct fw_onnx_text name, bool *ret_fresh, uint32_t *ret)
{
    bool added;
    struct fw_graph *g = scope->g;
    FW_WITHIN(rd->m->alloc, FW_MOST_string, name.len, -1, rd->err);
    const uint32_t *id = fw_map_put(&scope->names, name.s, name.len, g->n_tensors, &added);
    *ret_fresh = true;
    if (id == NULL)
        return fw_fail_memory(rd->err);
    *ret = *id;
    if (added)
        return new_tensor(rd, g, name, FW_KIND_ACTIVATION, ret);
    *ret_fresh = is_pending(g, *id);
    if (*ret_fresh) {
        g->tensors[*id].of = FW_NONE;
        scope->n_pending--;
    }
    return FW_OK;
}

static enum fw_status push_made(struct fw_onnx *rd, struct fw_onnx_scope *scope, uint32_t id)
{
    void *items = scope->made;
    FW_TRY(fw_onnx_grow(rd, &items, scope->n_made, &scope->cap_made, sizeof *scope->made));
    scope->made = items;
    scope->made[scope->n_made++] = id;
    return FW_OK;
}

/* The name gets a tensor now; the node that makes it follows. */
static enum fw_status announce(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                               struct fw_onnx_text name, uint32_t *ret)
{
    bool added;
    struct fw_graph *g = scope->g;
    const uint32_t *id = fw_map_put(&scope->names, name.s, name.len, g->n_tensors, &added);
    if (id == NULL)
        return fw_fail_memory(rd->err);
    *ret = *id;
    if (!added)
        return FW_OK;
    FW_TRY(new_tensor(rd, g, name, FW_KIND_ACTIVATION, ret));
    g->tensors[*ret].of = *ret;
    scope->n_pending++;
    return FW_OK;
}

/* Of a body: its own names must be known before names around it are looked at. */
static enum fw_status announce_outputs(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                                       struct fw_pb node)
{
    struct fw_pb_field f;
    uint32_t id;
    int more;
    while ((more = fw_pb_next(&node, &f, rd->err)) > 0)
        if (f.number == NODE_OUTPUT && f.wire == FW_PB_LEN && f.len > 0)
            FW_TRY(announce(rd, scope, fw_onnx_text_of(&f), &id));
    return more < 0 ? FW_FORMAT : FW_OK;
}

/* A tensor of the graph around becomes an input of the body. */
static enum fw_status take_in(struct fw_onnx *rd, struct fw_onnx_scope *scope, uint32_t outer,
                              uint32_t *ret)
{
    const struct fw_tensor *t = &scope->outer->g->tensors[outer];
    enum fw_dtype dtype = (enum fw_dtype)t->dtype;
    FW_TRY(fw_graph_tensor(scope->g, t->name, FW_KIND_INPUT, dtype, FW_RANK_UNKNOWN, NULL, ret,
                           rd->err));
    void *items = scope->captures;
    FW_TRY(
        fw_onnx_grow(rd, &items, scope->n_captures, &scope->cap_captures, sizeof *scope->captures));
    scope->captures = items;
    scope->captures[scope->n_captures++] = (struct fw_onnx_capture){*ret, outer};
    return FW_OK;
}

static enum fw_status capture(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                              struct fw_onnx_text name, uint32_t outer, uint32_t *ret)
{
    *ret = FW_NONE;
    if (outer != FW_NONE)
        FW_TRY(take_in(rd, scope, outer, ret));
    return fw_map_put(&scope->names, name.s, name.len, *ret, NULL) != NULL
               ? FW_OK
               : fw_fail_memory(rd->err);
}

/* Nothing around a graph or a function: the name's node follows, or the file is wrong, which
 * fw_onnx_check_pending finds out. */
enum fw_status fw_onnx_resolve(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                               struct fw_onnx_text name, uint32_t *ret)
{
    const uint32_t *known = fw_map_get(&scope->names, name.s, name.len);
    if (known != NULL) {
        *ret = *known;
        return FW_OK;
    }
    if (scope->outer == NULL)
        return announce(rd, scope, name, ret);
    uint32_t outer;
    FW_TRY(fw_onnx_resolve(rd, scope->outer, name, &outer));
    return capture(rd, scope, name, outer, ret);
}

/* Says which node uses a tensor that nobody makes. */
enum fw_status fw_onnx_check_pending(struct fw_onnx *rd, const struct fw_onnx_scope *scope)
{
    const struct fw_graph *g = scope->g;
    if (scope->n_pending == 0)
        return FW_OK;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        const struct fw_node *n = &g->nodes[id];
        for (unsigned i = 0; i < n->n_in; i++)
            if (is_pending(g, n->in[i]))
                return fw_fail(rd->err, FW_FORMAT, n->at >= 0 ? (int64_t)n->at << FW_AT_SHIFT : -1,
                               "node '%.100s' (%.60s): input %u: a tensor is wanted, '%.120s' is "
                               "no node's output, input or initializer",
                               n->name, n->op->name, i, g->tensors[n->in[i]].name);
    }
    return FW_OK; // only outputs of the graph, see output()
}

/* ---- parts ---- */

/* What a body may learn: a float tensor that is not a single number. */
static bool may_be_weight(const struct fw_onnx_tensor *t)
{
    return t->rank > 0 && fw_dtype_is_float(t->dtype) && fw_dtypes[t->dtype].bits >= 16;
}

/* Stores a body's weight in the outermost graph, from where every body on the way takes it in: so
 * it is one parameter of the model, with a gradient summed over the iterations and one update. */
static enum fw_status hoist(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                            const struct fw_onnx_tensor *t, uint32_t *ret)
{
    if (scope->outer != NULL) {
        uint32_t outer;
        FW_TRY(hoist(rd, scope->outer, t, &outer));
        return take_in(rd, scope, outer, ret);
    }
    FW_TRY(new_tensor(rd, scope->g, t->name, FW_KIND_INITIALIZER, ret));
    return fw_onnx_store(rd, scope->g, *ret, t);
}

static enum fw_status store_new(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb at,
                                const struct fw_onnx_tensor *t)
{
    uint32_t id;
    if (scope->outer != NULL && t->name.len > 0 && may_be_weight(t)) {
        bool added;
        uint32_t *known = fw_map_put(&scope->names, t->name.s, t->name.len, FW_NONE, &added);
        if (known == NULL)
            return fw_fail_memory(rd->err);
        if (!added)
            return defined_twice(rd, t->name, at);
        FW_TRY(hoist(rd, scope, t, &id));
        *known = id; // names of this scope have not moved since
        return FW_OK;
    }
    if (t->name.len > 0)
        FW_TRY(define(rd, scope, t->name, FW_KIND_INITIALIZER, at, &id));
    else
        FW_TRY(new_tensor(rd, scope->g, t->name, FW_KIND_INITIALIZER, &id));
    return fw_onnx_store(rd, scope->g, id, t);
}

/* One after another; each is stored only after the next was read, so that its place among the names
 * is at hand by then. */
static enum fw_status initializers(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                                   const struct survey *survey)
{
    struct walk walk = walk_start(survey, INITIALIZER);
    struct fw_onnx_tensor t[2];
    struct fw_pb at[2];
    uint32_t n = 0;
    while (walk_next(rd, &walk, &at[n % 2])) {
        FW_TRY(fw_onnx_tensor_read(rd, at[n % 2], &t[n % 2]));
        fw_map_prefetch(&scope->names, t[n % 2].name.s, t[n % 2].name.len);
        n++;
        if (n > 1)
            FW_TRY(store_new(rd, scope, at[n % 2], &t[n % 2]));
    }
    return n > 0 ? store_new(rd, scope, at[(n - 1) % 2], &t[(n - 1) % 2]) : FW_OK;
}

static enum fw_status sparse(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb)
{
    struct fw_onnx_tensor t;
    FW_TRY(fw_onnx_sparse_read(rd, pb, &t));
    return store_new(rd, scope, pb, &t);
}

/* Before its inputs are read, all that a body takes in are its weights. */
static bool is_stored_here(const struct fw_onnx_scope *scope, uint32_t id)
{
    bool stored = scope->g->tensors[id].kind == FW_KIND_INITIALIZER;
    for (uint32_t i = 0; i < scope->n_captures && !stored; i++)
        stored = scope->captures[i].inner == id;
    return stored;
}

/* Files of the first versions list initializers among the inputs as well. */
static enum fw_status input(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb)
{
    struct fw_onnx_text name;
    FW_TRY(fw_onnx_value_name(rd, pb, &name));
    const uint32_t *known = fw_map_get(&scope->names, name.s, name.len);
    if (known != NULL && is_stored_here(scope, *known))
        return FW_OK;
    uint32_t id;
    FW_TRY(define(rd, scope, name, FW_KIND_INPUT, pb, &id));
    if (scope->outer == NULL)
        FW_TRY(fw_onnx_value_input(rd, scope->g, pb, id));
    else
        FW_TRY(fw_onnx_value_hint(rd, scope->g, pb, id, scope->wants_shapes));
    return push_made(rd, scope, id);
}

static enum fw_status output(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb)
{
    struct fw_onnx_text name;
    FW_TRY(fw_onnx_value_name(rd, pb, &name));
    uint32_t id = FW_NONE;
    if (name.len > 0)
        FW_TRY(fw_onnx_resolve(rd, scope, name, &id));
    if (id == FW_NONE || is_pending(scope->g, id))
        return fw_fail(rd->err, FW_FORMAT, fw_pb_offset(&pb),
                       "output '%.*s' of the graph: a tensor is wanted, no node, input or "
                       "initializer has this name",
                       (int)(name.len < 200 ? name.len : 200), name.s);
    scope->g->tensors[id].flags |= FW_TENSOR_OUTPUT;
    return push_made(rd, scope, id);
}

/* Annotations only help where inference does not reach; the shape of the others is not needed. */
static enum fw_status hint(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb)
{
    struct fw_onnx_text name;
    FW_TRY(fw_onnx_value_name(rd, pb, &name));
    const uint32_t *known = fw_map_get(&scope->names, name.s, name.len);
    if (known == NULL || *known == FW_NONE)
        return FW_OK;
    const struct fw_tensor *t = &scope->g->tensors[*known];
    if (t->kind != FW_KIND_ACTIVATION)
        return FW_OK;
    bool gap = t->producer != FW_NONE && (scope->g->nodes[t->producer].op->flags & FW_OP_GAP) != 0;
    return fw_onnx_value_hint(rd, scope->g, pb, *known, gap);
}

/* The ranks of the outputs help to read old forms, so they are wanted before the nodes. */
static enum fw_status announce_output(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                                      struct fw_pb pb)
{
    struct fw_onnx_text name;
    uint32_t id;
    FW_TRY(fw_onnx_value_name(rd, pb, &name));
    if (name.len == 0)
        return FW_OK;
    FW_TRY(announce(rd, scope, name, &id));
    return hint(rd, scope, pb);
}

/* What was collected becomes a list of the graph. */
static enum fw_status take_list(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                                const uint32_t **ret, uint32_t *ret_n)
{
    *ret_n = scope->n_made;
    scope->n_made = 0;
    if (*ret_n == 0)
        return FW_OK;
    *ret = fw_arena_copy(scope->g->arena, scope->made, *ret_n * sizeof **ret);
    return *ret != NULL ? FW_OK : fw_fail_memory(rd->err);
}

static enum fw_status reserve(struct fw_onnx *rd, struct fw_onnx_scope *scope,
                              const struct survey *survey)
{
    uint64_t nodes = survey->of[NODE].n;
    uint64_t all = nodes + survey->of[INITIALIZER].n + survey->of[INPUT].n;
    FW_WITHIN(rd->m->alloc, FW_MOST_nodes, nodes + rd->n_nodes, -1, rd->err);
    FW_WITHIN(rd->m->alloc, FW_MOST_items, all, -1, rd->err);
    FW_TRY(fw_graph_reserve(scope->g, (uint32_t)all, (uint32_t)nodes, rd->err));
    return fw_map_reserve(&scope->names, (size_t)all) ? FW_OK : fw_fail_memory(rd->err);
}

/* What captures add to a body's inputs; their places among the holder's inputs follow later. */
static enum fw_status close_inputs(struct fw_onnx *rd, struct fw_onnx_scope *scope)
{
    struct fw_graph *g = scope->g;
    g->n_formal = g->n_inputs;
    if (scope->n_captures == 0)
        return FW_OK;
    uint32_t *inputs =
        fw_arena_array(g->arena, (size_t)g->n_inputs + scope->n_captures, sizeof *inputs);
    if (inputs == NULL)
        return fw_fail_memory(rd->err);
    for (uint32_t i = 0; i < g->n_inputs; i++)
        inputs[i] = g->inputs[i];
    for (uint32_t i = 0; i < scope->n_captures; i++)
        inputs[g->n_inputs + i] = scope->captures[i].inner;
    g->inputs = inputs;
    g->n_inputs += scope->n_captures;
    return FW_OK;
}

enum fw_status fw_onnx_graph(struct fw_onnx *rd, struct fw_onnx_scope *scope, struct fw_pb pb)
{
    struct fw_graph *g = scope->g;
    struct survey survey;
    FW_TRY(take_survey(rd, g, pb, &survey));
    FW_TRY(reserve(rd, scope, &survey));
    FW_TRY(initializers(rd, scope, &survey));
    FW_TRY(each(rd, scope, &survey, SPARSE, sparse));
    FW_TRY(each(rd, scope, &survey, INPUT, input));
    FW_TRY(take_list(rd, scope, &g->inputs, &g->n_inputs));
    if (scope->outer != NULL)
        FW_TRY(each(rd, scope, &survey, NODE, announce_outputs));
    else
        FW_TRY(each(rd, scope, &survey, OUTPUT, announce_output));
    FW_TRY(each(rd, scope, &survey, NODE, fw_onnx_node));
    FW_TRY(fw_onnx_check_pending(rd, scope));
    FW_TRY(each(rd, scope, &survey, OUTPUT, output));
    FW_TRY(take_list(rd, scope, &g->outputs, &g->n_outputs));
    FW_TRY(each(rd, scope, &survey, VALUE_INFO, hint));
    FW_TRY(each(rd, scope, &survey, OUTPUT, hint));
    FW_TRY(close_inputs(rd, scope));
    uint32_t cycle;
    enum fw_status status = fw_graph_sort(g, &cycle, rd->err);
    if (cycle != FW_NONE)
        fw_error_at_node(rd->err, g, cycle);
    return status;
}

/* ---- bodies ---- */

/* The holder passes what its bodies capture: behind its own n_own inputs, each tensor once. */
static enum fw_status pass_captures(struct fw_onnx *rd, const struct fw_onnx_scope *scope,
                                    struct fw_onnx_ports *holder_in, uint32_t n_own)
{
    uint32_t *places = fw_arena_array(scope->g->arena, scope->n_captures, sizeof *places);
    if (places == NULL)
        return fw_fail_memory(rd->err);
    uint32_t n_before = holder_in->n; // a body captures no tensor twice, but two bodies may
    for (uint32_t i = 0; i < scope->n_captures; i++) {
        uint32_t k = n_own;
        while (k < n_before && holder_in->v[k].id != scope->captures[i].outer)
            k++;
        if (k == n_before) {
            k = holder_in->n;
            FW_TRY(fw_onnx_port_push(rd, holder_in, scope->captures[i].outer));
        }
        places[i] = k;
    }
    scope->g->capture_in = places;
    return FW_OK;
}

enum fw_status fw_onnx_body(struct fw_onnx *rd, const struct fw_onnx_attr *attr,
                            struct fw_onnx_node *holder, uint32_t n_own, struct fw_graph **ret)
{
    struct fw_onnx_scope *outer = attr->scope;
    FW_WITHIN(rd->m->alloc, FW_MOST_nesting, (uint64_t)rd->depth + 1, -1, rd->err);
    struct fw_graph *g = fw_graph_new_body(outer->g);
    if (g == NULL)
        return fw_fail_memory(rd->err);
    struct fw_onnx_scope scope = {
        .g = g,
        .outer = outer,
        .bindings = outer->bindings,
        .n_bindings = outer->n_bindings,
        .prefix = outer->prefix,
        .opset = outer->opset,
        .wants_shapes = (holder->row->op->flags & FW_OP_BODY_SHAPES) != 0,
    };
    fw_map_init(&scope.names, rd->m->alloc);
    rd->depth++;
    enum fw_status status = fw_onnx_graph(rd, &scope, attr->sub);
    if (status == FW_OK)
        status = pass_captures(rd, &scope, &holder->in, n_own);
    rd->depth--;
    fw_onnx_scope_clear(rd, &scope);
    *ret = g;
    return status;
}
