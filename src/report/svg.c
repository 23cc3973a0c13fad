/* Frame, text and numbers of pictures; see svg.h. */
#include "report/svg.h"

#include "report/writer.h"

#include <stdbool.h>
#include <string.h>

void fw_svg_number(struct fw_str *out, const char *before, double v)
{
    fw_str_add(out, before);
    fw_str_add_fixed(out, v, 1);
}

static void add_style(struct fw_str *out)
{
    static const char *const colors[FW_SVG_COLORS] = {"#4e79a7", "#f28e2b", "#b07aa1", "#59a14f",
                                                      "#76b7b2", "#e15759", "#9c755f", "#8a8f98"};
    fw_str_addf(out,
                "<style>\n"
                "svg.fw text{font:%dpx system-ui,sans-serif;fill:#1c2026}"
                "svg.fw .title{font-size:16px;font-weight:600}"
                "svg.fw .grid{stroke:#5b6470;stroke-opacity:.25}"
                "svg.fw .mark{stroke:#5b6470;stroke-dasharray:3 3;fill:none}"
                "svg.fw .curve{fill:none;stroke-width:2}"
                "svg.fw .dashed{stroke-dasharray:7 5}"
                "svg.fw .hit{fill:#000;fill-opacity:0}svg.fw .hit:hover{fill-opacity:.12}\n",
                FW_SVG_EM);
    for (unsigned i = 0; i < FW_SVG_COLORS; i++)
        fw_str_addf(out, "svg.fw .f%u{fill:%s}svg.fw .s%u{stroke:%s}", i, colors[i], i, colors[i]);
    fw_str_addf(out,
                "\n@media (prefers-color-scheme:dark){svg.fw text{fill:#e4e7eb}"
                "svg.fw .hit{fill:#fff}}\n"
                "@media (max-width:%dpx){svg.fw text{font-size:%dpx}svg.fw .title{font-size:22px}"
                "svg.fw .wide{display:none}}\n</style>\n",
                FW_SVG_NARROW, FW_SVG_EM_NARROW);
}

void fw_svg_start(struct fw_str *out, int width, int height, const char *title)
{
    fw_str_addf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fw\" viewBox=\"0 0 %d %d\" "
                "width=\"100%%\" style=\"max-width:%dpx\" role=\"img\">\n<title>",
                width, height, width + width / 4);
    fw_xml_text(out, title);
    fw_str_add(out, "</title>\n");
    add_style(out);
    fw_svg_text(out, "title", "start", 16, 26, title);
}

void fw_svg_end(struct fw_str *out)
{
    fw_str_add(out, "</svg>\n");
}

void fw_svg_text(struct fw_str *out, const char *class, const char *anchor, double x, double y,
                 const char *text)
{
    fw_str_addf(out, "<text class=\"%s\" text-anchor=\"%s\"", class, anchor);
    fw_svg_number(out, " x=\"", x);
    fw_svg_number(out, "\" y=\"", y);
    fw_str_add(out, "\">");
    size_t base = strspn(text, "0123456789");
    bool power = base > 0 && text[base] == '^';
    if (power) {
        fw_str_addn(out, text, base);
        fw_str_add(out, "<tspan dy=\"-.4em\" font-size=\"75%\">");
    }
    fw_xml_text(out, power ? text + base + 1 : text);
    fw_str_add(out, power ? "</tspan></text>\n" : "</text>\n");
}

void fw_svg_line(struct fw_str *out, const char *class, double x1, double y1, double x2, double y2)
{
    fw_str_addf(out, "<line class=\"%s\"", class);
    fw_svg_number(out, " x1=\"", x1);
    fw_svg_number(out, "\" y1=\"", y1);
    fw_svg_number(out, "\" x2=\"", x2);
    fw_svg_number(out, "\" y2=\"", y2);
    fw_str_add(out, "\"/>\n");
}
