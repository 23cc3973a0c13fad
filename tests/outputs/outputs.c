/* Results against the ONNX backend tests: every model is executed over the reference kernels, in
 * both builds, on the stored inputs, and its outputs are compared with the stored ones.
 *
 * usage: outputs [-v] FOLDER...      each FOLDER holds test cases (model.onnx, test_data_set_0)
 * A case passes when every output agrees in double and in float: integers exactly, floats to 1e-3
 * of the value plus 1e-5. A case that is not claimed is skipped by name with the reason; a case
 * that disagrees fails. The line before the last says which share of the cases with float outputs
 * is claimed: less than CLAIMED per cent fails. */
#include "engine/exec.h"
#include "passes/infer.h"
#include "support/onnx_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMED 95

/* Cases whose outputs no kernel can give, by the beginning of their names. */
static const struct {
    const char *name, *why;
} unclaimed[] = {
    {"test_bernoulli", "random: another generator gives other numbers"},
    {"test_adam_multiple", "its numbers were made with another epsilon than its node has"},
    {"test_cast_FLOAT_to_BFLOAT16", "bfloat16 is stored as uint16"},
    {"test_castlike_FLOAT_to_BFLOAT16", "bfloat16 is stored as uint16"},
    {"test_dynamicquantizelinear_expanded", "a tie of single precision is none in double"},
    {"test_training_dropout", "random: another generator gives other numbers"},
};

struct run {
    struct onnx_cases cases; // first: check_case() gets it
    unsigned floats, floats_claimed;
};

/* False where there is none, or where it holds no numbers. */
static bool open_numbers(struct onnx_stored *ret, const char *folder, const char *kind, unsigned i)
{
    if (!onnx_stored_open(ret, folder, kind, i))
        return false;
    if (ret->array.dtype != FW_STRING)
        return true;
    onnx_stored_close(ret);
    return false;
}

static struct fw_data contents(const struct onnx_stored *s)
{
    return (struct fw_data){s->array.data, s->array.bytes};
}

static bool give(struct fw_exec *e, uint32_t id, const struct onnx_stored *s, struct fw_error *err)
{
    struct fw_buffer *v;
    struct fw_data data = contents(s);
    return fw_exec_give(e, id, s->array.rank, s->array.dims, &v, err) == FW_OK &&
           (v->n == 0 || fw_buffer_decode(v, &data));
}

static double part_of(const struct fw_buffer *v, size_t i)
{
    return v->real == sizeof(float) ? (double)((const float *)v->data)[i]
                                    : ((const double *)v->data)[i];
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-3 * fabs(b) + 1e-5;
}

static bool same_array(const struct fw_buffer *found, const struct fw_buffer *want,
                       struct fw_str *why)
{
    char class = fw_dtypes[want->dtype].class;
    bool same = found->rank == want->rank && found->dtype == want->dtype;
    for (unsigned k = 0; same && k < want->rank; k++)
        same = found->dims[k] == want->dims[k];
    if (!same) {
        fw_str_addf(why, "another shape or type: %s of %u dimensions", fw_dtypes[found->dtype].name,
                    found->rank);
        return false;
    }
    size_t n = class == 'c' ? 2 * want->n : want->n;
    for (size_t i = 0; i < n; i++) {
        bool real = class == 'f' || class == 'c';
        double a = real ? part_of(found, i) : (double)fw_buffer_int(found, i);
        double b = real ? part_of(want, i) : (double)fw_buffer_int(want, i);
        if (real ? same_number(a, b) : fw_buffer_int(found, i) == fw_buffer_int(want, i))
            continue;
        fw_str_addf(why, "element %zu: wanted %.9g, found %.9g", i, b, a);
        return false;
    }
    return true;
}

static bool compare(const char *folder, const struct fw_graph *g, struct fw_exec *e,
                    unsigned *compared, struct fw_str *why)
{
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        struct onnx_stored s;
        if (g->outputs[i] == FW_NONE || !open_numbers(&s, folder, "output", i))
            continue;
        const struct fw_buffer *found = fw_exec_value(e, g->outputs[i]);
        struct fw_buffer want = {
            .rank = (uint8_t)s.array.rank, .dtype = (uint8_t)s.array.dtype, .n = 1};
        struct fw_data data = contents(&s);
        want.real = found->real;
        for (unsigned k = 0; k < want.rank; k++)
            want.n *= (size_t)(want.dims[k] = s.array.dims[k]);
        want.data = calloc(want.n + 1, 16);
        bool same = (want.n == 0 || fw_buffer_decode(&want, &data)) && !found->open &&
                    same_array(found, &want, why);
        ++*compared;
        free(want.data);
        onnx_stored_close(&s);
        if (!same)
            return false;
    }
    return true;
}

