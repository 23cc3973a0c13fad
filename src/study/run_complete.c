/* From what was said about a run to what is computed with; see run.h. */
#include "study/run.h"

#include "base/real.h"

#include <math.h>
#include <string.h>

/* ---- what holds for all ---- */

static void inherit(uint32_t *in, const uint32_t *all, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (in[i] == FW_NO_INPUT)
            in[i] = all[i];
}

static bool says_anything(const uint32_t *in, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (in[i] != FW_NO_INPUT)
            return true;
    return false;
}

static bool has(const uint32_t *in, unsigned i)
{
    return in[i] != FW_NO_INPUT;
}

/* A phase that says how large its model is, or how much it computes, does not take that from what
 * holds for all; nor does one that says how much data it has. */
static void inherit_phase(struct fw_run_phase *p, const struct fw_run_phase *all)
{
    static const enum fw_phase_in size[] = {FW_IN_PARAMS, FW_IN_ACTIVE_PARAMS, FW_IN_FLOP};
    static const enum fw_phase_in data[] = {FW_IN_TOKENS, FW_IN_EXAMPLES, FW_IN_EPOCHS,
                                            FW_IN_DISCARDED};
    uint32_t from[FW_N_PHASE_IN];
    memcpy(from, all->in, sizeof from);
    bool flop = has(p->in, FW_IN_FLOP);
    bool sized = flop || has(p->in, FW_IN_PARAMS) || has(p->in, FW_IN_ACTIVE_PARAMS) || p->model;
    bool fed = flop || has(p->in, FW_IN_TOKENS) || has(p->in, FW_IN_EXAMPLES) || p->schedule;
    for (unsigned i = 0; i < 3 && sized; i++)
        from[size[i]] = FW_NO_INPUT;
    for (unsigned i = 0; i < 4 && fed; i++)
        from[data[i]] = FW_NO_INPUT;
    if (flop)
        from[FW_IN_SEQ] = FW_NO_INPUT;
    inherit(p->in, from, FW_N_PHASE_IN);
    if (p->model == NULL && !sized)
        p->model = all->model;
    if (p->batch == NULL && p->model != NULL)
        p->batch = all->batch;
    if (p->schedule == NULL && !fed)
        p->schedule = all->schedule;
    if (p->recompute == NULL && !flop && !p->kind->forward_only)
        p->recompute = all->recompute;
}

static void inherit_fleet(struct fw_fleet *f, const struct fw_fleet *all)
{
    uint32_t from[FW_N_FLEET_IN];
    memcpy(from, all->in, sizeof from);
    if (has(f->in, FW_IN_TIME) || has(f->in, FW_IN_GPU_HOURS))
        from[FW_IN_TIME] = from[FW_IN_GPU_HOURS] = FW_NO_INPUT;
    if (f->hardware != NULL)
        from[FW_IN_PEAK] = from[FW_IN_POWER] = FW_NO_INPUT;
    inherit(f->in, from, FW_N_FLEET_IN);
    f->hardware = f->hardware != NULL ? f->hardware : all->hardware;
    f->format = f->format != NULL ? f->format : all->format;
}

/* Without sections what holds for all is the one phase and the one fleet. */
static void add_implied(struct fw_run *run)
{
    const struct fw_run_phase *p = &run->all_phases;
    const struct fw_fleet *f = &run->all_fleets;
    if (run->n_phases == 0 && (says_anything(p->in, FW_N_PHASE_IN) || p->model || p->schedule)) {
        run->phases[run->n_phases] = *p;
        run->phases[run->n_phases++].name = "training";
    }
    bool fleet = f->hardware != NULL || has(f->in, FW_IN_PEAK) || has(f->in, FW_IN_COUNT) ||
                 has(f->in, FW_IN_TIME) || has(f->in, FW_IN_GPU_HOURS);
    if (run->n_fleets == 0 && fleet) {
        run->fleets[run->n_fleets] = *f;
        run->fleets[run->n_fleets++].name = "fleet";
    }
}

/* ---- schedules ---- */

