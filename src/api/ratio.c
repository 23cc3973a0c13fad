/* The backward:forward ratio: which analyses a curve needs, and its points.
 *
 * A model is analysed as asked, and once more with the letter that is swept left open, unless it is
 * open already: all points and the limit come from that formula. A key of a built-in network
 * changes the network: there each point is another one. */
#include "api/net.h"
#include "study/sweep.h"
#include "zoo/zoo.h"

#include <inttypes.h>
#include <stdio.h>

#include <string.h>

struct asker {
    struct fw_net *net;
    const struct fw_options *options;
    struct fw_arena arena;
    struct fw_study *plain; // as asked
    struct fw_study *open;  // with the letter open, or NULL
    struct fw_sweep sweep;  // no values: none was given
    uint32_t letter;        // of the sweep in `open`
    fw_dim *values;         // (letter + 1) put in for letters: bad but for the one that is swept
    struct fw_ratio_parts formula;
    struct fw_ratio_point *points;
    struct fw_ratio_curve curve;
    struct fw_error *err;
};

/* The size of the first input's first dimension, which is the batch wherever there is one. */
static fw_dim leading(const struct fw_analysis *a)
{
    const struct fw_graph *g = &a->model.graph;
    const struct fw_tensor *t = g->n_inputs > 0 ? &g->tensors[g->inputs[0]] : NULL;
    bool has = t != NULL && t->rank != FW_RANK_UNKNOWN && t->rank > 0;
    return has ? t->dims[0] : fw_dim_bad();
}

static int64_t batch_of(const struct fw_analysis *a)
{
    fw_dim d = leading(a);
    return fw_dim_is_const(d) ? d.word : FW_BATCH_UNKNOWN;
}

/* ---- analyses ---- */

static bool is_given(const struct asker *k, const char *name)
{
    for (size_t i = 0; i < k->net->n_symbols; i++)
        if (strcmp(k->net->symbols[i].name, name) == 0)
            return true;
    return false;
}

/* The sweep is over a key of a built-in network and not over one of its letters. */
static bool sweeps_key(struct asker *k)
{
    const struct fw_symbols *sym = k->plain->analysis.model.sym;
    const char *name = k->sweep.name;
    return k->net->built != NULL && strncmp(k->net->path, "zoo:", 4) == 0 &&
           fw_symbols_find(sym, name, strlen(name)) == UINT32_MAX &&
           fw_zoo_has_key(k->net->path + 4, name, &k->arena);
}

static enum fw_status analyse(struct asker *k, const char *name)
{
    struct fw_symbols *sym = k->plain->analysis.model.sym;
    if (fw_symbols_find(sym, name, strlen(name)) != UINT32_MAX && !is_given(k, name)) {
        k->open = k->plain;
    } else {
        struct fw_binding letter = {name, name};
        struct fw_error why;
        enum fw_status status =
            fw_study_new_with(&k->open, k->net, k->options, false, &letter, &why);
        if (status == FW_MEMORY || (status != FW_OK && k->sweep.n > 0)) {
            *k->err = why;
            return status;
        }
    }
    struct fw_study *from = k->open != NULL ? k->open : k->plain;
    k->letter = fw_symbols_find(from->analysis.model.sym, name, strlen(name));
    return fw_ratio_parts(&from->analysis, &k->formula, k->err);
}

/* ---- points ---- */

/* Where only the batch is left open: the point in the limit of a large one. */
static bool in_limit(const struct asker *k, struct fw_ratio_point *p)
{
    const struct fw_analysis *a = &k->open->analysis;
    uint32_t batch = fw_symbol_of(a->model.sym, leading(a));
    struct fw_ratio_parts at = p->parts;
    p->batch = FW_BATCH_LARGE;
    return batch != UINT32_MAX && batch != k->letter &&
           fw_ratio_limit(a->model.sym, &at, batch, &p->parts) && fw_ratio_is_known(&p->parts);
}

/* Parts with the letter's value; where only the batch is left open, in its limit. False where other
 * letters are open. */
static bool point_at(struct asker *k, int64_t value, struct fw_ratio_point *ret)
{
    const struct fw_analysis *a = &k->open->analysis;
    struct fw_symbols *sym = a->model.sym;
    k->values[k->letter] = fw_dim_int(value);
    bool by_batch = fw_symbol_of(sym, leading(a)) == k->letter;
    *ret = (struct fw_ratio_point){.value = value, .batch = by_batch ? value : batch_of(a)};
    ret->parts = fw_ratio_at(sym, &k->formula, k->values, k->letter + 1);
    return fw_ratio_is_known(&ret->parts) || in_limit(k, ret);
}

