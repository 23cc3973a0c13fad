/* Questions that teach: optimizers, initialisation, derivations. */
#include "api/net.h"
#include "base/file.h"
#include "base/glob.h"
#include "base/real.h"
#include "base/str.h"
#include "report/explain.h"
#include "study/gradient_check.h"
#include "study/init.h"
#include "study/trial.h"

#include <stdlib.h>
#include <string.h>

/* ---- numbers from texts ---- */

/* A finite number; text NULL: what *ret holds stays. */
static enum fw_status read_real(const char *what, const char *text, double *ret,
                                struct fw_error *err)
{
    size_t n;
    if (text == NULL)
        return FW_OK;
    *ret = fw_real_parse(text, &n);
    FW_REQUIRE(n > 0 && text[n] == '\0', err, FW_USAGE, "%s '%s': a number is wanted", what, text);
    return FW_OK;
}

/* ---- optimizers ---- */

enum { MAX_STEPS = 1000000 };

/* Numbers with commas, blanks or line breaks between them. */
static enum fw_status read_gradients(const char *text, size_t len, struct fw_arena *arena,
                                     struct fw_trial *trial, struct fw_error *err)
{
    double *list = fw_arena_array(arena, len / 2 + 1, sizeof *list);
    if (list == NULL)
        return fw_fail_memory(err);
    trial->gradients = list;
    for (size_t i = 0; i < len;) {
        size_t n = 0;
        if (strchr(", \t\r\n", text[i]) != NULL) {
            i++;
            continue;
        }
        list[trial->n_gradients] = fw_real_parse(text + i, &n);
        FW_REQUIRE(n > 0, err, FW_USAGE, "--gradient: a number is wanted at '%.20s'", text + i);
        trial->n_gradients++;
        i += n;
    }
    FW_REQUIRE(trial->n_gradients > 0, err, FW_USAGE, "--gradient: a number is wanted");
    return FW_OK;
}

static enum fw_status read_gradient_option(const char *text, struct fw_arena *arena,
                                           struct fw_trial *trial, struct fw_error *err)
{
    struct fw_file file;
    if (text == NULL)
        text = "1";
    if (text[0] != '@')
        return read_gradients(text, strlen(text), arena, trial, err);
    FW_TRY(fw_file_open(&file, text + 1, 1 << 24, arena->alloc, err));
    const char *copy = fw_arena_strndup(arena, (const char *)file.data, file.size);
    enum fw_status status =
        copy == NULL ? fw_fail_memory(err) : read_gradients(copy, file.size, arena, trial, err);
    fw_file_close(&file);
    return status;
}

enum { MAX_ELEMENTS = 1024, MAX_SIDE = 64 };

/* "4x3", "4,3" or "12" */
static enum fw_status read_shape(const char *text, struct fw_trial *trial, struct fw_error *err)
{
    const char *p = text;
    if (text == NULL) {
        if (trial->optimizer->plain != NULL) { // a method for matrices
            trial->rank = 2;
            trial->dims[0] = 4;
            trial->dims[1] = 3;
        }
        return FW_OK;
    }
    for (trial->rank = 0; trial->rank < 2 && *p >= '1' && *p <= '9';) {
        char *end;
        unsigned long v = strtoul(p, &end, 10);
        trial->dims[trial->rank++] = v <= MAX_ELEMENTS ? (int64_t)v : MAX_ELEMENTS + 1;
        p = *end == 'x' || *end == ',' ? end + 1 : end;
    }
    bool side = trial->rank < 2 || (trial->dims[0] <= MAX_SIDE && trial->dims[1] <= MAX_SIDE);
    FW_REQUIRE(trial->rank > 0 && *p == '\0' && p[-1] >= '0' && p[-1] <= '9' && side &&
                   fw_trial_elements(trial) <= MAX_ELEMENTS,
               err, FW_USAGE, "--shape '%.40s': MxN with sides up to %d, or N up to %d, is wanted",
               text, MAX_SIDE, MAX_ELEMENTS);
    return FW_OK;
}

