/* flopwise.check/1: budgets against what was found. */
#include "passes/stored.h"
#include "report/answers.h"

#include <string.h>

enum { MAX_BUDGETS = 5 };

struct budget {
    const char *name; // "max-params"
    const char *of;
    fw_count limit;
    fw_count found;
    bool lower_bound; // something is missing in found
    bool kept;
};

struct check {
    struct fw_report *r;
    struct fw_analysis *a;
    struct fw_error *err;
    struct budget budgets[MAX_BUDGETS]; // (n)
    uint32_t n;
};

/* ---- limits as text ---- */

struct suffix {
    const char *text;
    fw_i128 times;
};

static const struct suffix suffixes[] = {
    {"", 1},
    {"k", 1000},
    {"K", 1000},
    {"M", 1000000},
    {"G", 1000000000},
    {"B", 1000000000}, // billions, where it is no byte
    {"T", 1000000000000},
    {"P", 1000000000000000},
    {"E", 1000000000000000000},
    {"Ki", 1024},
    {"Mi", 1048576},
    {"Gi", 1073741824},
    {"Ti", 1099511627776},
    {"Pi", 1125899906842624},
};

/* The number at text in tenths to the power of *ret_places: 2.5 -> 25, one place. */
static const char *read_number(const char *text, fw_i128 *ret, int *ret_places)
{
    const char *p = text;
    bool point = false;
    *ret = 0;
    *ret_places = 0;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (*ret > FW_COUNT_MAX / 100)
            return NULL;
        *ret = *ret * 10 + (*p - '0');
        *ret_places += point;
    }
    return p == text || (point && p == text + 1) ? NULL : p;
}

static const char *read_exponent(const char *p, int *places)
{
    if (*p != 'e' || p[1] < '0' || p[1] > '9')
        return p;
    int e = 0;
    for (p++; *p >= '0' && *p <= '9'; p++)
        e = e < 1000 ? e * 10 + (*p - '0') : e;
    *places -= e;
    return p;
}

/* "5M", "2.5G", "2GiB", "1e9": rounded down to a whole number. */
static enum fw_status parse_limit(const char *name, const char *text, bool bytes, fw_count *ret,
                                  struct fw_error *err)
{
    fw_i128 v;
    int places;
    const char *p = read_number(text, &v, &places);
    if (p != NULL)
        p = read_exponent(p, &places);
    const struct suffix *s = NULL;
    size_t len = p == NULL ? 0 : strlen(p);
    if (bytes && len > 0 && p[len - 1] == 'B')
        len--;
    for (unsigned i = 0; p != NULL && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strlen(suffixes[i].text) == len && strncmp(suffixes[i].text, p, len) == 0)
            s = &suffixes[i];
    FW_REQUIRE(s != NULL, err, FW_USAGE, "--%s: a number such as %s is wanted, found '%s'", name,
               bytes ? "2GiB, 800MB or 1e9" : "5M, 2.5G or 1e9", text);
    bool fits = !__builtin_mul_overflow(v, s->times, &v) && v <= FW_COUNT_MAX;
    for (; places < 0 && fits; places++)
        fits = !__builtin_mul_overflow(v, (fw_i128)10, &v) && v <= FW_COUNT_MAX;
    FW_REQUIRE(fits, err, FW_LIMIT, "--%s: '%s' is larger than the numbers kept here", name, text);
    for (; places > 0; places--)
        v /= 10;
    *ret = fw_count_int(v);
    return FW_OK;
}

/* ---- judging ---- */

static enum fw_status add_budget(struct check *c, const char *name, const char *limit,
                                 const char *of, fw_count found, enum fw_unit unit,
                                 bool lower_bound)
{
    if (limit == NULL)
        return FW_OK;
    struct budget *b = &c->budgets[c->n++];
    *b = (struct budget){.name = name, .of = of, .found = found, .lower_bound = lower_bound};
    FW_TRY(parse_limit(name, limit, unit == FW_UNIT_BYTES, &b->limit, c->err));
    int sign = fw_count_sign(c->a->model.sym, fw_count_sub(c->a->model.sym, b->limit, found));
    if (fw_count_is_const(found))
        sign = found.word <= b->limit.word ? 2 : -1;
    FW_REQUIRE(sign != 3 && sign != -2, c->err, FW_USAGE,
               "%s: --%s wants a number to compare with, the model's depends on open sizes: "
               "--batch, --seq and --set give them values",
               c->a->model.path, name);
    b->kept = sign >= 0;
    return FW_OK;
}

