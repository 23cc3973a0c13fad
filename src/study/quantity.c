/* Reading uncertain numbers and propagating them; see quantity.h. */
#include "study/quantity.h"

#include "base/real.h"

#include <math.h>
#include <string.h>

/* ---- reading ---- */

static const struct unit {
    enum fw_dimension dimension;
    const char *name;
    double factor;
} units[] = {
    {FW_DIM_NUMBER, "", 1},         {FW_DIM_NUMBER, "k", 1e3},
    {FW_DIM_NUMBER, "K", 1e3},      {FW_DIM_NUMBER, "M", 1e6},
    {FW_DIM_NUMBER, "G", 1e9},      {FW_DIM_NUMBER, "B", 1e9},
    {FW_DIM_NUMBER, "T", 1e12},     {FW_DIM_NUMBER, "P", 1e15},
    {FW_DIM_NUMBER, "E", 1e18},     {FW_DIM_NUMBER, "PF-days", 8.64e19},
    {FW_DIM_NUMBER, "FLOP", 1},     {FW_DIM_SHARE, "", 1},
    {FW_DIM_SHARE, "%", 0.01},      {FW_DIM_TIME, "", 1},
    {FW_DIM_TIME, "s", 1},          {FW_DIM_TIME, "min", 60},
    {FW_DIM_TIME, "h", 3600},       {FW_DIM_TIME, "hours", 3600},
    {FW_DIM_TIME, "d", 86400},      {FW_DIM_TIME, "day", 86400},
    {FW_DIM_TIME, "days", 86400},   {FW_DIM_TIME, "w", 604800},
    {FW_DIM_TIME, "weeks", 604800}, {FW_DIM_TIME, "months", 2628000},
    {FW_DIM_TIME, "y", 31536000},   {FW_DIM_TIME, "years", 31536000},
    {FW_DIM_RATE, "", 1},           {FW_DIM_RATE, "G", 1e9},
    {FW_DIM_RATE, "T", 1e12},       {FW_DIM_RATE, "P", 1e15},
    {FW_DIM_RATE, "TFLOP/s", 1e12}, {FW_DIM_RATE, "TFLOPS", 1e12},
    {FW_DIM_RATE, "PFLOP/s", 1e15}, {FW_DIM_RATE, "PFLOPS", 1e15},
    {FW_DIM_RATE, "FLOP/s", 1},     {FW_DIM_POWER, "", 1},
    {FW_DIM_POWER, "W", 1},         {FW_DIM_POWER, "kW", 1e3},
    {FW_DIM_MONEY, "", 1},          {FW_DIM_MONEY, "k", 1e3},
    {FW_DIM_MONEY, "M", 1e6},       {FW_DIM_MONEY, "B", 1e9},
};

static const char *const examples[FW_N_DIMENSIONS] = {
    [FW_DIM_NUMBER] = "7e9, 70B, 3e23..5e23 or 2T+-10%",
    [FW_DIM_SHARE] = "0.4, 40% or 0.3..0.5",
    [FW_DIM_TIME] = "90d, 12h, 20d..30d or 90d+-10%",
    [FW_DIM_RATE] = "312e12, 312T or 300T..312T",
    [FW_DIM_POWER] = "700W, 1.2kW or 600..700",
    [FW_DIM_MONEY] = "2.5, 3M or 2..4",
};

/* The unit at the beginning of text, the longest that fits and is followed by one of the marks that
 * may stand behind a number; NULL where there is none. */
static const struct unit *find_unit(enum fw_dimension dimension, const char *text)
{
    const struct unit *best = NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i].name);
        const char *rest = text + len;
        if (units[i].dimension != dimension || strncmp(text, units[i].name, len) != 0 ||
            !(*rest == '\0' || *rest == ' ' || strncmp(rest, "..", 2) == 0 ||
              strncmp(rest, "+-", 2) == 0 || strncmp(rest, "\xc2\xb1", 2) == 0))
            continue;
        if (best == NULL || len > strlen(best->name))
            best = &units[i];
    }
    return best;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " ");
}

/* A number with its unit; NULL where there is none. *ret_unit NULL: it has no unit of its own. */
static const char *read_one(const char *p, enum fw_dimension dimension, double *ret,
                            const struct unit **ret_unit)
{
    size_t len;
    *ret = fw_real_parse(p, &len);
    if (len == 0)
        return NULL;
    p = skip_blanks(p + len);
    const struct unit *unit = find_unit(dimension, p);
    if (unit == NULL)
        return NULL;
    *ret_unit = unit->name[0] != '\0' ? unit : NULL;
    return skip_blanks(p + strlen(unit->name));
}

static enum fw_status fail(const char *name, const char *text, enum fw_dimension dimension,
                           struct fw_error *err)
{
    return fw_fail(err, FW_USAGE, -1, "%s '%s': a number such as %s is wanted", name, text,
                   examples[dimension]);
}

