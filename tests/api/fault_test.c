/* Out of memory at every single request on the way from a file to the written answer: FW_MEMORY,
 * no crash, nothing left behind. */
#include "api/net.h"
#include "base/alloc_test.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int count_bytes(void *ctx, const char *text, size_t len)
{
    *(size_t *)ctx += len;
    return text == NULL;
}

static enum fw_status ask(struct fw_net *net, bool letters, size_t *written, struct fw_error *err)
{
    struct fw_options options = fw_options_default();
    options.input_grad = 1;
    options.recompute = "full";
    options.optimizer = "adam";
    if (letters)
        FW_TRY(fw_net_set(net, "batch", "b", err));
    struct fw_report *report;
    FW_TRY(fw_memory_report(&report, net, &options, err));
    enum fw_status status = fw_report_write(report, "json", NULL, count_bytes, written, err);
    fw_report_free(report);
    if (status != FW_OK)
        return status;
    options.recompute = NULL;
    FW_TRY(fw_count_report(&report, net, &options, err));
    static const char *const formats[] = {"tree", "csv", "md", "html"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats && status == FW_OK; i++)
        status = fw_report_write(report, formats[i], NULL, count_bytes, written, err);
    fw_report_free(report);
    return status;
}

/* Everything once, with request fail_at failing; returns the number of requests made. */
static long run(const char *path, bool letters, long fail_at, size_t *written, enum fw_status *ret)
{
    struct fw_test_alloc t;
    fw_test_alloc_init(&t, fail_at);
    struct fw_error err = {0};
    struct fw_net *net;
    *written = 0;
    *ret = fw_net_open_with(&net, path, &t.alloc, &err);
    if (*ret == FW_OK) {
        *ret = ask(net, letters, written, &err);
        fw_net_free(net);
    }
    if (*ret != FW_OK && *ret != FW_MEMORY)
        fail_msg("%s, request %ld fails: %s", path, fail_at, err.message);
    if (*ret == FW_MEMORY)
        assert_non_null(strstr(err.message, "memory"));
    if (t.n_live != 0 || t.live_bytes != 0)
        fail_msg("%s, request %ld fails: %ld blocks left", path, fail_at, t.n_live);
    return t.n_calls;
}

/* step 1: every request fails once. */
static void check_file(const char *name, bool letters, long step)
{
    char path[512];
    bool built = strncmp(name, "zoo:", 4) == 0;
    (void)snprintf(path, sizeof path, "%s%s%s", built ? "" : FW_TOP, built ? "" : "/", name);
    size_t whole;
    enum fw_status status;
    long n = run(path, letters, -1, &whole, &status);
    assert_int_equal(status, FW_OK);
    assert_true(whole > 1000);
    for (long i = 0; i < n; i += step) {
        size_t written;
        long made = run(path, letters, i, &written, &status);
        if (status != FW_MEMORY)
            fail_msg("%s: request %ld of %ld failed and nobody noticed", name, i, n);
        assert_true(made > i);
        assert_true(written < whole);
    }
}

void test_fault__small_network(void **state)
{
    (void)state;
    check_file("tests/fuzz/corpus/onnx/mlp.onnx", true, 1);
    check_file("tests/models/op_conv2d.onnx", false, 1);
}

void test_fault__letters(void **state)
{
    (void)state;
    check_file("tests/models/lstm_dyn.onnx", true, 1);
    check_file("tests/models/unet_dyn.onnx", true, 17);
}

void test_fault__text_bodies_and_functions(void **state)
{
    (void)state;
    check_file("tests/fuzz/corpus/onnx_text/bodies.onnxtxt", false, 1);
    check_file("tests/fuzz/corpus/onnx_text/function.onnxtxt", false, 1);
}

void test_fault__built_in_network(void **state)
{
    (void)state;
    check_file("zoo:mlp,depth=3,width=K,act=relu6", true, 1);
    check_file("zoo:deeperconvnet,n=2", true, 1);
    check_file("zoo:mlp,depth=L,width=K,bias=1,act=relu", true, 1);
    check_file("zoo:deeperconvnet,n=N,size=64", true, 3);
    check_file("zoo:lstm,both=1,layers=2", true, 7);
    check_file("zoo:inception_v3,aux=1", true, 1009);
}

void test_fault__weights(void **state)
{
    (void)state;
    check_file("tests/models/weights/packed.safetensors", false, 1);
    check_file("tests/models/weights/shards", false, 1);
    check_file("tests/models/weights/types.gguf", false, 1);
    check_file("tests/models/weights/llama.gguf", true, 7);
}