static enum fw_status judge(struct check *c, const struct fw_budget *budget)
{
    struct fw_analysis *a = c->a;
    struct fw_symbols *sym = a->model.sym;
    bool gaps = a->totals.n_missing > 0;
    const struct fw_cost *forward = &a->totals.phase[FW_PHASE_FORWARD];
    struct fw_cost step = fw_cost_step(sym, a->totals.phase);
    const struct fw_memory *m = a->trained ? &a->training : &a->inference;
    struct fw_as_stored stored;
    fw_weights_as_stored(&a->model, a->precision, &stored);
    fw_count peak = a->trained ? m->peak_bytes : fw_count_add(sym, m->peak_bytes, stored.more);
    const char *of_peak = a->trained ? "bytes, peak of training" : "bytes, peak of inference";
    FW_TRY(add_budget(c, "max-params", budget->max_params, "parameters", a->totals.params,
                      FW_UNIT_COUNT, gaps));
    FW_TRY(add_budget(c, "max-mac", budget->max_mac, "MAC of forward", fw_cost_mac(forward),
                      FW_UNIT_COUNT, gaps));
    FW_TRY(add_budget(c, "max-flop", budget->max_flop, "FLOP of forward",
                      fw_cost_flop(sym, forward), FW_UNIT_FLOP, gaps));
    FW_TRY(add_budget(c, "max-step-flop", budget->max_step_flop, "FLOP of a training step",
                      fw_cost_flop(sym, &step), FW_UNIT_FLOP, gaps));
    FW_TRY(add_budget(c, "max-memory", budget->max_memory, of_peak, peak, FW_UNIT_BYTES,
                      gaps || !m->complete));
    FW_REQUIRE(c->n > 0, c->err, FW_USAGE, "no budget is given: there is nothing to check");
    return FW_OK;
}

static const struct fw_column columns[] = {
    {"budget", "budget", "name of the budget", FW_UNIT_NONE, FW_VIEW_TABLE},
    {"of", "of", "what is limited, and its unit", FW_UNIT_NONE, FW_VIEW_WIDE},
    {"limit", "limit", "the most that is allowed", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"found", "found", "what the model takes", FW_UNIT_COUNT, FW_VIEW_TABLE},
    {"used", "used", "found over limit", FW_UNIT_SHARE, FW_VIEW_TABLE},
    {"verdict", "verdict", "kept, exceeded, or kept by a lower bound", FW_UNIT_NONE, FW_VIEW_TABLE},
};

static struct fw_value cell(const struct fw_table *t, uint32_t row, uint32_t column)
{
    const struct budget *b = &((const struct check *)t->ctx)->budgets[row];
    switch (column) {
    case 0:
        return fw_value_text(b->name);
    case 1:
        return fw_value_text(b->of);
    case 2:
        return fw_value_count(b->limit);
    case 3:
        return fw_value_count(b->found);
    case 4:
        if (!fw_count_is_const(b->found) || b->limit.word == 0)
            return fw_value_kind(FW_VALUE_NULL);
        return fw_value_float((double)b->found.word / (double)b->limit.word);
    default:
        return fw_value_text(!b->kept ? "exceeded" : b->lower_bound ? "kept so far" : "kept");
    }
}

static const struct fw_column ok_columns[] = {
    {"ok", "ok", "true: every budget is kept", FW_UNIT_NONE, 0}};

static enum fw_status build(struct check *c, const struct fw_asked *asked,
                            const struct fw_budget *budget)
{
    FW_TRY(judge(c, budget));
    bool ok = true, proven = true;
    for (uint32_t i = 0; i < c->n; i++) {
        ok &= c->budgets[i].kept;
        proven &= !c->budgets[i].lower_bound;
    }
    FW_TRY(fw_report_add_model(c->r, c->a, asked, c->err));
    struct fw_value value = fw_value_bool(ok);
    static const struct fw_table head = {.flags = FW_TABLE_MERGE | FW_TABLE_JSON_ONLY};
    FW_TRY(fw_report_record(c->r, &head, ok_columns, &value, 1, c->err));
    struct fw_table *t = fw_arena_zalloc(&c->r->arena, sizeof *t);
    if (t == NULL)
        return fw_fail_memory(c->err);
    *t = (struct fw_table){.key = "checks",
                           .title = "Budgets",
                           .columns = columns,
                           .n_columns = sizeof columns / sizeof *columns,
                           .n_rows = c->n,
                           .flags = FW_TABLE_MAIN | FW_TABLE_EXACT,
                           .ctx = c,
                           .cell = cell};
    fw_report_add(c->r, t);
    if (!ok)
        c->r->status = FW_CHECK_FAILED;
    return fw_report_add_missing(c->r, c->a, proven, c->err);
}

enum fw_status fw_answer_check(struct fw_report **ret, struct fw_analysis *a,
                               const struct fw_asked *asked, const struct fw_budget *budget,
                               struct fw_error *err)
{
    struct fw_report *r = fw_report_new(a->model.alloc, "flopwise.check/1");
    struct check *c = r != NULL ? fw_arena_zalloc(&r->arena, sizeof *c) : NULL;
    if (c == NULL) {
        fw_report_free(r);
        return fw_fail_memory(err);
    }
    c->r = r;
    c->a = a;
    c->err = err;
    r->title = fw_arena_printf(&r->arena, "flopwise check: %s", a->model.path);
    enum fw_status status = build(c, asked, budget);
    return fw_report_finish(ret, r, status);
}
