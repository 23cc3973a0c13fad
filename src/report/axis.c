/* Round ticks for linear and logarithmic axes; see axis.h. */
#include "report/axis.h"

#include "report/report.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

enum { MOST_STEPS = 8, DIGITS = 6 };

bool fw_axis_shows(const struct fw_axis *axis, double v)
{
    return isfinite(v) && (axis->scale == FW_SCALE_LINEAR || v > 0) &&
           (!axis->given || (v >= axis->from && v <= axis->to));
}

/* The least round step (1, 2, 5 times a power of ten; for bytes a power of two) of which at most
 * MOST_STEPS make the span. */
static double round_step(double span, enum fw_unit unit)
{
    double least = span / MOST_STEPS;
    if (unit == FW_UNIT_BYTES)
        return fmax(1, exp2(ceil(log2(least))));
    double unit_step = pow(10, floor(log10(least)));
    static const double steps[] = {1, 2, 5};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] * unit_step >= least * (1 - 1e-9))
            return steps[i] * unit_step;
    return 10 * unit_step;
}

static void fit_linear(struct fw_ticks *t, const struct fw_axis *axis, double least, double most)
{
    if (most <= least) { // one value: some room around it
        double room = least == 0 ? 1 : fabs(least) / 2;
        least -= room;
        most += room;
    }
    double step = round_step(most - least, axis->unit);
    t->from = axis->given ? least : floor(least / step + 1e-9) * step;
    t->to = axis->given ? most : ceil(most / step - 1e-9) * step;
    double first = ceil(t->from / step - 1e-9) + 0.0; // no -0
    double last = floor(t->to / step + 1e-9);
    // NOLINTNEXTLINE(cert-flp30-c): whole numbers, far below 2^53
    for (double k = first; k <= last && t->n < FW_MAX_TICKS; k++)
        t->at[t->n++] = k * step + 0.0;
}

/* Powers of the base, of which so many are passed over that the rest fits the list; with less than
 * two decades 2 and 5 times the powers of ten as well. */
static void fit_log(struct fw_ticks *t, const struct fw_axis *axis, double least, double most)
{
    double base = axis->scale == FW_SCALE_LOG2 ? 2 : 10;
    double low = floor(log2(least) / log2(base) + 1e-9);
    double high = ceil(log2(most) / log2(base) - 1e-9);
    high = high > low ? high : low + 1;
    bool fine = base == 10 && high - low <= 2;
    static const double parts[] = {1, 2, 5};
    t->from = axis->given ? least : pow(base, low);
    t->to = axis->given ? most : pow(base, high);
    double skip = ceil((high - low + 1) / FW_MAX_TICKS);
    // NOLINTNEXTLINE(cert-flp30-c): whole numbers, far below 2^53
    for (double k = low; k <= high; k += skip)
        for (unsigned i = 0; i < (fine ? 3 : 1); i++) {
            double v = pow(base, k) * parts[i];
            if (v >= t->from * (1 - 1e-9) && v <= t->to * (1 + 1e-9) && t->n < FW_MAX_TICKS)
                t->at[t->n++] = v;
        }
}

double fw_axis_place(const struct fw_ticks *t, double v)
{
    if (t->scale == FW_SCALE_LINEAR)
        return (v - t->from) / (t->to - t->from);
    return log2(v / t->from) / log2(t->to / t->from);
}

/* ---- numbers ---- */

/* "2.00 k" -> "2 k", "1.50" -> "1.5" */
static void drop_zeros(const char *text, struct fw_str *out)
{
    const char *dot = strchr(text, '.');
    size_t whole = strcspn(text, " ");
    size_t keep = whole;
    if (dot != NULL) {
        while (text[keep - 1] == '0')
            keep--;
        keep -= text[keep - 1] == '.';
    }
    fw_str_addn(out, text, keep);
    fw_str_add(out, text + whole);
}

/* v as a power of the base of a logarithmic scale; false where it is none. */
static bool is_power(enum fw_scale scale, double v, int *ret)
{
    if (scale == FW_SCALE_LINEAR || v <= 0)
        return false;
    double base = scale == FW_SCALE_LOG2 ? 2 : 10;
    *ret = (int)round(log2(v) / log2(base));
    return fabs(v / pow(base, *ret) - 1) < 1e-9;
}

void fw_tick_print(const struct fw_axis *axis, double v, struct fw_str *out)
{
    bool scaled = axis->unit == FW_UNIT_COUNT || axis->unit == FW_UNIT_FLOP;
    bool large = fabs(v) >= 1e6;
    int power;
    if (axis->unit == FW_UNIT_SHARE || axis->unit == FW_UNIT_CHANGE) {
        fw_str_add_double(out, 100 * v, DIGITS);
        fw_str_add(out, " %");
    } else if ((large || v < 1e-3) && axis->unit != FW_UNIT_BYTES &&
               is_power(axis->scale, v, &power)) {
        fw_str_addf(out, axis->scale == FW_SCALE_LOG2 ? "2^%d" : "10^%d", power);
    } else if (axis->unit == FW_UNIT_BYTES || large || (scaled && fabs(v) >= 1000)) {
        struct fw_str text;
        fw_str_init(&text, out->alloc);
        fw_human_print(v, axis->unit, &text);
        drop_zeros(fw_str_text(&text), out);
        out->failed |= text.failed;
        fw_str_free(&text);
    } else {
        fw_str_add_double(out, v, DIGITS);
    }
}

/* How many ticks share a number so that numbers do not touch, `size` being what one takes. */
static unsigned spread(double size, double distance)
{
    double n = ceil(size / distance - 1e-9);
    return n > 1 ? (unsigned)n : 1;
}

static void choose_numbers(struct fw_ticks *t, const struct fw_axis *axis, double length,
                           bool upright, const struct fw_alloc *alloc)
{
    double distance = length;
    size_t longest = 1;
    for (unsigned i = 0; i < t->n; i++) {
        struct fw_str text;
        fw_str_init(&text, alloc);
        fw_tick_print(axis, t->at[i], &text);
        longest = text.len > longest ? text.len : longest;
        fw_str_free(&text);
        double place = fw_axis_place(t, t->at[i]);
        if (i > 0)
            distance = fmin(distance, (place - fw_axis_place(t, t->at[i - 1])) * length);
    }
    double wide = upright ? 1.5 * FW_SVG_EM : fw_svg_text_wide(longest + 2);
    double narrow = upright ? 1.5 * FW_SVG_EM_NARROW : fw_svg_text_narrow(longest + 2);
    t->every = spread(wide, distance);
    unsigned more = spread(narrow, distance);
    t->every_narrow = (more + t->every - 1) / t->every * t->every;
}

void fw_axis_fit(struct fw_ticks *ret, const struct fw_axis *axis, double least, double most,
                 double length, bool upright, const struct fw_alloc *alloc)
{
    *ret = (struct fw_ticks){.scale = axis->scale};
    if (axis->given) {
        least = axis->from;
        most = axis->to;
    }
    if (axis->scale == FW_SCALE_LINEAR)
        fit_linear(ret, axis, least, most);
    else
        fit_log(ret, axis, least, most);
    choose_numbers(ret, axis, length, upright, alloc);
}
