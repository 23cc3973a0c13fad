/* The article's networks to the last parameter, the textbook's formulas, and wrong calls. */
#include "zoo/zoo.h"

#include "ops/update.h"
#include "passes/cost.h"
#include "study/analysis.h"
#include "support/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* spec is analysed with batch bound to a letter or number. */
static void analyse(struct fw_analysis *a, const char *spec, const char *batch, bool input_grad)
{
    struct fw_model m;
    struct fw_error err = {.code = FW_OK};
    struct fw_binding bind = {"batch", batch};
    struct fw_analysis_options how = {.built = &m,
                                      .symbols = &bind,
                                      .n_symbols = 1,
                                      .optimizer = fw_optimizer_find("sgd"),
                                      .precision = fw_precision_find("fp32"),
                                      .input_grad = input_grad,
                                      .memory = true};
    assert_int_equal(fw_model_init(&m, &fw_alloc_default, NULL), FW_OK);
    if (fw_zoo_build(&m, spec, &err) != FW_OK ||
        fw_analyse(a, NULL, 0, spec, &fw_alloc_default, &how, &err) != FW_OK)
        fail_msg("%s: %s", spec, err.message);
    assert_int_equal(a->totals.n_missing, 0);
    fw_model_clear(&m); // the reports of a net keep it; counts do not need it
}

static void assert_forward(const char *spec, const char *params, const char *mac, const char *first)
{
    struct fw_analysis a;
    analyse(&a, spec, "1", false);
    struct fw_symbols *s = a.model.sym;
    assert_count(s, a.totals.params, params);
    assert_count(s, a.totals.phase[FW_PHASE_FORWARD].n[FW_FMA], mac);
    assert_count(s,
                 fw_count_sub(s, a.totals.phase[FW_PHASE_FORWARD].n[FW_FMA],
                              a.totals.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA]),
                 first);
    fw_analysis_clear(&a);
}

void test_zoo__the_article(void **state)
{
    (void)state;
    assert_forward("linearnet", "617092490", "617088256", "616562688");
    assert_forward("onenet", "533898", "529664", "4096");
    assert_forward("convnet", "105706", "137683584", "59006976");
    assert_forward("deeperconvnet,n=0", "105706", "137683584", "59006976");
    assert_forward("deeperconvnet,n=10", "114922", "416467584", "59006976");
}

/* torchvision's numbers: of evaluation, and of the network that is trained. */
void test_zoo__auxiliary_classifier(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a, "inception_v3", "1", false);
    assert_count(a.model.sym, a.totals.params, "27161264");
    assert_count(a.model.sym, a.totals.phase[FW_PHASE_FORWARD].n[FW_FMA], "5713216096");
    fw_analysis_clear(&a);
    analyse(&a, "inception_v3,aux=0", "1", false);
    assert_count(a.model.sym, a.totals.params, "23834568");
    fw_analysis_clear(&a);
    analyse(&a, "inception_v3,aux=1", "1", false);
    assert_count(a.model.sym, a.totals.params, "27161264");
    // 5x5x768*128 and 5x5*128*768 of the convolutions, 768*1000 of the classifier
    assert_count(a.model.sym, a.totals.phase[FW_PHASE_FORWARD].n[FW_FMA], "5718899296");
    fw_analysis_clear(&a);
}

/* Networks without an export here: parameters as their authors' implementations have them. */
void test_zoo__other_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *name, *params;
    } rows[] = {{"inception_v4", "42679816"},   {"inception_resnet_v2", "55843464"},
                {"mobilenet_v1", "4231976"},    {"resnet_v1_50", "25557032"},
                {"gpt2", "124439808"},          {"gpt2-medium", "354823168"},
                {"gpt2-large", "774030080"},    {"gpt2-xl", "1557611200"},
                {"bert-base", "109482240"},     {"bert-large", "335141888"},
                {"llama-2-7b", "6738415616"},   {"llama-2-13b", "13015864320"},
                {"llama-2-70b", "68976648192"}, {"llama-3-8b", "8030261248"},
                {"llama-3-70b", "70553706496"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fw_model m;
        assert_int_equal(fw_model_init(&m, &fw_alloc_default, NULL), FW_OK);
        assert_int_equal(fw_zoo_build(&m, rows[i].name, NULL), FW_OK);
        assert_count(m.sym, fw_zoo_params(&m), rows[i].params);
        fw_model_clear(&m);
    }
}

void test_zoo__mlp_in_letters(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a, "mlp,depth=4,width=K", "n", false);
    const struct fw_cost *phase = a.totals.phase;
    assert_count(a.model.sym, a.totals.params, "4*K^2");
    assert_count(a.model.sym, phase[FW_PHASE_FORWARD].n[FW_FMA], "4*K^2*n");
    assert_count(a.model.sym, phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "3*K^2*n");
    assert_count(a.model.sym, phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA], "4*K^2*n");
    assert_count(a.model.sym, a.inference.peak_bytes, "16*K^2+8*K*n");
    fw_analysis_clear(&a);
    analyse(&a, "mlp,depth=2,width=64,in=10,out=3,bias=1,act=tanh", "1", true);
    assert_count(a.model.sym, a.totals.params, "899");
    assert_count(a.model.sym, a.totals.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "832");
    assert_count(a.model.sym, a.totals.phase[FW_PHASE_FORWARD].n[FW_SPECIAL], "68");
    fw_analysis_clear(&a);
}