/* "4096: 1.6e12, 8192: 4e11": a phase for each, of that length and with those tokens. */
static enum fw_status add_stage(struct fw_run *run, const struct fw_run_phase *from,
                                const char *stage, size_t len, struct fw_error *err)
{
    struct fw_run_phase p = *from;
    struct fw_quantity seq, tokens;
    const char *colon = memchr(stage, ':', len);
    FW_REQUIRE(colon != NULL, err, FW_USAGE, "%s: schedule '%.*s': LENGTH: TOKENS is wanted",
               from->name, (int)len, stage);
    FW_REQUIRE(run->n_phases < FW_RUN_PHASES, err, FW_LIMIT, "more than %d phases", FW_RUN_PHASES);
    char *length = fw_arena_strndup(run->arena, stage, (size_t)(colon - stage));
    char *data = fw_arena_strndup(run->arena, colon + 1, len - (size_t)(colon + 1 - stage));
    if (length == NULL || data == NULL)
        return fw_fail_memory(err);
    length += strspn(length, " ");
    data += strspn(data, " ");
    p.name = fw_arena_printf(run->arena, "%s, length %s", from->name, length);
    p.schedule = NULL;
    if (p.name == NULL)
        return fw_fail_memory(err);
    FW_TRY(fw_quantity_parse("length", length, FW_DIM_NUMBER, &seq, err));
    FW_TRY(fw_quantity_parse("tokens", data, FW_DIM_NUMBER, &tokens, err));
    FW_TRY(fw_run_assume(run, p.name, "seq", "tokens", seq, NULL, &p.in[FW_IN_SEQ], err));
    run->inputs[p.in[FW_IN_SEQ]].text = length;
    FW_TRY(fw_run_assume(run, p.name, "tokens", "", tokens, NULL, &p.in[FW_IN_TOKENS], err));
    run->inputs[p.in[FW_IN_TOKENS]].text = data;
    run->phases[run->n_phases++] = p;
    return FW_OK;
}

static enum fw_status expand(struct fw_run *run, struct fw_error *err)
{
    uint32_t n = run->n_phases;
    struct fw_run_phase *old = fw_arena_copy(run->arena, run->phases, n * sizeof *old);
    if (old == NULL)
        return fw_fail_memory(err);
    run->n_phases = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].schedule == NULL) {
            FW_REQUIRE(run->n_phases < FW_RUN_PHASES, err, FW_LIMIT, "more than %d phases",
                       FW_RUN_PHASES);
            run->phases[run->n_phases++] = old[i];
            continue;
        }
        FW_REQUIRE(!has(old[i].in, FW_IN_TOKENS) && !has(old[i].in, FW_IN_EXAMPLES) &&
                       !has(old[i].in, FW_IN_SEQ),
                   err, FW_USAGE,
                   "%s: a schedule says tokens and lengths: tokens, examples and seq "
                   "do not go with it",
                   old[i].name);
        for (const char *p = old[i].schedule; *p != '\0';) {
            size_t len = strcspn(p, ",");
            FW_TRY(add_stage(run, &old[i], p, len, err));
            p += len + (p[len] == ',');
        }
    }
    return FW_OK;
}

/* ---- phases ---- */

static enum fw_status check_phase(const struct fw_run *run, const struct fw_run_phase *p,
                                  struct fw_error *err)
{
    bool flop = has(p->in, FW_IN_FLOP), tokens = has(p->in, FW_IN_TOKENS);
    bool params = has(p->in, FW_IN_PARAMS) || has(p->in, FW_IN_ACTIVE_PARAMS);
    bool data = tokens || has(p->in, FW_IN_EXAMPLES);
    FW_REQUIRE(flop + params + (p->model != NULL) <= 1, err, FW_USAGE,
               "%s: a model, params and flop exclude each other: each says how much is computed",
               p->name);
    FW_REQUIRE(flop + params + (p->model != NULL) == 1, err, FW_USAGE,
               "%s: how large is the network? model, params (or active-params) or flop is wanted",
               p->name);
    FW_REQUIRE(!(tokens && has(p->in, FW_IN_EXAMPLES)), err, FW_USAGE,
               "%s: tokens and examples exclude each other", p->name);
    FW_REQUIRE(!flop || !data, err, FW_USAGE,
               "%s: flop is all of it: no tokens or examples go with it", p->name);
    FW_REQUIRE(!has(p->in, FW_IN_EPOCHS) || data, err, FW_USAGE,
               "%s: epochs of what? tokens or examples are wanted", p->name);
    FW_REQUIRE(!has(p->in, FW_IN_DISCARDED) || (tokens && p->kind->forward_only), err, FW_USAGE,
               "%s: discarded is about tokens that a model made (rollout, synthetic)", p->name);
    FW_REQUIRE(p->batch == NULL || p->model != NULL, err, FW_USAGE,
               "%s: a batch changes nothing without a model", p->name);
    FW_REQUIRE(p->recompute == NULL || !p->kind->forward_only, err, FW_USAGE,
               "%s: forward passes recompute nothing", p->name);
    const struct fw_quantity *all = fw_run_value(run, p->in[FW_IN_PARAMS]);
    const struct fw_quantity *active = fw_run_value(run, p->in[FW_IN_ACTIVE_PARAMS]);
    FW_REQUIRE(all == NULL || active == NULL || active->low <= all->high, err, FW_USAGE,
               "%s: more parameters are active than there are", p->name);
    if (p->recompute != NULL && p->model == NULL)
        FW_REQUIRE(strcmp(p->recompute, "none") == 0 || strcmp(p->recompute, "full") == 0, err,
                   FW_USAGE, "%s: recompute '%s': without a model it is none or full", p->name,
                   p->recompute);
    return FW_OK;
}

