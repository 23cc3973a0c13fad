/* The four networks of "What's the backward-forward FLOP ratio for neural networks?" (appendix A),
 * at the batch sizes of its figure. The values follow from its formula
 *     (first + 2*other + update) / (first + other)
 * with the exact products and parameters of each network. */
#include "study/ratio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<ir_version: 8, opset_import: [\"\": 17]> "
#define STORED " = [\"location\": \"w\"]"
#define LINEAR(inputs)                                                                     \
    HEAD "g (float[B," inputs "] x) => (float[B,10] y) <float[4096," inputs "] w1" STORED  \
         ", float[4096] b1" STORED ", float[128,4096] w2" STORED ", float[128] b2" STORED  \
         ", float[10,128] w3" STORED ", float[10] b3" STORED ">\n"                         \
         "{ a = Gemm<transB = 1>(x, w1, b1) r = Relu(a) b = Gemm<transB = 1>(r, w2, b2)\n" \
         "  s = Relu(b) y = Gemm<transB = 1>(s, w3, b3) }"
#define CONV7 "<kernel_shape = [7,7], strides = [2,2], pads = [3,3,3,3]>"
#define POOL3 "<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]>"
#define CONV_WEIGHTS                                                                      \
    "float[32,3,7,7] w1" STORED ", float[64,32,7,7] w2" STORED ", float[10,64] w3" STORED \
    ", float[10] b3" STORED
#define CONV                                                                \
    HEAD "g (float[B,3,224,224] x) => (float[B,10] y) <" CONV_WEIGHTS ">\n" \
         "{ a = Conv" CONV7 "(x, w1) r = Relu(a) p = MaxPool" POOL3 "(r)\n" \
         "  b = Conv" CONV7 "(p, w2) s = Relu(b) q = MaxPool" POOL3 "(s)\n" \
         "  m = GlobalAveragePool(q) f = Flatten(m) y = Gemm<transB = 1>(f, w3, b3) }"

static void analyse(struct fw_analysis *a, const char *text, struct fw_ratio_parts *ret)
{
    struct fw_error err;
    const struct fw_analysis_options options = {.loss = FW_LOSS_AUTO,
                                                .optimizer = fw_optimizer_find("sgd"),
                                                .precision = fw_precision_find("fp32")};
    if (fw_analyse(a, text, strlen(text), "t", &fw_alloc_default, &options, &err) != FW_OK ||
        fw_ratio_parts(a, ret, &err) != FW_OK)
        fail_msg("%s", err.message);
}

static void want_ratio(const struct fw_ratio_parts *p, const char *want)
{
    char found[32];
    assert_true(fw_ratio_is_known(p));
    (void)snprintf(found, sizeof found, "%.4f", fw_ratio_value(p));
    assert_string_equal(found, want);
}

/* values: for B = 1, 2 ... 128 and the limit; cases at 1 and in the limit. */
static void want_curve(const char *text, const char *const *values, enum fw_ratio_case one,
                       enum fw_ratio_case large)
{
    struct fw_analysis a;
    struct fw_ratio_parts p, limit;
    analyse(&a, text, &p);
    struct fw_symbols *sym = a.model.sym;
    uint32_t letter = fw_symbols_find(sym, "B", 1);
    fw_dim bound[8] = {fw_dim_bad()};
    assert_true(letter < 8);
    for (unsigned i = 0; i < 8; i++) {
        bound[letter] = fw_dim_int(1 << i);
        struct fw_ratio_parts at = fw_ratio_at(sym, &p, bound, letter + 1);
        want_ratio(&at, values[i]);
        if (i == 0)
            assert_int_equal(fw_ratio_case(&at), one);
    }
    assert_true(fw_ratio_limit(sym, &p, letter, &limit));
    want_ratio(&limit, values[8]);
    assert_int_equal(fw_ratio_case(&limit), large);
    fw_analysis_clear(&a);
}

void test_ratio__linear_net(void **state)
{
    (void)state;
    static const char *const values[] = {"2.0009", "1.5009", "1.2509", "1.1259", "1.0634",
                                         "1.0321", "1.0165", "1.0087", "1.0009"};
    want_curve(LINEAR("150528"), values, FW_RATIO_LARGE_FIRST, FW_RATIO_SMALL_FIRST);
}

