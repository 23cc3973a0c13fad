/* See variance.h. */
#include "passes/variance.h"

#include "ops/value.h"

#include <math.h>
#include <string.h>

struct walk {
    struct fw_moment_cx m;
    struct fw_normal normal;
    struct fw_arena *arena;
    struct fw_arena scratch;
    uint8_t *gap;
    bool *reached; // (tensors) something known had part in it
    struct fw_variance_layer *layers;
    uint32_t n_layers;
    bool no_memory;
    struct fw_error err; // of rules, which is of no interest: they say false
};

enum { MAX_INPUTS = 16 };
enum { NO_RULE = 1, AFTER_GAP = 2 };

/* ---- functions of one tensor's values ---- */

/* The values of x that stand for its distribution. */
static const double *curve_of(struct walk *w, const struct fw_moments *x)
{
    if (x->curve != NULL)
        return x->curve;
    double *v = fw_arena_array(&w->scratch, FW_CURVE_VALUES, sizeof *v), level[FW_CURVE_LEVELS];
    fw_moments_levels(x, level);
    for (int l = 0; v != NULL && l < FW_CURVE_LEVELS; l++)
        for (int i = 0; i < FW_NORMAL_POINTS; i++) {
            double *at = v + (size_t)(l * FW_CURVE_KINDS * FW_NORMAL_POINTS + i),
                   step = FW_CURVE_STEP;
            at[(size_t)FW_CURVE_AT * FW_NORMAL_POINTS] = fw_moments_value(&w->m, x, level[l], i, 0);
            at[(size_t)FW_CURVE_UP * FW_NORMAL_POINTS] =
                fw_moments_value(&w->m, x, level[l], i, step);
            at[(size_t)FW_CURVE_DOWN * FW_NORMAL_POINTS] =
                fw_moments_value(&w->m, x, level[l], i, -step);
        }
    if (v != NULL)
        memcpy(v + (size_t)FW_CURVE_UNIT * FW_NORMAL_POINTS, w->normal.z, sizeof w->normal.z);
    w->no_memory |= v == NULL;
    return v;
}

/* Runs the node's kernel on n values of each input; inputs that are one number have n 1. */
static bool run_kernel(struct walk *w, struct fw_buffer *in, unsigned n_in, double *out, size_t n)
{
    struct fw_buffer result = {
        .data = out, .n = n, .dims = {(int64_t)n}, .rank = 1, .dtype = FW_F32, .real = sizeof *out};
    struct fw_buffer *ins[MAX_INPUTS], *outs[1] = {&result};
    for (unsigned i = 0; i < n_in; i++)
        ins[i] = in[i].data != NULL ? &in[i] : NULL;
    struct fw_run r = {.cx = w->m.cx, .in = ins, .out = outs, .scratch = &w->scratch, .parts = 1};
    return fw_kernel_call(r.cx.node->op->run[FW_COUNTED], &r) == FW_OK;
}

static const char *join_names(struct walk *w, const char *before, const char *op)
{
    const char *name = before == NULL ? op : fw_arena_printf(w->arena, "%s+%s", before, op);
    w->no_memory |= name == NULL;
    return name != NULL ? name : op;
}

/* Mean and second moment over all positions of the base. */
static bool add_up(struct walk *w, struct fw_moments *y)
{
    const struct fw_pairs *p = w->m.all[y->base].pairs;
    const double *a = fw_moments_coefficients(&w->m, y, FW_OF_VALUE);
    size_t n = p != NULL ? p->positions : 1;
    for (size_t i = 0; a != NULL && i < n; i++, a += FW_HERMITE_VALUES) {
        double share = p != NULL ? fw_pair_share(p, i) : 1;
        y->mean += share * a[0];
        y->second += share * fw_normal_join(a, a, 1);
    }
    return a != NULL;
}

