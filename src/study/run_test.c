/* Run files: what they come to, and what is refused. */
#include "study/threshold.h"

#include "unit_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void test_run__phases_and_fleets(void **state);
void test_run__plans(void **state);
void test_run__rules(void **state);
void test_run__refused(void **state);
void test_run__monte_carlo(void **state);

static const char big[] = "name = test\n"
                          "params = 7e9+-10%   # of every phase\r\n"
                          "hardware = H100 SXM\n"
                          "utilisation = 0.35..0.45\n"
                          "price = 2..3\n"
                          "[pretraining]\n"
                          "schedule = 4096: 1.8e12+-5%, 32768: 2e11\n"
                          "[fine-tuning SFT]\n"
                          "tokens = 2e9\n"
                          "epochs = 3\n"
                          "recompute = full\n"
                          "[rollout]\n"
                          "tokens = 1e10\n"
                          "discarded = 9e10\n"
                          "[merged base]\n"
                          "flop = 2e22\n"
                          "[evaluation]\n"
                          "tokens = 1e9\n"
                          "[fleet one]\n"
                          "count = 1000\n"
                          "time = 10d\n"
                          "[fleet two]\n"
                          "gpu-hours = 50000\n"
                          "hardware = A100\n";

struct world {
    struct fw_arena arena;
    struct fw_run run;
    struct fw_estimate e;
    struct fw_error err;
};

static enum fw_status estimate(struct world *w, const char *file)
{
    fw_arena_init(&w->arena, &fw_alloc_default);
    enum fw_status status = fw_run_read(&w->run, &w->arena, NULL, 0, file, strlen(file), &w->err);
    return status == FW_OK ? fw_estimate_run(&w->run, &w->e, &w->err) : status;
}

static void check(double v, double expected)
{
    if (!(fabs(v / expected - 1) < 1e-9))
        fail_msg("%g, expected %g", v, expected);
}

void test_run__phases_and_fleets(void **state)
{
    (void)state;
    struct world w;
    if (estimate(&w, big) != FW_OK)
        fail_msg("%s", w.err.message);
    assert_int_equal(w.run.n_phases, 6);
    assert_string_equal(w.run.phases[1].name, "pretraining, length 32768");
    check(w.e.phase_flop[0].mid, 6 * 7e9 * 1.8e12);
    check(w.e.phase_flop[2].mid, 6 * 7e9 * 6e9);
    check(w.e.phase_flop[3].mid, 2 * 7e9 * 1e11); // forward only, with what was discarded
    double trained = 6 * 7e9 * (2e12 + 6e9), sampled = 2 * 7e9 * 1e11, aside = 2 * 7e9 * 1e9;
    check(w.e.q[FW_Q_METHOD1].mid, trained + sampled + 2e22);
    check(w.e.q[FW_Q_EXECUTED].mid, trained + sampled + aside); // merged weights ran elsewhere
    check(w.e.q[FW_Q_HARDWARE].mid, trained + sampled + aside + 2 * 7e9 * 6e9);
    double use = sqrt(0.35 * 0.45);
    double peak = 1000 * 864000 * 989.4e12 + 50000 * 3600.0 * 312e12;
    check(w.e.q[FW_Q_METHOD2].mid, peak * use);
    check(w.e.q[FW_Q_MFU].mid, (trained + sampled + aside) / peak);
    check(w.e.q[FW_Q_GPU_HOURS].mid, 290000);
    check(w.e.q[FW_Q_COST].mid, 290000 * sqrt(6));
    check(w.e.q[FW_Q_COST].low, 290000 * 2);
    // the utilisation is one input of both fleets: its interval does not average out
    check(w.e.q[FW_Q_METHOD2].low, peak * 0.35);
    assert_true(w.e.recomputes);
    fw_arena_clear(&w.arena);
}

