/* The backward pass of one layer: its products, what they read, what they cost, and the proof that
 * the gradient of a weight is a product. */
#include "report/explain.h"
#include "study/gradient_check.h"

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

static void write_products(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    const struct fw_node *n = &l->a->model.graph.nodes[l->layer];
    double forward = fw_lesson_cost(l, FW_PHASE_FORWARD, l->layer, FW_FMA);
    double input = fw_lesson_cost(l, FW_PHASE_BACKWARD_INPUT, l->layer, FW_FMA);
    double weight = fw_lesson_cost(l, FW_PHASE_BACKWARD_WEIGHT, l->layer, FW_FMA);
    fw_doc_heading(d, 1, "The layer %s", fw_lesson_node(l, l->layer));
    fw_doc_text(d,
                "It is a %s: its input is %s, its weight %s, its output %s. Forward, with "
                "$x$ the input, $W$ the weight and $z$ the output,",
                n->op->name, fw_lesson_shape(l, n->in[0]),
                n->n_in > 1 && n->in[1] != FW_NONE ? fw_lesson_shape(l, n->in[1]) : "none",
                fw_lesson_shape(l, n->out[0]));
    fw_doc_formula(d, "z_i = sum(j=1..n, W_ij*x_j) + b_i");
    fw_doc_text(d,
                "A weight meets an input in one multiply and one add: %s multiply-adds in all. "
                "By the chain rule, since $W_ij$ touches $z_i$ alone and does so with factor "
                "$x_j$,",
                fw_doc_double(d, forward, 15));
    fw_doc_formula(d, "partial(L)/partial(W_ij) = partial(L)/partial(z_i)*"
                      "partial(z_i)/partial(W_ij) = partial(L)/partial(z_i)*x_j");
    fw_doc_text(d,
                "added over all rows of the batch: again one multiply and one add for each "
                "weight and row, %s multiply-adds. And since $x_j$ touches every $z_i$,",
                fw_doc_double(d, weight, 15));
    fw_doc_formula(d, "partial(L)/partial(x_j) = sum(i=1..m, W_ij*partial(L)/partial(z_i))");
    if (input > 0)
        fw_doc_text(d, "with %s multiply-adds: backward is %s times forward here.",
                    fw_doc_double(d, input, 15), fw_doc_double(d, (input + weight) / forward, 6));
    else
        fw_doc_text(d,
                    "but nobody asks for it here: nothing below this layer is trained. Backward "
                    "is %s times forward.",
                    fw_doc_double(d, (input + weight) / forward, 6));
    fw_lesson_fact(l, "forward_mac", forward);
    fw_lesson_fact(l, "backward_input_mac", input);
    fw_lesson_fact(l, "backward_weight_mac", weight);
}

static enum fw_status add_checks(struct fw_lesson *l, const struct fw_gradient_check *g)
{
    enum { N = 6 };
    static const struct fw_column c[N] = {
        {"i", "i", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"j", "j", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"product", "sum of dL/dz_i * x_j", "over the rows", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"graph", "gradient node", "what the training graph computes", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"difference", "(L(w+h)-L(w-h))/2h", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"deviation", "deviation", "of the last from the first, relative", FW_UNIT_NONE,
         FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "checks", .title = ""};
    struct fw_value v[FW_N_WEIGHT_CHECKS * N];
    double worst = 0;
    for (unsigned i = 0; i < FW_N_WEIGHT_CHECKS; i++) {
        const struct fw_weight_check *k = &g->checks[i];
        double off = k->product != 0 ? fabs(k->difference / k->product - 1) : fabs(k->difference);
        v[(size_t)i * N] = fw_value_int(k->i);
        v[i * N + 1] = fw_value_int(k->j);
        v[i * N + 2] = fw_value_float(k->product);
        v[i * N + 3] = fw_value_float(k->graph);
        v[i * N + 4] = fw_value_float(k->difference);
        v[i * N + 5] = fw_value_float(off);
        worst = fmax(worst, off);
    }
    fw_lesson_fact(l, "largest_deviation", worst);
    return fw_lesson_table(l, &head, c, N, v, FW_N_WEIGHT_CHECKS);
}

enum fw_status fw_lesson_proof(struct fw_lesson *l)
{
    enum { MAX_MAC = 300000000 };
    struct fw_gradient_check g;
    struct fw_error why;
    double work = fw_lesson_cost(l, FW_PHASE_FORWARD, FW_NONE, FW_FMA);
    fw_doc_heading(l->d, 2, "On real values");
    if (work > MAX_MAC) {
        fw_doc_text(l->d,
                    "One forward pass takes %s multiply-adds, too many to be run several "
                    "times here: `flopwise explain layer` shows it on a small network.",
                    fw_doc_double(l->d, work, 4));
        return FW_OK;
    }
    enum fw_status status = fw_gradient_check(l->a, l->layer, &g, &why);
    if (status == FW_UNSUPPORTED) {
        fw_doc_text(l->d, "This layer is not checked: %s.", fw_doc_name(l->d, why.message));
        return FW_OK;
    }
    if (status != FW_OK) {
        *l->err = why;
        return status;
    }
    const struct fw_weight_check *k = &g.checks[0];
    fw_doc_text(l->d,
                "Weights and inputs are drawn, and the reference kernels run in double "
                "precision; the loss is %s. In the first of %u rows $partial(L)/partial(z_i) "
                "= %s$ for $i = %s$ and $x_j = %s$ for $j = %s$; their product, added over "
                "the rows, is what the weight's gradient should be. Moving that weight by "
                "$%s$ up and down changes the loss to %s and %s. Three weights:",
                fw_doc_double(l->d, g.loss, 10), k->rows, fw_doc_double(l->d, k->delta, 6),
                fw_doc_int(l->d, k->i), fw_doc_double(l->d, k->x, 6), fw_doc_int(l->d, k->j),
                fw_doc_double(l->d, k->step, 3), fw_doc_double(l->d, k->above, 12),
                fw_doc_double(l->d, k->below, 12));
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
