/* Layers repeated a number of times that may be a letter; see builder.h.
 *
 * What is built between begin and end becomes the body of a Scan that carries one tensor from turn
 * to turn. A parameter made inside is one of each turn's own: all turns' are stored stacked along a
 * first axis, and a turn sees its slice. What was made outside is shared by all turns. Without
 * parameters of its own there is nothing to scan: then the body is that of a Loop. */
#include "build/builder.h"

#include <string.h>

struct fw_build_pair {
    int outside;     // handle in the graph around
    uint32_t inside; // tensor of the body
    struct fw_build_pair *next;
};

struct fw_build_repeat {
    struct fw_graph *body;
    struct fw_build_repeat *around;
    const char *name;
    int64_t times;
    int state;                             // handle of the carried tensor outside
    uint32_t state_in;                     // and inside
    struct fw_build_pair *slices, *shared; // newest first
    uint32_t n_slices, n_shared;
};

/* ---- what a body takes in ---- */

/* A new input of the body with the shape of t, but for its first `less` axes. */
static int body_input(struct fw_builder *b, struct fw_graph *body, const struct fw_tensor *t,
                      unsigned less, uint32_t *ret)
{
    fw_dim dims[FW_MAX_RANK];
    memcpy(dims, t->dims != NULL ? t->dims + less : dims, (t->rank - less) * sizeof *dims);
    uint8_t flags = t->flags & FW_TENSOR_WEIGHT_SIDE;
    if (fw_graph_tensor(body, t->name, FW_KIND_INPUT, (enum fw_dtype)t->dtype,
                        (uint8_t)(t->rank - less), dims, ret, &b->err) != FW_OK)
        return -1;
    body->tensors[*ret].flags |= flags;
    return fw_build_handle(b, body, *ret);
}

static bool keep_pair(struct fw_builder *b, struct fw_build_pair **list, uint32_t *n, int outside,
                      uint32_t inside)
{
    struct fw_build_pair *p = fw_arena_alloc(&b->m->arena, sizeof *p);
    if (p == NULL)
        return fw_build_fail(b, FW_MEMORY, "out of memory") == 0;
    *p = (struct fw_build_pair){outside, inside, *list};
    *list = p;
    ++*n;
    return true;
}

/* The tensor of a handle as repeat r sees it, which is not one of its body. */
static int share(struct fw_builder *b, struct fw_build_repeat *r, int x)
{
    struct fw_graph *around = r->body->outer;
    if (b->handle[x].g != around && r->around != NULL)
        x = share(b, r->around, x);
    if (x < 0 || b->handle[x].g != around)
        return fw_build_fail(b, FW_USAGE, "a tensor of a repetition that has ended");
    for (const struct fw_build_pair *p = r->shared; p != NULL; p = p->next)
        if (b->handle[p->outside].id == b->handle[x].id)
            return fw_build_handle(b, r->body, p->inside);
    struct fw_tensor t = around->tensors[b->handle[x].id];
    uint32_t id;
    int inside = body_input(b, r->body, &t, 0, &id);
    return inside >= 0 && keep_pair(b, &r->shared, &r->n_shared, x, id) ? inside : -1;
}

int fw_build_reach(struct fw_builder *b, int x)
{
    if (b->handle[x].g == b->g || b->repeat == NULL)
        return b->handle[x].g == b->g
                   ? x
                   : fw_build_fail(b, FW_USAGE, "a tensor of a repetition that has ended");
    return share(b, b->repeat, x);
}

/* The slice of a stacked tensor that a turn of r and of what is around it sees. */
static int slice(struct fw_builder *b, struct fw_build_repeat *r, int stacked)
{
    if (r->around != NULL)
        stacked = slice(b, r->around, stacked);
    if (stacked < 0)
        return -1;
    struct fw_tensor t = r->body->outer->tensors[b->handle[stacked].id];
    uint32_t id;
    int inside = body_input(b, r->body, &t, 1, &id);
    return inside >= 0 && keep_pair(b, &r->slices, &r->n_slices, stacked, id) ? inside : -1;
}

unsigned fw_build_stack_dims(const struct fw_builder *b, unsigned rank, const int64_t *dims,
                             int64_t *ret)
{
    unsigned depth = 0;
    for (const struct fw_build_repeat *r = b->repeat; r != NULL; r = r->around)
        depth++;
    unsigned k = depth;
    for (const struct fw_build_repeat *r = b->repeat; r != NULL; r = r->around)
        ret[--k] = r->times;
    if (rank > 0)
        memcpy(ret + depth, dims, rank * sizeof *dims);
    return depth + rank;
}

int fw_build_slice(struct fw_builder *b, int stacked)
{
    return b->repeat == NULL || stacked < 0 ? stacked : slice(b, b->repeat, stacked);
}

/* ---- begin and end ---- */

int fw_repeat(struct fw_builder *b, const char *name, int64_t times, int x)
{
    const struct fw_tensor *t = fw_build_tensor(b, x);
    if (t == NULL)
        return -1;
    uint64_t depth = 0;
    for (const struct fw_build_repeat *r = b->repeat; r != NULL; r = r->around)
        depth++;
    if (!fw_build_within(b, FW_MOST_nesting, depth + 1))
        return -1;
    int sign = fw_dim_sign(b->m->sym, (fw_dim){times});
    if (fw_dim_is_bad((fw_dim){times}) || sign == -1)
        return fw_build_fail(b, FW_USAGE, "a number of repetitions from 0 on is wanted");
    x = fw_build_reach(b, x);
    struct fw_build_repeat *r = fw_arena_zalloc(&b->m->arena, sizeof *r);
    struct fw_graph *body = fw_graph_new_body(b->g);
    const char *full = fw_build_name(b, name, "repeat");
    if (r == NULL || body == NULL || full == NULL || x < 0)
        return fw_build_fail(b, FW_MEMORY, "out of memory");
    *r = (struct fw_build_repeat){.body = body, .around = b->repeat, .name = full, .times = times};
    r->state = x;
    struct fw_tensor state = b->g->tensors[b->handle[x].id];
    state.flags = 0;
    b->repeat = r;
    b->g = body;
    return body_input(b, body, &state, 0, &r->state_in);
}

