/* Classical machine learning (ai.onnx.ml): linear models, support vectors, trees, scalers.
 *
 * N examples of F features, E outputs per example.
 *     linear    fma = N*F*E, and with intercepts N*E add
 *     SVM       fma = N*F*V for V support vectors; the kernel of each: linear nothing, polynomial
 *               (gamma*x + c)^d 1 mul, 1 add, 1 special, rbf exp(-gamma*|x-v|^2) 1 add per feature
 *               before its product, 1 mul, 1 special, sigmoid as polynomial; then one fma per
 *               support vector and output
 *     trees     one compare per level. How deep an example goes depends on the data: the depth of
 *               each tree is counted, which is an upper bound; one add per tree and output after it
 *     scaler    1 add, 1 mul per element; normalizer, imputer, binarizer as their rows say
 * Post-transforms: SOFTMAX over E, LOGISTIC per score (2 add, 1 special, 1 div), PROBIT 1 special.
 * The stored numbers are attributes, not tensors, so none of these is trained here. */
#include "ops/classic.h"
#include "ops/reach.h"

#include <string.h>

/* ---- shared ---- */

static fw_dim examples(const struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    return x->rank >= 2 ? x->dims[0] : fw_dim_int(1);
}

static fw_dim features(const struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    return x->rank >= 1 ? x->dims[x->rank - 1u] : fw_dim_int(1);
}

/* N * k */
static fw_count per_example(struct fw_cx *c, int64_t k)
{
    return fw_count_mul(c->sym, fw_count_of(examples(c)), fw_count_int(k));
}

/* (N, e) floats as output i. */
static enum fw_status set_scores(struct fw_cx *c, unsigned i, int64_t e)
{
    fw_dim dims[2] = {examples(c), fw_dim_int(e)};
    return fw_set_out(c, i, FW_F32, 2, dims);
}

/* Labels (N) and scores (N, e) of a classifier. */
static enum fw_status set_classes(struct fw_cx *c, bool words, int64_t e)
{
    fw_dim n = examples(c);
    FW_TRY(fw_set_out(c, 0, words ? FW_STRING : FW_I64, 1, &n));
    return set_scores(c, 1, e);
}

static void cost_transform(struct fw_cx *c, struct fw_cost *cost, const char *name, int64_t e)
{
    fw_count n = per_example(c, e);
    if (strcmp(name, "LOGISTIC") == 0) {
        fw_cost_add(c, cost, FW_ADD, n, 2);
        fw_cost_add(c, cost, FW_DIV, n, 1);
        fw_cost_add(c, cost, FW_EXP, n, 1);
    } else if (strcmp(name, "SOFTMAX") == 0 || strcmp(name, "SOFTMAX_ZERO") == 0) {
        fw_cost_add(c, cost, FW_MINMAX, per_example(c, e - 1), 1);
        fw_cost_add(c, cost, FW_ADD, n, 1);
        fw_cost_add(c, cost, FW_ADD, fw_joins(c, n, per_example(c, 1)), 1);
        fw_cost_add(c, cost, FW_DIV, n, 1);
        fw_cost_add(c, cost, FW_EXP, n, 1);
    } else if (strcmp(name, "PROBIT") == 0) {
        fw_cost_add(c, cost, FW_SPECIAL, n, 1);
    }
}

/* ---- linear models ---- */

