/* What pictures share: the frame of an SVG document, text, and numbers that no locale touches.
 *
 * A picture scales with the space it is given. Below FW_SVG_NARROW pixels its text is set larger
 * (FW_SVG_EM_NARROW instead of FW_SVG_EM units) so that it stays readable, and what has the class
 * "wide" is left out; layouts reckon with the larger text. */
#ifndef FW_REPORT_SVG_H
#define FW_REPORT_SVG_H

#include "base/str.h"

enum { FW_SVG_EM = 13, FW_SVG_EM_NARROW = 20, FW_SVG_NARROW = 560, FW_SVG_COLORS = 8 };

/* Units that n characters take at the size of narrow pictures, and of wide ones. */
static inline double fw_svg_text_narrow(size_t n)
{
    return (double)n * FW_SVG_EM_NARROW * 0.58;
}
static inline double fw_svg_text_wide(size_t n)
{
    return (double)n * FW_SVG_EM * 0.58;
}

/* Classes: "title", "axis", "tick"; "grid" and "mark" for lines; "hit" for what shows a tooltip;
 * "f0".."f7" fill and "s0".."s7" stroke with a colour of the palette. */
void fw_svg_start(struct fw_str *out, int width, int height, const char *title);
void fw_svg_end(struct fw_str *out);
/* before, then v with one decimal. */
void fw_svg_number(struct fw_str *out, const char *before, double v);
/* A number raised to a power ("10^21") is set as one. anchor: "start", "middle" or "end"; class is
 * "tick" or "tick wide" or the like. */
void fw_svg_text(struct fw_str *out, const char *class, const char *anchor, double x, double y,
                 const char *text);
void fw_svg_line(struct fw_str *out, const char *class, double x1, double y1, double x2, double y2);

#endif
