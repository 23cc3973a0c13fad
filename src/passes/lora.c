/* Low-rank adapters; see lora.h. Nodes are appended in order anew, each adapter behind its layer.
 */
#include "passes/lora.h"

#include "base/glob.h"
#include "ops/op.h"
#include "passes/infer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TARGETS = 16, MAX_RANK = 65536 };

struct lora {
    struct fw_graph *g;
    struct fw_error *err;
    int64_t rank;
    const char *target[MAX_TARGETS];
    unsigned n_targets;
    unsigned found; // bit i: a layer is called target i
    uint32_t *now;  // (n_tensors at the start) what stands for each tensor behind its adapter
    uint32_t n_tensors;
    uint32_t adapters;
};

/* ---- the option ---- */

static enum fw_status add_target(struct lora *l, const char *text, size_t len)
{
    FW_REQUIRE(l->n_targets < MAX_TARGETS, l->err, FW_USAGE, "--lora: at most %d targets are taken",
               MAX_TARGETS);
    l->target[l->n_targets] = fw_arena_strndup(l->g->arena, text, len);
    return l->target[l->n_targets++] != NULL ? FW_OK : fw_fail_memory(l->err);
}

/* Sets *ret_named where the option names its targets: each of those must be found. */
static enum fw_status parse(struct lora *l, const char *what, bool *ret_named)
{
    static const char *const usual[] = {"q_proj",          "v_proj",   "query",
                                        "value",           "c_attn",   "*qkv*",
                                        "query_key_value", "q_b_proj", "kv_b_proj"};
    for (const char *p = what; *p != '\0';) {
        size_t len = strcspn(p, ",");
        if (len > 2 && strncmp(p, "r=", 2) == 0) {
            char *end;
            FW_REQUIRE(l->rank == 0, l->err, FW_USAGE, "--lora: r is given twice");
            l->rank = strtoll(p + 2, &end, 10);
            FW_REQUIRE(end == p + len && l->rank > 0 && l->rank <= MAX_RANK, l->err, FW_USAGE,
                       "--lora: r is a number from 1 to %d, found '%.*s'", MAX_RANK, (int)(len - 2),
                       p + 2);
        } else if (len > 8 && strncmp(p, "targets=", 8) == 0) {
            for (const char *t = p + 8; t < p + len;) {
                size_t n = strcspn(t, "+,");
                FW_TRY(add_target(l, t, n));
                t += n + (t[n] == '+');
            }
        } else {
            return fw_fail(l->err, FW_USAGE, -1,
                           "--lora: r=NUMBER and targets=NAME+NAME are taken, found '%.*s'",
                           (int)len, p);
        }
        p += len + (p[len] == ',');
    }
    FW_REQUIRE(l->rank > 0, l->err, FW_USAGE, "--lora: the rank is missing, as in r=16");
    *ret_named = l->n_targets > 0;
    for (unsigned i = 0; l->n_targets == 0 && i < sizeof usual / sizeof *usual; i++)
        l->target[i] = usual[i];
    if (l->n_targets == 0)
        l->n_targets = sizeof usual / sizeof *usual;
    return FW_OK;
}

/* ---- adapters ---- */

/* A product of an activation with a stored matrix, whose name matches. */
static bool matches(struct lora *l, const struct fw_node *n)
{
    const struct fw_graph *g = l->g;
    if (n->name == NULL || !(n->op->flags & FW_OP_CONTRACTION) || n->n_in < 2 || n->n_out != 1)
        return false;
    const struct fw_tensor *w = fw_tensor_at(g, n->in[1]);
    if (w == NULL || w->kind != FW_KIND_PARAM || w->rank != 2 || n->in[0] == FW_NONE)
        return false;
    const char *dot = strrchr(n->name, '.');
    const char *last = dot != NULL ? dot + 1 : n->name;
    unsigned hits = 0;
    for (unsigned i = 0; i < l->n_targets; i++)
        if (fw_glob(l->target[i], last) || fw_glob(l->target[i], n->name))
            hits |= 1u << i;
    l->found |= hits;
    return hits != 0;
}

static enum fw_status append(struct lora *l, const char *op, const char *name, const uint32_t *in,
                             uint32_t *ret)
{
    struct fw_graph *g = l->g;
    struct fw_node_spec spec = {.op = fw_op_find("", op),
                                .name = name,
                                .in = in,
                                .n_in = 2,
                                .n_out = 1,
                                .layer = FW_NONE,
                                .at = -1};
    uint32_t id;
    *ret = g->n_tensors;
    FW_TRY(fw_graph_node(g, &spec, &id, l->err));
    g->tensors[*ret].name = name;
    return fw_infer_node(g, id, l->err);
}

static enum fw_status matrix(struct lora *l, const char *layer, const char *part, fw_dim rows,
                             fw_dim columns, uint32_t *ret)
{
    const fw_dim dims[2] = {rows, columns};
    const char *name = fw_arena_printf(l->g->arena, "%s.%s.weight", layer, part);
    if (name == NULL)
        return fw_fail_memory(l->err);
    FW_TRY(fw_graph_tensor(l->g, name, FW_KIND_PARAM, FW_F32, 2, dims, ret, l->err));
    l->g->tensors[*ret].flags |= FW_TENSOR_WEIGHT_SIDE;
    return FW_OK;
}

