/* See laws.h. */
#include "laws.h"

#include "api/net.h"
#include "engine/engine.h"
#include "engine/exec.h"
#include "formats/formats.h"
#include "graph/precision.h"
#include "ops/update.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_OPERATIONS 200000 // of a model that is executed
static const char *const letter_values[GEN_LETTERS] = {"3", "2", "5"};
static const int64_t letter_numbers[GEN_LETTERS] = {3, 2, 5};

extern const struct fw_format fw_format_onnx;

struct answer {
    struct fw_analysis a;
    enum fw_status status;
    struct fw_error err;
};

/* What one input may take: where sizes depend on contents, execution may want any. */
static const char *const limits[] = {"memory=256Mi", "time=30", NULL};
static const char *const to_execute[] = {"time=2", NULL}; // loops may want any number of trips
static struct fw_meter *meter;

/* The model at hand in words, for who reads a finding; NULL where only the bytes are known. */
static const struct fw_str *shown;

static void fail(const char *law, const char *want, const char *found)
{
    fprintf(stderr, "%s: %s, found %s\n%s", law, want, found,
            shown == NULL ? "" : fw_str_text(shown));
    abort();
}

/* ---- asking ---- */

static void ask(struct answer *ret, const struct fw_str *file, const struct fw_analysis_options *o)
{
    ret->err = (struct fw_error){.code = FW_OK, .at = -1};
    fw_meter_start(meter);
    ret->status = fw_analyse(&ret->a, fw_str_text(file), file->len, "model", fw_meter_alloc(meter),
                             o, &ret->err);
    ret->status = fw_meter_judge(meter, ret->status, &ret->err);
    if (ret->status == FW_OK)
        return;
    bool known = ret->status == FW_FORMAT || ret->status == FW_UNSUPPORTED ||
                 ret->status == FW_SHAPE || ret->status == FW_LIMIT || ret->status == FW_USAGE;
    if (!known || ret->err.code != ret->status || ret->err.message[0] == '\0')
        fail("an error", "a status that a file can earn, and a message", ret->err.message);
}

static void drop(struct answer *r)
{
    if (r->status == FW_OK)
        fw_analysis_clear(&r->a);
}

/* ---- comparing ---- */

static const char *const class_names[FW_N_COSTS] = {"fma",    "add",     "mul",  "div", "sqrt",
                                                    "minmax", "special", "exp",  "log", "tanh",
                                                    "erf",    "read",    "write"};

static void print(const struct fw_analysis *a, fw_count c, struct fw_str *out)
{
    fw_str_init(out, &fw_alloc_default);
    fw_count_print(a->model.sym, c, 0, out);
}

static void require_same(const char *law, const char *what, const struct fw_analysis *a, fw_count x,
                         const struct fw_analysis *b, fw_count y)
{
    struct fw_str want, found;
    print(a, x, &want);
    print(b, y, &found);
    bool same = strcmp(fw_str_text(&want), fw_str_text(&found)) == 0;
    if (!same) {
        fprintf(stderr, "%s: ", what);
        fail(law, fw_str_text(&want), fw_str_text(&found));
    }
    fw_str_free(&want);
    fw_str_free(&found);
}

static void require_same_costs(const char *law, const struct fw_analysis *a,
                               const struct fw_cost *x, const struct fw_analysis *b,
                               const struct fw_cost *y)
{
    for (unsigned k = 0; k < FW_N_COSTS; k++)
        require_same(law, class_names[k], a, x->n[k], b, y->n[k]);
}

static void check_formats(const struct answer *x, const struct answer *y)
{
    static const char law[] = "ONNX and its text format";
    if (x->status != y->status)
        fail(law, x->status == FW_OK ? "an answer" : x->err.message,
             y->status == FW_OK ? "an answer" : y->err.message);
    if (x->status != FW_OK)
        return;
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        require_same_costs(law, &x->a, &x->a.totals.phase[p], &y->a, &y->a.totals.phase[p]);
    require_same(law, "params", &x->a, x->a.totals.params, &y->a, y->a.totals.params);
    require_same(law, "peak", &x->a, x->a.training.peak_bytes, &y->a, y->a.training.peak_bytes);
}

/* ---- sums ---- */