/* Of a model, what is computed again may be a pattern, also one that begins as "none" does. */
void test_run__recompute_by_pattern(void **state)
{
    (void)state;
    struct world w;
    const char *file = "model = m.onnx\ntokens = 1e9\nrecompute = norm*\n";
    struct fw_step step = {
        .batch = 8, .seq = 10, .forward = 80, .training = 240, .hardware = 250, .complete = true};
    fw_arena_init(&w.arena, &fw_alloc_default);
    assert_int_equal(fw_run_read(&w.run, &w.arena, NULL, 0, file, strlen(file), &w.err), FW_OK);
    w.run.phases[0].step = &step;
    assert_int_equal(fw_estimate_run(&w.run, &w.e, &w.err), FW_OK);
    assert_true(w.e.recomputes);
    check(w.e.q[FW_Q_METHOD1].mid, 3e9);
    fw_arena_clear(&w.arena);
}

void test_run__plans(void **state)
{
    (void)state;
    struct world w;
    assert_int_equal(estimate(&w,
                              "params = 7e9\ntokens = 1e12\nhardware = A100\nutilisation = 0.5\n"
                              "count = 512\nprice = 2\npower = 400\npue = 1.1\ncarbon = 400\n"
                              "flop-budget = 1e23\n"),
                     FW_OK);
    double seconds = 6 * 7e9 * 1e12 / (512 * 312e12 * 0.5), hours = 512 * seconds / 3600;
    check(w.e.q[FW_Q_SECONDS].mid, seconds);
    check(w.e.q[FW_Q_GPU_HOURS].mid, hours);
    check(w.e.q[FW_Q_COST].mid, 2 * hours);
    check(w.e.q[FW_Q_ENERGY].mid, 0.44 * hours);
    check(w.e.q[FW_Q_CARBON].mid, 0.4 * 0.44 * hours);
    check(w.e.q[FW_Q_FLOP_TOKENS].mid, 1e23 / (6 * 7e9));
    assert_true(isnan(w.e.q[FW_Q_METHOD2].mid));
    fw_arena_clear(&w.arena);
    assert_int_equal(estimate(&w,
                              "params = 7e9\ntokens = 1e12\nhardware = A100\nutilisation = 0.5\n"
                              "deadline = 30d\nprice = 2\nbudget = 1M\n"),
                     FW_OK);
    check(w.e.q[FW_Q_CHIPS].mid, 6 * 7e9 * 1e12 / (312e12 * 0.5 * 30 * 86400));
    check(w.e.q[FW_Q_TOKENS].mid, 5e5 * 3600 * 312e12 * 0.5 / (6 * 7e9));
    fw_arena_clear(&w.arena);
}

static const struct fw_verdict *find(const struct fw_verdict *v, uint32_t n, const char *id)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(v[i].rule.id, id) == 0)
            return &v[i];
    return NULL;
}

