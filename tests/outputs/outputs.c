/* Results against the ONNX backend tests: every model is executed over the reference kernels, in
 * both builds, on the stored inputs, and its outputs are compared with the stored ones.
 *
 * usage: outputs [-v] FOLDER...      each FOLDER holds test cases (model.onnx, test_data_set_0)
 * A case passes when every output agrees in double and in float: integers exactly, floats to 1e-3
 * of the value plus 1e-5. A case that is not claimed is skipped by name with the reason; a case
 * that disagrees fails. The line before the last says which share of the cases with float outputs
 * is claimed: less than CLAIMED per cent fails. */
#define _DEFAULT_SOURCE
#include "base/file.h"
#include "engine/exec.h"
#include "formats/formats.h"
#include "formats/pb.h"
#include "passes/infer.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMED 95

enum verdict { PASSED, FAILED, SKIPPED };

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

struct stored { // a TensorProto
    unsigned rank;
    int64_t dims[FW_MAX_RANK];
    enum fw_dtype dtype;
    struct fw_data data;  // little-endian elements, or
    struct fw_pb_field f; // numbers
    bool has_numbers;
};

struct run {
    bool verbose;
    unsigned count[3];
    unsigned floats, floats_claimed;
};

static bool read_dims(const struct fw_pb *pb, const struct fw_pb_field *f, struct stored *s)
{
    struct fw_pb_numbers in;
    uint64_t x;
    int more;
    if (fw_pb_numbers(pb, f, 0, &in, NULL) != FW_OK)
        return false;
    while ((more = fw_pb_number(&in, &x, NULL)) == 1)
        if (s->rank < FW_MAX_RANK)
            s->dims[s->rank++] = (int64_t)x;
    return more == 0;
}

/* Numbers that are not raw: fixed32 (floats), fixed64 (doubles) or varints, packed. */
static unsigned width_of(uint32_t number)
{
    return number == 4 ? 4 : number == 10 ? 8 : 0;
}

static bool read_stored(const struct fw_file *file, struct stored *s)
{
    struct fw_pb pb = fw_pb_range(file->data, file->size, file->data);
    struct fw_pb_field f;
    int more;
    memset(s, 0, sizeof *s);
    while ((more = fw_pb_next(&pb, &f, NULL)) == 1) {
        if (f.number == 3 || (f.number == 1 && !read_dims(&pb, &f, s)))
            return false; // a sequence or an optional
        if (f.number == 2)
            s->dtype = fw_dtype_of_number((int64_t)f.value);
        if (f.number == 9)
            s->data = (struct fw_data){f.data, f.len};
        if (f.number == 4 || f.number == 5 || f.number == 7 || f.number == 10 || f.number == 11) {
            s->f = f;
            s->has_numbers = true;
        }
    }
    return more == 0;
}

static bool open_stored(const char *folder, const char *kind, unsigned i, struct fw_file *file,
                        struct stored *s)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%u.pb", folder, kind, i);
    if (fw_file_open(file, path, 0, &fw_alloc_default, NULL) != FW_OK)
        return false;
    if (read_stored(file, s) && s->dtype != FW_UNKNOWN && s->dtype != FW_STRING)
        return true;
    fw_file_close(file);
    return false;
}

/* Element i of numbers that are not raw; floats as bits. */
static void decode_numbers(const struct fw_file *file, const struct stored *s, struct fw_buffer *v)
{
    struct fw_pb pb = fw_pb_range(file->data, file->size, file->data);
    struct fw_pb_numbers in;
    uint64_t x;
    unsigned width = width_of(s->f.number);
    if (fw_pb_numbers(&pb, &s->f, width, &in, NULL) != FW_OK)
        return;
    for (size_t i = 0; i < v->n && fw_pb_number(&in, &x, NULL) == 1; i++) {
        struct fw_data one = {(const unsigned char *)&x, 8};
        struct fw_buffer element = *v;
        element.n = 1;
        element.data = (char *)v->data + i * fw_element_bytes((enum fw_dtype)v->dtype, v->real);
        (void)fw_buffer_decode(&element, &one); // little-endian machines
    }
}

static bool give(struct fw_exec *e, uint32_t id, const struct fw_file *file, const struct stored *s,
                 struct fw_error *err)
{
    struct fw_buffer *v;
    if (fw_exec_give(e, id, s->rank, s->dims, &v, err) != FW_OK)
        return false;
    memset(v->data, 0, v->n * fw_element_bytes(s->dtype, v->real));
    if (s->has_numbers)
        decode_numbers(file, s, v);
    else if (v->n > 0)
        return fw_buffer_decode(v, &s->data);
    return true;
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
                    unsigned *compared, bool *floats, struct fw_str *why)
{
    for (uint32_t i = 0; i < g->n_outputs; i++) {
        struct fw_file file;
        static struct stored s;
        if (g->outputs[i] == FW_NONE || !open_stored(folder, "output", i, &file, &s))
            continue;
        const struct fw_buffer *found = fw_exec_value(e, g->outputs[i]);
        struct fw_buffer want = {.rank = (uint8_t)s.rank, .dtype = (uint8_t)s.dtype, .n = 1};
        want.real = found->real;
        for (unsigned k = 0; k < s.rank; k++)
            want.n *= (size_t)(want.dims[k] = s.dims[k]);
        want.data = calloc(want.n + 1, 16);
        if (s.has_numbers)
            decode_numbers(&file, &s, &want);
        else
            (void)fw_buffer_decode(&want, &s.data);
        *floats |= fw_dtype_is_float(s.dtype);
        ++*compared;
        bool same = !found->open && same_array(found, &want, why);
        free(want.data);
        fw_file_close(&file);
        if (!same)
            return false;
    }
    return true;
}