static void sum_nodes(struct fw_analysis *a, uint32_t end, struct fw_cost *phase)
{
    struct fw_graph *g = &a->model.graph;
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        fw_cost_clear(&phase[p]);
    for (uint32_t id = 0; id < end; id++) {
        struct fw_cost one;
        (void)fw_node_cost(g, id, a->precision, &one);
        fw_cost_accumulate(g->sym, &phase[g->nodes[id].phase], &one);
    }
}

static void check_totals(struct fw_analysis *a)
{
    struct fw_cost phase[FW_N_PHASES];
    uint32_t letters = fw_symbols_count(a->model.sym);
    sum_nodes(a, a->model.graph.n_nodes, phase);
    if (fw_symbols_count(a->model.sym) > letters) // a body was inferred anew, with new letters
        return;
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        require_same_costs("totals are the sum of the nodes", a, &phase[p], a, &a->totals.phase[p]);
}

static void check_memory(struct fw_analysis *a, const struct fw_memory *m)
{
    struct fw_symbols *s = a->model.sym;
    const fw_count parts[] = {m->gradient_bytes, m->optimizer_bytes, m->activation_bytes,
                              m->temporary_bytes};
    fw_count fixed = m->weight_bytes, sum, most = fw_count_int(0);
    for (unsigned i = 0; i < 2; i++)
        fixed = fw_count_add(s, fixed, parts[i]);
    if (!fw_count_is_const(m->peak_bytes)) // of open sizes: the largest of several sums
        return;
    sum = fw_count_add(s, fixed, fw_count_add(s, parts[2], parts[3]));
    require_same("a peak is the sum of its parts", "bytes", a, m->peak_bytes, a, sum);
    for (uint32_t i = 0; m->live != NULL && i < m->n_nodes; i++)
        most = m->live[i].word > most.word ? m->live[i] : most;
    // with letters about, moments are compared as doubles, which hold 8 PiB to the byte
    bool exact = m->peak_bytes.word < (fw_i128)1 << 53;
    if (m->live != NULL && m->n_nodes > 0 && exact)
        require_same("a peak is the fullest moment", "bytes", a, fw_count_add(s, fixed, most), a,
                     m->peak_bytes);
    if (m->places != NULL && m->places->moving_bytes < m->places->moving_bound_bytes)
        fail("a packing", "at least what is alive at once", "less");
}

/* Whether a row, in a body too, trains in another form. */
static bool trains_otherwise(const struct fw_graph *g)
{
    bool any = false;
    for (uint32_t id = 0; id < g->n_nodes && !any; id++)
        any = g->nodes[id].op->train_form != NULL;
    for (const struct fw_graph *b = g->bodies; b != NULL && !any; b = b->next_body)
        any = trains_otherwise(b);
    return any;
}

/* The forward pass of a training graph without rows that train in another form. */
static void check_forward(struct answer *t, const struct fw_str *file,
                          const struct fw_analysis_options *o)
{
    struct answer inference;
    struct fw_analysis_options how = *o;
    how.inference = true;
    ask(&inference, file, &how);
    if (inference.status != FW_OK)
        fail("what can be trained can be run", "an answer", inference.err.message);
    check_totals(&inference.a);
    check_memory(&inference.a, &inference.a.inference);
    const struct fw_graph *x = &inference.a.model.graph, *y = &t->a.model.graph;
    bool same =
        inference.a.n_forward == t->a.n_forward && x->n_nodes <= y->n_nodes && !trains_otherwise(x);
    for (uint32_t id = 0; same && id < t->a.n_forward; id++)
        same = x->nodes[id].op == y->nodes[id].op;
    if (same) {
        struct fw_cost a[FW_N_PHASES], b[FW_N_PHASES];
        sum_nodes(&inference.a, inference.a.n_forward, a);
        sum_nodes(&t->a, t->a.n_forward, b);
        // letters that bodies make up are numbered in the order in which they were made
        bool alike = fw_symbols_count(inference.a.model.sym) == fw_symbols_count(t->a.model.sym);
        const struct fw_cost *x_cost = &a[FW_PHASE_FORWARD], *y_cost = &b[FW_PHASE_FORWARD];
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            if (alike || fw_count_is_const(x_cost->n[k]) || fw_count_is_const(y_cost->n[k]))
                require_same("training has inference's forward pass", class_names[k], &inference.a,
                             x_cost->n[k], &t->a, y_cost->n[k]);
    }
    drop(&inference);
}

/* ---- letters ---- */

