/* Writes an operator case as a model in ONNX's text format, for tests/fuzz/seeds_execute.py: one
 * node that fits, with sizes for its letters, which a fuzzer then changes. */
#include "support/op_bench.h"

#include "base/str.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *type_word(enum fw_dtype dtype)
{
    static const char *const words[FW_N_DTYPES] = {
        [FW_F32] = "float", [FW_F64] = "double", [FW_F8E4M3] = "float8e4m3fn"};
    return words[dtype] != NULL ? words[dtype] : fw_dtypes[dtype].name;
}

/* Whether all sizes are numbers. */
static bool write_type(struct fw_str *out, const struct fw_tensor *t)
{
    if (t->rank == FW_RANK_UNKNOWN || fw_dtypes[t->dtype].class == 'q')
        return false;
    fw_str_add(out, type_word((enum fw_dtype)t->dtype));
    for (unsigned k = 0; k < t->rank; k++) {
        if (!fw_dim_is_const(t->dims[k]))
            return false;
        fw_str_addf(out, "%s%" PRId64, k == 0 ? "[" : ",", t->dims[k].word);
    }
    fw_str_add(out, t->rank > 0 ? "]" : "");
    return true;
}

static bool has_contents(const struct bench *b, const struct fw_tensor *t)
{
    fw_count n = fw_tensor_elements(&b->g, t);
    bool all = t->value != NULL && fw_count_is_const(n);
    for (int64_t i = 0; all && i < (int64_t)n.word; i++)
        all = fw_dim_is_const(t->value[i]);
    return all;
}

static void write_contents(struct fw_str *out, const struct bench *b, const struct fw_tensor *t)
{
    int64_t n = (int64_t)fw_tensor_elements(&b->g, t).word;
    for (int64_t i = 0; i < n; i++)
        fw_str_addf(out, "%s%" PRId64, i == 0 ? "{" : ",", t->value[i].word);
    fw_str_add(out, n > 0 ? "}" : "{}");
}

/* The tensors of one kind, with their names t0, t1 ...: inputs, or what is stored. */
static bool write_tensors(struct fw_str *out, const struct bench *b, bool stored)
{
    const struct fw_node *n = &b->g.nodes[b->node];
    unsigned found = 0;
    for (unsigned i = 0; i < n->n_in; i++) {
        if (n->in[i] == FW_NONE)
            continue;
        const struct fw_tensor *t = &b->g.tensors[n->in[i]];
        bool contents = has_contents(b, t);
        bool weights = t->kind == FW_KIND_PARAM || t->kind == FW_KIND_BUFFER;
        if ((contents || weights) != stored)
            continue;
        fw_str_add(out, found++ > 0 ? ", " : stored ? " <" : "");
        if (!write_type(out, t))
            return false;
        fw_str_addf(out, " t%u", i);
        if (stored)
            fw_str_add(out, " = ");
        if (contents)
            write_contents(out, b, t);
        else if (stored)
            fw_str_add(out, "[\"location\": \"w\"]");
    }
    fw_str_add(out, stored && found > 0 ? ">" : "");
    return true;
}

static bool write_attribute(struct fw_str *out, const struct bench *b, unsigned k,
                            const struct fw_attr *a)
{
    static const char *const words[] = {"int",    "float",   "string", "ints",
                                        "floats", "strings", "tensor", "graph"};
    enum fw_attr_type type = b->op->attrs[k].type;
    fw_str_addf(out, "%s: %s = ", b->op->attrs[k].name, words[type]);
    if (type == FW_ATTR_INT) {
        fw_str_add_i64(out, a->i, 0);
    } else if (type == FW_ATTR_FLOAT) {
        fw_str_add_fixed(out, a->f, 6);
    } else if (type == FW_ATTR_STRING) {
        fw_str_addf(out, "\"%s\"", a->s);
    } else if (type == FW_ATTR_TENSOR) {
        if (!write_type(out, a->tensor) || !has_contents(b, a->tensor))
            return false;
        fw_str_add(out, " ");
        write_contents(out, b, a->tensor);
    } else {
        fw_str_add(out, "[");
        for (uint32_t i = 0; i < a->n; i++) {
            fw_str_add(out, i > 0 ? "," : "");
            if (type == FW_ATTR_INTS)
                fw_str_add_i64(out, a->ints[i], 0);
            else if (type == FW_ATTR_FLOATS)
                fw_str_add_fixed(out, a->floats[i], 6);
            else
                fw_str_addf(out, "\"%s\"", a->strings[i]);
        }
        fw_str_add(out, "]");
    }
    return true;
}

