/* Questions that execute the network: run and audit. */
#include "api/net.h"

#include "base/real.h"
#include "engine/program.h"
#include "ops/update.h"

#include <math.h>
#include <string.h>

enum { MAX_FILES = 64 };

/* What a report of an execution stands on. */
struct executed {
    struct fw_study *study;
    struct fw_execution x;
    struct fw_execute_options how;
    struct fw_audit audit;
    struct fw_hyper hyper;
    struct fw_arena arena;
    struct fw_file files[MAX_FILES];
    unsigned n_files;
};

static void release(void *owned)
{
    struct executed *e = owned;
    const struct fw_alloc *alloc = e->arena.alloc;
    fw_execution_free(&e->x);
    for (unsigned i = 0; i < e->n_files; i++)
        fw_file_close(&e->files[i]);
    fw_study_free(e->study);
    fw_arena_clear(&e->arena);
    fw_mem_resize(alloc, e, sizeof *e, 0);
}

/* ---- what the call says ---- */

static enum fw_status read_rate(struct executed *e, const struct fw_running *running, bool forward,
                                const struct fw_optimizer *optimizer, struct fw_error *err)
{
    e->hyper = optimizer->hyper;
    e->how.hyper = &e->hyper;
    e->how.optimizer = optimizer;
    if (running->learning_rate == NULL)
        return FW_OK;
    FW_REQUIRE(!forward, err, FW_USAGE, "--lr goes with --train: a forward pass learns nothing");
    size_t n;
    e->hyper.lr = fw_real_parse(running->learning_rate, &n);
    FW_REQUIRE(n > 0 && running->learning_rate[n] == '\0' && isfinite(e->hyper.lr), err, FW_USAGE,
               "--lr '%s': a number such as 0.01 is wanted", running->learning_rate);
    return FW_OK;
}

static enum fw_status read_options(struct executed *e, const struct fw_running *running,
                                   const struct fw_options *o, struct fw_error *err)
{
    uint64_t threads;
    const char *optimizer = o->optimizer != NULL ? o->optimizer : "sgd";
    FW_REQUIRE(o->optimizer == NULL || o->inference == 0, err, FW_USAGE,
               "--optimizer goes with --train: a forward pass updates nothing");
    FW_REQUIRE(running->exact == 0 || running->winograd == 0, err, FW_USAGE,
               "--winograd goes with --mode fast: plain C knows the direct algorithm only");
    e->how.fast = running->exact == 0;
    e->how.winograd = running->winograd != 0;
    e->how.begins = running->begins;
    e->how.begins_ctx = running->begins_ctx;
    FW_TRY(fw_whole_number("--steps", running->steps, 1, UINT32_MAX, 0, &e->how.steps, err));
    FW_TRY(fw_whole_number("--seed", running->seed, 0, UINT64_MAX, 1, &e->how.seed, err));
    FW_TRY(fw_whole_number("--threads", running->threads, 1, FW_MAX_THREADS, 0, &threads, err));
    unsigned cores = fw_usable_cores();
    e->how.n_threads = threads > 0 ? (unsigned)threads : running->exact ? 1 : cores;
    if (e->how.n_threads > FW_MAX_THREADS)
        e->how.n_threads = FW_MAX_THREADS;
    FW_REQUIRE(o->precision == NULL || strcmp(o->precision, "fp32") == 0, err, FW_UNSUPPORTED,
               "--precision %s: networks are executed in fp32 only", o->precision);
    const struct fw_optimizer *found = fw_optimizer_find(optimizer);
    if (found == NULL)
        return FW_OK; // the analysis names it
    return read_rate(e, running, o->inference != 0, found, err);
}

/* ---- arrays from files ---- */

static enum fw_status read_arrays(struct executed *e, const char *path, struct fw_array **ret,
                                  size_t *ret_n, struct fw_error *err)
{
    FW_REQUIRE(e->n_files < MAX_FILES, err, FW_LIMIT, "more than %d files", MAX_FILES);
    struct fw_file *file = &e->files[e->n_files];
    enum fw_status status = fw_file_open(file, path, 0, e->arena.alloc, err);
    if (status == FW_OK) {
        e->n_files++;
        status = fw_arrays_read(file->data, file->size, &e->arena, ret, ret_n, err);
    }
    if (status != FW_OK)
        fw_error_prefix(err, "%s: ", path);
    return status;
}

