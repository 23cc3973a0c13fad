/* The whole pipeline on small models written as text. */
#include "study/analysis.h"

#include "passes/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<ir_version: 8, opset_import: [\"\": 17, \"com.microsoft\": 1]> "

/* A decoder that keeps everything so far and negates it. */
#define DECODE(node)                                                                           \
    "g (int32[2,3] ids) => (int32[A,B] y) <int32[1] n = {8}, int32[1] k = {3}>\n"              \
    "{ y = com.microsoft." node                                                                \
    "decoder = d (int32[R,S] input_ids, int32[R,S] position_ids, int32[R,T] attention_mask,\n" \
    "             float[2,R,1,P,4] past_0)\n"                                                  \
    "  => (float[R,S,10] logits, float[2,R,1,T,4] present_0, float[2,R,1,T,4] less)\n"         \
    "  <float[10,4] w = [\"location\": \"w\"], float[4,10] v = [\"location\": \"v\"],\n"       \
    "   int64[2] front = {0, 2}>\n"                                                            \
    "  { e = Gather(w, input_ids) logits = MatMul(e, v) u = Unsqueeze(e, front)\n"             \
    "    both = Concat<axis = 0>(u, u) present_0 = Concat<axis = 3>(past_0, both)\n"           \
    "    less = Neg(present_0) }> }"

static void analyse_some(struct fw_analysis *a, const char *text, bool inference)
{
    struct fw_error err;
    const struct fw_analysis_options options = {.loss = FW_LOSS_SQUARES,
                                                .optimizer = fw_optimizer_find("sgd"),
                                                .precision = fw_precision_find("fp32"),
                                                .inference = inference,
                                                .memory = true};
    if (fw_analyse(a, text, strlen(text), "t", &fw_alloc_default, &options, &err) != FW_OK)
        fail_msg("%s", err.message);
}

static void analyse(struct fw_analysis *a, const char *text, bool inference)
{
    analyse_some(a, text, inference);
    assert_int_equal(a->totals.n_missing, 0);
}

static void want(struct fw_analysis *a, enum fw_phase phase, enum fw_cost_class class,
                 const char *text)
{
    struct fw_str found;
    fw_str_init(&found, &fw_alloc_default);
    fw_count_print(a->model.sym, a->totals.phase[phase].n[class], 0, &found);
    assert_string_equal(fw_str_text(&found), text);
    fw_str_free(&found);
}

/* A weight that stands in the body is trained: 5 products of 4x8 with 8x8 each way, its gradient
 * summed over the iterations by 4*64 adds, one update of 64 elements. */
void test_analysis__weights_of_a_loop_body(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a,
            HEAD "g (float[4,8] x) => (float[4,8] y) <int64 n = {5}, bool t = {1}>\n"
                 "{ y = Loop(n, t, x)<body = b (int64 i, bool c, float[4,8] h)\n"
                 "    => (bool d, float[4,8] k) <float[8,8] w = [\"location\": \"w\"]>\n"
                 "    { d = Identity(c) k = MatMul(h, w) }> }",
            false);
    want(&a, FW_PHASE_FORWARD, FW_FMA, "1280");
    want(&a, FW_PHASE_BACKWARD_INPUT, FW_FMA, "1280");
    want(&a, FW_PHASE_BACKWARD_WEIGHT, FW_FMA, "1280");
    want(&a, FW_PHASE_BACKWARD_WEIGHT, FW_ADD, "256");
    want(&a, FW_PHASE_UPDATE, FW_MUL, "64");
    fw_analysis_clear(&a);
}

/* An old softmax works on a matrix, of which the new one knows nothing: both cost the same, and the
 * gradient gets to the product before. */
void test_analysis__softmax_on_a_matrix(void **state)
{
    (void)state;
#define SOFTMAX(opset)                                                              \
    "<ir_version: 4, opset_import: [\"\": " opset "]> "                             \
    "g (float[2,3,5,8] x) => (float[2,3,5,4] y) "                                   \
    "<float[8,7] w = [\"location\": \"w\"], float[7,4] v = [\"location\": \"w\"]> " \
    "{ q = MatMul(x, w) p = Softmax<axis = 3>(q) y = MatMul(p, v) }"
    struct fw_analysis old, new;
    analyse(&old, SOFTMAX("11"), false);
    analyse(&new, SOFTMAX("13"), false);
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++)
            assert_true(old.totals.phase[p].n[k].word == new.totals.phase[p].n[k].word);
    want(&old, FW_PHASE_BACKWARD_INPUT, FW_FMA, "840");   // 30 x 4 x 7
    want(&old, FW_PHASE_BACKWARD_WEIGHT, FW_FMA, "2520"); // and 30 x 8 x 7
    fw_analysis_clear(&old);
    fw_analysis_clear(&new);
#undef SOFTMAX
}

