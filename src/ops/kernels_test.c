/* Which rows have no kernel, and why. A row that is not listed here must have one in both builds; a
 * row that has one must not be listed. Views need none. */
#include "ops/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST 36 // rows of a group

static const struct {
    const char *why;
    const char *rows[MOST]; // DOMAIN:NAME, up to the first NULL
} without[] = {
    {"text, images in a file format",
     {":ImageDecoder", ":StringNormalizer", ":StringConcat", ":StringSplit", ":RegexFullMatch"}},
    {"gradients of bodies: what a run keeps for another stays inside the body",
     {"flopwise:IfGrad", "flopwise:LoopGrad", "flopwise:ScanGrad"}},
    {"searches that run a decoder", {"com.microsoft:BeamSearch", "com.microsoft:GreedySearch"}},
    {"votes of pairs of classes, and their probabilities", {"ai.onnx.ml:SVMClassifier"}},
    {"maps", {"ai.onnx.ml:ZipMap"}},
};

static bool is_listed(const struct fw_op *op)
{
    char name[96];
    snprintf(name, sizeof name, "%s:%s", op->domain, op->name);
    for (size_t g = 0; g < sizeof without / sizeof *without; g++)
        for (size_t i = 0; i < MOST && without[g].rows[i] != NULL; i++)
            if (strcmp(without[g].rows[i], name) == 0)
                return true;
    return false;
}

void test_kernels__rows_without(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (uint32_t t = 0; t < fw_n_op_tables; t++)
        for (uint32_t i = 0; i < fw_op_tables[t]->n; i++) {
            const struct fw_op *op = &fw_op_tables[t]->rows[i];
            bool has = op->run[FW_PLAIN] != NULL && op->run[FW_COUNTED] != NULL;
            if ((op->flags & FW_OP_VIEW) || has != is_listed(op))
                continue;
            print_message("%s:%s %s\n", op->domain, op->name,
                          has ? "has a kernel and is listed" : "has none and is not listed");
            wrong++;
        }
    assert_int_equal(wrong, 0);
}
