/* Drawing charts; see chart.h. From top to bottom: title, legend, title of the upright axis, the
 * plot, numbers and title of the level axis. */
#include "report/chart.h"

#include "report/svg.h"
#include "report/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 760,
    PLOT = 290, // height of the plot
    LEFT = 96,
    RIGHT = 40,
    HEAD = 50, // base line of the first line under the title
    LINE = 27, // from line to line
    FOOT = 72,
    SAMPLE = 34 // of a line in the legend
};

struct drawing {
    const struct fw_chart *c;
    struct fw_str *out;
    struct fw_ticks x, y;
    double top, bottom; // of the plot
    uint32_t left_out;  // points that cannot be shown
};

static bool shows(const struct fw_chart *c, const struct fw_point *p)
{
    return fw_axis_shows(&c->x, p->x) && fw_axis_shows(&c->y, p->y);
}

static double px(const struct drawing *d, double v)
{
    return LEFT + fw_axis_place(&d->x, v) * (WIDTH - LEFT - RIGHT);
}

static double py(const struct drawing *d, double v)
{
    return d->bottom - fw_axis_place(&d->y, v) * (d->bottom - d->top);
}

/* ---- legend ---- */

/* A mark of the series' own shape around a point. */
static void draw_mark(struct fw_str *out, uint32_t series, double x, double y)
{
    static const char *const shapes[] = {"m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
                                         "m-3.5 -3.5h7v7h-7Z", "m0 -5l4.7 8.5h-9.4Z",
                                         "m0 -5l5 5l-5 5l-5 -5Z"};
    fw_str_addf(out, "<path class=\"f%u\"", series % FW_SVG_COLORS);
    fw_svg_number(out, " d=\"M", x);
    fw_svg_number(out, " ", y);
    fw_str_add(out, shapes[series % (sizeof shapes / sizeof *shapes)]);
    fw_str_add(out, "\"/>\n");
}

static void draw_sample(const struct drawing *d, uint32_t i, double x, double y)
{
    enum fw_series_kind kind = d->c->series[i].kind;
    if (kind != FW_SERIES_SCATTER) {
        fw_str_addf(d->out, "<path class=\"curve s%u%s\"", i % FW_SVG_COLORS,
                    kind == FW_SERIES_DASHED ? " dashed" : "");
        fw_svg_number(d->out, " d=\"M", x);
        fw_svg_number(d->out, " ", y);
        fw_str_addf(d->out, "h%d\"/>\n", SAMPLE);
    }
    if (kind == FW_SERIES_LINE || kind == FW_SERIES_SCATTER)
        draw_mark(d->out, i, x + SAMPLE / 2.0, y);
}

/* Draws the entries, or only measures where draw is false; gives the base line of the last line, of
 * the title where there is no entry. */
static double legend(const struct drawing *d, bool draw)
{
    double x = LEFT, y = HEAD - LINE;
    for (uint32_t i = 0; i < d->c->n_series; i++) {
        const char *name = d->c->series[i].name;
        if (name == NULL)
            continue;
        double wide = SAMPLE + 30 + fw_svg_text_narrow(fw_text_columns(name, strlen(name)));
        if (y < HEAD || x + wide > WIDTH) {
            x = LEFT;
            y += LINE;
        }
        if (draw) {
            draw_sample(d, i, x, y - 5);
            fw_svg_text(d->out, "tick", "start", x + SAMPLE + 8, y, name);
        }
        x += wide;
    }
    return y;
}

/* ---- axes ---- */

static const char *number_class(const struct fw_ticks *t, unsigned i)
{
    return i % t->every_narrow == 0 ? "tick" : "tick wide";
}

static void draw_axes(const struct drawing *d)
{
    struct fw_str text;
    fw_str_init(&text, d->out->alloc);
    for (unsigned i = 0; i < d->y.n; i++) {
        double y = py(d, d->y.at[i]);
        fw_svg_line(d->out, "grid", LEFT, y, WIDTH - RIGHT, y);
        if (i % d->y.every != 0)
            continue;
        fw_str_reset(&text);
        fw_tick_print(&d->c->y, d->y.at[i], &text);
        fw_svg_text(d->out, number_class(&d->y, i), "end", LEFT - 8, y + 5, fw_str_text(&text));
    }
    for (unsigned i = 0; i < d->x.n; i++) {
        double x = px(d, d->x.at[i]);
        fw_svg_line(d->out, "grid", x, d->top, x, d->bottom + 6);
        if (i % d->x.every != 0)
            continue;
        fw_str_reset(&text);
        fw_tick_print(&d->c->x, d->x.at[i], &text);
        fw_svg_text(d->out, number_class(&d->x, i), "middle", x, d->bottom + 25,
                    fw_str_text(&text));
    }
    d->out->failed |= text.failed;
    fw_str_free(&text);
    fw_svg_text(d->out, "axis", "start", 16, d->top - 17, d->c->y.title);
    fw_svg_text(d->out, "axis", "middle", (LEFT + WIDTH - RIGHT) / 2.0, d->bottom + 54,
                d->c->x.title);
}