enum { L_POST, L_COEFFICIENTS, L_INTERCEPTS, L_TARGETS, L_LABELS = 3, L_WORDS, L_MULTI };
static const struct fw_attr_spec regressor_attrs[] = {
    {"post_transform", FW_ATTR_STRING, false, {.s = "NONE"}},
    {"coefficients", FW_ATTR_FLOATS, false, {.n = 0}},
    {"intercepts", FW_ATTR_FLOATS, false, {.n = 0}},
    {"targets", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec classifier_attrs[] = {
    {"post_transform", FW_ATTR_STRING, false, {.s = "NONE"}},
    {"coefficients", FW_ATTR_FLOATS, true, {.n = 0}},
    {"intercepts", FW_ATTR_FLOATS, false, {.n = 0}},
    {"classlabels_ints", FW_ATTR_INTS, false, {.n = 0}},
    {"classlabels_strings", FW_ATTR_STRINGS, false, {.n = 0}},
    {"multi_class", FW_ATTR_INT, false, {.i = 0}},
};

static enum fw_status infer_regressor(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    int64_t targets = c->node->attr[L_TARGETS].i;
    FW_REQUIRE(targets >= 1, c->err, FW_FORMAT, "at least one target is wanted");
    return set_scores(c, 0, targets);
}

static int64_t labels_of(const struct fw_cx *c, unsigned ints, unsigned words)
{
    return fw_n_labels(&c->node->attr[ints], &c->node->attr[words]);
}

static enum fw_status infer_classifier(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    int64_t e = labels_of(c, L_LABELS, L_WORDS);
    FW_REQUIRE(e >= 1, c->err, FW_FORMAT, "class labels are wanted, there are none");
    return set_classes(c, c->node->attr[L_WORDS].n > 0, e);
}

/* Every stored coefficient is used once per example. */
static void cost_linear(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    bool classes = c->node->op->n_attrs > L_WORDS;
    int64_t e = classes ? labels_of(c, L_LABELS, L_WORDS) : attr[L_TARGETS].i;
    fw_cost_add(c, cost, FW_FMA, per_example(c, attr[L_COEFFICIENTS].n), 1);
    fw_cost_add(c, cost, FW_ADD, per_example(c, attr[L_INTERCEPTS].n), 1);
    cost_transform(c, cost, attr[L_POST].s, e);
    if (classes) // the label is that of the largest score
        fw_cost_add(c, cost, FW_MINMAX, per_example(c, e - 1), 1);
}

/* ---- support vectors ---- */

enum {
    V_POST,
    V_COEFFICIENTS,
    V_RHO,
    V_KERNEL,
    V_PARAMS,
    V_VECTORS,
    V_SUPPORTS,
    V_ONE_CLASS,
    V_LABELS = 6,
    V_WORDS,
    V_PROB_A,
    V_PROB_B,
    V_PER_CLASS
};
#define SVM_ATTRS                                                \
    {"post_transform", FW_ATTR_STRING, false, {.s = "NONE"}},    \
        {"coefficients", FW_ATTR_FLOATS, false, {.n = 0}},       \
        {"rho", FW_ATTR_FLOATS, false, {.n = 0}},                \
        {"kernel_type", FW_ATTR_STRING, false, {.s = "LINEAR"}}, \
        {"kernel_params", FW_ATTR_FLOATS, false, {.n = 0}},      \
    {                                                            \
        "support_vectors", FW_ATTR_FLOATS, false,                \
        {                                                        \
            .n = 0                                               \
        }                                                        \
    }
static const struct fw_attr_spec svr_attrs[] = {
    SVM_ATTRS,
    {"n_supports", FW_ATTR_INT, false, {.i = 0}},
    {"one_class", FW_ATTR_INT, false, {.i = 0}},
};
static const struct fw_attr_spec svc_attrs[] = {
    SVM_ATTRS,
    {"classlabels_ints", FW_ATTR_INTS, false, {.n = 0}},
    {"classlabels_strings", FW_ATTR_STRINGS, false, {.n = 0}},
    {"prob_a", FW_ATTR_FLOATS, false, {.n = 0}},
    {"prob_b", FW_ATTR_FLOATS, false, {.n = 0}},
    {"vectors_per_class", FW_ATTR_INTS, false, {.n = 0}},
};

static bool is_svc(const struct fw_cx *c)
{
    return c->node->op->attrs == svc_attrs;
}

/* Two classes of which only one is named by its scores give as many scores as labels. */
static enum fw_status infer_svm(struct fw_cx *c)
{
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    if (!is_svc(c))
        return set_scores(c, 0, 1);
    int64_t e = labels_of(c, V_LABELS, V_WORDS);
    FW_REQUIRE(e >= 1, c->err, FW_FORMAT, "class labels are wanted, there are none");
    int64_t pairs = e * (e - 1) / 2;
    bool scores_are_pairs = c->node->attr[V_PROB_A].n == 0 && e > 2;
    return set_classes(c, c->node->attr[V_WORDS].n > 0, scores_are_pairs ? pairs : e);
}

/* Support vectors: listed values / features; without them the coefficients are a linear model. */
static int64_t n_vectors(const struct fw_cx *c)
{
    const struct fw_attr *attr = c->node->attr;
    if (!is_svc(c))
        return attr[V_SUPPORTS].i;
    int64_t n = 0;
    for (uint32_t i = 0; i < attr[V_PER_CLASS].n; i++)
        if (attr[V_PER_CLASS].ints[i] > 0 && n <= INT32_MAX)
            n += attr[V_PER_CLASS].ints[i] > INT32_MAX ? INT32_MAX : attr[V_PER_CLASS].ints[i];
    return n;
}

static void cost_svm(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    int64_t v = n_vectors(c);
    fw_cost_add(c, cost, FW_FMA, per_example(c, attr[V_COEFFICIENTS].n), 1);
    fw_cost_add(c, cost, FW_ADD, per_example(c, attr[V_RHO].n), 1);
    if (v > 0) {
        fw_count kernels = per_example(c, v);
        fw_count products = fw_count_mul(c->sym, kernels, fw_count_of(features(c)));
        bool rbf = strcmp(attr[V_KERNEL].s, "RBF") == 0;
        bool plain = strcmp(attr[V_KERNEL].s, "LINEAR") == 0;
        fw_cost_add(c, cost, FW_FMA, products, 1);
        fw_cost_add(c, cost, FW_ADD, rbf ? products : kernels, plain ? 0 : 1);
        fw_cost_add(c, cost, FW_MUL, kernels, plain ? 0 : 1);
        bool power = strcmp(attr[V_KERNEL].s, "POLY") == 0;
        fw_cost_add(c, cost, rbf ? FW_EXP : power ? FW_SPECIAL : FW_TANH, kernels, plain ? 0 : 1);
    }
    int64_t e = is_svc(c) ? labels_of(c, V_LABELS, V_WORDS) : 1;
    cost_transform(c, cost, attr[V_POST].s, e);
    if (!is_svc(c))
        return;
    fw_cost_add(c, cost, FW_MINMAX, per_example(c, e * (e - 1) / 2), 1); // votes
    cost_transform(c, cost, attr[V_PROB_A].n > 0 ? "LOGISTIC" : "NONE", attr[V_PROB_A].n);
}

/* ---- trees ---- */

enum { T_POST, T_TREES, T_NODES, T_TRUE, T_FALSE, T_MODES, T_TARGETS, T_LABELS = 6, T_WORDS };
#define TREE_ATTRS                                             \
    {"post_transform", FW_ATTR_STRING, false, {.s = "NONE"}},  \
        {"nodes_treeids", FW_ATTR_INTS, false, {.n = 0}},      \
        {"nodes_nodeids", FW_ATTR_INTS, false, {.n = 0}},      \
        {"nodes_truenodeids", FW_ATTR_INTS, false, {.n = 0}},  \
        {"nodes_falsenodeids", FW_ATTR_INTS, false, {.n = 0}}, \
    {                                                          \
        "nodes_modes", FW_ATTR_STRINGS, false,                 \
        {                                                      \
            .n = 0                                             \
        }                                                      \
    }
#define TREE_NUMBERS                                                        \
    {"nodes_featureids", FW_ATTR_INTS, false, {.n = 0}},                    \
        {"nodes_values", FW_ATTR_FLOATS, false, {.n = 0}},                  \
        {"nodes_missing_value_tracks_true", FW_ATTR_INTS, false, {.n = 0}}, \
    {                                                                       \
        "base_values", FW_ATTR_FLOATS, false,                               \
        {                                                                   \
            .n = 0                                                          \
        }                                                                   \
    }
static const struct fw_attr_spec tree_regressor_attrs[] = {
    TREE_ATTRS,
    {"n_targets", FW_ATTR_INT, false, {.i = 1}},
    TREE_NUMBERS,
    {"target_treeids", FW_ATTR_INTS, false, {.n = 0}},
    {"target_nodeids", FW_ATTR_INTS, false, {.n = 0}},
    {"target_ids", FW_ATTR_INTS, false, {.n = 0}},
    {"target_weights", FW_ATTR_FLOATS, false, {.n = 0}},
    {"aggregate_function", FW_ATTR_STRING, false, {.s = "SUM"}},
};
static const struct fw_attr_spec tree_classifier_attrs[] = {
    TREE_ATTRS,
    {"classlabels_int64s", FW_ATTR_INTS, false, {.n = 0}},
    {"classlabels_strings", FW_ATTR_STRINGS, false, {.n = 0}},
    TREE_NUMBERS,
    {"class_treeids", FW_ATTR_INTS, false, {.n = 0}},
    {"class_nodeids", FW_ATTR_INTS, false, {.n = 0}},
    {"class_ids", FW_ATTR_INTS, false, {.n = 0}},
    {"class_weights", FW_ATTR_FLOATS, false, {.n = 0}},
};

static bool is_tree_classifier(const struct fw_cx *c)
{
    return c->node->op->attrs == tree_classifier_attrs;
}

static int64_t tree_outputs(const struct fw_cx *c)
{
    return is_tree_classifier(c) ? labels_of(c, T_LABELS, T_WORDS) : c->node->attr[T_TARGETS].i;
}

static enum fw_status infer_trees(struct fw_cx *c)
{
    const struct fw_attr *attr = c->node->attr;
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    uint32_t n = attr[T_TREES].n;
    FW_REQUIRE(n == attr[T_NODES].n && n == attr[T_TRUE].n && n == attr[T_FALSE].n &&
                   n == attr[T_MODES].n,
               c->err, FW_FORMAT, "lists of tree nodes of one length are wanted");
    int64_t e = tree_outputs(c);
    FW_REQUIRE(e >= 1, c->err, FW_FORMAT, "at least one output of the trees is wanted");
    return is_tree_classifier(c) ? set_classes(c, attr[T_WORDS].n > 0, e) : set_scores(c, 0, e);
}

/* Levels below the nodes from..to of one tree, which are numbered as in the file: every child
 * stands behind its parent in all usual files; where one does not, each node is taken as a level.
 */
int64_t fw_tree_levels(const struct fw_cx *c, uint32_t from, uint32_t to)
{
    const struct fw_attr *attr = c->node->attr;
    uint32_t n = to - from;
    int64_t *level = fw_arena_array(c->g->arena, n, sizeof *level);
    int64_t most = 0;
    if (level == NULL)
        return n;
    memset(level, 0, n * sizeof *level);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(attr[T_MODES].strings[from + i], "LEAF") == 0)
            continue;
        const int64_t child[2] = {attr[T_TRUE].ints[from + i], attr[T_FALSE].ints[from + i]};
        if (level[i] + 1 > most)
            most = level[i] + 1;
        for (unsigned k = 0; k < 2; k++) {
            if (child[k] <= i || child[k] >= n || attr[T_NODES].ints[from + child[k]] != child[k])
                return n;
            level[child[k]] = level[i] + 1;
        }
    }
    return most;
}

