/* Kernels of classic.c: linear models, support vectors, trees and what prepares their inputs. The
 * numbers stand in attributes. */
#include "ops/classic.h"
#include "ops/kernel.h"

static const struct fw_attr *list(const struct fw_run *r, const char *name)
{
    static const struct fw_attr none;
    const struct fw_attr *a = fw_run_attr(r, name);
    return a != NULL ? a : &none;
}

/* The input as examples of features. */
struct table {
    size_t n, features;
};

static struct table table_of(const struct fw_run *r)
{
    const struct fw_buffer *x = r->in[0];
    size_t n = 1; // rows without features are rows too
    for (unsigned k = 0; k + 1u < x->rank; k++)
        n *= (size_t)x->dims[k];
    return (struct table){n, x->rank >= 1 ? (size_t)x->dims[x->rank - 1] : 1};
}

static REAL logistic(REAL x)
{
    return DIV((REAL)1, ADD((REAL)1, EXP(NEG(x))));
}

/* A row of scores after the model's transform; SOFTMAX_ZERO leaves zeros out. */
static enum fw_status transform(const struct fw_run *r, const char *name, REAL *y, size_t n)
{
    REAL most = y[0];
    REAL sum = 0;
    bool zero = strcmp(name, "SOFTMAX_ZERO") == 0;
    FW_REQUIRE(strcmp(name, "PROBIT") != 0, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for scores by PROBIT");
    if (strcmp(name, "LOGISTIC") == 0)
        for (size_t i = 0; i < n; i++)
            y[i] = logistic(y[i]);
    if (!zero && strcmp(name, "SOFTMAX") != 0)
        return FW_OK;
    for (size_t i = 1; i < n; i++)
        most = MAX(most, y[i]);
    for (size_t i = 0; i < n; i++) {
        REAL e = EXP(SUB(y[i], most));
        y[i] = zero && fabs((double)y[i]) < 1e-7 ? 0 : e;
        sum = i == 0 ? y[i] : ADD(sum, y[i]);
    }
    for (size_t i = 0; i < n; i++)
        y[i] = DIV(y[i], sum != 0 ? sum : 1);
    return FW_OK;
}

/* Index of the largest score, n - 1 comparisons; ties go to the first. */
static size_t best_of(const REAL *y, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = LESS(y[best], y[i]) ? i : best;
    return best;
}

static enum fw_status put_label(const struct fw_run *r, const char *ints, size_t row, size_t best)
{
    const struct fw_attr *labels = list(r, ints);
    FW_REQUIRE(best < labels->n, r->cx.err, FW_UNSUPPORTED, "there is no kernel for string labels");
    if (fw_run_out(r, 0) != NULL)
        fw_buffer_put_int(r->out[0], row, labels->ints[best]);
    return FW_OK;
}

/* ---- linear models ---- */

static enum fw_status linear_row(const struct fw_run *r, size_t row, size_t features, REAL *y,
                                 size_t n)
{
    const struct fw_attr *w = list(r, "coefficients"), *b = list(r, "intercepts");
    FW_REQUIRE(w->n == n * features && (b->n == 0 || b->n == n), r->cx.err, FW_UNSUPPORTED,
               "%zu coefficients for each of %zu scores are wanted, found %u in all", features, n,
               w->n);
    for (size_t i = 0; i < n; i++) {
        y[i] = 0;
        for (size_t k = 0; k < features; k++)
            y[i] = MAC(y[i], (REAL)w->floats[i * features + k],
                       (REAL)fw_buffer_get(r->in[0], row * features + k));
        if (b->n > 0)
            y[i] = ADD(y[i], (REAL)b->floats[i]);
    }
    return transform(r, list(r, "post_transform")->s, y, n);
}

KERNEL(linear_regressor)
{
    struct table t = table_of(r);
    size_t n = (size_t)fw_run_attr_int(r, "targets", 1);
    for (size_t i = 0; i < t.n; i++)
        FW_TRY(linear_row(r, i, t.features, reals_out(r, 0) + i * n, n));
    return FW_OK;
}

static size_t labels_of(const struct fw_run *r, const char *ints)
{
    return fw_n_labels(list(r, ints), list(r, "classlabels_strings"));
}

/* Room for n scores of each row: the output, or scratch memory where it is left out. */
static REAL *scores_of(const struct fw_run *r, size_t rows, size_t n)
{
    return fw_run_out(r, 1) != NULL ? reals_out(r, 1) : scratch_reals(r, rows * n + 1);
}

KERNEL(linear_classifier) // -> labels, scores?
{
    struct table t = table_of(r);
    size_t n = labels_of(r, "classlabels_ints");
    REAL *scores = scores_of(r, t.n, n);
    if (scores == NULL)
        return fw_fail_memory(r->cx.err);
    for (size_t i = 0; i < t.n; i++) {
        REAL *y = scores + i * n;
        FW_TRY(linear_row(r, i, t.features, y, n));
        FW_TRY(put_label(r, "classlabels_ints", i, best_of(y, n)));
    }
    return FW_OK;
}

/* ---- support vectors ---- */

struct vectors {
    size_t n, features;
    const double *v; // (n, features)
    double gamma, shift, degree;
    const char *kernel;
};

/* The kernel function of an example and vector i. */
static REAL against(const struct fw_run *r, const struct vectors *s, size_t row, size_t i)
{
    bool radial = strcmp(s->kernel, "RBF") == 0;
    REAL sum = 0;
    for (size_t k = 0; k < s->features; k++) {
        REAL x = (REAL)fw_buffer_get(r->in[0], row * s->features + k);
        REAL v = (REAL)s->v[i * s->features + k];
        REAL d = radial ? SUB(x, v) : 0;
        sum = radial ? MAC(sum, d, d) : MAC(sum, x, v);
    }
    if (strcmp(s->kernel, "LINEAR") == 0)
        return sum;
    if (radial)
        return EXP(MUL((REAL)-s->gamma, sum));
    sum = ADD(MUL((REAL)s->gamma, sum), (REAL)s->shift);
    return strcmp(s->kernel, "POLY") == 0 ? POW(sum, (REAL)s->degree) : TANH(sum);
}

KERNEL(svm_regressor)
{
    struct table t = table_of(r);
    const struct fw_attr *v = list(r, "support_vectors"), *c = list(r, "coefficients");
    const struct fw_attr *rho = list(r, "rho"), *p = list(r, "kernel_params");
    struct vectors s = {(size_t)fw_run_attr_int(r, "n_supports", 0),
                        t.features,
                        v->floats,
                        p->n > 0 ? p->floats[0] : 0,
                        p->n > 1 ? p->floats[1] : 0,
                        p->n > 2 ? p->floats[2] : 0,
                        list(r, "kernel_type")->s};
    size_t terms = s.n > 0 ? s.n : t.features;
    FW_REQUIRE(c->n == terms && v->n == s.n * t.features && rho->n <= 1, r->cx.err, FW_UNSUPPORTED,
               "%zu coefficients and as many vectors are wanted, found %u", terms, c->n);
    for (size_t i = 0; i < t.n; i++) {
        REAL sum = 0;
        for (size_t k = 0; k < terms; k++)
            sum = MAC(sum, (REAL)c->floats[k],
                      s.n > 0 ? against(r, &s, i, k)
                              : (REAL)fw_buffer_get(r->in[0], i * t.features + k));
        if (rho->n > 0)
            sum = ADD(sum, (REAL)rho->floats[0]);
        if (fw_run_attr_int(r, "one_class", 0) != 0)
            sum = sum > 0 ? 1 : -1;
        FW_TRY(transform(r, list(r, "post_transform")->s, &sum, 1));
        reals_out(r, 0)[i] = sum;
    }
    return FW_OK;
}

/* ---- trees ---- */

enum mode { LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF };

struct branch {
    enum mode mode;
    bool missing; // a number that is none goes the way of true
    int64_t feature;
    REAL value;
    uint32_t next[2]; // true, false: node, or leaf where leaf[k]
    bool leaf[2];
};

struct tree {
    uint32_t root;
    int64_t levels; // as the cost counts them
};

struct leaf_weight {
    uint32_t leaf; // of the newer form its number, of the older one the node
    int64_t target;
    REAL weight;
};

struct forest {
    struct branch *nodes;
    uint32_t n_nodes;
    struct tree *trees;
    uint32_t n_trees;
    struct leaf_weight *weights; // (n_weights) in the order of their leaves
    uint32_t n_weights;
    size_t n_out;
    enum { SUM, AVERAGE, LEAST, MOST } how;
    const struct fw_attr *base;
};

static enum fw_status open_forest(const struct fw_run *r, struct forest *f)
{
    f->nodes = fw_arena_zalloc(r->scratch, (f->n_nodes + 1u) * sizeof *f->nodes);
    f->trees = fw_arena_zalloc(r->scratch, (f->n_nodes + 1u) * sizeof *f->trees);
    f->weights = fw_arena_zalloc(r->scratch, (f->n_weights + 1u) * sizeof *f->weights);
    bool all = f->nodes != NULL && f->trees != NULL && f->weights != NULL;
    return all ? FW_OK : fw_fail_memory(r->cx.err);
}

/* What the comparison of a number says, 1 minmax. */
static bool goes_true(const struct branch *b, REAL x)
{
    TALLY(FW_MINMAX);
    if (isnan((double)x))
        return b->missing;
    switch (b->mode) {
    case LEQ:
        return x <= b->value;
    case LT:
        return x < b->value;
    case GTE:
        return x >= b->value;
    case GT:
        return x > b->value;
    case EQ:
        return x == b->value;
    case NEQ:
        return x != b->value;
    case MEMBER:
    case LEAF:
        break;
    }
    return false;
}

/* The leaf of an example. All levels are executed: below a leaf, comparisons that decide nothing.
 */
static uint32_t leaf_of(const struct fw_run *r, const struct forest *f, const struct tree *t,
                        const struct table *x, size_t row)
{
    uint32_t at = t->root;
    bool done = f->nodes[at].mode == LEAF;
    for (int64_t k = 0; k < t->levels; k++) {
        const struct branch *b = &f->nodes[done ? t->root : at];
        size_t feature = (size_t)b->feature < x->features ? (size_t)b->feature : 0;
        size_t at_value = row * x->features + feature;
        REAL value = x->features > 0 ? (REAL)fw_buffer_get(r->in[0], at_value) : 0;
        unsigned way = goes_true(b, value) ? 0 : 1;
        if (done)
            continue;
        at = b->next[way];
        done = b->leaf[way] || f->nodes[at].mode == LEAF;
    }
    return at;
}

static int by_leaf(const struct forest *f, uint32_t leaf)
{
    uint32_t low = 0, high = f->n_weights;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (f->weights[middle].leaf < leaf)
            low = middle + 1;
        else
            high = middle;
    }
    return (int)low;
}