/* ---- fleets ---- */

static bool is_language(const struct fw_run *run)
{
    if (run->domain != NULL)
        return strcmp(run->domain, "language") == 0;
    bool examples = false;
    for (uint32_t i = 0; i < run->n_phases; i++) {
        if (has(run->phases[i].in, FW_IN_TOKENS))
            return true;
        examples |= has(run->phases[i].in, FW_IN_EXAMPLES);
    }
    return !examples;
}

/* What nobody said is one assumption for all fleets, not one for each. */
static enum fw_status assume(struct fw_run *run, struct fw_fleet *f, enum fw_fleet_in in,
                             const char *name, struct fw_quantity value, const char *origin,
                             struct fw_error *err)
{
    uint32_t *all = &run->all_fleets.in[in];
    if (*all == FW_NO_INPUT)
        FW_TRY(fw_run_assume(run, NULL, name, "", value, origin, all, err));
    f->in[in] = *all;
    return FW_OK;
}

/* Epoch AI's defaults; the intervals are the reported values: 46 of language models, and what
 * practitioners said of others. */
static enum fw_status assume_utilisation(struct fw_run *run, struct fw_fleet *f,
                                         struct fw_error *err)
{
    if (is_language(run))
        return assume(run, f, FW_IN_UTILISATION, "utilisation",
                      (struct fw_quantity){0.30, 0.17, 0.55},
                      "assumed: usual for language models, 46 reported values", err);
    return assume(run, f, FW_IN_UTILISATION, "utilisation", (struct fw_quantity){0.40, 0.25, 0.62},
                  "assumed: usual for other models, values of practitioners", err);
}

static enum fw_status find_format(struct fw_fleet *f, struct fw_error *err)
{
    f->figure = fw_hardware_usual_peak(f->match.device);
    if (f->format == NULL)
        return FW_OK;
    static const struct {
        const char *also;
        enum fw_figure figure;
    } names[] = {{"bf16", FW_FIGURE_MATRIX16}, {"fp16", FW_FIGURE_MATRIX16}};
    f->figure = FW_N_PEAKS;
    for (unsigned i = 0; i < FW_N_PEAKS; i++)
        if (strcmp(fw_figures[i].name, f->format) == 0 ||
            strcmp(fw_figures[i].title, f->format) == 0)
            f->figure = i;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].also, f->format) == 0)
            f->figure = names[i].figure;
    FW_REQUIRE(f->figure != FW_N_PEAKS, err, FW_USAGE,
               "peak-format '%s': fp64, fp32, tf32, bf16, fp16, fp8, fp4, int8 or int4 is wanted",
               f->format);
    if (f->figure == FW_FIGURE_MATRIX16 &&
        fw_hardware_figure(f->match.device, f->figure, NULL) == 0)
        f->figure = FW_FIGURE_FP16;
    return FW_OK;
}

static enum fw_status take_figure(struct fw_run *run, struct fw_fleet *f, enum fw_figure figure,
                                  const char *name, enum fw_fleet_in in, struct fw_error *err)
{
    const char *source = "";
    double v = fw_hardware_figure(f->match.device, figure, &source);
    if (v == 0 || has(f->in, in))
        return FW_OK;
    bool epoch = strcmp(source, "epoch") == 0;
    const char *origin = fw_arena_printf(run->arena, "%s: %s of one %s, %s", f->match.device->name,
                                         fw_figures[figure].title, f->match.device->per,
                                         epoch ? "Epoch AI's table" : "curated table");
    if (origin == NULL)
        return fw_fail_memory(err);
    return fw_run_assume(run, f->name, name, fw_figures[figure].unit, fw_quantity_exact(v), origin,
                         &f->in[in], err);
}

static enum fw_status look_up(struct fw_run *run, struct fw_fleet *f, struct fw_error *err)
{
    FW_REQUIRE(f->format == NULL || (f->hardware != NULL && !has(f->in, FW_IN_PEAK)), err, FW_USAGE,
               "%s: a peak-format picks a peak of known hardware; peak-flops says it as a number",
               f->name);
    if (f->hardware == NULL)
        return FW_OK;
    FW_TRY(fw_hardware_find(&run->hardware, f->hardware, &f->match, err));
    if (!has(f->in, FW_IN_PEAK)) {
        FW_TRY(find_format(f, err));
        FW_REQUIRE(f->figure != FW_N_PEAKS &&
                       fw_hardware_figure(f->match.device, f->figure, NULL) != 0,
                   err, FW_USAGE, "no %s peak of %s is known; peak-flops says it as a number",
                   f->format != NULL ? f->format : "dense", f->match.device->name);
        FW_TRY(take_figure(run, f, f->figure, "peak", FW_IN_PEAK, err));
    }
    return take_figure(run, f, FW_FIGURE_POWER, "power", FW_IN_POWER, err);
}