/* Rows whose count depends on the digits of a size: a transform is fast where it is a power of 2.
 */
static bool is_regular(const struct fw_graph *g)
{
    for (uint32_t id = 0; id < g->n_nodes; id++)
        if (strstr(g->nodes[id].op->name, "FT") != NULL)
            return false;
    return true;
}

/* Known sizes can decide what is computed at all: nodes that only compute shapes, branches. */
static bool same_nodes(const struct fw_graph *a, const struct fw_graph *b)
{
    bool same = a->n_nodes == b->n_nodes && a->bodies == NULL && b->bodies == NULL;
    for (uint32_t id = 0; same && id < a->n_nodes; id++)
        same = a->nodes[id].op == b->nodes[id].op && a->nodes[id].flags == b->nodes[id].flags;
    return same;
}

static void check_letters(struct answer *open, const struct fw_str *file,
                          const struct fw_analysis_options *o)
{
    enum { MANY = 64 };
    struct fw_binding bind[GEN_LETTERS];
    fw_dim values[MANY];
    struct fw_symbols *s = open->a.model.sym;
    uint32_t n = fw_symbols_count(s);
    struct fw_analysis_options how = *o;
    struct answer bound;
    how.symbols = bind;
    for (uint32_t i = 0; i < MANY; i++)
        values[i] = fw_dim_bad();
    for (unsigned l = 0; l < GEN_LETTERS; l++) {
        uint32_t at = fw_symbols_find(s, gen_letters[l], 1);
        if (at >= MANY)
            continue;
        values[at] = fw_dim_int(letter_numbers[l]);
        bind[how.n_symbols++] = (struct fw_binding){gen_letters[l], letter_values[l]};
    }
    if (how.n_symbols == 0 || n > MANY || !is_regular(&open->a.model.graph))
        return;
    ask(&bound, file, &how);
    bool alike = bound.status == FW_OK && same_nodes(&open->a.model.graph, &bound.a.model.graph);
    for (unsigned p = 0; alike && p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_CLASSES; k++) {
            fw_count want = bound.a.totals.phase[p].n[k];
            fw_count found = fw_count_substitute(s, open->a.totals.phase[p].n[k], values, n);
            // sizes that depend on contents stay letters
            if (fw_count_is_const(want) && fw_count_is_const(found))
                require_same("numbers for letters", class_names[k], &bound.a, want, &open->a,
                             found);
        }
    drop(&bound);
}

/* ---- executing ---- */

/* Sizes that only contents tell may stay open. */
static bool is_small(struct fw_analysis *a)
{
    struct fw_graph *g = &a->model.graph;
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            if (fw_count_is_const(a->totals.phase[p].n[k]) &&
                a->totals.phase[p].n[k].word > MOST_OPERATIONS)
                return false;
    for (uint32_t id = 0; id < g->n_tensors; id++) {
        const struct fw_tensor *t = &g->tensors[id];
        fw_count n = fw_tensor_elements(g, t);
        bool open = t->rank == FW_RANK_UNKNOWN || !fw_count_is_const(n);
        if (t->dtype == FW_STRING || (open && t->producer == FW_NONE) ||
            (!open && n.word > MOST_OPERATIONS))
            return false;
    }
    return a->totals.gap_nodes == 0;
}

/* Contents that contradict the standard: a condition longer than what it chooses from, a norm of
 * another name. */
static bool may_be_wrong(const struct fw_node *n)
{
    static const char *const names[] = {"Compress", "Normalizer"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(n->op->name, names[i]) == 0)
            return true;
    return false;
}

/* Whether a node chooses, in a body too, by what the file does not tell: counted is the branch with
 * more FLOP. */
static bool chooses(const struct fw_node *n)
{
    const struct fw_op *op = n->op;
    unsigned open = 0;
    bool inside = false;
    for (unsigned k = 0; k < op->n_attrs && n->attr != NULL; k++) {
        const struct fw_graph *body = op->attrs[k].type == FW_ATTR_GRAPH ? n->attr[k].graph : NULL;
        open += body != NULL && !fw_dim_is(body->trips, 0);
        for (uint32_t id = 0; body != NULL && id < body->n_nodes; id++)
            inside = inside || chooses(&body->nodes[id]);
    }
    return inside || open > 1;
}

