/* Why a training run takes about 6*N*T operations, and the way from there to the exact count of
 * this model, term by term. */
#include "ops/reach.h"
#include "passes/classify.h"
#include "report/explain.h"

#include <math.h>
#include <string.h>

struct parts {
    double n, n_products; // parameters; those that a product reads
    double n_tables;      // of the others, those that are matrices
    double tokens;
    double forward, backward;             // FLOP of products with weights
    double activations, activations_back; // of products of two activations
    double other;                         // FLOP that are no products, forward and backward
    double update;
    bool is_tokens;
};

/* How a product reads a parameter: as a factor, or beside its factors as a bias. */
enum { NOT_READ, IN_PRODUCT, BESIDE };

/* Marks what products read of the parameters; whether this one reads any. A recurrent layer's
 * biases are matrices as well, of directions and gates; its weights have a dimension more. */
static bool reads_weight(const struct fw_graph *g, const struct fw_node *n, unsigned char *read)
{
    bool any = false;
    unsigned least = fw_op_recurs(n->op) ? 3 : 2;
    for (unsigned i = 0; i < n->n_in; i++) {
        uint32_t t = fw_stored_at(g, n->in[i]);
        if (t == FW_NONE || g->tensors[t].kind != FW_KIND_PARAM || g->tensors[t].rank < 2)
            continue;
        read[t] = g->tensors[t].rank < least ? BESIDE : IN_PRODUCT;
        any |= read[t] == IN_PRODUCT;
    }
    return any;
}

/* A trained matrix; asked of those that no product reads. */
static bool is_table(const struct fw_graph *g, uint32_t t)
{
    const struct fw_tensor *w = &g->tensors[t];
    bool trained = t < g->n_gradients && g->gradients[t] != FW_NONE;
    unsigned sides = 0;
    for (unsigned i = 0; w->rank != FW_RANK_UNKNOWN && i < w->rank; i++)
        sides += !fw_dim_is(w->dims[i], 1);
    return w->kind == FW_KIND_PARAM && trained && sides > 1;
}

static enum fw_status gather(struct fw_lesson *l, struct parts *p)
{
    struct fw_graph *g = &l->a->model.graph;
    bool *weighted = fw_arena_zalloc(&l->r->arena, g->n_nodes + 1u);
    unsigned char *read = fw_arena_zalloc(&l->r->arena, g->n_tensors + 1u);
    if (weighted == NULL || read == NULL)
        return fw_fail_memory(l->err);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct fw_node *n = &g->nodes[i];
        struct fw_cost c = {0};
        (void)fw_node_cost(g, i, l->a->precision, &c);
        double products = 2 * (double)c.n[FW_FMA].word, all = 0;
        for (unsigned k = 0; k < FW_N_CLASSES; k++)
            all += (double)c.n[k].word * (k == FW_FMA ? 2 : 1);
        if (n->phase == FW_PHASE_FORWARD && products > 0)
            weighted[i] = reads_weight(g, n, read);
        bool with_weight = n->layer < g->n_nodes && weighted[n->layer];
        if (n->phase == FW_PHASE_UPDATE) {
            p->update += all;
            continue;
        }
        double *to = n->phase == FW_PHASE_FORWARD
                         ? (with_weight ? &p->forward : &p->activations)
                         : (with_weight ? &p->backward : &p->activations_back);
        *to += products;
        p->other += all - products;
    }
    for (uint32_t t = 0; t < g->n_tensors; t++)
        if (read[t] == IN_PRODUCT)
            p->n_products += (double)fw_tensor_elements(g, &g->tensors[t]).word;
        else if (read[t] == NOT_READ && is_table(g, t))
            p->n_tables += (double)fw_tensor_elements(g, &g->tensors[t]).word;
    p->n = fw_lesson_params(l);
    p->tokens = fw_lesson_tokens(l, &p->is_tokens);
    return FW_OK;
}

struct term {
    const char *what, *formula;
    double flop;
};

