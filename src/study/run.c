/* Reading the description of a training run; see run.h. What may be said is the table of keys: a
 * key belongs to phases, to fleets or to the run, and is a number with a dimension or a text. */
#include "study/run.h"

#include "base/str.h"
#include "base/utf8.h"

#include <stddef.h>
#include <string.h>

/* ---- words ---- */

static const struct fw_run_kind kinds[] = {
    {"training", FW_RUN_UPDATE, false, false},       // any training of the weights
    {"pretraining", FW_RUN_UPDATE, false, false},    // the main training
    {"annealing", FW_RUN_UPDATE, false, false},      // its end with another mix of data
    {"fine-tuning", FW_RUN_UPDATE, false, false},    // instruction and preference tuning
    {"rl", FW_RUN_UPDATE, false, false},             // updates of reinforcement learning
    {"rollout", FW_RUN_GENERATION, true, false},     // samples for it: forward passes
    {"synthetic", FW_RUN_GENERATION, true, false},   // data made by a model and not published
    {"public-synthetic", FW_RUN_PUBLIC, true, true}, // the same, published
    {"merged", FW_RUN_MERGED, false, true}, // training of weights that were merged or started from
    {"evaluation", FW_RUN_ASIDE, true, false},  // evaluation and red-teaming
    {"experiment", FW_RUN_ASIDE, false, false}, // research and runs that failed
    {"auxiliary", FW_RUN_ASIDE, false, false},  // reward and value models
    {"teacher", FW_RUN_ASIDE, false, true},     // training of a model that is distilled
};

const char *const fw_run_class_names[FW_N_RUN_CLASSES] = {
    [FW_RUN_UPDATE] = "update", [FW_RUN_GENERATION] = "generation", [FW_RUN_MERGED] = "merged",
    [FW_RUN_PUBLIC] = "public", [FW_RUN_ASIDE] = "aside",
};

enum scope { RUN, PHASE, FLEET };

struct key {
    const char *name;
    enum scope scope;
    bool number;
    size_t at; // of the index or of the text in its struct
    enum fw_dimension dimension;
    const char *unit;
};

#define IN(type, i) (offsetof(struct type, in) + (i) * sizeof(uint32_t))
#define PHASE_IN(name, i, dim, unit)                      \
    {                                                     \
        name, PHASE, true, IN(fw_run_phase, i), dim, unit \
    }
#define FLEET_IN(name, i, dim, unit)                  \
    {                                                 \
        name, FLEET, true, IN(fw_fleet, i), dim, unit \
    }
#define RUN_IN(name, i, dim, unit)                \
    {                                             \
        name, RUN, true, IN(fw_run, i), dim, unit \
    }
#define TEXT(name, scope, type, field)                            \
    {                                                             \
        name, scope, false, offsetof(struct type, field), 0, NULL \
    }

