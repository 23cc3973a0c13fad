/* The backward pass of one layer: its products, what they read, what they cost, and the proof that
 * the gradient of a weight is a product. */
#include "report/explain.h"

#include "base/limits.h"
#include "study/gradient_check.h"

#include <inttypes.h>
#include <math.h>

enum { MAX_ROWS = 64 };

static const char *const phase_names[] = {[FW_PHASE_FORWARD] = "forward",
                                          [FW_PHASE_BACKWARD_INPUT] = "gradient of activations",
                                          [FW_PHASE_BACKWARD_WEIGHT] = "gradient of weights",
                                          [FW_PHASE_UPDATE] = "update",
                                          [FW_PHASE_RECOMPUTE] = "recomputation"};

/* The tensor that t is the gradient of, or FW_NONE. */
static uint32_t gradient_of(const struct fw_graph *g, uint32_t t)
{
    for (uint32_t i = 0; i < g->n_gradients; i++)
        if (g->gradients[i] == t)
            return i;
    return FW_NONE;
}

static const char *tensor_name(struct fw_lesson *l, uint32_t t)
{
    const struct fw_graph *g = &l->a->model.graph;
    uint32_t of = g->tensors[t].name == NULL ? gradient_of(g, t) : FW_NONE;
    struct fw_str s;
    fw_str_init(&s, l->r->alloc);
    if (of != FW_NONE)
        fw_str_add(&s, "grad of ");
    fw_tensor_name(g, of != FW_NONE ? of : t, &s);
    const char *text = fw_arena_strndup(&l->r->arena, fw_str_text(&s), s.len);
    fw_str_free(&s);
    return text;
}

static const char *inputs_of(struct fw_lesson *l, const struct fw_node *n)
{
    const char *text = "";
    for (unsigned i = 0; i < n->n_in && text != NULL; i++)
        if (n->in[i] != FW_NONE)
            text = fw_arena_printf(&l->r->arena, "%s%s%s", text, *text ? ", " : "",
                                   tensor_name(l, n->in[i]));
    return text;
}

