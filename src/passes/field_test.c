/* Receptive fields of small networks against closed forms, and of random ones against what each
 * output element really depends on, followed element by element. */
#include "passes/field.h"

#include "graph/precision.h"
#include "ops/update.h"
#include "study/analysis.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<ir_version: 8, opset_import: [\"\": 18]> "
#define STORED " = [\"location\": \"w\"]"

struct net {
    struct fw_analysis a;
    struct fw_fields f;
};

static void open_net(struct net *n, const char *text)
{
    struct fw_error err;
    const struct fw_analysis_options options = {.precision = fw_precision_find("fp32"),
                                                .inference = true};
    if (fw_analyse(&n->a, text, strlen(text), "t", &fw_alloc_default, &options, &err) != FW_OK)
        fail_msg("%s\n%s", err.message, text);
    uint32_t input;
    if (fw_field_input(&n->a.model.graph, &input, &err) != FW_OK ||
        fw_field(&n->a.model.graph, input, &n->a.model.arena, &n->f, &err) != FW_OK)
        fail_msg("%s", err.message);
}

static const struct fw_field *output_field(const struct net *n, unsigned axis)
{
    return fw_field_at(&n->f, n->a.model.graph.outputs[0], axis);
}

/* "size stride padding centre*2 smallest", axis after axis; "-" for what is everything. */
static void want(const char *text, const char *expected)
{
    struct net n;
    struct fw_str found;
    unsigned axes[FW_MAX_RANK];
    open_net(&n, text);
    fw_str_init(&found, &fw_alloc_default);
    unsigned n_axes = fw_field_axes(&n.f, &n.a.model.graph, axes);
    for (unsigned k = 0; k < n_axes; k++) {
        const struct fw_field *f = output_field(&n, axes[k]);
        fw_str_add(&found, k > 0 ? "; " : "");
        if (f->kind == FW_FIELD_ALL || f->kind == FW_FIELD_NONE)
            fw_str_add(&found, f->kind == FW_FIELD_ALL ? f->why : "none");
        else
            fw_str_addf(&found, "%" PRId64 " %" PRId64 "/%u %" PRId64 " %" PRId64 "%s",
                        fw_field_size(f), f->shift, f->period, -f->lo[0], f->lo[0] + f->hi[0],
                        f->floating ? " floating" : "");
        if (!f->aligned)
            fw_str_add(&found, " misaligned");
        if (f->open)
            fw_str_add(&found, " open");
        fw_str_addf(&found, " (%" PRId64 ")", n.f.least[axes[k]]);
    }
    assert_string_equal(fw_str_text(&found), expected);
    fw_str_free(&found);
    fw_analysis_clear(&n.a);
}

#define IMAGE                                                                    \
    HEAD "g (float[B,4,64,48] x) => (float[B,O,P,Q] y) <float[4,4,3,3] w" STORED \
         ", float[4,4,5,1] v" STORED ", float[4,4,1,1] u" STORED "> "

void test_field__closed_forms(void **state)
{
    (void)state;
    want(IMAGE "{ y = Conv<pads = [1,1,1,1]>(x, w) }", "3 1/1 1 0 (1); 3 1/1 1 0 (1)");
    // 1 + 2 + 2*2, 1 + 4*1: strides 4 and 3, padding 1 + 0*2
    want(IMAGE "{ a = Conv<pads = [1,0,1,0], strides = [2,1]>(x, w)\n"
               "  y = Conv<strides = [2,3], dilations = [1,2]>(a, w) }",
         "7 4/1 1 4 (5); 7 3/1 0 6 (7)");
    want(IMAGE
         "{ a = Conv(x, v) b = Relu(a) y = MaxPool<kernel_shape = [2,2], strides = [2,2]>(b) }",
         "6 2/1 0 5 (6); 2 2/1 0 1 (2)");
    want(IMAGE "{ a = MaxPool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1>(x)\n"
               "  y = GlobalAveragePool(a) }",
         "global pooling (2); global pooling (2)");
    // the axes change places, and the input's are still named in its own order
    want(IMAGE "{ a = Conv(x, v) y = Transpose<perm = [0,1,3,2]>(a) }",
         "5 1/1 0 4 (5); 1 1/1 0 0 (1)");
    want(HEAD "g (float[B,4,9,9,9] x) => (float[B,4,P,Q,R] y) <float[4,4,1,2,3] w" STORED "> "
              "{ y = Conv<strides = [1,2,3]>(x, w) }",
         "1 1/1 0 0 (1); 2 2/1 0 1 (2); 3 3/1 0 2 (3)");
    want(HEAD "g (float[B,4,T] x) => (float[B,4,P] y) <float[4,4,5] w" STORED "> "
              "{ a = Conv<dilations = [3]>(x, w) y = Conv<dilations = [3], pads = [6,6]>(a, w) }",
         "25 1/1 6 12 (13)");
}