static void cost_trees(struct fw_cx *c, struct fw_cost *cost)
{
    const struct fw_attr *attr = c->node->attr;
    uint32_t n = attr[T_TREES].n;
    int64_t compares = 0;
    int64_t trees = 0;
    for (uint32_t from = 0, to; from < n; from = to, trees++) {
        to = from + 1;
        while (to < n && attr[T_TREES].ints[to] == attr[T_TREES].ints[from])
            to++;
        compares += fw_tree_levels(c, from, to);
    }
    int64_t e = tree_outputs(c);
    fw_cost_add(c, cost, FW_MINMAX, per_example(c, compares), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_mul(c->sym, per_example(c, trees), fw_count_int(e)), 1);
    cost_transform(c, cost, attr[T_POST].s, e);
    if (is_tree_classifier(c))
        fw_cost_add(c, cost, FW_MINMAX, per_example(c, e - 1), 1);
}

/* The newer form: the nodes of all trees in one list, leaves in another. */
enum { E_TARGETS, E_POST, E_ROOTS, E_TRUE, E_FALSE, E_TRUE_LEAF, E_FALSE_LEAF };
static const struct fw_attr_spec ensemble_attrs[] = {
    {"n_targets", FW_ATTR_INT, false, {.i = 1}},
    {"post_transform", FW_ATTR_INT, false, {.i = 0}},
    {"tree_roots", FW_ATTR_INTS, true, {.n = 0}},
    {"nodes_truenodeids", FW_ATTR_INTS, true, {.n = 0}},
    {"nodes_falsenodeids", FW_ATTR_INTS, true, {.n = 0}},
    {"nodes_trueleafs", FW_ATTR_INTS, true, {.n = 0}},
    {"nodes_falseleafs", FW_ATTR_INTS, true, {.n = 0}},
    {"nodes_featureids", FW_ATTR_INTS, false, {.n = 0}},
    {"nodes_modes", FW_ATTR_TENSOR, false, {.n = 0}},
    {"nodes_splits", FW_ATTR_TENSOR, false, {.n = 0}},
    {"nodes_missing_value_tracks_true", FW_ATTR_INTS, false, {.n = 0}},
    {"leaf_targetids", FW_ATTR_INTS, false, {.n = 0}},
    {"leaf_weights", FW_ATTR_TENSOR, false, {.n = 0}},
    {"aggregate_function", FW_ATTR_INT, false, {.i = 1}},
    {"membership_values", FW_ATTR_TENSOR, false, {.n = 0}},
};

