/* Charts: ticks are round and do not touch, points stand where the axes say. */
#include "report/chart.h"

#include "report/svg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void want_ticks(const struct fw_axis *axis, double least, double most, double length,
                       const char *want)
{
    struct fw_ticks ticks;
    struct fw_str text;
    fw_str_init(&text, &fw_alloc_default);
    fw_axis_fit(&ticks, axis, least, most, length, false, &fw_alloc_default);
    for (unsigned i = 0; i < ticks.n; i++) {
        if (i % ticks.every != 0)
            continue;
        fw_str_add(&text, text.len > 0 ? " | " : "");
        fw_tick_print(axis, ticks.at[i], &text);
        fw_str_add(&text, i % ticks.every_narrow != 0 ? " wide" : "");
    }
    assert_string_equal(fw_str_text(&text), want);
    fw_str_free(&text);
}

void test_chart__ticks(void **state)
{
    (void)state;
    struct fw_axis axis = {.scale = FW_SCALE_LINEAR};
    want_ticks(&axis, 1.0087, 2.0009, 600, "1 | 1.2 | 1.4 | 1.6 | 1.8 | 2 | 2.2");
    want_ticks(&axis, 0, 100, 600, "0 | 20 | 40 | 60 | 80 | 100");
    want_ticks(&axis, 2008, 2025, 600, "2005 | 2010 | 2015 | 2020 | 2025");
    want_ticks(&axis, -0.3, 0.3, 900, "-0.3 | -0.2 | -0.1 | 0 | 0.1 | 0.2 | 0.3");
    want_ticks(&axis, 5, 5, 600, "2 | 3 | 4 | 5 | 6 | 7 | 8");
    want_ticks(&axis, 0, 0, 600, "-1 | -0.5 | 0 | 0.5 | 1");
    axis.given = true;
    axis.from = 1;
    axis.to = 3;
    want_ticks(&axis, 1.7, 1.9, 900, "1 | 1.5 | 2 | 2.5 | 3");
}

void test_chart__ticks_of_scales_and_units(void **state)
{
    (void)state;
    struct fw_axis axis = {.scale = FW_SCALE_LOG2};
    want_ticks(&axis, 1, 1024, 600,
               "1 | 2 wide | 4 | 8 wide | 16 | 32 wide | 64 | 128 wide | 256 | 512 wide | 1024");
    want_ticks(&axis, 3, 5, 600, "2 | 4 | 8");
    axis.scale = FW_SCALE_LOG10;
    want_ticks(&axis, 1, 50, 900, "1 | 2 | 5 | 10 | 20 | 50 | 100");
    want_ticks(&axis, 7e16, 5e25, 300,
               "10^16 | 10^18 wide | 10^20 | 10^22 wide | 10^24 | 10^26 wide");
    axis.scale = FW_SCALE_LINEAR;
    axis.unit = FW_UNIT_BYTES;
    want_ticks(&axis, 0, 100.0 * 1024 * 1024, 900,
               "0 B | 16 MiB | 32 MiB | 48 MiB | 64 MiB | 80 MiB | 96 MiB | 112 MiB");
    axis.unit = FW_UNIT_SHARE;
    want_ticks(&axis, 0, 1, 600, "0 % | 20 % | 40 % | 60 % | 80 % | 100 %");
    axis.unit = FW_UNIT_FLOP;
    want_ticks(&axis, 0, 2.4e9, 900, "0 | 500 M | 1 G | 1.5 G | 2 G | 2.5 G");
}

/* Numbers of one line of text neither touch nor leave the picture, at either size. */
static void check_row(const char *svg, const char *anchor, double em, bool narrow)
{
    double before = -1e9;
    char want[64];
    (void)snprintf(want, sizeof want, "text-anchor=\"%s\" x=\"", anchor);
    unsigned n = 0;
    for (const char *p = svg; (p = strstr(p, "<text class=\"tick")) != NULL; p++) {
        bool wide = strncmp(p + 17, " wide", 5) == 0;
        const char *at = strstr(p, want);
        if (at == NULL || at > strchr(p, '>') || (narrow && wide))
            continue;
        double x = strtod(at + strlen(want), NULL);
        const char *text = strchr(p, '>') + 1;
        double half = (double)(strchr(text, '<') - text) * em * 0.58 / 2;
        assert_true(x - half > before);
        before = x + half;
        assert_true(before < 760);
        n++;
    }
    assert_true(n >= 2);
}

void test_chart__numbers_do_not_touch(void **state)
{
    (void)state;
    static const double most[] = {3, 17, 128, 1024, 65536, 1e6, 1e9};
    for (unsigned k = 0; k < sizeof most / sizeof *most; k++)
        for (unsigned scale = FW_SCALE_LINEAR; scale <= FW_SCALE_LOG10; scale++) {
            struct fw_point points[] = {{1, 1, NULL}, {most[k], 2, NULL}};
            struct fw_series series = {"s", FW_SERIES_LINE, 2, points};
            struct fw_chart chart = {.title = "t",
                                     .x = {.title = "x", .scale = (enum fw_scale)scale},
                                     .y = {.title = "y"},
                                     .n_series = 1,
                                     .series = &series};
            struct fw_str svg;
            struct fw_error err;
            fw_str_init(&svg, &fw_alloc_default);
            assert_int_equal(fw_chart_draw(&chart, &svg, &err), FW_OK);
            check_row(fw_str_text(&svg), "middle", FW_SVG_EM, false);
            check_row(fw_str_text(&svg), "middle", FW_SVG_EM_NARROW, true);
            fw_str_free(&svg);
        }
}

/* The plot is 624 wide from 96 on: 1, 2, 4 of a logarithm to the base 2 stand 312 apart. */
void test_chart__points(void **state)
{
    (void)state;
    struct fw_point points[] = {{1, 0, "a<b"}, {2, 1, NULL}, {0, 1, NULL}, {4, 0.5, NULL}};
    struct fw_series series[] = {{"first", FW_SERIES_STEP, 4, points},
                                 {"limit", FW_SERIES_DASHED, 1, points}};
    struct fw_chart chart = {.title = "Title & more",
                             .x = {.title = "size", .scale = FW_SCALE_LOG2},
                             .y = {.title = "value", .given = true, .to = 1},
                             .n_series = 2,
                             .series = series};
    struct fw_str svg;
    struct fw_error err;
    fw_str_init(&svg, &fw_alloc_default);
    assert_int_equal(fw_chart_draw(&chart, &svg, &err), FW_OK);
    const char *text = fw_str_text(&svg);
    assert_non_null(strstr(text, "Title &#38; more</text>"));
    assert_non_null(strstr(text, "d=\"M96.0 383.0H408.0V93.0M720.0 238.0\""));
    assert_non_null(strstr(text, "<title>a&#60;b: 1, 0</title>"));
    assert_non_null(strstr(text, "outside of what the axes can show: 1 of the points"));
    fw_str_free(&svg);
    chart.n_series = 0;
    assert_int_equal(fw_chart_draw(&chart, &svg, &err), FW_UNSUPPORTED);
    assert_int_equal(svg.len, 0);
    fw_str_free(&svg);
}
