/* What language models are asked, of graphs that are not read from a config.json: attention as an
 * operator and attention that is spelled out, with the masks that exporters write. */
#include "passes/language.h"

#include "study/analysis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define Z8 ".5,1,2,3,4,5,6,7"
#define Z32 Z8 "," Z8 "," Z8 "," Z8
#define Z64 Z32 "," Z32

/* Words of width 8, of which `body` makes y from x (2, 6, 8). */
#define MODEL(inputs, outputs, stored, body)                                                       \
    "<ir_version: 8, opset_import: [\"\": 23, \"com.microsoft\": 1]>\n g (int64[2,6] ids" inputs   \
    ") => (float[2,6,8] y" outputs ") <float[8,8] table = {" Z64 "}, int64[4] heads = {2,6,4,2}, " \
    "int64[4] group = {2,6,2,2}, int64[5] two = {2,2,1,6,2}, int64[5] rep = {2,2,2,6,2}, "         \
    "int64[4] four = {2,4,6,2}, int64[3] flat = {2,6,8}, float[8,8] wq = {" Z64                    \
    "}, float[8,4] wk = {" Z32 "}, float[8,4] wv = {" Z32 "}, float[8,8] wide = {" Z64             \
    "}, float cut = {-10000}, int64 zero = {0}, int64 n = {6}, int64 one = {1}, "                  \
    "int64[1] axis = {1}" stored ">\n { x = Gather(table, ids) " body " }"

/* Four heads of width 2 that share two of keys; s: scores before the mask. */
#define SCORES                                                                         \
    "q0 = MatMul(x, wq) q1 = Reshape(q0, heads) q = Transpose<perm = [0,2,1,3]>(q1) "  \
    "k0 = MatMul(x, wk) k1 = Reshape(k0, group) k2 = Transpose<perm = [0,2,1,3]>(k1) " \
    "k3 = Reshape(k2, two) k4 = Expand(k3, rep) k5 = Reshape(k4, four) "               \
    "k = Transpose<perm = [0,1,3,2]>(k5) v0 = MatMul(x, wv) v1 = Reshape(v0, group) "  \
    "v2 = Transpose<perm = [0,2,1,3]>(v1) v3 = Reshape(v2, two) v4 = Expand(v3, rep) " \
    "v = Reshape(v4, four) s = MatMul(q, k) "
#define MIX \
    "p = Softmax(m) o = MatMul(p, v) o1 = Transpose<perm = [0,2,1,3]>(o) y = Reshape(o1, flat)"
#define PLACES "at = Range(zero, n, one) row = Unsqueeze(at, axis) "

