/* fw_estimate_report: reads the description of a run, counts a step of each model it names, and
 * hands both to the study. fw_claims_report: reads a table of claims. */
#include "api/net.h"

#include "base/folder.h"
#include "base/real.h"
#include "study/compute.h"

#include <math.h>
#include <string.h>

struct job {
    struct fw_report *r;
    const struct fw_run_request *request;
    const char *folder;      // of the run file
    const char *given_model; // by the caller, who may name any; or NULL
    struct fw_net *given;    // it: opened once, as standard input can be
    struct fw_run run;
    struct fw_estimate estimate;
    struct fw_error *err;
};

/* ---- what the settings say ---- */

static bool is_binding(const char *name)
{
    return strcmp(name, "set") == 0 || strcmp(name, "shape") == 0;
}

static bool names_model(const struct job *j)
{
    for (uint32_t i = 0; i < j->run.n_phases; i++)
        if (j->run.phases[i].model != NULL)
            return true;
    return false;
}

/* Options about a network want one. */
static enum fw_status check_options(const struct job *j)
{
    const struct fw_options *o = &j->request->options;
    bool bindings = false;
    for (size_t i = 0; i < j->request->n_settings; i++)
        bindings |= is_binding(j->request->settings[i].name);
    FW_REQUIRE(!o->inference, j->err, FW_USAGE,
               "an estimate is about training; in a run file rollout, synthetic and evaluation are "
               "forward passes only");
    FW_REQUIRE(names_model(j) ||
                   !(bindings || o->optimizer || o->loss || o->n_freeze || o->input_grad),
               j->err, FW_USAGE,
               "optimizer, loss, freeze, input-grad, set and shape change nothing without a model");
    return FW_OK;
}

/* --precision says which peak of the hardware counts. */
static const char *format_of(const char *precision)
{
    if (precision == NULL)
        return NULL;
    return strncmp(precision, "amp-", 4) == 0 ? precision + 4 : precision;
}

static enum fw_status read_run(struct job *j, const char *file, size_t n)
{
    const struct fw_run_request *q = j->request;
    struct fw_setting *settings = fw_arena_array(&j->r->arena, q->n_settings + 2, sizeof *settings);
    size_t count = 0;
    if (settings == NULL)
        return fw_fail_memory(j->err);
    for (size_t i = 0; i < q->n_settings; i++)
        if (!is_binding(q->settings[i].name))
            settings[count++] = (struct fw_setting){
                fw_arena_strndup(&j->r->arena, q->settings[i].name, strlen(q->settings[i].name)),
                fw_arena_strndup(&j->r->arena, q->settings[i].value, strlen(q->settings[i].value))};
    if (q->options.precision != NULL)
        settings[count++] = (struct fw_setting){"peak-format", format_of(q->options.precision)};
    if (q->options.recompute != NULL)
        settings[count++] = (struct fw_setting){"recompute", q->options.recompute};
    for (size_t i = 0; i < count; i++) {
        if (settings[i].name == NULL || settings[i].value == NULL)
            return fw_fail_memory(j->err);
        if (strcmp(settings[i].name, "model") == 0)
            j->given_model = settings[i].value;
    }
    FW_TRY(fw_run_read(&j->run, &j->r->arena, settings, count, file, n, j->err));
    return check_options(j);
}

static enum fw_status read_all(struct job *j)
{
    struct fw_file file;
    const char *path = j->request->file;
    if (path == NULL)
        return read_run(j, NULL, 0);
    j->folder = fw_folder_of(path, &j->r->arena);
    if (j->folder == NULL)
        return fw_fail_memory(j->err);
    enum fw_status status = fw_file_open(&file, path, 1 << 24, j->r->alloc, j->err);
    if (status == FW_OK) {
        const char *data = file.size > 0 ? (const char *)file.data : "";
        status = read_run(j, data, file.size);
        fw_file_close(&file);
    }
    return status;
}

/* ---- a step of a model ---- */