/* Runs the model in one build. */
static enum verdict run_build(const char *folder, struct fw_model *m, enum fw_build build,
                              struct fw_str *why)
{
    struct fw_graph *g = &m->graph;
    struct fw_error err = {0};
    struct fw_exec *e = NULL;
    struct fw_exec_options o = {.build = build, .seed = 1};
    enum verdict verdict = PASSED;
    unsigned compared = 0;
    if (fw_exec_new(&e, g, &o, &err) != FW_OK)
        return FAILED;
    for (uint32_t i = 0; i < g->n_inputs && verdict == PASSED; i++) {
        struct onnx_stored s;
        if (!open_numbers(&s, folder, "input", i)) {
            fw_str_add(why, "an input that is no tensor of numbers");
            verdict = SKIPPED;
            continue;
        }
        if (!give(e, g->inputs[i], &s, &err)) {
            fw_str_add(why, err.message);
            verdict = FAILED;
        }
        onnx_stored_close(&s);
    }
    if (verdict == PASSED &&
        (fw_exec_fill(e, &err) != FW_OK || fw_exec_run(e, 0, g->n_nodes, &err) != FW_OK)) {
        fw_str_add(why, err.message);
        verdict = err.code == FW_UNSUPPORTED ? SKIPPED : FAILED;
    }
    if (verdict == PASSED && !compare(folder, g, e, &compared, why))
        verdict = FAILED;
    if (verdict == PASSED && compared == 0) {
        fw_str_add(why, "no stored tensor to compare with");
        verdict = SKIPPED;
    }
    fw_exec_free(e);
    return verdict;
}

/* The shapes of the inputs as stored; their contents stay unknown. */
static void give_shapes(const char *folder, struct fw_model *m)
{
    for (uint32_t i = 0; i < m->graph.n_inputs; i++) {
        struct onnx_stored s;
        struct fw_tensor *t = &m->graph.tensors[m->graph.inputs[i]];
        if ((t->flags & FW_TENSOR_OPEN) || !open_numbers(&s, folder, "input", i))
            continue;
        onnx_stored_shape(&s, m, t);
        onnx_stored_close(&s);
    }
}

/* Whether a case has float outputs, also when it is not executed. */
static bool float_outputs(const char *folder)
{
    for (unsigned i = 0; i < 8; i++) {
        struct onnx_stored s;
        if (!open_numbers(&s, folder, "output", i))
            continue;
        bool is_float = fw_dtype_is_float(s.array.dtype);
        onnx_stored_close(&s);
        if (is_float)
            return true;
    }
    return false;
}

static enum verdict check_model(const char *folder, struct fw_model *m, struct fw_str *why)
{
    struct fw_error err = {0};
    const char *name = strrchr(folder, '/') + 1;
    for (unsigned k = 0; k < sizeof unclaimed / sizeof *unclaimed; k++)
        if (strncmp(name, unclaimed[k].name, strlen(unclaimed[k].name)) == 0) {
            fw_str_add(why, unclaimed[k].why);
            return SKIPPED;
        }
    if (onnx_case_model(folder, m, &err) != FW_OK) {
        fw_str_add(why, err.message);
        return FAILED;
    }
    give_shapes(folder, m);
    if (fw_infer(&m->graph, &err) != FW_OK) {
        fw_str_add(why, err.message);
        return FAILED;
    }
    enum verdict verdict = run_build(folder, m, FW_COUNTED, why);
    return verdict == PASSED ? run_build(folder, m, FW_PLAIN, why) : verdict;
}

static enum verdict check_case(struct onnx_cases *self, const char *folder, struct fw_model *m,
                               struct fw_str *why)
{
    struct run *run = (struct run *)self;
    enum verdict verdict = check_model(folder, m, why);
    if (float_outputs(folder)) {
        run->floats++;
        run->floats_claimed += verdict != SKIPPED;
    }
    return verdict;
}

int main(int argc, char **argv)
{
    struct run run = {.cases = {.check = check_case}};
    onnx_cases_run(&run.cases, argc, argv);
    unsigned share = run.floats > 0 ? 100 * run.floats_claimed / run.floats : 100;
    printf("%u of %u cases with float outputs are claimed (%u %%)\n", run.floats_claimed,
           run.floats, share);
    if (share < CLAIMED)
        run.cases.count[FAILED]++;
    return onnx_cases_close(&run.cases);
}