/* The numbers that were read are one for all elements, or one for each, for one step or more. */
static enum fw_status spread_gradients(struct fw_arena *arena, struct fw_trial *trial,
                                       struct fw_error *err)
{
    size_t n = fw_trial_elements(trial);
    if (n > 1 && trial->n_gradients == 1) {
        double *all = fw_arena_array(arena, n, sizeof *all);
        if (all == NULL)
            return fw_fail_memory(err);
        for (size_t i = 0; i < n; i++)
            all[i] = trial->gradients[0];
        trial->gradients = all;
        return FW_OK;
    }
    FW_REQUIRE(trial->n_gradients % n == 0, err, FW_USAGE,
               "--gradient has %u numbers: a parameter of %zu elements wants 1, %zu, or %zu for "
               "each step",
               trial->n_gradients, n, n, n);
    trial->n_gradients /= (uint32_t)n;
    size_t less = n * (trial->n_gradients - 1);
    if (memcmp(trial->gradients, trial->gradients + n, less * sizeof *trial->gradients) == 0)
        trial->n_gradients = 1; // the same in every step
    return FW_OK;
}

static enum fw_status read_trial(const struct fw_trial_options *q, struct fw_arena *arena,
                                 struct fw_trial *trial, struct fw_error *err)
{
    uint64_t steps;
    FW_TRY(fw_whole_number("--steps", q->steps, 1, MAX_STEPS, 100, &steps, err));
    trial->steps = (uint32_t)steps;
    FW_TRY(read_real("--lr", q->lr, &trial->hyper.lr, err));
    FW_TRY(read_real("--beta1", q->beta1, &trial->hyper.beta1, err));
    FW_TRY(read_real("--beta2", q->beta2, &trial->hyper.beta2, err));
    FW_TRY(read_real("--eps", q->eps, &trial->hyper.eps, err));
    FW_TRY(read_real("--decay", q->decay, &trial->hyper.decay, err));
    FW_TRY(read_shape(q->shape, trial, err));
    FW_TRY(read_gradient_option(q->gradient, arena, trial, err));
    return spread_gradients(arena, trial, err);
}

static bool asks_for_run(const struct fw_trial_options *q)
{
    return q->gradient != NULL || q->shape != NULL || q->steps != NULL || q->lr != NULL ||
           q->beta1 != NULL || q->beta2 != NULL || q->eps != NULL || q->decay != NULL;
}

enum fw_status fw_optimizer_report(struct fw_report **ret, const char *name,
                                   const struct fw_trial_options *options, struct fw_error *err)
{
    static const struct fw_trial_options nothing;
    const struct fw_trial_options *q = options != NULL ? options : &nothing;
    const struct fw_optimizer *o = name != NULL ? fw_optimizer_find(name) : NULL;
    struct fw_arena arena;
    if (name != NULL && o == NULL)
        return fw_name_unknown("optimizer", name, fw_optimizer_name, err);
    FW_REQUIRE(o != NULL || !q->simulate, err, FW_USAGE,
               "--simulate wants the name of an optimizer");
    FW_REQUIRE(q->simulate || !asks_for_run(q), err, FW_USAGE,
               "--gradient, --shape, --steps and the rates go with --simulate");
    if (!q->simulate)
        return fw_answer_optimizer(ret, o, NULL, &fw_alloc_default, err);
    struct fw_trial trial = {.optimizer = o, .hyper = o->hyper, .dims = {1}, .rank = 1};
    fw_arena_init(&arena, &fw_alloc_default);
    enum fw_status status = read_trial(q, &arena, &trial, err);
    if (status == FW_OK)
        status = fw_answer_optimizer(ret, o, &trial, &fw_alloc_default, err);
    fw_arena_clear(&arena);
    return status;
}

/* ---- initialisation ---- */

const char *fw_init_scheme_name(size_t i)
{
    return i < fw_n_init_schemes ? fw_init_schemes[i].name : NULL;
}

/* *ret_batch: it is the first of the first input. */
static const char *open_size(struct fw_study *s, bool *ret_batch)
{
    struct fw_graph *g = &s->analysis.model.graph;
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct fw_tensor *t = &g->tensors[g->inputs[i]];
        for (unsigned k = 0; t->rank != FW_RANK_UNKNOWN && k < t->rank; k++) {
            uint32_t symbol = fw_symbol_of(g->sym, t->dims[k]);
            *ret_batch = i == 0 && k == 0;
            if (symbol != UINT32_MAX)
                return fw_symbol_name(g->sym, symbol);
        }
    }
    return NULL;
}