static void set_curve(struct walk *w, uint32_t out, uint32_t base, const double *curve,
                      const char *function)
{
    struct fw_moments *y = &w->m.all[out];
    const struct fw_moments *x = &w->m.all[base];
    const double *unit = curve + (size_t)FW_CURVE_UNIT * FW_NORMAL_POINTS;
    double at[FW_NORMAL_POINTS];
    *y = (struct fw_moments){.known = true,
                             .curve = curve,
                             .base = base,
                             .unit_mean = fw_normal_mean(&w->normal, unit),
                             .unit_second = fw_normal_square(&w->normal, unit),
                             .function = function};
    fw_moments_curve_at(&w->m, y, FW_OF_VALUE, fw_moments_scale(x, x->second), at);
    y->shared = fw_normal_pair(&w->normal, at, fw_moments_correlation(x, x->shared));
    y->far = fw_normal_pair(&w->normal, at, fw_moments_correlation(x, x->far));
    w->no_memory |= !add_up(w, y);
}

/* One input on its way to the kernel: values of a known tensor, or one number. */
static bool bring_input(struct walk *w, unsigned i, double start, struct fw_buffer *v)
{
    const struct fw_moments *x = fw_moments_in(&w->m, i);
    double *number;
    uint32_t n;
    *v = (struct fw_buffer){.dtype = FW_F32, .real = sizeof *number};
    if (x == NULL)
        return true;
    if (x->known) {
        const double *curve = curve_of(w, x);
        memcpy(&v->data, &curve, sizeof curve); // only read
        v->n = FW_CURVE_VALUES;
        v->dims[0] = FW_CURVE_VALUES;
        v->rank = 1;
        return v->data != NULL;
    }
    const struct fw_tensor *t = fw_in(&w->m.cx, i);
    const fw_dim *value = fw_in_value(&w->m.cx, i, &n);
    v->data = number = fw_arena_alloc(&w->scratch, sizeof *number);
    v->n = 1;
    if (number == NULL)
        return false;
    if (value != NULL && n == 1 && t->kind != FW_KIND_PARAM)
        *number = fw_count_to_double(w->m.cx.sym, fw_count_of(value[0]));
    else
        *number = start; // a parameter
    return *number == *number && (t->kind == FW_KIND_PARAM || (value != NULL && n == 1));
}

/* Where a function is not defined far out (the root of a mean of squares, which is taken as normal,
 * below 0) it goes on as at the last point where it is. False: nowhere near far out. */
static bool mend(const struct walk *w, double *f, bool used)
{
    enum { MIDDLE = FW_NORMAL_POINTS / 2 };
    double lost = 0;
    for (int i = MIDDLE; i < FW_NORMAL_POINTS; i++)
        if (!isfinite(f[i])) {
            lost += w->normal.w[i];
            f[i] = i > MIDDLE ? f[i - 1] : 0;
        }
    for (int i = MIDDLE; i-- > 0;)
        if (!isfinite(f[i])) {
            lost += w->normal.w[i];
            f[i] = f[i + 1];
        }
    return !used || lost < 1e-3;
}

/* The node's output as a function of the one tensor that all its inputs are made from. */
static bool function_of(struct walk *w, uint32_t base)
{
    const struct fw_node *node = w->m.cx.node;
    const struct fw_moment_rule *rule = node->op->moments;
    double start = rule->starts ? rule->start : (double)NAN;
    struct fw_buffer in[MAX_INPUTS];
    const char *function = NULL;
    if (node->n_in > MAX_INPUTS || node->op->run[FW_COUNTED] == NULL)
        return false;
    double *curve = fw_arena_array(w->arena, FW_CURVE_VALUES, sizeof *curve);
    if (curve == NULL) {
        w->no_memory = true;
        return false;
    }
    for (unsigned i = 0; i < node->n_in; i++) {
        if (!bring_input(w, i, start, &in[i]))
            return false;
        const struct fw_moments *x = fw_moments_in(&w->m, i);
        if (x != NULL && x->known && x->function != NULL)
            function = x->function;
    }
    if (!run_kernel(w, in, node->n_in, curve, FW_CURVE_VALUES))
        return false;
    for (int k = 0; k <= FW_CURVE_UNIT; k++)
        if (!mend(w, curve + (size_t)k * FW_NORMAL_POINTS, k < FW_CURVE_UNIT))
            return false;
    set_curve(w, node->out[0], base, curve, join_names(w, function, node->op->name));
    return true;
}

