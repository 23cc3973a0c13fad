/* Drawing fields; see field_picture.h. From top to bottom: title, what the colours are, then the
 * input as an area, or a strip for each axis. */
#include "report/field_picture.h"

#include "report/axis.h"
#include "report/svg.h"
#include "report/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
    WIDTH = 760,
    LEFT = 96,
    RIGHT = 40,
    LINE = 27,
    TOP = 172,
    AREA = 440,
    STRIP = 128,
    FOOT = 72
};

/* Along one axis: the element in the middle, its neighbour, and the scale. */
struct view {
    const struct fw_picture_axis *axis;
    int64_t unit, next; // positions of the output
    double size;        // of the input
    double lo, hi;      // of the unit's field: edges, in positions of the input
    double next_lo, next_hi;
    struct fw_axis scale;
    struct fw_ticks ticks;
};

struct drawing {
    const struct fw_field_picture *p;
    struct fw_str *out;
    struct view views[FW_PICTURE_AXES];
};

/* ---- where things are ---- */

static void span(const struct view *v, int64_t unit, double *lo, double *hi)
{
    int64_t first, last;
    *lo = 0;
    *hi = v->size;
    if (!fw_field_span(&v->axis->field, unit, &first, &last))
        return;
    *lo = (double)first;
    *hi = (double)last + 1;
}

static enum fw_status look(struct view *v, const struct fw_picture_axis *axis, struct fw_error *err)
{
    FW_REQUIRE(fw_dim_is_const(axis->size) && fw_dim_is_const(axis->outputs), err, FW_UNSUPPORTED,
               "a picture wants numbers, sizes are left open: --batch, --seq and --set give them "
               "values");
    *v = (struct view){.axis = axis, .size = (double)axis->size.word};
    v->unit = axis->outputs.word > 0 ? (axis->outputs.word - 1) / 2 : 0;
    v->next = v->unit + 1 < axis->outputs.word ? v->unit + 1 : v->unit;
    span(v, v->unit, &v->lo, &v->hi);
    span(v, v->next, &v->next_lo, &v->next_hi);
    v->scale.given = true;
    v->scale.from = fmin(0, v->lo);
    v->scale.to = fmax(v->size, fmax(v->hi, v->next_hi));
    return FW_OK;
}

/* ---- pieces ---- */

static void box(struct fw_str *out, const char *class, double x, double y, double w, double h)
{
    fw_str_addf(out, "<rect class=\"%s\"", class);
    fw_svg_number(out, " x=\"", x);
    fw_svg_number(out, "\" y=\"", y);
    fw_svg_number(out, "\" width=\"", w);
    fw_svg_number(out, "\" height=\"", h);
    fw_str_add(out, "\"/>\n");
}

/* "212 x 212" of what each axis gives, or "3, 3". */
static void sizes(const struct drawing *d, struct fw_str *text, const char *between,
                  int64_t (*of)(const struct view *v))
{
    for (unsigned k = 0; k < d->p->n; k++)
        fw_str_addf(text, "%s%" PRId64, k > 0 ? between : "", of(&d->views[k]));
}

static int64_t input_size(const struct view *v)
{
    return v->axis->size.word;
}
static int64_t output_size(const struct view *v)
{
    return v->axis->outputs.word;
}
static int64_t unit_of(const struct view *v)
{
    return v->unit;
}
static int64_t field_size(const struct view *v)
{
    return (int64_t)(v->hi - v->lo);
}
static int64_t step_of(const struct view *v)
{
    return (int64_t)(v->next_lo - v->lo);
}

static void legend(const struct drawing *d)
{
    static const char *const classes[] = {"input", "unit", "next"};
    for (unsigned i = 0; i < 3; i++) {
        struct fw_str text;
        fw_str_init(&text, d->out->alloc);
        if (i == 0) {
            fw_str_add(&text, "input ");
            sizes(d, &text, " x ", input_size);
        } else if (i == 1) {
            fw_str_add(&text, "field of unit (");
            sizes(d, &text, ", ", unit_of);
            fw_str_add(&text, ") of ");
            sizes(d, &text, " x ", output_size);
            fw_str_add(&text, ": ");
            sizes(d, &text, " x ", field_size);
        } else {
            fw_str_add(&text, "its neighbour, ");
            sizes(d, &text, " x ", step_of);
            fw_str_add(&text, " further on");
        }
        double y = 54 + i * LINE;
        box(d->out, classes[i], 16, y - 13, 30, 16);
        fw_svg_text(d->out, "tick", "start", 56, y, fw_str_text(&text));
        d->out->failed |= text.failed;
        fw_str_free(&text);
    }
}

/* Numbers along an axis, at right angles to it where `upright`. */
static void numbers(const struct drawing *d, const struct view *v, double from, double length,
                    double across, bool upright)
{
    for (unsigned i = 0; i < v->ticks.n; i++) {
        struct fw_str text;
        if (i % v->ticks.every != 0)
            continue;
        fw_str_init(&text, d->out->alloc);
        fw_tick_print(&v->scale, v->ticks.at[i], &text);
        double at = from + fw_axis_place(&v->ticks, v->ticks.at[i]) * length;
        const char *class = i % v->ticks.every_narrow == 0 ? "tick" : "tick wide";
        if (upright) {
            fw_svg_line(d->out, "grid", across - 6, at, across, at);
            fw_svg_text(d->out, class, "end", across - 9, at + 5, fw_str_text(&text));
        } else {
            fw_svg_line(d->out, "grid", at, across, at, across + 6);
            fw_svg_text(d->out, class, "middle", at, across + 25, fw_str_text(&text));
        }
        d->out->failed |= text.failed;
        fw_str_free(&text);
    }
}

