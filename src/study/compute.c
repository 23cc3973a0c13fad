/* Method 1, method 2 and what follows; see compute.h. */
#include "study/compute.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool has(const uint32_t *in, unsigned i)
{
    return in[i] != FW_NO_INPUT;
}

static double value(const double *x, const uint32_t *in, unsigned i, double otherwise)
{
    return in[i] == FW_NO_INPUT ? otherwise : x[in[i]];
}

/* recompute is a pattern over layer names where it is no word. */
static bool recomputes(const struct fw_run_phase *p)
{
    return p->recompute != NULL && strcmp(p->recompute, "none") != 0;
}

/* ---- method 1 ---- */

static bool has_tokens(const struct fw_run_phase *p)
{
    return has(p->in, FW_IN_TOKENS) || !has(p->in, FW_IN_EXAMPLES);
}

/* How many tokens (else examples) went through, epochs included; NAN where that is not said. */
static double passes(const struct fw_run_phase *p, const double *x)
{
    double n = has_tokens(p)
                   ? value(x, p->in, FW_IN_TOKENS, NAN) + value(x, p->in, FW_IN_DISCARDED, 0)
                   : x[p->in[FW_IN_EXAMPLES]];
    return n * value(x, p->in, FW_IN_EPOCHS, 1);
}

/* FLOP of one token through a network of so many parameters: 2 forward, 4 backward, and 2 more
 * where all activations are computed again. */
static double params_flop(const struct fw_run_phase *p, const double *x, bool hardware)
{
    enum fw_phase_in size = has(p->in, FW_IN_ACTIVE_PARAMS) ? FW_IN_ACTIVE_PARAMS : FW_IN_PARAMS;
    double times = p->kind->forward_only ? 1 : 3;
    if (hardware && recomputes(p))
        times++;
    return 2 * x[p->in[size]] * times;
}

/* FLOP of one token (else of one example). */
static double pass_flop(const struct fw_run_phase *p, const double *x, bool hardware)
{
    const struct fw_step *s = p->step;
    if (s == NULL)
        return params_flop(p, x, hardware) * (has_tokens(p) ? 1 : value(x, p->in, FW_IN_SEQ, 1));
    double step = p->kind->forward_only ? s->forward : hardware ? s->hardware : s->training;
    return step / s->batch / (has_tokens(p) ? s->seq : 1);
}

static double phase_flop(const struct fw_run_phase *p, const double *x, bool hardware)
{
    if (has(p->in, FW_IN_FLOP))
        return x[p->in[FW_IN_FLOP]];
    return pass_flop(p, x, hardware) * passes(p, x);
}

/* FLOP of one more token; NAN unless there is one phase that learns from tokens. */
static double token_flop(const struct fw_run *run, const double *x)
{
    const struct fw_run_phase *p = &run->phases[0];
    bool one = run->n_phases == 1 && !has(p->in, FW_IN_FLOP) && has_tokens(p);
    return one ? pass_flop(p, x, false) : NAN;
}

static double sum_phases(const struct fw_run *run, const double *x, unsigned classes, bool here,
                         bool hardware)
{
    double sum = 0;
    unsigned n = 0;
    for (uint32_t i = 0; i < run->n_phases; i++) {
        const struct fw_run_phase *p = &run->phases[i];
        if (!(classes >> p->kind->class & 1u) || (here && p->kind->elsewhere))
            continue;
        sum += phase_flop(p, x, hardware);
        n++;
    }
    return n > 0 ? sum : NAN;
}

enum {
    ALL_CLASSES = (1u << FW_N_RUN_CLASSES) - 1,
    IN_THE_MODEL = 1u << FW_RUN_UPDATE | 1u << FW_RUN_GENERATION | 1u << FW_RUN_MERGED
};

/* ---- method 2 ---- */

/* Chips times seconds; NAN where the time is not said. */
static double chip_seconds(const struct fw_fleet *f, const double *x)
{
    if (has(f->in, FW_IN_GPU_HOURS))
        return x[f->in[FW_IN_GPU_HOURS]] * 3600;
    if (!has(f->in, FW_IN_TIME))
        return NAN;
    return x[f->in[FW_IN_COUNT]] * x[f->in[FW_IN_TIME]];
}

static double fleet_flop(const struct fw_fleet *f, const double *x)
{
    return chip_seconds(f, x) * x[f->in[FW_IN_PEAK]] * x[f->in[FW_IN_UTILISATION]];
}

static double sum_fleets(const struct fw_run *run, const double *x, bool use)
{
    double sum = run->n_fleets > 0 ? 0 : NAN;
    for (uint32_t i = 0; i < run->n_fleets; i++) {
        const struct fw_fleet *f = &run->fleets[i];
        sum += use ? fleet_flop(f, x) : chip_seconds(f, x) * x[f->in[FW_IN_PEAK]];
    }
    return sum;
}

/* ---- plans ---- */

/* FLOP that are to be done, or were. */
static double work(const struct fw_run *run, const double *x)
{
    double flop = sum_phases(run, x, ALL_CLASSES, true, false);
    return isnan(flop) ? sum_fleets(run, x, true) : flop;
}