/* Runs the model in one build. */
static enum verdict run_build(const char *folder, struct fw_model *m, enum fw_build build,
                              bool *floats, struct fw_str *why)
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
        struct fw_file file;
        static struct stored s;
        if (!open_stored(folder, "input", i, &file, &s)) {
            fw_str_add(why, "an input that is no tensor of numbers");
            verdict = SKIPPED;
            continue;
        }
        if (!give(e, g->inputs[i], &file, &s, &err))
            verdict = SKIPPED;
        fw_file_close(&file);
    }
    if (verdict == PASSED &&
        (fw_exec_fill(e, &err) != FW_OK || fw_exec_run(e, 0, g->n_nodes, &err) != FW_OK)) {
        fw_str_add(why, err.message);
        verdict = err.code == FW_UNSUPPORTED ? SKIPPED : FAILED;
    }
    if (verdict == PASSED && !compare(folder, g, e, &compared, floats, why))
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
        struct fw_file file;
        static struct stored s;
        struct fw_tensor *t = &m->graph.tensors[m->graph.inputs[i]];
        fw_dim dims[FW_MAX_RANK];
        if ((t->flags & FW_TENSOR_OPEN) || !open_stored(folder, "input", i, &file, &s))
            continue;
        for (unsigned k = 0; k < s.rank; k++)
            dims[k] = fw_dim_int(s.dims[k]);
        t->rank = (uint8_t)s.rank;
        t->dims = fw_arena_copy(&m->arena, dims, s.rank * sizeof *dims);
        fw_file_close(&file);
    }
}

/* Whether a case has float outputs, also when it is not executed. */
static bool float_outputs(const char *folder)
{
    for (unsigned i = 0; i < 8; i++) {
        struct fw_file file;
        static struct stored s;
        if (!open_stored(folder, "output", i, &file, &s))
            continue;
        bool is_float = fw_dtype_is_float(s.dtype);
        fw_file_close(&file);
        if (is_float)
            return true;
    }
    return false;
}

static enum verdict check_model(const char *folder, struct fw_model *m, struct fw_str *why)
{
    char path[1200];
    struct fw_error err = {0};
    bool floats = false;
    const char *name = strrchr(folder, '/') + 1;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    for (unsigned k = 0; k < sizeof unclaimed / sizeof *unclaimed; k++)
        if (strncmp(name, unclaimed[k].name, strlen(unclaimed[k].name)) == 0) {
            fw_str_add(why, unclaimed[k].why);
            return SKIPPED;
        }
    if (fw_format_read(m, path, &err) != FW_OK) {
        fw_str_add(why, err.message);
        return FAILED;
    }
    give_shapes(folder, m);
    if (fw_infer(&m->graph, &err) != FW_OK) {
        fw_str_add(why, err.message);
        return FAILED;
    }
    enum verdict verdict = run_build(folder, m, FW_COUNTED, &floats, why);
    return verdict == PASSED ? run_build(folder, m, FW_PLAIN, &floats, why) : verdict;
}

static void check_case(struct run *run, const char *folder)
{
    static const char *const words[] = {"ok", "FAIL", "SKIP"};
    struct fw_model m;
    struct fw_str why;
    fw_str_init(&why, &fw_alloc_default);
    if (fw_model_init(&m, &fw_alloc_default, NULL) != FW_OK)
        exit(8);
    enum verdict verdict = check_model(folder, &m, &why);
    run->count[verdict]++;
    if (float_outputs(folder)) {
        run->floats++;
        run->floats_claimed += verdict != SKIPPED;
    }
    if (verdict != PASSED || run->verbose)
        printf("%s %s %s\n", words[verdict], strrchr(folder, '/') + 1, fw_str_text(&why));
    fw_str_free(&why);
    fw_model_clear(&m);
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void check_folder(struct run *run, const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_case, alphasort);
    for (int i = 0; i < n; i++) {
        char path[1024];
        char model[1100];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        snprintf(model, sizeof model, "%s/model.onnx", path);
        FILE *f = fopen(model, "rb");
        if (f != NULL) {
            fclose(f);
            check_case(run, path);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free((void *)entries);
}

int main(int argc, char **argv)
{
    struct run run = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            run.verbose = true;
        else
            check_folder(&run, argv[i]);
    }
    unsigned share = run.floats > 0 ? 100 * run.floats_claimed / run.floats : 100;
    printf("%u of %u cases with float outputs are claimed (%u %%)\n", run.floats_claimed,
           run.floats, share);
    if (share < CLAIMED)
        run.count[FAILED]++;
    printf("%u passed, %u failed, %u skipped\n", run.count[PASSED], run.count[FAILED],
           run.count[SKIPPED]);
    return run.count[FAILED] > 0;
}
