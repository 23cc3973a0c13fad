/* The weights of data/conventions.tsv applied to nodes; see convention.h.
 *
 * Bases: mac (multiply-adds of the contraction, padding included), mac_valid (without padding
 * taps), mac_weight (mac where an operand is a parameter), mac_out (output elements x taps x input
 * channels of a group), in, out (elements), rows (output elements / last dimension), reduced (in -
 * out), operands (out x (inputs - 1)), bias (out where there is a bias), channel (bias elements),
 * window (out x taps of the pooling window), hidden and hidden_bias (states a recurrent network
 * computes, the second only with biases). */
#include "study/convention.h"

#include "fw_data.h"
#include "ops/conv.h"
#include "passes/cost.h"
#include "passes/infer.h"

#include <stdlib.h>
#include <string.h>

struct fw_convention_rule {
    const char *op;
    size_t op_len;
    const struct basis *basis;
    int weight;
};

const char *const fw_conventions_known[] = {
    "flopwise", "torch",     "torchvision", "fvcore",     "thop", "thop-2019",
    "ptflops",  "deepspeed", "pycls",       "onnx-tool",  "xla",  "6nd",
    "kaplan",   "palm",      "megatron",    "chinchilla", NULL};

/* Kaplan et al. 2020 (arXiv 2001.08361); Brown et al. 2020 App. D; Chowdhery et al. 2022 (arXiv
 * 2204.02311) App. B; Hoffmann et al. 2022 (arXiv 2203.15556) App. F; Megatron-LM's own count. A
 * training step is three forward passes in all of them. */
static const struct fw_whole_convention wholes[] = {
    {"6nd", "6*N", FW_WHOLE_PARAMS, FW_WHOLE_NONE, false, false, false},
    {"kaplan", "6*(N - tables)", FW_WHOLE_NO_TABLES, FW_WHOLE_NONE, false, false, false},
    {"palm", "6*N + 12*layers*heads*width*seq", FW_WHOLE_PARAMS, FW_WHOLE_FULL, false, false,
     false},
    {"megatron", "3*(products but the router's + causal attention)", FW_WHOLE_EXACT,
     FW_WHOLE_CAUSAL, false, false, true},
    {"chinchilla", "3*(products + full attention + 2*tables + 3*scores)", FW_WHOLE_EXACT,
     FW_WHOLE_FULL, true, true, false},
};

/* ---- bases ---- */

static fw_count mac(struct fw_cx *c)
{
    struct fw_cost cost;
    (void)fw_node_cost(c->g, (uint32_t)(c->node - c->g->nodes), NULL, &cost);
    return cost.n[FW_FMA];
}

static fw_count mac_valid(struct fw_cx *c)
{
    struct fw_cost padding;
    fw_cost_clear(&padding);
    fw_count all = mac(c);
    if (!fw_padding_cost(c, &padding))
        return all;
    return fw_count_sub(c->sym, all, padding.n[FW_FMA]);
}

static fw_count mac_weight(struct fw_cx *c)
{
    for (unsigned i = 0; i < c->node->n_in; i++)
        if (fw_has_in(c, i) && fw_in(c, i)->kind == FW_KIND_PARAM)
            return mac(c);
    return fw_count_int(0);
}

static fw_count in(struct fw_cx *c)
{
    return fw_elements(c, fw_in(c, 0));
}

static fw_count out(struct fw_cx *c)
{
    return fw_elements(c, fw_out(c, 0));
}

static fw_count mac_out(struct fw_cx *c) // W is (channels in, channels out of a group, taps...)
{
    const struct fw_tensor *w = fw_in(c, 1);
    fw_count taps = fw_product(c, w->dims, 2, w->rank);
    fw_count channels = fw_count_mul(c->sym, taps, fw_count_of(w->dims[0]));
    return fw_count_mul(c->sym, out(c), channels);
}

static fw_count rows(struct fw_cx *c)
{
    const struct fw_tensor *y = fw_out(c, 0);
    return y->rank == 0 ? fw_count_int(1) : fw_product(c, y->dims, 0, y->rank - 1u);
}