static void axis_title(const struct drawing *d, const char *anchor, double x, double y,
                       unsigned dim)
{
    char text[64];
    (void)snprintf(text, sizeof text, "dimension %u of the input (positions)", dim);
    fw_svg_text(d->out, "axis", anchor, x, y, text);
}

/* ---- the two ways ---- */

static double along(const struct view *v, double from, double length, double at)
{
    return from + fw_axis_place(&v->ticks, at) * length;
}

static void rectangle(const struct drawing *d, const char *class, double width, double height,
                      const double x[2], const double y[2])
{
    const struct view *down = &d->views[0], *across = &d->views[1];
    double left = along(across, LEFT, width, x[0]), right = along(across, LEFT, width, x[1]);
    double top = along(down, TOP, height, y[0]), bottom = along(down, TOP, height, y[1]);
    box(d->out, class, left, top, right - left, bottom - top);
}

/* Two axes: the first runs down, the second across, at one scale. */
static void area(struct drawing *d)
{
    struct view *down = &d->views[0], *across = &d->views[1];
    double tall = down->scale.to - down->scale.from, wide = across->scale.to - across->scale.from;
    double unit = fmin((WIDTH - LEFT - RIGHT) / wide, AREA / tall);
    double width = wide * unit, height = tall * unit;
    const struct fw_alloc *alloc = d->out->alloc;
    fw_axis_fit(&across->ticks, &across->scale, 0, 0, width, false, alloc);
    fw_axis_fit(&down->ticks, &down->scale, 0, 0, height, true, alloc);
    rectangle(d, "input", width, height, (double[]){0, across->size}, (double[]){0, down->size});
    rectangle(d, "unit", width, height, (double[]){across->lo, across->hi},
              (double[]){down->lo, down->hi});
    rectangle(d, "next", width, height, (double[]){across->next_lo, across->next_hi},
              (double[]){down->next_lo, down->next_hi});
    numbers(d, across, LEFT, width, TOP + height, false);
    numbers(d, down, TOP, height, LEFT, true);
    axis_title(d, "start", 16, TOP - 16, down->axis->dim);
    axis_title(d, "start", LEFT, TOP + height + 54, across->axis->dim);
}

static void strips(struct drawing *d)
{
    for (unsigned k = 0; k < d->p->n; k++) {
        struct view *v = &d->views[k];
        double top = TOP - 20 + (double)k * STRIP, width = WIDTH - LEFT - RIGHT;
        fw_axis_fit(&v->ticks, &v->scale, 0, 0, width, false, d->out->alloc);
        const double edges[3][2] = {{0, v->size}, {v->lo, v->hi}, {v->next_lo, v->next_hi}};
        static const char *const classes[] = {"input", "unit", "next"};
        for (unsigned i = 0; i < 3; i++) {
            double left = along(v, LEFT, width, edges[i][0]);
            double right = along(v, LEFT, width, edges[i][1]);
            box(d->out, classes[i], left, top + (i == 0 ? 0 : 8), right - left, i == 0 ? 44 : 28);
        }
        numbers(d, v, LEFT, width, top + 44, false);
        axis_title(d, "start", LEFT, top - 8, v->axis->dim);
    }
}

static int height_of(const struct drawing *d)
{
    if (d->p->n != 2)
        return TOP - 20 + (int)d->p->n * STRIP;
    const struct view *down = &d->views[0], *across = &d->views[1];
    double tall = down->scale.to - down->scale.from, wide = across->scale.to - across->scale.from;
    return (int)(TOP + tall * fmin((WIDTH - LEFT - RIGHT) / wide, AREA / tall)) + FOOT;
}

enum fw_status fw_field_draw(const void *picture, struct fw_str *out, struct fw_error *err)
{
    struct drawing d = {.p = picture, .out = out};
    char title[96];
    FW_REQUIRE(d.p->n > 0, err, FW_UNSUPPORTED, "a picture needs an axis of the input, found none");
    for (unsigned k = 0; k < d.p->n; k++)
        FW_TRY(look(&d.views[k], &d.p->axes[k], err));
    (void)snprintf(title, sizeof title, "Receptive field of %.40s", d.p->name);
    fw_svg_start(out, WIDTH, height_of(&d), title);
    fw_str_add(out, "<style>svg.fw .input{fill:#4e79a7;fill-opacity:.25;stroke:#4e79a7}"
                    "svg.fw .unit{fill:#f28e2b;fill-opacity:.45;stroke:#f28e2b}"
                    "svg.fw .next{fill:none;stroke:#e15759;stroke-width:2;"
                    "stroke-dasharray:7 5}</style>\n");
    legend(&d);
    if (d.p->n == 2)
        area(&d);
    else
        strips(&d);
    fw_svg_end(out);
    return FW_OK;
}