/* Along which axis sums run is not known from the file: the operator is named as missing. */
void test_analysis__running_sum_along_an_unknown_axis(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse_some(&a, HEAD "g (float[2,3] x, int64 axis) => (float[2,3] y) { y = CumSum(x, axis) }",
                 true);
    assert_int_equal(a.totals.n_missing, 1);
    assert_string_equal(a.totals.missing[0].op, "CumSum");
    fw_analysis_clear(&a);
    analyse(&a, HEAD "g (float[3] x, int64 axis) => (float[3] y) { y = CumSum(x, axis) }", true);
    want(&a, FW_PHASE_FORWARD, FW_ADD, "2"); // there is one only
    fw_analysis_clear(&a);
}

/* Two prompts of 3 tokens to a length of 8, over a vocabulary of 10: the prompt once, then 4 steps
 * of which the products cost 40 each for 2 rows, and Neg of everything so far 16 per token. */
void test_analysis__greedy_search(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a, HEAD DECODE("GreedySearch(ids, n)<model_type = 0, eos_token_id = 9, "), true);
    want(&a, FW_PHASE_FORWARD, FW_FMA, "560");   // 40*2*3 + 4*40*2
    want(&a, FW_PHASE_FORWARD, FW_ADD, "400");   // 16*3 + 16*(4 + 5 + 6 + 7)
    want(&a, FW_PHASE_FORWARD, FW_MINMAX, "90"); // 5 choices of 1 in 10 for 2 rows
    const struct fw_tensor *y = &a.model.graph.tensors[a.model.graph.outputs[0]];
    assert_int_equal(y->rank, 2);
    assert_true(fw_dim_is(y->dims[0], 2) && fw_dim_is(y->dims[1], 8));
    fw_analysis_clear(&a);
}

/* With 3 beams there are 6 rows; each choice is a LogSoftmax, a score and the best 6 of 30. */
void test_analysis__beam_search(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a, HEAD DECODE("BeamSearch(ids, n, \"\", k, k)<model_type = 0, eos_token_id = 9, "),
            true);
    want(&a, FW_PHASE_FORWARD, FW_FMA, "1680");
    want(&a, FW_PHASE_FORWARD, FW_ADD, "2370");    // 3*400 + 5*6*(10*4 - 1)
    want(&a, FW_PHASE_FORWARD, FW_SPECIAL, "330"); // 5*6*11
    want(&a, FW_PHASE_FORWARD, FW_MINMAX, "1860"); // 5*6*9 + 5*2*(6*30 - 21)
    fw_analysis_clear(&a);
}

/* A loop of 2 that collects products in a sequence is written out: the second one is taken out and
 * has a gradient, the first one has none. */
void test_analysis__loop_over_a_sequence(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a,
            HEAD "g (float[4,8] x) => (float[4,3] y) <int64 n = {2}, bool t = {1}, int64 p = {1},\n"
                 "  float[8,3] w = [\"location\": \"w\"], float[4,8] v = [\"location\": \"v\"]>\n"
                 "{ s = SequenceEmpty()\n"
                 "  q = Loop(n, t, s)<body = b (int64 i, bool c, seq(float[A,8]) r)\n"
                 "      => (bool d, seq(float[B,8]) u)\n"
                 "    { d = Identity(c) e = Mul(x, v) u = SequenceInsert(r, e) }>\n"
                 "  z = SequenceAt(q, p) y = MatMul(z, w) }",
            false);
    want(&a, FW_PHASE_FORWARD, FW_MUL, "77"); // 2*32, and 13 of the loss
    want(&a, FW_PHASE_FORWARD, FW_FMA, "96");
    want(&a, FW_PHASE_BACKWARD_INPUT, FW_FMA, "96");
    want(&a, FW_PHASE_BACKWARD_WEIGHT, FW_FMA, "96");
    want(&a, FW_PHASE_BACKWARD_WEIGHT, FW_MUL, "32");
    want(&a, FW_PHASE_UPDATE, FW_MUL, "56");
    fw_analysis_clear(&a);
}

/* x + p + q: one gradient for both, each keeps it in a place of its own until its update. */
void test_analysis__two_parameters_with_one_gradient(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a,
            HEAD "g (float[4,5] x) => (float[4,5] y) <float[4,5] p = [\"location\": \"w\"],"
                 " float[4,5] q = [\"location\": \"w\"]> { s = Add(x, p) y = Add(s, q) }",
            false);
    assert_true(fw_count_is(a.totals.params, 40));
    assert_true(fw_count_is(a.training.gradient_bytes, 160));
    want(&a, FW_PHASE_UPDATE, FW_MUL, "40");
    fw_analysis_clear(&a);
}

/* Integers are parameters that nothing trains. */
void test_analysis__quantised_weights_do_not_learn(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a,
            HEAD "g (float[4,5] x) => (float[4,6] y) <int8[5,6] w = [\"location\": \"w\"],"
                 " float scale = {0.5}> { f = DequantizeLinear(w, scale) y = MatMul(x, f) }",
            false);
    assert_true(fw_count_is(a.totals.params, 30));
    assert_true(fw_count_is(a.totals.trainable_params, 0));
    want(&a, FW_PHASE_BACKWARD_WEIGHT, FW_FMA, "0");
    fw_analysis_clear(&a);
}