static void require_counted(const struct fw_node *n, uint32_t id, const struct fw_cost *cost,
                            const uint64_t *tally)
{
    fw_i128 flop = 0;
    bool open = false;
    for (unsigned k = 0; k < FW_N_CLASSES; k++) {
        if (!fw_count_is_const(cost->n[k]))
            open = true;
        else
            flop += (k == FW_FMA ? 2 : 1) * cost->n[k].word;
    }
    bool bound = chooses(n);
    if (bound && !open && flop < (fw_i128)fw_tally_flop(tally))
        fail("operations executed", "at most what was counted for a choice", n->op->name);
    for (unsigned k = 0; k < FW_N_CLASSES && !bound; k++) {
        char found[96], want[32];
        if (!fw_count_is_const(cost->n[k]) || cost->n[k].word == (fw_i128)tally[k])
            continue;
        (void)snprintf(want, sizeof want, "%lld", (long long)cost->n[k].word);
        (void)snprintf(found, sizeof found, "%llu of %s in node %u (%s)",
                       (unsigned long long)tally[k], class_names[k], id, n->op->name);
        fail("operations executed", want, found);
    }
}

/* Whether the file itself declares shapes of what it computes: where they depend on contents, those
 * may turn out others. */
static bool declares_shapes(const struct fw_str *file)
{
    struct fw_model m;
    struct fw_error err;
    bool any = false;
    if (fw_model_init(&m, &fw_alloc_default, &err) != FW_OK)
        abort();
    if (fw_format_onnx.read(&m, (const unsigned char *)fw_str_text(file), file->len, &err) == FW_OK)
        for (uint32_t id = 0; id < m.graph.n_tensors; id++)
            any = any || (m.graph.tensors[id].flags & FW_TENSOR_OPTIONAL_SHAPE) != 0;
    fw_model_clear(&m);
    return any;
}

/* Transforms whose length only contents tell are counted as ones of an even length. */
static bool is_taken_for_even(const struct fw_graph *g, const struct fw_node *n)
{
    if (strstr(n->op->name, "FT") == NULL)
        return false;
    for (unsigned i = 1; i < n->n_in; i++)
        if (n->in[i] != FW_NONE && g->tensors[n->in[i]].rank == 0 &&
            g->tensors[n->in[i]].value == NULL)
            return true;
    return false;
}

static void execute(struct fw_analysis *a, const struct fw_str *file)
{
    struct fw_graph *g = &a->model.graph;
    struct fw_exec *e;
    struct fw_error err;
    if (fw_meter_set(meter, to_execute, &err) != FW_OK)
        abort();
    fw_meter_start(meter);
    struct fw_exec_options o = {.build = FW_COUNTED, .seed = 1, .alloc = fw_meter_alloc(meter)};
    if (fw_exec_new(&e, g, &o, &err) != FW_OK)
        return;
    enum fw_status status = fw_exec_fill(e, &err);
    for (uint32_t id = 0; status == FW_OK && id < g->n_nodes; id++) {
        if (may_be_wrong(&g->nodes[id]))
            break;
        uint64_t tally[FW_N_TALLIES];
        struct fw_cost cost;
        // what a node costs, before its execution tells the graph more
        bool known =
            fw_node_cost(g, id, a->precision, &cost) && !is_taken_for_even(g, &g->nodes[id]);
        status = fw_exec_node(e, id, tally, &err);
        if (status == FW_SHAPE && strstr(err.message, "than was inferred") != NULL &&
            !declares_shapes(file))
            fail("execution", "the shapes that were inferred", err.message);
        if (status == FW_OK && known)
            require_counted(&g->nodes[id], id, &cost, tally);
    }
    fw_exec_free(e);
}

/* ---- fast against plain ---- */

static struct fw_engine *run_engine(struct fw_analysis *a, const struct fw_memory *m, bool fast)
{
    struct fw_engine *e;
    struct fw_error err;
    struct fw_engine_options o = {.fast = fast, .n_threads = 1, .seed = 1};
    fw_meter_start(meter);
    if (fw_engine_new(&e, &a->model.graph, m->places, &o, fw_meter_alloc(meter), &err) != FW_OK)
        return NULL;
    if (fw_engine_fill(e, &err) == FW_OK && fw_engine_run(e, false, NULL, &err) == FW_OK)
        return e;
    fw_engine_free(e);
    return NULL;
}

/* Whether a tensor is there in both and holds the same, but for rounding; what is no number is not
 * compared. */