void test_run__rules(void **state)
{
    (void)state;
    static const struct {
        const char *file, *id;
        double margin; // 0: the rule does not appear
        bool exceeded;
        enum fw_stand stand;
    } cases[] = {
        {"flop = 2e25", "eu-systemic", 2, true, FW_STAND_ABOVE},
        {"flop = 1.2e25", "eu-systemic", 1.2, true, FW_STAND_MAYBE_ABOVE}, // its margin of 30 %
        {"flop = 0.8e25", "eu-systemic", 0.8, false, FW_STAND_MAYBE_BELOW},
        {"flop = 0.7e25", "eu-systemic", 0.7, false, FW_STAND_BELOW},
        {"flop = 1e26", "ca-sb53", 1, false, FW_STAND_BELOW}, // more than, not as much as
        {"flop = 1.1e26", "ca-sb53", 1.1, true, FW_STAND_ABOVE},
        {"flop = 0.5e26..3e26", "ny-raise", 1.224744871391589, true, FW_STAND_MAYBE_ABOVE},
        {"flop = 2e23", "eu-gpai", 2, true, FW_STAND_ABOVE},
        {"flop = 2e23", "eu-modification", 0, false, FW_STAND_BELOW},
        {"flop = 2e23\nmodifies = 3e23", "eu-modification", 2, true, FW_STAND_ABOVE},
        {"flop = 2e23\nmodifies = unknown", "eu-modification", 6, true, FW_STAND_ABOVE},
        {"flop = 2e23\nmodifies = unknown", "eu-modification-systemic", 0.06, false,
         FW_STAND_BELOW},
        {"[public-synthetic]\nflop = 1e26\n[training]\nflop = 1e24", "us-eo14110", 0.01, false,
         FW_STAND_BELOW},
        {"[synthetic]\nflop = 1e25\n[merged]\nflop=5e24\n[training]\nflop = 5e24", "eu-systemic", 2,
         true, FW_STAND_ABOVE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        struct fw_verdict *v;
        uint32_t n;
        if (estimate(&w, cases[i].file) != FW_OK)
            fail_msg("%s: %s", cases[i].file, w.err.message);
        assert_int_equal(fw_judge_thresholds(&w.e, &w.arena, &v, &n, &w.err), FW_OK);
        const struct fw_verdict *one = find(v, n, cases[i].id);
        assert_int_equal(one != NULL, cases[i].margin > 0);
        if (one != NULL) {
            check(one->margin, cases[i].margin);
            assert_int_equal(one->exceeded, cases[i].exceeded);
            assert_int_equal(one->stand, cases[i].stand);
        }
        fw_arena_clear(&w.arena);
    }
}

void test_run__refused(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum fw_status status;
        const char *message;
    } cases[] = {
        {"", FW_USAGE, "nothing to estimate"},
        {"params 7e9", FW_FORMAT, "line 1: 'params 7e9': NAME = VALUE or [SECTION] is wanted"},
        {"[pretraining\n", FW_FORMAT, "line 1: a section ends in ]"},
        {"\n[prtraining]\n", FW_FORMAT,
         "line 2: there is no section 'prtraining'; there are fleet, "},
        {"parms = 7e9", FW_USAGE, "line 1: there is no 'parms' in the description of a run"},
        {"[fleet a]\ntokens = 3\n", FW_USAGE, "line 2: 'tokens' does not belong into this section"},
        {"[training]\ndeadline = 3d\n", FW_USAGE, "line 2: 'deadline' does not belong"},
        {"params = 7e9\nparams = 8e9\n", FW_USAGE, "line 2: params is given twice"},
        {"params = 7e9\nmodel = x.onnx\ntokens=1", FW_USAGE, "training: a model, params and flop"},
        {"tokens = 7e9\n", FW_USAGE, "training: how large is the network?"},
        {"params = 7e9\n", FW_USAGE, "training: how much data?"},
        {"params = 7e9\ntokens = 1\nexamples = 1\n", FW_USAGE,
         "training: tokens and examples exclude"},
        {"params = 7e9\ntokens = 1\nbatch = 1\n", FW_USAGE, "training: a batch changes nothing"},
        {"params = 7e9\nactive-params=8e9\ntokens = 1\n", FW_USAGE,
         "training: more parameters are"},
        {"[training]\nparams = 7e9\ntokens = 1\ndiscarded = 1\n", FW_USAGE,
         "training: discarded is"},
        {"[rollout]\nparams = 7e9\ntokens = 1\nrecompute = full\n", FW_USAGE,
         "rollout: forward passes"},
        {"params = 7\ntokens = 1\nrecompute = half\n", FW_USAGE, "training: recompute 'half'"},
        {"params = 7\nschedule = 12\n", FW_USAGE,
         "training: schedule '12': LENGTH: TOKENS is wanted"},
        {"params = 7\nschedule = 12: 3\nseq = 3\n", FW_USAGE, "training: a schedule says tokens"},
        {"flop = 7\nepochs = 2\n", FW_USAGE, "training: epochs of what?"},
        {"hardware = A100\ntime = 3d\ngpu-hours = 3\n", FW_USAGE,
         "fleet: time and gpu-hours exclude"},
        {"time = 3d\n", FW_USAGE, "fleet: what hardware?"},
        {"hardware = A1000\ntime = 3d\n", FW_USAGE, "there is no hardware 'A1000'; near it: "},
        {"hardware = A100\ntime = 3d\npue = 0.9\n", FW_USAGE, "fleet: a PUE below 1"},
        {"hardware = A100\npeak-format = fp4\ntime = 3d\n", FW_USAGE, "no fp4 peak of NVIDIA A100"},
        {"hardware = A100\npeak-format = fp5\ntime = 3d\n", FW_USAGE, "peak-format 'fp5': fp64, "},
        {"flop = 3\nprice = 3\n", FW_USAGE, "utilisation, power, pue, price and carbon change"},
        {"flop = 3\ndomain = music\n", FW_USAGE, "domain 'music': language or other"},
        {"flop = 3\ndeadline = 3d\n", FW_USAGE, "a deadline asks how many of one kind"},
        {"flop = 3\nflop-budget = 3\n", FW_USAGE, "flop-budget asks for tokens"},
        {"params = 3\nhardware = A100\nbudget = 3\n", FW_USAGE, "a budget asks what money buys"},
        {"[fleet a]\nhardware=A100\ntime=1d\n[fleet b]\nhardware=A100\ncount=2\n", FW_USAGE,
         "some fleets have a time"},
        {"\xff", FW_FORMAT, "a run file is text in UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        assert_int_equal(estimate(&w, cases[i].file), cases[i].status);
        if (strncmp(w.err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s\n  found    %s\n  expected %s", cases[i].file, w.err.message,
                     cases[i].message);
        fw_arena_clear(&w.arena);
    }
}

/* ---- simulation: the whole estimate with inputs drawn anew each time ---- */

static uint64_t seed = 362436069362436069u;

static double normal(void)
{
    double u[2];
    for (int i = 0; i < 2; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        u[i] = ((double)(seed >> 11) + 0.5) * 0x1p-53;
    }
    return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void test_run__monte_carlo(void **state)
{
    (void)state;
    enum { DRAWS = 4000, ASKED = 4 };
    static const enum fw_quantity_name asked[ASKED] = {FW_Q_METHOD1, FW_Q_METHOD2, FW_Q_RATIO,
                                                       FW_Q_COST};
    static double draws[ASKED][DRAWS];
    struct world w;
    struct fw_estimate one;
    assert_int_equal(estimate(&w, big), FW_OK);
    struct fw_quantity *given = w.run.values;
    struct fw_quantity *drawn = fw_arena_array(&w.arena, w.run.n_inputs, sizeof *drawn);
    assert_non_null(drawn);
    w.run.values = drawn;
    for (int i = 0; i < DRAWS; i++) {
        struct fw_arena_mark mark = fw_arena_mark(&w.arena);
        for (uint32_t k = 0; k < w.run.n_inputs; k++)
            drawn[k] = fw_quantity_exact(fw_quantity_at(given[k], normal()));
        assert_int_equal(fw_estimate_run(&w.run, &one, &w.err), FW_OK);
        for (int k = 0; k < ASKED; k++)
            draws[k][i] = one.q[asked[k]].mid;
        fw_arena_release(&w.arena, mark);
    }
    for (int k = 0; k < ASKED; k++) {
        qsort(draws[k], DRAWS, sizeof *draws[k], compare);
        assert_true(fabs(w.e.q[asked[k]].low / draws[k][DRAWS / 20] - 1) < 0.015);
        assert_true(fabs(w.e.q[asked[k]].high / draws[k][DRAWS - DRAWS / 20] - 1) < 0.015);
    }
    fw_arena_clear(&w.arena);
}