static fw_count reduced(struct fw_cx *c)
{
    return fw_count_sub(c->sym, in(c), out(c));
}

static fw_count operands(struct fw_cx *c)
{
    return fw_count_mul(c->sym, out(c), fw_count_int(c->node->n_in - 1));
}

static fw_count bias(struct fw_cx *c)
{
    return fw_has_in(c, 2) ? out(c) : fw_count_int(0);
}

static fw_count channel(struct fw_cx *c)
{
    return fw_has_in(c, 2) ? fw_elements(c, fw_in(c, 2)) : fw_count_int(0);
}

static fw_count window(struct fw_cx *c)
{
    for (unsigned a = 0; a < c->node->op->n_attrs; a++) {
        if (strcmp(c->node->op->attrs[a].name, "kernel_shape") != 0)
            continue;
        fw_count n = out(c);
        for (uint32_t k = 0; k < c->node->attr[a].n; k++)
            n = fw_count_mul(c->sym, n, fw_count_int(c->node->attr[a].ints[k]));
        return n;
    }
    return in(c); // a global pool: its window is the whole input
}

static fw_count hidden(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    const struct fw_tensor *r = fw_in(c, 2); // (directions, gates * hidden, hidden)
    fw_count steps = fw_product(c, x->dims, 0, 2);
    return fw_count_mul(c->sym, steps,
                        fw_count_mul(c->sym, fw_count_of(r->dims[0]), fw_count_of(r->dims[2])));
}

static fw_count hidden_bias(struct fw_cx *c)
{
    return fw_has_in(c, 3) ? hidden(c) : fw_count_int(0);
}

struct basis {
    const char *name;
    fw_count (*count)(struct fw_cx *c);
    bool backward; // also of gradient nodes
};

static const struct basis bases[] = {
    {"mac", mac, true},
    {"mac_valid", mac_valid, false},
    {"mac_weight", mac_weight, false},
    {"mac_out", mac_out, false},
    {"in", in, false},
    {"out", out, false},
    {"rows", rows, false},
    {"reduced", reduced, false},
    {"operands", operands, false},
    {"bias", bias, false},
    {"channel", channel, false},
    {"window", window, false},
    {"hidden", hidden, false},
    {"hidden_bias", hidden_bias, false},
};

/* ---- the table ---- */

static size_t field(const char **at, const char **ret) // up to a tab or the end of the line
{
    size_t n = strcspn(*at, "\t\n");
    *ret = *at;
    *at += n + ((*at)[n] == '\t');
    return n;
}

static const struct basis *find_basis(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (strlen(bases[i].name) == len && memcmp(bases[i].name, name, len) == 0)
            return &bases[i];
    return NULL;
}

static enum fw_status add_rule(struct fw_arena *arena, const char *line, struct fw_convention *ret,
                               struct fw_convention_rule *rule, struct fw_error *err)
{
    const char *text;
    (void)field(&line, &text);
    size_t len = field(&line, &text);
    if (ret->unit == NULL)
        ret->unit = fw_arena_strndup(arena, text, len);
    rule->op_len = field(&line, &rule->op);
    len = field(&line, &text);
    rule->basis = find_basis(text, len);
    FW_REQUIRE(ret->unit != NULL, err, FW_MEMORY, "out of memory");
    FW_REQUIRE(rule->basis != NULL, err, FW_FORMAT, "conventions: no basis '%.*s'", (int)len, text);
    rule->weight = (int)strtol(line, NULL, 10);
    return FW_OK;
}

static enum fw_status fail_unknown(struct fw_arena *arena, const char *name, struct fw_error *err)
{
    struct fw_str list;
    fw_str_init(&list, arena->alloc);
    for (const char *const *k = fw_conventions_known; *k != NULL; k++)
        fw_str_addf(&list, "%s%s", k != fw_conventions_known ? ", " : "", *k);
    enum fw_status status =
        fw_fail(err, FW_USAGE, -1, "no convention '%s': there are %s", name, fw_str_text(&list));
    fw_str_free(&list);
    return status;
}