static enum fw_status add_terms(struct fw_lesson *l, const struct parts *p)
{
    enum { N = 4 };
    static const struct fw_column c[N] = {
        {"term", "term", "", FW_UNIT_NONE, FW_VIEW_TABLE | FW_VIEW_WRAP},
        {"formula", "formula", "", FW_UNIT_FORMULA, FW_VIEW_WIDE},
        {"flop", "FLOP", "", FW_UNIT_FLOP, FW_VIEW_TABLE},
        {"share", "of 6*N*T", "", FW_UNIT_CHANGE, FW_VIEW_TABLE},
    };
    static const struct fw_table head = {.key = "terms", .title = ""};
    double six = 6 * p->n * p->tokens;
    double lookups = -6 * p->n_tables * p->tokens;
    double vectors = -6 * (p->n - p->n_products - p->n_tables) * p->tokens;
    double reuse = 3 * p->forward - 6 * p->n_products * p->tokens;
    double missing = p->backward - 2 * p->forward;
    double attention = p->activations + p->activations_back;
    double products = p->forward + p->backward + attention;
    const struct term terms[] = {
        {"6*N*T", "6*N*T", six},
        {"tables that are looked up and not multiplied (embeddings)", "-6*N_t*T", lookups},
        {"other parameters that no product reads (scales, biases)", "-6*(N - N_w - N_t)*T",
         vectors},
        {"weights used at several places for a row, or by some rows only (experts)",
         "3*F_w - 6*N_w*T", reuse},
        {"gradients of inputs that nobody needs (first layers)", "B_w - 2*F_w", missing},
        {"products of two activations (attention scores)", "F_a + B_a", attention},
        {"= matmul FLOP of the step", "", products},
        {"work that is no product", "", p->other},
        {"update of the weights", "k*N", p->update},
        {"= FLOP of the step", "", products + p->other + p->update},
    };
    struct fw_value v[sizeof terms / sizeof *terms * N];
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        v[(size_t)n * N] = fw_value_text(terms[i].what);
        v[n * N + 1] = fw_value_text(terms[i].formula);
        v[n * N + 2] = fw_value_int((int64_t)terms[i].flop);
        v[n++ * N + 3] = fw_value_float(terms[i].flop / six);
    }
    fw_lesson_fact(l, "six_n_t", six);
    fw_lesson_fact(l, "matmul_flop", products);
    fw_lesson_fact(l, "step_flop", products + p->other + p->update);
    return fw_lesson_table(l, &head, c, N, v, n);
}

static void write_rule(struct fw_lesson *l, const struct parts *p)
{
    struct fw_document *d = l->d;
    const char *rows = p->is_tokens ? "tokens" : "examples";
    fw_doc_heading(d, 1, "Two operations forward, four backward");
    fw_doc_text(d, "A weight $W_ij$ of a linear layer meets one input of each token (or example) "
                   "in a multiply and an add: 2 operations forward,");
    fw_doc_formula(d, "z_i = sum(j=1..n, W_ij*x_j)");
    fw_doc_text(d, "Backward it is used twice. The gradient of the layer's input needs it as a "
                   "factor, the gradient of the weight itself is a product for each token:");
    fw_doc_formula(d, "partial(L)/partial(x_j) += W_ij*partial(L)/partial(z_i)\n"
                      "partial(L)/partial(W_ij) += partial(L)/partial(z_i)*x_j");
    fw_doc_text(d, "2 operations each, so 6 in all; with $N$ weights and $T$ %s", rows);
    fw_doc_formula(d, "C ~= 6*N*T = 6*%s*%s = %s", fw_doc_double(d, p->n, 15),
                   fw_doc_double(d, p->tokens, 15), fw_doc_double(d, 6 * p->n * p->tokens, 6));
    fw_doc_text(d, "for one step of this model: $N = %s$ parameters, $T = %s$ %s a batch.",
                fw_doc_int(d, (int64_t)p->n), fw_doc_int(d, (int64_t)p->tokens),
                p->tokens != 1 ? rows
                : p->is_tokens ? "token"
                               : "example");
    fw_lesson_fact(l, "n", p->n);
    fw_lesson_fact(l, "t", p->tokens);
}

static void write_left_out(struct fw_lesson *l)
{
    struct fw_document *d = l->d;
    fw_doc_heading(d, 1, "What 6*N*T leaves out here");
    fw_doc_text(
        d, "From the rule to the exact count of the training graph, with $N_w$ the "
           "parameters that products read, $N_t$ those of tables, $F_w$ and $B_w$ what products "
           "with weights take forward and backward, $F_a$ and $B_a$ the same of products of two "
           "activations:");
}

static void write_remarks(struct fw_lesson *l, const struct parts *p)
{
    struct fw_document *d = l->d;
    double k = p->update / p->n;
    fw_doc_item(d,
                "The update takes $k = %s$ operations per parameter (%s), once a batch: a part "
                "$k/(6*T) = %s$ of $6*N*T$.",
                fw_doc_double(d, k, 4), l->optimizer->name,
                fw_doc_double(d, k / (6 * p->tokens), 3));
    if (p->activations > 0)
        fw_doc_item(d,
                    "Products of activations take %s FLOP per row and step: in a transformer of "
                    "$L$ layers, width $h$ and $s$ tokens that is $12*L*h*s$ per token, half of "
                    "it where a causal mask is made use of.",
                    fw_doc_int(d, (int64_t)((p->activations + p->activations_back) / p->tokens)));
    else
        fw_doc_item(d, "There are no products of two activations (attention scores), which would "
                       "add $12*L*h*s$ per token.");
    fw_doc_item(d,
                "Recomputing activations in the backward pass would add up to a forward pass, "
                "$2*N*T = %s$: work of the hardware, not of the model.",
                fw_doc_double(d, 2 * p->n * p->tokens, 4));
}

enum fw_status fw_lesson_6nt(struct fw_lesson *l)
{
    struct parts p = {.n = 0};
    FW_TRY(gather(l, &p));
    FW_REQUIRE(p.n > 0, l->err, FW_UNSUPPORTED, "the model has no parameters");
    write_rule(l, &p);
    if (l->layer != FW_NONE)
        FW_TRY(fw_lesson_proof(l));
    write_left_out(l);
    FW_TRY(add_terms(l, &p));
    write_remarks(l, &p);
    return FW_OK;
}
