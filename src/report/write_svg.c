/* The memory timeline as an area chart: what is there all the time in bands at the bottom, what
 * comes and goes on top; tooltips name the step. */
#include "report/writer.h"

#include <math.h>
#include <string.h>

enum {
    WIDTH = 960,
    HEIGHT = 440,
    LEFT = 92,
    RIGHT = 24,
    TOP = 84,
    BOTTOM = 64,
    MAX_POINTS = 800,
    MAX_TICKS = 8,
    PHASE_TEXT = 9 // columns of a character at the size of phase names
};

/* The area that is drawn into, and its scale. */
struct chart {
    const struct fw_report *r;
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

static bool can(const struct fw_report *r)
{
    return r->timeline != NULL;
}

static double px(const struct chart *c, double point)
{
    return LEFT + point / c->n * (WIDTH - LEFT - RIGHT);
}

static double py(const struct chart *c, double bytes)
{
    return HEIGHT - BOTTOM - bytes / c->top * (HEIGHT - TOP - BOTTOM);
}

/* A coordinate: one decimal, no locale. */
static void put(struct fw_str *out, const char *before, double v)
{
    long tenths = lround(v * 10);
    fw_str_addf(out, "%s%ld.%ld", before, tenths / 10, tenths % 10);
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

/* A round number of units such that at most MAX_TICKS of them reach the top. */
static double tick_size(double top)
{
    double unit = 1;
    while (unit * 1024 <= top)
        unit *= 1024;
    static const double steps[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,  2,
                                   4,    8,    16,   32,  64,  128, 256};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
        if (top / (unit * steps[i]) <= MAX_TICKS)
            return unit * steps[i];
    return unit * 512;
}

static void draw_axes(const struct chart *c)
{
    double size = tick_size(c->top);
    for (unsigned k = 0; k * size <= c->top; k++) {
        double v = k * size;
        put(c->out, "<line class=\"grid\" x1=\"92\" x2=\"936\" y1=\"", py(c, v));
        put(c->out, "\" y2=\"", py(c, v));
        put(c->out, "\"/>\n<text class=\"tick\" text-anchor=\"end\" x=\"84\" y=\"", py(c, v) + 4);
        fw_str_add(c->out, "\">");
        if (v > 0)
            fw_human_print(v, FW_UNIT_BYTES, c->out);
        else
            fw_str_add(c->out, "0");
        fw_str_add(c->out, "</text>\n");
    }
    fw_str_addf(
        c->out,
        "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">step of the schedule "
        "(%u in all)</text>\n",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, c->t->n);
    fw_str_addf(c->out,
                "<text class=\"label\" transform=\"translate(18 %d) rotate(-90)\" "
                "text-anchor=\"middle\">bytes</text>\n",
                (TOP + HEIGHT - BOTTOM) / 2);
}

static void draw_band(const struct chart *c, unsigned color, double from, double to)
{
    fw_str_addf(c->out, "<path class=\"c%u\" d=\"M", color);
    put(c->out, "", px(c, 0));
    put(c->out, " ", py(c, from));
    put(c->out, "V", py(c, to));
    put(c->out, "H", px(c, c->n));
    put(c->out, "V", py(c, from));
    fw_str_add(c->out, "Z\"/>\n");
}

static void draw_live(const struct chart *c, unsigned color)
{
    fw_str_addf(c->out, "<path class=\"c%u\" d=\"M", color);
    put(c->out, "", px(c, 0));
    put(c->out, " ", py(c, c->fixed));
    for (uint32_t i = 0; i < c->n; i++) {
        put(c->out, "V", py(c, c->fixed + (double)c->t->live[fullest(c, i)].word));
        put(c->out, "H", px(c, i + 1));
    }
    put(c->out, "V", py(c, c->fixed));
    fw_str_add(c->out, "Z\"/>\n");
}

static void draw_tooltips(const struct chart *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t step = fullest(c, i);
        const char *phase = "";
        const char *label = c->t->label(c->t, step, &phase);
        put(c->out, "<rect class=\"hit\" x=\"", px(c, i));
        put(c->out, "\" width=\"", px(c, i + 1) - px(c, i));
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
        double wide = (double)strlen(phase) * PHASE_TEXT;
        if (strcmp(phase, before) != 0 && x >= free_from && x + wide < WIDTH) {
            put(c->out, "<line class=\"phase\" x1=\"", x);
            put(c->out, "\" x2=\"", x);
            fw_str_addf(c->out, "\" y1=\"%d\" y2=\"%d\"/>\n", TOP, HEIGHT - BOTTOM + 20);
            put(c->out, "<text class=\"tick\" x=\"", x + 3);
            fw_str_addf(c->out, "\" y=\"%d\">%s</text>\n", HEIGHT - BOTTOM + 18, phase);
            free_from = x + wide;
        }
        before = phase;
    }
}

static void draw_legend(const struct chart *c)
{
    double x = LEFT;
    for (uint32_t i = 0; i <= c->t->n_fixed; i++) {
        const char *name = i < c->t->n_fixed ? c->t->fixed[i].name : "activations and temporaries";
        uint32_t color = i < c->t->n_fixed ? i : 4;
        if (i < c->t->n_fixed && c->t->fixed[i].bytes.word == 0)
            continue;
        fw_str_addf(c->out, "<rect class=\"c%u\" y=\"46\" width=\"12\" height=\"12\"", color);
        put(c->out, " x=\"", x);
        put(c->out, "\"/><text class=\"tick\" y=\"57\" x=\"", x + 18);
        fw_str_addf(c->out, "\">%s</text>\n", name);
        x += 40 + (double)strlen(name) * 7.5;
    }
}

static void draw(const struct chart *c)
{
    fw_str_addf(c->out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
                "height=\"%d\" role=\"img\">\n<style>\n"
                "text{font-family:system-ui,sans-serif;fill:#1c2026}"
                ".title{font-size:16px;font-weight:600}"
                ".label{font-size:13px}.tick{font-size:12px}"
                ".grid{stroke:#5b6470;stroke-opacity:.25}"
                ".phase{stroke:#5b6470;stroke-dasharray:3 3}"
                ".hit{fill:#000;fill-opacity:0}.hit:hover{fill-opacity:.12}"
                ".c0{fill:#4e79a7}.c1{fill:#f28e2b}.c2{fill:#b07aa1}.c3{fill:#59a14f}"
                ".c4{fill:#76b7b2}\n"
                "@media (prefers-color-scheme:dark){text{fill:#e4e7eb}"
                ".hit{fill:#fff}.back{fill:#15181c}}\n"
                ".back{fill-opacity:0}\n</style>\n"
                "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n<text class=\"title\" "
                "x=\"%d\" y=\"26\">",
                WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
    fw_xml_text(c->out, c->t->title);
    fw_str_add(c->out, "</text>\n");
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
    fw_str_add(c->out, "</svg>\n");
}

enum fw_status fw_svg_timeline(const struct fw_report *r, struct fw_out *out, struct fw_error *err)
{
    const struct fw_timeline *t = r->timeline;
    FW_REQUIRE(t->n > 0, err, FW_UNSUPPORTED, "a picture needs at least one step, found none");
    FW_REQUIRE(fw_timeline_is_known(t), err, FW_UNSUPPORTED,
               "a picture wants numbers, sizes are left open: --batch, --seq and --set give them "
               "values");
    struct chart c = {
        .r = r, .t = t, .out = &out->text, .n = t->n < MAX_POINTS ? t->n : MAX_POINTS};
    for (uint32_t i = 0; i < t->n_fixed; i++)
        c.fixed += (double)t->fixed[i].bytes.word;
    for (uint32_t i = 0; i < t->n; i++)
        c.top = fmax(c.top, c.fixed + (double)t->live[i].word);
    c.top = c.top > 0 ? c.top * 1.04 : 1;
    draw(&c);
    return FW_OK;
}

static enum fw_status write(const struct fw_report *r, const struct fw_style *style,
                            struct fw_out *out, struct fw_error *err)
{
    (void)style;
    return fw_svg_timeline(r, out, err);
}

const struct fw_writer fw_writer_svg = {.name = "svg", .can = can, .write = write};