/* "FILE", or "NAME=FILE" for a file with one array. */
static enum fw_status read_inputs(struct executed *e, const struct fw_running *running,
                                  struct fw_error *err)
{
    struct fw_array *all = NULL;
    size_t n_all = 0;
    for (size_t i = 0; i < running->n_inputs; i++) {
        const char *text = running->inputs[i], *equals = strchr(text, '=');
        struct fw_array *more;
        size_t n;
        FW_TRY(read_arrays(e, equals != NULL ? equals + 1 : text, &more, &n, err));
        struct fw_array *joined = fw_arena_array(&e->arena, n_all + n + 1, sizeof *joined);
        if (joined == NULL)
            return fw_fail_memory(err);
        if (n_all > 0)
            memcpy(joined, all, n_all * sizeof *joined);
        if (n > 0)
            memcpy(joined + n_all, more, n * sizeof *joined);
        all = joined;
        if (equals != NULL && n == 1)
            all[n_all].name = fw_arena_strndup(&e->arena, text, (size_t)(equals - text));
        n_all += n;
    }
    e->how.arrays = all;
    e->how.n_arrays = n_all;
    return FW_OK;
}

static enum fw_status read_files(struct executed *e, const struct fw_running *running,
                                 struct fw_error *err)
{
    struct fw_array *weights = NULL;
    FW_TRY(read_inputs(e, running, err));
    if (running->weights != NULL)
        FW_TRY(read_arrays(e, running->weights, &weights, &e->how.n_weights, err));
    e->how.weights = weights;
    e->how.keep_outputs = running->outputs != NULL;
    FW_REQUIRE(running->outputs == NULL || !e->study->analysis.trained, err, FW_USAGE,
               "outputs are written of a forward pass: --save keeps what was trained");
    return FW_OK;
}

/* ---- arrays into files ---- */

static void shape_array(const struct fw_tensor *t, struct fw_array *ret)
{
    ret->name = t->name != NULL ? t->name : "?";
    ret->dtype = fw_dtype_is_float((enum fw_dtype)t->dtype) ? FW_F32 : (enum fw_dtype)t->dtype;
    ret->rank = t->rank;
    ret->bytes = fw_dtypes[ret->dtype].bits / 8;
    for (unsigned k = 0; k < t->rank; k++) {
        ret->dims[k] = t->dims[k].word;
        ret->bytes *= (size_t)t->dims[k].word;
    }
}

static enum fw_status write_arrays(struct executed *e, const char *path,
                                   const struct fw_array *arrays, size_t n, bool npz,
                                   struct fw_error *err)
{
    struct fw_output *out;
    enum fw_status status = fw_output_open(&out, path, err);
    if (status == FW_OK) {
        status = npz ? fw_arrays_write_npz(out, arrays, n, err)
                     : fw_arrays_write_safetensors(out, arrays, n, e->arena.alloc, err);
        if (status == FW_OK)
            status = fw_output_commit(out, err);
        else
            fw_output_abandon(out);
    }
    if (status != FW_OK)
        fw_error_prefix(err, "%s: ", path);
    return status;
}

static enum fw_status write_outputs(struct executed *e, const char *path, struct fw_error *err)
{
    const struct fw_graph *g = &e->study->analysis.model.graph;
    struct fw_array *arrays = fw_arena_array(&e->arena, e->x.n_outputs + 1u, sizeof *arrays);
    if (arrays == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < e->x.n_outputs; i++) {
        const struct fw_output_of *o = &e->x.outputs[i];
        shape_array(&g->tensors[o->tensor], &arrays[i]);
        arrays[i].data = o->data;
        arrays[i].bytes = o->rows * o->row_bytes;
        if (arrays[i].rank > 0)
            arrays[i].dims[0] = (int64_t)o->rows;
    }
    return write_arrays(e, path, arrays, e->x.n_outputs, true, err);
}

/* Parameters and running statistics. */
static enum fw_status save_weights(struct executed *e, const char *path, struct fw_error *err)
{
    const struct fw_graph *g = &e->study->analysis.model.graph;
    const struct fw_places *places = fw_execution_places(&e->study->analysis);
    struct fw_array *arrays = fw_arena_array(&e->arena, g->n_tensors + 1u, sizeof *arrays);
    size_t n = 0;
    if (arrays == NULL)
        return fw_fail_memory(err);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        const struct fw_tensor *t = &g->tensors[i];
        bool kept = (t->kind == FW_KIND_PARAM || t->kind == FW_KIND_BUFFER) && t->name != NULL;
        if (!kept || places->at[i].bytes == 0)
            continue;
        shape_array(t, &arrays[n]);
        void *data = fw_arena_alloc(&e->arena, arrays[n].bytes + 1);
        if (data == NULL)
            return fw_fail_memory(err);
        FW_TRY(fw_engine_read(e->x.engine, i, data, arrays[n].bytes, err));
        arrays[n++].data = data;
    }
    return write_arrays(e, path, arrays, n, false, err);
}

/* ---- the whole way ---- */

