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
    wrong("{\"model_type\": \"phi3\", \"head_dim\": 2147483647}", FW_FORMAT,
          "'head_dim': heads of less than 2^31");
    wrong("{\"model_type\": \"mpt\", \"n_heads\": 15}", FW_FORMAT,
          "'num_attention_heads': heads that are as wide as the layers (2048)");
    wrong("{\"_class_name\": \"UNet2DConditionModel\", \"dual_cross_attention\": true}", FW_FORMAT,
          "'dual_cross_attention': false is wanted");
    wrong("{\"model_type\": \"bert\", \"add_cross_attention\": true}", FW_FORMAT, "'is_decoder'");
    wrong("{\"model_type\": \"llama\", \"hidden_act\": \"loud\"}", FW_FORMAT, "'hidden_act'");
    wrong("{\"model_type\": \"gpt2\", \"n_embd\": 64, \"hidden_size\": 32}", FW_FORMAT,
          "another under 'n_embd'");
    wrong("{\"model_type\": \"gemma2\", \"layer_types\": [\"full_attention\"]}", FW_FORMAT,
          "'layer_types'");
    wrong("{\"model_type\": \"llama\", \"architectures\": [\"LlamaForSpeech\"]}", FW_UNSUPPORTED,
          "'architectures'");
}

/* ---- memory: the closed forms of Korthikanti et al. 2022 (arXiv 2205.05198) ---- */

struct shape {
    const char *name;
    int layers, width, heads, length, batch;
};

static int64_t activations(const struct shape *w, int layers, const char *recompute)
{
    char batch[16];
    char length[16];
    const struct fw_binding sizes[] = {{"batch", batch}, {"seq", length}};
    char text[256];
    struct fw_analysis a;
    struct fw_error err;
    (void)snprintf(batch, sizeof batch, "%d", w->batch);
    (void)snprintf(length, sizeof length, "%d", w->length);
    int n = snprintf(text, sizeof text,
                     "{\"model_type\": \"gpt2\", \"n_embd\": %d, \"n_head\": %d, \"n_layer\": %d, "
                     "\"n_positions\": %d, \"vocab_size\": 99}",
                     w->width, w->heads, layers, w->length);
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

static int64_t per_layer(const struct shape *w, const char *recompute)
{
    return (activations(w, 6, recompute) - activations(w, 4, recompute)) / 2;
}

/* Of a layer, in 16 bits: 34 s b h and 5 a s^2 b; without what attention makes on its way the first
 * alone; of what it hands on 2 s b h. The paper leaves out mean and deviation of two norms. */
void test_hf__activations_in_closed_form(void **state)
{
    static const struct shape small_one = {"small", 6, 64, 4, 32, 1};
    const struct shape *w = &small_one;
    (void)state;
    const int64_t norms = 2 * 2 * 2 * w->length;
    const int64_t sbh = (int64_t)w->length * w->width;
    assert_int_equal(per_layer(w, NULL), 34 * sbh + 5 * w->heads * w->length * w->length + norms);
    assert_int_equal(per_layer(w, "selective"), 34 * sbh + norms);
    assert_int_equal(per_layer(w, "layers"), 2 * sbh);
}

static void near(double found, double wanted, double within)
{
    if (!(found >= wanted - within && found <= wanted + within))
        fail_msg("%.9g is wanted within %g, found %.9g", wanted, within, found);
}

/* Figures 1 and 7 of the paper. On t devices 10 s b h of a layer stay whole without sequence
 * parallelism: five times what it hands on. Figure 1 in GiB for the first stage, the ratios of
 * figure 7 in percent as printed: measured, within 0.15 of the formula. */
void test_hf__activations_as_printed(void **state)
{
    enum { DEVICES = 8 };
    static const struct {
        struct shape shape;
        double gib, selective_gib, stages; // stages: what interleaving adds
        double sequence, selective, both, full;
    } printed[] = {
        {{"22B", 48, 6144, 64, 2048, 4}, 59.25, 9.5625, 1, 66.84, 49.42, 16.18, 7.64},
        {{"175B", 96, 12288, 96, 2048, 1},
         66.84375,
         12.3515625,
         1 + 7 / 24.0,
         62.04,
         56.53,
         18.49,
         8.71},
        {{"530B", 105, 20480, 128, 2048, 1},
         114.0234375,
         23.076171875,
         1 + 34 / 105.0,
         58.31,
         62.04,
         20.27,
         9.42},
        {{"1T", 128, 25600, 160, 2048, 1}, 131.25, 26.5625, 1, 58.31, 62.04, 20.27, 9.42},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof printed / sizeof *printed; i++) {
        const struct shape *w = &printed[i].shape;
        const double norms = 2.0 * 2 * 2 * w->length * w->batch;
        const double gib = 1024.0 * 1024 * 1024;
        double all = (double)per_layer(w, NULL) - norms;
        double selective = (double)per_layer(w, "selective") - norms;
        double handed = (double)per_layer(w, "layers");
        double whole = 5 * handed;
        double base = whole + (all - whole) / DEVICES;
        double layers = w->layers * printed[i].stages / gib;
        near(base * layers, printed[i].gib, 1e-9);
        near(selective / DEVICES * layers, printed[i].selective_gib, 1e-9);
        double share = (whole + (selective - whole) / DEVICES) / base;
        near(100 * all / DEVICES / base, printed[i].sequence, 0.15);
        near(100 * share, printed[i].selective, 0.15);
        near(100 * selective / DEVICES / base, printed[i].both, 0.15);
        near(100 * handed / base, printed[i].full, 0.15);
    }
}