static enum fw_status infer_ensemble(struct fw_cx *c)
{
    const struct fw_attr *attr = c->node->attr;
    FW_TRY(fw_want_rank(c, 0, 1, 2));
    uint32_t n = attr[E_TRUE].n;
    FW_REQUIRE(n == attr[E_FALSE].n && n == attr[E_TRUE_LEAF].n && n == attr[E_FALSE_LEAF].n,
               c->err, FW_FORMAT, "lists of tree nodes of one length are wanted");
    FW_REQUIRE(attr[E_TARGETS].i >= 1, c->err, FW_FORMAT, "at least one target is wanted");
    fw_dim dims[2] = {examples(c), fw_dim_int(attr[E_TARGETS].i)};
    return fw_set_out(c, 0, (enum fw_dtype)fw_in(c, 0)->dtype, 2, dims);
}

/* Depth of the tree whose nodes are from..to; a child stands behind its parent, else every node is
 * taken as a level. */
int64_t fw_ensemble_levels(const struct fw_cx *c, uint32_t from, uint32_t to)
{
    const struct fw_attr *attr = c->node->attr;
    uint32_t n = to - from;
    int64_t *level = fw_arena_array(c->g->arena, n, sizeof *level);
    int64_t most = 0;
    if (level == NULL)
        return n;
    memset(level, 0, n * sizeof *level);
    for (uint32_t i = 0; i < n; i++) {
        if (level[i] + 1 > most)
            most = level[i] + 1;
        for (unsigned k = 0; k < 2; k++) {
            int64_t child = attr[k == 0 ? E_TRUE : E_FALSE].ints[from + i];
            if (attr[k == 0 ? E_TRUE_LEAF : E_FALSE_LEAF].ints[from + i] != 0)
                continue;
            if (child <= from + i || child >= to)
                return n;
            level[child - from] = level[i] + 1;
        }
    }
    return most;
}

