/* The walk that follows fields through the graph, and back for the smallest input; see field.h. */
#include "passes/field.h"

#include "ops/reach.h"
#include "passes/field_map.h"
#include "passes/infer.h"

#include <string.h>

struct walk {
    struct fw_graph *g;
    struct fw_fields *f;
    struct fw_field_maps maps;
    int64_t *need; // (n_tensors * n) smallest size of the dimension that moves along the input's
};

static struct fw_field *slot(const struct walk *w, uint32_t tensor, unsigned k)
{
    return &w->f->of[(size_t)tensor * w->f->n + (k - 1)];
}

static bool depends(const struct walk *w, uint32_t tensor)
{
    for (unsigned k = 1; k <= w->f->n; k++)
        if (slot(w, tensor, k)->kind != FW_FIELD_NONE)
            return true;
    return false;
}

/* Rows may look at every shape of the node. */
static bool has_shapes(const struct walk *w, const struct fw_node *n, unsigned out)
{
    bool known = w->g->tensors[n->out[out]].rank != FW_RANK_UNKNOWN;
    for (unsigned i = 0; i < n->n_in; i++)
        known &= n->in[i] == FW_NONE || w->g->tensors[n->in[i]].rank != FW_RANK_UNKNOWN;
    return known;
}

/* What the node's row says about one input and output; false: the input is not looked at. */
static bool ask(struct walk *w, uint32_t id, unsigned in, unsigned out, struct fw_reach *ret)
{
    struct fw_node *n = &w->g->nodes[id];
    if (n->in[in] == FW_NONE || n->out[out] == FW_NONE || (n->flags & FW_NODE_SHAPE) ||
        (in < 32 && n->op->shape_only >> in & 1u) || !depends(w, n->in[in]))
        return false;
    for (unsigned k = 0; k < FW_MAX_RANK; k++)
        ret[k] = fw_reach_all(n->op->name);
    if (n->op->field == NULL || (n->flags & FW_NODE_GAP) || !has_shapes(w, n, out))
        return true;
    struct fw_cx c = fw_cx_make(w->g, n, NULL, NULL);
    n->op->field(&c, in, out, ret);
    return ret[0].kind != FW_REACH_NONE;
}

static enum fw_status forward(struct walk *w, uint32_t id, struct fw_error *err)
{
    const struct fw_node *n = &w->g->nodes[id];
    struct fw_reach reach[FW_MAX_RANK];
    for (unsigned o = 0; o < n->n_out; o++)
        for (unsigned i = 0; i < n->n_in; i++) {
            if (!ask(w, id, i, o, reach))
                continue;
            for (unsigned k = 1; k <= w->f->n; k++) {
                const struct fw_field *from = slot(w, n->in[i], k);
                struct fw_field to;
                if (from->kind == FW_FIELD_NONE)
                    continue;
                bool moves = from->kind == FW_FIELD_ALONG;
                w->f->is_axis[k] |= moves && reach[from->dim].slides;
                FW_TRY(fw_field_through(&w->maps, from, moves ? &reach[from->dim] : NULL, id, &to,
                                        err));
                FW_TRY(fw_field_join(&w->maps, slot(w, n->out[o], k), &to, id, err));
            }
        }
    return FW_OK;
}

/* ---- the smallest input ---- */

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a > 0 ? (a + b - 1) / b : 0;
}

/* The smallest size that gives `m` positions behind a reach. */
static int64_t smallest(const struct fw_reach *r, int64_t m)
{
    const int64_t most = (int64_t)1 << 40;
    bool known = fw_dim_is_const(r->kernel) && fw_dim_is_const(r->begin) &&
                 fw_dim_is_const(r->end) && r->kernel.word < most && m < most;
    int64_t n = 1;
    switch ((enum fw_reach_kind)r->kind) {
    case FW_REACH_WINDOW:
        if (r->same || !known || r->stride > most || r->dilation > most)
            n = known ? r->stride * (m - 1) + 1 : 1;
        else
            n = r->stride * (m - 1) + (r->kernel.word - 1) * r->dilation + 1 - r->begin.word -
                r->end.word - (r->ceil ? r->stride - 1 : 0);
        break;
    case FW_REACH_TRANSPOSED:
        if (known)
            n = 1 +
                ceil_div(m - (r->kernel.word - 1) * r->dilation - 1 + r->begin.word + r->end.word,
                         r->stride);
        break;
    case FW_REACH_SCALED:
        n = m < most / r->num ? ceil_div(m * r->num, r->den) : 1;
        break;
    case FW_REACH_POINT:
        n = fw_dim_is_const(r->begin) && r->begin.word >= 0 ? r->begin.word + 1 : 1;
        break;
    case FW_REACH_ALL:
    case FW_REACH_NONE:
        break;
    }
    return n > 1 ? n : 1;
}