static bool was_given(const struct fw_net *net, const char *letter)
{
    for (size_t i = 0; i < net->n_symbols; i++)
        if (strcmp(net->symbols[i].value, letter) == 0)
            return true;
    return false;
}

enum fw_status fw_study_want_numbers(struct fw_study *s, struct fw_error *err)
{
    bool batch;
    const char *name = open_size(s, &batch);
    if (name == NULL)
        return FW_OK;
    if (was_given(s->net, name))
        return fw_fail(err, FW_USAGE, -1,
                       "%s: a size is given as the letter '%s': a number is wanted", s->net->path,
                       name);
    return fw_fail(err, FW_USAGE, -1, "%s: the size '%s' is left open; --set %s=N gives it",
                   s->net->path, name, name);
}

enum fw_status fw_study_of_one(struct fw_study **ret, struct fw_net *net,
                               const struct fw_options *options, bool memory, struct fw_error *err)
{
    bool batch;
    FW_TRY(fw_study_new(ret, net, options, memory, err));
    const char *name = open_size(*ret, &batch);
    if (name == NULL || !batch || was_given(net, name))
        return FW_OK;
    struct fw_study *open = *ret;
    struct fw_binding one = {name, "1"};
    enum fw_status status = fw_study_new_with(ret, net, options, memory, &one, err);
    fw_study_free(open);
    return status;
}

/* fw_study_of_one; FW_USAGE names another size of the inputs that is open. */
static enum fw_status study_of_numbers(struct fw_study **ret, struct fw_net *net,
                                       const struct fw_options *options, bool memory,
                                       struct fw_error *err)
{
    FW_TRY(fw_study_of_one(ret, net, options, memory, err));
    enum fw_status status = fw_study_want_numbers(*ret, err);
    if (status != FW_OK)
        fw_study_free(*ret);
    return status;
}

enum fw_status fw_init_report(struct fw_report **ret, struct fw_net *net,
                              const struct fw_options *options, const struct fw_init_options *init,
                              struct fw_error *err)
{
    static const struct fw_init_options no_options = {NULL, 0, NULL, NULL};
    const struct fw_init_options *q = init != NULL ? init : &no_options;
    const char *scheme = q->scheme != NULL ? q->scheme : "he";
    struct fw_init_asked how = {.scheme = fw_init_scheme_find(scheme)};
    struct fw_options o = options != NULL ? *options : fw_options_default();
    struct fw_study *study;
    uint64_t draws;
    if (how.scheme == NULL)
        return fw_name_unknown("scheme", scheme, fw_init_scheme_name, err);
    FW_TRY(fw_whole_number("--draws", q->draws, 1, 100000, 0, &draws, err));
    FW_TRY(fw_whole_number("--seed", q->seed, 0, INT64_MAX, 1, &how.seed, err));
    FW_REQUIRE(q->simulate || (q->draws == NULL && q->seed == NULL), err, FW_USAGE,
               "--draws and --seed go with --simulate");
    how.simulate = q->simulate != 0;
    how.draws = (uint32_t)draws;
    o.loss = "none";
    FW_TRY(study_of_numbers(&study, net, &o, how.simulate, err)); // with its memory planned
    struct fw_asked asked = {&o, net->symbols, net->n_symbols};
    struct fw_report *report = NULL;
    enum fw_status status = fw_answer_init(&report, &study->analysis, &asked, &how, err);
    if (status != FW_OK)
        fw_error_prefix(err, "%s: ", net->path);
    return fw_study_own(status, report, study, ret);
}

/* ---- derivations ---- */

const char *fw_topic_name(size_t i)
{
    return i < fw_n_topics ? fw_topics[i].name : NULL;
}

static const struct fw_topic *find_topic(const char *name)
{
    for (unsigned i = 0; i < fw_n_topics; i++)
        if (strcmp(fw_topics[i].name, name) == 0)
            return &fw_topics[i];
    return NULL;
}

static bool matches(const struct fw_node *n, const char *pattern)
{
    return pattern == NULL || (n->name != NULL && fw_glob(pattern, n->name));
}

/* The layer to look at: of those that fit, one that can be run here (in a moment rather than
 * seconds), a linear one with a gradient of its input before any other, then the one with the most
 * operations. */