static enum fw_status add_nodes(struct fw_lesson *l)
{
    enum { N = 5 };
    static const struct fw_column c[N] = {
        {"phase", "phase", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
        {"op", "node", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"reads", "reads", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
        {"mac", "MAC", "multiply-adds of products", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"flop", "FLOP", "of all classes", FW_UNIT_FLOP, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "nodes", .title = "Nodes of this layer in a step"};
    struct fw_graph *g = &l->a->model.graph;
    struct fw_value v[MAX_ROWS * N];
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_nodes && n < MAX_ROWS; i++) {
        struct fw_cost cost = {0};
        double flop = 0;
        if (g->nodes[i].layer != l->layer)
            continue;
        (void)fw_node_cost(g, i, l->a->precision, &cost);
        for (unsigned k = 0; k < FW_N_CLASSES; k++)
            flop += (double)cost.n[k].word * (k == FW_FMA ? 2 : 1);
        v[(size_t)n * N] = fw_value_text(phase_names[g->nodes[i].phase]);
        v[n * N + 1] = fw_value_text(g->nodes[i].op->name);
        v[n * N + 2] = fw_value_text(inputs_of(l, &g->nodes[i]));
        v[n * N + 3] = fw_value_count(cost.n[FW_FMA]);
        v[n++ * N + 4] = fw_value_int((int64_t)flop);
    }
    return fw_lesson_table(l, &head, c, N, v, n);
}

static void write_sequence(struct fw_document *d)
{
    fw_doc_heading(d, 2, "Where this stands in a step of gradient descent");
    fw_doc_item(d, "Forward: every layer computes its output and keeps what its backward reads.");
    fw_doc_item(d, "Loss: one number for the batch, $L$.");
    fw_doc_item(d, "Backward, in reverse order: each layer takes $partial(L)/partial(z)$ of its "
                   "output and makes the gradients of its weight and of its input.");
    fw_doc_item(d, "What several examples or several uses of a weight contribute is added up.");
    fw_doc_item(d, "Update, once a batch: $w = w - lr*partial(L)/partial(w)$ and the like; then "
                   "the gradients are set to zero.");
}

/* A product of the input with a stored matrix. */
static bool is_linear(const struct fw_lesson *l, uint32_t layer)
{
    const struct fw_graph *g = &l->a->model.graph;
    const struct fw_node *n = &g->nodes[layer];
    const struct fw_tensor *w = n->n_in > 1 ? fw_tensor_at(g, n->in[1]) : NULL;
    return (n->op->flags & FW_OP_CONTRACTION) && w != NULL && w->rank == 2;
}

/* How the gradients come about where the layer is a matrix: forward, weight, input. */
static void write_linear(struct fw_lesson *l, double forward, double weight)
{
    struct fw_document *d = l->d;
    fw_doc_text(d, "Forward, with $x$ the input, $W$ the weight and $z$ the output,");
    fw_doc_formula(d, l->a->model.graph.nodes[l->layer].n_in > 2
                          ? "z_i = sum(j=1..n, W_ij*x_j) + b_i"
                          : "z_i = sum(j=1..n, W_ij*x_j)");
    fw_doc_text(d,
                "A weight meets an input in one multiply and one add: %s multiply-adds in all. "
                "By the chain rule, since $W_ij$ touches $z_i$ alone and does so with factor "
                "$x_j$,",
                fw_doc_int(d, (int64_t)forward));
    fw_doc_formula(d, "partial(L)/partial(W_ij) = partial(L)/partial(z_i)*"
                      "partial(z_i)/partial(W_ij) = partial(L)/partial(z_i)*x_j");
    fw_doc_text(d,
                "added over all rows of the batch: again one multiply and one add for each "
                "weight and row, %s multiply-adds. And since $x_j$ touches every $z_i$,",
                fw_doc_int(d, (int64_t)weight));
    fw_doc_formula(d, "partial(L)/partial(x_j) = sum(i=1..m, W_ij*partial(L)/partial(z_i))");
}

/* Where it is anything else: the chain rule over its outputs. */
static void write_other(struct fw_lesson *l, double forward, double weight)
{
    struct fw_document *d = l->d;
    fw_doc_text(d, "A weight $w$ has a part in several outputs $z_k$, $K$ in all: at all places "
                   "that a window stands at, in all rows, in all steps of a sequence. By the chain "
                   "rule");
    fw_doc_formula(d, "partial(L)/partial(w) = sum(k=1..K, partial(L)/partial(z_k)*"
                      "partial(z_k)/partial(w))");
    if (forward > 0)
        fw_doc_text(d,
                    "Where $w$ is multiplied by an input, $partial(z_k)/partial(w)$ is that input, "
                    "and each multiply-add of the forward pass has its counterpart: forward takes "
                    "%s multiply-adds, the gradients of the weights take %s. An input has a part "
                    "in outputs just as a weight has, so",
                    fw_doc_int(d, (int64_t)forward), fw_doc_int(d, (int64_t)weight));
    else
        fw_doc_text(d, "Where $w$ is multiplied by an input, $partial(z_k)/partial(w)$ is that "
                       "input. There are no products of matrices, so no multiply-adds to count, "
                       "but the work of the table below. An input has a part in outputs just as a "
                       "weight has, so");
    fw_doc_formula(d, "partial(L)/partial(x) = sum(k=1..K, partial(L)/partial(z_k)*"
                      "partial(z_k)/partial(x))");
}

static void write_products(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    const struct fw_graph *g = &l->a->model.graph;
    const struct fw_node *n = &g->nodes[l->layer];
    double forward = fw_lesson_cost(l, FW_PHASE_FORWARD, l->layer, FW_FMA);
    double input = fw_lesson_cost(l, FW_PHASE_BACKWARD_INPUT, l->layer, FW_FMA);
    double weight = fw_lesson_cost(l, FW_PHASE_BACKWARD_WEIGHT, l->layer, FW_FMA);
    const char *weights = "";
    unsigned n_weights = 0;
    for (unsigned i = 0; i < n->n_in && weights != NULL; i++)
        if (n->in[i] != FW_NONE && fw_gradient_is_weight(g, n, i))
            weights = fw_arena_printf(&l->r->arena, "%s%s%s", weights, n_weights++ > 0 ? ", " : "",
                                      fw_lesson_shape(l, n->in[i]));
    fw_doc_heading(d, 1, "The layer %s", fw_lesson_node(l, l->layer));
    fw_doc_text(d, "It is of the kind %s: its input is %s, its %s %s, its output %s.", n->op->name,
                fw_lesson_shape(l, n->in[0]), n_weights == 1 ? "weight" : "weights",
                weights != NULL ? weights : "", fw_lesson_shape(l, n->out[0]));
    if (is_linear(l, l->layer))
        write_linear(l, forward, weight);
    else
        write_other(l, forward, weight);
    if (input > 0)
        fw_doc_text(d, "with %s multiply-adds: backward is %s times forward here.",
                    fw_doc_int(d, (int64_t)input), fw_doc_double(d, (input + weight) / forward, 6));
    else if (g->tensors[n->in[0]].flags & FW_TENSOR_NEEDS_GRAD)
        fw_doc_text(d, "with work of the same kind.");
    else if (forward > 0)
        fw_doc_text(d,
                    "but nobody asks for it here: nothing below this layer is trained. Backward "
                    "is %s times forward.",
                    fw_doc_double(d, (input + weight) / forward, 6));
    else
        fw_doc_text(d, "but nobody asks for it here: nothing below this layer is trained.");
    fw_lesson_fact(l, "forward_mac", forward);
    fw_lesson_fact(l, "backward_input_mac", input);
    fw_lesson_fact(l, "backward_weight_mac", weight);
}

/* "[3,0,1,2]" */
static const char *place_text(struct fw_lesson *l, const struct fw_weight_check *k)
{
    const struct fw_tensor *t = &l->a->model.graph.tensors[k->tensor];
    int64_t left = k->place;
    const char *text = "]";
    for (unsigned d = t->rank; d-- > 0 && text != NULL;) {
        int64_t size = t->dims[d].word > 0 ? t->dims[d].word : 1;
        text =
            fw_arena_printf(&l->r->arena, "%s%" PRId64 "%s", d > 0 ? "," : "[", left % size, text);
        left /= size;
    }
    return t->rank > 0 ? text : "";
}

static enum fw_status add_checks(struct fw_lesson *l, const struct fw_gradient_check *g)
{
    enum { WEIGHT, PLACE, TOUCHED, PRODUCT, GRAPH, DIFFERENCE, DEVIATION, N };
    static const struct fw_column c[N] = {
        [WEIGHT] = {"weight", "weight", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
        [PLACE] = {"place", "place", "from 0", FW_UNIT_NONE, FW_VIEW_TABLE},
        [TOUCHED] = {"outputs", "outputs", "that the weight has a part in", FW_UNIT_COUNT,
                     FW_VIEW_WIDE},
        [PRODUCT] = {"product", "sum of products", "dL/dz_k * dz_k/dw over the outputs",
                     FW_UNIT_NONE, FW_VIEW_TABLE},
        [GRAPH] = {"graph", "in the graph", "what the training graph computes", FW_UNIT_NONE,
                   FW_VIEW_TABLE},
        [DIFFERENCE] = {"difference", "difference", "(L(w+h)-L(w-h))/2h", FW_UNIT_NONE,
                        FW_VIEW_TABLE},
        [DEVIATION] = {"deviation", "deviation",
                       "of the difference from the sum, as part of what is added up", FW_UNIT_NONE,
                       FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "checks", .title = ""};
    struct fw_value v[FW_N_WEIGHT_CHECKS * N];
    double worst = 0, worst_graph = 0;
    for (unsigned i = 0; i < g->n; i++) {
        const struct fw_weight_check *k = &g->checks[i];
        double terms = k->terms > 0 ? k->terms : 1;
        double off = fabs(k->difference - k->product) / terms;
        struct fw_value *row = &v[(size_t)i * N];
        row[WEIGHT] = fw_value_text(tensor_name(l, k->tensor));
        row[PLACE] = fw_value_text(place_text(l, k));
        row[TOUCHED] = fw_value_int(k->touched);
        row[PRODUCT] = fw_value_float(k->product);
        row[GRAPH] = isnan(k->graph) ? fw_value_kind(FW_VALUE_NULL) : fw_value_float(k->graph);
        row[DIFFERENCE] = fw_value_float(k->difference);
        row[DEVIATION] = fw_value_float(off);
        worst = fmax(worst, off);
        if (!isnan(k->graph))
            worst_graph = fmax(worst_graph, fabs(k->graph - k->product) / terms);
    }
    fw_lesson_fact(l, "largest_deviation", worst);
    fw_lesson_fact(l, "largest_deviation_of_graph", worst_graph);
    return fw_lesson_table(l, &head, c, N, v, g->n);
}

static void write_check(struct fw_lesson *l, const struct fw_gradient_check *g)
{
    const struct fw_weight_check *k = &g->checks[0];
    const char *slope =
        fw_arena_printf(&l->r->arena,
                        is_linear(l, l->layer) ? "multiplied by the input $x = %s$"
                                               : "worth $partial(z)/partial(w) = %s$",
                        fw_doc_double(l->d, k->slope, 6));
    if (g->alone)
        fw_doc_text(l->d,
                    "This layer alone is run, in double precision by the reference kernel: its "
                    "inputs and weights are drawn, and so is the gradient of its output, $delta = "
                    "partial(L)/partial(z)$, that of $L = sum(k=1..K, delta_k*z_k)$ = %s. (The "
                    "whole network would take too many operations, or uses the weight elsewhere "
                    "too.)",
                    fw_doc_double(l->d, g->loss, 10));
    else
        fw_doc_text(l->d,
                    "Weights and inputs are drawn, and the whole network runs in double precision "
                    "by the reference kernels; the loss is %s.",
                    fw_doc_double(l->d, g->loss, 10));
    fw_doc_text(l->d,
                "Take the weight at %s of %s. It has a part in %s of the layer's outputs. In %s "
                "$partial(L)/partial(z) = %s$, and the weight is %s; the product of both%s is what "
                "the weight's gradient should be. Moving the weight by $%s$ up and down changes "
                "the loss to %s and %s.",
                fw_doc_name(l->d, place_text(l, k)), fw_doc_name(l->d, tensor_name(l, k->tensor)),
                fw_doc_int(l->d, k->touched), k->touched == 1 ? "it" : "the one that counts most",
                fw_doc_double(l->d, k->delta, 6), slope != NULL ? slope : "",
                k->touched == 1 ? "" : ", added over all these outputs,",
                fw_doc_double(l->d, k->step, 3), fw_doc_double(l->d, k->above, 12),
                fw_doc_double(l->d, k->below, 12));
    fw_doc_text(l->d,
                "%s, with the sum of products, the gradient that the training graph "
                "computes, and the difference $(L(w + h) - L(w - h))/(2*h)$:",
                g->n == 1 ? "This weight" : "This and other weights");
}

enum fw_status fw_lesson_proof(struct fw_lesson *l)
{
    struct fw_gradient_check g;
    struct fw_error why;
    fw_doc_heading(l->d, 2, "On real values");
    enum fw_status status = fw_gradient_check(l->a, l->layer, FW_LESSON_MAX_WORK, &g, &why);
    if (status == FW_LIMIT)
        FW_TRY(fw_in_time(l->a->model.alloc, 0, l->err)); // what a busy machine takes is no answer
    if (status == FW_LIMIT)
        fw_doc_text(l->d,
                    "This layer alone takes too many operations to be run several times here. A "
                    "smaller `--batch` or `--seq`, or another `--layer`, shows it.");
    else if (status == FW_UNSUPPORTED || status == FW_SHAPE)
        fw_doc_text(l->d, "This layer is not checked: %s.", fw_doc_name(l->d, why.message));
    if (status == FW_LIMIT || status == FW_UNSUPPORTED || status == FW_SHAPE)
        return FW_OK;
    if (status != FW_OK) {
        *l->err = why;
        return status;
    }
    write_check(l, &g);
    return add_checks(l, &g);
}

enum fw_status fw_lesson_layer(struct fw_lesson *l)
{
    FW_REQUIRE(l->layer != FW_NONE, l->err, FW_UNSUPPORTED, "the model has no layer with weights");
    write_products(l);
    FW_TRY(add_nodes(l));
    FW_TRY(fw_lesson_proof(l));
    write_sequence(l->d);
    return FW_OK;
}