static void backward(struct walk *w, uint32_t id)
{
    const struct fw_node *n = &w->g->nodes[id];
    struct fw_reach reach[FW_MAX_RANK];
    for (unsigned o = 0; o < n->n_out; o++)
        for (unsigned i = 0; i < n->n_in; i++) {
            if (!ask(w, id, i, o, reach))
                continue;
            for (unsigned k = 1; k <= w->f->n; k++) {
                const struct fw_field *from = slot(w, n->in[i], k);
                if (from->kind != FW_FIELD_ALONG)
                    continue;
                bool on = slot(w, n->out[o], k)->kind == FW_FIELD_ALONG;
                int64_t m = on ? w->need[(size_t)n->out[o] * w->f->n + k - 1] : 1;
                int64_t *need = &w->need[(size_t)n->in[i] * w->f->n + k - 1];
                int64_t least = smallest(&reach[from->dim], m);
                *need = least > *need ? least : *need;
            }
        }
}

/* ---- the whole ---- */

static enum fw_status begin(struct walk *w, struct fw_arena *arena, struct fw_error *err)
{
    size_t n = (size_t)w->g->n_tensors * w->f->n + 1;
    static const int64_t zero[1] = {0};
    w->f->of = fw_arena_zalloc(arena, n * sizeof *w->f->of);
    w->need = fw_arena_array(arena, n, sizeof *w->need);
    if (w->f->of == NULL || w->need == NULL)
        return fw_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        w->need[i] = 1;
    for (unsigned k = 1; k <= w->f->n; k++)
        *slot(w, w->f->input, k) = (struct fw_field){.kind = FW_FIELD_ALONG,
                                                     .dim = (uint8_t)k,
                                                     .aligned = true,
                                                     .even = true,
                                                     .period = 1,
                                                     .shift = 1,
                                                     .lo = zero,
                                                     .hi = zero};
    return FW_OK;
}

enum fw_status fw_field(struct fw_graph *g, uint32_t input, struct fw_arena *arena,
                        struct fw_fields *ret, struct fw_error *err)
{
    const struct fw_tensor *x = &g->tensors[input];
    bool fits = x->rank != FW_RANK_UNKNOWN && x->rank > 0;
    *ret = (struct fw_fields){.input = input, .n = fits ? x->rank - 1u : 0};
    struct walk w = {.g = g, .f = ret, .maps = {.arena = arena}};
    FW_TRY(begin(&w, arena, err));
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        FW_TRY(fw_in_time(g->alloc, id, err));
        FW_TRY(forward(&w, id, err));
    }
    for (uint32_t id = g->n_nodes; id-- > 0;) {
        FW_TRY(fw_in_time(g->alloc, id, err));
        backward(&w, id);
    }
    for (unsigned k = 1; k <= ret->n; k++)
        ret->least[k] = w.need[(size_t)input * ret->n + k - 1];
    return FW_OK;
}

unsigned fw_field_axes(const struct fw_fields *f, const struct fw_graph *g, unsigned *ret)
{
    unsigned n = 0, rank = g->tensors[f->input].rank;
    for (unsigned k = 1; k <= f->n; k++)
        if (f->is_axis[k])
            ret[n++] = k;
    if (n > 0)
        return n;
    for (unsigned k = rank > 3 ? 2 : 1; k <= f->n && (rank > 3 || k == 1); k++)
        ret[n++] = k;
    return n;
}

/* How well an input serves: 3 windows slide along it, 2 a float with three dimensions, 1 two. */
static enum fw_status rate(struct fw_graph *g, uint32_t input, struct fw_arena *scratch, int *ret,
                           struct fw_error *err)
{
    const struct fw_tensor *x = &g->tensors[input];
    struct fw_fields f;
    *ret = 0;
    if (x->rank == FW_RANK_UNKNOWN || x->rank < 2)
        return FW_OK;
    *ret = x->rank >= 3 && fw_dtypes[x->dtype].class == 'f' ? 2 : 1;
    FW_TRY(fw_field(g, input, scratch, &f, err));
    for (unsigned k = 1; k <= f.n; k++)
        if (f.is_axis[k])
            *ret = 3;
    return FW_OK;
}

enum fw_status fw_field_input(struct fw_graph *g, uint32_t *ret, struct fw_error *err)
{
    int best = 0;
    *ret = FW_NONE;
    for (uint32_t i = 0; i < g->n_inputs && best < 3; i++) {
        int one;
        struct fw_arena scratch; // of its own: rows keep contents that they read in the graph's
        fw_arena_init(&scratch, g->alloc);
        enum fw_status status = rate(g, g->inputs[i], &scratch, &one, err);
        fw_arena_clear(&scratch);
        if (status != FW_OK)
            return status;
        if (one > best)
            *ret = g->inputs[i];
        best = one > best ? one : best;
    }
    return FW_OK;
}

int64_t fw_field_size(const struct fw_field *f)
{
    int64_t most = 0;
    for (uint32_t x = 0; x < f->period; x++)
        if (f->lo[x] <= f->hi[x] && f->hi[x] - f->lo[x] + 1 > most)
            most = f->hi[x] - f->lo[x] + 1;
    return most;
}