static enum fw_status bind(struct fw_net *net, const struct job *j, const char *batch,
                           const char *seq)
{
    FW_TRY(batch != NULL ? fw_net_set(net, "batch", batch, j->err) : FW_OK);
    FW_TRY(seq != NULL ? fw_net_set(net, "seq", seq, j->err) : FW_OK);
    for (size_t i = 0; i < j->request->n_settings; i++) {
        const struct fw_setting *s = &j->request->settings[i];
        const char *equals = strrchr(s->value, '=');
        if (!is_binding(s->name))
            continue;
        bool shape = s->name[1] == 'h';
        FW_REQUIRE(shape || (equals != NULL && equals != s->value), j->err, FW_USAGE,
                   "set '%s': NAME=VALUE is wanted", s->value);
        if (equals == NULL) {
            FW_TRY(fw_net_set_shape(net, NULL, s->value, j->err));
            continue;
        }
        char *name = fw_arena_strndup(&j->r->arena, s->value, (size_t)(equals - s->value));
        if (name == NULL)
            return fw_fail_memory(j->err);
        FW_TRY(shape ? fw_net_set_shape(net, name, equals + 1, j->err)
                     : fw_net_set(net, name, equals + 1, j->err));
    }
    return FW_OK;
}

/* A count that must be a number: the letters that are open otherwise. */
static enum fw_status known(struct fw_analysis *a, fw_count v, double *ret, struct fw_error *err)
{
    *ret = fw_count_to_double(a->model.sym, v);
    if (!isnan(*ret))
        return FW_OK;
    struct fw_str letters;
    bool seen[64] = {false};
    fw_str_init(&letters, a->model.alloc);
    fw_count_symbols(a->model.sym, v, seen, 64);
    for (uint32_t i = 0; i < 64 && i < fw_symbols_count(a->model.sym); i++)
        if (seen[i])
            fw_str_addf(&letters, "%s%s", letters.len ? ", " : "", fw_symbol_name(a->model.sym, i));
    enum fw_status status =
        fw_fail(err, FW_USAGE, -1, "%s: sizes are open: %s; batch, seq and set give them values",
                a->model.path, fw_str_text(&letters));
    fw_str_free(&letters);
    return status;
}

static struct fw_cost forward_only(const struct fw_analysis *a)
{
    return a->totals.phase[FW_PHASE_FORWARD];
}

static enum fw_status read_step(struct job *j, struct fw_analysis *a, struct fw_step *s)
{
    struct fw_symbols *sym = a->model.sym;
    struct fw_cost forward = forward_only(a), step = fw_cost_step(sym, a->totals.phase);
    struct fw_str exact;
    FW_TRY(known(a, fw_cost_matmul_flop(sym, &forward), &s->forward, j->err));
    FW_TRY(known(a, fw_cost_matmul_flop(sym, &step), &s->training, j->err));
    FW_TRY(known(a, fw_cost_flop(sym, &forward), &s->forward_all, j->err));
    FW_TRY(known(a, fw_cost_flop(sym, &step), &s->training_all, j->err));
    FW_TRY(known(a, a->totals.params, &s->params, j->err));
    s->hardware = s->training;
    s->complete = a->totals.n_missing == 0;
    fw_str_init(&exact, a->model.alloc);
    fw_count_print(sym, fw_cost_matmul_flop(sym, &step), ',', &exact);
    s->exact =
        fw_str_ok(&exact) ? fw_arena_strndup(&j->r->arena, fw_str_text(&exact), exact.len) : NULL;
    fw_str_free(&exact);
    return s->exact != NULL ? FW_OK : fw_fail_memory(j->err);
}

/* Dimension i of the first input where it is a number, else 0. */
static double first_dim(const struct fw_analysis *a, unsigned i)
{
    const struct fw_graph *g = &a->model.graph;
    if (g->n_inputs == 0)
        return 0;
    const struct fw_tensor *t = &g->tensors[g->inputs[0]];
    bool there = t->rank != FW_RANK_UNKNOWN && t->rank > i && fw_dim_is_const(t->dims[i]);
    return there ? (double)t->dims[i].word : 0;
}