/* n*K^2*L multiplications forward and (3L - 1)*n*K^2 in training, L*K^2 + 2*n*K values to infer and
 * 2*L*K^2 + L*n*K and the last layer's gradients to train. */
void test_zoo__mlp_of_any_depth(void **state)
{
    (void)state;
    struct fw_analysis a;
    analyse(&a, "mlp,depth=L,width=K", "n", false);
    struct fw_symbols *s = a.model.sym;
    const struct fw_cost *phase = a.totals.phase;
    assert_count(s, a.totals.params, "K^2*L");
    assert_count(s, phase[FW_PHASE_FORWARD].n[FW_FMA], "K^2*L*n");
    assert_count(s, phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "K^2*L*n-K^2*n");
    assert_count(s, phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA], "K^2*L*n");
    assert_count(s, a.inference.peak_bytes, "4*K^2*L+8*K*n");
    assert_count(s, a.training.peak_bytes, "8*K^2*L+4*K*L*n+8*K*n+8*n+4");
    assert_true(a.training.complete);
    fw_analysis_clear(&a);
    analyse(&a, "mlp,depth=L,width=K", "n", true);
    assert_count(a.model.sym, a.totals.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "K^2*L*n");
    fw_analysis_clear(&a);
}

static fw_count at(struct fw_analysis *a, const char *letter, int64_t value, fw_count v)
{
    fw_dim values[8];
    uint32_t n = fw_symbols_count(a->model.sym);
    assert_true(n <= 8);
    for (uint32_t i = 0; i < n; i++)
        values[i] =
            strcmp(fw_symbol_name(a->model.sym, i), letter) == 0 ? fw_dim_int(value) : fw_dim_bad();
    return fw_count_substitute(a->model.sym, v, values, n);
}

/* Layers in turns cost what layers in a row cost, class by class and byte by byte. */
static void assert_same_at(const char *turns, const char *letter, int64_t value, const char *row)
{
    struct fw_analysis a;
    struct fw_analysis b;
    analyse(&a, turns, "4", true);
    analyse(&b, row, "4", true);
    for (unsigned p = 0; p < FW_N_PHASES; p++)
        for (unsigned k = 0; k < FW_N_COSTS; k++) {
            fw_count found = at(&a, letter, value, a.totals.phase[p].n[k]);
            if (!fw_count_eq(found, b.totals.phase[p].n[k]))
                fail_msg("%s and %s differ in phase %u, class %u", turns, row, p, k);
        }
    assert_true(fw_count_eq(at(&a, letter, value, a.totals.params), b.totals.params));
    assert_true(
        fw_count_eq(at(&a, letter, value, a.training.gradient_bytes), b.training.gradient_bytes));
    assert_true(a.training.complete);
    fw_analysis_clear(&a);
    fw_analysis_clear(&b);
}

void test_zoo__turns_cost_what_a_row_costs(void **state)
{
    (void)state;
    assert_same_at("mlp,depth=L,width=32", "L", 6, "mlp,depth=6,width=32");
    assert_same_at("mlp,depth=L,width=32,in=7,out=10,bias=1,act=gelu", "L", 5,
                   "mlp,depth=5,width=32,in=7,out=10,bias=1,act=gelu");
    assert_same_at("deeperconvnet,n=N", "N", 5, "deeperconvnet,n=5");
}

static void assert_refused(const char *spec, enum fw_status code)
{
    struct fw_model m;
    struct fw_error err = {.code = FW_OK};
    assert_int_equal(fw_model_init(&m, &fw_alloc_default, NULL), FW_OK);
    if (fw_zoo_build(&m, spec, &err) != code)
        fail_msg("%s: code %d is wanted, found %d: %s", spec, code, err.code, err.message);
    fw_model_clear(&m);
}

void test_zoo__wrong_calls(void **state)
{
    (void)state;
    assert_refused("nothing", FW_USAGE);
    assert_refused("", FW_USAGE);
    assert_refused("mlp,", FW_USAGE);
    assert_refused("mlp,width", FW_USAGE);
    assert_refused("mlp,=3", FW_USAGE);
    assert_refused("mlp,height=3", FW_USAGE);
    assert_refused("mlp,width=3,width=4", FW_USAGE);
    assert_refused("mlp,width=0", FW_USAGE);
    assert_refused("mlp,width=-K", FW_SHAPE);
    assert_refused("mlp,act=rely", FW_USAGE);
    assert_refused("mlp,depth=1000000000", FW_LIMIT);
    assert_refused("mlp,width=10^20", FW_LIMIT);
    assert_refused("convnet,size=1", FW_OK);
    assert_refused("deeperconvnet,size=4", FW_SHAPE);
}

/* Every row can be found and built with its defaults. */
void test_zoo__every_network_builds(void **state)
{
    (void)state;
    unsigned n = 0;
    for (unsigned f = 0; f < fw_n_zoo_families; f++)
        for (unsigned i = 0; i < fw_zoo_families[f]->n; i++, n++) {
            const struct fw_zoo_net *net = &fw_zoo_families[f]->nets[i];
            assert_true(net->n_keys <= FW_ZOO_MAX_KEYS);
            assert_refused(net->name, FW_OK);
        }
    assert_true(n >= 5);
}
