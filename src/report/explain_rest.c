/* Lessons on memory, initialisation, Adam and the backward:forward ratio. */
#include "report/explain.h"
#include "study/init.h"
#include "study/optimizer.h"
#include "study/ratio.h"
#include "study/trial.h"

#include <math.h>
#include <string.h>

/* ---- memory ---- */

static double bytes(fw_count n)
{
    return (double)n.word;
}

static enum fw_status add_memory(struct fw_lesson *l)
{
    enum { N = 4 };
    static const struct fw_column c[N] = {
        {"part", "part", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"why", "why", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
        {"inference", "inference", "", FW_UNIT_BYTES, FW_VIEW_TABLE},
        {"training", "training", "", FW_UNIT_BYTES, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "parts", .title = "Bytes at the fullest moment"};
    const struct fw_memory *i = &l->a->inference, *t = &l->a->training;
    struct fw_value zero = fw_value_int(0);
    struct fw_value v[] = {
        fw_value_text("weights"),
        fw_value_text("all the time"),
        fw_value_count(i->weight_bytes),
        fw_value_count(t->weight_bytes),
        fw_value_text("activations"),
        fw_value_text("inference keeps what is still to be read, training what backward reads"),
        fw_value_count(i->activation_bytes),
        fw_value_count(t->activation_bytes),
        fw_value_text("gradients"),
        fw_value_text("one for each weight, until the update"),
        zero,
        fw_value_count(t->gradient_bytes),
        fw_value_text("optimizer"),
        fw_value_text("its states, all the time"),
        zero,
        fw_value_count(t->optimizer_bytes),
        fw_value_text("temporary"),
        fw_value_text("made and used up in the backward pass"),
        zero,
        fw_value_count(t->temporary_bytes),
        fw_value_text("= peak"),
        fw_value_text(""),
        fw_value_count(i->peak_bytes),
        fw_value_count(t->peak_bytes)};
    return fw_lesson_table(l, &head, c, N, v, sizeof v / sizeof *v / N);
}

enum fw_status fw_lesson_memory(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    const struct fw_memory *i = &l->a->inference, *t = &l->a->training;
    struct fw_per_param state = fw_optimizer_bytes(l->optimizer, FW_MAX_STATES, l->a->precision);
    fw_doc_heading(d, 1, "What has to be kept");
    fw_doc_text(d, "Take $L$ linear layers of width $K$ and a batch of $n$ rows. Inference holds "
                   "all weights and the input and output of one layer at a time; training holds "
                   "the gradients of the weights too, and every layer's input, since "
                   "$partial(L)/partial(W) = x^T*partial(L)/partial(z)$ reads it again:");
    fw_doc_formula(d, "M_inference = L*K^2 + 2*n*K\nM_training ~= 2*L*K^2 + L*n*K");
    fw_doc_text(d,
                "values. More rows make the activations grow and nothing else; the optimizer "
                "adds its states (%s).",
                l->optimizer->name);
    fw_doc_heading(d, 1, "In this model");
    FW_TRY(add_memory(l));
    fw_doc_text(d,
                "Training takes %s times what inference does. The optimizer keeps $%s$ bytes "
                "per parameter for %s parameters.",
                fw_doc_double(d, bytes(t->peak_bytes) / bytes(i->peak_bytes), 4),
                fw_doc_double(d, fw_per_param_plain(&state), 6),
                fw_doc_int(d, (int64_t)fw_lesson_params(l)));
    if (t->peak_node != FW_NONE)
        fw_doc_text(d, "The training peak is reached at %s, the inference peak at %s.",
                    fw_lesson_node(l, l->a->model.graph.nodes[t->peak_node].layer),
                    i->peak_node != FW_NONE ? fw_lesson_node(l, i->peak_node) : "none");
    fw_lesson_fact(l, "inference_bytes", bytes(i->peak_bytes));
    fw_lesson_fact(l, "training_bytes", bytes(t->peak_bytes));
    return FW_OK;
}

/* ---- initialisation ---- */

static enum fw_status add_layers(struct fw_lesson *l, const struct fw_variance *v,
                                 const struct fw_variance *he)
{
    enum { N = 6, MAX = 12 };
    static const struct fw_column c[N] = {
        {"layer", "layer", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_NAME},
        {"fan_in", "fan-in", "", FW_UNIT_COUNT, FW_VIEW_TABLE},
        {"function", "after", "", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"std", "deviation", "that keeps the variance: gain/sqrt(fan-in)", FW_UNIT_NONE,
         FW_VIEW_TABLE},
        {"variance", "variance then", "of the output", FW_UNIT_NONE, FW_VIEW_TABLE},
        {"he", "with sqrt(2/d)", "variance of the output with this deviation", FW_UNIT_NONE,
         FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "layers", .title = ""};
    const struct fw_graph *g = &l->a->model.graph;
    struct fw_value w[MAX * N];
    uint32_t n = v->n_layers < MAX ? v->n_layers : MAX;
    for (uint32_t i = 0; i < n; i++) {
        const struct fw_variance_layer *k = &v->layers[i];
        const struct fw_node *node = &g->nodes[k->node];
        w[(size_t)i * N] = fw_value_text(node->name != NULL ? node->name : node->op->name);
        w[i * N + 1] = fw_value_int((int64_t)k->fans.in);
        w[i * N + 2] = fw_value_text(k->function);
        w[i * N + 3] = fw_value_float(sqrt(k->weight));
        w[i * N + 4] = fw_value_float(v->tensors[node->out[0]].second);
        w[i * N + 5] = fw_value_float(he->tensors[node->out[0]].second);
    }
    return fw_lesson_table(l, &head, c, N, w, n);
}

enum fw_status fw_lesson_init(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    struct fw_variance keep, he;
    double relu_mean, relu_second;
    FW_TRY(fw_init_predict(l->a, fw_init_scheme_find("keep"), false, &l->r->arena, &keep, l->err));
    FW_TRY(fw_init_predict(l->a, fw_init_scheme_find("he"), false, &l->r->arena, &he, l->err));
    (void)fw_function_moments("", "Relu", NULL, &relu_mean, &relu_second);
    fw_doc_heading(d, 1, "How wide to draw the weights");
    fw_doc_text(d, "Let $y = sum(i=1..d, w_i*x_i)$ with $x_i = f(z_i)$, all $w_i$ and $z_i$ "
                   "independent, $w_i$ of mean 0 and variance $sigma^2$, $z_i$ standard normal. "
                   "The variance of a sum of independent terms is the sum of their variances, and "
                   "since $w_i$ has mean 0,");
    fw_doc_formula(d, "Var(y) = sum(i=1..d, (E(w_i^2*x_i^2) - E(w_i*x_i)^2))\n"
                      "= sum(i=1..d, E(w_i^2)*E(x_i^2))\n= d*sigma^2*E(f(z)^2)");
    fw_doc_text(d,
                "For relu half of $E(z^2) = 1$ is left, $E(f(z)^2) = %s$ (here by quadrature), "
                "so $Var(y) = d*sigma^2/2$, which is 1 for",
                fw_doc_double(d, relu_second, 6));
    fw_doc_formula(d, "sigma = sqrt(2/d)");
    fw_doc_text(d, "and for any other function $sigma = 1/sqrt(d*E(f(z)^2))$. Backward the same "
                   "holds with fan-out in the place of $d$ and $E(f'(z)^2)$.");
    fw_lesson_fact(l, "relu_second", relu_second);
    fw_doc_heading(d, 1, "In this model");
    if (keep.n_layers == 0) {
        fw_doc_text(d, "No variance can be followed to a layer of this model: something before all "
                       "of them has no rule; `flopwise init` names it.");
        return FW_OK;
    }
    fw_doc_text(
        d, keep.n_layers > 12 ? "The first 12 of %u layers:" : "Its %u layers:", keep.n_layers);
    FW_TRY(add_layers(l, &keep, &he));
    fw_doc_text(d, "Variances of the outputs are predicted for weights of the deviation given, "
                   "and beside it of $sqrt(2/d)$ everywhere; `flopwise init --simulate` measures "
                   "them.");
    uint32_t last = l->a->model.graph.nodes[keep.layers[keep.n_layers - 1].node].out[0];
    fw_lesson_fact(l, "last_variance", keep.tensors[last].second);
    fw_lesson_fact(l, "last_variance_he", he.tensors[last].second);
    return FW_OK;
}

/* ---- Adam ---- */

static enum fw_status run_trial(struct fw_lesson *l, const char *name, double c)
{
    const struct fw_optimizer *o = fw_optimizer_find(name);
    struct fw_trial trial = {.optimizer = o,
                             .hyper = o->hyper,
                             .gradients = &c,
                             .n_gradients = 1,
                             .steps = 100,
                             .dims = {1},
                             .rank = 1};
    struct fw_trial_result r;
    if (strcmp(name, "adam-literal") == 0)
        trial.hyper.eps = 0;
    FW_TRY(fw_trial_run(&trial, &l->r->arena, &r, l->err));
    fw_doc_item(l->d, "%s, $c = %s$: after %u steps the kernel has $w = %s$, the formula %s.", name,
                fw_doc_double(l->d, c, 4), trial.steps,
                fw_doc_double(l->d, r.steps[trial.steps - 1].w, 15),
                fw_doc_double(l->d, r.steps[trial.steps - 1].closed, 15));
    return FW_OK;
}

enum fw_status fw_lesson_adam(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    const struct fw_optimizer *adam = fw_optimizer_find("adam-literal");
    const struct fw_optimizer *fused = fw_optimizer_find("adam");
    struct fw_per_param literal = fw_optimizer_operations(adam, FW_N_CLASSES);
    struct fw_per_param flop = fw_optimizer_operations(fused, FW_N_CLASSES);
    struct fw_per_param state = fw_optimizer_bytes(fused, FW_MAX_STATES, l->a->precision);
    bool is_tokens;
    double n = fw_lesson_params(l), t = fw_lesson_tokens(l, &is_tokens);
    fw_doc_heading(d, 1, "Momentum with a constant gradient");
    fw_doc_text(d, "With $m_t = mu*m_(t-1) + c$ and $m_0 = 0$ the momentum is a geometric sum, and "
                   "the weight the sum of all of them:");
    fw_doc_formula(d, "m_t = c*sum(k=0..t-1, mu^k) = c*(1 - mu^t)/(1 - mu)\n"
                      "w_t = -lr*sum(k=0..t, m_k) = -lr*c/(1 - mu)*(t + 1 - (1 - mu^(t+1))/(1 - "
                      "mu))");
    fw_doc_text(d, "It is proportional to the gradient.");
    FW_TRY(run_trial(l, "momentum", 0.5));
    FW_TRY(run_trial(l, "momentum", 500));
    fw_doc_heading(d, 1, "Adam with a constant gradient");
    fw_doc_formula(d, "m_t = b1*m_(t-1) + (1 - b1)*c = c*(1 - b1^t)\n"
                      "v_t = b2*v_(t-1) + (1 - b2)*c^2 = c^2*(1 - b2^t)\n"
                      "hat(m)_t = m_t/(1 - b1^t) = c\nhat(v)_t = v_t/(1 - b2^t) = c^2");
    fw_doc_text(d, "With $eps = 0$ each step is $lr*c/|c|$: the size of the gradient, and so the "
                   "scale of the loss, does not matter.");
    fw_doc_formula(d, "w_t = -lr*t");
    FW_TRY(run_trial(l, "adam-literal", 0.5));
    FW_TRY(run_trial(l, "adam-literal", 500));
    fw_doc_heading(d, 1, "What it costs here");
    fw_doc_text(d,
                "As written Adam takes %s operations per parameter, as fused implementations do "
                "it %s; it keeps two values per parameter, %s bytes, for %s parameters. In a "
                "step of %s that is $%s/(6*T) = %s$ of $6*N*T$.",
                fw_doc_double(d, fw_per_param_plain(&literal), 4),
                fw_doc_double(d, fw_per_param_plain(&flop), 4),
                fw_doc_double(d, fw_per_param_plain(&state), 4), fw_doc_int(d, (int64_t)n),
                fw_lesson_rows(l), fw_doc_double(d, fw_per_param_plain(&literal), 4),
                fw_doc_double(d, fw_per_param_plain(&literal) / (6 * t), 4));
    fw_lesson_fact(l, "literal_flop", fw_per_param_plain(&literal));
    fw_lesson_fact(l, "fused_flop", fw_per_param_plain(&flop));
    fw_lesson_fact(l, "share_of_6nt", fw_per_param_plain(&literal) / (6 * t));
    return FW_OK;
}

/* ---- ratio ---- */

enum fw_status fw_lesson_ratio(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    struct fw_ratio_parts p;
    FW_TRY(fw_ratio_parts(l->a, &p, l->err));
    double forward = bytes(p.forward), first = bytes(p.first), update = bytes(p.update);
    double backward = bytes(p.backward), all = backward + update;
    fw_doc_heading(d, 1, "The rule");
    fw_doc_text(d, "A layer's backward pass makes two products of the size of its forward one: the "
                   "gradient of its weight and that of its input. Where nothing below is trained "
                   "the latter is left out; and once a batch the weights are updated:");
    fw_doc_formula(d, "r = (first + 2*other + update)/(first + other)");
    fw_doc_heading(d, 1, "In this model");
    fw_doc_text(d,
                "Of %s FLOP forward, %s are in layers whose input needs no gradient; the update "
                "(%s) takes %s.",
                fw_doc_count(d, l->r, p.forward), fw_doc_count(d, l->r, p.first),
                l->optimizer->name, fw_doc_count(d, l->r, p.update));
    fw_doc_formula(d, "r = (%s + 2*%s + %s)/%s = %s", fw_doc_double(d, first, 15),
                   fw_doc_double(d, forward - first, 15), fw_doc_double(d, update, 15),
                   fw_doc_double(d, forward, 15),
                   fw_doc_double(d, (2 * forward - first + update) / forward, 6));
    fw_doc_text(d,
                "The training graph itself has %s FLOP of products backward, so the ratio is %s. "
                "Nearest case: %s.",
                fw_doc_count(d, l->r, p.backward), fw_doc_double(d, all / forward, 6),
                fw_ratio_case_names[fw_ratio_case(&p)]);
    if (backward != 2 * forward - first)
        fw_doc_text(d, "The rule takes layers as wholes. The graph has %s FLOP %s backward: %s.",
                    fw_doc_int(d, (int64_t)fabs(2 * forward - first - backward)),
                    backward < 2 * forward - first ? "fewer" : "more",
                    backward < 2 * forward - first
                        ? "of the two products of some layers one is needed in part, as where a "
                          "recurrent layer reads the network's input"
                        : "some products are made again there, as those of attention");
    if (update > 0)
        fw_doc_text(d, "The update is paid once a batch: with a large batch the ratio goes to %s.",
                    fw_doc_double(d, backward / forward, 6));
    fw_lesson_fact(l, "ratio", all / forward);
    fw_lesson_fact(l, "ratio_large_batch", backward / forward);
    return FW_OK;
}