static const struct key keys[] = {
    PHASE_IN("params", FW_IN_PARAMS, FW_DIM_NUMBER, ""),
    PHASE_IN("active-params", FW_IN_ACTIVE_PARAMS, FW_DIM_NUMBER, ""),
    PHASE_IN("tokens", FW_IN_TOKENS, FW_DIM_NUMBER, ""),
    PHASE_IN("discarded", FW_IN_DISCARDED, FW_DIM_NUMBER, "tokens"),
    PHASE_IN("examples", FW_IN_EXAMPLES, FW_DIM_NUMBER, ""),
    PHASE_IN("epochs", FW_IN_EPOCHS, FW_DIM_NUMBER, ""),
    PHASE_IN("seq", FW_IN_SEQ, FW_DIM_NUMBER, "tokens"),
    PHASE_IN("flop", FW_IN_FLOP, FW_DIM_NUMBER, "FLOP"),
    TEXT("model", PHASE, fw_run_phase, model),
    TEXT("batch", PHASE, fw_run_phase, batch),
    TEXT("schedule", PHASE, fw_run_phase, schedule),
    TEXT("recompute", PHASE, fw_run_phase, recompute),
    FLEET_IN("count", FW_IN_COUNT, FW_DIM_NUMBER, ""),
    FLEET_IN("time", FW_IN_TIME, FW_DIM_TIME, "s"),
    FLEET_IN("gpu-hours", FW_IN_GPU_HOURS, FW_DIM_NUMBER, "h"),
    FLEET_IN("peak-flops", FW_IN_PEAK, FW_DIM_RATE, "FLOP/s"),
    FLEET_IN("utilization", FW_IN_UTILISATION, FW_DIM_SHARE, ""),
    FLEET_IN("utilisation", FW_IN_UTILISATION, FW_DIM_SHARE, ""),
    FLEET_IN("power", FW_IN_POWER, FW_DIM_POWER, "W"),
    FLEET_IN("pue", FW_IN_PUE, FW_DIM_NUMBER, ""),
    FLEET_IN("price", FW_IN_PRICE, FW_DIM_MONEY, "US$/h"),
    FLEET_IN("carbon", FW_IN_CARBON, FW_DIM_NUMBER, "g/kWh"),
    TEXT("hardware", FLEET, fw_fleet, hardware),
    TEXT("peak-format", FLEET, fw_fleet, format),
    RUN_IN("deadline", FW_IN_DEADLINE, FW_DIM_TIME, "s"),
    RUN_IN("budget", FW_IN_BUDGET, FW_DIM_MONEY, "US$"),
    RUN_IN("flop-budget", FW_IN_FLOP_BUDGET, FW_DIM_NUMBER, "FLOP"),
    RUN_IN("modifies", FW_IN_MODIFIES, FW_DIM_NUMBER, "FLOP"),
    TEXT("name", RUN, fw_run, name),
    TEXT("domain", RUN, fw_run, domain),
};

enum { N_KEYS = sizeof keys / sizeof *keys };

/* ---- adding ---- */

static uint32_t *input_at(void *object, const struct key *k)
{
    return (uint32_t *)(void *)((char *)object + k->at);
}

static const char **text_at(void *object, const struct key *k)
{
    return (const char **)(void *)((char *)object + k->at);
}

static enum fw_status add_input(struct fw_run *run, struct fw_input input, struct fw_quantity value,
                                uint32_t *ret, struct fw_error *err)
{
    FW_REQUIRE(run->n_inputs < FW_RUN_INPUTS, err, FW_LIMIT, "a run has at most %d inputs",
               FW_RUN_INPUTS);
    run->inputs[run->n_inputs] = input;
    run->values[run->n_inputs] = value;
    *ret = run->n_inputs++;
    return FW_OK;
}

enum fw_status fw_run_assume(struct fw_run *run, const char *owner, const char *name,
                             const char *unit, struct fw_quantity value, const char *origin,
                             uint32_t *ret, struct fw_error *err)
{
    return add_input(run, (struct fw_input){owner, name, unit, NULL, origin}, value, ret, err);
}

static void clear_inputs(uint32_t *in, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        in[i] = FW_NO_INPUT;
}

static struct fw_run_phase empty_phase(void)
{
    struct fw_run_phase p = {.kind = &kinds[0]};
    clear_inputs(p.in, FW_N_PHASE_IN);
    return p;
}

static struct fw_fleet empty_fleet(void)
{
    struct fw_fleet f = {.figure = FW_N_PEAKS};
    clear_inputs(f.in, FW_N_FLEET_IN);
    return f;
}