/* ---- forward ---- */

static bool is_float(const struct fw_tensor *t)
{
    return t != NULL && fw_dtypes[t->dtype].class == 'f';
}

/* Whether values come from an input of the network, and are no shapes or indices. */
static bool is_activation(const struct fw_tensor *t)
{
    return is_float(t) && !(t->flags & FW_TENSOR_WEIGHT_SIDE) && t->kind <= FW_KIND_INPUT;
}

/* Rows of stored tables count too: they are drawn and not 0. */
static bool is_followed(const struct walk *w, unsigned i)
{
    const struct fw_moments *x = fw_moments_in(&w->m, i);
    return is_activation(fw_in(&w->m.cx, i)) || (x != NULL && x->known);
}

struct inputs {
    unsigned n;       // activations
    unsigned unknown; // of these
    unsigned stored;  // that are not one number
    unsigned masks;   // neither activations nor parameters, and nothing made from activations
    uint32_t base;    // of all of them, or FW_NONE
};

static struct inputs look_at_inputs(struct walk *w)
{
    struct inputs s = {.base = FW_NONE};
    for (unsigned i = 0; i < w->m.cx.node->n_in; i++) {
        const struct fw_moments *x = fw_moments_in(&w->m, i);
        const struct fw_tensor *t = fw_in(&w->m.cx, i);
        bool constant = is_activation(t) && !x->known && t->producer != FW_NONE &&
                        w->gap[t->producer] == 0; // made from shapes and constants
        if (!is_followed(w, i) || constant) {
            s.stored += t != NULL && t->kind == FW_KIND_PARAM;
            s.masks += t != NULL && t->kind != FW_KIND_PARAM && !w->reached[w->m.cx.node->in[i]];
            continue;
        }
        s.unknown += !x->known;
        s.base = s.n == 0 || s.base == x->base ? x->base : FW_NONE;
        s.n++;
    }
    return s;
}

/* Whether everything but one activation is masks, and not all of these are numbers that the
 * kernel can be run with. */
static bool is_masked(struct walk *w, const struct inputs *s)
{
    unsigned numbers = 0;
    for (unsigned i = 0; i < w->m.cx.node->n_in; i++) {
        uint32_t n = 0;
        numbers += fw_in_value(&w->m.cx, i, &n) != NULL && n == 1;
    }
    return s->masks + 1 == w->m.cx.node->n_in && numbers < s->masks;
}

static bool predict(struct walk *w, const struct inputs *s)
{
    const struct fw_op *op = w->m.cx.node->op;
    const struct fw_moment_rule *rule = op->moments;
    if (rule == NULL)
        return (op->flags & (FW_OP_VIEW | FW_OP_MOVE)) && fw_moments_in(&w->m, 0) != NULL &&
               fw_moments_in(&w->m, 0)->known && fw_moments_same.forward(&w->m);
    bool neutral = rule == &fw_moments_sum || rule == &fw_moments_product ||
                   (rule == &fw_moments_difference && is_followed(w, 0));
    // a bias of 0, a scale of 1, a mask
    if (rule->pointwise && s->n == 1 &&
        ((s->stored > 0 && neutral) || (rule->masks && is_masked(w, s)))) {
        unsigned k = 0;
        while (!is_followed(w, k))
            k++;
        struct fw_moments *y = fw_moments_out(&w->m, 0);
        *y = *fw_moments_in(&w->m, k);
        return true;
    }
    if (rule->pointwise && s->base != FW_NONE)
        return function_of(w, s->base);
    return rule->forward(&w->m);
}