bool fw_ensemble_ordered(const struct fw_cx *c)
{
    const struct fw_attr *roots = fw_attr_at(c, E_ROOTS);
    int64_t n = fw_attr_at(c, E_TRUE)->n;
    bool ordered = true;
    for (uint32_t t = 0; t < roots->n; t++)
        ordered =
            ordered && roots->ints[t] > (t > 0 ? roots->ints[t - 1] : -1) && roots->ints[t] < n;
    return ordered;
}

static void cost_ensemble(struct fw_cx *c, struct fw_cost *cost)
{
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    const struct fw_attr *attr = c->node->attr;
    const struct fw_attr *roots = &attr[E_ROOTS];
    int64_t compares = 0;
    int64_t n = attr[E_TRUE].n;
    bool ordered = fw_ensemble_ordered(c); // else every node is a level
    for (uint32_t t = 0; ordered && t < roots->n; t++)
        compares += fw_ensemble_levels(c, (uint32_t)roots->ints[t],
                                       (uint32_t)(t + 1 < roots->n ? roots->ints[t + 1] : n));
    if (!ordered)
        compares = n * (int64_t)roots->n;
    int64_t e = attr[E_TARGETS].i;
    int64_t post = attr[E_POST].i;
    fw_count leaves = per_example(c, roots->n);
    fw_cost_add(c, cost, FW_MINMAX, per_example(c, compares), 1);
    fw_cost_add(c, cost, FW_ADD, fw_count_mul(c->sym, leaves, fw_count_int(e)), 1);
    cost_transform(c, cost, names[post >= 0 && post <= 4 ? post : 0], e);
}

/* ---- element by element ---- */

struct simple {
    enum fw_cost_class class[2]; // one operation of each per element; FW_N_CLASSES: none
    bool wide;                   // the result is a float whatever the input is
};

