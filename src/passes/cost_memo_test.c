/* What is recalled is what is computed, for every node of a training graph. */
#include "formats/formats.h"
#include "passes/classify.h"
#include "passes/cost.h"
#include "passes/infer.h"
#include "passes/train.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_file(const char *path)
{
    struct fw_file file;
    struct fw_model m;
    struct fw_train_options how = {.loss = FW_LOSS_AUTO, .optimizer = fw_optimizer_find("adam")};
    const struct fw_precision *precision = fw_precision_find("amp-bf16");
    assert_int_equal(fw_file_open(&file, path, 0, &fw_alloc_default, NULL), FW_OK);
    assert_int_equal(fw_model_init(&m, &fw_alloc_default, NULL), FW_OK);
    assert_int_equal(fw_format_read_bytes(&m, file.data, file.size, path, NULL), FW_OK);
    assert_int_equal(fw_infer(&m.graph, NULL), FW_OK);
    assert_int_equal(fw_classify(&m.graph, NULL), FW_OK);
    assert_int_equal(fw_train(&m.graph, &how, NULL), FW_OK);
    struct fw_cost_memo memo;
    fw_cost_memo_init(&memo, &m.graph, precision, &m.arena);
    unsigned recalled = 0;
    for (uint32_t id = 0; id < m.graph.n_nodes; id++) {
        struct fw_cost want;
        bool complete;
        bool want_complete = fw_node_cost(&m.graph, id, precision, &want);
        const struct fw_cost *got = fw_cost_recall(&memo, id, &complete);
        recalled += got != &memo.one;
        assert_int_equal(complete, want_complete);
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            assert_true(fw_count_eq(got->n[k], want.n[k]));
    }
    assert_true(recalled > 0);
    fw_model_clear(&m);
    fw_file_close(&file);
}

void test_cost_memo__same_as_computed(void **state)
{
    (void)state;
    check_file(FW_TOP "/tests/models/resnet50.onnx");
    check_file(FW_TOP "/tests/models/swin_t.onnx");
    check_file(FW_TOP "/tests/models/fasterrcnn_mobilenet_v3_large_320_fpn.onnx");
}