enum fw_status fw_convention_load(struct fw_arena *arena, const char *name,
                                  struct fw_convention *ret, struct fw_error *err)
{
    size_t len = strlen(name);
    unsigned n = 0;
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        if (strcmp(wholes[i].name, name) == 0) {
            *ret = (struct fw_convention){.whole = &wholes[i], .name = name, .unit = "FLOP"};
            return FW_OK;
        }
    for (const char *at = fw_data_conventions; *at != '\0'; at = strchr(at, '\n') + 1)
        n += strncmp(at, name, len) == 0 && at[len] == '\t';
    if (n == 0)
        return fail_unknown(arena, name, err);
    struct fw_convention_rule *rules = fw_arena_array(arena, n, sizeof *rules);
    if (rules == NULL)
        return fw_fail_memory(err);
    *ret = (struct fw_convention){.name = name, .rules = rules};
    for (const char *at = fw_data_conventions; *at != '\0'; at = strchr(at, '\n') + 1)
        if (strncmp(at, name, len) == 0 && at[len] == '\t')
            FW_TRY(add_rule(arena, at, ret, &rules[ret->n_rules++], err));
    return FW_OK;
}

/* ---- applying it ---- */

static const char *producer_op(const struct fw_graph *g, uint32_t tensor)
{
    uint32_t p = tensor == FW_NONE ? FW_NONE : g->tensors[tensor].producer;
    return p == FW_NONE ? "" : g->nodes[p].op->name;
}

/* A layer normalisation written out, as exporters did before it was an operator: its division is
 * Div(Sub(x, mean), Sqrt(...)). */
static bool is_norm_chain(const struct fw_graph *g, const struct fw_node *n)
{
    return strcmp(n->op->name, "Div") == 0 && // layers: allow the tools go by names in the file
           strcmp(producer_op(g, n->in[0]), "Sub") == 0 &&
           strcmp(producer_op(g, n->in[1]), "Sqrt") == 0;
}

static bool has_text(const struct fw_node *n, const char *attr, const char *value, size_t len)
{
    for (unsigned a = 0; a < n->op->n_attrs; a++)
        if (strcmp(n->op->attrs[a].name, attr) == 0 && n->op->attrs[a].type == FW_ATTR_STRING)
            return n->attr[a].s != NULL && strncmp(n->attr[a].s, value, len) == 0;
    return false;
}

static bool applies(const struct fw_graph *g, const struct fw_node *n,
                    const struct fw_convention_rule *rule)
{
    if (rule->op_len == 1 && rule->op[0] == '*')
        return true;
    const char *slash = memchr(rule->op, '/', rule->op_len);
    size_t name_len = slash != NULL ? (size_t)(slash - rule->op) : rule->op_len;
    if (rule->op[0] == 'l' && is_norm_chain(g, n)) // "layer-norm-chain"
        return true;
    const char *name = n->op->name;
    if (strncmp(name, rule->op, name_len) != 0 || name[name_len] != '\0')
        return false;
    return slash == NULL || has_text(n, "mode", slash + 1, rule->op_len - name_len - 1);
}

fw_count fw_convention_count(struct fw_graph *g, uint32_t id,
                             const struct fw_convention *convention)
{
    struct fw_node *n = &g->nodes[id];
    fw_count sum = fw_count_int(0);
    bool backward = n->phase != FW_PHASE_FORWARD;
    if (n->flags & (FW_NODE_SHAPE | FW_NODE_GAP) || n->n_out == 0)
        return sum;
    struct fw_cx c = fw_cx_make(g, n, NULL, NULL);
    for (unsigned i = 0; i < convention->n_rules; i++) {
        const struct fw_convention_rule *rule = &convention->rules[i];
        if (!applies(g, n, rule) || (backward && !(rule->basis->backward && rule->op[0] == '*')))
            continue;
        fw_count one = fw_count_mul(g->sym, rule->basis->count(&c), fw_count_int(rule->weight));
        sum = fw_count_add(g->sym, sum, one);
    }
    return sum;
}