static uint32_t choose_layer(struct fw_analysis *a, const char *pattern)
{
    struct fw_graph *g = &a->model.graph;
    uint32_t best = FW_NONE;
    double most = -1;
    for (uint32_t i = 0; i < a->n_forward; i++) {
        const struct fw_node *n = &g->nodes[i];
        const struct fw_tensor *w = n->n_in > 1 ? fw_tensor_at(g, n->in[1]) : NULL;
        struct fw_cost cost = {0};
        if (!fw_gradient_has_weights(g, i) || !matches(n, pattern))
            continue;
        (void)fw_node_cost(g, i, a->precision, &cost);
        bool product = (n->op->flags & FW_OP_CONTRACTION) != 0 && w != NULL;
        bool inner = (g->tensors[n->in[0]].flags & FW_TENSOR_NEEDS_GRAD) != 0;
        double rank = (double)cost.n[FW_FMA].word;
        bool fits = 6 * rank <= FW_LESSON_MAX_WORK, soon = 6 * rank <= FW_LESSON_MAX_WORK / 10;
        rank += product && w->rank == 2 && inner ? 1e30 : 0;
        rank += product ? 1e31 : 0;
        rank += product && fits ? 1e32 : 0;
        rank += product && soon ? 1e33 : 0;
        if (rank > most) {
            most = rank;
            best = i;
        }
    }
    return best;
}

/* A study in which all sizes are numbers: a batch that is left open is 1, other sizes 128.
 * *ret_sizes names them. */
static enum fw_status study_with_sizes(struct fw_study **ret, struct fw_net *net,
                                       const struct fw_options *o, struct fw_str *ret_sizes,
                                       struct fw_error *err)
{
    enum { MAX_SIZES = 16 };
    enum fw_status status = FW_OK;
    size_t given = net->n_symbols; // those that are added here are taken back
    for (unsigned k = 0; k <= MAX_SIZES && status == FW_OK; k++) {
        bool batch;
        status = fw_study_new(ret, net, o, true, err);
        const char *open = status == FW_OK ? open_size(*ret, &batch) : NULL;
        if (open == NULL)
            break;
        const char *value = batch ? "1" : "128";
        if (k == MAX_SIZES || was_given(net, open))
            status = fw_study_want_numbers(*ret, err);
        if (status == FW_OK) {
            fw_str_addf(ret_sizes, "%s%s = %s", k > 0 ? ", " : "", open, value);
            status = fw_net_set(net, open, value, err);
        }
        fw_study_free(*ret);
    }
    net->n_symbols = given;
    return status;
}

enum fw_status fw_explain_report(struct fw_report **ret, struct fw_net *net, const char *topic,
                                 const char *layer, const struct fw_options *options,
                                 struct fw_error *err)
{
    struct fw_options o = options != NULL ? *options : fw_options_default();
    const struct fw_topic *t = find_topic(topic != NULL ? topic : "layer");
    struct fw_study *study;
    if (t == NULL)
        return fw_name_unknown("topic", topic, fw_topic_name, err);
    FW_REQUIRE(layer == NULL || t->layer, err, FW_USAGE,
               "--layer goes with the topics layer and 6nt");
    if (strcmp(t->name, "init") == 0)
        o.loss = "none";
    o.inference = strcmp(t->name, "field") == 0;
    struct fw_str sizes;
    fw_str_init(&sizes, net->alloc);
    enum fw_status status = study_with_sizes(&study, net, &o, &sizes, err);
    if (status != FW_OK) {
        fw_str_free(&sizes);
        return status;
    }
    struct fw_explain_asked asked = {
        .topic = t,
        .sizes = fw_arena_strndup(&study->analysis.model.arena, fw_str_text(&sizes), sizes.len),
        .optimizer = fw_optimizer_find(o.optimizer != NULL ? o.optimizer : "sgd"),
        .layer = t->layer ? choose_layer(&study->analysis, layer) : FW_NONE};
    fw_str_free(&sizes);
    if (layer != NULL && asked.layer == FW_NONE)
        status = fw_fail(err, FW_USAGE, -1, "%s: no layer with weights fits --layer '%s'",
                         net->path, layer);
    struct fw_report *report = NULL;
    if (status == FW_OK)
        status = fw_answer_explain(&report, &study->analysis, &asked, err);
    return fw_study_own(status, report, study, ret);
}