static void add_layer(struct walk *w, uint32_t node)
{
    const struct fw_node *n = w->m.cx.node;
    const struct fw_moments *x = NULL;
    for (unsigned i = 0; i < n->n_in && x == NULL; i++)
        if (is_activation(fw_in(&w->m.cx, i)))
            x = fw_moments_in(&w->m, i);
    if (w->m.weight == 0 || x == NULL)
        return; // a product of two activations
    w->layers[w->n_layers++] =
        (struct fw_variance_layer){.node = node,
                                   .fans = w->m.fans,
                                   .weight = w->m.weight,
                                   .gain = x->unit_second > 0 ? 1 / sqrt(x->unit_second) : 1,
                                   .mean = x->unit_mean,
                                   .function = x->function};
}

static void spread(struct walk *w, const struct fw_node *node)
{
    bool reached = false;
    for (unsigned i = 0; i < node->n_in && !(node->flags & FW_NODE_SHAPE); i++)
        if (node->in[i] != FW_NONE && !(i < 32 && node->op->shape_only >> i & 1u))
            reached |= w->reached[node->in[i]] || w->m.all[node->in[i]].known;
    for (unsigned i = 0; i < node->n_out; i++)
        if (node->out[i] != FW_NONE)
            w->reached[node->out[i]] = reached;
}

static void forward(struct walk *w, uint32_t node)
{
    const struct fw_node *n = w->m.cx.node;
    struct inputs s = look_at_inputs(w);
    spread(w, n);
    const struct fw_tensor *first = fw_in(&w->m.cx, 0);
    bool makes = false, table = n->op->moments == &fw_moments_table && first != NULL &&
                                first->kind == FW_KIND_PARAM;
    for (unsigned i = 0; i < n->n_out; i++)
        makes |= is_activation(fw_out(&w->m.cx, i)) ||
                 (is_float(fw_out(&w->m.cx, i)) && (table || s.n > 0));
    if ((s.n == 0 && !table) || !makes)
        return;
    if (s.unknown > 0) {
        w->gap[node] = AFTER_GAP;
        return;
    }
    w->m.weight = 0;
    if (!predict(w, &s))
        w->gap[node] = NO_RULE;
    else if (n->op->moments != NULL && n->op->moments->layer)
        add_layer(w, node);
    fw_arena_clear(&w->scratch);
}

/* ---- backward ---- */

static void through(struct walk *w, const struct fw_moments *y)
{
    struct fw_moments *base = &w->m.all[y->base];
    struct fw_along a;
    const double had[2] = {base->grad, base->grad_shared};
    double square, pair;
    if (base->pairs != NULL) {
        fw_moments_through(&w->m, y);
        return;
    }
    fw_moments_slope(&w->m, y, &square, &pair);
    fw_moments_along_slope(&w->m, y, &a);
    square *= fw_moments_along_pair(&a, 1);
    pair *= fw_moments_along_pair(&a, fw_moments_correlation(base, base->far));
    fw_moments_give(base, square * y->grad, pair * y->grad_shared);
    fw_moments_tilt(&w->m, base, had, a.by);
}

static void backward(struct walk *w, uint32_t node)
{
    const struct fw_node *n = w->m.cx.node;
    struct fw_moments *y = fw_moments_out(&w->m, 0);
    bool reached = false;
    for (unsigned i = 0; i < n->n_out; i++)
        reached |= n->out[i] != FW_NONE && w->m.all[n->out[i]].grad > 0;
    if (!reached || w->gap[node] != 0)
        return;
    const struct fw_moment_rule *rule = n->op->moments;
    if (rule != NULL && rule->pointwise && y->base != n->out[0])
        through(w, y);
    else
        (rule != NULL ? rule : &fw_moments_same)->backward(&w->m);
    fw_arena_clear(&w->scratch);
}

/* ---- the whole walk ---- */

static void start(struct walk *w)
{
    struct fw_graph *g = w->m.cx.g;
    for (uint32_t i = 0; i < g->n_inputs; i++)
        if (is_activation(&g->tensors[g->inputs[i]]))
            w->m.all[g->inputs[i]] = (struct fw_moments){
                .known = true, .second = 1, .base = g->inputs[i], .unit_second = 1};
}