/* Seconds that all fleets together, or one chip where no number is said, need for the work. */
static double seconds_needed(const struct fw_run *run, const double *x)
{
    double rate = 0;
    for (uint32_t i = 0; i < run->n_fleets; i++) {
        const struct fw_fleet *f = &run->fleets[i];
        rate += value(x, f->in, FW_IN_COUNT, run->n_fleets == 1 ? 1 : NAN) * x[f->in[FW_IN_PEAK]] *
                x[f->in[FW_IN_UTILISATION]];
    }
    return run->n_fleets > 0 ? work(run, x) / rate : NAN;
}

/* Hours of the chips of a fleet: as said, else its part of what the work takes. */
static double hours(const struct fw_run *run, const struct fw_fleet *f, const double *x)
{
    double said = chip_seconds(f, x);
    if (!isnan(said))
        return said / 3600;
    return seconds_needed(run, x) * value(x, f->in, FW_IN_COUNT, 1) / 3600;
}

/* Sum over fleets of hours times up to three inputs; NAN where a fleet lacks one. */
static double sum_hours(const struct fw_run *run, const double *x, const enum fw_fleet_in *times,
                        unsigned n)
{
    double sum = run->n_fleets > 0 ? 0 : NAN;
    for (uint32_t i = 0; i < run->n_fleets; i++) {
        const struct fw_fleet *f = &run->fleets[i];
        double one = hours(run, f, x);
        for (unsigned k = 0; k < n; k++)
            one *= value(x, f->in, times[k], NAN);
        sum += one;
    }
    return sum;
}

/* How long it takes, or took, from beginning to end. */
static double seconds(const struct fw_run *run, const double *x)
{
    if (run->n_fleets == 0)
        return NAN;
    const struct fw_fleet *f = &run->fleets[0];
    if (run->n_fleets == 1 && has(f->in, FW_IN_GPU_HOURS))
        return x[f->in[FW_IN_GPU_HOURS]] * 3600 / value(x, f->in, FW_IN_COUNT, NAN);
    for (uint32_t i = 0; i < run->n_fleets; i++)
        if (!has(run->fleets[i].in, FW_IN_COUNT) || !isnan(chip_seconds(&run->fleets[i], x)))
            return NAN; // said, or not to be said
    return seconds_needed(run, x);
}

static double chips(const struct fw_run *run, const double *x)
{
    if (run->n_fleets != 1)
        return NAN;
    const struct fw_fleet *f = &run->fleets[0];
    double rate = x[f->in[FW_IN_PEAK]] * x[f->in[FW_IN_UTILISATION]];
    return work(run, x) / (rate * value(x, run->in, FW_IN_DEADLINE, NAN));
}

/* FLOP that money buys on the one fleet there is. */
static double bought(const struct fw_run *run, const double *x)
{
    if (run->n_fleets != 1)
        return NAN;
    const struct fw_fleet *f = &run->fleets[0];
    double paid = value(x, run->in, FW_IN_BUDGET, NAN) / value(x, f->in, FW_IN_PRICE, NAN);
    return paid * 3600 * x[f->in[FW_IN_PEAK]] * x[f->in[FW_IN_UTILISATION]];
}

/* ---- all of it ---- */

struct question {
    const struct fw_run *run;
    enum fw_quantity_name what;
    unsigned classes; // FW_N_QUANTITIES: of these
    const struct fw_run_phase *phase;
    const struct fw_fleet *fleet;
};

static double plan(const struct fw_run *run, enum fw_quantity_name what, const double *x)
{
    static const enum fw_fleet_in price[] = {FW_IN_PRICE}, energy[] = {FW_IN_POWER, FW_IN_PUE},
                                  carbon[] = {FW_IN_POWER, FW_IN_PUE, FW_IN_CARBON};
    switch (what) {
    case FW_Q_GPU_HOURS:
        return sum_hours(run, x, NULL, 0);
    case FW_Q_SECONDS:
        return seconds(run, x);
    case FW_Q_CHIPS:
        return chips(run, x);
    case FW_Q_COST:
        return sum_hours(run, x, price, 1);
    case FW_Q_ENERGY:
        return sum_hours(run, x, energy, 2) / 1000;
    case FW_Q_CARBON:
        return sum_hours(run, x, carbon, 3) / 1e6;
    case FW_Q_BUDGET_FLOP:
        return bought(run, x);
    case FW_Q_TOKENS:
        return bought(run, x) / token_flop(run, x);
    default:
        return value(x, run->in, FW_IN_FLOP_BUDGET, NAN) / token_flop(run, x);
    }
}