/* The network with all sizes known: an open batch is 1. */
static enum fw_status open_study(struct executed *e, struct fw_net *net, const struct fw_options *o,
                                 struct fw_error *err)
{
    FW_TRY(fw_study_new(&e->study, net, o, true, err));
    if (fw_execution_places(&e->study->analysis) != NULL)
        return FW_OK;
    for (size_t i = 0; i < net->n_symbols; i++)
        if (strcmp(net->symbols[i].name, "batch") == 0)
            return FW_OK; // the engine says what is open
    struct fw_error ignored;
    FW_TRY(fw_net_set(net, "batch", "1", err));
    fw_study_free(e->study);
    e->study = NULL;
    if (fw_study_new(&e->study, net, o, true, &ignored) == FW_OK)
        return FW_OK;
    net->n_symbols--; // it has no batch
    return fw_study_new(&e->study, net, o, true, err);
}

static enum fw_status execute(struct executed *e, struct fw_net *net, const struct fw_options *o,
                              const struct fw_running *running, struct fw_error *err)
{
    FW_TRY(read_options(e, running, o, err));
    FW_TRY(open_study(e, net, o, err));
    FW_TRY(fw_study_want_numbers(e->study, err));
    FW_TRY(read_files(e, running, err));
    enum fw_status status = fw_execute(&e->x, &e->study->analysis, &e->how, err);
    if (status != FW_OK) {
        fw_error_prefix(err, "%s: ", net->path);
        return status;
    }
    if (running->outputs != NULL)
        FW_TRY(write_outputs(e, running->outputs, err));
    return running->save != NULL ? save_weights(e, running->save, err) : FW_OK;
}

static enum fw_status start(struct executed **ret, const struct fw_net *net, struct fw_error *err)
{
    struct executed *e = fw_mem_resize(net->alloc, NULL, 0, sizeof *e);
    if (e == NULL)
        return fw_fail_memory(err);
    memset(e, 0, sizeof *e);
    fw_arena_init(&e->arena, net->alloc);
    fw_arena_init(&e->x.arena, net->alloc);
    *ret = e;
    return FW_OK;
}

static enum fw_status own(enum fw_status status, struct executed *e, struct fw_report *report,
                          struct fw_report **ret)
{
    if (status != FW_OK) {
        release(e);
        return status;
    }
    report->owned = e;
    report->release = release;
    *ret = report;
    return FW_OK;
}

enum fw_status fw_run_report(struct fw_report **ret, struct fw_net *net,
                             const struct fw_options *options, const struct fw_running *running,
                             struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    const struct fw_options *o = options != NULL ? options : &defaults;
    struct executed *e;
    struct fw_report *report = NULL;
    FW_TRY(start(&e, net, err));
    enum fw_status status = execute(e, net, o, running, err);
    if (status == FW_OK) {
        struct fw_asked asked = fw_asked_of(net, o);
        status = fw_answer_run(&report, &e->x, &asked, &e->how, err);
    }
    return own(status, e, report, ret);
}

/* Counting kernels do about 10^8 operations a second. */
static bool worth_counting(const struct fw_analysis *a)
{
    struct fw_cost step = fw_cost_step(a->model.sym, a->totals.phase);
    return fw_cost_flop(a->model.sym, &step).word <= 1000000000;
}

static enum fw_status audit(struct executed *e, struct fw_counter *counter,
                            const struct fw_error *why_not, struct fw_error *err)
{
    struct fw_counter *good = why_not->code == FW_OK ? counter : NULL;
    if (good != NULL) // the canary sings once more behind the measurement
        FW_TRY(fw_counter_check(good, err));
    fw_execution_begins(&e->x, &e->how, "counting operations");
    enum fw_status status = fw_audit(&e->audit, &e->x, good, why_not->message,
                                     worth_counting(&e->study->analysis), err);
    fw_execution_begins(&e->x, &e->how, NULL);
    return status;
}

enum fw_status fw_audit_report(struct fw_report **ret, struct fw_net *net,
                               struct fw_counter *counter, const struct fw_options *options,
                               const struct fw_running *running, struct fw_error *err)
{
    struct fw_options defaults = fw_options_default();
    const struct fw_options *o = options != NULL ? options : &defaults;
    struct fw_error why_not = {.code = FW_OK};
    struct executed *e;
    struct fw_report *report = NULL;
    FW_TRY(start(&e, net, err));
    if (counter == NULL)
        (void)fw_fail(&why_not, FW_COUNTER, -1, "no counter was given");
    else if (fw_counter_alone(counter, &why_not) == FW_OK)
        e->how.counter = counter;
    enum fw_status status = execute(e, net, o, running, err);
    if (status == FW_OK)
        status = audit(e, counter, &why_not, err);
    if (status == FW_OK) {
        struct fw_asked asked = fw_asked_of(net, o);
        status = fw_answer_audit(&report, &e->audit, &asked, e->how.fast, err);
    }
    return own(status, e, report, ret);
}
