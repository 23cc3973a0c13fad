/* Every family against transformers' own modules: tests/hf/expected.tsv, made by tools/hf. */
#include "base/file.h"
#include "study/analysis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct fw_binding small[] = {{"batch", "2"}, {"seq", "8"}};
static const struct fw_binding samples[] = {{"batch", "2"}, {"seq", "2000"}};

/* Reads and trains text, which ends in a line break; fails where anything is missing. */
static fw_count params_of(const char *text, size_t n)
{
    struct fw_analysis a;
    struct fw_error err;
    struct fw_analysis_options options = {.symbols = small,
                                          .n_symbols = 2,
                                          .loss = FW_LOSS_AUTO,
                                          .optimizer = fw_optimizer_find("sgd"),
                                          .precision = fw_precision_find("fp32")};
    enum fw_status status =
        fw_analyse(&a, text, n, "config.json", &fw_alloc_default, &options, &err);
    if (status == FW_SHAPE) // sound takes longer
        options.symbols = samples;
    if (status == FW_USAGE) // pictures have no length
        options.n_symbols = 1;
    if (status != FW_OK)
        status = fw_analyse(&a, text, n, "config.json", &fw_alloc_default, &options, &err);
    if (status != FW_OK)
        fail_msg("%s: %.*s", err.message, (int)n, text);
    if (a.totals.n_missing > 0)
        fail_msg("%s is missing: %.*s", a.totals.missing[0].op, (int)n, text);
    fw_count params = a.totals.params;
    fw_analysis_clear(&a);
    return params;
}

static void each_line(const char *path, void (*check)(const char *line, size_t n))
{
    struct fw_file file;
    struct fw_error err;
    assert_int_equal(fw_file_open(&file, path, 0, &fw_alloc_default, &err), FW_OK);
    const char *p = (const char *)file.data;
    const char *end = p + file.size;
    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        assert_non_null(stop);
        check(p, (size_t)(stop - p));
        p = stop + 1;
    }
    fw_file_close(&file);
}

static void check_params(const char *line, size_t n)
{
    char *json;
    int64_t want = strtoll(line, &json, 10);
    fw_count found = params_of(json, n - (size_t)(json - line));
    if (!fw_count_is(found, want))
        fail_msg("%lld parameters are wanted, found %lld: %.*s", (long long)want,
                 (long long)found.word, (int)n, line);
}

void test_hf__parameters_as_transformers_has_them(void **state)
{
    (void)state;
    each_line(FW_TOP "/tests/hf/expected.tsv", check_params);
}

static void wrong(const char *json, enum fw_status want, const char *message)
{
    struct fw_analysis a;
    struct fw_error err;
    const struct fw_analysis_options options = {.optimizer = fw_optimizer_find("sgd"),
                                                .precision = fw_precision_find("fp32")};
    enum fw_status status =
        fw_analyse(&a, json, strlen(json), "t", &fw_alloc_default, &options, &err);
    assert_int_equal(status, want);
    if (strstr(err.message, message) == NULL)
        fail_msg("'%s' is wanted in: %s", message, err.message);
}

void test_hf__errors_name_the_key(void **state)
{
    (void)state;
    wrong("{\"model_type\": \"qwen4\"}", FW_UNSUPPORTED, "the nearest: ");
    wrong("{\"architectures\": [\"X\"]}", FW_FORMAT, "'model_type' is missing");
    wrong("{\"model_type\": \"llama\", \"hidden_size\": \"x\"}", FW_FORMAT, "'hidden_size'");
    wrong("{\"model_type\": \"llama\", \"hidden_size\": -4}", FW_FORMAT, "'hidden_size'");
    wrong("{\"model_type\": \"llama\", \"num_key_value_heads\": 5}", FW_FORMAT,
          "'num_attention_heads': a multiple of 'num_key_value_heads'");
    wrong("{\"model_type\": \"llama\", \"hidden_act\": \"loud\"}", FW_FORMAT, "'hidden_act'");
    wrong("{\"model_type\": \"gpt2\", \"n_embd\": 64, \"hidden_size\": 32}", FW_FORMAT,
          "another under 'n_embd'");
    wrong("{\"model_type\": \"gemma2\", \"layer_types\": [\"full_attention\"]}", FW_FORMAT,
          "'layer_types'");
    wrong("{\"model_type\": \"llama\", \"architectures\": [\"LlamaForSpeech\"]}", FW_UNSUPPORTED,
          "'architectures'");
}

/* ---- memory: the closed forms of Korthikanti et al. 2022 (arXiv 2205.05198) ---- */

enum { WIDTH = 64, HEADS = 4, LENGTH = 32 };

static int64_t activations(int layers, const char *recompute)
{
    static const struct fw_binding sizes[] = {{"batch", "1"}, {"seq", "32"}};
    char text[256];
    struct fw_analysis a;
    struct fw_error err;
    int n = snprintf(text, sizeof text,
                     "{\"model_type\": \"gpt2\", \"n_embd\": %d, \"n_head\": %d, \"n_layer\": %d, "
                     "\"vocab_size\": 99}",
                     WIDTH, HEADS, layers);
    const struct fw_analysis_options options = {.symbols = sizes,
                                                .n_symbols = 2,
                                                .optimizer = fw_optimizer_find("sgd"),
                                                .precision = fw_precision_find("bf16"),
                                                .recompute = recompute,
                                                .memory = true};
    if (fw_analyse(&a, text, (size_t)n, "t", &fw_alloc_default, &options, &err) != FW_OK)
        fail_msg("%s", err.message);
    int64_t bytes = (int64_t)a.training.activation_bytes.word;
    fw_analysis_clear(&a);
    return bytes;
}

static int64_t per_layer(const char *recompute)
{
    return (activations(6, recompute) - activations(4, recompute)) / 2;
}

/* Of a layer, in 16 bits: 34 s b h and 5 a s^2 b; without what attention makes on its way the first
 * alone; of what it hands on 2 s b h. The paper leaves out mean and deviation of two norms. */
void test_hf__activations_in_closed_form(void **state)
{
    (void)state;
    const int64_t norms = 2 * 2 * 2 * LENGTH;
    const int64_t sbh = (int64_t)LENGTH * WIDTH;
    assert_int_equal(per_layer(NULL), 34 * sbh + 5 * HEADS * LENGTH * LENGTH + norms);
    assert_int_equal(per_layer("selective"), 34 * sbh + norms);
    assert_int_equal(per_layer("layers"), 2 * sbh);
}