static REAL joined(const struct forest *f, REAL a, REAL b, bool first)
{
    if (f->how == SUM || f->how == AVERAGE)
        return ADD(a, b);
    TALLY(FW_ADD); // one operation a tree and output, whichever it is
    return first ? b : f->how == LEAST ? fw_smaller(a, b) : fw_larger(a, b);
}

/* Scores of one example, before their transform. */
static void walk_trees(const struct fw_run *r, const struct forest *f, const struct table *x,
                       size_t row, REAL *y)
{
    for (size_t i = 0; i < f->n_out; i++)
        y[i] = f->base != NULL && i < f->base->n ? (REAL)f->base->floats[i] : 0;
    for (uint32_t t = 0; t < f->n_trees; t++) {
        uint32_t leaf = leaf_of(r, f, &f->trees[t], x, row);
        uint32_t at = (uint32_t)by_leaf(f, leaf);
        for (size_t i = 0; i < f->n_out; i++) {
            REAL w = 0;
            for (uint32_t k = at; k < f->n_weights && f->weights[k].leaf == leaf; k++)
                w = (size_t)f->weights[k].target == i ? f->weights[k].weight : w;
            y[i] = joined(f, y[i], w, t == 0);
        }
    }
    for (size_t i = 0; f->how == AVERAGE && i < f->n_out && f->n_trees > 0; i++)
        y[i] /= (REAL)f->n_trees;
}