/* "seq is", "seq, heads are" */
static const char *open_letters(struct asker *k, const struct fw_ratio_parts *p)
{
    struct fw_symbols *sym = (k->open != NULL ? k->open : k->plain)->analysis.model.sym;
    uint32_t n = fw_symbols_count(sym), found = 0;
    bool *seen = fw_arena_zalloc(&k->arena, n + 1u);
    const char *names = "";
    if (seen == NULL)
        return names;
    fw_count_symbols(sym, p->forward, seen, n);
    fw_count_symbols(sym, p->backward, seen, n);
    for (uint32_t i = 0; i < n && names != NULL; i++)
        if (seen[i] && i != k->letter)
            names = fw_arena_printf(&k->arena, "%s%s%s", names, found++ > 0 ? ", " : "",
                                    fw_symbol_name(sym, i));
    names = names != NULL ? fw_arena_printf(&k->arena, "%s %s", names, found == 1 ? "is" : "are")
                          : NULL;
    return names != NULL ? names : "";
}

static enum fw_status fail_open(struct asker *k, const struct fw_ratio_parts *p)
{
    return fw_fail(k->err, FW_USAGE, -1,
                   "%s left open; a sweep of '%s' wants numbers (--batch, --seq, --set)",
                   open_letters(k, p), k->sweep.name);
}

/* The same of another network; what stands in `open` and `formula` is that of the point. */
static enum fw_status key_point(struct asker *k, int64_t value, struct fw_ratio_point *ret)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    const char *spec = fw_zoo_with(k->net->path, k->sweep.name, text, &k->arena);
    struct fw_net *net;
    if (spec == NULL)
        return fw_fail_memory(k->err);
    FW_TRY(fw_net_open_with(&net, spec, k->net->alloc, k->err));
    net->symbols = k->net->symbols; // which stand in the other net's arena
    net->n_symbols = k->net->n_symbols;
    net->shapes = k->net->shapes;
    net->n_shapes = k->net->n_shapes;
    struct fw_study *study = NULL;
    enum fw_status status = fw_study_new(&study, net, k->options, false, k->err);
    if (status == FW_OK)
        status = fw_ratio_parts(&study->analysis, &ret->parts, k->err);
    if (status == FW_OK) {
        k->open = study;
        *ret = (struct fw_ratio_point){
            .value = value, .batch = batch_of(&study->analysis), .parts = ret->parts};
        if (!fw_ratio_is_known(&ret->parts) && !in_limit(k, ret))
            status = fail_open(k, &ret->parts);
    }
    k->open = NULL;
    fw_study_free(study);
    fw_net_free(net);
    return status;
}

static enum fw_status key_points(struct asker *k)
{
    k->points = fw_arena_array(&k->arena, k->sweep.n, sizeof *k->points);
    if (k->points == NULL)
        return fw_fail_memory(k->err);
    k->letter = UINT32_MAX;
    for (uint32_t i = 0; i < k->sweep.n; i++)
        FW_TRY(key_point(k, k->sweep.values[i], &k->points[k->curve.n++]));
    k->curve.points = k->points;
    return FW_OK;
}

static enum fw_status sweep_points(struct asker *k)
{
    bool asked = k->sweep.n > 0;
    for (uint32_t i = 0; i < k->sweep.n; i++)
        FW_REQUIRE(k->sweep.values[i] > 0, k->err, FW_USAGE,
                   "sweep of '%s': sizes from 1 on are wanted, found 0", k->sweep.name);
    struct fw_sweep usual = {.n = 0};
    const struct fw_sweep *s = asked ? &k->sweep : &usual;
    if (!asked) {
        FW_TRY(fw_sweep_parse(&usual, "batch=1..128", &k->arena, k->err));
    }
    k->points = fw_arena_array(&k->arena, s->n, sizeof *k->points);
    k->values = fw_arena_array(&k->arena, k->letter + 1u, sizeof *k->values);
    if (k->points == NULL || k->values == NULL)
        return fw_fail_memory(k->err);
    for (uint32_t i = 0; i < k->letter; i++)
        k->values[i] = fw_dim_bad();
    for (uint32_t i = 0; i < s->n; i++) {
        if (point_at(k, s->values[i], &k->points[k->curve.n])) {
            k->curve.n++;
            continue;
        }
        if (!asked) { // the formula is the answer
            k->curve.open = open_letters(k, &k->formula);
            return FW_OK;
        }
        return fail_open(k, &k->formula);
    }
    return FW_OK;
}

