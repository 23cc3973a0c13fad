/* The textbook's fully connected network: L layers of width K, batch n. */
#include "passes/train.h"
#include "passes/classify.h"
#include "passes/cost.h"
#include "support/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void total(struct fw_model *m, const struct fw_train_options *how, struct fw_totals *t)
{
    assert_int_equal(fw_train(&m->graph, how, NULL), FW_OK);
    assert_int_equal(fw_total_cost(&m->graph, NULL, t, NULL), FW_OK);
    assert_int_equal(t->n_missing, 0);
}

/* (3L - 1) n K^2 multiplications: the first layer needs no gradient of its input. */
void test_train__chain_in_letters(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    chain_make(&m, 4, "n", "K");
    total(&m, &(struct fw_train_options){.loss = FW_LOSS_SQUARES}, &t);
    assert_count(m.sym, t.phase[FW_PHASE_FORWARD].n[FW_FMA], "4*K^2*n");
    assert_count(m.sym, t.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "3*K^2*n");
    assert_count(m.sym, t.phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA], "4*K^2*n");
    assert_count(m.sym, t.params, "4*K^2");
    fw_model_clear(&m);
}

void test_train__input_grad_adds_the_first_product(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    chain_make(&m, 4, "8", "16");
    total(&m, &(struct fw_train_options){.loss = FW_LOSS_SQUARES, .input_grad = true}, &t);
    assert_count(m.sym, t.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "8192");
    fw_model_clear(&m);
}

void test_train__sgd_is_two_per_parameter(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    chain_make(&m, 3, "8", "16");
    total(
        &m,
        &(struct fw_train_options){.loss = FW_LOSS_SQUARES, .optimizer = fw_optimizer_find("sgd")},
        &t);
    assert_count(m.sym, fw_cost_flop(m.sym, &t.phase[FW_PHASE_UPDATE]), "1536");
    fw_model_clear(&m);
}

/* Frozen: fc1 needs nothing at all, so fc2 needs no dX either. */
void test_train__freezing_the_first_layer(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    chain_make(&m, 3, "n", "K");
    assert_int_equal(fw_freeze(&m.graph, "fc1"), 1);
    total(&m, &(struct fw_train_options){.loss = FW_LOSS_SQUARES}, &t);
    assert_count(m.sym, t.phase[FW_PHASE_BACKWARD_INPUT].n[FW_FMA], "K^2*n");
    assert_count(m.sym, t.phase[FW_PHASE_BACKWARD_WEIGHT].n[FW_FMA], "2*K^2*n");
    assert_count(m.sym, t.trainable_params, "2*K^2");
    fw_model_clear(&m);
}