/* ---- series ---- */

/* Joined where neighbours can be shown, broken where one cannot. */
static void draw_curve(const struct drawing *d, uint32_t i)
{
    const struct fw_series *s = &d->c->series[i];
    bool joined = false;
    fw_str_addf(d->out, "<path class=\"curve s%u%s\" d=\"", i % FW_SVG_COLORS,
                s->kind == FW_SERIES_DASHED ? " dashed" : "");
    for (uint32_t k = 0; k < s->n; k++) {
        const struct fw_point *p = &s->points[k];
        if (!shows(d->c, p)) {
            joined = false;
            continue;
        }
        if (joined && s->kind == FW_SERIES_STEP) {
            fw_svg_number(d->out, "H", px(d, p->x));
            fw_svg_number(d->out, "V", py(d, p->y));
        } else {
            fw_svg_number(d->out, joined ? "L" : "M", px(d, p->x));
            fw_svg_number(d->out, " ", py(d, p->y));
        }
        joined = true;
    }
    fw_str_add(d->out, "\"/>\n");
}

static void draw_tooltip(const struct drawing *d, const struct fw_series *s,
                         const struct fw_point *p)
{
    const char *label = p->label != NULL ? p->label : s->name != NULL ? s->name : "";
    fw_svg_number(d->out, "<circle class=\"hit\" r=\"9\" cx=\"", px(d, p->x));
    fw_svg_number(d->out, "\" cy=\"", py(d, p->y));
    fw_str_add(d->out, "\"><title>");
    fw_xml_text(d->out, label);
    fw_str_add(d->out, *label ? ": " : "");
    fw_tick_print(&d->c->x, p->x, d->out);
    fw_str_add(d->out, ", ");
    fw_tick_print(&d->c->y, p->y, d->out);
    fw_str_add(d->out, "</title></circle>\n");
}

static void draw_series(const struct drawing *d, uint32_t i)
{
    const struct fw_series *s = &d->c->series[i];
    if (s->kind != FW_SERIES_SCATTER)
        draw_curve(d, i);
    bool marked = s->kind == FW_SERIES_LINE || s->kind == FW_SERIES_SCATTER;
    for (uint32_t k = 0; k < s->n && s->kind != FW_SERIES_DASHED; k++) {
        if (!shows(d->c, &s->points[k]))
            continue;
        if (marked)
            draw_mark(d->out, i, px(d, s->points[k].x), py(d, s->points[k].y));
        draw_tooltip(d, s, &s->points[k]);
    }
}

/* ---- the whole ---- */

struct extent {
    double least, most;
};

static void widen(struct extent *e, double v)
{
    e->least = fmin(e->least, v);
    e->most = fmax(e->most, v);
}

static enum fw_status fit(struct drawing *d, struct fw_error *err)
{
    struct extent x = {INFINITY, -INFINITY}, y = x;
    for (uint32_t i = 0; i < d->c->n_series; i++)
        for (uint32_t k = 0; k < d->c->series[i].n; k++) {
            const struct fw_point *p = &d->c->series[i].points[k];
            if (!shows(d->c, p)) {
                d->left_out++;
                continue;
            }
            widen(&x, p->x);
            widen(&y, p->y);
        }
    FW_REQUIRE(x.least <= x.most, err, FW_UNSUPPORTED,
               "a chart needs at least one point that its axes can show, found none");
    const struct fw_alloc *alloc = d->out->alloc;
    fw_axis_fit(&d->x, &d->c->x, x.least, x.most, WIDTH - LEFT - RIGHT, false, alloc);
    fw_axis_fit(&d->y, &d->c->y, y.least, y.most, PLOT, true, alloc);
    return FW_OK;
}

enum fw_status fw_chart_draw(const struct fw_chart *chart, struct fw_str *out, struct fw_error *err)
{
    struct drawing d = {.c = chart, .out = out};
    FW_TRY(fit(&d, err));
    d.top = legend(&d, false) + LINE + 16;
    d.bottom = d.top + PLOT;
    int note = d.left_out > 0 ? LINE : 0;
    fw_svg_start(out, WIDTH, (int)(d.bottom + FOOT + note), chart->title);
    (void)legend(&d, true);
    draw_axes(&d);
    for (uint32_t i = chart->n_series; i-- > 0;) // the first lies on top
        draw_series(&d, i);
    if (note > 0) {
        char text[96];
        (void)snprintf(text, sizeof text, "outside of what the axes can show: %u of the points",
                       d.left_out);
        fw_svg_text(out, "axis", "start", 16, d.bottom + 54 + LINE, text);
    }
    fw_svg_end(out);
    return FW_OK;
}

enum fw_status fw_chart_picture(const void *chart, struct fw_str *out, struct fw_error *err)
{
    return fw_chart_draw(chart, out, err);
}