static const struct {
    const char *name, *text;
    int64_t all, left; // pairs of a query and a key of one head
    int64_t per_token; // elements kept, of keys and values
    int64_t kept;      // tokens
} rows[] = {
    {"Trilu",
     MODEL("", "", ", float[6,6] low = {" Z32 ",1,1,1,1}",
           SCORES "t = Trilu<upper = 1>(low, one) m = Add(s, t) " MIX),
     36, 21, 8, 6},
    {"a softmax of a matrix, as before opset 13",
     MODEL("", "", ", float[6,6] low = {" Z32 ",1,1,1,1}, int64[4] full = {2,4,6,6}",
           SCORES "t = Trilu<upper = 1>(low, one) m4 = Add(s, t) m2 = Flatten<axis = 3>(m4) "
                  "p2 = Softmax(m2) m = Reshape(p2, full) o = MatMul(m, v) "
                  "o1 = Transpose<perm = [0,2,1,3]>(o) y = Reshape(o1, flat)"),
     36, 21, 8, 6},
    {"compared places",
     MODEL("", "", "", SCORES PLACES "c = LessOrEqual(at, row) m = Where(c, s, cut) " MIX), 36, 21,
     8, 6},
    {"stored triangle",
     MODEL("", "",
           ", bool[1,1,6,6] c = {1,0,0,0,0,0, 1,1,0,0,0,0, 1,1,1,0,0,0, 1,1,1,1,0,0, "
           "1,1,1,1,1,0, 1,1,1,1,1,1}",
           SCORES "m = Where(c, s, cut) " MIX),
     36, 21, 8, 6},
    {"a stored mask that is no triangle",
     MODEL("", "",
           ", bool[1,1,6,6] c = {1,0,0,0,0,0, 1,1,0,0,0,0, 1,1,1,0,0,0, 1,1,1,1,0,0, "
           "1,1,0,1,1,0, 1,1,1,1,1,1}",
           SCORES "m = Where(c, s, cut) " MIX),
     36, 36, 0, 0},
    {"padding", MODEL(", float[2,1,1,6] pad", "", "", SCORES "m = Add(s, pad) " MIX), 36, 36, 0, 0},
    {"keys and values given out",
     MODEL("", ", float[2,2,6,2] k2, float[2,2,6,2] v2", "", SCORES "m = Mul(s, cut) " MIX), 36, 36,
     8, 6},
#define ATTEND(op) \
    MODEL("", "", "", "q = MatMul(x, wq) k = MatMul(x, wk) v = MatMul(x, wv) y = " op)
    {"Attention", ATTEND("Attention<is_causal = 1, q_num_heads = 4, kv_num_heads = 2>(q, k, v)"),
     36, 21, 8, 6},
    {"Attention with a window",
     ATTEND("Attention<is_causal = 1, q_num_heads = 4, kv_num_heads = 2, left_window_size = 2>"
            "(q, k, v)"),
     36, 15, 8, 3},
    {"GroupQueryAttention",
     MODEL(
         ", int32[2] lengths, int32 total", ", float[2,2,6,2] pk, float[2,2,6,2] pv", "",
         "q = MatMul(x, wq) k = MatMul(x, wk) v = MatMul(x, wv) y, pk, pv = "
         "com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2, local_window_size = 4>"
         "(q, k, v, , , lengths, total)"),
     36, 18, 8, 4},
    {"MultiHeadAttention",
     MODEL("", "", "",
           "q = MatMul(x, wq) k = MatMul(x, wide) y = "
           "com.microsoft.MultiHeadAttention<num_heads = 4, unidirectional = 1>(q, k, q)"),
     36, 21, 16, 6},
    {"MultiHeadAttention both ways",
     MODEL("", "", "",
           "q = MatMul(x, wq) k = MatMul(x, wide) y = "
           "com.microsoft.MultiHeadAttention<num_heads = 4>(q, k, q)"),
     36, 36, 0, 0},
};

static void check(const char *name, fw_count found, int64_t want, const char *what)
{
    if (!fw_count_is(found, want))
        fail_msg("%s: %s: %lld wanted, found %lld", name, what, (long long)want,
                 (long long)found.word);
}

/* Products of all pairs are 2 sequences * 4 heads * (2 + 2) fma, backward twice as many. */
void test_language__attention_of_graphs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_analysis a;
        struct fw_error err;
        struct fw_language l;
        const struct fw_analysis_options options = {.loss = FW_LOSS_AUTO,
                                                    .optimizer = fw_optimizer_find("sgd"),
                                                    .precision = fw_precision_find("fp32")};
        const char *text = rows[i].text;
        if (fw_analyse(&a, text, strlen(text), "t.onnx", &fw_alloc_default, &options, &err) !=
            FW_OK)
            fail_msg("%s: %s", rows[i].name, err.message);
        assert_int_equal(fw_language_of(&a.model.graph, a.precision, &l, &err), FW_OK);
        assert_true(l.found);
        assert_int_equal(l.keeps, rows[i].per_token > 0);
        check(rows[i].name, l.attention, 64 * rows[i].all, "all pairs");
        check(rows[i].name, l.attention_needed, 64 * rows[i].left, "pairs left");
        check(rows[i].name, l.attention_back, 128 * rows[i].all, "all pairs backward");
        check(rows[i].name, l.attention_back_needed, 128 * rows[i].left, "pairs left backward");
        check(rows[i].name, l.scores, 8 * rows[i].all, "scores");
        check(rows[i].name, l.cache_per_token, rows[i].per_token, "kept of a token");
        check(rows[i].name, l.cache, rows[i].per_token * rows[i].kept, "kept");
        fw_analysis_clear(&a);
    }
}
