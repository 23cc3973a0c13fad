/* Shapes against the ONNX backend tests: every model is read and inferred, and the inferred output
 * shapes are compared with the shapes of the outputs stored beside it. Small inputs are given to
 * inference as known contents, as a caller with constant shapes would have them.
 *
 * usage: conformance [-v] FOLDER...      each FOLDER holds test cases (model.onnx, test_data_set_0)
 * A case passes when every output agrees, fails when one disagrees or the file is refused, and is
 * skipped by name where a size depends on data. */
#include "ops/op.h"
#include "passes/infer.h"
#include "support/onnx_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Operators that are named as missing on purpose. */
static const struct {
    const char *name, *why;
} left_out[] = {
    {"Scan (old form)", "opset 8 only: a Scan over a batch, replaced in opset 9"},
    {"Gradient", "a preview operator that asks for the gradient of the graph around it"},
};

/* Gives an input the contents of the stored one, when there are few. */
static void give_contents(struct fw_model *m, struct fw_tensor *t, const struct onnx_stored *s)
{
    onnx_stored_shape(s, m, t);
    fw_count n = fw_tensor_elements(&m->graph, t);
    if (!fw_count_is_const(n) || n.word > FW_MAX_VALUE)
        return;
    struct fw_data *data = fw_arena_zalloc(&m->arena, sizeof *data);
    data->bytes = fw_arena_copy(&m->arena, s->array.data, s->array.bytes);
    data->n_bytes = s->array.bytes;
    t->data = data;
}

static enum verdict compare(const struct fw_graph *g, const struct fw_tensor *t,
                            const struct fw_array *s, struct fw_str *why)
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
        struct onnx_stored s;
        const struct fw_tensor *t = fw_tensor_at(g, g->outputs[i]);
        if (t == NULL || !onnx_stored_open(&s, folder, "output", i))
            continue;
        if (!(t->flags & FW_TENSOR_OPEN)) {
            verdict = compare(g, t, &s.array, why);
            compared++;
        }
        onnx_stored_close(&s);
    }
    if (verdict == PASSED && compared == 0) {
        fw_str_add(why, "no stored tensor to compare with");
        return SKIPPED;
    }
    return verdict;
}

static enum verdict check_case(struct onnx_cases *self, const char *folder, struct fw_model *m,
                               struct fw_str *why)
{
    struct fw_error err = {0};
    (void)self;
    enum fw_status status = onnx_case_model(folder, m, &err);
    for (uint32_t i = 0; status == FW_OK && i < m->graph.n_inputs; i++) {
        struct onnx_stored s;
        struct fw_tensor *t = &m->graph.tensors[m->graph.inputs[i]];
        if (t->flags & FW_TENSOR_OPEN || !onnx_stored_open(&s, folder, "input", i))
            continue;
        give_contents(m, t, &s);
        onnx_stored_close(&s);
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

int main(int argc, char **argv)
{
    struct onnx_cases cases = {.check = check_case};
    onnx_cases_run(&cases, argc, argv);
    return onnx_cases_close(&cases);
}
