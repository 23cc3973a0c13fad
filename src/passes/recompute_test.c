/* Recomputation on the textbook's chain: 16 layers, so 4 results are kept and 12 made again. */
#include "passes/recompute.h"

#include "passes/cost.h"
#include "passes/memory.h"
#include "passes/train.h"
#include "support/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static fw_count trained_peak(struct fw_model *m, const char *recompute, struct fw_totals *totals)
{
    struct fw_train_options how = {.loss = FW_LOSS_SQUARES};
    struct fw_memory memory;
    assert_int_equal(fw_train(&m->graph, &how, NULL), FW_OK);
    if (recompute != NULL)
        assert_int_equal(fw_recompute(&m->graph, recompute, NULL), FW_OK);
    assert_int_equal(fw_total_cost(&m->graph, NULL, totals, NULL), FW_OK);
    assert_int_equal(fw_plan_memory(&m->graph, NULL, false, &memory, NULL), FW_OK);
    return fw_count_add(m->sym, memory.activation_bytes, memory.temporary_bytes);
}

/* Activations of a step, 64 values of 4 bytes each: all 16 inputs and two gradients without, four
 * borders, three results of a segment and two gradients with. */
void test_recompute__full_keeps_the_root(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    chain_make(&m, 16, "4", "16");
    assert_count(m.sym, trained_peak(&m, NULL, &t), "4608");
    assert_count(m.sym, t.phase[FW_PHASE_RECOMPUTE].n[FW_FMA], "0");
    fw_model_clear(&m);
    chain_make(&m, 16, "4", "16");
    fw_count peak = trained_peak(&m, "full", &t);
    assert_true(peak.word < 4608 * 6 / 10);
    assert_count(m.sym, t.phase[FW_PHASE_RECOMPUTE].n[FW_FMA], "12288");
    assert_count(m.sym, t.phase[FW_PHASE_FORWARD].n[FW_FMA], "16384");
    fw_model_clear(&m);
}

void test_recompute__pattern(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    struct fw_error err;
    chain_make(&m, 6, "n", "K");
    (void)trained_peak(&m, "fc3", &t); // its result is the input of fc4
    assert_count(m.sym, t.phase[FW_PHASE_RECOMPUTE].n[FW_FMA], "K^2*n");
    assert_int_equal(fw_recompute(&m.graph, "conv*", &err), FW_USAGE);
    fw_model_clear(&m);
}

/* One layer has no border to keep: nothing is dropped, and that is no error. */
void test_recompute__full_of_one_layer(void **state)
{
    (void)state;
    struct fw_model m;
    struct fw_totals t;
    chain_make(&m, 1, "4", "16");
    fw_count plain = trained_peak(&m, NULL, &t);
    fw_model_clear(&m);
    chain_make(&m, 1, "4", "16");
    assert_true(fw_count_eq(trained_peak(&m, "full", &t), plain));
    assert_count(m.sym, t.phase[FW_PHASE_RECOMPUTE].n[FW_FMA], "0");
    fw_model_clear(&m);
    struct fw_symbols *sym = fw_symbols_new(&fw_alloc_default);
    struct fw_arena arena;
    fw_arena_init(&arena, &fw_alloc_default);
    struct fw_graph empty;
    fw_graph_init(&empty, &arena, sym);
    assert_int_equal(fw_recompute(&empty, "full", NULL), FW_OK);
    fw_graph_free(&empty);
    fw_arena_clear(&arena);
    fw_symbols_free(sym);
}