/* Sorts by leaf; the files' order is nearly that. */
static void sort_weights(struct forest *f)
{
    for (uint32_t i = 1; i < f->n_weights; i++) {
        struct leaf_weight w = f->weights[i];
        uint32_t k = i;
        for (; k > 0 && f->weights[k - 1].leaf > w.leaf; k--)
            f->weights[k] = f->weights[k - 1];
        f->weights[k] = w;
    }
}

/* The node of a tree by its number; UINT32_MAX: none. */
static uint32_t node_of(const struct fw_attr *trees, const struct fw_attr *ids, int64_t tree,
                        int64_t id, uint32_t near)
{
    uint32_t first = near;
    while (first > 0 && trees->ints[first - 1] == tree)
        first--;
    if (first < trees->n && trees->ints[first] != tree)
        for (first = 0; first < trees->n && trees->ints[first] != tree; first++)
            ;
    if (id >= 0 && (uint64_t)id < trees->n - first && ids->ints[first + id] == id &&
        trees->ints[first + id] == tree)
        return first + (uint32_t)id;
    for (uint32_t i = first; i < trees->n; i++)
        if (trees->ints[i] == tree && ids->ints[i] == id)
            return i;
    return UINT32_MAX;
}

static enum mode mode_named(const char *name)
{
    static const char *const names[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE",   "BRANCH_GT",
                                        "BRANCH_EQ",  "BRANCH_NEQ", "BRANCH_MEMBER"};
    unsigned k = 0;
    while (k < LEAF && strcmp(names[k], name) != 0)
        k++;
    return (enum mode)k;
}

