/* Shapes against the ONNX backend tests: every model is read and inferred, and the inferred output
 * shapes are compared with the shapes of the outputs stored beside it. Small inputs are given to
 * inference as known contents, as a caller with constant shapes would have them.
 *
 * usage: conformance [-v] FOLDER...      each FOLDER holds test cases (model.onnx, test_data_set_0)
 * A case passes when every output agrees, fails when one disagrees or the file is refused, and is
 * skipped by name where a size depends on data. */
#define _DEFAULT_SOURCE
#include "base/file.h"
#include "formats/formats.h"
#include "formats/pb.h"
#include "ops/op.h"
#include "passes/infer.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict { PASSED, FAILED, SKIPPED };

/* Operators that are named as missing on purpose. */
static const struct {
    const char *name, *why;
} left_out[] = {
    {"Scan (old form)", "opset 8 only: a Scan over a batch, replaced in opset 9"},
    {"Gradient", "a preview operator that asks for the gradient of the graph around it"},
};

struct stored { // a TensorProto of a test case
    unsigned rank;
    int64_t dims[FW_MAX_RANK];
    int64_t dtype; // TensorProto.DataType
    const unsigned char *raw;
    size_t n_raw;
    int64_t ints[FW_MAX_VALUE];
    uint32_t n_ints;
};

struct run {
    bool verbose;
    unsigned count[3];
};

static bool read_numbers(const struct fw_pb *pb, const struct fw_pb_field *f, int64_t *v,
                         uint32_t max, uint32_t *n)
{
    struct fw_pb_numbers in;
    uint64_t x;
    int more;
    if (fw_pb_numbers(pb, f, 0, &in, NULL) != FW_OK)
        return false;
    while ((more = fw_pb_number(&in, &x, NULL)) == 1) {
        if (*n < max)
            v[*n] = (int64_t)x;
        ++*n;
    }
    return more == 0;
}

static bool read_stored(const struct fw_file *file, struct stored *s)
{
    struct fw_pb pb = fw_pb_range(file->data, file->size, file->data);
    struct fw_pb_field f;
    int more;
    uint32_t rank = 0;
    memset(s, 0, sizeof *s);
    while ((more = fw_pb_next(&pb, &f, NULL)) == 1) {
        bool fine = true;
        if (f.number == 1)
            fine = read_numbers(&pb, &f, s->dims, FW_MAX_RANK, &rank);
        else if (f.number == 2)
            s->dtype = (int64_t)f.value;
        else if (f.number == 5 || f.number == 7)
            fine = read_numbers(&pb, &f, s->ints, FW_MAX_VALUE, &s->n_ints);
        else if (f.number == 9) {
            s->raw = f.data;
            s->n_raw = f.len;
        }
        if (!fine || rank > FW_MAX_RANK)
            return false;
    }
    s->rank = rank;
    return more == 0;
}

static bool open_stored(const char *folder, const char *kind, unsigned i, struct fw_file *file,
                        struct stored *s)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%u.pb", folder, kind, i);
    if (fw_file_open(file, path, 0, &fw_alloc_default, NULL) != FW_OK)
        return false;
    if (read_stored(file, s))
        return true;
    fw_file_close(file);
    return false;
}

/* Gives input tensor id the contents of the stored one, when there are few. */
static void give_contents(struct fw_model *m, uint32_t id, const struct stored *s)
{
    struct fw_tensor *t = &m->graph.tensors[id];
    fw_dim dims[FW_MAX_RANK];
    for (unsigned k = 0; k < s->rank; k++)
        dims[k] = fw_dim_int(s->dims[k]);
    t->rank = (uint8_t)s->rank;
    t->dims = fw_arena_copy(&m->arena, dims, s->rank * sizeof *dims);
    fw_count n = fw_tensor_elements(&m->graph, t);
    if (!fw_count_is_const(n) || n.word > FW_MAX_VALUE)
        return;
    struct fw_data *data = fw_arena_zalloc(&m->arena, sizeof *data);
    unsigned bytes = fw_dtypes[t->dtype].bits / 8;
    if (s->raw != NULL) {
        data->bytes = fw_arena_copy(&m->arena, s->raw, s->n_raw);
        data->n_bytes = s->n_raw;
    } else if (s->n_ints == (uint32_t)n.word && bytes > 0) {
        unsigned char *le = fw_arena_zalloc(&m->arena, (size_t)s->n_ints * bytes + 1);
        for (uint32_t k = 0; k < s->n_ints; k++)
            memcpy(le + (size_t)k * bytes, &s->ints[k], bytes);
        data->bytes = le;
        data->n_bytes = (size_t)s->n_ints * bytes;
    } else {
        return;
    }
    t->data = data;
}