static const struct key *find_key(const char *name)
{
    for (unsigned i = 0; i < N_KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

/* Where a key of this scope is written at the moment. */
struct place {
    struct fw_run_phase *phase; // the section that is open, or all_phases
    struct fw_fleet *fleet;
    const char *owner;  // name of the section, or NULL
    const char *dashes; // "--" on the command line
};

static enum fw_status set(struct fw_run *run, const struct place *at, const char *name,
                          const char *value, struct fw_error *err)
{
    const struct key *k = find_key(name);
    FW_REQUIRE(k != NULL, err, FW_USAGE, "there is no '%s' in the description of a run", name);
    bool fits = k->scope == PHASE   ? at->phase != NULL
                : k->scope == FLEET ? at->fleet != NULL
                                    : at->owner == NULL;
    FW_REQUIRE(fits, err, FW_USAGE, "'%s' does not belong into this section", name);
    void *object = k->scope == PHASE   ? (void *)at->phase
                   : k->scope == FLEET ? (void *)at->fleet
                                       : (void *)run;
    if (k->at == IN(fw_run, FW_IN_MODIFIES) && k->scope == RUN && strcmp(value, "unknown") == 0) {
        run->modifies_unknown = value;
        return FW_OK;
    }
    char *shown = fw_arena_printf(run->arena, "%s%s", at->dashes, name);
    if (shown == NULL)
        return fw_fail_memory(err);
    if (!k->number) {
        FW_REQUIRE(*text_at(object, k) == NULL, err, FW_USAGE, "%s is given twice", shown);
        FW_REQUIRE(value[0] != '\0', err, FW_USAGE, "%s wants a value", shown);
        *text_at(object, k) = value;
        return FW_OK;
    }
    struct fw_quantity q;
    FW_REQUIRE(*input_at(object, k) == FW_NO_INPUT, err, FW_USAGE, "%s is given twice", shown);
    FW_TRY(fw_quantity_parse(shown, value, k->dimension, &q, err));
    return add_input(run, (struct fw_input){at->owner, k->name, k->unit, value, NULL}, q,
                     input_at(object, k), err);
}

/* ---- the file ---- */

struct reader {
    struct fw_run *run;
    struct fw_error *err;
    struct place at;
    unsigned line;
};

/* Text between two places without the blanks around it. */
static char *trimmed(struct fw_run *run, const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t' || *from == '\r'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return fw_arena_strndup(run->arena, from, (size_t)(to - from));
}

static enum fw_status open_fleet(struct reader *r, const char *name)
{
    struct fw_run *run = r->run;
    FW_REQUIRE(run->n_fleets < FW_RUN_FLEETS, r->err, FW_LIMIT, "more than %d fleets",
               FW_RUN_FLEETS);
    run->fleets[run->n_fleets] = empty_fleet();
    run->fleets[run->n_fleets].name = name;
    r->at = (struct place){.fleet = &run->fleets[run->n_fleets++], .owner = name, .dashes = ""};
    return FW_OK;
}

static enum fw_status open_phase(struct reader *r, const struct fw_run_kind *kind, const char *name)
{
    struct fw_run *run = r->run;
    FW_REQUIRE(run->n_phases < FW_RUN_PHASES, r->err, FW_LIMIT, "more than %d phases",
               FW_RUN_PHASES);
    run->phases[run->n_phases] = empty_phase();
    run->phases[run->n_phases].name = name;
    run->phases[run->n_phases].kind = kind;
    r->at = (struct place){.phase = &run->phases[run->n_phases++], .owner = name, .dashes = ""};
    return FW_OK;
}

/* [KIND] or [KIND NAME] */
static enum fw_status read_section(struct reader *r, const char *from, const char *to)
{
    const char *end = to;
    while (end > from && end[-1] != ']')
        end--;
    FW_REQUIRE(end > from, r->err, FW_FORMAT, "a section ends in ]");
    const char *word = trimmed(r->run, from, end - 1);
    if (word == NULL)
        return fw_fail_memory(r->err);
    size_t len = strcspn(word, " \t");
    const char *name = word + len + strspn(word + len, " \t");
    name = name[0] != '\0' ? name : word;
    if (len == 5 && memcmp(word, "fleet", len) == 0)
        return open_fleet(r, name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, word, len) == 0)
            return open_phase(r, &kinds[i], name);
    struct fw_str list;
    fw_str_init(&list, r->run->arena->alloc);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        fw_str_addf(&list, ", %s", kinds[i].name);
    enum fw_status status =
        fw_fail(r->err, FW_FORMAT, -1, "there is no section '%.*s'; there are fleet%s", (int)len,
                word, fw_str_text(&list));
    fw_str_free(&list);
    return status;
}

static enum fw_status read_line(struct reader *r, const char *from, const char *to)
{
    const char *hash = memchr(from, '#', (size_t)(to - from));
    to = hash != NULL ? hash : to;
    const char *text = trimmed(r->run, from, to);
    if (text == NULL)
        return fw_fail_memory(r->err);
    if (text[0] == '\0')
        return FW_OK;
    if (text[0] == '[')
        return read_section(r, text + 1, text + strlen(text));
    const char *equals = strchr(text, '=');
    FW_REQUIRE(equals != NULL, r->err, FW_FORMAT, "'%.60s': NAME = VALUE or [SECTION] is wanted",
               text);
    const char *name = trimmed(r->run, text, equals);
    const char *value = trimmed(r->run, equals + 1, text + strlen(text));
    if (name == NULL || value == NULL)
        return fw_fail_memory(r->err);
    return set(r->run, &r->at, name, value, r->err);
}

static bool is_text(const char *file, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned len = file[i] == '\0' ? 0 : fw_utf8_length(file + i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

static enum fw_status read_file(struct reader *r, const char *file, size_t n)
{
    enum { MOST = 1 << 20 };
    FW_REQUIRE(n <= MOST, r->err, FW_LIMIT, "a run file has at most 1 MiB");
    file = fw_arena_strndup(r->run->arena, file, n);
    if (file == NULL)
        return fw_fail_memory(r->err);
    FW_REQUIRE(is_text(file, n), r->err, FW_FORMAT, "a run file is text in UTF-8");
    for (const char *p = file; p < file + n;) {
        const char *end = p + strcspn(p, "\n");
        r->line++;
        enum fw_status status = read_line(r, p, end);
        if (status != FW_OK) {
            fw_error_prefix(r->err, "line %u: ", r->line);
            return status;
        }
        p = end + 1;
    }
    return FW_OK;
}

static enum fw_status start(struct fw_run *run, struct fw_arena *arena, struct fw_error *err)
{
    *run = (struct fw_run){.arena = arena,
                           .all_phases = empty_phase(),
                           .all_fleets = empty_fleet(),
                           .inputs = fw_arena_array(arena, FW_RUN_INPUTS, sizeof *run->inputs),
                           .values = fw_arena_array(arena, FW_RUN_INPUTS, sizeof *run->values),
                           .phases = fw_arena_array(arena, FW_RUN_PHASES, sizeof *run->phases),
                           .fleets = fw_arena_array(arena, FW_RUN_FLEETS, sizeof *run->fleets)};
    clear_inputs(run->in, FW_N_RUN_IN);
    bool ok =
        run->inputs != NULL && run->values != NULL && run->phases != NULL && run->fleets != NULL;
    return ok ? fw_hardware_load(arena, &run->hardware, err) : fw_fail_memory(err);
}

enum fw_status fw_run_read(struct fw_run *ret, struct fw_arena *arena,
                           const struct fw_setting *settings, size_t n_settings, const char *file,
                           size_t n, struct fw_error *err)
{
    FW_TRY(start(ret, arena, err));
    struct reader r = {
        .run = ret, .err = err, .at = {&ret->all_phases, &ret->all_fleets, NULL, "--"}};
    for (size_t i = 0; i < n_settings; i++)
        FW_TRY(set(ret, &r.at, settings[i].name, settings[i].value, err));
    r.at.dashes = "";
    if (file != NULL)
        FW_TRY(read_file(&r, file, n));
    return fw_run_complete(ret, err);
}