void test_field__branches(void **state)
{
    (void)state;
    want(IMAGE "{ a = Conv<pads = [1,1,1,1]>(x, w) y = Add(a, x) }",
         "3 1/1 1 0 (1); 3 1/1 1 0 (1)");
    // one path is shifted by a position
    want(IMAGE "{ a = Conv<pads = [2,2,0,0]>(x, w) y = Add(a, x) }",
         "3 1/1 2 -2 misaligned (1); 3 1/1 2 -2 misaligned (1)");
    want(IMAGE
         "{ a = Conv<pads = [1,1,1,1], strides = [2,2]>(x, w) b = Conv<strides = [2,2]>(x, u)\n"
         "  c = Conv<pads = [2,0,2,0]>(b, v) y = Concat<axis = 1>(a, c) }",
         "9 2/1 4 0 (1); 3 2/1 1 0 (1)");
    want(IMAGE "{ a = Conv<pads = [1,1,1,1]>(x, w) b = GlobalAveragePool(a) c = Sigmoid(b)\n"
               "  y = Mul(a, c) }",
         "global pooling (1); global pooling (1)");
    // sizes agree by rounding only: different strides have no common field
    want(HEAD "g (float[1,1,4] x) => (float[1,2,2] y) <float[1,1,1] w" STORED
              ", float[1,1,2] v" STORED
              "> { a = Conv<strides = [2]>(x, w) b = Conv<strides = [3], pads = [1,0]>(x, v)\n"
              "  y = Concat<axis = 1>(a, b) }",
         "branches of different strides misaligned (1)");
}

void test_field__upsampling(void **state)
{
    (void)state;
    // each output position lies in the window of two, or one, input positions
    want(HEAD "g (float[1,1,8] x) => (float[1,1,P] y) <float[1,1,3] w" STORED "> "
              "{ y = ConvTranspose<strides = [2]>(x, w) }",
         "2 1/2 1 -1 (1)");
    // down and up again by 2: four of one or the other pair
    want(HEAD "g (float[1,1,8] x) => (float[1,1,P] y) <float[1,1,2] w" STORED "> "
              "{ a = Conv<strides = [2]>(x, w) y = ConvTranspose<strides = [2]>(a, w) }",
         "2 2/2 0 1 (2)");
    want(HEAD "g (float[1,1,8] x) => (float[1,1,16] y) <float[3] s = {1.0, 1.0, 2.0}> "
              "{ y = Resize<mode = \"linear\">(x, , s) }",
         "2 1/2 1 -1 (1)");
    want(HEAD "g (float[1,1,8] x) => (float[1,1,16] y) <float[3] s = {1.0, 1.0, 2.0}> "
              "{ y = Resize<mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", "
              "nearest_mode = \"floor\">(x, , s) }",
         "1 1/2 0 0 (1)");
    want(HEAD "g (float[1,4,6,6] x) => (float[1,1,12,12] y) { y = DepthToSpace<blocksize = 2>(x) }",
         "1 1/2 0 0 (1); 1 1/2 0 0 (1)");
    want(HEAD "g (float[1,1,6,6] x) => (float[1,9,2,2] y) { y = SpaceToDepth<blocksize = 3>(x) }",
         "3 3/1 0 2 (3); 3 3/1 0 2 (3)");
}

void test_field__whole_input(void **state)
{
    (void)state;
    want(IMAGE "{ a = Flatten(x) y = Relu(a) }", "flattening (1); flattening (1)");
    want(IMAGE "{ a = Conv(x, w) y = Softmax<axis = 3>(a) }",
         "3 1/1 0 2 (3); normalisation over the axis (3)");
    want(HEAD "g (float[2,4,64,48] x) => (float[2,4,64,48] y) <float[4] s" STORED
              ", float[4] b" STORED "> { y = InstanceNormalization(x, s, b) }",
         "normalisation over space (1); normalisation over space (1)");
    want(HEAD "g (float[2,4,64,48] x) => (float[2,4,24] y) <int64[1] d = {2}> "
              "{ s, n = Split<axis = 3, num_outputs = 2>(x) y = ReduceMean<keepdims = 0>(n, d) }",
         "reduction over the axis (1); 1 1/1 -24 48 (1)");
    want(HEAD "g (float[5,2,8] x) => (float[5,1,2,3] y) <float[1,12,8] w" STORED
              ", float[1,12,3] r" STORED "> { y = LSTM<hidden_size = 3>(x, w, r) }",
         "recurrence (1)");
    want(HEAD "g (float[2,9,8] x) => (float[2,9,8] y) <float[8] s" STORED "> "
              "{ a = LayerNormalization(x, s) b = Transpose<perm = [0,2,1]>(a)\n"
              "  c = MatMul(a, b) d = Softmax(c) y = MatMul(d, a) }",
         "every pair of positions (1)");
    want(HEAD "g (float[2,9,8] x) => (float[2,9,6] y) <float[8,6] w" STORED
              "> { y = MatMul(x, w) }",
         "1 1/1 0 0 (1)");
}

void test_field__open_sizes(void **state)
{
    (void)state;
    // padding by a size that is open: size and stride are known, the place is not
    want(HEAD "g (float[1,4,H,W] x) => (float[1,4,P,Q] y) <float[4,4,3,3] w" STORED "> "
              "{ a = Conv<auto_pad = \"SAME_UPPER\", strides = [2,2]>(x, w)\n"
              "  y = Conv<auto_pad = \"SAME_UPPER\">(a, w) }",
         "7 2/1 3 0 floating (1); 7 2/1 3 0 floating (1)");
    want(HEAD "g (float[1,4,8,9] x) => (float[1,4,4,5] y) <float[4,4,3,3] w" STORED "> "
              "{ y = Conv<auto_pad = \"SAME_UPPER\", strides = [2,2]>(x, w) }",
         "3 2/1 0 2 (1); 3 2/1 1 0 (1)");
}

void test_field__size(void **state)
{
    (void)state;
    // the first of two positions depends on nothing
    static const int64_t lo[] = {INT64_MAX, -2};
    static const int64_t hi[] = {INT64_MIN, 2};
    const struct fw_field f = {.period = 2, .lo = lo, .hi = hi};
    assert_int_equal(fw_field_size(&f), 5);
}