/* y + (x A) B; the factor alpha / r is a part of B. */
static enum fw_status adapt(struct lora *l, const struct fw_node *n)
{
    struct fw_graph *g = l->g;
    uint32_t y = n->out[0];
    uint32_t x = n->in[0];
    fw_dim in = g->tensors[x].dims[g->tensors[x].rank - 1];
    fw_dim out = g->tensors[y].dims[g->tensors[y].rank - 1];
    fw_dim rank = fw_dim_int(l->rank);
    uint32_t a[2] = {x < l->n_tensors && l->now[x] != FW_NONE ? l->now[x] : x, 0};
    uint32_t b[2];
    uint32_t sum[2] = {y, 0};
    FW_TRY(matrix(l, n->name, "lora_A", in, rank, &a[1]));
    FW_TRY(matrix(l, n->name, "lora_B", rank, out, &b[1]));
    const char *name[3];
    static const char *const part[3] = {"lora_A", "lora_B", "lora"};
    for (unsigned k = 0; k < 3; k++) {
        name[k] = fw_arena_printf(g->arena, "%s.%s", n->name, part[k]);
        if (name[k] == NULL)
            return fw_fail_memory(l->err);
    }
    FW_TRY(append(l, "MatMul", name[0], a, &b[0]));
    FW_TRY(append(l, "MatMul", name[1], b, &sum[1]));
    l->adapters++;
    return append(l, "Add", name[2], sum, &l->now[y]);
}

static enum fw_status again(struct lora *l, const struct fw_node *n)
{
    struct fw_graph *g = l->g;
    uint32_t *ports = fw_arena_array(g->arena, n->n_in + 1u, sizeof *ports);
    if (ports == NULL)
        return fw_fail_memory(l->err);
    for (unsigned i = 0; i < n->n_in; i++) {
        uint32_t t = n->in[i];
        ports[i] = t != FW_NONE && t < l->n_tensors && l->now[t] != FW_NONE ? l->now[t] : t;
    }
    struct fw_node_spec spec = {.op = n->op,
                                .name = n->name,
                                .in = ports,
                                .out = n->out,
                                .attr = n->attr,
                                .n_in = n->n_in,
                                .n_out = n->n_out,
                                .phase = n->phase,
                                .layer = FW_NONE,
                                .at = n->at};
    uint32_t id;
    FW_TRY(fw_graph_node(g, &spec, &id, l->err));
    g->nodes[id].flags = n->flags;
    return FW_OK;
}

static enum fw_status rewrite(struct lora *l)
{
    struct fw_graph *g = l->g;
    uint32_t n_old = g->n_nodes;
    struct fw_node *old = fw_arena_copy(g->arena, g->nodes, n_old * sizeof *old);
    l->n_tensors = g->n_tensors;
    l->now = fw_arena_array(g->arena, l->n_tensors + 1u, sizeof *l->now);
    uint32_t *outputs = fw_arena_array(g->arena, g->n_outputs + 1u, sizeof *outputs);
    if (old == NULL || l->now == NULL || outputs == NULL)
        return fw_fail_memory(l->err);
    memset(l->now, 0xff, (l->n_tensors + 1u) * sizeof *l->now);
    g->n_nodes = 0;
    for (uint32_t id = 0; id < n_old; id++) {
        FW_TRY(again(l, &old[id]));
        if (matches(l, &old[id]))
            FW_TRY(adapt(l, &old[id]));
    }
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        uint32_t t = g->outputs[i];
        outputs[i] = t < l->n_tensors && l->now[t] != FW_NONE ? l->now[t] : t;
        g->tensors[outputs[i]].flags |= FW_TENSOR_OUTPUT;
    }
    g->outputs = outputs;
    return FW_OK;
}

enum fw_status fw_lora(struct fw_graph *g, const char *what, struct fw_error *err)
{
    struct lora l = {.g = g, .err = err};
    bool named;
    FW_TRY(parse(&l, what, &named));
    uint32_t before = g->n_tensors;
    FW_TRY(rewrite(&l));
    FW_REQUIRE(l.adapters > 0, err, FW_USAGE,
               "--lora: no layer with a matrix has a name that matches; targets=NAME names some");
    for (unsigned i = 0; named && i < l.n_targets; i++)
        FW_REQUIRE(l.found >> i & 1u, err, FW_USAGE,
                   "--lora: no layer with a matrix is called '%s'", l.target[i]);
    for (uint32_t id = 0; id < before; id++)
        if (g->tensors[id].kind == FW_KIND_PARAM)
            g->tensors[id].flags |= FW_TENSOR_FROZEN;
    return FW_OK;
}

uint32_t fw_attention_flash(struct fw_graph *g)
{
    uint32_t n = 0;
    for (uint32_t id = 0; id < g->n_nodes; id++) {
        struct fw_node *node = &g->nodes[id];
        for (unsigned i = 0; i < node->op->n_attrs; i++) {
            if (strcmp(node->op->attrs[i].name, "flash") != 0)
                continue;
            struct fw_attr *attr =
                fw_arena_copy(g->arena, node->attr, node->op->n_attrs * sizeof *attr);
            if (attr == NULL)
                return 0;
            attr[i].i = 1;
            node->attr = attr;
            n++;
        }
    }
    return n;
}