/* The older form: lists of one length, leaves among the nodes. */
static enum fw_status read_nodes(const struct fw_run *r, struct forest *f)
{
    const struct fw_attr *trees = list(r, "nodes_treeids"), *ids = list(r, "nodes_nodeids");
    const struct fw_attr *next[2] = {list(r, "nodes_truenodeids"), list(r, "nodes_falsenodeids")};
    const struct fw_attr *feature = list(r, "nodes_featureids"), *value = list(r, "nodes_values");
    const struct fw_attr *missing = list(r, "nodes_missing_value_tracks_true");
    FW_REQUIRE(feature->n == f->n_nodes && value->n == f->n_nodes, r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for trees without features and values in lists");
    for (uint32_t i = 0; i < f->n_nodes; i++) {
        struct branch *b = &f->nodes[i];
        *b = (struct branch){.mode = mode_named(list(r, "nodes_modes")->strings[i]),
                             .missing = i < missing->n && missing->ints[i] != 0,
                             .feature = feature->ints[i],
                             .value = (REAL)value->floats[i]};
        for (unsigned k = 0; k < 2 && b->mode != LEAF; k++) {
            b->next[k] = node_of(trees, ids, trees->ints[i], next[k]->ints[i], i);
            FW_REQUIRE(b->next[k] < f->n_nodes, r->cx.err, FW_SHAPE, "tree %lld has no node %lld",
                       (long long)trees->ints[i], (long long)next[k]->ints[i]);
        }
        if (i > 0 && trees->ints[i] == trees->ints[i - 1])
            continue;
        uint32_t to = i + 1;
        while (to < f->n_nodes && trees->ints[to] == trees->ints[i])
            to++;
        f->trees[f->n_trees++] = (struct tree){i, fw_tree_levels(&r->cx, i, to)};
    }
    return FW_OK;
}

/* prefix: "target" or "class", of four lists. */
static enum fw_status read_forest(const struct fw_run *r, const char *const names[4],
                                  struct forest *f)
{
    const struct fw_attr *trees = list(r, names[0]), *ids = list(r, names[1]);
    const struct fw_attr *targets = list(r, names[2]), *weights = list(r, names[3]);
    const char *how = list(r, "aggregate_function")->s;
    f->n_nodes = list(r, "nodes_treeids")->n;
    f->n_weights = weights->n;
    f->base = list(r, "base_values");
    f->how = how == NULL || strcmp(how, "SUM") == 0 ? SUM
             : strcmp(how, "AVERAGE") == 0          ? AVERAGE
             : strcmp(how, "MIN") == 0              ? LEAST
                                                    : MOST;
    FW_TRY(open_forest(r, f));
    FW_TRY(read_nodes(r, f));
    FW_REQUIRE(trees->n == f->n_weights && ids->n == f->n_weights && targets->n == f->n_weights,
               r->cx.err, FW_FORMAT, "lists of leaves of one length are wanted");
    uint32_t near = 0;
    for (uint32_t i = 0; i < f->n_weights; i++) {
        near = node_of(list(r, "nodes_treeids"), list(r, "nodes_nodeids"), trees->ints[i],
                       ids->ints[i], near < f->n_nodes ? near : 0);
        FW_REQUIRE(near < f->n_nodes, r->cx.err, FW_SHAPE, "tree %lld has no node %lld",
                   (long long)trees->ints[i], (long long)ids->ints[i]);
        f->weights[i] = (struct leaf_weight){near, targets->ints[i], (REAL)weights->floats[i]};
    }
    sort_weights(f);
    return FW_OK;
}

KERNEL(tree_regressor)
{
    static const char *const names[] = {"target_treeids", "target_nodeids", "target_ids",
                                        "target_weights"};
    struct table t = table_of(r);
    struct forest f = {.n_out = (size_t)fw_run_attr_int(r, "n_targets", 1)};
    FW_TRY(read_forest(r, names, &f));
    for (size_t i = 0; i < t.n; i++) {
        REAL *y = reals_out(r, 0) + i * f.n_out;
        walk_trees(r, &f, &t, i, y);
        FW_TRY(transform(r, list(r, "post_transform")->s, y, f.n_out));
    }
    return FW_OK;
}

/* Two classes and weights of number 0 alone: its score decides for the second class, as ONNX
 * Runtime reads such files, and the first one's follows from it. */
static enum fw_status one_score(const struct fw_run *r, bool positive, REAL *y, size_t *ret_best)
{
    bool logistic_ = strcmp(list(r, "post_transform")->s, "LOGISTIC") == 0;
    REAL s = y[0];
    *ret_best = LESS(positive ? (REAL)0.5 : 0, s) ? 1 : 0;
    y[1] = s;
    y[0] = positive ? 1 - s : -s;
    FW_REQUIRE(logistic_ || strcmp(list(r, "post_transform")->s, "NONE") == 0, r->cx.err,
               FW_UNSUPPORTED, "there is no kernel for one score through this transform");
    if (!logistic_)
        return FW_OK;
    y[1] = logistic(s);
    y[0] = logistic(positive ? 1 - s : -s);
    return FW_OK;
}

KERNEL(tree_classifier) // -> labels, scores?
{
    static const char *const names[] = {"class_treeids", "class_nodeids", "class_ids",
                                        "class_weights"};
    struct table t = table_of(r);
    struct forest f = {.n_out = labels_of(r, "classlabels_int64s")};
    bool one = f.n_out == 2, positive = true;
    FW_TRY(read_forest(r, names, &f));
    REAL *scores = scores_of(r, t.n, f.n_out);
    if (scores == NULL)
        return fw_fail_memory(r->cx.err);
    for (uint32_t i = 0; i < f.n_weights; i++) {
        one = one && f.weights[i].target == 0;
        positive = positive && f.weights[i].weight >= 0;
    }
    for (size_t i = 0; i < t.n; i++) {
        REAL *y = scores + i * f.n_out;
        size_t best;
        walk_trees(r, &f, &t, i, y);
        if (one) {
            FW_TRY(one_score(r, positive, y, &best));
        } else {
            best = best_of(y, f.n_out);
            FW_TRY(transform(r, list(r, "post_transform")->s, y, f.n_out));
        }
        FW_TRY(put_label(r, "classlabels_int64s", i, best));
    }
    return FW_OK;
}

/* ---- TreeEnsemble: branches in one list, leaves in another ---- */

/* The numbers of a tensor attribute; data NULL where it is left out. */
static enum fw_status numbers_of(const struct fw_run *r, const char *name, struct fw_buffer *ret)
{
    const struct fw_attr *a = list(r, name);
    *ret = (struct fw_buffer){.rank = 1};
    if (!a->given || a->tensor == NULL || a->tensor->rank != 1)
        return FW_OK;
    ret->dtype = a->tensor->dtype;
    ret->real = sizeof(REAL);
    ret->n = (size_t)a->tensor->dims[0].word;
    ret->data = fw_arena_alloc(r->scratch,
                               ret->n * fw_element_bytes((enum fw_dtype)ret->dtype, ret->real) + 1);
    if (ret->data == NULL)
        return fw_fail_memory(r->cx.err);
    FW_REQUIRE(fw_buffer_decode(ret, a->tensor->data), r->cx.err, FW_UNSUPPORTED,
               "the contents of '%s' are not there", name);
    return FW_OK;
}

static enum fw_status read_branches(const struct fw_run *r, struct forest *f)
{
    const struct fw_attr *next[2] = {list(r, "nodes_truenodeids"), list(r, "nodes_falsenodeids")};
    const struct fw_attr *leaf[2] = {list(r, "nodes_trueleafs"), list(r, "nodes_falseleafs")};
    const struct fw_attr *feature = list(r, "nodes_featureids");
    const struct fw_attr *missing = list(r, "nodes_missing_value_tracks_true");
    struct fw_buffer modes, splits;
    FW_TRY(numbers_of(r, "nodes_modes", &modes));
    FW_TRY(numbers_of(r, "nodes_splits", &splits));
    FW_REQUIRE(feature->n == f->n_nodes && modes.n == f->n_nodes && splits.n == f->n_nodes,
               r->cx.err, FW_UNSUPPORTED,
               "there is no kernel for trees without features, modes and splits");
    for (uint32_t i = 0; i < f->n_nodes; i++) {
        int64_t mode = fw_buffer_int(&modes, i);
        FW_REQUIRE(mode >= LEQ && mode <= NEQ, r->cx.err, FW_UNSUPPORTED,
                   "there is no kernel for branches by membership");
        f->nodes[i] = (struct branch){.mode = (enum mode)mode,
                                      .missing = i < missing->n && missing->ints[i] != 0,
                                      .feature = feature->ints[i],
                                      .value = (REAL)fw_buffer_get(&splits, i)};
        for (unsigned k = 0; k < 2; k++) {
            f->nodes[i].leaf[k] = leaf[k]->ints[i] != 0;
            f->nodes[i].next[k] = (uint32_t)next[k]->ints[i];
            uint32_t most = f->nodes[i].leaf[k] ? f->n_weights : f->n_nodes;
            FW_REQUIRE(next[k]->ints[i] >= 0 && f->nodes[i].next[k] < most, r->cx.err, FW_SHAPE,
                       "a node from 0 to %u is wanted, found %lld", most,
                       (long long)next[k]->ints[i]);
        }
    }
    return FW_OK;
}

static enum fw_status read_ensemble(const struct fw_run *r, struct forest *f)
{
    const struct fw_attr *roots = list(r, "tree_roots"), *targets = list(r, "leaf_targetids");
    struct fw_buffer weights;
    f->n_nodes = list(r, "nodes_truenodeids")->n;
    FW_TRY(numbers_of(r, "leaf_weights", &weights));
    f->n_weights = (uint32_t)weights.n;
    FW_TRY(open_forest(r, f));
    FW_TRY(read_branches(r, f));
    FW_REQUIRE(targets->n == f->n_weights && roots->n <= f->n_nodes, r->cx.err, FW_FORMAT,
               "lists of leaves of one length are wanted");
    for (uint32_t i = 0; i < f->n_weights; i++)
        f->weights[i] = (struct leaf_weight){i, targets->ints[i], (REAL)fw_buffer_get(&weights, i)};
    bool ordered = fw_ensemble_ordered(&r->cx);
    for (uint32_t i = 0; i < roots->n; i++) {
        uint32_t to = ordered && i + 1 < roots->n ? (uint32_t)roots->ints[i + 1] : f->n_nodes;
        FW_REQUIRE(roots->ints[i] >= 0 && roots->ints[i] < f->n_nodes, r->cx.err, FW_SHAPE,
                   "a root from 0 to %u is wanted", f->n_nodes);
        uint32_t root = (uint32_t)roots->ints[i];
        f->trees[f->n_trees++] =
            (struct tree){root, ordered ? fw_ensemble_levels(&r->cx, root, to) : f->n_nodes};
    }
    return FW_OK;
}

KERNEL(tree_ensemble)
{
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    struct table t = table_of(r);
    int64_t how = fw_run_attr_int(r, "aggregate_function", 1);
    int64_t post = fw_run_attr_int(r, "post_transform", 0);
    struct forest f = {.n_out = (size_t)fw_run_attr_int(r, "n_targets", 1),
                       .how = how == 0   ? AVERAGE
                              : how == 2 ? LEAST
                              : how == 3 ? MOST
                                         : SUM};
    FW_TRY(read_ensemble(r, &f));
    for (size_t i = 0; i < t.n; i++) {
        REAL *y = reals_out(r, 0) + i * f.n_out;
        walk_trees(r, &f, &t, i, y);
        FW_TRY(transform(r, names[post >= 0 && post <= 4 ? post : 0], y, f.n_out));
    }
    return FW_OK;
}