static void give_gradient(struct walk *w)
{
    struct fw_graph *g = w->m.cx.g;
    for (uint32_t i = 0; i < g->n_outputs; i++)
        if (is_activation(&g->tensors[g->outputs[i]]))
            w->m.all[g->outputs[i]].grad = 1;
}

/* Rules look at a copy of the node, which stays where it is. */
static void visit(struct walk *w, uint32_t id, void (*rule)(struct walk *, uint32_t))
{
    struct fw_node copy = w->m.cx.g->nodes[id];
    w->m.cx.node = &copy;
    rule(w, id);
    w->m.cx.node = NULL;
}

static enum fw_status walk(struct walk *w, uint32_t n_nodes, struct fw_error *err)
{
    const struct fw_alloc *alloc = w->m.cx.g->alloc;
    start(w);
    for (uint32_t i = 0; i < n_nodes; i++) {
        FW_TRY(fw_in_time(alloc, i, err));
        visit(w, i, forward);
    }
    give_gradient(w);
    for (uint32_t i = n_nodes; i-- > 0;) {
        FW_TRY(fw_in_time(alloc, i, err));
        visit(w, i, backward);
    }
    return FW_OK;
}

enum fw_status fw_predict_variance(struct fw_graph *g, uint32_t n_nodes,
                                   double (*variance)(const struct fw_moment_cx *m,
                                                      const struct fw_fans *fans, double gain),
                                   const void *scheme, bool coarse, struct fw_arena *arena,
                                   struct fw_variance *ret, struct fw_error *err)
{
    struct walk w = {.arena = arena};
    fw_arena_init(&w.scratch, arena->alloc);
    fw_normal_init(&w.normal);
    w.m = (struct fw_moment_cx){.cx = {.g = g, .sym = g->sym, .err = &w.err},
                                .normal = &w.normal,
                                .arena = arena,
                                .scratch = &w.scratch,
                                .variance = variance,
                                .scheme = scheme,
                                .coarse = coarse};
    w.m.all = fw_arena_zalloc(arena, ((size_t)g->n_tensors + 1) * sizeof *w.m.all);
    w.gap = fw_arena_zalloc(arena, (size_t)n_nodes + 1);
    w.reached = fw_arena_zalloc(arena, (size_t)g->n_tensors + 1);
    w.layers = fw_arena_array(arena, (size_t)n_nodes + 1, sizeof *w.layers);
    if (w.m.all == NULL || w.gap == NULL || w.reached == NULL || w.layers == NULL)
        return fw_fail_memory(err);
    enum fw_status status = walk(&w, n_nodes, err);
    fw_arena_clear(&w.scratch);
    FW_TRY(status);
    if (w.no_memory)
        return fw_fail_memory(err);
    *ret = (struct fw_variance){w.m.all, w.layers, w.n_layers, w.gap, n_nodes};
    return FW_OK;
}

bool fw_function_moments(const char *domain, const char *op, const struct fw_attr *attr,
                         double *ret_mean, double *ret_second)
{
    struct walk w = {.n_layers = 0};
    const struct fw_op *row = fw_op_find(domain, op);
    struct fw_node node = {.op = row, .attr = attr, .n_in = 1, .n_out = 1};
    double out[FW_NORMAL_POINTS];
    if (row == NULL || row->moments == NULL || !row->moments->pointwise || row->min_in > 1 ||
        row->run[FW_COUNTED] == NULL)
        return false;
    fw_normal_init(&w.normal);
    w.m.cx.node = &node;
    struct fw_buffer in = {.data = w.normal.z,
                           .n = FW_NORMAL_POINTS,
                           .dims = {FW_NORMAL_POINTS},
                           .rank = 1,
                           .dtype = FW_F32,
                           .real = sizeof(double)};
    if (!run_kernel(&w, &in, 1, out, FW_NORMAL_POINTS))
        return false;
    *ret_mean = fw_normal_mean(&w.normal, out);
    *ret_second = fw_normal_square(&w.normal, out);
    return true;
}