static const struct fw_attr_spec scaler_attrs[] = {
    {"scale", FW_ATTR_FLOATS, false, {.n = 0}},
    {"offset", FW_ATTR_FLOATS, false, {.n = 0}},
};
static const struct fw_attr_spec binarizer_attrs[] = {
    {"threshold", FW_ATTR_FLOAT, false, {.f = 0}},
};
static const struct fw_attr_spec imputer_attrs[] = {
    {"replaced_value_int64", FW_ATTR_INT, false, {.i = 0}},
    {"imputed_value_int64s", FW_ATTR_INTS, false, {.n = 0}},
    {"replaced_value_float", FW_ATTR_FLOAT, false, {.f = 0}},
    {"imputed_value_floats", FW_ATTR_FLOATS, false, {.n = 0}},
};
static const struct fw_attr_spec normalizer_attrs[] = {
    {"norm", FW_ATTR_STRING, false, {.s = "MAX"}},
};

static enum fw_status infer_simple(struct fw_cx *c)
{
    const struct simple *s = c->node->op->family;
    const struct fw_tensor *x = fw_in(c, 0);
    return fw_set_out(c, 0, s->wide ? FW_F32 : (enum fw_dtype)x->dtype, x->rank, x->dims);
}

static void cost_simple(struct fw_cx *c, struct fw_cost *cost)
{
    const struct simple *s = c->node->op->family;
    for (unsigned k = 0; k < 2; k++)
        if (s->class[k] != FW_N_CLASSES)
            fw_cost_add(c, cost, s->class[k], fw_elements(c, fw_out(c, 0)), 1);
}

/* Rows divided by their largest element, sum of magnitudes, or length. */
static void cost_normalizer(struct fw_cx *c, struct fw_cost *cost)
{
    const char *norm = c->node->attr[0].s;
    fw_count n = fw_elements(c, fw_in(c, 0));
    fw_count rows = fw_count_of(examples(c));
    bool length = strcmp(norm, "L2") == 0;
    bool sum = strcmp(norm, "L1") == 0;
    fw_cost_add(c, cost, FW_DIV, n, 1);
    if (length || sum) // squares, magnitudes
        fw_cost_add(c, cost, length ? FW_MUL : FW_MINMAX, n, 1);
    fw_cost_add(c, cost, length || sum ? FW_ADD : FW_MINMAX, fw_joins(c, n, rows), 1);
    fw_cost_add(c, cost, FW_SQRT, rows, length ? 1 : 0);
}

/* ---- moves: several inputs side by side, a category as a row of 0 and 1 ---- */

enum { O_INTS, O_WORDS };
static const struct fw_attr_spec encoder_attrs[] = {
    {"cats_int64s", FW_ATTR_INTS, false, {.n = 0}},
    {"cats_strings", FW_ATTR_STRINGS, false, {.n = 0}},
    {"zeros", FW_ATTR_INT, false, {.i = 1}},
};
static const struct fw_attr_spec vectorizer_attrs[] = {
    {"inputdimensions", FW_ATTR_INTS, false, {.n = 0}},
};

static enum fw_status infer_encoder(struct fw_cx *c)
{
    const struct fw_tensor *x = fw_in(c, 0);
    FW_TRY(fw_want_rank(c, 0, 0, FW_MAX_RANK - 1));
    fw_dim dims[FW_MAX_RANK];
    for (unsigned k = 0; k < x->rank; k++)
        dims[k] = x->dims[k];
    dims[x->rank] = fw_dim_int(labels_of(c, O_INTS, O_WORDS));
    return fw_set_out(c, 0, FW_F32, x->rank + 1u, dims);
}

static enum fw_status infer_vectorizer(struct fw_cx *c)
{
    fw_dim dims[2] = {examples(c), fw_dim_int(0)};
    for (unsigned i = 0; i < c->node->n_in; i++) {
        FW_TRY(fw_want_rank(c, i, 1, 2));
        const struct fw_tensor *t = fw_in(c, i);
        if (t->rank == 2)
            FW_TRY(fw_same_dim(c, "number of examples", dims[0], t->dims[0], &dims[0]));
        dims[1] = fw_dim_add(c->sym, dims[1], t->dims[t->rank - 1u]);
    }
    return fw_set_out(c, 0, FW_F32, 2, dims);
}

/* ---- rows ---- */