static double answer(const void *ctx, const double *x)
{
    const struct question *q = ctx;
    const struct fw_run *run = q->run;
    if (q->phase != NULL)
        return phase_flop(q->phase, x, false);
    if (q->fleet != NULL)
        return fleet_flop(q->fleet, x);
    switch (q->what) {
    case FW_N_QUANTITIES:
        return sum_phases(run, x, q->classes, false, false);
    case FW_Q_METHOD1:
        return sum_phases(run, x, IN_THE_MODEL, false, false);
    case FW_Q_METHOD2:
        return sum_fleets(run, x, true);
    case FW_Q_EXECUTED:
        return sum_phases(run, x, ALL_CLASSES, true, false);
    case FW_Q_HARDWARE:
        return sum_phases(run, x, ALL_CLASSES, true, true);
    case FW_Q_RATIO:
        return sum_phases(run, x, ALL_CLASSES, true, false) / sum_fleets(run, x, true);
    case FW_Q_MFU:
        return sum_phases(run, x, ALL_CLASSES, true, false) / sum_fleets(run, x, false);
    case FW_Q_HFU:
        return sum_phases(run, x, ALL_CLASSES, true, true) / sum_fleets(run, x, false);
    default:
        return plan(run, q->what, x);
    }
}

struct fw_quantity fw_estimate_classes(const struct fw_run *run, unsigned mask, double *x)
{
    struct question q = {.run = run, .what = FW_N_QUANTITIES, .classes = mask};
    return fw_propagate(answer, &q, run->values, run->n_inputs, x);
}

static enum fw_status check_questions(const struct fw_run *run, const struct fw_estimate *e,
                                      struct fw_error *err)
{
    bool budget = has(run->in, FW_IN_BUDGET) || has(run->in, FW_IN_FLOP_BUDGET);
    for (uint32_t i = 0; i < run->n_phases; i++)
        FW_REQUIRE(budget || !isnan(e->phase_flop[i].mid), err, FW_USAGE,
                   "%s: how much data? tokens or examples are wanted", run->phases[i].name);
    FW_REQUIRE(!has(run->in, FW_IN_FLOP_BUDGET) || !isnan(e->q[FW_Q_FLOP_TOKENS].mid), err,
               FW_USAGE, "flop-budget asks for tokens: one phase with a model or params is wanted");
    FW_REQUIRE(!has(run->in, FW_IN_BUDGET) || !isnan(e->q[FW_Q_BUDGET_FLOP].mid), err, FW_USAGE,
               "a budget asks what money buys: hardware of one kind and its price are wanted");
    FW_REQUIRE(!has(run->in, FW_IN_DEADLINE) || !isnan(e->q[FW_Q_CHIPS].mid), err, FW_USAGE,
               "a deadline asks for the number of chips: a model or params with its data, and "
               "hardware, are wanted");
    FW_REQUIRE(!has(run->in, FW_IN_DEADLINE) || !has(run->fleets[0].in, FW_IN_TIME), err, FW_USAGE,
               "a deadline and a time exclude each other");
    return FW_OK;
}

enum fw_status fw_estimate_run(const struct fw_run *run, struct fw_estimate *ret,
                               struct fw_error *err)
{
    double *x = fw_arena_array(run->arena, run->n_inputs + 1, sizeof *x);
    *ret = (struct fw_estimate){
        .run = run,
        .complete = true,
        .phase_flop = fw_arena_array(run->arena, run->n_phases + 1, sizeof *ret->phase_flop),
        .fleet_flop = fw_arena_array(run->arena, run->n_fleets + 1, sizeof *ret->fleet_flop)};
    if (x == NULL || ret->phase_flop == NULL || ret->fleet_flop == NULL)
        return fw_fail_memory(err);
    struct question q = {.run = run};
    for (unsigned i = 0; i < FW_N_QUANTITIES; i++) {
        q.what = i;
        ret->q[i] = fw_propagate(answer, &q, run->values, run->n_inputs, x);
        FW_REQUIRE(!isinf(ret->q[i].high), err, FW_LIMIT,
                   "a result is larger than the numbers kept here (1.8e308)");
    }
    for (unsigned i = 0; i < FW_N_RUN_CLASSES; i++)
        ret->class_flop[i] = fw_estimate_classes(run, 1u << i, x);
    for (uint32_t i = 0; i < run->n_phases; i++) {
        const struct fw_run_phase *p = q.phase = &run->phases[i];
        ret->phase_flop[i] = fw_propagate(answer, &q, run->values, run->n_inputs, x);
        ret->recomputes |= recomputes(p);
        ret->complete &= p->step == NULL || p->step->complete;
    }
    q.phase = NULL;
    for (uint32_t i = 0; i < run->n_fleets; i++) {
        q.fleet = &run->fleets[i];
        ret->fleet_flop[i] = fw_propagate(answer, &q, run->values, run->n_inputs, x);
    }
    return check_questions(run, ret, err);
}

void fw_two_figures(double v, char ret[16])
{
    char text[32];
    char *out = ret;
    (void)snprintf(text, sizeof text, "%.1e", v); // layers: allow into a buffer
    // "2.3e+25" becomes "2.3e25", whatever the locale's decimal point is
    for (const char *p = text; *p != '\0'; p++)
        if (strchr("0123456789-einfa", *p) != NULL)
            *out++ = *p;
        else if (*p != '+' && out > ret && out[-1] != '.')
            *out++ = '.';
    *out = '\0';
}