void test_ratio__one_net(void **state)
{
    (void)state;
    static const char *const values[] = {"3.0003", "2.4963", "2.2443", "2.1183", "2.0553",
                                         "2.0238", "2.0080", "2.0001", "1.9923"};
    want_curve(LINEAR("1"), values, FW_RATIO_LARGE_OTHER, FW_RATIO_SMALL_OTHER);
}

void test_ratio__conv_net(void **state)
{
    (void)state;
    static const char *const values[] = {"1.5722", "1.5718", "1.5716", "1.5715", "1.5715",
                                         "1.5715", "1.5714", "1.5714", "1.5714"};
    want_curve(CONV, values, FW_RATIO_SMALL_OTHER, FW_RATIO_SMALL_OTHER);
}

/* One shared convolution applied n times between the two. */
static void deeper(unsigned n, struct fw_str *text)
{
    fw_str_add(text, HEAD "g (float[B,3,224,224] x) => (float[B,10] y) <" CONV_WEIGHTS
                          ", float[32,32,3,3] w" STORED ">\n{ a = Conv" CONV7
                          "(x, w1) r = Relu(a) h0 = MaxPool<kernel_shape = [3,3], strides = "
                          "[2,2]>(r)\n");
    for (unsigned i = 0; i < n; i++)
        fw_str_addf(text, "c%u = Conv<pads = [1,1,1,1]>(h%u, w) h%u = Relu(c%u)\n", i, i, i + 1, i);
    fw_str_addf(text,
                "b = Conv" CONV7 "(h%u, w2) s = Relu(b) m = GlobalAveragePool(s) f = Flatten(m)\n"
                "y = Gemm<transB = 1>(f, w3, b3) }",
                n);
}

void test_ratio__deeper_conv_net(void **state)
{
    (void)state;
    static const struct {
        unsigned n;
        const char *ratio;
    } cases[] = {{0, "1.5714"},  {1, "1.6436"},  {2, "1.6950"},  {5, "1.7870"},
                 {10, "1.8583"}, {20, "1.9151"}, {50, "1.9615"}, {100, "1.9798"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fw_str text;
        struct fw_analysis a;
        struct fw_ratio_parts p, limit;
        fw_str_init(&text, &fw_alloc_default);
        deeper(cases[i].n, &text);
        analyse(&a, fw_str_text(&text), &p);
        uint32_t letter = fw_symbols_find(a.model.sym, "B", 1);
        assert_true(fw_ratio_limit(a.model.sym, &p, letter, &limit));
        want_ratio(&limit, cases[i].ratio);
        // the products in the source's appendix: 137,683,584 with none between, 27,878,400 each
        assert_true(fw_count_is(limit.forward, 275367168 + (fw_i128)cases[i].n * 55756800));
        fw_analysis_clear(&a);
        fw_str_free(&text);
    }
}

/* A letter that is cut off by a minimum has no limit that the formula shows; without products
 * there is no ratio. */
void test_ratio__what_has_none(void **state)
{
    (void)state;
    struct fw_analysis a;
    struct fw_ratio_parts p, limit;
    struct fw_error err;
    analyse(&a,
            HEAD "g (float[B,8] x) => (float[C,4] y) <float[8,4] w" STORED
                 ", int64[1] z = {0}, int64[1] e = {5}, int64[1] k = {0}>\n"
                 "{ s = Slice(x, z, e, k) y = MatMul(s, w) }",
            &p);
    uint32_t letter = fw_symbols_find(a.model.sym, "B", 1);
    assert_true(letter != UINT32_MAX);
    assert_false(fw_ratio_is_known(&p));
    assert_false(fw_ratio_limit(a.model.sym, &p, letter, &limit));
    fw_analysis_clear(&a);

    const char *text = HEAD "g (float[B,8] x) => (float[B,8] y) { y = Relu(x) }";
    const struct fw_analysis_options options = {.loss = FW_LOSS_AUTO,
                                                .optimizer = fw_optimizer_find("sgd"),
                                                .precision = fw_precision_find("fp32")};
    assert_int_equal(fw_analyse(&a, text, strlen(text), "t", &fw_alloc_default, &options, &err),
                     FW_OK);
    assert_int_equal(fw_ratio_parts(&a, &p, &err), FW_UNSUPPORTED);
    fw_analysis_clear(&a);
}