static enum verdict compare(const struct fw_graph *g, const struct fw_tensor *t,
                            const struct stored *s, struct fw_str *why)
{
    if (t->rank == FW_RANK_UNKNOWN) {
        fw_str_add(why, t->flags & FW_TENSOR_OPEN ? "an output that is no tensor"
                                                  : "the shape is not known");
        return t->flags & FW_TENSOR_OPEN ? SKIPPED : FAILED;
    }
    bool open = false;
    bool same = t->rank == s->rank;
    for (unsigned k = 0; same && k < t->rank; k++) {
        open |= !fw_dim_is_const(t->dims[k]);
        same = !fw_dim_is_const(t->dims[k]) || t->dims[k].word == s->dims[k];
    }
    if (same && !open)
        return PASSED;
    fw_str_addf(why, "%s: inferred ", same ? "a size depends on data" : "wrong shape");
    fw_shape_print(g, t, why);
    fw_str_add(why, ", stored");
    for (unsigned k = 0; k < s->rank; k++)
        fw_str_addf(why, "%c%" PRId64, k == 0 ? ' ' : 'x', s->dims[k]);
    return same ? SKIPPED : FAILED;
}

static enum verdict check_outputs(const char *folder, const struct fw_model *m, struct fw_str *why)
{
    const struct fw_graph *g = &m->graph;
    enum verdict verdict = PASSED;
    unsigned compared = 0;
    for (uint32_t i = 0; i < g->n_outputs && verdict == PASSED; i++) {
        struct fw_file file;
        static struct stored s;
        const struct fw_tensor *t = fw_tensor_at(g, g->outputs[i]);
        if (t == NULL || !open_stored(folder, "output", i, &file, &s))
            continue;
        if (!(t->flags & FW_TENSOR_OPEN)) {
            verdict = compare(g, t, &s, why);
            compared++;
        }
        fw_file_close(&file);
    }
    if (verdict == PASSED && compared == 0) {
        fw_str_add(why, "no stored tensor to compare with");
        return SKIPPED;
    }
    return verdict;
}

static enum verdict check_model(const char *folder, struct fw_model *m, struct fw_str *why)
{
    char path[1200];
    struct fw_error err = {0};
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    enum fw_status status = fw_format_read(m, path, &err);
    for (uint32_t i = 0; status == FW_OK && i < m->graph.n_inputs; i++) {
        struct fw_file file;
        static struct stored s;
        uint32_t id = m->graph.inputs[i];
        if (m->graph.tensors[id].flags & FW_TENSOR_OPEN ||
            !open_stored(folder, "input", i, &file, &s))
            continue;
        give_contents(m, id, &s);
        fw_file_close(&file);
    }
    if (status == FW_OK)
        status = fw_infer(&m->graph, &err);
    if (status != FW_OK) {
        fw_str_add(why, err.message);
        return FAILED;
    }
    for (uint32_t id = 0; id < m->graph.n_nodes; id++)
        if (m->graph.nodes[id].flags & FW_NODE_GAP) {
            const struct fw_op *op = m->graph.nodes[id].op;
            fw_str_addf(why, "no rule for %s%s%s", op->domain, op->domain[0] ? "." : "", op->name);
            for (unsigned k = 0; k < sizeof left_out / sizeof *left_out; k++)
                if (strcmp(op->name, left_out[k].name) == 0) {
                    fw_str_addf(why, ": %s", left_out[k].why);
                    return SKIPPED;
                }
            return FAILED;
        }
    return check_outputs(folder, m, why);
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
    const char *name = strrchr(folder, '/');
    if (verdict != PASSED || run->verbose)
        printf("%s %s %s\n", words[verdict], name != NULL ? name + 1 : folder, fw_str_text(&why));
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
    printf("%u passed, %u failed, %u skipped\n", run.count[PASSED], run.count[FAILED],
           run.count[SKIPPED]);
    return run.count[FAILED] > 0;
}