static bool reads_tokens(const struct fw_analysis *a)
{
    const struct fw_graph *g = &a->model.graph;
    return g->n_inputs > 0 && fw_dtype_is_integer(g->tensors[g->inputs[0]].dtype);
}

/* Without what an earlier analysis bound. */
static enum fw_status open_given(struct job *j, struct fw_net **ret)
{
    if (j->given == NULL)
        FW_TRY(fw_net_open_within(&j->given, j->given_model, j->request->limits, j->err));
    j->given->n_symbols = j->given->n_shapes = 0;
    j->given->users++;
    *ret = j->given;
    return FW_OK;
}

/* A run file may come from anybody: what it names stands in its folder, unless the caller allows
 * more. */
static enum fw_status open_model(struct job *j, const char *model, struct fw_net **ret)
{
    const char *const *limits = j->request->limits;
    if (model == j->given_model)
        return open_given(j, ret);
    bool file = strncmp(model, "zoo:", 4) != 0;
    if (file && j->request->any_path) {
        if (model[0] != '/')
            model = fw_arena_printf(&j->r->arena, "%s/%s", j->folder, model);
        return model != NULL ? fw_net_open_within(ret, model, limits, j->err)
                             : fw_fail_memory(j->err);
    }
    const char *path;
    struct fw_error cause;
    if (file && fw_folder_resolve(j->folder, model, &j->r->arena, &path, &cause) == FW_FORMAT)
        return fw_fail(j->err, FW_FORMAT, -1, "%s (--any-path opens it)", cause.message);
    return fw_net_open_named(ret, j->folder, model, limits, j->err);
}

/* One analysis; without a batch of the caller's the file's own is taken, and *ret_batch says so. */
static enum fw_status study(struct job *j, const struct fw_run_phase *p, const char *batch,
                            const char *seq, const char *recompute, struct fw_step *s)
{
    struct fw_net *net;
    struct fw_study *study = NULL;
    struct fw_options o = j->request->options;
    o.recompute = recompute;
    o.precision = NULL;
    FW_TRY(open_model(j, p->model, &net));
    enum fw_status status = bind(net, j, batch, seq);
    if (status == FW_OK)
        status = fw_study_new(&study, net, &o, false, j->err);
    if (status == FW_OK) {
        struct fw_analysis *a = &study->analysis;
        status = read_step(j, a, s);
        s->batch = first_dim(a, 0);
        if (s->seq == 0 && reads_tokens(a))
            s->seq = first_dim(a, 1);
    }
    fw_study_free(study);
    fw_net_free(net);
    return status;
}

/* With recomputation a second analysis says what the hardware does. */
static enum fw_status both(struct job *j, const struct fw_run_phase *p, const char *batch,
                           const char *seq, struct fw_step *s)
{
    FW_TRY(study(j, p, batch, seq, "none", s));
    if (p->recompute == NULL || strcmp(p->recompute, "none") == 0)
        return FW_OK;
    struct fw_step again = {.seq = s->seq};
    FW_TRY(study(j, p, batch, seq, p->recompute, &again));
    s->hardware = again.training;
    return FW_OK;
}

static void mix(double *a, double b, double share)
{
    *a += (b - *a) * share;
}

/* A mean length between two whole ones: exact where cost grows linearly, as in recurrent networks.
 */
static enum fw_status mean_length(struct job *j, const struct fw_run_phase *p, const char *batch,
                                  double length, struct fw_step *s)
{
    struct fw_step above = {.seq = length};
    double whole = floor(length);
    const char *seq = fw_arena_printf(&j->r->arena, "%.0f", whole);
    const char *next = fw_arena_printf(&j->r->arena, "%.0f", whole + 1);
    if (seq == NULL || next == NULL)
        return fw_fail_memory(j->err);
    s->seq = length;
    FW_TRY(both(j, p, batch, seq, s));
    if (whole == length)
        return FW_OK;
    FW_TRY(both(j, p, batch, next, &above));
    mix(&s->forward, above.forward, length - whole);
    mix(&s->training, above.training, length - whole);
    mix(&s->forward_all, above.forward_all, length - whole);
    mix(&s->training_all, above.training_all, length - whole);
    mix(&s->hardware, above.hardware, length - whole);
    s->exact = NULL;
    return FW_OK;
}