static enum fw_status plain_point(struct asker *k, const struct fw_ratio_parts *parts)
{
    k->points = fw_arena_array(&k->arena, 1, sizeof *k->points);
    if (k->points == NULL)
        return fw_fail_memory(k->err);
    int64_t batch = batch_of(&k->plain->analysis);
    k->points[k->curve.n++] =
        (struct fw_ratio_point){.value = batch, .batch = batch, .parts = *parts};
    return FW_OK;
}

static enum fw_status curve(struct asker *k)
{
    struct fw_ratio_parts plain = k->formula;
    if (k->open == NULL || k->open != k->plain)
        FW_TRY(fw_ratio_parts(&k->plain->analysis, &plain, k->err));
    if (k->sweep.n == 0 && fw_ratio_is_known(&plain))
        FW_TRY(plain_point(k, &plain));
    else if (k->open != NULL)
        FW_TRY(sweep_points(k));
    else
        k->curve.open = open_letters(k, &plain);
    k->curve.points = k->points;
    struct fw_ratio_parts limit;
    struct fw_symbols *sym = (k->open != NULL ? k->open : k->plain)->analysis.model.sym;
    if (k->letter != UINT32_MAX && fw_ratio_limit(sym, &k->formula, k->letter, &limit) &&
        fw_ratio_is_known(&limit)) {
        k->curve.letter = k->curve.symbol;
        k->curve.limit = limit;
    }
    fw_count top = fw_count_add(sym, k->formula.backward, k->formula.update);
    k->curve.formula = fw_quotient(sym, top, k->formula.forward, &k->arena);
    return FW_OK;
}

/* ---- the answer ---- */

/* What is swept when nothing is asked for: the batch, by the letter it was given. */
static const char *batch_letter(const struct asker *k)
{
    for (size_t i = 0; i < k->net->n_symbols; i++) {
        const struct fw_binding *b = &k->net->symbols[i];
        if (strcmp(b->name, "batch") == 0 && !(b->value[0] >= '0' && b->value[0] <= '9'))
            return b->value;
    }
    return "batch";
}

static enum fw_status answer(struct asker *k, const char *sweep, struct fw_report **ret)
{
    if (sweep != NULL) {
        FW_TRY(fw_sweep_parse(&k->sweep, sweep, &k->arena, k->err));
        FW_REQUIRE(!is_given(k, k->sweep.name), k->err, FW_USAGE,
                   "'%s' is swept and given a value as well", k->sweep.name);
    }
    k->curve.symbol = sweep != NULL ? k->sweep.name : batch_letter(k);
    FW_TRY(fw_study_new(&k->plain, k->net, k->options, false, k->err));
    if (sweep != NULL && sweeps_key(k)) {
        FW_TRY(key_points(k));
    } else {
        FW_TRY(analyse(k, k->curve.symbol));
        FW_TRY(curve(k));
    }
    struct fw_asked asked = fw_asked_of(k->net, k->options);
    return fw_answer_ratio(ret, &k->plain->analysis, &asked, &k->curve, k->err);
}

enum fw_status fw_ratio_report(struct fw_report **ret, struct fw_net *net,
                               const struct fw_options *options, const char *sweep,
                               struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    struct fw_error own = {FW_OK, -1, ""};
    struct fw_report *report = NULL;
    struct asker k = {.net = net,
                      .options = options != NULL ? options : &defaults,
                      .letter = UINT32_MAX,
                      .err = err != NULL ? err : &own};
    FW_REQUIRE(!k.options->inference, err, FW_USAGE, "the ratio is one of a training step");
    fw_arena_init(&k.arena, net->alloc);
    enum fw_status status = answer(&k, sweep, &report);
    if (status != FW_OK && status != FW_MEMORY &&
        strncmp(k.err->message, net->path, strlen(net->path)) != 0)
        fw_error_prefix(k.err, "%s: ", net->path);
    if (k.open != k.plain)
        fw_study_free(k.open);
    status = fw_study_own(status, report, k.plain, ret);
    fw_arena_clear(&k.arena);
    return status;
}
