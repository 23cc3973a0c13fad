/* The memory timeline as an area chart: what is there all the time in bands at the bottom, what
 * comes and goes on top; tooltips name the step. */
#include "report/axis.h"
#include "report/report.h"
#include "report/svg.h"
#include "report/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 760,
    HEIGHT = 474,
    LEFT = 112,
    RIGHT = 24,
    TOP = 140,
    BOTTOM = 78,
    MAX_POINTS = 800
};

/* The area that is drawn into, and its scale. */
struct chart {
    const struct fw_timeline *t;
    struct fw_str *out;
    uint32_t n;   // points: steps, or groups of steps of which the fullest is drawn
    double fixed; // bytes that are there all the time
    double top;   // bytes at the upper edge
};

bool fw_timeline_is_known(const struct fw_timeline *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (!fw_count_is_const(t->live[i]))
            return false;
    for (uint32_t i = 0; i < t->n_fixed; i++)
        if (!fw_count_is_const(t->fixed[i].bytes))
            return false;
    return true;
}

static double px(const struct chart *c, double point)
{
    return LEFT + point / c->n * (WIDTH - LEFT - RIGHT);
}

static double py(const struct chart *c, double bytes)
{
    return HEIGHT - BOTTOM - bytes / c->top * (HEIGHT - TOP - BOTTOM);
}

static uint32_t first_step(const struct chart *c, uint32_t point)
{
    return (uint32_t)((uint64_t)point * c->t->n / c->n);
}

/* The fullest step of a point. */
static uint32_t fullest(const struct chart *c, uint32_t point)
{
    uint32_t best = first_step(c, point);
    for (uint32_t i = best; i < first_step(c, point + 1); i++)
        if (c->t->live[i].word > c->t->live[best].word)
            best = i;
    return best;
}

static void draw_axes(const struct chart *c)
{
    const struct fw_axis axis = {
        .title = "bytes", .unit = FW_UNIT_BYTES, .given = true, .to = c->top};
    struct fw_ticks ticks;
    fw_axis_fit(&ticks, &axis, 0, c->top, HEIGHT - TOP - BOTTOM, true, c->out->alloc);
    for (unsigned i = 0; i < ticks.n; i++) {
        struct fw_str text;
        fw_str_init(&text, c->out->alloc);
        fw_tick_print(&axis, ticks.at[i], &text);
        double y = py(c, ticks.at[i]);
        fw_svg_line(c->out, "grid", LEFT, y, WIDTH - RIGHT, y);
        fw_svg_text(c->out, i % ticks.every_narrow == 0 ? "tick" : "tick wide", "end", LEFT - 8,
                    y + 5, fw_str_text(&text));
        c->out->failed |= text.failed;
        fw_str_free(&text);
    }
    char text[64];
    (void)snprintf(text, sizeof text, "step of the schedule (%u in all)", c->t->n);
    fw_svg_text(c->out, "axis", "middle", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, text);
    fw_svg_text(c->out, "axis", "start", 16, TOP - 14, axis.title);
}

static void draw_band(const struct chart *c, unsigned color, double from, double to)
{
    fw_str_addf(c->out, "<path class=\"f%u\" d=\"M", color);
    fw_svg_number(c->out, "", px(c, 0));
    fw_svg_number(c->out, " ", py(c, from));
    fw_svg_number(c->out, "V", py(c, to));
    fw_svg_number(c->out, "H", px(c, c->n));
    fw_svg_number(c->out, "V", py(c, from));
    fw_str_add(c->out, "Z\"/>\n");
}

static void draw_live(const struct chart *c, unsigned color)
{
    fw_str_addf(c->out, "<path class=\"f%u\" d=\"M", color);
    fw_svg_number(c->out, "", px(c, 0));
    fw_svg_number(c->out, " ", py(c, c->fixed));
    for (uint32_t i = 0; i < c->n; i++) {
        fw_svg_number(c->out, "V", py(c, c->fixed + (double)c->t->live[fullest(c, i)].word));
        fw_svg_number(c->out, "H", px(c, i + 1));
    }
    fw_svg_number(c->out, "V", py(c, c->fixed));
    fw_str_add(c->out, "Z\"/>\n");
}