static bool write_node(struct fw_str *out, const struct bench *b)
{
    const struct fw_node *n = &b->g.nodes[b->node];
    fw_str_add(out, "{ ");
    for (unsigned i = 0; i < n->n_out; i++)
        fw_str_addf(out, n->out[i] == FW_NONE ? "%s\"\"" : "%sy%u", i > 0 ? ", " : "", i);
    fw_str_addf(out, " = %s%s%s", b->op->domain, b->op->domain[0] != '\0' ? "." : "", b->op->name);
    unsigned found = 0;
    for (unsigned k = 0; k < b->op->n_attrs; k++) {
        if (!n->attr[k].given)
            continue;
        fw_str_add(out, found++ == 0 ? "<" : ", ");
        if (!write_attribute(out, b, k, &n->attr[k]))
            return false;
    }
    fw_str_add(out, found > 0 ? ">(" : "(");
    for (unsigned i = 0; i < n->n_in; i++)
        fw_str_addf(out, n->in[i] == FW_NONE ? "%s\"\"" : "%st%u", i > 0 ? ", " : "", i);
    fw_str_add(out, ") }\n");
    return true;
}

static bool write_model(struct fw_str *out, const struct bench *b)
{
    const struct fw_node *n = &b->g.nodes[b->node];
    fw_str_add(out, "<ir_version: 10, opset_import: [\"\": 23, \"com.microsoft\": 1, "
                    "\"ai.onnx.ml\": 5]>\ng (");
    if (!write_tensors(out, b, false))
        return false;
    fw_str_add(out, ") => (");
    for (unsigned i = 0, found = 0; i < n->n_out; i++)
        if (n->out[i] != FW_NONE)
            fw_str_addf(out, "%sy%u", found++ > 0 ? ", " : "", i);
    fw_str_add(out, ")");
    if (!write_tensors(out, b, true))
        return false;
    fw_str_add(out, "\n");
    return write_node(out, b);
}

static void write_case(const struct op_case *want, const char *folder)
{
    struct bench b;
    struct fw_str text;
    op_bench_open(&b, want, 1);
    fw_str_init(&text, &fw_alloc_default);
    if (!want->train && strcmp(b.op->domain, "flopwise") != 0 && write_model(&text, &b)) {
        char path[4096];
        uint64_t mark = 0; // of the text: the same case has the same name
        for (size_t i = 0; i < text.len; i++)
            mark = mark * 31 + (unsigned char)fw_str_text(&text)[i];
        (void)snprintf(path, sizeof path, "%s/%s_%08" PRIx64, folder, b.op->name,
                       mark & 0xffffffff);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(fw_str_text(&text), 1, text.len, file), text.len);
        assert_int_equal(fwrite("\0\0\0\1", 1, 4, file), 4); // how to ask, see fuzz/laws.h
        assert_int_equal(fclose(file), 0);
    }
    fw_str_free(&text);
    op_bench_close(&b);
}

bool op_cases_write(const struct op_case *cases, size_t n)
{
    const char *folder = getenv("FLOPWISE_OP_SEEDS");
    for (size_t i = 0; folder != NULL && i < n; i++)
        write_case(&cases[i], folder);
    return folder != NULL;
}