static bool same_contents(struct fw_engine *fast, struct fw_engine *plain, uint32_t id, size_t n)
{
    enum { MOST = MOST_OPERATIONS };
    static float x[MOST], y[MOST];
    struct fw_error err;
    double far = 0, whole = 0;
    if (n > MOST || fw_engine_read(fast, id, x, n * sizeof *x, &err) != FW_OK ||
        fw_engine_read(plain, id, y, n * sizeof *y, &err) != FW_OK)
        return true;
    for (size_t i = 0; i < n; i++) {
        far += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        whole += (double)y[i] * (double)y[i];
    }
    return !isfinite(whole) || far <= 1e-6 * whole + 1e-8 * (double)n;
}

/* A single node that has a fast kernel, and its gradient, gives what plain C gives. Parameters are
 * not looked at: some optimizers make a step of any gradient, however near to 0. */
static void check_fast(struct fw_analysis *a, const struct fw_memory *m)
{
    const struct fw_graph *g = &a->model.graph;
    if (a->n_forward != 1 || g->nodes[0].op->fast == NULL || m->places == NULL)
        return;
    struct fw_engine *fast = run_engine(a, m, true), *plain = run_engine(a, m, false);
    for (uint32_t id = 0; fast != NULL && plain != NULL && id < g->n_tensors; id++) {
        const struct fw_tensor *t = &g->tensors[id];
        bool given = t->kind == FW_KIND_GRADIENT || t->kind == FW_KIND_BUFFER ||
                     (g->n_outputs > 0 && id == g->outputs[0]);
        fw_count n = fw_tensor_elements(g, t);
        if (given && t->dtype == FW_F32 && fw_count_is_const(n) &&
            !same_contents(fast, plain, id, (size_t)n.word))
            fail("fast kernels", "what plain C gives", t->name != NULL ? t->name : "a gradient");
    }
    if (fast != NULL && plain == NULL)
        fail("plain C", "what fast kernels can", "an error");
    fw_engine_free(fast);
    fw_engine_free(plain);
}

struct fw_analysis_options laws_options(const uint8_t *data, size_t *size)
{
    static const char *const optimizers[] = {"sgd", "adam", "momentum", "adamw"};
    enum { N = 4 };
    uint8_t choice[N] = {0};
    size_t n = *size < N ? *size : N;
    *size -= n;
    if (n > 0)
        memcpy(choice, data + *size, n);
    struct fw_analysis_options o = {.memory = true, .timeline = true};
    o.optimizer = fw_optimizer_find(optimizers[choice[0] % 4]);
    o.precision = &fw_precisions[choice[1] % fw_n_precisions];
    o.recompute = choice[2] % 4 == 3 ? "full" : NULL;
    o.input_grad = choice[3] % 2 != 0;
    return o;
}

void laws_check(const struct fw_str *file, const struct fw_str *text,
                const struct fw_analysis_options *o)
{
    struct answer x, y;
    struct fw_error err;
    shown = text;
    if (fw_meter_new(&meter, &fw_alloc_default, &err) != FW_OK ||
        fw_meter_set(meter, limits, &err) != FW_OK)
        abort();
    ask(&x, file, o);
    if (text != NULL) {
        ask(&y, text, o);
        check_formats(&x, &y);
        drop(&y);
    }
    if (x.status == FW_OK) {
        check_totals(&x.a);
        check_memory(&x.a, o->inference ? &x.a.inference : &x.a.training);
        if (!o->inference)
            check_forward(&x, file, o);
        check_letters(&x, file, o);
        if (is_small(&x.a)) {
            execute(&x.a, file);
            check_fast(&x.a, o->inference ? &x.a.inference : &x.a.training);
        }
    }
    drop(&x);
    fw_meter_leave(meter);
}

void laws_check_made(const uint8_t *data, size_t size, gen_make *make)
{
    static struct gen_model model;
    struct fw_str onnx, text;
    struct fw_analysis_options o = laws_options(data, &size);
    make(&model, data, size);
    fw_str_init(&onnx, &fw_alloc_default);
    fw_str_init(&text, &fw_alloc_default);
    gen_write_onnx(&model, &onnx);
    gen_write_text(&model, &text);
    laws_check(&onnx, &text, &o);
    fw_str_free(&onnx);
    fw_str_free(&text);
}