static void draw_tooltips(const struct chart *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t step = fullest(c, i);
        const char *phase = "";
        const char *label = c->t->label(c->t, step, &phase);
        fw_svg_number(c->out, "<rect class=\"hit\" x=\"", px(c, i));
        fw_svg_number(c->out, "\" width=\"", px(c, i + 1) - px(c, i));
        fw_str_addf(c->out, "\" y=\"%d\" height=\"%d\"><title>step %u, %s: ", TOP,
                    HEIGHT - TOP - BOTTOM, step, phase);
        fw_xml_text(c->out, label);
        fw_str_add(c->out, ", ");
        double bytes = c->fixed + (double)c->t->live[step].word;
        fw_human_print(bytes, FW_UNIT_BYTES, c->out);
        fw_str_add(c->out, "</title></rect>\n");
    }
}

/* Where a phase begins, with its name where there is room for it. */
static void draw_phases(const struct chart *c)
{
    const char *before = "";
    double free_from = LEFT;
    for (uint32_t i = 0; i < c->n; i++) {
        const char *phase = "";
        (void)c->t->label(c->t, first_step(c, i), &phase);
        double x = px(c, i);
        double wide = fw_svg_text_narrow(strlen(phase) + 1);
        if (strcmp(phase, before) != 0 && x >= free_from && x + wide < WIDTH) {
            fw_svg_line(c->out, "mark", x, TOP, x, HEIGHT - BOTTOM + 24);
            fw_svg_text(c->out, "tick", "start", x + 4, HEIGHT - BOTTOM + 22, phase);
            free_from = x + wide;
        }
        before = phase;
    }
}

static void draw_legend(const struct chart *c)
{
    double x = LEFT, y = 60;
    for (uint32_t i = 0; i <= c->t->n_fixed; i++) {
        const char *name = i < c->t->n_fixed ? c->t->fixed[i].name : "activations and temporaries";
        uint32_t color = i < c->t->n_fixed ? i : 4;
        if (i < c->t->n_fixed && c->t->fixed[i].bytes.word == 0)
            continue;
        double wide = 46 + fw_svg_text_narrow(strlen(name));
        if (x + wide > WIDTH) {
            x = LEFT;
            y += 28;
        }
        fw_str_addf(c->out, "<rect class=\"f%u\" width=\"14\" height=\"14\"", color);
        fw_svg_number(c->out, " y=\"", y - 13);
        fw_svg_number(c->out, "\" x=\"", x);
        fw_str_add(c->out, "\"/>");
        fw_svg_text(c->out, "tick", "start", x + 20, y, name);
        x += wide;
    }
}

static void draw(const struct chart *c)
{
    fw_svg_start(c->out, WIDTH, HEIGHT, c->t->title);
    draw_axes(c);
    double at = 0;
    for (uint32_t i = 0; i < c->t->n_fixed; i++) {
        double bytes = (double)c->t->fixed[i].bytes.word;
        draw_band(c, i, at, at + bytes);
        at += bytes;
    }
    draw_live(c, 4);
    draw_phases(c);
    draw_legend(c);
    draw_tooltips(c);
    fw_svg_end(c->out);
}

enum fw_status fw_timeline_draw(const void *timeline, struct fw_str *out, struct fw_error *err)
{
    const struct fw_timeline *t = timeline;
    FW_REQUIRE(t->n > 0, err, FW_UNSUPPORTED, "a picture needs at least one step, found none");
    FW_REQUIRE(fw_timeline_is_known(t), err, FW_UNSUPPORTED,
               "a picture wants numbers, sizes are left open: --batch, --seq and --set give them "
               "values");
    struct chart c = {.t = t, .out = out, .n = t->n < MAX_POINTS ? t->n : MAX_POINTS};
    for (uint32_t i = 0; i < t->n_fixed; i++)
        c.fixed += (double)t->fixed[i].bytes.word;
    for (uint32_t i = 0; i < t->n; i++)
        c.top = fmax(c.top, c.fixed + (double)t->live[i].word);
    c.top = c.top > 0 ? c.top * 1.04 : 1;
    draw(&c);
    return FW_OK;
}