/* Lists the pairs, oldest first: inputs of the body and of the node from `at` on. */
static void list_pairs(const struct fw_build_pair *p, uint32_t n, uint32_t *inputs, int *in,
                       uint32_t at)
{
    for (uint32_t k = n; p != NULL; p = p->next) {
        inputs[at + --k] = p->inside;
        in[at + k] = p->outside;
    }
}

/* The body's inputs: n_first, slices, shared tensors. The list is given, to be completed. */
static uint32_t *close_body(struct fw_builder *b, const struct fw_build_repeat *r, uint32_t n_first,
                            int *in)
{
    struct fw_graph *body = r->body;
    uint32_t n = n_first + r->n_slices + r->n_shared;
    uint32_t *inputs = fw_arena_array(&b->m->arena, n, sizeof *inputs);
    uint32_t *captures = fw_arena_array(&b->m->arena, r->n_shared + 1u, sizeof *captures);
    if (inputs == NULL || captures == NULL) {
        (void)fw_build_fail(b, FW_MEMORY, "out of memory");
        return NULL;
    }
    inputs[n_first - 1] = r->state_in;
    list_pairs(r->slices, r->n_slices, inputs, in, n_first);
    list_pairs(r->shared, r->n_shared, inputs, in, n_first + r->n_slices);
    for (uint32_t k = 0; k < r->n_shared; k++)
        captures[k] = n_first + r->n_slices + k;
    body->inputs = inputs;
    body->n_inputs = n;
    body->n_formal = n_first + r->n_slices;
    body->capture_in = captures;
    return inputs;
}

static bool body_outputs(struct fw_builder *b, struct fw_graph *body, const uint32_t *v, uint32_t n)
{
    body->outputs = fw_arena_copy(&b->m->arena, v, n * sizeof *v);
    body->n_outputs = n;
    return body->outputs != NULL || fw_build_fail(b, FW_MEMORY, "out of memory") == 0;
}

static int end_scan(struct fw_builder *b, const struct fw_build_repeat *r, uint32_t out, int *in)
{
    in[0] = r->state;
    if (close_body(b, r, 1, in) == NULL || !body_outputs(b, r->body, &out, 1))
        return -1;
    struct fw_build_node n = fw_build_node(b, "", "Scan");
    fw_build_graph(&n, "body", r->body);
    fw_build_int(&n, "num_scan_inputs", r->n_slices);
    return fw_build_add(&n, r->name, in, 1 + r->n_slices + r->n_shared, 1);
}

/* A Loop's body has the turn's number and a condition besides, which is always true. */
static int end_loop(struct fw_builder *b, const struct fw_build_repeat *r, uint32_t out, int *in)
{
    uint32_t extra[2];
    for (unsigned k = 0; k < 2; k++)
        if (fw_graph_tensor(r->body, k == 0 ? "turn" : "goes_on", FW_KIND_INPUT,
                            k == 0 ? FW_I64 : FW_BOOL, 0, NULL, &extra[k], &b->err) != FW_OK)
            return -1;
    in[0] = fw_sizes(b, 1, &r->times);
    in[1] = -1;
    in[2] = r->state;
    uint32_t outputs[2] = {extra[1], out};
    uint32_t *inputs = close_body(b, r, 3, in);
    if (inputs == NULL || !body_outputs(b, r->body, outputs, 2))
        return -1;
    inputs[0] = extra[0];
    inputs[1] = extra[1];
    struct fw_build_node n = fw_build_node(b, "", "Loop");
    fw_build_graph(&n, "body", r->body);
    return fw_build_add(&n, r->name, in, 3 + r->n_shared, 1);
}

int fw_repeat_end(struct fw_builder *b, int y)
{
    struct fw_build_repeat *r = b->repeat;
    if (fw_build_ok(b) && r == NULL)
        return fw_build_fail(b, FW_USAGE, "a repetition ends that was not begun");
    if (fw_build_tensor(b, y) == NULL)
        return -1;
    y = fw_build_reach(b, y);
    if (y < 0)
        return -1;
    const struct fw_tensor *out = &b->g->tensors[b->handle[y].id];
    const struct fw_tensor *state = &b->g->tensors[r->state_in];
    if (out->rank != state->rank ||
        memcmp(out->dims, state->dims, out->rank * sizeof *out->dims) != 0)
        return fw_build_fail(b, FW_SHAPE, "%s: a turn must leave the shape it found", r->name);
    int *in = fw_arena_array(&b->m->arena, 3u + r->n_slices + r->n_shared, sizeof *in);
    if (in == NULL)
        return fw_build_fail(b, FW_MEMORY, "out of memory");
    uint32_t id = b->handle[y].id;
    b->g = r->body->outer;
    b->repeat = r->around;
    return r->n_slices > 0 ? end_scan(b, r, id, in) : end_loop(b, r, id, in);
}