static enum fw_status with_length(struct job *j, const struct fw_run_phase *p, const char *batch,
                                  const struct fw_quantity *length, struct fw_step *s)
{
    return length != NULL ? mean_length(j, p, batch, length->mid, s) : both(j, p, batch, NULL, s);
}

static enum fw_status count_phase(struct job *j, struct fw_run_phase *p)
{
    struct fw_step *s = fw_arena_zalloc(&j->r->arena, sizeof *s);
    const struct fw_quantity *length = fw_run_value(&j->run, p->in[FW_IN_SEQ]);
    if (s == NULL)
        return fw_fail_memory(j->err);
    FW_REQUIRE(length == NULL || (fw_quantity_is_exact(*length) && length->mid >= 1), j->err,
               FW_USAGE, "%s: seq of a model is one number from 1 on, the mean length", p->name);
    const char *batch = p->batch != NULL ? p->batch : "1";
    enum fw_status status = with_length(j, p, batch, length, s);
    if (status == FW_USAGE && p->batch == NULL) { // the file's own batch, or the error there was
        struct fw_error first = *j->err;
        status = with_length(j, p, NULL, length, s);
        if (status != FW_OK)
            *j->err = first;
    }
    FW_TRY(status);
    FW_REQUIRE(s->batch >= 1, j->err, FW_USAGE,
               "%s: how many examples does a step of %s take? its first input does not say",
               p->name, p->model);
    FW_REQUIRE(p->in[FW_IN_TOKENS] == FW_NO_INPUT || s->seq >= 1, j->err, FW_USAGE,
               "%s: tokens of examples how long? seq is wanted", p->name);
    p->step = s;
    return FW_OK;
}

/* ---- the call ---- */

static enum fw_status answer(struct job *j)
{
    FW_TRY(read_all(j));
    for (uint32_t i = 0; i < j->run.n_phases; i++)
        if (j->run.phases[i].model != NULL)
            FW_TRY(count_phase(j, &j->run.phases[i]));
    FW_TRY(fw_estimate_run(&j->run, &j->estimate, j->err));
    return fw_answer_estimate(j->r, &j->estimate, j->request->document != 0, j->err);
}

/* Errors of a run file name it, whatever they are about. */
static enum fw_status run_job(struct job *j)
{
    enum fw_status status = answer(j);
    if (status != FW_OK && j->request->file != NULL)
        fw_error_prefix(j->err, "%s: ", j->request->file);
    return status;
}

enum fw_status fw_estimate_report(struct fw_report **ret, const struct fw_run_request *request,
                                  struct fw_error *err)
{
    struct fw_report *r = fw_report_new(&fw_alloc_default, "flopwise.estimate/1");
    struct job *j = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *j) : NULL;
    enum fw_status status = FW_MEMORY;
    if (j == NULL) {
        (void)fw_fail_memory(err);
    } else {
        *j = (struct job){.r = r, .request = request, .err = err};
        status = run_job(j);
        fw_net_free(j->given);
        j->given = NULL;
        j->request = NULL; // the caller's
    }
    return fw_report_finish(ret, r, status);
}

enum fw_status fw_claims_report(struct fw_report **ret, const char *path, struct fw_error *err)
{
    struct fw_file file;
    enum fw_status status = fw_file_open(&file, path, 1u << 28, &fw_alloc_default, err);
    if (status == FW_OK) {
        status = fw_answer_claims(ret, file.data, file.size, path, &fw_alloc_default, err);
        fw_file_close(&file);
    }
    if (status != FW_OK)
        fw_error_prefix(err, "%s: ", path);
    return status;
}