static enum fw_status complete_fleet(struct fw_run *run, struct fw_fleet *f, struct fw_error *err)
{
    const struct fw_quantity *pue;
    FW_REQUIRE(!(has(f->in, FW_IN_TIME) && has(f->in, FW_IN_GPU_HOURS)), err, FW_USAGE,
               "%s: time and gpu-hours exclude each other: gpu-hours are count times time",
               f->name);
    FW_REQUIRE(f->hardware != NULL || has(f->in, FW_IN_PEAK), err, FW_USAGE,
               "%s: what hardware? a name or its peak-flops is wanted", f->name);
    FW_TRY(look_up(run, f, err));
    if (has(f->in, FW_IN_TIME) && !has(f->in, FW_IN_COUNT))
        FW_TRY(fw_run_assume(run, f->name, "count", "", fw_quantity_exact(1), "assumed: one device",
                             &f->in[FW_IN_COUNT], err));
    if (!has(f->in, FW_IN_UTILISATION))
        FW_TRY(assume_utilisation(run, f, err));
    if (has(f->in, FW_IN_POWER) && !has(f->in, FW_IN_PUE))
        FW_TRY(assume(run, f, FW_IN_PUE, "pue", (struct fw_quantity){1.3, 1.08, 1.58},
                      "assumed: from the best operators to the average of the industry", err));
    pue = fw_run_value(run, f->in[FW_IN_PUE]);
    FW_REQUIRE(pue == NULL || pue->low >= 1, err, FW_USAGE,
               "%s: a PUE below 1: a site takes at least what its chips take", f->name);
    FW_REQUIRE(!has(f->in, FW_IN_CARBON) || has(f->in, FW_IN_POWER), err, FW_USAGE,
               "%s: carbon of what energy? power is not known", f->name);
    return FW_OK;
}

/* ---- the run ---- */

static enum fw_status check_run(struct fw_run *run, struct fw_error *err)
{
    const struct fw_fleet *all = &run->all_fleets;
    FW_REQUIRE(run->n_phases + run->n_fleets > 0, err, FW_USAGE,
               "nothing to estimate: a model or params with tokens or examples, hardware with its "
               "time, or a run file is wanted");
    FW_REQUIRE(run->n_fleets > 0 || !says_anything(all->in, FW_N_FLEET_IN), err, FW_USAGE,
               "utilisation, power, pue, price and carbon change nothing without hardware");
    FW_REQUIRE(run->domain == NULL || strcmp(run->domain, "language") == 0 ||
                   strcmp(run->domain, "other") == 0,
               err, FW_USAGE, "domain '%s': language or other is wanted", run->domain);
    FW_REQUIRE(run->modifies_unknown == NULL || run->in[FW_IN_MODIFIES] == FW_NO_INPUT, err,
               FW_USAGE, "modifies is given twice");
    unsigned timed = 0;
    for (uint32_t i = 0; i < run->n_fleets; i++)
        timed += has(run->fleets[i].in, FW_IN_TIME) || has(run->fleets[i].in, FW_IN_GPU_HOURS);
    FW_REQUIRE(timed == 0 || timed == run->n_fleets, err, FW_USAGE,
               "some fleets have a time or gpu-hours and others have none");
    FW_REQUIRE(run->in[FW_IN_DEADLINE] == FW_NO_INPUT || run->n_fleets == 1, err, FW_USAGE,
               "a deadline asks how many of one kind of hardware: one is wanted, found %u",
               run->n_fleets);
    return FW_OK;
}

enum fw_status fw_run_complete(struct fw_run *run, struct fw_error *err)
{
    for (uint32_t i = 0; i < run->n_phases; i++)
        inherit_phase(&run->phases[i], &run->all_phases);
    for (uint32_t i = 0; i < run->n_fleets; i++)
        inherit_fleet(&run->fleets[i], &run->all_fleets);
    add_implied(run);
    FW_TRY(check_run(run, err));
    FW_TRY(expand(run, err));
    for (uint32_t i = 0; i < run->n_phases; i++)
        FW_TRY(check_phase(run, &run->phases[i], err));
    for (uint32_t i = 0; i < run->n_fleets; i++)
        FW_TRY(complete_fleet(run, &run->fleets[i], err));
    return FW_OK;
}
