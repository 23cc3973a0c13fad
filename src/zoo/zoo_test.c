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