/* x±10%: of 10 % of x. */
static enum fw_status read_margin(const char *name, const char *text, const char *p, double v,
                                  struct fw_quantity *ret, struct fw_error *err)
{
    size_t len;
    double percent = fw_real_parse(p, &len);
    FW_REQUIRE(len > 0 && strcmp(skip_blanks(p + len), "%") == 0, err, FW_USAGE,
               "%s '%s': a percentage is wanted behind the number, as in 1e12+-10%%", name, text);
    FW_REQUIRE(percent >= 0 && percent < 100, err, FW_USAGE,
               "%s '%s': the percentage must be from 0 to below 100", name, text);
    *ret = (struct fw_quantity){v, v * (1 - percent / 100), v * (1 + percent / 100)};
    return FW_OK;
}

static enum fw_status read_range(const char *name, const char *text, const char *p,
                                 enum fw_dimension dimension, double low, const struct unit *unit,
                                 struct fw_quantity *ret, struct fw_error *err)
{
    double high;
    const struct unit *last;
    p = read_one(skip_blanks(p), dimension, &high, &last);
    if (p == NULL || *p != '\0')
        return fail(name, text, dimension, err);
    if (unit == NULL && last != NULL) // 20..30d
        unit = last;
    low *= unit != NULL ? unit->factor : 1;
    high *= last != NULL ? last->factor : unit != NULL ? unit->factor : 1;
    FW_REQUIRE(low <= high, err, FW_USAGE,
               "%s '%s': a range goes from its lower end to its upper one", name, text);
    *ret = (struct fw_quantity){sqrt(low) * sqrt(high), low, high};
    return FW_OK;
}

static enum fw_status read_any(const char *name, const char *text, enum fw_dimension dimension,
                               struct fw_quantity *ret, struct fw_error *err)
{
    double v;
    const struct unit *unit;
    const char *p = read_one(skip_blanks(text), dimension, &v, &unit);
    if (p == NULL)
        return fail(name, text, dimension, err);
    if (strncmp(p, "..", 2) == 0)
        return v > 0 ? read_range(name, text, p + 2, dimension, v, unit, ret, err)
                     : fw_fail(err, FW_USAGE, -1, "%s '%s': it must be above 0", name, text);
    v *= unit != NULL ? unit->factor : 1;
    if (strncmp(p, "+-", 2) == 0 || strncmp(p, "\xc2\xb1", 2) == 0)
        return read_margin(name, text, skip_blanks(p + 2), v, ret, err);
    *ret = fw_quantity_exact(v);
    return *p == '\0' ? FW_OK : fail(name, text, dimension, err);
}

enum fw_status fw_quantity_parse(const char *name, const char *text, enum fw_dimension dimension,
                                 struct fw_quantity *ret, struct fw_error *err)
{
    FW_TRY(read_any(name, text, dimension, ret, err));
    FW_REQUIRE(ret->low > 0, err, FW_USAGE, "%s '%s': it must be above 0", name, text);
    FW_REQUIRE(isfinite(ret->high), err, FW_LIMIT, "%s '%s': too large", name, text);
    FW_REQUIRE(dimension != FW_DIM_SHARE || ret->high <= 1, err, FW_USAGE,
               "%s '%s': a share is at most 1 (100%%)", name, text);
    return FW_OK;
}

/* ---- what follows ---- */

double fw_quantity_at(struct fw_quantity q, double z)
{
    double end = z > 0 ? q.high / q.mid : q.mid / q.low;
    return q.mid * pow(end, z / FW_INTERVAL_Z);
}

/* Adds the step of one end, to the side it goes. */
static void add_step(double step, double *up, double *down)
{
    if (step > 0)
        *up += step * step;
    else
        *down += step * step;
}

struct fw_quantity fw_propagate(fw_formula *f, const void *ctx, const struct fw_quantity *inputs,
                                uint32_t n, double *x)
{
    for (uint32_t i = 0; i < n; i++)
        x[i] = inputs[i].mid;
    double mid = f(ctx, x);
    double up = 0, down = 0;
    for (uint32_t i = 0; i < n && mid > 0; i++) {
        if (fw_quantity_is_exact(inputs[i]))
            continue;
        x[i] = inputs[i].low;
        double at_low = log(f(ctx, x) / mid);
        x[i] = inputs[i].high;
        double at_high = log(f(ctx, x) / mid);
        x[i] = inputs[i].mid;
        add_step(at_low, &up, &down);
        add_step(at_high, &up, &down);
    }
    if (up == 0 && down == 0)
        return fw_quantity_exact(mid);
    return (struct fw_quantity){mid, mid * exp(-sqrt(down)), mid * exp(sqrt(up))};
}