#define ML_ROW(title, words, spec, most, outs, fl, kind, slot, count, ...)                      \
    {                                                                                           \
        .name = title, .domain = "ai.onnx.ml", .formula = words,                                \
        .doc = "not built: its numbers are attributes, not parameters (a gap)", FW_ATTRS(spec), \
        FW_PORTS(1, most, 1, outs), .flags = fl, .family = kind, .infer = slot,                 \
        .field = fw_field_whole, .cost = count, .grad = fw_grad_gap, __VA_ARGS__                \
    }
FW_KERNELS(linear_regressor, linear_classifier, svm_regressor, tree_regressor, tree_classifier);
FW_KERNELS(tree_ensemble, scaler, binarizer, imputer, normalizer, one_hot_encoder);
FW_KERNELS(feature_vectorizer);

static const struct simple scale = {{FW_ADD, FW_MUL}, true};
static const struct simple compare = {{FW_MINMAX, FW_N_CLASSES}, false};
static const struct simple choose = {{FW_MINMAX, FW_MINMAX}, false};
static const struct simple norm = {{FW_N_CLASSES, FW_N_CLASSES}, true};

static const struct fw_op rows[] = {
    ML_ROW("LinearRegressor", "fma = N*coefficients, add = N*intercepts", regressor_attrs, 1, 1,
           FW_OP_CONTRACTION, NULL, infer_regressor, cost_linear, FW_RUN(linear_regressor)),
    ML_ROW("LinearClassifier", "fma = N*coefficients, add = N*intercepts, minmax = N*(E-1)",
           classifier_attrs, 1, 2, FW_OP_CONTRACTION, NULL, infer_classifier, cost_linear,
           FW_RUN(linear_classifier)),
    ML_ROW("SVMRegressor", "fma = N*(vectors*F + coefficients), add = N*rho, and the kernel",
           svr_attrs, 1, 1, FW_OP_CONTRACTION, NULL, infer_svm, cost_svm, FW_RUN(svm_regressor)),
    ML_ROW("SVMClassifier",
           "fma = N*(vectors*F + coefficients), add = N*rho, the kernel, N*E*(E-1)/2 minmax",
           svc_attrs, 1, 2, FW_OP_CONTRACTION, NULL, infer_svm, cost_svm, .run = {NULL}),
    ML_ROW("TreeEnsembleRegressor",
           "minmax = N * sum of the depths (an upper bound), add = N*trees*E", tree_regressor_attrs,
           1, 1, 0, NULL, infer_trees, cost_trees, FW_RUN(tree_regressor)),
    ML_ROW("TreeEnsembleClassifier",
           "minmax = N * (sum of the depths (an upper bound) + E - 1), add = N*trees*E",
           tree_classifier_attrs, 1, 2, 0, NULL, infer_trees, cost_trees, FW_RUN(tree_classifier)),
    ML_ROW("TreeEnsemble", "minmax = N * sum of the depths (an upper bound), add = N*trees*E",
           ensemble_attrs, 1, 1, 0, NULL, infer_ensemble, cost_ensemble, FW_RUN(tree_ensemble)),
    ML_ROW("Scaler", "1 add, 1 mul per element", scaler_attrs, 1, 1, 0, &scale, infer_simple,
           cost_simple, FW_RUN(scaler)),
    ML_ROW("Binarizer", "1 minmax per element", binarizer_attrs, 1, 1, 0, &compare, infer_simple,
           cost_simple, FW_RUN(binarizer)),
    ML_ROW("Imputer", "2 minmax per element: compare and select", imputer_attrs, 1, 1, 0, &choose,
           infer_simple, cost_simple, FW_RUN(imputer)),
    ML_ROW("Normalizer",
           "per row: its norm (MAX minmax, L1 minmax and add, L2 mul, add, sqrt), 1 "
           "div per element",
           normalizer_attrs, 1, 1, 0, &norm, infer_simple, cost_normalizer, FW_RUN(normalizer)),
    ML_ROW("OneHotEncoder", "no arithmetic: one row per category written", encoder_attrs, 1, 1, 0,
           NULL, infer_encoder, fw_cost_free, FW_RUN(one_hot_encoder)),
    ML_ROW("FeatureVectorizer", "no arithmetic: the inputs side by side", vectorizer_attrs,
           UINT16_MAX, 1, 0, NULL, infer_vectorizer, fw_cost_free, FW_RUN(feature_vectorizer)),
};
const struct fw_op_table fw_ops_classic = {rows, sizeof rows / sizeof *rows};
